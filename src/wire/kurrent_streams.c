/* kurrent_streams.c - see kurrent_streams.h. Layer: wire.
 *
 * Each message has a function that visits its fields once. A member of a oneof that follows another
 * member resets the values that the other has set.
 */
#include "wire/kurrent_streams.h"

#include "core/check.h"
#include "core/slice.h"
#include "wire/kurrent_int.h"
#include "wire/protobuf.h"

/* ---- Read ------------------------------------------------------------------------------------ */

static void streams_set_from(struct fct_kurrent_read *read, enum fct_kurrent_from from)
{
    if (read->from != from) {
        read->from = from;
        read->revision = 0;
        read->commit_position = 0;
        read->prepare_position = 0;
    }
}

static void streams_set_source(struct fct_kurrent_read *read, enum fct_kurrent_source source)
{
    if (read->source != source) {
        read->source = source;
        read->stream = fct_slice(NULL, 0);
        streams_set_from(read, FCT_KURRENT_FROM_NONE);
    }
}

static factum_status streams_take_stream_options(factum_slice message,
                                                 struct fct_kurrent_read *read)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    streams_set_source(read, FCT_KURRENT_SOURCE_STREAM);
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        switch (fct_pb_tag(&field)) {
        case FCT_KURRENT_BYTES(1):
            status = fct_kurrent_take_stream(field.bytes, &read->stream);
            break;
        case FCT_KURRENT_UINT(2):
            streams_set_from(read, FCT_KURRENT_FROM_REVISION);
            read->revision = field.value;
            break;
        case FCT_KURRENT_BYTES(3):
            streams_set_from(read, FCT_KURRENT_FROM_START);
            break;
        case FCT_KURRENT_BYTES(4):
            streams_set_from(read, FCT_KURRENT_FROM_END);
            break;
        default:
            break;
        }
    }
    return status != FACTUM_OK ? status : fct_kurrent_end(&reader);
}

static factum_status streams_take_position(factum_slice message, struct fct_kurrent_read *read)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    streams_set_from(read, FCT_KURRENT_FROM_POSITION);
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_UINT(1)) {
            read->commit_position = field.value;
        } else if (fct_pb_tag(&field) == FCT_KURRENT_UINT(2)) {
            read->prepare_position = field.value;
        }
    }
    return fct_kurrent_end(&reader);
}

static factum_status streams_take_all_options(factum_slice message, struct fct_kurrent_read *read)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    streams_set_source(read, FCT_KURRENT_SOURCE_ALL);
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        switch (fct_pb_tag(&field)) {
        case FCT_KURRENT_BYTES(1):
            status = streams_take_position(field.bytes, read);
            break;
        case FCT_KURRENT_BYTES(2):
            streams_set_from(read, FCT_KURRENT_FROM_START);
            break;
        case FCT_KURRENT_BYTES(3):
            streams_set_from(read, FCT_KURRENT_FROM_END);
            break;
        default:
            break;
        }
    }
    return status != FACTUM_OK ? status : fct_kurrent_end(&reader);
}

static factum_status streams_take_uuid_option(factum_slice message, enum fct_kurrent_id_form *form)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(1)) {
            *form = FCT_KURRENT_ID_STRUCTURED;
        } else if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(2)) {
            *form = FCT_KURRENT_ID_STRING;
        }
    }
    return fct_kurrent_end(&reader);
}

static factum_status streams_take_control(factum_slice message, uint32_t *compatibility)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_UINT(1)) {
            *compatibility = fct_pb_u32(field.value);
        }
    }
    return fct_kurrent_end(&reader);
}

static void streams_set_filter(struct fct_kurrent_read *read, enum fct_kurrent_filter_option option)
{
    if (read->filter_option != option) {
        read->filter_option = option;
        read->filter = (struct fct_kurrent_filter){0};
    }
}

/* Decodes a field of the options that is a number. Returns false for another field. */
static bool streams_take_read_number(const struct fct_pb_field *field,
                                     struct fct_kurrent_read *read)
{
    switch (fct_pb_tag(field)) {
    case FCT_KURRENT_UINT(3):
        read->direction = fct_pb_u32(field->value);
        return true;
    case FCT_KURRENT_UINT(4):
        read->resolve_links = field->value != 0;
        return true;
    case FCT_KURRENT_UINT(5):
        read->amount = FCT_KURRENT_AMOUNT_COUNT;
        read->count = field->value;
        return true;
    default:
        return false;
    }
}

static factum_status streams_take_read_message(const struct fct_pb_field *field,
                                               struct fct_kurrent_read *read)
{
    switch (fct_pb_tag(field)) {
    case FCT_KURRENT_BYTES(1):
        return streams_take_stream_options(field->bytes, read);
    case FCT_KURRENT_BYTES(2):
        return streams_take_all_options(field->bytes, read);
    case FCT_KURRENT_BYTES(6):
        read->amount = FCT_KURRENT_AMOUNT_SUBSCRIPTION;
        read->count = 0;
        return FACTUM_OK;
    case FCT_KURRENT_BYTES(7):
        streams_set_filter(read, FCT_KURRENT_FILTER_GIVEN);
        return fct_kurrent_take_filter(field->bytes, &read->filter);
    case FCT_KURRENT_BYTES(8):
        streams_set_filter(read, FCT_KURRENT_FILTER_OFF);
        return FACTUM_OK;
    case FCT_KURRENT_BYTES(9):
        return streams_take_uuid_option(field->bytes, &read->id_form);
    case FCT_KURRENT_BYTES(10):
        return streams_take_control(field->bytes, &read->compatibility);
    default:
        return FACTUM_OK;
    }
}

static factum_status streams_take_read_options(factum_slice message, struct fct_kurrent_read *read)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (!streams_take_read_number(&field, read)) {
            status = streams_take_read_message(&field, read);
        }
    }
    return status != FACTUM_OK ? status : fct_kurrent_end(&reader);
}

factum_status fct_kurrent_decode_read(factum_slice message, struct fct_kurrent_read *read,
                                      factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    *read = (struct fct_kurrent_read){0};
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(1)) {
            status = streams_take_read_options(field.bytes, read);
        }
    }
    status = status != FACTUM_OK ? status : fct_kurrent_end(&reader);
    return fct_kurrent_result(status, "ReadReq", err);
}

/* ---- what is appended ------------------------------------------------------------------------ */

/* Decodes the options of Append, Delete and Tombstone. */
static factum_status streams_take_target(factum_slice message, struct fct_kurrent_target *target)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(1)) {
            status = fct_kurrent_take_stream(field.bytes, &target->stream);
        } else {
            (void)fct_kurrent_take_expected(&field, &target->expected);
        }
    }
    return status != FACTUM_OK ? status : fct_kurrent_end(&reader);
}

/* Decodes an entry of the metadata map: key and value may come in either order. */
static factum_status streams_take_metadata(factum_slice message,
                                           struct fct_kurrent_proposed *proposed)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_slice key = fct_slice(NULL, 0);
    factum_slice value = fct_slice(NULL, 0);
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(1)) {
            key = field.bytes;
        } else if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(2)) {
            value = field.bytes;
        }
    }
    if (reader.failed) {
        return FACTUM_INVALID;
    }
    if (fct_slice_equal(key, FCT_SLICE("type"))) {
        proposed->has_type = true;
        return fct_kurrent_take_text(value, &proposed->type);
    }
    if (fct_slice_equal(key, FCT_SLICE("content-type"))) {
        proposed->has_content_type = true;
        return fct_kurrent_take_text(value, &proposed->content_type);
    }
    return FACTUM_OK;
}

static factum_status streams_take_proposed(factum_slice message,
                                           struct fct_kurrent_proposed *proposed)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        switch (fct_pb_tag(&field)) {
        case FCT_KURRENT_BYTES(1):
            status = fct_kurrent_take_id(field.bytes, &proposed->id);
            break;
        case FCT_KURRENT_BYTES(2):
            status = streams_take_metadata(field.bytes, proposed);
            break;
        case FCT_KURRENT_BYTES(3):
            proposed->custom_metadata = field.bytes;
            break;
        case FCT_KURRENT_BYTES(4):
            proposed->data = field.bytes;
            break;
        default:
            break;
        }
    }
    return status != FACTUM_OK ? status : fct_kurrent_end(&reader);
}

static void streams_set_content(struct fct_kurrent_append *append,
                                enum fct_kurrent_append_content content)
{
    if (append->content != content) {
        *append = (struct fct_kurrent_append){.content = content};
    }
}

factum_status fct_kurrent_decode_append(factum_slice message, struct fct_kurrent_append *append,
                                        factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    *append = (struct fct_kurrent_append){0};
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(1)) {
            streams_set_content(append, FCT_KURRENT_APPEND_OPTIONS);
            status = streams_take_target(field.bytes, &append->options);
        } else if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(2)) {
            streams_set_content(append, FCT_KURRENT_APPEND_MESSAGE);
            status = streams_take_proposed(field.bytes, &append->proposed);
        }
    }
    status = status != FACTUM_OK ? status : fct_kurrent_end(&reader);
    return fct_kurrent_result(status, "AppendReq", err);
}

/* ---- BatchAppend ----------------------------------------------------------------------------- */

static int64_t streams_nanoseconds(int64_t seconds, int64_t nanos)
{
    const int64_t second = 1000000000;
    if (seconds >= INT64_MAX / second) {
        return INT64_MAX;
    }
    if (seconds <= INT64_MIN / second) {
        return INT64_MIN;
    }
    if (nanos >= second || nanos <= -second) {
        nanos = nanos > 0 ? second - 1 : 1 - second;
    }
    return seconds * second + nanos;
}

/* Decodes a Timestamp or Duration: `1 seconds int64`, `2 nanos int32`. */
static factum_status streams_take_time(factum_slice message, int64_t *ns)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    int64_t seconds = 0;
    int32_t nanos = 0;
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_UINT(1)) {
            seconds = (int64_t)field.value;
        } else if (fct_pb_tag(&field) == FCT_KURRENT_UINT(2)) {
            nanos = (int32_t)fct_pb_u32(field.value);
        }
    }
    *ns = streams_nanoseconds(seconds, nanos);
    return fct_kurrent_end(&reader);
}

static factum_status streams_take_batch_options(factum_slice message,
                                                struct fct_kurrent_batch *batch)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    batch->has_options = true;
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        switch (fct_pb_tag(&field)) {
        case FCT_KURRENT_BYTES(1):
            status = fct_kurrent_take_stream(field.bytes, &batch->options.stream);
            break;
        case FCT_KURRENT_BYTES(6):
            batch->deadline = FCT_KURRENT_DEADLINE_AT;
            status = streams_take_time(field.bytes, &batch->deadline_ns);
            break;
        case FCT_KURRENT_BYTES(7):
            batch->deadline = FCT_KURRENT_DEADLINE_AFTER;
            status = streams_take_time(field.bytes, &batch->deadline_ns);
            break;
        default:
            (void)fct_kurrent_take_expected(&field, &batch->options.expected);
            break;
        }
    }
    return status != FACTUM_OK ? status : fct_kurrent_end(&reader);
}

static factum_status streams_take_batch_field(const struct fct_pb_field *field,
                                              struct fct_kurrent_batch *batch)
{
    switch (fct_pb_tag(field)) {
    case FCT_KURRENT_BYTES(1):
        return fct_kurrent_take_id(field->bytes, &batch->correlation_id);
    case FCT_KURRENT_BYTES(2):
        return streams_take_batch_options(field->bytes, batch);
    case FCT_KURRENT_BYTES(3):
        batch->proposed_count++;
        batch->proposed_size += field->bytes.len;
        return FACTUM_OK;
    case FCT_KURRENT_UINT(4):
        batch->is_final = field->value != 0;
        return FACTUM_OK;
    default:
        return FACTUM_OK;
    }
}

factum_status fct_kurrent_decode_batch(factum_slice message, struct fct_kurrent_batch *batch,
                                       factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    *batch = (struct fct_kurrent_batch){.rest = message};
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        status = streams_take_batch_field(&field, batch);
    }
    status = status != FACTUM_OK ? status : fct_kurrent_end(&reader);
    return fct_kurrent_result(status, "BatchAppendReq", err);
}

void fct_kurrent_move_batch(struct fct_kurrent_batch *batch, factum_slice message,
                            const uint8_t *to)
{
    FCT_ASSERT(batch->rest.ptr == message.ptr && batch->rest.len == message.len);
    batch->rest.ptr = to;
    if (batch->options.stream.len > 0) {
        FCT_ASSERT(batch->options.stream.ptr >= message.ptr);
        batch->options.stream.ptr = to + (batch->options.stream.ptr - message.ptr);
    }
}

factum_status fct_kurrent_batch_next(struct fct_kurrent_batch *batch,
                                     struct fct_kurrent_proposed *proposed, factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(batch->rest);
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(3)) {
            batch->rest = reader.rest;
            *proposed = (struct fct_kurrent_proposed){0};
            return fct_kurrent_result(streams_take_proposed(field.bytes, proposed),
                                      "ProposedMessage", err);
        }
    }
    batch->rest = reader.rest;
    return FACTUM_DONE;
}

/* ---- Delete, Tombstone ----------------------------------------------------------------------- */

factum_status fct_kurrent_decode_delete(factum_slice message, struct fct_kurrent_target *target,
                                        factum_error *err)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    *target = (struct fct_kurrent_target){0};
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(1)) {
            status = streams_take_target(field.bytes, target);
        }
    }
    status = status != FACTUM_OK ? status : fct_kurrent_end(&reader);
    return fct_kurrent_result(status, "DeleteReq", err);
}
