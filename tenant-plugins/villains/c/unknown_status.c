/* Answers a status that does not exist. */
#include "mysimbdp_plugin.h"

static int32_t ingest(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    (void)instance;
    (void)host;
    (void)input;
    return 4711;
}

MYSIMBDP_EXPORT_BATCH("unknown-status", "1.0.0", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)
