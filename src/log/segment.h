/* segment.h - one file of the log. Layer: log, private to it. Knows nothing of other segments.
 *
 *   0         4096                                      used          capacity
 *   | header  | batch | batch | ... | [seal when full]  | zeros       |
 *
 * The file of a segment is filled with zeros first (prepare.h), so that commits overwrite blocks
 * that exist.
 *
 * Invariants:
 *  1. 4096 <= used <= capacity <= file_size, the size when the file was opened or created. |used|
 *     never falls once readers see the segment.
 *  2. Bytes before |used| never change. Readers look at no byte after it.
 *  3. A sealed segment ends with its seal, at |used|, and so does its file.
 *  4. [0, capacity) is mapped. The file is never truncated below |used|, so no read of visible
 *     bytes leaves the file.
 *  5. |file| belongs to the writer and to recovery. A reader that needs a file opens its own.
 *  6. Before a read of the map, fct_segment_readable() is asked for these bytes: where the device
 *     fails, the access raises SIGBUS.
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
    uint64_t file_size;    /* when the file was opened or created */
    uint64_t capacity;     /* bytes of the file that batches may fill */
    _Atomic uint64_t used; /* bytes from the start that are visible to readers */
    _Atomic bool sealed;
    const uint8_t *_Atomic map; /* of [0, capacity); NULL before the first use */
    /* The offset of the first batch that does not verify, | 1 if the device cannot read it; 0: none
     * is known. */
    _Atomic uint64_t first_bad;
    struct fct_proven proven; /* of the map */
    _Atomic uint64_t proven_words[2 * FCT_SEGMENT_PROVEN_WORDS];
};

#define FCT_SEGMENT_NAME_SIZE 32
void fct_segment_name(uint64_t number, char name[FCT_SEGMENT_NAME_SIZE]);

/* Opens segment |number| in |dir| and reads its header, which may carry another number. The segment
 * is the caller's. Errors, with the file's name: CORRUPT (no header verifies), NEWER_FORMAT; also
 * those of os.h, NO_MEMORY. */
FCT_MUST_USE factum_status fct_segment_open(struct fct_segment **segment, const struct fct_os *os,
                                            const struct fct_mem *mem, const char *dir,
                                            uint64_t number, bool write, factum_error *err);
/* A mapped segment without a header, around |file| of |size| bytes of zeros. The segment owns
 * |file| if this succeeds. Errors: NO_MEMORY, IO. */
FCT_MUST_USE factum_status fct_segment_new(struct fct_segment **segment, const struct fct_os *os,
                                           const struct fct_mem *mem, const char *dir,
                                           struct fct_file *file, uint64_t size, factum_error *err);
/* Turns the result of fct_segment_new into the segment that |header| describes, durably: header,
 * sync, rename from |temporary|, sync of the directory (rule R7). After a failure it is not known
 * what is on disk. */
FCT_MUST_USE factum_status fct_segment_activate(struct fct_segment *segment,
                                                const struct fct_segment_header *header,
                                                const char *temporary, factum_error *err);
/* Accepts NULL. Frees the segment in any case; returns the status of closing its file. */
factum_status fct_segment_close(struct fct_segment *segment, const struct fct_mem *mem,
                                factum_error *err);

/* The map, created at the first call. Any thread. Errors: CORRUPT (the file has become too short),
 * those of os.h. */
FCT_MUST_USE factum_status fct_segment_map(struct fct_segment *segment, const uint8_t **map,
                                           factum_error *err);
/* Maps through segment->file, a segment that no other thread knows yet. */
FCT_MUST_USE factum_status fct_segment_map_tail(struct fct_segment *segment, factum_error *err);
void fct_segment_unmap(struct fct_segment *segment);
/* For a segment that recovery has found to end at its seal: truncates the file there, syncs it, and
 * maps it again. No reader knows the segment yet. */
FCT_MUST_USE factum_status fct_segment_truncate(struct fct_segment *segment, uint64_t size,
                                                factum_error *err);
/* Forgets which blocks are readable and which batch is bad, after the cache was dropped. Any
 * thread. */
void fct_segment_forget_read(struct fct_segment *segment);

/* Can [offset, offset + size) of the map be read without a signal? False also if the segment does
 * not have these bytes. Any thread. */
static inline bool fct_segment_readable(struct fct_segment *segment, uint64_t offset, uint64_t size)
{
    /* The file of a sealed segment ends at |used|; its map may be longer. */
    uint64_t limit = atomic_load_explicit(&segment->sealed, memory_order_acquire)
                         ? atomic_load_explicit(&segment->used, memory_order_acquire)
                         : segment->capacity;
    const struct fct_map_part part = {atomic_load_explicit(&segment->map, memory_order_acquire),
                                      limit, offset, size};
    return offset < limit && size <= limit - offset &&
           fct_proven_read(&segment->proven, segment->os, &part);
}
/* Decodes the batch header at |offset| of the map. False if it does not fit before |end|, cannot be
 * read, or does not verify. The caller compares its payload_size with the bytes that exist. Any
 * thread. */
static inline bool fct_segment_batch_at(struct fct_segment *segment, uint64_t offset, uint64_t end,
                                        struct fct_batch_header *header)
{
    return offset <= end && end - offset >= FCT_BATCH_HEADER_SIZE &&
           fct_segment_readable(segment, offset, FCT_BATCH_HEADER_SIZE) &&
           fct_batch_header_decode(
               atomic_load_explicit(&segment->map, memory_order_acquire) + offset,
               segment->header.base + offset, segment->header.salt, header) == FACTUM_OK;
}
/* Copies [offset, offset + size) of the file, read through segment->file, to |bytes|. *failed gets
 * the number of blocks that the device cannot read; they become zeros. */
FCT_MUST_USE factum_status fct_segment_salvage(struct fct_segment *segment, uint64_t offset,
                                               uint64_t size, uint8_t *bytes, uint64_t *failed,
                                               factum_error *err);

/* Reads the seal at the end of the file. *chain is the chain value after the seal. DONE if no seal
 * verifies there. Errors: IO. */
FCT_MUST_USE factum_status fct_segment_read_seal(struct fct_segment *segment,
                                                 struct fct_batch_header *seal,
                                                 struct fct_segment_footer *footer, uint64_t *chain,
                                                 factum_error *err);

/* Decodes a seal whose header is at |position|: OK or CORRUPT. */
FCT_MUST_USE factum_status fct_seal_decode(const uint8_t bytes[FCT_SEAL_SIZE], uint64_t position,
                                           uint64_t salt, struct fct_batch_header *seal,
                                           struct fct_segment_footer *footer);

#endif
