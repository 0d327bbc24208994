/* http_live_test.c - the live tail, from its first event to its end. Layer: server. */
#include "support/http_fixture.h"

#include "server/http_int.h"

static void given(struct http_fixture *f, const char *lines)
{
    assert_ok(factum_testing_given(f->store, lines, &f->err), f->err);
}

static struct fake_exchange *tail(struct http_fixture *f, const char *target, const char *fields)
{
    char line[1024];
    char all[512];
    (void)snprintf(line, sizeof line, "GET /api/v1/%s", target);
    (void)snprintf(all, sizeof all, "accept: text/event-stream\n%s", fields);
    struct fake_exchange *fake = begin(f, line, all);
    fake_send(fake, "", 0, 1);
    return fake;
}

/* The id before |part| of the body. */
static void copy_id(const struct fake_exchange *fake, const char *part, char id[FACTUM_TOKEN_SIZE])
{
    const char *end = strstr(fake->body, part);
    const char *at = NULL;
    for (const char *next = fake->body; (next = strstr(next, "id: ")) != NULL && next < end;) {
        next += 4;
        at = next;
    }
    assert_non_null(at);
    size_t len = strcspn(at, "\n");
    memcpy(id, at, len);
    id[len] = '\0';
}

TEST(a_tail_gives_stored_events_and_then_new_ones)
{
    struct http_fixture *f = *state;
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n");
    struct fake_exchange *fake = tail(f, "streams/s", "");
    run_until(f, ": caught up\n");
    assert_answer(fake, 200);
    assert_holds(fake->head, "content-type: text/event-stream\n");
    assert_holds(fake->head, "cache-control: no-store\n");
    assert_int_equal(strncmp(fake->body, "retry: 1000\n\nid: f1-", 20), 0);
    assert_holds(fake->body, "\ndata: {\"stream\":\"s\",\"type\":\"T\",");
    assert_holds(fake->body, "}\n\nevent: caught-up\nid: ");
    assert_int_equal(f->server.counters.subscriptions, 1);
    given(f, "{\"stream\":\"t\",\"type\":\"T\",\"data\":2}\n"
             "{\"stream\":\"s\",\"type\":\"T\",\"data\":\"\\n3\\r\"}\n");
    run_until(f, "\"data\":\"\\n3\\r\"");
    assert_lacks(fake->body, "\"data\":2");
    end_last(f);
    assert_int_equal(f->server.counters.subscriptions, 0);
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":4}\n");
    run_for(f, 20); /* a closed subscriber is not woken */
}

TEST(a_tail_continues_after_the_last_id_of_its_client)
{
    struct http_fixture *f = *state;
    char id[FACTUM_TOKEN_SIZE];
    char caught_up[FACTUM_TOKEN_SIZE];
    char fields[256];
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n{\"stream\":\"s\",\"type\":\"T\","
             "\"data\":2}\n{\"stream\":\"s\",\"type\":\"T\",\"data\":3}\n");
    struct fake_exchange *fake = tail(f, "events?from=start", "");
    run_until(f, ": caught up");
    copy_id(fake, "\"data\":2", id);
    copy_id(fake, ": caught up", caught_up);
    (void)snprintf(fields, sizeof fields, "last-event-id: %s\n", id);
    fake = tail(f, "events?from=start", fields);
    run_until(f, ": caught up");
    assert_lacks(fake->body, "\"data\":2");
    assert_holds(fake->body, "\"data\":3");
    (void)snprintf(fields, sizeof fields, "last-event-id: %s\n", caught_up);
    fake = tail(f, "events", fields);
    run_until(f, ": caught up");
    assert_lacks(fake->body, "data: ");
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":4}\n");
    run_until(f, "\"data\":4");
    char target[256];
    (void)snprintf(target, sizeof target, "events?after=%s", id);
    fake = tail(f, target, "");
    run_until(f, "\"data\":4");
    assert_holds(fake->body, "\"data\":3");
    assert_lacks(fake->body, "\"data\":2");
}

TEST(an_invalid_tail_is_refused)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *target, *fields;
        unsigned status;
    } cases[] = {
        {"events?limit=5", "", 400},
        {"events?backwards", "", 400},
        {"events?at=2020-01-01", "", 400},
        {"events?time-at=2020-01-01", "", 400},
        {"events?after=x", "", 400},
        {"events", "last-event-id: x\n", 400},
        {"events", "last-event-id: f1-0123456789abcdef-0-4096\n", 409},
        {"events?query=x", "", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_exchange *fake = tail(f, cases[i].target, cases[i].fields);
        assert_answer(fake, cases[i].status);
        assert_true(fake->finished);
        assert_holds(fake->head, "application/problem+json");
        assert_int_equal(f->server.counters.subscriptions, 0);
    }
}

TEST(a_tail_waits_for_a_stream_that_does_not_exist)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = tail(f, "streams/later", "");
    run_until(f, ": caught up");
    assert_answer(fake, 200);
    given(f, "{\"stream\":\"later\",\"type\":\"T\",\"data\":1}\n");
    run_until(f, "\"data\":1");
}

TEST(the_end_of_its_stream_ends_a_tail_with_an_error)
{
    struct http_fixture *f = *state;
    factum_append_result result;
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n");
    struct fake_exchange *fake = tail(f, "streams/s", "");
    run_until(f, ": caught up");
    assert_ok(factum_tombstone(f->store, FCT_SLICE("s"), factum_any(), &result, &f->err), f->err);
    run_until(f, NULL);
    assert_true(fake->finished);
    assert_holds(fake->body, "event: error\ndata: {\"type\":\"urn:factum:problem:STREAM_DELETED\"");
    assert_string_equal(fake->body + fake->body_len - 3, "}\n\n");
    assert_int_equal(f->server.counters.subscriptions, 0);
    fake = tail(f, "streams/s", "");
    run_until(f, NULL);
    assert_holds(fake->body, "STREAM_DELETED");
}

TEST(the_end_of_the_server_ends_a_tail_with_an_error)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = tail(f, "events", "");
    run_until(f, ": caught up");
    f->server.stopping = true;
    run_until(f, NULL);
    assert_true(fake->finished);
    assert_holds(fake->body, "event: error\ndata: {\"type\":\"urn:factum:problem:CANCELLED\"");
    assert_holds(fake->body, "go on with Last-Event-ID");
}

TEST(a_slow_reader_is_served_when_it_has_room_and_misses_nothing)
{
    struct http_fixture *f = *state;
    for (int i = 0; i < 400; i++) {
        given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":7}\n");
    }
    struct fake_exchange *fake = tail(f, "streams/s", "");
    run_until(f, ": caught up");
    char *whole = test_malloc(fake->body_len + 1);
    size_t whole_len = fake->body_len;
    memcpy(whole, fake->body, whole_len + 1);
    fake = begin(f, "GET /api/v1/streams/s", "accept: text/event-stream\n");
    fake->room = 10;
    fake_send(fake, "", 0, 1);
    for (int i = 0; i < 2000 && fake->body_len < whole_len; i++) {
        size_t before = fake->body_len;
        run_for(f, 0);
        assert_int_equal(fake->body_len, before);
        fake->room = 500;
        fake->exchange.handler->writable(&fake->exchange);
    }
    assert_int_equal(fake->body_len, whole_len);
    assert_memory_equal(fake->body, whole, whole_len);
    test_free(whole);
    fake->room = 0;
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":8}\n");
    run_for(f, 20);
    assert_lacks(fake->body, "\"data\":8");
    fake->room = 1000;
    fake->exchange.handler->writable(&fake->exchange);
    run_until(f, "\"data\":8");
}

static struct fake_exchange *second_tail(struct http_fixture *f, struct fake_exchange *fake,
                                         const char *line)
{
    fake_init(fake, &f->peer, line, "accept: text/event-stream\n");
    fct_http_begin(&f->server, &f->principal, &fake->exchange);
    fake_send(fake, "", 0, 1);
    return fake;
}

static size_t count_of(const char *whole, const char *part)
{
    size_t count = 0;
    for (const char *at = whole; at != NULL && (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

/* Once all have caught up they read nothing themselves, and get the same bytes. */
TEST(subscribers_share_what_is_read_and_encoded_once)
{
    struct http_fixture *f = *state;
    static struct fake_exchange other;
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n");
    struct fake_exchange *one = tail(f, "events", "");
    second_tail(f, &other, "GET /api/v1/streams/s");
    run_until(f, ": caught up");
    run_for(f, 20);
    const struct fct_feed *feed = fct_feeds_first(&f->server);
    for (; feed != NULL; feed = feed->older) {
        assert_true(feed->rides);
        assert_null(feed->subscription);
    }
    size_t one_from = one->body_len;
    size_t other_from = other.body_len;
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":\"both\",\"tags\":[\"a\",\"b\"]}\n");
    run_until(f, "\"both\"");
    run_for(f, 20);
    assert_holds(other.body, "\"both\"");
    assert_string_equal(one->body + one_from, other.body + other_from);
    assert_ok(factum_metadata_set(f->store, FCT_SLICE("s"), factum_any(),
                                  FCT_SLICE("{\"hidden\":1}"), NULL, &f->err),
              f->err);
    given(f, "{\"stream\":\"t\",\"type\":\"T\",\"data\":\"one alone\"}\n"
             "{\"stream\":\"s\",\"type\":\"T\",\"data\":\"both again\"}\n");
    run_until(f, "\"both again\"");
    run_for(f, 20);
    assert_holds(one->body, "\"one alone\"");
    assert_lacks(one->body, "hidden");
    assert_holds(other.body, "\"both again\"");
    assert_lacks(other.body, "\"one alone\"");
    fake_free(&other);
}

/* A subscriber that does not read while more events come than are kept continues from the store,
 * and rides again. */
/* Runs until |text| is at the end of the body, which is too long to be searched each time. */
static void run_until_end(struct http_fixture *f, const struct fake_exchange *fake,
                          const char *text)
{
    for (int i = 0; i < 2000; i++) {
        size_t tail = fake->body_len < 400 ? fake->body_len : 400;
        if (tail > 0 && strstr(fake->body + fake->body_len - tail, text) != NULL) {
            return;
        }
        run_for(f, 20);
    }
    fail_msg("the body does not end with %s", text);
}

TEST(a_subscriber_that_falls_behind_the_recent_events_misses_none)
{
    struct http_fixture *f = *state;
    static struct fake_exchange slow;
    char number[32];
    struct fake_exchange *quick = tail(f, "events", "");
    second_tail(f, &slow, "GET /api/v1/events?from=start");
    run_until(f, ": caught up");
    run_for(f, 20);
    const struct fct_feed *feed = fct_feeds_first(&f->server);
    assert_true(feed->rides);
    slow.room = 0;
    quick->room = (size_t)1 << 24;
    for (unsigned i = 0; i < FCT_RECENT_MAX + 500; i++) {
        char line[96];
        (void)snprintf(line, sizeof line, "{\"stream\":\"s\",\"type\":\"T\",\"data\":\"n%u.\"}\n",
                       i);
        given(f, line);
        if (i % 500 == 499) {
            run_for(f, 5);
        }
    }
    (void)snprintf(number, sizeof number, "\"n%u.\"", FCT_RECENT_MAX + 499);
    run_until_end(f, quick, number);
    assert_lacks(slow.body, "\"n0.\"");
    slow.room = (size_t)1 << 24;
    slow.exchange.handler->writable(&slow.exchange);
    run_until_end(f, &slow, number);
    run_for(f, 20);
    assert_int_equal(count_of(slow.body, "\"data\":\"n"), FCT_RECENT_MAX + 500);
    assert_int_equal(count_of(quick->body, "\"data\":\"n"), FCT_RECENT_MAX + 500);
    assert_true(feed->rides);
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":\"after it\"}\n");
    run_until_end(f, quick, "\"after it\"");
    run_until_end(f, &slow, "\"after it\"");
    fake_free(&slow);
}

static void assert_metric(struct http_fixture *f, const char *line)
{
    const struct fake_exchange *fake = get(f, "/metrics");
    assert_answer(fake, 200);
    assert_holds(fake->body, line);
}

TEST(figures_show_how_far_subscribers_are_behind)
{
    struct http_fixture *f = *state;
    static struct fake_exchange slow;
    assert_metric(f, "factum_subscribers{protocol=\"http\",state=\"live\"} 0\n");
    second_tail(f, &slow, "GET /api/v1/events?from=start");
    run_for(f, 20);
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n");
    run_for(f, 20);
    assert_metric(f, "factum_subscribers{protocol=\"http\",state=\"live\"} 1\n");
    assert_metric(f, "factum_subscriber_lag_max_bytes{protocol=\"http\"} 0\n");
    slow.room = 0;
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":2}\n");
    run_for(f, 20);
    assert_lacks(get(f, "/metrics")->body,
                 "factum_subscriber_lag_max_bytes{protocol=\"http\"} 0\n");
    assert_metric(f, "factum_subscriber_lag_max_bytes{protocol=\"kurrentdb\"} 0\n");
    fake_free(&slow);
    second_tail(f, &slow, "GET /api/v1/events?from=start&prefix=s");
    slow.room = 0;
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":3}\n");
    run_for(f, 20);
    assert_metric(f, "factum_subscribers{protocol=\"http\",state=\"catching_up\"} 1\n");
    fake_free(&slow);
    assert_metric(f, "factum_subscribers{protocol=\"http\",state=\"catching_up\"} 0\n");
}

/* Metadata that hides future events hides them from riding feeds, too. */
TEST(what_is_truncated_in_advance_is_not_given)
{
    struct http_fixture *f = *state;
    static struct fake_exchange other;
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n");
    (void)tail(f, "events", "");
    second_tail(f, &other, "GET /api/v1/streams/s");
    run_until(f, ": caught up");
    run_for(f, 20);
    assert_ok(factum_metadata_set(f->store, FCT_SLICE("s"), factum_any(), FCT_SLICE("{\"$tb\":2}"),
                                  NULL, &f->err),
              f->err);
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":\"hidden\"}\n"
             "{\"stream\":\"s\",\"type\":\"T\",\"data\":\"shown\"}\n");
    run_until(f, "\"shown\"");
    run_for(f, 20);
    assert_holds(other.body, "\"shown\"");
    assert_lacks(other.body, "\"hidden\"");
    fake_free(&other);
}

TEST(a_tail_that_cannot_be_sent_is_broken_off)
{
    struct http_fixture *f = *state;
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n");
    for (unsigned k = 1; k < 4; k++) { /* the head, the event, the place */
        struct fake_exchange *fake =
            begin(f, "GET /api/v1/streams/s", "accept: text/event-stream\n");
        fake->fail_write = k;
        fake_send(fake, "", 0, 1);
        run_until(f, ": caught up");
        assert_true(fake->aborted);
        assert_int_equal(f->server.counters.subscriptions, 0);
    }
}

TEST(each_allocation_of_a_tail_may_fail)
{
    struct http_fixture *f = *state;
    given(f, "{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n");
    bool failed = true;
    for (unsigned long k = 0; failed; k++) {
        assert_true(k < 50);
        end_last(f);
        f->fault.failed = 0;
        f->fault.fail_at = f->fault.calls + k;
        struct fake_exchange *fake = tail(f, "streams/s", "");
        run_until(f, ": caught up");
        failed = f->fault.failed > 0;
        f->fault.fail_at = (unsigned long)-1;
        assert_true(fake->aborted || fake->finished || !failed);
        end_last(f);
        assert_int_equal(f->server.counters.subscriptions, 0);
    }
}

TEST(a_silent_tail_sends_heartbeats)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = tail(f, "streams/s", "");
    run_until(f, ": caught up");
    given(f, "{\"stream\":\"t\",\"type\":\"T\"}\n");
    run_until(f, ": heartbeat"); /* 15 s */
    assert_false(fake->finished);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_CASE(a_tail_gives_stored_events_and_then_new_ones),
        HTTP_CASE(a_tail_continues_after_the_last_id_of_its_client),
        HTTP_CASE(an_invalid_tail_is_refused),
        HTTP_CASE(a_tail_waits_for_a_stream_that_does_not_exist),
        HTTP_CASE(the_end_of_its_stream_ends_a_tail_with_an_error),
        HTTP_CASE(the_end_of_the_server_ends_a_tail_with_an_error),
        HTTP_CASE(a_slow_reader_is_served_when_it_has_room_and_misses_nothing),
        HTTP_CASE(subscribers_share_what_is_read_and_encoded_once),
        HTTP_CASE(a_subscriber_that_falls_behind_the_recent_events_misses_none),
        HTTP_CASE(figures_show_how_far_subscribers_are_behind),
        HTTP_CASE(what_is_truncated_in_advance_is_not_given),
        HTTP_CASE(a_tail_that_cannot_be_sent_is_broken_off),
        HTTP_CASE(each_allocation_of_a_tail_may_fail),
        HTTP_CASE(a_silent_tail_sends_heartbeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
