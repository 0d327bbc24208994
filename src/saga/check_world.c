/* check_world.c - what can happen in a world, what follows, and the rules. Layer: saga. See
 * check_world.h.
 *
 * S1 A do or an undo takes effect at most once for each step, and no do after its undo. S2 An undo
 * takes effect only when no step of a later stage has an effect that is to be undone; no do takes
 * effect after an earlier step was undone. S3 Never both: no undo takes effect after the pivot is
 * done, and none of a step after the pivot; a saga that is done has the effects of all its steps,
 * and of an "any" stage one. S4 A saga that is undone has no effects, and gets none from a late
 * command. S5 It asks for an operator only where an undo has failed or was silent, or the step says
 * so. S6 Nothing moves a saga that has ended. check_explore.c adds S7: every run can continue to an
 * end.
 *
 * Exceptions: steps with "undo: none because" may keep their effect; losers of an "any" stage are
 * undone while the saga continues.
 */
#include <stddef.h>
#include <string.h>

#include "core/check.h"
#include "saga/check_world.h"

/* Must the step's effect be gone when the saga is undone? */
static bool must_go(const struct fct_saga_plan *plan, uint8_t slot)
{
    return slot < plan->step_count &&
           (plan->steps[slot].has_undo || slot == plan->pivot || fct_plan_is_forward(plan, slot));
}

/* Bytes of a world up to the last slot of the plan: later ones are never read. */
static size_t world_size(const struct fct_check_setup *setup)
{
    return offsetof(struct fct_world, slots) +
           (setup->plan.step_count + 2u) * sizeof(struct fct_world_slot);
}

/* ---- between worlds and states --------------------------------------------------------------- */

static void state_of_world(const struct fct_check_setup *setup, const struct fct_world *world,
                           struct fct_saga_state *state)
{
    static const struct fct_saga_timer set = {1, 1};
    static const struct fct_saga_timer none = {0, 0};
    state->phase = world->phase;
    state->stage = world->stage;
    state->failed_slot = FCT_SLOT_NONE; /* only events name it; no decision reads it */
    state->late = world->late;
    state->deadline = world->deadline ? set : none;
    for (uint32_t i = 0; i < setup->plan.step_count + 2u; i++) {
        state->steps[i] = world->slots[i].step;
        state->timers[i] = world->slots[i].timer ? set : none;
    }
}

static uint16_t bounded(const struct fct_check_setup *setup, uint16_t attempts)
{
    return attempts < setup->generations ? attempts : (uint16_t)setup->generations;
}

static void take_state(const struct fct_check_setup *setup, const struct fct_saga_state *state,
                       struct fct_world *world)
{
    world->phase = state->phase;
    world->stage = state->stage;
    world->late = state->late;
    world->deadline = state->deadline.due != 0;
    for (uint32_t i = 0; i < setup->slot_count; i++) {
        uint8_t slot = setup->slots[i];
        struct fct_world_slot *w = &world->slots[slot];
        w->step = state->steps[slot];
        w->step.attempts = bounded(setup, w->step.attempts);
        w->timer = state->timers[slot].due != 0;
    }
}

/* ---- the saga -------------------------------------------------------------------------------- */

/* Adds the commands that the saga sent to the world. False: more generations than fit. */
static bool send_commands(const struct fct_saga_outcome *out, struct fct_world *next)
{
    bool back = next->phase == FCT_SAGA_COMPENSATING;
    for (uint32_t i = 0; i < out->count; i++) {
        const struct fct_change *change = &out->changes[i];
        bool undo = change->kind == FCT_CHANGE_UNDO_STARTED;
        back = back || change->kind == FCT_CHANGE_SAGA_FAILED;
        if (!undo && (change->kind != FCT_CHANGE_STEP_STARTED || change->why == FCT_WHY_EARLY)) {
            continue;
        }
        if (change->generation == 0 || change->generation > FCT_CHECK_KEYS) {
            return false;
        }
        struct fct_world_slot *w = &next->slots[change->slot];
        uint8_t *key = &(undo ? w->undos : w->dos)[change->generation - 1];
        *key = *key == FCT_KEY_NONE ? FCT_KEY_SENT : *key;
        w->loser = w->loser || (undo && !back);
    }
    return true;
}

static const char *broken_stuck(const struct fct_check_setup *setup, const struct fct_world *next)
{
    for (uint32_t i = 0; i < setup->slot_count; i++) {
        uint8_t slot = setup->slots[i];
        const struct fct_world_slot *w = &next->slots[slot];
        uint16_t undo = w->step.undo_generation;
        if (w->step.phase == FCT_STEP_ASKED &&
            setup->plan.steps[slot].on_timeout != FCT_TIMEOUT_ASK) {
            return "S5 an operator is asked although the step does not say so";
        }
        if (w->step.phase == FCT_STEP_UNDO_STUCK &&
            (undo == 0 || w->undos[undo - 1] != FCT_KEY_FAIL_SEEN)) {
            return "S5 it is stuck although no undo has failed";
        }
    }
    return NULL;
}

/* Checks the rules of a saga that has ended. */
static const char *broken_end(const struct fct_check_setup *setup, const struct fct_world *w)
{
    const struct fct_saga_plan *plan = &setup->plan;
    uint32_t winners[FCT_SAGA_STEPS_MAX] = {0};
    for (uint8_t i = 0; i < plan->step_count; i++) {
        uint8_t stage = plan->steps[i].stage;
        bool has = w->slots[i].effect == FCT_EFFECT_HAS;
        winners[stage] += has ? 1 : 0;
        if (w->phase == FCT_SAGA_UNDONE && has && must_go(plan, i)) {
            return "S4 it ended undone, and a step has its effect";
        }
        if (w->phase == FCT_SAGA_DONE && !has && !plan->any_of[stage]) {
            return "S3 it ended done, and a step has no effect";
        }
    }
    for (uint32_t stage = 0; w->phase == FCT_SAGA_DONE && stage < plan->stage_count; stage++) {
        if (winners[stage] == 0) {
            return "S3 it ended done, and no step of a stage has an effect";
        }
    }
    for (uint8_t i = 0; w->phase == FCT_SAGA_DONE && i < plan->step_count; i++) {
        const struct fct_world_slot *slot = &w->slots[i];
        if (plan->any_of[plan->steps[i].stage] && winners[plan->steps[i].stage] > 1 &&
            plan->steps[i].has_undo && slot->effect == FCT_EFFECT_HAS &&
            slot->step.phase != FCT_STEP_DONE) {
            return "S3 it ended done, and two steps of an \"any\" stage have effects";
        }
    }
    return NULL;
}

static bool has_ended(const struct fct_world *world)
{
    return world->phase >= FCT_SAGA_DONE;
}

/* Runs the transition function. */
static enum fct_check_result ask(const struct fct_check_setup *setup, const struct fct_world *world,
                                 const struct fct_saga_input *input, struct fct_world *next,
                                 struct fct_saga_outcome *out, const char **rule)
{
    factum_error ignored;
    static const struct fct_saga_world no_clock = {.now = 0};
    struct fct_saga_state state;
    state_of_world(setup, world, &state);
    if (setup->decide(&setup->plan, &state, input, &no_clock, out, &ignored) != FACTUM_OK) {
        out->count = 0;
        return FCT_CHECK_IDLE;
    }
    if (!send_commands(out, next)) {
        *rule = "S1 a command gets new ids without end";
        return FCT_CHECK_BROKEN;
    }
    take_state(setup, &out->state, next);
    if (has_ended(world)) {
        size_t head = offsetof(struct fct_world, slots);
        bool same = next->phase == world->phase &&
                    memcmp(next->slots, world->slots, world_size(setup) - head) == 0;
        *rule = "S6 something moved a saga that has ended";
        return same ? FCT_CHECK_IDLE : FCT_CHECK_BROKEN;
    }
    *rule = has_ended(next) ? broken_end(setup, next) : broken_stuck(setup, next);
    return *rule == NULL ? FCT_CHECK_STEPPED : FCT_CHECK_BROKEN;
}

/* ---- participants ---------------------------------------------------------------------------- */

static enum fct_check_result take_do(const struct fct_check_setup *setup, uint8_t slot,
                                     struct fct_world *next, const char **rule)
{
    const struct fct_saga_plan *plan = &setup->plan;
    struct fct_world_slot *w = &next->slots[slot];
    bool twice = w->effect == FCT_EFFECT_HAS;
    bool again = w->effect == FCT_EFFECT_UNDONE;
    w->effect = FCT_EFFECT_HAS;
    if (twice || again) {
        *rule = twice ? "S1 a step took effect twice" : "S1 a step took effect after its undo";
        return FCT_CHECK_BROKEN;
    }
    for (uint8_t i = 0; must_go(plan, slot) && i < plan->step_count; i++) {
        if (plan->steps[i].stage < plan->steps[slot].stage && !next->slots[i].loser &&
            next->slots[i].effect == FCT_EFFECT_UNDONE) {
            *rule = slot == plan->pivot ? "S3 the pivot took effect after an undo"
                                        : "S2 a step took effect after an earlier one was undone";
            return FCT_CHECK_BROKEN;
        }
    }
    *rule = has_ended(next) ? broken_end(setup, next) : NULL;
    return *rule == NULL ? FCT_CHECK_STEPPED : FCT_CHECK_BROKEN;
}

static enum fct_check_result take_undo(const struct fct_check_setup *setup, uint8_t slot,
                                       struct fct_world *next, const char **rule)
{
    const struct fct_saga_plan *plan = &setup->plan;
    struct fct_world_slot *w = &next->slots[slot];
    *rule = w->effect != FCT_EFFECT_HAS ? "S1 a step was undone twice" : NULL;
    w->effect = FCT_EFFECT_UNDONE;
    if (*rule == NULL && !w->loser && plan->pivot != FCT_SLOT_NONE && slot != plan->pivot &&
        next->slots[plan->pivot].effect == FCT_EFFECT_HAS) {
        *rule = "S3 a step was undone although the pivot is done";
    }
    for (uint8_t i = 0; *rule == NULL && !w->loser && i < plan->step_count; i++) {
        if (plan->steps[i].stage > plan->steps[slot].stage && must_go(plan, i) &&
            next->slots[i].effect == FCT_EFFECT_HAS) {
            *rule = "S2 a step was undone before a later one";
        }
    }
    if (*rule == NULL && has_ended(next)) {
        *rule = broken_end(setup, next);
    }
    return *rule == NULL ? FCT_CHECK_STEPPED : FCT_CHECK_BROKEN;
}

static enum fct_check_result handle_do(const struct fct_check_setup *setup,
                                       const struct fct_check_input *input, struct fct_world *next,
                                       const char **rule)
{
    uint8_t *key = &next->slots[input->slot].dos[input->generation - 1];
    *key = input->ok ? FCT_KEY_OK : FCT_KEY_FAIL;
    return input->ok ? take_do(setup, input->slot, next, rule) : FCT_CHECK_STEPPED;
}

/* Does the undo have an effect to undo? Otherwise it closes the key of the do, if that is free. */
static enum fct_check_result handle_undo(const struct fct_check_setup *setup,
                                         const struct fct_check_input *input,
                                         struct fct_world *next, const char **rule)
{
    struct fct_world_slot *w = &next->slots[input->slot];
    uint16_t newest = w->step.generation;
    uint8_t *done = newest > 0 ? &w->dos[newest - 1] : NULL;
    bool happened = done != NULL && (*done == FCT_KEY_OK || *done == FCT_KEY_OK_SEEN);
    w->undos[input->generation - 1] = input->ok ? FCT_KEY_OK : FCT_KEY_FAIL;
    if (!happened) {
        if (done != NULL && *done == FCT_KEY_SENT && !setup->no_tombstone) {
            *done = FCT_KEY_CLOSED;
        }
        return FCT_CHECK_STEPPED;
    }
    return input->ok ? take_undo(setup, input->slot, next, rule) : FCT_CHECK_STEPPED;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static enum fct_check_result deliver(const struct fct_check_setup *setup,
                                     const struct fct_world *world,
                                     const struct fct_check_input *input, struct fct_world *next,
                                     struct fct_saga_outcome *out, const char **rule)
{
    struct fct_world_slot *w = &next->slots[input->slot];
    uint8_t *key = &(input->undo ? w->undos : w->dos)[input->generation - 1];
    bool ok = *key == FCT_KEY_OK || *key == FCT_KEY_OK_SEEN;
    const struct fct_saga_input asked = {
        .kind = input->outside ? FCT_INPUT_OUTSIDE : FCT_INPUT_REPLY,
        .slot = input->slot,
        .undo = input->undo,
        .ok = ok,
        .generation = input->generation,
    };
    if (!has_ended(world)) {
        *key = ok ? FCT_KEY_OK_SEEN : FCT_KEY_FAIL_SEEN;
    }
    return ask(setup, world, &asked, next, out, rule);
}

/* Takes the keys that an operator's act closes. False: one is taken already, so the act is
 * refused. */
static bool close_keys(const struct fct_saga_outcome *out, const struct fct_world *world,
                       struct fct_world *next)
{
    if (out->close_slot == FCT_SLOT_NONE) {
        return true;
    }
    const struct fct_world_slot *was = &world->slots[out->close_slot];
    struct fct_world_slot *w = &next->slots[out->close_slot];
    uint16_t generation = was->step.generation;
    uint8_t *done = generation > 0 ? &w->dos[generation - 1] : NULL;
    bool free = done != NULL && *done == FCT_KEY_SENT;
    if (free) {
        *done = FCT_KEY_CLOSED;
    }
    if (!out->close_undo) {
        return free;
    }
    uint16_t newest = was->step.undo_generation;
    uint8_t *undone = newest > 0 ? &w->undos[newest - 1] : NULL;
    if (undone == NULL || *undone != FCT_KEY_SENT) {
        return false;
    }
    *undone = FCT_KEY_CLOSED;
    return true;
}

static enum fct_check_result act(const struct fct_check_setup *setup, const struct fct_world *world,
                                 const struct fct_check_input *input, struct fct_world *next,
                                 struct fct_saga_outcome *out, const char **rule)
{
    static const uint8_t kinds[] = {
        [FCT_CHECK_RETRY] = FCT_INPUT_RETRY,
        [FCT_CHECK_SKIP] = FCT_INPUT_SKIP,
        [FCT_CHECK_UNDO] = FCT_INPUT_UNDO,
        [FCT_CHECK_CANCEL] = FCT_INPUT_CANCEL,
    };
    const struct fct_saga_input asked = {
        .kind = kinds[input->what], .slot = input->slot, .ok = input->ok};
    bool by_hand = input->what == FCT_CHECK_SKIP && input->undo;
    next->acts++;
    if (by_hand && next->slots[input->slot].effect == FCT_EFFECT_HAS) {
        /* The operator has undone the effect by hand. */
        next->slots[input->slot].effect = FCT_EFFECT_UNDONE;
    }
    enum fct_check_result result = ask(setup, world, &asked, next, out, rule);
    if (result != FCT_CHECK_IDLE && !close_keys(out, world, next)) {
        out->count = 0;
        return FCT_CHECK_IDLE;
    }
    return result;
}

enum fct_check_result fct_world_step(const struct fct_check_setup *setup,
                                     const struct fct_world *world,
                                     const struct fct_check_input *input, struct fct_world *next,
                                     struct fct_saga_outcome *out, const char **rule)
{
    struct fct_saga_input asked = {.kind = FCT_INPUT_START, .slot = input->slot};
    memcpy(next, world, world_size(setup));
    *rule = NULL;
    out->count = 0;
    switch (input->what) {
    case FCT_CHECK_HANDLE:
        return input->undo ? handle_undo(setup, input, next, rule)
                           : handle_do(setup, input, next, rule);
    case FCT_CHECK_DELIVER:
        return deliver(setup, world, input, next, out, rule);
    case FCT_CHECK_TIMER:
        asked.kind = FCT_INPUT_TIMER;
        return ask(setup, world, &asked, next, out, rule);
    case FCT_CHECK_START:
        return ask(setup, world, &asked, next, out, rule);
    default:
        return act(setup, world, input, next, out, rule);
    }
}

/* ---- what can happen ------------------------------------------------------------------------- */

struct listing {
    struct fct_check_input *inputs;
    uint32_t count;
};

static void add_input(struct listing *list, struct fct_check_input input)
{
    FCT_ASSERT(list->count < FCT_CHECK_INPUTS_MAX);
    list->inputs[list->count++] = input;
}

/* May the participant answer this command with "failed"? At most so many times for each command. An
 * undo can fail only where there is an effect to undo. */
static bool may_fail(const struct fct_check_setup *setup, const struct fct_world_slot *w,
                     const struct fct_check_input *input)
{
    if (input->undo) {
        return input->generation <= setup->generations && w->effect == FCT_EFFECT_HAS;
    }
    return !fct_plan_is_forward(&setup->plan, input->slot) ||
           input->generation < setup->generations;
}

static void list_command(const struct fct_check_setup *setup, const struct fct_world *world,
                         struct fct_check_input input, struct listing *list)
{
    const struct fct_world_slot *w = &world->slots[input.slot];
    uint8_t key = (input.undo ? w->undos : w->dos)[input.generation - 1];
    bool answered = key >= FCT_KEY_OK && key <= FCT_KEY_FAIL_SEEN;
    if (key == FCT_KEY_SENT || (setup->no_dedupe && answered)) {
        input.what = FCT_CHECK_HANDLE;
        input.fair = true;
        input.ok = true;
        add_input(list, input);
        if (may_fail(setup, w, &input)) {
            input.ok = false;
            add_input(list, input);
        }
    }
    if (answered) {
        input.what = FCT_CHECK_DELIVER;
        input.ok = key == FCT_KEY_OK || key == FCT_KEY_OK_SEEN;
        input.fair = key == FCT_KEY_OK || key == FCT_KEY_FAIL;
        add_input(list, input);
        /* Without the id every generation looks like the newest, so only older ones differ. */
        if (!input.undo && input.generation < w->step.generation) {
            input.outside = true;
            input.fair = false;
            add_input(list, input);
        }
    }
}

static void list_acts(const struct fct_check_setup *setup, const struct fct_world *world,
                      struct listing *list)
{
    add_input(list, (struct fct_check_input){.what = FCT_CHECK_UNDO, .slot = FCT_SLOT_NONE});
    add_input(list, (struct fct_check_input){.what = FCT_CHECK_CANCEL, .slot = FCT_SLOT_NONE});
    for (uint32_t i = 0; i < setup->slot_count; i++) {
        uint8_t slot = setup->slots[i];
        const struct fct_world_slot *w = &world->slots[slot];
        uint8_t phase = w->step.phase;
        if (phase == FCT_STEP_IDLE) {
            continue;
        }
        bool undo = phase >= FCT_STEP_UNDOING && phase <= FCT_STEP_UNDO_SILENT;
        struct fct_check_input input = {.what = FCT_CHECK_RETRY, .slot = slot, .undo = undo};
        add_input(list, input);
        input.what = FCT_CHECK_SKIP;
        input.ok = true;
        if (undo || w->effect == FCT_EFFECT_HAS) { /* an operator gives the true result */
            add_input(list, input);
        }
        input.ok = false;
        if (!undo) {
            add_input(list, input);
        }
        input.what = FCT_CHECK_UNDO;
        if (phase == FCT_STEP_UNDO_STUCK) {
            add_input(list, input);
        }
    }
}

uint32_t fct_world_inputs(const struct fct_check_setup *setup, const struct fct_world *world,
                          struct fct_check_input inputs[FCT_CHECK_INPUTS_MAX])
{
    struct listing list = {.inputs = inputs};
    const struct fct_check_input start = {
        .what = FCT_CHECK_START, .slot = FCT_SLOT_NONE, .fair = true};
    add_input(&list, start);
    for (uint32_t i = 0; world->phase != FCT_SAGA_NONE && i < setup->slot_count; i++) {
        const struct fct_world_slot *w = &world->slots[setup->slots[i]];
        struct fct_check_input input = {.slot = setup->slots[i]};
        for (uint8_t g = 1; g <= FCT_CHECK_KEYS && w->dos[g - 1] != FCT_KEY_NONE; g++) {
            input.generation = g;
            list_command(setup, world, input, &list);
        }
        input.undo = true;
        for (uint8_t g = 1; g <= FCT_CHECK_KEYS && w->undos[g - 1] != FCT_KEY_NONE; g++) {
            input.generation = g;
            list_command(setup, world, input, &list);
        }
        if (w->timer) {
            add_input(&list, (struct fct_check_input){
                                 .what = FCT_CHECK_TIMER, .slot = input.slot, .fair = true});
        }
    }
    if (world->deadline) {
        add_input(&list, (struct fct_check_input){
                             .what = FCT_CHECK_TIMER, .slot = FCT_SLOT_NONE, .fair = true});
    }
    if (world->acts < setup->acts && world->phase != FCT_SAGA_NONE && !has_ended(world)) {
        list_acts(setup, world, &list);
    }
    return list.count;
}

bool fct_world_is_over(const struct fct_check_setup *setup, const struct fct_world *world,
                       bool *stuck)
{
    *stuck = false;
    for (uint32_t i = 0; !has_ended(world) && i < setup->slot_count; i++) {
        uint8_t phase = world->slots[setup->slots[i]].step.phase;
        *stuck = *stuck || phase == FCT_STEP_ASKED || phase == FCT_STEP_BLOCKED ||
                 phase == FCT_STEP_UNDO_STUCK || phase == FCT_STEP_UNDO_SILENT;
    }
    return *stuck || has_ended(world);
}
