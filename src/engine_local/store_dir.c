/* store_dir.c - see store_dir.h. Layer: engine_local.
 *
 * Invariant: a directory that is held for writing has an open and locked LOCK.
 */
#include "engine_local/store_dir.h"

#include <errno.h>

#include "core/check.h"
#include "core/error.h"

static factum_status refuse_locked(const struct fct_store_dir *store, const char *path,
                                   factum_error *err)
{
    if (fct_os_dir_is_locked_here(&store->dir)) {
        return fct_fail(err, FACTUM_LOCKED,
                        "the store %s is open in this process already: use that handle, or close "
                        "it first",
                        path);
    }
    return fct_fail(err, FACTUM_LOCKED,
                    "the store %s is in use by another process: stop that one first", path);
}

/* Opens LOCK. *shared: a reader that may not write LOCK, or finds none, shares the store with other
 * readers. */
static factum_status open_lock(struct fct_store_dir *store, const char *path, bool write,
                               bool *shared, factum_error *err)
{
    const struct fct_os *os = &store->dir.os;
    factum_error reason = {.os_error = 0};
    int flags = FCT_OPEN_WRITE | (write ? FCT_OPEN_CREATE : 0);
    factum_status status = fct_file_open(os, path, flags, &store->lock, &reason);
    bool denied = reason.os_error == EROFS || reason.os_error == EACCES;
    *shared = !write && (status == FACTUM_NOT_FOUND || (status == FACTUM_IO && denied));
    if (*shared) {
        status = status == FACTUM_NOT_FOUND
                     ? FACTUM_OK
                     : fct_file_open(os, path, FCT_OPEN_READ, &store->lock, &reason);
    }
    if (status != FACTUM_OK) {
        *err = reason;
    }
    FCT_ASSERT(!write || !*shared);
    FCT_ASSERT(status != FACTUM_OK || !write || store->lock != NULL);
    return status;
}

static factum_status lock_both(struct fct_store_dir *store, const char *path, bool write,
                               factum_error *err)
{
    char lock_path[FCT_PATH_SIZE];
    bool shared;
    factum_status status = fct_path_join(lock_path, path, "LOCK", err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = open_lock(store, lock_path, write, &shared, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (store->lock != NULL) {
        status = fct_file_lock(store->lock, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_dir_lock(&store->dir, shared, err);
    }
    return status == FACTUM_LOCKED ? refuse_locked(store, path, err) : status;
}

factum_status fct_store_dir_open(struct fct_store_dir *store, const struct fct_os *os,
                                 const char *path, bool write, factum_error *err)
{
    factum_error ignored;
    store->lock = NULL;
    factum_status status = fct_os_dir_open(&store->dir, os, path, err);
    if (status == FACTUM_OK) {
        status = lock_both(store, path, write, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_dir_check(&store->dir, err); /* was it moved before it was locked? */
    }
    if (status != FACTUM_OK) {
        (void)fct_store_dir_close(store, &ignored);
    }
    return status;
}

factum_status fct_store_dir_close(struct fct_store_dir *store, factum_error *err)
{
    factum_status status = fct_file_close(&store->lock, err);
    fct_os_dir_close(&store->dir);
    FCT_ASSERT(store->lock == NULL);
    return status;
}
