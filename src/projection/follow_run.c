/* follow_run.c - one run of a follower. Layer: projection.
 *
 *     load the checkpoint, check that it belongs to this history
 *          |
 *     subscribe after it  <-----------------------------------+
 *          |                                                  |
 *     next: an event? --> take the checkpoint over (once)     |
 *          |              deliver it --failure--> undo -------+ others were undone with it: they
 *          |                          |                         are delivered again, then it alone
 *          |                          +-- it was alone: the run ends
 *     save the checkpoint, if that is due
 *
 * Invariants:
 *  1. |kept| is at or before |place|, and |each| has returned from every event up to |place|. In a
 *     run |kept| never falls.
 *  2. In the store, no event is delivered before this follower owns the checkpoint.
 *  3. With a keeper, nothing waits while |unsaved| > 0: the caller's transaction may be open.
 */
#include "projection/follow.h"

#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "projection/follow_checkpoint.h"

#define FOLLOW_NS_PER_MS UINT64_C(1000000)
#define FOLLOW_PLACE_POLL_MS 20 /* how often it looks whether a place is visible */
/* So many unwanted events are worth a checkpoint of their own. Checkpoints are events too: two
 * followers of everything would otherwise answer each other for ever. */
#define FOLLOW_PASSED_MAX UINT64_C(10000)

struct follow_run {
    factum_follow *follow;
    const factum_follow_until *until;
    struct fct_follow_checkpoint saved; /* the saved checkpoint; outside the store only its token */
    uint64_t place;
    uint64_t kept;    /* the place of the saved checkpoint; without one, where the run began */
    uint64_t unsaved; /* events since the last checkpoint */
    bool held_back;   /* the last checkpoint was not moved up to |place| */
    /* Monotonic time of the last checkpoint, or of the last decision not to save one. */
    uint64_t kept_at;
    uint64_t count; /* events delivered in this run */
    uint64_t alone; /* the position of an event that is delivered alone; UINT64_MAX: none */
    bool caught_up;
    bool dirty;  /* |each|, or |save| of a keeper, was called since the last checkpoint */
    bool broken; /* a checkpoint could not be saved: the run ends, and saves none */
    bool again;  /* everything after the checkpoint has to be delivered again */
};

static uint64_t follow_now(const struct follow_run *run)
{
    return fct_os_monotonic(run->follow->world.os);
}

static factum_status follow_wrap(const struct follow_run *run, factum_status status,
                                 factum_error *err)
{
    return fct_wrap(err, status, "follow %.*s", FCT_FMT(run->follow->options.name));
}

static uint64_t follow_store_events(const struct follow_run *run)
{
    factum_info info = {.size = sizeof info};
    factum_error ignored; /* without the count, a crash only means more events to read again */
    return factum_info_get(run->follow->store, &info, &ignored) == FACTUM_OK ? info.event_count : 0;
}

/* The invariants at the head of this file, between two turns. */
static void follow_run_check(const struct follow_run *run)
{
    FCT_ASSERT(run->follow->subscription != NULL);
    FCT_ASSERT(run->kept <= run->place);
    FCT_ASSERT(run->unsaved <= run->count);
    FCT_ASSERT(run->follow->kept_outside || run->unsaved == 0 ||
               memcmp(&run->saved.owner, &run->follow->owner, sizeof run->follow->owner) == 0);
}

/* ---- the checkpoint -------------------------------------------------------------------------- */

static void follow_kept(struct follow_run *run)
{
    run->unsaved = 0;
    run->dirty = false;
    run->kept_at = follow_now(run);
    atomic_store(&run->follow->kept, run->saved.token[0] == '\0' ? 0 : run->kept);
}

/* Saves |token| and makes this follower the owner of the checkpoint. */
static factum_status follow_save(struct follow_run *run, const char *token, factum_error *err)
{
    factum_follow *follow = run->follow;
    factum_status status;
    if (follow->kept_outside) {
        *err = (factum_error){.status = FACTUM_OK};
        run->dirty = true;
        status = follow->keeper.save(follow->keeper.data, run->saved.token, token, err);
        if (status > 0 || (status < 0 && err->text[0] == '\0')) {
            status = fct_fail(err, status > 0 ? FACTUM_INVALID : status,
                              "the checkpoint was not saved: %s", factum_status_text(status));
        }
        if (status == FACTUM_OK) {
            memcpy(run->saved.token, token, FACTUM_TOKEN_SIZE);
        }
    } else {
        struct fct_follow_checkpoint next = {.owner = follow->owner};
        memcpy(next.token, token, FACTUM_TOKEN_SIZE);
        next.events = follow_store_events(run);
        status = fct_follow_checkpoint_save(follow->store, follow->stream, follow->request.call,
                                            &run->saved, &next, err);
        if (status == FACTUM_WRONG_REVISION) {
            run->broken = true;
            return fct_fail(err, status,
                            "follow %.*s: another follower has made this checkpoint its own: what "
                            "was given since the last one may have been given twice",
                            FCT_FMT(follow->options.name));
        }
    }
    if (status != FACTUM_OK) {
        run->broken = true;
        return follow_wrap(run, status, err);
    }
    atomic_fetch_add(&follow->checkpoint_count, 1);
    return FACTUM_OK;
}

/* The place that the checkpoint may move to. */
static uint64_t follow_done_place(const struct follow_run *run)
{
    const factum_follow_options *options = &run->follow->options;
    uint64_t held = options->first_held == NULL ? 0 : options->first_held(options->data);
    return held > 0 && held <= run->place ? held - 1 : run->place;
}

static factum_status follow_keep(struct follow_run *run, factum_error *err)
{
    factum_follow *follow = run->follow;
    char token[FACTUM_TOKEN_SIZE];
    uint64_t place = follow_done_place(run);
    bool moves = place > run->kept;
    memcpy(token, run->saved.token, sizeof token);
    if (moves) {
        factum_token_format(follow->store, place, token);
    }
    run->held_back = place < run->place;
    if (moves || (follow->kept_outside && run->unsaved > 0)) {
        factum_status status = follow_save(run, token, err);
        if (status != FACTUM_OK) {
            return status;
        }
        run->kept = moves ? place : run->kept;
    }
    follow_kept(run);
    return FACTUM_OK;
}

/* Have enough unwanted events passed for a checkpoint of their own? */
static bool follow_passed_many(const struct follow_run *run)
{
    if (run->place <= run->kept) {
        return false;
    }
    if (run->follow->kept_outside) {
        return true;
    }
    uint64_t events = follow_store_events(run);
    return events >= run->saved.events && events - run->saved.events >= FOLLOW_PASSED_MAX;
}

static uint64_t follow_interval(const struct follow_run *run)
{
    uint64_t ms = run->follow->options.interval_ms;
    return ms > UINT64_MAX / FOLLOW_NS_PER_MS ? UINT64_MAX : ms * FOLLOW_NS_PER_MS;
}

/* |idle|: no event can be delivered now. */
static bool follow_is_due(struct follow_run *run, bool idle)
{
    FCT_ASSERT(!run->again);
    if (run->unsaved == 0 && !idle) {
        return false;
    }
    if (run->unsaved >= run->follow->options.events_max ||
        (idle && run->unsaved > 0 && run->follow->kept_outside)) {
        return true;
    }
    uint64_t now = follow_now(run);
    if (now - run->kept_at < follow_interval(run)) {
        return false;
    }
    if (run->unsaved > 0 || run->held_back || follow_passed_many(run)) {
        return true;
    }
    run->kept_at = now; /* the next look is an interval later */
    return false;
}

/* ---- loading --------------------------------------------------------------------------------- */

static factum_status follow_load_outside(struct follow_run *run, factum_error *err)
{
    const factum_follow_keeper *keeper = &run->follow->keeper;
    *err = (factum_error){.status = FACTUM_OK};
    run->saved = (struct fct_follow_checkpoint){.present = true};
    factum_status status = keeper->load(keeper->data, run->saved.token, err);
    if (status > 0 || (status < 0 && err->text[0] == '\0')) {
        return fct_fail(err, status > 0 ? FACTUM_INVALID : status,
                        "the checkpoint was not loaded: %s", factum_status_text(status));
    }
    if (status == FACTUM_OK && memchr(run->saved.token, '\0', sizeof run->saved.token) == NULL) {
        return fct_fail(err, FACTUM_INVALID, "the checkpoint that was loaded is not a token");
    }
    return status;
}

/* The place of the loaded token, which must be of this history and not after the end of the
 * store. */
static factum_status follow_find_place(struct follow_run *run, uint64_t *place, factum_error *err)
{
    factum_store *store = run->follow->store;
    uint64_t visible;
    factum_status status =
        factum_token_parse(store, factum_slice_from(run->saved.token), place, err);
    if (status == FACTUM_WRONG_TIMELINE) {
        return fct_wrap(err, status,
                        "the checkpoint %s is not of this store's history, so what it counts as "
                        "done may never have happened here: make up for that, then follow under "
                        "another name or without a checkpoint",
                        run->saved.token);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_visible_place(store, &visible, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (*place > visible) {
        return fct_fail(
            err, FACTUM_WRONG_TIMELINE,
            "checkpoint_ahead: the checkpoint %s lies after the end of the store, %" PRIu64
            ", which was restored from an older copy or is another one: make up for "
            "what it has lost, then follow under another name or without a checkpoint",
            run->saved.token, visible);
    }
    return FACTUM_OK;
}

static factum_status follow_load(struct follow_run *run, factum_error *err)
{
    factum_follow *follow = run->follow;
    factum_status status = follow->kept_outside
                               ? follow_load_outside(run, err)
                               : fct_follow_checkpoint_load(follow->store, follow->stream,
                                                            follow->request.call, &run->saved, err);
    if (status == FACTUM_OK && run->saved.token[0] != '\0') {
        status = follow_find_place(run, &run->kept, err);
    }
    return status == FACTUM_OK ? status : follow_wrap(run, status, err);
}

/* ---- the subscription ------------------------------------------------------------------------ */

static void follow_leave(struct follow_run *run)
{
    factum_follow *follow = run->follow;
    fct_mutex_lock(&follow->lock);
    factum_subscription *subscription = follow->subscription;
    follow->subscription = NULL;
    fct_mutex_unlock(&follow->lock);
    factum_subscription_close(subscription);
}

/* Subscribes after the saved place, or where the request says. */
static factum_status follow_subscribe(struct follow_run *run, factum_error *err)
{
    factum_follow *follow = run->follow;
    factum_read_request request = follow->request;
    factum_subscription *subscription;
    if (run->saved.token[0] != '\0') {
        request.from = FACTUM_FROM_AFTER;
        request.from_value = run->kept;
    }
    factum_status status = factum_subscribe(follow->store, &request, &subscription, err);
    if (status != FACTUM_OK) {
        return follow_wrap(run, status, err);
    }
    fct_mutex_lock(&follow->lock);
    follow->subscription = subscription;
    if (atomic_load(&follow->stop) != 0) {
        factum_subscription_stop(subscription);
    }
    fct_mutex_unlock(&follow->lock);
    run->place = factum_subscription_checkpoint(subscription);
    run->kept = run->place;
    run->unsaved = 0;
    run->caught_up = false;
    run->again = false;
    return FACTUM_OK;
}

/* The first subscription of the run. If it begins at the end of the store, that place is saved at
 * once: a later run would miss the events in between. */
static factum_status follow_begin(struct follow_run *run, factum_error *err)
{
    char token[FACTUM_TOKEN_SIZE];
    factum_status status = follow_load(run, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = follow_subscribe(run, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (run->follow->request.from == FACTUM_FROM_END && run->saved.token[0] == '\0') {
        factum_token_format(run->follow->store, run->place, token);
        status = follow_save(run, token, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    follow_kept(run);
    return FACTUM_OK;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void follow_undo(struct follow_run *run)
{
    const factum_follow_keeper *keeper = &run->follow->keeper;
    if (run->dirty && run->follow->kept_outside && keeper->undo != NULL) {
        keeper->undo(keeper->data);
        run->dirty = false;
        run->unsaved = 0;
        run->place = run->kept;
    }
}

static factum_status follow_fail_event(const struct follow_run *run, const factum_event *event,
                                       factum_status status, factum_error *err)
{
    if (status > 0 || err->text[0] == '\0') {
        (void)fct_fail(err, status > 0 ? FACTUM_INVALID : status, "%s", factum_status_text(status));
    }
    return fct_wrap(err, status > 0 ? FACTUM_INVALID : status,
                    "follow %.*s: the event at position %" PRIu64 " (%.*s)",
                    FCT_FMT(run->follow->options.name), event->position, FCT_FMT(event->type));
}

/* |each| has failed with |status|. OK: everything since the checkpoint has to be delivered again.
 */
static factum_status follow_failed(struct follow_run *run, const factum_event *event,
                                   factum_status status, factum_error *err)
{
    bool undone = run->follow->kept_outside && run->follow->keeper.undo != NULL;
    if (undone) {
        bool others = run->unsaved > 0;
        follow_undo(run);
        if (others) {
            run->alone = event->position;
            run->again = true;
            return FACTUM_OK;
        }
    } else if (run->unsaved > 0) {
        factum_error ignored; /* the caller needs the event's failure */
        (void)follow_keep(run, &ignored);
    }
    return follow_fail_event(run, event, status, err);
}

/* Delivers |event|. DONE: |each| ends the run. */
static factum_status follow_give(struct follow_run *run, const factum_event *event,
                                 factum_error *err)
{
    factum_follow *follow = run->follow;
    factum_status status = FACTUM_OK;
    run->caught_up = false;
    if (run->until->place_set && event->position > run->until->place) {
        return FACTUM_OK; /* follow_reached ends the run; the next run reads the event again */
    }
    if (fct_follow_checkpoint_stream(event->stream)) {
        run->place = event->position;
        return FACTUM_OK;
    }
    if (!follow->kept_outside &&
        memcmp(&run->saved.owner, &follow->owner, sizeof follow->owner) != 0) {
        status = follow_save(run, run->saved.token, err);
    } else if (event->position == run->alone && run->unsaved > 0) {
        status = follow_keep(run, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    *err = (factum_error){.status = FACTUM_OK};
    run->dirty = true;
    status = follow->options.each(follow->options.data, event, err);
    if (status != FACTUM_OK && status != FACTUM_DONE) {
        return follow_failed(run, event, status, err);
    }
    run->place = event->position;
    run->unsaved++;
    run->count++;
    atomic_fetch_add(&follow->event_count, 1);
    return status;
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool follow_reached(const struct follow_run *run)
{
    const factum_follow_until *until = run->until;
    uint64_t seen = factum_subscription_checkpoint(run->follow->subscription);
    return (until->caught_up && run->caught_up) || (until->place_set && seen >= until->place) ||
           (until->event_count > 0 && run->count >= until->event_count);
}

static int64_t follow_ms_between(uint64_t now, uint64_t then)
{
    uint64_t left = then <= now ? 0 : (then - now - 1) / FOLLOW_NS_PER_MS + 1;
    return left > INT32_MAX ? INT32_MAX : (int64_t)left;
}

/* How long to wait for an event: until something else is due. */
static int64_t follow_wait_ms(const struct follow_run *run)
{
    uint64_t now = follow_now(run);
    int64_t left = 1000; /* then it looks at the events that passed */
    if (run->follow->kept_outside && run->unsaved > 0) {
        return 0;
    }
    if (run->unsaved > 0 || run->held_back) {
        uint64_t due = run->kept_at + follow_interval(run);
        int64_t until_due = follow_ms_between(now, due < run->kept_at ? UINT64_MAX : due);
        left = until_due < left ? until_due : left;
    }
    if (run->until->place_set && left > FOLLOW_PLACE_POLL_MS) {
        left = FOLLOW_PLACE_POLL_MS;
    }
    if (run->until->deadline != 0) {
        int64_t until_end = follow_ms_between(now, run->until->deadline);
        left = until_end < left ? until_end : left;
    }
    return left;
}

/* Handles one answer of the subscription. OK: go on. */
static factum_status follow_turn(struct follow_run *run, factum_error *err)
{
    factum_follow *follow = run->follow;
    factum_event event;
    bool idle = true;
    follow_run_check(run);
    FCT_ASSERT(!run->again);
    factum_status status =
        factum_subscription_next(follow->subscription, follow_wait_ms(run), &event, err);
    if (status == FACTUM_CANCELLED && atomic_load(&follow->stop) != 0) {
        return FACTUM_DONE;
    }
    if (status == FACTUM_OK) {
        status = follow_give(run, &event, err);
        idle = false;
    } else if (status == FACTUM_CAUGHT_UP || status == FACTUM_TIMEOUT || status == FACTUM_PENDING) {
        run->place = factum_subscription_checkpoint(follow->subscription);
        run->caught_up = run->caught_up || status == FACTUM_CAUGHT_UP;
        status = FACTUM_OK;
    } else {
        status = follow_wrap(run, status, err);
    }
    atomic_store(&follow->given, run->place);
    if (status == FACTUM_OK && !run->again && follow_is_due(run, idle)) {
        status = follow_keep(run, err);
    }
    return status;
}

static factum_status follow_loop(struct follow_run *run, factum_error *err)
{
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && !follow_reached(run)) {
        if (run->until->deadline != 0 && follow_now(run) >= run->until->deadline) {
            return FACTUM_TIMEOUT;
        }
        status = follow_turn(run, err);
        if (status == FACTUM_OK && run->again) {
            follow_leave(run);
            status = follow_subscribe(run, err);
        }
    }
    return status;
}

/* The run has ended with |status|: saves the checkpoint as far as possible. */
static factum_status follow_end(struct follow_run *run, factum_status status, factum_error *err)
{
    factum_error why;
    bool wanted = run->unsaved > 0 || run->held_back || follow_passed_many(run);
    factum_status kept = wanted && !run->broken ? follow_keep(run, &why) : FACTUM_OK;
    if (kept != FACTUM_OK && status >= 0) {
        *err = why;
        return kept;
    }
    return status;
}

factum_status fct_follow_run(factum_follow *follow, const factum_follow_until *until,
                             factum_error *err)
{
    struct follow_run run = {.follow = follow, .until = until, .alone = UINT64_MAX};
    if (atomic_load(&follow->stop) != 0) {
        return FACTUM_DONE;
    }
    factum_status status = follow_begin(&run, err);
    if (status == FACTUM_OK) {
        status = follow_end(&run, follow_loop(&run, err), err);
    }
    if (status < 0) {
        follow_undo(&run);
    }
    follow_leave(&run);
    return status;
}
