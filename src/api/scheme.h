/* scheme.h - how factum_open() opens addresses: a table of schemes, which optional libraries fill,
 * and the way back from a store to its engine. Layer: api. */
#ifndef FCT_API_SCHEME_H
#define FCT_API_SCHEME_H

#include "engine/engine.h"

/* Everything is borrowed for the call. */
struct fct_scheme_options {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *address;
    struct fct_limits limits;
    const factum_store_options *options; /* complete */
};

typedef factum_status (*fct_scheme_open)(struct fct_engine *engine,
                                         const struct fct_scheme_options *options,
                                         factum_error *err);

#define FCT_API_SCHEMES_MAX 8u

/* Addresses that begin with "<scheme>://" are opened by |open|. |scheme| is static. A scheme that
 * exists already keeps its first |open|. Any thread. */
void fct_api_register_scheme(const char *scheme, fct_scheme_open open);
/* Is |path| an address, "<scheme>://...", and not the path of a directory? */
bool fct_api_is_address(const char *path);
/* Opens the address by the |open| of its scheme. Errors: as |open|; UNSUPPORTED (the scheme is
 * unknown). */
FCT_MUST_USE factum_status fct_api_open_address(struct fct_engine *engine,
                                                const struct fct_scheme_options *options,
                                                factum_error *err);
/* The engine of |store|, for the library that opened the store and offers more than the public
 * calls. */
struct fct_engine *fct_api_engine(factum_store *store);
/* OK for a path. UNSUPPORTED for an address; the text names |what|, such as "repair", which works
 * on directories only. */
FCT_MUST_USE factum_status fct_api_refuse_address(const char *path, const char *what,
                                                  factum_error *err);

#endif
