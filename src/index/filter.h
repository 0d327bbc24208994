/* filter.h - a blocked Bloom filter: is a key perhaps there? Layer: index, private to it. Pure.
 *
 * 64-byte blocks, 12 bits a key, 6 bits set in one block: one cache line a probe, below 1 in 100
 * false positives (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007).
 */
#ifndef FCT_INDEX_FILTER_H
#define FCT_INDEX_FILTER_H

#include "index/index.h"

#define FCT_FILTER_BLOCK 64u

/* Bytes for |keys| keys, a multiple of the block. */
static inline uint64_t fct_filter_size(uint64_t keys)
{
    uint64_t blocks = (keys * 12 + FCT_FILTER_BLOCK * 8 - 1) / (FCT_FILTER_BLOCK * 8);
    return (blocks == 0 ? 1 : blocks) * FCT_FILTER_BLOCK;
}

static inline uint64_t fct_filter_mix(const struct fct_index_key *key)
{
    return (key->hash.low ^ key->hash.high * UINT64_C(0x9e3779b97f4a7c15)) +
           (uint64_t)key->kind * UINT64_C(0xbf58476d1ce4e5b9);
}

static inline uint64_t fct_filter_block(uint64_t mixed, uint64_t size)
{
    /* Multiply and shift: uniform without a division. */
    uint64_t blocks = size / FCT_FILTER_BLOCK;
    return ((mixed >> 32) * blocks >> 32) * FCT_FILTER_BLOCK;
}

#define FCT_FILTER_BITS 6

static inline void fct_filter_add(uint8_t *filter, uint64_t size, const struct fct_index_key *key)
{
    uint64_t mixed = fct_filter_mix(key);
    uint8_t *block = filter + fct_filter_block(mixed, size);
    uint64_t bits = mixed * UINT64_C(0x94d049bb133111eb);
    for (int i = 0; i < FCT_FILTER_BITS; i++) {
        uint32_t bit = (uint32_t)(bits >> (9 * i + 5)) & 511u;
        block[bit / 8] = (uint8_t)(block[bit / 8] | 1u << (bit % 8));
    }
}

static inline bool fct_filter_test(const uint8_t *filter, uint64_t size,
                                   const struct fct_index_key *key)
{
    uint64_t mixed = fct_filter_mix(key);
    const uint8_t *block = filter + fct_filter_block(mixed, size);
    uint64_t bits = mixed * UINT64_C(0x94d049bb133111eb);
    for (int i = 0; i < FCT_FILTER_BITS; i++) {
        uint32_t bit = (uint32_t)(bits >> (9 * i + 5)) & 511u;
        if ((block[bit / 8] >> (bit % 8) & 1u) == 0) {
            return false;
        }
    }
    return true;
}

#endif
