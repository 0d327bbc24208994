/* store_dir.h - the directory of a store, held: kept open, locked, and asked now and then whether
 * it is still at its path. Layer: engine_local.
 *
 * Two locks. The file LOCK tells other programs and older versions. The directory itself is locked
 * too, since "remove the stale lock file" is a habit: without LOCK a second writer would get in,
 * and both would be acknowledged.
 */
#ifndef FCT_ENGINE_LOCAL_STORE_DIR_H
#define FCT_ENGINE_LOCAL_STORE_DIR_H

#include "os/dir.h"

struct fct_store_dir {
    struct fct_os_dir dir; /* dir.os: the os for all files of the store */
    struct fct_file *lock;
};

/* Holds the directory at |path|, which exists. |write|: LOCK is created if it is missing, and
 * nobody else may have the store; otherwise others who only read may. LOCKED says who has it. */
FCT_MUST_USE factum_status fct_store_dir_open(struct fct_store_dir *store, const struct fct_os *os,
                                              const char *path, bool write, factum_error *err);
/* Accepts a zeroed one. */
factum_status fct_store_dir_close(struct fct_store_dir *store, factum_error *err);

#endif
