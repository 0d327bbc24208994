/* uri.h - URI references resolved against a base (RFC 3986, section 5). Layer: schema. Pure. */
#ifndef FCT_SCHEMA_URI_H
#define FCT_SCHEMA_URI_H

#include "core/buf.h"

struct fct_uri {
    factum_slice scheme, authority, path, query, fragment;
    bool has_scheme, has_authority, has_query, has_fragment;
};

/* Splits any text; nothing is checked. */
struct fct_uri fct_uri_split(factum_slice text);
/* Adds |text|, resolved against |base| and without its fragment, to |to|. Errors: NO_MEMORY,
 * TOO_BIG. */
FCT_MUST_USE factum_status fct_uri_resolve(struct fct_buf *to, factum_slice base,
                                           factum_slice text);
/* Decodes %XX in place and returns the new size. A '%' without two digits stays. */
size_t fct_uri_decode(uint8_t *text, size_t len);

#endif
