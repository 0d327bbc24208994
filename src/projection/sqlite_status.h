/* sqlite_status.h - SQLite's result codes as statuses, and the calls of SQLite that every user of
 * it makes. Layer: projection.
 *
 * This is the one place that decides what a code means for a read model:
 *
 *     INVALID     the fault of the values: a constraint, a wrong type, over a limit
 *     BUSY        another connection holds the lock        NO_SPACE  the disk is full
 *     IO          the disk or the file system              NO_MEMORY
 *     CORRUPT     the file is damaged or not a database    NOT_FOUND it was deleted or replaced
 *     CANCELLED   interrupted                              READ_ONLY
 *     FAILED      everything else: a missing table, wrong SQL: a broken model
 *
 * Messages are "orders.db: <what was done>: <SQLite's message>".
 */
#ifndef FCT_PROJECTION_SQLITE_STATUS_H
#define FCT_PROJECTION_SQLITE_STATUS_H

#include <sqlite3.h>

#include <factum/base.h>

#include "core/compiler.h"

/* OK for OK, ROW and DONE. |code| may be an extended one. */
factum_status fct_sqlite_status(int code);
/* Fails with the meaning of |code| and the connection's newest message. |db| may be NULL. */
FCT_COLD FCT_PRINTF(4, 5) factum_status
    fct_sqlite_fail(sqlite3 *db, int code, factum_error *err, const char *format, ...);

/* Runs |sql|, which has no rows. |doing| is for the message. */
FCT_MUST_USE factum_status fct_sqlite_exec(sqlite3 *db, const char *sql, const char *doing,
                                           factum_error *err);
/* Prepares one statement. *statement is the caller's, for sqlite3_finalize; NULL on failure. */
FCT_MUST_USE factum_status fct_sqlite_prepare(sqlite3 *db, factum_slice sql, const char *doing,
                                              sqlite3_stmt **statement, factum_error *err);
/* Binds |text| without a copy: it must last until the statement is reset. An empty text is a text,
 * not NULL. Returns a code of SQLite. */
int fct_sqlite_bind_text(sqlite3_stmt *statement, int index, factum_slice text);
/* The text of a column; lasts until the next step. Empty for NULL. */
factum_slice fct_sqlite_text(sqlite3_stmt *statement, int column);
/* Steps |statement| once; *row: it has a row. Resets the statement unless it has. */
FCT_MUST_USE factum_status fct_sqlite_step(sqlite3_stmt *statement, const char *doing, bool *row,
                                           factum_error *err);
/* Runs |statement| to its end and resets it; *changes (optional) is the number of changed rows. */
FCT_MUST_USE factum_status fct_sqlite_run(sqlite3_stmt *statement, const char *doing,
                                          int64_t *changes, factum_error *err);

#endif
