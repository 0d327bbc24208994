/* slice_test.c - comparing borrowed bytes, and strict UTF-8. Layer: core. */
#include "core/slice.h"

#include "support/test.h"

static void a_slice_of_a_text_leaves_out_the_zero_byte(void **state)
{
    (void)state;
    assert_int_equal(factum_slice_from("abc").len, 3);
    assert_int_equal(factum_slice_from("").len, 0);
    assert_int_equal(factum_slice_from(NULL).len, 0);
    assert_int_equal(FCT_SLICE("a\0b").len, 3);
    assert_int_equal(fct_slice_from(FCT_SLICE("abc"), 3).len, 0);
    assert_true(fct_slice_equal(fct_slice_from(FCT_SLICE("abc"), 1), FCT_SLICE("bc")));
}

static void equal_slices_have_the_same_bytes_and_length(void **state)
{
    (void)state;
    assert_true(fct_slice_equal(FCT_SLICE("abc"), FCT_SLICE("abc")));
    assert_false(fct_slice_equal(FCT_SLICE("abc"), FCT_SLICE("abd")));
    assert_false(fct_slice_equal(FCT_SLICE("abc"), FCT_SLICE("ab")));
    assert_false(fct_slice_equal(FCT_SLICE("a\0b"), FCT_SLICE("a\0c")));
    assert_true(fct_slice_equal((factum_slice){0}, FCT_SLICE("")));
}

static void a_slice_starts_with_itself_and_with_nothing(void **state)
{
    (void)state;
    assert_true(fct_slice_starts(FCT_SLICE("order-1"), FCT_SLICE("order-")));
    assert_true(fct_slice_starts(FCT_SLICE("order"), FCT_SLICE("order")));
    assert_false(fct_slice_starts(FCT_SLICE("order"), FCT_SLICE("order-")));
    assert_false(fct_slice_starts(FCT_SLICE("order"), FCT_SLICE("rder")));
    assert_true(fct_slice_starts(FCT_SLICE("order"), (factum_slice){0}));
    assert_true(fct_slice_starts((factum_slice){0}, (factum_slice){0}));
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

/* From the definition: decode, then compare with what the shortest form of it would be. */
static bool valid_by_definition(const uint8_t *p, size_t len)
{
    while (len > 0) {
        size_t size = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : 4;
        if ((size == 4 && p[0] >> 3 != 30) || len < size) {
            return false;
        }
        uint32_t c = size == 1 ? p[0] : p[0] & (0x7fu >> size);
        for (size_t i = 1; i < size; i++) {
            if (p[i] >> 6 != 2) {
                return false;
            }
            c = c << 6 | (p[i] & 0x3fu);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (c < least[size] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
            return false;
        }
        p += size;
        len -= size;
    }
    return true;
}

static bool valid(const char *bytes, size_t len)
{
    return fct_utf8_valid(fct_slice(bytes, len));
}

static void nothing_is_valid_text(void **state)
{
    (void)state;
    assert_true(fct_utf8_valid((factum_slice){0}));
    assert_true(valid("\0", 1));
}

static void the_first_and_last_of_each_length_are_valid(void **state)
{
    (void)state;
    assert_true(valid("\x7f", 1));
    assert_true(valid("\xc2\x80", 2));
    assert_true(valid("\xdf\xbf", 2));
    assert_true(valid("\xe0\xa0\x80", 3));
    assert_true(valid("\xed\x9f\xbf", 3));
    assert_true(valid("\xee\x80\x80", 3));
    assert_true(valid("\xef\xbf\xbf", 3));
    assert_true(valid("\xf0\x90\x80\x80", 4));
    assert_true(valid("\xf4\x8f\xbf\xbf", 4));
}

static void overlong_forms_are_refused(void **state)
{
    (void)state;
    assert_false(valid("\xc0\x80", 2));
    assert_false(valid("\xc1\xbf", 2));
    assert_false(valid("\xe0\x80\x80", 3));
    assert_false(valid("\xe0\x9f\xbf", 3));
    assert_false(valid("\xf0\x80\x80\x80", 4));
    assert_false(valid("\xf0\x8f\xbf\xbf", 4));
}

static void surrogates_and_what_is_above_unicode_are_refused(void **state)
{
    (void)state;
    assert_false(valid("\xed\xa0\x80", 3));
    assert_false(valid("\xed\xbf\xbf", 3));
    assert_false(valid("\xed\xa0\x80\xed\xb0\x80", 6));
    assert_false(valid("\xf4\x90\x80\x80", 4));
    assert_false(valid("\xf5\x80\x80\x80", 4));
    assert_false(valid("\xff", 1));
    assert_false(valid("\xfe", 1));
}

static void a_sequence_that_is_cut_short_is_refused(void **state)
{
    (void)state;
    assert_false(valid("\xc2", 1));
    assert_false(valid("\xe2\x82", 2));
    assert_false(valid("\xf0\x9f\x98", 3));
    assert_false(valid("\x80", 1));
    assert_false(valid("\xe2\x82\x41", 3));
}

static void one_bad_byte_shows_at_every_place_of_a_long_text(void **state)
{
    (void)state;
    char text[40];
    for (size_t len = 1; len <= sizeof text; len++) {
        for (size_t bad = 0; bad < len; bad++) {
            memset(text, 'a', len);
            assert_true(valid(text, len));
            text[bad] = (char)0x80;
            assert_false(valid(text, len));
            assert_int_equal(fct_utf8_prefix(fct_slice(text, len)), bad);
        }
    }
}

static void a_sequence_may_lie_across_the_borders_of_words(void **state)
{
    (void)state;
    char text[32];
    for (size_t at = 0; at + 4 <= sizeof text; at++) {
        memset(text, 'a', sizeof text);
        memcpy(text + at, "\xf0\x9f\x98\x80", 4);
        assert_true(valid(text, sizeof text));
        assert_true(valid(text, at + 4));
        assert_false(valid(text, at + 3));
    }
}

static void all_pairs_of_bytes_are_as_the_definition_says(void **state)
{
    (void)state;
    for (uint32_t pair = 0; pair < 0x10000; pair++) {
        const uint8_t bytes[] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        assert_int_equal(fct_utf8_valid(fct_slice(bytes, 2)), valid_by_definition(bytes, 2));
    }
}

/* All lead bytes with all second bytes, and the rest at its limits. */
static void three_and_four_bytes_are_as_the_definition_says(void **state)
{
    (void)state;
    static const uint8_t rest[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    for (uint32_t pair = 0xc000; pair < 0x10000; pair++) {
        for (size_t i = 0; i < 36; i++) {
            const uint8_t bytes[] = {(uint8_t)(pair >> 8), (uint8_t)pair, rest[i / 6], rest[i % 6]};
            assert_int_equal(fct_utf8_valid(fct_slice(bytes, 4)), valid_by_definition(bytes, 4));
            assert_int_equal(fct_utf8_valid(fct_slice(bytes, 3)), valid_by_definition(bytes, 3));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_of_a_text_leaves_out_the_zero_byte),
        cmocka_unit_test(equal_slices_have_the_same_bytes_and_length),
        cmocka_unit_test(a_slice_starts_with_itself_and_with_nothing),
        cmocka_unit_test(nothing_is_valid_text),
        cmocka_unit_test(the_first_and_last_of_each_length_are_valid),
        cmocka_unit_test(overlong_forms_are_refused),
        cmocka_unit_test(surrogates_and_what_is_above_unicode_are_refused),
        cmocka_unit_test(a_sequence_that_is_cut_short_is_refused),
        cmocka_unit_test(one_bad_byte_shows_at_every_place_of_a_long_text),
        cmocka_unit_test(a_sequence_may_lie_across_the_borders_of_words),
        cmocka_unit_test(all_pairs_of_bytes_are_as_the_definition_says),
        cmocka_unit_test(three_and_four_bytes_are_as_the_definition_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
