/* remote.c - see remote.h: opening, closing, the hand-over to the loop's thread, time limits.
 * Layer: engine_remote.
 *
 * Closing: outstanding answers are waited for, up to 5 s. Then everything ends, the connection
 * closes, and the loop stops when the last handle is closed.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "engine_remote/remote_int.h"

enum { LIMITER_MS = 25, LIMITER_STOP_MS = 1 };

#define CLOSE_LIMIT_NS UINT64_C(5000000000)
#define NS_PER_MS UINT64_C(1000000)

/* ---- rings ----------------------------------------------------------------------------------- */

void fct_distant_ring_init(struct distant_link *ring)
{
    ring->prev = ring;
    ring->next = ring;
}

bool fct_distant_ring_is_empty(const struct distant_link *ring)
{
    return ring->next == ring;
}

void fct_distant_ring_add(struct distant_link *ring, struct distant_link *link)
{
    FCT_ASSERT(link->next == NULL);
    link->prev = ring->prev;
    link->next = ring;
    ring->prev->next = link;
    ring->prev = link;
}

void fct_distant_ring_remove(struct distant_link *link)
{
    if (link->next != NULL) {
        link->prev->next = link->next;
        link->next->prev = link->prev;
        *link = (struct distant_link){NULL, NULL};
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

uint64_t fct_distant_now(const struct distant *distant)
{
    return fct_os_monotonic(distant->os);
}

uint64_t fct_distant_limit_from_now(const struct distant *distant)
{
    return fct_distant_now(distant) + FCT_DISTANT_GIVE_UP_NS;
}

uint64_t fct_distant_ms_left(const struct distant *distant, uint64_t deadline)
{
    uint64_t now = fct_distant_now(distant);
    return deadline > now ? (deadline - now - 1) / NS_PER_MS + 1 : 0;
}

factum_status fct_distant_unreachable(const struct distant *distant, const char *what,
                                      factum_error *err)
{
    if (distant->replaced) {
        return fct_fail(err, FACTUM_WRONG_TIMELINE, "%s: %s", what, distant->other_store.text);
    }
    return fct_fail(err, FACTUM_UNREACHABLE, "%s: no connection: %s", what, distant->why.text);
}

/* ---- the loop's thread ----------------------------------------------------------------------- */

static bool distant_is_idle(const struct distant *distant)
{
    return distant->appends.count == 0 && fct_distant_ring_is_empty(&distant->asks) &&
           fct_distant_ring_is_empty(&distant->inflows) && distant->inflow_calls == 0;
}

/* Ends what will not be answered, or not in time. */
static void distant_stop_step(struct distant *distant, uint64_t now)
{
    if (distant->state != DISTANT_UP || now >= distant->stop_limit) {
        factum_error err;
        (void)fct_fail(&err, FACTUM_CANCELLED, "the store was closed");
        fct_appends_end(distant, FACTUM_CANCELLED, "append: the store was closed");
        fct_asks_fail(distant, FACTUM_CANCELLED, &err);
        if (distant->state == DISTANT_UP) {
            fct_distant_link_close(distant);
        }
    }
    if (distant_is_idle(distant)) {
        fct_distant_link_close(distant);
        if (distant->dials == 0) {
            fct_timer_stop(&distant->limiter);
            fct_loop_forget(distant->loop, &distant->send_appends);
            fct_loop_stop(distant->loop);
        }
    }
}

static void distant_on_limiter(struct fct_timer *timer)
{
    struct distant *distant = FCT_CONTAINER_OF(timer, struct distant, limiter);
    uint64_t now = fct_distant_now(distant);
    fct_appends_limit(distant, now);
    fct_asks_limit(distant, now);
    fct_inflows_limit(distant, now);
    if (distant->stops) {
        distant_stop_step(distant, now);
    } else if (distant_is_idle(distant)) {
        fct_timer_stop(timer);
    }
}

void fct_distant_limit(struct distant *distant)
{
    if (!fct_timer_is_running(&distant->limiter)) {
        unsigned every_ms = distant->stops ? LIMITER_STOP_MS : LIMITER_MS;
        fct_timer_start(distant->loop, &distant->limiter, every_ms, every_ms);
    }
}

static void distant_begin_stop(struct distant *distant)
{
    distant->stops = true;
    distant->stop_limit = fct_distant_now(distant) + CLOSE_LIMIT_NS;
    fct_appends_end_lost(distant);
    fct_timer_stop(&distant->limiter);
    fct_distant_limit(distant);
}

/* A thread has added something to a list under the lock. */
static void distant_on_posted(struct fct_task *task)
{
    struct distant *distant = FCT_CONTAINER_OF(task, struct distant, posted);
    fct_mutex_lock(&distant->lock);
    bool stop = distant->stop;
    bool hangs_up = distant->hangs_up;
    distant->hangs_up = false;
    bool first = !distant->opened_known && distant->state == DISTANT_DOWN && !stop;
    bool asks = distant->asks_in != NULL || distant->inflows_in != NULL;
    fct_mutex_unlock(&distant->lock);
    if (first) {
        fct_distant_dial(distant);
    }
    if (hangs_up) {
        fct_distant_hang_up(distant);
    }
    fct_watch_take(distant);
    fct_asks_take(distant);
    fct_inflows_take(distant);
    fct_appends_take(distant);
    if (asks) {
        /* After the connection has sent: a question asked before an append does not see the append
         * in its answer. */
        fct_loop_later(distant->loop, &distant->send_appends);
    } else {
        fct_appends_send(distant);
    }
    if (stop && !distant->stops) {
        distant_begin_stop(distant);
    }
}

static void distant_on_send_appends(struct fct_task *task)
{
    fct_appends_send(FCT_CONTAINER_OF(task, struct distant, send_appends));
}

void fct_distant_post(struct distant *distant)
{
    fct_loop_post(distant->loop, &distant->posted);
}

static void distant_main(void *data)
{
    struct distant *distant = data;
    fct_loop_run(distant->loop);
}

/* ---- news ------------------------------------------------------------------------------------ */

static factum_status distant_listen(void *self, factum_listener *listener, factum_error *err)
{
    struct distant *distant = self;
    return fct_notifier_listen(&distant->notifier, listener, err);
}

static void distant_unlisten(void *self, factum_listener *listener)
{
    struct distant *distant = self;
    fct_notifier_unlisten(&distant->notifier, listener);
}

/* ---- closing --------------------------------------------------------------------------------- */

/* The thread has ended, or was never started. */
static void distant_free(struct distant *distant)
{
    fct_notifier_finish(&distant->notifier);
    FCT_ASSERT(distant->backlog.count == 0);
    fct_appends_finish(distant);
    fct_watch_finish(distant);
    fct_loop_destroy(distant->loop);
    fct_tls_context_destroy(distant->tls);
    fct_distant_address_finish(&distant->address, distant->mem);
    fct_mutex_finish(&distant->lock);
    fct_mem_free(distant->mem, distant);
}

static factum_status distant_close(void *self, factum_error *err)
{
    struct distant *distant = self;
    (void)err;
    fct_mutex_lock(&distant->lock);
    distant->stop = true;
    distant->held = false;
    fct_mutex_unlock(&distant->lock);
    fct_distant_post(distant);
    fct_thread_join(&distant->thread);
    distant_free(distant);
    return FACTUM_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void distant_set_ops(struct distant *distant)
{
    uint32_t capabilities = distant->opened.capabilities;
    distant->upkeep = (struct fct_upkeep_ops){
        .size = sizeof distant->upkeep,
        .verify = (capabilities & FACTUM_CAPABILITY_VERIFY) != 0 ? fct_distant_verify : NULL,
        .backup = (capabilities & FACTUM_CAPABILITY_BACKUP) != 0 ? fct_distant_backup : NULL,
    };
    distant->ops = (struct fct_engine_ops){
        .size = sizeof distant->ops,
        .capabilities = capabilities,
        .append = fct_distant_append,
        .cancel = fct_distant_cancel,
        .read = fct_distant_read,
        .list = fct_distant_list,
        .ask = fct_distant_ask,
        .listen = distant_listen,
        .unlisten = distant_unlisten,
        .close = distant_close,
        .upkeep = &distant->upkeep,
    };
}

static uint64_t distant_less(uint64_t given, uint64_t servers)
{
    return given == 0 || (servers != 0 && servers < given) ? servers : given;
}

/* Takes the server's limits, or the given ones where they are lower. */
static factum_status distant_set_limits(struct distant *distant, factum_error *err)
{
    const struct fct_store_opened *opened = &distant->opened;
    struct fct_limits *limits = &distant->limits;
    limits->event_size_max = distant_less(limits->event_size_max, opened->event_size_max);
    limits->append_events_max = distant_less(limits->append_events_max, opened->append_events_max);
    limits->append_size_max = distant_less(limits->append_size_max, opened->append_size_max);
    return fct_limits_default(limits, err);
}

static factum_status distant_create(const struct fct_engine_remote_options *options,
                                    struct distant **made, factum_error *err)
{
    struct distant *distant = fct_mem_zalloc(options->mem, 1, sizeof *distant);
    if (distant == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
    }
    distant->mem = options->mem;
    distant->os = options->os;
    distant->limits = options->limits;
    distant->durability = options->durability;
    distant->read_only = options->read_only;
    if (options->sink != NULL) {
        distant->sink = *options->sink;
    }
    distant->completer = (factum_completer){distant, fct_distant_completed};
    distant->posted.run = distant_on_posted;
    distant->send_appends.run = distant_on_send_appends;
    distant->limiter.run = distant_on_limiter;
    distant->asks_last = &distant->asks_in;
    distant->inflows_last = &distant->inflows_in;
    fct_mutex_init(&distant->lock);
    fct_notifier_init(&distant->notifier, distant->mem, true);
    fct_distant_ring_init(&distant->asks);
    fct_distant_ring_init(&distant->inflows);
    fct_appends_init(distant);
    fct_distant_link_init(distant);
    factum_status status = fct_distant_address_read(&distant->address, options, err);
    if (status == FACTUM_OK && distant->address.secure) {
        status = fct_tls_client_context_create(distant->address.ca_file, &distant->tls, err);
    }
    if (status == FACTUM_OK) {
        status = fct_loop_create(distant->mem, &distant->loop, err);
    }
    if (status != FACTUM_OK) {
        distant_free(distant);
        return status;
    }
    *made = distant;
    return FACTUM_OK;
}

/* Waits for the first connection. Returns OK, or why it failed. */
static factum_status distant_await_open(struct distant *distant, factum_error *err)
{
    fct_distant_post(distant);
    fct_mutex_lock(&distant->lock);
    while (!distant->opened_known) {
        uint32_t seen = atomic_load(&distant->word);
        fct_mutex_unlock(&distant->lock);
        (void)fct_word_wait(&distant->word, seen, UINT64_MAX);
        fct_mutex_lock(&distant->lock);
    }
    factum_status status = distant->open_status;
    if (status != FACTUM_OK) {
        *err = distant->open_err;
    }
    fct_mutex_unlock(&distant->lock);
    return status;
}

factum_status fct_engine_remote_open(struct fct_engine *engine,
                                     const struct fct_engine_remote_options *options,
                                     factum_error *err)
{
    factum_error ignored;
    struct distant *distant = NULL;
    factum_status status = distant_create(options, &distant, err);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(distant != NULL);
    status = fct_thread_start(&distant->thread, "factum-remote", distant_main, distant, err);
    if (status != FACTUM_OK) {
        distant_free(distant);
        return status;
    }
    status = distant_await_open(distant, err);
    if (status == FACTUM_OK) {
        status = distant_set_limits(distant, err);
    }
    if (status != FACTUM_OK) {
        (void)distant_close(distant, &ignored);
        return status;
    }
    distant_set_ops(distant);
    *engine = (struct fct_engine){
        .ops = &distant->ops,
        .self = distant,
        .mem = distant->mem,
        .os = distant->os,
        .limits = distant->limits,
    };
    engine->timelines.count = distant->opened.timeline_count;
    for (uint32_t i = 0; i < engine->timelines.count; i++) {
        engine->timelines.items[i] = (struct fct_timeline){distant->opened.timelines[i].id,
                                                           distant->opened.timelines[i].from};
    }
    return fct_engine_ready(engine, err);
}

struct distant *fct_distant_of(const struct fct_engine *engine)
{
    return engine->ops->append == fct_distant_append ? engine->self : NULL;
}

const char *fct_engine_remote_server(const struct fct_engine *engine)
{
    return ((const struct distant *)engine->self)->server;
}

/* ---- for tests ------------------------------------------------------------------------------- */

void fct_engine_remote_lose(struct fct_engine *engine, uint32_t count)
{
    struct distant *distant = engine->self;
    fct_mutex_lock(&distant->lock);
    distant->lose = count;
    fct_mutex_unlock(&distant->lock);
}

void fct_engine_remote_hold(struct fct_engine *engine, bool held)
{
    struct distant *distant = engine->self;
    fct_mutex_lock(&distant->lock);
    distant->held = held;
    fct_mutex_unlock(&distant->lock);
    fct_distant_post(distant);
}

void fct_engine_remote_hang_up(struct fct_engine *engine)
{
    struct distant *distant = engine->self;
    fct_mutex_lock(&distant->lock);
    distant->hangs_up = true;
    fct_mutex_unlock(&distant->lock);
    fct_distant_post(distant);
}
