/* json.h - JSON text (RFC 8259) as a whole: is it valid, what kind of value is it, what are some of
 * its members. Layer: codec. Pure: no allocation, no recursion.
 *
 * Values stay slices of the text, byte for byte. UTF-8 is strict; of members with the same name the
 * last one counts, as in most readers. Who wants to see all of a text uses a tape: factum/json.h,
 * or json_doc.h with memory of its own.
 */
#ifndef FCT_CODEC_JSON_H
#define FCT_CODEC_JSON_H

#include <factum/json.h>

/* Arrays and objects inside each other: of data and of metadata, wherever they are looked at. */
/* What may stand around a value (RFC 8259, section 2). */
#define FCT_JSON_SPACES " \t\r\n"

#define FCT_JSON_DEPTH_MAX FACTUM_JSON_DEPTH_MAX
/* The same of an object whose members may each be that deep: a line with an event, which holds data
 * and metadata. */
#define FCT_JSON_LINE_DEPTH (FCT_JSON_DEPTH_MAX + 1)
/* The same of a document with such lines in it. */
#define FCT_JSON_DOCUMENT_DEPTH (FCT_JSON_DEPTH_MAX + 4)

struct fct_json {
    factum_slice raw; /* as it stands in the text; a text with its quotes */
    factum_json_kind kind;
};

/* Why a text is not valid JSON, for people: "nesting deeper than 64", at the byte |at|. */
struct fct_json_fault {
    size_t at; /* offset of the first byte that does not fit; of an unknown word, its first */
    char reason[120];
    bool duplicate; /* it is valid, but a member stands twice; on a tape only */
};

/* One whole value with nothing but white space around it, FCT_JSON_DEPTH_MAX deep at most. INVALID
 * fills |fault|, which may be NULL. */
factum_status fct_json_parse(factum_slice text, struct fct_json *value,
                             struct fct_json_fault *fault);
/* fct_json_parse that says "not valid JSON: <reason> at byte N". */
factum_status fct_json_check(factum_slice text, struct fct_json *value, factum_error *err);

/* A member that is looked for, and what was found. */
struct fct_json_member {
    factum_slice name; /* by meaning */
    bool found;
    struct fct_json value;
};
/* fct_json_parse that finds |count| members of an object on the way. Of another value, none is
 * found. TOO_BIG: a text of 4 GiB. */
factum_status fct_json_pick(factum_slice text, struct fct_json *value,
                            struct fct_json_member *members, size_t count,
                            struct fct_json_fault *fault);

/* Unescapes a text (raw, with quotes, or a member name without) into |to| of |size| bytes; *len is
 * what it takes. TOO_BIG, INVALID (lone surrogate, not a text). */
factum_status fct_json_unescape(factum_slice raw, char *to, size_t size, size_t *len);
/* A whole number within int64; INVALID otherwise ("1.0" and "1e3" are whole). */
factum_status fct_json_int64(const struct fct_json *value, int64_t *number);

#endif
