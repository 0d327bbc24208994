/* frame_fuzz.c - any bytes as segment header, batch header and footer, as they are and with
 * corrected checksums. */
#include <stdlib.h>
#include <string.h>

#include "codec/bytes.h"
#include "codec/frame.h"
#include "core/check.h"
#include "core/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE] = {0};
    struct fct_segment_header header;
    struct fct_batch_header batch;
    struct fct_segment_footer footer;
    memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
    factum_status status = fct_segment_header_decode(bytes, &header);
    FCT_ASSERT(status <= FACTUM_OK);
    fct_put_u32(bytes + sizeof bytes - 4, fct_crc32c(0, bytes, sizeof bytes - 4));
    if (fct_segment_header_decode(bytes, &header) == FACTUM_OK) {
        FCT_ASSERT(header.number > 0);
        FCT_ASSERT(header.base % 8 == 0);
    }
    if (fct_batch_header_decode(bytes, fct_get_u64(bytes + 8), 0, &batch) == FACTUM_OK) {
        FCT_ASSERT(batch.payload_size % 8 == 0);
    }
    if (fct_segment_footer_decode(bytes, &footer) == FACTUM_OK) {
        FCT_ASSERT(footer.first_position <= footer.end_position);
    }
    return 0;
}
