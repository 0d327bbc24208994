/* statement.c - the statements of a definition: separated, divided into parts, their parameters
 * resolved, and the kind of each. Layer: projection. See definition.h.
 *
 * SQLite judges whether a statement means anything (sqlite_check.h). This file only checks that its
 * kind may be in the section.
 */
#include <string.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/slice.h"
#include "projection/definition_int.h"

/* A statement that is being read. */
struct statement_reading {
    struct fct_part *parts;
    size_t count;
    const uint8_t *from; /* text that is in no part yet */
    const uint8_t *end;  /* after the last token */
    uint32_t line;
    uint32_t column;
    size_t depth;       /* of parentheses */
    uint32_t open_line; /* line of the outermost open parenthesis */
    uint32_t open_column;
};

#define statement_fail(parser, place, status, ...)                                                 \
    fct_projection_fail((parser)->definition, (place)->line, (place)->column, (status),            \
                        (parser)->err, __VA_ARGS__)

/* ---- parameters ------------------------------------------------------------------------------ */

static const char *const parameter_names[] = {
#define FCT_PARAMETER_NAME(name, text) [FCT_PARAMETER_##name] = (text),
    FCT_PARAMETER_LIST(FCT_PARAMETER_NAME)
#undef FCT_PARAMETER_NAME
};

#define PARAMETER_KINDS (sizeof parameter_names / sizeof parameter_names[0])

/* The path to |members|, "a.b": ."a"."b", because their names may not fit a plain path. */
static factum_status parameter_path(struct fct_parser *parser, factum_slice members,
                                    struct fct_parameter *parameter)
{
    char text[FCT_PATH_TEXT_MAX + 1];
    size_t len = 0;
    factum_error why;
    struct fct_path *path = factum_arena_alloc(parser->definition->arena, sizeof *path);
    if (path == NULL) {
        return fct_parser_no_room(parser);
    }
    if (members.len > FCT_PATH_TEXT_MAX / 4) {
        return statement_fail(parser, parameter, FACTUM_TOO_BIG, "a parameter has at most %u bytes",
                              FCT_PATH_TEXT_MAX / 4);
    }
    text[len++] = '.';
    text[len++] = '"';
    for (size_t i = 0; i < members.len; i++) {
        if (members.ptr[i] == '.') {
            memcpy(text + len, "\".\"", 3);
            len += 3;
        } else {
            text[len++] = (char)members.ptr[i];
        }
    }
    text[len++] = '"';
    factum_status status = fct_path_compile(fct_slice(text, len), path, &why);
    if (status != FACTUM_OK) {
        return statement_fail(parser, parameter, status, ":%.*s: %s", FCT_FMT(parameter->name),
                              why.text);
    }
    parameter->path = path;
    return FACTUM_OK;
}

/* Refuses |name|, which begins like a reserved name but is not one. */
static factum_status statement_refuse_reserved(const struct fct_parser *parser, factum_slice name,
                                               const struct fct_parameter *parameter)
{
    struct fct_nearest nearest;
    fct_nearest_begin(&nearest, name);
    for (size_t i = 0; i < PARAMETER_KINDS; i++) {
        fct_nearest_offer(&nearest, factum_slice_from(parameter_names[i]));
    }
    if (nearest.best.len > 0) {
        return statement_fail(parser, parameter, FACTUM_INVALID,
                              "there is no parameter :%.*s: did you mean :%.*s? The member of the "
                              "data is :data.%.*s",
                              FCT_FMT(name), FCT_FMT(nearest.best), FCT_FMT(name));
    }
    return statement_fail(parser, parameter, FACTUM_INVALID,
                          "parameters that begin with event_ or factum_ are reserved: write "
                          ":data.%.*s for the member of the data",
                          FCT_FMT(name));
}

/* |parameter| has a reserved kind; |members| follow it (may be empty). */
static factum_status parameter_resolve_reserved(struct fct_parser *parser, factum_slice members,
                                                struct fct_parameter *parameter)
{
    const char *name = parameter_names[parameter->kind];
    bool item =
        parameter->kind == FCT_PARAMETER_ITEM || parameter->kind == FCT_PARAMETER_ITEM_INDEX;
    if (item && !parser->section.has_each) {
        return statement_fail(parser, parameter, FACTUM_INVALID,
                              ":%s is there only with each: write --@ on TYPE each .path, or "
                              ":data.%.*s for the member of the data",
                              name, FCT_FMT(parameter->name));
    }
    if (members.len == 0) {
        return FACTUM_OK;
    }
    if (parameter->kind == FCT_PARAMETER_DATA || parameter->kind == FCT_PARAMETER_META ||
        parameter->kind == FCT_PARAMETER_ITEM) {
        return parameter_path(parser, members, parameter);
    }
    return statement_fail(parser, parameter, FACTUM_INVALID,
                          ":%s has no members: write :data.%.*s for the member of the data", name,
                          FCT_FMT(parameter->name));
}

factum_status fct_parameter_resolve(struct fct_parser *parser, factum_slice name, uint32_t line,
                                    uint32_t column, struct fct_parameter *parameter)
{
    const uint8_t *dot = memchr(name.ptr, '.', name.len);
    factum_slice first = dot == NULL ? name : fct_slice(name.ptr, (size_t)(dot - name.ptr));
    factum_slice members = dot == NULL ? fct_slice(NULL, 0) : fct_slice_from(name, first.len + 1);
    *parameter = (struct fct_parameter){.name = name, .line = line, .column = column};
    for (size_t i = 0; i < PARAMETER_KINDS; i++) {
        if (fct_slice_equal(first, factum_slice_from(parameter_names[i]))) {
            parameter->kind = (enum fct_parameter_kind)i;
            return parameter_resolve_reserved(parser, members, parameter);
        }
    }
    if (fct_slice_starts(name, FCT_SLICE("event_")) ||
        fct_slice_starts(name, FCT_SLICE("factum_"))) {
        return statement_refuse_reserved(parser, name, parameter);
    }
    parameter->kind = parser->section.has_each ? FCT_PARAMETER_ITEM : FCT_PARAMETER_DATA;
    return parameter_path(parser, name, parameter);
}

/* The caller of a query gives its parameters. */
static factum_status parameter_resolve_in_query(struct fct_parser *parser,
                                                struct fct_parameter *parameter)
{
    const struct fct_sql_token *token = &parser->token;
    *parameter =
        (struct fct_parameter){.name = token->text, .line = token->line, .column = token->column};
    if (memchr(token->text.ptr, '.', token->text.len) != NULL) {
        return statement_fail(parser, token, FACTUM_INVALID,
                              ":%.*s: a parameter of a query has no members: write :name",
                              FCT_FMT(token->text));
    }
    if (token->text.len > FACTUM_PROJECTION_NAME_MAX) {
        return statement_fail(parser, token, FACTUM_TOO_BIG,
                              "a parameter of a query has at most %d bytes",
                              FACTUM_PROJECTION_NAME_MAX);
    }
    return FACTUM_OK;
}

/* The number of the current parameter in the section; a new one is added. */
static factum_status parameter_number(struct fct_parser *parser, uint32_t *number)
{
    struct fct_section *section = &parser->section;
    for (size_t i = 0; i < section->parameter_count; i++) {
        if (fct_slice_equal(section->parameters[i].name, parser->token.text)) {
            *number = (uint32_t)i;
            return FACTUM_OK;
        }
    }
    if (section->kind == FCT_SECTION_TABLES) {
        return statement_fail(parser, &parser->token, FACTUM_INVALID,
                              ":%.*s: a table has no parameters: write a literal",
                              FCT_FMT(parser->token.text));
    }
    if (section->parameter_count == FCT_PROJECTION_PARAMETERS_MAX) {
        return statement_fail(parser, &parser->token, FACTUM_TOO_BIG,
                              "a section has at most %u parameters", FCT_PROJECTION_PARAMETERS_MAX);
    }
    section->parameters = fct_parser_room(parser, section->parameters, section->parameter_count,
                                          sizeof *section->parameters);
    if (section->parameters == NULL) {
        return fct_parser_no_room(parser);
    }
    *number = (uint32_t)section->parameter_count;
    struct fct_parameter *parameter = &section->parameters[*number];
    factum_status status =
        section->kind == FCT_SECTION_QUERY
            ? parameter_resolve_in_query(parser, parameter)
            : fct_parameter_resolve(parser, parser->token.text, parser->token.line,
                                    parser->token.column, parameter);
    section->parameter_count++;
    return status;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static factum_status statement_add_part(struct fct_parser *parser,
                                        struct statement_reading *reading, struct fct_part part)
{
    reading->parts =
        fct_parser_room(parser, reading->parts, reading->count, sizeof *reading->parts);
    if (reading->parts == NULL) {
        return fct_parser_no_room(parser);
    }
    reading->parts[reading->count++] = part;
    return FACTUM_OK;
}

/* Adds the text up to |to| that is in no part yet. */
static factum_status statement_add_text(struct fct_parser *parser,
                                        struct statement_reading *reading, const uint8_t *to)
{
    factum_slice text = fct_slice(reading->from, (size_t)(to - reading->from));
    return text.len == 0
               ? FACTUM_OK
               : statement_add_part(parser, reading,
                                    (struct fct_part){.kind = FCT_PART_TEXT, .text = text});
}

/* Makes a parameter or a template a part of its own. */
static factum_status statement_add_token(struct fct_parser *parser,
                                         struct statement_reading *reading)
{
    const struct fct_sql_token *token = &parser->token;
    const uint8_t *text = parser->definition->text.ptr;
    struct fct_part part = {.kind = FCT_PART_TEMPLATE, .text = token->text};
    factum_status status = FACTUM_OK;
    if (parser->skip || (token->kind != FCT_SQL_PARAMETER && token->kind != FCT_SQL_TEMPLATE)) {
        return FACTUM_OK;
    }
    if (token->kind == FCT_SQL_PARAMETER) {
        part.kind = FCT_PART_PARAMETER;
        status = parameter_number(parser, &part.parameter);
    }
    if (status == FACTUM_OK) {
        status = statement_add_text(parser, reading, text + token->start);
    }
    reading->from = text + token->end;
    return status == FACTUM_OK ? statement_add_part(parser, reading, part) : status;
}

static factum_status statement_parentheses(const struct fct_parser *parser,
                                           struct statement_reading *reading)
{
    const struct fct_sql_token *token = &parser->token;
    if (fct_sql_is_symbol(token, '(')) {
        if (reading->depth == 0) {
            reading->open_line = token->line;
            reading->open_column = token->column;
        }
        if (++reading->depth > FCT_PROJECTION_DEPTH_MAX) {
            return statement_fail(parser, token, FACTUM_TOO_BIG, "parentheses are deeper than %u",
                                  FCT_PROJECTION_DEPTH_MAX);
        }
    } else if (fct_sql_is_symbol(token, ')')) {
        if (reading->depth == 0) {
            return statement_fail(parser, token, FACTUM_INVALID,
                                  "a parenthesis is closed that was not opened: take it out");
        }
        reading->depth--;
    }
    return FACTUM_OK;
}

static factum_status statement_check_end(const struct fct_parser *parser,
                                         const struct statement_reading *reading)
{
    if (reading->depth > 0) {
        return fct_projection_fail(parser->definition, reading->open_line, reading->open_column,
                                   FACTUM_INVALID, parser->err,
                                   "a parenthesis is not closed: write ) before the statement "
                                   "ends");
    }
    if (parser->token.kind == FCT_SQL_DIRECTIVE && fct_directive_is_inner(parser) &&
        parser->if_line == 0) {
        return statement_fail(parser, &parser->token, FACTUM_INVALID,
                              "a directive in the middle of a statement: end it with ; before");
    }
    return FACTUM_OK;
}

static bool statement_ends(const struct fct_sql_token *token)
{
    return token->kind == FCT_SQL_END || token->kind == FCT_SQL_DIRECTIVE ||
           fct_sql_is_symbol(token, ';');
}

/* Takes the tokens up to the end of the statement. */
static factum_status statement_tokens(struct fct_parser *parser, struct statement_reading *reading)
{
    const uint8_t *text = parser->definition->text.ptr;
    *reading = (struct statement_reading){
        .from = text + parser->token.start,
        .end = text + parser->token.start,
        .line = parser->token.line,
        .column = parser->token.column,
    };
    while (!statement_ends(&parser->token)) {
        factum_status status = statement_parentheses(parser, reading);
        if (status == FACTUM_OK) {
            status = statement_add_token(parser, reading);
        }
        reading->end = text + parser->token.end;
        if (status == FACTUM_OK) {
            status = fct_parser_next(parser);
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
    factum_status status = statement_check_end(parser, reading);
    return status == FACTUM_OK ? statement_add_text(parser, reading, reading->end) : status;
}

/* ---- kinds of statements --------------------------------------------------------------------- */

void fct_statement_scan(const struct fct_definition *definition,
                        const struct fct_statement *statement, struct fct_sql_scan *scan)
{
    size_t start = (size_t)(statement->text.ptr - definition->text.ptr);
    FCT_ASSERT(start + statement->text.len <= definition->text.len);
    fct_sql_begin(scan, fct_slice(definition->text.ptr, start + statement->text.len));
    scan->at = start;
    scan->line = statement->line;
    scan->line_start = start - (statement->column - 1);
}

/* Refuses CREATE VIEW and others. */
static factum_status statement_refuse_create(const struct fct_parser *parser,
                                             const struct fct_sql_token *token)
{
    static const struct {
        const char *word;
        const char *instead;
    } known[] = {
        {"VIRTUAL", "virtual tables are not supported: take a plain table"},
        {"VIEW", "views are not supported: write --@ query NAME"},
        {"TRIGGER", "triggers are not supported: write the statement into its section \"on\""},
        {"MATERIALIZED", "views are not supported: write --@ query NAME"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (fct_sql_is_word(token, known[i].word)) {
            return statement_fail(parser, token, FACTUM_UNSUPPORTED, "%s", known[i].instead);
        }
    }
    return statement_fail(parser, token, FACTUM_INVALID,
                          "\"tables\" takes CREATE TABLE {{name}} (...) and CREATE [UNIQUE] INDEX "
                          "{{name}} ON {{table}} (...)");
}

/* The created name, after TABLE or INDEX. */
static factum_status statement_check_created(struct fct_parser *parser,
                                             const struct fct_sql_token *token)
{
    if (fct_sql_is_word(token, "IF")) {
        return statement_fail(parser, token, FACTUM_INVALID,
                              "IF NOT EXISTS: every build has tables of its own: leave it out");
    }
    if (token->kind == FCT_SQL_WORD || token->kind == FCT_SQL_NAME) {
        return statement_fail(parser, token, FACTUM_INVALID,
                              "%.*s has no {{}}, but every version has tables of its own: write "
                              "{{%.*s}}",
                              FCT_FMT(token->text), FCT_FMT(token->text));
    }
    if (token->kind != FCT_SQL_TEMPLATE) {
        return statement_refuse_create(parser, token);
    }
    factum_status status =
        fct_parser_check_name(parser, token->text, "a table or index", token->line, token->column);
    if (status == FACTUM_OK && fct_slice_holds(token->text, FCT_SLICE("__"))) {
        return statement_fail(parser, token, FACTUM_INVALID,
                              "\"%.*s\" has two _ in a row, which stand before a version: take one",
                              FCT_FMT(token->text));
    }
    if (status == FACTUM_OK && fct_definition_relation(parser->definition, token->text) != NULL) {
        return statement_fail(parser, token, FACTUM_INVALID,
                              "{{%.*s}} is created twice: give one another name",
                              FCT_FMT(token->text));
    }
    return status;
}

/* What follows the name: the columns, or ON {{table}}. */
static factum_status statement_check_created_rest(const struct fct_parser *parser,
                                                  struct fct_sql_scan *scan, bool is_index)
{
    struct fct_sql_token token;
    fct_sql_next(scan, &token);
    if (!is_index) {
        return fct_sql_is_symbol(&token, '(')
                   ? FACTUM_OK
                   : statement_fail(parser, &token, FACTUM_INVALID,
                                    "a table begins empty: write its columns in parentheses");
    }
    bool on = fct_sql_is_word(&token, "ON");
    fct_sql_next(scan, &token);
    if (!on || token.kind != FCT_SQL_TEMPLATE) {
        return statement_fail(parser, &token, FACTUM_INVALID,
                              "an index is on a table of the definition: write ON {{table}} (...)");
    }
    return FACTUM_OK;
}

/* CREATE TABLE {{name}} ( or CREATE [UNIQUE] INDEX {{name}} ON {{table}} ( */
static factum_status statement_check_relation(struct fct_parser *parser,
                                              struct fct_relation *relation)
{
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    fct_statement_scan(parser->definition, &relation->statement, &scan);
    fct_sql_next(&scan, &token);
    if (!fct_sql_is_word(&token, "CREATE")) {
        return statement_refuse_create(parser, &token);
    }
    fct_sql_next(&scan, &token);
    bool unique = fct_sql_is_word(&token, "UNIQUE");
    if (unique) {
        fct_sql_next(&scan, &token);
    }
    relation->is_index = fct_sql_is_word(&token, "INDEX");
    if (!relation->is_index && (unique || !fct_sql_is_word(&token, "TABLE"))) {
        return statement_refuse_create(parser, &token);
    }
    fct_sql_next(&scan, &token);
    factum_status status = statement_check_created(parser, &token);
    relation->name = token.text;
    return status == FACTUM_OK ? statement_check_created_rest(parser, &scan, relation->is_index)
                               : status;
}

static bool statement_is_verb(const struct fct_sql_token *token)
{
    return fct_sql_is_word(token, "INSERT") || fct_sql_is_word(token, "UPDATE") ||
           fct_sql_is_word(token, "DELETE") || fct_sql_is_word(token, "REPLACE");
}

/* The verb of a statement: its first word or, after WITH, the first verb outside of parentheses. */
static void statement_find_verb(struct fct_sql_scan *scan, struct fct_sql_token *verb)
{
    size_t depth = 0;
    fct_sql_next(scan, verb);
    if (!fct_sql_is_word(verb, "WITH")) {
        return;
    }
    for (fct_sql_next(scan, verb); verb->kind != FCT_SQL_END; fct_sql_next(scan, verb)) {
        if (fct_sql_is_symbol(verb, '(')) {
            depth++;
        } else if (fct_sql_is_symbol(verb, ')')) {
            depth--;
        } else if (depth == 0 && (statement_is_verb(verb) || fct_sql_is_word(verb, "SELECT"))) {
            return;
        }
    }
}

static factum_status statement_check_verb(const struct fct_parser *parser,
                                          const struct fct_statement *statement)
{
    struct fct_sql_scan scan;
    struct fct_sql_token verb;
    bool query = parser->section.kind == FCT_SECTION_QUERY;
    fct_statement_scan(parser->definition, statement, &scan);
    statement_find_verb(&scan, &verb);
    if (query ? fct_sql_is_word(&verb, "SELECT") : statement_is_verb(&verb)) {
        return FACTUM_OK;
    }
    if (verb.kind == FCT_SQL_END) { /* WITH alone: the place is that of the statement */
        verb.line = statement->line;
        verb.column = statement->column;
        verb.text = FCT_SLICE("WITH");
    }
    return statement_fail(parser, &verb, FACTUM_INVALID, "%.*s: %s", FCT_FMT(verb.text),
                          query ? "a query is one SELECT, or WITH ... SELECT"
                                : "a section \"on\" takes INSERT, UPDATE, DELETE and REPLACE, also "
                                  "after WITH");
}

/* ---- into the section ------------------------------------------------------------------------ */

static factum_status statement_add_relation(struct fct_parser *parser,
                                            const struct fct_statement *statement)
{
    struct fct_definition *definition = parser->definition;
    struct fct_relation relation = {.statement = *statement};
    factum_status status = statement_check_relation(parser, &relation);
    if (status != FACTUM_OK) {
        return status;
    }
    size_t indexes = definition->relation_count - parser->table_count;
    if (relation.is_index ? indexes == FCT_PROJECTION_INDEXES_MAX
                          : parser->table_count == FCT_PROJECTION_TABLES_MAX) {
        return statement_fail(parser, statement, FACTUM_TOO_BIG,
                              "a definition has at most %u tables and %u indexes",
                              FCT_PROJECTION_TABLES_MAX, FCT_PROJECTION_INDEXES_MAX);
    }
    parser->relations = fct_parser_room(parser, parser->relations, definition->relation_count,
                                        sizeof *parser->relations);
    if (parser->relations == NULL) {
        return fct_parser_no_room(parser);
    }
    parser->relations[definition->relation_count++] = relation;
    definition->relations = parser->relations;
    parser->table_count += relation.is_index ? 0 : 1;
    return FACTUM_OK;
}

static factum_status statement_add_change(struct fct_parser *parser,
                                          const struct fct_statement *statement)
{
    struct fct_section *section = &parser->section;
    size_t *count = &section->handler.statement_count;
    factum_status status = statement_check_verb(parser, statement);
    if (status != FACTUM_OK) {
        return status;
    }
    if (*count == FCT_PROJECTION_STATEMENTS_MAX) {
        return statement_fail(parser, statement, FACTUM_TOO_BIG,
                              "a section has at most %u statements", FCT_PROJECTION_STATEMENTS_MAX);
    }
    section->statements =
        fct_parser_room(parser, section->statements, *count, sizeof *section->statements);
    if (section->statements == NULL) {
        return fct_parser_no_room(parser);
    }
    section->statements[(*count)++] = *statement;
    return FACTUM_OK;
}

static factum_status statement_add_query(struct fct_parser *parser,
                                         const struct fct_statement *statement)
{
    struct fct_section *section = &parser->section;
    if (section->query.statement.part_count > 0) {
        return statement_fail(parser, statement, FACTUM_INVALID,
                              "a query is one statement: write --@ query NAME before this one");
    }
    section->query.statement = *statement;
    return statement_check_verb(parser, statement);
}

static factum_status statement_add_statement(struct fct_parser *parser,
                                             const struct fct_statement *statement)
{
    switch (parser->section.kind) {
    case FCT_SECTION_TABLES:
        return statement_add_relation(parser, statement);
    case FCT_SECTION_ON:
        return statement_add_change(parser, statement);
    case FCT_SECTION_QUERY:
    case FCT_SECTION_NONE:
        break;
    }
    return statement_add_query(parser, statement);
}

factum_status fct_statement_read(struct fct_parser *parser)
{
    struct statement_reading reading;
    if (fct_sql_is_symbol(&parser->token, ';')) {
        return statement_fail(parser, &parser->token, FACTUM_INVALID,
                              "an empty statement: leave this ; out");
    }
    const uint8_t *start = parser->definition->text.ptr + parser->token.start;
    factum_status status = statement_tokens(parser, &reading);
    parser->section.seen++;
    if (status == FACTUM_OK && !parser->skip) {
        const struct fct_statement statement = {
            .text = fct_slice(start, (size_t)(reading.end - start)),
            .parts = reading.parts,
            .part_count = reading.count,
            .line = reading.line,
            .column = reading.column,
        };
        status = statement_add_statement(parser, &statement);
    }
    if (status == FACTUM_OK && fct_sql_is_symbol(&parser->token, ';')) {
        status = fct_parser_next(parser);
    }
    return status;
}

/* ---- printing -------------------------------------------------------------------------------- */

/* Two quotes side by side would be one name that contains a quote. */
static factum_status keep_quotes_apart(struct fct_buf *buf, uint8_t next)
{
    const factum_slice printed = fct_buf_slice(buf);
    bool touch = next == '"' && printed.len > 0 && printed.ptr[printed.len - 1] == '"';
    return touch ? fct_buf_add_text(buf, " ") : FACTUM_OK;
}

factum_status fct_statement_print(const struct fct_statement *statement, const char *suffix,
                                  struct fct_buf *buf)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < statement->part_count && status == FACTUM_OK; i++) {
        const struct fct_part *part = &statement->parts[i];
        switch (part->kind) {
        case FCT_PART_TEXT:
            status = part->text.len > 0 ? keep_quotes_apart(buf, part->text.ptr[0]) : FACTUM_OK;
            if (status == FACTUM_OK) {
                status = fct_buf_add_slice(buf, part->text);
            }
            break;
        case FCT_PART_TEMPLATE:
            status = keep_quotes_apart(buf, '"');
            if (status == FACTUM_OK) {
                status = fct_buf_printf(buf, "\"%.*s%s\"", (int)part->text.len,
                                        (const char *)part->text.ptr, suffix);
            }
            break;
        case FCT_PART_PARAMETER:
            status = fct_buf_printf(buf, "?%u", (unsigned)part->parameter + 1);
            break;
        }
    }
    return status;
}
