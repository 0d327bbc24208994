/* verify_demand.h - for verify: the sums of the postings that the log demands of the index.
 * Layer: engine_local, private to it.
 *
 * Takes the records in order. Only the index knows at once which lists begin with a record: its
 * lists of births are read beside the log and believed (posting_sums.h). An error in them makes the
 * sums differ.
 *
 * The index is searched rarely: for a tombstone, whose record does not say its place in the stream,
 * and for a tag beside others at a birth, if more tags were seen than there is room to remember
 * (about two million, in at most 16 MiB).
 */
#ifndef FCT_ENGINE_LOCAL_VERIFY_DEMAND_H
#define FCT_ENGINE_LOCAL_VERIFY_DEMAND_H

#include "codec/record.h"
#include "engine_local/posting_sums.h"

struct fct_local;

/* A list of births, read beside the log. */
struct fct_demand_births {
    struct fct_postings list;
    uint64_t next; /* the first birth at or after the current record; UINT64_MAX: none is left */
};

struct fct_demand {
    struct fct_local *local;
    struct fct_posting_sums *sums;
    bool in_doubt;     /* a search of the index failed: the sums are not those of the log */
    bool has_losses;   /* of the log: events were given up */
    uint64_t position; /* of the last record; 0: none */
    struct fct_demand_births births[FCT_INDEX_BIRTH]; /* by kind; not all are used */
    uint64_t (*tags_seen)[4]; /* sets of fingerprints, 0: a free place; NULL before the first tag */
    uint64_t tags_mask;       /* number of sets - 1 */
};

/* |sums| are all zero. Allocates nothing. */
void fct_demand_init(struct fct_demand *demand, struct fct_local *local,
                     struct fct_posting_sums *sums);
void fct_demand_finish(struct fct_demand *demand);
/* Adds the postings of |record|, which is after the last one. Errors: NO_MEMORY. */
FCT_MUST_USE factum_status fct_demand_add(struct fct_demand *demand,
                                          const struct fct_record *record, factum_error *err);

#endif
