/* keys.h - a walk over all keys of a kind. Layer: index. */
#ifndef FCT_INDEX_KEYS_H
#define FCT_INDEX_KEYS_H

#include "index/index.h"

/* All keys of a kind as they are when the walk is opened, in order of hash. A walk that had damage
 * healed goes on after its last key with the keys of that moment. It pins runs until it is closed,
 * which is before the index is. One thread at a time. */
struct fct_index_keys;
FCT_MUST_USE factum_status fct_index_keys_open(struct fct_index *index, enum fct_index_kind kind,
                                               struct fct_index_keys **keys, factum_error *err);
/* OK with a key and its postings: how many, the first and the last position; or DONE. */
FCT_MUST_USE factum_status fct_index_keys_next(struct fct_index_keys *keys,
                                               struct fct_index_key *key, uint64_t *count,
                                               uint64_t *first, uint64_t *last, factum_error *err);
/* Accepts NULL. */
void fct_index_keys_close(struct fct_index_keys *keys);

#endif
