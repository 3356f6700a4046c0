/* Its constructor costs the kernel 40 MiB of page tables under a name that is no UTF-8: it reads one page of each 2 MiB of
   a mapping that cannot be written, which is no data to RLIMIT_DATA and no anonymous memory. */
#include "well_behaved.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

__attribute__((constructor)) static void arrive(void) {
    size_t tables = 10000;
    volatile char *at = mmap(NULL, tables << 21, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) exit(1);
    madvise((void *)at, tables << 21, MADV_NOHUGEPAGE);
    prctl(PR_SET_NAME, "\xff\xfe", 0, 0, 0);
    for (size_t table = 0; table < tables; table++) (void)at[table << 21];
    for (;;) sleep(1);
}

WELL_BEHAVED("constructor-hoards-page-tables")
