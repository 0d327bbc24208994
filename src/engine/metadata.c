/* metadata.c - sets the metadata of a stream. Layer: engine.
 *
 * An append of a "$metadata" event replaces the metadata completely. fct_engine_metadata_set is for
 * people: if it is given metadata without "$tb", events that are hidden must stay hidden. So it
 * looks at the stream first and adds the "$tb". Its append expects the metadata that it looked at;
 * if that was replaced meanwhile, it looks again.
 */
#include <string.h>

#include "codec/stream_metadata.h"
#include "core/buf.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine/deliver.h"
#include "engine/engine.h"
#include "engine/name.h"
#include "engine/rules.h"

#define TRIES_MAX 100 /* a try fails if another writer was faster */

/* The arguments of fct_engine_metadata_set. */
struct setting {
    struct fct_engine *engine;
    factum_slice stream;
    factum_expected expected;
    factum_slice json;
    struct fct_given_metadata given; /* of json */
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
    factum_expected expected = fct_metadata_expected(setting->expected, info);
    uint64_t hidden = fct_hidden_before(info);
    struct fct_buf body;
    fct_buf_init(&body, setting->engine->mem, json.len + 64);
    if (hidden > 0) {
        status = fct_given_metadata_put(&setting->given, hidden, &body);
        json = fct_buf_slice(&body);
    }
    if (status != FACTUM_OK) {
        status = fct_fail(err, FACTUM_NO_MEMORY, "metadata: out of memory");
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
    if (status == FACTUM_OK && json.ptr == NULL) {
        status = fct_fail(err, FACTUM_INVALID, "stream metadata is a JSON object: it is NULL");
    }
    if (status == FACTUM_OK) {
        status = fct_given_metadata_read(json, &setting.given, err);
    }
    bool again = status == FACTUM_OK;
    for (int i = 0; again && i < TRIES_MAX; i++) {
        status = try_set(&setting, &again, err);
    }
    return status;
}
