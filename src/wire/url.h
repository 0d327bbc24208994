/* url.h - the target of a request: its path in segments, its query in members. Layer: wire. Pure.
 *
 * RFC 3986, 2.1 (percent-encoding) and 3.3, 3.4 (path, query); in the query '+' is a blank, as
 * forms and URLSearchParams write it. Segments are split before they are decoded: an encoded '/' is
 * part of its segment.
 *
 * Strict: the target begins with '/' and contains only characters that a target may contain, each
 * '%' is followed by two hexadecimal digits, and the decoded text is UTF-8 without NUL. A member of
 * the query that occurs twice is refused: otherwise one part of the program could check one value
 * and another part use the other.
 */
#ifndef FCT_WIRE_URL_H
#define FCT_WIRE_URL_H

#include <factum/base.h>

#include "core/compiler.h"

#define FCT_URL_SEGMENTS_MAX 16
#define FCT_URL_MEMBERS_MAX 32

struct fct_url_member {
    factum_slice name;
    factum_slice value;
    bool has_value; /* the name is followed by '=' */
};

struct fct_url {
    factum_slice segments[FCT_URL_SEGMENTS_MAX]; /* "/a/b": a, b; "/a/": a and an empty one */
    size_t segment_count;
    struct fct_url_member members[FCT_URL_MEMBERS_MAX];
    size_t member_count;
};

/* Parses |target|. |memory| has target.len bytes, and *url points into it. Errors: INVALID (names
 * the byte or the member); TOO_BIG (too many segments or members). */
FCT_MUST_USE factum_status fct_url_parse(factum_slice target, uint8_t *memory, struct fct_url *url,
                                         factum_error *err);
/* Returns the member |name|, or NULL. */
const struct fct_url_member *fct_url_member(const struct fct_url *url, const char *name);

/* Decodes |text| once into |to| of text.len bytes. Errors: INVALID (a '%' without two digits, NUL,
 * not UTF-8). */
FCT_MUST_USE factum_status fct_percent_decode(factum_slice text, uint8_t *to, factum_slice *plain);

#endif
