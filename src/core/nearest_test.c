/* nearest_test.c - which known name was meant. Layer: core. */
#include "core/nearest.h"

#include "core/slice.h"
#include "support/test.h"

static const char *const known[] = {"listen", "listener", "tls-cert", "tls-key", "id"};

static void assert_slice(factum_slice slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_true(fct_slice_equal(slice, factum_slice_from(text)));
}

static factum_slice meant_by(const char *name)
{
    struct fct_nearest nearest;
    fct_nearest_begin(&nearest, factum_slice_from(name));
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        fct_nearest_offer(&nearest, factum_slice_from(known[i]));
    }
    return nearest.best;
}

TEST(letters_that_are_missing_added_or_changed_are_forgiven)
{
    assert_slice(meant_by("lisen"), "listen");
    assert_slice(meant_by("llisten"), "listen");
    assert_slice(meant_by("listem"), "listen");
    assert_slice(meant_by("tls_cert"), "tls-cert");
    assert_slice(meant_by("tlskey"), "tls-key");
}

TEST(the_nearest_name_wins_and_the_first_of_equals)
{
    assert_slice(meant_by("listener"), "listener");
    assert_slice(meant_by("listene"), "listen");
}

TEST(a_name_that_resembles_none_is_left_alone)
{
    assert_slice(meant_by(""), "");
    assert_slice(meant_by("x"), "");
    assert_slice(meant_by("ix"), "id"); /* one letter of two */
    assert_slice(meant_by("projection"), "");
    assert_slice(meant_by("li"), "");
}

TEST(a_name_that_is_too_long_is_near_to_none)
{
    char text[65];
    memset(text, 'a', sizeof text - 1);
    text[64] = '\0';
    struct fct_nearest nearest;
    fct_nearest_begin(&nearest, factum_slice_from(text));
    fct_nearest_offer(&nearest, factum_slice_from(text));
    assert_int_equal(nearest.best.len, 0);
    fct_nearest_begin(&nearest, fct_slice(text, 62));
    fct_nearest_offer(&nearest, factum_slice_from(text));
    assert_int_equal(nearest.best.len, 0);
    fct_nearest_offer(&nearest, fct_slice(text, 63));
    assert_int_equal(nearest.best.len, 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(letters_that_are_missing_added_or_changed_are_forgiven),
        CASE(the_nearest_name_wins_and_the_first_of_equals),
        CASE(a_name_that_resembles_none_is_left_alone),
        CASE(a_name_that_is_too_long_is_near_to_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
