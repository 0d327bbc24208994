/* kurrent_append.c - Append and BatchAppend of KurrentDB's service Streams. Layer: server.
 *
 * Append: options, then a message for each event; one answer. BatchAppend: a call that lives as
 * long as its client, with many appends at once, each in one or more chunks that share a
 * correlation id, each answered once, in any order.
 *
 * Invariants of a batch.
 *  1. A correlation id gets one answer. Chunks without options, of an id that is not being
 *     collected, are not answered: old clients crash at an answer for an id that they have
 *     forgotten.
 *  2. |open| contains the appends that wait for their last chunk, at most OPEN_MAX; |running| those
 *     that were started.
 *  3. One append never ends the call. A server that stops takes no more appends, answers those that
 *     run, and ends the call: its client then knows that it may try the others elsewhere.
 *  4. An append that waits for chunks holds nothing of the window, so that its client can send the
 *     rest. kurrent_job.c bounds the memory that it keeps, and WAIT_MS the time: otherwise a few
 *     unfinished appends would take that memory from all others.
 */
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "server/kurrent_int.h"
#include "server/models.h"

#define OPEN_MAX 64
#define WAIT_MS 30000 /* from one message of an append to the next, if it has no deadline */
#define NS_PER_MS 1000000

/* Their client has disconnected: running jobs continue without an answer. */
static void leave_running(struct fct_kurrent_job **list)
{
    while (*list != NULL) {
        struct fct_kurrent_job *job = *list;
        *list = job->next;
        job->slot = NULL;
        job->call = NULL;
    }
}

/* ---- Append ---------------------------------------------------------------------------------- */

struct append_state {
    struct fct_kurrent_job *job;     /* being collected */
    struct fct_kurrent_job *running; /* the same job once it was started */
};

/* Ends the call with OK; the trailer factum-behind names a model of mode sync that is behind. */
static void finish_with_behind(struct fct_grpc_call *call, const struct fct_behind *behind)
{
    char text[FCT_BEHIND_TEXT_SIZE] = "";
    struct fct_field field;
    if (behind != NULL) {
        fct_models_behind_text(behind, text);
    }
    size_t count = fct_models_behind_field(text, &field);
    fct_grpc_finish(call, FCT_GRPC_OK, fct_slice(NULL, 0), &field, count);
}

static void append_answer(struct fct_kurrent_job *job)
{
    struct fct_grpc_call *call = job->call;
    if (job->refused && job->refusal.kind != FCT_KURRENT_REFUSAL_WRONG_VERSION) {
        fct_kurrent_job_fail_call(job, "Append");
        return;
    }
    struct fct_kurrent_appended appended = {.revision = {false, 0}};
    if (!job->refused) {
        appended = fct_kurrent_job_result(job);
    }
    factum_status status = job->refused
                               ? fct_kurrent_encode_wrong_version(&call->out, &job->refusal.wrong)
                               : fct_kurrent_encode_appended(&call->out, &appended);
    if (status == FACTUM_OK) {
        fct_grpc_send(call);
        finish_with_behind(call, job->pending.behind);
    } else {
        fct_grpc_finish(call, FCT_GRPC_RESOURCE_EXHAUSTED, FCT_SLICE("out of memory"), NULL, 0);
    }
}

static void append_submit(struct append_state *state)
{
    struct fct_kurrent_job *job = state->job;
    state->job = NULL;
    fct_kurrent_job_join(job, &state->running);
    fct_kurrent_job_start(job);
}

static void on_message_late(struct fct_timer *timer)
{
    struct fct_kurrent_job *job = FCT_CONTAINER_OF(timer, struct fct_kurrent_job, timer);
    fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_TIMEOUT, "");
    append_submit(job->call->state);
}

static void append_message(struct fct_grpc_call *call, factum_slice message)
{
    struct append_state *state = call->state;
    struct fct_kurrent_append append;
    factum_error err;
    bool first = state->job == NULL;
    if (first) {
        state->job = fct_kurrent_job_create(call);
        if (state->job == NULL) {
            fct_grpc_finish(call, FCT_GRPC_RESOURCE_EXHAUSTED, FCT_SLICE("out of memory"), NULL, 0);
            return;
        }
        state->job->answer = append_answer;
        fct_kurrent_job_trace(state->job);
        state->job->timer.run = on_message_late;
    }
    if (call->deadline == 0) {
        fct_timer_start(call->server->loop, &state->job->timer, WAIT_MS, 0);
    }
    if (state->job->refused) {
        return; /* the refusal is sent at the end */
    }
    factum_slice kept = fct_kurrent_job_keep(state->job, message);
    if (state->job->refused) {
        return;
    }
    factum_status status = fct_kurrent_decode_append(kept, &append, &err);
    if (status != FACTUM_OK) {
        fct_kurrent_job_refuse(state->job, FCT_KURRENT_REFUSAL_BAD_REQUEST, err.text);
    } else if (first != (append.content == FCT_KURRENT_APPEND_OPTIONS)) {
        fct_kurrent_job_refuse(state->job, FCT_KURRENT_REFUSAL_BAD_REQUEST,
                               "options come first, then the proposed messages");
    } else if (first) {
        fct_kurrent_job_target(state->job, &append.options);
    } else {
        fct_kurrent_job_add(state->job, &append.proposed);
    }
}

static void append_end(struct fct_grpc_call *call)
{
    struct append_state *state = call->state;
    if (state->job == NULL) {
        fct_grpc_finish(call, FCT_GRPC_INVALID_ARGUMENT, FCT_SLICE("the request has no message"),
                        NULL, 0);
        return;
    }
    append_submit(state);
}

static void append_closed(struct fct_grpc_call *call)
{
    struct append_state *state = call->state;
    if (state->job != NULL) {
        fct_kurrent_job_free(state->job);
    }
    leave_running(&state->running);
}

const struct fct_grpc_method fct_kurrent_append_method = {
    .path = "/event_store.client.streams.Streams/Append",
    .state_size = sizeof(struct append_state),
    .streams_requests = true,
    .message = append_message,
    .end = append_end,
    .closed = append_closed,
};

/* ---- BatchAppend ----------------------------------------------------------------------------- */

struct batch_state {
    struct fct_grpc_call *call;
    struct fct_watcher watcher; /* is called when the server stops */
    struct fct_kurrent_job *open;
    struct fct_kurrent_job *running;
    size_t open_count;
    bool ended;
    bool refusing;                     /* the server stops */
    char behind[FCT_BEHIND_TEXT_SIZE]; /* of the last append that has one */
};

static void finish_if_done(struct fct_grpc_call *call)
{
    struct batch_state *state = call->state;
    if (state->running != NULL) {
        return;
    }
    if (state->refusing) {
        fct_grpc_finish(call, FCT_GRPC_UNAVAILABLE, FCT_SLICE("the server is shutting down"), NULL,
                        0);
    } else if (state->ended && state->open == NULL) {
        struct fct_field field;
        size_t count = fct_models_behind_field(state->behind, &field);
        fct_grpc_finish(call, FCT_GRPC_OK, fct_slice(NULL, 0), &field, count);
    }
}

/* The server stops: otherwise the call would stay open as long as its client lives. */
static void batch_news(struct fct_watcher *watcher, uint32_t news)
{
    struct batch_state *state = FCT_CONTAINER_OF(watcher, struct batch_state, watcher);
    (void)news;
    if (state->call->server->stopping) {
        state->refusing = true;
        finish_if_done(state->call);
    }
}

static void batch_begin(struct fct_grpc_call *call)
{
    struct batch_state *state = call->state;
    state->call = call;
    state->watcher.news = batch_news;
    fct_feeds_watch(call->server, &state->watcher);
}

static void batch_answer(struct fct_kurrent_job *job)
{
    struct fct_grpc_call *call = job->call;
    struct batch_state *state = call->state;
    const struct fct_kurrent_batch_reply reply = {
        .correlation_id = job->correlation_id,
        .stream = job->expectation.stream,
        .expected = job->expected,
    };
    struct fct_kurrent_appended appended = {.revision = {false, 0}};
    if (!job->refused) {
        appended = fct_kurrent_job_result(job);
    }
    factum_status status = job->refused
                               ? fct_kurrent_encode_batch_refused(&call->out, &reply, &job->refusal)
                               : fct_kurrent_encode_batch_appended(&call->out, &reply, &appended);
    if (status != FACTUM_OK) { /* out of memory: the client must not wait for ever */
        fct_grpc_finish(call, FCT_GRPC_RESOURCE_EXHAUSTED, FCT_SLICE("out of memory"), NULL, 0);
        return;
    }
    if (job->pending.behind != NULL) {
        fct_models_behind_text(job->pending.behind, state->behind);
    }
    fct_grpc_send(call);
    fct_kurrent_job_leave(job); /* no answer: the job ends now */
    FCT_ASSERT(state->running != job);
    finish_if_done(call);
}

static void batch_start(struct batch_state *state, struct fct_kurrent_job *job)
{
    if (job->slot != NULL) { /* it was open */
        fct_kurrent_job_leave(job);
        state->open_count--;
    }
    fct_kurrent_job_join(job, &state->running);
    fct_kurrent_job_start(job);
}

static void on_chunk_late(struct fct_timer *timer)
{
    struct fct_kurrent_job *job = FCT_CONTAINER_OF(timer, struct fct_kurrent_job, timer);
    fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_TIMEOUT, "");
    batch_start(job->call->state, job);
}

static struct fct_kurrent_job *find_open(struct batch_state *state, const factum_uuid *id)
{
    struct fct_kurrent_job *job = state->open;
    while (job != NULL && !fct_uuid_equal(job->correlation_id.uuid, *id)) {
        job = job->next;
    }
    return job;
}

/* Returns the milliseconds to the deadline of a batch; 0: it has passed. */
static int64_t time_left(struct fct_grpc_call *call, const struct fct_kurrent_batch *batch)
{
    int64_t left = batch->deadline_ns;
    if (batch->deadline == FCT_KURRENT_DEADLINE_AT) {
        int64_t now = factum_now(call->server->store);
        left = batch->deadline_ns > now ? batch->deadline_ns - now : 0;
    }
    return left <= 0 ? 0 : (left - 1) / NS_PER_MS + 1;
}

static void heed_deadline(struct fct_kurrent_job *job, const struct fct_kurrent_batch *batch)
{
    if (batch->deadline == FCT_KURRENT_DEADLINE_NONE) {
        return;
    }
    int64_t left = time_left(job->call, batch);
    if (left == 0) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_TIMEOUT, "");
        return;
    }
    job->context.deadline = factum_deadline(left);
    if (!batch->is_final) {
        fct_timer_start(job->server->loop, &job->timer,
                        left > INT32_MAX ? INT32_MAX : (unsigned)left, 0);
    }
}

/* Begins an append with its first chunk. Returns NULL without memory, after it has ended the
 * call. */
static struct fct_kurrent_job *begin_job(struct fct_grpc_call *call,
                                         const struct fct_kurrent_batch *batch)
{
    struct fct_kurrent_job *job = fct_kurrent_job_create(call);
    if (job == NULL) {
        fct_grpc_finish(call, FCT_GRPC_RESOURCE_EXHAUSTED, FCT_SLICE("out of memory"), NULL, 0);
        return NULL;
    }
    job->answer = batch_answer;
    job->timer.run = on_chunk_late;
    job->correlation_id = batch->correlation_id;
    job->expected = batch->options.expected;
    job->expectation.stream = batch->options.stream; /* until it is copied, for a refusal */
    return job;
}

/* Collects the events of the chunk |batch|, from a copy of |message| that lasts. */
static void collect(struct fct_kurrent_job *job, factum_slice message,
                    struct fct_kurrent_batch *batch, bool is_first)
{
    struct fct_kurrent_proposed proposed;
    factum_error err = {.status = FACTUM_OK};
    if (job->refused) {
        return;
    }
    factum_slice kept = fct_kurrent_job_keep(job, message);
    if (job->refused) {
        return;
    }
    fct_kurrent_move_batch(batch, message, kept.ptr);
    if (is_first) {
        fct_kurrent_job_target(job, &batch->options);
        heed_deadline(job, batch);
    }
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && !job->refused) {
        status = fct_kurrent_batch_next(batch, &proposed, &err);
        if (status == FACTUM_OK) {
            fct_kurrent_job_add(job, &proposed);
        }
    }
    if (status < 0) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_BAD_REQUEST, err.text);
    }
}

static void batch_message(struct fct_grpc_call *call, factum_slice message)
{
    struct batch_state *state = call->state;
    struct fct_kurrent_batch batch;
    factum_error err;
    if (call->server->stopping) {
        state->refusing = true;
        finish_if_done(call);
        return;
    }
    factum_status status = fct_kurrent_decode_batch(message, &batch, &err);
    if (status != FACTUM_OK || batch.correlation_id.form == FCT_KURRENT_ID_NONE ||
        batch.correlation_id.form == FCT_KURRENT_ID_MALFORMED) {
        fct_grpc_finish(call, FCT_GRPC_INVALID_ARGUMENT,
                        status == FACTUM_OK ? FCT_SLICE("a batch needs a correlation id")
                                            : factum_slice_from(err.text),
                        NULL, 0);
        return;
    }
    struct fct_kurrent_job *job = find_open(state, &batch.correlation_id.uuid);
    bool is_first = job == NULL;
    if (is_first && !batch.has_options) {
        return; /* invariant 1 */
    }
    if (is_first && (job = begin_job(call, &batch)) == NULL) {
        return;
    }
    collect(job, message, &batch, is_first);
    if (is_first && !batch.is_final && state->open_count == OPEN_MAX) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_BAD_REQUEST,
                               "too many appends wait for their last chunk");
    }
    if (batch.is_final || (is_first && job->refused)) {
        job->held = job->kept;
        fct_grpc_hold(call, job->held);
        batch_start(state, job);
        return;
    }
    if (is_first) {
        fct_kurrent_job_join(job, &state->open);
        state->open_count++;
    }
    if (job->context.deadline == 0) {
        fct_timer_start(call->server->loop, &job->timer, WAIT_MS, 0);
    }
}

static void batch_end(struct fct_grpc_call *call)
{
    struct batch_state *state = call->state;
    state->ended = true;
    while (state->open != NULL) {
        struct fct_kurrent_job *job = state->open;
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_BAD_REQUEST,
                               "the call ended before the last chunk");
        batch_start(state, job);
    }
    finish_if_done(call);
}

static void batch_closed(struct fct_grpc_call *call)
{
    struct batch_state *state = call->state;
    fct_feeds_unwatch(&state->watcher);
    while (state->open != NULL) {
        fct_kurrent_job_free(state->open);
    }
    leave_running(&state->running);
}

const struct fct_grpc_method fct_kurrent_batch_method = {
    .path = "/event_store.client.streams.Streams/BatchAppend",
    .state_size = sizeof(struct batch_state),
    .streams_requests = true,
    .bidirectional = true,
    .begin = batch_begin,
    .message = batch_message,
    .end = batch_end,
    .closed = batch_closed,
};
