/* Takes every 64 KiB of its file for a row and rejects it, so that a letter quotes each of them. */
#include "evasion.h"

static int32_t reject(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    mysimbdp_row_v1_t row = {0, 0, 0, 0};
    while (row.end < input->size) {
        row.start = row.end;
        row.end += 64 * 1024;
        if (row.end > input->size) row.end = input->size;
        host->row_begin(host->ctx, &row);
        mysimbdp_row_reject(host, "x");
        host->row_end(host->ctx, 0);
    }
    return MYSIMBDP_OK;
}

EVADES("rejects-large-rows", reject)
