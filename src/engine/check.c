/* check.c - checks the calls that do not wait, before an engine sees them. Layer: engine.
 *
 * Refuses arguments that break the promises of engine.h, with texts that say what to do; fills in
 * the structs of older programs; reads the capabilities. Must not wait.
 */
#include <string.h>

#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "engine/check_append.h"
#include "engine/deliver.h"
#include "engine/name.h"

static bool can(const struct fct_engine *engine, enum factum_capability capability)
{
    return (engine->ops->capabilities & (uint32_t)capability) != 0;
}

/* ---- appends --------------------------------------------------------------------------------- */

factum_status fct_engine_submit(struct fct_engine *engine, factum_append_op *op, factum_error *err)
{
    if (op == NULL || op->size != sizeof *op) {
        return fct_fail(err, FACTUM_INVALID,
                        "append: an op is needed, with size = sizeof(factum_append_op)");
    }
    if (op->completer == NULL || op->completer->done == NULL) {
        return fct_fail(err, FACTUM_INVALID, "append: an op needs a completer");
    }
    factum_status status = fct_append_prepare(engine, op, err);
    return status == FACTUM_OK ? engine->ops->append(engine->self, op, err) : status;
}

void fct_engine_cancel(struct fct_engine *engine, factum_append_op *op)
{
    if (op != NULL) {
        engine->ops->cancel(engine->self, op);
    }
}

/* ---- reads ----------------------------------------------------------------------------------- */

/* Checks one list of a filter, for example its "stream prefixes". */
static factum_status check_filter_names(const factum_slice *names, size_t count, const char *what,
                                        factum_error *err)
{
    if (count > FACTUM_FILTER_NAMES_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "a filter has %zu %s: at most %d", count, what,
                        FACTUM_FILTER_NAMES_MAX);
    }
    if (count > 0 && names == NULL) {
        return fct_fail(err, FACTUM_INVALID, "a filter has %s at NULL", what);
    }
    for (size_t i = 0; i < count; i++) {
        factum_status status = fct_name_check(names[i], "one of them", err);
        if (status != FACTUM_OK) {
            return fct_wrap(err, status, "a filter's %s", what);
        }
    }
    return FACTUM_OK;
}

static factum_status check_filter(factum_filter *full, const factum_filter *given,
                                  factum_error *err)
{
    factum_status status = fct_sized_read(full, sizeof *full, given, "read: the filter", err);
    if (status == FACTUM_OK) {
        status = check_filter_names(full->stream_prefixes, full->stream_prefix_count,
                                    "stream prefixes", err);
    }
    if (status == FACTUM_OK) {
        status = check_filter_names(full->types, full->type_count, "types", err);
    }
    if (status == FACTUM_OK) {
        status =
            check_filter_names(full->type_prefixes, full->type_prefix_count, "type prefixes", err);
    }
    return status;
}

static factum_status check_follow(const factum_read_request *request, factum_error *err)
{
    bool until = request->until_created_set || request->until_time_set ||
                 request->until_revision_set || request->until_position_set;
    if (request->backwards || until || request->count_max != 0) {
        return fct_fail(err, FACTUM_INVALID,
                        "a subscription goes forward and has no end: unset backwards, count_max "
                        "and until");
    }
    return FACTUM_OK;
}

/* Checks source, start and name: of the whole log, or of a named list. */
static factum_status check_source(const struct fct_engine *engine,
                                  const factum_read_request *request, factum_error *err)
{
    bool query = request->source == FACTUM_SOURCE_QUERY;
    if (request->source > FACTUM_SOURCE_QUERY || request->from > FACTUM_FROM_AFTER) {
        return fct_fail(err, FACTUM_INVALID, "read: source %d or start %d is not known",
                        (int)request->source, (int)request->from);
    }
    if (!query && request->query != NULL) {
        return fct_fail(err, FACTUM_INVALID, "read: a query goes with FACTUM_SOURCE_QUERY");
    }
    if (!query && request->source != FACTUM_SOURCE_ALL) {
        const char *what = "the stream or list to read";
        return request->source == FACTUM_SOURCE_STREAM
                   ? fct_name_check_readable(request->name, what, err)
                   : fct_name_check(request->name, what, err);
    }
    if (!can(engine, FACTUM_CAPABILITY_TOTAL_ORDER)) {
        return fct_fail(err, FACTUM_UNSUPPORTED,
                        "this store has no order over all streams: read a stream or a list");
    }
    if (request->from == FACTUM_FROM_REVISION || request->until_revision_set) {
        return fct_fail(err, FACTUM_INVALID, "the whole log has positions, no revisions");
    }
    if (request->name.len != 0) {
        return fct_fail(err, FACTUM_INVALID, "read: the whole log and queries have no name");
    }
    return query ? fct_query_check(request->query, "the query", err) : FACTUM_OK;
}

factum_status fct_engine_start_read(struct fct_engine *engine, const factum_read_request *given,
                                    bool follow, struct fct_reader **reader, factum_error *err)
{
    factum_read_request request;
    factum_filter filter;
    *reader = NULL;
    factum_status status =
        fct_sized_read(&request, sizeof request, given, "read: the request", err);
    if (status == FACTUM_OK) {
        status = check_source(engine, &request, err);
    }
    if (status == FACTUM_OK && follow) {
        status = check_follow(&request, err);
    }
    if (status == FACTUM_OK && request.filter != NULL) {
        status = check_filter(&filter, request.filter, err);
        request.filter = &filter;
    }
    if (status == FACTUM_OK) {
        status = fct_call_check(engine, request.call, "read", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (request.source == FACTUM_SOURCE_STREAM) {
        (void)fct_name_resolve_virtual(request.name, &request.source, &request.name);
    }
    status = engine->ops->read(engine->self, &request, follow, reader, err);
    if (status == FACTUM_OK) {
        (*reader)->follow = follow;
    }
    return status;
}

bool fct_engine_is_virtual(factum_slice name)
{
    factum_source source;
    factum_slice rest;
    return fct_name_resolve_virtual(name, &source, &rest);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static factum_status check_part(factum_slice part, const char *what, factum_error *err)
{
    if (part.len > 0 && part.ptr == NULL) {
        return fct_fail(err, FACTUM_INVALID, "list: the %s has a length and no text", what);
    }
    if (part.len > FACTUM_NAME_SIZE_MAX) {
        return fct_fail(err, FACTUM_INVALID, "list: the %s has %zu bytes: names have %d at most",
                        what, part.len, FACTUM_NAME_SIZE_MAX);
    }
    return part.len == 0 || fct_utf8_valid(part)
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID, "list: the %s is not UTF-8 text", what);
}

factum_status fct_engine_list(struct fct_engine *engine, const factum_list_request *given,
                              struct fct_lister **lister, factum_error *err)
{
    factum_list_request request;
    *lister = NULL;
    factum_status status =
        fct_sized_read(&request, sizeof request, given, "list: the request", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!can(engine, FACTUM_CAPABILITY_LIST)) {
        return fct_fail(err, FACTUM_UNSUPPORTED, "this store keeps no lists of names");
    }
    if (request.kind > FACTUM_LIST_TAGS) {
        return fct_fail(err, FACTUM_INVALID, "list: kind %d is not known", (int)request.kind);
    }
    if (request.category.len > 0 && request.kind != FACTUM_LIST_STREAMS) {
        return fct_fail(err, FACTUM_INVALID, "list: only streams have a category: unset it");
    }
    status = check_part(request.category, "category", err);
    if (status == FACTUM_OK) {
        status = check_part(request.prefix, "prefix", err);
    }
    if (status == FACTUM_OK) {
        status = fct_call_check(engine, request.call, "list", err);
    }
    return status == FACTUM_OK ? engine->ops->list(engine->self, &request, lister, err) : status;
}

/* ---- questions ------------------------------------------------------------------------------- */

static factum_status check_count(factum_question *question, factum_error *err)
{
    if (question->source == FACTUM_SOURCE_ALL || question->source >= FACTUM_SOURCE_QUERY) {
        return fct_fail(err, FACTUM_INVALID,
                        "count: name a stream, category, type, correlation id or tag");
    }
    bool stream = question->source == FACTUM_SOURCE_STREAM;
    const char *what = "the list to count in";
    factum_status status = stream ? fct_name_check_readable(question->name, what, err)
                                  : fct_name_check(question->name, what, err);
    if (status == FACTUM_OK && stream) {
        (void)fct_name_resolve_virtual(question->name, &question->source, &question->name);
    }
    return status;
}

/* Has the question all members that its kind needs? */
static factum_status check_question(factum_question *question, factum_error *err)
{
    factum_status status;
    switch (question->kind) {
    case FACTUM_ASK_PLACE:
        return FACTUM_OK;
    case FACTUM_ASK_STREAM:
        status = fct_name_check_readable(question->name, "the stream", err);
        return status == FACTUM_OK ? fct_sized_check(question->stream, "stream: the answer", err)
                                   : status;
    case FACTUM_ASK_EVENT:
        return question->event != NULL
                   ? FACTUM_OK
                   : fct_fail(err, FACTUM_INVALID, "read: no memory for the event was given");
    case FACTUM_ASK_FIND_EVENT:
        status = question->name.len == 0
                     ? FACTUM_OK
                     : fct_name_check_readable(question->name, "the stream", err);
        return status != FACTUM_OK || question->event != NULL
                   ? status
                   : fct_fail(err, FACTUM_INVALID, "read: no memory for the event was given");
    case FACTUM_ASK_KEY:
        status = fct_name_check(question->name, "an idempotency key", err);
        return status == FACTUM_OK ? fct_sized_check(question->key, "key: the answer", err)
                                   : status;
    case FACTUM_ASK_COUNT:
        return check_count(question, err);
    case FACTUM_ASK_INFO:
        return fct_sized_check(question->info, "info: the answer", err);
    }
    return fct_fail(err, FACTUM_INVALID, "ask: kind %d is not known", (int)question->kind);
}

factum_status fct_engine_ask(struct fct_engine *engine, factum_question *question,
                             factum_error *err)
{
    if (question == NULL || question->size != sizeof *question) {
        return fct_fail(err, FACTUM_INVALID,
                        "ask: a question is needed, with size = sizeof(factum_question)");
    }
    if (question->done == NULL) {
        return fct_fail(err, FACTUM_INVALID, "ask: a question needs a done function");
    }
    factum_status status = check_question(question, err);
    if (status == FACTUM_OK) {
        status = fct_call_check(engine, question->call, "ask", err);
    }
    return status == FACTUM_OK ? engine->ops->ask(engine->self, question, err) : status;
}

/* ---- listeners ------------------------------------------------------------------------------- */

factum_status fct_engine_listen(struct fct_engine *engine, factum_listener *listener,
                                factum_error *err)
{
    if (listener == NULL || listener->size != sizeof *listener || listener->notify == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "listen: a listener is needed, with size = sizeof(factum_listener) and a "
                        "notify function");
    }
    listener->internal[3] = NULL; /* not FCT_LISTENER_DIRECT */
    return engine->ops->listen(engine->self, listener, err);
}

void fct_engine_unlisten(struct fct_engine *engine, factum_listener *listener)
{
    if (listener != NULL) {
        engine->ops->unlisten(engine->self, listener);
    }
}
