/* names.h - paths and authors as names of streams and as JSON text. Layer: example.
 *
 * A git path is any bytes except zero, up to some 4,096 of them; a stream's name is UTF-8, up to
 * 1,024.
 */
#ifndef EXAMPLES_GIT_NAMES_H
#define EXAMPLES_GIT_NAMES_H

#include <stddef.h>

#include <factum/factum.h>

/* |prefix| and |text| as the name of a stream in |name| (FACTUM_NAME_SIZE_MAX + 1 bytes, terminated
 * by zero). Control bytes and '%' become %XX; bytes that are no UTF-8 become U+FFFD; what is too
 * long is cut. Where something was replaced or cut, "~" and 16 hexadecimal digits of a hash of the
 * whole text follow, so that different texts keep different names. */
void git_stream_name(char *name, const char *prefix, const char *text);

/* |text| as a JSON text with its quotes, at most |text_max| bytes of it, into |to| of |size| bytes;
 * bytes that are no UTF-8 become U+FFFD. Returns its length; 0 if it does not fit. */
size_t git_json_text(char *to, size_t size, const char *text, size_t text_max);

/* Room that is enough for git_json_text of |len| bytes: each becomes 6 at most. */
#define GIT_JSON_ROOM(len) ((len)*6 + 3)

#endif
