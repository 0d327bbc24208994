/* endpoint_fuzz.c - any bytes as the answer of an endpoint, a Retry-After, a URL and a pattern.
 * The first byte chooses the status. An accepted reply can be appended, and no wait is too long. */
#include <factum/endpoint.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/mem.h"
#include "core/slice.h"
#include "saga/endpoint_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(long status, factum_slice body)
{
    factum_arena arena;
    struct fct_judgement is;
    const struct fct_http_reply answer = {
        .status = status, .body = body, .retry_after = body, .location = body};
    fct_arena_init(&arena, fct_mem_heap(), (size_t)4 << 20);
    factum_status ended = fct_http_reply_judge(&answer, 0, &arena, &is, NULL);
    if (ended == FACTUM_OK &&
        (is.verdict == FCT_VERDICT_REPLY || is.verdict == FCT_VERDICT_FAILED)) {
        FCT_ASSERT(is.type.len > 0 && is.type.len <= FACTUM_NAME_SIZE_MAX);
        FCT_ASSERT(fct_utf8_valid(is.type) && is.type.ptr[0] != '$');
        FCT_ASSERT(fct_utf8_valid(is.data) && is.data.len > 0);
        FCT_ASSERT(fct_utf8_valid(is.stream) && !fct_slice_starts(is.stream, FCT_SLICE("saga:")));
        FCT_ASSERT(is.stream.len == 0 || is.stream.ptr[0] != '$');
    }
    FCT_ASSERT(is.wait >= 0 && is.wait <= FCT_ENDPOINT_WAIT_MAX);
    factum_arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long statuses[] = {200, 202, 409, 422, 302, 429, 503, 0};
    struct fct_endpoint_url url;
    if (size == 0) {
        return 0;
    }
    factum_slice text = fct_slice(data + 1, size - 1);
    judge(statuses[data[0] % 8], text);
    int64_t wait = fct_retry_after(text, (int64_t)data[0] << 55);
    FCT_ASSERT(wait >= 0 && wait <= FCT_ENDPOINT_WAIT_MAX);
    if (fct_endpoint_url_read(text, &url, NULL) == FACTUM_OK) {
        FCT_ASSERT(url.place.host.len > 0 && url.place.port <= 65535);
        (void)fct_endpoint_allowed(&text, 1, &url.place);
    }
    (void)fct_endpoint_pattern_valid(text);
    return 0;
}
