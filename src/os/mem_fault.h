/* mem_fault.h - an allocator that counts, fails on demand and knows what is still held.
 * Layer: os (for tests). Thread-safe. */
#ifndef FCT_OS_MEM_FAULT_H
#define FCT_OS_MEM_FAULT_H

#include <stdatomic.h>

#include "core/mem.h"

struct fct_mem_fault {
    struct fct_mem mem;            /* hand &fault.mem to the code under test */
    _Atomic unsigned long calls;   /* allocations asked for */
    _Atomic unsigned long fail_at; /* index of the first that fails; ULONG_MAX: none */
    _Atomic unsigned long failed;
    _Atomic long held; /* blocks not yet freed */
    int sticky;        /* all from fail_at on, else one */
};

void fct_mem_fault_init(struct fct_mem_fault *fault);

#endif
