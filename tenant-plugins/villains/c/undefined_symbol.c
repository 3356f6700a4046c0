/* Needs a function that no library has. */
#include "well_behaved.h"

extern int function_that_nobody_wrote(void);

static int32_t create(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance) {
    (void)host;
    (void)config;
    *instance = NULL;
    return function_that_nobody_wrote();
}

MYSIMBDP_EXPORT_BATCH("undefined-symbol", "1.0.0", 0, create, well_behaved, mysimbdp_destroy_nothing)
