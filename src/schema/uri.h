/* uri.h - URI references resolved against a base (RFC 3986, section 5). Layer: schema. Pure. */
#ifndef FCT_SCHEMA_URI_H
#define FCT_SCHEMA_URI_H

#include "core/buf.h"

struct fct_uri {
    factum_slice scheme, authority, path, query, fragment;
    bool has_scheme, has_authority, has_query, has_fragment;
};

/* Any text has these parts; nothing is checked. */
struct fct_uri fct_uri_split(factum_slice text);
/* |text| seen from |base|, without its fragment, added to |to|. NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_uri_resolve(struct fct_buf *to, factum_slice base,
                                           factum_slice text);
/* Decodes %XX in place; the result is the new size. A '%' without two digits stays. */
size_t fct_uri_decode(uint8_t *text, size_t len);

#endif
