/* stream_state.c - see stream_state.h. Layer: engine_local. */
#include "engine_local/stream_state.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"

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
            return status; /* no other stream has the hash, as usual */
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
            FCT_ASSERT(record->position < upto);
            return FACTUM_OK;
        }
    }
    return status;
}

/* Loads the metadata that a stream had at |upto|. If *found, *revision is that of the event in
 * "$$<stream>"; otherwise *metadata has only what every stream of its kind has. */
static factum_status load_metadata(struct fct_local *local, factum_slice stream, uint64_t upto,
                                   struct fct_stream_metadata *metadata, bool *found,
                                   uint64_t *revision, factum_error *err)
{
    *metadata = (struct fct_stream_metadata){.max_count = 0};
    *found = false;
    if (fct_metastream_target(stream).len > 0) {
        metadata->max_count = 1; /* of a metastream only the last event is visible */
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
    FCT_ASSERT(!found || status == FACTUM_OK);
    if (found) {
        head->flags |= FCT_HEAD_METADATA;
        head->flags |= metadata.soft_deleted ? (uint32_t)FCT_HEAD_SOFT_DELETED : 0;
    }
    return status;
}

factum_status fct_stream_state_at(struct fct_local *local, factum_slice stream, uint64_t upto,
                                  factum_stream_info *info, struct fct_stream_metadata *metadata,
                                  factum_error *err)
{
    struct fct_record record;
    *info = (factum_stream_info){.size = sizeof *info, .state = FACTUM_STREAM_ABSENT};
    factum_status status = fct_local_last_record(local, stream, upto, &record, err);
    bool tombstoned = status == FACTUM_OK && record.revision == FACTUM_REVISION_TOMBSTONE;
    if (status == FACTUM_OK) {
        info->last_position = record.position;
    }
    if (tombstoned) {
        status = fct_local_last_record(local, stream, record.position, &record, err);
    }
    bool present = status == FACTUM_OK;
    FCT_ASSERT(!present || info->last_position < upto);
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
        info->first_revision = fct_first_visible(metadata, record.revision);
        info->state = metadata->soft_deleted ? FACTUM_STREAM_SOFT_DELETED : FACTUM_STREAM_PRESENT;
    }
    if (tombstoned) {
        info->state = FACTUM_STREAM_TOMBSTONED;
    }
    return FACTUM_OK;
}
