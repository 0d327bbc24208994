/* parked_table.h - the table factum_parked of a model's file, read: its columns, its rows, its
 * counts. Layer: projection. Knows SQLite. model_file.c creates the table. */
#ifndef FCT_PROJECTION_PARKED_TABLE_H
#define FCT_PROJECTION_PARKED_TABLE_H

#include <sqlite3.h>

#include "projection/target.h"

/* The columns that fct_parked_row_at reads, from the first column of a row on. */
#define FCT_PARKED_COLUMNS "key, position, type, reason, attempts, next_attempt, since"

/* The parked event of the current row. Its texts last until the next step. */
struct fct_parked_row fct_parked_row_at(sqlite3_stmt *row);
/* The parked keys and events of |build|, its name in the file. Errors: as fct_sqlite_step. */
FCT_MUST_USE factum_status fct_parked_count(sqlite3 *db, const char *build,
                                            struct fct_parked_counts *counts, factum_error *err);

#endif
