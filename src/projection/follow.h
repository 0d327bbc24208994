/* follow.h - a follower: factum_follow_* with the world passed in, and what its parts share.
 * Layer: projection. A user of the public API of the store.
 *
 *   follow.c             opening, the copy of the request, stopping, figures
 *   follow_run.c         a run: the checkpoint loaded, events delivered, the checkpoint saved
 *   follow_checkpoint.h  the checkpoint in the store
 *
 * |lock| guards |subscription|, so that another thread can stop it. It is not held while a function
 * of the caller is called. Any thread may read the atomic figures; everything else belongs to the
 * thread that runs.
 */
#ifndef FCT_PROJECTION_FOLLOW_H
#define FCT_PROJECTION_FOLLOW_H

#include <stdatomic.h>

#include <factum/arena.h>
#include <factum/delivery.h>

#include "core/compiler.h"
#include "core/mem.h"
#include "os/os.h"
#include "os/thread.h"

struct fct_follow_world {
    const struct fct_mem *mem;
    const struct fct_os *os; /* its random numbers and its monotonic clock */
};

struct factum_follow {
    struct fct_follow_world world;
    factum_store *store;
    factum_arena arena;            /* of the copy of the request and the stream's name */
    factum_follow_options options; /* |request| and |keeper| are not used */
    factum_follow_keeper keeper;   /* if |kept_outside| */
    bool kept_outside;
    factum_read_request request;
    factum_call call;     /* a copy, if the request has one */
    factum_filter filter; /* likewise */
    factum_query query;   /* likewise */
    factum_slice stream;  /* of the checkpoint */
    factum_uuid owner;    /* the id of this follower */
    struct fct_mutex lock;
    factum_subscription *subscription; /* of the run in progress, or NULL */
    _Atomic uint32_t stop;
    _Atomic uint32_t running;
    _Atomic uint64_t given;
    _Atomic uint64_t kept;
    _Atomic uint64_t event_count;
    _Atomic uint64_t checkpoint_count;
};

/* As factum_follow_open. */
FCT_MUST_USE factum_status fct_follow_open(const struct fct_follow_world *world,
                                           factum_store *store,
                                           const factum_follow_options *options,
                                           factum_follow **follow, factum_error *err);
/* One run. |until| is complete; |err| is not NULL. */
FCT_MUST_USE factum_status fct_follow_run(factum_follow *follow, const factum_follow_until *until,
                                          factum_error *err);

#endif
