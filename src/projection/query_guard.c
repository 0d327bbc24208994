/* query_guard.c - the time and the memory of one query. Layer: projection. See query_guard.h.
 *
 * SQLite's allocator is replaced once for the process, so the three functions below run for every
 * user of SQLite. They look at |guard_here|: without a guard they only pass the call on.
 */
#include "projection/query_guard.h"

#include <stdatomic.h>

#include "core/check.h"
#include "os/thread.h"

#define GUARD_WORK_MAX 50000u /* between two looks at the clock: 50 us */
#define GUARD_WORK_ALLOCATION 64u

static _Thread_local struct fct_query_guard *guard_here;

static sqlite3_mem_methods guard_base;   /* SQLite's allocator; only install writes it */
static _Atomic uint32_t guard_installed; /* an enum guard_state */

enum guard_state { GUARD_NOT_YET, GUARD_UNDER_WAY, GUARD_EXACT, GUARD_TOO_LATE };

static void guard_stop(struct fct_query_guard *guard, enum fct_query_stop stop)
{
    if (guard->stop == FCT_QUERY_GOES_ON) {
        guard->stop = stop;
        sqlite3_interrupt(guard->db);
    }
}

/* ---- the allocator --------------------------------------------------------------------------- */

/* May the thread take |size| bytes more? */
static bool guard_may_take(struct fct_query_guard *guard, int size)
{
    if (size > 0 && guard->memory > guard->memory_max - size) {
        guard_stop(guard, FCT_QUERY_STOP_MEMORY);
    }
    uint64_t bytes = size > 0 ? (uint64_t)size : 0;
    return fct_query_guard_charge(guard, GUARD_WORK_ALLOCATION + bytes / 8);
}

static void guard_count(struct fct_query_guard *guard, int64_t change)
{
    guard->memory += change;
    if (guard->memory > guard->memory_peak) {
        guard->memory_peak = guard->memory;
    }
}

static void *guard_malloc(int size)
{
    struct fct_query_guard *guard = guard_here;
    if (guard == NULL) {
        return guard_base.xMalloc(size);
    }
    if (!guard_may_take(guard, size)) {
        return NULL;
    }
    void *block = guard_base.xMalloc(size);
    if (block != NULL) {
        guard_count(guard, guard_base.xSize(block));
    }
    return block;
}

static void guard_free(void *block)
{
    if (guard_here != NULL && block != NULL) {
        guard_here->memory -= guard_base.xSize(block);
    }
    guard_base.xFree(block);
}

static void *guard_realloc(void *block, int size)
{
    struct fct_query_guard *guard = guard_here;
    if (guard == NULL) {
        return guard_base.xRealloc(block, size);
    }
    int before = guard_base.xSize(block);
    if (size > before && !guard_may_take(guard, size - before)) {
        return NULL;
    }
    void *moved = guard_base.xRealloc(block, size);
    if (moved != NULL) {
        guard_count(guard, (int64_t)guard_base.xSize(moved) - before);
    }
    return moved;
}

/* Returns whether SQLite's allocator is ours from now on. */
static bool guard_replace_allocator(void)
{
    sqlite3_mem_methods ours;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &guard_base) != SQLITE_OK) {
        return false; /* SQLite is in use */
    }
    ours = guard_base;
    ours.xMalloc = guard_malloc;
    ours.xFree = guard_free;
    ours.xRealloc = guard_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK;
}

void fct_query_guard_install(void)
{
    uint32_t state = GUARD_NOT_YET;
    if (atomic_compare_exchange_strong(&guard_installed, &state, GUARD_UNDER_WAY)) {
        bool exact = guard_replace_allocator();
        atomic_store(&guard_installed, exact ? GUARD_EXACT : GUARD_TOO_LATE);
        return;
    }
    while (atomic_load(&guard_installed) == GUARD_UNDER_WAY) {
        fct_cpu_relax();
    }
}

bool fct_query_guard_is_exact(void)
{
    return atomic_load_explicit(&guard_installed, memory_order_acquire) == GUARD_EXACT;
}

/* ---- the guard ------------------------------------------------------------------------------- */

void fct_query_guard_start(struct fct_query_guard *guard)
{
    FCT_ASSERT(guard_here != guard);
    guard->stop = FCT_QUERY_GOES_ON;
    guard->memory = 0;
    guard->memory_peak = 0;
    guard->work = 0;
    guard->used_before = fct_query_guard_is_exact() ? 0 : sqlite3_memory_used();
}

void fct_query_guard_begin(struct fct_query_guard *guard)
{
    FCT_ASSERT(guard_here == NULL);
    FCT_ASSERT(guard->memory <= guard->memory_peak);
    guard_here = guard;
}

void fct_query_guard_end(struct fct_query_guard *guard)
{
    FCT_ASSERT(guard_here == guard);
    FCT_ASSERT(guard->memory <= guard->memory_peak);
    guard_here = NULL;
}

struct fct_query_guard *fct_query_guard_here(void)
{
    return guard_here;
}

bool fct_query_guard_check(struct fct_query_guard *guard)
{
    guard->work = 0;
    if (guard->stop != FCT_QUERY_GOES_ON) {
        return false;
    }
    if (fct_os_monotonic(guard->os) >= guard->deadline) {
        guard_stop(guard, FCT_QUERY_STOP_TIME);
    } else if (guard->stopped != NULL && guard->stopped(guard->stopped_data)) {
        guard_stop(guard, FCT_QUERY_STOP_CALLER);
    } else if (!fct_query_guard_is_exact() &&
               sqlite3_memory_used() - guard->used_before > guard->memory_max) {
        guard_stop(guard, FCT_QUERY_STOP_MEMORY);
    }
    return guard->stop == FCT_QUERY_GOES_ON;
}

bool fct_query_guard_charge(struct fct_query_guard *guard, uint64_t work)
{
    guard->work += work;
    if (guard->work < GUARD_WORK_MAX) {
        return guard->stop == FCT_QUERY_GOES_ON;
    }
    return fct_query_guard_check(guard);
}
