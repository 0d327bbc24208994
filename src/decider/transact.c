/* transact.c - a command from its arrival to its answer. Layer: decider.
 *
 *     (over the decider's own query: known key? --yes--> the first answer; no: ask the query)
 *          v
 *     cached fold? --no--> known key? --yes--> the first answer
 *          |                   | no
 *          |                read all
 *          v                   v
 *        decide <----- decide again <---------------- wait, read what is newer
 *          |  \                ^                               ^
 *          |   accepted: append under the key --others first---+   (at most retries_max times)
 *          |                   | written, or known key
 *          |                   v
 *          |                answer
 *          +- no-op, rejected, failed: read what is newer if the fold was cached; changed: decide
 *             again; otherwise known key? the first answer, or this one
 *
 * Invariants:
 *  1. Events are written only at the state that was read: at its revision and the revision of its
 *     metadata, or under the condition of its query.
 *  2. A no-op, a rejection or the failure of a decision is answered only on a state that was read
 *     during this call, and only if the key was looked up then or later. The state may include what
 *     an earlier attempt of this very command has done. Then the key exists, since one append wrote
 *     both.
 *  3. A fold is in the cache or in one call, never in both; a fold that failed is destroyed. Every
 *     turn that was taken is ended.
 */
#include "decider/transact.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/random.h"
#include "core/sized.h"
#include "core/slice.h"
#include "decider/cache.h"
#include "decider/load.h"
#include "decider/stamp.h"
#include "os/thread.h"

#define ARENA_SIZE_MAX                                                                             \
    ((size_t)256 << 20) /* an append has at most 32 MiB, and is printed and parsed */
#define NS_PER_MS UINT64_C(1000000)
#define WAIT_FIRST_NS NS_PER_MS
#define WAIT_DOUBLINGS_MAX 6 /* up to 64 ms */
#define METASTREAM "$$"

struct transaction {
    const struct fct_transact_world *world;
    factum_store *store;
    const factum_decider *decider;
    factum_transact_request request;
    factum_call call;          /* request.call points to it if the request had one */
    struct factum_arena arena; /* of the subject and the stamp */
    struct factum_arena decision_arena;
    struct fct_subject subject;
    struct fct_stamp stamp;
    struct fct_source source;
    struct factum_decision *decision;
    struct fct_cache_turn turn; /* zero without a cache */
    struct factum_fold *fold;
    bool fresh; /* the fold was read during this call */
    bool seeded;
    struct fct_random random;
    factum_result result;
};

/* ---- the key --------------------------------------------------------------------------------- */

static factum_status key_used(const struct transaction *t, const factum_key_info *info,
                              factum_error *err)
{
    return fct_fail(err, FACTUM_KEY_CONFLICT,
                    "command id %.*s was used for another command, at position %" PRIu64
                    ": use a new id",
                    FCT_FMT(t->request.command_id), info->position);
}

/* Was a command with this id accepted? If so, the result is filled in, and *found is set. */
static factum_status find_first_answer(struct transaction *t, bool *found, factum_error *err)
{
    factum_key_info info = {.size = sizeof info};
    factum_question question = {
        .size = sizeof question,
        .kind = FACTUM_ASK_KEY,
        .call = t->request.call,
        .name = t->request.command_id,
        .key = &info,
    };
    *found = false;
    if (t->request.command_id.len == 0) {
        return FACTUM_OK;
    }
    factum_status status = fct_ask_and_wait(t->store, &question, err);
    if (status == FACTUM_NOT_FOUND) {
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (memcmp(info.fingerprint.bytes, t->stamp.hash.bytes, sizeof info.fingerprint.bytes) != 0) {
        return key_used(t, &info, err);
    }
    t->result = (factum_result){
        .verdict = FACTUM_ACCEPTED,
        .already = true,
        .retries = t->result.retries,
        .event_count = info.event_count,
        .first_position = info.first_position,
        .position = info.position,
        .revision = info.revision,
        .has_revision = true,
        .place = info.position,
    };
    *found = true;
    return FACTUM_OK;
}

/* ---- the append ------------------------------------------------------------------------------ */

struct appending {
    factum_new_event *events;
    factum_expectation *expectations;
    size_t expectation_count;
    factum_append_condition condition;
};

static void fill_events(const struct transaction *t, factum_new_event *events)
{
    for (size_t i = 0; i < t->decision->count; i++) {
        const struct fct_emitted *emitted = &t->decision->events[i];
        events[i] = (factum_new_event){
            .stream = emitted->stream,
            .type = emitted->type,
            .data = emitted->data,
            .metadata = t->stamp.metadata,
            .tags = emitted->tags,
            .tag_count = emitted->tag_count,
            .has_time = t->request.has_time,
            .time = t->request.time,
        };
    }
}

/* Expects the stream as it was read, and its metadata, which decides which events a read
 * returns. */
static factum_status expect_stream(struct transaction *t, struct appending *appending)
{
    factum_slice stream = t->subject.stream;
    uint8_t *name = factum_arena_alloc(&t->decision_arena, stream.len + sizeof METASTREAM);
    if (name == NULL) {
        return FACTUM_NO_MEMORY;
    }
    memcpy(name, METASTREAM, sizeof METASTREAM - 1);
    memcpy(name + sizeof METASTREAM - 1, stream.ptr, stream.len);
    appending->expectations[0] = (factum_expectation){
        .stream = stream,
        .expected = t->fold->exists ? factum_at(t->fold->info.revision) : factum_no_stream(),
    };
    appending->expectations[1] = (factum_expectation){
        .stream = fct_slice(name, sizeof METASTREAM - 1 + stream.len),
        .expected =
            t->fold->has_metadata ? factum_at(t->fold->metadata_revision) : factum_no_stream(),
    };
    appending->expectation_count = 2;
    return FACTUM_OK;
}

static void expect_any(const struct transaction *t, struct appending *appending)
{
    for (size_t i = 0; i < t->decision->count; i++) {
        factum_slice stream = t->decision->events[i].stream;
        size_t known = 0;
        while (known < appending->expectation_count &&
               !fct_slice_equal(appending->expectations[known].stream, stream)) {
            known++;
        }
        if (known == appending->expectation_count) {
            appending->expectations[appending->expectation_count++] =
                (factum_expectation){.stream = stream, .expected = factum_any()};
        }
    }
    appending->condition =
        (factum_append_condition){.query = t->subject.query, .after = t->fold->info.place};
}

static factum_status append_decision(struct transaction *t, factum_append_result *result,
                                     factum_error *err)
{
    struct appending appending = {.expectation_count = 0};
    size_t count = t->decision->count;
    bool stream = t->subject.stream.len > 0;
    appending.events = factum_arena_alloc(&t->decision_arena, count * sizeof *appending.events);
    appending.expectations = factum_arena_alloc(
        &t->decision_arena, (stream ? 2 : count) * sizeof *appending.expectations);
    factum_status status = fct_arena_status(&t->decision_arena, "the append", err);
    if (status == FACTUM_OK && stream) {
        (void)expect_stream(t, &appending);
        status = fct_arena_status(&t->decision_arena, "the append", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (!stream) {
        expect_any(t, &appending);
    }
    fill_events(t, appending.events);
    const factum_append_request request = {
        .size = sizeof request,
        .events = appending.events,
        .event_count = count,
        .expectations = appending.expectations,
        .expectation_count = appending.expectation_count,
        .condition = stream ? NULL : &appending.condition,
        .idempotency_key = t->request.command_id,
        .durability = t->request.durability,
        .system = t->request.system,
        .fingerprint = t->stamp.hash,
        .call = t->request.call,
    };
    return factum_append(t->store, &request, result, NULL, err);
}

/* ---- after the append ------------------------------------------------------------------------ */

static void drop_fold(struct transaction *t)
{
    factum_fold_destroy(t->fold);
    t->fold = NULL;
}

/* A stored event has the tags that it was emitted with, and those that its schema takes from its
 * data. So it is known whether the event fits the query only if it fits by the former, or if no tag
 * could make it fit. */
static bool knows_own_events(const struct transaction *t)
{
    for (size_t i = 0; i < t->decision->count; i++) {
        const struct fct_emitted *event = &t->decision->events[i];
        if (!fct_subject_fits(&t->subject, event) && fct_subject_may_fit(&t->subject, event)) {
            return false;
        }
    }
    return true;
}

/* Folds the appended events, so that the next command need not read them. A fold that fails is
 * dropped: the append has succeeded all the same. */
static void take_own_events(struct transaction *t, const factum_append_result *result)
{
    factum_error ignored;
    struct factum_fold *fold = t->fold;
    /* Such a state is not cached, and parse_stored needs stored events. */
    if (t->decider->release != NULL) {
        drop_fold(t);
        return;
    }
    if (!knows_own_events(t)) {
        fold->behind = true;
        return;
    }
    for (size_t i = 0; i < t->decision->count; i++) {
        const struct fct_emitted *event = &t->decision->events[i];
        if (!fct_subject_fits(&t->subject, event)) {
            continue;
        }
        if (fct_fold_evolve(fold, event->typed, &ignored) != FACTUM_OK) {
            drop_fold(t);
            return;
        }
        fold->info.event_count++;
    }
    fold->exists = true;
    fold->info.revision = result->revision;
    fold->info.position = result->position;
    fold->info.place = result->position;
}

static factum_status answer_appended(struct transaction *t, const factum_append_result *result,
                                     factum_error *err)
{
    bool found = false;
    if (result->already) { /* this attempt may have decided differently: read what was written */
        factum_status status = find_first_answer(t, &found, err);
        if (status != FACTUM_OK || found) {
            return status;
        }
        return fct_fail(err, FACTUM_CORRUPT,
                        "decider %s: command id %.*s was recognised and is not found",
                        t->decider->name, FCT_FMT(t->request.command_id));
    }
    t->result.verdict = FACTUM_ACCEPTED;
    t->result.event_count = t->decision->count;
    t->result.first_position = result->first_position;
    t->result.position = result->position;
    t->result.revision = result->revision;
    t->result.has_revision = true;
    t->result.place = result->position;
    take_own_events(t, result);
    return FACTUM_OK;
}

/* Waits between 0 and 1, 2, 4 ... 64 ms at random, so that commands that lost a race do not collide
 * again. */
static factum_status wait_to_retry(struct transaction *t, factum_error *err)
{
    const struct fct_os *os = t->world->os;
    uint32_t doublings =
        t->result.retries < WAIT_DOUBLINGS_MAX ? t->result.retries : WAIT_DOUBLINGS_MAX;
    if (!t->seeded) {
        factum_status status = fct_os_random(os, &t->random.state, sizeof t->random.state, err);
        if (status != FACTUM_OK) {
            return status;
        }
        t->seeded = true;
    }
    uint64_t wait = fct_random_below(&t->random, (WAIT_FIRST_NS << doublings) + 1);
    uint64_t start = fct_os_monotonic(os);
    uint64_t deadline = t->call.deadline;
    uint64_t passed = 0;
    while (passed < wait) {
        if (deadline > 0 && start + passed >= deadline) {
            return fct_fail(err, FACTUM_EXPIRED,
                            "decider %s: the deadline has passed after %" PRIu32
                            " lost race%s: nothing was appended",
                            t->decider->name, t->result.retries + 1,
                            t->result.retries == 0 ? "" : "s");
        }
        _Atomic uint32_t word = 0;
        (void)fct_word_wait(&word, 0, wait - passed);
        passed = fct_os_monotonic(os) - start;
    }
    return FACTUM_OK;
}

/* Others appended first: OK if the command may be decided again, on a newer state. */
static factum_status lost_race(struct transaction *t, factum_status status, factum_error *err)
{
    uint32_t retries_max =
        t->request.retries_max == 0 ? FACTUM_RETRIES_MAX : t->request.retries_max;
    bool changed;
    if (t->request.no_retry || t->result.retries >= retries_max) {
        return fct_wrap(err, status, "decider %s: other writers were faster, %" PRIu32 " retr%s",
                        t->decider->name, t->result.retries, t->result.retries == 1 ? "y" : "ies");
    }
    if (t->fresh) { /* otherwise only the state was old, and there may be no rival to collide with
                     */
        status = wait_to_retry(t, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    t->result.retries++;
    t->fresh = true;
    return fct_load_newer(&t->source, t->fold, &changed, err);
}

/* The outcome is unknown: look the key up. If it is not found, the append may still be under way,
 * so its error is returned. */
static factum_status ask_outcome(struct transaction *t, factum_error *err)
{
    factum_error ignored;
    bool found;
    factum_status status = find_first_answer(t, &found, &ignored);
    if (status == FACTUM_OK && found) {
        return FACTUM_OK;
    }
    return fct_wrap(err, FACTUM_UNKNOWN_OUTCOME, "decider %s: %s", t->decider->name,
                    t->request.command_id.len > 0 ? "send the command again with the same id"
                                                  : "read before it is sent again");
}

/* If events name their streams, a command can lead them to any name. Without |system| no such name
 * may be a system stream, nor a stream's metadata, which only an append of its own may write. */
static factum_status check_streams(const struct transaction *t, factum_error *err)
{
    bool free_choice = t->subject.stream.len == 0 && !t->request.system;
    for (size_t i = 0; free_choice && i < t->decision->count; i++) {
        factum_slice stream = t->decision->events[i].stream;
        if (stream.len > 0 && stream.ptr[0] == '$') {
            return fct_fail(err, FACTUM_INVALID,
                            "decider %s emits into %.*s: names that begin with '$' are the "
                            "system's",
                            t->decider->name, FCT_FMT(stream));
        }
    }
    return FACTUM_OK;
}

/* ---- what is not written --------------------------------------------------------------------- */

/* May the command be answered without an append? Only on a state that was read during this call,
 * and if no accepted command has the key. *changed: the state was old, decide again; *done: the
 * result is the first answer. */
static factum_status check_state(struct transaction *t, bool *changed, bool *done,
                                 factum_error *err)
{
    factum_status status = FACTUM_OK;
    *changed = false;
    if (!t->fresh) {
        status = fct_load_newer(&t->source, t->fold, changed, err);
        t->fresh = true;
    }
    return status != FACTUM_OK || *changed ? status : find_first_answer(t, done, err);
}

/* The decision, or its append, has failed with |failure| before anything was written. The cause may
 * be an old state, or a state in which an earlier attempt of this command has taken effect. */
static factum_status answer_failed(struct transaction *t, factum_status failure, bool *done,
                                   factum_error *err)
{
    const factum_error why = *err;
    bool changed;
    factum_status status = check_state(t, &changed, done, err);
    if (status != FACTUM_OK || changed || *done) {
        return status;
    }
    *err = why;
    return failure;
}

static factum_status answer_unwritten(struct transaction *t, factum_verdict verdict, bool *done,
                                      factum_error *err)
{
    bool changed;
    factum_status status = check_state(t, &changed, done, err);
    if (status != FACTUM_OK || changed || *done) {
        return status;
    }
    *done = true;
    t->result.verdict = verdict;
    t->result.revision = t->fold->info.revision;
    t->result.has_revision = t->fold->exists;
    t->result.place = t->fold->info.place;
    if (verdict == FACTUM_REJECTED) {
        memcpy(t->result.code, t->decision->code, strlen(t->decision->code) + 1);
        memcpy(t->result.text, t->decision->text, strlen(t->decision->text) + 1);
    }
    return FACTUM_OK;
}

/* ---- what is written ------------------------------------------------------------------------- */

/* *done: the result is the answer. */
static factum_status commit_decision(struct transaction *t, bool *done, factum_error *err)
{
    factum_append_result result;
    factum_status status = check_streams(t, err);
    if (status == FACTUM_OK) {
        status = append_decision(t, &result, err);
    }
    *done = true;
    switch ((int)status) {
    case FACTUM_OK:
        return answer_appended(t, &result, err);
    case FACTUM_WRONG_REVISION:
    case FACTUM_CONDITION_FAILED:
        *done = false;
        return lost_race(t, status, err);
    case FACTUM_UNKNOWN_OUTCOME:
        return ask_outcome(t, err);
    case FACTUM_KEY_CONFLICT:
        return fct_wrap(err, status, "command id %.*s was used for another command",
                        FCT_FMT(t->request.command_id));
    case FACTUM_INVALID:
    case FACTUM_TOO_BIG:
    case FACTUM_SCHEMA_VIOLATION:
        *done = false;
        return answer_failed(t, status, done, err);
    default:
        return status;
    }
}

/* ---- from beginning to end ------------------------------------------------------------------- */

/* Asks the decider's own query, unless the key answers: an accepted command has its answer whatever
 * the query returns by now, or even if the query fails. */
static factum_status get_subject(struct transaction *t, bool *done, factum_error *err)
{
    factum_status status = t->subject.of_command ? find_first_answer(t, done, err) : FACTUM_OK;
    return status == FACTUM_OK && !*done
               ? fct_subject_ask(&t->subject, t->decider, t->request.command, &t->arena, err)
               : status;
}

/* Takes a fold from the cache, as new as this store's last command on it, or reads one now, unless
 * the key answers. get_subject may have asked the key already. */
static factum_status get_fold(struct transaction *t, bool *done, factum_error *err)
{
    if (t->request.cache != NULL) {
        t->turn = fct_cache_take(t->request.cache, t->world->os, t->decider, t->subject.key,
                                 t->call.deadline);
        t->fold = t->turn.fold;
    }
    if (t->fold != NULL && !t->fold->behind) {
        return FACTUM_OK;
    }
    factum_status status = t->subject.of_command ? FACTUM_OK : find_first_answer(t, done, err);
    if (status != FACTUM_OK || *done) {
        return status;
    }
    if (t->fold != NULL) {
        bool changed;
        t->fresh = true;
        return fct_load_newer(&t->source, t->fold, &changed, err);
    }
    status = fct_fold_create(t->world->mem, t->decider, t->request.state_size_max, &t->fold, err);
    if (status == FACTUM_OK) {
        t->fresh = true;
        status = fct_load_all(&t->source, t->fold, err);
    }
    return status;
}

static factum_status run(struct transaction *t, factum_error *err)
{
    bool done = false;
    factum_status status = get_subject(t, &done, err);
    if (status == FACTUM_OK && !done) {
        status = get_fold(t, &done, err);
    }
    while (status == FACTUM_OK && !done) {
        factum_verdict verdict;
        fct_decision_init(t->decision, t->decider, &t->decision_arena, t->subject.stream);
        status = fct_decide_now(t->decision, t->fold->state, t->request.command, &verdict, err);
        if (status == FACTUM_OK) {
            status = verdict == FACTUM_ACCEPTED ? commit_decision(t, &done, err)
                                                : answer_unwritten(t, verdict, &done, err);
        } else {
            status = answer_failed(t, status, &done, err);
        }
    }
    return status;
}

/* Completes and checks the request. */
static factum_status begin(struct transaction *t, const factum_transact_request *request,
                           factum_error *err)
{
    factum_status status = fct_decider_check(t->decider, err);
    if (status == FACTUM_OK) {
        status =
            fct_sized_read(&t->request, sizeof t->request, request, "transact: the request", err);
    }
    if (status == FACTUM_OK && t->request.call != NULL) {
        status =
            fct_sized_read(&t->call, sizeof t->call, t->request.call, "transact: the call", err);
        t->request.call = &t->call;
        if (t->request.correlation_id.len == 0) {
            t->request.correlation_id = t->call.correlation_id;
        }
    }
    if (status == FACTUM_OK && t->request.cache != NULL &&
        !fct_cache_is_of(t->request.cache, t->store)) {
        t->request.cache = NULL;
        status = fct_fail(err, FACTUM_INVALID, "transact: the cache belongs to another store");
    }
    if (status == FACTUM_OK) {
        status = fct_subject_init(&t->subject, t->decider, &t->request, &t->arena, err);
    }
    if (status == FACTUM_OK) {
        status = fct_stamp_make(&t->stamp, t->decider, &t->request, &t->subject, &t->arena, err);
    }
    t->source =
        (struct fct_source){.store = t->store, .subject = &t->subject, .call = t->request.call};
    return status;
}

/* A fold that was read to its end goes back to the cache. A fold of a stream with $maxCount or
 * $maxAge does not: the result of a read changes there without an append. */
static void end(struct transaction *t, factum_status status)
{
    bool whole =
        status == FACTUM_OK || status == FACTUM_WRONG_REVISION || status == FACTUM_CONDITION_FAILED;
    bool useful = whole && t->fold != NULL && t->fold->broken == FACTUM_OK && !t->fold->windowed &&
                  t->decider->release == NULL;
    if (!useful) {
        drop_fold(t);
    }
    if (t->request.cache != NULL) {
        fct_cache_give(t->request.cache, t->turn, t->fold);
    } else {
        factum_fold_destroy(t->fold);
    }
    factum_arena_finish(&t->decision_arena);
    factum_arena_finish(&t->arena);
}

factum_status fct_transact(const struct fct_transact_world *world, factum_store *store,
                           const factum_decider *decider, const factum_transact_request *request,
                           factum_result *result, factum_error *err)
{
    struct factum_decision decision; /* not in |t|, which is cleared */
    struct transaction t = {
        .world = world, .store = store, .decider = decider, .decision = &decision};
    fct_arena_init(&t.arena, world->mem, ARENA_SIZE_MAX);
    fct_arena_init(&t.decision_arena, world->mem, ARENA_SIZE_MAX);
    factum_status status = begin(&t, request, err);
    if (status == FACTUM_OK) {
        status = run(&t, err);
    }
    if (status != FACTUM_OK) {
        t.result = (factum_result){.retries = t.result.retries};
    }
    if (result != NULL) {
        *result = t.result;
    }
    end(&t, status);
    return status;
}

factum_status factum_transact(factum_store *store, const factum_decider *decider,
                              const factum_transact_request *request, factum_result *result,
                              factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    const struct fct_transact_world world = {.mem = fct_mem_heap(), .os = fct_os_real()};
    if (store == NULL) {
        return fct_fail(err, FACTUM_INVALID, "transact: a store is needed");
    }
    return fct_transact(&world, store, decider, request, result, err);
}
