/* hostile_test.c - scripts that try to hang, to fill the memory or to reach the machine: each ends
 * at once with an error that names the place and the reason. Layer: script. */
#include <string.h>
#include <time.h>

#include "script/sandbox.h"
#include "support/mem_fault.h"
#include "support/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 10 /* with sanitizers; the time then shows nothing about the real one */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWER 10 /* with sanitizers; the time then shows nothing about the real one */
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

#define LIMIT_NS (INT64_C(300000000) * SLOWER)

static int64_t now(void)
{
    struct timespec time;
    /* Of the thread: other users of the processor must not make a test fail. */
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Runs the script; its error is in err->text, its answer, if any, in |answer|. */
static factum_status run(const char *script, char *answer, size_t size, factum_error *err)
{
    struct fct_mem_fault fault;
    fct_mem_fault_init(&fault);
    struct fct_sandbox *sandbox = NULL;
    struct fct_sandbox_options options = {
        .mem = &fault.mem,
        .text = factum_slice_from(script),
        .name = "s.lua",
        .limits = {.cpu_ms = (uint64_t)200 * SLOWER},
    };
    factum_slice json;
    int64_t start = now();
    factum_status status = fct_sandbox_open(&options, &sandbox, err);
    if (status == FACTUM_OK) {
        status = fct_sandbox_call_json(sandbox, "run", factum_slice_from("{}"), &json, err);
    }
    if (status == FACTUM_OK) {
        assert_true(json.len < size);
        memcpy(answer, json.ptr, json.len);
        answer[json.len] = '\0';
    }
    fct_sandbox_close(sandbox);
    int64_t took = now() - start;
    if (took > LIMIT_NS) {
        print_error("%s\ntook %lld ms\n", script, (long long)(took / 1000000));
        fail();
    }
    assert_int_equal(fault.held, 0);
    return status;
}

/* The script ends with an error that begins with |place| and contains |why|. */
static void stops(const char *script, const char *place, const char *why)
{
    factum_error err = {0};
    char answer[256] = "";
    factum_status status = run(script, answer, sizeof answer, &err);
    if (status == FACTUM_OK) {
        print_error("%s\nwas not stopped: %s\n", script, answer);
        fail();
    }
    if (strncmp(err.text, place, strlen(place)) != 0 || strstr(err.text, why) == NULL) {
        print_error("%s\n\"%s\" does not begin with \"%s\" or hold \"%s\"\n", script, err.text,
                    place, why);
        fail();
    }
}

static void gives(const char *script, const char *wanted)
{
    factum_error err = {0};
    char answer[4096] = "";
    assert_ok(run(script, answer, sizeof answer, &err), err);
    assert_string_equal(answer, wanted);
}

#define RUN(body) "function run()\n" body "\nend"

TEST(the_fourteen_of_the_design_end)
{
    stops(RUN("while true do end"), "s.lua:2:", "stopped after 1,000,000 instructions");
    stops(RUN("coroutine.wrap(function() while true do end end)()"), "s.lua:2:", "'coroutine'");
    stops(RUN("local s = 'x' while true do s = s .. s end"), "s.lua:2:", "bytes");
    stops(RUN("return ('x'):rep(1 << 30)"), "s.lua:2:", "bytes");
    stops(RUN("while true do pcall(function() while true do end end) end"), "s.lua:2:", "'pcall'");
    gives(RUN("return ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(41)) == nil"), "true");
    stops(RUN("setmetatable({}, {__gc = function() while true do end end})"),
          "s.lua:2:", "'setmetatable'");
    stops(RUN("local s while true do s = ('x'):rep(1 << 20) end"), "s.lua:2:", "bytes");
    stops(RUN("local s = ('x'):rep(1 << 20)\nwhile true do s:reverse() end"), "s.lua:3:", "bytes");
    stops(RUN("local s = ('x'):rep(1 << 16)\nwhile true do utf8.len(s) end"),
          "s.lua:3:", "elements");
    stops(RUN("local t = {} for i = 1, 1000 do t[i] = ('x'):rep(100) .. i end\n"
              "while true do table.concat(t) end"),
          "s.lua:3:", "bytes");
    stops(RUN("local t = {} for i = 1, 1000 do t[i] = (i * 7919) % 1000 end\n"
              "while true do table.sort(t) end"),
          "s.lua:3:", "elements");
    gives(RUN("local t, s = {z = 1, a = 2, m = 3, [10] = 4, [2] = 5, [2.5] = 6}, ''\n"
              "for k, v in pairs(t) do s = s .. tostring(k) .. '=' .. v .. ' ' end return s"),
          "\"2=5 2.5=6 10=4 a=2 m=3 z=1 \"");
    stops(RUN("return tostring({})"), "s.lua:2:", "tostring of a table");
    stops(RUN("return ('%p'):format({})"), "s.lua:2:", "format");
    gives(RUN("return tostring(2^53)"), "\"9007199254740992\"");
}

TEST(loops_in_c_are_charged_before_they_run)
{
    stops(RUN("return (''):rep(1 << 60, 'x')"), "s.lua:2:", "bytes");
    gives(RUN("return (''):rep(1 << 60)"), "\"\"");
    stops(RUN("return ('ab'):rep(math.maxinteger)"), "s.lua:2:", "bytes");
    stops(RUN("return table.unpack({}, 1, 100000000)"), "s.lua:2:", "elements");
    stops(RUN("return table.unpack({}, math.mininteger, math.maxinteger)"), "s.lua:2:", "elements");
    stops(RUN("return table.move({}, 1, 100000000, 2)"), "s.lua:2:", "elements");
    stops(RUN("return table.concat({}, 'x', 1, 100000000)"), "s.lua:2:", "elements");
    stops(RUN("local t = {} while true do table.insert(t, 1, 1) end"), "s.lua:2:", "elements");
    stops(RUN("local s = ('x'):rep(1 << 20)\nwhile true do s:upper() end"), "s.lua:3:", "bytes");
    stops(RUN("local s = ('a'):rep(1 << 20)\nreturn s:find(('a'):rep(1 << 19) .. 'b')"),
          "s.lua:3:", "bytes");
    stops(RUN("local s = ('a'):rep(1 << 20)\nwhile true do s:replace('a', 'aaaaaaaaaaaaaaaa') end"),
          "s.lua:3:", "bytes");
    stops(RUN("local s = ('1'):rep(1 << 20)\nwhile true do tonumber(s) end"), "s.lua:3:", "bytes");
    stops(RUN("local s = '1' .. ('\\x80'):rep(1 << 20)\nlocal n = 0\n"
              "while true do n = n + 1 utf8.offset(s, 2, 1) end"),
          "s.lua:4:", "elements");
    stops(RUN("local s = ('x'):rep(1 << 16)\nwhile true do s:byte(1, -1) end"), "s.lua:3:", "");
    stops(RUN("local t = {} for i = 1, 20000 do t['k' .. i] = i end\n"
              "while true do for k in pairs(t) do break end end"),
          "s.lua:3:", "");
}

TEST(long_instructions_are_stopped_by_the_clock)
{
    /* Two equal texts that are different objects: each comparison reads megabytes. */
    stops(RUN("local a, b = ('x'):rep(1 << 21), ('x'):rep((1 << 21) - 1) .. 'x'\n"
              "while a == b do end"),
          "s.lua:3:", "stopped after");
    stops(RUN("local a, b = ('x'):rep(1 << 21), ('x'):rep((1 << 21) - 1) .. 'y'\n"
              "while a < b do end"),
          "s.lua:3:", "stopped after");
}

TEST(memory_is_bounded)
{
    stops(RUN("local t = {} while true do t[#t + 1] = {} end"), "s.lua:2:", "stopped");
    stops(RUN("local t = {} for i = 1, 1 << 30 do t[i] = i end"), "s.lua:2:", "");
    stops(RUN("local function f(...) return f(1, ...) end\nreturn f()"), "s.lua:2:", "");
    stops(RUN("local t = {} for i = 1, 230000 do t[i] = {} end\n"
              "while true do local s = {1, 2, 3, 4, 5, 6, 7, 8} end"),
          "s.lua:", "stopped");
    stops(RUN("local t = {} local i = 0\n"
              "while true do i = i + 1 t['key' .. i] = i t['key' .. (i - 1000)] = nil end"),
          "s.lua:3:", "stopped");
    stops(RUN("return utf8.char(table.unpack({}, 1, 500000))"), "s.lua:2:", "");
    stops(RUN("local t = {} for i = 1, 250 do t[i] = 65 end\nlocal s = ''\n"
              "while true do s = s .. utf8.char(table.unpack(t)) end"),
          "s.lua:4:", "stopped");
}

TEST(recursion_ends)
{
    stops(RUN("local function f() return 1 + f() end return f()"), "s.lua:2:", "");
    stops(RUN("local function f(a, b) return f(b, a) end return f(1, 2)"),
          "s.lua:2:", "instructions");
    stops(RUN("local t = {} t.t = t return t"), "s.lua", "circle");
    stops(RUN("local t = {} for i = 1, 70 do t = {t} end return t"), "s.lua", "deeper than 64");
    stops(RUN("local function f(a, b) return table.sort({3, 2, 1}, f) end return f()"),
          "s.lua:2:", "");
}

TEST(formats_are_bounded)
{
    stops(RUN("return ('%100d'):format(1)"), "s.lua:2:", "two digits");
    stops(RUN("return ('%.1000f'):format(1)"), "s.lua:2:", "two digits");
    stops(RUN("return ('%99999999999999999999d'):format(1)"), "s.lua:2:", "two digits");
    stops(RUN("return ('%'):format(1)"), "s.lua:2:", "format");
    stops(RUN("return ('%q'):format('x')"), "s.lua:2:", "format");
    stops(RUN("return ('%a'):format(1.5)"), "s.lua:2:", "format");
    stops(RUN("return ('%s'):format({})"), "s.lua:2:", "tostring");
    stops(RUN("return ('%s'):format()"), "s.lua:2:", "");
    stops(RUN("return ('%d'):format(1.5)"), "s.lua:2:", "integer");
    stops(RUN("local s = ('%99d'):rep(10000) while true do s:format(1) end"), "s.lua:2:", "");
    gives(RUN("return ('%5.1f|%-5d|%05d|%x|%s|%s|%%|%c'):format(1.25, 3, 42, 255, 0.1, 'x', 65)"),
          "\"  1.2|3    |00042|ff|0.1|x|%|A\"");
}

TEST(forbidden_functions_do_not_exist)
{
    static const char *const names[] = {
        "pcall",
        "xpcall",
        "coroutine",
        "setmetatable",
        "getmetatable",
        "collectgarbage",
        "warn",
        "next",
        "rawset",
        "rawget",
        "rawlen",
        "rawequal",
        "print",
        "load",
        "loadfile",
        "loadstring",
        "dofile",
        "require",
        "io",
        "os",
        "debug",
        "package",
        "_G",
        "string.match",
        "string.gmatch",
        "string.gsub",
        "string.dump",
        "string.pack",
        "string.unpack",
        "string.packsize",
        "math.random",
        "math.randomseed",
        "math.log",
        "math.sin",
        "utf8.charpattern",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char script[128];
        (void)snprintf(script, sizeof script, RUN("return %s == nil"), names[i]);
        gives(script, "true");
    }
    stops("\x1bLua\x54", "s.lua", "binary");
    stops(RUN("return ('x').y.z"), "s.lua:2:", "nil value");
    stops(RUN("return ('10') + 1"), "s.lua:2:", "arithmetic");
    stops(RUN("string.rep = nil"), "s.lua:2:", "string cannot be changed");
    stops(RUN("json.null = 1"), "s.lua:2:", "json cannot be changed");
    stops(RUN("counter = 1"), "s.lua:2:", "global 'counter' is set after loading");
    stops("n = 0 function run() n = n + 1 end", "s.lua:1:", "global 'n' is set after loading");
    stops(RUN("json.array(string)"), "s.lua:2:", "cannot be changed");
}

TEST(error_values_of_every_kind_are_reported)
{
    stops(RUN("error('no stock')"), "s.lua:2: no stock", "");
    stops(RUN("error('no stock', 0)"), "s.lua:2: no stock", "");
    stops(RUN("error({code = 1})"), "s.lua:2: error with a table value", "");
    stops(RUN("error()"), "s.lua:2: error with a nil value", "");
    stops(RUN("error(42)"), "s.lua:2:", "42");
    stops(RUN("assert(false)"), "s.lua:2:", "assertion failed");
    stops(RUN("assert(nil, 'why')"), "s.lua:2:", "why");
    stops(RUN("error(('x'):rep(100000))"), "s.lua:2: xxx", "");
    stops(RUN("local t = nil return t.x"), "s.lua:2:", "local 't'");
    stops(RUN("return 1 // 0"), "s.lua:2:", "divide by zero");
    stops(RUN("return {} < {}"), "s.lua:2:", "compare");
    stops(RUN("table.sort({1, 'x'})"), "s.lua:2:", "compare");
    stops("function run( return end", "s.lua:1:", "expected");
    stops("x = = 1", "s.lua:1:", "unexpected symbol");
    stops("y = 1", "s.lua", "there is no function run");
    stops(RUN("return function() end"), "s.lua", "a function is not JSON");
    stops(RUN("return 0/0"), "s.lua", "nan");
    stops(RUN("return {1, nil, 3}"), "s.lua", "hole");
    stops(RUN("return {1, x = 2}"), "s.lua", "list");
    stops(RUN("return '\\xff'"), "s.lua", "UTF-8");
    stops(RUN("return {[true] = 1}"), "s.lua", "key");
}

TEST(a_comparison_that_lies_only_spoils_the_order)
{
    gives(RUN("local t = {3, 1, 2} table.sort(t, function() return true end) return #t"), "3");
    gives(RUN("local t = {5, 3, 9, 1} table.sort(t) return t"), "[1,3,5,9]");
    gives(RUN("local t = {'b', 'a', 'c'} table.sort(t, function(a, b) return a > b end) return t"),
          "[\"c\",\"b\",\"a\"]");
    gives(RUN("local t = {} for i = 1, 300 do t[i] = {k = i % 3, i = i} end\n"
              "table.sort(t, function(a, b) return a.k < b.k end)\n"
              "for i = 2, 300 do if t[i].k == t[i - 1].k and t[i].i < t[i - 1].i then return false "
              "end end return true"),
          "true");
    stops(RUN("table.sort({2, 1}, function() error('here') end)"), "s.lua:2: here", "");
    stops(RUN("table.sort({2, 1}, 5)"), "s.lua:2:", "function");
}

/* A script of |count| times |part| between |before| and |after|. */
static void long_script(const char *before, const char *part, size_t count, const char *after)
{
    size_t size = strlen(before) + count * (strlen(part) + 8) + strlen(after) + 1;
    char *script = fct_mem_alloc(fct_mem_heap(), size);
    assert_non_null(script);
    size_t len = (size_t)snprintf(script, size, "%s", before);
    for (size_t i = 0; i < count; i++) {
        const char *hash = strchr(part, '#');
        len += hash == NULL ? (size_t)snprintf(script + len, size - len, "%s", part)
                            : (size_t)snprintf(script + len, size - len, "%.*s%zu%s",
                                               (int)(hash - part), part, i, hash + 1);
    }
    (void)snprintf(script + len, size - len, "%s", after);
    factum_error err = {0};
    char answer[256];
    (void)run(script, answer, sizeof answer, &err); /* in time, without a leak; any result */
    fct_mem_free(fct_mem_heap(), script);
}

TEST(long_sources_are_read_in_time)
{
    long_script("local t = {", "\"#\",", 30000, "} function run() end");
    long_script("local t = {", "x#=1,", 25000, "} function run() end");
    long_script("function run() ", "::l#::", 20000, "end");
    long_script("function run() do ", "goto l ", 18000, "end ::l:: end");
    long_script("function run() local a if a then ", "elseif a then ", 15000, "end end");
    long_script("function run() local a return a ", "or a ", 45000, "end");
    long_script("function run() local a return a ", "and a ", 40000, "end");
    long_script("function run() return ", "(", 100000, "end");
    long_script("function run() return ", "{", 100000, "end");
    long_script("function run() return ", "-", 100000, "1 end");
    long_script("function run() return ", "1 .. ", 50000, "1 end");
    long_script("function run() return ", "2^", 90000, "2 end");
    long_script("", "--\n", 85000, "function run() end");
    long_script("", "function f#() end ", 10000, "function run() end");
    long_script("function run() ", "local a# ", 20000, "end");
    long_script("function run() return function() ", "return function() ", 10000, "");
    stops("--[[", "s.lua:1:", "unfinished");
    stops("x = '", "s.lua:1:", "unfinished");
    char *script = fct_mem_alloc(fct_mem_heap(), FCT_SCRIPT_SIZE_MAX + 2);
    assert_non_null(script);
    memset(script, ' ', FCT_SCRIPT_SIZE_MAX + 1);
    script[FCT_SCRIPT_SIZE_MAX + 1] = '\0';
    stops(script, "s.lua has 262145 bytes", "");
    fct_mem_free(fct_mem_heap(), script);
}

TEST(loading_has_a_budget_too)
{
    stops("while true do end", "s.lua:1:", "instructions");
    stops("local s = 'x' while true do s = s .. s end", "s.lua:1:", "bytes");
    stops("error('at once')", "s.lua:1: at once", "");
    stops("::a:: goto a", "s.lua:1:", "instructions");
    stops("for i = 1, math.huge do end", "s.lua:1:", "instructions");
    stops("for i = math.maxinteger - 1, math.maxinteger do end while true do end",
          "s.lua:1:", "instructions");
    stops("repeat local x <close> = nil until false", "s.lua:1:", "instructions");
    stops("local x <close> = {}", "s.lua:1:", "non-closable");
}

TEST(a_stopped_script_is_loaded_again)
{
    struct fct_sandbox *sandbox;
    factum_error err;
    factum_slice json;
    struct fct_sandbox_options options = {
        .mem = fct_mem_heap(),
        .text = factum_slice_from("local n = 0 function run(a) n = n + 1 if a.loop then "
                                  "while true do end end return n end"),
        .name = "s.lua",
    };
    assert_ok(fct_sandbox_open(&options, &sandbox, &err), err);
    factum_slice none = factum_slice_from("{}");
    factum_slice loop = factum_slice_from("{\"loop\":true}");
    assert_ok(fct_sandbox_call_json(sandbox, "run", none, &json, &err), err);
    assert_ok(fct_sandbox_call_json(sandbox, "run", none, &json, &err), err);
    assert_memory_equal(json.ptr, "2", 1);
    assert_status(fct_sandbox_call_json(sandbox, "run", loop, &json, &err), FACTUM_TOO_BIG);
    assert_ok(fct_sandbox_call_json(sandbox, "run", none, &json, &err), err);
    assert_memory_equal(json.ptr, "1", 1);
    fct_sandbox_close(sandbox);
    fct_sandbox_close(NULL);
}

TEST(large_states_are_not_kept)
{
    struct fct_sandbox *sandbox;
    factum_error err;
    factum_slice json;
    static char argument[1 << 20];
    struct fct_sandbox_options options = {
        .mem = fct_mem_heap(),
        .text = factum_slice_from("function run(a) return { a, ('x'):rep(1000000) } end"),
        .name = "s.lua",
    };
    size_t len = (size_t)snprintf(argument, sizeof argument, "[0");
    while (len < sizeof argument / 16) {
        len += (size_t)snprintf(argument + len, sizeof argument - len, ",0");
    }
    (void)snprintf(argument + len, sizeof argument - len, "]");
    assert_ok(fct_sandbox_open(&options, &sandbox, &err), err);
    const size_t fresh = fct_sandbox_trim(sandbox);
    assert_in_range(fresh, 1, 128 << 10);
    for (int i = 0; i < 2; i++) {
        assert_ok(fct_sandbox_call_json(sandbox, "run", factum_slice_from(argument), &json, &err),
                  err);
        assert_in_range(fct_sandbox_trim(sandbox), 1, fresh + (8 << 10));
    }
    factum_slice none = factum_slice_from("{}");
    assert_ok(fct_sandbox_call_json(sandbox, "run", none, &json, &err), err);
    fct_sandbox_close(sandbox);
}

TEST(without_memory_nothing_leaks)
{
    static const char script[] =
        "local t = {} function run(a) for i = 1, 50 do t[i] = ('x'):rep(i) .. i end\n"
        "table.sort(t) return {list = t, n = json.null, x = a.x, s = table.concat(t):upper()} end";
    factum_error err = {0};
    bool done = false;
    for (unsigned long k = 0; !done; k++) {
        struct fct_mem_fault fault;
        fct_mem_fault_init(&fault);
        fault.fail_at = k;
        fault.sticky = (int)(k % 2);
        struct fct_sandbox *sandbox = NULL;
        struct fct_sandbox_options options = {
            .mem = &fault.mem, .text = factum_slice_from(script), .name = "s.lua"};
        factum_slice json;
        factum_status status = fct_sandbox_open(&options, &sandbox, &err);
        if (status == FACTUM_OK) {
            status = fct_sandbox_call_json(
                sandbox, "run", factum_slice_from("{\"x\":[1,2.5,\"\\u0041\"]}"), &json, &err);
        }
        done = status == FACTUM_OK;
        if (!done) {
            assert_int_equal(status, FACTUM_NO_MEMORY);
            assert_text(err, "out of memory");
        }
        fct_sandbox_close(sandbox);
        assert_int_equal(fault.held, 0);
        assert_true(k < 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_fourteen_of_the_design_end),
        CASE(loops_in_c_are_charged_before_they_run),
        CASE(long_instructions_are_stopped_by_the_clock),
        CASE(memory_is_bounded),
        CASE(recursion_ends),
        CASE(formats_are_bounded),
        CASE(forbidden_functions_do_not_exist),
        CASE(error_values_of_every_kind_are_reported),
        CASE(a_comparison_that_lies_only_spoils_the_order),
        CASE(long_sources_are_read_in_time),
        CASE(loading_has_a_budget_too),
        CASE(a_stopped_script_is_loaded_again),
        CASE(large_states_are_not_kept),
        CASE(without_memory_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
