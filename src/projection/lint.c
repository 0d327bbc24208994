/* lint.c - see lint.h. Layer: projection.
 *
 * The lint looks at a statement token by token, with the two tokens before and what is known of the
 * surrounding parentheses. Each rule is a function of that.
 */
#include "projection/lint.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "projection/definition_int.h"

enum lint_place { LINT_TABLE, LINT_INDEX, LINT_CHANGE, LINT_QUERY };

struct lint {
    const struct fct_definition *definition;
    factum_error *err;
    enum lint_place place;
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    struct fct_sql_token before; /* END: none */
    struct fct_sql_token next;
    size_t depth;
    bool ordered[FCT_PROJECTION_DEPTH_MAX + 1]; /* ORDER BY was seen at this depth */
};

#define lint_fail(lint, status, ...)                                                               \
    fct_projection_fail((lint)->definition, (lint)->token.line, (lint)->token.column, (status),    \
                        (lint)->err, __VA_ARGS__)

/* ---- names ----------------------------------------------------------------------------------- */

factum_slice fct_lint_name(const struct fct_sql_token *token)
{
    if (token->kind == FCT_SQL_WORD) {
        return token->text;
    }
    if (token->kind == FCT_SQL_NAME) {
        return fct_slice(token->text.ptr + 1, token->text.len - 2);
    }
    return fct_slice(NULL, 0);
}

static uint8_t lint_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool lint_begins(factum_slice text, const char *start)
{
    size_t len = strlen(start);
    for (size_t i = 0; i < len; i++) {
        if (i == text.len || lint_lower(text.ptr[i]) != (uint8_t)start[i]) {
            return false;
        }
    }
    return true;
}

bool fct_lint_is(factum_slice text, const char *name)
{
    return text.len == strlen(name) && lint_begins(text, name);
}

static bool lint_any(factum_slice text, const char *const *names)
{
    while (*names != NULL && !fct_lint_is(text, *names)) {
        names++;
    }
    return *names != NULL;
}

/* ---- functions ------------------------------------------------------------------------------- */

static const char *const date_functions[] = {
    "date",      "time",     "datetime", "julianday",       "strftime",
    "unixepoch", "timediff", "now",      "clock_timestamp", NULL};
static const char *const random_functions[] = {"random", "randomblob", "gen_random_uuid", NULL};
static const char *const count_functions[] = {"last_insert_rowid", "changes", "total_changes",
                                              NULL};
/* Their result depends on the order of rows, which is not defined. */
static const char *const ordered_functions[] = {
    "group_concat", "string_agg", "json_group_array", "json_group_object", "row_number", "ntile",
    "lag",          "lead",       "first_value",      "last_value",        "nth_value",  NULL};
static const char *const clock_words[] = {"current_date",
                                          "current_time",
                                          "current_timestamp",
                                          "localtime",
                                          "localtimestamp",
                                          "current_user",
                                          "current_role",
                                          "current_catalog",
                                          "current_schema",
                                          "session_user",
                                          NULL};

static bool lint_opens(const struct fct_sql_token *token)
{
    return fct_sql_is_symbol(token, '(');
}

/* Skips the parentheses at |scan|. Returns whether they contain a word ORDER, at their own
 * depth. */
static bool lint_skip(struct fct_sql_scan *scan)
{
    struct fct_sql_token token;
    size_t depth = 0;
    bool ordered = false;
    do {
        fct_sql_next(scan, &token);
        if (lint_opens(&token)) {
            depth++;
        } else if (fct_sql_is_symbol(&token, ')')) {
            depth--;
        } else if (depth == 1 && fct_sql_is_word(&token, "ORDER")) {
            ordered = true;
        }
    } while (depth > 0 && token.kind != FCT_SQL_END);
    return ordered;
}

/* f(...) [FILTER (...)] OVER (... ORDER BY ...): |token| is f. */
static bool lint_has_order(const struct lint *lint)
{
    struct fct_sql_scan scan = lint->scan;
    struct fct_sql_token token;
    scan.at = lint->token.end;
    (void)lint_skip(&scan);
    fct_sql_next(&scan, &token);
    if (fct_sql_is_word(&token, "FILTER")) {
        (void)lint_skip(&scan);
        fct_sql_next(&scan, &token);
    }
    const struct fct_sql_scan over = scan;
    struct fct_sql_token after;
    fct_sql_next(&scan, &after);
    scan = over;
    return fct_sql_is_word(&token, "OVER") && lint_opens(&after) && lint_skip(&scan);
}

static factum_status lint_refuse_date(const struct lint *lint, factum_slice name, const char *after)
{
    return lint->place == LINT_QUERY
               ? lint_fail(lint, FACTUM_INVALID,
                           "%.*s%s gives another answer at another time: let the caller give the "
                           "time as a parameter",
                           FCT_FMT(name), after)
               : lint_fail(lint, FACTUM_INVALID,
                           "%.*s%s depends on the clock or the time zone: take :event_time or "
                           ":event_date, the event's own; substr(:event_date, 1, 7) is its month",
                           FCT_FMT(name), after);
}

/* A name before "(". */
static factum_status lint_function(const struct lint *lint)
{
    factum_slice name = fct_lint_name(&lint->token);
    if (lint_any(name, date_functions) || lint_any(name, clock_words)) {
        return lint_refuse_date(lint, name, "()");
    }
    if (lint_any(name, random_functions)) {
        return lint_fail(lint, FACTUM_INVALID,
                         "%.*s() gives another value each time: take a value of the event, as "
                         ":event_id",
                         FCT_FMT(name));
    }
    if (lint_any(name, count_functions)) {
        return lint_fail(lint, FACTUM_INVALID,
                         "%.*s() depends on what was applied before: use keys of the data, and "
                         "expect N to count rows",
                         FCT_FMT(name));
    }
    if (lint_any(name, ordered_functions) && !lint_has_order(lint)) {
        return lint_fail(lint, FACTUM_INVALID,
                         "%.*s() depends on the order of rows, which have none: write OVER (... "
                         "ORDER BY ...) after it, or keep the rows in a table",
                         FCT_FMT(name));
    }
    if (lint_begins(name, "sqlite_") || lint_begins(name, "pragma_") ||
        fct_lint_is(name, "load_extension")) {
        return lint_fail(
            lint, FACTUM_INVALID,
            "%.*s() reads or changes the state of SQLite: a projection depends on events "
            "alone",
            FCT_FMT(name));
    }
    return FACTUM_OK;
}

/* ---- rules of all texts ---------------------------------------------------------------------- */

static factum_status lint_everywhere(const struct lint *lint)
{
    bool conflict =
        fct_sql_is_word(&lint->before, "OR") || fct_sql_is_word(&lint->before, "CONFLICT");
    if (fct_sql_is_word(&lint->token, "ROLLBACK") ||
        (conflict && fct_sql_is_word(&lint->token, "FAIL"))) {
        return lint_fail(lint, FACTUM_INVALID,
                         "%.*s would end the transaction of many events half-way: take IGNORE, "
                         "REPLACE or ABORT",
                         FCT_FMT(lint->token.text));
    }
    if (lint->token.kind == FCT_SQL_WORD && lint_any(lint->token.text, clock_words)) {
        return lint->place == LINT_TABLE || lint->place == LINT_INDEX
                   ? lint_fail(lint, FACTUM_INVALID,
                               "%.*s depends on the clock or the connection: give the column a "
                               "value in the statements of \"on\", as :event_time",
                               FCT_FMT(lint->token.text))
                   : lint_refuse_date(lint, lint->token.text, "");
    }
    return FACTUM_OK;
}

/* ---- rules of "tables" ----------------------------------------------------------------------- */

/* Words of expressions that a parenthesis may follow. */
static const char *const operator_words[] = {
    "and",      "or",      "not",     "in",     "case",    "when",    "then",
    "else",     "between", "like",    "glob",   "is",      "exists",  "as",
    "check",    "key",     "any",     "isnull", "notnull", "collate", "escape",
    "distinct", "from",    "default", "unique", "values",  "cast",    NULL};

/* In the parentheses of the columns a name with "(" is a type, except after DEFAULT. */
static factum_status lint_table_function(const struct lint *lint)
{
    factum_slice name = fct_lint_name(&lint->token);
    bool keyword = lint->token.kind == FCT_SQL_WORD && lint_any(name, operator_words);
    if (name.len == 0 || !lint_opens(&lint->next) || keyword ||
        (lint->depth < 2 && !fct_sql_is_word(&lint->before, "DEFAULT"))) {
        return FACTUM_OK;
    }
    return lint_fail(lint, FACTUM_INVALID,
                     "%.*s() in DEFAULT, CHECK or GENERATED: no function may stand there: compute "
                     "the value in the statements of \"on\"",
                     FCT_FMT(name));
}

static factum_status lint_table(const struct lint *lint)
{
    if (fct_sql_is_word(&lint->token, "AUTOINCREMENT") ||
        fct_sql_is_word(&lint->token, "IDENTITY")) {
        return lint_fail(lint, FACTUM_INVALID,
                         "%.*s gives keys by the order of inserts: take a key of the event's data, "
                         "or :event_position",
                         FCT_FMT(lint->token.text));
    }
    if (fct_sql_is_word(&lint->before, "REFERENCES") && lint->token.kind != FCT_SQL_TEMPLATE) {
        return lint_fail(lint, FACTUM_INVALID,
                         "REFERENCES to a table that is not of this definition: write {{table}}, "
                         "or leave it out");
    }
    if (fct_sql_is_word(&lint->before, "ON") &&
        (fct_sql_is_word(&lint->token, "DELETE") || fct_sql_is_word(&lint->token, "UPDATE"))) {
        return lint_fail(lint, FACTUM_INVALID,
                         "ON %.*s of a foreign key would do nothing, foreign keys are off: write a "
                         "statement in \"on\" for it",
                         FCT_FMT(lint->token.text));
    }
    return lint_table_function(lint);
}

/* ---- rules of statements --------------------------------------------------------------------- */

static factum_status lint_rowid(const struct lint *lint)
{
    static const char *const rowids[] = {"rowid", "oid", "_rowid_", NULL};
    factum_slice name = fct_lint_name(&lint->token);
    if (lint_any(name, rowids)) {
        return lint_fail(lint, FACTUM_INVALID,
                         "%.*s depends on the order of inserts: give the table a key of its own",
                         FCT_FMT(name));
    }
    if (lint_begins(name, "sqlite_")) {
        return lint_fail(lint, FACTUM_INVALID,
                         "\"%.*s\": names that begin with sqlite_ are SQLite's own: use the "
                         "definition's tables",
                         FCT_FMT(name));
    }
    return FACTUM_OK;
}

static factum_status lint_statement(const struct lint *lint)
{
    if (fct_sql_is_word(&lint->token, "LIMIT") && !lint->ordered[lint->depth]) {
        return lint_fail(lint, FACTUM_INVALID,
                         "LIMIT without ORDER BY takes any rows: write ORDER BY before it");
    }
    if (lint->place == LINT_CHANGE && fct_sql_is_word(&lint->token, "RETURNING")) {
        return lint_fail(lint, FACTUM_INVALID,
                         "RETURNING: nobody reads the rows: leave it out; expect N counts them");
    }
    factum_status status = lint_rowid(lint);
    if (status == FACTUM_OK && fct_lint_name(&lint->token).len > 0 && lint_opens(&lint->next)) {
        status = lint_function(lint);
    }
    return status;
}

/* ---- table expressions ----------------------------------------------------------------------- */

/* SQLite copies a table expression for each of its uses, and the expressions in it too: n of them
 * that each name the one before twice become 2^n. Costs are counted in tokens while the text is
 * read: the cost of an expression is its tokens and the costs of the expressions that it names. */
#define EXPRESSIONS_MAX 64u

struct expressions {
    struct {
        factum_slice name;
        uint64_t cost;
        uint64_t before; /* the cost of everything before its parentheses */
        size_t depth;    /* around its parentheses */
        bool opened;
        bool closed;
    } list[EXPRESSIONS_MAX];
    size_t count;
    uint64_t cost; /* of the whole statement, so far */
};

static bool lint_same(factum_slice a, factum_slice b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; i < a.len && same; i++) {
        same = lint_lower(a.ptr[i]) == lint_lower(b.ptr[i]);
    }
    return same;
}

/* Does NAME [(columns)] AS [[NOT] MATERIALIZED] ( begin here? |lint->token| is NAME. */
static bool expression_begins(const struct lint *lint)
{
    struct fct_sql_scan scan = lint->scan;
    struct fct_sql_token token;
    bool begins = fct_sql_is_word(&lint->before, "WITH") ||
                  fct_sql_is_word(&lint->before, "RECURSIVE") ||
                  fct_sql_is_symbol(&lint->before, ',');
    if (!begins || fct_lint_name(&lint->token).len == 0 ||
        (!fct_sql_is_word(&lint->next, "AS") && !lint_opens(&lint->next))) {
        return false;
    }
    if (lint_opens(&lint->next)) {
        (void)lint_skip(&scan);
    }
    fct_sql_next(&scan, &token);
    if (!fct_sql_is_word(&token, "AS")) {
        return false;
    }
    do {
        fct_sql_next(&scan, &token);
    } while (fct_sql_is_word(&token, "NOT") || fct_sql_is_word(&token, "MATERIALIZED"));
    return lint_opens(&token);
}

/* Counts a use of an expression, or begins one. */
static factum_status expression_name(const struct lint *lint, struct expressions *expressions)
{
    factum_slice name = fct_lint_name(&lint->token);
    expressions->cost++;
    for (size_t i = 0; i < expressions->count && name.len > 0; i++) {
        if (lint_same(expressions->list[i].name, name)) {
            expressions->cost += expressions->list[i].cost;
        }
    }
    if (!expression_begins(lint)) {
        return FACTUM_OK;
    }
    if (expressions->count == EXPRESSIONS_MAX) {
        return lint_fail(lint, FACTUM_TOO_BIG, "a statement has at most %u table expressions",
                         EXPRESSIONS_MAX);
    }
    expressions->list[expressions->count].name = name;
    expressions->list[expressions->count].cost = 1;
    expressions->list[expressions->count].depth = lint->depth;
    expressions->count++;
    return FACTUM_OK;
}

/* The parenthesis after AS opens the expression that was named last. */
static void expression_open(const struct lint *lint, struct expressions *expressions)
{
    bool after =
        fct_sql_is_word(&lint->before, "AS") || fct_sql_is_word(&lint->before, "MATERIALIZED");
    if (after && lint_opens(&lint->token) && expressions->count > 0 &&
        !expressions->list[expressions->count - 1].opened) {
        expressions->list[expressions->count - 1].opened = true;
        expressions->list[expressions->count - 1].before = expressions->cost;
    }
}

static factum_status lint_expansions(const struct lint *lint, struct expressions *expressions)
{
    factum_status status = expression_name(lint, expressions);
    expression_open(lint, expressions);
    for (size_t i = 0; i < expressions->count && fct_sql_is_symbol(&lint->token, ')'); i++) {
        if (expressions->list[i].opened && !expressions->list[i].closed &&
            expressions->list[i].depth + 1 == lint->depth) {
            expressions->list[i].closed = true;
            expressions->list[i].cost = expressions->cost - expressions->list[i].before;
        }
    }
    if (status == FACTUM_OK && expressions->cost > FCT_LINT_EXPANDED_MAX) {
        return lint_fail(
            lint, FACTUM_TOO_BIG,
            "the expressions of WITH name each other so often that the statement grows to "
            "more than %u words: use fewer",
            FCT_LINT_EXPANDED_MAX);
    }
    return status;
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void lint_count(struct lint *lint)
{
    if (lint_opens(&lint->token)) {
        FCT_ASSERT(lint->depth < FCT_PROJECTION_DEPTH_MAX); /* the parser has checked it */
        lint->ordered[++lint->depth] = false;
    } else if (fct_sql_is_symbol(&lint->token, ')')) {
        FCT_ASSERT(lint->depth > 0);
        lint->depth--;
    } else if (fct_sql_is_word(&lint->token, "ORDER") && fct_sql_is_word(&lint->next, "BY")) {
        lint->ordered[lint->depth] = true;
    }
}

static factum_status lint_token(struct lint *lint, struct expressions *expressions)
{
    factum_status status = lint_everywhere(lint);
    if (status == FACTUM_OK && lint->place == LINT_TABLE) {
        status = lint_table(lint);
    } else if (status == FACTUM_OK) {
        status = lint_statement(lint);
    }
    if (status == FACTUM_OK) {
        status = lint_expansions(lint, expressions); /* with the depth before the token */
    }
    lint_count(lint);
    return status;
}

static factum_status lint_one(const struct fct_definition *definition,
                              const struct fct_statement *statement, enum lint_place place,
                              factum_error *err)
{
    struct lint lint = {.definition = definition, .err = err, .place = place};
    struct expressions expressions = {.count = 0};
    struct fct_sql_scan ahead;
    fct_statement_scan(definition, statement, &lint.scan);
    fct_sql_next(&lint.scan, &lint.token);
    factum_status status = FACTUM_OK;
    while (lint.token.kind != FCT_SQL_END && status == FACTUM_OK) {
        FCT_ASSERT(lint.token.kind != FCT_SQL_BAD); /* the parser has read the token */
        ahead = lint.scan;
        fct_sql_next(&ahead, &lint.next);
        status = lint_token(&lint, &expressions);
        lint.before = lint.token;
        lint.token = lint.next;
        lint.scan = ahead;
    }
    return status;
}

factum_status fct_projection_lint(const struct fct_definition *definition, factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < definition->relation_count && status == FACTUM_OK; i++) {
        const struct fct_relation *relation = &definition->relations[i];
        status = lint_one(definition, &relation->statement,
                          relation->is_index ? LINT_INDEX : LINT_TABLE, err);
    }
    for (size_t i = 0; i < definition->handler_count; i++) {
        const struct fct_handler *handler = &definition->handlers[i];
        for (size_t k = 0; k < handler->statement_count && status == FACTUM_OK; k++) {
            status = lint_one(definition, &handler->statements[k], LINT_CHANGE, err);
        }
    }
    for (size_t i = 0; i < definition->query_count && status == FACTUM_OK; i++) {
        status = lint_one(definition, &definition->queries[i].statement, LINT_QUERY, err);
    }
    return status;
}
