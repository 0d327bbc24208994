/* store.c - stores behind their handles: opening, appending, metadata, waiting. Layer: api.
 *
 * Checks what the C compiler cannot (NULL, sizes of structs), finds the engine, and passes the call
 * on. No logic of its own.
 */
#include "api/store_int.h"

#include <string.h>

#include "api/scheme.h"

#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "engine_local/local.h"
#include "gate/gate.h"

#define NS_PER_MS UINT64_C(1000000)

const char *factum_durability_name(factum_durability durability)
{
    return durability == FACTUM_DURABILITY_OS ? "os" : "sync";
}

struct fct_engine *fct_api_engine(factum_store *store)
{
    return &store->engine;
}

factum_status fct_api_need(bool given, const char *text, factum_error *err)
{
    return given ? FACTUM_OK : fct_fail(err, FACTUM_INVALID, "%s", text);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static factum_status read_options(factum_store_options *options, const factum_store_options *given,
                                  factum_error *err)
{
    factum_status status = FACTUM_OK;
    *options = (factum_store_options){.size = sizeof *options};
    if (given != NULL) {
        status = fct_sized_read(options, sizeof *options, given, "open: the options struct", err);
    }
    if (status == FACTUM_OK && options->log != NULL) {
        status = fct_api_need(options->log->write != NULL,
                              "open: the log sink has no function to write", err);
    }
    if (status == FACTUM_OK && options->clock != NULL) {
        status =
            fct_api_need(options->clock->now != NULL, "open: the clock has no function now", err);
    }
    return status;
}

factum_status fct_api_opening_begin(struct fct_api_opening *opening,
                                    const factum_store_options *options, factum_error *err)
{
    *opening = (struct fct_api_opening){.os = fct_os_real()};
    factum_status status = read_options(&opening->options, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_store *store = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *store);
    if (store == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
    }
    if (opening->options.clock != NULL) {
        fct_os_clock_init(&store->clock, opening->os, opening->options.clock);
        opening->os = &store->clock.os;
    }
    opening->limits = (struct fct_limits){
        .event_size_max = opening->options.event_size_max,
        .append_events_max = opening->options.append_events_max,
        .append_size_max = opening->options.append_size_max,
        .queue_max = opening->options.queue_max,
        .queue_size_max = opening->options.queue_size_max,
    };
    opening->store = store;
    return FACTUM_OK;
}

factum_status fct_api_opening_end(struct fct_api_opening *opening, factum_status status,
                                  factum_store **store)
{
    if (status == FACTUM_OK) {
        *store = opening->store;
    } else {
        fct_mem_free(fct_mem_heap(), opening->store);
    }
    opening->store = NULL;
    return status;
}

factum_status factum_open(const char *path, const factum_store_options *options,
                          factum_store **store, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_api_opening opening;
    if (store == NULL || path == NULL) {
        return fct_api_need(false, "open: a path and a place for the store are needed", err);
    }
    *store = NULL;
    factum_status status = fct_api_opening_begin(&opening, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_api_is_address(path)) {
        const struct fct_scheme_options remote = {
            .os = opening.os,
            .mem = fct_mem_heap(),
            .address = path,
            .limits = opening.limits,
            .options = &opening.options,
        };
        status = fct_api_open_address(&opening.store->engine, &remote, err);
        return fct_api_opening_end(&opening, status, store);
    }
    const struct fct_local_options local = {
        .os = opening.os,
        .mem = fct_mem_heap(),
        .path = path,
        .sink = opening.options.log,
        .limits = opening.limits,
        .durability = opening.options.durability,
        .read_only = opening.options.read_only,
        .must_exist = opening.options.must_exist,
        .threads = !opening.options.no_threads,
    };
    status = fct_engine_local_open(&opening.store->engine, &local, err);
    if (status == FACTUM_OK && !opening.options.read_only) {
        status = fct_gate_put(&opening.store->engine, opening.options.log, err);
    }
    return fct_api_opening_end(&opening, status, store);
}

factum_status factum_close(factum_store *store, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (store == NULL) {
        return FACTUM_OK;
    }
    factum_status status = fct_engine_close(&store->engine, err);
    fct_mem_free(fct_mem_heap(), store);
    return status;
}

uint32_t factum_capabilities(const factum_store *store)
{
    return store == NULL ? 0 : store->engine.ops->capabilities;
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t factum_now(const factum_store *store)
{
    return fct_os_time(store == NULL ? fct_os_real() : store->engine.os);
}

uint64_t factum_deadline(int64_t timeout_ms)
{
    if (timeout_ms < 0) {
        return 0;
    }
    uint64_t now = fct_os_monotonic(fct_os_real());
    uint64_t left = (UINT64_MAX - now) / NS_PER_MS;
    return (uint64_t)timeout_ms > left ? UINT64_MAX : now + (uint64_t)timeout_ms * NS_PER_MS;
}

factum_status factum_wait(factum_store *store, uint64_t place, int64_t timeout_ms,
                          factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = fct_api_need(store != NULL, "wait: a store is needed", err);
    return status == FACTUM_OK ? fct_engine_wait(&store->engine, place, timeout_ms, NULL, err)
                               : status;
}

/* ---- appends --------------------------------------------------------------------------------- */

factum_status factum_append(factum_store *store, const factum_append_request *request,
                            factum_append_result *result, uint64_t *revisions, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = fct_api_need(store != NULL, "append: a store is needed", err);
    return status == FACTUM_OK ? fct_engine_append(&store->engine, request, result, revisions, err)
                               : status;
}

/* Copies |events| with the name of their stream filled in. */
static factum_status name_stream(factum_new_event *copy, const factum_new_event *events,
                                 size_t count, factum_slice stream, factum_error *err)
{
    for (size_t i = 0; i < count; i++) {
        copy[i] = events[i];
        copy[i].stream = stream;
        if (events[i].stream.len > 0 && events[i].stream.ptr != NULL &&
            !fct_slice_equal(events[i].stream, stream)) {
            return fct_fail(err, FACTUM_INVALID, "event %zu names stream %.*s, not %.*s", i,
                            FCT_FMT(events[i].stream), FCT_FMT(stream));
        }
    }
    return FACTUM_OK;
}

factum_status factum_append_stream(factum_store *store, factum_slice stream,
                                   factum_expected expected, const factum_new_event *events,
                                   size_t event_count, factum_append_result *result,
                                   factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (store == NULL) {
        return fct_api_need(false, "append: a store is needed", err);
    }
    if (event_count > store->engine.limits.append_events_max) {
        return fct_fail(err, FACTUM_TOO_BIG,
                        "an append has %zu events: at most %llu (append_events_max); split it into "
                        "several",
                        event_count, (unsigned long long)store->engine.limits.append_events_max);
    }
    if (event_count > 0 && events == NULL) {
        return fct_api_need(false, "append: events are NULL", err);
    }
    if (stream.len == 0 || stream.ptr == NULL) {
        return fct_api_need(false, "a stream has no name: give it one", err);
    }
    factum_new_event one;
    factum_new_event *copy =
        event_count <= 1 ? &one : fct_mem_alloc(fct_mem_heap(), event_count * sizeof *copy);
    if (copy == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    factum_status status = name_stream(copy, events, event_count, stream, err);
    if (status == FACTUM_OK) {
        const factum_expectation expectation = {stream, expected};
        const factum_append_request request = {
            .size = sizeof request,
            .events = copy,
            .event_count = event_count,
            .expectations = &expectation,
            .expectation_count = 1,
        };
        status = fct_engine_append(&store->engine, &request, result, NULL, err);
    }
    if (copy != &one) {
        fct_mem_free(fct_mem_heap(), copy);
    }
    return status;
}

factum_status factum_metadata_set(factum_store *store, factum_slice stream,
                                  factum_expected expected, factum_slice json,
                                  factum_append_result *result, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (store == NULL) {
        return fct_api_need(false, "metadata: a store is needed", err);
    }
    return fct_engine_metadata_set(&store->engine, stream, expected, json, result, err);
}

factum_status factum_delete(factum_store *store, factum_slice stream, factum_expected expected,
                            factum_append_result *result, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (store == NULL) {
        return fct_api_need(false, "delete: a store is needed", err);
    }
    return fct_engine_remove(&store->engine, FACTUM_ACTION_DELETE, stream, expected, result, err);
}

factum_status factum_tombstone(factum_store *store, factum_slice stream, factum_expected expected,
                               factum_append_result *result, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (store == NULL) {
        return fct_api_need(false, "tombstone: a store is needed", err);
    }
    return fct_engine_remove(&store->engine, FACTUM_ACTION_TOMBSTONE, stream, expected, result,
                             err);
}
