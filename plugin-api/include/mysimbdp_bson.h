/*
 * mysimbdp_bson.h - write BSON documents for mysimbdp_host_v1_t.emit. Header only, C99 and C++11.
 *
 *   mysimbdp_bson_t doc;
 *   mysimbdp_bson_init(&doc);                              // once; the buffer is used again for every document
 *   for (;;) {
 *       mysimbdp_bson_begin(&doc);                         // the host numbers its `_id`
 *       mysimbdp_bson_int32(&doc, "passengers", 2);
 *       mysimbdp_bson_document_begin(&doc, "pickup");
 *       mysimbdp_bson_double(&doc, "lon", -73.98);
 *       mysimbdp_bson_double(&doc, "lat", 40.75);
 *       mysimbdp_bson_nested_end(&doc);
 *       mysimbdp_bson_array_begin(&doc, "tags");
 *       mysimbdp_bson_text(&doc, NULL, "night");           // elements of an array have no key
 *       mysimbdp_bson_nested_end(&doc);
 *       status = mysimbdp_bson_emit(&doc, host);           // MYSIMBDP_OK, _REFUSED, _STOP, or _ERROR (out of memory, ..)
 *   }
 *   mysimbdp_bson_free(&doc);
 *
 * Appending never fails by itself: the first mistake is remembered, what follows is passed over, and mysimbdp_bson_end or
 * mysimbdp_bson_emit tell it in one sentence. Keys are C strings of UTF-8 without a NUL inside, by nature; that values of
 * mysimbdp_bson_string are UTF-8 is checked by the host (and for fields of a file by mysimbdp_csv.h).
 *
 * Licence: MIT OR Apache-2.0.
 */
#ifndef MYSIMBDP_BSON_H
#define MYSIMBDP_BSON_H

#include "mysimbdp_plugin.h"

#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Largest document that the platform takes: 16 MiB. */
#define MYSIMBDP_BSON_MAX ((size_t)16 * 1024 * 1024)
/* Deepest nesting of documents and arrays, the document itself counted. */
#define MYSIMBDP_BSON_MAX_DEPTH 100

/* What went wrong first. */
enum mysimbdp_bson_error {
    MYSIMBDP_BSON_FINE = 0,
    MYSIMBDP_BSON_OUT_OF_MEMORY = 1,
    MYSIMBDP_BSON_TOO_LARGE = 2,
    MYSIMBDP_BSON_TOO_DEEP = 3,
    MYSIMBDP_BSON_UNBALANCED = 4, /* An end without a begin, or a begin without an end. */
    MYSIMBDP_BSON_NO_KEY = 5      /* A null key outside of an array. */
};

/* A document in work. Treat the fields as private. */
typedef struct mysimbdp_bson_t {
    uint8_t *data;
    size_t len;
    size_t capacity;
    int error;
    size_t depth; /* Open levels; 0 before begin and after end. */
    struct {
        size_t start;   /* Where its length stands. */
        uint32_t index; /* Elements so far, for an array. */
        int is_array;
    } level[MYSIMBDP_BSON_MAX_DEPTH];
} mysimbdp_bson_t;

/* Makes an empty writer. Allocates nothing. */
static inline void mysimbdp_bson_init(mysimbdp_bson_t *bson) {
    bson->data = NULL;
    bson->len = 0;
    bson->capacity = 0;
    bson->error = MYSIMBDP_BSON_FINE;
    bson->depth = 0;
}

/* Gives the buffer back. The writer is then as after mysimbdp_bson_init. */
static inline void mysimbdp_bson_free(mysimbdp_bson_t *bson) {
    free(bson->data);
    mysimbdp_bson_init(bson);
}

/* The sentence for what went wrong first, or NULL. */
static inline const char *mysimbdp_bson_error_text(const mysimbdp_bson_t *bson) {
    switch (bson->error) {
    case MYSIMBDP_BSON_FINE: return NULL;
    case MYSIMBDP_BSON_OUT_OF_MEMORY: return "out of memory while a document was written";
    case MYSIMBDP_BSON_TOO_LARGE: return "a document is larger than 16 MiB";
    case MYSIMBDP_BSON_TOO_DEEP: return "a document is nested deeper than 100 levels";
    case MYSIMBDP_BSON_UNBALANCED: return "a document's begin and end calls do not match";
    default: return "an element outside of an array has no key";
    }
}

/* ---- Building blocks: the functions below are made of them ---------------------------------------------------------- */

/* Makes room for `more` bytes and returns where they go, or NULL after a mistake. Not for apps. */
static inline uint8_t *mysimbdp_bson_grow(mysimbdp_bson_t *bson, size_t more) {
    uint8_t *place;
    if (bson->error != MYSIMBDP_BSON_FINE) {
        return NULL;
    }
    if (more > MYSIMBDP_BSON_MAX || bson->len > MYSIMBDP_BSON_MAX - more) {
        bson->error = MYSIMBDP_BSON_TOO_LARGE;
        return NULL;
    }
    if (bson->capacity - bson->len < more) {
        size_t capacity = bson->capacity < 512 ? 1024 : bson->capacity * 2;
        uint8_t *data;
        while (capacity < bson->len + more) {
            capacity *= 2;
        }
        data = (uint8_t *)realloc(bson->data, capacity);
        if (data == NULL) {
            bson->error = MYSIMBDP_BSON_OUT_OF_MEMORY;
            return NULL;
        }
        bson->data = data;
        bson->capacity = capacity;
    }
    place = bson->data + bson->len;
    bson->len += more;
    return place;
}

static inline void mysimbdp_bson_put32(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)(value & 0xffu);
    to[1] = (uint8_t)((value >> 8) & 0xffu);
    to[2] = (uint8_t)((value >> 16) & 0xffu);
    to[3] = (uint8_t)((value >> 24) & 0xffu);
}

static inline void mysimbdp_bson_put64(uint8_t *to, uint64_t value) {
    mysimbdp_bson_put32(to, (uint32_t)(value & 0xffffffffu));
    mysimbdp_bson_put32(to + 4, (uint32_t)(value >> 32));
}

/* Writes an element's type and key and makes room for `value_len` bytes of value. Not for apps. */
static inline uint8_t *mysimbdp_bson_element(mysimbdp_bson_t *bson, uint8_t type, const char *key, size_t value_len) {
    char digits[16];
    size_t key_len;
    uint8_t *place;
    if (bson->error != MYSIMBDP_BSON_FINE) {
        return NULL;
    }
    if (bson->depth == 0) {
        bson->error = MYSIMBDP_BSON_UNBALANCED;
        return NULL;
    }
    if (bson->level[bson->depth - 1].is_array) {
        uint32_t index = bson->level[bson->depth - 1].index++;
        char *at = digits + sizeof digits - 1;
        *at = '\0';
        do {
            *--at = (char)('0' + (int)(index % 10));
            index /= 10;
        } while (index != 0);
        key = at;
    } else if (key == NULL) {
        bson->error = MYSIMBDP_BSON_NO_KEY;
        return NULL;
    }
    key_len = strlen(key) + 1;
    if (value_len > MYSIMBDP_BSON_MAX || key_len > MYSIMBDP_BSON_MAX) {
        bson->error = MYSIMBDP_BSON_TOO_LARGE;
        return NULL;
    }
    place = mysimbdp_bson_grow(bson, 1 + key_len + value_len);
    if (place == NULL) {
        return NULL;
    }
    place[0] = type;
    memcpy(place + 1, key, key_len);
    return place + 1 + key_len;
}

static inline void mysimbdp_bson_open(mysimbdp_bson_t *bson, int is_array, uint8_t *length_place) {
    if (bson->depth == MYSIMBDP_BSON_MAX_DEPTH) {
        bson->error = MYSIMBDP_BSON_TOO_DEEP;
        return;
    }
    bson->level[bson->depth].start = (size_t)(length_place - bson->data);
    bson->level[bson->depth].index = 0;
    bson->level[bson->depth].is_array = is_array;
    bson->depth += 1;
}

static inline void mysimbdp_bson_close(mysimbdp_bson_t *bson) {
    uint8_t *place = mysimbdp_bson_grow(bson, 1);
    if (place != NULL) {
        size_t start;
        *place = 0;
        bson->depth -= 1;
        start = bson->level[bson->depth].start;
        mysimbdp_bson_put32(bson->data + start, (uint32_t)(bson->len - start));
    }
}

/* ---- Documents -------------------------------------------------------------------------------------------------------- */

/* Begins a document that brings its own `_id`: append it first. Whatever the writer held before is dropped. */
static inline void mysimbdp_bson_begin_own_id(mysimbdp_bson_t *bson) {
    uint8_t *place;
    bson->len = 0;
    bson->depth = 0;
    bson->error = MYSIMBDP_BSON_FINE;
    place = mysimbdp_bson_grow(bson, 4);
    if (place != NULL) {
        mysimbdp_bson_open(bson, 0, place);
    }
}

/* Begins a document whose `_id` the host numbers. Whatever the writer held before is dropped. */
static inline void mysimbdp_bson_begin(mysimbdp_bson_t *bson) {
    uint8_t *place;
    mysimbdp_bson_begin_own_id(bson);
    place = mysimbdp_bson_element(bson, 0x07, "_id", 12);
    if (place != NULL) {
        memset(place, 0, 12);
    }
}

/* Ends the document and gives its bytes, valid until the writer is used again. MYSIMBDP_OK, or _ERROR: see
 * mysimbdp_bson_error_text. */
static inline int32_t mysimbdp_bson_end(mysimbdp_bson_t *bson, mysimbdp_bytes_t *document) {
    if (bson->error == MYSIMBDP_BSON_FINE && bson->depth != 1) {
        bson->error = MYSIMBDP_BSON_UNBALANCED;
    }
    mysimbdp_bson_close(bson);
    if (bson->error != MYSIMBDP_BSON_FINE) {
        return MYSIMBDP_ERROR;
    }
    *document = mysimbdp_bytes(bson->data, bson->len);
    return MYSIMBDP_OK;
}

/* Ends the document and hands it to the host. MYSIMBDP_OK, _REFUSED (the host's last_error tells why), _STOP, or _ERROR:
 * the document could not be written, and the host was told why. */
static inline int32_t mysimbdp_bson_emit(mysimbdp_bson_t *bson, const mysimbdp_host_v1_t *host) {
    mysimbdp_bytes_t document;
    if (mysimbdp_bson_end(bson, &document) != MYSIMBDP_OK) {
        return mysimbdp_fail(host, "%s", mysimbdp_bson_error_text(bson));
    }
    return host->emit(host->ctx, document);
}

/* ---- Elements: `key` is ignored (and may be NULL) inside an array ------------------------------------------------------- */

/* Begins a nested document. */
static inline void mysimbdp_bson_document_begin(mysimbdp_bson_t *bson, const char *key) {
    uint8_t *place = mysimbdp_bson_element(bson, 0x03, key, 4);
    if (place != NULL) {
        mysimbdp_bson_open(bson, 0, place);
    }
}

/* Begins an array. */
static inline void mysimbdp_bson_array_begin(mysimbdp_bson_t *bson, const char *key) {
    uint8_t *place = mysimbdp_bson_element(bson, 0x04, key, 4);
    if (place != NULL) {
        mysimbdp_bson_open(bson, 1, place);
    }
}

/* Ends the innermost nested document or array. */
static inline void mysimbdp_bson_nested_end(mysimbdp_bson_t *bson) {
    if (bson->error == MYSIMBDP_BSON_FINE && bson->depth < 2) {
        bson->error = MYSIMBDP_BSON_UNBALANCED;
    }
    mysimbdp_bson_close(bson);
}

/* Appends a 32-bit integer. */
static inline void mysimbdp_bson_int32(mysimbdp_bson_t *bson, const char *key, int32_t value) {
    uint8_t *place = mysimbdp_bson_element(bson, 0x10, key, 4);
    if (place != NULL) {
        mysimbdp_bson_put32(place, (uint32_t)value);
    }
}

/* Appends a 64-bit integer. */
static inline void mysimbdp_bson_int64(mysimbdp_bson_t *bson, const char *key, int64_t value) {
    uint8_t *place = mysimbdp_bson_element(bson, 0x12, key, 8);
    if (place != NULL) {
        mysimbdp_bson_put64(place, (uint64_t)value);
    }
}

/* Appends a 64-bit floating-point number. */
static inline void mysimbdp_bson_double(mysimbdp_bson_t *bson, const char *key, double value) {
    uint8_t *place = mysimbdp_bson_element(bson, 0x01, key, 8);
    if (place != NULL) {
        uint64_t bits;
        memcpy(&bits, &value, 8);
        mysimbdp_bson_put64(place, bits);
    }
}

/* Appends a boolean. */
static inline void mysimbdp_bson_bool(mysimbdp_bson_t *bson, const char *key, int value) {
    uint8_t *place = mysimbdp_bson_element(bson, 0x08, key, 1);
    if (place != NULL) {
        *place = value ? 1 : 0;
    }
}

/* Appends null. */
static inline void mysimbdp_bson_null(mysimbdp_bson_t *bson, const char *key) {
    (void)mysimbdp_bson_element(bson, 0x0a, key, 0);
}

/* Appends a date: milliseconds since 1970-01-01T00:00:00Z. */
static inline void mysimbdp_bson_datetime(mysimbdp_bson_t *bson, const char *key, int64_t milliseconds) {
    uint8_t *place = mysimbdp_bson_element(bson, 0x09, key, 8);
    if (place != NULL) {
        mysimbdp_bson_put64(place, (uint64_t)milliseconds);
    }
}

/* Appends UTF-8 text. */
static inline void mysimbdp_bson_string(mysimbdp_bson_t *bson, const char *key, mysimbdp_bytes_t value) {
    size_t len = value.len > MYSIMBDP_BSON_MAX ? MYSIMBDP_BSON_MAX : value.len; /* too large either way */
    uint8_t *place = mysimbdp_bson_element(bson, 0x02, key, 4 + len + 1);
    if (place != NULL) {
        mysimbdp_bson_put32(place, (uint32_t)(len + 1));
        if (len != 0) {
            memcpy(place + 4, value.ptr, len);
        }
        place[4 + len] = 0;
    }
}

/* Appends the text of a C string. */
static inline void mysimbdp_bson_text(mysimbdp_bson_t *bson, const char *key, const char *value) {
    mysimbdp_bson_string(bson, key, mysimbdp_text(value));
}

/* Appends bytes of the generic binary subtype. */
static inline void mysimbdp_bson_binary(mysimbdp_bson_t *bson, const char *key, mysimbdp_bytes_t value) {
    size_t len = value.len > MYSIMBDP_BSON_MAX ? MYSIMBDP_BSON_MAX : value.len; /* too large either way */
    uint8_t *place = mysimbdp_bson_element(bson, 0x05, key, 4 + 1 + len);
    if (place != NULL) {
        mysimbdp_bson_put32(place, (uint32_t)len);
        place[4] = 0;
        if (len != 0) {
            memcpy(place + 5, value.ptr, len);
        }
    }
}

/* Appends an ObjectId of twelve bytes. */
static inline void mysimbdp_bson_object_id(mysimbdp_bson_t *bson, const char *key, const uint8_t id[12]) {
    uint8_t *place = mysimbdp_bson_element(bson, 0x07, key, 12);
    if (place != NULL) {
        memcpy(place, id, 12);
    }
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* MYSIMBDP_BSON_H */
