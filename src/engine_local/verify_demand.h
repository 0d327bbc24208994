/* demand.h - the sums of the postings that the log demands of the index. Layer: engine_local,
 * private to it.
 *
 * Gets the records in order. Which lists begin with a record, only the index knows at once: its
 * lists of births are read beside the log, and what they say is claimed (posting_sums.h). An error
 * in them makes the sums differ.
 *
 * Looks into the index are few: for a tombstone, whose place in its stream the record does not say,
 * and for a tag of several at a birth if more tags were seen than there is room to remember (some
 * two million, in at most 16 MiB).
 */
#ifndef FCT_ENGINE_LOCAL_DEMAND_H
#define FCT_ENGINE_LOCAL_DEMAND_H

#include "codec/record.h"
#include "engine_local/posting_sums.h"

struct fct_local;

/* A list of births, read beside the log. */
struct fct_demand_births {
    struct fct_postings list;
    uint64_t next; /* the first at or after the record under way; UINT64_MAX: no more */
};

struct fct_demand {
    struct fct_local *local;
    struct fct_posting_sums *sums;
    bool in_doubt; /* the index could not be asked: the sums are not those of the log */
    bool has_losses;
    struct fct_demand_births births[FCT_INDEX_BIRTH]; /* by kind; not all are used */
    uint64_t (*tags_seen)[4];                         /* sets of fingerprints; 0: a free place */
    uint64_t tags_mask;                               /* number of sets - 1 */
};

/* |sums| are all zero. No allocation before the first tag. */
void fct_demand_init(struct fct_demand *demand, struct fct_local *local,
                     struct fct_posting_sums *sums);
void fct_demand_finish(struct fct_demand *demand);
/* Adds the postings of |record|. NO_MEMORY. */
FCT_MUST_USE factum_status fct_demand_add(struct fct_demand *demand,
                                          const struct fct_record *record, factum_error *err);

#endif
