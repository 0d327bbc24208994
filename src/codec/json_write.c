/* json_write.c - see factum/json_write.h. Layer: codec. Pure, without recursion; only an arena
 * allocates.
 *
 * Invariants:
 * 1. used <= size. With only the caller's buffer, total > size exactly if the output did not fit.
 * 2. After the first failure nothing more is printed; if the failure is that the buffer is too
 *    small, |total| still grows.
 */
#include <factum/json_write.h>

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define GROWN_FIRST 256u

void factum_json_writer_init(factum_json_writer *to, uint8_t *buffer, size_t size)
{
    *to = (factum_json_writer){.buffer = buffer, .size = size};
}

void factum_json_writer_to(factum_json_writer *to, uint8_t *buffer, size_t size,
                           factum_status (*write)(void *data, factum_slice bytes), void *data)
{
    *to = (factum_json_writer){.buffer = buffer, .size = size, .write = write, .data = data};
}

void factum_json_writer_in(factum_json_writer *to, factum_arena *arena)
{
    *to = (factum_json_writer){.arena = arena};
}

static void give_up(factum_json_writer *to, factum_status status, const char *problem)
{
    if (to->status == FACTUM_OK) {
        to->status = status;
        to->problem = problem;
    }
}

/* Passes the contents of the buffer to |write|. */
static bool flush(factum_json_writer *to)
{
    factum_status status = to->write(to->data, fct_slice(to->buffer, to->used));
    to->used = 0;
    if (status != FACTUM_OK) {
        give_up(to, status, "the output takes no more");
    }
    return status == FACTUM_OK;
}

/* A larger buffer in the arena, where the old one stays unused: at most as many bytes again. */
static void grow_in_arena(factum_json_writer *to, size_t more)
{
    size_t size = to->size == 0 ? GROWN_FIRST : to->size * 2;
    if (size - to->used < more) {
        size = to->used + more;
    }
    uint8_t *buffer = factum_arena_take(to->arena, size);
    if (buffer == NULL) {
        give_up(to, factum_arena_status(to->arena), "the arena has no room for the JSON");
        return;
    }
    if (to->used > 0) {
        memcpy(buffer, to->buffer, to->used);
    }
    to->buffer = buffer;
    to->size = size;
}

static void put_slowly(factum_json_writer *to, const uint8_t *bytes, size_t len)
{
    while (len > 0 && to->status == FACTUM_OK) {
        size_t room = to->size - to->used;
        size_t part = len < room ? len : room;
        if (part == 0 && to->arena != NULL) {
            grow_in_arena(to, len);
        } else if (part == 0 && to->write == NULL) {
            give_up(to, FACTUM_TOO_BIG, NULL);
        } else if (part == 0) {
            (void)flush(to);
        } else {
            memcpy(to->buffer + to->used, bytes, part);
            to->used += part;
            bytes += part;
            len -= part;
        }
    }
}

static void put(factum_json_writer *to, const void *bytes, size_t len)
{
    FCT_ASSERT(to->used <= to->size);
    to->total += len;
    if (FCT_LIKELY(to->status == FACTUM_OK && len > 0 && len <= to->size - to->used)) {
        memcpy(to->buffer + to->used, bytes, len);
        to->used += len;
        return;
    }
    put_slowly(to, bytes, len);
}

static inline void put_byte(factum_json_writer *to, char byte)
{
    if (FCT_LIKELY(to->status == FACTUM_OK && to->used < to->size)) {
        to->buffer[to->used++] = (uint8_t)byte;
        to->total++;
    } else {
        put(to, &byte, 1);
    }
}

/* Before each value and each name. */
static inline void begin_value(factum_json_writer *to)
{
    if (to->comma) {
        put_byte(to, ',');
    }
    to->comma = true;
}

factum_status factum_json_writer_finish(factum_json_writer *to, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (to->status == FACTUM_OK && to->depth != 0) {
        give_up(to, FACTUM_INVALID, "an object or array was not ended");
    }
    if (to->status == FACTUM_OK && to->write != NULL && to->used > 0) {
        (void)flush(to);
    }
    if (to->status == FACTUM_OK) {
        return FACTUM_OK;
    }
    if (to->problem == NULL) {
        return fct_fail(err, to->status, "the JSON has %zu bytes, and the buffer only %zu",
                        to->total, to->size);
    }
    return fct_fail(err, to->status, "%s", to->problem);
}

void factum_json_writer_fail(factum_json_writer *to, factum_status status, const char *problem)
{
    give_up(to, status, problem);
}

/* ---- containers ------------------------------------------------------------------------------ */

static void begin_container(factum_json_writer *to, bool array)
{
    begin_value(to);
    if (to->depth == FACTUM_JSON_WRITE_DEPTH_MAX) {
        give_up(to, FACTUM_TOO_BIG, "arrays and objects are nested deeper than 64");
        return;
    }
    uint64_t bit = UINT64_C(1) << to->depth;
    to->arrays = array ? to->arrays | bit : to->arrays & ~bit;
    to->depth++;
    put_byte(to, array ? '[' : '{');
    to->comma = false;
}

void factum_json_put_object(factum_json_writer *to)
{
    begin_container(to, false);
}

void factum_json_put_array(factum_json_writer *to)
{
    begin_container(to, true);
}

void factum_json_put_end(factum_json_writer *to)
{
    if (to->depth == 0) {
        give_up(to, FACTUM_INVALID, "an object or array was ended that did not begin");
        return;
    }
    to->depth--;
    put_byte(to, (to->arrays >> to->depth & 1) != 0 ? ']' : '}');
    to->comma = true;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static bool needs_escape(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static void put_escape(factum_json_writer *to, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *place = c == 0 ? NULL : strchr(from, c);
    if (place != NULL) {
        const char two[2] = {'\\', letters[place - from]};
        put(to, two, sizeof two);
        return;
    }
    const char six[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    put(to, six, sizeof six);
}

/* Is one of the 8 bytes not printable ASCII, or a quote or a backslash? */
static bool has_special(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = ones * 0x80;
    uint64_t quotes = eight ^ ones * '"';
    uint64_t slashes = eight ^ ones * '\\';
    /* A borrow shows only at a byte that is small or above 0x7f. */
    uint64_t small = eight - ones * 0x20;
    return ((eight | small | (quotes - ones) | (slashes - ones)) & tops) != 0;
}

/* The 1 to 7 bytes of |text|, padded with printable ones: some are there twice. */
static uint64_t few_bytes(factum_slice text)
{
    uint32_t first;
    uint32_t last;
    if (text.len < sizeof first) {
        return UINT64_C(0x6161616161000000) | text.ptr[0] | (uint64_t)text.ptr[text.len / 2] << 8 |
               (uint64_t)text.ptr[text.len - 1] << 16;
    }
    memcpy(&first, text.ptr, sizeof first);
    memcpy(&last, text.ptr + text.len - sizeof last, sizeof last);
    return (uint64_t)last << 32 | first;
}

/* How many bytes at the start of |text| need no escape; a quick lower bound. */
static size_t plain_prefix(factum_slice text)
{
    size_t at = 0;
    uint64_t eight;
    if (text.len > 0 && text.len < sizeof eight && !has_special(few_bytes(text))) {
        return text.len;
    }
    while (at + sizeof eight <= text.len) {
        memcpy(&eight, text.ptr + at, sizeof eight);
        if (has_special(eight)) {
            break;
        }
        at += sizeof eight;
    }
    if (at < text.len && at >= sizeof eight && at + sizeof eight > text.len) {
        memcpy(&eight, text.ptr + text.len - sizeof eight, sizeof eight); /* some bytes again */
        if (!has_special(eight)) {
            return text.len;
        }
    }
    while (at < text.len && text.ptr[at] < 0x80 && !needs_escape(text.ptr[at])) {
        at++;
    }
    return at;
}

/* A text that needs no escape, into a buffer with room for it. */
static void put_quoted_plain(factum_json_writer *to, factum_slice text)
{
    uint8_t *at = to->buffer + to->used;
    at[0] = '"';
    if (text.len > 0) {
        memcpy(at + 1, text.ptr, text.len);
    }
    at[text.len + 1] = '"';
    to->used += text.len + 2;
    to->total += text.len + 2;
}

static void put_quoted(factum_json_writer *to, factum_slice text)
{
    size_t from = 0;
    size_t plain = plain_prefix(text);
    size_t room = to->size - to->used;
    if (FCT_LIKELY(plain == text.len && to->status == FACTUM_OK && room >= 2 &&
                   text.len <= room - 2)) {
        put_quoted_plain(to, text);
        return;
    }
    if (plain < text.len && !fct_utf8_valid(fct_slice_from(text, plain))) {
        give_up(to, FACTUM_INVALID, "a text is not UTF-8");
        return;
    }
    put_byte(to, '"');
    for (size_t i = plain; i < text.len; i++) {
        if (needs_escape(text.ptr[i])) {
            put(to, text.ptr + from, i - from);
            put_escape(to, text.ptr[i]);
            from = i + 1;
        }
    }
    if (from < text.len) {
        put(to, text.ptr + from, text.len - from);
    }
    put_byte(to, '"');
}

void factum_json_put_name(factum_json_writer *to, const char *name, size_t len)
{
    begin_value(to);
    put_quoted(to, fct_slice(name, len));
    put_byte(to, ':');
    to->comma = false;
}

void factum_json_put_text(factum_json_writer *to, factum_slice text)
{
    begin_value(to);
    put_quoted(to, text);
}

/* ---- other values ---------------------------------------------------------------------------- */

static void put_digits(factum_json_writer *to, bool negative, uint64_t number)
{
    uint8_t digits[21];
    size_t at = sizeof digits;
    begin_value(to);
    do {
        digits[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    if (negative) {
        digits[--at] = '-';
    }
    put(to, digits + at, sizeof digits - at);
}

void factum_json_put_int64(factum_json_writer *to, int64_t number)
{
    uint64_t size = number < 0 ? UINT64_C(0) - (uint64_t)number : (uint64_t)number;
    put_digits(to, number < 0, size);
}

void factum_json_put_uint64(factum_json_writer *to, uint64_t number)
{
    put_digits(to, false, number);
}

void factum_json_put_bool(factum_json_writer *to, bool value)
{
    begin_value(to);
    put(to, value ? "true" : "false", value ? 4 : 5);
}

void factum_json_put_null(factum_json_writer *to)
{
    begin_value(to);
    put(to, "null", 4);
}

/* How many digits |text| has from |at| on. */
static size_t digits_at(factum_slice text, size_t at)
{
    size_t end = at;
    while (end < text.len && text.ptr[end] >= '0' && text.ptr[end] <= '9') {
        end++;
    }
    return end - at;
}

static bool is_printable_number(factum_slice text)
{
    size_t at = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
    size_t whole = digits_at(text, at);
    if (whole == 0 || (whole > 1 && text.ptr[at] == '0')) {
        return false;
    }
    at += whole;
    if (at < text.len && text.ptr[at] == '.') {
        size_t fraction = digits_at(text, at + 1);
        if (fraction == 0) {
            return false;
        }
        at += 1 + fraction;
    }
    if (at < text.len && (text.ptr[at] | 0x20) == 'e') {
        at++;
        at += at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-') ? 1 : 0;
        size_t exponent = digits_at(text, at);
        if (exponent == 0) {
            return false;
        }
        at += exponent;
    }
    return at == text.len;
}

void factum_json_put_number(factum_json_writer *to, factum_slice number)
{
    begin_value(to);
    if (number.len == 0) {
        put(to, "0", 1);
    } else if (is_printable_number(number)) {
        put(to, number.ptr, number.len);
    } else {
        give_up(to, FACTUM_INVALID, "a number is not in the form of JSON");
    }
}

void factum_json_put_raw(factum_json_writer *to, factum_slice json)
{
    begin_value(to);
    if (json.len == 0) {
        put(to, "null", 4);
    } else {
        put(to, json.ptr, json.len);
    }
}
