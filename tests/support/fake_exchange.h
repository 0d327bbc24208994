/* fake_exchange.h - one request and its collected answer, without a session: a test double of
 * net/exchange.h. Layer: tests. One thread. */
#ifndef FCT_TESTS_SUPPORT_FAKE_EXCHANGE_H
#define FCT_TESTS_SUPPORT_FAKE_EXCHANGE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"
#include "net/exchange.h"

#define FAKE_FIELDS_MAX 16

struct fake_exchange {
    struct fct_exchange exchange;
    struct fct_field fields[FAKE_FIELDS_MAX];
    char request[8192]; /* the texts of the request */
    size_t room;        /* what fct_exchange_room gives; writes take from it */
    size_t released;
    unsigned fail_respond; /* respond, write and finish fail at their n-th call, counted from 1 */
    unsigned fail_write;
    unsigned fail_finish;
    /* the answer */
    unsigned status; /* 0: no answer yet */
    char head[4096]; /* "name: value\n" ... */
    char trailers[512];
    char *body; /* ends with a zero byte */
    size_t body_len;
    bool finished;
    bool aborted;
    bool closed;
    void (*changed)(void *data); /* called after each of these, or NULL */
    void *changed_data;
};

static inline struct fake_exchange *fake_of(const struct fct_exchange *exchange)
{
    return (struct fake_exchange *)(uintptr_t)exchange; /* must be the first member */
}

static inline void fake_changed(struct fake_exchange *fake)
{
    if (fake->changed != NULL) {
        fake->changed(fake->changed_data);
    }
}

static inline void fake_print_fields(char *to, size_t size, const struct fct_field *fields,
                                     size_t count)
{
    size_t len = strlen(to);
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(to + len, size - len, "%.*s: %.*s\n", (int)fields[i].name.len,
                                (const char *)fields[i].name.ptr, (int)fields[i].value.len,
                                (const char *)fields[i].value.ptr);
    }
}

static inline factum_status fake_respond(struct fct_exchange *exchange, unsigned status,
                                         const struct fct_field *fields, size_t count)
{
    struct fake_exchange *fake = fake_of(exchange);
    if (fake->status != 0 || fake->closed) {
        abort(); /* a mistake of the handler */
    }
    if (fake->fail_respond > 0 && --fake->fail_respond == 0) {
        return FACTUM_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) { /* fields that a session does not send */
        static const char *const never[] = {
            "connection",        "te",         "trailer", "upgrade",
            "transfer-encoding", "keep-alive", ":status", "proxy-connection"};
        for (size_t k = 0; k < sizeof never / sizeof never[0]; k++) {
            if (fct_slice_equal(fields[i].name, factum_slice_from(never[k]))) {
                return FACTUM_INVALID;
            }
        }
    }
    fake->status = status;
    fake_print_fields(fake->head, sizeof fake->head, fields, count);
    fake_changed(fake);
    return FACTUM_OK;
}

static inline size_t fake_room(const struct fct_exchange *exchange)
{
    return fake_of(exchange)->room;
}

static inline factum_status fake_write(struct fct_exchange *exchange, factum_slice bytes)
{
    struct fake_exchange *fake = fake_of(exchange);
    if (fake->status == 0 || fake->finished || fake->closed) {
        abort();
    }
    if (fake->fail_write > 0 && --fake->fail_write == 0) {
        return FACTUM_NO_MEMORY;
    }
    fake->body = realloc(fake->body, fake->body_len + bytes.len + 1);
    memcpy(fake->body + fake->body_len, bytes.ptr, bytes.len);
    fake->body_len += bytes.len;
    fake->body[fake->body_len] = '\0';
    fake->room -= fake->room < bytes.len ? fake->room : bytes.len;
    fake_changed(fake);
    return FACTUM_OK;
}

static inline factum_status fake_finish(struct fct_exchange *exchange,
                                        const struct fct_field *trailers, size_t count)
{
    struct fake_exchange *fake = fake_of(exchange);
    if (fake->status == 0 || fake->finished || fake->closed) {
        abort();
    }
    if (fake->fail_finish > 0 && --fake->fail_finish == 0) {
        return FACTUM_NO_MEMORY;
    }
    fake->finished = true;
    fake_print_fields(fake->trailers, sizeof fake->trailers, trailers, count);
    fake_changed(fake);
    return FACTUM_OK;
}

static inline void fake_release(struct fct_exchange *exchange, size_t size)
{
    fake_of(exchange)->released += size;
}

static inline void fake_abort(struct fct_exchange *exchange, enum fct_abort why)
{
    struct fake_exchange *fake = fake_of(exchange);
    (void)why;
    fake->aborted = true;
    fake_changed(fake);
}

/* Fills |fake|: |line| is "METHOD target", |fields| is "name: value " ..., where host: is the
 * authority. Both are copied. */
static inline void fake_init(struct fake_exchange *fake, const struct fct_peer *peer,
                             const char *line, const char *fields)
{
    static const struct fct_exchange_ops ops = {fake_respond, fake_room,  fake_write, fake_finish,
                                                fake_release, fake_abort, NULL};
    memset(fake, 0, sizeof *fake);
    fake->room = 1 << 20;
    size_t line_len = strlen(line);
    if (snprintf(fake->request, sizeof fake->request, "%s%s", line, fields) >=
        (int)sizeof fake->request) {
        abort();
    }
    const char *blank = strchr(fake->request, ' ');
    struct fct_exchange *exchange = &fake->exchange;
    exchange->ops = &ops;
    exchange->peer = peer;
    exchange->method = fct_slice(fake->request, (size_t)(blank - fake->request));
    exchange->target = fct_slice(blank + 1, line_len - exchange->method.len - 1);
    exchange->authority = FCT_SLICE("localhost:2113");
    exchange->fields = fake->fields;
    const char *at = fake->request + line_len;
    while (*at != '\0' && exchange->field_count < FAKE_FIELDS_MAX) {
        const char *end = strchr(at, '\n');
        const char *colon = strstr(at, ": ");
        struct fct_field field = {fct_slice(at, (size_t)(colon - at)),
                                  fct_slice(colon + 2, (size_t)(end - colon - 2))};
        if (fct_slice_equal(field.name, FCT_SLICE("host"))) {
            exchange->authority = field.value;
        } else {
            fake->fields[exchange->field_count++] = field;
        }
        at = end + 1;
    }
}

/* The body in pieces of |piece| bytes, then the end of the request. */
static inline void fake_send(struct fake_exchange *fake, const char *body, size_t len, size_t piece)
{
    struct fct_exchange *exchange = &fake->exchange;
    for (size_t at = 0; at < len; at += piece) {
        size_t size = len - at < piece ? len - at : piece;
        /* A block of its own, so that a sanitizer sees reads past its end or after the call. */
        char *copy = malloc(size);
        memcpy(copy, body + at, size);
        exchange->handler->body(exchange, fct_slice(copy, size));
        free(copy);
    }
    exchange->handler->end(exchange);
}

/* The session releases the exchange. */
static inline void fake_close(struct fake_exchange *fake)
{
    if (!fake->closed && fake->exchange.handler != NULL) {
        fake->exchange.handler->closed(&fake->exchange, fake->finished);
    }
    fake->closed = true;
}

static inline void fake_free(struct fake_exchange *fake)
{
    fake_close(fake);
    free(fake->body);
    fake->body = NULL;
}

#endif
