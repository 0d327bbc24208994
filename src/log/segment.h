/* segment.h - one file of the log. Layer: log, private to it.
 *
 *   0         4096                                      used          capacity
 *   | header  | batch | batch | ... | [seal when full]  | zeros       |
 *
 * A segment is made from a file that was filled with zeros before (prepare.h), so that commits overwrite
 * extents that are there. Invariants: used never falls; bytes before it never change; a sealed segment
 * ends with its seal, and its file with it.
 */
#ifndef FCT_LOG_SEGMENT_H
#define FCT_LOG_SEGMENT_H

#include <stdatomic.h>

#include "codec/frame.h"
#include "core/mem.h"
#include "os/os.h"

struct fct_segment {
    struct fct_segment_header header;
    struct fct_file *file;
    uint64_t capacity;     /* size of the file */
    _Atomic uint64_t used; /* bytes from the start that are visible to readers */
    _Atomic bool sealed;
    const uint8_t *_Atomic map; /* of the whole file when it was mapped; NULL before the first need */
    uint64_t map_size;
};

#define FCT_SEGMENT_NAME_SIZE 32
void fct_segment_name(uint64_t number, char name[FCT_SEGMENT_NAME_SIZE]);
/* 0 if |name| is no segment's. */
uint64_t fct_segment_number(const char *name);

/* Opens the file |name| in |dir| and reads its header. CORRUPT and NEWER_FORMAT name the file. */
FCT_MUST_USE factum_status fct_segment_open(struct fct_segment **segment, const struct fct_os *os,
                                            const struct fct_mem *mem, const char *dir,
                                            const char *name, bool write, factum_error *err);
/* Makes |file| (taken, filled with zeros, called |temporary|) the segment that |header| says, durably. On
 * failure the file is closed. */
FCT_MUST_USE factum_status fct_segment_create(struct fct_segment **segment, const struct fct_os *os,
                                              const struct fct_mem *mem, const char *dir,
                                              const char *temporary, struct fct_file *file,
                                              const struct fct_segment_header *header,
                                              factum_error *err);
/* Accepts NULL. */
factum_status fct_segment_close(struct fct_segment *segment, const struct fct_mem *mem,
                                factum_error *err);

/* The map, made at the first call; any thread. NULL if it can't be made (then |err| is filled). */
const uint8_t *fct_segment_map(struct fct_segment *segment, factum_error *err);

/* Reads the seal at the end of the file: OK, or DONE if there is none that verifies. */
FCT_MUST_USE factum_status fct_segment_read_seal(struct fct_segment *segment,
                                                 struct fct_batch_header *seal,
                                                 struct fct_segment_footer *footer,
                                                 uint64_t *chain, factum_error *err);

#endif
