/* record_test.c - every change, printed as an event and parsed again. Layer: saga. */
#include "saga/record.h"

#include "core/arena.h"
#include "core/slice.h"
#include "support/test.h"

#define LAST_KIND FCT_CHANGE_SAGA_CANCELLED

static factum_saga *load(void)
{
    factum_saga *saga = NULL;
    factum_error err = {.text = ""};
    assert_ok(factum_saga_load(
                  FCT_SLICE("saga: s\nversion: 7\nstart: Started\nid: .id\nkeep: {id}\nsteps:\n"
                            "- a: {do: x.Do, with: {id}, ok: Ok, undo: x.Undo, undo_with: {id}}\n"
                            "- b: {do: x.Go, with: {id}, ok: Gone, pivot: true}\n"
                            "done: {do: x.End, with: {id}}\nundone: {do: x.Bad, with: {id}}\n"),
                  NULL, &saga, &err),
              err);
    return saga;
}

static bool is_timer_kind(uint8_t kind)
{
    return kind >= FCT_CHANGE_TIMER_SET && kind <= FCT_CHANGE_TIMER_FIRED;
}

/* A change of |kind| with every value that such a change can have. */
static struct fct_change change_of(uint8_t kind, uint8_t slot)
{
    struct fct_change change = {.kind = kind, .slot = slot};
    bool recorded = kind == FCT_CHANGE_REPLY_RECORDED;
    change.undo = recorded || kind == FCT_CHANGE_SAGA_STUCK;
    change.ok = recorded || kind == FCT_CHANGE_SAGA_SKIPPED || kind == FCT_CHANGE_SAGA_COMPLETED;
    if (kind == FCT_CHANGE_STEP_STARTED || kind == FCT_CHANGE_UNDO_STARTED || recorded) {
        change.generation = UINT16_MAX;
        change.attempt = recorded ? 0 : 3;
    }
    if (kind == FCT_CHANGE_TIMER_SET || kind == FCT_CHANGE_TIMER_MOVED) {
        change.due = INT64_C(1800000000123456789);
        change.wait = INT64_C(86400000000001);
    }
    if (kind != FCT_CHANGE_SAGA_STARTED && !is_timer_kind(kind)) {
        change.why = FCT_WHY_LATE;
    }
    return change;
}

static bool takes_no_slot(uint8_t kind)
{
    return kind == FCT_CHANGE_SAGA_STARTED || kind == FCT_CHANGE_SAGA_DONE ||
           kind == FCT_CHANGE_SAGA_UNDONE || kind == FCT_CHANGE_SAGA_COMPLETED ||
           kind == FCT_CHANGE_SAGA_CANCELLED || kind == FCT_CHANGE_SAGA_EDITED;
}

static void assert_same(const struct fct_change *a, const struct fct_change *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->slot, b->slot);
    assert_int_equal(a->why, b->why);
    assert_int_equal(a->undo, b->undo);
    assert_int_equal(a->ok, b->ok);
    assert_int_equal(a->generation, b->generation);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->due, b->due);
    assert_int_equal(a->wait, b->wait);
}

static void round_trip(const factum_saga *saga, const struct fct_change *change)
{
    const struct fct_saga_key key = {FCT_SLICE("s"), FCT_SLICE("a\"b/do/1")};
    const struct fct_record record = {.change = *change,
                                      .keep = FCT_SLICE("{\"k\":[1,null]}"),
                                      .code = FCT_SLICE("out.of \"stock\"\n"),
                                      .text = FCT_SLICE("\xe2\x82\xac \\ said"),
                                      .reply_type = FCT_SLICE("Ok"),
                                      .reply_position = UINT64_MAX,
                                      .by = FCT_SLICE("ann"),
                                      .reason = FCT_SLICE("because"),
                                      .has_input = true,
                                      .input = UINT64_C(1) << 53};
    struct fct_record read;
    factum_arena arena;
    factum_slice data;
    factum_error err = {.text = ""};
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    assert_ok(fct_record_print(saga, &key, &record, &arena, &data, &err), err);
    assert_ok(fct_record_read(saga, fct_record_type(change->kind), data, &arena, &read, &err), err);
    assert_same(&read.change, change);
    assert_true(fct_slice_equal(read.keep, record.keep));
    assert_true(fct_slice_equal(read.code, record.code));
    assert_true(fct_slice_equal(read.text, record.text));
    assert_true(fct_slice_equal(read.reply_type, record.reply_type));
    assert_true(read.reply_position == record.reply_position);
    assert_true(fct_slice_equal(read.by, record.by));
    assert_true(fct_slice_equal(read.reason, record.reason));
    assert_true(read.has_input && read.input == record.input);
    factum_arena_finish(&arena);
}

TEST(every_change_is_read_as_it_was_printed)
{
    factum_saga *saga = load();
    (void)state;
    for (uint8_t kind = FCT_CHANGE_SAGA_STARTED; kind <= LAST_KIND; kind++) {
        for (uint8_t slot = 0; slot < saga->plan.step_count + 2u; slot++) {
            uint8_t used = takes_no_slot(kind) ? FCT_SLOT_NONE : slot;
            const struct fct_change change = change_of(kind, used);
            round_trip(saga, &change);
        }
    }
    for (uint8_t kind = FCT_CHANGE_TIMER_SET; kind <= FCT_CHANGE_REPLY_RECORDED; kind++) {
        const struct fct_change change = change_of(kind, FCT_SLOT_NONE);
        round_trip(saga, &change);
    }
    factum_saga_free(saga);
}

TEST(every_reason_has_a_word_of_its_own)
{
    factum_saga *saga = load();
    (void)state;
    for (uint8_t why = FCT_WHY_NONE; why <= FCT_WHY_DEADLINE; why++) {
        struct fct_change change = change_of(FCT_CHANGE_SAGA_STUCK, 0);
        change.why = why;
        round_trip(saga, &change);
        for (uint8_t other = FCT_WHY_NONE; other < why; other++) {
            assert_string_not_equal(fct_why_name(why), fct_why_name(other));
        }
    }
    assert_string_equal(fct_why_name(FCT_WHY_DEADLINE + 1), "");
    factum_saga_free(saga);
}

TEST(types_and_kinds_are_one_to_one)
{
    for (uint8_t kind = FCT_CHANGE_SAGA_STARTED; kind <= LAST_KIND; kind++) {
        assert_int_equal(fct_record_kind(fct_record_type(kind)), kind);
    }
    assert_int_equal(fct_record_kind(FCT_SLICE("SagaLost")), 0);
    assert_int_equal(fct_record_kind(FCT_SLICE("")), 0);
    assert_int_equal(fct_record_type(LAST_KIND + 1).len, 0);
}

TEST(a_damaged_event_is_refused)
{
    static const struct {
        const char *type;
        const char *data;
        factum_status status;
    } cases[] = {
        {"SagaLost", "{}", FACTUM_NOT_FOUND},
        {"SagaDone", "{", FACTUM_INVALID},
        {"SagaDone", "[]", FACTUM_INVALID},
        {"StepStarted", "{}", FACTUM_INVALID},
        {"StepStarted", "{\"step\":\"c\",\"generation\":1}", FACTUM_INVALID},
        {"StepStarted", "{\"step\":\"a\",\"generation\":65536}", FACTUM_INVALID},
        {"StepStarted", "{\"step\":\"a\",\"generation\":\"1\"}", FACTUM_INVALID},
        {"TimerSet", "{\"timer\":\"a\",\"dueNs\":-1}", FACTUM_INVALID},
        {"StepSucceeded", "{\"step\":\"a\",\"keep\":[]}", FACTUM_INVALID},
        {"StepSucceeded", "{\"step\":\"a\",\"later\":{\"x\":1}}", FACTUM_OK},
    };
    factum_saga *saga = load();
    struct fct_record read;
    factum_arena arena;
    factum_error err;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_status(fct_record_read(saga, factum_slice_from(cases[i].type),
                                      factum_slice_from(cases[i].data), &arena, &read, &err),
                      cases[i].status);
    }
    factum_arena_finish(&arena);
    factum_saga_free(saga);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_change_is_read_as_it_was_printed),
        CASE(every_reason_has_a_word_of_its_own),
        CASE(types_and_kinds_are_one_to_one),
        CASE(a_damaged_event_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
