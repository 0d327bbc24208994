/* outbox.c - see outbox.h. Layer: saga.
 *
 * Invariants:
 *  1. Each stream that an event names has one expectation, and no other stream has one.
 *  2. Counts are within their capacities, and there are at most FCT_OUTBOX_EVENTS_MAX events.
 *  3. An outbox that refuses has at most one event, CommandFailed.
 */
#include "saga/outbox.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "saga/command.h"

#define OUTBOX_NODES 64

void fct_outbox_init(struct factum_outbox *outbox, factum_arena *arena,
                     const factum_command *command)
{
    *outbox = (struct factum_outbox){.arena = arena, .command = command};
}

factum_arena *factum_outbox_arena(factum_outbox *outbox)
{
    return outbox->arena;
}

static void outbox_check(const struct factum_outbox *outbox)
{
    FCT_ASSERT(outbox->expectation_count <= outbox->event_count &&
               (outbox->expectation_count > 0) == (outbox->event_count > 0)); /* 1 */
    FCT_ASSERT(outbox->event_count <= outbox->event_capacity &&
               outbox->event_count <= FCT_OUTBOX_EVENTS_MAX); /* 2 */
    FCT_ASSERT(outbox->expectation_count <= outbox->expectation_capacity);
    FCT_ASSERT(!outbox->refused || outbox->event_count <= 1); /* 3 */
}

/* ---- the metadata of an answer --------------------------------------------------------------- */

static void outbox_put_text(factum_json_writer *to, const char *name, factum_slice text)
{
    if (text.len > 0) {
        factum_json_put_member_text(to, name, text);
    }
}

static bool outbox_sets(const factum_json *json, uint32_t name)
{
    static const char *const own[] = {"$causationId", "$correlationId", "$sagaId", "traceparent",
                                      "$idempotencyKey"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (factum_json_text_is(json, name, factum_slice_from(own[i]))) {
            return true;
        }
    }
    return false;
}

/* Writes the members of the handler's own metadata. */
static factum_status outbox_put_others(struct factum_outbox *outbox, factum_slice metadata,
                                       factum_json_writer *to, factum_error *err)
{
    factum_json json;
    factum_json_node nodes[OUTBOX_NODES];
    factum_status status =
        factum_generated_tape(metadata, outbox->arena, nodes, OUTBOX_NODES, &json, err);
    if (status != FACTUM_OK) {
        return fct_wrap(err, status, "outbox: the metadata of an event");
    }
    if (factum_json_kind_of(&json, FACTUM_JSON_ROOT) != FACTUM_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID, "outbox: the metadata of an event is not an object");
    }
    for (uint32_t at = factum_json_first(&json, FACTUM_JSON_ROOT); at != FACTUM_JSON_NONE;
         at = factum_json_next(&json, FACTUM_JSON_ROOT, at)) {
        size_t len = 0;
        size_t room = factum_json_inside(&json, at).len;
        if (outbox_sets(&json, at)) {
            continue;
        }
        char *name = factum_arena_take(outbox->arena, room);
        if (name == NULL) {
            return fct_arena_status(outbox->arena, "outbox", err);
        }
        if (factum_json_unescape(&json, at, name, room, &len) != FACTUM_OK) {
            return fct_fail(err, FACTUM_INVALID,
                            "outbox: a name in the metadata of an event is not valid Unicode");
        }
        factum_json_put_name(to, name, len);
        factum_json_put_raw(to, factum_json_raw(&json, at + 1));
    }
    return FACTUM_OK;
}

static factum_status outbox_metadata(struct factum_outbox *outbox, factum_slice given,
                                     factum_slice *metadata, factum_error *err)
{
    const factum_command *command = outbox->command;
    factum_json_writer to;
    factum_status status = FACTUM_OK;
    factum_json_writer_in(&to, outbox->arena);
    factum_json_put_object(&to);
    outbox_put_text(&to, "$causationId", command->id);
    outbox_put_text(&to, "$correlationId", command->correlation);
    outbox_put_text(&to, "$sagaId", command->saga_id);
    outbox_put_text(&to, "traceparent", command->traceparent);
    if (given.len > 0) {
        status = outbox_put_others(outbox, given, &to, err);
    }
    factum_json_put_end(&to);
    if (status == FACTUM_OK) {
        status = factum_json_writer_finish(&to, err);
    }
    *metadata = fct_slice(to.buffer, to.used);
    return status;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Room for one more entry of |size| bytes: |entries|, or a larger copy. NULL: the arena is full. */
static void *outbox_grow(factum_arena *arena, void *entries, size_t count, size_t *capacity,
                         size_t size)
{
    if (count < *capacity) {
        return entries;
    }
    size_t more = *capacity == 0 ? 4 : *capacity * 2;
    void *bigger = factum_arena_take(arena, more * size);
    if (bigger != NULL) {
        if (count > 0) {
            memcpy(bigger, entries, count * size);
        }
        *capacity = more;
    }
    return bigger;
}

/* Adds the expectation for |stream|, or finds the one that exists. */
static factum_status outbox_expect(struct factum_outbox *outbox, factum_slice stream,
                                   factum_expected expected, factum_error *err)
{
    for (size_t i = 0; i < outbox->expectation_count; i++) {
        const factum_expectation *existing = &outbox->expectations[i];
        if (!fct_slice_equal(existing->stream, stream)) {
            continue;
        }
        bool same = existing->expected.kind == expected.kind &&
                    (expected.kind != FACTUM_EXPECTED_REVISION ||
                     existing->expected.revision == expected.revision);
        if (!same && expected.kind != FACTUM_EXPECTED_NONE) {
            return fct_fail(err, FACTUM_INVALID, "outbox: two things are expected of stream %.*s",
                            FCT_FMT(stream));
        }
        return FACTUM_OK;
    }
    if (expected.kind == FACTUM_EXPECTED_NONE) {
        return fct_fail(err, FACTUM_INVALID, "outbox: what is expected of stream %.*s?",
                        FCT_FMT(stream));
    }
    factum_expectation *entries =
        outbox_grow(outbox->arena, outbox->expectations, outbox->expectation_count,
                    &outbox->expectation_capacity, sizeof *entries);
    if (entries == NULL) {
        return fct_arena_status(outbox->arena, "outbox", err);
    }
    outbox->expectations = entries;
    entries[outbox->expectation_count++] = (factum_expectation){stream, expected};
    return FACTUM_OK;
}

static const factum_slice *outbox_copy_tags(factum_arena *arena, const factum_new_event *event)
{
    factum_slice *tags = factum_arena_alloc(arena, event->tag_count * sizeof *tags);
    for (size_t i = 0; tags != NULL && i < event->tag_count; i++) {
        tags[i] = factum_arena_copy(arena, event->tags[i]);
    }
    return tags;
}

static factum_status outbox_copy(struct factum_outbox *outbox, const factum_new_event *event,
                                 factum_new_event *copy, factum_error *err)
{
    factum_arena *arena = outbox->arena;
    *copy = *event;
    copy->stream = event->stream.len > 0 ? factum_arena_copy(arena, event->stream)
                                         : outbox->command->event->stream;
    copy->type = factum_arena_copy(arena, event->type);
    copy->data = factum_arena_copy(arena, event->data);
    copy->media_type = factum_arena_copy(arena, event->media_type);
    copy->tags = outbox_copy_tags(arena, event);
    factum_status status = outbox_metadata(outbox, event->metadata, &copy->metadata, err);
    return status == FACTUM_OK ? fct_arena_status(arena, "outbox", err) : status;
}

static factum_status outbox_take(struct factum_outbox *outbox, const factum_new_event *event,
                                 factum_expected expected, factum_error *err)
{
    if (event == NULL || (event->tag_count > 0 && event->tags == NULL)) {
        return fct_fail(err, FACTUM_INVALID, "outbox: an event is needed, and its tags");
    }
    if (event->tag_count > FACTUM_TAGS_MAX || outbox->event_count == FCT_OUTBOX_EVENTS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "outbox: %u events at most, each of %d tags",
                        FCT_OUTBOX_EVENTS_MAX, FACTUM_TAGS_MAX);
    }
    if (outbox->refused) {
        return fct_fail(err, FACTUM_INVALID, "outbox: the command was refused");
    }
    factum_new_event *entries = outbox_grow(outbox->arena, outbox->events, outbox->event_count,
                                            &outbox->event_capacity, sizeof *entries);
    if (entries == NULL) {
        return fct_arena_status(outbox->arena, "outbox", err);
    }
    outbox->events = entries;
    factum_new_event *copy = &entries[outbox->event_count];
    factum_status status = outbox_copy(outbox, event, copy, err);
    if (status == FACTUM_OK) {
        status = outbox_expect(outbox, copy->stream, expected, err);
    }
    outbox->event_count += status == FACTUM_OK ? 1 : 0;
    outbox_check(outbox);
    return status;
}

factum_status factum_outbox_add(factum_outbox *outbox, const factum_new_event *event,
                                factum_expected expected, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (outbox == NULL) {
        return fct_fail(err, FACTUM_INVALID, "outbox: an outbox is needed");
    }
    factum_status status = outbox_take(outbox, event, expected, err);
    if (status != FACTUM_OK && outbox->status == FACTUM_OK) {
        outbox->status = status;
    }
    return status;
}

factum_status fct_outbox_add_own(struct factum_outbox *outbox, const char *type, factum_slice data,
                                 factum_error *err)
{
    const factum_new_event event = {.type = factum_slice_from(type), .data = data};
    return outbox_take(outbox, &event, factum_any(), err);
}

factum_status factum_outbox_condition(factum_outbox *outbox,
                                      const factum_append_condition *condition, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (outbox == NULL || condition == NULL || outbox->has_condition) {
        return fct_fail(err, FACTUM_INVALID, "outbox: one condition is needed");
    }
    outbox->condition = *condition;
    outbox->has_condition = true;
    return FACTUM_OK;
}

/* ---- a refusal ------------------------------------------------------------------------------- */

factum_status factum_outbox_refuse(factum_outbox *outbox, const char *code, const char *format, ...)
{
    factum_error ignored;
    char code_text[FACTUM_CODE_SIZE];
    char text[FACTUM_REJECT_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)snprintf(code_text, sizeof code_text, "%s", code == NULL ? "" : code);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    factum_json_writer to;
    factum_json_writer_in(&to, outbox->arena);
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "code", fct_utf8_whole(code_text));
    factum_json_put_member_text(&to, "text", fct_utf8_whole(text));
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, NULL);
    outbox->event_count = 0;
    outbox->expectation_count = 0;
    outbox->has_condition = false;
    outbox->refused = false;
    if (status == FACTUM_OK) {
        status =
            fct_outbox_add_own(outbox, FCT_COMMAND_FAILED, fct_slice(to.buffer, to.used), &ignored);
    }
    outbox->refused = true;
    outbox_check(outbox);
    outbox->status = status; /* the fault of the events was dropped with them */
    return FACTUM_OK;
}

/* ---- the append ------------------------------------------------------------------------------ */

void fct_outbox_request(const struct factum_outbox *outbox, factum_slice key,
                        factum_append_request *request)
{
    outbox_check(outbox);
    *request = (factum_append_request){
        .size = sizeof *request,
        .events = outbox->events,
        .event_count = outbox->event_count,
        .expectations = outbox->expectations,
        .expectation_count = outbox->expectation_count,
        .condition = outbox->has_condition ? &outbox->condition : NULL,
        .idempotency_key = key,
    };
}
