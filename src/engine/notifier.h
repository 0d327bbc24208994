/* notifier.h - the listeners of an engine, and the thread that calls them and ends ops.
 * Layer: engine. For authors of engines.
 *
 * A post of bits (factum_news) costs an atomic or, and a wake-up if somebody listens. The thread
 * "factum-notify" is started with the first listener. It takes all bits posted since its last round
 * and calls every listener once. So a slow listener delays other listeners, but never a commit, nor
 * a thread that begins to listen. Without threads, a thread that has posted calls
 * fct_notifier_deliver, with no locks held; if another thread is delivering, that one takes the new
 * bits too. The direct listener (FCT_LISTENER_DIRECT) is called by the thread that posts.
 *
 * An engine without a thread of its own for completions passes ended ops to fct_notifier_complete:
 * the same thread calls their completers, before the listeners.
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
    _Atomic uint32_t posted;           /* bits that no round has taken */
    _Atomic uint32_t listening;        /* number of listeners without the direct one */

    struct fct_mutex lock; /* of the next members; not held while a listener runs */
    factum_listener **listeners;
    size_t count;
    size_t capacity;
    bool calling; /* a round is under way */
    bool emptied; /* some slots are NULL: their listeners do not listen any more */
    const factum_listener *running; /* its notify is being called; or NULL */
    uint32_t leaving;               /* threads that wait for its return */
    _Atomic uint32_t returns;       /* rises with each return of a notify */

    struct fct_mutex ops_lock; /* of |ended|, |thread| and |stop| */
    factum_append_op *ended;   /* linked by internal[0] */
    factum_append_op **ended_last;

    struct fct_thread thread;
    bool stop;
    _Atomic uint32_t word; /* rises to wake the thread */
    _Atomic uint32_t asleep;
};

void fct_notifier_init(struct fct_notifier *notifier, const struct fct_mem *mem, bool threads);
/* Delivers what was posted and completed, ends the thread, frees. Accepts a zeroed one. */
void fct_notifier_finish(struct fct_notifier *notifier);

/* Errors: INVALID (it listens already), TOO_BIG (FACTUM_LISTENERS_MAX), NO_MEMORY, IO (the thread
 * could not be started). Any thread. */
FCT_MUST_USE factum_status fct_notifier_listen(struct fct_notifier *notifier,
                                               factum_listener *listener, factum_error *err);
/* After it returns |listener| is not called any more, unless it is called from inside the listener.
 * Accepts one that does not listen. Any thread. */
void fct_notifier_unlisten(struct fct_notifier *notifier, factum_listener *listener);
/* |bits| of factum_news. Any thread; does not block, but calls the direct listener. */
void fct_notifier_post(struct fct_notifier *notifier, uint32_t bits);
/* fct_notifier_post in two steps, for a thread that has more urgent work before others run: bits
 * that were noted reach the listeners after fct_notifier_wake, or with the next post. */
void fct_notifier_note(struct fct_notifier *notifier, uint32_t bits);
void fct_notifier_wake(struct fct_notifier *notifier);
/* Without threads: calls the listeners if bits were posted. No locks are held. With threads: does
 * nothing. */
void fct_notifier_deliver(struct fct_notifier *notifier);

/* Starts the thread, if it was not started. Before the first op is taken: then
 * fct_notifier_complete cannot fail. Errors: NO_MEMORY, IO. */
FCT_MUST_USE factum_status fct_notifier_start(struct fct_notifier *notifier, factum_error *err);
/* |op| has ended: its completer is called on the notifier's thread. Any thread. */
void fct_notifier_complete(struct fct_notifier *notifier, factum_append_op *op);

#endif
