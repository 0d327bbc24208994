/* base64_fuzz.c - any bytes as base64: accepted text is exactly what the encoder would write,
 * and any bytes survive a round trip. */
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "wire/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 4096u

static void there_and_back(factum_slice bytes)
{
    char text[TEXT_MAX];
    uint8_t again[TEXT_MAX];
    struct fct_base64_room room = {.bytes = again, .size = bytes.len};
    size_t size = fct_base64_text_size(bytes.len);
    fct_base64_encode(bytes, text);
    factum_status status = fct_base64_decode(fct_slice(text, size), FCT_BASE64_PADDED, &room);
    FCT_ASSERT(status == FACTUM_OK);
    FCT_ASSERT(fct_slice_equal(bytes, fct_slice(again, room.len)));
}

static void as_text(factum_slice text, enum fct_base64_padding padding)
{
    uint8_t bytes[TEXT_MAX];
    struct fct_base64_room room = {.bytes = bytes, .size = sizeof bytes};
    if (fct_base64_decode(text, padding, &room) == FACTUM_OK) {
        char again[TEXT_MAX];
        fct_base64_encode(fct_slice(bytes, room.len), again);
        FCT_ASSERT(fct_base64_text_size(room.len) >= text.len);
        FCT_ASSERT(text.len == 0 || memcmp(again, text.ptr, text.len) == 0);
        there_and_back(fct_slice(bytes, room.len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= TEXT_MAX / 2) {
        as_text(fct_slice(data, size), FCT_BASE64_PADDED);
        as_text(fct_slice(data, size), FCT_BASE64_PADDING_OPTIONAL);
        there_and_back(fct_slice(data, size));
    }
    return 0;
}
