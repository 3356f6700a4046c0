/*
 * clientbatchingestapp-csv-c: taxi trips from CSV to documents, in C.
 *
 * The same wrangling as ../clientbatchingestapp-csv in Rust, byte for byte the same documents; docs/sample-data.md says what
 * comes in and what goes out. Types are checked, times become dates, places are nested, two fields are derived, and a row
 * that makes no sense is rejected with the values that make none.
 */
#include "mysimbdp_bson.h"
#include "mysimbdp_csv.h"

enum {
    TRIP_ID, VENDOR, PICKUP_AT, DROPOFF_AT, PASSENGERS, DISTANCE_KM, PICKUP_LON, PICKUP_LAT, DROPOFF_LON, DROPOFF_LAT,
    RATE_CODE, STORE_AND_FORWARD, PAYMENT, FARE, TIP, TOLLS, TOTAL, COMMENT, COLUMNS
};

static const char *const NAMES[COLUMNS] = {
    "trip_id", "vendor", "pickup_at", "dropoff_at", "passengers", "distance_km", "pickup_lon", "pickup_lat", "dropoff_lon",
    "dropoff_lat", "rate_code", "store_and_forward", "payment", "fare", "tip", "tolls", "total", "comment"
};

/* A file in work. */
typedef struct {
    mysimbdp_csv_t csv;
    size_t column[COLUMNS]; /* Where each column stands in this file. */
    mysimbdp_bson_t doc;
} run_t;

/* A row, its fields in their types. */
typedef struct {
    int64_t trip_id, pickup_at, dropoff_at;
    int32_t passengers, rate_code;
    double distance_km, pickup_lon, pickup_lat, dropoff_lon, dropoff_lat, fare, tip, tolls, total;
    int store_and_forward;
} trip_t;

static mysimbdp_bytes_t field(const run_t *run, size_t name) { return mysimbdp_csv_field(&run->csv, run->column[name]); }

/* The first field that does not fit its type, or COLUMNS. */
static size_t parse(const run_t *run, trip_t *trip) {
    int64_t passengers, rate_code;
    if (!mysimbdp_parse_int64(field(run, TRIP_ID), &trip->trip_id)) return TRIP_ID;
    if (!mysimbdp_parse_datetime(field(run, PICKUP_AT), &trip->pickup_at)) return PICKUP_AT;
    if (!mysimbdp_parse_datetime(field(run, DROPOFF_AT), &trip->dropoff_at)) return DROPOFF_AT;
    if (!mysimbdp_parse_int64(field(run, PASSENGERS), &passengers) || passengers < INT32_MIN || passengers > INT32_MAX)
        return PASSENGERS;
    if (!mysimbdp_parse_double(field(run, DISTANCE_KM), &trip->distance_km)) return DISTANCE_KM;
    if (!mysimbdp_parse_double(field(run, PICKUP_LON), &trip->pickup_lon)) return PICKUP_LON;
    if (!mysimbdp_parse_double(field(run, PICKUP_LAT), &trip->pickup_lat)) return PICKUP_LAT;
    if (!mysimbdp_parse_double(field(run, DROPOFF_LON), &trip->dropoff_lon)) return DROPOFF_LON;
    if (!mysimbdp_parse_double(field(run, DROPOFF_LAT), &trip->dropoff_lat)) return DROPOFF_LAT;
    if (!mysimbdp_parse_int64(field(run, RATE_CODE), &rate_code) || rate_code < INT32_MIN || rate_code > INT32_MAX)
        return RATE_CODE;
    trip->store_and_forward = mysimbdp_bytes_equal(field(run, STORE_AND_FORWARD), "Y");
    if (!trip->store_and_forward && !mysimbdp_bytes_equal(field(run, STORE_AND_FORWARD), "N")) return STORE_AND_FORWARD;
    if (!mysimbdp_parse_double(field(run, FARE), &trip->fare)) return FARE;
    if (!mysimbdp_parse_double(field(run, TIP), &trip->tip)) return TIP;
    if (!mysimbdp_parse_double(field(run, TOLLS), &trip->tolls)) return TOLLS;
    if (!mysimbdp_parse_double(field(run, TOTAL), &trip->total)) return TOTAL;
    trip->passengers = (int32_t)passengers;
    trip->rate_code = (int32_t)rate_code;
    return COLUMNS;
}

static void place(mysimbdp_bson_t *doc, const char *key, double lon, double lat) {
    mysimbdp_bson_document_begin(doc, key);
    mysimbdp_bson_double(doc, "lon", lon);
    mysimbdp_bson_double(doc, "lat", lat);
    mysimbdp_bson_nested_end(doc);
}

static void write_trip(run_t *run, const trip_t *trip) {
    mysimbdp_bson_t *doc = &run->doc;
    mysimbdp_bytes_t comment = field(run, COMMENT);
    int64_t duration_s = (trip->dropoff_at - trip->pickup_at) / 1000;
    mysimbdp_bson_begin(doc);
    mysimbdp_bson_int64(doc, "trip_id", trip->trip_id);
    mysimbdp_bson_string(doc, "vendor", field(run, VENDOR));
    mysimbdp_bson_datetime(doc, "pickup_at", trip->pickup_at);
    mysimbdp_bson_datetime(doc, "dropoff_at", trip->dropoff_at);
    mysimbdp_bson_int64(doc, "duration_s", duration_s);
    mysimbdp_bson_int32(doc, "passengers", trip->passengers);
    mysimbdp_bson_double(doc, "distance_km", trip->distance_km);
    if (duration_s == 0)
        mysimbdp_bson_null(doc, "speed_kmh");
    else
        mysimbdp_bson_double(doc, "speed_kmh", trip->distance_km * 3600.0 / (double)duration_s);
    place(doc, "pickup", trip->pickup_lon, trip->pickup_lat);
    place(doc, "dropoff", trip->dropoff_lon, trip->dropoff_lat);
    mysimbdp_bson_int32(doc, "rate_code", trip->rate_code);
    mysimbdp_bson_bool(doc, "store_and_forward", trip->store_and_forward);
    mysimbdp_bson_string(doc, "payment", field(run, PAYMENT));
    mysimbdp_bson_double(doc, "fare", trip->fare);
    mysimbdp_bson_double(doc, "tip", trip->tip);
    mysimbdp_bson_double(doc, "tolls", trip->tolls);
    mysimbdp_bson_double(doc, "total", trip->total);
    if (comment.len == 0)
        mysimbdp_bson_null(doc, "comment");
    else
        mysimbdp_bson_string(doc, "comment", comment);
}

static int32_t take_row(run_t *run, const mysimbdp_host_v1_t *host) {
    trip_t trip;
    size_t misfit = parse(run, &trip);
    if (misfit != COLUMNS) {
        mysimbdp_bytes_t text = mysimbdp_cut(field(run, misfit), 60);
        return mysimbdp_csv_reject(&run->csv, "column `%s`: \"%.*s\" does not fit", NAMES[misfit], (int)text.len,
                                   (const char *)text.ptr);
    }
    if (trip.dropoff_at < trip.pickup_at) {
        mysimbdp_bytes_t pickup = field(run, PICKUP_AT), dropoff = field(run, DROPOFF_AT);
        return mysimbdp_csv_reject(&run->csv, "dropoff at %.*s is before pickup at %.*s", (int)dropoff.len,
                                   (const char *)dropoff.ptr, (int)pickup.len, (const char *)pickup.ptr);
    }
    if (trip.fare < 0.0) {
        mysimbdp_bytes_t fare = field(run, FARE);
        return mysimbdp_csv_reject(&run->csv, "fare %.*s is negative", (int)fare.len, (const char *)fare.ptr);
    }
    write_trip(run, &trip);
    return mysimbdp_csv_settle(&run->csv, mysimbdp_bson_emit(&run->doc, host));
}

static int32_t ingest(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    run_t run;
    int32_t status;
    (void)instance;
    mysimbdp_bson_init(&run.doc);
    status = mysimbdp_csv_open(&run.csv, host, input, NULL);
    if (status == MYSIMBDP_OK) status = mysimbdp_csv_columns(&run.csv, NAMES, COLUMNS, run.column);
    while (status == MYSIMBDP_OK && mysimbdp_csv_next(&run.csv)) status = take_row(&run, host);
    mysimbdp_bson_free(&run.doc);
    return mysimbdp_csv_close(&run.csv, status);
}

MYSIMBDP_EXPORT_BATCH("clientbatchingestapp-csv-c", "0.1.0", MYSIMBDP_FLAG_ROWS_INDEPENDENT, mysimbdp_create_nothing, ingest,
                      mysimbdp_destroy_nothing)
