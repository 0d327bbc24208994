/* query_guard.h - the time and the memory of one query, while it runs. Layer: projection.
 *
 * SQLite calls its progress handler between two steps of a statement, but not while it parses and
 * plans one, and not inside a step. So the guard is checked in all places where a query can spend
 * much:
 *   - the progress handler;
 *   - every allocation of SQLite, which includes parsing and planning. Allocations are counted for
 *     the thread, so the memory of a query is exact, and is refused at its limit wherever it is
 *     asked for;
 *   - every read of the file and of temporary files (query_files.h);
 *   - functions that can take long (query_functions.h), by fct_query_guard_charge.
 *
 * Why not sqlite3_hard_heap_limit64: it is one limit for the process. A query that reaches it would
 * make every other query and every runner of a model fail. The guard only refuses the thread that
 * runs the query, and only while it runs it.
 *
 * The allocator of SQLite can be replaced only before the first use of SQLite in the process;
 * fct_query_guard_install does it. If another user was first, memory is the growth of the whole
 * process, looked at together with the time, and nothing stops SQLite while it parses and plans. So
 * whoever answers queries of strangers checks fct_query_guard_is_exact.
 *
 * Invariants:
 *  1. A thread has at most one guard that is on, and a guard is on only between begin and end.
 *  2. |stop|, once set, stays until the next start, and no allocation succeeds under the guard.
 *  3. |memory_peak| is at least |memory|.
 */
#ifndef FCT_PROJECTION_QUERY_GUARD_H
#define FCT_PROJECTION_QUERY_GUARD_H

#include <sqlite3.h>

#include "os/os.h"

enum fct_query_stop {
    FCT_QUERY_GOES_ON = 0,
    FCT_QUERY_STOP_TIME,
    FCT_QUERY_STOP_MEMORY,
    FCT_QUERY_STOP_CALLER /* |stopped| returned true */
};

struct fct_query_guard {
    const struct fct_os *os;
    sqlite3 *db;
    uint64_t deadline; /* of the monotonic clock */
    int64_t memory_max;
    bool (*stopped)(void *data); /* or NULL; must be quick, and must not use SQLite */
    void *stopped_data;
    /* Private. */
    enum fct_query_stop stop;
    int64_t memory;      /* bytes taken less bytes given back */
    int64_t memory_peak; /* the largest |memory| */
    uint64_t work;       /* charged since the last look at the clock */
    int64_t used_before; /* of the process; used without an allocator of ours */
};

/* Replaces the allocator of SQLite by one that counts, once for a process; later calls do nothing.
 * Must come before any other use of SQLite; whoever opens a model calls it first. Any thread, but
 * not at the same time as another first use of SQLite. */
void fct_query_guard_install(void);
/* Is memory counted by thread? */
bool fct_query_guard_is_exact(void);

/* Resets the guard for the next query; it is not on yet. */
void fct_query_guard_start(struct fct_query_guard *guard);
/* Turns the guard on and off for this thread. It is off while functions of the caller run: their
 * use of SQLite is not the query's. The deadline stays. */
void fct_query_guard_begin(struct fct_query_guard *guard);
void fct_query_guard_end(struct fct_query_guard *guard);
/* Checks the clock and the other limits. False: the query has to end. */
bool fct_query_guard_check(struct fct_query_guard *guard);
/* fct_query_guard_check, once enough |work| (about nanoseconds) has been charged. */
bool fct_query_guard_charge(struct fct_query_guard *guard, uint64_t work);
/* The guard that is on for this thread; NULL: none. */
struct fct_query_guard *fct_query_guard_here(void);

#endif
