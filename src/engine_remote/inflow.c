/* inflow.c - a call with a stream of answers, which the loop receives and another thread reads.
 * Layer: engine_remote.
 *
 *     reading thread                 lock                        loop's thread
 *     start: request  ------->  inflows_in, wanted  ------->  waits for a connection, then calls
 *     next   <----------------  first ... last  <-----------  messages, copied
 *            ---- drained ---------------------------------->  releases bytes of the window
 *     ready  ----------------------------------------------->  called when something is there
 *
 * The waiting bytes are bounded by FCT_DISTANT_WINDOW, as much again in the call's window, and one
 * message.
 *
 * Invariants (inflow_check).
 *  1. |running| is true from start until the loop has set |status|: only then the loop uses
 *     |message|.
 *  2. The loop alone calls |ready|, without the lock, while |calling|.
 *  3. After |closing| the reading thread no longer uses the inflow.
 *  4. Under the lock: |queued| is the sum of the bytes of the batches from |first| on; 0 without
 *     them.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine/deliver.h"
#include "engine_remote/remote_int.h"

struct inflow_batch {
    struct inflow_batch *next;
    size_t size;
    uint8_t bytes[];
};

static struct inflow *inflow_of(struct distant_call *call)
{
    return FCT_CONTAINER_OF(call, struct inflow, call);
}

/* Needs the lock. */
static void inflow_check(const struct inflow *inflow)
{
    bool is_empty = inflow->last == NULL || inflow->last == &inflow->first;
    FCT_ASSERT((inflow->first == NULL) == is_empty);
    FCT_ASSERT(inflow->first != NULL || inflow->queued == 0);
    FCT_ASSERT(!inflow->wanted || inflow->running);
    FCT_ASSERT(!inflow->abandoned || inflow->running);
}

/* Needs the lock. */
static void inflow_list(struct inflow *inflow)
{
    struct distant *distant = inflow->distant;
    if (!inflow->listed) {
        inflow->listed = true;
        inflow->next = NULL;
        *distant->inflows_last = inflow;
        distant->inflows_last = &inflow->next;
    }
}

/* ---- the reading thread ---------------------------------------------------------------------- */

void fct_inflow_start(struct inflow *inflow)
{
    struct distant *distant = inflow->distant;
    fct_mutex_lock(&distant->lock);
    inflow_check(inflow);
    FCT_ASSERT(!inflow->running);
    FCT_ASSERT(!inflow->closing);
    if (inflow->last == NULL) {
        inflow->last = &inflow->first;
    }
    inflow->wanted = true;
    inflow->running = true;
    inflow->lost = false;
    inflow->status = FACTUM_OK;
    inflow_list(inflow);
    fct_mutex_unlock(&distant->lock);
    fct_distant_post(distant);
}

/* Needs the lock. */
static void inflow_drop(struct inflow *inflow)
{
    while (inflow->first != NULL) {
        struct inflow_batch *batch = inflow->first;
        inflow->first = batch->next;
        fct_mem_free(inflow->distant->mem, batch);
    }
    inflow->last = &inflow->first;
    inflow->queued = 0;
}

void fct_inflow_abandon(struct inflow *inflow)
{
    struct distant *distant = inflow->distant;
    fct_mutex_lock(&distant->lock);
    inflow_drop(inflow);
    inflow->abandoned = inflow->running;
    inflow_list(inflow);
    fct_mutex_unlock(&distant->lock);
    fct_distant_post(distant);
}

/* Needs the lock. Returns the next batch, or NULL. */
static struct inflow_batch *inflow_pop(struct inflow *inflow, bool *post)
{
    struct inflow_batch *batch = inflow->first;
    if (batch != NULL) {
        bool was_full = inflow->queued >= FCT_DISTANT_WINDOW;
        inflow->first = batch->next;
        if (inflow->first == NULL) {
            inflow->last = &inflow->first;
        }
        FCT_ASSERT(inflow->queued >= batch->size);
        inflow->queued -= batch->size;
        *post = was_full && inflow->queued < FCT_DISTANT_WINDOW && inflow->running;
        if (*post) {
            inflow->drained = true;
            inflow_list(inflow);
        }
    }
    return batch;
}

factum_status fct_inflow_next(struct inflow *inflow, factum_slice *message, bool *lost,
                              factum_error *err)
{
    struct distant *distant = inflow->distant;
    factum_status status = FACTUM_OK;
    bool post = false;
    *lost = false;
    fct_mem_free(distant->mem, inflow->current);
    fct_mutex_lock(&distant->lock);
    inflow_check(inflow);
    inflow->current = inflow_pop(inflow, &post);
    if (inflow->current == NULL && inflow->running) {
        status = FACTUM_PENDING;
    } else if (inflow->current == NULL) {
        *lost = inflow->lost;
        status = inflow->status == FACTUM_OK ? FACTUM_DONE : inflow->status;
        if (status < 0) {
            *err = inflow->err;
        }
    }
    fct_mutex_unlock(&distant->lock);
    if (post) {
        fct_distant_post(distant);
    }
    if (inflow->current != NULL) {
        *message = fct_slice(inflow->current->bytes, inflow->current->size);
    }
    return status;
}

void fct_inflow_ready(struct inflow *inflow, const factum_ready *ready)
{
    struct distant *distant = inflow->distant;
    fct_mutex_lock(&distant->lock);
    inflow->ready = *ready;
    inflow_list(inflow); /* there may be something to read already */
    fct_mutex_unlock(&distant->lock);
    fct_distant_post(distant);
}

void fct_inflow_close(struct inflow *inflow)
{
    struct distant *distant = inflow->distant;
    fct_mem_free(distant->mem, inflow->current);
    inflow->current = NULL;
    fct_mutex_lock(&distant->lock);
    inflow->ready.ready = NULL;
    while (inflow->calling && !fct_thread_is_current(&distant->thread)) {
        uint32_t seen = atomic_load(&distant->word);
        fct_mutex_unlock(&distant->lock);
        (void)fct_word_wait(&distant->word, seen, UINT64_MAX);
        fct_mutex_lock(&distant->lock);
    }
    inflow->closing = true;
    inflow_list(inflow);
    fct_mutex_unlock(&distant->lock);
    fct_distant_post(distant);
}

static void inflow_set(void *data)
{
    _Atomic uint32_t *word = data;
    atomic_store(word, 1);
    fct_word_wake(word, 1);
}

void fct_inflow_await(struct inflow *inflow)
{
    _Atomic uint32_t word = 0;
    const factum_ready ready = {&word, inflow_set};
    fct_inflow_ready(inflow, &ready);
    while (atomic_load(&word) == 0) {
        (void)fct_word_wait(&word, 0, UINT64_MAX);
    }
}

void fct_inflow_await_for(struct inflow *inflow, uint64_t ns)
{
    const factum_ready ready = {&inflow->woken, inflow_set};
    atomic_store(&inflow->woken, 0); /* an earlier call may have set it: then this wait is short */
    fct_inflow_ready(inflow, &ready);
    (void)fct_word_wait(&inflow->woken, 0, ns);
}

/* ---- the loop's thread ----------------------------------------------------------------------- */

/* Calls |ready| if it is set and there is something to read. */
static void inflow_notify(struct inflow *inflow)
{
    struct distant *distant = inflow->distant;
    factum_ready ready = {NULL, NULL};
    fct_mutex_lock(&distant->lock);
    if (inflow->ready.ready != NULL && (inflow->first != NULL || !inflow->running)) {
        ready = inflow->ready;
        inflow->ready.ready = NULL;
        inflow->calling = true;
    }
    fct_mutex_unlock(&distant->lock);
    if (ready.ready == NULL) {
        return;
    }
    fct_callback_enter();
    ready.ready(ready.data);
    fct_callback_leave();
    fct_mutex_lock(&distant->lock);
    inflow->calling = false;
    atomic_fetch_add(&distant->word, 1);
    fct_word_wake(&distant->word, FCT_WAKE_ALL);
    fct_mutex_unlock(&distant->lock);
}

static void inflow_finish(struct inflow *inflow, factum_status status, const factum_error *err,
                          bool lost)
{
    struct distant *distant = inflow->distant;
    fct_distant_ring_remove(&inflow->active);
    fct_mutex_lock(&distant->lock);
    inflow_check(inflow);
    if (inflow->abandoned) {
        inflow_drop(inflow);
    }
    inflow->running = false;
    inflow->wanted = false;
    inflow->abandoned = false;
    inflow->lost = lost;
    inflow->status = status;
    if (status < 0) {
        inflow->err = *err;
    }
    fct_mutex_unlock(&distant->lock);
    inflow_notify(inflow);
}

static void inflow_free(struct inflow *inflow)
{
    fct_distant_ring_remove(&inflow->active);
    inflow_drop(inflow);
    fct_buf_finish(&inflow->message);
    inflow->free(inflow);
}

static bool inflow_is_closing(struct inflow *inflow)
{
    fct_mutex_lock(&inflow->distant->lock);
    /* A listed one is freed when it is taken from the list. */
    bool closing = inflow->closing && !inflow->listed;
    fct_mutex_unlock(&inflow->distant->lock);
    return closing;
}

static void inflow_message(struct distant_call *call, factum_slice message)
{
    struct inflow *inflow = inflow_of(call);
    struct distant *distant = inflow->distant;
    struct inflow_batch *batch = fct_mem_alloc(distant->mem, sizeof *batch + message.len);
    inflow->got_message = true;
    if (batch == NULL) {
        inflow->given_up =
            fct_fail(&inflow->given_up_err, FACTUM_NO_MEMORY, "%s: out of memory", inflow->what);
        fct_distant_call_stop(call);
        return;
    }
    batch->next = NULL;
    batch->size = message.len;
    if (message.len > 0) {
        memcpy(batch->bytes, message.ptr, message.len);
    }
    fct_mutex_lock(&distant->lock);
    *inflow->last = batch;
    inflow->last = &batch->next;
    inflow->queued += batch->size;
    fct_mutex_unlock(&distant->lock);
    inflow_notify(inflow);
}

static bool inflow_holds(struct distant_call *call)
{
    struct inflow *inflow = inflow_of(call);
    fct_mutex_lock(&inflow->distant->lock);
    bool full = inflow->queued >= FCT_DISTANT_WINDOW;
    fct_mutex_unlock(&inflow->distant->lock);
    return full;
}

static void inflow_ended(struct distant_call *call, enum distant_end end)
{
    struct inflow *inflow = inflow_of(call);
    struct distant *distant = inflow->distant;
    FCT_ASSERT(distant->inflow_calls > 0);
    distant->inflow_calls--;
    if (inflow_is_closing(inflow)) {
        inflow_free(inflow);
    } else if (inflow->given_up != FACTUM_OK) {
        inflow_finish(inflow, inflow->given_up, &inflow->given_up_err, false);
    } else if (end == DISTANT_ANSWERED) {
        inflow_finish(inflow, call->status, &call->err, false);
    } else if (inflow->got_message) { /* or it was parked */
        factum_error err;
        inflow_finish(inflow, fct_distant_unreachable(distant, inflow->what, &err), &err, true);
    } else if (inflow->once && end != DISTANT_UNTOUCHED) {
        factum_error err;
        inflow_finish(inflow,
                      fct_fail(&err, FACTUM_UNKNOWN_OUTCOME,
                               "%s: it was sent, and the connection was lost before its answer",
                               inflow->what),
                      &err, true);
    } else { /* starts the same request again */
        inflow->limit = fct_distant_limit_from_now(distant);
        fct_distant_limit(distant);
    }
    fct_inflows_start(distant);
}

static const struct distant_call_ops inflow_ops = {
    .message = inflow_message, .ended = inflow_ended, .holds = inflow_holds};

/* Returns false if no call can be started now. */
static bool inflow_call(struct inflow *inflow)
{
    struct distant *distant = inflow->distant;
    uint64_t left = inflow->deadline == 0 ? 0 : fct_distant_ms_left(distant, inflow->deadline);
    if (inflow->deadline != 0 && left == 0) {
        return true; /* the limiter ends it */
    }
    inflow->call.distant = distant;
    inflow->call.ops = &inflow_ops;
    inflow->call.plain = inflow->plain;
    inflow->got_message = false;
    inflow->given_up = FACTUM_OK;
    factum_status status = fct_distant_call_start(&inflow->call, inflow->path, left,
                                                  fct_buf_slice(&inflow->message), true);
    if (status == FACTUM_OK) {
        distant->inflow_calls++;
    } else if (status == FACTUM_NO_MEMORY) {
        factum_error err;
        inflow_finish(inflow, fct_fail(&err, status, "%s: out of memory", inflow->what), &err,
                      false);
    }
    return status != FACTUM_UNREACHABLE;
}

/* A call waits for its turn: stops the call of an inflow whose reader does not read, if one exists,
 * as if its connection were lost. That inflow requests the rest when it is read again. */
static void inflow_park_one(struct distant *distant)
{
    struct distant_link *link = distant->inflows.next;
    while (link != &distant->inflows) {
        struct inflow *inflow = FCT_CONTAINER_OF(link, struct inflow, active);
        link = link->next;
        bool can_go_on = inflow->plain == NULL; /* it requests the rest, which HTTP cannot */
        if (can_go_on && inflow->call.h2 != NULL && !inflow->call.stopped &&
            inflow_holds(&inflow->call)) {
            fct_distant_call_stop(&inflow->call);
            return;
        }
    }
}

void fct_inflows_start(struct distant *distant)
{
    struct distant_link *link = distant->inflows.next;
    while (distant->state == DISTANT_UP && link != &distant->inflows) {
        struct inflow *inflow = FCT_CONTAINER_OF(link, struct inflow, active);
        link = link->next;
        if (inflow->call.h2 != NULL) {
            continue;
        }
        if (distant->inflow_calls >= FCT_DISTANT_INFLOWS_MAX) {
            inflow_park_one(distant);
            return;
        }
        if (!inflow_call(inflow)) {
            return;
        }
    }
}

static void inflow_give_up(struct inflow *inflow, factum_status status, const factum_error *err)
{
    if (inflow->call.h2 == NULL) {
        inflow_finish(inflow, status, err, false);
    } else if (!inflow->call.stopped) {
        inflow->given_up = status;
        inflow->given_up_err = *err;
        fct_distant_call_stop(&inflow->call);
    }
}

/* What the reading thread has requested. */
struct inflow_wishes {
    bool wanted;
    bool drained;
    bool abandoned;
    bool closing;
};

/* Starts the inflow. */
static void inflow_begin(struct inflow *inflow)
{
    struct distant *distant = inflow->distant;
    fct_distant_ring_add(&distant->inflows, &inflow->active);
    inflow->limit = fct_distant_limit_from_now(distant);
    fct_distant_limit(distant);
    if (distant->replaced) {
        inflow_finish(inflow, FACTUM_WRONG_TIMELINE, &distant->other_store, false);
    } else if (distant->state == DISTANT_UP && distant->inflow_calls < FCT_DISTANT_INFLOWS_MAX) {
        (void)inflow_call(inflow);
    }
}

static void inflow_take(struct inflow *inflow, const struct inflow_wishes *wishes)
{
    if (wishes->closing) {
        if (inflow->call.h2 != NULL) {
            fct_distant_call_stop(&inflow->call); /* freed when the call has ended */
        } else {
            inflow_free(inflow);
        }
        return;
    }
    if (wishes->wanted) {
        inflow_begin(inflow);
    }
    if (wishes->abandoned) {
        factum_error err;
        (void)fct_fail(&err, FACTUM_CANCELLED, "%s: cancelled", inflow->what);
        inflow_give_up(inflow, FACTUM_CANCELLED, &err);
    }
    if (wishes->drained) {
        fct_distant_call_release(&inflow->call);
    }
    inflow_notify(inflow);
}

void fct_inflows_take(struct distant *distant)
{
    for (;;) {
        fct_mutex_lock(&distant->lock);
        struct inflow *inflow = distant->inflows_in;
        if (inflow == NULL) {
            fct_mutex_unlock(&distant->lock);
            return;
        }
        distant->inflows_in = inflow->next;
        if (distant->inflows_in == NULL) {
            distant->inflows_last = &distant->inflows_in;
        }
        inflow->listed = false;
        const struct inflow_wishes wishes = {
            .wanted = inflow->wanted,
            .drained = inflow->drained,
            .abandoned = inflow->abandoned,
            .closing = inflow->closing,
        };
        inflow->wanted = false;
        inflow->drained = false;
        fct_mutex_unlock(&distant->lock);
        inflow_take(inflow, &wishes);
    }
}

void fct_inflows_limit(struct distant *distant, uint64_t now)
{
    bool up = distant->state == DISTANT_UP;
    struct distant_link *link = distant->inflows.next;
    while (link != &distant->inflows) {
        struct inflow *inflow = FCT_CONTAINER_OF(link, struct inflow, active);
        factum_error err;
        link = link->next;
        bool under_way = inflow->call.h2 != NULL;
        bool is_late = inflow->deadline != 0 && now >= inflow->deadline;
        if (up && inflow->deadline == 0) {
            inflow->limit = 0;
        }
        bool has_waited = !under_way && inflow->limit != 0 && now >= inflow->limit;
        if (is_late && (up || under_way)) {
            (void)fct_fail(&err, FACTUM_EXPIRED, "%s: the deadline has passed", inflow->what);
            inflow_give_up(inflow, FACTUM_EXPIRED, &err);
        } else if (is_late || has_waited) {
            inflow_give_up(inflow, fct_distant_unreachable(distant, inflow->what, &err), &err);
        }
    }
    fct_inflows_start(distant);
}

void fct_inflows_fail(struct distant *distant, factum_status status, const factum_error *err)
{
    struct distant_link *link = distant->inflows.next;
    while (link != &distant->inflows) {
        struct inflow *inflow = FCT_CONTAINER_OF(link, struct inflow, active);
        link = link->next;
        inflow_give_up(inflow, status, err);
    }
}
