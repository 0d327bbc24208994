/* encode.c - an accepted append becomes records, postings and staged heads. Layer: engine_local.
 *
 * Runs in the leader's thread, after the verdict NEW and before the batch is written. begin_batch
 * reserved all memory, so nothing here can fail. Must not judge.
 *
 * Invariants:
 *  1. Every stream whose head changes is staged: facts.c staged those of the expectations and their
 *     companions.
 *  2. Positions rise from record to record.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/random.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "engine/rules.h"
#include "engine_local/local_int.h"
#include "engine_local/postings_of.h"

/* An id for an event that comes without one. */
static factum_uuid make_id(struct fct_local *local)
{
    uint64_t words[2] = {fct_random_next(&local->ids[0]), fct_random_next(&local->ids[1])};
    factum_uuid id;
    memcpy(id.bytes, words, sizeof id.bytes);
    return fct_uuid_marked(id, FCT_UUID_RANDOM);
}

static struct fct_staged_slot *staged_slot(struct fct_local *local, uint32_t slot)
{
    FCT_ASSERT(slot < local->staged.slot_count); /* FCT_STAGED_NONE is not; invariant 1 */
    return &local->staged.slots[slot];
}

/* Counts |count| entries that were put after those of the batch. */
static void entries_added(struct fct_commit_scratch *scratch, size_t count)
{
    FCT_ASSERT(count > 0);
    scratch->entry_count += count;
    FCT_ASSERT(scratch->entry_count <= scratch->entry_capacity);
}

/* Adds an event to the batch and its postings to the entries, and moves the staged head. Returns
 * its position. */
static uint64_t add_event(struct fct_local *local, struct fct_staged_slot *slot,
                          struct fct_record *record, const factum_slice *tags, size_t tag_count)
{
    struct fct_commit_scratch *scratch = &local->scratch;
    record->kind = FCT_RECORD_EVENT;
    record->created = scratch->created;
    bool tombstone = fct_slice_equal(record->type, FCT_SLICE(FCT_TYPE_TOMBSTONE));
    bool present = (slot->head.flags & FCT_HEAD_PRESENT) != 0;
    if (tombstone) {
        record->revision = FACTUM_REVISION_TOMBSTONE;
        slot->head.flags |= FCT_HEAD_TOMBSTONED;
    } else {
        record->revision = present ? slot->head.last_revision + 1 : 0;
        slot->head.last_revision = record->revision;
        slot->head.flags |= FCT_HEAD_PRESENT;
    }
    size_t size = fct_record_size(record, tags, tag_count);
    uint64_t position = fct_log_add(local->log, record, tags, tag_count, size);
    FCT_ASSERT(position > slot->head.last_position);
    slot->head.last_position = position;
    slot->changed = true;
    struct fct_index_entry *entries = scratch->entries + scratch->entry_count;
    entries_added(scratch, fct_postings_of(local->index, record, tags, tag_count, entries));
    FCT_ASSERT(entries[0].key.kind == FCT_INDEX_STREAM);
    entries[0].birth = present ? FCT_BIRTH_NO : FCT_BIRTH_YES;
    if (local->recent.filled) {
        fct_recent_ids_add(&local->recent, record->id, position);
    }
    return position;
}

/* An event was added to "$$<target>": changes the head of the target. */
static void note_metadata(struct fct_local *local, factum_slice target, factum_slice json)
{
    struct fct_staged_slot *slot =
        staged_slot(local, fct_staged_find(&local->staged, fct_hash128(target, local->seed)));
    struct fct_stream_metadata metadata;
    fct_stream_metadata_parse(json, &metadata);
    slot->head.flags |= FCT_HEAD_METADATA;
    slot->head.flags &= ~(uint32_t)FCT_HEAD_SOFT_DELETED;
    if (metadata.soft_deleted) {
        slot->head.flags |= FCT_HEAD_SOFT_DELETED;
    }
    slot->changed = true;
}

static bool writes_to(const factum_append_request *append, factum_slice stream)
{
    for (size_t i = 0; i < append->event_count; i++) {
        if (fct_slice_equal(append->events[i].stream, stream)) {
            return true;
        }
    }
    return false;
}

/* An append to a deleted stream: adds metadata by which the stream begins with the new events.
 * *flags are those of the commit's first record; they are used up. */
static void revive(struct fct_local *local, const struct fct_commit_op *commit,
                   struct fct_staged_slot *slot, uint8_t *flags)
{
    factum_slice stream = commit->request->expectations[slot->expectation].stream;
    char name[FACTUM_NAME_SIZE_MAX + 2] = "$$";
    FCT_ASSERT(stream.len <= FACTUM_NAME_SIZE_MAX);
    memcpy(name + 2, stream.ptr, stream.len);
    factum_slice metastream = fct_slice(name, stream.len + 2);
    if (writes_to(commit->request, metastream)) {
        return; /* the append sets the metadata itself */
    }
    char json[48];
    bool present = (slot->head.flags & FCT_HEAD_PRESENT) != 0; /* false: it has metadata only */
    uint64_t first = present ? slot->head.last_revision + 1 : 0;
    int length = snprintf(json, sizeof json, "{\"$tb\":%" PRIu64 "}", first);
    FCT_ASSERT(length > 0);
    FCT_ASSERT((size_t)length < sizeof json);
    struct fct_record record = {
        .stream = metastream,
        .type = FCT_SLICE(FCT_TYPE_METADATA),
        .data = fct_slice(json, (size_t)length),
        .flags = (uint8_t)(FCT_RECORD_JSON | *flags),
    };
    *flags = 0;
    record.id = make_id(local);
    uint32_t number = fct_staged_find(&local->staged, fct_hash128(metastream, local->seed));
    (void)add_event(local, staged_slot(local, number), &record, NULL, 0);
    note_metadata(local, stream, record.data);
}

static void add_key(struct fct_local *local, const struct fct_commit_op *commit)
{
    struct fct_commit_scratch *scratch = &local->scratch;
    struct fct_record record = {
        .kind = FCT_RECORD_COMMIT,
        .revision = commit->request->event_count,
        .created = scratch->created,
        .data = commit->request->idempotency_key,
    };
    memcpy(record.id.bytes, commit->fingerprint.bytes, sizeof record.id.bytes);
    (void)fct_log_add(local->log, &record, NULL, 0, fct_record_size(&record, NULL, 0));
    size_t count =
        fct_postings_of(local->index, &record, NULL, 0, scratch->entries + scratch->entry_count);
    FCT_ASSERT(scratch->key_count < scratch->key_capacity);
    scratch->keys[scratch->key_count++] = scratch->entries[scratch->entry_count].key.hash;
    entries_added(scratch, count);
}

static void revive_streams(struct fct_local *local, const struct fct_commit_op *commit,
                           uint8_t *flags)
{
    for (size_t i = 0; i < commit->request->event_count; i++) {
        struct fct_staged_slot *slot = staged_slot(local, local->scratch.event_slots[i].slot);
        if ((slot->head.flags & FCT_HEAD_SOFT_DELETED) != 0 && slot->first_event == i) {
            revive(local, commit, slot, flags);
        }
    }
}

static void encode_event(struct fct_local *local, struct fct_commit_op *commit, size_t i,
                         uint8_t flags)
{
    const factum_new_event *event = &commit->request->events[i];
    factum_append_op *op = commit->op;
    factum_slice type = fct_event_content_type(event);
    bool json = fct_slice_equal(type, FCT_SLICE("application/json"));
    bool bytes = fct_slice_equal(type, FCT_SLICE("application/octet-stream"));
    flags |= json ? FCT_RECORD_JSON : 0;
    flags |= event->has_time ? FCT_RECORD_HAS_TIME : 0;
    struct fct_record record = {
        .id = fct_uuid_is_zero(event->id) ? make_id(local) : event->id,
        .stream = event->stream,
        .type = event->type,
        .metadata = event->metadata,
        .data = event->data,
        .time = event->time,
        .content_type = json || bytes ? fct_slice(NULL, 0) : type,
        .flags = flags,
    };
    struct fct_staged_slot *slot = staged_slot(local, local->scratch.event_slots[i].slot);
    FCT_ASSERT(slot->request == local->scratch.serial);
    FCT_ASSERT((slot->head.flags & FCT_HEAD_TOMBSTONED) == 0); /* the rules refuse such an append */
    op->result.position = add_event(local, slot, &record, event->tags, event->tag_count);
    op->result.revision = record.revision;
    if (i == 0) {
        op->result.first_position = op->result.position;
    }
    if (op->revisions != NULL) {
        op->revisions[i] = record.revision;
    }
    factum_slice target = fct_metastream_target(event->stream);
    if (target.len > 0) {
        note_metadata(local, target, event->data);
    }
}

void fct_commit_encode(struct fct_local *local, struct fct_commit_op *commit)
{
    uint8_t flags = FCT_RECORD_FIRST;
    FCT_ASSERT(!commit->written);
    FCT_ASSERT(local->scratch.accepted_count < local->scratch.accepted_capacity);
    revive_streams(local, commit, &flags);
    if (commit->request->idempotency_key.len > 0) {
        add_key(local, commit);
    }
    for (size_t i = 0; i < commit->request->event_count; i++) {
        if (i + 1 == commit->request->event_count) {
            flags |= FCT_RECORD_LAST;
        }
        encode_event(local, commit, i, flags);
        flags = 0;
    }
    commit->written = true;
    local->scratch.accepted[local->scratch.accepted_count++] = commit;
}
