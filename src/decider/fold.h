/* fold.h - what factum_fold is: a state, the memory of its strings, and the place it has read up
 * to. Layer: decider. Not thread-safe.
 *
 * A failure inside |evolve| may leave the state half changed: |broken| has the reason, and only a
 * reset makes the fold usable again.
 */
#ifndef FCT_DECIDER_FOLD_H
#define FCT_DECIDER_FOLD_H

#include <factum/decider.h>

#include "core/arena.h"

struct factum_fold {
    const factum_decider *decider;
    const struct fct_mem *mem;
    struct factum_arena arena;   /* memory that the state keeps */
    struct factum_arena scratch; /* memory of the event that is parsed */
    void *state;
    void *typed; /* the event that is parsed */
    bool lenient;
    factum_status broken;
    factum_fold_info info;
    /* Of a fold that load.c has read from a stream: */
    bool exists; /* at info.revision, even if none of its events is visible */
    bool has_metadata;
    /* $maxCount or $maxAge: the result of a read changes without an append */
    bool windowed;
    uint64_t metadata_revision; /* of the metadata that it was read under, if |has_metadata| */
    /* Of a fold over a query: its own command appended events after |info.place| that the fold does
     * not have. The next command has to read them. */
    bool behind;
};

/* INVALID unless the decider has all required members. */
FCT_MUST_USE factum_status fct_decider_check(const factum_decider *decider, factum_error *err);
/* |state_size_max| 0: the default. The caller owns the fold, for factum_fold_destroy. */
FCT_MUST_USE factum_status fct_fold_create(const struct fct_mem *mem, const factum_decider *decider,
                                           uint64_t state_size_max, struct factum_fold **fold,
                                           factum_error *err);
/* An event as it is stored. */
struct fct_stored {
    factum_slice type;
    factum_slice data;
    const factum_event *event; /* the whole event, if it was read from the store; or NULL */
};
/* Parses |event| into a typed event, for any kind of parser. NOT_FOUND, without a text: the decider
 * does not know the type. */
FCT_MUST_USE factum_status fct_parse_typed(const factum_decider *decider,
                                           const struct fct_stored *stored,
                                           struct factum_arena *arena, void *typed,
                                           factum_error *err);
/* Folds an event that is typed already: one of the decision's own. */
FCT_MUST_USE factum_status fct_fold_evolve(struct factum_fold *fold, const void *typed,
                                           factum_error *err);
/* Adds the events that |request| reads, until DONE, and sets |place|. */
FCT_MUST_USE factum_status fct_fold_read(struct factum_fold *fold, factum_store *store,
                                         const factum_read_request *request, factum_error *err);
/* The memory of the fold, for the cache's bound. */
size_t fct_fold_size(const struct factum_fold *fold);
/* Frees the memory that only parsing needs. */
void fct_fold_shrink(struct factum_fold *fold);

#endif
