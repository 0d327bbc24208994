/* dir.h - a directory that stays open, so that its files are found in it wherever it is moved.
 * Layer: os.
 *
 * dir->os works like the os that it is created from, with one difference: a path that begins with
 * the path of the directory leads into the directory that had this path at the opening. So a
 * program never follows its path into a directory that somebody put there later.
 *
 * An os without by_descriptor (the test doubles) knows files only by their paths. Then dir->os is
 * that os, and the lock and the check return OK.
 */
#ifndef FCT_OS_DIR_H
#define FCT_OS_DIR_H

#include "os/os.h"

struct fct_os_dir {
    struct fct_os os; /* first: its functions find the directory by it */
    struct fct_os_ops ops;
    const struct fct_os *base;
    struct fct_os_dir *next_locked; /* in the list of locked directories */
    long owner;                     /* the process that locked it; 0: none */
    int fd;                         /* -1: by path */
    size_t path_size;
    char *whole;              /* the path from the root, without links; NULL: unknown */
    char path[FCT_PATH_SIZE]; /* as the user gave it */
};

/* Opens the directory at |path|. |base| must outlive |dir|, and |dir| must not move while it is
 * open. After a failure |dir| is closed. */
FCT_MUST_USE factum_status fct_os_dir_open(struct fct_os_dir *dir, const struct fct_os *base,
                                           const char *path, factum_error *err);
/* Releases the lock and closes. Accepts a zeroed struct and a closed one. */
void fct_os_dir_close(struct fct_os_dir *dir);

/* Locks the directory itself (flock), |shared| with others that share it. LOCKED if another
 * fct_os_dir, in this process or another, has a lock that excludes it. OK also where the file
 * system has no such locks. */
FCT_MUST_USE factum_status fct_os_dir_lock(struct fct_os_dir *dir, bool shared, factum_error *err);
/* Has this process locked the directory, through any fct_os_dir? A child after fork has not. */
bool fct_os_dir_is_locked_here(const struct fct_os_dir *dir);
/* OK if the path still leads to the directory, otherwise NOT_FOUND. It is the path from the root at
 * the opening, whatever the working directory is now. OK also if the system cannot answer. */
FCT_MUST_USE factum_status fct_os_dir_check(const struct fct_os_dir *dir, factum_error *err);

#endif
