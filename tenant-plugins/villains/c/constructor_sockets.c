/* Its constructor opens sockets of every kind. Where one works it dies of SIGABRT, so that a test sees it. */
#include "well_behaved.h"
#include <stdlib.h>
#include <sys/socket.h>

__attribute__((constructor)) static void arrive(void) {
    int pair[2];
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0) abort();
    if (socket(AF_INET, SOCK_DGRAM, 0) >= 0) abort();
    if (socket(AF_INET6, SOCK_STREAM, 0) >= 0) abort();
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0) abort();
    if (socket(AF_NETLINK, SOCK_RAW, 0) >= 0) abort();
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) abort();
}

WELL_BEHAVED("constructor-sockets")
