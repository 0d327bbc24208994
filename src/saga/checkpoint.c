/* checkpoint.c - see checkpoint.h. Layer: saga. */
#include "saga/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "core/error.h"
#include "core/slice.h"

#define KEEP_AFTER INT64_C(5000000000)
/* Checkpoints are events too: without this, two hosts would answer each other for ever. */
#define PASSED_MIN 1000u

static factum_status read_token(struct fct_saga_checkpoint *checkpoint, factum_store *store,
                                const factum_event *event)
{
    struct fct_json_member token = {.name = FCT_SLICE("token")};
    struct fct_json value;
    char text[FACTUM_TOKEN_SIZE];
    size_t len = 0;
    if (fct_json_pick(event->data, &value, &token, 1, NULL) == FACTUM_OK && token.found &&
        fct_json_unescape(token.value.raw, text, sizeof text, &len) == FACTUM_OK &&
        factum_token_parse(store, fct_slice(text, len), &checkpoint->place, NULL) == FACTUM_OK) {
        checkpoint->present = true;
    }
    return FACTUM_OK;
}

factum_status fct_saga_checkpoint_load(struct fct_saga_checkpoint *checkpoint, factum_store *store,
                                       factum_slice host, factum_error *err)
{
    factum_cursor *cursor = NULL;
    factum_event event;
    memset(checkpoint, 0, sizeof *checkpoint);
    snprintf(checkpoint->stream, sizeof checkpoint->stream, "$checkpoint-sagas-%.*s",
             FCT_FMT(host));
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_STREAM,
                                         .name = factum_slice_from(checkpoint->stream),
                                         .from = FACTUM_FROM_END,
                                         .backwards = true,
                                         .count_max = 1};
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED) {
        return FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
    }
    if (status == FACTUM_OK) {
        status = read_token(checkpoint, store, &event);
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

void fct_saga_checkpoint_passed(struct fct_saga_checkpoint *checkpoint, const factum_event *event)
{
    if (!fct_slice_starts(event->stream, FCT_SLICE("$"))) {
        checkpoint->passed++;
    }
}

static factum_status bound_stream(struct fct_saga_checkpoint *checkpoint, factum_store *store,
                                  factum_error *err)
{
    if (checkpoint->bounded) {
        return FACTUM_OK;
    }
    factum_status status =
        factum_metadata_set(store, factum_slice_from(checkpoint->stream), factum_any(),
                            FCT_SLICE("{\"$maxCount\":1}"), NULL, err);
    checkpoint->bounded = status == FACTUM_OK;
    return status;
}

factum_status fct_saga_checkpoint_keep(struct fct_saga_checkpoint *checkpoint, factum_store *store,
                                       uint64_t place, int64_t now, bool now_or_never,
                                       factum_error *err)
{
    char token[FACTUM_TOKEN_SIZE];
    char data[FACTUM_TOKEN_SIZE + 16];
    bool due = checkpoint->passed >= PASSED_MIN && now - checkpoint->kept_at >= KEEP_AFTER;
    if (place <= checkpoint->place || !(due || (now_or_never && checkpoint->passed > 0))) {
        return FACTUM_OK;
    }
    factum_token_format(store, place, token);
    snprintf(data, sizeof data, "{\"token\":\"%s\"}", token);
    const factum_new_event event = {.stream = factum_slice_from(checkpoint->stream),
                                    .type = FCT_SLICE("$Checkpoint"),
                                    .data = factum_slice_from(data)};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .system = true};
    factum_status status = factum_append(store, &request, NULL, NULL, err);
    if (status == FACTUM_OK) {
        status = bound_stream(checkpoint, store, err);
    }
    if (status == FACTUM_OK) {
        checkpoint->present = true;
        checkpoint->place = place;
        checkpoint->passed = 0;
    }
    checkpoint->kept_at = now;
    return factum_status_is_retryable(status) ? FACTUM_OK : status;
}
