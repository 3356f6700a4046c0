/* Rejects as many rows as its file has bytes, each of them empty and at byte 0. */
#include "evasion.h"

static int32_t reject(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    mysimbdp_row_v1_t row = {0, 0, 0, 1};
    for (uint64_t number = 1; number <= input->size; number++) {
        row.number = number;
        host->row_begin(host->ctx, &row);
        mysimbdp_row_reject(host, "x");
        host->row_end(host->ctx, 0);
    }
    return MYSIMBDP_OK;
}

EVADES("rejects-empty-rows", reject)
