/* store_fuzz.c - the first byte chooses a message of factum.v1.Store, as which the rest is
 * decoded. A valid message is encoded and decoded again, and must then be encoded to the same
 * bytes. */
#include "core/check.h"
#include "core/slice.h"
#include "support/store_echo.h"
#include "wire/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_echo(const struct store_echo *it, factum_slice message)
{
    factum_error err;
    struct fct_buf once, twice;
    fct_buf_init(&once, fct_mem_heap(), (size_t)1 << 26);
    fct_buf_init(&twice, fct_mem_heap(), (size_t)1 << 26);
    factum_status status = it->echo(message, &once, &err);
    FCT_ASSERT(status == FACTUM_OK || status == FACTUM_INVALID || status == FACTUM_TOO_BIG);
    if (status == FACTUM_OK) {
        factum_slice again = fct_slice_from(fct_buf_slice(&once), FCT_GRPC_PREFIX_SIZE);
        status = it->echo(again, &twice, &err);
        FCT_ASSERT(status == FACTUM_OK);
        FCT_ASSERT(fct_slice_equal(fct_buf_slice(&once), fct_buf_slice(&twice)));
    }
    fct_buf_finish(&once);
    fct_buf_finish(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    check_echo(&store_echoes[data[0] % STORE_ECHO_COUNT], fct_slice(data + 1, size - 1));
    return 0;
}
