/* kurrent_int.h - what the methods of KurrentDB's services share. Layer: server.
 *
 * Source: proto/kurrent; how its clients and servers behave. What differs here, and why, is in
 * docs/guide/kurrentdb.md.
 */
#ifndef FCT_SERVER_KURRENT_INT_H
#define FCT_SERVER_KURRENT_INT_H

#include "server/grpc_call.h"
#include "wire/kurrent_replies.h"
#include "wire/kurrent_streams.h"

/* Numbers above 2^63-1 mean nothing, except the highest: "none" or "end". */
#define FCT_KURRENT_NONE UINT64_MAX
#define FCT_KURRENT_NUMBER_MAX ((uint64_t)INT64_MAX)

/* What reading or writing |stream| is called in the table of rights. */
enum fct_operation fct_kurrent_operation(factum_slice stream, bool write);

/* kurrent_append.c */
extern const struct fct_grpc_method fct_kurrent_append_method;
extern const struct fct_grpc_method fct_kurrent_batch_method;
/* kurrent_delete.c */
extern const struct fct_grpc_method fct_kurrent_delete_method;
extern const struct fct_grpc_method fct_kurrent_tombstone_method;
/* kurrent_read.c */
extern const struct fct_grpc_method fct_kurrent_read_method;

/* kurrent_job.c: how |stream| stands. False: it has no events, or is deleted. */
bool fct_kurrent_stream_info(const struct fct_server *server, factum_slice stream,
                             factum_stream_info *info);

/* kurrent_job.c: one append on its way, whoever asked for it. */
struct fct_kurrent_job;

struct fct_kurrent_chunk {
    struct fct_kurrent_chunk *next;
    size_t len;
    uint8_t bytes[];
};

/* Messages of up to so many bytes in all need no chunk. */
#define FCT_KURRENT_NEAR_SIZE 1024

struct fct_kurrent_job {
    struct fct_pending pending;
    struct fct_server *server;
    struct fct_grpc_call *call; /* NULL: the client has gone */
    /* The answer is to be sent: job->refusal says why not, if |refused|. The job is freed after
     * it. */
    void (*answer)(struct fct_kurrent_job *job);
    struct fct_kurrent_job *next; /* of the call's */
    struct fct_kurrent_job **slot;
    factum_call context;
    factum_expectation expectation;
    factum_new_event *events; /* NULL, |first_event| or an array of its own */
    size_t capacity;
    size_t size; /* bytes of data, metadata and types */
    size_t kept; /* bytes of messages and of |events|, |first_event| not counted */
    size_t held; /* bytes that the call holds for it */
    struct fct_kurrent_chunk *chunks;
    struct fct_kurrent_expected expected; /* as the client said it */
    struct fct_kurrent_id correlation_id; /* of a batch */
    struct fct_timer timer;               /* until the last chunk of a batch */
    bool refused;
    bool started;
    struct fct_kurrent_refusal refusal;
    factum_error err;    /* its text, if |refused| */
    const char *missing; /* a property of the metadata that is missing */
    size_t near_size;
    factum_new_event first_event; /* this and what follows is not zeroed */
    uint8_t near[FCT_KURRENT_NEAR_SIZE];
};

/* NULL without memory. */
struct fct_kurrent_job *fct_kurrent_job_create(struct fct_grpc_call *call);
/* Into a list of its call, and out of the one that it is in, if any. */
void fct_kurrent_job_join(struct fct_kurrent_job *job, struct fct_kurrent_job **list);
void fct_kurrent_job_leave(struct fct_kurrent_job *job);
/* Not while it is under way. The server keeps some for the next appends. */
void fct_kurrent_job_free(struct fct_kurrent_job *job);
/* Sets stream and expectation; refuses what is malformed. |target| is borrowed from a chunk. */
void fct_kurrent_job_target(struct fct_kurrent_job *job, const struct fct_kurrent_target *target);
/* A copy of |message| that lasts as long as the job. Refuses what is too big, and what finds no
 * memory: an empty slice, as for a job that is refused already. */
factum_slice fct_kurrent_job_keep(struct fct_kurrent_job *job, factum_slice message);
/* The trace that the call's header names is that of its events. Not for a call that lives for many
 * appends. */
void fct_kurrent_job_trace(struct fct_kurrent_job *job);
/* Adds an event, which borrows from a chunk; refuses what is malformed or too big. */
void fct_kurrent_job_add(struct fct_kurrent_job *job, const struct fct_kurrent_proposed *proposed);
void fct_kurrent_job_refuse(struct fct_kurrent_job *job, enum fct_kurrent_refusal_kind kind,
                            const char *text);
/* Submits it, or answers at once what is refused. |answer| may be called from inside. The job is
 * not the caller's any more. */
void fct_kurrent_job_start(struct fct_kurrent_job *job);
/* What an append that succeeded says. */
struct fct_kurrent_appended fct_kurrent_job_result(const struct fct_kurrent_job *job);
/* Ends job->call with the trailers of the refusal (Append, Delete, Tombstone). */
void fct_kurrent_job_fail_call(struct fct_kurrent_job *job, const char *operation);

#endif
