/* group.c - see group.h. Layer: engine_local.
 *
 * Invariants (those about counts hold whenever the lock is free: group_check):
 *  1. Groups are worked on one at a time, in the order of their numbers. |led| says that somebody
 *     will work on the group that forms; a group with members is led.
 *  2. The state of a group only rises. OFFERED is set by the previous leader, LED by the member
 *     that accepts, DONE by that leader; a leader stores DONE before any other thread can become
 *     leader.
 *  3. After the state of a group is DONE, nobody touches its waiting members.
 *  4. A wake-up for a group may reach a sleeper of the group that had its slot before, if the
 *     leader of that one has not woken it yet; that leader then wakes all sleepers of the slot.
 *  5. queued_size is the sum of the sizes of members that have joined, minus those of groups that
 *     are closed (waiting callers) or taken for delivery (completions).
 *  6. The committer leads only a group in which nobody waits.
 */
#include "engine_local/group.h"

#include "core/check.h"
#include "core/error.h"
#include "engine/backlog.h"

/* Processor time that may be spent, for each caller, on waiting without sleep. Putting a thread to
 * sleep and waking it costs 10 us of it on a virtual machine, most of it for the interrupt to an
 * idle processor. The remaining 50 us are what a late wake-up costs (docs/performance.md). */
#define SPIN_NS UINT64_C(60000)
#define SPIN_MAX_NS UINT64_C(1000000)
/* A few callers spin longer, on any number of processors: when their group is done, the next group
 * begins at once. */
#define FEW 4u
#define SPIN_FEW_NS UINT64_C(150000)

/* The states of a group rise, and those of a later group are higher, so a slot's word is never
 * reset. */
enum phase {
    PHASE_FORMING,
    PHASE_OFFERED,
    PHASE_LED,
    PHASE_DONE,
};
#define PHASES 4u

static uint32_t state_in(uint32_t number, enum phase phase)
{
    return number * PHASES + (uint32_t)phase;
}

/* With the lock held. */
static void group_check(const struct fct_group *group)
{
    FCT_ASSERT((group->count == 0) == (group->first == NULL));
    FCT_ASSERT((group->count == 0) == (group->last == &group->first));
    FCT_ASSERT(*group->last == NULL);
    FCT_ASSERT(group->appends <= group->count);
    FCT_ASSERT(group->waiting <= group->count);
    FCT_ASSERT(group->count == 0 || group->led);                /* invariant 1 */
    FCT_ASSERT(!group->committer_leads || group->led);          /* invariant 1 */
    FCT_ASSERT(!group->committer_leads || group->waiting == 0); /* invariant 6 */
    FCT_ASSERT((group->completed_count == 0) == (group->completed == NULL));
    FCT_ASSERT(group->undelivered >= group->completed_count + (group->count - group->waiting));
    FCT_ASSERT(group->queued_size >= group->waiting_size + group->completed_size); /* invariant 5 */
}

void fct_group_init(struct fct_group *group, const struct fct_group_options *options)
{
    *group = (struct fct_group){.options = *options, .processors = fct_processor_count()};
    group->last = &group->first;
    group->completed_last = &group->completed;
    fct_mutex_init(&group->lock);
    group_check(group);
}

/* With the lock held: BUSY if there is no room for |member|, an append, beside those that wait. */
static factum_status check_room(struct fct_group *group, const struct fct_group_member *member,
                                factum_error *err)
{
    uint64_t waiting = member->by_completion && group->undelivered > group->appends
                           ? group->undelivered
                           : group->appends;
    bool too_much = group->queued_size > 0 &&
                    (group->queued_size >= group->options.queue_size_max ||
                     member->size > group->options.queue_size_max - group->queued_size);
    if (member->size == 0 || (waiting < group->options.queue_max && !too_much)) {
        return FACTUM_OK;
    }
    group->room_wanted = true;
    return fct_backlog_refuse(waiting, group->options.queue_max, group->queued_size,
                              group->options.queue_size_max, err);
}

/* With the lock held. */
static factum_status join(struct fct_group *group, struct fct_group_member *member,
                          factum_error *err)
{
    factum_status status = check_room(group, member, err);
    if (status != FACTUM_OK) {
        return status;
    }
    member->next = NULL;
    FCT_ASSERT(*group->last == NULL);
    *group->last = member;
    group->last = &member->next;
    group->count++;
    group->appends += member->size > 0 ? 1 : 0;
    group->queued_size += member->size;
    if (member->by_completion) {
        group->undelivered++;
    } else {
        group->waiting++;
        group->waiting_size += member->size;
    }
    return FACTUM_OK;
}

static _Atomic uint32_t *word_of(struct fct_group *group, uint32_t number)
{
    return &group->states[number % FCT_GROUP_SLOTS];
}

static bool is_done(uint32_t state, uint32_t number)
{
    return (int32_t)(state - state_in(number, PHASE_DONE)) >= 0;
}

/* True if the group was offered and the caller now leads it. */
static bool take_offer(_Atomic uint32_t *word, uint32_t number)
{
    uint32_t offered = state_in(number, PHASE_OFFERED);
    return atomic_load(word) == offered &&
           atomic_compare_exchange_strong(word, &offered, state_in(number, PHASE_LED));
}

uint64_t fct_group_spin_budget(const struct fct_group *group)
{
    uint64_t awake =
        group->callers_peak < group->processors ? group->callers_peak : group->processors;
    uint64_t budget = awake == 0 ? 0 : group->callers_peak * SPIN_NS / awake;
    if (group->callers_peak <= FEW && budget < SPIN_FEW_NS) {
        budget = SPIN_FEW_NS;
    }
    budget = budget > SPIN_MAX_NS ? SPIN_MAX_NS : budget;
    return 2 * group->work_ns <= budget ? budget : 0; /* the group at work, and its own */
}

/* By a member. False: its group is done. True: the caller leads it. */
static bool await(struct fct_group *group, uint32_t number, uint64_t spin_budget)
{
    _Atomic uint32_t *word = word_of(group, number);
    for (;;) {
        uint32_t seen = atomic_load(word);
        if (is_done(seen, number)) {
            return false;
        }
        if (take_offer(word, number)) {
            return true;
        }
        if (!fct_word_yield(word, seen, &spin_budget)) {
            (void)fct_word_wait(word, seen, UINT64_MAX);
        }
    }
}

/* With the lock held: takes the members of the group that forms; the next one forms. */
static struct fct_group_member *close_group(struct fct_group *group)
{
    struct fct_group_member *list = group->first;
    group_check(group);
    FCT_ASSERT(list != NULL);
    FCT_ASSERT(group->led);
    group->callers_peak -= (group->callers_peak + 7) / 8;
    if (group->waiting > group->callers_peak) {
        group->callers_peak = group->waiting;
    }
    group->first = NULL;
    group->last = &group->first;
    group->count = 0;
    group->appends = 0;
    group->waiting = 0;
    group->queued_size -= group->waiting_size; /* these callers cannot add more */
    group->waiting_size = 0;
    group->forming++;
    return list;
}

/* With the lock held: must |room| be called? Only when members and bytes are all below their
 * limits; a delivery frees both. */
static bool take_room_wanted(struct fct_group *group)
{
    bool room = group->undelivered < group->options.queue_max &&
                group->appends < group->options.queue_max &&
                group->queued_size < group->options.queue_size_max;
    bool wanted = group->room_wanted && room;
    group->room_wanted = group->room_wanted && !room;
    return wanted;
}

static void committer_main(void *data);

static void wake_committer(struct fct_group *group)
{
    atomic_fetch_add(&group->committer_word, 1);
    if (atomic_load(&group->committer_asleep) != 0) {
        fct_word_wake(&group->committer_word, 1);
    }
}

/* Members by completion whose work is done, in their order. */
struct completed {
    struct fct_group_member *first;
    struct fct_group_member **last;
    uint64_t count;
    uint64_t size;
};

/* Moves the members by completion of a done group to |completed|. Returns the number of those whose
 * callers wait. */
static uint64_t split_completed(struct fct_group_member *list, struct completed *completed)
{
    uint64_t waiting = 0;
    while (list != NULL) {
        struct fct_group_member *next = list->next;
        if (list->by_completion) {
            list->next = NULL;
            *completed->last = list;
            completed->last = &list->next;
            completed->count++;
            completed->size += list->size;
        } else {
            waiting++;
        }
        list = next;
    }
    return waiting;
}

/* With the lock held. */
static void queue_completed(struct fct_group *group, const struct completed *completed)
{
    if (completed->count > 0) {
        FCT_ASSERT(*group->completed_last == NULL);
        *group->completed_last = completed->first;
        group->completed_last = completed->last;
        group->completed_count += completed->count;
        group->completed_size += completed->size;
    }
}

static void offer(struct fct_group *group, uint32_t number)
{
    _Atomic uint32_t *word = word_of(group, number);
    FCT_ASSERT((int32_t)(atomic_load(word) - state_in(number, PHASE_OFFERED)) <
               0); /* invariant 2 */
    atomic_store(word, state_in(number, PHASE_OFFERED));
    fct_word_wake(word, 1);
}

static factum_status start_committer(struct fct_group *group, factum_error *err)
{
    return group->committer.started
               ? FACTUM_OK
               : fct_thread_start(&group->committer, "factum-commit", committer_main, group, err);
}

enum next {
    NEXT_NONE, /* no members yet: the first one leads */
    NEXT_OFFER,
    NEXT_COMMITTER,
};

/* With the lock held: who leads the group that has formed meanwhile? */
static enum next choose_next(struct fct_group *group)
{
    FCT_ASSERT(group->led);
    FCT_ASSERT(!group->committer_leads);
    if (group->count == 0) {
        group->led = false;
        return NEXT_NONE;
    }
    group->committer_leads = group->waiting == 0;
    return group->committer_leads ? NEXT_COMMITTER : NEXT_OFFER;
}

/* Leads the group that forms. */
static void lead(struct fct_group *group, bool by_committer)
{
    fct_mutex_lock(&group->lock);
    uint32_t number = group->forming;
    FCT_ASSERT(!is_done(atomic_load(word_of(group, number)), number)); /* invariant 2 */
    struct fct_group_member *list = close_group(group);
    bool room = take_room_wanted(group);
    fct_mutex_unlock(&group->lock);
    if (room) {
        group->options.room(group->options.data);
    }

    uint64_t began = fct_os_monotonic(group->options.os);
    group->options.work(group->options.data, list);
    uint64_t took = fct_os_monotonic(group->options.os) - began;
    struct completed completed = {.last = &completed.first};
    uint64_t waiting = split_completed(list, &completed);
    FCT_ASSERT(by_committer || waiting > 0);
    waiting -= by_committer ? 0 : 1; /* the leader itself */

    fct_mutex_lock(&group->lock);
    queue_completed(group, &completed);
    group->work_ns = group->work_ns - group->work_ns / 8 + took / 8;
    enum next next = choose_next(group);
    group_check(group);
    atomic_store(word_of(group, number), state_in(number, PHASE_DONE));
    fct_mutex_unlock(&group->lock);
    if (next == NEXT_OFFER) {
        offer(group, number + 1);
    }
    if (!by_committer && (completed.count > 0 || next == NEXT_COMMITTER)) {
        wake_committer(group);
    }
    if (waiting > 0) {
        fct_word_wake(word_of(group, number), FCT_WAKE_ALL);
    }
    if (completed.count == 0) { /* otherwise the committer calls it, after their delivery */
        group->options.answered(group->options.data);
    }
}

factum_status fct_group_run(struct fct_group *group, struct fct_group_member *member,
                            factum_error *err)
{
    member->by_completion = false;
    fct_mutex_lock(&group->lock);
    factum_status status = join(group, member, err);
    uint32_t number = group->forming;
    bool leads = status == FACTUM_OK && (!group->led || group->committer_leads);
    group->committer_leads = group->committer_leads && !leads; /* it may be delivering */
    group->led = group->led || leads;
    group_check(group);
    uint64_t spin_budget = fct_group_spin_budget(group);
    fct_mutex_unlock(&group->lock);
    if (status != FACTUM_OK) {
        return status;
    }
    if (leads || await(group, number, spin_budget)) {
        lead(group, false);
    }
    return FACTUM_OK;
}

/* By the committer: delivers the completions that wait for it. False: nothing waits. */
static bool deliver(struct fct_group *group)
{
    fct_mutex_lock(&group->lock);
    group_check(group);
    struct fct_group_member *list = group->completed;
    group->undelivered -= group->completed_count;
    group->queued_size -= group->completed_size;
    group->completed = NULL;
    group->completed_last = &group->completed;
    group->completed_count = 0;
    group->completed_size = 0;
    bool room = list != NULL && take_room_wanted(group);
    group_check(group);
    fct_mutex_unlock(&group->lock);
    if (list == NULL) {
        return false;
    }
    group->options.deliver(group->options.data, list);
    group->options.answered(group->options.data);
    if (room) {
        group->options.room(group->options.data);
    }
    return true;
}

static void committer_main(void *data)
{
    struct fct_group *group = data;
    for (;;) {
        uint32_t word = atomic_load(&group->committer_word);
        bool delivered = deliver(group);
        /* It takes the lead only now: while it delivers, a caller may lead instead, and so may a
         * user's function that runs in deliver() and joins with a task. */
        fct_mutex_lock(&group->lock);
        bool leads = group->committer_leads;
        group->committer_leads = false;
        bool stop = group->stop;
        fct_mutex_unlock(&group->lock);
        if (leads) {
            lead(group, true);
        } else if (!delivered) {
            if (stop) {
                return;
            }
            atomic_store(&group->committer_asleep, 1);
            fct_word_wait(&group->committer_word, word, UINT64_MAX);
            atomic_store(&group->committer_asleep, 0);
        }
    }
}

factum_status fct_group_submit(struct fct_group *group, struct fct_group_member *member,
                               factum_error *err)
{
    bool wake = false;
    member->by_completion = true;
    fct_mutex_lock(&group->lock);
    factum_status status = start_committer(group, err);
    if (status == FACTUM_OK) {
        status = join(group, member, err);
    }
    if (status == FACTUM_OK && !group->led) {
        group->led = true;
        group->committer_leads = true;
        wake = true;
    }
    group_check(group);
    fct_mutex_unlock(&group->lock);
    if (wake) {
        wake_committer(group);
    }
    return status;
}

void fct_group_finish(struct fct_group *group)
{
    if (group->options.os == NULL) {
        return;
    }
    fct_mutex_lock(&group->lock);
    group->stop = true;
    fct_mutex_unlock(&group->lock);
    wake_committer(group);
    fct_thread_join(&group->committer);
    group_check(group);
    FCT_ASSERT(group->first == NULL);
    FCT_ASSERT(group->undelivered == 0);
    FCT_ASSERT(group->queued_size == 0);
    fct_mutex_finish(&group->lock);
    group->options.os = NULL;
}
