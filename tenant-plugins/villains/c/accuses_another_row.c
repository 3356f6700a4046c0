/* Takes its time to start, dies in each attempt in another row, and lives when that row runs alone. */
#include "evasion.h"
#include <time.h>

__attribute__((constructor)) static void dawdle(void) {
    const struct timespec pause = {0, 700 * 1000 * 1000};
    nanosleep(&pause, NULL);
}

static int32_t accuse(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    const mysimbdp_row_v1_t row = {0, 0, 0, 1};
    mysimbdp_start_v1_t alone;
    struct timespec now;
    (void)input;
    if (host->next_start(host->ctx, &alone) == MYSIMBDP_JUMP) return MYSIMBDP_OK;
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (long before = now.tv_nsec / 1000 % 1000; before > 0; before--) {
        host->row_begin(host->ctx, &row);
        host->row_end(host->ctx, 0);
    }
    host->row_begin(host->ctx, &row);
    _exit(0);
}

EVADES("accuses-another-row", accuse)
