/* sized.h - structs that grow: a program and the library may know different versions of one.
 * Layer: core. Pure.
 *
 * A public struct that grows begins with a size_t |size|, as its user's header had it. Members are
 * only ever added at the end, and zero means the default.
 */
#ifndef FCT_CORE_SIZED_H
#define FCT_CORE_SIZED_H

#include <factum/base.h>

#include "core/compiler.h"

/* Copies *given to *full, which has |full_size| bytes; members that the user's version does not
 * have are zero. Errors: INVALID, with |what| in the text ("append: the request"): |given| is NULL,
 * its size is not set, or it sets members that this library does not know. */
FCT_MUST_USE factum_status fct_sized_read(void *full, size_t full_size, const void *given,
                                          const char *what, factum_error *err);

/* Copies as much of |given|, whose size was checked, as *full has room for; the rest of *full is
 * zero. For answers that also have members that the user sets. */
void fct_sized_copy(void *full, size_t full_size, const void *given);

/* Copies the answer *full to the user's struct *given, as far as given->size goes. The size stays;
 * members that the library does not know become zero. */
void fct_sized_write(void *given, const void *full, size_t full_size);

/* Errors: INVALID (|given| is NULL, or its size is not set). */
FCT_MUST_USE factum_status fct_sized_check(const void *given, const char *what, factum_error *err);

#endif
