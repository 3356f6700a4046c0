/*
 * mysimbdp_plugin.h - write an app for mysimbdp in C, C++ or Zig.
 *
 * An app is a shared object that exports two data symbols:
 *
 *   mysimbdp_plugin_v1    a mysimbdp_plugin_v1_t: the table of functions that the platform may call
 *   mysimbdp_descriptor   text in the ELF section ".mysimbdp", read before any code of the app runs
 *
 * MYSIMBDP_EXPORT_BATCH, _STREAM, _CHECK and _METADATA (one kind), or MYSIMBDP_EXPORT_APP (several), define both. A whole
 * app that turns each file into one document:
 *
 *   #include "mysimbdp_bson.h"
 *
 *   static int32_t ingest(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
 *       mysimbdp_bson_t doc;
 *       int32_t status;
 *       (void)instance;
 *       mysimbdp_bson_init(&doc);
 *       mysimbdp_bson_begin(&doc);
 *       mysimbdp_bson_string(&doc, "file", input->name);
 *       mysimbdp_bson_int64(&doc, "bytes", (int64_t)input->size);
 *       status = mysimbdp_bson_emit(&doc, host);
 *       mysimbdp_bson_free(&doc);
 *       return status == MYSIMBDP_STOP ? MYSIMBDP_OK : status;
 *   }
 *   MYSIMBDP_EXPORT_BATCH("file-sizes", "1.0.0", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)
 *
 * Build it with   cc -std=c99 -O2 -fPIC -shared -o file-sizes.so app.c   and look at it with   mysimbdp check file-sizes.so
 *
 * Rules of the boundary
 *   - Nothing crosses ownership. What a mysimbdp_bytes_t or a pointer refers to belongs to the side that made it and is
 *     valid until the call returns. Copy what you want to keep.
 *   - No C++ exception and no longjmp may leave a function of the app.
 *   - All calls come from the only thread of the process. Threads, processes, sockets and files cannot be opened: all that
 *     an app reads is its input, all that it writes goes through mysimbdp_host_v1_t.
 *   - The functions of mysimbdp_host_v1_t may be called only while a function of the app runs that was given it.
 *   - When the host answers MYSIMBDP_STOP, return at once (with MYSIMBDP_OK: being stopped is not a failure).
 *   - Text is UTF-8 and not terminated by a NUL.
 *
 * Stability: everything here is frozen as version 1. Later versions come as other symbols and other headers beside this
 * one; an app that was built once keeps being loaded. See docs/plugin-abi.md.
 *
 * Plain C99, and C++11 or newer. Licence: MIT OR Apache-2.0.
 */
#ifndef MYSIMBDP_PLUGIN_H
#define MYSIMBDP_PLUGIN_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Constants --------------------------------------------------------------------------------------------------- */

/* Version of the table: mysimbdp_plugin_v1_t.major and .minor. A host refuses another major version. */
#define MYSIMBDP_MAJOR 1u
#define MYSIMBDP_MINOR 0u
/* The same as text, for the descriptor. */
#define MYSIMBDP_API "1.0"

/* What a call answers. Other values that an app returns count as MYSIMBDP_ERROR. */
enum mysimbdp_status {
    MYSIMBDP_OK = 0,      /* Done; go on. */
    MYSIMBDP_ERROR = 1,   /* From an app: it failed, `fail` said why. */
    MYSIMBDP_REJECT = 2,  /* From a stream or check app: this message, document or input is rejected, `fail` said why. */
    MYSIMBDP_PANIC = 3,   /* From an app whose language unwound: `fail` said where. The instance is used no more. */
    MYSIMBDP_SKIP = 4,    /* From the host's row_begin: pass this row over without looking at it. No row is open then. */
    MYSIMBDP_STOP = 5,    /* From the host: the run is over (cancelled, a limit, no more rows wanted). Return at once. */
    MYSIMBDP_REFUSED = 6, /* From the host: this call was refused, `last_error` tells why; the app may go on. */
    MYSIMBDP_JUMP = 7     /* From the host's next_start: go on at the place written to mysimbdp_start_v1_t. */
};

/* Levels of mysimbdp_host_v1_t.log. */
enum mysimbdp_level {
    MYSIMBDP_LOG_ERROR = 1, /* Something failed. */
    MYSIMBDP_LOG_WARN = 2,  /* Something looks wrong but was dealt with. */
    MYSIMBDP_LOG_INFO = 3,  /* What the app's user wants to read. */
    MYSIMBDP_LOG_DEBUG = 4  /* What the app's author wants to read. */
};

/* Bits of mysimbdp_plugin_v1_t.flags. */
/* The app keeps nothing from one row to the next, so a rerun may start in the middle of a file. */
#define MYSIMBDP_FLAG_ROWS_INDEPENDENT UINT64_C(1)

/* Bits of mysimbdp_properties_v1_t.present. */
#define MYSIMBDP_HAS_DELIVERY_MODE 1u /* delivery_mode is set. */
#define MYSIMBDP_HAS_PRIORITY 2u      /* priority is set. */
#define MYSIMBDP_HAS_TIMESTAMP 4u     /* timestamp is set. */

/* ---- What crosses the boundary ----------------------------------------------------------------------------------- */

/* Borrowed bytes. A null `ptr` means "absent"; text is UTF-8 and not terminated. */
typedef struct mysimbdp_bytes_t {
    const void *ptr; /* First byte, or null. */
    size_t len;      /* Number of bytes. */
} mysimbdp_bytes_t;

/* A row (or another unit that an app declares): what is named if the app dies while it works on it. */
typedef struct mysimbdp_row_v1_t {
    uint64_t number; /* Number of the row in the file, from 1; 0 lets the host count on from the row before. */
    uint64_t start;  /* Offset of its first byte in the file. */
    uint64_t end;    /* Offset just past its last byte; 0 where it is not known yet. */
    uint64_t line;   /* Line on which it starts, from 1; 0 where lines mean nothing. */
} mysimbdp_row_v1_t;

/* Where to go on: the answer of mysimbdp_host_v1_t.next_start. */
typedef struct mysimbdp_start_v1_t {
    uint64_t number; /* Number of the row that starts there, from 1. */
    uint64_t offset; /* Offset of its first byte. */
    uint64_t line;   /* Line on which it starts, from 1; 0 where lines mean nothing. */
} mysimbdp_start_v1_t;

/* A file to be ingested. */
typedef struct mysimbdp_input_v1_t {
    mysimbdp_bytes_t name; /* The file's name, without any directory. */
    uint64_t size;         /* Its size in bytes when the run began. */
    int32_t fd;            /* Opened for reading, owned by the host: use pread or a private, read-only mmap; do not close. */
} mysimbdp_input_v1_t;

/* Where a message came in: the first of the four arguments of a RabbitMQ callback. */
typedef struct mysimbdp_channel_v1_t {
    mysimbdp_bytes_t stream;       /* Name of the tenant's stream. */
    mysimbdp_bytes_t consumer_tag; /* Tag of the consumer that took the message. */
    uint16_t number;               /* Number of the channel. */
} mysimbdp_channel_v1_t;

/* How a message was delivered: the second argument. */
typedef struct mysimbdp_delivery_v1_t {
    uint64_t delivery_tag;        /* Tag of the delivery on its channel. */
    uint8_t redelivered;          /* 1 where the broker has delivered it before. */
    mysimbdp_bytes_t exchange;    /* Exchange it was published to. */
    mysimbdp_bytes_t routing_key; /* Routing key it was published with. */
} mysimbdp_delivery_v1_t;

/* The basic properties of AMQP 0-9-1: the third argument. Texts are absent where their pointer is null. */
typedef struct mysimbdp_properties_v1_t {
    uint32_t present;                  /* Which of the numbers below are set: MYSIMBDP_HAS_... */
    uint8_t delivery_mode;             /* 1 transient, 2 persistent. */
    uint8_t priority;                  /* 0 to 9. */
    uint64_t timestamp;                /* Seconds since 1970-01-01T00:00:00Z. */
    mysimbdp_bytes_t content_type;     /* MIME type of the body. */
    mysimbdp_bytes_t content_encoding; /* MIME encoding of the body. */
    mysimbdp_bytes_t headers;          /* The header table as one BSON document. */
    mysimbdp_bytes_t correlation_id;   /* For the application: which request this answers. */
    mysimbdp_bytes_t reply_to;         /* For the application: where an answer goes. */
    mysimbdp_bytes_t expiration;       /* Time to live in milliseconds, as text. */
    mysimbdp_bytes_t message_id;       /* The publisher's identity of the message. */
    mysimbdp_bytes_t kind;             /* For the application: the message's type. */
    mysimbdp_bytes_t user_id;          /* Who published it, as checked by the broker. */
    mysimbdp_bytes_t app_id;           /* Which application published it. */
} mysimbdp_properties_v1_t;

/* A message: the four arguments of a RabbitMQ callback in one struct. */
typedef struct mysimbdp_message_v1_t {
    mysimbdp_channel_v1_t channel;       /* Where it came in. */
    mysimbdp_delivery_v1_t delivery;     /* How it was delivered. */
    mysimbdp_properties_v1_t properties; /* Its basic properties. */
    mysimbdp_bytes_t body;               /* Its content. */
} mysimbdp_message_v1_t;

/* What an app may call while one of its functions runs. Valid only during that call. */
typedef struct mysimbdp_host_v1_t {
    size_t size; /* sizeof this struct. */
    void *ctx;   /* First argument of every function below. */

    /*
     * Hands over one BSON document of the open row (or, with no row open, a document of its own). `_id` is the host's
     * unless the document brings its own; a document that starts with an `_id` of twelve zero bytes as ObjectId (see
     * mysimbdp_bson_begin) is numbered fastest. Blocks while the sink is slow.
     * MYSIMBDP_OK, _REFUSED (not BSON, too large), _STOP.
     */
    int32_t (*emit)(void *ctx, mysimbdp_bytes_t document);

    /* Opens a row: from here on a death is this row's. A row still open is closed first. _OK, _SKIP, _STOP, _REFUSED. */
    int32_t (*row_begin)(void *ctx, const mysimbdp_row_v1_t *row);

    /* Closes the row: its documents leave the process together. `end` is the offset past it, 0 where row_begin told.
     * _OK, _STOP, _REFUSED. */
    int32_t (*row_end)(void *ctx, uint64_t end);

    /* Rejects the open row: its documents are discarded, it becomes a dead letter with this reason. It is still to be ended
     * with row_end: until then a death is this row's. _OK, _STOP. */
    int32_t (*row_reject)(void *ctx, mysimbdp_bytes_t reason);

    /* Where to go on before the next row is read: _OK (right here; need not be asked again), _JUMP (at `start`; ask again
     * before the row after it), _STOP (no more rows are wanted). */
    int32_t (*next_start)(void *ctx, mysimbdp_start_v1_t *start);

    /* Writes one line to the tenant's log. `level` is one of MYSIMBDP_LOG_... */
    void (*log)(void *ctx, uint32_t level, mysimbdp_bytes_t message);

    /* An app without rows tells how far it has read, in bytes. _OK, _STOP. */
    int32_t (*progress)(void *ctx, uint64_t position);

    /* Why the function that is about to return fails or rejects. */
    void (*fail)(void *ctx, mysimbdp_bytes_t reason);

    /* Why the last call of this table was _REFUSED. Valid until the next call. */
    mysimbdp_bytes_t (*last_error)(void *ctx);
} mysimbdp_host_v1_t;

/* ---- What an app provides ---------------------------------------------------------------------------------------- */

/*
 * Each kind begins with
 *   create    makes an instance: `config` is the app's configuration as a JSON object, absent where there is none. The
 *             instance (any pointer, null included) is written to `instance`. _OK, _ERROR.
 * and ends with
 *   destroy   ends the instance.
 */

/* A batch app: clientbatchingestapp. */
typedef struct mysimbdp_batch_v1_t {
    int32_t (*create)(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance);
    /* Ingests one file. _OK, _ERROR. */
    int32_t (*ingest)(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input);
    void (*destroy)(void *instance);
} mysimbdp_batch_v1_t;

/* A stream app: clientstreamingestapp. */
typedef struct mysimbdp_stream_v1_t {
    int32_t (*create)(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance);
    /* Takes one message. _OK, _REJECT, _ERROR. */
    int32_t (*on_message)(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_message_v1_t *message);
    void (*destroy)(void *instance);
} mysimbdp_stream_v1_t;

/* A data-quality gate. Each of the three questions may be null; all answer _OK, _REJECT or _ERROR. */
typedef struct mysimbdp_check_v1_t {
    int32_t (*create)(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance);
    /* May this file be ingested at all? */
    int32_t (*input)(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input);
    /* May this message be ingested at all? */
    int32_t (*message)(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_message_v1_t *message);
    /* May this document (BSON) be stored? */
    int32_t (*document)(void *instance, const mysimbdp_host_v1_t *host, mysimbdp_bytes_t document);
    void (*destroy)(void *instance);
} mysimbdp_check_v1_t;

/* A producer of metadata about what was ingested: begin, observe once per stored document, finish, which emits. */
typedef struct mysimbdp_metadata_v1_t {
    int32_t (*create)(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance);
    /* What is about to be ingested: a file name or a stream's name, and the size in bytes (0 for a stream). */
    int32_t (*begin)(void *instance, const mysimbdp_host_v1_t *host, mysimbdp_bytes_t subject, uint64_t size);
    /* One stored document (BSON). May be null. */
    int32_t (*observe)(void *instance, const mysimbdp_host_v1_t *host, mysimbdp_bytes_t document);
    /* The end of the file or window: metadata documents are emitted here. */
    int32_t (*finish)(void *instance, const mysimbdp_host_v1_t *host);
    void (*destroy)(void *instance);
} mysimbdp_metadata_v1_t;

/* What an app exports as the data symbol `mysimbdp_plugin_v1`. */
typedef struct mysimbdp_plugin_v1_t {
    uint32_t major;                         /* MYSIMBDP_MAJOR. */
    uint32_t minor;                         /* MYSIMBDP_MINOR of the header it was built with. */
    size_t size;                            /* sizeof this struct. */
    mysimbdp_bytes_t name;                  /* 1 to 64 of `a-z 0-9 - _`, the first a letter. */
    mysimbdp_bytes_t version;               /* For people. */
    uint64_t flags;                         /* MYSIMBDP_FLAG_... */
    const mysimbdp_batch_v1_t *batch;       /* Null unless it is a batch app. */
    const mysimbdp_stream_v1_t *stream;     /* Null unless it is a stream app. */
    const mysimbdp_check_v1_t *check;       /* Null unless it is a check. */
    const mysimbdp_metadata_v1_t *metadata; /* Null unless it produces metadata. */
} mysimbdp_plugin_v1_t;

/* ---- Exporting an app -------------------------------------------------------------------------------------------- */

#if defined(__GNUC__) || defined(__clang__)
#define MYSIMBDP_VISIBLE __attribute__((visibility("default")))
#define MYSIMBDP_USED __attribute__((used))
#define MYSIMBDP_DESCRIPTOR_SECTION __attribute__((used, section(".mysimbdp")))
#define MYSIMBDP_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#else
#error "mysimbdp_plugin.h needs a compiler with GNU attributes: gcc, clang or zig cc"
#endif

#if defined(__clang__)
#define MYSIMBDP_COMPILER __VERSION__
#elif defined(__cplusplus)
#define MYSIMBDP_COMPILER "g++ " __VERSION__
#else
#define MYSIMBDP_COMPILER "gcc " __VERSION__
#endif

#ifdef __cplusplus
#define MYSIMBDP_C_LINKAGE(declaration) extern "C" { declaration }
#else
#define MYSIMBDP_C_LINKAGE(declaration) declaration
#endif

/*
 * Exports an app of one or several kinds. At file scope, once in the whole shared object, without a semicolon after it.
 *
 *   app_name, app_version   string literals
 *   app_kinds               string literal: "batch", or several as in "batch,check", in the order of the pointers
 *   app_flags               0 or MYSIMBDP_FLAG_...
 *   batch_, stream_, check_, metadata_   pointers to tables with static storage, NULL for kinds it does not provide
 */
#define MYSIMBDP_EXPORT_APP(app_name, app_version, app_kinds, app_flags, batch_, stream_, check_, metadata_)           \
    MYSIMBDP_C_LINKAGE(MYSIMBDP_VISIBLE extern const char mysimbdp_descriptor[];                                       \
                       MYSIMBDP_VISIBLE extern const mysimbdp_plugin_v1_t mysimbdp_plugin_v1;)                         \
    MYSIMBDP_DESCRIPTOR_SECTION const char mysimbdp_descriptor[] =                                                     \
        "mysimbdp-descriptor 1\napi=" MYSIMBDP_API "\nname=" app_name "\nversion=" app_version                         \
        "\nkinds=" app_kinds "\ncompiler=" MYSIMBDP_COMPILER "\npanic=none\n";                                         \
    MYSIMBDP_USED const mysimbdp_plugin_v1_t mysimbdp_plugin_v1 = {                                                    \
        MYSIMBDP_MAJOR, MYSIMBDP_MINOR, sizeof(mysimbdp_plugin_v1_t),                                                  \
        {app_name, sizeof(app_name) - 1}, {app_version, sizeof(app_version) - 1},                                      \
        app_flags, batch_, stream_, check_, metadata_};

/* Exports a batch app. */
#define MYSIMBDP_EXPORT_BATCH(app_name, app_version, app_flags, create_, ingest_, destroy_)                              \
    static const mysimbdp_batch_v1_t mysimbdp_exported_batch = {create_, ingest_, destroy_};                             \
    MYSIMBDP_EXPORT_APP(app_name, app_version, "batch", app_flags, &mysimbdp_exported_batch, NULL, NULL, NULL)

/* Exports a stream app. */
#define MYSIMBDP_EXPORT_STREAM(app_name, app_version, app_flags, create_, on_message_, destroy_)                         \
    static const mysimbdp_stream_v1_t mysimbdp_exported_stream = {create_, on_message_, destroy_};                       \
    MYSIMBDP_EXPORT_APP(app_name, app_version, "stream", app_flags, NULL, &mysimbdp_exported_stream, NULL, NULL)

/* Exports a check; questions that it does not answer are NULL. */
#define MYSIMBDP_EXPORT_CHECK(app_name, app_version, app_flags, create_, input_, message_, document_, destroy_)          \
    static const mysimbdp_check_v1_t mysimbdp_exported_check = {create_, input_, message_, document_, destroy_};         \
    MYSIMBDP_EXPORT_APP(app_name, app_version, "check", app_flags, NULL, NULL, &mysimbdp_exported_check, NULL)

/* Exports a producer of metadata; observe_ may be NULL. */
#define MYSIMBDP_EXPORT_METADATA(app_name, app_version, app_flags, create_, begin_, observe_, finish_, destroy_)         \
    static const mysimbdp_metadata_v1_t mysimbdp_exported_metadata = {create_, begin_, observe_, finish_, destroy_};     \
    MYSIMBDP_EXPORT_APP(app_name, app_version, "metadata", app_flags, NULL, NULL, NULL, &mysimbdp_exported_metadata)

/* ---- Small helpers, all `static inline`: nothing of them crosses the boundary ------------------------------------- */

/* Longest text that the formatting helpers make; the host keeps no more of a reason or log line. */
#define MYSIMBDP_MAX_TEXT 4096

/* Bytes with a length. */
static inline mysimbdp_bytes_t mysimbdp_bytes(const void *ptr, size_t len) {
    mysimbdp_bytes_t bytes;
    bytes.ptr = ptr;
    bytes.len = len;
    return bytes;
}

/* The text of a C string. */
static inline mysimbdp_bytes_t mysimbdp_text(const char *text) { return mysimbdp_bytes(text, strlen(text)); }

/* Whether `bytes` are exactly this text. */
static inline int mysimbdp_bytes_equal(mysimbdp_bytes_t bytes, const char *text) {
    size_t len = strlen(text);
    return bytes.ptr != NULL && bytes.len == len && memcmp(bytes.ptr, text, len) == 0;
}

/* The first `most` bytes of a text at the most, cut between two characters. */
static inline mysimbdp_bytes_t mysimbdp_cut(mysimbdp_bytes_t text, size_t most) {
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    if (text.len > most) {
        text.len = most;
        while (text.len > 0 && (bytes[text.len] & 0xC0) == 0x80) {
            text.len -= 1;
        }
    }
    return text;
}

/* Formats into `buffer`; a text that is too long is cut. The building block of the four functions below. */
static inline mysimbdp_bytes_t mysimbdp_vformat(char *buffer, size_t capacity, const char *format, va_list args) {
    int written = vsnprintf(buffer, capacity, format, args);
    size_t len = written < 0 ? 0 : (size_t)written;
    if (len < capacity) {
        return mysimbdp_bytes(buffer, len);
    }
    len = capacity - 1;
    while (len > 0 && (buffer[len - 1] & 0x80) != 0) { /* The last character may have been cut in two. */
        len -= 1;
        if ((buffer[len] & 0x40) != 0) {
            break;
        }
    }
    return mysimbdp_bytes(buffer, len);
}

/* Says, as printf does, why this function is about to fail. Returns MYSIMBDP_ERROR, so: return mysimbdp_fail(host, "..."); */
MYSIMBDP_PRINTF(2, 3)
static inline int32_t mysimbdp_fail(const mysimbdp_host_v1_t *host, const char *format, ...) {
    char buffer[MYSIMBDP_MAX_TEXT];
    va_list args;
    va_start(args, format);
    host->fail(host->ctx, mysimbdp_vformat(buffer, sizeof buffer, format, args));
    va_end(args);
    return MYSIMBDP_ERROR;
}

/* Says why a message, document or input is rejected. Returns MYSIMBDP_REJECT. For stream and check apps. */
MYSIMBDP_PRINTF(2, 3)
static inline int32_t mysimbdp_reject(const mysimbdp_host_v1_t *host, const char *format, ...) {
    char buffer[MYSIMBDP_MAX_TEXT];
    va_list args;
    va_start(args, format);
    host->fail(host->ctx, mysimbdp_vformat(buffer, sizeof buffer, format, args));
    va_end(args);
    return MYSIMBDP_REJECT;
}

/* Rejects the open row; end it after that. For batch apps that call row_begin themselves: with mysimbdp_csv.h use
 * mysimbdp_csv_reject. */
MYSIMBDP_PRINTF(2, 3)
static inline int32_t mysimbdp_row_reject(const mysimbdp_host_v1_t *host, const char *format, ...) {
    char buffer[MYSIMBDP_MAX_TEXT];
    int32_t status;
    va_list args;
    va_start(args, format);
    status = host->row_reject(host->ctx, mysimbdp_vformat(buffer, sizeof buffer, format, args));
    va_end(args);
    return status;
}

/* Writes one line to the tenant's log. */
MYSIMBDP_PRINTF(3, 4)
static inline void mysimbdp_log(const mysimbdp_host_v1_t *host, uint32_t level, const char *format, ...) {
    char buffer[MYSIMBDP_MAX_TEXT];
    va_list args;
    va_start(args, format);
    host->log(host->ctx, level, mysimbdp_vformat(buffer, sizeof buffer, format, args));
    va_end(args);
}

/* `create` of an app without state. */
static inline int32_t mysimbdp_create_nothing(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance) {
    (void)host;
    (void)config;
    *instance = NULL;
    return MYSIMBDP_OK;
}

/* `destroy` of an app without state. */
static inline void mysimbdp_destroy_nothing(void *instance) { (void)instance; }

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* MYSIMBDP_PLUGIN_H */
