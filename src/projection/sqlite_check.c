/* sqlite_check.c - see sqlite_check.h. Layer: projection.
 *
 * The authorizer is the second line of defence. The rules of tokens (lint.h) see texts that the
 * authorizer does not see, such as DEFAULT; the authorizer sees names in every spelling.
 */
#include "projection/sqlite_check.h"
#include "projection/query_guard.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/slice.h"
#include "projection/definition_int.h"
#include "projection/lint.h"
#include "projection/sql_functions.h"

/* Of the tables in memory. Messages are printed without it: no name of a definition contains
 * "__". */
#define CHECK_SUFFIX "__v1"
#define CHECK_SQL_MAX (4 * FACTUM_PROJECTION_TEXT_MAX)
#define CHECK_REASON_SIZE 192
#define CHECK_AUTHORIZED_MAX 200000u /* calls of the authorizer for one statement */

enum check_what { CHECK_CREATE, CHECK_CHANGE, CHECK_QUERY };

struct check {
    const struct fct_definition *definition;
    factum_error *err;
    sqlite3 *db;
    struct fct_buf sql;
    enum check_what what;
    const struct fct_statement *statement;
    /* What the authorizer has refused: why, and the name to find in the statement. */
    char reason[CHECK_REASON_SIZE];
    char name[FACTUM_PROJECTION_NAME_MAX + 1];
    unsigned asked;
};

/* ---- the authorizer -------------------------------------------------------------------------- */

static int check_deny(struct check *check, const char *name, const char *format, const char *more)
{
    if (check->reason[0] == '\0') {
        (void)snprintf(check->name, sizeof check->name, "%s", name);
        (void)sqlite3_snprintf((int)sizeof check->reason, check->reason, format, name, more);
    }
    return SQLITE_DENY;
}

/* Is it a table of the definition, with its name in memory? */
static bool check_own_table(const struct check *check, const char *name)
{
    size_t len = strlen(name);
    size_t suffix = sizeof CHECK_SUFFIX - 1;
    if (len <= suffix || strcmp(name + len - suffix, CHECK_SUFFIX) != 0) {
        return false;
    }
    return fct_definition_relation(check->definition, fct_slice(name, len - suffix)) != NULL;
}

static bool check_begins(const char *name, const char *start)
{
    return sqlite3_strnicmp(name, start, (int)strlen(start)) == 0;
}

/* A read without a column is that of a table whose rows are only counted, or of a table
 * expression. */
static int check_read(struct check *check, const char *table, const char *column)
{
    bool hidden = check_begins(table, "sqlite_") || check_begins(table, "pragma_");
    if (check->what != CHECK_CREATE && strcmp(column, "ROWID") == 0) {
        return check_deny(check, "rowid",
                          "%s depends on the order of inserts: give the table a key of its own%s",
                          "");
    }
    if (check_own_table(check, table) || sqlite3_stricmp(table, "json_each") == 0 ||
        sqlite3_stricmp(table, "json_tree") == 0 || (column[0] == '\0' && !hidden)) {
        return SQLITE_OK;
    }
    if (check->what == CHECK_CREATE && check_begins(table, "sqlite_")) {
        return SQLITE_OK; /* creating a table reads the schema */
    }
    return check_deny(check, table,
                      "%s is not a table of this definition: create it in \"tables\"%s", "");
}

static int check_write(struct check *check, const char *table)
{
    bool schema = check->what == CHECK_CREATE && check_begins(table, "sqlite_");
    if (schema || (check->what == CHECK_CHANGE && check_own_table(check, table))) {
        return SQLITE_OK;
    }
    return check->what == CHECK_QUERY
               ? check_deny(check, table, "a query reads only, and this one writes to %s%s", "")
               : check_deny(check, table,
                            "%s is not a table of this definition: create it in \"tables\"%s", "");
}

static int check_function(struct check *check, const char *function)
{
    if (fct_sql_function_allowed(function, FCT_SQL_IN_DEFINITION)) {
        return SQLITE_OK;
    }
    return check_deny(check, function,
                      "%s() is not among the functions that give the same on every machine and at "
                      "every time: compute the value before the event is appended%s",
                      "");
}

/* SQLite's authorizer, called while it prepares a statement. Arguments may be NULL. */
static int check_authorize(void *data, int action, const char *first, const char *second,
                           const char *database, const char *trigger)
{
    struct check *check = data;
    (void)database;
    (void)trigger;
    first = first == NULL ? "" : first;
    second = second == NULL ? "" : second;
    if (++check->asked > CHECK_AUTHORIZED_MAX) {
        return check_deny(check, "", "the statement is too complex: divide it%s%s", "");
    }
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return check->what == CHECK_CREATE
                   ? check_deny(check, "", "no SELECT may stand in \"tables\"%s%s", "")
                   : SQLITE_OK;
    case SQLITE_READ:
        return check_read(check, first, second);
    case SQLITE_FUNCTION:
        return check_function(check, second);
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        return check_write(check, first);
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX:
    case SQLITE_REINDEX:
        return check->what == CHECK_CREATE
                   ? SQLITE_OK
                   : check_deny(check, first, "%s: tables are created in \"tables\" alone%s", "");
    default:
        return check_deny(check, "",
                          "the statement does what no projection may do: change and "
                          "read its own tables only%s%s",
                          "");
    }
}

/* ---- what SQLite says ------------------------------------------------------------------------ */

/* The place in the definition of byte |offset| of the printed statement. */
static const uint8_t *check_place(const struct fct_statement *statement, size_t offset)
{
    char number[16];
    for (size_t i = 0; i < statement->part_count; i++) {
        const struct fct_part *part = &statement->parts[i];
        size_t len = part->text.len;
        size_t before = 0; /* bytes that are not in the text as written */
        if (part->kind == FCT_PART_TEMPLATE) {
            len += sizeof CHECK_SUFFIX - 1 + 2;
            before = 2;
        } else if (part->kind == FCT_PART_PARAMETER) {
            len = (size_t)snprintf(number, sizeof number, "?%u", (unsigned)part->parameter + 1);
            before = 1;
        }
        if (offset < len) {
            return part->kind == FCT_PART_TEXT ? part->text.ptr + offset : part->text.ptr - before;
        }
        offset -= len;
    }
    return statement->text.ptr;
}

/* The place of |name|, with any quotes, in the statement; the statement's beginning if it is not
 * there. */
static const uint8_t *check_place_name(const struct check *check, const char *name)
{
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    fct_statement_scan(check->definition, check->statement, &scan);
    for (fct_sql_next(&scan, &token); token.kind != FCT_SQL_END && name[0] != '\0';
         fct_sql_next(&scan, &token)) {
        factum_slice found = fct_lint_name(&token);
        if (found.len == strlen(name) &&
            sqlite3_strnicmp((const char *)found.ptr, name, (int)found.len) == 0) {
            return check->definition->text.ptr + token.start;
        }
    }
    return check->statement->text.ptr;
}

/* Changes names to those of the definition. */
static void check_remove_suffix(char *text)
{
    for (char *at; (at = strstr(text, CHECK_SUFFIX)) != NULL;) {
        memmove(at, at + sizeof CHECK_SUFFIX - 1, strlen(at + sizeof CHECK_SUFFIX - 1) + 1);
    }
}

/* The remedy, where it is plain. Empty, or begins with ": ". */
static void check_hint(const struct check *check, const char *text, char *hint, size_t size)
{
    static const char missing[] = "no such table: ";
    factum_slice name = factum_slice_from(text);
    hint[0] = '\0';
    if (strncmp(text, missing, sizeof missing - 1) == 0) {
        name = fct_slice_from(name, sizeof missing - 1);
        name = fct_slice_starts(name, FCT_SLICE("main.")) ? fct_slice_from(name, 5) : name;
        if (fct_definition_relation(check->definition, name) != NULL) {
            (void)snprintf(hint, size, ": write {{%.*s}}", FCT_FMT(name));
        } else {
            (void)snprintf(hint, size, ": use the definition's tables, as {{name}}");
        }
    }
}

/* Fails with the reason of the authorizer or of SQLite. */
static factum_status check_fail_refused(struct check *check, int code)
{
    uint32_t line;
    uint32_t column;
    char text[sizeof check->err->text];
    char hint[128];
    int offset = sqlite3_error_offset(check->db);
    if (code == SQLITE_NOMEM) {
        return fct_fail(check->err, FACTUM_NO_MEMORY, "the check in SQLite: out of memory");
    }
    bool refused = check->reason[0] != '\0';
    const uint8_t *at = offset < 0 || refused ? check_place_name(check, check->name)
                                              : check_place(check->statement, (size_t)offset);
    (void)snprintf(text, sizeof text, "%s", refused ? check->reason : sqlite3_errmsg(check->db));
    check_remove_suffix(text);
    check_hint(check, text, hint, sizeof hint);
    fct_definition_place(check->definition, at, &line, &column);
    return fct_projection_fail(check->definition, line, column, FACTUM_INVALID, check->err, "%s%s",
                               text, hint);
}

static factum_status check_fail(const struct check *check, const char *text)
{
    return fct_projection_fail(check->definition, check->statement->line, check->statement->column,
                               FACTUM_INVALID, check->err, "%s", text);
}

/* ---- one statement --------------------------------------------------------------------------- */

/* The highest number of a parameter, from 1; 0: none. */
static int check_highest(const struct fct_statement *statement)
{
    uint32_t highest = 0;
    for (size_t i = 0; i < statement->part_count; i++) {
        const struct fct_part *part = &statement->parts[i];
        if (part->kind == FCT_PART_PARAMETER && part->parameter + 1 > highest) {
            highest = part->parameter + 1;
        }
    }
    return (int)highest;
}

/* Checks a statement that SQLite has prepared. */
static factum_status check_prepared(struct check *check, sqlite3_stmt *prepared)
{
    if (sqlite3_bind_parameter_count(prepared) != check_highest(check->statement)) {
        return check_fail(check, "SQLite sees other parameters than :name: take out what looks "
                                 "like one");
    }
    switch (check->what) {
    case CHECK_CREATE: {
        int code = sqlite3_step(prepared);
        return code == SQLITE_DONE ? FACTUM_OK : check_fail_refused(check, code);
    }
    case CHECK_CHANGE:
        if (sqlite3_stmt_readonly(prepared) || sqlite3_column_count(prepared) > 0) {
            return check_fail(check, "the statement changes nothing: write INSERT, UPDATE or "
                                     "DELETE without RETURNING");
        }
        return FACTUM_OK;
    case CHECK_QUERY:
        break;
    }
    if (!sqlite3_stmt_readonly(prepared) || sqlite3_column_count(prepared) == 0) {
        return check_fail(check, "a query reads only: write one SELECT");
    }
    return FACTUM_OK;
}

static bool check_only_blanks(const char *text)
{
    return text[strspn(text, " \t\r\n\f")] == '\0';
}

static factum_status check_one(struct check *check, const struct fct_statement *statement,
                               enum check_what what)
{
    sqlite3_stmt *prepared = NULL;
    const char *tail = "";
    check->what = what;
    check->statement = statement;
    check->reason[0] = '\0';
    check->name[0] = '\0';
    check->asked = 0;
    fct_buf_clear(&check->sql);
    factum_status status = fct_statement_print(statement, CHECK_SUFFIX, &check->sql);
    if (status == FACTUM_OK) {
        status = fct_buf_add(&check->sql, "", 1);
    }
    if (status != FACTUM_OK) {
        return fct_fail(check->err, status, "the check in SQLite: a statement %s",
                        factum_status_text(status));
    }
    int code = sqlite3_prepare_v2(check->db, (const char *)check->sql.ptr, (int)check->sql.len,
                                  &prepared, &tail);
    if (code != SQLITE_OK) {
        status = check_fail_refused(check, code);
    } else if (prepared == NULL || !check_only_blanks(tail)) {
        status = check_fail(check, "SQLite does not see one statement here: write one");
    } else {
        status = check_prepared(check, prepared);
    }
    (void)sqlite3_finalize(prepared);
    return status;
}

/* ---- all ------------------------------------------------------------------------------------- */

static factum_status check_open(struct check *check)
{
    static const char *modules[] = {"json_each", "json_tree", NULL};
    static const struct {
        int limit;
        int value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, 1 << 20},
        {SQLITE_LIMIT_SQL_LENGTH, (int)CHECK_SQL_MAX},
        {SQLITE_LIMIT_COLUMN, 1000},
        {SQLITE_LIMIT_EXPR_DEPTH, 200},
        {SQLITE_LIMIT_COMPOUND_SELECT, 100},
        {SQLITE_LIMIT_VDBE_OP, 4000000},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_VARIABLE_NUMBER, FCT_PROJECTION_PARAMETERS_MAX},
    };
    const int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
    fct_query_guard_install(); /* before SQLite's first allocation */
    int code = sqlite3_open_v2(":memory:", &check->db, flags, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_db_config(check->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_db_config(check->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_db_config(check->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_drop_modules(check->db, modules);
    }
    if (code == SQLITE_OK) {
        /* The first use declares them, as if a table were created. */
        code = sqlite3_exec(check->db, "SELECT 1 FROM json_each('1'), json_tree('1')", NULL, NULL,
                            NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_set_authorizer(check->db, check_authorize, check);
    }
    for (size_t i = 0; i < sizeof limits / sizeof limits[0] && code == SQLITE_OK; i++) {
        (void)sqlite3_limit(check->db, limits[i].limit, limits[i].value);
    }
    return code == SQLITE_OK
               ? FACTUM_OK
               : fct_fail(check->err, code == SQLITE_NOMEM ? FACTUM_NO_MEMORY : FACTUM_IO,
                          "the check in SQLite: open a database in memory: %s",
                          sqlite3_errstr(code));
}

static factum_status check_all(struct check *check)
{
    const struct fct_definition *definition = check->definition;
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < definition->relation_count && status == FACTUM_OK; i++) {
        status = check_one(check, &definition->relations[i].statement, CHECK_CREATE);
    }
    for (size_t i = 0; i < definition->handler_count; i++) {
        const struct fct_handler *handler = &definition->handlers[i];
        for (size_t k = 0; k < handler->statement_count && status == FACTUM_OK; k++) {
            status = check_one(check, &handler->statements[k], CHECK_CHANGE);
        }
    }
    for (size_t i = 0; i < definition->query_count && status == FACTUM_OK; i++) {
        status = check_one(check, &definition->queries[i].statement, CHECK_QUERY);
    }
    return status;
}

factum_status fct_sqlite_check(const struct fct_definition *definition, factum_error *err)
{
    struct check check = {.definition = definition, .err = err};
    fct_buf_init(&check.sql, fct_mem_heap(), CHECK_SQL_MAX);
    factum_status status = check_open(&check);
    if (status == FACTUM_OK) {
        status = check_all(&check);
    }
    (void)sqlite3_close(check.db);
    fct_buf_finish(&check.sql);
    return status;
}
