/* store_read_test.c - reads, events and queries on the wire. */
#include "wire/store_read.h"

#include <limits.h>

#include "core/slice.h"
#include "support/mem_fault.h"
#include "support/test.h"
#include "wire/grpc.h"

static const factum_slice names[] = {{(const uint8_t *)"x", 1}, {(const uint8_t *)"y:2", 3}};

static factum_event sample_event(void)
{
    return (factum_event){.stream = FCT_SLICE("s"),
                          .type = FCT_SLICE("t"),
                          .data = FCT_SLICE("d"),
                          .metadata = FCT_SLICE("m"),
                          .content_type = FCT_SLICE("c"),
                          .tags = names,
                          .tag_count = 2,
                          .id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
                          .revision = 0x21,
                          .position = 0x22,
                          .ordinal = 0x23,
                          .created = 0x24,
                          .time = 0,
                          .has_time = true,
                          .last_of_commit = true,
                          .commit = 0x25,
                          .key = &names[1]};
}

static const char event_bytes[] = "\x0a\1s\x12\1t\x1a\1d\x22\1m\x2a\1c\x32\1x\x32\3y:2"
                                  "\x3a\x10\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
                                  "\x40\x21\x48\x22\x50\x23\x58\x24\x60\0\x68\1\x70\x25\x7a\3y:2";

TEST(a_batch_is_written_byte_by_byte)
{
    struct fct_buf buf;
    struct fct_store_batch batch;
    factum_event event = sample_event();
    const uint64_t place = 7;
    const size_t event_size = sizeof event_bytes - 1;
    fct_buf_init(&buf, fct_mem_heap(), 1 << 20);
    assert_int_equal(fct_buf_add(&buf, "ab", 2), FACTUM_OK); /* what was there before */
    assert_int_equal(fct_store_batch_begin(&batch, &buf, &place), FACTUM_OK);
    assert_int_equal(fct_store_batch_add(&batch, &event), FACTUM_OK);
    assert_int_equal(fct_store_batch_size(&batch), 4 + event_size);
    fct_store_batch_end(&batch);
    assert_int_equal(buf.len, 2 + FCT_GRPC_PREFIX_SIZE + 4 + event_size);
    assert_memory_equal(buf.ptr, "ab\0\0\0\0", 6);
    assert_int_equal(buf.ptr[6], 4 + event_size);
    assert_memory_equal(buf.ptr + 7, "\x08\7\x12", 3);
    assert_int_equal(buf.ptr[10], event_size);
    assert_memory_equal(buf.ptr + 11, event_bytes, event_size);
    fct_buf_finish(&buf);
}

static void assert_slice(factum_slice slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_memory_equal(slice.ptr, text, slice.len);
}

TEST(an_event_comes_out_as_it_went_in)
{
    struct fct_store_event_room room;
    factum_event event;
    factum_event wanted = sample_event();
    factum_error err;
    assert_ok(fct_store_decode_event(FCT_SLICE("\x12\1t\x58\5"), &room, &event, &err), err);
    assert_int_equal(event.created, 5);
    assert_int_equal(event.time, 5); /* the writer gave no time */
    assert_false(event.has_time);
    assert_null(event.key);
    assert_ok(
        fct_store_decode_event(fct_slice(event_bytes, sizeof event_bytes - 1), &room, &event, &err),
        err);
    assert_slice(event.stream, "s");
    assert_slice(event.type, "t");
    assert_slice(event.data, "d");
    assert_slice(event.metadata, "m");
    assert_slice(event.content_type, "c");
    assert_int_equal(event.tag_count, 2);
    assert_slice(event.tags[1], "y:2");
    assert_memory_equal(event.id.bytes, wanted.id.bytes, 16);
    assert_int_equal(event.revision, 0x21);
    assert_int_equal(event.position, 0x22);
    assert_int_equal(event.ordinal, 0x23);
    assert_int_equal(event.created, 0x24);
    assert_true(event.has_time);
    assert_int_equal(event.time, 0);
    assert_true(event.last_of_commit);
    assert_int_equal(event.commit, 0x25);
    assert_slice(*event.key, "y:2");
}

TEST(events_of_a_batch_come_one_by_one)
{
    struct fct_buf buf;
    struct fct_store_batch batch;
    struct fct_store_events events;
    struct fct_store_event_room room;
    factum_event event = sample_event();
    factum_error err;
    fct_buf_init(&buf, fct_mem_heap(), 1 << 20);
    assert_int_equal(fct_store_batch_begin(&batch, &buf, NULL), FACTUM_OK);
    for (uint64_t i = 1; i <= 3; i++) {
        event.position = i;
        assert_int_equal(fct_store_batch_add(&batch, &event), FACTUM_OK);
    }
    fct_store_batch_end(&batch);
    factum_slice message = fct_slice_from(fct_buf_slice(&buf), FCT_GRPC_PREFIX_SIZE);
    assert_ok(fct_store_decode_events(message, &events, &err), err);
    assert_false(events.has_place);
    assert_int_equal(events.count, 3);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_ok(fct_store_next_event(&events, &room, &event, &err), err);
        assert_int_equal(event.position, i);
    }
    assert_int_equal(fct_store_next_event(&events, &room, &event, &err), FACTUM_DONE);
    for (size_t size = 0; size < message.len; size++) {
        factum_status status = fct_store_decode_events(fct_slice(message.ptr, size), &events, &err);
        assert_true(status == FACTUM_OK ? size % (message.len / 3) == 0 : status == FACTUM_INVALID);
    }
    fct_buf_finish(&buf);
}

TEST(an_event_without_memory_leaves_the_batch)
{
    struct fct_mem_fault fault;
    struct fct_buf buf;
    struct fct_store_batch batch;
    factum_event event = sample_event();
    uint8_t data[5000] = {0};
    fct_mem_fault_init(&fault);
    fct_buf_init(&buf, &fault.mem, 6000);
    fault.fail_at = 0;
    assert_int_equal(fct_store_batch_begin(&batch, &buf, NULL), FACTUM_NO_MEMORY);
    assert_int_equal(buf.len, 0);
    fault.fail_at = ULONG_MAX;
    assert_int_equal(fct_store_batch_begin(&batch, &buf, NULL), FACTUM_OK);
    assert_int_equal(fct_store_batch_add(&batch, &event), FACTUM_OK);
    size_t size = buf.len;
    event.data = fct_slice(data, sizeof data);
    fault.fail_at = fault.calls;
    assert_int_equal(fct_store_batch_add(&batch, &event), FACTUM_NO_MEMORY);
    assert_int_equal(buf.len, size);
    fault.fail_at = ULONG_MAX;
    assert_int_equal(fct_store_batch_add(&batch, &event), FACTUM_OK);
    assert_int_equal(fct_store_batch_add(&batch, &event), FACTUM_TOO_BIG);
    fct_buf_finish(&buf);
    assert_int_equal(fault.held, 0);
}

/* ---- requests -------------------------------------------------------------------------------- */

TEST(a_read_request_has_its_numbers_where_the_proto_has_them)
{
    const factum_query_item item = {.types = names, .type_count = 1, .tags = names, .tag_count = 2};
    const factum_query query = {&item, 1};
    const factum_filter filter = {.size = sizeof filter,
                                  .stream_prefixes = names,
                                  .stream_prefix_count = 1,
                                  .types = &names[1],
                                  .type_count = 1,
                                  .type_prefixes = names,
                                  .type_prefix_count = 2};
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_QUERY,
                                         .name = FCT_SLICE("n"),
                                         .from = FACTUM_FROM_AFTER,
                                         .from_value = 0x44,
                                         .backwards = true,
                                         .count_max = 0x46,
                                         .until_created_set = true,
                                         .until_time_set = true,
                                         .until_revision_set = true,
                                         .until_position_set = true,
                                         .until_created = 0x47,
                                         .until_time = 0x48,
                                         .until_revision = 0x49,
                                         .until_position = 0,
                                         .commits = true,
                                         .skip_system = true,
                                         .query = &query,
                                         .filter = &filter};
    static const char wanted[] = "\x08\6\x12\1n\x18\4\x20\x44\x28\1\x30\x46\x38\x47\x40\x48\x48\x49"
                                 "\x50\0\x58\1\x60\1"
                                 "\x6a\x0d\x0a\x0b\x0a\1x\x12\1x\x12\3y:2"
                                 "\x72\x10\x0a\1x\x12\3y:2\x1a\1x\x1a\3y:2"
                                 "\x78\1";
    struct fct_buf buf;
    struct fct_store_read read;
    factum_read_request got;
    factum_error err;
    fct_buf_init(&buf, fct_mem_heap(), 1 << 20);
    assert_int_equal(fct_store_encode_read(&buf, &request, true), FACTUM_OK);
    factum_slice message = fct_slice_from(fct_buf_slice(&buf), FCT_GRPC_PREFIX_SIZE);
    assert_int_equal(message.len, sizeof wanted - 1);
    assert_memory_equal(message.ptr, wanted, sizeof wanted - 1);
    assert_ok(fct_store_decode_read(message, &read, &err), err);
    assert_true(read.follow);
    void *memory = fct_mem_alloc(fct_mem_heap(), read.memory_size);
    assert_ok(fct_store_build_read(&read, memory, &got, &err), err);
    assert_int_equal(got.from_value, 0x44);
    assert_int_equal(got.until_revision, 0x49);
    assert_true(got.until_position_set);
    assert_slice(got.query->items[0].tags[1], "y:2");
    assert_slice(got.filter->stream_prefixes[0], "x");
    assert_slice(got.filter->types[0], "y:2");
    assert_int_equal(got.filter->type_prefix_count, 2);
    assert_slice(got.filter->type_prefixes[1], "y:2");
    fct_mem_free(fct_mem_heap(), memory);
    fct_buf_finish(&buf);
}

TEST(the_smallest_request_reads_everything)
{
    struct fct_store_read read;
    factum_read_request got;
    factum_error err;
    assert_ok(fct_store_decode_read(fct_slice(NULL, 0), &read, &err), err);
    assert_int_equal(read.memory_size, 0);
    assert_false(read.follow);
    assert_ok(fct_store_build_read(&read, NULL, &got, &err), err);
    assert_int_equal(got.size, sizeof got);
    assert_int_equal(got.source, FACTUM_SOURCE_ALL);
    assert_null(got.query);
    assert_null(got.filter);
    assert_false(got.until_created_set);
}

TEST(a_filter_that_comes_twice_counts_once)
{
    struct fct_store_read read;
    factum_read_request got;
    factum_error err;
    factum_slice twice = FCT_SLICE("\x72\6\x12\1a\x12\1b\x72\3\x1a\1c");
    assert_ok(fct_store_decode_read(twice, &read, &err), err);
    void *memory = fct_mem_alloc(fct_mem_heap(), read.memory_size);
    assert_ok(fct_store_build_read(&read, memory, &got, &err), err);
    assert_int_equal(got.filter->type_count, 0);
    assert_int_equal(got.filter->type_prefix_count, 1);
    assert_slice(got.filter->type_prefixes[0], "c");
    fct_mem_free(fct_mem_heap(), memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_batch_is_written_byte_by_byte),
        CASE(an_event_comes_out_as_it_went_in),
        CASE(events_of_a_batch_come_one_by_one),
        CASE(an_event_without_memory_leaves_the_batch),
        CASE(a_read_request_has_its_numbers_where_the_proto_has_them),
        CASE(the_smallest_request_reads_everything),
        CASE(a_filter_that_comes_twice_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
