/* proven.c - asks the kernel for blocks of a map. Layer: os. proven.h has the invariants. */
#include "os/proven.h"

#include "core/check.h"

static bool has(const _Atomic uint64_t *words, uint64_t block)
{
    uint64_t word = atomic_load_explicit(&words[block / 64], memory_order_relaxed);
    return (word >> block % 64 & 1) != 0;
}

static bool populate(const struct fct_os *os, const struct fct_map_part *part)
{
    factum_error ignored;
    return fct_os_populate(os, part->map + part->offset, part->size, &ignored) == FACTUM_OK;
}

/* Page by page, through a file opened for this: the map has none. */
static bool populate_alone(const struct fct_proven *proven, const struct fct_map_part *part)
{
    factum_error ignored;
    struct fct_file *file;
    factum_status status = proven->open(proven->data, &file, &ignored);
    if (status != FACTUM_OK) {
        return false;
    }
    status = fct_file_populate_alone(file, part, &ignored);
    factum_status closed = fct_file_close(&file, &ignored);
    (void)closed; /* it was open for reading only */
    return status == FACTUM_OK;
}

/* The overlap of |part| with the |size| bytes at |from|. */
static struct fct_map_part overlap(const struct fct_map_part *part, uint64_t from, uint64_t size)
{
    uint64_t end = part->offset + part->size;
    struct fct_map_part inner = *part;
    inner.offset = part->offset > from ? part->offset : from;
    inner.size = (end - from < size ? end : from + size) - inner.offset;
    return inner;
}

/* Has the kernel read the whole block, as far as the file goes. If that fails, or failed before, it
 * reads only the overlap with |part|. */
static bool read_block(struct fct_proven *proven, const struct fct_os *os,
                       const struct fct_map_part *part, uint64_t block)
{
    _Atomic uint64_t *failed = proven->words + proven->word_count;
    uint64_t bit = UINT64_C(1) << block % 64;
    uint64_t from = block << proven->shift;
    uint64_t size = UINT64_C(1) << proven->shift;
    bool again = has(failed, block);
    if (!again) {
        const struct fct_map_part all = {part->map, part->limit, 0, part->limit};
        const struct fct_map_part whole = overlap(&all, from, size);
        if (populate(os, &whole) || populate_alone(proven, &whole)) {
            atomic_fetch_or_explicit(&proven->words[block / 64], bit, memory_order_relaxed);
            return true;
        }
        atomic_fetch_or_explicit(&failed[block / 64], bit, memory_order_relaxed);
    }
    /* The unreadable page may be beside the bytes that are asked for. */
    const struct fct_map_part own = overlap(part, from, size);
    return populate(os, &own) || (again && populate_alone(proven, &own));
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
    return all;
}
