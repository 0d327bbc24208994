/* counter.c - see counter.h. */
#include "counter.h"

#include <string.h>

#include <factum/ndjson.h>

static bool is(factum_slice type, const char *name)
{
    return type.len == strlen(name) && memcmp(type.ptr, name, type.len) == 0;
}

static factum_status counter_event_parse(factum_slice type, factum_slice data, factum_arena *arena,
                                         counter_event *event, factum_error *err)
{
    factum_slice value;
    char text[512];
    (void)err;
    if (is(type, "Added")) {
        event->type = COUNTER_ADDED;
        factum_status status = factum_json_member(data, "n", &value);
        return status == FACTUM_OK ? factum_json_int64(value, &event->number) : FACTUM_INVALID;
    }
    if (!is(type, "Noted")) {
        return FACTUM_NOT_FOUND;
    }
    event->type = COUNTER_NOTED;
    if (factum_json_member(data, "text", &value) != FACTUM_OK ||
        factum_json_text(value, text, sizeof text) != FACTUM_OK) {
        return FACTUM_INVALID;
    }
    event->text = factum_arena_copy(arena, factum_slice_from(text));
    return FACTUM_OK;
}

static factum_slice counter_event_print(const counter_event *event, factum_json_writer *to)
{
    factum_json_put_object(to);
    if (event->type == COUNTER_ADDED) {
        factum_json_put_member_int64(to, "n", event->number);
    } else {
        factum_json_put_member_text(to, "text", event->text);
    }
    factum_json_put_end(to);
    return factum_slice_from(event->type == COUNTER_ADDED   ? "Added"
                             : event->type == COUNTER_NOTED ? "Noted"
                                                            : "Unreadable");
}

static void counter_evolve(counter_state *state, const counter_event *event, factum_arena *arena)
{
    if (event->type == COUNTER_ADDED) {
        state->sum += event->number;
        state->count++;
    } else {
        state->note = factum_arena_copy(arena, event->text);
    }
}

static factum_verdict emit_added(const counter_command *command, factum_decision *out)
{
    const counter_event added = {.type = COUNTER_ADDED, .number = command->number};
    for (unsigned i = 1; i < command->times; i++) {
        (void)factum_emit(out, &added);
    }
    return factum_emit(out, &added);
}

static factum_verdict emit_note(const counter_state *state, const counter_command *command,
                                factum_decision *out)
{
    const counter_event noted = {.type = COUNTER_NOTED, .text = command->text};
    bool same = state->note.len == command->text.len && state->note.len > 0 &&
                memcmp(state->note.ptr, command->text.ptr, state->note.len) == 0;
    return same ? FACTUM_NOOP : factum_emit(out, &noted);
}

static factum_verdict emit_tagged(const counter_state *state, const counter_command *command,
                                  factum_decision *out)
{
    const counter_event added = {.type = COUNTER_ADDED, .number = command->number};
    const factum_slice tag = factum_slice_from(command->tag);
    if (state->count > 0) {
        return factum_reject(out, "tagged.taken", "%s is taken", command->tag);
    }
    return factum_emit_to(out, factum_slice_from(command->stream), &added, &tag, 1);
}

static factum_verdict emit_forbidden(const counter_command *command, factum_decision *out)
{
    const counter_event added = {.type = COUNTER_ADDED, .number = command->number};
    return factum_emit_to(out, factum_slice_from("$forbidden"), &added, NULL, 0);
}

static factum_verdict emit_no_text(factum_decision *out)
{
    static const uint8_t not_text[] = {0xff, 0xfe};
    const counter_event event = {.type = COUNTER_NOTED, .text = {not_text, sizeof not_text}};
    return factum_emit(out, &event);
}

static factum_verdict misbehave(const counter_command *command, factum_decision *out)
{
    counter_event event = {.type = COUNTER_NOTED};
    switch ((int)command->act) {
    case COUNTER_REJECT_WITH_EVENT:
        (void)emit_added(command, out);
        return factum_reject(out, "counter.no", "no");
    case COUNTER_REJECT_WITHOUT_CODE:
        return FACTUM_REJECTED;
    case COUNTER_IGNORE_WITH_EVENT:
        (void)emit_added(command, out);
        return FACTUM_NOOP;
    case COUNTER_EMIT_UNREADABLE:
        event = (counter_event){.type = COUNTER_UNREADABLE};
        return factum_emit(out, &event);
    case COUNTER_EMIT_NO_TEXT:
        return emit_no_text(out);
    case COUNTER_EMIT_ELSEWHERE:
        event = (counter_event){.type = COUNTER_ADDED};
        return factum_emit_to(out, factum_slice_from("else-1"), &event, NULL, 0);
    default:
        return FACTUM_ACCEPTED; /* without an event */
    }
}

static factum_verdict counter_decide(const counter_state *state, const counter_command *command,
                                     factum_decision *out)
{
    if (command->meanwhile != NULL) {
        command->meanwhile(command->data);
    }
    switch ((int)command->act) {
    case COUNTER_ADD:
        return emit_added(command, out);
    case COUNTER_ADD_ONCE:
        return state->count == 0
                   ? emit_added(command, out)
                   : factum_reject(out, "counter.added", "%d times before", (int)state->count);
    case COUNTER_NOTE:
        return emit_note(state, command, out);
    case COUNTER_REJECT:
        return factum_reject(out, "counter.no", "the sum is %d", (int)state->sum);
    case COUNTER_TAG:
        return emit_tagged(state, command, out);
    case COUNTER_TAG_OR_FAIL:
        return state->count == 0 ? emit_tagged(state, command, out) : emit_forbidden(command, out);
    case COUNTER_ADD_ONCE_OR_FAIL:
        return state->count == 0 ? emit_added(command, out) : emit_no_text(out);
    default:
        return misbehave(command, out);
    }
}

static void counter_command_print(const counter_command *command, factum_json_writer *to)
{
    factum_json_put_int64(to, (int64_t)command->act);
    factum_json_put_int64(to, command->number);
    factum_json_put_text(to, command->text);
}

FACTUM_DECIDER(counter, 1);

/* ---- over a query ---------------------------------------------------------------------------- */

#define tagged_event_parse counter_event_parse
#define tagged_event_print counter_event_print
#define tagged_evolve counter_evolve
#define tagged_decide counter_decide

static void tagged_command_print(const counter_command *command, factum_json_writer *to)
{
    factum_json_put_array(to);
    counter_command_print(command, to);
    factum_json_put_text(to, factum_slice_from(command->stream));
    factum_json_put_text(to, factum_slice_from(command->tag));
    factum_json_put_end(to);
}

static void tagged_query(const counter_command *command, factum_arena *arena, factum_query *query)
{
    static const factum_slice type = {(const uint8_t *)"Added", 5};
    factum_slice *tag = factum_arena_alloc(arena, sizeof *tag);
    factum_query_item *item = factum_arena_alloc(arena, sizeof *item);
    if (tag != NULL && item != NULL && !command->no_query) {
        *tag = factum_slice_from(command->tag);
        *item = (factum_query_item){.types = &type, .type_count = 1, .tags = tag, .tag_count = 1};
        *query = (factum_query){.items = item, .item_count = 1};
    }
}

FACTUM_DECIDER_OVER_QUERY(tagged, 1);
