/* frame_test.c - segment headers, batch headers and footers as bytes. */
#include "codec/frame.h"

#include "codec/bytes.h"
#include "core/crc32c.h"
#include "support/test.h"

#define SALT UINT64_C(0xfedcba9876543210)

static struct fct_segment_header sample_segment(void)
{
    struct fct_segment_header header = {
        .format_major = FCT_SEGMENT_FORMAT_MAJOR,
        .format_minor = FCT_SEGMENT_FORMAT_MINOR,
        .number = 3,
        .base = 8192,
        .salt = SALT,
        .chain = 99,
        .batch_number = 12,
        .created = 1700000000000000000,
        .timeline = 2,
        .size = 65536,
    };
    for (size_t i = 0; i < 16; i++) {
        header.store_id.bytes[i] = (uint8_t)(i + 1);
    }
    return header;
}

static void reseal(uint8_t bytes[FCT_SEGMENT_HEADER_SIZE])
{
    fct_put_u32(bytes + FCT_SEGMENT_HEADER_SIZE - 4,
                fct_crc32c(0, bytes, FCT_SEGMENT_HEADER_SIZE - 4));
}

TEST(a_segment_header_comes_back)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    struct fct_segment_header header = sample_segment();
    struct fct_segment_header got;
    fct_segment_header_encode(bytes, &header);
    assert_memory_equal(bytes, "FACTUMLG\1\0\0\0", 12);
    assert_status(fct_segment_header_decode(bytes, &got), FACTUM_OK);
    assert_int_equal(got.number, 3);
    assert_int_equal(got.base, 8192);
    assert_true(got.salt == SALT);
    assert_int_equal(got.chain, 99);
    assert_int_equal(got.batch_number, 12);
    assert_int_equal(got.created, header.created);
    assert_int_equal(got.timeline, 2);
    assert_int_equal(got.size, 65536);
    assert_memory_equal(got.store_id.bytes, header.store_id.bytes, 16);
}

TEST(a_damaged_segment_header_is_noticed)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    struct fct_segment_header header = sample_segment();
    struct fct_segment_header got;
    fct_segment_header_encode(bytes, &header);
    for (size_t i = 0; i < FCT_SEGMENT_HEADER_SIZE; i++) {
        bytes[i] ^= 0x10;
        assert_status(fct_segment_header_decode(bytes, &got), FACTUM_CORRUPT);
        bytes[i] ^= 0x10;
    }
}

TEST(newer_formats_are_refused_by_name)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    struct fct_segment_header header = sample_segment();
    struct fct_segment_header got;
    fct_segment_header_encode(bytes, &header);
    bytes[8] = 2;
    reseal(bytes);
    assert_status(fct_segment_header_decode(bytes, &got), FACTUM_NEWER_FORMAT);
    bytes[8] = 1;
    bytes[20] = 1; /* an incompatible feature */
    reseal(bytes);
    assert_status(fct_segment_header_decode(bytes, &got), FACTUM_NEWER_FORMAT);
    bytes[20] = 0;
    bytes[10] = 7; /* a later minor version and a compatible feature do no harm */
    bytes[12] = 1;
    reseal(bytes);
    assert_status(fct_segment_header_decode(bytes, &got), FACTUM_OK);
    bytes[92] = 1; /* a file of one header */
    bytes[93] = 0;
    reseal(bytes);
    assert_status(fct_segment_header_decode(bytes, &got), FACTUM_CORRUPT);
}

/* Files may come from anyone: the sizes that they ask for are bounded. */
TEST(a_header_that_asks_for_too_much_is_refused)
{
    uint8_t bytes[FCT_SEGMENT_HEADER_SIZE];
    struct fct_segment_header header = sample_segment();
    struct fct_segment_header got;
    header.size = FCT_SEGMENT_SIZE_MAX;
    header.base = FCT_POSITION_MAX / 8 * 8;
    fct_segment_header_encode(bytes, &header);
    assert_status(fct_segment_header_decode(bytes, &got), FACTUM_OK);
    assert_true(got.size == FCT_SEGMENT_SIZE_MAX);
    fct_put_u32(bytes + 92, (uint32_t)(FCT_SEGMENT_SIZE_MAX / 4096) + 1);
    reseal(bytes);
    assert_status(fct_segment_header_decode(bytes, &got), FACTUM_CORRUPT);
    fct_put_u32(bytes + 92, UINT32_MAX);
    reseal(bytes);
    assert_status(fct_segment_header_decode(bytes, &got), FACTUM_CORRUPT);
    fct_put_u32(bytes + 92, 16);
    fct_put_u64(bytes + 48, FCT_POSITION_MAX / 8 * 8 + 8);
    reseal(bytes);
    assert_status(fct_segment_header_decode(bytes, &got), FACTUM_CORRUPT);
    fct_put_u64(bytes + 48, UINT64_MAX / 8 * 8);
    reseal(bytes);
    assert_status(fct_segment_header_decode(bytes, &got), FACTUM_CORRUPT);
}

static struct fct_batch_header sample_batch(void)
{
    return (struct fct_batch_header){
        .position = 4096,
        .number = 5,
        .durable_upto = 4096,
        .chain = UINT64_C(0x1122334455667788),
        .payload_size = 104,
        .payload_crc = 0xabcdef01,
        .record_count = 1,
        .epoch = 9,
        .flags = FCT_BATCH_IDLE,
    };
}

TEST(a_batch_header_comes_back)
{
    uint8_t bytes[FCT_BATCH_HEADER_SIZE];
    struct fct_batch_header header = sample_batch();
    struct fct_batch_header got;
    uint8_t again[FCT_BATCH_HEADER_SIZE];
    fct_batch_header_encode(bytes, &header, SALT);
    assert_memory_equal(bytes, "FBAT", 4);
    assert_int_equal(fct_get_u32(bytes + 60), FCT_BATCH_TRAILER);
    assert_status(fct_batch_header_decode(bytes, 4096, SALT, &got), FACTUM_OK);
    assert_int_equal(got.position, header.position);
    assert_int_equal(got.number, header.number);
    assert_int_equal(got.durable_upto, header.durable_upto);
    assert_true(got.chain == header.chain);
    assert_int_equal(got.payload_size, header.payload_size);
    assert_int_equal(got.payload_crc, header.payload_crc);
    assert_int_equal(got.record_count, header.record_count);
    assert_int_equal(got.epoch, header.epoch);
    assert_int_equal(got.flags, header.flags);
    fct_batch_header_encode(again, &got, SALT);
    assert_memory_equal(again, bytes, sizeof again);
}

TEST(every_flipped_bit_of_a_batch_header_is_noticed)
{
    uint8_t bytes[FCT_BATCH_HEADER_SIZE];
    struct fct_batch_header header = sample_batch();
    struct fct_batch_header got;
    fct_batch_header_encode(bytes, &header, SALT);
    uint64_t chain = fct_batch_chain(bytes);
    for (size_t bit = 0; bit < FCT_BATCH_HEADER_SIZE * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_status(fct_batch_header_decode(bytes, 4096, SALT, &got), FACTUM_CORRUPT);
        assert_true(fct_batch_chain(bytes) != chain);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_status(fct_batch_header_decode(bytes, 4104, SALT, &got), FACTUM_CORRUPT);
    assert_status(fct_batch_header_decode(bytes, 4096, SALT + 1, &got), FACTUM_CORRUPT);
}

/* Otherwise it would prove that batches after it were acknowledged. */
TEST(a_batch_header_cannot_prove_what_follows_it)
{
    uint8_t bytes[FCT_BATCH_HEADER_SIZE];
    struct fct_batch_header header = sample_batch();
    struct fct_batch_header got;
    header.durable_upto = header.position + 1;
    fct_batch_header_encode(bytes, &header, SALT);
    assert_status(fct_batch_header_decode(bytes, 4096, SALT, &got), FACTUM_CORRUPT);
    header.durable_upto = UINT64_MAX;
    fct_batch_header_encode(bytes, &header, SALT);
    assert_status(fct_batch_header_decode(bytes, 4096, SALT, &got), FACTUM_CORRUPT);
}

TEST(the_payload_crc_depends_on_every_byte_and_on_the_chain)
{
    static uint8_t payload[10000];
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 31);
    }
    for (size_t size = 0; size <= sizeof payload; size += size < 64 ? 8 : 1016) {
        assert_int_equal(fct_batch_payload_crc(7, payload, size), fct_crc32c(7, payload, size));
        assert_true(size == 0 || fct_batch_payload_crc(7, payload, size) !=
                                     fct_batch_payload_crc(8, payload, size));
    }
    uint32_t whole = fct_batch_payload_crc(7, payload, sizeof payload);
    for (size_t i = 0; i < sizeof payload; i += 97) {
        payload[i] ^= 1;
        assert_true(fct_batch_payload_crc(7, payload, sizeof payload) != whole);
        payload[i] ^= 1;
    }
}

TEST(a_footer_comes_back)
{
    uint8_t bytes[FCT_FOOTER_SIZE];
    struct fct_segment_footer footer = {
        .batches = 3,
        .records = 30,
        .first_position = 4096,
        .end_position = 9000,
        .chain = 77,
        .created_first = -1,
        .created_last = 5,
    };
    struct fct_segment_footer got;
    fct_segment_footer_encode(bytes, &footer);
    assert_status(fct_segment_footer_decode(bytes, &got), FACTUM_OK);
    assert_memory_equal(&got, &footer, sizeof got);
    bytes[63] = 1;
    assert_status(fct_segment_footer_decode(bytes, &got), FACTUM_CORRUPT);
    footer.end_position = 4095;
    fct_segment_footer_encode(bytes, &footer);
    assert_status(fct_segment_footer_decode(bytes, &got), FACTUM_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_segment_header_comes_back),
        CASE(a_damaged_segment_header_is_noticed),
        CASE(newer_formats_are_refused_by_name),
        CASE(a_header_that_asks_for_too_much_is_refused),
        CASE(a_batch_header_comes_back),
        CASE(a_batch_header_cannot_prove_what_follows_it),
        CASE(every_flipped_bit_of_a_batch_header_is_noticed),
        CASE(the_payload_crc_depends_on_every_byte_and_on_the_chain),
        CASE(a_footer_comes_back),
    };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
