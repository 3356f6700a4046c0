/* Needs a function of a C library that does not exist yet: linked against `glibc_of_the_future.c`. */
#include "well_behaved.h"

extern int function_of_the_future(void);

static int32_t create(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance) {
    (void)host;
    (void)config;
    *instance = NULL;
    return function_of_the_future();
}

MYSIMBDP_EXPORT_BATCH("glibc-too-new", "1.0.0", 0, create, well_behaved, mysimbdp_destroy_nothing)
