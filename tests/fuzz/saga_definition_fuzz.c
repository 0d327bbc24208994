/* saga_definition_fuzz.c - any bytes as the definition of a saga: loaded, or refused with a text
 * and a place; a loaded definition has a plan whose invariants hold. Layer: tests. */
#include <string.h>

#include "codec/json.h"
#include "core/check.h"
#include "core/slice.h"
#include "saga/definition_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pick(const struct fct_pick *pick)
{
    FCT_ASSERT(pick->count <= FCT_SAGA_FIELDS_MAX);
    for (size_t i = 0; i < pick->count; i++) {
        const struct fct_pick_field *field = &pick->fields[i];
        struct fct_json value;
        FCT_ASSERT(field->name.len > 0);
        FCT_ASSERT(field->mark.line > 0);
        if (field->path == NULL) {
            FCT_ASSERT(fct_json_parse(field->text, &value, NULL) == FACTUM_OK);
        } else {
            FCT_ASSERT(field->text.ptr[0] == '.');
        }
    }
}

/* The slots of stage number |stage|. */
static void check_stage(const struct fct_saga_plan *plan, uint32_t stage)
{
    FCT_ASSERT(plan->first_of[stage] < plan->first_of[stage + 1]);
    for (uint8_t slot = plan->first_of[stage]; slot < plan->first_of[stage + 1]; slot++) {
        const struct fct_plan_step *step = &plan->steps[slot];
        FCT_ASSERT(step->stage == stage);
        FCT_ASSERT(step->pivot == (slot == plan->pivot));
        FCT_ASSERT(!step->pivot || plan->first_of[stage + 1] == plan->first_of[stage] + 1);
        FCT_ASSERT(!plan->any_of[stage] || step->has_undo);
        FCT_ASSERT(!fct_plan_is_forward(plan, slot) || (!step->has_undo && step->retry.times == 0));
        FCT_ASSERT(step->on_timeout != FCT_TIMEOUT_FAIL || (!step->has_undo && !step->pivot));
    }
}

static void check_saga(const factum_saga *saga)
{
    const struct fct_saga_plan *plan = &saga->plan;
    FCT_ASSERT(fct_saga_name_valid(saga->name));
    FCT_ASSERT(saga->version > 0 && saga->id != NULL && strlen(saga->hash) == 64);
    FCT_ASSERT(plan->step_count > 0 && plan->step_count <= FCT_SAGA_STEPS_MAX);
    FCT_ASSERT(plan->first_of[0] == 0 && plan->first_of[plan->stage_count] == plan->step_count);
    check_pick(&saga->keep);
    for (uint32_t stage = 0; stage < plan->stage_count; stage++) {
        check_stage(plan, stage);
    }
    for (uint8_t slot = 0; slot < plan->step_count + 2; slot++) {
        const struct fct_plan_step *step = &plan->steps[slot];
        const struct fct_step_text *text = &saga->slots[slot];
        FCT_ASSERT(step->within > 0);
        FCT_ASSERT(step->retry.from > 0 && step->retry.from <= step->retry.to);
        FCT_ASSERT(step->retry.factor >= 1);
        FCT_ASSERT(step->has_undo == (text->undo.name.len > 0));
        FCT_ASSERT(slot >= plan->step_count || fct_saga_slot(saga, text->name) == slot);
        check_pick(&text->action.with);
        check_pick(&text->undo.with);
        check_pick(&text->keep);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const factum_saga_options options = {.size = sizeof options, .name = "f.yaml"};
    factum_saga *saga = NULL;
    factum_error err = {.text = ""};
    factum_status status = factum_saga_load(fct_slice(data, size), &options, &saga, &err);
    FCT_ASSERT((status == FACTUM_OK) == (saga != NULL));
    if (status != FACTUM_OK) {
        FCT_ASSERT(status == FACTUM_INVALID || status == FACTUM_UNSUPPORTED ||
                   status == FACTUM_TOO_BIG);
        FCT_ASSERT(strncmp(err.text, "f.yaml:", 7) == 0);
        return 0;
    }
    check_saga(saga);
    factum_saga_free(saga);
    return 0;
}
