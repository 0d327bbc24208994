/* arena.h - <factum/arena.h> over a heap of the caller's choice. Layer: core. */
#ifndef FCT_CORE_ARENA_H
#define FCT_CORE_ARENA_H

#include <factum/arena.h>

#include "core/mem.h"

/* As factum_arena_init; |mem| must outlive the arena. */
void fct_arena_init(factum_arena *arena, const struct fct_mem *mem, size_t size_max);
/* Overwrites all pieces with a byte that is no text and no small number, so that a test sees who
 * still looks at them. */
void fct_arena_poison(factum_arena *arena);
/* OK, or fails with the reason: "<what>: out of memory", "<what> needs more than N bytes". */
FCT_MUST_USE factum_status fct_arena_status(const factum_arena *arena, const char *what,
                                            factum_error *err);

#endif
