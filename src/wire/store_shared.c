/* store_shared.c - see store_shared.h and store_int.h. Layer: wire. */
#include <assert.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "wire/grpc.h"
#include "wire/store_int.h"

#define STORE_STATUS_LAST 26u
#define STORE_MESSAGE_SIZE_MAX 4096

static_assert(sizeof(size_t) == sizeof(uint64_t), "sizes are members of 8 bytes");
static_assert(sizeof(factum_source) == sizeof(uint32_t), "enums are members of 4 bytes");
static_assert(-FACTUM_SCHEMA_VIOLATION == STORE_STATUS_LAST, "the last status of store.proto");
static_assert(sizeof(((factum_info *)0)->reason) == FCT_STORE_WORDS_SIZE, "WORDS");
static_assert(sizeof(((factum_verify_report *)0)->first_problem) == FCT_STORE_WORDS_SIZE, "WORDS");

/* ---- tables ---------------------------------------------------------------------------------- */

static enum fct_pb_type store_type_of(const struct fct_store_member *member)
{
    return member->kind == FCT_STORE_TEXT || member->kind == FCT_STORE_ID ||
                   member->kind == FCT_STORE_WORDS
               ? FCT_PB_BYTES
               : FCT_PB_VARINT;
}

static bool store_take_number(const struct fct_store_member *member, uint64_t value, uint8_t *to)
{
    uint32_t lower = fct_pb_u32(value);
    bool truth = value != 0;
    switch ((enum fct_store_kind)member->kind) {
    case FCT_STORE_ENUM:
        if (value > member->max) {
            return false;
        }
        memcpy(to, &lower, sizeof lower);
        return true;
    case FCT_STORE_U32:
        memcpy(to, &lower, sizeof lower);
        return true;
    case FCT_STORE_BOOL:
        memcpy(to, &truth, sizeof truth);
        return true;
    case FCT_STORE_U64:
    case FCT_STORE_I64:
    case FCT_STORE_SIZE:
        memcpy(to, &value, sizeof value);
        return true;
    case FCT_STORE_TEXT:
    case FCT_STORE_ID:
    case FCT_STORE_WORDS:
    default:
        return false;
    }
}

static bool store_take_bytes(const struct fct_store_member *member, factum_slice bytes, uint8_t *to)
{
    if (member->kind == FCT_STORE_ID) {
        if (bytes.len != 16 && bytes.len != 0) {
            return false;
        }
        memset(to, 0, 16);
        if (bytes.len > 0) {
            memcpy(to, bytes.ptr, bytes.len);
        }
        return true;
    }
    if (!fct_utf8_valid(bytes)) {
        return false;
    }
    if (member->kind == FCT_STORE_TEXT) {
        memcpy(to, &bytes, sizeof bytes);
        return true;
    }
    if (bytes.len >= FCT_STORE_WORDS_SIZE) {
        return false;
    }
    memset(to, 0, FCT_STORE_WORDS_SIZE);
    if (bytes.len > 0) {
        memcpy(to, bytes.ptr, bytes.len);
    }
    return true;
}

bool fct_store_take(const struct fct_store_table *table, const struct fct_pb_field *field, void *to)
{
    const bool yes = true;
    for (size_t i = 0; i < table->count; i++) {
        const struct fct_store_member *member = &table->members[i];
        enum fct_pb_type type = store_type_of(member);
        if (member->number != field->number || type != field->type) {
            continue;
        }
        uint8_t *place = (uint8_t *)to + member->offset;
        if (member->has_flag) {
            memcpy((uint8_t *)to + member->flag, &yes, sizeof yes);
        }
        return type == FCT_PB_BYTES ? store_take_bytes(member, field->bytes, place)
                                    : store_take_number(member, field->value, place);
    }
    return true; /* an unknown field */
}

bool fct_store_take_all(const struct fct_store_table *table, factum_slice message, void *to)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    while (fct_pb_next(&reader, &field)) {
        if (!fct_store_take(table, &field, to)) {
            return false;
        }
    }
    return !reader.failed;
}

static uint64_t store_number_at(const struct fct_store_member *member, const uint8_t *from)
{
    uint32_t lower;
    uint64_t value;
    bool truth;
    switch ((enum fct_store_kind)member->kind) {
    case FCT_STORE_ENUM:
    case FCT_STORE_U32:
        memcpy(&lower, from, sizeof lower);
        return lower;
    case FCT_STORE_BOOL:
        memcpy(&truth, from, sizeof truth);
        return truth ? 1 : 0;
    case FCT_STORE_U64:
    case FCT_STORE_I64:
    case FCT_STORE_SIZE:
    case FCT_STORE_TEXT:
    case FCT_STORE_ID:
    case FCT_STORE_WORDS:
    default:
        memcpy(&value, from, sizeof value);
        return value;
    }
}

static factum_slice store_bytes_at(const struct fct_store_member *member, const uint8_t *from)
{
    factum_slice text;
    if (member->kind == FCT_STORE_ID) {
        factum_uuid id;
        memcpy(id.bytes, from, sizeof id.bytes);
        return fct_slice(from, fct_uuid_is_zero(id) ? 0 : sizeof id.bytes);
    }
    if (member->kind == FCT_STORE_WORDS) {
        const uint8_t *end = memchr(from, 0, FCT_STORE_WORDS_SIZE);
        size_t len = end == NULL ? FCT_STORE_WORDS_SIZE - 1 : (size_t)(end - from);
        return fct_slice(from, fct_utf8_prefix(fct_slice(from, len)));
    }
    memcpy(&text, from, sizeof text);
    return text;
}

void fct_store_put(struct fct_pb_writer *writer, const struct fct_store_table *table,
                   const void *from)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct fct_store_member *member = &table->members[i];
        const uint8_t *place = (const uint8_t *)from + member->offset;
        bool given = true;
        if (member->has_flag) {
            memcpy(&given, (const uint8_t *)from + member->flag, sizeof given);
        }
        if (!given) {
            continue;
        }
        if (store_type_of(member) == FCT_PB_BYTES) {
            fct_pb_put_bytes(writer, member->number, store_bytes_at(member, place));
        } else if (member->has_flag) {
            fct_pb_add_uint(writer, member->number, store_number_at(member, place));
        } else {
            fct_pb_put_uint(writer, member->number, store_number_at(member, place));
        }
    }
}

void fct_store_put_nested(struct fct_pb_writer *writer, uint32_t number,
                          const struct fct_store_table *table, const void *from)
{
    size_t begun = fct_pb_begin(writer, number);
    fct_store_put(writer, table, from);
    fct_pb_end(writer, begun);
}

factum_status fct_store_invalid(const char *name, factum_error *err)
{
    return fct_fail(err, FACTUM_INVALID, "not a valid %s message", name);
}

/* ---- messages -------------------------------------------------------------------------------- */

bool fct_store_count_numbers(const struct fct_pb_field *field, size_t *count)
{
    factum_slice rest = field->bytes;
    uint64_t value;
    if (field->type == FCT_PB_VARINT) {
        ++*count;
        return true;
    }
    if (field->type != FCT_PB_BYTES) {
        return true; /* an unknown field */
    }
    while (rest.len > 0) {
        size_t size = fct_varint_get(rest.ptr, rest.len, &value);
        if (size == 0) {
            return false;
        }
        rest = fct_slice_from(rest, size);
        ++*count;
    }
    return true;
}

uint64_t fct_store_next_number(const struct fct_pb_field *field, factum_slice *rest)
{
    uint64_t value;
    if (field->type == FCT_PB_VARINT) {
        return field->value;
    }
    size_t size = fct_varint_get(rest->ptr, rest->len, &value);
    FCT_ASSERT(size > 0);
    *rest = fct_slice_from(*rest, size);
    return value;
}

void fct_store_put_numbers(struct fct_pb_writer *writer, uint32_t number, const uint64_t *numbers,
                           size_t count)
{
    size_t size = 0;
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size += fct_varint_size(numbers[i]);
    }
    uint8_t head[2 * FCT_VARINT_SIZE_MAX];
    size_t head_size = fct_varint_put(head, (uint64_t)number << 3 | FCT_PB_BYTES);
    head_size += fct_varint_put(head + head_size, size);
    if (writer->status == FACTUM_OK) {
        writer->status = fct_buf_reserve(writer->buf, head_size + size);
    }
    if (writer->status != FACTUM_OK) {
        return;
    }
    uint8_t *to = writer->buf->ptr + writer->buf->len;
    memcpy(to, head, head_size);
    to += head_size;
    for (size_t i = 0; i < count; i++) {
        to += fct_varint_put(to, numbers[i]);
    }
    writer->buf->len += head_size + size;
    FCT_ASSERT(to == writer->buf->ptr + writer->buf->len);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

factum_slice fct_store_format_number(uint64_t value, char text[FCT_STORE_NUMBER_SIZE_MAX])
{
    size_t at = FCT_STORE_NUMBER_SIZE_MAX;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return fct_slice(text + at, FCT_STORE_NUMBER_SIZE_MAX - at);
}

uint32_t fct_store_number_of(factum_status status)
{
    return status < 0 ? (uint32_t)-status : 0;
}

bool fct_store_status_of(uint64_t number, factum_status *status)
{
    if (number > STORE_STATUS_LAST) {
        return false;
    }
    *status = (factum_status) - (int)number;
    return true;
}

/* Parses up to 9 decimal digits. */
static bool store_parse_number(factum_slice text, uint32_t *number)
{
    uint32_t value = 0;
    if (text.len == 0 || text.len > 9) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        value = 10 * value + (uint32_t)(text.ptr[i] - '0');
    }
    *number = value;
    return true;
}

/* Maps a gRPC status that did not come from a store: of a proxy, or of a server that refuses a
 * call. */
static factum_status store_status_of_grpc(uint32_t code)
{
    static const int8_t statuses[] = {
        [FCT_GRPC_OK] = FACTUM_OK,
        [FCT_GRPC_CANCELLED] = FACTUM_CANCELLED,
        [FCT_GRPC_UNKNOWN] = FACTUM_UNREACHABLE,
        [FCT_GRPC_INVALID_ARGUMENT] = FACTUM_INVALID,
        [FCT_GRPC_DEADLINE_EXCEEDED] = FACTUM_EXPIRED,
        [FCT_GRPC_NOT_FOUND] = FACTUM_NOT_FOUND,
        [FCT_GRPC_ALREADY_EXISTS] = FACTUM_EXISTS,
        [FCT_GRPC_PERMISSION_DENIED] = FACTUM_DENIED,
        [FCT_GRPC_RESOURCE_EXHAUSTED] = FACTUM_TOO_BIG,
        [FCT_GRPC_FAILED_PRECONDITION] = FACTUM_INVALID,
        [FCT_GRPC_ABORTED] = FACTUM_UNREACHABLE,
        [FCT_GRPC_OUT_OF_RANGE] = FACTUM_INVALID,
        [FCT_GRPC_UNIMPLEMENTED] = FACTUM_UNSUPPORTED,
        [FCT_GRPC_INTERNAL] = FACTUM_UNREACHABLE,
        [FCT_GRPC_UNAVAILABLE] = FACTUM_UNREACHABLE,
        [FCT_GRPC_DATA_LOSS] = FACTUM_CORRUPT,
        [FCT_GRPC_UNAUTHENTICATED] = FACTUM_DENIED,
    };
    return code < sizeof statuses ? (factum_status)statuses[code] : FACTUM_UNREACHABLE;
}

static void store_fill_error(factum_status status, factum_slice message, factum_error *err)
{
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), STORE_MESSAGE_SIZE_MAX);
    factum_slice text = message;
    if (fct_grpc_decode_message(&buf, message) == FACTUM_OK) {
        text = fct_buf_slice(&buf);
    }
    if (text.len >= sizeof err->text) {
        text.len = sizeof err->text - 1;
    }
    text.len = text.len == 0 ? 0 : fct_utf8_prefix(text);
    if (text.len == 0) {
        text = factum_slice_from(factum_status_text(status));
    }
    (void)fct_fail(err, status, "%.*s", (int)text.len, (const char *)text.ptr);
    fct_buf_finish(&buf);
}

factum_status fct_store_outcome(factum_slice grpc_status, factum_slice message,
                                factum_slice factum_status_text, factum_slice os_error,
                                factum_error *err)
{
    uint32_t number;
    factum_status status = FACTUM_UNREACHABLE;
    bool known = store_parse_number(factum_status_text, &number) && number > 0 &&
                 fct_store_status_of(number, &status);
    if (!known && store_parse_number(grpc_status, &number)) {
        status = store_status_of_grpc(number);
    }
    if (status == FACTUM_OK) {
        return FACTUM_OK;
    }
    store_fill_error(status, message, err);
    if (store_parse_number(os_error, &number)) {
        err->os_error = (int)number;
    }
    return status;
}
