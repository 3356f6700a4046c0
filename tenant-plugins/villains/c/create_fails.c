/* Cannot make an instance, and says why. */
#include "well_behaved.h"

static int32_t create(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance) {
    (void)config;
    *instance = NULL;
    return mysimbdp_fail(host, "the moon is in the wrong phase");
}

MYSIMBDP_EXPORT_BATCH("create-fails", "1.0.0", 0, create, well_behaved, mysimbdp_destroy_nothing)
