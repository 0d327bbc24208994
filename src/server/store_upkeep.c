/* store_upkeep.c - Verify and Backup of factum.v1.Store: long work on a thread of its own, with
 * progress. Layer: server.
 *
 *     loop                                  thread
 *     message -> start                 ->   factum_verify / factum_backup
 *     every 200 ms: progress is sent   <-   done, total (atomic)
 *     the call is closed: stop = true  ->   the next step returns false: CANCELLED
 *     join, report, end of the call    <-   fct_loop_post, its last act
 *
 * Invariants.
 *  1. A job is freed by the loop alone, after its thread was joined.
 *  2. The server does not end while server->upkeep_count is not 0.
 */
#include "wire/store_upkeep.h"

#include <stdatomic.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "os/thread.h"
#include "server/store_calls.h"

#define UPKEEP_JOBS_MAX 2u
#define UPKEEP_PROGRESS_MS 200u
#define UPKEEP_PATH_SIZE 4096u

struct store_upkeep {
    struct fct_server *server;
    struct fct_grpc_call *call; /* NULL: the client has disconnected */
    struct fct_thread thread;
    struct fct_task task;
    struct fct_timer timer;
    _Atomic uint64_t done;
    _Atomic uint64_t total;
    _Atomic bool stop;
    uint64_t sent; /* sent last */
    bool backup;
    /* Used by the thread until |task| runs. */
    factum_status status;
    factum_error err;
    struct fct_store_upkept upkept;
    char to[UPKEEP_PATH_SIZE];
};

struct store_upkeep_state {
    struct store_upkeep *job;
};

/* ---- the thread ------------------------------------------------------------------------------ */

static bool upkeep_step(void *data, uint64_t done, uint64_t total)
{
    struct store_upkeep *job = data;
    atomic_store(&job->total, total);
    atomic_store(&job->done, done);
    return !atomic_load(&job->stop);
}

static void upkeep_run(void *data)
{
    struct store_upkeep *job = data;
    const factum_progress progress = {job, upkeep_step};
    factum_store *store = job->server->store;
    job->status = job->backup
                      ? factum_backup(store, job->to, &progress, &job->upkept.backup, &job->err)
                      : factum_verify(store, &progress, &job->upkept.verify, &job->err);
    fct_loop_post(job->server->loop, &job->task);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static factum_status upkeep_encode(struct store_upkeep *job)
{
    struct fct_buf *out = &job->call->out;
    job->upkept.done = atomic_load(&job->done);
    job->upkept.total = atomic_load(&job->total);
    return job->backup ? fct_store_encode_backed_up(out, &job->upkept)
                       : fct_store_encode_verified(out, &job->upkept);
}

static void upkeep_on_timer(struct fct_timer *timer)
{
    struct store_upkeep *job = FCT_CONTAINER_OF(timer, struct store_upkeep, timer);
    struct fct_grpc_call *call = job->call;
    uint64_t done = atomic_load(&job->done);
    if (call == NULL || call->finished || call->server->stopping) {
        atomic_store(&job->stop, true);
        return;
    }
    if (done == job->sent || fct_grpc_room(call) == 0) {
        return;
    }
    const struct fct_store_upkept progress = {.done = done, .total = atomic_load(&job->total)};
    job->sent = done;
    factum_status status = job->backup ? fct_store_encode_backed_up(&call->out, &progress)
                                       : fct_store_encode_verified(&call->out, &progress);
    if (status == FACTUM_OK) {
        fct_grpc_send(call);
    }
}

static void upkeep_report(struct store_upkeep *job)
{
    struct fct_grpc_call *call = job->call;
    struct store_upkeep_state *state = call->state;
    state->job = NULL;
    if (call->finished) {
        return;
    }
    bool damaged = !job->backup && job->status == FACTUM_CORRUPT;
    job->upkept.has_report = job->status == FACTUM_OK || damaged;
    if (job->upkept.has_report) {
        if (upkeep_encode(job) != FACTUM_OK) {
            fct_store_call_no_memory(call);
            return;
        }
        fct_grpc_send(call);
    }
    if (job->status == FACTUM_OK) {
        fct_grpc_finish_ok(call);
    } else {
        fct_store_call_fail(call, job->status, &job->err);
    }
}

static void upkeep_free(struct store_upkeep *job)
{
    struct fct_server *server = job->server;
    fct_timer_stop(&job->timer);
    FCT_ASSERT(server->upkeep_count > 0);
    server->upkeep_count--;
    fct_mem_free(server->mem, job);
}

static void upkeep_on_end(struct fct_task *task)
{
    struct store_upkeep *job = FCT_CONTAINER_OF(task, struct store_upkeep, task);
    fct_thread_join(&job->thread);
    if (job->call != NULL) {
        upkeep_report(job);
    }
    upkeep_free(job);
}

static struct store_upkeep *upkeep_make(struct fct_grpc_call *call, factum_error *err)
{
    struct fct_server *server = call->server;
    if (server->upkeep_count == UPKEEP_JOBS_MAX) {
        (void)fct_fail(
            err, FACTUM_BUSY,
            "too many verifications and backups are under way (limit %u): try again later",
            UPKEEP_JOBS_MAX);
        return NULL;
    }
    struct store_upkeep *job = fct_mem_zalloc(server->mem, 1, sizeof *job);
    if (job == NULL) {
        (void)fct_fail(err, FACTUM_NO_MEMORY, "the server is out of memory");
        return NULL;
    }
    server->upkeep_count++;
    job->server = server;
    job->call = call;
    job->task.run = upkeep_on_end;
    job->timer.run = upkeep_on_timer;
    job->upkept.verify.size = sizeof job->upkept.verify;
    job->upkept.backup.size = sizeof job->upkept.backup;
    return job;
}

static void upkeep_start(struct fct_grpc_call *call, struct store_upkeep *job)
{
    struct store_upkeep_state *state = call->state;
    factum_error err;
    fct_timer_start(call->server->loop, &job->timer, UPKEEP_PROGRESS_MS, UPKEEP_PROGRESS_MS);
    state->job = job;
    factum_status status = fct_thread_start(&job->thread, "factum-upkeep", upkeep_run, job, &err);
    if (status != FACTUM_OK) {
        state->job = NULL;
        upkeep_free(job);
        fct_store_call_fail(call, status, &err);
    }
}

static void verify_message(struct fct_grpc_call *call, factum_slice message)
{
    factum_error err = {.status = FACTUM_OK};
    struct store_upkeep *job = NULL;
    if (!fct_grpc_allowed(call, FCT_OP_VERIFY, fct_slice(NULL, 0))) {
        return;
    }
    if (fct_store_decode_verify(message, &err) == FACTUM_OK) {
        job = upkeep_make(call, &err);
    }
    if (job == NULL) {
        fct_store_call_fail(call, err.status, &err);
        return;
    }
    upkeep_start(call, job);
}

static factum_status backup_check(factum_slice to, factum_error *err)
{
    if (to.len == 0 || to.ptr[0] != '/' || memchr(to.ptr, 0, to.len) != NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "backup: the directory of the server must be an absolute path");
    }
    if (to.len >= UPKEEP_PATH_SIZE) {
        return fct_fail(err, FACTUM_TOO_BIG, "backup: the path is longer than %u bytes",
                        UPKEEP_PATH_SIZE - 1);
    }
    return FACTUM_OK;
}

static void backup_message(struct fct_grpc_call *call, factum_slice message)
{
    factum_slice to;
    factum_error err = {.status = FACTUM_OK};
    struct store_upkeep *job = NULL;
    if (!fct_grpc_allowed(call, FCT_OP_BACKUP, fct_slice(NULL, 0))) {
        return;
    }
    factum_status status = fct_store_decode_backup(message, &to, &err);
    if (status == FACTUM_OK) {
        status = backup_check(to, &err);
    }
    if (status == FACTUM_OK) {
        job = upkeep_make(call, &err);
    }
    if (job == NULL) {
        fct_store_call_fail(call, err.status, &err);
        return;
    }
    job->backup = true;
    memcpy(job->to, to.ptr, to.len);
    upkeep_start(call, job);
}

static void upkeep_closed(struct fct_grpc_call *call)
{
    struct store_upkeep_state *state = call->state;
    if (state->job != NULL) {
        state->job->call = NULL;
        atomic_store(&state->job->stop, true);
    }
}

const struct fct_grpc_method fct_store_verify_method = {
    .path = FCT_STORE_PATH("Verify"),
    .state_size = sizeof(struct store_upkeep_state),
    .message = verify_message,
    .closed = upkeep_closed,
};

const struct fct_grpc_method fct_store_backup_method = {
    .path = FCT_STORE_PATH("Backup"),
    .state_size = sizeof(struct store_upkeep_state),
    .message = backup_message,
    .closed = upkeep_closed,
};
