/* ndjson_fuzz.c - any line into the parser of events; what it accepts must survive a round trip. */
#include <stdlib.h>

#include <factum/ndjson.h>

#include "core/check.h"
#include "core/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Line ends may have become blanks. */
static bool same_json(factum_slice a, factum_slice b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++) {
        bool line_end = b.ptr[i] == '\n' || b.ptr[i] == '\r';
        same = a.ptr[i] == b.ptr[i] || (a.ptr[i] == ' ' && line_end);
    }
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    factum_ndjson *first = factum_ndjson_create();
    factum_ndjson *second = factum_ndjson_create();
    factum_ndjson *third = factum_ndjson_create();
    factum_new_event event;
    factum_new_event again;
    factum_slice line;
    if (first != NULL && second != NULL && third != NULL &&
        factum_ndjson_parse(first, fct_slice(data, size), &event, NULL) == FACTUM_OK) {
        factum_event stored = {
            .stream = event.stream,
            .type = event.type,
            .data = event.data,
            .metadata = event.metadata,
            .tags = event.tags,
            .tag_count = event.tag_count,
            .id = event.id,
            .time = event.time,
            .has_time = event.has_time,
            .content_type = event.content_type == FACTUM_CONTENT_JSON
                                ? FCT_SLICE("application/json")
                                : FCT_SLICE("application/octet-stream"),
        };
        if (factum_ndjson_format(second, &stored, &line, NULL) == FACTUM_OK) {
            FCT_ASSERT(factum_ndjson_parse(third, line, &again, NULL) == FACTUM_OK);
            FCT_ASSERT(fct_slice_equal(again.stream, event.stream));
            FCT_ASSERT(fct_slice_equal(again.type, event.type));
            FCT_ASSERT(again.tag_count == event.tag_count);
            FCT_ASSERT(same_json(again.data, event.data));
        }
    }
    factum_ndjson_destroy(first);
    factum_ndjson_destroy(second);
    factum_ndjson_destroy(third);
    return 0;
}
