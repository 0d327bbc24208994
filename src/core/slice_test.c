/* slice_test.c - comparing borrowed bytes, and strict UTF-8. Layer: core. */
#include "core/slice.h"

#include "support/test.h"

TEST(a_slice_of_a_text_leaves_out_the_zero_byte)
{
    assert_int_equal(factum_slice_from("abc").len, 3);
    assert_int_equal(factum_slice_from("").len, 0);
    assert_int_equal(factum_slice_from(NULL).len, 0);
    assert_int_equal(FCT_SLICE("a\0b").len, 3);
    assert_int_equal(fct_slice_from(FCT_SLICE("abc"), 3).len, 0);
    assert_true(fct_slice_equal(fct_slice_from(FCT_SLICE("abc"), 1), FCT_SLICE("bc")));
}

TEST(equal_slices_have_the_same_bytes_and_length)
{
    assert_true(fct_slice_equal(FCT_SLICE("abc"), FCT_SLICE("abc")));
    assert_false(fct_slice_equal(FCT_SLICE("abc"), FCT_SLICE("abd")));
    assert_false(fct_slice_equal(FCT_SLICE("abc"), FCT_SLICE("ab")));
    assert_false(fct_slice_equal(FCT_SLICE("a\0b"), FCT_SLICE("a\0c")));
    assert_true(fct_slice_equal((factum_slice){0}, FCT_SLICE("")));
}

TEST(a_slice_starts_with_itself_and_with_nothing)
{
    assert_true(fct_slice_starts(FCT_SLICE("order-1"), FCT_SLICE("order-")));
    assert_true(fct_slice_starts(FCT_SLICE("order"), FCT_SLICE("order")));
    assert_false(fct_slice_starts(FCT_SLICE("order"), FCT_SLICE("order-")));
    assert_false(fct_slice_starts(FCT_SLICE("order"), FCT_SLICE("rder")));
    assert_true(fct_slice_starts(FCT_SLICE("order"), (factum_slice){0}));
    assert_true(fct_slice_starts((factum_slice){0}, (factum_slice){0}));
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

/* Straight from the definition: decodes, then compares with the shortest form. */
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

TEST(nothing_is_valid_text)
{
    assert_true(fct_utf8_valid((factum_slice){0}));
    assert_true(valid("\0", 1));
}

TEST(the_first_and_last_of_each_length_are_valid)
{
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

TEST(overlong_forms_are_refused)
{
    assert_false(valid("\xc0\x80", 2));
    assert_false(valid("\xc1\xbf", 2));
    assert_false(valid("\xe0\x80\x80", 3));
    assert_false(valid("\xe0\x9f\xbf", 3));
    assert_false(valid("\xf0\x80\x80\x80", 4));
    assert_false(valid("\xf0\x8f\xbf\xbf", 4));
}

TEST(surrogates_and_code_points_above_unicode_are_refused)
{
    assert_false(valid("\xed\xa0\x80", 3));
    assert_false(valid("\xed\xbf\xbf", 3));
    assert_false(valid("\xed\xa0\x80\xed\xb0\x80", 6));
    assert_false(valid("\xf4\x90\x80\x80", 4));
    assert_false(valid("\xf5\x80\x80\x80", 4));
    assert_false(valid("\xff", 1));
    assert_false(valid("\xfe", 1));
}

TEST(a_sequence_that_is_cut_short_is_refused)
{
    assert_false(valid("\xc2", 1));
    assert_false(valid("\xe2\x82", 2));
    assert_false(valid("\xf0\x9f\x98", 3));
    assert_false(valid("\x80", 1));
    assert_false(valid("\xe2\x82\x41", 3));
}

TEST(one_bad_byte_shows_at_every_place_of_a_long_text)
{
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

TEST(a_sequence_may_lie_across_the_borders_of_words)
{
    char text[32];
    for (size_t at = 0; at + 4 <= sizeof text; at++) {
        memset(text, 'a', sizeof text);
        memcpy(text + at, "\xf0\x9f\x98\x80", 4);
        assert_true(valid(text, sizeof text));
        assert_true(valid(text, at + 4));
        assert_false(valid(text, at + 3));
    }
}

TEST(a_truncated_character_is_left_out)
{
    char copy[5];
    assert_int_equal(fct_utf8_whole("a\xe2\x82\xac").len, 4);
    assert_int_equal(fct_utf8_whole("a\xe2\x82").len, 1);
    assert_int_equal(fct_utf8_whole("").len, 0);
    fct_utf8_copy(copy, sizeof copy, FCT_SLICE("abcdef"));
    assert_string_equal(copy, "abcd");
    fct_utf8_copy(copy, sizeof copy, FCT_SLICE("ab\xe2\x82\xac"));
    assert_string_equal(copy, "ab");
    fct_utf8_copy(copy, sizeof copy, FCT_SLICE("a\xe2\x82\xac"));
    assert_string_equal(copy, "a\xe2\x82\xac");
    fct_utf8_copy(copy, 1, FCT_SLICE("a"));
    assert_string_equal(copy, "");
    fct_utf8_copy(copy, sizeof copy, (factum_slice){0});
    assert_string_equal(copy, "");
}

TEST(all_pairs_of_bytes_match_the_definition)
{
    for (uint32_t pair = 0; pair < 0x10000; pair++) {
        const uint8_t bytes[] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        assert_int_equal(fct_utf8_valid(fct_slice(bytes, 2)), valid_by_definition(bytes, 2));
    }
}

/* All lead bytes with all second bytes, and the rest at its limits. */
TEST(three_and_four_bytes_match_the_definition)
{
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
        CASE(a_slice_of_a_text_leaves_out_the_zero_byte),
        CASE(equal_slices_have_the_same_bytes_and_length),
        CASE(a_slice_starts_with_itself_and_with_nothing),
        CASE(nothing_is_valid_text),
        CASE(the_first_and_last_of_each_length_are_valid),
        CASE(overlong_forms_are_refused),
        CASE(surrogates_and_code_points_above_unicode_are_refused),
        CASE(a_sequence_that_is_cut_short_is_refused),
        CASE(one_bad_byte_shows_at_every_place_of_a_long_text),
        CASE(a_sequence_may_lie_across_the_borders_of_words),
        CASE(a_truncated_character_is_left_out),
        CASE(all_pairs_of_bytes_match_the_definition),
        CASE(three_and_four_bytes_match_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
