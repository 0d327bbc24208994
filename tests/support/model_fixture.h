/* model_fixture.h - hand-made definitions of projections, and a model's file in a directory of
 * its own: for the tests of code on top of SQLite. Uses projection. */
#ifndef FCT_TESTS_SUPPORT_MODEL_FIXTURE_H
#define FCT_TESTS_SUPPORT_MODEL_FIXTURE_H

#include "core/mem.h"
#include "core/slice.h"
#include "os/os.h"
#include "projection/sql_scan.h"
#include "projection/sqlite_target.h"
#include "support/scratch.h"
#include "support/test.h"

#define MODEL_RELATIONS_MAX 8
#define MODEL_HANDLERS_MAX 8
#define MODEL_PARAMETERS_MAX 16
#define MODEL_PARTS_MAX 64
#define MODEL_STATEMENTS_MAX 4

struct model_statement {
    struct fct_part parts[MODEL_PARTS_MAX];
};

struct model_handler {
    struct model_statement texts[MODEL_STATEMENTS_MAX];
    struct fct_statement statements[MODEL_STATEMENTS_MAX];
    struct fct_parameter parameters[MODEL_PARAMETERS_MAX];
};

/* A definition with everything it points to. */
struct model_definition {
    struct fct_definition definition;
    struct model_statement relation_texts[MODEL_RELATIONS_MAX];
    struct fct_relation relations[MODEL_RELATIONS_MAX];
    struct model_handler handler_texts[MODEL_HANDLERS_MAX];
    struct fct_handler handlers[MODEL_HANDLERS_MAX];
};

static inline void model_begin(struct model_definition *made, const char *name)
{
    memset(made, 0, sizeof *made);
    made->definition.file = FCT_SLICE("test.sql");
    made->definition.name = factum_slice_from(name);
    made->definition.version = 1;
    made->definition.relations = made->relations;
    made->definition.handlers = made->handlers;
}

/* The number of |name| among the parameters of |handler|, which is added if it is new. */
static inline uint32_t model_parameter(struct fct_handler *handler, struct model_handler *made,
                                       factum_slice name)
{
    for (size_t i = 0; i < handler->parameter_count; i++) {
        if (fct_slice_equal(made->parameters[i].name, name)) {
            return (uint32_t)i;
        }
    }
    assert_true(handler->parameter_count < MODEL_PARAMETERS_MAX);
    made->parameters[handler->parameter_count] =
        (struct fct_parameter){.name = name, .kind = FCT_PARAMETER_DATA};
    return (uint32_t)handler->parameter_count++;
}

/* Splits |sql| into parts; its parameters are added to those of |handler|, which are kept in
 * |of|. */
static inline struct fct_statement model_split(const char *sql, uint32_t line,
                                               struct model_statement *made,
                                               struct fct_handler *handler,
                                               struct model_handler *of)
{
    struct fct_sql_scan scan;
    struct fct_sql_token token;
    struct fct_statement statement = {
        .text = factum_slice_from(sql), .parts = made->parts, .line = line, .column = 1};
    size_t from = 0;
    fct_sql_begin(&scan, statement.text);
    do {
        fct_sql_next(&scan, &token);
        assert_int_not_equal(token.kind, FCT_SQL_BAD);
        bool end = token.kind == FCT_SQL_END;
        bool parameter = token.kind == FCT_SQL_PARAMETER;
        if (!end && !parameter && token.kind != FCT_SQL_TEMPLATE) {
            continue;
        }
        assert_true(statement.part_count + 2 <= MODEL_PARTS_MAX);
        size_t to = end ? statement.text.len : token.start;
        made->parts[statement.part_count++] = (struct fct_part){
            .kind = FCT_PART_TEXT, .text = fct_slice(statement.text.ptr + from, to - from)};
        from = token.end;
        if (!end) {
            made->parts[statement.part_count++] = (struct fct_part){
                .kind = parameter ? FCT_PART_PARAMETER : FCT_PART_TEMPLATE,
                .text = token.text,
                .parameter = parameter ? model_parameter(handler, of, token.text) : 0};
        }
    } while (token.kind != FCT_SQL_END);
    return statement;
}

static inline void model_relation(struct model_definition *made, const char *sql)
{
    size_t number = made->definition.relation_count++;
    struct fct_handler none = {.types = NULL}; /* a table has no parameters */
    assert_true(number < MODEL_RELATIONS_MAX);
    made->relations[number].statement =
        model_split(sql, (uint32_t)number + 1, &made->relation_texts[number], &none,
                    &made->handler_texts[MODEL_HANDLERS_MAX - 1]);
    assert_int_equal(none.parameter_count, 0);
}

/* Adds a section "on"; its parameters are numbered in their order. |expect| below 0: no
 * expectation. */
static inline const struct fct_handler *model_on(struct model_definition *made, int expect,
                                                 const char *first, const char *second)
{
    const char *texts[] = {first, second};
    size_t number = made->definition.handler_count++;
    assert_true(number < MODEL_HANDLERS_MAX);
    struct fct_handler *handler = &made->handlers[number];
    struct model_handler *of = &made->handler_texts[number];
    handler->expect_set = expect >= 0;
    handler->expect = expect >= 0 ? (uint64_t)expect : 0;
    handler->statements = of->statements;
    handler->parameters = of->parameters;
    for (size_t i = 0; i < 2 && texts[i] != NULL; i++) {
        of->statements[handler->statement_count++] = model_split(
            texts[i], 10 * ((uint32_t)number + 1) + (uint32_t)i, &of->texts[i], handler, of);
    }
    return handler;
}

static inline factum_value model_integer(int64_t value)
{
    return (factum_value){.kind = FACTUM_VALUE_INTEGER, .integer = value};
}

static inline factum_value model_text(const char *text)
{
    return (factum_value){.kind = FACTUM_VALUE_TEXT, .bytes = factum_slice_from(text)};
}

/* ---- a file ---------------------------------------------------------------------------------- */

struct model_fixture {
    char dir[SCRATCH_SIZE];
    struct fct_model_file *file; /* a writer */
    factum_error err;
};

static const struct fct_build model_v1 = {1, 1};
static const struct fct_build model_v2 = {2, 1};

/* Options of the model "orders". */
static inline struct fct_model_file_options model_options(const char *dir, bool write)
{
    return (struct fct_model_file_options){.dir = dir,
                                           .name = FCT_SLICE("orders"),
                                           .store = {{1, 2, 3}},
                                           .write = write,
                                           .check = true,
                                           .mem = fct_mem_heap(),
                                           .os = fct_os_real()};
}

static inline int model_set_up(void **state)
{
    static struct model_fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    *state = &fixture;
    if (!scratch_make(fixture.dir)) {
        return 1;
    }
    struct fct_model_file_options options = model_options(fixture.dir, true);
    return fct_model_file_open(&options, &fixture.file, &fixture.err) == FACTUM_OK ? 0 : 1;
}

static inline int model_tear_down(void **state)
{
    struct model_fixture *f = *state;
    fct_model_file_close(f->file);
    return scratch_remove(f->dir) ? 0 : 1;
}

/* The first number of the first row of |sql|; -1 for an error or no row. */
static inline int64_t model_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t number = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        number = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return number;
}

static inline void model_exec(sqlite3 *db, const char *sql)
{
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK) {
        print_error("%s: %s\n", sql, text);
        fail();
    }
}

/* An entry in the table of main: a test with a model of its own, which is closed after it. */
#define MODEL_CASE(name) cmocka_unit_test_setup_teardown(name, model_set_up, model_tear_down)

#endif
