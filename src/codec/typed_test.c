/* typed_test.c - members, values and failures of a reader. Layer: codec. */
#include <factum/typed.h>

#include "core/slice.h"
#include "support/test.h"

static factum_json_node nodes[4096];
static factum_json json;
static factum_arena arena;
static factum_error err;

static const factum_typed_name names[] = {{"id", 2, true}, {"qty", 3, false}, {"a\"b", 3, false}};

static factum_typed_reader reader_of(const char *text)
{
    assert_ok(factum_json_parse(factum_slice_from(text), NULL, nodes, 4096, &json, &err), err);
    factum_arena_reset(&arena);
    return factum_typed_reader_of(&json, &arena, &err);
}

static uint32_t value_of(const char *name)
{
    return factum_json_find(&json, FACTUM_JSON_ROOT, factum_slice_from(name));
}

static int arena_begin(void **state)
{
    (void)state;
    factum_arena_init(&arena, 1 << 16);
    return 0;
}

static int arena_end(void **state)
{
    (void)state;
    factum_arena_finish(&arena);
    return 0;
}

TEST(members_are_found_in_any_order_and_with_escapes)
{
    factum_typed_reader in = reader_of("{\"x\":0,\"a\\\"b\":1,\"\\u0071ty\":2,\"id\":3,\"y\":4}");
    static const int wanted[] = {FACTUM_TYPED_OTHER, 2, 1, 0, FACTUM_TYPED_OTHER};
    factum_typed_object object = factum_typed_members(&in, FACTUM_JSON_ROOT, names, 3);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(factum_typed_next(&object), wanted[i]);
        int64_t number = -1;
        factum_typed_int64(&in, object.value, &number);
        assert_int_equal(number, i);
    }
    assert_int_equal(factum_typed_next(&object), FACTUM_TYPED_END);
    assert_int_equal(factum_typed_finish(&in), FACTUM_OK);
}

TEST(a_required_member_that_is_missing_is_named)
{
    factum_typed_reader in = reader_of("{\"qty\":1}");
    factum_typed_object object = factum_typed_members(&in, FACTUM_JSON_ROOT, names, 3);
    assert_int_equal(factum_typed_next(&object), 1);
    assert_int_equal(factum_typed_next(&object), FACTUM_TYPED_END);
    assert_int_equal(factum_typed_finish(&in), FACTUM_INVALID);
    assert_text(err, "the data: \"id\" is missing");
}

TEST(other_members_are_kept_as_they_stand)
{
    factum_members kept;
    uint8_t buffer[64];
    factum_json_writer to;
    factum_typed_reader in = reader_of("{\"x\\n\":[1, 2],\"id\":1,\"y\":\"\\u0061\"}");
    factum_typed_object object = factum_typed_members(&in, FACTUM_JSON_ROOT, names, 3);
    factum_typed_keep(&object, &kept);
    assert_int_equal(factum_typed_finish(&in), FACTUM_OK);
    assert_int_equal(kept.count, 2);
    factum_json_writer_init(&to, buffer, sizeof buffer);
    factum_json_put_object(&to);
    factum_typed_put_members(&to, &kept);
    factum_json_put_end(&to);
    assert_ok(factum_json_writer_finish(&to, &err), err);
    assert_true(fct_slice_equal(fct_slice(buffer, to.used),
                                FCT_SLICE("{\"x\\n\":[1, 2],\"y\":\"\\u0061\"}")));
}

TEST(the_first_failure_stays)
{
    factum_slice text = {NULL, 0};
    int64_t number = 7;
    bool truth = true;
    factum_typed_reader in = reader_of("{\"a\":{\"b/c\":[1.5,\"x\"]}}");
    uint32_t list = factum_json_find(&json, value_of("a"), FCT_SLICE("b/c"));
    uint32_t item = factum_json_first(&json, list);
    factum_typed_int64(&in, item, &number);
    factum_typed_bool(&in, item, &truth);
    factum_typed_text(&in, item, &text);
    assert_int_equal(factum_typed_finish(&in), FACTUM_INVALID);
    assert_text(err, "/a/b~1c/0: not a whole number");
    assert_int_equal(number, 7);
    assert_true(truth);
    assert_null(text.ptr);
}

TEST(texts_without_escapes_are_slices_of_the_event)
{
    factum_slice plain = {NULL, 0};
    factum_slice escaped = {NULL, 0};
    factum_typed_reader in = reader_of("{\"a\":\"xyz\",\"b\":\"\\u00e9\"}");
    factum_typed_text(&in, value_of("a"), &plain);
    factum_typed_text(&in, value_of("b"), &escaped);
    assert_int_equal(factum_typed_finish(&in), FACTUM_OK);
    assert_ptr_equal(plain.ptr, json.text.ptr + 6);
    assert_true(fct_slice_equal(escaped, FCT_SLICE("\xc3\xa9")));
}

TEST(the_arena_bounds_what_one_event_takes)
{
    size_t count;
    factum_typed_reader in = reader_of("[[],[],[],[],[],[],[],[],[],[]]");
    assert_null(factum_typed_items(&in, FACTUM_JSON_ROOT, 8192, &count));
    assert_int_equal(count, 0);
    assert_int_equal(factum_typed_finish(&in), FACTUM_TOO_BIG);
    assert_text(err, "the maximum of the arena");
    in = reader_of("[1,2]");
    assert_null(factum_typed_items(&in, FACTUM_JSON_ROOT, SIZE_MAX / 2 + 2, &count));
    assert_int_equal(factum_typed_finish(&in), FACTUM_TOO_BIG);
}

TEST(choices_variants_and_constants_are_distinguished_by_value)
{
    factum_typed_reader in = reader_of("{\"k\":\"qt\\u0079\",\"n\":1.0,\"z\":null,\"o\":{}}");
    assert_int_equal(factum_typed_choice(&in, value_of("k"), names, 3), 1);
    assert_int_equal(factum_typed_variant(&in, FACTUM_JSON_ROOT, "k", names, 3), 1);
    assert_int_equal(factum_typed_variant(&in, FACTUM_JSON_ROOT, "n", names, 3), -1);
    assert_int_equal(factum_typed_variant(&in, value_of("o"), "k", names, 3), -1);
    factum_typed_is_text(&in, value_of("k"), "qty", 3);
    factum_typed_is_number(&in, value_of("n"), "1");
    factum_typed_is_kind(&in, value_of("z"), FACTUM_JSON_NULL);
    assert_int_equal(factum_typed_finish(&in), FACTUM_OK);
    factum_typed_is_text(&in, value_of("k"), "qt", 2);
    assert_int_equal(factum_typed_finish(&in), FACTUM_INVALID);
    assert_true(fct_slice_equal(factum_typed_name_at(names, 3, 1), FCT_SLICE("id")));
    assert_int_equal(factum_typed_name_at(names, 3, 0).len, 0);
    assert_int_equal(factum_typed_name_at(names, 3, 4).len, 0);
}

TEST(a_long_pointer_is_cut_between_characters)
{
    char text[1024] = "{\"";
    int64_t number;
    for (int i = 0; i < 200; i++) {
        memcpy(text + 2 + 2 * i, "\xc3\xa9", 2);
    }
    memcpy(text + 402, "\":true}", 8);
    factum_typed_reader in = reader_of(text);
    factum_typed_int64(&in, 2, &number);
    assert_int_equal(factum_typed_finish(&in), FACTUM_INVALID);
    assert_text(err, "...: not a whole number");
    assert_true(fct_utf8_valid(factum_slice_from(err.text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(members_are_found_in_any_order_and_with_escapes),
        CASE(a_required_member_that_is_missing_is_named),
        CASE(other_members_are_kept_as_they_stand),
        CASE(the_first_failure_stays),
        CASE(texts_without_escapes_are_slices_of_the_event),
        CASE(the_arena_bounds_what_one_event_takes),
        CASE(choices_variants_and_constants_are_distinguished_by_value),
        CASE(a_long_pointer_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, arena_begin, arena_end);
}
