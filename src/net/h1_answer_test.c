/* h1_answer_test.c - answers over HTTP/1.1, to the byte. Layer: net. */
#include "support/h1_peer.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_10 "GET / HTTP/1.0\r\n\r\n"
#define FIELD(name, value)                                                                         \
    {                                                                                              \
        {(const uint8_t *)(name), sizeof(name) - 1},                                               \
        {                                                                                          \
            (const uint8_t *)(value), sizeof(value) - 1                                            \
        }                                                                                          \
    }

static void ask(struct h1_peer *p, const char *request)
{
    h1_peer_give(p, factum_slice_from(request));
    assert_non_null(p->exchange);
}

static void open_and_ask(struct h1_peer *p, const char *request)
{
    h1_peer_start(p, H1_HOLD);
    ask(p, request);
}

static void respond(struct h1_peer *p, unsigned status, const char *length)
{
    const struct fct_field field = {FCT_SLICE("content-length"), factum_slice_from(length)};
    assert_int_equal(fct_exchange_respond(p->exchange, status, &field, length != NULL ? 1 : 0),
                     FACTUM_OK);
}

static void write_text(struct h1_peer *p, const char *text)
{
    assert_int_equal(fct_exchange_write(p->exchange, factum_slice_from(text)), FACTUM_OK);
}

static void finish(struct h1_peer *p)
{
    assert_int_equal(fct_exchange_finish(p->exchange, NULL, 0), FACTUM_OK);
    h1_peer_send(p);
    assert_null(p->exchange);
}

/* One answer to |request|; |parts| of the body are separated by '|', NULL: none. */
static void assert_answer(const char *request, unsigned status, const char *length,
                          const char *parts, const char *expected)
{
    struct h1_peer p;
    open_and_ask(&p, request);
    respond(&p, status, length);
    while (parts != NULL) {
        const char *end = strchr(parts, '|');
        size_t len = end != NULL ? (size_t)(end - parts) : strlen(parts);
        assert_int_equal(fct_exchange_write(p.exchange, fct_slice(parts, len)), FACTUM_OK);
        parts = end != NULL ? end + 1 : NULL;
    }
    finish(&p);
    assert_int_equal(p.complete, 1);
    assert_sent(&p, expected);
    h1_peer_finish(&p);
}

TEST(a_body_without_a_length_is_sent_in_chunks)
{
    assert_answer(GET, 200, NULL, "abc||0123456789abcdef",
                  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
}

TEST(an_answer_without_a_body_has_length_zero)
{
    assert_answer(GET, 404, NULL, NULL, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    assert_answer(GET, 599, NULL, "", "HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n");
}

TEST(a_length_that_is_given_is_kept)
{
    assert_answer(GET, 201, "5", "ab|cde",
                  "HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\nabcde");
    assert_answer(GET, 200, "0", NULL, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

TEST(head_204_and_304_have_no_body_whatever_is_written)
{
    assert_answer(HEAD, 200, "5", "abcdefgh", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    assert_answer(HEAD, 200, NULL, "abc", "HTTP/1.1 200 OK\r\n\r\n");
    assert_answer(HEAD, 404, NULL, NULL, "HTTP/1.1 404 Not Found\r\n\r\n");
    assert_answer(GET, 204, "3", "abc", "HTTP/1.1 204 No Content\r\n\r\n");
    assert_answer(GET, 304, "3", "abc", "HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n");
}

TEST(http10_gets_no_chunks_and_its_connection_is_closed)
{
    assert_answer(GET_10, 200, NULL, "ab|c", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc");
    assert_answer(GET_10, 200, "2", "ab",
                  "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nab");
    assert_answer(GET_10, 200, NULL, NULL,
                  "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST(close_is_confirmed)
{
    assert_answer("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, NULL, NULL,
                  "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST(fields_and_trailers_are_sent_in_their_order)
{
    struct h1_peer p;
    open_and_ask(&p, GET);
    const struct fct_field fields[] = {FIELD("date", "today"), FIELD("x", ""), FIELD("x", "a\tb")};
    const struct fct_field trailers[] = {FIELD("grpc-status", "0"), FIELD("t", "u")};
    assert_int_equal(fct_exchange_respond(p.exchange, 200, fields, 3), FACTUM_OK);
    write_text(&p, "abc");
    assert_int_equal(fct_exchange_finish(p.exchange, trailers, 2), FACTUM_OK);
    h1_peer_send(&p);
    assert_sent(&p, "HTTP/1.1 200 OK\r\ndate: today\r\nx: \r\nx: a\tb\r\n"
                    "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
                    "grpc-status: 0\r\nt: u\r\n\r\n");
    ask(&p, GET); /* trailers need chunks: no length of zero */
    respond(&p, 200, NULL);
    assert_int_equal(fct_exchange_finish(p.exchange, trailers, 1), FACTUM_OK);
    h1_peer_send(&p);
    assert_sent(&p, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
                    "grpc-status: 0\r\n\r\n");
    ask(&p, GET); /* with a length trailers are not allowed */
    respond(&p, 200, "0");
    assert_int_equal(fct_exchange_finish(p.exchange, trailers, 2), FACTUM_OK);
    h1_peer_send(&p);
    assert_sent(&p, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    h1_peer_finish(&p);
}

TEST(a_head_goes_out_with_the_next_send_and_the_body_in_chunks)
{
    struct h1_peer p;
    open_and_ask(&p, GET);
    respond(&p, 200, NULL);
    h1_peer_send(&p);
    assert_sent(&p, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    write_text(&p, "abc");
    h1_peer_send(&p);
    assert_sent(&p, "3\r\nabc\r\n");
    finish(&p);
    assert_sent(&p, "0\r\n\r\n");
    h1_peer_finish(&p);
}

TEST(fields_that_could_end_a_line_or_frame_a_body_are_refused)
{
    const struct fct_field bad[] = {
        FIELD("x", "a\r\nb"),    FIELD("x", "a\nb"),      FIELD("x", "a\rb"),
        FIELD("x", "a\0b"),      FIELD("x", "\x1b"),      FIELD("x", "\x7f"),
        FIELD("", "a"),          FIELD("x y", "a"),       FIELD("x:", "a"),
        FIELD("x\r\n", "a"),     FIELD("X", "a"),         FIELD("connection", "close"),
        FIELD("te", "a"),        FIELD("upgrade", "h2c"), FIELD("transfer-encoding", "chunked"),
        FIELD(":status", "200"),
    };
    struct h1_peer p;
    open_and_ask(&p, GET);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct fct_field two[] = {FIELD("ok", "ok"), bad[i]};
        assert_int_equal(fct_exchange_respond(p.exchange, 200, two, 2), FACTUM_INVALID);
    }
    const char *lengths[] = {"", "-1", "+1", "1 ", "0x1", "99999999999999999999", "1,1"};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const struct fct_field field = {FCT_SLICE("content-length"), factum_slice_from(lengths[i])};
        assert_int_equal(fct_exchange_respond(p.exchange, 200, &field, 1), FACTUM_INVALID);
    }
    const struct fct_field twice[] = {FIELD("content-length", "1"), FIELD("content-length", "1")};
    assert_int_equal(fct_exchange_respond(p.exchange, 200, twice, 2), FACTUM_INVALID);
    h1_peer_send(&p);
    assert_sent(&p, "");
    respond(&p, 200, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(fct_exchange_finish(p.exchange, &bad[i], 1), FACTUM_INVALID);
    }
    assert_int_equal(fct_exchange_finish(p.exchange, twice, 1), FACTUM_INVALID);
    finish(&p);
    assert_sent(&p, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    h1_peer_finish(&p);
}

TEST(a_body_is_never_longer_than_its_length)
{
    struct h1_peer p;
    open_and_ask(&p, GET);
    respond(&p, 200, "3");
    write_text(&p, "ab");
    assert_int_equal(fct_exchange_write(p.exchange, FCT_SLICE("cd")), FACTUM_INVALID);
    write_text(&p, "c");
    finish(&p);
    assert_sent(&p, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc");
    assert_false(fct_session_is_finished(p.session));
    h1_peer_finish(&p);
}

TEST(a_body_shorter_than_its_length_ends_the_connection)
{
    struct h1_peer p;
    open_and_ask(&p, GET);
    respond(&p, 200, "3");
    write_text(&p, "ab");
    finish(&p);
    assert_sent(&p, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab");
    assert_true(fct_session_is_finished(p.session));
    h1_peer_finish(&p);
}

TEST(room_shrinks_with_each_write_and_writable_reports_its_return)
{
    struct h1_peer p;
    h1_peer_init(&p, H1_HOLD);
    p.limits.write_buffer_max = 1000;
    assert_int_equal(h1_peer_open(&p), FACTUM_OK);
    ask(&p, GET);
    assert_int_equal(fct_exchange_room(p.exchange), 1000);
    respond(&p, 200, NULL);
    size_t room = fct_exchange_room(p.exchange);
    assert_in_range(room, 900, 999);
    write_text(&p, "abc");
    assert_in_range(fct_exchange_room(p.exchange), 900, room - 3);
    h1_peer_send(&p);
    assert_int_equal(fct_exchange_room(p.exchange), 1000);
    assert_int_equal(p.writable, 0); /* there was room all the time */
    char text[1500];
    memset(text, 'x', sizeof text);
    assert_int_equal(fct_exchange_write(p.exchange, fct_slice(text, sizeof text)), FACTUM_OK);
    assert_int_equal(fct_exchange_room(p.exchange), 0);
    assert_int_equal(p.writable, 0);
    h1_peer_send(&p);
    assert_int_equal(p.writable, 1);
    assert_int_equal(fct_exchange_room(p.exchange), 1000);
    finish(&p);
    assert_int_equal(p.writable, 1);
    h1_peer_finish(&p);
}

TEST(what_send_returned_lasts_while_more_is_written)
{
    struct h1_peer p;
    open_and_ask(&p, GET);
    respond(&p, 200, NULL);
    write_text(&p, "abc");
    const uint8_t *bytes = NULL;
    size_t size = fct_session_send(p.session, &bytes);
    char text[5000];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(fct_exchange_write(p.exchange, fct_slice(text, sizeof text)), FACTUM_OK);
    }
    assert_memory_equal(bytes + size - 8, "3\r\nabc\r\n", 8);
    h1_peer_finish(&p);
}

TEST(an_answer_beyond_32_mib_that_nobody_takes_is_refused)
{
    struct h1_peer p;
    open_and_ask(&p, GET);
    respond(&p, 200, NULL);
    const size_t size = (size_t)1 << 20;
    uint8_t *bytes = test_calloc(1, size);
    factum_status status = FACTUM_OK;
    int count = 0;
    while (status == FACTUM_OK && count < 40) {
        status = fct_exchange_write(p.exchange, fct_slice(bytes, size));
        count++;
    }
    assert_int_equal(status, FACTUM_NO_MEMORY);
    assert_int_equal(count, 32);
    fct_exchange_abort(p.exchange, FCT_ABORT_INTERNAL);
    h1_peer_send(&p);
    assert_string_equal(h1_peer_outcome(&p), "500 closed"); /* nothing of it was sent */
    test_free(bytes);
    h1_peer_finish(&p);
}

/* The calls of one answer. Each is repeated until it succeeds. */
static void answer_stubbornly(struct h1_peer *p)
{
    char text[300];
    memset(text, 'x', sizeof text);
    const struct fct_field fields[] = {{FCT_SLICE("x"), fct_slice(text, sizeof text)}};
    const factum_slice bytes = fct_slice(text, sizeof text);
    factum_status status = FACTUM_NO_MEMORY;
    for (int i = 0; i < 2 && status != FACTUM_OK; i++) {
        status = fct_exchange_respond(p->exchange, 200, fields, 1);
    }
    assert_int_equal(status, FACTUM_OK);
    for (int count = 0; count < 3; count++) {
        status = FACTUM_NO_MEMORY;
        for (int i = 0; i < 2 && status != FACTUM_OK; i++) {
            status = fct_exchange_write(p->exchange, bytes);
        }
        assert_int_equal(status, FACTUM_OK);
    }
    status = FACTUM_NO_MEMORY;
    for (int i = 0; i < 2 && status != FACTUM_OK; i++) {
        status = fct_exchange_finish(p->exchange, fields, 1);
    }
    assert_int_equal(status, FACTUM_OK);
}

TEST(a_call_that_fails_for_want_of_memory_leaves_the_answer_as_it_was)
{
    struct fct_buf expected;
    fct_buf_init(&expected, fct_mem_heap(), (size_t)1 << 20);
    unsigned long count = 0;                     /* allocations of an answer */
    for (unsigned long k = 0; k <= count; k++) { /* 0: none fails */
        struct h1_peer p;
        open_and_ask(&p, GET);
        unsigned long before = atomic_load(&p.mem.calls);
        if (k > 0) {
            atomic_store(&p.mem.fail_at, before + k - 1);
        }
        answer_stubbornly(&p);
        count = k == 0 ? atomic_load(&p.mem.calls) - before : count;
        assert_int_equal(atomic_load(&p.mem.failed), k == 0 ? 0 : 1);
        h1_peer_send(&p);
        if (k == 0) {
            assert_int_equal(fct_buf_add_slice(&expected, fct_buf_slice(&p.out)), FACTUM_OK);
        }
        assert_int_equal(p.out.len, expected.len);
        assert_memory_equal(p.out.ptr, expected.ptr, expected.len);
        h1_peer_finish(&p);
    }
    assert_true(count >= 3);
    fct_buf_finish(&expected);
}

TEST(an_abort_before_the_answer_is_an_answer)
{
    const struct {
        enum fct_abort why;
        const char *outcome;
    } cases[] = {{FCT_ABORT_CANCEL, "503 closed"},
                 {FCT_ABORT_PROTOCOL, "400 closed"},
                 {FCT_ABORT_INTERNAL, "500 closed"},
                 {FCT_ABORT_CALM, "429 closed"}};
    for (size_t i = 0; i < 4; i++) {
        struct h1_peer p;
        h1_peer_start(&p, H1_ABORT); /* in begin */
        p.why = cases[i].why;
        h1_peer_give(&p, FCT_SLICE(GET GET));
        assert_string_equal(h1_peer_outcome(&p), cases[i].outcome);
        assert_int_equal(p.begun, 1);
        assert_int_equal(p.ended, 0);
        assert_int_equal(p.complete, 0);
        h1_peer_finish(&p);
        open_and_ask(&p, GET); /* later; also what was begun and not sent is taken back */
        respond(&p, 200, NULL);
        write_text(&p, "abc");
        fct_exchange_abort(p.exchange, cases[i].why);
        assert_int_equal(p.closed, 0);
        assert_int_equal(fct_exchange_room(p.exchange), 0);
        assert_int_equal(fct_exchange_write(p.exchange, FCT_SLICE("d")), FACTUM_CANCELLED);
        assert_int_equal(fct_exchange_finish(p.exchange, NULL, 0), FACTUM_CANCELLED);
        h1_peer_send(&p);
        assert_string_equal(h1_peer_outcome(&p), cases[i].outcome);
        assert_int_equal(h1_peer_count(&p, "abc"), 0);
        assert_int_equal(p.closed, 1);
        assert_int_equal(p.complete, 0);
        h1_peer_finish(&p);
    }
}

TEST(an_abort_within_the_answer_leaves_it_without_its_end)
{
    struct h1_peer p;
    open_and_ask(&p, GET);
    respond(&p, 200, NULL);
    write_text(&p, "abc");
    h1_peer_send(&p);
    fct_exchange_abort(p.exchange, FCT_ABORT_INTERNAL);
    h1_peer_send(&p);
    assert_true(fct_session_is_finished(p.session));
    assert_int_equal(p.closed, 1);
    assert_sent(&p, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    h1_peer_finish(&p);
}

TEST(the_refusal_of_a_head_request_has_no_body)
{
    struct h1_peer p;
    open_and_ask(&p, HEAD);
    fct_exchange_abort(p.exchange, FCT_ABORT_INTERNAL);
    h1_peer_send(&p);
    assert_true(p.out.len > 4);
    assert_memory_equal(p.out.ptr + p.out.len - 4, "\r\n\r\n", 4);
    assert_int_equal(h1_peer_count(&p, "problem+json"), 1);
    assert_int_equal(h1_peer_count(&p, "title"), 0);
    h1_peer_finish(&p);
}

TEST(a_refusal_has_its_reason)
{
    struct h1_peer p;
    h1_peer_start(&p, H1_ECHO);
    h1_peer_give(&p, FCT_SLICE("GET / HTTP/1.1\r\n\r\n"));
    assert_sent(&p, "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n"
                    "content-length: 83\r\nconnection: close\r\n\r\n"
                    "{\"title\":\"Bad Request\",\"status\":400,"
                    "\"detail\":\"exactly one Host field is required\"}\n");
    h1_peer_finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_body_without_a_length_is_sent_in_chunks),
        CASE(an_answer_without_a_body_has_length_zero),
        CASE(a_length_that_is_given_is_kept),
        CASE(head_204_and_304_have_no_body_whatever_is_written),
        CASE(http10_gets_no_chunks_and_its_connection_is_closed),
        CASE(close_is_confirmed),
        CASE(fields_and_trailers_are_sent_in_their_order),
        CASE(a_head_goes_out_with_the_next_send_and_the_body_in_chunks),
        CASE(fields_that_could_end_a_line_or_frame_a_body_are_refused),
        CASE(a_body_is_never_longer_than_its_length),
        CASE(a_body_shorter_than_its_length_ends_the_connection),
        CASE(room_shrinks_with_each_write_and_writable_reports_its_return),
        CASE(what_send_returned_lasts_while_more_is_written),
        CASE(an_answer_beyond_32_mib_that_nobody_takes_is_refused),
        CASE(a_call_that_fails_for_want_of_memory_leaves_the_answer_as_it_was),
        CASE(an_abort_before_the_answer_is_an_answer),
        CASE(an_abort_within_the_answer_leaves_it_without_its_end),
        CASE(the_refusal_of_a_head_request_has_no_body),
        CASE(a_refusal_has_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
