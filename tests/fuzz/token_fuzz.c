/* token_fuzz.c - any bytes as a token; an accepted token is exactly what the store would print. */
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "engine/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The timeline that the token names, if it names one, so that the rest of it is looked at. */
static uint64_t timeline_in(const uint8_t *data, size_t size)
{
    uint64_t id = 0;
    for (size_t i = 3; i < size && i < 19; i++) {
        uint8_t digit = data[i] >= 'a' ? (uint8_t)(data[i] - 'a' + 10) : (uint8_t)(data[i] - '0');
        id = id << 4 | (digit & 15u);
    }
    return id;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fct_timelines timelines = {.count = 1, .items = {{timeline_in(data, size), 0}}};
    uint64_t place = 7;
    factum_error err = {.status = FACTUM_OK};
    factum_status status = fct_token_parse(&timelines, fct_slice(data, size), &place, &err);
    if (status == FACTUM_OK) {
        char text[FACTUM_TOKEN_SIZE];
        fct_token_format(&timelines, place, text);
        FCT_ASSERT(fct_slice_equal(factum_slice_from(text), fct_slice(data, size)));
    } else {
        FCT_ASSERT(status == FACTUM_INVALID || status == FACTUM_WRONG_TIMELINE);
        FCT_ASSERT(err.status == status);
        FCT_ASSERT(fct_utf8_valid(factum_slice_from(err.text)));
        FCT_ASSERT(place == 7);
    }
    return 0;
}
