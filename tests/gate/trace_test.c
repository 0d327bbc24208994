/* trace_test.c - which trace context the gate writes into events: that of the event's own
 * metadata, that of the append's context, or none; and that retries in another trace count as
 * the same append. Layer: tests. */
#include "core/slice.h"
#include "core/trace_context.h"
#include "engine_memory/memory.h"
#include "gate/gate.h"
#include "support/mem_fault.h"
#include "support/test.h"

#include <limits.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define PARENT "00-" TRACE "-" SPAN "-01"

struct fixture {
    struct fct_mem_fault mem;
    struct fct_engine engine;
    factum_append_result result;
    factum_error err;
    char metadata[2048]; /* metadata of the event that was read last */
};

static int set_up(void **state)
{
    static struct fixture fixture;
    const struct fct_limits limits = {.event_size_max = 0};
    fixture = (struct fixture){.err.status = FACTUM_OK};
    fct_mem_fault_init(&fixture.mem);
    *state = &fixture;
    assert_ok(fct_engine_memory_open(&fixture.engine, &fixture.mem.mem, fct_os_real(), &limits,
                                     &fixture.err),
              fixture.err);
    assert_ok(fct_gate_put(&fixture.engine, NULL, &fixture.err), fixture.err);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    factum_status status = fct_engine_close(&f->engine, &f->err);
    return status == FACTUM_OK && f->mem.held == 0 ? 0 : 1;
}

static factum_status put_all(struct fixture *f, const factum_new_event *events, size_t count,
                             const factum_call *call, const char *key)
{
    const factum_expectation expectation = {events[0].stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = events,
                                           .event_count = count,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .idempotency_key = factum_slice_from(key),
                                           .system = true,
                                           .call = call};
    return fct_engine_append(&f->engine, &request, &f->result, NULL, &f->err);
}

static factum_status put(struct fixture *f, const char *stream, const char *metadata,
                         const factum_call *call, const char *key)
{
    const factum_new_event event = {.stream = factum_slice_from(stream),
                                    .type = FCT_SLICE("T"),
                                    .data = FCT_SLICE("{}"),
                                    .metadata = factum_slice_from(metadata)};
    return put_all(f, &event, 1, call, key);
}

static factum_call call_of(const char *traceparent, const char *tracestate)
{
    return (factum_call){.size = sizeof(factum_call),
                         .traceparent = factum_slice_from(traceparent),
                         .tracestate = factum_slice_from(tracestate)};
}

/* The metadata of the event at |position|, or of the last one of the store. */
static const char *read_at(struct fixture *f, uint64_t position)
{
    const factum_read_request request = {
        .size = sizeof request, .from = FACTUM_FROM_POSITION, .from_value = position};
    struct fct_reader *reader;
    factum_event event;
    assert_ok(fct_engine_read(&f->engine, &request, false, &reader, &f->err), f->err);
    assert_ok(fct_reader_next(reader, &event, &f->err), f->err);
    (void)snprintf(f->metadata, sizeof f->metadata, "%.*s", (int)event.metadata.len,
                   (const char *)event.metadata.ptr);
    fct_reader_close(reader);
    return f->metadata;
}

static const char *stored(struct fixture *f, const char *metadata, const factum_call *call)
{
    assert_ok(put(f, "s-1", metadata, call, ""), f->err);
    return read_at(f, f->result.position);
}

TEST(without_a_context_nothing_is_touched)
{
    struct fixture *f = *state;
    assert_string_equal(stored(f, "", NULL), "");
    assert_string_equal(stored(f, "{\"$traceId\":\"" TRACE "\",\"$spanId\":\"" SPAN "\"}", NULL),
                        "{\"$traceId\":\"" TRACE "\",\"$spanId\":\"" SPAN "\"}");
}

TEST(a_context_without_a_trace_starts_no_trace)
{
    struct fixture *f = *state;
    const factum_call call = call_of("", "a=b");
    assert_string_equal(stored(f, "", &call), "");
    assert_string_equal(stored(f, "{\"a\":1}", &call), "{\"a\":1}");
}

TEST(the_trace_of_the_call_goes_into_events_with_an_id_of_its_own)
{
    struct fixture *f = *state;
    static const char *const before[][2] = {
        {"", "{"}, {"{}", "{"}, {" { } ", "{ "}, {"{\"a\":1}", "{\"a\":1,"}};
    const factum_call call = call_of(PARENT, "v=\"1\\2\"");
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        char head[128];
        const char *text = stored(f, before[i][0], &call);
        int len = snprintf(head, sizeof head, "%s\"traceparent\":\"00-" TRACE "-", before[i][1]);
        assert_int_equal(strncmp(text, head, (size_t)len), 0);
        assert_null(strstr(text, SPAN)); /* the parent differs from the caller's */
        assert_non_null(strstr(text, "-01\",\"tracestate\":\"v=\\\"1\\\\2\\\"\"}"));
    }
}

TEST(events_of_one_append_have_one_parent_and_each_append_its_own)
{
    struct fixture *f = *state;
    char first[2048];
    const factum_call call = call_of(PARENT, "");
    const factum_new_event event = {.stream = FCT_SLICE("s-1"), .type = FCT_SLICE("T")};
    const factum_new_event events[] = {event, event};
    assert_ok(put_all(f, events, 2, &call, ""), f->err);
    (void)snprintf(first, sizeof first, "%s", read_at(f, f->result.first_position));
    assert_string_equal(first, read_at(f, f->result.position));
    assert_ok(put_all(f, events, 2, &call, ""), f->err);
    assert_string_not_equal(first, read_at(f, f->result.position));
}

TEST(each_of_many_events_gets_what_it_lacks)
{
    struct fixture *f = *state;
    enum { MANY = 20 };
    const factum_call call = call_of(PARENT, "");
    factum_new_event events[MANY];
    char parent[2048];
    for (size_t i = 0; i < MANY; i++) {
        events[i] = (factum_new_event){.stream = FCT_SLICE("s-1"), .type = FCT_SLICE("T")};
        if (i % 6 == 5) {
            events[i].metadata = FCT_SLICE("{\"traceparent\":\"own\"}");
        }
    }
    assert_ok(put_all(f, events, MANY, &call, ""), f->err);
    (void)snprintf(parent, sizeof parent, "%s", read_at(f, f->result.first_position));
    assert_non_null(strstr(parent, TRACE));
    const factum_read_request request = {.size = sizeof request};
    struct fct_reader *reader;
    factum_event event;
    assert_ok(fct_engine_read(&f->engine, &request, false, &reader, &f->err), f->err);
    for (size_t i = 0; i < MANY; i++) {
        factum_slice wanted = i % 6 == 5 ? events[i].metadata : factum_slice_from(parent);
        assert_ok(fct_reader_next(reader, &event, &f->err), f->err);
        assert_true(fct_slice_equal(event.metadata, wanted));
    }
    fct_reader_close(reader);
}

TEST(values_set_by_the_writer_stay)
{
    struct fixture *f = *state;
    static const char *const said[] = {
        "{\"traceparent\":\"00-11111111111111111111111111111111-2222222222222222-00\"}",
        "{\"traceparent\":\"broken\"}",
        "{\"traceparent\":null,\"a\":1}",
        "{\"trace\\u0070arent\":\"x\"}",
        "not JSON",
        "{\"a\":}",
        "[1]",
    };
    const factum_call call = call_of(PARENT, "");
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        assert_string_equal(stored(f, said[i], &call), said[i]);
    }
    assert_ok(put(f, "$settings", "", &call, ""), f->err);
    assert_string_equal(read_at(f, f->result.position), "");
}

TEST(ids_of_kurrents_clients_become_a_traceparent)
{
    struct fixture *f = *state;
    const factum_call call = call_of("", "");
    const factum_call other =
        call_of("00-11111111111111111111111111111111-2222222222222222-00", "");
    static const char ids[] = "{\"$traceId\":\"" TRACE "\",\"$spanId\":\"" SPAN "\"}";
    static const char both[] =
        "{\"$traceId\":\"" TRACE "\",\"$spanId\":\"" SPAN "\",\"traceparent\":\"" PARENT "\"}";
    assert_string_equal(stored(f, ids, &call), both);
    assert_string_equal(stored(f, ids, &other), both);
    static const char *const bad[] = {
        "{\"$traceId\":\"" TRACE "\"}",
        "{\"$traceId\":\"00000000000000000000000000000000\",\"$spanId\":\"" SPAN "\"}",
        "{\"$traceId\":7,\"$spanId\":\"" SPAN "\"}",
        "{\"$traceId\":\"0AF7651916CD43DD8448EB211C80319C\",\"$spanId\":\"" SPAN "\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_string_equal(stored(f, bad[i], &call), bad[i]);
        assert_non_null(strstr(stored(f, bad[i], &other), "-11111111111111111111111111111111-"));
    }
}

TEST(a_broken_context_begins_a_new_trace_without_its_state)
{
    struct fixture *f = *state;
    static const char *const broken[] = {
        "x",
        "00-" TRACE "-" SPAN "-0",
        "ff-" TRACE "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
        PARENT "," PARENT,
    };
    static const char start[] = "{\"traceparent\":\"";
    char last[2048] = "";
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        const factum_call call = call_of(broken[i], "a=b");
        char normal[FCT_TRACEPARENT_SIZE];
        const char *text = stored(f, "", &call);
        assert_int_equal(strncmp(text, start, sizeof start - 1), 0);
        assert_int_equal(strlen(text), sizeof start - 1 + FCT_TRACEPARENT_SIZE + 2);
        assert_true(fct_traceparent_normal(fct_slice(text + sizeof start - 1, FCT_TRACEPARENT_SIZE),
                                           normal));
        assert_null(strstr(text, TRACE));
        assert_string_not_equal(text, last);
        (void)snprintf(last, sizeof last, "%s", text);
    }
}

TEST(a_long_or_bad_tracestate_does_not_go_along)
{
    struct fixture *f = *state;
    char longer[600];
    (void)snprintf(longer, sizeof longer, "a=%0255d,b=%0255d,c=1", 1, 1);
    const factum_call calls[] = {call_of(PARENT, longer), call_of(PARENT, "a=1,a=2")};
    for (size_t i = 0; i < 2; i++) {
        const char *text = stored(f, "", &calls[i]);
        assert_non_null(strstr(text, TRACE));
        assert_null(strstr(text, "tracestate"));
    }
}

TEST(a_retry_in_another_trace_is_the_same_append)
{
    struct fixture *f = *state;
    static const char *const metadata[] = {"", "{\"$correlationId\":\"c\"}"};
    const factum_call first = call_of(PARENT, "");
    const factum_call second =
        call_of("00-11111111111111111111111111111111-2222222222222222-00", "a=b");
    const factum_call broken = call_of("x", "");
    const factum_call *const calls[] = {&second, &broken, NULL, &first};
    for (size_t i = 0; i < 2; i++) {
        char key[] = {'k', (char)('0' + i), '\0'};
        assert_ok(put(f, "s-1", metadata[i], &first, key), f->err);
        assert_false(f->result.already);
        for (size_t j = 0; j < sizeof calls / sizeof calls[0]; j++) {
            assert_ok(put(f, "s-1", metadata[i], calls[j], key), f->err);
            assert_true(f->result.already);
        }
        assert_status(put(f, "s-1", "{\"other\":1}", &first, key), FACTUM_KEY_CONFLICT);
    }
}

TEST(a_stamp_of_the_trace_and_one_of_a_schema_both_stay)
{
    struct fixture *f = *state;
    static const char schema[] =
        "{\"subject\":\"T\",\"version\":1,\"id\":1,\"hash\":\"0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef\",\"proof\":\"none\",\"schema\":{\"type\":\"object\"}}";
    const factum_new_event event = {.stream = FCT_SLICE("$schemas"),
                                    .type = FCT_SLICE("$SchemaRegistered"),
                                    .data = factum_slice_from(schema)};
    const factum_call call = call_of(PARENT, "");
    assert_ok(put_all(f, &event, 1, NULL, ""), f->err);
    const char *text = stored(f, "{\"a\":1}", &call);
    assert_non_null(strstr(text, "{\"a\":1,\"traceparent\":\"00-" TRACE));
    assert_non_null(strstr(text, ",\"$schema.id\":1}"));
    const factum_new_event bad = {
        .stream = FCT_SLICE("s-1"), .type = FCT_SLICE("T"), .data = FCT_SLICE("7")};
    assert_status(put_all(f, &bad, 1, &call, ""), FACTUM_SCHEMA_VIOLATION);
}

TEST(events_without_ids_get_those_of_the_context)
{
    struct fixture *f = *state;
    const factum_call call = {.size = sizeof call,
                              .correlation_id = FCT_SLICE("a \"flow\""),
                              .causation_id = FCT_SLICE("why\n")};
    assert_string_equal(stored(f, "", &call),
                        "{\"$correlationId\":\"a \\\"flow\\\"\",\"$causationId\":\"why\\n\"}");
    assert_string_equal(stored(f, "{\"$correlationId\":null}", &call),
                        "{\"$correlationId\":null,\"$causationId\":\"why\\n\"}");
    assert_string_equal(stored(f, "{\"$causationId\":\"x\",\"$correlationId\":\"y\"}", &call),
                        "{\"$causationId\":\"x\",\"$correlationId\":\"y\"}");
    assert_ok(put(f, "s-1", "", &call, "k"), f->err);
    assert_ok(put(f, "s-1", "", NULL, "k"), f->err);
    assert_true(f->result.already);
}

TEST(ids_of_the_context_are_indexed)
{
    struct fixture *f = *state;
    const factum_call call = {.size = sizeof call, .correlation_id = FCT_SLICE("flow")};
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_CORRELATION, .name = FCT_SLICE("flow")};
    struct fct_reader *reader;
    factum_event event;
    assert_ok(put(f, "s-1", "{\"a\":1}", &call, ""), f->err);
    assert_ok(fct_engine_read(&f->engine, &request, false, &reader, &f->err), f->err);
    assert_ok(fct_reader_next(reader, &event, &f->err), f->err);
    fct_reader_close(reader);
}

TEST(an_id_that_is_no_text_is_refused)
{
    struct fixture *f = *state;
    const factum_call call = {.size = sizeof call, .correlation_id = FCT_SLICE("\xff")};
    assert_status(put(f, "s-1", "", &call, ""), FACTUM_INVALID);
}

TEST(without_memory_nothing_is_written)
{
    struct fixture *f = *state;
    factum_call call = call_of(PARENT, "");
    call.correlation_id = FCT_SLICE("flow");
    factum_status status = FACTUM_NO_MEMORY;
    unsigned failures = 0;
    for (unsigned fail_at = 1; status == FACTUM_NO_MEMORY && fail_at < 100; fail_at++) {
        f->mem.fail_at = f->mem.calls + fail_at - 1;
        status = put(f, "s-1", "", &call, "k");
        f->mem.fail_at = ULONG_MAX;
        failures += status == FACTUM_NO_MEMORY ? 1 : 0;
    }
    assert_ok(status, f->err);
    assert_true(failures > 0);
    assert_false(f->result.already);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(without_a_context_nothing_is_touched),
        FIXTURE_CASE(a_context_without_a_trace_starts_no_trace),
        FIXTURE_CASE(the_trace_of_the_call_goes_into_events_with_an_id_of_its_own),
        FIXTURE_CASE(events_of_one_append_have_one_parent_and_each_append_its_own),
        FIXTURE_CASE(each_of_many_events_gets_what_it_lacks),
        FIXTURE_CASE(values_set_by_the_writer_stay),
        FIXTURE_CASE(ids_of_kurrents_clients_become_a_traceparent),
        FIXTURE_CASE(a_broken_context_begins_a_new_trace_without_its_state),
        FIXTURE_CASE(a_long_or_bad_tracestate_does_not_go_along),
        FIXTURE_CASE(a_retry_in_another_trace_is_the_same_append),
        FIXTURE_CASE(a_stamp_of_the_trace_and_one_of_a_schema_both_stay),
        FIXTURE_CASE(events_without_ids_get_those_of_the_context),
        FIXTURE_CASE(ids_of_the_context_are_indexed),
        FIXTURE_CASE(an_id_that_is_no_text_is_refused),
        FIXTURE_CASE(without_memory_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
