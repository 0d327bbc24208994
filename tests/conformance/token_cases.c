/* token_cases.c - places as tokens that leave the process and come back, on every engine. Run by
 * conformance_test.c. */
#include "fixture.h"

#include "engine/token.h"

static factum_status parse(struct fixture *f, const char *text, uint64_t *place)
{
    return fct_token_parse(&f->engine.timelines, factum_slice_from(text), place, &f->err);
}

TEST(a_place_comes_back_from_its_token)
{
    struct fixture *f = *state;
    char text[FACTUM_TOKEN_SIZE];
    append_many(f, "s-1", 3);
    const uint64_t places[] = {0, 1, f->result.position, place_now(f), UINT64_MAX};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        uint64_t place = 5;
        fct_token_format(&f->engine.timelines, places[i], text);
        assert_true(strlen(text) < FACTUM_TOKEN_SIZE);
        assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_"),
                         strlen(text));
        OK(parse(f, text, &place));
        assert_int_equal(place, places[i]);
    }
}

TEST(a_token_outlives_the_process)
{
    struct fixture *f = *state;
    char before[FACTUM_TOKEN_SIZE];
    char after[FACTUM_TOKEN_SIZE];
    append_many(f, "s-1", 3);
    uint64_t place = place_now(f);
    uint64_t parsed = 0;
    fct_token_format(&f->engine.timelines, place, before);
    fixture_reopen(f);
    OK(parse(f, before, &parsed));
    assert_int_equal(parsed, place);
    fct_token_format(&f->engine.timelines, place, after);
    assert_string_equal(before, after);
}

TEST(what_is_not_a_token_is_refused)
{
    struct fixture *f = *state;
    char text[FACTUM_TOKEN_SIZE];
    uint64_t place = 5;
    fct_token_format(&f->engine.timelines, 42, text);
    const char *const wrong[] = {
        "",
        "f1",
        "42",
        "f1-0-0-42",
        "f2-0000000000000000-0-42",
        "f1-0000000000000000-1-42",
        "f1-000000000000000G-0-42",
        "f1-0000000000000000-0-",
        "f1-0000000000000000-0-4x",
        "f1-0000000000000000-0--1",
        "f1-0000000000000000-0-042",
        "f1-0000000000000000-0-18446744073709551616",
        "f1-0000000000000000-0-99999999999999999999999999999999999999999999",
        "no token, but a text as long as a user may paste into a field that is meant for one",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_status(parse(f, wrong[i], &place), FACTUM_INVALID);
        assert_text(f->err, "is not a token");
    }
    assert_status(fct_token_parse(&f->engine.timelines, fct_slice(NULL, 0), &place, &f->err),
                  FACTUM_INVALID);
    for (size_t i = 0; i < strlen(text) - 1; i++) { /* each part of a token */
        char part[FACTUM_TOKEN_SIZE];
        memcpy(part, text, sizeof part);
        part[i] = '\0';
        assert_status(parse(f, part, &place), FACTUM_INVALID);
    }
    assert_int_equal(place, 5);
}

TEST(the_token_of_another_store_is_refused)
{
    struct fixture *f = *state;
    char text[FACTUM_TOKEN_SIZE];
    uint64_t place = 5;
    append_many(f, "s-1", 1);
    fct_token_format(&f->engine.timelines, place_now(f), text);
    fixture_renew(f);
    append_many(f, "s-1", 1);
    assert_status(parse(f, text, &place), FACTUM_WRONG_TIMELINE);
    assert_text(f->err, "belongs to another history");
    assert_text(f->err, text);
    assert_int_equal(place, 5);
}

TEST(a_token_from_before_a_fork_holds_after_it)
{
    struct fixture *f = *state;
    char old_text[FACTUM_TOKEN_SIZE];
    char lost[FACTUM_TOKEN_SIZE];
    char text[FACTUM_TOKEN_SIZE];
    uint64_t place = 5;
    struct fct_timelines *timelines = &f->engine.timelines;
    append_many(f, "s-1", 2);
    uint64_t fork = place_now(f) + 1; /* the first position of the new timeline */
    fct_token_format(timelines, fork - 1, old_text);
    fct_token_format(timelines, fork, lost);
    const struct fct_timelines before = *timelines;
    timelines->items[timelines->count++] = (struct fct_timeline){~before.items[0].id, fork};
    OK(parse(f, old_text, &place));
    assert_int_equal(place, fork - 1);
    assert_status(parse(f, lost, &place), FACTUM_WRONG_TIMELINE);
    fct_token_format(timelines, fork - 1,
                     text); /* the place belongs to both histories, and has the same text */
    assert_string_equal(text, old_text);
    fct_token_format(timelines, fork, text);
    assert_string_not_equal(text, lost);
    OK(parse(f, text, &place));
    assert_int_equal(place, fork);
    /* A fork at an earlier place. */
    timelines->items[timelines->count++] = (struct fct_timeline){before.items[0].id + 1, fork - 8};
    assert_status(parse(f, old_text, &place), FACTUM_WRONG_TIMELINE);
    assert_status(parse(f, text, &place), FACTUM_WRONG_TIMELINE);
    fct_token_format(timelines, fork, text);
    OK(parse(f, text, &place));
    *timelines = before;
    OK(parse(f, lost, &place));
}

TEST(a_token_has_a_fixed_form)
{
    struct fixture *f = *state;
    char text[FACTUM_TOKEN_SIZE];
    const struct fct_timelines timelines = {
        .count = 2,
        .items = {{.id = 0x1f, .from = 0}, {.id = UINT64_C(0xfedcba9876543210), .from = 100}}};
    (void)f;
    fct_token_format(&timelines, 99, text);
    assert_string_equal(text, "f1-000000000000001f-0-99");
    fct_token_format(&timelines, 100, text);
    assert_string_equal(text, "f1-fedcba9876543210-0-100");
}

const struct CMUnitTest token_cases[] = {
    CASE_ONCE(a_place_comes_back_from_its_token),
    CASE_ONCE(a_token_outlives_the_process),
    CASE_ONCE(what_is_not_a_token_is_refused),
    CASE_ONCE(the_token_of_another_store_is_refused),
    CASE_ONCE(a_token_from_before_a_fork_holds_after_it),
    CASE_ONCE(a_token_has_a_fixed_form),
};
const size_t token_case_count = sizeof token_cases / sizeof token_cases[0];
