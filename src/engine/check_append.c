/* check_append.c - checks an append before an engine sees it. Layer: engine.
 *
 * Linear in the request, without allocation. The texts of refusals name the thing, its value, the
 * limit, and what to do.
 */
#include "engine/check_append.h"

#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "engine/name.h"
#include "engine/rules.h"

/* ---- events ---------------------------------------------------------------------------------- */

static factum_status check_pointers(const factum_new_event *event, factum_error *err)
{
    if ((event->data.len > 0 && event->data.ptr == NULL) ||
        (event->metadata.len > 0 && event->metadata.ptr == NULL) ||
        (event->tag_count > 0 && event->tags == NULL)) {
        return fct_fail(err, FACTUM_INVALID,
                        "an event of stream %.*s has data, metadata or tags at NULL",
                        FCT_FMT(event->stream));
    }
    if (event->content_type > FACTUM_CONTENT_BINARY) {
        return fct_fail(err, FACTUM_INVALID, "an event of stream %.*s has content type %d",
                        FCT_FMT(event->stream), (int)event->content_type);
    }
    if (event->reserved[0] != 0 || event->reserved[1] != 0) {
        return fct_fail(err, FACTUM_INVALID,
                        "an event of stream %.*s has reserved members that are not zero: zero the "
                        "struct first",
                        FCT_FMT(event->stream));
    }
    if (event->media_type.len > 0 && !fct_media_type_valid(event->media_type)) {
        factum_slice shown = event->media_type;
        shown.len = shown.ptr == NULL ? 0 : shown.len < 64 ? shown.len : 64;
        return fct_fail(err, FACTUM_INVALID,
                        "an event of stream %.*s has content type \"%.*s\": a content type is "
                        "\"type/subtype\", as in image/png",
                        FCT_FMT(event->stream), FCT_FMT(shown));
    }
    return FACTUM_OK;
}

static factum_status check_sizes(const struct fct_engine *engine, const factum_new_event *event,
                                 factum_error *err)
{
    uint64_t size = (uint64_t)event->data.len + event->metadata.len;
    if (event->data.len > SIZE_MAX / 4 || event->metadata.len > SIZE_MAX / 4 ||
        size > engine->limits.event_size_max) {
        return fct_fail(err, FACTUM_TOO_BIG,
                        "an event of stream %.*s has %" PRIu64 " bytes of data and metadata: at "
                        "most %" PRIu64 " (event_size_max)",
                        FCT_FMT(event->stream), size, engine->limits.event_size_max);
    }
    if (event->tag_count > FACTUM_TAGS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "an event has %zu tags: at most %d", event->tag_count,
                        FACTUM_TAGS_MAX);
    }
    for (size_t i = 0; i < event->tag_count; i++) {
        factum_status status = fct_name_check(event->tags[i], "a tag", err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

/* The type $metadata is for metastreams only, they take no other type, and $streamDeleted is for
 * tombstones, which users do not write. */
static factum_status check_own_types(const factum_new_event *event, factum_error *err)
{
    bool metastream = fct_slice_starts(event->stream, FCT_SLICE("$$"));
    bool metadata = fct_slice_equal(event->type, FCT_SLICE(FCT_TYPE_METADATA));
    if ((metadata && !metastream) || fct_slice_equal(event->type, FCT_SLICE(FCT_TYPE_TOMBSTONE))) {
        return fct_fail(err, FACTUM_INVALID, "event type %.*s is the store's own",
                        FCT_FMT(event->type));
    }
    if (metastream && !metadata) {
        return fct_fail(err, FACTUM_INVALID,
                        "stream %.*s is a metastream: it holds events of type " FCT_TYPE_METADATA
                        " only",
                        FCT_FMT(event->stream));
    }
    return FACTUM_OK;
}

static factum_status check_event(const struct fct_engine *engine, const factum_new_event *event,
                                 bool system, factum_error *err)
{
    factum_status status = fct_name_check_written(event->stream, system, err);
    if (status == FACTUM_OK) {
        status = fct_name_check(event->type, "an event type", err);
    }
    if (status == FACTUM_OK) {
        status = check_pointers(event, err);
    }
    if (status == FACTUM_OK) {
        status = check_sizes(engine, event, err);
    }
    return status == FACTUM_OK ? check_own_types(event, err) : status;
}

/* Bytes of an event that was checked, so that the sum cannot overflow. */
static uint64_t size_of_event(const factum_new_event *event)
{
    uint64_t size = (uint64_t)event->data.len + event->metadata.len + event->stream.len +
                    event->type.len + event->media_type.len;
    for (size_t i = 0; i < event->tag_count; i++) {
        size += event->tags[i].len;
    }
    return size;
}

static factum_status check_events(const struct fct_engine *engine,
                                  const factum_append_request *request, factum_error *err)
{
    uint64_t size = 0;
    for (size_t i = 0; i < request->event_count; i++) {
        factum_status status = check_event(engine, &request->events[i], request->system, err);
        if (status != FACTUM_OK) {
            return status;
        }
        size += size_of_event(&request->events[i]);
    }
    if (size > engine->limits.append_size_max) {
        return fct_fail(err, FACTUM_TOO_BIG,
                        "an append has %" PRIu64
                        " bytes of data, metadata, names and tags: at most %" PRIu64
                        " (append_size_max); split it into several",
                        size, engine->limits.append_size_max);
    }
    return FACTUM_OK;
}

/* ---- queries and expectations ---------------------------------------------------------------- */

static factum_status check_item(const factum_query_item *item, size_t index, const char *what,
                                factum_error *err)
{
    if (item->type_count == 0 && item->tag_count == 0) {
        return fct_fail(err, FACTUM_INVALID, "item %zu of %s names neither types nor tags", index,
                        what);
    }
    if ((item->type_count > 0 && item->types == NULL) ||
        (item->tag_count > 0 && item->tags == NULL)) {
        return fct_fail(err, FACTUM_INVALID, "item %zu of %s is NULL", index, what);
    }
    return FACTUM_OK;
}

static factum_status check_names(const factum_slice *names, size_t count, const char *what,
                                 factum_error *err)
{
    for (size_t i = 0; i < count; i++) {
        factum_status status = fct_name_check(names[i], what, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

factum_status fct_query_check(const factum_query *query, const char *what, factum_error *err)
{
    if (query == NULL || query->item_count == 0 || query->items == NULL) {
        return fct_fail(err, FACTUM_INVALID, "%s has no items: name types or tags", what);
    }
    if (query->item_count > FACTUM_QUERY_ITEMS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "%s has %zu items: at most %d", what,
                        query->item_count, FACTUM_QUERY_ITEMS_MAX);
    }
    size_t names = 0;
    for (size_t i = 0; i < query->item_count; i++) {
        const factum_query_item *item = &query->items[i];
        factum_status status = check_item(item, i, what, err);
        if (status != FACTUM_OK) {
            return status;
        }
        bool many =
            item->type_count > FACTUM_QUERY_NAMES_MAX || item->tag_count > FACTUM_QUERY_NAMES_MAX;
        names = many ? SIZE_MAX : names + item->type_count + item->tag_count;
        if (names > FACTUM_QUERY_NAMES_MAX) {
            return fct_fail(err, FACTUM_TOO_BIG, "%s names more than %d types and tags", what,
                            FACTUM_QUERY_NAMES_MAX);
        }
        status = check_names(item->types, item->type_count, "an event type of a query", err);
        if (status == FACTUM_OK) {
            status = check_names(item->tags, item->tag_count, "a tag of a query", err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

static factum_status check_expectations(const factum_append_request *request, factum_error *err)
{
    for (size_t i = 0; i < request->expectation_count; i++) {
        const factum_expectation *expectation = &request->expectations[i];
        factum_status status = fct_name_check_stream(expectation->stream, err);
        if (status != FACTUM_OK) {
            return status;
        }
        factum_expected_kind kind = expectation->expected.kind;
        if (kind < FACTUM_EXPECTED_ANY || kind > FACTUM_EXPECTED_REVISION) {
            return fct_fail(err, FACTUM_INVALID,
                            "stream %.*s has no expected revision: state one (any, no stream, "
                            "stream exists, a revision)",
                            FCT_FMT(expectation->stream));
        }
    }
    return FACTUM_OK;
}

/* ---- the request ----------------------------------------------------------------------------- */

static factum_status check_counts(const struct fct_engine *engine,
                                  const factum_append_request *request, factum_error *err)
{
    if ((request->event_count > 0 && request->events == NULL) ||
        (request->expectation_count > 0 && request->expectations == NULL)) {
        return fct_fail(err, FACTUM_INVALID, "append: events or expectations are NULL");
    }
    if (request->durability > FACTUM_DURABILITY_OS) {
        return fct_fail(err, FACTUM_INVALID, "append: durability %d is not known",
                        (int)request->durability);
    }
    if (request->expectation_count > 2 * engine->limits.append_events_max) {
        return fct_fail(err, FACTUM_TOO_BIG, "an append has %zu expectations: at most %" PRIu64,
                        request->expectation_count, 2 * engine->limits.append_events_max);
    }
    if (request->event_count > engine->limits.append_events_max) {
        return fct_fail(err, FACTUM_TOO_BIG,
                        "an append has %zu events: at most %" PRIu64
                        " (append_events_max); split it into several",
                        request->event_count, engine->limits.append_events_max);
    }
    return fct_name_check_optional(request->idempotency_key, "an idempotency key", err);
}

/* Does the request write more than one stream? */
static bool writes_several(const factum_append_request *request)
{
    for (size_t i = 1; i < request->event_count; i++) {
        if (!fct_slice_equal(request->events[i].stream, request->events[0].stream)) {
            return true;
        }
    }
    return false;
}

static factum_status check_capabilities(const struct fct_engine *engine,
                                        const factum_append_request *request, factum_error *err)
{
    uint32_t capabilities = engine->ops->capabilities;
    if (request->condition != NULL && (capabilities & FACTUM_CAPABILITY_CONDITIONS) == 0) {
        return fct_fail(err, FACTUM_UNSUPPORTED, "this store has no append conditions");
    }
    if ((capabilities & FACTUM_CAPABILITY_ATOMIC_ACROSS_STREAMS) == 0 && writes_several(request)) {
        return fct_fail(err, FACTUM_UNSUPPORTED,
                        "this store cannot write several streams in one append: write one");
    }
    return FACTUM_OK;
}

/* Checks a DELETE or TOMBSTONE, whose stream must not be a metastream. */
static factum_status check_removal(const factum_append_op *op, const factum_append_request *request,
                                   factum_error *err)
{
    if (op->action > FACTUM_ACTION_TOMBSTONE) {
        return fct_fail(err, FACTUM_INVALID, "append: action %d is not known", (int)op->action);
    }
    if (request->expectation_count != 1 || request->event_count != 0 ||
        request->condition != NULL || request->idempotency_key.len != 0) {
        return fct_fail(err, FACTUM_INVALID,
                        "delete: the request has one expectation, and neither events nor a "
                        "condition nor a key");
    }
    factum_slice stream = request->expectations[0].stream;
    if (fct_slice_starts(stream, FCT_SLICE("$$"))) {
        return op->action == FACTUM_ACTION_TOMBSTONE
                   ? fct_fail(err, FACTUM_INVALID, "a metastream cannot be tombstoned")
                   : fct_fail(err, FACTUM_INVALID, "stream %.*s cannot have metadata",
                              FCT_FMT(stream));
    }
    return FACTUM_OK;
}

factum_status fct_append_prepare(const struct fct_engine *engine, factum_append_op *op,
                                 factum_error *err)
{
    factum_append_request *request = fct_op_request_here(op);
    fct_op_set_tail(op, NULL);
    factum_status status =
        fct_sized_read(request, sizeof *request, op->request, "append: the request", err);
    if (status == FACTUM_OK) {
        status = check_counts(engine, request, err);
    }
    if (status == FACTUM_OK) {
        status = check_expectations(request, err);
    }
    if (status == FACTUM_OK && request->condition != NULL) {
        status = fct_query_check(&request->condition->query, "the append condition", err);
    }
    if (status == FACTUM_OK && op->action != FACTUM_ACTION_APPEND) {
        status = check_removal(op, request, err);
    }
    if (status == FACTUM_OK) {
        status = check_events(engine, request, err);
    }
    if (status == FACTUM_OK) {
        status = check_capabilities(engine, request, err);
    }
    if (status == FACTUM_OK) {
        status = fct_call_check(engine, request->call, "append", err);
    }
    op->result = (factum_append_result){.first_position = 0};
    return status;
}
