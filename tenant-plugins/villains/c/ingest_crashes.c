/* Dies before its first row, every time. */
#include "mysimbdp_plugin.h"

static int32_t ingest(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    (void)instance;
    (void)host;
    *(volatile int *)8 = (int)input->size;
    return MYSIMBDP_OK;
}

MYSIMBDP_EXPORT_BATCH("ingest-crashes", "1.0.0", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)
