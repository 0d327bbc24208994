/* record_test.c - records as bytes. */
#include "codec/record.h"

#include "codec/bytes.h"
#include "core/crc32c.h"
#include "core/random.h"
#include "core/slice.h"
#include "support/test.h"

#define SALT UINT64_C(0x1234567890abcdef)
#define POSITION UINT64_C(8192)

static uint8_t bytes[1u << 18];

static struct fct_record sample(void)
{
    struct fct_record record = {
        .position = POSITION,
        .revision = 41,
        .created = -5,
        .time = 77,
        .stream = FCT_SLICE("order-17"),
        .type = FCT_SLICE("OrderPlaced"),
        .metadata = FCT_SLICE("{\"a\":1}"),
        .data = FCT_SLICE("{\"total\":12}"),
        .flags = FCT_RECORD_JSON | FCT_RECORD_FIRST | FCT_RECORD_HAS_TIME,
        .kind = FCT_RECORD_EVENT,
    };
    for (size_t i = 0; i < sizeof record.id.bytes; i++) {
        record.id.bytes[i] = (uint8_t)(i * 7);
    }
    return record;
}

static size_t encode(const struct fct_record *record, const factum_slice *tags, size_t tag_count)
{
    size_t size = fct_record_size(record, tags, tag_count);
    assert_true(size > 0);
    assert_true(size <= sizeof bytes);
    memset(bytes, 0xee, size + 16);
    fct_record_encode(bytes, size, record, tags, tag_count, SALT);
    assert_int_equal(bytes[size], 0xee);
    return size;
}

static void assert_slices(factum_slice a, factum_slice b)
{
    assert_true(fct_slice_equal(a, b));
}

TEST(what_is_encoded_is_decoded)
{
    struct fct_record record = sample();
    record.content_type = FCT_SLICE("text/plain");
    factum_slice tags[] = {FCT_SLICE("customer:1"), FCT_SLICE(""), FCT_SLICE("region:eu")};
    size_t size = encode(&record, tags, 3);
    assert_int_equal(size % 8, 0);
    struct fct_record got;
    assert_status(fct_record_decode(bytes, size, POSITION, SALT, true, &got), FACTUM_OK);
    assert_int_equal(got.position, POSITION);
    assert_int_equal(got.revision, 41);
    assert_int_equal(got.created, -5);
    assert_int_equal(got.time, 77);
    assert_int_equal(got.size, size);
    assert_int_equal(got.flags, record.flags);
    assert_int_equal(got.kind, FCT_RECORD_EVENT);
    assert_memory_equal(got.id.bytes, record.id.bytes, 16);
    assert_slices(got.stream, record.stream);
    assert_slices(got.type, record.type);
    assert_slices(got.metadata, record.metadata);
    assert_slices(got.data, record.data);
    assert_slices(got.content_type, record.content_type);
    size_t offset = 0;
    factum_slice tag;
    for (size_t i = 0; i < 3; i++) {
        assert_true(fct_record_tag_next(&got, &offset, &tag));
        assert_slices(tag, tags[i]);
    }
    assert_false(fct_record_tag_next(&got, &offset, &tag));
}

TEST(the_bytes_are_those_of_the_format)
{
    struct fct_record record = sample();
    record.flags = FCT_RECORD_JSON;
    size_t size = encode(&record, NULL, 0);
    assert_int_equal(size, 96); /* 52 + 8 + 11 + 7 + 12 + 4, padded by 2 */
    assert_int_equal(fct_get_u32(bytes), 96);
    assert_int_equal(fct_get_u64(bytes + 8), 41);
    assert_int_equal((int64_t)fct_get_u64(bytes + 16), -5);
    assert_int_equal(fct_get_u16(bytes + 40), 8);
    assert_int_equal(fct_get_u16(bytes + 42), 11);
    assert_int_equal(fct_get_u32(bytes + 44), 7);
    assert_int_equal(fct_get_u16(bytes + 48), 0);
    assert_int_equal(bytes[50], FCT_RECORD_JSON);
    assert_int_equal(bytes[51], FCT_RECORD_EVENT | 2 << 4);
    assert_memory_equal(bytes + 52, "order-17OrderPlaced{\"a\":1}{\"total\":12}\0\0", 40);
    assert_int_equal(fct_get_u32(bytes + 92), 96);
    assert_int_equal(fct_get_u32(bytes + 4),
                     fct_crc32c(fct_record_seed(SALT, POSITION), bytes + 8, size - 8));
}

TEST(a_record_without_a_time_happened_when_it_was_created)
{
    struct fct_record record = sample();
    struct fct_record got;
    record.flags = 0;
    size_t size = encode(&record, NULL, 0);
    assert_status(fct_record_decode(bytes, size, POSITION, SALT, true, &got), FACTUM_OK);
    assert_int_equal(got.time, -5);
    assert_int_equal(got.content_type.len, 0);
}

TEST(an_empty_record_is_the_smallest)
{
    struct fct_record record = {.position = POSITION, .kind = FCT_RECORD_COMMIT};
    struct fct_record got;
    assert_int_equal(encode(&record, NULL, 0), FCT_RECORD_HEADER_SIZE + FCT_RECORD_TRAILER_SIZE);
    assert_status(fct_record_decode(bytes, 56, POSITION, SALT, true, &got), FACTUM_OK);
    assert_int_equal(got.data.len, 0);
    assert_int_equal(fct_record_peek_size(bytes, 56), 56);
    assert_int_equal(fct_record_peek_size(bytes, 55), 0);
}

TEST(every_flipped_bit_is_noticed)
{
    struct fct_record record = sample();
    struct fct_record got;
    size_t size = encode(&record, NULL, 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_status(fct_record_decode(bytes, size, POSITION, SALT, true, &got), FACTUM_CORRUPT);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_status(fct_record_decode(bytes, size, POSITION, SALT, true, &got), FACTUM_OK);
}

TEST(another_position_or_salt_is_noticed)
{
    struct fct_record record = sample();
    struct fct_record got;
    size_t size = encode(&record, NULL, 0);
    assert_status(fct_record_decode(bytes, size, POSITION + 8, SALT, true, &got), FACTUM_CORRUPT);
    assert_status(fct_record_decode(bytes, size, POSITION, SALT ^ 1, true, &got), FACTUM_CORRUPT);
    assert_status(fct_record_decode(bytes, size - 1, POSITION, SALT, true, &got), FACTUM_CORRUPT);
}

TEST(parts_over_their_limits_have_no_size)
{
    struct fct_record record = sample();
    static const uint8_t any[1] = {0};
    record.stream = fct_slice(any, UINT16_MAX);
    record.type = fct_slice(any, UINT16_MAX);
    assert_true(fct_record_size(&record, NULL, 0) > 0);
    record.stream.len++;
    assert_int_equal(fct_record_size(&record, NULL, 0), 0);
    record = sample();
    record.type = fct_slice(any, UINT16_MAX + 1);
    assert_int_equal(fct_record_size(&record, NULL, 0), 0);
    record = sample();
    record.data = fct_slice(any, FCT_RECORD_SIZE_MAX - 200);
    assert_true(fct_record_size(&record, NULL, 0) > 0);
    record.data.len = FCT_RECORD_SIZE_MAX;
    assert_int_equal(fct_record_size(&record, NULL, 0), 0);
    record.data.len = SIZE_MAX;
    assert_int_equal(fct_record_size(&record, NULL, 0), 0);
    record = sample();
    factum_slice tags[] = {{any, SIZE_MAX - 3}, {any, 8}};
    assert_int_equal(fct_record_size(&record, tags, 2), 0);
    tags[0].len = 60000;
    tags[1].len = 6000;
    assert_int_equal(fct_record_size(&record, tags, 2), 0);
}

/* Sizes that lie are detected even if the CRC is not checked. */
TEST(no_bytes_cause_reads_outside_of_the_record)
{
    struct fct_random random = {.state = 5};
    struct fct_record record = sample();
    factum_slice tags[] = {FCT_SLICE("tag")};
    size_t size = encode(&record, tags, 1);
    static uint8_t copy[256];
    for (int i = 0; i < 200000; i++) {
        memcpy(copy, bytes, size);
        for (uint64_t n = 1 + fct_random_below(&random, 3); n > 0; n--) {
            copy[fct_random_below(&random, size)] = (uint8_t)fct_random_next(&random);
        }
        struct fct_record got;
        size_t len = (size_t)fct_random_below(&random, size + 1);
        if (fct_record_decode(copy, len, POSITION, SALT, false, &got) == FACTUM_OK) {
            assert_true(got.data.ptr >= copy);
            assert_true(got.data.ptr + got.data.len <= copy + len);
            assert_true(got.extra.ptr + got.extra.len <= copy + len);
            size_t offset = 0;
            factum_slice tag;
            while (fct_record_tag_next(&got, &offset, &tag)) {
                assert_true(tag.ptr + tag.len <= copy + len);
            }
        }
    }
}

TEST(unknown_items_are_skipped)
{
    struct fct_record record = sample();
    struct fct_record got;
    record.flags = 0;
    factum_slice tags[] = {FCT_SLICE("future"), FCT_SLICE("tag")};
    size_t size = encode(&record, tags, 2);
    bytes[52] = 9; /* the first item becomes one of an unknown kind */
    fct_put_u32(bytes + 4, fct_crc32c(fct_record_seed(SALT, POSITION), bytes + 8, size - 8));
    assert_status(fct_record_decode(bytes, size, POSITION, SALT, true, &got), FACTUM_OK);
    size_t offset = 0;
    factum_slice tag;
    assert_true(fct_record_tag_next(&got, &offset, &tag));
    assert_slices(tag, FCT_SLICE("tag"));
    assert_false(fct_record_tag_next(&got, &offset, &tag));
}

TEST(varints_of_all_lengths_come_back)
{
    uint8_t buffer[FCT_VARINT_SIZE_MAX + 1];
    for (unsigned shift = 0; shift < 64; shift++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t value = (UINT64_C(1) << shift) + (uint64_t)(int64_t)delta;
            uint64_t got;
            size_t size = fct_varint_put(buffer, value);
            assert_int_equal(fct_varint_get(buffer, size, &got), size);
            assert_true(got == value);
            assert_int_equal(fct_varint_get(buffer, size - 1, &got), 0);
        }
    }
    memset(buffer, 0xff, sizeof buffer);
    uint64_t got;
    assert_int_equal(fct_varint_get(buffer, sizeof buffer, &got), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_encoded_is_decoded),
        CASE(the_bytes_are_those_of_the_format),
        CASE(a_record_without_a_time_happened_when_it_was_created),
        CASE(an_empty_record_is_the_smallest),
        CASE(every_flipped_bit_is_noticed),
        CASE(another_position_or_salt_is_noticed),
        CASE(parts_over_their_limits_have_no_size),
        CASE(no_bytes_cause_reads_outside_of_the_record),
        CASE(unknown_items_are_skipped),
        CASE(varints_of_all_lengths_come_back),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
