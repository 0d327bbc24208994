/* http_job.h - a call of the HTTP door that is worked on by a thread of its own, because it may
 * last: it reads much, or it runs a script. Layer: server.
 *
 *     loop                                  thread
 *     run -> fct_http_job_make
 *            fct_http_job_start        ->   job->work(job)
 *     every 20 ms, if the server stops:
 *     job->stop = true                 ->   work looks at it, and ends: CANCELLED
 *     the exchange has closed: the same
 *     join, job->answer, job->finish   <-   fct_loop_post, its last act
 *
 * Invariants.
 *  1. A job, and a call that has one, are freed by the loop alone, after the thread was joined.
 *     Until then the call's body, its URL and what was taken from its memory stay as they are.
 *  2. The server does not end while one of server->jobs is not 0.
 *  3. |work| uses no exchange, and of the call its names, its body, and the server's store.
 */
#ifndef FCT_SERVER_HTTP_JOB_H
#define FCT_SERVER_HTTP_JOB_H

#include <stdatomic.h>

#include "os/thread.h"
#include "server/http_int.h"

struct fct_http_job {
    struct fct_http_call *call; /* its exchange is NULL when the client has gone */
    enum fct_job_kind kind;
    /* Set before the start. */
    factum_status (*work)(struct fct_http_job *job, factum_error *err); /* on the thread */
    void (*answer)(struct fct_http_job *job); /* on the loop; NULL: fct_http_job_answer */
    void (*finish)(struct fct_http_job *job); /* frees what work has left; NULL: nothing */
    const char *thread_name;                  /* static */
    /* The thread's, until it has ended. */
    factum_status status;
    factum_error err;
    unsigned http_status; /* 0: 200, or that of the failure */
    bool has_tag;         /* |tag| is the ETag */
    uint64_t tag;
    struct fct_buf out; /* the answer; of a refusal, its further members */
    _Atomic bool stop;
    /* http_job.c's. */
    struct fct_thread thread;
    struct fct_task task;
    struct fct_timer timer;
};

/* |size| bytes of zero that begin with a job. NULL after the refusal was answered: BUSY, when too
 * many of the kind are under way, or NO_MEMORY. */
FCT_MUST_USE void *fct_http_job_make(struct fct_http_call *call, enum fct_job_kind kind,
                                     size_t size);
/* Starts |job|, or answers why not: |status| is that of its preparation. It is gone then. */
void fct_http_job_start(struct fct_http_job *job, factum_status status, factum_error *err);
/* Answers with |out| as JSON, or refuses with |status| and |err|. */
void fct_http_job_answer(struct fct_http_job *job);

/* |start|, for example ",\"name\":", and |text| as JSON. As fct_json_out_text. */
FCT_MUST_USE factum_status fct_http_put(struct fct_buf *out, const char *start, factum_slice text);
/* |status| of writing an answer, with a text that says so. */
FCT_MUST_USE factum_status fct_http_put_end(factum_status status, factum_error *err);

#endif
