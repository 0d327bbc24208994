/* as_of.h - read models as of a past moment. Layer: projection.
 *
 * A replay has the same tables as a build, created empty in a file of its own and filled from the
 * events up to the moment, in a directory beside the models: as-of-<16 hex digits>/MODEL.db. Up to
 * FCT_AS_OF_KEPT replays are kept for later queries.
 *
 * By recorded time (factum_event.created) a moment is a position, because created never falls in
 * the log. So a kept replay of an earlier position goes on from there. By the writers' time
 * (factum_event.time), which may go back, a later event can belong to an earlier moment. Such a
 * replay starts at the first event, and is used again only for the same time while nothing was
 * appended since.
 *
 * An event that fails is parked with the later events of its key, as in a live model. At the end
 * the parked keys are tried once more, because an event of another key may have created the row
 * that they need.
 *
 * Invariants, while the host's lock is held:
 *  1. A kept replay holds its build, and the build belongs to this host.
 *  2. |last_used| is at most |as_of_count| of the host.
 *  3. A replay is in one slot of models->as_of, or belongs to one thread, which makes, uses or
 *     deletes it.
 */
#ifndef FCT_PROJECTION_AS_OF_H
#define FCT_PROJECTION_AS_OF_H

#include "projection/models_int.h"

#define FCT_AS_OF_LOCK "as-of.lock" /* in the directory of the models */
#define FCT_AS_OF_PREFIX "as-of-"   /* begins the names of the replays' directories */

struct fct_as_of {
    struct fct_hosted_build *build; /* held */
    char dir[FCT_PATH_SIZE];
    bool by_time;             /* the moment is one of the writers' time */
    int64_t time;             /* if |by_time| */
    uint64_t end;             /* if |by_time|: place of the newest event when the replay was made */
    uint64_t position;        /* the moment as a position: what the replay has to reach */
    uint64_t last_used;       /* models->as_of_count at its last release */
    struct fct_checkpoint at; /* how far the file is */
};

/* A replay of |build| up to the moment of |query|; a moment before the first event gives an empty
 * model. Reads the events on the caller's thread, which may take minutes: call it without the
 * host's lock. *as_of is the caller's, for fct_as_of_release; NULL on failure. Errors: CANCELLED
 * (query->progress), EXPIRED (query->call), NO_MEMORY, and those of factum_read,
 * fct_model_file_open and fct_apply_batch. */
FCT_MUST_USE factum_status fct_as_of_get(struct fct_hosted_build *build,
                                         const factum_model_query *query, struct fct_as_of **as_of,
                                         factum_error *err);
/* Keeps the replay for later queries if a slot is free; otherwise deletes it. Accepts NULL. Takes
 * the host's lock. */
void fct_as_of_release(struct fct_as_of *as_of);
/* Deletes the replays that a killed host has left, unless another host of the directory runs: each
 * host keeps a shared lock, and only a host that gets the exclusive one deletes. Called when a host
 * opens. A host that opens during the sweep of another one takes its lock before its first replay.
 * Errors: those of fct_file_open and fct_os_list_dir, TOO_BIG (the path). */
FCT_MUST_USE factum_status fct_as_of_sweep(struct factum_models *models, factum_error *err);
/* Frees all kept replays and deletes their files. Called when the host closes. */
void fct_as_of_clear(struct factum_models *models);

#endif
