/* mem.c - the heap. Layer: core. The only file of the library that calls realloc and free. */
#include "core/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *heap_resize(void *data, void *block, size_t size)
{
    (void)data;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, size);
}

const struct fct_mem *fct_mem_heap(void)
{
    static const struct fct_mem heap = {NULL, heap_resize};
    return &heap;
}

void *fct_mem_alloc(const struct fct_mem *mem, size_t size)
{
    return mem->resize(mem->data, NULL, size);
}

void *fct_mem_zalloc(const struct fct_mem *mem, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    void *block = mem->resize(mem->data, NULL, count * size);
    if (block != NULL) {
        memset(block, 0, count * size);
    }
    return block;
}

void *fct_mem_resize(const struct fct_mem *mem, void *block, size_t size)
{
    return mem->resize(mem->data, block, size);
}

void fct_mem_free(const struct fct_mem *mem, void *block)
{
    if (block != NULL) {
        (void)mem->resize(mem->data, block, 0);
    }
}
