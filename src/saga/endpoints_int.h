/* endpoints_int.h - the state of a host of endpoints. Layer: saga. Private to endpoints.c,
 * endpoints_deliver.c and endpoints_parked.c.
 *
 * Two threads. The *follower* copies commands and deployments from the store into endpoints.db,
 * together with its checkpoint. The *courier* takes due commands from there, calls endpoints, and
 * appends replies. They share only the file; the follower wakes the courier after each commit.
 */
#ifndef FCT_SAGA_ENDPOINTS_INT_H
#define FCT_SAGA_ENDPOINTS_INT_H

#include <factum/delivery.h>
#include <factum/endpoint.h>

#include "core/arena.h"
#include "core/random.h"
#include "os/os.h"
#include "os/thread.h"
#include "saga/endpoint_http.h"
#include "saga/endpoint_message.h"
#include "saga/endpoint_queue.h"

#define FCT_DELIVERIES_MAX 256u /* at the same time, of all endpoints */

struct fct_delivery;

struct factum_endpoints {
    factum_store *store;
    factum_endpoints_options options; /* its texts are in |arena| */
    factum_arena arena;
    factum_log_sink log;
    struct fct_file *lock;
    struct fct_http *http;
    factum_follow *follow;
    struct fct_thread follower;
    struct fct_thread courier;
    struct fct_queue taken; /* the follower's connection */
    struct fct_queue due;   /* the courier's */
    struct fct_random random;
    struct fct_delivery *deliveries; /* under way */
    size_t delivery_count;
    bool lost; /* a row could not be written */
    /* When old rows are dropped next; this and the next three belong to the courier. */
    int64_t next_drop;
    _Atomic uint32_t stop;
};

/* The courier's thread. */
void fct_courier_run(void *data);
/* Frees the deliveries under way, after the courier has ended. */
void fct_deliveries_free(struct factum_endpoints *e);

/* An event that answers a command, or cancels it, under |key|. */
struct fct_reply {
    factum_slice stream;
    factum_slice type;
    factum_slice data;
    factum_slice key; /* the command's id, which is also the cause of the reply */
    factum_slice trace;
};
/* Errors: KEY_CONFLICT (another event has the key); otherwise as factum_append. */
FCT_MUST_USE factum_status fct_reply_append(factum_store *store, const struct fct_reply *reply,
                                            const struct fct_command_meta *meta,
                                            factum_arena *arena, factum_error *err);

#endif
