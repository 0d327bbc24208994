/* remote_engine.c - see remote_engine.h: opening, appends, news, closing.
 *
 * An op goes from |queued| to a worker, which has the wrapped engine run it and waits, and from
 * there to |answered|, or to |lost|. The wire takes a few of |answered|, whichever, and gives them
 * to the thread of engine/notifier.h, which calls their completers. The wire also sees to
 * deadlines.
 *
 * Invariants, with the lock:
 *  1. An op that has not ended is in one list or counted in |handed_over|, or is with the notifier.
 *  2. |backlog| holds the ops whose completer is not being called yet.
 */
#include "core/check.h"
#include "core/error.h"
#include "engine/deliver.h"
#include "support/remote_int.h"

/* Indexes of an op's internal[]; [0] is the link of the lists. */
#define OP_CANCELLED                                                                               \
    FCT_BACKLOG_INTERNAL /* not NULL: its owner no longer waits for a lost answer */

#define GROUP_MAX 4u     /* answers that come at once */
#define DELAY_US 150u    /* largest delay, each way */
#define LOOK_NS 1000000u /* how often deadlines are checked */

/* ---- lists, chance, and waking --------------------------------------------------------------- */

void fct_remote_wake(struct remote *remote)
{
    atomic_fetch_add(&remote->word, 1);
    fct_word_wake(&remote->word, FCT_WAKE_ALL);
}

uint64_t fct_remote_below(struct remote *remote, uint64_t bound)
{
    return fct_random_below(&remote->random, bound);
}

void fct_remote_dawdle(struct remote *remote, uint64_t us)
{
    _Atomic uint32_t word = 0;
    fct_mutex_lock(&remote->lock);
    uint64_t ns = fct_remote_below(remote, us * 1000 + 1);
    fct_mutex_unlock(&remote->lock);
    (void)fct_word_wait(&word, 0, ns);
}

static void push(struct op_list *list, factum_append_op *op)
{
    op->internal[0] = list->first;
    list->first = op;
    list->count++;
}

static factum_append_op *take(struct op_list *list, size_t index)
{
    FCT_ASSERT(index < list->count);
    factum_append_op *before = NULL;
    factum_append_op *op = list->first;
    for (size_t i = 0; i < index; i++) {
        before = op;
        op = op->internal[0];
    }
    if (before == NULL) {
        list->first = op->internal[0];
    } else {
        before->internal[0] = op->internal[0];
    }
    list->count--;
    return op;
}

static factum_append_op *take_any(struct remote *remote, struct op_list *list)
{
    return take(list, (size_t)fct_remote_below(remote, list->count));
}

/* The index of |op| in the list; the list's count if it is not in it. */
static size_t find(const struct op_list *list, const factum_append_op *op)
{
    size_t i = 0;
    const factum_append_op *at = list->first;
    while (at != NULL && at != op) {
        at = at->internal[0];
        i++;
    }
    return i;
}

static factum_append_op *take_op(struct op_list *list, const factum_append_op *op)
{
    size_t index = find(list, op);
    return index < list->count ? take(list, index) : NULL;
}

static void end(struct remote *remote, factum_append_op *op, factum_status status, const char *text)
{
    op->status = fct_fail(&op->err, status, "%s", text);
    push(&remote->answered, op);
}

/* An op whose answer is lost, and whose owner no longer waits for it. */
static void end_cancelled(struct remote *remote, factum_append_op *op)
{
    if (take_op(&remote->lost, op) != NULL) {
        end(remote, op, FACTUM_UNKNOWN_OUTCOME,
            "append: cancelled before an answer came: the events may have been appended");
    }
}

/* ---- workers --------------------------------------------------------------------------------- */

static void wrapped_done(void *data, factum_append_op *const *ops, size_t count)
{
    _Atomic uint32_t *ended = data;
    (void)ops;
    (void)count;
    atomic_store(ended, 1);
    fct_word_wake(ended, 1);
}

/* Runs |op| on the wrapped engine, and waits. */
static void hand_over(struct remote *remote, factum_append_op *op)
{
    _Atomic uint32_t ended = 0;
    const factum_completer completer = {&ended, wrapped_done};
    factum_append_op wrapped = {
        .size = sizeof wrapped,
        .action = op->action,
        .request = fct_op_request(op),
        .revisions = op->revisions,
        .completer = &completer,
    };
    factum_status status = fct_engine_submit(remote->wrapped, &wrapped, &op->err);
    if (status == FACTUM_OK) {
        while (atomic_load(&ended) == 0) {
            (void)fct_word_wait(&ended, 0, UINT64_MAX);
        }
        status = wrapped.status;
        op->err = wrapped.err;
        op->result = wrapped.result;
    }
    op->status = status;
}

static void work_main(void *data)
{
    struct remote *remote = data;
    fct_mutex_lock(&remote->lock);
    for (;;) {
        uint32_t seen = atomic_load(&remote->word);
        if (remote->queued.count > 0 && !remote->held) {
            factum_append_op *op = take_any(remote, &remote->queued);
            remote->handed_over++;
            fct_mutex_unlock(&remote->lock);
            fct_remote_dawdle(remote, DELAY_US);
            hand_over(remote, op); /* the wrapped engine checks the deadline */
            fct_mutex_lock(&remote->lock);
            bool lost = remote->lose > 0 && op->status == FACTUM_OK;
            remote->lose -= lost ? 1 : 0;
            push(lost ? &remote->lost : &remote->answered, op);
            if (lost && op->internal[OP_CANCELLED] != NULL) {
                end_cancelled(remote, op);
            }
            remote->handed_over--;
            fct_remote_wake(remote);
        } else if (remote->stop) {
            break;
        } else {
            fct_mutex_unlock(&remote->lock);
            (void)fct_word_wait(&remote->word, seen, UINT64_MAX);
            fct_mutex_lock(&remote->lock);
        }
    }
    fct_mutex_unlock(&remote->lock);
}

/* ---- the wire -------------------------------------------------------------------------------- */

/* Ends the ops of |list| whose deadline has passed, or all. */
static void end_late(struct remote *remote, struct op_list *list, bool all, factum_status status,
                     const char *text)
{
    struct op_list kept = {.first = NULL};
    uint64_t now = fct_os_monotonic(remote->os);
    while (list->count > 0) {
        factum_append_op *op = take(list, 0);
        uint64_t deadline = fct_call_get(fct_op_request(op)->call).deadline;
        if (all || (deadline != 0 && deadline <= now)) {
            end(remote, op, status, text);
        } else {
            push(&kept, op);
        }
    }
    *list = kept;
}

static void see_to_deadlines(struct remote *remote)
{
    end_late(remote, &remote->queued, false, FACTUM_EXPIRED, "append: the deadline has passed");
    end_late(remote, &remote->lost, remote->stop, FACTUM_UNKNOWN_OUTCOME,
             "append: no answer came: the events may have been appended");
}

/* Gives a few of the answered ops to the notifier. Releases the lock meanwhile. */
static void deliver_some(struct remote *remote)
{
    factum_append_op *ops[GROUP_MAX];
    size_t count = 0;
    size_t most = 1 + (size_t)fct_remote_below(remote, GROUP_MAX);
    while (count < most && remote->answered.count > 0) {
        ops[count++] = take_any(remote, &remote->answered);
    }
    fct_mutex_unlock(&remote->lock);
    fct_remote_dawdle(remote, DELAY_US);
    for (size_t i = 0; i < count; i++) {
        fct_notifier_complete(&remote->notifier, ops[i]);
    }
    fct_mutex_lock(&remote->lock);
}

static void wire_main(void *data)
{
    struct remote *remote = data;
    fct_mutex_lock(&remote->lock);
    for (;;) {
        uint32_t seen = atomic_load(&remote->word);
        see_to_deadlines(remote);
        bool under_way = remote->queued.count > 0 || remote->handed_over > 0;
        bool late = remote->queued.count > 0 || remote->lost.count > 0;
        if (remote->answered.count > 0) {
            deliver_some(remote);
        } else if (remote->stop && !under_way) {
            break;
        } else {
            fct_mutex_unlock(&remote->lock);
            (void)fct_word_wait(&remote->word, seen, late ? LOOK_NS : UINT64_MAX);
            fct_mutex_lock(&remote->lock);
        }
    }
    FCT_ASSERT(remote->lost.count == 0);
    fct_mutex_unlock(&remote->lock);
}

/* The completer of all ops: they leave the queue, and go on to their own completer. */
static void deliver(void *data, factum_append_op *const *ops, size_t count)
{
    struct remote *remote = data;
    fct_mutex_lock(&remote->lock);
    bool room = fct_backlog_remove(&remote->backlog, ops, count);
    fct_mutex_unlock(&remote->lock);
    fct_deliver(ops, count);
    if (room) {
        fct_notifier_post(&remote->notifier, FACTUM_NEWS_ROOM);
    }
}

/* ---- appends --------------------------------------------------------------------------------- */

static factum_status remote_append(void *self, factum_append_op *op, factum_error *err)
{
    struct remote *remote = self;
    factum_status status = fct_notifier_start(&remote->notifier, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_mutex_lock(&remote->lock);
    status = remote->stop
                 ? fct_fail(err, FACTUM_FAILED, "append: the engine is being closed")
                 : fct_backlog_add(&remote->backlog, &remote->limits, op, &remote->completer, err);
    if (status == FACTUM_OK) {
        op->internal[OP_CANCELLED] = NULL;
        push(&remote->queued, op);
    }
    fct_mutex_unlock(&remote->lock);
    fct_remote_wake(remote);
    return status;
}

static void remote_cancel(void *self, factum_append_op *op)
{
    struct remote *remote = self;
    fct_mutex_lock(&remote->lock);
    if (take_op(&remote->queued, op) != NULL) {
        end(remote, op, FACTUM_CANCELLED, "append: cancelled before it was sent");
    } else {
        op->internal[OP_CANCELLED] = remote;
        end_cancelled(remote, op);
    }
    fct_mutex_unlock(&remote->lock);
    fct_remote_wake(remote);
}

/* ---- news and upkeep ------------------------------------------------------------------------- */

static void pass_on(void *data, uint32_t news)
{
    struct remote *remote = data;
    fct_notifier_post(&remote->notifier,
                      news & ~(uint32_t)FACTUM_NEWS_ROOM); /* the room here is the remote's own */
}

static factum_status remote_listen(void *self, factum_listener *listener, factum_error *err)
{
    struct remote *remote = self;
    return fct_notifier_listen(&remote->notifier, listener, err);
}

static void remote_unlisten(void *self, factum_listener *listener)
{
    struct remote *remote = self;
    fct_notifier_unlisten(&remote->notifier, listener);
}

static factum_status remote_verify(void *self, const factum_progress *progress,
                                   factum_verify_report *report, factum_error *err)
{
    const struct fct_engine *wrapped = ((struct remote *)self)->wrapped;
    return wrapped->ops->upkeep->verify(wrapped->self, progress, report, err);
}

static factum_status remote_backup(void *self, const char *to, const factum_progress *progress,
                                   factum_backup_report *report, factum_error *err)
{
    const struct fct_engine *wrapped = ((struct remote *)self)->wrapped;
    return wrapped->ops->upkeep->backup(wrapped->self, to, progress, report, err);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static factum_status remote_close(void *self, factum_error *err)
{
    struct remote *remote = self;
    (void)err;
    fct_mutex_lock(&remote->lock);
    remote->stop = true;
    remote->held = false;
    fct_mutex_unlock(&remote->lock);
    fct_remote_wake(remote);
    for (size_t i = 0; i < FCT_REMOTE_WORKERS; i++) {
        fct_thread_join(&remote->workers[i]);
    }
    for (size_t i = 0; i < FCT_REMOTE_FETCHERS; i++) {
        fct_thread_join(&remote->fetchers[i]);
    }
    fct_thread_join(&remote->wire);
    fct_engine_unlisten(remote->wrapped, &remote->listener);
    fct_notifier_finish(&remote->notifier);
    FCT_ASSERT(remote->backlog.count == 0);
    FCT_ASSERT(remote->jobs == NULL);
    fct_mutex_finish(&remote->lock);
    fct_mem_free(remote->mem, remote);
    return FACTUM_OK;
}

static void set_ops(struct remote *remote)
{
    const struct fct_engine_ops *wrapped = remote->wrapped->ops;
    const struct fct_upkeep_ops *upkeep = wrapped->upkeep;
    remote->ops = (struct fct_engine_ops){
        .size = sizeof remote->ops,
        .capabilities = wrapped->capabilities,
        .append = remote_append,
        .cancel = remote_cancel,
        .read = fct_remote_read,
        .list = fct_remote_list,
        .ask = fct_remote_ask,
        .listen = remote_listen,
        .unlisten = remote_unlisten,
        .close = remote_close,
        .upkeep = upkeep == NULL ? NULL : &remote->upkeep,
    };
    remote->upkeep = (struct fct_upkeep_ops){
        .size = sizeof remote->upkeep,
        .verify = upkeep == NULL || upkeep->verify == NULL ? NULL : remote_verify,
        .backup = upkeep == NULL || upkeep->backup == NULL ? NULL : remote_backup,
    };
}

static factum_status start_threads(struct remote *remote, factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < FCT_REMOTE_WORKERS && status == FACTUM_OK; i++) {
        status = fct_thread_start(&remote->workers[i], "remote-append", work_main, remote, err);
    }
    for (size_t i = 0; i < FCT_REMOTE_FETCHERS && status == FACTUM_OK; i++) {
        status = fct_thread_start(&remote->fetchers[i], "remote-read", fct_remote_fetch_main,
                                  remote, err);
    }
    return status == FACTUM_OK
               ? fct_thread_start(&remote->wire, "remote-wire", wire_main, remote, err)
               : status;
}

factum_status fct_remote_engine_open(struct fct_engine *engine,
                                     const struct fct_remote_options *options, factum_error *err)
{
    factum_error ignored;
    const struct fct_mem *mem = options->wrapped->mem;
    struct fct_limits limits = options->limits;
    factum_status status = fct_limits_default(&limits, err);
    struct remote *remote = status == FACTUM_OK ? fct_mem_zalloc(mem, 1, sizeof *remote) : NULL;
    if (remote == NULL) {
        return status == FACTUM_OK ? fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory")
                                   : status;
    }
    remote->mem = mem;
    remote->os = options->wrapped->os;
    remote->wrapped = options->wrapped;
    remote->limits = limits;
    remote->random.state = options->seed;
    remote->completer = (factum_completer){remote, deliver};
    remote->listener =
        (factum_listener){.size = sizeof remote->listener, .data = remote, .notify = pass_on};
    set_ops(remote);
    fct_mutex_init(&remote->lock);
    fct_notifier_init(&remote->notifier, mem, true);
    status = fct_engine_listen(remote->wrapped, &remote->listener, err);
    if (status == FACTUM_OK) {
        status = start_threads(remote, err);
    }
    if (status != FACTUM_OK) {
        (void)remote_close(remote, &ignored);
        return status;
    }
    *engine = (struct fct_engine){
        .ops = &remote->ops,
        .self = remote,
        .mem = mem,
        .os = remote->os,
        .limits = limits,
        .timelines = remote->wrapped->timelines,
    };
    return fct_engine_ready(engine, err);
}

/* ---- for tests ------------------------------------------------------------------------------- */

void fct_remote_lose(struct fct_engine *engine, uint32_t count)
{
    struct remote *remote = engine->self;
    fct_mutex_lock(&remote->lock);
    remote->lose = count;
    fct_mutex_unlock(&remote->lock);
}

void fct_remote_hold(struct fct_engine *engine, bool held)
{
    struct remote *remote = engine->self;
    fct_mutex_lock(&remote->lock);
    remote->held = held;
    fct_mutex_unlock(&remote->lock);
    fct_remote_wake(remote);
}
