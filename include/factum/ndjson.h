/* ndjson.h - events as lines of JSON, the form of import and export.
 *
 * One event a line: {"stream":"order-1","type":"OrderPlaced","data":{...}} and optionally "id"
 * (UUID), "time" (RFC 3339), "metadata" (object), "tags" (array of strings), "contentType" (a media
 * type), "commit" (a number: consecutive lines with the same number were appended together) and
 * "key" (the idempotency key of that append). Export adds "revision", "position" and "created",
 * which import ignores. Any other member, and a member that appears twice, is refused.
 *
 * Data whose content type is application/json, text/json or ends with +json is JSON; other data is
 * base64 text, with its "contentType". JSON in data and metadata is kept byte for byte, except that
 * line ends between its values are written as blanks. Data that claims to be JSON and is not valid
 * is base64 text with "encoding":"base64".
 *
 * Data and metadata may each be nested FACTUM_JSON_DEPTH_MAX deep; the object of the line itself is
 * not counted.
 *
 * Valid C99 and C++17. Thread-safe: nothing is shared. */
#ifndef FACTUM_NDJSON_H
#define FACTUM_NDJSON_H

#include <factum/json.h>
#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory for the parts of a line that cannot be borrowed from it (unescaped text, tags, base64).
 * Use one for any number of lines, one thread at a time. */
typedef struct factum_ndjson factum_ndjson;
/* Creates one, which is yours until factum_ndjson_destroy; NULL if out of memory. */
FACTUM_API factum_ndjson *factum_ndjson_create(void);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_ndjson_destroy(factum_ndjson *ndjson);

/* One line, and how it is read. */
typedef struct factum_ndjson_line {
    size_t size;
    bool lenient; /* yours: unknown members are ignored, and of equal ones the last one is taken */
    /* the answers */
    bool has_commit;
    uint64_t commit;
    factum_slice key; /* empty: none */
    factum_new_event event;
    factum_slice stream; /* yours: the stream of a line that names none; a line that names another
                            one is refused. Empty: each line names its own */
} factum_ndjson_line;

/* Reads the text of one line (with or without its end) into |line|, which borrows from |text| and
 * |ndjson| until the next call on |ndjson|. Errors: INVALID (the text names the reason and the
 * place: "not valid JSON: number with a leading zero at byte 17"), TOO_BIG, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_ndjson_parse_line(factum_ndjson *ndjson,
                                                                  factum_slice text,
                                                                  factum_ndjson_line *line,
                                                                  factum_error *err);
/* The simple case: only the event, not lenient. Errors: those of factum_ndjson_parse_line. */
FACTUM_API FACTUM_MUST_USE factum_status factum_ndjson_parse(factum_ndjson *ndjson,
                                                             factum_slice line,
                                                             factum_new_event *event,
                                                             factum_error *err);
/* Formats |event| as a line with its end ('\n'), into *line, which lasts until the next call on
 * |ndjson|. The line parses back to the same event, with its commit and key if the event was read
 * with them (factum_read_request.commits). Errors: TOO_BIG, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_ndjson_format(factum_ndjson *ndjson,
                                                              const factum_event *event,
                                                              factum_slice *line,
                                                              factum_error *err);

/* OK if |json| is one JSON value. Errors: INVALID (the text says why not: "not valid JSON:
 * unexpected character } where a value should be at byte 5"). */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_check(factum_slice json, factum_error *err);
/* The value of the member |name| of the JSON object |json|, as it is written there (text with its
 * quotes), into *value, borrowed from |json|. |name| may be a path of members, "a.b". Errors:
 * NOT_FOUND (the member does not exist, or |json| is not an object), INVALID (|json| is not valid
 * JSON). */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_member(factum_slice json, const char *name,
                                                            factum_slice *value);
/* Decodes the JSON text |value|, as factum_json_member gives it, to UTF-8 with a zero byte at its
 * end, in |buffer| of |size| bytes. Errors: INVALID (not a text, or |size| is 0), TOO_BIG (it does
 * not fit; the content of |buffer| is undefined). */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_text(factum_slice value, char *buffer,
                                                          size_t size);
/* The whole JSON number |value|, into *number. Errors: INVALID (not a number, a fraction, out of
 * range). */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_int64(factum_slice value, int64_t *number);

#ifdef __cplusplus
}
#endif
#endif
