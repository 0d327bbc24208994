/* remote_int.h - the remote engine as its files see it. Private to them. */
#ifndef FCT_TESTS_SUPPORT_REMOTE_INT_H
#define FCT_TESTS_SUPPORT_REMOTE_INT_H

#include "core/random.h"
#include "engine/backlog.h"
#include "engine/notifier.h"
#include "os/thread.h"
#include "support/remote_engine.h"

#define FCT_REMOTE_WORKERS 3u  /* threads that hand appends over */
#define FCT_REMOTE_FETCHERS 2u /* threads that read and ask */

struct remote;

/* Work for the fetchers, part of a reader, a lister or a question. */
struct job {
    struct job *next;
    struct remote *remote;
    void (*run)(struct job *job);
    /* Called last, without the lock; may free the job. Or NULL. */
    void (*finished)(struct job *job);
    factum_ready ready; /* to call after the next run, or NULL */
    uint32_t users;     /* fetchers that run the job or call |ready| */
    bool in_list;
    bool wanted;  /* true: run the job; false: only call |ready| */
    bool started; /* it was asked to run, and its outcome has not been taken */
    bool done;    /* it has run */
};

/* Ops linked by internal[0]. */
struct op_list {
    factum_append_op *first;
    size_t count;
};

struct remote {
    const struct fct_mem *mem;
    const struct fct_os *os;
    struct fct_engine *wrapped;
    struct fct_engine_ops ops;
    struct fct_upkeep_ops upkeep;
    struct fct_limits limits;
    struct fct_notifier notifier;
    factum_listener listener; /* calls to the wrapped engine */
    /* The completer of ops that have ended, which passes them to their own. */
    factum_completer completer;
    struct fct_thread workers[FCT_REMOTE_WORKERS];
    struct fct_thread fetchers[FCT_REMOTE_FETCHERS];
    struct fct_thread wire;
    _Atomic uint32_t word; /* rises whenever a thread may have something to do */

    struct fct_mutex lock; /* protects the members below */
    struct fct_random random;
    struct op_list queued;   /* not handed over yet */
    struct op_list answered; /* ended, not delivered yet */
    struct op_list lost;     /* made, but their answer is lost */
    uint32_t handed_over;    /* ops that workers have */
    uint32_t lose;
    bool held;
    bool stop;
    struct fct_backlog backlog;
    struct job *jobs;
};

/* ---- remote_engine.c ------------------------------------------------------------------------- */

/* Wakes all threads after a change. */
void fct_remote_wake(struct remote *remote);
/* With the lock held. Uniform in [0, bound). */
uint64_t fct_remote_below(struct remote *remote, uint64_t bound);
/* Sleeps for up to |us| microseconds. */
void fct_remote_dawdle(struct remote *remote, uint64_t us);

/* ---- remote_read.c --------------------------------------------------------------------------- */

void fct_remote_fetch_main(void *data);
factum_status fct_remote_read(void *self, const factum_read_request *request, bool follow,
                              struct fct_reader **out, factum_error *err);
factum_status fct_remote_list(void *self, const factum_list_request *request,
                              struct fct_lister **out, factum_error *err);
factum_status fct_remote_ask(void *self, factum_question *question, factum_error *err);

#endif
