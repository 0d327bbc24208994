/* definition_plan.c - makes the plan and the slots from the file and the defaults. Layer: saga. See
 * definition_int.h. */
#include "core/check.h"
#include "saga/definition_int.h"

#define PLAN_WITHIN (INT64_C(30) * 1000000000)

/* Applies where neither the file nor its defaults have a value. */
static const struct fct_retry plan_retry = {
    .times = 5,
    .from = INT64_C(500) * 1000000,
    .to = INT64_C(30) * 1000000000,
    .factor = 2,
    .jitter = FCT_JITTER_FULL,
};

/* |base| with the values of |parsed|. A `from` above an inherited `to` raises it, and a `to` below
 * an inherited `from` lowers that: only two explicit values can contradict each other. */
static struct fct_retry plan_merge(struct fct_retry base, const struct fct_retry_parsed *parsed)
{
    base.times = parsed->times ? parsed->value.times : base.times;
    base.from = parsed->from ? parsed->value.from : base.from;
    base.to = parsed->to ? parsed->value.to : base.to;
    base.factor = parsed->factor ? parsed->value.factor : base.factor;
    base.jitter = parsed->jitter ? parsed->value.jitter : base.jitter;
    if (parsed->from && !parsed->to && base.to < base.from) {
        base.to = base.from;
    }
    if (parsed->to && !parsed->from && base.from > base.to) {
        base.from = base.to;
    }
    return base;
}

/* Makes the slot |slot| of |parsed|. */
static void plan_slot(struct fct_loader *loader, uint8_t slot, const struct fct_step_parsed *parsed,
                      uint8_t stage)
{
    struct fct_plan_step *step = &loader->saga->plan.steps[slot];
    loader->saga->slots[slot] = parsed->text;
    *step = (struct fct_plan_step){
        .stage = stage,
        .has_undo = parsed->text.undo.name.len > 0,
        .pivot = parsed->pivot,
        .refusable = parsed->text.fail_count > 0,
        .on_timeout = parsed->pivot ? FCT_TIMEOUT_ASK : FCT_TIMEOUT_COMPENSATE,
        .within = loader->within > 0 ? loader->within : PLAN_WITHIN,
        .retry = plan_merge(plan_merge(plan_retry, &loader->retry), &parsed->retry),
    };
    if (parsed->within_mark.line > 0) {
        step->within = parsed->within;
    }
    if (parsed->on_timeout_mark.line > 0) {
        step->on_timeout = parsed->on_timeout;
    }
}

/* Steps that can only go forward are retried for ever. */
static void plan_forward(struct factum_saga *saga)
{
    for (uint8_t slot = 0; slot < (uint8_t)(saga->plan.step_count + 2); slot++) {
        if (fct_plan_is_forward(&saga->plan, slot)) {
            saga->slots[slot].alarm_tries = saga->plan.steps[slot].retry.times;
            saga->plan.steps[slot].retry.times = 0;
        }
    }
}

void fct_saga_load_plan(struct fct_loader *loader)
{
    struct fct_saga_plan *plan = &loader->saga->plan;
    FCT_ASSERT(loader->step_count > 0);
    FCT_ASSERT(loader->step_count <= FCT_SAGA_STEPS_MAX);
    plan->step_count = (uint32_t)loader->step_count;
    plan->stage_count = (uint32_t)loader->stage_count;
    plan->pivot = FCT_SLOT_NONE;
    for (uint8_t slot = 0; slot < (uint8_t)loader->step_count; slot++) {
        uint8_t stage = loader->stage_of[slot];
        plan_slot(loader, slot, &loader->steps[slot], stage);
        if (slot == 0 || loader->stage_of[slot - 1] != stage) {
            plan->first_of[stage] = slot;
            plan->any_of[stage] = loader->stages[stage].any;
        }
        if (loader->steps[slot].pivot && plan->pivot == FCT_SLOT_NONE) {
            plan->pivot = slot;
        }
    }
    plan->first_of[plan->stage_count] = (uint8_t)plan->step_count;
    plan_slot(loader, FCT_SLOT_DONE(plan), &loader->done, (uint8_t)plan->stage_count);
    plan_slot(loader, FCT_SLOT_UNDONE(plan), &loader->undone, (uint8_t)plan->stage_count);
    plan_forward(loader->saga);
}
