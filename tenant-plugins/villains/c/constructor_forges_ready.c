/* Its constructor says "ready" in the worker's stead, under another's name, and leaves. */
#include "well_behaved.h"
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void arrive(void) {
    static const char ready[] =
        "{\"protocol\":1,\"features\":[],\"name\":\"somebody-else\",\"version\":\"9\",\"kinds\":[\"batch\"],"
        "\"rows_independent\":false,\"sandbox\":{\"landlock_abi\":6,\"seccomp\":true},\"start_micros\":1}";
    unsigned char header[12] = {sizeof ready - 1, 0, 0, 0, 64};
    header[0] = (sizeof ready - 1) & 0xff;
    header[1] = (sizeof ready - 1) >> 8;
    if (write(0, header, sizeof header) < 0) exit(1);
    if (write(0, ready, sizeof ready - 1) < 0) exit(1);
    exit(0);
}

WELL_BEHAVED("constructor-forges-ready")
