/* loop.c - see loop.h. Layer: net.
 *
 * A turn: libuv waits for sockets and posted tasks, and runs their callbacks. Then the due timers
 * run, then the tasks of fct_loop_later, in which connections send, then a part of the tasks of
 * fct_loop_work. While such tasks exist, the loop does not wait.
 *
 * Invariants (loop_check).
 *  1. A task is in one queue at most; |slot| points to the pointer to the task.
 *  2. Only |posted| is shared with other threads, under |lock|.
 *  3. The ring of timers is in the order of |due_ms|.
 */
#include "net/loop.h"

#include "core/check.h"
#include "core/error.h"
#include "net/loop_int.h"
#include "os/thread.h"

#define WORK_NS_PER_TURN (2 * 1000000u)

struct fct_loop {
    const struct fct_mem *mem;
    uv_loop_t uv;
    uv_async_t wake;
    uv_check_t check;
    uv_idle_t idle; /* runs while tasks of fct_loop_later exist: the loop does not wait */
    uv_timer_t tick;
    struct fct_mutex lock;
    struct fct_task *posted;
    struct fct_task **posted_last;
    struct fct_task *later;
    struct fct_task **later_last;
    struct fct_task *work;
    struct fct_task **work_last;
    struct fct_timer timers; /* a ring in the order of due times, and its end */
    unsigned open_handles;
    uint8_t buffer[FCT_LOOP_BUFFER_SIZE];
};

static void loop_check(const struct fct_loop *loop)
{
    FCT_ASSERT((loop->later == NULL) == (loop->later_last == &loop->later));
    FCT_ASSERT((loop->work == NULL) == (loop->work_last == &loop->work));
    FCT_ASSERT(*loop->later_last == NULL);
    FCT_ASSERT(*loop->work_last == NULL);
    FCT_ASSERT(loop->timers.next->prev == &loop->timers);
    FCT_ASSERT(loop->timers.prev->next == &loop->timers);
    FCT_ASSERT(loop->timers.next == &loop->timers ||
               loop->timers.next->due_ms <= loop->timers.prev->due_ms);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static void task_unlink(struct fct_task *task, struct fct_task ***last)
{
    FCT_ASSERT(*task->slot == task);
    *task->slot = task->next;
    if (task->next != NULL) {
        task->next->slot = task->slot;
    } else {
        *last = task->slot;
    }
    task->slot = NULL;
    task->next = NULL;
}

static void task_add(struct fct_task *task, struct fct_task ***last)
{
    FCT_ASSERT(task->slot == NULL);
    task->next = NULL;
    task->slot = *last;
    **last = task;
    *last = &task->next;
}

void fct_loop_post(struct fct_loop *loop, struct fct_task *task)
{
    fct_mutex_lock(&loop->lock);
    bool queued = task->slot != NULL;
    if (!queued) {
        task_add(task, &loop->posted_last);
    }
    fct_mutex_unlock(&loop->lock);
    if (!queued) {
        (void)uv_async_send(&loop->wake);
    }
}

void fct_loop_unpost(struct fct_loop *loop, struct fct_task *task)
{
    fct_mutex_lock(&loop->lock);
    if (task->slot != NULL) {
        task_unlink(task, &loop->posted_last);
    }
    fct_mutex_unlock(&loop->lock);
}

static struct fct_task *take_posted(struct fct_loop *loop)
{
    fct_mutex_lock(&loop->lock);
    struct fct_task *task = loop->posted;
    if (task != NULL) {
        task_unlink(task, &loop->posted_last);
    }
    fct_mutex_unlock(&loop->lock);
    return task;
}

static void on_wake(uv_async_t *wake)
{
    struct fct_loop *loop = wake->data;
    struct fct_task *task;
    while ((task = take_posted(loop)) != NULL) {
        task->run(task);
    }
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void expect_later(struct fct_loop *loop)
{
    if (loop->later != NULL || loop->work != NULL) {
        (void)uv_idle_start(&loop->idle, on_idle);
    } else {
        (void)uv_idle_stop(&loop->idle);
    }
}

void fct_loop_later(struct fct_loop *loop, struct fct_task *task)
{
    if (task->slot == NULL) {
        task->is_work = false;
        task_add(task, &loop->later_last);
        expect_later(loop);
    }
}

void fct_loop_work(struct fct_loop *loop, struct fct_task *task)
{
    if (task->slot == NULL) {
        task->is_work = true;
        task_add(task, &loop->work_last);
        expect_later(loop);
    }
}

void fct_loop_forget(struct fct_loop *loop, struct fct_task *task)
{
    if (task->slot != NULL) {
        task_unlink(task, task->is_work ? &loop->work_last : &loop->later_last);
    }
}

static void run_work(struct fct_loop *loop)
{
    uint64_t until = loop->work == NULL ? 0 : uv_hrtime() + WORK_NS_PER_TURN;
    while (loop->work != NULL) {
        struct fct_task *task = loop->work;
        task_unlink(task, &loop->work_last);
        task->run(task);
        if (uv_hrtime() >= until) {
            break;
        }
    }
}

/* Runs the tasks queued now; tasks that they queue wait for the next turn. */
static void run_later(struct fct_loop *loop)
{
    struct fct_task turn = {.run = NULL}; /* marks the end of this turn's tasks */
    if (loop->later == NULL) {
        return;
    }
    task_add(&turn, &loop->later_last);
    while (loop->later != &turn) {
        struct fct_task *task = loop->later;
        task_unlink(task, &loop->later_last);
        task->run(task);
    }
    task_unlink(&turn, &loop->later_last);
}

static void on_check(uv_check_t *check)
{
    struct fct_loop *loop = check->data;
    loop_check(loop);
    run_work(loop);
    run_later(loop);
    expect_later(loop);
    loop_check(loop);
}

/* ---- timers ---------------------------------------------------------------------------------- */

bool fct_timer_is_running(const struct fct_timer *timer)
{
    return timer->next != NULL;
}

void fct_timer_stop(struct fct_timer *timer)
{
    if (timer->next != NULL) {
        timer->prev->next = timer->next;
        timer->next->prev = timer->prev;
        timer->next = NULL;
        timer->prev = NULL;
    }
}

/* Inserts in the order of due times. Searches from the end: most timers have the same delay, so the
 * newest is the last to be due. */
static void timer_insert(struct fct_loop *loop, struct fct_timer *timer)
{
    struct fct_timer *before = loop->timers.prev;
    while (before != &loop->timers && before->due_ms > timer->due_ms) {
        before = before->prev;
    }
    timer->prev = before;
    timer->next = before->next;
    timer->next->prev = timer;
    before->next = timer;
}

static bool has_timers(const struct fct_loop *loop)
{
    return loop->timers.next != &loop->timers;
}

static void on_tick(uv_timer_t *tick);

static void tick_for_first(struct fct_loop *loop)
{
    uint64_t now = uv_now(&loop->uv);
    if (!has_timers(loop)) {
        (void)uv_timer_stop(&loop->tick);
    } else {
        uint64_t due = loop->timers.next->due_ms;
        (void)uv_timer_start(&loop->tick, on_tick, due > now ? due - now : 0, 0);
    }
}

void fct_timer_start(struct fct_loop *loop, struct fct_timer *timer, unsigned after_ms,
                     unsigned every_ms)
{
    fct_timer_stop(timer);
    timer->every_ms = every_ms;
    timer->due_ms = uv_now(&loop->uv) + after_ms;
    timer_insert(loop, timer);
    tick_for_first(loop);
    loop_check(loop);
}

static void on_tick(uv_timer_t *tick)
{
    struct fct_loop *loop = tick->data;
    uint64_t now = uv_now(&loop->uv);
    while (has_timers(loop) && loop->timers.next->due_ms <= now) {
        struct fct_timer *timer = loop->timers.next;
        fct_timer_stop(timer);
        if (timer->every_ms > 0) {
            timer->due_ms = now + timer->every_ms;
            timer_insert(loop, timer);
        }
        timer->run(timer);
    }
    tick_for_first(loop);
}

/* ---- the loop -------------------------------------------------------------------------------- */

uv_loop_t *fct_loop_uv(struct fct_loop *loop)
{
    return &loop->uv;
}

uint8_t *fct_loop_buffer(struct fct_loop *loop)
{
    return loop->buffer;
}

uint64_t fct_loop_now_ms(const struct fct_loop *loop)
{
    return uv_now(&loop->uv);
}

static void on_closed(uv_handle_t *handle)
{
    struct fct_loop *loop = handle->data;
    loop->open_handles--;
}

/* Only the handle that needs a descriptor can fail to start. */
static factum_status begin_handles(struct fct_loop *loop, factum_error *err)
{
    int failed = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (failed != 0) {
        return fct_fail_os(err, -failed, "start an event loop");
    }
    (void)uv_check_init(&loop->uv, &loop->check);
    (void)uv_idle_init(&loop->uv, &loop->idle);
    (void)uv_timer_init(&loop->uv, &loop->tick);
    loop->wake.data = loop;
    loop->check.data = loop;
    loop->idle.data = loop;
    loop->tick.data = loop;
    loop->open_handles = 4;
    (void)uv_check_start(&loop->check, on_check);
    return FACTUM_OK;
}

factum_status fct_loop_create(const struct fct_mem *mem, struct fct_loop **made, factum_error *err)
{
    struct fct_loop *loop = fct_mem_zalloc(mem, 1, sizeof *loop);
    if (loop == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "start an event loop: out of memory");
    }
    loop->mem = mem;
    loop->posted_last = &loop->posted;
    loop->later_last = &loop->later;
    loop->work_last = &loop->work;
    loop->timers.next = &loop->timers;
    loop->timers.prev = &loop->timers;
    int failed = uv_loop_init(&loop->uv);
    if (failed != 0) {
        fct_mem_free(mem, loop);
        return fct_fail_os(err, -failed, "start an event loop");
    }
    factum_status status = begin_handles(loop, err);
    if (status != FACTUM_OK) {
        (void)uv_loop_close(&loop->uv);
        fct_mem_free(mem, loop);
        return status;
    }
    fct_mutex_init(&loop->lock);
    *made = loop;
    return FACTUM_OK;
}

void fct_loop_destroy(struct fct_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    uv_close((uv_handle_t *)&loop->wake, on_closed);
    uv_close((uv_handle_t *)&loop->check, on_closed);
    uv_close((uv_handle_t *)&loop->idle, on_closed);
    uv_close((uv_handle_t *)&loop->tick, on_closed);
    while (loop->open_handles > 0) {
        (void)uv_run(&loop->uv, UV_RUN_ONCE);
    }
    FCT_ASSERT(!has_timers(loop));
    FCT_ASSERT(loop->later == NULL);
    FCT_ASSERT(loop->work == NULL);
    int failed = uv_loop_close(&loop->uv);
    FCT_ASSERT(failed == 0);
    fct_mutex_finish(&loop->lock);
    fct_mem_free(loop->mem, loop);
}

void fct_loop_run(struct fct_loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void fct_loop_stop(struct fct_loop *loop)
{
    uv_stop(&loop->uv);
}
