/* group.h - group commit: who leads, who waits, who is told. Layer: engine_local.
 *
 * Happy path: a caller joins the group that forms. If no one leads, it does: it closes the group,
 * does the work for all of it at once, offers the group that has formed meanwhile to its members,
 * and wakes its own by one system call. Whoever takes the offer first leads next: no timers. Where
 * the work is short, those who wait let other threads run for a while before they sleep: to put
 * threads to sleep and to wake them takes longer than all the rest.
 *
 * A group of nothing but appends by completion, which have no thread of their own, is led by the
 * committer, a thread that is started with the first of them, unless a caller comes before it has
 * begun. It alone calls |done| for them: no user's callback runs inside another user's call.
 *
 * Knows nothing of what the work is. Bounded: queue_max callers and as many completions, beyond it
 * BUSY; as many more may be on their way to being told.
 */
#ifndef FCT_ENGINE_LOCAL_GROUP_H
#define FCT_ENGINE_LOCAL_GROUP_H

#include <stdatomic.h>

#include <factum/store.h>

#include "core/hash.h"
#include "core/mem.h"
#include "os/os.h"
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
    struct fct_hash128 stream;  /* the head's hash of the first expectation's stream */
    size_t payload_max;         /* bytes in the log, at most */
    size_t entries_max;         /* postings, at most */
    enum fct_group_task task;
    factum_status status;
    bool made_ids;
    bool sync;
    bool written;         /* its events are in the batch under way */
    bool refused;         /* by an expectation; its caller makes the text: fct_local_say_refusal */
    uint64_t already_end; /* result.already: where what it had written ends */
    factum_append_result result;
    factum_error err; /* if status < 0 */
};

#define FCT_GROUP_SLOTS 8u

struct fct_group {
    const struct fct_os *os;
    const struct fct_mem *mem;
    void (*work)(void *data, struct fct_group_request *list);
    void *data;
    uint64_t queue_max;

    struct fct_mutex lock;
    struct fct_group_request *first; /* the group that forms */
    struct fct_group_request **last;
    uint64_t count;
    uint64_t waiting; /* of them, without an op */
    uint32_t forming; /* its number */
    bool led;         /* a group is at work or offered, or the committer is to lead */
    uint32_t processors;
    uint64_t crowd;                           /* callers in a group: the most of late */
    uint64_t work_ns;                         /* how long the work takes: a mean of late */
    _Atomic uint32_t states[FCT_GROUP_SLOTS]; /* of the last group of each slot that has one */

    struct fct_thread committer;
    bool committer_leads;
    bool stop;
    _Atomic uint32_t committer_word;
    _Atomic uint32_t committer_asleep;
    struct fct_group_request *completed; /* for the committer to tell */
    uint64_t completed_count;
    uint64_t untold; /* submitted, and not taken to be told yet */
    struct fct_group_request **completed_last;
    struct fct_group_request *pool;
};

/* |work| sets status, result and err of every request in its list, which it may only read else. */
void fct_group_init(struct fct_group *group, const struct fct_os *os, const struct fct_mem *mem,
                    uint64_t queue_max, void (*work)(void *data, struct fct_group_request *list),
                    void *data);
/* Completes what was submitted, then ends. No other call may be under way. */
void fct_group_finish(struct fct_group *group);

/* With the lock held: how long a caller who joins lets other threads run before it sleeps, in ns; 0
 * where the work takes so long that it sleeps at once. */
uint64_t fct_group_patience(const struct fct_group *group);

/* Joins with |request|, which the caller owns, and returns when its group is through: its status,
 * with |err| filled. BUSY if too many wait. */
FCT_MUST_USE factum_status fct_group_run(struct fct_group *group, struct fct_group_request *request,
                                         factum_error *err);
/* Joins with a copy of |request|, whose op is set, and returns at once. */
FCT_MUST_USE factum_status fct_group_submit(struct fct_group *group,
                                            const struct fct_group_request *request,
                                            factum_error *err);

#endif
