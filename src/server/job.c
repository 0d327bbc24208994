/* job.c - see job.h. Layer: server. */
#include "server/job.h"

#include "core/check.h"
#include "core/error.h"

#define JOB_LOOK_MS 20u
/* A session takes no larger answer at once (FCT_H1_OUT_MAX, FCT_H2_WAITING_MAX). */
#define JOB_OUT_MAX ((size_t)16 << 20)

/* Jobs at once. A proof may need a processor for long, a state its memory, and a command both for a
 * short time. A query may take 64 MiB. */
static const size_t jobs_max[FCT_JOB_KINDS] = {
    [FCT_JOB_SHORT] = 16,   [FCT_JOB_PROOF] = 2,   [FCT_JOB_STATE] = 8,
    [FCT_JOB_COMMAND] = 32, [FCT_JOB_QUERY] = 16,  [FCT_JOB_ACT] = 8,
    [FCT_JOB_SYNC] = 128,   [FCT_JOB_METRICS] = 2, [FCT_JOB_TRACE] = 4,
};

static void job_check(const struct fct_job *job)
{
    FCT_ASSERT(job->kind < FCT_JOB_KINDS);
    FCT_ASSERT(job->server->jobs[job->kind] > 0);
    FCT_ASSERT(job->server->jobs[job->kind] <= jobs_max[job->kind]);
}

static void job_run(void *data)
{
    struct fct_job *job = data;
    job->status = job->work(job, &job->err);
    fct_loop_post(job->server->loop, &job->task);
}

static void job_on_timer(struct fct_timer *timer)
{
    struct fct_job *job = FCT_CONTAINER_OF(timer, struct fct_job, timer);
    if (job->server->stopping || (job->is_wanted != NULL && !job->is_wanted(job))) {
        atomic_store(&job->stop, true);
    }
}

static void job_on_end(struct fct_task *task)
{
    struct fct_job *job = FCT_CONTAINER_OF(task, struct fct_job, task);
    job_check(job);
    fct_thread_join(&job->thread);
    job->ended(job);
}

void *fct_job_make(struct fct_server *server, enum fct_job_kind kind, size_t size,
                   factum_error *err)
{
    FCT_ASSERT(size >= sizeof(struct fct_job));
    if (server->jobs[kind] >= jobs_max[kind]) {
        (void)fct_fail(err, FACTUM_BUSY,
                       "too many calls of this kind are under way (limit %zu): try again later",
                       jobs_max[kind]);
        return NULL;
    }
    struct fct_job *job = fct_mem_zalloc(server->mem, 1, size);
    if (job == NULL) {
        (void)fct_fail(err, FACTUM_NO_MEMORY, "the server is out of memory");
        return NULL;
    }
    server->jobs[kind]++;
    job->server = server;
    job->kind = kind;
    job->task.run = job_on_end;
    job->timer.run = job_on_timer;
    fct_buf_init(&job->out, server->mem, JOB_OUT_MAX);
    job_check(job);
    return job;
}

factum_status fct_job_start(struct fct_job *job, factum_error *err)
{
    factum_status status = fct_thread_start(&job->thread, job->thread_name, job_run, job, err);
    if (status == FACTUM_OK) {
        fct_timer_start(job->server->loop, &job->timer, JOB_LOOK_MS, JOB_LOOK_MS);
    }
    return status;
}

void fct_job_free(struct fct_job *job)
{
    struct fct_server *server = job->server;
    fct_timer_stop(&job->timer);
    job_check(job);
    server->jobs[job->kind]--;
    fct_buf_finish(&job->out);
    fct_mem_free(server->mem, job);
}

factum_status fct_job_put_end(factum_status status, factum_error *err)
{
    return status == FACTUM_OK ? FACTUM_OK
                               : fct_fail(err, status, "the answer could not be written: %s",
                                          factum_status_text(status));
}
