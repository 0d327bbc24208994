/* facts.c - what the embedded engine knows, for the rules of an append (engine/decide.h).
 * Layer: engine_local.
 *
 * The heads are the staged ones, so that appends of one batch see each other. A fact that depends
 * on records of the batch under way, which cannot be read yet, is PENDING: commit.c then finishes
 * the batch and asks again. Runs in the leader's thread. Must not judge; changes nothing except the
 * staged table, the scratch memory of the request, the cache of heads and the recent ids.
 *
 * Invariants:
 *  1. The slots of scratch.expectation_slots and scratch.event_slots are staged, and belong to the
 *     request scratch.serial.
 *  2. begin_batch reserved room for the expectations and the events of the request.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "engine/decide.h"
#include "engine/query.h"
#include "engine/rules.h"
#include "engine_local/local_int.h"
#include "engine_local/prefetch.h"
#include "engine_local/query_walk.h"

/* The append that is being judged. */
struct judged {
    struct fct_local *local;
    const struct fct_commit_op *commit;
    uint64_t key_next; /* position of the next event of the commit that has the key; 0: none yet */
};

static void judged_check(const struct judged *judged)
{
    const struct fct_commit_scratch *scratch = &judged->local->scratch;
    const factum_append_request *request = judged->commit->request;
    FCT_ASSERT(scratch->serial > 0);
    FCT_ASSERT(request->expectation_count <= scratch->expectation_capacity); /* invariant 2 */
    FCT_ASSERT(request->event_count <= scratch->event_capacity);             /* invariant 2 */
    FCT_ASSERT(scratch->accepted_count < scratch->accepted_capacity);
}

static struct fct_staged_slot *staged_at(struct fct_local *local, uint32_t slot)
{
    FCT_ASSERT(slot < local->staged.slot_count);
    return &local->staged.slots[slot];
}

/* ---- the streams of the request -------------------------------------------------------------- */

static factum_status stage(struct fct_local *local, factum_slice stream, struct fct_hash128 hash,
                           uint32_t *slot, factum_error *err)
{
    *slot = fct_staged_find(&local->staged, hash);
    if (*slot != FCT_STAGED_NONE) {
        return FACTUM_OK;
    }
    const struct fct_head *known = fct_heads_find(&local->heads, hash);
    struct fct_head head = {.hash = hash};
    if (known != NULL) {
        head = *known;
    } else {
        factum_status status = fct_local_load_head(local, stream, &head, err);
        if (status != FACTUM_OK) {
            return status;
        }
        head.hash = hash;
        fct_heads_put(&local->heads, &head);
    }
    *slot = fct_staged_add(&local->staged, &head);
    if (*slot == FCT_STAGED_NONE) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    FCT_ASSERT(fct_hash128_equal(staged_at(local, *slot)->head.hash, hash));
    return FACTUM_OK;
}

/* Stages the other stream that the append changes: that of a metastream, or the metastream of a
 * deleted stream. */
static factum_status stage_companions(struct fct_local *local, factum_slice stream, uint32_t slot,
                                      factum_error *err)
{
    uint32_t other;
    factum_slice target = fct_metastream_target(stream);
    if (target.len > 0) {
        return stage(local, target, fct_hash128(target, local->seed), &other, err);
    }
    if ((staged_at(local, slot)->head.flags & FCT_HEAD_SOFT_DELETED) != 0) {
        char name[FACTUM_NAME_SIZE_MAX + 2] = "$$";
        FCT_ASSERT(stream.len <= FACTUM_NAME_SIZE_MAX);
        memcpy(name + 2, stream.ptr, stream.len);
        factum_slice companion = fct_slice(name, stream.len + 2);
        return stage(local, companion, fct_hash128(companion, local->seed), &other, err);
    }
    return FACTUM_OK;
}

static factum_status map_expectations(struct fct_local *local, const struct fct_commit_op *commit,
                                      factum_error *err)
{
    const factum_append_request *request = commit->request;
    struct fct_stream_hashes hashes;
    fct_stream_hashes_init(&hashes, commit);
    for (size_t i = 0; i < request->expectation_count; i++) {
        factum_slice stream = request->expectations[i].stream;
        struct fct_hash128 hash = fct_stream_hashes_next(&hashes, local, request, i);
        uint32_t slot;
        factum_status status = stage(local, stream, hash, &slot, err);
        if (status == FACTUM_OK) {
            status = stage_companions(local, stream, slot, err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
        struct fct_staged_slot *staged = staged_at(local, slot);
        if (staged->request == local->scratch.serial) {
            return fct_refuse_two_expectations(stream, err);
        }
        staged->request = local->scratch.serial;
        staged->event_count = 0;
        staged->expectation = (uint32_t)i;
        local->scratch.expectation_slots[i] = slot;
    }
    return FACTUM_OK;
}

/* The slot of an event's stream, or FCT_STAGED_NONE. Most requests name their streams in the order
 * of their events: if the expectation *next has the stream, no hash is needed. */
static uint32_t find_slot(const struct fct_local *local, const factum_append_request *request,
                          factum_slice stream, size_t *next)
{
    if (*next < request->expectation_count &&
        fct_slice_equal(request->expectations[*next].stream, stream)) {
        return local->scratch.expectation_slots[(*next)++];
    }
    return fct_staged_find(&local->staged, fct_hash128(stream, local->seed));
}

static factum_status facts_map(void *data, factum_error *err)
{
    struct judged *judged = data;
    struct fct_local *local = judged->local;
    const factum_append_request *request = judged->commit->request;
    judged_check(judged);
    factum_status status = map_expectations(local, judged->commit, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_staged_slot *slots = local->staged.slots;
    struct fct_event_slot *events = local->scratch.event_slots;
    size_t next = 0;
    for (size_t i = 0; i < request->event_count; i++) {
        factum_slice stream = request->events[i].stream;
        uint32_t slot = find_slot(local, request, stream, &next);
        if (slot == FCT_STAGED_NONE || slots[slot].request != local->scratch.serial) {
            return fct_refuse_no_expectation(stream, err);
        }
        if (slots[slot].event_count++ == 0) {
            slots[slot].first_event = (uint32_t)i;
        } else {
            events[slots[slot].last_event].next = (uint32_t)i;
        }
        slots[slot].last_event = (uint32_t)i;
        events[i] = (struct fct_event_slot){.slot = slot, .next = (uint32_t)request->event_count};
    }
    return FACTUM_OK;
}

static factum_stream_state state_of(const struct fct_head *head)
{
    if ((head->flags & FCT_HEAD_TOMBSTONED) != 0) {
        return FACTUM_STREAM_TOMBSTONED;
    }
    if ((head->flags & FCT_HEAD_PRESENT) == 0) {
        return FACTUM_STREAM_ABSENT;
    }
    return (head->flags & FCT_HEAD_SOFT_DELETED) != 0 ? FACTUM_STREAM_SOFT_DELETED
                                                      : FACTUM_STREAM_PRESENT;
}

static struct fct_staged_slot *slot_of(const struct judged *judged, size_t expectation)
{
    struct fct_local *local = judged->local;
    FCT_ASSERT(expectation < judged->commit->request->expectation_count);
    struct fct_staged_slot *slot = staged_at(local, local->scratch.expectation_slots[expectation]);
    FCT_ASSERT(slot->request == local->scratch.serial);
    return slot;
}

static void facts_stream(void *data, size_t expectation, struct fct_stream_fact *fact)
{
    const struct fct_staged_slot *staged = slot_of(data, expectation);
    fact->state = state_of(&staged->head);
    fact->has_metadata = (staged->head.flags & FCT_HEAD_METADATA) != 0;
    fact->marked_deleted = (staged->head.flags & FCT_HEAD_SOFT_DELETED) != 0;
    fact->last_revision = staged->head.last_revision;
    fact->event_count = staged->event_count;
    fact->first_event = staged->first_event;
}

static size_t facts_next_event(void *data, size_t event)
{
    const struct judged *judged = data;
    FCT_ASSERT(event < judged->commit->request->event_count);
    size_t next = judged->local->scratch.event_slots[event].next;
    FCT_ASSERT(next > event);
    return next;
}

/* ---- event ids ------------------------------------------------------------------------------- */

/* The record of event |revision| of |stream|. DONE: the stream has none. */
static factum_status find_revision(struct fct_local *local, factum_slice stream, uint64_t revision,
                                   struct fct_record *record, factum_error *err)
{
    struct fct_index_key key = fct_index_key(local->index, FCT_INDEX_STREAM, stream);
    struct fct_postings postings;
    fct_postings_init(&postings, local->index, &key);
    fct_postings_seek(&postings, revision);
    uint64_t position;
    factum_status status;
    while ((status = fct_postings_next(&postings, &position, err)) == FACTUM_OK) {
        status = fct_log_read(local->log, position, record, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (fct_slice_equal(record->stream, stream) && record->revision >= revision) {
            return record->revision == revision ? FACTUM_OK : FACTUM_DONE;
        }
    }
    return status;
}

/* Where the newest FCT_RECENT_IDS events before |before| begin. */
static factum_status find_recent_start(struct fct_local *local, uint64_t before, uint64_t *from,
                                       factum_error *err)
{
    struct fct_log_walk walk;
    struct fct_record record;
    uint32_t events = 0; /* at most as many commit records are among them, one an append */
    *from = before;
    FCT_ASSERT(before <= fct_log_end(local->log));
    factum_status status = fct_log_walk_init_backward(&walk, local->log, before, err);
    while (status == FACTUM_OK && events < FCT_RECENT_IDS) {
        status = fct_log_walk_previous(&walk, &record, err);
        if (status == FACTUM_OK) {
            *from = record.position;
            events += record.kind == FCT_RECORD_EVENT ? 1 : 0;
        }
    }
    return status < 0 ? status : FACTUM_OK;
}

static factum_status add_recent(struct fct_local *local, uint64_t from, factum_error *err)
{
    struct fct_log_walk walk;
    struct fct_record record;
    FCT_ASSERT(!local->recent.filled);
    factum_status status = fct_log_walk_init(&walk, local->log, from, err);
    while (status == FACTUM_OK) {
        status = fct_log_walk_next(&walk, &record, err);
        if (status == FACTUM_OK && record.kind == FCT_RECORD_EVENT) {
            fct_recent_ids_add(&local->recent, record.id, record.position);
        }
    }
    return status < 0 ? status : FACTUM_OK;
}

static factum_status fill_recent(struct fct_local *local, factum_error *err)
{
    FCT_ASSERT(!local->recent.filled);
    if (!fct_recent_ids_prepare(&local->recent)) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    uint64_t before = atomic_load(&local->published);
    uint64_t from;
    factum_status status = find_recent_start(local, before, &from, err);
    if (status == FACTUM_OK && from < before) {
        status = add_recent(local, from, err);
    }
    if (status != FACTUM_OK) { /* the next try begins with none */
        fct_recent_ids_finish(&local->recent);
        fct_recent_ids_init(&local->recent, local->mem);
        return status;
    }
    local->recent.filled = true;
    return FACTUM_OK;
}

factum_status fct_local_find_recent(struct fct_local *local, factum_uuid id, factum_slice stream,
                                    struct fct_record *record, factum_error *err)
{
    if (!local->recent.filled) {
        factum_status status = fill_recent(local, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    uint32_t cursor = 0;
    uint64_t position;
    uint64_t newest = 0; /* of an id that was written twice, a retry repeats the second event */
    while (fct_recent_ids_next(&local->recent, id, &cursor, &position)) {
        struct fct_record found;
        FCT_ASSERT(position > 0); /* an entry that was used */
        if (position >= atomic_load(&local->published)) {
            if (fct_log_state(local->log) == FCT_LOG_FAILED) {
                continue; /* of the batch that failed, which is never read */
            }
            return FACTUM_PENDING; /* of the batch under way, which cannot be read yet */
        }
        if (position <= newest) {
            continue;
        }
        factum_status status = fct_log_read(local->log, position, &found, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (fct_uuid_equal(found.id, id) &&
            (stream.len == 0 || fct_slice_equal(found.stream, stream))) {
            *record = found;
            newest = position;
        }
    }
    return newest == 0 ? FACTUM_DONE : FACTUM_OK;
}

static factum_status facts_known(void *data, size_t expectation, factum_uuid id, uint64_t *revision,
                                 factum_error *err)
{
    const struct judged *judged = data;
    struct fct_local *local = judged->local;
    judged_check(judged);
    FCT_ASSERT(expectation < judged->commit->request->expectation_count);
    if (!local->recent.filled && local->scratch.accepted_count > 0) {
        return FACTUM_PENDING; /* the log does not give the ids of the batch under way */
    }
    struct fct_record record;
    factum_slice stream = judged->commit->request->expectations[expectation].stream;
    factum_status status = fct_local_find_recent(local, id, stream, &record, err);
    if (status == FACTUM_OK) {
        *revision = record.revision;
    }
    return status;
}

static factum_status facts_at(void *data, size_t expectation, uint64_t revision,
                              struct fct_event_fact *fact, factum_error *err)
{
    const struct judged *judged = data;
    struct fct_local *local = judged->local;
    const struct fct_staged_slot *staged = slot_of(judged, expectation);
    if (staged->changed) {
        return FACTUM_PENDING;
    }
    struct fct_record record;
    const uint32_t flags = staged->head.flags & (FCT_HEAD_PRESENT | FCT_HEAD_TOMBSTONED);
    /* After a lost race the event is the last one: then the index is not needed. */
    bool last = flags == FCT_HEAD_PRESENT && revision == staged->head.last_revision;
    factum_slice stream = judged->commit->request->expectations[expectation].stream;
    factum_status status = last ? fct_log_read(local->log, staged->head.last_position, &record, err)
                                : find_revision(local, stream, revision, &record, err);
    if (status == FACTUM_OK) {
        *fact = (struct fct_event_fact){.id = record.id,
                                        .position = record.position,
                                        .revision = record.revision,
                                        .end = record.position + record.size};
    }
    return status;
}

/* ---- idempotency keys ------------------------------------------------------------------------ */

factum_status fct_local_find_key(struct fct_local *local, factum_slice name,
                                 struct fct_record *commit, factum_error *err)
{
    struct fct_index_key key = fct_index_key(local->index, FCT_INDEX_KEY, name);
    struct fct_postings postings;
    fct_postings_init(&postings, local->index, &key);
    uint64_t position;
    factum_status status;
    while ((status = fct_postings_next(&postings, &position, err)) == FACTUM_OK) {
        status = fct_log_read(local->log, position, commit, err);
        if (status != FACTUM_OK ||
            (commit->kind == FCT_RECORD_COMMIT && fct_slice_equal(commit->data, name))) {
            return status;
        }
    }
    return status;
}

static factum_status facts_key(void *data, struct fct_key_fact *fact, factum_error *err)
{
    struct judged *judged = data;
    struct fct_local *local = judged->local;
    factum_slice name = judged->commit->request->idempotency_key;
    judged_check(judged);
    FCT_ASSERT(name.len > 0);
    FCT_ASSERT(judged->key_next == 0); /* it is asked for once */
    struct fct_index_key key = fct_index_key(local->index, FCT_INDEX_KEY, name);
    for (size_t i = 0; i < local->scratch.key_count; i++) {
        if (fct_hash128_equal(local->scratch.keys[i], key.hash)) {
            return FACTUM_PENDING;
        }
    }
    struct fct_record commit;
    factum_status status = fct_local_find_key(local, name, &commit, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fact->position = commit.position;
    fact->event_count = commit.revision;
    memcpy(fact->fingerprint.bytes, commit.id.bytes, sizeof fact->fingerprint.bytes);
    judged->key_next = commit.position + commit.size;
    return FACTUM_OK;
}

/* The events of a commit follow its COMMIT record, and are asked for in order. */
static factum_status facts_key_event(void *data, uint64_t i, struct fct_event_fact *fact,
                                     factum_error *err)
{
    struct judged *judged = data;
    struct fct_record record;
    (void)i;
    FCT_ASSERT(judged->key_next > 0); /* facts_key found the commit */
    factum_status status = fct_log_read(judged->local->log, judged->key_next, &record, err);
    if (status == FACTUM_OK) {
        judged->key_next = record.position + record.size;
        *fact = (struct fct_event_fact){.id = record.id,
                                        .position = record.position,
                                        .revision = record.revision,
                                        .end = judged->key_next};
    }
    return status;
}

/* ---- append conditions ----------------------------------------------------------------------- */

/* May an event of the batch under way fit the condition? */
static bool batch_fits(struct fct_local *local, const factum_append_condition *condition)
{
    FCT_ASSERT(local->scratch.accepted_count > 0);
    if (fct_query_fits(&condition->query, FCT_SLICE(FCT_TYPE_METADATA), NULL, 0)) {
        return true; /* the batch may have a metadata event that no request names */
    }
    for (size_t i = 0; i < local->scratch.accepted_count; i++) {
        const factum_append_request *append = local->scratch.accepted[i]->request;
        for (size_t j = 0; j < append->event_count; j++) {
            const factum_new_event *event = &append->events[j];
            if (fct_query_fits(&condition->query, event->type, event->tags, event->tag_count)) {
                return true;
            }
        }
    }
    return false;
}

static factum_status facts_match(void *data, uint64_t *position, factum_error *err)
{
    const struct judged *judged = data;
    struct fct_local *local = judged->local;
    const factum_append_condition *condition = judged->commit->request->condition;
    if (local->scratch.accepted_count > 0 && batch_fits(local, condition)) {
        return FACTUM_PENDING; /* the answer names the position */
    }
    return fct_query_first_after(local, &condition->query, condition->after, position, err);
}

enum fct_verdict fct_local_decide(struct fct_local *local, struct fct_commit_op *commit)
{
    static const struct fct_facts facts = {
        .key = facts_key,
        .key_event = facts_key_event,
        .map = facts_map,
        .stream = facts_stream,
        .next_event = facts_next_event,
        .known = facts_known,
        .at = facts_at,
        .match = facts_match,
    };
    struct judged judged = {.local = local, .commit = commit};
    FCT_ASSERT(commit->kind == FCT_TASK_APPEND);
    local->scratch.serial++;
    return fct_decide(commit->op, commit->request, commit->fingerprint, &facts, &judged,
                      &commit->already_end);
}
