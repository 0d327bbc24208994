/* dir.h - a directory that is kept open, so that its files are found in it wherever it is moved.
 * Layer: os.
 *
 * dir->os is an os like the one that it is made from, except that paths which begin with the path
 * of the directory lead into the directory that had this path when it was opened. So a program
 * never follows its path into a directory that somebody put there later.
 *
 * An os that does not say by_descriptor (the test doubles) knows files by their paths only: dir->os
 * is that os then, and the lock and the check say OK.
 */
#ifndef FCT_OS_DIR_H
#define FCT_OS_DIR_H

#include "os/os.h"

struct fct_os_dir {
    struct fct_os os; /* first: its functions find the directory by it */
    struct fct_os_ops ops;
    const struct fct_os *base;
    struct fct_os_dir *next_locked; /* of the directories that this process has locked */
    long owner;                     /* process that locked it; 0: none */
    int fd;                         /* -1: by path */
    size_t path_size;
    char *whole;              /* the path from the root, without links; NULL: not known */
    char path[FCT_PATH_SIZE]; /* as the user gave it */
};

/* Opens the directory at |path|. |base| outlives |dir|, which does not move while it is open. A
 * failure leaves |dir| as one that is closed. */
FCT_MUST_USE factum_status fct_os_dir_open(struct fct_os_dir *dir, const struct fct_os *base,
                                           const char *path, factum_error *err);
/* Accepts a zeroed one, and one that is closed. Releases the lock. */
void fct_os_dir_close(struct fct_os_dir *dir);

/* Locks the directory itself (flock): LOCKED if another one has it, in this process or elsewhere.
 * |shared|: with others who share. OK also where the file system knows no such locks. */
FCT_MUST_USE factum_status fct_os_dir_lock(struct fct_os_dir *dir, bool shared, factum_error *err);
/* Has this process locked the directory, by whichever fct_os_dir? A child made by fork has not. */
bool fct_os_dir_is_locked_here(const struct fct_os_dir *dir);
/* OK while its path leads to the directory, NOT_FOUND when it does not. That is the path from the
 * root at the time of the opening, whatever the working directory is now. OK also when the system
 * does not say. */
FCT_MUST_USE factum_status fct_os_dir_check(const struct fct_os_dir *dir, factum_error *err);

#endif
