/* projection_fuzz.c - any bytes as a definition, for each dialect: parsed, or refused with a
 * text and a place. What was parsed prints to the same tokens, and is checked by the lint and by
 * SQLite. Layer: tests. */
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/slice.h"
#include "projection/definition_int.h"
#include "projection/lint.h"
#include "projection/sqlite_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(factum_status status, const factum_error *err)
{
    FCT_ASSERT(status == FACTUM_INVALID || status == FACTUM_UNSUPPORTED ||
               status == FACTUM_TOO_BIG);
    FCT_ASSERT(err->status == status);
    FCT_ASSERT(strncmp(err->text, "f.sql:", 6) == 0 || status == FACTUM_TOO_BIG);
}

/* The next token of printed text, in which a parameter is ?N. */
static void next_printed(struct fct_sql_scan *scan, struct fct_sql_token *token)
{
    fct_sql_next(scan, token);
    if (token->kind == FCT_SQL_BAD) {
        FCT_ASSERT(scan->text.ptr[token->start] == '?');
        scan->at = token->start + 1;
        while (scan->at < scan->text.len && scan->text.ptr[scan->at] >= '0' &&
               scan->text.ptr[scan->at] <= '9') {
            scan->at++;
        }
        token->kind = FCT_SQL_PARAMETER;
    }
}

/* Prints the statement, and compares its tokens with those of the definition. */
static void check_printed(const struct fct_definition *definition,
                          const struct fct_statement *statement)
{
    struct fct_buf buf;
    struct fct_sql_scan written;
    struct fct_sql_scan printed;
    struct fct_sql_token a;
    struct fct_sql_token b;
    fct_buf_init(&buf, fct_mem_heap(), (size_t)8 << 20);
    FCT_ASSERT(statement->part_count > 0);
    FCT_ASSERT(fct_statement_print(statement, "__v1", &buf) == FACTUM_OK);
    fct_statement_scan(definition, statement, &written);
    fct_sql_begin(&printed, fct_buf_slice(&buf));
    do {
        fct_sql_next(&written, &a);
        next_printed(&printed, &b);
        FCT_ASSERT(a.kind != FCT_SQL_BAD && a.kind != FCT_SQL_DIRECTIVE);
        FCT_ASSERT(b.kind == (a.kind == FCT_SQL_TEMPLATE ? FCT_SQL_NAME : a.kind));
        FCT_ASSERT(a.kind == FCT_SQL_TEMPLATE || a.kind == FCT_SQL_PARAMETER ||
                   fct_slice_equal(a.text, b.text));
        FCT_ASSERT(!fct_sql_is_symbol(&a, ';'));
    } while (a.kind != FCT_SQL_END);
    fct_buf_finish(&buf);
}

static void check_parts(const struct fct_definition *definition)
{
    for (size_t i = 0; i < definition->relation_count; i++) {
        check_printed(definition, &definition->relations[i].statement);
    }
    for (size_t i = 0; i < definition->handler_count; i++) {
        const struct fct_handler *handler = &definition->handlers[i];
        size_t from = 0;
        FCT_ASSERT(handler->type_count > 0);
        FCT_ASSERT(fct_projection_handler(definition, handler->types[0], &from) != NULL);
        for (size_t k = 0; k < handler->statement_count; k++) {
            check_printed(definition, &handler->statements[k]);
        }
    }
    for (size_t i = 0; i < definition->query_count; i++) {
        check_printed(definition, &definition->queries[i].statement);
    }
}

static void try_dialect(factum_slice text, enum fct_dialect dialect)
{
    struct fct_definition *definition;
    factum_error err;
    factum_status status = fct_projection_parse(text, "f.sql", dialect, &definition, &err);
    FCT_ASSERT((status == FACTUM_OK) == (definition != NULL));
    if (status != FACTUM_OK) {
        check_refusal(status, &err);
        return;
    }
    FCT_ASSERT(fct_projection_name_valid(definition->name));
    FCT_ASSERT(definition->version > 0);
    check_parts(definition);
    status = fct_projection_lint(definition, &err);
    if (status == FACTUM_OK && dialect == FCT_DIALECT_SQLITE) {
        status = fct_sqlite_check(definition, &err);
    }
    if (status != FACTUM_OK) {
        check_refusal(status, &err);
    }
    fct_projection_definition_free(definition);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_dialect(fct_slice(data, size), FCT_DIALECT_SQLITE);
    try_dialect(fct_slice(data, size), FCT_DIALECT_POSTGRES);
    return 0;
}
