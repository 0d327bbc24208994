/* uuid_test.c - ids as text, there and back; compared; marked with a version. Layer: core. */
#include "core/uuid.h"

#include "core/random.h"
#include "core/slice.h"
#include "support/test.h"

static const char sample[] = "01234567-89ab-cdef-fedc-ba9876543210";

TEST(an_id_is_printed_in_small_letters_with_four_dashes)
{
    factum_uuid id = {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76,
                       0x54, 0x32, 0x10}};
    char text[FACTUM_UUID_TEXT_SIZE];
    memset(text, 'x', sizeof text);
    factum_uuid_format(id, text);
    assert_string_equal(text, sample);
}

TEST(both_cases_are_read)
{
    factum_uuid small;
    factum_uuid capital;
    assert_status(factum_uuid_parse(FCT_SLICE("aabbccdd-eeff-0011-2233-445566778899"), &small),
                  FACTUM_OK);
    assert_status(factum_uuid_parse(FCT_SLICE("AABBCCDD-EEFF-0011-2233-445566778899"), &capital),
                  FACTUM_OK);
    assert_memory_equal(small.bytes, capital.bytes, 16);
    assert_int_equal(small.bytes[0], 0xaa);
    assert_int_equal(small.bytes[15], 0x99);
}

TEST(any_id_comes_back_from_its_text)
{
    const uint64_t seed = 11;
    struct fct_random random = {seed};
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 1000; i++) {
        factum_uuid id;
        factum_uuid back;
        char text[FACTUM_UUID_TEXT_SIZE];
        for (size_t j = 0; j < 16; j++) {
            id.bytes[j] = (uint8_t)fct_random_next(&random);
        }
        factum_uuid_format(id, text);
        assert_status(factum_uuid_parse(factum_slice_from(text), &back), FACTUM_OK);
        assert_memory_equal(id.bytes, back.bytes, 16);
    }
}

TEST(every_other_length_is_refused)
{
    char text[80];
    memset(text, 'a', sizeof text);
    memcpy(text, sample, 36);
    for (size_t len = 0; len < sizeof text; len++) {
        factum_uuid id;
        assert_status(factum_uuid_parse(fct_slice(text, len), &id),
                      len == 36 ? FACTUM_OK : FACTUM_INVALID);
    }
    factum_uuid id;
    assert_status(factum_uuid_parse((factum_slice){0}, &id), FACTUM_INVALID);
}

/* At every place all 256 bytes: digits where digits belong, dashes where dashes do. */
TEST(every_byte_at_every_place_is_checked)
{
    for (size_t at = 0; at < 36; at++) {
        char text[FACTUM_UUID_TEXT_SIZE];
        memcpy(text, sample, sizeof text);
        bool dash = sample[at] == '-';
        for (int c = 0; c < 256; c++) {
            bool digit = c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL;
            factum_uuid id;
            factum_uuid before;
            memset(&id, 0x5a, sizeof id);
            before = id;
            text[at] = (char)c;
            factum_status status = factum_uuid_parse(fct_slice(text, 36), &id);
            assert_status(status, (dash ? c == '-' : digit) ? FACTUM_OK : FACTUM_INVALID);
            assert_true(status == FACTUM_OK || memcmp(&id, &before, sizeof id) == 0);
        }
    }
}

TEST(ids_are_compared_by_all_of_their_bytes)
{
    factum_uuid zero = {{0}};
    assert_true(fct_uuid_is_zero(zero));
    for (size_t i = 0; i < 16; i++) {
        factum_uuid id = {{0}};
        id.bytes[i] = 1;
        assert_false(fct_uuid_is_zero(id));
        assert_false(fct_uuid_equal(id, zero));
        assert_true(fct_uuid_equal(id, id));
    }
}

/* RFC 9562, 4.1 and 4.2: the version is the high half of byte 6, and byte 8 begins with bits 10. */
TEST(a_version_changes_six_bits_and_no_other)
{
    char text[FACTUM_UUID_TEXT_SIZE];
    factum_uuid ones;
    memset(&ones, 0xff, sizeof ones);
    factum_uuid_format(fct_uuid_marked(ones, FCT_UUID_RANDOM), text);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    factum_uuid_format(fct_uuid_marked((factum_uuid){{0}}, FCT_UUID_DERIVED), text);
    assert_string_equal(text, "00000000-0000-8000-8000-000000000000");
    factum_uuid once = fct_uuid_marked(ones, FCT_UUID_DERIVED);
    assert_true(fct_uuid_equal(fct_uuid_marked(once, FCT_UUID_DERIVED), once));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_id_is_printed_in_small_letters_with_four_dashes),
        CASE(both_cases_are_read),
        CASE(any_id_comes_back_from_its_text),
        CASE(every_other_length_is_refused),
        CASE(every_byte_at_every_place_is_checked),
        CASE(ids_are_compared_by_all_of_their_bytes),
        CASE(a_version_changes_six_bits_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
