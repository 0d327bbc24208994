/* sqlite_status.c - see sqlite_status.h. Layer: projection. */
#include "projection/sqlite_status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define PRIMARY_CODE(code) ((code)&0xff)

factum_status fct_sqlite_status(int code)
{
    if (code == SQLITE_IOERR_NOMEM) {
        return FACTUM_NO_MEMORY;
    }
    if (code == SQLITE_READONLY_DBMOVED) {
        return FACTUM_NOT_FOUND;
    }
    switch (PRIMARY_CODE(code)) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return FACTUM_OK;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
        return FACTUM_INVALID;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return FACTUM_BUSY;
    case SQLITE_FULL:
        return FACTUM_NO_SPACE;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOLFS:
        return FACTUM_IO;
    case SQLITE_NOMEM:
        return FACTUM_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FACTUM_CORRUPT;
    case SQLITE_INTERRUPT:
        return FACTUM_CANCELLED;
    case SQLITE_READONLY:
        return FACTUM_READ_ONLY;
    default:
        return FACTUM_FAILED;
    }
}

/* The name of the connection's file without its directory. */
static const char *sqlite_file_name(sqlite3 *db)
{
    const char *path = db != NULL ? sqlite3_db_filename(db, "main") : NULL;
    if (path == NULL || path[0] == '\0') {
        return "model";
    }
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

factum_status fct_sqlite_fail(sqlite3 *db, int code, factum_error *err, const char *format, ...)
{
    char doing[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(doing, sizeof doing, format, args);
    va_end(args);
    factum_status status = fct_sqlite_status(code);
    int os_error = 0;
    FCT_ASSERT(status != FACTUM_OK);
    if (status == FACTUM_IO && db != NULL) {
        os_error = sqlite3_system_errno(db);
        /* SQLite reports FULL only for writes, not for the file by which it shares memory. */
        if (os_error == ENOSPC || os_error == EDQUOT) {
            status = FACTUM_NO_SPACE;
        }
    }
    bool newest = db != NULL && PRIMARY_CODE(sqlite3_errcode(db)) == PRIMARY_CODE(code);
    (void)fct_fail(err, status, "%s: %s: %s", sqlite_file_name(db), doing,
                   newest ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    err->os_error = os_error;
    return status;
}

factum_status fct_sqlite_exec(sqlite3 *db, const char *sql, const char *doing, factum_error *err)
{
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? FACTUM_OK : fct_sqlite_fail(db, code, err, "%s", doing);
}

factum_status fct_sqlite_prepare(sqlite3 *db, factum_slice sql, const char *doing,
                                 sqlite3_stmt **statement, factum_error *err)
{
    *statement = NULL;
    if (sql.len > INT32_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "%s: %s: the statement is too long",
                        sqlite_file_name(db), doing);
    }
    int code = sqlite3_prepare_v3(db, (const char *)sql.ptr, (int)sql.len,
                                  SQLITE_PREPARE_PERSISTENT, statement, NULL);
    if (code != SQLITE_OK) {
        return fct_sqlite_fail(db, code, err, "%s", doing);
    }
    if (*statement == NULL) {
        return fct_fail(err, FACTUM_FAILED, "%s: %s: the statement is empty", sqlite_file_name(db),
                        doing);
    }
    return FACTUM_OK;
}

int fct_sqlite_bind_text(sqlite3_stmt *statement, int index, factum_slice text)
{
    /* SQLite takes a NULL pointer for the value NULL. */
    const char *ptr = text.len > 0 ? (const char *)text.ptr : "";
    return sqlite3_bind_text64(statement, index, ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

factum_slice fct_sqlite_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    int len = sqlite3_column_bytes(statement, column);
    return fct_slice(text, text != NULL && len > 0 ? (size_t)len : 0);
}

factum_status fct_sqlite_step(sqlite3_stmt *statement, const char *doing, bool *row,
                              factum_error *err)
{
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (*row) {
        return FACTUM_OK;
    }
    factum_status status = FACTUM_OK;
    if (code != SQLITE_DONE) {
        status = fct_sqlite_fail(sqlite3_db_handle(statement), code, err, "%s", doing);
    }
    (void)sqlite3_reset(statement); /* repeats the code of the step */
    return status;
}

factum_status fct_sqlite_run(sqlite3_stmt *statement, const char *doing, int64_t *changes,
                             factum_error *err)
{
    bool row = true;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && row) {
        status = fct_sqlite_step(statement, doing, &row, err);
    }
    if (status == FACTUM_OK && changes != NULL) {
        *changes = sqlite3_changes64(sqlite3_db_handle(statement));
    }
    return status;
}
