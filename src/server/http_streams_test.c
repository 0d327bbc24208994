/* http_streams_test.c - answers about streams and the server: info, metadata, deletion, health,
 * metrics. Layer: server. */
#include "support/http_fixture.h"

static struct fake_exchange *put(struct http_fixture *f, const char *target, const char *fields,
                                 const char *body)
{
    char line[256];
    char all[256];
    (void)snprintf(line, sizeof line, "PUT %s", target);
    (void)snprintf(all, sizeof all, "content-type: application/json\n%s", fields);
    return ask(f, line, all, body);
}

static void append(struct http_fixture *f, const char *target, int count)
{
    for (int i = 0; i < count; i++) {
        assert_answer(post(f, target, "{\"type\":\"T\"}"), 201);
    }
}

TEST(the_state_of_a_stream_is_reported)
{
    struct http_fixture *f = *state;
    assert_string_equal(get(f, "/api/v1/streams/a/info")->body,
                        "{\"stream\":\"a\",\"state\":\"absent\"}");
    append(f, "/api/v1/streams/a", 3);
    struct fake_exchange *fake = get(f, "/api/v1/streams/a/info");
    assert_holds(fake->body, "\"state\":\"present\",\"lastRevision\":2,\"firstRevision\":0,");
    assert_answer(put(f, "/api/v1/streams/a/metadata", "", "{\"$maxCount\":2,\"$maxAge\":1000}"),
                  200);
    fake = get(f, "/api/v1/streams/a/info");
    assert_holds(fake->body, "\"firstRevision\":1,");
    assert_holds(fake->body, "\"metadataRevision\":0,\"maxCount\":2,\"maxAge\":1000}");
}

TEST(metadata_is_put_and_got)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = get(f, "/api/v1/streams/a/metadata");
    assert_answer(fake, 200);
    assert_string_equal(fake->body, "{}");
    fake = put(f, "/api/v1/streams/a/metadata", "if-none-match: *\n", " {\"mine\": [1]} ");
    assert_answer(fake, 200);
    assert_holds(fake->head, "etag: \"0\"\n");
    assert_holds(fake->body, "{\"stream\":\"a\",\"position\":");
    assert_holds(fake->body, ",\"revision\":0}");
    fake = get(f, "/api/v1/streams/a/metadata");
    assert_string_equal(fake->body, "{\"mine\": [1]}");
    assert_holds(fake->head, "etag: \"0\"\n");
    fake = put(f, "/api/v1/streams/a/metadata", "if-match: \"5\"\n", "{}");
    assert_answer(fake, 412);
    assert_holds(fake->body, "\"stream\":\"$$a\",\"actualState\":\"present\",\"actualRevision\":0");
    assert_answer(put(f, "/api/v1/streams/a/metadata?expected=5", "", "{}"), 409);
    assert_answer(put(f, "/api/v1/streams/a/metadata", "if-match: \"0\"\n", "{}"), 200);
}

TEST(invalid_metadata_is_refused)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"", "stream metadata: not valid JSON"},
        {"[]", "stream metadata is a JSON object, not []"},
        {"{\"$maxCount\":-1}", "$maxCount is a whole number, 0 or more, not -1"},
        {"{\"$maxAge\":\"x\"}", "$maxAge is a whole number"},
        {"{\"$tb\":1.5}", "$tb is a whole number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_exchange *fake = put(f, "/api/v1/streams/a/metadata", "", cases[i].body);
        assert_answer(fake, 400);
        assert_holds(fake->body, cases[i].reason);
    }
    assert_answer(ask(f, "PUT /api/v1/streams/a/metadata", "content-type: text/plain\n", "{}"),
                  415);
}

TEST(what_is_hidden_stays_hidden_under_new_metadata)
{
    struct http_fixture *f = *state;
    append(f, "/api/v1/streams/a", 3);
    assert_answer(put(f, "/api/v1/streams/a/metadata", "", "{\"$tb\":2}"), 200);
    assert_answer(put(f, "/api/v1/streams/a/metadata", "", "{\"x\":1}"), 200);
    assert_string_equal(get(f, "/api/v1/streams/a/metadata")->body, "{\"$tb\":2,\"x\":1}");
    assert_answer(put(f, "/api/v1/streams/a/metadata", "", "{}"), 200);
    assert_string_equal(get(f, "/api/v1/streams/a/metadata")->body, "{\"$tb\":2}");
    assert_answer(put(f, "/api/v1/streams/a/metadata", "", "{\"$tb\":0}"), 200);
    assert_string_equal(get(f, "/api/v1/streams/a/metadata")->body, "{\"$tb\":0}");
    assert_answer(ask(f, "DELETE /api/v1/streams/a", "", NULL), 200);
    assert_answer(put(f, "/api/v1/streams/a/metadata", "", "{\"x\":1}"), 200);
    assert_string_equal(get(f, "/api/v1/streams/a/metadata")->body, "{\"$tb\":3,\"x\":1}");
    append(f, "/api/v1/streams/a", 1);
    assert_holds(get(f, "/api/v1/streams/a/info")->body, "\"lastRevision\":3,\"firstRevision\":3,");
}

TEST(metadata_that_another_writer_replaces_meanwhile_is_looked_at_again)
{
    struct http_fixture *f = *state;
    append(f, "/api/v1/streams/a", 3);
    struct fake_exchange *fake =
        begin(f, "PUT /api/v1/streams/a/metadata", "content-type: application/json\n");
    /* The request looks at the stream when it is complete; its append is decided after ours. */
    struct fake_exchange other;
    fake_init(&other, &f->peer, "PUT /api/v1/streams/a/metadata",
              "content-type: application/json\n");
    fct_http_begin(&f->server, &f->principal, &other.exchange);
    fake_send(&other, "{\"$tb\":2}", 9, 9);
    fake_send(fake, "{\"x\":1}", 7, 7);
    run_until(f, NULL);
    assert_answer(fake, 200);
    while (!other.finished) {
        run_for(f, 5);
    }
    fake_free(&other);
    assert_string_equal(get(f, "/api/v1/streams/a/metadata")->body, "{\"$tb\":2,\"x\":1}");
}

TEST(a_stream_is_deleted_and_ended)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = ask(f, "DELETE /api/v1/streams/a", "", NULL);
    assert_answer(fake, 404);
    assert_holds(fake->body, "stream a does not exist: nothing to delete");
    append(f, "/api/v1/streams/a", 2);
    assert_answer(ask(f, "DELETE /api/v1/streams/a", "if-match: \"0\"\n", NULL), 412);
    fake = ask(f, "DELETE /api/v1/streams/a", "if-match: \"1\"\n", NULL);
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"tombstone\":false}");
    assert_answer(get(f, "/api/v1/streams/a"), 404);
    assert_holds(get(f, "/api/v1/streams/a/info")->body,
                 "\"state\":\"deleted\",\"lastRevision\":1,");
    append(f, "/api/v1/streams/a", 1);
    fake = ask(f, "DELETE /api/v1/streams/a?tombstone", "", NULL);
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"tombstone\":true}");
    fake = post(f, "/api/v1/streams/a", "{\"type\":\"T\"}");
    assert_answer(fake, 410);
    assert_holds(fake->body, "\"actualState\":\"tombstoned\"}");
    assert_answer(ask(f, "DELETE /api/v1/streams/a", "", NULL), 410);
    assert_answer(put(f, "/api/v1/streams/a/metadata", "", "{}"), 410);
    assert_holds(get(f, "/api/v1/streams/a/info")->body, "\"state\":\"tombstoned\"");
    assert_answer(ask(f, "DELETE /api/v1/streams/a?tombstone=1", "", NULL), 400);
}

TEST(the_store_and_the_node_are_described)
{
    struct http_fixture *f = *state;
    append(f, "/api/v1/streams/a", 2);
    struct fake_exchange *fake = get(f, "/api/v1/info");
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"events\":2,\"streams\":1,");
    assert_holds(fake->body, "\"token\":\"f1-");
    fake = get(f, "/info");
    assert_holds(fake->body, "\"esVersion\":\"24.10.0\"");
    assert_holds(fake->body, "\"state\":\"leader\"");
    fake = get(f, "/gossip?format=json");
    assert_holds(fake->body, "\"httpEndPointIp\":\"127.0.0.1\",\"httpEndPointPort\":2113,");
    f->server.advertised_host = FCT_SLICE("db.example");
    f->server.advertised_port = 99;
    fake = get(f, "/gossip");
    assert_holds(fake->body, "\"httpEndPointIp\":\"db.example\",\"httpEndPointPort\":99,");
    assert_answer(get(f, "/health/live"), 204);
    fake = get(f, "/health/ready");
    assert_answer(fake, 204);
    assert_lacks(fake->head, "content-length");
}

TEST(metrics_come_in_both_formats)
{
    struct http_fixture *f = *state;
    append(f, "/api/v1/streams/a", 2);
    assert_answer(get(f, "/nowhere"), 404);
    struct fake_exchange *fake = get(f, "/metrics");
    assert_answer(fake, 200);
    assert_holds(fake->head, "content-type: text/plain; version=0.0.4; charset=utf-8\n");
    assert_holds(fake->body, "# HELP factum_appends_total Appends acknowledged.\n"
                             "# TYPE factum_appends_total counter\nfactum_appends_total 2\n");
    assert_holds(fake->body, "factum_refusals_total{status=\"NOT_FOUND\"} 1\n");
    assert_holds(fake->body, "# TYPE factum_append_duration_seconds histogram\n"
                             "factum_append_duration_seconds_bucket{le=\"0.00025\"} ");
    assert_holds(fake->body, "factum_append_duration_seconds_bucket{le=\"+Inf\"} 2\n");
    assert_holds(fake->body, "factum_append_duration_seconds_count 2\n");
    assert_holds(fake->body, "\nfactum_append_groups_total 2\n");
    assert_holds(fake->body, "\nfactum_appended_bytes_total 0\n");
    assert_holds(fake->body, "\nfactum_store_events 2\n");
    assert_lacks(fake->body, "# EOF");
    fake = ask(f, "GET /metrics",
               "accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\n", NULL);
    assert_holds(fake->head, "content-type: application/openmetrics-text; version=1.0.0");
    assert_holds(fake->body, "# TYPE factum_appends counter\nfactum_appends_total 2\n");
    assert_string_equal(fake->body + fake->body_len - 6, "# EOF\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_CASE(the_state_of_a_stream_is_reported),
        HTTP_CASE(metadata_is_put_and_got),
        HTTP_CASE(invalid_metadata_is_refused),
        HTTP_CASE(what_is_hidden_stays_hidden_under_new_metadata),
        HTTP_CASE(metadata_that_another_writer_replaces_meanwhile_is_looked_at_again),
        HTTP_CASE(a_stream_is_deleted_and_ended),
        HTTP_CASE(the_store_and_the_node_are_described),
        HTTP_CASE(metrics_come_in_both_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
