/* memtable.h - the newest postings, in memory. Layer: index, private to it.
 *
 * A hash table from key to a list of chunks; a chunk holds positions, from the second on as varints
 * of the difference to the position before, in units of 4:
 *
 *   entry -> [first | ordinal | varint varint ...] -> [first | ordinal | varint ...] -> ...
 *
 * Memory comes from an arena in blocks and is freed as a whole. One writer; readers hold the
 * index's lock. What is added is hidden from readers until it is shown, all at once: an entry
 * remembers how many of its postings were shown before.
 *
 * Invariants, asserted by fct_memtable_check:
 *  1. The hash table has an empty place, so that each probe ends; its size is a power of two.
 *  2. Each key has a posting.
 *  3. The block in use and the spare blocks have room for what is reserved: after
 *     fct_memtable_reserve that many adds cannot fail.
 *  4. It covers [from, end.position) of the log.
 *  5. Only with postings is anything hidden.
 */
#ifndef FCT_INDEX_MEMTABLE_H
#define FCT_INDEX_MEMTABLE_H

#include <stdatomic.h>

#include "index/index.h"

struct fct_chunk {
    struct fct_chunk *next;
    uint64_t first;   /* position of its first posting */
    uint32_t ordinal; /* of that */
    uint16_t count;
    uint16_t size; /* of |bytes| */
    uint16_t used;
    uint8_t bytes[];
};

/* Fills one cache line. */
struct fct_mem_entry {
    struct fct_index_key key;
    uint32_t count; /* 0: an empty place */
    uint32_t epoch; /* of the table when its last posting was added */
    uint64_t last;  /* position */
    struct fct_chunk *head;
    struct fct_chunk *tail;
    uint32_t shown; /* postings that it had before that epoch */
};

struct fct_arena_block;

struct fct_memtable {
    const struct fct_mem *mem;
    struct fct_mem_entry *entries; /* in |entry_block| */
    void *entry_block;
    uint32_t entry_mask;
    uint32_t epoch; /* rises when postings are shown; those of the current epoch are hidden */
    bool hides;     /* there are hidden postings */
    uint32_t key_count;
    uint64_t posting_count;
    uint32_t doubtful;              /* births among them that may be none: births.h */
    struct fct_arena_block *blocks; /* the first one is in use, those after it are full */
    struct fct_arena_block *spare;
    size_t block_left; /* of the one in use */
    size_t spare_size;
    size_t reserved; /* bytes that adds under reservation may still need */
    size_t memory;
    uint64_t from;              /* position */
    struct fct_index_point end; /* it covers the log from |from| to here */
    _Atomic uint32_t references;
};

/* An empty table for the log from |from| on, with one reference; NULL without memory. */
FCT_MUST_USE struct fct_memtable *fct_memtable_create(const struct fct_mem *mem,
                                                      struct fct_index_point from);
void fct_memtable_retain(struct fct_memtable *table);
/* The last reference frees the table. Accepts NULL. */
void fct_memtable_release(struct fct_memtable *table);
/* Asserts the invariants above. By the writer, or when nobody adds. O(1). */
void fct_memtable_check(const struct fct_memtable *table);
/* Makes room for |postings| adds, among them |keys| new keys, and |rare| more keys that are hardly
 * ever new: if they are, the hash table may become fuller than is good for its speed. False without
 * memory: nothing has changed then, except that spare blocks may be left. */
FCT_MUST_USE bool fct_memtable_reserve(struct fct_memtable *table, size_t keys, size_t rare,
                                       size_t postings);
/* Bytes in use: |memory| without spare blocks. */
size_t fct_memtable_used(const struct fct_memtable *table);
/* A hint that |key| will be added soon: prefetches its entry. */
void fct_memtable_prefetch(const struct fct_memtable *table, const struct fct_index_key *key);
/* The second half of the hint, once the entry is in the cache: prefetches its last chunk. */
void fct_memtable_prefetch_tail(const struct fct_memtable *table, const struct fct_index_key *key);
/* Adds a posting, hidden until fct_memtable_show; needs a reservation. Positions of a key rise.
 * Returns true if the table had no posting of the key, hidden or not. */
bool fct_memtable_add(struct fct_memtable *table, const struct fct_index_entry *added);
/* Shows what was added; the table covers the log up to |end|. */
void fct_memtable_show(struct fct_memtable *table, struct fct_index_point end);
/* How many postings of |entry| are shown. */
static inline uint32_t fct_mem_entry_shown(const struct fct_memtable *table,
                                           const struct fct_mem_entry *entry)
{
    return entry->epoch == table->epoch ? entry->shown : entry->count;
}
/* The position of the last shown posting; there must be one. */
uint64_t fct_mem_entry_last(const struct fct_memtable *table, const struct fct_mem_entry *entry);
/* The entry of |key|, until the lock is released; NULL if none of its postings is shown. */
const struct fct_mem_entry *fct_memtable_find(const struct fct_memtable *table,
                                              const struct fct_index_key *key);
/* Copies up to |room| positions from |ordinal| on, hidden or not. Returns how many. */
uint32_t fct_mem_entry_read(const struct fct_mem_entry *entry, uint64_t ordinal,
                            uint64_t *positions, uint32_t room);
/* The position of the first posting. */
uint64_t fct_mem_entry_first(const struct fct_mem_entry *entry);
/* The ordinal of the first posting at or after |position|, hidden or not; |count| if none is. */
uint64_t fct_mem_entry_seek(const struct fct_mem_entry *entry, uint64_t position);

/* The order of keys in a run: kind, then hash. */
static inline int fct_index_key_compare(const struct fct_index_key *a,
                                        const struct fct_index_key *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    return fct_hash128_compare(a->hash, b->hash);
}

static inline bool fct_index_key_equal(const struct fct_index_key *a, const struct fct_index_key *b)
{
    return a->kind == b->kind && fct_hash128_equal(a->hash, b->hash);
}

/* Sort item: the first 8 bytes of the key beside the entry, so that most comparisons touch no
 * entry. */
struct fct_mem_place {
    uint64_t prefix;
    const struct fct_mem_entry *entry;
};

/* All |key_count| entries in the order of a run, as an array that the caller frees with the table's
 * |mem|; NULL without memory. */
FCT_MUST_USE struct fct_mem_place *fct_memtable_sorted(const struct fct_memtable *table);

#endif
