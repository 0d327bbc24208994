/* job.h - a call that is worked on by a thread of its own, because it may last: it reads much, or
 * it runs a script. Layer: server.
 *
 *     loop                                  thread
 *     fct_job_make
 *     fct_job_start                    ->   job->work(job)
 *     every 20 ms, if the server stops
 *     or job->is_wanted says no:
 *     job->stop = true                 ->   work looks at it, and ends: CANCELLED
 *     join, job->ended(job)            <-   fct_loop_post, its last act
 *     fct_job_free
 *
 * It does not know where the call came from: http_job.h and schemas_methods.c do.
 *
 * Invariants.
 *  1. A job is freed by the loop alone, after its thread was joined.
 *  2. The server does not end while one of server->jobs is not 0.
 */
#ifndef FCT_SERVER_JOB_H
#define FCT_SERVER_JOB_H

#include <stdatomic.h>

#include "os/thread.h"
#include "server/server_int.h"

/* Begins a larger struct. */
struct fct_job {
    struct fct_server *server;
    enum fct_job_kind kind;
    /* Set before the start. */
    const char *thread_name;                                       /* static */
    factum_status (*work)(struct fct_job *job, factum_error *err); /* on the thread */
    bool (*is_wanted)(struct fct_job *job);                        /* on the loop; NULL: it is */
    void (*ended)(struct fct_job *job); /* on the loop; ends with fct_job_free */
    /* The thread's, until it has ended. */
    factum_status status;
    factum_error err;
    struct fct_buf out; /* the answer */
    _Atomic bool stop;
    /* job.c's. */
    struct fct_thread thread;
    struct fct_task task;
    struct fct_timer timer;
};

/* |size| bytes of zero that begin with a job. NULL, with |err|: BUSY, when too many of the kind are
 * under way, or NO_MEMORY. */
FCT_MUST_USE void *fct_job_make(struct fct_server *server, enum fct_job_kind kind, size_t size,
                                factum_error *err);
/* After a failure the job is the caller's, to free. */
FCT_MUST_USE factum_status fct_job_start(struct fct_job *job, factum_error *err);
/* Of one that was not started, or has ended. */
void fct_job_free(struct fct_job *job);
/* |status| of writing an answer, with a text that says so. */
FCT_MUST_USE factum_status fct_job_put_end(factum_status status, factum_error *err);

#endif
