/* error.h - how a failure is reported: one call that fills the caller's record and returns.
 * Layer: core. |err| may be NULL everywhere. */
#ifndef FCT_CORE_ERROR_H
#define FCT_CORE_ERROR_H

#include <factum/base.h>

#include "core/compiler.h"

/* Arguments for "%.*s": the slice, or as much of a long one as leaves room for what is said of it.
 * Text from outside may hold control bytes: they are kept out of error records by fct_fail, which
 * replaces them by '?'. */
#define FCT_FMT(slice) fct_fmt_size(slice), (const char *)(slice).ptr
#define FCT_FMT_SIZE_MAX 96 /* two of them fit into a factum_error with what joins them */

/* Of text, cut between two characters; 0 for one at NULL. */
int fct_fmt_size(factum_slice text);

/* Names and data may come from outside: what a terminal would obey, and what would begin another
 * line, becomes '?'. Of a character of UTF-8 that was cut at the end, nothing stays. */
void fct_text_clean(char *text);

/* Fills |err| (os_error 0) and returns |status|. */
FCT_COLD FCT_PRINTF(3, 4) factum_status
    fct_fail(factum_error *err, factum_status status, const char *format, ...);

/* The same for a failed system call: appends ": <text of os_error>". Status: ENOSPC, EDQUOT and
 * EFBIG give NO_SPACE, ENOMEM gives NO_MEMORY, ENOENT gives NOT_FOUND, EEXIST gives EXISTS, all
 * others IO. */
FCT_COLD FCT_PRINTF(3, 4) factum_status
    fct_fail_os(factum_error *err, int os_error, const char *format, ...);

/* Puts "<context>: " before the text already in |err|; cuts at the end, never before. Its status
 * becomes |status|, which is returned: a caller can give a failure another meaning. os_error stays.
 */
FCT_COLD FCT_PRINTF(3, 4) factum_status
    fct_wrap(factum_error *err, factum_status status, const char *format, ...);

#endif
