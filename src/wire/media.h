/* media.h - media types in Content-Type and Accept (RFC 9110, 8.3 and 12.5.1). Layer: wire.
 * Pure. */
#ifndef FCT_WIRE_MEDIA_H
#define FCT_WIRE_MEDIA_H

#include <factum/base.h>

/* Returns the type of a Content-Type without its parameters and blanks; empty for an empty
 * field. */
factum_slice fct_media_type(factum_slice field);
/* True if |type|, without parameters, is |wanted|, in any case of letters. */
bool fct_media_is(factum_slice type, const char *wanted);
/* True for application/json, text/json, and types that end with +json. */
bool fct_media_is_json(factum_slice type);
/* True if the Content-Type names a charset other than UTF-8. */
bool fct_media_is_foreign(factum_slice field);

/* Returns the index of the offer that an Accept field prefers, by its q values, the first among
 * equals; |count| if the field accepts none. An empty field accepts everything; parts that are not
 * valid are ignored. */
size_t fct_media_choose(factum_slice accept, const char *const *offers, size_t count);

#endif
