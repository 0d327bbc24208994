/* runner.c - see runner.h. Layer: projection. A user of the public API of the store.
 *
 * Invariants:
 *  1. |taken| only with a |target|.
 *  2. The batch has events only while the thread follows the store.
 *  3. |seen| is at or after the applier's checkpoint.
 *  4. After |ended| no work is accepted.
 */
#include "projection/runner.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/mem.h"
#include "os/os.h"
#include "os/thread.h"
#include "projection/apply_int.h"
#include "projection/batch.h"
#include "projection/source.h"

#define PAUSE_FIRST_MS INT64_C(100) /* before the first retry of a failure that may pass */
#define PAUSE_LAST_MS INT64_C(5000)
#define QUIET_MS INT64_C(5000) /* how often the checkpoint moves past unwanted events */
#define SOURCE_ARENA_MAX ((size_t)1 << 20)

/* A call of fct_runner_do, on its stack until |done|. */
struct runner_mail {
    const struct fct_runner_work *work;
    bool done;
    factum_status status;
    factum_error err;
};

struct fct_runner {
    struct fct_runner_options options;
    struct fct_thread thread;
    factum_arena arena; /* of |source| */
    struct fct_source source;
    struct fct_batch batch;
    /* Of the thread alone. */
    struct fct_target *target;
    struct fct_applier applier;
    bool taken; /* |applier| was begun */
    uint64_t seen;
    int64_t batch_due;   /* when the events of the batch have to be applied; monotonic milliseconds
                          */
    bool caught_up;      /* every event of the store is applied or in the batch */
    int64_t quiet_since; /* when the checkpoint was written last; monotonic milliseconds */
    int64_t retry_due;   /* wall clock; 0: none */
    /* Guarded by |lock|. */
    struct fct_mutex lock;
    struct fct_runner_status status;
    factum_subscription *subscription; /* stopped to wake the thread */
    bool stop;
    bool ended;
    factum_error end_error;   /* why, if |ended| */
    struct runner_mail *mail; /* the mailbox: NULL or the work that waits or is being done */
    _Atomic uint32_t changes; /* change counter, for waiting threads */
};

/* The invariants at the head of this file, on the runner's thread. */
static void runner_check(const struct fct_runner *runner)
{
    FCT_ASSERT(!runner->taken || runner->target != NULL);
    FCT_ASSERT(!runner->taken || runner->seen >= runner->applier.at.position);
    FCT_ASSERT(runner->batch.count == 0 || runner->subscription != NULL);
}

/* ---- what others see ------------------------------------------------------------------------- */

static void wake_waiters(struct fct_runner *runner)
{
    atomic_fetch_add(&runner->changes, 1);
    fct_word_wake(&runner->changes, FCT_WAKE_ALL);
    if (runner->options.notify != NULL) {
        runner->options.notify(runner->options.notify_data);
    }
}

static void show(struct fct_runner *runner, factum_build_state state, const char *reason)
{
    fct_mutex_lock(&runner->lock);
    bool changed = runner->status.state != state || runner->status.place != runner->seen;
    runner->status.state = state;
    runner->status.place = runner->seen;
    if (runner->taken) {
        runner->status.checkpoint = runner->applier.at;
        runner->status.parked = (struct fct_parked_counts){runner->applier.parked.count,
                                                           runner->applier.parked.event_count};
    }
    (void)snprintf(runner->status.reason, sizeof runner->status.reason, "%s", reason);
    fct_mutex_unlock(&runner->lock);
    if (changed) {
        wake_waiters(runner);
    }
}

void fct_runner_status_get(struct fct_runner *runner, struct fct_runner_status *status)
{
    fct_mutex_lock(&runner->lock);
    *status = runner->status;
    fct_mutex_unlock(&runner->lock);
}

static bool is_stopping(struct fct_runner *runner)
{
    fct_mutex_lock(&runner->lock);
    bool stop = runner->stop;
    fct_mutex_unlock(&runner->lock);
    return stop;
}

static int64_t wall_now(const struct fct_runner *runner)
{
    return factum_now(runner->options.store);
}

/* ---- the target ------------------------------------------------------------------------------ */

static void close_target(struct fct_runner *runner)
{
    if (runner->taken) {
        fct_applier_finish(&runner->applier);
        runner->taken = false;
    }
    if (runner->target != NULL) {
        runner->target->ops->close(runner->target);
        runner->target = NULL;
    }
    runner->options.opener.close(runner->options.opener.data);
}

/* Does the checkpoint belong to the history of this store? */
static factum_status check_checkpoint(struct fct_runner *runner, factum_error *err)
{
    const struct fct_checkpoint *at = &runner->applier.at;
    uint64_t place = 0;
    factum_status status = FACTUM_OK;
    if (at->token[0] != '\0') {
        status =
            factum_token_parse(runner->options.store, factum_slice_from(at->token), &place, err);
    }
    if (status == FACTUM_WRONG_TIMELINE || status == FACTUM_INVALID) {
        return fct_wrap(err, FACTUM_WRONG_TIMELINE,
                        "checkpoint_ahead: the model has events that this store does not have, "
                        "delete its file or rebuild it");
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_visible_place(runner->options.store, &place, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (at->position > place) {
        return fct_fail(err, FACTUM_WRONG_TIMELINE,
                        "checkpoint_ahead: the model has events up to position %" PRIu64
                        ", the store ends at %" PRIu64 ": is it an older backup? Delete the "
                        "model's file or rebuild it",
                        at->position, place);
    }
    return FACTUM_OK;
}

static factum_status open_target(struct fct_runner *runner, factum_error *err)
{
    const struct fct_target_opener *opener = &runner->options.opener;
    FCT_ASSERT(!runner->taken);
    FCT_ASSERT(runner->batch.count == 0);
    factum_status status =
        opener->open(opener->data, runner->options.definition, &runner->target, err);
    if (status != FACTUM_OK) {
        runner->target = NULL;
        return status;
    }
    status = fct_applier_begin(&runner->applier, runner->target, &runner->options.limits, err);
    if (status != FACTUM_OK) {
        return status;
    }
    runner->taken = true;
    status = opener->prepare(opener->data, &runner->applier, err);
    if (status != FACTUM_OK) {
        return status;
    }
    runner->seen = runner->applier.at.position;
    for (size_t i = 0; i < runner->applier.skipped_count && runner->applier.parked.count > 0; i++) {
        /* skipped while the runner did not run */
        status =
            fct_apply_skip(&runner->applier, runner->applier.skipped[i], wall_now(runner), err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    runner->retry_due = fct_parked_set_due(&runner->applier.parked);
    runner->quiet_since = fct_monotonic_ms();
    runner_check(runner);
    return check_checkpoint(runner, err);
}

/* ---- batches --------------------------------------------------------------------------------- */

/* Applies the events of the batch, and moves the checkpoint to |place|. */
static factum_status flush(struct fct_runner *runner, uint64_t place, factum_error *err)
{
    struct fct_batch *batch = &runner->batch;
    struct fct_checkpoint to = runner->applier.at;
    runner_check(runner);
    FCT_ASSERT(place >= to.position);
    to.position = place;
    if (batch->count > 0) {
        to.created = batch->events[batch->count - 1].created;
    }
    factum_token_format(runner->options.store, place, to.token);
    factum_status status =
        fct_apply_batch(&runner->applier, batch->events, batch->count, &to, wall_now(runner), err);
    fct_batch_reset(batch);
    if (status == FACTUM_OK) {
        runner->seen = place;
        runner->quiet_since = fct_monotonic_ms();
        runner->retry_due = fct_parked_set_due(&runner->applier.parked);
        runner_check(runner);
    }
    return status;
}

static factum_status load_parked(void *data, uint64_t position, factum_arena *arena,
                                 struct fct_bound_event *event, factum_error *err)
{
    struct fct_runner *runner = data;
    return fct_source_bind_again(runner->options.store, runner->batch.binder, position, arena,
                                 event, err);
}

static factum_status retry_due(struct fct_runner *runner, factum_error *err)
{
    const struct fct_parked_source source = {runner, load_parked};
    int64_t now = wall_now(runner);
    if (runner->retry_due == 0 || runner->retry_due > now) {
        return FACTUM_OK;
    }
    return fct_apply_retry(&runner->applier, NULL, false, &source, now, &runner->retry_due, err);
}

/* A runner tries all parked events once when it starts, because a retry may have been asked for
 * while it did not run. */
static factum_status retry_all(struct fct_runner *runner, factum_error *err)
{
    const struct fct_parked_source source = {runner, load_parked};
    return fct_apply_retry(&runner->applier, NULL, true, &source, wall_now(runner),
                           &runner->retry_due, err);
}

/* Empties the mailbox. */
static void complete_work(struct fct_runner *runner, factum_status status, const factum_error *err)
{
    fct_mutex_lock(&runner->lock);
    struct runner_mail *mail = runner->mail;
    if (mail != NULL) {
        FCT_ASSERT(!mail->done);
        mail->status = status;
        mail->err = *err;
        mail->done = true;
        runner->mail = NULL;
    }
    fct_mutex_unlock(&runner->lock);
    wake_waiters(runner);
}

/* Does the work in the mailbox. */
static factum_status do_work(struct fct_runner *runner, factum_error *err)
{
    const struct fct_parked_source source = {runner, load_parked};
    fct_mutex_lock(&runner->lock);
    const struct fct_runner_work *work = runner->mail == NULL ? NULL : runner->mail->work;
    fct_mutex_unlock(&runner->lock);
    if (work == NULL) {
        return FACTUM_OK;
    }
    err->text[0] = '\0';
    factum_status status = work->run(work->data, &runner->applier, &source, wall_now(runner), err);
    runner->retry_due = fct_parked_set_due(&runner->applier.parked);
    complete_work(runner, status, err);
    return status == FACTUM_INVALID || status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
}

/* ---- following ------------------------------------------------------------------------------- */

static int64_t wait_ms(const struct fct_runner *runner)
{
    if (runner->batch.count > 0) {
        int64_t left = runner->batch_due - fct_monotonic_ms();
        return left > 0 ? left : 0;
    }
    if (runner->retry_due == 0) {
        return QUIET_MS;
    }
    int64_t left = (runner->retry_due - wall_now(runner)) / 1000000 + 1;
    return left < 0 ? 0 : left < QUIET_MS ? left : QUIET_MS;
}

static bool is_live(struct fct_runner *runner)
{
    struct fct_runner_status status;
    fct_runner_status_get(runner, &status);
    return status.state == FACTUM_BUILD_LIVE;
}

/* No event can be read now: applies the batch if it is due, and moves the place. Moves the
 * checkpoint past unwanted events too, but not often. */
static factum_status pause_in_events(struct fct_runner *runner, bool caught_up, factum_error *err)
{
    uint64_t place = factum_subscription_checkpoint(runner->subscription);
    factum_status status = FACTUM_OK;
    runner_check(runner);
    runner->caught_up = runner->caught_up || caught_up;
    if (runner->batch.count > 0 && runner->batch_due > fct_monotonic_ms()) {
        return FACTUM_OK;
    }
    if (place < runner->seen) {
        place = runner->seen;
    }
    if (runner->batch.count > 0 || (place > runner->applier.at.position &&
                                    fct_monotonic_ms() - runner->quiet_since >= QUIET_MS)) {
        status = flush(runner, place, err);
    }
    if (status == FACTUM_OK) {
        runner->seen = place;
        show(runner,
             runner->caught_up || is_live(runner) ? FACTUM_BUILD_LIVE : FACTUM_BUILD_CATCHING_UP,
             "");
        runner->caught_up = false;
    }
    return status;
}

static factum_status take_event(struct fct_runner *runner, const factum_event *event,
                                factum_error *err)
{
    if (runner->batch.count == 0) {
        runner->batch_due = fct_monotonic_ms() + runner->options.batch_wait_ms;
    }
    factum_status status = fct_batch_add(&runner->batch, event, err);
    if (status == FACTUM_TOO_BIG) { /* apply the events before it first */
        status = flush(runner, runner->batch.events[runner->batch.count - 1].position, err);
        if (status == FACTUM_OK) {
            status = fct_batch_add(&runner->batch, event, err);
        }
    }
    if (status == FACTUM_OK && fct_batch_is_full(&runner->batch)) {
        status = flush(runner, event->position, err);
        if (status == FACTUM_OK) {
            show(runner, is_live(runner) ? FACTUM_BUILD_LIVE : FACTUM_BUILD_CATCHING_UP, "");
            status = retry_due(runner, err);
        }
    }
    return status;
}

/* Until a failure, or CANCELLED: another thread wants something. */
static factum_status follow(struct fct_runner *runner, factum_error *err)
{
    factum_event event;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK) {
        status = factum_subscription_next(runner->subscription, wait_ms(runner), &event, err);
        if (status == FACTUM_OK) {
            status = take_event(runner, &event, err);
        } else if (status == FACTUM_CAUGHT_UP || status == FACTUM_TIMEOUT) {
            status = pause_in_events(runner, status == FACTUM_CAUGHT_UP, err);
            if (status == FACTUM_OK) {
                status = retry_due(runner, err);
            }
        }
    }
    return status;
}

/* Subscribes after the place, and lets other threads stop the subscription. CANCELLED: another
 * thread wants something already. */
static factum_status subscribe(struct fct_runner *runner, factum_error *err)
{
    factum_read_request request = runner->source.request;
    factum_subscription *subscription;
    request.from = FACTUM_FROM_AFTER;
    request.from_value = runner->seen;
    factum_status status = factum_subscribe(runner->options.store, &request, &subscription, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_mutex_lock(&runner->lock);
    runner->subscription = subscription;
    bool wanted = runner->stop || runner->mail != NULL;
    fct_mutex_unlock(&runner->lock);
    return wanted ? FACTUM_CANCELLED : FACTUM_OK;
}

static void unsubscribe(struct fct_runner *runner)
{
    fct_mutex_lock(&runner->lock);
    factum_subscription *subscription = runner->subscription;
    runner->subscription = NULL;
    fct_mutex_unlock(&runner->lock);
    factum_subscription_close(subscription);
}

/* Until a failure or the stop. */
static factum_status run_build(struct fct_runner *runner, factum_error *err)
{
    factum_status status = open_target(runner, err);
    if (status == FACTUM_OK) {
        show(runner, FACTUM_BUILD_CATCHING_UP, "");
        status = retry_all(runner, err);
    }
    while (status == FACTUM_OK && !is_stopping(runner)) {
        status = subscribe(runner, err);
        if (status == FACTUM_OK) {
            status = follow(runner, err);
        }
        if (status == FACTUM_CANCELLED) {
            /* The events of an unfinished batch are read again. */
            fct_batch_reset(&runner->batch);
            runner->caught_up = false;
            status = do_work(runner, err);
        }
        unsubscribe(runner);
    }
    return status;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool may_pass(factum_status status)
{
    switch ((int)status) {
    case FACTUM_BUSY:
    case FACTUM_LOCKED:
    case FACTUM_NO_SPACE:
    case FACTUM_IO:
    case FACTUM_NO_MEMORY:
    case FACTUM_EXPIRED:
    case FACTUM_UNREACHABLE:
        return true;
    default:
        return false;
    }
}

/* Sleeps until the time is over or the runner is stopped. */
static void pause_for(struct fct_runner *runner, int64_t milliseconds)
{
    int64_t until = fct_monotonic_ms() + milliseconds;
    for (;;) {
        uint32_t seen = atomic_load(&runner->changes);
        int64_t left = until - fct_monotonic_ms();
        if (left <= 0 || is_stopping(runner)) {
            return;
        }
        (void)fct_word_wait(&runner->changes, seen, (uint64_t)left * 1000000u);
    }
}

static void log_state(const struct fct_runner *runner, const char *id, const char *text)
{
    fct_log_message(
        runner->options.log, FACTUM_LOG_WARN, id, "projection %.*s, version %" PRIu64 ": %s",
        FCT_FMT(runner->options.definition->name), runner->options.definition->version, text);
}

/* Completes waiting work that was not done. FAILED: no later work is accepted either. */
static void refuse_work(struct fct_runner *runner, factum_status status, const char *why)
{
    factum_error err;
    (void)fct_fail(&err, status, "the projection does not run: %s",
                   why[0] != '\0' ? why : "it was stopped");
    if (status == FACTUM_FAILED) {
        fct_mutex_lock(&runner->lock);
        runner->ended = true;
        runner->end_error = err;
        fct_mutex_unlock(&runner->lock);
    }
    complete_work(runner, status, &err);
}

/* Shows the checkpoint, which the breaker may have moved back. */
static void show_what_counts(struct fct_runner *runner)
{
    factum_error ignored;
    if (fct_applier_know_parked(&runner->applier, &ignored) == FACTUM_OK) {
        runner->seen = runner->applier.at.position;
        show(runner, FACTUM_BUILD_CATCHING_UP, "");
    }
}

static void run_thread(void *data)
{
    struct fct_runner *runner = data;
    factum_error err = {.status = FACTUM_OK};
    int64_t pause = PAUSE_FIRST_MS;
    factum_status status = FACTUM_OK;
    for (;;) {
        uint64_t before = runner->seen;
        status = run_build(runner, &err);
        fct_batch_reset(&runner->batch);
        if (status == FACTUM_FAILED && runner->taken) {
            show_what_counts(runner);
        }
        close_target(runner);
        if (is_stopping(runner) || !may_pass(status)) {
            break;
        }
        pause = runner->seen > before ? PAUSE_FIRST_MS : pause;
        log_state(runner, "projection.retry", err.text);
        show(runner, FACTUM_BUILD_RETRYING, err.text);
        refuse_work(runner, FACTUM_BUSY, err.text);
        pause_for(runner, pause);
        pause = pause * 2 < PAUSE_LAST_MS ? pause * 2 : PAUSE_LAST_MS;
    }
    if (status == FACTUM_DENIED) {
        log_state(runner, "projection.fenced", "another host runs it");
        show(runner, FACTUM_BUILD_FENCED, "another host runs it");
    } else if (status < FACTUM_OK && !is_stopping(runner)) {
        log_state(runner, "projection.stopped", err.text);
        fct_mutex_lock(&runner->lock);
        runner->status.file_gone = status == FACTUM_NOT_FOUND;
        fct_mutex_unlock(&runner->lock);
        show(runner, FACTUM_BUILD_STOPPED, err.text);
    }
    refuse_work(runner, FACTUM_FAILED, runner->status.reason);
}

/* ---- start and stop -------------------------------------------------------------------------- */

static void destroy(struct fct_runner *runner)
{
    fct_batch_finish(&runner->batch);
    factum_arena_finish(&runner->arena);
    fct_mutex_finish(&runner->lock);
    fct_mem_free(fct_mem_heap(), runner);
}

factum_status fct_runner_start(const struct fct_runner_options *options, struct fct_runner **runner,
                               factum_error *err)
{
    *runner = NULL;
    struct fct_runner *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "projection: out of memory");
    }
    made->options = *options;
    made->status.state = FACTUM_BUILD_STARTING;
    fct_mutex_init(&made->lock);
    fct_arena_init(&made->arena, fct_mem_heap(), SOURCE_ARENA_MAX);
    factum_status status = fct_source_init(&made->source, options->definition, &made->arena, err);
    if (status == FACTUM_OK) {
        status = fct_batch_init(&made->batch, options->definition, options->batch_events_max,
                                options->batch_size_max, err);
    }
    if (status == FACTUM_OK) {
        status = fct_thread_start(&made->thread, "projection", run_thread, made, err);
    }
    if (status != FACTUM_OK) {
        destroy(made);
        return status;
    }
    *runner = made;
    return FACTUM_OK;
}

/* With the lock. */
static void wake_runner(struct fct_runner *runner)
{
    if (runner->subscription != NULL) {
        factum_subscription_stop(runner->subscription);
    }
}

void fct_runner_stop(struct fct_runner *runner)
{
    if (runner == NULL) {
        return;
    }
    fct_mutex_lock(&runner->lock);
    runner->stop = true;
    wake_runner(runner);
    fct_mutex_unlock(&runner->lock);
    wake_waiters(runner);
    fct_thread_join(&runner->thread);
    destroy(runner);
}

/* Puts |mail| into the mailbox, after the work of other callers. */
static factum_status post_work(struct fct_runner *runner, struct runner_mail *mail,
                               factum_error *err)
{
    for (;;) {
        uint32_t seen = atomic_load(&runner->changes);
        fct_mutex_lock(&runner->lock);
        const bool ended = runner->ended;
        const bool posted = !ended && runner->mail == NULL;
        if (ended) {
            *err = runner->end_error;
        } else if (posted) {
            runner->mail = mail;
            wake_runner(runner);
        }
        fct_mutex_unlock(&runner->lock);
        if (ended || posted) {
            return ended ? FACTUM_FAILED : FACTUM_OK;
        }
        (void)fct_word_wait(&runner->changes, seen, UINT64_MAX);
    }
}

factum_status fct_runner_do(struct fct_runner *runner, const struct fct_runner_work *work,
                            factum_error *err)
{
    struct runner_mail mail = {.work = work};
    factum_status status = post_work(runner, &mail, err);
    if (status != FACTUM_OK) {
        return status;
    }
    for (;;) {
        uint32_t seen = atomic_load(&runner->changes);
        fct_mutex_lock(&runner->lock);
        const bool done = mail.done;
        fct_mutex_unlock(&runner->lock);
        if (done) {
            break;
        }
        (void)fct_word_wait(&runner->changes, seen, UINT64_MAX);
    }
    if (mail.status < FACTUM_OK) {
        *err = mail.err;
    }
    return mail.status;
}
