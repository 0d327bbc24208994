/* server_fuzz.h - the server's services without sockets, over a store in memory, for the fuzzers of
 * the server's interfaces. Layer: tests. One thread.
 *
 * The store is replaced after a number of requests, so that events of earlier inputs do not slow
 * later ones.
 */
#ifndef FCT_TESTS_FUZZ_SERVER_FUZZ_H
#define FCT_TESTS_FUZZ_SERVER_FUZZ_H

#include <factum/testing.h>

#include "core/check.h"
#include "server/deciders.h"
#include "server/server_int.h"
#include "support/fake_exchange.h"

#define SERVER_FUZZ_TURNS_MAX 10000

/* A slice for "%.*s" in full: FCT_FMT shortens. */
#define PLAIN(slice) (int)(slice).len, (const char *)(slice).ptr

struct server_fuzz {
    struct fct_server server;
    struct fct_timer turn;
    unsigned requests; /* requests since the store was opened */
};

static const struct fct_principal server_fuzz_admin = {FCT_RIGHT_ADMIN, {NULL, 0}};
static const struct fct_peer server_fuzz_peer = {.local = {(const uint8_t *)"127.0.0.1:2113", 14},
                                                 .is_local = true};

/* |events| in the form that factum_testing_given takes. */
static inline void server_fuzz_open(struct server_fuzz *fuzz, const char *events)
{
    struct fct_server *server = &fuzz->server;
    factum_error err;
    *server = (struct fct_server){
        .mem = fct_mem_heap(), .append_size_max = 1 << 20, .event_size_max = 1 << 20};
    FCT_ASSERT(factum_testing_open_memory(NULL, &server->store, &err) == FACTUM_OK);
    FCT_ASSERT(factum_testing_given(server->store, events, &err) == FACTUM_OK);
    FCT_ASSERT(fct_loop_create(server->mem, &server->loop, &err) == FACTUM_OK);
    FCT_ASSERT(fct_appends_open(server, &err) == FACTUM_OK);
    FCT_ASSERT(fct_feeds_open(server, &err) == FACTUM_OK);
    FCT_ASSERT(fct_deciders_open(server, &err) == FACTUM_OK);
    fuzz->requests = 0;
}

/* Calls |see| with each of the |count| events that the store holds. */
static inline void server_fuzz_look(struct server_fuzz *fuzz, size_t count,
                                    void (*see)(size_t number, const factum_event *event))
{
    const factum_read_request all = {.size = sizeof all};
    factum_cursor *cursor = NULL;
    factum_event event;
    FCT_ASSERT(factum_read(fuzz->server.store, &all, &cursor, NULL) == FACTUM_OK);
    for (size_t i = 0; i < count; i++) {
        FCT_ASSERT(factum_cursor_next(cursor, &event, NULL) == FACTUM_OK);
        see(i, &event);
    }
    FCT_ASSERT(factum_cursor_next(cursor, &event, NULL) == FACTUM_DONE);
    factum_cursor_close(cursor);
}

static inline void server_fuzz_close(struct server_fuzz *fuzz)
{
    struct fct_server *server = &fuzz->server;
    factum_error err;
    fct_deciders_close(server);
    fct_feeds_close(server);
    fct_appends_close(server);
    fct_loop_destroy(server->loop);
    FCT_ASSERT(factum_close(server->store, &err) == FACTUM_OK);
    server->store = NULL;
}

static inline void server_fuzz_end_turn(struct fct_timer *timer)
{
    struct server_fuzz *fuzz = FCT_CONTAINER_OF(timer, struct server_fuzz, turn);
    fct_loop_stop(fuzz->server.loop);
}

static inline void server_fuzz_run(struct server_fuzz *fuzz, unsigned ms)
{
    fuzz->turn.run = server_fuzz_end_turn;
    fct_timer_start(fuzz->server.loop, &fuzz->turn, ms, 0);
    fct_loop_run(fuzz->server.loop);
}

static inline bool server_fuzz_works(const struct server_fuzz *fuzz)
{
    size_t jobs = 0;
    for (size_t i = 0; i < FCT_JOB_KINDS; i++) {
        jobs += fuzz->server.jobs[i];
    }
    return jobs > 0 || fct_appends_under_way(&fuzz->server) > 0;
}

/* Runs until no append and no job is under way, and the feeds had a turn. */
static inline void server_fuzz_settle(struct server_fuzz *fuzz)
{
    for (int i = 0; i < SERVER_FUZZ_TURNS_MAX && server_fuzz_works(fuzz); i++) {
        server_fuzz_run(fuzz, 1);
    }
    server_fuzz_run(fuzz, 0);
}

#endif
