/* alone.c - reads page by page what the system could not read as a whole. Layer: os.
 *
 * Linux reads ahead, and keeps what it reads in blocks of up to 2 MiB ("large folios"). If the
 * device cannot read one sector of such a block, the whole block fails: none of its pages can be
 * read or mapped, not even those that the device would deliver, and each later try fails in the
 * same way. So the block is dropped from the cache, and its pages are read one at a time, with
 * reading ahead switched off.
 *
 * Invariants:
 *  1. One thread at a time: no thread drops a page that another is reading here.
 *  2. A file or map that has failed once is read without reading ahead until it is closed or
 *     unmapped. Otherwise the next access would bring the large block back, and each good page in
 *     it would cost the device another try at the bad one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"
#include "os/real_int.h"

/* The cache keeps a file in blocks of up to this size, and drops a block only as a whole. */
#define CACHE_BLOCK_SIZE (UINT64_C(2) << 20)

/* Between two tries another thread may bring the large block back by a usual read. */
#define TRIES 2

static pthread_mutex_t alone_mutex = PTHREAD_MUTEX_INITIALIZER;

int fct_real_drop(int fd, uint64_t offset, uint64_t end)
{
    offset -= offset % CACHE_BLOCK_SIZE;
    end += CACHE_BLOCK_SIZE - end % CACHE_BLOCK_SIZE;
    return posix_fadvise(fd, (off_t)offset, (off_t)(end - offset), POSIX_FADV_DONTNEED);
}

/* If the kernel does not take the hint, the next read fails, as it would without. */
static void drop_pages(int fd, uint64_t offset, uint64_t size)
{
    int result = fct_real_drop(fd, offset, offset + size);
    (void)result;
}

/* Reads |size| bytes at |offset|, at most to the end of the page. */
static ssize_t read_page(int fd, uint64_t offset, uint8_t *bytes, size_t size)
{
    ssize_t got = -1;
    for (int i = 0; got < 0 && i < TRIES; i++) {
        if (i > 0) {
            drop_pages(fd, offset, size);
        }
        do {
            got = pread(fd, bytes, size, (off_t)offset);
        } while (got < 0 && errno == EINTR);
    }
    return got;
}

ssize_t fct_real_read_alone(int fd, uint64_t offset, void *bytes, size_t len)
{
    size_t page = fct_real_page_size();
    uint8_t *to = bytes;
    size_t done = 0;
    ssize_t got = 1;
    (void)pthread_mutex_lock(&alone_mutex);
    int result = posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    (void)result;
    drop_pages(fd, offset, len);
    while (done < len && got > 0) {
        size_t room = page - (size_t)((offset + done) % page);
        got = read_page(fd, offset + done, to + done, len - done < room ? len - done : room);
        done += got > 0 ? (size_t)got : 0;
    }
    int reason = errno;
    (void)pthread_mutex_unlock(&alone_mutex);
    errno = reason;
    return done > 0 ? (ssize_t)done : got;
}

static factum_status populate_page(int fd, const uint8_t *page, uint64_t offset, factum_error *err)
{
    factum_status status = FACTUM_IO;
    for (int i = 0; status != FACTUM_OK && i < TRIES; i++) {
        if (i > 0) {
            drop_pages(fd, offset, 1);
        }
        status = fct_real_populate(page, 1, err);
    }
    return status;
}

factum_status fct_real_populate_alone(int fd, const struct fct_map_part *part, factum_error *err)
{
    uint64_t page = fct_real_page_size();
    factum_status status = FACTUM_OK;
    (void)pthread_mutex_lock(&alone_mutex);
    int result = madvise((void *)(uintptr_t)part->map, (size_t)part->limit, MADV_RANDOM);
    (void)result; /* a hint as well */
    drop_pages(fd, part->offset, part->size);
    for (uint64_t at = part->offset - part->offset % page; at < part->offset + part->size;
         at += page) {
        factum_status one = populate_page(fd, part->map + at, at, err);
        status = one == FACTUM_OK ? status : one;
    }
    (void)pthread_mutex_unlock(&alone_mutex);
    return status;
}
