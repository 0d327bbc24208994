/* job.h - a call that is processed by a thread of its own, because it may take long: it reads much,
 * or it runs a script. Layer: server.
 *
 *     loop                                  thread
 *     fct_job_make
 *     fct_job_start                    ->   job->work(job)
 *     every 20 ms, if the server stops
 *     or job->is_wanted returns false:
 *     job->stop = true                 ->   work polls it, and ends: CANCELLED
 *     join, job->ended(job)            <-   fct_loop_post, its last act
 *     fct_job_free
 *
 * Does not know where the call came from: http_job.h and schemas_calls.c do.
 *
 * Invariants (job_check).
 *  1. The loop alone frees a job, after its thread was joined.
 *  2. The server does not end while a count of server->jobs is not 0.
 *  3. server->jobs[kind] counts the jobs of the kind that exist, at most their maximum.
 */
#ifndef FCT_SERVER_JOB_H
#define FCT_SERVER_JOB_H

#include <stdatomic.h>

#include "os/thread.h"
#include "server/server_int.h"

/* The first member of a larger struct. */
struct fct_job {
    struct fct_server *server;
    enum fct_job_kind kind;
    /* Set before the start. */
    const char *thread_name;                                       /* static */
    factum_status (*work)(struct fct_job *job, factum_error *err); /* on the thread */
    /* On the loop; NULL: always wanted. */
    bool (*is_wanted)(struct fct_job *job);
    void (*ended)(struct fct_job *job); /* on the loop; ends with fct_job_free */
    /* Used by the thread until it has ended. */
    factum_status status;
    factum_error err;
    struct fct_buf out; /* the answer */
    _Atomic bool stop;
    /* Private to job.c. */
    struct fct_thread thread;
    struct fct_task task;
    struct fct_timer timer;
};

/* Returns |size| zero bytes that begin with a job; NULL with |err|. Errors: BUSY (too many jobs of
 * the kind), NO_MEMORY. */
FCT_MUST_USE void *fct_job_make(struct fct_server *server, enum fct_job_kind kind, size_t size,
                                factum_error *err);
/* Starts the thread. After a failure the caller frees the job. Errors: NO_MEMORY, IO. */
FCT_MUST_USE factum_status fct_job_start(struct fct_job *job, factum_error *err);
/* Frees a job that was not started, or has ended. */
void fct_job_free(struct fct_job *job);
/* Returns |status|, that of writing an answer, with a text that says this. */
FCT_MUST_USE factum_status fct_job_put_end(factum_status status, factum_error *err);

#endif
