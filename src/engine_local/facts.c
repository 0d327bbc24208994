/* facts.c - what the embedded engine knows, for the rules of an append (engine/decide.h).
 * Layer: engine_local.
 *
 * Facts are those of the staged heads, so that appends of one batch see each other. What needs a
 * look at records that the batch has not made readable yet is PENDING: commit.c then finishes the
 * batch and asks again. Runs in the leader's thread. Must not judge, and writes nothing but the
 * staged table, the cache of heads, and the recent ids.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine/decide.h"
#include "engine/query.h"
#include "engine/rules.h"
#include "engine_local/local_int.h"
#include "engine_local/query_walk.h"

#define STAGE_AHEAD 8u /* streams whose heads are fetched before they are needed */

/* One append that is judged. */
struct judged {
    struct fct_local *local;
    const struct fct_commit_op *commit;
    uint64_t key_next; /* the position of the next event under the key that was found */
};

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
    return FACTUM_OK;
}

/* The other streams that the append changes: the stream of a metastream, the metastream of a
 * deleted stream. */
static factum_status stage_companions(struct fct_local *local, factum_slice stream, uint32_t slot,
                                      factum_error *err)
{
    uint32_t other;
    factum_slice target = fct_metastream_target(stream);
    if (target.len > 0) {
        return stage(local, target, fct_hash128(target, local->seed), &other, err);
    }
    if ((local->staged.slots[slot].head.flags & FCT_HEAD_SOFT_DELETED) != 0) {
        char name[FACTUM_NAME_SIZE_MAX + 2] = "$$";
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
    struct fct_hash128 ahead[STAGE_AHEAD]; /* of the next expectations, as a ring */
    ahead[0] = commit->stream;
    size_t hashed = 1;
    for (size_t i = 0; i < request->expectation_count; i++) {
        for (; hashed < request->expectation_count && hashed < i + STAGE_AHEAD; hashed++) {
            struct fct_hash128 *later = &ahead[hashed % STAGE_AHEAD];
            *later = fct_hash128(request->expectations[hashed].stream, local->seed);
            fct_heads_prefetch(&local->heads, *later);
        }
        factum_slice stream = request->expectations[i].stream;
        uint32_t slot;
        factum_status status = stage(local, stream, ahead[i % STAGE_AHEAD], &slot, err);
        if (status == FACTUM_OK) {
            status = stage_companions(local, stream, slot, err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
        struct fct_staged_slot *staged = &local->staged.slots[slot];
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

/* The slot of an event's stream. |next| is the expectation that it most likely has: most requests
 * name their streams in the order of their events, and then no hash is needed. */
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
    return &local->staged.slots[local->scratch.expectation_slots[expectation]];
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
    return judged->local->scratch.event_slots[event].next;
}

/* ---- event ids ------------------------------------------------------------------------------- */

/* The position of |stream|'s event |revision|, DONE if it has none. */
static factum_status position_of(struct fct_local *local, factum_slice stream, uint64_t revision,
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

static factum_status fill_recent(struct fct_local *local, factum_error *err)
{
    if (!fct_recent_ids_prepare(&local->recent)) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    struct fct_log_walk walk;
    struct fct_record record;
    uint64_t before = atomic_load(&local->published);
    uint64_t from = before;
    factum_status status = fct_log_walk_init_backward(&walk, local->log, before, err);
    uint32_t events = 0; /* at most as many commit records are walked over, one an append */
    while (status == FACTUM_OK && events < FCT_RECENT_IDS) {
        status = fct_log_walk_previous(&walk, &record, err);
        if (status == FACTUM_OK) {
            from = record.position;
            events += record.kind == FCT_RECORD_EVENT ? 1 : 0;
        }
    }
    if (status >= 0 && from < before) {
        status = fct_log_walk_init(&walk, local->log, from, err);
        while (status == FACTUM_OK) {
            status = fct_log_walk_next(&walk, &record, err);
            if (status == FACTUM_OK && record.kind == FCT_RECORD_EVENT) {
                fct_recent_ids_add(&local->recent, record.id, record.position);
            }
        }
    }
    local->recent.filled = status >= 0;
    return status < 0 ? status : FACTUM_OK;
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
    uint64_t newest = 0; /* an id that was written twice was retried as the second time */
    while (fct_recent_ids_next(&local->recent, id, &cursor, &position)) {
        struct fct_record found;
        if (position >= atomic_load(&local->published)) {
            if (fct_log_state(local->log) == FCT_LOG_FAILED) {
                continue; /* of the batch that failed: it will not be read */
            }
            return FACTUM_PENDING; /* of the batch under way: it cannot be read yet */
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
    if (!local->recent.filled && local->scratch.accepted_count > 0) {
        return FACTUM_PENDING; /* the ids of the batch under way would be missing */
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
    bool last = flags == FCT_HEAD_PRESENT &&
                revision == staged->head.last_revision; /* as after a lost race: no list needed */
    factum_slice stream = judged->commit->request->expectations[expectation].stream;
    factum_status status = last ? fct_log_read(local->log, staged->head.last_position, &record, err)
                                : position_of(local, stream, revision, &record, err);
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

/* Events of a commit follow its record, and are asked for in order. */
static factum_status facts_key_event(void *data, uint64_t i, struct fct_event_fact *fact,
                                     factum_error *err)
{
    struct judged *judged = data;
    struct fct_record record;
    (void)i;
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

static bool batch_fits(struct fct_local *local, const factum_append_condition *condition)
{
    if (fct_query_fits(&condition->query, FCT_SLICE(FCT_TYPE_METADATA), NULL, 0)) {
        return true; /* an append to a deleted stream may have written one of its own */
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
    local->scratch.serial++;
    return fct_decide(commit->op, commit->request, commit->fingerprint, &facts, &judged,
                      &commit->already_end);
}
