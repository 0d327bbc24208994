/* scheme.h - what factum_open() makes of addresses: a table of their schemes, which optional
 * libraries fill, and their way back from a store to its engine. Layer: api. */
#ifndef FCT_API_SCHEME_H
#define FCT_API_SCHEME_H

#include "engine/engine.h"

/* All of it is borrowed for the call. */
struct fct_scheme_options {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *address;
    struct fct_limits limits;
    const factum_store_options *options; /* whole */
};

typedef factum_status (*fct_scheme_open)(struct fct_engine *engine,
                                         const struct fct_scheme_options *options,
                                         factum_error *err);

#define FCT_API_SCHEMES_MAX 8u

/* Addresses that begin with "<scheme>://" are opened by |open|. |scheme| is static. A scheme that
 * is there already keeps its first |open|. Any thread. */
void fct_api_register_scheme(const char *scheme, fct_scheme_open open);
/* Is |path| an address, "<scheme>://...", and not the path of a directory? */
bool fct_api_is_address(const char *path);
/* Opens it: as its scheme's |open|, or UNSUPPORTED. */
FCT_MUST_USE factum_status fct_api_open_address(struct fct_engine *engine,
                                                const struct fct_scheme_options *options,
                                                factum_error *err);
/* The engine of |store|, for the library that has opened it: what only that one can do. */
struct fct_engine *fct_api_engine(factum_store *store);
/* UNSUPPORTED with a text for |what|, "repair", that works on directories only; OK for a path. */
FCT_MUST_USE factum_status fct_api_refuse_address(const char *path, const char *what,
                                                  factum_error *err);

#endif
