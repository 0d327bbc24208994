/* mem_meter.h - an allocator that counts the bytes that are allocated now, and their maximum. A
 * test double of core/mem.h; uses core. Not thread-safe. */
#ifndef FCT_TESTS_SUPPORT_MEM_METER_H
#define FCT_TESTS_SUPPORT_MEM_METER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

struct fct_mem_meter {
    struct fct_mem mem; /* give &meter.mem to the code under test */
    size_t held;
    size_t peak;
};

#define METER_HEADER ((size_t)16) /* in front of each block: its size */

static inline void *fct_meter_resize(void *data, void *block, size_t size)
{
    struct fct_mem_meter *meter = data;
    uint8_t *old = block == NULL ? NULL : (uint8_t *)block - METER_HEADER;
    size_t old_size = 0;
    if (old != NULL) {
        memcpy(&old_size, old, sizeof old_size);
    }
    if (size == 0) {
        free(old);
        meter->held -= old_size;
        return NULL;
    }
    uint8_t *grown = realloc(old, METER_HEADER + size);
    if (grown == NULL) {
        return NULL;
    }
    memcpy(grown, &size, sizeof size);
    meter->held += size - old_size;
    meter->peak = meter->held > meter->peak ? meter->held : meter->peak;
    return grown + METER_HEADER;
}

static inline void fct_mem_meter_init(struct fct_mem_meter *meter)
{
    *meter = (struct fct_mem_meter){.mem = {meter, fct_meter_resize}};
}

#endif
