/* kurrent_streams_test.c - requests as real clients send them, and malformed ones. */
#include "wire/kurrent_streams.h"

#include "core/slice.h"
#include "support/test.h"
#include "wire/protobuf.h"

#define BYTES(...) fct_slice((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

enum { HEX_SIZE_MAX = 512 };

struct bytes {
    uint8_t data[HEX_SIZE_MAX];
    size_t len;
};

static unsigned digit(char c)
{
    assert_true((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* Hexadecimal digits; a space may stand between two bytes. */
static struct bytes hex(const char *text)
{
    struct bytes bytes = {.len = 0};
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != ' ') {
            assert_true(bytes.len < HEX_SIZE_MAX);
            bytes.data[bytes.len++] = (uint8_t)(digit(at[0]) * 16 + digit(at[1]));
            at++;
        }
    }
    return bytes;
}

static factum_slice of(const struct bytes *bytes)
{
    return fct_slice(bytes->data, bytes->len);
}

static void assert_slice(factum_slice slice, const char *text)
{
    assert_true(fct_slice_equal(slice, factum_slice_from(text)));
}

static void decode_read(const char *text, struct bytes *bytes, struct fct_kurrent_read *read)
{
    factum_error err;
    *bytes = hex(text);
    assert_ok(fct_kurrent_decode_read(of(bytes), read, &err), err);
}

/* ---- Read: the messages of clients ----------------------------------------------------------- */

TEST(a_read_of_a_stream_is_decoded)
{
    struct bytes bytes;
    struct fct_kurrent_read read;
    decode_read("0a170a090a051a03732d311a00280242004a02120052020801", &bytes, &read);
    assert_int_equal(read.source, FCT_KURRENT_SOURCE_STREAM);
    assert_slice(read.stream, "s-1");
    assert_int_equal(read.from, FCT_KURRENT_FROM_START);
    assert_int_equal(read.direction, FCT_KURRENT_FORWARDS);
    assert_false(read.resolve_links);
    assert_int_equal(read.amount, FCT_KURRENT_AMOUNT_COUNT);
    assert_int_equal(read.count, 2);
    assert_int_equal(read.filter_option, FCT_KURRENT_FILTER_OFF);
    assert_int_equal(read.id_form, FCT_KURRENT_ID_STRING);
    assert_int_equal(read.compatibility, 1);
}

TEST(a_read_of_all_backwards_is_decoded)
{
    struct bytes bytes;
    struct fct_kurrent_read read;
    decode_read("0a0e12021a001801280342004a021200", &bytes, &read);
    assert_int_equal(read.source, FCT_KURRENT_SOURCE_ALL);
    assert_int_equal(read.from, FCT_KURRENT_FROM_END);
    assert_int_equal(read.direction, FCT_KURRENT_BACKWARDS);
    assert_int_equal(read.amount, FCT_KURRENT_AMOUNT_COUNT);
    assert_int_equal(read.count, 3);
    assert_int_equal(read.compatibility, 0);
    decode_read("0a1b0a0b0a071a052424732d3122001801280142004a02120052020801", &bytes, &read);
    assert_int_equal(read.source, FCT_KURRENT_SOURCE_STREAM);
    assert_slice(read.stream, "$$s-1");
    assert_int_equal(read.from, FCT_KURRENT_FROM_END);
    assert_int_equal(read.direction, FCT_KURRENT_BACKWARDS);
    assert_int_equal(read.count, 1);
}

TEST(subscriptions_are_decoded)
{
    struct bytes bytes;
    struct fct_kurrent_read read;
    decode_read("0a130a090a051a03732d311a00320042004a021200", &bytes, &read);
    assert_int_equal(read.source, FCT_KURRENT_SOURCE_STREAM);
    assert_int_equal(read.from, FCT_KURRENT_FROM_START);
    assert_int_equal(read.amount, FCT_KURRENT_AMOUNT_SUBSCRIPTION);
    decode_read("0a1b1202120032003a0f12090a075e5b5e245d2e2a220028054a021200", &bytes, &read);
    assert_int_equal(read.source, FCT_KURRENT_SOURCE_ALL);
    assert_int_equal(read.from, FCT_KURRENT_FROM_START);
    assert_int_equal(read.amount, FCT_KURRENT_AMOUNT_SUBSCRIPTION);
    assert_int_equal(read.filter_option, FCT_KURRENT_FILTER_GIVEN);
    assert_int_equal(read.filter.on, FCT_KURRENT_FILTER_ON_TYPE);
    assert_slice(read.filter.regex, "^[^$].*");
    assert_int_equal(read.filter.prefix_count, 0);
    assert_int_equal(read.filter.window, FCT_KURRENT_WINDOW_COUNT);
    assert_int_equal(read.filter.checkpoint_interval_multiplier, 5);
}

TEST(a_position_and_prefixes_are_decoded)
{
    struct bytes bytes;
    struct fct_kurrent_read read;
    decode_read("0a 20 12 08 0a06 08ac02 10ac02 20 01 28 00 3a 0c 0a06 120161 120162 1814 2803"
                "4a 02 0a00",
                &bytes, &read);
    assert_int_equal(read.from, FCT_KURRENT_FROM_POSITION);
    assert_int_equal(read.commit_position, 300);
    assert_int_equal(read.prepare_position, 300);
    assert_true(read.resolve_links);
    assert_int_equal(read.amount, FCT_KURRENT_AMOUNT_COUNT);
    assert_int_equal(read.count, 0);
    assert_int_equal(read.filter.on, FCT_KURRENT_FILTER_ON_STREAM);
    assert_int_equal(read.filter.prefix_count, 2);
    assert_slice(read.filter.prefixes[0], "a");
    assert_slice(read.filter.prefixes[1], "b");
    assert_int_equal(read.filter.window, FCT_KURRENT_WINDOW_MAX);
    assert_int_equal(read.filter.window_max, 20);
    assert_int_equal(read.filter.checkpoint_interval_multiplier, 3);
    assert_int_equal(read.id_form, FCT_KURRENT_ID_STRUCTURED);
}

TEST(members_that_were_not_set_are_reported)
{
    struct bytes bytes;
    struct fct_kurrent_read read;
    static const char *const texts[] = {"", "0a00", "0a020a00", "0a021200", "0a023a00"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        decode_read(texts[i], &bytes, &read);
        assert_int_equal(read.source, i == 2   ? FCT_KURRENT_SOURCE_STREAM
                                      : i == 3 ? FCT_KURRENT_SOURCE_ALL
                                               : FCT_KURRENT_SOURCE_NONE);
        assert_int_equal(read.from, FCT_KURRENT_FROM_NONE);
        assert_int_equal(read.stream.len, 0);
        assert_int_equal(read.amount, FCT_KURRENT_AMOUNT_NONE);
        assert_int_equal(read.filter_option,
                         i == 4 ? FCT_KURRENT_FILTER_GIVEN : FCT_KURRENT_FILTER_NONE);
        assert_int_equal(read.filter.on, FCT_KURRENT_FILTER_ON_NONE);
        assert_int_equal(read.filter.window, FCT_KURRENT_WINDOW_NONE);
        assert_int_equal(read.id_form, FCT_KURRENT_ID_NONE);
    }
}

TEST(of_a_oneof_the_last_member_counts_and_the_others_are_forgotten)
{
    struct bytes bytes;
    struct fct_kurrent_read read;
    decode_read("0a 11 0a07 0a031a0161 1007 1206 0a04 0801 1002", &bytes, &read);
    assert_int_equal(read.source, FCT_KURRENT_SOURCE_ALL);
    assert_int_equal(read.stream.len, 0);
    assert_int_equal(read.from, FCT_KURRENT_FROM_POSITION);
    assert_int_equal(read.revision, 0);
    assert_int_equal(read.commit_position, 1);
    assert_int_equal(read.prepare_position, 2);
    decode_read("0a 08 1204 1200 0a00 2805", &bytes, &read);
    assert_int_equal(read.from, FCT_KURRENT_FROM_POSITION);
    decode_read("0a 04 2805 3200", &bytes, &read);
    assert_int_equal(read.amount, FCT_KURRENT_AMOUNT_SUBSCRIPTION);
    assert_int_equal(read.count, 0);
    decode_read("0a 0e 3a0a 0a03120161 12030a0162 4200", &bytes, &read);
    assert_int_equal(read.filter_option, FCT_KURRENT_FILTER_OFF);
    assert_int_equal(read.filter.on, FCT_KURRENT_FILTER_ON_NONE);
    decode_read("0a 0c 3a0a 0a03120161 12030a0162", &bytes, &read);
    assert_int_equal(read.filter.on, FCT_KURRENT_FILTER_ON_TYPE);
    assert_int_equal(read.filter.prefix_count, 0);
    assert_slice(read.filter.regex, "b");
}

TEST(a_field_that_comes_twice_is_merged)
{
    struct bytes bytes;
    struct fct_kurrent_read read;
    decode_read("0a070a050a031a0161 0a040a021007 0a022805", &bytes, &read);
    assert_slice(read.stream, "a");
    assert_int_equal(read.from, FCT_KURRENT_FROM_REVISION);
    assert_int_equal(read.revision, 7);
    assert_int_equal(read.count, 5);
}

TEST(raw_numbers_and_unknown_enums_are_kept_as_they_are)
{
    struct bytes bytes;
    struct fct_kurrent_read read;
    decode_read("0a 17 0a0b 10ffffffffffffffffff01 1805 2002 28ffffffff0f", &bytes, &read);
    assert_true(read.revision == UINT64_MAX);
    assert_int_equal(read.direction, 5);
    assert_true(read.resolve_links);
    assert_true(read.count == UINT32_MAX);
}

TEST(unknown_fields_and_known_numbers_of_another_type_are_skipped)
{
    struct bytes bytes;
    struct fct_kurrent_read read;
    decode_read("0a 12 7a03616263 8d0101020304 2a0161 2805 0801 100a 980601", &bytes, &read);
    assert_int_equal(read.source, FCT_KURRENT_SOURCE_NONE);
    assert_int_equal(read.count, 5);
}

/* ---- Read: hostile ones ---------------------------------------------------------------------- */

TEST(a_filter_of_64_prefixes_is_taken_and_one_of_65_is_not)
{
    for (size_t count = 64; count <= 65; count++) {
        struct fct_buf buf;
        factum_error err;
        struct fct_kurrent_read read;
        fct_buf_init(&buf, fct_mem_heap(), 4096);
        struct fct_pb_writer writer = fct_pb_writer(&buf);
        size_t options = fct_pb_begin(&writer, 1);
        size_t filter = fct_pb_begin(&writer, 7);
        size_t expression = fct_pb_begin(&writer, 2);
        for (size_t i = 0; i < count; i++) {
            fct_pb_add_bytes(&writer, 2, FCT_SLICE("p"));
        }
        fct_pb_end(&writer, expression);
        fct_pb_end(&writer, filter);
        fct_pb_end(&writer, options);
        assert_int_equal(writer.status, FACTUM_OK);
        if (count == 64) {
            assert_ok(fct_kurrent_decode_read(fct_buf_slice(&buf), &read, &err), err);
            assert_int_equal(read.filter.prefix_count, 64);
        } else {
            assert_status(fct_kurrent_decode_read(fct_buf_slice(&buf), &read, &err),
                          FACTUM_TOO_BIG);
            assert_text(err, "a filter has more than 64 prefixes");
        }
        fct_buf_finish(&buf);
    }
}

TEST(text_that_is_not_utf8_is_refused)
{
    factum_error err;
    struct fct_kurrent_read read;
    struct fct_kurrent_append append;
    struct bytes bytes = hex("0a 07 3a05 0a03 0a01ff");
    assert_status(fct_kurrent_decode_read(of(&bytes), &read, &err), FACTUM_INVALID);
    assert_text(err, "not a valid ReadReq message");
    bytes = hex("0a 07 3a05 0a03 1201ff");
    assert_status(fct_kurrent_decode_read(of(&bytes), &read, &err), FACTUM_INVALID);
    bytes = hex("12 0b 1209 0a0474797065 1201ff");
    assert_status(fct_kurrent_decode_append(of(&bytes), &append, &err), FACTUM_INVALID);
    assert_text(err, "not a valid AppendReq message");
    /* Names of streams are bytes. */
    bytes = hex("0a 07 0a05 0a03 1a01ff");
    assert_ok(fct_kurrent_decode_read(of(&bytes), &read, &err), err);
    assert_int_equal(read.stream.len, 1);
}

/* Each message below is one nested field after another, so that any truncation breaks a size. */
TEST(every_cut_of_a_request_is_refused)
{
    factum_error err;
    struct fct_kurrent_read read;
    struct bytes bytes = hex("0a1b1202120032003a0f12090a075e5b5e245d2e2a220028054a021200");
    for (size_t len = 1; len < bytes.len; len++) {
        assert_status(fct_kurrent_decode_read(fct_slice(bytes.data, len), &read, &err),
                      FACTUM_INVALID);
    }
    /* The inner sizes, with an outer one that is right. */
    for (size_t len = 1; len < bytes.len - 2; len++) {
        struct bytes cut = {.len = len + 2};
        cut.data[0] = 0x0a;
        cut.data[1] = (uint8_t)len;
        memcpy(cut.data + 2, bytes.data + 2, len);
        bool between = len == 4 || len == 6 || len == 23;
        assert_status(fct_kurrent_decode_read(of(&cut), &read, &err),
                      between ? FACTUM_OK : FACTUM_INVALID);
    }
}

/* ---- Append ---------------------------------------------------------------------------------- */

#define ID_TEXT "0F0e0d0c-0b0a-4908-8706-050403020100"
#define ID_TEXT_HEX "30463065306430632d306230612d343930382d383730362d303530343033303230313030"

static const uint8_t id_bytes[16] = {0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x49, 0x08,
                                     0x87, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x00};

TEST(options_of_an_append_are_decoded)
{
    factum_error err;
    struct fct_kurrent_append append;
    static const struct {
        const char *text;
        enum fct_kurrent_expected_kind kind;
        uint64_t revision;
    } cases[] = {
        {"0a070a051a03732d31", FCT_KURRENT_EXPECTED_NONE, 0},
        {"0a090a051a03732d311004", FCT_KURRENT_EXPECTED_REVISION, 4},
        {"0a090a051a03732d311000", FCT_KURRENT_EXPECTED_REVISION, 0},
        {"0a120a051a03732d3110ffffffffffffffffff01", FCT_KURRENT_EXPECTED_REVISION, UINT64_MAX},
        {"0a090a051a03732d311a00", FCT_KURRENT_EXPECTED_NO_STREAM, 0},
        {"0a090a051a03732d312200", FCT_KURRENT_EXPECTED_ANY, 0},
        {"0a090a051a03732d312a00", FCT_KURRENT_EXPECTED_STREAM_EXISTS, 0},
        {"0a0b0a051a03732d3110042200", FCT_KURRENT_EXPECTED_ANY, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes bytes = hex(cases[i].text);
        assert_ok(fct_kurrent_decode_append(of(&bytes), &append, &err), err);
        assert_int_equal(append.content, FCT_KURRENT_APPEND_OPTIONS);
        assert_slice(append.options.stream, "s-1");
        assert_int_equal(append.options.expected.kind, cases[i].kind);
        assert_true(append.options.expected.revision == cases[i].revision);
    }
}

#define PROPOSED                                                                                   \
    "0a26 1224" ID_TEXT_HEX "1220 0a0c 636f6e74656e742d74797065"                                   \
    "1210 6170706c69636174696f6e2f6a736f6e 1209 0a0474797065 120174"                               \
    "1a027b7d 2207 7b2261223a317d"
#define PROPOSED_SIZE (2 + 38 + 2 + 32 + 2 + 9 + 4 + 9)

static void assert_proposed(const struct fct_kurrent_proposed *proposed)
{
    assert_int_equal(proposed->id.form, FCT_KURRENT_ID_STRING);
    assert_memory_equal(proposed->id.uuid.bytes, id_bytes, 16);
    assert_true(proposed->has_type);
    assert_true(proposed->has_content_type);
    assert_slice(proposed->type, "t");
    assert_slice(proposed->content_type, "application/json");
    assert_slice(proposed->custom_metadata, "{}");
    assert_slice(proposed->data, "{\"a\":1}");
}

TEST(a_proposed_message_is_decoded)
{
    factum_error err;
    struct fct_kurrent_append append;
    struct bytes bytes = hex("1262" PROPOSED);
    assert_int_equal(PROPOSED_SIZE, 0x62);
    assert_ok(fct_kurrent_decode_append(of(&bytes), &append, &err), err);
    assert_int_equal(append.content, FCT_KURRENT_APPEND_MESSAGE);
    assert_proposed(&append.proposed);
    bytes.len = 0;
    assert_ok(fct_kurrent_decode_append(of(&bytes), &append, &err), err);
    assert_int_equal(append.content, FCT_KURRENT_APPEND_NONE);
}

static void decode_proposed(const char *text, struct bytes *bytes,
                            struct fct_kurrent_append *append)
{
    factum_error err;
    *bytes = hex(text);
    assert_ok(fct_kurrent_decode_append(of(bytes), append, &err), err);
    assert_int_equal(append->content, FCT_KURRENT_APPEND_MESSAGE);
}

TEST(ids_come_in_two_forms_or_are_missing_or_malformed)
{
    struct bytes bytes;
    struct fct_kurrent_append append;
    const struct fct_kurrent_id *id = &append.proposed.id;
    static const uint8_t zeros[16] = {0};
    static const uint8_t halves[16] = {0,   0,   0,   0,   0,   0,   0,   1,
                                       255, 255, 255, 255, 255, 255, 255, 254};
    decode_proposed("1200", &bytes, &append);
    assert_int_equal(id->form, FCT_KURRENT_ID_NONE);
    decode_proposed("1202 0a00", &bytes, &append);
    assert_int_equal(id->form, FCT_KURRENT_ID_NONE);
    decode_proposed("1204 0a02 0a00", &bytes, &append);
    assert_int_equal(id->form, FCT_KURRENT_ID_STRUCTURED);
    assert_memory_equal(id->uuid.bytes, zeros, 16);
    decode_proposed("1211 0a0f 0a0d 0801 10feffffffffffffffff01", &bytes, &append);
    assert_int_equal(id->form, FCT_KURRENT_ID_STRUCTURED);
    assert_memory_equal(id->uuid.bytes, halves, 16);
    decode_proposed("1204 0a02 1200", &bytes, &append);
    assert_int_equal(id->form, FCT_KURRENT_ID_MALFORMED);
    decode_proposed("1228 0a26 1224 30463065306430632d306230612d343930382d383730362d3035303430"
                    "333032303130 67",
                    &bytes, &append);
    assert_int_equal(id->form, FCT_KURRENT_ID_MALFORMED);
    assert_memory_equal(id->uuid.bytes, zeros, 16);
}

TEST(metadata_may_come_in_any_order_and_other_keys_are_ignored)
{
    struct bytes bytes;
    struct fct_kurrent_append append;
    decode_proposed("1216 1209 120174 0a0474797065 1209 0a0474797061 120174", &bytes, &append);
    assert_true(append.proposed.has_type);
    assert_false(append.proposed.has_content_type);
    assert_slice(append.proposed.type, "t");
    decode_proposed("1218 1209 0a0474797065 120174 120b 0a0474797065 1203757677", &bytes, &append);
    assert_slice(append.proposed.type, "uvw");
    decode_proposed("1208 1206 0a0474797065", &bytes, &append);
    assert_true(append.proposed.has_type);
    assert_int_equal(append.proposed.type.len, 0);
}

/* ---- BatchAppend ----------------------------------------------------------------------------- */

TEST(a_batch_is_decoded)
{
    factum_error err;
    struct fct_kurrent_batch batch;
    struct fct_kurrent_proposed proposed;
    struct bytes bytes = hex("0a261224" ID_TEXT_HEX "1211 0a051a03732d31 1a00 3206 0801 10c0843d"
                             "1a62" PROPOSED "1a62" PROPOSED "2001");
    assert_ok(fct_kurrent_decode_batch(of(&bytes), &batch, &err), err);
    assert_int_equal(batch.correlation_id.form, FCT_KURRENT_ID_STRING);
    assert_memory_equal(batch.correlation_id.uuid.bytes, id_bytes, 16);
    assert_true(batch.has_options);
    assert_slice(batch.options.stream, "s-1");
    assert_int_equal(batch.options.expected.kind, FCT_KURRENT_EXPECTED_NO_STREAM);
    assert_int_equal(batch.deadline, FCT_KURRENT_DEADLINE_AT);
    assert_int_equal(batch.deadline_ns, 1001000000);
    assert_true(batch.is_final);
    assert_int_equal(batch.proposed_count, 2);
    assert_int_equal(batch.proposed_size, 2 * PROPOSED_SIZE);
    struct fct_kurrent_batch again = batch;
    for (int i = 0; i < 2; i++) {
        assert_ok(fct_kurrent_batch_next(&batch, &proposed, &err), err);
        assert_proposed(&proposed);
    }
    assert_status(fct_kurrent_batch_next(&batch, &proposed, &err), FACTUM_DONE);
    assert_status(fct_kurrent_batch_next(&batch, &proposed, &err), FACTUM_DONE);
    uint8_t copy[1024];
    assert_true(of(&bytes).len <= sizeof copy);
    memcpy(copy, of(&bytes).ptr, of(&bytes).len);
    fct_kurrent_move_batch(&again, of(&bytes), copy);
    assert_slice(again.options.stream, "s-1");
    assert_true(again.options.stream.ptr > copy && again.options.stream.ptr < copy + sizeof copy);
    assert_ok(fct_kurrent_batch_next(&again, &proposed, &err), err);
    assert_proposed(&proposed);
    assert_true(proposed.data.ptr > copy && proposed.data.ptr < copy + sizeof copy);
}

TEST(a_batch_may_lack_everything)
{
    factum_error err;
    struct fct_kurrent_batch batch;
    struct fct_kurrent_proposed proposed;
    assert_ok(fct_kurrent_decode_batch(fct_slice(NULL, 0), &batch, &err), err);
    assert_int_equal(batch.correlation_id.form, FCT_KURRENT_ID_NONE);
    assert_false(batch.has_options);
    assert_false(batch.is_final);
    assert_int_equal(batch.proposed_count, 0);
    assert_status(fct_kurrent_batch_next(&batch, &proposed, &err), FACTUM_DONE);
}

static void assert_deadline(const char *text, enum fct_kurrent_deadline deadline, int64_t ns)
{
    factum_error err;
    struct fct_kurrent_batch batch;
    struct bytes bytes = hex(text);
    assert_ok(fct_kurrent_decode_batch(of(&bytes), &batch, &err), err);
    assert_int_equal(batch.deadline, deadline);
    assert_true(batch.deadline_ns == ns);
}

TEST(deadlines_are_times_or_durations_and_never_overflow)
{
    assert_deadline("1200", FCT_KURRENT_DEADLINE_NONE, 0);
    assert_deadline("1202 3200", FCT_KURRENT_DEADLINE_AT, 0);
    assert_deadline("1204 3a02 080a", FCT_KURRENT_DEADLINE_AFTER, INT64_C(10000000000));
    assert_deadline("1204 3a02 1005", FCT_KURRENT_DEADLINE_AFTER, 5);
    assert_deadline("1206 3200 3a02 1005", FCT_KURRENT_DEADLINE_AFTER, 5);
    assert_deadline("1218 3a16 08ffffffffffffffffff01 10ffffffffffffffffff01",
                    FCT_KURRENT_DEADLINE_AFTER, -1000000001);
    assert_deadline("120c 3a0a 08ffffffffffffffff7f", FCT_KURRENT_DEADLINE_AFTER, INT64_MAX);
}

TEST(what_is_wrong_inside_a_proposed_message_is_found_by_the_iterator)
{
    factum_error err;
    struct fct_kurrent_batch batch;
    struct fct_kurrent_proposed proposed;
    struct bytes bytes = hex("1a00 1a020a05 2001");
    assert_ok(fct_kurrent_decode_batch(of(&bytes), &batch, &err), err);
    assert_int_equal(batch.proposed_count, 2);
    assert_ok(fct_kurrent_batch_next(&batch, &proposed, &err), err);
    assert_false(proposed.has_type);
    assert_status(fct_kurrent_batch_next(&batch, &proposed, &err), FACTUM_INVALID);
    assert_text(err, "not a valid ProposedMessage message");
    bytes = hex("1a00 1a050a");
    assert_status(fct_kurrent_decode_batch(of(&bytes), &batch, &err), FACTUM_INVALID);
}

/* ---- Delete, Tombstone ----------------------------------------------------------------------- */

TEST(a_delete_is_decoded)
{
    factum_error err;
    struct fct_kurrent_target target;
    struct bytes bytes = hex("0a090a051a03732d312200");
    assert_ok(fct_kurrent_decode_delete(of(&bytes), &target, &err), err);
    assert_slice(target.stream, "s-1");
    assert_int_equal(target.expected.kind, FCT_KURRENT_EXPECTED_ANY);
    bytes = hex("0a090a051a03732d311004");
    assert_ok(fct_kurrent_decode_delete(of(&bytes), &target, &err), err);
    assert_int_equal(target.expected.kind, FCT_KURRENT_EXPECTED_REVISION);
    assert_int_equal(target.expected.revision, 4);
    assert_ok(fct_kurrent_decode_delete(fct_slice(NULL, 0), &target, &err), err);
    assert_int_equal(target.expected.kind, FCT_KURRENT_EXPECTED_NONE);
    assert_int_equal(target.stream.len, 0);
    for (size_t len = 1; len < bytes.len; len++) {
        assert_status(fct_kurrent_decode_delete(fct_slice(bytes.data, len), &target, &err),
                      FACTUM_INVALID);
    }
    assert_text(err, "not a valid DeleteReq message");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_read_of_a_stream_is_decoded),
        CASE(a_read_of_all_backwards_is_decoded),
        CASE(subscriptions_are_decoded),
        CASE(a_position_and_prefixes_are_decoded),
        CASE(members_that_were_not_set_are_reported),
        CASE(of_a_oneof_the_last_member_counts_and_the_others_are_forgotten),
        CASE(a_field_that_comes_twice_is_merged),
        CASE(raw_numbers_and_unknown_enums_are_kept_as_they_are),
        CASE(unknown_fields_and_known_numbers_of_another_type_are_skipped),
        CASE(a_filter_of_64_prefixes_is_taken_and_one_of_65_is_not),
        CASE(text_that_is_not_utf8_is_refused),
        CASE(every_cut_of_a_request_is_refused),
        CASE(options_of_an_append_are_decoded),
        CASE(a_proposed_message_is_decoded),
        CASE(ids_come_in_two_forms_or_are_missing_or_malformed),
        CASE(metadata_may_come_in_any_order_and_other_keys_are_ignored),
        CASE(a_batch_is_decoded),
        CASE(a_batch_may_lack_everything),
        CASE(deadlines_are_times_or_durations_and_never_overflow),
        CASE(what_is_wrong_inside_a_proposed_message_is_found_by_the_iterator),
        CASE(a_delete_is_decoded),
    };
    return cmocka_run_group_tests_name("kurrent_streams", tests, NULL, NULL);
}
