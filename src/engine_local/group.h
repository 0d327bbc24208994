/* group.h - group commit: who leads, who waits, who is told. Layer: engine_local.
 *
 * Happy path: a caller joins the group that forms. If no one leads, it does: it closes the group,
 * does the work for all of it at once, offers the group that has formed meanwhile to its members,
 * and wakes a few of its own, who wake the others: a leader that comes back from a sync would have
 * to wait for a processor behind all whom it woke. Whoever takes the offer first leads next: no
 * timers.
 *
 * The committer, a thread of its own that is started when there is need, leads where many wait, and
 * lets the members of a group be woken while the device is at work for the next one. It also leads
 * a group of nothing but appends by completion, which have no thread of their own, and it
 * alone calls |done| for them, so that no user's callback runs inside another user's call.
 *
 * Knows nothing of what the work is. Bounded: queue_max requests; beyond it BUSY.
 */
#ifndef FCT_ENGINE_LOCAL_GROUP_H
#define FCT_ENGINE_LOCAL_GROUP_H

#include <stdatomic.h>

#include <factum/store.h>

#include "core/hash.h"
#include "core/mem.h"
#include "os/thread.h"

enum fct_group_task {
    FCT_TASK_APPEND,
    FCT_TASK_MARKER, /* sync what is not, and say so in the log */
    FCT_TASK_MEND,   /* make missing runs of the index anew */
    FCT_TASK_TICK,   /* background work of a store without threads */
};

struct fct_group_request {
    struct fct_group_request *next;
    const factum_append_request *append;
    factum_append_op *op;       /* NULL: its caller waits */
    uint64_t *revisions;        /* or NULL */
    struct fct_hash128 content; /* if it has an idempotency key */
    size_t payload_max;         /* bytes in the log, at most */
    size_t entries_max;         /* postings, at most */
    enum fct_group_task task;
    factum_status status;
    bool made_ids;
    bool sync;
    bool written;         /* its events are in the batch under way */
    uint64_t already_end; /* result.already: where what it had written ends */
    factum_append_result result;
    factum_error err; /* if status < 0 */
};

#define FCT_GROUP_SLOTS 8u

struct fct_group {
    const struct fct_mem *mem;
    void (*work)(void *data, struct fct_group_request *list);
    void *data;
    uint64_t queue_max;
    bool threads; /* the committer may lead callers */

    struct fct_mutex lock;
    struct fct_group_request *first; /* the group that forms */
    struct fct_group_request **last;
    uint64_t count;
    uint64_t waiting;            /* of them, without an op */
    uint32_t forming;            /* its number */
    bool led;                    /* a group is at work or offered, or the committer is to lead */
    _Atomic uint32_t last_count; /* members of the group that was closed last */
    _Atomic uint32_t spinner;    /* 1 + number of the group one of whose members spins; or 0 */
    _Atomic uint32_t states[FCT_GROUP_SLOTS]; /* of the last group of each slot that has one */
    uint32_t late;         /* the leader's: this group is done, and its members are to be told */
    uint64_t late_waiting; /* how many wait for that; 0: there is none */

    struct fct_thread committer;
    bool committer_leads;
    bool stop;
    _Atomic uint32_t committer_word;
    _Atomic uint32_t committer_asleep;
    struct fct_group_request *completed; /* for the committer to tell */
    uint64_t untold;                     /* submitted, and |done| not called yet */
    bool telling;                        /* the committer is, or may be, inside a |done| */
    struct fct_group_request **completed_last;
    struct fct_group_request *pool;
};

/* |work| sets status, result and err of every request in its list, which it may only read else. */
void fct_group_init(struct fct_group *group, const struct fct_mem *mem, uint64_t queue_max,
                    bool threads, void (*work)(void *data, struct fct_group_request *list),
                    void *data);
/* Completes what was submitted, then ends. No other call may be under way. */
void fct_group_finish(struct fct_group *group);

/* To be called by the work while the device is busy, when there is time to wake threads, and before
 * whatever may take long: the members of the group before may still wait for no other reason. */
void fct_group_meanwhile(struct fct_group *group);

/* Joins with |request|, which the caller owns, and returns when its group is through: its status,
 * with |err| filled. BUSY if too many wait. */
FCT_MUST_USE factum_status fct_group_run(struct fct_group *group, struct fct_group_request *request,
                                         factum_error *err);
/* Joins with a copy of |request|, whose op is set, and returns at once. */
FCT_MUST_USE factum_status fct_group_submit(struct fct_group *group,
                                            const struct fct_group_request *request,
                                            factum_error *err);

#endif
