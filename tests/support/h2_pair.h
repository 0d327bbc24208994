/* h2_pair.h - a session of the server and a client of it, for one test at a time. For tests of
 * HTTP/2 alone: each file that includes this has its own pair. */
#ifndef FCT_TESTS_SUPPORT_H2_PAIR_H
#define FCT_TESTS_SUPPORT_H2_PAIR_H

#include "support/test.h"

#include "support/h2_client.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

static struct h2_server server;
static struct h2_client client;

static inline void start(enum h2_mode mode, uint32_t window)
{
    server.mode = mode;
    assert_int_equal(h2_server_start(&server), FACTUM_OK);
    h2_client_start(&client, window);
}

static inline void begin(enum h2_mode mode, uint32_t window)
{
    h2_server_init(&server, mode);
    start(mode, window);
}

/* Asserts that everything is freed, and that each exchange was closed once. */
static inline void stop(void)
{
    fct_session_destroy(server.session);
    server.session = NULL;
    h2_client_finish(&client);
    for (size_t i = 0; i < server.call_count; i++) {
        assert_int_equal(server.calls[i].closed, 1);
    }
    assert_int_equal(server.fault.held, 0);
}

static inline void assert_answered(const struct h2_reply *reply, size_t body_size)
{
    assert_string_equal(reply->status, "200");
    assert_int_equal(reply->body_size, body_size);
    assert_int_equal(reply->trailer_count, 1);
    assert_true(reply->closed);
    assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
}

/* A second passes. The end of an answer waits for that of its request until the second tick. */
static inline void tick(void)
{
    server.now_ms += 1000;
    fct_session_tick(server.session, server.now_ms);
    h2_talk(&client, &server);
}

#endif
