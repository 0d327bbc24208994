/* kurrent_int.h - what the methods of KurrentDB's services share. Layer: server.
 *
 * Source: proto/kurrent, and the behaviour of its clients and servers. The differences here, and
 * their reasons, are in docs/guide/kurrentdb.md.
 */
#ifndef FCT_SERVER_KURRENT_INT_H
#define FCT_SERVER_KURRENT_INT_H

#include "server/grpc_call.h"
#include "wire/kurrent_replies.h"
#include "wire/kurrent_streams.h"

/* Numbers above 2^63-1 have no meaning, except the highest: "none" or "end". */
#define FCT_KURRENT_NONE UINT64_MAX
#define FCT_KURRENT_NUMBER_MAX ((uint64_t)INT64_MAX)

/* Returns the operation of the table of rights for reading or writing |stream|. */
enum fct_operation fct_kurrent_operation(factum_slice stream, bool write);

/* kurrent_append.c */
extern const struct fct_grpc_method fct_kurrent_append_method;
extern const struct fct_grpc_method fct_kurrent_batch_method;
/* kurrent_delete.c */
extern const struct fct_grpc_method fct_kurrent_delete_method;
extern const struct fct_grpc_method fct_kurrent_tombstone_method;
/* kurrent_read.c */
extern const struct fct_grpc_method fct_kurrent_read_method;

/* kurrent_job.c: gets the state of |stream|. Returns false if it has no events or is deleted. */
bool fct_kurrent_stream_info(const struct fct_server *server, factum_slice stream,
                             factum_stream_info *info);

/* kurrent_job.c: one append under way, of any method. */
struct fct_kurrent_job;

struct fct_kurrent_chunk {
    struct fct_kurrent_chunk *next;
    size_t len;
    uint8_t bytes[];
};

/* Messages of up to this size together need no chunk. */
#define FCT_KURRENT_NEAR_SIZE 1024

struct fct_kurrent_job {
    struct fct_pending pending;
    struct fct_server *server;
    struct fct_grpc_call *call; /* NULL: the client has disconnected */
    /* Sends the answer; job->refusal is the reason if |refused|. The job is freed afterwards. */
    void (*answer)(struct fct_kurrent_job *job);
    struct fct_kurrent_job *next; /* in a list of the call */
    struct fct_kurrent_job **slot;
    factum_call context;
    factum_expectation expectation;
    factum_new_event *events; /* NULL, |first_event| or an array of its own */
    size_t capacity;
    size_t size; /* bytes of data, metadata and types */
    size_t kept; /* bytes of messages and of |events|, without |first_event| */
    size_t held; /* bytes of the window that the call holds for it */
    struct fct_kurrent_chunk *chunks;
    struct fct_kurrent_expected expected; /* as the client sent it */
    struct fct_kurrent_id correlation_id; /* of a batch */
    struct fct_timer timer;               /* until the last chunk of a batch */
    bool refused;
    bool started;
    struct fct_kurrent_refusal refusal;
    factum_error err;    /* with a text if |refused| */
    const char *missing; /* a property of the metadata that is missing */
    size_t near_size;
    factum_new_event first_event; /* not zeroed, like the members below */
    uint8_t near[FCT_KURRENT_NEAR_SIZE];
};

/* Returns NULL if out of memory. */
struct fct_kurrent_job *fct_kurrent_job_create(struct fct_grpc_call *call);
/* Adds the job to a list of its call, after removing it from its current list. */
void fct_kurrent_job_join(struct fct_kurrent_job *job, struct fct_kurrent_job **list);
void fct_kurrent_job_leave(struct fct_kurrent_job *job);
/* Not while the append is under way. The server keeps some jobs for the next appends. */
void fct_kurrent_job_free(struct fct_kurrent_job *job);
/* Sets stream and expectation; refuses malformed ones. |target| is borrowed from a chunk. */
void fct_kurrent_job_target(struct fct_kurrent_job *job, const struct fct_kurrent_target *target);
/* Returns a copy of |message| that lasts as long as the job. Returns an empty slice for a refused
 * job; refuses a message that is too big or finds no memory. */
factum_slice fct_kurrent_job_keep(struct fct_kurrent_job *job, factum_slice message);
/* Takes the trace of the call's header for its events. Not for a call with many appends. */
void fct_kurrent_job_trace(struct fct_kurrent_job *job);
/* Adds an event, which borrows from a chunk; refuses malformed and too big events. */
void fct_kurrent_job_add(struct fct_kurrent_job *job, const struct fct_kurrent_proposed *proposed);
void fct_kurrent_job_refuse(struct fct_kurrent_job *job, enum fct_kurrent_refusal_kind kind,
                            const char *text);
/* Submits the append, or answers a refusal at once: |answer| may be called from inside. The caller
 * must not use the job afterwards. */
void fct_kurrent_job_start(struct fct_kurrent_job *job);
/* Returns the answer to a successful append. */
struct fct_kurrent_appended fct_kurrent_job_result(const struct fct_kurrent_job *job);
/* Ends job->call with the trailers of the refusal (Append, Delete, Tombstone). */
void fct_kurrent_job_fail_call(struct fct_kurrent_job *job, const char *operation);

#endif
