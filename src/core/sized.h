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

/* The full version of *given in *full, which has |full_size| bytes: what the user's version does
 * not have is zero. INVALID, with |what| in the text ("append: the request"), if |given| is NULL,
 * its size is not set, or it sets members that this library does not know. */
FCT_MUST_USE factum_status fct_sized_read(void *full, size_t full_size, const void *given,
                                          const char *what, factum_error *err);

/* As much of |given|, whose size was checked, as *full has room for; the rest of *full is zero. For
 * answers in which the user has set something too. */
void fct_sized_copy(void *full, size_t full_size, const void *given);

/* The answer *full for a user's struct *given: as much of it as given->size has room for; the size
 * stays, and what the library does not know becomes zero. */
void fct_sized_write(void *given, const void *full, size_t full_size);

/* INVALID unless |given| is a struct with a size that can be written to. */
FCT_MUST_USE factum_status fct_sized_check(const void *given, const char *what, factum_error *err);

#endif
