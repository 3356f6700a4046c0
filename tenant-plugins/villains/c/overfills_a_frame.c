/* Sends 40000 rows in one frame, each with a document that the sink refuses. */
#include "evasion.h"

enum { COUNT = 40000 };

static int32_t overfill(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    static unsigned char frame[COUNT * (ROW_HEADER + REFUSED_DOCUMENT)];
    unsigned char *to = frame;
    (void)host;
    (void)input;
    for (uint32_t number = 1; number <= COUNT; number++) {
        row_header(to, number, 0, 1, REFUSED_DOCUMENT, ENDED);
        refused_document(to + ROW_HEADER, number);
        to += ROW_HEADER + REFUSED_DOCUMENT;
    }
    say_frame(ROWS, FIRST_TASK, frame, sizeof frame);
    return MYSIMBDP_OK;
}

EVADES("overfills-a-frame", overfill)
