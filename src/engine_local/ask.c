/* ask.c - questions to the embedded engine: places, streams, single events, keys, counts, figures.
 * Layer: engine_local.
 *
 * All are answered at once, in the caller's thread, except for a search among the recent ids: these
 * are the leader's, so it is a task of the group. Must not write.
 */
#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "engine/event_copy.h"
#include "engine/rules.h"
#include "engine_local/local_int.h"
#include "index/keys.h"

/* ---- figures --------------------------------------------------------------------------------- */

static factum_status count_keys(struct fct_local *local, enum fct_index_kind kind,
                                uint64_t *key_count, uint64_t *posting_count, factum_error *err)
{
    struct fct_index_keys *keys;
    FCT_ASSERT(kind < FCT_INDEX_BIRTH); /* births are positions: they have no names */
    *key_count = 0;
    *posting_count = 0;
    factum_status status = fct_index_keys_open(local->index, kind, &keys, err);
    while (status == FACTUM_OK) {
        struct fct_index_key key;
        uint64_t count;
        uint64_t first;
        uint64_t last;
        status = fct_index_keys_next(keys, &key, &count, &first, &last, err);
        if (status == FACTUM_OK) {
            ++*key_count;
            *posting_count += count;
        }
    }
    fct_index_keys_close(keys);
    return status < 0 ? status : FACTUM_OK;
}

/* Counts the births of streams. If the index doubts some of them, counts the streams themselves. */
static factum_status count_streams(struct fct_local *local, uint64_t *count, factum_error *err)
{
    struct fct_index_key births = fct_index_births_key(FCT_INDEX_STREAM);
    struct fct_index_stats stats;
    uint64_t events;
    factum_status status = fct_index_find(local->index, &births, count, NULL, NULL, err);
    fct_index_stats(local->index, &stats);
    return status == FACTUM_OK && stats.doubtful_births > 0
               ? count_keys(local, FCT_INDEX_STREAM, count, &events, err)
               : status;
}

static factum_status fill_info(struct fct_local *local, factum_info *info, factum_error *err)
{
    struct fct_index_stats stats;
    uint64_t types;
    const struct fct_log_recovery *recovery = fct_log_recovery(local->log);
    enum fct_log_state state = fct_log_state(local->log);
    fct_index_stats(local->index, &stats);
    *info = (factum_info){
        .size = sizeof *info,
        .store_id = fct_log_store_id(local->log),
        .format_major = FCT_SEGMENT_FORMAT_MAJOR,
        .format_minor = FCT_SEGMENT_FORMAT_MINOR,
        .read_only = state != FCT_LOG_OPEN,
        .damaged = state == FCT_LOG_DAMAGED,
        .failed = state == FCT_LOG_FAILED,
        .damaged_from = recovery->damaged_from,
        .end_position = atomic_load(&local->published),
        .durable_position = fct_log_durable(local->log),
        .segment_count = fct_log_segment_count(local->log),
        .index_bytes = stats.run_bytes,
        .index_runs = stats.runs,
        .index_memory_bytes = stats.memory_bytes,
        .recovered_bytes = recovery->scanned_bytes,
        .torn_bytes = recovery->torn_bytes,
    };
    fct_log_disk_size(local->log, &info->log_bytes, &info->prepared_bytes);
    FCT_ASSERT(info->end_position <= fct_log_end(local->log));
    FCT_ASSERT(info->durable_position <= fct_log_end(local->log));
    const char *reason = fct_log_state_reason(local->log);
    memcpy(info->reason, reason, strnlen(reason, sizeof info->reason - 1));
    factum_status status = count_streams(local, &info->stream_count, err);
    return status == FACTUM_OK ? count_keys(local, FCT_INDEX_TYPE, &types, &info->event_count, err)
                               : status;
}

static factum_status ask_info(struct fct_local *local, factum_question *question, factum_error *err)
{
    factum_info info;
    factum_status status = fill_info(local, &info, err);
    if (status == FACTUM_OK) {
        fct_sized_write(question->info, &info, sizeof info);
    }
    return status;
}

/* ---- streams and lists ----------------------------------------------------------------------- */

static factum_status ask_stream(struct fct_local *local, factum_question *question,
                                factum_error *err)
{
    factum_stream_info info;
    struct fct_stream_metadata metadata;
    factum_status status = fct_stream_state_at(
        local, question->name, atomic_load(&local->published), &info, &metadata, err);
    if (status == FACTUM_OK) {
        fct_sized_write(question->stream, &info, sizeof info);
    }
    return status;
}

static factum_status ask_count(struct fct_local *local, factum_question *question,
                               factum_error *err)
{
    uint64_t published = atomic_load(&local->published);
    FCT_ASSERT(published > 0);
    uint64_t last = published - 1;
    struct fct_index_key key =
        fct_index_key(local->index, fct_local_kind_of(question->source), question->name);
    uint64_t count;
    factum_status status =
        fct_index_count_between(local->index, &key, question->position,
                                question->upto < last ? question->upto : last, &count, err);
    if (status == FACTUM_OK) {
        question->number = count;
    }
    return status;
}

/* ---- single events --------------------------------------------------------------------------- */

static factum_status copy_event(factum_question *question, const struct fct_record *record,
                                uint64_t ordinal, factum_error *err)
{
    factum_slice tags[FACTUM_TAGS_MAX];
    factum_event event;
    fct_local_event_from(record, tags, &event);
    event.ordinal = ordinal;
    return fct_event_copy_set(question->event, &event, err);
}

static factum_status ask_event(struct fct_local *local, factum_question *question,
                               factum_error *err)
{
    struct fct_record record;
    factum_status status = FACTUM_NOT_FOUND;
    if (question->position < atomic_load(&local->published)) {
        status = fct_log_find(local->log, question->position, &record, err);
    }
    if (status == FACTUM_NOT_FOUND || (status == FACTUM_OK && record.kind != FCT_RECORD_EVENT)) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no event at position %" PRIu64, question->position);
    }
    return status == FACTUM_OK ? copy_event(question, &record, 0, err) : status;
}

/* Searches the stream from its last event backwards. DONE: it has no such event.
 * Errors: EXPIRED, CORRUPT, IO. */
static factum_status find_in_stream(struct fct_local *local, const factum_question *question,
                                    struct fct_record *record, factum_error *err)
{
    struct fct_index_key key = fct_index_key(local->index, FCT_INDEX_STREAM, question->name);
    struct fct_postings postings;
    FCT_ASSERT(question->name.len > 0);
    fct_postings_init(&postings, local->index, &key);
    factum_status status =
        fct_postings_seek_position(&postings, atomic_load(&local->published), err);
    for (uint64_t i = 1; status == FACTUM_OK; i++) {
        uint64_t position;
        status = fct_postings_previous(&postings, &position, err);
        if (status == FACTUM_OK) {
            status = fct_log_read(local->log, position, record, err);
        }
        if (status == FACTUM_OK && fct_uuid_equal(record->id, question->id) &&
            fct_slice_equal(record->stream, question->name)) {
            return FACTUM_OK;
        }
        if (status == FACTUM_OK && i % FCT_LOCAL_CLOCK_EVERY == 0) {
            status =
                fct_deadline_check(local->os, fct_call_get(question->call).deadline, "ask", err);
        }
    }
    return status;
}

static factum_status ask_find_event(struct fct_local *local, factum_question *question,
                                    factum_error *err)
{
    struct fct_record record;
    factum_status status;
    if (question->name.len > 0) {
        status = find_in_stream(local, question, &record, err);
    } else {
        struct fct_task task = {.commit = {.kind = FCT_TASK_FIND_ID}, .id = question->id};
        status = fct_commit_task(local, &task, err);
        record = task.record;
    }
    FCT_ASSERT(status != FACTUM_PENDING); /* a task runs between batches */
    if (status == FACTUM_DONE) {
        char text[FACTUM_UUID_TEXT_SIZE];
        factum_uuid_format(question->id, text);
        return question->name.len > 0
                   ? fct_fail(err, FACTUM_NOT_FOUND, "no event with id %s in stream %.*s", text,
                              FCT_FMT(question->name))
                   : fct_fail(err, FACTUM_NOT_FOUND,
                              "no event with id %s among the newest %u: name its stream", text,
                              FCT_RECENT_IDS);
    }
    return status == FACTUM_OK ? copy_event(question, &record, record.revision, err) : status;
}

/* ---- idempotency keys ------------------------------------------------------------------------ */

/* Fills in the positions and revisions of the commit whose COMMIT record is |commit|. */
static factum_status read_commit(struct fct_local *local, const struct fct_record *commit,
                                 factum_key_info *info, factum_error *err)
{
    FCT_ASSERT(commit->kind == FCT_RECORD_COMMIT);
    info->first_position = 0;
    info->position = 0;
    info->revision = 0;
    uint64_t position = commit->position + commit->size;
    for (uint64_t i = 0; i < commit->revision; i++) {
        struct fct_record record;
        factum_status status = fct_log_read(local->log, position, &record, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (i == 0) {
            info->first_position = position;
        }
        if (info->revisions != NULL && i < info->revisions_max) {
            info->revisions[i] = record.revision;
        }
        info->position = position;
        info->revision = record.revision;
        position += record.size;
    }
    return FACTUM_OK;
}

static factum_status ask_key(struct fct_local *local, factum_question *question, factum_error *err)
{
    struct fct_record commit;
    uint64_t end = atomic_load(&local->published);
    factum_status status = fct_local_find_key(local, question->name, &commit, err);
    if (status == FACTUM_OK && commit.position >= end) {
        status = FACTUM_DONE; /* not visible yet */
    }
    if (status == FACTUM_DONE) {
        return fct_fail(err, FACTUM_NOT_FOUND, "idempotency key %.*s was never used",
                        FCT_FMT(question->name));
    }
    if (status != FACTUM_OK) {
        return status;
    }
    factum_key_info info;
    fct_sized_copy(&info, sizeof info, question->key); /* for info.revisions */
    info.event_count = commit.revision;
    info.created = commit.created;
    memcpy(info.fingerprint.bytes, commit.id.bytes, sizeof info.fingerprint.bytes);
    status = read_commit(local, &commit, &info, err);
    if (status == FACTUM_OK) {
        fct_sized_write(question->key, &info, sizeof info);
    }
    return status;
}

factum_status fct_local_ask(void *self, factum_question *question, factum_error *err)
{
    struct fct_local *local = self;
    fct_local_check(local);
    switch (question->kind) {
    case FACTUM_ASK_PLACE:
        question->number = atomic_load(&local->published) - 1;
        return FACTUM_OK;
    case FACTUM_ASK_STREAM:
        return ask_stream(local, question, err);
    case FACTUM_ASK_EVENT:
        return ask_event(local, question, err);
    case FACTUM_ASK_FIND_EVENT:
        return ask_find_event(local, question, err);
    case FACTUM_ASK_KEY:
        return ask_key(local, question, err);
    case FACTUM_ASK_COUNT:
        return ask_count(local, question, err);
    case FACTUM_ASK_INFO:
        return ask_info(local, question, err);
    }
    return fct_fail(err, FACTUM_INVALID, "ask: kind %d is not known", (int)question->kind);
}
