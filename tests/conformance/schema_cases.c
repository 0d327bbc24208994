/* schema_cases.c - keyed appends that meet a schema: on every engine with a gate, its own or its
 * server's. Run by conformance_test.c. */
#include "fixture.h"

#include "schema/registry_event.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bool has_schemas(const struct fixture *f)
{
    return kind_has_gate(f->kind) || kind_has_server(f->kind);
}

/* A version of the schema of Placed that is registered without a check of the stored events. */
static factum_status put_version(struct fixture *f, unsigned version, const char *schema)
{
    char data[512];
    (void)snprintf(data, sizeof data,
                   "{\"subject\":\"Placed\",\"version\":%u,\"id\":%u,\"hash\":\"" HASH
                   "\",\"proof\":\"none\",\"schema\":%s}",
                   version, version, schema);
    const factum_new_event event = {.stream = FCT_SLICE(FCT_SCHEMAS_STREAM),
                                    .type = FCT_SLICE(FCT_SCHEMA_REGISTERED),
                                    .data = factum_slice_from(data)};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .system = true};
    return append_request(f, &request, NULL);
}

static factum_status put_placed(struct fixture *f, const char *key, const char *data)
{
    const factum_new_event event = {.stream = FCT_SLICE("order-1"),
                                    .type = FCT_SLICE("Placed"),
                                    .data = factum_slice_from(data)};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .idempotency_key = factum_slice_from(key)};
    return append_request(f, &request, NULL);
}

TEST(a_key_is_known_although_its_events_fit_no_more)
{
    struct fixture *f = *state;
    if (!has_schemas(f)) {
        return;
    }
    OK(put_version(f, 1, "{\"required\":[\"a\"]}"));
    OK(put_placed(f, "k", "{\"a\":1}"));
    uint64_t position = f->result.position;
    OK(put_version(f, 2, "{\"required\":[\"b\"]}"));
    for (int opening = 0; opening < 2; opening++) {
        assert_status(put_placed(f, "", "{\"a\":1}"), FACTUM_SCHEMA_VIOLATION);
        assert_status(put_placed(f, "new", "{\"a\":1}"), FACTUM_SCHEMA_VIOLATION);
        OK(put_placed(f, "k", "{\"a\":1}"));
        assert_true(f->result.already);
        assert_int_equal(f->result.position, position);
        assert_status(put_placed(f, "k", "{\"a\":2}"), FACTUM_KEY_CONFLICT);
        fixture_reopen(f);
    }
    assert_string_equal(stream_text(f, "order-1"), "0:Placed");
}

const struct CMUnitTest schema_cases[] = {
    FIXTURE_CASE(a_key_is_known_although_its_events_fit_no_more),
};
const size_t schema_case_count = sizeof schema_cases / sizeof schema_cases[0];
