/* commit.c - see commit.h. Layer: engine_local.
 *
 * Happy path of a group: appends are taken in batches. begin_batch reserves all memory that a batch
 * may need, so that nothing can fail between its first record and the sync. Each append is decided;
 * if it is new, it is encoded and its heads are staged (encode.c). finish_batch writes the batch.
 * While the device is at work it adds the postings to the index, hidden, and keeps the heads; then
 * it syncs, shows the postings and publishes.
 *
 * Failure modes. No room (NO_SPACE, NO_MEMORY): the whole batch is refused, nothing was written.
 * The write or the sync fails: UNKNOWN_OUTCOME for the appends of the batch, and the log refuses
 * everything from then on.
 *
 * Invariants of a batch under way (batch_check):
 *  1. This thread leads the store's group.
 *  2. The postings, keys and accepted appends are within what begin_batch reserved.
 *  3. An append that was accepted has one key at most.
 *  4. |created| never falls from batch to batch.
 */
#include "engine_local/commit.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine/decide.h"
#include "engine/deliver.h"
#include "engine_local/local_int.h"
#include "engine_local/prefetch.h"

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

/* Makes room for |count| items in *|items|. False: out of memory; the items are unchanged. */
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
    FCT_ASSERT(*capacity >= count);
    return true;
}

/* The store whose group this thread leads now; NULL: none. */
static _Thread_local const struct fct_local *leading;

factum_status fct_local_heal_index(void *data, factum_error *err)
{
    struct fct_local *local = data;
    if (leading == local) {
        uint64_t damaged_from = UINT64_MAX; /* unused: the error names the place */
        return fct_local_rebuild_index(local, &damaged_from, err);
    }
    return fct_commit_do(local, FCT_TASK_HEAL, err);
}

/* ---- the room of a batch --------------------------------------------------------------------- */

/* Makes room for |entries| in the index. If the index is about to be written out, syncs `os`
 * commits first: the log point in its manifest must never be one that a crash of the machine takes
 * back. */
static factum_status make_room(struct fct_local *local, size_t entries, factum_error *err)
{
    uint64_t from;
    uint64_t to;
    FCT_ASSERT(leading == local);
    if (!fct_index_wants_flush(local->index)) {
        return fct_index_reserve(local->index, entries, err);
    }
    if (fct_index_missing(local->index, &from, &to)) {
        uint64_t damaged_from = UINT64_MAX;
        factum_error ignored;
        factum_status rebuilt = fct_local_rebuild_index(local, &damaged_from, &ignored);
        (void)rebuilt; /* fct_index_reserve fails when too much is in memory */
    }
    factum_status status = fct_log_sync(local->log, err);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(fct_log_durable(local->log) == fct_log_end(local->log));
    return fct_index_reserve(local->index, entries, err);
}

/* Makes the batch visible to readers. Listeners are woken later, by fct_commit_answered. */
static void publish(struct fct_local *local)
{
    uint64_t end = fct_log_end(local->log);
    FCT_ASSERT(leading == local);
    FCT_ASSERT(end >= atomic_load_explicit(&local->published, memory_order_relaxed));
    atomic_store(&local->published, end);
    fct_notifier_note(&local->notifier, FACTUM_NEWS_END);
}

/* Appends that are written together, and what they need at most. */
struct batch {
    struct fct_commit_op *first;
    struct fct_commit_op *end; /* the first one after the batch, or NULL */
    size_t payload_max;
    size_t entries_max;
    size_t events_max;       /* of one append */
    size_t expectations_max; /* of one append */
    size_t requests;
    uint64_t now; /* monotonic; 0: the clock was not read yet */
    bool sync;
};

static void batch_check(const struct fct_local *local, const struct batch *batch)
{
    const struct fct_commit_scratch *scratch = &local->scratch;
    FCT_ASSERT(leading == local);
    FCT_ASSERT(batch->entries_max <= scratch->entry_capacity);
    FCT_ASSERT(scratch->entry_count <= batch->entries_max);
    FCT_ASSERT(scratch->accepted_count <= batch->requests);
    FCT_ASSERT(scratch->key_count <= scratch->accepted_count);
    FCT_ASSERT(scratch->created >= local->created_last);
}

static struct batch plan_batch(struct fct_commit_op *list)
{
    struct batch batch = {.first = list, .end = list};
    while (batch.end != NULL && batch.end->kind == FCT_TASK_APPEND) {
        const struct fct_commit_op *commit = batch.end;
        if (batch.requests > 0 && (batch.payload_max + commit->payload_max > BATCH_PAYLOAD_MAX ||
                                   batch.entries_max + commit->entries_max > BATCH_ENTRIES_MAX)) {
            break;
        }
        batch.payload_max += commit->payload_max;
        batch.entries_max += commit->entries_max;
        if (commit->request->event_count > batch.events_max) {
            batch.events_max = commit->request->event_count;
        }
        if (commit->request->expectation_count > batch.expectations_max) {
            batch.expectations_max = commit->request->expectation_count;
        }
        batch.requests++;
        batch.end = fct_commit_next(commit);
    }
    FCT_ASSERT(batch.requests > 0);
    FCT_ASSERT(batch.requests == 1 || batch.payload_max <= BATCH_PAYLOAD_MAX);
    FCT_ASSERT(batch.requests == 1 || batch.entries_max <= BATCH_ENTRIES_MAX);
    return batch;
}

/* Stops the log if its directory is not at its path any more: nobody would find the events. */
static factum_status check_place(struct fct_local *local, factum_error *err)
{
    factum_error ignored;
    FCT_ASSERT(leading == local);
    if (fct_log_state(local->log) != FCT_LOG_OPEN ||
        fct_os_dir_check(&local->dir.dir, &ignored) == FACTUM_OK) {
        return FACTUM_OK;
    }
    (void)fct_fail(err, FACTUM_FAILED,
                   "the store is not at %s any more: its directory was moved, replaced or removed; "
                   "open it where it is now",
                   local->path);
    fct_log_stop(local->log, err->text);
    fct_notifier_post(&local->notifier, FACTUM_NEWS_FAILED);
    return FACTUM_FAILED;
}

/* The check takes a microsecond, too long for every batch. */
static factum_status check_place_at_times(struct fct_local *local, factum_error *err)
{
    uint64_t now = fct_os_monotonic(local->os);
    if (now - local->place_checked_ns < FCT_IDLE_NS) {
        return FACTUM_OK;
    }
    local->place_checked_ns = now;
    return check_place(local, err);
}

static factum_status reserve_scratch(struct fct_local *local, const struct batch *batch,
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
    scratch->entry_count = 0;
    scratch->key_count = 0;
    scratch->accepted_count = 0;
    int64_t now = fct_os_time(local->os);
    scratch->created = now > local->created_last ? now : local->created_last;
    fct_staged_clear(&local->staged);
    return FACTUM_OK;
}

static factum_status begin_batch(struct fct_local *local, const struct batch *batch,
                                 factum_error *err)
{
    FCT_ASSERT(batch->first != batch->end);
    factum_status status = reserve_scratch(local, batch, err);
    if (status != FACTUM_OK) {
        return status;
    }
    batch_check(local, batch);
    status = check_place_at_times(local, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = make_room(local, batch->entries_max, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_log_begin(local->log, batch->payload_max, err);
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

/* Between write and sync, while the device may be at work. No reader sees any of it yet. If the
 * sync fails, the cached heads are wrong, but the log is FAILED and no append reads them again. */
static void work_meanwhile(struct fct_local *local)
{
    FCT_ASSERT(local->scratch.entry_count <= local->scratch.entry_capacity);
    fct_index_add(local->index, local->scratch.entries, local->scratch.entry_count);
    keep_heads(local);
}

/* Sets the outcome of the appends in the batch: |status|, of the write and the sync. */
static void settle_written(struct batch *batch, struct fct_commit_op *until, factum_status status,
                           const factum_error *err)
{
    for (struct fct_commit_op *commit = batch->first; commit != until;
         commit = fct_commit_next(commit)) {
        if (!commit->written) {
            continue;
        }
        FCT_ASSERT(commit->kind == FCT_TASK_APPEND);
        commit->written = false;
        commit->op->status = status;
        if (status != FACTUM_OK) {
            commit->op->err = *err;
            commit->op->status = fct_wrap(&commit->op->err, FACTUM_UNKNOWN_OUTCOME,
                                          "append: it is not known whether it was written");
        }
    }
}

static void finish_batch(struct fct_local *local, struct batch *batch, struct fct_commit_op *until)
{
    factum_error err;
    batch_check(local, batch);
    factum_status status = fct_log_send(local->log, batch->sync, &err);
    if (status == FACTUM_OK) {
        work_meanwhile(local);
        status = fct_log_commit(local->log, batch->sync, &err);
    }
    FCT_ASSERT(status == FACTUM_OK || fct_log_state(local->log) == FCT_LOG_FAILED);
    settle_written(batch, until, status, &err);
    batch->first = until;
    batch->sync = false;
    if (status != FACTUM_OK) {
        fct_notifier_post(&local->notifier, FACTUM_NEWS_FAILED);
        return;
    }
    if (local->scratch.accepted_count == 0) {
        return;
    }
    local->created_last = local->scratch.created;
    fct_index_show(local->index, fct_local_log_point(local->log));
    publish(local);
    batch_check(local, batch);
    fct_local_background_note(local);
}

static void refuse_all(struct fct_commit_op *first, const struct fct_commit_op *end,
                       factum_status status, const factum_error *err)
{
    for (struct fct_commit_op *commit = first; commit != end; commit = fct_commit_next(commit)) {
        FCT_ASSERT(commit->kind == FCT_TASK_APPEND);
        FCT_ASSERT(!commit->written); /* its outcome is that of the write */
        commit->op->status = status;
        commit->op->err = *err;
    }
}

/* Syncs, because a repeated append with durability `sync` wrote its events as `os` before. */
static void sync_repeated(struct fct_local *local, struct fct_commit_op *first,
                          const struct fct_commit_op *end)
{
    factum_error err;
    FCT_ASSERT(leading == local);
    factum_status status = fct_log_sync(local->log, &err);
    if (status == FACTUM_OK) {
        return;
    }
    for (struct fct_commit_op *commit = first; commit != end; commit = fct_commit_next(commit)) {
        if (commit->op->status == FACTUM_OK && commit->sync && commit->op->result.already) {
            commit->op->status = status;
            commit->op->err = err;
        }
    }
}

/* ---- one batch ------------------------------------------------------------------------------- */

/* Was the append cancelled, or has its deadline passed? Then its outcome is set. */
static bool is_abandoned(const struct fct_local *local, struct batch *batch,
                         struct fct_commit_op *commit)
{
    factum_append_op *op = commit->op;
    const factum_call *call = commit->request->call;
    FCT_ASSERT(!commit->written);
    if (atomic_load_explicit(&commit->cancelled, memory_order_relaxed)) {
        op->status = fct_fail(&op->err, FACTUM_CANCELLED, "append: it was cancelled");
        return true;
    }
    uint64_t deadline = call == NULL ? 0 : fct_call_get(call).deadline;
    if (deadline == 0) {
        return false;
    }
    if (batch->now == 0) {
        batch->now = fct_os_monotonic(local->os);
    }
    if (batch->now < deadline) {
        return false;
    }
    op->status = fct_fail(&op->err, FACTUM_EXPIRED, "append: the deadline has passed");
    return true;
}

/* Decides |commit| and encodes it if it is new. False: it depends on the batch under way. *catch_up
 * is set if a repeated append is not as durable as it asks for. */
static bool take_in(struct fct_local *local, struct batch *batch, struct fct_commit_op *commit,
                    bool *catch_up)
{
    FCT_ASSERT(commit->kind == FCT_TASK_APPEND);
    commit->written = false;
    commit->already_end = 0;
    commit->op->result = (factum_append_result){.durability = commit->sync ? FACTUM_DURABILITY_SYNC
                                                                           : FACTUM_DURABILITY_OS};
    if (is_abandoned(local, batch, commit)) {
        return true;
    }
    switch (fct_local_decide(local, commit)) {
    case FCT_VERDICT_NEW:
        fct_commit_encode(local, commit);
        batch->sync = batch->sync || commit->sync;
        break;
    case FCT_VERDICT_ANSWER:
        *catch_up = *catch_up || (commit->sync && commit->op->result.already &&
                                  commit->already_end > fct_log_durable(local->log));
        break;
    case FCT_VERDICT_LATER:
        return false;
    }
    return true;
}

/* Works on a batch. An append that depends on records of the batch itself splits it in two. */
static void run_batch(struct fct_local *local, struct batch *batch)
{
    factum_error err;
    bool catch_up = false;
    struct fct_commit_op *const first = batch->first;
    struct fct_commit_op *commit = first;
    factum_status status = begin_batch(local, batch, &err);
    while (status == FACTUM_OK && commit != batch->end) {
        fct_prefetch_appends(local, commit, batch->end);
        if (take_in(local, batch, commit, &catch_up)) {
            commit = fct_commit_next(commit);
        } else {
            FCT_ASSERT(local->scratch.accepted_count > 0);
            finish_batch(local, batch, commit);
            status = begin_batch(local, batch, &err);
        }
    }
    if (status != FACTUM_OK) {
        refuse_all(commit, batch->end, status, &err);
    } else {
        finish_batch(local, batch, batch->end);
        commit = batch->end;
    }
    if (catch_up) {
        sync_repeated(local, first, commit);
    }
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static factum_status run_task(struct fct_local *local, struct fct_task *task)
{
    uint64_t damaged_from = UINT64_MAX; /* unused: the error names the place */
    factum_status status = FACTUM_OK;
    FCT_ASSERT(leading == local);
    FCT_ASSERT(task->commit.kind != FCT_TASK_APPEND);
    switch (task->commit.kind) {
    case FCT_TASK_HEARTBEAT:
        status = check_place(local, &task->err);
        if (status == FACTUM_OK) {
            status = fct_log_heartbeat(local->log, &task->err);
        }
        if (status != FACTUM_OK && fct_log_state(local->log) == FCT_LOG_FAILED) {
            fct_notifier_post(&local->notifier, FACTUM_NEWS_FAILED);
        }
        break;
    case FCT_TASK_HEAL:
        status = fct_local_rebuild_index(local, &damaged_from, &task->err);
        break;
    case FCT_TASK_TICK:
        status = fct_index_tick(local->index, &task->err);
        break;
    case FCT_TASK_FIND_ID:
        status = fct_local_find_recent(local, task->id, FCT_SLICE(""), &task->record, &task->err);
        break;
    case FCT_TASK_APPEND:
        break;
    }
    return status;
}

factum_status fct_commit_task(struct fct_local *local, struct fct_task *task, factum_error *err)
{
    FCT_ASSERT(leading != local);
    FCT_ASSERT(task->commit.member.size == 0); /* a task is never refused for want of room */
    factum_status status = fct_group_run(&local->group, &task->commit.member, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (task->status < 0) {
        *err = task->err;
    }
    return task->status;
}

factum_status fct_commit_do(struct fct_local *local, enum fct_task_kind kind, factum_error *err)
{
    struct fct_task task = {.commit = {.kind = kind}};
    FCT_ASSERT(kind != FCT_TASK_APPEND);
    return fct_commit_task(local, &task, err);
}

/* ---- the functions of the group -------------------------------------------------------------- */

void fct_commit_work(void *data, struct fct_group_member *list)
{
    struct fct_local *local = data;
    struct fct_commit_op *commit = fct_commit_op_of_member(list);
    FCT_ASSERT(leading == NULL);
    leading = local;
    while (commit != NULL) {
        if (commit->kind == FCT_TASK_APPEND) {
            struct batch batch = plan_batch(commit);
            commit = batch.end;
            run_batch(local, &batch);
        } else {
            struct fct_task *task = (struct fct_task *)(void *)commit;
            commit = fct_commit_next(commit);
            task->status = run_task(local, task);
        }
    }
    leading = NULL;
}

void fct_commit_deliver(void *data, struct fct_group_member *list)
{
    struct fct_local *local = data;
    while (list != NULL) {
        factum_append_op *ops[FCT_DELIVER_MAX];
        size_t count = 0;
        while (list != NULL && count < FCT_DELIVER_MAX) {
            struct fct_commit_op *commit = fct_commit_op_of_member(list);
            list = list->next;
            FCT_ASSERT(commit->kind == FCT_TASK_APPEND);
            FCT_ASSERT(!commit->written);
            fct_decide_say(commit->op);
            fct_mem_free(local->mem, commit->owned);
            ops[count++] = commit->op;
        }
        fct_deliver(ops, count);
    }
}

void fct_commit_answered(void *data)
{
    struct fct_local *local = data;
    fct_notifier_wake(&local->notifier);
}

void fct_commit_room(void *data)
{
    struct fct_local *local = data;
    fct_notifier_post(&local->notifier, FACTUM_NEWS_ROOM);
}
