/* sized_test.c - older and newer programs meet this library. */
#include "support/test.h"

#include "core/sized.h"

struct now {
    size_t size;
    uint64_t a;
    uint64_t b;
};

struct newer {
    struct now now;
    uint64_t c;
};

TEST(an_older_struct_is_extended_with_zeros)
{
    factum_error err;
    struct now full;
    struct now given = {.size = 16, .a = 7, .b = 9};
    assert_ok(fct_sized_read(&full, sizeof full, &given, "it", &err), err);
    assert_int_equal(full.size, sizeof full);
    assert_int_equal(full.a, 7);
    assert_int_equal(full.b, 0);
}

TEST(a_newer_struct_is_accepted_while_its_tail_is_zero)
{
    factum_error err;
    struct now full;
    struct newer given = {.now = {.size = sizeof given, .a = 1, .b = 2}};
    assert_ok(fct_sized_read(&full, sizeof full, &given, "it", &err), err);
    assert_int_equal(full.b, 2);
    given.c = UINT64_C(1) << 40;
    assert_int_equal(fct_sized_read(&full, sizeof full, &given, "read: the request", &err),
                     FACTUM_INVALID);
    assert_string_equal(err.text,
                        "read: the request sets a member that this version of the library does not "
                        "know (byte 29 of 32, it knows 24): update the library or leave it out");
}

TEST(a_size_that_was_not_set_is_refused)
{
    factum_error err;
    struct now full;
    struct now given = {.size = 0};
    assert_int_equal(fct_sized_read(&full, sizeof full, &given, "it", &err), FACTUM_INVALID);
    assert_string_equal(err.text, "it has size 0: set it to sizeof the struct");
    given.size = SIZE_MAX;
    assert_int_equal(fct_sized_read(&full, sizeof full, &given, "it", &err), FACTUM_INVALID);
    assert_int_equal(fct_sized_read(&full, sizeof full, NULL, "it", &err), FACTUM_INVALID);
    assert_string_equal(err.text, "it is NULL");
}

TEST(an_answer_fills_the_members_that_fit)
{
    struct now answer = {.size = sizeof answer, .a = 3, .b = 4};
    struct now older = {.size = 16, .b = 99};
    fct_sized_write(&older, &answer, sizeof answer);
    assert_int_equal(older.size, 16);
    assert_int_equal(older.a, 3);
    assert_int_equal(older.b, 99);
    struct newer newer = {.now = {.size = sizeof newer}, .c = 5};
    fct_sized_write(&newer, &answer, sizeof answer);
    assert_int_equal(newer.now.b, 4);
    assert_int_equal(newer.c, 0);
}

TEST(the_smallest_struct_is_a_size_and_the_largest_65536_bytes)
{
    factum_error err;
    struct now full = {.a = 5, .b = 5};
    struct now given = {.size = sizeof given.size, .a = 7, .b = 9};
    assert_ok(fct_sized_read(&full, sizeof full, &given, "it", &err), err);
    assert_int_equal(full.size, sizeof full);
    assert_int_equal(full.a, 0);
    assert_int_equal(full.b, 0);
    fct_sized_write(&given, &(struct now){.size = sizeof full, .a = 1, .b = 1}, sizeof full);
    assert_int_equal(given.a, 7); /* not known to the older program */
    given.size = sizeof given.size - 1;
    assert_int_equal(fct_sized_check(&given, "it", &err), FACTUM_INVALID);
    given.size = 65536;
    assert_ok(fct_sized_check(&given, "it", &err), err);
    given.size = 65537;
    assert_int_equal(fct_sized_check(&given, "it", &err), FACTUM_INVALID);
    assert_string_equal(err.text, "it has size 65537: set it to sizeof the struct");
}

TEST(a_copy_has_what_both_know)
{
    struct now full = {.a = 5, .b = 5};
    struct now older = {.size = 16, .a = 7, .b = 9};
    fct_sized_copy(&full, sizeof full, &older);
    assert_int_equal(full.size, sizeof full);
    assert_int_equal(full.a, 7);
    assert_int_equal(full.b, 0);
    struct newer newer = {.now = {.size = sizeof newer, .a = 1, .b = 2}, .c = 3};
    fct_sized_copy(&full, sizeof full, &newer);
    assert_int_equal(full.b, 2);
}

TEST(a_struct_that_is_refused_leaves_the_full_one)
{
    struct now full = {.size = 1, .a = 2, .b = 3};
    struct newer given = {.now = {.size = sizeof given, .a = 7, .b = 9}, .c = 1};
    assert_int_equal(fct_sized_read(&full, sizeof full, &given, "it", NULL), FACTUM_INVALID);
    assert_int_equal(full.size, 1);
    assert_int_equal(full.a, 2);
    assert_int_equal(full.b, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_older_struct_is_extended_with_zeros),
        CASE(a_newer_struct_is_accepted_while_its_tail_is_zero),
        CASE(a_size_that_was_not_set_is_refused),
        CASE(an_answer_fills_the_members_that_fit),
        CASE(the_smallest_struct_is_a_size_and_the_largest_65536_bytes),
        CASE(a_copy_has_what_both_know),
        CASE(a_struct_that_is_refused_leaves_the_full_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
