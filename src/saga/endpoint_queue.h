/* endpoint_queue.h - endpoints.db: which commands wait, and what is known of each. Layer: saga.
 *
 * Derived from the store: after a deletion it is created again, and unanswered commands are
 * delivered again.
 *
 *     endpoint   the deployed endpoints, as far as the follower has read
 *     command    one row for each command id, at the position of its first event:
 *
 *                                   +-- a pause -------+
 *                                   v                  |
 *     the follower -> WAITING -> SENDING --TAKEN--> TAKEN ---> OVER
 *                        ^          |    --reply-----------------^
 *                        |          +----PARKED --- skip --------^
 *                        +-- retry ---------+
 *
 * |maybe| is set, durably, before the first byte is sent. It is cleared only if an attempt has
 * certainly had no effect: a do without it was never done. A row that is OVER is kept for a while,
 * so that an id that comes again is known.
 *
 * Of a key, the command's stream, only the first row that is not TAKEN or OVER is due. Exception: a
 * do whose undo also waits is never due and delays no other row, since the undo decides about it.
 *
 * The follower, the courier and each call of an operator have a connection of their own. The
 * follower's transaction moves its checkpoint together with the rows.
 */
#ifndef FCT_SAGA_ENDPOINT_QUEUE_H
#define FCT_SAGA_ENDPOINT_QUEUE_H

#include <sqlite3.h>

#include <factum/arena.h>
#include <factum/endpoint.h>

#include "core/compiler.h"

#define FCT_QUEUE_FILE "endpoints.db"

enum fct_command_state {
    FCT_COMMAND_WAITING = 0,
    FCT_COMMAND_SENDING = 1,
    FCT_COMMAND_PARKED = 2,
    FCT_COMMAND_TAKEN = 3,
    FCT_COMMAND_OVER = 4,
};

struct fct_queue {
    sqlite3 *db;
};

/* A row. Texts last until the next step of the statement they come from, or are the caller's. */
struct fct_queue_row {
    uint64_t position;
    factum_slice command_id;
    factum_slice key;
    factum_slice service;
    factum_slice undoes; /* empty: it is not an undo */
    enum fct_command_state state;
    bool maybe;
    uint64_t attempts;
    int64_t since; /* time of the first attempt; 0: none yet */
    int64_t next;  /* not before this time */
    factum_slice reason;
};

/* Opens the file in the existing directory |dir|, or creates it; |born| is then the place before
 * which an earlier file may have delivered commands. Errors, of this and all calls below:
 * NEWER_FORMAT, CORRUPT, BUSY, IO, NO_SPACE, NO_MEMORY. */
FCT_MUST_USE factum_status fct_queue_open(struct fct_queue *queue, const char *dir, uint64_t born,
                                          factum_error *err);
/* Accepts a zeroed queue. */
void fct_queue_close(struct fct_queue *queue);

FCT_MUST_USE factum_status fct_queue_begin(struct fct_queue *queue, factum_error *err);
FCT_MUST_USE factum_status fct_queue_commit(struct fct_queue *queue, factum_error *err);
void fct_queue_rollback(struct fct_queue *queue);

/* Rows that were left SENDING wait again. */
FCT_MUST_USE factum_status fct_queue_recover(struct fct_queue *queue, factum_error *err);
/* Drops rows that became OVER or TAKEN before |old|. */
FCT_MUST_USE factum_status fct_queue_drop(struct fct_queue *queue, int64_t old, factum_error *err);

/* ---- the follower ---------------------------------------------------------------------------- */

FCT_MUST_USE factum_status fct_queue_token_get(struct fct_queue *queue,
                                               char token[FACTUM_TOKEN_SIZE], factum_error *err);
/* Starts a transaction. WRONG_REVISION: the checkpoint is not |from|. */
FCT_MUST_USE factum_status fct_queue_token_set(struct fct_queue *queue, const char *from,
                                               const char *to, factum_error *err);
/* Applies an event of an endpoint's stream. */
FCT_MUST_USE factum_status fct_queue_endpoint_event(struct fct_queue *queue,
                                                    const factum_event *event, factum_error *err);
/* Applies a command: a new row (|maybe|: a dropped row may have been delivered), or a TAKEN row
 * waits again. Without effect if the service has no endpoint. */
FCT_MUST_USE factum_status fct_queue_add(struct fct_queue *queue, const struct fct_queue_row *row,
                                         factum_error *err);

/* ---- the deliveries -------------------------------------------------------------------------- */

struct fct_queue_endpoint {
    factum_slice service;
    factum_slice url;
    factum_slice secret;
    uint32_t timeout_ms;
    uint32_t parallel;
    bool disabled;
    int64_t not_before;
    factum_slice problem;
};
/* Calls |each| for every endpoint, in the order of services, until it fails. */
FCT_MUST_USE factum_status fct_queue_endpoints(
    struct fct_queue *queue,
    factum_status (*each)(void *data, const struct fct_queue_endpoint *endpoint, factum_error *err),
    void *data, factum_error *err);
/* The first row of |service| that is due now. DONE: none is; *due, if it is later, becomes the time
 * of the first one that will be. The texts of |row| are in |arena|. */
FCT_MUST_USE factum_status fct_queue_next(struct fct_queue *queue, factum_slice service,
                                          int64_t now, factum_arena *arena,
                                          struct fct_queue_row *row, int64_t *due,
                                          factum_error *err);
/* The row of a command id, without its texts. Errors: NOT_FOUND. */
FCT_MUST_USE factum_status fct_queue_find(struct fct_queue *queue, factum_slice command_id,
                                          struct fct_queue_row *row, factum_error *err);
/* Writes state, maybe, attempts, since, next and reason of the row at row->position. */
FCT_MUST_USE factum_status fct_queue_update(struct fct_queue *queue,
                                            const struct fct_queue_row *row, factum_error *err);
/* Writes |not_before| and |problem|. */
FCT_MUST_USE factum_status fct_queue_endpoint_update(struct fct_queue *queue,
                                                     const struct fct_queue_endpoint *endpoint,
                                                     factum_error *err);

/* ---- operators ------------------------------------------------------------------------------- */

/* Counts the rows of |service| in each state. */
FCT_MUST_USE factum_status fct_queue_counts(struct fct_queue *queue, factum_slice service,
                                            uint64_t counts[FCT_COMMAND_OVER + 1],
                                            factum_error *err);
/* Calls |each| for the parked rows, in the order of positions, until it returns false. */
FCT_MUST_USE factum_status fct_queue_parked(
    struct fct_queue *queue, factum_slice service, factum_slice key,
    bool (*each)(void *data, const struct fct_queue_row *row), void *data, factum_error *err);
/* Parked rows wait again. */
FCT_MUST_USE factum_status fct_queue_retry(struct fct_queue *queue, factum_slice service,
                                           factum_slice key, uint64_t *count, factum_error *err);

#endif
