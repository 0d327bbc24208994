/* host.c - <factum/sagas.h>: a manager on a thread of its own. Layer: saga.
 *
 *     open sagas from the lists, the checkpoint
 *          |
 *     read the log after it <-- woken by: more is visible, an append has ended, a timer, a second
 *          |
 *     the manager --> appends, by completion
 *
 * A failure of the store ends the manager, and a new one starts at the checkpoint: every input that
 * was not committed comes again, and the sagas recognise those that were.
 *
 * Locks. |lock| protects the ended appends and the info for callers; it is never held while the
 * store or the manager is called.
 */
#include <factum/sagas.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/mem.h"
#include "core/slice.h"
#include "os/os.h"
#include "os/thread.h"
#include "saga/checkpoint.h"
#include "saga/clock.h"
#include "saga/lists.h"
#include "saga/manager.h"
#include "saga/names.h"

#define COMMITS_MAX 1024u
#define LOADED_MAX 10000u
#define TIMERS_MAX 1000u
#define EVENTS_A_TURN 256u
#define WAIT_MAX INT64_C(1000000000)
#define PAUSE_FIRST INT64_C(200000000)
#define PAUSE_MAX INT64_C(10000000000)
#define LISTS_WAIT_MS 200
#define POLL_NS UINT64_C(50000000)

struct factum_sagas {
    const struct fct_mem *mem;
    factum_store *store;
    factum_sagas_options options;
    char host[FACTUM_SAGA_NAME_MAX + 1];
    char *path;
    factum_log_sink log;
    struct fct_saga_lists *lists; /* NULL: no directory was given */
    struct fct_manager *manager;  /* of the thread; NULL between two managers */
    struct fct_saga_clock clock;
    struct fct_saga_checkpoint checkpoint;
    factum_cursor *cursor;
    factum_event held; /* an event that the manager had no room for */
    bool is_held;
    bool caught_up;           /* this manager has been at the end of the log */
    factum_sagas_info before; /* the counts of earlier managers */
    struct fct_thread thread;
    factum_listener listener;
    factum_completer completer;
    _Atomic uint32_t word;         /* rises when the thread has work */
    _Atomic bool asleep;           /* the thread waits for |word|, or is about to */
    _Atomic uint32_t info_changes; /* rises when |info| has changed */
    _Atomic uint32_t info_waiters;
    _Atomic bool stop;
    struct fct_mutex lock;
    factum_append_op **ended; /* |commits_max| of them */
    uint32_t ended_count;
    factum_append_op **ending; /* the same, while the thread works on them */
    factum_sagas_info info;
};

/* ---- waking ---------------------------------------------------------------------------------- */

static void wake(struct factum_sagas *sagas)
{
    atomic_fetch_add(&sagas->word, 1);
    if (atomic_load(&sagas->asleep)) {
        fct_word_wake(&sagas->word, 1);
    }
}

static void notified(void *data, uint32_t news)
{
    (void)news;
    wake(data);
}

static void cursor_ready(void *data)
{
    wake(data);
}

static void appends_ended(void *data, factum_append_op *const *ops, size_t count)
{
    struct factum_sagas *sagas = data;
    fct_mutex_lock(&sagas->lock);
    FCT_ASSERT(count <= sagas->options.commits_max - sagas->ended_count);
    for (size_t i = 0; i < count; i++) {
        sagas->ended[sagas->ended_count++] = ops[i];
    }
    /* Under the lock: once the thread has the last of them, |sagas| may be closed and freed. */
    wake(sagas);
    fct_mutex_unlock(&sagas->lock);
}

static factum_status submit_op(void *data, factum_append_op *op, factum_error *err)
{
    struct factum_sagas *sagas = data;
    op->completer = &sagas->completer;
    return factum_append_submit(sagas->store, op, err);
}

static int64_t sagas_now(struct factum_sagas *sagas)
{
    int64_t monotonic = sagas->options.monotonic != NULL
                            ? sagas->options.monotonic->now(sagas->options.monotonic->data)
                            : (int64_t)fct_os_monotonic(fct_os_real());
    bool parted = sagas->clock.parted;
    int64_t now = fct_saga_clock_now(&sagas->clock, factum_now(sagas->store), monotonic);
    if (sagas->clock.parted && !parted) {
        fct_log_message(&sagas->log, FACTUM_LOG_WARN, "saga.clock",
                        "the wall clock has jumped: timers of sagas go by the monotonic clock "
                        "until both agree again");
    }
    return now;
}

/* Waits until |word| differs from |seen|, at most so long. */
static void wait_for_word(struct factum_sagas *sagas, uint32_t seen, uint64_t nanoseconds)
{
    atomic_store(&sagas->asleep, true);
    (void)fct_word_wait(&sagas->word, seen, nanoseconds);
    atomic_store(&sagas->asleep, false);
}

/* ---- info for callers ------------------------------------------------------------------------ */

static void publish(struct factum_sagas *sagas, bool ready, const char *reason)
{
    fct_mutex_lock(&sagas->lock);
    if (sagas->manager != NULL) {
        sagas->info = sagas->before;
        fct_manager_count(sagas->manager, &sagas->info);
    }
    sagas->info.ready = ready;
    sagas->info.clock_parted = sagas->clock.parted;
    snprintf(sagas->info.reason, sizeof sagas->info.reason, "%s", reason);
    fct_mutex_unlock(&sagas->lock);
    atomic_fetch_add(&sagas->info_changes, 1);
    if (atomic_load(&sagas->info_waiters) > 0) {
        fct_word_wake(&sagas->info_changes, FCT_WAKE_ALL);
    }
}

/* ---- beginning ------------------------------------------------------------------------------- */

struct adding {
    struct fct_manager *manager;
    factum_status status;
    factum_error *err;
};

static bool add_open_saga(void *data, factum_slice saga, factum_slice id, int64_t due)
{
    struct adding *adding = data;
    adding->status = fct_manager_add_open(adding->manager, saga, id, due, adding->err);
    return adding->status == FACTUM_OK;
}

/* Waits until the lists have everything that is in the log now. CONDITION_FAILED: they have
 * stopped. */
static factum_status wait_for_lists(struct factum_sagas *sagas, factum_error *err)
{
    uint64_t place;
    factum_status status = factum_visible_place(sagas->store, &place, err);
    while (status == FACTUM_OK && !atomic_load(&sagas->stop)) {
        status = fct_saga_lists_wait(sagas->lists, place, LISTS_WAIT_MS, err);
        if (status != FACTUM_TIMEOUT) {
            return status;
        }
        publish(sagas, false, err->text);
        status = fct_saga_lists_have_stopped(sagas->lists, place, err) ? FACTUM_CONDITION_FAILED
                                                                       : FACTUM_OK;
    }
    return status;
}

static factum_status find_open_sagas(struct factum_sagas *sagas, factum_error *err)
{
    struct adding adding = {sagas->manager, FACTUM_OK, err};
    const struct fct_open_each each = {.data = &adding, .each = add_open_saga};
    if (sagas->lists == NULL) {
        return fct_manager_scan(sagas->manager, sagas_now(sagas), err);
    }
    factum_status status = wait_for_lists(sagas, err);
    if (status == FACTUM_CONDITION_FAILED) { /* sagas continue without the lists */
        fct_log_message(&sagas->log, FACTUM_LOG_WARN, "saga.lists",
                        "the streams of all sagas are read in place of their lists: %s", err->text);
        return fct_manager_scan(sagas->manager, sagas_now(sagas), err);
    }
    if (status == FACTUM_OK && !atomic_load(&sagas->stop)) {
        status = fct_saga_lists_open_sagas(sagas->lists, &each, err);
    }
    return status == FACTUM_OK ? adding.status : status;
}

/* Opens the log after the checkpoint. Without one: at the first deployment, or at the end. */
static factum_status open_log(struct factum_sagas *sagas, factum_error *err)
{
    factum_read_request request = {.size = sizeof request, .source = FACTUM_SOURCE_ALL};
    uint64_t place;
    factum_status status = fct_saga_checkpoint_load(&sagas->checkpoint, sagas->store,
                                                    factum_slice_from(sagas->host), err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (sagas->checkpoint.present) {
        place = sagas->checkpoint.place;
    } else if (!fct_manager_first(sagas->manager, &place)) {
        status = factum_visible_place(sagas->store, &place, err);
    }
    request.from = place > 0 ? FACTUM_FROM_AFTER : FACTUM_FROM_START;
    request.from_value = place;
    fct_manager_fed(sagas->manager, place);
    return status == FACTUM_OK
               ? factum_read_start(sagas->store, &request, true, &sagas->cursor, err)
               : status;
}

/* The order matters: the log delivers everything after the lists were read, since the checkpoint is
 * never after the lists. */
static factum_status begin_manager(struct factum_sagas *sagas, factum_error *err)
{
    const struct fct_manager_options options = {.store = sagas->store,
                                                .mem = sagas->mem,
                                                .host = factum_slice_from(sagas->host),
                                                .commits_max = sagas->options.commits_max,
                                                .loaded_max = sagas->options.loaded_max,
                                                .timers_max = sagas->options.timers_max,
                                                .log = &sagas->log,
                                                .data = sagas,
                                                .submit = submit_op};
    factum_status status = fct_manager_create(&options, &sagas->manager, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = open_log(sagas, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return find_open_sagas(sagas, err);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static factum_status take_ended(struct factum_sagas *sagas, factum_error *err)
{
    fct_mutex_lock(&sagas->lock);
    uint32_t count = sagas->ended_count;
    memcpy(sagas->ending, sagas->ended, count * sizeof(factum_append_op *));
    sagas->ended_count = 0;
    fct_mutex_unlock(&sagas->lock);
    factum_status status = FACTUM_OK;
    factum_error later;
    int64_t now = sagas_now(sagas);
    for (uint32_t i = 0; i < count; i++) {
        factum_status one = fct_manager_completed(sagas->manager, sagas->ending[i], now,
                                                  status == FACTUM_OK ? err : &later);
        status = status == FACTUM_OK ? one : status;
    }
    return status;
}

/* Reads the next event into sagas->held. OK, DONE, PENDING, or a failure. */
static factum_status next_event(struct factum_sagas *sagas, factum_error *err)
{
    factum_status status = factum_cursor_try_next(sagas->cursor, &sagas->held, err);
    if (status == FACTUM_DONE) {
        fct_manager_fed(sagas->manager, factum_cursor_place(sagas->cursor));
        status = factum_cursor_extend(sagas->cursor, err);
        if (status == FACTUM_OK) {
            status = factum_cursor_try_next(sagas->cursor, &sagas->held, err);
        }
    }
    if (status == FACTUM_DONE) {
        fct_manager_fed(sagas->manager, factum_cursor_place(sagas->cursor));
        sagas->caught_up = true;
    }
    if (status == FACTUM_PENDING) {
        const factum_ready ready = {.data = sagas, .ready = cursor_ready};
        factum_cursor_ready(sagas->cursor, &ready);
    }
    return status;
}

/* Feeds some events. *more: there may be others. */
static factum_status feed_some(struct factum_sagas *sagas, bool *more, factum_error *err)
{
    int64_t now = sagas_now(sagas);
    *more = false;
    for (uint32_t i = 0; i < EVENTS_A_TURN; i++) {
        factum_status status = sagas->is_held ? FACTUM_OK : next_event(sagas, err);
        if (status == FACTUM_DONE || status == FACTUM_PENDING) {
            return FACTUM_OK;
        }
        if (status != FACTUM_OK) {
            return status;
        }
        sagas->is_held = true;
        status = fct_manager_feed(sagas->manager, &sagas->held, now, err);
        if (status == FACTUM_BUSY) {
            return FACTUM_OK; /* an append that ends makes room, and wakes the thread */
        }
        if (status != FACTUM_OK) {
            return status;
        }
        sagas->is_held = false;
        fct_saga_checkpoint_passed(&sagas->checkpoint, &sagas->held);
    }
    *more = true;
    return FACTUM_OK;
}

static void sleep_until_work(struct factum_sagas *sagas, uint32_t seen)
{
    int64_t next = fct_manager_next(sagas->manager);
    int64_t now = sagas_now(sagas);
    int64_t wait = next <= now ? 1 : next - now;
    wait = wait < WAIT_MAX ? wait : WAIT_MAX;
    if (!atomic_load(&sagas->stop)) {
        wait_for_word(sagas, seen, (uint64_t)wait);
    }
}

/* A checkpoint only saves time: if it cannot be written, sagas continue. A store without sagas gets
 * none, since nobody has asked for such an event. */
static void keep_checkpoint(struct factum_sagas *sagas, bool now_or_never)
{
    factum_error err;
    uint64_t first;
    if (fct_manager_first(sagas->manager, &first) &&
        fct_saga_checkpoint_keep(&sagas->checkpoint, sagas->store,
                                 fct_manager_place(sagas->manager), sagas_now(sagas), now_or_never,
                                 &err) != FACTUM_OK) {
        fct_log_message(&sagas->log, FACTUM_LOG_WARN, "saga.checkpoint",
                        "the next start takes longer: %s", err.text);
    }
}

static factum_status one_turn(struct factum_sagas *sagas, factum_error *err)
{
    bool more = false;
    uint32_t seen = atomic_load(&sagas->word);
    factum_status status = take_ended(sagas, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = feed_some(sagas, &more, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_manager_tick(sagas->manager, sagas_now(sagas), err);
    if (status != FACTUM_OK) {
        return status;
    }
    keep_checkpoint(sagas, false);
    publish(sagas, sagas->caught_up, "");
    if (!more) {
        sleep_until_work(sagas, seen);
    }
    return FACTUM_OK;
}

/* Waits until the submitted appends have come back, before the manager is destroyed. */
static void end_manager(struct factum_sagas *sagas, bool keep)
{
    factum_error err;
    while (sagas->manager != NULL && fct_manager_commits(sagas->manager) > 0) {
        uint32_t seen = atomic_load(&sagas->word);
        if (take_ended(sagas, &err) != FACTUM_OK) {
            keep = false;
        }
        if (fct_manager_commits(sagas->manager) > 0) {
            wait_for_word(sagas, seen, POLL_NS);
        }
    }
    if (keep && sagas->manager != NULL) {
        keep_checkpoint(sagas, true);
    }
    factum_cursor_close(sagas->cursor);
    sagas->cursor = NULL;
    sagas->is_held = false;
    sagas->caught_up = false;
    publish(sagas, false, "");
    fct_mutex_lock(&sagas->lock);
    struct fct_manager *manager = sagas->manager;
    sagas->manager = NULL;
    sagas->before = sagas->info;
    fct_mutex_unlock(&sagas->lock);
    fct_manager_destroy(manager);
}

/* Runs one manager, until it fails or is stopped. */
static factum_status run_manager(struct factum_sagas *sagas, factum_error *err)
{
    factum_status status = begin_manager(sagas, err);
    while (status == FACTUM_OK && !atomic_load(&sagas->stop)) {
        status = one_turn(sagas, err);
    }
    end_manager(sagas, status == FACTUM_OK);
    return status;
}

static void run_sagas(void *data)
{
    struct factum_sagas *sagas = data;
    int64_t pause = PAUSE_FIRST;
    while (!atomic_load(&sagas->stop)) {
        factum_error err = {.text = ""};
        uint64_t commits = sagas->info.commit_count;
        factum_status status = run_manager(sagas, &err);
        if (status == FACTUM_OK) {
            return;
        }
        publish(sagas, false, err.text);
        fct_log_message(&sagas->log, FACTUM_LOG_ERROR, "saga.stopped",
                        "sagas do not run: %s; they are tried again in %" PRId64 " ms", err.text,
                        pause / 1000000);
        int64_t until = (int64_t)fct_os_monotonic(fct_os_real()) + pause;
        while (!atomic_load(&sagas->stop) && (int64_t)fct_os_monotonic(fct_os_real()) < until) {
            wait_for_word(sagas, atomic_load(&sagas->word), POLL_NS);
        }
        pause = sagas->info.commit_count > commits ? PAUSE_FIRST : pause * 2;
        pause = pause < PAUSE_MAX ? pause : PAUSE_MAX;
    }
}

/* ---- the API --------------------------------------------------------------------------------- */

static factum_status check_sagas_options(const factum_store *store,
                                         const factum_sagas_options *options, factum_error *err)
{
    if (store == NULL || options == NULL || options->size < sizeof options->size) {
        return fct_fail(err, FACTUM_INVALID, "sagas: a store and options are needed");
    }
    if (options->host.len > 0 && !fct_saga_name_valid(options->host)) {
        return fct_fail(err, FACTUM_INVALID, "sagas: %.*s is not the name of a host",
                        FCT_FMT(options->host));
    }
    if ((factum_capabilities(store) & FACTUM_CAPABILITY_ATOMIC_ACROSS_STREAMS) == 0) {
        return fct_fail(err, FACTUM_UNSUPPORTED,
                        "sagas: the store cannot append to several streams at once");
    }
    return FACTUM_OK;
}

static void copy_sagas_options(struct factum_sagas *sagas, const factum_sagas_options *options)
{
    size_t size = options->size < sizeof sagas->options ? options->size : sizeof sagas->options;
    memcpy(&sagas->options, options, size);
    factum_slice host = sagas->options.host.len > 0 ? sagas->options.host : FCT_SLICE("server");
    memcpy(sagas->host, host.ptr, host.len);
    sagas->options.commits_max =
        sagas->options.commits_max > 0 ? sagas->options.commits_max : COMMITS_MAX;
    sagas->options.loaded_max =
        sagas->options.loaded_max > 0 ? sagas->options.loaded_max : LOADED_MAX;
    sagas->options.timers_max =
        sagas->options.timers_max > 0 ? sagas->options.timers_max : TIMERS_MAX;
    if (sagas->options.log != NULL) {
        sagas->log = *sagas->options.log;
    }
}

static factum_status start_sagas(struct factum_sagas *sagas, factum_error *err)
{
    if (sagas->options.no_run) {
        return FACTUM_OK;
    }
    uint32_t count = sagas->options.commits_max;
    sagas->ended = fct_mem_zalloc(sagas->mem, count, sizeof(factum_append_op *));
    sagas->ending = fct_mem_zalloc(sagas->mem, count, sizeof(factum_append_op *));
    if (sagas->ended == NULL || sagas->ending == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "sagas: out of memory");
    }
    sagas->completer = (factum_completer){.data = sagas, .done = appends_ended};
    sagas->listener =
        (factum_listener){.size = sizeof sagas->listener, .data = sagas, .notify = notified};
    factum_status status = factum_listen(sagas->store, &sagas->listener, err);
    return status == FACTUM_OK
               ? fct_thread_start(&sagas->thread, "factum-sagas", run_sagas, sagas, err)
               : status;
}

factum_status factum_sagas_open(factum_store *store, const factum_sagas_options *options,
                                factum_sagas **sagas, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (sagas == NULL) {
        return fct_fail(err, FACTUM_INVALID, "sagas: a place for them is needed");
    }
    *sagas = NULL;
    factum_status status = check_sagas_options(store, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const struct fct_mem *mem = fct_mem_heap();
    struct factum_sagas *made = fct_mem_zalloc(mem, 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "sagas: out of memory");
    }
    made->mem = mem;
    made->store = store;
    made->info.size = sizeof made->info;
    made->before = made->info;
    fct_mutex_init(&made->lock);
    copy_sagas_options(made, options);
    if (made->options.path != NULL) {
        status = fct_saga_lists_open(store, made->options.path, &made->log, &made->lists, err);
    }
    if (status == FACTUM_OK) {
        status = start_sagas(made, err);
    }
    if (status != FACTUM_OK) {
        factum_sagas_close(made);
        return status;
    }
    *sagas = made;
    return FACTUM_OK;
}

void factum_sagas_close(factum_sagas *sagas)
{
    if (sagas == NULL) {
        return;
    }
    atomic_store(&sagas->stop, true);
    wake(sagas);
    fct_thread_join(&sagas->thread);
    factum_unlisten(sagas->store, &sagas->listener);
    fct_saga_lists_close(sagas->lists);
    fct_mem_free(sagas->mem, sagas->ended);
    fct_mem_free(sagas->mem, sagas->ending);
    fct_mutex_finish(&sagas->lock);
    fct_mem_free(sagas->mem, sagas);
}

factum_status factum_sagas_info_get(factum_sagas *sagas, factum_sagas_info *info, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (sagas == NULL || info == NULL || info->size < sizeof info->size) {
        return fct_fail(err, FACTUM_INVALID, "sagas: a place for the figures is needed");
    }
    size_t size = info->size < sizeof *info ? info->size : sizeof *info;
    fct_mutex_lock(&sagas->lock);
    memcpy(info, &sagas->info, size);
    fct_mutex_unlock(&sagas->lock);
    info->size = size;
    return FACTUM_OK;
}

factum_status factum_sagas_wait(factum_sagas *sagas, uint64_t place, int64_t timeout_ms,
                                factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (sagas == NULL || sagas->options.no_run) {
        return fct_fail(err, sagas == NULL ? FACTUM_INVALID : FACTUM_FAILED,
                        "sagas: they do not run here");
    }
    uint64_t deadline = factum_deadline(timeout_ms);
    for (;;) {
        factum_sagas_info info = {.size = sizeof info};
        uint32_t info_changes = atomic_load(&sagas->info_changes);
        factum_status status = factum_sagas_info_get(sagas, &info, err);
        if (status != FACTUM_OK || info.place >= place) {
            return status;
        }
        if (deadline != 0 && fct_os_monotonic(fct_os_real()) >= deadline) {
            return fct_fail(err, FACTUM_TIMEOUT, "sagas: they have come to %" PRIu64 "%s%s",
                            info.place, info.reason[0] != '\0' ? ": " : "", info.reason);
        }
        atomic_fetch_add(&sagas->info_waiters, 1);
        (void)fct_word_wait(&sagas->info_changes, info_changes, POLL_NS);
        atomic_fetch_sub(&sagas->info_waiters, 1);
    }
}

factum_status factum_sagas_list(factum_sagas *sagas, const factum_saga_filter *filter,
                                const factum_saga_each *each, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (sagas == NULL || sagas->lists == NULL || each == NULL || each->each == NULL) {
        return fct_fail(err, FACTUM_INVALID, "sagas: lists need a directory and a receiver");
    }
    return fct_saga_lists_list(sagas->lists, filter, each, err);
}

factum_status factum_sagas_timers(factum_sagas *sagas, const factum_saga_filter *filter,
                                  const factum_saga_timer_each *each, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (sagas == NULL || sagas->lists == NULL || each == NULL || each->each == NULL) {
        return fct_fail(err, FACTUM_INVALID, "sagas: lists need a directory and a receiver");
    }
    return fct_saga_lists_timers(sagas->lists, filter, each, err);
}
