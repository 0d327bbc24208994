/* kurrent_replies_test.c - answers: the bytes of the most important ones, and buffers that fail.
 * What protoc decodes from all of them is in tests/integration/wire_test.py. */
#include "wire/kurrent_replies.h"

#include <limits.h>

#include "core/slice.h"
#include "support/mem_fault.h"
#include "support/test.h"
#include "wire/kurrent_features.h"
#include "wire/kurrent_gossip.h"
#include "wire/kurrent_projections.h"

static const struct fct_kurrent_number none = {false, 0};

static struct fct_kurrent_number number(uint64_t value)
{
    return (struct fct_kurrent_number){true, value};
}

static struct fct_kurrent_event sample_event(void)
{
    return (struct fct_kurrent_event){
        .id = {{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2}},
        .stream = FCT_SLICE("s-1"),
        .revision = 3,
        .position = 300,
        .type = FCT_SLICE("t"),
        .content_type = FCT_SLICE("application/json"),
        .created = 1234567890,
        .custom_metadata = FCT_SLICE("m"),
        .data = FCT_SLICE("{}"),
    };
}

static void assert_bytes(const struct fct_buf *buf, const void *bytes, size_t size)
{
    assert_int_equal(buf->len, size);
    assert_memory_equal(buf->ptr, bytes, size);
}

TEST(an_event_is_written_byte_by_byte)
{
    static const char wanted[] = "\0\0\0\0\x67"
                                 "\x0a\x65\x0a\x60"
                                 "\x0a\x06\x0a\x04\x08\1\x10\2"
                                 "\x12\5\x1a\3s-1"
                                 "\x18\3\x20\xac\2\x28\xac\2"
                                 "\x32\x09\x0a\4type\x12\1t"
                                 "\x32\x20\x0a\x0c"
                                 "content-type\x12\x10"
                                 "application/json"
                                 "\x32\x13\x0a\7created\x12\x08"
                                 "12345678"
                                 "\x3a\1m\x42\2{}"
                                 "\x18\xac\2";
    struct fct_buf buf;
    struct fct_kurrent_event event = sample_event();
    struct fct_kurrent_read_event read_event = {
        .event = &event, .position = number(300), .id_form = FCT_KURRENT_ID_STRUCTURED};
    fct_buf_init(&buf, fct_mem_heap(), 1024);
    assert_status(fct_kurrent_encode_event(&buf, &read_event), FACTUM_OK);
    assert_int_equal(buf.len, fct_kurrent_event_size(&read_event));
    assert_bytes(&buf, wanted, sizeof wanted - 1);
    fct_buf_finish(&buf);
}

/* The time is text whose length changes: every one of them, on both sides of 1970. */
TEST(times_are_ticks_rounded_down)
{
    static const struct {
        int64_t created;
        const char *text;
    } cases[] = {
        {0, "\x12\1"
            "0"},
        {99, "\x12\1"
             "0"},
        {100, "\x12\1"
              "1"},
        {-1, "\x12\2-1"},
        {-100, "\x12\2-1"},
        {-101, "\x12\2-2"},
        {INT64_C(1767225600000000000), "\x12\x11"
                                       "17672256000000000"},
        {INT64_MAX, "\x12\x11"
                    "92233720368547758"},
        {INT64_MIN, "\x12\x12-92233720368547759"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fct_buf buf;
        struct fct_kurrent_event event = {.created = cases[i].created};
        struct fct_kurrent_read_event read_event = {.event = &event,
                                                    .id_form = FCT_KURRENT_ID_STRING};
        fct_buf_init(&buf, fct_mem_heap(), 1024);
        assert_status(fct_kurrent_encode_event(&buf, &read_event), FACTUM_OK);
        size_t len = strlen(cases[i].text);
        assert_true(buf.len > len + 2);
        assert_memory_equal(buf.ptr + buf.len - 2 - len, cases[i].text, len);
        assert_memory_equal(buf.ptr + buf.len - 2, "\x22\0", 2);
        fct_buf_finish(&buf);
    }
}

TEST(an_event_of_any_size_has_the_announced_length)
{
    static uint8_t data[70000];
    static const size_t sizes[] = {0, 1, 30, 60, 100, 127, 128, 129, 16200, 16383, 16384, 70000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (unsigned shift = 0; shift < 64; shift += 7) {
            struct fct_buf buf;
            struct fct_kurrent_event event = sample_event();
            event.data = fct_slice(data, sizes[i]);
            event.position = UINT64_C(1) << shift;
            event.revision = (UINT64_C(1) << shift) - 1;
            struct fct_kurrent_read_event read_event = {.event = &event,
                                                        .link = shift % 2 == 0 ? &event : NULL,
                                                        .position = number(event.position),
                                                        .id_form = FCT_KURRENT_ID_STRING};
            fct_buf_init(&buf, fct_mem_heap(), 1 << 20);
            assert_int_equal(fct_buf_add(&buf, "x", 1), FACTUM_OK);
            assert_status(fct_kurrent_encode_event(&buf, &read_event), FACTUM_OK);
            assert_int_equal(buf.len, 1 + fct_kurrent_event_size(&read_event));
            fct_buf_finish(&buf);
        }
    }
}

TEST(the_answer_to_a_batch_repeats_the_request)
{
    static const char wanted[] = "\0\0\0\0\x1b"
                                 "\x0a\x06\x0a\4\x08\1\x10\2"
                                 "\x22\5\x1a\3s-1"
                                 "\x3a\0"
                                 "\x1a\x08\x08\0\x1a\4\x08\1\x10\1";
    struct fct_buf buf;
    struct fct_kurrent_appended appended = {number(0), number(1)};
    struct fct_kurrent_batch_reply reply = {
        .correlation_id = {FCT_KURRENT_ID_STRUCTURED, sample_event().id},
        .stream = FCT_SLICE("s-1"),
        .expected = {.kind = FCT_KURRENT_EXPECTED_ANY},
    };
    fct_buf_init(&buf, fct_mem_heap(), 1024);
    assert_status(fct_kurrent_encode_batch_appended(&buf, &reply, &appended), FACTUM_OK);
    assert_bytes(&buf, wanted, sizeof wanted - 1);
    fct_buf_finish(&buf);
}

/* ---- every answer into buffers that fail ----------------------------------------------------- */

enum { ANSWER_COUNT = 16 };

static factum_status encode_read_answer(int which, struct fct_buf *buf)
{
    static const struct fct_kurrent_liveness liveness = {.position = {true, 300}};
    struct fct_kurrent_event event = sample_event();
    struct fct_kurrent_read_event read_event = {
        .event = &event, .link = &event, .position = number(1), .id_form = FCT_KURRENT_ID_STRING};
    switch (which) {
    case 0:
        return fct_kurrent_encode_event(buf, &read_event);
    case 1:
        return fct_kurrent_encode_confirmation(buf, FCT_SLICE("subscription"));
    case 2:
        return fct_kurrent_encode_checkpoint(buf, 300, 1234567890);
    case 3:
        return fct_kurrent_encode_stream_not_found(buf, FCT_SLICE("s-1"));
    case 4:
        return fct_kurrent_encode_first_stream_position(buf, 1);
    case 5:
        return fct_kurrent_encode_last_stream_position(buf, 1);
    case 6:
        return fct_kurrent_encode_last_all_position(buf, 300);
    case 7:
        return fct_kurrent_encode_caught_up(buf, &liveness);
    default:
        return fct_kurrent_encode_fell_behind(buf, &liveness);
    }
}

static factum_status encode_answer(int which, struct fct_buf *buf)
{
    static const struct fct_kurrent_appended appended = {{true, 1}, {true, 300}};
    static const struct fct_kurrent_wrong_version wrong = {{true, 1}, {0}};
    static const struct fct_kurrent_method method = {"service", "method", "one two"};
    static const struct fct_kurrent_member member = {.time = 100, .port = 2113};
    static const struct fct_kurrent_projection projection = {.progress = 1, .epoch = -1};
    struct fct_kurrent_refusal refusal = {.kind = FCT_KURRENT_REFUSAL_BAD_REQUEST,
                                          .message = FCT_SLICE("the reason why")};
    struct fct_kurrent_batch_reply reply = {.stream = FCT_SLICE("s-1")};
    switch (which) {
    case 9:
        return fct_kurrent_encode_appended(buf, &appended);
    case 10:
        return fct_kurrent_encode_wrong_version(buf, &wrong);
    case 11:
        return fct_kurrent_encode_deleted(buf, none);
    case 12:
        return fct_kurrent_encode_batch_refused(buf, &reply, &refusal);
    case 13:
        return fct_kurrent_encode_methods(buf, &method, 1, "24.10.0");
    case 14:
        return fct_kurrent_encode_cluster(buf, &member);
    case 15:
        return fct_kurrent_encode_projection(buf, &projection);
    default:
        return encode_read_answer(which, buf);
    }
}

TEST(an_answer_that_does_not_fit_leaves_the_buffer_as_it_was)
{
    for (int which = 0; which < ANSWER_COUNT; which++) {
        factum_status status = FACTUM_TOO_BIG;
        for (size_t size_max = 2; status != FACTUM_OK; size_max++) {
            struct fct_buf buf;
            fct_buf_init(&buf, fct_mem_heap(), size_max);
            assert_int_equal(fct_buf_add(&buf, "xy", 2), FACTUM_OK);
            status = encode_answer(which, &buf);
            if (status != FACTUM_OK) {
                assert_status(status, FACTUM_TOO_BIG);
                assert_bytes(&buf, "xy", 2);
            } else {
                assert_true(buf.len > 2 + FCT_GRPC_PREFIX_SIZE);
                assert_memory_equal(buf.ptr, "xy\0\0\0", 5);
            }
            assert_true(size_max < 1024);
            fct_buf_finish(&buf);
        }
    }
}

TEST(without_memory_the_buffer_is_as_it_was)
{
    for (int which = 0; which < ANSWER_COUNT; which++) {
        bool done = false;
        for (unsigned long k = 0; !done; k++) {
            struct fct_buf buf;
            struct fct_mem_fault fault;
            fct_mem_fault_init(&fault);
            fct_buf_init(&buf, &fault.mem, 1024);
            fault.fail_at = k;
            factum_status status = encode_answer(which, &buf);
            done = fault.failed == 0;
            assert_status(status, done ? FACTUM_OK : FACTUM_NO_MEMORY);
            if (!done) {
                assert_int_equal(buf.len, 0);
            }
            fct_buf_finish(&buf);
            assert_int_equal(fault.held, 0);
            assert_true(k < 100);
        }
    }
}

/* ---- the request for statistics -------------------------------------------------------------- */

TEST(a_request_for_statistics_names_their_owner)
{
    static const enum fct_kurrent_statistics_mode modes[] = {
        FCT_KURRENT_STATISTICS_ALL, FCT_KURRENT_STATISTICS_TRANSIENT,
        FCT_KURRENT_STATISTICS_CONTINUOUS, FCT_KURRENT_STATISTICS_ONE_TIME};
    factum_error err;
    struct fct_kurrent_statistics statistics;
    factum_slice name = FCT_SLICE("\x0a\3\x0a\1p");
    assert_ok(fct_kurrent_decode_statistics(name, &statistics, &err), err);
    assert_int_equal(statistics.mode, FCT_KURRENT_STATISTICS_NAME);
    assert_true(fct_slice_equal(statistics.name, FCT_SLICE("p")));
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        uint8_t bytes[] = {0x0a, 5, 0x0a, 1, 'p', (uint8_t)(0x12 + 8 * i), 0};
        assert_ok(fct_kurrent_decode_statistics(fct_slice(bytes, sizeof bytes), &statistics, &err),
                  err);
        assert_int_equal(statistics.mode, modes[i]);
        assert_int_equal(statistics.name.len, 0);
    }
    assert_ok(fct_kurrent_decode_statistics(FCT_SLICE("\x0a\4\x32\0\x10\1"), &statistics, &err),
              err);
    assert_int_equal(statistics.mode, FCT_KURRENT_STATISTICS_NONE);
    for (size_t len = 1; len < name.len; len++) {
        assert_status(fct_kurrent_decode_statistics(fct_slice(name.ptr, len), &statistics, &err),
                      FACTUM_INVALID);
    }
    assert_text(err, "not a valid StatisticsReq message");
    assert_status(fct_kurrent_decode_statistics(FCT_SLICE("\x0a\3\x0a\1\xff"), &statistics, &err),
                  FACTUM_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_event_is_written_byte_by_byte),
        CASE(times_are_ticks_rounded_down),
        CASE(an_event_of_any_size_has_the_announced_length),
        CASE(the_answer_to_a_batch_repeats_the_request),
        CASE(an_answer_that_does_not_fit_leaves_the_buffer_as_it_was),
        CASE(without_memory_the_buffer_is_as_it_was),
        CASE(a_request_for_statistics_names_their_owner),
    };
    return cmocka_run_group_tests_name("kurrent_replies", tests, NULL, NULL);
}
