/* recent_ids_test.c - the newest 65,536 ids are found, and none that are older. */
#include "support/test.h"

#include <limits.h>

#include "core/random.h"
#include "engine_local/recent_ids.h"
#include "support/mem_fault.h"

static factum_uuid id_of(uint64_t number)
{
    struct fct_random random = {.state = number};
    uint64_t words[2] = {fct_random_next(&random), fct_random_next(&random)};
    factum_uuid id;
    memcpy(id.bytes, words, sizeof id.bytes);
    return id;
}

/* Is |position| one of the candidates for |id|? *count: the number of candidates. */
static bool leads_to(const struct fct_recent_ids *recent, factum_uuid id, uint64_t position,
                     size_t *count)
{
    uint32_t cursor = 0;
    uint64_t found;
    bool leads = false;
    *count = 0;
    while (fct_recent_ids_next(recent, id, &cursor, &found)) {
        leads = leads || found == position;
        ++*count;
    }
    return leads;
}

static void begin(struct fct_recent_ids *recent)
{
    fct_recent_ids_init(recent, fct_mem_heap());
    assert_true(fct_recent_ids_prepare(recent));
}

TEST(an_id_leads_to_its_position)
{
    struct fct_recent_ids recent;
    size_t count;
    (void)state;
    begin(&recent);
    assert_false(leads_to(&recent, id_of(1), 8, &count));
    fct_recent_ids_add(&recent, id_of(1), 8);
    fct_recent_ids_add(&recent, id_of(2), 16);
    assert_true(leads_to(&recent, id_of(1), 8, &count));
    assert_int_equal(count, 1);
    assert_true(leads_to(&recent, id_of(2), 16, &count));
    assert_false(leads_to(&recent, id_of(3), 8, &count));
    assert_int_equal(count, 0);
    fct_recent_ids_finish(&recent);
}

TEST(an_id_that_came_twice_leads_to_both_positions)
{
    struct fct_recent_ids recent;
    size_t count;
    (void)state;
    begin(&recent);
    for (uint64_t i = 1; i <= 5; i++) {
        fct_recent_ids_add(&recent, id_of(7), i * 8);
    }
    for (uint64_t i = 1; i <= 5; i++) {
        assert_true(leads_to(&recent, id_of(7), i * 8, &count));
    }
    assert_int_equal(count, 5);
    fct_recent_ids_finish(&recent);
}

TEST(the_newest_are_found_and_the_older_are_not)
{
    enum { TOTAL = FCT_RECENT_IDS * 3 + 17 };
    struct fct_recent_ids recent;
    size_t count;
    (void)state;
    begin(&recent);
    for (uint64_t i = 1; i <= TOTAL; i++) {
        fct_recent_ids_add(&recent, id_of(i), i);
    }
    for (uint64_t i = TOTAL - FCT_RECENT_IDS + 1; i <= TOTAL; i++) {
        assert_true(leads_to(&recent, id_of(i), i, &count));
    }
    for (uint64_t i = 1; i <= TOTAL - FCT_RECENT_IDS; i++) {
        assert_false(leads_to(&recent, id_of(i), i, &count));
    }
    fct_recent_ids_finish(&recent);
}

TEST(ids_that_come_again_and_again_leave_in_the_order_of_their_coming)
{
    struct fct_recent_ids recent;
    size_t count;
    uint64_t position = 0;
    (void)state;
    begin(&recent);
    for (uint64_t i = 0; i < FCT_RECENT_IDS * 2; i++) { /* runs of one id, and single ones */
        fct_recent_ids_add(&recent, id_of(i % 100 < 20 ? 1000000 + i / 100 : i), ++position);
    }
    for (uint64_t i = FCT_RECENT_IDS; i < FCT_RECENT_IDS * 2; i++) {
        factum_uuid id = id_of(i % 100 < 20 ? 1000000 + i / 100 : i);
        assert_true(leads_to(&recent, id, i + 1, &count));
        assert_true(count <= 20);
    }
    uint64_t last = FCT_RECENT_IDS - 200;
    assert_false(leads_to(&recent, id_of(1000000 + last / 100), last + 1, &count));
    assert_int_equal(count, 0);
    fct_recent_ids_finish(&recent);
}

TEST(without_memory_it_is_not_prepared_and_can_be_later)
{
    struct fct_mem_fault mem;
    struct fct_recent_ids recent;
    (void)state;
    fct_mem_fault_init(&mem);
    mem.fail_at = 0;
    fct_recent_ids_init(&recent, &mem.mem);
    assert_int_equal(mem.calls, 0);
    assert_false(fct_recent_ids_prepare(&recent));
    mem.fail_at = ULONG_MAX;
    assert_true(fct_recent_ids_prepare(&recent));
    assert_true(fct_recent_ids_prepare(&recent)); /* once is enough */
    assert_int_equal(mem.held, 1);
    fct_recent_ids_finish(&recent);
    fct_recent_ids_finish(&recent);
    assert_int_equal(mem.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_id_leads_to_its_position),
        CASE(an_id_that_came_twice_leads_to_both_positions),
        CASE(the_newest_are_found_and_the_older_are_not),
        CASE(ids_that_come_again_and_again_leave_in_the_order_of_their_coming),
        CASE(without_memory_it_is_not_prepared_and_can_be_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
