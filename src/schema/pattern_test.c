/* pattern_test.c - patterns of ECMA-262: matches, refusals and their reasons, limits. Layer:
 * schema. tests/schema compares many more with a JavaScript engine. */
#include "support/test.h"

#include <limits.h>
#include <stdlib.h>

#include "core/slice.h"
#include "schema/pattern.h"
#include "support/mem_fault.h"

static struct fct_pattern_scratch *scratch;

static int set_up(void **state)
{
    (void)state;
    factum_error err;
    return fct_pattern_scratch_create(fct_mem_heap(), &scratch, &err) == FACTUM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fct_pattern_scratch_destroy(scratch);
    return 0;
}

static factum_status compile_slice(factum_slice ecma, struct fct_pattern **pattern,
                                   factum_error *err)
{
    err->text[0] = '\0';
    return fct_pattern_compile(fct_mem_heap(), ecma, pattern, err);
}

static struct fct_pattern *compiled(const char *ecma)
{
    struct fct_pattern *pattern = NULL;
    factum_error err;
    factum_status status = compile_slice(factum_slice_from(ecma), &pattern, &err);
    if (status != FACTUM_OK) {
        print_error("%s: %s: %s\n", ecma, factum_status_name(status), err.text);
        fail();
    }
    return pattern;
}

static enum fct_pattern_answer answer(const char *ecma, factum_slice text)
{
    struct fct_pattern *pattern = compiled(ecma);
    enum fct_pattern_answer given = fct_pattern_match(pattern, scratch, text);
    fct_pattern_destroy(pattern);
    return given;
}

struct match_case {
    const char *ecma, *text;
    bool matches;
};

static void check_matches(const struct match_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum fct_pattern_answer given = answer(cases[i].ecma, factum_slice_from(cases[i].text));
        if (given != (cases[i].matches ? FCT_PATTERN_MATCH : FCT_PATTERN_NO_MATCH)) {
            print_error("%s on \"%s\": it %s\n", cases[i].ecma, cases[i].text,
                        fct_pattern_answer_text(given));
            fail();
        }
    }
}
#define CHECK_MATCHES(cases) check_matches(cases, sizeof(cases) / sizeof *(cases))

TEST(a_pattern_is_searched_for_anywhere)
{
    static const struct match_case cases[] = {
        {"", "", true},
        {"", "x", true},
        {"b", "abc", true},
        {"^b", "abc", false},
        {"b$", "abc", false},
        {"^abc$", "abc", true},
        {"^abc$", "abc\n", false},
        {"^b", "a\nb", false},
        {"a|^b", "ab", true},
        {"^a|b", "cb", true},
        {"^(?:a|b)", "cb", false},
        {"A", "a", false},
        {"(|a)b", "xb", true},
        {"^$", "", true},
        {"^a||c", "x", true},
    };
    CHECK_MATCHES(cases);
}

TEST(classes_and_escapes_have_the_meaning_of_ECMA_262)
{
    static const struct match_case cases[] = {
        {"^\\s$", "\xc2\xa0", true},      /* NBSP */
        {"^\\s$", "\xef\xbb\xbf", true},  /* BOM */
        {"^\\s$", "\xe2\x80\xa9", true},  /* U+2029 */
        {"^\\s$", "\xe1\xa0\x8e", false}, /* U+180E is not white space any more */
        {"^\\s$", "\xc2\x85", false},     /* U+0085: white space to PCRE2, not to ECMA-262 */
        {"^[\\S]$", "\xe3\x80\x80", false},
        {"^[^\\S]$", "\xe3\x80\x80", true},
        {"^\\d$", "\xd9\xa0", false},
        {"^\\w$", "\xc3\xa9", false},
        {"^[\\W]$", "\xc3\xa9", true},
        {"^.$", "\r", false},
        {"^.$", "\xe2\x80\xa8", false},
        {"^.$", "\xc2\x85", true},
        {"^.$", "\xf0\x9f\x92\xa9", true},
        {"^[^]$", "\n", true},
        {"[]", "a", false},
        {"^[[:alpha:]$", "b", false},
        {"^[[:alpha:]+$", "[:p", true},
        {"^[a&&b]+$", "&", true},
        {"^[a-c-e]+$", "b-e", true},
        {"^[a-c-e]+$", "d", false},
        {"^[-a]$", "-", true},
        {"^[\\-\\]^]+$", "-]^", true},
        {"^[\\b]$", "\b", true},
        {"^\\ca$", "\x01", true},
        {"^\\x41\\u0042\\u{43}$", "ABC", true},
        {"^\\ud83d\\udca9$", "\xf0\x9f\x92\xa9", true},
        {"^[\\ud83d\\udca9-\\ud83d\\udcab]$", "\xf0\x9f\x92\xaa", true},
        {"\\ud83d", "\xf0\x9f\x92\xa9", false},
        {"\\u{d83d}\\u{dca9}", "\xf0\x9f\x92\xa9", false},
        {"^[\\ud800-\\udfff]", "\xed\x9f\xbf", false},
        {"^[^\\ud800]$", "a", true},
        {"^[\\ud7ff-\\ue000]$", "\xee\x80\x80", true},
        {"\\/\\.\\^", "/.^", true},
        {"\\bfoo\\b",
         "\xc3\xa9"
         "foo.",
         true},
        {"a\\Bb", "ab", true},
        {"\\t\\v\\f", "\t\v\f", true},
        {"#  x", "#  x", true},
        {"^a#b$", "a#b", true},
        {"^\\]$", "]", true},
    };
    CHECK_MATCHES(cases);
    struct fct_pattern *zero = compiled("^\\0[\\0]$");
    assert_int_equal(fct_pattern_match(zero, scratch, fct_slice("\0", 2)), FCT_PATTERN_MATCH);
    fct_pattern_destroy(zero);
}

TEST(properties_have_their_long_and_short_names)
{
    static const struct match_case cases[] = {
        {"^\\p{Letter}$", "\xc3\xa9", true},
        {"^\\p{L}$", "1", false},
        {"^\\P{L}$", "1", true},
        {"^\\p{digit}$", "\xd9\xa0", true},
        {"^\\p{General_Category=Nd}$", "1", true},
        {"^\\p{gc=punct}$", "!", true},
        {"^\\p{LC}$", "A", true},
        {"^\\p{LC}$", "\xd7\x90", false},
        {"^[\\p{Lu}0-9]+$", "A1", true},
        {"^[^\\P{Lu}]$", "a", false},
        {"^[^\\P{Lu}]$", "A", true},
        {"^\\p{Script=Greek}$", "\xce\xa9", true},
        {"^\\p{sc=Grek}$", "a", false},
        {"^\\p{sc=Qaai}$", "\xcc\x81", true},
        {"^\\p{scx=Deva}$", "\xe0\xa5\xa4", true},
        {"^\\p{sc=Deva}$", "\xe0\xa5\xa4", false},
        {"^\\p{Any}$", "\n", true},
        {"\\P{Any}", "a", false},
        {"^[\\P{Any}a]$", "a", true},
        {"^\\p{ASCII}$", "\x7f", true},
        {"^\\p{Assigned}$", "a", true},
        {"\\P{Assigned}", "a", false},
        {"^\\p{Emoji_Presentation}$", "\xf0\x9f\x92\xa9", true},
        {"^\\p{AHex}+$", "0fF", true},
        {"^\\p{White_Space}$", "\xc2\x85", true},
        {"\\p{Surrogate}", "\xee\x80\x80", false},
    };
    CHECK_MATCHES(cases);
}

TEST(repetitions_and_groups_are_kept)
{
    static const struct match_case cases[] = {
        {"^a{2}$", "aa", true},
        {"^a{2,}$", "a", false},
        {"^a{0,2}$", "aaa", false},
        {"^a{03}$", "aaa", true},
        {"^(?:ab){1,2}?$", "abab", true},
        {"^a+?b*?$", "aab", true},
        {"^a{0,100000}$", "aaa", true},
        {"^(?<n>a)\\k<n>$", "aa", true},
        {"^(?<\\u0061>a)\\k<a>$", "aa", true},
        {"^(?<\xc3\xa9>a)\\k<\xc3\xa9>$", "ab", false},
        {"^(a)(b)\\2\\1$", "abba", true},
        {"^(?:(a)|b)\\1$", "b", true},
        {"^\\1(a)$", "a", true},
        {"^(a\\1)$", "a", true},
        {"^(?:\\1(a)){2}$", "aa", true},
        {"^(?:(a)|\\1b)+$", "ab", true},
        {"^(?!(a))\\1b", "b", true},
        {"^(a)*\\1$", "aaa", true},
        {"^(?=(a))\\1b", "ab", true},
        {"(?<=a)b", "ab", true},
        {"(?<=ab|c)d", "abd", true},
        {"(?<!a)b", "ab", false},
        {"(?<=(a)\\1)b", "ab", true},
        {"(?<=\xe2\x82\xac)1",
         "\xe2\x82\xac"
         "1",
         true},
        {"^(?:(?:a|ab)c|ab)$", "abc", true},
        {"a(?=b(?!c))", "abd", true},
    };
    CHECK_MATCHES(cases);
}

struct refusal {
    const char *ecma;
    factum_status status;
    const char *text;
};

static void check_refusals(const struct refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fct_pattern *pattern = NULL;
        factum_error err;
        factum_status status = compile_slice(factum_slice_from(cases[i].ecma), &pattern, &err);
        if (status != cases[i].status || strstr(err.text, cases[i].text) == NULL) {
            print_error("%s: %s: %s\n", cases[i].ecma, factum_status_name(status), err.text);
            fail();
        }
        assert_null(pattern);
    }
}
#define CHECK_REFUSALS(cases) check_refusals(cases, sizeof(cases) / sizeof *(cases))

TEST(what_is_not_ECMA_262_is_refused_with_its_place)
{
    static const struct refusal cases[] = {
        {"(?i)a", FACTUM_INVALID, "a group of an unknown kind at byte 0"},
        {"(?>a)", FACTUM_INVALID, "a group of an unknown kind"},
        {"x(?#y)", FACTUM_INVALID, "a group of an unknown kind at byte 1"},
        {"(?R)", FACTUM_INVALID, "a group of an unknown kind"},
        {"(?P<a>b)", FACTUM_INVALID, "a group of an unknown kind"},
        {"a++", FACTUM_INVALID, "a repetition of nothing that can be repeated at byte 2"},
        {"^*", FACTUM_INVALID, "a repetition of nothing"},
        {"(?=a)*", FACTUM_INVALID, "a repetition of nothing that can be repeated at byte 5"},
        {"\\b+", FACTUM_INVALID, "a repetition of nothing"},
        {"(*ACCEPT)", FACTUM_INVALID, "a repetition of nothing"},
        {"\\A", FACTUM_INVALID, "an unknown escape at byte 0"},
        {"\\h", FACTUM_INVALID, "an unknown escape"},
        {"\\-", FACTUM_INVALID, "an unknown escape"},
        {"\\a", FACTUM_INVALID, "an unknown escape"},
        {"\\Qa\\E", FACTUM_INVALID, "an unknown escape"},
        {"\\\xc3\xa9", FACTUM_INVALID, "an unknown escape"},
        {"[\\B]", FACTUM_INVALID, "an unknown escape at byte 1"},
        {"[\\1]", FACTUM_INVALID, "an unknown escape"},
        {"\\", FACTUM_INVALID, "a \\ at the end"},
        {"\\01", FACTUM_INVALID, "an octal escape"},
        {"\\c1", FACTUM_INVALID, "a \\c without a letter"},
        {"\\x4", FACTUM_INVALID, "a \\x without two hexadecimal digits"},
        {"\\u00", FACTUM_INVALID, "a \\u without four hexadecimal digits"},
        {"\\u{}", FACTUM_INVALID, "a \\u{ without hexadecimal digits"},
        {"\\u{110000}", FACTUM_INVALID, "a code point above 10FFFF"},
        {"a{", FACTUM_INVALID, "a { that begins no repetition at byte 1"},
        {"x{,3}", FACTUM_INVALID, "a { that begins no repetition"},
        {"{", FACTUM_INVALID, "a bracket that needs a \\ before it"},
        {"a]", FACTUM_INVALID, "a bracket that needs a \\ before it at byte 1"},
        {"a{2,1}", FACTUM_INVALID, "a repetition whose numbers are out of order"},
        {"(", FACTUM_INVALID, "a ( without its ) at byte 0"},
        {"a)", FACTUM_INVALID, "a ) without its ( at byte 1"},
        {"a[b", FACTUM_INVALID, "a [ without its ] at byte 1"},
        {"[b-a]", FACTUM_INVALID, "a range of a class whose ends are out of order"},
        {"[\\d-z]", FACTUM_INVALID, "a range of a class with an end that is a class"},
        {"(a)\\2", FACTUM_INVALID, "a back-reference to a group that does not exist at byte 3"},
        {"\\k<a>", FACTUM_INVALID, "a back-reference to a group that does not exist"},
        {"\\ka", FACTUM_INVALID, "a \\k without a group name"},
        {"(?<a>x)(?<a>y)", FACTUM_INVALID, "a second group of the same name at byte 7"},
        {"(?<a>x)(?<\\u0061>y)", FACTUM_INVALID, "a second group of the same name"},
        {"(?<1>a)", FACTUM_INVALID, "a character that no group name can have"},
        {"(?<a\xe2\x82\xac>a)", FACTUM_INVALID, "a character that no group name can have"},
        {"(?<>a)", FACTUM_INVALID, "an empty group name"},
        {"(?<a", FACTUM_INVALID, "a group name without its >"},
        {"(?<a\\x61>b)", FACTUM_INVALID, "an escape other than \\u"},
        {"\\pL", FACTUM_INVALID, "a \\p without a property in braces"},
        {"\\p{L", FACTUM_INVALID, "a \\p{ without its }"},
        {"[[:alpha:]]", FACTUM_INVALID, "a bracket that needs a \\ before it at byte 10"},
        {"\\p{letter}", FACTUM_INVALID, "an unknown property letter at byte 0"},
        {"\\p{Xan}", FACTUM_INVALID, "an unknown property Xan"},
        {"\\p{sc=greek}", FACTUM_INVALID, "an unknown property sc=greek"},
        {"\\p{Script=}", FACTUM_INVALID, "an unknown property Script="},
        {"a\xff", FACTUM_INVALID, "not UTF-8 at byte 1"},
    };
    CHECK_REFUSALS(cases);
}

TEST(what_cannot_be_expressed_is_refused_by_name)
{
    static const struct refusal cases[] = {
        {"(?<=a*)b", FACTUM_UNSUPPORTED, "a look-behind of variable length"},
        {"(?<=\\1(a))", FACTUM_UNSUPPORTED, "a back-reference inside a look-behind, at byte 4"},
        {"(?:(a)|b)*\\1", FACTUM_UNSUPPORTED, "to a group that a repetition resets, at byte 10"},
        {"(a*)*\\1", FACTUM_UNSUPPORTED, "to a group that a repetition resets"},
        {"(?:(a)?\\1b)+", FACTUM_UNSUPPORTED, "to a group that a repetition resets"},
        {"(?=((|a){1,2}))\\1", FACTUM_UNSUPPORTED, "to a group that a repetition resets"},
        {"(?<=(?:(a)|b){2})\\1", FACTUM_UNSUPPORTED, "to a group that a repetition resets"},
        {"\\p{CWKCF}", FACTUM_UNSUPPORTED, "the property CWKCF, at byte 0 of a pattern"},
        {"\\p{CWKCF}(", FACTUM_INVALID, "a ( without its )"},
        {"a{70000}", FACTUM_TOO_BIG, "at least 70000 times: the limit is 65535"},
        {"(?:[\\p{L}\\p{N}]{1,1000}x\\b|y){1500}", FACTUM_TOO_BIG, "too large"},
        {"(((((a{1,1000}b){1,1000}){1,1000}){1,1000}){1,1000}){1,1000}", FACTUM_TOO_BIG,
         "too large"},
    };
    CHECK_REFUSALS(cases);
}

/* |unit| repeated up to |size| bytes; lasts until the next call. */
static factum_slice repeated(const char *unit, size_t size)
{
    static char memory[1024 * 1024 + 16];
    size_t len = strlen(unit);
    assert_true(size < sizeof memory);
    for (size_t i = 0; i < size; i++) {
        memory[i] = unit[i % len];
    }
    memory[size] = '\0';
    return fct_slice(memory, size);
}

TEST(a_pattern_over_a_limit_is_refused_by_its_name)
{
    static const struct {
        const char *unit;
        size_t size;
        factum_status status;
        const char *text;
    } cases[] = {
        {"a", 4096, FACTUM_OK, ""},
        {"a", 4097, FACTUM_TOO_BIG, "a pattern has 4097 bytes: the limit is 4096"},
        {"(", 100000, FACTUM_TOO_BIG, "the limit is 4096"},
        {"(", 4096, FACTUM_TOO_BIG, "more than 100 groups inside each other"},
        {"(?:", 4096, FACTUM_TOO_BIG, "more than 100 groups inside each other"},
        {"(?=", 4096, FACTUM_TOO_BIG, "more than 100 groups inside each other"},
        {"(", 100, FACTUM_INVALID, "a ( without its ) at byte 99"},
        {"()", 4096, FACTUM_OK, ""},
        {"a|", 4096, FACTUM_OK, ""},
        {"|", 4096, FACTUM_OK, ""},
        {"[^\\S\\W]", 4096, FACTUM_TOO_BIG, "needs more than 128 KiB when it is translated"},
        {"(?<=a|b)", 4096, FACTUM_OK, ""},
        {"\\u{1f4a9}?", 4090, FACTUM_OK, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fct_pattern *pattern = NULL;
        factum_error err;
        factum_status status =
            compile_slice(repeated(cases[i].unit, cases[i].size), &pattern, &err);
        if (status != cases[i].status || strstr(err.text, cases[i].text) == NULL) {
            print_error("%zu of %s: %s: %s\n", cases[i].size, cases[i].unit,
                        factum_status_name(status), err.text);
            fail();
        }
        fct_pattern_destroy(pattern);
    }
}

TEST(groups_may_be_as_deep_as_the_limit)
{
    char ecma[4 * FCT_PATTERN_DEPTH_MAX + 2];
    memset(ecma, ')', sizeof ecma);
    for (int i = 0; i < FCT_PATTERN_DEPTH_MAX; i++) {
        memcpy(ecma + 3 * i, "(?:", 3);
    }
    ecma[3 * FCT_PATTERN_DEPTH_MAX] = 'a';
    ecma[sizeof ecma - 1] = '\0';
    assert_int_equal(answer(ecma, FCT_SLICE("xa")), FCT_PATTERN_MATCH);
}

TEST(a_match_over_a_limit_is_no_answer)
{
    static const struct {
        const char *ecma, *unit;
        size_t size;
        enum fct_pattern_answer answer;
    } cases[] = {
        {"a", "a", FCT_PATTERN_TEXT_SIZE_MAX, FCT_PATTERN_MATCH},
        {"a", "a", FCT_PATTERN_TEXT_SIZE_MAX + 1, FCT_PATTERN_OVER_TEXT_SIZE},
        {"^(a+)+$", "a", 1024 * 1024, FCT_PATTERN_OVER_TEXT_SIZE},
        {"^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 32, FCT_PATTERN_OVER_STEPS},
        {"(a|a)*$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 32, FCT_PATTERN_OVER_STEPS},
        {"(?:a|ab)*c", "ab", 60000, FCT_PATTERN_OVER_HEAP},
        /* Below the limit at each place, far above it in all. */
        {"(?:a|a){0,12}b", "a", 60000, FCT_PATTERN_OVER_STEPS},
        {"(.*)(.*)(.*)(.*)[^a]", "a", 2000, FCT_PATTERN_OVER_STEPS},
        /* Few steps, many reads in each of them. */
        {"[a-z]+@", "a", FCT_PATTERN_TEXT_SIZE_MAX, FCT_PATTERN_OVER_READS},
        {"(?![a-z]*)", "a", FCT_PATTERN_TEXT_SIZE_MAX, FCT_PATTERN_OVER_READS},
        {"(?<=a{30000})b", "a", FCT_PATTERN_TEXT_SIZE_MAX, FCT_PATTERN_OVER_READS},
        {"^(a{30000}).*?\\1b", "a", FCT_PATTERN_TEXT_SIZE_MAX, FCT_PATTERN_OVER_READS},
        {"(?:(?:(?:(?:aaaa){9}){9}){9})b", "a", FCT_PATTERN_TEXT_SIZE_MAX, FCT_PATTERN_OVER_READS},
        {"[a-z]+@", "a", 10000, FCT_PATTERN_NO_MATCH},
        {"^(a{30000})\\1$", "a", 60000, FCT_PATTERN_MATCH},
        {"b|c", "a", FCT_PATTERN_TEXT_SIZE_MAX, FCT_PATTERN_NO_MATCH},
        {"^[ -~]*$", "a b", FCT_PATTERN_TEXT_SIZE_MAX, FCT_PATTERN_MATCH},
        {"[a-z]@[a-z]", "abc ", FCT_PATTERN_TEXT_SIZE_MAX, FCT_PATTERN_NO_MATCH},
        {"^(?:[A-Za-z0-9+/]{4})*$", "abcd", 8192, FCT_PATTERN_MATCH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum fct_pattern_answer given =
            answer(cases[i].ecma, repeated(cases[i].unit, cases[i].size));
        if (given != cases[i].answer) {
            print_error("%s on %zu of %s: it %s\n", cases[i].ecma, cases[i].size, cases[i].unit,
                        fct_pattern_answer_text(given));
            fail();
        }
    }
}

TEST(a_text_that_is_not_UTF_8_is_no_match)
{
    assert_int_equal(answer("a", FCT_SLICE("a\xff")), FCT_PATTERN_NOT_UTF8);
    assert_int_equal(answer("a", FCT_SLICE("a\xe2\x82")), FCT_PATTERN_NOT_UTF8);
    assert_int_equal(answer("^$", fct_slice(NULL, 0)), FCT_PATTERN_MATCH);
}

TEST(every_answer_has_a_text)
{
    for (int i = FCT_PATTERN_NO_MATCH; i <= FCT_PATTERN_NO_MEMORY; i++) {
        assert_string_not_equal(fct_pattern_answer_text((enum fct_pattern_answer)i),
                                "unknown answer");
    }
    assert_string_equal(fct_pattern_answer_text((enum fct_pattern_answer)99), "unknown answer");
}

TEST(a_match_allocates_only_more_than_all_before_it)
{
    struct fct_mem_fault fault;
    struct fct_pattern *pattern = NULL;
    struct fct_pattern_scratch *own = NULL;
    factum_error err;
    factum_slice text = repeated("ab", 4000);
    fct_mem_fault_init(&fault);
    assert_ok(fct_pattern_compile(&fault.mem, FCT_SLICE("^(?:a|b)*$"), &pattern, &err), err);
    assert_ok(fct_pattern_scratch_create(&fault.mem, &own, &err), err);
    assert_int_equal(fct_pattern_match(pattern, own, text), FCT_PATTERN_MATCH);
    unsigned long calls = fault.calls;
    for (size_t len = text.len; len > 4; len -= 4) {
        assert_int_equal(fct_pattern_match(pattern, own, fct_slice(text.ptr, len)),
                         FCT_PATTERN_MATCH);
    }
    assert_int_equal(fault.calls, calls);
    fct_pattern_scratch_destroy(own);
    fct_pattern_destroy(pattern);
    assert_int_equal(fault.held, 0);
}

/* Everything that allocates: names and properties use PCRE2, the match needs many open choices. */
static factum_status use_all(const struct fct_mem *mem)
{
    static const char ecma[] = "^(?<\xc3\xa9>\\p{Lu})(?:a|b)*\\k<\xc3\xa9>$";
    struct fct_pattern *pattern = NULL;
    struct fct_pattern_scratch *own = NULL;
    factum_error err;
    char text[2002];
    memset(text, 'a', sizeof text);
    text[0] = text[sizeof text - 1] = 'A';
    factum_status status = fct_pattern_compile(mem, factum_slice_from(ecma), &pattern, &err);
    if (status == FACTUM_OK) {
        status = fct_pattern_scratch_create(mem, &own, &err);
    }
    if (status == FACTUM_OK) {
        enum fct_pattern_answer given =
            fct_pattern_match(pattern, own, fct_slice(text, sizeof text));
        assert_true(given == FCT_PATTERN_MATCH || given == FCT_PATTERN_NO_MEMORY);
        status = given == FCT_PATTERN_MATCH ? FACTUM_OK : FACTUM_NO_MEMORY;
    } else {
        assert_text(err, "out of memory");
    }
    fct_pattern_scratch_destroy(own);
    fct_pattern_destroy(pattern);
    return status;
}

TEST(without_memory_nothing_is_left_or_lost)
{
    struct fct_mem_fault fault;
    for (unsigned long k = 0;; k++) {
        fct_mem_fault_init(&fault);
        fault.fail_at = k;
        factum_status status = use_all(&fault.mem);
        assert_int_equal(fault.held, 0);
        if (fault.failed == 0) {
            assert_status(status, FACTUM_OK);
            assert_true(k > 15);
            break;
        }
        assert_status(status, FACTUM_NO_MEMORY);
    }
    fct_pattern_destroy(NULL);
    fct_pattern_scratch_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_pattern_is_searched_for_anywhere),
        CASE(classes_and_escapes_have_the_meaning_of_ECMA_262),
        CASE(properties_have_their_long_and_short_names),
        CASE(repetitions_and_groups_are_kept),
        CASE(what_is_not_ECMA_262_is_refused_with_its_place),
        CASE(what_cannot_be_expressed_is_refused_by_name),
        CASE(a_pattern_over_a_limit_is_refused_by_its_name),
        CASE(groups_may_be_as_deep_as_the_limit),
        CASE(a_match_over_a_limit_is_no_answer),
        CASE(a_text_that_is_not_UTF_8_is_no_match),
        CASE(every_answer_has_a_text),
        CASE(a_match_allocates_only_more_than_all_before_it),
        CASE(without_memory_nothing_is_left_or_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
