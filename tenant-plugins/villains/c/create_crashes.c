/* Dies while it makes its instance: with no row open, so that no row may be blamed. */
#include "well_behaved.h"

static int32_t create(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance) {
    (void)host;
    (void)config;
    *instance = *(void *volatile *)8;
    return MYSIMBDP_OK;
}

MYSIMBDP_EXPORT_BATCH("create-crashes", "1.0.0", 0, create, well_behaved, mysimbdp_destroy_nothing)
