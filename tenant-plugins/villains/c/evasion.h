/* What the villains of security/evasion.rs share: frames written by hand, and honest work on files named innocent... */
#ifndef EVASION_H
#define EVASION_H

#include "mysimbdp_bson.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 66, PROGRESS = 68, DONE = 69, FRAME_HEADER = 12, ROW_HEADER = 48, FIRST_TASK = 1 };
enum { ENDED = 0, REJECTED = 1 };

/* Writes to the worker's socket, whatever its number is. */
static inline void say(const void *bytes, size_t len) {
    struct stat kind;
    int wire = 0;
    while (wire < 64 && (fstat(wire, &kind) != 0 || !S_ISSOCK(kind.st_mode))) wire += 1;
    while (len > 0) {
        ssize_t written = write(wire, bytes, len);
        if (written < 0 && errno != EINTR) _exit(9);
        if (written > 0) {
            bytes = (const char *)bytes + written;
            len -= (size_t)written;
        }
    }
}

static inline void frame_header(unsigned char *to, uint8_t kind, uint32_t task, uint32_t len) {
    memset(to, 0, FRAME_HEADER);
    memcpy(to, &len, 4);
    to[4] = kind;
    memcpy(to + 8, &task, 4);
}

static inline void say_frame(uint8_t kind, uint32_t task, const void *payload, uint32_t len) {
    unsigned char header[FRAME_HEADER];
    frame_header(header, kind, task, len);
    say(header, sizeof header);
    say(payload, len);
}

/* A row from byte 0 to `end` with that many documents, which take `len` bytes after it. */
static inline void row_header(unsigned char *to, uint64_t number, uint64_t end, uint32_t documents, uint32_t len, uint8_t fate) {
    memset(to, 0, ROW_HEADER);
    memcpy(to, &number, 8);
    memcpy(to + 16, &end, 8);
    memcpy(to + 24, &number, 8);
    memcpy(to + 36, &documents, 4);
    memcpy(to + 40, &len, 4);
    to[44] = fate;
}

/* Seventeen bytes {_id: null} and something of their own: the sink stores the first and refuses every other one. */
enum { REFUSED_DOCUMENT = 17 };
static inline void refused_document(unsigned char *to, uint32_t number) {
    static const unsigned char bytes[REFUSED_DOCUMENT] = {REFUSED_DOCUMENT, 0, 0, 0, 0x0a, '_', 'i', 'd', 0, 0x10, 'a', 0};
    memcpy(to, bytes, sizeof bytes);
    memcpy(to + 12, &number, 4);
}

/* Says "nothing new" without end and faster than the host can listen. */
static inline void chatter(void) {
    static const char nothing_new[] = "{\"position\":0}";
    static unsigned char frames[64 * 1024];
    size_t len = 0;
    while (len + FRAME_HEADER + sizeof nothing_new <= sizeof frames) {
        frame_header(frames + len, PROGRESS, FIRST_TASK, sizeof nothing_new - 1);
        memcpy(frames + len + FRAME_HEADER, nothing_new, sizeof nothing_new - 1);
        len += FRAME_HEADER + sizeof nothing_new - 1;
    }
    for (;;) say(frames, len);
}

static inline int is_innocent(const mysimbdp_input_v1_t *input) {
    return input->name.len >= 8 && memcmp(input->name.ptr, "innocent", 8) == 0;
}

/* Each line becomes a document {line: ..}, in a row of its own. */
static inline int32_t work(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    mysimbdp_bson_t document;
    mysimbdp_row_v1_t row = {0, 0, 0, 1};
    char line[256], c;
    size_t len = 0;
    mysimbdp_bson_init(&document);
    while (pread(input->fd, &c, 1, (off_t)row.end) == 1) {
        row.end += 1;
        if (c != '\n') {
            if (len < sizeof line) line[len++] = c;
            continue;
        }
        if (host->row_begin(host->ctx, &row) == MYSIMBDP_OK) {
            mysimbdp_bson_begin(&document);
            mysimbdp_bson_string(&document, "line", mysimbdp_bytes(line, len));
            mysimbdp_bson_emit(&document, host);
            host->row_end(host->ctx, 0);
        }
        row.start = row.end;
        row.line += 1;
        len = 0;
    }
    mysimbdp_bson_free(&document);
    return MYSIMBDP_OK;
}

/* An app that works on innocent files and does `deed(host, input)` to all others. */
#define EVADES(name, deed)                                                                                              \
    static int32_t ingest(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {          \
        (void)instance;                                                                                                 \
        return is_innocent(input) ? work(host, input) : deed(host, input);                                              \
    }                                                                                                                   \
    MYSIMBDP_EXPORT_BATCH(name, "1.0.0", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)

#endif
