/* generate_test.c - the generator's output, its limits and its refusals. tests/generate compiles
 * and runs the output. Layer: schema. */
#include "schema/generate.h"

#include "core/slice.h"
#include "support/test.h"

static factum_generated *generated;
static factum_error err;

static factum_status run(const char *category, const char *type, const char *schema)
{
    factum_generate_schema one = {factum_slice_from(type), factum_slice_from(schema)};
    factum_generate_request request = {.size = sizeof request,
                                       .category = factum_slice_from(category),
                                       .schemas = &one,
                                       .schema_count = 1};
    return fct_generate(&request, fct_mem_heap(), &generated, &err);
}

static void assert_has(const char *type, const char *schema, const char *part)
{
    assert_ok(run("shop", type, schema), err);
    factum_slice header = factum_generated_header(generated);
    factum_slice wanted = factum_slice_from(part);
    bool found = false;
    for (size_t i = 0; i + wanted.len <= header.len && !found; i++) {
        found = memcmp(header.ptr + i, wanted.ptr, wanted.len) == 0;
    }
    if (!found) {
        print_error("\"%s\" is not in\n%.*s\n", part, (int)header.len, (const char *)header.ptr);
        fail();
    }
    factum_generated_free(generated);
}

static void assert_refused(const char *schema, factum_status status, const char *text)
{
    assert_status(run("shop", "T", schema), status);
    assert_text(err, text);
    assert_null(generated);
}

TEST(members_get_the_types_of_their_schemas)
{
    static const struct {
        const char *schema, *member;
    } cases[] = {
        {"{\"type\":\"string\"}", "    factum_slice x;\n"},
        {"{\"type\":\"integer\"}", "    int64_t x;\n"},
        {"{\"type\":\"integer\",\"minimum\":0}", "    int64_t x;\n"},
        {"{\"type\":\"integer\",\"minimum\":0,\"maximum\":9223372036854775808}",
         "    uint64_t x;\n"},
        {"{\"type\":\"integer\",\"minimum\":-1,\"maximum\":1e30}", "    int64_t x;\n"},
        {"{\"type\":\"number\"}", "    factum_slice x; /* a number as it stands */\n"},
        {"{\"type\":\"boolean\"}", "    bool x;\n"},
        {"{\"type\":[\"string\",\"null\"]}", "    bool x_is_null;\n    factum_slice x;\n"},
        {"{\"type\":[\"string\",\"integer\"]}", "/* JSON as it stands: several types */\n"},
        {"{}", "    factum_slice x; /* JSON as it stands */\n"},
        {"{\"const\":\"a\"}", "    bool has_x; /* x is \"a\" */\n"},
        {"{\"enum\":[\"a\",\"b\"]}", "    shop_sold_x x;\n"},
        {"{\"enum\":[\"a\",1]}", "an enum of different kinds of values"},
        {"{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", "    shop_text_list x;\n"},
        {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}",
         "shop_sold_x_entry"},
        {"{\"$ref\":\"elsewhere.json\"}", "its $ref leads out of the schema"},
        {"{\"$ref\":\"#\"}", "    const shop_sold *x;\n"},
        {"{\"type\":\"string\",\"format\":\"date-time\"}", "RFC 3339: factum_time_parse"},
        {"{\"type\":\"string\",\"title\":\"Why */ not\"}",
         "    factum_slice x; /* Why * / not */\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char schema[512];
        (void)snprintf(schema, sizeof schema, "{\"type\":\"object\",\"properties\":{\"x\":%s}}",
                       cases[i].schema);
        assert_has("Sold", schema, cases[i].member);
    }
}

TEST(equal_definitions_of_two_events_are_one_type)
{
    static const char text[] =
        "{\"type\":\"object\",\"properties\":{\"m\":{\"$ref\":\"#/$defs/m\"}},"
        "\"$defs\":{\"m\":{\"type\":\"object\",\"properties\":{\"c\":true}}}}";
    factum_generate_schema two[] = {{factum_slice_from("A"), factum_slice_from(text)},
                                    {factum_slice_from("B"), factum_slice_from(text)}};
    factum_generate_request request = {
        .size = sizeof request, .category = FCT_SLICE("shop"), .schemas = two, .schema_count = 2};
    assert_ok(fct_generate(&request, fct_mem_heap(), &generated, &err), err);
    factum_slice header = factum_generated_header(generated);
    unsigned count = 0;
    for (size_t i = 0; i < header.len; i++) {
        count += fct_slice_starts(fct_slice_from(header, i), FCT_SLICE("typedef struct shop_m {"));
    }
    assert_int_equal(count, 1);
    factum_generated_free(generated);
}

TEST(the_same_schemas_give_the_same_bytes)
{
    static const char text[] = "{\"properties\":{\"a b\":{\"enum\":[\"x\",\"y\"]},\"a-b\":true}}";
    assert_ok(run("shop", "T", text), err);
    factum_generated *first = generated;
    assert_ok(run("shop", "T", text), err);
    assert_true(
        fct_slice_equal(factum_generated_header(first), factum_generated_header(generated)));
    assert_true(
        fct_slice_equal(factum_generated_source(first), factum_generated_source(generated)));
    assert_true(
        fct_slice_starts(factum_generated_source(first), FCT_SLICE(FACTUM_GENERATE_FIRST_LINE)));
    factum_generated_free(first);
    factum_generated_free(generated);
}

TEST(what_is_no_schema_is_refused_with_its_place)
{
    assert_refused("{", FACTUM_INVALID, "the schema of T: not valid JSON");
    assert_refused("[]", FACTUM_INVALID, "a schema is an object, true or false");
    assert_refused("{\"$ref\":\"#\"}", FACTUM_INVALID, "a $ref that leads to itself");
    assert_refused("{\"properties\":{\"a\":{\"$ref\":\"#/properties/b\"},"
                   "\"b\":{\"$ref\":\"#/properties/a\"}}}",
                   FACTUM_INVALID, "/properties/a: a $ref that leads to itself");
    assert_refused("{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#\"}]}", FACTUM_TOO_BIG,
                   "schemas nest deeper than 64");
    assert_refused("{\"properties\":{\"\\ud800\":true}}", FACTUM_INVALID, "a lone surrogate");
    assert_refused("{\"allOf\":[{\"$ref\":\"#\"},{\"type\":\"object\"}]}", FACTUM_TOO_BIG,
                   "an allOf of more than 64 schemas");
}

TEST(invalid_requests_are_refused)
{
    factum_generate_schema two[] = {{FCT_SLICE("T"), FCT_SLICE("{}")},
                                    {FCT_SLICE("T"), FCT_SLICE("{}")}};
    factum_generate_request request = {.size = sizeof request, .category = FCT_SLICE("shop")};
    assert_status(fct_generate(&request, fct_mem_heap(), &generated, &err), FACTUM_INVALID);
    assert_text(err, "no schema is given for category shop");
    request.schemas = two;
    request.schema_count = 2;
    assert_status(fct_generate(&request, fct_mem_heap(), &generated, &err), FACTUM_INVALID);
    assert_text(err, "the event type T appears twice");
    assert_status(run("", "T", "{}"), FACTUM_INVALID);
    assert_status(run("a\xff", "T", "{}"), FACTUM_INVALID);
    assert_text(err, "a category is a text in UTF-8");
    assert_status(run("shop", "", "{}"), FACTUM_INVALID);
}

/* A schema of |count| members, to be freed. */
static char *wide_schema(size_t count)
{
    size_t size = count * 32 + 64;
    char *text = test_malloc(size);
    int len = snprintf(text, size, "{\"properties\":{");
    for (size_t i = 0; i < count; i++) {
        len += snprintf(text + len, size - (size_t)len, "%s\"m%zu\":true", i == 0 ? "" : ",", i);
    }
    (void)snprintf(text + len, size - (size_t)len, "}}");
    return text;
}

TEST(limits_are_named)
{
    char deep[4096];
    size_t len = 0;
    for (int i = 0; i < 70; i++) {
        len += (size_t)snprintf(deep + len, sizeof deep - len, "{\"properties\":{\"x\":");
    }
    (void)snprintf(deep + len, sizeof deep - len, "{}%0*d", 1, 0);
    for (int i = 0; i < 140; i++) {
        deep[len + 2 + (size_t)i] = '}';
    }
    deep[len + 142] = '\0';
    assert_refused(deep, FACTUM_TOO_BIG, "schemas nest deeper than 64");
    char *wide = wide_schema(513);
    assert_refused(wide, FACTUM_TOO_BIG, "an object of more than 512 members");
    test_free(wide);
    char named[2048];
    (void)snprintf(named, sizeof named, "{\"properties\":{\"%01025d\":true}}", 1);
    assert_refused(named, FACTUM_TOO_BIG, "a name of more than 1024 bytes");
    static factum_generate_schema many[FACTUM_GENERATE_TYPES_MAX + 1];
    factum_generate_request request = {.size = sizeof request,
                                       .category = FCT_SLICE("shop"),
                                       .schemas = many,
                                       .schema_count = FACTUM_GENERATE_TYPES_MAX + 1};
    assert_status(fct_generate(&request, fct_mem_heap(), &generated, &err), FACTUM_TOO_BIG);
    assert_text(err, "category shop has more than 256 event types");
}

/* Allocates |left| blocks, then none; counts the living ones. */
struct scarce {
    struct fct_mem mem;
    size_t left, live;
};

static void *scarce_resize(void *data, void *block, size_t size)
{
    struct scarce *scarce = data;
    if (size > 0 && scarce->left == 0) {
        return NULL;
    }
    scarce->left -= size > 0 ? 1 : 0;
    scarce->live += size > 0 && block == NULL ? 1 : 0;
    scarce->live -= size == 0 && block != NULL ? 1 : 0;
    return fct_mem_resize(fct_mem_heap(), block, size);
}

TEST(each_allocation_may_fail)
{
    factum_generate_schema one = {FCT_SLICE("T"),
                                  FCT_SLICE("{\"properties\":{\"a\":{\"enum\":"
                                            "[\"x\",\"y\"]},\"b\":{\"$ref\":\"#\"}}}")};
    factum_generate_request request = {
        .size = sizeof request, .category = FCT_SLICE("shop"), .schemas = &one, .schema_count = 1};
    factum_status status = FACTUM_NO_MEMORY;
    for (size_t k = 0; status != FACTUM_OK; k++) {
        struct scarce scarce = {.left = k};
        scarce.mem = (struct fct_mem){&scarce, scarce_resize};
        status = fct_generate(&request, &scarce.mem, &generated, &err);
        if (status == FACTUM_OK) {
            assert_true(k > 3);
            factum_generated_free(generated);
        } else {
            assert_int_equal(status, FACTUM_NO_MEMORY);
            assert_null(generated);
        }
        assert_int_equal(scarce.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(members_get_the_types_of_their_schemas),
        CASE(equal_definitions_of_two_events_are_one_type),
        CASE(the_same_schemas_give_the_same_bytes),
        CASE(what_is_no_schema_is_refused_with_its_place),
        CASE(invalid_requests_are_refused),
        CASE(limits_are_named),
        CASE(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
