/* thread_test.c - threads, locks, and waiting on a word. Layer: os. */
#include "os/thread.h"

#include <limits.h>
#include <signal.h>
#include <time.h>

#include "os/os.h"
#include "support/test.h"

enum { THREADS = 8, TURNS = 20000 };
#define MS UINT64_C(1000000)

static uint64_t now(void)
{
    return fct_os_monotonic(fct_os_real());
}

static void start(struct fct_thread *thread, void (*run)(void *data), void *data)
{
    factum_error err;
    assert_ok(fct_thread_start(thread, "factum-test", run, data, &err), err);
}

struct word {
    _Atomic uint32_t value;
};

/* ---- threads --------------------------------------------------------------------------------- */

static void set_flag(void *data)
{
    struct word *flag = data;
    atomic_store(&flag->value, 1);
}

TEST(joining_waits_for_the_end)
{
    struct word flag = {0};
    struct fct_thread thread = {.started = false};
    start(&thread, set_flag, &flag);
    assert_true(thread.started);
    fct_thread_join(&thread);
    assert_int_equal(atomic_load(&flag.value), 1);
    assert_false(thread.started);
}

TEST(joining_accepts_threads_never_started_or_already_joined)
{
    struct word flag = {0};
    struct fct_thread thread = {.started = false};
    fct_thread_join(&thread);
    start(&thread, set_flag, &flag);
    fct_thread_join(&thread);
    fct_thread_join(&thread);
}

static void note_signals(void *data)
{
    sigset_t blocked;
    bool all = pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM, SIGCHLD, SIGPIPE};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        all = all && sigismember(&blocked, signals[i]) == 1;
    }
    struct word *result = data;
    atomic_store(&result->value, all);
}

TEST(signals_go_to_the_program_and_not_to_its_threads)
{
    struct word all = {0};
    sigset_t before;
    sigset_t after;
    struct fct_thread thread = {.started = false};
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    start(&thread, note_signals, &all);
    fct_thread_join(&thread);
    assert_int_equal(atomic_load(&all.value), 1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

/* ---- locks ----------------------------------------------------------------------------------- */

struct shared {
    struct fct_mutex mutex;
    struct fct_rwlock lock;
    uint64_t count; /* not atomic: the lock protects it */
    uint64_t twin;
    _Atomic uint32_t torn;
};

static void count_under_mutex(void *data)
{
    struct shared *shared = data;
    for (int i = 0; i < TURNS; i++) {
        fct_mutex_lock(&shared->mutex);
        shared->count++;
        fct_mutex_unlock(&shared->mutex);
    }
}

TEST(a_mutex_lets_in_one_at_a_time)
{
    struct shared shared = {.count = 0};
    struct fct_thread threads[THREADS] = {{.started = false}};
    fct_mutex_init(&shared.mutex);
    for (int i = 0; i < THREADS; i++) {
        start(&threads[i], count_under_mutex, &shared);
    }
    for (int i = 0; i < THREADS; i++) {
        fct_thread_join(&threads[i]);
    }
    assert_int_equal(shared.count, THREADS * TURNS);
    fct_mutex_finish(&shared.mutex);
}

TEST(there_is_at_least_one_processor)
{
    assert_true(fct_processor_count() >= 1);
    assert_true(fct_processor_count() <= (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
}

static void set_word(void *data)
{
    _Atomic uint32_t *word = data;
    (void)usleep(2000);
    atomic_store(word, 1);
}

TEST(yielding_ends_with_a_change_or_with_the_spin_budget)
{
    _Atomic uint32_t word = 0;
    uint64_t patience = 0;
    assert_false(fct_word_yield(&word, 0, &patience));
    assert_true(fct_word_yield(&word, 1, &patience));
    patience = 50000;
    assert_false(fct_word_yield(&word, 0, &patience));
    assert_int_equal(patience, 0);
    struct fct_thread thread = {.started = false};
    start(&thread, set_word, &word);
    patience = UINT64_C(60000000000);
    assert_true(fct_word_yield(&word, 0, &patience));
    assert_true(patience > 0);
    assert_true(patience <= UINT64_C(60000000000)); /* the thread may have been first */
    fct_thread_join(&thread);
}

static void write_both(void *data)
{
    struct shared *shared = data;
    for (int i = 0; i < TURNS / 10; i++) {
        fct_rwlock_write(&shared->lock);
        shared->count++;
        fct_cpu_relax();
        shared->twin++;
        fct_rwlock_unlock(&shared->lock);
    }
}

static void read_both(void *data)
{
    struct shared *shared = data;
    for (int i = 0; i < TURNS / 10; i++) {
        fct_rwlock_read(&shared->lock);
        if (shared->count != shared->twin) {
            atomic_fetch_add(&shared->torn, 1);
        }
        fct_rwlock_unlock(&shared->lock);
    }
}

TEST(readers_never_see_half_of_a_write)
{
    struct shared shared = {.count = 0};
    struct fct_thread threads[THREADS] = {{.started = false}};
    fct_rwlock_init(&shared.lock);
    for (int i = 0; i < THREADS; i++) {
        start(&threads[i], i % 2 == 0 ? write_both : read_both, &shared);
    }
    for (int i = 0; i < THREADS; i++) {
        fct_thread_join(&threads[i]);
    }
    assert_int_equal(atomic_load(&shared.torn), 0);
    assert_int_equal(shared.count, THREADS / 2 * (TURNS / 10));
    fct_rwlock_finish(&shared.lock);
}

static void read_and_go(void *data)
{
    struct shared *shared = data;
    fct_rwlock_read(&shared->lock);
    shared->count = 1;
    fct_rwlock_unlock(&shared->lock);
}

TEST(readers_let_each_other_in)
{
    struct shared shared = {.count = 0};
    struct fct_thread thread = {.started = false};
    fct_rwlock_init(&shared.lock);
    fct_rwlock_read(&shared.lock);
    start(&thread, read_and_go, &shared);
    fct_thread_join(&thread); /* would not end if it had to wait */
    fct_rwlock_unlock(&shared.lock);
    assert_int_equal(shared.count, 1);
    fct_rwlock_finish(&shared.lock);
}

/* ---- waiting on a word ----------------------------------------------------------------------- */

TEST(a_word_that_has_changed_is_not_waited_for)
{
    _Atomic uint32_t word = 5;
    uint64_t before = now();
    assert_true(fct_word_wait(&word, 4, UINT64_MAX));
    assert_true(fct_word_wait(&word, 6, UINT64_C(60) * 1000 * MS));
    assert_true(now() - before < 10000 * MS);
}

TEST(a_wait_ends_at_its_time)
{
    _Atomic uint32_t word = 5;
    static const uint64_t timeouts[] = {0, 1, MS, 20 * MS};
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        uint64_t before = now();
        while (fct_word_wait(&word, 5, timeouts[i])) { /* woken early: again */
        }
        assert_true(now() - before >= timeouts[i]);
    }
}

struct waiting {
    _Atomic uint32_t word;
    _Atomic uint32_t woken;
};

static void wait_for_change(void *data)
{
    struct waiting *waiting = data;
    while (atomic_load(&waiting->word) == 0) {
        (void)fct_word_wait(&waiting->word, 0, UINT64_MAX);
    }
    atomic_fetch_add(&waiting->woken, 1);
}

TEST(one_call_wakes_all_waiters)
{
    static const uint32_t counts[] = {THREADS, INT_MAX, UINT32_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct waiting waiting = {.word = 0};
        struct fct_thread threads[THREADS] = {{.started = false}};
        for (int j = 0; j < THREADS; j++) {
            start(&threads[j], wait_for_change, &waiting);
        }
        const struct timespec a_while = {.tv_nsec = 5000000};
        (void)nanosleep(&a_while, NULL);
        assert_int_equal(atomic_load(&waiting.woken), 0);
        atomic_store(&waiting.word, 1);
        fct_word_wake(&waiting.word, counts[i]);
        for (int j = 0; j < THREADS; j++) {
            fct_thread_join(&threads[j]);
        }
        assert_int_equal(atomic_load(&waiting.woken), THREADS);
    }
}

static void answer(void *data)
{
    struct word *shared = data;
    _Atomic uint32_t *word = &shared->value;
    for (uint32_t turn = 1; turn < 2000; turn += 2) {
        while (atomic_load(word) != turn) {
            (void)fct_word_wait(word, turn - 1, UINT64_MAX);
        }
        atomic_store(word, turn + 1);
        fct_word_wake(word, 1);
    }
}

/* Without a lost wake: each side sleeps until the other has changed the word. */
TEST(two_threads_take_turns)
{
    struct word word = {0};
    struct fct_thread thread = {.started = false};
    start(&thread, answer, &word);
    for (uint32_t turn = 0; turn < 2000; turn += 2) {
        while (atomic_load(&word.value) != turn) {
            (void)fct_word_wait(&word.value, turn - 1, UINT64_MAX);
        }
        atomic_store(&word.value, turn + 1);
        fct_word_wake(&word.value, 1);
    }
    fct_thread_join(&thread);
    assert_int_equal(atomic_load(&word.value), 2000);
}

TEST(work_uses_processor_time_and_sleep_does_not)
{
    uint64_t before = fct_thread_cpu_time();
    _Atomic uint32_t word = 0;
    (void)fct_word_wait(&word, 0, UINT64_C(50000000));
    uint64_t slept = fct_thread_cpu_time();
    assert_true(slept - before < UINT64_C(25000000));
    while (fct_thread_cpu_time() - slept < UINT64_C(1000000)) {
        fct_cpu_relax();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(joining_waits_for_the_end),
        CASE(joining_accepts_threads_never_started_or_already_joined),
        CASE(signals_go_to_the_program_and_not_to_its_threads),
        CASE(a_mutex_lets_in_one_at_a_time),
        CASE(there_is_at_least_one_processor),
        CASE(yielding_ends_with_a_change_or_with_the_spin_budget),
        CASE(readers_never_see_half_of_a_write),
        CASE(readers_let_each_other_in),
        CASE(a_word_that_has_changed_is_not_waited_for),
        CASE(a_wait_ends_at_its_time),
        CASE(one_call_wakes_all_waiters),
        CASE(two_threads_take_turns),
        CASE(work_uses_processor_time_and_sleep_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
