/* acts_test.c - acts on a projection, folded. Layer: projection. */
#include "projection/acts.h"
#include "support/test.h"

#define HOUR (INT64_C(3600) * 1000000000)

/* Version 1, then version 2 built beside it, in use since hour 10. */
static struct fct_acts swapped(void)
{
    struct fct_acts acts = {.any = false};
    const struct fct_act first = {.version = 1};
    const struct fct_act second = {.version = 2};
    const struct fct_act swap = {.act = FACTUM_ACT_SWAP};
    fct_acts_add(&acts, &first, 0, 100, 1 * HOUR);
    fct_acts_add(&acts, &second, 1, 200, 2 * HOUR);
    fct_acts_add(&acts, &swap, 2, 300, 10 * HOUR);
    assert_int_equal(acts.in_use.version, 2);
    assert_int_equal(acts.previous.version, 1);
    assert_int_equal(acts.building.version, 0);
    return acts;
}

TEST(what_was_in_use_before_is_kept_for_a_day)
{
    factum_error ignored;
    struct fct_acts acts = swapped();
    const struct fct_act rollback = {.act = FACTUM_ACT_ROLLBACK};
    fct_acts_at(&acts, 34 * HOUR);
    assert_int_equal(acts.previous.version, 1);
    assert_int_equal(fct_acts_judge(&acts, &rollback, &ignored), FACTUM_OK);
    fct_acts_at(&acts, 34 * HOUR + 1);
    assert_int_equal(acts.previous.version, 0);
    assert_int_equal(fct_acts_judge(&acts, &rollback, &ignored), FACTUM_INVALID);
    assert_int_equal(acts.in_use.version, 2);
}

TEST(a_rollback_counts_by_when_it_was_recorded)
{
    struct fct_acts in_time = swapped();
    struct fct_acts late = swapped();
    const struct fct_act rollback = {.act = FACTUM_ACT_ROLLBACK};
    fct_acts_add(&in_time, &rollback, 3, 400, 11 * HOUR);
    assert_int_equal(in_time.in_use.version, 1);
    assert_int_equal(in_time.previous.version, 2);
    fct_acts_add(&late, &rollback, 3, 400, 35 * HOUR);
    assert_int_equal(late.in_use.version, 2);
    assert_int_equal(late.previous.version, 0);
    assert_int_equal(late.revision, 3);
}

TEST(an_event_that_changes_nothing_moves_the_revision)
{
    struct fct_acts acts = swapped();
    const struct fct_acts before = acts;
    fct_acts_pass(&acts, 3, 400);
    assert_int_equal(acts.revision, 3);
    assert_int_equal(acts.position, 400);
    assert_int_equal(acts.in_use.version, before.in_use.version);
    assert_int_equal(acts.previous.version, before.previous.version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_in_use_before_is_kept_for_a_day),
        CASE(a_rollback_counts_by_when_it_was_recorded),
        CASE(an_event_that_changes_nothing_moves_the_revision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
