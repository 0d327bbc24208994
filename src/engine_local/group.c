/* group.c - see group.h. Layer: engine_local.
 *
 * Invariants:
 *  1. Groups are worked on one at a time, in order of their numbers; turn is the number under way
 *     or next.
 *  2. A group that is not empty has exactly one leader, a member's thread or the committer.
 *  3. After |through| says that a group is done, no one touches the requests of its waiting
 *     members.
 */
#include "engine_local/group.h"

#include "core/check.h"
#include "core/error.h"

/* Where few append at a time, the turn comes soon and a sleep would take longer than the wait;
 * where many do, their threads need the processors. */
#define SPIN_COUNT_MAX 24u
#define SPIN_TURNS 1500u

void fct_group_init(struct fct_group *group, const struct fct_mem *mem, uint64_t queue_max,
                    void (*work)(void *data, struct fct_group_request *list), void *data)
{
    *group = (struct fct_group){.mem = mem, .work = work, .data = data, .queue_max = queue_max};
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
    return FACTUM_OK;
}

static void await_turn(struct fct_group *group, uint32_t number)
{
    uint32_t now = atomic_load(&group->turn);
    bool few = atomic_load_explicit(&group->last_count, memory_order_relaxed) <= SPIN_COUNT_MAX;
    for (uint32_t i = 0; few && now != number && i < SPIN_TURNS; i++) {
        fct_cpu_relax();
        now = atomic_load(&group->turn);
    }
    while (now != number) {
        atomic_store(&group->turn_waited, 1);
        now = atomic_load(&group->turn);
        if (now != number) {
            fct_word_wait(&group->turn, now, UINT64_MAX);
            now = atomic_load(&group->turn);
        }
    }
}

static struct fct_group_request *close_group(struct fct_group *group)
{
    fct_mutex_lock(&group->lock);
    struct fct_group_request *list = group->first;
    atomic_store_explicit(&group->last_count, (uint32_t)group->count, memory_order_relaxed);
    group->first = NULL;
    group->last = &group->first;
    group->count = 0;
    group->forming++;
    group->led = false;
    fct_mutex_unlock(&group->lock);
    return list;
}

static void wake_committer(struct fct_group *group)
{
    atomic_fetch_add(&group->committer_word, 1);
    if (atomic_load(&group->committer_asleep) != 0) {
        fct_word_wake(&group->committer_word, 1);
    }
}

/* Takes the requests with an op out of a list that is done; returns how many others it has. */
static uint32_t split_completed(struct fct_group_request *list,
                                struct fct_group_request ***completed_last)
{
    uint32_t waiting = 0;
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

static void pass_on(struct fct_group *group, uint32_t number, uint32_t waiting)
{
    _Atomic uint32_t *through = &group->through[number % FCT_GROUP_SLOTS];
    atomic_store(through, number + 1);
    atomic_store(&group->turn, number + 1);
    if (atomic_exchange(&group->turn_waited, 0) != 0) {
        fct_word_wake(&group->turn, UINT32_MAX >> 1);
    }
    if (waiting > 0) {
        fct_word_wake(through, UINT32_MAX >> 1);
    }
}

/* Returns the completions of the group if |own_completions|, else hands them to the committer. */
static struct fct_group_request *lead(struct fct_group *group, uint32_t number,
                                      bool own_completions)
{
    await_turn(group, number);
    struct fct_group_request *list = close_group(group);
    FCT_ASSERT(list != NULL);
    group->work(group->data, list);
    struct fct_group_request *completed = NULL;
    struct fct_group_request **completed_last = &completed;
    uint32_t waiting = split_completed(list, &completed_last);
    if (completed != NULL && !own_completions) {
        fct_mutex_lock(&group->lock);
        *group->completed_last = completed;
        group->completed_last = completed_last;
        fct_mutex_unlock(&group->lock);
        wake_committer(group);
        completed = NULL;
    }
    pass_on(group, number, own_completions ? waiting : waiting - 1);
    return completed;
}

factum_status fct_group_run(struct fct_group *group, struct fct_group_request *request,
                            factum_error *err)
{
    FCT_ASSERT(request->op == NULL);
    fct_mutex_lock(&group->lock);
    factum_status status = join(group, request, err);
    uint32_t number = group->forming;
    bool leads = status == FACTUM_OK && !group->led;
    group->led = group->led || leads;
    fct_mutex_unlock(&group->lock);
    if (status != FACTUM_OK) {
        return status;
    }
    if (leads) {
        (void)lead(group, number, false);
    } else {
        _Atomic uint32_t *through = &group->through[number % FCT_GROUP_SLOTS];
        uint32_t seen = atomic_load(through);
        while ((int32_t)(seen - (number + 1)) < 0) {
            fct_word_wait(through, seen, UINT64_MAX);
            seen = atomic_load(through);
        }
    }
    if (request->status < 0 && err != NULL) {
        *err = request->err;
    }
    return request->status;
}

static void tell(struct fct_group *group, struct fct_group_request *list)
{
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
        uint32_t number = group->forming;
        bool stop = group->stop;
        fct_mutex_unlock(&group->lock);
        tell(group, completed);
        if (leads) {
            tell(group, lead(group, number, true));
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
    if (!group->committer.started) {
        status = fct_thread_start(&group->committer, "factum-commit", committer_main, group, err);
    }
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
