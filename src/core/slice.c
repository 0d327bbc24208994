/* slice.c - borrowed bytes. Layer: core. See slice.h. */
#include "core/slice.h"

factum_slice factum_slice_from(const char *text)
{
    return fct_slice(text, text == NULL ? 0 : strlen(text));
}

factum_slice fct_slice_trim(factum_slice text, const char *spaces)
{
    size_t count = strlen(spaces);
    while (text.len > 0 && memchr(spaces, text.ptr[0], count) != NULL) {
        text = fct_slice_from(text, 1);
    }
    while (text.len > 0 && memchr(spaces, text.ptr[text.len - 1], count) != NULL) {
        text.len--;
    }
    return text;
}

/* Length of the well-formed sequence at |p| (Unicode 15, table 3-7); 0 if none starts there. */
static size_t sequence_size(const uint8_t *p, size_t len)
{
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }
    size_t size = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len < size) {
        return 0;
    }
    uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

bool fct_utf8_valid(factum_slice text)
{
    return fct_utf8_prefix(text) == text.len;
}

size_t fct_utf8_prefix(factum_slice text)
{
    size_t at = 0;
    while (at < text.len) {
        uint64_t word;
        if (text.len - at >= sizeof word) {
            memcpy(&word, text.ptr + at, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof word;
                continue;
            }
        }
        size_t size = sequence_size(text.ptr + at, text.len - at);
        if (size == 0) {
            return at;
        }
        at += size;
    }
    return at;
}

void fct_utf8_copy(char *to, size_t size, factum_slice text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;
    if (len > 0) {
        memcpy(to, text.ptr, len);
    }
    to[fct_utf8_prefix(fct_slice(to, len))] = '\0';
}

bool fct_slice_holds(factum_slice whole, factum_slice part)
{
    if (whole.len < part.len) {
        return false;
    }
    const uint8_t *at = whole.ptr;
    const uint8_t *last = whole.ptr + (whole.len - part.len);
    while (at <= last && (at = memchr(at, part.ptr[0], (size_t)(last - at) + 1)) != NULL) {
        if (memcmp(at, part.ptr, part.len) == 0) {
            return true;
        }
        at++;
    }
    return false;
}
