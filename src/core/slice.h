/* slice.h - borrowed bytes: comparing, searching, sub-slices, UTF-8. Layer: core. Pure. */
#ifndef FCT_CORE_SLICE_H
#define FCT_CORE_SLICE_H

#include <string.h>

#include <factum/base.h>

static inline factum_slice fct_slice(const void *ptr, size_t len)
{
    return (factum_slice){.ptr = (const uint8_t *)ptr, .len = len};
}

static inline bool fct_slice_equal(factum_slice a, factum_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool fct_slice_starts(factum_slice whole, factum_slice start)
{
    return whole.len >= start.len &&
           (start.len == 0 || memcmp(whole.ptr, start.ptr, start.len) == 0);
}

/* Does |whole| contain |part|, which is not empty? */
bool fct_slice_holds(factum_slice whole, factum_slice part);

/* |from| <= |whole|.len */
static inline factum_slice fct_slice_from(factum_slice whole, size_t from)
{
    return fct_slice(whole.ptr + from, whole.len - from);
}

/* |text| without those bytes at its start and end that are in the string |spaces|. */
factum_slice fct_slice_trim(factum_slice text, const char *spaces);

/* A string literal as a slice. */
#define FCT_SLICE(literal) fct_slice("" literal, sizeof(literal) - 1)

/* Strict UTF-8: no surrogates, no overlong forms, nothing above U+10FFFF. */
bool fct_utf8_valid(factum_slice text);
/* The number of bytes before the first sequence that is not valid; text.len if all are valid. */
size_t fct_utf8_prefix(factum_slice text);
/* |text| without the rest of a character that was truncated at its end. */
static inline factum_slice fct_utf8_whole(const char *text)
{
    factum_slice all = factum_slice_from(text);
    return fct_slice(all.ptr, fct_utf8_prefix(all));
}
/* Copies |text| to |to| of |size| bytes, with a zero byte, truncated between two characters. */
void fct_utf8_copy(char *to, size_t size, factum_slice text);

#endif
