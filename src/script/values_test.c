/* values_test.c - JSON through a script and back: nothing changes on the way. Layer: script. */
#include <locale.h>
#include <string.h>

#include "script/sandbox.h"
#include "support/test.h"

static struct fct_sandbox *open_script(const char *script)
{
    struct fct_sandbox *sandbox = NULL;
    factum_error err = {0};
    struct fct_sandbox_options options = {
        .mem = fct_mem_heap(), .text = factum_slice_from(script), .name = "s.lua"};
    assert_ok(fct_sandbox_open(&options, &sandbox, &err), err);
    return sandbox;
}

static void gives(struct fct_sandbox *sandbox, const char *in, const char *out)
{
    factum_error err = {0};
    factum_slice json;
    assert_ok(fct_sandbox_call_json(sandbox, "run", factum_slice_from(in), &json, &err), err);
    if (json.len != strlen(out) || memcmp(json.ptr, out, json.len) != 0) {
        print_error("%s gave %.*s, not %s\n", in, (int)json.len, (const char *)json.ptr, out);
        fail();
    }
}

static void fails(struct fct_sandbox *sandbox, const char *in, const char *why)
{
    factum_error err = {0};
    factum_slice json;
    assert_status(fct_sandbox_call_json(sandbox, "run", factum_slice_from(in), &json, &err),
                  FACTUM_INVALID);
    assert_text(err, why);
}

TEST(every_value_comes_back)
{
    struct fct_sandbox *same = open_script("function run(v) return v end");
    static const char *const values[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "0.1",
        "19.99",
        "-0",
        "1e+300",
        "0.12345678901234567890",
        "1e400",
        "1e-400",
        "123456789012345678901234567890.5",
        "0.30000000000000004",
        "5e-324",
        "1.7976931348623157e+308",
        "\"\"",
        "\"\\u0000\\\"\\\\\\n\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "[]",
        "{}",
        "[[],{}]",
        "[null]",
        "{\"a\":null}",
        "{\"1\":1,\"2\":2}",
        "[1,[2,[3,[4]]]]",
        "{\"a\":[{\"b\":[]}]}",
        "{\"\":1,\"A\":2,\"a\":3,\"\xc3\xa9\":4}",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        gives(same, values[i], values[i]);
    }
    gives(same, "1.0", "1");
    gives(same, "1.50", "1.5");
    gives(same, "1E2", "100");
    gives(same, "{\"b\":1, \"a\" : 2}", "{\"a\":2,\"b\":1}");
    gives(same, "\"\\u0041\\/\\ud83d\\ude00\\u001f\"", "\"A/\xf0\x9f\x98\x80\\u001f\"");
    fails(same, "\"\\ud800\"", "lone surrogate");
    fails(same, "{\"a\":1,\"a\":2}", "the argument");
    fails(same, "[1,", "not valid JSON");
    char deep[200];
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    deep[130] = '\0';
    fails(same, deep, "64");
    deep[64] = '1';
    deep[65] = ']';
    memmove(deep + 65, deep + 66, 65);
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    deep[128] = '\0';
    gives(same, deep, deep);
    fct_sandbox_close(same);
}

TEST(exact_numbers_are_kept_and_not_calculated_with)
{
    struct fct_sandbox *sum = open_script("function run(v) return v + 1 end");
    gives(sum, "9007199254740993", "9007199254740994");
    fails(sum, "1e400", "the number 1e400 is not an exact integer or float");
    fails(sum, "0.12345678901234567890", "0.12345678901234567890");
    fct_sandbox_close(sum);
    struct fct_sandbox *compared = open_script(
        "function run(v) return {v.a < v.b, v.a <= v.b, v.a == v.b, tostring(v.a)} end");
    gives(compared, "{\"a\":1e400,\"b\":1e401}", "[true,true,false,\"1e400\"]");
    gives(compared, "{\"a\":1e400,\"b\":10e399}", "[false,true,true,\"1e400\"]");
    gives(compared, "{\"a\":0.12345678901234567890,\"b\":0.2}",
          "[true,true,false,\"0.12345678901234567890\"]");
    fails(compared, "{\"a\":1e400,\"b\":\"x\"}", "compare");
    fct_sandbox_close(compared);
    struct fct_sandbox *index = open_script("function run(v) return v.x end");
    fails(index, "1e400", "index");
    fct_sandbox_close(index);
}

TEST(decimals_are_moved_by_their_digits)
{
    struct fct_sandbox *scale = open_script("function run(v) return decimal.scale(v[1], v[2]) end");
    gives(scale, "[19.99,2]", "1999");
    gives(scale, "[1.005,3]", "1005");
    gives(scale, "[-0.01,2]", "-1");
    gives(scale, "[0,2]", "0");
    gives(scale, "[0.0,18]", "0");
    gives(scale, "[12,2]", "1200");
    gives(scale, "[1e3,2]", "100000");
    gives(scale, "[1.10,1]", "11");
    gives(scale, "[90071992547409931.01,2]", "9007199254740993101");
    gives(scale, "[-92233720368547758.08,2]", "-9223372036854775808");
    fails(scale, "[1.005,2]", "1.005 has more than 2 decimals");
    fails(scale, "[92233720368547758.08,2]", "over 64 bits");
    fails(scale, "[1e400,2]", "over 64 bits");
    fails(scale, "[1e-400,2]", "more than 2 decimals");
    fails(scale, "[1e999999999999999999999,2]", "over 64 bits");
    fails(scale, "[1,19]", "0 to 18");
    fails(scale, "[\"1\",2]", "number");
    fct_sandbox_close(scale);
    struct fct_sandbox *back =
        open_script("function run(v) return decimal.unscale(v[1], v[2]) end");
    gives(back, "[1999,2]", "19.99");
    gives(back, "[2000,2]", "20");
    gives(back, "[5,2]", "0.05");
    gives(back, "[-5,2]", "-0.05");
    gives(back, "[7,0]", "7");
    gives(back, "[9007199254740993101,2]", "90071992547409931.01");
    gives(back, "[-9223372036854775808,18]", "-9.223372036854775808");
    fails(back, "[1.5,2]", "integer");
    fct_sandbox_close(back);
}

TEST(empty_lists_and_objects_are_distinguished)
{
    struct fct_sandbox *made = open_script(
        "function run(v) table.remove(v.list) v.object.a = nil\n"
        "return {v.list, v.object, {}, json.array(), json.array({1}), json.is_array(v.list),\n"
        "json.is_array({})} end");
    gives(made, "{\"list\":[1],\"object\":{\"a\":1}}", "[[],{},{},[],[1],true,false]");
    fct_sandbox_close(made);
    struct fct_sandbox *null = open_script(
        "function run(v) return {v.a == json.null, v.b == nil, {x = json.null, y = nil}} end");
    gives(null, "{\"a\":null}", "[true,true,{\"x\":null}]");
    fct_sandbox_close(null);
}

TEST(texts_of_numbers_are_exact_everywhere)
{
    struct fct_sandbox *texts = open_script(
        "function run(v) return {tostring(0.1), tostring(1/3), tostring(-0.0), tostring(1e100),\n"
        "tostring(math.mininteger), table.concat({0.1 + 0.2, 2^53, 7}, ' '),\n"
        "string.rep(0.1 + 0.2, 2, ' '), ('%s'):format(1e15), tostring(1/0), tostring(0/0),\n"
        "tostring(true), tostring(nil), tostring(json.null), tonumber('0x10'), tonumber('z', 36)}"
        "end");
    gives(texts, "null",
          "[\"0.1\",\"0.3333333333333333\",\"-0\",\"1e+100\",\"-9223372036854775808\","
          "\"0.30000000000000004 9007199254740992 7\",\"0.30000000000000004 0.30000000000000004\","
          "\"1000000000000000\",\"inf\",\"nan\",\"true\",\"nil\",\"null\",16,35]");
    fct_sandbox_close(texts);
}

TEST(texts_are_searched_plainly)
{
    struct fct_sandbox *texts = open_script(
        "function run(v) local out = {}\n"
        "local function add(...) out[#out + 1] = {...} end\n"
        "add(('abcabc'):find('c')) add(('abcabc'):find('c', 4)) add(('abc'):find('c', -1))\n"
        "add(('abc'):find('', 10) == nil) add(('abc'):find('')) add(('abc'):find('', 4))\n"
        "add(('a.b'):find('.')) add(('x'):find('xy') == nil)\n"
        "add(('abcabc'):replace('bc', '-')) add(('aaa'):replace('aa', 'b')) add(('x'):replace('y', "
        "''))\n"
        "local s = '' for at, point in utf8.codes('a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80') do\n"
        "s = s .. at .. ':' .. point .. ' ' end add(s) add(('\xc3\xa4'):upper()) return out end");
    gives(texts, "null",
          "[[3,3],[6,6],[3,3],[true],[1,0],[4,3],[2,2],[true],[\"a-a-\",2],[\"ba\",1],[\"x\",0],"
          "[\"1:97 2:233 4:8364 7:128512 \"],[\"\xc3\xa4\"]]");
    fct_sandbox_close(texts);
}

/* A locale of the program neither writes a comma nor sorts by a dictionary. */
TEST(the_locale_of_the_program_has_no_part)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8", "C"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)setlocale(LC_ALL, names[i]);
        struct fct_sandbox *sandbox = open_script(
            "function run(v) return {v, tostring(0.5), 'Z' < 'a', ('%.2f'):format(1.5)} end");
        gives(sandbox, "1.25", "[1.25,\"0.5\",true,\"1.50\"]");
        fct_sandbox_close(sandbox);
    }
    (void)setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_value_comes_back),
        CASE(exact_numbers_are_kept_and_not_calculated_with),
        CASE(decimals_are_moved_by_their_digits),
        CASE(empty_lists_and_objects_are_distinguished),
        CASE(texts_of_numbers_are_exact_everywhere),
        CASE(texts_are_searched_plainly),
        CASE(the_locale_of_the_program_has_no_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
