/* saga_files.h - the sagas of tests/saga/definitions, loaded. The test is told where they are by
 * FCT_SAGA_FILES. */
#ifndef FCT_TESTS_CRASH_SAGA_FILES_H
#define FCT_TESTS_CRASH_SAGA_FILES_H

#include <stdio.h>
#include <stdlib.h>

#include <factum/saga.h>

#include "support/tap.h"

#define SAGA_FILE_MAX 65536

static const char *const saga_files[] = {"ask",
                                         "join_any",
                                         "literals",
                                         "many_steps",
                                         "no_pivot",
                                         "order_fulfilment",
                                         "parallel_after_pivot",
                                         "parallel_all",
                                         "pivot_first",
                                         "pivot_last",
                                         "single_pivot",
                                         "single_step",
                                         "two_stages_any",
                                         "undo_none",
                                         NULL};

/* Ends the program if it does not load. For factum_saga_free. */
static inline factum_saga *saga_file(const char *name)
{
    static char text[SAGA_FILE_MAX];
    char path[512];
    factum_saga *saga = NULL;
    factum_error err = {.text = "it cannot be read"};
    (void)snprintf(path, sizeof path, "%s/%s.yaml", getenv("FCT_SAGA_FILES"), name);
    FILE *file = fopen(path, "rb");
    size_t len = file != NULL ? fread(text, 1, sizeof text, file) : 0;
    if (file == NULL || fclose(file) != 0 ||
        factum_saga_load((factum_slice){(const uint8_t *)text, len}, NULL, &saga, &err) !=
            FACTUM_OK) {
        tap_fail("%s: %s", path, err.text);
    }
    return saga;
}

#endif
