/* simulate_check.c - see simulate_int.h: the properties. Layer: saga.
 *
 * They are checked on the log: on each event of a saga as it comes, and on the work of the services
 * at the end.
 */
#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "saga/manager_int.h"
#include "saga/simulate_int.h"

static factum_slice name_of(const struct sim *sim, uint8_t slot)
{
    return slot != FCT_SLOT_NONE ? sim->saga->slots[slot].name : FCT_SLICE("");
}

/* ---- as events come -------------------------------------------------------------------------- */

static bool undo_runs(uint8_t phase)
{
    return phase >= FCT_STEP_UNDOING && phase <= FCT_STEP_UNDO_SILENT;
}

static bool may_have_happened(uint8_t phase)
{
    return phase == FCT_STEP_DONE || phase == FCT_STEP_UNKNOWN || phase == FCT_STEP_ASKED ||
           phase == FCT_STEP_DOING || phase == FCT_STEP_UNDONE || undo_runs(phase);
}

/* S2 */
static void check_undo(struct sim *sim, const struct sim_saga *saga, uint8_t slot)
{
    const struct fct_saga_plan *plan = &sim->saga->plan;
    if (!may_have_happened(saga->state.steps[slot].phase)) {
        fct_sim_breach(sim, "S2 step %.*s is undone, but cannot have happened",
                       FCT_FMT(name_of(sim, slot)));
    }
    /* A command that is sent again was in order when it was sent first. */
    bool first = !undo_runs(saga->state.steps[slot].phase);
    bool back = first && saga->state.phase == FCT_SAGA_COMPENSATING;
    for (uint8_t i = 0; i < plan->step_count && back; i++) {
        uint8_t phase = saga->state.steps[i].phase;
        bool later = plan->steps[i].stage > plan->steps[slot].stage;
        bool left =
            undo_runs(phase) || phase == FCT_STEP_DOING ||
            (plan->steps[i].has_undo && phase != FCT_STEP_UNDONE && may_have_happened(phase));
        if (later && left) {
            fct_sim_breach(sim, "S2 step %.*s is undone before the later step %.*s",
                           FCT_FMT(name_of(sim, slot)), FCT_FMT(name_of(sim, i)));
        }
    }
}

/* The second half of S5: without a fault in its way no timer is later than this. */
#define LATE_MAX (2 * SIM_SECOND)

static void check_late(struct sim *sim, uint8_t slot, int64_t late)
{
    int64_t since = sim->time - sim->healed_at;
    late = late < since ? late : since;
    if (sim->heal && !sim->clock_unsure && late > LATE_MAX) {
        fct_sim_breach(sim, "S5 the timer of %.*s fires %" PRId64 " ms late",
                       FCT_FMT(name_of(sim, slot)), late / 1000000);
    }
}

/* S5. The due time was written by a clock that may have been wrong; the true time since then
 *     counts. */
static void check_fired(struct sim *sim, const struct sim_saga *saga, uint8_t slot)
{
    size_t at = slot != FCT_SLOT_NONE ? slot : FCT_SAGA_SLOTS_MAX;
    const struct fct_saga_timer *timer =
        slot != FCT_SLOT_NONE ? &saga->state.timers[slot] : &saga->state.deadline;
    int64_t early = sim->jumped ? saga->wait[at] - FCT_CLOCK_GUARD - (sim->time - saga->set_at[at])
                                : timer->due - SIM_EPOCH - sim->time;
    fct_sim_reach(sim, FCT_SIM_FIRED);
    if (!sim->clock_unsure && early > 0) {
        fct_sim_breach(sim, "S5 the timer of %.*s fires %" PRId64 " ms early",
                       FCT_FMT(name_of(sim, slot)), early / 1000000);
    }
    check_late(sim, slot, sim->jumped ? -early - 2 * FCT_CLOCK_GUARD : -early);
}

/* The step was done, or is reported as done. */
static void check_success(struct sim *sim, const struct sim_saga *saga, uint8_t slot)
{
    bool asked = false;
    if (saga->state.steps[slot].phase == FCT_STEP_UNKNOWN) {
        fct_sim_reach(sim, FCT_SIM_RACED);
    }
    for (size_t i = 0; i < sim->command_count; i++) {
        const struct sim_command *command = &sim->commands[i];
        if (&sim->sagas[command->saga] != saga || command->slot != slot || command->undo) {
            continue;
        }
        if (command->effects > 0 && command->ok) {
            return;
        }
        asked = true;
    }
    if (asked) {
        fct_sim_breach(sim, "S1 step %.*s counts as done, but nobody has done it",
                       FCT_FMT(name_of(sim, slot)));
    }
}

static void check_failed(struct sim *sim, const struct sim_saga *saga)
{
    const struct fct_saga_plan *plan = &sim->saga->plan;
    if (fct_saga_pivot_passed(plan, &saga->state)) {
        fct_sim_breach(sim, "S3 the saga compensates after its pivot");
    }
    for (uint8_t i = 0; i < plan->step_count; i++) {
        if (saga->state.steps[i].phase == FCT_STEP_DOING) {
            fct_sim_reach(sim, FCT_SIM_WAITED);
            return;
        }
    }
}

static void check_stuck(struct sim *sim, struct sim_saga *saga, const struct fct_change *change)
{
    uint32_t times = sim->saga->plan.steps[change->slot].retry.times;
    saga->stuck = true;
    fct_sim_reach(sim, FCT_SIM_STUCK);
    if (change->why == FCT_WHY_NONE) {
        fct_sim_breach(sim, "S4 the saga is stuck without a reason");
    }
    if (change->why == FCT_WHY_UNDO && saga->undo_tries[change->slot] < times) {
        fct_sim_breach(sim, "S8 the undo of %.*s is given up after %u of %u tries",
                       FCT_FMT(name_of(sim, change->slot)), saga->undo_tries[change->slot], times);
    }
}

static void note_timer(struct sim *sim, struct sim_saga *saga, const struct fct_change *change)
{
    size_t at = change->slot != FCT_SLOT_NONE ? change->slot : FCT_SAGA_SLOTS_MAX;
    saga->set_at[at] = sim->time;
    saga->wait[at] = change->wait;
}

static void check_recorded(struct sim *sim, const struct sim_saga *saga,
                           const struct fct_change *change)
{
    if (change->why == FCT_WHY_DUPLICATE) {
        fct_sim_reach(sim, FCT_SIM_DUPLICATE);
    } else if (change->why == FCT_WHY_LATE) {
        fct_sim_reach(sim, FCT_SIM_LATE);
        if (change->slot != FCT_SLOT_NONE && !change->undo && change->ok &&
            saga->state.steps[change->slot].phase >= FCT_STEP_UNDOING) {
            fct_sim_reach(sim, FCT_SIM_RACED);
        }
    }
}

void fct_sim_check_change(struct sim *sim, struct sim_saga *saga, const struct fct_change *change)
{
    if (fct_saga_has_ended(&saga->state) && change->kind != FCT_CHANGE_REPLY_RECORDED) {
        fct_sim_breach(sim, "S3 the saga continues after its end");
    }
    saga->acted = saga->acted || change->kind >= FCT_CHANGE_SAGA_RETRIED;
    switch (change->kind) {
    case FCT_CHANGE_TIMER_SET:
    case FCT_CHANGE_TIMER_MOVED:
        note_timer(sim, saga, change);
        break;
    case FCT_CHANGE_TIMER_FIRED:
        check_fired(sim, saga, change->slot);
        break;
    case FCT_CHANGE_SAGA_FAILED:
        check_failed(sim, saga);
        break;
    case FCT_CHANGE_STEP_STARTED:
        /* An operator may have a command sent again for which the saga still waits. */
        if (saga->state.phase == FCT_SAGA_COMPENSATING &&
            saga->state.steps[change->slot].phase != FCT_STEP_DOING &&
            !fct_plan_is_call(&sim->saga->plan, change->slot)) {
            fct_sim_breach(sim, "S3 step %.*s is started while the saga is undone",
                           FCT_FMT(name_of(sim, change->slot)));
        }
        break;
    case FCT_CHANGE_UNDO_STARTED:
        if (saga->state.steps[change->slot].phase == FCT_STEP_UNKNOWN) {
            fct_sim_reach(sim, FCT_SIM_UNKNOWN);
        }
        check_undo(sim, saga, change->slot);
        saga->undo_tries[change->slot]++;
        break;
    case FCT_CHANGE_STEP_SUCCEEDED:
        check_success(sim, saga, change->slot);
        break;
    case FCT_CHANGE_SAGA_STUCK:
        check_stuck(sim, saga, change);
        break;
    case FCT_CHANGE_REPLY_RECORDED:
        check_recorded(sim, saga, change);
        break;
    case FCT_CHANGE_SAGA_SKIPPED:
        saga->skipped[change->slot] = true;
        break;
    case FCT_CHANGE_SAGA_DONE:
        fct_sim_reach(sim, FCT_SIM_DONE);
        break;
    case FCT_CHANGE_SAGA_UNDONE:
        fct_sim_reach(sim, FCT_SIM_UNDONE);
        break;
    default:
        break;
    }
}

void fct_sim_check_sent(struct sim *sim)
{
    for (size_t i = 0; i < sim->command_count; i++) {
        const struct sim_command *command = &sim->commands[i];
        if (command->sent != command->announced) {
            fct_sim_breach(sim, "%.*s was sent %u times, and the saga says %u",
                           FCT_FMT(command->id), command->sent, command->announced);
        }
    }
}

/* ---- the state of a manager ------------------------------------------------------------------ */

static bool same_timers(const struct fct_saga_state *a, const struct fct_saga_state *b)
{
    for (size_t i = 0; i < FCT_SAGA_SLOTS_MAX; i++) {
        if (a->timers[i].due != b->timers[i].due || a->timers[i].wait != b->timers[i].wait) {
            return false;
        }
    }
    return a->deadline.due == b->deadline.due && a->deadline.wait == b->deadline.wait;
}

static bool same_state(const struct fct_saga_state *a, const struct fct_saga_state *b)
{
    return memcmp(a, b, offsetof(struct fct_saga_state, timers)) == 0 && same_timers(a, b);
}

static bool same_instance(const struct fct_instance *a, const struct fct_instance *b)
{
    return same_state(&a->state, &b->state) && fct_slice_equal(a->kept, b->kept) &&
           strcmp(a->failure.code, b->failure.code) == 0 &&
           strcmp(a->failure.text, b->failure.text) == 0 && a->has_input == b->has_input &&
           a->input == b->input;
}

static void check_entry(struct sim *sim, const struct fct_instance *held)
{
    struct fct_instance fresh;
    factum_error err;
    fct_instance_init(&fresh, sim->mem, &sim->set, &held->key);
    factum_status status = fct_instance_load(&fresh, sim->store, &err);
    if (status != FACTUM_OK) {
        (void)fct_sim_went_well(sim, status, "loading a saga", &err);
    } else if (held->exists && (!fresh.exists || held->revision > fresh.revision)) {
        fct_sim_breach(sim, "the manager holds more of a saga than its stream has");
    } else if (held->exists && held->revision == fresh.revision && !same_instance(held, &fresh)) {
        fct_sim_breach(sim, "the manager holds another state of a saga than its stream says");
    }
    fct_instance_finish(&fresh);
}

void fct_sim_check_held(struct sim *sim, struct sim_runner *runner)
{
    const struct fct_manager *manager = runner->manager;
    const struct fct_entry *entry = manager != NULL ? manager->entries.most_used : NULL;
    for (; entry != NULL && !fct_sim_over(sim) && runner->manager != NULL;
         entry = entry->used_after) {
        check_entry(sim, entry->instance);
    }
}

/* ---- at the end ------------------------------------------------------------------------------ */

factum_saga_status fct_sim_status(const struct sim *sim, const struct sim_saga *saga)
{
    switch (saga->state.phase) {
    case FCT_SAGA_NONE:
        return FACTUM_SAGA_WAITING;
    case FCT_SAGA_DONE:
        return FACTUM_SAGA_DONE;
    case FCT_SAGA_UNDONE:
        return FACTUM_SAGA_UNDONE;
    case FCT_SAGA_COMPLETED:
        return FACTUM_SAGA_COMPLETED;
    default:
        break;
    }
    if (fct_saga_is_stuck(&sim->saga->plan, &saga->state)) {
        return FACTUM_SAGA_STUCK;
    }
    return saga->state.phase == FCT_SAGA_FORWARD ? FACTUM_SAGA_RUNNING : FACTUM_SAGA_COMPENSATING;
}

/* The net effect of the step: how often it was done, minus how often it was undone. */
static int64_t net_of(const struct sim *sim, size_t saga, uint8_t slot)
{
    int64_t net = 0;
    for (size_t i = 0; i < sim->command_count; i++) {
        const struct sim_command *command = &sim->commands[i];
        if (command->saga != saga || command->slot != slot) {
            continue;
        }
        if (command->undo) {
            net -= command->undid ? command->effects : 0;
        } else {
            net += command->ok ? command->effects : 0;
        }
    }
    return net;
}

static void check_step(struct sim *sim, size_t at, uint8_t slot)
{
    const struct sim_saga *saga = &sim->sagas[at];
    const struct fct_saga_plan *plan = &sim->saga->plan;
    int64_t net = net_of(sim, at, slot);
    factum_slice name = name_of(sim, slot);
    if (saga->skipped[slot]) {
        return;
    }
    if (net < 0 || net > 1) {
        fct_sim_breach(sim, "S1 step %.*s is left %" PRId64 " times", FCT_FMT(name), net);
    }
    bool done = saga->state.steps[slot].phase == FCT_STEP_DONE;
    bool bare = !plan->steps[slot].has_undo && plan->pivot != slot;
    if (saga->state.phase == FCT_SAGA_DONE && (done ? net != 1 : (net != 0 && !bare))) {
        fct_sim_breach(sim, "S3 the saga is done, and step %.*s is %s", FCT_FMT(name),
                       done ? "not" : "left over");
    }
    if (saga->state.phase == FCT_SAGA_UNDONE && net != 0 && !bare) {
        fct_sim_breach(sim, "S3 the saga is undone, and the effect of %.*s is left", FCT_FMT(name));
    }
}

static void check_calls(struct sim *sim, size_t at)
{
    const struct sim_saga *saga = &sim->sagas[at];
    const struct fct_saga_plan *plan = &sim->saga->plan;
    uint8_t done = FCT_SLOT_DONE(plan);
    uint8_t undone = FCT_SLOT_UNDONE(plan);
    bool is_done = saga->state.phase == FCT_SAGA_DONE;
    bool is_undone = saga->state.phase == FCT_SAGA_UNDONE;
    if (saga->skipped[done] || saga->skipped[undone]) {
        return;
    }
    if ((is_done && net_of(sim, at, done) != (plan->has_done ? 1 : 0)) ||
        (is_undone && net_of(sim, at, done) != 0)) {
        fct_sim_breach(sim, "S3 the call `done` was made %" PRId64 " times", net_of(sim, at, done));
    }
    if ((is_undone && net_of(sim, at, undone) != (plan->has_undone ? 1 : 0)) ||
        (is_done && net_of(sim, at, undone) != 0)) {
        fct_sim_breach(sim, "S3 the call `undone` was made %" PRId64 " times",
                       net_of(sim, at, undone));
    }
}

static void check_saga(struct sim *sim, size_t at)
{
    struct sim_saga *saga = &sim->sagas[at];
    struct fct_instance fresh;
    factum_error err;
    if (saga->starts > 0 && !saga->exists) {
        fct_sim_breach(sim, "S4 a start event was not taken");
        return;
    }
    fct_instance_init(&fresh, sim->mem, &sim->set, &saga->key);
    if (!fct_sim_went_well(sim, fct_instance_load(&fresh, sim->store, &err), "loading a saga",
                           &err)) {
        fct_instance_finish(&fresh);
        return;
    }
    if (!same_state(&fresh.state, &saga->state)) {
        fct_sim_breach(sim, "the fold of the stream is not what its events said as they came");
    }
    fct_instance_finish(&fresh);
    factum_saga_status status = fct_sim_status(sim, saga);
    if (status != FACTUM_SAGA_DONE && status != FACTUM_SAGA_UNDONE &&
        status != FACTUM_SAGA_COMPLETED && status != FACTUM_SAGA_STUCK) {
        fct_sim_breach(sim, "S4 saga %.*s is %s, and nothing is going to happen",
                       FCT_FMT(saga->key.id), factum_saga_status_name(status));
    }
    for (uint8_t slot = 0; slot < sim->saga->plan.step_count; slot++) {
        check_step(sim, at, slot);
    }
    check_calls(sim, at);
}

void fct_sim_check_end(struct sim *sim)
{
    for (size_t i = 0; i < sim->command_count; i++) {
        if (sim->commands[i].effects > 1) {
            fct_sim_breach(sim, "S1 %.*s has had its effect %u times", FCT_FMT(sim->commands[i].id),
                           sim->commands[i].effects);
        }
    }
    for (size_t i = 0; i < sim->saga_count && !fct_sim_over(sim); i++) {
        check_saga(sim, i);
    }
}

/* ---- expectations of the script -------------------------------------------------------------- */

/* Counts the lines of |list| that equal |word|. */
static size_t count_lines(factum_slice list, factum_slice word)
{
    size_t count = 0;
    while (list.len > 0) {
        const uint8_t *end = memchr(list.ptr, '\n', list.len);
        size_t len = end != NULL ? (size_t)(end - list.ptr) : list.len;
        count += fct_slice_equal(fct_slice(list.ptr, len), word);
        list = fct_slice_from(list, len < list.len ? len + 1 : len);
    }
    return count;
}

/* The rest of |list| after the first line that equals |word|; .ptr NULL: no such line. */
static factum_slice behind_line(factum_slice list, factum_slice word)
{
    while (list.len > 0) {
        const uint8_t *end = memchr(list.ptr, '\n', list.len);
        size_t len = end != NULL ? (size_t)(end - list.ptr) : list.len;
        factum_slice line = fct_slice(list.ptr, len);
        list = fct_slice_from(list, len < list.len ? len + 1 : len);
        if (fct_slice_equal(line, word)) {
            return list;
        }
    }
    return fct_slice(NULL, 0);
}

static void check_commands(struct sim *sim, const struct fct_saga_script *script)
{
    factum_slice rest = fct_buf_slice(&sim->report->commands);
    for (size_t i = 0; i < script->command_count; i++) {
        factum_slice command = script->commands[i];
        size_t wanted = 0;
        for (size_t k = 0; k < script->command_count; k++) {
            wanted += fct_slice_equal(script->commands[k], command);
        }
        size_t made = count_lines(fct_buf_slice(&sim->report->commands), command);
        if (made != wanted) {
            fct_sim_breach(sim, "then: %.*s was effective %zu times, not %zu", FCT_FMT(command),
                           made, wanted);
            return;
        }
        rest = behind_line(rest, command);
        if (rest.ptr == NULL) {
            fct_sim_breach(sim, "then: %.*s was effective, but earlier", FCT_FMT(command));
            return;
        }
    }
}

void fct_sim_check_then(struct sim *sim)
{
    const struct fct_saga_script *script = sim->options->script;
    if (script == NULL) {
        return;
    }
    for (size_t i = 0; i < sim->saga_count && script->status != FACTUM_SAGA_ANY; i++) {
        factum_saga_status status = fct_sim_status(sim, &sim->sagas[i]);
        if (status != script->status) {
            fct_sim_breach(sim, "then: saga %.*s is %s, not %s", FCT_FMT(sim->sagas[i].key.id),
                           factum_saga_status_name(status),
                           factum_saga_status_name(script->status));
        }
    }
    check_commands(sim, script);
}
