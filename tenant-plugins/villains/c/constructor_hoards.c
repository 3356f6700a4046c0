/* Its constructor takes 35 MiB, which the kernel lets pass where the limit is 32 MiB, and stays. */
#include "well_behaved.h"
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void arrive(void) {
    size_t length = 35u << 20;
    volatile char *hoard = malloc(length);
    if (hoard == NULL) exit(1);
    for (size_t at = 0; at < length; at += 4096) hoard[at] = 1;
    for (;;) sleep(1);
}

WELL_BEHAVED("constructor-hoards")
