/* inbox.c - messages that take effect once: ids recorded in a table of the caller's database.
 * Layer: projection. Knows SQLite, and no store.
 *
 *     CREATE TABLE factum_inbox(
 *         consumer TEXT NOT NULL,     whose inbox
 *         id       TEXT NOT NULL,     of the message
 *         position INTEGER,           of the event, or NULL
 *         received INTEGER NOT NULL,  nanoseconds since 1970
 *         PRIMARY KEY (consumer, id)) STRICT, WITHOUT ROWID
 *
 * A message is taken by an INSERT that does nothing if the id exists. So no statement of the
 * caller's transaction fails, and SQLite's one writer at a time makes the INSERT a compare-and-set
 * between processes.
 *
 * The index over (consumer, received) ends with the id, as every index of a table WITHOUT ROWID
 * ends with its key. So trimming walks the index from the oldest id on.
 */
#include <inttypes.h>
#include <string.h>

#include <sqlite3.h>

#include <factum/delivery.h>

#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "os/os.h"
#include "projection/sqlite_status.h"

#define INBOX_STEP_MAX 10000
#define INBOX_STEP_LIMIT UINT64_C(1000000)

/* ---- statements ------------------------------------------------------------------------------ */

/* A statement that SQLite refuses is the caller's mistake: no table, or another table of that
 * name. */
static factum_status inbox_refused(factum_status status, factum_error *err)
{
    if (status == FACTUM_FAILED) {
        status = FACTUM_INVALID;
        err->status = status;
    }
    return status;
}

/* *statement is the caller's, for sqlite3_finalize, which accepts NULL, the value on failure. */
static factum_status inbox_prepare(sqlite3 *db, const char *sql, const char *what,
                                   sqlite3_stmt **statement, factum_error *err)
{
    *statement = NULL;
    return inbox_refused(fct_sqlite_prepare(db, factum_slice_from(sql), what, statement, err), err);
}

/* Steps a statement without rows to its end. |bound| is the outcome of its bindings. */
static factum_status inbox_step(sqlite3 *db, sqlite3_stmt *statement, int bound, const char *what,
                                factum_error *err)
{
    if (bound != SQLITE_OK || sqlite3_step(statement) != SQLITE_DONE) {
        return inbox_refused(fct_sqlite_fail(db, sqlite3_extended_errcode(db), err, "%s", what),
                             err);
    }
    return FACTUM_OK;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static factum_status inbox_check_text(factum_slice text, const char *what, factum_error *err)
{
    if (text.ptr == NULL || text.len == 0 || text.len > FACTUM_NAME_SIZE_MAX ||
        !fct_utf8_valid(text) || memchr(text.ptr, '\0', text.len) != NULL) {
        return fct_fail(err, FACTUM_INVALID, "inbox: %s has 1 to %d bytes of UTF-8", what,
                        FACTUM_NAME_SIZE_MAX);
    }
    return FACTUM_OK;
}

static factum_status inbox_need(const sqlite3 *db, factum_error *err)
{
    return db != NULL ? FACTUM_OK
                      : fct_fail(err, FACTUM_INVALID, "inbox: a connection to SQLite is needed");
}

/* ---- the table ------------------------------------------------------------------------------- */

factum_status factum_inbox_create_table(sqlite3 *db, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    static const char *const sql[] = {
        "CREATE TABLE IF NOT EXISTS factum_inbox("
        "consumer TEXT NOT NULL, id TEXT NOT NULL, position INTEGER, received INTEGER NOT NULL, "
        "PRIMARY KEY (consumer, id)) STRICT, WITHOUT ROWID",
        "CREATE INDEX IF NOT EXISTS factum_inbox_received ON factum_inbox(consumer, received)",
    };
    factum_status status = inbox_need(db, err);
    for (size_t i = 0; i < sizeof sql / sizeof sql[0] && status == FACTUM_OK; i++) {
        sqlite3_stmt *statement;
        status = inbox_prepare(db, sql[i], "inbox: create the table", &statement, err);
        if (status == FACTUM_OK) {
            status = inbox_step(db, statement, SQLITE_OK, "inbox: create the table", err);
        }
        (void)sqlite3_finalize(statement);
    }
    return status;
}

/* ---- taking ---------------------------------------------------------------------------------- */

static factum_status inbox_insert(sqlite3 *db, const factum_inbox_message *message,
                                  factum_error *err)
{
    static const char sql[] = "INSERT INTO factum_inbox(consumer, id, position, received) "
                              "VALUES (?1, ?2, NULLIF(?3, 0), ?4) ON CONFLICT DO NOTHING";
    sqlite3_stmt *statement;
    int64_t received = message->received != 0 ? message->received : fct_os_time(fct_os_real());
    factum_status status = inbox_prepare(db, sql, "inbox: take a message", &statement, err);
    if (status == FACTUM_OK) {
        int bound = fct_sqlite_bind_text(statement, 1, message->consumer);
        bound = bound != SQLITE_OK ? bound : fct_sqlite_bind_text(statement, 2, message->id);
        bound = bound != SQLITE_OK
                    ? bound
                    : sqlite3_bind_int64(statement, 3, (sqlite3_int64)message->position);
        bound = bound != SQLITE_OK ? bound : sqlite3_bind_int64(statement, 4, received);
        status = inbox_step(db, statement, bound, "inbox: take a message", err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

factum_status factum_inbox_take(sqlite3 *db, const factum_inbox_message *message, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_inbox_message full;
    factum_status status = inbox_need(db, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sized_read(&full, sizeof full, message, "inbox: the message", err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = inbox_check_text(full.consumer, "a consumer", err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = inbox_check_text(full.id, "an id", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (full.position > INT64_MAX) {
        return fct_fail(err, FACTUM_INVALID, "inbox: a position is at most %" PRId64, INT64_MAX);
    }
    if (sqlite3_get_autocommit(db) != 0) {
        return fct_fail(err, FACTUM_INVALID,
                        "inbox: no transaction is open: the message would count as done before "
                        "what it asks for is: BEGIN IMMEDIATE first");
    }
    status = inbox_insert(db, &full, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (sqlite3_changes(db) == 0) {
        return fct_fail(err, FACTUM_EXISTS, "inbox: %.*s has taken the message %.*s before",
                        FCT_FMT(full.consumer), FCT_FMT(full.id));
    }
    return FACTUM_OK;
}

/* ---- trimming -------------------------------------------------------------------------------- */

/* The oldest ids, at most ?3: those received before ?2, or those that are not among the newest
 * ?2. */
static const char inbox_trim_old[] =
    "DELETE FROM factum_inbox WHERE (consumer, id) IN ("
    "SELECT consumer, id FROM factum_inbox WHERE consumer = ?1 AND received < ?2 "
    "ORDER BY received, id LIMIT ?3)";
static const char inbox_trim_many[] =
    "DELETE FROM factum_inbox WHERE (consumer, id) IN ("
    "SELECT consumer, id FROM factum_inbox WHERE consumer = ?1 ORDER BY received, id "
    "LIMIT min(?3, max(0, (SELECT count(*) FROM factum_inbox WHERE consumer = ?1) - ?2)))";

static factum_status inbox_trim_by(sqlite3 *db, const factum_inbox_limits *limits, const char *sql,
                                   int64_t bound_by, uint64_t *left, factum_error *err)
{
    sqlite3_stmt *statement;
    if (*left == 0) {
        return FACTUM_OK;
    }
    factum_status status = inbox_prepare(db, sql, "inbox: trim", &statement, err);
    if (status == FACTUM_OK) {
        int bound = fct_sqlite_bind_text(statement, 1, limits->consumer);
        bound = bound != SQLITE_OK ? bound : sqlite3_bind_int64(statement, 2, bound_by);
        bound = bound != SQLITE_OK ? bound : sqlite3_bind_int64(statement, 3, (sqlite3_int64)*left);
        status = inbox_step(db, statement, bound, "inbox: trim", err);
    }
    (void)sqlite3_finalize(statement);
    if (status == FACTUM_OK) {
        *left -= (uint64_t)sqlite3_changes(db);
    }
    return status;
}

factum_status factum_inbox_trim(sqlite3 *db, const factum_inbox_limits *limits, uint64_t *removed,
                                factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_inbox_limits full;
    factum_status status = inbox_need(db, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sized_read(&full, sizeof full, limits, "inbox: the limits", err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = inbox_check_text(full.consumer, "a consumer", err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t step = full.step_max == 0 ? INBOX_STEP_MAX : full.step_max;
    step = step > INBOX_STEP_LIMIT ? INBOX_STEP_LIMIT : step;
    uint64_t left = step;
    if (full.received_before_set) {
        status = inbox_trim_by(db, &full, inbox_trim_old, full.received_before, &left, err);
    }
    if (status == FACTUM_OK && full.count_max_set) {
        int64_t most = full.count_max > INT64_MAX ? INT64_MAX : (int64_t)full.count_max;
        status = inbox_trim_by(db, &full, inbox_trim_many, most, &left, err);
    }
    if (removed != NULL && status == FACTUM_OK) {
        *removed = step - left;
    }
    return status;
}
