/* Dies in its first row; when that runs alone it lives for ever, and says so without end. */
#include "evasion.h"

static int32_t linger(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    const mysimbdp_row_v1_t first = {1, 0, 1, 1};
    mysimbdp_start_v1_t alone;
    (void)input;
    if (host->next_start(host->ctx, &alone) == MYSIMBDP_JUMP) chatter();
    host->row_begin(host->ctx, &first);
    _exit(0);
}

EVADES("talks-when-alone", linger)
