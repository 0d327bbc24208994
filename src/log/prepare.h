/* prepare.h - the file of the next segment, filled with zeros ahead of need. Layer: log, private to it.
 *
 * Overwriting extents that were written before makes a commit about half as long as growing a file, and
 * running out of space shows here and not in a commit. One file, "prepared.tmp", at a time; a thread of
 * its own if |threads|.
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
    _Atomic uint32_t word; /* rises with each change below */
    uint64_t wanted;       /* bytes to prepare; 0: nothing to do */
    bool stop;
    bool working;
    struct fct_file *file; /* ready, |size| bytes of zeros; or NULL */
    uint64_t size;
    factum_status status; /* of the last try */
    factum_error err;
};

void fct_prepare_init(struct fct_prepare *prepare, const struct fct_os *os,
                      const struct fct_mem *mem, const char *dir, bool threads);
/* Ends the thread and removes a file that was not taken. Accepts a zeroed one. */
void fct_prepare_finish(struct fct_prepare *prepare);
/* Asks for a file of |size| bytes in the background; does nothing without threads or if there is one. */
void fct_prepare_want(struct fct_prepare *prepare, uint64_t size);
/* A file of |size| bytes at least, in *file with its real *size: the prepared one, or one made now. The caller
 * owns it. NO_SPACE leaves nothing behind. */
FCT_MUST_USE factum_status fct_prepare_take(struct fct_prepare *prepare, uint64_t size,
                                            struct fct_file **file, uint64_t *size_taken,
                                            factum_error *err);
/* Bytes of the file that waits to be taken. */
uint64_t fct_prepare_ready(struct fct_prepare *prepare);

#endif
