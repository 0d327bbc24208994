/* grpc_test.c - frames split at every byte, messages and timeouts in header fields. */
#include "wire/grpc.h"

#include "core/slice.h"
#include "support/mem_fault.h"
#include "support/test.h"

#define BYTES(...) fct_slice((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static const uint8_t body[] = {0, 0,   0,   0, 3, 'a', 'b', 'c', 0, 0, 0, 0, 0, 0, 0, 0, 0,
                               2, 'd', 'e', 0, 0, 0,   0,   8,   1, 2, 3, 4, 5, 6, 7, 8};

/* Returns the messages of |body|, each followed by a bar. */
static const char all_messages[] = "abc||de|\1\2\3\4\5\6\7\10|";

static void init_buf(struct fct_buf *buf)
{
    fct_buf_init(buf, fct_mem_heap(), 1 << 20);
}

/* Feeds |part| and adds the resulting messages. The part is on the heap, so that a sanitizer
 * detects a message that is lent from it for too long. */
static factum_status feed(struct fct_grpc_deframer *deframer, factum_slice part,
                          struct fct_buf *out)
{
    factum_error err;
    factum_slice message;
    factum_status status;
    struct fct_buf copy;
    init_buf(&copy);
    assert_int_equal(fct_buf_add_slice(&copy, part), FACTUM_OK);
    factum_slice bytes = fct_buf_slice(&copy);
    while ((status = fct_grpc_deframe(deframer, &bytes, &message, &err)) == FACTUM_OK) {
        assert_int_equal(fct_buf_add_slice(out, message), FACTUM_OK);
        assert_int_equal(fct_buf_add(out, "|", 1), FACTUM_OK);
    }
    if (status == FACTUM_DONE) {
        assert_int_equal(bytes.len, 0);
    }
    fct_buf_finish(&copy);
    return status;
}

TEST(every_cut_in_three_gives_the_same_messages)
{
    for (size_t first = 0; first <= sizeof body; first++) {
        for (size_t second = first; second <= sizeof body; second++) {
            struct fct_buf out;
            struct fct_grpc_deframer deframer;
            init_buf(&out);
            fct_grpc_deframer_init(&deframer, fct_mem_heap(), 8);
            assert_status(feed(&deframer, fct_slice(body, first), &out), FACTUM_DONE);
            assert_status(feed(&deframer, fct_slice(body + first, second - first), &out),
                          FACTUM_DONE);
            assert_status(feed(&deframer, fct_slice(body + second, sizeof body - second), &out),
                          FACTUM_DONE);
            assert_true(fct_slice_equal(fct_buf_slice(&out), factum_slice_from(all_messages)));
            assert_true(fct_grpc_deframer_is_empty(&deframer));
            fct_grpc_deframer_finish(&deframer);
            fct_buf_finish(&out);
        }
    }
}

TEST(bytes_one_by_one_give_the_same_messages_and_their_ends_are_known)
{
    static const size_t ends[] = {8, 13, 20, 33};
    struct fct_buf out;
    struct fct_grpc_deframer deframer;
    init_buf(&out);
    fct_grpc_deframer_init(&deframer, fct_mem_heap(), 8);
    assert_true(fct_grpc_deframer_is_empty(&deframer));
    for (size_t i = 0; i < sizeof body; i++) {
        bool at_end = false;
        assert_status(feed(&deframer, fct_slice(body + i, 1), &out), FACTUM_DONE);
        for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
            at_end = at_end || ends[k] == i + 1;
        }
        assert_int_equal(fct_grpc_deframer_is_empty(&deframer), at_end);
    }
    assert_true(fct_slice_equal(fct_buf_slice(&out), factum_slice_from(all_messages)));
    fct_grpc_deframer_finish(&deframer);
    fct_buf_finish(&out);
}

TEST(a_message_that_lies_whole_is_lent_without_an_allocation)
{
    factum_error err;
    factum_slice message;
    struct fct_mem_fault fault;
    struct fct_grpc_deframer deframer;
    fct_mem_fault_init(&fault);
    fct_grpc_deframer_init(&deframer, &fault.mem, 8);
    factum_slice bytes = fct_slice(body, sizeof body);
    assert_ok(fct_grpc_deframe(&deframer, &bytes, &message, &err), err);
    assert_ptr_equal(message.ptr, body + 5);
    assert_ok(fct_grpc_deframe(&deframer, &bytes, &message, &err), err);
    assert_int_equal(message.len, 0);
    assert_ok(fct_grpc_deframe(&deframer, &bytes, &message, &err), err);
    assert_ptr_equal(message.ptr, body + 18);
    assert_int_equal(fault.calls, 0);
    fct_grpc_deframer_finish(&deframer);
}

TEST(what_was_collected_is_freed_when_the_next_message_begins)
{
    struct fct_mem_fault fault;
    struct fct_buf out;
    struct fct_grpc_deframer deframer;
    init_buf(&out);
    fct_mem_fault_init(&fault);
    fct_grpc_deframer_init(&deframer, &fault.mem, 8);
    assert_status(feed(&deframer, fct_slice(body, 6), &out), FACTUM_DONE);
    assert_int_equal(fault.held, 1);
    assert_status(feed(&deframer, fct_slice(body + 6, 3), &out), FACTUM_DONE);
    assert_int_equal(fault.held, 0);
    assert_status(feed(&deframer, fct_slice(body + 9, 10), &out), FACTUM_DONE);
    assert_int_equal(fault.held, 1);
    fct_grpc_deframer_finish(&deframer);
    assert_int_equal(fault.held, 0);
    fct_grpc_deframer_finish(&deframer);
    fct_buf_finish(&out);
}

TEST(a_message_over_the_maximum_is_refused_before_anything_is_allocated)
{
    factum_error err;
    factum_slice message;
    struct fct_mem_fault fault;
    struct fct_grpc_deframer deframer;
    fct_mem_fault_init(&fault);
    fct_grpc_deframer_init(&deframer, &fault.mem, 7);
    factum_slice bytes = BYTES(0, 0, 0, 0, 8, 'x');
    assert_status(fct_grpc_deframe(&deframer, &bytes, &message, &err), FACTUM_TOO_BIG);
    assert_text(err, "a message of 8 bytes: at most 7 are allowed");
    bytes = BYTES('y');
    assert_status(fct_grpc_deframe(&deframer, &bytes, &message, &err), FACTUM_TOO_BIG);
    fct_grpc_deframer_finish(&deframer);
    fct_grpc_deframer_init(&deframer, &fault.mem, 7);
    bytes = BYTES(0, 0xff, 0xff, 0xff, 0xff);
    assert_status(fct_grpc_deframe(&deframer, &bytes, &message, &err), FACTUM_TOO_BIG);
    assert_text(err, "4294967295");
    assert_int_equal(fault.calls, 0);
    assert_false(fct_grpc_deframer_is_empty(&deframer));
    fct_grpc_deframer_finish(&deframer);
}

/* A prefix that announces a large message gets memory only for the bytes that have arrived. */
TEST(memory_grows_with_what_arrives)
{
    factum_error err;
    factum_slice message;
    struct fct_grpc_deframer deframer;
    fct_grpc_deframer_init(&deframer, fct_mem_heap(), (size_t)16 << 20);
    factum_slice bytes = BYTES(0, 1, 0, 0, 0, 'x');
    assert_status(fct_grpc_deframe(&deframer, &bytes, &message, &err), FACTUM_DONE);
    assert_true(deframer.buf.capacity < 1024);
    fct_grpc_deframer_finish(&deframer);
}

TEST(a_flag_other_than_0_is_refused)
{
    factum_error err;
    factum_slice message;
    struct fct_grpc_deframer deframer;
    fct_grpc_deframer_init(&deframer, fct_mem_heap(), 8);
    factum_slice bytes = BYTES(1, 0, 0, 0, 1, 'x');
    assert_status(fct_grpc_deframe(&deframer, &bytes, &message, &err), FACTUM_UNSUPPORTED);
    fct_grpc_deframer_finish(&deframer);
    for (unsigned flag = 2; flag < 256; flag++) {
        fct_grpc_deframer_init(&deframer, fct_mem_heap(), 8);
        bytes = BYTES((uint8_t)flag, 0, 0, 0, 1, 'x');
        assert_status(fct_grpc_deframe(&deframer, &bytes, &message, &err), FACTUM_INVALID);
        fct_grpc_deframer_finish(&deframer);
    }
}

TEST(each_failed_allocation_is_reported_and_nothing_leaks)
{
    bool done = false;
    for (unsigned long k = 0; !done; k++) {
        struct fct_mem_fault fault;
        struct fct_buf out;
        struct fct_grpc_deframer deframer;
        init_buf(&out);
        fct_mem_fault_init(&fault);
        fault.fail_at = k;
        fct_grpc_deframer_init(&deframer, &fault.mem, 8);
        factum_status status = FACTUM_DONE;
        for (size_t i = 0; i < sizeof body && status == FACTUM_DONE; i++) {
            status = feed(&deframer, fct_slice(body + i, 1), &out);
        }
        done = fault.failed == 0;
        assert_status(status, done ? FACTUM_DONE : FACTUM_NO_MEMORY);
        fct_grpc_deframer_finish(&deframer);
        assert_int_equal(fault.held, 0);
        fct_buf_finish(&out);
        assert_true(k < 100);
    }
}

TEST(a_frame_is_written_around_a_message)
{
    size_t begun;
    struct fct_buf buf;
    init_buf(&buf);
    assert_int_equal(fct_buf_add(&buf, "before", 6), FACTUM_OK);
    assert_status(fct_grpc_frame_begin(&buf, &begun), FACTUM_OK);
    for (size_t i = 0; i < 0x010203; i++) {
        assert_int_equal(fct_buf_add(&buf, "m", 1), FACTUM_OK);
    }
    fct_grpc_frame_end(&buf, begun);
    assert_memory_equal(buf.ptr, "before\0\0\1\2\3m", 12);
    fct_buf_finish(&buf);
    fct_buf_init(&buf, fct_mem_heap(), 4);
    assert_status(fct_grpc_frame_begin(&buf, &begun), FACTUM_TOO_BIG);
    assert_int_equal(buf.len, 0);
    fct_buf_finish(&buf);
}

static void assert_message(factum_slice text, const char *encoded)
{
    struct fct_buf buf;
    init_buf(&buf);
    assert_status(fct_grpc_encode_message(&buf, text), FACTUM_OK);
    assert_true(fct_slice_equal(fct_buf_slice(&buf), factum_slice_from(encoded)));
    fct_buf_clear(&buf);
    assert_status(fct_grpc_decode_message(&buf, factum_slice_from(encoded)), FACTUM_OK);
    assert_true(fct_slice_equal(fct_buf_slice(&buf), text));
    fct_buf_finish(&buf);
}

TEST(a_message_is_percent_encoded)
{
    assert_message(FCT_SLICE(""), "");
    assert_message(FCT_SLICE("Event stream 'x' is deleted."), "Event stream 'x' is deleted.");
    assert_message(FCT_SLICE(" !#$&~"), " !#$&~");
    assert_message(FCT_SLICE("100%\r\n\x7f"), "100%25%0D%0A%7F");
    assert_message(FCT_SLICE("\xc3\xa4"), "%C3%A4");
    assert_message(FCT_SLICE("\0"), "%00");
}

TEST(what_is_not_encoded_properly_is_kept)
{
    static const char *const texts[] = {"%", "50%", "%4", "%zz", "%4z", "%%"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fct_buf buf;
        init_buf(&buf);
        assert_status(fct_grpc_decode_message(&buf, factum_slice_from(texts[i])), FACTUM_OK);
        assert_true(fct_slice_equal(fct_buf_slice(&buf), factum_slice_from(texts[i])));
        fct_buf_finish(&buf);
    }
}

TEST(a_message_that_does_not_fit_leaves_the_buffer_as_it_was)
{
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), 4);
    assert_int_equal(fct_buf_add(&buf, "a", 1), FACTUM_OK);
    assert_status(fct_grpc_encode_message(&buf, FCT_SLICE("b\n")), FACTUM_TOO_BIG);
    assert_int_equal(buf.len, 1);
    assert_status(fct_grpc_decode_message(&buf, FCT_SLICE("bcde")), FACTUM_TOO_BIG);
    assert_int_equal(buf.len, 1);
    fct_buf_finish(&buf);
}

TEST(timeouts_are_milliseconds_rounded_up)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"10S", 10000},
        {"9999m", 9999},
        {"1M", 60000},
        {"2H", 7200000},
        {"99999999H", INT64_C(359999996400000)},
        {"1000u", 1},
        {"1001u", 2},
        {"1u", 1},
        {"1n", 1},
        {"1000001n", 2},
        {"0n", 0},
        {"00000001S", 1000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = -1;
        assert_status(fct_grpc_parse_timeout(factum_slice_from(cases[i].text), &ms), FACTUM_OK);
        assert_true(ms == cases[i].ms);
    }
}

TEST(invalid_timeouts_are_refused)
{
    static const char *const texts[] = {"",   "S",   "10",   "123456789S", "-1S", "+1S", "1 S",
                                        "1s", "1ms", "1.5S", "0x1S",       "1h",  " 1S", "1S "};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t ms = -1;
        assert_status(fct_grpc_parse_timeout(factum_slice_from(texts[i]), &ms), FACTUM_INVALID);
        assert_int_equal(ms, -1);
    }
}

TEST(every_status_has_its_code)
{
    assert_int_equal(fct_grpc_code_of(FACTUM_OK), FCT_GRPC_OK);
    assert_int_equal(fct_grpc_code_of(FACTUM_INVALID), FCT_GRPC_INVALID_ARGUMENT);
    assert_int_equal(fct_grpc_code_of(FACTUM_STREAM_DELETED), FCT_GRPC_FAILED_PRECONDITION);
    assert_int_equal(fct_grpc_code_of(FACTUM_STREAM_NOT_FOUND), FCT_GRPC_NOT_FOUND);
    assert_int_equal(fct_grpc_code_of(FACTUM_EXPIRED), FCT_GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(fct_grpc_code_of(FACTUM_BUSY), FCT_GRPC_UNAVAILABLE);
    assert_int_equal(fct_grpc_code_of((factum_status)-999), FCT_GRPC_UNKNOWN);
#define ASSERT_CODE(name, value, text)                                                             \
    assert_int_equal(fct_grpc_code_of(FACTUM_##name) == FCT_GRPC_OK,                               \
                     (value) >= 0 && (value) <= FACTUM_CAUGHT_UP);
    FACTUM_STATUS_LIST(ASSERT_CODE)
#undef ASSERT_CODE
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_cut_in_three_gives_the_same_messages),
        CASE(bytes_one_by_one_give_the_same_messages_and_their_ends_are_known),
        CASE(a_message_that_lies_whole_is_lent_without_an_allocation),
        CASE(what_was_collected_is_freed_when_the_next_message_begins),
        CASE(a_message_over_the_maximum_is_refused_before_anything_is_allocated),
        CASE(memory_grows_with_what_arrives),
        CASE(a_flag_other_than_0_is_refused),
        CASE(each_failed_allocation_is_reported_and_nothing_leaks),
        CASE(a_frame_is_written_around_a_message),
        CASE(a_message_is_percent_encoded),
        CASE(what_is_not_encoded_properly_is_kept),
        CASE(a_message_that_does_not_fit_leaves_the_buffer_as_it_was),
        CASE(timeouts_are_milliseconds_rounded_up),
        CASE(invalid_timeouts_are_refused),
        CASE(every_status_has_its_code),
    };
    return cmocka_run_group_tests_name("grpc", tests, NULL, NULL);
}
