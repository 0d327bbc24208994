/* http_fixture.h - a server without sockets, over a store in memory, for tests of the HTTP
 * interface. Layer: tests. */
#ifndef FCT_TESTS_SUPPORT_HTTP_FIXTURE_H
#define FCT_TESTS_SUPPORT_HTTP_FIXTURE_H

#include "support/fake_exchange.h"
#include "support/mem_fault.h"
#include "support/test.h"

#include <factum/testing.h>

#include "server/deciders.h"
#include "server/server_int.h"

struct http_fixture {
    struct fct_mem_fault fault;
    struct fct_server server;
    factum_store *store;
    struct fct_loop *loop;
    struct fct_peer peer;
    struct fct_principal principal;
    struct fct_timer watchdog;
    struct fake_exchange fake; /* the last request */
    bool in_use;
    bool running;
    const char *wanted; /* the loop stops when the body contains it; NULL: when the answer ends */
    bool timed_out;
    factum_error err;
};

static inline void fixture_bite(struct fct_timer *timer)
{
    struct http_fixture *f = FCT_CONTAINER_OF(timer, struct http_fixture, watchdog);
    f->timed_out = true;
    fct_loop_stop(f->loop);
}

static inline int http_set_up(void **state)
{
    struct http_fixture *f = calloc(1, sizeof *f);
    factum_store_options options = {.size = sizeof options, .append_events_max = 100000};
    fct_mem_fault_init(&f->fault);
    assert_ok(factum_testing_open_memory(&options, &f->store, &f->err), f->err);
    assert_ok(fct_loop_create(fct_mem_heap(), &f->loop, &f->err), f->err);
    f->server = (struct fct_server){.mem = &f->fault.mem,
                                    .loop = f->loop,
                                    .store = f->store,
                                    .append_size_max = 1 << 20,
                                    .event_size_max = 1 << 20};
    f->peer = (struct fct_peer){.address = FCT_SLICE("127.0.0.1:4711"),
                                .local = FCT_SLICE("127.0.0.1:2113"),
                                .is_local = true};
    f->principal = (struct fct_principal){FCT_RIGHT_ADMIN, FCT_SLICE("admin")};
    f->watchdog.run = fixture_bite;
    assert_ok(fct_appends_open(&f->server, &f->err), f->err);
    assert_ok(fct_feeds_open(&f->server, &f->err), f->err);
    assert_ok(fct_deciders_open(&f->server, &f->err), f->err);
    *state = f;
    return 0;
}

static inline bool fixture_is_done(const struct http_fixture *f)
{
    const struct fake_exchange *fake = &f->fake;
    return fake->aborted || fake->finished ||
           (f->wanted != NULL && fake->body != NULL && strstr(fake->body, f->wanted) != NULL);
}

static inline void fixture_changed(void *data)
{
    struct http_fixture *f = data;
    if (f->running && fixture_is_done(f)) {
        fct_loop_stop(f->loop);
    }
}

#define ANSWER_MS 100000 /* a limit, not a wait: sanitizers on a busy machine may take long */

/* Runs the loop until the answer has ended, or its body contains |wanted|. */
static inline void run_until(struct http_fixture *f, const char *wanted)
{
    f->wanted = wanted;
    if (!fixture_is_done(f)) {
        f->timed_out = false;
        f->running = true;
        fct_timer_start(f->loop, &f->watchdog, ANSWER_MS, 0);
        fct_loop_run(f->loop);
        fct_timer_stop(&f->watchdog);
        f->running = false;
        if (f->timed_out) {
            print_error("no answer within %d ms: %u %s\n", ANSWER_MS, f->fake.status,
                        f->fake.body == NULL ? "" : f->fake.body);
            fail();
        }
    }
}

/* Runs the loop for a while. */
static inline void run_for(struct http_fixture *f, unsigned ms)
{
    fct_timer_start(f->loop, &f->watchdog, ms, 0);
    fct_loop_run(f->loop);
}

static inline void end_last(struct http_fixture *f)
{
    if (f->in_use) {
        fake_free(&f->fake);
        f->in_use = false;
    }
}

/* Begins a request, and runs until the head of the answer is complete. */
static inline struct fake_exchange *begin(struct http_fixture *f, const char *line,
                                          const char *fields)
{
    end_last(f);
    fake_init(&f->fake, &f->peer, line, fields);
    f->in_use = true;
    f->fake.changed = fixture_changed;
    f->fake.changed_data = f;
    fct_http_begin(&f->server, &f->principal, &f->fake.exchange);
    return &f->fake;
}

/* A whole request, and its whole answer. */
static inline struct fake_exchange *ask(struct http_fixture *f, const char *line,
                                        const char *fields, const char *body)
{
    struct fake_exchange *fake = begin(f, line, fields);
    size_t len = body == NULL ? 0 : strlen(body);
    fake_send(fake, body, len, 7);
    run_until(f, NULL);
    assert_int_equal(fake->released, len);
    return fake;
}

/* POST of JSON. */
static inline struct fake_exchange *post(struct http_fixture *f, const char *target,
                                         const char *body)
{
    char line[2048];
    (void)snprintf(line, sizeof line, "POST %s", target);
    return ask(f, line, "content-type: application/json\n", body);
}

static inline struct fake_exchange *get(struct http_fixture *f, const char *target)
{
    char line[4096];
    (void)snprintf(line, sizeof line, "GET %s", target);
    return ask(f, line, "", NULL);
}

static inline int http_tear_down(void **state)
{
    struct http_fixture *f = *state;
    end_last(f);
    while (fct_appends_under_way(&f->server) > 0) {
        run_for(f, 10);
    }
    fct_deciders_close(&f->server);
    fct_feeds_close(&f->server);
    fct_appends_close(&f->server);
    fct_loop_destroy(f->loop);
    assert_ok(factum_close(f->store, &f->err), f->err);
    assert_int_equal(f->fault.held, 0);
    assert_int_equal(f->server.http_bodies_size, 0);
    free(f);
    return 0;
}

#define HTTP_CASE(name) cmocka_unit_test_setup_teardown(name, http_set_up, http_tear_down)

#define assert_answer(fake, expected)                                                              \
    do {                                                                                           \
        const struct fake_exchange *fake_ = (fake);                                                \
        if (fake_->status != (expected)) {                                                         \
            print_error("%u, not %u: %s\n", fake_->status, (unsigned)(expected),                   \
                        fake_->body == NULL ? "" : fake_->body);                                   \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

#define assert_holds(whole, part)                                                                  \
    do {                                                                                           \
        const char *whole_ = (whole);                                                              \
        if (whole_ == NULL || strstr(whole_, (part)) == NULL) {                                    \
            print_error("\"%s\" does not hold \"%s\"\n", whole_ == NULL ? "" : whole_, (part));    \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

#define assert_lacks(whole, part)                                                                  \
    do {                                                                                           \
        const char *whole_ = (whole);                                                              \
        if (whole_ != NULL && strstr(whole_, (part)) != NULL) {                                    \
            print_error("\"%s\" holds \"%s\"\n", whole_, (part));                                  \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

#endif
