/* ndjson_test.c - events as lines: what is read, what is refused at which byte, and that what is
 * written reads back as it was. */
#include "support/test.h"

#include <factum/ndjson.h>

#include "core/mem.h"
#include "core/slice.h"

#define TEST(name) static void name(void **state)
#define F struct fixture *f = *state

struct fixture {
    factum_ndjson *ndjson;
    factum_new_event event;
    factum_error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.ndjson = factum_ndjson_create()};
    *state = &fixture;
    return fixture.ndjson == NULL ? 1 : 0;
}

static int tear_down(void **state)
{
    F;
    factum_ndjson_destroy(f->ndjson);
    return 0;
}

static factum_status parse(struct fixture *f, const char *line)
{
    return factum_ndjson_parse(f->ndjson, factum_slice_from(line), &f->event, &f->err);
}

static void assert_slice(factum_slice slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_true(fct_slice_equal(slice, factum_slice_from(text)));
}

/* ---- reading --------------------------------------------------------------------------------- */

TEST(a_full_line_is_read_byte_for_byte)
{
    F;
    assert_ok(parse(f, "{\"stream\":\"s-1\",\"type\":\"T\",\"data\":{ \"n\" : 1.50 },"
                       "\"metadata\":{\"a\":[ ]},\"tags\":[\"t\",\"u\"],"
                       "\"id\":\"00112233-4455-6677-8899-aabbccddeeff\","
                       "\"time\":\"1948-01-08T00:00:00Z\",\"revision\":7,\"position\":8,"
                       "\"created\":\"x\",\"more\":null}\n"),
              f->err);
    assert_slice(f->event.stream, "s-1");
    assert_slice(f->event.type, "T");
    assert_slice(f->event.data, "{ \"n\" : 1.50 }");
    assert_slice(f->event.metadata, "{\"a\":[ ]}");
    assert_int_equal(f->event.tag_count, 2);
    assert_slice(f->event.tags[1], "u");
    assert_int_equal(f->event.id.bytes[15], 0xff);
    assert_true(f->event.has_time);
    assert_true(f->event.time < 0);
    assert_int_equal(f->event.content_type, FACTUM_CONTENT_JSON);
}

TEST(a_line_needs_a_stream_and_a_type_alone)
{
    F;
    assert_ok(parse(f, " { \"type\" : \"T\" , \"stream\" : \"s\" } \r\n"), f->err);
    assert_slice(f->event.stream, "s");
    assert_int_equal(f->event.data.len, 0);
    assert_int_equal(f->event.metadata.len, 0);
    assert_int_equal(f->event.tag_count, 0);
    assert_false(f->event.has_time);
}

TEST(escapes_are_decoded_in_names_and_left_in_data)
{
    F;
    assert_ok(parse(f, "{\"stream\":\"s\\u002d1\",\"type\":\"\\ud83d\\ude00\","
                       "\"data\":\"a\\u0062\",\"tags\":[\"\\\"\",\"\\n\"]}"),
              f->err);
    assert_slice(f->event.stream, "s-1");
    assert_slice(f->event.type, "\xf0\x9f\x98\x80");
    assert_slice(f->event.data, "\"a\\u0062\"");
    assert_slice(f->event.tags[0], "\"");
    assert_slice(f->event.tags[1], "\n");
}

TEST(names_of_members_may_have_escapes)
{
    F;
    assert_ok(parse(f, "{\"str\\u0065am\":\"s\",\"type\":\"T\",\"d\\u0061ta\":7,"
                       "\"\\ud800\":1,\"a much longer name\\u0020\":2}"),
              f->err);
    assert_slice(f->event.stream, "s");
    assert_slice(f->event.data, "7");
}

TEST(bytes_come_as_base64)
{
    F;
    static const struct {
        const char *text, *bytes;
    } good[] = {{"", ""}, {"YQ==", "a"}, {"YQ", "a"}, {"YWI=", "ab"}, {"YWJj", "abc"}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char line[128];
        (void)snprintf(line, sizeof line,
                       "{\"stream\":\"s\",\"type\":\"T\",\"contentType\":\"image/png\","
                       "\"data\":\"%s\",\"metadata\":\"%s\"}",
                       good[i].text, good[i].text);
        assert_ok(parse(f, line), f->err);
        assert_slice(f->event.data, good[i].bytes);
        assert_slice(f->event.metadata, good[i].bytes);
        assert_int_equal(f->event.content_type, FACTUM_CONTENT_BINARY);
    }
}

TEST(a_bad_line_is_refused_with_its_byte)
{
    F;
    static const struct {
        const char *line, *text;
    } bad[] = {
        {"", "byte 0: this is no JSON"},
        {"no json", "byte 0: this is no JSON"},
        {"{\"stream\":\"s\"", "byte 13: this is no JSON"},
        {"{\"stream\":\"s\"} {}", "byte 15: this is no JSON"},
        {"{\"stream\":\"s\",\"type\":\"\xff\"}", "byte 22: this is no JSON"},
        {"{\"stream\":\"s\",\"type\":\"T\xc3\xa4\xc3\"}", "byte 25: this is no JSON"},
        {"{\"stream\":\"s\",\"type\":\"\\ud800\"}", "byte 21: \"type\" is a text"},
        {"[]", "byte 0: an event is a JSON object"},
        {"7", "byte 0: an event is a JSON object"},
        {"{}", "byte 0: \"stream\" is missing or empty: an event has a \"stream\" and a \"type\""},
        {"{\"stream\":\"\",\"type\":\"T\"}",
         "byte 0: \"stream\" is missing or empty: an event has a \"stream\" and a \"type\""},
        {"{\"stream\":7,\"type\":\"T\"}", "byte 10: \"stream\" is a text"},
        {"{\"stream\":\"s\",\"type\":null}", "byte 21: \"type\" is a text"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"id\":\"7\"}", "byte 30: \"id\" is a UUID"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"id\":7}", "byte 30: \"id\" is a UUID"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"time\":\"x\"}",
         "byte 32: \"time\" is a time as in RFC 3339, from 1677 to 2262"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"time\":\"1600-01-01T00:00:00Z\"}",
         "byte 32: \"time\" is a time as in RFC 3339, from 1677 to 2262"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"time\":7}",
         "byte 32: \"time\" is a time as in RFC 3339"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"tags\":\"t\"}",
         "byte 32: \"tags\" is an array of texts"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"tags\":[\"t\",7]}",
         "byte 37: \"tags\" is an array of texts"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"metadata\":[]}",
         "byte 36: \"metadata\" is an object, or base64 text if it is not JSON"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"metadata\":\"Y\"}",
         "byte 36: \"metadata\" is an object, or base64 text if it is not JSON"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"contentType\":7}",
         "byte 39: \"contentType\" is a text"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"contentType\":\"b\",\"data\":{}}",
         "byte 50: \"data\" that is not JSON is base64 text"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"contentType\":\"b\",\"data\":\"a b\"}",
         "byte 50: \"data\" is no base64"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_status(parse(f, bad[i].line), FACTUM_INVALID);
        assert_string_equal(f->err.text, bad[i].text);
    }
    assert_ok(parse(f, "{\"stream\":\"s\",\"type\":\"T\"}"), f->err); /* it goes on */
}

TEST(a_line_may_have_32_tags_and_not_one_more)
{
    F;
    for (size_t count = FACTUM_TAGS_MAX; count <= FACTUM_TAGS_MAX + 1; count++) {
        char line[512];
        size_t used =
            (size_t)snprintf(line, sizeof line, "{\"stream\":\"s\",\"type\":\"T\",\"tags\":[");
        for (size_t i = 0; i < count; i++) {
            used += (size_t)snprintf(line + used, sizeof line - used, "%s\"t\"", i == 0 ? "" : ",");
        }
        (void)snprintf(line + used, sizeof line - used, "]}");
        factum_status status = parse(f, line);
        assert_int_equal(status, count == FACTUM_TAGS_MAX ? FACTUM_OK : FACTUM_INVALID);
        if (status != FACTUM_OK) {
            assert_string_equal(f->err.text, "byte 32: too many tags");
        }
    }
}

TEST(nesting_without_end_is_refused)
{
    F;
    enum { DEPTH = 100000 };
    static char line[DEPTH + 64];
    size_t used = (size_t)snprintf(line, sizeof line, "{\"stream\":\"s\",\"type\":\"T\",\"data\":");
    memset(line + used, '[', DEPTH);
    assert_status(parse(f, line), FACTUM_INVALID);
    assert_text(f->err, "this is no JSON");
}

TEST(a_line_over_64_mebibytes_is_refused_unread)
{
    F;
    factum_slice line = fct_slice("{", ((size_t)64 << 20) + 1);
    assert_status(factum_ndjson_parse(f->ndjson, line, &f->event, &f->err), FACTUM_TOO_BIG);
    assert_string_equal(f->err.text, "a line of 67108865 bytes: at most 67108864");
}

TEST(what_is_said_twice_counts_the_last_time)
{
    F;
    assert_ok(parse(f, "{\"stream\":\"s\",\"type\":\"T\",\"tags\":[\"t\",\"u\"],\"tags\":[\"v\"],"
                       "\"data\":1,\"data\":2,\"stream\":\"r\",\"metadata\":{},\"metadata\":null}"),
              f->err);
    assert_slice(f->event.stream, "r");
    assert_slice(f->event.data, "2");
    assert_int_equal(f->event.tag_count, 1);
    assert_slice(f->event.tags[0], "v");
    assert_int_equal(f->event.metadata.len, 0);
}

/* ---- writing --------------------------------------------------------------------------------- */

static factum_event stored(void)
{
    return (factum_event){
        .stream = FCT_SLICE("s-1"),
        .type = FCT_SLICE("T"),
        .data = FCT_SLICE("{\"n\":1}"),
        .content_type = FCT_SLICE("application/json"),
        .revision = 7,
        .position = 4096,
    };
}

/* Written, read again, and the same. */
static void assert_round_trip(struct fixture *f, const factum_event *event)
{
    factum_slice line;
    factum_ndjson *writer = factum_ndjson_create();
    assert_non_null(writer);
    assert_ok(factum_ndjson_format(writer, event, &line, &f->err), f->err);
    assert_int_equal(line.ptr[line.len - 1], '\n');
    assert_ptr_equal(memchr(line.ptr, '\n', line.len), line.ptr + line.len - 1);
    assert_ok(factum_ndjson_parse(f->ndjson, line, &f->event, &f->err), f->err);
    assert_true(fct_slice_equal(f->event.stream, event->stream));
    assert_true(fct_slice_equal(f->event.type, event->type));
    assert_true(fct_slice_equal(f->event.data, event->data));
    assert_true(fct_slice_equal(f->event.metadata, event->metadata));
    assert_memory_equal(f->event.id.bytes, event->id.bytes, 16);
    assert_int_equal(f->event.has_time, event->has_time);
    assert_int_equal(f->event.time, event->has_time ? event->time : 0);
    assert_int_equal(f->event.tag_count, event->tag_count);
    for (size_t i = 0; i < event->tag_count; i++) {
        assert_true(fct_slice_equal(f->event.tags[i], event->tags[i]));
    }
    factum_ndjson_destroy(writer);
}

TEST(an_event_is_one_line)
{
    F;
    factum_event event = stored();
    factum_slice line;
    assert_ok(factum_ndjson_format(f->ndjson, &event, &line, &f->err), f->err);
    assert_slice(line, "{\"stream\":\"s-1\",\"type\":\"T\","
                       "\"id\":\"00000000-0000-0000-0000-000000000000\",\"data\":{\"n\":1},"
                       "\"revision\":7,\"position\":4096,\"created\":\"1970-01-01T00:00:00Z\"}\n");
}

TEST(what_is_written_reads_back_as_it_was)
{
    F;
    const factum_slice tags[] = {FCT_SLICE("a\"b\\c"), FCT_SLICE("\x01\x1f\t"),
                                 FCT_SLICE("\xc3\xa4")};
    factum_event event = stored();
    event.stream = FCT_SLICE("a\"\\\x02/\xc3\xa4");
    event.tags = tags;
    event.tag_count = 3;
    event.has_time = true;
    event.time = INT64_C(-693705600000000001);
    event.id.bytes[3] = 0x7f;
    event.metadata = FCT_SLICE("{\"a\": 1}");
    assert_round_trip(f, &event);
    const int64_t edges[] = {INT64_MIN, INT64_MAX, 0, -1};
    for (size_t i = 0; i < 4; i++) {
        event.time = edges[i];
        assert_round_trip(f, &event);
    }
}

TEST(data_that_does_not_fit_a_line_becomes_base64)
{
    F;
    const factum_slice odd[] = {
        FCT_SLICE("no json"), FCT_SLICE("\0\xff\n\"\\"), FCT_SLICE("a"),
        FCT_SLICE("ab"),      FCT_SLICE("\xff"),
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        factum_event event = stored();
        event.data = odd[i];
        event.metadata = odd[i];
        assert_round_trip(f, &event);
        event.content_type = FCT_SLICE("application/octet-stream");
        assert_round_trip(f, &event);
    }
    factum_event event = stored();
    event.metadata = FCT_SLICE("[1]"); /* JSON, but no object */
    event.data.len = 0;
    assert_round_trip(f, &event);
    event.content_type = FCT_SLICE("application/octet-stream");
    assert_round_trip(f, &event);
    assert_int_equal(f->event.content_type, FACTUM_CONTENT_BINARY);
}

TEST(json_is_written_on_one_line)
{
    F;
    const factum_slice spread[][2] = {
        {FCT_SLICE("{\n\"n\":\r\n1}"), FCT_SLICE("{ \"n\":  1}")},
        {FCT_SLICE(" {}"), FCT_SLICE("{}")},
        {FCT_SLICE("{}\n"), FCT_SLICE("{}")},
    };
    for (size_t i = 0; i < sizeof spread / sizeof spread[0]; i++) {
        factum_event event = stored();
        factum_slice line;
        event.data = spread[i][0];
        event.metadata = spread[i][0];
        factum_ndjson *writer = factum_ndjson_create();
        assert_non_null(writer);
        assert_ok(factum_ndjson_format(writer, &event, &line, &f->err), f->err);
        assert_ok(factum_ndjson_parse(f->ndjson, line, &f->event, &f->err), f->err);
        assert_slice(f->event.data, (const char *)spread[i][1].ptr);
        assert_slice(f->event.metadata, (const char *)spread[i][1].ptr);
        assert_int_equal(f->event.content_type, FACTUM_CONTENT_JSON);
        factum_ndjson_destroy(writer);
    }
}

/* ---- single values --------------------------------------------------------------------------- */

TEST(a_member_is_found_by_its_path)
{
    factum_slice value;
    (void)state;
    const factum_slice json = FCT_SLICE("{\"a\":{\"b\":[1, 2],\"c\":\"x\"},\"d\":null}");
    assert_int_equal(factum_json_member(json, "a.b", &value), FACTUM_OK);
    assert_slice(value, "[1, 2]");
    assert_int_equal(factum_json_member(json, "d", &value), FACTUM_OK);
    assert_slice(value, "null");
    assert_int_equal(factum_json_member(json, "a.c.x", &value), FACTUM_NOT_FOUND);
    assert_int_equal(factum_json_member(json, "b", &value), FACTUM_NOT_FOUND);
    assert_int_equal(factum_json_member(json, "a..b", &value), FACTUM_NOT_FOUND);
    assert_int_equal(factum_json_member(FCT_SLICE("{"), "a", &value), FACTUM_INVALID);
    assert_int_equal(factum_json_member(fct_slice(NULL, 3), "a", &value), FACTUM_INVALID);
    assert_int_equal(factum_json_member(json, NULL, &value), FACTUM_INVALID);
    assert_int_equal(factum_json_member(json, "a", NULL), FACTUM_INVALID);
    assert_slice(value, "null"); /* left alone */
}

TEST(a_text_needs_room_for_its_end)
{
    char text[4] = "xxx";
    (void)state;
    assert_int_equal(factum_json_text(FCT_SLICE("\"a\\u0062c\""), text, 4), FACTUM_OK);
    assert_string_equal(text, "abc");
    assert_int_equal(factum_json_text(FCT_SLICE("\"abcd\""), text, 4), FACTUM_TOO_BIG);
    assert_int_equal(factum_json_text(FCT_SLICE("\"\""), text, 1), FACTUM_OK);
    assert_string_equal(text, "");
    assert_int_equal(factum_json_text(FCT_SLICE("\"a\""), text, 1), FACTUM_TOO_BIG);
    assert_int_equal(factum_json_text(FCT_SLICE("\"a\""), text, 0), FACTUM_INVALID);
    assert_int_equal(factum_json_text(FCT_SLICE("7"), text, 4), FACTUM_INVALID);
    assert_int_equal(factum_json_text(FCT_SLICE("\"a"), text, 4), FACTUM_INVALID);
    assert_int_equal(factum_json_text(fct_slice(NULL, 3), text, 4), FACTUM_INVALID);
    assert_int_equal(factum_json_text(FCT_SLICE("\"a\""), NULL, 4), FACTUM_INVALID);
}

TEST(a_number_is_whole_and_in_range)
{
    int64_t number = 1;
    (void)state;
    assert_int_equal(factum_json_int64(FCT_SLICE("-9223372036854775808"), &number), FACTUM_OK);
    assert_true(number == INT64_MIN);
    assert_int_equal(factum_json_int64(FCT_SLICE("9223372036854775807"), &number), FACTUM_OK);
    assert_true(number == INT64_MAX);
    const char *const bad[] = {"9223372036854775808", "1.5", "\"1\"", "", "1 2", "01", "null"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(factum_json_int64(factum_slice_from(bad[i]), &number), FACTUM_INVALID);
    }
    assert_int_equal(factum_json_int64(fct_slice(NULL, 1), &number), FACTUM_INVALID);
    assert_int_equal(factum_json_int64(FCT_SLICE("1"), NULL), FACTUM_INVALID);
    assert_true(number == INT64_MAX);
}

TEST(nothing_to_read_or_to_write_to_is_refused)
{
    F;
    factum_event event = stored();
    factum_slice line;
    const factum_slice good = FCT_SLICE("{\"stream\":\"s\",\"type\":\"T\"}");
    const char *text = "byte 0: there is no line, or no place for its event";
    assert_status(factum_ndjson_parse(NULL, good, &f->event, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, text);
    assert_status(factum_ndjson_parse(f->ndjson, good, NULL, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, text);
    assert_status(factum_ndjson_parse(f->ndjson, fct_slice(NULL, 9), &f->event, &f->err),
                  FACTUM_INVALID);
    assert_string_equal(f->err.text, text);
    text = "an event and a place for its line are needed";
    assert_status(factum_ndjson_format(NULL, &event, &line, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, text);
    assert_status(factum_ndjson_format(f->ndjson, NULL, &line, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, text);
    assert_status(factum_ndjson_format(f->ndjson, &event, NULL, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, text);
    factum_ndjson_destroy(NULL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_full_line_is_read_byte_for_byte),
        CASE(a_line_needs_a_stream_and_a_type_alone),
        CASE(escapes_are_decoded_in_names_and_left_in_data),
        CASE(names_of_members_may_have_escapes),
        CASE(bytes_come_as_base64),
        CASE(a_bad_line_is_refused_with_its_byte),
        CASE(a_line_may_have_32_tags_and_not_one_more),
        CASE(nesting_without_end_is_refused),
        CASE(a_line_over_64_mebibytes_is_refused_unread),
        CASE(what_is_said_twice_counts_the_last_time),
        CASE(an_event_is_one_line),
        CASE(what_is_written_reads_back_as_it_was),
        CASE(json_is_written_on_one_line),
        CASE(data_that_does_not_fit_a_line_becomes_base64),
        cmocka_unit_test(a_member_is_found_by_its_path),
        cmocka_unit_test(a_text_needs_room_for_its_end),
        cmocka_unit_test(a_number_is_whole_and_in_range),
        CASE(nothing_to_read_or_to_write_to_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
