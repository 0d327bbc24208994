/* posting_sums.c - see posting_sums.h. Layer: engine_local. */
#include "engine_local/posting_sums.h"

#include "core/check.h"

/* The finalizer of splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
 * 2014). */
static inline uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Spreads a key over 64 bits, also if its hash has only a few bits, as in tests. */
static inline uint64_t mix_key(const struct fct_index_key *key)
{
    return mix(key->hash.low + mix(key->hash.high + (uint64_t)key->kind));
}

static inline uint32_t bucket_of(uint64_t key, enum fct_index_kind kind, uint64_t position)
{
    return (uint32_t)((kind == FCT_INDEX_BIRTH ? mix(position) : key) % FCT_SUM_BUCKETS);
}

static inline void add(struct fct_posting_sum *sum, uint64_t key, uint64_t position,
                       uint64_t ordinal)
{
    uint64_t low = mix(key + mix(position + ordinal * UINT64_C(0x9e3779b97f4a7c15)));
    sum->low += low;
    sum->high += mix(low ^ key ^ position);
}

uint32_t fct_posting_bucket(const struct fct_index_key *key, uint64_t position)
{
    FCT_ASSERT(key->kind <= FCT_INDEX_BIRTH);
    return bucket_of(mix_key(key), key->kind, position);
}

void fct_posting_sums_add(struct fct_posting_sums *sums, const struct fct_index_key *key,
                          uint64_t ordinal, const uint64_t *positions, size_t count)
{
    FCT_ASSERT(key->kind >= FCT_INDEX_STREAM && key->kind <= FCT_INDEX_BIRTH);
    uint64_t mixed = mix_key(key);
    for (size_t i = 0; i < count; i++) {
        uint32_t bucket = bucket_of(mixed, key->kind, positions[i]);
        add(&sums->rows[key->kind][bucket], mixed, positions[i],
            key->kind == FCT_INDEX_STREAM ? ordinal + i : 0);
    }
}

void fct_posting_sums_add_first(struct fct_posting_sums *sums, const struct fct_index_key *key,
                                uint64_t position)
{
    FCT_ASSERT(fct_posting_sums_has_firsts(key->kind));
    uint64_t mixed = mix_key(key);
    add(&sums->rows[FCT_SUM_FIRSTS + (unsigned)key->kind][bucket_of(mixed, key->kind, position)],
        mixed, position, 0);
}
