/* my-app: takes messages and stores one document for each: where it came from, and its text. */
#include "mysimbdp_bson.h"

static int32_t on_message(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_message_v1_t *message) {
    mysimbdp_bson_t doc;
    int32_t status;
    (void)instance;
    if (message->body.len == 0)
        return mysimbdp_reject(host, "the message has no body");
    mysimbdp_bson_init(&doc);
    mysimbdp_bson_begin(&doc);
    mysimbdp_bson_string(&doc, "routing_key", message->delivery.routing_key);
    if ((message->properties.present & MYSIMBDP_HAS_TIMESTAMP) != 0)
        mysimbdp_bson_datetime(&doc, "published_at", (int64_t)message->properties.timestamp * 1000);
    mysimbdp_bson_string(&doc, "text", message->body);
    status = mysimbdp_bson_emit(&doc, host);
    mysimbdp_bson_free(&doc);
    if (status == MYSIMBDP_REFUSED) { /* For example a body that is not UTF-8. */
        host->fail(host->ctx, host->last_error(host->ctx));
        return MYSIMBDP_REJECT;
    }
    return status == MYSIMBDP_STOP ? MYSIMBDP_OK : status;
}

MYSIMBDP_EXPORT_STREAM("my-app", "0.1.0", 0, mysimbdp_create_nothing, on_message, mysimbdp_destroy_nothing)
