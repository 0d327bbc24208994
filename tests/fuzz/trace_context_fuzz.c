/* trace_context_fuzz.c - any text as a traceparent and as a tracestate; an accepted traceparent
 * is written in a form that is accepted and does not change again. */
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "core/trace_context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char normal[FCT_TRACEPARENT_SIZE];
    char again[FCT_TRACEPARENT_SIZE];
    factum_slice text = fct_slice(data, size);
    if (fct_traceparent_normal(text, normal)) {
        FCT_ASSERT(fct_traceparent_normal(fct_slice(normal, sizeof normal), again));
        FCT_ASSERT(memcmp(normal, again, sizeof normal) == 0);
        FCT_ASSERT(memcmp(normal, "00-", 3) == 0);
        FCT_ASSERT(memcmp(normal + 3, data + 3, 50) == 0);
    }
    if (fct_tracestate_valid(text)) {
        FCT_ASSERT(size <= FCT_TRACESTATE_SIZE_MAX);
        FCT_ASSERT(size == 0 || fct_utf8_valid(text));
    }
    return 0;
}
