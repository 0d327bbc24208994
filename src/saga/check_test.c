/* check_test.c - the checker on hand-written plans and with planted faults. Layer: saga. */
#include "core/mem.h"
#include "core/slice.h"
#include "saga/check_table.h"
#include "support/test.h"

#define SECOND INT64_C(1000000000)

/* ---- plans ----------------------------------------------------------------------------------- */

static struct fct_saga_plan empty_plan(void)
{
    return (struct fct_saga_plan){.pivot = FCT_SLOT_NONE};
}

/* Adds a step to the last stage or to a new one. */
static struct fct_plan_step *add_step(struct fct_saga_plan *plan, uint8_t stage, bool has_undo)
{
    struct fct_plan_step *step = &plan->steps[plan->step_count];
    *step = (struct fct_plan_step){
        .stage = stage,
        .has_undo = has_undo,
        .refusable = true,
        .within = SECOND,
        .retry = {.times = 5, .from = SECOND, .to = SECOND, .factor = 2},
    };
    if (stage == plan->stage_count) {
        plan->first_of[plan->stage_count++] = (uint8_t)plan->step_count;
    }
    plan->step_count++;
    plan->first_of[plan->stage_count] = (uint8_t)plan->step_count;
    return step;
}

static void end_plan(struct fct_saga_plan *plan, bool has_done, bool has_undone)
{
    for (uint32_t i = plan->step_count; i < plan->step_count + 2; i++) {
        plan->steps[i] =
            (struct fct_plan_step){.within = SECOND, .retry = {.from = SECOND, .to = SECOND}};
    }
    plan->has_done = has_done;
    plan->has_undone = has_undone;
}

static struct fct_saga_plan chain(uint32_t count)
{
    struct fct_saga_plan plan = empty_plan();
    for (uint32_t i = 0; i < count; i++) {
        (void)add_step(&plan, (uint8_t)i, true);
    }
    end_plan(&plan, false, false);
    return plan;
}

/* reserve_stock, charge_payment, ship (the pivot), then two side by side; a final call if
 * undone. */
static struct fct_saga_plan fulfilment(void)
{
    struct fct_saga_plan plan = empty_plan();
    (void)add_step(&plan, 0, true);
    (void)add_step(&plan, 1, true);
    struct fct_plan_step *ship = add_step(&plan, 2, false);
    ship->pivot = true;
    ship->on_timeout = FCT_TIMEOUT_ASK;
    plan.pivot = 2;
    (void)add_step(&plan, 3, false);
    (void)add_step(&plan, 3, false);
    plan.deadline = 100 * SECOND;
    end_plan(&plan, false, true);
    return plan;
}

/* ---- exploring ------------------------------------------------------------------------------- */

/* The names in tables. */
static void name_steps(struct factum_saga *saga, const struct fct_saga_plan *plan)
{
    static const char *const names[] = {"one", "two", "three", "four", "five", "six", "seven"};
    memset(saga, 0, sizeof *saga);
    saga->plan = *plan;
    saga->name = FCT_SLICE("test");
    saga->start = FCT_SLICE("Started");
    saga->version = 1;
    for (uint32_t i = 0; i < plan->step_count; i++) {
        saga->slots[i].name = factum_slice_from(names[i % 7]);
    }
}

/* The table and the script of the found run. */
static void print_run(const struct fct_check_setup *setup, const struct fct_saga_plan *plan,
                      const struct fct_check_found *found, struct fct_buf *table)
{
    static struct factum_saga saga;
    name_steps(&saga, plan);
    fct_buf_init(table, fct_mem_heap(), 1 << 20);
    assert_int_equal(fct_check_table(&saga, setup, found, table), FACTUM_OK);
    assert_int_equal(fct_check_script(&saga, found, table), FACTUM_OK);
}

static struct fct_check_found explore(const struct fct_check_setup *setup)
{
    struct fct_check_found found;
    factum_error err;
    assert_ok(fct_check_explore(setup, 5000000, NULL, fct_mem_heap(), &found, &err), err);
    return found;
}

static uint64_t expect_sound(const struct fct_check_setup *setup, const struct fct_saga_plan *plan)
{
    struct fct_check_found found = explore(setup);
    if (found.rule != NULL) {
        struct fct_buf table;
        print_run(setup, plan, &found, &table);
        print_error("%.*s", (int)table.len, (const char *)table.ptr);
        fct_buf_finish(&table);
        fail();
    }
    assert_true(found.complete);
    uint64_t states = found.state_count;
    fct_check_found_finish(&found, fct_mem_heap());
    return states;
}

/* The run that breaks |rule| has |length| inputs, and its table has |line|; both with and without
 * the reductions. */
static void expect_broken(struct fct_check_setup setup, const struct fct_saga_plan *plan,
                          const char *rule, uint32_t length)
{
    for (int plain = 0; plain < 2; plain++) {
        struct fct_buf table;
        setup.no_reduction = plain == 1;
        struct fct_check_found found = explore(&setup);
        assert_non_null(found.rule);
        print_run(&setup, plan, &found, &table);
        bool right = strncmp(found.rule, rule, strlen(rule)) == 0 && found.run_count == length;
        if (!right) {
            print_error("wanted \"%s\" after %u:\n%.*s", rule, length, (int)table.len,
                        (const char *)table.ptr);
        }
        fct_buf_finish(&table);
        fct_check_found_finish(&found, fct_mem_heap());
        assert_true(right);
    }
}

static struct fct_check_setup setup_of(const struct fct_saga_plan *plan, uint32_t acts)
{
    struct fct_check_setup setup;
    fct_check_setup_init(&setup, plan, 2, acts);
    return setup;
}

/* ---- faulty transition functions ------------------------------------------------------------- */

/* Rebuilds the outcome from |state| after its changes were altered. */
static void fold_again(const struct fct_saga_plan *plan, const struct fct_saga_state *state,
                       struct fct_saga_outcome *out)
{
    out->state = *state;
    for (uint32_t i = 0; i < out->count; i++) {
        fct_saga_evolve(plan, &out->state, &out->changes[i]);
    }
}

/* Undoes everything at once. */
static factum_status undo_at_once(const struct fct_saga_plan *plan,
                                  const struct fct_saga_state *state,
                                  const struct fct_saga_input *input,
                                  const struct fct_saga_world *world, struct fct_saga_outcome *out,
                                  factum_error *err)
{
    factum_status status = fct_saga_decide(plan, state, input, world, out, err);
    uint32_t count = out->count;
    for (uint32_t i = 0; i < count; i++) {
        if (out->changes[i].kind != FCT_CHANGE_UNDO_STARTED) {
            continue;
        }
        for (uint8_t slot = 0; slot < plan->step_count; slot++) {
            if (out->state.steps[slot].phase == FCT_STEP_DONE) {
                const struct fct_change undo = {
                    .kind = FCT_CHANGE_UNDO_STARTED, .slot = slot, .generation = 1, .attempt = 1};
                out->changes[out->count++] = undo;
                fct_saga_evolve(plan, &out->state, &undo);
            }
        }
    }
    return status;
}

static factum_status lose_failure(const struct fct_saga_plan *plan,
                                  const struct fct_saga_state *state,
                                  const struct fct_saga_input *input,
                                  const struct fct_saga_world *world, struct fct_saga_outcome *out,
                                  factum_error *err)
{
    factum_status status = fct_saga_decide(plan, state, input, world, out, err);
    for (uint32_t i = 0; i < out->count; i++) {
        if (out->changes[i].kind == FCT_CHANGE_SAGA_FAILED) {
            out->count = i; /* without what would have followed from it */
        }
    }
    fold_again(plan, state, out);
    return status;
}

static factum_status send_under_new_id(const struct fct_saga_plan *plan,
                                       const struct fct_saga_state *state,
                                       const struct fct_saga_input *input,
                                       const struct fct_saga_world *world,
                                       struct fct_saga_outcome *out, factum_error *err)
{
    factum_status status = fct_saga_decide(plan, state, input, world, out, err);
    for (uint32_t i = 0; i < out->count; i++) {
        if (out->changes[i].kind == FCT_CHANGE_STEP_STARTED && out->changes[i].attempt > 1) {
            out->changes[i].generation++;
        }
    }
    fold_again(plan, state, out);
    return status;
}

/* Ignores the pivot, so it also compensates after it. */
static factum_status forget_pivot(const struct fct_saga_plan *plan,
                                  const struct fct_saga_state *state,
                                  const struct fct_saga_input *input,
                                  const struct fct_saga_world *world, struct fct_saga_outcome *out,
                                  factum_error *err)
{
    struct fct_saga_plan other = *plan;
    other.pivot = FCT_SLOT_NONE;
    return fct_saga_decide(&other, state, input, world, out, err);
}

/* Skips an unanswered undo without closing its key. */
static factum_status leave_keys_open(const struct fct_saga_plan *plan,
                                     const struct fct_saga_state *state,
                                     const struct fct_saga_input *input,
                                     const struct fct_saga_world *world,
                                     struct fct_saga_outcome *out, factum_error *err)
{
    factum_status status = fct_saga_decide(plan, state, input, world, out, err);
    out->close_slot = FCT_SLOT_NONE;
    return status;
}

/* Never ends: its deadline and the timer of its first step set each other. */
static factum_status never_end(const struct fct_saga_plan *plan, const struct fct_saga_state *state,
                               const struct fct_saga_input *input,
                               const struct fct_saga_world *world, struct fct_saga_outcome *out,
                               factum_error *err)
{
    factum_status status = fct_saga_decide(plan, state, input, world, out, err);
    bool fired = input->kind == FCT_INPUT_TIMER && out->count == 1;
    uint8_t other = fired && input->slot == FCT_SLOT_NONE ? 0 : FCT_SLOT_NONE;
    for (uint32_t i = 0; i < out->count; i++) {
        if (out->changes[i].kind == FCT_CHANGE_SAGA_DONE || fired) {
            out->changes[fired ? 1 : i] = (struct fct_change){
                .kind = FCT_CHANGE_TIMER_SET, .slot = other, .due = 1, .wait = 1};
            out->count = fired ? 2 : out->count;
            fold_again(plan, state, out);
            return status;
        }
    }
    return status;
}

/* ---- tests ----------------------------------------------------------------------------------- */

TEST(the_count_of_states_of_a_single_step_is_as_before)
{
    static const struct {
        uint32_t acts;
        bool plain;
        uint64_t states;
    } cases[] = {
        {0, false, 62}, {0, true, 72},   {1, false, 184},
        {1, true, 236}, {2, false, 314}, {2, true, 426},
    };
    struct fct_saga_plan plan = chain(1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fct_check_setup setup = setup_of(&plan, cases[i].acts);
        setup.no_reduction = cases[i].plain;
        assert_int_equal(expect_sound(&setup, &plan), cases[i].states);
    }
}

TEST(sagas_of_every_shape_are_sound)
{
    for (uint32_t acts = 0; acts < 3; acts++) {
        struct fct_saga_plan plan = fulfilment();
        struct fct_check_setup setup = setup_of(&plan, acts);
        (void)expect_sound(&setup, &plan);
        plan.steps[2].has_undo = true; /* a pivot that can be undone while it is not done */
        plan.steps[2].on_timeout = FCT_TIMEOUT_COMPENSATE;
        setup = setup_of(&plan, acts);
        (void)expect_sound(&setup, &plan);
        plan = chain(3);
        plan.steps[1].on_timeout = FCT_TIMEOUT_ASK;
        plan.steps[0].retry.times = 0; /* its undo is tried for ever */
        setup = setup_of(&plan, acts);
        (void)expect_sound(&setup, &plan);
        plan = chain(2);
        plan.steps[1].has_undo = false; /* it has a reason to have none */
        plan.steps[1].on_timeout = FCT_TIMEOUT_FAIL;
        plan.has_done = true;
        setup = setup_of(&plan, acts);
        (void)expect_sound(&setup, &plan);
    }
}

/* Two side by side, then a third. */
static struct fct_saga_plan forked(bool any, bool equal)
{
    struct fct_saga_plan plan = empty_plan();
    (void)add_step(&plan, 0, true);
    struct fct_plan_step *second = add_step(&plan, 0, true);
    second->on_timeout = equal ? FCT_TIMEOUT_COMPENSATE : FCT_TIMEOUT_ASK;
    (void)add_step(&plan, 1, true);
    plan.any_of[0] = any;
    end_plan(&plan, false, false);
    return plan;
}

/* |rest| after a pivot. */
static struct fct_saga_plan behind_pivot(const struct fct_saga_plan *rest)
{
    struct fct_saga_plan plan = empty_plan();
    struct fct_plan_step *pivot = add_step(&plan, 0, false);
    pivot->pivot = true;
    pivot->on_timeout = FCT_TIMEOUT_ASK;
    plan.pivot = 0;
    for (uint32_t i = 0; i < rest->step_count; i++) {
        (void)add_step(&plan, (uint8_t)(rest->steps[i].stage + 1), false);
    }
    plan.any_of[1] = rest->any_of[0];
    end_plan(&plan, false, false);
    return plan;
}

TEST(stages_of_several_steps_are_sound)
{
    for (int which = 0; which < 4; which++) {
        struct fct_saga_plan plan = forked(which % 2 == 1, which / 2 == 1);
        struct fct_check_setup setup = setup_of(&plan, 1);
        (void)expect_sound(&setup, &plan);
        plan.steps[1].has_undo = false;
        setup = setup_of(&plan, 1);
        (void)expect_sound(&setup, &plan);
        plan.steps[0].has_undo = false;
        plan.steps[2].has_undo = false;
        plan = behind_pivot(&plan);
        setup = setup_of(&plan, 1);
        (void)expect_sound(&setup, &plan);
    }
}

TEST(reductions_leave_the_verdict)
{
    struct fct_saga_plan plans[] = {chain(2), forked(false, true), forked(true, true)};
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        struct fct_check_setup setup = setup_of(&plans[i], 1);
        uint64_t few = expect_sound(&setup, &plans[i]);
        setup.no_reduction = true;
        assert_true(few < expect_sound(&setup, &plans[i]));
    }
}

TEST(a_participant_without_tombstones_is_found)
{
    struct fct_saga_plan plan = chain(1);
    struct fct_check_setup setup = setup_of(&plan, 0);
    setup.no_tombstone = true;
    expect_broken(setup, &plan, "S4", 5);
}

TEST(a_participant_that_repeats_itself_is_found)
{
    struct fct_saga_plan plan = chain(1);
    struct fct_check_setup setup = setup_of(&plan, 0);
    setup.no_dedupe = true;
    expect_broken(setup, &plan, "S1 a step took effect twice", 3);
}

TEST(a_silent_step_that_counts_as_failed_is_found)
{
    struct fct_saga_plan plan = chain(2);
    plan.steps[1].on_timeout = FCT_TIMEOUT_FAIL;
    expect_broken(setup_of(&plan, 0), &plan, "S2 a step was undone before a later one", 6);
    plan = chain(1);
    plan.steps[0].on_timeout = FCT_TIMEOUT_FAIL;
    expect_broken(setup_of(&plan, 0), &plan, "S4 it ended undone, and a step has its effect", 3);
}

TEST(a_wrong_order_of_undos_is_found)
{
    struct fct_saga_plan plan = chain(3);
    struct fct_check_setup setup = setup_of(&plan, 0);
    setup.decide = undo_at_once;
    expect_broken(setup, &plan, "S2 a step was undone before a later one", 6);
}

TEST(a_pivot_given_up_without_an_undo_is_found)
{
    struct fct_saga_plan plan = fulfilment();
    plan.steps[2].on_timeout = FCT_TIMEOUT_COMPENSATE;
    expect_broken(setup_of(&plan, 0), &plan, "S3", 8);
}

TEST(an_undo_after_the_pivot_is_found)
{
    struct fct_saga_plan plan = fulfilment();
    plan.steps[3].has_undo = true;
    struct fct_check_setup setup = setup_of(&plan, 0);
    setup.decide = forget_pivot;
    expect_broken(setup, &plan, "S3 a step was undone although the pivot is done", 9);
}

TEST(a_lost_failure_is_found)
{
    struct fct_saga_plan plan = chain(2);
    struct fct_check_setup setup = setup_of(&plan, 0);
    setup.decide = lose_failure;
    expect_broken(setup, &plan, "S7 nothing can happen any more", 3);
}

TEST(a_new_id_on_silence_is_found)
{
    struct fct_saga_plan plan = fulfilment();
    struct fct_check_setup setup = setup_of(&plan, 0);
    setup.decide = send_under_new_id;
    expect_broken(setup, &plan, "S1 a step took effect twice", 6);
}

TEST(a_skip_that_leaves_the_key_open_is_found)
{
    struct fct_saga_plan plan = chain(1);
    struct fct_check_setup setup = setup_of(&plan, 1);
    setup.decide = leave_keys_open;
    expect_broken(setup, &plan, "S4", 3);
}

TEST(a_saga_that_goes_round_for_ever_is_found)
{
    struct fct_saga_plan plan = fulfilment();
    struct fct_check_setup setup = setup_of(&plan, 0);
    plan = chain(1);
    setup = setup_of(&plan, 0);
    setup.decide = never_end;
    expect_broken(setup, &plan, "S7 from here on it can never end", 3);
}

TEST(it_stops_at_the_number_of_states)
{
    struct fct_saga_plan plan = fulfilment();
    struct fct_check_setup setup = setup_of(&plan, 1);
    struct fct_check_found found;
    factum_error err;
    assert_ok(fct_check_explore(&setup, 500, NULL, fct_mem_heap(), &found, &err), err);
    assert_false(found.complete);
    assert_null(found.rule);
    assert_int_equal(found.state_count, 500);
    fct_check_found_finish(&found, fct_mem_heap());
}

static bool stop_at_once(void *data, uint64_t states, uint64_t waiting)
{
    (void)states;
    (void)waiting;
    ++*(int *)data;
    return false;
}

TEST(it_can_be_stopped)
{
    int calls = 0;
    const factum_saga_progress progress = {&calls, stop_at_once};
    struct fct_saga_plan plan = fulfilment();
    struct fct_check_setup setup = setup_of(&plan, 1);
    struct fct_check_found found;
    factum_error err;
    assert_status(fct_check_explore(&setup, 500, &progress, fct_mem_heap(), &found, &err),
                  FACTUM_CANCELLED);
    assert_int_equal(calls, 1);
}

TEST(a_report_is_for_people_and_for_simulate)
{
    static struct factum_saga saga;
    struct fct_saga_plan plan = chain(2);
    plan.steps[1].on_timeout = FCT_TIMEOUT_FAIL;
    name_steps(&saga, &plan);
    factum_saga_report report = {.size = sizeof report};
    factum_saga_bounds bounds = {.size = sizeof bounds, .acts = UINT32_MAX};
    factum_error err;
    assert_ok(factum_saga_check(&saga, &bounds, NULL, &report, &err), err);
    assert_false(report.sound);
    assert_string_equal(report.broken_rule, "S2 a step was undone before a later one");
    assert_non_null(strstr(report.table, "6  undo 1 is handled: ok"));
    assert_non_null(strstr(report.table, "one, two\n"));
    assert_non_null(strstr(report.script, "  - {timer: two}\n"));
    assert_int_equal(strlen(report.table), report.table_len);
    factum_saga_report_free(&report);
    assert_null(report.table);
    bounds.generations = 5;
    assert_status(factum_saga_check(&saga, &bounds, NULL, &report, &err), FACTUM_INVALID);
    factum_saga_report_free(NULL);
}

static bool is_zero(const uint8_t *bytes, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* A program of an earlier version has a smaller struct, and one of a later version a bigger one. */
TEST(a_report_of_another_size_is_filled_and_freed)
{
    static struct factum_saga saga;
    union {
        factum_saga_report report;
        uint8_t bytes[sizeof(factum_saga_report) + 64];
    } room;
    const size_t sizes[] = {
        offsetof(factum_saga_report, duration), offsetof(factum_saga_report, script),
        offsetof(factum_saga_report, memory), sizeof(factum_saga_report), sizeof room};
    struct fct_saga_plan plan = chain(2);
    plan.steps[1].on_timeout = FCT_TIMEOUT_FAIL;
    name_steps(&saga, &plan);
    const factum_saga_bounds bounds = {.size = sizeof bounds, .acts = UINT32_MAX};
    factum_error err;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(&room, 0x5a, sizeof room);
        room.report.size = sizes[i];
        assert_ok(factum_saga_check(&saga, &bounds, NULL, &room.report, &err), err);
        assert_int_equal(room.report.size, sizes[i]);
        assert_false(room.report.sound);
        assert_true(room.report.state_count > 0);
        assert_int_equal(room.bytes[sizeof room - 1], sizes[i] == sizeof room ? 0 : 0x5a);
        if (sizes[i] == offsetof(factum_saga_report, memory)) {
            assert_null(room.report.table); /* nothing that could not be freed */
            assert_int_equal(room.report.script_len, 0);
        }
        factum_saga_report_free(&room.report);
        assert_int_equal(room.report.size, sizes[i]);
        assert_true(is_zero(room.bytes, sizeof(size_t), sizes[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_count_of_states_of_a_single_step_is_as_before),
        CASE(sagas_of_every_shape_are_sound),
        CASE(stages_of_several_steps_are_sound),
        CASE(reductions_leave_the_verdict),
        CASE(a_participant_without_tombstones_is_found),
        CASE(a_participant_that_repeats_itself_is_found),
        CASE(a_silent_step_that_counts_as_failed_is_found),
        CASE(a_wrong_order_of_undos_is_found),
        CASE(a_pivot_given_up_without_an_undo_is_found),
        CASE(an_undo_after_the_pivot_is_found),
        CASE(a_lost_failure_is_found),
        CASE(a_new_id_on_silence_is_found),
        CASE(a_skip_that_leaves_the_key_open_is_found),
        CASE(a_saga_that_goes_round_for_ever_is_found),
        CASE(it_stops_at_the_number_of_states),
        CASE(it_can_be_stopped),
        CASE(a_report_is_for_people_and_for_simulate),
        CASE(a_report_of_another_size_is_filled_and_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
