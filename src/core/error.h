/* error.h - how a failure is reported: one call that fills the caller's record and returns the
 * status. Layer: core.
 *
 * Inside the library |err| is never NULL: a public function, whose caller may pass NULL, begins
 * with fct_error_or. The functions here accept NULL all the same, so that a public function that
 * forgets to cannot stop its program.
 */
#ifndef FCT_CORE_ERROR_H
#define FCT_CORE_ERROR_H

#include <factum/base.h>

#include "core/compiler.h"

/* Arguments for "%.*s": the slice, or the first FCT_FMT_SIZE_MAX bytes of a longer one, so that the
 * rest of the message fits. Text from outside may contain control bytes: fct_fail replaces them by
 * '?'. */
#define FCT_FMT(slice) fct_fmt_size(slice), (const char *)(slice).ptr
#define FCT_FMT_SIZE_MAX 96 /* bytes; two slices and the words between fit into a factum_error */

/* The bytes of |slice| to print: up to FCT_FMT_SIZE_MAX, whole characters; 0 if its ptr is NULL. */
int fct_fmt_size(factum_slice text);

/* Makes text from outside safe to print on one line: control characters and line ends become '?'.
 * An incomplete UTF-8 character at the end is removed. */
void fct_text_clean(char *text);

/* Returns |err|, or |own| if it is NULL: for every public function, before any other. */
static inline factum_error *fct_error_or(factum_error *err, factum_error *own)
{
    return err == NULL ? own : err;
}

/* Fills |err| (os_error 0) and returns |status|. */
FCT_COLD FCT_PRINTF(3, 4) factum_status
    fct_fail(factum_error *err, factum_status status, const char *format, ...);

/* The same for a failed system call: appends ": <text of os_error>". Status: ENOSPC, EDQUOT and
 * EFBIG give NO_SPACE, ENOMEM gives NO_MEMORY, ENOENT gives NOT_FOUND, EEXIST gives EXISTS, all
 * others IO. */
FCT_COLD FCT_PRINTF(3, 4) factum_status
    fct_fail_os(factum_error *err, int os_error, const char *format, ...);

/* Puts "<context>: " before the text of |err|, which is truncated at its end if need be. The status
 * of |err| becomes |status|, which is returned, so a caller can give a failure another meaning.
 * os_error stays. */
FCT_COLD FCT_PRINTF(3, 4) factum_status
    fct_wrap(factum_error *err, factum_status status, const char *format, ...);

#endif
