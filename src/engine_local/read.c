/* read.c - readers of the embedded engine: created, moved from record to record, extended, closed.
 * Layer: engine_local. See read_int.h. Where a read begins is in read_seek.c.
 *
 * Happy path: fct_local_read chooses a plan, begin finds the start, and next goes from record to
 * record by the plan until one fits the list, the bounds and the filter; it lends that record. It
 * answers PENDING only after the request's steps_max: bytes that are not in memory are waited for.
 *
 * Invariants (reader_check):
 *  1. |end| is a batch boundary after the first batch, and base.place is the position before it.
 *  2. A reader has a query's walk if and only if its plan is FCT_PLAN_QUERY.
 *  3. No more than request.count_max events are given.
 *  4. |pending| is set by a forward walk of the log only.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine/rules.h"
#include "engine_local/local_int.h"
#include "engine_local/read_int.h"

#define PREFETCH_AHEAD 6u

void fct_local_event_from(const struct fct_record *record, factum_slice *tags, factum_event *event)
{
    bool json = (record->flags & FCT_RECORD_JSON) != 0;
    size_t tag_count = 0;
    if (record->extra.len > 0 && tags != NULL) {
        size_t offset = 0;
        while (tag_count < FACTUM_TAGS_MAX &&
               fct_record_tag_next(record, &offset, &tags[tag_count])) {
            tag_count++;
        }
    }
    *event = (factum_event){
        .stream = record->stream,
        .type = record->type,
        .data = record->data,
        .metadata = record->metadata,
        .content_type = record->content_type.len > 0 ? record->content_type
                        : json                       ? FCT_SLICE("application/json")
                                                     : FCT_SLICE("application/octet-stream"),
        .tags = tags,
        .tag_count = tag_count,
        .id = record->id,
        .revision = record->revision,
        .position = record->position,
        .created = record->created,
        .time = (record->flags & FCT_RECORD_HAS_TIME) != 0 ? record->time : record->created,
        .has_time = (record->flags & FCT_RECORD_HAS_TIME) != 0,
        .last_of_commit = (record->flags & FCT_RECORD_LAST) != 0,
    };
}

static void reader_check(const struct fct_local_reader *reader)
{
    FCT_ASSERT(reader->end > 0);
    FCT_ASSERT(reader->base.place == reader->end - 1);
    FCT_ASSERT((reader->plan == FCT_PLAN_QUERY) == (reader->query_walk != NULL));
    FCT_ASSERT(reader->request.count_max == 0 || reader->given <= reader->request.count_max);
    FCT_ASSERT(!reader->pending || reader->plan == FCT_PLAN_LOG);
}

static struct fct_local_reader *reader_of(struct fct_reader *base)
{
    return (struct fct_local_reader *)(void *)base;
}

/* ---- from record to record ------------------------------------------------------------------- */

static factum_status walk_record(struct fct_local_reader *reader, factum_error *err)
{
    struct fct_record *record = &reader->record;
    FCT_ASSERT(reader->plan == FCT_PLAN_LOG);
    if (reader->request.backwards) {
        return fct_log_walk_previous(&reader->log_walk, record, err);
    }
    if (reader->pending) {
        if (record->position >= reader->end) {
            return FACTUM_DONE;
        }
        reader->pending = false;
        return FACTUM_OK;
    }
    if (reader->log_walk.position >= reader->end) {
        return FACTUM_DONE;
    }
    factum_status status = fct_log_walk_next(&reader->log_walk, record, err);
    if (status == FACTUM_OK && record->position >= reader->end) {
        reader->pending = true;
        return FACTUM_DONE;
    }
    return status;
}

static bool fits_list(const struct fct_local_reader *reader, const struct fct_record *record)
{
    factum_slice name = reader->request.name;
    switch (reader->request.source) {
    case FACTUM_SOURCE_STREAM:
        return fct_slice_equal(record->stream, name);
    case FACTUM_SOURCE_CATEGORY:
        return fct_slice_equal(fct_category(record->stream), name);
    case FACTUM_SOURCE_TYPE:
        return fct_slice_equal(record->type, name);
    case FACTUM_SOURCE_CORRELATION: {
        char buffer[FACTUM_NAME_SIZE_MAX];
        return fct_slice_equal(fct_correlation_id(record->metadata, buffer), name);
    }
    case FACTUM_SOURCE_TAG: {
        size_t offset = 0;
        factum_slice tag;
        while (fct_record_tag_next(record, &offset, &tag)) {
            if (fct_slice_equal(tag, name)) {
                return true;
            }
        }
        return false;
    }
    case FACTUM_SOURCE_ALL:
    case FACTUM_SOURCE_QUERY:
        break;
    }
    return true;
}

static factum_status posting_record(struct fct_local_reader *reader, uint64_t *ordinal,
                                    factum_error *err)
{
    struct fct_local *local = reader->local;
    FCT_ASSERT(reader->plan == FCT_PLAN_POSTINGS);
    for (;;) {
        uint64_t position;
        uint64_t ahead;
        uint64_t at = fct_postings_ordinal(&reader->postings);
        factum_status status;
        if (reader->request.backwards) {
            status = fct_postings_previous(&reader->postings, &position, err);
            at--;
        } else {
            status = fct_postings_next(&reader->postings, &position, err);
            if (fct_postings_peek(&reader->postings, PREFETCH_AHEAD, &ahead)) {
                fct_log_prefetch(local->log, ahead);
            }
        }
        if (status != FACTUM_OK) {
            return status;
        }
        if (position >= reader->end) {
            if (reader->request.backwards) {
                continue;
            }
            fct_postings_seek(&reader->postings, at); /* for when the reader is extended */
            return FACTUM_DONE;
        }
        status = fct_log_read(local->log, position, &reader->record, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (fits_list(reader, &reader->record)) {
            *ordinal = at;
            return FACTUM_OK;
        }
    }
}

static factum_status query_record(struct fct_local_reader *reader, factum_error *err)
{
    uint64_t position;
    FCT_ASSERT(reader->query_walk != NULL);
    factum_status status = fct_query_walk_next(reader->query_walk, reader->end, &position, err);
    return status == FACTUM_OK ? fct_log_read(reader->local->log, position, &reader->record, err)
                               : status;
}

enum fit {
    FITS,
    SKIP,
    STOP,
};

static enum fit fits_bounds(const struct fct_local_reader *reader, const struct fct_record *record,
                            uint64_t ordinal)
{
    const factum_read_request *request = &reader->request;
    bool forward = !request->backwards;
    enum fit beyond = forward ? STOP : SKIP; /* past an upper bound */
    enum fit below = forward ? SKIP : STOP;
    if (record->kind != FCT_RECORD_EVENT) {
        return SKIP;
    }
    if (forward &&
        ((request->from == FACTUM_FROM_REVISION && ordinal < request->from_value) ||
         (request->from == FACTUM_FROM_POSITION && record->position < request->from_value))) {
        return SKIP; /* the read began at a place that did not exist yet */
    }
    if (request->until_created_set && record->created > request->until_created) {
        return beyond;
    }
    if (request->until_position_set && record->position > request->until_position) {
        return beyond;
    }
    if (request->until_revision_set && ordinal > request->until_revision) {
        return beyond;
    }
    if (request->source == FACTUM_SOURCE_STREAM) {
        if (record->revision < reader->revision_min) {
            return below;
        }
        if (record->created < reader->created_min) {
            return below;
        }
    }
    if (request->until_time_set) {
        bool own = (record->flags & FCT_RECORD_HAS_TIME) != 0;
        if ((own ? record->time : record->created) > request->until_time) {
            return SKIP;
        }
    }
    if (request->skip_system &&
        (record->stream.ptr[0] == '$' || record->revision == FACTUM_REVISION_TOMBSTONE)) {
        return SKIP;
    }
    if (request->source == FACTUM_SOURCE_QUERY && !fct_record_fits(record, request->query)) {
        return SKIP;
    }
    return fct_filter_passes(request->filter, record->stream, record->type) ? FITS : SKIP;
}

/* Errors: EXPIRED. */
static factum_status check_deadline(struct fct_local_reader *reader, factum_error *err)
{
    reader->looked_at = 0;
    return fct_deadline_check(reader->local->os, reader->deadline, "read", err);
}

/* Has this call looked at as many records as the request allows? */
static bool out_of_steps(const struct fct_local_reader *reader, uint64_t steps)
{
    return reader->request.steps_max > 0 && steps > reader->request.steps_max;
}

/* The next record by the plan, and its ordinal. */
static factum_status plan_record(struct fct_local_reader *reader, uint64_t *ordinal,
                                 factum_error *err)
{
    switch (reader->plan) {
    case FCT_PLAN_LOG:
        return walk_record(reader, err);
    case FCT_PLAN_QUERY:
        return query_record(reader, err);
    case FCT_PLAN_POSTINGS:
        break;
    }
    return posting_record(reader, ordinal, err);
}

static factum_status reader_next(struct fct_reader *base, factum_event *event, factum_error *err)
{
    struct fct_local_reader *reader = reader_of(base);
    FCT_ASSERT(reader->begun != FACTUM_PENDING);
    reader_check(reader);
    factum_status status = check_deadline(reader, err);
    for (uint64_t steps = 1; status == FACTUM_OK && !reader->finished; steps++) {
        uint64_t ordinal = 0;
        if (out_of_steps(reader, steps)) {
            return FACTUM_PENDING;
        }
        if (++reader->looked_at == FCT_LOCAL_CLOCK_EVERY) {
            status = check_deadline(reader, err);
        }
        if (status == FACTUM_OK) {
            status = plan_record(reader, &ordinal, err);
        }
        if (status == FACTUM_PENDING) { /* from a query's walk */
            status = check_deadline(reader, err);
            steps += FCT_QUERY_WALK_STEPS; /* the walk used them up */
            continue;
        }
        if (status != FACTUM_OK) {
            return status;
        }
        if (reader->request.source == FACTUM_SOURCE_STREAM) {
            ordinal = reader->record.revision;
        }
        switch (fits_bounds(reader, &reader->record, ordinal)) {
        case SKIP:
            continue;
        case STOP:
            reader->finished = true;
            continue;
        case FITS:
            break;
        }
        fct_local_event_from(&reader->record, reader->tags, event);
        event->ordinal = ordinal;
        status = reader->request.commits ? fct_reader_find_commit(reader, event, err) : FACTUM_OK;
        if (status != FACTUM_OK) {
            return status;
        }
        reader->given++;
        reader->finished =
            reader->request.count_max > 0 && reader->given == reader->request.count_max;
        return FACTUM_OK;
    }
    return status == FACTUM_OK ? FACTUM_DONE : status;
}

/* ---- creating, extending, closing ------------------------------------------------------------ */

static void set_end(struct fct_local_reader *reader)
{
    reader->end = atomic_load(&reader->local->published);
    FCT_ASSERT(reader->end > 0); /* the log begins with a header */
    FCT_ASSERT(reader->end <= fct_log_end(reader->local->log));
    reader->base.place = reader->end - 1;
}

static factum_status reader_extend(struct fct_reader *base, factum_error *err)
{
    struct fct_local_reader *reader = reader_of(base);
    FCT_ASSERT(reader->follow);
    reader_check(reader);
    factum_status status = check_deadline(reader, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t end_before = reader->end;
    set_end(reader);
    FCT_ASSERT(reader->end >= end_before); /* |published| never falls */
    reader_check(reader);
    return reader->request.source == FACTUM_SOURCE_STREAM ? fct_reader_apply_metadata(reader, err)
                                                          : FACTUM_OK;
}

static factum_status find_start(struct fct_local_reader *reader, factum_error *err)
{
    switch (reader->plan) {
    case FCT_PLAN_LOG:
        return fct_reader_seek_log(reader, err);
    case FCT_PLAN_QUERY:
        fct_reader_seek_query(reader);
        return FACTUM_OK;
    case FCT_PLAN_POSTINGS:
        break;
    }
    return fct_reader_seek_postings(reader, err);
}

static factum_status reader_begin(struct fct_reader *base, factum_error *err)
{
    struct fct_local_reader *reader = reader_of(base);
    reader_check(reader);
    if (reader->begun == FACTUM_PENDING) {
        reader->begun = find_start(reader, &reader->begin_err);
    }
    FCT_ASSERT(reader->begun != FACTUM_PENDING);
    if (reader->begun != FACTUM_OK) {
        *err = reader->begin_err;
    }
    return reader->begun;
}

static void reader_close(struct fct_reader *base)
{
    struct fct_local_reader *reader = reader_of(base);
    fct_query_walk_destroy(reader->query_walk);
    fct_query_copy_finish(&reader->copy);
    fct_mem_free(reader->local->mem, reader);
}

static const struct fct_reader_ops reader_ops = {
    .begin = reader_begin,
    .next = reader_next,
    .extend = reader_extend,
    .close = reader_close,
};

/* Turns FROM_AFTER into FROM_POSITION: forward the next position, backwards the place itself. */
static void resolve_after(factum_read_request *request)
{
    if (request->from == FACTUM_FROM_AFTER) {
        request->from = FACTUM_FROM_POSITION;
        if (!request->backwards && request->from_value < UINT64_MAX) {
            request->from_value++;
        }
    }
}

/* Replaces what the request points to by the reader's own copies. */
static factum_status own_request(struct fct_local_reader *reader, factum_error *err)
{
    factum_read_request *request = &reader->request;
    factum_status status = fct_query_copy_init(&reader->copy, reader->local->mem, request, err);
    request->query = &reader->copy.query;
    request->filter = reader->copy.has_filter ? &reader->copy.filter : NULL;
    FCT_ASSERT(request->name.len <= sizeof reader->name);
    if (request->name.len > 0) {
        memcpy(reader->name, request->name.ptr, request->name.len);
    }
    request->name = fct_slice(reader->name, request->name.len);
    reader->deadline = fct_call_get(request->call).deadline;
    request->call = NULL;
    return status;
}

static factum_status choose_plan(struct fct_local_reader *reader, factum_error *err)
{
    const factum_read_request *request = &reader->request;
    factum_status status = FACTUM_OK;
    FCT_ASSERT(reader->query_walk == NULL);
    FCT_ASSERT(request->from != FACTUM_FROM_AFTER); /* resolve_after made it a position */
    reader->plan = FCT_PLAN_POSTINGS;
    if (request->source == FACTUM_SOURCE_QUERY) {
        reader->plan = FCT_PLAN_QUERY;
        status = fct_query_walk_create(&reader->query_walk, reader->local, request->query,
                                       request->backwards, err);
    } else if (request->source == FACTUM_SOURCE_ALL) {
        if (request->filter != NULL) {
            status = fct_query_walk_create_filtered(&reader->query_walk, reader->local,
                                                    request->filter, request->backwards, err);
        }
        reader->plan = reader->query_walk == NULL ? FCT_PLAN_LOG : FCT_PLAN_QUERY;
    }
    return status;
}

factum_status fct_local_read(void *self, const factum_read_request *request, bool follow,
                             struct fct_reader **out, factum_error *err)
{
    struct fct_local *local = self;
    fct_local_check(local);
    *out = NULL;
    FCT_ASSERT(request->name.len <= FACTUM_NAME_SIZE_MAX + 2);
    struct fct_local_reader *reader = fct_mem_alloc(local->mem, sizeof *reader);
    if (reader == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "read: out of memory");
    }
    /* The buffers, 3 KiB, are not zeroed: that would show in a read of ten events. */
    reader->base.ops = &reader_ops;
    reader->local = local;
    reader->request = *request;
    reader->begun = FACTUM_PENDING;
    reader->given = 0;
    reader->looked_at = 0;
    reader->follow = follow;
    reader->finished = false;
    reader->pending = false;
    reader->revision_min = 0;
    reader->created_min = INT64_MIN;
    reader->query_walk = NULL;
    reader->commit.last = 0;
    resolve_after(&reader->request);
    set_end(reader);
    factum_status status = own_request(reader, err);
    if (status == FACTUM_OK) {
        status = choose_plan(reader, err);
    }
    if (status != FACTUM_OK) {
        reader_close(&reader->base);
        return status;
    }
    reader_check(reader);
    *out = &reader->base;
    return FACTUM_OK;
}
