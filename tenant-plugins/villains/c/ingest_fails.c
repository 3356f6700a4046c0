/* Fails, and says why in words that would upset a terminal. */
#include "mysimbdp_plugin.h"

static int32_t ingest(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    (void)instance;
    (void)input;
    return mysimbdp_fail(host, "\033[2Jout of patience\033[31m\r\nand of \xff\xfe words");
}

MYSIMBDP_EXPORT_BATCH("ingest-fails", "1.0.0", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)
