/* uuid.c - 16 bytes as 8-4-4-4-12 (RFC 9562 section 4). Layer: core. See base.h and uuid.h. */
#include "core/uuid.h"

#include "core/check.h"

factum_uuid fct_uuid_marked(factum_uuid id, unsigned version)
{
    FCT_ASSERT(version >= 1 && version <= 15);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | version << 4);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

static bool dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void factum_uuid_format(factum_uuid id, char text[FACTUM_UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        if (dash_before(i)) {
            text[at++] = '-';
        }
        text[at++] = digits[id.bytes[i] >> 4];
        text[at++] = digits[id.bytes[i] & 15];
    }
    text[at] = '\0';
}

static int digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

factum_status factum_uuid_parse(factum_slice text, factum_uuid *id)
{
    if (text.len != FACTUM_UUID_TEXT_SIZE - 1) {
        return FACTUM_INVALID;
    }
    factum_uuid result;
    size_t at = 0;
    for (size_t i = 0; i < sizeof result.bytes; i++) {
        if (dash_before(i) && text.ptr[at++] != '-') {
            return FACTUM_INVALID;
        }
        int high = digit_value(text.ptr[at]);
        int low = digit_value(text.ptr[at + 1]);
        if (high < 0 || low < 0) {
            return FACTUM_INVALID;
        }
        result.bytes[i] = (uint8_t)(high * 16 + low);
        at += 2;
    }
    *id = result;
    return FACTUM_OK;
}
