/* query_rules.c - what a query may do. Layer: projection. See query_rules.h. */
#include "projection/query_rules.h"

#include <stdio.h>
#include <string.h>

#include "projection/sql_functions.h"

static bool rules_same(factum_slice name, const char *other)
{
    return strlen(other) == name.len &&
           sqlite3_strnicmp((const char *)name.ptr, other, (int)name.len) == 0;
}

void fct_query_rules_list(const struct fct_query_table *tables, size_t table_count, char *text,
                          size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < table_count; i++) {
        factum_slice name = tables[i].name;
        if (used + name.len + sizeof ", ..." + 1 > size) {
            (void)snprintf(text + used, size - used, "%s...", used > 0 ? ", " : "");
            return;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%.*s", used > 0 ? ", " : "",
                                 (int)name.len, (const char *)name.ptr);
    }
}

int fct_query_rules_refuse_table(struct fct_query_rules *rules, const char *name)
{
    char list[120];
    if (rules->refusal[0] == '\0') {
        fct_query_rules_list(rules->tables, rules->table_count, list, sizeof list);
        /* Users know the schema's table by its newer name. */
        const char *shown = sqlite3_stricmp(name, "sqlite_master") == 0 ? "sqlite_schema" : name;
        (void)snprintf(rules->refusal, sizeof rules->refusal,
                       "a query reads only the tables of its model: %s; not %.64s",
                       list[0] != '\0' ? list : "it has none", shown);
    }
    return SQLITE_DENY;
}

/* |what| is a short phrase for the message. */
static int rules_refuse(struct fct_query_rules *rules, const char *what)
{
    if (rules->refusal[0] == '\0') {
        (void)snprintf(rules->refusal, sizeof rules->refusal,
                       "a query is one SELECT, which changes nothing: it cannot %s", what);
    }
    return SQLITE_DENY;
}

static int rules_refuse_function(struct fct_query_rules *rules, const char *name)
{
    if (rules->refusal[0] == '\0') {
        bool patch = sqlite3_stricmp(name, "json_patch") == 0;
        (void)snprintf(rules->refusal, sizeof rules->refusal,
                       "a query cannot call the function %.64s%s", name,
                       patch ? ": use json_set" : "");
    }
    return SQLITE_DENY;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Records the name of something whose columns are not read. */
static int rules_keep_unread(struct fct_query_rules *rules, const char *name)
{
    size_t size = strlen(name) + 1;
    for (size_t at = 0; at < rules->unread_size; at += strlen(rules->unread + at) + 1) {
        if (sqlite3_stricmp(rules->unread + at, name) == 0) {
            return SQLITE_OK;
        }
    }
    if (size > sizeof rules->unread - rules->unread_size) {
        return rules_refuse(rules, "have so many subqueries of which it reads no column");
    }
    memcpy(rules->unread + rules->unread_size, name, size);
    rules->unread_size += size;
    return SQLITE_OK;
}

/* |column| is "" if no column of |table| is read, only the number of rows. |inside| is the view or
 * the subquery that the statement reads |table| through, or NULL. */
static int rules_read(struct fct_query_rules *rules, const char *table, const char *column,
                      const char *inside)
{
    bool unread = column == NULL || column[0] == '\0';
    for (size_t i = 0; i < rules->table_count; i++) {
        const struct fct_query_table *allowed = &rules->tables[i];
        if (rules_same(allowed->name, table)) {
            return SQLITE_OK;
        }
        /* Of a view that SQLite has merged into the statement only its table is left. */
        if (rules_same(allowed->over, table) &&
            (unread || (inside != NULL && rules_same(allowed->name, inside)))) {
            return SQLITE_OK;
        }
    }
    if (sqlite3_stricmp(table, "json_each") == 0 || sqlite3_stricmp(table, "json_tree") == 0) {
        return SQLITE_OK;
    }
    if (unread) {
        return rules_keep_unread(rules, table);
    }
    return fct_query_rules_refuse_table(rules, table);
}

static const char *rules_action(int action)
{
    switch (action) {
    case SQLITE_INSERT:
        return "INSERT";
    case SQLITE_UPDATE:
        return "UPDATE";
    case SQLITE_DELETE:
        return "DELETE";
    case SQLITE_PRAGMA:
        return "use PRAGMA";
    case SQLITE_ATTACH:
        return "ATTACH another file";
    case SQLITE_DETACH:
        return "DETACH a file";
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return "begin or end a transaction";
    default:
        return "create, drop or alter anything";
    }
}

/* SQLite's authorizer, called while it prepares a statement. The arguments depend on |action|. */
static int rules_authorize(void *data, int action, const char *first, const char *second,
                           const char *schema, const char *inside)
{
    struct fct_query_rules *rules = data;
    if (!rules->on) {
        return SQLITE_OK;
    }
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        if (first == NULL || (schema != NULL && sqlite3_stricmp(schema, "main") != 0)) {
            return fct_query_rules_refuse_table(rules, first != NULL ? first : "that");
        }
        return rules_read(rules, first, second, inside);
    case SQLITE_FUNCTION:
        if (second != NULL && fct_sql_function_allowed(second, FCT_SQL_IN_QUERY)) {
            return SQLITE_OK;
        }
        return rules_refuse_function(rules, second != NULL ? second : "without a name");
    case SQLITE_UPDATE:
        if (first != NULL && sqlite3_stricmp(first, "sqlite_master") == 0) {
            /* SQLite's question when a virtual table is used for the first time. */
            return fct_query_rules_refuse_table(rules, "a virtual table");
        }
        return rules_refuse(rules, rules_action(action));
    default:
        return rules_refuse(rules, rules_action(action));
    }
}

void fct_query_rules_attach(struct fct_query_rules *rules, sqlite3 *db)
{
    (void)sqlite3_set_authorizer(db, rules_authorize, rules);
}

void fct_query_rules_start(struct fct_query_rules *rules, const struct fct_query_table *tables,
                           size_t table_count)
{
    rules->tables = tables;
    rules->table_count = table_count;
    rules->refusal[0] = '\0';
    rules->unread_size = 0;
}

/* ---- names of which no column is read -------------------------------------------------------- */

/* Virtual tables that exist without being created, and the schema itself, are in no list. */
static bool rules_is_built_in(const char *name)
{
    return sqlite3_strnicmp(name, "sqlite_", 7) == 0 || sqlite3_strnicmp(name, "pragma_", 7) == 0;
}

static int rules_look_up(sqlite3_stmt *look, const char *name, bool *found)
{
    (void)sqlite3_bind_text(look, 1, name, -1, SQLITE_STATIC);
    int code = sqlite3_step(look);
    *found = code == SQLITE_ROW;
    (void)sqlite3_reset(look);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int fct_query_rules_settle(struct fct_query_rules *rules, sqlite3 *db)
{
    static const char text[] =
        "SELECT 1 FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE UNION ALL "
        "SELECT 1 FROM pragma_module_list WHERE name = ?1 COLLATE NOCASE";
    sqlite3_stmt *look = NULL;
    int code = SQLITE_OK;
    for (size_t at = 0; at < rules->unread_size && rules->refusal[0] == '\0';
         at += strlen(rules->unread + at) + 1) {
        const char *name = rules->unread + at;
        bool found = rules_is_built_in(name);
        if (!found && look == NULL) {
            code = sqlite3_prepare_v2(db, text, (int)sizeof text, &look, NULL);
        }
        if (!found && code == SQLITE_OK) {
            code = rules_look_up(look, name, &found);
        }
        if (code != SQLITE_OK) {
            break;
        }
        if (found) {
            (void)fct_query_rules_refuse_table(rules, name);
        }
    }
    (void)sqlite3_finalize(look);
    return code;
}
