/* json_text.c - unescaping and comparing strings: see json_text.h. Layer: codec. */
#include "codec/json_text.h"

#include <string.h>

#include "codec/json.h"
#include "core/slice.h"

static uint32_t hex4(const uint8_t *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = at[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* One character of an escape. */
struct character {
    uint32_t code;
    unsigned read; /* bytes of the escape; 0: not an escape */
};

static bool is_high(uint32_t code)
{
    return code >= 0xd800 && code < 0xdc00;
}

static bool is_low(uint32_t code)
{
    return code >= 0xdc00 && code < 0xe000;
}

/* At a backslash. A lone surrogate is its own code. */
static struct character unescape_one(const uint8_t *at, const uint8_t *end)
{
    static const char from[] = "\"\\/bfnrt";
    static const char meaning[] = "\"\\/\b\f\n\r\t";
    const struct character none = {0, 0};
    if (end - at < 2) {
        return none;
    }
    if (at[1] != 'u') {
        const char *place = at[1] == '\0' ? NULL : strchr(from, at[1]);
        return place == NULL ? none : (struct character){(uint8_t)meaning[place - from], 2};
    }
    if (end - at < 6) {
        return none;
    }
    struct character one = {hex4(at + 2), 6};
    if (is_high(one.code) && end - at >= 12 && at[6] == '\\' && at[7] == 'u') {
        uint32_t low = hex4(at + 8);
        if (is_low(low)) {
            one.code = 0x10000 + ((one.code - 0xd800) << 10) + (low - 0xdc00);
            one.read = 12;
        }
    }
    return one;
}

static unsigned put_utf8(uint8_t *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (uint8_t)(0xc0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (uint8_t)(0xe0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* ---- unescaping ------------------------------------------------------------------------------ */

factum_status fct_json_unescape(factum_slice raw, char *to, size_t size, size_t *len)
{
    if (raw.len >= 2 && raw.ptr[0] == '"' && raw.ptr[raw.len - 1] == '"') {
        raw = fct_slice(raw.ptr + 1, raw.len - 2);
    }
    const uint8_t *at = raw.ptr;
    const uint8_t *end = raw.ptr + raw.len;
    size_t used = 0;
    while (at < end) {
        uint8_t bytes[4];
        const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape == NULL ? end : escape) - at);
        if (plain > size - used) {
            return FACTUM_TOO_BIG;
        }
        memcpy(to + used, at, plain);
        used += plain;
        at += plain;
        if (at == end) {
            break;
        }
        struct character one = unescape_one(at, end);
        if (one.read == 0 || is_high(one.code) || is_low(one.code)) {
            return FACTUM_INVALID;
        }
        unsigned put = put_utf8(bytes, one.code);
        if (put > size - used) {
            return FACTUM_TOO_BIG;
        }
        memcpy(to + used, bytes, put);
        used += put;
        at += one.read;
    }
    *len = used;
    return FACTUM_OK;
}

/* ---- comparing ------------------------------------------------------------------------------- */

struct fct_json_meaning fct_json_meaning(factum_slice inside)
{
    return (struct fct_json_meaning){.at = inside.ptr, .end = inside.ptr + inside.len};
}

int fct_json_meaning_next(struct fct_json_meaning *meaning)
{
    if (meaning->left > 0) {
        return meaning->bytes[4 - meaning->left--];
    }
    if (meaning->at == meaning->end) {
        return -1;
    }
    struct character one = {0, 0};
    if (*meaning->at == '\\') {
        one = unescape_one(meaning->at, meaning->end);
    }
    if (one.read == 0) {
        return *meaning->at++;
    }
    uint8_t bytes[4];
    unsigned put = put_utf8(bytes, one.code);
    memcpy(meaning->bytes + 4 - put, bytes, put);
    meaning->left = put - 1;
    meaning->lone = meaning->lone || is_high(one.code) || is_low(one.code);
    meaning->at += one.read;
    return bytes[0];
}

/* The length of the common prefix, up to the first backslash in either. */
static size_t common_prefix(factum_slice a, factum_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    size_t at = 0;
    while (at < len && a.ptr[at] == b.ptr[at] && a.ptr[at] != '\\') {
        at++;
    }
    return at;
}

int fct_json_text_compare(factum_slice inside_a, factum_slice inside_b)
{
    size_t common = common_prefix(inside_a, inside_b);
    struct fct_json_meaning a = fct_json_meaning(fct_slice_from(inside_a, common));
    struct fct_json_meaning b = fct_json_meaning(fct_slice_from(inside_b, common));
    int byte_a;
    int byte_b;
    do {
        byte_a = fct_json_meaning_next(&a);
        byte_b = fct_json_meaning_next(&b);
    } while (byte_a == byte_b && byte_a >= 0);
    return byte_a - byte_b;
}

bool fct_json_text_is(factum_slice inside, factum_slice text)
{
    struct fct_json_meaning meaning = fct_json_meaning(inside);
    for (size_t i = 0; i < text.len; i++) {
        if (fct_json_meaning_next(&meaning) != text.ptr[i]) {
            return false;
        }
    }
    return fct_json_meaning_next(&meaning) < 0 && !meaning.lone;
}
