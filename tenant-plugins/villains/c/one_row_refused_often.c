/* One row as long as the file, of whose 30000 documents the sink refuses all but one. */
#include "evasion.h"

enum { COUNT = 30000 };

static int32_t repeat(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    static unsigned char frame[ROW_HEADER + COUNT * REFUSED_DOCUMENT];
    (void)host;
    row_header(frame, 1, input->size, COUNT, sizeof frame - ROW_HEADER, ENDED);
    for (uint32_t number = 0; number < COUNT; number++) {
        refused_document(frame + ROW_HEADER + number * REFUSED_DOCUMENT, number);
    }
    say_frame(ROWS, FIRST_TASK, frame, sizeof frame);
    return MYSIMBDP_OK;
}

EVADES("one-row-refused-often", repeat)
