/* record.c - see record.h. Layer: saga. */
#include "saga/record.h"

#include <inttypes.h>
#include <string.h>

#include <factum/json.h>
#include <factum/json_write.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/slice.h"

/* ---- words ----------------------------------------------------------------------------------- */

static const char *const record_types[] = {
    [FCT_CHANGE_SAGA_STARTED] = "SagaStarted",
    [FCT_CHANGE_SAGA_FAILED] = "SagaFailed",
    [FCT_CHANGE_SAGA_STUCK] = "SagaStuck",
    [FCT_CHANGE_SAGA_DONE] = "SagaDone",
    [FCT_CHANGE_SAGA_UNDONE] = "SagaUndone",
    [FCT_CHANGE_STEP_STARTED] = "StepStarted",
    [FCT_CHANGE_STEP_SUCCEEDED] = "StepSucceeded",
    [FCT_CHANGE_STEP_FAILED] = "StepFailed",
    [FCT_CHANGE_STEP_TIMED_OUT] = "StepTimedOut",
    [FCT_CHANGE_UNDO_STARTED] = "UndoStarted",
    [FCT_CHANGE_UNDO_SUCCEEDED] = "UndoSucceeded",
    [FCT_CHANGE_UNDO_FAILED] = "UndoFailed",
    [FCT_CHANGE_TIMER_SET] = "TimerSet",
    [FCT_CHANGE_TIMER_MOVED] = "TimerMoved",
    [FCT_CHANGE_TIMER_CANCELLED] = "TimerCancelled",
    [FCT_CHANGE_TIMER_FIRED] = "TimerFired",
    [FCT_CHANGE_REPLY_RECORDED] = "ReplyRecorded",
    [FCT_CHANGE_SAGA_RETRIED] = "SagaRetried",
    [FCT_CHANGE_SAGA_EDITED] = "SagaEdited",
    [FCT_CHANGE_SAGA_SKIPPED] = "SagaSkipped",
    [FCT_CHANGE_SAGA_UNDO_REQUESTED] = "SagaUndoRequested",
    [FCT_CHANGE_SAGA_COMPLETED] = "SagaCompleted",
    [FCT_CHANGE_SAGA_CANCELLED] = "SagaCancelled",
};
#define RECORD_TYPES (sizeof record_types / sizeof record_types[0])

static const char *const record_whys[] = {
    [FCT_WHY_NONE] = "",
    [FCT_WHY_FAIL] = "fail",
    [FCT_WHY_EARLY] = "early",
    [FCT_WHY_LATE] = "late",
    [FCT_WHY_DUPLICATE] = "duplicate",
    [FCT_WHY_ASK] = "ask",
    [FCT_WHY_BLOCKED] = "blocked",
    [FCT_WHY_UNDO] = "undo",
    [FCT_WHY_SILENT] = "silent",
    [FCT_WHY_DEADLINE] = "deadline",
};
#define RECORD_WHYS (sizeof record_whys / sizeof record_whys[0])

factum_slice fct_record_type(uint8_t kind)
{
    return factum_slice_from(kind < RECORD_TYPES ? record_types[kind] : NULL);
}

uint8_t fct_record_kind(factum_slice type)
{
    for (size_t i = 1; i < RECORD_TYPES; i++) {
        if (fct_slice_equal(type, factum_slice_from(record_types[i]))) {
            return (uint8_t)i;
        }
    }
    return 0;
}

const char *fct_why_name(uint8_t why)
{
    return why < RECORD_WHYS ? record_whys[why] : "";
}

static bool is_timer(uint8_t kind)
{
    return kind >= FCT_CHANGE_TIMER_SET && kind <= FCT_CHANGE_TIMER_FIRED;
}

static bool is_start(uint8_t kind)
{
    return kind == FCT_CHANGE_STEP_STARTED || kind == FCT_CHANGE_UNDO_STARTED;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void put_filled(factum_json_writer *to, const char *name, factum_slice text)
{
    if (text.len > 0) {
        factum_json_put_member_text(to, name, text);
    }
}

static void put_number(factum_json_writer *to, const char *name, uint64_t number)
{
    factum_json_put_member(to, name);
    factum_json_put_uint64(to, number);
}

static void put_raw(factum_json_writer *to, const char *name, factum_slice json)
{
    if (json.len > 0) {
        factum_json_put_member(to, name);
        factum_json_put_raw(to, json);
    }
}

static void put_saga_started(factum_json_writer *to, const struct factum_saga *saga,
                             const struct fct_saga_key *key, const struct fct_record *record)
{
    factum_json_put_member_text(to, "saga", key->name);
    factum_json_put_member_text(to, "id", key->id);
    put_number(to, "version", saga->version);
    factum_json_put_member_text(to, "hash", factum_slice_from(saga->hash));
    factum_json_put_member(to, "start");
    factum_json_put_object(to);
    put_filled(to, "type", record->reply_type);
    put_number(to, "position", record->reply_position);
    put_filled(to, "event", record->start_event);
    factum_json_put_end(to);
}

static void put_reply(factum_json_writer *to, const struct fct_record *record)
{
    if (record->reply_type.len == 0) {
        return;
    }
    factum_json_put_member(to, "reply");
    factum_json_put_object(to);
    factum_json_put_member_text(to, "type", record->reply_type);
    put_number(to, "position", record->reply_position);
    factum_json_put_end(to);
}

static void put_started(factum_json_writer *to, const struct factum_saga *saga,
                        const struct fct_saga_key *key, const struct fct_change *change)
{
    char id[FCT_COMMAND_ID_SIZE];
    const struct fct_step_text *step = &saga->slots[change->slot];
    bool undo = change->kind == FCT_CHANGE_UNDO_STARTED;
    factum_json_put_member_text(to, "command", undo ? step->undo.name : step->action.name);
    factum_json_put_member_text(to, "commandId",
                                fct_command_id(key, step->name, undo, change->generation, id));
    put_number(to, "generation", change->generation);
    put_number(to, "attempt", change->attempt);
}

static void put_timer(factum_json_writer *to, const struct factum_saga *saga,
                      const struct fct_change *change)
{
    factum_json_put_member_text(to, "timer",
                                change->slot == FCT_SLOT_NONE ? FCT_SLICE("deadline")
                                                              : saga->slots[change->slot].name);
    if (change->kind == FCT_CHANGE_TIMER_SET || change->kind == FCT_CHANGE_TIMER_MOVED) {
        char due[FACTUM_TIME_TEXT_SIZE];
        factum_time_format(change->due, due);
        factum_json_put_member_text(to, "due", factum_slice_from(due));
        factum_json_put_member_int64(to, "dueNs", change->due);
        factum_json_put_member_int64(to, "waitNs", change->wait);
    }
}

static void put_change(factum_json_writer *to, const struct factum_saga *saga,
                       const struct fct_saga_key *key, const struct fct_change *change)
{
    if (is_timer(change->kind)) {
        put_timer(to, saga, change);
        return;
    }
    if (change->slot != FCT_SLOT_NONE) {
        factum_json_put_member_text(to, "step", saga->slots[change->slot].name);
    }
    if (is_start(change->kind)) {
        put_started(to, saga, key, change);
    }
    if (change->kind == FCT_CHANGE_REPLY_RECORDED && change->generation > 0) {
        put_number(to, "generation", change->generation);
    }
    if (change->undo) {
        factum_json_put_member_bool(to, "undo", true);
    }
    put_filled(to, "why", factum_slice_from(fct_why_name(change->why)));
    if (change->kind == FCT_CHANGE_SAGA_SKIPPED || change->kind == FCT_CHANGE_SAGA_COMPLETED ||
        change->kind == FCT_CHANGE_REPLY_RECORDED) {
        factum_json_put_member_text(to, "result", change->ok ? FCT_SLICE("ok") : FCT_SLICE("fail"));
    }
}

factum_status fct_record_print(const struct factum_saga *saga, const struct fct_saga_key *key,
                               const struct fct_record *record, factum_arena *arena,
                               factum_slice *data, factum_error *err)
{
    factum_json_writer to;
    factum_json_writer_in(&to, arena);
    factum_json_put_object(&to);
    if (record->change.kind == FCT_CHANGE_SAGA_STARTED) {
        put_saga_started(&to, saga, key, record);
    } else {
        put_change(&to, saga, key, &record->change);
        put_reply(&to, record);
    }
    put_filled(&to, "code", record->code);
    put_filled(&to, "text", record->text);
    put_raw(&to, "keep", record->keep);
    put_filled(&to, "by", record->by);
    put_filled(&to, "reason", record->reason);
    if (record->has_input) {
        put_number(&to, "input", record->input);
    }
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    if (status != FACTUM_OK) {
        return fct_wrap(err, status, "saga: an event of %.*s-%.*s", FCT_FMT(key->name),
                        FCT_FMT(key->id));
    }
    *data = fct_slice(to.buffer, to.used);
    return FACTUM_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    const struct factum_saga *saga;
    factum_json json;
    factum_arena *arena;
    struct fct_record *record;
    bool bad;
};

static uint32_t member(const struct reading *r, uint32_t object, const char *name)
{
    return factum_json_find(&r->json, object, factum_slice_from(name));
}

/* The decoded text; empty if it is missing. */
static factum_slice read_text(struct reading *r, uint32_t object, const char *name)
{
    uint32_t value = member(r, object, name);
    size_t len = 0;
    if (value == FACTUM_JSON_NONE) {
        return fct_slice(NULL, 0);
    }
    if (factum_json_kind_of(&r->json, value) == FACTUM_JSON_TEXT &&
        !factum_json_is_escaped(&r->json, value)) {
        return factum_json_inside(&r->json, value);
    }
    size_t room = factum_json_at(&r->json, value)->len;
    char *to = factum_arena_alloc(r->arena, room + 1);
    if (to == NULL || factum_json_unescape(&r->json, value, to, room, &len) != FACTUM_OK) {
        r->bad = true;
        return fct_slice(NULL, 0);
    }
    return fct_slice(to, len);
}

/* 0 if it is missing. */
static uint64_t read_number(struct reading *r, uint32_t object, const char *name, uint64_t max)
{
    uint32_t value = member(r, object, name);
    uint64_t number = 0;
    if (value == FACTUM_JSON_NONE) {
        return 0;
    }
    if (factum_json_to_uint64(&r->json, value, &number) != FACTUM_OK || number > max) {
        r->bad = true;
        return 0;
    }
    return number;
}

static void read_slot(struct reading *r, const char *name)
{
    struct fct_change *change = &r->record->change;
    factum_slice step = read_text(r, FACTUM_JSON_ROOT, name);
    change->slot = FCT_SLOT_NONE;
    if (step.len == 0) {
        return;
    }
    change->slot = fct_saga_slot(r->saga, step);
    /* An early reply without effect, if the present version gives its step another name. */
    if (change->slot == FCT_SLOT_NONE && change->kind != FCT_CHANGE_REPLY_RECORDED &&
        !fct_slice_equal(step, FCT_SLICE("deadline"))) {
        r->bad = true;
    }
}

static void read_reply(struct reading *r)
{
    struct fct_record *record = r->record;
    bool start = record->change.kind == FCT_CHANGE_SAGA_STARTED;
    uint32_t reply = member(r, FACTUM_JSON_ROOT, start ? "start" : "reply");
    if (reply == FACTUM_JSON_NONE) {
        return;
    }
    record->reply_type = read_text(r, reply, "type");
    record->reply_position = read_number(r, reply, "position", UINT64_MAX);
    record->start_event = read_text(r, reply, "event");
}

static void read_why(struct reading *r)
{
    factum_slice why = read_text(r, FACTUM_JSON_ROOT, "why");
    for (size_t i = 1; i < RECORD_WHYS && why.len > 0; i++) {
        if (fct_slice_equal(why, factum_slice_from(record_whys[i]))) {
            r->record->change.why = (uint8_t)i;
        }
    }
}

static void read_change(struct reading *r)
{
    struct fct_change *change = &r->record->change;
    uint32_t undo = member(r, FACTUM_JSON_ROOT, "undo");
    read_slot(r, is_timer(change->kind) ? "timer" : "step");
    read_why(r);
    change->undo =
        undo != FACTUM_JSON_NONE && factum_json_kind_of(&r->json, undo) == FACTUM_JSON_TRUE;
    change->ok = fct_slice_equal(read_text(r, FACTUM_JSON_ROOT, "result"), FCT_SLICE("ok"));
    change->generation = (uint16_t)read_number(r, FACTUM_JSON_ROOT, "generation", UINT16_MAX);
    change->attempt = (uint16_t)read_number(r, FACTUM_JSON_ROOT, "attempt", UINT16_MAX);
    change->due = (int64_t)read_number(r, FACTUM_JSON_ROOT, "dueNs", INT64_MAX);
    change->wait = (int64_t)read_number(r, FACTUM_JSON_ROOT, "waitNs", INT64_MAX);
}

/* Does a change of this kind need a step? */
static bool needs_slot(uint8_t kind)
{
    return kind == FCT_CHANGE_SAGA_STUCK || kind == FCT_CHANGE_SAGA_SKIPPED ||
           (kind >= FCT_CHANGE_STEP_STARTED && kind <= FCT_CHANGE_UNDO_FAILED);
}

static void read_rest(struct reading *r)
{
    struct fct_record *record = r->record;
    uint32_t keep = member(r, FACTUM_JSON_ROOT, "keep");
    uint32_t input = member(r, FACTUM_JSON_ROOT, "input");
    if (keep != FACTUM_JSON_NONE) {
        record->keep = factum_json_raw(&r->json, keep);
        r->bad = r->bad || factum_json_kind_of(&r->json, keep) != FACTUM_JSON_OBJECT;
    }
    record->code = read_text(r, FACTUM_JSON_ROOT, "code");
    record->text = read_text(r, FACTUM_JSON_ROOT, "text");
    record->hash = read_text(r, FACTUM_JSON_ROOT, "hash");
    record->version = read_number(r, FACTUM_JSON_ROOT, "version", UINT64_MAX);
    record->by = read_text(r, FACTUM_JSON_ROOT, "by");
    record->reason = read_text(r, FACTUM_JSON_ROOT, "reason");
    record->has_input = input != FACTUM_JSON_NONE;
    record->input = read_number(r, FACTUM_JSON_ROOT, "input", UINT64_MAX);
}

static factum_status bad_record(factum_slice type, const char *why, factum_error *err)
{
    return fct_fail(err, FACTUM_INVALID, "saga: an event %.*s is not as it should be: %s",
                    FCT_FMT(type), why);
}

factum_status fct_record_read(const struct factum_saga *saga, factum_slice type, factum_slice data,
                              factum_arena *arena, struct fct_record *record, factum_error *err)
{
    struct reading r = {.saga = saga, .arena = arena, .record = record};
    size_t capacity = factum_json_nodes_max(data.len);
    memset(record, 0, sizeof *record);
    record->change.kind = fct_record_kind(type);
    record->change.slot = FCT_SLOT_NONE;
    if (record->change.kind == 0) {
        return fct_fail(err, FACTUM_NOT_FOUND, "%.*s is not an event of sagas", FCT_FMT(type));
    }
    factum_json_node *nodes = factum_arena_take(arena, capacity * sizeof *nodes);
    if (nodes == NULL) {
        return fct_arena_status(arena, "saga: an event", err);
    }
    if (factum_json_parse(data, NULL, nodes, capacity, &r.json, NULL) != FACTUM_OK ||
        factum_json_kind_of(&r.json, FACTUM_JSON_ROOT) != FACTUM_JSON_OBJECT) {
        return bad_record(type, "its data is not a JSON object", err);
    }
    if (record->change.kind != FCT_CHANGE_SAGA_STARTED) {
        read_change(&r);
    }
    read_reply(&r);
    read_rest(&r);
    factum_status status = fct_arena_status(arena, "saga: an event", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (r.bad || (needs_slot(record->change.kind) && record->change.slot == FCT_SLOT_NONE)) {
        return bad_record(type, "it names a step that the saga does not have, or a member is wrong",
                          err);
    }
    return FACTUM_OK;
}
