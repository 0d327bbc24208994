/* record_fuzz.c - any bytes as a record, whose checksum is not checked: an error, or slices
 * within the bytes. */
#include <stdlib.h>
#include <string.h>

#include "codec/record.h"
#include "core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fct_record record;
    factum_slice tag;
    size_t offset = 0;
    if (fct_record_decode(data, size, 4160, 7, false, &record) == FACTUM_OK) {
        FCT_ASSERT(record.size <= size);
        FCT_ASSERT(record.stream.len + record.type.len + record.data.len + record.metadata.len <=
                   record.size);
        while (fct_record_tag_next(&record, &offset, &tag)) {
            FCT_ASSERT(tag.ptr + tag.len <= data + size);
        }
    }
    factum_status status = fct_record_decode(data, size, 4160, 7, true, &record);
    FCT_ASSERT(status == FACTUM_OK || status == FACTUM_CORRUPT);
    return 0;
}
