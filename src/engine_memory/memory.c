/* memory.c - the memory engine: opening, appending, completions, closing. Layer: engine_memory.
 *
 * All events are in one array, in the order of their positions, and every question is answered by a
 * walk over the array. The code has to be easy to check, not fast: tests/conformance and tests/sim
 * compare the other engines with this one. Knows nothing about files.
 *
 * An append is done under the lock, whoever calls: nothing ever waits, except completions for their
 * delivery. The thread of engine/notifier.h delivers them and calls the listeners.
 *
 * Invariants, while the lock is not held:
 *  1. Positions rise by FCT_MEMORY_POSITION_STEP, and |end| is the position of the next event.
 *  2. An append is in the array completely or not at all.
 *  3. |created_last| never falls.
 *  4. |backlog| holds the ops whose completion is not under way yet.
 */
#include "engine_memory/memory.h"

#include "core/check.h"
#include "core/error.h"
#include "core/sized.h"
#include "engine/deliver.h"
#include "engine/removal.h"
#include "engine_memory/memory_int.h"

static void memory_check(const struct memory *memory)
{
    FCT_ASSERT(memory->count <= memory->capacity);
    FCT_ASSERT(memory->key_count <= memory->key_capacity);
    if (memory->count > 0) {
        const factum_event *last = &memory->events[memory->count - 1]->event;
        FCT_ASSERT(last->position + FCT_MEMORY_POSITION_STEP == memory->end); /* invariant 1 */
        FCT_ASSERT(last->created <= memory->created_last);                    /* invariant 3 */
    }
}

/* ---- appending ------------------------------------------------------------------------------- */

/* With the lock held: runs |op| to its end. True: more events are visible. */
static bool run(struct memory *memory, factum_append_op *op)
{
    struct fct_removal removal;
    struct append append = {memory, op, fct_op_request(op)};
    if (op->action != FACTUM_ACTION_APPEND) {
        fct_removal_init(&removal, op);
        append.request = &removal.request;
    }
    uint64_t before = memory->end;
    memory_check(memory);
    op->status = fct_deadline_check(memory->os, fct_call_get(append.request->call).deadline,
                                    "append", &op->err);
    if (op->status == FACTUM_OK) {
        op->status = fct_memory_judge(&append);
    }
    if (op->status == FACTUM_OK && !op->result.already) {
        op->status = fct_memory_write(&append);
    }
    if (op->status == FACTUM_OK) {
        op->result.durability = FACTUM_DURABILITY_OS;
    }
    memory_check(memory);
    FCT_ASSERT(memory->end == before || op->status == FACTUM_OK); /* invariant 2 */
    return memory->end != before;
}

static void memory_append_here(void *self, factum_append_op *op)
{
    struct memory *memory = self;
    fct_mutex_lock(&memory->lock);
    bool more = run(memory, op);
    fct_mutex_unlock(&memory->lock);
    if (more) {
        fct_notifier_post(&memory->notifier, FACTUM_NEWS_END);
    }
}

/* ---- appending by completion ----------------------------------------------------------------- */

static factum_status memory_append(void *self, factum_append_op *op, factum_error *err)
{
    struct memory *memory = self;
    bool more = false;
    factum_status status = fct_notifier_start(&memory->notifier, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_mutex_lock(&memory->lock);
    status = fct_backlog_add(&memory->backlog, &memory->limits, op, &memory->completer, err);
    if (status == FACTUM_OK) {
        more = run(memory, op);
    }
    fct_mutex_unlock(&memory->lock);
    if (status != FACTUM_OK) {
        return status;
    }
    if (more) {
        fct_notifier_post(&memory->notifier, FACTUM_NEWS_END);
    }
    fct_notifier_complete(&memory->notifier, op);
    return FACTUM_OK;
}

/* The completer of all ops: takes them out of the backlog and delivers them to their own. */
static void deliver(void *data, factum_append_op *const *ops, size_t count)
{
    struct memory *memory = data;
    fct_mutex_lock(&memory->lock);
    bool room = fct_backlog_remove(&memory->backlog, ops, count);
    fct_mutex_unlock(&memory->lock);
    fct_deliver(ops, count);
    if (room) {
        fct_notifier_post(&memory->notifier, FACTUM_NEWS_ROOM);
    }
}

/* An op is done when memory_append returns: it is always too late. */
static void memory_cancel(void *self, factum_append_op *op)
{
    (void)self;
    (void)op;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static factum_status memory_listen(void *self, factum_listener *listener, factum_error *err)
{
    struct memory *memory = self;
    return fct_notifier_listen(&memory->notifier, listener, err);
}

static void memory_unlisten(void *self, factum_listener *listener)
{
    struct memory *memory = self;
    fct_notifier_unlisten(&memory->notifier, listener);
}

static factum_status memory_verify(void *self, const factum_progress *progress,
                                   factum_verify_report *report, factum_error *err)
{
    struct memory *memory = self;
    (void)progress;
    (void)err;
    fct_mutex_lock(&memory->lock);
    const factum_verify_report full = {.events = memory->count, .damaged_from = UINT64_MAX};
    fct_mutex_unlock(&memory->lock);
    if (report != NULL) {
        fct_sized_write(report, &full, sizeof full);
    }
    return FACTUM_OK;
}

static factum_status memory_close(void *self, factum_error *err)
{
    struct memory *memory = self;
    const struct fct_mem *mem = memory->mem;
    (void)err;
    fct_notifier_finish(&memory->notifier);
    FCT_ASSERT(memory->backlog.count == 0);
    fct_memory_take_back(memory, 0, 0);
    for (size_t i = 0; i < memory->key_count; i++) {
        fct_mem_free(mem, memory->keys[i]);
    }
    fct_mem_free(mem, (void *)memory->events);
    fct_mem_free(mem, (void *)memory->keys);
    fct_mutex_finish(&memory->lock);
    fct_mem_free(mem, memory);
    return FACTUM_OK;
}

static const struct fct_upkeep_ops memory_upkeep = {
    .size = sizeof(struct fct_upkeep_ops),
    .verify = memory_verify,
};

static const struct fct_engine_ops memory_ops = {
    .size = sizeof(struct fct_engine_ops),
    .capabilities = FACTUM_CAPABILITY_ATOMIC_ACROSS_STREAMS | FACTUM_CAPABILITY_CONDITIONS |
                    FACTUM_CAPABILITY_TOTAL_ORDER | FACTUM_CAPABILITY_VERIFY |
                    FACTUM_CAPABILITY_LIST,
    .append = memory_append,
    .append_here = memory_append_here,
    .cancel = memory_cancel,
    .read = fct_memory_read,
    .list = fct_memory_list,
    .ask = fct_memory_ask,
    .listen = memory_listen,
    .unlisten = memory_unlisten,
    .close = memory_close,
    .upkeep = &memory_upkeep,
};

factum_status fct_engine_memory_open(struct fct_engine *engine, const struct fct_mem *mem,
                                     const struct fct_os *os, const struct fct_limits *limits,
                                     factum_error *err)
{
    struct fct_limits complete = *limits;
    uint64_t seeds[2]; /* of ids, and the timeline */
    factum_status status = fct_limits_default(&complete, err);
    if (status == FACTUM_OK) {
        status = fct_os_random(os, seeds, sizeof seeds, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    struct memory *memory = fct_mem_zalloc(mem, 1, sizeof *memory);
    if (memory == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
    }
    memory->mem = mem;
    memory->os = os;
    memory->limits = complete;
    memory->completer = (factum_completer){memory, deliver};
    memory->end = FCT_MEMORY_POSITION_FIRST;
    memory->random.state = seeds[0];
    fct_mutex_init(&memory->lock);
    fct_notifier_init(&memory->notifier, mem, true);
    *engine = (struct fct_engine){
        .ops = &memory_ops,
        .self = memory,
        .mem = mem,
        .os = os,
        .limits = complete,
        .timelines = {.count = 1, .items = {{.id = seeds[1], .from = 0}}},
    };
    return fct_engine_ready(engine, err);
}
