/* models_sync.c - appends wait for read models of mode sync. Layer: server. See models.h.
 *
 *     on_ended (appends.c) -> fct_models_sync_start     one atomic read if no such model exists
 *                             a job waits, SLICE_MS at a time, until the time is up
 *     fct_append_end       <- its end, with the model that is behind
 *
 * Invariant. An accepted append is never refused here: the answer names the model that is behind.
 */
#include <inttypes.h>
#include <stdio.h>

#include <factum/models.h>

#include "core/error.h"
#include "core/slice.h"
#include "os/os.h"
#include "server/job.h"
#include "server/models.h"
#include "wire/json_out.h"

#define SLICE_MS INT64_C(100) /* interval of checking whether the server stops */
#define ANSWER_MS 100         /* before the caller's deadline: time for the answer to arrive */
#define MS UINT64_C(1000000)

factum_status fct_models_check(const struct factum_models *models, factum_error *err)
{
    (void)models;
    (void)err;
    return FACTUM_OK;
}

/* ---- reporting ------------------------------------------------------------------------------- */

factum_status fct_models_put_behind(struct fct_buf *out, const struct fct_behind *behind)
{
    factum_status status = fct_buf_add_text(out, ",\"behind\":{\"model\":");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_json_out_text(out, behind->model);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_buf_printf(
        out, ",\"events\":%" PRIu64 ",\"seconds\":%" PRId64 ".%03d,\"detail\":", behind->events,
        behind->time / 1000000000, (int)(behind->time % 1000000000 / 1000000));
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_json_out_text(out, factum_slice_from(behind->text));
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_add_text(out, "}");
}

void fct_models_behind_text(const struct fct_behind *behind, char text[FCT_BEHIND_TEXT_SIZE])
{
    (void)snprintf(text, FCT_BEHIND_TEXT_SIZE, "%.*s; events=%" PRIu64 "; seconds=%" PRId64 ".%03d",
                   FCT_FMT(behind->model.len > 0 ? behind->model : FCT_SLICE("?")), behind->events,
                   behind->time / 1000000000, (int)(behind->time % 1000000000 / 1000000));
}

size_t fct_models_behind_field(const char *text, struct fct_field *field)
{
    *field = (struct fct_field){FCT_SLICE("factum-behind"), factum_slice_from(text)};
    return text[0] != '\0' ? 1 : 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

struct sync_wait {
    factum_models *models;
    uint64_t place;
    uint64_t until_ns;
    const _Atomic bool *stop;
    /* The model that is behind. */
    bool is_behind;
    factum_build_status status;
    factum_error err;
};

/* |deadline| is the caller's, as in factum_call: a finished append must not look late. */
static void begin_sync_wait(struct sync_wait *wait, factum_models *models, uint64_t place,
                            uint64_t deadline, const _Atomic bool *stop)
{
    *wait = (struct sync_wait){.models = models, .place = place, .stop = stop};
    wait->until_ns = fct_os_monotonic(fct_os_real()) + FCT_MODELS_SYNC_MS * MS;
    if (deadline != 0 && deadline - ANSWER_MS * MS < wait->until_ns) {
        wait->until_ns = deadline - ANSWER_MS * MS;
    }
}

/* Returns false if the time is up, or the models cannot be read. */
static bool wait_for_models(struct sync_wait *wait, const factum_new_event *events, size_t count)
{
    factum_status status = FACTUM_TIMEOUT;
    while (status == FACTUM_TIMEOUT) {
        uint64_t now = fct_os_monotonic(fct_os_real());
        int64_t left = now < wait->until_ns ? (int64_t)((wait->until_ns - now) / MS) : 0;
        wait->status = (factum_build_status){.size = sizeof wait->status};
        status =
            factum_models_wait_sync(wait->models, events, count, wait->place,
                                    left < SLICE_MS ? left : SLICE_MS, &wait->status, &wait->err);
        bool still =
            wait->status.state == FACTUM_BUILD_PAUSED || wait->status.state == FACTUM_BUILD_STOPPED;
        if (status == FACTUM_TIMEOUT && (left <= 0 || still || atomic_load(wait->stop))) {
            break;
        }
    }
    wait->is_behind = status != FACTUM_OK;
    return !wait->is_behind;
}

static struct fct_behind behind_of(const struct sync_wait *wait)
{
    return (struct fct_behind){wait->status.model, wait->status.behind_events,
                               wait->status.behind_time, wait->err.text};
}

/* ---- after an append ------------------------------------------------------------------------- */

struct sync_job {
    struct fct_job base;
    struct fct_pending *pending;
    struct sync_wait wait;
};

static factum_status work_on_sync(struct fct_job *base, factum_error *err)
{
    struct sync_job *job = FCT_CONTAINER_OF(base, struct sync_job, base);
    const factum_append_request *request = &job->pending->request;
    (void)err;
    begin_sync_wait(&job->wait, base->server->models, job->pending->op.result.position,
                    request->call != NULL ? request->call->deadline : 0, &base->stop);
    (void)wait_for_models(&job->wait, request->events, request->event_count);
    return FACTUM_OK;
}

static void end_sync_job(struct fct_job *base)
{
    struct sync_job *job = FCT_CONTAINER_OF(base, struct sync_job, base);
    struct fct_pending *pending = job->pending;
    struct fct_server *server = base->server;
    const struct fct_behind behind = behind_of(&job->wait);
    pending->behind = job->wait.is_behind ? &behind : NULL;
    fct_append_end(server, pending);
    fct_job_free(base);
}

static bool wants_sync(const struct fct_server *server, const struct fct_pending *pending)
{
    return server->models != NULL && pending->op.status == FACTUM_OK &&
           pending->op.action == FACTUM_ACTION_APPEND &&
           factum_models_wants_sync(server->models, pending->request.events,
                                    pending->request.event_count);
}

bool fct_models_sync_start(struct fct_server *server, struct fct_pending *pending)
{
    factum_error err;
    if (!wants_sync(server, pending)) {
        return false;
    }
    struct sync_job *job = fct_job_make(server, FCT_JOB_SYNC, sizeof *job, &err);
    factum_status status = job == NULL ? err.status : FACTUM_OK;
    if (job != NULL) {
        job->base.thread_name = "factum-sync";
        job->base.work = work_on_sync;
        job->base.ended = end_sync_job;
        job->pending = pending;
        status = fct_job_start(&job->base, &err);
        if (status != FACTUM_OK) {
            fct_job_free(&job->base);
        }
    }
    if (status != FACTUM_OK) {
        const struct fct_behind behind = {.text = err.text};
        /* cppcheck-suppress autoVariables; it is needed only until the append is ended, here */
        pending->behind = &behind;
        fct_append_end(server, pending);
    }
    return true;
}

/* ---- after a command ------------------------------------------------------------------------- */

/* Each event of the commit is waited for separately. */
static factum_status wait_for_commit(struct sync_wait *wait, factum_cursor *cursor,
                                     factum_error *err)
{
    factum_event event;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
        const factum_new_event wanted = {.stream = event.stream,
                                         .type = event.type,
                                         .tags = event.tags,
                                         .tag_count = event.tag_count};
        if (status == FACTUM_OK && !wait_for_models(wait, &wanted, 1)) {
            break;
        }
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

factum_status fct_models_sync_commit(struct fct_server *server, const factum_result *result,
                                     const _Atomic bool *stop, struct fct_buf *out)
{
    struct sync_wait wait;
    factum_cursor *cursor;
    const factum_read_request commit = fct_read_of_commit(result);
    if (server->models == NULL || !factum_models_any_sync(server->models) ||
        result->event_count == 0) {
        return FACTUM_OK;
    }
    begin_sync_wait(&wait, server->models, result->position, 0, stop);
    factum_status status = factum_read(server->store, &commit, &cursor, &wait.err);
    if (status == FACTUM_OK) {
        status = wait_for_commit(&wait, cursor, &wait.err);
        factum_cursor_close(cursor);
    }
    const struct fct_behind behind = behind_of(&wait);
    return status != FACTUM_OK || wait.is_behind ? fct_models_put_behind(out, &behind) : FACTUM_OK;
}
