/* store_append.c - see store_append.h. Layer: wire.
 *
 * A request is visited twice: to count the memory of its arrays, and to fill them. Events are
 * written front to back, their sizes first, as in store_event.c.
 */
#include "wire/store_append.h"

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "wire/store_int.h"

enum {
    APPEND_EXPECTATIONS = 4,
    APPEND_EVENTS = 5,
    APPEND_CONDITION = 6,
    APPENDED_STATUS = 2,
    APPENDED_TEXT = 3,
    APPENDED_OS_ERROR = 4,
    APPENDED_REVISIONS = 14,
};

static const struct fct_store_member append_members[] = {
    FCT_STORE_MEMBER(1, U64, struct fct_store_append, number),
    FCT_STORE_MEMBER(2, BOOL, struct fct_store_append, cancel),
    FCT_STORE_CHOICE(3, FACTUM_ACTION_TOMBSTONE, struct fct_store_append, action),
    FCT_STORE_OPTIONAL(11, U64, struct fct_store_append, timeout_ms, has_timeout),
    FCT_STORE_MEMBER(12, BOOL, struct fct_store_append, revisions),
    FCT_STORE_MEMBER(13, TEXT, struct fct_store_append, traceparent),
    FCT_STORE_MEMBER(14, TEXT, struct fct_store_append, tracestate),
    FCT_STORE_MEMBER(15, TEXT, struct fct_store_append, correlation_id),
    FCT_STORE_MEMBER(16, TEXT, struct fct_store_append, causation_id),
};
static const struct fct_store_table append_table = FCT_STORE_TABLE(append_members);

static const struct fct_store_member append_request_members[] = {
    FCT_STORE_MEMBER(7, TEXT, factum_append_request, idempotency_key),
    FCT_STORE_CHOICE(8, FACTUM_DURABILITY_OS, factum_append_request, durability),
    FCT_STORE_MEMBER(9, BOOL, factum_append_request, system),
    FCT_STORE_MEMBER(10, ID, factum_append_request, fingerprint),
};
static const struct fct_store_table append_request_table = FCT_STORE_TABLE(append_request_members);

static const struct fct_store_member append_result_members[] = {
    FCT_STORE_MEMBER(5, U64, factum_append_result, first_position),
    FCT_STORE_MEMBER(6, U64, factum_append_result, position),
    FCT_STORE_MEMBER(7, U64, factum_append_result, revision),
    FCT_STORE_MEMBER(8, BOOL, factum_append_result, already),
    FCT_STORE_CHOICE(9, FACTUM_DURABILITY_OS, factum_append_result, durability),
    FCT_STORE_MEMBER(10, SIZE, factum_append_result, refused_index),
    FCT_STORE_CHOICE(11, FACTUM_STREAM_TOMBSTONED, factum_append_result, actual_state),
    FCT_STORE_MEMBER(12, U64, factum_append_result, actual_revision),
    FCT_STORE_MEMBER(13, U64, factum_append_result, conflict_position),
};
static const struct fct_store_table append_result_table = FCT_STORE_TABLE(append_result_members);

/* ---- AppendRequest, written ------------------------------------------------------------------ */

static void append_put_expectation(struct fct_pb_writer *writer,
                                   const factum_expectation *expectation)
{
    static const uint8_t numbers[] = {
        [FACTUM_EXPECTED_ANY] = 2,
        [FACTUM_EXPECTED_NO_STREAM] = 3,
        [FACTUM_EXPECTED_STREAM_EXISTS] = 4,
        [FACTUM_EXPECTED_REVISION] = 5,
    };
    factum_expected expected = expectation->expected;
    size_t begun = fct_pb_begin(writer, APPEND_EXPECTATIONS);
    fct_pb_put_bytes(writer, 1, expectation->stream);
    if (expected.kind != FACTUM_EXPECTED_NONE && (size_t)expected.kind < sizeof numbers) {
        bool revision = expected.kind == FACTUM_EXPECTED_REVISION;
        fct_pb_add_uint(writer, numbers[expected.kind], revision ? expected.revision : 1);
    }
    fct_pb_end(writer, begun);
}

/* An event, and the stream that need not be repeated with it. */
struct append_event {
    const factum_new_event *event;
    factum_slice stream;
    factum_slice id;
    size_t size;
};

static struct append_event append_measure_event(const factum_new_event *event, factum_slice first)
{
    struct append_event it = {.event = event, .stream = event->stream};
    if (fct_slice_equal(event->stream, first)) {
        it.stream.len = 0;
    }
    it.id = fct_slice(event->id.bytes, fct_uuid_is_zero(event->id) ? 0 : 16);
    it.size = fct_store_bytes_size(it.stream.len) + fct_store_bytes_size(event->type.len) +
              fct_store_bytes_size(event->data.len) + fct_store_bytes_size(event->metadata.len) +
              fct_store_bytes_size(it.id.len) + fct_store_uint_size((uint64_t)event->content_type) +
              fct_store_bytes_size(event->media_type.len);
    for (size_t i = 0; i < event->tag_count; i++) {
        it.size += 1 + fct_varint_size(event->tags[i].len) + event->tags[i].len;
    }
    it.size += event->has_time ? 1 + fct_varint_size((uint64_t)event->time) : 0;
    return it;
}

static uint8_t *append_write_event(uint8_t *to, const struct append_event *it)
{
    const factum_new_event *event = it->event;
    to = fct_store_to_head(to, APPEND_EVENTS << 3 | FCT_PB_BYTES, it->size);
    to = fct_store_to_bytes(to, 0x0a, it->stream);
    to = fct_store_to_bytes(to, 0x12, event->type);
    to = fct_store_to_bytes(to, 0x1a, event->data);
    to = fct_store_to_bytes(to, 0x22, event->metadata);
    for (size_t i = 0; i < event->tag_count; i++) {
        to = event->tags[i].len > 0 ? fct_store_to_bytes(to, 0x2a, event->tags[i])
                                    : fct_store_to_head(to, 0x2a, 0);
    }
    to = fct_store_to_bytes(to, 0x32, it->id);
    to = fct_store_to_uint(to, 0x38, (uint64_t)event->content_type);
    to = fct_store_to_bytes(to, 0x42, event->media_type);
    return event->has_time ? fct_store_to_head(to, 0x48, (uint64_t)event->time) : to;
}

static void append_put_event(struct fct_pb_writer *writer, const factum_new_event *event,
                             factum_slice first)
{
    struct append_event it = append_measure_event(event, first);
    size_t whole = 1 + fct_varint_size(it.size) + it.size;
    struct fct_buf *buf = writer->buf;
    if (writer->status == FACTUM_OK) {
        writer->status = fct_buf_reserve(buf, whole);
    }
    if (writer->status == FACTUM_OK) {
        const uint8_t *end = append_write_event(buf->ptr + buf->len, &it);
        buf->len += whole;
        FCT_ASSERT(end == buf->ptr + buf->len);
    }
}

static void append_put_condition(struct fct_pb_writer *writer,
                                 const factum_append_condition *condition)
{
    size_t begun = fct_pb_begin(writer, APPEND_CONDITION);
    fct_store_put_query(writer, 1, &condition->query);
    fct_pb_put_uint(writer, 2, condition->after);
    fct_pb_end(writer, begun);
}

factum_status fct_store_encode_append(struct fct_buf *buf, const struct fct_store_append *append,
                                      const factum_append_request *request)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    struct fct_pb_writer *writer = &message.writer;
    fct_store_put(writer, &append_table, append);
    if (!append->cancel) {
        factum_slice first =
            request->expectation_count > 0 ? request->expectations[0].stream : fct_slice(NULL, 0);
        for (size_t i = 0; i < request->expectation_count; i++) {
            append_put_expectation(writer, &request->expectations[i]);
        }
        for (size_t i = 0; i < request->event_count; i++) {
            append_put_event(writer, &request->events[i], first);
        }
        if (request->condition != NULL) {
            append_put_condition(writer, request->condition);
        }
        fct_store_put(writer, &append_request_table, request);
    }
    return fct_grpc_message_end(&message);
}

/* ---- AppendRequest, counted ------------------------------------------------------------------ */

static factum_status append_count_event(factum_slice bytes, struct fct_store_append *append,
                                        factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(bytes);
    size_t tags = 0;
    if (++append->event_count > FCT_STORE_EVENTS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "append: more than %u events", FCT_STORE_EVENTS_MAX);
    }
    while (fct_pb_next(&reader, &field)) {
        tags += fct_pb_tag(&field) == FCT_STORE_BYTES(5) ? 1 : 0;
    }
    if (reader.failed) {
        return fct_store_invalid("AppendRequest", err);
    }
    if (tags > FACTUM_TAGS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "append: event %zu has more than %d tags",
                        append->event_count - 1, FACTUM_TAGS_MAX);
    }
    append->tag_count += tags;
    return FACTUM_OK;
}

/* Finds the query of a condition and its place. Returns false if the condition is not valid. */
static bool append_take_condition(factum_slice bytes, factum_slice *query, uint64_t *after)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(bytes);
    *query = fct_slice(NULL, 0);
    *after = 0;
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(1)) {
            *query = field.bytes;
        } else if (fct_pb_tag(&field) == FCT_STORE_UINT(2)) {
            *after = field.value;
        }
    }
    return !reader.failed;
}

static factum_status append_count_condition(factum_slice bytes, struct fct_store_append *append,
                                            factum_error *err)
{
    factum_slice query;
    uint64_t after;
    struct fct_store_query_size size;
    if (!append_take_condition(bytes, &query, &after)) {
        return fct_store_invalid("AppendRequest", err);
    }
    factum_status status = fct_store_measure_query(query, &size, err);
    append->has_condition = true;
    append->item_count = size.items;
    append->name_count = size.names;
    return status;
}

static factum_status append_count_field(const struct fct_pb_field *field,
                                        struct fct_store_append *append, factum_error *err)
{
    switch (fct_pb_tag(field)) {
    case FCT_STORE_BYTES(APPEND_EVENTS):
        return append_count_event(field->bytes, append, err);
    case FCT_STORE_BYTES(APPEND_EXPECTATIONS):
        return ++append->expectation_count <= FCT_STORE_EXPECTATIONS_MAX
                   ? FACTUM_OK
                   : fct_fail(err, FACTUM_TOO_BIG, "append: more than %u expectations",
                              FCT_STORE_EXPECTATIONS_MAX);
    case FCT_STORE_BYTES(APPEND_CONDITION):
        return append_count_condition(field->bytes, append, err);
    default:
        return fct_store_take(&append_table, field, append)
                   ? FACTUM_OK
                   : fct_store_invalid("AppendRequest", err);
    }
}

static size_t append_memory(const struct fct_store_append *append)
{
    const struct fct_store_query_size query = {append->item_count, append->name_count};
    return append->event_count * sizeof(factum_new_event) +
           append->tag_count * sizeof(factum_slice) +
           append->expectation_count * sizeof(factum_expectation) +
           (append->has_condition ? sizeof(factum_append_condition) : 0) +
           fct_store_query_memory(&query);
}

factum_status fct_store_decode_append(factum_slice message, struct fct_store_append *append,
                                      factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    *append = (struct fct_store_append){.message = message};
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        status = append_count_field(&field, append, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (reader.failed) {
        return fct_store_invalid("AppendRequest", err);
    }
    append->memory_size = append->cancel ? 0 : append_memory(append);
    return FACTUM_OK;
}

static factum_slice append_rebase(factum_slice part, factum_slice message, const uint8_t *to)
{
    return part.len == 0 ? fct_slice(NULL, 0) : fct_slice(to + (part.ptr - message.ptr), part.len);
}

void fct_store_move_append(struct fct_store_append *append, uint8_t *to)
{
    factum_slice message = append->message;
    if (message.len > 0) {
        memcpy(to, message.ptr, message.len);
    }
    append->traceparent = append_rebase(append->traceparent, message, to);
    append->tracestate = append_rebase(append->tracestate, message, to);
    append->correlation_id = append_rebase(append->correlation_id, message, to);
    append->causation_id = append_rebase(append->causation_id, message, to);
    append->message = fct_slice(to, message.len);
}

/* ---- AppendRequest, built -------------------------------------------------------------------- */

static bool append_take_text(factum_slice bytes, factum_slice *text)
{
    *text = bytes;
    return fct_utf8_valid(bytes);
}

static bool append_take_id(factum_slice bytes, factum_uuid *id)
{
    if (bytes.len != 0 && bytes.len != sizeof id->bytes) {
        return false;
    }
    *id = (factum_uuid){{0}};
    if (bytes.len > 0) {
        memcpy(id->bytes, bytes.ptr, sizeof id->bytes);
    }
    return true;
}

static bool append_take_event_field(const struct fct_pb_field *field, factum_new_event *event,
                                    factum_slice *tags)
{
    switch (fct_pb_tag(field)) {
    case FCT_STORE_BYTES(1):
        return append_take_text(field->bytes, &event->stream);
    case FCT_STORE_BYTES(2):
        return append_take_text(field->bytes, &event->type);
    case FCT_STORE_BYTES(3):
        event->data = field->bytes;
        return true;
    case FCT_STORE_BYTES(4):
        event->metadata = field->bytes;
        return true;
    case FCT_STORE_BYTES(5):
        return append_take_text(field->bytes, &tags[event->tag_count++]);
    case FCT_STORE_BYTES(6):
        return append_take_id(field->bytes, &event->id);
    case FCT_STORE_UINT(7):
        event->content_type = field->value == 1 ? FACTUM_CONTENT_BINARY : FACTUM_CONTENT_JSON;
        return field->value <= FACTUM_CONTENT_BINARY;
    case FCT_STORE_BYTES(8):
        return append_take_text(field->bytes, &event->media_type);
    case FCT_STORE_UINT(9):
        event->has_time = true;
        event->time = (int64_t)field->value;
        return true;
    default:
        return true;
    }
}

/* The arrays, and how many of their entries are filled. */
struct append_arrays {
    factum_new_event *events;
    factum_slice *tags;
    factum_expectation *expectations;
    struct fct_store_space space; /* for the condition */
    factum_append_condition *condition;
};

static bool append_build_event(factum_slice bytes, struct append_arrays *arrays)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(bytes);
    factum_new_event *event = arrays->events++;
    *event = (factum_new_event){.tags = arrays->tags};
    while (fct_pb_next(&reader, &field)) {
        if (!append_take_event_field(&field, event, arrays->tags)) {
            return false;
        }
    }
    arrays->tags += event->tag_count;
    return true;
}

static bool append_build_expectation(factum_slice bytes, struct append_arrays *arrays)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(bytes);
    factum_expectation *it = arrays->expectations++;
    *it = (factum_expectation){.stream = fct_slice(NULL, 0)};
    while (fct_pb_next(&reader, &field)) {
        switch (fct_pb_tag(&field)) {
        case FCT_STORE_BYTES(1):
            if (!append_take_text(field.bytes, &it->stream)) {
                return false;
            }
            break;
        case FCT_STORE_UINT(2):
            it->expected = factum_any();
            break;
        case FCT_STORE_UINT(3):
            it->expected = factum_no_stream();
            break;
        case FCT_STORE_UINT(4):
            it->expected = factum_stream_exists();
            break;
        case FCT_STORE_UINT(5):
            it->expected = factum_at(field.value);
            break;
        default:
            break;
        }
    }
    return !reader.failed;
}

/* Builds the last condition of the message: its query was measured last. */
static void append_build_condition(const struct fct_store_append *append, factum_slice bytes,
                                   struct append_arrays *arrays)
{
    const struct fct_store_query_size size = {append->item_count, append->name_count};
    factum_slice query;
    bool valid = append_take_condition(bytes, &query, &arrays->condition->after);
    FCT_ASSERT(valid);
    fct_store_build_query(query, &size, &arrays->space, &arrays->condition->query);
}

static struct append_arrays append_lay_out(const struct fct_store_append *append, void *memory)
{
    struct fct_store_space space = {.at = memory};
    struct append_arrays arrays = {.events = NULL};
    arrays.events = fct_store_space_take(&space, append->event_count * sizeof *arrays.events);
    arrays.tags = fct_store_space_take(&space, append->tag_count * sizeof *arrays.tags);
    arrays.expectations =
        fct_store_space_take(&space, append->expectation_count * sizeof *arrays.expectations);
    if (append->has_condition) {
        arrays.condition = fct_store_space_take(&space, sizeof *arrays.condition);
    }
    arrays.space = space;
    return arrays;
}

static void append_name_streams(factum_append_request *request, factum_new_event *events)
{
    if (request->expectation_count == 0) {
        return;
    }
    for (size_t i = 0; i < request->event_count; i++) {
        if (events[i].stream.len == 0) {
            events[i].stream = request->expectations[0].stream;
        }
    }
}

factum_status fct_store_build_append(const struct fct_store_append *append, void *memory,
                                     factum_append_request *request, factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(append->message);
    struct append_arrays arrays = append_lay_out(append, memory);
    factum_slice condition = fct_slice(NULL, 0);
    factum_new_event *events = arrays.events;
    *request = (factum_append_request){
        .size = sizeof *request,
        .events = events,
        .event_count = append->event_count,
        .expectations = arrays.expectations,
        .expectation_count = append->expectation_count,
        .condition = arrays.condition,
    };
    bool valid = !append->cancel;
    while (valid && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_STORE_BYTES(APPEND_EVENTS)) {
            valid = append_build_event(field.bytes, &arrays);
        } else if (fct_pb_tag(&field) == FCT_STORE_BYTES(APPEND_EXPECTATIONS)) {
            valid = append_build_expectation(field.bytes, &arrays);
        } else if (fct_pb_tag(&field) == FCT_STORE_BYTES(APPEND_CONDITION)) {
            condition = field.bytes;
        } else {
            valid = fct_store_take(&append_request_table, &field, request);
        }
    }
    if (!valid) {
        return fct_store_invalid("AppendRequest", err);
    }
    if (append->has_condition) {
        append_build_condition(append, condition, &arrays);
    }
    append_name_streams(request, events);
    return FACTUM_OK;
}

/* ---- AppendAnswer ---------------------------------------------------------------------------- */

factum_status fct_store_encode_appended(struct fct_buf *buf,
                                        const struct fct_store_appended *appended)
{
    struct fct_grpc_message message = fct_grpc_message_begin(buf);
    struct fct_pb_writer *writer = &message.writer;
    fct_pb_put_uint(writer, 1, appended->number);
    fct_pb_put_uint(writer, APPENDED_STATUS, fct_store_number_of(appended->status));
    if (appended->status < 0) {
        fct_pb_put_bytes(writer, APPENDED_TEXT, fct_utf8_whole(appended->err.text));
        fct_pb_put_uint(writer, APPENDED_OS_ERROR, (uint64_t)appended->err.os_error);
    }
    fct_store_put(writer, &append_result_table, &appended->result);
    if (appended->revisions != NULL) {
        fct_store_put_numbers(writer, APPENDED_REVISIONS, appended->revisions,
                              appended->revision_count);
    }
    return fct_grpc_message_end(&message);
}

static bool append_take_outcome(const struct fct_pb_field *field,
                                struct fct_store_appended *appended, factum_slice *text,
                                uint64_t *os_error)
{
    switch (fct_pb_tag(field)) {
    case FCT_STORE_UINT(1):
        appended->number = field->value;
        return true;
    case FCT_STORE_UINT(APPENDED_STATUS):
        return fct_store_status_of(field->value, &appended->status);
    case FCT_STORE_BYTES(APPENDED_TEXT):
        *text = field->bytes;
        return fct_utf8_valid(field->bytes);
    case FCT_STORE_UINT(APPENDED_OS_ERROR):
        *os_error = field->value;
        return true;
    default:
        break;
    }
    return field->number == APPENDED_REVISIONS
               ? fct_store_count_numbers(field, &appended->revision_count)
               : fct_store_take(&append_result_table, field, &appended->result);
}

factum_status fct_store_decode_appended(factum_slice message, struct fct_store_appended *appended,
                                        factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_slice text = fct_slice(NULL, 0);
    uint64_t os_error = 0;
    *appended = (struct fct_store_appended){.status = FACTUM_OK};
    while (fct_pb_next(&reader, &field)) {
        if (!append_take_outcome(&field, appended, &text, &os_error)) {
            return fct_store_invalid("AppendAnswer", err);
        }
    }
    if (reader.failed || appended->revision_count > FCT_STORE_REVISIONS_MAX) {
        return fct_store_invalid("AppendAnswer", err);
    }
    if (appended->status < 0) {
        (void)fct_fail(&appended->err, appended->status, "%.*s",
                       text.len < sizeof appended->err.text ? (int)text.len
                                                            : (int)sizeof appended->err.text,
                       text.len > 0 ? (const char *)text.ptr : "");
        appended->err.os_error = (int)fct_pb_u32(os_error & INT32_MAX);
    }
    return FACTUM_OK;
}

size_t fct_store_appended_revisions(factum_slice message, uint64_t *to, size_t max)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    size_t count = 0;
    while (fct_pb_next(&reader, &field)) {
        size_t more = 0;
        if (field.number != APPENDED_REVISIONS || !fct_store_count_numbers(&field, &more)) {
            continue;
        }
        factum_slice rest = field.bytes;
        for (; more > 0 && count < max; more--) {
            to[count++] = fct_store_next_number(&field, &rest);
        }
    }
    return count;
}
