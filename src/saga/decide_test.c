/* decide_test.c - the transition function where the checker's world does not reach: commands that
 * cannot be created, early answers, acts without a step. Layer: saga. */
#include "saga/decide.h"
#include "support/test.h"

#define SECOND INT64_C(1000000000)

/* ---- a saga of a few steps ------------------------------------------------------------------- */

struct fixture {
    struct fct_saga_plan plan;
    struct fct_saga_state state;
    struct fct_saga_outcome out;
    struct fct_saga_world world;
    bool sendable;
    factum_error err;
};

static bool is_sendable(void *data, uint8_t slot, bool undo)
{
    const struct fixture *f = data;
    (void)slot;
    (void)undo;
    return f->sendable;
}

static struct fct_plan_step *add_step(struct fixture *f, uint8_t stage, bool has_undo)
{
    struct fct_saga_plan *plan = &f->plan;
    struct fct_plan_step *step = &plan->steps[plan->step_count];
    *step = (struct fct_plan_step){.stage = stage,
                                   .has_undo = has_undo,
                                   .within = SECOND,
                                   .retry = {.times = 2, .from = SECOND, .to = SECOND}};
    if (stage == plan->stage_count) {
        plan->first_of[plan->stage_count++] = (uint8_t)plan->step_count;
    }
    plan->first_of[plan->stage_count] = (uint8_t)++plan->step_count;
    return step;
}

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->plan.pivot = FCT_SLOT_NONE;
    f->sendable = true;
    f->world = (struct fct_saga_world){.now = SECOND, .data = f, .sendable = is_sendable};
    fct_saga_state_init(&f->state);
}

static factum_status give(struct fixture *f, struct fct_saga_input input)
{
    factum_status status =
        fct_saga_decide(&f->plan, &f->state, &input, &f->world, &f->out, &f->err);
    if (status == FACTUM_OK) {
        f->state = f->out.state;
    }
    return status;
}

static void start(struct fixture *f)
{
    assert_ok(give(f, (struct fct_saga_input){.kind = FCT_INPUT_START, .slot = FCT_SLOT_NONE}),
              f->err);
}

static void fire(struct fixture *f, uint8_t slot)
{
    assert_ok(give(f, (struct fct_saga_input){.kind = FCT_INPUT_TIMER, .slot = slot}), f->err);
}

static void reply(struct fixture *f, uint8_t slot, bool undo, uint16_t generation, bool ok)
{
    assert_ok(give(f, (struct fct_saga_input){.kind = FCT_INPUT_REPLY,
                                              .slot = slot,
                                              .undo = undo,
                                              .generation = generation,
                                              .ok = ok}),
              f->err);
}

static factum_status act(struct fixture *f, enum fct_input_kind kind, uint8_t slot, bool ok)
{
    return give(f, (struct fct_saga_input){.kind = (uint8_t)kind, .slot = slot, .ok = ok});
}

static uint8_t phase(const struct fixture *f, uint8_t slot)
{
    return f->state.steps[slot].phase;
}

/* ---- tests ----------------------------------------------------------------------------------- */

TEST(a_command_that_was_sent_is_never_blocked)
{
    struct fixture f;
    begin(&f);
    (void)add_step(&f, 0, true);
    start(&f);
    f.sendable = false;
    assert_status(act(&f, FCT_INPUT_RETRY, 0, false), FACTUM_CONDITION_FAILED);
    assert_text(f.err, "edit it first");
    assert_int_equal(phase(&f, 0), FCT_STEP_DOING);
    reply(&f, 0, false, 1, true); /* it would have been lost */
    assert_int_equal(f.state.phase, FCT_SAGA_DONE);
}

TEST(a_silent_step_after_the_pivot_waits_on_if_it_cannot_be_sent_again)
{
    struct fixture f;
    begin(&f);
    add_step(&f, 0, false)->pivot = true;
    f.plan.pivot = 0;
    (void)add_step(&f, 1, false);
    start(&f);
    reply(&f, 0, false, 1, true);
    f.sendable = false;
    fire(&f, 1);
    assert_int_equal(phase(&f, 1), FCT_STEP_DOING);
    assert_true(f.state.timers[1].due > 0);
    f.sendable = true;
    fire(&f, 1);
    assert_int_equal(f.state.steps[1].generation, 1); /* under its present id */
}

TEST(a_silent_undo_that_cannot_be_sent_again_is_stuck_as_silent)
{
    struct fixture f;
    begin(&f);
    add_step(&f, 0, true)->retry.times = 0;
    start(&f);
    fire(&f, 0);
    assert_int_equal(phase(&f, 0), FCT_STEP_UNDOING);
    f.sendable = false;
    fire(&f, 0);
    assert_int_equal(phase(&f, 0), FCT_STEP_UNDO_SILENT);
}

TEST(a_failure_that_comes_after_the_silence_of_an_undo_counts)
{
    struct fixture f;
    begin(&f);
    (void)add_step(&f, 0, true);
    start(&f);
    fire(&f, 0);
    fire(&f, 0);
    fire(&f, 0);
    assert_int_equal(phase(&f, 0), FCT_STEP_UNDO_SILENT);
    reply(&f, 0, true, 1, false);
    assert_int_equal(phase(&f, 0), FCT_STEP_UNDO_STUCK);
    /* Under its old id it would never be answered again. */
    assert_ok(act(&f, FCT_INPUT_RETRY, 0, false), f.err);
    assert_int_equal(f.state.steps[0].undo_generation, 2);
}

TEST(skipping_closes_the_key_of_what_was_not_answered)
{
    struct fixture f;
    begin(&f);
    (void)add_step(&f, 0, true);
    start(&f);
    assert_ok(act(&f, FCT_INPUT_SKIP, 0, true), f.err);
    assert_int_equal(f.out.close_slot, FCT_SLOT_NONE); /* it was done */
    begin(&f);
    (void)add_step(&f, 0, true);
    start(&f);
    fire(&f, 0);
    assert_ok(act(&f, FCT_INPUT_SKIP, 0, true), f.err);
    assert_int_equal(f.out.close_slot, 0);
    assert_true(f.out.close_undo);
    begin(&f);
    add_step(&f, 0, true)->retry.times = 1;
    start(&f);
    fire(&f, 0);
    reply(&f, 0, true, 1, false);
    assert_int_equal(phase(&f, 0), FCT_STEP_UNDO_STUCK);
    assert_ok(act(&f, FCT_INPUT_SKIP, 0, true), f.err);
    assert_int_equal(f.out.close_slot, FCT_SLOT_NONE); /* it was answered */
    assert_false(f.out.close_undo);
}

TEST(an_early_answer_counts_only_where_nothing_is_undone)
{
    struct fixture f;
    begin(&f);
    (void)add_step(&f, 0, true);
    (void)add_step(&f, 1, false);
    for (uint8_t i = 0; i < 2; i++) {
        assert_ok(
            give(&f, (struct fct_saga_input){.kind = FCT_INPUT_OUTSIDE, .slot = i, .ok = true}),
            f.err);
    }
    start(&f);
    assert_int_equal(phase(&f, 0), FCT_STEP_DOING); /* its participant has to know of a do */
    reply(&f, 0, false, 1, true);
    assert_int_equal(phase(&f, 1), FCT_STEP_DONE);
    assert_int_equal(f.state.phase, FCT_SAGA_DONE);
}

TEST(an_act_on_a_step_needs_a_step)
{
    struct fixture f;
    begin(&f);
    (void)add_step(&f, 0, true);
    start(&f);
    assert_status(act(&f, FCT_INPUT_RETRY, FCT_SLOT_NONE, false), FACTUM_INVALID);
    assert_status(act(&f, FCT_INPUT_SKIP, FCT_SLOT_NONE, false), FACTUM_INVALID);
    assert_text(f.err, "skip: name the step");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_command_that_was_sent_is_never_blocked),
        CASE(a_silent_step_after_the_pivot_waits_on_if_it_cannot_be_sent_again),
        CASE(a_silent_undo_that_cannot_be_sent_again_is_stuck_as_silent),
        CASE(a_failure_that_comes_after_the_silence_of_an_undo_counts),
        CASE(skipping_closes_the_key_of_what_was_not_answered),
        CASE(an_early_answer_counts_only_where_nothing_is_undone),
        CASE(an_act_on_a_step_needs_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
