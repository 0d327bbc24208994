/* http_fuzz.c - any request to the HTTP interface, over a store in memory: "METHOD target",
 * header lines, an empty line, the body. Reaches URLs, filters, bodies, CloudEvents, ids of
 * server-sent events, and commands that a script decides. Each request is answered or refused,
 * and leaves nothing behind. */
#include <factum/deploy.h>
#include <factum/ndjson.h>

#include "server_fuzz.h"

#define REQUESTS_PER_STORE 500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct server_fuzz fuzz;

static const char given[] = "{\"stream\":\"a-1\",\"type\":\"T\",\"data\":1,\"tags\":[\"x\"]}\n"
                            "{\"stream\":\"a-2\",\"type\":\"U\",\"data\":2}\n";

#ifdef FCT_WITH_LUA
/* The decider of the category "a": the command becomes its event. */
static void deploy_script(factum_store *store)
{
    static const char script[] =
        "initial = {} function evolve(s, e) s[e.type] = e.data return s end\n"
        "function decide(s, c) return { type = c.name, data = c.data } end";
    factum_lua_enable();
    FCT_ASSERT(factum_decider_deploy(store, FCT_SLICE("a"), factum_slice_from(script), NULL, NULL,
                                     NULL) == FACTUM_OK);
}
#else
static void deploy_script(factum_store *store)
{
    (void)store; /* commands are refused */
}
#endif

/* Splits the head of the input for the fake; false if it is not a head. */
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
    static struct fake_exchange fake;
    char line[2048];
    char fields[2048];
    factum_slice body;
    if (!split(data, size, line, fields, &body)) {
        return 0;
    }
    if (fuzz.server.store == NULL) {
        server_fuzz_open(&fuzz, given);
        deploy_script(fuzz.server.store);
    }
    fake_init(&fake, &server_fuzz_peer, line, fields);
    fct_http_begin(&fuzz.server, &server_fuzz_admin, &fake.exchange);
    fake_send(&fake, (const char *)body.ptr, body.len, 1 + size % 97);
    FCT_ASSERT(fake.released == body.len);
    server_fuzz_settle(&fuzz);
    if (fake.finished && fake.body_len > 0 && strstr(fake.head, "problem+json") != NULL) {
        FCT_ASSERT(fake.status >= 400);
        FCT_ASSERT(factum_json_check(fct_slice(fake.body, fake.body_len), NULL) == FACTUM_OK);
    }
    fake_free(&fake);
    FCT_ASSERT(fuzz.server.http_bodies_size == 0);
    FCT_ASSERT(fuzz.server.counters.subscriptions == 0);
    if (++fuzz.requests == REQUESTS_PER_STORE) {
        server_fuzz_close(&fuzz);
    }
    return 0;
}
