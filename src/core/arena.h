/* arena.h - <factum/arena.h> over a heap of the caller's choice. Layer: core. */
#ifndef FCT_CORE_ARENA_H
#define FCT_CORE_ARENA_H

#include <factum/arena.h>

#include "core/mem.h"

/* As factum_arena_init; |mem| must outlive the arena. */
void fct_arena_init(factum_arena *arena, const struct fct_mem *mem, size_t size_max);

#endif
