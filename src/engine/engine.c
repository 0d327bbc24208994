/* engine.c - the checks between users and engines. Layer: engine.
 *
 * Refuses what no engine should see, with texts that say what to do, before anything is written.
 * Linear in the request, and without allocation unless event ids have to be made.
 */
#include "engine/engine.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "core/error.h"
#include "core/random.h"
#include "core/slice.h"

#define EVENT_SIZE_MAX_DEFAULT (UINT64_C(1) << 20)
#define EVENT_SIZE_MAX_MAX (UINT64_C(16) << 20)
#define APPEND_EVENTS_MAX_DEFAULT UINT64_C(1000)
#define APPEND_EVENTS_MAX_MAX UINT64_C(100000)
#define APPEND_SIZE_MAX_DEFAULT (UINT64_C(16) << 20)
#define APPEND_SIZE_MAX_MAX (UINT64_C(32) << 20)
#define QUEUE_MAX_DEFAULT UINT64_C(65536)
#define QUEUE_MAX_MAX (UINT64_C(1) << 24)

static factum_status set_limit(uint64_t *limit, uint64_t otherwise, uint64_t most, const char *name,
                               factum_error *err)
{
    if (*limit > most) {
        return fct_fail(err, FACTUM_INVALID, "%s may be %" PRIu64 " at most", name, most);
    }
    *limit = *limit == 0 ? otherwise : *limit;
    return FACTUM_OK;
}

factum_status fct_limits_default(struct fct_limits *limits, factum_error *err)
{
    factum_status status = set_limit(&limits->event_size_max, EVENT_SIZE_MAX_DEFAULT,
                                     EVENT_SIZE_MAX_MAX, "event_size_max", err);
    if (status == FACTUM_OK) {
        status = set_limit(&limits->append_events_max, APPEND_EVENTS_MAX_DEFAULT,
                           APPEND_EVENTS_MAX_MAX, "append_events_max", err);
    }
    if (status == FACTUM_OK) {
        status = set_limit(&limits->append_size_max, APPEND_SIZE_MAX_DEFAULT, APPEND_SIZE_MAX_MAX,
                           "append_size_max", err);
    }
    return status == FACTUM_OK
               ? set_limit(&limits->queue_max, QUEUE_MAX_DEFAULT, QUEUE_MAX_MAX, "queue_max", err)
               : status;
}

/* ---- names ----------------------------------------------------------------------------------- */

#define SHOWN_MAX 40u /* bytes of a bad name in an error text */

/* The begin of a name that may hold anything, for people: what is no ASCII as \xNN. */
static const char *show_name(factum_slice name, char text[SHOWN_MAX * 4 + 4])
{
    size_t used = 0;
    size_t len = name.len < SHOWN_MAX ? name.len : SHOWN_MAX;
    for (size_t i = 0; i < len; i++) {
        bool plain = name.ptr[i] >= 0x20 && name.ptr[i] < 0x7f;
        int step = snprintf(text + used, 5, plain ? "%c" : "\\x%02x", name.ptr[i]);
        used += (size_t)step;
    }
    memcpy(text + used, name.len > len ? "..." : "", name.len > len ? 4 : 1);
    return text;
}

static factum_status check_name(factum_slice name, const char *what, factum_error *err)
{
    char shown[SHOWN_MAX * 4 + 4];
    if (name.len == 0 || name.ptr == NULL) {
        return fct_fail(err, FACTUM_INVALID, "%s has no name: give it one", what);
    }
    if (name.len > FACTUM_NAME_SIZE_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG,
                        "%s has a name of %zu bytes, \"%s\": at most %d, shorten it", what,
                        name.len, show_name(name, shown), FACTUM_NAME_SIZE_MAX);
    }
    if (!fct_utf8_valid(name)) {
        return fct_fail(err, FACTUM_INVALID, "%s has a name that is not UTF-8 text: \"%s\"", what,
                        show_name(name, shown));
    }
    if (memchr(name.ptr, '\0', name.len) != NULL) {
        return fct_fail(err, FACTUM_INVALID, "%s has a name with a NUL byte in it: \"%s\"", what,
                        show_name(name, shown));
    }
    return FACTUM_OK;
}

struct virtual_stream {
    const char *prefix;
    factum_source source;
};

static const struct virtual_stream virtual_streams[] = {
    {"$ce-", FACTUM_SOURCE_CATEGORY},
    {"$et-", FACTUM_SOURCE_TYPE},
    {"$bc-", FACTUM_SOURCE_CORRELATION},
};

static const struct virtual_stream *find_virtual(factum_slice name)
{
    for (size_t i = 0; i < sizeof virtual_streams / sizeof virtual_streams[0]; i++) {
        factum_slice prefix = factum_slice_from(virtual_streams[i].prefix);
        if (name.len > prefix.len && fct_slice_starts(name, prefix)) {
            return &virtual_streams[i];
        }
    }
    return NULL;
}

bool fct_engine_is_virtual(factum_slice name)
{
    return find_virtual(name) != NULL;
}

/* A stream that can be written. */
static factum_status check_stream(factum_slice stream, factum_error *err)
{
    factum_status status = check_name(stream, "a stream", err);
    if (status != FACTUM_OK || !fct_slice_starts(stream, FCT_SLICE("$"))) {
        return status;
    }
    if (fct_slice_equal(stream, FCT_SLICE("$$")) || fct_slice_starts(stream, FCT_SLICE("$$$$"))) {
        return fct_fail(err, FACTUM_INVALID,
                        "%.*s is no stream's name: a metastream is $$ and the name of a stream",
                        FCT_FMT(stream));
    }
    if (find_virtual(stream) != NULL || fct_slice_equal(stream, FCT_SLICE("$all"))) {
        return fct_fail(err, FACTUM_INVALID,
                        "stream %.*s is made by the store: it can be read only", FCT_FMT(stream));
    }
    return FACTUM_OK;
}

/* A stream that is written by somebody who may write the system's, or not. */
static factum_status check_written(factum_slice stream, bool system, factum_error *err)
{
    factum_status status = check_stream(stream, err);
    if (status == FACTUM_OK && !system && fct_slice_starts(stream, FCT_SLICE("$")) &&
        !fct_slice_starts(stream, FCT_SLICE("$$"))) {
        status = fct_fail(err, FACTUM_INVALID,
                          "stream %.*s: names that begin with $ are kept for the system; choose "
                          "another, or say that it is meant (system)",
                          FCT_FMT(stream));
    }
    return status;
}

/* ---- appends --------------------------------------------------------------------------------- */

static bool is_zero(factum_uuid id)
{
    static const factum_uuid zero;
    return memcmp(id.bytes, zero.bytes, sizeof id.bytes) == 0;
}

static factum_status check_event(const struct fct_engine *engine, const factum_new_event *event,
                                 bool internal, bool system, factum_error *err)
{
    factum_status status = check_written(event->stream, system, err);
    if (status == FACTUM_OK) {
        status = check_name(event->type, "an event type", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
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
    for (size_t i = 0; i < event->tag_count && status == FACTUM_OK; i++) {
        status = check_name(event->tags[i], "a tag", err);
    }
    bool metastream = fct_slice_starts(event->stream, FCT_SLICE("$$"));
    bool metadata = fct_slice_equal(event->type, FCT_SLICE(FCT_TYPE_METADATA));
    bool tombstone = fct_slice_equal(event->type, FCT_SLICE(FCT_TYPE_TOMBSTONE));
    if (status == FACTUM_OK && ((metadata && !metastream) || (tombstone && !internal))) {
        status = fct_fail(err, FACTUM_INVALID, "event type %.*s is the store's own",
                          FCT_FMT(event->type));
    }
    if (status == FACTUM_OK && metastream && !metadata) {
        status = fct_fail(err, FACTUM_INVALID,
                          "stream %.*s is a metastream: it holds events of type " FCT_TYPE_METADATA
                          " only",
                          FCT_FMT(event->stream));
    }
    return status;
}

static factum_status check_condition(const factum_append_condition *condition, factum_error *err)
{
    factum_status status = FACTUM_OK;
    if (condition->item_count == 0 || condition->item_count > 64 || condition->items == NULL) {
        return fct_fail(err, FACTUM_INVALID, "an append condition has 1 to 64 items");
    }
    for (size_t i = 0; i < condition->item_count; i++) {
        const factum_condition_item *item = &condition->items[i];
        if (item->type_count == 0 && item->tag_count == 0) {
            return fct_fail(err, FACTUM_INVALID,
                            "item %zu of the append condition names neither types nor tags", i);
        }
        if ((item->type_count > 0 && item->types == NULL) ||
            (item->tag_count > 0 && item->tags == NULL)) {
            return fct_fail(err, FACTUM_INVALID, "item %zu of the append condition is NULL", i);
        }
        if (item->type_count > 64 || item->tag_count > FACTUM_TAGS_MAX) {
            return fct_fail(err, FACTUM_TOO_BIG, "item %zu of the append condition is too long", i);
        }
        for (size_t j = 0; j < item->type_count && status == FACTUM_OK; j++) {
            status = check_name(item->types[j], "an event type of the append condition", err);
        }
        for (size_t j = 0; j < item->tag_count && status == FACTUM_OK; j++) {
            status = check_name(item->tags[j], "a tag of the append condition", err);
        }
    }
    return status;
}

static factum_status check_expectations(const factum_append_request *request, factum_error *err)
{
    for (size_t i = 0; i < request->expectation_count; i++) {
        const factum_expectation *expectation = &request->expectations[i];
        factum_status status = check_stream(expectation->stream, err);
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

/* Of an event that was checked: no sum of these can overflow. */
static uint64_t bytes_of(const factum_new_event *event)
{
    uint64_t size =
        (uint64_t)event->data.len + event->metadata.len + event->stream.len + event->type.len;
    for (size_t i = 0; i < event->tag_count; i++) {
        size += event->tags[i].len;
    }
    return size;
}

static factum_status check_append(const struct fct_engine *engine,
                                  const factum_append_request *request, bool internal,
                                  bool *ids_missing, factum_error *err)
{
    if (request == NULL || request->size < sizeof *request) {
        return fct_fail(err, FACTUM_INVALID, "append: set size to sizeof(factum_append_request)");
    }
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
                        " (append_events_max); make several of it",
                        request->event_count, engine->limits.append_events_max);
    }
    if (request->idempotency_key.len > 0) {
        factum_status status = check_name(request->idempotency_key, "an idempotency key", err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    factum_status status = check_expectations(request, err);
    if (status == FACTUM_OK && request->condition != NULL) {
        status = check_condition(request->condition, err);
    }
    uint64_t size = 0;
    *ids_missing = false;
    for (size_t i = 0; i < request->event_count && status == FACTUM_OK; i++) {
        status =
            check_event(engine, &request->events[i], internal, request->system || internal, err);
        size += status == FACTUM_OK ? bytes_of(&request->events[i]) : 0;
        *ids_missing = *ids_missing || is_zero(request->events[i].id);
    }
    if (status == FACTUM_OK && size > engine->limits.append_size_max) {
        return fct_fail(err, FACTUM_TOO_BIG,
                        "an append has %" PRIu64
                        " bytes of data, metadata, names and tags: at most %" PRIu64
                        " (append_size_max); make several of it",
                        size, engine->limits.append_size_max);
    }
    return status;
}

/* ---- event ids ------------------------------------------------------------------------------- */

static factum_status make_id(const struct fct_engine *engine, factum_uuid *id, factum_error *err)
{
    /* A generator for each thread, seeded with 128 bits of the system's randomness: ids of
     * different threads and processes differ, and most appends make no system call. */
    static _Thread_local struct fct_random generators[2];
    static _Thread_local bool seeded;
    if (!seeded) {
        factum_status status = fct_os_random(engine->os, generators, sizeof generators, err);
        if (status != FACTUM_OK) {
            return status;
        }
        seeded = true;
    }
    uint64_t words[2] = {fct_random_next(&generators[0]), fct_random_next(&generators[1])};
    memcpy(id->bytes, words, sizeof id->bytes);
    id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0f) | 0x40); /* RFC 9562: version 4 */
    id->bytes[8] = (uint8_t)((id->bytes[8] & 0x3f) | 0x80);
    return FACTUM_OK;
}

static factum_status copy_with_ids(const struct fct_engine *engine,
                                   const factum_append_request *request, factum_new_event *copy,
                                   factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < request->event_count && status == FACTUM_OK; i++) {
        copy[i] = request->events[i];
        if (is_zero(copy[i].id)) {
            status = make_id(engine, &copy[i].id, err);
        }
    }
    return status;
}

static factum_status append_checked(struct fct_engine *engine, const factum_append_request *request,
                                    bool internal, factum_append_result *result,
                                    uint64_t *revisions, factum_error *err)
{
    bool ids_missing = false;
    factum_append_result ignored;
    factum_append_result *answer = result == NULL ? &ignored : result;
    *answer = (factum_append_result){.first_position = 0};
    factum_status status = check_append(engine, request, internal, &ids_missing, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!ids_missing) {
        return engine->ops->append(engine->self, request, false, answer, revisions, err);
    }
    factum_new_event one;
    factum_new_event *copy = &one;
    if (request->event_count > 1) {
        copy = fct_mem_alloc(engine->mem, request->event_count * sizeof *copy);
        if (copy == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
        }
    }
    status = copy_with_ids(engine, request, copy, err);
    if (status == FACTUM_OK) {
        factum_append_request complete = *request;
        complete.events = copy;
        status = engine->ops->append(engine->self, &complete, true, answer, revisions, err);
    }
    if (copy != &one) {
        fct_mem_free(engine->mem, copy);
    }
    return status;
}

factum_status fct_engine_append(struct fct_engine *engine, const factum_append_request *request,
                                factum_append_result *result, uint64_t *revisions,
                                factum_error *err)
{
    return append_checked(engine, request, false, result, revisions, err);
}

/* An append by completion whose events were copied: goes back to what the user gave before |done|.
 */
struct completed_copy {
    const struct fct_mem *mem;
    const factum_new_event *events;
    void (*done)(factum_append_op *op, factum_status status, const factum_append_result *result,
                 const factum_error *err);
    factum_new_event copy[];
};

static void copy_done(factum_append_op *op, factum_status status,
                      const factum_append_result *result, const factum_error *err)
{
    struct completed_copy *copy = op->internal[3];
    op->request.events = copy->events;
    op->done = copy->done;
    op->internal[3] = NULL;
    fct_mem_free(copy->mem, copy);
    op->done(op, status, result, err);
}

factum_status fct_engine_submit(struct fct_engine *engine, factum_append_op *op, factum_error *err)
{
    bool ids_missing = false;
    if (op == NULL || op->done == NULL) {
        return fct_fail(err, FACTUM_INVALID, "append: an op needs a done function");
    }
    factum_status status = check_append(engine, &op->request, false, &ids_missing, err);
    if (status != FACTUM_OK || !ids_missing) {
        return status != FACTUM_OK ? status : engine->ops->submit(engine->self, op, false, err);
    }
    struct completed_copy *copy =
        fct_mem_alloc(engine->mem, sizeof *copy + op->request.event_count * sizeof copy->copy[0]);
    if (copy == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    copy->mem = engine->mem;
    copy->events = op->request.events;
    copy->done = op->done;
    status = copy_with_ids(engine, &op->request, copy->copy, err);
    if (status == FACTUM_OK) {
        op->request.events = copy->copy;
        op->done = copy_done;
        op->internal[3] = copy;
        status = engine->ops->submit(engine->self, op, true, err);
        if (status != FACTUM_OK) {
            op->request.events = copy->events;
            op->done = copy->done;
            op->internal[3] = NULL;
        }
    }
    if (status != FACTUM_OK) {
        fct_mem_free(engine->mem, copy);
    }
    return status;
}

/* ---- reads ----------------------------------------------------------------------------------- */

static factum_status check_read(const factum_read_request *request, bool follow, factum_error *err)
{
    if (request == NULL || request->size < sizeof *request) {
        return fct_fail(err, FACTUM_INVALID, "read: set size to sizeof(factum_read_request)");
    }
    if (request->source > FACTUM_SOURCE_TAG || request->from > FACTUM_FROM_POSITION) {
        return fct_fail(err, FACTUM_INVALID, "read: no such source or place to start from");
    }
    bool until = request->until_created_set || request->until_time_set ||
                 request->until_revision_set || request->until_position_set;
    if (follow && (request->backwards || until || request->count_max != 0)) {
        return fct_fail(err, FACTUM_INVALID,
                        "a subscription goes forward and has no end: unset backwards, count_max "
                        "and until");
    }
    if (request->source == FACTUM_SOURCE_ALL) {
        bool revision = request->from == FACTUM_FROM_REVISION || request->until_revision_set;
        return revision ? fct_fail(err, FACTUM_INVALID, "the whole log has positions, no revisions")
                        : FACTUM_OK;
    }
    return check_name(request->name, "what is to be read", err);
}

factum_status fct_engine_read(struct fct_engine *engine, const factum_read_request *request,
                              bool follow, struct fct_reader **reader, factum_error *err)
{
    *reader = NULL;
    factum_status status = check_read(request, follow, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const struct virtual_stream *found =
        request->source == FACTUM_SOURCE_STREAM ? find_virtual(request->name) : NULL;
    if (found == NULL) {
        return engine->ops->read(engine->self, request, follow, reader, err);
    }
    factum_read_request resolved = *request;
    resolved.source = found->source;
    resolved.name = fct_slice_from(request->name, strlen(found->prefix));
    return engine->ops->read(engine->self, &resolved, follow, reader, err);
}

factum_status fct_engine_stream(struct fct_engine *engine, factum_slice stream,
                                factum_stream_info *info, factum_error *err)
{
    factum_status status = check_name(stream, "the stream", err);
    return status == FACTUM_OK ? engine->ops->stream(engine->self, stream, info, err) : status;
}

/* ---- metadata and deletion ------------------------------------------------------------------- */

struct metastream {
    char name[FACTUM_NAME_SIZE_MAX];
    factum_slice slice;
};

static factum_status metastream_of(struct metastream *meta, factum_slice stream, factum_error *err)
{
    factum_status status = check_stream(stream, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (fct_slice_starts(stream, FCT_SLICE("$$")) || stream.len > FACTUM_NAME_SIZE_MAX - 2) {
        return fct_fail(err, FACTUM_INVALID, "stream %.*s cannot have metadata", FCT_FMT(stream));
    }
    memcpy(meta->name, "$$", 2);
    memcpy(meta->name + 2, stream.ptr, stream.len);
    meta->slice = fct_slice(meta->name, stream.len + 2);
    return FACTUM_OK;
}

static factum_status check_metadata(factum_slice json, factum_error *err)
{
    struct fct_json object;
    size_t at = 0;
    if (json.ptr == NULL || fct_json_parse(json, &object, &at) != FACTUM_OK ||
        object.type != FCT_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID, "stream metadata is a JSON object; byte %zu is not",
                        at);
    }
    static const char *const names[] = {"$maxCount", "$maxAge", "$tb"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct fct_json value;
        int64_t number;
        if (fct_json_member(&object, factum_slice_from(names[i]), &value) &&
            (fct_json_int64(&value, &number) != FACTUM_OK || number < 0)) {
            return fct_fail(err, FACTUM_INVALID, "%s is a whole number, 0 or more, not %.*s",
                            names[i], FCT_FMT(value.raw));
        }
    }
    return FACTUM_OK;
}

factum_status fct_engine_metadata_set(struct fct_engine *engine, factum_slice stream,
                                      factum_expected expected, factum_slice json,
                                      factum_append_result *result, factum_error *err)
{
    struct metastream meta = {.slice = {NULL, 0}};
    factum_status status = metastream_of(&meta, stream, err);
    if (status == FACTUM_OK) {
        status = check_metadata(json, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    factum_new_event event = {
        .stream = meta.slice, .type = FCT_SLICE(FCT_TYPE_METADATA), .data = json};
    factum_expectation expectation = {meta.slice, expected};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
    };
    return append_checked(engine, &request, true, result, NULL, err);
}

factum_status fct_engine_delete(struct fct_engine *engine, factum_slice stream,
                                factum_expected expected, factum_append_result *result,
                                factum_error *err)
{
    struct metastream meta = {.slice = {NULL, 0}};
    factum_stream_info info;
    factum_append_result ignored;
    factum_status status = metastream_of(&meta, stream, err);
    if (status == FACTUM_OK) {
        status = fct_engine_stream(engine, stream, &info, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    factum_expectation expectations[] = {
        {stream, expected},
        {meta.slice, {.kind = FACTUM_EXPECTED_ANY}},
    };
    if (info.state == FACTUM_STREAM_ABSENT && !info.has_metadata) {
        factum_expectation exists = {stream, {.kind = FACTUM_EXPECTED_STREAM_EXISTS}};
        return fct_refuse_revision(
            err, result == NULL ? &ignored : result, 0,
            expected.kind == FACTUM_EXPECTED_REVISION ? &expectations[0] : &exists, info.state, 0);
    }
    factum_new_event event = {
        .stream = meta.slice,
        .type = FCT_SLICE(FCT_TYPE_METADATA),
        .data = FCT_SLICE("{\"$tb\":9223372036854775807}"),
    };
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = expectations,
        .expectation_count = 2,
    };
    if (info.state == FACTUM_STREAM_TOMBSTONED) {
        return fct_refuse_revision(err, result == NULL ? &ignored : result, 0, &expectations[0],
                                   info.state, 0);
    }
    return append_checked(engine, &request, true, result, NULL, err);
}

factum_status fct_engine_tombstone(struct fct_engine *engine, factum_slice stream,
                                   factum_expected expected, factum_append_result *result,
                                   factum_error *err)
{
    factum_new_event event = {
        .stream = stream, .type = FCT_SLICE(FCT_TYPE_TOMBSTONE), .data = FCT_SLICE("{}")};
    factum_expectation expectation = {stream, expected};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
    };
    factum_status status = check_stream(stream, err);
    if (status == FACTUM_OK && fct_slice_starts(stream, FCT_SLICE("$$"))) {
        status = fct_fail(err, FACTUM_INVALID, "a metastream cannot be tombstoned");
    }
    return status == FACTUM_OK ? append_checked(engine, &request, true, result, NULL, err) : status;
}
