/* dispatch_db.c - see dispatch_db.h. Layer: example, public API only. */
#include "dispatch_db.h"

#include <stdio.h>

static const char tables[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "CREATE TABLE IF NOT EXISTS checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), token TEXT);"
    "INSERT OR IGNORE INTO checkpoint VALUES (1, '');"
    "CREATE TABLE IF NOT EXISTS receipts (order_id TEXT PRIMARY KEY, payments INTEGER NOT NULL,"
    " cents INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS parcels (parcel TEXT PRIMARY KEY, order_id TEXT NOT NULL,"
    " state TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS late (parcel TEXT NOT NULL, position INTEGER PRIMARY KEY,"
    " reason TEXT NOT NULL);";

static factum_status failed(sqlite3 *db, int code, factum_error *err)
{
    (void)snprintf(err->text, sizeof err->text, "SQLite: %s",
                   db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    switch (code & 0xff) {
    case SQLITE_BUSY:
        return FACTUM_BUSY; /* the follower may be run again */
    case SQLITE_FULL:
        return FACTUM_NO_SPACE;
    case SQLITE_CONSTRAINT:
        return FACTUM_INVALID;
    default:
        return FACTUM_IO;
    }
}

factum_status dispatch_open(const char *path, sqlite3 **db, factum_error *err)
{
    int code = sqlite3_open(path, db);
    if (code == SQLITE_OK) {
        (void)sqlite3_busy_timeout(*db, 5000);
        code = sqlite3_exec(*db, tables, NULL, NULL, NULL);
    }
    return code == SQLITE_OK ? factum_inbox_create_table(*db, err) : failed(*db, code, err);
}

factum_status dispatch_begin(sqlite3 *db, factum_error *err)
{
    int code = SQLITE_OK;
    if (sqlite3_get_autocommit(db) != 0) {
        code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    }
    return code == SQLITE_OK ? FACTUM_OK : failed(db, code, err);
}

static int bind(sqlite3_stmt *statement, const struct dispatch_values *values)
{
    int code = SQLITE_OK;
    for (int i = 0; i < values->text_count && code == SQLITE_OK; i++) {
        code = sqlite3_bind_text64(statement, i + 1, (const char *)values->texts[i].ptr,
                                   values->texts[i].len, SQLITE_STATIC, SQLITE_UTF8);
    }
    if (code == SQLITE_OK && values->number_set) {
        code = sqlite3_bind_int64(statement, values->text_count + 1, values->number);
    }
    return code;
}

factum_status dispatch_run(sqlite3 *db, const char *sql, const struct dispatch_values *values,
                           int64_t *first, factum_error *err)
{
    sqlite3_stmt *statement = NULL;
    factum_status status = dispatch_begin(db, err);
    if (status != FACTUM_OK) {
        return status;
    }
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = bind(statement, values);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (first != NULL) {
            *first = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
        }
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        status = failed(db, code, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- the checkpoint, in the transaction of what was done ------------------------------------- */

factum_status dispatch_load(void *data, char token[FACTUM_TOKEN_SIZE], factum_error *err)
{
    sqlite3 *db = data;
    sqlite3_stmt *statement = NULL;
    factum_status status = FACTUM_OK;
    int code = sqlite3_prepare_v2(db, "SELECT token FROM checkpoint", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        (void)snprintf(token, FACTUM_TOKEN_SIZE, "%s",
                       (const char *)sqlite3_column_text(statement, 0));
    } else {
        status = failed(db, code == SQLITE_DONE ? SQLITE_ERROR : code, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

factum_status dispatch_save(void *data, const char *from, const char *to, factum_error *err)
{
    sqlite3 *db = data;
    const struct dispatch_values values = {
        .texts = {factum_slice_from(from), factum_slice_from(to)}, .text_count = 2};
    factum_status status =
        dispatch_run(db, "UPDATE checkpoint SET token = ?2 WHERE token = ?1", &values, NULL, err);
    if (status == FACTUM_OK && sqlite3_changes(db) != 1) {
        (void)snprintf(err->text, sizeof err->text, "somebody else writes this database");
        return FACTUM_WRONG_REVISION; /* the follower calls dispatch_undo */
    }
    if (status == FACTUM_OK) {
        int code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        status = code == SQLITE_OK ? FACTUM_OK : failed(db, code, err);
    }
    return status;
}

void dispatch_undo(void *data)
{
    (void)sqlite3_exec(data, "ROLLBACK", NULL, NULL, NULL);
}
