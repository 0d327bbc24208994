/* query_guard.h - the time and the memory of one query, while it runs. Layer: projection.
 *
 * SQLite asks at few places whether it should go on: its progress handler between two steps of a
 * statement, but not while it parses and plans one, and not inside a step. The guard asks at all
 * places where a query can spend much:
 *   - the progress handler;
 *   - every allocation of SQLite, which also covers parsing and planning. Allocations are counted
 *     for the thread, so the memory of a query is exact and is refused at its limit, wherever it is
 *     asked for;
 *   - every read of the file and of temporary files (query_files.h);
 *   - inside functions that can take long (query_functions.h), by fct_query_guard_charge.
 *
 * Why not sqlite3_hard_heap_limit64: it is one limit for the process. A query that reaches it would
 * make every other query and every runner of a model fail. Here only the thread that runs the query
 * is refused, and only while it runs it.
 *
 * The allocator of SQLite can be replaced only before SQLite is used for the first time in the
 * process; fct_query_guard_install does it. If somebody else was first, memory is judged by the
 * growth of the whole process, at the places where the time is looked at, and nothing stops SQLite
 * while it parses and plans: whoever answers queries of strangers asks fct_query_guard_is_exact.
 *
 * Invariants: a thread has at most one guard that is on; a guard is on only between begin and end;
 * once |stop| is set it stays until the next start, and no allocation succeeds under the guard.
 */
#ifndef FCT_PROJECTION_QUERY_GUARD_H
#define FCT_PROJECTION_QUERY_GUARD_H

#include <sqlite3.h>

#include "os/os.h"

enum fct_query_stop {
    FCT_QUERY_GOES_ON = 0,
    FCT_QUERY_STOP_TIME,
    FCT_QUERY_STOP_MEMORY,
    FCT_QUERY_STOP_CALLER /* |stopped| said so */
};

struct fct_query_guard {
    const struct fct_os *os;
    sqlite3 *db;
    uint64_t deadline; /* of the monotonic clock */
    int64_t memory_max;
    bool (*stopped)(void *data); /* or NULL; must be quick, and not use SQLite */
    void *stopped_data;
    /* Private. */
    enum fct_query_stop stop;
    int64_t memory;      /* bytes taken less bytes given back */
    int64_t memory_peak; /* the most of it */
    uint64_t work;       /* since the clock was looked at */
    int64_t used_before; /* by the process; without an allocator of ours */
};

/* Replaces the allocator of SQLite by one that counts. Once for a process; later calls do nothing.
 * To be called before anything else uses SQLite; whoever opens a model calls it first. Any
 * thread, but not beside another first use of SQLite. */
void fct_query_guard_install(void);
/* Is memory counted by thread? */
bool fct_query_guard_is_exact(void);

/* Forgets the last query; nothing is guarded yet. */
void fct_query_guard_start(struct fct_query_guard *guard);
/* On and off for this thread. Off while functions of the caller run: what they do with SQLite is
 * not the query's. The deadline goes on. */
void fct_query_guard_begin(struct fct_query_guard *guard);
void fct_query_guard_end(struct fct_query_guard *guard);
/* Looks at the clock, and at what else can stop the query. False: it has to end. */
bool fct_query_guard_check(struct fct_query_guard *guard);
/* The same, but only once enough |work| (about nanoseconds) has been charged. */
bool fct_query_guard_charge(struct fct_query_guard *guard, uint64_t work);
/* The guard that is on for this thread; NULL: none. */
struct fct_query_guard *fct_query_guard_here(void);

#endif
