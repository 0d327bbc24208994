/* http_job.c - see http_job.h. Layer: server. */
#include "server/http_job.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "wire/json_out.h"

#define JOB_LOOK_MS 20u
#define JOB_OUT_MAX ((size_t)64 << 20)

/* At once. A proof may take a processor for long, a state its memory, and a command both for a
 * little while. */
static const size_t jobs_max[FCT_JOB_KINDS] = {
    [FCT_JOB_SHORT] = 16,
    [FCT_JOB_PROOF] = 2,
    [FCT_JOB_STATE] = 8,
    [FCT_JOB_COMMAND] = 32,
};

static void job_run(void *data)
{
    struct fct_http_job *job = data;
    job->status = job->work(job, &job->err);
    fct_loop_post(job->call->server->loop, &job->task);
}

static void job_on_timer(struct fct_timer *timer)
{
    struct fct_http_job *job = FCT_CONTAINER_OF(timer, struct fct_http_job, timer);
    if (job->call->server->stopping) {
        atomic_store(&job->stop, true);
    }
}

static void job_free(struct fct_http_job *job)
{
    struct fct_server *server = job->call->server;
    fct_timer_stop(&job->timer);
    FCT_ASSERT(server->jobs[job->kind] > 0);
    server->jobs[job->kind]--;
    if (job->finish != NULL) {
        job->finish(job);
    }
    fct_buf_finish(&job->out);
    fct_mem_free(server->mem, job);
}

void fct_http_job_answer(struct fct_http_job *job)
{
    if (job->status != FACTUM_OK) {
        fct_http_refuse(job->call, &(struct fct_http_refusal){.code = job->status,
                                                              .status = job->http_status,
                                                              .detail = job->err.text,
                                                              .more = fct_buf_slice(&job->out)});
        return;
    }
    char text[32];
    (void)snprintf(text, sizeof text, "\"%" PRIu64 "\"", job->tag);
    const struct fct_field etag = {FCT_SLICE("etag"), factum_slice_from(text)};
    fct_http_answer(job->call,
                    &(struct fct_http_answer){
                        .status = job->http_status == 0 ? 200 : job->http_status,
                        .type = "application/json",
                        .body = job->out.len == 0 ? FCT_SLICE("{}") : fct_buf_slice(&job->out),
                        .fields = &etag,
                        .field_count = job->has_tag ? 1 : 0});
}

static void job_on_end(struct fct_task *task)
{
    struct fct_http_job *job = FCT_CONTAINER_OF(task, struct fct_http_job, task);
    struct fct_http_call *call = job->call;
    fct_thread_join(&job->thread);
    call->state = NULL;
    call->work = NULL;
    bool gone = call->exchange == NULL;
    if (!gone && job->answer != NULL) {
        job->answer(job);
    } else if (!gone) {
        fct_http_job_answer(job);
    }
    job_free(job);
    if (gone) {
        fct_http_free(call);
    }
}

static bool job_call_closed(struct fct_http_call *call)
{
    struct fct_http_job *job = call->state;
    atomic_store(&job->stop, true);
    return true;
}

static const struct fct_http_work job_work = {.closed = job_call_closed};

void *fct_http_job_make(struct fct_http_call *call, enum fct_job_kind kind, size_t size)
{
    struct fct_server *server = call->server;
    factum_error err;
    FCT_ASSERT(size >= sizeof(struct fct_http_job));
    if (server->jobs[kind] >= jobs_max[kind]) {
        (void)fct_fail(&err, FACTUM_BUSY, "%zu such calls are under way: try again later",
                       jobs_max[kind]);
        fct_http_fail(call, FACTUM_BUSY, &err);
        return NULL;
    }
    struct fct_http_job *job = fct_mem_zalloc(server->mem, 1, size);
    if (job == NULL) {
        (void)fct_fail(&err, FACTUM_NO_MEMORY, "the server is out of memory");
        fct_http_fail(call, FACTUM_NO_MEMORY, &err);
        return NULL;
    }
    server->jobs[kind]++;
    job->call = call;
    job->kind = kind;
    job->task.run = job_on_end;
    job->timer.run = job_on_timer;
    fct_buf_init(&job->out, server->mem, JOB_OUT_MAX);
    return job;
}

void fct_http_job_start(struct fct_http_job *job, factum_status status, factum_error *err)
{
    struct fct_http_call *call = job->call;
    if (status == FACTUM_OK) {
        status = fct_thread_start(&job->thread, job->thread_name, job_run, job, err);
    }
    if (status != FACTUM_OK) {
        job_free(job);
        fct_http_fail(call, status, err);
        return;
    }
    call->state = job;
    call->work = &job_work;
    fct_timer_start(call->server->loop, &job->timer, JOB_LOOK_MS, JOB_LOOK_MS);
}

factum_status fct_http_put(struct fct_buf *out, const char *start, factum_slice text)
{
    factum_status status = fct_buf_add_text(out, start);
    return status == FACTUM_OK ? fct_json_out_text(out, text) : status;
}

factum_status fct_http_put_end(factum_status status, factum_error *err)
{
    return status == FACTUM_OK ? FACTUM_OK
                               : fct_fail(err, status, "the answer could not be made: %s",
                                          factum_status_text(status));
}
