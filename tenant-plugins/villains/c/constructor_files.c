/* Its constructor reads /etc/passwd and writes a file. Where either works it dies of SIGABRT, so that a test sees it. */
#include "well_behaved.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

__attribute__((constructor)) static void arrive(void) {
    if (open("/etc/passwd", O_RDONLY) >= 0) abort();
    if (open("/tmp/mysimbdp-villain", O_CREAT | O_WRONLY, 0600) >= 0) abort();
    if (mkdir("/tmp/mysimbdp-villain-directory", 0700) == 0) abort();
    if (open("/proc/self/mem", O_RDWR) >= 0) abort();
}

WELL_BEHAVED("constructor-files")
