/* trace_context_test.c - trace contexts that are valid, and those that are not. */
#include "support/test.h"

#include "core/trace_context.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static const char *normal(const char *given)
{
    static char out[FCT_TRACEPARENT_SIZE + 1];
    out[FCT_TRACEPARENT_SIZE] = '\0';
    return fct_traceparent_normal(factum_slice_from(given), out) ? out : "invalid";
}

TEST(a_valid_traceparent_is_kept)
{
    assert_string_equal(normal("00-" TRACE "-" PARENT "-01"), "00-" TRACE "-" PARENT "-01");
    assert_string_equal(normal("00-" TRACE "-" PARENT "-03"), "00-" TRACE "-" PARENT "-03");
}

TEST(flags_that_are_not_known_become_zero)
{
    assert_string_equal(normal("00-" TRACE "-" PARENT "-ff"), "00-" TRACE "-" PARENT "-03");
    assert_string_equal(normal("00-" TRACE "-" PARENT "-f4"), "00-" TRACE "-" PARENT "-00");
}

TEST(a_later_version_is_read_as_far_as_we_know_it)
{
    assert_string_equal(normal("cc-" TRACE "-" PARENT "-01"), "00-" TRACE "-" PARENT "-01");
    assert_string_equal(normal("cc-" TRACE "-" PARENT "-01-more"), "00-" TRACE "-" PARENT "-01");
    assert_string_equal(normal("cc-" TRACE "-" PARENT "-01more"), "invalid");
}

TEST(a_broken_traceparent_is_ignored)
{
    static const char *const broken[] = {
        "",
        "00",
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-011",
        "00-" TRACE "-" PARENT "-01-more",
        "ff-" TRACE "-" PARENT "-01",
        "0g-" TRACE "-" PARENT "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
        "00-" TRACE "-" PARENT "-0x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_string_equal(normal(broken[i]), "invalid");
    }
}

static bool valid(const char *given)
{
    return fct_tracestate_valid(factum_slice_from(given));
}

TEST(a_tracestate_is_a_list_of_members)
{
    assert_true(valid(""));
    assert_true(valid("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
    assert_true(valid(" a=1 ,, 2@b-c_*/=x y!,"));
    assert_false(valid("a"));
    assert_false(valid("=1"));
    assert_false(valid("a="));
    assert_false(valid("A=1"));
    assert_false(valid("_a=1"));
    assert_false(valid("a\x7f=1"));
    assert_false(valid("a=1=2"));
    assert_false(valid("a=\x01"));
    assert_false(valid("a=1,b"));
    assert_false(valid("a=1,b=2,a=3"));
}

TEST(a_tracestate_has_at_most_32_members_of_256_bytes)
{
    char list[FCT_TRACESTATE_SIZE_MAX + 2];
    size_t used = 0;
    (void)state;
    for (int i = 0; i < 32; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%sk%d=v", i == 0 ? "" : ",", i);
    }
    assert_true(valid(list));
    (void)snprintf(list + used, sizeof list - used, ",more=v");
    assert_false(valid(list));
    memset(list, 'a', 256);
    memcpy(list + 256, "=1", 3);
    assert_true(valid(list));
    memset(list, 'a', 257);
    memcpy(list + 257, "=1", 3);
    assert_false(valid(list));
    list[0] = 'a';
    list[1] = '=';
    memset(list + 2, 'v', 256);
    list[258] = '\0';
    assert_true(valid(list));
    list[258] = 'v';
    list[259] = '\0';
    assert_false(valid(list));
    memset(list, ',', sizeof list - 1);
    list[sizeof list - 1] = '\0';
    assert_false(valid(list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_valid_traceparent_is_kept),
        CASE(flags_that_are_not_known_become_zero),
        CASE(a_later_version_is_read_as_far_as_we_know_it),
        CASE(a_broken_traceparent_is_ignored),
        CASE(a_tracestate_is_a_list_of_members),
        CASE(a_tracestate_has_at_most_32_members_of_256_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
