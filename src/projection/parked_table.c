/* parked_table.c - see parked_table.h. Layer: projection. */
#include "projection/parked_table.h"

#include "projection/sqlite_status.h"

struct fct_parked_row fct_parked_row_at(sqlite3_stmt *row)
{
    return (struct fct_parked_row){
        .key = fct_sqlite_text(row, 0),
        .position = (uint64_t)sqlite3_column_int64(row, 1),
        .type = fct_sqlite_text(row, 2),
        .reason = fct_sqlite_text(row, 3),
        .attempts = (uint64_t)sqlite3_column_int64(row, 4),
        .next_attempt = sqlite3_column_int64(row, 5),
        .since = sqlite3_column_int64(row, 6),
    };
}

factum_status fct_parked_count(sqlite3 *db, const char *build, struct fct_parked_counts *counts,
                               factum_error *err)
{
    static const char sql[] =
        "SELECT count(DISTINCT key), count(*) FROM factum_parked WHERE build = ?1";
    sqlite3_stmt *statement;
    bool row = false;
    *counts = (struct fct_parked_counts){0};
    factum_status status =
        fct_sqlite_prepare(db, factum_slice_from(sql), "counting parked events", &statement, err);
    if (status == FACTUM_OK) {
        (void)fct_sqlite_bind_text(statement, 1, factum_slice_from(build));
        status = fct_sqlite_step(statement, "counting parked events", &row, err);
    }
    if (status == FACTUM_OK && row) {
        counts->keys = (uint64_t)sqlite3_column_int64(statement, 0);
        counts->events = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    (void)sqlite3_finalize(statement);
    return status;
}
