/* reader_count_test.c - a drain returns when the readers inside have left, and not before. Layer:
 * gate. */
#include "support/test.h"

#include "gate/reader_count.h"
#include "os/thread.h"

#define READERS 6
#define TURNS 3000

TEST(a_count_of_nobody_is_drained_at_once)
{
    struct fct_reader_count readers;
    fct_reader_count_init(&readers);
    for (int i = 0; i < 5; i++) {
        struct fct_pass pass = fct_reader_count_enter(&readers);
        fct_reader_count_leave(&readers, pass);
        fct_reader_count_drain(&readers);
    }
}

struct drainer {
    struct fct_reader_count *readers;
    _Atomic bool began;
    _Atomic bool ended;
};

static void drain_once(void *data)
{
    struct drainer *drainer = data;
    atomic_store(&drainer->began, true);
    fct_reader_count_drain(drainer->readers);
    atomic_store(&drainer->ended, true);
}

/* Waits until the drain has turned the age. */
static void until_turned(struct fct_reader_count *readers, uint32_t age)
{
    while (atomic_load(&readers->age) == age) {
        _Atomic uint32_t word = 0;
        (void)fct_word_wait(&word, 0, 100000);
    }
}

TEST(a_drain_does_not_wait_for_later_readers)
{
    struct fct_reader_count readers;
    struct fct_thread thread = {.started = false};
    struct drainer drainer = {.readers = &readers};
    factum_error err;
    fct_reader_count_init(&readers);
    struct fct_pass before = fct_reader_count_enter(&readers);
    assert_ok(fct_thread_start(&thread, "drainer", drain_once, &drainer, &err), err);
    until_turned(&readers, 0);
    struct fct_pass after = fct_reader_count_enter(&readers);
    assert_ptr_not_equal(before.counter, after.counter);
    assert_false(atomic_load(&drainer.ended));
    fct_reader_count_leave(&readers, before);
    fct_thread_join(&thread);
    assert_true(atomic_load(&drainer.ended));
    fct_reader_count_leave(&readers, after);
}

/* Readers use the published value; the writer replaces it, drains, and spoils the old one. */
struct published {
    uint64_t value; /* 0: spoilt */
};

struct crowd {
    struct fct_reader_count readers;
    _Atomic(struct published *) now;
    struct published items[2];
    _Atomic bool stop;
    _Atomic uint64_t looks;
    _Atomic uint64_t spoilt;
};

static void look(void *data)
{
    struct crowd *crowd = data;
    while (!atomic_load(&crowd->stop)) {
        struct fct_pass pass = fct_reader_count_enter(&crowd->readers);
        const struct published *seen = atomic_load(&crowd->now);
        /* Not atomic: ThreadSanitizer reports a drain that returns too early. */
        if (seen->value == 0) {
            atomic_fetch_add(&crowd->spoilt, 1);
        }
        fct_reader_count_leave(&crowd->readers, pass);
        atomic_fetch_add(&crowd->looks, 1);
    }
}

TEST(after_a_drain_nobody_reads_the_replaced_value)
{
    static struct crowd crowd;
    struct fct_thread threads[READERS] = {{.started = false}};
    factum_error err;
    fct_reader_count_init(&crowd.readers);
    crowd.items[0].value = 1;
    atomic_store(&crowd.now, &crowd.items[0]);
    for (size_t i = 0; i < READERS; i++) {
        assert_ok(fct_thread_start(&threads[i], "reader", look, &crowd, &err), err);
    }
    while (atomic_load(&crowd.looks) == 0) {
        _Atomic uint32_t word = 0;
        (void)fct_word_wait(&word, 0, 100000);
    }
    for (uint64_t turn = 0; turn < TURNS; turn++) {
        struct published *old = &crowd.items[turn % 2];
        struct published *next = &crowd.items[(turn + 1) % 2];
        next->value = turn + 2;
        atomic_store(&crowd.now, next);
        fct_reader_count_drain(&crowd.readers);
        old->value = 0;
    }
    atomic_store(&crowd.stop, true);
    for (size_t i = 0; i < READERS; i++) {
        fct_thread_join(&threads[i]);
    }
    assert_int_equal(atomic_load(&crowd.spoilt), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_count_of_nobody_is_drained_at_once),
        CASE(a_drain_does_not_wait_for_later_readers),
        CASE(after_a_drain_nobody_reads_the_replaced_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
