/* scratch.h - a temporary directory for a test that needs a real disk. */
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
    (void)snprintf(dir, SCRATCH_SIZE, "/tmp/factum-test-XXXXXX");
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
