/* table.h - from keys to numbers, by the 128-bit hash of a key. Layer: trace.
 *
 * Keys are not kept: keys with equal hashes are one key. By chance that takes some 2^64 keys.
 * Whoever makes two such keys on purpose gets, at worst, a wrong line in the tree of their own
 * flow.
 */
#ifndef FCT_TRACE_TABLE_H
#define FCT_TRACE_TABLE_H

#include "core/hash.h"
#include "core/mem.h"

struct fct_table_slot {
    struct fct_hash128 key;
    uint32_t value;
    bool used;
};

struct fct_table {
    const struct fct_mem *mem;
    struct fct_table_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void fct_table_init(struct fct_table *table, const struct fct_mem *mem);
/* Accepts a zeroed table. */
void fct_table_finish(struct fct_table *table);
/* The hash of |kind| and |bytes|. */
struct fct_hash128 fct_table_key(uint64_t kind, factum_slice bytes);
/* The value of |key|, until the next put; NULL: no value. */
uint32_t *fct_table_find(const struct fct_table *table, struct fct_hash128 key);
/* The value of |key|; a new key gets |value|. NULL without memory. */
FCT_MUST_USE uint32_t *fct_table_put(struct fct_table *table, struct fct_hash128 key,
                                     uint32_t value);

#endif
