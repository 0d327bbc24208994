/* http_job.h - an HTTP call that is processed by a thread of its own (job.h).
 * Layer: server.
 *
 *     run -> fct_http_job_make, fct_http_job_start; then job->work on the thread,
 *            job->answer and job->finish on the loop
 *     the exchange closes: base.stop = true; nothing is answered
 *
 * Invariants.
 *  1. A call with a job is freed after the thread was joined. Until then its body, its URL and its
 *     memory do not change.
 *  2. |work| uses no exchange, and of the call only its names, its body, its memory and the
 *     server's store.
 */
#ifndef FCT_SERVER_HTTP_JOB_H
#define FCT_SERVER_HTTP_JOB_H

#include "server/http_int.h"
#include "server/job.h"

struct fct_http_job {
    struct fct_job base;        /* out: the answer, or the further members of a refusal */
    struct fct_http_call *call; /* its exchange is NULL once the client has disconnected */
    /* Set before the start, like base.thread_name. */
    factum_status (*work)(struct fct_http_job *job, factum_error *err); /* on the thread */
    void (*answer)(struct fct_http_job *job); /* on the loop; NULL: fct_http_job_answer */
    void (*finish)(struct fct_http_job *job); /* frees what work has left; NULL: nothing */
    /* Used by the thread until it has ended. */
    unsigned http_status; /* 0: 200, or that of the failure */
    bool has_tag;         /* |tag| is the ETag */
    uint64_t tag;
};

/* Returns |size| zero bytes that begin with a job; NULL after a refusal was answered: BUSY (too
 * many jobs of the kind), NO_MEMORY. */
FCT_MUST_USE void *fct_http_job_make(struct fct_http_call *call, enum fct_job_kind kind,
                                     size_t size);
/* Starts |job| if |status|, that of its preparation, is OK; otherwise answers the failure. The job
 * must not be used afterwards. */
void fct_http_job_start(struct fct_http_job *job, factum_status status, factum_error *err);
/* Answers with base.out as JSON, or refuses with base.status and base.err. */
void fct_http_job_answer(struct fct_http_job *job);

/* Appends |start|, for example ",\"name\":", and |text| as JSON. Errors: those of
 * fct_json_out_text. */
FCT_MUST_USE factum_status fct_http_put(struct fct_buf *out, const char *start, factum_slice text);

#endif
