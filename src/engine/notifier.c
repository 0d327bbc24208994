/* notifier.c - see notifier.h. Layer: engine.
 *
 * Happy path: fct_notifier_post sets bits and wakes the thread; the thread takes the bits and calls
 * every listener, which is a round. The lock is not held during a call: other threads may begin to
 * listen, and a listener may take the locks under which its owner listens. |running| is the
 * listener whose call is under way, so that fct_notifier_unlisten can wait for its return. During a
 * round slots are only emptied; they are closed up after it.
 *
 * Invariants (notifier_check, with the lock held):
 *  1. There are |count| slots; an empty one exists only during a round.
 *  2. A listener that listens is in exactly one slot, whose number it has, or is |direct|.
 *  3. Bits that are posted after a listener began to listen reach it.
 *  4. One thread at a time calls listeners.
 */
#include "engine/notifier.h"

#include "core/check.h"
#include "core/error.h"
#include "engine/deliver.h"

#define SLOTS_FIRST 16u

/* Parts of a listener's |internal|. */
#define NOTIFIER 0 /* where it listens, or NULL */
#define SLOT 1     /* its number */
#define DIRECT 3   /* FCT_LISTENER_DIRECT or NULL */

/* The rounds that this thread is in: so a call from inside a listener is recognised. */
struct round {
    const struct fct_notifier *notifier;
    const struct round *outer;
};
static _Thread_local const struct round *rounds_here;

static bool is_inside(const struct fct_notifier *notifier)
{
    for (const struct round *round = rounds_here; round != NULL; round = round->outer) {
        if (round->notifier == notifier) {
            return true;
        }
    }
    return false;
}

/* With the lock held. */
static void notifier_check(const struct fct_notifier *notifier)
{
    uint32_t listening = atomic_load_explicit(&notifier->listening, memory_order_relaxed);
    FCT_ASSERT(notifier->count <= notifier->capacity);
    FCT_ASSERT(notifier->count <= FACTUM_LISTENERS_MAX);
    FCT_ASSERT(listening <= notifier->count);
    FCT_ASSERT(listening == notifier->count || notifier->emptied); /* invariant 2 */
    FCT_ASSERT(!notifier->emptied || notifier->calling);           /* invariant 1 */
    FCT_ASSERT(notifier->running == NULL || notifier->calling);
}

void fct_notifier_init(struct fct_notifier *notifier, const struct fct_mem *mem, bool threads)
{
    *notifier = (struct fct_notifier){.mem = mem, .threads = threads};
    notifier->ended_last = &notifier->ended;
    fct_mutex_init(&notifier->lock);
    fct_mutex_init(&notifier->ops_lock);
}

/* ---- slots (with the lock held) -------------------------------------------------------------- */

static size_t slot_of(const factum_listener *listener)
{
    return (size_t)(uintptr_t)listener->internal[SLOT];
}

static void put(struct fct_notifier *notifier, size_t slot, factum_listener *listener)
{
    FCT_ASSERT(slot < notifier->capacity);
    notifier->listeners[slot] = listener;
    listener->internal[SLOT] = (void *)(uintptr_t)slot;
}

static bool is_listening(const struct fct_notifier *notifier, const factum_listener *listener)
{
    return listener->internal[NOTIFIER] == notifier && slot_of(listener) < notifier->count &&
           notifier->listeners[slot_of(listener)] == listener;
}

static void take_out(struct fct_notifier *notifier, factum_listener *listener)
{
    size_t slot = slot_of(listener);
    FCT_ASSERT(is_listening(notifier, listener));
    listener->internal[NOTIFIER] = NULL;
    if (notifier->calling) {
        notifier->listeners[slot] = NULL;
        notifier->emptied = true;
    } else {
        factum_listener *last = notifier->listeners[--notifier->count];
        if (last != listener) {
            put(notifier, slot, last);
        }
    }
    (void)atomic_fetch_sub(&notifier->listening, 1);
    notifier_check(notifier);
}

/* After a round: removes the slots that it emptied. */
static void close_up(struct fct_notifier *notifier)
{
    size_t kept = 0;
    for (size_t i = 0; i < notifier->count && notifier->emptied; i++) {
        if (notifier->listeners[i] != NULL) {
            put(notifier, kept++, notifier->listeners[i]);
        }
    }
    notifier->count = notifier->emptied ? kept : notifier->count;
    notifier->emptied = false;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* With the lock held, which is released during the call. */
static void call_listener(struct fct_notifier *notifier, factum_listener *listener, uint32_t bits)
{
    FCT_ASSERT(notifier->running == NULL); /* invariant 4 */
    notifier->running = listener;
    fct_mutex_unlock(&notifier->lock);
    listener->notify(listener->data, bits); /* it may have freed the listener */
    fct_mutex_lock(&notifier->lock);
    notifier->running = NULL;
    (void)atomic_fetch_add(&notifier->returns, 1);
    if (notifier->leaving > 0) {
        fct_word_wake(&notifier->returns, FCT_WAKE_ALL);
    }
}

/* With the lock held. */
static void call_all(struct fct_notifier *notifier, uint32_t bits)
{
    const struct round round = {notifier, rounds_here};
    FCT_ASSERT(!notifier->calling); /* invariant 4 */
    notifier_check(notifier);
    notifier->calling = true;
    rounds_here = &round;
    fct_callback_enter();
    size_t count = notifier->count; /* listeners that are added now are called in the next round */
    for (size_t i = 0; i < count; i++) {
        if (notifier->listeners[i] != NULL) {
            call_listener(notifier, notifier->listeners[i], bits);
        }
    }
    fct_callback_leave();
    rounds_here = round.outer;
    close_up(notifier);
    notifier->calling = false;
    notifier_check(notifier);
}

/* Calls every listener with the bits that were posted. False: no bit is set, or another thread is
 * calling listeners; that one takes them. */
static bool call_listeners(struct fct_notifier *notifier)
{
    bool called = false;
    uint32_t bits;
    fct_mutex_lock(&notifier->lock);
    while (!notifier->calling && (bits = atomic_exchange(&notifier->posted, 0)) != 0) {
        call_all(notifier, bits);
        called = true;
    }
    fct_mutex_unlock(&notifier->lock);
    return called;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static factum_status make_room(struct fct_notifier *notifier, factum_error *err)
{
    /* Slots that a round has emptied count until its end. Otherwise they would grow without bound
     * while a listener does not return. */
    if (notifier->count >= FACTUM_LISTENERS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "listen: %zu listeners, which is the limit (%d)",
                        notifier->count, FACTUM_LISTENERS_MAX);
    }
    if (notifier->count < notifier->capacity) {
        return FACTUM_OK;
    }
    size_t capacity = notifier->capacity == 0 ? SLOTS_FIRST : notifier->capacity * 2;
    factum_listener **grown =
        fct_mem_resize(notifier->mem, (void *)notifier->listeners, capacity * sizeof *grown);
    if (grown == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "listen: out of memory");
    }
    notifier->listeners = grown;
    notifier->capacity = capacity;
    return FACTUM_OK;
}

static void add(struct fct_notifier *notifier, factum_listener *listener)
{
    listener->internal[NOTIFIER] = notifier;
    put(notifier, notifier->count++, listener);
    if (atomic_fetch_add(&notifier->listening, 1) == 0) {
        /* Bits from before the first listener are dropped. A thread that posts after this sees the
         * listener. */
        (void)atomic_exchange(&notifier->posted, 0);
    }
}

factum_status fct_notifier_listen(struct fct_notifier *notifier, factum_listener *listener,
                                  factum_error *err)
{
    if (listener->internal[DIRECT] != NULL) {
        FCT_ASSERT(atomic_load(&notifier->direct) == NULL);
        atomic_store(&notifier->direct, listener);
        return FACTUM_OK;
    }
    factum_status status = notifier->threads ? fct_notifier_start(notifier, err) : FACTUM_OK;
    if (status != FACTUM_OK) {
        return status;
    }
    fct_mutex_lock(&notifier->lock);
    status = is_listening(notifier, listener)
                 ? fct_fail(err, FACTUM_INVALID, "listen: this listener listens already")
                 : make_room(notifier, err);
    if (status == FACTUM_OK) {
        add(notifier, listener);
    }
    notifier_check(notifier);
    fct_mutex_unlock(&notifier->lock);
    return status;
}

void fct_notifier_unlisten(struct fct_notifier *notifier, factum_listener *listener)
{
    if (atomic_load(&notifier->direct) == listener) {
        atomic_store(&notifier->direct, NULL);
        return;
    }
    fct_mutex_lock(&notifier->lock);
    if (is_listening(notifier, listener)) {
        take_out(notifier, listener);
    }
    while (notifier->running == listener && !is_inside(notifier)) {
        uint32_t returns = atomic_load(&notifier->returns);
        notifier->leaving++;
        fct_mutex_unlock(&notifier->lock);
        (void)fct_word_wait(&notifier->returns, returns, UINT64_MAX);
        fct_mutex_lock(&notifier->lock);
        notifier->leaving--;
    }
    fct_mutex_unlock(&notifier->lock);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void wake(struct fct_notifier *notifier)
{
    atomic_fetch_add(&notifier->word, 1);
    if (atomic_load(&notifier->asleep) != 0) {
        fct_word_wake(&notifier->word, 1);
    }
}

void fct_notifier_note(struct fct_notifier *notifier, uint32_t bits)
{
    factum_listener *direct = atomic_load(&notifier->direct);
    if (direct != NULL) {
        direct->notify(direct->data, bits);
    }
    (void)atomic_fetch_or(&notifier->posted, bits);
}

/* Reads |listening| after the bits were posted: see add(). */
void fct_notifier_wake(struct fct_notifier *notifier)
{
    if (notifier->threads && atomic_load(&notifier->listening) > 0 &&
        atomic_load(&notifier->posted) != 0) {
        wake(notifier);
    }
}

void fct_notifier_post(struct fct_notifier *notifier, uint32_t bits)
{
    fct_notifier_note(notifier, bits);
    fct_notifier_wake(notifier);
}

void fct_notifier_deliver(struct fct_notifier *notifier)
{
    if (!notifier->threads && atomic_load(&notifier->posted) != 0) {
        (void)call_listeners(notifier);
    }
}

/* Calls the completers of ops that have ended. False: no op has ended. */
static bool end_ops(struct fct_notifier *notifier)
{
    fct_mutex_lock(&notifier->ops_lock);
    factum_append_op *list = notifier->ended;
    notifier->ended = NULL;
    notifier->ended_last = &notifier->ended;
    fct_mutex_unlock(&notifier->ops_lock);
    if (list == NULL) {
        return false;
    }
    while (list != NULL) {
        factum_append_op *ops[FCT_DELIVER_MAX];
        size_t count = 0;
        while (list != NULL && count < FCT_DELIVER_MAX) {
            ops[count++] = list;
            list = list->internal[0];
        }
        fct_deliver(ops, count);
    }
    return true;
}

static void notifier_main(void *data)
{
    struct fct_notifier *notifier = data;
    for (;;) {
        uint32_t seen = atomic_load(&notifier->word);
        fct_mutex_lock(&notifier->ops_lock);
        bool stop = notifier->stop;
        fct_mutex_unlock(&notifier->ops_lock);
        bool worked = end_ops(notifier);
        worked = call_listeners(notifier) || worked;
        if (worked) {
            continue;
        }
        if (stop) {
            return;
        }
        atomic_store(&notifier->asleep, 1);
        fct_word_wait(&notifier->word, seen, UINT64_MAX);
        atomic_store(&notifier->asleep, 0);
    }
}

factum_status fct_notifier_start(struct fct_notifier *notifier, factum_error *err)
{
    factum_status status = FACTUM_OK;
    fct_mutex_lock(&notifier->ops_lock);
    if (!notifier->thread.started) {
        status = fct_thread_start(&notifier->thread, "factum-notify", notifier_main, notifier, err);
    }
    fct_mutex_unlock(&notifier->ops_lock);
    return status;
}

void fct_notifier_complete(struct fct_notifier *notifier, factum_append_op *op)
{
    FCT_ASSERT(op->completer != NULL);
    op->internal[0] = NULL;
    fct_mutex_lock(&notifier->ops_lock);
    FCT_ASSERT(notifier->thread.started);
    *notifier->ended_last = op;
    notifier->ended_last = (factum_append_op **)(void *)&op->internal[0];
    fct_mutex_unlock(&notifier->ops_lock);
    wake(notifier);
}

void fct_notifier_finish(struct fct_notifier *notifier)
{
    if (notifier->mem == NULL) {
        return;
    }
    fct_notifier_deliver(notifier);
    fct_mutex_lock(&notifier->ops_lock);
    notifier->stop = true;
    fct_mutex_unlock(&notifier->ops_lock);
    wake(notifier);
    fct_thread_join(&notifier->thread);
    FCT_ASSERT(!notifier->calling);
    FCT_ASSERT(notifier->ended == NULL);
    fct_mem_free(notifier->mem, (void *)notifier->listeners);
    fct_mutex_finish(&notifier->lock);
    fct_mutex_finish(&notifier->ops_lock);
    *notifier = (struct fct_notifier){.mem = NULL};
}
