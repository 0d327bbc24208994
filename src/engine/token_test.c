/* token_test.c - places as text and back, texts that are not tokens, and tokens of other
 * histories. */
#include "support/test.h"

#include "core/random.h"
#include "core/slice.h"
#include "engine/token.h"

#define A UINT64_C(0x00000000000000aa)
#define B UINT64_C(0xbbbbbbbbbbbbbbbb)
#define C UINT64_C(0x0123456789abcdef)

static const struct fct_timelines one = {.count = 1, .items = {{A, 0}}};

static factum_status parse(const struct fct_timelines *timelines, const char *text, uint64_t *place,
                           factum_error *err)
{
    return fct_token_parse(timelines, factum_slice_from(text), place, err);
}

TEST(a_token_reads_back_as_its_place)
{
    static const struct {
        uint64_t place;
        const char *text;
    } cases[] = {
        {0, "f1-00000000000000aa-0-0"},
        {1, "f1-00000000000000aa-0-1"},
        {1234567890, "f1-00000000000000aa-0-1234567890"},
        {UINT64_MAX, "f1-00000000000000aa-0-18446744073709551615"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[FACTUM_TOKEN_SIZE];
        factum_error err;
        uint64_t place = 7;
        fct_token_format(&one, cases[i].place, text);
        assert_string_equal(text, cases[i].text);
        assert_ok(parse(&one, text, &place, &err), err);
        assert_int_equal(place, cases[i].place);
    }
}

TEST(what_is_no_token_is_refused_and_leaves_the_place)
{
    static const char *const bad[] = {
        "",
        "f",
        "f1",
        "f1-",
        "f2-00000000000000aa-0-1",
        "F1-00000000000000aa-0-1",
        " f1-00000000000000aa-0-1",
        "f1_00000000000000aa-0-1",
        "f1-00000000000000AA-0-1", /* one form only */
        "f1-0000000000000aa-0-1",
        "f1-000000000000000aa-0-1",
        "f1-00000000000000ag-0-1",
        "f1-00000000000000a:-0-1",
        "f1-00000000000000a`-0-1",
        "f1-00000000000000a/-0-1",
        "f1-00000000000000aa",
        "f1-00000000000000aa-",
        "f1-00000000000000aa-0",
        "f1-00000000000000aa-0-",
        "f1-00000000000000aa-1-1", /* only partition 0 exists */
        "f1-00000000000000aa-00-1",
        "f1-00000000000000aa--1",
        "f1-00000000000000aa-0-+1",
        "f1-00000000000000aa-0--1",
        "f1-00000000000000aa-0-01",
        "f1-00000000000000aa-0-00",
        "f1-00000000000000aa-0-1 ",
        "f1-00000000000000aa-0-1x",
        "f1-00000000000000aa-0-0x1",
        "f1-00000000000000aa-0-1/",
        "f1-00000000000000aa-0-1:",
        "f1-00000000000000aa-0-18446744073709551616",
        "f1-00000000000000aa-0-18446744073709551620",
        "f1-00000000000000aa-0-99999999999999999999",
        "f1-00000000000000aa-0-111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[300];
        factum_error err;
        uint64_t place = 7;
        assert_status(parse(&one, bad[i], &place, &err), FACTUM_INVALID);
        (void)snprintf(text, sizeof text,
                       "\"%s\" is not a token: give one that this store has given out", bad[i]);
        assert_string_equal(err.text, text);
        assert_int_equal(place, 7);
        assert_status(parse(&one, bad[i], &place, NULL), FACTUM_INVALID);
    }
}

TEST(bytes_that_are_not_utf8_are_no_token)
{
    static uint8_t many[5000];
    const factum_slice bad[] = {
        fct_slice(NULL, 0),    fct_slice(NULL, 23),          FCT_SLICE("f1-00000000000000aa-0-1\0"),
        FCT_SLICE("\xff\xfe"), fct_slice(many, sizeof many),
    };
    memset(many, 'f', sizeof many);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        factum_error err;
        uint64_t place = 7;
        assert_status(fct_token_parse(&one, bad[i], &place, &err), FACTUM_INVALID);
        assert_text(err, "is not a token");
        assert_true(fct_utf8_valid(factum_slice_from(err.text)));
        assert_int_equal(place, 7);
    }
}

/* A was current up to 100, B from there up to 250, then C. */
static const struct fct_timelines three = {.count = 3, .items = {{A, 0}, {B, 100}, {C, 250}}};

TEST(a_place_belongs_to_the_timeline_that_was_current_there)
{
    static const struct {
        uint64_t place;
        const char *begin;
    } cases[] = {
        {0, "f1-00000000000000aa-"},   {99, "f1-00000000000000aa-"},
        {100, "f1-bbbbbbbbbbbbbbbb-"}, {249, "f1-bbbbbbbbbbbbbbbb-"},
        {250, "f1-0123456789abcdef-"}, {UINT64_MAX, "f1-0123456789abcdef-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[FACTUM_TOKEN_SIZE];
        factum_error err;
        uint64_t place = 7;
        fct_token_format(&three, cases[i].place, text);
        assert_memory_equal(text, cases[i].begin, strlen(cases[i].begin));
        assert_ok(parse(&three, text, &place, &err), err);
        assert_int_equal(place, cases[i].place);
    }
}

TEST(a_token_of_what_was_given_up_is_of_another_history)
{
    static const struct {
        const char *text;
        factum_status status;
    } cases[] = {
        {"f1-00000000000000aa-0-99", FACTUM_OK},
        {"f1-00000000000000aa-0-100", FACTUM_WRONG_TIMELINE}, /* B went on from there */
        {"f1-00000000000000aa-0-300", FACTUM_WRONG_TIMELINE},
        {"f1-bbbbbbbbbbbbbbbb-0-50", FACTUM_OK}, /* B shares it with A */
        {"f1-bbbbbbbbbbbbbbbb-0-249", FACTUM_OK},
        {"f1-bbbbbbbbbbbbbbbb-0-250", FACTUM_WRONG_TIMELINE},
        {"f1-0123456789abcdef-0-250", FACTUM_OK},
        {"f1-0123456789abcdef-0-0", FACTUM_OK},
        {"f1-0123456789abcdee-0-0", FACTUM_WRONG_TIMELINE}, /* of another store */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        factum_error err;
        uint64_t place = 7;
        assert_status(parse(&three, cases[i].text, &place, &err), cases[i].status);
        if (cases[i].status != FACTUM_OK) {
            assert_int_equal(place, 7);
            assert_text(err, cases[i].text);
            assert_text(err, "belongs to another history: to another store, or to what a restore "
                             "or repair of this one gave up; read again from the start");
        }
    }
}

/* C began before B did: of B nothing is left. */
TEST(a_later_loss_may_begin_before_an_earlier_one)
{
    const struct fct_timelines forked = {.count = 3, .items = {{A, 0}, {B, 100}, {C, 50}}};
    char text[FACTUM_TOKEN_SIZE];
    factum_error err;
    uint64_t place = 0;
    fct_token_format(&forked, 49, text);
    assert_string_equal(text, "f1-00000000000000aa-0-49");
    fct_token_format(&forked, 120, text);
    assert_string_equal(text, "f1-0123456789abcdef-0-120");
    assert_status(parse(&forked, "f1-bbbbbbbbbbbbbbbb-0-120", &place, &err), FACTUM_WRONG_TIMELINE);
    assert_status(parse(&forked, "f1-00000000000000aa-0-70", &place, &err), FACTUM_WRONG_TIMELINE);
    assert_ok(parse(&forked, "f1-bbbbbbbbbbbbbbbb-0-49", &place, &err), err);
    assert_int_equal(place, 49);
}

/* Tokens that a store issued before a fork, against the part that the fork kept. */
TEST(a_token_is_good_after_a_fork_as_long_as_its_place_was_kept)
{
    struct fct_random random = {1};
    for (int round = 0; round < 2000; round++) {
        struct fct_timelines before = {.count = 1, .items = {{fct_random_next(&random), 0}}};
        while (before.count < FCT_TIMELINES_MAX - 1 && fct_random_below(&random, 4) != 0) {
            before.items[before.count++] =
                (struct fct_timeline){fct_random_next(&random), fct_random_below(&random, 1000)};
        }
        struct fct_timelines after = before;
        uint64_t kept = fct_random_below(&random, 1000);
        after.items[after.count++] = (struct fct_timeline){fct_random_next(&random), kept};
        uint64_t place = fct_random_below(&random, 1000);
        uint64_t parsed = UINT64_MAX;
        char text[FACTUM_TOKEN_SIZE];
        factum_error err;
        fct_token_format(&before, place, text);
        assert_ok(parse(&before, text, &parsed, &err), err);
        assert_int_equal(parsed, place);
        assert_status(parse(&after, text, &parsed, &err),
                      place < kept ? FACTUM_OK : FACTUM_WRONG_TIMELINE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_token_reads_back_as_its_place),
        CASE(what_is_no_token_is_refused_and_leaves_the_place),
        CASE(bytes_that_are_not_utf8_are_no_token),
        CASE(a_place_belongs_to_the_timeline_that_was_current_there),
        CASE(a_token_of_what_was_given_up_is_of_another_history),
        CASE(a_later_loss_may_begin_before_an_earlier_one),
        CASE(a_token_is_good_after_a_fork_as_long_as_its_place_was_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
