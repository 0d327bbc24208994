/* append.c - appends on their way to the group: sized in the caller's thread. Layer: engine_local.
 */
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"

/* A record without text: header, trailer and the largest padding. */
#define RECORD_OVERHEAD (FCT_RECORD_HEADER_SIZE + FCT_RECORD_TRAILER_SIZE + FCT_RECORD_ALIGN)
#define METADATA_EVENT_SIZE                                                                        \
    (RECORD_OVERHEAD + 64) /* type and data of an automatic $metadata event */
#define TIME_ITEM_SIZE 10
#define TAG_ITEM_SIZE 11 /* beside the text */

static size_t event_size(const factum_new_event *event)
{
    size_t size = RECORD_OVERHEAD + TIME_ITEM_SIZE + event->stream.len + event->type.len +
                  event->metadata.len + event->data.len;
    for (size_t i = 0; i < event->tag_count; i++) {
        size += TAG_ITEM_SIZE + event->tags[i].len;
    }
    return size;
}

/* The most that |append| can take in log and index; the checks of the engine layer bound both. */
static void measure(struct fct_group_request *request)
{
    const factum_append_request *append = request->append;
    for (size_t i = 0; i < append->event_count; i++) {
        request->payload_max += event_size(&append->events[i]);
        request->entries_max += 4 + append->events[i].tag_count;
    }
    for (size_t i = 0; i < append->expectation_count; i++) {
        request->payload_max += METADATA_EVENT_SIZE + append->expectations[i].stream.len;
        request->entries_max += 4;
    }
    if (append->idempotency_key.len > 0) {
        request->payload_max += RECORD_OVERHEAD + append->idempotency_key.len;
        request->entries_max += 1;
        request->content = fct_append_content_hash(append);
    }
}

factum_status fct_local_prepare(struct fct_local *local, const factum_append_request *append,
                                struct fct_group_request *request, factum_error *err)
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
    factum_durability durability =
        append->durability == FACTUM_DURABILITY_DEFAULT ? local->durability : append->durability;
    request->append = append;
    request->task = FCT_TASK_APPEND;
    request->sync = durability == FACTUM_DURABILITY_SYNC;
    measure(request);
    if (append->expectation_count > 0) {
        request->stream = fct_hash128(append->expectations[0].stream, local->seed);
    }
    return FACTUM_OK;
}

/* What the threads would do; it fails for itself, and is tried again: the append has succeeded. */
static void do_background_work(struct fct_local *local)
{
    uint64_t now = fct_os_monotonic(local->os);
    bool unsynced = fct_log_durable(local->log) < fct_log_end(local->log);
    if (unsynced && now - atomic_load(&local->last_commit_ns) >= FCT_IDLE_NS) {
        struct fct_group_request marker = {.task = FCT_TASK_MARKER};
        factum_status marked = fct_group_run(&local->group, &marker, NULL);
        (void)marked;
        unsynced = false;
    }
    if (!unsynced) {
        atomic_store(&local->last_commit_ns, now); /* the oldest that is not synced */
    }
    struct fct_group_request tick = {.task = FCT_TASK_TICK};
    factum_status ticked = fct_group_run(&local->group, &tick, NULL);
    (void)ticked;
}

void fct_local_say_refusal(const struct fct_group_request *request, factum_error *err)
{
    const factum_append_result *result = &request->result;
    factum_status status = fct_refuse_revision(
        err, NULL, result->refused_index, &request->append->expectations[result->refused_index],
        result->actual_state, result->actual_revision);
    FCT_ASSERT(status == request->status);
}

factum_status fct_local_append(void *self, const factum_append_request *append, bool made_ids,
                               factum_append_result *result, uint64_t *revisions, factum_error *err)
{
    struct fct_local *local = self;
    struct fct_group_request request = {.append = NULL};
    factum_status status = fct_local_prepare(local, append, &request, err);
    if (status != FACTUM_OK) {
        return status;
    }
    request.made_ids = made_ids;
    request.revisions = revisions;
    status = fct_group_run(&local->group, &request, err);
    if (request.refused) {
        fct_local_say_refusal(&request, err);
    }
    if (result != NULL) {
        *result = request.result;
    }
    if (!local->threads) {
        do_background_work(local);
    }
    return status;
}

factum_status fct_local_submit(void *self, factum_append_op *op, bool made_ids, factum_error *err)
{
    struct fct_local *local = self;
    struct fct_group_request request = {.op = op};
    if (!local->threads) {
        return fct_fail(err, FACTUM_UNSUPPORTED,
                        "appends by completion need threads: open the store without no_threads");
    }
    factum_status status = fct_local_prepare(local, &op->request, &request, err);
    if (status != FACTUM_OK) {
        return status;
    }
    request.made_ids = made_ids;
    request.revisions = op->revisions;
    return fct_group_submit(&local->group, &request, err);
}
