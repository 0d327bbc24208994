/* endpoint_queue.h - endpoints.db: which commands wait, and what is known of each. Layer: saga.
 *
 * An *endpoint* is the URL of a service. The host of endpoints delivers the commands of that
 * service there (endpoint.h). Its two threads share this file: the *follower* copies endpoints and
 * commands from the store into it; the *courier* takes commands that are due, and calls endpoints.
 *
 * The file is derived: it can be deleted while no host runs. The next host rebuilds it from the
 * store and delivers unanswered commands again.
 *
 *     endpoint   the deployed endpoints, as far as the follower has read
 *     command    one row for each command id, at the position of its first event
 *
 *     from      to        when
 *     -         WAITING   the follower has read the command
 *     WAITING   SENDING   the courier is about to send it
 *     WAITING   OVER      it was answered or cancelled before a call, its event is gone, or its
 *                         undo has decided about it
 *     WAITING   PARKED    it cannot be sent; or this host was not allowed to send it for too long,
 *                         for example because it does not know the secret
 *     SENDING   WAITING   the attempt failed, and another one follows after a pause; or a host that
 *                         starts finds the row like this (fct_queue_recover)
 *     SENDING   TAKEN     the service has accepted it, and answers later with an event of its own
 *     SENDING   OVER      the service has answered; or its undo, of another service and so of
 *                         another key, has decided about it
 *     SENDING   PARKED    it is given up, or the answer cannot be understood
 *     PARKED    WAITING   an operator retries it
 *     PARKED    OVER      an operator skips it, or its undo has decided about it
 *     TAKEN     WAITING   the saga has sent it again
 *     TAKEN     OVER      its undo has decided about it
 *     WAITING, SENDING or PARKED to TAKEN: the endpoint was removed. As TAKEN, the command is
 *                         delivered if the service has an endpoint again and the saga sends the
 *                         command again
 *
 * Rows that are TAKEN or OVER are kept for a while, so that an id that comes again is known
 * (fct_queue_drop).
 *
 * Rows of one stream (|key|) go one at a time, in the order of positions: a row is due only if no
 * earlier row of its key is WAITING, SENDING or PARKED. Exception: a do whose undo is in one of
 * these states is not sent any more, and delays later rows only while it is SENDING; the undo
 * decides about it.
 *
 * The follower, the courier and each call of an operator have a connection of their own. A struct
 * fct_queue is for one thread at a time. The follower's transaction moves its checkpoint together
 * with the rows.
 */
#ifndef FCT_SAGA_ENDPOINT_QUEUE_H
#define FCT_SAGA_ENDPOINT_QUEUE_H

#include <sqlite3.h>

#include <factum/arena.h>
#include <factum/endpoint.h>

#include "core/compiler.h"

#define FCT_QUEUE_FILE "endpoints.db"

/* The values are stored. */
enum fct_command_state {
    FCT_COMMAND_WAITING = 0, /* to be sent, at |next| or later */
    FCT_COMMAND_SENDING = 1, /* a call is under way */
    FCT_COMMAND_PARKED = 2,  /* needs an operator */
    FCT_COMMAND_TAKEN = 3,   /* accepted by the service, which answers later with an event */
    FCT_COMMAND_OVER = 4,    /* nothing is to be done any more */
};

struct fct_queue {
    sqlite3 *db; /* NULL: closed */
};

/* A row. The function that gives it says how long its texts last. */
struct fct_queue_row {
    uint64_t position; /* of the command's event */
    factum_slice command_id;
    factum_slice key; /* the command's stream */
    factum_slice service;
    factum_slice undoes; /* the id of the do; empty: it is not an undo */
    enum fct_command_state state;
    /* An earlier or present attempt may have had an effect. Stored before the first byte is sent.
     * If an attempt certainly had no effect, it gets its value from before the attempt. A do
     * without it was never done, so its undo can cancel it. */
    bool maybe;
    uint64_t attempts;
    int64_t since; /* time of the first attempt since an operator's retry, or since the endpoint
                    * was deployed or enabled; 0: none yet */
    /* WAITING: not before this time. TAKEN, OVER: the time at which it became so; for a removed
     * endpoint, the time of that event. Otherwise without meaning. */
    int64_t next;
    factum_slice reason; /* of the state, for operators; or empty */
};

/* Opens the file in the existing directory |dir|, or creates it: an earlier file may then have
 * delivered commands at or before the place |born|, so they get |maybe|. Close the queue after a
 * success. Errors, of this and all calls below: NEWER_FORMAT, CORRUPT (the file is damaged), BUSY,
 * IO, NO_SPACE, NO_MEMORY, TOO_BIG (the path, or an arena). */
FCT_MUST_USE factum_status fct_queue_open(struct fct_queue *queue, const char *dir, uint64_t born,
                                          factum_error *err);
/* The same, but does not create the file: only a host knows |born|. Errors: NOT_FOUND, and those of
 * fct_queue_open. */
FCT_MUST_USE factum_status fct_queue_open_existing(struct fct_queue *queue, const char *dir,
                                                   factum_error *err);
/* Accepts a zeroed or closed queue. */
void fct_queue_close(struct fct_queue *queue);

/* Begins a transaction that may write, unless one is open. It waits for those of other connections:
 * BUSY after five seconds. */
FCT_MUST_USE factum_status fct_queue_begin(struct fct_queue *queue, factum_error *err);
/* Commits the open transaction, durably. After a failure it is rolled back. */
FCT_MUST_USE factum_status fct_queue_commit(struct fct_queue *queue, factum_error *err);
/* Ends the open transaction without effect; does nothing if none is open. */
void fct_queue_rollback(struct fct_queue *queue);

/* Rows that were left SENDING wait again. */
FCT_MUST_USE factum_status fct_queue_recover(struct fct_queue *queue, factum_error *err);
/* Drops rows that became OVER or TAKEN before |old|. */
FCT_MUST_USE factum_status fct_queue_drop(struct fct_queue *queue, int64_t old, factum_error *err);

/* ---- the follower ---------------------------------------------------------------------------- */

/* Reads the follower's checkpoint; "" in a new file. */
FCT_MUST_USE factum_status fct_queue_token_get(struct fct_queue *queue,
                                               char token[FACTUM_TOKEN_SIZE], factum_error *err);
/* Moves the checkpoint, in the open transaction if there is one. Errors: WRONG_REVISION (the
 * checkpoint is not |from|). */
FCT_MUST_USE factum_status fct_queue_token_set(struct fct_queue *queue, const char *from,
                                               const char *to, factum_error *err);
/* Applies an event of an endpoint's stream. A deployment or an enabling makes its WAITING rows due
 * at once, with |attempts| and |since| 0; a removal makes its open rows TAKEN. Errors: INVALID (the
 * event cannot be understood, or is too big: nothing was changed). */
FCT_MUST_USE factum_status fct_queue_endpoint_event(struct fct_queue *queue,
                                                    const factum_event *event, factum_error *err);
/* Applies a command: adds a row that is WAITING; or the TAKEN row of its id waits again, otherwise
 * unchanged. Reads |position|, |command_id|, |key|, |service|, |undoes|, and |maybe|: set it if the
 * command was sent before, since its row may have been dropped. Without effect if the service has
 * no endpoint, or the id has a row in another state. */
FCT_MUST_USE factum_status fct_queue_add(struct fct_queue *queue, const struct fct_queue_row *row,
                                         factum_error *err);

/* ---- the deliveries -------------------------------------------------------------------------- */

struct fct_queue_endpoint {
    factum_slice service;
    factum_slice url;
    factum_slice secret;  /* the name of the secret that signs; empty: no signature */
    uint32_t timeout_ms;  /* of a call */
    uint32_t parallel;    /* calls at the same time */
    bool disabled;        /* its commands wait */
    int64_t not_before;   /* it has asked for a pause until then; 0: none */
    factum_slice problem; /* of the newest failed call since the last success; or empty */
};
/* Calls |each| for every endpoint, in the order of services, until it does not return OK; returns
 * that status. The texts of |endpoint| last for the call of |each| only. */
FCT_MUST_USE factum_status fct_queue_endpoints(
    struct fct_queue *queue,
    factum_status (*each)(void *data, const struct fct_queue_endpoint *endpoint, factum_error *err),
    void *data, factum_error *err);
/* The row of |service| that is due now and has the earliest |next|. DONE: none is due; *due, if it
 * is later, becomes the time of the first one that will be. The texts of |row| are in |arena|. */
FCT_MUST_USE factum_status fct_queue_next(struct fct_queue *queue, factum_slice service,
                                          int64_t now, factum_arena *arena,
                                          struct fct_queue_row *row, int64_t *due,
                                          factum_error *err);
/* The row of a command id, without its texts. Errors: NOT_FOUND. */
FCT_MUST_USE factum_status fct_queue_find(struct fct_queue *queue, factum_slice command_id,
                                          struct fct_queue_row *row, factum_error *err);
/* Writes state, maybe, attempts, since, next and reason of the row at row->position. Without effect
 * if it is OVER, or TAKEN and does not become OVER: a call that ends after its endpoint was
 * removed, or after the undo has decided about its do, must not bring the row back. */
FCT_MUST_USE factum_status fct_queue_update(struct fct_queue *queue,
                                            const struct fct_queue_row *row, factum_error *err);
/* Writes |not_before| and |problem| of the endpoint of endpoint->service. */
FCT_MUST_USE factum_status fct_queue_endpoint_update(struct fct_queue *queue,
                                                     const struct fct_queue_endpoint *endpoint,
                                                     factum_error *err);

/* ---- operators ------------------------------------------------------------------------------- */

/* Counts the rows of |service| in each state. */
FCT_MUST_USE factum_status fct_queue_counts(struct fct_queue *queue, factum_slice service,
                                            uint64_t counts[FCT_COMMAND_OVER + 1],
                                            factum_error *err);
/* Calls |each| for the parked rows of |service| (empty: all) and |key| (empty: all), in the order
 * of positions, until it returns false. The texts of |row| last for the call of |each| only. */
FCT_MUST_USE factum_status fct_queue_parked(
    struct fct_queue *queue, factum_slice service, factum_slice key,
    bool (*each)(void *data, const struct fct_queue_row *row), void *data, factum_error *err);
/* The parked rows of |service| and |key|, chosen as above, wait again: |attempts|, |since| and
 * |next| become 0, |maybe| stays. *count is how many they are. */
FCT_MUST_USE factum_status fct_queue_retry(struct fct_queue *queue, factum_slice service,
                                           factum_slice key, uint64_t *count, factum_error *err);

#endif
