/* Sends 60000 rejected rows in one frame. */
#include "evasion.h"

enum { COUNT = 60000 };

static int32_t reject(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    static unsigned char frame[COUNT * ROW_HEADER];
    (void)host;
    (void)input;
    for (uint32_t number = 1; number <= COUNT; number++) {
        row_header(frame + (number - 1) * ROW_HEADER, number, 0, 0, 0, REJECTED);
    }
    say_frame(ROWS, FIRST_TASK, frame, sizeof frame);
    return MYSIMBDP_OK;
}

EVADES("rejects-in-one-frame", reject)
