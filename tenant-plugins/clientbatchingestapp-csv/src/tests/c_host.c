/* A host for the app in C: runs it on the file it is given and prints its documents in hex and the numbers of rejected rows. */
#include "mysimbdp_plugin.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

extern const mysimbdp_plugin_v1_t mysimbdp_plugin_v1;

static uint64_t number;

static int32_t emit(void *ctx, mysimbdp_bytes_t document) {
    size_t index;
    (void)ctx;
    printf("document ");
    for (index = 0; index < document.len; index++) {
        printf("%02x", ((const unsigned char *)document.ptr)[index]);
    }
    printf("\n");
    return MYSIMBDP_OK;
}

static int32_t row_begin(void *ctx, const mysimbdp_row_v1_t *row) {
    (void)ctx;
    (void)row;
    number += 1;
    return MYSIMBDP_OK;
}

static int32_t row_end(void *ctx, uint64_t end) {
    (void)ctx;
    (void)end;
    return MYSIMBDP_OK;
}

static int32_t row_reject(void *ctx, mysimbdp_bytes_t reason) {
    (void)ctx;
    printf("rejected %lu %.*s\n", (unsigned long)number, (int)reason.len, (const char *)reason.ptr);
    return MYSIMBDP_OK;
}

static int32_t next_start(void *ctx, mysimbdp_start_v1_t *start) {
    (void)ctx;
    (void)start;
    return MYSIMBDP_OK;
}

static void write_log(void *ctx, uint32_t level, mysimbdp_bytes_t message) {
    (void)ctx;
    (void)level;
    (void)message;
}

static int32_t progress(void *ctx, uint64_t position) {
    (void)ctx;
    (void)position;
    return MYSIMBDP_OK;
}

static void fail(void *ctx, mysimbdp_bytes_t reason) {
    (void)ctx;
    printf("failed %.*s\n", (int)reason.len, (const char *)reason.ptr);
}

static mysimbdp_bytes_t last_error(void *ctx) {
    (void)ctx;
    return mysimbdp_text("");
}

int main(int argc, char **argv) {
    const mysimbdp_host_v1_t host = {sizeof(mysimbdp_host_v1_t), NULL, emit, row_begin, row_end, row_reject, next_start,
                                     write_log, progress, fail, last_error};
    mysimbdp_input_v1_t input;
    struct stat about;
    input.name = mysimbdp_text("trips.csv");
    input.fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    if (input.fd < 0 || fstat(input.fd, &about) != 0) {
        return 2;
    }
    input.size = (uint64_t)about.st_size;
    return mysimbdp_plugin_v1.batch->ingest(NULL, &host, &input) == MYSIMBDP_OK ? 0 : 1;
}
