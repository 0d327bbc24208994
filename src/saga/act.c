/* act.c - factum_saga_act: what operators do to a saga. Layer: saga. A user of the public API.
 *
 *     read the stream, fold it, let the transition function judge the act
 *          | allowed: describe the consequences; stop here for what-if
 *     append at the revision that was read
 *          | WRONG_REVISION: the saga has changed meanwhile; read again, and describe the change
 *
 * So of two concurrent acts one is refused, and no act is judged by an outdated state.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <factum/json.h>
#include <factum/saga_view.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"
#include "saga/act_describe.h"
#include "saga/look.h"
#include "saga/names.h"
#include "saga/pick.h"

#define ACT_REASON_MAX 4096u
#define ACT_DATA_MAX ((size_t)1 << 20)
#define ACT_ARENA_MAX ((size_t)64 << 20)

const char *factum_saga_verb_name(factum_saga_verb verb)
{
    static const char *const names[] = {
        [FACTUM_SAGA_RETRY] = "retry",
        [FACTUM_SAGA_EDIT] = "edit",
        [FACTUM_SAGA_SKIP] = "skip",
        [FACTUM_SAGA_UNDO] = "undo",
        [FACTUM_SAGA_COMPLETE] = "complete",
        [FACTUM_SAGA_CANCEL] = "cancel",
        [FACTUM_SAGA_TIMER_MOVE] = "move-timer",
        [FACTUM_SAGA_TIMER_CANCEL] = "cancel-timer",
    };
    size_t at = (size_t)verb;
    return at > 0 && at < sizeof names / sizeof names[0] ? names[at] : "";
}

struct acting {
    factum_store *store;
    const factum_saga_act_request *request;
    struct fct_look look;
    struct fct_step_input input;
    struct fct_step_append *append;
    factum_arena arena;
    factum_saga_act_outcome outcome;
    factum_error *err;
};

/* ---- the request ----------------------------------------------------------------------------- */

static factum_status check_request(const factum_saga_act_request *request, factum_error *err)
{
    const char *verb = factum_saga_verb_name(request->verb);
    bool data = request->verb == FACTUM_SAGA_EDIT || request->verb == FACTUM_SAGA_SKIP;
    if (verb[0] == '\0') {
        return fct_fail(err, FACTUM_INVALID, "saga: %d is not an act", (int)request->verb);
    }
    if (request->reason.len == 0 && !request->what_if) {
        return fct_fail(err, FACTUM_INVALID, "%s: an act needs a reason", verb);
    }
    if (request->reason.len > ACT_REASON_MAX || request->by.len > FACTUM_NAME_SIZE_MAX) {
        return fct_fail(err, FACTUM_INVALID,
                        "%s: a reason has at most %u bytes, and who acts at most %d", verb,
                        ACT_REASON_MAX, FACTUM_NAME_SIZE_MAX);
    }
    if (!fct_utf8_valid(request->reason) || !fct_utf8_valid(request->by)) {
        return fct_fail(err, FACTUM_INVALID, "%s: reason and who acts are UTF-8", verb);
    }
    if (request->data.len > 0 && !data) {
        return fct_fail(err, FACTUM_INVALID, "%s: only edit and skip take data", verb);
    }
    if (request->data.len > ACT_DATA_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "%s: the data has more than %zu bytes", verb,
                        ACT_DATA_MAX);
    }
    if (request->verb == FACTUM_SAGA_EDIT && request->data.len == 0) {
        return fct_fail(err, FACTUM_INVALID, "edit: say what is to be kept, as {\"amount\": 5}");
    }
    return FACTUM_OK;
}

static bool is_timer_verb(factum_saga_verb verb)
{
    return verb == FACTUM_SAGA_TIMER_MOVE || verb == FACTUM_SAGA_TIMER_CANCEL;
}

/* Does the verb need a step? 0: it takes none; 1: optional; 2: required. */
static int takes_step(factum_saga_verb verb)
{
    if (verb == FACTUM_SAGA_RETRY || verb == FACTUM_SAGA_SKIP || is_timer_verb(verb)) {
        return 2;
    }
    return verb == FACTUM_SAGA_UNDO ? 1 : 0;
}

static bool needs_operator(uint8_t phase)
{
    return phase == FCT_STEP_ASKED || phase == FCT_STEP_BLOCKED || phase == FCT_STEP_UNDO_STUCK ||
           phase == FCT_STEP_UNDO_SILENT;
}

/* The only stuck step; NONE if there is not exactly one. */
static uint8_t only_stuck(const struct fct_instance *instance)
{
    uint8_t found = FCT_SLOT_NONE;
    for (uint8_t i = 0; i < instance->saga->plan.step_count + 2u; i++) {
        if (needs_operator(instance->state.steps[i].phase)) {
            if (found != FCT_SLOT_NONE) {
                return FCT_SLOT_NONE;
            }
            found = i;
        }
    }
    return found;
}

static factum_status find_slot(struct acting *a, uint8_t *slot)
{
    const factum_saga_act_request *request = a->request;
    const struct fct_instance *instance = &a->look.instance;
    const char *verb = factum_saga_verb_name(request->verb);
    int takes = takes_step(request->verb);
    *slot = FCT_SLOT_NONE;
    if (request->step.len == 0) {
        if (takes == 2 && !is_timer_verb(request->verb)) {
            *slot = only_stuck(instance);
        }
        return takes < 2 || *slot != FCT_SLOT_NONE
                   ? FACTUM_OK
                   : fct_fail(a->err, FACTUM_INVALID, "%s: say which step", verb);
    }
    if (takes == 0) {
        return fct_fail(a->err, FACTUM_INVALID, "%s concerns the whole saga: leave the step out",
                        verb);
    }
    *slot = fct_saga_slot(instance->saga, request->step);
    bool deadline =
        is_timer_verb(request->verb) && fct_slice_equal(request->step, FCT_SLICE("deadline"));
    if (*slot == FCT_SLOT_NONE && !deadline) {
        return fct_fail(a->err, FACTUM_NOT_FOUND, "%s: saga %.*s has no step %.*s", verb,
                        FCT_FMT(instance->key.name), FCT_FMT(request->step));
    }
    return FACTUM_OK;
}

/* ---- data ------------------------------------------------------------------------------------ */

static bool pick_has(const struct fct_pick *pick, factum_slice name)
{
    for (size_t i = 0; i < pick->count; i++) {
        if (fct_slice_equal(pick->fields[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool is_kept(const struct factum_saga *saga, factum_slice name)
{
    bool kept = pick_has(&saga->keep, name);
    for (uint32_t i = 0; i < saga->plan.step_count && !kept; i++) {
        kept = pick_has(&saga->slots[i].keep, name);
    }
    return kept;
}

/* |name|: the name of a member of the data. */
static factum_status check_member(struct acting *a, const factum_json *json, uint32_t name)
{
    const struct fct_instance *instance = &a->look.instance;
    size_t room = factum_json_at(json, name)->len;
    char *text = factum_arena_alloc(&a->arena, room + 1);
    size_t len = 0;
    if (text == NULL) {
        return fct_arena_status(&a->arena, "saga: an act", a->err);
    }
    if (factum_json_unescape(json, name, text, room, &len) == FACTUM_OK &&
        is_kept(instance->saga, fct_slice(text, len))) {
        return FACTUM_OK;
    }
    return fct_fail(a->err, FACTUM_INVALID, "%s: saga %.*s keeps no \"%.*s\"",
                    factum_saga_verb_name(a->request->verb), FCT_FMT(instance->key.name),
                    FCT_FMT(factum_json_inside(json, name)));
}

static factum_status check_data(struct acting *a)
{
    factum_json json;
    const factum_saga_act_request *request = a->request;
    const char *verb = factum_saga_verb_name(request->verb);
    if (request->data.len == 0) {
        return FACTUM_OK;
    }
    factum_status status = fct_pick_parse(request->data, &a->arena, &json, a->err);
    if (status != FACTUM_OK) {
        return status == FACTUM_INVALID
                   ? fct_fail(a->err, status, "%s: the data is not a JSON object", verb)
                   : status;
    }
    uint32_t count = factum_json_count(&json, FACTUM_JSON_ROOT);
    if (request->verb == FACTUM_SAGA_EDIT && count == 0) {
        return fct_fail(a->err, FACTUM_INVALID, "edit: the data has no members");
    }
    for (uint32_t at = factum_json_first(&json, FACTUM_JSON_ROOT); at != FACTUM_JSON_NONE;
         at = factum_json_next(&json, FACTUM_JSON_ROOT, at)) {
        status = check_member(a, &json, at);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

static factum_status make_input(struct acting *a)
{
    static const uint8_t kinds[] = {
        [FACTUM_SAGA_RETRY] = FCT_INPUT_RETRY,
        [FACTUM_SAGA_EDIT] = FCT_INPUT_EDIT,
        [FACTUM_SAGA_SKIP] = FCT_INPUT_SKIP,
        [FACTUM_SAGA_UNDO] = FCT_INPUT_UNDO,
        [FACTUM_SAGA_COMPLETE] = FCT_INPUT_COMPLETE,
        [FACTUM_SAGA_CANCEL] = FCT_INPUT_CANCEL,
        [FACTUM_SAGA_TIMER_MOVE] = FCT_INPUT_TIMER_MOVE,
        [FACTUM_SAGA_TIMER_CANCEL] = FCT_INPUT_TIMER_CANCEL,
    };
    const factum_saga_act_request *request = a->request;
    uint8_t slot;
    factum_status status = find_slot(a, &slot);
    if (status == FACTUM_OK) {
        status = check_data(a);
    }
    if (status == FACTUM_OK && request->verb == FACTUM_SAGA_TIMER_MOVE && request->due <= 0) {
        status = fct_fail(a->err, FACTUM_INVALID, "move-timer: say when it is due");
    }
    a->input = (struct fct_step_input){
        .control = {.kind = kinds[request->verb],
                    .slot = slot,
                    .ok = request->ok,
                    .due = request->due},
        .keep = request->data,
        .by = request->by,
        .reason = request->reason,
        .refused_slot = FCT_SLOT_NONE,
    };
    return status;
}

/* ---- the present state ----------------------------------------------------------------------- */

/* "...; the last change is SagaSkipped by ann, revision 7, at 2026-..." */
static factum_status fail_with_last(const struct fct_look *look, factum_status status,
                                    const char *text, factum_error *err)
{
    char at[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(look->instance.changed, at);
    return fct_fail(err, status, "%s; the last change is %s%s%s, revision %" PRIu64 ", at %s", text,
                    look->last_type, look->last_by[0] != '\0' ? " by " : "", look->last_by,
                    look->instance.revision, at);
}

static factum_status refuse_revision(const struct fct_look *look, factum_error *err)
{
    char text[128];
    (void)snprintf(text, sizeof text, "something has happened to the saga meanwhile: it is %s",
                   factum_saga_status_name(fct_look_status(&look->instance)));
    return fail_with_last(look, FACTUM_WRONG_REVISION, text, err);
}

/* The append found another revision: describes the present state. */
static factum_status refuse_late(const struct acting *a)
{
    struct fct_look now;
    factum_status status = fct_look_open(a->store, a->request->saga_id, NULL, &now, a->err);
    if (status == FACTUM_OK) {
        status = refuse_revision(&now, a->err);
    }
    fct_look_finish(&now);
    return status;
}

/* ---- doing it -------------------------------------------------------------------------------- */

static factum_status decide_act(struct acting *a, int64_t now)
{
    struct fct_instance *instance = &a->look.instance;
    factum_error why;
    if (a->request->revision_set && a->request->revision != instance->revision) {
        return refuse_revision(&a->look, a->err);
    }
    factum_status status = make_input(a);
    if (status != FACTUM_OK) {
        return status;
    }
    a->append = factum_arena_alloc(&a->arena, sizeof *a->append);
    if (a->append == NULL) {
        return fct_arena_status(&a->arena, "saga: an act", a->err);
    }
    status =
        fct_instance_step(instance, instance->saga, &a->input, now, &a->arena, a->append, &why);
    if (status == FACTUM_CONDITION_FAILED) {
        return fail_with_last(&a->look, status, why.text, a->err);
    }
    if (status != FACTUM_OK) {
        return fct_fail(a->err, status, "%s", why.text);
    }
    if (a->append->outcome.count == 0) {
        return fail_with_last(&a->look, FACTUM_CONDITION_FAILED, "there is nothing to do", a->err);
    }
    fct_act_describe(instance, a->append, now, a->outcome.consequence,
                     sizeof a->outcome.consequence);
    return FACTUM_OK;
}

static uint64_t own_events(const struct fct_step_append *append)
{
    uint64_t count = 0;
    for (size_t i = 0; i < append->event_count; i++) {
        count += append->slot_of[i] == FCT_SLOT_NONE ? 1 : 0;
    }
    return count;
}

/* An operator skips an undo that has no answer. Its do, if it was never handled, must not take
 * effect later, since nobody would undo it. So the key of the do is taken too, unless the do was
 * handled. */
static factum_status close_do(struct acting *a)
{
    char stream[FCT_COMMAND_STREAM_SIZE];
    char id[FCT_COMMAND_ID_SIZE];
    const struct fct_instance *instance = &a->look.instance;
    const struct fct_saga_outcome *outcome = &a->append->outcome;
    uint8_t slot = outcome->close_slot;
    uint16_t generation = slot != FCT_SLOT_NONE ? instance->state.steps[slot].generation : 0;
    if (!outcome->close_undo || generation == 0) {
        return FACTUM_OK;
    }
    const struct fct_step_text *step = &instance->saga->slots[slot];
    const factum_new_event event = {
        .type = FCT_SLICE("CommandCancelled"),
        .data = FCT_SLICE("{}"),
        .metadata = a->append->events[0].metadata,
        .stream = fct_command_stream(step->action.service, &instance->key, stream)};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .idempotency_key = fct_command_id(&instance->key, step->name, false, generation, id),
        .call = a->request->call};
    factum_status status = factum_append(a->store, &request, NULL, NULL, a->err);
    return status == FACTUM_KEY_CONFLICT ? FACTUM_OK : status;
}

static factum_status append_act(struct acting *a)
{
    factum_append_result result;
    factum_append_request *request = &a->append->request;
    request->call = a->request->call;
    factum_status status = close_do(a);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_append(a->store, request, &result, NULL, a->err);
    if (status == FACTUM_OK) {
        a->outcome.revision = a->look.instance.revision + own_events(a->append);
        a->outcome.position = result.position;
    } else if (status == FACTUM_WRONG_REVISION) {
        status = refuse_late(a);
    } else if (status == FACTUM_KEY_CONFLICT) {
        status =
            fct_fail(a->err, status,
                     "%s: the participant has acted on the command already: wait for its "
                     "answer, or look for it (key %.*s)",
                     factum_saga_verb_name(a->request->verb), FCT_FMT(request->idempotency_key));
    }
    return status;
}

static factum_status act_on_saga(struct acting *a)
{
    factum_status status = fct_look_open(a->store, a->request->saga_id, NULL, &a->look, a->err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = decide_act(a, factum_now(a->store));
    if (status != FACTUM_OK) {
        return status;
    }
    if (a->request->what_if) {
        a->outcome.revision = a->look.instance.revision;
    } else {
        status = append_act(a);
    }
    return status;
}

factum_status factum_saga_act(factum_store *store, const factum_saga_act_request *given,
                              factum_saga_act_outcome *outcome, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_saga_act_request request;
    factum_status status =
        fct_sized_read(&request, sizeof request, given, "saga: the request", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (outcome != NULL) {
        status = fct_sized_check(outcome, "saga: the outcome", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = check_request(&request, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct acting *a = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *a);
    if (a == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "saga: an act");
    }
    a->store = store;
    a->request = &request;
    a->err = err;
    fct_arena_init(&a->arena, fct_mem_heap(), ACT_ARENA_MAX);
    status = act_on_saga(a);
    if (status == FACTUM_OK && outcome != NULL) {
        fct_sized_write(outcome, &a->outcome, sizeof a->outcome);
    }
    factum_arena_finish(&a->arena);
    fct_look_finish(&a->look);
    fct_mem_free(fct_mem_heap(), a);
    return status;
}
