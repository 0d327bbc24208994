/* definition.c - the text of a projection, parsed: its sections, and the rules of the whole. Layer:
 * projection. See definition.h; directives are in directive.c, statements in statement.c. */
#include "projection/definition.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "codec/sha256.h"
#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/slice.h"
#include "projection/definition_int.h"

/* A definition and its memory. */
struct definition_box {
    struct fct_definition definition;
    factum_arena arena;
    const struct fct_mem *mem;
};

/* ---- places and failures --------------------------------------------------------------------- */

factum_status fct_projection_fail(const struct fct_definition *definition, uint32_t line,
                                  uint32_t column, factum_status status, factum_error *err,
                                  const char *format, ...)
{
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fct_fail(err, status, "%.*s:%u:%u: %s", FCT_FMT(definition->file), (unsigned)line,
                    (unsigned)column, text);
}

void fct_definition_place(const struct fct_definition *definition, const uint8_t *at,
                          uint32_t *line, uint32_t *column)
{
    const uint8_t *from = definition->text.ptr;
    FCT_ASSERT(at >= from);
    FCT_ASSERT(at <= from + definition->text.len);
    *line = 1;
    for (const uint8_t *end; (end = memchr(from, '\n', (size_t)(at - from))) != NULL;) {
        from = end + 1;
        (*line)++;
    }
    *column = (uint32_t)(at - from) + 1;
}

static factum_status definition_fail_at(const struct fct_parser *parser, const uint8_t *at,
                                        const char *what)
{
    uint32_t line;
    uint32_t column;
    fct_definition_place(parser->definition, at, &line, &column);
    return fct_projection_fail(parser->definition, line, column, FACTUM_INVALID, parser->err, "%s",
                               what);
}

/* ---- names ----------------------------------------------------------------------------------- */

bool fct_projection_name_valid(factum_slice name)
{
    if (name.len == 0 || name.len > FACTUM_PROJECTION_NAME_MAX || name.ptr[0] < 'a' ||
        name.ptr[0] > 'z') {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') {
            return false;
        }
    }
    return true;
}

factum_status fct_parser_check_name(const struct fct_parser *parser, factum_slice name,
                                    const char *what, uint32_t line, uint32_t column)
{
    if (!fct_projection_name_valid(name)) {
        return fct_projection_fail(
            parser->definition, line, column, FACTUM_INVALID, parser->err,
            "\"%.*s\" is not a name of %s: that is a letter, then letters, digits and _, all "
            "lower case, %d at most",
            FCT_FMT(name), what, FACTUM_PROJECTION_NAME_MAX);
    }
    if (fct_slice_starts(name, FCT_SLICE("factum_")) ||
        fct_slice_starts(name, FCT_SLICE("sqlite_"))) {
        return fct_projection_fail(parser->definition, line, column, FACTUM_INVALID, parser->err,
                                   "%s \"%.*s\": names that begin with \"%.7s\" are reserved: "
                                   "choose another one",
                                   what, FCT_FMT(name), (const char *)name.ptr);
    }
    return FACTUM_OK;
}

/* ---- what the parts of the parser use -------------------------------------------------------- */

factum_status fct_parser_next(struct fct_parser *parser)
{
    fct_sql_next(&parser->scan, &parser->token);
    if (parser->token.kind == FCT_SQL_BAD) {
        return fct_projection_fail(parser->definition, parser->token.line, parser->token.column,
                                   FACTUM_INVALID, parser->err, "%s", parser->token.problem);
    }
    return FACTUM_OK;
}

/* Arrays grow to 4, 8, 16 ...: the capacity follows from |count|. */
void *fct_parser_room(struct fct_parser *parser, void *items, size_t count, size_t size)
{
    if (count != 0 && (count < 4 || (count & (count - 1)) != 0)) {
        return items;
    }
    void *more = factum_arena_alloc(parser->definition->arena, (count == 0 ? 4 : 2 * count) * size);
    if (more != NULL && count > 0) {
        memcpy(more, items, count * size);
    }
    return more;
}

factum_status fct_parser_no_room(const struct fct_parser *parser)
{
    return fct_arena_status(parser->definition->arena, "the definition", parser->err);
}

const struct fct_relation *fct_definition_relation(const struct fct_definition *definition,
                                                   factum_slice name)
{
    for (size_t i = 0; i < definition->relation_count; i++) {
        if (fct_slice_equal(definition->relations[i].name, name)) {
            return &definition->relations[i];
        }
    }
    return NULL;
}

/* ---- sections -------------------------------------------------------------------------------- */

static factum_status section_close_handler(struct fct_parser *parser)
{
    struct fct_definition *definition = parser->definition;
    struct fct_section *section = &parser->section;
    section->handler.statements = section->statements;
    section->handler.parameters = section->parameters;
    section->handler.parameter_count = section->parameter_count;
    parser->handlers = fct_parser_room(parser, parser->handlers, definition->handler_count,
                                       sizeof *parser->handlers);
    if (parser->handlers == NULL) {
        return fct_parser_no_room(parser);
    }
    parser->handlers[definition->handler_count++] = section->handler;
    definition->handlers = parser->handlers;
    return FACTUM_OK;
}

static factum_status section_close_query(struct fct_parser *parser)
{
    struct fct_definition *definition = parser->definition;
    struct fct_section *section = &parser->section;
    if (section->query.statement.part_count == 0) {
        return fct_projection_fail(definition, section->line, 1, FACTUM_INVALID, parser->err,
                                   "query %.*s has no statement for this database: add one",
                                   FCT_FMT(section->query.name));
    }
    section->query.parameters = section->parameters;
    section->query.parameter_count = section->parameter_count;
    parser->queries =
        fct_parser_room(parser, parser->queries, definition->query_count, sizeof *parser->queries);
    if (parser->queries == NULL) {
        return fct_parser_no_room(parser);
    }
    parser->queries[definition->query_count++] = section->query;
    definition->queries = parser->queries;
    return FACTUM_OK;
}

/* Adds the section to the definition. */
static factum_status section_close(struct fct_parser *parser)
{
    const struct fct_section *section = &parser->section;
    if (parser->if_line != 0) {
        return fct_projection_fail(parser->definition, parser->if_line, 1, FACTUM_INVALID,
                                   parser->err,
                                   "--@ if is not closed: write --@ end after its "
                                   "statements");
    }
    if (section->seen == 0) {
        return fct_projection_fail(parser->definition, section->line, 1, FACTUM_INVALID,
                                   parser->err,
                                   "the section has no statement: write one, or "
                                   "leave the section out");
    }
    if (section->kind == FCT_SECTION_ON) {
        return section_close_handler(parser);
    }
    return section->kind == FCT_SECTION_QUERY ? section_close_query(parser) : FACTUM_OK;
}

/* Reads the statements after the section's directive. */
static factum_status section_read(struct fct_parser *parser)
{
    for (;;) {
        factum_status status;
        if (parser->token.kind == FCT_SQL_DIRECTIVE && fct_directive_is_inner(parser)) {
            status = fct_directive_read(parser);
        } else if (parser->token.kind == FCT_SQL_DIRECTIVE || parser->token.kind == FCT_SQL_END) {
            return section_close(parser);
        } else {
            status = fct_statement_read(parser);
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static factum_status definition_read(struct fct_parser *parser)
{
    factum_status status = fct_parser_next(parser);
    while (status == FACTUM_OK && parser->token.kind != FCT_SQL_END) {
        if (parser->token.kind != FCT_SQL_DIRECTIVE) {
            return fct_projection_fail(
                parser->definition, parser->token.line, parser->token.column, FACTUM_INVALID,
                parser->err,
                "a statement outside of a section: write --@ tables, --@ on TYPE or --@ query NAME "
                "before it");
        }
        parser->section = (struct fct_section){.kind = FCT_SECTION_NONE};
        status = fct_directive_read(parser);
        if (status == FACTUM_OK && parser->section.kind != FCT_SECTION_NONE) {
            status = section_read(parser);
        }
    }
    return status;
}

/* A template names a table; after INDEXED BY an index. */
static factum_status definition_check_template(const struct fct_parser *parser,
                                               const struct fct_part *part, bool after_by)
{
    const struct fct_definition *definition = parser->definition;
    const struct fct_relation *found = fct_definition_relation(definition, part->text);
    struct fct_nearest nearest;
    uint32_t line;
    uint32_t column;
    if (found != NULL && found->is_index == after_by) {
        return FACTUM_OK;
    }
    fct_definition_place(definition, part->text.ptr - 2, &line, &column);
    if (found != NULL) {
        return fct_projection_fail(definition, line, column, FACTUM_INVALID, parser->err,
                                   "{{%.*s}} is %s: name %s here", FCT_FMT(part->text),
                                   found->is_index ? "an index" : "a table",
                                   found->is_index ? "a table" : "an index");
    }
    fct_nearest_begin(&nearest, part->text);
    for (size_t i = 0; i < definition->relation_count; i++) {
        if (definition->relations[i].is_index == after_by) {
            fct_nearest_offer(&nearest, definition->relations[i].name);
        }
    }
    if (nearest.best.len > 0) {
        return fct_projection_fail(definition, line, column, FACTUM_INVALID, parser->err,
                                   "{{%.*s}} is not created in \"tables\": did you mean {{%.*s}}?",
                                   FCT_FMT(part->text), FCT_FMT(nearest.best));
    }
    return fct_projection_fail(definition, line, column, FACTUM_INVALID, parser->err,
                               "{{%.*s}} is not created in \"tables\": write CREATE TABLE {{%.*s}} "
                               "(...) there",
                               FCT_FMT(part->text), FCT_FMT(part->text));
}

/* Does |text| end with the words INDEXED BY? Blanks and comments may follow. */
static bool definition_names_index(factum_slice text)
{
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    bool indexed = false;
    bool by = false;
    fct_sql_begin(&scan, text);
    for (fct_sql_next(&scan, &token); token.kind != FCT_SQL_END && token.kind != FCT_SQL_BAD;
         fct_sql_next(&scan, &token)) {
        by = indexed && fct_sql_is_word(&token, "BY");
        indexed = fct_sql_is_word(&token, "INDEXED");
    }
    return by;
}

/* Checks the templates from the part |from| on. */
static factum_status definition_check_templates(const struct fct_parser *parser,
                                                const struct fct_statement *statement, size_t from)
{
    factum_status status = FACTUM_OK;
    for (size_t i = from; i < statement->part_count && status == FACTUM_OK; i++) {
        if (statement->parts[i].kind == FCT_PART_TEMPLATE) {
            bool by = i > 0 && statement->parts[i - 1].kind == FCT_PART_TEXT &&
                      definition_names_index(statement->parts[i - 1].text);
            status = definition_check_template(parser, &statement->parts[i], by);
        }
    }
    return status;
}

static factum_status definition_check_all_templates(const struct fct_parser *parser)
{
    const struct fct_definition *definition = parser->definition;
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < definition->relation_count && status == FACTUM_OK; i++) {
        /* The first two parts are "CREATE TABLE " and the created name. */
        status = definition_check_templates(parser, &definition->relations[i].statement, 2);
    }
    for (size_t i = 0; i < definition->handler_count; i++) {
        const struct fct_handler *handler = &definition->handlers[i];
        for (size_t k = 0; k < handler->statement_count && status == FACTUM_OK; k++) {
            status = definition_check_templates(parser, &handler->statements[k], 0);
        }
    }
    for (size_t i = 0; i < definition->query_count && status == FACTUM_OK; i++) {
        status = definition_check_templates(parser, &definition->queries[i].statement, 0);
    }
    return status;
}

/* Is |type| among the types that the definition reads? */
static bool definition_reads_type(const struct fct_definition *definition, factum_slice type)
{
    bool found = definition->source != FACTUM_SOURCE_TYPE;
    for (size_t i = 0; i < definition->source_name_count && !found; i++) {
        found = fct_slice_equal(definition->source_names[i], type);
    }
    return found;
}

static factum_status definition_check_types(const struct fct_parser *parser)
{
    const struct fct_definition *definition = parser->definition;
    for (size_t i = 0; i < definition->handler_count; i++) {
        const struct fct_handler *handler = &definition->handlers[i];
        for (size_t k = 0; k < handler->type_count; k++) {
            if (!definition_reads_type(definition, handler->types[k])) {
                return fct_projection_fail(definition, handler->line, 1, FACTUM_INVALID,
                                           parser->err,
                                           "events of type \"%.*s\" are never read: add it to "
                                           "--@ from type",
                                           FCT_FMT(handler->types[k]));
            }
        }
    }
    return FACTUM_OK;
}

static factum_status definition_finish(struct fct_parser *parser)
{
    const struct fct_definition *definition = parser->definition;
    factum_status status = fct_directive_finish(parser);
    if (status != FACTUM_OK) {
        return status;
    }
    if (parser->table_count == 0) {
        return fct_projection_fail(definition, 1, 1, FACTUM_INVALID, parser->err,
                                   "there is no table: write --@ tables and CREATE TABLE "
                                   "{{name}} (...)");
    }
    if (definition->handler_count == 0) {
        return fct_projection_fail(definition, 1, 1, FACTUM_INVALID, parser->err,
                                   "nothing is done with events: write --@ on TYPE and its "
                                   "statements");
    }
    status = definition_check_types(parser);
    return status == FACTUM_OK ? definition_check_all_templates(parser) : status;
}

/* Refuses what may not be anywhere in the text: bytes that are not UTF-8; zero bytes, also in
 * comments and texts; byte order marks, which SQLite reads as blanks and others as parts of
 * names. */
static factum_status definition_check_bytes(const struct fct_parser *parser)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    factum_slice text = parser->definition->text;
    size_t valid = fct_utf8_prefix(text);
    const uint8_t *zero = text.len == 0 ? NULL : memchr(text.ptr, '\0', text.len);
    if (valid < text.len) {
        return definition_fail_at(parser, text.ptr + valid,
                                  "not valid UTF-8: save the file as UTF-8");
    }
    if (zero != NULL) {
        return definition_fail_at(parser, zero, "a zero byte: take it out");
    }
    for (size_t i = 0; i + sizeof mark <= text.len; i++) {
        if (text.ptr[i] == mark[0] && memcmp(text.ptr + i, mark, sizeof mark) == 0) {
            return definition_fail_at(parser, text.ptr + i,
                                      "a byte order mark: save the file without it");
        }
    }
    return FACTUM_OK;
}

static factum_status definition_hash(struct fct_definition *definition, factum_error *err)
{
    static_assert(sizeof definition->hash == FCT_SHA256_TEXT_SIZE, "a hash has the same size");
    struct fct_sha256 sha;
    factum_status status = fct_sha256_init(&sha, err);
    if (status == FACTUM_OK) {
        fct_sha256_add(&sha, definition->text.ptr, definition->text.len);
        status = fct_sha256_finish(&sha, definition->hash, err);
    }
    return status;
}

static factum_status definition_fill(struct fct_parser *parser, factum_slice text)
{
    struct fct_definition *definition = parser->definition;
    if (text.len > FACTUM_PROJECTION_TEXT_MAX) {
        return fct_fail(parser->err, FACTUM_TOO_BIG,
                        "%.*s: a definition has at most %u bytes, this one has %zu",
                        FCT_FMT(definition->file), (unsigned)FACTUM_PROJECTION_TEXT_MAX, text.len);
    }
    definition->text = factum_arena_copy(definition->arena, text);
    if (definition->text.len != text.len) {
        return fct_parser_no_room(parser);
    }
    factum_status status = definition_check_bytes(parser);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_sql_begin(&parser->scan, definition->text);
    status = definition_read(parser);
    if (status != FACTUM_OK) {
        return status;
    }
    status = definition_finish(parser);
    if (status != FACTUM_OK) {
        return status;
    }
    return definition_hash(definition, parser->err);
}

factum_status fct_projection_parse_in(const struct fct_mem *mem, factum_slice text,
                                      const char *file, enum fct_dialect dialect,
                                      struct fct_definition **definition, factum_error *err)
{
    *definition = NULL;
    struct definition_box *box = fct_mem_zalloc(mem, 1, sizeof *box);
    if (box == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "the definition: out of memory");
    }
    struct fct_definition *fresh = &box->definition;
    box->mem = mem;
    fct_arena_init(&box->arena, mem, FCT_PROJECTION_ARENA_MAX);
    fresh->arena = &box->arena;
    fresh->file = factum_arena_copy(&box->arena, factum_slice_from(file));
    struct fct_parser parser = {.definition = fresh, .dialect = dialect, .err = err};
    factum_status status = definition_fill(&parser, text);
    if (status == FACTUM_OK) {
        status = fct_arena_status(&box->arena, "the definition", err);
    }
    if (status == FACTUM_OK) {
        *definition = fresh;
    } else {
        fct_projection_definition_free(fresh);
    }
    return status;
}

factum_status fct_projection_parse(factum_slice text, const char *file, enum fct_dialect dialect,
                                   struct fct_definition **definition, factum_error *err)
{
    return fct_projection_parse_in(fct_mem_heap(), text, file, dialect, definition, err);
}

void fct_projection_definition_free(struct fct_definition *definition)
{
    if (definition != NULL) {
        struct definition_box *box =
            FCT_CONTAINER_OF(definition, struct definition_box, definition);
        factum_arena_finish(&box->arena);
        fct_mem_free(box->mem, box);
    }
}

const struct fct_handler *fct_projection_handler(const struct fct_definition *definition,
                                                 factum_slice type, size_t *from)
{
    while (*from < definition->handler_count) {
        const struct fct_handler *handler = &definition->handlers[(*from)++];
        for (size_t i = 0; i < handler->type_count; i++) {
            if (fct_slice_equal(handler->types[i], type)) {
                return handler;
            }
        }
    }
    return NULL;
}
