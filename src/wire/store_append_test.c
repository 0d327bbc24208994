/* store_append_test.c - appends on the wire: their contents in both directions, and malformed ones.
 * What protoc decodes is in tests/integration/store_wire_test.py. */
#include "wire/store_append.h"

#include <limits.h>

#include "core/slice.h"
#include "support/mem_fault.h"
#include "support/test.h"
#include "wire/grpc.h"
#include "wire/protobuf.h"

static factum_slice message_of(const struct fct_buf *buf)
{
    return fct_slice_from(fct_buf_slice(buf), FCT_GRPC_PREFIX_SIZE);
}

static const factum_slice tags[] = {{(const uint8_t *)"x", 1}, {(const uint8_t *)"y:2", 3}};
static const factum_query_item items[] = {
    {.types = tags, .type_count = 1, .tags = tags, .tag_count = 2},
    {.tags = &tags[1], .tag_count = 1},
};
static const factum_append_condition condition = {{items, 2}, 77};

struct sample {
    factum_new_event events[2];
    factum_expectation expectations[2];
    factum_append_request request;
    struct fct_store_append append;
};

static void make_sample(struct sample *sample)
{
    *sample = (struct sample){
        .events = {{.stream = FCT_SLICE("a"),
                    .type = FCT_SLICE("T"),
                    .data = FCT_SLICE("d"),
                    .metadata = FCT_SLICE("m"),
                    .tags = tags,
                    .tag_count = 2,
                    .id = {{9, 8, 7}},
                    .content_type = FACTUM_CONTENT_BINARY,
                    .has_time = true,
                    .time = -4,
                    .media_type = FCT_SLICE("image/png")},
                   {.stream = FCT_SLICE("b"), .type = FCT_SLICE("U")}},
        .expectations = {{FCT_SLICE("a"), factum_at(0)}, {FCT_SLICE("b"), factum_no_stream()}},
        .request = {.size = sizeof sample->request,
                    .event_count = 2,
                    .expectation_count = 2,
                    .condition = &condition,
                    .idempotency_key = FCT_SLICE("key"),
                    .durability = FACTUM_DURABILITY_OS,
                    .system = true,
                    .fingerprint = {{1, 2, 3}}},
        .append = {.number = 300,
                   .revisions = true,
                   .has_timeout = true,
                   .timeout_ms = 0,
                   .traceparent = FCT_SLICE("00-aa"),
                   .tracestate = FCT_SLICE("b=c"),
                   .correlation_id = FCT_SLICE("flow"),
                   .causation_id = FCT_SLICE("why")},
    };
    sample->request.events = sample->events;
    sample->request.expectations = sample->expectations;
}

static void encode_sample(struct fct_buf *buf)
{
    struct sample sample;
    make_sample(&sample);
    fct_buf_init(buf, fct_mem_heap(), 1 << 20);
    assert_int_equal(fct_store_encode_append(buf, &sample.append, &sample.request), FACTUM_OK);
}

static void assert_slice(factum_slice slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_memory_equal(slice.ptr, text, slice.len);
}

static void assert_events(const factum_append_request *request)
{
    const factum_new_event *first = &request->events[0];
    const factum_new_event *second = &request->events[1];
    assert_int_equal(request->event_count, 2);
    assert_slice(first->stream, "a");
    assert_slice(first->type, "T");
    assert_slice(first->data, "d");
    assert_slice(first->metadata, "m");
    assert_int_equal(first->tag_count, 2);
    assert_slice(first->tags[0], "x");
    assert_slice(first->tags[1], "y:2");
    assert_int_equal(first->id.bytes[0], 9);
    assert_int_equal(first->content_type, FACTUM_CONTENT_BINARY);
    assert_true(first->has_time);
    assert_int_equal(first->time, -4);
    assert_slice(first->media_type, "image/png");
    assert_slice(second->stream, "b");
    assert_slice(second->type, "U");
    assert_int_equal(second->tag_count, 0);
    assert_false(second->has_time);
}

static void assert_rest(const factum_append_request *request)
{
    assert_int_equal(request->expectation_count, 2);
    assert_slice(request->expectations[0].stream, "a");
    assert_int_equal(request->expectations[0].expected.kind, FACTUM_EXPECTED_REVISION);
    assert_int_equal(request->expectations[0].expected.revision, 0);
    assert_int_equal(request->expectations[1].expected.kind, FACTUM_EXPECTED_NO_STREAM);
    assert_int_equal(request->condition->after, 77);
    assert_int_equal(request->condition->query.item_count, 2);
    assert_slice(request->condition->query.items[0].types[0], "x");
    assert_slice(request->condition->query.items[0].tags[1], "y:2");
    assert_int_equal(request->condition->query.items[1].type_count, 0);
    assert_slice(request->idempotency_key, "key");
    assert_int_equal(request->durability, FACTUM_DURABILITY_OS);
    assert_true(request->system);
    assert_int_equal(request->fingerprint.bytes[2], 3);
    assert_null(request->call);
}

TEST(an_append_comes_out_as_it_went_in)
{
    struct fct_buf buf;
    struct fct_store_append append;
    factum_append_request request;
    factum_error err;
    encode_sample(&buf);
    assert_ok(fct_store_decode_append(message_of(&buf), &append, &err), err);
    assert_int_equal(append.number, 300);
    assert_false(append.cancel);
    assert_true(append.revisions);
    assert_true(append.has_timeout);
    assert_int_equal(append.timeout_ms, 0);
    assert_int_equal(append.action, FACTUM_ACTION_APPEND);
    uint8_t *copy = fct_mem_alloc(fct_mem_heap(), append.message.len);
    void *memory = fct_mem_alloc(fct_mem_heap(), append.memory_size);
    assert_non_null(copy);
    fct_store_move_append(&append, copy);
    memset(buf.ptr, 0xee, buf.len); /* nothing borrows from here any more */
    assert_ok(fct_store_build_append(&append, memory, &request, &err), err);
    assert_slice(append.traceparent, "00-aa");
    assert_slice(append.tracestate, "b=c");
    assert_slice(append.correlation_id, "flow");
    assert_slice(append.causation_id, "why");
    assert_events(&request);
    assert_rest(&request);
    fct_mem_free(fct_mem_heap(), memory);
    fct_mem_free(fct_mem_heap(), copy);
    fct_buf_finish(&buf);
}

TEST(a_cancel_is_a_number_and_nothing_else)
{
    struct fct_buf buf;
    factum_error err;
    struct fct_store_append append = {.number = 5, .cancel = true};
    fct_buf_init(&buf, fct_mem_heap(), 100);
    assert_int_equal(fct_store_encode_append(&buf, &append, NULL), FACTUM_OK);
    assert_int_equal(buf.len, 9);
    assert_memory_equal(buf.ptr, "\0\0\0\0\4\x08\5\x10\1", 9);
    assert_ok(fct_store_decode_append(message_of(&buf), &append, &err), err);
    assert_true(append.cancel);
    assert_int_equal(append.number, 5);
    assert_int_equal(append.memory_size, 0);
    fct_buf_finish(&buf);
}

/* Decodes and builds; the status of whatever fails first. */
static factum_status read_append(factum_slice message)
{
    struct fct_store_append append;
    factum_append_request request;
    factum_error err = {.text = ""};
    factum_status status = fct_store_decode_append(message, &append, &err);
    if (status == FACTUM_OK && !append.cancel) {
        void *memory = fct_mem_alloc(fct_mem_heap(), append.memory_size + 1);
        status = fct_store_build_append(&append, memory, &request, &err);
        fct_mem_free(fct_mem_heap(), memory);
    }
    assert_true((status == FACTUM_OK) == (err.text[0] == '\0'));
    return status;
}

TEST(broken_appends_are_refused_and_read_no_further)
{
    struct fct_buf buf;
    int refused = 0;
    encode_sample(&buf);
    factum_slice whole = message_of(&buf);
    for (size_t size = 0; size < whole.len; size++) {
        /* In a block of its own size: a sanitizer detects reads beyond it. */
        uint8_t *cut = fct_mem_alloc(fct_mem_heap(), size > 0 ? size : 1);
        assert_non_null(cut);
        memcpy(cut, whole.ptr, size);
        factum_status status = read_append(fct_slice(cut, size));
        assert_true(status == FACTUM_OK || status == FACTUM_INVALID);
        refused += status != FACTUM_OK;
        fct_mem_free(fct_mem_heap(), cut);
    }
    assert_true(refused > (int)whole.len / 2);
    for (size_t i = 0; i < whole.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            buf.ptr[FCT_GRPC_PREFIX_SIZE + i] ^= (uint8_t)(1 << bit);
            factum_status status = read_append(whole);
            assert_true(status == FACTUM_OK || status == FACTUM_INVALID);
            buf.ptr[FCT_GRPC_PREFIX_SIZE + i] ^= (uint8_t)(1 << bit);
        }
    }
    fct_buf_finish(&buf);
}

TEST(names_that_are_no_utf_8_are_refused)
{
    assert_status(read_append(FCT_SLICE("\x2a\4\x0a\2\xc3\x28")), FACTUM_INVALID); /* stream */
    assert_status(read_append(FCT_SLICE("\x2a\3\x12\1\xff")), FACTUM_INVALID);     /* type */
    assert_status(read_append(FCT_SLICE("\x2a\3\x2a\1\xff")), FACTUM_INVALID);     /* tag */
    assert_status(read_append(FCT_SLICE("\x2a\3\x42\1\xff")), FACTUM_INVALID);     /* media type */
    assert_status(read_append(FCT_SLICE("\x22\3\x0a\1\xff")), FACTUM_INVALID);     /* expectation */
    assert_status(read_append(FCT_SLICE("\x3a\1\xff")), FACTUM_INVALID);           /* key */
    assert_status(read_append(FCT_SLICE("\x32\7\x0a\5\x0a\3\x0a\1\xff")), FACTUM_INVALID);
    assert_status(read_append(FCT_SLICE("\x2a\3\x1a\1\xff")), FACTUM_OK); /* data may be anything */
}

TEST(of_a_condition_that_comes_twice_the_last_counts)
{
    struct fct_store_append append;
    factum_append_request request;
    factum_error err;
    factum_slice twice = FCT_SLICE("\x32\x0b\x0a\7\x0a\5\x0a\1t\x0a\0\x10\1"
                                   "\x32\x07\x0a\5\x0a\3\x12\1u");
    assert_ok(fct_store_decode_append(twice, &append, &err), err);
    void *memory = fct_mem_alloc(fct_mem_heap(), append.memory_size);
    assert_ok(fct_store_build_append(&append, memory, &request, &err), err);
    assert_int_equal(request.condition->after, 0);
    assert_int_equal(request.condition->query.item_count, 1);
    assert_int_equal(request.condition->query.items[0].type_count, 0);
    assert_slice(request.condition->query.items[0].tags[0], "u");
    fct_mem_free(fct_mem_heap(), memory);
}

TEST(a_message_that_cannot_be_written_leaves_the_buffer)
{
    struct sample sample;
    struct fct_mem_fault fault;
    make_sample(&sample);
    fct_mem_fault_init(&fault);
    for (unsigned long k = 0;; k++) {
        struct fct_buf buf;
        fct_buf_init(&buf, &fault.mem, 1 << 20);
        assert_int_equal(fct_buf_add(&buf, "abc", 3), FACTUM_OK);
        fault.calls = 0;
        fault.fail_at = k;
        factum_status status = fct_store_encode_append(&buf, &sample.append, &sample.request);
        fault.fail_at = ULONG_MAX;
        if (status == FACTUM_OK) {
            fct_buf_finish(&buf);
            assert_true(k > 0);
            break;
        }
        assert_int_equal(status, FACTUM_NO_MEMORY);
        assert_int_equal(buf.len, 3);
        fct_buf_finish(&buf);
    }
    for (size_t size = 0; size < 100; size++) {
        struct fct_buf buf;
        fct_buf_init(&buf, fct_mem_heap(), size);
        assert_int_equal(fct_store_encode_append(&buf, &sample.append, &sample.request),
                         FACTUM_TOO_BIG);
        assert_int_equal(buf.len, 0);
        fct_buf_finish(&buf);
    }
    assert_int_equal(fault.held, 0);
}

/* ---- answers --------------------------------------------------------------------------------- */

TEST(an_answer_has_its_numbers_where_the_proto_has_them)
{
    static const uint64_t revisions[] = {3, 300};
    const struct fct_store_appended appended = {
        .number = 101,
        .status = FACTUM_OK,
        .result = {.first_position = 105,
                   .position = 106,
                   .revision = 107,
                   .already = true,
                   .durability = FACTUM_DURABILITY_OS,
                   .refused_index = 110,
                   .actual_state = FACTUM_STREAM_TOMBSTONED,
                   .actual_revision = 112,
                   .conflict_position = 113},
        .revisions = revisions,
        .revision_count = 2,
    };
    static const char wanted[] =
        "\x08\x65\x28\x69\x30\x6a\x38\x6b\x40\1\x48\2\x50\x6e\x58\3\x60\x70"
        "\x68\x71\x72\3\3\xac\2";
    struct fct_store_appended got;
    struct fct_buf buf;
    factum_error err;
    uint64_t read[2] = {0, 0};
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_int_equal(fct_store_encode_appended(&buf, &appended), FACTUM_OK);
    factum_slice message = message_of(&buf);
    assert_int_equal(message.len, sizeof wanted - 1);
    assert_memory_equal(message.ptr, wanted, sizeof wanted - 1);
    assert_ok(fct_store_decode_appended(message, &got, &err), err);
    assert_int_equal(got.number, 101);
    assert_memory_equal(&got.result, &appended.result, sizeof got.result);
    assert_int_equal(got.revision_count, 2);
    assert_int_equal(fct_store_appended_revisions(message, read, 1), 1);
    assert_int_equal(fct_store_appended_revisions(message, read, 2), 2);
    assert_int_equal(read[0], 3);
    assert_int_equal(read[1], 300);
    fct_buf_finish(&buf);
}

TEST(an_answer_of_a_failure_keeps_its_text)
{
    struct fct_store_appended appended = {
        .status = FACTUM_IO, .err = {FACTUM_IO, 28, "append: log.1: No space \xc3\xa4"}};
    struct fct_store_appended got;
    struct fct_buf buf;
    factum_error err;
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_int_equal(fct_store_encode_appended(&buf, &appended), FACTUM_OK);
    assert_ok(fct_store_decode_appended(message_of(&buf), &got, &err), err);
    assert_int_equal(got.status, FACTUM_IO);
    assert_int_equal(got.err.status, FACTUM_IO);
    assert_int_equal(got.err.os_error, 28);
    assert_string_equal(got.err.text, appended.err.text);
    fct_buf_finish(&buf);
}

TEST(a_text_that_is_too_long_is_cut)
{
    uint8_t bytes[600] = "\x10\1\x1a\xa8\4"; /* INVALID, a text of 552 bytes */
    struct fct_store_appended got;
    factum_error err;
    memset(bytes + 5, 'x', 552);
    assert_ok(fct_store_decode_appended(fct_slice(bytes, 557), &got, &err), err);
    assert_int_equal(got.status, FACTUM_INVALID);
    assert_int_equal(strlen(got.err.text), sizeof got.err.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_append_comes_out_as_it_went_in),
        CASE(a_cancel_is_a_number_and_nothing_else),
        CASE(broken_appends_are_refused_and_read_no_further),
        CASE(names_that_are_no_utf_8_are_refused),
        CASE(of_a_condition_that_comes_twice_the_last_counts),
        CASE(a_message_that_cannot_be_written_leaves_the_buffer),
        CASE(an_answer_has_its_numbers_where_the_proto_has_them),
        CASE(an_answer_of_a_failure_keeps_its_text),
        CASE(a_text_that_is_too_long_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
