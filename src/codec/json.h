/* json.h - JSON text (RFC 8259) as a whole: whether it is valid, the kind of its value, and some
 * members. Layer: codec. Pure: no allocation, no recursion.
 *
 * Values stay slices of the text, byte for byte. UTF-8 is strict. Of members with the same name the
 * last one counts, as in most readers. To visit every value use a tape: factum/json.h, or
 * json_doc.h, which has memory of its own.
 */
#ifndef FCT_CODEC_JSON_H
#define FCT_CODEC_JSON_H

#include <factum/json.h>

/* Arrays and objects inside each other: of data and of metadata, wherever they are looked at. */
/* White space around a value (RFC 8259, section 2). */
#define FCT_JSON_SPACES " \t\r\n"

#define FCT_JSON_DEPTH_MAX FACTUM_JSON_DEPTH_MAX
/* The limit of an object whose members may each have that depth: a line with an event, which
 * contains data and metadata. */
#define FCT_JSON_LINE_DEPTH (FCT_JSON_DEPTH_MAX + 1)
/* The limit of a document that contains such lines. */
#define FCT_JSON_DOCUMENT_DEPTH (FCT_JSON_DEPTH_MAX + 4)

struct fct_json {
    factum_slice raw; /* bytes of the text; a string with its quotes */
    factum_json_kind kind;
};

/* Why a text is not valid JSON, for messages: "nesting deeper than 64" at byte |at|. */
struct fct_json_fault {
    size_t at; /* offset of the first byte that does not fit; of an unknown word, its first */
    char reason[120];
    bool duplicate; /* the text is valid, but an object has a member twice; on a tape only */
};

/* Parses one value with only white space around it, at most FCT_JSON_DEPTH_MAX deep. Errors:
 * INVALID (|fault|, which may be NULL, gets the reason). */
factum_status fct_json_parse(factum_slice text, struct fct_json *value,
                             struct fct_json_fault *fault);
/* fct_json_parse with the error text "not valid JSON: <reason> at byte N". */
factum_status fct_json_check(factum_slice text, struct fct_json *value, factum_error *err);

/* A member to find, and its value. */
struct fct_json_member {
    factum_slice name; /* compared after unescaping */
    bool found;
    struct fct_json value;
};
/* fct_json_parse that also finds |count| members of an object; of another value it finds none.
 * Errors: INVALID, TOO_BIG (a text of 4 GiB). */
factum_status fct_json_pick(factum_slice text, struct fct_json *value,
                            struct fct_json_member *members, size_t count,
                            struct fct_json_fault *fault);

/* Unescapes a string (|raw| with its quotes, or a member name without) into |to| of |size| bytes;
 * *len is the size that it needs. Errors: TOO_BIG (|to| is too small), INVALID (a lone surrogate,
 * or not a string). */
factum_status fct_json_unescape(factum_slice raw, char *to, size_t size, size_t *len);
/* A whole number of the range of int64 ("1.0" and "1e3" are whole). Errors: INVALID. */
factum_status fct_json_int64(const struct fct_json *value, int64_t *number);

#endif
