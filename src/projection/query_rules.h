/* query_rules.h - what a query may do: SQLite's questions about a statement, answered.
 * Layer: projection.
 *
 * A query reads the tables of its model, and json_each and json_tree; it calls functions of a list
 * of names; it does nothing else. Everything that is not allowed here is refused, so that whatever
 * SQLite adds later is refused too. The first refusal is kept as a text that names the rule.
 *
 * Invariant: while |on| is false everything is allowed: statements of our own.
 */
#ifndef FCT_PROJECTION_QUERY_RULES_H
#define FCT_PROJECTION_QUERY_RULES_H

#include <sqlite3.h>

#include <factum/base.h>

/* A table that a query may name. */
struct fct_query_table {
    factum_slice name; /* "order_summary" */
    factum_slice over; /* it is a view over this: "order_summary__v3"; empty: a table by itself */
};

#define FCT_QUERY_UNREAD_SIZE 1024u

struct fct_query_rules {
    bool on;
    const struct fct_query_table *tables;
    size_t table_count;
    char refusal[256]; /* "": nothing was refused */
    /* Names that are no tables of the model, of which no column is read, one zero byte after each:
     * subqueries of the statement have such names as well. fct_query_rules_settle judges them. */
    char unread[FCT_QUERY_UNREAD_SIZE];
    size_t unread_size;
};

/* Makes |rules| judge the statements of |db|. They must last as long as it does. */
void fct_query_rules_attach(struct fct_query_rules *rules, sqlite3 *db);
/* Before a statement is prepared. */
void fct_query_rules_start(struct fct_query_rules *rules, const struct fct_query_table *tables,
                           size_t table_count);
/* After it was prepared, with the rules off: is any of the unread names a real table? Then there is
 * a refusal. An error of SQLite, or SQLITE_OK. */
int fct_query_rules_settle(struct fct_query_rules *rules, sqlite3 *db);
/* Keeps that |name| is no table of the model, unless something was refused before. SQLITE_DENY. */
int fct_query_rules_refuse_table(struct fct_query_rules *rules, const char *name);
/* "order_summary, sku_sales" for messages; long lists end in "...". */
void fct_query_rules_list(const struct fct_query_table *tables, size_t table_count, char *text,
                          size_t size);

#endif
