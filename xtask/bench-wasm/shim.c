/*
 * The host's side of an app in C that is compiled to WebAssembly: the same table of functions that a worker hands to a
 * native app, over two functions that the benchmark imports into the module.
 *
 * It gives WebAssembly its best: rows begin and end inside the module (a host can read its memory after a trap, so no
 * call is needed for that), and the documents of a row cross together, when the row ends.
 */
#include "mysimbdp_plugin.h"

#include <stdlib.h>
#include <sys/types.h>

#define IMPORT(name) __attribute__((import_module("mysimbdp"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

/* Takes finished documents out of this memory and checks them. 0 where they are valid. */
IMPORT("documents") int32_t mysimbdp_documents(const void *documents, uint32_t len);
/* Fills `into` from the data file; answers how many bytes it was. */
IMPORT("read") int32_t mysimbdp_read(void *into, uint32_t len, uint64_t offset);
/* Why the run fails. */
IMPORT("fail") void mysimbdp_failed(const void *reason, uint32_t len);

extern const mysimbdp_plugin_v1_t mysimbdp_plugin_v1;

static uint64_t rows_read, rows_rejected;
static uint8_t *pending;
static size_t pending_len, pending_capacity;

/* Stands before libc's own: the data file is the only one there is. */
ssize_t pread(int fd, void *into, size_t len, off_t offset) {
    (void)fd;
    return mysimbdp_read(into, (uint32_t)len, (uint64_t)offset);
}

static int32_t emit(void *ctx, mysimbdp_bytes_t document) {
    (void)ctx;
    if (pending_len + document.len > pending_capacity) {
        size_t capacity = (pending_len + document.len) * 2;
        uint8_t *larger = realloc(pending, capacity);
        if (larger == NULL) return MYSIMBDP_REFUSED;
        pending = larger;
        pending_capacity = capacity;
    }
    memcpy(pending + pending_len, document.ptr, document.len);
    pending_len += document.len;
    return MYSIMBDP_OK;
}

static int32_t row_begin(void *ctx, const mysimbdp_row_v1_t *row) {
    (void)ctx;
    (void)row;
    rows_read++;
    pending_len = 0;
    return MYSIMBDP_OK;
}

static int32_t row_end(void *ctx, uint64_t end) {
    size_t len = pending_len;
    (void)ctx;
    (void)end;
    pending_len = 0;
    return len != 0 && mysimbdp_documents(pending, (uint32_t)len) != 0 ? MYSIMBDP_STOP : MYSIMBDP_OK;
}

static int32_t row_reject(void *ctx, mysimbdp_bytes_t reason) {
    (void)ctx;
    (void)reason;
    rows_rejected++;
    pending_len = 0;
    return MYSIMBDP_OK;
}

static int32_t next_start(void *ctx, mysimbdp_start_v1_t *start) {
    (void)ctx;
    (void)start;
    return MYSIMBDP_OK;
}

static void log_line(void *ctx, uint32_t level, mysimbdp_bytes_t message) {
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
    mysimbdp_failed(reason.ptr, (uint32_t)reason.len);
}

static mysimbdp_bytes_t last_error(void *ctx) {
    (void)ctx;
    return mysimbdp_text("out of memory");
}

static const mysimbdp_host_v1_t host = {
    sizeof(mysimbdp_host_v1_t), NULL, emit, row_begin, row_end, row_reject, next_start, log_line, progress, fail, last_error,
};

/* Ingests the data file of `size` bytes; answers as `ingest` does. */
EXPORT("ingest") int32_t shim_ingest(uint64_t size) {
    const mysimbdp_batch_v1_t *batch = mysimbdp_plugin_v1.batch;
    mysimbdp_bytes_t no_config = {NULL, 0};
    mysimbdp_input_v1_t input;
    void *instance = NULL;
    int32_t status = batch->create(&host, no_config, &instance);
    if (status != MYSIMBDP_OK) return status;
    input.name = mysimbdp_text("data.csv");
    input.size = size;
    input.fd = 3;
    status = batch->ingest(instance, &host, &input);
    batch->destroy(instance);
    return status;
}

EXPORT("rows_read") uint64_t shim_rows_read(void) { return rows_read; }
EXPORT("rows_rejected") uint64_t shim_rows_rejected(void) { return rows_rejected; }
