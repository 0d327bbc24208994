/* segment.h - one file of the log. Layer: log, private to it. Knows nothing of other segments.
 *
 *   0         4096                                      used          capacity
 *   | header  | batch | batch | ... | [seal when full]  | zeros       |
 *
 * A segment is made from a file that was filled with zeros before (prepare.h), so that commits
 * overwrite extents that are there.
 *
 * Invariants:
 *  1. used never falls; bytes before it never change; readers look at nothing behind it.
 *  2. A sealed segment ends with its seal, and its file with it.
 *  3. capacity is at most the size that the file had when it was opened or made, and is what is
 *     mapped; a file is never cut below used. So no access leaves the file.
 *  4. file is the writer's and recovery's alone. Readers that need one open their own.
 *  5. Nothing looks at bytes of the map that fct_segment_readable() was not asked for: where the
 *     device fails, an access raises SIGBUS.
 */
#ifndef FCT_LOG_SEGMENT_H
#define FCT_LOG_SEGMENT_H

#include <stdatomic.h>

#include "codec/frame.h"
#include "core/mem.h"
#include "os/os.h"
#include "os/proven.h"

#define FCT_SEGMENT_PROVEN_WORDS 16u /* blocks of 64 KiB in a segment of up to 64 MiB */

struct fct_segment {
    const struct fct_os *os;
    const char *dir; /* the log's; outlives the segment */
    struct fct_segment_header header;
    struct fct_file *file; /* NULL if it is sealed and nothing is left to write */
    uint64_t file_size;    /* when it was opened or made */
    uint64_t capacity;     /* bytes of the file that batches may fill */
    _Atomic uint64_t used; /* bytes from the start that are visible to readers */
    _Atomic bool sealed;
    const uint8_t *_Atomic map; /* of [0, capacity); NULL before the first need */
    _Atomic uint64_t
        first_bad;            /* where a batch was found not to verify, | 1 if it cannot be read */
    struct fct_proven proven; /* of the map */
    _Atomic uint64_t proven_words[2 * FCT_SEGMENT_PROVEN_WORDS];
};

#define FCT_SEGMENT_NAME_SIZE 32
void fct_segment_name(uint64_t number, char name[FCT_SEGMENT_NAME_SIZE]);

/* Opens segment |number| in |dir| and reads its header, which may be of another number. CORRUPT (no
 * header verifies) and NEWER_FORMAT name the file. */
FCT_MUST_USE factum_status fct_segment_open(struct fct_segment **segment, const struct fct_os *os,
                                            const struct fct_mem *mem, const char *dir,
                                            uint64_t number, bool write, factum_error *err);
/* A segment to be, around |file| of |size| bytes of zeros; mapped. It owns |file| if this succeeds.
 */
FCT_MUST_USE factum_status fct_segment_new(struct fct_segment **segment, const struct fct_os *os,
                                           const struct fct_mem *mem, const char *dir,
                                           struct fct_file *file, uint64_t size, factum_error *err);
/* Makes it the segment that |header| says, durably: header, sync, rename from |temporary|, sync of
 * the directory (rule R7). After a failure it is not known what is on disk. */
FCT_MUST_USE factum_status fct_segment_activate(struct fct_segment *segment,
                                                const struct fct_segment_header *header,
                                                const char *temporary, factum_error *err);
/* Accepts NULL. Frees it whatever is returned: that of closing the file. */
factum_status fct_segment_close(struct fct_segment *segment, const struct fct_mem *mem,
                                factum_error *err);

/* The map, made at the first call; any thread. CORRUPT if the file has become too short. */
FCT_MUST_USE factum_status fct_segment_map(struct fct_segment *segment, const uint8_t **map,
                                           factum_error *err);
/* Maps through segment->file; for one that no other thread knows yet. */
FCT_MUST_USE factum_status fct_segment_map_tail(struct fct_segment *segment, factum_error *err);
void fct_segment_unmap(struct fct_segment *segment);
/* What was found readable, or bad, is asked again: to be called when the cache was dropped. Any
 * thread. */
void fct_segment_forget_read(struct fct_segment *segment);

/* Can [offset, offset + size) of the map be read without a signal? Any thread. False as well where
 * the segment has no such bytes. */
static inline bool fct_segment_readable(struct fct_segment *segment, uint64_t offset, uint64_t size)
{
    /* A sealed file ends where its batches do, though its map may be longer. */
    uint64_t limit = atomic_load_explicit(&segment->sealed, memory_order_acquire)
                         ? atomic_load_explicit(&segment->used, memory_order_acquire)
                         : segment->capacity;
    const struct fct_map_part part = {atomic_load_explicit(&segment->map, memory_order_acquire),
                                      limit, offset, size};
    return offset < limit && size <= limit - offset &&
           fct_proven_read(&segment->proven, segment->os, &part);
}
/* Copies [offset, offset + size) of the file, through segment->file, with zeros for the blocks that
 * the device cannot read; *failed counts these. */
FCT_MUST_USE factum_status fct_segment_salvage(struct fct_segment *segment, uint64_t offset,
                                               uint64_t size, uint8_t *bytes, uint64_t *failed,
                                               factum_error *err);

/* Reads the seal at the end of the file: OK, DONE if none verifies, or IO. |chain| is the value
 * after the seal. */
FCT_MUST_USE factum_status fct_segment_read_seal(struct fct_segment *segment,
                                                 struct fct_batch_header *seal,
                                                 struct fct_segment_footer *footer, uint64_t *chain,
                                                 factum_error *err);

/* The encoded seal: its footer, or CORRUPT. |position| is that of its header. */
FCT_MUST_USE factum_status fct_seal_decode(const uint8_t bytes[FCT_SEAL_SIZE], uint64_t position,
                                           uint64_t salt, struct fct_batch_header *seal,
                                           struct fct_segment_footer *footer);

#endif
