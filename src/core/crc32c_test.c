/* crc32c_test.c - CRC-32C against a bitwise one, known values and itself. Layer: core.
 *
 * The lengths cross every border of the implementation: 8 bytes, 3 * 128, 3 * 1024, and several of
 * them after each other.
 */
#include "core/crc32c.h"

#include "core/random.h"
#include "support/test.h"

#define SIZE_MAX_TRIED 10000u

static uint8_t bytes[SIZE_MAX_TRIED + 16];

/* One bit after the other, from the polynomial alone. */
static uint32_t bitwise(uint32_t crc, const uint8_t *p, size_t len)
{
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1u) != 0 ? crc >> 1 ^ UINT32_C(0x82f63b78) : crc >> 1;
        }
    }
    return ~crc;
}

static void fill(uint64_t seed)
{
    struct fct_random random = {seed};
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(fct_random_next(&random) >> 32);
    }
}

TEST(the_published_values_hold)
{
    uint8_t block[32];
    assert_int_equal(fct_crc32c(0, "123456789", 9), 0xe3069283u);
    memset(block, 0, sizeof block); /* RFC 3720, B.4 */
    assert_int_equal(fct_crc32c(0, block, sizeof block), 0x8a9136aau);
    memset(block, 0xff, sizeof block);
    assert_int_equal(fct_crc32c(0, block, sizeof block), 0x62a8ab43u);
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = (uint8_t)i;
    }
    assert_int_equal(fct_crc32c(0, block, sizeof block), 0x46dd794eu);
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(fct_crc32c(0, block, sizeof block), 0x113fdb5cu);
}

TEST(no_bytes_leave_the_crc_as_it_was)
{
    assert_int_equal(fct_crc32c(0, "", 0), 0);
    assert_int_equal(fct_crc32c(0, NULL, 0), 0);
    assert_int_equal(fct_crc32c(0xdeadbeefu, "", 0), 0xdeadbeefu);
    assert_int_equal(fct_crc32c(UINT32_MAX, "", 0), UINT32_MAX);
}

TEST(every_length_to_1200_is_as_bit_by_bit)
{
    fill(1);
    for (size_t len = 0; len <= 1200; len++) {
        assert_int_equal(fct_crc32c(0, bytes, len), bitwise(0, bytes, len));
    }
}

TEST(lengths_around_the_borders_of_the_chains_are_as_bit_by_bit)
{
    static const size_t borders[] = {384,  768,        3072, 3072 + 384,
                                     6144, 6144 + 768, 9216, 9216 + 384};
    fill(2);
    for (size_t i = 0; i < sizeof borders / sizeof borders[0]; i++) {
        for (size_t len = borders[i] - 9; len <= borders[i] + 9; len++) {
            assert_int_equal(fct_crc32c(0, bytes, len), bitwise(0, bytes, len));
        }
    }
}

TEST(every_alignment_gives_the_same)
{
    static uint8_t moved[3600 + 16];
    fill(3);
    uint32_t expected = bitwise(0, bytes, 3600);
    for (size_t shift = 0; shift < 16; shift++) {
        memcpy(moved + shift, bytes, 3600);
        assert_int_equal(fct_crc32c(0, moved + shift, 3600), expected);
    }
}

/* Short pieces take one chain, long ones three: all must give the same result. */
TEST(three_chains_are_equal_to_one)
{
    static const size_t sizes[] = {1, 7, 8, 9, 127, 128, 383};
    fill(4);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t pieces = 0;
        for (size_t at = 0; at < SIZE_MAX_TRIED; at += sizes[i]) {
            size_t left = SIZE_MAX_TRIED - at;
            pieces = fct_crc32c(pieces, bytes + at, left < sizes[i] ? left : sizes[i]);
        }
        assert_int_equal(pieces, fct_crc32c(0, bytes, SIZE_MAX_TRIED));
    }
}

TEST(a_crc_continues_from_any_point)
{
    fill(5);
    uint32_t whole = bitwise(0, bytes, 7000);
    for (size_t cut = 0; cut <= 7000; cut += cut < 4000 ? 37 : 1) {
        uint32_t first = fct_crc32c(0, bytes, cut);
        assert_int_equal(fct_crc32c(first, bytes + cut, 7000 - cut), whole);
    }
}

TEST(any_start_value_and_length_is_as_bit_by_bit)
{
    const uint64_t seed = 20250101;
    struct fct_random random = {seed};
    print_message("# seed %llu\n", (unsigned long long)seed);
    fill(seed);
    for (int i = 0; i < 400; i++) {
        uint32_t start = (uint32_t)fct_random_next(&random);
        size_t from = (size_t)fct_random_below(&random, 16);
        size_t len = (size_t)fct_random_below(&random, SIZE_MAX_TRIED);
        assert_int_equal(fct_crc32c(start, bytes + from, len), bitwise(start, bytes + from, len));
    }
}

TEST(every_single_flipped_bit_shows)
{
    fill(6);
    uint32_t whole = fct_crc32c(0, bytes, 4092);
    for (size_t bit = 0; bit < (size_t)4092 * 8; bit++) {
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
        assert_true(fct_crc32c(0, bytes, 4092) != whole);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    }
    assert_int_equal(fct_crc32c(0, bytes, 4092), whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_published_values_hold),
        CASE(no_bytes_leave_the_crc_as_it_was),
        CASE(every_length_to_1200_is_as_bit_by_bit),
        CASE(lengths_around_the_borders_of_the_chains_are_as_bit_by_bit),
        CASE(every_alignment_gives_the_same),
        CASE(three_chains_are_equal_to_one),
        CASE(a_crc_continues_from_any_point),
        CASE(any_start_value_and_length_is_as_bit_by_bit),
        CASE(every_single_flipped_bit_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
