/* ask.c - questions to the memory engine, all answered at once. Layer: engine_memory. */
#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "engine/event_copy.h"
#include "engine_memory/memory_int.h"

#define FIND_EVENT_WINDOW 65536u

static factum_status ask_stream(const struct memory *memory, factum_question *question)
{
    struct standing standing = fct_memory_stand(memory, question->name);
    const struct fct_stream_metadata *metadata = &standing.metadata;
    factum_stream_info info = {
        .state = standing.state,
        .last_revision = standing.last_revision,
        .last_position = standing.last_position,
        .has_metadata = standing.has_metadata,
        .metadata_revision = standing.metadata_revision,
        .max_count = fct_memory_is_metastream(question->name) ? 0 : metadata->max_count,
        .max_age = metadata->max_age,
        .truncate_before = metadata->truncate_before,
    };
    if (standing.has_events) {
        info.first_revision = fct_first_visible(metadata, standing.last_revision);
    }
    fct_sized_write(question->stream, &info, sizeof info);
    return FACTUM_OK;
}

static factum_status ask_event(const struct memory *memory, factum_question *question,
                               factum_error *err)
{
    for (size_t i = 0; i < memory->count; i++) {
        const factum_event *event = &memory->events[i]->event;
        if (event->position == question->position) {
            return fct_event_copy_set(question->event, event, err);
        }
    }
    return fct_fail(err, FACTUM_NOT_FOUND, "no event at position %" PRIu64, question->position);
}

static factum_status ask_find_event(const struct memory *memory, factum_question *question,
                                    factum_error *err)
{
    bool everywhere = question->name.len == 0;
    bool bounded = everywhere && memory->count > FIND_EVENT_WINDOW;
    size_t first = bounded ? memory->count - FIND_EVENT_WINDOW : 0;
    for (size_t i = memory->count; i > first; i--) {
        const factum_event *event = &memory->events[i - 1]->event;
        if (fct_uuid_equal(event->id, question->id) &&
            (everywhere || fct_slice_equal(event->stream, question->name))) {
            return fct_event_copy_set(question->event, event, err);
        }
    }
    char id[FACTUM_UUID_TEXT_SIZE];
    factum_uuid_format(question->id, id);
    if (everywhere) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no event with id %s among the newest %u", id,
                        FIND_EVENT_WINDOW);
    }
    return fct_fail(err, FACTUM_NOT_FOUND, "no event with id %s in stream %.*s", id,
                    FCT_FMT(question->name));
}

static factum_status ask_key(const struct memory *memory, factum_question *question,
                             factum_error *err)
{
    const struct stored_key *key = fct_memory_find_key(memory, question->name);
    if (key == NULL) {
        return fct_fail(err, FACTUM_NOT_FOUND, "idempotency key %.*s was never used",
                        FCT_FMT(question->name));
    }
    factum_key_info info;
    fct_sized_copy(&info, sizeof info, question->key); /* for info.revisions */
    info.event_count = key->count;
    info.first_position = 0;
    info.position = 0;
    info.revision = 0;
    info.created = key->created;
    info.fingerprint = key->fingerprint;
    for (size_t i = 0; i < key->count; i++) {
        const factum_event *event = &memory->events[key->first + i]->event;
        if (info.revisions != NULL && i < info.revisions_max) {
            info.revisions[i] = event->revision;
        }
        info.first_position = i == 0 ? event->position : info.first_position;
        info.position = event->position;
        info.revision = event->revision;
    }
    fct_sized_write(question->key, &info, sizeof info);
    return FACTUM_OK;
}

static factum_status ask_count(const struct memory *memory, factum_question *question)
{
    question->number = 0;
    for (size_t i = 0; i < memory->count; i++) {
        const factum_event *event = &memory->events[i]->event;
        if (event->position > question->position && event->position <= question->upto &&
            fct_memory_in_source(event, question->source, question->name, NULL)) {
            question->number++;
        }
    }
    return FACTUM_OK;
}

static factum_status ask_info(const struct memory *memory, factum_question *question)
{
    factum_info info = {.end_position = memory->end, .event_count = memory->count};
    for (size_t i = 0; i < memory->count; i++) {
        const factum_event *event = &memory->events[i]->event;
        bool first = true;
        for (size_t j = 0; j < i && first; j++) {
            first = !fct_slice_equal(memory->events[j]->event.stream, event->stream);
        }
        info.stream_count += first ? 1 : 0;
    }
    fct_sized_write(question->info, &info, sizeof info);
    return FACTUM_OK;
}

static factum_status answer(const struct memory *memory, factum_question *question,
                            factum_error *err)
{
    switch (question->kind) {
    case FACTUM_ASK_PLACE:
        question->number = memory->end - 1;
        return FACTUM_OK;
    case FACTUM_ASK_STREAM:
        return ask_stream(memory, question);
    case FACTUM_ASK_EVENT:
        return ask_event(memory, question, err);
    case FACTUM_ASK_FIND_EVENT:
        return ask_find_event(memory, question, err);
    case FACTUM_ASK_KEY:
        return ask_key(memory, question, err);
    case FACTUM_ASK_COUNT:
        return ask_count(memory, question);
    case FACTUM_ASK_INFO:
        return ask_info(memory, question);
    }
    return fct_fail(err, FACTUM_INVALID, "ask: kind %d is not known", (int)question->kind);
}

factum_status fct_memory_ask(void *self, factum_question *question, factum_error *err)
{
    struct memory *memory = self;
    fct_mutex_lock(&memory->lock);
    factum_status status = answer(memory, question, err);
    fct_mutex_unlock(&memory->lock);
    return status;
}
