/* mem_fault.c - an allocator that makes chosen calls fail; see mem_fault.h. */
#include "support/mem_fault.h"

#include <limits.h>
#include <stdlib.h>

static void *fault_resize(void *data, void *block, size_t size)
{
    struct fct_mem_fault *fault = data;
    if (size == 0) {
        if (block != NULL) {
            atomic_fetch_sub(&fault->held, 1);
        }
        free(block);
        return NULL;
    }
    unsigned long call = atomic_fetch_add(&fault->calls, 1);
    unsigned long at = atomic_load(&fault->fail_at);
    if (fault->sticky != 0 ? call >= at : call == at) {
        atomic_fetch_add(&fault->failed, 1);
        return NULL;
    }
    void *grown = realloc(block, size);
    if (grown != NULL && block == NULL) {
        atomic_fetch_add(&fault->held, 1);
    }
    return grown;
}

void fct_mem_fault_init(struct fct_mem_fault *fault)
{
    *fault = (struct fct_mem_fault){.fail_at = ULONG_MAX};
    fault->mem = (struct fct_mem){fault, fault_resize};
}
