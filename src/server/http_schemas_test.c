/* http_schemas_test.c - the registry over HTTP. Layer: server. */
#include "support/http_fixture.h"
#include "support/scratch.h"

#define ORDERS "/api/v1/streams/order-1"
#define PLACED "/api/v1/schemas/order%2FOrderPlaced"

static const char quantity[] =
    "{\"properties\":{\"qty\":{\"type\":\"integer\",\"minimum\":1}},\"required\":[\"qty\"]}";

static struct fake_exchange *register_as(struct http_fixture *f, const char *target,
                                         const char *schema)
{
    char line[512];
    (void)snprintf(line, sizeof line, "POST %s", target);
    return ask(f, line, "content-type: application/schema+json\n", schema);
}

static struct fake_exchange *put_mode(struct http_fixture *f, const char *subject, const char *body)
{
    char line[512];
    (void)snprintf(line, sizeof line, "PUT /api/v1/schemas/%s/mode", subject);
    return ask(f, line, "content-type: application/json\n", body);
}

static void store_order(struct http_fixture *f, const char *data)
{
    char body[256];
    (void)snprintf(body, sizeof body, "{\"type\":\"OrderPlaced\",\"data\":%s}", data);
    assert_answer(post(f, ORDERS, body), 201);
}

TEST(a_schema_is_registered_and_shown_and_binds)
{
    struct http_fixture *f = *state;
    store_order(f, "{\"qty\":1}");
    struct fake_exchange *fake = register_as(f, PLACED, quantity);
    assert_answer(fake, 201);
    assert_holds(fake->head, "etag: \"1\"\n");
    assert_string_equal(fake->body,
                        "{\"accepted\":true,\"subject\":\"order/OrderPlaced\",\"version\":1,\"id\":"
                        "1,\"registered\":true,\"already\":false,\"provenEvents\":1}");
    fake = register_as(f, PLACED, quantity);
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"registered\":false,\"already\":true");
    fake = get(f, PLACED);
    assert_answer(fake, 200);
    assert_holds(fake->head, "etag: \"1\"\n");
    assert_holds(fake->body, "{\"subject\":\"order/OrderPlaced\",\"version\":1,\"id\":1,\"hash\":");
    assert_holds(fake->body, quantity);
    fake = post(f, ORDERS,
                "[{\"type\":\"OrderPlaced\",\"data\":{\"qty\":2}},"
                "{\"type\":\"OrderPlaced\",\"data\":{\"qty\":0}}]");
    assert_answer(fake, 422);
    assert_holds(fake->body, "\"code\":\"SCHEMA_VIOLATION\"");
    assert_holds(fake->body, "\"event\":1,\"stream\":\"order-1\",\"pointer\":\"/qty\"");
    assert_holds(get(f, ORDERS "/info")->body, "\"lastRevision\":0,");
}

/* Names that look like the text around them. */
TEST(the_place_of_a_violation_is_separate_from_its_text)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *data, *pointer;
    } cases[] = {
        {"{\"a\":0}", "/a"},
        {"{\"a: b\":0}", "/a: b"},
        {"{\"a: b\":0,\"a\":1}", "/a: b"},
        {"{\"a: /b\":0}", "/a: ~1b"},
        {"{\"x\":[1,{\"q: ~\":0}]}", "/x/1/q: ~0"},
        {"{\"a (schema B 7)\":0}", "/a (schema B 7)"},
        {"\"x: /y: z\"", ""},
    };
    static const char schema[] =
        "{\"type\":\"object\",\"additionalProperties\":{\"minimum\":1,\"items\":{"
        "\"additionalProperties\":{\"minimum\":1}}}}";
    assert_answer(register_as(f, PLACED, schema), 201);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{\"type\":\"OrderPlaced\",\"data\":%s}", cases[i].data);
        struct fake_exchange *fake = post(f, ORDERS, text);
        assert_answer(fake, 422);
        (void)snprintf(text, sizeof text, "\"pointer\":\"%s\",\"schema\":\"order/OrderPlaced 1\"",
                       cases[i].pointer);
        assert_holds(fake->body, text);
    }
}

TEST(a_version_is_found_by_its_number)
{
    struct http_fixture *f = *state;
    assert_answer(register_as(f, PLACED, quantity), 201);
    assert_answer(register_as(f, PLACED, "{\"type\":\"object\"}"), 201);
    struct fake_exchange *fake = get(f, PLACED);
    assert_holds(fake->head, "etag: \"2\"\n");
    assert_holds(fake->body, "\"newest\":true,\"schema\":{\"type\":\"object\"}}");
    fake = get(f, PLACED "?version=1");
    assert_holds(fake->head, "etag: \"1\"\n");
    assert_holds(fake->body, "\"newest\":false,\"schema\":{\"properties\"");
    assert_answer(get(f, PLACED "?version=3"), 404);
    assert_answer(get(f, PLACED "?version=0"), 400);
    assert_answer(get(f, "/api/v1/schemas/OrderPlaced"), 404);
}

TEST(a_stored_event_that_does_not_fit_is_named)
{
    struct http_fixture *f = *state;
    store_order(f, "{\"qty\":1}");
    store_order(f, "{\"qty\":0}");
    struct fake_exchange *fake = register_as(f, PLACED "/check", quantity);
    assert_answer(fake, 422);
    fake = register_as(f, PLACED, quantity);
    assert_answer(fake, 422);
    assert_holds(fake->body, "\"code\":\"SCHEMA_VIOLATION\"");
    assert_holds(fake->body, ",\"revision\":1,\"stream\":\"order-1\",\"pointer\":\"/qty\"}");
    const char *at = strstr(fake->body, "\"token\":\"");
    char target[256];
    char token[FACTUM_TOKEN_SIZE];
    assert_non_null(at);
    (void)snprintf(token, sizeof token, "%.*s", (int)strcspn(at + 9, "\""), at + 9);
    assert_answer(get(f, PLACED), 404);
    (void)snprintf(target, sizeof target, "%s/check?after=%s", PLACED, token);
    fake = register_as(f, target, quantity);
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"registered\":false,\"already\":false,\"provenEvents\":0}");
    assert_answer(get(f, PLACED), 404);
    (void)snprintf(target, sizeof target, "%s?after=%s", PLACED, token);
    assert_answer(register_as(f, target, quantity), 201);
    fake = get(f, PLACED);
    assert_holds(fake->body, "\"proof\":\"after\",\"newest\":true,\"after\":\"");
    assert_holds(fake->body, token);
}

TEST(a_schema_may_be_registered_without_proof)
{
    struct http_fixture *f = *state;
    store_order(f, "{}");
    assert_answer(register_as(f, PLACED, quantity), 422);
    assert_answer(register_as(f, PLACED "?unproven", quantity), 201);
    assert_holds(get(f, PLACED)->body, "\"proof\":\"none\"");
    assert_answer(register_as(f, PLACED "?unproven&after=x", quantity), 400);
}

TEST(what_is_no_schema_is_refused)
{
    struct http_fixture *f = *state;
    static const char *const bodies[] = {"", "{", "7", "{\"type\":\"nothing\"}",
                                         "{\"minimum\":\"x\"}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct fake_exchange *fake = register_as(f, PLACED, bodies[i]);
        assert_answer(fake, 400);
        assert_holds(fake->body, "\"detail\":\"");
    }
    assert_answer(ask(f, "POST " PLACED, "content-type: text/plain\n", quantity), 415);
    assert_answer(register_as(f, "/api/v1/schemas/order%2F", quantity), 400);
    assert_string_equal(get(f, "/api/v1/schemas")->body, "{\"schemas\":[],\"modes\":[]}");
}

TEST(modes_are_set_and_listed)
{
    struct http_fixture *f = *state;
    assert_answer(register_as(f, PLACED, quantity), 201);
    struct fake_exchange *fake = put_mode(f, "order%2F", "{\"mode\":\"warn\"}");
    assert_answer(fake, 200);
    assert_string_equal(fake->body, "{\"subject\":\"order/\",\"mode\":\"warn\"}");
    store_order(f, "{\"qty\":0}");
    assert_holds(get(f, ORDERS)->body, "$schema.fault");
    assert_answer(put_mode(f, "order%2FOrderPlaced", "{\"mode\":\"reject\"}"), 200);
    assert_answer(post(f, ORDERS, "{\"type\":\"OrderPlaced\",\"data\":{\"qty\":0}}"), 422);
    fake = get(f, "/api/v1/schemas");
    assert_holds(fake->body, "\"newest\":true,\"mode\":\"reject\"}],\"modes\":[");
    assert_holds(fake->body, "{\"subject\":\"order/\",\"mode\":\"warn\"}");
    assert_holds(fake->body, "{\"subject\":\"order/OrderPlaced\",\"mode\":\"reject\"}]}");
    static const char *const bodies[] = {
        "", "[]", "{}", "{\"mode\":1}", "{\"mode\":\"\"}", "7", "{\"mode\":\"never\"}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_answer(put_mode(f, "OrderPlaced", bodies[i]), 400);
    }
}

TEST(older_versions_are_listed_if_asked_for)
{
    struct http_fixture *f = *state;
    assert_answer(register_as(f, PLACED, quantity), 201);
    assert_answer(register_as(f, PLACED, "{\"type\":\"object\"}"), 201);
    assert_lacks(get(f, "/api/v1/schemas")->body, "\"version\":1,");
    struct fake_exchange *fake = get(f, "/api/v1/schemas?all");
    assert_holds(fake->body, "\"version\":1,");
    assert_holds(fake->body, "\"version\":2,");
}

TEST(a_reader_reads_schemas_and_changes_none)
{
    struct http_fixture *f = *state;
    assert_answer(register_as(f, PLACED, quantity), 201);
    for (int right = FCT_RIGHT_READ; right <= FCT_RIGHT_WRITE; right++) {
        f->principal.right = (enum fct_right)right;
        assert_answer(get(f, "/api/v1/schemas"), 200);
        assert_answer(get(f, PLACED), 200);
        assert_answer(register_as(f, PLACED, "{}"), 403);
        assert_answer(register_as(f, PLACED "/check", "{}"), 403);
        assert_answer(put_mode(f, "order%2F", "{\"mode\":\"off\"}"), 403);
    }
    f->principal.right = FCT_RIGHT_NONE;
    assert_answer(get(f, "/api/v1/schemas"), 401);
    f->principal.right = FCT_RIGHT_ADMIN;
}

TEST(the_number_of_proofs_at_once_is_limited)
{
    struct http_fixture *f = *state;
    f->server.jobs[FCT_JOB_PROOF] = 2;
    struct fake_exchange *fake = register_as(f, PLACED, quantity);
    assert_answer(fake, 503);
    assert_holds(fake->head, "retry-after: ");
    assert_answer(get(f, "/api/v1/schemas"), 200);
    f->server.jobs[FCT_JOB_PROOF] = 0;
    f->server.jobs[FCT_JOB_SHORT] = 16;
    assert_answer(get(f, "/api/v1/schemas"), 503);
    f->server.jobs[FCT_JOB_SHORT] = 0;
    assert_answer(register_as(f, PLACED, quantity), 201);
}

/* The store in memory is slow with many events: this one is on disk. */
static char directory[SCRATCH_SIZE];

static void open_local(struct http_fixture *f)
{
    char path[SCRATCH_SIZE + 8];
    const factum_store_options options = {
        .size = sizeof options, .append_events_max = 100000, .durability = FACTUM_DURABILITY_OS};
    fct_feeds_close(&f->server);
    fct_appends_close(&f->server);
    assert_ok(factum_close(f->store, &f->err), f->err);
    assert_true(scratch_make(directory));
    (void)snprintf(path, sizeof path, "%s/store", directory);
    assert_ok(factum_open(path, &options, &f->store, &f->err), f->err);
    f->server.store = f->store;
    assert_ok(fct_appends_open(&f->server, &f->err), f->err);
    assert_ok(fct_feeds_open(&f->server, &f->err), f->err);
}

static int local_tear_down(void **state)
{
    int failures = http_tear_down(state);
    return scratch_remove(directory) ? failures : 1;
}

/* Appends |count| events of the type at once. */
static void store_many(struct http_fixture *f, size_t count)
{
    static factum_new_event events[100000];
    assert_true(count <= sizeof events / sizeof events[0]);
    for (size_t i = 0; i < count; i++) {
        events[i] = (factum_new_event){.stream = FCT_SLICE("order-1"),
                                       .type = FCT_SLICE("OrderPlaced"),
                                       .data = FCT_SLICE("{\"qty\":1}")};
    }
    const factum_expectation any = {FCT_SLICE("order-1"), factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = events,
                                           .event_count = count,
                                           .expectations = &any,
                                           .expectation_count = 1};
    assert_ok(factum_append(f->store, &request, NULL, NULL, &f->err), f->err);
}

TEST(a_client_that_goes_away_ends_the_proof)
{
    struct http_fixture *f = *state;
    open_local(f);
    for (int i = 0; i < 2; i++) {
        store_many(f, 100000);
    }
    struct fake_exchange *fake =
        begin(f, "POST " PLACED, "content-type: application/schema+json\n");
    fake_send(fake, quantity, strlen(quantity), 100);
    assert_int_equal(f->server.jobs[FCT_JOB_PROOF], 1);
    end_last(f); /* closes the exchange */
    while (f->server.jobs[FCT_JOB_PROOF] > 0) {
        run_for(f, 5);
    }
    assert_answer(get(f, PLACED), 404);
}

TEST(a_server_that_stops_ends_the_proof)
{
    struct http_fixture *f = *state;
    open_local(f);
    for (int i = 0; i < 5; i++) {
        store_many(f, 100000);
    }
    struct fake_exchange *fake =
        begin(f, "POST " PLACED, "content-type: application/schema+json\n");
    fake_send(fake, quantity, strlen(quantity), 100);
    f->server.stopping = true;
    run_until(f, NULL);
    f->server.stopping = false;
    assert_answer(fake, 503);
    assert_holds(fake->body, "\"code\":\"CANCELLED\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_CASE(a_schema_is_registered_and_shown_and_binds),
        HTTP_CASE(the_place_of_a_violation_is_separate_from_its_text),
        HTTP_CASE(a_version_is_found_by_its_number),
        HTTP_CASE(a_stored_event_that_does_not_fit_is_named),
        HTTP_CASE(a_schema_may_be_registered_without_proof),
        HTTP_CASE(what_is_no_schema_is_refused),
        HTTP_CASE(modes_are_set_and_listed),
        HTTP_CASE(older_versions_are_listed_if_asked_for),
        HTTP_CASE(a_reader_reads_schemas_and_changes_none),
        HTTP_CASE(the_number_of_proofs_at_once_is_limited),
        cmocka_unit_test_setup_teardown(a_client_that_goes_away_ends_the_proof, http_set_up,
                                        local_tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_stops_ends_the_proof, http_set_up,
                                        local_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
