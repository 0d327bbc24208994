/* arena.h - what factum_arena is. Layer: decider. Not thread-safe. */
#ifndef FCT_DECIDER_ARENA_H
#define FCT_DECIDER_ARENA_H

#include <factum/decider.h>

#include "core/mem.h"

struct fct_arena_chunk; /* its size, then its bytes */

struct factum_arena {
    const struct fct_mem *mem;
    struct fct_arena_chunk *newest; /* a list, the newest first */
    size_t used;                    /* bytes given out of |newest| */
    size_t size;                    /* bytes of all chunks, their heads included */
    size_t size_max;
    factum_status failed; /* OK, or why an allocation gave NULL; stays until a reset */
    factum_error why;     /* of factum_arena_fail: its text, or none */
};

/* No allocation yet. |size_max| bounds |size|. */
void fct_arena_init(struct factum_arena *arena, const struct fct_mem *mem, size_t size_max);
/* Accepts a zeroed and a finished one; it can be used again. */
void fct_arena_finish(struct factum_arena *arena);
/* Forgets everything that was given out. Keeps the newest chunk, which is the largest. */
void fct_arena_reset(struct factum_arena *arena);
/* Overwrites all that was given out with a byte that is no text and no small number, so that a test
 * sees who still looks at it. */
void fct_arena_poison(struct factum_arena *arena);
/* OK, or fails with the reason: "<what>: out of memory", "<what> needs more than N bytes". */
FCT_MUST_USE factum_status fct_arena_status(const struct factum_arena *arena, const char *what,
                                            factum_error *err);

#endif
