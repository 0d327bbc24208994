/* news.c - see news.h. Layer: engine.
 *
 * Happy path: fct_news_post sets bits and wakes the thread; the thread takes the bits and calls
 * every listener. The lock is not held during a call: other threads may listen, and a listener may
 * take the locks under which its owner listens. |running| says whose call is under way, so that
 * fct_news_unlisten of that one can wait; slots are only emptied during a round, and closed up
 * after it.
 *
 * Invariants:
 *  1. |count| slots; an empty one exists only while |calling|.
 *  2. A listener that listens is in exactly one slot, whose number it holds, or is |direct|.
 *  3. Bits that are posted after a listener was added reach it.
 *  4. One thread at a time calls listeners.
 */
#include "engine/news.h"

#include "core/check.h"
#include "core/error.h"
#include "engine/deliver.h"

#define SLOTS_FIRST 16u

/* Parts of a listener's |internal|. */
#define NEWS 0   /* where it listens, or NULL */
#define SLOT 1   /* its number */
#define DIRECT 3 /* FCT_LISTENER_DIRECT or NULL */

/* The rounds that this thread is in, to recognise calls from inside a listener. */
struct round {
    const struct fct_news *news;
    const struct round *outer;
};
static _Thread_local const struct round *rounds_here;

static bool is_inside(const struct fct_news *news)
{
    for (const struct round *round = rounds_here; round != NULL; round = round->outer) {
        if (round->news == news) {
            return true;
        }
    }
    return false;
}

void fct_news_init(struct fct_news *news, const struct fct_mem *mem, bool threads)
{
    *news = (struct fct_news){.mem = mem, .threads = threads};
    news->ended_last = &news->ended;
    fct_mutex_init(&news->lock);
    fct_mutex_init(&news->ops_lock);
}

/* ---- slots (with the lock held) -------------------------------------------------------------- */

static size_t slot_of(const factum_listener *listener)
{
    return (size_t)(uintptr_t)listener->internal[SLOT];
}

static void put(struct fct_news *news, size_t slot, factum_listener *listener)
{
    FCT_ASSERT(slot < news->capacity);
    news->listeners[slot] = listener;
    listener->internal[SLOT] = (void *)(uintptr_t)slot;
}

static bool is_listening(const struct fct_news *news, const factum_listener *listener)
{
    return listener->internal[NEWS] == news && slot_of(listener) < news->count &&
           news->listeners[slot_of(listener)] == listener;
}

static void take_out(struct fct_news *news, factum_listener *listener)
{
    size_t slot = slot_of(listener);
    listener->internal[NEWS] = NULL;
    if (news->calling) {
        news->listeners[slot] = NULL;
        news->emptied = true;
    } else {
        factum_listener *last = news->listeners[--news->count];
        if (last != listener) {
            put(news, slot, last);
        }
    }
    (void)atomic_fetch_sub(&news->listening, 1);
}

/* After a round: the slots of listeners that have ended go. */
static void close_up(struct fct_news *news)
{
    size_t kept = 0;
    for (size_t i = 0; i < news->count && news->emptied; i++) {
        if (news->listeners[i] != NULL) {
            put(news, kept++, news->listeners[i]);
        }
    }
    news->count = news->emptied ? kept : news->count;
    news->emptied = false;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* With the lock held, which it gives up for the call. */
static void call_listener(struct fct_news *news, factum_listener *listener, uint32_t bits)
{
    news->running = listener;
    fct_mutex_unlock(&news->lock);
    listener->notify(listener->data, bits); /* the listener may be gone now */
    fct_mutex_lock(&news->lock);
    news->running = NULL;
    (void)atomic_fetch_add(&news->returns, 1);
    if (news->leaving > 0) {
        fct_word_wake(&news->returns, UINT32_MAX);
    }
}

/* With the lock held. */
static void call_all(struct fct_news *news, uint32_t bits)
{
    const struct round round = {news, rounds_here};
    news->calling = true;
    rounds_here = &round;
    fct_callback_enter();
    size_t count = news->count; /* who joins during the round is called in the next one */
    for (size_t i = 0; i < count; i++) {
        if (news->listeners[i] != NULL) {
            call_listener(news, news->listeners[i], bits);
        }
    }
    fct_callback_leave();
    rounds_here = round.outer;
    news->calling = false;
    close_up(news);
}

/* Calls every listener with what was posted. False if nothing was, or if another call of this
 * function is at it, which then sees what was posted. */
static bool call_listeners(struct fct_news *news)
{
    bool called = false;
    uint32_t bits;
    fct_mutex_lock(&news->lock);
    while (!news->calling && (bits = atomic_exchange(&news->posted, 0)) != 0) {
        call_all(news, bits);
        called = true;
    }
    fct_mutex_unlock(&news->lock);
    return called;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static factum_status make_room(struct fct_news *news, factum_error *err)
{
    /* Slots that a round leaves empty count until its end: a listener that does not return must not
     * let them grow for ever. */
    if (news->count >= FACTUM_LISTENERS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "listen: %zu listeners, which is the limit (%d)",
                        news->count, FACTUM_LISTENERS_MAX);
    }
    if (news->count < news->capacity) {
        return FACTUM_OK;
    }
    size_t capacity = news->capacity == 0 ? SLOTS_FIRST : news->capacity * 2;
    factum_listener **grown =
        fct_mem_resize(news->mem, (void *)news->listeners, capacity * sizeof *grown);
    if (grown == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "listen: out of memory");
    }
    news->listeners = grown;
    news->capacity = capacity;
    return FACTUM_OK;
}

static void add(struct fct_news *news, factum_listener *listener)
{
    listener->internal[NEWS] = news;
    put(news, news->count++, listener);
    if (atomic_fetch_add(&news->listening, 1) == 0) {
        /* Nobody was called for what was posted until now: it is no news. Who posts after this sees
         * the listener. */
        (void)atomic_exchange(&news->posted, 0);
    }
}

factum_status fct_news_listen(struct fct_news *news, factum_listener *listener, factum_error *err)
{
    if (listener->internal[DIRECT] != NULL) {
        FCT_ASSERT(atomic_load(&news->direct) == NULL);
        atomic_store(&news->direct, listener);
        return FACTUM_OK;
    }
    factum_status status = news->threads ? fct_news_start(news, err) : FACTUM_OK;
    if (status != FACTUM_OK) {
        return status;
    }
    fct_mutex_lock(&news->lock);
    status = is_listening(news, listener)
                 ? fct_fail(err, FACTUM_INVALID, "listen: this listener listens already")
                 : make_room(news, err);
    if (status == FACTUM_OK) {
        add(news, listener);
    }
    fct_mutex_unlock(&news->lock);
    return status;
}

void fct_news_unlisten(struct fct_news *news, factum_listener *listener)
{
    if (atomic_load(&news->direct) == listener) {
        atomic_store(&news->direct, NULL);
        return;
    }
    fct_mutex_lock(&news->lock);
    if (is_listening(news, listener)) {
        take_out(news, listener);
    }
    while (news->running == listener && !is_inside(news)) {
        uint32_t returns = atomic_load(&news->returns);
        news->leaving++;
        fct_mutex_unlock(&news->lock);
        (void)fct_word_wait(&news->returns, returns, UINT64_MAX);
        fct_mutex_lock(&news->lock);
        news->leaving--;
    }
    fct_mutex_unlock(&news->lock);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void wake(struct fct_news *news)
{
    atomic_fetch_add(&news->word, 1);
    if (atomic_load(&news->asleep) != 0) {
        fct_word_wake(&news->word, 1);
    }
}

void fct_news_note(struct fct_news *news, uint32_t bits)
{
    factum_listener *direct = atomic_load(&news->direct);
    if (direct != NULL) {
        direct->notify(direct->data, bits);
    }
    (void)atomic_fetch_or(&news->posted, bits);
}

/* First the bits, then the look for listeners: see add(). */
void fct_news_wake(struct fct_news *news)
{
    if (news->threads && atomic_load(&news->listening) > 0 && atomic_load(&news->posted) != 0) {
        wake(news);
    }
}

void fct_news_post(struct fct_news *news, uint32_t bits)
{
    fct_news_note(news, bits);
    fct_news_wake(news);
}

void fct_news_deliver(struct fct_news *news)
{
    if (!news->threads && atomic_load(&news->posted) != 0) {
        (void)call_listeners(news);
    }
}

/* Ends ops that wait for it. False if there are none. */
static bool end_ops(struct fct_news *news)
{
    fct_mutex_lock(&news->ops_lock);
    factum_append_op *list = news->ended;
    news->ended = NULL;
    news->ended_last = &news->ended;
    fct_mutex_unlock(&news->ops_lock);
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

static void news_main(void *data)
{
    struct fct_news *news = data;
    for (;;) {
        uint32_t seen = atomic_load(&news->word);
        fct_mutex_lock(&news->ops_lock);
        bool stop = news->stop;
        fct_mutex_unlock(&news->ops_lock);
        bool worked = end_ops(news);
        worked = call_listeners(news) || worked;
        if (worked) {
            continue;
        }
        if (stop) {
            return;
        }
        atomic_store(&news->asleep, 1);
        fct_word_wait(&news->word, seen, UINT64_MAX);
        atomic_store(&news->asleep, 0);
    }
}

factum_status fct_news_start(struct fct_news *news, factum_error *err)
{
    factum_status status = FACTUM_OK;
    fct_mutex_lock(&news->ops_lock);
    if (!news->started) {
        status = fct_thread_start(&news->thread, "factum-news", news_main, news, err);
        news->started = status == FACTUM_OK;
    }
    fct_mutex_unlock(&news->ops_lock);
    return status;
}

void fct_news_complete(struct fct_news *news, factum_append_op *op)
{
    FCT_ASSERT(op->completer != NULL);
    op->internal[0] = NULL;
    fct_mutex_lock(&news->ops_lock);
    FCT_ASSERT(news->started);
    *news->ended_last = op;
    news->ended_last = (factum_append_op **)(void *)&op->internal[0];
    fct_mutex_unlock(&news->ops_lock);
    wake(news);
}

void fct_news_finish(struct fct_news *news)
{
    if (news->mem == NULL) {
        return;
    }
    fct_news_deliver(news);
    fct_mutex_lock(&news->ops_lock);
    news->stop = true;
    fct_mutex_unlock(&news->ops_lock);
    wake(news);
    fct_thread_join(&news->thread);
    FCT_ASSERT(!news->calling);
    FCT_ASSERT(news->ended == NULL);
    fct_mem_free(news->mem, (void *)news->listeners);
    fct_mutex_finish(&news->lock);
    fct_mutex_finish(&news->ops_lock);
    *news = (struct fct_news){.mem = NULL};
}
