/* http_streams.c - whole streams: info, metadata, deletion. Layer: server.
 *
 * PUT metadata does what factum_metadata_set does, without waiting: metadata without "$tb" keeps
 * hidden events hidden. It looks at the stream and appends the metadata with the effective "$tb",
 * expecting the metadata that it has seen. If another writer has replaced that, it starts again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/stream_metadata.h"
#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"
#include "wire/json_out.h"
#include "wire/media.h"

#define TRIES_MAX 100 /* a try fails if another writer was faster */

/* ---- info ------------------------------------------------------------------------------------ */

static factum_status put_number(struct fct_buf *out, const char *name, uint64_t number)
{
    return fct_buf_printf(out, ",\"%s\":%" PRIu64, name, number);
}

static factum_status put_stream_info(struct fct_buf *out, factum_slice stream,
                                     const factum_stream_info *info)
{
    factum_status status = fct_buf_add_text(out, "{\"stream\":");
    if (status == FACTUM_OK) {
        status = fct_json_out_text(out, stream);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_printf(out, ",\"state\":\"%s\"", fct_http_state_name(info->state));
    }
    bool present = info->state == FACTUM_STREAM_PRESENT;
    bool written = present || info->state == FACTUM_STREAM_SOFT_DELETED;
    const struct {
        const char *name;
        uint64_t value;
        bool known;
    } numbers[] = {
        {"lastRevision", info->last_revision, written},
        {"firstRevision", info->first_revision, present},
        {"lastPosition", info->last_position, written},
        {"metadataRevision", info->metadata_revision, info->has_metadata},
        {"maxCount", info->max_count, info->max_count != 0},
        {"maxAge", info->max_age, info->max_age != 0},
        {"truncateBefore", info->truncate_before, present && info->truncate_before != 0},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && status == FACTUM_OK; i++) {
        if (numbers[i].known) {
            status = put_number(out, numbers[i].name, numbers[i].value);
        }
    }
    return status == FACTUM_OK ? fct_buf_add_text(out, "}") : status;
}

void fct_http_stream_info(struct fct_http_call *call)
{
    factum_error err;
    factum_stream_info info = {.size = sizeof info};
    factum_status status = factum_stream_info_get(call->server->store, call->name, &info, &err);
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return;
    }
    fct_http_answer_out(call, put_stream_info(&call->out, call->name, &info));
}

/* ---- metadata -------------------------------------------------------------------------------- */

/* Writes "$$<stream>" into the call's memory. */
static factum_status metastream_of(struct fct_http_call *call, factum_slice *name,
                                   factum_error *err)
{
    if (call->name.len > FACTUM_NAME_SIZE_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "a stream name of %zu bytes: at most %d",
                        call->name.len, FACTUM_NAME_SIZE_MAX);
    }
    uint8_t *text = fct_http_take(call, call->name.len + 2);
    if (text == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    memcpy(text, "$$", 2);
    memcpy(text + 2, call->name.ptr, call->name.len);
    *name = fct_slice(text, call->name.len + 2);
    return FACTUM_OK;
}

static void answer_metadata(struct fct_http_call *call, const factum_event *event)
{
    char tag[32];
    (void)snprintf(tag, sizeof tag, "\"%" PRIu64 "\"", event->revision);
    const struct fct_field etag = {FCT_SLICE("etag"), factum_slice_from(tag)};
    fct_http_answer(call, &(struct fct_http_answer){.status = 200,
                                                    .type = "application/json",
                                                    .body = event->data,
                                                    .fields = &etag,
                                                    .field_count = 1});
}

void fct_http_metadata_get(struct fct_http_call *call)
{
    factum_error err;
    factum_event event;
    factum_cursor *cursor = NULL;
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .backwards = true, .count_max = 1};
    factum_status status = metastream_of(call, &request.name, &err);
    if (status == FACTUM_OK) {
        status = factum_read(call->server->store, &request, &cursor, &err);
    }
    if (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, &err);
    }
    if (status == FACTUM_OK) {
        answer_metadata(call, &event);
    } else if (status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_DONE) {
        fct_http_answer_out(call, fct_buf_add_text(&call->out, "{}")); /* no metadata was set */
    } else {
        fct_http_fail(call, status, &err);
    }
    factum_cursor_close(cursor);
}

struct setting {
    struct fct_given_metadata given; /* in the body */
    factum_slice stream;             /* "$$<stream>" */
    factum_expected wanted;
    unsigned tries;
    factum_new_event event; /* what is appended */
    factum_expectation expectation;
};

/* Builds the metadata to be stored: the object, with |hidden| as its "$tb" if it has none. The
 * result is in the body or in call->out, which must not change while the append is under way. */
static factum_status make_metadata(struct fct_http_call *call, const struct setting *setting,
                                   uint64_t hidden, factum_slice *json)
{
    *json = setting->given.object.raw;
    if (hidden == 0 || setting->given.has_before) {
        return FACTUM_OK;
    }
    fct_buf_clear(&call->out);
    factum_status status = fct_given_metadata_put(&setting->given, hidden, &call->out);
    *json = fct_buf_slice(&call->out);
    return status;
}

static factum_status fill_setting(struct fct_http_append *append, factum_error *err)
{
    struct fct_http_call *call = append->call;
    struct setting *setting = append->state;
    factum_stream_info info = {.size = sizeof info};
    factum_new_event *event = &setting->event;
    factum_expectation *expectation = &setting->expectation;
    factum_status status = factum_stream_info_get(call->server->store, call->name, &info, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (info.state == FACTUM_STREAM_TOMBSTONED) {
        return fct_fail(err, FACTUM_STREAM_DELETED, "stream \"%.*s\" is tombstoned",
                        FCT_FMT(call->name));
    }
    status = make_metadata(call, setting, fct_hidden_before(&info), &event->data);
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "stream metadata: %s", factum_status_text(status));
    }
    event->stream = setting->stream;
    event->type = FCT_SLICE("$metadata");
    *expectation =
        (factum_expectation){setting->stream, fct_metadata_expected(setting->wanted, &info)};
    append->pending = (struct fct_pending){.request = {.events = event,
                                                       .event_count = 1,
                                                       .expectations = expectation,
                                                       .expectation_count = 1}};
    return FACTUM_OK;
}

static factum_status put_outcome(struct fct_buf *out, const struct fct_http_append *append)
{
    const struct fct_http_call *call = append->call;
    const factum_append_result *result = &append->pending.op.result;
    char token[FACTUM_TOKEN_SIZE];
    factum_token_format(call->server->store, result->position, token);
    fct_buf_clear(out);
    factum_status status = fct_buf_add_text(out, "{\"stream\":");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_json_out_text(out, call->name);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_printf(out, ",\"position\":%" PRIu64 ",\"token\":\"%s\"", result->position,
                          token);
}

static void answer_setting(struct fct_http_append *append)
{
    struct fct_http_call *call = append->call;
    struct setting *setting = append->state;
    const factum_append_op *op = &append->pending.op;
    factum_error err = op->err;
    factum_status status = op->status;
    bool pinned = append->pending.request.expectations[0].expected.kind != setting->wanted.kind;
    if (status == FACTUM_WRONG_REVISION && pinned && setting->tries++ < TRIES_MAX) {
        status = fill_setting(append, &err);
        if (status == FACTUM_OK) {
            fct_http_append_start(call, append);
            return;
        }
    }
    if (status != FACTUM_OK) {
        fct_http_append_refuse(append, status, &err);
        return;
    }
    char tag[32];
    (void)snprintf(tag, sizeof tag, "\"%" PRIu64 "\"", op->result.revision);
    const struct fct_field etag = {FCT_SLICE("etag"), factum_slice_from(tag)};
    status = put_outcome(&call->out, append);
    if (status == FACTUM_OK) {
        status = fct_buf_printf(&call->out, ",\"revision\":%" PRIu64 "}", op->result.revision);
    }
    fct_http_answer(call, &(struct fct_http_answer){.status = 200,
                                                    .type = "application/json",
                                                    .body = status == FACTUM_OK
                                                                ? fct_buf_slice(&call->out)
                                                                : FCT_SLICE("{}"),
                                                    .fields = &etag,
                                                    .field_count = 1});
}

static factum_status begin_setting(struct fct_http_call *call, struct fct_http_append **begun,
                                   factum_error *err)
{
    struct fct_http_append *append = fct_http_take(call, sizeof *append);
    struct setting *setting = fct_http_take(call, sizeof *setting);
    if (append == NULL || setting == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    append->call = call;
    append->answer = answer_setting;
    append->state = setting;
    factum_status status = fct_http_expected(call, &setting->wanted, &append->by_field, err);
    if (status == FACTUM_OK) {
        status = fct_given_metadata_read(fct_buf_slice(&call->body), &setting->given, err);
    }
    if (status == FACTUM_OK) {
        status = metastream_of(call, &setting->stream, err);
    }
    *begun = append;
    return status == FACTUM_OK ? fill_setting(append, err) : status;
}

void fct_http_metadata_put(struct fct_http_call *call)
{
    factum_error err;
    struct fct_http_append *append = NULL;
    factum_slice field = fct_exchange_field(call->exchange, FCT_SLICE("content-type"));
    if (!fct_media_is(fct_media_type(field), "application/json") || fct_media_is_foreign(field)) {
        fct_http_refuse(call,
                        &(struct fct_http_refusal){.code = FACTUM_UNSUPPORTED,
                                                   .status = 415,
                                                   .detail = "the body is application/json: the "
                                                             "stream's metadata, an object"});
        return;
    }
    factum_status status = begin_setting(call, &append, &err);
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return;
    }
    fct_http_append_start(call, append);
}

/* ---- deletion -------------------------------------------------------------------------------- */

static void answer_deletion(struct fct_http_append *append)
{
    struct fct_http_call *call = append->call;
    const factum_append_op *op = &append->pending.op;
    bool any = append->pending.request.expectations[0].expected.kind == FACTUM_EXPECTED_ANY;
    if (op->status == FACTUM_WRONG_REVISION && any &&
        op->result.actual_state == FACTUM_STREAM_ABSENT) {
        factum_error err;
        (void)fct_fail(&err, FACTUM_STREAM_NOT_FOUND,
                       "stream %.*s does not exist: nothing to delete", FCT_FMT(call->name));
        fct_http_append_refuse(append, FACTUM_STREAM_NOT_FOUND, &err);
        return;
    }
    if (op->status != FACTUM_OK) {
        fct_http_append_refuse(append, op->status, &op->err);
        return;
    }
    factum_status status = put_outcome(&call->out, append);
    if (status == FACTUM_OK) {
        status = fct_buf_printf(&call->out, ",\"tombstone\":%s}",
                                op->action == FACTUM_ACTION_TOMBSTONE ? "true" : "false");
    }
    fct_http_answer(call, &(struct fct_http_answer){.status = 200,
                                                    .type = "application/json",
                                                    .body = status == FACTUM_OK
                                                                ? fct_buf_slice(&call->out)
                                                                : FCT_SLICE("{}")});
}

void fct_http_stream_delete(struct fct_http_call *call)
{
    factum_error err;
    bool tombstone = false;
    struct fct_http_append *append = fct_http_take(call, sizeof *append);
    factum_expectation *expectation = fct_http_take(call, sizeof *expectation);
    if (append == NULL || expectation == NULL) {
        (void)fct_fail(&err, FACTUM_NO_MEMORY, "out of memory");
        fct_http_fail(call, FACTUM_NO_MEMORY, &err);
        return;
    }
    factum_status status = fct_http_expected(call, &expectation->expected, &append->by_field, &err);
    if (status == FACTUM_OK) {
        status = fct_http_flag(call, "tombstone", &tombstone, &err);
    }
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return;
    }
    expectation->stream = call->name;
    append->pending.op.action = tombstone ? FACTUM_ACTION_TOMBSTONE : FACTUM_ACTION_DELETE;
    append->pending.request.expectations = expectation;
    append->pending.request.expectation_count = 1;
    append->answer = answer_deletion;
    fct_http_append_start(call, append);
}
