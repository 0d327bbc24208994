/* columns_test.c - which parameters are the values of columns of numbers. Layer: projection. */
#include "projection/columns.h"

#include <sqlite3.h>

#include "support/mem_fault.h"
#include "support/test.h"

/* The places of the first handler of a definition with |table| and |statements|, as "parameter
 * column type line:column", separated by "; ". */
static void assert_places(const char *table, const char *statements, const char *wanted)
{
    char text[4096];
    char found[1024] = "";
    size_t used = 0;
    factum_error err;
    struct fct_definition *definition;
    struct fct_column_place places[FCT_PROJECTION_PARAMETERS_MAX];
    (void)snprintf(text, sizeof text,
                   "--@ projection p version 1\n--@ from all\n--@ tables\n%s;\n"
                   "CREATE TABLE {{other}} (a INTEGER, b INTEGER);\n--@ on A\n%s;\n",
                   table, statements);
    assert_ok(fct_projection_parse(factum_slice_from(text), "p.sql", FCT_DIALECT_SQLITE,
                                   &definition, &err),
              err);
    struct fct_columns *columns = fct_columns_create(fct_mem_heap(), definition);
    assert_non_null(columns);
    fct_columns_find(columns, &definition->handlers[0], places);
    for (size_t i = 0; i < definition->handlers[0].parameter_count; i++) {
        const struct fct_column_place *place = &places[i];
        factum_slice name = definition->handlers[0].parameters[i].name;
        if (place->column.len > 0) {
            used += (size_t)snprintf(found + used, sizeof found - used, "%s%.*s %.*s %.*s %u:%u",
                                     used > 0 ? "; " : "", (int)name.len, (const char *)name.ptr,
                                     (int)place->column.len, (const char *)place->column.ptr,
                                     (int)place->type.len, (const char *)place->type.ptr,
                                     place->line, place->column_number);
            assert_true(used < sizeof found);
        }
    }
    assert_string_equal(found, wanted);
    fct_columns_free(columns);
    fct_projection_definition_free(definition);
}

#define T "CREATE TABLE {{t}} (a INTEGER PRIMARY KEY, b TEXT, c DECIMAL(10,2) NOT NULL)"

TEST(values_of_an_insert_stand_for_its_columns)
{
    assert_places(T, "INSERT INTO {{t}} (a, b, c) VALUES (:x, :y, :z)",
                  "x a INTEGER 7:37; z c DECIMAL 7:45");
    assert_places(T, "INSERT INTO {{t}} VALUES\n  (:x, :y, :z)",
                  "x a INTEGER 8:4; z c DECIMAL 8:12");
    assert_places(T, "INSERT INTO {{t}} (C, \"A\") VALUES (:x, :y)",
                  "x c DECIMAL 7:36; y a INTEGER 7:40");
    assert_places(T, "INSERT OR IGNORE INTO {{t}} AS q (b, a) VALUES (:x, 1), ('', :x), (:y, :z)",
                  "x a INTEGER 7:62; z a INTEGER 7:72");
    assert_places(T, "REPLACE INTO {{t}} (a) VALUES (:x)", "x a INTEGER 7:32");
    assert_places(T, "WITH w(a) AS (VALUES (:v)) INSERT INTO {{t}} (a) VALUES (:x)",
                  "x a INTEGER 7:58");
}

TEST(what_stands_in_an_expression_is_left_out)
{
    assert_places(T, "INSERT INTO {{t}} (a, b, c) VALUES (:x + 1, (:y), abs(:z))", "");
    assert_places(T, "INSERT INTO {{t}} (a, c) VALUES (CAST(:x AS INTEGER), (SELECT :y))", "");
    assert_places(T, "INSERT INTO {{t}} (a, c) VALUES (-:x, :y COLLATE nocase)", "");
    assert_places(T, "INSERT INTO {{t}} (a) SELECT :x", "");
    assert_places(T, "INSERT INTO {{t}} (a) SELECT b FROM {{other}} WHERE a = :x", "");
    assert_places(T, "DELETE FROM {{t}} WHERE a = :x", "");
    assert_places(T, "INSERT INTO {{t}} (a) VALUES (coalesce(:x, 1)), (:y)", "y a INTEGER 7:50");
}

TEST(assignments_stand_for_their_columns)
{
    assert_places(T, "UPDATE {{t}} SET a = :x, b = :y, c=:z WHERE a = :w",
                  "x a INTEGER 7:22; z c DECIMAL 7:36");
    assert_places(T, "UPDATE OR IGNORE {{t}} SET a = a + :x, c = :y", "y c DECIMAL 7:44");
    assert_places(T, "UPDATE {{t}} SET a = :x + 1, c = :y * 2 WHERE b = :z", "");
    assert_places(T, "UPDATE {{t}} SET (a, c) = (:x, :y), c = :z", "z c DECIMAL 7:41");
    assert_places(T,
                  "UPDATE {{t}} SET a = (SELECT max(a, :w) FROM {{other}}), c = :z FROM {{other}}",
                  "z c DECIMAL 7:62");
    assert_places(T,
                  "INSERT INTO {{t}} (a, b) VALUES (1, :y) ON CONFLICT (a) DO UPDATE SET c = :z, "
                  "b = :y WHERE {{t}}.a > :v",
                  "z c DECIMAL 7:75");
    assert_places(T, "UPDATE {{t}} SET b = :x;\nUPDATE {{other}} SET b = :x", "x b INTEGER 8:26");
}

TEST(declared_types_decide_which_columns_take_numbers)
{
    static const struct {
        const char *type;
        bool numeric;
    } cases[] = {
        {"INT", true},
        {"bigint", true},
        {"UNSIGNED BIG INT", true},
        {"INT8", true},
        {"CHARINT", true},
        {"VARCHAR(255)", false},
        {"NCHAR(55)", false},
        {"CLOB", false},
        {"text", false},
        {"BLOB", false},
        {"", false},
        {"REAL", true},
        {"DOUBLE PRECISION", true},
        {"FLOAT", true},
        {"NUMERIC", true},
        {"DECIMAL(10,5)", true},
        {"BOOLEAN", true},
        {"STRING", true},
        {"DATE", false},
        {"DATETIME", false},
        {"TIMESTAMPTZ", false},
        {"UUID", false},
        {"JSON", false},
        {"JSONB", false},
        {"\"my int\"", true},
        {"ANY", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char table[128];
        char wanted[128] = "";
        const char *type = cases[i].type;
        (void)snprintf(table, sizeof table, "CREATE TABLE {{t}} (k TEXT, v %s NOT NULL)", type);
        if (cases[i].numeric) {
            (void)snprintf(wanted, sizeof wanted, "x v %.*s 7:22", (int)strcspn(type, "("), type);
        }
        assert_places(table, "UPDATE {{t}} SET v = :x", wanted);
    }
}

/* Is the text '007' a number in a column of |type|? */
static bool sqlite_makes_a_number(const char *type)
{
    char sql[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    (void)snprintf(sql, sizeof sql, "CREATE TABLE t (v %s); INSERT INTO t VALUES ('007')", type);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT typeof(v) = 'text' FROM t", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    bool text = sqlite3_column_int(statement, 0) != 0;
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return !text;
}

TEST(affinities_are_those_that_sqlite_gives)
{
    static const char *const types[] = {"INT",
                                        "Integer",
                                        "TINYINT",
                                        "POINT",
                                        "FLOATING POINT",
                                        "CHAR(3)",
                                        "VARCHAR",
                                        "LONGTEXT",
                                        "TEXT INTEGER",
                                        "BLOB",
                                        "DOUBLE",
                                        "DECIMAL(3,1)",
                                        "NUMERIC",
                                        "BOOL",
                                        "MONEY",
                                        "STRING",
                                        "BIT",
                                        "XML",
                                        "REALTEXT",
                                        "CLOBREAL",
                                        "\"strange kind\"",
                                        "ANY",
                                        "",
                                        "NVARCHAR(9)"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char table[128];
        char wanted[128] = "";
        (void)snprintf(table, sizeof table, "CREATE TABLE {{t}} (v %s)", types[i]);
        if (sqlite_makes_a_number(types[i])) {
            (void)snprintf(wanted, sizeof wanted, "x v %.*s 7:22", (int)strcspn(types[i], "("),
                           types[i]);
        }
        assert_places(table, "UPDATE {{t}} SET v = :x", wanted);
    }
}

TEST(tables_of_each_form)
{
    assert_places("CREATE TABLE {{t}} (a ANY, b INT) STRICT", "INSERT INTO {{t}} VALUES (:x, :y)",
                  "y b INT 7:31");
    assert_places("CREATE TABLE {{t}} (a INTEGER GENERATED ALWAYS AS (b + 1), b INTEGER, "
                  "d AS (b), c TEXT)",
                  "INSERT INTO {{t}} VALUES (:x, :y)", "x b INTEGER 7:27");
    assert_places("CREATE TABLE {{t}} (a TEXT DEFAULT 'x, y INT', b INT CHECK (b IN (1, 2)), "
                  "PRIMARY KEY (a, b), CONSTRAINT u UNIQUE (b)) WITHOUT ROWID",
                  "INSERT INTO {{t}} VALUES (:x, :y)", "y b INT 7:31");
    assert_places(T, "INSERT INTO {{t}} (nothing, a) VALUES (:x, :y)", "y a INTEGER 7:44");
}

TEST(a_lack_of_memory_is_reported)
{
    struct fct_mem_fault fault;
    struct fct_definition definition = {.relation_count = 0};
    fct_mem_fault_init(&fault);
    fault.fail_at = 0;
    assert_null(fct_columns_create(&fault.mem, &definition));
    fct_columns_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(values_of_an_insert_stand_for_its_columns),
        CASE(what_stands_in_an_expression_is_left_out),
        CASE(assignments_stand_for_their_columns),
        CASE(declared_types_decide_which_columns_take_numbers),
        CASE(affinities_are_those_that_sqlite_gives),
        CASE(tables_of_each_form),
        CASE(a_lack_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
