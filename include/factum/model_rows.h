/* model_rows.h - answers of read models that are rows: queries, the changes of a swap, the changes
 * of a parked event.
 *
 * A query is one SELECT. It sees only the tables of its model, changes nothing, and ends at its
 * limits of rows, time and memory.
 *
 * Link libfactum-sql. Valid C99 and C++17. Any thread. Rules of sizes, statuses and pointers:
 * store.h. */
#ifndef FACTUM_MODEL_ROWS_H
#define FACTUM_MODEL_ROWS_H

#include <factum/models.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- queries --------------------------------------------------------------------------------- */

typedef enum factum_value_kind {
    FACTUM_VALUE_NULL = 0,
    FACTUM_VALUE_INTEGER = 1,
    FACTUM_VALUE_REAL = 2,
    FACTUM_VALUE_TEXT = 3,
    FACTUM_VALUE_BYTES = 4
} factum_value_kind;

typedef struct factum_value {
    factum_value_kind kind;
    int64_t integer;
    double real;
    factum_slice bytes; /* of TEXT and BYTES; lasts during the call that passes it */
} factum_value;

/* Where an answer goes; false ends it (CANCELLED). */
typedef struct factum_rows {
    void *data;
    bool (*columns)(void *data, const factum_slice *names, size_t count);
    bool (*row)(void *data, const factum_value *values, size_t count);
} factum_rows;

typedef struct factum_model_parameter {
    factum_slice name; /* as in ":name", without the colon */
    factum_value value;
} factum_model_parameter;

typedef struct factum_model_query {
    size_t size;
    factum_slice model;
    factum_slice sql;   /* one SELECT over the tables of the model; or empty, and */
    factum_slice named; /* the name of a query of its definition */
    const factum_model_parameter *parameters;
    size_t parameter_count;
    bool wait_set; /* for the place |wait|, up to |wait_ms| */
    uint64_t wait;
    int64_t wait_ms;
    /* As of a moment: the model is replayed up to it. One of them at most. */
    bool at_created_set;  /* events recorded at or before |at| */
    bool at_time_set;     /* that happened at or before |at|, by their writers */
    bool at_position_set; /* at or before |at_position| */
    int64_t at;
    uint64_t at_position;
    bool plan;                       /* the rows are SQLite's plan of the query */
    uint64_t rows_max;               /* 0: 10,000; more rows are an error, TOO_BIG */
    uint64_t time_ms_max;            /* 0: 5,000; then EXPIRED */
    uint64_t memory_max;             /* bytes; 0: 64 MiB; then TOO_BIG */
    const factum_progress *progress; /* of a replay; or NULL */
    const factum_call *call;         /* or NULL */
} factum_model_query;

typedef struct factum_model_answer {
    size_t size;
    uint64_t row_count;
    factum_build_status status; /* of the build that was queried, when its rows were read; its texts
                                   last as long as |models| */
} factum_model_answer;

/* Answers |query| into |rows|, on the caller's thread, which needs a stack of 4 MiB. |answer| is
 * optional. TIMEOUT: |wait| was not reached; |answer| says how far behind the model is, and no row
 * was given.
 * Errors: INVALID (not one SELECT over tables of the model, or a parameter is missing: the text
 * names the rule), NOT_FOUND (the model or the query does not exist), EXPIRED and TOO_BIG (a
 * limit), CANCELLED (by |rows| or |progress|), BUSY, IO, CORRUPT, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_models_query(factum_models *models,
                                                             const factum_model_query *query,
                                                             const factum_rows *rows,
                                                             factum_model_answer *answer,
                                                             factum_error *err);

/* ---- what a swap would change ---------------------------------------------------------------- */

typedef enum factum_row_change {
    FACTUM_ROW_ADDED = 1,
    FACTUM_ROW_REMOVED = 2,
    FACTUM_ROW_CHANGED = 3 /* its values before, then its values after */
} factum_row_change;

typedef struct factum_changes {
    void *data;
    /* |before| and |after| have |count| values each; NULL if the row does not exist then. False
     * ends the call: CANCELLED. */
    bool (*change)(void *data, factum_slice table, factum_row_change kind,
                   const factum_slice *columns, size_t count, const factum_value *before,
                   const factum_value *after);
} factum_changes;

/* Calls |changes| with the rows that differ between the version in use and the one built beside it,
 * table by table, by primary keys, up to |changes_max| (0: all). *total, optional, is how many
 * differ in all. |progress|, optional, gets the number of rows read, and 0.
 * Errors: CANCELLED (|changes| or |progress| returned false), NOT_FOUND (no build beside), and
 * those of factum_models_query. */
FACTUM_API FACTUM_MUST_USE factum_status factum_models_diff(
    factum_models *models, factum_slice model, uint64_t changes_max, const factum_changes *changes,
    const factum_progress *progress, uint64_t *total, factum_error *err);
/* Applies the parked event at |position| in a transaction that is rolled back, and calls |changes|
 * with the rows that it would change.
 * Errors: INVALID (the event cannot be applied: the text says why), NOT_FOUND (the event is not
 * parked), CANCELLED (by |changes|), FAILED (it takes more than ten seconds), TOO_BIG (it changes
 * more than 64 MiB of rows), BUSY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_models_try(factum_models *models,
                                                           factum_slice model, uint64_t position,
                                                           const factum_changes *changes,
                                                           factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
