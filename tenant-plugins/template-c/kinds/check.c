/* my-app: a check that lets a file pass when it looks like CSV and a message when it has an identity. */
#include "mysimbdp_plugin.h"

static int32_t check_input(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    static const char ending[] = ".csv";
    const size_t len = sizeof ending - 1;
    (void)instance;
    if (input->name.len < len || memcmp((const char *)input->name.ptr + input->name.len - len, ending, len) != 0)
        return mysimbdp_reject(host, "%.*s does not end in .csv", (int)input->name.len, (const char *)input->name.ptr);
    return MYSIMBDP_OK;
}

static int32_t check_message(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_message_v1_t *message) {
    (void)instance;
    if (message->properties.message_id.len == 0)
        return mysimbdp_reject(host, "the message has no message id");
    return MYSIMBDP_OK;
}

/* The third question, about each document, is not answered here: NULL. */
MYSIMBDP_EXPORT_CHECK("my-app", "0.1.0", 0, mysimbdp_create_nothing, check_input, check_message, NULL,
                      mysimbdp_destroy_nothing)
