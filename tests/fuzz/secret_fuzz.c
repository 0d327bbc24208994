/* secret_fuzz.c - any bytes as the file of the admin's secret; an accepted file is exactly what
 * would be written. */
#include "core/check.h"
#include "core/slice.h"
#include "server/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fct_secret secret = {.cost_log2 = 77};
    factum_error err = {.status = FACTUM_OK};
    factum_status status = fct_secret_parse(fct_slice(data, size), &secret, &err);
    if (status == FACTUM_OK) {
        char line[FCT_SECRET_LINE_SIZE];
        fct_secret_format(&secret, line);
        FCT_ASSERT(fct_slice_equal(factum_slice_from(line), fct_slice(data, size)));
        FCT_ASSERT(secret.cost_log2 <= 17);
    } else {
        FCT_ASSERT(status == FACTUM_CORRUPT || status == FACTUM_NEWER_FORMAT);
        FCT_ASSERT(err.status == status);
        FCT_ASSERT(secret.cost_log2 == 77);
    }
    return 0;
}
