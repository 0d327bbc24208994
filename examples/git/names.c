/* names.c - see names.h. Layer: example. Pure. */
#include "names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX_SIZE 17 /* "~" and 16 digits */
#define REPLACEMENT "\xef\xbf\xbd"

/* The length of the UTF-8 sequence at |text| (ended by zero), 0 if it is not UTF-8. Overlong forms,
 * surrogates and values past U+10FFFF are not UTF-8. */
static size_t sequence(const unsigned char *text)
{
    unsigned char lead = text[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) { /* the ending zero too */
            return 0;
        }
    }
    if ((lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) ||
        (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f)) {
        return 0;
    }
    return len;
}

/* FNV-1a */
static uint64_t hash(const char *text)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++) {
        value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return value;
}

void git_stream_name(char *name, const char *prefix, const char *text)
{
    size_t at = strlen(prefix);
    bool exact = true;
    memcpy(name, prefix, at);
    for (const unsigned char *from = (const unsigned char *)text; *from != '\0';) {
        char part[8];
        size_t len = sequence(from);
        size_t size = len;
        if (len == 0) {
            exact = false;
            len = 1;
            size = strlen(REPLACEMENT);
            memcpy(part, REPLACEMENT, size);
        } else if (*from < 0x20 || *from == 0x7f || *from == '%') {
            size = (size_t)snprintf(part, sizeof part, "%%%02X", *from);
        } else {
            memcpy(part, from, len);
        }
        if (at + size > FACTUM_NAME_SIZE_MAX - SUFFIX_SIZE) {
            exact = false;
            break;
        }
        memcpy(name + at, part, size);
        at += size;
        from += len;
    }
    if (!exact) {
        snprintf(name + at, SUFFIX_SIZE + 1, "~%016" PRIx64, hash(text));
        at += SUFFIX_SIZE;
    }
    name[at] = '\0';
}

size_t git_json_text(char *to, size_t size, const char *text, size_t text_max)
{
    size_t at = 0;
    const unsigned char *from = (const unsigned char *)text;
    size_t text_len = strlen(text);
    const unsigned char *end = from + (text_len < text_max ? text_len : text_max);
    if (size < 3) {
        return 0;
    }
    to[at++] = '"';
    while (from < end) {
        size_t len = sequence(from);
        if (len > (size_t)(end - from)) {
            break; /* cut in the middle of a character */
        }
        if (at + 8 > size) {
            return 0;
        }
        if (len == 0) {
            memcpy(to + at, REPLACEMENT, strlen(REPLACEMENT));
            at += strlen(REPLACEMENT);
            len = 1;
        } else if (*from < 0x20 || *from == 0x7f) {
            at += (size_t)snprintf(to + at, size - at, "\\u%04x", *from);
        } else {
            if (*from == '"' || *from == '\\') {
                to[at++] = '\\';
            }
            memcpy(to + at, from, len);
            at += len;
        }
        from += len;
    }
    to[at++] = '"';
    to[at] = '\0';
    return at;
}
