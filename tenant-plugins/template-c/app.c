/* my-app: takes files of orders and stores one document for each row. */
#include "mysimbdp_bson.h"
#include "mysimbdp_csv.h"

enum { ID, ITEM, QUANTITY, PRICE, COLUMNS };
static const char *const NAMES[COLUMNS] = {"id", "item", "quantity", "price"};

static int32_t take_row(mysimbdp_csv_t *csv, const size_t *column, mysimbdp_bson_t *doc, const mysimbdp_host_v1_t *host) {
    int64_t id, quantity;
    double price;
    if (!mysimbdp_parse_int64(mysimbdp_csv_field(csv, column[ID]), &id))
        return mysimbdp_csv_reject(csv, "the id is not a number");
    if (!mysimbdp_parse_int64(mysimbdp_csv_field(csv, column[QUANTITY]), &quantity) || quantity > INT32_MAX)
        return mysimbdp_csv_reject(csv, "the quantity is not a number");
    if (!mysimbdp_parse_double(mysimbdp_csv_field(csv, column[PRICE]), &price))
        return mysimbdp_csv_reject(csv, "the price is not a number");
    if (quantity < 1)
        return mysimbdp_csv_reject(csv, "quantity %ld is less than one", (long)quantity);

    mysimbdp_bson_begin(doc);
    mysimbdp_bson_int64(doc, "id", id);
    mysimbdp_bson_string(doc, "item", mysimbdp_csv_field(csv, column[ITEM]));
    mysimbdp_bson_int32(doc, "quantity", (int32_t)quantity);
    mysimbdp_bson_double(doc, "price", price);
    mysimbdp_bson_double(doc, "total", price * (double)quantity);
    return mysimbdp_csv_settle(csv, mysimbdp_bson_emit(doc, host));
}

static int32_t ingest(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    mysimbdp_csv_t csv;
    mysimbdp_bson_t doc;
    size_t column[COLUMNS];
    int32_t status;
    (void)instance;
    mysimbdp_bson_init(&doc);
    status = mysimbdp_csv_open(&csv, host, input, NULL);
    if (status == MYSIMBDP_OK) status = mysimbdp_csv_columns(&csv, NAMES, COLUMNS, column);
    while (status == MYSIMBDP_OK && mysimbdp_csv_next(&csv)) status = take_row(&csv, column, &doc, host);
    mysimbdp_bson_free(&doc);
    return mysimbdp_csv_close(&csv, status);
}

MYSIMBDP_EXPORT_BATCH("my-app", "0.1.0", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)
