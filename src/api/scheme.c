/* scheme.c - see scheme.h. Layer: api.
 *
 * Invariant: the first |count| entries are complete and never change. */
#include "api/scheme.h"

#include <stdatomic.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"

struct scheme {
    const char *name;
    fct_scheme_open open;
};

static struct scheme schemes[FCT_API_SCHEMES_MAX];
static _Atomic uint32_t scheme_count;
static atomic_flag scheme_writer = ATOMIC_FLAG_INIT; /* one writer at a time; readers need no lock
                                                      */

/* "factum" of "factum://..."; 0: not an address. */
static size_t scheme_size(const char *path)
{
    size_t size = strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
    bool begins = path[0] >= 'a' && path[0] <= 'z';
    return begins && strncmp(path + size, "://", 3) == 0 ? size : 0;
}

static const struct scheme *scheme_find(const char *name, size_t size)
{
    uint32_t count = atomic_load(&scheme_count);
    for (uint32_t i = 0; i < count; i++) {
        if (strlen(schemes[i].name) == size && memcmp(schemes[i].name, name, size) == 0) {
            return &schemes[i];
        }
    }
    return NULL;
}

void fct_api_register_scheme(const char *scheme, fct_scheme_open open)
{
    while (atomic_flag_test_and_set(&scheme_writer)) {
    }
    if (scheme_find(scheme, strlen(scheme)) == NULL) {
        uint32_t count = atomic_load(&scheme_count);
        FCT_ASSERT(count < FCT_API_SCHEMES_MAX);
        schemes[count] = (struct scheme){scheme, open};
        atomic_store(&scheme_count, count + 1);
    }
    atomic_flag_clear(&scheme_writer);
}

bool fct_api_is_address(const char *path)
{
    return scheme_size(path) > 0;
}

factum_status fct_api_open_address(struct fct_engine *engine,
                                   const struct fct_scheme_options *options, factum_error *err)
{
    size_t size = scheme_size(options->address);
    const struct scheme *scheme = scheme_find(options->address, size);
    if (scheme == NULL && atomic_load(&scheme_count) == 0) {
        return fct_fail(err, FACTUM_UNSUPPORTED,
                        "this program cannot open addresses (%.*s://): link libfactum-net and call "
                        "factum_remote_enable() first",
                        (int)size, options->address);
    }
    if (scheme == NULL) {
        return fct_fail(err, FACTUM_UNSUPPORTED, "no kind of address begins with %.*s://",
                        (int)size, options->address);
    }
    return scheme->open(engine, options, err);
}

factum_status fct_api_refuse_address(const char *path, const char *what, factum_error *err)
{
    return fct_api_is_address(path)
               ? fct_fail(
                     err, FACTUM_UNSUPPORTED,
                     "%s works on the directory of a store, not on an address: run it where the "
                     "store is",
                     what)
               : FACTUM_OK;
}
