/* Reports no row at all fifty times a second, which looks like rows that end. */
#include "evasion.h"
#include <time.h>

static int32_t report(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    const struct timespec pause = {0, 20 * 1000 * 1000};
    (void)host;
    (void)input;
    for (;;) {
        say_frame(ROWS, FIRST_TASK, "", 0);
        nanosleep(&pause, NULL);
    }
    return MYSIMBDP_OK;
}

EVADES("reports-nothing", report)
