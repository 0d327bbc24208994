/* text.c - see text.h. Layer: schema. */
#include "schema/text.h"

#include <string.h>

#include "core/hash.h"
#include "core/slice.h"

static uint32_t hex_digit(uint8_t c)
{
    return c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
}

/* The value of the four digits of a \u escape. */
static uint32_t code_unit(const uint8_t *at)
{
    return hex_digit(at[0]) << 12 | hex_digit(at[1]) << 8 | hex_digit(at[2]) << 4 |
           hex_digit(at[3]);
}

/* The code point of the escape at |at|, a backslash; *at moves past it. */
static uint32_t take_escape(const uint8_t **at, const uint8_t *end)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    uint8_t c = (*at)[1];
    if (c != 'u') {
        const char *letter = strchr(letters, c);
        *at += 2;
        return letter == NULL ? c : (uint32_t)meanings[letter - letters];
    }
    uint32_t unit = code_unit(*at + 2);
    *at += 6;
    if (unit >= 0xd800 && unit < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        uint32_t low = code_unit(*at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            *at += 6;
            return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return unit;
}

static size_t put_character(uint32_t c, uint8_t *to)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (uint8_t)(0xc0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (uint8_t)(0xe0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        to[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    to[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

/* The next piece of the decoded text: plain bytes up to an escape, or one escaped character in
 * |room|. Empty at the end. */
static factum_slice next_piece(const uint8_t **at, const uint8_t *end, uint8_t room[4])
{
    const uint8_t *start = *at;
    if (start == end) {
        return fct_slice(start, 0);
    }
    if (*start == '\\') {
        return fct_slice(room, put_character(take_escape(at, end), room));
    }
    const uint8_t *stop = memchr(start, '\\', (size_t)(end - start));
    *at = stop == NULL ? end : stop;
    return fct_slice(start, (size_t)(*at - start));
}

static size_t count_characters(factum_slice plain)
{
    size_t count = 0;
    for (size_t i = 0; i < plain.len; i++) {
        count += (plain.ptr[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

size_t fct_text_length(struct fct_text text)
{
    if (!text.escaped) {
        return count_characters(text.raw);
    }
    uint8_t room[4];
    size_t count = 0;
    const uint8_t *at = text.raw.ptr;
    const uint8_t *end = at + text.raw.len;
    while (at != end) {
        count += count_characters(next_piece(&at, end, room));
    }
    return count;
}

bool fct_text_is(struct fct_text text, factum_slice plain)
{
    if (!text.escaped) {
        return fct_slice_equal(text.raw, plain);
    }
    uint8_t room[4];
    const uint8_t *at = text.raw.ptr;
    const uint8_t *end = at + text.raw.len;
    while (at != end) {
        factum_slice piece = next_piece(&at, end, room);
        if (!fct_slice_starts(plain, piece)) {
            return false;
        }
        plain = fct_slice_from(plain, piece.len);
    }
    return plain.len == 0;
}

bool fct_text_equal(struct fct_text a, struct fct_text b)
{
    if (!a.escaped || !b.escaped) {
        return a.escaped ? fct_text_is(a, b.raw) : fct_text_is(b, a.raw);
    }
    uint8_t room_a[4];
    uint8_t room_b[4];
    const uint8_t *at_a = a.raw.ptr;
    const uint8_t *at_b = b.raw.ptr;
    const uint8_t *end_a = at_a + a.raw.len;
    const uint8_t *end_b = at_b + b.raw.len;
    factum_slice left_a = {NULL, 0};
    factum_slice left_b = {NULL, 0};
    for (;;) {
        left_a = left_a.len > 0 ? left_a : next_piece(&at_a, end_a, room_a);
        left_b = left_b.len > 0 ? left_b : next_piece(&at_b, end_b, room_b);
        size_t len = left_a.len < left_b.len ? left_a.len : left_b.len;
        if (len == 0) {
            return left_a.len == left_b.len;
        }
        if (memcmp(left_a.ptr, left_b.ptr, len) != 0) {
            return false;
        }
        left_a = fct_slice_from(left_a, len);
        left_b = fct_slice_from(left_b, len);
    }
}

size_t fct_text_plain(struct fct_text text, uint8_t *to, bool *lone)
{
    uint8_t room[4];
    size_t len = 0;
    const uint8_t *at = text.raw.ptr;
    const uint8_t *end = at + text.raw.len;
    *lone = false;
    while (at != end) {
        bool escape = *at == '\\';
        factum_slice piece = next_piece(&at, end, room);
        *lone = *lone || (escape && piece.len == 3 && room[0] == 0xed && room[1] >= 0xa0);
        memcpy(to + len, piece.ptr, piece.len);
        len += piece.len;
    }
    return len;
}

uint64_t fct_text_hash(struct fct_text text, uint64_t seed)
{
    uint8_t block[64];
    uint8_t room[4];
    size_t len = 0;
    uint64_t hash = seed;
    if (!text.escaped && text.raw.len <= sizeof block) {
        return fct_hash64(text.raw, hash);
    }
    /* Blocks of one size, so that escapes do not change the hash. */
    const uint8_t *at = text.raw.ptr;
    const uint8_t *end = at + text.raw.len;
    while (at != end) {
        factum_slice piece =
            text.escaped ? next_piece(&at, end, room) : fct_slice(at, (size_t)(end - at));
        at = text.escaped ? at : end;
        for (size_t i = 0; i < piece.len; i++) {
            if (len == sizeof block) {
                hash = fct_hash64(fct_slice(block, len), hash);
                len = 0;
            }
            block[len++] = piece.ptr[i];
        }
    }
    return fct_hash64(fct_slice(block, len), hash);
}
