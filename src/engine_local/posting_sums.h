/* posting_sums.h - sums of postings that do not depend on their order: equal for the log and for
 * its index if both have the same postings. Layer: engine_local, private to it. Pure.
 *
 * A posting is hashed to 128 bits and added to a bucket, which its key chooses (for a birth, its
 * position). So a difference says where to look for its cause, and names that share a hash disturb
 * one bucket. For a stream the hash covers the place in the list too, which is the revision.
 *
 * The first posting of each category, type and tag is summed too, in a row of its own. The log's
 * side takes the places where lists begin from the index's lists of births. If the births were
 * wrong, the sums of the first postings would differ.
 */
#ifndef FCT_ENGINE_LOCAL_POSTING_SUMS_H
#define FCT_ENGINE_LOCAL_POSTING_SUMS_H

#include "index/index.h"

#define FCT_SUM_BUCKETS 1024u
#define FCT_SUM_FIRSTS                                                                             \
    ((unsigned)FCT_INDEX_BIRTH) /* row of the firsts of kind k: FCT_SUM_FIRSTS + k */
#define FCT_SUM_ROWS (FCT_SUM_FIRSTS * 2u)

struct fct_posting_sum {
    uint64_t low;
    uint64_t high;
};

struct fct_posting_sums {
    struct fct_posting_sum rows[FCT_SUM_ROWS][FCT_SUM_BUCKETS];
};

/* The bucket, in the row of its kind, of a posting. */
uint32_t fct_posting_bucket(const struct fct_index_key *key, uint64_t position);
/* The postings |ordinal|, |ordinal| + 1 ... of |key|. Ordinals count for kind STREAM only. */
void fct_posting_sums_add(struct fct_posting_sums *sums, const struct fct_index_key *key,
                          uint64_t ordinal, const uint64_t *positions, size_t count);
/* |position| is the first of the list of |key|. */
void fct_posting_sums_add_first(struct fct_posting_sums *sums, const struct fct_index_key *key,
                                uint64_t position);
/* Is a list of this kind one whose firsts are summed? Those of streams have revision 0. */
static inline bool fct_posting_sums_has_firsts(enum fct_index_kind kind)
{
    return kind == FCT_INDEX_CATEGORY || kind == FCT_INDEX_TYPE || kind == FCT_INDEX_TAG;
}

#endif
