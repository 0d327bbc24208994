/* decide.c - see decide.h. Layer: saga.
 *
 * Every change is applied when it is decided, so that later decisions use the new state. advance()
 * runs after each input: it starts what can start and ends what is over.
 *
 * Invariants:
 *  1. A step after the pivot, and a final call, is never FAILED or UNKNOWN.
 *  2. Nothing is undone while a step of the stage is DOING.
 *  3. A stage is undone only when all later ones are.
 */
#include "saga/decide.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"

struct decision {
    const struct fct_saga_plan *plan;
    const struct fct_saga_world *world;
    struct fct_saga_outcome *out;
    struct fct_saga_state *state; /* of |out| */
};

static void emit(struct decision *d, struct fct_change change)
{
    FCT_ASSERT(d->out->count < FCT_CHANGES_MAX);
    d->out->changes[d->out->count++] = change;
    fct_saga_evolve(d->plan, d->state, &change);
}

static void emit_kind(struct decision *d, enum fct_change_kind kind, uint8_t slot)
{
    emit(d, (struct fct_change){.kind = (uint8_t)kind, .slot = slot});
}

static uint8_t phase_of(const struct decision *d, uint8_t slot)
{
    return d->state->steps[slot].phase; /* enum fct_step_phase */
}

/* ---- timers ---------------------------------------------------------------------------------- */

int64_t fct_retry_wait(const struct fct_retry *retry, uint32_t attempt, uint64_t seed)
{
    double wait = (double)retry->from;
    for (uint32_t i = 1; i < attempt && wait < (double)retry->to; i++) {
        wait *= retry->factor;
    }
    if (wait > (double)retry->to) {
        wait = (double)retry->to;
    }
    uint8_t bytes[12];
    memcpy(bytes, &seed, 8);
    memcpy(bytes + 8, &attempt, 4);
    uint64_t drawn = fct_hash128(fct_slice(bytes, sizeof bytes), 0).low;
    double part = (double)(drawn >> 11) / (double)(UINT64_C(1) << 53);
    if (retry->jitter == FCT_JITTER_FULL) {
        wait *= part;
    } else if (retry->jitter == FCT_JITTER_EQUAL) {
        wait = wait / 2 + wait / 2 * part;
    }
    int64_t least = INT64_C(1000000);
    return wait < (double)least ? least : (int64_t)wait;
}

static void set_timer(struct decision *d, uint8_t slot, int64_t wait)
{
    emit(d, (struct fct_change){.kind = FCT_CHANGE_TIMER_SET,
                                .slot = slot,
                                .due = d->world->now + wait,
                                .wait = wait});
}

static int64_t rest_of(const struct decision *d, uint8_t slot)
{
    const struct fct_step_state *step = &d->state->steps[slot];
    uint64_t seed = d->world->seed ^ ((uint64_t)slot << 48) ^ ((uint64_t)step->generation << 24) ^
                    step->undo_generation;
    return fct_retry_wait(&d->plan->steps[slot].retry, step->attempts, seed);
}

/* How long to wait for an answer: longer each time that a step which cannot be given up is
 * silent. */
static int64_t wait_of(const struct decision *d, uint8_t slot)
{
    const struct fct_plan_step *step = &d->plan->steps[slot];
    uint16_t attempts = d->state->steps[slot].attempts;
    int64_t rest = attempts > 0 ? rest_of(d, slot) : 0;
    return rest > step->within ? rest : step->within;
}

/* ---- sending --------------------------------------------------------------------------------- */

static bool sendable(const struct decision *d, uint8_t slot, bool undo)
{
    return d->world->sendable == NULL || d->world->sendable(d->world->data, slot, undo);
}

/* The data has changed, so that a command that was sent cannot be created again. It may still be
 * answered, so the step must not become BLOCKED, which means that nothing was sent. */
static void send_nothing(struct decision *d, uint8_t slot, bool undo)
{
    if (undo) {
        emit(d,
             (struct fct_change){
                 .kind = FCT_CHANGE_SAGA_STUCK, .slot = slot, .why = FCT_WHY_SILENT, .undo = true});
        return;
    }
    set_timer(d, slot, wait_of(d, slot));
}

/* Sends the command of |slot|: under a new id, or again under its present id. */
static void send_command(struct decision *d, uint8_t slot, bool undo, bool again)
{
    const struct fct_step_state *step = &d->state->steps[slot];
    uint16_t generation = undo ? step->undo_generation : step->generation;
    if (!again && generation < UINT16_MAX) {
        generation++;
    }
    if (again && !sendable(d, slot, undo)) {
        send_nothing(d, slot, undo);
        return;
    }
    if (!sendable(d, slot, undo)) {
        emit(d, (struct fct_change){.kind = FCT_CHANGE_SAGA_STUCK,
                                    .slot = slot,
                                    .why = FCT_WHY_BLOCKED,
                                    .undo = undo});
        return;
    }
    uint8_t kind = undo ? FCT_CHANGE_UNDO_STARTED : FCT_CHANGE_STEP_STARTED;
    uint16_t attempt = again && step->attempts < UINT16_MAX - 2u ? step->attempts + 2u : 1;
    emit(d, (struct fct_change){
                .kind = kind, .slot = slot, .generation = generation, .attempt = attempt});
    set_timer(d, slot, wait_of(d, slot));
}

/* Starts a step, or takes the answer that came before the step was started. */
static void start_step(struct decision *d, uint8_t slot)
{
    uint8_t early = d->state->steps[slot].early;
    if (early == FCT_EARLY_NONE) {
        send_command(d, slot, false, false);
        return;
    }
    emit(d, (struct fct_change){.kind = FCT_CHANGE_STEP_STARTED,
                                .slot = slot,
                                .why = FCT_WHY_EARLY,
                                .generation = 1,
                                .attempt = 1});
    emit_kind(d, early == FCT_EARLY_OK ? FCT_CHANGE_STEP_SUCCEEDED : FCT_CHANGE_STEP_FAILED, slot);
    if (phase_of(d, slot) == FCT_STEP_RESTING) {
        set_timer(d, slot, rest_of(d, slot));
    }
}

/* ---- going on -------------------------------------------------------------------------------- */

/* The steps of a stage, counted by outcome. */
struct stage_sum {
    uint32_t done;
    uint32_t running; /* DOING, RESTING */
    uint32_t asked;   /* ASKED, BLOCKED */
    uint32_t lost;    /* FAILED, UNKNOWN, and undone */
};

static struct stage_sum sum_up(const struct decision *d, uint32_t stage)
{
    struct stage_sum sum = {0, 0, 0, 0};
    for (uint8_t i = d->plan->first_of[stage]; i < d->plan->first_of[stage + 1]; i++) {
        switch (phase_of(d, i)) {
        case FCT_STEP_DONE:
            sum.done++;
            break;
        case FCT_STEP_DOING:
        case FCT_STEP_RESTING:
            sum.running++;
            break;
        case FCT_STEP_ASKED:
        case FCT_STEP_BLOCKED:
            sum.asked++;
            break;
        case FCT_STEP_IDLE:
            break;
        default:
            sum.lost++;
            break;
        }
    }
    return sum;
}

static bool stage_is_done(const struct decision *d, uint32_t stage)
{
    struct stage_sum sum = sum_up(d, stage);
    uint32_t count = (uint32_t)(d->plan->first_of[stage + 1] - d->plan->first_of[stage]);
    return d->plan->any_of[stage] ? sum.done > 0 : sum.done == count;
}

static bool stage_has_failed(const struct decision *d, uint32_t stage)
{
    struct stage_sum sum = sum_up(d, stage);
    if (d->plan->any_of[stage]) {
        return sum.done == 0 && sum.running == 0 && sum.asked == 0;
    }
    return sum.lost > 0;
}

/* Can |slot| have had an effect that is to be undone? */
static bool needs_undo(const struct decision *d, uint8_t slot)
{
    uint8_t phase = phase_of(d, slot);
    return d->plan->steps[slot].has_undo &&
           (phase == FCT_STEP_DONE || phase == FCT_STEP_UNKNOWN || phase == FCT_STEP_ASKED);
}

static bool is_undoing(const struct decision *d, uint8_t slot)
{
    uint8_t phase = phase_of(d, slot);
    return phase >= FCT_STEP_UNDOING && phase <= FCT_STEP_UNDO_SILENT;
}

/* A step that is not wanted any more. Without an undo it is left as it is, and the saga does not
 * wait for it; after the pivot it continues until the saga ends. */
static void drop_loser(struct decision *d, uint8_t slot)
{
    uint8_t phase = phase_of(d, slot);
    bool waits = phase == FCT_STEP_DOING || phase == FCT_STEP_ASKED;
    if (d->plan->steps[slot].has_undo && (waits || needs_undo(d, slot))) {
        send_command(d, slot, true, false);
    } else if (waits && !fct_plan_is_forward(d->plan, slot)) {
        emit_kind(d, FCT_CHANGE_STEP_TIMED_OUT, slot);
    }
}

/* The first success of a stage that needs one: drops the other steps. Two succeed at once if both
 * answers came before the stage was started. */
static void drop_losers(struct decision *d, uint32_t stage)
{
    bool won = false;
    for (uint8_t i = d->plan->first_of[stage]; i < d->plan->first_of[stage + 1]; i++) {
        if (!won && phase_of(d, i) == FCT_STEP_DONE) {
            won = true;
        } else {
            drop_loser(d, i);
        }
    }
}

static bool any_undoing(const struct decision *d)
{
    for (uint8_t i = 0; i < d->plan->step_count; i++) {
        if (is_undoing(d, i)) {
            return true;
        }
    }
    return false;
}

/* Sends the final call, if there is one, or ends the saga. */
static void finish(struct decision *d, uint8_t slot, bool has_call, enum fct_change_kind end)
{
    if (any_undoing(d)) {
        return;
    }
    if (has_call && phase_of(d, slot) == FCT_STEP_IDLE) {
        start_step(d, slot);
    }
    if (!has_call || phase_of(d, slot) == FCT_STEP_DONE) {
        emit_kind(d, end, FCT_SLOT_NONE);
    }
}

static uint8_t first_lost(const struct decision *d, uint32_t stage)
{
    for (uint8_t i = d->plan->first_of[stage]; i < d->plan->first_of[stage + 1]; i++) {
        if (phase_of(d, i) == FCT_STEP_FAILED || phase_of(d, i) == FCT_STEP_UNKNOWN) {
            return i;
        }
    }
    return d->plan->first_of[stage];
}

static void fail_saga(struct decision *d, uint8_t slot, enum fct_why why)
{
    emit(d, (struct fct_change){.kind = FCT_CHANGE_SAGA_FAILED, .slot = slot, .why = (uint8_t)why});
}

/* Starts the next stages after stages that are done. */
static void go_forward(struct decision *d)
{
    for (;;) {
        uint32_t stage = d->state->stage;
        if (stage_has_failed(d, stage)) {
            fail_saga(d, first_lost(d, stage), FCT_WHY_NONE);
            return;
        }
        if (!stage_is_done(d, stage)) {
            return;
        }
        if (d->plan->any_of[stage]) {
            drop_losers(d, stage);
        }
        if (stage + 1 == d->plan->stage_count) {
            finish(d, FCT_SLOT_DONE(d->plan), d->plan->has_done, FCT_CHANGE_SAGA_DONE);
            return;
        }
        for (uint8_t i = d->plan->first_of[stage + 1]; i < d->plan->first_of[stage + 2]; i++) {
            start_step(d, i);
        }
    }
}

static bool any_running(const struct decision *d, uint32_t stage)
{
    for (uint8_t i = d->plan->first_of[stage]; i < d->plan->first_of[stage + 1]; i++) {
        if (phase_of(d, i) == FCT_STEP_DOING) {
            return true;
        }
    }
    return false;
}

/* Undoes one stage; false while that is not over. */
static bool undo_stage(struct decision *d, uint32_t stage)
{
    bool over = true;
    for (uint8_t i = d->plan->first_of[stage]; i < d->plan->first_of[stage + 1]; i++) {
        if (needs_undo(d, i)) {
            send_command(d, i, true, false);
        }
        over = over && !is_undoing(d, i);
    }
    return over;
}

static void go_back(struct decision *d)
{
    if (any_running(d, d->state->stage)) {
        return;
    }
    for (uint32_t stage = d->state->stage + 1u; stage-- > 0;) {
        if (!undo_stage(d, stage)) {
            return;
        }
    }
    finish(d, FCT_SLOT_UNDONE(d->plan), d->plan->has_undone, FCT_CHANGE_SAGA_UNDONE);
}

static void advance(struct decision *d)
{
    if (d->state->phase == FCT_SAGA_FORWARD) {
        go_forward(d);
    }
    if (d->state->phase == FCT_SAGA_COMPENSATING) {
        go_back(d);
    }
}

/* ---- inputs of events ------------------------------------------------------------------------ */

static void record(struct decision *d, const struct fct_saga_input *input, enum fct_why why)
{
    emit(d, (struct fct_change){.kind = FCT_CHANGE_REPLY_RECORDED,
                                .slot = input->slot,
                                .why = (uint8_t)why,
                                .undo = input->undo,
                                .ok = input->ok,
                                .generation = input->generation});
}

static void on_start(struct decision *d, const struct fct_saga_input *input)
{
    if (d->state->phase != FCT_SAGA_NONE) {
        record(d, input, FCT_WHY_DUPLICATE);
        return;
    }
    emit_kind(d, FCT_CHANGE_SAGA_STARTED, FCT_SLOT_NONE);
    if (d->plan->deadline > 0) {
        set_timer(d, FCT_SLOT_NONE, d->plan->deadline);
    }
    for (uint8_t i = d->plan->first_of[0]; i < d->plan->first_of[1]; i++) {
        start_step(d, i);
    }
    advance(d);
}

/* A step was refused, without effect. */
static void take_failure(struct decision *d, uint8_t slot)
{
    emit_kind(d, FCT_CHANGE_STEP_FAILED, slot);
    if (phase_of(d, slot) == FCT_STEP_RESTING) {
        set_timer(d, slot, rest_of(d, slot));
    }
    advance(d);
}

static void take_success(struct decision *d, uint8_t slot)
{
    emit_kind(d, FCT_CHANGE_STEP_SUCCEEDED, slot);
    advance(d);
}

static void on_do_reply(struct decision *d, const struct fct_saga_input *input, bool outside)
{
    const struct fct_step_state *step = &d->state->steps[input->slot];
    /* After the pivot a step may have failed before under another id. A sender without the id may
     * repeat that failure, and the present command would be sent twice. */
    if (outside && !input->ok && fct_plan_is_forward(d->plan, input->slot) &&
        phase_of(d, input->slot) != FCT_STEP_IDLE) {
        record(d, input, FCT_WHY_LATE);
        return;
    }
    bool newest = outside || input->generation == step->generation;
    switch (phase_of(d, input->slot)) {
    case FCT_STEP_DOING:
    case FCT_STEP_ASKED:
    case FCT_STEP_UNKNOWN: /* late, but the outcome is then known to the undo */
        if (!newest) {
            break;
        }
        if (input->ok) {
            take_success(d, input->slot);
        } else {
            take_failure(d, input->slot);
        }
        return;
    case FCT_STEP_IDLE:
        record(d, input, FCT_WHY_EARLY);
        return;
    case FCT_STEP_DONE:
        record(d, input, input->ok ? FCT_WHY_DUPLICATE : FCT_WHY_LATE);
        return;
    case FCT_STEP_FAILED:
    case FCT_STEP_RESTING:
        record(d, input, input->ok ? FCT_WHY_LATE : FCT_WHY_DUPLICATE);
        return;
    default:
        break;
    }
    record(d, input, FCT_WHY_LATE);
}

static void take_undo_failure(struct decision *d, uint8_t slot)
{
    const struct fct_retry *retry = &d->plan->steps[slot].retry;
    emit_kind(d, FCT_CHANGE_UNDO_FAILED, slot);
    if (retry->times > 0 && d->state->steps[slot].attempts >= retry->times) {
        emit(d,
             (struct fct_change){
                 .kind = FCT_CHANGE_SAGA_STUCK, .slot = slot, .why = FCT_WHY_UNDO, .undo = true});
        return;
    }
    set_timer(d, slot, rest_of(d, slot));
}

static void on_undo_reply(struct decision *d, const struct fct_saga_input *input)
{
    uint8_t phase = phase_of(d, input->slot);
    if (input->ok && is_undoing(d, input->slot)) {
        emit_kind(d, FCT_CHANGE_UNDO_SUCCEEDED, input->slot);
        advance(d);
    } else if (!input->ok && (phase == FCT_STEP_UNDOING || phase == FCT_STEP_UNDO_SILENT) &&
               input->generation == d->state->steps[input->slot].undo_generation) {
        take_undo_failure(d, input->slot);
    } else {
        record(d, input,
               input->ok == (phase == FCT_STEP_UNDONE) ? FCT_WHY_DUPLICATE : FCT_WHY_LATE);
    }
}

static void on_reply(struct decision *d, const struct fct_saga_input *input)
{
    if (d->state->phase == FCT_SAGA_NONE) {
        record(d, input, FCT_WHY_EARLY);
        if (d->state->deadline.due == 0) {
            set_timer(d, FCT_SLOT_NONE, d->world->reply_kept);
        }
    } else if (fct_saga_has_ended(d->state)) {
        record(d, input, FCT_WHY_LATE);
    } else if (input->undo) {
        on_undo_reply(d, input);
    } else {
        on_do_reply(d, input, input->kind == FCT_INPUT_OUTSIDE);
    }
}

/* ---- timers that are due --------------------------------------------------------------------- */

/* May the saga still compensate: is the pivot neither done nor under way, and is a step left to
 * do? */
static bool can_turn(const struct decision *d)
{
    if (d->state->phase != FCT_SAGA_FORWARD) {
        return false;
    }
    if (d->plan->pivot != FCT_SLOT_NONE) {
        uint8_t pivot = phase_of(d, d->plan->pivot);
        return pivot == FCT_STEP_IDLE || pivot == FCT_STEP_BLOCKED;
    }
    return d->state->stage + 1u < d->plan->stage_count || !stage_is_done(d, d->state->stage);
}

static void on_deadline(struct decision *d)
{
    emit_kind(d, FCT_CHANGE_TIMER_FIRED, FCT_SLOT_NONE);
    if (can_turn(d)) {
        fail_saga(d, FCT_SLOT_NONE, FCT_WHY_DEADLINE);
        advance(d);
    }
}

/* A step was silent for too long. */
static void on_silence(struct decision *d, uint8_t slot)
{
    const struct fct_plan_step *step = &d->plan->steps[slot];
    if (fct_plan_is_forward(d->plan, slot)) {
        send_command(d, slot, false, true);
        return;
    }
    bool ask = step->on_timeout == FCT_TIMEOUT_ASK && d->state->phase == FCT_SAGA_FORWARD;
    enum fct_why why = step->on_timeout == FCT_TIMEOUT_FAIL ? FCT_WHY_FAIL : FCT_WHY_NONE;
    if (ask) {
        why = FCT_WHY_ASK;
    }
    emit(d,
         (struct fct_change){.kind = FCT_CHANGE_STEP_TIMED_OUT, .slot = slot, .why = (uint8_t)why});
    if (ask) {
        emit(d,
             (struct fct_change){.kind = FCT_CHANGE_SAGA_STUCK, .slot = slot, .why = FCT_WHY_ASK});
    }
    advance(d);
}

static void on_undo_silence(struct decision *d, uint8_t slot)
{
    const struct fct_retry *retry = &d->plan->steps[slot].retry;
    if (retry->times > 0 && d->state->steps[slot].attempts + 1u >= retry->times) {
        emit(d,
             (struct fct_change){
                 .kind = FCT_CHANGE_SAGA_STUCK, .slot = slot, .why = FCT_WHY_SILENT, .undo = true});
        return;
    }
    send_command(d, slot, true, true);
}

static void on_timer(struct decision *d, uint8_t slot)
{
    if (slot == FCT_SLOT_NONE) {
        if (d->state->deadline.due != 0) {
            on_deadline(d);
        }
        return;
    }
    if (d->state->timers[slot].due == 0) {
        return;
    }
    emit_kind(d, FCT_CHANGE_TIMER_FIRED, slot);
    switch (phase_of(d, slot)) {
    case FCT_STEP_DOING:
        on_silence(d, slot);
        break;
    case FCT_STEP_RESTING:
        send_command(d, slot, false, false);
        break;
    case FCT_STEP_UNDOING:
        on_undo_silence(d, slot);
        break;
    case FCT_STEP_UNDO_RESTING:
        send_command(d, slot, true, false);
        break;
    default:
        break;
    }
}

/* ---- acts of operators ----------------------------------------------------------------------- */

static const char *phase_text(uint8_t phase)
{
    static const char *const texts[] = {
        "has not been started",
        "is waiting for its answer",
        "was silent and waits for an operator's answer",
        "is blocked: its command could not be created from the data",
        "is done",
        "has failed, without effect",
        "was silent: whether it happened is not known",
        "has failed and is tried again",
        "is being undone",
        "could not be undone yet and is tried again",
        "could not be undone: it is stuck",
        "was asked to be undone and never answered: it is stuck",
        "is undone",
    };
    return texts[phase];
}

static factum_status refuse_step(const struct decision *d, uint8_t slot, const char *act,
                                 factum_error *err)
{
    return fct_fail(err, FACTUM_CONDITION_FAILED, "%s: the step %s", act,
                    phase_text(phase_of(d, slot)));
}

static factum_status refuse_saga(const struct decision *d, const char *act, factum_error *err)
{
    static const char *const phases[] = {
        "it has not started", "it is going forward",  "it is being compensated",
        "it has ended: done", "it has ended: undone", "it was closed by an operator",
    };
    return fct_fail(err, FACTUM_CONDITION_FAILED, "%s: %s", act, phases[d->state->phase]);
}

static void act_on(struct decision *d, enum fct_change_kind kind,
                   const struct fct_saga_input *input)
{
    emit(d, (struct fct_change){.kind = (uint8_t)kind, .slot = input->slot, .ok = input->ok});
}

static factum_status on_retry(struct decision *d, const struct fct_saga_input *input,
                              factum_error *err)
{
    uint8_t slot = input->slot;
    uint8_t phase = phase_of(d, slot);
    bool undo = is_undoing(d, slot);
    /* A command that may have had an effect is sent under its old id, so that it counts once. */
    bool again = phase == FCT_STEP_DOING || phase == FCT_STEP_ASKED || phase == FCT_STEP_UNDOING ||
                 phase == FCT_STEP_UNDO_SILENT;
    bool anew = phase == FCT_STEP_RESTING || phase == FCT_STEP_UNDO_RESTING ||
                phase == FCT_STEP_UNDO_STUCK ||
                (phase == FCT_STEP_BLOCKED &&
                 (d->state->phase == FCT_SAGA_FORWARD || fct_plan_is_call(d->plan, slot)));
    if (!again && !anew) {
        return refuse_step(d, slot, "there is nothing to retry", err);
    }
    if (again && !sendable(d, slot, undo)) {
        return fct_fail(err, FACTUM_CONDITION_FAILED,
                        "retry: the command can no longer be created from the data: edit it first");
    }
    act_on(d, FCT_CHANGE_SAGA_RETRIED, input);
    send_command(d, slot, undo, again);
    return FACTUM_OK;
}

static factum_status on_skip(struct decision *d, const struct fct_saga_input *input,
                             factum_error *err)
{
    uint8_t slot = input->slot;
    uint8_t phase = phase_of(d, slot);
    bool undo = is_undoing(d, slot);
    bool open = phase == FCT_STEP_DOING || phase == FCT_STEP_ASKED || phase == FCT_STEP_BLOCKED ||
                phase == FCT_STEP_RESTING;
    if (!undo && !open) {
        return refuse_step(d, slot, "there is nothing to skip", err);
    }
    if (!input->ok && (undo || fct_plan_is_forward(d->plan, slot))) {
        return refuse_step(d, slot, "it can be skipped as done only, not as failed", err);
    }
    /* An unanswered undo may still be done late: after the operator has undone the effect by hand,
     * it would be undone twice. */
    d->out->close_undo = phase == FCT_STEP_UNDOING || phase == FCT_STEP_UNDO_SILENT;
    if (d->out->close_undo || (!input->ok && phase != FCT_STEP_BLOCKED)) {
        d->out->close_slot = slot;
    }
    act_on(d, FCT_CHANGE_SAGA_SKIPPED, input);
    advance(d);
    return FACTUM_OK;
}

/* Running steps are no longer waited for: they may have had their effect. */
static void give_up_waiting(struct decision *d)
{
    for (uint8_t i = 0; i < d->plan->step_count; i++) {
        if (phase_of(d, i) == FCT_STEP_DOING) {
            emit_kind(d, FCT_CHANGE_STEP_TIMED_OUT, i);
        }
    }
}

static factum_status on_undo_step(struct decision *d, const struct fct_saga_input *input,
                                  factum_error *err)
{
    uint8_t phase = phase_of(d, input->slot);
    if (!d->plan->steps[input->slot].has_undo ||
        (phase != FCT_STEP_UNDONE && phase != FCT_STEP_UNDO_STUCK)) {
        return refuse_step(d, input->slot, "it cannot be undone once more", err);
    }
    act_on(d, FCT_CHANGE_SAGA_UNDO_REQUESTED, input);
    send_command(d, input->slot, true, false);
    return FACTUM_OK;
}

/* A pivot that is under way can be given up only if it has an undo. */
static bool can_give_up(const struct decision *d)
{
    if (d->plan->pivot == FCT_SLOT_NONE || can_turn(d)) {
        return true;
    }
    uint8_t pivot = phase_of(d, d->plan->pivot);
    return d->plan->steps[d->plan->pivot].has_undo &&
           (pivot == FCT_STEP_DOING || pivot == FCT_STEP_ASKED);
}

static factum_status on_undo(struct decision *d, const struct fct_saga_input *input,
                             factum_error *err)
{
    if (input->slot != FCT_SLOT_NONE) {
        return on_undo_step(d, input, err);
    }
    bool turned = d->state->phase == FCT_SAGA_COMPENSATING;
    if (turned && !any_running(d, d->state->stage)) {
        return refuse_saga(d, "undo", err);
    }
    bool ends = d->state->stage + 1u == d->plan->stage_count && stage_is_done(d, d->state->stage);
    if (!turned && (ends || !can_give_up(d))) {
        return fct_fail(err, FACTUM_CONDITION_FAILED,
                        "undo: the saga has passed, or may have passed, the point of no return");
    }
    act_on(d, FCT_CHANGE_SAGA_UNDO_REQUESTED, input);
    give_up_waiting(d);
    if (!turned) {
        fail_saga(d, FCT_SLOT_NONE, FCT_WHY_NONE);
    }
    advance(d);
    return FACTUM_OK;
}

static factum_status on_cancel(struct decision *d, const struct fct_saga_input *input,
                               factum_error *err)
{
    if (d->state->phase != FCT_SAGA_FORWARD) {
        return refuse_saga(d, "cancel", err);
    }
    if (!can_turn(d)) {
        return fct_fail(err, FACTUM_CONDITION_FAILED,
                        "cancel: the saga has passed, or may have passed, the point of no return");
    }
    act_on(d, FCT_CHANGE_SAGA_CANCELLED, input);
    fail_saga(d, FCT_SLOT_NONE, FCT_WHY_NONE);
    advance(d);
    return FACTUM_OK;
}

static factum_status on_timer_act(struct decision *d, const struct fct_saga_input *input,
                                  factum_error *err)
{
    bool saga = input->slot == FCT_SLOT_NONE;
    const struct fct_saga_timer *timer =
        saga ? &d->state->deadline : &d->state->timers[input->slot];
    if (timer->due == 0) {
        return fct_fail(err, FACTUM_CONDITION_FAILED, "timer: %s has none",
                        saga ? "the saga" : "the step");
    }
    bool move = input->kind == FCT_INPUT_TIMER_MOVE;
    emit(d, (struct fct_change){
                .kind = move ? FCT_CHANGE_TIMER_MOVED : FCT_CHANGE_TIMER_CANCELLED,
                .slot = input->slot,
                .due = move ? input->due : 0,
                .wait = move && input->due > d->world->now ? input->due - d->world->now : 0});
    return FACTUM_OK;
}

static factum_status on_act(struct decision *d, const struct fct_saga_input *input,
                            factum_error *err)
{
    if (d->state->phase == FCT_SAGA_NONE || fct_saga_has_ended(d->state)) {
        return refuse_saga(d, "nothing can be done", err);
    }
    if (input->slot == FCT_SLOT_NONE &&
        (input->kind == FCT_INPUT_RETRY || input->kind == FCT_INPUT_SKIP)) {
        return fct_fail(err, FACTUM_INVALID, "%s: name the step",
                        input->kind == FCT_INPUT_RETRY ? "retry" : "skip");
    }
    switch (input->kind) {
    case FCT_INPUT_RETRY:
        return on_retry(d, input, err);
    case FCT_INPUT_EDIT:
        act_on(d, FCT_CHANGE_SAGA_EDITED, input);
        return FACTUM_OK;
    case FCT_INPUT_SKIP:
        return on_skip(d, input, err);
    case FCT_INPUT_UNDO:
        return on_undo(d, input, err);
    case FCT_INPUT_COMPLETE:
        act_on(d, FCT_CHANGE_SAGA_COMPLETED, input);
        return FACTUM_OK;
    case FCT_INPUT_CANCEL:
        return on_cancel(d, input, err);
    default:
        return on_timer_act(d, input, err);
    }
}

/* ---- the entry ------------------------------------------------------------------------------- */

factum_status fct_saga_decide(const struct fct_saga_plan *plan, const struct fct_saga_state *state,
                              const struct fct_saga_input *input,
                              const struct fct_saga_world *world, struct fct_saga_outcome *out,
                              factum_error *err)
{
    struct decision d = {.plan = plan, .world = world, .out = out, .state = &out->state};
    out->count = 0;
    out->state = *state;
    out->close_slot = FCT_SLOT_NONE;
    out->close_undo = false;
    FCT_ASSERT(input->slot == FCT_SLOT_NONE || input->slot < plan->step_count + 2u);
    switch (input->kind) {
    case FCT_INPUT_START:
        on_start(&d, input);
        return FACTUM_OK;
    case FCT_INPUT_REPLY:
    case FCT_INPUT_OUTSIDE:
        FCT_ASSERT(input->slot != FCT_SLOT_NONE);
        on_reply(&d, input);
        return FACTUM_OK;
    case FCT_INPUT_TIMER:
        on_timer(&d, input->slot);
        return FACTUM_OK;
    default:
        return on_act(&d, input, err);
    }
}
