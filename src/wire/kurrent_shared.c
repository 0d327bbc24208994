/* kurrent_shared.c - see kurrent_int.h. Layer: wire. */
#include "core/error.h"
#include "core/slice.h"
#include "wire/kurrent_int.h"

factum_status fct_kurrent_end(const struct fct_pb_reader *reader)
{
    return reader->failed ? FACTUM_INVALID : FACTUM_OK;
}

factum_status fct_kurrent_result(factum_status status, const char *name, factum_error *err)
{
    if (status == FACTUM_OK) {
        return FACTUM_OK;
    }
    if (status == FACTUM_TOO_BIG) {
        return fct_fail(err, FACTUM_TOO_BIG, "a filter has more than %d prefixes",
                        FCT_KURRENT_PREFIXES_MAX);
    }
    return fct_fail(err, FACTUM_INVALID, "not a valid %s message", name);
}

/* ---- decoding -------------------------------------------------------------------------------- */

factum_status fct_kurrent_take_stream(factum_slice message, factum_slice *stream)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(3)) {
            *stream = field.bytes;
        }
    }
    return fct_kurrent_end(&reader);
}

static void shared_put_half(factum_uuid *uuid, size_t from, uint64_t half)
{
    for (size_t i = 0; i < 8; i++) {
        uuid->bytes[from + i] = (uint8_t)(half >> (56 - 8 * i) & 0xff);
    }
}

uint64_t fct_kurrent_id_half(const factum_uuid *uuid, size_t from)
{
    uint64_t half = 0;
    for (size_t i = 0; i < 8; i++) {
        half = half << 8 | uuid->bytes[from + i];
    }
    return half;
}

static factum_status shared_take_structured(factum_slice message, struct fct_kurrent_id *id)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    if (id->form != FCT_KURRENT_ID_STRUCTURED) {
        *id = (struct fct_kurrent_id){.form = FCT_KURRENT_ID_STRUCTURED};
    }
    while (fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_UINT(1)) {
            shared_put_half(&id->uuid, 0, field.value);
        } else if (fct_pb_tag(&field) == FCT_KURRENT_UINT(2)) {
            shared_put_half(&id->uuid, 8, field.value);
        }
    }
    return fct_kurrent_end(&reader);
}

factum_status fct_kurrent_take_id(factum_slice message, struct fct_kurrent_id *id)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(1)) {
            status = shared_take_structured(field.bytes, id);
        } else if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(2)) {
            *id = (struct fct_kurrent_id){.form = FCT_KURRENT_ID_STRING};
            if (factum_uuid_parse(field.bytes, &id->uuid) != FACTUM_OK) {
                id->form = FCT_KURRENT_ID_MALFORMED;
            }
        }
    }
    return status != FACTUM_OK ? status : fct_kurrent_end(&reader);
}

factum_status fct_kurrent_take_text(factum_slice bytes, factum_slice *text)
{
    if (!fct_utf8_valid(bytes)) {
        return FACTUM_INVALID;
    }
    *text = bytes;
    return FACTUM_OK;
}

/* Decodes an Expression, which replaces an expression of the other kind. */
static factum_status shared_take_expression(factum_slice message, enum fct_kurrent_filter_on on,
                                            struct fct_kurrent_filter *filter)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    if (filter->on != on) {
        filter->on = on;
        filter->regex = fct_slice(NULL, 0);
        filter->prefix_count = 0;
    }
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(1)) {
            status = fct_kurrent_take_text(field.bytes, &filter->regex);
        } else if (fct_pb_tag(&field) == FCT_KURRENT_BYTES(2)) {
            if (filter->prefix_count == FCT_KURRENT_PREFIXES_MAX) {
                return FACTUM_TOO_BIG;
            }
            status = fct_kurrent_take_text(field.bytes, &filter->prefixes[filter->prefix_count++]);
        }
    }
    return status != FACTUM_OK ? status : fct_kurrent_end(&reader);
}

factum_status fct_kurrent_take_filter(factum_slice message, struct fct_kurrent_filter *filter)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && fct_pb_next(&reader, &field)) {
        switch (fct_pb_tag(&field)) {
        case FCT_KURRENT_BYTES(1):
            status = shared_take_expression(field.bytes, FCT_KURRENT_FILTER_ON_STREAM, filter);
            break;
        case FCT_KURRENT_BYTES(2):
            status = shared_take_expression(field.bytes, FCT_KURRENT_FILTER_ON_TYPE, filter);
            break;
        case FCT_KURRENT_UINT(3):
            filter->window = FCT_KURRENT_WINDOW_MAX;
            filter->window_max = fct_pb_u32(field.value);
            break;
        case FCT_KURRENT_BYTES(4):
            filter->window = FCT_KURRENT_WINDOW_COUNT;
            filter->window_max = 0;
            break;
        case FCT_KURRENT_UINT(5):
            filter->checkpoint_interval_multiplier = fct_pb_u32(field.value);
            break;
        default:
            break;
        }
    }
    return status != FACTUM_OK ? status : fct_kurrent_end(&reader);
}

bool fct_kurrent_take_expected(const struct fct_pb_field *field,
                               struct fct_kurrent_expected *expected)
{
    switch (fct_pb_tag(field)) {
    case FCT_KURRENT_UINT(2):
        *expected = (struct fct_kurrent_expected){FCT_KURRENT_EXPECTED_REVISION, field->value};
        return true;
    case FCT_KURRENT_BYTES(3):
        *expected = (struct fct_kurrent_expected){.kind = FCT_KURRENT_EXPECTED_NO_STREAM};
        return true;
    case FCT_KURRENT_BYTES(4):
        *expected = (struct fct_kurrent_expected){.kind = FCT_KURRENT_EXPECTED_ANY};
        return true;
    case FCT_KURRENT_BYTES(5):
        *expected = (struct fct_kurrent_expected){.kind = FCT_KURRENT_EXPECTED_STREAM_EXISTS};
        return true;
    default:
        return false;
    }
}

/* ---- encoding -------------------------------------------------------------------------------- */

void fct_kurrent_add_empty(struct fct_pb_writer *writer, uint32_t number)
{
    fct_pb_add_bytes(writer, number, fct_slice(NULL, 0));
}

void fct_kurrent_add_stream(struct fct_pb_writer *writer, uint32_t number, factum_slice stream)
{
    size_t begun = fct_pb_begin(writer, number);
    fct_pb_put_bytes(writer, 3, stream);
    fct_pb_end(writer, begun);
}

void fct_kurrent_add_id(struct fct_pb_writer *writer, uint32_t number,
                        const struct fct_kurrent_id *id)
{
    char text[FACTUM_UUID_TEXT_SIZE];
    if (id->form == FCT_KURRENT_ID_STRING) {
        size_t begun = fct_pb_begin(writer, number);
        factum_uuid_format(id->uuid, text);
        fct_pb_add_bytes(writer, 2, fct_slice(text, sizeof text - 1));
        fct_pb_end(writer, begun);
    } else if (id->form == FCT_KURRENT_ID_STRUCTURED) {
        size_t begun = fct_pb_begin(writer, number);
        size_t inner = fct_pb_begin(writer, 1);
        fct_pb_put_uint(writer, 1, fct_kurrent_id_half(&id->uuid, 0));
        fct_pb_put_uint(writer, 2, fct_kurrent_id_half(&id->uuid, 8));
        fct_pb_end(writer, inner);
        fct_pb_end(writer, begun);
    }
}

void fct_kurrent_add_position(struct fct_pb_writer *writer, uint32_t number, uint64_t position)
{
    size_t begun = fct_pb_begin(writer, number);
    fct_pb_put_uint(writer, 1, position);
    fct_pb_put_uint(writer, 2, position);
    fct_pb_end(writer, begun);
}

void fct_kurrent_add_time(struct fct_pb_writer *writer, uint32_t number, int64_t time)
{
    const int64_t second = 1000000000;
    int64_t nanos = time % second;
    int64_t seconds = time / second;
    if (nanos < 0) {
        nanos += second;
        seconds--;
    }
    size_t begun = fct_pb_begin(writer, number);
    fct_pb_put_uint(writer, 1, (uint64_t)seconds);
    fct_pb_put_uint(writer, 2, (uint64_t)nanos);
    fct_pb_end(writer, begun);
}
