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

/* A function to run on the loop's thread. Zero it and set |run| first. */
struct fct_task {
    struct fct_task *next;
    struct fct_task **slot; /* the pointer to this task in a queue; NULL: not queued */
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

/* Creates a loop. Errors: NO_MEMORY, IO. */
FCT_MUST_USE factum_status fct_loop_create(const struct fct_mem *mem, struct fct_loop **loop,
                                           factum_error *err);
/* Not while it runs, and only after all its connections and listeners. Accepts NULL. */
void fct_loop_destroy(struct fct_loop *loop);

/* Runs on this thread until fct_loop_stop. */
void fct_loop_run(struct fct_loop *loop);
/* Makes fct_loop_run return after this turn. Loop's thread. */
void fct_loop_stop(struct fct_loop *loop);

/* Queues |task| to run once, as soon as possible. A task that is queued already keeps its place.
 * Any thread. */
void fct_loop_post(struct fct_loop *loop, struct fct_task *task);
/* The same from the loop's thread, without a wake-up: |task| runs after everything that came in
 * during this turn. A task that queues itself again runs in the next turn. */
void fct_loop_later(struct fct_loop *loop, struct fct_task *task);
/* The same for long work done in pieces, each of which queues the next. A turn runs one piece, and
 * more while a few milliseconds are not used up. So short tasks do not wait for all the long
 * work. */
void fct_loop_work(struct fct_loop *loop, struct fct_task *task);
/* Takes a task of fct_loop_later or fct_loop_work out of its queue; accepts a task that is not
 * queued. Not for a task of fct_loop_post. */
void fct_loop_forget(struct fct_loop *loop, struct fct_task *task);

/* Takes a task of fct_loop_post out of its queue; accepts a task that is not queued. For an owner
 * that ends, when no other thread posts the task any more. Loop's thread, or while the loop does
 * not run. */
void fct_loop_unpost(struct fct_loop *loop, struct fct_task *task);

/* A monotonic clock, read at the beginning of this turn. */
uint64_t fct_loop_now_ms(const struct fct_loop *loop);
/* Starts or restarts the timer. Loop's thread. */
void fct_timer_start(struct fct_loop *loop, struct fct_timer *timer, unsigned after_ms,
                     unsigned every_ms);
/* Accepts a timer that is not running. */
void fct_timer_stop(struct fct_timer *timer);
/* A repeating timer is running while |run| is called, another is not. */
bool fct_timer_is_running(const struct fct_timer *timer);

#endif
