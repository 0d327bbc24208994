/* commit.c - see commit.h. Layer: engine_local.
 *
 * Happy path of a group: requests are taken in batches (begin_batch makes all room that they may
 * need, so that nothing can fail between the first record and the sync); each is decided; what is
 * new is encoded and its heads are staged; finish_batch writes, indexes and keeps the heads where
 * no reader sees it, syncs, shows and publishes. Failure modes: no room (NO_SPACE, NO_MEMORY): the
 * whole batch is refused, nothing was written. The write or the sync fails: UNKNOWN_OUTCOME for
 * what was in the batch, and the log refuses everything from then on.
 */
#include "engine_local/commit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/random.h"
#include "core/slice.h"
#include "engine_local/local_int.h"

#define BATCH_PAYLOAD_MAX (8u << 20) /* of several appends; a single one may be bigger */
#define BATCH_ENTRIES_MAX (1u << 20)

void fct_commit_scratch_finish(const struct fct_mem *mem, struct fct_commit_scratch *scratch)
{
    fct_mem_free(mem, scratch->entries);
    fct_mem_free(mem, scratch->event_slots);
    fct_mem_free(mem, scratch->expectation_slots);
    fct_mem_free(mem, scratch->keys);
    fct_mem_free(mem, scratch->accepted);
    *scratch = (struct fct_commit_scratch){.entries = NULL};
}

/* Room for |count| items in *|items|; keeps the old ones on failure. */
static bool reserve(const struct fct_mem *mem, void *items, size_t *capacity, size_t count,
                    size_t item_size)
{
    void **block = items;
    if (count <= *capacity) {
        return true;
    }
    size_t wanted = *capacity < 256 ? 256 : *capacity;
    while (wanted < count) {
        wanted *= 2;
    }
    void *grown = fct_mem_resize(mem, *block, wanted * item_size);
    if (grown == NULL) {
        return false;
    }
    *block = grown;
    *capacity = wanted;
    return true;
}

/* What a batch of the requests from |first| to before |end| may need. */
struct batch {
    struct fct_group_request *first;
    struct fct_group_request *end;
    size_t payload_max;
    size_t entries_max;
    size_t events_max;
    size_t expectations_max;
    size_t requests;
    bool sync;
};

static struct batch plan_batch(struct fct_group_request *list)
{
    struct batch batch = {.first = list, .end = list};
    while (batch.end != NULL && batch.end->task == FCT_TASK_APPEND) {
        const struct fct_group_request *request = batch.end;
        if (batch.requests > 0 && (batch.payload_max + request->payload_max > BATCH_PAYLOAD_MAX ||
                                   batch.entries_max + request->entries_max > BATCH_ENTRIES_MAX)) {
            break;
        }
        batch.payload_max += request->payload_max;
        batch.entries_max += request->entries_max;
        if (request->append->event_count > batch.events_max) {
            batch.events_max = request->append->event_count;
        }
        if (request->append->expectation_count > batch.expectations_max) {
            batch.expectations_max = request->append->expectation_count;
        }
        batch.requests++;
        batch.end = request->next;
    }
    return batch;
}

static factum_status begin_batch(struct fct_local *local, const struct batch *batch,
                                 factum_error *err)
{
    struct fct_commit_scratch *scratch = &local->scratch;
    const struct fct_mem *mem = local->mem;
    if (!reserve(mem, &scratch->entries, &scratch->entry_capacity, batch->entries_max,
                 sizeof *scratch->entries) ||
        !reserve(mem, &scratch->event_slots, &scratch->event_capacity, batch->events_max,
                 sizeof *scratch->event_slots) ||
        !reserve(mem, &scratch->expectation_slots, &scratch->expectation_capacity,
                 batch->expectations_max, sizeof *scratch->expectation_slots) ||
        !reserve(mem, &scratch->keys, &scratch->key_capacity, batch->requests,
                 sizeof *scratch->keys) ||
        !reserve(mem, &scratch->accepted, &scratch->accepted_capacity, batch->requests,
                 sizeof *scratch->accepted)) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    factum_status status = fct_local_make_room(local, batch->entries_max, err);
    if (status == FACTUM_OK) {
        status = fct_log_begin(local->log, batch->payload_max, err);
    }
    scratch->entry_count = 0;
    scratch->key_count = 0;
    scratch->accepted_count = 0;
    scratch->batch_start = atomic_load(&local->published);
    int64_t now = fct_os_time(local->os);
    scratch->created = now > local->created_last ? now : local->created_last;
    fct_staged_clear(&local->staged);
    return status;
}

/* ---- encoding ----------------------------------------------------------------------------------
 */

/* Adds one event to the batch, its postings to the entries, and what it changes to the heads. */
static uint64_t add_event(struct fct_local *local, struct fct_staged_slot *slot,
                          struct fct_record *record, const factum_slice *tags, size_t tag_count)
{
    struct fct_commit_scratch *scratch = &local->scratch;
    record->kind = FCT_RECORD_EVENT;
    record->created = scratch->created;
    bool tombstone = fct_slice_equal(record->type, FCT_SLICE(FCT_TYPE_TOMBSTONE));
    if (tombstone) {
        record->revision = FACTUM_REVISION_TOMBSTONE;
        slot->head.flags |= FCT_HEAD_TOMBSTONED;
    } else {
        bool present = (slot->head.flags & FCT_HEAD_PRESENT) != 0;
        record->revision = present ? slot->head.last_revision + 1 : 0;
        slot->head.last_revision = record->revision;
        slot->head.flags |= FCT_HEAD_PRESENT;
    }
    size_t size = fct_record_size(record, tags, tag_count);
    uint64_t position = fct_log_add(local->log, record, tags, tag_count, size);
    slot->head.last_position = position;
    slot->changed = true;
    scratch->entry_count +=
        fct_local_entries(local, record, tags, tag_count, scratch->entries + scratch->entry_count);
    FCT_ASSERT(scratch->entry_count <= scratch->entry_capacity);
    if (local->recent.filled) {
        fct_recent_ids_add(&local->recent, record->id, position);
    }
    return position;
}

/* An event was added to "$$<target>": what does it say of the target? */
static void note_metadata(struct fct_local *local, factum_slice target, factum_slice json)
{
    uint32_t number = fct_staged_find(&local->staged, fct_hash128(target, local->seed));
    FCT_ASSERT(number != FCT_STAGED_NONE); /* decide.c staged it */
    struct fct_head *head = &local->staged.slots[number].head;
    struct fct_stream_metadata metadata;
    fct_stream_metadata_parse(json, &metadata);
    head->flags |= FCT_HEAD_METADATA;
    head->flags &= ~(uint32_t)FCT_HEAD_SOFT_DELETED;
    if (metadata.soft_deleted) {
        head->flags |= FCT_HEAD_SOFT_DELETED;
    }
    local->staged.slots[number].changed = true;
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

/* A deleted stream is written to: its metadata says from now on that it begins after its old
 * events. */
static void revive(struct fct_local *local, const struct fct_group_request *request,
                   struct fct_staged_slot *slot, uint8_t *flags)
{
    factum_slice stream = request->append->expectations[slot->expectation].stream;
    char name[FACTUM_NAME_SIZE_MAX + 2] = "$$";
    memcpy(name + 2, stream.ptr, stream.len);
    factum_slice metastream = fct_slice(name, stream.len + 2);
    if (writes_to(request->append, metastream)) {
        return; /* the append itself says what holds */
    }
    char json[48];
    bool present = (slot->head.flags & FCT_HEAD_PRESENT) != 0; /* else it has metadata only */
    uint64_t first = present ? slot->head.last_revision + 1 : 0;
    int length = snprintf(json, sizeof json, "{\"$tb\":%" PRIu64 "}", first);
    struct fct_record record = {
        .stream = metastream,
        .type = FCT_SLICE(FCT_TYPE_METADATA),
        .data = fct_slice(json, (size_t)length),
        .flags = (uint8_t)(FCT_RECORD_JSON | *flags),
    };
    *flags = 0;
    struct fct_random random = {.state = local->seed ^ slot->head.last_position ^
                                         (uint64_t)local->scratch.created};
    uint64_t id[2] = {fct_random_next(&random), fct_random_next(&random)};
    memcpy(record.id.bytes, id, sizeof id);
    uint32_t number = fct_staged_find(&local->staged, fct_hash128(metastream, local->seed));
    FCT_ASSERT(number != FCT_STAGED_NONE); /* decide.c staged it */
    (void)add_event(local, &local->staged.slots[number], &record, NULL, 0);
    note_metadata(local, stream, record.data);
}

static void add_key(struct fct_local *local, const struct fct_group_request *request)
{
    struct fct_commit_scratch *scratch = &local->scratch;
    struct fct_record record = {
        .kind = FCT_RECORD_COMMIT,
        .revision = request->append->event_count,
        .created = scratch->created,
        .data = request->append->idempotency_key,
    };
    memcpy(record.id.bytes, &request->content, sizeof request->content);
    (void)fct_log_add(local->log, &record, NULL, 0, fct_record_size(&record, NULL, 0));
    size_t count =
        fct_local_entries(local, &record, NULL, 0, scratch->entries + scratch->entry_count);
    scratch->keys[scratch->key_count++].hash = scratch->entries[scratch->entry_count].key.hash;
    scratch->entry_count += count;
}

static void encode(struct fct_local *local, struct fct_group_request *request)
{
    const factum_append_request *append = request->append;
    factum_append_result *result = &request->result;
    uint8_t flags = FCT_RECORD_FIRST;
    for (size_t i = 0; i < append->event_count; i++) {
        struct fct_staged_slot *slot = &local->staged.slots[local->scratch.event_slots[i]];
        if ((slot->head.flags & FCT_HEAD_SOFT_DELETED) != 0 && slot->first_event == i) {
            revive(local, request, slot, &flags);
        }
    }
    if (append->idempotency_key.len > 0) {
        add_key(local, request);
    }
    for (size_t i = 0; i < append->event_count; i++) {
        const factum_new_event *event = &append->events[i];
        flags |= i + 1 == append->event_count ? FCT_RECORD_LAST : 0;
        flags |= event->content_type == FACTUM_CONTENT_JSON ? FCT_RECORD_JSON : 0;
        flags |= event->has_time ? FCT_RECORD_HAS_TIME : 0;
        struct fct_record record = {
            .id = event->id,
            .stream = event->stream,
            .type = event->type,
            .metadata = event->metadata,
            .data = event->data,
            .time = event->time,
            .flags = flags,
        };
        flags = 0;
        struct fct_staged_slot *slot = &local->staged.slots[local->scratch.event_slots[i]];
        result->position = add_event(local, slot, &record, event->tags, event->tag_count);
        result->revision = record.revision;
        if (i == 0) {
            result->first_position = result->position;
        }
        if (request->revisions != NULL) {
            request->revisions[i] = record.revision;
        }
        factum_slice target = fct_metastream_target(event->stream);
        if (target.len > 0) {
            note_metadata(local, target, event->data);
        }
    }
    request->written = true;
    local->scratch.accepted[local->scratch.accepted_count++] = request;
}

/* ---- the end of a batch ---------------------------------------------------------------------- */

static void keep_heads(struct fct_local *local)
{
    for (uint32_t i = 0; i < local->staged.slot_count; i++) {
        if (local->staged.slots[i].changed) {
            fct_heads_put(&local->heads, &local->staged.slots[i].head);
        }
    }
}

/* Between write and sync, when the device may be at work: all that no reader sees yet. Should the
 * sync fail, the heads are ahead of what is known, and the log takes nothing that asks them. */
static void work_meanwhile(struct fct_local *local)
{
    fct_index_add(local->index, local->scratch.entries, local->scratch.entry_count);
    keep_heads(local);
}

static void finish_batch(struct fct_local *local, struct batch *batch,
                         struct fct_group_request *until)
{
    factum_error err;
    factum_status status = fct_log_send(local->log, batch->sync, &err);
    if (status == FACTUM_OK) {
        work_meanwhile(local);
        status = fct_log_commit(local->log, batch->sync, &err);
        FCT_ASSERT(status == FACTUM_OK || fct_log_state(local->log) == FCT_LOG_FAILED);
    }
    for (struct fct_group_request *r = batch->first; r != until; r = r->next) {
        if (!r->written) {
            continue;
        }
        r->written = false;
        r->status = status;
        if (status != FACTUM_OK) {
            r->err = err;
            r->err.status = FACTUM_UNKNOWN_OUTCOME;
            r->status = fct_wrap(&r->err, FACTUM_UNKNOWN_OUTCOME,
                                 "append: it is not known whether it was written");
        }
    }
    batch->first = until;
    batch->sync = false;
    if (status != FACTUM_OK || local->scratch.accepted_count == 0) {
        return;
    }
    local->created_last = local->scratch.created;
    struct fct_log_mark mark = fct_log_mark(local->log);
    fct_index_show(local->index,
                   (struct fct_index_mark){mark.position, mark.batch_number, mark.chain});
    fct_local_publish(local);
    fct_local_background_note(local);
}

static void refuse_all(struct fct_group_request *first, const struct fct_group_request *end,
                       factum_status status, const factum_error *err)
{
    for (struct fct_group_request *r = first; r != end; r = r->next) {
        r->status = status;
        r->err = *err;
    }
}

/* Makes durable what was recognised and is to be answered as such. */
static void catch_up_answers(struct fct_local *local, struct fct_group_request *first,
                             const struct fct_group_request *end)
{
    factum_error err;
    factum_status status = fct_log_sync(local->log, &err);
    for (struct fct_group_request *r = first; status != FACTUM_OK && r != end; r = r->next) {
        if (r->status == FACTUM_OK && r->sync && r->result.already) {
            r->status = status;
            r->err = err;
        }
    }
}

/* What lies ahead is in the caches of other processors: it is fetched while this one works. */
static void fetch_ahead(const struct fct_local *local, const struct fct_group_request *request,
                        const struct fct_group_request *end)
{
    const struct fct_group_request *next = request->next;
    if (next == end) {
        return;
    }
    const factum_append_request *append = next->append;
    if (append->event_count > 0) {
        const factum_new_event *event = &append->events[0];
        FCT_PREFETCH(event->stream.ptr);
        for (size_t at = 0; at < event->data.len && at < 512; at += 64) {
            FCT_PREFETCH(event->data.ptr + at);
        }
        for (size_t at = 0; at < event->metadata.len && at < 256; at += 64) {
            FCT_PREFETCH(event->metadata.ptr + at);
        }
    }
    if (next->next != end) {
        append = next->next->append;
        FCT_PREFETCH(append->events);
        FCT_PREFETCH((const uint8_t *)append->events + 64);
        FCT_PREFETCH((const uint8_t *)append->events + 128);
        FCT_PREFETCH(append->expectations);
        fct_heads_prefetch(&local->heads, next->next->stream);
    }
}

/* Works on a batch; what depends on records of the batch itself splits it in two. */
static void run_batch(struct fct_local *local, struct batch *batch)
{
    factum_error err;
    bool catch_up = false; /* a recognised append was only `os` durable so far */
    factum_status status = begin_batch(local, batch, &err);
    struct fct_group_request *const first = batch->first;
    struct fct_group_request *request = first;
    while (status == FACTUM_OK && request != batch->end) {
        fetch_ahead(local, request, batch->end);
        request->written = false;
        request->result = (factum_append_result){
            .durability = request->sync ? FACTUM_DURABILITY_SYNC : FACTUM_DURABILITY_OS};
        switch (fct_decide(local, request)) {
        case FCT_DECIDED_NEW:
            encode(local, request);
            batch->sync = batch->sync || request->sync;
            request = request->next;
            break;
        case FCT_DECIDED_ANSWER:
            catch_up = catch_up || (request->sync && request->result.already &&
                                    request->already_end > fct_log_durable(local->log));
            request = request->next;
            break;
        case FCT_DECIDED_LATER:
            FCT_ASSERT(local->scratch.accepted_count > 0);
            finish_batch(local, batch, request);
            status = begin_batch(local, batch, &err);
            break;
        }
    }
    if (status != FACTUM_OK) {
        refuse_all(request, batch->end, status, &err);
        return;
    }
    finish_batch(local, batch, batch->end);
    if (catch_up) {
        catch_up_answers(local, first, batch->end);
    }
}

static factum_status run_task(struct fct_local *local, struct fct_group_request *request)
{
    uint64_t damaged_from; /* the error's text says it */
    switch (request->task) {
    case FCT_TASK_MARKER:
        return fct_log_marker(local->log, &request->err);
    case FCT_TASK_MEND:
        return fct_local_mend_index(local, &damaged_from, &request->err);
    case FCT_TASK_TICK:
        return fct_index_tick(local->index, &request->err);
    case FCT_TASK_APPEND:
        break;
    }
    return FACTUM_OK;
}

void fct_commit_work(void *data, struct fct_group_request *list)
{
    struct fct_local *local = data;
    while (list != NULL) {
        if (list->task != FCT_TASK_APPEND) {
            list->status = run_task(local, list);
            list = list->next;
            continue;
        }
        struct batch batch = plan_batch(list);
        list = batch.end;
        run_batch(local, &batch);
    }
}
