/* http_cloudevents_test.c - CloudEvents in their three modes, as events. Layer: server. */
#include "support/http_fixture.h"

#define STRUCTURED "content-type: application/cloudevents+json; charset=UTF-8\n"
#define BATCH "content-type: Application/CloudEvents-Batch+json\n"
#define BINARY "ce-specversion: 1.0\nce-type: T\nce-source: /s\n"

TEST(a_structured_event_keeps_its_attributes)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake = ask(
        f, "POST /api/v1/streams/s", STRUCTURED,
        "{\"specversion\":\"1.0\",\"id\":\"11111111-2222-4333-8444-555555555555\","
        "\"source\":\"/orders\",\"type\":\"com.example.Placed\",\"time\":\"2024-01-01T00:00:00Z\","
        "\"subject\":\"\\u20ac\",\"number\":5,\"flag\":true,\"nothing\":null,"
        "\"correlationid\":\"c-1\",\"data\":{\"a\": [1]}}");
    assert_answer(fake, 201);
    fake = get(f, "/api/v1/events?correlation=c-1");
    assert_holds(fake->body,
                 "{\"stream\":\"s\",\"type\":\"com.example.Placed\","
                 "\"id\":\"11111111-2222-4333-8444-555555555555\","
                 "\"time\":\"2024-01-01T00:00:00Z\",\"data\":{\"a\": [1]},"
                 "\"metadata\":{\"source\":\"/orders\",\"subject\":\"\\u20ac\",\"number\":5,"
                 "\"flag\":true,\"correlationid\":\"c-1\",\"$correlationId\":\"c-1\"},");
}

TEST(the_subject_names_the_stream_where_the_path_does_not)
{
    struct http_fixture *f = *state;
    const char *event = "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/s\",\"type\":\"T\","
                        "\"subject\":\"order-1\"}";
    struct fake_exchange *fake = ask(f, "POST /api/v1/events", STRUCTURED, event);
    assert_answer(fake, 201);
    assert_holds(fake->body, "\"streams\":[{\"stream\":\"order-1\",\"revision\":0}]");
    fake = ask(f, "POST /api/v1/events", STRUCTURED, event);
    assert_answer(fake, 200); /* the same source and id */
    assert_holds(fake->body, "\"already\":true");
    fake = get(f, "/api/v1/streams/order-1");
    assert_holds(fake->body, "\"metadata\":{\"id\":\"7\",\"source\":\"/s\"}");
    fake = ask(f, "POST /api/v1/events", STRUCTURED,
               "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/t\",\"type\":\"T\","
               "\"subject\":\"order-1\"}");
    assert_answer(fake, 201); /* another source */
    fake = ask(f, "POST /api/v1/events", STRUCTURED,
               "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/s\",\"type\":\"T\"}");
    assert_answer(fake, 400);
    assert_holds(fake->body, "\\\"subject\\\" names the stream");
}

TEST(data_is_json_text_or_bytes_by_its_type)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *type, *data, *stored;
    } cases[] = {
        {"\"application/json\"", ",\"data\":\"a\\u0062\"", "\"data\":\"a\\u0062\","},
        {"null", ",\"data\":null", "\"data\":null,"},
        {"null", "", "\"metadata\""},
        {"\"text/plain\"", ",\"data\":\"a\\u0062\"",
         "\"data\":\"YWI=\",\"contentType\":\"text/plain\""},
        {"\"image/png\"", ",\"data_base64\":\"YWI=\"",
         "\"data\":\"YWI=\",\"contentType\":\"image/png\""},
        {"\"application/json\"", ",\"data_base64\":\"MTI=\"", "\"data\":12,"},
        {"\"application/x+json; a=b\"", ",\"data\":{}",
         "\"data\":{},\"contentType\":\"application/x+json; a=b\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[512];
        char target[64];
        (void)snprintf(body, sizeof body,
                       "{\"specversion\":\"1.0\",\"id\":\"%zu\",\"source\":\"/s\",\"type\":\"T\","
                       "\"datacontenttype\":%s%s}",
                       i, cases[i].type, cases[i].data);
        (void)snprintf(target, sizeof target, "POST /api/v1/streams/s%zu", i);
        assert_answer(ask(f, target, STRUCTURED, body), 201);
        (void)snprintf(target, sizeof target, "/api/v1/streams/s%zu", i);
        assert_holds(get(f, target)->body, cases[i].stored);
    }
}

TEST(an_event_of_a_mebibyte_fits_in_each_mode)
{
    struct http_fixture *f = *state;
    size_t size = (size_t)1 << 20;
    const char *head = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\","
                       "\"datacontenttype\":\"a/b\",\"data_base64\":\"";
    f->server.append_size_max = 16 << 20;
    size_t base64_len = (size - 3072) / 3 * 4;
    char *body = test_malloc(size * 2);
    memcpy(body, head, strlen(head));
    memset(body + strlen(head), 'A', base64_len);
    memcpy(body + strlen(head) + base64_len, "\"}", 2);
    struct fake_exchange *fake = begin(f, "POST /api/v1/streams/s", STRUCTURED);
    fake_send(fake, body, strlen(head) + base64_len + 2, 65536);
    run_until(f, NULL);
    assert_answer(fake, 201);
    fake = begin(f, "POST /api/v1/streams/s", BINARY "ce-id: 2\ncontent-type: a/b\n");
    fake_send(fake, body, size - 1000, 65536);
    run_until(f, NULL);
    assert_answer(fake, 201);
    test_free(body);
}

TEST(a_batch_is_one_commit)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake =
        ask(f, "POST /api/v1/streams/s", BATCH,
            "[{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"A\",\"data\":1},"
            "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/s\",\"type\":\"B\"}]");
    assert_answer(fake, 201);
    assert_holds(fake->body, "\"count\":2");
    assert_answer(ask(f, "POST /api/v1/events", BATCH, "[]"), 200);
    assert_answer(ask(f, "POST /api/v1/streams/s", BATCH, "[]"), 400);
    fake = ask(f, "POST /api/v1/streams/s", BATCH,
               "[{\"specversion\":\"1.0\",\"id\":\"3\",\"source\":\"/s\",\"type\":\"A\"},5]");
    assert_answer(fake, 400);
    assert_holds(fake->body, "event 2 of 2: a CloudEvent is a JSON object");
}

TEST(a_binary_event_has_its_attributes_in_fields)
{
    struct http_fixture *f = *state;
    struct fake_exchange *fake =
        ask(f, "POST /api/v1/streams/s",
            BINARY "ce-id: 1\nce-subject: Euro%20%E2%82%AC%20%F0%9F%98%80\nce-quoted: \"a \\\"b\"\n"
                   "content-type: application/json\n",
            "{\"a\" :1}");
    assert_answer(fake, 201);
    fake = get(f, "/api/v1/streams/s");
    assert_holds(fake->body, "\"data\":{\"a\" :1},");
    assert_holds(fake->body, "\"subject\":\"Euro \xe2\x82\xac \xf0\x9f\x98\x80\"");
    assert_holds(fake->body, "\"quoted\":\"a \\\"b\"");
    fake = ask(f, "POST /api/v1/streams/t", BINARY "ce-id: 2\ncontent-type: text/xml\n", "<a/>");
    assert_answer(fake, 201);
    assert_holds(get(f, "/api/v1/streams/t")->body,
                 "\"data\":\"PGEvPg==\",\"contentType\":\"text/xml\"");
    assert_answer(ask(f, "POST /api/v1/streams/u", BINARY "ce-id: 3\n", ""), 201);
    fake = ask(f, "POST /api/v1/streams/v", BINARY "ce-id: 4\n", "raw");
    assert_answer(fake, 201);
    assert_holds(get(f, "/api/v1/streams/v")->body, "\"data\":\"cmF3\"");
}

TEST(invalid_cloudevents_are_refused)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *fields, *body, *reason;
    } cases[] = {
        {STRUCTURED, "", "the body is not valid JSON"},
        {STRUCTURED, "[]", "a CloudEvent is a JSON object"},
        {BATCH, "{}", "a batch of CloudEvents is a JSON array"},
        {STRUCTURED, "{}", "a CloudEvent has a \\\"specversion\\\""},
        {STRUCTURED, "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/s\",\"type\":\"T\"}",
         "has a \\\"id\\\" that is not empty"},
        {STRUCTURED, "{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\"}",
         "of version 1.0 are taken, not \\\"0.3\\\""},
        {STRUCTURED,
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\",\"Big\":1}",
         "\\\"Big\\\" is no attribute"},
        {STRUCTURED,
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\",\"a\":{}}",
         "the attribute a is a text"},
        {STRUCTURED,
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\"}",
         "the attribute id occurs twice"},
        {STRUCTURED,
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\",\"data\":1,"
         "\"data_base64\":\"\"}",
         "\\\"data\\\" or \\\"data_base64\\\", once"},
        {STRUCTURED,
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\",\"time\":\"x\"}",
         "\\\"time\\\""},
        {STRUCTURED,
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\","
         "\"datacontenttype\":\"text/plain\",\"data\":5}",
         "is a text, or \\\"data_base64\\\""},
        {STRUCTURED,
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\","
         "\"datacontenttype\":\"none\"}",
         "media type"},
        {STRUCTURED, "{\"specversion\":\"1.0\",\"id\":\"\\ud800\"}", "is not UTF-8"},
        {BINARY, "", "has a \\\"id\\\""},
        {BINARY "ce-id: %C0%A0\n", "", "ce-id is not percent-encoded UTF-8"},
        {BINARY "ce-id: 1\nce-datacontenttype: a/b\n", "", "it is the Content-Type"},
        {BINARY "ce-id: 1\nce-id: 2\n", "", "the attribute id occurs twice"},
        {BINARY "ce-id: 1\nce-a_b: 2\n", "", "is no attribute"},
        {BINARY "ce-id: 1\nce-data: 2\n", "", "send it as the body"},
        {BINARY "ce-id: 1\ncontent-type: application/json\n", "{", "data: not valid JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_exchange *fake =
            ask(f, "POST /api/v1/streams/s", cases[i].fields, cases[i].body);
        if (fake->status != 400) {
            print_error("case %zu\n", i);
        }
        assert_answer(fake, 400);
        assert_holds(fake->body, cases[i].reason);
    }
    assert_answer(get(f, "/api/v1/streams/s"), 404);
}

TEST(each_allocation_of_a_cloudevent_may_fail)
{
    struct http_fixture *f = *state;
    static const char *const fields[] = {STRUCTURED, BINARY "ce-id: 1\nce-subject: a%20b\n"
                                                            "content-type: text/plain\n"};
    static const char *const bodies[] = {
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\","
        "\"datacontenttype\":\"text/plain\",\"data\":\"x\"}",
        "x"};
    for (size_t i = 0; i < 2; i++) {
        bool failed = true;
        for (unsigned long k = 0; failed; k++) {
            assert_true(k < 100);
            f->fault.failed = 0;
            f->fault.fail_at = f->fault.calls + k;
            struct fake_exchange *fake = begin(f, "POST /api/v1/streams/s", fields[i]);
            fake_send(fake, bodies[i], strlen(bodies[i]), 1000);
            run_until(f, NULL);
            failed = f->fault.failed > 0;
            f->fault.fail_at = (unsigned long)-1;
            assert_true(failed || fake->status == 201 || fake->status == 200);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_CASE(a_structured_event_keeps_its_attributes),
        HTTP_CASE(the_subject_names_the_stream_where_the_path_does_not),
        HTTP_CASE(data_is_json_text_or_bytes_by_its_type),
        HTTP_CASE(an_event_of_a_mebibyte_fits_in_each_mode),
        HTTP_CASE(a_batch_is_one_commit),
        HTTP_CASE(a_binary_event_has_its_attributes_in_fields),
        HTTP_CASE(invalid_cloudevents_are_refused),
        HTTP_CASE(each_allocation_of_a_cloudevent_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
