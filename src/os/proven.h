/* proven.h - which blocks of a map the device has delivered. Layer: os.
 *
 * A map raises SIGBUS where the device cannot read a block. So a reader asks fct_proven_read()
 * first: it has the kernel read the block, and a failure is an answer, not a signal. What was read
 * once counts as readable from then on: a bit a block, and no system call. Should the kernel let go
 * of such a block, and the device fail when it is needed again, the signal comes after all; nothing
 * short of a copy can exclude that.
 *
 * Where that fails, the pages of the block are read one by one (populate_alone of os/os.h), so that
 * a good page is readable beside a bad one. A block of which a part failed is not asked for as a
 * whole again, since each try may take the device seconds: from then on each part that is needed is
 * asked for when it is needed. Any number of threads may use one struct fct_proven at once.
 */
#ifndef FCT_OS_PROVEN_H
#define FCT_OS_PROVEN_H

#include <stdatomic.h>

#include "os/os.h"

#define FCT_PROVEN_SHIFT_MIN 16u /* a block is 64 KiB, or more if the words do not suffice */

/* Opens the file that is mapped, for reading; it is closed again. Any thread. */
typedef factum_status fct_proven_open(void *data, struct fct_file **file, factum_error *err);

struct fct_proven {
    fct_proven_open *open; /* called only where the device fails */
    void *data;
    _Atomic uint64_t *words; /* the owner's: a bit a block that was read, then one that failed */
    uint32_t word_count;     /* of each half */
    uint32_t shift;          /* a block has 1 << shift bytes */
};

/* The number of words, for each half, with which a map of |size| bytes has the smallest blocks. */
static inline size_t fct_proven_word_count(uint64_t size)
{
    return (size_t)((size - 1) >> (FCT_PROVEN_SHIFT_MIN + 6)) + 1;
}

/* For a map of |size| bytes at most, of the file that |open| opens. |words| are 2 * |word_count|,
 * zeroed, and the owner's; zeroed again, they forget what was found. */
static inline struct fct_proven fct_proven(fct_proven_open *open, void *data,
                                           _Atomic uint64_t *words, size_t word_count,
                                           uint64_t size)
{
    uint32_t shift = FCT_PROVEN_SHIFT_MIN;
    while ((size - 1) >> shift >= word_count * 64) {
        shift++;
    }
    return (struct fct_proven){.open = open,
                               .data = data,
                               .words = words,
                               .word_count = (uint32_t)word_count,
                               .shift = shift};
}

/* The slow half of fct_proven_read. */
bool fct_proven_ask(struct fct_proven *proven, const struct fct_os *os,
                    const struct fct_map_part *part);

/* Can |part| be read without a signal? */
static inline bool fct_proven_read(struct fct_proven *proven, const struct fct_os *os,
                                   const struct fct_map_part *part)
{
    uint64_t first = part->offset >> proven->shift;
    uint64_t last = (part->offset + part->size - 1) >> proven->shift;
    uint64_t word = atomic_load_explicit(&proven->words[first / 64], memory_order_relaxed);
    return (first == last && (word >> first % 64 & 1) != 0) || fct_proven_ask(proven, os, part);
}

#endif
