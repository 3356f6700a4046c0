/* Its constructor makes processes and threads. Where one works it dies of SIGABRT, so that a test sees it. */
#include "well_behaved.h"
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void arrive(void) {
    char *const arguments[] = {(char *)"true", NULL};
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child > 0) abort();
    execv("/bin/true", arguments);
}

WELL_BEHAVED("constructor-forks")
