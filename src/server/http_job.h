/* http_job.h - a call of the HTTP door that is worked on by a thread of its own (job.h). Layer:
 * server.
 *
 *     run -> fct_http_job_make, fct_http_job_start; then job->work on the thread,
 *            job->answer and job->finish on the loop
 *     the exchange closes: base.stop = true; there is no answer
 *
 * Invariants.
 *  1. A call that has a job is freed after the thread was joined. Until then its body, its URL and
 *     what was taken from its memory stay as they are.
 *  2. |work| uses no exchange, and of the call its names, its body, and the server's store.
 */
#ifndef FCT_SERVER_HTTP_JOB_H
#define FCT_SERVER_HTTP_JOB_H

#include "server/http_int.h"
#include "server/job.h"

struct fct_http_job {
    struct fct_job base;        /* out: the answer; of a refusal, its further members */
    struct fct_http_call *call; /* its exchange is NULL when the client has gone */
    /* Set before the start, as base.thread_name. */
    factum_status (*work)(struct fct_http_job *job, factum_error *err); /* on the thread */
    void (*answer)(struct fct_http_job *job); /* on the loop; NULL: fct_http_job_answer */
    void (*finish)(struct fct_http_job *job); /* frees what work has left; NULL: nothing */
    /* The thread's, until it has ended. */
    unsigned http_status; /* 0: 200, or that of the failure */
    bool has_tag;         /* |tag| is the ETag */
    uint64_t tag;
};

/* |size| bytes of zero that begin with a job. NULL after the refusal was answered: BUSY, when too
 * many of the kind are under way, or NO_MEMORY. */
FCT_MUST_USE void *fct_http_job_make(struct fct_http_call *call, enum fct_job_kind kind,
                                     size_t size);
/* Starts |job|, or answers why not: |status| is that of its preparation. It is gone then. */
void fct_http_job_start(struct fct_http_job *job, factum_status status, factum_error *err);
/* Answers with base.out as JSON, or refuses with base.status and base.err. */
void fct_http_job_answer(struct fct_http_job *job);

/* |start|, for example ",\"name\":", and |text| as JSON. As fct_json_out_text. */
FCT_MUST_USE factum_status fct_http_put(struct fct_buf *out, const char *start, factum_slice text);

#endif
