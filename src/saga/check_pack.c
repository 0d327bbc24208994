/* check_pack.c - a world in a few words. Layer: saga. See check_world.h.
 *
 *     word 0      phase 3, stage 6, late 1, deadline 1, acts 4
 *     a slot      phase 4, early 2, generation 3, undo generation 3, attempts 3, timer 1, loser 1,
 *                 effect 2, then 3 bits for each generation of its do and of its undo
 *
 * Two reductions merge worlds; neither affects any rule of check_world.c:
 * - Neighbours in one stage with one shape are sorted. The order only changes the order of the
 *   saga's events and the step that is named as the cause, which no later input reads.
 * - The history of a done or undone step is dropped once all its commands are answered: the
 *   generation that succeeded, and the count of tries. From then on a repeated answer changes
 *   nothing, and a later command starts its own count. The tests compare the verdicts with and
 *   without the reductions.
 */
#include <string.h>

#include "core/check.h"
#include "saga/check_world.h"

/* ---- history that is dropped ----------------------------------------------------------------- */

static bool all_answered(const uint8_t keys[FCT_CHECK_KEYS])
{
    for (uint32_t i = 0; i < FCT_CHECK_KEYS; i++) {
        if (keys[i] == FCT_KEY_SENT) {
            return false;
        }
    }
    return true;
}

static void one_key(uint8_t keys[FCT_CHECK_KEYS], enum fct_key_state state)
{
    memset(keys, 0, FCT_CHECK_KEYS);
    keys[0] = (uint8_t)state;
}

static void forget_past(const struct fct_check_setup *setup, uint8_t slot, struct fct_world_slot *w)
{
    struct fct_step_state *step = &w->step;
    if (step->phase == FCT_STEP_IDLE || step->phase == FCT_STEP_DONE ||
        step->phase == FCT_STEP_FAILED || step->phase == FCT_STEP_UNDONE) {
        step->attempts = 0;
    }
    if (w->timer || !all_answered(w->dos) || !all_answered(w->undos)) {
        return;
    }
    if (step->phase == FCT_STEP_DONE && fct_plan_is_forward(&setup->plan, slot) &&
        w->effect == FCT_EFFECT_HAS) {
        step->generation = 1;
        one_key(w->dos, FCT_KEY_OK_SEEN);
    }
    if (step->phase == FCT_STEP_UNDONE && w->effect != FCT_EFFECT_HAS) {
        step->generation = 1;
        step->undo_generation = 1;
        one_key(w->dos, w->effect == FCT_EFFECT_UNDONE ? FCT_KEY_OK_SEEN : FCT_KEY_CLOSED);
        one_key(w->undos, FCT_KEY_OK_SEEN);
    }
}

/* ---- words ----------------------------------------------------------------------------------- */

static uint64_t pack_keys(const uint8_t keys[FCT_CHECK_KEYS])
{
    uint64_t word = 0;
    for (uint32_t i = FCT_CHECK_KEYS; i-- > 0;) {
        word = word << 3 | keys[i];
    }
    return word;
}

static uint64_t pack_slot(const struct fct_world_slot *w)
{
    const struct fct_step_state *step = &w->step;
    FCT_ASSERT(step->generation <= FCT_CHECK_KEYS && step->undo_generation <= FCT_CHECK_KEYS);
    uint64_t low = (uint64_t)step->phase | (uint64_t)step->early << 4 |
                   (uint64_t)step->generation << 6 | (uint64_t)step->undo_generation << 9 |
                   (uint64_t)step->attempts << 12 | (uint64_t)w->timer << 15 |
                   (uint64_t)w->loser << 16 | (uint64_t)w->effect << 17;
    return low | pack_keys(w->dos) << 19 | pack_keys(w->undos) << 40;
}

static void unpack_keys(uint64_t word, uint8_t keys[FCT_CHECK_KEYS])
{
    for (uint32_t i = 0; i < FCT_CHECK_KEYS; i++) {
        keys[i] = (uint8_t)(word & 7);
        word >>= 3;
    }
}

static void unpack_slot(uint64_t word, struct fct_world_slot *w)
{
    w->step.phase = (uint8_t)(word & 15);
    w->step.early = (uint8_t)(word >> 4 & 3);
    w->step.generation = (uint16_t)(word >> 6 & 7);
    w->step.undo_generation = (uint16_t)(word >> 9 & 7);
    w->step.attempts = (uint16_t)(word >> 12 & 7);
    w->timer = (word >> 15 & 1) != 0;
    w->loser = (word >> 16 & 1) != 0;
    w->effect = (uint8_t)(word >> 17 & 3);
    unpack_keys(word >> 19, w->dos);
    unpack_keys(word >> 40, w->undos);
}

/* Sorts the steps of one shape by insertion: they are few, and mostly in order. */
static void sort_twins(const struct fct_check_setup *setup, uint64_t *words)
{
    for (uint32_t i = 1; i < setup->slot_count; i++) {
        for (uint32_t at = i; at > setup->twin_of[i] && words[at - 1] > words[at]; at--) {
            uint64_t word = words[at];
            words[at] = words[at - 1];
            words[at - 1] = word;
        }
    }
}

static uint64_t pack_head(const struct fct_world *world)
{
    return (uint64_t)world->phase | (uint64_t)world->stage << 3 | (uint64_t)world->late << 9 |
           (uint64_t)world->deadline << 10 | (uint64_t)world->acts << 11;
}

static uint64_t pack_place(const struct fct_check_setup *setup, const struct fct_world *world,
                           uint8_t slot)
{
    struct fct_world_slot copy = world->slots[slot];
    if (!setup->no_reduction) {
        forget_past(setup, slot, &copy);
    }
    return pack_slot(&copy);
}

uint32_t fct_world_pack(const struct fct_check_setup *setup, const struct fct_world *world,
                        uint64_t words[FCT_CHECK_WORDS_MAX])
{
    words[0] = pack_head(world);
    for (uint32_t i = 0; i < setup->slot_count; i++) {
        words[i + 1] = pack_place(setup, world, setup->slots[i]);
    }
    if (!setup->no_reduction) {
        sort_twins(setup, words + 1);
    }
    return setup->slot_count + 1;
}

uint32_t fct_world_pack_next(const struct fct_check_setup *setup, const struct fct_world *next,
                             const struct fct_world *world, const uint64_t *before,
                             uint64_t words[FCT_CHECK_WORDS_MAX])
{
    words[0] = pack_head(next);
    for (uint32_t i = 0; i < setup->slot_count; i++) {
        uint8_t slot = setup->slots[i];
        const void *now = &next->slots[slot];
        const void *then = &world->slots[slot];
        /* A slot that differs only in padding is packed again. */
        bool same = memcmp(now, then, sizeof next->slots[slot]) == 0;
        words[i + 1] = same ? before[i + 1] : pack_place(setup, next, slot);
    }
    if (!setup->no_reduction) {
        sort_twins(setup, words + 1);
    }
    return setup->slot_count + 1;
}

void fct_world_unpack(const struct fct_check_setup *setup, const uint64_t *words,
                      struct fct_world *world)
{
    memset(world, 0, sizeof *world);
    world->phase = (uint8_t)(words[0] & 7);
    world->stage = (uint8_t)(words[0] >> 3 & 63);
    world->late = (words[0] >> 9 & 1) != 0;
    world->deadline = (words[0] >> 10 & 1) != 0;
    world->acts = (uint8_t)(words[0] >> 11 & 15);
    for (uint32_t i = 0; i < setup->slot_count; i++) {
        unpack_slot(words[i + 1], &world->slots[setup->slots[i]]);
    }
}

/* ---- the setup ------------------------------------------------------------------------------- */

static bool same_shape(const struct fct_plan_step *a, const struct fct_plan_step *b)
{
    return a->stage == b->stage && a->has_undo == b->has_undo && a->pivot == b->pivot &&
           a->on_timeout == b->on_timeout && a->retry.times == b->retry.times;
}

void fct_check_setup_init(struct fct_check_setup *setup, const struct fct_saga_plan *plan,
                          uint32_t generations, uint32_t acts)
{
    memset(setup, 0, sizeof *setup);
    setup->plan = *plan;
    setup->decide = fct_saga_decide;
    setup->generations = generations;
    setup->acts = acts;
    for (uint32_t i = 0; i < plan->step_count + 2u; i++) {
        struct fct_retry *retry = &setup->plan.steps[i].retry;
        retry->times = retry->times > generations ? generations : retry->times;
        if (i < plan->step_count ||
            (i == FCT_SLOT_DONE(plan) ? plan->has_done : plan->has_undone)) {
            setup->slots[setup->slot_count++] = (uint8_t)i;
        }
    }
    for (uint8_t i = 0; i < (uint8_t)setup->slot_count; i++) {
        bool twin = i > 0 && i < plan->step_count &&
                    same_shape(&setup->plan.steps[i], &setup->plan.steps[i - 1]);
        setup->twin_of[i] = twin ? setup->twin_of[i - 1] : i;
    }
}

void fct_world_init(struct fct_world *world)
{
    memset(world, 0, sizeof *world);
}
