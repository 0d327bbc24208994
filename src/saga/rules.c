/* rules.c - the load checks of a saga. Layer: saga. See definition_int.h.
 *
 * Each rule has a name, which is in its message; docs/guide/sagas.md lists them. These checks need
 * only the file; the checker proves that every run ends well.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/slice.h"
#include "saga/definition_int.h"

#define rule_fail(loader, mark, ...) fct_saga_load_fail(loader, FACTUM_INVALID, mark, __VA_ARGS__)

static const struct fct_saga_plan *rule_plan(const struct fct_loader *loader)
{
    return &loader->saga->plan;
}

/* Is |slot| in a stage after the pivot's? */
static bool rule_is_behind(const struct fct_loader *loader, uint8_t slot)
{
    return fct_plan_is_forward(rule_plan(loader), slot);
}

/* ---- names ----------------------------------------------------------------------------------- */

static factum_status rule_names(struct fct_loader *loader)
{
    static const char *const reserved[] = {"done", "undone", "deadline", "failure", "saga"};
    for (size_t i = 0; i < loader->step_count; i++) {
        const struct fct_step_text *step = &loader->steps[i].text;
        for (size_t k = 0; k < sizeof reserved / sizeof *reserved; k++) {
            if (fct_slice_equal(step->name, factum_slice_from(reserved[k]))) {
                return rule_fail(loader, step->mark, "step-name",
                                 "\"%s\" has a meaning of its own: give the step another name",
                                 reserved[k]);
            }
        }
        for (size_t k = 0; k < i; k++) {
            const struct fct_step_text *other = &loader->steps[k].text;
            if (fct_slice_equal(step->name, other->name)) {
                return rule_fail(loader, step->mark, "step-name",
                                 "a step in line %u has the name \"%.*s\" too: give each its own",
                                 (unsigned)other->mark.line, FCT_FMT(step->name));
            }
        }
    }
    return FACTUM_OK;
}

/* ---- the pivot and the undos ----------------------------------------------------------------- */

static factum_status rule_pivot(struct fct_loader *loader)
{
    uint8_t pivot = rule_plan(loader)->pivot;
    if (pivot == FCT_SLOT_NONE) {
        return FACTUM_OK;
    }
    for (uint8_t slot = (uint8_t)(pivot + 1u); slot < (uint8_t)loader->step_count; slot++) {
        if (loader->steps[slot].pivot) {
            return rule_fail(loader, loader->steps[slot].pivot_mark, "one-pivot",
                             "%.*s is a pivot already: only one step can be the one after which "
                             "there is no way back",
                             FCT_FMT(loader->steps[pivot].text.name));
        }
    }
    if (loader->stages[loader->stage_of[pivot]].parallel) {
        return rule_fail(loader, loader->steps[pivot].pivot_mark, "pivot-alone",
                         "the pivot is inside parallel: put it after the others, as a step of "
                         "its own");
    }
    return FACTUM_OK;
}

static factum_status rule_undo(struct fct_loader *loader)
{
    for (uint8_t slot = 0; slot < (uint8_t)loader->step_count; slot++) {
        const struct fct_step_parsed *step = &loader->steps[slot];
        bool parsed = step->undo_mark.line > 0;
        if (rule_is_behind(loader, slot) && parsed) {
            return rule_fail(loader, step->undo_mark, "undo-behind-pivot",
                             "%.*s comes after the pivot and is never undone: leave undo out",
                             FCT_FMT(step->text.name));
        }
        if (!rule_is_behind(loader, slot) && !step->pivot && !parsed) {
            return rule_fail(loader, step->text.mark, "undo-missing",
                             "%.*s can be followed by a failure and has no undo: add undo and "
                             "undo_with, or undo: none and because",
                             FCT_FMT(step->text.name));
        }
    }
    return FACTUM_OK;
}

static factum_status rule_on_timeout_of(const struct fct_loader *loader, uint8_t slot)
{
    const struct fct_step_parsed *step = &loader->steps[slot];
    struct fct_mark mark = step->on_timeout_mark;
    if (rule_is_behind(loader, slot)) {
        return rule_fail(loader, mark, "on-timeout",
                         "%.*s comes after the pivot and is tried until it succeeds: leave "
                         "on_timeout out",
                         FCT_FMT(step->text.name));
    }
    if (step->on_timeout == FCT_TIMEOUT_FAIL && (step->pivot || !step->undo_none)) {
        return rule_fail(loader, mark, "on-timeout",
                         "%s that is silent may have happened, so \"fail\" is unsound: write %s",
                         step->pivot ? "a pivot" : "a step",
                         step->pivot ? "on_timeout: ask" : "compensate, or ask");
    }
    if (step->on_timeout == FCT_TIMEOUT_COMPENSATE && step->pivot &&
        step->text.undo.name.len == 0) {
        return rule_fail(loader, mark, "on-timeout",
                         "the pivot may have happened and has no undo, so \"compensate\" is "
                         "unsound: write ask, or add undo");
    }
    return FACTUM_OK;
}

static factum_status rule_on_timeout(struct fct_loader *loader)
{
    factum_status status = FACTUM_OK;
    for (uint8_t slot = 0; slot < (uint8_t)loader->step_count && status == FACTUM_OK; slot++) {
        if (loader->steps[slot].on_timeout_mark.line > 0) {
            status = rule_on_timeout_of(loader, slot);
        }
    }
    return status;
}

static factum_status rule_join_any(struct fct_loader *loader)
{
    for (uint8_t slot = 0; slot < (uint8_t)loader->step_count; slot++) {
        const struct fct_step_parsed *step = &loader->steps[slot];
        const struct fct_stage_parsed *stage = &loader->stages[loader->stage_of[slot]];
        if (!stage->any) {
            continue;
        }
        if (rule_is_behind(loader, slot)) {
            return rule_fail(loader, stage->mark, "join-any",
                             "after the pivot nothing is given up: write join: all, or put it "
                             "before the pivot");
        }
        if (step->text.undo.name.len == 0) {
            return rule_fail(loader, step->text.mark, "join-any",
                             "%.*s may lose against the others and has no undo: add undo and "
                             "undo_with",
                             FCT_FMT(step->text.name));
        }
    }
    return FACTUM_OK;
}

/* ---- events ---------------------------------------------------------------------------------- */

static factum_status rule_ok_fail(struct fct_loader *loader)
{
    for (size_t i = 0; i < loader->step_count; i++) {
        const struct fct_step_parsed *step = &loader->steps[i];
        for (size_t k = 0; k < step->text.fail_count; k++) {
            if (fct_slice_equal(step->text.fail[k], step->text.ok)) {
                return rule_fail(loader, step->fail_marks[k], "ok-and-fail",
                                 "%.*s means success and failure: name two types of event",
                                 FCT_FMT(step->text.ok));
            }
        }
    }
    return FACTUM_OK;
}

static bool rule_names_type(const struct fct_step_text *step, factum_slice type)
{
    bool named = fct_slice_equal(step->ok, type);
    for (size_t i = 0; i < step->fail_count && !named; i++) {
        named = fct_slice_equal(step->fail[i], type);
    }
    return named;
}

/* An event that names no command is matched by its type. */
static factum_status rule_shared_types(struct fct_loader *loader)
{
    for (size_t i = 1; i < loader->step_count; i++) {
        const struct fct_step_parsed *step = &loader->steps[i];
        for (size_t k = 0; k < i; k++) {
            const struct fct_step_text *other = &loader->steps[k].text;
            if (rule_names_type(other, step->text.ok)) {
                fct_saga_load_warn(
                    loader, step->ok_mark, "shared-type",
                    "%.*s waits for %.*s too: an event from outside, which names no "
                    "command, cannot tell them apart; give each step an event of its own",
                    FCT_FMT(other->name), FCT_FMT(step->text.ok));
                break;
            }
        }
    }
    return FACTUM_OK;
}

/* ---- kept fields ----------------------------------------------------------------------------- */

/* Where a field is kept; FCT_SLOT_NONE: at the start. */
struct rule_kept {
    const struct fct_pick_field *field; /* NULL: nowhere */
    uint8_t slot;
};

static const struct fct_pick_field *rule_find_in(const struct fct_pick *pick, factum_slice name)
{
    for (size_t i = 0; i < pick->count; i++) {
        if (fct_slice_equal(pick->fields[i].name, name)) {
            return &pick->fields[i];
        }
    }
    return NULL;
}

/* Searches the start and the steps below |end|. */
static struct rule_kept rule_find(const struct factum_saga *saga, uint8_t end, factum_slice name)
{
    struct rule_kept kept = {rule_find_in(&saga->keep, name), FCT_SLOT_NONE};
    for (uint8_t slot = 0; slot < end && kept.field == NULL; slot++) {
        kept = (struct rule_kept){rule_find_in(&saga->slots[slot].keep, name), slot};
    }
    return kept;
}

/* A name that a path can contain without quotes, and that has no other meaning there. */
static bool rule_keep_name(factum_slice name)
{
    bool good = !fct_slice_equal(name, FCT_SLICE("saga")) &&
                !fct_slice_equal(name, FCT_SLICE("failure")) &&
                (name.ptr[0] < '0' || name.ptr[0] > '9') && name.ptr[0] != '-';
    for (size_t i = 0; i < name.len && good; i++) {
        uint8_t c = name.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '$' || c == '-';
    }
    return good;
}

/* |pick| is the `keep` of |slot|, or of the start. */
static factum_status rule_keep_of(const struct fct_loader *loader, const struct fct_pick *pick,
                                  uint8_t slot)
{
    uint8_t before = slot == FCT_SLOT_NONE ? 0 : slot;
    for (size_t i = 0; i < pick->count; i++) {
        const struct fct_pick_field *field = &pick->fields[i];
        if (!rule_keep_name(field->name)) {
            return rule_fail(loader, field->mark, "keep-name",
                             "\"%.*s\" cannot be the name of a kept field: take letters, digits "
                             "and _, and neither saga nor failure",
                             FCT_FMT(field->name));
        }
        struct rule_kept other = rule_find(loader->saga, before, field->name);
        if (slot != FCT_SLOT_NONE && other.field != NULL) {
            return rule_fail(loader, field->mark, "keep-collides",
                             "\"%.*s\" is kept in line %u too: give one another name, such as "
                             "new_%.*s: .%.*s",
                             FCT_FMT(field->name), (unsigned)other.field->mark.line,
                             FCT_FMT(field->name), FCT_FMT(field->name));
        }
    }
    return FACTUM_OK;
}

static factum_status rule_keep(struct fct_loader *loader)
{
    struct factum_saga *saga = loader->saga;
    factum_status status = rule_keep_of(loader, &saga->keep, FCT_SLOT_NONE);
    for (uint8_t slot = 0; slot < (uint8_t)loader->step_count && status == FACTUM_OK; slot++) {
        status = rule_keep_of(loader, &saga->slots[slot].keep, slot);
    }
    return status;
}

/* ---- the data of commands -------------------------------------------------------------------- */

/* The checked mapping: that of a slot's do or undo. */
struct rule_use {
    struct fct_loader *loader;
    uint8_t slot;
    bool undo;
};

static const char *rule_use_name(const struct rule_use *use)
{
    return use->undo ? "undo_with" : "with";
}

static factum_slice rule_step_name(const struct fct_path *path, uint32_t step)
{
    return fct_slice(path->names + path->steps[step].start, path->steps[step].len);
}

static bool rule_step_is(const struct fct_path *path, uint32_t step, const char *name)
{
    return path->count > step && path->steps[step].kind == FCT_PATH_MEMBER &&
           fct_slice_equal(rule_step_name(path, step), factum_slice_from(name));
}

/* .failure and .saga, and their members. */
static factum_status rule_use_special(const struct rule_use *use, struct fct_pick_field *field)
{
    const struct fct_path *path = field->path;
    bool failure = rule_step_is(path, 0, "failure");
    bool known = path->count == 1 ||
                 (path->count == 2 &&
                  (failure ? rule_step_is(path, 1, "code") || rule_step_is(path, 1, "text") ||
                                 rule_step_is(path, 1, "step")
                           : rule_step_is(path, 1, "id") || rule_step_is(path, 1, "name")));
    if (!known) {
        return rule_fail(use->loader, field->mark, "unknown-field", "there is no %.*s: %s",
                         FCT_FMT(field->text),
                         failure ? "a failure has .failure.code, .failure.text and .failure.step"
                                 : "a saga has .saga.id and .saga.name");
    }
    if (failure && !use->undo && use->slot != FCT_SLOT_UNDONE(rule_plan(use->loader))) {
        return rule_fail(use->loader, field->mark, "unknown-field",
                         "there is no failure yet: .failure is for undo_with and undone only");
    }
    field->optional = rule_step_is(path, 1, "step");
    return FACTUM_OK;
}

static FCT_COLD factum_status rule_use_unknown(const struct rule_use *use,
                                               const struct fct_pick_field *field,
                                               factum_slice name)
{
    const struct factum_saga *saga = use->loader->saga;
    struct fct_nearest nearest;
    fct_nearest_begin(&nearest, name);
    for (size_t i = 0; i < saga->keep.count; i++) {
        fct_nearest_offer(&nearest, saga->keep.fields[i].name);
    }
    for (uint8_t slot = 0; slot < (uint8_t)saga->plan.step_count; slot++) {
        for (size_t i = 0; i < saga->slots[slot].keep.count; i++) {
            fct_nearest_offer(&nearest, saga->slots[slot].keep.fields[i].name);
        }
    }
    if (nearest.best.len > 0) {
        return rule_fail(use->loader, field->mark, "unknown-field",
                         "nothing keeps \"%.*s\": did you mean %.*s?", FCT_FMT(name),
                         FCT_FMT(nearest.best));
    }
    return rule_fail(use->loader, field->mark, "unknown-field",
                     "nothing keeps \"%.*s\": add it to keep, of the saga or of a step before",
                     FCT_FMT(name));
}

/* Does |kept| exist when the command is created? *optional: perhaps. */
static bool rule_use_is_there(const struct rule_use *use, struct rule_kept kept, bool *optional)
{
    const struct fct_saga_plan *plan = rule_plan(use->loader);
    *optional = false;
    if (kept.slot == FCT_SLOT_NONE) {
        return true;
    }
    uint8_t stage = plan->steps[kept.slot].stage;
    *optional = plan->any_of[stage] || use->slot == FCT_SLOT_UNDONE(plan);
    if (use->undo && kept.slot == use->slot) {
        *optional = true;
        return true;
    }
    return stage < plan->steps[use->slot].stage;
}

static factum_status rule_use_field(const struct rule_use *use, struct fct_pick_field *field)
{
    const struct fct_path *path = field->path;
    if (path == NULL || path->count == 0) {
        return FACTUM_OK;
    }
    FCT_ASSERT(path->steps[0].kind == FCT_PATH_MEMBER); /* it begins with a dot */
    if (rule_step_is(path, 0, "failure") || rule_step_is(path, 0, "saga")) {
        return rule_use_special(use, field);
    }
    factum_slice name = rule_step_name(path, 0);
    struct rule_kept kept = rule_find(use->loader->saga, (uint8_t)use->loader->step_count, name);
    if (kept.field == NULL) {
        return rule_use_unknown(use, field, name);
    }
    if (!rule_use_is_there(use, kept, &field->optional)) {
        return rule_fail(use->loader, field->mark, "unknown-field",
                         "\"%.*s\" is kept by %.*s, which has not ended when this %s is sent: use "
                         "it in a later stage",
                         FCT_FMT(name), FCT_FMT(use->loader->steps[kept.slot].text.name),
                         rule_use_name(use));
    }
    return FACTUM_OK;
}

static factum_status rule_use_pick(const struct rule_use *use, struct fct_pick *pick)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < pick->count && status == FACTUM_OK; i++) {
        status = rule_use_field(use, &pick->fields[i]);
    }
    return status;
}

static factum_status rule_uses(struct fct_loader *loader)
{
    struct factum_saga *saga = loader->saga;
    factum_status status = FACTUM_OK;
    for (uint8_t slot = 0; slot < (uint8_t)(loader->step_count + 2) && status == FACTUM_OK;
         slot++) {
        struct rule_use use = {loader, slot, false};
        status = rule_use_pick(&use, &saga->slots[slot].action.with);
        use.undo = true;
        if (status == FACTUM_OK) {
            status = rule_use_pick(&use, &saga->slots[slot].undo.with);
        }
    }
    return status;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static factum_status rule_id(struct fct_loader *loader)
{
    const struct fct_path *id = loader->saga->id;
    if (id->fans_out || id->count == 0) {
        return rule_fail(loader, loader->id_mark, "id",
                         "%.*s is not one value: write the path of a text or a number, such as "
                         ".orderId",
                         FCT_FMT(loader->saga->id_text));
    }
    return FACTUM_OK;
}

static factum_status rule_retry_of(const struct fct_loader *loader,
                                   const struct fct_retry_parsed *parsed)
{
    if (parsed->from && parsed->to && parsed->value.from > parsed->value.to) {
        return rule_fail(loader, parsed->mark, "retry",
                         "\"from\" is longer than \"to\": from is the first wait, to the longest");
    }
    return FACTUM_OK;
}

static factum_status rule_retry(struct fct_loader *loader)
{
    factum_status status = rule_retry_of(loader, &loader->retry);
    for (size_t i = 0; i < loader->step_count && status == FACTUM_OK; i++) {
        status = rule_retry_of(loader, &loader->steps[i].retry);
    }
    return status;
}

/* |time| in the largest unit that divides it. */
static void rule_print_time(int64_t time, char *text, size_t size)
{
    static const struct {
        int64_t size;
        const char *name;
    } units[] = {{INT64_C(86400000000000), "d"},
                 {INT64_C(3600000000000), "h"},
                 {INT64_C(60000000000), "m"},
                 {INT64_C(1000000000), "s"},
                 {1000000, "ms"}};
    size_t unit = 0;
    while (unit < 4 && time % units[unit].size != 0) {
        unit++;
    }
    (void)snprintf(text, size, "%" PRId64 "%s", time / units[unit].size, units[unit].name);
}

/* Each stage takes as long as its slowest step. */
static factum_status rule_deadline(struct fct_loader *loader)
{
    const struct fct_saga_plan *plan = rule_plan(loader);
    int64_t sum = 0;
    char text[32];
    for (uint32_t stage = 0; stage < plan->stage_count; stage++) {
        int64_t longest = 0;
        for (uint8_t slot = plan->first_of[stage]; slot < plan->first_of[stage + 1]; slot++) {
            int64_t within = plan->steps[slot].within;
            longest = within > longest ? within : longest;
        }
        sum += longest;
    }
    if (plan->deadline == 0 || plan->deadline >= sum) {
        return FACTUM_OK;
    }
    rule_print_time(sum, text, sizeof text);
    return rule_fail(loader, loader->deadline_mark, "deadline",
                     "the steps may take %s by their \"within\": write %s or more, or shorten "
                     "them",
                     text, text);
}

factum_status fct_saga_load_rules(struct fct_loader *loader)
{
    static factum_status (*const rules[])(struct fct_loader *) = {
        rule_names,        rule_pivot, rule_undo, rule_on_timeout, rule_join_any, rule_ok_fail,
        rule_shared_types, rule_keep,  rule_uses, rule_id,         rule_retry,    rule_deadline,
    };
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < sizeof rules / sizeof *rules && status == FACTUM_OK; i++) {
        status = rules[i](loader);
    }
    return status;
}
