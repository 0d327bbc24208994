/* json_doc_test.c - JSON texts on a tape with memory of its own: how it grows, and its limits.
 * Layer: codec. */
#include "codec/json_doc.h"

#include "core/slice.h"
#include "support/test.h"

/* An allocator that counts what it has given, and fails from a call on. */
struct counter {
    int blocks;
    int calls_left; /* below 0: any number */
};

static void *count_resize(void *data, void *block, size_t size)
{
    struct counter *counter = data;
    if (size > 0 && counter->calls_left == 0) {
        return NULL;
    }
    counter->calls_left -= size > 0 && counter->calls_left > 0 ? 1 : 0;
    counter->blocks += block == NULL && size > 0 ? 1 : 0;
    counter->blocks -= block != NULL && size == 0 ? 1 : 0;
    return fct_mem_heap()->resize(NULL, block, size);
}

static const struct fct_json_extent whole = {.depth_max = FCT_JSON_DEPTH_MAX};

/* An array of |count| numbers. */
static factum_slice array_of(size_t count)
{
    static char text[200001];
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = i == 0 ? '[' : ',';
        text[2 * i + 1] = '7';
    }
    text[2 * count] = ']';
    return fct_slice(text, 2 * count + 1);
}

TEST(its_memory_grows_with_the_texts_and_stays)
{
    struct counter counter = {.calls_left = -1};
    const struct fct_mem mem = {&counter, count_resize};
    struct fct_json_doc doc;
    struct fct_json_fault fault;
    fct_json_doc_init(&doc, &mem);
    static const size_t counts[] = {1, 63, 64, 255, 256, 100000, 1};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        assert_status(fct_json_doc_read(&doc, array_of(counts[i]), whole, &fault), FACTUM_OK);
        assert_int_equal(doc.json.count, counts[i] + 1);
        assert_int_equal(factum_json_count(&doc.json, FACTUM_JSON_ROOT), counts[i]);
        assert_int_equal(counter.blocks, 1);
    }
    assert_true(doc.capacity > 100000);
    fct_json_doc_finish(&doc);
    assert_int_equal(counter.blocks, 0);
    fct_json_doc_finish(&doc);
}

TEST(without_memory_the_last_text_is_not_lost)
{
    struct fct_json_fault fault;
    for (int calls = 0; calls < 3; calls++) {
        struct counter counter = {.calls_left = calls};
        const struct fct_mem mem = {&counter, count_resize};
        struct fct_json_doc doc;
        fct_json_doc_init(&doc, &mem);
        /* 64, 256 and 1,024 nodes */
        assert_status(fct_json_doc_read(&doc, array_of(1000), whole, &fault), FACTUM_NO_MEMORY);
        assert_status(fct_json_doc_read(&doc, FCT_SLICE("[1]"), whole, &fault),
                      calls == 0 ? FACTUM_NO_MEMORY : FACTUM_OK);
        fct_json_doc_finish(&doc);
        assert_int_equal(counter.blocks, 0);
    }
}

TEST(nodes_have_the_maximum_that_is_asked_for)
{
    struct fct_json_doc doc;
    struct fct_json_fault fault;
    fct_json_doc_init(&doc, fct_mem_heap());
    for (size_t nodes_max = 1; nodes_max < 300; nodes_max++) {
        const struct fct_json_extent extent = {.depth_max = 1, .nodes_max = nodes_max};
        fct_json_doc_finish(&doc);
        fct_json_doc_init(&doc, fct_mem_heap());
        assert_status(fct_json_doc_read(&doc, array_of(nodes_max), extent, &fault), FACTUM_TOO_BIG);
        assert_status(fct_json_doc_read(&doc,
                                        nodes_max == 1 ? FCT_SLICE("[]") : array_of(nodes_max - 1),
                                        extent, &fault),
                      FACTUM_OK);
        assert_int_equal(doc.json.count, nodes_max);
    }
    assert_status(fct_json_doc_read(&doc, fct_slice("[]", (size_t)UINT32_MAX + 1), whole, &fault),
                  FACTUM_TOO_BIG);
    fct_json_doc_finish(&doc);
}

TEST(invalid_json_is_refused_with_reason_and_place)
{
    struct fct_json_doc doc;
    struct fct_json_fault fault;
    fct_json_doc_init(&doc, fct_mem_heap());
    assert_status(fct_json_doc_read(&doc, FCT_SLICE("[1,]"), whole, &fault), FACTUM_INVALID);
    assert_int_equal(fault.at, 3);
    assert_string_equal(fault.reason, "unexpected character ] where a value should be");
    assert_status(fct_json_doc_read(&doc, FCT_SLICE(""), whole, &fault), FACTUM_INVALID);
    /* members may stand twice */
    assert_status(fct_json_doc_read(&doc, FCT_SLICE("{\"a\":1,\"a\":2}"), whole, &fault),
                  FACTUM_OK);
    assert_int_equal(factum_json_find(&doc.json, FACTUM_JSON_ROOT, FCT_SLICE("a")), 4);
    fct_json_doc_finish(&doc);
}

/* A line is one level deeper than what it holds, and a document with lines some more. */
TEST(the_depth_is_that_of_the_extent)
{
    static const unsigned limits[] = {FCT_JSON_DEPTH_MAX, FCT_JSON_LINE_DEPTH,
                                      FCT_JSON_DOCUMENT_DEPTH};
    struct fct_json_doc doc;
    fct_json_doc_init(&doc, fct_mem_heap());
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const struct fct_json_extent extent = {.depth_max = limits[i], .levels = 1};
        for (size_t depth = limits[i] - 1; depth <= limits[i]; depth++) {
            char text[512] = "{\"data\":";
            struct fct_json_fault fault = {.at = 0};
            memset(text + 8, '[', depth);
            memset(text + 8 + depth, ']', depth);
            text[8 + 2 * depth] = '}';
            factum_slice line = fct_slice(text, 9 + 2 * depth);
            factum_status status = fct_json_doc_read(&doc, line, extent, &fault);
            assert_status(status, depth < limits[i] ? FACTUM_OK : FACTUM_INVALID);
            assert_int_equal(fault.at, depth < limits[i] ? 0 : 8 + limits[i] - 1);
            if (status == FACTUM_INVALID) {
                assert_string_equal(fault.reason, "nesting deeper than 64");
            }
        }
    }
    fct_json_doc_finish(&doc);
}

TEST(members_of_an_object_are_read_by_name)
{
    struct fct_json_doc doc;
    struct fct_json_fault fault;
    factum_arena arena;
    factum_slice text;
    uint64_t number;
    fct_json_doc_init(&doc, fct_mem_heap());
    factum_arena_init(&arena, 0);
    assert_status(
        fct_json_doc_read(&doc, FCT_SLICE("{\"a\":\"x\\ny\",\"b\":7,\"c\":\"\"}"), whole, &fault),
        FACTUM_OK);
    assert_true(fct_json_doc_text(&doc.json, "a", &arena, &text));
    assert_true(fct_slice_equal(text, FCT_SLICE("x\ny")));
    assert_true(fct_json_doc_text(&doc.json, "c", &arena, &text));
    assert_int_equal(text.len, 0);
    assert_true(fct_json_doc_text(&doc.json, "missing", &arena, &text));
    assert_int_equal(text.len, 0);
    assert_false(fct_json_doc_text(&doc.json, "b", &arena, &text));
    assert_true(fct_json_doc_number(&doc.json, "b", &number));
    assert_int_equal(number, 7);
    assert_true(fct_json_doc_number(&doc.json, "missing", &number));
    assert_int_equal(number, 0);
    assert_false(fct_json_doc_number(&doc.json, "a", &number));
    factum_arena_finish(&arena);
    fct_json_doc_finish(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(its_memory_grows_with_the_texts_and_stays),
        CASE(without_memory_the_last_text_is_not_lost),
        CASE(nodes_have_the_maximum_that_is_asked_for),
        CASE(invalid_json_is_refused_with_reason_and_place),
        CASE(the_depth_is_that_of_the_extent),
        CASE(members_of_an_object_are_read_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
