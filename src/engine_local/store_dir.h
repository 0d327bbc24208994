/* store_dir.h - the directory of a store: kept open and locked, and checked now and then to be
 * still at its path. Layer: engine_local.
 *
 * There are two locks. The file LOCK is what other programs and older versions look at. The
 * directory itself is locked too, because people remove a "stale lock file": without LOCK alone a
 * second writer would get in, and appends of both would be acknowledged.
 */
#ifndef FCT_ENGINE_LOCAL_STORE_DIR_H
#define FCT_ENGINE_LOCAL_STORE_DIR_H

#include "os/dir.h"

struct fct_store_dir {
    struct fct_os_dir dir; /* dir.os: the os for all files of the store */
    struct fct_file *lock; /* LOCK; NULL: a reader found none */
};

/* Opens and locks the directory at |path|, which exists. With |write|, LOCK is created if it is
 * missing, and nobody else may hold the store. Without, other readers may hold it too if LOCK
 * cannot be written or is missing.
 * Errors: LOCKED (the text says by whom), NOT_FOUND, IO, FAILED (the directory was moved). */
FCT_MUST_USE factum_status fct_store_dir_open(struct fct_store_dir *store, const struct fct_os *os,
                                              const char *path, bool write, factum_error *err);
/* Accepts a zeroed one, and one that failed to open. Errors: IO. */
factum_status fct_store_dir_close(struct fct_store_dir *store, factum_error *err);

#endif
