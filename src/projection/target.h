/* target.h - a database that contains a read model: what applying a batch needs of it.
 * Layer: projection.
 *
 * A small table of functions, so that apply.h does not know SQLite. A target belongs to one build
 * (one version's tables) and to one thread.
 *
 * Failures. INVALID is the fault of the event: a constraint, a wrong type, an unexpected count.
 * DENIED: another runner owns this build, the epoch is another one. BUSY, NO_SPACE, IO, NO_MEMORY
 * may pass. Everything else (a missing table, a damaged file) is a broken model. After INVALID the
 * transaction goes on; after every other failure it has to be rolled back.
 */
#ifndef FCT_PROJECTION_TARGET_H
#define FCT_PROJECTION_TARGET_H

#include "projection/bind.h"

struct fct_target;

struct fct_checkpoint {
    uint64_t position; /* every event at or before it is applied or parked */
    uint64_t epoch;
    int64_t created;               /* of the last event that was read; 0: none */
    uint64_t event_count;          /* the number of applied events */
    char token[FACTUM_TOKEN_SIZE]; /* of |position| or a place before it: names its timeline */
};

/* A parked event. The event itself is read from the store again, by its position. */
struct fct_parked_row {
    factum_slice key;
    uint64_t position;
    factum_slice type;
    factum_slice reason; /* empty for an event that waits for an earlier one of its key */
    uint64_t attempts;
    int64_t next_attempt; /* 0: no automatic attempt */
    int64_t since;
};

struct fct_parked_counts {
    uint64_t keys;
    uint64_t events;
};

struct fct_target_ops {
    /* Reads the checkpoint and raises its epoch, so that only this target may write. */
    factum_status (*take_over)(struct fct_target *target, struct fct_checkpoint *checkpoint,
                               factum_error *err);
    factum_status (*read_checkpoint)(struct fct_target *target, struct fct_checkpoint *checkpoint,
                                     factum_error *err);
    /* Begins a transaction and moves the checkpoint from |from| to |to| as its first statement.
     * Errors: DENIED (it is not at |from|, or has another epoch; nothing was begun). */
    factum_status (*begin)(struct fct_target *target, const struct fct_checkpoint *from,
                           const struct fct_checkpoint *to, factum_error *err);
    /* Corrects the checkpoint inside the transaction: fewer events were applied. */
    factum_status (*set_checkpoint)(struct fct_target *target, const struct fct_checkpoint *to,
                                    factum_error *err);
    factum_status (*commit)(struct fct_target *target, factum_error *err);
    void (*rollback)(struct fct_target *target);
    /* Savepoints nest; |depth| is 0 for the outermost. */
    factum_status (*save)(struct fct_target *target, unsigned depth, factum_error *err);
    factum_status (*release)(struct fct_target *target, unsigned depth, factum_error *err);
    factum_status (*back_to)(struct fct_target *target, unsigned depth, factum_error *err);
    /* Runs the statements of the event. */
    factum_status (*apply)(struct fct_target *target, const struct fct_bound_event *event,
                           factum_error *err);
    /* The parked rows after |after| in the order of positions, of |key| or (NULL) of all, copied
     * into |arena|; at most |max|. Parking and unparking need a transaction, reading does not. */
    factum_status (*parked_read)(struct fct_target *target, const factum_slice *key, uint64_t after,
                                 size_t max, factum_arena *arena, struct fct_parked_row **rows,
                                 size_t *count, factum_error *err);
    factum_status (*park)(struct fct_target *target, const struct fct_parked_row *row,
                          factum_error *err);
    factum_status (*unpark)(struct fct_target *target, uint64_t position, factum_error *err);
    /* Removes every parked row after |position|: the model was at fault, not the events. */
    factum_status (*unpark_after)(struct fct_target *target, uint64_t position, factum_error *err);
    void (*close)(struct fct_target *target);
};

struct fct_target {
    const struct fct_target_ops *ops;
};

#endif
