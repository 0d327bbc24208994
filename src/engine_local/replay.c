/* replay.c - makes the index agree with the log: replays the part of the log that it does not
 * cover, and rebuilds runs that it lost. Layer: engine_local.
 *
 * Does not know which postings a record has (postings_of.h), nor how the index keeps them.
 */
#include <inttypes.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "engine_local/local_int.h"
#include "engine_local/postings_of.h"

/* In a log with losses, the first event that is left of a stream may have any revision. */
static size_t postings_of(const struct fct_local *local, const struct fct_record *record,
                          struct fct_index_entry entries[FCT_POSTINGS_OF_MAX])
{
    size_t count = fct_postings_of_stored(local->index, record, entries);
    FCT_ASSERT(count > 0);
    FCT_ASSERT(count <= FCT_POSTINGS_OF_MAX);
    if (record->kind == FCT_RECORD_EVENT && entries[0].birth == FCT_BIRTH_NO &&
        fct_log_has_losses(local->log)) {
        entries[0].birth = FCT_BIRTH_ASK;
    }
    return count;
}

enum { REPLAY_ENTRIES = 4096 }; /* postings that are collected before they are added */

/* Postings that replay has collected. Grows to the size of the largest batch. */
struct pending {
    struct fct_index_entry *entries;
    size_t count;
    size_t capacity;
};

static factum_status pending_room(struct fct_local *local, struct pending *pending,
                                  factum_error *err)
{
    if (pending->count + FCT_POSTINGS_OF_MAX <= pending->capacity) {
        return FACTUM_OK;
    }
    size_t capacity = pending->capacity * 2 + REPLAY_ENTRIES * 2;
    void *grown = fct_mem_resize(local->mem, pending->entries, capacity * sizeof *pending->entries);
    if (grown == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
    }
    pending->entries = grown;
    pending->capacity = capacity;
    FCT_ASSERT(pending->count + FCT_POSTINGS_OF_MAX <= pending->capacity);
    return FACTUM_OK;
}

/* Adds the postings that were collected; they reach to the batch boundary |point|. */
static factum_status add_pending(struct fct_local *local, struct pending *pending,
                                 struct fct_index_point point, factum_error *err)
{
    FCT_ASSERT(point.position <= fct_log_end(local->log));
    factum_status status = fct_index_reserve(local->index, pending->count, err);
    if (status == FACTUM_OK) {
        fct_index_add(local->index, pending->entries, pending->count);
        fct_index_show(local->index, point);
        pending->count = 0;
    }
    FCT_ASSERT(pending->count <= pending->capacity);
    return status;
}

/* How much of a long work was logged. */
struct logged {
    uint64_t to;   /* end of the range */
    uint64_t next; /* position at which progress is logged again */
};

/* Logs the start of a rebuild, then its progress every FCT_REPLAY_LONG bytes. */
static void log_progress(const struct fct_local *local, uint64_t from, uint64_t to,
                         struct logged *logged)
{
    if (to != logged->to || from >= logged->next) {
        fct_log_message(&local->sink, FACTUM_LOG_WARN, "index.rebuild",
                        "positions %" PRIu64 " to %" PRIu64 " are being indexed again", from, to);
        *logged = (struct logged){to, from + FCT_REPLAY_LONG};
    }
}

/* Adds all records from |from| on, in whole batches: a flush never covers half a batch. Writes
 * *damaged_from only where a record cannot be read (CORRUPT), here and below. */
static factum_status replay_from(struct fct_local *local, uint64_t from, struct pending *pending,
                                 uint64_t *damaged_from, factum_error *err)
{
    struct fct_log_walk walk;
    struct fct_record record;
    uint64_t batch = 0;
    struct logged logged = {fct_log_end(local->log), from + FCT_REPLAY_LONG};
    FCT_ASSERT(pending->count == 0);
    FCT_ASSERT(from < logged.to);
    factum_status status = fct_log_walk_init(&walk, local->log, from, err);
    while (status == FACTUM_OK) {
        status = fct_log_walk_next(&walk, &record, err);
        *damaged_from = status == FACTUM_CORRUPT ? walk.position : *damaged_from;
        if (status == FACTUM_OK && walk.batch_start != batch && pending->count >= REPLAY_ENTRIES) {
            log_progress(local, walk.batch_start, logged.to, &logged);
            status = add_pending(local, pending,
                                 (struct fct_index_point){.position = walk.batch_start,
                                                          .batch_number = walk.batch_number,
                                                          .chain = walk.batch_chain},
                                 err);
            if (status == FACTUM_OK && !local->index_in_memory) { /* a merge may find damage */
                status = fct_local_rebuild_index(local, damaged_from, err);
            }
        }
        if (status == FACTUM_OK) {
            status = pending_room(local, pending, err);
        }
        if (status == FACTUM_OK) {
            FCT_ASSERT(pending->entries != NULL);
            batch = walk.batch_start;
            local->created_last = record.created;
            pending->count += postings_of(local, &record, pending->entries + pending->count);
        }
    }
    return status;
}

/* Loads |created_last| from the last record: the next ones must not be less. */
static factum_status load_created(struct fct_local *local, uint64_t *damaged_from,
                                  factum_error *err)
{
    struct fct_log_walk walk;
    struct fct_record record;
    factum_status status = fct_log_walk_init_backward(&walk, local->log, UINT64_MAX, err);
    if (status == FACTUM_OK) {
        status = fct_log_walk_previous(&walk, &record, err);
        *damaged_from = status == FACTUM_CORRUPT ? walk.position : *damaged_from;
    }
    if (status == FACTUM_OK) {
        local->created_last = record.created;
    }
    return status < 0 ? status : FACTUM_OK;
}

factum_status fct_local_replay(struct fct_local *local, uint64_t *damaged_from, factum_error *err)
{
    uint64_t end = fct_log_end(local->log);
    factum_status status = FACTUM_OK;
    if (fct_index_covered(local->index).position > end) {
        status = fct_index_truncate(local->index, end, err);
    }
    struct fct_index_point covered = fct_index_covered(local->index);
    FCT_ASSERT(status != FACTUM_OK || covered.position <= end);
    struct pending pending = {.entries = NULL};
    if (status == FACTUM_OK && fct_log_state(local->log) == FCT_LOG_OPEN) {
        status = load_created(local, damaged_from, err);
    }
    if (status == FACTUM_OK && covered.position < end) {
        status = replay_from(local, covered.position, &pending, damaged_from, err);
        if (status == FACTUM_DONE) {
            status = add_pending(local, &pending, fct_local_log_point(local->log), err);
        }
    }
    FCT_ASSERT(status != FACTUM_DONE);
    if (status == FACTUM_OK) {
        FCT_ASSERT(pending.count == 0); /* every posting is in the index */
        fct_index_complete(local->index);
    }
    fct_mem_free(local->mem, pending.entries);
    return status;
}

/* Rebuilds the run of [from, to), or of the part of it that fits in a memtable. */
static factum_status rebuild(struct fct_local *local, uint64_t from, uint64_t to,
                             uint64_t *damaged_from, factum_error *err)
{
    struct fct_log_walk walk;
    struct fct_record record;
    factum_status status = fct_index_rebuild_begin(local->index, from, to, err);
    if (status == FACTUM_OK) {
        status = fct_log_walk_init(&walk, local->log, from, err);
    }
    uint64_t batch = from;
    while (status == FACTUM_OK) {
        status = fct_log_walk_next(&walk, &record, err);
        *damaged_from = status == FACTUM_CORRUPT ? walk.position : *damaged_from;
        if (status != FACTUM_OK || record.position >= to) {
            break;
        }
        if (walk.batch_start > batch && fct_index_rebuild_full(local->index)) {
            to = walk.batch_start;
            break;
        }
        batch = walk.batch_start;
        struct fct_index_entry entries[FCT_POSTINGS_OF_MAX];
        size_t count = postings_of(local, &record, entries);
        status = fct_index_rebuild_add(local->index, entries, count, err);
    }
    return status < 0 ? status : fct_index_rebuild_end(local->index, to, err);
}

factum_status fct_local_rebuild_index(struct fct_local *local, uint64_t *damaged_from,
                                      factum_error *err)
{
    uint64_t from;
    uint64_t to;
    struct logged logged = {0, 0};
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && fct_index_missing(local->index, &from, &to)) {
        log_progress(local, from, to, &logged);
        if (!local->index_in_memory) {
            status = rebuild(local, from, to, damaged_from, err);
        } else { /* nothing may be written: everything from there on goes to memory */
            status = fct_index_truncate(local->index, from, err);
            status = status == FACTUM_OK ? fct_local_replay(local, damaged_from, err) : status;
        }
    }
    return status;
}

factum_status fct_local_index_point(const struct fct_os *os, const char *dir, factum_uuid *store_id,
                                    struct fct_index_point *point, factum_error *err)
{
    factum_error reason;
    factum_status status = fct_index_peek(os, dir, store_id, point, &reason);
    if (status != FACTUM_OK && status != FACTUM_NOT_FOUND) {
        *err = reason;
    }
    return status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
}
