/* bytes_test.c - integers and varints in memory. Layer: codec. */
#include "codec/bytes.h"

#include "core/random.h"
#include "support/test.h"

TEST(integers_have_their_low_byte_first)
{
    uint8_t bytes[8];
    fct_put_u16(bytes, 0x0102);
    assert_memory_equal(bytes, "\x02\x01", 2);
    fct_put_u32(bytes, 0x01020304);
    assert_memory_equal(bytes, "\x04\x03\x02\x01", 4);
    fct_put_u64(bytes, UINT64_C(0x0102030405060708));
    assert_memory_equal(bytes, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
    assert_int_equal(fct_get_u16(bytes), 0x0708);
    assert_int_equal(fct_get_u32(bytes + 1), 0x04050607);
    assert_true(fct_get_u64(bytes) == UINT64_C(0x0102030405060708));
}

TEST(a_varint_takes_a_byte_for_each_seven_bits)
{
    for (size_t bits = 1; bits <= 64; bits++) {
        uint8_t bytes[FCT_VARINT_SIZE_MAX];
        uint64_t most = UINT64_MAX >> (64 - bits);
        uint64_t least = most / 2 + 1;
        assert_int_equal(fct_varint_put(bytes, most), (bits + 6) / 7);
        assert_int_equal(fct_varint_put(bytes, least), (bits + 6) / 7);
    }
    uint8_t zero[FCT_VARINT_SIZE_MAX];
    assert_int_equal(fct_varint_put(zero, 0), 1);
    assert_int_equal(zero[0], 0);
}

TEST(any_varint_comes_back_and_no_truncated_one_does)
{
    const uint64_t seed = 128;
    struct fct_random random = {seed};
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[FCT_VARINT_SIZE_MAX + 4];
        uint64_t value = fct_random_next(&random) >> fct_random_below(&random, 64);
        uint64_t back = 1;
        memset(bytes, 0xff, sizeof bytes);
        size_t size = fct_varint_put(bytes, value);
        assert_int_equal(fct_varint_get(bytes, sizeof bytes, &back), size);
        assert_true(back == value);
        back = 77;
        for (size_t len = 0; len < size; len++) {
            assert_int_equal(fct_varint_get(bytes, len, &back), 0);
        }
        assert_int_equal(back, 77);
    }
}

TEST(more_than_64_bits_are_refused)
{
    uint8_t bytes[12];
    uint64_t value = 77;
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(fct_varint_get(bytes, sizeof bytes, &value), 0);
    bytes[9] = 2;
    assert_int_equal(fct_varint_get(bytes, sizeof bytes, &value), 0);
    bytes[9] = 0x81;
    assert_int_equal(fct_varint_get(bytes, sizeof bytes, &value), 0);
    assert_int_equal(value, 77);
    bytes[9] = 1;
    assert_int_equal(fct_varint_get(bytes, sizeof bytes, &value), 10);
    assert_true(value == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(integers_have_their_low_byte_first),
        CASE(a_varint_takes_a_byte_for_each_seven_bits),
        CASE(any_varint_comes_back_and_no_truncated_one_does),
        CASE(more_than_64_bits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
