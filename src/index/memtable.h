/* memtable.h - the newest postings, in memory. Layer: index, private to it.
 *
 * A hash table from key to a list of chunks; a chunk holds a run of positions as varints of the
 * difference to the one before, in units of 4:
 *
 *   entry -> [first | ordinal | varint varint ...] -> [first | ordinal | varint ...] -> ...
 *
 * Memory comes from an arena in blocks and goes all at once. After reserve(n), n adds cannot fail.
 * One writer; readers hold the index's lock. What is added is hidden from them until it is shown,
 * all at once: an entry remembers how many of its postings it had before.
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
    uint16_t size; /* of bytes */
    uint16_t used;
    uint8_t bytes[];
};

/* Fills one line of a processor's cache. */
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
    uint32_t epoch; /* postings of the epoch under way are hidden */
    bool hides;     /* there are some */
    uint32_t key_count;
    uint64_t posting_count;
    uint32_t doubtful;              /* births among them that may be none */
    struct fct_arena_block *blocks; /* the first one is in use, those behind it are full */
    struct fct_arena_block *spare;
    size_t block_left; /* of the one in use */
    size_t spare_size;
    size_t reserved; /* bytes that adds under reservation may still need */
    size_t memory;
    uint64_t from;               /* the log from here on ... */
    struct fct_index_point end;  /* ... to here is in it */
    _Atomic uint32_t references; /* by versions */
};

struct fct_memtable *fct_memtable_create(const struct fct_mem *mem, struct fct_index_point from);
/* Accepts NULL. */
void fct_memtable_destroy(struct fct_memtable *table);
/* Room for |postings| to be added, with |keys| new keys, and |rare| more that hardly ever are new:
 * if they are, the table may get fuller than is good for it. False without memory. */
FCT_MUST_USE bool fct_memtable_reserve(struct fct_memtable *table, size_t keys, size_t rare,
                                       size_t postings);
/* Bytes in use: |memory| without what is only reserved. */
size_t fct_memtable_used(const struct fct_memtable *table);
/* A hint that |key| will be added soon. */
void fct_memtable_prefetch(const struct fct_memtable *table, const struct fct_index_key *key);
/* The second half of the hint: for what the first has fetched by now. */
void fct_memtable_prefetch_tail(const struct fct_memtable *table, const struct fct_index_key *key);
/* Hidden until fct_memtable_show. True if the table had no posting of the key, hidden or not. */
bool fct_memtable_add(struct fct_memtable *table, const struct fct_index_entry *added);
void fct_memtable_show(struct fct_memtable *table);
/* How many postings of |entry| are shown. */
static inline uint32_t fct_mem_entry_shown(const struct fct_memtable *table,
                                           const struct fct_mem_entry *entry)
{
    return entry->epoch == table->epoch ? entry->shown : entry->count;
}
/* The position of the last that is shown; there must be one. */
uint64_t fct_mem_entry_last(const struct fct_memtable *table, const struct fct_mem_entry *entry);
/* NULL if nothing of it is shown. */
const struct fct_mem_entry *fct_memtable_find(const struct fct_memtable *table,
                                              const struct fct_index_key *key);
/* Up to |room| positions from |ordinal| on, hidden or not; returns how many. */
uint32_t fct_mem_entry_read(const struct fct_mem_entry *entry, uint64_t ordinal,
                            uint64_t *positions, uint32_t room);
uint64_t fct_mem_entry_first(const struct fct_mem_entry *entry);
/* The ordinal of the first posting at or after |position|, hidden or not; count if there is none.
 */
uint64_t fct_mem_entry_seek(const struct fct_mem_entry *entry, uint64_t position);

/* Order of runs: kind, hash. */
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

/* An entry with how its key begins, which nearly always tells two apart without a look at them. */
struct fct_mem_place {
    uint64_t begins;
    const struct fct_mem_entry *entry;
};

/* All entries in the order of runs, as an array that the caller frees; NULL without memory. */
FCT_MUST_USE struct fct_mem_place *fct_memtable_sorted(const struct fct_memtable *table);

#endif
