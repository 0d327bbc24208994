/* status.c - statuses and error records. Layer: core. See base.h and error.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

uint32_t factum_version_number(void)
{
    return FACTUM_VERSION_NUMBER;
}

const char *factum_status_text(factum_status status)
{
    switch (status) {
#define TEXT(name, value, text)                                                                    \
    case FACTUM_##name:                                                                            \
        return text;
        FACTUM_STATUS_LIST(TEXT)
#undef TEXT
    }
    return "unknown status";
}

const char *factum_status_name(factum_status status)
{
    switch (status) {
#define NAME(name, value, text)                                                                    \
    case FACTUM_##name:                                                                            \
        return #name;
        FACTUM_STATUS_LIST(NAME)
#undef NAME
    }
    return "UNKNOWN";
}

bool factum_status_is_retryable(factum_status status)
{
    return status == FACTUM_BUSY || status == FACTUM_LOCKED || status == FACTUM_NO_SPACE;
}

bool factum_status_is_fatal(factum_status status)
{
    return status == FACTUM_FAILED || status == FACTUM_UNKNOWN_OUTCOME;
}

/* The length of the UTF-8 character that starts with |byte|. */
static size_t character_size(uint8_t byte)
{
    return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

void fct_text_clean(char *text)
{
    size_t len = 0;
    for (; text[len] != '\0'; len++) {
        if ((unsigned char)text[len] < 0x20 || text[len] == 0x7f) {
            text[len] = '?';
        }
    }
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        uint8_t byte = (uint8_t)text[len - back];
        if ((byte & 0xc0) == 0x80) {
            continue; /* a continuation byte: the last character starts before it */
        }
        if (character_size(byte) > back) {
            text[len - back] = '\0';
        }
        break;
    }
}

int fct_fmt_size(factum_slice text)
{
    if (text.ptr == NULL) {
        return 0;
    }
    size_t size = text.len < FCT_FMT_SIZE_MAX ? text.len : FCT_FMT_SIZE_MAX;
    while (size > 0 && size < text.len && (text.ptr[size] & 0xc0) == 0x80) {
        size--; /* back to the start of a UTF-8 character */
    }
    return (int)size;
}

factum_status fct_fail(factum_error *err, factum_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        err->status = status;
        err->os_error = 0;
        va_start(args, format);
        (void)vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        fct_text_clean(err->text);
    }
    return status;
}

static factum_status status_of(int os_error)
{
    switch (os_error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return FACTUM_NO_SPACE;
    case ENOMEM:
        return FACTUM_NO_MEMORY;
    case ENOENT:
        return FACTUM_NOT_FOUND;
    case EEXIST:
        return FACTUM_EXISTS;
    default:
        return FACTUM_IO;
    }
}

factum_status fct_fail_os(factum_error *err, int os_error, const char *format, ...)
{
    factum_status status = status_of(os_error);
    if (err != NULL) {
        va_list args;
        err->status = status;
        err->os_error = os_error;
        va_start(args, format);
        (void)vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        fct_text_clean(err->text);
        size_t used = strlen(err->text);
        (void)snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(os_error));
        fct_text_clean(err->text);
    }
    return status;
}

factum_status fct_wrap(factum_error *err, factum_status status, const char *format, ...)
{
    if (err == NULL) {
        return status;
    }
    err->status = status;
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fct_text_clean(text);
    size_t prefix = strlen(text);
    size_t room = sizeof text - prefix - 1;
    size_t old = strlen(err->text);
    if (room > 2) {
        memcpy(text + prefix, ": ", 2);
        size_t kept = old < room - 2 ? old : room - 2;
        memcpy(text + prefix + 2, err->text, kept);
        text[prefix + 2 + kept] = '\0';
        fct_text_clean(text);
    }
    memcpy(err->text, text, sizeof text);
    return status;
}
