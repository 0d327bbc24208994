/* mem.h - the only way to the heap. Layer: core.
 *
 * An allocator is a vtable, so that tests can count and fail allocations. Everything that is
 * allocated is freed through the allocator that it came from.
 */
#ifndef FCT_CORE_MEM_H
#define FCT_CORE_MEM_H

#include <stddef.h>

#include "core/compiler.h"

struct fct_mem {
    void *data;
    /* Semantics of realloc, with size 0 freeing; NULL on failure with the old block intact. */
    void *(*resize)(void *data, void *block, size_t size);
};

/* The C library's heap. Static, never NULL. */
const struct fct_mem *fct_mem_heap(void);

/* |size| > 0 bytes, not cleared; NULL without memory. */
FCT_MUST_USE void *fct_mem_alloc(const struct fct_mem *mem, size_t size);
/* |count| * |size| zero bytes; NULL without memory or if the product overflows. */
FCT_MUST_USE void *fct_mem_zalloc(const struct fct_mem *mem, size_t count, size_t size);
FCT_MUST_USE void *fct_mem_resize(const struct fct_mem *mem, void *block, size_t size);
/* Accepts NULL. */
void fct_mem_free(const struct fct_mem *mem, void *block);

#endif
