/* media.c - see media.h. Layer: wire. */
#include "wire/media.h"

#include <string.h>

#include "core/slice.h"

#define MEDIA_SPACES " \t"

static uint8_t lower_case(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static bool same_letters(factum_slice a, factum_slice b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++) {
        same = lower_case(a.ptr[i]) == lower_case(b.ptr[i]);
    }
    return same;
}

/* Returns the trimmed text before |byte|; *rest is the text after |byte|. */
static factum_slice take_until(factum_slice *rest, char byte)
{
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->ptr, byte, rest->len);
    size_t len = at == NULL ? rest->len : (size_t)(at - rest->ptr);
    factum_slice part = fct_slice(rest->ptr, len);
    *rest = len < rest->len ? fct_slice_from(*rest, len + 1) : fct_slice(NULL, 0);
    return fct_slice_trim(part, MEDIA_SPACES);
}

factum_slice fct_media_type(factum_slice field)
{
    return take_until(&field, ';');
}

bool fct_media_is(factum_slice type, const char *wanted)
{
    return same_letters(type, factum_slice_from(wanted));
}

bool fct_media_is_json(factum_slice type)
{
    const factum_slice suffix = FCT_SLICE("+json");
    return fct_media_is(type, "application/json") || fct_media_is(type, "text/json") ||
           (type.len > suffix.len &&
            same_letters(fct_slice_from(type, type.len - suffix.len), suffix));
}

bool fct_media_is_foreign(factum_slice field)
{
    (void)take_until(&field, ';');
    while (field.len > 0) {
        factum_slice value = take_until(&field, ';');
        factum_slice name = take_until(&value, '=');
        value = fct_slice_trim(value, MEDIA_SPACES);
        if (value.len > 1 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
            value = fct_slice(value.ptr + 1, value.len - 2);
        }
        if (fct_media_is(name, "charset") && !fct_media_is(value, "utf-8") &&
            !fct_media_is(value, "us-ascii")) {
            return true;
        }
    }
    return false;
}

/* Parses "0.5" as 500. Returns -1 for text that is no q value. */
static int read_quality(factum_slice text)
{
    if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1') ||
        (text.len > 1 && text.ptr[1] != '.')) {
        return -1;
    }
    int quality = (text.ptr[0] - '0') * 1000;
    int weight = 100;
    for (size_t i = 2; i < text.len; i++, weight /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return -1;
        }
        quality += (text.ptr[i] - '0') * weight;
    }
    return quality <= 1000 ? quality : -1;
}

/* Returns how exactly |range| matches |offer|: 3 in full, 2 by its first half, 1 by a wildcard, 0
 * not. */
static int exactness(factum_slice range, factum_slice offer)
{
    if (same_letters(range, offer)) {
        return 3;
    }
    if (same_letters(range, FCT_SLICE("*/*"))) {
        return 1;
    }
    bool half = range.len > 2 && range.ptr[range.len - 1] == '*' &&
                range.ptr[range.len - 2] == '/' && offer.len >= range.len - 1;
    return half && same_letters(fct_slice(range.ptr, range.len - 1),
                                fct_slice(offer.ptr, range.len - 1))
               ? 2
               : 0;
}

static int quality_of(factum_slice accept, factum_slice offer)
{
    int best = 0;
    int quality = 0;
    while (accept.len > 0) {
        factum_slice parameters = take_until(&accept, ',');
        factum_slice range = take_until(&parameters, ';');
        int exact = exactness(range, offer);
        int given = 1000;
        while (parameters.len > 0) {
            factum_slice value = take_until(&parameters, ';');
            factum_slice name = take_until(&value, '=');
            if (fct_media_is(name, "q")) {
                given = read_quality(fct_slice_trim(value, MEDIA_SPACES));
            }
        }
        if (exact > best && given >= 0) {
            best = exact;
            quality = given;
        }
    }
    return quality;
}

size_t fct_media_choose(factum_slice accept, const char *const *offers, size_t count)
{
    if (fct_slice_trim(accept, MEDIA_SPACES).len == 0) {
        return 0;
    }
    size_t chosen = count;
    int highest = 0;
    for (size_t i = 0; i < count; i++) {
        int quality = quality_of(accept, factum_slice_from(offers[i]));
        if (quality > highest) {
            highest = quality;
            chosen = i;
        }
    }
    return chosen;
}
