/* json_tape_test.c - the tape of JSON texts: what is accepted, what it contains, and what is read
 * from it. Layer: codec. */
#include <factum/json.h>

#include "codec/json.h"
#include "codec/json_scan.h"
#include "core/mem.h"
#include "core/random.h"
#include "core/slice.h"
#include "support/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NODES 4096

static factum_json_node nodes[NODES];

static factum_status parse_slice(factum_slice text, factum_json *json, factum_error *err)
{
    return factum_json_parse(text, NULL, nodes, NODES, json, err);
}

static factum_json parsed(const char *text)
{
    factum_json json;
    factum_error err;
    assert_ok(parse_slice(factum_slice_from(text), &json, &err), err);
    return json;
}

static const factum_json_options twice = {.size = sizeof twice, .duplicates = true};

static factum_json parsed_twice(const char *text)
{
    factum_json json;
    factum_error err;
    assert_ok(factum_json_parse(factum_slice_from(text), &twice, nodes, NODES, &json, &err), err);
    return json;
}

static bool is(factum_slice slice, const char *text)
{
    return fct_slice_equal(slice, factum_slice_from(text));
}

/* |text| is refused with the message |said|. */
static void assert_refused(factum_slice text, const char *said)
{
    factum_json json = {.count = 77};
    factum_error err = {.text = ""};
    factum_status status = parse_slice(text, &json, &err);
    if (status != FACTUM_INVALID || strcmp(err.text, said) != 0 || json.count != 77) {
        print_error("%s \"%s\", not \"%s\"\n", factum_status_name(status), err.text, said);
        fail();
    }
}

/* ---- the nodes ------------------------------------------------------------------------------- */

TEST(a_tape_holds_the_values_in_their_order)
{
    static const struct {
        uint32_t start, len, next;
        factum_json_kind kind;
        unsigned flags;
    } expected[] = {
        {1, 49, 13, FACTUM_JSON_OBJECT, FACTUM_JSON_UNIQUE},
        {4, 1, 2, FACTUM_JSON_TEXT, FACTUM_JSON_NAME},
        {8, 7, 5, FACTUM_JSON_ARRAY, 0},
        {9, 1, 4, FACTUM_JSON_NUMBER, FACTUM_JSON_INTEGER},
        {11, 3, 5, FACTUM_JSON_NUMBER, 0},
        {17, 2, 6, FACTUM_JSON_TEXT, FACTUM_JSON_NAME | FACTUM_JSON_ESCAPED},
        {23, 1, 7, FACTUM_JSON_TEXT, 0},
        {27, 0, 8, FACTUM_JSON_TEXT, FACTUM_JSON_NAME},
        {29, 2, 9, FACTUM_JSON_OBJECT, FACTUM_JSON_UNIQUE},
        {33, 1, 10, FACTUM_JSON_TEXT, FACTUM_JSON_NAME},
        {36, 4, 11, FACTUM_JSON_TRUE, 0},
        {42, 1, 12, FACTUM_JSON_TEXT, FACTUM_JSON_NAME},
        {45, 4, 13, FACTUM_JSON_NULL, 0},
    };
    factum_json json = parsed(" { \"a\" :[1,2.5],\"\\n\": \"x\",\"\":{},\"b\":true,\"c\":null}\n");
    assert_int_equal(json.count, COUNT(expected));
    for (uint32_t i = 0; i < json.count; i++) {
        const factum_json_node *node = factum_json_at(&json, i);
        assert_int_equal(node->start, expected[i].start);
        assert_int_equal(node->len, expected[i].len);
        assert_int_equal(node->kind, expected[i].kind);
        assert_int_equal(node->flags, expected[i].flags);
        assert_int_equal(node->next, expected[i].next);
    }
    assert_true(is(factum_json_raw(&json, 2), "[1,2.5]"));
    assert_true(is(factum_json_raw(&json, 5), "\"\\n\""));
    assert_true(is(factum_json_inside(&json, 5), "\\n"));
    assert_true(factum_json_is_escaped(&json, 5));
    assert_false(factum_json_is_escaped(&json, 6));
    assert_true(is(factum_json_raw(&json, 8), "{}"));
    assert_true(is(factum_json_raw(&json, 12), "null"));
}

TEST(a_scalar_is_a_tape_of_one_node)
{
    static const struct {
        const char *text;
        factum_json_kind kind;
    } cases[] = {{"null", FACTUM_JSON_NULL},    {"false", FACTUM_JSON_FALSE},
                 {"true", FACTUM_JSON_TRUE},    {"-0", FACTUM_JSON_NUMBER},
                 {"1e400", FACTUM_JSON_NUMBER}, {"\"\"", FACTUM_JSON_TEXT},
                 {"[]", FACTUM_JSON_ARRAY},     {"{}", FACTUM_JSON_OBJECT}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        factum_json json = parsed(cases[i].text);
        assert_int_equal(json.count, 1);
        assert_int_equal(factum_json_kind_of(&json, FACTUM_JSON_ROOT), cases[i].kind);
        assert_true(is(factum_json_raw(&json, FACTUM_JSON_ROOT), cases[i].text));
        assert_int_equal(factum_json_first(&json, FACTUM_JSON_ROOT), FACTUM_JSON_NONE);
        assert_int_equal(factum_json_count(&json, FACTUM_JSON_ROOT), 0);
    }
}

/* Children fill their container; each value is inside its parent and is valid JSON alone. */
static void check_value(const factum_json *json, uint32_t value)
{
    factum_slice raw = factum_json_raw(json, value);
    uint32_t end = json->nodes[value].next;
    assert_true(end > value && end <= json->count);
    factum_json_node again[1];
    factum_json alone;
    factum_status status = factum_json_parse(raw, &twice, again, 1, &alone, NULL);
    assert_true(status == FACTUM_OK || (status == FACTUM_TOO_BIG && end > value + 1));
    uint32_t expected = value + 1;
    uint32_t count = 0;
    for (uint32_t at = factum_json_first(json, value); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, value, at)) {
        bool name = json->nodes[value].kind == FACTUM_JSON_OBJECT;
        assert_int_equal(at, expected);
        assert_int_equal((json->nodes[at].flags & FACTUM_JSON_NAME) != 0, name);
        assert_true(!name || json->nodes[at].next == at + 1);
        uint32_t inner = name ? at + 1 : at;
        factum_slice part = factum_json_raw(json, inner);
        assert_true(part.ptr > raw.ptr && part.ptr + part.len < raw.ptr + raw.len);
        expected = json->nodes[inner].next;
        count++;
    }
    assert_int_equal(expected, end);
    assert_int_equal(count, factum_json_count(json, value));
}

static void check_tape(const factum_json *json)
{
    assert_true(json->count > 0 && json->nodes[0].next == json->count);
    for (uint32_t i = 0; i < json->count; i++) {
        if ((json->nodes[i].flags & FACTUM_JSON_NAME) == 0) {
            check_value(json, i);
        }
    }
}

/* ---- any document ---------------------------------------------------------------------------- */

/* A JSON reader that is as simple as possible: returns the end of the value at |at|, or NULL.
 * The whole text must be valid UTF-8; nothing is nested deeper than 64. */
static const char *plain_value(const char *at, int depth);

static const char *plain_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *plain_text(const char *at)
{
    if (*at++ != '"') {
        return NULL;
    }
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20) {
            return NULL;
        }
        if (*at == '\\') {
            at++;
            if (*at == '\0' || strchr("\"\\/bfnrtu", *at) == NULL ||
                (*at == 'u' && strspn(at + 1, "0123456789abcdefABCDEF") < 4)) {
                return NULL;
            }
        }
    }
    return at + 1;
}

static const char *plain_number(const char *at)
{
    static const char digits[] = "0123456789";
    at += *at == '-';
    size_t whole = strspn(at, digits);
    if (whole == 0 || (*at == '0' && whole > 1)) {
        return NULL;
    }
    at += whole;
    if (*at == '.') {
        size_t fraction = strspn(at + 1, digits);
        if (fraction == 0) {
            return NULL;
        }
        at += 1 + fraction;
    }
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '+' || at[1] == '-');
        size_t exponent = strspn(at, digits);
        at = exponent == 0 ? NULL : at + exponent;
    }
    return at;
}

static const char *plain_container(const char *at, int depth)
{
    bool object = *at == '{';
    at = plain_space(at + 1);
    if (*at == (object ? '}' : ']')) {
        return at + 1;
    }
    while (at != NULL) {
        if (object) {
            at = plain_text(plain_space(at));
            at = at == NULL ? NULL : plain_space(at);
            at = at == NULL || *at != ':' ? NULL : at + 1;
        }
        at = at == NULL ? NULL : plain_value(plain_space(at), depth + 1);
        at = at == NULL ? NULL : plain_space(at);
        if (at != NULL && *at != ',') {
            return *at == (object ? '}' : ']') ? at + 1 : NULL;
        }
        at = at == NULL ? NULL : at + 1;
    }
    return NULL;
}

static const char *plain_value(const char *at, int depth)
{
    if (*at == '{' || *at == '[') {
        return depth == 64 ? NULL : plain_container(at, depth);
    }
    if (*at == '"') {
        return plain_text(at);
    }
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strncmp(at, words[i], strlen(words[i])) == 0) {
            return at + strlen(words[i]);
        }
    }
    return plain_number(at);
}

static bool plainly_json(const char *text)
{
    const char *end = plain_value(plain_space(text), 0);
    return end != NULL && *plain_space(end) == '\0' && fct_utf8_valid(factum_slice_from(text));
}

/* A random value. */
static size_t put_random(char *to, struct fct_random *random, int depth)
{
    static const char *const scalars[] = {
        "0",
        "-1.5e7",
        "true",
        "null",
        "\"\"",
        "\"]\\\"\\\\\"",
        "\"{,:\"",
        "false",
        "12",
        "0.25",
        "\"\\u00e4 and so on\"",
        "\"\xc3\xa4\xe2\x82\xac\"",
        "\"a longer text in it\"",
    };
    uint64_t choice = fct_random_below(random, depth == 0 ? COUNT(scalars) : 2 * COUNT(scalars));
    if (choice < COUNT(scalars)) {
        memcpy(to, scalars[choice], strlen(scalars[choice]));
        return strlen(scalars[choice]);
    }
    bool object = choice % 2 == 0;
    uint64_t count = fct_random_below(random, 5);
    size_t used = 0;
    to[used++] = object ? '{' : '[';
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0) {
            to[used++] = ',';
        }
        if (fct_random_below(random, 3) == 0) {
            to[used++] = "\n \t\r"[fct_random_below(random, 4)];
        }
        if (object) {
            memcpy(to + used, "\"k0\": ", 6);
            to[used + 2] = (char)('0' + i);
            used += 6;
        }
        used += put_random(to + used, random, depth - 1);
    }
    to[used++] = object ? '}' : ']';
    return used;
}

TEST(any_document_is_a_sound_tape)
{
    static char text[1u << 16];
    struct fct_random random = {8259};
    for (int i = 0; i < 1000; i++) {
        factum_json json;
        factum_error err;
        size_t len = put_random(text, &random, 5);
        assert_ok(parse_slice(fct_slice(text, len), &json, &err), err);
        check_tape(&json);
        assert_true(json.count <= factum_json_nodes_max(len));
    }
}

TEST(exactly_what_the_simple_reader_refuses_is_refused)
{
    static char text[1u << 16];
    static const char bytes[] =
        "{}[]:,\"\\ \n0123456789.eE+-tfnulas\x01\x7f\x80\xbf\xc3\xa4\xe2\xed\xf0\xff";
    struct fct_random random = {1};
    int accepted = 0;
    for (int i = 0; i < 100000; i++) {
        size_t len = put_random(text, &random, 2);
        for (uint64_t changes = fct_random_below(&random, 3); changes > 0; changes--) {
            text[fct_random_below(&random, len)] =
                bytes[fct_random_below(&random, sizeof bytes - 1)];
        }
        len -= fct_random_below(&random, 16) == 0 ? 1 : 0;
        text[len] = '\0';
        /* exactly as large as the text, so that reading over its end is seen */
        char *copy = fct_mem_alloc(fct_mem_heap(), len + 1);
        assert_non_null(copy);
        memcpy(copy, text, len);
        factum_slice slice = fct_slice(copy, len);
        bool expected = plainly_json(text);
        factum_json json;
        factum_error err = {.text = ""};
        factum_error said = {.text = ""};
        struct fct_json value;
        factum_status status = factum_json_parse(slice, &twice, nodes, NODES, &json, &err);
        factum_status checked = fct_json_check(slice, &value, &said);
        if (status != checked || (status == FACTUM_OK) != expected ||
            strcmp(err.text, said.text) != 0) {
            print_error("%s: %s \"%s\", check %s \"%s\"\n", text, factum_status_name(status),
                        err.text, factum_status_name(checked), said.text);
            fail();
        }
        accepted += expected;
        fct_mem_free(fct_mem_heap(), copy);
    }
    assert_in_range(accepted, 20000, 90000);
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* A text of |len| letters with |byte| at |at|, in quotes, at each distance from the end. */
static factum_slice text_with(char *buffer, size_t len, size_t at, const char *bytes)
{
    buffer[0] = '"';
    memset(buffer + 1, 'a', len);
    memcpy(buffer + 1 + at, bytes, strlen(bytes));
    buffer[1 + len] = '"';
    return fct_slice(buffer, len + 2);
}

TEST(each_byte_of_a_text_is_checked)
{
    char buffer[64];
    char said[80];
    for (size_t len = 1; len < 40; len++) {
        for (size_t at = 0; at < len; at++) {
            (void)snprintf(said, sizeof said,
                           "not valid JSON: invalid UTF-8 in a string at byte %zu", at + 1);
            assert_refused(text_with(buffer, len, at, "\xff"), said);
            assert_refused(text_with(buffer, len, at, "\x80"), said);
            (void)snprintf(said, sizeof said,
                           "not valid JSON: line end in a string: it is written \\n at byte %zu",
                           at + 1);
            assert_refused(text_with(buffer, len, at, "\n"), said);
            (void)snprintf(said, sizeof said,
                           "not valid JSON: trailing characters after the value at byte %zu",
                           at + 2);
            assert_refused(text_with(buffer, len, at, "\""), said);
            (void)snprintf(said, sizeof said,
                           "not valid JSON: unknown escape in a string: a \\ is written \\\\ at "
                           "byte %zu",
                           at + 2);
            if (at + 1 < len) {
                assert_refused(text_with(buffer, len, at, "\\a"), said);
            }
        }
        factum_json json;
        factum_error err;
        assert_ok(parse_slice(text_with(buffer, len, 0, ""), &json, &err), err);
        assert_int_equal(json.nodes[0].len, len);
        assert_int_equal(json.nodes[0].flags, 0);
    }
}

TEST(characters_and_escapes_may_stand_anywhere)
{
    static const char *const parts[] = {
        "\\n", "\\u00e4", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7f", " ", "/"};
    char buffer[64];
    for (size_t i = 0; i < COUNT(parts); i++) {
        for (size_t at = 0; at < 20; at++) {
            factum_json json;
            factum_error err;
            factum_slice text = text_with(buffer, at + strlen(parts[i]) + 3, at, parts[i]);
            assert_ok(parse_slice(text, &json, &err), err);
            assert_int_equal(factum_json_is_escaped(&json, 0), parts[i][0] == '\\');
            assert_int_equal(json.nodes[0].len, text.len - 2);
        }
    }
}

TEST(utf8_is_strict)
{
    static const char *const bad[] = {
        "\x80", /* a byte of a character without its first */
        "\xbf\xbf",
        "\xc0\x80", /* overlong: U+0000 */
        "\xc1\xbf",
        "\xe0\x80\x80", /* overlong in 3 */
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80", /* overlong in 4 */
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* a surrogate */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80", /* 5 bytes */
        "\xfe",
        "\xff",
        "\xc3", /* cut off */
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3(",
        "\xe2(\xa1",
        "\xf0\x9f(\x80",
    };
    static const char *const good[] = {
        "\xc2\x80",     "\xdf\xbf",     "\xe0\xa0\x80",     "\xed\x9f\xbf",
        "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
    };
    char buffer[64];
    char said[80];
    for (size_t i = 0; i < COUNT(bad); i++) {
        for (size_t at = 0; at < 9; at++) {
            /* a letter or the quote comes next */
            for (size_t rest = 0; rest < 2; rest++) {
                (void)snprintf(said, sizeof said,
                               "not valid JSON: invalid UTF-8 in a string at byte %zu", at + 1);
                assert_refused(text_with(buffer, at + strlen(bad[i]) + rest, at, bad[i]), said);
            }
        }
    }
    for (size_t i = 0; i < COUNT(good); i++) {
        factum_json json;
        factum_error err;
        assert_ok(parse_slice(text_with(buffer, 12, 5, good[i]), &json, &err), err);
    }
    assert_refused(FCT_SLICE("\"\xc3"), "not valid JSON: invalid UTF-8 in a string at byte 1");
    assert_refused(FCT_SLICE("\xef\xbb\xbf{}"),
                   "not valid JSON: unexpected character \xef\xbb\xbf where a value should be at "
                   "byte 0");
}

TEST(escapes_of_a_text_are_decoded)
{
    char plain[16];
    size_t len;
    factum_json json =
        parsed("[\"a\\u0062\\ud83d\\ude00\",\"\\ud800\",7,\"plain\",\"\\ude00\\ud83d\"]");
    assert_status(factum_json_unescape(&json, 1, plain, sizeof plain, &len), FACTUM_OK);
    assert_true(fct_slice_equal(fct_slice(plain, len), FCT_SLICE("ab\xf0\x9f\x98\x80")));
    assert_true(factum_json_text_is(&json, 1, FCT_SLICE("ab\xf0\x9f\x98\x80")));
    assert_false(factum_json_text_is(&json, 1, FCT_SLICE("ab")));
    assert_false(factum_json_text_is(&json, 1, FCT_SLICE("ab\xf0\x9f\x98\x80!")));
    assert_status(factum_json_unescape(&json, 1, plain, 5, &len), FACTUM_TOO_BIG);
    assert_status(factum_json_unescape(&json, 2, plain, sizeof plain, &len), FACTUM_INVALID);
    assert_status(factum_json_unescape(&json, 3, plain, sizeof plain, &len), FACTUM_INVALID);
    assert_status(factum_json_unescape(&json, 5, plain, sizeof plain, &len), FACTUM_INVALID);
    assert_false(factum_json_text_is(&json, 2, FCT_SLICE("\xed\xa0\x80")));
    assert_false(factum_json_text_is(&json, 3, FCT_SLICE("7")));
    assert_true(factum_json_text_is(&json, 4, FCT_SLICE("plain")));
    assert_false(factum_json_text_is(&json, 4, FCT_SLICE("plaid")));
}

/* ---- limits ---------------------------------------------------------------------------------- */

TEST(the_depth_has_a_limit_that_callers_set)
{
    static char text[1000000];
    factum_json json;
    factum_error err;
    for (uint32_t limit = 1; limit <= FACTUM_JSON_DEPTH_LIMIT; limit += 51) {
        factum_json_options options = {.size = sizeof options, .depth_max = limit};
        memset(text, '[', limit + 1);
        memset(text + limit + 1, ']', limit + 1);
        assert_ok(
            factum_json_parse(fct_slice(text + 1, 2 * limit), &options, nodes, NODES, &json, &err),
            err);
        assert_int_equal(json.count, limit);
        check_tape(&json);
        assert_status(
            factum_json_parse(fct_slice(text, 2 * limit + 2), &options, nodes, NODES, &json, &err),
            FACTUM_INVALID);
        char said[80];
        (void)snprintf(said, sizeof said, "not valid JSON: nesting deeper than %u at byte %u",
                       limit, limit);
        assert_string_equal(err.text, said);
    }
    factum_json_options options = {.size = sizeof options,
                                   .depth_max = FACTUM_JSON_DEPTH_LIMIT + 1};
    assert_status(factum_json_parse(FCT_SLICE("1"), &options, nodes, NODES, &json, &err),
                  FACTUM_INVALID);
    assert_string_equal(err.text, "parse JSON: a depth of 257: at most 256");
    memset(text, '[', sizeof text);
    assert_refused(fct_slice(text, sizeof text),
                   "not valid JSON: nesting deeper than 64 at byte 64");
    for (size_t i = 0; i + 5 <= sizeof text; i += 5) {
        memcpy(text + i, "{\"a\":", 5);
    }
    assert_refused(fct_slice(text, sizeof text),
                   "not valid JSON: nesting deeper than 64 at byte 320");
}

TEST(too_few_nodes_are_too_big)
{
    static const char *const texts[] = {"1", "[1,2,3]", "{\"\":1}", "{\"a\":{\"b\":[]}}", "[[]]"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint32_t needed = parsed(texts[i]).count;
        factum_slice text = factum_slice_from(texts[i]);
        assert_true(needed <= factum_json_nodes_max(text.len));
        for (uint32_t capacity = 0; capacity <= needed; capacity++) {
            factum_json_node *few = fct_mem_alloc(fct_mem_heap(), capacity * sizeof *few + 1);
            factum_json json = {.count = 77};
            factum_error err = {.text = ""};
            factum_status status = factum_json_parse(text, NULL, few, capacity, &json, &err);
            assert_status(status, capacity < needed ? FACTUM_TOO_BIG : FACTUM_OK);
            if (capacity < needed) {
                char said[80];
                (void)snprintf(said, sizeof said, "JSON of %zu bytes needs more than %u nodes",
                               text.len, capacity);
                assert_string_equal(err.text, said);
                assert_int_equal(json.count, 77);
            }
            fct_mem_free(fct_mem_heap(), few);
        }
    }
}

TEST(a_text_of_4_gib_is_too_big)
{
    factum_json json;
    factum_error err;
    /* It is not read. */
    factum_slice text = fct_slice("[]", (size_t)UINT32_MAX + 1);
    assert_status(parse_slice(text, &json, &err), FACTUM_TOO_BIG);
}

TEST(a_document_of_10_mb_fits_the_most_nodes)
{
    const size_t len = 10000001;
    char *text = fct_mem_alloc(fct_mem_heap(), len);
    factum_json_node *many =
        fct_mem_alloc(fct_mem_heap(), factum_json_nodes_max(len) * sizeof *many);
    assert_non_null(text);
    assert_non_null(many);
    factum_json json;
    factum_error err;
    for (size_t i = 0; i < len; i++) {
        text[i] = i % 2 == 0 ? ',' : '1';
    }
    text[0] = '[';
    text[len - 1] = ']';
    assert_ok(factum_json_parse(fct_slice(text, len), NULL, many, factum_json_nodes_max(len), &json,
                                &err),
              err);
    assert_int_equal(json.count, 5000001);
    assert_int_equal(factum_json_count(&json, FACTUM_JSON_ROOT), 5000000);
    memset(text, 'a', len);
    text[0] = text[len - 1] = '"';
    assert_ok(factum_json_parse(fct_slice(text, len), NULL, many, 1, &json, &err), err);
    assert_int_equal(json.nodes[0].len, len - 2);
    fct_mem_free(fct_mem_heap(), many);
    fct_mem_free(fct_mem_heap(), text);
}

TEST(a_missing_part_is_named)
{
    factum_json json;
    factum_error err;
    factum_slice text = FCT_SLICE("1");
    assert_status(factum_json_parse(text, NULL, NULL, 9, &json, &err), FACTUM_INVALID);
    assert_status(factum_json_parse(text, NULL, nodes, 9, NULL, &err), FACTUM_INVALID);
    assert_status(factum_json_parse(fct_slice(NULL, 1), NULL, nodes, 9, &json, &err),
                  FACTUM_INVALID);
    assert_string_equal(err.text, "parse JSON: the text, nodes or tape is NULL");
    assert_refused(fct_slice(NULL, 0),
                   "not valid JSON: the text ends where a value should be at byte 0");
    factum_json_options without_size = {0};
    assert_status(factum_json_parse(text, &without_size, nodes, 9, &json, &err), FACTUM_INVALID);
    assert_status(factum_json_parse(FCT_SLICE("x"), NULL, nodes, 9, &json, NULL), FACTUM_INVALID);
}

TEST(deep_containers_may_have_no_inside_on_a_tape)
{
    factum_slice text = FCT_SLICE("{\"a\":[1,{\"b\":2}],\"c\":{\"d\":1,\"d\":2},\"e\":[[],3]}");
    for (unsigned levels = 1; levels <= 3; levels++) {
        struct fct_json_fault fault;
        struct fct_json_scan scan = {.text = text,
                                     .depth_max = 64,
                                     .depth_said = 64,
                                     .duplicates = levels > 1,
                                     .nodes = nodes,
                                     .capacity = levels == 1 ? 7 : NODES,
                                     .levels = levels};
        assert_status(fct_json_scan(&scan, &fault), FACTUM_OK);
        factum_json json = {.text = text, .nodes = nodes, .count = scan.count};
        static const uint32_t counts[] = {0, 7, 15, 17};
        assert_int_equal(json.count, counts[levels]);
        uint32_t array = factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("a"));
        uint32_t last = factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("e"));
        assert_true(is(factum_json_raw(&json, array), "[1,{\"b\":2}]"));
        assert_true(is(factum_json_raw(&json, last), "[[],3]"));
        assert_int_equal(factum_json_count(&json, array), levels == 1 ? 0 : 2);
    }
}

/* ---- members that stand twice ---------------------------------------------------------------- */

TEST(a_duplicate_member_is_refused_at_its_place)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"{\"a\":1,\"a\":2}", "duplicate member \"a\" at byte 7"},
        {"{\"\":1,\"\":2}", "duplicate member \"\" at byte 6"},
        {"{\"a\":1,\"\\u0061\":2}", "duplicate member \"\\u0061\" at byte 7"},
        {"{\"\\u00E4\":1,\"\xc3\xa4\":2}", "duplicate member \"\xc3\xa4\" at byte 12"},
        {"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}",
         "duplicate member \"\xf0\x9f\x98\x80\" at byte 18"},
        {"{\"\\ud800\":1,\"\\uD800\":2}", "duplicate member \"\\uD800\" at byte 12"},
        {"{\"\\/\":1,\"/\":2}", "duplicate member \"/\" at byte 8"},
        {"[{\"a\":{\"x\":1,\"y\":2,\"x\":3}}]", "duplicate member \"x\" at byte 19"},
        {"{\"a\":{\"a\":1},\"b\":[],\"b\":0}", "duplicate member \"b\" at byte 20"},
        {"{\"b\":1,\"a\":2,\"a\":3,\"b\":4}", "duplicate member \"a\" at byte 13"},
        {"{\"a\":1,\"a\":2",
         "not valid JSON: the text ends where a ',' or '}' should be at byte 12"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_refused(factum_slice_from(cases[i].text), cases[i].said);
    }
}

TEST(names_that_differ_are_accepted)
{
    static const char *const texts[] = {
        "{\"a\":1,\"A\":2}",
        "{\"a\":1,\"b\":{\"a\":1}}",
        "[{\"a\":1},{\"a\":1}]",
        "{\"a\":\"a\",\"b\":\"a\"}",
        "{\"\":1,\"\\u0000\":2}",
        "{\"\\ud800\":1,\"\\udc00\":2}",
        "{\"\\\\u0061\":1,\"a\":2}",
        "{\"\xc3\xa4\":1,\"a\xcc\x88\":2}", /* characters are not normalized */
        "{\"abcdefgh1abcdefgh\":1,\"abcdefgh2abcdefgh\":2}",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        factum_json json = parsed(texts[i]);
        check_tape(&json);
    }
}

TEST(duplicate_members_are_accepted_if_allowed)
{
    factum_json json = parsed_twice("{\"a\":1,\"b\":2,\"\\u0061\":3,\"a\":4,\"b\":5}");
    assert_int_equal(json.nodes[0].flags & FACTUM_JSON_UNIQUE, 0);
    assert_true(is(factum_json_raw(&json, factum_json_find(&json, 0, FCT_SLICE("a"))), "4"));
    assert_true(is(factum_json_raw(&json, factum_json_find(&json, 0, FCT_SLICE("b"))), "5"));
}

/* An object of |count| members: "PREFIX00000007_abcdefgh". The last one has the number |last|. */
struct object {
    char *text;
    size_t len;
    factum_json_node *nodes;
    size_t capacity;
};

static struct object object_of(uint32_t count, const char *prefix, uint32_t last)
{
    size_t size = count * (strlen(prefix) + 32) + 2;
    struct object object = {.text = fct_mem_alloc(fct_mem_heap(), size)};
    assert_non_null(object.text);
    object.text[object.len++] = '{';
    for (uint32_t i = 0; i < count; i++) {
        /* a prime, so that they are not in order */
        uint32_t number = i == count - 1 ? last : (uint32_t)((uint64_t)i * 7919 % count);
        object.len += (size_t)snprintf(object.text + object.len, size - object.len,
                                       "\"%s%08u_abcdefgh\":[%u],", prefix, number, i);
    }
    object.text[object.len - 1] = '}';
    object.capacity = factum_json_nodes_max(object.len);
    object.nodes = fct_mem_alloc(fct_mem_heap(), object.capacity * sizeof *object.nodes);
    assert_non_null(object.nodes);
    return object;
}

TEST(many_members_are_compared_in_bounded_time)
{
    /* With the same bytes at both ends all names have the same hash. */
    static const char *const prefixes[] = {"", "abcdefgh_", "\\u0061bcdefgh_"};
    static const uint32_t counts[] = {1, 2, 63, 64, 65, 66, 1000, 100000};
    for (size_t p = 0; p < COUNT(prefixes); p++) {
        for (size_t c = 0; c < COUNT(counts); c++) {
            uint32_t count = counts[c];
            uint32_t own = (uint32_t)((uint64_t)(count - 1) * 7919 % count);
            for (int again = 0; again < 2 && count > 1 - (uint32_t)again; again++) {
                /* The last name is new, or the second one again. */
                struct object object =
                    object_of(count, prefixes[p], again == 0 ? own : 7919 % count);
                factum_json json;
                factum_error err;
                factum_status status =
                    factum_json_parse(fct_slice(object.text, object.len), NULL, object.nodes,
                                      object.capacity, &json, &err);
                bool same = again == 1 && count > 2;
                assert_status(status, same ? FACTUM_INVALID : FACTUM_OK);
                if (status == FACTUM_OK) {
                    assert_int_equal(factum_json_count(&json, 0), count);
                    for (uint32_t i = 1; i < json.count; i += 3) {
                        assert_int_equal(json.nodes[i].next, i + 1);
                    }
                } else {
                    assert_text(err, "duplicate member \"");
                }
                fct_mem_free(fct_mem_heap(), object.nodes);
                fct_mem_free(fct_mem_heap(), object.text);
            }
        }
    }
}

TEST(the_first_duplicate_of_many_members_is_named)
{
    static char text[4096];
    size_t used = 0;
    text[used++] = '{';
    for (int i = 0; i < 100; i++) {
        /* 90 is 10 again, 80 is 20 again, and so is 95 */
        int number = i == 90 ? 10 : i == 80 || i == 95 ? 20 : i;
        used += (size_t)snprintf(text + used, sizeof text - used, "\"n%d\":%d,", number, i);
    }
    text[used - 1] = '}';
    const char *second = strstr(strstr(text, "\"n20\"") + 1, "\"n20\"");
    char said[80];
    (void)snprintf(said, sizeof said, "duplicate member \"n20\" at byte %td", second - text);
    assert_refused(fct_slice(text, used), said);
}

/* ---- members and pointers -------------------------------------------------------------------- */

TEST(a_member_is_found_by_what_its_name_means)
{
    factum_json json = parsed(
        "{\"a\":1,\"aa\":2,\"\":4,\"\\u0024max\\u0043ount\":5,\"\\ud800\":6,\"o\":{\"x\":7}}");
    static const struct {
        const char *name, *value;
    } cases[] = {{"a", "1"}, {"aa", "2"}, {"", "4"}, {"$maxCount", "5"}, {"o", "{\"x\":7}"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t value = factum_json_find(&json, 0, factum_slice_from(cases[i].name));
        assert_int_not_equal(value, FACTUM_JSON_NONE);
        assert_true(is(factum_json_raw(&json, value), cases[i].value));
    }
    static const char *const none[] = {"A", "aaa", "x", "\xed\xa0\x80", "\\ud800"};
    for (size_t i = 0; i < COUNT(none); i++) {
        assert_int_equal(factum_json_find(&json, 0, factum_slice_from(none[i])), FACTUM_JSON_NONE);
    }
    assert_int_equal(factum_json_find(&json, 2, FCT_SLICE("a")), FACTUM_JSON_NONE);
    uint32_t inner = factum_json_find(&json, 0, FCT_SLICE("o"));
    assert_int_equal(factum_json_find(&json, inner, FCT_SLICE("x")), inner + 2);
}

TEST(a_pointer_names_the_place_of_a_value)
{
    static const char *const expected[] = {
        "",
        "/a~1b",
        "/a~1b",
        "/a~1b/0",
        "/a~1b/1",
        "/a~1b/1/m~0n",
        "/a~1b/1/m~0n",
        "/a~1b/1/\xef\xbf\xbdx",
        "/a~1b/1/\xef\xbf\xbdx",
        "/a~1b/1/\xef\xbf\xbdx/0",
        "/a~1b/1/\xef\xbf\xbdx/1",
        "/",
        "/",
        "/\xc3\xa4",
        "/\xc3\xa4",
    };
    factum_json json = parsed("{\"a/b\":[1,{\"m~n\":2,\"\\ud800x\":[[],3]}],\"\":0,\"\\u00e4\":0}");
    assert_int_equal(json.count, COUNT(expected));
    for (uint32_t i = 0; i < json.count; i++) {
        char buffer[64];
        size_t len = strlen(expected[i]);
        for (size_t size = 1; size <= len + 2; size++) {
            memset(buffer, 'x', sizeof buffer);
            factum_status status = factum_json_pointer(&json, i, buffer, size);
            assert_status(status, size <= len ? FACTUM_TOO_BIG : FACTUM_OK);
            assert_int_equal(buffer[size], 'x');
            assert_memory_equal(buffer, expected[i], strlen(buffer));
            assert_true(fct_utf8_valid(factum_slice_from(buffer)));
            assert_true(size <= len || strlen(buffer) == len);
        }
        assert_status(factum_json_pointer(&json, i, buffer, 0), FACTUM_INVALID);
    }
    char buffer[8];
    assert_status(factum_json_pointer(&json, json.count, buffer, sizeof buffer), FACTUM_INVALID);
    json = parsed("[0,1,2,3,4,5,6,7,8,9,10]");
    assert_status(factum_json_pointer(&json, 11, buffer, sizeof buffer), FACTUM_OK);
    assert_string_equal(buffer, "/10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_tape_holds_the_values_in_their_order),
        CASE(a_scalar_is_a_tape_of_one_node),
        CASE(any_document_is_a_sound_tape),
        CASE(exactly_what_the_simple_reader_refuses_is_refused),
        CASE(each_byte_of_a_text_is_checked),
        CASE(characters_and_escapes_may_stand_anywhere),
        CASE(utf8_is_strict),
        CASE(escapes_of_a_text_are_decoded),
        CASE(the_depth_has_a_limit_that_callers_set),
        CASE(too_few_nodes_are_too_big),
        CASE(a_text_of_4_gib_is_too_big),
        CASE(a_document_of_10_mb_fits_the_most_nodes),
        CASE(a_missing_part_is_named),
        CASE(deep_containers_may_have_no_inside_on_a_tape),
        CASE(a_duplicate_member_is_refused_at_its_place),
        CASE(names_that_differ_are_accepted),
        CASE(duplicate_members_are_accepted_if_allowed),
        CASE(many_members_are_compared_in_bounded_time),
        CASE(the_first_duplicate_of_many_members_is_named),
        CASE(a_member_is_found_by_what_its_name_means),
        CASE(a_pointer_names_the_place_of_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
