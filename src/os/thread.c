/* thread.c - pthreads and futex. Layer: os. See thread.h. */
#define _GNU_SOURCE
#include "os/thread.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/check.h"
#include "core/error.h"

void fct_mutex_init(struct fct_mutex *mutex)
{
    FCT_ASSERT(pthread_mutex_init(&mutex->lock, NULL) == 0);
}

void fct_mutex_finish(struct fct_mutex *mutex)
{
    FCT_ASSERT(pthread_mutex_destroy(&mutex->lock) == 0);
}

void fct_mutex_lock(struct fct_mutex *mutex)
{
    FCT_ASSERT(pthread_mutex_lock(&mutex->lock) == 0);
}

void fct_mutex_unlock(struct fct_mutex *mutex)
{
    FCT_ASSERT(pthread_mutex_unlock(&mutex->lock) == 0);
}

void fct_rwlock_init(struct fct_rwlock *lock)
{
    pthread_rwlockattr_t attributes;
    FCT_ASSERT(pthread_rwlockattr_init(&attributes) == 0);
    (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    FCT_ASSERT(pthread_rwlock_init(&lock->lock, &attributes) == 0);
    (void)pthread_rwlockattr_destroy(&attributes);
}

void fct_rwlock_finish(struct fct_rwlock *lock)
{
    FCT_ASSERT(pthread_rwlock_destroy(&lock->lock) == 0);
}

void fct_rwlock_read(struct fct_rwlock *lock)
{
    FCT_ASSERT(pthread_rwlock_rdlock(&lock->lock) == 0);
}

void fct_rwlock_write(struct fct_rwlock *lock)
{
    FCT_ASSERT(pthread_rwlock_wrlock(&lock->lock) == 0);
}

void fct_rwlock_unlock(struct fct_rwlock *lock)
{
    FCT_ASSERT(pthread_rwlock_unlock(&lock->lock) == 0);
}

#define THREAD_STACK_SIZE ((size_t)8 << 20)

struct start {
    void (*run)(void *data);
    void *data;
};

static void *thread_main(void *data)
{
    struct start start = *(struct start *)data;
    free(data);
    start.run(start.data);
    return NULL;
}

factum_status fct_thread_start(struct fct_thread *thread, const char *name, void (*run)(void *data),
                               void *data, factum_error *err)
{
    struct start *start = malloc(sizeof *start);
    if (start == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "start a thread: out of memory");
    }
    *start = (struct start){run, data};
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    int reason = pthread_attr_init(&attributes);
    if (reason == 0) {
        /* A fixed size, because the parser of SQLite recurses deeply. */
        (void)pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
        reason = pthread_create(&thread->thread, &attributes, thread_main, start);
        (void)pthread_attr_destroy(&attributes);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (reason != 0) {
        free(start);
        return fct_fail_os(err, reason, "start thread %s", name);
    }
    (void)pthread_setname_np(thread->thread, name);
    thread->started = true;
    return FACTUM_OK;
}

void fct_thread_join(struct fct_thread *thread)
{
    if (thread->started) {
        FCT_ASSERT(pthread_join(thread->thread, NULL) == 0);
        thread->started = false;
    }
}

bool fct_thread_is_current(const struct fct_thread *thread)
{
    return thread->started && pthread_equal(thread->thread, pthread_self()) != 0;
}

bool fct_word_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns)
{
    struct timespec timeout;
    struct timespec *limit = NULL;
    if (timeout_ns != UINT64_MAX) {
        timeout.tv_sec = (time_t)(timeout_ns / UINT64_C(1000000000));
        timeout.tv_nsec = (long)(timeout_ns % UINT64_C(1000000000));
        limit = &timeout;
    }
    long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, limit, NULL, 0);
    return !(result < 0 && errno == ETIMEDOUT);
}

void fct_word_wake(_Atomic uint32_t *word, uint32_t count)
{
    int limit = count > INT_MAX ? INT_MAX : (int)count;
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, limit, NULL, NULL, 0);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

bool fct_word_yield(_Atomic uint32_t *word, uint32_t expected, uint64_t *spin_budget_ns)
{
    uint64_t began = *spin_budget_ns > 0 ? now_ns() : 0;
    uint64_t left = *spin_budget_ns;
    while (left > 0 && atomic_load(word) == expected) {
        (void)sched_yield();
        uint64_t took = now_ns() - began;
        left = took < *spin_budget_ns ? *spin_budget_ns - took : 0;
    }
    *spin_budget_ns = left;
    return atomic_load(word) != expected;
}

uint32_t fct_processor_count(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
    return count > 0 ? (uint32_t)count : 1;
}

uint64_t fct_thread_cpu_time(void)
{
    struct timespec used = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * UINT64_C(1000000000) + (uint64_t)used.tv_nsec;
}

void fct_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}
