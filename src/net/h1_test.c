/* h1_test.c - a session of HTTP/1.1: what handlers see, windows, order, times, the end. Layer:
 * net. */
#include "support/h1_peer.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define TE "Transfer-Encoding: chunked\r\n"
#define OK_EMPTY "HTTP/1.1 200 OK\r\nx-kind: test\r\ncontent-length: 0\r\n\r\n"

static void give(struct h1_peer *p, const char *text)
{
    h1_peer_give(p, factum_slice_from(text));
}

static void give_many(struct h1_peer *p, char byte, size_t count)
{
    char *bytes = test_malloc(count);
    memset(bytes, byte, count);
    h1_peer_give(p, fct_slice(bytes, count));
    test_free(bytes);
}

/* Answers 200 without a body, from outside. */
static void answer(struct h1_peer *p)
{
    assert_true(h1_peer_respond(p->exchange));
    assert_int_equal(fct_exchange_finish(p->exchange, NULL, 0), FACTUM_OK);
}

static void assert_outcome(struct h1_peer *p, const char *outcome)
{
    assert_string_equal(h1_peer_outcome(p), outcome);
}

static void assert_slice(factum_slice slice, const char *text)
{
    assert_true(fct_slice_equal(slice, factum_slice_from(text)));
}

/* ---- what a handler sees --------------------------------------------------------------------- */

TEST(a_handler_sees_names_in_lower_case_and_values_without_space)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, "PUT /A?b HTTP/1.1\r\nHOST:  a:1 \t\r\nX-Y:\t a B\t c \r\nEmpty: \r\n\r\n");
    const struct fct_exchange *exchange = p.exchange;
    assert_non_null(exchange);
    assert_slice(exchange->method, "PUT");
    assert_slice(exchange->target, "/A?b");
    assert_slice(exchange->authority, "a:1");
    assert_int_equal(exchange->field_count, 3);
    assert_slice(exchange->fields[0].name, "host");
    assert_slice(exchange->fields[1].name, "x-y");
    assert_slice(exchange->fields[1].value, "a B\t c");
    assert_slice(fct_exchange_field(exchange, FCT_SLICE("empty")), "");
    assert_ptr_equal(exchange->peer, &p.peer);
    assert_false(exchange->http2);
    h1_peer_finish(&p);
}

TEST(the_authority_of_an_absolute_target_replaces_host)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, "GET http://b:2/c HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_slice(p.exchange->target, "/c");
    assert_slice(p.exchange->authority, "b:2");
    answer(&p);
    h1_peer_send(&p);
    give(&p, "GET / HTTP/1.0\r\n\r\n");
    assert_slice(p.exchange->authority, "");
    h1_peer_finish(&p);
}

TEST(after_finish_a_handler_gets_no_body_and_no_end)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_EARLY);
    give(&p, POST "Content-Length: 3\r\n\r\nabc" GET);
    assert_int_equal(p.begun, 2);
    assert_int_equal(p.ended, 0);
    assert_int_equal(p.body.len, 0);
    assert_int_equal(p.complete, 2);
    assert_sent(&p, OK_EMPTY OK_EMPTY);
    h1_peer_finish(&p);
}

/* ---- a peer that has ended its side ---------------------------------------------------------- */

TEST(a_peer_that_ended_its_side_gets_its_answers)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, GET GET);
    assert_true(fct_session_input_ended(p.session));
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(p.begun, i);
        assert_false(fct_session_is_finished(p.session));
        answer(&p);
        h1_peer_send(&p);
    }
    assert_int_equal(p.complete, 2);
    assert_true(fct_session_is_finished(p.session));
    assert_sent(&p, OK_EMPTY OK_EMPTY);
    h1_peer_finish(&p);
}

TEST(a_peer_that_ended_its_side_within_a_request_gets_nothing)
{
    static const char *const requests[] = {"", "GET / HT", POST "Content-Length: 3\r\n\r\nab"};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct h1_peer p;
        h1_peer_start(&p, H1_HOLD);
        give(&p, requests[i]);
        assert_false(fct_session_input_ended(p.session));
        assert_true(fct_session_is_finished(p.session));
        h1_peer_finish(&p);
    }
}

TEST(an_answer_without_end_ends_with_its_peer)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, GET);
    p.exchange->endless = true;
    assert_false(fct_session_input_ended(p.session));
    h1_peer_finish(&p);
    h1_peer_start(&p, H1_HOLD);
    give(&p, GET);
    assert_true(fct_session_input_ended(p.session));
    p.exchange->endless = true; /* the end of the peer is noticed later */
    assert_true(h1_peer_respond(p.exchange));
    h1_peer_send(&p);
    assert_true(fct_session_is_finished(p.session));
    h1_peer_finish(&p);
}

/* ---- order ----------------------------------------------------------------------------------- */

TEST(pipelined_requests_wait_for_the_answer_before_them)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, GET GET GET);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(p.begun, i);
        assert_int_equal(p.closed, i - 1);
        assert_int_equal(fct_session_wants_receive(p.session), i == 3);
        answer(&p);
        assert_int_equal(p.begun, i);
        assert_int_equal(p.wakes, i);
        h1_peer_send(&p);
    }
    assert_int_equal(p.complete, 3);
    assert_outcome(&p, "200 200 200 open");
    h1_peer_finish(&p);
}

TEST(the_next_request_begins_once_the_answer_is_handed_out)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    assert_true(fct_session_receive(p.session, FCT_SLICE(GET GET GET), p.now));
    assert_int_equal(p.begun, 1);
    assert_int_equal(p.closed, 0);
    assert_true(h1_peer_send_once(&p) > 0);
    assert_int_equal(p.begun, 1);
    assert_true(h1_peer_send_once(&p) > 0);
    assert_int_equal(p.begun, 2);
    h1_peer_send(&p);
    assert_int_equal(p.complete, 3);
    h1_peer_finish(&p);
}

TEST(more_bytes_join_those_that_wait)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, GET "GE");
    for (const char *at = "T /x HTTP/1.1\r\nHost: a\r\n\r\n" GET; *at != '\0'; at++) {
        h1_peer_give(&p, fct_slice(at, 1));
    }
    assert_int_equal(p.begun, 1);
    p.kind = H1_ECHO;
    answer(&p);
    h1_peer_send(&p);
    assert_int_equal(p.complete, 3);
    assert_slice(fct_buf_slice(&p.log), "GET / \nGET /x \nGET / \n");
    h1_peer_finish(&p);
}

TEST(bytes_that_wait_have_a_maximum)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, GET);
    for (int i = 0; i < 4; i++) {
        give_many(&p, 'x', (size_t)1 << 20);
        assert_outcome(&p, "open");
    }
    give(&p, "x");
    assert_outcome(&p, "503 closed");
    h1_peer_finish(&p);
}

TEST(wants_send_is_called_once_until_send_has_nothing)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, GET);
    assert_int_equal(p.wakes, 0);
    assert_true(h1_peer_respond(p.exchange));
    assert_int_equal(p.wakes, 1);
    assert_int_equal(fct_exchange_write(p.exchange, FCT_SLICE("a")), FACTUM_OK);
    assert_int_equal(p.wakes, 1);
    assert_true(h1_peer_send_once(&p) > 0);
    assert_int_equal(fct_exchange_write(p.exchange, FCT_SLICE("b")), FACTUM_OK);
    assert_int_equal(p.wakes, 1);
    h1_peer_send(&p);
    assert_int_equal(fct_exchange_write(p.exchange, FCT_SLICE("c")), FACTUM_OK);
    assert_int_equal(p.wakes, 2);
    h1_peer_finish(&p);
}

/* ---- windows --------------------------------------------------------------------------------- */

static void check_window(const char *head, const char *end)
{
    struct h1_peer p;
    h1_peer_init(&p, H1_HOLD);
    p.limits.body_window = 1000;
    assert_int_equal(h1_peer_open(&p), FACTUM_OK);
    give(&p, head);
    give_many(&p, 'x', 1500);
    assert_int_equal(p.body.len, 1000);
    assert_false(fct_session_wants_receive(p.session));
    give_many(&p, 'y', 500);
    give(&p, end);
    assert_int_equal(p.body.len, 1000);
    fct_exchange_release(p.exchange, 300);
    assert_int_equal(p.body.len, 1000); /* not from inside release */
    assert_int_equal(p.wakes, 1);
    h1_peer_send(&p);
    assert_int_equal(p.body.len, 1300);
    fct_exchange_release(p.exchange, 1000);
    h1_peer_send(&p);
    assert_int_equal(p.body.len, 2000);
    assert_int_equal(p.ended, 1);
    assert_true(fct_session_wants_receive(p.session));
    assert_int_equal(p.body.ptr[1499], 'x');
    assert_int_equal(p.body.ptr[1500], 'y');
    answer(&p);
    h1_peer_send(&p);
    assert_int_equal(p.complete, 1);
    assert_outcome(&p, "200 open");
    h1_peer_finish(&p);
}

TEST(a_handler_gets_no_more_than_the_window_until_it_releases)
{
    check_window(POST "Content-Length: 2000\r\n\r\n", "");
    check_window(POST TE "\r\n7d0\r\n", "\r\n0\r\n\r\n");
}

TEST(an_answer_that_streams_a_body_keeps_its_order)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_STREAM);
    give(&p, POST "Content-Length: 5\r\n\r\nab");
    assert_sent(&p, "HTTP/1.1 200 OK\r\nx-kind: test\r\ntransfer-encoding: chunked\r\n\r\n"
                    "2\r\nab\r\n");
    give(&p, "cde" GET);
    assert_sent(&p, "3\r\ncde\r\n0\r\n\r\n"
                    "HTTP/1.1 200 OK\r\nx-kind: test\r\ncontent-length: 0\r\n\r\n");
    h1_peer_finish(&p);
}

TEST(damage_after_the_begin_of_an_answer_ends_it_without_its_end)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_STREAM);
    give(&p, POST TE "\r\n2\r\nab\r\n");
    give(&p, "x\r\n");
    assert_sent(&p, "HTTP/1.1 200 OK\r\nx-kind: test\r\ntransfer-encoding: chunked\r\n\r\n"
                    "2\r\nab\r\n");
    assert_true(fct_session_is_finished(p.session));
    assert_int_equal(p.closed, 1);
    assert_int_equal(p.complete, 0);
    h1_peer_finish(&p);
}

/* ---- expectations, and answers before the end of the request --------------------------------- */

TEST(continue_is_sent_once_if_the_handler_waits_for_the_body)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    give(&p, POST "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n");
    assert_sent(&p, "HTTP/1.1 100 Continue\r\n\r\n");
    give(&p, "abc");
    assert_outcome(&p, "200 open");
    h1_peer_finish(&p);
}

TEST(continue_is_not_sent_to_http10_or_without_a_body)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, POST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n");
    assert_sent(&p, "");
    answer(&p);
    h1_peer_send(&p);
    assert_outcome(&p, "200 open");
    h1_peer_finish(&p);
    h1_peer_start(&p, H1_HOLD);
    give(&p, "POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_sent(&p, "");
    h1_peer_finish(&p);
}

TEST(an_answer_instead_of_continue_closes)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_EARLY);
    give(&p, POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(h1_peer_count(&p, "connection: close\r\n"), 1);
    assert_outcome(&p, "200 closed");
    h1_peer_finish(&p);
}

TEST(a_small_rest_of_a_body_is_read_to_keep_the_connection)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_EARLY);
    give(&p, POST "Content-Length: 65536\r\n\r\n");
    assert_sent(&p, OK_EMPTY);
    assert_int_equal(p.closed, 0);
    give_many(&p, 'x', 65535);
    give(&p, "x" GET);
    assert_sent(&p, OK_EMPTY);
    assert_int_equal(p.complete, 2);
    assert_int_equal(p.body.len, 0);
    h1_peer_finish(&p);
}

TEST(a_big_rest_of_a_body_is_not_read)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_EARLY);
    give(&p, POST "Content-Length: 65537\r\n\r\n");
    assert_int_equal(h1_peer_count(&p, "connection: close\r\n"), 1);
    assert_outcome(&p, "200 closed");
    assert_int_equal(p.closed, 1);
    assert_int_equal(p.complete, 0);
    h1_peer_finish(&p);
}

TEST(an_endless_chunked_body_that_nobody_wants_is_given_up)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_EARLY);
    give(&p, POST TE "\r\nffffff\r\n");
    size_t given = 0;
    while (!fct_session_is_finished(p.session) && given < 200000) {
        give_many(&p, 'x', 1000);
        given += 1000;
    }
    assert_in_range(given, 65000, 67000);
    assert_outcome(&p, "200 closed");
    h1_peer_finish(&p);
}

/* ---- one request after another --------------------------------------------------------------- */

TEST(each_request_has_a_window_and_a_rest_of_its_own)
{
    struct h1_peer p;
    h1_peer_init(&p, H1_HOLD);
    p.limits.body_window = 1000;
    assert_int_equal(h1_peer_open(&p), FACTUM_OK);
    for (int i = 1; i <= 3; i++) {
        give(&p, POST "Content-Length: 1000\r\n\r\n");
        give_many(&p, 'x', 1000);
        assert_int_equal(p.ended, i);
        answer(&p); /* and releases nothing */
        h1_peer_send(&p);
    }
    p.kind = H1_EARLY;
    for (int i = 4; i <= 6; i++) {
        give(&p, POST "Content-Length: 40000\r\n\r\n");
        give_many(&p, 'x', 40000);
        assert_int_equal(p.complete, i);
    }
    h1_peer_finish(&p);
}

TEST(each_body_has_a_time_of_its_own)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    for (int i = 1; i <= 3; i++) {
        give(&p, POST "Content-Length: 50000\r\n\r\n");
        h1_peer_tick(&p, 9000);
        give_many(&p, 'x', 50000);
        assert_int_equal(p.complete, i);
    }
    give(&p, POST "Content-Length: 50000\r\n\r\n");
    h1_peer_tick(&p, 11000); /* the bytes before it do not count either */
    assert_outcome(&p, "200 200 200 408 closed");
    h1_peer_finish(&p);
}

TEST(a_refusal_after_a_head_request_has_a_body)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    give(&p, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    give(&p, "\n");
    assert_outcome(&p, "200 400 closed");
    assert_int_equal(h1_peer_count(&p, "title"), 1);
    h1_peer_finish(&p);
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* A head of exactly |size| bytes, fed in pieces. */
static void check_head_size(size_t size, const char *outcome)
{
    struct h1_peer p;
    h1_peer_init(&p, H1_ECHO);
    p.limits.head_size_max = 1000;
    assert_int_equal(h1_peer_open(&p), FACTUM_OK);
    const char *start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    give(&p, start);
    give_many(&p, 'x', size - strlen(start) - 4);
    give(&p, "\r\n\r\n");
    assert_outcome(&p, outcome);
    h1_peer_finish(&p);
}

TEST(a_head_has_a_maximum_size)
{
    check_head_size(999, "200 open");
    check_head_size(1000, "200 open");
    check_head_size(1001, "431 closed");
}

TEST(a_head_that_is_too_big_is_refused_before_its_end)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    give(&p, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    give_many(&p, 'x', 16383 - 28);
    assert_outcome(&p, "open");
    give(&p, "xx");
    assert_outcome(&p, "431 closed");
    h1_peer_finish(&p);
    h1_peer_start(&p, H1_ECHO);
    give(&p, "GET /");
    give_many(&p, 'x', 16379);
    assert_outcome(&p, "open");
    give(&p, "x");
    assert_outcome(&p, "414 closed");
    h1_peer_finish(&p);
}

static void check_field_count(size_t count, const char *head, const char *outcome)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    give(&p, head);
    for (size_t i = 0; i < count; i++) {
        give(&p, "a: b\r\n");
    }
    assert_outcome(&p, count > 100 ? outcome : "open"); /* before the end */
    give(&p, "\r\n");
    assert_outcome(&p, outcome);
    h1_peer_finish(&p);
}

TEST(fields_and_trailers_have_a_maximum_count)
{
    check_field_count(100, "GET / HTTP/1.0\r\n", "200 closed");
    check_field_count(101, "GET / HTTP/1.0\r\n", "431 closed");
    check_field_count(100, POST TE "\r\n0\r\n", "200 open");
    check_field_count(101, POST TE "\r\n0\r\n", "431 closed");
}

TEST(the_size_line_of_a_chunk_has_a_maximum)
{
    for (size_t size = 200; size < 400; size += 100) {
        struct h1_peer p;
        h1_peer_start(&p, H1_ECHO);
        give(&p, POST TE "\r\n3;");
        give_many(&p, 'x', size);
        give(&p, "\r\nabc\r\n0\r\n\r\n");
        assert_outcome(&p, size == 200 ? "200 open" : "400 closed");
        h1_peer_finish(&p);
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

TEST(a_head_must_arrive_in_time_however_slowly_it_comes)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    h1_peer_tick(&p, 100000); /* a connection without a byte waits longer */
    give(&p, "G");
    for (int i = 0; i < 9; i++) {
        h1_peer_tick(&p, 1000);
        give(&p, i == 0 ? "ET / HTTP/1.1\r\nX: " : "x");
    }
    h1_peer_tick(&p, 999);
    assert_outcome(&p, "open");
    h1_peer_tick(&p, 1);
    assert_outcome(&p, "408 closed");
    assert_int_equal(p.begun, 0);
    assert_int_equal(p.wakes, 1);
    assert_false(fct_session_receive(p.session, FCT_SLICE("x"), p.now));
    h1_peer_finish(&p);
}

TEST(an_idle_connection_ends_without_an_answer)
{
    struct h1_peer p;
    h1_peer_init(&p, H1_HOLD);
    p.limits.idle_ms = 5000;
    assert_int_equal(h1_peer_open(&p), FACTUM_OK);
    h1_peer_tick(&p, 0);
    give(&p, GET);
    h1_peer_tick(&p, 1000000); /* the handler's time */
    answer(&p);
    h1_peer_send(&p);
    h1_peer_tick(&p, 4999);
    assert_outcome(&p, "200 open");
    h1_peer_tick(&p, 1);
    assert_outcome(&p, "200 closed");
    h1_peer_finish(&p);
}

TEST(a_body_must_come_at_a_kilobyte_a_second_after_ten_seconds)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    give(&p, POST "Content-Length: 100000\r\n\r\n");
    h1_peer_tick(&p, 10999);
    assert_outcome(&p, "open");
    for (int i = 0; i < 50; i++) {
        give_many(&p, 'x', 1024);
        h1_peer_tick(&p, 1000);
        assert_outcome(&p, "open");
    }
    h1_peer_tick(&p, 1000);
    assert_outcome(&p, "408 closed");
    assert_int_equal(p.complete, 0);
    h1_peer_finish(&p);
}

TEST(a_slow_handler_is_not_the_fault_of_the_peer)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, POST "Content-Length: 100000\r\n\r\nx");
    for (int i = 0; i < 100; i++) {
        h1_peer_tick(&p, 1000);
    }
    assert_outcome(&p, "open");
    fct_exchange_release(p.exchange, 1);
    for (int i = 0; i < 10; i++) {
        h1_peer_tick(&p, 1000);
    }
    assert_outcome(&p, "open"); /* 10 seconds are free */
    h1_peer_tick(&p, 1000);
    assert_outcome(&p, "408 closed");
    h1_peer_finish(&p);
}

/* ---- the end --------------------------------------------------------------------------------- */

TEST(shutting_down_ends_an_idle_connection_at_once)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    give(&p, GET);
    fct_session_shut_down(p.session);
    assert_outcome(&p, "200 closed");
    assert_int_equal(p.wakes, 1);
    assert_false(fct_session_wants_receive(p.session));
    h1_peer_finish(&p);
}

TEST(shutting_down_lets_the_answer_under_way_end)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, GET GET);
    fct_session_shut_down(p.session);
    assert_outcome(&p, "open");
    answer(&p);
    h1_peer_send(&p);
    assert_int_equal(h1_peer_count(&p, "connection: close\r\n"), 1);
    assert_outcome(&p, "200 closed");
    assert_int_equal(p.complete, 1);
    assert_int_equal(p.begun, 1);
    h1_peer_finish(&p);
}

TEST(shutting_down_within_a_head_answers_that_request)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    give(&p, "GET / HT");
    fct_session_shut_down(p.session);
    give(&p, "TP/1.1\r\nHost: a\r\n\r\n" GET);
    assert_int_equal(h1_peer_count(&p, "connection: close\r\n"), 1);
    assert_outcome(&p, "200 closed");
    h1_peer_finish(&p);
}

TEST(destroying_a_session_closes_its_exchange)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_HOLD);
    give(&p, GET);
    answer(&p); /* not handed out */
    assert_int_equal(p.closed, 0);
    fct_session_destroy(p.session);
    p.session = NULL;
    assert_int_equal(p.closed, 1);
    assert_int_equal(p.complete, 0);
    h1_peer_finish(&p);
}

TEST(nothing_is_read_after_the_end)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    give(&p, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET);
    assert_false(fct_session_receive(p.session, FCT_SLICE(GET), p.now));
    h1_peer_send(&p);
    assert_int_equal(p.begun, 1);
    assert_outcome(&p, "200 closed");
    h1_peer_finish(&p);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* A connection with all that allocates: heads, kept bytes, bodies, answers. */
static void converse(struct h1_peer *p)
{
    give(p, POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    give(p, "abc" POST TE "\r\n5\r\n01234\r\n0\r\n\r\n");
    p->kind = H1_HOLD;
    give(p, GET GET);
    give(p, GET);
    p->kind = H1_STREAM;
    if (p->exchange != NULL && h1_peer_respond(p->exchange)) {
        (void)h1_peer_tried(p->exchange, fct_exchange_finish(p->exchange, NULL, 0));
    }
    h1_peer_send(p);
    give(p, POST "Content-Length: 70000\r\n\r\n");
    if (!fct_session_is_finished(p->session)) {
        give_many(p, 'x', 70000);
    }
    give(p, "GET / HTTP/1.1\r\n\r\n");
}

TEST(each_allocation_may_fail_and_every_exchange_is_closed)
{
    struct h1_peer p;
    unsigned long k = 0;
    bool failed = true;
    for (; failed; k++) {
        h1_peer_init(&p, H1_ECHO);
        atomic_store(&p.mem.fail_at, k);
        if (h1_peer_open(&p) == FACTUM_OK) {
            converse(&p);
            assert_true(fct_session_is_finished(p.session));
        } else {
            assert_int_equal(k, 0);
        }
        failed = atomic_load(&p.mem.failed) > 0;
        if (!failed) {
            assert_outcome(&p, "100 200 200 200 200 200 200 400 closed");
            assert_int_equal(p.complete, 6);
        }
        h1_peer_finish(&p);
    }
    assert_true(k > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_handler_sees_names_in_lower_case_and_values_without_space),
        CASE(the_authority_of_an_absolute_target_replaces_host),
        CASE(after_finish_a_handler_gets_no_body_and_no_end),
        CASE(a_peer_that_ended_its_side_gets_its_answers),
        CASE(a_peer_that_ended_its_side_within_a_request_gets_nothing),
        CASE(an_answer_without_end_ends_with_its_peer),
        CASE(pipelined_requests_wait_for_the_answer_before_them),
        CASE(the_next_request_begins_once_the_answer_is_handed_out),
        CASE(more_bytes_join_those_that_wait),
        CASE(bytes_that_wait_have_a_maximum),
        CASE(wants_send_is_called_once_until_send_has_nothing),
        CASE(a_handler_gets_no_more_than_the_window_until_it_releases),
        CASE(an_answer_that_streams_a_body_keeps_its_order),
        CASE(damage_after_the_begin_of_an_answer_ends_it_without_its_end),
        CASE(continue_is_sent_once_if_the_handler_waits_for_the_body),
        CASE(continue_is_not_sent_to_http10_or_without_a_body),
        CASE(an_answer_instead_of_continue_closes),
        CASE(a_small_rest_of_a_body_is_read_to_keep_the_connection),
        CASE(a_big_rest_of_a_body_is_not_read),
        CASE(an_endless_chunked_body_that_nobody_wants_is_given_up),
        CASE(each_request_has_a_window_and_a_rest_of_its_own),
        CASE(each_body_has_a_time_of_its_own),
        CASE(a_refusal_after_a_head_request_has_a_body),
        CASE(a_head_has_a_maximum_size),
        CASE(a_head_that_is_too_big_is_refused_before_its_end),
        CASE(fields_and_trailers_have_a_maximum_count),
        CASE(the_size_line_of_a_chunk_has_a_maximum),
        CASE(a_head_must_arrive_in_time_however_slowly_it_comes),
        CASE(an_idle_connection_ends_without_an_answer),
        CASE(a_body_must_come_at_a_kilobyte_a_second_after_ten_seconds),
        CASE(a_slow_handler_is_not_the_fault_of_the_peer),
        CASE(shutting_down_ends_an_idle_connection_at_once),
        CASE(shutting_down_lets_the_answer_under_way_end),
        CASE(shutting_down_within_a_head_answers_that_request),
        CASE(destroying_a_session_closes_its_exchange),
        CASE(nothing_is_read_after_the_end),
        CASE(each_allocation_may_fail_and_every_exchange_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
