/* The rest of an app whose villainy lies in its constructor: it emits nothing and succeeds. */
#ifndef WELL_BEHAVED_H
#define WELL_BEHAVED_H

#include "mysimbdp_plugin.h"

static int32_t well_behaved(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    (void)instance;
    (void)host;
    (void)input;
    return MYSIMBDP_OK;
}

#define WELL_BEHAVED(name) MYSIMBDP_EXPORT_BATCH(name, "1.0.0", 0, mysimbdp_create_nothing, well_behaved, mysimbdp_destroy_nothing)

#endif
