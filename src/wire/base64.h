/* base64.h - bytes as text: RFC 4648, section 4. Layer: wire. Pure.
 *
 * Used by Basic authentication (RFC 7617), and by the "-bin" fields of gRPC, whose padding is
 * optional.
 */
#ifndef FCT_WIRE_BASE64_H
#define FCT_WIRE_BASE64_H

#include <factum/base.h>

#include "core/compiler.h"

/* The size of |len| bytes as text, without a zero byte; |len| <= SIZE_MAX / 2. */
static inline size_t fct_base64_text_size(size_t len)
{
    return (len + 2) / 3 * 4;
}

/* Writes fct_base64_text_size(bytes.len) characters, padded, without a zero byte. */
void fct_base64_encode(factum_slice bytes, char *text);

enum fct_base64_padding { FCT_BASE64_PADDED, FCT_BASE64_PADDING_OPTIONAL };

struct fct_base64_room {
    uint8_t *bytes;
    size_t size;
    size_t len; /* set by fct_base64_decode */
};

/* Decodes strictly: no line ends, spaces or other characters, padding only at the end, unused bits
 * zero. After a failure the bytes in |room| are undefined. Errors: INVALID; TOO_BIG (the bytes do
 * not fit into |room|). */
FCT_MUST_USE factum_status fct_base64_decode(factum_slice text, enum fct_base64_padding padding,
                                             struct fct_base64_room *room);

#endif
