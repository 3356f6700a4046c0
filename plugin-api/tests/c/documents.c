/* Writes documents with mysimbdp_bson.h and prints them in hex, then makes each mistake and prints its sentence. */
#include "mysimbdp_bson.h"

static void print(mysimbdp_bson_t *bson) {
    mysimbdp_bytes_t document;
    size_t index;
    if (mysimbdp_bson_end(bson, &document) != MYSIMBDP_OK) {
        printf("%s\n", mysimbdp_bson_error_text(bson));
        return;
    }
    for (index = 0; index < document.len; index++) {
        printf("%02x", ((const uint8_t *)document.ptr)[index]);
    }
    printf("\n");
}

int main(void) {
    static const uint8_t id[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    mysimbdp_bson_t bson;
    int index;
    char *large;
    mysimbdp_bson_init(&bson);

    mysimbdp_bson_begin(&bson);
    mysimbdp_bson_int32(&bson, "int32", -5);
    mysimbdp_bson_int64(&bson, "int64", INT64_MIN);
    mysimbdp_bson_double(&bson, "double", -73.978165);
    mysimbdp_bson_bool(&bson, "yes", 2);
    mysimbdp_bson_bool(&bson, "no", 0);
    mysimbdp_bson_null(&bson, "null");
    mysimbdp_bson_datetime(&bson, "date", -1);
    mysimbdp_bson_string(&bson, "string", mysimbdp_bytes("with\0nul", 8));
    mysimbdp_bson_string(&bson, "absent", mysimbdp_bytes(NULL, 0));
    mysimbdp_bson_binary(&bson, "bytes", mysimbdp_bytes("\x00\xff", 2));
    mysimbdp_bson_object_id(&bson, "oid", id);
    mysimbdp_bson_document_begin(&bson, "nested");
    mysimbdp_bson_array_begin(&bson, "array");
    for (index = 0; index < 12; index++) {
        mysimbdp_bson_int32(&bson, NULL, index);
    }
    mysimbdp_bson_nested_end(&bson);
    mysimbdp_bson_nested_end(&bson);
    mysimbdp_bson_text(&bson, "last", "\xC3\xA9");
    print(&bson);

    mysimbdp_bson_begin_own_id(&bson);
    mysimbdp_bson_text(&bson, "_id", "mine");
    print(&bson);

    mysimbdp_bson_begin(&bson);
    for (index = 0; index < 100; index++) {
        mysimbdp_bson_document_begin(&bson, "deeper");
    }
    print(&bson);

    mysimbdp_bson_begin(&bson);
    mysimbdp_bson_array_begin(&bson, "open");
    print(&bson);

    mysimbdp_bson_begin(&bson);
    mysimbdp_bson_nested_end(&bson);
    print(&bson);

    mysimbdp_bson_begin(&bson);
    mysimbdp_bson_int32(&bson, NULL, 1);
    print(&bson);

    print(&bson);
    mysimbdp_bson_free(&bson);
    mysimbdp_bson_int32(&bson, "outside", 1);
    print(&bson);

    large = (char *)malloc(MYSIMBDP_BSON_MAX);
    if (large == NULL) {
        return 2;
    }
    memset(large, 'x', MYSIMBDP_BSON_MAX);
    mysimbdp_bson_begin(&bson);
    mysimbdp_bson_string(&bson, "large", mysimbdp_bytes(large, MYSIMBDP_BSON_MAX));
    print(&bson);
    mysimbdp_bson_begin(&bson);
    mysimbdp_bson_string(&bson, "large", mysimbdp_bytes(large, MYSIMBDP_BSON_MAX - 64));
    printf("%d %lu\n", bson.error, (unsigned long)bson.len);
    mysimbdp_bson_free(&bson);
    free(large);
    return 0;
}
