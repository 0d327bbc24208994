/* hash.h - 128-bit seeded hashes of names (XXH3, libxxhash). Layer: core. */
#ifndef FCT_CORE_HASH_H
#define FCT_CORE_HASH_H

#include <factum/base.h>

struct fct_hash128 {
    uint64_t low;
    uint64_t high;
};

struct fct_hash128 fct_hash128(factum_slice bytes, uint64_t seed);
uint64_t fct_hash64(factum_slice bytes, uint64_t seed);
/* The hash of all |parts| as one piece. */
struct fct_hash128 fct_hash128_parts(const factum_slice *parts, size_t count, uint64_t seed);

static inline bool fct_hash128_equal(struct fct_hash128 a, struct fct_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

/* Orders by high, then low (the order in a run of the index). Below 0, 0 or above 0. */
static inline int fct_hash128_compare(struct fct_hash128 a, struct fct_hash128 b)
{
    if (a.high != b.high) {
        return a.high < b.high ? -1 : 1;
    }
    return a.low < b.low ? -1 : a.low > b.low;
}

#endif
