/* tape_test.c - where the tape of a generated event is. */
#include "support/test.h"

#include <factum/decider.h>

#include "core/arena.h"
#include "core/slice.h"

TEST(a_tape_takes_memory_only_if_the_nodes_are_too_few)
{
    static const char text[] = "[1,2,3,4,5,6,7,8,9]";
    struct factum_arena arena;
    factum_json_node few[4];
    factum_json json;
    factum_error err;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 16);
    assert_ok(factum_generated_tape(FCT_SLICE("[1]"), &arena, few, 4, &json, &err), err);
    assert_ptr_equal(json.nodes, few);
    assert_status(factum_generated_tape(factum_slice_from(text), &arena, few, 4, &json, &err),
                  FACTUM_TOO_BIG);
    factum_arena_finish(&arena);
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    assert_ok(factum_generated_tape(factum_slice_from(text), &arena, few, 4, &json, &err), err);
    assert_int_equal(factum_json_count(&json, FACTUM_JSON_ROOT), 9);
    assert_status(factum_generated_tape(FCT_SLICE("[1,2,3,4,5,6,7,"), &arena, few, 4, &json, &err),
                  FACTUM_INVALID);
    factum_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_tape_takes_memory_only_if_the_nodes_are_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
