/* contract_test.c - the contract test of participants, on a correct one and on others with one
 * mistake each. A participant runs in a thread of its own. */
#include "support/test_store.h"

#include <pthread.h>

#include "core/slice.h"
#include "saga/contract_watch.h"

/* The mistakes of a participant. */
enum flaw {
    FLAW_NONE,
    FLAW_SILENT,
    FLAW_REFUSES,
    FLAW_NO_KEY,   /* answers each time */
    FLAW_NO_CAUSE, /* metadata is missing */
    FLAW_NO_TRACE,
    FLAW_NO_TOMBSTONE, /* answers an undo that comes first, and still does its do later */
    FLAW_STOPS,        /* at the first conflict */
};

struct fixture {
    factum_store *store;
    char dir[SCRATCH_SIZE];
    factum_error err;
    enum flaw flaw;
    factum_follow *follow;
    factum_contract_report report;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    *state = &fixture;
    return test_store_open(&fixture.store, false, fixture.dir, NULL, &fixture.err);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    return test_store_close(f->store, f->dir, &f->err);
}

/* ---- a participant without the library ------------------------------------------------------- */

struct texts {
    char id[256], saga[256], correlation[64], undoes[256], trace[64];
};

static void text_of(factum_slice metadata, const char *name, char *to, size_t size)
{
    factum_json json;
    factum_json_node nodes[32];
    assert_int_equal(factum_json_parse(metadata, NULL, nodes, 32, &json, NULL), FACTUM_OK);
    uint32_t value = factum_json_find(&json, FACTUM_JSON_ROOT, factum_slice_from(name));
    factum_slice text =
        value == FACTUM_JSON_NONE ? FCT_SLICE("") : factum_json_inside(&json, value);
    assert_true(text.len < size);
    (void)snprintf(to, size, "%.*s", (int)text.len, (const char *)text.ptr);
}

static factum_status append(struct fixture *f, const factum_event *event, const char *type,
                            const char *key, const struct texts *texts)
{
    char metadata[1024];
    const char *cause = f->flaw == FLAW_NO_CAUSE ? "$else" : "$causationId";
    const char *trace = f->flaw == FLAW_NO_TRACE ? "else" : "traceparent";
    (void)snprintf(metadata, sizeof metadata,
                   "{\"%s\":\"%s\",\"$correlationId\":\"%s\",\"$sagaId\":\"%s\",\"%s\":\"%s\"}",
                   cause, texts->id, texts->correlation, texts->saga, trace, texts->trace);
    const factum_new_event answer = {.stream = event->stream,
                                     .type = factum_slice_from(type),
                                     .data = FCT_SLICE("{}"),
                                     .metadata = factum_slice_from(metadata)};
    const factum_expectation any = {event->stream, factum_any()};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &answer,
        .event_count = 1,
        .expectations = &any,
        .expectation_count = 1,
        .idempotency_key = f->flaw == FLAW_NO_KEY ? FCT_SLICE("") : factum_slice_from(key),
    };
    factum_status status = factum_append(f->store, &request, NULL, NULL, NULL);
    return status == FACTUM_KEY_CONFLICT && f->flaw != FLAW_STOPS ? FACTUM_OK : status;
}

static factum_status take(void *data, const factum_event *event, factum_error *err)
{
    struct fixture *f = data;
    struct texts texts;
    const bool undo = fct_slice_equal(event->type, FCT_SLICE("stock.Release"));
    (void)err;
    if ((!undo && !fct_slice_equal(event->type, FCT_SLICE("stock.Reserve"))) ||
        f->flaw == FLAW_SILENT) {
        return FACTUM_OK;
    }
    text_of(event->metadata, "$commandId", texts.id, sizeof texts.id);
    text_of(event->metadata, "$sagaId", texts.saga, sizeof texts.saga);
    text_of(event->metadata, "$correlationId", texts.correlation, sizeof texts.correlation);
    text_of(event->metadata, "$undoes", texts.undoes, sizeof texts.undoes);
    text_of(event->metadata, "traceparent", texts.trace, sizeof texts.trace);
    if (undo && f->flaw != FLAW_NO_TOMBSTONE) {
        factum_status status = append(f, event, "CommandCancelled", texts.undoes, &texts);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return append(f, event,
                  f->flaw == FLAW_REFUSES ? "CommandFailed"
                  : undo                  ? "StockReleased"
                                          : "StockReserved",
                  texts.id, &texts);
}

static void *run_follow(void *data)
{
    return factum_follow_run(data, NULL, NULL) == FACTUM_DONE ? NULL : data;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static factum_contract_options usual(void)
{
    return (factum_contract_options){
        .size = sizeof(factum_contract_options),
        .do_type = FCT_SLICE("stock.Reserve"),
        .do_data = FCT_SLICE("{\"sku\":1}"),
        .undo_type = FCT_SLICE("stock.Release"),
        .undo_data = FCT_SLICE("{}"),
        .timeout_ms = 5000,
    };
}

static void test_flaw(struct fixture *f, enum flaw flaw, const factum_contract_options *options)
{
    pthread_t thread;
    void *failed = NULL;
    f->flaw = flaw;
    const factum_read_request commands = {.size = sizeof commands,
                                          .source = FACTUM_SOURCE_CATEGORY,
                                          .name = FCT_SLICE("command:stock")};
    const factum_follow_options follow = {.size = sizeof follow,
                                          .name = FCT_SLICE("flawed"),
                                          .request = &commands,
                                          .data = f,
                                          .each = take};
    assert_ok(factum_follow_open(f->store, &follow, &f->follow, &f->err), f->err);
    assert_int_equal(pthread_create(&thread, NULL, run_follow, f->follow), 0);
    f->report = (factum_contract_report){.size = sizeof f->report};
    assert_ok(factum_contract_test(f->store, options, &f->report, &f->err), f->err);
    factum_follow_stop(f->follow);
    assert_int_equal(pthread_join(thread, &failed), 0);
    factum_follow_close(f->follow);
    assert_true((failed != NULL) == (flaw == FLAW_STOPS));
}

/* The checks that did not pass, as NAME, or "(NAME)" if skipped. */
static void expect_failed(struct fixture *f, const char *wanted)
{
    char names[512] = "";
    size_t used = 0;
    bool passed = true;
    for (size_t i = 0; i < f->report.check_count; i++) {
        const factum_contract_check *check = &f->report.checks[i];
        const bool failed = check->outcome == FACTUM_CONTRACT_FAILED;
        assert_int_equal(check->found[0] != '\0', failed);
        assert_true(check->remedy[0] != '\0');
        passed = passed && !failed;
        if (check->outcome != FACTUM_CONTRACT_PASSED) {
            used += (size_t)snprintf(names + used, sizeof names - used, failed ? "%s%s" : "%s(%s)",
                                     used > 0 ? " " : "", check->name);
            assert_true(used < sizeof names);
        }
    }
    assert_string_equal(names, wanted);
    assert_int_equal(f->report.passed, passed);
}

/* ---- participants ---------------------------------------------------------------------------- */

TEST(a_participant_that_keeps_to_the_rules_passes)
{
    struct fixture *f = *state;
    const factum_contract_options options = usual();
    test_flaw(f, FLAW_NONE, &options);
    assert_int_equal(f->report.check_count, 14);
    expect_failed(f, "");
}

static factum_status reserve(void *data, const factum_command *command, factum_outbox *outbox,
                             factum_error *err)
{
    const factum_new_event event = {
        .stream = FCT_SLICE("stock-7"), .type = FCT_SLICE("StockReserved"), .data = command->data};
    (void)data;
    return factum_outbox_add(outbox, &event, factum_any(), err);
}

static void *run_participant(void *data)
{
    return factum_participant_run(data, NULL, NULL) == FACTUM_DONE ? NULL : data;
}

TEST(the_participant_of_the_library_passes)
{
    struct fixture *f = *state;
    pthread_t thread;
    void *failed = NULL;
    factum_participant *stock;
    const factum_contract_options options = usual();
    const factum_participant_options served = {.size = sizeof served,
                                               .service = FCT_SLICE("stock")};
    assert_ok(factum_participant_open(f->store, &served, &stock, &f->err), f->err);
    assert_ok(factum_on_command(stock, "stock.Reserve", reserve, NULL, &f->err), f->err);
    assert_ok(factum_on_command(stock, "stock.Release", reserve, NULL, &f->err), f->err);
    assert_int_equal(pthread_create(&thread, NULL, run_participant, stock), 0);
    f->report = (factum_contract_report){.size = sizeof f->report};
    assert_ok(factum_contract_test(f->store, &options, &f->report, &f->err), f->err);
    factum_participant_stop(stock);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    factum_participant_close(stock);
    expect_failed(f, "");
}

TEST(undos_are_tested_if_they_are_given)
{
    struct fixture *f = *state;
    factum_contract_options options = usual();
    options.undo_type = FCT_SLICE("");
    test_flaw(f, FLAW_NO_TOMBSTONE, &options);
    expect_failed(f, "(undo-answered) (undo-key) (undo-metadata) (undo-trace) (undo-again) "
                     "(undo-first) (tombstone) (late-do)");
}

TEST(each_mistake_is_found)
{
    struct fixture *f = *state;
    const factum_contract_options slow = usual();
    factum_contract_options quick = slow;
    quick.timeout_ms = 200;
    static const char all_but_first[] =
        "do-answered (do-key) (do-metadata) (do-trace) (do-again) (undo-answered) (undo-key) "
        "(undo-metadata) (undo-trace) (undo-again) (undo-first) (tombstone) (late-do) (goes-on)";
    test_flaw(f, FLAW_SILENT, &quick);
    expect_failed(f, all_but_first);
    assert_non_null(strstr(f->report.checks[0].found, "no answer within 200 ms to saga:contract_"));
    test_flaw(f, FLAW_REFUSES, &slow);
    expect_failed(f, "do-answered undo-answered undo-first goes-on");
    assert_string_equal(f->report.checks[0].found, "it answered CommandFailed {}");
    test_flaw(f, FLAW_NO_KEY, &slow);
    expect_failed(f, "do-key do-again undo-key undo-again tombstone late-do");
    assert_non_null(strstr(f->report.checks[4].found, "2 answers to saga:contract_test-"));
    test_flaw(f, FLAW_NO_CAUSE, &slow);
    expect_failed(f, "do-metadata undo-metadata");
    test_flaw(f, FLAW_NO_TRACE, &slow);
    expect_failed(f, "do-trace undo-trace");
    test_flaw(f, FLAW_NO_TOMBSTONE, &slow);
    expect_failed(f, "tombstone late-do");
    test_flaw(f, FLAW_STOPS, &quick);
    expect_failed(f, "undo-answered (undo-key) (undo-metadata) (undo-trace) (undo-again) "
                     "undo-first tombstone goes-on");
}

/* ---- arguments ------------------------------------------------------------------------------- */

static bool stop_at_once(void *data, uint64_t done, uint64_t total)
{
    (void)data;
    return done > total;
}

TEST(invalid_arguments_are_refused_and_a_test_can_be_stopped)
{
    struct fixture *f = *state;
    factum_contract_options options = usual();
    factum_contract_report report = {.size = sizeof report};
    options.do_type = FCT_SLICE("Reserve");
    assert_status(factum_contract_test(f->store, &options, &report, &f->err), FACTUM_INVALID);
    assert_text(f->err, "SERVICE.COMMAND");
    options = usual();
    options.undo_type = FCT_SLICE("payment.Release");
    assert_status(factum_contract_test(f->store, &options, &report, &f->err), FACTUM_INVALID);
    assert_text(f->err, "the type of the undo is stock.COMMAND");
    options = usual();
    options.undo_data = FCT_SLICE("{");
    assert_status(factum_contract_test(f->store, &options, &report, &f->err), FACTUM_INVALID);
    assert_text(f->err, "the data of the undo");
    options = usual();
    const factum_progress progress = {NULL, stop_at_once};
    options.progress = &progress;
    assert_status(factum_contract_test(f->store, &options, &report, &f->err), FACTUM_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_participant_that_keeps_to_the_rules_passes),
        FIXTURE_CASE(the_participant_of_the_library_passes),
        FIXTURE_CASE(undos_are_tested_if_they_are_given),
        FIXTURE_CASE(each_mistake_is_found),
        FIXTURE_CASE(invalid_arguments_are_refused_and_a_test_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
