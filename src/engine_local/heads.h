/* heads.h - a bounded cache of how streams stand: last revision, deleted or not.
 * Layer: engine_local.
 *
 * A miss costs a look into the index, never the truth. Keyed by a 128-bit hash of the name, seeded
 * at random for each opening, which is taken as the name (2^-128). Used by one thread at a time.
 */
#ifndef FCT_ENGINE_LOCAL_HEADS_H
#define FCT_ENGINE_LOCAL_HEADS_H

#include "core/hash.h"
#include "core/mem.h"

enum fct_head_flags {
    FCT_HEAD_PRESENT = 1,      /* has events */
    FCT_HEAD_SOFT_DELETED = 2, /* and was deleted after the last of them */
    FCT_HEAD_TOMBSTONED = 4,
    FCT_HEAD_METADATA = 8, /* "$$<stream>" has events */
};

struct fct_head {
    struct fct_hash128 hash;
    uint64_t last_revision; /* if PRESENT; the last before a tombstone */
    uint64_t last_position; /* of the last event */
    uint32_t flags;
    uint32_t used; /* 0: an empty place */
};

struct fct_heads {
    const struct fct_mem *mem;
    struct fct_head *sets; /* set_count times FCT_HEADS_WAYS */
    uint64_t set_mask;
    uint32_t clock;
};

#define FCT_HEADS_WAYS 4u

/* Room for |count| heads, rounded up. False without memory. */
bool fct_heads_init(struct fct_heads *heads, const struct fct_mem *mem, size_t count);
void fct_heads_finish(struct fct_heads *heads);
/* A hint that |hash| will be looked for soon. */
void fct_heads_prefetch(const struct fct_heads *heads, struct fct_hash128 hash);
/* NULL if it is not here; lasts until the next put. */
const struct fct_head *fct_heads_find(const struct fct_heads *heads, struct fct_hash128 hash);
/* Keeps a copy, in the place of the least recently put of its set. */
void fct_heads_put(struct fct_heads *heads, const struct fct_head *head);

#endif
