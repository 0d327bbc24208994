/* ndjson.h - events as lines of JSON, the form of import and export.
 *
 * One event a line: {"stream":"order-1","type":"OrderPlaced","data":{...}} and optionally "id"
 * (UUID), "time" (RFC 3339), "metadata" (object), "tags" (array of text), "contentType" (text).
 * Export adds "revision", "position", "created", which import ignores. Data that is not JSON is
 * "data":"<base64>" with "contentType":"application/octet-stream". JSON in data and metadata is
 * kept byte for byte; only line ends in it, which mean nothing to JSON, are written as blanks.
 *
 * Valid C99 and C++17. Thread-safe: nothing is shared.
 */
#ifndef FACTUM_NDJSON_H
#define FACTUM_NDJSON_H

#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory for the parts of a line that cannot be borrowed from it (unescaped text, tags, base64).
 * Make one, use it for any number of lines. NULL without memory. */
typedef struct factum_ndjson factum_ndjson;
FACTUM_API factum_ndjson *factum_ndjson_create(void);
/* Accepts NULL. */
FACTUM_API void factum_ndjson_destroy(factum_ndjson *ndjson);

/* Reads one line (with or without its end). |event| borrows from |line| and |ndjson| until the next
 * call on |ndjson|. INVALID with a text that says what is wrong and at which byte ("byte 17: ...");
 * TOO_BIG. */
FACTUM_API FACTUM_MUST_USE factum_status factum_ndjson_parse(factum_ndjson *ndjson,
                                                             factum_slice line,
                                                             factum_new_event *event,
                                                             factum_error *err);
/* |event| as a line with its end ('\n'), in *line; lasts until the next call on |ndjson|. The line
 * parses back to the same event. Data that says it is JSON and is not is written as base64.
 * TOO_BIG, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_ndjson_format(factum_ndjson *ndjson,
                                                              const factum_event *event,
                                                              factum_slice *line,
                                                              factum_error *err);

/* The value of the member |name| of the JSON object |json|, as it stands there (text with its
 * quotes): borrowed from |json|. |name| may be a path of members, "a.b". NOT_FOUND; INVALID if
 * |json| is no valid JSON. */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_member(factum_slice json, const char *name,
                                                            factum_slice *value);
/* The JSON text |value|, as factum_json_member gives it, as plain UTF-8 in |buffer| of |size|
 * bytes, zero-terminated. INVALID (no text, or |size| is 0), TOO_BIG (it does not fit; |buffer| is
 * not to be read). */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_text(factum_slice value, char *buffer,
                                                          size_t size);
/* The whole JSON number |value|. INVALID (no number, a fraction, out of range). */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_int64(factum_slice value, int64_t *number);

#ifdef __cplusplus
}
#endif
#endif
