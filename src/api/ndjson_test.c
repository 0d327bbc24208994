/* ndjson_test.c - events as lines: what is accepted, what is refused at which byte, and that a
 * written line reads back equal. */
#include "support/test.h"

#include <factum/ndjson.h>

#include "core/mem.h"
#include "core/slice.h"
#include "engine/rules.h"

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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    assert_ok(parse(f, "{\"stream\":\"s-1\",\"type\":\"T\",\"data\":{ \"n\" : 1.50 },"
                       "\"metadata\":{\"a\":[ ]},\"tags\":[\"t\",\"u\"],"
                       "\"id\":\"00112233-4455-6677-8899-aabbccddeeff\","
                       "\"time\":\"1948-01-08T00:00:00Z\",\"revision\":7,\"position\":8,"
                       "\"created\":\"x\",\"commit\":8,\"key\":\"k\"}\n"),
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
    struct fixture *f = *state;
    assert_ok(parse(f, " { \"type\" : \"T\" , \"stream\" : \"s\" } \r\n"), f->err);
    assert_slice(f->event.stream, "s");
    assert_int_equal(f->event.data.len, 0);
    assert_int_equal(f->event.metadata.len, 0);
    assert_int_equal(f->event.tag_count, 0);
    assert_false(f->event.has_time);
}

TEST(escapes_are_decoded_in_names_and_left_in_data)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    assert_ok(parse(f, "{\"str\\u0065am\":\"s\",\"type\":\"T\",\"d\\u0061ta\":7}"), f->err);
    assert_slice(f->event.stream, "s");
    assert_slice(f->event.data, "7");
}

TEST(bytes_come_as_base64)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    static const struct {
        const char *line, *text;
    } bad[] = {
        {"", "not valid JSON: the text ends where a value should be at byte 0"},
        {"no json", "not valid JSON: unexpected word no where a value should be at byte 0"},
        {"{\"stream\":\"s\"",
         "not valid JSON: the text ends where a ',' or '}' should be at byte 13"},
        {"{\"stream\":\"s\"} {}", "not valid JSON: trailing characters after the value at byte 15"},
        {"{\"stream\":\"s\",\"type\":\"\xff\"}",
         "not valid JSON: invalid UTF-8 in a string at byte 22"},
        {"{\"stream\":\"s\",\"type\":\"T\xc3\xa4\xc3\"}",
         "not valid JSON: invalid UTF-8 in a string at byte 25"},
        {"{\"stream\":\"s\",\"type\":\"\\ud800\"}",
         "\"type\" at byte 21 has a lone surrogate: \\ud800 to \\udfff come in pairs"},
        {"[]", "a line must be a JSON object, not []"},
        {"7", "a line must be a JSON object, not 7"},
        {"{}", "\"stream\" is missing or empty: an event has a \"stream\" and a \"type\""},
        {"{\"stream\":\"\",\"type\":\"T\"}",
         "\"stream\" is missing or empty: an event has a \"stream\" and a \"type\""},
        {"{\"stream\":7,\"type\":\"T\"}", "\"stream\" at byte 10 must be a string"},
        {"{\"stream\":\"s\",\"type\":null}", "\"type\" at byte 21 must be a string"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"id\":\"7\"}", "\"id\" at byte 30 must be a UUID"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"id\":7}", "\"id\" at byte 30 must be a UUID"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"id\":\"00000000-0000-0000-0000-000000000000\"}",
         "\"id\" at byte 30 must be another UUID than the nil one; without \"id\" the event gets a "
         "new one"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"time\":\"x\"}",
         "\"time\" at byte 32 must be a time as in RFC 3339, from 1677 to 2262"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"time\":\"1600-01-01T00:00:00Z\"}",
         "\"time\" at byte 32 must be a time as in RFC 3339, from 1677 to 2262"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"time\":7}",
         "\"time\" at byte 32 must be a time as in RFC 3339, from 1677 to 2262"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"time\":\"2025-03-10T12:34:60Z\"}",
         "\"time\" at byte 32 must be a time whose second exists: 60 only does as 23:59:60 UTC on "
         "30 June and 31 December"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"tags\":\"t\"}",
         "\"tags\" at byte 32 must be an array of strings"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"tags\":[\"t\",7]}",
         "\"tags\" at byte 32 must be an array of strings"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"metadata\":[]}",
         "\"metadata\" at byte 36 must be an object, or base64 if it is not JSON"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"metadata\":\"Y\"}",
         "\"metadata\" at byte 36 must be an object, or base64 if it is not JSON"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_status(parse(f, bad[i].line), FACTUM_INVALID);
        assert_string_equal(f->err.text, bad[i].text);
    }
    assert_ok(parse(f, "{\"stream\":\"s\",\"type\":\"T\"}"),
              f->err); /* the parser can be used again */
}

TEST(a_bad_member_is_refused_with_its_byte)
{
    struct fixture *f = *state;
    static const struct {
        const char *line, *text;
    } bad[] = {
        {"{\"stream\":\"s\",\"type\":\"T\",\"contentType\":7}",
         "\"contentType\" at byte 39 must be a media type, as in image/png"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"contentType\":\"nonsense\",\"data\":\"aGk=\"}",
         "\"contentType\" at byte 39 must be a media type, as in image/png"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"contentType\":\"b/b\",\"data\":{}}",
         "\"data\" at byte 52 must be base64 text, since \"contentType\" is not JSON"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"contentType\":\"b/b\",\"data\":\"a b\"}",
         "\"data\" at byte 52 must be base64 text, since \"contentType\" is not JSON"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"encoding\":\"hex\",\"data\":\"ab\"}",
         "\"encoding\" at byte 36 must be \"base64\""},
        {"{\"stream\":\"s\",\"type\":\"T\",\"commit\":-1}",
         "\"commit\" at byte 34 must be a whole number, 0 or more"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"commit\":\"1\"}",
         "\"commit\" at byte 34 must be a whole number, 0 or more"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"key\":\"\"}",
         "\"key\" at byte 31 must be a string of 1 to 1,024 bytes"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"key\":7}",
         "\"key\" at byte 31 must be a string of 1 to 1,024 bytes"},
        {"{\"stream\":\"s\",\"stream\":\"t\",\"type\":\"T\"}",
         "duplicate member \"stream\" at byte 14"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"str\\u0065am\":\"t\"}",
         "duplicate member \"str\\u0065am\" at byte 25"},
        {"{\"stream\":\"s\",\"type\":\"T\",\"dat\":1}",
         "unknown member \"dat\" at byte 25: a line has stream, type, data, metadata, tags, id, "
         "time, contentType, commit, key"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_status(parse(f, bad[i].line), FACTUM_INVALID);
        assert_string_equal(f->err.text, bad[i].text);
    }
}

TEST(a_line_may_have_32_tags_and_not_one_more)
{
    struct fixture *f = *state;
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
            assert_string_equal(f->err.text,
                                "\"tags\" at byte 32 must be an array of at most 32 strings");
        }
    }
}

TEST(nesting_without_end_is_refused)
{
    struct fixture *f = *state;
    enum { DEPTH = 100000 };
    static char line[DEPTH + 64];
    size_t used = (size_t)snprintf(line, sizeof line, "{\"stream\":\"s\",\"type\":\"T\",\"data\":");
    memset(line + used, '[', DEPTH);
    assert_status(parse(f, line), FACTUM_INVALID);
    assert_string_equal(f->err.text, "not valid JSON: nesting deeper than 64 at byte 96");
}

TEST(a_line_over_64_mebibytes_is_refused_unread)
{
    struct fixture *f = *state;
    factum_slice line = fct_slice("{", ((size_t)64 << 20) + 1);
    assert_status(factum_ndjson_parse(f->ndjson, line, &f->event, &f->err), FACTUM_TOO_BIG);
    assert_string_equal(f->err.text, "a line of 67108865 bytes: at most 67108864");
}

TEST(data_and_metadata_may_each_be_64_deep)
{
    struct fixture *f = *state;
    char line[1024];
    char deep[2 * 64 * 5];
    size_t used = 0;
    for (int i = 0; i < 64; i++) {
        used += (size_t)snprintf(deep + used, sizeof deep - used, "%s", i < 63 ? "{\"a\":" : "{");
    }
    memset(deep + used, '}', 64);
    (void)snprintf(line, sizeof line,
                   "{\"stream\":\"s\",\"type\":\"T\",\"data\":%.*s,\"metadata\":%.*s}",
                   (int)used + 64, deep, (int)used + 64, deep);
    assert_ok(parse(f, line), f->err);
    assert_int_equal(f->event.data.len, used + 64);
    assert_int_equal(f->event.metadata.len, used + 64);
}

TEST(lenient_parsing_only_on_request)
{
    struct fixture *f = *state;
    const factum_slice text =
        FCT_SLICE("{\"stream\":\"s\",\"type\":\"T\",\"tags\":[\"t\",\"u\"],\"tags\":[\"v\"],"
                  "\"data\":1,\"data\":2,\"stream\":\"r\",\"metadata\":{},\"metadata\":null,"
                  "\"timestamp\":7,\"a much longer name\\u0020\":2,\"\\ud800\":1}");
    factum_ndjson_line line = {.size = sizeof line, .lenient = true};
    assert_ok(factum_ndjson_parse_line(f->ndjson, text, &line, &f->err), f->err);
    assert_slice(line.event.stream, "r");
    assert_slice(line.event.data, "2");
    assert_int_equal(line.event.tag_count, 1);
    assert_slice(line.event.tags[0], "v");
    assert_int_equal(line.event.metadata.len, 0);
    line.lenient = false;
    assert_status(factum_ndjson_parse_line(f->ndjson, text, &line, &f->err), FACTUM_INVALID);
    assert_slice(line.event.data, "2"); /* not changed */
}

TEST(a_line_may_name_its_commit_and_its_key)
{
    struct fixture *f = *state;
    factum_ndjson_line line = {.size = sizeof line};
    assert_ok(
        factum_ndjson_parse_line(
            f->ndjson,
            FCT_SLICE("{\"stream\":\"s\",\"type\":\"T\",\"commit\":4160,\"key\":\"a\\u002fb\"}"),
            &line, &f->err),
        f->err);
    assert_true(line.has_commit && line.commit == 4160);
    assert_slice(line.key, "a/b");
    assert_ok(factum_ndjson_parse_line(f->ndjson, FCT_SLICE("{\"stream\":\"s\",\"type\":\"T\"}"),
                                       &line, &f->err),
              f->err);
    assert_false(line.has_commit);
    assert_int_equal(line.key.len, 0);
    line.size = 0;
    assert_status(factum_ndjson_parse_line(f->ndjson, FCT_SLICE("{}"), &line, &f->err),
                  FACTUM_INVALID);
}

TEST(a_line_without_a_stream_takes_the_one_given_and_may_name_no_other)
{
    struct fixture *f = *state;
    static const uint8_t name[] = "s-1";
    factum_ndjson_line line = {.size = sizeof line, .stream = {name, 3}};
    factum_slice text = factum_slice_from("{\"type\":\"T\",\"data\":1}");
    assert_ok(factum_ndjson_parse_line(f->ndjson, text, &line, &f->err), f->err);
    assert_slice(line.event.stream, "s-1");
    text = factum_slice_from("{\"type\":\"T\",\"stream\":\"s\\u002d1\"}");
    assert_ok(factum_ndjson_parse_line(f->ndjson, text, &line, &f->err), f->err);
    assert_slice(line.event.stream, "s-1");
    text = factum_slice_from("{\"type\":\"T\",\"stream\":\"s-2\"}");
    assert_status(factum_ndjson_parse_line(f->ndjson, text, &line, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, "\"stream\" is \"s-2\", but the events are for \"s-1\": leave "
                                     "it out");
}

TEST(a_content_type_decides_whether_data_is_json)
{
    struct fixture *f = *state;
    static const struct {
        const char *type, *data, *read;
        factum_content_type content;
    } cases[] = {
        {"image/png", "\"aGk=\"", "hi", FACTUM_CONTENT_BINARY},
        {"application/vnd.acme+json", "{\"a\":1}", "{\"a\":1}", FACTUM_CONTENT_JSON},
        {"Application/JSON; charset=utf-8", "[1]", "[1]", FACTUM_CONTENT_JSON},
        {"text/json", "7", "7", FACTUM_CONTENT_JSON},
        {"application/json+x", "\"aGk=\"", "hi", FACTUM_CONTENT_BINARY},
        {"a/json", "\"aGk=\"", "hi", FACTUM_CONTENT_BINARY},
    };
    char line[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(line, sizeof line,
                       "{\"stream\":\"s\",\"type\":\"T\",\"contentType\":\"%s\",\"data\":%s}",
                       cases[i].type, cases[i].data);
        assert_ok(parse(f, line), f->err);
        assert_slice(f->event.media_type, cases[i].type);
        assert_slice(f->event.data, cases[i].read);
        assert_int_equal(f->event.content_type, cases[i].content);
    }
    assert_ok(parse(f, "{\"stream\":\"s\",\"type\":\"T\",\"contentType\":\"application/json\"}"),
              f->err);
    assert_int_equal(f->event.media_type.len, 0);
    assert_ok(parse(f, "{\"stream\":\"s\",\"type\":\"T\",\"encoding\":\"base64\",\"data\":\"ew\"}"),
              f->err);
    assert_slice(f->event.data, "{");
    assert_int_equal(f->event.content_type, FACTUM_CONTENT_JSON);
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

/* Writes, reads back and compares. */
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
    assert_true(fct_slice_equal(fct_event_content_type(&f->event), event->content_type));
    factum_ndjson_destroy(writer);
}

TEST(an_event_is_one_line)
{
    struct fixture *f = *state;
    factum_event event = stored();
    factum_slice line;
    assert_ok(factum_ndjson_format(f->ndjson, &event, &line, &f->err), f->err);
    assert_slice(line, "{\"stream\":\"s-1\",\"type\":\"T\","
                       "\"data\":{\"n\":1},"
                       "\"revision\":7,\"position\":4096,\"created\":\"1970-01-01T00:00:00Z\"}\n");
}

TEST(commit_and_key_are_written_if_known)
{
    struct fixture *f = *state;
    factum_event event = stored();
    const factum_slice key = FCT_SLICE("pay/\"1\"");
    factum_slice line;
    event.commit = 4096;
    event.key = &key;
    assert_ok(factum_ndjson_format(f->ndjson, &event, &line, &f->err), f->err);
    assert_slice(line, "{\"stream\":\"s-1\",\"type\":\"T\",\"data\":{\"n\":1},"
                       "\"key\":\"pay/\\\"1\\\"\",\"revision\":7,\"position\":4096,"
                       "\"commit\":4096,\"created\":\"1970-01-01T00:00:00Z\"}\n");
}

TEST(what_is_written_reads_back_as_it_was)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
        event.content_type = FCT_SLICE("image/png");
        assert_round_trip(f, &event);
        event.content_type = FCT_SLICE("application/vnd.acme+json");
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
    struct fixture *f = *state;
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

TEST(json_is_checked_with_a_reason)
{
    struct fixture *f = *state;
    assert_ok(factum_json_check(FCT_SLICE(" {\"a\":[1]} "), &f->err), f->err);
    assert_status(factum_json_check(FCT_SLICE("{\"total\": 4200"), &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text,
                        "not valid JSON: the text ends where a ',' or '}' should be at byte 14");
    assert_status(factum_json_check(fct_slice(NULL, 0), &f->err), FACTUM_INVALID);
    assert_status(factum_json_check(fct_slice(NULL, 3), &f->err), FACTUM_INVALID);
}

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
    assert_slice(value, "null"); /* not changed */
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
    struct fixture *f = *state;
    factum_event event = stored();
    factum_slice line;
    const factum_slice good = FCT_SLICE("{\"stream\":\"s\",\"type\":\"T\"}");
    const char *text = "there is no line";
    assert_status(factum_ndjson_parse(NULL, good, &f->event, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, text);
    assert_status(factum_ndjson_parse(f->ndjson, good, NULL, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, "the event is NULL");
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
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_full_line_is_read_byte_for_byte),
        FIXTURE_CASE(a_line_needs_a_stream_and_a_type_alone),
        FIXTURE_CASE(escapes_are_decoded_in_names_and_left_in_data),
        FIXTURE_CASE(names_of_members_may_have_escapes),
        FIXTURE_CASE(bytes_come_as_base64),
        FIXTURE_CASE(a_bad_line_is_refused_with_its_byte),
        FIXTURE_CASE(a_bad_member_is_refused_with_its_byte),
        FIXTURE_CASE(a_line_may_have_32_tags_and_not_one_more),
        FIXTURE_CASE(nesting_without_end_is_refused),
        FIXTURE_CASE(a_line_over_64_mebibytes_is_refused_unread),
        FIXTURE_CASE(data_and_metadata_may_each_be_64_deep),
        FIXTURE_CASE(lenient_parsing_only_on_request),
        FIXTURE_CASE(a_line_may_name_its_commit_and_its_key),
        FIXTURE_CASE(a_line_without_a_stream_takes_the_one_given_and_may_name_no_other),
        FIXTURE_CASE(a_content_type_decides_whether_data_is_json),
        FIXTURE_CASE(an_event_is_one_line),
        FIXTURE_CASE(commit_and_key_are_written_if_known),
        FIXTURE_CASE(what_is_written_reads_back_as_it_was),
        FIXTURE_CASE(json_is_written_on_one_line),
        FIXTURE_CASE(data_that_does_not_fit_a_line_becomes_base64),
        FIXTURE_CASE(json_is_checked_with_a_reason),
        CASE(a_member_is_found_by_its_path),
        CASE(a_text_needs_room_for_its_end),
        CASE(a_number_is_whole_and_in_range),
        FIXTURE_CASE(nothing_to_read_or_to_write_to_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
