/* json.h - a strict scanner of JSON text (RFC 8259). Layer: codec. Pure: no allocation, no
 * recursion.
 *
 * Values stay slices of the text, byte for byte. Depth at most FCT_JSON_DEPTH_MAX; UTF-8 is strict;
 * a duplicate member: the last one counts, as in most readers.
 */
#ifndef FCT_CODEC_JSON_H
#define FCT_CODEC_JSON_H

#include <factum/base.h>

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

/* One whole value with nothing but white space around it. INVALID: *at (may be NULL) is the offset
 * of the first byte that does not fit; of a word that is none, its first. */
factum_status fct_json_parse(factum_slice text, struct fct_json *value, size_t *at);

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
