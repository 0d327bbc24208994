/* store.c - stores behind their handles: opening, appending, metadata, figures. Layer: api.
 *
 * Checks what C cannot (NULL, sizes of structs), finds the engine, passes on. No logic of its own.
 */
#include "api/store_int.h"

#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local.h"

const char *factum_durability_name(factum_durability durability)
{
    return durability == FACTUM_DURABILITY_OS ? "os" : "sync";
}

factum_status fct_api_need(bool given, const char *text, factum_error *err)
{
    return given ? FACTUM_OK : fct_fail(err, FACTUM_INVALID, "%s", text);
}

static factum_status check_options(const factum_store_options *options, factum_error *err)
{
    if (options != NULL && options->size < sizeof *options) {
        return fct_fail(err, FACTUM_INVALID,
                        "open: set size to sizeof(factum_store_options), or pass NULL");
    }
    return FACTUM_OK;
}

static struct fct_limits limits_of(const factum_store_options *options)
{
    return (struct fct_limits){
        .event_size_max = options->event_size_max,
        .append_events_max = options->append_events_max,
        .append_size_max = options->append_size_max,
        .queue_max = options->queue_max,
    };
}

factum_status factum_open(const char *path, const factum_store_options *options,
                          factum_store **store, factum_error *err)
{
    static const factum_store_options defaults = {.size = sizeof defaults};
    if (store == NULL || path == NULL) {
        return fct_fail(err, FACTUM_INVALID, "open: a path and a place for the store are needed");
    }
    *store = NULL;
    factum_status status = check_options(options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    options = options == NULL ? &defaults : options;
    const struct fct_mem *mem = fct_mem_heap();
    factum_store *opened = fct_mem_zalloc(mem, 1, sizeof *opened);
    if (opened == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
    }
    struct fct_local_options local = {
        .os = fct_os_real(),
        .mem = mem,
        .path = path,
        .sink = options->log,
        .limits = limits_of(options),
        .durability = options->durability,
        .read_only = options->read_only,
        .must_exist = options->must_exist,
        .threads = !options->no_threads,
    };
    status = fct_engine_local_open(&opened->engine, &local, err);
    opened->local = true;
    if (status != FACTUM_OK) {
        fct_mem_free(mem, opened);
        return status;
    }
    *store = opened;
    return FACTUM_OK;
}

factum_status factum_close(factum_store *store, factum_error *err)
{
    if (store == NULL) {
        return FACTUM_OK;
    }
    const struct fct_mem *mem = store->engine.mem;
    factum_status status = store->engine.ops->close(store->engine.self, err);
    fct_mem_free(mem, store);
    return status;
}

factum_status factum_append(factum_store *store, const factum_append_request *request,
                            factum_append_result *result, uint64_t *revisions, factum_error *err)
{
    factum_status status = fct_api_need(store != NULL, "append: a store is needed", err);
    return status == FACTUM_OK ? fct_engine_append(&store->engine, request, result, revisions, err)
                               : status;
}

factum_status factum_append_stream(factum_store *store, factum_slice stream,
                                   factum_expected expected, const factum_new_event *events,
                                   size_t event_count, factum_append_result *result,
                                   factum_error *err)
{
    if (store == NULL) {
        return fct_api_need(false, "append: a store is needed", err);
    }
    const struct fct_mem *mem = store->engine.mem;
    if (event_count > store->engine.limits.append_events_max) {
        return fct_fail(err, FACTUM_TOO_BIG, "an append has %zu events: at most %llu", event_count,
                        (unsigned long long)store->engine.limits.append_events_max);
    }
    if (event_count > 0 && events == NULL) {
        return fct_fail(err, FACTUM_INVALID, "append: events are NULL");
    }
    if (stream.len == 0 || stream.ptr == NULL) {
        return fct_fail(err, FACTUM_INVALID, "a stream has no name: give it one");
    }
    factum_new_event one;
    factum_new_event *copy =
        event_count <= 1 ? &one : fct_mem_alloc(mem, event_count * sizeof *copy);
    if (copy == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < event_count && status == FACTUM_OK; i++) {
        copy[i] = events[i];
        if (copy[i].stream.len > 0 && copy[i].stream.ptr != NULL &&
            !fct_slice_equal(copy[i].stream, stream)) {
            status = fct_fail(err, FACTUM_INVALID, "event %zu names stream %.*s, not %.*s", i,
                              FCT_FMT(copy[i].stream), FCT_FMT(stream));
        }
        copy[i].stream = stream;
    }
    if (status == FACTUM_OK) {
        factum_expectation expectation = {stream, expected};
        factum_append_request request = {
            .size = sizeof request,
            .events = copy,
            .event_count = event_count,
            .expectations = &expectation,
            .expectation_count = 1,
        };
        status = fct_engine_append(&store->engine, &request, result, NULL, err);
    }
    if (copy != &one) {
        fct_mem_free(mem, copy);
    }
    return status;
}

factum_status factum_append_submit(factum_store *store, factum_append_op *op, factum_error *err)
{
    factum_status status = fct_api_need(store != NULL, "append: a store is needed", err);
    return status == FACTUM_OK ? fct_engine_submit(&store->engine, op, err) : status;
}

factum_status factum_read_event(factum_store *store, uint64_t position, factum_event *event,
                                factum_error *err)
{
    if (store == NULL || event == NULL) {
        return fct_api_need(false, "read: a store and a place for the event are needed", err);
    }
    return store->engine.ops->event(store->engine.self, position, event, err);
}

uint64_t factum_end_position(factum_store *store)
{
    return store == NULL ? 0 : store->engine.ops->end(store->engine.self);
}

factum_status factum_wait(factum_store *store, uint64_t position, int64_t timeout_ms,
                          factum_error *err)
{
    if (store == NULL) {
        return fct_api_need(false, "wait: a store is needed", err);
    }
    return store->engine.ops->wait(store->engine.self, position, timeout_ms, NULL, err);
}

factum_status factum_stream_info_get(factum_store *store, factum_slice stream,
                                     factum_stream_info *info, factum_error *err)
{
    if (store == NULL || info == NULL) {
        return fct_api_need(false, "stream: a store and a place for the answer are needed", err);
    }
    return fct_engine_stream(&store->engine, stream, info, err);
}

factum_status factum_metadata_set(factum_store *store, factum_slice stream,
                                  factum_expected expected, factum_slice json,
                                  factum_append_result *result, factum_error *err)
{
    if (store == NULL) {
        return fct_api_need(false, "metadata: a store is needed", err);
    }
    return fct_engine_metadata_set(&store->engine, stream, expected, json, result, err);
}

factum_status factum_delete(factum_store *store, factum_slice stream, factum_expected expected,
                            factum_append_result *result, factum_error *err)
{
    if (store == NULL) {
        return fct_api_need(false, "delete: a store is needed", err);
    }
    return fct_engine_delete(&store->engine, stream, expected, result, err);
}

factum_status factum_tombstone(factum_store *store, factum_slice stream, factum_expected expected,
                               factum_append_result *result, factum_error *err)
{
    if (store == NULL) {
        return fct_api_need(false, "tombstone: a store is needed", err);
    }
    return fct_engine_tombstone(&store->engine, stream, expected, result, err);
}

factum_status factum_info_get(factum_store *store, factum_info *info, factum_error *err)
{
    if (store == NULL || info == NULL) {
        return fct_api_need(false, "info: a store and a place for the answer are needed", err);
    }
    return store->engine.ops->info(store->engine.self, info, err);
}

factum_status factum_verify(factum_store *store, const factum_progress *progress,
                            factum_verify_report *report, factum_error *err)
{
    factum_verify_report ignored;
    if (store == NULL) {
        return fct_api_need(false, "verify: a store is needed", err);
    }
    report = report == NULL ? &ignored : report;
    return store->engine.ops->verify(store->engine.self, progress, report, err);
}

factum_status factum_backup(factum_store *store, const char *to, const factum_progress *progress,
                            factum_backup_report *report, factum_error *err)
{
    factum_backup_report ignored;
    if (store == NULL || to == NULL) {
        return fct_api_need(false, "backup: a store and a directory are needed", err);
    }
    if (!store->local) {
        return fct_fail(err, FACTUM_UNSUPPORTED, "a store in memory cannot be backed up");
    }
    return fct_engine_local_backup(&store->engine, to, progress, report == NULL ? &ignored : report,
                                   err);
}

factum_status factum_restore(const char *from, const char *to, const factum_progress *progress,
                             factum_backup_report *report, factum_error *err)
{
    factum_backup_report ignored;
    if (from == NULL || to == NULL) {
        return fct_fail(err, FACTUM_INVALID, "restore: two directories are needed");
    }
    return fct_engine_local_restore(fct_os_real(), fct_mem_heap(), from, to, progress,
                                    report == NULL ? &ignored : report, err);
}

factum_status factum_repair(const char *path, const factum_repair_options *options,
                            const factum_progress *progress, factum_error *err)
{
    if (options == NULL || options->size < sizeof *options || path == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "repair: a path and options with size = sizeof(factum_repair_options) are "
                        "needed");
    }
    return fct_engine_local_repair(fct_os_real(), fct_mem_heap(), path, options, progress, err);
}
