/* crc32c.c - CRC-32C, by the processor's instruction or by tables. Layer: core. See crc32c.h.
 *
 * The instruction has a latency of three cycles and a throughput of one, so long input is divided
 * into three blocks of BLOCK bytes whose CRCs are computed side by side. They are joined by
 * appending zeros to a CRC. That is a linear map: for each distance, four tables of 256 entries
 * (one for each byte of the CRC) compute it.
 */
#include "core/crc32c.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* reflected */
#define BLOCK 1024u            /* long blocks */
#define BLOCK_SHORT 128u

static uint32_t byte_table[8][256];
static uint32_t shift_long[4][256]; /* appends BLOCK zeros */
static uint32_t shift_short[4][256];
static uint32_t (*update)(uint32_t crc, const uint8_t *p, size_t len);
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t update_tables(uint32_t crc, const uint8_t *p, size_t len)
{
    while (len >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        word ^= crc;
        crc = byte_table[7][word & 0xff] ^ byte_table[6][(word >> 8) & 0xff] ^
              byte_table[5][(word >> 16) & 0xff] ^ byte_table[4][(word >> 24) & 0xff] ^
              byte_table[3][(word >> 32) & 0xff] ^ byte_table[2][(word >> 40) & 0xff] ^
              byte_table[1][(word >> 48) & 0xff] ^ byte_table[0][word >> 56];
        p += 8;
        len -= 8;
    }
    while (len-- > 0) {
        crc = (crc >> 8) ^ byte_table[0][(crc ^ *p++) & 0xff];
    }
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

static inline uint32_t shifted(uint32_t table[4][256], uint32_t crc)
{
    return table[0][crc & 0xff] ^ table[1][(crc >> 8) & 0xff] ^ table[2][(crc >> 16) & 0xff] ^
           table[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static inline uint64_t word_crc(uint64_t crc, const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return _mm_crc32_u64(crc, word);
}

/* Three blocks of |size| bytes side by side, joined by |table|. */
__attribute__((target("sse4.2"))) static inline uint32_t
three_blocks(uint32_t crc, const uint8_t *p, size_t size, uint32_t table[4][256])
{
    uint64_t first = crc;
    uint64_t second = 0;
    uint64_t third = 0;
    for (const uint8_t *end = p + size; p < end; p += 8) {
        first = word_crc(first, p);
        second = word_crc(second, p + size);
        third = word_crc(third, p + 2 * size);
    }
    uint32_t joined = shifted(table, (uint32_t)first) ^ (uint32_t)second;
    return shifted(table, joined) ^ (uint32_t)third;
}

__attribute__((target("sse4.2"))) static uint32_t update_sse42(uint32_t crc, const uint8_t *p,
                                                               size_t len)
{
    while (len >= 3 * BLOCK) {
        crc = three_blocks(crc, p, BLOCK, shift_long);
        p += 3 * BLOCK;
        len -= 3 * BLOCK;
    }
    while (len >= 3 * BLOCK_SHORT) {
        crc = three_blocks(crc, p, BLOCK_SHORT, shift_short);
        p += 3 * BLOCK_SHORT;
        len -= 3 * BLOCK_SHORT;
    }
    uint64_t wide = crc;
    while (len >= 8) {
        wide = word_crc(wide, p);
        p += 8;
        len -= 8;
    }
    crc = (uint32_t)wide;
    while (len-- > 0) {
        crc = _mm_crc32_u8(crc, *p++);
    }
    return crc;
}
#endif

static void make_shift(uint32_t table[4][256], size_t zeros)
{
    static const uint8_t nothing[64];
    uint32_t bits[32];
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t crc = UINT32_C(1) << i;
        for (size_t done = 0; done < zeros; done += sizeof nothing) {
            crc = update_tables(crc, nothing, sizeof nothing);
        }
        bits[i] = crc;
    }
    for (uint32_t byte = 0; byte < 4; byte++) {
        for (uint32_t value = 0; value < 256; value++) {
            uint32_t crc = 0;
            for (uint32_t i = 0; i < 8; i++) {
                crc ^= (value >> i & 1u) != 0 ? bits[byte * 8 + i] : 0;
            }
            table[byte][value] = crc;
        }
    }
}

static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1u) != 0 ? POLYNOMIAL : 0);
        }
        byte_table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int j = 1; j < 8; j++) {
            uint32_t before = byte_table[j - 1][i];
            byte_table[j][i] = (before >> 8) ^ byte_table[0][before & 0xff];
        }
    }
    make_shift(shift_long, BLOCK);
    make_shift(shift_short, BLOCK_SHORT);
    update = update_tables;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        update = update_sse42;
    }
#endif
}

__attribute__((constructor)) static void prepare(void)
{
    (void)pthread_once(&once, make_tables);
}

uint32_t fct_crc32c(uint32_t crc, const void *bytes, size_t len)
{
    return ~update(~crc, bytes, len);
}
