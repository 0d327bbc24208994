/* columns.c - see columns.h. Layer: projection.
 *
 * Reads tokens, not a grammar: SQLite prepares the statements before or after. What is not
 * recognized is left out, so a place may be missed but none is invented.
 */
#include "projection/columns.h"

#include <string.h>

#include "core/slice.h"
#include "projection/definition_int.h"
#include "projection/lint.h"
#include "projection/sql_scan.h"

struct column {
    factum_slice name; /* without quotes */
    factum_slice type;
    bool numeric;
    bool generated; /* computed by SQLite */
};

struct fct_columns {
    const struct fct_mem *mem;
    const struct fct_definition *definition;
    const struct fct_relation *table; /* whose columns these are; NULL: none was read yet */
    size_t count;
    size_t listed_count;
    uint32_t listed[FCT_COLUMNS_MAX]; /* the columns that VALUES lists */
    struct column columns[FCT_COLUMNS_MAX];
};

#define COLUMN_NONE UINT32_MAX

/* The tokens of one statement, from the current one on. */
struct column_scan {
    struct fct_columns *columns;
    const struct fct_handler *handler;
    struct fct_column_place *places;
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    unsigned depth; /* of parentheses around |token| */
};

struct fct_columns *fct_columns_create(const struct fct_mem *mem,
                                       const struct fct_definition *definition)
{
    struct fct_columns *columns = fct_mem_zalloc(mem, 1, sizeof *columns);
    if (columns != NULL) {
        columns->mem = mem;
        columns->definition = definition;
    }
    return columns;
}

void fct_columns_free(struct fct_columns *columns)
{
    if (columns != NULL) {
        fct_mem_free(columns->mem, columns);
    }
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static bool column_at_end(const struct column_scan *at)
{
    return at->token.kind == FCT_SQL_END || at->token.kind == FCT_SQL_BAD;
}

static bool column_at(const struct column_scan *at, char symbol)
{
    return fct_sql_is_symbol(&at->token, symbol);
}

static bool column_at_name(const struct column_scan *at)
{
    return at->token.kind == FCT_SQL_WORD || at->token.kind == FCT_SQL_NAME;
}

static bool column_at_one_of(const struct column_scan *at, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (fct_sql_is_word(&at->token, *words)) {
            return true;
        }
    }
    return false;
}

/* Tokens after "(" up to the one before ")" are one deeper. */
static void column_step(struct column_scan *at)
{
    at->depth += column_at(at, '(') ? 1 : 0;
    fct_sql_next(&at->scan, &at->token);
    at->depth -= column_at(at, ')') && at->depth > 0 ? 1 : 0;
}

static void column_begin(struct column_scan *at, const struct fct_statement *statement)
{
    at->depth = 0;
    fct_statement_scan(at->columns->definition, statement, &at->scan);
    fct_sql_next(&at->scan, &at->token);
}

/* Skips to the comma or the closing parenthesis that ends an entry of a list |depth| deep. */
static void column_skip_entry(struct column_scan *at, unsigned depth)
{
    while (!column_at_end(at) && !(at->depth == depth && column_at(at, ',')) &&
           at->depth >= depth) {
        column_step(at);
    }
}

/* ---- declared types -------------------------------------------------------------------------- */

static uint8_t column_upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - ('a' - 'A')) : c;
}

/* Does |text| contain |word| (upper case) at |at|? */
static bool column_text_has(factum_slice text, size_t at, const char *word)
{
    size_t len = strlen(word);
    if (len > text.len - at) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (column_upper(text.ptr[at + i]) != (uint8_t)word[i]) {
            return false;
        }
    }
    return true;
}

static bool column_type_has(factum_slice type, const char *const *words)
{
    for (; *words != NULL; words++) {
        for (size_t at = 0; at < type.len; at++) {
            if (column_text_has(type, at, *words)) {
                return true;
            }
        }
    }
    return false;
}

/* SQLite's rules of affinity, in their order. */
static bool column_is_numeric(factum_slice type)
{
    static const char *const integer[] = {"INT", NULL};
    static const char *const text[] = {"CHAR", "CLOB", "TEXT", "BLOB", NULL};
    static const char *const real[] = {"REAL", "FLOA", "DOUB", NULL};
    static const char *const formatted[] = {"DATE", "TIME", "UUID", "JSON"};
    if (type.len == 0) {
        return false;
    }
    if (column_type_has(type, integer)) {
        return true;
    }
    if (column_type_has(type, text)) {
        return false;
    }
    if (column_type_has(type, real)) {
        return true;
    }
    for (size_t i = 0; i < sizeof formatted / sizeof formatted[0]; i++) {
        if (column_text_has(type, 0, formatted[i])) {
            return false;
        }
    }
    return true;
}

/* ---- the columns of a table ------------------------------------------------------------------ */

/* A name, then the words and names of its type, up to the first constraint. */
static void column_read_one(struct column_scan *at, struct column *column)
{
    static const char *const constraints[] = {"CONSTRAINT", "PRIMARY",   "NOT",     "NULL",
                                              "UNIQUE",     "CHECK",     "DEFAULT", "COLLATE",
                                              "REFERENCES", "GENERATED", "AS",      NULL};
    static const char *const generated[] = {"GENERATED", "AS", NULL};
    *column = (struct column){.name = fct_lint_name(&at->token)};
    column_step(at);
    size_t start = at->token.start;
    size_t end = start;
    while (column_at_name(at) && !column_at_one_of(at, constraints)) {
        end = at->token.end;
        column_step(at);
    }
    column->type = fct_slice(at->columns->definition->text.ptr + start, end - start);
    column->numeric = column_is_numeric(column->type);
    while (!column_at_end(at) && at->depth >= 1 && !(at->depth == 1 && column_at(at, ','))) {
        column->generated =
            column->generated || (at->depth == 1 && column_at_one_of(at, generated));
        column_step(at);
    }
}

/* In a strict table the type ANY has no affinity. */
static void column_read_strict(struct column_scan *at, struct fct_columns *columns)
{
    bool strict = false;
    for (; !column_at_end(at); column_step(at)) {
        strict = strict || fct_sql_is_word(&at->token, "STRICT");
    }
    for (size_t i = 0; strict && i < columns->count; i++) {
        struct column *column = &columns->columns[i];
        column->numeric = column->numeric && !fct_lint_is(column->type, "any");
    }
}

static void column_read_table(struct fct_columns *columns, const struct fct_relation *table)
{
    static const char *const constraints[] = {"CONSTRAINT", "PRIMARY", "UNIQUE",
                                              "CHECK",      "FOREIGN", NULL};
    struct column_scan at = {.columns = columns};
    columns->table = table;
    columns->count = 0;
    column_begin(&at, &table->statement);
    while (!column_at_end(&at) && at.token.kind != FCT_SQL_TEMPLATE) {
        column_step(&at);
    }
    column_step(&at);
    if (!column_at(&at, '(')) {
        return; /* CREATE TABLE ... AS SELECT */
    }
    do {
        column_step(&at);
        if (column_at_name(&at) && !column_at_one_of(&at, constraints) &&
            columns->count < FCT_COLUMNS_MAX) {
            column_read_one(&at, &columns->columns[columns->count]);
            columns->count++;
        } else {
            column_skip_entry(&at, 1);
        }
    } while (column_at(&at, ',') && at.depth == 1);
    column_read_strict(&at, columns);
}

/* False: |name| is not a table of the definition. */
static bool column_use_table(struct fct_columns *columns, factum_slice name)
{
    const struct fct_definition *definition = columns->definition;
    if (columns->table != NULL && fct_slice_equal(columns->table->name, name)) {
        return true;
    }
    for (size_t i = 0; i < definition->relation_count; i++) {
        const struct fct_relation *relation = &definition->relations[i];
        if (!relation->is_index && fct_slice_equal(relation->name, name)) {
            column_read_table(columns, relation);
            return true;
        }
    }
    return false;
}

static bool column_same_name(factum_slice a, factum_slice b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++) {
        same = column_upper(a.ptr[i]) == column_upper(b.ptr[i]);
    }
    return same;
}

static uint32_t column_number(const struct fct_columns *columns, factum_slice name)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (column_same_name(columns->columns[i].name, name)) {
            return (uint32_t)i;
        }
    }
    return COLUMN_NONE;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* Records that |parameter| is the value of the column |number|. */
static void column_note(struct column_scan *at, const struct fct_sql_token *parameter,
                        uint32_t number)
{
    const struct fct_handler *handler = at->handler;
    if (number >= at->columns->count || !at->columns->columns[number].numeric) {
        return;
    }
    const struct column *column = &at->columns->columns[number];
    for (size_t i = 0; i < handler->parameter_count; i++) {
        if (at->places[i].column.len == 0 &&
            fct_slice_equal(handler->parameters[i].name, parameter->text)) {
            at->places[i] = (struct fct_column_place){.column = column->name,
                                                      .type = column->type,
                                                      .line = parameter->line,
                                                      .column_number = parameter->column};
            return;
        }
    }
}

/* After INTO {{t}}: the listed columns, or all. */
static void column_list(struct column_scan *at)
{
    struct fct_columns *columns = at->columns;
    columns->listed_count = 0;
    if (fct_sql_is_word(&at->token, "AS")) {
        column_step(at);
        column_step(at);
    }
    if (!column_at(at, '(')) {
        for (uint32_t i = 0; i < columns->count; i++) {
            if (!columns->columns[i].generated) {
                columns->listed[columns->listed_count++] = i;
            }
        }
        return;
    }
    unsigned depth = at->depth + 1;
    do {
        column_step(at);
        if (columns->listed_count < FCT_COLUMNS_MAX) {
            columns->listed[columns->listed_count++] =
                column_at_name(at) ? column_number(columns, fct_lint_name(&at->token))
                                   : COLUMN_NONE;
        }
        column_skip_entry(at, depth);
    } while (column_at(at, ',') && at->depth == depth);
}

/* At the parenthesis that opens a row of VALUES. */
static void column_row(struct column_scan *at)
{
    const struct fct_columns *columns = at->columns;
    unsigned depth = at->depth + 1;
    size_t number = 0;
    do {
        column_step(at);
        if (at->token.kind == FCT_SQL_PARAMETER) {
            struct fct_sql_token parameter = at->token;
            column_step(at);
            bool alone = at->depth < depth || (at->depth == depth && column_at(at, ','));
            if (alone && number < columns->listed_count) {
                column_note(at, &parameter, columns->listed[number]);
            }
        }
        number++;
        column_skip_entry(at, depth);
    } while (column_at(at, ',') && at->depth == depth);
}

static void column_rows(struct column_scan *at)
{
    column_step(at);
    while (column_at(at, '(')) {
        column_row(at);
        column_step(at);
        if (!column_at(at, ',')) {
            break;
        }
        column_step(at);
    }
}

/* After SET: c = :p, ... */
static void column_assignments(struct column_scan *at)
{
    static const char *const ends[] = {"WHERE", "FROM", "RETURNING", "ON", "ORDER", "LIMIT", NULL};
    bool more = true;
    while (more) {
        column_step(at);
        struct fct_sql_token name = at->token;
        bool named = column_at_name(at);
        column_step(at);
        if (named && column_at(at, '=')) {
            column_step(at);
            struct fct_sql_token value = at->token;
            if (value.kind == FCT_SQL_PARAMETER) {
                column_step(at);
                if (column_at_end(at) || column_at(at, ',') || column_at(at, ';') ||
                    column_at_one_of(at, ends)) {
                    column_note(at, &value, column_number(at->columns, fct_lint_name(&name)));
                }
            }
        }
        while (!column_at_end(at) &&
               !(at->depth == 0 && (column_at(at, ',') || column_at_one_of(at, ends)))) {
            column_step(at);
        }
        more = column_at(at, ',');
    }
}

/* Records the places of one statement. Parentheses contain a table expression or a query. */
static void column_read_statement(struct column_scan *at, const struct fct_statement *statement)
{
    bool known = false;
    column_begin(at, statement);
    while (!column_at_end(at)) {
        bool verb = at->depth == 0 &&
                    (fct_sql_is_word(&at->token, "INTO") || fct_sql_is_word(&at->token, "UPDATE"));
        if (verb) {
            bool into = fct_sql_is_word(&at->token, "INTO");
            column_step(at);
            if (fct_sql_is_word(&at->token, "OR")) { /* UPDATE OR IGNORE */
                column_step(at);
                column_step(at);
            }
            if (at->token.kind == FCT_SQL_TEMPLATE) {
                known = column_use_table(at->columns, at->token.text);
                column_step(at);
                if (known && into) {
                    column_list(at);
                }
            }
        } else if (known && at->depth == 0 && fct_sql_is_word(&at->token, "VALUES")) {
            column_rows(at);
        } else if (known && at->depth == 0 && fct_sql_is_word(&at->token, "SET")) {
            column_assignments(at);
        } else {
            column_step(at);
        }
    }
}

void fct_columns_find(struct fct_columns *columns, const struct fct_handler *handler,
                      struct fct_column_place *places)
{
    struct column_scan at = {.columns = columns, .handler = handler, .places = places};
    for (size_t i = 0; i < handler->parameter_count; i++) {
        places[i] = (struct fct_column_place){.line = 0};
    }
    for (size_t i = 0; i < handler->statement_count; i++) {
        column_read_statement(&at, &handler->statements[i]);
    }
}
