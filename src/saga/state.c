/* state.c - see state.h. Layer: saga.
 *
 * Each change sets only the few fields that it names; decide.c derives everything else. So the
 * state of a running saga and the one that is folded from its stream cannot differ.
 */
#include "saga/state.h"

#include <string.h>

#include "core/check.h"

void fct_saga_state_init(struct fct_saga_state *state)
{
    memset(state, 0, sizeof *state);
    state->failed_slot = FCT_SLOT_NONE;
}

static void enter(struct fct_saga_state *state, uint8_t slot, enum fct_step_phase phase)
{
    state->steps[slot].phase = (uint8_t)phase;
    state->timers[slot] = (struct fct_saga_timer){0, 0};
}

static void count_up(uint16_t *count)
{
    if (*count < UINT16_MAX) {
        ++*count;
    }
}

static void move_to_stage(const struct fct_saga_plan *plan, struct fct_saga_state *state,
                          uint8_t slot)
{
    /* A step of an earlier stage is sent again if it is not needed, and after the pivot. */
    if (!fct_plan_is_call(plan, slot) && plan->steps[slot].stage > state->stage) {
        state->stage = plan->steps[slot].stage;
    }
}

/* A generation begins, or the same one is sent again. */
static void evolve_started(const struct fct_saga_plan *plan, struct fct_saga_state *state,
                           const struct fct_change *change)
{
    struct fct_step_state *step = &state->steps[change->slot];
    bool undo = change->kind == FCT_CHANGE_UNDO_STARTED;
    uint16_t *generation = undo ? &step->undo_generation : &step->generation;
    /* An operator's retry resets the count. */
    bool first = undo ? step->phase != FCT_STEP_UNDOING && step->phase != FCT_STEP_UNDO_RESTING
                      : step->phase != FCT_STEP_DOING && step->phase != FCT_STEP_RESTING;
    if (first) {
        step->attempts = 0;
    } else if (change->generation == *generation) {
        count_up(&step->attempts); /* the previous try was not answered */
    }
    *generation = change->generation;
    if (!undo) {
        move_to_stage(plan, state, change->slot);
    }
    enter(state, change->slot, undo ? FCT_STEP_UNDOING : FCT_STEP_DOING);
}

static void evolve_failed(const struct fct_saga_plan *plan, struct fct_saga_state *state,
                          uint8_t slot)
{
    if (!fct_plan_is_forward(plan, slot)) {
        enter(state, slot, FCT_STEP_FAILED);
        return;
    }
    count_up(&state->steps[slot].attempts);
    enter(state, slot, FCT_STEP_RESTING);
}

static void evolve_timed_out(struct fct_saga_state *state, const struct fct_change *change)
{
    enum fct_step_phase phase = FCT_STEP_UNKNOWN;
    if (change->why == FCT_WHY_ASK) {
        phase = FCT_STEP_ASKED;
    } else if (change->why == FCT_WHY_FAIL) {
        phase = FCT_STEP_FAILED;
    }
    enter(state, change->slot, phase);
}

static void evolve_stuck(const struct fct_saga_plan *plan, struct fct_saga_state *state,
                         const struct fct_change *change)
{
    if (change->why == FCT_WHY_SILENT) {
        enter(state, change->slot, FCT_STEP_UNDO_SILENT);
    } else if (change->undo) {
        enter(state, change->slot, FCT_STEP_UNDO_STUCK);
    } else if (change->why == FCT_WHY_BLOCKED) {
        enter(state, change->slot, FCT_STEP_BLOCKED);
        move_to_stage(plan, state, change->slot);
    }
}

static bool is_undo_phase(enum fct_step_phase phase)
{
    return phase >= FCT_STEP_UNDOING && phase <= FCT_STEP_UNDO_SILENT;
}

static void evolve_skipped(struct fct_saga_state *state, const struct fct_change *change)
{
    enum fct_step_phase now = (enum fct_step_phase)state->steps[change->slot].phase;
    if (is_undo_phase(now)) {
        enter(state, change->slot, FCT_STEP_UNDONE);
        return;
    }
    enter(state, change->slot, change->ok ? FCT_STEP_DONE : FCT_STEP_FAILED);
}

static void evolve_recorded(const struct fct_saga_plan *plan, struct fct_saga_state *state,
                            const struct fct_change *change)
{
    if (change->slot == FCT_SLOT_NONE || change->undo || change->why != FCT_WHY_EARLY) {
        return;
    }
    /* A sender without the command id has answered for a do that the participant does not know and
     * could not undo. So the step is asked all the same. */
    if (change->generation == 0 && plan->steps[change->slot].has_undo) {
        return;
    }
    /* Only the first one counts. */
    struct fct_step_state *step = &state->steps[change->slot];
    if (step->early == FCT_EARLY_NONE) {
        step->early = change->ok ? FCT_EARLY_OK : FCT_EARLY_FAIL;
    }
}

static void evolve_timer(struct fct_saga_state *state, const struct fct_change *change)
{
    struct fct_saga_timer *timer =
        change->slot == FCT_SLOT_NONE ? &state->deadline : &state->timers[change->slot];
    switch (change->kind) {
    case FCT_CHANGE_TIMER_SET:
    case FCT_CHANGE_TIMER_MOVED:
        *timer = (struct fct_saga_timer){.due = change->due, .wait = change->wait};
        return;
    case FCT_CHANGE_TIMER_FIRED:
        state->late =
            state->late || (change->slot == FCT_SLOT_NONE && state->phase != FCT_SAGA_NONE);
        break;
    default:
        break;
    }
    *timer = (struct fct_saga_timer){0, 0};
}

static void end(struct fct_saga_state *state, enum fct_saga_phase phase)
{
    state->phase = (uint8_t)phase;
    memset(state->timers, 0, sizeof state->timers);
    state->deadline = (struct fct_saga_timer){0, 0};
}

/* Changes of the saga as a whole. */
static void evolve_saga(struct fct_saga_state *state, const struct fct_change *change)
{
    switch (change->kind) {
    case FCT_CHANGE_SAGA_STARTED:
        state->phase = FCT_SAGA_FORWARD;
        state->deadline = (struct fct_saga_timer){0, 0};
        break;
    case FCT_CHANGE_SAGA_FAILED:
        state->phase = FCT_SAGA_COMPENSATING;
        state->failed_slot = change->slot;
        break;
    case FCT_CHANGE_SAGA_DONE:
        end(state, FCT_SAGA_DONE);
        break;
    case FCT_CHANGE_SAGA_UNDONE:
        end(state, FCT_SAGA_UNDONE);
        break;
    case FCT_CHANGE_SAGA_COMPLETED:
        end(state, FCT_SAGA_COMPLETED);
        break;
    default: /* an operator's request, whose consequences are changes of their own */
        break;
    }
}

void fct_saga_evolve(const struct fct_saga_plan *plan, struct fct_saga_state *state,
                     const struct fct_change *change)
{
    FCT_ASSERT(change->slot == FCT_SLOT_NONE || change->slot < plan->step_count + 2u);
    bool named = change->slot != FCT_SLOT_NONE;
    switch (change->kind) {
    case FCT_CHANGE_TIMER_SET:
    case FCT_CHANGE_TIMER_MOVED:
    case FCT_CHANGE_TIMER_CANCELLED:
    case FCT_CHANGE_TIMER_FIRED:
        evolve_timer(state, change);
        return;
    case FCT_CHANGE_REPLY_RECORDED:
        evolve_recorded(plan, state, change);
        return;
    default:
        break;
    }
    if (!named) {
        evolve_saga(state, change);
        return;
    }
    switch (change->kind) {
    case FCT_CHANGE_STEP_STARTED:
    case FCT_CHANGE_UNDO_STARTED:
        evolve_started(plan, state, change);
        break;
    case FCT_CHANGE_STEP_SUCCEEDED:
        enter(state, change->slot, FCT_STEP_DONE);
        break;
    case FCT_CHANGE_STEP_FAILED:
        evolve_failed(plan, state, change->slot);
        break;
    case FCT_CHANGE_STEP_TIMED_OUT:
        evolve_timed_out(state, change);
        break;
    case FCT_CHANGE_UNDO_SUCCEEDED:
        enter(state, change->slot, FCT_STEP_UNDONE);
        break;
    case FCT_CHANGE_UNDO_FAILED:
        count_up(&state->steps[change->slot].attempts);
        enter(state, change->slot, FCT_STEP_UNDO_RESTING);
        break;
    case FCT_CHANGE_SAGA_STUCK:
        evolve_stuck(plan, state, change);
        break;
    case FCT_CHANGE_SAGA_SKIPPED:
        evolve_skipped(state, change);
        break;
    default:
        evolve_saga(state, change);
        break;
    }
}

bool fct_saga_is_stuck(const struct fct_saga_plan *plan, const struct fct_saga_state *state)
{
    if (fct_saga_has_ended(state)) {
        return false;
    }
    for (uint32_t i = 0; i < plan->step_count + 2u; i++) {
        uint8_t phase = state->steps[i].phase;
        if (phase == FCT_STEP_ASKED || phase == FCT_STEP_BLOCKED || phase == FCT_STEP_UNDO_STUCK ||
            phase == FCT_STEP_UNDO_SILENT) {
            return true;
        }
    }
    return false;
}

bool fct_saga_pivot_passed(const struct fct_saga_plan *plan, const struct fct_saga_state *state)
{
    return plan->pivot != FCT_SLOT_NONE && state->steps[plan->pivot].phase == FCT_STEP_DONE;
}
