/* enable.c - see <factum/remote.h>: registers the addresses of servers with factum_open(), and
 * pings a server. Layer: engine_remote. */
#include <stdio.h>

#include <factum/remote.h>

#include "api/scheme.h"
#include "core/error.h"
#include "core/sized.h"
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
        .sink = given->options->log,
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

factum_status factum_ping(const char *address, factum_ping_report *report, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_error ignored;
    const struct fct_os *os = fct_os_real();
    const struct fct_engine_remote_options options = {
        .mem = fct_mem_heap(), .os = os, .address = address};
    factum_ping_report full = {.size = sizeof full};
    struct fct_engine engine;
    uint64_t place = 0;
    factum_status status =
        address == NULL ? fct_fail(err, FACTUM_INVALID, "ping: an address is needed") : FACTUM_OK;
    if (status == FACTUM_OK && report != NULL) {
        status = fct_sized_check(report, "ping: the report", err);
    }
    uint64_t started = fct_os_monotonic(os);
    if (status == FACTUM_OK) {
        status = fct_engine_remote_open(&engine, &options, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t connected = fct_os_monotonic(os);
    status = fct_engine_place(&engine, &place, err);
    full.connect_ns = connected - started;
    full.round_trip_ns = fct_os_monotonic(os) - connected;
    (void)snprintf(full.server, sizeof full.server, "%s", fct_engine_remote_server(&engine));
    factum_status closed = fct_engine_close(&engine, status == FACTUM_OK ? err : &ignored);
    status = status == FACTUM_OK ? closed : status;
    if (status == FACTUM_OK && report != NULL) {
        fct_sized_write(report, &full, sizeof full);
    }
    return status;
}
