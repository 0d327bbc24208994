/* read.c - readers of the embedded engine: a walk over the log (ALL), or a list of postings
 * (everything else). Layer: engine_local.
 *
 * A reader sees the positions before its |end|, the published position when it was opened or last
 * extended. Postings are verified against the names in the records, so that a collision of hashes
 * costs a look and never gives a wrong event. What was lost from the index is made anew from the
 * log when it is met.
 */
#include <string.h>

#include "core/bug.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"

#define PREFETCH_AHEAD 6u

struct reader {
    struct fct_reader base;
    struct fct_local *local;
    factum_read_request request; /* name: own copy below */
    uint64_t end;
    uint64_t given;
    bool follow;
    bool finished; /* the count or a bound was reached: nothing more can come */
    bool pending;  /* the walk gave a record beyond |end|: it is |record| */
    /* STREAM: what its metadata leaves */
    uint64_t revision_min;
    int64_t created_min;
    bool exact; /* the ordinal of a posting is the revision: no collision was met */
    struct fct_log_walk walk;
    struct fct_postings postings;
    struct fct_record record;
    factum_slice tags[FACTUM_TAGS_MAX];
    char name[FACTUM_NAME_SIZE_MAX + 8];
};

/* ---- single records -------------------------------------------------------------------------- */

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

factum_status fct_local_event(void *self, uint64_t position, factum_event *event, factum_error *err)
{
    struct fct_local *local = self;
    struct fct_record record;
    factum_status status = FACTUM_NOT_FOUND;
    if (position < atomic_load(&local->published)) {
        status = fct_log_find(local->log, position, &record, err);
    }
    if (status == FACTUM_NOT_FOUND || (status == FACTUM_OK && record.kind != FCT_RECORD_EVENT)) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no event at position %llu",
                        (unsigned long long)position);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    fct_local_event_from(&record, NULL, event);
    return FACTUM_OK;
}

/* ---- how a stream stands --------------------------------------------------------------------- */

bool fct_local_mended(struct fct_local *local, unsigned *tries)
{
    struct fct_group_request request = {.task = FCT_TASK_MEND};
    return ++*tries <= FCT_MENDS_MAX && fct_group_run(&local->group, &request, NULL) == FACTUM_OK;
}

factum_status fct_local_last_record(struct fct_local *local, factum_slice stream, uint64_t upto,
                                    struct fct_record *record, factum_error *err)
{
    struct fct_index_key key = fct_index_key(local->index, FCT_INDEX_STREAM, stream);
    struct fct_postings postings;
    uint64_t count;
    uint64_t last;
    factum_status status = fct_index_find(local->index, &key, &count, NULL, &last, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (count == 0) {
        return FACTUM_DONE;
    }
    if (last < upto) {
        status = fct_log_read(local->log, last, record, err);
        if (status != FACTUM_OK || fct_slice_equal(record->stream, stream)) {
            return status; /* the usual case: no other name has its hash */
        }
    }
    fct_postings_init(&postings, local->index, &key);
    fct_postings_seek(&postings, count);
    while (status == FACTUM_OK) {
        uint64_t position;
        status = fct_postings_previous(&postings, &position, err);
        if (status != FACTUM_OK || position >= upto) {
            continue;
        }
        status = fct_log_read(local->log, position, record, err);
        if (status == FACTUM_OK && fct_slice_equal(record->stream, stream)) {
            return FACTUM_OK;
        }
    }
    return status;
}

/* The metadata of a stream as it was at |upto|, all zero if there is none; *revision of
 * "$$<stream>" if *found. */
static factum_status load_metadata(struct fct_local *local, factum_slice stream, uint64_t upto,
                                   struct fct_stream_metadata *metadata, bool *found,
                                   uint64_t *revision, factum_error *err)
{
    *metadata = (struct fct_stream_metadata){.max_count = 0};
    *found = false;
    if (fct_metastream_target(stream).len > 0) {
        metadata->max_count = 1; /* metastreams: only the last counts */
        return FACTUM_OK;
    }
    char name[FACTUM_NAME_SIZE_MAX + 2] = "$$";
    if (stream.len > FACTUM_NAME_SIZE_MAX) {
        return FACTUM_OK;
    }
    memcpy(name + 2, stream.ptr, stream.len);
    struct fct_record record;
    factum_status status =
        fct_local_last_record(local, fct_slice(name, stream.len + 2), upto, &record, err);
    if (status == FACTUM_OK) {
        fct_stream_metadata_parse(record.data, metadata);
        *found = true;
        *revision = record.revision;
    }
    return status < 0 ? status : FACTUM_OK;
}

factum_status fct_local_load_head(struct fct_local *local, factum_slice stream,
                                  struct fct_head *head, factum_error *err)
{
    struct fct_record record;
    head->flags = 0;
    factum_status status = fct_local_last_record(local, stream, UINT64_MAX, &record, err);
    if (status == FACTUM_OK) {
        head->last_position = record.position;
        if (record.revision == FACTUM_REVISION_TOMBSTONE) {
            head->flags |= FCT_HEAD_TOMBSTONED;
            status = fct_local_last_record(local, stream, record.position, &record, err);
        }
        if (status == FACTUM_OK) {
            head->flags |= FCT_HEAD_PRESENT;
            head->last_revision = record.revision;
        }
    }
    if (status < 0) {
        return status;
    }
    struct fct_stream_metadata metadata;
    bool found;
    uint64_t revision;
    status = load_metadata(local, stream, UINT64_MAX, &metadata, &found, &revision, err);
    if (found) {
        head->flags |= FCT_HEAD_METADATA;
        head->flags |= metadata.soft_deleted ? (uint32_t)FCT_HEAD_SOFT_DELETED : 0;
    }
    return status;
}

/* First revision that metadata leaves visible, not counting $maxAge. */
static uint64_t first_visible(const struct fct_stream_metadata *metadata, uint64_t last)
{
    uint64_t first = metadata->truncate_before;
    if (metadata->max_count > 0 && last + 1 > metadata->max_count &&
        last + 1 - metadata->max_count > first) {
        first = last + (fct_bug(FCT_BUG_COUNT_FROM_START) ? 0 : 1) - metadata->max_count;
    }
    return first;
}

/* How the stream stood at |upto|: what a reader does not see yet must not hide what it sees, as the
 * next event of a stream with $maxCount would. |metadata| is a by-product, for who reads on. */
static factum_status stream_info(struct fct_local *local, factum_slice stream, uint64_t upto,
                                 factum_stream_info *info, struct fct_stream_metadata *metadata,
                                 factum_error *err)
{
    struct fct_record record;
    *info = (factum_stream_info){.state = FACTUM_STREAM_ABSENT};
    factum_status status = fct_local_last_record(local, stream, upto, &record, err);
    bool tombstoned = status == FACTUM_OK && record.revision == FACTUM_REVISION_TOMBSTONE;
    if (status == FACTUM_OK) {
        info->last_position = record.position;
    }
    if (tombstoned) {
        status = fct_local_last_record(local, stream, record.position, &record, err);
    }
    bool present = status == FACTUM_OK;
    if (status >= 0) {
        status = load_metadata(local, stream, upto, metadata, &info->has_metadata,
                               &info->metadata_revision, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    bool meta = fct_metastream_target(stream).len > 0;
    info->max_count = meta ? 0 : metadata->max_count;
    info->max_age = metadata->max_age;
    info->truncate_before = metadata->truncate_before;
    if (present) {
        info->last_revision = record.revision;
        info->first_revision = first_visible(metadata, record.revision);
        info->state = metadata->soft_deleted ? FACTUM_STREAM_SOFT_DELETED : FACTUM_STREAM_PRESENT;
    }
    if (tombstoned) {
        info->state = FACTUM_STREAM_TOMBSTONED;
    }
    return FACTUM_OK;
}

factum_status fct_local_stream(void *self, factum_slice stream, factum_stream_info *info,
                               factum_error *err)
{
    struct fct_local *local = self;
    struct fct_stream_metadata metadata;
    factum_status status;
    unsigned tries = 0;
    do {
        uint64_t end = atomic_load(&local->published);
        status = stream_info(local, stream, end, info, &metadata, err);
    } while (status == FACTUM_CORRUPT && fct_local_mended(local, &tries));
    return status;
}

/* ---- opening a reader ------------------------------------------------------------------------ */

static enum fct_index_kind index_kind_of(factum_source source)
{
    switch (source) {
    case FACTUM_SOURCE_STREAM:
        return FCT_INDEX_STREAM;
    case FACTUM_SOURCE_CATEGORY:
        return FCT_INDEX_CATEGORY;
    case FACTUM_SOURCE_TYPE:
        return FCT_INDEX_TYPE;
    case FACTUM_SOURCE_CORRELATION:
        return FCT_INDEX_CORRELATION;
    case FACTUM_SOURCE_TAG:
        return FCT_INDEX_TAG;
    case FACTUM_SOURCE_ALL:
        break;
    }
    FCT_ASSERT(source != FACTUM_SOURCE_ALL); /* the others returned */
    return FCT_INDEX_STREAM;
}

/* Is the stream there to be read, and from where? */
static factum_status apply_metadata(struct reader *reader, factum_error *err)
{
    struct fct_local *local = reader->local;
    factum_slice stream = reader->request.name;
    factum_stream_info info;
    struct fct_stream_metadata metadata;
    uint64_t upto = fct_bug(FCT_BUG_METADATA_OF_NOW) ? UINT64_MAX : reader->end;
    factum_status status = stream_info(local, stream, upto, &info, &metadata, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (info.state == FACTUM_STREAM_TOMBSTONED && !reader->follow) {
        return fct_fail(err, FACTUM_STREAM_DELETED, "stream %.*s is deleted for ever",
                        FCT_FMT(stream));
    }
    if ((info.state == FACTUM_STREAM_ABSENT || info.state == FACTUM_STREAM_SOFT_DELETED) &&
        !reader->follow) {
        return fct_fail(err, FACTUM_STREAM_NOT_FOUND, "no stream %.*s%s", FCT_FMT(stream),
                        info.state == FACTUM_STREAM_ABSENT ? "" : ": it was deleted");
    }
    reader->revision_min = first_visible(&metadata, info.last_revision);
    if (info.state == FACTUM_STREAM_ABSENT) {
        reader->revision_min = 0;
    }
    if (info.state == FACTUM_STREAM_SOFT_DELETED) {
        reader->revision_min = info.last_revision + 1;
    }
    reader->created_min = INT64_MIN;
    if (metadata.max_age > 0 && metadata.max_age < UINT64_C(9000000000)) {
        reader->created_min =
            fct_os_time(local->os) - (int64_t)(metadata.max_age * UINT64_C(1000000000));
    }
    return status;
}

/* Do the stream's last posting and its revision agree? Then there was no collision before it.
 * *tombstone: it is the stream's end, whose revision is far beyond its ordinal. */
static factum_status check_exact(struct reader *reader, bool *tombstone, factum_error *err)
{
    struct fct_local *local = reader->local;
    uint64_t count;
    uint64_t last;
    factum_status status =
        fct_index_find(local->index, &reader->postings.key, &count, NULL, &last, err);
    reader->exact = status == FACTUM_OK;
    if (status == FACTUM_OK && count > 0) {
        struct fct_record record;
        status = fct_log_read(local->log, last, &record, err);
        bool own = status == FACTUM_OK && fct_slice_equal(record.stream, reader->request.name);
        *tombstone = own && record.revision == FACTUM_REVISION_TOMBSTONE;
        reader->exact = own && (record.revision == count - 1 || *tombstone);
    }
    return status;
}

/* Stands before the first posting whose record's revision is at least |revision| (forward), or
 * after the last one at most |revision| (backward). The ordinal is the revision unless names
 * collide. */
static factum_status seek_revision(struct reader *reader, uint64_t revision, factum_error *err)
{
    struct fct_local *local = reader->local;
    bool stream = reader->request.source == FACTUM_SOURCE_STREAM;
    reader->exact = true;
    if (revision == 0 && !reader->request.backwards) {
        fct_postings_seek(&reader->postings, 0); /* the usual case needs no look */
        return FACTUM_OK;
    }
    bool tombstone = false;
    if (stream) {
        factum_status checked = check_exact(reader, &tombstone, err);
        if (checked != FACTUM_OK) {
            return checked;
        }
    }
    if (reader->exact) {
        bool after = reader->request.backwards && revision < UINT64_MAX;
        uint64_t ordinal = revision + (after ? 1 : 0);
        uint64_t count;
        factum_status status =
            fct_index_find(local->index, &reader->postings.key, &count, NULL, NULL, err);
        if (status != FACTUM_OK) {
            return status;
        }
        bool reaches = tombstone && revision <= FACTUM_REVISION_TOMBSTONE;
        uint64_t last = reaches ? count - 1 : count;
        fct_postings_seek(&reader->postings, ordinal < last ? ordinal : last);
        return status;
    }
    fct_postings_seek(&reader->postings, 0);
    uint64_t position;
    uint64_t ordinal = 0;
    factum_status status;
    while ((status = fct_postings_next(&reader->postings, &position, err)) == FACTUM_OK) {
        struct fct_record record;
        status = fct_log_read(local->log, position, &record, err);
        if (status != FACTUM_OK) {
            return status;
        }
        bool own = fct_slice_equal(record.stream, reader->request.name);
        if (own && (reader->request.backwards ? record.revision > revision
                                              : record.revision >= revision)) {
            fct_postings_seek(&reader->postings, ordinal);
            return FACTUM_OK;
        }
        ordinal++;
    }
    return status < 0 ? status : FACTUM_OK;
}

static factum_status seek_postings(struct reader *reader, factum_error *err)
{
    const factum_read_request *request = &reader->request;
    struct fct_index_key key =
        fct_index_key(reader->local->index, index_kind_of(request->source), request->name);
    fct_postings_init(&reader->postings, reader->local->index, &key);
    factum_status status = FACTUM_OK;
    reader->exact = true;
    if (request->source == FACTUM_SOURCE_STREAM) {
        status = apply_metadata(reader, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t from = request->from_value;
    switch (request->from) {
    case FACTUM_FROM_START:
        if (request->backwards) {
            return fct_postings_seek_position(&reader->postings, reader->end, err);
        }
        return seek_revision(reader, reader->revision_min, err);
    case FACTUM_FROM_END:
        return fct_postings_seek_position(&reader->postings, reader->end, err);
    case FACTUM_FROM_REVISION:
        if (!request->backwards && from < reader->revision_min) {
            from = reader->revision_min;
        }
        return seek_revision(reader, from, err);
    case FACTUM_FROM_POSITION:
        if (request->backwards) {
            from = from < reader->end ? from + 1 : reader->end;
        }
        return fct_postings_seek_position(&reader->postings, from, err);
    }
    return fct_fail(err, FACTUM_INVALID, "read: no such place to start from");
}

/* Where the last record that begins at or before |from| ends; no boundary lies between. */
static factum_status record_end(struct fct_log *log, uint64_t *end, uint64_t from,
                                factum_error *err)
{
    struct fct_record record;
    struct fct_log_walk walk;
    factum_status status = fct_log_find(log, from, &record, err);
    if (status == FACTUM_OK) {
        *end = from + record.size;
    } else if (status == FACTUM_NOT_FOUND) {
        status = fct_log_walk_init(&walk, log, from, err);
        *end = walk.position < *end ? walk.position : *end;
    }
    return status;
}

static factum_status seek_walk(struct reader *reader, factum_error *err)
{
    const factum_read_request *request = &reader->request;
    struct fct_log *log = reader->local->log;
    uint64_t from = request->from_value;
    if (request->backwards) {
        uint64_t before = reader->end;
        if (request->from == FACTUM_FROM_POSITION && from < before) {
            factum_status found = record_end(log, &before, from, err);
            if (found != FACTUM_OK) {
                return found;
            }
        }
        return fct_log_walk_init_backward(&reader->walk, log, before, err);
    }
    if (request->from == FACTUM_FROM_START) {
        from = 0;
    } else if (request->from == FACTUM_FROM_END || from > reader->end) {
        from = reader->end;
    }
    return fct_log_walk_init(&reader->walk, log, from, err);
}

/* ---- reading on ------------------------------------------------------------------------------ */

static factum_status walk_record(struct reader *reader, factum_error *err)
{
    struct fct_record *record = &reader->record;
    if (reader->request.backwards) {
        return fct_log_walk_previous(&reader->walk, record, err);
    }
    if (reader->pending) {
        if (record->position >= reader->end) {
            return FACTUM_DONE;
        }
        reader->pending = false;
        return FACTUM_OK;
    }
    if (reader->walk.position >= reader->end) {
        return FACTUM_DONE;
    }
    factum_status status = fct_log_walk_next(&reader->walk, record, err);
    if (status == FACTUM_OK && record->position >= reader->end) {
        reader->pending = true;
        return FACTUM_DONE;
    }
    return status;
}

static bool fits_list(const struct reader *reader, const struct fct_record *record)
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
        break;
    }
    return true;
}

static factum_status posting_record(struct reader *reader, uint64_t *ordinal, factum_error *err)
{
    struct fct_local *local = reader->local;
    unsigned tries = 0;
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
        if (status == FACTUM_CORRUPT && fct_local_mended(local, &tries)) {
            fct_postings_seek(&reader->postings,
                              reader->request.backwards ? at + 1 : at); /* its batch was lost */
            continue;
        }
        if (status != FACTUM_OK) {
            return status;
        }
        if (position >= reader->end) {
            if (reader->request.backwards) {
                continue;
            }
            if (!fct_bug(FCT_BUG_NEWS_LOST)) {
                fct_postings_seek(&reader->postings, at); /* for when the reader is extended */
            }
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

enum fit {
    FITS,
    SKIP,
    STOP,
};

static enum fit fits_bounds(const struct reader *reader, const struct fct_record *record,
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
        return SKIP; /* it began at a place that was not there yet */
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
    return FITS;
}

static factum_status reader_next(struct fct_reader *base, factum_event *event, factum_error *err)
{
    struct reader *reader = (struct reader *)(void *)base;
    while (!reader->finished) {
        uint64_t ordinal = 0;
        bool all = reader->request.source == FACTUM_SOURCE_ALL;
        factum_status status =
            all ? walk_record(reader, err) : posting_record(reader, &ordinal, err);
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
        reader->given++;
        reader->finished =
            reader->request.count_max > 0 && reader->given == reader->request.count_max;
        return FACTUM_OK;
    }
    return FACTUM_DONE;
}

static factum_status reader_extend(struct fct_reader *base, uint64_t *end, factum_error *err)
{
    struct reader *reader = (struct reader *)(void *)base;
    reader->end = atomic_load(&reader->local->published);
    *end = reader->end;
    factum_status status = FACTUM_OK;
    unsigned tries = 0;
    if (reader->request.source == FACTUM_SOURCE_STREAM) {
        do {
            status = apply_metadata(reader, err);
        } while (status == FACTUM_CORRUPT && fct_local_mended(reader->local, &tries));
    }
    return status;
}

static void reader_close(struct fct_reader *base)
{
    struct reader *reader = (struct reader *)(void *)base;
    fct_mem_free(reader->local->mem, reader);
}

static const struct fct_reader_ops reader_ops = {reader_next, reader_extend, reader_close};

factum_status fct_local_read(void *self, const factum_read_request *request, bool follow,
                             struct fct_reader **out, factum_error *err)
{
    struct fct_local *local = self;
    *out = NULL;
    FCT_ASSERT(request->name.len <= FACTUM_NAME_SIZE_MAX + 2);
    struct reader *reader = fct_mem_alloc(local->mem, sizeof *reader);
    if (reader == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "read: out of memory");
    }
    reader->base.ops = &reader_ops;
    reader->local = local;
    reader->request = *request;
    reader->given = 0;
    reader->follow = follow;
    reader->finished = false;
    reader->pending = false;
    reader->revision_min = 0;
    reader->created_min = INT64_MIN;
    if (request->name.len > 0) {
        memcpy(reader->name, request->name.ptr, request->name.len);
    }
    reader->request.name = fct_slice(reader->name, request->name.len);
    reader->end = atomic_load(&local->published);
    bool all = request->source == FACTUM_SOURCE_ALL;
    factum_status status = all ? seek_walk(reader, err) : seek_postings(reader, err);
    unsigned tries = 0;
    while (status == FACTUM_CORRUPT && !all && fct_local_mended(local, &tries)) {
        status = seek_postings(reader, err);
    }
    if (status != FACTUM_OK) {
        reader_close(&reader->base);
        return status;
    }
    *out = &reader->base;
    return FACTUM_OK;
}
