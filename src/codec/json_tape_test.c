/* json_tape_test.c - the tape of JSON texts, and what is read from it. Layer: codec. */
#include <factum/json.h>

#include "core/slice.h"
#include "support/test.h"

static void a_tape_holds_the_values_in_their_order(void **state)
{
    (void)state;
    factum_json_node nodes[8];
    factum_json json;
    factum_error err;
    assert_ok(
        factum_json_parse(FCT_SLICE(" {\"a\":[1,2],\"b\":\"x\"}"), NULL, nodes, 8, &json, &err),
        err);
    assert_int_equal(json.count, 7);
    static const uint32_t next[] = {7, 2, 5, 4, 5, 6, 7};
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(nodes[i].next, next[i]);
    }
    assert_int_equal(factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("b")), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tape_holds_the_values_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
