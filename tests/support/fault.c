/* fault.c - a wrapper around an os that makes chosen calls fail; see fault.h. */
#include "support/fault.h"

#include <errno.h>
#include <stdlib.h>

#include "core/error.h"

struct fault_file {
    struct fct_file base;
    struct fct_file *inner;
};

static struct fct_fault *fault_of(const struct fct_os *os)
{
    return os->data;
}

static struct fct_file *inner_of(struct fct_file *file)
{
    return ((struct fault_file *)(void *)file)->inner;
}

/* Counts a call; true if this call must fail or be short. */
static bool strikes(struct fct_fault *fault)
{
    uint64_t call = fault->calls++;
    bool due = fault->sticky ? call >= fault->at : call == fault->at;
    if (due && fault->kind != FCT_FAULT_NONE) {
        fault->failed++;
        return true;
    }
    return false;
}

/* Counts a call, and returns the status that it fails with, or OK. |takes_space|: the call can fail
 * with ENOSPC. */
static factum_status strike(struct fct_fault *fault, bool takes_space, const char *what,
                            factum_error *err)
{
    if (!strikes(fault)) {
        return FACTUM_OK;
    }
    if (fault->kind == FCT_FAULT_EIO) {
        return fct_fail_os(err, EIO, "%s", what);
    }
    if (fault->kind == FCT_FAULT_ENOSPC && takes_space) {
        return fct_fail_os(err, ENOSPC, "%s", what);
    }
    fault->failed--;
    return FACTUM_OK;
}

/* The same for a read, after which the caller may read each page by itself. */
static factum_status strike_read(struct fct_fault *fault, const char *what, factum_error *err)
{
    factum_status status = strike(fault, false, what, err);
    if (status != FACTUM_OK) {
        atomic_store(&fault->unreadable, true);
    }
    return status;
}

/* What was made unreadable stays unreadable when it is read page by page; this counts as the
 * same call. */
static factum_status strike_alone(struct fct_fault *fault, const char *what, factum_error *err)
{
    return atomic_exchange(&fault->unreadable, false) ? fct_fail_os(err, EIO, "%s", what)
                                                      : FACTUM_OK;
}

static factum_status fault_open(const struct fct_os *os, const char *path, int flags,
                                struct fct_file **file, factum_error *err)
{
    struct fct_fault *fault = fault_of(os);
    factum_status status = strike(fault, (flags & FCT_OPEN_CREATE) != 0, "open", err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fault_file *opened = malloc(sizeof *opened);
    if (opened == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
    }
    opened->base.os = os;
    status = fault->inner->ops->open(fault->inner, path, flags, &opened->inner, err);
    if (status != FACTUM_OK) {
        free(opened);
        return status;
    }
    *file = &opened->base;
    return FACTUM_OK;
}

static factum_status fault_close(struct fct_file *file, factum_error *err)
{
    factum_error ignored;
    factum_status status = strike(fault_of(file->os), false, "close", err);
    struct fct_file *inner = inner_of(file);
    factum_status closed = inner->os->ops->close(inner, status == FACTUM_OK ? err : &ignored);
    free(file);
    return status == FACTUM_OK ? closed : status;
}

static factum_status fault_read(struct fct_file *file, uint64_t offset, void *bytes, size_t len,
                                size_t *done, factum_error *err)
{
    struct fct_fault *fault = fault_of(file->os);
    struct fct_file *inner = inner_of(file);
    if (fault->kind == FCT_FAULT_SHORT) {
        len = strikes(fault) && len > 1 ? len / 2 : len;
    } else {
        factum_status status = strike_read(fault, "read", err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return inner->os->ops->read(inner, offset, bytes, len, done, err);
}

static factum_status fault_read_alone(struct fct_file *file, uint64_t offset, void *bytes,
                                      size_t len, size_t *done, factum_error *err)
{
    factum_status status = strike_alone(fault_of(file->os), "read", err);
    struct fct_file *inner = inner_of(file);
    return status == FACTUM_OK ? inner->os->ops->read_alone(inner, offset, bytes, len, done, err)
                               : status;
}

static factum_status fault_write(struct fct_file *file, uint64_t offset, const void *bytes,
                                 size_t len, size_t *done, factum_error *err)
{
    struct fct_fault *fault = fault_of(file->os);
    struct fct_file *inner = inner_of(file);
    if (fault->kind == FCT_FAULT_SHORT) {
        len = strikes(fault) && len > 1 ? len / 2 : len;
    } else {
        factum_status status = strike(fault, true, "write", err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return inner->os->ops->write(inner, offset, bytes, len, done, err);
}

static void fault_start_sync(struct fct_file *file, uint64_t offset, uint64_t len)
{
    fct_file_start_sync(inner_of(file), offset, len);
}

static factum_status fault_sync(struct fct_file *file, factum_error *err)
{
    factum_status status = strike(fault_of(file->os), true, "sync", err);
    struct fct_file *inner = inner_of(file);
    return status == FACTUM_OK ? inner->os->ops->sync(inner, err) : status;
}

static factum_status fault_truncate(struct fct_file *file, uint64_t size, factum_error *err)
{
    factum_status status = strike(fault_of(file->os), true, "truncate", err);
    struct fct_file *inner = inner_of(file);
    return status == FACTUM_OK ? inner->os->ops->truncate(inner, size, err) : status;
}

static factum_status fault_size(struct fct_file *file, uint64_t *size, factum_error *err)
{
    factum_status status = strike(fault_of(file->os), false, "stat", err);
    struct fct_file *inner = inner_of(file);
    return status == FACTUM_OK ? inner->os->ops->size(inner, size, err) : status;
}

static factum_status fault_map(struct fct_file *file, uint64_t size, const uint8_t **map,
                               factum_error *err)
{
    factum_status status = strike(fault_of(file->os), false, "map", err);
    struct fct_file *inner = inner_of(file);
    return status == FACTUM_OK ? inner->os->ops->map(inner, size, map, err) : status;
}

static void fault_unmap(const struct fct_os *os, const uint8_t *map, uint64_t size)
{
    struct fct_fault *fault = fault_of(os);
    fault->inner->ops->unmap(fault->inner, map, size);
}

static void fault_release(const struct fct_os *os, const uint8_t *map, uint64_t size)
{
    fct_os_release(fault_of(os)->inner, map, size);
}

static factum_status fault_populate(const struct fct_os *os, const uint8_t *from, uint64_t size,
                                    factum_error *err)
{
    struct fct_fault *fault = fault_of(os);
    factum_status status = strike_read(fault, "read a map", err);
    return status == FACTUM_OK ? fct_os_populate(fault->inner, from, size, err) : status;
}

static factum_status fault_populate_alone(struct fct_file *file, const struct fct_map_part *part,
                                          factum_error *err)
{
    factum_status status = strike_alone(fault_of(file->os), "read a map", err);
    return status == FACTUM_OK ? fct_file_populate_alone(inner_of(file), part, err) : status;
}

static factum_status fault_drop_cache(struct fct_file *file, uint64_t offset, uint64_t end,
                                      factum_error *err)
{
    factum_status status = strike(fault_of(file->os), false, "drop cache", err);
    struct fct_file *inner = inner_of(file);
    return status == FACTUM_OK ? inner->os->ops->drop_cache(inner, offset, end, err) : status;
}

static factum_status fault_lock(struct fct_file *file, factum_error *err)
{
    factum_status status = strike(fault_of(file->os), false, "lock", err);
    struct fct_file *inner = inner_of(file);
    return status == FACTUM_OK ? inner->os->ops->lock(inner, err) : status;
}

static factum_status fault_rename(const struct fct_os *os, const char *from, const char *to,
                                  factum_error *err)
{
    struct fct_fault *fault = fault_of(os);
    factum_status status = strike(fault, true, "rename", err);
    return status == FACTUM_OK ? fault->inner->ops->rename(fault->inner, from, to, err) : status;
}

static factum_status fault_move(const struct fct_os *os, const char *from, const char *to,
                                factum_error *err)
{
    factum_status status = strike(fault_of(os), true, "rename", err);
    return status == FACTUM_OK ? fct_os_move(fault_of(os)->inner, from, to, err) : status;
}

static factum_status fault_unlink(const struct fct_os *os, const char *path, factum_error *err)
{
    struct fct_fault *fault = fault_of(os);
    factum_status status = strike(fault, false, "remove", err);
    return status == FACTUM_OK ? fault->inner->ops->unlink(fault->inner, path, err) : status;
}

static factum_status fault_make_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    struct fct_fault *fault = fault_of(os);
    factum_status status = strike(fault, true, "make directory", err);
    return status == FACTUM_OK ? fault->inner->ops->make_dir(fault->inner, path, err) : status;
}

static factum_status fault_remove_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    struct fct_fault *fault = fault_of(os);
    factum_status status = strike(fault, false, "remove directory", err);
    return status == FACTUM_OK ? fault->inner->ops->remove_dir(fault->inner, path, err) : status;
}

static factum_status fault_sync_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    struct fct_fault *fault = fault_of(os);
    factum_status status = strike(fault, true, "sync directory", err);
    return status == FACTUM_OK ? fault->inner->ops->sync_dir(fault->inner, path, err) : status;
}

static factum_status fault_list_dir(const struct fct_os *os, const char *path,
                                    factum_status (*each)(void *data, const char *name), void *data,
                                    factum_error *err)
{
    struct fct_fault *fault = fault_of(os);
    factum_status status = strike(fault, false, "list", err);
    return status == FACTUM_OK ? fault->inner->ops->list_dir(fault->inner, path, each, data, err)
                               : status;
}

static int64_t fault_time(const struct fct_os *os)
{
    return fct_os_time(fault_of(os)->inner);
}

static uint64_t fault_monotonic(const struct fct_os *os)
{
    return fct_os_monotonic(fault_of(os)->inner);
}

static factum_status fault_random(const struct fct_os *os, void *bytes, size_t len,
                                  factum_error *err)
{
    struct fct_fault *fault = fault_of(os);
    factum_status status = strike(fault, false, "get random bytes", err);
    return status == FACTUM_OK ? fct_os_random(fault->inner, bytes, len, err) : status;
}

static const struct fct_os_ops fault_ops = {
    .open = fault_open,
    .close = fault_close,
    .read = fault_read,
    .read_alone = fault_read_alone,
    .write = fault_write,
    .start_sync = fault_start_sync,
    .sync = fault_sync,
    .truncate = fault_truncate,
    .size = fault_size,
    .map = fault_map,
    .unmap = fault_unmap,
    .release = fault_release,
    .populate = fault_populate,
    .populate_alone = fault_populate_alone,
    .drop_cache = fault_drop_cache,
    .lock = fault_lock,
    .rename = fault_rename,
    .move = fault_move,
    .unlink = fault_unlink,
    .make_dir = fault_make_dir,
    .remove_dir = fault_remove_dir,
    .sync_dir = fault_sync_dir,
    .list_dir = fault_list_dir,
    .time_now = fault_time,
    .monotonic_now = fault_monotonic,
    .random = fault_random,
};

void fct_fault_init(struct fct_fault *fault, const struct fct_os *inner)
{
    *fault = (struct fct_fault){.inner = inner, .at = UINT64_MAX};
    fault->os = (struct fct_os){&fault_ops, fault};
}
