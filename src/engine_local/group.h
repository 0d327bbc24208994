/* group.h - group commit: who leads, who waits, whose completion is delivered. Layer: engine_local.
 *
 * Happy path: a caller joins the group that forms. If nobody leads, it does: it closes the group,
 * does the work for all of it at once, offers the group that has formed meanwhile to its members,
 * and wakes its own by one system call. Whoever takes the offer first leads next: no timers. Where
 * the work is short, those who wait let other threads run for a while before they sleep: putting
 * threads to sleep and waking them takes longer than all the rest.
 *
 * A group of nothing but members by completion, which have no thread of their own, is led by the
 * committer, a thread that is started with the first of them, unless a caller comes before the
 * committer has begun. The committer alone delivers completions: no user's function runs inside
 * another user's call.
 *
 * Knows nothing of what the work is: a member is a link, a size, and whether its caller waits.
 * Bounded by count and by bytes: beyond either, BUSY, and |room| is called when there is room
 * again.
 */
#ifndef FCT_ENGINE_LOCAL_GROUP_H
#define FCT_ENGINE_LOCAL_GROUP_H

#include <stdatomic.h>

#include <factum/base.h>

#include "os/os.h"
#include "os/thread.h"

/* Embedded in what is to be worked on. |size| is set by the owner, the rest by the group. */
struct fct_group_member {
    struct fct_group_member *next;
    uint64_t size;      /* bytes that it keeps busy; 0: it is never refused (a task) */
    bool by_completion; /* nobody waits: its completion is delivered */
};

struct fct_group_options {
    const struct fct_os *os;
    uint64_t queue_max;      /* callers, and as many completions */
    uint64_t queue_size_max; /* bytes of both */
    void *data;
    /* Does the work of all members of |list|. On the leader's thread. */
    void (*work)(void *data, struct fct_group_member *list);
    /* Delivers the completions of |list|, whose members are gone when it returns. On the
     * committer's thread, no locks held. */
    void (*deliver)(void *data, struct fct_group_member *list);
    /* There is room again after BUSY. Any thread, no locks held. */
    void (*room)(void *data);
    /* All members of the groups until now know their outcome: time for what may come later. On the
     * thread of a leader or of the committer, no locks held. */
    void (*told)(void *data);
};

#define FCT_GROUP_SLOTS 8u

struct fct_group {
    struct fct_group_options options; /* options.os NULL: finished, or never begun */

    struct fct_mutex lock;
    struct fct_group_member *first; /* the group that forms */
    struct fct_group_member **last;
    uint64_t count;
    uint64_t appends;      /* of them, that have a size: tasks take no append's room */
    uint64_t waiting;      /* of them, whose callers wait */
    uint64_t waiting_size; /* bytes of those */
    uint64_t queued_size;  /* bytes of all members that have joined and not ended */
    bool room_wanted;      /* somebody was answered BUSY */
    uint32_t forming;      /* number of the group that forms */
    bool led;              /* a group is at work or offered, or the committer is to lead */
    uint32_t processors;
    uint64_t callers_peak; /* waiting callers in a group: recent peak, decays by 1/8 a group */
    uint64_t work_ns;      /* duration of the work: moving average */
    _Atomic uint32_t states[FCT_GROUP_SLOTS]; /* of the last group of each slot that has one */

    struct fct_thread committer;
    bool committer_leads;
    bool stop;
    _Atomic uint32_t committer_word;
    _Atomic uint32_t committer_asleep;
    struct fct_group_member *completed; /* for the committer to deliver */
    struct fct_group_member **completed_last;
    uint64_t completed_count;
    uint64_t completed_size;
    uint64_t undelivered; /* submitted, and not taken for delivery yet */
};

void fct_group_init(struct fct_group *group, const struct fct_group_options *options);
/* Completes what was submitted, then ends. No other call may be under way. */
void fct_group_finish(struct fct_group *group);

/* With the lock held: how long a caller who joins lets other threads run before it sleeps, in ns; 0
 * where the work takes so long that it sleeps at once. */
uint64_t fct_group_spin_budget(const struct fct_group *group);

/* Joins with |member|, which the caller owns, and returns OK when its group is done. BUSY: it has
 * not joined. */
FCT_MUST_USE factum_status fct_group_run(struct fct_group *group, struct fct_group_member *member,
                                         factum_error *err);
/* Joins with |member| and returns at once; the group owns it until it is delivered. BUSY, NO_MEMORY
 * or IO (no thread could be started): it has not joined. */
FCT_MUST_USE factum_status fct_group_submit(struct fct_group *group,
                                            struct fct_group_member *member, factum_error *err);

#endif
