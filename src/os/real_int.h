/* real_int.h - the calls of os_real.c that take a path, relative to a directory, and those of
 * alone.c. Private to os.
 *
 * |at| is the descriptor of a directory, or AT_FDCWD; |name| is looked up there. |path| is the name
 * of the same place in messages. */
#ifndef FCT_OS_REAL_INT_H
#define FCT_OS_REAL_INT_H

#include <sys/types.h>

#include "os/os.h"

struct fct_real_place {
    int at;
    const char *name;
    const char *path;
};

FCT_MUST_USE factum_status fct_real_open(const struct fct_os *os, struct fct_real_place place,
                                         int flags, struct fct_file **file, factum_error *err);
/* |replace|: replaces a file at |to|; otherwise such a file is EXISTS. */
FCT_MUST_USE factum_status fct_real_rename(struct fct_real_place from, struct fct_real_place to,
                                           bool replace, factum_error *err);
FCT_MUST_USE factum_status fct_real_unlink(struct fct_real_place place, factum_error *err);
FCT_MUST_USE factum_status fct_real_make_dir(struct fct_real_place place, factum_error *err);
FCT_MUST_USE factum_status fct_real_remove_dir(struct fct_real_place place, factum_error *err);
FCT_MUST_USE factum_status fct_real_sync_dir(struct fct_real_place place, factum_error *err);
FCT_MUST_USE factum_status fct_real_list_dir(struct fct_real_place place,
                                             factum_status (*each)(void *data, const char *name),
                                             void *data, factum_error *err);

size_t fct_real_page_size(void);
/* populate of struct fct_os_ops. */
FCT_MUST_USE factum_status fct_real_populate(const uint8_t *from, uint64_t size, factum_error *err);
/* Drops the clean pages in the cache that [offset, end) touches, and some around them. Returns an
 * errno. */
int fct_real_drop(int fd, uint64_t offset, uint64_t end);
/* read_alone of struct fct_os_ops. Returns like pread, with errno set. */
ssize_t fct_real_read_alone(int fd, uint64_t offset, void *bytes, size_t len);
/* populate_alone of struct fct_os_ops. */
FCT_MUST_USE factum_status fct_real_populate_alone(int fd, const struct fct_map_part *part,
                                                   factum_error *err);

#endif
