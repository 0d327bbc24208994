/* trace_test.c - causal trees: linked, flagged, found by each kind of id, shortened and printed;
 * and the effects of hostile metadata. Layer: trace. */
#include "support/test.h"

#include <factum/testing.h>
#include <factum/trace.h>

#include "core/slice.h"

#define MS INT64_C(1000000)
#define ID(last) "00000000-0000-4000-8000-0000000000" last
#define TRACE_ID "0af7651916cd43dd8448eb211c80319c"

struct fixture {
    factum_store *store;
    int64_t now;
    factum_trace *trace;
    factum_error err;
    size_t printed_len;
};

static char printed[1 << 20]; /* the last printed text */

static int64_t test_now(void *data)
{
    const struct fixture *f = data;
    return f->now;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    const factum_clock clock = {.data = f, .now = test_now};
    const factum_store_options options = {.size = sizeof options, .clock = &clock};
    *f = (struct fixture){.store = NULL};
    f->now = INT64_C(1767225600) * 1000 * MS; /* 2026-01-01T00:00:00Z */
    *state = f;
    return factum_testing_open_memory(&options, &f->store, &f->err) == FACTUM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    factum_trace_close(f->trace);
    factum_status status = factum_close(f->store, NULL);
    return status == FACTUM_OK ? 0 : -1;
}

/* |after_ms| after the last one. |id| may be NULL. */
static uint64_t add_data(struct fixture *f, int64_t after_ms, const char *stream, const char *type,
                         const char *id, const char *metadata, const char *data)
{
    factum_new_event event = {.stream = factum_slice_from(stream),
                              .type = factum_slice_from(type),
                              .data = factum_slice_from(data),
                              .metadata = factum_slice_from(metadata)};
    factum_append_result result;
    if (id != NULL) {
        assert_int_equal(factum_uuid_parse(factum_slice_from(id), &event.id), FACTUM_OK);
    }
    f->now += after_ms * MS;
    assert_int_equal(
        factum_append_stream(f->store, event.stream, factum_any(), &event, 1, &result, &f->err),
        FACTUM_OK);
    return result.position;
}

static uint64_t add(struct fixture *f, int64_t after_ms, const char *stream, const char *type,
                    const char *id, const char *metadata)
{
    return add_data(f, after_ms, stream, type, id, metadata, "{}");
}

static factum_status open_trace(struct fixture *f, const char *id,
                                const factum_trace_options *options)
{
    factum_trace_close(f->trace);
    f->trace = NULL;
    return factum_trace_open(f->store, factum_slice_from(id), options, &f->trace, &f->err);
}

static factum_trace_info info_of(const struct fixture *f)
{
    factum_trace_info info = {.size = sizeof info};
    assert_int_equal(factum_trace_info_get(f->trace, &info, NULL), FACTUM_OK);
    return info;
}

static factum_trace_node node_of(const struct fixture *f, size_t index)
{
    factum_trace_node node = {.size = sizeof node};
    assert_int_equal(factum_trace_at(f->trace, index, &node, NULL), FACTUM_OK);
    return node;
}

static factum_status keep(void *data, factum_slice bytes)
{
    struct fixture *f = data;
    assert_true(bytes.len < sizeof printed - f->printed_len);
    memcpy(printed + f->printed_len, bytes.ptr, bytes.len);
    f->printed_len += bytes.len;
    printed[f->printed_len] = '\0';
    return FACTUM_OK;
}

static const char *print(struct fixture *f, factum_trace_form form, uint64_t lines)
{
    const factum_trace_sink sink = {.data = f, .write = keep};
    f->printed_len = 0;
    assert_int_equal(factum_trace_print(f->trace, form, lines, &sink, &f->err), FACTUM_OK);
    return printed;
}

static size_t lines_in(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += *text == '\n' ? 1 : 0;
    }
    return count;
}

/* An order, and its saga of two steps, the second of which is not answered. */
static void add_saga(struct fixture *f)
{
    add(f, 0, "order-42", "OrderPlaced", ID("01"), "{\"$correlationId\":\"c1\"}");
    add(f, 1, "saga:fulfil-42", "SagaStarted", ID("02"),
        "{\"$correlationId\":\"c1\",\"$causationId\":\"" ID("01") "\"}");
    add(f, 0, "saga:fulfil-42", "StepStarted", ID("03"),
        "{\"$correlationId\":\"c1\",\"$causationId\":\"" ID("01") "\"}");
    add(f, 0, "command:stock-fulfil-42", "stock.Reserve", ID("04"),
        "{\"$correlationId\":\"c1\",\"$causationId\":\"" ID(
            "01") "\","
                  "\"$commandId\":\"saga:fulfil-42/reserve/do/1\"}");
    add(f, 20, "stock-7", "StockReserved", ID("05"),
        "{\"$correlationId\":\"c1\",\"$causationId\":\"saga:fulfil-42/reserve/do/1\"}");
    add_data(f, 2, "saga:fulfil-42", "StepSucceeded", ID("06"),
             "{\"$correlationId\":\"c1\",\"$causationId\":\"" ID("05") "\"}",
             "{\"step\":\"reserve\"}");
    add(f, 0, "command:payment-fulfil-42", "payment.Charge", ID("07"),
        "{\"$correlationId\":\"c1\",\"$causationId\":\"" ID(
            "05") "\","
                  "\"$commandId\":\"saga:fulfil-42/charge/do/1\"}");
}

TEST(a_saga_is_a_tree_across_streams)
{
    struct fixture *f = *state;
    add_saga(f);
    assert_int_equal(open_trace(f, "c1", NULL), FACTUM_OK);
    factum_trace_info info = info_of(f);
    assert_int_equal(info.event_count, 7);
    assert_int_equal(info.stream_count, 5);
    assert_int_equal(info.service_count, 4); /* order, saga:fulfil, stock, payment */
    assert_int_equal(info.root_count, 1);
    assert_int_equal(info.missing_count, 0);
    assert_int_equal(info.open_count, 1);
    assert_int_equal(info.path_time, 23 * MS);
    factum_trace_node reply = node_of(f, 4);
    assert_int_equal(reply.cause, 3);
    assert_int_equal(reply.latency, 20 * MS);
    assert_true(fct_slice_equal(reply.service, FCT_SLICE("stock")));
    factum_trace_node command = node_of(f, 3);
    assert_int_equal(command.flags & (FACTUM_TRACE_COMMAND | FACTUM_TRACE_OPEN),
                     FACTUM_TRACE_COMMAND);
    assert_int_equal(node_of(f, 6).flags & FACTUM_TRACE_OPEN, FACTUM_TRACE_OPEN);
    assert_int_equal(node_of(f, 6).cause, 4);
}

TEST(every_kind_of_id_leads_to_the_same_flow)
{
    struct fixture *f = *state;
    static const struct {
        const char *id;
        factum_trace_kind kind;
    } ids[] = {
        {"c1", FACTUM_TRACE_OF_CORRELATION},
        {"fulfil-42", FACTUM_TRACE_OF_SAGA},
        {"saga:fulfil-42", FACTUM_TRACE_OF_SAGA},
        {"saga:fulfil-42/charge/do/1", FACTUM_TRACE_OF_COMMAND},
        {ID("05"), FACTUM_TRACE_OF_EVENT},
        {"charge-by-hand", FACTUM_TRACE_OF_COMMAND},
        {TRACE_ID, FACTUM_TRACE_OF_TRACE},
    };
    add_saga(f);
    add(f, 0, "other-1", "Other", NULL, "{\"$correlationId\":\"c2\"}");
    add(f, 0, "payment-1", "Charged", NULL,
        "{\"$correlationId\":\"c1\",\"$commandId\":\"charge-by-hand\",\"traceparent\":"
        "\"00-" TRACE_ID "-b7ad6b7169203331-01\"}");
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_int_equal(open_trace(f, ids[i].id, NULL), FACTUM_OK);
        assert_int_equal(info_of(f).kind, ids[i].kind);
        assert_int_equal(info_of(f).event_count, 8);
    }
}

TEST(an_id_of_kurrents_clients_is_a_trace_id_too)
{
    struct fixture *f = *state;
    add(f, 0, "a-1", "A", NULL, "{\"$traceId\":\"" TRACE_ID "\",\"$spanId\":\"b7ad6b7169203331\"}");
    add(f, 0, "a-2", "B", NULL, "{\"traceparent\":\"00-" TRACE_ID "-b7ad6b7169203331-00\"}");
    assert_int_equal(open_trace(f, TRACE_ID, NULL), FACTUM_OK);
    assert_int_equal(info_of(f).event_count, 2);
    assert_int_equal(info_of(f).scanned, 2);
}

TEST(an_event_without_a_correlation_leads_to_what_has_its_id_as_one)
{
    struct fixture *f = *state;
    add(f, 0, "order-1", "OrderPlaced", ID("01"), "");
    add(f, 5, "mail-1", "Sent", NULL,
        "{\"$correlationId\":\"" ID("01") "\",\"$causationId\":\"" ID("01") "\"}");
    assert_int_equal(open_trace(f, ID("01"), NULL), FACTUM_OK);
    assert_int_equal(info_of(f).event_count, 2);
    assert_int_equal(info_of(f).root_count, 1);
    assert_int_equal(node_of(f, 1).latency, 5 * MS);
}

TEST(what_a_saga_answers_is_found_by_its_position)
{
    struct fixture *f = *state;
    char data[128];
    uint64_t position = add(f, 0, "order-1", "OrderPlaced", ID("01"), "");
    (void)snprintf(data, sizeof data, "{\"start\":{\"position\":%llu}}",
                   (unsigned long long)position);
    add_data(f, 1, "saga:s-1", "SagaStarted", NULL,
             "{\"$correlationId\":\"x\",\"$causationId\":\"" ID("01") "\"}", data);
    assert_int_equal(open_trace(f, "s-1", NULL), FACTUM_OK);
    assert_int_equal(info_of(f).event_count, 2);
    assert_int_equal(info_of(f).missing_count, 0);
}

TEST(a_search_without_a_result_reports_its_range)
{
    struct fixture *f = *state;
    const factum_trace_options few = {.size = sizeof few, .scan_max = 3};
    add_saga(f);
    assert_int_equal(open_trace(f, "nothing", NULL), FACTUM_NOT_FOUND);
    assert_non_null(strstr(f->err.text, "none of the store's 7 events"));
    assert_int_equal(open_trace(f, TRACE_ID, &few), FACTUM_NOT_FOUND);
    assert_non_null(strstr(f->err.text, "newest 3 events, back to position"));
    assert_int_equal(open_trace(f, "", NULL), FACTUM_INVALID);
    assert_null(f->trace);
}

TEST(a_cause_that_is_missing_later_or_itself_makes_a_flagged_root)
{
    struct fixture *f = *state;
    add(f, 0, "a-1", "A", ID("01"), "{\"$correlationId\":\"c\",\"$causationId\":\"" ID("02") "\"}");
    add(f, 0, "a-1", "B", ID("02"), "{\"$correlationId\":\"c\",\"$causationId\":\"" ID("01") "\"}");
    add(f, 0, "a-1", "C", ID("03"), "{\"$correlationId\":\"c\",\"$causationId\":\"" ID("03") "\"}");
    add(f, 0, "a-1", "D", ID("04"), "{\"$correlationId\":\"c\",\"$causationId\":\"gone\"}");
    add(f, 0, "a-1", "E", ID("05"),
        "{\"$correlationId\":\"c\",\"$causationId\":\"k\",\"$commandId\":\"k\"}");
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    assert_int_equal(info_of(f).root_count, 4);
    assert_int_equal(info_of(f).missing_count, 4);
    assert_true((node_of(f, 0).flags & FACTUM_TRACE_CAUSE_LATER) != 0); /* a cycle of two */
    assert_int_equal(node_of(f, 1).cause, 0);
    assert_true((node_of(f, 2).flags & FACTUM_TRACE_CAUSE_LATER) != 0);
    assert_true((node_of(f, 3).flags & FACTUM_TRACE_CAUSE_MISSING) != 0);
    assert_true((node_of(f, 4).flags & FACTUM_TRACE_CAUSE_LATER) != 0);
    assert_non_null(strstr(print(f, FACTUM_TRACE_TEXT, 0), "CAUSE NOT BEFORE IT"));
}

TEST(a_duplicate_id_means_the_first_event)
{
    struct fixture *f = *state;
    add(f, 0, "a-1", "A", ID("01"), "{\"$correlationId\":\"c\"}");
    add(f, 0, "a-2", "A", ID("01"), "{\"$correlationId\":\"c\"}");
    add(f, 0, "a-3", "B", NULL, "{\"$correlationId\":\"c\",\"$causationId\":\"" ID("01") "\"}");
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    assert_int_equal(info_of(f).event_count, 3);
    assert_int_equal(node_of(f, 2).cause, 0);
}

TEST(a_command_that_was_sent_again_is_answered_once)
{
    struct fixture *f = *state;
    static const char sent[] = "{\"$correlationId\":\"c\",\"$commandId\":\"k1\"}";
    add(f, 0, "command:pay-s-1", "pay.Charge", NULL, sent);
    add(f, 9, "command:pay-s-1", "pay.Charge", NULL, sent);
    add(f, 2, "pay-1", "Charged", NULL, "{\"$correlationId\":\"c\",\"$causationId\":\"k1\"}");
    add(f, 0, "pay-1", "Noted", NULL, "{\"$correlationId\":\"c\",\"$commandId\":\"k1\"}");
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    assert_int_equal(info_of(f).open_count, 0);
    assert_int_equal(node_of(f, 2).cause, 1);
    assert_int_equal(node_of(f, 2).latency, 2 * MS);
    assert_int_equal(node_of(f, 3).cause, 1); /* only by the id of its command */
}

TEST(a_tombstone_is_no_answer)
{
    struct fixture *f = *state;
    add(f, 0, "command:pay-s-1", "pay.Charge", ID("01"),
        "{\"$correlationId\":\"c\",\"$commandId\":\"k1\"}");
    add(f, 0, "command:pay-s-1", "CommandCancelled", NULL,
        "{\"$correlationId\":\"c\",\"$causationId\":\"k1\"}");
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    assert_int_equal(info_of(f).open_count, 1);
}

static void add_step(struct fixture *f, const char *type, const char *step)
{
    char data[128];
    (void)snprintf(data, sizeof data, "{\"step\":\"%s\",\"why\":\"ask\",\"text\":\"look\\u001b\"}",
                   step);
    add_data(f, 1, "saga:s-1", type, NULL, "{\"$correlationId\":\"c\"}", data);
}

TEST(a_saga_is_stuck_until_the_step_changes)
{
    struct fixture *f = *state;
    add_step(f, "SagaStuck", "one");
    add_step(f, "SagaStuck", "two");
    add_step(f, "StepStarted", "one");
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    assert_int_equal(info_of(f).stuck_count, 1);
    assert_int_equal(node_of(f, 0).flags & FACTUM_TRACE_STUCK, 0);
    assert_true((node_of(f, 1).flags & FACTUM_TRACE_STUCK) != 0);
    assert_true(fct_slice_equal(node_of(f, 1).code, FCT_SLICE("ask")));
    assert_non_null(strstr(print(f, FACTUM_TRACE_TEXT, 0), "STUCK  two  ask: look\\x1b\n"));
    add(f, 0, "saga:s-1", "SagaCancelled", NULL, "{\"$correlationId\":\"c\"}");
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    assert_int_equal(info_of(f).stuck_count, 0);
}

TEST(failures_and_time_outs_are_counted)
{
    struct fixture *f = *state;
    add_data(f, 0, "pay-1", "CommandFailed", NULL, "{\"$correlationId\":\"c\"}",
             "{\"code\":\"card.declined\",\"text\":\"no money\"}");
    add_step(f, "StepFailed", "pay");
    add_step(f, "SagaFailed", "pay");
    add_step(f, "StepTimedOut", "pay");
    add(f, 0, "x-1", "StepFailed", NULL, "{\"$correlationId\":\"c\"}"); /* not an event of a saga */
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    assert_int_equal(info_of(f).failed_count, 3);
    assert_int_equal(info_of(f).timed_out_count, 1);
    assert_true(fct_slice_equal(node_of(f, 0).code, FCT_SLICE("card.declined")));
}

TEST(hostile_metadata_is_ignored)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "{\"$correlationId\":\"c\",\"$causationId\":7,\"$commandId\":{},\"traceparent\":[]}",
        "{\"$correlationId\":\"c\",\"$causationId\":\"\\ud800\",\"$traceId\":\"00\"}",
        "{\"$correlationId\":\"c\",\"$causationId\":\"\",\"$commandId\":\"\"}",
        "{\"$correlationId\":\"c\",\"traceparent\":\"00-" TRACE_ID "-b7ad6b7169203331-0\"}",
        "{\"$correlationId\":\"c\",\"$traceId\":\"00000000000000000000000000000000\"}",
        "{\"$correlationId\":\"c\",\"$causationId\":null,\"a\":[[[[[[[[[[1]]]]]]]]]]}",
    };
    char big[5000];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        add(f, 0, "a-1", "A", NULL, bad[i]);
    }
    (void)snprintf(big, sizeof big, "{\"$correlationId\":\"c\",\"$causationId\":\"%04000d\"}", 1);
    add(f, 0, "a-1", "A", NULL, big);
    add_data(f, 0, "saga:x-1", "SagaStuck", NULL, "{\"$correlationId\":\"c\"}",
             "{\"input\":-1,\"step\":[],\"start\":{\"position\":1e300},\"text\":7}");
    add_data(f, 0, "saga:x-1", "SagaStarted", NULL, "{\"$correlationId\":\"c\"}",
             "{\"start\":{\"position\":3}}"); /* no event has this position */
    add_data(f, 0, "saga:x-1", "SagaStuck", NULL, "{\"$correlationId\":\"c\"}", "not JSON");
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    factum_trace_info info = info_of(f);
    assert_int_equal(info.event_count, 10);
    assert_int_equal(info.missing_count, 0);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(node_of(f, i).trace_id.len, 0);
        assert_int_equal(node_of(f, i).causation.len, 0);
    }
}

TEST(limits_hold)
{
    struct fixture *f = *state;
    const factum_trace_options few = {.size = sizeof few, .events_max = 3};
    const factum_trace_options many = {.size = sizeof many, .events_max = 1000001};
    add_saga(f);
    assert_int_equal(open_trace(f, "c1", &few), FACTUM_OK);
    assert_int_equal(info_of(f).event_count, 3);
    assert_true(info_of(f).truncated);
    assert_int_equal(open_trace(f, "c1", &many), FACTUM_INVALID);
}

static bool stop_at_once(void *data, uint64_t done, uint64_t total)
{
    (void)total;
    *(uint64_t *)data = done;
    return false;
}

TEST(system_streams_can_be_left_out)
{
    struct fixture *f = *state;
    factum_new_event asked = {.stream = FCT_SLICE("$audit"),
                              .type = FCT_SLICE("Asked"),
                              .data = FCT_SLICE("{}"),
                              .metadata = FCT_SLICE("{\"$correlationId\":\"c1\"}")};
    const factum_expectation any = {.stream = FCT_SLICE("$audit"), .expected = factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &asked,
                                           .event_count = 1,
                                           .expectations = &any,
                                           .expectation_count = 1,
                                           .system = true};
    const factum_trace_options without = {.size = sizeof without, .skip_system = true};
    const factum_trace_options of_system = {
        .size = sizeof of_system, .stream = FCT_SLICE("$audit"), .skip_system = true};
    assert_int_equal(factum_uuid_parse(FCT_SLICE(ID("01")), &asked.id), FACTUM_OK);
    assert_int_equal(factum_append(f->store, &request, NULL, NULL, &f->err), FACTUM_OK);
    (void)add(f, 1, "order-1", "Placed", ID("02"),
              "{\"$correlationId\":\"c1\",\"$causationId\":\"" ID("01") "\"}");
    assert_int_equal(open_trace(f, "c1", NULL), FACTUM_OK);
    assert_int_equal(info_of(f).event_count, 2);
    assert_int_equal(open_trace(f, "c1", &without), FACTUM_OK);
    assert_int_equal(info_of(f).event_count, 1);
    assert_true(fct_slice_equal(node_of(f, 0).type, FCT_SLICE("Placed")));
    assert_int_equal(node_of(f, 0).flags & FACTUM_TRACE_CAUSE_MISSING, FACTUM_TRACE_CAUSE_MISSING);
    /* Nor by the id of the event itself, whether an index has it or a search finds it. */
    assert_int_equal(open_trace(f, ID("01"), NULL), FACTUM_OK);
    assert_int_equal(open_trace(f, ID("01"), &without), FACTUM_NOT_FOUND);
    assert_int_equal(open_trace(f, ID("01"), &of_system), FACTUM_NOT_FOUND);
}

TEST(a_caller_can_end_it)
{
    struct fixture *f = *state;
    uint64_t done = 0;
    const factum_progress progress = {.data = &done, .step = stop_at_once};
    const factum_trace_options options = {.size = sizeof options, .progress = &progress};
    for (int i = 0; i < 300; i++) {
        add(f, 0, "a-1", "A", NULL, "{\"$correlationId\":\"c\"}");
    }
    assert_int_equal(open_trace(f, "c", &options), FACTUM_CANCELLED);
    assert_true(done > 0);
}

/* ---- printing -------------------------------------------------------------------------------- */

TEST(a_tree_of_a_thousand_equal_effects_is_a_line_for_them)
{
    struct fixture *f = *state;
    char data[160];
    add(f, 0, "import-1", "Imported", ID("01"), "{\"$correlationId\":\"c\"}");
    for (int i = 0; i < 1000; i++) {
        char id[64];
        char stream[32];
        (void)snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", 1000 + i);
        (void)snprintf(stream, sizeof stream, "row-%d", i);
        add(f, 0, stream, "RowAdded", id,
            "{\"$correlationId\":\"c\",\"$causationId\":\"" ID("01") "\"}");
        (void)snprintf(data, sizeof data, "{\"$correlationId\":\"c\",\"$causationId\":\"%s\"}", id);
        add(f, 0, stream, "RowSeen", NULL, data);
    }
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    const char *text = print(f, FACTUM_TRACE_TEXT, 0);
    assert_non_null(strstr(text, "RowAdded  row-0  @"));
    assert_non_null(strstr(text, "  x 999"));
    assert_true(lines_in(text) < 12);
    assert_int_equal(lines_in(print(f, FACTUM_TRACE_TEXT, UINT64_MAX)), 2001 + 3);
}

TEST(what_is_cut_is_counted_and_failures_stay)
{
    struct fixture *f = *state;
    char type[32];
    add(f, 0, "a-1", "Root", ID("01"), "{\"$correlationId\":\"c\"}");
    for (int i = 0; i < 500; i++) {
        (void)snprintf(type, sizeof type, "Kind%d", i);
        add(f, 0, "a-1", type, NULL,
            "{\"$correlationId\":\"c\",\"$causationId\":\"" ID("01") "\"}");
    }
    add(f, 0, "a-1", "CommandFailed", NULL,
        "{\"$correlationId\":\"c\",\"$causationId\":\"" ID("01") "\"}");
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    const char *text = print(f, FACTUM_TRACE_TEXT, 0);
    assert_true(lines_in(text) <= 60 + 5);
    assert_non_null(strstr(text, "CommandFailed"));
    assert_non_null(strstr(text, "... 442 more below"));
    assert_int_equal(lines_in(print(f, FACTUM_TRACE_TEXT, 1)), 1 + 4);
}

TEST(a_chain_of_thousands_is_no_recursion_and_few_lines)
{
    struct fixture *f = *state;
    char id[64];
    char metadata[160];
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(metadata, sizeof metadata,
                       "{\"$correlationId\":\"c\",\"$causationId\":\"%s\"}", i == 0 ? "" : id);
        (void)snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", i);
        add(f, 1, "a-1", "Link", id, metadata);
    }
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    assert_int_equal(info_of(f).path_length, 3000);
    assert_int_equal(info_of(f).root_count, 1);
    const char *text = print(f, FACTUM_TRACE_TEXT, 0);
    assert_true(lines_in(text) < 66);
    assert_non_null(strstr(text, "... 21 deep: Link"));
    assert_int_equal(lines_in(print(f, FACTUM_TRACE_TEXT, UINT64_MAX)), 3003);
}

TEST(names_from_outside_break_no_form)
{
    struct fixture *f = *state;
    add(f, 0, "a\"];b-1", "T\"<script>;#\x1b[31m\n\xe2\x80\xae", ID("01"),
        "{\"$correlationId\":\"c\"}");
    add(f, 0, "b-1", "\\", NULL, "{\"$correlationId\":\"c\",\"$causationId\":\"" ID("01") "\"}");
    assert_int_equal(open_trace(f, "c", NULL), FACTUM_OK);
    const char *text = print(f, FACTUM_TRACE_TEXT, 0);
    assert_null(strchr(text, '\x1b'));
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_non_null(strstr(text, "\\u202e"));
    assert_int_equal(lines_in(text), 5);
    const char *dot = print(f, FACTUM_TRACE_DOT, 0);
    assert_non_null(strstr(dot, "[label=\"T__script_;#"));
    assert_null(strstr(dot, "a\"]"));
    const char *mermaid = print(f, FACTUM_TRACE_MERMAID, 0);
    assert_non_null(strstr(mermaid, "participant p0 as a_]_b\n"));
    assert_non_null(strstr(mermaid, "p0->>p1: _ +0 ns\n"));
}

TEST(json_has_all_nodes_and_edges)
{
    struct fixture *f = *state;
    factum_json_node nodes[1024];
    factum_json json;
    add_saga(f);
    assert_int_equal(open_trace(f, "c1", NULL), FACTUM_OK);
    const char *text = print(f, FACTUM_TRACE_JSON, 1);
    assert_int_equal(factum_json_parse(factum_slice_from(text), NULL, nodes, 1024, &json, &f->err),
                     FACTUM_OK);
    uint32_t list = factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("nodes"));
    assert_int_equal(factum_json_count(&json, list), 7);
    list = factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("edges"));
    assert_int_equal(factum_json_count(&json, list), 6);
    assert_non_null(strstr(text, "\"open\":true"));
    assert_non_null(strstr(text, "\"latencyNs\":20000000"));
    assert_non_null(strstr(text, "\"share\":1.0000"));
}

static factum_status refuse(void *data, factum_slice bytes)
{
    (void)bytes;
    ++*(unsigned *)data;
    return FACTUM_NO_SPACE;
}

TEST(a_sink_that_fails_ends_the_printing)
{
    struct fixture *f = *state;
    unsigned calls = 0;
    const factum_trace_sink sink = {.data = &calls, .write = refuse};
    add_saga(f);
    assert_int_equal(open_trace(f, "c1", NULL), FACTUM_OK);
    for (int form = FACTUM_TRACE_TEXT; form <= FACTUM_TRACE_MERMAID; form++) {
        calls = 0;
        assert_int_equal(factum_trace_print(f->trace, (factum_trace_form)form, 0, &sink, &f->err),
                         FACTUM_NO_SPACE);
        assert_int_equal(calls, 1);
    }
    assert_int_equal(factum_trace_print(f->trace, (factum_trace_form)9, 0, &sink, NULL),
                     FACTUM_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_saga_is_a_tree_across_streams),
        FIXTURE_CASE(every_kind_of_id_leads_to_the_same_flow),
        FIXTURE_CASE(an_id_of_kurrents_clients_is_a_trace_id_too),
        FIXTURE_CASE(an_event_without_a_correlation_leads_to_what_has_its_id_as_one),
        FIXTURE_CASE(what_a_saga_answers_is_found_by_its_position),
        FIXTURE_CASE(a_search_without_a_result_reports_its_range),
        FIXTURE_CASE(a_cause_that_is_missing_later_or_itself_makes_a_flagged_root),
        FIXTURE_CASE(a_duplicate_id_means_the_first_event),
        FIXTURE_CASE(a_command_that_was_sent_again_is_answered_once),
        FIXTURE_CASE(a_tombstone_is_no_answer),
        FIXTURE_CASE(a_saga_is_stuck_until_the_step_changes),
        FIXTURE_CASE(failures_and_time_outs_are_counted),
        FIXTURE_CASE(hostile_metadata_is_ignored),
        FIXTURE_CASE(limits_hold),
        FIXTURE_CASE(system_streams_can_be_left_out),
        FIXTURE_CASE(a_caller_can_end_it),
        FIXTURE_CASE(a_tree_of_a_thousand_equal_effects_is_a_line_for_them),
        FIXTURE_CASE(what_is_cut_is_counted_and_failures_stay),
        FIXTURE_CASE(a_chain_of_thousands_is_no_recursion_and_few_lines),
        FIXTURE_CASE(names_from_outside_break_no_form),
        FIXTURE_CASE(json_has_all_nodes_and_edges),
        FIXTURE_CASE(a_sink_that_fails_ends_the_printing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
