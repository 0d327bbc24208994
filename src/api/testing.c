/* testing.c - see testing.h. Layer: api. */
#include <string.h>

#include <factum/ndjson.h>
#include <factum/testing.h>

#include "api/store_int.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine_memory/memory.h"
#include "gate/gate.h"

factum_status factum_testing_open_memory(const factum_store_options *options, factum_store **store,
                                         factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_api_opening opening;
    if (store == NULL) {
        return fct_api_need(false, "open: a place for the store is needed", err);
    }
    *store = NULL;
    factum_status status = fct_api_opening_begin(&opening, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_engine_memory_open(&opening.store->engine, fct_mem_heap(), opening.os,
                                    &opening.limits, err);
    if (status == FACTUM_OK) {
        status = fct_gate_put(&opening.store->engine, opening.options.log, err);
    }
    return fct_api_opening_end(&opening, status, store);
}

/* The next line of *text that is not empty; false at the end. */
static bool next_line(const char **text, factum_slice *line)
{
    while (**text == '\n') {
        ++*text;
    }
    size_t len = strcspn(*text, "\n");
    *line = fct_slice(*text, len);
    *text += len;
    return len > 0;
}

factum_status factum_testing_given(factum_store *store, const char *lines, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (store == NULL || lines == NULL) {
        return fct_api_need(false, "given: a store and lines are needed", err);
    }
    factum_ndjson *ndjson = factum_ndjson_create();
    factum_slice line;
    factum_status status =
        ndjson == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "out of memory") : FACTUM_OK;
    for (int number = 1; status == FACTUM_OK && next_line(&lines, &line); number++) {
        factum_new_event event;
        status = factum_ndjson_parse(ndjson, line, &event, err);
        if (status == FACTUM_OK) {
            status = factum_append_stream(store, event.stream, factum_any(), &event, 1, NULL, err);
        }
        if (status != FACTUM_OK) {
            status = fct_wrap(err, status, "line %d", number);
        }
    }
    factum_ndjson_destroy(ndjson);
    return status;
}

static factum_status compare(const factum_event *event, const factum_new_event *wanted, int number,
                             factum_error *err)
{
    if (!fct_slice_equal(event->type, wanted->type)) {
        return fct_fail(err, FACTUM_NOT_FOUND, "event %d is %.*s, not %.*s", number,
                        FCT_FMT(event->type), FCT_FMT(wanted->type));
    }
    if (wanted->data.len > 0 && !fct_slice_equal(event->data, wanted->data)) {
        return fct_fail(err, FACTUM_NOT_FOUND, "event %d (%.*s) has data %.*s, not %.*s", number,
                        FCT_FMT(event->type), FCT_FMT(event->data), FCT_FMT(wanted->data));
    }
    return FACTUM_OK;
}

static factum_status compare_all(factum_cursor *cursor, factum_ndjson *ndjson, const char *lines,
                                 factum_error *err)
{
    factum_slice line;
    factum_event event;
    factum_new_event wanted;
    factum_status status = FACTUM_OK;
    int number = 0;
    while (status == FACTUM_OK && next_line(&lines, &line)) {
        status = factum_ndjson_parse(ndjson, line, &wanted, err);
        if (status == FACTUM_OK) {
            status = cursor == NULL ? FACTUM_DONE : factum_cursor_next(cursor, &event, err);
        }
        if (status == FACTUM_DONE) {
            return fct_fail(err, FACTUM_NOT_FOUND,
                            "the stream ends after %d events: %.*s is missing", number,
                            FCT_FMT(wanted.type));
        }
        if (status == FACTUM_OK) {
            status = compare(&event, &wanted, number++, err);
        }
    }
    if (status != FACTUM_OK || cursor == NULL) {
        return status;
    }
    status = factum_cursor_next(cursor, &event, err);
    if (status == FACTUM_OK) {
        return fct_fail(err, FACTUM_NOT_FOUND, "event %d (%.*s) was not expected", number,
                        FCT_FMT(event.type));
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

factum_status factum_testing_expect(factum_store *store, const char *stream, const char *lines,
                                    factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_cursor *cursor;
    if (store == NULL || stream == NULL || lines == NULL) {
        return fct_api_need(false, "expect: a store, a stream and lines are needed", err);
    }
    factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = factum_slice_from(stream),
    };
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status != FACTUM_OK && status != FACTUM_STREAM_NOT_FOUND) {
        return status;
    }
    factum_ndjson *ndjson = factum_ndjson_create();
    status = ndjson == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "out of memory")
                            : compare_all(cursor, ndjson, lines, err);
    factum_ndjson_destroy(ndjson);
    factum_cursor_close(cursor);
    return status;
}
