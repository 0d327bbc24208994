/* proven.h - which blocks of a map the device has delivered. Layer: os.
 *
 * A map raises SIGBUS where the device cannot read a block. So a reader asks fct_proven_read()
 * first: the kernel reads the block, and a failure is an answer and not a signal. A block that was
 * read once counts as readable from then on: one bit, no system call. If the kernel drops such a
 * block later, and the device fails at the next access, the signal is raised after all; only a copy
 * of the bytes could exclude that.
 *
 * If the read of a block fails, its pages are read one at a time (populate_alone of os/os.h), so
 * that a good page is readable beside a bad one. A block with a bad page is not read as a whole
 * again, since each try may take the device seconds: then each part is read when it is needed. Any
 * number of threads may use one struct fct_proven at once.
 *
 * Invariants:
 *  1. A bit in the first half of |words| means: each page of the block was read.
 *  2. A bit in the second half means: a read of the block as a whole has failed.
 */
#ifndef FCT_OS_PROVEN_H
#define FCT_OS_PROVEN_H

#include <stdatomic.h>

#include "os/os.h"

#define FCT_PROVEN_SHIFT_MIN 16u /* a block is 64 KiB, or more if the words do not suffice */

/* Opens the mapped file for reading; fct_proven closes it. Any thread. */
typedef factum_status fct_proven_open(void *data, struct fct_file **file, factum_error *err);

struct fct_proven {
    fct_proven_open *open; /* called only where the device fails */
    void *data;
    _Atomic uint64_t *words; /* the owner's: a bit for each block that was read, then that failed */
    uint32_t word_count;     /* of each half */
    uint32_t shift;          /* a block has 1 << shift bytes */
};

/* The number of words, for each half, with which a map of |size| bytes has the smallest blocks. */
static inline size_t fct_proven_word_count(uint64_t size)
{
    return (size_t)((size - 1) >> (FCT_PROVEN_SHIFT_MIN + 6)) + 1;
}

/* For a map of at most |size| bytes, of the file that |open| opens. |words| are 2 * |word_count|
 * zeroed words of the owner. To zero them again forgets all answers. */
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
