/* prepare.h - the file of the next segment, filled with zeros before it is needed. Layer: log,
 * private to it. Knows nothing of what a segment contains.
 *
 * A commit that overwrites blocks takes about half as long as one that grows the file, and a full
 * disk shows here and not in a commit. There is one file at a time, "prepared.tmp". If |threads|, a
 * thread fills it; the first wish starts the thread. The thread fills no faster than it is allowed
 * to: a burst of zeros would precede the commits in the queue of the device.
 *
 * Invariants:
 *  1. A file that can be taken contains only zeros; they and the file's size are on disk.
 *  2. At most one of these is true: |file| can be taken, the thread is |working|, |wanted| is set.
 *     The thread touches nothing while |working| and |wanted| are unset.
 *  3. A failure leaves no file. After one, the thread does not try again for a second.
 *  4. A caller that waits for the thread first allows the whole file.
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
    _Atomic uint32_t word;    /* rises with each change of the members below */
    uint64_t wanted;          /* bytes to prepare; 0: nothing to do */
    uint64_t asked;           /* the last value that the writer gave |allowed| */
    _Atomic uint64_t allowed; /* bytes that the thread may have filled by now */
    _Atomic bool stop;
    bool left; /* a file of an earlier run may exist */
    bool working;
    struct fct_file *file; /* ready, |size| bytes of zeros; or NULL */
    uint64_t size;
    uint64_t failed_at; /* monotonic time of the thread's last failure; 0: none */
};

void fct_prepare_init(struct fct_prepare *prepare, const struct fct_os *os,
                      const struct fct_mem *mem, const char *dir, bool threads);
/* Ends the thread. Removes a file that was not taken, or that an earlier run left. Accepts a zeroed
 * struct. */
void fct_prepare_finish(struct fct_prepare *prepare);
/* Asks for a file of |size| bytes in the background, of which |allowed| may be filled by now. Call
 * it again as that rises. Does nothing without threads, if a file is ready, or within a second
 * of a failure. By the writer. */
void fct_prepare_want(struct fct_prepare *prepare, uint64_t size, uint64_t allowed);
/* *file gets a file of at least |size| bytes, *size_taken its size: the prepared file, or a new
 * one. The caller owns it. Errors: NO_SPACE (leaves no file), NO_MEMORY, IO. By the writer. */
FCT_MUST_USE factum_status fct_prepare_take(struct fct_prepare *prepare, uint64_t size,
                                            struct fct_file **file, uint64_t *size_taken,
                                            factum_error *err);
/* Undoes a take of a file that still contains only zeros. */
void fct_prepare_give_back(struct fct_prepare *prepare, struct fct_file *file, uint64_t size);
/* Bytes of the file that can be taken. Any thread. */
uint64_t fct_prepare_ready(struct fct_prepare *prepare);

#endif
