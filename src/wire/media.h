/* media.h - media types in Content-Type and Accept (RFC 9110, 8.3 and 12.5.1). Layer: wire.
 * Pure. */
#ifndef FCT_WIRE_MEDIA_H
#define FCT_WIRE_MEDIA_H

#include <factum/base.h>

/* The type of a Content-Type without its parameters and blanks; empty for an empty one. */
factum_slice fct_media_type(factum_slice field);
/* Is |type|, without parameters, |wanted|, in any case of letters? */
bool fct_media_is(factum_slice type, const char *wanted);
/* application/json, text/json, or ends with +json. */
bool fct_media_is_json(factum_slice type);
/* Does the Content-Type say another charset than UTF-8? */
bool fct_media_is_foreign(factum_slice field);

/* Which of |offers| an Accept field prefers, by its q values; of equal ones the first. |count| if
 * it accepts none. An empty field accepts everything; a part of it that makes no sense is left
 * out. */
size_t fct_media_choose(factum_slice accept, const char *const *offers, size_t count);

#endif
