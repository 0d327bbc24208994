/* group.h - group commit: who leads, who waits, whose completion is delivered. Layer: engine_local.
 *
 * Happy path: a caller joins the group that forms. If no group is led, the caller leads: it closes
 * the group, does the work for all members at once, offers the group that has formed meanwhile to
 * its members, and wakes the members of its own group with one system call. The member that accepts
 * the offer first leads next: no timers. If the work is short, waiting members let other threads
 * run for a while before they sleep, because a sleep and a wake-up take longer than the work.
 *
 * Members by completion have no thread of their own. A group that has no other members is led by
 * the committer, a thread that is started with the first of them, unless a caller joins before the
 * committer has begun. Only the committer delivers completions: no user's function runs inside
 * another user's call.
 *
 * Knows nothing of the work: a member is a link, a size, and whether its caller waits. Bounded by
 * count and by bytes: beyond either limit a member is refused with BUSY, and |room| is called when
 * there is room again.
 */
#ifndef FCT_ENGINE_LOCAL_GROUP_H
#define FCT_ENGINE_LOCAL_GROUP_H

#include <stdatomic.h>

#include <factum/base.h>

#include "os/os.h"
#include "os/thread.h"

/* Embedded in the owner's struct. |size| is set by the owner, the rest by the group. */
struct fct_group_member {
    struct fct_group_member *next;
    uint64_t size;      /* bytes of an append; 0: a task, which is never refused */
    bool by_completion; /* no caller waits: the completion is delivered */
};

struct fct_group_options {
    const struct fct_os *os;
    uint64_t queue_max;      /* waiting callers, and as many completions */
    uint64_t queue_size_max; /* bytes of both */
    void *data;              /* for the functions below */
    /* Does the work of all members of |list|. On the leader's thread, no locks held. */
    void (*work)(void *data, struct fct_group_member *list);
    /* Delivers the completions of |list|. The members are their owners' again, and may be freed
     * before it returns. On the committer's thread, no locks held. */
    void (*deliver)(void *data, struct fct_group_member *list);
    /* There is room again after BUSY. Any thread, no locks held. */
    void (*room)(void *data);
    /* The members of a group that is done were woken, and their completions delivered: the moment
     * for work that may be late. On the leader's or the committer's thread, no locks held. */
    void (*answered)(void *data);
};

#define FCT_GROUP_SLOTS 8u

struct fct_group {
    struct fct_group_options options; /* options.os NULL: finished, or never initialised */

    struct fct_mutex lock;
    struct fct_group_member *first; /* members of the group that forms */
    struct fct_group_member **last;
    uint64_t count;
    uint64_t appends;      /* members with a size: tasks do not use up the room of appends */
    uint64_t waiting;      /* members whose callers wait */
    uint64_t waiting_size; /* bytes of members whose callers wait */
    uint64_t queued_size;  /* bytes: group.c, invariant 5 */
    bool room_wanted;      /* a member was refused with BUSY */
    uint32_t forming;      /* number of the group that forms */
    bool led;              /* a group is at work or offered, or the committer will lead */
    uint32_t processors;
    uint64_t callers_peak; /* waiting callers in a group: recent peak, decays by 1/8 a group */
    uint64_t work_ns;      /* duration of work(): moving average */
    _Atomic uint32_t states[FCT_GROUP_SLOTS]; /* by number modulo FCT_GROUP_SLOTS */

    struct fct_thread committer;
    bool committer_leads; /* it will lead the group that forms */
    bool stop;
    _Atomic uint32_t committer_word;
    _Atomic uint32_t committer_asleep;
    struct fct_group_member *completed; /* they wait for delivery */
    struct fct_group_member **completed_last;
    uint64_t completed_count;
    uint64_t completed_size;
    uint64_t undelivered; /* submitted, and not yet taken for delivery */
};

void fct_group_init(struct fct_group *group, const struct fct_group_options *options);
/* Completes what was submitted, then ends the committer. No other call may be under way. Accepts a
 * zeroed or finished one. */
void fct_group_finish(struct fct_group *group);

/* With the lock held: how long a caller that joins lets other threads run before it sleeps, in ns;
 * 0: it sleeps at once, because the work takes too long. */
uint64_t fct_group_spin_budget(const struct fct_group *group);

/* Joins with |member|, which is the caller's, and returns when the member's group is done.
 * Errors: BUSY (over a limit; it has not joined). */
FCT_MUST_USE factum_status fct_group_run(struct fct_group *group, struct fct_group_member *member,
                                         factum_error *err);
/* Joins with |member| and returns at once. The member is the group's until its delivery.
 * Errors, after which it has not joined: BUSY (over a limit), NO_MEMORY, IO (the committer could
 * not be started). */
FCT_MUST_USE factum_status fct_group_submit(struct fct_group *group,
                                            struct fct_group_member *member, factum_error *err);

#endif
