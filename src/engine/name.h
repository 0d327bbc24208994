/* name.h - checks names: which are valid, and which of them may be written.
 * Layer: engine, private to it. */
#ifndef FCT_ENGINE_NAME_H
#define FCT_ENGINE_NAME_H

#include <factum/store.h>

#include "core/compiler.h"

/* Is |name| UTF-8 text of 1 to FACTUM_NAME_SIZE_MAX bytes without a NUL? |what| begins the texts:
 * "an event type". Errors: INVALID, TOO_BIG. */
FCT_MUST_USE factum_status fct_name_check(factum_slice name, const char *what, factum_error *err);
/* The same; |name| may be empty. */
FCT_MUST_USE factum_status fct_name_check_optional(factum_slice name, const char *what,
                                                   factum_error *err);

/* The same for the name of a stream that is read. A name that is a prefix and another name may be
 * longer by the prefix: "$$" of a metastream, "$et-" of a virtual stream. */
FCT_MUST_USE factum_status fct_name_check_readable(factum_slice name, const char *what,
                                                   factum_error *err);

/* Can the stream exist? Not if it is virtual, "$all", or a metastream of a metastream.
 * Errors: INVALID, TOO_BIG. */
FCT_MUST_USE factum_status fct_name_check_stream(factum_slice stream, factum_error *err);
/* The same; a name that begins with one '$' is refused unless |system|. */
FCT_MUST_USE factum_status fct_name_check_written(factum_slice stream, bool system,
                                                  factum_error *err);

/* True if |name| is a virtual stream: sets the source that it reads, and *rest to the name
 * there. */
bool fct_name_resolve_virtual(factum_slice name, factum_source *source, factum_slice *rest);

#endif
