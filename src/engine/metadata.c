/* metadata.c - sets the metadata of a stream. Layer: engine.
 *
 * An append of a "$metadata" event replaces the metadata completely. fct_engine_metadata_set is for
 * people: if it is given metadata without "$tb", events that are hidden must stay hidden. So it
 * looks at the stream first and adds the "$tb". Its append expects the metadata that it looked at;
 * if that was replaced meanwhile, it looks again.
 */
#include <inttypes.h>
#include <string.h>

#include "codec/json.h"
#include "core/buf.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine/deliver.h"
#include "engine/engine.h"
#include "engine/name.h"
#include "engine/rules.h"

#define TRUNCATE_BEFORE "$tb"
#define TRIES_MAX 100 /* a try fails if another writer was faster */

/* The metadata that was given, parsed. */
struct given {
    struct fct_json object;
    bool empty;
    bool has_before; /* it has TRUNCATE_BEFORE */
};

static factum_status check_json(factum_slice json, struct given *given, factum_error *err)
{
    struct fct_json_member members[] = {{.name = FCT_SLICE("$maxCount")},
                                        {.name = FCT_SLICE("$maxAge")},
                                        {.name = FCT_SLICE(TRUNCATE_BEFORE)}};
    struct fct_json_fault fault;
    struct fct_json *object = &given->object;
    if (json.ptr == NULL) {
        return fct_fail(err, FACTUM_INVALID, "stream metadata is a JSON object: it is NULL");
    }
    if (fct_json_pick(json, object, members, 3, &fault) != FACTUM_OK) {
        return fct_fail(err, FACTUM_INVALID, "stream metadata: not valid JSON: %s at byte %zu",
                        fault.reason, fault.at);
    }
    if (object->kind != FACTUM_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID, "stream metadata is a JSON object, not %.*s",
                        FCT_FMT(object->raw));
    }
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        int64_t number;
        if (members[i].found &&
            (fct_json_int64(&members[i].value, &number) != FACTUM_OK || number < 0)) {
            return fct_fail(err, FACTUM_INVALID, "%.*s is a whole number, 0 or more, not %.*s",
                            FCT_FMT(members[i].name), FCT_FMT(members[i].value.raw));
        }
    }
    given->has_before = members[2].found;
    given->empty =
        memchr(object->raw.ptr, '"', object->raw.len) == NULL; /* a member would have a name */
    return FACTUM_OK;
}

/* The revision before which events are hidden, and must stay hidden. */
static uint64_t hidden_before(const factum_stream_info *info)
{
    if (info->truncate_before != FCT_SOFT_DELETED) {
        return info->truncate_before;
    }
    return info->state == FACTUM_STREAM_SOFT_DELETED ? info->last_revision + 1 : 0;
}

/* Puts the object with "$tb" as its first member into |body|. */
static factum_status add_truncate_before(struct fct_buf *body, const struct given *given,
                                         uint64_t revision, factum_error *err)
{
    factum_status status = fct_buf_printf(body, "{\"" TRUNCATE_BEFORE "\":%" PRIu64 "%s", revision,
                                          given->empty ? "" : ",");
    if (status == FACTUM_OK) {
        status = fct_buf_add_slice(body, fct_slice_from(given->object.raw, 1));
    }
    return status == FACTUM_OK ? status
                               : fct_fail(err, FACTUM_NO_MEMORY, "metadata: out of memory");
}

/* The expectation of the metastream that makes the append fail if |info| is not true any more. */
static factum_expected pin(factum_expected expected, const factum_stream_info *info)
{
    if (expected.kind == FACTUM_EXPECTED_ANY && !info->has_metadata) {
        return factum_no_stream();
    }
    bool open_ended = expected.kind == FACTUM_EXPECTED_ANY ||
                      (expected.kind == FACTUM_EXPECTED_STREAM_EXISTS && info->has_metadata);
    return open_ended ? factum_at(info->metadata_revision) : expected;
}

/* The arguments of fct_engine_metadata_set. */
struct setting {
    struct fct_engine *engine;
    factum_slice stream;
    factum_expected expected;
    factum_slice json;
    struct given given; /* of json */
    factum_append_result *result;
};

static factum_status write_metadata(const struct setting *setting, factum_expected expected,
                                    factum_slice json, factum_error *err)
{
    char name[FACTUM_NAME_SIZE_MAX + 2] = "$$";
    FCT_ASSERT(setting->stream.len <= FACTUM_NAME_SIZE_MAX);
    memcpy(name + 2, setting->stream.ptr, setting->stream.len);
    factum_slice metastream = fct_slice(name, setting->stream.len + 2);
    const factum_new_event event = {
        .stream = metastream, .type = FCT_SLICE(FCT_TYPE_METADATA), .data = json};
    const factum_expectation expectation = {metastream, expected};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
    };
    return fct_engine_append(setting->engine, &request, setting->result, NULL, err);
}

/* Writes the given metadata with the "$tb" that |info| asks for. *again: the metadata was replaced
 * meanwhile. */
static factum_status keep_hidden(const struct setting *setting, const factum_stream_info *info,
                                 bool *again, factum_error *err)
{
    factum_status status = FACTUM_OK;
    factum_slice json = setting->json;
    factum_expected expected = pin(setting->expected, info);
    uint64_t hidden = hidden_before(info);
    struct fct_buf body;
    fct_buf_init(&body, setting->engine->mem, json.len + 64);
    if (hidden > 0) {
        status = add_truncate_before(&body, &setting->given, hidden, err);
        json = fct_buf_slice(&body);
    }
    if (status == FACTUM_OK) {
        status = write_metadata(setting, expected, json, err);
        *again = status == FACTUM_WRONG_REVISION && expected.kind != setting->expected.kind;
    }
    fct_buf_finish(&body);
    return status;
}

static factum_status try_set(const struct setting *setting, bool *again, factum_error *err)
{
    factum_stream_info info = {.size = sizeof info};
    *again = false;
    factum_status status = fct_engine_stream(setting->engine, setting->stream, &info, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (info.state == FACTUM_STREAM_TOMBSTONED) {
        (void)fct_refuse(setting->result, 0, info.state, info.last_revision);
        return fct_fail(err, FACTUM_STREAM_DELETED,
                        "stream %.*s is deleted for ever: it takes no metadata",
                        FCT_FMT(setting->stream));
    }
    return setting->given.has_before
               ? write_metadata(setting, setting->expected, setting->json, err)
               : keep_hidden(setting, &info, again, err);
}

factum_status fct_engine_metadata_set(struct fct_engine *engine, factum_slice stream,
                                      factum_expected expected, factum_slice json,
                                      factum_append_result *result, factum_error *err)
{
    factum_append_result unused;
    struct setting setting = {
        .engine = engine, .stream = stream, .expected = expected, .json = json, .result = result};
    if (result == NULL) {
        setting.result = &unused;
    }
    *setting.result = (factum_append_result){.first_position = 0};
    factum_status status = fct_callback_refuse("append", err);
    if (status == FACTUM_OK) {
        status = fct_name_check_stream(stream, err);
    }
    if (status == FACTUM_OK && fct_slice_starts(stream, FCT_SLICE("$$"))) {
        status = fct_fail(err, FACTUM_INVALID, "stream %.*s cannot have metadata", FCT_FMT(stream));
    }
    if (status == FACTUM_OK) {
        status = check_json(json, &setting.given, err);
    }
    bool again = status == FACTUM_OK;
    for (int i = 0; again && i < TRIES_MAX; i++) {
        status = try_set(&setting, &again, err);
    }
    return status;
}
