/* url_fuzz.c - any bytes as the target of a request, an Accept field and a media type. */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "wire/media.h"
#include "wire/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(factum_slice part, const uint8_t *memory, size_t size)
{
    FCT_ASSERT(part.len == 0 || (part.ptr >= memory && part.ptr + part.len <= memory + size));
    FCT_ASSERT(fct_utf8_valid(part));
    FCT_ASSERT(part.len == 0 || memchr(part.ptr, '\0', part.len) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const offers[] = {"application/json", "text/event-stream"};
    struct fct_url url;
    factum_error err;
    factum_slice input = fct_slice(data, size);
    uint8_t *memory = malloc(size + 1);
    FCT_ASSERT(memory != NULL);
    if (fct_url_parse(input, memory, &url, &err) == FACTUM_OK) {
        FCT_ASSERT(url.segment_count <= FCT_URL_SEGMENTS_MAX);
        FCT_ASSERT(url.member_count <= FCT_URL_MEMBERS_MAX);
        for (size_t i = 0; i < url.segment_count; i++) {
            check_part(url.segments[i], memory, size);
        }
        for (size_t i = 0; i < url.member_count; i++) {
            check_part(url.members[i].name, memory, size);
            check_part(url.members[i].value, memory, size);
        }
    } else {
        FCT_ASSERT(err.text[0] != '\0');
    }
    FCT_ASSERT(fct_media_choose(input, offers, 2) <= 2);
    FCT_ASSERT(fct_media_type(input).len <= size);
    (void)fct_media_is_foreign(input);
    (void)fct_media_is_json(input);
    free(memory);
    return 0;
}
