/* http_job.c - see http_job.h. Layer: server. */
#include "server/http_job.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/check.h"
#include "core/slice.h"
#include "wire/json_out.h"

static factum_status http_job_work(struct fct_job *base, factum_error *err)
{
    struct fct_http_job *job = FCT_CONTAINER_OF(base, struct fct_http_job, base);
    return job->work(job, err);
}

static void http_job_free(struct fct_http_job *job)
{
    if (job->finish != NULL) {
        job->finish(job);
    }
    fct_job_free(&job->base);
}

void fct_http_job_answer(struct fct_http_job *job)
{
    if (job->base.status != FACTUM_OK) {
        fct_http_refuse(job->call,
                        &(struct fct_http_refusal){.code = job->base.status,
                                                   .status = job->http_status,
                                                   .detail = job->base.err.text,
                                                   .more = fct_buf_slice(&job->base.out)});
        return;
    }
    char text[32];
    (void)snprintf(text, sizeof text, "\"%" PRIu64 "\"", job->tag);
    const struct fct_field etag = {FCT_SLICE("etag"), factum_slice_from(text)};
    fct_http_answer(job->call, &(struct fct_http_answer){
                                   .status = job->http_status == 0 ? 200 : job->http_status,
                                   .type = "application/json",
                                   .body = job->base.out.len == 0 ? FCT_SLICE("{}")
                                                                  : fct_buf_slice(&job->base.out),
                                   .fields = &etag,
                                   .field_count = job->has_tag ? 1 : 0});
}

static void http_job_ended(struct fct_job *base)
{
    struct fct_http_job *job = FCT_CONTAINER_OF(base, struct fct_http_job, base);
    struct fct_http_call *call = job->call;
    call->state = NULL;
    call->work = NULL;
    bool gone = call->exchange == NULL;
    if (!gone && job->answer != NULL) {
        job->answer(job);
    } else if (!gone) {
        fct_http_job_answer(job);
    }
    http_job_free(job);
    if (gone) {
        fct_http_free(call);
    }
}

static bool http_job_call_closed(struct fct_http_call *call)
{
    struct fct_http_job *job = call->state;
    atomic_store(&job->base.stop, true);
    return true;
}

static const struct fct_http_work http_job_call_work = {.closed = http_job_call_closed};

void *fct_http_job_make(struct fct_http_call *call, enum fct_job_kind kind, size_t size)
{
    factum_error err;
    FCT_ASSERT(size >= sizeof(struct fct_http_job));
    struct fct_http_job *job = fct_job_make(call->server, kind, size, &err);
    if (job == NULL) {
        fct_http_fail(call, err.status, &err);
        return NULL;
    }
    job->call = call;
    job->base.work = http_job_work;
    job->base.ended = http_job_ended;
    return job;
}

void fct_http_job_start(struct fct_http_job *job, factum_status status, factum_error *err)
{
    struct fct_http_call *call = job->call;
    if (status == FACTUM_OK) {
        status = fct_job_start(&job->base, err);
    }
    if (status != FACTUM_OK) {
        http_job_free(job);
        fct_http_fail(call, status, err);
        return;
    }
    call->state = job;
    call->work = &http_job_call_work;
}

factum_status fct_http_put(struct fct_buf *out, const char *start, factum_slice text)
{
    factum_status status = fct_buf_add_text(out, start);
    return status == FACTUM_OK ? fct_json_out_text(out, text) : status;
}
