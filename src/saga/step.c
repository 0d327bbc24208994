/* step.c - see instance.h: what an input appends to the store. Layer: saga.
 *
 * Commands are created from the values after the input. decide asks whether a command can be
 * created; the answer is the command itself, which is kept until the change that sends it.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "core/trace_context.h"
#include "saga/instance.h"
#include "saga/pick.h"

#define EVENT_PARSED_MAX ((size_t)4 << 20)
#define REPLY_KEPT (INT64_C(7) * 24 * 3600 * 1000000000) /* how long a reply waits for its saga */

struct step {
    const struct fct_instance *instance;
    const struct factum_saga *saga;
    const struct fct_step_input *input;
    factum_arena *arena;
    struct fct_step_append *append;
    factum_slice keep; /* added by the input */
    factum_slice kept; /* everything that is kept after it */
    struct fct_failure failure;
    struct fct_failure answered; /* by the answer in the input; may differ from |failure| */
    bool context_made;
    factum_json context; /* what `with` looks into */
    factum_slice payloads[FCT_SAGA_SLOTS_MAX][2];
    factum_slice metadata; /* of the saga's events, without its last brace */
    char causation[FACTUM_UUID_TEXT_SIZE];
    char traceparent[FCT_TRACEPARENT_SIZE + 1];
    factum_status status; /* the failure of the callback */
    factum_error *err;
    /* Not zeroed: the reason why the command of a slot cannot be sent, if it cannot. */
    char blocked[FCT_SAGA_SLOTS_MAX][FCT_FAILURE_TEXT_SIZE / 2];
};

/* ---- the input ------------------------------------------------------------------------------- */

/* The data of the input's event on a tape. Empty if it has no object, or one that is too large for
 * a tape: then none of it can be kept. */
static void parse_event(struct step *s, factum_json *json)
{
    factum_error ignored;
    memset(json, 0, sizeof *json);
    if (s->input->event == NULL || s->input->event->data.len > EVENT_PARSED_MAX ||
        fct_pick_parse(s->input->event->data, s->arena, json, &ignored) != FACTUM_OK) {
        memset(json, 0, sizeof *json);
    }
}

/* The text |name| of the event's data, or |otherwise|. */
static void take_word(struct step *s, const factum_json *json, const char *name,
                      factum_slice otherwise, char *to, size_t size)
{
    size_t len = 0;
    uint32_t value = json->count > 0
                         ? factum_json_find(json, FACTUM_JSON_ROOT, factum_slice_from(name))
                         : FACTUM_JSON_NONE;
    if (value != FACTUM_JSON_NONE && factum_json_kind_of(json, value) == FACTUM_JSON_TEXT) {
        size_t room = factum_json_inside(json, value).len;
        char *text = factum_arena_alloc(s->arena, room);
        if (text != NULL && factum_json_unescape(json, value, text, room, &len) == FACTUM_OK) {
            otherwise = fct_slice(text, len);
        }
    }
    fct_utf8_copy(to, size, otherwise);
}

static void read_reason(struct step *s, const factum_json *json)
{
    struct fct_failure *answered = &s->answered;
    factum_slice none = fct_slice(NULL, 0);
    answered->slot = s->input->control.slot;
    take_word(s, json, "code", s->input->event->type, answered->code, sizeof answered->code);
    take_word(s, json, "text", none, answered->text, sizeof answered->text);
    if (answered->text[0] == '\0') {
        take_word(s, json, "reason", none, answered->text, sizeof answered->text);
    }
}

/* The reason for compensating, if this input causes it. */
static void find_failure(struct step *s, const factum_json *json)
{
    const struct fct_saga_input *control = &s->input->control;
    struct fct_failure *failure = &s->failure;
    bool reply = control->kind == FCT_INPUT_REPLY || control->kind == FCT_INPUT_OUTSIDE;
    if (reply) {
        read_reason(s, json);
    }
    if (s->instance->state.phase == FCT_SAGA_COMPENSATING) {
        *failure = s->instance->failure;
        return;
    }
    failure->slot = control->slot;
    switch (control->kind) {
    case FCT_INPUT_REPLY:
    case FCT_INPUT_OUTSIDE:
        *failure = s->answered;
        break;
    case FCT_INPUT_TIMER:
        fct_utf8_copy(failure->code, sizeof failure->code,
                      control->slot == FCT_SLOT_NONE ? FCT_SLICE("deadline")
                                                     : FCT_SLICE("timeout"));
        fct_utf8_copy(failure->text, sizeof failure->text,
                      control->slot == FCT_SLOT_NONE ? FCT_SLICE("the saga took too long")
                                                     : FCT_SLICE("no answer in time"));
        break;
    case FCT_INPUT_CANCEL:
        fct_utf8_copy(failure->code, sizeof failure->code, FCT_SLICE("cancelled"));
        fct_utf8_copy(failure->text, sizeof failure->text, s->input->reason);
        break;
    case FCT_INPUT_UNDO:
    case FCT_INPUT_SKIP:
        fct_utf8_copy(failure->code, sizeof failure->code, FCT_SLICE("operator"));
        fct_utf8_copy(failure->text, sizeof failure->text, s->input->reason);
        break;
    default:
        break;
    }
}

static const struct fct_pick *pick_of_input(const struct step *s)
{
    const struct fct_saga_input *control = &s->input->control;
    if (control->kind == FCT_INPUT_START) {
        return &s->saga->keep;
    }
    bool reply = control->kind == FCT_INPUT_REPLY || control->kind == FCT_INPUT_OUTSIDE;
    return reply && control->ok && !control->undo ? &s->saga->slots[control->slot].keep : NULL;
}

/* More than may be kept. The values of an event are left out: the command that needs them reports
 * that they are missing. */
static factum_status drop_kept(struct step *s)
{
    if (s->input->event == NULL) {
        return fct_fail(s->err, FACTUM_TOO_BIG, "saga: more than %u bytes would be kept",
                        FCT_KEPT_MAX);
    }
    s->keep = fct_slice(NULL, 0);
    s->kept = s->instance->kept;
    return FACTUM_OK;
}

/* Sets what the input adds to the kept values, and all of them. */
static factum_status find_kept(struct step *s, const factum_json *json)
{
    const struct fct_pick *pick = pick_of_input(s);
    factum_status status = FACTUM_OK;
    s->keep = s->input->keep;
    if (pick != NULL && pick->count > 0) {
        factum_json_writer to;
        factum_json_writer_in(&to, s->arena);
        factum_json_put_object(&to);
        /* The command that needs a missing value reports it. */
        status = fct_pick_write(pick, json, true, &to, s->err);
        if (status != FACTUM_OK) {
            return status;
        }
        factum_json_put_end(&to);
        status = factum_json_writer_finish(&to, s->err);
        if (status != FACTUM_OK) {
            return status;
        }
        s->keep = fct_slice(to.buffer, to.used);
    }
    bool starts = s->input->control.kind == FCT_INPUT_START;
    if (starts && s->instance->state.phase != FCT_SAGA_NONE) {
        s->keep = fct_slice(NULL, 0); /* a second start */
    }
    if (s->keep.len > FCT_KEPT_MAX) {
        return drop_kept(s);
    }
    status = fct_pick_merge(s->instance->kept, s->keep, s->arena, &s->kept, s->err);
    bool over = status == FACTUM_OK && s->keep.len > 0 && s->kept.len > FCT_KEPT_MAX;
    return over ? drop_kept(s) : status;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* The kept values, with `failure` and `saga`. */
static factum_status make_context(struct step *s)
{
    factum_json_writer to;
    factum_slice text;
    factum_json_writer_in(&to, s->arena);
    factum_json_put_object(&to);
    if (s->failure.code[0] != '\0') {
        factum_json_put_member(&to, "failure");
        factum_json_put_object(&to);
        factum_json_put_member_text(&to, "code", factum_slice_from(s->failure.code));
        factum_json_put_member_text(&to, "text", factum_slice_from(s->failure.text));
        if (s->failure.slot != FCT_SLOT_NONE) {
            factum_json_put_member_text(&to, "step", s->saga->slots[s->failure.slot].name);
        }
        factum_json_put_end(&to);
    }
    factum_json_put_member(&to, "saga");
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "name", s->instance->key.name);
    factum_json_put_member_text(&to, "id", s->instance->key.id);
    factum_json_put_end(&to);
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, s->err);
    if (status == FACTUM_OK) {
        status = fct_pick_merge(s->kept, fct_slice(to.buffer, to.used), s->arena, &text, s->err);
    }
    if (status == FACTUM_OK) {
        status = fct_pick_parse(text, s->arena, &s->context, s->err);
    }
    s->context_made = status == FACTUM_OK;
    return status;
}

static factum_status make_payload(struct step *s, uint8_t slot, bool undo, factum_error *why)
{
    const struct fct_step_text *text = &s->saga->slots[slot];
    const struct fct_call_text *call = undo ? &text->undo : &text->action;
    factum_json_writer to;
    factum_json_writer_in(&to, s->arena);
    factum_json_put_object(&to);
    factum_status status = fct_pick_write(&call->with, &s->context, false, &to, why);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_json_put_end(&to);
    status = factum_json_writer_finish(&to, why);
    s->payloads[slot][undo ? 1 : 0] = fct_slice(to.buffer, to.used);
    return status;
}

/* fct_saga_world.sendable */
static bool can_send(void *data, uint8_t slot, bool undo)
{
    struct step *s = data;
    factum_error why;
    if ((s->input->refused_slot == slot && s->input->refused_undo == undo) ||
        (s->input->refused_before[undo ? 1 : 0] >> slot & 1u) != 0) {
        snprintf(s->blocked[slot], sizeof s->blocked[slot], "%s", s->input->refused_text);
        return false;
    }
    if (s->status == FACTUM_OK && !s->context_made) {
        s->status = make_context(s);
    }
    if (s->status != FACTUM_OK) {
        return true; /* the step fails as a whole */
    }
    factum_status status = make_payload(s, slot, undo, &why);
    if (status == FACTUM_INVALID) {
        snprintf(s->blocked[slot], sizeof s->blocked[slot], "%s", why.text);
        return false;
    }
    if (status != FACTUM_OK) {
        s->status = fct_fail(s->err, status, "%s", why.text);
    }
    return true;
}

/* ---- metadata -------------------------------------------------------------------------------- */

static void find_member(factum_slice metadata, const char *name, char *to, size_t size, size_t *len)
{
    struct fct_json_member member = {.name = factum_slice_from(name)};
    struct fct_json value;
    *len = 0;
    if (metadata.len > 0 && fct_json_pick(metadata, &value, &member, 1, NULL) == FACTUM_OK &&
        member.found && fct_json_unescape(member.value.raw, to, size, len) != FACTUM_OK) {
        *len = 0;
    }
}

/* The trace of the cause, or that of the saga, or a new root. The span is this commit's. */
static void make_traceparent(struct step *s)
{
    char given[FCT_TRACEPARENT_SIZE + 8];
    char normal[FCT_TRACEPARENT_SIZE];
    char root[33];
    size_t len = 0;
    const factum_event *event = s->input->event;
    if (event != NULL) {
        find_member(event->metadata, "traceparent", given, sizeof given, &len);
    }
    uint64_t revision = s->instance->exists ? s->instance->revision + 1 : 0;
    const factum_slice parts[] = {s->instance->key.name, FCT_SLICE("-"), s->instance->key.id};
    struct fct_hash128 trace = fct_hash128_parts(parts, 3, 1);
    struct fct_hash128 span = fct_hash128_parts(parts, 3, revision + 2);
    if (len > 0 && fct_traceparent_normal(fct_slice(given, len), normal)) {
        snprintf(root, sizeof root, "%.32s", normal + 3);
    } else if (s->instance->trace_id[0] != '\0') {
        snprintf(root, sizeof root, "%s", s->instance->trace_id);
    } else {
        snprintf(root, sizeof root, "%016" PRIx64 "%016" PRIx64, trace.high, trace.low | 1);
    }
    snprintf(s->traceparent, sizeof s->traceparent, "00-%s-%016" PRIx64 "-01", root, span.low | 1);
}

static void put_common(struct step *s, factum_json_writer *to)
{
    char text[FACTUM_NAME_SIZE_MAX];
    size_t len = 0;
    const factum_event *event = s->input->event;
    factum_slice correlation = factum_slice_from(s->instance->correlation);
    if (correlation.len == 0 && event != NULL) {
        find_member(event->metadata, "$correlationId", text, sizeof text, &len);
        correlation = len > 0 ? fct_slice(text, len) : factum_slice_from(s->causation);
    }
    if (correlation.len > 0) {
        factum_json_put_member_text(to, "$correlationId", correlation);
    }
    if (s->causation[0] != '\0') {
        factum_json_put_member_text(to, "$causationId", factum_slice_from(s->causation));
    }
    factum_json_put_member_text(to, "traceparent", factum_slice_from(s->traceparent));
}

static factum_status finish_object(factum_json_writer *to, factum_slice *made, factum_error *err)
{
    factum_json_put_end(to);
    factum_status status = factum_json_writer_finish(to, err);
    *made = fct_slice(to->buffer, to->used);
    return status;
}

static factum_status make_metadata(struct step *s)
{
    factum_json_writer to;
    if (s->input->event != NULL) {
        factum_uuid_format(s->input->event->id, s->causation);
    }
    make_traceparent(s);
    factum_json_writer_in(&to, s->arena);
    factum_json_put_object(&to);
    put_common(s, &to);
    return finish_object(&to, &s->metadata, s->err);
}

static factum_status command_metadata(struct step *s, const struct fct_change *change,
                                      factum_slice *metadata)
{
    char id[FCT_COMMAND_ID_SIZE];
    char stream[FCT_SAGA_STREAM_SIZE];
    factum_json_writer to;
    const struct fct_saga_key *key = &s->instance->key;
    factum_slice step = s->saga->slots[change->slot].name;
    bool undo = change->kind == FCT_CHANGE_UNDO_STARTED;
    factum_slice saga_id = fct_saga_stream(key, stream);
    factum_json_writer_in(&to, s->arena);
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "$commandId",
                                fct_command_id(key, step, undo, change->generation, id));
    factum_json_put_member_text(&to, "$sagaId",
                                fct_slice_from(saga_id, sizeof FCT_SAGA_PREFIX - 1));
    if (undo) {
        uint16_t done = s->append->outcome.state.steps[change->slot].generation;
        factum_json_put_member_text(&to, "$undoes",
                                    fct_command_id(key, step, false, done > 0 ? done : 1, id));
    }
    if (change->attempt > 1) {
        factum_json_put_member_int64(&to, "$attempt", change->attempt);
    }
    put_common(s, &to);
    return finish_object(&to, metadata, s->err);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Adds the contents of the change's event. */
static void fill_record(struct step *s, const struct fct_change *change, bool first,
                        struct fct_record *record)
{
    const struct fct_saga_input *control = &s->input->control;
    const factum_event *event = s->input->event;
    bool own = event != NULL && change->slot == control->slot;
    bool act = event == NULL && first && control->kind >= FCT_INPUT_RETRY;
    memset(record, 0, sizeof *record);
    record->change = *change;
    if (first && event != NULL) {
        record->has_input = true;
        record->input = event->position;
    }
    bool takes =
        change->kind == FCT_CHANGE_STEP_SUCCEEDED || change->kind == FCT_CHANGE_STEP_FAILED ||
        change->kind == FCT_CHANGE_UNDO_SUCCEEDED || change->kind == FCT_CHANGE_UNDO_FAILED ||
        change->kind == FCT_CHANGE_REPLY_RECORDED || change->kind == FCT_CHANGE_SAGA_STARTED;
    if (event != NULL && ((own && takes && first) || change->kind == FCT_CHANGE_SAGA_STARTED)) {
        record->reply_type = event->type;
        record->reply_position = event->position;
        record->start_event = factum_slice_from(s->causation);
        record->keep = s->keep;
    }
    if (change->kind == FCT_CHANGE_REPLY_RECORDED && change->why != FCT_WHY_EARLY) {
        record->keep = fct_slice(NULL, 0);
    }
    if (act) {
        record->keep = s->keep;
        record->by = s->input->by;
        record->reason = s->input->reason;
    }
    bool refused = change->kind == FCT_CHANGE_STEP_FAILED ||
                   change->kind == FCT_CHANGE_UNDO_FAILED ||
                   (change->kind == FCT_CHANGE_SAGA_STUCK && change->why == FCT_WHY_UNDO);
    if (refused || change->kind == FCT_CHANGE_SAGA_FAILED) {
        const struct fct_failure *why = refused && own ? &s->answered : &s->failure;
        record->code = factum_slice_from(why->code);
        record->text = factum_slice_from(why->text);
    }
    if (change->kind == FCT_CHANGE_SAGA_STUCK && change->why == FCT_WHY_BLOCKED) {
        record->code = FCT_SLICE("blocked");
        record->text = factum_slice_from(s->blocked[change->slot]);
    }
}

static factum_new_event *add_event(struct step *s, uint8_t slot, bool undo)
{
    struct fct_step_append *append = s->append;
    size_t at = append->event_count++;
    append->slot_of[at] = slot;
    append->undo_of[at] = undo;
    append->events[at] = (factum_new_event){.content_type = FACTUM_CONTENT_JSON};
    return &append->events[at];
}

static factum_slice copy_stream(struct step *s, factum_slice stream)
{
    return factum_arena_copy(s->arena, stream);
}

static factum_status add_command(struct step *s, const struct fct_change *change)
{
    char stream[FCT_COMMAND_STREAM_SIZE];
    const struct fct_step_text *text = &s->saga->slots[change->slot];
    bool undo = change->kind == FCT_CHANGE_UNDO_STARTED;
    const struct fct_call_text *call = undo ? &text->undo : &text->action;
    factum_new_event *event = add_event(s, change->slot, undo);
    event->stream = copy_stream(s, fct_command_stream(call->service, &s->instance->key, stream));
    event->type = call->name;
    event->data = s->payloads[change->slot][undo ? 1 : 0];
    return command_metadata(s, change, &event->metadata);
}

/* The tombstone of a command that an operator has answered instead of its participant. */
static factum_status add_tombstone(struct step *s, uint8_t slot, bool undo)
{
    char stream[FCT_COMMAND_STREAM_SIZE];
    char id[FCT_COMMAND_ID_SIZE];
    const struct fct_step_text *text = &s->saga->slots[slot];
    factum_new_event *event = add_event(s, slot, undo);
    event->stream =
        copy_stream(s, fct_command_stream(undo ? text->undo.service : text->action.service,
                                          &s->instance->key, stream));
    event->type = FCT_SLICE("CommandCancelled");
    event->data = FCT_SLICE("{}");
    event->metadata = s->metadata;
    const struct fct_step_state *state = &s->instance->state.steps[slot];
    s->append->request.idempotency_key = factum_arena_copy(
        s->arena, fct_command_id(&s->instance->key, text->name, undo,
                                 undo ? state->undo_generation : state->generation, id));
    return FACTUM_OK;
}

static factum_status add_change(struct step *s, const struct fct_change *change, bool first)
{
    struct fct_record *record = &s->append->records[change - s->append->outcome.changes];
    char stream[FCT_SAGA_STREAM_SIZE];
    factum_new_event *event = add_event(s, FCT_SLOT_NONE, false);
    event->stream = copy_stream(s, fct_saga_stream(&s->instance->key, stream));
    event->type = fct_record_type(change->kind);
    event->metadata = s->metadata;
    fill_record(s, change, first, record);
    factum_status status =
        fct_record_print(s->saga, &s->instance->key, record, s->arena, &event->data, s->err);
    bool sends = change->kind == FCT_CHANGE_UNDO_STARTED ||
                 (change->kind == FCT_CHANGE_STEP_STARTED && change->why != FCT_WHY_EARLY);
    return status == FACTUM_OK && sends ? add_command(s, change) : status;
}

/* The expectations, one for each stream: the saga's at its revision, those of commands at any. */
static factum_status add_expectations(struct step *s)
{
    struct fct_step_append *append = s->append;
    factum_expectation *all = factum_arena_alloc(s->arena, append->event_count * sizeof *all);
    size_t count = 0;
    if (all == NULL) {
        return fct_arena_status(s->arena, "saga: its events", s->err);
    }
    for (size_t i = 0; i < append->event_count; i++) {
        bool known = false;
        for (size_t k = 0; k < count && !known; k++) {
            known = fct_slice_equal(all[k].stream, append->events[i].stream);
        }
        if (known) {
            continue;
        }
        bool own = append->slot_of[i] == FCT_SLOT_NONE;
        factum_expected expected =
            s->instance->exists ? factum_at(s->instance->revision) : factum_no_stream();
        all[count++] =
            (factum_expectation){append->events[i].stream, own ? expected : factum_any()};
    }
    append->request.expectations = all;
    append->request.expectation_count = count;
    return FACTUM_OK;
}

static factum_status make_events(struct step *s)
{
    struct fct_step_append *append = s->append;
    size_t most = 2u * append->outcome.count + 1;
    append->events = factum_arena_alloc(s->arena, most * sizeof *append->events);
    append->slot_of = factum_arena_alloc(s->arena, most);
    append->undo_of = factum_arena_alloc(s->arena, most * sizeof(bool));
    append->records = factum_arena_alloc(s->arena, append->outcome.count * sizeof *append->records);
    append->saga = s->saga;
    factum_status status = fct_arena_status(s->arena, "saga: its events", s->err);
    if (status == FACTUM_OK) {
        status = make_metadata(s);
        append->metadata = s->metadata;
    }
    for (uint32_t i = 0; i < append->outcome.count && status == FACTUM_OK; i++) {
        status = add_change(s, &append->outcome.changes[i], i == 0);
    }
    if (status == FACTUM_OK && append->outcome.close_slot != FCT_SLOT_NONE) {
        status = add_tombstone(s, append->outcome.close_slot, append->outcome.close_undo);
    }
    if (status == FACTUM_OK) {
        status = add_expectations(s);
    }
    append->request.events = append->events;
    append->request.event_count = append->event_count;
    return status != FACTUM_OK ? status : fct_arena_status(s->arena, "saga: its events", s->err);
}

factum_status fct_instance_step(const struct fct_instance *instance, const struct factum_saga *saga,
                                const struct fct_step_input *input, int64_t now,
                                factum_arena *arena, struct fct_step_append *append,
                                factum_error *err)
{
    factum_json json;
    const factum_slice names[] = {instance->key.name, instance->key.id};
    struct step *s = factum_arena_take(arena, sizeof *s);
    if (s == NULL) {
        return fct_arena_status(arena, "saga: a step", err);
    }
    memset(s, 0, offsetof(struct step, blocked));
    s->instance = instance;
    s->saga =
        instance->saga != NULL && instance->state.phase != FCT_SAGA_NONE ? instance->saga : saga;
    s->input = input;
    s->arena = arena;
    s->append = append;
    s->err = err;
    s->status = FACTUM_OK;
    memset(append, 0, sizeof *append);
    append->request.size = sizeof append->request;
    FCT_ASSERT(s->saga != NULL);
    parse_event(s, &json);
    find_failure(s, &json);
    factum_status status = find_kept(s, &json);
    if (status != FACTUM_OK) {
        return status;
    }
    const struct fct_saga_world world = {.now = now,
                                         .seed = fct_hash128_parts(names, 2, 0).low,
                                         .reply_kept = REPLY_KEPT,
                                         .data = s,
                                         .sendable = can_send};
    struct fct_saga_state state = instance->state;
    if (instance->saga != NULL) {
        state = fct_instance_remap(&state, instance->saga, s->saga);
    }
    status =
        fct_saga_decide(&s->saga->plan, &state, &input->control, &world, &append->outcome, err);
    if (status == FACTUM_OK) {
        status = s->status;
    }
    return status == FACTUM_OK && append->outcome.count > 0 ? make_events(s) : status;
}
