/* ndjson_fuzz.c - any line into the parser of events; an accepted line must survive a round
 * trip. */
#include <stdlib.h>

#include <factum/ndjson.h>

#include "core/check.h"
#include "core/slice.h"
#include "engine/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Line ends may have become spaces. */
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
    factum_ndjson_line parsed = {.size = sizeof parsed};
    factum_ndjson_line again = {.size = sizeof again};
    factum_slice line;
    parsed.lenient = size > 0 && data[size - 1] == '\n';
    if (first != NULL && second != NULL && third != NULL &&
        factum_ndjson_parse_line(first, fct_slice(data, size), &parsed, NULL) == FACTUM_OK) {
        const factum_new_event event = parsed.event;
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
            .content_type = fct_event_content_type(&event),
            .commit = parsed.commit,
            .key = parsed.key.len > 0 ? &parsed.key : NULL,
        };
        if (factum_ndjson_format(second, &stored, &line, NULL) == FACTUM_OK) {
            FCT_ASSERT(factum_ndjson_parse_line(third, line, &again, NULL) == FACTUM_OK);
            FCT_ASSERT(again.commit == parsed.commit);
            FCT_ASSERT(fct_slice_equal(again.key, parsed.key));
            FCT_ASSERT(fct_slice_equal(fct_event_content_type(&again.event), stored.content_type));
            FCT_ASSERT(fct_slice_equal(again.event.stream, event.stream));
            FCT_ASSERT(fct_slice_equal(again.event.type, event.type));
            FCT_ASSERT(again.event.tag_count == event.tag_count);
            FCT_ASSERT(same_json(again.event.data, event.data));
        }
    }
    factum_ndjson_destroy(first);
    factum_ndjson_destroy(second);
    factum_ndjson_destroy(third);
    return 0;
}
