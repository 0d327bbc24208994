/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4). Layer: core.
 *
 * Uses SSE 4.2 where the processor has it (three interleaved chains for long input, joined by
 * carry-less shift tables), else tables. Both give the same values.
 */
#ifndef FCT_CORE_CRC32C_H
#define FCT_CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of |len| bytes after bytes whose CRC is |crc|; 0 to begin. With the usual inversion at
 * both ends: fct_crc32c(0, "123456789", 9) == 0xe3069283. */
uint32_t fct_crc32c(uint32_t crc, const void *bytes, size_t len);

#endif
