/* manager_input.c - what a waiting input means to its saga: the definition that judges it, and
 * the input of the transition function. Layer: saga. Knows nothing of commits. */
#include "core/check.h"
#include "core/slice.h"
#include "saga/manager_int.h"

const struct factum_saga *fct_manager_definition(const struct fct_manager *manager,
                                                 const struct fct_entry *entry,
                                                 const struct fct_waiting *waiting)
{
    const struct fct_instance *instance = entry->instance;
    FCT_ASSERT(instance != NULL);
    if (instance->saga != NULL && instance->state.phase != FCT_SAGA_NONE) {
        return instance->saga;
    }
    uint64_t at = waiting->has_event && waiting->kind == FCT_WAITING_START ? waiting->event.position
                                                                           : UINT64_MAX;
    return fct_deployed_at(&manager->set, entry->key.name, at);
}

static bool is_failure(const struct fct_step_text *step, factum_slice type)
{
    for (size_t i = 0; i < step->fail_count; i++) {
        if (fct_slice_equal(step->fail[i], type)) {
            return true;
        }
    }
    return fct_slice_equal(type, FCT_SLICE("CommandFailed"));
}

/* An event that names a command. False: it is not an answer, but an intermediate event. */
static bool reply_input(const struct factum_saga *saga, const struct fct_waiting *waiting,
                        struct fct_saga_input *control)
{
    factum_slice type = waiting->event.type;
    control->kind = FCT_INPUT_REPLY;
    control->slot = fct_saga_slot(saga, waiting->step);
    control->undo = waiting->undo;
    control->generation = waiting->generation;
    if (control->slot == FCT_SLOT_NONE || fct_slice_equal(type, FCT_SLICE("CommandCancelled"))) {
        return false;
    }
    const struct fct_step_text *step = &saga->slots[control->slot];
    bool any_type = control->undo || fct_plan_is_call(&saga->plan, control->slot);
    bool failed =
        any_type ? fct_slice_equal(type, FCT_SLICE("CommandFailed")) : is_failure(step, type);
    control->ok = !failed;
    return failed || any_type || fct_slice_equal(type, step->ok);
}

static bool waits_for_answer(const struct fct_instance *instance, uint8_t slot)
{
    uint8_t phase = instance->state.steps[slot].phase;
    return phase == FCT_STEP_DOING || phase == FCT_STEP_ASKED || phase == FCT_STEP_UNKNOWN;
}

/* An event that names no command: the step that waits for its type, or otherwise any step with
 * it. */
static bool read_outside(const struct factum_saga *saga, const struct fct_instance *instance,
                         factum_slice type, struct fct_saga_input *control)
{
    control->kind = FCT_INPUT_OUTSIDE;
    control->slot = FCT_SLOT_NONE;
    for (uint8_t i = 0; i < saga->plan.step_count; i++) {
        bool ok = fct_slice_equal(saga->slots[i].ok, type);
        if (!ok && !is_failure(&saga->slots[i], type)) {
            continue;
        }
        if (control->slot == FCT_SLOT_NONE || waits_for_answer(instance, i)) {
            control->slot = i;
            control->ok = ok;
        }
        if (waits_for_answer(instance, i)) {
            break;
        }
    }
    return control->slot != FCT_SLOT_NONE;
}

/* The timer that is due; false: none. */
static bool find_timer(const struct fct_instance *instance, int64_t now,
                       struct fct_saga_input *control)
{
    control->kind = FCT_INPUT_TIMER;
    if (instance->saga == NULL || fct_saga_has_ended(&instance->state)) {
        return false;
    }
    for (uint8_t i = 0; i < instance->saga->plan.step_count + 2u; i++) {
        int64_t due = instance->state.timers[i].due;
        if (due != 0 && due <= now) {
            control->slot = i;
            return true;
        }
    }
    control->slot = FCT_SLOT_NONE;
    return instance->state.deadline.due != 0 && instance->state.deadline.due <= now;
}

bool fct_manager_read_input(const struct fct_entry *entry, const struct fct_waiting *waiting,
                            const struct factum_saga *saga, int64_t now,
                            struct fct_saga_input *control)
{
    FCT_ASSERT(entry->instance != NULL);
    *control = (struct fct_saga_input){.slot = FCT_SLOT_NONE};
    if (saga == NULL ||
        (waiting->has_event && fct_instance_knows(entry->instance, &waiting->event))) {
        return false;
    }
    switch (waiting->kind) {
    case FCT_WAITING_START:
        control->kind = FCT_INPUT_START;
        return true;
    case FCT_WAITING_REPLY:
        return reply_input(saga, waiting, control);
    case FCT_WAITING_OUTSIDE:
        return read_outside(saga, entry->instance, waiting->event.type, control);
    case FCT_WAITING_TIMERS:
        return find_timer(entry->instance, now, control);
    case FCT_WAITING_REFRESH:
    default:
        return false;
    }
}
