/* trace_context.c - W3C Trace Context: see trace_context.h. Layer: core. */
#include "core/trace_context.h"

#include <string.h>

#include "core/slice.h"

#define TRACE_ID_AT 3
#define PARENT_ID_AT 36
#define FLAGS_AT 53
#define FLAGS_KNOWN 3 /* sampled, random trace id */
#define KEY_SIZE_MAX 256
#define VALUE_SIZE_MAX 256

/* The value of a lower-case hexadecimal digit, -1 for anything else. */
static int trace_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_hex(const uint8_t *at, size_t len)
{
    bool all = true;
    for (size_t i = 0; i < len; i++) {
        all = all && trace_digit(at[i]) >= 0;
    }
    return all;
}

/* An id: hexadecimal, not all zeros. */
static bool is_trace_id(const uint8_t *at, size_t len)
{
    bool other = false;
    for (size_t i = 0; i < len; i++) {
        other = other || at[i] != '0';
    }
    return other && is_hex(at, len);
}

bool fct_traceparent_normal(factum_slice given, char out[FCT_TRACEPARENT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    if (given.len < FCT_TRACEPARENT_SIZE) {
        return false;
    }
    const uint8_t *at = given.ptr;
    bool first = at[0] == '0' && at[1] == '0';
    bool valid = is_hex(at, 2) && !(at[0] == 'f' && at[1] == 'f') && at[2] == '-' &&
                 is_trace_id(at + TRACE_ID_AT, 32) && at[PARENT_ID_AT - 1] == '-' &&
                 is_trace_id(at + PARENT_ID_AT, 16) && at[FLAGS_AT - 1] == '-' &&
                 is_hex(at + FLAGS_AT, 2);
    if (given.len > FCT_TRACEPARENT_SIZE) { /* a later version may add fields after a '-' */
        valid = valid && !first && at[FCT_TRACEPARENT_SIZE] == '-';
    }
    if (!valid) {
        return false;
    }
    memcpy(out, at, FCT_TRACEPARENT_SIZE);
    out[0] = out[1] = '0';
    out[FLAGS_AT] = '0';
    out[FLAGS_AT + 1] = digits[trace_digit(at[FLAGS_AT + 1]) & FLAGS_KNOWN];
    return true;
}

/* ---- tracestate ------------------------------------------------------------------------------ */

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_key(factum_slice key)
{
    if (key.len == 0 || key.len > KEY_SIZE_MAX || !(is_lower(key.ptr[0]) || is_digit(key.ptr[0]))) {
        return false;
    }
    for (size_t i = 1; i < key.len; i++) {
        uint8_t c = key.ptr[i];
        if (!is_lower(c) && !is_digit(c) && (c == 0 || strchr("_-*/@", c) == NULL)) {
            return false;
        }
    }
    return true;
}

static bool is_value(factum_slice value)
{
    if (value.len == 0 || value.len > VALUE_SIZE_MAX || value.ptr[value.len - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.ptr[i];
        if (c < 0x20 || c > 0x7e || c == ',' || c == '=') {
            return false;
        }
    }
    return true;
}

static size_t find_byte(factum_slice text, uint8_t c)
{
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.ptr, c, text.len);
    return at == NULL ? text.len : (size_t)(at - text.ptr);
}

/* Splits |member| and keeps its key. False: it is not valid, or its key is there already. */
static bool take_member(factum_slice member, factum_slice keys[FCT_TRACESTATE_MEMBERS_MAX],
                        size_t *count)
{
    size_t equals = find_byte(member, '=');
    if (equals == member.len || *count == FCT_TRACESTATE_MEMBERS_MAX) {
        return false;
    }
    factum_slice key = fct_slice(member.ptr, equals);
    if (!is_key(key) || !is_value(fct_slice_from(member, equals + 1))) {
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        if (fct_slice_equal(keys[i], key)) {
            return false;
        }
    }
    keys[(*count)++] = key;
    return true;
}

bool fct_tracestate_valid(factum_slice given)
{
    factum_slice keys[FCT_TRACESTATE_MEMBERS_MAX];
    size_t count = 0;
    if (given.len > FCT_TRACESTATE_SIZE_MAX) {
        return false;
    }
    while (given.len > 0) {
        size_t comma = find_byte(given, ',');
        factum_slice member = fct_slice_trim(fct_slice(given.ptr, comma), " \t");
        if (member.len > 0 && !take_member(member, keys, &count)) {
            return false;
        }
        given = comma == given.len ? fct_slice(NULL, 0) : fct_slice_from(given, comma + 1);
    }
    return true;
}
