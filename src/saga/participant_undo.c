/* participant_undo.c - what an undo finds of its do. Layer: saga.
 *
 * If the key of the do is free, the event CommandCancelled takes it: the tombstone. A participant
 * that handles the do later, or at the same time, finds the key used. If that append loses, the do
 * was done, and its events are read.
 */
#include "core/arena.h"
#include "core/error.h"
#include "core/slice.h"
#include "saga/participant.h"

/* Takes the key of the do. KEY_CONFLICT: the do was faster. */
static factum_status undo_cancel(factum_participant *participant, const factum_command *command,
                                 bool *already, factum_error *err)
{
    struct factum_outbox outbox;
    factum_append_request request;
    factum_append_result result = {0};
    fct_outbox_init(&outbox, &participant->arena, command);
    factum_status status = fct_outbox_add_own(&outbox, FCT_COMMAND_CANCELLED, FCT_SLICE("{}"), err);
    if (status == FACTUM_OK) {
        fct_outbox_request(&outbox, command->undoes, &request);
        status = factum_append(participant->store, &request, &result, NULL, err);
        *already = result.already;
    }
    return status;
}

/* ---- the events of the do -------------------------------------------------------------------- */

static factum_slice undo_copy_slice(factum_arena *arena, factum_slice slice)
{
    return slice.len == 0 ? fct_slice(NULL, 0) : factum_arena_copy(arena, slice);
}

static void undo_copy_event(factum_arena *arena, const factum_event *event, factum_event *copy)
{
    *copy = *event;
    copy->stream = undo_copy_slice(arena, event->stream);
    copy->type = undo_copy_slice(arena, event->type);
    copy->data = undo_copy_slice(arena, event->data);
    copy->metadata = undo_copy_slice(arena, event->metadata);
    copy->content_type = undo_copy_slice(arena, event->content_type);
    factum_slice *tags = factum_arena_alloc(arena, event->tag_count * sizeof *tags);
    for (size_t i = 0; tags != NULL && i < event->tag_count; i++) {
        tags[i] = undo_copy_slice(arena, event->tags[i]);
    }
    copy->tags = tags;
}

/* Reads the events of one append, which are adjacent in the log. */
static factum_status undo_read_events(factum_participant *participant, const factum_key_info *info,
                                      factum_command *command, factum_error *err)
{
    factum_arena *arena = &participant->arena;
    factum_cursor *cursor = NULL;
    factum_event event;
    size_t count = 0;
    const factum_read_request request = {
        .size = sizeof request,
        .from = FACTUM_FROM_POSITION,
        .from_value = info->first_position,
        .until_position_set = true,
        .until_position = info->position,
        .count_max = info->event_count,
    };
    if (info->event_count == 0 || info->event_count > FCT_OUTBOX_EVENTS_MAX) {
        return FACTUM_OK; /* not an append of a participant */
    }
    factum_event *events = factum_arena_alloc(arena, (size_t)info->event_count * sizeof *events);
    factum_status status = fct_arena_status(arena, "the events of the do", err);
    if (status == FACTUM_OK) {
        status = factum_read(participant->store, &request, &cursor, err);
    }
    while (status == FACTUM_OK && count < info->event_count) {
        status = factum_cursor_next(cursor, &event, err);
        if (status == FACTUM_OK) {
            undo_copy_event(arena, &event, &events[count++]);
            status = fct_arena_status(arena, "the events of the do", err);
        }
    }
    factum_cursor_close(cursor);
    command->events = events;
    command->event_count = count;
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status undo_found(factum_participant *participant, const factum_key_info *info,
                                enum fct_answer answer, factum_command *command, factum_error *err)
{
    if (answer == FCT_ANSWER_CANCELLED) {
        command->done = FACTUM_DO_CANCELLED;
        return FACTUM_OK;
    }
    command->done = answer == FCT_ANSWER_FAILED ? FACTUM_DO_FAILED : FACTUM_DO_DONE;
    return undo_read_events(participant, info, command, err);
}

factum_status fct_participant_look_back(factum_participant *participant, factum_command *command,
                                        factum_error *err)
{
    factum_key_info info;
    enum fct_answer answer;
    bool already = false;
    factum_status status =
        fct_answer_find(participant->store, command->undoes, &info, &answer, err);
    if (status != FACTUM_OK || answer != FCT_ANSWER_NONE) {
        return status == FACTUM_OK ? undo_found(participant, &info, answer, command, err) : status;
    }
    status = undo_cancel(participant, command, &already, err);
    if (status == FACTUM_OK) {
        command->done = FACTUM_DO_CANCELLED;
        atomic_fetch_add(&participant->cancelled_count, already ? 0 : 1);
        return FACTUM_OK;
    }
    if (status != FACTUM_KEY_CONFLICT) {
        return status;
    }
    status = fct_answer_find(participant->store, command->undoes, &info, &answer, err);
    return status == FACTUM_OK ? undo_found(participant, &info, answer, command, err) : status;
}
