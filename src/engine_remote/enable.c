/* enable.c - makes factum_open() know the addresses of servers. Layer: engine_remote. */
#include <factum/remote.h>

#include "api/scheme.h"
#include "core/error.h"
#include "engine_remote/remote.h"

static factum_status enable_open(struct fct_engine *engine, const struct fct_scheme_options *given,
                                 factum_error *err)
{
    const struct fct_engine_remote_options options = {
        .mem = given->mem,
        .os = given->os,
        .address = given->address,
        .limits = given->limits,
        .durability = given->options->durability,
        .read_only = given->options->read_only,
    };
    if (given->options->no_threads) {
        return fct_fail(err, FACTUM_UNSUPPORTED,
                        "open: a store behind a connection needs threads (no_threads)");
    }
    return fct_engine_remote_open(engine, &options, err);
}

void factum_remote_enable(void)
{
    fct_api_register_scheme("factum", enable_open);
    fct_api_register_scheme("factums", enable_open);
    fct_api_register_scheme("factum+unix", enable_open);
}
