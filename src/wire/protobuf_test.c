/* protobuf_test.c - fields read and written, and bytes that are no message. */
#include "wire/protobuf.h"

#include "core/slice.h"
#include "support/mem_fault.h"
#include "support/test.h"

#define BYTES(...) fct_slice((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void init_buf(struct fct_buf *buf)
{
    fct_buf_init(buf, fct_mem_heap(), 1 << 20);
}

static void assert_bytes(const struct fct_buf *buf, factum_slice wanted)
{
    assert_int_equal(buf->len, wanted.len);
    assert_memory_equal(buf->ptr, wanted.ptr, wanted.len);
}

TEST(a_message_is_read_field_by_field)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(
        BYTES(0x08, 0x96, 0x01, 0x12, 2, 'h', 'i', 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4));
    assert_true(fct_pb_next(&reader, &field));
    assert_int_equal(field.number, 1);
    assert_int_equal(field.type, FCT_PB_VARINT);
    assert_int_equal(field.value, 150);
    assert_true(fct_pb_next(&reader, &field));
    assert_int_equal(field.number, 2);
    assert_int_equal(field.type, FCT_PB_BYTES);
    assert_true(fct_slice_equal(field.bytes, FCT_SLICE("hi")));
    assert_true(fct_pb_next(&reader, &field));
    assert_int_equal(field.type, FCT_PB_I64);
    assert_true(field.value == UINT64_C(0x0807060504030201));
    assert_true(fct_pb_next(&reader, &field));
    assert_int_equal(field.type, FCT_PB_I32);
    assert_int_equal(field.value, 0x04030201);
    assert_false(fct_pb_next(&reader, &field));
    assert_false(reader.failed);
}

TEST(an_empty_message_has_no_fields_and_is_no_failure)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(fct_slice(NULL, 0));
    assert_false(fct_pb_next(&reader, &field));
    assert_false(reader.failed);
}

/* The fields before the end are read; a truncated field is a failure, which stays. */
TEST(every_cut_of_a_message_fails_or_ends_between_fields)
{
    factum_slice whole = BYTES(0x08, 0x96, 0x01, 0x12, 2, 'h', 'i', 0x19, 1, 2, 3, 4, 5, 6, 7, 8,
                               0x25, 1, 2, 3, 4, 0xd2, 0x85, 0xd8, 0xcc, 0x04, 0);
    static const size_t ends[] = {0, 3, 7, 16, 21, 27};
    for (size_t len = 0; len <= whole.len; len++) {
        struct fct_pb_field field;
        struct fct_pb_reader reader = fct_pb_reader(fct_slice(whole.ptr, len));
        size_t count = 0;
        while (fct_pb_next(&reader, &field)) {
            count++;
        }
        size_t complete = 0;
        bool at_end = len == 0;
        for (size_t i = 1; i < sizeof ends / sizeof ends[0]; i++) {
            complete += ends[i] <= len;
            at_end = at_end || ends[i] == len;
        }
        assert_int_equal(count, complete);
        assert_int_equal(reader.failed, !at_end);
        assert_false(fct_pb_next(&reader, &field));
    }
}

static void assert_refused(factum_slice message)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(message);
    assert_false(fct_pb_next(&reader, &field));
    assert_true(reader.failed);
    assert_false(fct_pb_next(&reader, &field));
}

TEST(invalid_fields_are_refused)
{
    assert_refused(BYTES(0x00, 1));                               /* field 0 */
    assert_refused(BYTES(0x0b));                                  /* begins a group */
    assert_refused(BYTES(0x0c));                                  /* ends one */
    assert_refused(BYTES(0x0e, 1));                               /* type 6 */
    assert_refused(BYTES(0x0f, 1));                               /* type 7 */
    assert_refused(BYTES(0x0a, 2, 'x'));                          /* one byte too few */
    assert_refused(BYTES(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f));    /* 4 GiB */
    assert_refused(BYTES(0x80, 0x80, 0x80, 0x80, 0x10, 0));       /* field 2^29 */
    assert_refused(BYTES(0x88, 0x80, 0x80, 0x80, 0x80, 0x80, 0)); /* field 2^32 + 1 and more */
    /* 2^64 - 1. */
    assert_refused(BYTES(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01));
}

TEST(the_largest_field_number_and_value_are_read)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(BYTES(
        0xf8, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01));
    assert_true(fct_pb_next(&reader, &field));
    assert_int_equal(field.number, (1 << 29) - 1);
    assert_true(field.value == UINT64_MAX);
}

TEST(a_varint_beyond_64_bits_or_10_bytes_is_refused)
{
    /* 65 bits. */
    assert_refused(BYTES(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02));
    assert_refused(BYTES(0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00));
    uint8_t padded[64];
    memset(padded, 0x80, sizeof padded);
    assert_refused(fct_slice(padded, sizeof padded));
    padded[0] = 0x08;
    assert_refused(fct_slice(padded, sizeof padded));
}

/* Other writers may pad a varint with zeros, up to ten bytes. */
TEST(a_padded_varint_is_read)
{
    struct fct_pb_field field;
    struct fct_pb_reader reader = fct_pb_reader(BYTES(0x88, 0x00, 0x81, 0x80, 0x00));
    assert_true(fct_pb_next(&reader, &field));
    assert_int_equal(field.number, 1);
    assert_int_equal(field.value, 1);
}

TEST(zigzag_goes_both_ways)
{
    static const int64_t values[] = {0, -1, 1, -2, 2, INT64_MAX, INT64_MIN};
    static const uint64_t bits[] = {0, 1, 2, 3, 4, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_true(fct_pb_zigzag(values[i]) == bits[i]);
        assert_true(fct_pb_unzigzag(bits[i]) == values[i]);
    }
}

TEST(put_leaves_out_what_is_zero_and_add_does_not)
{
    struct fct_buf buf;
    init_buf(&buf);
    struct fct_pb_writer writer = fct_pb_writer(&buf);
    fct_pb_put_uint(&writer, 1, 0);
    fct_pb_put_bytes(&writer, 2, fct_slice(NULL, 0));
    assert_int_equal(buf.len, 0);
    fct_pb_add_uint(&writer, 1, 0);
    fct_pb_add_bytes(&writer, 2, fct_slice(NULL, 0));
    fct_pb_put_uint(&writer, 3, 300);
    fct_pb_put_bytes(&writer, 16, FCT_SLICE("x"));
    assert_int_equal(writer.status, FACTUM_OK);
    assert_bytes(&buf, BYTES(0x08, 0, 0x12, 0, 0x18, 0xac, 0x02, 0x82, 0x01, 1, 'x'));
    fct_buf_finish(&buf);
}

TEST(a_float_is_four_bytes_and_zero_is_left_out)
{
    struct fct_buf buf;
    init_buf(&buf);
    struct fct_pb_writer writer = fct_pb_writer(&buf);
    fct_pb_put_float(&writer, 1, 0.0F);
    fct_pb_put_float(&writer, 13, 100.0F);
    assert_int_equal(writer.status, FACTUM_OK);
    assert_bytes(&buf, BYTES(0x6d, 0, 0, 0xc8, 0x42));
    fct_buf_finish(&buf);
}

TEST(a_nested_message_has_its_size_whatever_it_is)
{
    static uint8_t content[70000];
    static const size_t sizes[] = {0, 1, 125, 126, 127, 128, 16380, 16381, 16382, 70000};
    memset(content, 'c', sizeof content);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct fct_buf buf;
        struct fct_pb_field field;
        init_buf(&buf);
        struct fct_pb_writer writer = fct_pb_writer(&buf);
        size_t outer = fct_pb_begin(&writer, 7);
        size_t inner = fct_pb_begin(&writer, 300);
        fct_pb_put_bytes(&writer, 1, fct_slice(content, sizes[i]));
        fct_pb_end(&writer, inner);
        fct_pb_add_uint(&writer, 2, 1);
        fct_pb_end(&writer, outer);
        fct_pb_add_uint(&writer, 8, 9);
        assert_int_equal(writer.status, FACTUM_OK);
        struct fct_pb_reader reader = fct_pb_reader(fct_buf_slice(&buf));
        assert_true(fct_pb_next(&reader, &field));
        assert_int_equal(field.number, 7);
        struct fct_pb_reader nested = fct_pb_reader(field.bytes);
        assert_true(fct_pb_next(&reader, &field));
        assert_int_equal(field.value, 9);
        assert_int_equal(reader.rest.len, 0);
        assert_true(fct_pb_next(&nested, &field));
        assert_int_equal(field.number, 300);
        struct fct_pb_reader innermost = fct_pb_reader(field.bytes);
        assert_true(fct_pb_next(&nested, &field));
        assert_int_equal(field.number, 2);
        assert_int_equal(nested.rest.len, 0);
        assert_int_equal(fct_pb_next(&innermost, &field), sizes[i] > 0);
        if (sizes[i] > 0) {
            assert_true(fct_slice_equal(field.bytes, fct_slice(content, sizes[i])));
        }
        assert_int_equal(innermost.rest.len, 0);
        fct_buf_finish(&buf);
    }
}

static void write_sample(struct fct_pb_writer *writer, factum_slice content)
{
    fct_pb_add_uint(writer, 1, 1);
    size_t begun = fct_pb_begin(writer, 2);
    fct_pb_add_bytes(writer, 1, content);
    fct_pb_end(writer, begun);
    fct_pb_put_uint(writer, 3, 3);
}

TEST(a_failure_of_the_buffer_is_kept_wherever_it_comes)
{
    static const uint8_t content[200] = {0};
    struct fct_buf buf;
    bool done = false;
    for (size_t size_max = 0; !done; size_max++) {
        fct_buf_init(&buf, fct_mem_heap(), size_max);
        struct fct_pb_writer writer = fct_pb_writer(&buf);
        write_sample(&writer, fct_slice(content, sizeof content));
        done = writer.status == FACTUM_OK;
        if (!done) {
            assert_int_equal(writer.status, FACTUM_TOO_BIG);
        }
        assert_true(buf.len <= size_max);
        assert_true(size_max < 300);
        fct_buf_finish(&buf);
    }
    struct fct_mem_fault fault;
    done = false;
    for (unsigned long k = 0; !done; k++) {
        fct_mem_fault_init(&fault);
        fault.fail_at = k;
        fct_buf_init(&buf, &fault.mem, 1 << 20);
        struct fct_pb_writer writer = fct_pb_writer(&buf);
        write_sample(&writer, fct_slice(content, sizeof content));
        done = fault.failed == 0;
        assert_int_equal(writer.status, done ? FACTUM_OK : FACTUM_NO_MEMORY);
        fct_buf_finish(&buf);
        assert_int_equal(fault.held, 0);
        assert_true(k < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_is_read_field_by_field),
        CASE(an_empty_message_has_no_fields_and_is_no_failure),
        CASE(every_cut_of_a_message_fails_or_ends_between_fields),
        CASE(invalid_fields_are_refused),
        CASE(the_largest_field_number_and_value_are_read),
        CASE(a_varint_beyond_64_bits_or_10_bytes_is_refused),
        CASE(a_padded_varint_is_read),
        CASE(zigzag_goes_both_ways),
        CASE(put_leaves_out_what_is_zero_and_add_does_not),
        CASE(a_float_is_four_bytes_and_zero_is_left_out),
        CASE(a_nested_message_has_its_size_whatever_it_is),
        CASE(a_failure_of_the_buffer_is_kept_wherever_it_comes),
    };
    return cmocka_run_group_tests_name("protobuf", tests, NULL, NULL);
}
