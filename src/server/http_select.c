/* http_select.c - selects the events of a read or a live tail by path and query. Layer: server.
 *
 * The words are those of the command line: after, from, at, time-at, limit, backwards. Events of
 * streams whose name begins with '$' are left out of everything except a read of such a stream,
 * unless ?system asks for them, which needs the right to read all streams.
 */
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"

static factum_status set_name(struct fct_http_call *call, factum_read_request *request,
                              factum_error *err)
{
    static const struct {
        const char *name;
        factum_source source;
    } sources[] = {
        {"category", FACTUM_SOURCE_CATEGORY}, {"type", FACTUM_SOURCE_TYPE},
        {"tag", FACTUM_SOURCE_TAG},           {"correlation", FACTUM_SOURCE_CORRELATION},
        {"query", FACTUM_SOURCE_QUERY},
    };
    if (call->name.len > 0) {
        request->source = FACTUM_SOURCE_STREAM;
        request->name = call->name;
        return FACTUM_OK;
    }
    size_t chosen = 0;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        factum_slice value = fct_http_text(call, sources[i].name);
        if (value.ptr == NULL) {
            continue;
        }
        chosen++;
        request->source = sources[i].source;
        request->name = value;
        if (value.len == 0) {
            return fct_fail(err, FACTUM_INVALID, "\"%s\" is empty", sources[i].name);
        }
    }
    return chosen > 1 ? fct_fail(err, FACTUM_INVALID,
                                 "choose one: \"category\", \"type\", \"tag\", \"correlation\" or "
                                 "\"query\"")
                      : FACTUM_OK;
}

static factum_status set_query(struct fct_http_call *call, struct fct_http_selection *selection,
                               factum_error *err)
{
    factum_read_request *request = &selection->request;
    if (request->source != FACTUM_SOURCE_QUERY) {
        return FACTUM_OK;
    }
    factum_status status = fct_http_query_json(call, request->name, &selection->query, err);
    request->name = fct_slice(NULL, 0);
    request->query = &selection->query;
    return status == FACTUM_OK ? status : fct_wrap(err, status, "\"query\"");
}

static factum_status set_from(const struct fct_http_call *call, factum_read_request *request,
                              factum_error *err)
{
    factum_slice from = fct_http_text(call, "from");
    bool after = false;
    factum_status status = fct_http_after(call, &request->from_value, &after, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (after && from.ptr != NULL) {
        return fct_fail(err, FACTUM_INVALID, "\"after\" and \"from\" exclude each other");
    }
    if (after) {
        request->from = FACTUM_FROM_AFTER;
    } else if (from.ptr == NULL || fct_slice_equal(from, FCT_SLICE("start"))) {
        request->from = FACTUM_FROM_START;
    } else if (fct_slice_equal(from, FCT_SLICE("end"))) {
        request->from = FACTUM_FROM_END;
    } else if (fct_http_digits(from, &request->from_value) != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "\"from\" is start, end or a revision, not \"%.*s\"",
                        FCT_FMT(from));
    } else if (request->source == FACTUM_SOURCE_ALL || request->source == FACTUM_SOURCE_QUERY) {
        return fct_fail(err, FACTUM_INVALID,
                        "\"from\" is a revision, of a stream: use \"after\" with a token");
    } else {
        request->from = FACTUM_FROM_REVISION;
    }
    return FACTUM_OK;
}

factum_status fct_http_at(const struct fct_http_call *call, factum_read_request *request,
                          factum_error *err)
{
    factum_slice at = fct_http_text(call, "at");
    factum_slice time = fct_http_text(call, "time-at");
    if (time.ptr != NULL && factum_time_parse(time, &request->until_time) != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID,
                        "\"time-at\" is a time as in RFC 3339 or a date, not \"%.*s\"",
                        FCT_FMT(time));
    }
    request->until_time_set = time.ptr != NULL;
    if (at.ptr == NULL) {
        return FACTUM_OK;
    }
    if (fct_http_digits(at, &request->until_revision) == FACTUM_OK) {
        request->until_revision_set = true;
        return request->source != FACTUM_SOURCE_ALL && request->source != FACTUM_SOURCE_QUERY
                   ? FACTUM_OK
                   : fct_fail(err, FACTUM_INVALID,
                              "\"at\" is a revision, of a stream: use a time or a token");
    }
    if (factum_time_parse(at, &request->until_created) == FACTUM_OK) {
        request->until_created_set = true;
        return FACTUM_OK;
    }
    factum_status status =
        factum_token_parse(call->server->store, at, &request->until_position, err);
    request->until_position_set = true;
    return status != FACTUM_INVALID
               ? status
               : fct_fail(err, FACTUM_INVALID,
                          "\"at\" is a time as in RFC 3339, a date, a token or a revision, not "
                          "\"%.*s\"",
                          FCT_FMT(at));
}

/* True for streams that show other streams' events. */
static bool is_virtual(factum_slice stream)
{
    return fct_slice_starts(stream, FCT_SLICE("$ce-")) ||
           fct_slice_starts(stream, FCT_SLICE("$et-")) ||
           fct_slice_starts(stream, FCT_SLICE("$bc-"));
}

static factum_status set_filter(const struct fct_http_call *call,
                                struct fct_http_selection *selection, factum_error *err)
{
    bool system = false;
    factum_read_request *request = &selection->request;
    factum_status status = fct_http_flag(call, "system", &system, err);
    bool of_one = request->source == FACTUM_SOURCE_STREAM && !is_virtual(request->name);
    request->skip_system = !system && !of_one;
    if (status == FACTUM_OK && system) {
        status = fct_rights_check(call->principal, FCT_OP_READ_ALL, FCT_SLICE("$all"), err);
    }
    selection->prefix = fct_http_text(call, "prefix");
    if (selection->prefix.len > 0) {
        selection->filter = (factum_filter){.size = sizeof selection->filter,
                                            .stream_prefixes = &selection->prefix,
                                            .stream_prefix_count = 1};
        request->filter = &selection->filter;
    }
    return status;
}

static factum_status check_live(const struct fct_http_call *call, factum_error *err)
{
    static const char *const names[] = {"limit", "backwards", "at", "time-at"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (fct_http_text(call, names[i]).ptr != NULL) {
            return fct_fail(err, FACTUM_INVALID,
                            "a live tail (text/event-stream) goes on for ever: it has no \"%s\"",
                            names[i]);
        }
    }
    return FACTUM_OK;
}

factum_status fct_http_select(struct fct_http_call *call, bool live,
                              struct fct_http_selection *selection, factum_error *err)
{
    *selection = (struct fct_http_selection){.request = {.size = sizeof(factum_read_request)}};
    factum_read_request *request = &selection->request;
    factum_status status = set_name(call, request, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = set_query(call, selection, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = set_from(call, request, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = set_filter(call, selection, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (live) {
        return check_live(call, err);
    }
    status = fct_http_at(call, request, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_http_flag(call, "backwards", &request->backwards, err);
}
