/* arena.h - <factum/arena.h> over a heap of the caller's choice. Layer: core. */
#ifndef FCT_CORE_ARENA_H
#define FCT_CORE_ARENA_H

#include <factum/arena.h>

#include "core/mem.h"

/* As factum_arena_init; |mem| must outlive the arena. */
void fct_arena_init(factum_arena *arena, const struct fct_mem *mem, size_t size_max);
/* Overwrites all pieces with a byte that is neither text nor a small number, so that a test notices
 * who still reads them. */
void fct_arena_poison(factum_arena *arena);
/* OK unless an allocation has failed. Errors: NO_MEMORY ("<what>: out of memory"), TOO_BIG ("<what>
 * needs more than N bytes of memory"). */
FCT_MUST_USE factum_status fct_arena_status(const factum_arena *arena, const char *what,
                                            factum_error *err);

#endif
