/* prepare.h - the file of the next segment, filled with zeros ahead of need. Layer: log, private to
 * it. Knows nothing of what a segment holds.
 *
 * Overwriting extents that were written before makes a commit about half as long as growing a file,
 * and running out of space shows here and not in a commit. One file, "prepared.tmp", at a time; a
 * thread of its own if |threads|, started at the first wish. The thread fills no faster than it is
 * allowed to: a burst of zeros would stand before the commits in the queue of the device.
 *
 * Invariants:
 *  1. A file that can be taken holds zeros only, and they and its size are on disk.
 *  2. The thread touches nothing while |working| and |wanted| are unset.
 *  3. A failure leaves no file behind, and is not tried again in the background for a second.
 *  4. Whoever waits for the thread allows it everything first.
 */
#ifndef FCT_LOG_PREPARE_H
#define FCT_LOG_PREPARE_H

#include "core/mem.h"
#include "os/os.h"
#include "os/thread.h"

#define FCT_PREPARED_NAME "prepared.tmp"

struct fct_prepare {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *dir; /* the owner's */
    bool threads;
    struct fct_thread thread;
    struct fct_mutex lock;
    _Atomic uint32_t word;    /* rises with each change below */
    uint64_t wanted;          /* bytes to prepare; 0: nothing to do */
    uint64_t asked;           /* the writer's: what it allowed last */
    _Atomic uint64_t allowed; /* bytes that the thread may have filled by now */
    _Atomic bool stop;
    bool left; /* a file of an earlier run may be there */
    bool working;
    struct fct_file *file; /* ready, |size| bytes of zeros; or NULL */
    uint64_t size;
    uint64_t failed_at; /* monotonic time of the last failure in the background, 0: none */
};

void fct_prepare_init(struct fct_prepare *prepare, const struct fct_os *os,
                      const struct fct_mem *mem, const char *dir, bool threads);
/* Ends the thread and removes a file that was not taken, or is left of an earlier run that did not
 * end in order. Accepts a zeroed one. */
void fct_prepare_finish(struct fct_prepare *prepare);
/* Asks for a file of |size| bytes in the background, of which |allowed| may be filled by now; to be
 * called again as that rises. Does nothing without threads, if there is one, or if it failed a
 * moment ago. By the writer. */
void fct_prepare_want(struct fct_prepare *prepare, uint64_t size, uint64_t allowed);
/* A file of |size| bytes at least, in *file with its real *size_taken: the prepared one, or one
 * made now. The caller owns it. NO_SPACE leaves nothing behind. */
FCT_MUST_USE factum_status fct_prepare_take(struct fct_prepare *prepare, uint64_t size,
                                            struct fct_file **file, uint64_t *size_taken,
                                            factum_error *err);
/* Undoes a take: the file is still all zeros. */
void fct_prepare_give_back(struct fct_prepare *prepare, struct fct_file *file, uint64_t size);
/* Bytes of the file that waits to be taken. */
uint64_t fct_prepare_ready(struct fct_prepare *prepare);

#endif
