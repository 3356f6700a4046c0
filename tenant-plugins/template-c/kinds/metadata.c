/* my-app: says about each file or window how many documents were stored of it. */
#include "mysimbdp_bson.h"

/* Of the file or window in work. */
typedef struct {
    char subject[256];
    size_t subject_len;
    int64_t size;
    int64_t documents;
} summary_t;

static int32_t create(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance) {
    (void)config;
    *instance = calloc(1, sizeof(summary_t));
    return *instance == NULL ? mysimbdp_fail(host, "out of memory") : MYSIMBDP_OK;
}

static int32_t begin(void *instance, const mysimbdp_host_v1_t *host, mysimbdp_bytes_t subject, uint64_t size) {
    summary_t *summary = (summary_t *)instance;
    mysimbdp_bytes_t kept = mysimbdp_cut(subject, sizeof summary->subject);
    (void)host;
    memset(summary, 0, sizeof *summary);
    if (kept.len != 0) memcpy(summary->subject, kept.ptr, kept.len); /* What the host lends is gone after this call. */
    summary->subject_len = kept.len;
    summary->size = (int64_t)size;
    return MYSIMBDP_OK;
}

static int32_t observe(void *instance, const mysimbdp_host_v1_t *host, mysimbdp_bytes_t document) {
    (void)host;
    (void)document;
    ((summary_t *)instance)->documents += 1;
    return MYSIMBDP_OK;
}

static int32_t finish(void *instance, const mysimbdp_host_v1_t *host) {
    const summary_t *summary = (const summary_t *)instance;
    mysimbdp_bson_t doc;
    int32_t status;
    mysimbdp_bson_init(&doc);
    mysimbdp_bson_begin(&doc);
    mysimbdp_bson_string(&doc, "subject", mysimbdp_bytes(summary->subject, summary->subject_len));
    mysimbdp_bson_int64(&doc, "bytes", summary->size);
    mysimbdp_bson_int64(&doc, "documents", summary->documents);
    status = mysimbdp_bson_emit(&doc, host);
    mysimbdp_bson_free(&doc);
    if (status == MYSIMBDP_REFUSED) {
        host->fail(host->ctx, host->last_error(host->ctx));
        return MYSIMBDP_ERROR;
    }
    return status == MYSIMBDP_STOP ? MYSIMBDP_OK : status;
}

MYSIMBDP_EXPORT_METADATA("my-app", "0.1.0", 0, create, begin, observe, finish, free)
