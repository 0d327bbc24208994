/* scratch.h - a directory of its own for a test that needs files: in /tmp, unless FACTUM_TEST_DIR
 * in the environment names another place. */
#ifndef FCT_TESTS_SUPPORT_SCRATCH_H
#define FCT_TESTS_SUPPORT_SCRATCH_H

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCRATCH_SIZE 64

/* Creates the directory and writes its path to |dir|; false on failure. */
static inline bool scratch_make(char dir[SCRATCH_SIZE])
{
    const char *place = getenv("FACTUM_TEST_DIR");
    (void)snprintf(dir, SCRATCH_SIZE, "%.30s/factum-test-XXXXXX", place != NULL ? place : "/tmp");
    return mkdtemp(dir) != NULL;
}

static inline int scratch_remove_one(const char *path, const struct stat *facts, int kind,
                                     struct FTW *place)
{
    (void)facts;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Removes the directory with everything in it. */
static inline bool scratch_remove(const char *dir)
{
    return nftw(dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0;
}

#endif
