/* json_test.c - the scanner: documents that it must accept or refuse, and the values that it
 * extracts. Layer: codec. */
#include "codec/json.h"

#include "core/random.h"
#include "core/slice.h"
#include "support/test.h"

static factum_status parse(const char *text, struct fct_json *value)
{
    return fct_json_parse(factum_slice_from(text), value, NULL);
}

static struct fct_json parsed(const char *text)
{
    struct fct_json value;
    if (parse(text, &value) != FACTUM_OK) {
        print_error("refused: %s\n", text);
        fail();
    }
    return value;
}

static bool is(factum_slice slice, const char *text)
{
    return fct_slice_equal(slice, factum_slice_from(text));
}

static void assert_accepted(const char *const *texts, size_t count, factum_json_kind kind)
{
    for (size_t i = 0; i < count; i++) {
        struct fct_json value = parsed(texts[i]);
        if (value.kind != kind || !is(value.raw, texts[i])) {
            print_error("not as it stands: %s\n", texts[i]);
            fail();
        }
    }
}

/* A text, and the offset of the first byte that does not fit. */
struct refused {
    const char *text;
    size_t at;
};

static void assert_refused(const struct refused *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fct_json value = {.kind = FACTUM_JSON_NULL};
        struct fct_json_fault fault = {.at = 999};
        factum_status status = fct_json_parse(factum_slice_from(cases[i].text), &value, &fault);
        if (status != FACTUM_INVALID || fault.at != cases[i].at || value.raw.ptr != NULL ||
            fault.reason[0] == '\0') {
            print_error("%s: %s at %zu, not at %zu\n", cases[i].text, factum_status_name(status),
                        fault.at, cases[i].at);
            fail();
        }
    }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- accepted -------------------------------------------------------------------------------- */

TEST(words_are_values)
{
    static const char *const words[] = {"true", "false", "null"};
    assert_accepted(&words[0], 1, FACTUM_JSON_TRUE);
    assert_accepted(&words[1], 1, FACTUM_JSON_FALSE);
    assert_accepted(&words[2], 1, FACTUM_JSON_NULL);
}

TEST(numbers_are_kept_byte_for_byte)
{
    static const char *const texts[] = {
        "0",     "-0",       "1",       "-1",   "10",   "1234567890123456789012345678901234567890",
        "0.0",   "-0.0",     "1.5",     "0e0",  "0E+0", "1e-999999999999",
        "1e999", "1.23E+45", "-1.0e-1", "0.10", "1E5",  "0.00000000000000000000000000000000000001",
    };
    assert_accepted(texts, COUNT(texts), FACTUM_JSON_NUMBER);
}

TEST(texts_may_hold_escapes_and_any_unicode)
{
    static const char *const texts[] = {
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0000\"",
        "\"\\uABCD\\uabcd\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud800\"", /* well-formed text without a meaning: unescape refuses it */
        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "\"\x7f\"",
        "\"/\"",
        "\"[{:,}]\"",
    };
    assert_accepted(texts, COUNT(texts), FACTUM_JSON_TEXT);
}

TEST(arrays_and_objects_nest)
{
    static const char *const arrays[] = {
        "[]",           "[ ]",         "[1]",     "[1,2]", "[[]]",      "[{}]",
        "[\t1\n,\r2 ]", "[null,true]", "[\"]\"]", "[1e1]", "[[[[1]]]]", "[{\"a\":[{}]}]",
    };
    static const char *const objects[] = {
        "{}",
        "{ }",
        "{\"a\":1}",
        "{\"a\" : 1 , \"b\" : [ ] }",
        "{\"\":\"\"}",
        "{\"a\":{\"a\":{}}}",
        "{\"a\":1,\"a\":2}",
        "{\"}\":\"{\"}",
        "{\"\\u0061\":null}",
    };
    assert_accepted(arrays, COUNT(arrays), FACTUM_JSON_ARRAY);
    assert_accepted(objects, COUNT(objects), FACTUM_JSON_OBJECT);
}

TEST(white_space_around_a_value_is_left_out)
{
    struct fct_json value = parsed(" \t\r\n{ \"a\" : 1 }\n ");
    assert_true(is(value.raw, "{ \"a\" : 1 }"));
    value = parsed(" 12 ");
    assert_true(is(value.raw, "12"));
}

/* ---- refused --------------------------------------------------------------------------------- */

TEST(nothing_is_no_value)
{
    static const struct refused cases[] = {{"", 0}, {" ", 1}, {"\n\t ", 3}};
    struct fct_json value;
    assert_refused(cases, COUNT(cases));
    assert_status(fct_json_parse((factum_slice){0}, &value, NULL), FACTUM_INVALID);
}

TEST(text_after_a_value_is_refused)
{
    static const struct refused cases[] = {
        {"1 2", 2},   {"{}}", 2},    {"[]]", 2},     {"{} x", 3}, {"nullx", 4},
        {"true,", 4}, {"\"a\"b", 3}, {"[1] [2]", 4}, {"1\v", 1},  {"1\xc2\xa0", 1},
    };
    assert_refused(cases, COUNT(cases));
    struct fct_json value;
    struct fct_json_fault fault = {.at = 0};
    assert_status(fct_json_parse(fct_slice("1\0", 2), &value, &fault), FACTUM_INVALID);
    assert_int_equal(fault.at, 1);
}

TEST(misspelt_words_are_refused)
{
    static const struct refused cases[] = {
        {"True", 0}, {"tru", 0}, {"trux", 0}, {"nul", 0}, {"nil", 0}, {"fals", 0},
        {"NaN", 0},  {"Inf", 0}, {"-Inf", 1}, {"x", 0},   {"'a'", 0}, {"/**/1", 0},
    };
    assert_refused(cases, COUNT(cases));
}

TEST(malformed_numbers_are_refused)
{
    static const struct refused cases[] = {
        {"01", 1},    {"-01", 2},   {"00", 1},    {"+1", 0},    {".5", 0},  {"1.", 2},
        {"1.e1", 2},  {"1e", 2},    {"1e+", 3},   {"-", 1},     {"--1", 1}, {"0x10", 1},
        {"1_000", 1}, {"1.2.3", 3}, {"1e1.5", 3}, {"1e1e1", 3}, {"-a", 1},  {"1,", 1},
    };
    assert_refused(cases, COUNT(cases));
}

TEST(malformed_texts_are_refused)
{
    static const struct refused cases[] = {
        {"\"", 1},          {"\"a", 2},      {"\"a\nb\"", 2},    {"\"\t\"", 1},  {"\"\x1f\"", 1},
        {"\"\\x41\"", 2},   {"\"\\\"", 3},   {"\"\\", 2},        {"\"\\u\"", 3}, {"\"\\u12\"", 5},
        {"\"\\u12g4\"", 5}, {"\"\\u123", 6}, {"\"\\U0041\"", 2}, {"\"\\'\"", 2}, {"\"\\0\"", 2},
    };
    assert_refused(cases, COUNT(cases));
}

TEST(bytes_that_are_not_utf8_are_refused_at_their_place)
{
    static const struct refused cases[] = {
        {"\"\x80\"", 1},
        {"\"ab\xff\"", 3},
        {"\"a\xc0\x80\"", 2},
        {"\"\xed\xa0\x80\"", 1},
        {"\"\xe2\x82\"", 1},
        {"\"\xf4\x90\x80\x80\"", 1},
        {"\"\xf0\x9f\x98\x80\xf0\x9f\"", 5},
        {"{\"\xff\":1}", 2},
        {"[\"12345678901234567890\xfe\"]", 22},
        {"\"\xc3\xa4\xff\ncontrol\"", 3},
        {"\xef\xbb\xbf{}", 0},
    };
    assert_refused(cases, COUNT(cases));
}

TEST(brackets_and_commas_out_of_place_are_refused)
{
    static const struct refused cases[] = {
        {"[", 1},         {"]", 0},         {"{", 1},
        {"}", 0},         {"[1", 2},        {"[1,", 3},
        {"[1,]", 3},      {"[,1]", 1},      {"[1 2]", 3},
        {"[1}", 2},       {"{]", 1},        {"{1:2}", 1},
        {"{\"a\"}", 4},   {"{\"a\":}", 5},  {"{\"a\":1,}", 7},
        {"{,}", 1},       {"{\"a\" 1}", 5}, {"{\"a\":1 \"b\":2}", 7},
        {"{\"a\":1]", 6}, {"[[]", 3},       {"[[],]", 4},
        {"{a:1}", 1},     {"{\"a\"", 4},    {"{\"a\":", 5},
        {"{\"a\":1", 6},  {"[1:2]", 2},     {",", 0},
        {":", 0},
    };
    assert_refused(cases, COUNT(cases));
}

TEST(every_truncated_document_is_refused_at_its_end)
{
    static const char whole[] = "{\"id\": \"\\u00e4\\n\xe2\x82\xac\", \"list\": [1.5e+3, true, "
                                "null, {\"a\": []}], \"b\": false}";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        struct fct_json value;
        struct fct_json_fault fault = {.at = 0};
        assert_status(fct_json_parse(fct_slice(whole, len), &value, &fault), FACTUM_INVALID);
        size_t at = fault.at;
        bool in_word = at < len && strchr("tfn", whole[at]) != NULL && at + 4 >= len;
        bool in_character = (whole[len] & 0xc0) == 0x80 && at + 2 >= len;
        assert_true(at == len || in_word || in_character);
    }
    (void)parsed(whole);
}

TEST(the_depth_has_its_maximum)
{
    static char text[4 * FCT_JSON_DEPTH_MAX * 2];
    for (int depth = FCT_JSON_DEPTH_MAX - 1; depth <= FCT_JSON_DEPTH_MAX + 1; depth++) {
        struct fct_json value;
        struct fct_json_fault fault = {.at = 0};
        size_t d = (size_t)depth;
        memset(text, '[', d);
        memset(text + d, ']', d);
        factum_status expected = depth > FCT_JSON_DEPTH_MAX ? FACTUM_INVALID : FACTUM_OK;
        assert_status(fct_json_parse(fct_slice(text, 2 * d), &value, &fault), expected);
        assert_true(expected == FACTUM_OK || fault.at == FCT_JSON_DEPTH_MAX);
        size_t used = 0;
        for (size_t i = 0; i < d; i++) {
            memcpy(text + used, i % 2 == 0 ? "{\"\":" : "[", i % 2 == 0 ? 4 : 1);
            used += i % 2 == 0 ? 4 : 1;
        }
        text[used++] = '1';
        for (size_t i = d; i-- > 0;) {
            text[used++] = i % 2 == 0 ? '}' : ']';
        }
        assert_status(fct_json_parse(fct_slice(text, used), &value, &fault), expected);
    }
}

TEST(text_that_is_not_json_is_refused_with_reason_and_place)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "the text ends where a value should be at byte 0"},
        {"{\"total\": 4200", "the text ends where a ',' or '}' should be at byte 14"},
        {"[1,", "the text ends where a value should be at byte 3"},
        {"{\"a\"", "the text ends where a ':' should be at byte 4"},
        {"{\"a\":\"b", "the text ends inside a string at byte 7"},
        {"{total:1}",
         "unexpected word total where a member's name in \" quotes should be at byte 1"},
        {"{'a':1}",
         "unexpected character ' where a member's name in \" quotes should be at byte 1"},
        {"{\"a\":NaN}", "unexpected word NaN where a value should be at byte 5"},
        {"True", "unexpected word True where a value should be at byte 0"},
        {"\xc3\xa4", "unexpected character \xc3\xa4 where a value should be at byte 0"},
        {"[1 2]", "unexpected character 2 where a ',' or ']' should be at byte 3"},
        {"-x", "unexpected character x where a digit should be at byte 1"},
        {"\x01", "control character 0x01 where a value should be at byte 0"},
        {"[\xff]", "invalid UTF-8 at byte 1"},
        {"\"a\xff\"", "invalid UTF-8 in a string at byte 2"},
        {"\"a\nb\"", "line end in a string: it is written \\n at byte 2"},
        {"\"\t\"", "tab in a string: it is written \\t at byte 1"},
        {"\"\x1f\"", "control character in a string: it is written \\u and its code at byte 1"},
        {"\"\\x\"", "unknown escape in a string: a \\ is written \\\\ at byte 2"},
        {"\"\\u12\"", "\\u without four hexadecimal digits in a string at byte 5"},
        {"007", "number with a leading zero at byte 1"},
        {"{} {}", "trailing characters after the value at byte 3"},
    };
    char expected[256];
    struct fct_json value;
    factum_error err;
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)snprintf(expected, sizeof expected, "not valid JSON: %s", cases[i].said);
        assert_status(fct_json_check(factum_slice_from(cases[i].text), &value, &err),
                      FACTUM_INVALID);
        assert_string_equal(err.text, expected);
    }
    assert_status(fct_json_check(fct_slice("[\0]", 3), &value, &err), FACTUM_INVALID);
    assert_string_equal(err.text, "not valid JSON: NUL byte where a value should be at byte 1");
    assert_status(fct_json_check(fct_slice("\"\0\"", 3), &value, &err), FACTUM_INVALID);
    assert_string_equal(err.text,
                        "not valid JSON: NUL byte in a string: it is written \\u0000 at byte 1");
    char deep[65];
    memset(deep, '[', sizeof deep);
    assert_status(fct_json_check(fct_slice(deep, sizeof deep), &value, &err), FACTUM_INVALID);
    assert_string_equal(err.text, "not valid JSON: nesting deeper than 64 at byte 64");
}

TEST(closing_a_container_reduces_the_depth)
{
    static char text[8 * 10000];
    size_t used = 0;
    text[used++] = '[';
    for (int i = 0; i < 10000; i++) {
        memcpy(text + used, "[[{}]],", 7);
        used += 7;
    }
    text[used - 1] = ']';
    struct fct_json value;
    assert_status(fct_json_parse(fct_slice(text, used), &value, NULL), FACTUM_OK);
}

TEST(a_million_brackets_are_refused_at_once)
{
    static char text[1000000];
    struct fct_json value;
    struct fct_json_fault fault = {.at = 0};
    memset(text, '[', sizeof text);
    assert_status(fct_json_parse(fct_slice(text, sizeof text), &value, &fault), FACTUM_INVALID);
    assert_int_equal(fault.at, FCT_JSON_DEPTH_MAX);
    for (size_t i = 0; i + 5 <= sizeof text; i += 5) {
        memcpy(text + i, "{\"a\":", 5);
    }
    assert_status(fct_json_parse(fct_slice(text, sizeof text), &value, &fault), FACTUM_INVALID);
    assert_int_equal(fault.at, FCT_JSON_DEPTH_MAX * 5);
}

/* ---- stepping -------------------------------------------------------------------------------- */

static factum_json taped(const char *text)
{
    static factum_json_node nodes[64];
    factum_json json;
    factum_error err;
    assert_ok(factum_json_parse(factum_slice_from(text), NULL, nodes, COUNT(nodes), &json, &err),
              err);
    return json;
}

TEST(members_come_in_their_order_with_raw_values)
{
    factum_json json = taped("{ \"a\" : 1 ,\"b\":\"x,}\\\"\", \"c\":[1,{}] ,\"d\":{\"e\":[]},"
                             "\"\":null,\"f\":true}");
    static const char *const names[] = {"a", "b", "c", "d", "", "f"};
    static const char *const values[] = {"1",          "\"x,}\\\"\"", "[1,{}]",
                                         "{\"e\":[]}", "null",        "true"};
    static const factum_json_kind kinds[] = {FACTUM_JSON_NUMBER, FACTUM_JSON_TEXT,
                                             FACTUM_JSON_ARRAY,  FACTUM_JSON_OBJECT,
                                             FACTUM_JSON_NULL,   FACTUM_JSON_TRUE};
    uint32_t at = factum_json_first(&json, FACTUM_JSON_ROOT);
    for (size_t i = 0; i < 6; i++) {
        assert_int_not_equal(at, FACTUM_JSON_NONE);
        assert_true(is(factum_json_inside(&json, at), names[i]));
        assert_true(is(factum_json_raw(&json, at + 1), values[i]));
        assert_int_equal(factum_json_kind_of(&json, at + 1), kinds[i]);
        at = factum_json_next(&json, FACTUM_JSON_ROOT, at);
    }
    assert_int_equal(at, FACTUM_JSON_NONE);
}

TEST(items_come_in_their_order)
{
    factum_json json = taped("[1, \"]\" ,[ ],{\"a\":[2]}\n,-3.5e1 ]");
    static const char *const values[] = {"1", "\"]\"", "[ ]", "{\"a\":[2]}", "-3.5e1"};
    uint32_t at = factum_json_first(&json, FACTUM_JSON_ROOT);
    for (size_t i = 0; i < 5; i++) {
        assert_int_not_equal(at, FACTUM_JSON_NONE);
        assert_true(is(factum_json_raw(&json, at), values[i]));
        at = factum_json_next(&json, FACTUM_JSON_ROOT, at);
    }
    assert_int_equal(at, FACTUM_JSON_NONE);
}

TEST(empty_and_scalar_values_have_no_parts)
{
    static const char *const texts[] = {"{}", "{ }", "[]", "[ \n]", "1", "\"\"", "null"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct fct_json value;
        struct fct_json_member member = {.name = FCT_SLICE("")};
        factum_json json = taped(texts[i]);
        assert_int_equal(factum_json_first(&json, FACTUM_JSON_ROOT), FACTUM_JSON_NONE);
        assert_int_equal(factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("")),
                         FACTUM_JSON_NONE);
        assert_status(fct_json_pick(factum_slice_from(texts[i]), &value, &member, 1, NULL),
                      FACTUM_OK);
        assert_false(member.found);
        assert_true(is(value.raw, texts[i]));
    }
}

/* ---- some members ---------------------------------------------------------------------------- */

/* The member of |text|, as written; NULL if it is missing. */
static void assert_picked(const char *text, const char *name, const char *expected)
{
    struct fct_json value;
    struct fct_json_member member = {.name = factum_slice_from(name)};
    assert_status(fct_json_pick(factum_slice_from(text), &value, &member, 1, NULL), FACTUM_OK);
    assert_int_equal(member.found, expected != NULL);
    assert_true(expected == NULL || is(member.value.raw, expected));
}

TEST(a_member_is_found_by_its_name_and_the_last_one_counts)
{
    static const char text[] = "{\"a\":1,\"aa\":2,\"a\":3,\"\":4,\"A\":{\"aaa\":5}}";
    assert_picked(text, "a", "3");
    assert_picked(text, "aa", "2");
    assert_picked(text, "", "4");
    assert_picked(text, "A", "{\"aaa\":5}");
    assert_picked(text, "aaa", NULL);
    assert_picked("[\"a\",1,{\"a\":1}]", "a", NULL);
    assert_picked("\"a\"", "a", NULL);
}

TEST(a_name_with_escapes_is_the_name_that_it_means)
{
    static const char text[] = "{\"\\u0024max\\u0043ount\":1,\"b\\\"c\":2,\"\\ud800\":3}";
    assert_picked(text, "$maxCount", "1");
    assert_picked(text, "b\"c", "2");
    assert_picked(text, "\xed\xa0\x80", NULL);
    assert_picked("{\"a\":1,\"\\u0061\":2}", "a", "2");
}

TEST(several_members_are_found_among_any_number)
{
    static char text[1 << 16];
    for (int count = 0; count < 100; count++) {
        int len = snprintf(text, sizeof text, " {");
        for (int i = 0; i < count; i++) {
            len += snprintf(text + len, sizeof text - (size_t)len, "%s\"n%d\": [%d, {\"n0\": 0}]",
                            i == 0 ? "" : ",", i, i);
        }
        (void)snprintf(text + len, sizeof text - (size_t)len, "} ");
        char last[16];
        (void)snprintf(last, sizeof last, "n%d", count - 1);
        struct fct_json value;
        struct fct_json_member members[] = {
            {.name = FCT_SLICE("n0")}, {.name = factum_slice_from(last)}, {.name = FCT_SLICE("n")}};
        assert_status(fct_json_pick(factum_slice_from(text), &value, members, 3, NULL), FACTUM_OK);
        assert_int_equal(value.kind, FACTUM_JSON_OBJECT);
        assert_int_equal(value.raw.len, strlen(text) - 2);
        assert_int_equal(members[0].found, count > 0);
        assert_int_equal(members[1].found, count > 0);
        assert_false(members[2].found);
        if (count > 0) {
            char expected[32];
            assert_true(is(members[0].value.raw, "[0, {\"n0\": 0}]"));
            (void)snprintf(expected, sizeof expected, "[%d, {\"n0\": 0}]", count - 1);
            assert_true(is(members[1].value.raw, expected));
            assert_int_equal(members[1].value.kind, FACTUM_JSON_ARRAY);
        }
        /* with a fault at its end */
        struct fct_json_fault fault = {.at = 0};
        text[strlen(text) - 2] = ']';
        assert_status(fct_json_pick(factum_slice_from(text), &value, members, 3, &fault),
                      FACTUM_INVALID);
        assert_int_equal(fault.at, strlen(text) - 2);
    }
}

/* The nodes are reused: a container may be the first one without a node. */
TEST(an_array_of_any_length_has_no_members)
{
    char text[1024];
    for (int count = 0; count < 100; count++) {
        size_t len = (size_t)snprintf(text, sizeof text, "[");
        for (int i = 0; i < count; i++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "6,");
        }
        (void)snprintf(text + len, sizeof text - len, "{\"a\": [1]}, [2], 7]");
        assert_picked(text, "a", NULL);
    }
}

/* A random value, and its parts; scanned again from its text. */
static size_t put_random(char *to, struct fct_random *random, int depth, int *values)
{
    static const char *const scalars[] = {"0",    "-1.5e7",    "true",    "null",
                                          "\"\"", "\"]\\\"\"", "\"{,:\"", "false"};
    uint64_t choice = fct_random_below(random, depth == 0 ? 8 : 14);
    size_t used = 0;
    ++*values;
    if (choice < 8) {
        size_t len = strlen(scalars[choice]);
        memcpy(to, scalars[choice], len);
        return len;
    }
    bool object = choice % 2 == 0;
    uint64_t count = fct_random_below(random, 5);
    to[used++] = object ? '{' : '[';
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0) {
            to[used++] = ',';
        }
        if (fct_random_below(random, 3) == 0) {
            to[used++] = ' ';
        }
        if (object) {
            memcpy(to + used, "\"k\\\\\" : ", 8);
            used += 8;
        }
        used += put_random(to + used, random, depth - 1, values);
    }
    to[used++] = object ? '}' : ']';
    return used;
}

static const factum_json_options twice = {.size = sizeof twice, .duplicates = true};

static int count_values(const factum_json *json, uint32_t value)
{
    static factum_json_node again_nodes[1u << 15];
    int count = 1;
    for (uint32_t at = factum_json_first(json, value); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, value, at)) {
        bool object = factum_json_kind_of(json, value) == FACTUM_JSON_OBJECT;
        uint32_t part = object ? at + 1 : at;
        factum_json again;
        assert_true(!object || is(factum_json_inside(json, at), "k\\\\"));
        assert_status(factum_json_parse(factum_json_raw(json, part), &twice, again_nodes,
                                        COUNT(again_nodes), &again, NULL),
                      FACTUM_OK);
        assert_int_equal(again.count, json->nodes[part].next - part);
        count += count_values(json, part);
    }
    return count;
}

TEST(any_document_gives_all_of_its_values)
{
    static char text[1u << 16];
    static factum_json_node nodes[1u << 15];
    const uint64_t seed = 8259;
    struct fct_random random = {seed};
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 2000; i++) {
        int values = 0;
        factum_json json;
        factum_error err;
        size_t len = put_random(text, &random, 5, &values);
        assert_ok(factum_json_parse(fct_slice(text, len), &twice, nodes, COUNT(nodes), &json, &err),
                  err);
        assert_int_equal(count_values(&json, FACTUM_JSON_ROOT), values);
    }
}

/* ---- unescaping ------------------------------------------------------------------------------ */

static void assert_means(const char *raw, const char *meaning, size_t meaning_len)
{
    char plain[64];
    size_t len = 99;
    assert_status(fct_json_unescape(factum_slice_from(raw), plain, sizeof plain, &len), FACTUM_OK);
    assert_int_equal(len, meaning_len);
    assert_memory_equal(plain, meaning, len);
}

TEST(escapes_have_the_meaning_of_the_standard)
{
    assert_means("\"\"", "", 0);
    assert_means("\"abc\"", "abc", 3);
    assert_means("abc", "abc", 3);
    assert_means("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    assert_means("\"\\u0000\"", "\0", 1);
    assert_means("\"\\u007f\\u0080\"", "\x7f\xc2\x80", 3);
    assert_means("\"\\u07ff\\u0800\"", "\xdf\xbf\xe0\xa0\x80", 5);
    assert_means("\"\\ud7ff\\ue000\\uFFFF\"", "\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", 9);
    assert_means("\"\\ud800\\udc00\"", "\xf0\x90\x80\x80", 4);
    assert_means("\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf", 4);
    assert_means("\"\\u00E4\\u00e4\"", "\xc3\xa4\xc3\xa4", 4);
    assert_means("\"\xf0\x9f\x98\x80\"", "\xf0\x9f\x98\x80", 4);
}

TEST(lone_surrogates_have_no_meaning)
{
    static const char *const raws[] = {
        "\"\\ud800\"",        "\"\\udc00\"",        "\"\\udfff\"",
        "\"\\ud800a\"",       "\"\\ud800\\n\"",     "\"\\ud800\\ud800\"",
        "\"\\ud800\\u0041\"", "\"\\udc00\\ud800\"", "\"\\ud800\\ue000\"",
    };
    for (size_t i = 0; i < COUNT(raws); i++) {
        char plain[64];
        size_t len = 0;
        (void)parsed(raws[i]);
        assert_status(fct_json_unescape(factum_slice_from(raws[i]), plain, sizeof plain, &len),
                      FACTUM_INVALID);
    }
}

TEST(a_meaning_that_does_not_fit_is_too_big)
{
    factum_slice raw = FCT_SLICE("\"a\\u20acb\""); /* 5 bytes */
    for (size_t size = 0; size <= 6; size++) {
        char plain[8];
        size_t len = 0;
        memset(plain, 'x', sizeof plain);
        factum_status status = fct_json_unescape(raw, plain, size, &len);
        assert_status(status, size < 5 ? FACTUM_TOO_BIG : FACTUM_OK);
        assert_int_equal(plain[size], 'x');
        assert_true(status != FACTUM_OK || len == 5);
    }
}

/* ---- whole numbers --------------------------------------------------------------------------- */

TEST(whole_numbers_are_exact)
{
    static const struct {
        const char *text;
        int64_t number;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"0.000", 0},
        {"-0e5", 0},
        {"0e999999999999", 0},
        {"1", 1},
        {"-1", -1},
        {"1.0", 1},
        {"1e3", 1000},
        {"1E+3", 1000},
        {"-1.50e1", -15},
        {"1000e-3", 1},
        {"1.5e1", 15},
        {"12345678901234567e-0", INT64_C(12345678901234567)},
        {"9007199254740993", INT64_C(9007199254740993)}, /* no double */
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9223372036854775806", INT64_MAX - 1},
        {"-9223372036854775807", INT64_MIN + 1},
        {"922337203685477580.7e1", INT64_MAX},
        {"9223372036854775807.0", INT64_MAX},
        {"1.0000000000000000000000000000000", 1},
        {"100000000000000000000000e-20", 1000},
        {"0.000000000000000000000000000001e30", 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fct_json value = parsed(cases[i].text);
        int64_t number = 77;
        factum_status status = fct_json_int64(&value, &number);
        if (status != FACTUM_OK || number != cases[i].number) {
            print_error("%s: %s, %lld\n", cases[i].text, factum_status_name(status),
                        (long long)number);
            fail();
        }
    }
}

TEST(other_numbers_are_not_whole_or_too_big)
{
    static const char *const texts[] = {
        "9223372036854775808",
        "-9223372036854775809",
        "10000000000000000000",
        "1e19",
        "-1e19",
        "1e999999999999",
        "0.5",
        "1.5",
        "-0.1",
        "1e-1",
        "15e-1",
        "1e-999999999999",
        "9223372036854775807.5",
        "922337203685477580.8e1",
        "\"1\"",
        "true",
        "null",
        "[1]",
        "{}",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct fct_json value = parsed(texts[i]);
        int64_t number = 77;
        if (fct_json_int64(&value, &number) != FACTUM_INVALID || number != 77) {
            print_error("accepted: %s\n", texts[i]);
            fail();
        }
    }
}

/* Thousands of zeros on one side of the point, and an exponent that cancels them, or almost. */
TEST(long_numbers_are_exact_too)
{
    static char text[31000];
    for (size_t zeros = 10; zeros <= 30000; zeros *= zeros < 1000 ? 10 : 30) {
        for (int off = -1; off <= 1; off++) {
            static const char *const endings[] = {"", "0", "000"};
            for (size_t i = 0; i < 6; i++) {
                bool small = i < 3;
                memset(text, '0', zeros + 2);
                text[small ? 1 : 0] = small ? '.' : '1';
                int end = snprintf(text + zeros + 2, 64, "%c%s%d%s", small ? '1' : '0', "e",
                                   (small ? 1 : -1) * ((int)zeros + (small ? 1 : 2) + off),
                                   endings[i % 3]);
                struct fct_json value = parsed(text);
                int64_t number = 77;
                factum_status status = fct_json_int64(&value, &number);
                bool whole = i % 3 == 0 && (off == 0 || small == (off > 0));
                assert_int_equal(value.raw.len, zeros + 2 + (size_t)end);
                assert_status(status, whole ? FACTUM_OK : FACTUM_INVALID);
                assert_int_equal(number, !whole ? 77 : off == 0 ? 1 : 10);
            }
        }
    }
}

TEST(any_whole_number_comes_back)
{
    const uint64_t seed = 64;
    struct fct_random random = {seed};
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 20000; i++) {
        char text[32];
        int64_t number = (int64_t)(fct_random_next(&random) >> fct_random_below(&random, 64));
        number = fct_random_below(&random, 2) == 0 || number == INT64_MIN ? number : -number;
        (void)snprintf(text, sizeof text, "%lld", (long long)number);
        struct fct_json value = parsed(text);
        int64_t back = 0;
        assert_status(fct_json_int64(&value, &back), FACTUM_OK);
        assert_true(back == number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(words_are_values),
        CASE(numbers_are_kept_byte_for_byte),
        CASE(texts_may_hold_escapes_and_any_unicode),
        CASE(arrays_and_objects_nest),
        CASE(white_space_around_a_value_is_left_out),
        CASE(nothing_is_no_value),
        CASE(text_after_a_value_is_refused),
        CASE(misspelt_words_are_refused),
        CASE(malformed_numbers_are_refused),
        CASE(malformed_texts_are_refused),
        CASE(bytes_that_are_not_utf8_are_refused_at_their_place),
        CASE(brackets_and_commas_out_of_place_are_refused),
        CASE(every_truncated_document_is_refused_at_its_end),
        CASE(the_depth_has_its_maximum),
        CASE(text_that_is_not_json_is_refused_with_reason_and_place),
        CASE(closing_a_container_reduces_the_depth),
        CASE(a_million_brackets_are_refused_at_once),
        CASE(members_come_in_their_order_with_raw_values),
        CASE(items_come_in_their_order),
        CASE(empty_and_scalar_values_have_no_parts),
        CASE(a_member_is_found_by_its_name_and_the_last_one_counts),
        CASE(a_name_with_escapes_is_the_name_that_it_means),
        CASE(an_array_of_any_length_has_no_members),
        CASE(several_members_are_found_among_any_number),
        CASE(any_document_gives_all_of_its_values),
        CASE(escapes_have_the_meaning_of_the_standard),
        CASE(lone_surrogates_have_no_meaning),
        CASE(a_meaning_that_does_not_fit_is_too_big),
        CASE(whole_numbers_are_exact),
        CASE(other_numbers_are_not_whole_or_too_big),
        CASE(long_numbers_are_exact_too),
        CASE(any_whole_number_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
