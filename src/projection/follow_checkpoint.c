/* follow_mark.c - see follow_mark.h. Layer: projection. */
#include "projection/follow_mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define MARK_METADATA "{\"$maxCount\":1}"
#define MARK_TOKEN_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

bool fct_follow_mark_stream(factum_slice stream)
{
    return fct_slice_starts(stream, FCT_SLICE(FCT_MARK_PREFIX)) ||
           fct_slice_starts(stream, FCT_SLICE("$$" FCT_MARK_PREFIX));
}

/* ---- reading --------------------------------------------------------------------------------- */

static factum_status mark_refuse(const factum_event *event, const char *why, factum_error *err)
{
    return fct_fail(err, FACTUM_CORRUPT,
                    "the event at position %" PRIu64 " of %.*s is no checkpoint: %s",
                    event->position, FCT_FMT(event->stream), why);
}

/* Copies a member that is a text of fewer than |size| bytes, and adds a zero byte. False: it is
 * not. */
static bool mark_take_text(const struct fct_json_member *member, char *to, size_t size)
{
    size_t len = 0;
    if (!member->found || member->value.kind != FACTUM_JSON_TEXT ||
        fct_json_unescape(member->value.raw, to, size - 1, &len) != FACTUM_OK) {
        return false;
    }
    to[len] = '\0';
    return strlen(to) == len;
}

factum_status fct_follow_mark_parse(const factum_event *event, struct fct_follow_mark *mark,
                                    factum_error *err)
{
    struct fct_json_member members[] = {
        {.name = FCT_SLICE("owner")}, {.name = FCT_SLICE("token")}, {.name = FCT_SLICE("events")}};
    struct fct_json object;
    struct fct_json_fault fault;
    char owner[FACTUM_UUID_TEXT_SIZE];
    int64_t events = 0;
    if (!fct_slice_equal(event->type, FCT_SLICE(FCT_MARK_TYPE))) {
        return mark_refuse(event, "it has another type", err);
    }
    if (fct_json_pick(event->data, &object, members, 3, &fault) != FACTUM_OK) {
        return mark_refuse(event, "it is not valid JSON", err);
    }
    if (!mark_take_text(&members[0], owner, sizeof owner) ||
        factum_uuid_parse(factum_slice_from(owner), &mark->owner) != FACTUM_OK) {
        return mark_refuse(event, "it has no owner", err);
    }
    if (members[1].found && (!mark_take_text(&members[1], mark->token, sizeof mark->token) ||
                             strspn(mark->token, MARK_TOKEN_LETTERS) != strlen(mark->token))) {
        return mark_refuse(event, "its token is not one", err);
    }
    if (!members[2].found || fct_json_int64(&members[2].value, &events) != FACTUM_OK ||
        events < 0) {
        return mark_refuse(event, "it does not say how many events there were", err);
    }
    mark->events = (uint64_t)events;
    mark->revision = event->revision;
    return FACTUM_OK;
}

/* Reads the newest event, if the stream's metadata leaves one. */
static factum_status mark_read(factum_store *store, factum_slice stream, const factum_call *call,
                               struct fct_follow_mark *mark, factum_error *err)
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
        status = fct_follow_mark_parse(&event, mark, err);
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

factum_status fct_follow_mark_load(factum_store *store, factum_slice stream,
                                   const factum_call *call, struct fct_follow_mark *mark,
                                   factum_error *err)
{
    struct fct_follow_mark found = {.present = false};
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
        status = mark_read(store, stream, call, &found, err);
    }
    if (status == FACTUM_OK) {
        *mark = found;
    }
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static factum_status mark_append(factum_store *store, factum_slice stream, const factum_call *call,
                                 const struct fct_follow_mark *mark, factum_slice data,
                                 factum_append_result *result, factum_error *err)
{
    const factum_new_event event = {
        .stream = stream,
        .type = FCT_SLICE(FCT_MARK_TYPE),
        .data = data,
    };
    const factum_expectation expectation = {stream, mark->present ? factum_at(mark->revision)
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

factum_slice fct_follow_mark_format(const struct fct_follow_mark *mark,
                                    char data[FCT_MARK_DATA_SIZE])
{
    char owner[FACTUM_UUID_TEXT_SIZE];
    bool has_token = mark->token[0] != '\0';
    factum_uuid_format(mark->owner, owner);
    /* A token contains no character that JSON escapes. */
    int len = snprintf(data, FCT_MARK_DATA_SIZE, "{\"owner\":\"%s\",\"events\":%" PRIu64 "%s%s%s}",
                       owner, mark->events, has_token ? ",\"token\":\"" : "", mark->token,
                       has_token ? "\"" : "");
    FCT_ASSERT(len > 0);
    FCT_ASSERT((size_t)len < FCT_MARK_DATA_SIZE);
    return fct_slice(data, (size_t)len);
}

factum_status fct_follow_mark_save(factum_store *store, factum_slice stream,
                                   const factum_call *call, struct fct_follow_mark *mark,
                                   const struct fct_follow_mark *next, factum_error *err)
{
    char data[FCT_MARK_DATA_SIZE];
    factum_append_result result;
    factum_status status =
        mark_append(store, stream, call, mark, fct_follow_mark_format(next, data), &result, err);
    if (status != FACTUM_OK) {
        return status;
    }
    bool bounded = mark->bounded;
    *mark = *next;
    mark->present = true;
    mark->bounded = bounded;
    mark->revision = result.revision;
    if (!bounded) {
        status =
            factum_metadata_set(store, stream, factum_any(), FCT_SLICE(MARK_METADATA), NULL, err);
        mark->bounded = status == FACTUM_OK;
    }
    return status;
}
