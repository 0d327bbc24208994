/* http_read_test.c - pages of events and of names, and waiting for a token. Layer: server. */
#include "support/http_fixture.h"

#include "server/http_int.h"

static void given(struct http_fixture *f, const char *lines)
{
    assert_ok(factum_testing_given(f->store, lines, &f->err), f->err);
}

/* Five events of two streams, with what is asked for. */
static void given_orders(struct http_fixture *f)
{
    given(f, "{\"stream\":\"order-1\",\"type\":\"Placed\",\"data\":1,\"tags\":[\"red\"]}\n"
             "{\"stream\":\"order-2\",\"type\":\"Placed\",\"data\":2,\"tags\":[\"blue\"],"
             "\"metadata\":{\"$correlationId\":\"c\"}}\n"
             "{\"stream\":\"order-1\",\"type\":\"Paid\",\"data\":3,\"time\":\"2020-01-01\"}\n"
             "{\"stream\":\"cart-1\",\"type\":\"Filled\",\"data\":4,\"tags\":[\"red\",\"x y\"]}\n"
             "{\"stream\":\"order-1\",\"type\":\"Sent\",\"data\":5}\n");
}

/* The "data" of the events of an answer, as digits. */
static const char *data_of(const struct fake_exchange *fake)
{
    static char digits[64];
    size_t len = 0;
    const char *at = fake->body;
    while ((at = strstr(at, "\"data\":")) != NULL && len + 1 < sizeof digits) {
        at += 7;
        digits[len++] = *at;
    }
    digits[len] = '\0';
    return digits;
}

static void copy_next(const struct fake_exchange *fake, char token[FACTUM_TOKEN_SIZE])
{
    const char *at = fake->body == NULL ? NULL : strstr(fake->body, "\"next\":\"");
    assert_non_null(at);
    at += 8;
    size_t len = strcspn(at, "\"");
    assert_true(len < FACTUM_TOKEN_SIZE);
    memcpy(token, at, len);
    token[len] = '\0';
}

TEST(each_way_to_choose_events_gives_its_own)
{
    struct http_fixture *f = *state;
    given_orders(f);
    assert_answer(post(f, "/api/v1/streams/$s?system", "{\"type\":\"S\",\"data\":6}"), 201);
    static const struct {
        const char *target, *data;
    } cases[] = {
        {"events", "12345"},
        {"events?system", "123456"},
        {"events?system=false", "12345"},
        {"events?category=order", "1235"},
        {"events?type=Placed", "12"},
        {"events?tag=red", "14"},
        {"events?tag=x+y", "4"},
        {"events?correlation=c", "2"},
        {"events?prefix=order-", "1235"},
        {"events?type=Placed&prefix=order-2", "2"},
        {"events?query=[%7B%22tags%22:[%22red%22]%7D,%7B%22types%22:[%22Sent%22]%7D]", "145"},
        {"events?backwards", "54321"},
        {"events?category=order&backwards=true&limit=2", "53"},
        {"events?time-at=2020-01-01T00:00:00Z", "3"},
        {"events?at=2000-01-01", ""},
        {"events?at=2200-01-01T00:00:00%2B01:00", "12345"},
        {"streams/order-1", "135"},
        {"streams/order-1?at=1", "13"},
        {"streams/order-1?from=1", "35"},
        {"streams/order-1?from=end", ""},
        {"streams/order-1?from=end&backwards&limit=1", "5"},
        {"streams/order-1?from=1&backwards", "31"},
        {"streams/order-1?limit=2", "13"},
        {"streams/$ce-order?from=2", "35"},
        {"streams/$s", "6"},
        {"streams/$et-S", ""},
        {"streams/$et-S?system", "6"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[256];
        (void)snprintf(target, sizeof target, "/api/v1/%s", cases[i].target);
        struct fake_exchange *fake = get(f, target);
        assert_answer(fake, 200);
        if (strcmp(data_of(fake), cases[i].data) != 0) {
            print_error("%s: %s, not %s\n", target, data_of(fake), cases[i].data);
            fail();
        }
    }
}

TEST(an_invalid_read_is_refused)
{
    struct http_fixture *f = *state;
    given_orders(f);
    static const struct {
        const char *target;
        unsigned status;
        const char *reason;
    } cases[] = {
        {"events?limit=0", 400, "\\\"limit\\\" is 1 to 10000, not 0"},
        {"events?limit=10001", 400, "\\\"limit\\\" is 1 to 10000"},
        {"events?limit=x", 400, "\\\"limit\\\" is a whole number, not \\\"x\\\""},
        {"events?limit=", 400, "whole number"},
        {"events?limit", 400, "whole number"},
        {"events?limit=-1", 400, "whole number"},
        {"events?limit=18446744073709551616", 400, "whole number"},
        {"events?category=a&type=b", 400, "choose one"},
        {"events?category=", 400, "\\\"category\\\" is empty"},
        {"events?tag", 400, "\\\"tag\\\" is empty"},
        {"events?from=1", 400, "use \\\"after\\\" with a token"},
        {"events?at=1", 400, "use a time or a token"},
        {"events?at=noon", 400, "\\\"at\\\" is a time"},
        {"events?time-at=noon", 400, "\\\"time-at\\\" is a time"},
        {"events?after=x", 400, "\\\"x\\\" is not a token"},
        {"events?after=", 400, "not a token"},
        {"events?after=x&from=1", 400, "not a token"},
        {"events?backwards=1", 400, "\\\"backwards\\\" is true or false, not \\\"1\\\""},
        {"events?query=x", 400, "\\\"query\\\": not valid JSON"},
        {"events?query=%5B%5D", 400, "a query is an array"},
        {"events?query=[%7B%7D]", 400, "INVALID"},
        {"streams/order-1?from=last", 400, "start, end or a revision"},
        {"streams/order-1?category=a", 400, "the query has no"},
        {"streams/order-9", 404, "STREAM_NOT_FOUND"},
        {"streams/order-9?prefix=order", 404, "STREAM_NOT_FOUND"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[256];
        (void)snprintf(target, sizeof target, "/api/v1/%s", cases[i].target);
        struct fake_exchange *fake = get(f, target);
        if (fake->status != cases[i].status) {
            print_error("%s\n", target);
        }
        assert_answer(fake, cases[i].status);
        assert_holds(fake->body, cases[i].reason);
    }
}

TEST(a_token_of_another_store_is_refused)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = get(f, "/api/v1/events?after=f1-0123456789abcdef-0-4096");
    assert_answer(fake, 409);
    assert_holds(fake->body, "\"code\":\"WRONG_TIMELINE\"");
}

TEST(pages_continue_where_they_ended_without_gap_or_duplicate)
{
    struct http_fixture *f = *state;
    given_orders(f);
    for (int backwards = 1; backwards >= 0; backwards--) {
        char token[FACTUM_TOKEN_SIZE] = "";
        char all[256] = "";
        for (int page = 0; page < 3; page++) {
            char target[256];
            (void)snprintf(target, sizeof target, "/api/v1/events?limit=2%s%s%s",
                           backwards ? "&backwards" : "", page > 0 ? "&after=" : "", token);
            struct fake_exchange *fake = get(f, target);
            assert_answer(fake, 200);
            (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s", data_of(fake));
            if (page == 2 && backwards) {
                assert_holds(fake->body, "],\"next\":null}");
            } else {
                copy_next(fake, token);
            }
        }
        assert_string_equal(all, backwards ? "54321" : "12345");
        if (!backwards) { /* and with what comes later */
            char target[256];
            (void)snprintf(target, sizeof target, "/api/v1/events?after=%s", token);
            assert_string_equal(data_of(get(f, target)), "");
            given(f, "{\"stream\":\"order-3\",\"type\":\"Placed\",\"data\":6}\n");
            assert_string_equal(data_of(get(f, target)), "6");
            assert_answer(ask(f, "DELETE /api/v1/streams/order-3?tombstone", "", NULL), 200);
            assert_answer(get(f, "/api/v1/streams/order-3"), 410);
        }
    }
}

TEST(lines_come_without_a_limit_and_their_trailer_has_the_next_place)
{
    struct http_fixture *f = *state;
    for (int i = 0; i < 150; i++) {
        given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":7}\n");
    }
    struct fake_exchange *fake = get(f, "/api/v1/streams/s");
    assert_int_equal(strlen(data_of(fake)), 63); /* what fits into data_of */
    fake = ask(f, "GET /api/v1/streams/s", "accept: application/x-ndjson\n", NULL);
    assert_answer(fake, 200);
    assert_holds(fake->head, "content-type: application/x-ndjson\n");
    assert_holds(fake->trailers, "factum-next: f1-");
    assert_holds(fake->body, "\"revision\":149,");
    assert_int_equal(fake->body[0], '{');
    assert_string_equal(fake->body + fake->body_len - 2, "}\n");
    fake = ask(f, "GET /api/v1/streams/s?limit=3", "accept: application/x-ndjson\n", NULL);
    assert_holds(fake->body, "\"revision\":2,");
    assert_lacks(fake->body, "\"revision\":3,");
    fake = ask(f, "GET /api/v1/streams/s?backwards", "accept: application/x-ndjson\n", NULL);
    assert_string_equal(fake->trailers, "");
}

TEST(an_answer_that_nobody_accepts_is_refused)
{
    struct http_fixture *f = *state;
    given_orders(f);
    assert_answer(ask(f, "GET /api/v1/events", "accept: text/html\n", NULL), 406);
    assert_answer(ask(f, "GET /api/v1/events", "accept: text/html, */*;q=0.1\n", NULL), 200);
}

TEST(a_page_is_written_as_there_is_room)
{
    struct http_fixture *f = *state;
    for (int i = 0; i < 1000; i++) {
        given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":7}\n");
    }
    struct fake_exchange *fake = get(f, "/api/v1/streams/s?limit=1000");
    size_t whole_len = fake->body_len;
    char *whole = test_malloc(whole_len + 1);
    memcpy(whole, fake->body, whole_len + 1);
    fake = begin(f, "GET /api/v1/streams/s?limit=1000", "");
    fake->room = 1;
    fake_send(fake, "", 0, 1);
    assert_int_equal(fake->status, 200);
    size_t largest = 0;
    for (int i = 0; i < 5000 && !fake->finished; i++) {
        size_t before = fake->body_len;
        run_for(f, 0);
        assert_int_equal(fake->body_len, before); /* no room, nothing written */
        fake->room = 1 + (size_t)i % 700;
        fake->exchange.handler->writable(&fake->exchange);
        size_t written = fake->body_len - before;
        largest = written > largest ? written : largest;
    }
    assert_true(fake->finished);
    assert_true(largest < 1500);
    assert_int_equal(fake->body_len, whole_len);
    assert_memory_equal(fake->body, whole, whole_len);
    test_free(whole);
}

TEST(a_long_answer_takes_turns_and_may_be_left)
{
    struct http_fixture *f = *state;
    for (int i = 0; i < 600; i++) {
        given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":7}\n");
    }
    struct fake_exchange *fake =
        begin(f, "GET /api/v1/streams/s", "accept: application/x-ndjson\n");
    fake_send(fake, "", 0, 1);
    assert_false(fake->finished); /* 256 events are a turn, fewer if it takes long */
    assert_holds(fake->body, "\"revision\":5,");
    assert_lacks(fake->body, "\"revision\":256,");
    run_until(f, NULL);
    assert_holds(fake->body, "\"revision\":599,");
    fake = begin(f, "GET /api/v1/streams/s", "accept: application/x-ndjson\n");
    fake_send(fake, "", 0, 1);
    assert_false(fake->finished);
    end_last(f);
    run_for(f, 5);
    fake = begin(f, "GET /api/v1/streams/s?limit=5000", "");
    fake_send(fake, "", 0, 1);
    fake->fail_write = 1;
    run_until(f, NULL);
    assert_true(fake->aborted);
}

TEST(head_is_get_without_its_body)
{
    struct http_fixture *f = *state;
    given_orders(f);
    static const char *const lines[] = {"HEAD /api/v1/streams/order-1", "HEAD /api/v1/streams",
                                        "HEAD /metrics", "HEAD /api/v1/info"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct fake_exchange *fake = ask(f, lines[i], "", NULL);
        assert_answer(fake, 200);
        assert_int_equal(fake->body_len, 0);
        assert_holds(fake->head, "content-type: ");
    }
    assert_holds(ask(f, "HEAD /api/v1/streams/order-1", "", NULL)->head, "etag: \"2\"\n");
    struct fake_exchange *fake = ask(f, "HEAD /api/v1/events", "accept: text/event-stream\n", NULL);
    assert_answer(fake, 200);
    assert_int_equal(f->server.counters.subscriptions, 0);
    assert_answer(ask(f, "HEAD /api/v1/streams/nothing", "", NULL), 404);
}

/* ---- lists ----------------------------------------------------------------------------------- */

TEST(names_are_listed_in_pages)
{
    struct http_fixture *f = *state;
    given_orders(f);
    struct fake_exchange *fake = get(f, "/api/v1/streams");
    assert_answer(fake, 200);
    assert_holds(fake->body, "{\"streams\":[{\"name\":\"order-1\",\"events\":3,\"firstPosition\":");
    assert_holds(fake->body, "\"name\":\"cart-1\"");
    assert_holds(fake->body, "],\"next\":null}");
    fake = get(f, "/api/v1/streams?limit=2");
    assert_holds(fake->body, "order-2");
    assert_lacks(fake->body, "cart-1");
    char token[FACTUM_TOKEN_SIZE];
    char target[256];
    copy_next(fake, token);
    (void)snprintf(target, sizeof target, "/api/v1/streams?limit=2&after=%s", token);
    fake = get(f, target);
    assert_holds(fake->body, "{\"streams\":[{\"name\":\"cart-1\",\"events\":1,");
    assert_holds(fake->body, "\"next\":null}");
    assert_lacks(get(f, "/api/v1/streams?category=cart")->body, "order");
    assert_lacks(get(f, "/api/v1/streams?prefix=order-2")->body, "order-1");
    assert_holds(get(f, "/api/v1/categories")->body, "{\"categories\":[{\"name\":\"order\"");
    assert_holds(get(f, "/api/v1/types?prefix=S")->body, "{\"types\":[{\"name\":\"Sent\"");
    assert_holds(get(f, "/api/v1/tags")->body, "{\"name\":\"x y\",\"events\":1,");
    assert_string_equal(get(f, "/api/v1/tags?prefix=z")->body, "{\"tags\":[],\"next\":null}");
    assert_answer(get(f, "/api/v1/tags?limit=0"), 400);
    assert_answer(get(f, "/api/v1/tags?after=x"), 400);
    assert_answer(get(f, "/api/v1/tags?category=x"), 400);
}

TEST(a_list_is_written_as_there_is_room)
{
    struct http_fixture *f = *state;
    for (int i = 0; i < 1500; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "{\"stream\":\"s-%d\",\"type\":\"T\"}\n", i);
        given(f, line);
    }
    struct fake_exchange *fake = begin(f, "GET /api/v1/streams?limit=10000", "");
    fake->room = 300;
    fake_send(fake, "", 0, 1);
    assert_false(fake->finished);
    assert_true(fake->body_len < 1000);
    fake->room = 1 << 20;
    fake->exchange.handler->writable(&fake->exchange);
    fake->exchange.handler->writable(&fake->exchange); /* has no effect on a waiting call */
    assert_false(fake->finished);
    run_until(f, NULL);
    assert_holds(fake->body, "s-1499");
    fake = begin(f, "GET /api/v1/streams?limit=10000", "");
    fake_send(fake, "", 0, 1);
    end_last(f); /* between two turns */
    run_for(f, 5);
}

/* ---- waiting --------------------------------------------------------------------------------- */

TEST(a_read_waits_for_a_token_and_not_for_ever)
{
    struct http_fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    char line[256];
    given_orders(f);
    uint64_t place = 0;
    assert_ok(factum_visible_place(f->store, &place, &f->err), f->err);
    factum_token_format(f->store, place, token);
    (void)snprintf(line, sizeof line, "/api/v1/events?wait=%s", token);
    assert_answer(get(f, line), 200);
    assert_answer(get(f, "/api/v1/events?wait=x"), 400);
    /* A place that does not exist yet: the one that the store will reach after one more event. */
    factum_token_format(f->store, place + 1, token);
    (void)snprintf(line, sizeof line, "GET /api/v1/events?wait=%s", token);
    struct fake_exchange *fake = begin(f, line, "prefer: respond-async, wait=0\n");
    fake_send(fake, "", 0, 1);
    run_until(f, NULL);
    assert_answer(fake, 504);
    assert_holds(fake->body, "\"code\":\"EXPIRED\"");
    assert_holds(fake->body, "within 0 s");
    fake = begin(f, line, "prefer: wait=30\n");
    fake_send(fake, "", 0, 1);
    run_for(f, 30);
    assert_int_equal(fake->status, 0);
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":6}\n");
    run_until(f, NULL);
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"data\":6");
    factum_token_format(f->store, place + 100000, token);
    (void)snprintf(line, sizeof line, "GET /api/v1/events?wait=%s", token);
    fake = begin(f, line, "");
    fake_send(fake, "", 0, 1);
    end_last(f); /* while it waits */
    run_for(f, 50);
    fake = begin(f, line, "");
    fake_send(fake, "", 0, 1);
    f->server.stopping = true;
    run_until(f, NULL);
    assert_answer(fake, 503);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_CASE(each_way_to_choose_events_gives_its_own),
        HTTP_CASE(an_invalid_read_is_refused),
        HTTP_CASE(a_token_of_another_store_is_refused),
        HTTP_CASE(pages_continue_where_they_ended_without_gap_or_duplicate),
        HTTP_CASE(lines_come_without_a_limit_and_their_trailer_has_the_next_place),
        HTTP_CASE(an_answer_that_nobody_accepts_is_refused),
        HTTP_CASE(a_page_is_written_as_there_is_room),
        HTTP_CASE(a_long_answer_takes_turns_and_may_be_left),
        HTTP_CASE(head_is_get_without_its_body),
        HTTP_CASE(names_are_listed_in_pages),
        HTTP_CASE(a_list_is_written_as_there_is_room),
        HTTP_CASE(a_read_waits_for_a_token_and_not_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
