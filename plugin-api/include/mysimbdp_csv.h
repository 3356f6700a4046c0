/*
 * mysimbdp_csv.h - the rows of a CSV file, one after another. Header only, C99 and C++11, POSIX pread.
 *
 *   static int32_t ingest(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
 *       static const char *const names[] = {"id", "fare"};
 *       size_t column[2];
 *       mysimbdp_csv_t csv;
 *       int32_t status = mysimbdp_csv_open(&csv, host, input, NULL);
 *       if (status == MYSIMBDP_OK) status = mysimbdp_csv_columns(&csv, names, 2, column);
 *       while (status == MYSIMBDP_OK && mysimbdp_csv_next(&csv)) {
 *           double fare;
 *           if (!mysimbdp_parse_double(mysimbdp_csv_field(&csv, column[1]), &fare))
 *               status = mysimbdp_csv_reject(&csv, "the fare is not a number");
 *           else
 *               status = ... emit ...
 *       }
 *       return mysimbdp_csv_close(&csv, status);
 *   }
 *
 * What it reads: RFC 4180 and what is found in the wild. A first line of column names; fields in quotes may hold delimiters,
 * newlines and doubled quotes; lines end with LF, CRLF or CR; a byte order mark is passed over; empty lines are no rows; the
 * last line needs no newline. Memory is bounded: one buffer as long as the longest row.
 *
 * What it does for the platform: it opens and closes each row with the host, so that a death names the row and a row's
 * documents leave together; it passes over the rows that the host does not want, and goes on where the host wants.
 * A row with more or fewer fields than the header, with a quote that is never closed, longer than `max_record`, or with
 * bytes that are no UTF-8 is rejected with its reason and never shown to the app.
 *
 * Licence: MIT OR Apache-2.0.
 */
#ifndef MYSIMBDP_CSV_H
#define MYSIMBDP_CSV_H

#include "mysimbdp_plugin.h"

#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GLIBC__) && !defined(__USE_UNIX98) && !defined(__USE_XOPEN2K8)
/* glibc hides it from a strict -std=c99 without feature test macros. */
extern ssize_t pread(int fd, void *buffer, size_t count, off_t offset);
#endif

/* Bytes that are read at once. */
#ifndef MYSIMBDP_CSV_CHUNK
#define MYSIMBDP_CSV_CHUNK ((size_t)64 * 1024)
#endif
/* Longest row by default: what the largest document could hold. */
#define MYSIMBDP_CSV_MAX_RECORD ((size_t)16 * 1024 * 1024)
/* "No such column". */
#define MYSIMBDP_CSV_NONE ((size_t)-1)

/* How the file is written. Start from MYSIMBDP_CSV_DEFAULTS and change what differs. */
typedef struct mysimbdp_csv_options_t {
    char delimiter;    /* Between fields: ','. */
    char quote;        /* Around fields: '"'. */
    int no_header;     /* The first line is a row already. */
    int allow_ragged;  /* Rows may have more or fewer fields than the header. */
    int any_bytes;     /* Fields need not be UTF-8. */
    size_t max_record; /* Longest row in bytes; a longer one is rejected. */
} mysimbdp_csv_options_t;

/* clang-format off */
#define MYSIMBDP_CSV_DEFAULTS {',', '"', 0, 0, 0, MYSIMBDP_CSV_MAX_RECORD}
/* clang-format on */

/* Where a field's content stands, relative to its record. */
typedef struct mysimbdp_csv_span_t {
    size_t start;
    size_t len;
} mysimbdp_csv_span_t;

/* A file that is being read. Apps may read `number`, `line`, `start`, `end` and `field_count` of the current row. */
typedef struct mysimbdp_csv_t {
    uint64_t number;    /* Number of the row in the file, from 1, the header not counted. */
    uint64_t line;      /* Line on which it starts, from 1, the header counted. */
    uint64_t start;     /* Offset of its first byte. */
    uint64_t end;       /* Offset past its last byte, the newline included. */
    size_t field_count; /* Number of its fields. */

    /* Private from here on. */
    const mysimbdp_host_v1_t *host;
    mysimbdp_csv_options_t options;
    int32_t fd;
    uint64_t size;             /* Of the file. */
    uint8_t *buffer;           /* `capacity` bytes and one for the sentinel. */
    size_t capacity;
    size_t filled;             /* Bytes of the buffer that hold file content. */
    size_t record;             /* Where the record in work begins in the buffer. */
    size_t next;               /* Where the record after it begins. */
    size_t at;                 /* The scan: next byte to look at, */
    size_t field;              /*   start of the field in work, */
    size_t kept;               /*   end of its content, which is moved together where quotes were doubled. */
    uint64_t base;             /* File offset of the buffer's first byte. */
    uint64_t next_line;        /* Line of the next byte. */
    uint64_t next_number;      /* Number of the next row. */
    mysimbdp_csv_span_t *fields;
    size_t field_capacity;
    uint8_t *header;           /* Copy of the header record. */
    mysimbdp_csv_span_t *names;
    size_t name_count;
    int asks;                  /* next_start is to be called before the next row. */
    int jumped;                /* The next row's number is the host's. */
    int open;                  /* A row is open with the host, rejected or not. */
    int rejected;              /* It was rejected. */
    int finished;              /* No more rows. */
    int too_long;              /* The record in work is longer than max_record; its content is dropped. */
    int unclosed;              /* The record in work ends inside quotes. */
    int failed;                /* The host was told a reason; close answers MYSIMBDP_ERROR. */
} mysimbdp_csv_t;

/* ---- Private: the buffer and one record ------------------------------------------------------------------------------ */

static inline int mysimbdp_csv_failed_(mysimbdp_csv_t *csv) {
    csv->failed = 1;
    csv->finished = 1;
    return -1;
}

/* Reads on behind `filled`, which is where the scan stands. 1: there is more; 0: end of file; -1: failed. The record may
 * move in the buffer, and the positions of the scan with it; when it has grown too long, its content is dropped. */
static inline int mysimbdp_csv_more_(mysimbdp_csv_t *csv) {
    uint64_t position = csv->base + csv->filled;
    size_t wanted = MYSIMBDP_CSV_CHUNK;
    ssize_t got;
    if (position >= csv->size) {
        return 0;
    }
    if (csv->filled - csv->record > csv->options.max_record) {
        csv->too_long = 1;
        csv->base = position;
        csv->filled = csv->record = csv->at = csv->field = csv->kept = 0;
    } else if (csv->record > 0) {
        memmove(csv->buffer, csv->buffer + csv->record, csv->filled - csv->record);
        csv->base += csv->record;
        csv->filled -= csv->record;
        csv->at -= csv->record;
        csv->field -= csv->record;
        csv->kept -= csv->record;
        csv->record = 0;
    }
    if (csv->capacity - csv->filled < MYSIMBDP_CSV_CHUNK) {
        size_t capacity = csv->capacity == 0 ? 2 * MYSIMBDP_CSV_CHUNK : csv->capacity * 2;
        uint8_t *buffer = (uint8_t *)realloc(csv->buffer, capacity + 1);
        if (buffer == NULL) {
            (void)mysimbdp_fail(csv->host, "out of memory for a row of more than %lu bytes", (unsigned long)csv->filled);
            return mysimbdp_csv_failed_(csv);
        }
        csv->buffer = buffer;
        csv->capacity = capacity;
    }
    if (wanted > csv->size - position) {
        wanted = (size_t)(csv->size - position);
    }
    do {
        got = pread(csv->fd, csv->buffer + csv->filled, wanted, (off_t)position);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        (void)mysimbdp_fail(csv->host, "reading at byte %lu: %s", (unsigned long)position, strerror(errno));
        return mysimbdp_csv_failed_(csv);
    }
    if (got == 0) {
        csv->size = position; /* The file has become shorter. */
    }
    csv->filled += (size_t)got;
    csv->buffer[csv->filled] = '\n'; /* Sentinel: a scan of unquoted bytes stops here at the latest. */
    return got > 0;
}

/* Ends the field in work. */
static inline int mysimbdp_csv_push_(mysimbdp_csv_t *csv) {
    if (csv->too_long) {
        return 0; /* Its content is gone; the row is going to be rejected. */
    }
    if (csv->field_count == csv->field_capacity) {
        size_t capacity = csv->field_capacity == 0 ? 64 : csv->field_capacity * 2;
        mysimbdp_csv_span_t *fields = (mysimbdp_csv_span_t *)realloc(csv->fields, capacity * sizeof *fields);
        if (fields == NULL) {
            (void)mysimbdp_fail(csv->host, "out of memory for a row of %lu fields", (unsigned long)csv->field_count);
            return mysimbdp_csv_failed_(csv);
        }
        csv->fields = fields;
        csv->field_capacity = capacity;
    }
    csv->fields[csv->field_count].start = csv->field - csv->record;
    csv->fields[csv->field_count].len = csv->kept - csv->field;
    csv->field_count += 1;
    return 0;
}

/* Moves `run` bytes of content before `at` to the end of what is kept. */
static inline void mysimbdp_csv_keep_(mysimbdp_csv_t *csv, size_t run) {
    size_t from = csv->at - run;
    if (csv->kept != from && run != 0) {
        memmove(csv->buffer + csv->kept, csv->buffer + from, run);
    }
    csv->kept += run;
}

/* The content of a field up to and with its closing quote; `at` stands behind the opening one. 0, or -1: failed. */
static inline int mysimbdp_csv_quoted_(mysimbdp_csv_t *csv) {
    const uint8_t quote = (uint8_t)csv->options.quote;
    for (;;) {
        size_t room = csv->filled - csv->at;
        const uint8_t *from = csv->buffer + csv->at;
        const uint8_t *found = (const uint8_t *)memchr(from, quote, room);
        const uint8_t *end = found == NULL ? from + room : found;
        const uint8_t *newline = from;
        int more = 1;
        while ((newline = (const uint8_t *)memchr(newline, '\n', (size_t)(end - newline))) != NULL) {
            csv->next_line += 1;
            newline += 1;
        }
        csv->at += (size_t)(end - from);
        mysimbdp_csv_keep_(csv, (size_t)(end - from));
        if (found == NULL) {
            more = mysimbdp_csv_more_(csv);
            if (more <= 0) {
                csv->unclosed = 1;
                return more;
            }
            continue;
        }
        csv->at += 1;
        if (csv->at == csv->filled) {
            more = mysimbdp_csv_more_(csv);
        }
        if (more <= 0 || csv->buffer[csv->at] != quote) {
            return more < 0 ? more : 0;
        }
        csv->buffer[csv->kept] = quote; /* Doubled: it stands for one. */
        csv->kept += 1;
        csv->at += 1;
    }
}

/* Content without quotes (or what stands behind a closing quote) up to a delimiter or newline. 0, or -1: failed. */
static inline int mysimbdp_csv_plain_(mysimbdp_csv_t *csv) {
    const uint8_t delimiter = (uint8_t)csv->options.delimiter;
    for (;;) {
        const uint8_t *from = csv->buffer + csv->at;
        const uint8_t *to = from;
        int more;
        while (*to != delimiter && *to != '\n' && *to != '\r') { /* The sentinel stops it. */
            to += 1;
        }
        csv->at += (size_t)(to - from);
        mysimbdp_csv_keep_(csv, (size_t)(to - from));
        if (csv->at != csv->filled) {
            return 0;
        }
        more = mysimbdp_csv_more_(csv);
        if (more <= 0) {
            return more;
        }
    }
}

/* Passes over empty lines and a byte order mark to where a record begins. 1: there is one; 0: end of file; -1: failed. */
static inline int mysimbdp_csv_seek_record_(mysimbdp_csv_t *csv) {
    for (;;) {
        csv->record = csv->at;
        if (csv->at == csv->filled) {
            int more = mysimbdp_csv_more_(csv);
            if (more <= 0) {
                return more;
            }
            if (csv->base == 0 && csv->at == 0 && csv->filled >= 3 && memcmp(csv->buffer, "\xEF\xBB\xBF", 3) == 0) {
                csv->at = 3;
                continue;
            }
        }
        if (csv->buffer[csv->at] == '\n') {
            csv->next_line += 1;
        } else if (csv->buffer[csv->at] != '\r') {
            return 1;
        }
        csv->at += 1;
    }
}

/* Reads one record: its fields, `line`, `start` and `end`. 1: there is one; 0: end of file; -1: failed. */
static inline int mysimbdp_csv_record_(mysimbdp_csv_t *csv) {
    int more;
    csv->too_long = 0;
    csv->unclosed = 0;
    csv->field_count = 0;
    csv->field = csv->kept = csv->at;
    more = mysimbdp_csv_seek_record_(csv);
    if (more <= 0) {
        return more;
    }
    csv->line = csv->next_line;
    csv->start = csv->base + csv->record;
    for (;;) {
        uint8_t stop;
        csv->field = csv->kept = csv->at;
        if (csv->at == csv->filled && mysimbdp_csv_more_(csv) < 0) {
            return -1;
        }
        if (csv->at < csv->filled && csv->buffer[csv->at] == (uint8_t)csv->options.quote) {
            csv->at += 1;
            csv->field = csv->kept = csv->at;
            if (mysimbdp_csv_quoted_(csv) < 0) {
                return -1;
            }
        }
        if (mysimbdp_csv_plain_(csv) < 0 || mysimbdp_csv_push_(csv) < 0) {
            return -1;
        }
        if (csv->at == csv->filled) {
            break; /* End of the file. */
        }
        stop = csv->buffer[csv->at];
        csv->at += 1;
        if (stop == (uint8_t)csv->options.delimiter) {
            continue;
        }
        if (stop == '\r') {
            if (csv->at == csv->filled && mysimbdp_csv_more_(csv) < 0) {
                return -1;
            }
            if (csv->at == csv->filled || csv->buffer[csv->at] != '\n') {
                break;
            }
            csv->at += 1;
        }
        csv->next_line += 1;
        break;
    }
    csv->end = csv->base + csv->at;
    if (csv->end - csv->start > csv->options.max_record) {
        csv->too_long = 1;
    }
    return 1;
}

/* ---- Text ---------------------------------------------------------------------------------------------------------- */

/* Whether the bytes are valid UTF-8. */
static inline int mysimbdp_utf8_valid(mysimbdp_bytes_t text) {
    const uint8_t *at = (const uint8_t *)text.ptr;
    const uint8_t *end;
    if (text.len == 0) {
        return 1;
    }
    end = at + text.len;
    while (at < end) {
        size_t left = (size_t)(end - at);
        uint64_t eight;
        if (left >= 8) {
            memcpy(&eight, at, 8);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += 8;
                continue;
            }
        }
        if (at[0] < 0x80) {
            at += 1;
        } else if (at[0] >= 0xC2 && at[0] <= 0xDF && left >= 2 && (at[1] & 0xC0) == 0x80) {
            at += 2;
        } else if ((at[0] & 0xF0) == 0xE0 && left >= 3 && (at[1] & 0xC0) == 0x80 && (at[2] & 0xC0) == 0x80 &&
                   !(at[0] == 0xE0 && at[1] < 0xA0) && !(at[0] == 0xED && at[1] > 0x9F)) {
            at += 3;
        } else if (at[0] >= 0xF0 && at[0] <= 0xF4 && left >= 4 && (at[1] & 0xC0) == 0x80 && (at[2] & 0xC0) == 0x80 &&
                   (at[3] & 0xC0) == 0x80 && !(at[0] == 0xF0 && at[1] < 0x90) && !(at[0] == 0xF4 && at[1] > 0x8F)) {
            at += 4;
        } else {
            return 0;
        }
    }
    return 1;
}

/* ---- What apps call --------------------------------------------------------------------------------------------------- */

/* A field of the current row, valid until the next row; absent where the row is too short. */
static inline mysimbdp_bytes_t mysimbdp_csv_field(const mysimbdp_csv_t *csv, size_t index) {
    if (index >= csv->field_count) {
        return mysimbdp_bytes(NULL, 0);
    }
    return mysimbdp_bytes(csv->buffer + csv->record + csv->fields[index].start, csv->fields[index].len);
}

/* The name of a column, absent where the header is shorter (or there is none). */
static inline mysimbdp_bytes_t mysimbdp_csv_name(const mysimbdp_csv_t *csv, size_t index) {
    if (index >= csv->name_count) {
        return mysimbdp_bytes(NULL, 0);
    }
    return mysimbdp_bytes(csv->header + csv->names[index].start, csv->names[index].len);
}

/* Begins with a file: reads the header. `options` may be NULL. MYSIMBDP_OK, or _ERROR (the host was told why). Close it in
 * either case. */
static inline int32_t mysimbdp_csv_open(mysimbdp_csv_t *csv, const mysimbdp_host_v1_t *host,
                                        const mysimbdp_input_v1_t *input, const mysimbdp_csv_options_t *options) {
    static const mysimbdp_csv_options_t defaults = MYSIMBDP_CSV_DEFAULTS;
    int more;
    memset(csv, 0, sizeof *csv);
    csv->host = host;
    csv->options = options == NULL ? defaults : *options;
    csv->fd = input->fd;
    csv->size = input->size;
    csv->asks = 1;
    csv->next_line = 1;
    csv->next_number = 1;
    if (csv->options.max_record == 0) {
        csv->options.max_record = MYSIMBDP_CSV_MAX_RECORD;
    }
    if (csv->options.no_header) {
        return MYSIMBDP_OK;
    }
    more = mysimbdp_csv_record_(csv);
    if (more > 0 && (csv->too_long || csv->unclosed)) {
        (void)mysimbdp_fail(host, csv->too_long ? "the header is longer than %lu bytes"
                                                : "the header has a quote that is not closed in %lu bytes",
                            (unsigned long)(csv->too_long ? csv->options.max_record : (size_t)(csv->end - csv->start)));
        more = mysimbdp_csv_failed_(csv);
    }
    if (more > 0) {
        size_t len = (size_t)(csv->end - csv->start);
        csv->header = (uint8_t *)malloc(len);
        csv->names = (mysimbdp_csv_span_t *)malloc(csv->field_count * sizeof *csv->names);
        if (csv->header == NULL || csv->names == NULL) {
            (void)mysimbdp_fail(host, "out of memory for the header");
            more = mysimbdp_csv_failed_(csv);
        } else {
            memcpy(csv->header, csv->buffer + csv->record, len);
            memcpy(csv->names, csv->fields, csv->field_count * sizeof *csv->names);
            csv->name_count = csv->field_count;
        }
    }
    csv->field_count = 0;
    return more < 0 ? MYSIMBDP_ERROR : MYSIMBDP_OK;
}

/* Where the first column of this name stands, or MYSIMBDP_CSV_NONE. */
static inline size_t mysimbdp_csv_column(const mysimbdp_csv_t *csv, const char *name) {
    size_t index;
    for (index = 0; index < csv->name_count; index++) {
        if (mysimbdp_bytes_equal(mysimbdp_csv_name(csv, index), name)) {
            return index;
        }
    }
    return MYSIMBDP_CSV_NONE;
}

/* Where several columns stand. MYSIMBDP_OK, or _ERROR: the host was told which one is missing, or stands there twice. */
static inline int32_t mysimbdp_csv_columns(mysimbdp_csv_t *csv, const char *const *names, size_t count, size_t *columns) {
    size_t index;
    size_t other;
    for (index = 0; index < count; index++) {
        columns[index] = mysimbdp_csv_column(csv, names[index]);
        if (csv->name_count == 0) {
            continue; /* An empty file has no rows that could miss it. */
        }
        if (columns[index] == MYSIMBDP_CSV_NONE) {
            return mysimbdp_fail(csv->host, "the file lacks the column `%s`", names[index]);
        }
        for (other = columns[index] + 1; other < csv->name_count; other++) {
            if (mysimbdp_bytes_equal(mysimbdp_csv_name(csv, other), names[index])) {
                return mysimbdp_fail(csv->host, "the header names the column `%s` twice, at positions %lu and %lu",
                                     names[index], (unsigned long)columns[index] + 1, (unsigned long)other + 1);
            }
        }
    }
    return MYSIMBDP_OK;
}

/* Rejects the current row for this reason, as printf formats it: none of its documents is kept. MYSIMBDP_OK, _STOP. */
MYSIMBDP_PRINTF(2, 3)
static inline int32_t mysimbdp_csv_reject(mysimbdp_csv_t *csv, const char *format, ...) {
    char buffer[MYSIMBDP_MAX_TEXT];
    va_list args;
    mysimbdp_bytes_t reason;
    if (!csv->open || csv->rejected) {
        return MYSIMBDP_OK; /* The first reason stands. */
    }
    csv->rejected = 1;
    va_start(args, format);
    reason = mysimbdp_vformat(buffer, sizeof buffer, format, args);
    va_end(args);
    return csv->host->row_reject(csv->host->ctx, reason);
}

/* Judges what the host answered: 1 go on, 0 the run is over or has failed. */
static inline int mysimbdp_csv_goes_on_(mysimbdp_csv_t *csv, int32_t status) {
    mysimbdp_bytes_t why;
    if (status == MYSIMBDP_OK) {
        return 1;
    }
    csv->finished = 1;
    if (status != MYSIMBDP_STOP) {
        why = csv->host->last_error(csv->host->ctx);
        csv->host->fail(csv->host->ctx, why);
        csv->failed = 1;
    }
    return 0;
}

/* The first field that is not UTF-8, or MYSIMBDP_CSV_NONE. */
static inline size_t mysimbdp_csv_not_text_(const mysimbdp_csv_t *csv) {
    size_t index;
    if (!csv->options.any_bytes) {
        for (index = 0; index < csv->field_count; index++) {
            if (!mysimbdp_utf8_valid(mysimbdp_csv_field(csv, index))) {
                return index;
            }
        }
    }
    return MYSIMBDP_CSV_NONE;
}

/* Rejects a row that no app could make sense of. 1: there was nothing to reject. */
static inline int mysimbdp_csv_whole_(mysimbdp_csv_t *csv, int32_t *status) {
    size_t not_text;
    if (csv->too_long) {
        *status = mysimbdp_csv_reject(csv, "row has %lu bytes where a row may have %lu",
                                      (unsigned long)(csv->end - csv->start), (unsigned long)csv->options.max_record);
        return 0;
    }
    if (csv->unclosed) {
        *status = mysimbdp_csv_reject(csv, "a quote is opened but not closed before the end of the file");
        return 0;
    }
    if (csv->name_count != 0 && csv->field_count != csv->name_count && !csv->options.allow_ragged) {
        *status = mysimbdp_csv_reject(csv, "row has %lu field%s where the header has %lu", (unsigned long)csv->field_count,
                                      csv->field_count == 1 ? "" : "s", (unsigned long)csv->name_count);
        return 0;
    }
    not_text = mysimbdp_csv_not_text_(csv);
    if (not_text != MYSIMBDP_CSV_NONE) {
        mysimbdp_bytes_t name = mysimbdp_csv_name(csv, not_text);
        *status = name.ptr == NULL
                      ? mysimbdp_csv_reject(csv, "column %lu: is not UTF-8", (unsigned long)not_text + 1)
                      : mysimbdp_csv_reject(csv, "column `%.*s`: is not UTF-8", (int)name.len, (const char *)name.ptr);
        return 0;
    }
    return 1;
}

/* What a call of the host's `emit` came to: a document that was refused rejects the current row, with the host's reason.
 * MYSIMBDP_OK, _STOP, _ERROR, so: status = mysimbdp_csv_settle(&csv, mysimbdp_bson_emit(&doc, host)); */
static inline int32_t mysimbdp_csv_settle(mysimbdp_csv_t *csv, int32_t status) {
    mysimbdp_bytes_t why;
    if (status != MYSIMBDP_REFUSED) {
        return status;
    }
    why = csv->host->last_error(csv->host->ctx);
    return mysimbdp_csv_reject(csv, "%.*s", (int)why.len, why.ptr == NULL ? "" : (const char *)why.ptr);
}

/* Ends the row that is open, if any. 1: go on. */
static inline int mysimbdp_csv_end_(mysimbdp_csv_t *csv) {
    int was_open = csv->open;
    csv->open = 0;
    csv->rejected = 0;
    return !was_open || mysimbdp_csv_goes_on_(csv, csv->host->row_end(csv->host->ctx, 0));
}

/* Ends the current row and goes to the next. 1: there is one; 0: there is none, call mysimbdp_csv_close. */
static inline int mysimbdp_csv_next(mysimbdp_csv_t *csv) {
    const mysimbdp_host_v1_t *host = csv->host;
    int32_t status;
    if (!mysimbdp_csv_end_(csv)) {
        return 0;
    }
    while (!csv->finished) {
        mysimbdp_row_v1_t row;
        if (csv->asks) {
            mysimbdp_start_v1_t start;
            memset(&start, 0, sizeof start);
            status = host->next_start(host->ctx, &start);
            csv->jumped = status == MYSIMBDP_JUMP;
            csv->asks = csv->jumped;
            if (csv->jumped) {
                csv->filled = csv->record = csv->at = 0;
                csv->base = start.offset;
                csv->next_line = start.line;
                csv->next_number = start.number;
            } else if (!mysimbdp_csv_goes_on_(csv, status)) {
                return 0;
            }
        }
        status = (int32_t)mysimbdp_csv_record_(csv);
        if (status <= 0) {
            csv->finished = 1;
            if (status == 0) { /* Tells that the file was read to its end, blank lines included. */
                (void)mysimbdp_csv_goes_on_(csv, host->progress(host->ctx, csv->size));
            }
            return 0;
        }
        csv->number = csv->next_number++;
        row.number = csv->jumped ? csv->number : 0;
        row.start = csv->start;
        row.end = csv->end;
        row.line = csv->line;
        status = host->row_begin(host->ctx, &row);
        if (status == MYSIMBDP_SKIP) {
            continue;
        }
        if (!mysimbdp_csv_goes_on_(csv, status)) {
            return 0;
        }
        csv->open = 1;
        if (mysimbdp_csv_whole_(csv, &status)) {
            return 1;
        }
        if (!mysimbdp_csv_goes_on_(csv, status) || !mysimbdp_csv_end_(csv)) {
            return 0;
        }
    }
    return 0;
}

/* Gives everything back and says what `ingest` is to return. `status` is what the app has come to: with MYSIMBDP_OK a row
 * that is still open ends well; with MYSIMBDP_STOP the host has what it wants; with another one its documents are dropped. */
static inline int32_t mysimbdp_csv_close(mysimbdp_csv_t *csv, int32_t status) {
    if (status == MYSIMBDP_OK) {
        (void)mysimbdp_csv_end_(csv);
    }
    csv->open = 0;
    free(csv->buffer);
    free(csv->fields);
    free(csv->header);
    free(csv->names);
    csv->buffer = NULL;
    csv->fields = NULL;
    csv->header = NULL;
    csv->names = NULL;
    csv->finished = 1;
    if (csv->failed) {
        return MYSIMBDP_ERROR;
    }
    return status == MYSIMBDP_STOP ? MYSIMBDP_OK : status;
}

/* ---- Values ----------------------------------------------------------------------------------------------------------- */

/* A decimal integer, nothing before or after it. 1: it is one, and fits. */
static inline int mysimbdp_parse_int64(mysimbdp_bytes_t text, int64_t *value) {
    const uint8_t *at = (const uint8_t *)text.ptr;
    size_t left = text.len;
    int negative = 0;
    uint64_t limit;
    uint64_t number = 0;
    if (left != 0 && (*at == '-' || *at == '+')) {
        negative = *at == '-';
        at += 1;
        left -= 1;
    }
    if (left == 0) {
        return 0;
    }
    limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (; left != 0; at++, left--) {
        unsigned digit = (unsigned)*at - '0';
        if (digit > 9 || number > (limit - digit) / 10) {
            return 0;
        }
        number = number * 10 + digit;
    }
    *value = negative ? (int64_t)(0 - number) : (int64_t)number;
    return 1;
}

/* A finite decimal number as in "-12.5e3", nothing before or after it; rounded to the nearest. 1: it is one. */
static inline int mysimbdp_parse_double(mysimbdp_bytes_t text, double *value) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const uint8_t *const bytes = (const uint8_t *)text.ptr;
    size_t at = 0;
    uint64_t mantissa = 0;
    int digits = 0;
    int exact = 1; /* The mantissa holds all digits. */
    int exponent = 0;
    int negative;
    if (text.len == 0 || text.len > 1000) {
        return 0;
    }
    negative = bytes[0] == '-';
    if (bytes[0] == '-' || bytes[0] == '+') {
        at = 1;
    }
    {
        int behind_point = 0;
        for (; at < text.len; at++) {
            if (bytes[at] == '.' && !behind_point) {
                behind_point = 1;
            } else if (bytes[at] >= '0' && bytes[at] <= '9') {
                digits += 1;
                exponent -= behind_point;
                if (mantissa < UINT64_C(100000000000000000)) {
                    mantissa = mantissa * 10 + (uint64_t)(bytes[at] - '0');
                } else {
                    exact = 0;
                }
            } else {
                break;
            }
        }
    }
    if (digits == 0) {
        return 0;
    }
    if (at < text.len) {
        int64_t shift;
        if ((bytes[at] != 'e' && bytes[at] != 'E') ||
            !mysimbdp_parse_int64(mysimbdp_bytes(bytes + at + 1, text.len - at - 1), &shift)) {
            return 0;
        }
        if (shift < -100000 || shift > 100000) {
            exact = 0;
        } else {
            exponent += (int)shift;
        }
    }
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
    /* Both numbers are exact as double, so one operation rounds once: correctly. */
    if (exact && mantissa <= (UINT64_C(1) << 53) && exponent >= -22 && exponent <= 22) {
        double number = (double)mantissa;
        number = exponent < 0 ? number / powers[-exponent] : number * powers[exponent];
        *value = negative ? -number : number;
        return 1;
    }
#else
    (void)powers;
    (void)exact;
#endif
    {
        char copy[1001];
        double number;
        memcpy(copy, bytes, text.len);
        copy[text.len] = '\0';
        number = strtod(copy, NULL);
        if (!(number >= -DBL_MAX && number <= DBL_MAX)) {
            return 0;
        }
        *value = number;
        return 1;
    }
}

/* Takes `digits` decimal digits at `*at`. The number, or -1. */
static inline int64_t mysimbdp_digits_(mysimbdp_bytes_t text, size_t *at, size_t digits) {
    const uint8_t *bytes = (const uint8_t *)text.ptr;
    int64_t number = 0;
    if (text.len - *at < digits) {
        return -1;
    }
    for (; digits != 0; digits--, *at += 1) {
        if (bytes[*at] < '0' || bytes[*at] > '9') {
            return -1;
        }
        number = number * 10 + (bytes[*at] - '0');
    }
    return number;
}

/* Takes one of the characters of `any_of` at `*at`. That one, or 0. */
static inline int mysimbdp_one_of_(mysimbdp_bytes_t text, size_t *at, const char *any_of) {
    const char *found;
    if (*at >= text.len || ((const char *)text.ptr)[*at] == '\0') {
        return 0;
    }
    found = strchr(any_of, ((const char *)text.ptr)[*at]);
    if (found == NULL) {
        return 0;
    }
    *at += 1;
    return *found;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar: counted in years that begin in March, so that the leap day is
 * the last of its year. 0: there is no such day. */
static inline int mysimbdp_days_(int64_t year, int64_t month, int64_t day, int64_t *days) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int64_t era;
    int64_t of_era;
    int64_t of_year;
    if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (month == 2 && leap)) {
        return 0;
    }
    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    of_era = year - era * 400;
    of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    *days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return 1;
}

/* A date and time of RFC 3339 as milliseconds since 1970-01-01T00:00:00Z, for mysimbdp_bson_datetime. A blank may stand for
 * the T; seconds, the whole time (midnight) and the offset (UTC) may be missing; digits beyond milliseconds are cut off.
 * 1: it is one. */
static inline int mysimbdp_parse_datetime(mysimbdp_bytes_t text, int64_t *milliseconds) {
    size_t at = 0;
    int64_t year = mysimbdp_digits_(text, &at, 4);
    int64_t month;
    int64_t day;
    int64_t days;
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t fraction = 0;
    int64_t offset = 0;
    int sign;
    if (year < 0 || !mysimbdp_one_of_(text, &at, "-") || (month = mysimbdp_digits_(text, &at, 2)) < 0 ||
        !mysimbdp_one_of_(text, &at, "-") || (day = mysimbdp_digits_(text, &at, 2)) < 0 ||
        !mysimbdp_days_(year, month, day, &days)) {
        return 0;
    }
    if (at == text.len) {
        *milliseconds = days * 86400000;
        return 1;
    }
    if (!mysimbdp_one_of_(text, &at, "Tt ") || (hour = mysimbdp_digits_(text, &at, 2)) < 0 ||
        !mysimbdp_one_of_(text, &at, ":") || (minute = mysimbdp_digits_(text, &at, 2)) < 0) {
        return 0;
    }
    if (mysimbdp_one_of_(text, &at, ":")) {
        if ((second = mysimbdp_digits_(text, &at, 2)) < 0) {
            return 0;
        }
        if (mysimbdp_one_of_(text, &at, ".,")) {
            int64_t digit = mysimbdp_digits_(text, &at, 1);
            int64_t unit = 100;
            if (digit < 0) {
                return 0;
            }
            while (digit >= 0) {
                fraction += digit * unit;
                unit /= 10;
                digit = at < text.len ? mysimbdp_digits_(text, &at, 1) : -1;
            }
        }
    }
    if (hour > 23 || minute > 59 || second > 60) { /* 60: a leap second. */
        return 0;
    }
    sign = mysimbdp_one_of_(text, &at, "Zz+-");
    if (sign == '+' || sign == '-') {
        int64_t hours = mysimbdp_digits_(text, &at, 2);
        int64_t minutes = 0;
        int colon = mysimbdp_one_of_(text, &at, ":");
        if (hours < 0 || hours > 23 || ((colon || at < text.len) && (minutes = mysimbdp_digits_(text, &at, 2)) < 0) ||
            minutes > 59) {
            return 0;
        }
        offset = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
    }
    if (at != text.len) {
        return 0;
    }
    *milliseconds = days * 86400000 + ((hour * 60 + minute - offset) * 60 + second) * 1000 + fraction;
    return 1;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* MYSIMBDP_CSV_H */
