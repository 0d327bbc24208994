/* check.c - ends the program when an assertion fails. Layer: core. See check.h. */
#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>

void fct_assert_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "factum: assertion failed: %s (%s:%d)\n", condition, file, line);
    abort();
}
