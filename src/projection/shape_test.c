/* shape_test.c - what schemas say about the values at paths. Layer: projection. */
#include "projection/shape.h"

#include "core/mem.h"
#include "core/slice.h"
#include "support/test.h"

static struct fct_shape shape_in(const char *schema, const char *path)
{
    static char nearest[128];
    factum_error err;
    struct fct_path compiled;
    factum_json json;
    size_t capacity = factum_json_nodes_max(strlen(schema));
    factum_json_node *nodes = fct_mem_alloc(fct_mem_heap(), capacity * sizeof *nodes);
    assert_non_null(nodes);
    const factum_json_options options = {.size = sizeof options, .depth_max = 256};
    assert_ok(factum_json_parse(factum_slice_from(schema), &options, nodes, capacity, &json, &err),
              err);
    assert_ok(fct_path_compile(factum_slice_from(path), &compiled, &err), err);
    struct fct_shape_source source;
    fct_shape_open(&source, &json, 1000000);
    struct fct_shape shape = fct_shape_of(&source, &compiled);
    (void)snprintf(nearest, sizeof nearest, "%.*s", (int)shape.nearest.len,
                   (const char *)shape.nearest.ptr);
    shape.nearest = factum_slice_from(nearest);
    fct_mem_free(fct_mem_heap(), nodes);
    return shape;
}

/* "TYPES", then "!" if a value is always there, then " ?STEP NEAREST" if the schema does not list
 * the member or allows no value. */
static void assert_shape(const char *schema, const char *path, const char *wanted)
{
    char found[256];
    struct fct_shape shape = shape_in(schema, path);
    fct_shape_print(shape.types, found, sizeof found);
    size_t len = strlen(found);
    len += (size_t)snprintf(found + len, sizeof found - len, "%s", shape.always ? "!" : "");
    if (shape.unnamed || shape.types == 0) {
        (void)snprintf(found + len, sizeof found - len, " ?%u %.*s", shape.step,
                       (int)shape.nearest.len, (const char *)shape.nearest.ptr);
    }
    assert_string_equal(found, wanted);
}

#define ORDER                                                                                      \
    "{\"type\":\"object\",\"required\":[\"orderId\",\"lines\"],\"properties\":{"                   \
    "\"orderId\":{\"type\":\"string\"},\"customerId\":{\"type\":[\"string\",\"null\"]},"           \
    "\"total\":{\"type\":\"integer\"},\"rate\":{\"type\":\"number\"},\"any\":{},"                  \
    "\"lines\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"object\","                 \
    "\"required\":[\"sku\"],\"properties\":{\"sku\":{\"type\":\"string\"},"                        \
    "\"qty\":{\"type\":\"integer\"}},\"additionalProperties\":false}}}}"

TEST(members_have_the_types_of_their_schemas)
{
    assert_shape(ORDER, ".", "an object!");
    assert_shape(ORDER, ".orderId", "a text!");
    assert_shape(ORDER, ".customerId", "a text or null");
    assert_shape(ORDER, ".total", "a whole number");
    assert_shape(ORDER, ".rate", "a number");
    assert_shape(ORDER, ".any", "any value");
    assert_shape(ORDER, ".any.thing", "any value");
    assert_shape(ORDER, ".lines", "an array!");
    assert_shape(ORDER, ".lines[].sku", "a text!");
    assert_shape(ORDER, ".lines[].qty", "a whole number");
    assert_shape(ORDER, ".lines[0].sku", "a text!");
    assert_shape(ORDER, ".lines[1].sku", "a text");
}

TEST(impossible_members_have_no_types)
{
    assert_shape(ORDER, ".lines[].skv", "nothing ?2 sku");
    assert_shape(ORDER, ".lines[].price", "nothing ?2 ");
    assert_shape(ORDER, ".orderId.x", "nothing ?1 ");
    assert_shape(ORDER, ".lines.sku", "nothing ?1 ");
    assert_shape(ORDER, ".total[0]", "nothing ?1 ");
    assert_shape(ORDER, ".total[]", "nothing ?1 ");
    assert_shape("false", ".", "nothing ?0 ");
    assert_shape("{\"properties\":{\"a\":false}}", ".a", "nothing ?0 ");
    assert_shape("{\"enum\":[]}", ".", "nothing ?0 ");
    assert_shape("{\"allOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", ".", "nothing ?0 ");
}

TEST(members_that_are_not_listed_are_marked)
{
    assert_shape(ORDER, ".custmerId", "any value ?0 customerId");
    assert_shape(ORDER, ".foo.bar", "any value ?0 ");
    assert_shape("{}", ".a", "any value");
    assert_shape("true", ".a", "any value");
    assert_shape("{\"properties\":{}}", ".a", "any value");
    assert_shape("{\"properties\":{\"b\":{}},\"additionalProperties\":true}", ".a", "any value");
    assert_shape("{\"properties\":{\"b\":{}},\"additionalProperties\":{\"type\":\"null\"}}", ".a",
                 "null");
    assert_shape("{\"properties\":{\"b\":{}},\"patternProperties\":{\"^a\":{}}}", ".a",
                 "any value");
    assert_shape("{\"properties\":{\"b\":{}},\"patternProperties\":{},"
                 "\"additionalProperties\":false}",
                 ".a", "any value");
    assert_shape("{\"properties\":{\"b\":{}},\"unevaluatedProperties\":false}", ".a",
                 "any value ?0 ");
    assert_shape("{\"properties\":{\"b\":{}},\"if\":{},\"then\":{\"properties\":{\"a\":{}}}}", ".a",
                 "any value");
    assert_shape("{\"properties\":{\"b\":{}},\"$ref\":\"other.json\"}", ".a", "any value");
    assert_shape("{\"properties\":{\"b\":{}},\"$dynamicRef\":\"#x\"}", ".a", "any value");
}

TEST(branches_are_joined)
{
    static const char either[] =
        "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"object\",\"required\":[\"a\"],"
        "\"properties\":{\"a\":{\"type\":\"string\"}}},{\"type\":\"object\","
        "\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"integer\"}}}]}";
    assert_shape(either, ".", "an object or null!");
    assert_shape(either, ".a", "a text or a whole number");
    assert_shape(either, ".b", "any value ?0 ");
    assert_shape("{\"type\":\"object\",\"oneOf\":[{\"required\":[\"a\"],\"properties\":{\"a\":"
                 "{\"type\":\"string\"}}},{\"required\":[\"a\"],\"properties\":{\"a\":"
                 "{\"type\":\"null\"}}},{\"type\":\"string\"}]}",
                 ".a", "a text or null!");
    assert_shape("{\"anyOf\":[{\"properties\":{\"a\":{}}},{}]}", ".b", "any value");
    assert_shape("{\"properties\":{\"a\":{}},\"anyOf\":[{\"required\":[\"a\"]},{}]}", ".b",
                 "any value ?0 ");
    assert_shape("{\"type\":\"object\",\"properties\":{\"a\":{}},"
                 "\"anyOf\":[{\"required\":[\"a\"]},{}]}",
                 ".a", "any value");
    assert_shape("{\"anyOf\":[false,{\"type\":\"string\"}]}", ".", "a text!");
    assert_shape("{\"anyOf\":[{\"properties\":{\"a\":false}},{\"properties\":{\"a\":"
                 "{\"type\":\"null\"}}}]}",
                 ".a", "null");
}

TEST(schemas_that_all_hold_are_met)
{
    static const char both[] =
        "{\"allOf\":[{\"type\":\"object\"},{\"required\":[\"a\"]},{\"properties\":{\"a\":"
        "{\"type\":[\"string\",\"null\"]}}},{\"properties\":{\"a\":{\"type\":[\"string\","
        "\"integer\"]},\"b\":{}}}]}";
    assert_shape(both, ".a", "a text!");
    assert_shape(both, ".b", "any value");
    assert_shape(both, ".c", "any value ?0 ");
    assert_shape("{\"allOf\":[{\"additionalProperties\":false},{\"properties\":{\"a\":{}}}]}", ".a",
                 "nothing ?0 ");
    assert_shape("{\"type\":\"number\",\"enum\":[1,2.5,\"x\"]}", ".", "a number!");
    assert_shape("{\"enum\":[1,2.0,null,true,[],{}]}", ".",
                 "a whole number, a boolean, an array, an object or null!");
    assert_shape("{\"const\":\"x\"}", ".", "a text!");
}

TEST(references_are_followed_within_the_schema)
{
    static const char refs[] =
        "{\"$id\":\"https://x/y\",\"$defs\":{\"a/b~c %\":{\"type\":\"string\"},"
        "\"list\":[{\"type\":\"null\"},{\"$anchor\":\"here\",\"type\":\"boolean\"}]},"
        "\"properties\":{\"a\":{\"$ref\":\"#/$defs/a~1b~0c%20%25\"},"
        "\"b\":{\"$ref\":\"#/$defs/list/1\"},\"c\":{\"$ref\":\"#here\"},"
        "\"d\":{\"$ref\":\"https://x/y#/$defs/list/0\"},\"e\":{\"$ref\":\"https://x/z\"},"
        "\"f\":{\"$ref\":\"#/nowhere\"},\"g\":{\"$ref\":\"#/$defs/list/01x\"},"
        "\"h\":{\"$ref\":\"#\"},\"i\":{\"$ref\":7},\"j\":{\"$ref\":\"#/a~2\"},"
        "\"k\":{\"$ref\":\"#/a%2\"},\"l\":{\"$ref\":\"#/$defs/list/0\",\"type\":\"string\"}}}";
    assert_shape(refs, ".a", "a text");
    assert_shape(refs, ".b", "a boolean");
    assert_shape(refs, ".c", "a boolean");
    assert_shape(refs, ".d", "null");
    assert_shape(refs, ".e", "any value");
    assert_shape(refs, ".f", "any value");
    assert_shape(refs, ".g", "any value");
    assert_shape(refs, ".h.h.h.a", "a text");
    assert_shape(refs, ".h.h.x", "any value ?2 ");
    assert_shape(refs, ".i", "any value");
    assert_shape(refs, ".j", "any value");
    assert_shape(refs, ".k", "any value");
    assert_shape(refs, ".l", "nothing ?0 ");
}

TEST(older_drafts_have_their_own_rules)
{
#define OLD "\"$schema\":\"http://json-schema.org/draft-07/schema#\","
    assert_shape("{" OLD "\"definitions\":{\"s\":{\"type\":\"string\"}},\"properties\":{\"a\":"
                 "{\"$ref\":\"#/definitions/s\",\"type\":\"null\"}}}",
                 ".a", "a text");
    assert_shape("{" OLD "\"items\":[{\"type\":\"string\"}],\"additionalItems\":"
                 "{\"type\":\"null\"}}",
                 "[]", "a text or null");
    assert_shape("{" OLD "\"items\":[{\"type\":\"string\"}],\"additionalItems\":false}", "[1]",
                 "nothing ?0 ");
    assert_shape("{" OLD "\"prefixItems\":[{\"type\":\"string\"}]}", "[0]", "any value");
    /* An embedded document has its own references: none is followed. */
    assert_shape("{\"$defs\":{\"x\":{\"$id\":\"https://a/b\"},\"s\":{\"type\":\"string\"}},"
                 "\"properties\":{\"a\":{\"$ref\":\"#/$defs/s\"}}}",
                 ".a", "any value");
}

TEST(items_are_those_of_their_place)
{
    static const char tuple[] = "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\"},"
                                "{\"type\":\"null\"}],\"items\":{\"type\":\"boolean\"},"
                                "\"minItems\":2,\"maxItems\":5}";
    assert_shape(tuple, "[0]", "a text!");
    assert_shape(tuple, "[1]", "null!");
    assert_shape(tuple, "[2]", "a boolean");
    assert_shape(tuple, "[5]", "nothing ?0 ");
    assert_shape(tuple, "[]", "a text, a boolean or null!");
    assert_shape("{\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}", "[]", "a text");
    assert_shape("{\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}", "[1]", "nothing ?0 ");
    assert_shape("{\"prefixItems\":[{\"type\":\"string\"}]}", "[]", "any value");
    assert_shape("{\"maxItems\":0}", "[]", "nothing ?0 ");
    assert_shape("{\"maxItems\":1,\"prefixItems\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
                 "[]", "a text");
    assert_shape("{\"items\":{\"properties\":{\"a\":{}}}}", "[].b", "any value ?1 ");
    assert_shape("{\"prefixItems\":[{\"properties\":{\"a\":{}}}],\"items\":{}}", "[].b",
                 "any value");
}

TEST(damaged_schemas_give_no_information)
{
    assert_shape("7", ".a", "any value");
    assert_shape("null", ".", "any value!");
    assert_shape("{\"type\":7,\"enum\":{},\"properties\":[],\"required\":\"a\",\"allOf\":{},"
                 "\"anyOf\":1,\"oneOf\":null,\"$ref\":[],\"items\":5,\"minItems\":-1,"
                 "\"maxItems\":\"x\",\"prefixItems\":3}",
                 ".a", "any value");
    assert_shape("{\"type\":\"strnig\",\"items\":5,\"prefixItems\":3}", "[].a", "any value");
    assert_shape("{\"properties\":{\"a\":7}}", ".a.b", "any value");
}

TEST(cycles_end)
{
    assert_shape("{\"$ref\":\"#\"}", ".a.b", "any value");
    assert_shape("{\"allOf\":[{\"$ref\":\"#\"}]}", ".", "any value");
    assert_shape("{\"anyOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":{\"oneOf\":"
                 "[{\"$ref\":\"#\"}]}}}",
                 ".x[]", "any value");
    static const char tree[] =
        "{\"type\":\"object\",\"required\":[\"next\"],\"properties\":{\"next\":{\"$ref\":\"#\"},"
        "\"all\":{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}},\"additionalProperties\":false}";
    assert_shape(tree, ".next.next.next.next.next.next.next", "an object!");
    assert_shape(tree, ".next.all[].all[].next.nexd", "nothing ?6 next");
}

/* Twice as many ways with each definition. */
TEST(many_branches_end)
{
    char text[4096] = "{\"$ref\":\"#/$defs/d0\",\"$defs\":{";
    for (int i = 0; i < 40; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len,
                       "\"d%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}"
                       "]},",
                       i, i + 1, i + 1);
    }
    size_t len = strlen(text);
    (void)snprintf(text + len, sizeof text - len, "\"d40\":{\"type\":\"string\"}}}");
    assert_shape(text, ".", "any value");
}

TEST(deep_schemas_give_no_information)
{
    char text[4096] = "";
    size_t len = 0;
    for (int i = 0; i < 120; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "{\"allOf\":[");
    }
    len += (size_t)snprintf(text + len, sizeof text - len, "{\"type\":\"null\"}");
    for (int i = 0; i < 120; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "]}");
    }
    assert_shape(text, ".", "null!");
    char more[8192] = "";
    (void)snprintf(more, sizeof more,
                   "{\"allOf\":[{\"allOf\":[{\"allOf\":[{\"$ref\":\"#/$defs/a\"}]}]}],"
                   "\"$defs\":{\"a\":{\"allOf\":[{\"$ref\":\"#/$defs/b\"}]},"
                   "\"b\":{\"allOf\":[{\"$ref\":\"#/$defs/c\"}]},\"c\":%s}}",
                   text);
    assert_shape(more, ".", "any value");
}

TEST(steps_are_shared_by_all_questions)
{
    factum_json_node nodes[32];
    factum_json json;
    struct fct_path path;
    struct fct_shape_source source;
    factum_error err;
    assert_ok(factum_json_parse(FCT_SLICE("{\"properties\":{\"a\":{\"type\":\"null\"}}}"), NULL,
                                nodes, 32, &json, &err),
              err);
    assert_ok(fct_path_compile(FCT_SLICE(".a"), &path, &err), err);
    fct_shape_open(&source, &json, 100);
    assert_int_equal(fct_shape_of(&source, &path).types, FCT_SHAPE_NULL);
    for (int i = 0; i < 100; i++) {
        (void)fct_shape_of(&source, &path);
    }
    assert_int_equal(source.steps_left, 0);
    assert_int_equal(fct_shape_of(&source, &path).types, FCT_SHAPE_ANY);
}

TEST(small_buffers_are_not_overrun)
{
    char text[64];
    for (size_t size = 1; size < sizeof text; size++) {
        memset(text, '#', sizeof text);
        fct_shape_print(FCT_SHAPE_ANY - FCT_SHAPE_TEXT, text, size);
        assert_true(strlen(text) < size);
        assert_int_equal(text[size], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(members_have_the_types_of_their_schemas),
        CASE(impossible_members_have_no_types),
        CASE(members_that_are_not_listed_are_marked),
        CASE(branches_are_joined),
        CASE(schemas_that_all_hold_are_met),
        CASE(references_are_followed_within_the_schema),
        CASE(older_drafts_have_their_own_rules),
        CASE(items_are_those_of_their_place),
        CASE(damaged_schemas_give_no_information),
        CASE(cycles_end),
        CASE(many_branches_end),
        CASE(deep_schemas_give_no_information),
        CASE(steps_are_shared_by_all_questions),
        CASE(small_buffers_are_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
