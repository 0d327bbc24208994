/* store_shared_test.c - how a call ended, and the messages that are tables: each member must have
 * the number that the proto gives it, which is counted up here. */
#include "wire/store_shared.h"

#include "core/slice.h"
#include "support/test.h"
#include "wire/grpc.h"
#include "wire/protobuf.h"
#include "wire/store_ask.h"
#include "wire/store_list.h"
#include "wire/store_news.h"
#include "wire/store_open.h"
#include "wire/store_upkeep.h"

/* A message that is compared with what was encoded: fields in their order. */
struct wanted {
    struct fct_buf buf;
    struct fct_pb_writer writer;
};

static void begin(struct wanted *wanted)
{
    fct_buf_init(&wanted->buf, fct_mem_heap(), 1 << 20);
    wanted->writer = fct_pb_writer(&wanted->buf);
}

/* Numbers |first| to |last|, each with the value 100 more. */
static void count_up(struct wanted *wanted, uint32_t first, uint32_t last)
{
    for (uint32_t number = first; number <= last; number++) {
        fct_pb_add_uint(&wanted->writer, number, 100 + number);
    }
}

static void add_text(struct wanted *wanted, uint32_t number, const char *text)
{
    fct_pb_add_bytes(&wanted->writer, number, factum_slice_from(text));
}

static void assert_wanted(struct wanted *wanted, struct fct_buf *got, factum_status status)
{
    assert_int_equal(status, FACTUM_OK);
    assert_int_equal(wanted->writer.status, FACTUM_OK);
    assert_int_equal(got->len, FCT_GRPC_PREFIX_SIZE + wanted->buf.len);
    assert_memory_equal(got->ptr + FCT_GRPC_PREFIX_SIZE, wanted->buf.ptr, wanted->buf.len);
    fct_buf_finish(&wanted->buf);
    fct_buf_finish(got);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const factum_uuid id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

TEST(the_description_of_a_store_has_its_numbers)
{
    struct wanted wanted;
    struct fct_buf buf;
    const struct fct_store_opened opened = {
        .protocol = 101,
        .capabilities = 102,
        .event_size_max = 103,
        .append_events_max = 104,
        .append_size_max = 105,
        .queue_max = 106,
        .queue_size_max = 107,
        .store_id = id,
        .timeline_count = 1,
        .timelines = {{101, 102}},
        .time = 110,
        .format_major = 111,
        .format_minor = 112,
        .server = FCT_SLICE("server"),
        .read_only = true,
        .place = 115,
    };
    begin(&wanted);
    count_up(&wanted, 1, 7);
    fct_pb_add_bytes(&wanted.writer, 8, fct_slice(id.bytes, 16));
    count_up(&wanted, 10, 12);
    add_text(&wanted, 13, "server");
    fct_pb_add_uint(&wanted.writer, 14, 1);
    count_up(&wanted, 15, 15);
    size_t begun = fct_pb_begin(&wanted.writer, 9);
    count_up(&wanted, 1, 2);
    fct_pb_end(&wanted.writer, begun);
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_wanted(&wanted, &buf, fct_store_encode_opened(&buf, &opened));
}

TEST(questions_and_their_answers_have_their_numbers)
{
    struct wanted wanted;
    struct fct_buf buf;
    uint64_t revisions[] = {5, 6};
    factum_stream_info stream = {.state = FACTUM_STREAM_PRESENT,
                                 .last_revision = 102,
                                 .first_revision = 103,
                                 .last_position = 104,
                                 .has_metadata = true,
                                 .metadata_revision = 106,
                                 .max_count = 107,
                                 .max_age = 108,
                                 .truncate_before = 109};
    factum_key_info key = {.revisions = revisions,
                           .revisions_max = 2,
                           .event_count = 101,
                           .first_position = 102,
                           .position = 103,
                           .revision = 104,
                           .created = 105};
    factum_question question = {.kind = FACTUM_ASK_STREAM, .stream = &stream, .key = &key};
    begin(&wanted);
    size_t begun = fct_pb_begin(&wanted.writer, 2);
    fct_pb_add_uint(&wanted.writer, 1, 1);
    count_up(&wanted, 2, 4);
    fct_pb_add_uint(&wanted.writer, 5, 1);
    count_up(&wanted, 6, 9);
    fct_pb_end(&wanted.writer, begun);
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_wanted(&wanted, &buf, fct_store_encode_answer(&buf, &question));

    memcpy(key.fingerprint.bytes, id.bytes, 16);
    question.kind = FACTUM_ASK_KEY;
    begin(&wanted);
    begun = fct_pb_begin(&wanted.writer, 4);
    count_up(&wanted, 1, 5);
    fct_pb_add_bytes(&wanted.writer, 6, fct_slice(id.bytes, 16));
    add_text(&wanted, 7, "\5\6"); /* not more than there is room for */
    fct_pb_end(&wanted.writer, begun);
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_wanted(&wanted, &buf, fct_store_encode_answer(&buf, &question));

    const struct fct_store_ask ask = {.kind = FACTUM_ASK_COUNT,
                                      .source = FACTUM_SOURCE_TYPE,
                                      .name = FCT_SLICE("n"),
                                      .position = 104,
                                      .upto = 105,
                                      .id = id,
                                      .revisions_max = 107};
    begin(&wanted);
    fct_pb_add_uint(&wanted.writer, 1, FACTUM_ASK_COUNT);
    fct_pb_add_uint(&wanted.writer, 2, FACTUM_SOURCE_TYPE);
    add_text(&wanted, 3, "n");
    count_up(&wanted, 4, 5);
    fct_pb_add_bytes(&wanted.writer, 6, fct_slice(id.bytes, 16));
    count_up(&wanted, 7, 7);
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_wanted(&wanted, &buf, fct_store_encode_ask(&buf, &ask));
}

TEST(figures_have_their_numbers)
{
    struct wanted wanted;
    struct fct_buf buf;
    factum_info info = {.store_id = id,
                        .format_major = 102,
                        .format_minor = 103,
                        .read_only = true,
                        .damaged = true,
                        .failed = true,
                        .damaged_from = 107,
                        .reason = "reason",
                        .end_position = 109,
                        .durable_position = 110,
                        .event_count = 111,
                        .stream_count = 112,
                        .segment_count = 113,
                        .log_bytes = 114,
                        .prepared_bytes = 115,
                        .index_bytes = 116,
                        .index_runs = 117,
                        .index_memory_bytes = 118,
                        .recovered_bytes = 119,
                        .torn_bytes = 120};
    const factum_question question = {.kind = FACTUM_ASK_INFO, .info = &info};
    begin(&wanted);
    size_t begun = fct_pb_begin(&wanted.writer, 5);
    fct_pb_add_bytes(&wanted.writer, 1, fct_slice(id.bytes, 16));
    count_up(&wanted, 2, 3);
    for (uint32_t number = 4; number <= 6; number++) {
        fct_pb_add_uint(&wanted.writer, number, 1);
    }
    count_up(&wanted, 7, 7);
    add_text(&wanted, 8, "reason");
    count_up(&wanted, 9, 20);
    fct_pb_end(&wanted.writer, begun);
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_wanted(&wanted, &buf, fct_store_encode_answer(&buf, &question));
}

TEST(lists_have_their_numbers)
{
    struct wanted wanted;
    struct fct_buf buf;
    struct fct_store_page page;
    const factum_list_request request = {.kind = FACTUM_LIST_TAGS,
                                         .category = FCT_SLICE("c"),
                                         .prefix = FCT_SLICE("p"),
                                         .after = 104,
                                         .count_max = 105};
    const factum_list_entry entry = {.name = FCT_SLICE("n"),
                                     .event_count = 102,
                                     .first_position = 103,
                                     .last_position = 104,
                                     .first_created = 105,
                                     .last_created = 106};
    begin(&wanted);
    fct_pb_add_uint(&wanted.writer, 1, FACTUM_LIST_TAGS);
    add_text(&wanted, 2, "c");
    add_text(&wanted, 3, "p");
    count_up(&wanted, 4, 5);
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_wanted(&wanted, &buf, fct_store_encode_list(&buf, &request));
    begin(&wanted);
    size_t begun = fct_pb_begin(&wanted.writer, 1);
    add_text(&wanted, 1, "n");
    count_up(&wanted, 2, 6);
    fct_pb_end(&wanted.writer, begun);
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_int_equal(fct_store_page_begin(&page, &buf), FACTUM_OK);
    assert_int_equal(fct_store_page_add(&page, &entry), FACTUM_OK);
    fct_store_page_end(&page);
    assert_wanted(&wanted, &buf, FACTUM_OK);
}

TEST(reports_have_their_numbers)
{
    struct wanted wanted;
    struct fct_buf buf;
    const struct fct_store_upkept upkept = {
        .done = 101,
        .total = 102,
        .has_report = true,
        .verify = {.segments = 101,
                   .batches = 102,
                   .records = 103,
                   .events = 104,
                   .log_bytes = 105,
                   .streams_checked = 106,
                   .index_postings_checked = 107,
                   .problems = 108,
                   .damaged_from = 109,
                   .chain = 110,
                   .first_problem = "bad"},
        .backup = {.files = 101,
                   .copied_files = 102,
                   .bytes = 103,
                   .copied_bytes = 104,
                   .end_position = 105,
                   .repaired_files = 106},
    };
    begin(&wanted);
    count_up(&wanted, 1, 2);
    size_t begun = fct_pb_begin(&wanted.writer, 3);
    count_up(&wanted, 1, 10);
    add_text(&wanted, 11, "bad");
    fct_pb_end(&wanted.writer, begun);
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_wanted(&wanted, &buf, fct_store_encode_verified(&buf, &upkept));
    begin(&wanted);
    count_up(&wanted, 1, 2);
    begun = fct_pb_begin(&wanted.writer, 3);
    count_up(&wanted, 1, 6);
    fct_pb_end(&wanted.writer, begun);
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_wanted(&wanted, &buf, fct_store_encode_backed_up(&buf, &upkept));
}

TEST(news_has_its_numbers)
{
    struct wanted wanted;
    struct fct_buf buf;
    static const uint32_t hits[] = {7, 8};
    const struct fct_store_news news = {.place = 101,
                                        .room = true,
                                        .failed = true,
                                        .requests = 104,
                                        .all = true,
                                        .hits = hits,
                                        .hit_count = 2};
    const struct fct_store_interest interests[] = {
        {.number = 101, .source = FACTUM_SOURCE_TAG, .name = FCT_SLICE("n")},
        {.number = 101, .remove = true}};
    begin(&wanted);
    count_up(&wanted, 1, 1);
    fct_pb_add_uint(&wanted.writer, 2, 1);
    fct_pb_add_uint(&wanted.writer, 3, 1);
    count_up(&wanted, 4, 4);
    fct_pb_add_uint(&wanted.writer, 6, 1);
    add_text(&wanted, 5, "\7\x08");
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_wanted(&wanted, &buf, fct_store_encode_news(&buf, &news));
    begin(&wanted);
    add_text(&wanted, 1, "\x08\x65\x10\5\x1a\1n");
    add_text(&wanted, 1, "\x08\x65\x20\1");
    fct_buf_init(&buf, fct_mem_heap(), 1000);
    assert_wanted(&wanted, &buf, fct_store_encode_interests(&buf, interests, 2));
}

TEST(numbers_of_a_list_may_be_packed_or_not)
{
    struct fct_store_news news;
    uint32_t hits[FCT_STORE_HITS_MAX];
    factum_error err;
    factum_slice both = FCT_SLICE("\x28\7\x2a\3\x08\xac\2\x28\x09");
    assert_ok(fct_store_decode_news(both, &news, hits, &err), err);
    assert_int_equal(news.hit_count, 4);
    assert_int_equal(hits[0], 7);
    assert_int_equal(hits[1], 8);
    assert_int_equal(hits[2], 300);
    assert_int_equal(hits[3], 9);
    assert_status(fct_store_decode_news(FCT_SLICE("\x2a\2\x08\xac"), &news, hits, &err),
                  FACTUM_INVALID);
    assert_text(err, "not a valid NewsAnswer message");
}

TEST(an_answer_to_another_question_is_refused)
{
    factum_stream_info stream = {.size = sizeof stream};
    factum_question question = {.kind = FACTUM_ASK_STREAM, .stream = &stream};
    factum_slice event = {NULL, 0};
    factum_error err;
    assert_status(fct_store_decode_answer(FCT_SLICE("\x08\5"), &question, &event, &err),
                  FACTUM_INVALID);
    assert_status(fct_store_decode_answer(FCT_SLICE("\x12\2\x08\4"), &question, &event, &err),
                  FACTUM_INVALID); /* a state that does not exist */
    assert_ok(fct_store_decode_answer(FCT_SLICE("\x12\2\x08\3"), &question, &event, &err), err);
    assert_int_equal(stream.state, FACTUM_STREAM_TOMBSTONED);
    question.kind = FACTUM_ASK_PLACE;
    assert_ok(fct_store_decode_answer(fct_slice(NULL, 0), &question, &event, &err), err);
    assert_int_equal(question.number, 0);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

TEST(the_status_of_the_store_comes_before_that_of_grpc)
{
    factum_error err;
    factum_slice none = {NULL, 0};
    assert_status(fct_store_outcome(FCT_SLICE("5"), FCT_SLICE("read%3A no such stream %C3%A4"),
                                    FCT_SLICE("9"), FCT_SLICE("2"), &err),
                  FACTUM_STREAM_NOT_FOUND);
    assert_int_equal(err.status, FACTUM_STREAM_NOT_FOUND);
    assert_int_equal(err.os_error, 2);
    assert_string_equal(err.text, "read: no such stream \xc3\xa4");
    assert_status(fct_store_outcome(FCT_SLICE("0"), none, none, none, &err), FACTUM_OK);
}

TEST(a_call_that_no_store_ended_has_the_nearest_status)
{
    factum_error ignored;
    static const struct {
        const char *code;
        factum_status status;
    } cases[] = {{"1", FACTUM_CANCELLED},
                 {"3", FACTUM_INVALID},
                 {"4", FACTUM_EXPIRED},
                 {"7", FACTUM_DENIED},
                 {"12", FACTUM_UNSUPPORTED},
                 {"14", FACTUM_UNREACHABLE},
                 {"16", FACTUM_DENIED},
                 {"17", FACTUM_UNREACHABLE},
                 {"", FACTUM_UNREACHABLE},
                 {"x", FACTUM_UNREACHABLE},
                 {"-1", FACTUM_UNREACHABLE},
                 {"8", FACTUM_TOO_BIG},
                 {"9999999999", FACTUM_UNREACHABLE}};
    factum_slice none = {NULL, 0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        factum_error err;
        factum_slice code = factum_slice_from(cases[i].code);
        assert_status(fct_store_outcome(code, none, none, none, &err), cases[i].status);
        assert_string_equal(err.text, factum_status_text(cases[i].status));
        assert_int_equal(err.os_error, 0);
        /* A number that a peer invented is no status. */
        assert_status(fct_store_outcome(code, none, FCT_SLICE("27"), none, &err), cases[i].status);
        assert_status(fct_store_outcome(code, none, FCT_SLICE("0"), none, &ignored),
                      cases[i].status);
    }
}

TEST(a_long_message_of_a_peer_is_cut_between_characters)
{
    factum_error err;
    static uint8_t text[6000];
    for (size_t i = 0; i < sizeof text; i += 2) {
        memcpy(text + i, "\xc3\xa4", 2);
    }
    assert_status(fct_store_outcome(FCT_SLICE("3"), fct_slice(text, sizeof text), FCT_SLICE("1"),
                                    FCT_SLICE("x"), &err),
                  FACTUM_INVALID);
    assert_int_equal(strlen(err.text), 254);
    assert_true(fct_utf8_valid(factum_slice_from(err.text)));
}

TEST(every_failure_has_a_number_and_comes_back)
{
    factum_status status;
    char text[FCT_STORE_NUMBER_SIZE_MAX];
#define CHECK(name, value, words)                                                                  \
    if ((value) <= 0) {                                                                            \
        assert_true(fct_store_status_of(fct_store_number_of(FACTUM_##name), &status));             \
        assert_int_equal(status, FACTUM_##name);                                                   \
    }
    FACTUM_STATUS_LIST(CHECK)
#undef CHECK
    assert_false(fct_store_status_of(27, &status));
    assert_false(fct_store_status_of(UINT64_MAX, &status));
    factum_slice number = fct_store_format_number(UINT64_MAX, text);
    assert_int_equal(number.len, 20);
    assert_memory_equal(number.ptr, "18446744073709551615", 20);
    number = fct_store_format_number(0, text);
    assert_int_equal(number.len, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_description_of_a_store_has_its_numbers),
        CASE(questions_and_their_answers_have_their_numbers),
        CASE(figures_have_their_numbers),
        CASE(lists_have_their_numbers),
        CASE(reports_have_their_numbers),
        CASE(news_has_its_numbers),
        CASE(numbers_of_a_list_may_be_packed_or_not),
        CASE(an_answer_to_another_question_is_refused),
        CASE(the_status_of_the_store_comes_before_that_of_grpc),
        CASE(a_call_that_no_store_ended_has_the_nearest_status),
        CASE(a_long_message_of_a_peer_is_cut_between_characters),
        CASE(every_failure_has_a_number_and_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
