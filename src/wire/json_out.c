/* json_out.c - see json_out.h. Escapes as RFC 8259, 7 requires. Layer: wire. */
#include "wire/json_out.h"

#include <string.h>

#include "core/slice.h"

factum_status fct_json_out_text(struct fct_buf *buf, factum_slice text)
{
    static const char hex[] = "0123456789abcdef";
    if (text.len > (SIZE_MAX - 2) / 6) {
        return FACTUM_TOO_BIG;
    }
    size_t size = 2;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        size += c == '"' || c == '\\' ? 2 : c < 0x20 ? 6 : 1;
    }
    factum_status status = fct_buf_reserve(buf, size);
    if (status != FACTUM_OK) {
        return status;
    }
    uint8_t *to = buf->ptr + buf->len;
    size_t valid = fct_utf8_prefix(text); /* bytes before this one are valid UTF-8 */
    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (i == valid) {
            *to++ = '?';
            valid = i + 1 + fct_utf8_prefix(fct_slice_from(text, i + 1));
            continue;
        }
        if (c < 0x20) {
            memcpy(to, "\\u00", 4);
            to[4] = (uint8_t)hex[c >> 4];
            to[5] = (uint8_t)hex[c & 15];
            to += 6;
            continue;
        }
        if (c == '"' || c == '\\') {
            *to++ = '\\';
        }
        *to++ = c;
    }
    *to = '"';
    buf->len += size;
    return FACTUM_OK;
}
