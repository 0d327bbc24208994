/* name.h - which names are names, and which of them may be written.
 * Layer: engine, private to it. */
#ifndef FCT_ENGINE_NAME_H
#define FCT_ENGINE_NAME_H

#include <factum/store.h>

#include "core/compiler.h"

/* INVALID or TOO_BIG unless |name| is UTF-8 text of 1 to FACTUM_NAME_SIZE_MAX bytes without a NUL.
 * |what| begins the text: "an event type". */
FCT_MUST_USE factum_status fct_name_check(factum_slice name, const char *what, factum_error *err);
/* The same for something that may be empty. */
FCT_MUST_USE factum_status fct_name_check_optional(factum_slice name, const char *what,
                                                   factum_error *err);

/* The same for the name of a stream that is read. One that is made of a prefix and another name may
 * be longer by its prefix: a metastream ("$$", 2 bytes) or a virtual stream ("$et-", 4 bytes). */
FCT_MUST_USE factum_status fct_name_check_readable(factum_slice name, const char *what,
                                                   factum_error *err);

/* A stream that can exist: neither virtual, nor "$all", nor a metastream of a metastream. */
FCT_MUST_USE factum_status fct_name_check_stream(factum_slice stream, factum_error *err);
/* A stream that this caller may write: |system| also those that begin with '$'. */
FCT_MUST_USE factum_status fct_name_check_written(factum_slice stream, bool system,
                                                  factum_error *err);

/* Is |name| a virtual stream? Then *source and *rest say what it stands for. */
bool fct_name_resolve_virtual(factum_slice name, factum_source *source, factum_slice *rest);

#endif
