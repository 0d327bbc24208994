/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4). Layer: core.
 *
 * Uses the instruction of SSE 4.2 where the processor has it, and tables otherwise. Both give the
 * same values.
 */
#ifndef FCT_CORE_CRC32C_H
#define FCT_CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues |crc|, the CRC of the bytes before (0 at the start), by |len| bytes. Values are
 * inverted as usual: fct_crc32c(0, "123456789", 9) == 0xe3069283. Any thread. */
uint32_t fct_crc32c(uint32_t crc, const void *bytes, size_t len);

#endif
