/* log.h - the commits of a git repository, oldest first, from the output of `git log`.
 * Layer: example.
 *
 * Knows nothing of Factum. Needs the program git; uses no shell, so a repository's path may hold
 * any bytes.
 */
#ifndef EXAMPLES_GIT_LOG_H
#define EXAMPLES_GIT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GIT_ERROR_SIZE 256

struct git_change {
    const char *path;
    const char *from; /* of a rename, otherwise NULL */
    int64_t added;    /* lines; 0 if binary */
    int64_t deleted;
    char kind; /* A added, M changed, T type changed, D deleted, R renamed */
    bool binary;
};

/* All text is as git gave it: any bytes except zero. Lasts until the next call on the log. */
struct git_commit {
    const char *hash;
    const char *parents; /* hashes with a blank between; more than one: a merge */
    const char *name;
    const char *email;
    const char *subject;
    int64_t time;                     /* of the committer, seconds since 1970 */
    const struct git_change *changes; /* none in a merge: its parents hold them */
    size_t change_count;
};

struct git_log;

/* Begins to read what leads to HEAD in |repository|. Sets *shallow if older commits were left out
 * when it was cloned. NULL on failure, with a text in |error|: not a repository, no commits yet. */
struct git_log *git_log_open(const char *repository, bool *shallow, char error[GIT_ERROR_SIZE]);

/* 1 with a commit, 0 at the end, -1 on failure with a text in |error|. */
int git_log_next(struct git_log *log, struct git_commit *commit, char error[GIT_ERROR_SIZE]);

/* Accepts NULL. */
void git_log_close(struct git_log *log);

#endif
