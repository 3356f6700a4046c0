/* Keeps the host busy with word of no progress, so that it never finds the time to look at a clock. */
#include "evasion.h"

static int32_t talk(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    (void)host;
    (void)input;
    chatter();
    return MYSIMBDP_OK;
}

EVADES("talks-without-end", talk)
