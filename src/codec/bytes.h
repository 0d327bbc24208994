/* bytes.h - little-endian integers and varints in memory. Layer: codec. Pure.
 *
 * Readers take a slice and move its start; they compare lengths before they read.
 */
#ifndef FCT_CODEC_BYTES_H
#define FCT_CODEC_BYTES_H

#include <string.h>

#include "core/compiler.h"

#include <factum/base.h>

/* The project supports little-endian hosts only; os_real refuses to start elsewhere. */
static inline void fct_put_u16(uint8_t *to, uint16_t value)
{
    memcpy(to, &value, sizeof value);
}
static inline void fct_put_u32(uint8_t *to, uint32_t value)
{
    memcpy(to, &value, sizeof value);
}
static inline void fct_put_u64(uint8_t *to, uint64_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline uint16_t fct_get_u16(const uint8_t *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline uint32_t fct_get_u32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline uint64_t fct_get_u64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

#define FCT_VARINT_SIZE_MAX 10

/* Writes |value| as LEB128: 7 bits a byte, low bits first. Returns the size, 1 to 10. */
static inline size_t fct_varint_put(uint8_t *to, uint64_t value)
{
    size_t size = 0;
    while (value >= 0x80) {
        to[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[size++] = (uint8_t)value;
    return size;
}

/* The size that fct_varint_put would write. */
static inline size_t fct_varint_size(uint64_t value)
{
    return ((size_t)FCT_BITS64(value) * 9 + 64) / 64; /* ceil(bits / 7), without a loop */
}

/* Returns the size read; 0 if the bytes end before the varint does or the value exceeds 64 bits. */
static inline size_t fct_varint_get(const uint8_t *from, size_t len, uint64_t *value)
{
    uint64_t result = 0;
    for (size_t i = 0; i < len && i < FCT_VARINT_SIZE_MAX; i++) {
        uint64_t bits = from[i] & 0x7fu;
        if (i == FCT_VARINT_SIZE_MAX - 1 && bits > 1) {
            return 0;
        }
        result |= bits << (7 * i);
        if ((from[i] & 0x80u) == 0) {
            *value = result;
            return i + 1;
        }
    }
    return 0;
}

#endif
