/* posting_sums.h - sums of postings in any order: the sums of a log and of its index are equal if
 * both have the same postings. Layer: engine_local, private to it. Pure.
 *
 * A posting is hashed to 128 bits and added to a bucket that its key chooses (for a birth, its
 * position). A difference therefore names the bucket to look into, and names that share a hash
 * disturb one bucket. For a stream the hash covers the place in the list too, which is the
 * revision.
 *
 * The first posting of each category, type and tag is also added to a second row, that of the
 * firsts. The side of the log learns from the index's lists of births where lists begin. If the
 * births are wrong, the sums of the firsts differ.
 */
#ifndef FCT_ENGINE_LOCAL_POSTING_SUMS_H
#define FCT_ENGINE_LOCAL_POSTING_SUMS_H

#include "index/index.h"

#define FCT_SUM_BUCKETS 1024u
/* The row of the firsts of kind k is FCT_SUM_FIRSTS + k. */
#define FCT_SUM_FIRSTS ((unsigned)FCT_INDEX_BIRTH)
#define FCT_SUM_ROWS (FCT_SUM_FIRSTS * 2u)

struct fct_posting_sum {
    uint64_t low;
    uint64_t high;
};

struct fct_posting_sums {
    struct fct_posting_sum rows[FCT_SUM_ROWS][FCT_SUM_BUCKETS];
};

/* The bucket of a posting, in the row of its kind. */
uint32_t fct_posting_bucket(const struct fct_index_key *key, uint64_t position);
/* Adds the postings |ordinal|, |ordinal| + 1 ... of |key|. Ordinals are used for kind STREAM
 * only. */
void fct_posting_sums_add(struct fct_posting_sums *sums, const struct fct_index_key *key,
                          uint64_t ordinal, const uint64_t *positions, size_t count);
/* Adds the first posting of the list of |key|, whose kind has firsts. */
void fct_posting_sums_add_first(struct fct_posting_sums *sums, const struct fct_index_key *key,
                                uint64_t position);
/* Are the firsts of this kind summed? Those of streams are not: they have revision 0. */
static inline bool fct_posting_sums_has_firsts(enum fct_index_kind kind)
{
    return kind == FCT_INDEX_CATEGORY || kind == FCT_INDEX_TYPE || kind == FCT_INDEX_TAG;
}

#endif
