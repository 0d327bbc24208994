/* base64.c - see base64.h. Layer: wire. Pure.
 *
 * Four characters of 6 bits encode three bytes, the highest bits first. A rest of one byte takes
 * two characters (and "=="), a rest of two bytes three (and "="). The unused bits of the last
 * character are zero, so that each sequence of bytes has one text.
 */
#include "wire/base64.h"

#include "core/check.h"

void fct_base64_encode(factum_slice bytes, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.ptr[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0;
        group |= left > 2 ? bytes.ptr[i + 2] : 0;
        *text++ = digits[group >> 18];
        *text++ = digits[group >> 12 & 63];
        *text++ = (char)(left > 1 ? digits[group >> 6 & 63] : '=');
        *text++ = (char)(left > 2 ? digits[group & 63] : '=');
    }
}

/* Returns 0 to 63, or 64 for a character that is no digit. */
static uint32_t base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint32_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint32_t)(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0') + 52;
    }
    if (c == '+') {
        return 62;
    }
    return c == '/' ? 63 : 64;
}

/* Strips the padding. Returns false if the padding is wrong. */
static bool base64_strip(factum_slice *text, enum fct_base64_padding padding)
{
    size_t len = text->len;
    while (len > 0 && text->len - len < 2 && text->ptr[len - 1] == '=') {
        len--;
    }
    bool padded = len < text->len;
    bool whole = text->len % 4 == 0;
    text->len = len;
    return len % 4 != 1 && (whole || (!padded && padding == FCT_BASE64_PADDING_OPTIONAL));
}

factum_status fct_base64_decode(factum_slice text, enum fct_base64_padding padding,
                                struct fct_base64_room *room)
{
    room->len = 0;
    if (!base64_strip(&text, padding)) {
        return FACTUM_INVALID;
    }
    uint32_t bits = 0;
    unsigned count = 0; /* bits in |bits|, below 8 between two characters */
    for (size_t i = 0; i < text.len; i++) {
        uint32_t digit = base64_digit(text.ptr[i]);
        if (digit > 63) {
            return FACTUM_INVALID;
        }
        bits = (bits << 6 | digit) & 0xfffu;
        count += 6;
        if (count >= 8) {
            if (room->len == room->size) {
                return FACTUM_TOO_BIG;
            }
            count -= 8;
            room->bytes[room->len++] = (uint8_t)(bits >> count);
        }
    }
    FCT_ASSERT(count < 6);
    return (bits & ((1u << count) - 1)) == 0 ? FACTUM_OK : FACTUM_INVALID;
}
