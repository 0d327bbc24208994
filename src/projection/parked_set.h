/* parked_set.h - the keys that have parked events, as one build's applier knows them.
 * Layer: projection. Pure, except that it allocates.
 *
 * Invariants:
 *  1. Entries are sorted by the hash of their key.
 *  2. An entry has at least one event.
 *  3. |count| is at most |capacity|, and |event_count| is the sum of the entries' counts.
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
    int64_t next_attempt; /* of its first event; 0: only an operator can try it */
};

struct fct_parked_set {
    const struct fct_mem *mem;
    struct fct_parked_key *entries;
    size_t count;
    size_t capacity;
    uint64_t event_count;
};

void fct_parked_set_init(struct fct_parked_set *set, const struct fct_mem *mem);
/* Frees the entries; the set can be used again. */
void fct_parked_set_clear(struct fct_parked_set *set);
/* NULL: |key| has no parked event. The result lasts until the set changes. */
struct fct_parked_key *fct_parked_set_find(const struct fct_parked_set *set, factum_slice key);
/* Adds an event of |key|, which is copied. |next_attempt| is used if the event is the key's first.
 * Errors: NO_MEMORY (the set is as before). */
FCT_MUST_USE factum_status fct_parked_set_add(struct fct_parked_set *set, factum_slice key,
                                              int64_t next_attempt);
/* Removes one event of |key|, which must have one. */
void fct_parked_set_remove(struct fct_parked_set *set, factum_slice key);
/* When the first attempt is due; 0: never. */
int64_t fct_parked_set_due(const struct fct_parked_set *set);

#endif
