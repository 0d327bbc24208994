/* heads.h - a bounded cache of the heads of streams: last revision, deleted or not.
 * Layer: engine_local.
 *
 * A miss costs a look into the index, and changes no answer. The key is a 128-bit hash of the
 * stream's name, with a seed that is drawn at each opening. The hash is taken for the name: two
 * names collide with a probability of 2^-128. Used by one thread at a time.
 */
#ifndef FCT_ENGINE_LOCAL_HEADS_H
#define FCT_ENGINE_LOCAL_HEADS_H

#include "core/hash.h"
#include "core/mem.h"

enum fct_head_flags {
    FCT_HEAD_PRESENT = 1,      /* the stream has events */
    FCT_HEAD_SOFT_DELETED = 2, /* its metadata hides all of them */
    FCT_HEAD_TOMBSTONED = 4,   /* its last event is a tombstone */
    FCT_HEAD_METADATA = 8,     /* "$$<stream>" has events */
};

struct fct_head {
    struct fct_hash128 hash;
    uint64_t last_revision; /* valid if PRESENT; a tombstone does not change it */
    uint64_t last_position; /* of the last event, or of the tombstone */
    uint32_t flags;         /* fct_head_flags */
    uint32_t used;          /* the cache's: its clock at the last put; 0: an empty place */
};

struct fct_heads {
    const struct fct_mem *mem;
    struct fct_head *sets; /* FCT_HEADS_WAYS places for each set */
    uint64_t set_mask;     /* number of sets - 1 */
    uint32_t clock;        /* rises with each put */
};

#define FCT_HEADS_WAYS 4u

/* Room for at least |count| heads. False: out of memory. */
bool fct_heads_init(struct fct_heads *heads, const struct fct_mem *mem, size_t count);
/* Accepts one that failed to begin, or is finished. */
void fct_heads_finish(struct fct_heads *heads);
/* A hint that fct_heads_find(|hash|) follows soon. */
void fct_heads_prefetch(const struct fct_heads *heads, struct fct_hash128 hash);
/* The head lasts until the next put. NULL: it is not in the cache. */
const struct fct_head *fct_heads_find(const struct fct_heads *heads, struct fct_hash128 hash);
/* Keeps a copy of |head|, which must not be one of the cache's own. It replaces the stream's
 * earlier head, or else the head of its set whose put is longest ago. */
void fct_heads_put(struct fct_heads *heads, const struct fct_head *head);

#endif
