/* arena.c - see arena.h. Layer: decider.
 *
 * Invariants:
 *  1. |used| <= the size of |newest|, and is a multiple of FCT_ARENA_ALIGN.
 *  2. |size| is the sum of all chunks with their heads, and <= |size_max|.
 *  3. A chunk is at least as large as the one before it, unless |size_max| leaves less.
 */
#include "decider/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define FCT_ARENA_ALIGN 16
#define FCT_ARENA_CHUNK_FIRST 512
#define FCT_ARENA_CHUNK_MAX (64 << 10) /* larger ones only for one large allocation */
#define FCT_ARENA_POISON 0xd5

struct fct_arena_chunk {
    struct fct_arena_chunk *older;
    size_t size; /* of |bytes| */
    FCT_ALIGNED(FCT_ARENA_ALIGN) uint8_t bytes[];
};

void fct_arena_init(struct factum_arena *arena, const struct fct_mem *mem, size_t size_max)
{
    *arena = (struct factum_arena){.mem = mem, .size_max = size_max};
}

void factum_arena_fail(factum_arena *arena, factum_status status, const char *format, ...)
{
    if (arena->failed != FACTUM_OK) {
        return;
    }
    va_list arguments;
    arena->failed = status < FACTUM_OK ? status : FACTUM_INVALID;
    va_start(arguments, format);
    (void)vsnprintf(arena->why.text, sizeof arena->why.text, format, arguments);
    va_end(arguments);
}

static void free_older(struct factum_arena *arena, struct fct_arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct fct_arena_chunk *older = chunk->older;
        arena->size -= sizeof *chunk + chunk->size;
        fct_mem_free(arena->mem, chunk);
        chunk = older;
    }
}

void fct_arena_finish(struct factum_arena *arena)
{
    free_older(arena, arena->newest);
    arena->newest = NULL;
    arena->used = 0;
    arena->failed = FACTUM_OK;
    arena->why.text[0] = '\0';
    FCT_ASSERT(arena->size == 0);
}

void fct_arena_reset(struct factum_arena *arena)
{
    if (arena->newest != NULL) {
        free_older(arena, arena->newest->older);
        arena->newest->older = NULL;
    }
    arena->used = 0;
    arena->failed = FACTUM_OK;
    arena->why.text[0] = '\0';
}

void fct_arena_poison(struct factum_arena *arena)
{
    struct fct_arena_chunk *chunk = arena->newest;
    if (chunk != NULL) {
        memset(chunk->bytes, FCT_ARENA_POISON, arena->used);
        for (chunk = chunk->older; chunk != NULL; chunk = chunk->older) {
            memset(chunk->bytes, FCT_ARENA_POISON, chunk->size);
        }
    }
}

factum_status fct_arena_status(const struct factum_arena *arena, const char *what,
                               factum_error *err)
{
    if (arena->failed == FACTUM_OK) {
        return FACTUM_OK;
    }
    if (arena->why.text[0] != '\0') {
        return fct_fail(err, arena->failed, "%s", arena->why.text);
    }
    return arena->failed == FACTUM_TOO_BIG
               ? fct_fail(err, FACTUM_TOO_BIG, "%s needs more than %zu bytes of memory", what,
                          arena->size_max)
               : fct_fail(err, arena->failed, "%s: out of memory", what);
}

/* How large the chunk for |size| bytes should be. */
static size_t chunk_size_for(const struct factum_arena *arena, size_t size)
{
    size_t wanted = arena->newest == NULL ? FCT_ARENA_CHUNK_FIRST : arena->newest->size * 2;
    wanted = wanted > FCT_ARENA_CHUNK_MAX ? FCT_ARENA_CHUNK_MAX : wanted;
    size_t left = arena->size_max - arena->size - sizeof(struct fct_arena_chunk);
    wanted = wanted > left ? left - left % FCT_ARENA_ALIGN : wanted;
    return wanted < size ? size : wanted;
}

static factum_status add_chunk(struct factum_arena *arena, size_t size)
{
    size_t left = arena->size_max - arena->size;
    if (left < sizeof(struct fct_arena_chunk) || size > left - sizeof(struct fct_arena_chunk)) {
        return FACTUM_TOO_BIG;
    }
    size_t chunk_size = chunk_size_for(arena, size);
    struct fct_arena_chunk *chunk = fct_mem_alloc(arena->mem, sizeof *chunk + chunk_size);
    if (chunk == NULL) {
        return FACTUM_NO_MEMORY;
    }
    chunk->older = arena->newest;
    chunk->size = chunk_size;
    arena->newest = chunk;
    arena->used = 0;
    arena->size += sizeof *chunk + chunk_size;
    return FACTUM_OK;
}

void *factum_arena_alloc(factum_arena *arena, size_t size)
{
    if (arena == NULL || size == 0) {
        return NULL;
    }
    if (size > arena->size_max) {
        arena->failed = FACTUM_TOO_BIG;
    }
    if (arena->failed != FACTUM_OK) {
        return NULL; /* one that was refused is not followed by one that fits by chance */
    }
    size_t rounded = (size + FCT_ARENA_ALIGN - 1) / FCT_ARENA_ALIGN * FCT_ARENA_ALIGN;
    if (arena->newest == NULL || rounded > arena->newest->size - arena->used) {
        arena->failed = add_chunk(arena, rounded);
        if (arena->failed != FACTUM_OK) {
            return NULL;
        }
    }
    void *given = arena->newest->bytes + arena->used;
    arena->used += rounded;
    memset(given, 0, size);
    return given;
}

factum_slice factum_arena_copy(factum_arena *arena, factum_slice slice)
{
    uint8_t *copy = slice.ptr == NULL ? NULL : factum_arena_alloc(arena, slice.len);
    if (copy == NULL) {
        return (factum_slice){.ptr = NULL};
    }
    memcpy(copy, slice.ptr, slice.len);
    return fct_slice(copy, slice.len);
}
