/* time_fuzz.c - any text as a time and as a UUID; accepted text prints and reads back the same. */
#include <string.h>

#include "core/check.h"
#include "core/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t time;
    int64_t again;
    factum_uuid id;
    factum_slice text = fct_slice(data, size);
    if (factum_time_parse(text, &time) == FACTUM_OK) {
        char printed[FACTUM_TIME_TEXT_SIZE];
        factum_time_format(time, printed);
        FCT_ASSERT(factum_time_parse(factum_slice_from(printed), &again) == FACTUM_OK);
        FCT_ASSERT(again == time);
    }
    if (factum_uuid_parse(text, &id) == FACTUM_OK) {
        char printed[FACTUM_UUID_TEXT_SIZE];
        factum_uuid_format(id, printed);
        FCT_ASSERT(size == strlen(printed));
    }
    (void)fct_utf8_valid(text);
    return 0;
}
