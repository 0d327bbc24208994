/* json_write_test.c - the writer: its output and its refusals. Layer: codec. */
#include <factum/json.h>
#include <factum/json_write.h>

#include "core/slice.h"
#include "support/test.h"

static uint8_t buffer[4096];
static factum_json_writer to;

static void begin(size_t size)
{
    factum_json_writer_init(&to, buffer, size);
}

static void assert_printed(const char *text)
{
    factum_error err;
    assert_ok(factum_json_writer_finish(&to, &err), err);
    if (!fct_slice_equal(fct_slice(buffer, to.used), factum_slice_from(text))) {
        print_error("%.*s, not %s\n", (int)to.used, (const char *)buffer, text);
        fail();
    }
    assert_int_equal(to.total, strlen(text));
}

static void assert_refused(factum_status status, const char *text)
{
    factum_error err;
    assert_status(factum_json_writer_finish(&to, &err), status);
    assert_text(err, text);
}

static void put_some(void)
{
    factum_json_put_object(&to);
    factum_json_put_name(&to, "a", 1);
    factum_json_put_array(&to);
    factum_json_put_int64(&to, INT64_MIN);
    factum_json_put_uint64(&to, UINT64_MAX);
    factum_json_put_int64(&to, 0);
    factum_json_put_end(&to);
    factum_json_put_name(&to, "b", 1);
    factum_json_put_object(&to);
    factum_json_put_end(&to);
    factum_json_put_name(&to, "c", 1);
    factum_json_put_bool(&to, true);
    factum_json_put_name(&to, "d", 1);
    factum_json_put_null(&to);
    factum_json_put_end(&to);
}

#define SOME "{\"a\":[-9223372036854775808,18446744073709551615,0],\"b\":{},\"c\":true,\"d\":null}"

TEST(values_names_and_commas_stand_where_they_belong)
{
    begin(sizeof buffer);
    put_some();
    assert_printed(SOME);
}

TEST(texts_are_escaped_where_json_demands_it)
{
    begin(sizeof buffer);
    factum_json_put_text(&to, FCT_SLICE("\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9"));
    assert_printed("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\"");
    begin(sizeof buffer);
    factum_json_put_text(&to, fct_slice("a\0b", 3));
    assert_printed("\"a\\u0000b\"");
    begin(sizeof buffer);
    factum_json_put_text(&to, fct_slice(NULL, 0));
    assert_printed("\"\"");
}

TEST(each_byte_is_treated_alike_at_each_place)
{
    factum_error err;
    for (unsigned c = 0; c < 0x100; c++) {
        for (size_t at = 0; at < 20; at++) {
            uint8_t text[20];
            memset(text, 'x', sizeof text);
            text[at] = (uint8_t)c;
            begin(sizeof buffer);
            factum_json_put_text(&to, fct_slice(text, sizeof text));
            bool two = c != 0 && strchr("\"\\\b\f\n\r\t", (int)c) != NULL;
            size_t wanted = 22u + (two ? 1 : c < 0x20 ? 5 : 0);
            factum_status status = factum_json_writer_finish(&to, &err);
            assert_int_equal(status, c < 0x80 ? FACTUM_OK : FACTUM_INVALID);
            assert_true(c >= 0x80 || to.used == wanted);
        }
    }
}

TEST(a_text_that_is_not_utf8_is_refused)
{
    begin(sizeof buffer);
    factum_json_put_text(&to, FCT_SLICE("a\xff"));
    factum_json_put_null(&to);
    assert_refused(FACTUM_INVALID, "not UTF-8");
}

TEST(numbers_are_printed_as_they_stand_if_they_are_numbers)
{
    static const char *const good[] = {"0", "-0", "10", "1.50", "1e400", "-2.5E-7", "1E+2"};
    static const char *const bad[] = {"-",  "01",  "1.",  ".5",  "1e",  "1e+",  "+1",
                                      "1 ", "NaN", "0x1", "1,2", "--1", "1.5.5"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        begin(sizeof buffer);
        factum_json_put_number(&to, factum_slice_from(good[i]));
        assert_printed(good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        begin(sizeof buffer);
        factum_json_put_number(&to, factum_slice_from(bad[i]));
        assert_refused(FACTUM_INVALID, "a number is not in the form of JSON");
    }
    begin(sizeof buffer);
    factum_json_put_number(&to, fct_slice(NULL, 0));
    assert_printed("0");
    begin(sizeof buffer);
    factum_json_put_raw(&to, fct_slice(NULL, 0));
    assert_printed("null");
}

TEST(a_buffer_that_is_too_small_reports_the_needed_size)
{
    for (size_t size = 0; size < sizeof SOME - 1; size++) {
        memset(buffer, 'z', sizeof buffer);
        begin(size);
        put_some();
        assert_refused(FACTUM_TOO_BIG, "the JSON has 76 bytes");
        assert_int_equal(to.total, sizeof SOME - 1);
        assert_int_equal(buffer[size], 'z');
    }
    begin(sizeof SOME - 1);
    put_some();
    assert_printed(SOME);
}

struct sink {
    char text[256];
    size_t len, room;
};

static factum_status sink_write(void *data, factum_slice bytes)
{
    struct sink *sink = data;
    if (bytes.len > sink->room - sink->len) {
        return FACTUM_NO_SPACE;
    }
    memcpy(sink->text + sink->len, bytes.ptr, bytes.len);
    sink->len += bytes.len;
    return FACTUM_OK;
}

TEST(a_callback_gets_all_bytes_in_order_whatever_the_buffer)
{
    factum_error err;
    for (size_t size = 1; size < 100; size++) {
        struct sink sink = {.room = sizeof sink.text};
        factum_json_writer_to(&to, buffer, size, sink_write, &sink);
        put_some();
        assert_ok(factum_json_writer_finish(&to, &err), err);
        assert_int_equal(sink.len, sizeof SOME - 1);
        assert_memory_equal(sink.text, SOME, sink.len);
    }
}

TEST(a_callback_that_fails_stops_the_writer)
{
    for (size_t room = 0; room < sizeof SOME - 1; room++) {
        struct sink sink = {.room = room};
        factum_json_writer_to(&to, buffer, 5, sink_write, &sink);
        put_some();
        assert_refused(FACTUM_NO_SPACE, "the output takes no more");
    }
}

TEST(an_arena_takes_any_output)
{
    static const char first[] = "[{\"n\":0,\"t\":\"a text\",\"b\":true},{\"n\":1,";
    static const char last[] = ",{\"n\":999,\"t\":\"a text\",\"b\":false}]";
    static factum_json_node nodes[8192];
    factum_json json;
    factum_arena arena;
    factum_error err;
    factum_arena_init(&arena, 1 << 20);
    factum_json_writer_in(&to, &arena);
    factum_json_put_array(&to);
    for (int i = 0; i < 1000; i++) {
        factum_json_put_object(&to);
        factum_json_put_member_int64(&to, "n", i);
        factum_json_put_member_text(&to, "t", FCT_SLICE("a text"));
        factum_json_put_member_bool(&to, "b", i % 2 == 0);
        factum_json_put_end(&to);
    }
    factum_json_put_end(&to);
    assert_ok(factum_json_writer_finish(&to, &err), err);
    assert_int_equal(to.used, to.total);
    assert_memory_equal(to.buffer, first, sizeof first - 1);
    assert_memory_equal(to.buffer + to.used - (sizeof last - 1), last, sizeof last - 1);
    assert_ok(factum_json_parse(fct_slice(to.buffer, to.used), NULL, nodes, 8192, &json, &err),
              err);
    assert_int_equal(factum_json_count(&json, FACTUM_JSON_ROOT), 1000);
    factum_json_writer_in(&to, &arena);
    for (int i = 0; i < 1 << 20; i++) {
        factum_json_put_bool(&to, true);
    }
    assert_refused(FACTUM_TOO_BIG, "no room for the JSON");
    factum_arena_finish(&arena);
}

TEST(depth_and_balance_are_kept)
{
    begin(sizeof buffer);
    for (int i = 0; i < FACTUM_JSON_WRITE_DEPTH_MAX; i++) {
        factum_json_put_array(&to);
    }
    for (int i = 0; i < FACTUM_JSON_WRITE_DEPTH_MAX; i++) {
        factum_json_put_end(&to);
    }
    factum_error err;
    assert_ok(factum_json_writer_finish(&to, &err), err);
    assert_int_equal(to.used, 2 * FACTUM_JSON_WRITE_DEPTH_MAX);
    begin(sizeof buffer);
    for (int i = 0; i <= FACTUM_JSON_WRITE_DEPTH_MAX; i++) {
        factum_json_put_array(&to);
    }
    assert_refused(FACTUM_TOO_BIG, "nested deeper than 64");
    begin(sizeof buffer);
    factum_json_put_object(&to);
    assert_refused(FACTUM_INVALID, "was not ended");
    begin(sizeof buffer);
    factum_json_put_end(&to);
    assert_refused(FACTUM_INVALID, "that did not begin");
    begin(sizeof buffer);
    factum_json_writer_fail(&to, FACTUM_NOT_FOUND, "mine");
    factum_json_writer_fail(&to, FACTUM_INVALID, "later");
    assert_refused(FACTUM_NOT_FOUND, "mine");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(values_names_and_commas_stand_where_they_belong),
        CASE(texts_are_escaped_where_json_demands_it),
        CASE(each_byte_is_treated_alike_at_each_place),
        CASE(a_text_that_is_not_utf8_is_refused),
        CASE(numbers_are_printed_as_they_stand_if_they_are_numbers),
        CASE(a_buffer_that_is_too_small_reports_the_needed_size),
        CASE(a_callback_gets_all_bytes_in_order_whatever_the_buffer),
        CASE(a_callback_that_fails_stops_the_writer),
        CASE(an_arena_takes_any_output),
        CASE(depth_and_balance_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
