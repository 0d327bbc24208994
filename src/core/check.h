/* check.h - assertions about our own mistakes; always on. Layer: core.
 *
 * Never assert on what came from a caller, a disk or a peer: that is an error to return.
 * A failed assertion prints the condition and its place, and aborts.
 */
#ifndef FCT_CORE_CHECK_H
#define FCT_CORE_CHECK_H

#include "core/compiler.h"

#define FCT_ASSERT(condition)                                                                      \
    do {                                                                                           \
        if (FCT_UNLIKELY(!(condition))) {                                                          \
            fct_assert_failed(#condition, __FILE__, __LINE__);                                     \
        }                                                                                          \
    } while (0)

/* Prints "assertion failed: ..." on standard error and aborts. */
FCT_COLD FCT_NORETURN void fct_assert_failed(const char *condition, const char *file, int line);

#endif
