/* query_test.c - queries and filters match as store.h defines, and copies outlive their
 * originals. */
#include "support/test.h"

#include <limits.h>

#include "core/slice.h"
#include "engine/query.h"
#include "support/mem_fault.h"

#define S(text) FCT_SLICE(text)

/* ---- queries --------------------------------------------------------------------------------- */

static bool fits(const factum_query_item *items, size_t count, const char *type,
                 const factum_slice *tags, size_t tag_count)
{
    const factum_query query = {items, count};
    return fct_query_fits(&query, factum_slice_from(type), tags, tag_count);
}

TEST(an_event_fits_with_one_of_the_types_and_all_of_the_tags)
{
    const factum_slice types[] = {S("A"), S("B")};
    const factum_slice tags[] = {S("t"), S("u")};
    const factum_slice more[] = {S("u"), S("x"), S("t")};
    const factum_query_item both = {types, 2, tags, 2};
    assert_true(fits(&both, 1, "A", tags, 2));
    assert_true(fits(&both, 1, "B", more, 3));
    assert_false(fits(&both, 1, "C", tags, 2));
    assert_false(fits(&both, 1, "A", tags, 1));
    assert_false(fits(&both, 1, "A", NULL, 0));
    const factum_query_item any_type = {NULL, 0, tags, 1};
    assert_true(fits(&any_type, 1, "C", more, 3));
    assert_false(fits(&any_type, 1, "C", more, 2));
    const factum_query_item any_tags = {types, 1, NULL, 0};
    assert_true(fits(&any_tags, 1, "A", NULL, 0));
    assert_false(fits(&any_tags, 1, "B", tags, 2));
    assert_false(fits(&any_tags, 1, "AB", NULL, 0)); /* a type is no prefix */
}

TEST(an_event_fits_if_it_fits_one_item)
{
    const factum_slice types[] = {S("A"), S("B")};
    const factum_slice tag = S("t");
    const factum_query_item items[] = {{types, 1, &tag, 1}, {types + 1, 1, NULL, 0}};
    assert_true(fits(items, 2, "A", &tag, 1));
    assert_true(fits(items, 2, "B", NULL, 0));
    assert_false(fits(items, 2, "A", NULL, 0));
    assert_false(fits(items, 0, "A", &tag, 1));
}

/* ---- filters --------------------------------------------------------------------------------- */

static bool passes(const factum_filter *filter, const char *stream, const char *type)
{
    return fct_filter_passes(filter, factum_slice_from(stream), factum_slice_from(type));
}

TEST(without_a_filter_and_with_an_empty_one_everything_passes)
{
    const factum_filter empty = {.size = sizeof empty};
    assert_true(passes(NULL, "s", "T"));
    assert_true(passes(&empty, "s", "T"));
}

TEST(a_stream_passes_by_one_of_its_prefixes)
{
    const factum_slice prefixes[] = {S("order-"), S("cart")};
    const factum_filter filter = {.stream_prefixes = prefixes, .stream_prefix_count = 2};
    assert_true(passes(&filter, "order-1", "T"));
    assert_true(passes(&filter, "order-", "T"));
    assert_true(passes(&filter, "cart", "T"));
    assert_false(passes(&filter, "order", "T"));
    assert_false(passes(&filter, "my-order-1", "T"));
    assert_false(passes(&filter, "car", "T"));
}

TEST(a_type_passes_by_name_or_by_prefix)
{
    const factum_slice types[] = {S("Paid"), S("Sent")};
    const factum_slice prefixes[] = {S("Order")};
    const factum_filter by_name = {.types = types, .type_count = 2};
    assert_true(passes(&by_name, "s", "Sent"));
    assert_false(passes(&by_name, "s", "SentAgain"));
    assert_false(passes(&by_name, "s", "OrderPlaced"));
    const factum_filter by_prefix = {.type_prefixes = prefixes, .type_prefix_count = 1};
    assert_true(passes(&by_prefix, "s", "OrderPlaced"));
    assert_false(passes(&by_prefix, "s", "Sent"));
    const factum_filter either = {
        .types = types, .type_count = 2, .type_prefixes = prefixes, .type_prefix_count = 1};
    assert_true(passes(&either, "s", "OrderPlaced"));
    assert_true(passes(&either, "s", "Paid"));
    assert_false(passes(&either, "s", "Pai"));
}

TEST(stream_and_type_must_both_pass)
{
    const factum_slice prefix = S("order-");
    const factum_slice type = S("Paid");
    const factum_filter filter = {
        .stream_prefixes = &prefix, .stream_prefix_count = 1, .types = &type, .type_count = 1};
    assert_true(passes(&filter, "order-1", "Paid"));
    assert_false(passes(&filter, "order-1", "Sent"));
    assert_false(passes(&filter, "cart-1", "Paid"));
}

/* ---- copies ---------------------------------------------------------------------------------- */

#define NAMES 6u

/* A query and a filter over |names|, which a test may spoil. */
struct original {
    char names[NAMES][4];
    factum_slice slices[NAMES];
    factum_query_item items[3];
    factum_query query;
    factum_filter filter;
    factum_read_request request;
};

static void original_init(struct original *original)
{
    *original = (struct original){.names = {"a", "bb", "ccc", "d", "ee", "fff"}};
    for (size_t i = 0; i < NAMES; i++) {
        original->slices[i] = factum_slice_from(original->names[i]);
    }
    original->items[0] = (factum_query_item){original->slices, 2, original->slices + 2, 3};
    original->items[1] = (factum_query_item){NULL, 0, original->slices + 5, 1};
    original->items[2] = (factum_query_item){original->slices + 1, 1, NULL, 0};
    original->query = (factum_query){original->items, 3};
    original->filter = (factum_filter){
        .size = sizeof original->filter,
        .stream_prefixes = original->slices,
        .stream_prefix_count = 3,
        .types = original->slices + 3,
        .type_count = 1,
        .type_prefixes = original->slices + 4,
        .type_prefix_count = 2,
    };
    original->request = (factum_read_request){.size = sizeof original->request,
                                              .source = FACTUM_SOURCE_QUERY,
                                              .query = &original->query,
                                              .filter = &original->filter};
}

static void assert_names(const factum_slice *names, size_t count, const factum_slice *expected,
                         size_t expected_count)
{
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        assert_true(fct_slice_equal(names[i], expected[i]));
        assert_ptr_not_equal(names[i].ptr, expected[i].ptr);
    }
}

static void assert_same_query(const factum_query *copy, const factum_query *query)
{
    assert_int_equal(copy->item_count, query->item_count);
    for (size_t i = 0; i < copy->item_count; i++) {
        const factum_query_item *item = &query->items[i];
        assert_names(copy->items[i].types, copy->items[i].type_count, item->types,
                     item->type_count);
        assert_names(copy->items[i].tags, copy->items[i].tag_count, item->tags, item->tag_count);
    }
}

static void assert_same_filter(const factum_filter *copy, const factum_filter *filter)
{
    assert_names(copy->stream_prefixes, copy->stream_prefix_count, filter->stream_prefixes,
                 filter->stream_prefix_count);
    assert_names(copy->types, copy->type_count, filter->types, filter->type_count);
    assert_names(copy->type_prefixes, copy->type_prefix_count, filter->type_prefixes,
                 filter->type_prefix_count);
}

TEST(a_copy_is_equal_and_outlives_its_original)
{
    struct original original;
    struct original again;
    struct fct_mem_fault mem;
    struct fct_query_copy copy;
    factum_error err;
    original_init(&original);
    original_init(&again);
    fct_mem_fault_init(&mem);
    assert_ok(fct_query_copy_init(&copy, &mem.mem, &original.request, &err), err);
    assert_int_equal(mem.held, 1);
    memset(&original, 0xee, sizeof original);
    assert_same_query(&copy.query, &again.query);
    assert_true(copy.has_filter);
    assert_same_filter(&copy.filter, &again.filter);
    fct_query_copy_finish(&copy);
    assert_int_equal(mem.held, 0);
    fct_query_copy_finish(&copy); /* a finished one */
}

TEST(a_copy_has_what_its_request_has)
{
    struct original original;
    struct fct_mem_fault mem;
    struct fct_query_copy copy;
    factum_error err;
    fct_mem_fault_init(&mem);
    original_init(&original);
    original.request.filter = NULL;
    assert_ok(fct_query_copy_init(&copy, &mem.mem, &original.request, &err), err);
    assert_same_query(&copy.query, &original.query);
    assert_false(copy.has_filter);
    fct_query_copy_finish(&copy);
    original_init(&original);
    original.request.source = FACTUM_SOURCE_ALL; /* the query is not looked at */
    assert_ok(fct_query_copy_init(&copy, &mem.mem, &original.request, &err), err);
    assert_int_equal(copy.query.item_count, 0);
    assert_same_filter(&copy.filter, &original.filter);
    fct_query_copy_finish(&copy);
    original.filter = (factum_filter){.size = sizeof original.filter};
    assert_ok(fct_query_copy_init(&copy, &mem.mem, &original.request, &err), err);
    assert_true(copy.has_filter);
    assert_true(passes(&copy.filter, "s", "T"));
    fct_query_copy_finish(&copy);
    unsigned long calls = mem.calls;
    original.request.filter = NULL;
    assert_ok(fct_query_copy_init(&copy, &mem.mem, &original.request, &err), err);
    assert_int_equal(mem.calls, calls); /* nothing to copy */
    fct_query_copy_finish(&copy);
    assert_int_equal(mem.held, 0);
}

TEST(a_zeroed_copy_may_be_finished)
{
    struct fct_query_copy copy = {.mem = NULL};
    fct_query_copy_finish(&copy);
}

TEST(without_memory_there_is_no_copy)
{
    unsigned failed = 0;
    for (unsigned long at = 0;; at++) {
        struct original original;
        struct fct_mem_fault mem;
        struct fct_query_copy copy;
        factum_error err;
        original_init(&original);
        fct_mem_fault_init(&mem);
        atomic_store(&mem.fail_at, at);
        factum_status status = fct_query_copy_init(&copy, &mem.mem, &original.request, &err);
        if (status == FACTUM_OK) {
            fct_query_copy_finish(&copy);
            assert_int_equal(mem.held, 0);
            break;
        }
        failed++;
        assert_int_equal(status, FACTUM_NO_MEMORY);
        assert_string_equal(err.text, "read: out of memory");
        assert_int_equal(copy.query.item_count, 0);
        assert_false(copy.has_filter);
        fct_query_copy_finish(&copy);
        assert_int_equal(mem.held, 0);
    }
    assert_int_equal(failed, 1);
}

TEST(a_copy_of_the_largest_request_fits)
{
    static char name[FACTUM_NAME_SIZE_MAX];
    static factum_slice names[FACTUM_QUERY_NAMES_MAX];
    factum_query_item items[FACTUM_QUERY_ITEMS_MAX] = {{.type_count = 0}};
    struct fct_query_copy copy;
    factum_error err;
    memset(name, 'n', sizeof name);
    for (size_t i = 0; i < FACTUM_QUERY_NAMES_MAX; i++) {
        names[i] = fct_slice(name, sizeof name);
    }
    for (size_t i = 0; i < FACTUM_QUERY_ITEMS_MAX; i++) {
        items[i] = (factum_query_item){names + i * 16, 8, names + i * 16 + 8, 8};
    }
    const factum_query query = {items, FACTUM_QUERY_ITEMS_MAX};
    const factum_filter filter = {sizeof filter, names, 64, names, 64, names, 64};
    const factum_read_request request = {
        .source = FACTUM_SOURCE_QUERY, .query = &query, .filter = &filter};
    assert_ok(fct_query_copy_init(&copy, fct_mem_heap(), &request, &err), err);
    assert_same_query(&copy.query, &query);
    fct_query_copy_finish(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_event_fits_with_one_of_the_types_and_all_of_the_tags),
        CASE(an_event_fits_if_it_fits_one_item),
        CASE(without_a_filter_and_with_an_empty_one_everything_passes),
        CASE(a_stream_passes_by_one_of_its_prefixes),
        CASE(a_type_passes_by_name_or_by_prefix),
        CASE(stream_and_type_must_both_pass),
        CASE(a_copy_is_equal_and_outlives_its_original),
        CASE(a_copy_has_what_its_request_has),
        CASE(a_zeroed_copy_may_be_finished),
        CASE(without_memory_there_is_no_copy),
        CASE(a_copy_of_the_largest_request_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
