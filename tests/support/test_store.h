/* test_store.h - a store for a test: in memory, or on the real disk in a scratch directory. For
 * tests of the public functions. */
#ifndef FCT_SUPPORT_TEST_STORE_H
#define FCT_SUPPORT_TEST_STORE_H

#include <factum/factum.h>
#include <factum/testing.h>

#include "support/scratch.h"
#include "support/test.h"

/* Opens a store in memory and makes |dir| empty, or one on disk in a new |dir|. |options| may be
 * NULL. Returns 0, or what cmocka takes for a failure. */
static inline int test_store_open(factum_store **store, bool on_disk, char dir[SCRATCH_SIZE],
                                  const factum_store_options *options, factum_error *err)
{
    dir[0] = '\0';
    if (!on_disk) {
        return factum_testing_open_memory(options, store, err);
    }
    return scratch_make(dir) ? factum_open(dir, options, store, err) : 1;
}

/* Closes it and removes |dir| if it is not empty. */
static inline int test_store_close(factum_store *store, const char *dir, factum_error *err)
{
    factum_status status = factum_close(store, err);
    if (dir[0] != '\0') {
        assert_true(scratch_remove(dir));
    }
    return status;
}

#endif
