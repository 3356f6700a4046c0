/* No villain, but naive: it reads its descriptor from where that stands, never seeks, and aborts at a line "die". */
#include "evasion.h"
#include <stdlib.h>

static int32_t ingest(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    mysimbdp_bson_t document;
    mysimbdp_start_v1_t start;
    mysimbdp_row_v1_t row = {0, 0, 0, 1};
    char line[256], c;
    size_t len = 0;
    uint64_t first = host->next_start(host->ctx, &start) == MYSIMBDP_JUMP ? start.number : 1;
    int jumped = first > 1;
    (void)instance;
    mysimbdp_log(host, MYSIMBDP_LOG_INFO, "the file stands at byte %ld", (long)lseek(input->fd, 0, SEEK_CUR));
    mysimbdp_bson_init(&document);
    while (read(input->fd, &c, 1) == 1) {
        row.end += 1;
        if (c != '\n') {
            if (len < sizeof line) line[len++] = c;
            continue;
        }
        row.number = row.line;
        if (row.number >= first && host->row_begin(host->ctx, &row) == MYSIMBDP_OK) {
            if (len == 3 && memcmp(line, "die", 3) == 0) abort();
            mysimbdp_bson_begin(&document);
            mysimbdp_bson_string(&document, "line", mysimbdp_bytes(line, len));
            mysimbdp_bson_emit(&document, host);
            host->row_end(host->ctx, 0);
            if (jumped) break;
        }
        row.start = row.end;
        row.line += 1;
        len = 0;
    }
    mysimbdp_bson_free(&document);
    return MYSIMBDP_OK;
}

MYSIMBDP_EXPORT_BATCH("reads-in-order", "1.0.0", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)
