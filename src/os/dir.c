/* dir.c - paths inside an open directory, and its lock. Layer: os. See dir.h. */
#define _GNU_SOURCE
#include "os/dir.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "os/real_int.h"

static_assert(offsetof(struct fct_os_dir, os) == 0, "an os of this kind is its fct_os_dir");

static const struct fct_os_dir *dir_of(const struct fct_os *os)
{
    return (const struct fct_os_dir *)(const void *)os;
}

static struct fct_real_place place_of(const struct fct_os *os, const char *path)
{
    const struct fct_os_dir *dir = dir_of(os);
    const char *rest = path + dir->path_size;
    if (strncmp(path, dir->path, dir->path_size) != 0 || (*rest != '/' && *rest != '\0')) {
        return (struct fct_real_place){AT_FDCWD, path, path};
    }
    while (*rest == '/') {
        rest++;
    }
    return (struct fct_real_place){dir->fd, *rest == '\0' ? "." : rest, path};
}

/* ---- paths ----------------------------------------------------------------------------------- */

static factum_status dir_open(const struct fct_os *os, const char *path, int flags,
                              struct fct_file **file, factum_error *err)
{
    return fct_real_open(os, place_of(os, path), flags, file, err);
}

static factum_status dir_rename(const struct fct_os *os, const char *from, const char *to,
                                factum_error *err)
{
    return fct_real_rename(place_of(os, from), place_of(os, to), true, err);
}

static factum_status dir_move(const struct fct_os *os, const char *from, const char *to,
                              factum_error *err)
{
    return fct_real_rename(place_of(os, from), place_of(os, to), false, err);
}

static factum_status dir_unlink(const struct fct_os *os, const char *path, factum_error *err)
{
    return fct_real_unlink(place_of(os, path), err);
}

static factum_status dir_make_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    return fct_real_make_dir(place_of(os, path), err);
}

static factum_status dir_remove_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    return fct_real_remove_dir(place_of(os, path), err);
}

static factum_status dir_sync_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    return fct_real_sync_dir(place_of(os, path), err);
}

static factum_status dir_list_dir(const struct fct_os *os, const char *path,
                                  factum_status (*each)(void *data, const char *name), void *data,
                                  factum_error *err)
{
    return fct_real_list_dir(place_of(os, path), each, data, err);
}

/* ---- what does not depend on a path: the base may have a clock of its own -------------------- */

static int64_t dir_time(const struct fct_os *os)
{
    return fct_os_time(dir_of(os)->base);
}

static uint64_t dir_monotonic(const struct fct_os *os)
{
    return fct_os_monotonic(dir_of(os)->base);
}

static factum_status dir_random(const struct fct_os *os, void *bytes, size_t len, factum_error *err)
{
    return fct_os_random(dir_of(os)->base, bytes, len, err);
}

/* ---- the directory --------------------------------------------------------------------------- */

static void override(struct fct_os_ops *ops)
{
    ops->open = dir_open;
    ops->rename = dir_rename;
    ops->move = dir_move;
    ops->unlink = dir_unlink;
    ops->make_dir = dir_make_dir;
    ops->remove_dir = dir_remove_dir;
    ops->sync_dir = dir_sync_dir;
    ops->list_dir = dir_list_dir;
    ops->time_now = dir_time;
    ops->monotonic_now = dir_monotonic;
    ops->random = dir_random;
}

factum_status fct_os_dir_open(struct fct_os_dir *dir, const struct fct_os *base, const char *path,
                              factum_error *err)
{
    *dir = (struct fct_os_dir){.os = *base, .base = base, .fd = -1, .path_size = strlen(path)};
    if (dir->path_size >= sizeof dir->path) {
        return fct_fail(err, FACTUM_TOO_BIG, "the path is too long: %s", path);
    }
    memcpy(dir->path, path, dir->path_size + 1);
    if (!base->ops->by_descriptor) {
        return FACTUM_OK;
    }
    do {
        dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } while (dir->fd < 0 && errno == EINTR);
    if (dir->fd < 0) {
        return fct_fail_os(err, errno, "open directory %s", path);
    }
    dir->ops = *base->ops;
    override(&dir->ops);
    dir->os.ops = &dir->ops;
    dir->whole = realpath(path, NULL);
    return FACTUM_OK;
}

/* ---- locks ----------------------------------------------------------------------------------- */

/* The locks of this process: the kernel does not report the owner of a lock. */
static pthread_mutex_t locked_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fct_os_dir *locked_first;

static void note_lock(struct fct_os_dir *dir)
{
    if (dir->owner == 0) {
        dir->owner = getpid();
        (void)pthread_mutex_lock(&locked_mutex);
        dir->next_locked = locked_first;
        locked_first = dir;
        (void)pthread_mutex_unlock(&locked_mutex);
    }
}

static void forget_lock(struct fct_os_dir *dir)
{
    if (dir->owner != 0) {
        (void)pthread_mutex_lock(&locked_mutex);
        struct fct_os_dir **at = &locked_first;
        while (*at != dir) {
            at = &(*at)->next_locked;
        }
        *at = dir->next_locked;
        (void)pthread_mutex_unlock(&locked_mutex);
        dir->owner = 0;
    }
}

bool fct_os_dir_is_locked_here(const struct fct_os_dir *dir)
{
    struct stat own;
    struct stat other;
    bool here = false;
    if (dir->fd < 0 || fstat(dir->fd, &own) != 0) {
        return false;
    }
    (void)pthread_mutex_lock(&locked_mutex);
    for (const struct fct_os_dir *at = locked_first; at != NULL && !here; at = at->next_locked) {
        here = at->owner == getpid() && fstat(at->fd, &other) == 0 && other.st_dev == own.st_dev &&
               other.st_ino == own.st_ino;
    }
    (void)pthread_mutex_unlock(&locked_mutex);
    return here;
}

void fct_os_dir_close(struct fct_os_dir *dir)
{
    forget_lock(dir);
    if (dir->base != NULL && dir->fd >= 0) {
        (void)close(dir->fd); /* nothing was written through it */
    }
    free(dir->whole);
    dir->whole = NULL;
    dir->fd = -1;
}

factum_status fct_os_dir_lock(struct fct_os_dir *dir, bool shared, factum_error *err)
{
    if (dir->fd < 0) {
        return FACTUM_OK;
    }
    int result;
    do {
        result = flock(dir->fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EWOULDBLOCK) {
        return fct_fail(err, FACTUM_LOCKED, "lock %s: another one has it", dir->path);
    }
    note_lock(dir);
    return FACTUM_OK;
}

factum_status fct_os_dir_check(const struct fct_os_dir *dir, factum_error *err)
{
    struct stat kept;
    struct stat found;
    if (dir->fd < 0 || dir->whole == NULL || fstat(dir->fd, &kept) != 0) {
        return FACTUM_OK;
    }
    bool there = stat(dir->whole, &found) == 0;
    if (!there && errno != ENOENT && errno != ENOTDIR) {
        return FACTUM_OK;
    }
    return there && found.st_dev == kept.st_dev && found.st_ino == kept.st_ino
               ? FACTUM_OK
               : fct_fail(err, FACTUM_NOT_FOUND, "%s is not the directory that was opened",
                          dir->path);
}
