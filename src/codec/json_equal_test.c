/* json_equal_test.c - which values of JSON mean the same. Layer: codec. */
#include <factum/json.h>

#include "core/mem.h"
#include "core/slice.h"
#include "support/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static factum_json parsed(factum_slice text, factum_json_node *nodes, size_t capacity,
                          bool duplicates)
{
    factum_json json;
    factum_error err;
    factum_json_options options = {
        .size = sizeof options, .depth_max = FACTUM_JSON_DEPTH_LIMIT, .duplicates = duplicates};
    assert_ok(factum_json_parse(text, &options, nodes, capacity, &json, &err), err);
    return json;
}

static bool equal(const factum_json *a, const factum_json *b)
{
    bool same = false;
    bool back = false;
    assert_status(factum_json_equal(a, FACTUM_JSON_ROOT, b, FACTUM_JSON_ROOT, &same), FACTUM_OK);
    assert_status(factum_json_equal(b, FACTUM_JSON_ROOT, a, FACTUM_JSON_ROOT, &back), FACTUM_OK);
    assert_int_equal(same, back);
    return same;
}

/* With names compared while parsing, where they all differ, and without. */
static void assert_equality(const char *a, const char *b, bool expected, bool duplicates)
{
    factum_json_node nodes_a[64];
    factum_json_node nodes_b[64];
    for (int i = duplicates ? 3 : 0; i < 4; i++) {
        factum_json json_a = parsed(factum_slice_from(a), nodes_a, 64, (i & 1) != 0);
        factum_json json_b = parsed(factum_slice_from(b), nodes_b, 64, (i & 2) != 0);
        if (equal(&json_a, &json_b) != expected) {
            print_error("%s and %s\n", a, b);
            fail();
        }
    }
}

TEST(values_with_the_same_meaning_are_equal)
{
    static const char *const cases[][2] = {
        {"null", " null "},
        {"1", "1.0"},
        {"1", "10e-1"},
        {"0", "-0.0e9"},
        {"1e400", "10e399"},
        {"\"a\"", "\"\\u0061\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\\ud800\"", "\"\\uD800\""},
        {"[]", "[ ]"},
        {"[1,[2,{}]]", "[1.0, [ 2,{ }]]"},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
        {"{\"a\":1,\"b\":[{\"c\":{\"x\":0,\"y\":0}}]}",
         "{\"\\u0062\":[{\"c\":{\"y\":0,\"x\":0.0}}],\"\\u0061\":1}"},
        {"{\"a\":1,\"b\":2,\"c\":3,\"d\":4}", "{\"c\":3,\"a\":1,\"d\":4,\"b\":2}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_equality(cases[i][0], cases[i][1], true, false);
    }
}

TEST(values_with_different_meanings_differ)
{
    static const char *const cases[][2] = {
        {"null", "false"},
        {"true", "false"},
        {"0", "false"},
        {"1", "\"1\""},
        {"1", "1.0000000000000000000000000000000001"},
        {"9007199254740992", "9007199254740993"},
        {"\"a\"", "\"A\""},
        {"\"a\"", "\"a \""},
        {"\"\\ud800\"", "\"\\ud801\""},
        {"\"\\\\u0061\"", "\"a\""},
        {"[]", "{}"},
        {"[1,2]", "[2,1]"},
        {"[1,2]", "[1,2,3]"},
        {"[[],[]]", "[[[]]]"},
        {"[[1],2]", "[[1,2]]"},
        {"{\"a\":1}", "{\"b\":1}"},
        {"{\"a\":1}", "{\"a\":2}"},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}"},
        {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}"},
        {"{\"a\":[1,{\"b\":[0]}],\"c\":1}", "{\"c\":1,\"a\":[1,{\"b\":[1]}]}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_equality(cases[i][0], cases[i][1], false, false);
    }
}

TEST(the_last_of_duplicate_members_counts)
{
    assert_equality("{\"a\":1,\"a\":2}", "{\"a\":2}", true, true);
    assert_equality("{\"a\":1,\"a\":2}", "{\"a\":1}", false, true);
    assert_equality("{\"a\":1,\"a\":2,\"b\":3}", "{\"b\":9,\"a\":2,\"b\":3}", true, true);
    assert_equality("{\"a\":2,\"a\":2}", "{\"a\":2,\"b\":2}", false, true);
    assert_equality("{\"a\":{\"x\":1},\"\\u0061\":{\"x\":[],\"x\":2}}", "{\"a\":{\"x\":2}}", true,
                    true);
}

TEST(parts_of_one_tape_are_compared_too)
{
    factum_json_node nodes[64];
    factum_json json =
        parsed(FCT_SLICE("[{\"a\":[1,2]},{\"a\":[1,2.0]},{\"a\":[2,1]}]"), nodes, 64, false);
    uint32_t first = factum_json_first(&json, 0);
    uint32_t second = factum_json_next(&json, 0, first);
    uint32_t third = factum_json_next(&json, 0, second);
    bool same = false;
    assert_status(factum_json_equal(&json, first, &json, second, &same), FACTUM_OK);
    assert_true(same);
    assert_status(factum_json_equal(&json, first, &json, third, &same), FACTUM_OK);
    assert_false(same);
}

TEST(values_of_the_maximum_depth_are_compared)
{
    static factum_json_node nodes_a[FACTUM_JSON_DEPTH_LIMIT + 1];
    static factum_json_node nodes_b[FACTUM_JSON_DEPTH_LIMIT + 1];
    char text[2 * FACTUM_JSON_DEPTH_LIMIT];
    memset(text, '[', FACTUM_JSON_DEPTH_LIMIT);
    memset(text + FACTUM_JSON_DEPTH_LIMIT, ']', FACTUM_JSON_DEPTH_LIMIT);
    factum_json a = parsed(fct_slice(text, sizeof text), nodes_a, COUNT(nodes_a), false);
    factum_json b = parsed(fct_slice(text + 1, sizeof text - 2), nodes_b, COUNT(nodes_b), false);
    assert_true(equal(&a, &a));
    assert_false(equal(&a, &b));
}

/* ---- large objects --------------------------------------------------------------------------- */

struct object {
    char *text;
    factum_json_node *nodes;
    factum_json json;
};

/* The members are numbered in steps of |step|, which has no divisor in common with |count|. */
static struct object object_of(uint64_t count, uint64_t step)
{
    size_t size = count * 32 + 2;
    struct object object = {.text = fct_mem_alloc(fct_mem_heap(), size)};
    object.nodes = fct_mem_alloc(fct_mem_heap(), size * sizeof *object.nodes);
    assert_non_null(object.text);
    assert_non_null(object.nodes);
    size_t len = 0;
    object.text[len++] = '{';
    for (uint64_t i = 0; i < count; i++) {
        len += (size_t)snprintf(object.text + len, size - len, "\"%u\":[],",
                                (unsigned)(i * step % count));
    }
    object.text[len - 1] = '}';
    object.json = parsed(fct_slice(object.text, len), object.nodes, size, false);
    return object;
}

static void free_object(struct object *object)
{
    fct_mem_free(fct_mem_heap(), object->nodes);
    fct_mem_free(fct_mem_heap(), object->text);
}

TEST(large_objects_in_the_same_order_are_compared_at_once)
{
    struct object a = object_of(1000000, 1);
    struct object b = object_of(1000000, 1);
    assert_true(equal(&a.json, &b.json));
    free_object(&a);
    free_object(&b);
}

TEST(the_work_for_large_objects_in_another_order_has_its_limit)
{
    struct object a = object_of(1000, 1);
    struct object b = object_of(1000, 7);
    assert_true(equal(&a.json, &b.json));
    free_object(&a);
    free_object(&b);
    a = object_of(100000, 1);
    b = object_of(100000, 77777);
    bool same = true;
    assert_status(factum_json_equal(&a.json, 0, &b.json, 0, &same), FACTUM_TOO_BIG);
    assert_true(same); /* in the order of the other one */
    free_object(&a);
    free_object(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(values_with_the_same_meaning_are_equal),
        CASE(values_with_different_meanings_differ),
        CASE(the_last_of_duplicate_members_counts),
        CASE(parts_of_one_tape_are_compared_too),
        CASE(values_of_the_maximum_depth_are_compared),
        CASE(large_objects_in_the_same_order_are_compared_at_once),
        CASE(the_work_for_large_objects_in_another_order_has_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
