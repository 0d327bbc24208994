/* definition_int.h - what the parts of the parser of definitions share: definition.c (the whole and
 * its sections), directive.c (lines of "--@"), statement.c (SQL). Layer: projection.
 *
 * Invariants:
 *  1. |token| is the next token that no part has taken.
 *  2. Arrays grow in the definition's arena; their old copies stay there until the end.
 */
#ifndef FCT_PROJECTION_DEFINITION_INT_H
#define FCT_PROJECTION_DEFINITION_INT_H

#include "core/mem.h"
#include "projection/definition.h"
#include "projection/sql_scan.h"

enum fct_section_kind { FCT_SECTION_NONE, FCT_SECTION_TABLES, FCT_SECTION_ON, FCT_SECTION_QUERY };

/* The section that is being read. */
struct fct_section {
    enum fct_section_kind kind;
    struct fct_handler handler;       /* of ON */
    struct fct_named_query query;     /* of QUERY */
    struct fct_statement *statements; /* of ON */
    struct fct_parameter *parameters; /* of ON and QUERY */
    size_t parameter_count;
    size_t seen;   /* statements of all dialects */
    bool has_each; /* parameters start at the element */
    uint32_t line; /* of its directive */
};

struct fct_parser {
    struct fct_definition *definition;
    enum fct_dialect dialect;
    factum_error *err;
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    struct fct_section section;
    uint32_t directives;  /* a bit for each directive of the header that was read */
    uint32_t tables_line; /* the line of "tables"; 0: not read yet */
    uint32_t if_line;     /* of the open "--@ if"; 0: none is open */
    bool skip;            /* the open "--@ if" is for another dialect */
    size_t type_count;    /* named by all directives */
    size_t table_count;
    struct fct_relation *relations;
    struct fct_handler *handlers;
    struct fct_named_query *queries;
};

/* fct_projection_parse with the heap |mem|, which must outlive the definition. */
FCT_MUST_USE factum_status fct_projection_parse_in(const struct fct_mem *mem, factum_slice text,
                                                   const char *file, enum fct_dialect dialect,
                                                   struct fct_definition **definition,
                                                   factum_error *err);

/* ---- definition.c ---------------------------------------------------------------------------- */

/* Takes the current token. Errors: INVALID (what follows is not a token). */
FCT_MUST_USE factum_status fct_parser_next(struct fct_parser *parser);
/* |items| with room for one more after |count| of |size| bytes; new room is cleared. NULL: no
 * memory. */
void *fct_parser_room(struct fct_parser *parser, void *items, size_t count, size_t size);
/* Fails with the reason why there was no room. */
FCT_MUST_USE factum_status fct_parser_no_room(const struct fct_parser *parser);
/* Errors: INVALID (|name|, of |what|, does not have the form of names, or is reserved). */
FCT_MUST_USE factum_status fct_parser_check_name(const struct fct_parser *parser, factum_slice name,
                                                 const char *what, uint32_t line, uint32_t column);
/* The line and the column of |at|, in the definition's text. */
void fct_definition_place(const struct fct_definition *definition, const uint8_t *at,
                          uint32_t *line, uint32_t *column);
/* The table or index that a template names; NULL: none. */
const struct fct_relation *fct_definition_relation(const struct fct_definition *definition,
                                                   factum_slice name);

/* ---- directive.c ----------------------------------------------------------------------------- */

/* Reads and takes the current directive. If it begins a section, that is in parser->section. */
FCT_MUST_USE factum_status fct_directive_read(struct fct_parser *parser);
/* May the current directive be between the statements of a section: "if", "end"? */
bool fct_directive_is_inner(const struct fct_parser *parser);
/* Errors: INVALID (a directive is missing). */
FCT_MUST_USE factum_status fct_directive_finish(struct fct_parser *parser);

/* ---- statement.c ----------------------------------------------------------------------------- */

/* Takes a statement and its ";" into the current section. */
FCT_MUST_USE factum_status fct_statement_read(struct fct_parser *parser);
/* The meaning of the parameter |name| at a place in the text. */
FCT_MUST_USE factum_status fct_parameter_resolve(struct fct_parser *parser, factum_slice name,
                                                 uint32_t line, uint32_t column,
                                                 struct fct_parameter *parameter);
/* Begins to scan the statement's tokens again, with their places in the whole text. */
void fct_statement_scan(const struct fct_definition *definition,
                        const struct fct_statement *statement, struct fct_sql_scan *scan);

#endif
