/* group.c - see group.h. Layer: engine_local.
 *
 * Invariants:
 *  1. Groups are worked on one at a time, in order of their numbers. |led| says that someone sees
 *     to it that the group that forms will be worked on.
 *  2. The state of a group only rises. It is written by who leads the group before (offered), a
 *     member (led), who leads it (done), or, if it is late, who leads the next one (done). Whoever
 *     leads has said so of all earlier groups, but for the late one, before another can lead.
 *  3. After its state says that a group is done, no one touches the requests of its waiting
 *     members.
 *  4. When a group begins to form, no member of an earlier one sleeps on the word of its slot: who
 *     is woken there wakes as many again, and the leader wakes whom that has not reached yet.
 */
#include "engine_local/group.h"

#include "core/check.h"
#include "core/error.h"

/* Where few append at a time, the turn comes soon and a sleep would take longer than the wait;
 * where many do, their threads need the processors. */
#define SPIN_COUNT_MAX 24u
#define SPIN_TURNS 1500u

/* So many that wait are led by the committer, if it can be started; not while it calls |done| for
 * others, which may take its time. */
#define MANY_MIN 32u
/* So many are woken by the leader, and by each who was woken: a wake-up takes longer than most of
 * the work, and a leader gets its processor back only behind all who were woken at once. */
#define TELL_WIDTH 4u

/* States of a group rise, and those of a later one are above: one word serves a slot for ever. */
enum phase {
    PHASE_FORMING,
    PHASE_OFFERED,
    PHASE_LED,
    PHASE_TELLING, /* done: who is woken wakes others */
    PHASE_DONE,    /* no one is left to be woken by others */
};
#define PHASES 8u

static uint32_t state_in(uint32_t number, enum phase phase)
{
    return number * PHASES + (uint32_t)phase;
}

void fct_group_init(struct fct_group *group, const struct fct_mem *mem, uint64_t queue_max,
                    bool threads, void (*work)(void *data, struct fct_group_request *list),
                    void *data)
{
    *group = (struct fct_group){
        .mem = mem, .work = work, .data = data, .queue_max = queue_max, .threads = threads};
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

static uint32_t done_state(uint32_t number, uint64_t waiting)
{
    return state_in(number, waiting > TELL_WIDTH ? PHASE_TELLING : PHASE_DONE);
}

static bool is_done(uint32_t state, uint32_t number)
{
    return (int32_t)(state - state_in(number, PHASE_TELLING)) >= 0;
}

/* True if the group was offered and the caller now leads it. */
static bool take_offer(_Atomic uint32_t *word, uint32_t number)
{
    uint32_t offered = state_in(number, PHASE_OFFERED);
    return atomic_load(word) == offered &&
           atomic_compare_exchange_strong(word, &offered, state_in(number, PHASE_LED));
}

static void spin(struct fct_group *group, uint32_t number)
{
    _Atomic uint32_t *word = word_of(group, number);
    uint32_t offered = state_in(number, PHASE_OFFERED);
    atomic_store(&group->spinner, number + 1);
    for (uint32_t i = 0; i < SPIN_TURNS && (int32_t)(atomic_load(word) - offered) < 0; i++) {
        fct_cpu_relax();
    }
    atomic_store(&group->spinner, 0); /* before the word is read again: see offer */
}

/* By a member: returns when its group is done, or true when the caller is to lead it. */
static bool await(struct fct_group *group, uint32_t number)
{
    _Atomic uint32_t *word = word_of(group, number);
    for (bool slept = false;;) {
        uint32_t seen = atomic_load(word);
        if (is_done(seen, number)) {
            if (slept && seen == state_in(number, PHASE_TELLING)) {
                fct_word_wake(word, TELL_WIDTH);
            }
            return false;
        }
        if (take_offer(word, number)) {
            return true;
        }
        slept = fct_word_wait(word, seen, UINT64_MAX); /* not if it has changed */
    }
}

/* With the lock held: the group that forms is closed. */
static struct fct_group_request *close_group(struct fct_group *group)
{
    struct fct_group_request *list = group->first;
    FCT_ASSERT(list != NULL);
    atomic_store_explicit(&group->last_count, (uint32_t)group->count, memory_order_relaxed);
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

/* Takes the requests with an op out of a list that is done; returns how many others it has. */
static uint64_t split_completed(struct fct_group_request *list,
                                struct fct_group_request ***completed_last)
{
    uint64_t waiting = 0;
    while (list != NULL) {
        struct fct_group_request *next = list->next;
        if (list->op != NULL) {
            list->next = NULL;
            **completed_last = list;
            *completed_last = &list->next;
        } else {
            waiting++;
        }
        list = next;
    }
    return waiting;
}

static void offer(struct fct_group *group, uint32_t number)
{
    _Atomic uint32_t *word = word_of(group, number);
    atomic_store(word, state_in(number, PHASE_OFFERED));
    uint32_t spinner = atomic_load(&group->spinner);
    if (spinner == 0 || spinner != number + 1) {
        fct_word_wake(word, 1);
    }
}

/* Those who sleep of a group whose state says that it is done. */
static void wake_members(struct fct_group *group, uint32_t number, uint64_t waiting)
{
    if (waiting > 0) {
        fct_word_wake(word_of(group, number), TELL_WIDTH);
    }
}

void fct_group_meanwhile(struct fct_group *group)
{
    uint64_t waiting = group->late_waiting;
    if (waiting > 0) {
        group->late_waiting = 0;
        atomic_store(word_of(group, group->late), done_state(group->late, waiting));
        wake_members(group, group->late, waiting);
    }
}

/* By the leader, before a new group forms: no one sleeps any longer who was in the group that had
 * its slot before. */
static void free_next_slot(struct fct_group *group)
{
    _Atomic uint32_t *word = word_of(group, group->forming + 1);
    if (atomic_load(word) % PHASES == PHASE_TELLING) {
        fct_word_wake(word, UINT32_MAX >> 1);
    }
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
    bool many = group->count >= MANY_MIN && group->threads && group->untold == 0 && !group->telling;
    if (many && start_committer(group, NULL) != FACTUM_OK) {
        many = false;
        group->threads = false; /* those who wait do without */
    }
    group->committer_leads = many || group->waiting == 0;
    return group->committer_leads ? NEXT_COMMITTER : NEXT_OFFER;
}

/* Leads the group that forms. Returns the completions of it to the committer, if that leads, else
 * hands them over to it. */
static struct fct_group_request *lead(struct fct_group *group, bool by_committer)
{
    free_next_slot(group);
    fct_mutex_lock(&group->lock);
    uint32_t number = group->forming;
    struct fct_group_request *list = close_group(group);
    fct_mutex_unlock(&group->lock);

    group->work(group->data, list);
    fct_group_meanwhile(group);
    struct fct_group_request *completed = NULL;
    struct fct_group_request **completed_last = &completed;
    uint64_t waiting = split_completed(list, &completed_last);
    waiting -= by_committer ? 0 : 1; /* the leader itself */
    bool hand_over = completed != NULL && !by_committer;

    fct_mutex_lock(&group->lock);
    if (hand_over) {
        *group->completed_last = completed;
        group->completed_last = completed_last;
    }
    enum next next = choose_next(group);
    bool late = by_committer && next == NEXT_COMMITTER && completed == NULL;
    if (late) {
        group->late = number;
        group->late_waiting = waiting;
    } else {
        atomic_store(word_of(group, number), done_state(number, waiting));
    }
    fct_mutex_unlock(&group->lock);
    if (next == NEXT_OFFER) {
        offer(group, number + 1);
    }
    if (hand_over || (next == NEXT_COMMITTER && !by_committer)) {
        wake_committer(group);
    }
    if (!late) {
        wake_members(group, number, waiting);
    }
    return by_committer ? completed : NULL;
}

factum_status fct_group_run(struct fct_group *group, struct fct_group_request *request,
                            factum_error *err)
{
    FCT_ASSERT(request->op == NULL);
    fct_mutex_lock(&group->lock);
    factum_status status = join(group, request, err);
    uint32_t number = group->forming;
    bool leads = status == FACTUM_OK && !group->led;
    bool first = group->count == 1;
    group->led = group->led || leads;
    fct_mutex_unlock(&group->lock);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!leads && first &&
        atomic_load_explicit(&group->last_count, memory_order_relaxed) <= SPIN_COUNT_MAX) {
        spin(group, number);
    }
    if (leads || await(group, number)) {
        struct fct_group_request *none = lead(group, false);
        FCT_ASSERT(none == NULL);
    }
    if (request->status < 0 && err != NULL) {
        *err = request->err;
    }
    return request->status;
}

static void set_telling(struct fct_group *group, bool telling)
{
    fct_mutex_lock(&group->lock);
    group->telling = telling;
    fct_mutex_unlock(&group->lock);
}

static void tell(struct fct_group *group, struct fct_group_request *list)
{
    if (list == NULL) {
        return;
    }
    set_telling(group, true);
    while (list != NULL) {
        struct fct_group_request *request = list;
        list = list->next;
        factum_append_op *op = request->op;
        factum_append_result result = request->result;
        factum_status status = request->status;
        factum_error err;
        err.status = FACTUM_OK;
        if (status < 0) {
            err = request->err;
        }
        fct_mutex_lock(&group->lock);
        request->next = group->pool;
        group->pool = request;
        group->untold--;
        fct_mutex_unlock(&group->lock);
        op->done(op, status, &result, status < 0 ? &err : NULL);
    }
    set_telling(group, false);
}

static void committer_main(void *data)
{
    struct fct_group *group = data;
    for (;;) {
        uint32_t word = atomic_load(&group->committer_word);
        fct_mutex_lock(&group->lock);
        struct fct_group_request *completed = group->completed;
        group->completed = NULL;
        group->completed_last = &group->completed;
        bool leads = group->committer_leads;
        group->committer_leads = false;
        bool stop = group->stop;
        fct_mutex_unlock(&group->lock);
        tell(group, completed);
        if (leads) {
            tell(group, lead(group, true));
        } else if (completed == NULL) {
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
        *request = *from;
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
