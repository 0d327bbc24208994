/* thread.h - threads, locks and waiting on a word. Layer: os.
 *
 * Thin over pthreads and futex. Locks are never taken while calling out to user code.
 */
#ifndef FCT_OS_THREAD_H
#define FCT_OS_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include <factum/base.h>

#include "core/compiler.h"

struct fct_mutex {
    pthread_mutex_t lock;
};
void fct_mutex_init(struct fct_mutex *mutex);
void fct_mutex_finish(struct fct_mutex *mutex);
void fct_mutex_lock(struct fct_mutex *mutex);
void fct_mutex_unlock(struct fct_mutex *mutex);

/* Many readers or one writer; writers are preferred. */
struct fct_rwlock {
    pthread_rwlock_t lock;
};
void fct_rwlock_init(struct fct_rwlock *lock);
void fct_rwlock_finish(struct fct_rwlock *lock);
void fct_rwlock_read(struct fct_rwlock *lock);
void fct_rwlock_write(struct fct_rwlock *lock);
void fct_rwlock_unlock(struct fct_rwlock *lock);

struct fct_thread {
    pthread_t thread;
    bool started;
};
/* |name| has at most 15 bytes. All signals are blocked in the new thread. Errors: NO_MEMORY, and
 * those of the system. */
FCT_MUST_USE factum_status fct_thread_start(struct fct_thread *thread, const char *name,
                                            void (*run)(void *data), void *data, factum_error *err);
/* Accepts a thread that was never started. */
void fct_thread_join(struct fct_thread *thread);
/* Is |thread| the calling thread? */
bool fct_thread_is_current(const struct fct_thread *thread);

/* Sleeps while *word == |expected|, for at most |timeout_ns| (UINT64_MAX: without a limit). May
 * wake early: check again in a loop. Returns false on a timeout. */
bool fct_word_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
#define FCT_WAKE_ALL UINT32_MAX
/* Wakes up to |count| waiters by one system call. */
void fct_word_wake(_Atomic uint32_t *word, uint32_t count);
/* Yields to other threads while *word == |expected|, for at most *spin_budget_ns, and subtracts the
 * time that it took. For waits that tend to be shorter than a sleep and a wake-up. Returns whether
 * the word has changed. */
bool fct_word_yield(_Atomic uint32_t *word, uint32_t expected, uint64_t *spin_budget_ns);
/* The number of processors that this process may use; at least 1. */
uint32_t fct_processor_count(void);
/* Nanoseconds of processor time that the calling thread has used. */
uint64_t fct_thread_cpu_time(void);
/* One turn of a bounded spin. */
void fct_cpu_relax(void);

#endif
