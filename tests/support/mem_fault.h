/* mem_fault.h - an allocator that counts its calls, makes chosen ones fail, and counts the blocks
 * that are not yet freed. A test double of core/mem.h; uses core. Thread-safe. */
#ifndef FCT_TESTS_SUPPORT_MEM_FAULT_H
#define FCT_TESTS_SUPPORT_MEM_FAULT_H

#include <stdatomic.h>

#include "core/mem.h"

struct fct_mem_fault {
    struct fct_mem mem;            /* give &fault.mem to the code under test */
    _Atomic unsigned long calls;   /* allocations so far */
    _Atomic unsigned long fail_at; /* number of the allocation to fail, from 0; ULONG_MAX: none */
    _Atomic unsigned long failed;  /* allocations that were made to fail */
    _Atomic long held;             /* blocks not yet freed */
    int sticky;                    /* all allocations from fail_at on fail */
};

void fct_mem_fault_init(struct fct_mem_fault *fault);

#endif
