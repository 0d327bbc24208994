/* backlog.c - see backlog.h. Layer: engine. */
#include "engine/backlog.h"

#include <inttypes.h>

#include "core/check.h"
#include "core/error.h"

/* Words of an op's internal[] while it is in a backlog; [0] is the notifier's. */
#define OP_COMPLETER 1
#define OP_SIZE 2

static void backlog_check(const struct fct_backlog *backlog)
{
    FCT_ASSERT(backlog->count > 0 || backlog->size == 0);
}

static uint64_t append_size(const factum_append_request *request)
{
    uint64_t size = request->idempotency_key.len;
    for (size_t i = 0; i < request->event_count; i++) {
        const factum_new_event *event = &request->events[i];
        size += event->stream.len + event->type.len + event->data.len + event->metadata.len;
        for (size_t j = 0; j < event->tag_count; j++) {
            size += event->tags[j].len;
        }
    }
    return size;
}

factum_status fct_backlog_refuse(uint64_t count, uint64_t count_max, uint64_t size,
                                 uint64_t size_max, factum_error *err)
{
    if (count >= count_max) {
        return fct_fail(err, FACTUM_BUSY,
                        "%" PRIu64 " appends are waiting, which is the limit: try again later",
                        count);
    }
    return fct_fail(err, FACTUM_BUSY,
                    "appends of %" PRIu64 " bytes are waiting: the limit is %" PRIu64
                    " (queue_size_max); try again later",
                    size, size_max);
}

factum_status fct_backlog_add(struct fct_backlog *backlog, const struct fct_limits *limits,
                              factum_append_op *op, const factum_completer *completer,
                              factum_error *err)
{
    uint64_t size = append_size(fct_op_request(op));
    backlog_check(backlog);
    FCT_ASSERT(op->completer != completer); /* it was not added before */
    bool too_big = backlog->count > 0 && backlog->size + size > limits->queue_size_max;
    if (backlog->count >= limits->queue_max || too_big) {
        backlog->refused = true;
        return fct_backlog_refuse(backlog->count, limits->queue_max, backlog->size,
                                  limits->queue_size_max, err);
    }
    backlog->count++;
    backlog->size += size;
    op->internal[OP_COMPLETER] = (void *)(uintptr_t)op->completer;
    op->internal[OP_SIZE] = (void *)(uintptr_t)size;
    op->completer = completer;
    return FACTUM_OK;
}

bool fct_backlog_remove(struct fct_backlog *backlog, factum_append_op *const *ops, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t size = (uintptr_t)ops[i]->internal[OP_SIZE];
        FCT_ASSERT(backlog->count > 0);
        FCT_ASSERT(backlog->size >= size);
        backlog->count--;
        backlog->size -= size;
        ops[i]->completer = ops[i]->internal[OP_COMPLETER];
    }
    backlog_check(backlog);
    bool refused = backlog->refused;
    backlog->refused = false;
    return refused;
}
