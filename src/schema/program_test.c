/* program_test.c - a schema and documents from the inside: failing memory, equality, tags, limits.
 * tests/schema has the keywords. Layer: schema. */
#include <limits.h>

#include "core/slice.h"
#include "schema/schema.h"
#include "schema/value.h"
#include "support/mem_fault.h"
#include "support/test.h"

static const char rich[] =
    "{\"$id\":\"http://x/root\",\"$ref\":\"other.json#/$defs/"
    "a\",\"properties\":{\"a\\u0062\":{\"pattern\":"
    "\"^a\"},\"c\":{\"$dynamicRef\":\"#n\"}},\"$dynamicAnchor\":\"n\",\"required\":[\"ab\"],"
    "\"unevaluatedProperties\":false,\"anyOf\":[{\"maxProperties\":1},{\"dependentRequired\":{"
    "\"c\":["
    "\"ab\"]}}],\"allOf\":[{\"items\":{\"uniqueItems\":true,\"multipleOf\":0.5}}]}";
static const char other[] =
    "{\"$defs\":{\"a\":{\"type\":[\"object\",\"array\"],\"patternProperties\":{"
    "\"^d\":true}}}}";

static const char *const documents[] = {
    "{\"ab\":\"a\\u0062\",\"d\":[1,1.0]}",
    "{\"ab\":\"x\",\"c\":{\"ab\":1,\"e\":null}}",
    "[[1,2,3,1e0],0.25]",
};

static factum_status create(const struct fct_mem *mem, const char *text,
                            struct fct_program **program, factum_error *err)
{
    factum_schema_document document = {.uri = FCT_SLICE("http://x/other.json"),
                                       .text = factum_slice_from(other)};
    factum_schema_options options = {
        .size = sizeof options, .documents = &document, .document_count = 1, .formats = true};
    return fct_program_create(mem, factum_slice_from(text), &options, program, err);
}

/* Compiles and checks. Returns the first failure. */
static factum_status compile_and_check(const struct fct_mem *mem, factum_error *err)
{
    struct fct_program *program = NULL;
    struct fct_run *run = NULL;
    factum_status status = create(mem, rich, &program, err);
    status = status == FACTUM_OK ? fct_run_create(mem, &run, err) : status;
    for (size_t i = 0; i < 3 && status == FACTUM_OK; i++) {
        factum_schema_result result = {.size = sizeof result};
        status = fct_run_text(run, program, factum_slice_from(documents[i]), 10, &result, err);
        if (status == FACTUM_OK) {
            assert_int_equal(result.valid, i == 0);
        } else {
            assert_false(result.valid);
        }
    }
    fct_run_destroy(run);
    fct_program_destroy(program);
    return status;
}

TEST(every_allocation_that_fails_is_reported_and_nothing_leaks)
{
    struct fct_mem_fault fault;
    factum_error err;
    fct_mem_fault_init(&fault);
    assert_int_equal(compile_and_check(&fault.mem, &err), FACTUM_OK);
    unsigned long calls = fault.calls;
    assert_true(calls > 30);
    assert_int_equal(fault.held, 0);
    for (unsigned long i = 0; i < calls; i++) {
        fct_mem_fault_init(&fault);
        fault.fail_at = i;
        factum_status status = compile_and_check(&fault.mem, &err);
        /* A tape that cannot shrink stays as it is. */
        assert_true(status == FACTUM_NO_MEMORY || status == FACTUM_OK);
        assert_int_equal(fault.held, 0);
    }
}

TEST(a_check_of_values_of_one_kind_does_not_allocate)
{
    struct fct_mem_fault fault;
    factum_error err;
    struct fct_program *program;
    struct fct_run *run;
    factum_schema_result result = {.size = sizeof result};
    fct_mem_fault_init(&fault);
    assert_ok(create(&fault.mem, rich, &program, &err), err);
    assert_ok(fct_run_create(&fault.mem, &run, &err), err);
    for (size_t i = 0; i < 3; i++) {
        unsigned long before = fault.calls;
        assert_ok(fct_run_text(run, program, factum_slice_from(documents[0]), 1, &result, &err),
                  err);
        assert_true(result.valid);
        assert_true(i == 0 || fault.calls == before);
    }
    fct_run_destroy(run);
    fct_program_destroy(program);
}

static factum_json tape(const char *text, factum_json_node *nodes, size_t count)
{
    factum_json json;
    factum_error err;
    assert_ok(factum_json_parse(factum_slice_from(text), NULL, nodes, count, &json, &err), err);
    return json;
}

TEST(values_are_equal_by_their_meaning)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"{\"a\":1,\"b\":[true,null]}", "{\"b\":[true,null],\"a\":1.0}", true},
        {"{\"a\":1}", "{\"a\":true}", false},
        {"[1,[2,{\"x\":\"\\u0061\"}]]", "[1e0,[2.0,{\"\\u0078\":\"a\"}]]", true},
        {"[1,2]", "[2,1]", false},
        {"{\"a\":{}}", "{\"a\":[]}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"", true},
        {"\"\\ud800\"", "\"\\ud801\"", false},
        {"\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
         "\"012345678901234567890123456789012345678901234567890123456789012345678\\u0039\"", true},
        {"[[],[[]]]", "[[[]],[]]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        factum_json_node nodes_a[32];
        factum_json_node nodes_b[32];
        factum_json a = tape(cases[i].a, nodes_a, 32);
        factum_json b = tape(cases[i].b, nodes_b, 32);
        uint64_t steps = 0;
        struct fct_value value_a = {&a, 0};
        struct fct_value value_b = {&b, 0};
        bool hashes = fct_value_hash(value_a, 5, &steps) == fct_value_hash(value_b, 5, &steps);
        if (fct_value_equal(value_a, value_b, &steps) != cases[i].equal ||
            hashes != cases[i].equal) {
            print_error("%s and %s\n", cases[i].a, cases[i].b);
            fail();
        }
    }
}

/* The |index|-th tag as "NAME /a/0/2+/b": a name, one item, all from an item on. */
static const char *tag_text(const struct fct_program *program, size_t index)
{
    static char text[256];
    factum_schema_tag_place place = {.size = sizeof place};
    if (!fct_program_tag(program, index, &place)) {
        return "";
    }
    size_t len = (size_t)snprintf(text, sizeof text, "%.*s ", (int)place.name.len,
                                  (const char *)place.name.ptr);
    for (size_t i = 0; i < place.path_count; i++) {
        factum_slice name = place.path[i];
        if (place.steps[i].kind == FACTUM_SCHEMA_STEP_MEMBER) {
            len += (size_t)snprintf(text + len, sizeof text - len, "/%.*s", (int)name.len,
                                    (const char *)name.ptr);
        } else {
            len += (size_t)snprintf(text + len, sizeof text - len, "/%u%s", place.steps[i].index,
                                    place.steps[i].kind == FACTUM_SCHEMA_STEP_ITEM ? "" : "+");
        }
    }
    return text;
}

TEST(tags_are_found_through_properties_items_and_references)
{
    static const struct {
        const char *text;
        const char *tags[4];
    } cases[] = {
        {"{\"properties\":{\"sku\":{\"x-factum-tag\":\"sku\"},\"customer\":{\"$ref\":\"#/$defs/"
         "c\"},"
         "\"parent\":{\"$ref\":\"#\"}},\"$defs\":{\"c\":{\"properties\":{\"id\":{\"x-factum-tag\":"
         "\"customer\",\"type\":\"string\"}}}}}",
         {"sku /sku", "customer /customer/id"}},
        {"{\"properties\":{\"lines\":{\"items\":{\"$ref\":\"#/$defs/l\"}}},\"$defs\":{\"l\":{"
         "\"properties\":{\"sku\":{\"x-factum-tag\":\"sku\"}}}}}",
         {"sku /lines/0+/sku"}},
        {"{\"prefixItems\":[{\"x-factum-tag\":\"a\"},true,{\"items\":{\"x-factum-tag\":\"b\"}}],"
         "\"items\":{\"x-factum-tag\":\"c\"}}",
         {"a /0", "b /2/0+", "c /3+"}},
        {"{\"$schema\":\"http://json-schema.org/draft-07/"
         "schema#\",\"items\":[{\"x-factum-tag\":\"a\"}],"
         "\"additionalItems\":{\"x-factum-tag\":\"b\"}}",
         {"a /0", "b /1+"}},
        {"{\"x-factum-tag\":\"all\",\"items\":true,\"properties\":{\"a\":true,\"b\":false}}",
         {"all "}},
        {"{\"allOf\":[{\"properties\":{\"a\":{\"x-factum-tag\":\"no\"}}}],\"contains\":{"
         "\"x-factum-tag\":\"no\"}}",
         {NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fct_program *program;
        factum_error err;
        size_t tag = 0;
        assert_ok(create(fct_mem_heap(), cases[i].text, &program, &err), err);
        for (; cases[i].tags[tag] != NULL; tag++) {
            assert_string_equal(tag_text(program, tag), cases[i].tags[tag]);
        }
        assert_string_equal(tag_text(program, tag), "");
        fct_program_destroy(program);
    }
}

/* A tag in |levels| arrays, or at the end of |levels| references. */
static const char *deep_tag(bool references, unsigned levels)
{
    static char text[32768];
    size_t len = 0;
    if (!references) {
        for (unsigned i = 0; i < levels; i++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "{\"items\":");
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "{\"x-factum-tag\":\"t\"}");
        for (unsigned i = 0; i < levels; i++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "}");
        }
        return text;
    }
    len += (size_t)snprintf(text, sizeof text, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    for (unsigned i = 0; i + 1 < levels; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "\"d%u\":{\"$ref\":\"#/$defs/d%u\"},", i, i + 1);
    }
    (void)snprintf(text + len, sizeof text - len, "\"d%u\":{\"x-factum-tag\":\"t\"}}}", levels - 1);
    return text;
}

TEST(a_tag_that_lies_too_deep_is_refused)
{
    static const struct {
        bool references;
        unsigned levels;
        const char *error; /* NULL: it is found */
    } cases[] = {
        {false, FACTUM_SCHEMA_TAG_DEPTH_MAX, NULL},
        {false, FACTUM_SCHEMA_TAG_DEPTH_MAX + 1, "over the limit of 16 properties and items"},
        {true, 100, NULL},
        {true, 300, "over the limit of 256 subschemas inside each other"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fct_program *program;
        factum_error err;
        factum_status status =
            create(fct_mem_heap(), deep_tag(cases[i].references, cases[i].levels), &program, &err);
        if (cases[i].error == NULL) {
            assert_ok(status, err);
            assert_memory_equal(tag_text(program, 0), "t ", 2);
        } else {
            assert_status(status, FACTUM_TOO_BIG);
            assert_text(err, cases[i].error);
        }
        fct_program_destroy(program);
    }
}

TEST(limits_are_the_callers)
{
    struct fct_program *program;
    struct fct_run *run;
    factum_error err;
    factum_schema_result result = {.size = sizeof result};
    factum_schema_options options = {.size = sizeof options, .rules_max = 3, .steps_max = 5};
    assert_status(fct_program_create(fct_mem_heap(), FCT_SLICE("{\"allOf\":[{},{},{}]}"), &options,
                                     &program, &err),
                  FACTUM_TOO_BIG);
    assert_text(err, "over the limit of 3 subschemas");
    assert_null(program);
    options.rules_max = 0;
    options.size_max = 10;
    assert_status(fct_program_create(fct_mem_heap(), FCT_SLICE("{\"type\":\"null\"}"), &options,
                                     &program, &err),
                  FACTUM_TOO_BIG);
    assert_text(err, "has 15 bytes: over the limit of 10");
    options.size_max = 0;
    assert_ok(fct_program_create(fct_mem_heap(), FCT_SLICE("{\"items\":{\"type\":\"null\"}}"),
                                 &options, &program, &err),
              err);
    assert_ok(fct_run_create(fct_mem_heap(), &run, &err), err);
    assert_status(
        fct_run_text(run, program, FCT_SLICE("[null,null,null,null,null]"), 1, &result, &err),
        FACTUM_TOO_BIG);
    assert_text(err, "over the limit of 5 steps");
    assert_false(result.valid);
    assert_ok(fct_run_text(run, program, FCT_SLICE("[null,1]"), 1, &result, &err), err);
    assert_string_equal(result.faults[0].text, "item 1 must be null, but is 1");
    assert_string_equal(result.faults[0].pointer, "/1");
    assert_string_equal(result.faults[0].schema, "#/items/type");
    fct_run_destroy(run);
    fct_program_destroy(program);
}

TEST(faults_are_counted_up_to_the_maximum)
{
    struct fct_program *program;
    struct fct_run *run;
    factum_error err;
    factum_schema_result result = {.size = sizeof result};
    assert_ok(create(fct_mem_heap(), "{\"items\":{\"type\":\"null\"}}", &program, &err), err);
    assert_ok(fct_run_create(fct_mem_heap(), &run, &err), err);
    static const struct {
        size_t max, count;
        bool more;
    } cases[] = {{0, 1, true}, {1, 1, true}, {2, 2, true}, {3, 3, true}, {4, 3, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(
            fct_run_text(run, program, FCT_SLICE("[1,null,2,3]"), cases[i].max, &result, &err),
            err);
        assert_int_equal(result.fault_count, cases[i].count);
        assert_int_equal(result.more, cases[i].more);
    }
    fct_run_destroy(run);
    fct_program_destroy(program);
}

TEST(faults_far_back_end_the_search_but_not_the_verdict)
{
    struct fct_program *program;
    struct fct_run *run;
    factum_error err;
    char text[256];
    size_t len = 0;
    factum_schema_result result = {.size = sizeof result};
    const factum_schema_options options = {.size = sizeof options, .steps_max = 100};
    for (size_t i = 0; i < 60; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, i == 0 ? "[1" : ",1");
    }
    (void)snprintf(text + len, sizeof text - len, "]");
    assert_ok(fct_program_create(fct_mem_heap(), FCT_SLICE("{\"items\":{\"type\":\"null\"}}"),
                                 &options, &program, &err),
              err);
    assert_ok(fct_run_create(fct_mem_heap(), &run, &err), err);
    assert_ok(fct_run_text(run, program, factum_slice_from(text), 1000, &result, &err), err);
    assert_false(result.valid);
    assert_true(result.more);
    assert_true(result.fault_count > 3 && result.fault_count < 20); /* 1 + 2 + ... steps */
    assert_ok(fct_run_text(run, program, FCT_SLICE("[1,1]"), 1000, &result, &err), err);
    assert_int_equal(result.fault_count, 2);
    assert_false(result.more);
    fct_run_destroy(run);
    fct_program_destroy(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_allocation_that_fails_is_reported_and_nothing_leaks),
        CASE(a_check_of_values_of_one_kind_does_not_allocate),
        CASE(values_are_equal_by_their_meaning),
        CASE(tags_are_found_through_properties_items_and_references),
        CASE(a_tag_that_lies_too_deep_is_refused),
        CASE(limits_are_the_callers),
        CASE(faults_are_counted_up_to_the_maximum),
        CASE(faults_far_back_end_the_search_but_not_the_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
