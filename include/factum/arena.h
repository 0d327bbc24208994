/* arena.h - memory that is taken piece by piece and given back all at once.
 *
 *     factum_arena arena;
 *     factum_arena_init(&arena, 0);
 *     for each event {
 *         ... order_event_parse(type, &json, &arena, &event, &err) ...
 *         factum_arena_reset(&arena);
 *     }
 *     factum_arena_finish(&arena);
 *
 * Pieces come from blocks. A block that is full is followed by one twice its size, until all blocks
 * together reach the arena's maximum. factum_arena_reset keeps the newest block, so that an arena
 * which is reset for each event soon takes nothing more from the heap. Pieces last until the next
 * reset or finish.
 *
 * Valid C99 and C++17. One thread at a time.
 */
#ifndef FACTUM_ARENA_H
#define FACTUM_ARENA_H

#include <factum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_ARENA_SIZE_MAX ((size_t)64 << 20) /* where no maximum is given */
#define FACTUM_ARENA_ALIGN 16u                   /* every piece begins at a multiple of it */

struct factum_arena_block;

/* All members are private. */
typedef struct factum_arena {
    uint8_t *at; /* the next piece */
    size_t left; /* bytes there, a multiple of FACTUM_ARENA_ALIGN */
    struct factum_arena_block *newest;
    size_t size; /* of all blocks */
    size_t size_max;
    const void *heap;
    factum_status status; /* why a piece was refused; OK again after a reset */
    char *why;            /* of factum_arena_fail: its text, or NULL */
} factum_arena;

/* Makes |arena| empty; takes nothing from the heap yet. |size_max|: bytes of all blocks together;
 * 0: FACTUM_ARENA_SIZE_MAX. */
FACTUM_API void factum_arena_init(factum_arena *arena, size_t size_max);
/* Frees all blocks. Accepts a zeroed and a finished arena. */
FACTUM_API void factum_arena_finish(factum_arena *arena);
/* Ends the life of all pieces, and keeps the newest block for the next ones. */
FACTUM_API void factum_arena_reset(factum_arena *arena);
/* A piece from a new block. factum_arena_take calls this when the newest block is full. */
FACTUM_API void *factum_arena_grow(factum_arena *arena, size_t size);
/* Why factum_arena_take returned NULL: TOO_BIG (the arena's maximum), NO_MEMORY, or the status
 * given to factum_arena_fail. OK if it did not. */
FACTUM_API factum_status factum_arena_status(const factum_arena *arena);

/* |size| bytes of zero; NULL without room, after a piece that was refused, or for 0 bytes. */
FACTUM_API void *factum_arena_alloc(factum_arena *arena, size_t size);
/* A copy of |slice|; empty where factum_arena_alloc gives NULL. */
FACTUM_API factum_slice factum_arena_copy(factum_arena *arena, factum_slice slice);

/* For functions that cannot return a status, such as those of a decider that is not written in C.
 * From now on the arena gives no pieces, and the call that created it fails with |status|, which is
 * below 0, and this text. The first failure stays. */
FACTUM_API FACTUM_PRINTF(3, 4) void factum_arena_fail(factum_arena *arena, factum_status status,
                                                      const char *format, ...);

/* |size| bytes, which are not cleared; NULL if there is no room. A piece of 0 bytes is not NULL. */
static inline void *factum_arena_take(factum_arena *arena, size_t size)
{
    void *piece = arena->at;
    size_t taken = (size + (FACTUM_ARENA_ALIGN - 1)) & ~(size_t)(FACTUM_ARENA_ALIGN - 1);
    if (piece == NULL || size > arena->left) {
        return factum_arena_grow(arena, size);
    }
    arena->at += taken;
    arena->left -= taken;
    return piece;
}

#ifdef __cplusplus
}
#endif
#endif
