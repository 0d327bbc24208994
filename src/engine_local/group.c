/* group.c - see group.h. Layer: engine_local.
 *
 * Invariants:
 *  1. Groups are worked on one at a time, in order of their numbers. |led| says that someone sees
 *     to it that the group that forms will be worked on.
 *  2. The state of a group only rises. It is written by who leads the group before (offered), a
 *     member (led), or who leads it (done). Whoever leads has said so of all earlier groups before
 *     another can lead.
 *  3. After its state says that a group is done, no one touches the requests of its waiting
 *     members.
 *  4. A wake-up that is meant for a group may reach a member of the one that had its slot before,
 *     if that one's leader has not come to wake it: that leader then wakes all who sleep there.
 */
#include "engine_local/group.h"

#include <stddef.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"

/* What the processors may spend, for each caller, on waiting awake. To put a thread to sleep and to
 * wake it costs them 10 us where they are virtual, most of it for the interrupt that ends an idle
 * one's rest; the rest is the price of not being woken late (docs/performance.md). */
#define AWAKE_NS UINT64_C(60000)
#define AWAKE_MAX_NS UINT64_C(1000000)
/* A few callers stay awake somewhat longer, whatever the number of processors: when a group of them
 * is through, the next one's turn comes at once. */
#define FEW 4u
#define AWAKE_FEW_NS UINT64_C(150000)

/* States of a group rise, and those of a later one are above: one word serves a slot for ever. */
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

void fct_group_init(struct fct_group *group, const struct fct_os *os, const struct fct_mem *mem,
                    uint64_t queue_max, void (*work)(void *data, struct fct_group_request *list),
                    void *data)
{
    *group = (struct fct_group){
        .os = os,
        .mem = mem,
        .work = work,
        .data = data,
        .queue_max = queue_max,
        .processors = fct_processor_count(),
    };
    group->last = &group->first;
    group->completed_last = &group->completed;
    fct_mutex_init(&group->lock);
}

static factum_status busy(uint64_t waiting, factum_error *err)
{
    return fct_fail(err, FACTUM_BUSY,
                    "%llu appends are waiting, which is the limit: try again later",
                    (unsigned long long)waiting);
}

/* With the lock held. */
static factum_status join(struct fct_group *group, struct fct_group_request *request,
                          factum_error *err)
{
    if (group->count >= group->queue_max) {
        return busy(group->count, err);
    }
    request->next = NULL;
    *group->last = request;
    group->last = &request->next;
    group->count++;
    group->waiting += request->op == NULL ? 1 : 0;
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

uint64_t fct_group_patience(const struct fct_group *group)
{
    uint64_t awake = group->crowd < group->processors ? group->crowd : group->processors;
    uint64_t patience = awake == 0 ? 0 : group->crowd * AWAKE_NS / awake;
    if (group->crowd <= FEW && patience < AWAKE_FEW_NS) {
        patience = AWAKE_FEW_NS;
    }
    patience = patience > AWAKE_MAX_NS ? AWAKE_MAX_NS : patience;
    return 2 * group->work_ns <= patience ? patience : 0; /* the group at work, and its own */
}

/* By a member: returns when its group is done, or true when the caller is to lead it. */
static bool await(struct fct_group *group, uint32_t number, uint64_t patience)
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
        if (!fct_word_yield(word, seen, &patience)) {
            (void)fct_word_wait(word, seen, UINT64_MAX);
        }
    }
}

/* With the lock held: the group that forms is closed. */
static struct fct_group_request *close_group(struct fct_group *group)
{
    struct fct_group_request *list = group->first;
    FCT_ASSERT(list != NULL);
    group->crowd -= (group->crowd + 7) / 8;
    group->crowd = group->waiting > group->crowd ? group->waiting : group->crowd;
    group->first = NULL;
    group->last = &group->first;
    group->count = 0;
    group->waiting = 0;
    group->forming++;
    return list;
}

static void committer_main(void *data);

static void wake_committer(struct fct_group *group)
{
    atomic_fetch_add(&group->committer_word, 1);
    if (atomic_load(&group->committer_asleep) != 0) {
        fct_word_wake(&group->committer_word, 1);
    }
}

/* Requests with an op that are done, in their order. */
struct completed {
    struct fct_group_request *first;
    struct fct_group_request **last;
    uint64_t count;
};

/* Takes the requests with an op out of a list that is done; returns how many others it has. */
static uint64_t split_completed(struct fct_group_request *list, struct completed *completed)
{
    uint64_t waiting = 0;
    while (list != NULL) {
        struct fct_group_request *next = list->next;
        if (list->op != NULL) {
            list->next = NULL;
            *completed->last = list;
            completed->last = &list->next;
            completed->count++;
        } else {
            waiting++;
        }
        list = next;
    }
    return waiting;
}

/* With the lock held: they wait to be told. */
static void queue_completed(struct fct_group *group, const struct completed *completed)
{
    if (completed->count > 0) {
        *group->completed_last = completed->first;
        group->completed_last = completed->last;
        group->completed_count += completed->count;
    }
}

static void offer(struct fct_group *group, uint32_t number)
{
    _Atomic uint32_t *word = word_of(group, number);
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
    NEXT_NONE, /* no one waits: whoever comes leads */
    NEXT_OFFER,
    NEXT_COMMITTER,
};

/* With the lock held: who leads the group that has formed meanwhile? */
static enum next choose_next(struct fct_group *group)
{
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
    struct fct_group_request *list = close_group(group);
    fct_mutex_unlock(&group->lock);

    uint64_t began = fct_os_monotonic(group->os);
    group->work(group->data, list);
    uint64_t took = fct_os_monotonic(group->os) - began;
    struct completed completed = {.last = &completed.first};
    uint64_t waiting = split_completed(list, &completed);
    waiting -= by_committer ? 0 : 1; /* the leader itself */

    fct_mutex_lock(&group->lock);
    queue_completed(group, &completed);
    group->work_ns = group->work_ns - group->work_ns / 8 + took / 8;
    enum next next = choose_next(group);
    atomic_store(word_of(group, number), state_in(number, PHASE_DONE));
    fct_mutex_unlock(&group->lock);
    if (next == NEXT_OFFER) {
        offer(group, number + 1);
    }
    if (!by_committer && (completed.count > 0 || next == NEXT_COMMITTER)) {
        wake_committer(group);
    }
    if (waiting > 0) {
        fct_word_wake(word_of(group, number), UINT32_MAX >> 1);
    }
}

factum_status fct_group_run(struct fct_group *group, struct fct_group_request *request,
                            factum_error *err)
{
    FCT_ASSERT(request->op == NULL);
    fct_mutex_lock(&group->lock);
    factum_status status = join(group, request, err);
    uint32_t number = group->forming;
    bool leads = status == FACTUM_OK && (!group->led || group->committer_leads);
    group->committer_leads = group->committer_leads && !leads; /* it may be telling others */
    group->led = group->led || leads;
    uint64_t patience = fct_group_patience(group);
    fct_mutex_unlock(&group->lock);
    if (status != FACTUM_OK) {
        return status;
    }
    if (leads || await(group, number, patience)) {
        lead(group, false);
    }
    if (request->status < 0 && err != NULL) {
        *err = request->err;
    }
    return request->status;
}

/* By the committer: calls |done| of all that were completed; false if there are none. */
static bool tell(struct fct_group *group)
{
    fct_mutex_lock(&group->lock);
    struct fct_group_request *list = group->completed;
    struct fct_group_request **last = group->completed_last;
    group->untold -= group->completed_count;
    group->completed = NULL;
    group->completed_last = &group->completed;
    group->completed_count = 0;
    fct_mutex_unlock(&group->lock);
    if (list == NULL) {
        return false;
    }
    for (const struct fct_group_request *r = list; r != NULL; r = r->next) {
        r->op->done(r->op, r->status, &r->result, r->status < 0 ? &r->err : NULL);
    }
    fct_mutex_lock(&group->lock);
    *last = group->pool;
    group->pool = list;
    fct_mutex_unlock(&group->lock);
    return true;
}

static void committer_main(void *data)
{
    struct fct_group *group = data;
    for (;;) {
        uint32_t word = atomic_load(&group->committer_word);
        fct_mutex_lock(&group->lock);
        bool leads = group->committer_leads;
        group->committer_leads = false;
        bool stop = group->stop;
        fct_mutex_unlock(&group->lock);
        bool told = tell(group);
        if (leads) {
            lead(group, true);
        } else if (!told) {
            if (stop) {
                return;
            }
            atomic_store(&group->committer_asleep, 1);
            fct_word_wait(&group->committer_word, word, UINT64_MAX);
            atomic_store(&group->committer_asleep, 0);
        }
    }
}

/* With the lock held: a request from the pool, as a copy of |from|. */
static struct fct_group_request *pooled(struct fct_group *group,
                                        const struct fct_group_request *from)
{
    struct fct_group_request *request = group->pool;
    if (request != NULL) {
        group->pool = request->next;
    } else {
        request = fct_mem_alloc(group->mem, sizeof *request);
    }
    if (request != NULL) {
        memcpy(request, from, offsetof(struct fct_group_request, err));
    }
    return request;
}

factum_status fct_group_submit(struct fct_group *group, const struct fct_group_request *from,
                               factum_error *err)
{
    FCT_ASSERT(from->op != NULL);
    bool wake = false;
    factum_status status = FACTUM_OK;
    fct_mutex_lock(&group->lock);
    status = start_committer(group, err);
    struct fct_group_request *request = status == FACTUM_OK ? pooled(group, from) : NULL;
    if (status == FACTUM_OK && request == NULL) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    if (status == FACTUM_OK) {
        status = group->untold >= group->queue_max ? busy(group->untold, err)
                                                   : join(group, request, err);
        if (status != FACTUM_OK) {
            request->next = group->pool;
            group->pool = request;
        } else {
            group->untold++;
        }
    }
    if (status == FACTUM_OK && !group->led) {
        group->led = true;
        group->committer_leads = true;
        wake = true;
    }
    fct_mutex_unlock(&group->lock);
    if (wake) {
        wake_committer(group);
    }
    return status;
}

void fct_group_finish(struct fct_group *group)
{
    if (group->mem == NULL) {
        return;
    }
    fct_mutex_lock(&group->lock);
    group->stop = true;
    fct_mutex_unlock(&group->lock);
    wake_committer(group);
    fct_thread_join(&group->committer);
    FCT_ASSERT(group->first == NULL);
    while (group->pool != NULL) {
        struct fct_group_request *request = group->pool;
        group->pool = request->next;
        fct_mem_free(group->mem, request);
    }
    fct_mutex_finish(&group->lock);
    group->mem = NULL;
}
