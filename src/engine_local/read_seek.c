/* read_seek.c - where a read begins: in a list of postings, in the log, or in a query's lists.
 * Layer: engine_local. Gives no events; see read_int.h. */
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"
#include "engine_local/read_int.h"
#include "engine_local/stream_state.h"

enum fct_index_kind fct_local_kind_of(factum_source source)
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
    case FACTUM_SOURCE_QUERY:
        break;
    }
    FCT_ASSERT(source == FACTUM_SOURCE_STREAM); /* the other cases returned, or have no list */
    return FCT_INDEX_STREAM;
}

factum_status fct_reader_apply_metadata(struct fct_local_reader *reader, factum_error *err)
{
    struct fct_local *local = reader->local;
    factum_slice stream = reader->request.name;
    factum_stream_info info;
    struct fct_stream_metadata metadata;
    FCT_ASSERT(reader->request.source == FACTUM_SOURCE_STREAM);
    factum_status status = fct_stream_state_at(local, stream, reader->end, &info, &metadata, err);
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
    reader->revision_min = fct_first_visible(&metadata, info.last_revision);
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

/* Sets reader->exact: is the revision of the stream's last event the ordinal of its posting? Then
 * no names collide in the list. *tombstone: the last event is a tombstone, whose revision is far
 * beyond its ordinal. */
static factum_status check_exact(struct fct_local_reader *reader, bool *tombstone,
                                 factum_error *err)
{
    struct fct_local *local = reader->local;
    uint64_t count;
    uint64_t last;
    FCT_ASSERT(reader->request.source == FACTUM_SOURCE_STREAM);
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

/* The same as seek_revision for a list in which names collide: reads its records from the start. */
static factum_status seek_revision_by_records(struct fct_local_reader *reader, uint64_t revision,
                                              factum_error *err)
{
    struct fct_local *local = reader->local;
    FCT_ASSERT(!reader->exact);
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

/* Seeks before the first posting whose record has at least |revision| (forwards), or after the last
 * one that has at most |revision| (backwards). The ordinal is the revision unless names collide. */
static factum_status seek_revision(struct fct_local_reader *reader, uint64_t revision,
                                   factum_error *err)
{
    struct fct_local *local = reader->local;
    bool stream = reader->request.source == FACTUM_SOURCE_STREAM;
    FCT_ASSERT(reader->plan == FCT_PLAN_POSTINGS);
    reader->exact = true;
    if (revision == 0 && !reader->request.backwards) {
        fct_postings_seek(&reader->postings, 0);
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
    return seek_revision_by_records(reader, revision, err);
}

factum_status fct_reader_seek_postings(struct fct_local_reader *reader, factum_error *err)
{
    const factum_read_request *request = &reader->request;
    FCT_ASSERT(reader->plan == FCT_PLAN_POSTINGS);
    struct fct_index_key key =
        fct_index_key(reader->local->index, fct_local_kind_of(request->source), request->name);
    fct_postings_init(&reader->postings, reader->local->index, &key);
    factum_status status = FACTUM_OK;
    reader->exact = true;
    if (request->source == FACTUM_SOURCE_STREAM) {
        status = fct_reader_apply_metadata(reader, err);
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
    case FACTUM_FROM_AFTER:
        break;
    }
    FCT_ASSERT(request->from != FACTUM_FROM_AFTER); /* fct_local_read made it a position */
    return fct_fail(err, FACTUM_INVALID, "read: start %d is not known", (int)request->from);
}

/* Sets *end, if that is less, to the end of the last record that begins at or before |from|. */
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

factum_status fct_reader_seek_log(struct fct_local_reader *reader, factum_error *err)
{
    const factum_read_request *request = &reader->request;
    struct fct_log *log = reader->local->log;
    uint64_t from = request->from_value;
    FCT_ASSERT(reader->plan == FCT_PLAN_LOG);
    if (request->backwards) {
        uint64_t before = reader->end;
        if (request->from == FACTUM_FROM_POSITION && from < before) {
            factum_status found = record_end(log, &before, from, err);
            if (found != FACTUM_OK) {
                return found;
            }
        }
        return fct_log_walk_init_backward(&reader->log_walk, log, before, err);
    }
    if (request->from == FACTUM_FROM_START) {
        from = 0;
    } else if (request->from == FACTUM_FROM_END || from > reader->end) {
        from = reader->end;
    }
    return fct_log_walk_init(&reader->log_walk, log, from, err);
}

/* A query has no revisions: only positions are starts. */
void fct_reader_seek_query(struct fct_local_reader *reader)
{
    const factum_read_request *request = &reader->request;
    FCT_ASSERT(reader->query_walk != NULL);
    bool at_position = request->from == FACTUM_FROM_POSITION;
    if (request->backwards) {
        FCT_ASSERT(reader->end > 0);
        uint64_t last = reader->end - 1;
        bool inside = at_position && request->from_value < last;
        fct_query_walk_seek(reader->query_walk, inside ? request->from_value : last);
    } else if (at_position) {
        fct_query_walk_seek(reader->query_walk, request->from_value);
    } else {
        fct_query_walk_seek(reader->query_walk, request->from == FACTUM_FROM_END ? reader->end : 0);
    }
}
