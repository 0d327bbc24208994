/* decide.c - is an append to be written, refused, or recognised? Layer: engine_local.
 *
 * Order: idempotency key; expectations mapped to streams; tombstones; expectations and repeated
 * event ids (rules of the KurrentDB protocol, docs/internals/engine.md); append condition. Judged
 * against the staged heads, so that appends of one batch see each other; what needs a look at
 * records that the batch has not made readable yet is put off until it is committed
 * (FCT_DECIDED_LATER).
 */
#include <string.h>

#include "core/bug.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"

#define STAGE_AHEAD 8u /* streams whose heads are fetched before they are needed */

factum_slice fct_metastream_target(factum_slice stream)
{
    if (stream.len > 2 && stream.ptr[0] == '$' && stream.ptr[1] == '$') {
        return fct_slice_from(stream, 2);
    }
    return fct_slice(NULL, 0);
}

static enum fct_decision answer(struct fct_group_request *request, factum_status status)
{
    request->status = status;
    return FCT_DECIDED_ANSWER;
}

/* ---- the streams of the request ------------------------------------------------------------- */

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

/* What else the append changes: the stream of a metastream, the metastream of a deleted stream. */
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

static factum_status map_expectations(struct fct_local *local, struct fct_group_request *request,
                                      factum_error *err)
{
    const factum_append_request *append = request->append;
    struct fct_hash128 ahead[STAGE_AHEAD]; /* of the next expectations, as a ring */
    ahead[0] = request->stream;
    size_t hashed = 1;
    for (size_t i = 0; i < append->expectation_count; i++) {
        for (; hashed < append->expectation_count && hashed < i + STAGE_AHEAD; hashed++) {
            struct fct_hash128 *later = &ahead[hashed % STAGE_AHEAD];
            *later = fct_hash128(append->expectations[hashed].stream, local->seed);
            fct_heads_prefetch(&local->heads, *later);
        }
        factum_slice stream = append->expectations[i].stream;
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
            return fct_fail(err, FACTUM_INVALID, "stream %.*s has two expectations: state one",
                            FCT_FMT(stream));
        }
        staged->request = local->scratch.serial;
        staged->expectation = (uint32_t)i;
        staged->event_count = 0;
        local->scratch.expectation_slots[i] = slot;
    }
    return FACTUM_OK;
}

/* The slot of an event's stream. |next| is the expectation that it most likely has: most requests
 * name their streams in the order of their events, and then no hash is needed. */
static uint32_t find_slot(const struct fct_local *local, const factum_append_request *append,
                          factum_slice stream, size_t *next)
{
    if (*next < append->expectation_count &&
        fct_slice_equal(append->expectations[*next].stream, stream)) {
        return local->scratch.expectation_slots[(*next)++];
    }
    return fct_staged_find(&local->staged, fct_hash128(stream, local->seed));
}

static factum_status map_events(struct fct_local *local, struct fct_group_request *request,
                                factum_error *err)
{
    const factum_append_request *append = request->append;
    struct fct_staged_slot *slots = local->staged.slots;
    size_t next = 0;
    for (size_t i = 0; i < append->event_count; i++) {
        factum_slice stream = append->events[i].stream;
        uint32_t slot = find_slot(local, append, stream, &next);
        if (slot == FCT_STAGED_NONE || slots[slot].request != local->scratch.serial) {
            return fct_fail(err, FACTUM_INVALID,
                            "stream %.*s is written without an expectation: state one "
                            "(any, no stream, stream exists, a revision)",
                            FCT_FMT(stream));
        }
        if (slots[slot].event_count++ == 0) {
            slots[slot].first_event = (uint32_t)i;
        }
        local->scratch.event_slots[i] = slot;
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

/* ---- repeated event ids ---------------------------------------------------------------------- */

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
    for (uint32_t i = 0; status == FACTUM_OK && i < FCT_RECENT_IDS; i++) {
        status = fct_log_walk_previous(&walk, &record, err);
        from = status == FACTUM_OK ? record.position : from;
    }
    if (status >= 0 && from < before && !fct_bug(FCT_BUG_IDS_NOT_FILLED)) {
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

/* Expected "any" or "exists": is the first id of the stream's events known in this stream? The
 * newest event with it counts. */
static factum_status find_recent(struct fct_local *local, const factum_new_event *first,
                                 bool *found, bool *later, uint64_t *revision, factum_error *err)
{
    *found = false;
    *later = false;
    if (!local->recent.filled) {
        if (local->scratch.accepted_count > 0) {
            *later = true; /* the ids of the batch under way would be missing */
            return FACTUM_OK;
        }
        factum_status status = fill_recent(local, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    uint32_t cursor = 0;
    uint64_t position;
    uint64_t newest = 0; /* an id that was written twice was retried as the second time */
    while (fct_recent_ids_next(&local->recent, first->id, &cursor, &position)) {
        if (position >= local->scratch.batch_start) {
            *found = false;
            *later = true; /* of the batch under way: cannot be read yet */
            return FACTUM_OK;
        }
        if (position <= newest) {
            continue;
        }
        struct fct_record record;
        factum_status status = fct_log_read(local->log, position, &record, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (memcmp(record.id.bytes, first->id.bytes, sizeof record.id.bytes) == 0 &&
            fct_slice_equal(record.stream, first->stream)) {
            *found = true;
            *revision = record.revision;
            newest = position;
        }
    }
    return FACTUM_OK;
}

/* Do the stored events from |revision| on have the ids of the request's events for |slot|? */
static factum_status ids_match(struct fct_local *local, const factum_append_request *append,
                               uint32_t slot, uint64_t revision, bool *match, factum_error *err)
{
    *match = false;
    struct fct_staged_slot *staged = &local->staged.slots[slot];
    for (size_t i = staged->first_event; i < append->event_count; i++) {
        if (local->scratch.event_slots[i] != slot) {
            continue;
        }
        struct fct_record record;
        bool last =
            revision == staged->head.last_revision; /* as after a lost race: no list needed */
        factum_status status =
            last ? fct_log_read(local->log, staged->head.last_position, &record, err)
                 : position_of(local, append->events[i].stream, revision, &record, err);
        if (status < 0) {
            return status;
        }
        if (status == FACTUM_DONE ||
            memcmp(record.id.bytes, append->events[i].id.bytes, sizeof record.id.bytes) != 0) {
            return FACTUM_OK;
        }
        if (i == staged->first_event) {
            staged->repeat_first = revision;
        }
        revision++;
    }
    *match = true;
    return FACTUM_OK;
}

enum verdict {
    HOLDS,
    REPEATED,
    REFUSED,
    PUT_OFF,
    FAILED,
};

/* One written stream whose events carry ids of the writer's own. */
static enum verdict judge_ids(struct fct_local *local, struct fct_group_request *request,
                              uint32_t slot, bool holds)
{
    const factum_append_request *append = request->append;
    struct fct_staged_slot *staged = &local->staged.slots[slot];
    const factum_expected *expected = &append->expectations[staged->expectation].expected;
    factum_stream_state state = state_of(&staged->head);
    bool by_window = expected->kind == FACTUM_EXPECTED_ANY ||
                     (expected->kind == FACTUM_EXPECTED_STREAM_EXISTS && holds);
    uint64_t revision = 0;
    if (by_window) {
        bool found;
        bool later;
        factum_status status = find_recent(local, &append->events[staged->first_event], &found,
                                           &later, &revision, &request->err);
        if (status != FACTUM_OK) {
            request->status = status;
            return FAILED;
        }
        if (!found) {
            return later ? PUT_OFF : HOLDS;
        }
    } else if (holds || state == FACTUM_STREAM_ABSENT) {
        return holds ? HOLDS : REFUSED;
    } else if (expected->kind == FACTUM_EXPECTED_STREAM_EXISTS) {
        return REFUSED;
    } else if (expected->kind == FACTUM_EXPECTED_REVISION) {
        if (expected->revision >= staged->head.last_revision) {
            return REFUSED;
        }
        revision = expected->revision + 1;
    }
    if (staged->changed) {
        return PUT_OFF;
    }
    bool match;
    factum_status status = ids_match(local, append, slot, revision, &match, &request->err);
    if (status != FACTUM_OK) {
        request->status = status;
        return FAILED;
    }
    return match ? REPEATED : REFUSED;
}

static enum verdict judge(struct fct_local *local, struct fct_group_request *request, size_t index)
{
    const factum_expectation *expectation = &request->append->expectations[index];
    uint32_t slot = local->scratch.expectation_slots[index];
    struct fct_staged_slot *staged = &local->staged.slots[slot];
    factum_stream_state state = state_of(&staged->head);
    bool written = staged->event_count > 0;
    if (state == FACTUM_STREAM_TOMBSTONED) {
        bool absent_is_fine = !written && expectation->expected.kind <= FACTUM_EXPECTED_NO_STREAM;
        return absent_is_fine ? HOLDS : REFUSED;
    }
    bool holds = fct_expected_holds(expectation->expected, state, staged->head.last_revision,
                                    (staged->head.flags & FCT_HEAD_METADATA) != 0);
    if (!written || request->made_ids) {
        return holds ? HOLDS : REFUSED;
    }
    return judge_ids(local, request, slot, holds);
}

static enum fct_decision refuse(struct fct_local *local, struct fct_group_request *request,
                                size_t index)
{
    const factum_expectation *expectation = &request->append->expectations[index];
    uint32_t slot = local->scratch.expectation_slots[index];
    const struct fct_head *head = &local->staged.slots[slot].head;
    if (fct_bug(FCT_BUG_REFUSAL_MOVES_HEAD)) {
        struct fct_head moved = *head;
        moved.last_revision++;
        fct_heads_put(&local->heads, &moved);
    }
    request->refused = request->op == NULL;
    factum_status status =
        fct_refuse_revision(request->refused ? NULL : &request->err, &request->result, index,
                            expectation, state_of(head), head->last_revision);
    return answer(request, status);
}

/* The values of the first time, for an append whose ids are all there. */
static enum fct_decision recognise(struct fct_local *local, struct fct_group_request *request)
{
    const factum_append_request *append = request->append;
    for (uint32_t i = 0; i < append->event_count; i++) {
        struct fct_staged_slot *staged = &local->staged.slots[local->scratch.event_slots[i]];
        struct fct_record record;
        factum_status status = position_of(local, append->events[i].stream, staged->repeat_first++,
                                           &record, &request->err);
        FCT_ASSERT(status != FACTUM_DONE); /* ids_match saw it */
        if (status != FACTUM_OK) {
            return answer(request, status);
        }
        if (i == 0) {
            request->result.first_position = record.position;
        }
        request->result.position = record.position;
        request->result.revision = record.revision;
        uint64_t end = record.position + record.size;
        request->already_end = end > request->already_end ? end : request->already_end;
        if (request->revisions != NULL) {
            request->revisions[i] = record.revision;
        }
    }
    request->result.already = true;
    return answer(request, FACTUM_OK);
}

/* All written streams hold: new. All repeat: recognised, whatever else was expected. A mixture, and
 * any stream that neither holds nor repeats: refused. */
static enum fct_decision decide_expectations(struct fct_local *local,
                                             struct fct_group_request *request)
{
    const factum_append_request *append = request->append;
    size_t repeated = 0;
    size_t refused = SIZE_MAX;
    size_t written_new = SIZE_MAX;
    for (size_t i = 0; i < append->expectation_count; i++) {
        bool written = local->staged.slots[local->scratch.expectation_slots[i]].event_count > 0;
        switch (judge(local, request, i)) {
        case HOLDS:
            written_new = written && written_new == SIZE_MAX ? i : written_new;
            break;
        case REPEATED:
            repeated++;
            break;
        case REFUSED:
            if (written) {
                return refuse(local, request, i);
            }
            refused = refused == SIZE_MAX ? i : refused;
            break;
        case PUT_OFF:
            return FCT_DECIDED_LATER;
        case FAILED:
            return FCT_DECIDED_ANSWER;
        }
    }
    if (repeated > 0) {
        return written_new == SIZE_MAX ? recognise(local, request)
                                       : refuse(local, request, written_new);
    }
    return refused == SIZE_MAX ? FCT_DECIDED_NEW : refuse(local, request, refused);
}

/* ---- idempotency keys ------------------------------------------------------------------------ */

static factum_status first_result(struct fct_local *local, struct fct_group_request *request,
                                  const struct fct_record *commit)
{
    uint64_t position = commit->position + commit->size;
    factum_append_result *result = &request->result;
    for (uint64_t i = 0; i < commit->revision; i++) {
        struct fct_record record;
        factum_status status = fct_log_read(local->log, position, &record, &request->err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (i == 0) {
            result->first_position = position;
        }
        result->position = position;
        result->revision = record.revision;
        if (request->revisions != NULL && i < request->append->event_count) {
            request->revisions[i] = record.revision;
        }
        position += record.size;
    }
    result->already = true;
    request->already_end = position;
    return FACTUM_OK;
}

static enum fct_decision decide_key(struct fct_local *local, struct fct_group_request *request)
{
    factum_slice name = request->append->idempotency_key;
    struct fct_index_key key = fct_index_key(local->index, FCT_INDEX_KEY, name);
    for (size_t i = 0; i < local->scratch.key_count; i++) {
        if (fct_hash128_equal(local->scratch.keys[i].hash, key.hash)) {
            return FCT_DECIDED_LATER;
        }
    }
    struct fct_postings postings;
    fct_postings_init(&postings, local->index, &key);
    uint64_t position;
    factum_status status;
    while ((status = fct_postings_next(&postings, &position, &request->err)) == FACTUM_OK) {
        struct fct_record record;
        status = fct_log_read(local->log, position, &record, &request->err);
        if (status != FACTUM_OK) {
            break;
        }
        if (record.kind != FCT_RECORD_COMMIT || !fct_slice_equal(record.data, name)) {
            continue;
        }
        struct fct_hash128 content;
        memcpy(&content, record.id.bytes, sizeof content);
        if (!fct_bug(FCT_BUG_KEY_WITHOUT_CONTENT) &&
            (!fct_hash128_equal(content, request->content) ||
             record.revision != request->append->event_count)) {
            return answer(request,
                          fct_fail(&request->err, FACTUM_KEY_CONFLICT,
                                   "idempotency key %.*s was used for an append with other "
                                   "content, at position %llu: use a new key",
                                   FCT_FMT(name), (unsigned long long)position));
        }
        return answer(request, first_result(local, request, &record));
    }
    return status < 0 ? answer(request, status) : FCT_DECIDED_NEW;
}

/* ---- append conditions ----------------------------------------------------------------------- */

static factum_status scan_list(struct fct_local *local, const factum_append_condition *condition,
                               const struct fct_index_key *key, uint64_t *conflict,
                               factum_error *err)
{
    struct fct_postings postings;
    fct_postings_init(&postings, local->index, key);
    factum_status status = FACTUM_OK;
    if (condition->after == UINT64_MAX) {
        return FACTUM_OK; /* nothing is after that */
    }
    if (condition->after > 0) {
        status = fct_postings_seek_position(&postings, condition->after + 1, err);
    }
    uint64_t position;
    while (status == FACTUM_OK &&
           (status = fct_postings_next(&postings, &position, err)) == FACTUM_OK) {
        struct fct_record record;
        status = fct_log_read(local->log, position, &record, err);
        if (status != FACTUM_OK) {
            break;
        }
        factum_slice tags[FCT_RECORD_TAGS_MAX];
        size_t tag_count = 0;
        size_t offset = 0;
        while (tag_count < FCT_RECORD_TAGS_MAX &&
               fct_record_tag_next(&record, &offset, &tags[tag_count])) {
            tag_count++;
        }
        if (fct_condition_fits(condition, record.type, tags, tag_count)) {
            *conflict = position;
            return FACTUM_OK;
        }
    }
    return status < 0 ? status : FACTUM_OK;
}

/* The shortest list that holds every event that fits the item: that of one of its tags, or those of
 * its types. */
static factum_status scan_item(struct fct_local *local, const factum_append_condition *condition,
                               const factum_condition_item *item, uint64_t *conflict,
                               factum_error *err)
{
    if (item->tag_count == 0) {
        for (size_t i = 0; i < item->type_count && *conflict == 0; i++) {
            struct fct_index_key key = fct_index_key(local->index, FCT_INDEX_TYPE, item->types[i]);
            factum_status status = scan_list(local, condition, &key, conflict, err);
            if (status != FACTUM_OK) {
                return status;
            }
        }
        return FACTUM_OK;
    }
    struct fct_index_key best = {.kind = FCT_INDEX_TAG};
    uint64_t best_count = UINT64_MAX;
    for (size_t i = 0; i < item->tag_count; i++) {
        struct fct_index_key key = fct_index_key(local->index, FCT_INDEX_TAG, item->tags[i]);
        uint64_t count;
        factum_status status = fct_index_find(local->index, &key, &count, NULL, NULL, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (count < best_count) {
            best_count = count;
            best = key;
        }
    }
    return best_count == 0 ? FACTUM_OK : scan_list(local, condition, &best, conflict, err);
}

static bool batch_fits(struct fct_local *local, const factum_append_condition *condition)
{
    if (fct_condition_fits(condition, FCT_SLICE(FCT_TYPE_METADATA), NULL, 0)) {
        return true; /* an append to a deleted stream may have written one of its own */
    }
    for (size_t i = 0; i < local->scratch.accepted_count; i++) {
        const factum_append_request *append = local->scratch.accepted[i]->append;
        for (size_t j = 0; j < append->event_count; j++) {
            const factum_new_event *event = &append->events[j];
            if (fct_condition_fits(condition, event->type, event->tags, event->tag_count)) {
                return true;
            }
        }
    }
    return false;
}

static enum fct_decision decide_condition(struct fct_local *local,
                                          struct fct_group_request *request)
{
    const factum_append_condition *condition = request->append->condition;
    if (local->scratch.accepted_count > 0 && !fct_bug(FCT_BUG_CONDITION_BY_INDEX) &&
        batch_fits(local, condition)) {
        return FCT_DECIDED_LATER; /* the answer names the position */
    }
    uint64_t conflict = 0;
    for (size_t i = 0; i < condition->item_count && conflict == 0; i++) {
        factum_status status =
            scan_item(local, condition, &condition->items[i], &conflict, &request->err);
        if (status != FACTUM_OK) {
            return answer(request, status);
        }
    }
    if (conflict == 0) {
        return FCT_DECIDED_NEW;
    }
    request->result.conflict_position = conflict;
    return answer(request,
                  fct_fail(&request->err, FACTUM_CONDITION_FAILED,
                           "the event at position %llu fits the append condition: read again "
                           "what was decided on and retry",
                           (unsigned long long)conflict));
}

static enum fct_decision decide(struct fct_local *local, struct fct_group_request *request)
{
    const factum_append_request *append = request->append;
    local->scratch.serial++;
    if (append->idempotency_key.len > 0) {
        enum fct_decision decision = decide_key(local, request);
        if (decision != FCT_DECIDED_NEW) {
            return decision;
        }
    }
    factum_status status = map_expectations(local, request, &request->err);
    if (status == FACTUM_OK) {
        status = map_events(local, request, &request->err);
    }
    if (status != FACTUM_OK) {
        return answer(request, status);
    }
    enum fct_decision decision = decide_expectations(local, request);
    if (decision == FCT_DECIDED_NEW && append->condition != NULL) {
        decision = decide_condition(local, request);
    }
    return decision;
}

enum fct_decision fct_decide(struct fct_local *local, struct fct_group_request *request)
{
    enum fct_decision decision = decide(local, request);
    for (unsigned i = 0; i < FCT_MENDS_MAX; i++) {
        uint64_t from;
        uint64_t to;
        uint64_t damaged_from; /* the next opening says it */
        if (decision != FCT_DECIDED_ANSWER || request->status != FACTUM_CORRUPT ||
            !fct_index_missing(local->index, &from, &to)) {
            break;
        }
        if (fct_local_mend_index(local, &damaged_from, NULL) != FACTUM_OK) {
            break;
        }
        decision = decide(local, request);
    }
    return decision;
}
