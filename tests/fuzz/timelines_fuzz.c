/* timelines_fuzz.c - any bytes as a store's histories, both as the text and as the bytes that
 * the text encodes: accepted histories are in order, print back the same, and their tokens are
 * read back. */
#include <stdlib.h>
#include <string.h>

#include "codec/bytes.h"
#include "core/check.h"
#include "core/crc32c.h"
#include "core/slice.h"
#include "engine/token.h"
#include "engine_local/timelines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const factum_uuid store_id = {{0x5e, 0xed}};

static void look_at(const struct fct_timelines *timelines)
{
    FCT_ASSERT(timelines->count > 0 && timelines->count <= FCT_TIMELINES_MAX);
    FCT_ASSERT(timelines->items[0].from == 0);
    for (uint32_t i = 0; i < timelines->count; i++) {
        uint64_t from = timelines->items[i].from;
        const uint64_t places[2] = {from, from == 0 ? 0 : from - 1};
        FCT_ASSERT(i == 0 || from > timelines->items[i - 1].from);
        for (int j = 0; j < 2; j++) {
            char token[FACTUM_TOKEN_SIZE];
            uint64_t place;
            fct_token_format(timelines, places[j], token);
            factum_status status =
                fct_token_parse(timelines, factum_slice_from(token), &place, NULL);
            /* An id may occur twice, and then names the first of both. */
            FCT_ASSERT(status == FACTUM_OK || status == FACTUM_WRONG_TIMELINE);
            FCT_ASSERT(status != FACTUM_OK || place == places[j]);
        }
    }
}

static void try_text(factum_slice text)
{
    struct fct_timelines timelines;
    char printed[FCT_TIMELINES_TEXT_SIZE];
    if (fct_timelines_parse(&timelines, text, store_id)) {
        look_at(&timelines);
        fct_timelines_format(&timelines, store_id, printed);
        FCT_ASSERT(fct_slice_equal(factum_slice_from(printed), text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[600];
    char text[2 * sizeof bytes];
    try_text(fct_slice(data, size));
    if (size < 36 || size > sizeof bytes) {
        return 0;
    }
    /* The same bytes as those of this store, with a valid checksum. */
    memcpy(bytes, data, size);
    memcpy(bytes + 16, store_id.bytes, sizeof store_id.bytes);
    fct_put_u32(bytes + size - 4, fct_crc32c(0, bytes, size - 4));
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    try_text(fct_slice(text, 2 * size));
    return 0;
}
