/* entry_test.c - many sagas at once: timers against a sort, queues, use. Layer: saga. */
#include "saga/entry.h"

#include "core/random.h"
#include "core/slice.h"
#include "support/test.h"

static struct fct_entry *entry_of(struct fct_entries *entries, unsigned number)
{
    char id[16];
    (void)snprintf(id, sizeof id, "%u", number);
    const struct fct_saga_key key = {FCT_SLICE("shop"), factum_slice_from(id)};
    struct fct_entry *entry = fct_entries_get(entries, &key);
    assert_non_null(entry);
    assert_ptr_equal(fct_entries_find(entries, &key), entry);
    return entry;
}

/* The earliest due time in |due|; 0: none. */
static int64_t earliest(const int64_t *due, unsigned count)
{
    int64_t first = 0;
    for (unsigned i = 0; i < count; i++) {
        if (due[i] != 0 && (first == 0 || due[i] < first)) {
            first = due[i];
        }
    }
    return first;
}

TEST(the_first_timer_is_that_of_a_sort_whatever_was_set_moved_and_cancelled)
{
    enum { SAGAS = 300, STEPS = 20000 };
    static int64_t due[SAGAS];
    struct fct_entries entries;
    struct fct_random random = {11};
    factum_error err;
    (void)state;
    memset(due, 0, sizeof due);
    assert_ok(fct_entries_init(&entries, fct_mem_heap(), &err), err);
    for (int i = 0; i < STEPS; i++) {
        unsigned which = (unsigned)fct_random_below(&random, SAGAS);
        uint64_t drawn = fct_random_below(&random, 4);
        struct fct_entry *entry = entry_of(&entries, which);
        due[which] = drawn == 0 ? 0 : 1 + (int64_t)fct_random_below(&random, 1000);
        if (drawn == 1) {
            fct_entries_drop(&entries, entry);
            due[which] = 0;
        } else {
            assert_ok(fct_entries_set_due(&entries, entry, due[which], &err), err);
        }
        const struct fct_entry *first = fct_entries_first_due(&entries);
        assert_int_equal(first != NULL ? first->due : 0, earliest(due, SAGAS));
    }
    int64_t last = 0;
    while (fct_entries_first_due(&entries) != NULL) {
        struct fct_entry *first = fct_entries_first_due(&entries);
        assert_true(first->due >= last);
        last = first->due;
        assert_ok(fct_entries_set_due(&entries, first, 0, &err), err);
    }
    fct_entries_finish(&entries);
}

TEST(thousands_are_found_by_name_and_counted)
{
    enum { SAGAS = 5000 };
    struct fct_entries entries;
    factum_error err;
    (void)state;
    assert_ok(fct_entries_init(&entries, fct_mem_heap(), &err), err);
    for (unsigned i = 0; i < SAGAS; i++) {
        fct_entries_set_open(&entries, entry_of(&entries, i), true);
        fct_entries_set_open(&entries, entry_of(&entries, i), true);
    }
    assert_int_equal(entries.count, SAGAS);
    assert_int_equal(entries.open_count, SAGAS);
    for (unsigned i = 0; i < SAGAS; i += 2) {
        fct_entries_drop(&entries, entry_of(&entries, i));
    }
    assert_int_equal(entries.count, SAGAS / 2);
    assert_int_equal(entries.open_count, SAGAS / 2);
    const struct fct_saga_key other = {FCT_SLICE("sho"), FCT_SLICE("p1")};
    assert_null(fct_entries_find(&entries, &other));
    fct_entries_finish(&entries);
}

TEST(waiting_inputs_are_served_in_order_and_the_oldest_is_known)
{
    struct fct_entries entries;
    factum_error err;
    char data[] = "{\"n\":1}";
    (void)state;
    assert_ok(fct_entries_init(&entries, fct_mem_heap(), &err), err);
    struct fct_entry *a = entry_of(&entries, 1);
    struct fct_entry *b = entry_of(&entries, 2);
    for (uint64_t i = 1; i <= 6; i++) {
        const struct fct_waiting waiting = {
            .kind = FCT_WAITING_REPLY,
            .has_event = true,
            .step = FCT_SLICE("pay"),
            .event = {.position = i, .data = factum_slice_from(data), .type = FCT_SLICE("Paid")}};
        assert_non_null(fct_entries_wait(&entries, i % 2 == 0 ? a : b, &waiting));
    }
    const struct fct_waiting timers = {.kind = FCT_WAITING_TIMERS};
    assert_non_null(fct_entries_wait(&entries, a, &timers));
    memset(data, 'x', sizeof data - 1); /* the inputs have copies */
    assert_true(fct_slice_equal(a->first->event.data, FCT_SLICE("{\"n\":1}")));
    assert_int_equal(entries.waiting_count, 7);
    assert_int_equal(entries.oldest->event.position, 1);
    fct_entries_served(&entries, b);
    assert_int_equal(entries.oldest->event.position, 2);
    fct_entries_served(&entries, b);
    fct_entries_served(&entries, b);
    assert_null(b->first);
    assert_int_equal(entries.oldest->event.position, 2);
    for (uint64_t i = 2; i <= 6; i += 2) {
        assert_int_equal(a->first->event.position, i);
        fct_entries_served(&entries, a);
    }
    assert_null(entries.oldest);
    assert_int_equal(a->first->kind, FCT_WAITING_TIMERS);
    fct_entries_finish(&entries);
}

TEST(the_least_used_is_the_one_that_was_not_used_for_the_longest_time)
{
    struct fct_entries entries;
    struct fct_deployed_set set;
    factum_error err;
    (void)state;
    fct_deployed_init(&set, fct_mem_heap());
    assert_ok(fct_entries_init(&entries, fct_mem_heap(), &err), err);
    for (unsigned i = 1; i <= 3; i++) {
        assert_non_null(fct_entries_load(&entries, entry_of(&entries, i), &set));
    }
    assert_ptr_equal(entries.least_used, entry_of(&entries, 1));
    fct_entries_use(&entries, entry_of(&entries, 1));
    assert_ptr_equal(entries.least_used, entry_of(&entries, 2));
    fct_entries_unload(&entries, entry_of(&entries, 2));
    assert_ptr_equal(entries.least_used, entry_of(&entries, 3));
    assert_ptr_equal(entries.most_used, entry_of(&entries, 1));
    assert_int_equal(entries.loaded_count, 2);
    fct_entries_finish(&entries);
    fct_deployed_finish(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_first_timer_is_that_of_a_sort_whatever_was_set_moved_and_cancelled),
        CASE(thousands_are_found_by_name_and_counted),
        CASE(waiting_inputs_are_served_in_order_and_the_oldest_is_known),
        CASE(the_least_used_is_the_one_that_was_not_used_for_the_longest_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
