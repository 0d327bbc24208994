/* tap.h - TAP for test programs without cmocka: those of tests/crash, whose cases are thousands
 * of runs each. Not thread-safe. */
#ifndef FCT_TESTS_SUPPORT_TAP_H
#define FCT_TESTS_SUPPORT_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/compiler.h"

/* Ends a case: prints "ok N - ..." or "not ok N - ...". */
FCT_PRINTF(2, 3) void tap_case(bool passed, const char *format, ...);
/* Fails the case under way, prints the plan, and exits with status 1. */
_Noreturn FCT_PRINTF(1, 2) void tap_fail(const char *format, ...);
/* Prints the plan. Returns the exit status of the program: 0 if all cases passed, otherwise 1. */
int tap_end(void);

/* The number in the environment variable |name|, or |otherwise| if it is not set or empty. */
uint64_t tap_setting(const char *name, uint64_t otherwise);

#endif
