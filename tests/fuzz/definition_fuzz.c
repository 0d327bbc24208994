/* definition_fuzz.c - the event of a deployed decider: any data is read or refused, and data
 * that was read is the same after it is written and read again. Layer: tests. */
#include "core/arena.h"
#include "core/check.h"
#include "core/slice.h"
#include "decider/definition.h"

#define ARENA_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static factum_event event_of(factum_slice data)
{
    return (factum_event){
        .stream = FCT_SLICE(FCT_DEFINITION_PREFIX "a"),
        .type = FCT_SLICE(FCT_DECIDER_DEPLOYED),
        .data = data,
    };
}

/* Writes |first|, reads it again, and compares. */
static void go_round(const factum_deployed *first)
{
    factum_arena arena;
    factum_slice data;
    factum_deployed *second;
    factum_error err;
    fct_arena_init(&arena, fct_mem_heap(), ARENA_MAX);
    FCT_ASSERT(fct_definition_format(first, &arena, &data, &err) == FACTUM_OK);
    const factum_event event = event_of(data);
    FCT_ASSERT(fct_definition_parse(&event, &second, &err) == FACTUM_OK);
    FCT_ASSERT(fct_slice_equal(first->text, second->text));
    FCT_ASSERT(fct_slice_equal(first->hash, second->hash));
    FCT_ASSERT(fct_slice_equal(first->by, second->by));
    FCT_ASSERT(fct_slice_equal(first->why, second->why));
    factum_deployed_free(second);
    factum_arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    factum_deployed *deployed;
    factum_error err;
    const factum_event event = event_of(fct_slice(data, size));
    factum_status status = fct_definition_parse(&event, &deployed, &err);
    FCT_ASSERT((status == FACTUM_OK) == (deployed != NULL));
    if (status == FACTUM_OK) {
        go_round(deployed);
        factum_deployed_free(deployed);
    } else {
        FCT_ASSERT(status == FACTUM_INVALID && err.text[0] != '\0');
    }
    return 0;
}
