/* kurrent_link.c - see kurrent_link.h. Layer: server. */
#include "server/kurrent_link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "server/kurrent_int.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define LINK_TYPE FCT_SLICE("$>")
#define TARGET_SIZE (FACTUM_NAME_SIZE_MAX + 24) /* "REVISION@STREAM" */
#define LINK_SEED UINT64_C(0x666163746c696e6b) /* clients store ids made with it: never change it */

enum fct_link_kind fct_link_kind_of(factum_slice stream)
{
    bool is_virtual = fct_slice_starts(stream, FCT_SLICE("$ce-")) ||
                      fct_slice_starts(stream, FCT_SLICE("$et-")) ||
                      fct_slice_starts(stream, FCT_SLICE("$bc-"));
    return is_virtual ? FCT_LINK_VIRTUAL : FCT_LINK_NONE;
}

static struct fct_kurrent_event show(const factum_event *event)
{
    return (struct fct_kurrent_event){
        .id = event->id,
        .stream = event->stream,
        .revision = event->revision,
        .position = event->position,
        .type = event->type,
        .content_type = event->content_type,
        .created = event->created,
        .custom_metadata = event->metadata,
        .data = event->data,
    };
}

static factum_uuid link_id(factum_slice stream, const factum_uuid *event)
{
    factum_uuid id;
    uint64_t seed = fct_hash64(stream, LINK_SEED);
    struct fct_hash128 hash = fct_hash128(fct_slice(event->bytes, sizeof event->bytes), seed);
    for (size_t i = 0; i < 8; i++) {
        id.bytes[i] = (uint8_t)(hash.high >> (8 * i));
        id.bytes[8 + i] = (uint8_t)(hash.low >> (8 * i));
    }
    return fct_uuid_marked(id, FCT_UUID_DERIVED);
}

static bool may_read(const struct fct_link_request *request, factum_slice stream)
{
    factum_error ignored;
    return fct_rights_check(request->principal, fct_kurrent_operation(stream, false), stream,
                            &ignored) == FACTUM_OK;
}

static bool is_too_old(const struct fct_link_request *request, const factum_event *event,
                       uint64_t max_age)
{
    int64_t age = factum_now(request->server->store) - event->created;
    return max_age > 0 && age > 0 && (uint64_t)(age / NS_PER_SECOND) >= max_age;
}

/* True if the event of a list still exists: deleted and truncated events stay in the list, but
 * links to them lead nowhere. */
static bool target_is_there(const struct fct_link_request *request, const factum_event *event)
{
    factum_stream_info info;
    return may_read(request, event->stream) &&
           fct_kurrent_stream_info(request->server, event->stream, &info) &&
           event->revision >= info.first_revision && event->revision <= info.last_revision &&
           !is_too_old(request, event, info.max_age);
}

static factum_status encode_virtual(const struct fct_link_request *request,
                                    const factum_event *event, struct fct_buf *buf)
{
    char target[TARGET_SIZE];
    int len = snprintf(target, sizeof target, "%" PRIu64 "@%.*s", event->revision,
                       (int)event->stream.len, (const char *)event->stream.ptr);
    const struct fct_kurrent_event shown = show(event);
    const struct fct_kurrent_event link = {
        .id = link_id(request->stream, &event->id),
        .stream = request->stream,
        .revision = event->ordinal,
        .position = event->position,
        .type = LINK_TYPE,
        .content_type = FCT_SLICE("application/octet-stream"),
        .created = event->created,
        .data = fct_slice(target, (size_t)len),
    };
    const struct fct_kurrent_event *resolved =
        request->resolve && target_is_there(request, event) ? &shown : NULL;
    const struct fct_kurrent_read_event answer = {
        .event = request->resolve ? resolved : &link,
        .link = request->resolve ? &link : NULL,
        .position = {true, event->position},
        .id_form = request->id_form,
    };
    return fct_kurrent_encode_event(buf, &answer);
}

/* "REVISION@STREAM" */
static bool parse_target(factum_slice data, uint64_t *revision, factum_slice *stream)
{
    size_t at = 0;
    *revision = 0;
    while (at < data.len && data.ptr[at] >= '0' && data.ptr[at] <= '9' && at < 19) {
        *revision = *revision * 10 + (uint64_t)(data.ptr[at] - '0');
        at++;
    }
    if (at == 0 || at >= data.len || data.ptr[at] != '@') {
        return false;
    }
    *stream = fct_slice_from(data, at + 1);
    return stream->len > 0;
}

/* Returns the cursor at the target of a link, with the event; NULL if the target cannot be read. */
static factum_cursor *read_target(const struct fct_link_request *request, factum_slice data,
                                  factum_event *target)
{
    uint64_t revision;
    factum_slice stream;
    factum_cursor *cursor = NULL;
    if (!parse_target(data, &revision, &stream)) {
        return NULL;
    }
    const factum_read_request read = {.size = sizeof read,
                                      .source = FACTUM_SOURCE_STREAM,
                                      .name = stream,
                                      .from = FACTUM_FROM_REVISION,
                                      .from_value = revision,
                                      .count_max = 1};
    if (!may_read(request, stream) ||
        factum_read(request->server->store, &read, &cursor, NULL) != FACTUM_OK) {
        return NULL;
    }
    if (factum_cursor_next(cursor, target, NULL) != FACTUM_OK || target->revision != revision) {
        factum_cursor_close(cursor);
        return NULL;
    }
    return cursor;
}

/* Encodes a stored event, which may be a link. A link whose data is no target is an ordinary
 * event. */
static factum_status encode_stored(const struct fct_link_request *request,
                                   const factum_event *event, struct fct_buf *buf)
{
    uint64_t revision;
    factum_slice stream;
    const struct fct_kurrent_event shown = show(event);
    struct fct_kurrent_read_event answer = {
        .event = &shown, .position = {true, event->position}, .id_form = request->id_form};
    if (!request->resolve || !fct_slice_equal(event->type, LINK_TYPE) ||
        !parse_target(event->data, &revision, &stream)) {
        return fct_kurrent_encode_event(buf, &answer);
    }
    factum_event target;
    struct fct_kurrent_event resolved;
    factum_cursor *cursor = read_target(request, event->data, &target);
    answer.event = NULL;
    answer.link = &shown;
    if (cursor != NULL) {
        resolved = show(&target);
        answer.event = &resolved;
    }
    factum_status status = fct_kurrent_encode_event(buf, &answer);
    factum_cursor_close(cursor);
    return status;
}

bool fct_link_is_plain(const struct fct_link_request *request, const factum_event *event)
{
    return request->kind == FCT_LINK_NONE &&
           !(request->resolve && fct_slice_equal(event->type, LINK_TYPE));
}

factum_status fct_link_encode(const struct fct_link_request *request, const factum_event *event,
                              struct fct_buf *buf, factum_error *err)
{
    factum_status status = request->kind == FCT_LINK_VIRTUAL ? encode_virtual(request, event, buf)
                                                             : encode_stored(request, event, buf);
    if (status != FACTUM_OK) {
        return fct_fail(err, FACTUM_NO_MEMORY, "read: out of memory");
    }
    return FACTUM_OK;
}
