/* read_commit.c - to which commit an event belongs, and under which key. Layer: engine_local.
 *
 * In the log a commit has, in this order: metadata events of deleted streams that it revives; its
 * COMMIT record, if it has a key; the events of the request. The first of its events has the flag
 * FIRST. So the commit of a record is found by a walk back to FIRST, and one record further, where
 * the COMMIT record may be.
 *
 * The reader remembers the part of a commit that it knows, [first, last]. Events within that part
 * need no walk, and a walk ends at it: the events of a commit, read forwards or backwards, cost one
 * step each.
 *
 * Invariant: last == 0, or first <= last.
 */
#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "engine_local/local_int.h"
#include "engine_local/read_int.h"

static void take_key(struct fct_reader_commit *commit, const struct fct_record *record)
{
    FCT_ASSERT(record->data.len <= sizeof commit->key_bytes);
    memcpy(commit->key_bytes, record->data.ptr, record->data.len);
    commit->key = (factum_slice){commit->key_bytes, record->data.len};
    commit->key_at = record->position;
}

/* False for the COMMIT record of an append without events: the events after it are of another
 * commit. */
static bool has_events(const struct fct_record *record)
{
    return record->kind == FCT_RECORD_COMMIT && record->revision > 0;
}

/* Walks from reader->record back to the part of its commit that is known, or to its first event. */
static factum_status walk_back(struct fct_local_reader *reader, factum_error *err)
{
    struct fct_reader_commit *commit = &reader->commit;
    struct fct_log_walk walk;
    struct fct_record record = reader->record;
    uint64_t known = commit->last;
    uint64_t key_known = commit->key_at;
    commit->last = 0; /* if the walk fails, no commit is known */
    commit->key_at = UINT64_MAX;
    factum_status status =
        fct_log_walk_init_backward(&walk, reader->local->log, record.position, err);
    while (status == FACTUM_OK) {
        bool first = record.kind == FCT_RECORD_EVENT && (record.flags & FCT_RECORD_FIRST) != 0;
        if (record.position == known) {
            commit->key_at = commit->key_at == UINT64_MAX ? key_known : commit->key_at;
            return FACTUM_OK;
        }
        if (first) {
            commit->first = record.position;
        }
        status = fct_log_walk_previous(&walk, &record, err);
        if (status == FACTUM_OK && has_events(&record) && commit->key_at == UINT64_MAX) {
            take_key(commit, &record);
        }
        if (first) {
            return status == FACTUM_DONE ? FACTUM_OK : status;
        }
    }
    return status == FACTUM_DONE
               ? fct_fail(err, FACTUM_CORRUPT,
                          "read: the commit of the event at %" PRIu64 " has no first event",
                          reader->record.position)
               : status;
}

factum_status fct_reader_find_commit(struct fct_local_reader *reader, factum_event *event,
                                     factum_error *err)
{
    struct fct_reader_commit *commit = &reader->commit;
    uint64_t position = reader->record.position;
    FCT_ASSERT(reader->record.kind == FCT_RECORD_EVENT);
    FCT_ASSERT(commit->last == 0 || commit->first <= commit->last);
    bool known = commit->last > 0 && position >= commit->first && position <= commit->last;
    if (!known) {
        factum_status status = walk_back(reader, err);
        if (status != FACTUM_OK) {
            return status;
        }
        commit->last = position;
        FCT_ASSERT(commit->first <= position);
    }
    event->commit = commit->first;
    event->key = commit->key_at < position ? &commit->key : NULL;
    return FACTUM_OK;
}
