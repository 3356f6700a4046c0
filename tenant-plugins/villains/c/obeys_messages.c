/* A stream app that does what a message says, for tests of the host: one word, and a number where it needs one.
 *
 *   n 5        a document {n: 5}
 *   many 3     three documents {n: 0}, {n: 1}, {n: 2}
 *   build      a document {n: …} with the number that it was compiled with
 *   nothing    takes the message and emits nothing
 *   reject     rejects it
 *   fail       fails, which is no rejection
 *   panic      says that it panicked
 *   die        ends the process by a signal
 *   slow 20    sleeps so many milliseconds, then a document {n: 20}
 *   headers 4  a document {n: 4, headers: …} with the message's headers, where it has any
 *   first 3    dies, unless it is the first message of its life: innocent alone
 */
#define _GNU_SOURCE
#include "mysimbdp_plugin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef BUILD
#define BUILD 0
#endif

static int calls;

static int32_t create(const mysimbdp_host_v1_t *host, mysimbdp_bytes_t config, void **instance) {
    (void)host, (void)config, (void)instance;
    return MYSIMBDP_OK;
}

static void destroy(void *instance) {
    (void)instance;
}

/* {n: number} */
static int32_t emit(const mysimbdp_host_v1_t *host, long number) {
    uint8_t document[16] = {16, 0, 0, 0, 0x12, 'n', 0};
    for (int byte = 0; byte < 8; byte++) document[7 + byte] = (uint8_t)((uint64_t)number >> (8 * byte));
    document[15] = 0;
    return host->emit(host->ctx, (mysimbdp_bytes_t){document, sizeof document});
}

/* {n: number, headers: …} */
static int32_t echo(const mysimbdp_host_v1_t *host, long number, mysimbdp_bytes_t headers) {
    if (headers.ptr == NULL) return emit(host, number);
    size_t length = 15 + 9 + headers.len + 1;
    uint8_t *document = malloc(length);
    if (document == NULL) return MYSIMBDP_ERROR;
    for (int byte = 0; byte < 4; byte++) document[byte] = (uint8_t)(length >> (8 * byte));
    memcpy(document + 4, "\x12n", 3);
    for (int byte = 0; byte < 8; byte++) document[7 + byte] = (uint8_t)((uint64_t)number >> (8 * byte));
    memcpy(document + 15, "\x03headers", 9);
    memcpy(document + 24, headers.ptr, headers.len);
    document[length - 1] = 0;
    int32_t status = host->emit(host->ctx, (mysimbdp_bytes_t){document, length});
    free(document);
    return status;
}

static int32_t said(const mysimbdp_host_v1_t *host, const char *why, int32_t status) {
    host->fail(host->ctx, (mysimbdp_bytes_t){(const uint8_t *)why, strlen(why)});
    return status;
}

static int32_t on_message(void *instance, const mysimbdp_host_v1_t *host, const mysimbdp_message_v1_t *message) {
    char body[64] = "", word[32] = "";
    long number = 0;
    (void)instance;
    calls++;
    if (message->body.len > 0) memcpy(body, message->body.ptr, message->body.len < 63 ? message->body.len : 63);
    if (sscanf(body, "%31s %ld", word, &number) < 1) return said(host, "an empty message", MYSIMBDP_REJECT);
    if (!strcmp(word, "n")) return emit(host, number);
    if (!strcmp(word, "many")) {
        for (long each = 0; each < number; each++) emit(host, each);
        return MYSIMBDP_OK;
    }
    if (!strcmp(word, "build")) return emit(host, BUILD);
    if (!strcmp(word, "nothing")) return MYSIMBDP_OK;
    if (!strcmp(word, "headers")) return echo(host, number, message->properties.headers);
    if (!strcmp(word, "fail")) return said(host, "it cannot go on", MYSIMBDP_ERROR);
    if (!strcmp(word, "panic")) return said(host, "panicked at app.c:1", MYSIMBDP_PANIC);
    if (!strcmp(word, "die")) abort();
    if (!strcmp(word, "first")) {
        if (calls > 1) abort();
        return emit(host, number);
    }
    if (!strcmp(word, "slow")) {
        struct timespec pause = {number / 1000, (number % 1000) * 1000000};
        nanosleep(&pause, NULL);
        return emit(host, number);
    }
    return said(host, "not a word that it knows", MYSIMBDP_REJECT);
}

MYSIMBDP_EXPORT_STREAM("obeys-messages", "1", 0, create, on_message, destroy)
