/* Needs a library that is nowhere: linked against a stub of that name. */
#include "well_behaved.h"

extern int function_of_nobody(void);

static int32_t create(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance) {
    (void)host;
    (void)config;
    *instance = NULL;
    return function_of_nobody();
}

MYSIMBDP_EXPORT_BATCH("needs-a-library", "1.0.0", 0, create, well_behaved, mysimbdp_destroy_nothing)
