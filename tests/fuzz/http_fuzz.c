/* http_fuzz.c - any request to the HTTP door, over a store in memory: "METHOD target", lines with
 * fields, an empty line, the body. URLs, filters, bodies, CloudEvents, ids of server-sent events.
 * Each is answered or refused, and nothing of it stays. */
#include <factum/ndjson.h>
#include <factum/testing.h>

#include "core/check.h"
#include "support/fake_exchange.h"

#include "server/server_int.h"

#define REQUESTS_PER_STORE 500
#define TURNS_MAX 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fct_server server;
static struct fct_timer turn;

static void end_turn(struct fct_timer *timer)
{
    (void)timer;
    fct_loop_stop(server.loop);
}

static void open_server(void)
{
    static const char events[] = "{\"stream\":\"a-1\",\"type\":\"T\",\"data\":1,\"tags\":[\"x\"]}\n"
                                 "{\"stream\":\"a-2\",\"type\":\"U\",\"data\":2}\n";
    factum_error err;
    server = (struct fct_server){
        .mem = fct_mem_heap(), .append_size_max = 1 << 20, .event_size_max = 1 << 20};
    FCT_ASSERT(factum_testing_open_memory(NULL, &server.store, &err) == FACTUM_OK);
    FCT_ASSERT(factum_testing_given(server.store, events, &err) == FACTUM_OK);
    FCT_ASSERT(fct_loop_create(server.mem, &server.loop, &err) == FACTUM_OK);
    FCT_ASSERT(fct_appends_open(&server, &err) == FACTUM_OK);
    FCT_ASSERT(fct_feeds_open(&server, &err) == FACTUM_OK);
    turn.run = end_turn;
}

static void close_server(void)
{
    factum_error err;
    fct_feeds_close(&server);
    fct_appends_close(&server);
    fct_loop_destroy(server.loop);
    FCT_ASSERT(factum_close(server.store, &err) == FACTUM_OK);
    server.store = NULL;
}

static void run_for(unsigned ms)
{
    fct_timer_start(server.loop, &turn, ms, 0);
    fct_loop_run(server.loop);
}

/* The head of the input as the fake wants it; false if it is none. */
static bool split(const uint8_t *data, size_t size, char line[2048], char fields[2048],
                  factum_slice *body)
{
    factum_slice rest = fct_slice(data, size);
    size_t used = 0;
    bool first = true;
    line[0] = '\0';
    fields[0] = '\0';
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.ptr);
        factum_slice part = fct_slice(rest.ptr, len);
        rest = fct_slice_from(rest, end == NULL ? len : len + 1);
        if (part.len > 1000 || (len > 0 && memchr(part.ptr, '\0', len) != NULL)) {
            return false;
        }
        if (first) {
            first = false;
            (void)snprintf(line, 2048, "%.*s", (int)len, (const char *)part.ptr);
            if (strchr(line, ' ') == NULL) {
                return false;
            }
        } else if (len == 0) {
            break;
        } else {
            const char *colon = memchr(part.ptr, ':', len);
            if (colon == NULL || (size_t)((const uint8_t *)colon - part.ptr) + 2 > len ||
                colon[1] != ' ' || used + len + 2 > 2048) {
                return false;
            }
            used += (size_t)snprintf(fields + used, 2048 - used, "%.*s\n", (int)len,
                                     (const char *)part.ptr);
        }
    }
    *body = rest;
    return !first;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned requests;
    static struct fake_exchange fake;
    static const struct fct_principal admin = {FCT_RIGHT_ADMIN, {NULL, 0}};
    static const struct fct_peer peer = {.local = {(const uint8_t *)"127.0.0.1:2113", 14},
                                         .is_local = true};
    char line[2048];
    char fields[2048];
    factum_slice body;
    if (!split(data, size, line, fields, &body)) {
        return 0;
    }
    if (server.store == NULL) {
        open_server();
    }
    fake_init(&fake, &peer, line, fields);
    fct_http_begin(&server, &admin, &fake.exchange);
    fake_send(&fake, (const char *)body.ptr, body.len, 1 + size % 97);
    FCT_ASSERT(fake.released == body.len);
    for (int i = 0; i < TURNS_MAX && fct_appends_under_way(&server) > 0; i++) {
        run_for(1);
    }
    run_for(0);
    if (fake.finished && fake.body_len > 0 && strstr(fake.head, "problem+json") != NULL) {
        FCT_ASSERT(fake.status >= 400);
        FCT_ASSERT(factum_json_check(fct_slice(fake.body, fake.body_len), NULL) == FACTUM_OK);
    }
    fake_free(&fake);
    FCT_ASSERT(server.http_bodies_size == 0);
    FCT_ASSERT(server.counters.subscriptions == 0);
    if (++requests % REQUESTS_PER_STORE == 0) {
        close_server();
    }
    return 0;
}
