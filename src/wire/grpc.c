/* grpc.c - see grpc.h. Layer: wire.
 *
 * In a body each message follows a prefix of 5 bytes: a flag (0 plain, 1 compressed) and the size
 * of the message, 4 bytes, big-endian. A prefix may arrive in pieces, too.
 */
#include "wire/grpc.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

/* ---- statuses -------------------------------------------------------------------------------- */

enum fct_grpc_code fct_grpc_code_of(factum_status status)
{
    switch (status) {
    case FACTUM_OK:
    case FACTUM_DONE:
    case FACTUM_CAUGHT_UP:
        return FCT_GRPC_OK;
    case FACTUM_TIMEOUT:
    case FACTUM_EXPIRED:
        return FCT_GRPC_DEADLINE_EXCEEDED;
    case FACTUM_INVALID:
    case FACTUM_SCHEMA_VIOLATION:
        return FCT_GRPC_INVALID_ARGUMENT;
    case FACTUM_NO_MEMORY:
    case FACTUM_NO_SPACE:
    case FACTUM_TOO_BIG:
        return FCT_GRPC_RESOURCE_EXHAUSTED;
    case FACTUM_CORRUPT:
    case FACTUM_NEWER_FORMAT:
        return FCT_GRPC_DATA_LOSS;
    case FACTUM_WRONG_REVISION:
    case FACTUM_CONDITION_FAILED:
    case FACTUM_STREAM_DELETED:
    case FACTUM_READ_ONLY:
    case FACTUM_WRONG_TIMELINE:
        return FCT_GRPC_FAILED_PRECONDITION;
    case FACTUM_KEY_CONFLICT:
    case FACTUM_EXISTS:
        return FCT_GRPC_ALREADY_EXISTS;
    case FACTUM_STREAM_NOT_FOUND:
    case FACTUM_NOT_FOUND:
        return FCT_GRPC_NOT_FOUND;
    case FACTUM_DENIED:
        return FCT_GRPC_PERMISSION_DENIED;
    case FACTUM_BUSY:
    case FACTUM_UNREACHABLE:
    case FACTUM_LOCKED:
    case FACTUM_FAILED:
        return FCT_GRPC_UNAVAILABLE;
    case FACTUM_UNSUPPORTED:
        return FCT_GRPC_UNIMPLEMENTED;
    case FACTUM_CANCELLED:
        return FCT_GRPC_CANCELLED;
    case FACTUM_IO:
        return FCT_GRPC_INTERNAL;
    case FACTUM_PENDING:
    case FACTUM_UNKNOWN_OUTCOME:
    default:
        return FCT_GRPC_UNKNOWN;
    }
}

/* ---- frames ---------------------------------------------------------------------------------- */

void fct_grpc_deframer_init(struct fct_grpc_deframer *deframer, const struct fct_mem *mem,
                            size_t message_size_max)
{
    *deframer = (struct fct_grpc_deframer){.message_size_max = message_size_max};
    fct_buf_init(&deframer->buf, mem, message_size_max);
}

void fct_grpc_deframer_finish(struct fct_grpc_deframer *deframer)
{
    fct_buf_finish(&deframer->buf);
    deframer->prefix_len = 0;
    deframer->message_size = 0;
}

/* Moves up to |size_max| bytes from *bytes to the result. */
static factum_slice grpc_take(factum_slice *bytes, size_t size_max)
{
    size_t size = bytes->len < size_max ? bytes->len : size_max;
    factum_slice taken = fct_slice(bytes->ptr, size);
    if (size > 0) {
        *bytes = fct_slice_from(*bytes, size);
    }
    return taken;
}

/* Checks a complete prefix. A failure repeats: the prefix is kept, and checked again. */
static factum_status grpc_check_prefix(struct fct_grpc_deframer *deframer, factum_error *err)
{
    const uint8_t *prefix = deframer->prefix;
    if (prefix[0] == 1) {
        return fct_fail(err, FACTUM_UNSUPPORTED,
                        "a compressed message: no compression was offered");
    }
    if (prefix[0] != 0) {
        return fct_fail(err, FACTUM_INVALID, "a message has the flag %u, not 0 or 1",
                        (unsigned)prefix[0]);
    }
    uint32_t size = (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 |
                    (uint32_t)prefix[3] << 8 | prefix[4];
    if (size > deframer->message_size_max) {
        return fct_fail(err, FACTUM_TOO_BIG, "a message of %u bytes: at most %zu are allowed",
                        (unsigned)size, deframer->message_size_max);
    }
    deframer->message_size = size;
    return FACTUM_OK;
}

static void grpc_take_prefix(struct fct_grpc_deframer *deframer, factum_slice *bytes)
{
    if (deframer->prefix_len == 0) {
        fct_buf_finish(&deframer->buf);
    }
    factum_slice part = grpc_take(bytes, FCT_GRPC_PREFIX_SIZE - deframer->prefix_len);
    if (part.len > 0) {
        memcpy(deframer->prefix + deframer->prefix_len, part.ptr, part.len);
        deframer->prefix_len += part.len;
    }
}

factum_status fct_grpc_deframe(struct fct_grpc_deframer *deframer, factum_slice *bytes,
                               factum_slice *message, factum_error *err)
{
    struct fct_buf *buf = &deframer->buf;
    FCT_ASSERT(deframer->prefix_len <= FCT_GRPC_PREFIX_SIZE);
    grpc_take_prefix(deframer, bytes);
    if (deframer->prefix_len < FCT_GRPC_PREFIX_SIZE) {
        return FACTUM_DONE;
    }
    factum_status status = grpc_check_prefix(deframer, err);
    if (status != FACTUM_OK) {
        return status;
    }
    size_t size = deframer->message_size;
    FCT_ASSERT(buf->len <= size);
    if (buf->len == 0 && bytes->len >= size) {
        *message = grpc_take(bytes, size);
        deframer->prefix_len = 0;
        return FACTUM_OK;
    }
    /* The buffer grows with the bytes that arrive, not with the size that the prefix announces. */
    size_t missing = size - buf->len;
    if (fct_buf_reserve(buf, bytes->len < missing ? bytes->len : missing) != FACTUM_OK) {
        return fct_fail(err, FACTUM_NO_MEMORY, "no memory for a message of %zu bytes", size);
    }
    factum_slice part = grpc_take(bytes, missing);
    if (part.len > 0) {
        memcpy(buf->ptr + buf->len, part.ptr, part.len);
        buf->len += part.len;
    }
    if (buf->len < size) {
        return FACTUM_DONE;
    }
    *message = fct_buf_slice(buf);
    deframer->prefix_len = 0;
    return FACTUM_OK;
}

bool fct_grpc_deframer_is_empty(const struct fct_grpc_deframer *deframer)
{
    return deframer->prefix_len == 0;
}

factum_status fct_grpc_frame_begin(struct fct_buf *buf, size_t *begun)
{
    static const uint8_t prefix[FCT_GRPC_PREFIX_SIZE] = {0};
    factum_status status = fct_buf_add(buf, prefix, sizeof prefix);
    if (status == FACTUM_OK) {
        *begun = buf->len;
    }
    return status;
}

void fct_grpc_frame_end(struct fct_buf *buf, size_t begun)
{
    FCT_ASSERT(begun >= FCT_GRPC_PREFIX_SIZE);
    FCT_ASSERT(begun <= buf->len);
    size_t size = buf->len - begun;
    FCT_ASSERT(size <= UINT32_MAX);
    uint8_t *to = buf->ptr + begun - FCT_GRPC_PREFIX_SIZE;
    to[0] = 0;
    to[1] = (uint8_t)(size >> 24);
    to[2] = (uint8_t)(size >> 16 & 0xff);
    to[3] = (uint8_t)(size >> 8 & 0xff);
    to[4] = (uint8_t)(size & 0xff);
}

/* ---- fields ---------------------------------------------------------------------------------- */

factum_status fct_grpc_encode_message(struct fct_buf *buf, factum_slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t before = buf->len;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        const char encoded[] = {'%', digits[c >> 4], digits[c & 15]};
        bool plain = c >= ' ' && c <= '~' && c != '%';
        factum_status status =
            plain ? fct_buf_add(buf, &c, 1) : fct_buf_add(buf, encoded, sizeof encoded);
        if (status != FACTUM_OK) {
            buf->len = before;
            return status;
        }
    }
    return FACTUM_OK;
}

static int grpc_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

factum_status fct_grpc_decode_message(struct fct_buf *buf, factum_slice text)
{
    size_t before = buf->len;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        int high = c == '%' && text.len - i > 2 ? grpc_digit(text.ptr[i + 1]) : -1;
        int low = high >= 0 ? grpc_digit(text.ptr[i + 2]) : -1;
        if (low >= 0) {
            c = (uint8_t)(high * 16 + low);
            i += 2;
        }
        factum_status status = fct_buf_add(buf, &c, 1);
        if (status != FACTUM_OK) {
            buf->len = before;
            return status;
        }
    }
    return FACTUM_OK;
}

enum { GRPC_TIMEOUT_DIGITS_MAX = 8 };

/* One of the two is 1: milliseconds per unit, or units per millisecond. */
struct grpc_unit {
    char name;
    int64_t ms;
    int64_t per_ms;
};

factum_status fct_grpc_parse_timeout(factum_slice text, int64_t *timeout_ms)
{
    static const struct grpc_unit units[] = {
        {'H', 3600000, 1}, {'M', 60000, 1}, {'S', 1000, 1},
        {'m', 1, 1},       {'u', 1, 1000},  {'n', 1, 1000000},
    };
    if (text.len < 2 || text.len > GRPC_TIMEOUT_DIGITS_MAX + 1) {
        return FACTUM_INVALID;
    }
    int64_t number = 0;
    for (size_t i = 0; i < text.len - 1; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return FACTUM_INVALID;
        }
        number = number * 10 + (text.ptr[i] - '0');
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (text.ptr[text.len - 1] == (uint8_t)units[i].name) {
            *timeout_ms = (number * units[i].ms + units[i].per_ms - 1) / units[i].per_ms;
            return FACTUM_OK;
        }
    }
    return FACTUM_INVALID;
}
