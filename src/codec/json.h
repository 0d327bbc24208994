/* json.h - a strict scanner of JSON text (RFC 8259). Layer: codec. Pure: no allocation, no
 * recursion.
 *
 * Values stay slices of the text, byte for byte. Depth at most FCT_JSON_DEPTH_MAX; UTF-8 is strict;
 * of members with the same name the last one counts, as in most readers.
 */
#ifndef FCT_CODEC_JSON_H
#define FCT_CODEC_JSON_H

#include <factum/base.h>

/* Arrays and objects inside each other: of data and of metadata, wherever they are looked at. */
#define FCT_JSON_DEPTH_MAX 64

enum fct_json_type {
    FCT_JSON_NULL,
    FCT_JSON_BOOL,
    FCT_JSON_NUMBER,
    FCT_JSON_TEXT,
    FCT_JSON_ARRAY,
    FCT_JSON_OBJECT,
};

struct fct_json {
    factum_slice raw; /* as it stands in the text; a text with its quotes */
    enum fct_json_type type;
};

/* Why a text is not valid JSON, for people: "nesting deeper than 64", at the byte |at|. */
struct fct_json_fault {
    size_t at; /* offset of the first byte that does not fit; of an unknown word, its first */
    char reason[120];
};

/* One whole value with nothing but white space around it. INVALID fills |fault|, which may be NULL.
 */
factum_status fct_json_parse(factum_slice text, struct fct_json *value,
                             struct fct_json_fault *fault);
/* The same for an object whose members may each be FCT_JSON_DEPTH_MAX deep: a line with an event,
 * which holds data and metadata. */
factum_status fct_json_parse_line(factum_slice text, struct fct_json *value,
                                  struct fct_json_fault *fault);
/* The same for a document with such lines in it: FCT_JSON_DOCUMENT_DEPTH levels more. */
#define FCT_JSON_DOCUMENT_DEPTH 4
factum_status fct_json_parse_document(factum_slice text, struct fct_json *value,
                                      struct fct_json_fault *fault);
/* fct_json_parse that says "not valid JSON: <reason> at byte N". */
factum_status fct_json_check(factum_slice text, struct fct_json *value, factum_error *err);

/* Steps through an object that fct_json_parse accepted: *offset starts at 0. False at the end.
 * |name| is raw, without its quotes. */
bool fct_json_member_next(const struct fct_json *object, size_t *offset, factum_slice *name,
                          struct fct_json *value);
bool fct_json_item_next(const struct fct_json *array, size_t *offset, struct fct_json *value);

/* The member called |name| (unescaped comparison). */
bool fct_json_member(const struct fct_json *object, factum_slice name, struct fct_json *value);

/* Unescapes a text (raw, with quotes, or a member name without) into |to| of |size| bytes; *len is
 * what it takes. TOO_BIG, INVALID (lone surrogate, not a text). */
factum_status fct_json_unescape(factum_slice raw, char *to, size_t size, size_t *len);
/* A whole number within int64; INVALID otherwise ("1.0" and "1e3" are whole). */
factum_status fct_json_int64(const struct fct_json *value, int64_t *number);

#endif
