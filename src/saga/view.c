/* view.c - factum_saga_view_get: one saga with its steps, folded from its stream. Layer: saga. */
#include <string.h>

#include <factum/saga_view.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"
#include "saga/look.h"

#define VIEW_SIZE_MAX ((size_t)64 << 20)

/* The facts of each slot in the events that are not in the state. */
struct view_slot {
    uint64_t attempts;
    int64_t started;
    int64_t ended;
    factum_slice command_id;
    factum_slice reply;
    uint64_t reply_position;
    factum_slice text;
};

struct viewing {
    factum_arena *arena;  /* of the view */
    factum_arena records; /* of one event */
    struct view_slot slots[FCT_SAGA_SLOTS_MAX];
    uint64_t recorded;
};

/* ---- events ---------------------------------------------------------------------------------- */

static void note_started(struct viewing *v, const struct fct_instance *instance,
                         const struct fct_change *change, int64_t created)
{
    char id[FCT_COMMAND_ID_SIZE];
    struct view_slot *slot = &v->slots[change->slot];
    bool undo = change->kind == FCT_CHANGE_UNDO_STARTED;
    slot->started = slot->started == 0 ? created : slot->started;
    slot->ended = 0;
    slot->text = fct_slice(NULL, 0);
    if (change->why == FCT_WHY_EARLY) {
        return; /* nothing was sent */
    }
    slot->attempts++;
    slot->command_id = factum_arena_copy(
        v->arena, fct_command_id(&instance->key, instance->saga->slots[change->slot].name, undo,
                                 change->generation, id));
}

static void note_ended(struct viewing *v, const struct fct_record *record, int64_t created)
{
    struct view_slot *slot = &v->slots[record->change.slot];
    slot->ended = created;
    slot->text = factum_arena_copy(v->arena, record->text.len > 0 ? record->text : record->code);
    if (record->reply_type.len > 0) {
        slot->reply = factum_arena_copy(v->arena, record->reply_type);
        slot->reply_position = record->reply_position;
    }
}

static void note_record(struct viewing *v, const struct fct_instance *instance,
                        const struct fct_record *record, int64_t created)
{
    const struct fct_change *change = &record->change;
    switch (change->kind) {
    case FCT_CHANGE_REPLY_RECORDED:
        v->recorded++;
        break;
    case FCT_CHANGE_STEP_STARTED:
    case FCT_CHANGE_UNDO_STARTED:
        note_started(v, instance, change, created);
        break;
    case FCT_CHANGE_STEP_SUCCEEDED:
    case FCT_CHANGE_STEP_FAILED:
    case FCT_CHANGE_STEP_TIMED_OUT:
    case FCT_CHANGE_UNDO_SUCCEEDED:
    case FCT_CHANGE_UNDO_FAILED:
        note_ended(v, record, created);
        break;
    case FCT_CHANGE_SAGA_SKIPPED:
        note_ended(v, record, created);
        v->slots[change->slot].text = factum_arena_copy(v->arena, record->reason);
        break;
    case FCT_CHANGE_SAGA_STUCK:
        v->slots[change->slot].text = factum_arena_copy(
            v->arena,
            record->text.len > 0 ? record->text : factum_slice_from(fct_why_name(change->why)));
        break;
    default:
        break;
    }
}

/* fct_look_each */
static factum_status note_event(void *data, const struct fct_instance *instance,
                                const factum_event *event, factum_error *err)
{
    struct viewing *v = data;
    struct fct_record record;
    factum_arena_reset(&v->records);
    factum_status status =
        fct_record_read(instance->saga, event->type, event->data, &v->records, &record, err);
    if (status == FACTUM_NOT_FOUND) {
        return FACTUM_OK; /* of a later version */
    }
    if (status != FACTUM_OK) {
        return status;
    }
    note_record(v, instance, &record, event->created);
    return fct_arena_status(v->arena, "saga: a view", err);
}

/* ---- the view -------------------------------------------------------------------------------- */

static bool is_shown(const struct fct_saga_plan *plan, uint8_t slot)
{
    return !fct_plan_is_call(plan, slot) ||
           (slot == FCT_SLOT_DONE(plan) ? plan->has_done : plan->has_undone);
}

static void describe_step(factum_arena *arena, const struct factum_saga *saga, uint8_t slot,
                          factum_saga_step *step)
{
    const struct fct_step_text *text = &saga->slots[slot];
    const struct fct_saga_plan *plan = &saga->plan;
    *step = (factum_saga_step){
        .name = factum_arena_copy(arena, text->name),
        .command = factum_arena_copy(arena, text->action.name),
        .undo = factum_arena_copy(arena, text->undo.name),
        .phase = fct_look_phase(FCT_STEP_IDLE),
        .stage = fct_plan_is_call(plan, slot) ? plan->stage_count : plan->steps[slot].stage,
        .pivot = slot == plan->pivot,
    };
}

static void fill_step(const struct fct_instance *instance, const struct view_slot *noted,
                      uint8_t slot, factum_saga_step *step)
{
    const struct fct_step_state *state = &instance->state.steps[slot];
    step->phase = fct_look_phase(state->phase);
    step->generation = state->generation;
    step->undo_generation = state->undo_generation;
    step->attempts = noted->attempts;
    step->started = noted->started;
    step->ended = noted->ended;
    step->due = instance->state.timers[slot].due;
    step->command_id = noted->command_id;
    step->reply = noted->reply;
    step->reply_position = noted->reply_position;
    step->text = noted->text;
}

/* |instance| and |v| are NULL for a definition. */
static void fill_steps(factum_arena *arena, const struct factum_saga *saga,
                       const struct fct_instance *instance, const struct viewing *v,
                       factum_saga_view *view)
{
    uint8_t slots = (uint8_t)(saga->plan.step_count + 2u);
    factum_saga_step *steps = factum_arena_alloc(arena, slots * sizeof *steps);
    for (uint8_t i = 0; i < slots && steps != NULL; i++) {
        if (!is_shown(&saga->plan, i)) {
            continue;
        }
        describe_step(arena, saga, i, &steps[view->step_count]);
        if (instance != NULL && v != NULL) {
            fill_step(instance, &v->slots[i], i, &steps[view->step_count]);
        }
        view->step_count++;
    }
    view->steps = steps;
    view->saga = factum_arena_copy(arena, saga->name);
    view->version = saga->version;
    view->hash = factum_arena_copy(arena, factum_slice_from(saga->hash));
    view->memory = arena;
}

static void fill_view(factum_arena *arena, const struct fct_instance *instance,
                      const struct viewing *v, factum_saga_view *view)
{
    const struct fct_saga_state *state = &instance->state;
    fill_steps(arena, instance->saga, instance, v, view);
    view->id = factum_arena_copy(arena, instance->key.id);
    view->status = fct_look_status(instance);
    view->correlation_id = factum_arena_copy(arena, factum_slice_from(instance->correlation));
    view->kept = factum_arena_copy(arena, instance->kept);
    view->failure_code = factum_arena_copy(arena, factum_slice_from(instance->failure.code));
    view->failure_text = factum_arena_copy(arena, factum_slice_from(instance->failure.text));
    view->revision = instance->revision;
    view->started = instance->started;
    view->changed = instance->changed;
    view->deadline = state->deadline.due;
    view->late = state->late;
    view->pivot_passed = fct_saga_pivot_passed(&instance->saga->plan, state);
    view->replies_recorded = v->recorded;
}

static factum_arena *make_arena(factum_error *err)
{
    factum_arena *arena = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *arena);
    if (arena == NULL) {
        (void)fct_fail(err, FACTUM_NO_MEMORY, "saga: a view");
        return NULL;
    }
    fct_arena_init(arena, fct_mem_heap(), VIEW_SIZE_MAX);
    return arena;
}

static void free_arena(factum_arena *arena)
{
    factum_arena_finish(arena);
    fct_mem_free(fct_mem_heap(), arena);
}

/* Passes |full| to the caller, or frees it. */
static factum_status end_view(factum_status status, const factum_saga_view *full,
                              factum_arena *arena, factum_saga_view *view, factum_error *err)
{
    if (status == FACTUM_OK) {
        status = fct_arena_status(arena, "saga: a view", err);
    }
    if (status != FACTUM_OK) {
        free_arena(arena);
        return status;
    }
    fct_sized_write(view, full, sizeof *full);
    return FACTUM_OK;
}

/* A view without room for |memory| could not be freed. */
static factum_status check_view(factum_saga_view *view, factum_error *err)
{
    factum_status status = fct_sized_check(view, "saga: the view", err);
    if (status == FACTUM_OK && view->size < sizeof *view) {
        return fct_fail(err, FACTUM_INVALID, "saga: the view: its size is %zu, not %zu", view->size,
                        sizeof *view);
    }
    return status;
}

factum_status factum_saga_view_get(factum_store *store, factum_slice saga_id,
                                   factum_saga_view *view, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_saga_view full = {.size = sizeof full};
    struct fct_look look;
    factum_status status = check_view(view, err);
    factum_arena *arena = status == FACTUM_OK ? make_arena(err) : NULL;
    if (arena == NULL) {
        return status == FACTUM_OK ? FACTUM_NO_MEMORY : status;
    }
    struct viewing v = {.arena = arena};
    fct_arena_init(&v.records, fct_mem_heap(), VIEW_SIZE_MAX);
    const struct fct_look_each each = {&v, note_event};
    status = fct_look_open(store, saga_id, &each, &look, err);
    if (status == FACTUM_OK) {
        fill_view(arena, &look.instance, &v, &full);
    }
    fct_look_finish(&look);
    factum_arena_finish(&v.records);
    return end_view(status, &full, arena, view, err);
}

factum_status factum_saga_view_of(const factum_saga *saga, factum_saga_view *view,
                                  factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_saga_view full = {.size = sizeof full};
    if (saga == NULL) {
        return fct_fail(err, FACTUM_INVALID, "saga: there is no definition");
    }
    factum_status status = check_view(view, err);
    factum_arena *arena = status == FACTUM_OK ? make_arena(err) : NULL;
    if (arena == NULL) {
        return status == FACTUM_OK ? FACTUM_NO_MEMORY : status;
    }
    fill_steps(arena, saga, NULL, NULL, &full);
    return end_view(FACTUM_OK, &full, arena, view, err);
}

void factum_saga_view_free(factum_saga_view *view)
{
    if (view->memory != NULL) {
        free_arena(view->memory);
    }
    *view = (factum_saga_view){.size = view->size};
}
