/* memory_read.c - readers and listers of the memory engine. Layer: engine. See memory.c. */
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "engine/memory_int.h"

/* ---- reading --------------------------------------------------------------------------------- */

struct reader {
    struct fct_reader base;
    struct memory *memory;
    factum_read_request request;
    bool follow;
    size_t at;  /* index of the next event; backwards: one above it */
    size_t end; /* index */
    uint64_t given;
    uint64_t ordinal; /* of the next event that fits the source */
    uint64_t revision_min;
    int64_t created_min;
    char name[FACTUM_NAME_SIZE_MAX + 2];
};

static bool in_source(const struct reader *reader, const factum_event *event)
{
    factum_slice name = reader->request.name;
    char buffer[FACTUM_NAME_SIZE_MAX];
    switch (reader->request.source) {
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
        for (size_t i = 0; i < event->tag_count; i++) {
            if (fct_slice_equal(event->tags[i], name)) {
                return true;
            }
        }
        break;
    }
    return false;
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
    uint64_t kept = metadata->max_count;
    reader->revision_min = metadata->truncate_before;
    if (kept > 0 && standing.last_revision + 1 > kept &&
        standing.last_revision + 1 - kept > reader->revision_min) {
        reader->revision_min = standing.last_revision + 1 - kept;
    }
    if (standing.state == FACTUM_STREAM_ABSENT) {
        reader->revision_min = 0;
    }
    if (standing.state == FACTUM_STREAM_SOFT_DELETED) {
        reader->revision_min = standing.last_revision + 1;
    }
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
    }
    return false;
}

/* And is it beyond the place where a backward read begins? */
static bool beyond_start(const struct reader *reader, const factum_event *event, uint64_t ordinal)
{
    const factum_read_request *request = &reader->request;
    bool stream = request->source == FACTUM_SOURCE_STREAM;
    if (request->from == FACTUM_FROM_REVISION) {
        return (stream ? event->revision : ordinal) > request->from_value;
    }
    return request->from == FACTUM_FROM_POSITION && event->position > request->from_value;
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
    *event = reader->memory->events[index]->event;
    event->ordinal = 0;
    if (reader->request.source == FACTUM_SOURCE_STREAM) {
        event->ordinal = event->revision;
    } else if (reader->request.source != FACTUM_SOURCE_ALL) {
        event->ordinal = ordinal_of(reader, index);
    }
    reader->given++;
    return FACTUM_OK;
}

static factum_status reader_next(struct fct_reader *base, factum_event *event, factum_error *err)
{
    struct reader *reader = (struct reader *)(void *)base;
    struct memory *memory = reader->memory;
    factum_status status = FACTUM_DONE;
    (void)err;
    if (reader->request.count_max > 0 && reader->given == reader->request.count_max) {
        return FACTUM_DONE;
    }
    fct_mutex_lock(&memory->lock);
    bool backwards = reader->request.backwards;
    bool from_end = reader->follow && reader->request.from == FACTUM_FROM_END;
    while (status == FACTUM_DONE && (backwards ? reader->at > 0 : reader->at < reader->end)) {
        size_t index = backwards ? --reader->at : reader->at++;
        const factum_event *candidate = &memory->events[index]->event;
        if (!in_source(reader, candidate)) {
            continue;
        }
        uint64_t ordinal = ordinal_of(reader, index);
        bool starts = backwards ? !beyond_start(reader, candidate, ordinal)
                                : !before_start(reader, candidate, ordinal) || from_end;
        if (starts && within_bounds(reader, candidate, ordinal)) {
            status = give(reader, index, event);
        }
    }
    fct_mutex_unlock(&memory->lock);
    return status;
}

static factum_status reader_extend(struct fct_reader *base, uint64_t *end, factum_error *err)
{
    struct reader *reader = (struct reader *)(void *)base;
    factum_status status = FACTUM_OK;
    fct_mutex_lock(&reader->memory->lock);
    reader->end = reader->memory->count;
    *end = atomic_load(&reader->memory->end);
    if (reader->request.source == FACTUM_SOURCE_STREAM) {
        status = apply_metadata(reader, err);
    }
    fct_mutex_unlock(&reader->memory->lock);
    return status;
}

static void reader_close(struct fct_reader *base)
{
    struct reader *reader = (struct reader *)(void *)base;
    fct_mem_free(reader->memory->mem, reader);
}

static const struct fct_reader_ops reader_ops = {reader_next, reader_extend, reader_close};

/* A follower stands at its start for good: later events are all after it. */
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

factum_status fct_memory_read(void *self, const factum_read_request *request, bool follow,
                              struct fct_reader **out, factum_error *err)
{
    struct memory *memory = self;
    *out = NULL;
    struct reader *reader = fct_mem_zalloc(memory->mem, 1, sizeof *reader);
    if (reader == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "read: out of memory");
    }
    reader->base.ops = &reader_ops;
    reader->memory = memory;
    reader->request = *request;
    reader->follow = follow;
    reader->created_min = INT64_MIN;
    if (request->name.len > 0) {
        memcpy(reader->name, request->name.ptr, request->name.len);
    }
    reader->request.name = fct_slice(reader->name, request->name.len);
    factum_status status = FACTUM_OK;
    fct_mutex_lock(&memory->lock);
    reader->end = memory->count;
    reader->at = request->backwards ? memory->count : 0;
    if (request->source == FACTUM_SOURCE_STREAM) {
        status = apply_metadata(reader, err);
    }
    if (status == FACTUM_OK && follow) {
        stand_at_start(reader);
    }
    fct_mutex_unlock(&memory->lock);
    if (status != FACTUM_OK) {
        fct_mem_free(memory->mem, reader);
        return status;
    }
    *out = &reader->base;
    return FACTUM_OK;
}

/* ---- lists ----------------------------------------------------------------------------------- */

struct lister {
    struct fct_lister base;
    struct memory *memory;
    factum_list_kind kind;
    size_t at;
    size_t tag;
};

static factum_slice name_of(const struct lister *lister, const factum_event *event, size_t tag)
{
    switch (lister->kind) {
    case FACTUM_LIST_STREAMS:
        return event->stream;
    case FACTUM_LIST_CATEGORIES:
        return fct_category(event->stream);
    case FACTUM_LIST_TYPES:
        return event->type;
    case FACTUM_LIST_TAGS:
        break;
    }
    return tag < event->tag_count ? event->tags[tag] : fct_slice(NULL, 0);
}

static bool has_name(const struct lister *lister, const factum_event *event, factum_slice name)
{
    size_t tags = lister->kind == FACTUM_LIST_TAGS ? event->tag_count : 1;
    for (size_t i = 0; i < tags; i++) {
        if (fct_slice_equal(name_of(lister, event, i), name)) {
            return true;
        }
    }
    return false;
}

/* Fills |entry| if this is the first event with the name. */
static bool list_name(const struct lister *lister, size_t index, factum_slice name,
                      factum_list_entry *entry)
{
    const struct memory *memory = lister->memory;
    for (size_t i = 0; i < index; i++) {
        if (has_name(lister, &memory->events[i]->event, name)) {
            return false;
        }
    }
    const factum_event *first = &memory->events[index]->event;
    *entry = (factum_list_entry){
        .name = name, .first_position = first->position, .first_created = first->created};
    for (size_t i = index; i < memory->count; i++) {
        const factum_event *event = &memory->events[i]->event;
        if (has_name(lister, event, name)) {
            entry->event_count++;
            entry->last_position = event->position;
            entry->last_created = event->created;
        }
    }
    return true;
}

static factum_status lister_next(struct fct_lister *base, factum_list_entry *entry,
                                 factum_error *err)
{
    struct lister *lister = (struct lister *)(void *)base;
    struct memory *memory = lister->memory;
    factum_status status = FACTUM_DONE;
    (void)err;
    fct_mutex_lock(&memory->lock);
    while (status == FACTUM_DONE && lister->at < memory->count) {
        const factum_event *event = &memory->events[lister->at]->event;
        factum_slice name = name_of(lister, event, lister->tag);
        size_t index = lister->at;
        bool repeated = false;
        for (size_t i = 0; i < lister->tag; i++) {
            repeated = repeated || fct_slice_equal(name, event->tags[i]);
        }
        bool more = lister->kind == FACTUM_LIST_TAGS && lister->tag + 1 < event->tag_count;
        lister->tag = more ? lister->tag + 1 : 0;
        lister->at += more ? 0 : 1;
        if (name.len > 0 && !repeated && list_name(lister, index, name, entry)) {
            status = FACTUM_OK;
        }
    }
    fct_mutex_unlock(&memory->lock);
    return status;
}

static void lister_close(struct fct_lister *base)
{
    struct lister *lister = (struct lister *)(void *)base;
    fct_mem_free(lister->memory->mem, lister);
}

static const struct fct_lister_ops lister_ops = {lister_next, lister_close};

factum_status fct_memory_list(void *self, factum_list_kind kind, struct fct_lister **out,
                              factum_error *err)
{
    struct memory *memory = self;
    *out = NULL;
    struct lister *lister = fct_mem_zalloc(memory->mem, 1, sizeof *lister);
    if (lister == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    lister->base.ops = &lister_ops;
    lister->memory = memory;
    lister->kind = kind;
    *out = &lister->base;
    return FACTUM_OK;
}
