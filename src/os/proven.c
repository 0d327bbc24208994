/* proven.c - see proven.h. Layer: os. */
#include "os/proven.h"

#include "core/check.h"

static bool has(const _Atomic uint64_t *words, uint64_t block)
{
    uint64_t word = atomic_load_explicit(&words[block / 64], memory_order_relaxed);
    return (word >> block % 64 & 1) != 0;
}

/* Has the kernel read the whole block, as far as the file goes, unless that failed before. */
static bool read_block(struct fct_proven *proven, const struct fct_os *os,
                       const struct fct_map_part *part, uint64_t block)
{
    _Atomic uint64_t *failed = proven->words + proven->word_count;
    if (has(failed, block)) {
        return false;
    }
    uint64_t from = block << proven->shift;
    uint64_t size = UINT64_C(1) << proven->shift;
    size = size < part->limit - from ? size : part->limit - from;
    bool read = fct_os_populate(os, part->map + from, size, NULL) == FACTUM_OK;
    atomic_fetch_or_explicit(read ? &proven->words[block / 64] : &failed[block / 64],
                             UINT64_C(1) << block % 64, memory_order_relaxed);
    return read;
}

bool fct_proven_ask(struct fct_proven *proven, const struct fct_os *os,
                    const struct fct_map_part *part)
{
    FCT_ASSERT(part->size > 0);
    FCT_ASSERT(part->offset < part->limit);
    FCT_ASSERT(part->size <= part->limit - part->offset);
    bool all = true;
    uint64_t last = (part->offset + part->size - 1) >> proven->shift;
    for (uint64_t block = part->offset >> proven->shift; block <= last && all; block++) {
        all = has(proven->words, block) || read_block(proven, os, part, block);
    }
    /* What is unreadable may lie beside what is asked for. */
    return all || fct_os_populate(os, part->map + part->offset, part->size, NULL) == FACTUM_OK;
}
