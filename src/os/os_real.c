/* os_real.c - the os of Linux. Layer: os.
 *
 * Offsets are explicit (pread, pwrite), EINTR is retried, descriptors close on exec. A file keeps
 * its path for messages only.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"
#include "os/real_int.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "formats are little-endian in memory");

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

struct real_file {
    struct fct_file base;
    int fd;
    char path[];
};

static struct real_file *real(struct fct_file *file)
{
    return (struct real_file *)(void *)file;
}

factum_status fct_real_open(const struct fct_os *os, struct fct_real_place place, int flags,
                            struct fct_file **file, factum_error *err)
{
    const char *path = place.path;
    int mode = (flags & FCT_OPEN_WRITE) != 0 ? O_RDWR : O_RDONLY;
    mode |= (flags & FCT_OPEN_CREATE) != 0 ? O_CREAT : 0;
    mode |= (flags & FCT_OPEN_EXCLUSIVE) != 0 ? O_EXCL : 0;
    struct real_file *opened = malloc(sizeof *opened + strlen(path) + 1);
    if (opened == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open %s: out of memory", path);
    }
    do {
        opened->fd = openat(place.at, place.name, mode | O_CLOEXEC | O_NONBLOCK, 0600);
    } while (opened->fd < 0 && errno == EINTR);
    if (opened->fd < 0) {
        int reason = errno;
        free(opened);
        return fct_fail_os(err, reason, "open %s", path);
    }
    struct stat facts;
    if (fstat(opened->fd, &facts) == 0 &&
        S_ISFIFO(facts.st_mode)) { /* a read could wait for ever */
        (void)close(opened->fd);
        free(opened);
        return fct_fail_os(err, EINVAL, "open %s: it is a pipe, not a file", path);
    }
    opened->base.os = os;
    memcpy(opened->path, path, strlen(path) + 1);
    *file = &opened->base;
    return FACTUM_OK;
}

static factum_status real_close(struct fct_file *file, factum_error *err)
{
    struct real_file *taken = real(file);
    factum_status status = FACTUM_OK;
    if (close(taken->fd) != 0 && errno != EINTR) {
        status = fct_fail_os(err, errno, "close %s", taken->path);
    }
    free(taken);
    return status;
}

static factum_status real_read(struct fct_file *file, uint64_t offset, void *bytes, size_t len,
                               size_t *done, factum_error *err)
{
    ssize_t got;
    do {
        got = pread(real(file)->fd, bytes, len, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return fct_fail_os(err, errno, "read %s", real(file)->path);
    }
    *done = (size_t)got;
    return FACTUM_OK;
}

static factum_status real_read_alone(struct fct_file *file, uint64_t offset, void *bytes,
                                     size_t len, size_t *done, factum_error *err)
{
    ssize_t got = fct_real_read_alone(real(file)->fd, offset, bytes, len);
    if (got < 0) {
        return fct_fail_os(err, errno, "read %s", real(file)->path);
    }
    *done = (size_t)got;
    return FACTUM_OK;
}

static factum_status real_write(struct fct_file *file, uint64_t offset, const void *bytes,
                                size_t len, size_t *done, factum_error *err)
{
    ssize_t put;
    do {
        put = pwrite(real(file)->fd, bytes, len, (off_t)offset);
    } while (put < 0 && errno == EINTR);
    if (put < 0) {
        return fct_fail_os(err, errno, "write %s", real(file)->path);
    }
    *done = (size_t)put;
    return FACTUM_OK;
}

static void real_start_sync(struct fct_file *file, uint64_t offset, uint64_t len)
{
    int result = sync_file_range(real(file)->fd, (off_t)offset, (off_t)len, SYNC_FILE_RANGE_WRITE);
    (void)result; /* a hint; the sync reports a failure */
}

static factum_status real_sync(struct fct_file *file, factum_error *err)
{
    if (fdatasync(real(file)->fd) != 0) {
        return fct_fail_os(err, errno, "sync %s", real(file)->path);
    }
    return FACTUM_OK;
}

static factum_status real_truncate(struct fct_file *file, uint64_t size, factum_error *err)
{
    int result;
    do {
        result = ftruncate(real(file)->fd, (off_t)size);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
        return fct_fail_os(err, errno, "truncate %s", real(file)->path);
    }
    return FACTUM_OK;
}

static factum_status real_size(struct fct_file *file, uint64_t *size, factum_error *err)
{
    struct stat stat;
    if (fstat(real(file)->fd, &stat) != 0) {
        return fct_fail_os(err, errno, "stat %s", real(file)->path);
    }
    *size = (uint64_t)stat.st_size;
    return FACTUM_OK;
}

static factum_status real_map(struct fct_file *file, uint64_t size, const uint8_t **map,
                              factum_error *err)
{
    void *mapped = mmap(NULL, size, PROT_READ, MAP_SHARED, real(file)->fd, 0);
    if (mapped == MAP_FAILED) {
        return fct_fail_os(err, errno, "map %s", real(file)->path);
    }
    *map = mapped;
    return FACTUM_OK;
}

static void real_unmap(const struct fct_os *os, const uint8_t *map, uint64_t size)
{
    (void)os;
    (void)munmap((void *)(uintptr_t)map, size);
}

/* A shared map loses nothing: its pages are in the cache. */
static void real_release(const struct fct_os *os, const uint8_t *map, uint64_t size)
{
    (void)os;
    int result = madvise((void *)(uintptr_t)map, size, MADV_DONTNEED);
    (void)result; /* if it fails, drop_cache drops fewer pages */
}

size_t fct_real_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Reads one byte of each page without a signal. */
static factum_status read_pages(const uint8_t *from, const uint8_t *end, factum_error *err)
{
    for (; from < end; from += fct_real_page_size()) {
        uint8_t byte;
        struct iovec to = {&byte, 1};
        struct iovec of = {(void *)(uintptr_t)from, 1};
        if (process_vm_readv(getpid(), &to, 1, &of, 1, 0) < 0 && errno == EFAULT) {
            return fct_fail_os(err, EIO, "read a map");
        }
    }
    return FACTUM_OK;
}

factum_status fct_real_populate(const uint8_t *from, uint64_t size, factum_error *err)
{
    uintptr_t first = (uintptr_t)from / fct_real_page_size() * fct_real_page_size();
    uintptr_t end = (uintptr_t)from + size;
    int result;
    do {
        result = madvise((void *)first, end - first, MADV_POPULATE_READ);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return FACTUM_OK;
    }
    if (errno == EFAULT || errno == EHWPOISON || errno == EIO) {
        return fct_fail_os(err, EIO, "read a map");
    }
    /* An older kernel, or too little memory: neither means that the device fails. */
    return read_pages((const uint8_t *)first, (const uint8_t *)end, err);
}

static factum_status real_populate(const struct fct_os *os, const uint8_t *from, uint64_t size,
                                   factum_error *err)
{
    (void)os;
    return fct_real_populate(from, size, err);
}

static factum_status real_populate_alone(struct fct_file *file, const struct fct_map_part *part,
                                         factum_error *err)
{
    return fct_real_populate_alone(real(file)->fd, part, err);
}

static factum_status real_drop_cache(struct fct_file *file, uint64_t offset, uint64_t end,
                                     factum_error *err)
{
    int reason = fct_real_drop(real(file)->fd, offset, end);
    if (reason != 0) {
        return fct_fail_os(err, reason, "drop the cache of %s", real(file)->path);
    }
    return FACTUM_OK;
}

static factum_status real_lock(struct fct_file *file, factum_error *err)
{
    /* A file that is open for reading only is shared with other readers, and with no writer. */
    bool reading = (fcntl(real(file)->fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
    struct flock lock = {.l_type = reading ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(real(file)->fd, F_OFD_SETLK, &lock) == 0) {
        return FACTUM_OK;
    }
    if (errno == EAGAIN || errno == EACCES) {
        return fct_fail(err, FACTUM_LOCKED, "lock %s: another process has it", real(file)->path);
    }
    return fct_fail_os(err, errno, "lock %s", real(file)->path);
}

/* ---- directories ----------------------------------------------------------------------------- */

/* For a file system that cannot rename without replacing: checks that |to| is free, then
 * renames. The directory is locked, so nobody else creates a file in between. A hard link would
 * not do: each crash in between would leave both names. */
static int move_after_check(struct fct_real_place from, struct fct_real_place to)
{
    struct stat found;
    if (fstatat(to.at, to.name, &found, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return errno == ENOENT ? renameat(from.at, from.name, to.at, to.name) : -1;
}

factum_status fct_real_rename(struct fct_real_place from, struct fct_real_place to, bool replace,
                              factum_error *err)
{
    int result = replace ? renameat(from.at, from.name, to.at, to.name)
                         : renameat2(from.at, from.name, to.at, to.name, RENAME_NOREPLACE);
    if (result != 0 && !replace && (errno == EINVAL || errno == ENOSYS)) {
        result = move_after_check(from, to);
    }
    return result == 0 ? FACTUM_OK : fct_fail_os(err, errno, "rename %s", from.path);
}

factum_status fct_real_unlink(struct fct_real_place place, factum_error *err)
{
    return unlinkat(place.at, place.name, 0) == 0
               ? FACTUM_OK
               : fct_fail_os(err, errno, "remove %s", place.path);
}

factum_status fct_real_make_dir(struct fct_real_place place, factum_error *err)
{
    return mkdirat(place.at, place.name, 0700) == 0
               ? FACTUM_OK
               : fct_fail_os(err, errno, "make directory %s", place.path);
}

factum_status fct_real_remove_dir(struct fct_real_place place, factum_error *err)
{
    return unlinkat(place.at, place.name, AT_REMOVEDIR) == 0
               ? FACTUM_OK
               : fct_fail_os(err, errno, "remove directory %s", place.path);
}

static int open_dir(struct fct_real_place place)
{
    return openat(place.at, place.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

factum_status fct_real_sync_dir(struct fct_real_place place, factum_error *err)
{
    int fd = open_dir(place);
    if (fd < 0) {
        return fct_fail_os(err, errno, "open directory %s", place.path);
    }
    factum_status status = FACTUM_OK;
    if (fsync(fd) != 0) {
        status = fct_fail_os(err, errno, "sync directory %s", place.path);
    }
    (void)close(fd);
    return status;
}

factum_status fct_real_list_dir(struct fct_real_place place,
                                factum_status (*each)(void *data, const char *name), void *data,
                                factum_error *err)
{
    int fd = open_dir(place);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        factum_status status = fct_fail_os(err, errno, "list %s", place.path);
        (void)(fd < 0 ? 0 : close(fd));
        return status;
    }
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            status = errno == 0 ? FACTUM_OK : fct_fail_os(err, errno, "list %s", place.path);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            status = each(data, entry->d_name);
        }
    }
    (void)closedir(dir);
    return status;
}

/* ---- the same by path ------------------------------------------------------------------------ */

static struct fct_real_place by_path(const char *path)
{
    return (struct fct_real_place){AT_FDCWD, path, path};
}

static factum_status real_open(const struct fct_os *os, const char *path, int flags,
                               struct fct_file **file, factum_error *err)
{
    return fct_real_open(os, by_path(path), flags, file, err);
}

static factum_status real_rename(const struct fct_os *os, const char *from, const char *to,
                                 factum_error *err)
{
    (void)os;
    return fct_real_rename(by_path(from), by_path(to), true, err);
}

static factum_status real_move(const struct fct_os *os, const char *from, const char *to,
                               factum_error *err)
{
    (void)os;
    return fct_real_rename(by_path(from), by_path(to), false, err);
}

static factum_status real_unlink(const struct fct_os *os, const char *path, factum_error *err)
{
    (void)os;
    return fct_real_unlink(by_path(path), err);
}

static factum_status real_make_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    (void)os;
    return fct_real_make_dir(by_path(path), err);
}

static factum_status real_remove_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    (void)os;
    return fct_real_remove_dir(by_path(path), err);
}

static factum_status real_sync_dir(const struct fct_os *os, const char *path, factum_error *err)
{
    (void)os;
    return fct_real_sync_dir(by_path(path), err);
}

static factum_status real_list_dir(const struct fct_os *os, const char *path,
                                   factum_status (*each)(void *data, const char *name), void *data,
                                   factum_error *err)
{
    (void)os;
    return fct_real_list_dir(by_path(path), each, data, err);
}

/* ---- clocks and randomness ------------------------------------------------------------------- */

static int64_t real_time(const struct fct_os *os)
{
    (void)os;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static uint64_t real_monotonic(const struct fct_os *os)
{
    (void)os;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static factum_status real_random(const struct fct_os *os, void *bytes, size_t len,
                                 factum_error *err)
{
    (void)os;
    uint8_t *to = bytes;
    while (len > 0) {
        ssize_t got = getrandom(to, len, 0);
        if (got < 0 && errno != EINTR) {
            return fct_fail_os(err, errno, "get random bytes");
        }
        if (got > 0) {
            to += got;
            len -= (size_t)got;
        }
    }
    return FACTUM_OK;
}

static const struct fct_os_ops real_ops = {
    .open = real_open,
    .close = real_close,
    .read = real_read,
    .read_alone = real_read_alone,
    .write = real_write,
    .start_sync = real_start_sync,
    .sync = real_sync,
    .truncate = real_truncate,
    .size = real_size,
    .map = real_map,
    .unmap = real_unmap,
    .release = real_release,
    .populate = real_populate,
    .populate_alone = real_populate_alone,
    .drop_cache = real_drop_cache,
    .lock = real_lock,
    .rename = real_rename,
    .move = real_move,
    .unlink = real_unlink,
    .make_dir = real_make_dir,
    .remove_dir = real_remove_dir,
    .sync_dir = real_sync_dir,
    .list_dir = real_list_dir,
    .time_now = real_time,
    .monotonic_now = real_monotonic,
    .random = real_random,
    .by_descriptor = true,
};

const struct fct_os *fct_os_real(void)
{
    static const struct fct_os os = {&real_ops, NULL};
    return &os;
}
