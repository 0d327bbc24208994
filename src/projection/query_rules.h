/* query_rules.h - what a query may do: the answers to SQLite's authorizer. Layer: projection.
 *
 * A query reads the tables of its model, and json_each and json_tree. It calls functions of a list
 * (sql_functions.h). It does nothing else: what is not allowed here is refused, so that later
 * additions to SQLite are refused too. The first refusal is kept as a text that names the rule.
 *
 * Invariants:
 *  1. While |on| is false everything is allowed: the statements are our own.
 *  2. |unread| contains |unread_size| bytes, which end with a zero byte unless they are 0.
 */
#ifndef FCT_PROJECTION_QUERY_RULES_H
#define FCT_PROJECTION_QUERY_RULES_H

#include <sqlite3.h>

#include <factum/base.h>

/* A table that a query may name. */
struct fct_query_table {
    factum_slice name; /* "order_summary" */
    /* The table under the view |name|: "order_summary__v3"; empty: |name| is a table. */
    factum_slice over;
};

#define FCT_QUERY_UNREAD_SIZE 1024u

struct fct_query_rules {
    bool on;
    const struct fct_query_table *tables;
    size_t table_count;
    char refusal[256]; /* "": nothing was refused */
    /* Names that are not tables of the model and of which no column is read, each with a zero byte.
     * Subqueries of the statement look the same; fct_query_rules_settle judges the names. */
    char unread[FCT_QUERY_UNREAD_SIZE];
    size_t unread_size;
};

/* Makes |rules| judge the statements of |db|, which it must outlive. */
void fct_query_rules_attach(struct fct_query_rules *rules, sqlite3 *db);
/* Called before a statement is prepared. */
void fct_query_rules_start(struct fct_query_rules *rules, const struct fct_query_table *tables,
                           size_t table_count);
/* Called after it was prepared, with the rules off: refuses an unread name that is a real table.
 * Returns an error of SQLite, or SQLITE_OK. */
int fct_query_rules_settle(struct fct_query_rules *rules, sqlite3 *db);
/* Records that |name| is not a table of the model, unless something was refused before. Returns
 * SQLITE_DENY. */
int fct_query_rules_refuse_table(struct fct_query_rules *rules, const char *name);
/* Prints "order_summary, sku_sales" for messages; a long list ends in "...". */
void fct_query_rules_list(const struct fct_query_table *tables, size_t table_count, char *text,
                          size_t size);

#endif
