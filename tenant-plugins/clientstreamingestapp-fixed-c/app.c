/*
 * clientstreamingestapp-fixed-c: readings of sensors from short messages to documents, in C.
 *
 * A message is one line with three fields, `attic-1;1700000000;-12.5`; docs/sample-data.md says what comes in and what goes
 * out. Types and ranges are checked, the time becomes a date, two fields are derived, and a message that makes no sense is
 * rejected with the field and its text. Nothing is kept from one message to the next but a buffer.
 */
#include "mysimbdp_bson.h"
#include "mysimbdp_csv.h" /* For its parsers alone. */

enum { SENSOR, WHEN, CELSIUS, FIELDS };

static const char *const NAMES[FIELDS] = {"sensor", "seconds", "celsius"};
static const char *const WANTED[FIELDS] = {
    "a name of 1 to 64 letters, digits, '-', '_' and '.'",
    "a number of seconds from 0 to 253402300799",
    "a number from -273.15 to 10000",
};

static const int64_t LAST_SECOND = INT64_C(253402300799); /* 9999-12-31T23:59:59Z */

/* A message, its fields in their types. */
typedef struct {
    mysimbdp_bytes_t sensor;
    int64_t when; /* Seconds since 1970. */
    double celsius;
} reading_t;

/* Cuts the body into fields at each `;`. How many there are; those beyond FIELDS are counted, not kept. */
static size_t split(mysimbdp_bytes_t body, mysimbdp_bytes_t field[FIELDS]) {
    const char *text = (const char *)body.ptr;
    size_t start = 0, count = 0, at;
    for (at = 0; at <= body.len; at++) {
        if (at < body.len && text[at] != ';') continue;
        if (count < FIELDS) field[count] = mysimbdp_bytes(text + start, at - start);
        count += 1;
        start = at + 1;
    }
    return count;
}

static int is_name(mysimbdp_bytes_t text) {
    const char *letter = (const char *)text.ptr;
    size_t at;
    for (at = 0; at < text.len; at++) {
        int fits = (letter[at] >= 'a' && letter[at] <= 'z') || (letter[at] >= 'A' && letter[at] <= 'Z') ||
                   (letter[at] >= '0' && letter[at] <= '9') || letter[at] == '-' || letter[at] == '_' || letter[at] == '.';
        if (!fits) return 0;
    }
    return text.len >= 1 && text.len <= 64;
}

/* The first field that does not fit, or FIELDS. */
static size_t parse(const mysimbdp_bytes_t field[FIELDS], reading_t *reading) {
    reading->sensor = field[SENSOR];
    if (!is_name(reading->sensor)) return SENSOR;
    if (!mysimbdp_parse_int64(field[WHEN], &reading->when) || reading->when < 0 || reading->when > LAST_SECOND) return WHEN;
    if (!mysimbdp_parse_double(field[CELSIUS], &reading->celsius)) return CELSIUS;
    if (reading->celsius < -273.15 || reading->celsius > 10000.0) return CELSIUS;
    return FIELDS;
}

static void write_reading(mysimbdp_bson_t *doc, const reading_t *reading, const mysimbdp_properties_v1_t *properties) {
    mysimbdp_bson_begin(doc);
    mysimbdp_bson_string(doc, "sensor", reading->sensor);
    mysimbdp_bson_datetime(doc, "at", reading->when * 1000);
    mysimbdp_bson_double(doc, "celsius", reading->celsius);
    mysimbdp_bson_double(doc, "kelvin", reading->celsius + 273.15);
    if ((properties->present & MYSIMBDP_HAS_TIMESTAMP) != 0 && properties->timestamp <= (uint64_t)LAST_SECOND)
        mysimbdp_bson_int64(doc, "late_s", (int64_t)properties->timestamp - reading->when);
    else
        mysimbdp_bson_null(doc, "late_s");
}

static int32_t on_message(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_message_v1_t *message) {
    mysimbdp_bson_t *doc = (mysimbdp_bson_t *)instance;
    mysimbdp_bytes_t body = message->body, field[FIELDS];
    reading_t reading;
    size_t count, misfit;
    if (body.len != 0 && ((const char *)body.ptr)[body.len - 1] == '\n') body.len -= 1;
    count = split(body, field);
    if (count != FIELDS) return mysimbdp_reject(host, "message has %lu fields where 3 belong", (unsigned long)count);
    misfit = parse(field, &reading);
    if (misfit != FIELDS) {
        mysimbdp_bytes_t text = mysimbdp_cut(field[misfit], 60);
        return mysimbdp_reject(host, "field %lu (%s): \"%.*s\" is not %s", (unsigned long)misfit + 1, NAMES[misfit],
                               (int)text.len, (const char *)text.ptr, WANTED[misfit]);
    }
    write_reading(doc, &reading, &message->properties);
    return mysimbdp_bson_emit(doc, host);
}

/* An instance is the writer, whose buffer is used again for every message. */
static int32_t create(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance) {
    mysimbdp_bson_t *doc = (mysimbdp_bson_t *)malloc(sizeof *doc);
    (void)config;
    if (doc == NULL) return mysimbdp_fail(host, "out of memory");
    mysimbdp_bson_init(doc);
    *instance = doc;
    return MYSIMBDP_OK;
}

static void destroy(void *instance) {
    mysimbdp_bson_free((mysimbdp_bson_t *)instance);
    free(instance);
}

MYSIMBDP_EXPORT_STREAM("clientstreamingestapp-fixed-c", "0.1.0", 0, create, on_message, destroy)
