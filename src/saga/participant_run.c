/* participant_run.c - a run of a participant. Layer: saga.
 *
 *     run the follower until the caller's end or the first unanswered command is due
 *          |
 *     look up the unanswered commands that are due
 *          |
 *          +-- that was the reason: again
 *          +-- "try again later": wait, again
 *          +-- anything else: the end
 */
#include "core/error.h"
#include "core/log_sink.h"
#include "core/sized.h"
#include "os/thread.h"
#include "saga/participant.h"

#define RUN_NS_PER_MS UINT64_C(1000000)
#define RUN_DOUBLINGS_MAX 16u

bool fct_participant_may_retry(factum_status status)
{
    /* After UNKNOWN_OUTCOME of a store that has failed, the next call returns FAILED. */
    return factum_status_is_retryable(status) || status == FACTUM_UNREACHABLE ||
           status == FACTUM_UNKNOWN_OUTCOME || status == FACTUM_TIMEOUT;
}

static bool run_passed(uint64_t deadline)
{
    return deadline != 0 && factum_deadline(0) >= deadline;
}

/* The earlier of two deadlines; 0: none. */
static uint64_t run_earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Waits a random part of a time that doubles with each try; not beyond |deadline|. */
static void run_wait(factum_participant *participant, uint64_t deadline)
{
    const factum_participant_options *options = &participant->options;
    uint32_t doublings = participant->retries - 1;
    doublings = doublings > RUN_DOUBLINGS_MAX ? RUN_DOUBLINGS_MAX : doublings;
    uint64_t most = (uint64_t)options->retry_first_ms << doublings;
    most = most > options->retry_last_ms ? options->retry_last_ms : most;
    uint64_t until =
        factum_deadline(0) + fct_random_below(&participant->random, most * RUN_NS_PER_MS + 1);
    until = run_earlier(until, deadline);
    for (uint64_t now = factum_deadline(0); now < until && atomic_load(&participant->stop) == 0;
         now = factum_deadline(0)) {
        (void)fct_word_wait(&participant->stop, 0, until - now);
    }
}

static void run_look_up(factum_participant *participant)
{
    const struct fct_unanswered_look look = {
        .store = participant->store,
        .now = factum_deadline(0),
        .next = factum_deadline(participant->options.unhandled_after_ms),
        .log = &participant->log,
    };
    fct_unanswered_look_up(&participant->unanswered, &look);
    atomic_store(&participant->unhandled_count, fct_unanswered_count(&participant->unanswered));
}

/* Does the run continue after |status|? Waits first if it has to try again. */
static bool run_goes_on(factum_participant *participant, const factum_follow_until *until,
                        factum_status status, const factum_error *err)
{
    const factum_participant_options *options = &participant->options;
    if (atomic_load(&participant->stop) != 0) {
        return false;
    }
    if (status == FACTUM_DONE) {
        return participant->yielded;
    }
    if (run_passed(until->deadline)) {
        return false;
    }
    if (status == FACTUM_TIMEOUT && run_passed(participant->run_until)) {
        return true; /* the run ended itself */
    }
    if (!fct_participant_may_retry(status) ||
        (options->retries_max > 0 && participant->retries >= options->retries_max)) {
        return false;
    }
    participant->retries++;
    atomic_fetch_add(&participant->retry_count, 1);
    fct_log_message(&participant->log, FACTUM_LOG_WARN, "participant.retry",
                    "service %.*s tries again later: %s", FCT_FMT(options->service), err->text);
    run_wait(participant, until->deadline);
    return true;
}

static uint64_t run_event_count(const factum_participant *participant)
{
    factum_follow_info info = {.size = sizeof info};
    return factum_follow_info_get(participant->follow, &info, NULL) == FACTUM_OK ? info.event_count
                                                                                 : 0;
}

static factum_status run_all(factum_participant *participant, const factum_follow_until *until,
                             factum_error *err)
{
    factum_status status = FACTUM_OK;
    const uint64_t began = run_event_count(participant);
    bool again = true;
    participant->retries = 0;
    while (again) {
        factum_follow_until step = *until;
        uint64_t done = run_event_count(participant) - began;
        if (until->event_count != 0 && done >= until->event_count) {
            return FACTUM_OK;
        }
        step.event_count = until->event_count == 0 ? 0 : until->event_count - done;
        step.deadline = run_earlier(until->deadline, fct_unanswered_due(&participant->unanswered));
        participant->run_until = step.deadline;
        participant->yielded = false;
        status = factum_follow_run(participant->follow, &step, err);
        run_look_up(participant);
        again = status != FACTUM_OK && run_goes_on(participant, until, status, err);
    }
    return status;
}

factum_status factum_participant_run(factum_participant *participant,
                                     const factum_follow_until *until, factum_error *err)
{
    factum_error own;
    factum_follow_until full = {.size = sizeof full};
    err = fct_error_or(err, &own);
    if (participant == NULL) {
        return fct_fail(err, FACTUM_INVALID, "participant: a participant is needed");
    }
    if (until != NULL) {
        factum_status status =
            fct_sized_read(&full, sizeof full, until, "participant: the end of the run", err);
        if (status != FACTUM_OK) {
            return status;
        }
        full.size = sizeof full;
    }
    if (atomic_exchange(&participant->running, 1) != 0) {
        return fct_fail(err, FACTUM_INVALID, "participant %.*s: it runs already",
                        FCT_FMT(participant->options.service));
    }
    factum_status status = run_all(participant, &full, err);
    atomic_store(&participant->running, 0);
    return status;
}
