/* notifier.h - the listeners of an engine, and the thread that calls them and ends ops. Layer: engine.
 * For authors of engines.
 *
 * Who publishes posts bits, which costs an atomic or, and a wake-up if somebody listens. The thread
 * "factum-notify" is started with the first listener. It takes all bits posted since its last round
 * and calls every listener once: bits are coalesced, and a listener that is slow delays other
 * listeners, never a commit or who begins to listen. Without threads, fct_notifier_deliver is called by
 * whoever has posted, outside of locks; if another thread delivers at that time, that one does it.
 * A direct listener (FCT_LISTENER_DIRECT) is called by the poster itself.
 *
 * An engine without a thread of its own for completions gives ended ops to fct_notifier_complete: the
 * same thread calls their completers, before the listeners.
 *
 * Bounded: FACTUM_LISTENERS_MAX listeners; ops are their owners' memory.
 */
#ifndef FCT_ENGINE_NOTIFIER_H
#define FCT_ENGINE_NOTIFIER_H

#include <stdatomic.h>

#include <factum/async.h>

#include "core/mem.h"
#include "os/os.h"
#include "os/thread.h"

struct fct_notifier {
    const struct fct_mem *mem;
    bool threads;
    _Atomic(factum_listener *) direct; /* the one direct listener, or NULL */
    _Atomic uint32_t posted;           /* bits */
    _Atomic uint32_t listening;        /* listeners, without the direct one */

    struct fct_mutex lock; /* of what follows; not held while a listener runs */
    factum_listener **listeners;
    size_t count;
    size_t capacity;
    bool calling;                   /* a round is under way */
    bool emptied;                   /* and some slots are NULL: listeners that have ended */
    const factum_listener *running; /* whose notify runs, or NULL */
    uint32_t leaving;               /* threads that wait for its return */
    _Atomic uint32_t returns;       /* rises with it */

    struct fct_mutex ops_lock;
    factum_append_op *ended; /* linked by internal[0] */
    factum_append_op **ended_last;

    struct fct_thread thread;
    bool started;
    bool stop;
    _Atomic uint32_t word;
    _Atomic uint32_t asleep;
};

void fct_notifier_init(struct fct_notifier *notifier, const struct fct_mem *mem, bool threads);
/* Delivers what is left, ends the thread, frees. Accepts a zeroed one. */
void fct_notifier_finish(struct fct_notifier *notifier);

FCT_MUST_USE factum_status fct_notifier_listen(struct fct_notifier *notifier,
                                               factum_listener *listener, factum_error *err);
void fct_notifier_unlisten(struct fct_notifier *notifier, factum_listener *listener);
/* |bits| of factum_news. Any thread; does not block, but calls the direct listener. */
void fct_notifier_post(struct fct_notifier *notifier, uint32_t bits);
/* fct_notifier_post in two steps, for who has something more urgent to do before other threads run:
 * what was noted reaches the listeners after fct_notifier_wake, or with the next post. */
void fct_notifier_note(struct fct_notifier *notifier, uint32_t bits);
void fct_notifier_wake(struct fct_notifier *notifier);
/* Calls the listeners if anything is posted. Without threads, by who has posted; no locks are held.
 * Does nothing with threads. */
void fct_notifier_deliver(struct fct_notifier *notifier);

/* Makes fct_notifier_complete possible. Fails before an op is taken, never after. */
FCT_MUST_USE factum_status fct_notifier_start(struct fct_notifier *notifier, factum_error *err);
void fct_notifier_complete(struct fct_notifier *notifier, factum_append_op *op);

#endif
