/* loop.h - one thread's event loop: tasks, timers and a clock, over libuv. Layer: net.
 *
 * Everything that a connection or a service does happens on the thread that runs the loop; other
 * threads reach it by fct_loop_post alone. Tasks and timers are embedded in their owners and never
 * allocate.
 */
#ifndef FCT_NET_LOOP_H
#define FCT_NET_LOOP_H

#include <factum/base.h>

#include "core/mem.h"

struct fct_loop;

/* Something to run on the loop's thread. Zero it and set |run| first. */
struct fct_task {
    struct fct_task *next;
    struct fct_task **slot; /* where the queue points to it; NULL: not queued */
    bool is_work;           /* in the queue of fct_loop_work */
    void (*run)(struct fct_task *task);
};

struct fct_timer {
    struct fct_timer *next; /* NULL: not running */
    struct fct_timer *prev;
    uint64_t due_ms;
    unsigned every_ms; /* 0: once */
    void (*run)(struct fct_timer *timer);
};

/* NO_MEMORY, IO. */
FCT_MUST_USE factum_status fct_loop_create(const struct fct_mem *mem, struct fct_loop **loop,
                                           factum_error *err);
/* Not while it runs. Accepts NULL. All its connections and listeners are gone before. */
void fct_loop_destroy(struct fct_loop *loop);

/* Runs on this thread until fct_loop_stop. */
void fct_loop_run(struct fct_loop *loop);
/* On the loop's thread: run returns after this turn. */
void fct_loop_stop(struct fct_loop *loop);

/* Queues |task| to run once, as soon as the loop comes to it. Any thread. One that is queued
 * already is left where it is. */
void fct_loop_post(struct fct_loop *loop, struct fct_task *task);
/* The same, from the loop's thread, without a wake-up: it runs after what has come in during this
 * turn was handled; one that is queued again by itself runs in the next turn. */
void fct_loop_later(struct fct_loop *loop, struct fct_task *task);
/* The same for long work that is done in pieces, each of which queues the next: of these a turn
 * runs one, and more while a few milliseconds are not used up. What is short does not wait for
 * all. */
void fct_loop_work(struct fct_loop *loop, struct fct_task *task);
/* Takes a task of fct_loop_later or fct_loop_work out of its queue; accepts one that is not queued.
 * Not for one that was posted. */
void fct_loop_forget(struct fct_loop *loop, struct fct_task *task);

/* Takes a task of fct_loop_post out of its queue; accepts one that is not queued. For an owner that
 * ends, when no other thread posts the task any more. Loop's thread, or while the loop does not
 * run. */
void fct_loop_unpost(struct fct_loop *loop, struct fct_task *task);

/* A monotonic clock, as of the beginning of this turn. */
uint64_t fct_loop_now_ms(const struct fct_loop *loop);
/* Starts it, or starts it again. Loop's thread. */
void fct_timer_start(struct fct_loop *loop, struct fct_timer *timer, unsigned after_ms,
                     unsigned every_ms);
/* Accepts one that is not running. */
void fct_timer_stop(struct fct_timer *timer);
/* One that repeats is running while |run| is called, one that does not is not. */
bool fct_timer_is_running(const struct fct_timer *timer);

#endif
