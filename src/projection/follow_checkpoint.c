/* follow_checkpoint.c - see follow_checkpoint.h. Layer: projection. */
#include "projection/follow_checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define CHECKPOINT_METADATA "{\"$maxCount\":1}"
#define CHECKPOINT_TOKEN_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

bool fct_follow_checkpoint_stream(factum_slice stream)
{
    return fct_slice_starts(stream, FCT_SLICE(FCT_FOLLOW_CHECKPOINT_PREFIX)) ||
           fct_slice_starts(stream, FCT_SLICE("$$" FCT_FOLLOW_CHECKPOINT_PREFIX));
}

/* ---- reading --------------------------------------------------------------------------------- */

static factum_status checkpoint_refuse(const factum_event *event, const char *why,
                                       factum_error *err)
{
    return fct_fail(err, FACTUM_CORRUPT,
                    "the event at position %" PRIu64 " of %.*s is not a checkpoint: %s",
                    event->position, FCT_FMT(event->stream), why);
}

/* Copies a member that is a text of fewer than |size| bytes, and adds a zero byte. False: it is
 * not. */
static bool checkpoint_take_text(const struct fct_json_member *member, char *to, size_t size)
{
    size_t len = 0;
    if (!member->found || member->value.kind != FACTUM_JSON_TEXT ||
        fct_json_unescape(member->value.raw, to, size - 1, &len) != FACTUM_OK) {
        return false;
    }
    to[len] = '\0';
    return strlen(to) == len;
}

factum_status fct_follow_checkpoint_parse(const factum_event *event,
                                          struct fct_follow_checkpoint *saved, factum_error *err)
{
    struct fct_json_member members[] = {
        {.name = FCT_SLICE("owner")}, {.name = FCT_SLICE("token")}, {.name = FCT_SLICE("events")}};
    struct fct_json object;
    struct fct_json_fault fault;
    char owner[FACTUM_UUID_TEXT_SIZE];
    int64_t events = 0;
    if (!fct_slice_equal(event->type, FCT_SLICE(FCT_FOLLOW_CHECKPOINT_TYPE))) {
        return checkpoint_refuse(event, "it has another type", err);
    }
    if (fct_json_pick(event->data, &object, members, 3, &fault) != FACTUM_OK) {
        return checkpoint_refuse(event, "it is not valid JSON", err);
    }
    if (!checkpoint_take_text(&members[0], owner, sizeof owner) ||
        factum_uuid_parse(factum_slice_from(owner), &saved->owner) != FACTUM_OK) {
        return checkpoint_refuse(event, "it has no owner", err);
    }
    if (members[1].found &&
        (!checkpoint_take_text(&members[1], saved->token, sizeof saved->token) ||
         strspn(saved->token, CHECKPOINT_TOKEN_LETTERS) != strlen(saved->token))) {
        return checkpoint_refuse(event, "its token is not one", err);
    }
    if (!members[2].found || fct_json_int64(&members[2].value, &events) != FACTUM_OK ||
        events < 0) {
        return checkpoint_refuse(event, "it does not say how many events there were", err);
    }
    saved->events = (uint64_t)events;
    saved->revision = event->revision;
    return FACTUM_OK;
}

/* Reads the newest event, if the stream's metadata leaves one. */
static factum_status checkpoint_read(factum_store *store, factum_slice stream,
                                     const factum_call *call, struct fct_follow_checkpoint *saved,
                                     factum_error *err)
{
    factum_event event;
    factum_cursor *cursor;
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = stream,
        .backwards = true,
        .count_max = 1,
        .call = call,
    };
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_cursor_next(cursor, &event, err);
    if (status == FACTUM_OK) {
        status = fct_follow_checkpoint_parse(&event, saved, err);
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

factum_status fct_follow_checkpoint_load(factum_store *store, factum_slice stream,
                                         const factum_call *call,
                                         struct fct_follow_checkpoint *saved, factum_error *err)
{
    struct fct_follow_checkpoint found = {.present = false};
    factum_stream_info info = {.size = sizeof info};
    factum_status status = factum_stream_info_get(store, stream, &info, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (info.state == FACTUM_STREAM_TOMBSTONED) {
        return fct_fail(err, FACTUM_STREAM_DELETED,
                        "the stream %.*s was deleted for ever: follow under another name",
                        FCT_FMT(stream));
    }
    if (info.state == FACTUM_STREAM_PRESENT) {
        found.present = true;
        found.bounded = info.max_count == 1;
        found.revision = info.last_revision;
        status = checkpoint_read(store, stream, call, &found, err);
    }
    if (status == FACTUM_OK) {
        *saved = found;
    }
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static factum_status checkpoint_append(factum_store *store, factum_slice stream,
                                       const factum_call *call,
                                       const struct fct_follow_checkpoint *saved, factum_slice data,
                                       factum_append_result *result, factum_error *err)
{
    const factum_new_event event = {
        .stream = stream,
        .type = FCT_SLICE(FCT_FOLLOW_CHECKPOINT_TYPE),
        .data = data,
    };
    const factum_expectation expectation = {stream, saved->present ? factum_at(saved->revision)
                                                                   : factum_no_stream()};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .system = true,
        .call = call,
    };
    return factum_append(store, &request, result, NULL, err);
}

factum_slice fct_follow_checkpoint_format(const struct fct_follow_checkpoint *saved,
                                          char data[FCT_FOLLOW_CHECKPOINT_SIZE])
{
    char owner[FACTUM_UUID_TEXT_SIZE];
    bool has_token = saved->token[0] != '\0';
    factum_uuid_format(saved->owner, owner);
    /* A token contains no character that JSON escapes. */
    int len = snprintf(data, FCT_FOLLOW_CHECKPOINT_SIZE,
                       "{\"owner\":\"%s\",\"events\":%" PRIu64 "%s%s%s}", owner, saved->events,
                       has_token ? ",\"token\":\"" : "", saved->token, has_token ? "\"" : "");
    FCT_ASSERT(len > 0);
    FCT_ASSERT((size_t)len < FCT_FOLLOW_CHECKPOINT_SIZE);
    return fct_slice(data, (size_t)len);
}

factum_status fct_follow_checkpoint_save(factum_store *store, factum_slice stream,
                                         const factum_call *call,
                                         struct fct_follow_checkpoint *saved,
                                         const struct fct_follow_checkpoint *next,
                                         factum_error *err)
{
    char data[FCT_FOLLOW_CHECKPOINT_SIZE];
    factum_append_result result;
    factum_status status = checkpoint_append(
        store, stream, call, saved, fct_follow_checkpoint_format(next, data), &result, err);
    if (status != FACTUM_OK) {
        return status;
    }
    bool bounded = saved->bounded;
    *saved = *next;
    saved->present = true;
    saved->bounded = bounded;
    saved->revision = result.revision;
    if (!bounded) {
        status = factum_metadata_set(store, stream, factum_any(), FCT_SLICE(CHECKPOINT_METADATA),
                                     NULL, err);
        saved->bounded = status == FACTUM_OK;
    }
    return status;
}
