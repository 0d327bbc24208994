/* append.c - appends on their way into the group: sized and hashed in the caller's thread.
 * Layer: engine_local. Must not decide. */
#include "core/check.h"
#include "core/error.h"
#include "engine/decide.h"
#include "engine/removal.h"
#include "engine/rules.h"
#include "engine_local/local_int.h"

/* The most that a record takes beside its texts. */
#define RECORD_OVERHEAD (FCT_RECORD_HEADER_SIZE + FCT_RECORD_TRAILER_SIZE + FCT_RECORD_ALIGN)
/* The event that the store adds when an append revives a deleted stream, without its name. */
#define METADATA_EVENT_SIZE (RECORD_OVERHEAD + 64)
#define TIME_ITEM_SIZE 10
#define TAG_ITEM_SIZE 11 /* of a tag or a content type, beside its text */

static size_t event_size(const factum_new_event *event)
{
    size_t size = RECORD_OVERHEAD + TIME_ITEM_SIZE + event->stream.len + event->type.len +
                  event->metadata.len + event->data.len;
    size += event->media_type.len > 0 ? TAG_ITEM_SIZE + event->media_type.len : 0;
    for (size_t i = 0; i < event->tag_count; i++) {
        size += TAG_ITEM_SIZE + event->tags[i].len;
    }
    return size;
}

/* What the append takes at most in log and index. The engine layer's checks bound both. */
static void measure(struct fct_commit_op *commit)
{
    const factum_append_request *request = commit->request;
    for (size_t i = 0; i < request->event_count; i++) {
        commit->payload_max += event_size(&request->events[i]);
        commit->entries_max += 4 + request->events[i].tag_count;
    }
    for (size_t i = 0; i < request->expectation_count; i++) {
        commit->payload_max += METADATA_EVENT_SIZE + request->expectations[i].stream.len;
        commit->entries_max += 4;
    }
    if (request->idempotency_key.len > 0) {
        commit->payload_max += RECORD_OVERHEAD + request->idempotency_key.len;
        commit->entries_max += 1;
        commit->fingerprint = fct_append_fingerprint(request);
    }
    commit->member.size = commit->payload_max;
}

/* Errors: READ_ONLY, CORRUPT (the log is damaged), FAILED (a write failed). */
static factum_status check_state(const struct fct_local *local, factum_error *err)
{
    switch (fct_log_state(local->log)) {
    case FCT_LOG_OPEN:
        break;
    case FCT_LOG_READ_ONLY:
        return fct_fail(err, FACTUM_READ_ONLY, "the store is open for reading only");
    case FCT_LOG_DAMAGED:
        return fct_fail(err, FACTUM_CORRUPT, "read-only: %s", fct_log_state_reason(local->log));
    case FCT_LOG_FAILED:
        return fct_fail(err, FACTUM_FAILED, "close the store and open it again: %s",
                        fct_log_state_reason(local->log));
    }
    return FACTUM_OK;
}

void fct_local_prepare(struct fct_local *local, factum_append_op *op, struct fct_removal *removal)
{
    struct fct_commit_op *commit = fct_commit_op_of(op);
    FCT_ASSERT((removal == NULL) == (op->action == FACTUM_ACTION_APPEND));
    *commit = (struct fct_commit_op){.kind = FCT_TASK_APPEND, .op = op};
    commit->request = fct_op_request(op);
    if (removal != NULL) {
        fct_removal_init(removal, op);
        commit->request = &removal->request;
    }
    factum_durability durability = commit->request->durability;
    if (durability == FACTUM_DURABILITY_DEFAULT) {
        durability = local->durability;
    }
    FCT_ASSERT(durability != FACTUM_DURABILITY_DEFAULT);
    commit->sync = durability == FACTUM_DURABILITY_SYNC;
    measure(commit);
    if (commit->request->expectation_count > 0) {
        commit->stream = fct_hash128(commit->request->expectations[0].stream, local->seed);
    }
}

/* The work of the background threads, in a store without them. Its failures are not those of the
 * append, which has succeeded: it is tried again after the next append. */
static void do_background_work(struct fct_local *local)
{
    factum_error ignored;
    FCT_ASSERT(!local->threads);
    uint64_t now = fct_os_monotonic(local->os);
    bool unproven = fct_log_wants_heartbeat(local->log);
    if (unproven && now - atomic_load(&local->proven_ns) >= FCT_IDLE_NS) {
        factum_status proven = fct_commit_do(local, FCT_TASK_HEARTBEAT, &ignored);
        (void)proven;
        unproven = false;
    }
    if (!unproven) {
        atomic_store(&local->proven_ns, now);
    }
    factum_status ticked = fct_commit_do(local, FCT_TASK_TICK, &ignored);
    (void)ticked;
}

void fct_local_append_here(void *self, factum_append_op *op)
{
    struct fct_local *local = self;
    struct fct_removal removal;
    fct_local_check(local);
    FCT_ASSERT(op->completer == NULL);
    op->status = check_state(local, &op->err);
    if (op->status != FACTUM_OK) {
        return;
    }
    fct_local_prepare(local, op, op->action == FACTUM_ACTION_APPEND ? NULL : &removal);
    factum_status joined = fct_group_run(&local->group, &fct_commit_op_of(op)->member, &op->err);
    if (joined != FACTUM_OK) {
        op->status = joined;
        return;
    }
    fct_decide_say(op);
    if (!local->threads) {
        do_background_work(local);
        fct_notifier_deliver(&local->notifier);
    }
}

factum_status fct_local_append(void *self, factum_append_op *op, factum_error *err)
{
    struct fct_local *local = self;
    struct fct_removal *removal = NULL;
    fct_local_check(local);
    FCT_ASSERT(op->completer != NULL);
    if (!local->threads) {
        return fct_fail(err, FACTUM_UNSUPPORTED,
                        "appends by completion need threads: open the store without no_threads");
    }
    factum_status status = check_state(local, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (op->action != FACTUM_ACTION_APPEND) {
        removal = fct_mem_alloc(local->mem, sizeof *removal);
        if (removal == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
        }
    }
    fct_local_prepare(local, op, removal);
    fct_commit_op_of(op)->owned = removal;
    status = fct_group_submit(&local->group, &fct_commit_op_of(op)->member, err);
    if (status != FACTUM_OK) {
        fct_mem_free(local->mem, removal);
    }
    return status;
}

void fct_local_cancel(void *self, factum_append_op *op)
{
    (void)self;
    atomic_store_explicit(&fct_commit_op_of(op)->cancelled, true, memory_order_relaxed);
}
