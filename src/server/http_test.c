/* http_test.c - HTTP/JSON: routes, appends, and what every call has in common. Layer: server. */
#include <limits.h>

#include "support/http_fixture.h"

#include "server/http_int.h"

/* ---- routes ---------------------------------------------------------------------------------- */

TEST(an_unknown_path_is_not_found)
{
    struct http_fixture *f = *state;
    static const char *const paths[] = {"/",
                                        "/api/v1",
                                        "/api/v1/streams/",
                                        "/api/v1/streams/a/b",
                                        "/api/v1/streams/a/info/",
                                        "/api/v1/events/x",
                                        "/API/v1/events",
                                        "/health"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct fake_exchange *fake = get(f, paths[i]);
        assert_answer(fake, 404);
        assert_holds(fake->head, "content-type: application/problem+json\n");
        assert_holds(fake->body, "\"code\":\"NOT_FOUND\"");
    }
    assert_int_equal(f->server.counters.refusals[-FACTUM_NOT_FOUND], 8);
}

TEST(a_wrong_method_is_refused_with_the_allowed_ones)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = ask(f, "PATCH /api/v1/streams/a", "", NULL);
    assert_answer(fake, 405);
    assert_holds(fake->head, "allow: POST, GET, HEAD, DELETE\n");
    assert_holds(fake->body, "method PATCH is not allowed here; allowed: POST, GET, HEAD, DELETE");
    assert_answer(ask(f, "get /api/v1/events", "", NULL), 405);
    assert_answer(ask(f, "OPTIONS /metrics", "", NULL), 405);
}

TEST(a_bad_url_is_refused)
{
    struct http_fixture *f = *state;
    assert_answer(get(f, "/api/v1/streams/%ff"), 400);
    assert_answer(get(f, "/api/v1/streams/a?limit=1&limit=2"), 400);
    struct fake_exchange *fake = get(f, "/api/v1/streams/a?colour=red");
    assert_answer(fake, 400);
    assert_holds(fake->body, "the query has no \\\"colour\\\" here: it may have after from limit");
    assert_lacks(fake->body, " \"");
    fake = get(f, "/health/live?a");
    assert_answer(fake, 400);
    assert_holds(fake->body, "the query has no \\\"a\\\" here\"");
}

TEST(an_unknown_user_must_log_in_and_a_reader_may_not_write)
{
    struct http_fixture *f = *state;
    f->principal = (struct fct_principal){FCT_RIGHT_NONE, FCT_SLICE("anonymous")};
    struct fake_exchange *fake = get(f, "/api/v1/streams/a");
    assert_answer(fake, 401);
    assert_holds(fake->head, "www-authenticate: Basic realm=\"factum\"");
    assert_holds(fake->body, "\"code\":\"DENIED\"");
    assert_answer(get(f, "/health/live"), 204);
    f->principal = (struct fct_principal){FCT_RIGHT_READ, FCT_SLICE("reader")};
    fake = post(f, "/api/v1/streams/a", "{\"type\":\"T\"}");
    assert_answer(fake, 403);
    assert_lacks(fake->head, "www-authenticate");
    assert_answer(get(f, "/api/v1/streams/a"), 404);
    assert_answer(get(f, "/api/v1/streams/$a"), 403);
    assert_answer(get(f, "/api/v1/events?system"), 403);
    assert_answer(post(f, "/api/v1/endpoints/stock/retry", "{}"), 403);
    assert_answer(post(f, "/api/v1/endpoints/stock/skip", "{\"position\":1,\"reason\":\"x\"}"),
                  403);
    assert_answer(get(f, "/api/v1/parked-deliveries"), 501); /* allowed; no endpoints */
    assert_answer(get(f, "/api/v1/endpoints"), 501);
    f->principal = (struct fct_principal){FCT_RIGHT_WRITE, FCT_SLICE("writer")};
    assert_answer(post(f, "/api/v1/events?system",
                       "{\"events\":[{\"stream\":\"a\",\"type\":\"T\"},"
                       "{\"stream\":\"$b\",\"type\":\"T\"}]}"),
                  403);
    f->principal = (struct fct_principal){FCT_RIGHT_ADMIN, FCT_SLICE("admin")};
    assert_answer(get(f, "/api/v1/streams/a"), 404); /* nothing was written */
    assert_answer(post(f, "/api/v1/endpoints//retry", "{}"), 404);
}

TEST(a_reader_does_not_get_system_events_in_a_trace)
{
    struct http_fixture *f = *state;
    assert_answer(post(f, "/api/v1/events?system",
                       "{\"events\":[{\"stream\":\"$b\",\"type\":\"Hidden\","
                       "\"metadata\":{\"$correlationId\":\"c\"}},{\"stream\":\"a\","
                       "\"type\":\"Plain\",\"metadata\":{\"$correlationId\":\"c\"}}]}"),
                  201);
    struct fake_exchange *fake = get(f, "/api/v1/traces/c");
    assert_answer(fake, 200);
    assert_holds(fake->body, "Hidden");
    f->principal = (struct fct_principal){FCT_RIGHT_READ, FCT_SLICE("reader")};
    fake = get(f, "/api/v1/traces/c");
    assert_answer(fake, 200);
    assert_holds(fake->body, "Plain");
    assert_lacks(fake->body, "Hidden");
}

TEST(another_host_is_refused_before_anything_else)
{
    struct http_fixture *f = *state;
    assert_answer(ask(f, "GET /health/live", "host: evil.example:2113\n", NULL), 403);
    assert_answer(ask(f, "GET /health/live", "origin: http://evil.example\n", NULL), 403);
    assert_answer(ask(f, "GET /health/live", "origin: http://localhost:2113\n", NULL), 204);
}

TEST(a_server_that_stops_answers_its_health_alone)
{
    struct http_fixture *f = *state;
    f->server.stopping = true;
    struct fake_exchange *fake = post(f, "/api/v1/streams/a", "{\"type\":\"T\"}");
    assert_answer(fake, 503);
    assert_holds(fake->head, "retry-after: 1\n");
    assert_answer(get(f, "/health/live"), 204);
    fake = get(f, "/health/ready");
    assert_answer(fake, 503);
    assert_holds(fake->body, "the server is shutting down");
}

/* ---- appends --------------------------------------------------------------------------------- */

TEST(an_event_is_appended_and_read_back)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake =
        post(f, "/api/v1/streams/order-1",
             "{\"type\":\"OrderPlaced\",\"data\":{\"a\": [1, \"\\u00e4\"]},\"tags\":[\"x\\ny\"],"
             "\"metadata\":{\"$correlationId\":\"c\"},\"time\":\"2024-01-01T00:00:00Z\","
             "\"id\":\"11111111-2222-4333-8444-555555555555\"}");
    assert_answer(fake, 201);
    assert_holds(fake->head, "content-type: application/json\n");
    assert_holds(fake->head, "etag: \"0\"\n");
    assert_holds(fake->head, "cache-control: no-store\n");
    assert_holds(fake->body, "{\"stream\":\"order-1\",\"revision\":0,\"position\":");
    assert_holds(fake->body, "\"count\":1,\"already\":false,\"durability\":");
    fake = get(f, "/api/v1/streams/order-1");
    assert_answer(fake, 200);
    assert_holds(fake->head, "etag: \"0\"\n");
    assert_holds(fake->body, "{\"events\":[{\"stream\":\"order-1\",\"type\":\"OrderPlaced\","
                             "\"id\":\"11111111-2222-4333-8444-555555555555\","
                             "\"time\":\"2024-01-01T00:00:00Z\","
                             "\"data\":{\"a\": [1, \"\\u00e4\"]},"
                             "\"metadata\":{\"$correlationId\":\"c\"},\"tags\":[\"x\\u000ay\"],"
                             "\"revision\":0,");
    assert_holds(fake->body, "}],\"next\":\"");
    assert_int_equal(f->server.counters.appends, 1);
}

TEST(an_array_is_one_commit)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = post(f, "/api/v1/streams/s",
                                      "[{\"type\":\"A\",\"stream\":\"\\u0073\"},{\"type\":\"B\"},"
                                      "{\"type\":\"C\\u0021\",\"data\":\"x\"}]");
    assert_answer(fake, 201);
    assert_holds(fake->body, "\"revision\":2,");
    assert_holds(fake->body, "\"count\":3");
    fake = get(f, "/api/v1/streams/s");
    assert_holds(fake->body, "\"type\":\"C!\"");
    assert_holds(fake->body, "},\n{");
}

TEST(lines_are_one_commit)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake =
        ask(f, "POST /api/v1/streams/s", "content-type: application/x-ndjson\n",
            "{\"type\":\"A\"}\r\n\n{\"type\":\"B\",\"data\":1}");
    assert_answer(fake, 201);
    assert_holds(fake->body, "\"count\":2");
    fake = ask(f, "POST /api/v1/streams/s", "content-type: application/x-ndjson\n",
               "{\"type\":\"A\"}\n{\"type\":1}\n");
    assert_answer(fake, 400);
    assert_holds(fake->body, "line 2: \\\"type\\\" at byte 8 must be a string");
}

TEST(an_invalid_body_is_refused_and_nothing_is_written)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"", "the body is not valid JSON: the text ends where a value should be at byte 0"},
        {"{", "the body is not valid JSON"},
        {"[]", "the body has no events"},
        {"7", "a line must be a JSON object, not 7"},
        {"[{\"type\":\"A\"},7]", "event 2 of 2: a line must be a JSON object"},
        {"{\"typ\":\"A\"}", "unknown member \\\"typ\\\""},
        {"{\"type\":\"\"}", "\\\"type\\\" is missing or empty"},
        {"{\"type\":\"A\",\"stream\":\"b\"}", "but the events are for \\\"a\\\": leave it out"},
        {"[{\"type\":\"A\",\"key\":\"k\"},{\"type\":\"A\",\"key\":\"l\"}]", "have one key"},
        {"{\"type\":\"A\",\"data\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
         "[[["
         "[[[[[[[[[[[[",
         "nesting deeper"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_exchange *fake = post(f, "/api/v1/streams/a", cases[i].body);
        assert_answer(fake, 400);
        assert_holds(fake->body, cases[i].reason);
    }
    assert_answer(get(f, "/api/v1/streams/a"), 404);
}

TEST(a_body_of_another_type_is_refused)
{
    struct http_fixture *f = *state;
    static const char *const fields[] = {"", "content-type: text/plain\n",
                                         "content-type: application/json; charset=latin1\n",
                                         "content-type: application/x-www-form-urlencoded\n"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct fake_exchange *fake =
            ask(f, "POST /api/v1/streams/a", fields[i], "{\"type\":\"A\"}");
        assert_answer(fake, 415);
        assert_holds(fake->body, "\"code\":\"UNSUPPORTED\"");
        assert_answer(ask(f, "POST /api/v1/events", fields[i], "{}"), 415);
    }
}

TEST(a_packed_body_is_refused)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake =
        ask(f, "POST /api/v1/streams/a", "content-type: application/json\ncontent-encoding: gzip\n",
            "{\"type\":\"A\"}");
    assert_answer(fake, 415);
    assert_holds(fake->head, "accept-encoding: identity\n");
    assert_answer(ask(f, "POST /api/v1/streams/a",
                      "content-type: application/json\ncontent-encoding: Identity\n",
                      "{\"type\":\"A\"}"),
                  201);
}

TEST(a_body_that_is_too_big_is_refused_as_soon_as_that_is_known)
{
    struct http_fixture *f = *state;
    f->server.append_size_max = 30;
    struct fake_exchange *fake = begin(f, "POST /api/v1/streams/a",
                                       "content-type: application/json\ncontent-length: 1048617\n");
    assert_answer(fake, 413);
    assert_holds(fake->body, "has more than 1048616 bytes");
    fake = begin(f, "POST /api/v1/streams/a", "content-type: application/json\n");
    size_t size = 1048617;
    char *body = test_calloc(1, size);
    memset(body, ' ', size);
    fake_send(fake, body, size, 65536);
    assert_answer(fake, 413);
    assert_int_equal(fake->released, size);
    test_free(body);
}

TEST(bodies_of_all_calls_together_are_bounded)
{
    struct http_fixture *f = *state;
    f->server.http_bodies_size = FCT_HTTP_BODIES_SIZE_MAX - 3;
    struct fake_exchange *fake = post(f, "/api/v1/streams/a", "{\"type\":\"A\"}");
    assert_answer(fake, 503);
    assert_holds(fake->body, "\"code\":\"BUSY\"");
    end_last(f);
    assert_int_equal(f->server.http_bodies_size, FCT_HTTP_BODIES_SIZE_MAX - 3);
    f->server.http_bodies_size = 0;
}

TEST(a_revision_is_expected_by_field_or_by_query)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *target, *fields;
        unsigned status;
    } cases[] = {
        {"", "if-match: \"0\"\n", 412}, /* the stream does not exist yet */
        {"", "if-match: *\n", 412},
        {"?expected=exists", "", 409},
        {"?expected=0", "", 409},
        {"", "if-none-match: *\n", 201}, /* revision 0 */
        {"", "if-none-match: *\n", 412},
        {"?expected=no-stream", "", 409},
        {"", "if-match: \"0\"\n", 201}, /* 1 */
        {"?expected=1", "if-match: \"1\"\n", 201},
        {"?expected=2", "", 201},
        {"?expected=exists", "if-match: *\n", 201},
        {"?expected=any", "", 201}, /* 5 */
        {"", "if-match: \"4\"\n", 412},
        {"?expected=5", "if-match: \"4\"\n", 400},
        {"?expected=any", "if-match: \"5\"\n", 400},
        {"", "if-match: \"5\"\nif-none-match: *\n", 400},
        {"", "if-match: 5\n", 400},
        {"", "if-match: W/\"5\"\n", 400},
        {"", "if-match: \"5\", \"6\"\n", 400},
        {"", "if-match: \"\"\n", 400},
        {"", "if-match: \"18446744073709551616\"\n", 400},
        {"", "if-none-match: \"5\"\n", 400},
        {"?expected=last", "", 400},
        {"?expected=", "", 400},
        {"?expected=-1", "", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[128];
        char fields[256];
        (void)snprintf(line, sizeof line, "POST /api/v1/streams/a%s", cases[i].target);
        (void)snprintf(fields, sizeof fields, "content-type: application/json\n%s",
                       cases[i].fields);
        assert_answer(ask(f, line, fields, "{\"type\":\"A\"}"), cases[i].status);
    }
    struct fake_exchange *fake = post(f, "/api/v1/streams/a?expected=9", "{\"type\":\"A\"}");
    assert_holds(fake->body, ",\"code\":\"WRONG_REVISION\",\"stream\":\"a\","
                             "\"actualState\":\"present\",\"actualRevision\":5}");
    assert_int_equal(f->server.counters.refusals[-FACTUM_WRONG_REVISION], 8);
}

TEST(the_same_key_gives_the_same_answer)
{
    struct http_fixture *f = *state;
    const char *line = "POST /api/v1/streams/a";
    const char *bare = "content-type: application/json\nidempotency-key: k 1\n";
    const char *quoted = "content-type: application/json\nidempotency-key: \"k 1\"\n";
    assert_answer(ask(f, line, bare, "{\"type\":\"A\"}"), 201);
    struct fake_exchange *fake = ask(f, line, quoted, "{\"type\":\"A\"}");
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"revision\":0,");
    assert_holds(fake->body, "\"already\":true");
    fake = ask(f, line, bare, "{\"type\":\"B\"}");
    assert_answer(fake, 409);
    assert_holds(fake->body, "\"code\":\"KEY_CONFLICT\"");
    assert_answer(post(f, "/api/v1/streams/a", "{\"type\":\"A\",\"key\":\"k 1\"}"), 200);
    assert_answer(ask(f, line, bare, "{\"type\":\"A\",\"key\":\"k 1\"}"), 200);
    assert_answer(ask(f, line, bare, "{\"type\":\"A\",\"key\":\"k 2\"}"), 400);
    assert_answer(
        ask(f, line, "content-type: application/json\nidempotency-key: \"\"\n", "{\"type\":\"A\"}"),
        400);
}

TEST(names_in_paths_are_percent_encoded)
{
    struct http_fixture *f = *state;
    assert_answer(post(f, "/api/v1/streams/a%2Fb%20%E2%82%AC+", "{\"type\":\"A\"}"), 201);
    struct fake_exchange *fake = get(f, "/api/v1/streams/a%2Fb%20%E2%82%AC+");
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"stream\":\"a/b \xe2\x82\xac+\"");
    assert_answer(post(f, "/api/v1/streams/$x", "{\"type\":\"A\"}"), 400);
    assert_answer(post(f, "/api/v1/streams/$x?system", "{\"type\":\"A\"}"), 201);
    assert_answer(post(f, "/api/v1/streams/$x?system=maybe", "{\"type\":\"A\"}"), 400);
}

TEST(several_streams_are_appended_to_at_once)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake =
        post(f, "/api/v1/events",
             "{\"events\":[{\"stream\":\"b\",\"type\":\"A\"},{\"stream\":\"a\",\"type\":\"B\"},"
             "{\"stream\":\"b\",\"type\":\"C\"}],\"expected\":{\"\\u0061\":\"no-stream\","
             "\"c\":\"no-stream\"},\"key\":\"k\"}");
    assert_answer(fake, 201);
    assert_holds(fake->body, "\"count\":3");
    assert_holds(fake->body, "\"streams\":[{\"stream\":\"a\",\"revision\":0},"
                             "{\"stream\":\"b\",\"revision\":1}]}");
    assert_lacks(fake->head, "etag");
    fake = post(f, "/api/v1/events",
                "{\"events\":[{\"stream\":\"c\",\"type\":\"A\"}],\"expected\":{\"a\":4}}");
    assert_answer(fake, 409);
    assert_holds(fake->body, "\"stream\":\"a\",\"actualState\":\"present\",\"actualRevision\":0");
    fake = ask(f, "POST /api/v1/events", "content-type: application/x-ndjson\n",
               "{\"stream\":\"c\",\"type\":\"A\"}\n{\"stream\":\"a\",\"type\":\"A\"}\n");
    assert_answer(fake, 201);
    assert_holds(fake->body, "{\"stream\":\"a\",\"revision\":1},{\"stream\":\"c\",\"revision\":0}");
    assert_answer(post(f, "/api/v1/events", "{\"events\":[],\"expected\":{\"a\":1}}"), 200);
    assert_answer(post(f, "/api/v1/events", "{\"events\":[],\"expected\":{\"a\":0}}"), 409);
}

TEST(a_condition_refuses_what_was_decided_too_late)
{
    struct http_fixture *f = *state;
    char body[1024];
    char token[FACTUM_TOKEN_SIZE] = "";
    struct fake_exchange *fake =
        post(f, "/api/v1/streams/u-1", "{\"type\":\"Registered\",\"tags\":[\"email:a\"]}");
    const char *at = strstr(fake->body, "\"token\":\"") + 9;
    memcpy(token, at, strcspn(at, "\""));
    (void)snprintf(body, sizeof body,
                   "{\"events\":[{\"stream\":\"u-2\",\"type\":\"Registered\",\"tags\":[\"email:"
                   "a\"]}],\"condition\":{\"query\":[{\"types\":[\"Registered\"],\"tags\":["
                   "\"email:a\"]}],\"after\":\"%s\"}}",
                   token);
    assert_answer(post(f, "/api/v1/events", body), 201);
    fake = post(f, "/api/v1/events", body);
    assert_answer(fake, 409);
    assert_holds(fake->body, "\"code\":\"CONDITION_FAILED\",\"conflictPosition\":");
    assert_holds(fake->body, "\"conflict\":\"");
}

TEST(a_body_for_several_streams_is_strict)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"[]", "the body is an object with \\\"events\\\""},
        {"{}", "the body is an object with \\\"events\\\""},
        {"{\"events\":{}}", "an array of events"},
        {"{\"events\":[{\"type\":\"A\"}]}", "event 1 of 1: \\\"stream\\\" is missing"},
        {"{\"events\":[],\"events\":[]}", "duplicate member \\\"events\\\""},
        {"{\"events\":[],\"x\":1}", "unknown member \\\"x\\\""},
        {"{\"events\":[],\"expected\":[]}", "\\\"expected\\\" is an object"},
        {"{\"events\":[],\"expected\":{\"a\":\"last\"}}", "takes any, no-stream, exists"},
        {"{\"events\":[],\"expected\":{\"a\":-1}}", "not \\\"-1\\\""},
        {"{\"events\":[],\"expected\":{\"a\":[]}}", "not \\\"[]\\\""},
        {"{\"events\":[],\"expected\":{\"a\":1,\"a\":1}}", "INVALID"},
        {"{\"events\":[],\"condition\":[]}", "\\\"condition\\\" is an object"},
        {"{\"events\":[],\"condition\":{}}", "has no \\\"query\\\""},
        {"{\"events\":[],\"condition\":{\"query\":{}}}", "a query is an array"},
        {"{\"events\":[],\"condition\":{\"query\":[]}}", "a query is an array"},
        {"{\"events\":[],\"condition\":{\"query\":[{\"type\":[]}]}}", "a query is an array"},
        {"{\"events\":[],\"condition\":{\"query\":[{\"types\":[1]}]}}", "a query is an array"},
        {"{\"events\":[],\"condition\":{\"query\":[{\"tags\":[\"a\"]}],\"after\":5}}", "a token"},
        {"{\"events\":[],\"condition\":{\"query\":[{\"tags\":[\"a\"]}],\"after\":\"x\"}}", "token"},
        {"{\"events\":[],\"condition\":{\"before\":1}}", "not \\\"before\\\""},
        {"{\"events\":[],\"key\":\"\"}", "\\\"key\\\" is a string"},
        {"{\"events\":[],\"key\":7}", "\\\"key\\\" is a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_exchange *fake = post(f, "/api/v1/events", cases[i].body);
        assert_answer(fake, 400);
        assert_holds(fake->body, cases[i].reason);
    }
    assert_answer(post(f, "/api/v1/events?expected=any", "{\"events\":[]}"), 400);
}

TEST(more_events_than_an_append_takes_are_refused_uncounted)
{
    struct http_fixture *f = *state;
    f->server.append_size_max = 16 << 20;
    size_t size = 2 * (FCT_HTTP_EVENTS_MAX + 10);
    char *body = test_malloc(size + 1);
    for (size_t i = 0; i < size; i += 2) {
        memcpy(body + i, "1,", 2);
    }
    body[0] = '[';
    body[1] = '1';
    body[size - 2] = '1';
    body[size - 1] = ']';
    struct fake_exchange *fake =
        begin(f, "POST /api/v1/streams/a", "content-type: application/json\n");
    for (size_t i = 2; i + 2 < size; i += 2) {
        memcpy(body + i, ",1", 2);
    }
    body[size - 2] = ' ';
    fake_send(fake, body, size, 65536);
    assert_answer(fake, 413);
    assert_holds(fake->body, "more than 100000 events");
    test_free(body);
}

/* ---- the ends of calls ----------------------------------------------------------------------- */

TEST(an_append_continues_when_its_exchange_is_gone)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake =
        begin(f, "POST /api/v1/streams/a", "content-type: application/json\n");
    fake_send(fake, "{\"type\":\"A\",\"data\":\"x\\u0041\"}", 29, 29);
    assert_int_equal(fct_appends_under_way(&f->server), 1);
    end_last(f);
    while (fct_appends_under_way(&f->server) > 0) {
        run_for(f, 5);
    }
    fake = get(f, "/api/v1/streams/a");
    assert_answer(fake, 200);
}

TEST(an_exchange_may_close_at_any_time)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake =
        begin(f, "POST /api/v1/streams/a", "content-type: application/json\n");
    end_last(f);
    fake = begin(f, "POST /api/v1/streams/a", "content-type: application/json\n");
    fake->exchange.handler->body(&fake->exchange, FCT_SLICE("{\"type\""));
    assert_int_equal(f->server.http_bodies_size, 7);
    end_last(f);
    assert_int_equal(f->server.http_bodies_size, 0);
    (void)begin(f, "GET /api/v1/events", "");
    end_last(f);
}

TEST(an_answer_that_cannot_be_sent_is_broken_off)
{
    struct http_fixture *f = *state;
    assert_answer(post(f, "/api/v1/streams/a", "{\"type\":\"A\"}"), 201);
    static const char *const lines[] = {"GET /api/v1/streams/a", "GET /api/v1/streams",
                                        "GET /metrics", "GET /nowhere", "GET /health/live"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        for (unsigned what = 0; what < 12; what++) {
            struct fake_exchange *fake;
            end_last(f);
            fake = &f->fake;
            fake_init(fake, &f->peer, lines[i], "");
            f->in_use = true;
            fake->fail_respond = what == 0 ? 1 : 0;
            fake->fail_finish = what == 1 ? 1 : 0;
            fake->fail_write = what > 1 ? what - 1 : 0;
            fct_http_begin(&f->server, &f->principal, &fake->exchange);
            fake_send(fake, "", 0, 1);
            assert_true(fake->aborted || fake->finished);
            assert_true(what > 1 || fake->aborted);
        }
    }
}

TEST(each_allocation_may_fail)
{
    struct http_fixture *f = *state;
    static const char *const lines[] = {
        "POST /api/v1/streams/a",
        "POST /api/v1/events",
        "PUT /api/v1/streams/a/metadata",
        "GET /api/v1/streams/a",
        "GET /api/v1/streams",
        "GET /api/v1/streams/a/info",
        "GET /metrics",
        "GET /nowhere",
        "GET /gossip",
        "GET /api/v1/events?query=%5B%7B%22tags%22%3A%5B%22a%22%5D%7D%5D",
    };
    static const char batch[] =
        "{\"events\":[{\"stream\":\"a\",\"type\":\"A\",\"tags\":[\"x\"]}],\"expected\":{\"a\":"
        "\"any\"},\"condition\":{\"query\":[{\"types\":[\"Z\"]}]},\"key\":\"k\"}";
    static const char *const bodies[] = {
        "[{\"type\":\"\\u0041\",\"data\":1,\"tags\":[\"\\u0041\",\"b\"]},{\"type\":\"B\"}]",
        batch,
        "{\"$maxCount\":5}",
    };
    assert_answer(post(f, "/api/v1/streams/a", "{\"type\":\"A\"}"), 201);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        bool failed = true;
        for (unsigned long k = 0; failed; k++) {
            end_last(f);
            f->fault.failed = 0;
            f->fault.fail_at = f->fault.calls + k;
            struct fake_exchange *fake = begin(f, lines[i], "content-type: application/json\n");
            const char *body = i < 3 ? bodies[i] : "";
            fake_send(fake, body, strlen(body), 1000);
            run_until(f, NULL);
            failed = f->fault.failed > 0;
            f->fault.fail_at = ULONG_MAX;
            assert_true(fake->aborted || fake->finished);
            assert_true(failed || (fake->status >= 200 && fake->status < 300) ||
                        strstr(lines[i], "nowhere") != NULL);
            assert_true(k < 200);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_CASE(an_unknown_path_is_not_found),
        HTTP_CASE(a_wrong_method_is_refused_with_the_allowed_ones),
        HTTP_CASE(a_bad_url_is_refused),
        HTTP_CASE(an_unknown_user_must_log_in_and_a_reader_may_not_write),
        HTTP_CASE(a_reader_does_not_get_system_events_in_a_trace),
        HTTP_CASE(another_host_is_refused_before_anything_else),
        HTTP_CASE(a_server_that_stops_answers_its_health_alone),
        HTTP_CASE(an_event_is_appended_and_read_back),
        HTTP_CASE(an_array_is_one_commit),
        HTTP_CASE(lines_are_one_commit),
        HTTP_CASE(an_invalid_body_is_refused_and_nothing_is_written),
        HTTP_CASE(a_body_of_another_type_is_refused),
        HTTP_CASE(a_packed_body_is_refused),
        HTTP_CASE(a_body_that_is_too_big_is_refused_as_soon_as_that_is_known),
        HTTP_CASE(bodies_of_all_calls_together_are_bounded),
        HTTP_CASE(a_revision_is_expected_by_field_or_by_query),
        HTTP_CASE(the_same_key_gives_the_same_answer),
        HTTP_CASE(names_in_paths_are_percent_encoded),
        HTTP_CASE(several_streams_are_appended_to_at_once),
        HTTP_CASE(a_condition_refuses_what_was_decided_too_late),
        HTTP_CASE(a_body_for_several_streams_is_strict),
        HTTP_CASE(more_events_than_an_append_takes_are_refused_uncounted),
        HTTP_CASE(an_append_continues_when_its_exchange_is_gone),
        HTTP_CASE(an_exchange_may_close_at_any_time),
        HTTP_CASE(an_answer_that_cannot_be_sent_is_broken_off),
        HTTP_CASE(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
