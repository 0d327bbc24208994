/* arena.c - see factum/arena.h. Layer: core.
 *
 * Invariants:
 * 1. |size| is the sum of the sizes of the blocks, and at most |size_max|.
 * 2. [at, at + left) is in the newest block; |at| and |left| are multiples of FACTUM_ARENA_ALIGN.
 */
#include "core/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define BLOCK_SIZE_FIRST 512u
#define ARENA_POISON 0xd5
#define ARENA_WHY_SIZE sizeof(((factum_error *)0)->text)

struct factum_arena_block {
    struct factum_arena_block *older;
    size_t size; /* with this header */
};

#define HEADER_SIZE                                                                                \
    ((sizeof(struct factum_arena_block) + FACTUM_ARENA_ALIGN - 1) &                                \
     ~(size_t)(FACTUM_ARENA_ALIGN - 1))

void fct_arena_init(factum_arena *arena, const struct fct_mem *mem, size_t size_max)
{
    *arena = (factum_arena){
        .size_max = size_max == 0 ? FACTUM_ARENA_SIZE_MAX : size_max,
        .heap = mem,
    };
}

void factum_arena_init(factum_arena *arena, size_t size_max)
{
    fct_arena_init(arena, fct_mem_heap(), size_max);
}

static void free_blocks(factum_arena *arena, struct factum_arena_block *block)
{
    while (block != NULL) {
        struct factum_arena_block *older = block->older;
        arena->size -= block->size;
        fct_mem_free(arena->heap, block);
        block = older;
    }
}

static void forget_why(factum_arena *arena)
{
    arena->status = FACTUM_OK;
    if (arena->why != NULL) {
        fct_mem_free(arena->heap, arena->why);
        arena->why = NULL;
    }
}

void factum_arena_finish(factum_arena *arena)
{
    forget_why(arena);
    free_blocks(arena, arena->newest);
    FCT_ASSERT(arena->size == 0);
    *arena = (factum_arena){.size_max = arena->size_max, .heap = arena->heap};
}

/* The whole of |block| is free. */
static void use_block(factum_arena *arena, struct factum_arena_block *block)
{
    arena->newest = block;
    arena->at = (uint8_t *)block + HEADER_SIZE;
    arena->left = block->size - HEADER_SIZE;
}

void factum_arena_reset(factum_arena *arena)
{
    struct factum_arena_block *newest = arena->newest;
    forget_why(arena);
    if (newest == NULL) {
        return;
    }
    free_blocks(arena, newest->older);
    newest->older = NULL;
    FCT_ASSERT(arena->size == newest->size);
    use_block(arena, newest);
}

/* The size of a block into which a piece of |size| bytes fits; 0: it would exceed the maximum. */
static size_t block_size(const factum_arena *arena, size_t size)
{
    size_t room = (arena->size_max - arena->size) & ~(size_t)(FACTUM_ARENA_ALIGN - 1);
    size_t wanted = arena->newest == NULL ? BLOCK_SIZE_FIRST : arena->newest->size;
    if (room < HEADER_SIZE || size > room - HEADER_SIZE) {
        return 0;
    }
    size_t needed =
        HEADER_SIZE + ((size + FACTUM_ARENA_ALIGN - 1) & ~(size_t)(FACTUM_ARENA_ALIGN - 1));
    if (arena->newest != NULL && wanted <= SIZE_MAX / 2) {
        wanted *= 2;
    }
    wanted = wanted < needed ? needed : wanted;
    return wanted > room ? room : wanted;
}

void *factum_arena_grow(factum_arena *arena, size_t size)
{
    size_t total = block_size(arena, size);
    if (total == 0) {
        arena->status = FACTUM_TOO_BIG;
        return NULL;
    }
    struct factum_arena_block *block = fct_mem_alloc(arena->heap, total);
    if (block == NULL) {
        arena->status = FACTUM_NO_MEMORY;
        return NULL;
    }
    *block = (struct factum_arena_block){.older = arena->newest, .size = total};
    arena->size += total;
    FCT_ASSERT(arena->size <= arena->size_max);
    use_block(arena, block);
    return factum_arena_take(arena, size);
}

factum_status factum_arena_status(const factum_arena *arena)
{
    return arena->status;
}

factum_status fct_arena_status(const factum_arena *arena, const char *what, factum_error *err)
{
    if (arena->status == FACTUM_OK) {
        return FACTUM_OK;
    }
    if (arena->why != NULL) {
        return fct_fail(err, arena->status, "%s", arena->why);
    }
    return arena->status == FACTUM_TOO_BIG
               ? fct_fail(err, FACTUM_TOO_BIG, "%s needs more than %zu bytes of memory", what,
                          arena->size_max)
               : fct_fail(err, arena->status, "%s: out of memory", what);
}

void factum_arena_fail(factum_arena *arena, factum_status status, const char *format, ...)
{
    if (arena->status != FACTUM_OK) {
        return;
    }
    va_list arguments;
    arena->status = status < FACTUM_OK ? status : FACTUM_INVALID;
    arena->why = fct_mem_alloc(arena->heap, ARENA_WHY_SIZE);
    if (arena->why != NULL) {
        va_start(arguments, format);
        (void)vsnprintf(arena->why, ARENA_WHY_SIZE, format, arguments);
        va_end(arguments);
    }
}

void *factum_arena_alloc(factum_arena *arena, size_t size)
{
    if (arena == NULL || size == 0 || arena->status != FACTUM_OK) {
        return NULL; /* after a failure no smaller piece succeeds either */
    }
    void *piece = factum_arena_take(arena, size);
    if (piece != NULL) {
        memset(piece, 0, size);
    }
    return piece;
}

factum_slice factum_arena_copy(factum_arena *arena, factum_slice slice)
{
    uint8_t *copy = slice.ptr == NULL ? NULL : factum_arena_alloc(arena, slice.len);
    if (copy == NULL) {
        return fct_slice(NULL, 0);
    }
    memcpy(copy, slice.ptr, slice.len);
    return fct_slice(copy, slice.len);
}

void fct_arena_poison(factum_arena *arena)
{
    struct factum_arena_block *block = arena->newest;
    if (block != NULL) {
        uint8_t *begin = (uint8_t *)block + HEADER_SIZE;
        memset(begin, ARENA_POISON, (size_t)(arena->at - begin));
        for (block = block->older; block != NULL; block = block->older) {
            memset((uint8_t *)block + HEADER_SIZE, ARENA_POISON, block->size - HEADER_SIZE);
        }
    }
}
