/* parked_set.h - the keys that have parked events, as one build's applier knows them. Layer:
 * projection. Pure but for the heap.
 *
 * Invariants: entries are sorted by the hash of their key; an entry has one event at least; |count|
 * and |event_count| are what the entries add up to.
 */
#ifndef FCT_PROJECTION_PARKED_SET_H
#define FCT_PROJECTION_PARKED_SET_H

#include <factum/base.h>

#include "core/compiler.h"
#include "core/mem.h"

struct fct_parked_key {
    uint64_t hash;
    factum_slice key; /* owned */
    uint64_t event_count;
    int64_t next_attempt; /* of its first event; 0: an operator has to act */
};

struct fct_parked_set {
    const struct fct_mem *mem;
    struct fct_parked_key *entries;
    size_t count;
    size_t capacity;
    uint64_t event_count;
};

void fct_parked_set_init(struct fct_parked_set *set, const struct fct_mem *mem);
/* Empties it and frees what it holds; it may be used again. */
void fct_parked_set_clear(struct fct_parked_set *set);
/* NULL: nothing of |key| is parked. Lasts until the set changes. */
struct fct_parked_key *fct_parked_set_find(const struct fct_parked_set *set, factum_slice key);
/* One more event of |key|, which is copied; |next_attempt| counts if it is the key's first.
 * NO_MEMORY: the set is as before. */
FCT_MUST_USE factum_status fct_parked_set_add(struct fct_parked_set *set, factum_slice key,
                                              int64_t next_attempt);
/* One event of |key| less. */
void fct_parked_set_remove(struct fct_parked_set *set, factum_slice key);
/* When the first attempt is due; 0: none will be. */
int64_t fct_parked_set_due(const struct fct_parked_set *set);

#endif
