/* filter.h - a blocked Bloom filter: may a set contain a key? Layer: index, private to it. Pure.
 *
 * 64-byte blocks, 12 bits a key, 6 of them set in one block: a probe reads one cache line, and
 * fewer than 1 in 100 probes are false positives (Putze, Sanders, Singler: Cache-, Hash- and
 * Space-Efficient Bloom Filters, 2007). A page of 4096 bytes has 63 blocks; its last 64 bytes are
 * left to the owner of the pages.
 */
#ifndef FCT_INDEX_FILTER_H
#define FCT_INDEX_FILTER_H

#include "index/index.h"

#define FCT_FILTER_PAGE_SIZE 4096u
#define FCT_FILTER_BLOCK 64u
#define FCT_FILTER_BLOCKS (FCT_FILTER_PAGE_SIZE / FCT_FILTER_BLOCK - 1) /* in a page */

/* Bytes for |keys| keys: whole pages, at least one. */
static inline uint64_t fct_filter_size(uint64_t keys)
{
    const uint64_t page_bits = (uint64_t)FCT_FILTER_BLOCKS * FCT_FILTER_BLOCK * 8;
    uint64_t pages = (keys * 12 + page_bits - 1) / page_bits;
    return (pages == 0 ? 1 : pages) * FCT_FILTER_PAGE_SIZE;
}

static inline uint64_t fct_filter_mix(const struct fct_index_key *key)
{
    return (key->hash.low ^ key->hash.high * UINT64_C(0x9e3779b97f4a7c15)) +
           (uint64_t)key->kind * UINT64_C(0xbf58476d1ce4e5b9);
}

/* The offset of the block of a key in a filter of |size| bytes. */
static inline uint64_t fct_filter_block(uint64_t mixed, uint64_t size)
{
    /* Multiply and shift: uniform without a division. The high half of the product chooses the
     * page, the low half the block in it. */
    uint64_t product = (mixed >> 32) * (size / FCT_FILTER_PAGE_SIZE);
    uint64_t in_page = (product & UINT32_MAX) * FCT_FILTER_BLOCKS >> 32;
    return (product >> 32) * FCT_FILTER_PAGE_SIZE + in_page * FCT_FILTER_BLOCK;
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

/* May the filter contain the key of |mixed|? |block| is the block at fct_filter_block. */
static inline bool fct_filter_test(const uint8_t *block, uint64_t mixed)
{
    uint64_t bits = mixed * UINT64_C(0x94d049bb133111eb);
    for (int i = 0; i < FCT_FILTER_BITS; i++) {
        uint32_t bit = (uint32_t)(bits >> (9 * i + 5)) & 511u;
        uint32_t byte = block[bit / 8]; /* not int: gcc 12 with -fsanitize=undefined */
        if ((byte >> (bit % 8) & 1u) == 0) {
            return false;
        }
    }
    return true;
}

#endif
