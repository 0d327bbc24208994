/* query_gate.h - queries of people and programs against the file of a read model.
 * Layer: projection.
 *
 * A gate is a connection that only reads. It answers one query after another, each in a read
 * transaction of its own. The caller can read the checkpoint in the same transaction, so an answer
 * can name its moment. query_rules.h decides what a query may read and call; query_guard.h,
 * query_files.h and query_functions.h limit what it may use up.
 *
 * A statement must be one SELECT, WITH ... SELECT or VALUES. Its parameters have the form :name or,
 * with names in |numbered|, the form ?N.
 *
 * Invariants: outside fct_query_gate_run there is no transaction, no statement of a caller, and no
 * guard.
 */
#ifndef FCT_PROJECTION_QUERY_GATE_H
#define FCT_PROJECTION_QUERY_GATE_H

#include <sqlite3.h>

#include <factum/model_rows.h>

#include "core/mem.h"
#include "os/os.h"
#include "projection/query_rules.h"

#define FCT_QUERY_ROWS_MAX UINT64_C(10000)
#define FCT_QUERY_TIME_MS_MAX UINT64_C(5000)
#define FCT_QUERY_MEMORY_MAX (UINT64_C(64) << 20)
#define FCT_QUERY_MEMORY_MIN (UINT64_C(2) << 20) /* SQLite's cache needs half of it */
#define FCT_QUERY_SQL_SIZE_MAX ((size_t)64 << 10)
#define FCT_QUERY_PARAMETERS_MAX 256u /* distinct ones of one query */

/* One connection. One thread at a time; |rows| must not use the gate that calls it. The gate stays
 * with the file that it has opened, even if another file takes the name. */
struct fct_query_gate;

struct fct_query_gate_options {
    const struct fct_os *os;
    const struct fct_mem *mem;
    const char *path; /* of the file; or */
    /* an open connection, as to a database in memory. The gate owns it, also after a failure. Open
     * it with the VFS of query_files.h: otherwise one sort is one step. */
    sqlite3 *db;
};

/* Reads the checkpoint in the transaction of the query, before its rows. Statements that it
 * prepares are finalized when it returns. A failure ends the query. */
struct fct_query_snapshot {
    void *data;
    factum_status (*read)(void *data, sqlite3 *db, factum_error *err); /* NULL: nothing is read */
};

struct fct_query {
    factum_slice sql;
    const struct fct_query_table *tables; /* all that the query may read */
    size_t table_count;
    const factum_slice *numbered; /* the names of ?1, ?2 ...; NULL: parameters have the form :name
                                   */
    size_t numbered_count;
    const factum_model_parameter *parameters;
    size_t parameter_count;
    bool plan;            /* in place of the rows: the column "plan", a row for each step */
    uint64_t rows_max;    /* 0: FCT_QUERY_ROWS_MAX */
    uint64_t time_ms_max; /* of the whole run, including the time in |rows|; 0: the default */
    uint64_t memory_max;  /* bytes, at least FCT_QUERY_MEMORY_MIN; 0: the default */
    /* True ends the query: CANCELLED. Called often, from inside SQLite: must be quick and must not
     * use SQLite. NULL: never. */
    bool (*stopped)(void *data);
    void *stopped_data;
    struct fct_query_snapshot snapshot;
};

/* *gate is the caller's, for fct_query_gate_close; NULL on failure. Calls fct_query_guard_install.
 * Errors: NOT_FOUND (the file does not exist), BUSY, CORRUPT (not a database, or a damaged one),
 * IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_query_gate_open(const struct fct_query_gate_options *options,
                                               struct fct_query_gate **gate, factum_error *err);
/* Accepts NULL. */
void fct_query_gate_close(struct fct_query_gate *gate);

/* Was the file that the gate has opened deleted, or does another file have its name? One look at
 * the disk. */
bool fct_query_gate_has_moved(const struct fct_query_gate *gate);

/* Answers |query| into |rows|. Needs a stack of 4 MiB: SQLite goes deep for a long chain of
 * subqueries. *row_count is the number of rows given to |rows|, also on failure. A text that is not
 * valid UTF-8 is given as BYTES.
 *
 * Errors: INVALID (not one SELECT, not allowed, wrong SQL: "query:2:8: no such column: totl"; a
 * parameter that is missing, not in the query, given twice or wrong), EXPIRED (the time), TOO_BIG
 * (the rows, the memory, a value, the text of the query), CANCELLED (by |rows| or |stopped|), BUSY,
 * CORRUPT, IO, NO_MEMORY; otherwise as the snapshot's function.
 */
FCT_MUST_USE factum_status fct_query_gate_run(struct fct_query_gate *gate,
                                              const struct fct_query *query,
                                              const factum_rows *rows, uint64_t *row_count,
                                              factum_error *err);
/* The peak memory of the last query, in bytes; 0 where it is not counted. */
uint64_t fct_query_gate_memory(const struct fct_query_gate *gate);

#endif
