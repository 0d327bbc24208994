/* directive.c - the lines of a definition that begin with "--@". Layer: projection. See
 * definition.h for the list of directives. */
#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "core/nearest.h"
#include "core/slice.h"
#include "projection/definition_int.h"

#define EXPECT_MAX 1000000u
#define WITHIN_MAX (INT64_C(7) * 24 * 3600 * 1000000000) /* a week */

/* The directive that is being read, and its current word. */
struct directive {
    struct fct_parser *parser;
    const struct directive_kind *kind;
    uint32_t line;
    factum_slice rest; /* the words that were not read yet */
    factum_slice word; /* empty and not quoted: no word is left */
    uint32_t column;   /* of |word| */
    bool quoted;       /* |word| was in quotes; they are not part of it */
};

enum directive_place { IN_HEADER, OPENS_SECTION, IN_SECTION };

struct directive_kind {
    const char *name;
    const char *usage;
    enum directive_place place;
    factum_status (*read)(struct directive *directive);
};

/* ---- words ----------------------------------------------------------------------------------- */

/* Fails at the current word. */
#define directive_fail(directive, status, ...)                                                     \
    fct_projection_fail((directive)->parser->definition, (directive)->line, (directive)->column,   \
                        (status), (directive)->parser->err, __VA_ARGS__)

static factum_status directive_usage(const struct directive *directive)
{
    if (directive->word.len == 0) {
        return directive_fail(directive, FACTUM_INVALID, "--@ %s ends too early: write --@ %s",
                              directive->kind->name, directive->kind->usage);
    }
    return directive_fail(directive, FACTUM_INVALID, "\"%.*s\" is not expected here: write --@ %s",
                          FCT_FMT(directive->word), directive->kind->usage);
}

static bool directive_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* The size of the first word: up to a blank or a comma that is not inside quotes, as in a path. */
static size_t directive_word_size(factum_slice rest)
{
    bool quoted = false;
    size_t len = 0;
    while (len < rest.len &&
           (quoted || (!directive_blank(rest.ptr[len]) && rest.ptr[len] != ','))) {
        if (quoted && rest.ptr[len] == '\\' && len + 1 < rest.len) {
            len++;
        } else if (rest.ptr[len] == '"') {
            quoted = !quoted;
        }
        len++;
    }
    return len == 0 ? 1 : len; /* a comma is a word of its own */
}

static factum_status directive_next(struct directive *directive)
{
    factum_slice rest = directive->rest;
    size_t blanks = 0;
    while (blanks < rest.len && directive_blank(rest.ptr[blanks])) {
        blanks++;
    }
    rest = fct_slice_from(rest, blanks);
    directive->column += (uint32_t)(rest.ptr - directive->word.ptr);
    directive->quoted = rest.len > 0 && rest.ptr[0] == '"';
    directive->word = fct_slice(rest.ptr, 0);
    if (directive->quoted) {
        const uint8_t *end = memchr(rest.ptr + 1, '"', rest.len - 1);
        if (end == NULL || end == rest.ptr + 1) {
            return directive_fail(directive, FACTUM_INVALID, "%s: write \"name\"",
                                  end == NULL ? "a name has no closing quote"
                                              : "a name in quotes is empty");
        }
        directive->word = fct_slice(rest.ptr + 1, (size_t)(end - rest.ptr) - 1);
        directive->column++;
        directive->rest = fct_slice_from(rest, directive->word.len + 2);
    } else if (rest.len > 0) {
        directive->word = fct_slice(rest.ptr, directive_word_size(rest));
        directive->rest = fct_slice_from(rest, directive->word.len);
    } else {
        directive->rest = rest;
    }
    return FACTUM_OK;
}

static bool directive_word_is(const struct directive *directive, const char *text)
{
    return !directive->quoted && fct_slice_equal(directive->word, factum_slice_from(text));
}

/* Takes the current word, which must be |text|. */
static factum_status directive_take(struct directive *directive, const char *text)
{
    return directive_word_is(directive, text) ? directive_next(directive)
                                              : directive_usage(directive);
}

/* Errors: INVALID (a word is left). */
static factum_status directive_end(const struct directive *directive)
{
    return directive->word.len == 0 ? FACTUM_OK : directive_usage(directive);
}

static factum_status directive_number(struct directive *directive, uint64_t least, uint64_t most,
                                      uint64_t *number)
{
    factum_slice word = directive->word;
    uint64_t value = 0;
    bool good = word.len > 0 && word.len <= 18 && !directive->quoted;
    for (size_t i = 0; i < word.len && good; i++) {
        good = word.ptr[i] >= '0' && word.ptr[i] <= '9';
        value = value * 10 + (uint64_t)(word.ptr[i] - '0');
    }
    if (word.len == 0) {
        return directive_usage(directive);
    }
    if (!good || value < least || value > most) {
        return directive_fail(directive, FACTUM_INVALID,
                              "\"%.*s\" is not a number from %" PRIu64 " to %" PRIu64
                              ": write --@ %s",
                              FCT_FMT(word), least, most, directive->kind->usage);
    }
    *number = value;
    return directive_next(directive);
}

/* A name of events, a category or a tag: any text without control characters. */
static factum_status directive_event_name(struct directive *directive, factum_slice *name)
{
    if (directive->word.len == 0 || directive_word_is(directive, ",")) {
        return directive_usage(directive);
    }
    if (directive->word.len > FACTUM_NAME_SIZE_MAX) {
        return directive_fail(directive, FACTUM_TOO_BIG, "a name has at most %u bytes",
                              (unsigned)FACTUM_NAME_SIZE_MAX);
    }
    for (size_t i = 0; i < directive->word.len; i++) {
        if (directive->word.ptr[i] < ' ' || directive->word.ptr[i] == 0x7f) {
            return directive_fail(directive, FACTUM_INVALID,
                                  "a control character in a name: take it out");
        }
    }
    *name = directive->word;
    return directive_next(directive);
}

static bool directive_is_option(const struct directive *directive)
{
    return directive_word_is(directive, "each") || directive_word_is(directive, "expect");
}

/* A, B, C: at least one name. */
static factum_status directive_types(struct directive *directive, const factum_slice **types,
                                     size_t *count)
{
    struct fct_parser *parser = directive->parser;
    factum_slice *list = NULL;
    for (*count = 0;;) {
        list = fct_parser_room(parser, list, *count, sizeof *list);
        if (list == NULL) {
            return fct_parser_no_room(parser);
        }
        for (size_t i = 0; i < *count; i++) {
            if (fct_slice_equal(list[i], directive->word)) {
                return directive_fail(directive, FACTUM_INVALID,
                                      "\"%.*s\" appears twice: leave one out",
                                      FCT_FMT(directive->word));
            }
        }
        if (++parser->type_count > FCT_PROJECTION_TYPES_MAX) {
            return directive_fail(directive, FACTUM_TOO_BIG, "a definition names at most %u types",
                                  FCT_PROJECTION_TYPES_MAX);
        }
        factum_status status = directive_is_option(directive)
                                   ? directive_usage(directive)
                                   : directive_event_name(directive, &list[*count]);
        if (status != FACTUM_OK) {
            return status;
        }
        *types = list;
        (*count)++;
        if (!directive_word_is(directive, ",")) {
            return FACTUM_OK;
        }
        status = directive_next(directive);
        if (status != FACTUM_OK) {
            return status;
        }
    }
}

/* ---- the header ------------------------------------------------------------------------------ */

static factum_status directive_projection(struct directive *directive)
{
    struct fct_definition *definition = directive->parser->definition;
    if (directive->word.len == 0) {
        return directive_usage(directive);
    }
    factum_status status = fct_parser_check_name(directive->parser, directive->word, "a projection",
                                                 directive->line, directive->column);
    definition->name = directive->word;
    if (status != FACTUM_OK) {
        return status;
    }
    status = directive_next(directive);
    if (status != FACTUM_OK) {
        return status;
    }
    status = directive_take(directive, "version");
    if (status != FACTUM_OK) {
        return status;
    }
    status = directive_number(directive, 1, FCT_PROJECTION_VERSION_MAX, &definition->version);
    if (status != FACTUM_OK) {
        return status;
    }
    return directive_end(directive);
}

static factum_status directive_category(struct directive *directive, factum_slice *name)
{
    factum_slice word = directive->word;
    if (word.len > 0 && (word.ptr[0] == '$' || memchr(word.ptr, '-', word.len) != NULL)) {
        return directive_fail(directive, FACTUM_INVALID,
                              "\"%.*s\" is not a category: that is the part of a stream's name "
                              "before its first '-', which does not begin with '$'",
                              FCT_FMT(word));
    }
    return directive_event_name(directive, name);
}

/* One category or one tag. */
static factum_status directive_one_source(struct directive *directive)
{
    struct fct_parser *parser = directive->parser;
    factum_slice *name = factum_arena_alloc(parser->definition->arena, sizeof *name);
    if (name == NULL) {
        return fct_parser_no_room(parser);
    }
    factum_status status = parser->definition->source == FACTUM_SOURCE_CATEGORY
                               ? directive_category(directive, name)
                               : directive_event_name(directive, name);
    parser->definition->source_names = name;
    parser->definition->source_name_count = 1;
    if (status == FACTUM_OK && directive_word_is(directive, ",")) {
        return directive_fail(directive, FACTUM_UNSUPPORTED,
                              "several categories or tags are not supported: read one, or --@ from "
                              "all or type A, B");
    }
    return status;
}

static factum_status directive_from(struct directive *directive)
{
    static const struct {
        const char *word;
        factum_source source;
    } known[] = {{"all", FACTUM_SOURCE_ALL},
                 {"category", FACTUM_SOURCE_CATEGORY},
                 {"type", FACTUM_SOURCE_TYPE},
                 {"tag", FACTUM_SOURCE_TAG}};
    struct fct_definition *definition = directive->parser->definition;
    size_t i = 0;
    while (i < sizeof known / sizeof known[0] && !directive_word_is(directive, known[i].word)) {
        i++;
    }
    if (directive_word_is(directive, "stream") || directive_word_is(directive, "correlation") ||
        directive_word_is(directive, "prefix")) {
        return directive_fail(directive, FACTUM_UNSUPPORTED,
                              "--@ from %.*s is not supported: write --@ %s",
                              FCT_FMT(directive->word), directive->kind->usage);
    }
    if (i == sizeof known / sizeof known[0]) {
        return directive_usage(directive);
    }
    definition->source = known[i].source;
    factum_status status = directive_next(directive);
    if (status == FACTUM_OK && definition->source == FACTUM_SOURCE_TYPE) {
        status =
            directive_types(directive, &definition->source_names, &definition->source_name_count);
    } else if (status == FACTUM_OK && definition->source != FACTUM_SOURCE_ALL) {
        status = directive_one_source(directive);
    }
    return status == FACTUM_OK ? directive_end(directive) : status;
}

/* A key must be the same whenever an event is read, and must be usable as text. */
static bool directive_can_be_key(const struct fct_parameter *key)
{
    return key->path != NULL || key->kind == FCT_PARAMETER_STREAM ||
           key->kind == FCT_PARAMETER_CORRELATION_ID || key->kind == FCT_PARAMETER_EVENT_TYPE ||
           key->kind == FCT_PARAMETER_EVENT_ID;
}

static factum_status directive_key(struct directive *directive)
{
    struct fct_parser *parser = directive->parser;
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    fct_sql_begin(&scan, directive->word);
    fct_sql_next(&scan, &token);
    if (directive->quoted || token.kind != FCT_SQL_PARAMETER || token.end != directive->word.len) {
        return directive_usage(directive);
    }
    factum_status status = fct_parameter_resolve(parser, token.text, directive->line,
                                                 directive->column, &parser->definition->key);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!directive_can_be_key(&parser->definition->key)) {
        return directive_fail(directive, FACTUM_INVALID,
                              ":%.*s cannot be a key: take :stream, :correlation_id, or a member "
                              "as :customerId",
                              FCT_FMT(token.text));
    }
    status = directive_next(directive);
    if (status != FACTUM_OK) {
        return status;
    }
    return directive_end(directive);
}

static factum_status directive_mode(struct directive *directive)
{
    bool sync = directive_word_is(directive, "sync");
    if (directive_word_is(directive, "inline")) {
        return directive_fail(directive, FACTUM_UNSUPPORTED,
                              "mode inline is not supported: no model is a part of an append; "
                              "with --@ mode sync the answer to an append waits for it");
    }
    if (!sync && !directive_word_is(directive, "async")) {
        return directive_usage(directive);
    }
    directive->parser->definition->mode = sync ? FACTUM_PROJECTION_SYNC : FACTUM_PROJECTION_ASYNC;
    factum_status status = directive_next(directive);
    return status == FACTUM_OK ? directive_end(directive) : status;
}

/* 500ms, 30s, 2m, 1h, 1d */
static factum_status directive_duration(struct directive *directive, int64_t *duration)
{
    static const struct {
        const char *name;
        int64_t size;
    } units[] = {{"ms", 1000000},
                 {"s", 1000000000},
                 {"m", INT64_C(60) * 1000000000},
                 {"h", INT64_C(3600) * 1000000000},
                 {"d", INT64_C(86400) * 1000000000}};
    factum_slice word = directive->word;
    int64_t value = 0;
    size_t at = 0;
    while (at < word.len && at < 9 && word.ptr[at] >= '0' && word.ptr[at] <= '9') {
        value = value * 10 + (word.ptr[at++] - '0');
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0] && at > 0; i++) {
        if (fct_slice_equal(fct_slice_from(word, at), factum_slice_from(units[i].name)) &&
            value > 0 && value <= WITHIN_MAX / units[i].size) {
            *duration = value * units[i].size;
            return directive_next(directive);
        }
    }
    if (word.len == 0) {
        return directive_usage(directive);
    }
    return directive_fail(directive, FACTUM_INVALID,
                          "\"%.*s\" is not a duration from 1ms to 7d: write a number and ms, s, m, "
                          "h or d, as 30s or 2m",
                          FCT_FMT(word));
}

static factum_status directive_poison(struct directive *directive)
{
    struct fct_definition *definition = directive->parser->definition;
    uint64_t retries = 0;
    factum_status status = directive_take(directive, "retry");
    if (status != FACTUM_OK) {
        return status;
    }
    status = directive_number(directive, 0, FCT_PROJECTION_RETRY_MAX, &retries);
    if (status != FACTUM_OK) {
        return status;
    }
    definition->retries = (uint32_t)retries;
    status = directive_take(directive, "within");
    if (status != FACTUM_OK) {
        return status;
    }
    status = directive_duration(directive, &definition->retry_within);
    if (status != FACTUM_OK) {
        return status;
    }
    status = directive_take(directive, "then");
    if (status != FACTUM_OK) {
        return status;
    }
    if (directive_word_is(directive, "stop") || directive_word_is(directive, "skip")) {
        return directive_fail(directive, FACTUM_UNSUPPORTED,
                              "then %.*s is not supported: write then park; an operator skips an "
                              "event",
                              FCT_FMT(directive->word));
    }
    status = directive_take(directive, "park");
    if (status != FACTUM_OK) {
        return status;
    }
    return directive_end(directive);
}

static factum_status directive_host(struct directive *directive)
{
    if (directive->word.len == 0) {
        return directive_usage(directive);
    }
    factum_status status = fct_parser_check_name(directive->parser, directive->word, "a host",
                                                 directive->line, directive->column);
    directive->parser->definition->host = directive->word;
    if (status != FACTUM_OK) {
        return status;
    }
    status = directive_next(directive);
    if (status != FACTUM_OK) {
        return status;
    }
    return directive_end(directive);
}

/* ---- sections -------------------------------------------------------------------------------- */

static factum_status directive_tables(struct directive *directive)
{
    struct fct_parser *parser = directive->parser;
    factum_status status = directive_end(directive);
    if (status != FACTUM_OK) {
        return status;
    }
    if (parser->tables_line != 0) {
        directive->column = 1;
        return directive_fail(directive, FACTUM_INVALID,
                              "\"tables\" appears twice, first in line %u: put all into one",
                              (unsigned)parser->tables_line);
    }
    parser->tables_line = directive->line;
    parser->section.kind = FCT_SECTION_TABLES;
    return FACTUM_OK;
}

static factum_status directive_each(struct directive *directive, struct fct_handler *handler)
{
    struct fct_parser *parser = directive->parser;
    factum_error why;
    factum_status status = directive_next(directive);
    if (status != FACTUM_OK) {
        return status;
    }
    if (directive->quoted || directive->word.len == 0) {
        return directive_usage(directive);
    }
    struct fct_path *path = factum_arena_alloc(parser->definition->arena, sizeof *path);
    if (path == NULL) {
        return fct_parser_no_room(parser);
    }
    status = fct_path_compile(directive->word, path, &why);
    if (status != FACTUM_OK) {
        return directive_fail(directive, status, "%s: write each .lines[]", why.text);
    }
    handler->each = path;
    parser->section.has_each = true;
    return directive_next(directive);
}

static factum_status directive_expect(struct directive *directive, struct fct_handler *handler)
{
    factum_status status = directive_next(directive);
    handler->expect_set = true;
    return status == FACTUM_OK ? directive_number(directive, 0, EXPECT_MAX, &handler->expect)
                               : status;
}

static factum_status directive_on(struct directive *directive)
{
    struct fct_parser *parser = directive->parser;
    struct fct_handler *handler = &parser->section.handler;
    if (parser->definition->handler_count == FCT_PROJECTION_HANDLERS_MAX) {
        return directive_fail(directive, FACTUM_TOO_BIG,
                              "a definition has at most %u sections \"on\"",
                              FCT_PROJECTION_HANDLERS_MAX);
    }
    parser->section.kind = FCT_SECTION_ON;
    handler->line = directive->line;
    factum_status status = directive_types(directive, &handler->types, &handler->type_count);
    while (status == FACTUM_OK && directive->word.len > 0) {
        if (directive_word_is(directive, "each") && handler->each == NULL) {
            status = directive_each(directive, handler);
        } else if (directive_word_is(directive, "expect") && !handler->expect_set) {
            status = directive_expect(directive, handler);
        } else {
            status = directive_usage(directive);
        }
    }
    return status;
}

static factum_status directive_query(struct directive *directive)
{
    struct fct_parser *parser = directive->parser;
    const struct fct_definition *definition = parser->definition;
    if (directive->word.len == 0) {
        return directive_usage(directive);
    }
    factum_status status = fct_parser_check_name(parser, directive->word, "a query",
                                                 directive->line, directive->column);
    if (status != FACTUM_OK) {
        return status;
    }
    for (size_t i = 0; i < definition->query_count; i++) {
        if (fct_slice_equal(definition->queries[i].name, directive->word)) {
            return directive_fail(directive, FACTUM_INVALID,
                                  "there are two queries \"%.*s\": give one another name",
                                  FCT_FMT(directive->word));
        }
    }
    if (definition->query_count == FCT_PROJECTION_QUERIES_MAX) {
        return directive_fail(directive, FACTUM_TOO_BIG, "a definition has at most %u queries",
                              FCT_PROJECTION_QUERIES_MAX);
    }
    parser->section.kind = FCT_SECTION_QUERY;
    parser->section.query.name = directive->word;
    status = directive_next(directive);
    return status == FACTUM_OK ? directive_end(directive) : status;
}

static factum_status directive_if(struct directive *directive)
{
    struct fct_parser *parser = directive->parser;
    bool sqlite = directive_word_is(directive, "sqlite");
    if (!sqlite && !directive_word_is(directive, "postgres")) {
        return directive_usage(directive);
    }
    if (parser->if_line != 0) {
        return directive_fail(directive, FACTUM_INVALID,
                              "--@ if in --@ if, which is open since line %u: write --@ end first",
                              (unsigned)parser->if_line);
    }
    parser->if_line = directive->line;
    parser->skip = sqlite != (parser->dialect == FCT_DIALECT_SQLITE);
    factum_status status = directive_next(directive);
    return status == FACTUM_OK ? directive_end(directive) : status;
}

static factum_status directive_close(struct directive *directive)
{
    struct fct_parser *parser = directive->parser;
    factum_status status = directive_end(directive);
    if (status == FACTUM_OK && parser->if_line == 0) {
        directive->column = 1;
        return directive_fail(directive, FACTUM_INVALID,
                              "--@ end without --@ if: a section needs no end: leave it out");
    }
    parser->if_line = 0;
    parser->skip = false;
    return status;
}

/* ---- all of them ----------------------------------------------------------------------------- */

enum { PROJECTION, FROM, KEY, MODE, POISON, HOST, TABLES, ON, QUERY, IF, END, DIRECTIVES };

static const struct directive_kind directive_kinds[DIRECTIVES] = {
    [PROJECTION] = {"projection", "projection NAME version N", IN_HEADER, directive_projection},
    [FROM] = {"from", "from all | category NAME | type A, B | tag T", IN_HEADER, directive_from},
    [KEY] = {"key", "key :stream or :member", IN_HEADER, directive_key},
    [MODE] = {"mode", "mode async or mode sync", IN_HEADER, directive_mode},
    [POISON] = {"poison", "poison retry 5 within 2m then park", IN_HEADER, directive_poison},
    [HOST] = {"host", "host NAME", IN_HEADER, directive_host},
    [TABLES] = {"tables", "tables", OPENS_SECTION, directive_tables},
    [ON] = {"on", "on TYPE, TYPE [each .path] [expect N]", OPENS_SECTION, directive_on},
    [QUERY] = {"query", "query NAME", OPENS_SECTION, directive_query},
    [IF] = {"if", "if sqlite or if postgres", IN_SECTION, directive_if},
    [END] = {"end", "end", IN_SECTION, directive_close},
};

/* Words of other systems and of later versions, and what to use instead. */
static const struct {
    const char *name;
    const char *instead;
} later_kinds[] = {
    {"lanes", "a projection is applied by one thread"},
    {"resequence", "an event that comes too early is tried again and parked: see expect"},
    {"live", "ask the model again after an append, with its token"},
    {"effect", "a projection changes its own tables only"},
    {"target", "a model is a SQLite file of its host"},
    {"include", "put all into one file"},
    {"else", "write --@ end, then --@ if for the other database"},
    {"off", "an event without a section \"on\" changes nothing"},
};

static factum_status directive_unknown(const struct directive *directive)
{
    struct fct_nearest nearest;
    for (size_t i = 0; i < sizeof later_kinds / sizeof later_kinds[0]; i++) {
        if (directive_word_is(directive, later_kinds[i].name)) {
            return directive_fail(directive, FACTUM_UNSUPPORTED, "--@ %s is not supported: %s",
                                  later_kinds[i].name, later_kinds[i].instead);
        }
    }
    fct_nearest_begin(&nearest, directive->word);
    for (size_t i = 0; i < DIRECTIVES; i++) {
        fct_nearest_offer(&nearest, factum_slice_from(directive_kinds[i].name));
    }
    if (nearest.best.len > 0) {
        return directive_fail(directive, FACTUM_INVALID,
                              "there is no directive \"%.*s\": did you mean \"%.*s\"?",
                              FCT_FMT(directive->word), FCT_FMT(nearest.best));
    }
    return directive_fail(directive, FACTUM_INVALID,
                          "there is no directive \"%.*s\": they are projection, from, key, mode, "
                          "poison, host, tables, on, query, if and end",
                          FCT_FMT(directive->word));
}

/* A directive of the header may be there once; one of a section only inside a section. */
static factum_status directive_check_place(const struct directive *directive)
{
    struct fct_parser *parser = directive->parser;
    const uint32_t bit = UINT32_C(1) << (directive->kind - directive_kinds);
    const uint32_t sections = ~((UINT32_C(1) << TABLES) - 1);
    const char *name = directive->kind->name;
    if (directive->kind->place == IN_SECTION && parser->section.kind == FCT_SECTION_NONE) {
        return directive_fail(directive, FACTUM_INVALID,
                              "--@ %s outside of a section: put it around statements", name);
    }
    if (directive->kind->place == IN_HEADER && (parser->directives & sections) != 0) {
        return directive_fail(directive, FACTUM_INVALID,
                              "--@ %s after a section: move it to the top", name);
    }
    if (directive->kind->place == IN_HEADER && (parser->directives & bit) != 0) {
        return directive_fail(directive, FACTUM_INVALID, "--@ %s appears twice: leave one out",
                              name);
    }
    parser->directives |= bit;
    return FACTUM_OK;
}

/* Only blanks may precede a directive in its line. */
static bool directive_begins_line(const struct fct_parser *parser)
{
    factum_slice text = parser->definition->text;
    size_t at = parser->token.start;
    while (at > 0 && directive_blank(text.ptr[at - 1])) {
        at--;
    }
    return at == 0 || text.ptr[at - 1] == '\n';
}

static factum_status directive_begin(struct fct_parser *parser, struct directive *directive)
{
    *directive = (struct directive){
        .parser = parser,
        .line = parser->token.line,
        .rest = parser->token.text,
        .word = parser->token.text,
        .column =
            parser->token.column + (uint32_t)(parser->token.text.ptr -
                                              (parser->definition->text.ptr + parser->token.start)),
    };
    if (!directive_begins_line(parser)) {
        return fct_projection_fail(parser->definition, parser->token.line, parser->token.column,
                                   FACTUM_INVALID, parser->err,
                                   "a directive in a line with something else: give it a line of "
                                   "its own");
    }
    factum_status status = directive_next(directive);
    if (status == FACTUM_OK && directive->word.len == 0) {
        return directive_fail(directive, FACTUM_INVALID,
                              "a directive has no name: write --@ on TYPE, for example");
    }
    return status;
}

static const struct directive_kind *directive_find(const struct directive *directive)
{
    for (size_t i = 0; i < DIRECTIVES; i++) {
        if (directive_word_is(directive, directive_kinds[i].name)) {
            return &directive_kinds[i];
        }
    }
    return NULL;
}

factum_status fct_directive_read(struct fct_parser *parser)
{
    struct directive directive;
    factum_status status = directive_begin(parser, &directive);
    if (status != FACTUM_OK) {
        return status;
    }
    directive.kind = directive_find(&directive);
    if (directive.kind == NULL) {
        return directive_unknown(&directive);
    }
    status = directive_check_place(&directive);
    if (status != FACTUM_OK) {
        return status;
    }
    if (directive.kind->place == OPENS_SECTION) {
        parser->section = (struct fct_section){.line = directive.line};
    }
    status = directive_next(&directive);
    if (status != FACTUM_OK) {
        return status;
    }
    status = directive.kind->read(&directive);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_parser_next(parser);
}

bool fct_directive_is_inner(const struct fct_parser *parser)
{
    factum_slice text = parser->token.text;
    size_t len = 0;
    while (len < text.len && !directive_blank(text.ptr[len])) {
        len++;
    }
    text.len = len;
    return fct_slice_equal(text, FCT_SLICE("if")) || fct_slice_equal(text, FCT_SLICE("end"));
}

factum_status fct_directive_finish(struct fct_parser *parser)
{
    struct fct_definition *definition = parser->definition;
    for (size_t i = PROJECTION; i <= FROM; i++) {
        if ((parser->directives & (UINT32_C(1) << i)) == 0) {
            return fct_projection_fail(definition, 1, 1, FACTUM_INVALID, parser->err,
                                       "--@ %s is missing: write --@ %s at the top",
                                       directive_kinds[i].name, directive_kinds[i].usage);
        }
    }
    if ((parser->directives & (UINT32_C(1) << KEY)) == 0) {
        definition->key = (struct fct_parameter){
            .name = FCT_SLICE("stream"), .kind = FCT_PARAMETER_STREAM, .line = 1, .column = 1};
    }
    if ((parser->directives & (UINT32_C(1) << POISON)) == 0) {
        definition->retries = 5;
        definition->retry_within = INT64_C(120) * 1000000000;
    }
    if (definition->host.len == 0) {
        definition->host = FCT_SLICE("server");
    }
    return FACTUM_OK;
}
