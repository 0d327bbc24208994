/* read.c - the readers of the memory engine. Layer: engine_memory.
 *
 * A reader walks over all events and returns those that fit its request. It takes the lock for each
 * call and keeps only indexes in between, because an append may move the array.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine/query.h"
#include "engine_memory/memory_int.h"

struct reader {
    struct fct_reader base;
    struct memory *memory;
    factum_read_request request; /* its pointers are not used: |copy| has what they point to */
    struct fct_query_copy copy;
    uint64_t deadline;
    bool follow;
    bool begun;
    factum_status status; /* what begin answered, and its text */
    factum_error failure;
    size_t at;  /* index of the next event; backwards: one above it */
    size_t end; /* index */
    uint64_t given;
    uint64_t revision_min;
    int64_t created_min;
    char name[FACTUM_NAME_SIZE_MAX + 2];
};

static bool has_tag(const factum_event *event, factum_slice tag)
{
    for (size_t i = 0; i < event->tag_count; i++) {
        if (fct_slice_equal(event->tags[i], tag)) {
            return true;
        }
    }
    return false;
}

bool fct_memory_in_source(const factum_event *event, factum_source source, factum_slice name,
                          const factum_query *query)
{
    char buffer[FACTUM_NAME_SIZE_MAX];
    switch (source) {
    case FACTUM_SOURCE_ALL:
        return true;
    case FACTUM_SOURCE_STREAM:
        return fct_slice_equal(event->stream, name);
    case FACTUM_SOURCE_CATEGORY:
        return fct_slice_equal(fct_category(event->stream), name);
    case FACTUM_SOURCE_TYPE:
        return fct_slice_equal(event->type, name);
    case FACTUM_SOURCE_CORRELATION:
        return fct_slice_equal(fct_correlation_id(event->metadata, buffer), name);
    case FACTUM_SOURCE_TAG:
        return has_tag(event, name);
    case FACTUM_SOURCE_QUERY:
        return fct_query_fits(query, event->type, event->tags, event->tag_count);
    }
    return false;
}

static bool in_source(const struct reader *reader, const factum_event *event)
{
    return fct_memory_in_source(event, reader->request.source, reader->request.name,
                                &reader->copy.query);
}

static factum_status apply_metadata(struct reader *reader, factum_error *err)
{
    factum_slice stream = reader->request.name;
    struct standing standing = fct_memory_stand(reader->memory, stream);
    bool gone =
        standing.state == FACTUM_STREAM_ABSENT || standing.state == FACTUM_STREAM_SOFT_DELETED;
    if (!reader->follow && standing.state == FACTUM_STREAM_TOMBSTONED) {
        return fct_fail(err, FACTUM_STREAM_DELETED, "stream %.*s is deleted for ever",
                        FCT_FMT(stream));
    }
    if (!reader->follow && gone) {
        return fct_fail(err, FACTUM_STREAM_NOT_FOUND, "no stream %.*s%s", FCT_FMT(stream),
                        standing.state == FACTUM_STREAM_ABSENT ? "" : ": it was deleted");
    }
    const struct fct_stream_metadata *metadata = &standing.metadata;
    reader->revision_min = fct_first_visible(metadata, standing.last_revision);
    if (standing.state == FACTUM_STREAM_ABSENT) {
        reader->revision_min = 0;
    }
    if (standing.state == FACTUM_STREAM_SOFT_DELETED) {
        reader->revision_min = standing.last_revision + 1;
    }
    reader->created_min = INT64_MIN;
    if (metadata->max_age > 0 && metadata->max_age < UINT64_C(9000000000)) {
        reader->created_min =
            fct_os_time(reader->memory->os) - (int64_t)(metadata->max_age * UINT64_C(1000000000));
    }
    return FACTUM_OK;
}

/* Is |event|, whose ordinal is |ordinal|, before the place where a forward read begins? */
static bool before_start(const struct reader *reader, const factum_event *event, uint64_t ordinal)
{
    const factum_read_request *request = &reader->request;
    bool stream = request->source == FACTUM_SOURCE_STREAM;
    switch (request->from) {
    case FACTUM_FROM_START:
        return false;
    case FACTUM_FROM_END:
        return true;
    case FACTUM_FROM_REVISION:
        return (stream ? event->revision : ordinal) < request->from_value;
    case FACTUM_FROM_POSITION:
        return event->position < request->from_value;
    case FACTUM_FROM_AFTER:
        return event->position <= request->from_value;
    }
    return false;
}

/* Is |event| after the place where a backward read begins? */
static bool beyond_start(const struct reader *reader, const factum_event *event, uint64_t ordinal)
{
    const factum_read_request *request = &reader->request;
    bool stream = request->source == FACTUM_SOURCE_STREAM;
    if (request->from == FACTUM_FROM_REVISION) {
        return (stream ? event->revision : ordinal) > request->from_value;
    }
    return (request->from == FACTUM_FROM_POSITION || request->from == FACTUM_FROM_AFTER) &&
           event->position > request->from_value;
}

static bool within_bounds(const struct reader *reader, const factum_event *event, uint64_t ordinal)
{
    const factum_read_request *request = &reader->request;
    bool stream = request->source == FACTUM_SOURCE_STREAM;
    bool system = event->stream.ptr[0] == '$' || event->revision == FACTUM_REVISION_TOMBSTONE;
    return !(request->until_created_set && event->created > request->until_created) &&
           !(request->until_position_set && event->position > request->until_position) &&
           !(request->until_revision_set &&
             (stream ? event->revision : ordinal) > request->until_revision) &&
           !(request->until_time_set && event->time > request->until_time) &&
           !(stream && event->revision < reader->revision_min) &&
           !(stream && event->created < reader->created_min) && !(request->skip_system && system);
}

static bool passes_filter(const struct reader *reader, const factum_event *event)
{
    return !reader->copy.has_filter ||
           fct_filter_passes(&reader->copy.filter, event->stream, event->type);
}

static uint64_t ordinal_of(const struct reader *reader, size_t index)
{
    uint64_t ordinal = 0;
    for (size_t i = 0; i < index; i++) {
        ordinal += in_source(reader, &reader->memory->events[i]->event) ? 1 : 0;
    }
    return ordinal;
}

static factum_status give(struct reader *reader, size_t index, factum_event *event)
{
    const struct stored *stored = reader->memory->events[index];
    *event = stored->event;
    event->ordinal = 0;
    if (reader->request.commits) {
        event->commit = stored->commit;
        event->key = stored->key == NULL ? NULL : &stored->key->slice;
    }
    if (reader->request.source == FACTUM_SOURCE_STREAM) {
        event->ordinal = event->revision;
    } else if (reader->request.source != FACTUM_SOURCE_ALL &&
               reader->request.source != FACTUM_SOURCE_QUERY) {
        event->ordinal = ordinal_of(reader, index);
    }
    reader->given++;
    return FACTUM_OK;
}

static factum_status find_next(struct reader *reader, factum_event *event)
{
    struct memory *memory = reader->memory;
    bool backwards = reader->request.backwards;
    bool from_end = reader->follow && reader->request.from == FACTUM_FROM_END;
    uint64_t steps = 0;
    while (backwards ? reader->at > 0 : reader->at < reader->end) {
        if (reader->request.steps_max > 0 && steps++ == reader->request.steps_max) {
            return FACTUM_PENDING;
        }
        size_t index = backwards ? --reader->at : reader->at++;
        const factum_event *candidate = &memory->events[index]->event;
        if (!in_source(reader, candidate)) {
            continue;
        }
        uint64_t ordinal = ordinal_of(reader, index);
        bool starts = backwards ? !beyond_start(reader, candidate, ordinal)
                                : !before_start(reader, candidate, ordinal) || from_end;
        if (starts && within_bounds(reader, candidate, ordinal) &&
            passes_filter(reader, candidate)) {
            return give(reader, index, event);
        }
    }
    return FACTUM_DONE;
}

static factum_status reader_next(struct fct_reader *base, factum_event *event, factum_error *err)
{
    struct reader *reader = (struct reader *)(void *)base;
    FCT_ASSERT(reader->begun);
    factum_status status = fct_deadline_check(reader->memory->os, reader->deadline, "read", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (reader->request.count_max > 0 && reader->given == reader->request.count_max) {
        return FACTUM_DONE;
    }
    fct_mutex_lock(&reader->memory->lock);
    status = find_next(reader, event);
    fct_mutex_unlock(&reader->memory->lock);
    return status;
}

/* With the lock held: makes the events of now visible to the reader. */
static factum_status look(struct reader *reader, factum_error *err)
{
    reader->end = reader->memory->count;
    reader->base.place = reader->memory->end - 1;
    return reader->request.source == FACTUM_SOURCE_STREAM ? apply_metadata(reader, err) : FACTUM_OK;
}

/* A follower stays at its start: later events are all after it. */
static void stand_at_start(struct reader *reader)
{
    while (reader->at < reader->end) {
        const factum_event *event = &reader->memory->events[reader->at]->event;
        if (!before_start(reader, event, ordinal_of(reader, reader->at))) {
            break;
        }
        reader->at++;
    }
}

static factum_status reader_begin(struct fct_reader *base, factum_error *err)
{
    struct reader *reader = (struct reader *)(void *)base;
    if (!reader->begun) {
        fct_mutex_lock(&reader->memory->lock);
        reader->begun = true;
        reader->status = look(reader, &reader->failure);
        reader->at = reader->request.backwards ? reader->end : 0;
        if (reader->status == FACTUM_OK && reader->follow) {
            stand_at_start(reader);
        }
        fct_mutex_unlock(&reader->memory->lock);
    }
    if (reader->status < 0) {
        *err = reader->failure;
    }
    return reader->status;
}

static factum_status reader_extend(struct fct_reader *base, factum_error *err)
{
    struct reader *reader = (struct reader *)(void *)base;
    FCT_ASSERT(reader->begun);
    factum_status status = fct_deadline_check(reader->memory->os, reader->deadline, "read", err);
    if (status == FACTUM_OK) {
        fct_mutex_lock(&reader->memory->lock);
        status = look(reader, err);
        fct_mutex_unlock(&reader->memory->lock);
    }
    return status;
}

static void reader_close(struct fct_reader *base)
{
    struct reader *reader = (struct reader *)(void *)base;
    fct_query_copy_finish(&reader->copy);
    fct_mem_free(reader->memory->mem, reader);
}

static const struct fct_reader_ops reader_ops = {
    .begin = reader_begin,
    .next = reader_next,
    .extend = reader_extend,
    .close = reader_close,
};

factum_status fct_memory_read(void *self, const factum_read_request *request, bool follow,
                              struct fct_reader **out, factum_error *err)
{
    struct memory *memory = self;
    struct reader *reader = fct_mem_zalloc(memory->mem, 1, sizeof *reader);
    if (reader == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "read: out of memory");
    }
    factum_status status = fct_query_copy_init(&reader->copy, memory->mem, request, err);
    if (status != FACTUM_OK) {
        fct_mem_free(memory->mem, reader);
        return status;
    }
    reader->base.ops = &reader_ops;
    reader->memory = memory;
    reader->request = *request;
    reader->deadline = fct_call_get(request->call).deadline;
    reader->follow = follow;
    reader->created_min = INT64_MIN;
    if (request->name.len > 0) {
        memcpy(reader->name, request->name.ptr, request->name.len);
    }
    reader->request.name = fct_slice(reader->name, request->name.len);
    *out = &reader->base;
    return FACTUM_OK;
}
