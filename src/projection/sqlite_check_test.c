/* sqlite_check_test.c - what SQLite reports about a definition, with its place, and what the
 * authorizer refuses. Layer: projection. */
#include "projection/sql_functions.h"
#include "projection/sqlite_check.h"

#include "projection/lint.h"
#include "support/test.h"

#define HEAD "--@ projection p version 1\n--@ from all\n--@ tables\n"
#define TABLE "CREATE TABLE {{t}} (a TEXT PRIMARY KEY, b TEXT);\n"
#define ON "--@ on A\nDELETE FROM {{t}};\n"

static factum_status check_of(const char *text, factum_error *err)
{
    struct fct_definition *definition;
    assert_ok(fct_projection_parse(factum_slice_from(text), "p.sql", FCT_DIALECT_SQLITE,
                                   &definition, err),
              *err);
    factum_status status = fct_sqlite_check(definition, err);
    fct_projection_definition_free(definition);
    return status;
}

static void passes(const char *text)
{
    factum_error err;
    assert_ok(check_of(text, &err), err);
}

static void refused(const char *text, const char *why)
{
    factum_error err = {.text = ""};
    factum_status status = check_of(text, &err);
    if (status != FACTUM_INVALID || strncmp(err.text, why, strlen(why)) != 0) {
        print_error("%s\n%s \"%s\", not \"%s\"\n", text, factum_status_name(status), err.text, why);
        fail();
    }
}

static const char *table(const char *columns)
{
    static char text[8192];
    (void)snprintf(text, sizeof text, HEAD "CREATE TABLE {{t}} (\n%s);\n" ON, columns);
    return text;
}

static const char *on(const char *statement)
{
    static char text[8192];
    (void)snprintf(text, sizeof text, HEAD TABLE "--@ on A each .x\n%s;\n", statement);
    return text;
}

static const char *query(const char *statement)
{
    static char text[8192];
    (void)snprintf(text, sizeof text, HEAD TABLE ON "--@ query q\n%s;\n", statement);
    return text;
}

TEST(mistakes_have_the_message_of_sqlite_and_their_place)
{
    refused(on("INSERT INTO {{t}} (a)\n  VALUS (:a)"), "p.sql:7:3: near \"VALUS\": syntax error");
    refused(on("UPDATE {{t}} SET a = :a, b = :b WHERE :c = c"), "p.sql:6:44: no such column: c");
    refused(on("UPDATE {{t}} SET\n{{t}}.a = 1"), "p.sql:7:6: near \".\": syntax error");
    refused(on("UPDATE {{t}} SET b = :a :b"), "p.sql:6:25: near \"?2\": syntax error");
    refused(on("INSERT INTO {{t}} VALUES (:a)"),
            "p.sql:6:1: table t has 2 columns but 1 values were supplied");
    refused(on("INSERT INTO {{t}} (x) VALUES (:a)"), "p.sql:6:1: table t has no column named x");
    refused(query("SELECT a FROM {{t}} GROUP BY"), "p.sql:8:");
    refused(query("SELECT missing(a) FROM {{t}}"), "p.sql:8:8: no such function: missing");
    refused(table("a TEXT, a TEXT"), "p.sql:4:1: duplicate column name: a");
    refused(table("a TEXT PRIMARY KEY, b TEXT PRIMARY KEY"),
            "p.sql:4:1: table \"t\" has more than one primary key");
    refused(HEAD "CREATE INDEX {{i}} ON {{t}} (a);\n" TABLE ON, "p.sql:4:");
    refused(HEAD TABLE "CREATE INDEX {{i}} ON {{t}} (c);\n" ON, "p.sql:5:30: no such column: c");
}

TEST(a_text_in_double_quotes_is_a_name)
{
    refused(on("UPDATE {{t}} SET b = \"placed\""), "p.sql:6:22: no such column: placed");
    refused(table("a TEXT CHECK (a <> \"x\")"), "p.sql:");
}

TEST(tables_are_named_by_their_templates)
{
    refused(on("DELETE FROM t"), "p.sql:6:1: no such table: t: write {{t}}");
    refused(on("INSERT INTO t VALUES (1, 2)"), "p.sql:6:1: no such table: t: write {{t}}");
    refused(query("SELECT * FROM main.t"), "p.sql:8:1: no such table: main.t: write {{t}}");
    refused(query("SELECT * FROM other"),
            "p.sql:8:1: no such table: other: use the definition's tables, as {{name}}");
}

TEST(other_tables_are_out_of_reach)
{
    refused(query("SELECT name FROM sqlite_master"),
            "p.sql:8:18: sqlite_master is not a table of this definition: create it in");
    refused(query("SELECT count(*) FROM 'sqlite_master'"),
            "p.sql:8:1: sqlite_master is not a table");
    refused(on("DELETE FROM sqlite_master"), "p.sql:6:");
    refused(on("INSERT INTO {{t}} (a) SELECT sql FROM sqlite_master"), "p.sql:6:");
    refused(query("SELECT * FROM pragma_table_info('t')"), "p.sql:8:");
    refused(query("SELECT count(*) FROM pragma_function_list"), "p.sql:8:");
    refused(query("SELECT * FROM dbstat"), "p.sql:8:1: no such table: dbstat");
    refused(query("SELECT count(*) FROM sqlite_stmt"), "p.sql:8:1: no such table: sqlite_stmt");
    refused(query("SELECT 'rowid', {{t}}.rowid FROM {{t}}"),
            "p.sql:8:23: rowid depends on the order of inserts");
    refused(query("SELECT count(*) FROM temp.sqlite_master"), "p.sql:8:");
}

TEST(functions_are_those_of_a_list)
{
    static const char *const calls[] = {"random()",
                                        "randomblob(1)",
                                        "date('now')",
                                        "strftime('%s', 'now')",
                                        "changes()",
                                        "total_changes()",
                                        "last_insert_rowid()",
                                        "load_extension('x')",
                                        "sqlite_version()",
                                        "zeroblob(1)",
                                        "exp(1)",
                                        "current_timestamp",
                                        "julianday('now')",
                                        "\"random\"()",
                                        "sqlite_compileoption_get(1)",
                                        "fts3_tokenizer('x')",
                                        "unixepoch()",
                                        "pow(2, 3)"};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "UPDATE {{t}} SET b = %s", calls[i]);
        refused(on(text), "p.sql:6:22: ");
        (void)snprintf(text, sizeof text, "SELECT %s", calls[i]);
        refused(query(text), "p.sql:8:8: ");
    }
    refused(on("UPDATE {{t}} SET b = random()"),
            "p.sql:6:22: random() is not among the functions that give the same on every machine "
            "and at every time: compute the value");
    refused(on("UPDATE {{t}} SET b = b MATCH 'x'"), "p.sql:6:");
    refused(HEAD TABLE "CREATE INDEX {{i}} ON {{t}} (exp(a));\n" ON, "p.sql:5:30: exp() is not");
    assert_true(fct_sql_function_allowed("COALESCE", FCT_SQL_IN_DEFINITION));
    assert_false(fct_sql_function_allowed("randomblob", FCT_SQL_IN_DEFINITION));
}

TEST(a_statement_is_one_and_changes_its_tables)
{
    refused(on("WITH replace AS (SELECT 1) SELECT * FROM replace"),
            "p.sql:6:1: the statement changes nothing: write INSERT, UPDATE or DELETE");
    refused(on("INSERT INTO {{t}} VALUES (1, 2) RETURNING a"), "p.sql:6:1: the statement changes");
}

TEST(tables_do_not_read)
{
    refused(table("a TEXT CHECK (a IN (SELECT 1))"), "p.sql:");
    refused(table("a TEXT DEFAULT (SELECT 1)"), "p.sql:");
}

TEST(limits_of_sqlite_hold)
{
    char text[4096];
    size_t len = (size_t)snprintf(text, sizeof text, "SELECT 1");
    for (unsigned i = 0; i < 300; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "+1");
    }
    refused(query(text), "p.sql:8:1: Expression tree is too large (maximum depth 200)");
    len = (size_t)snprintf(text, sizeof text, "SELECT 1");
    for (unsigned i = 0; i < 120; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, " UNION SELECT 1");
    }
    refused(query(text), "p.sql:8:1: too many terms in compound SELECT");
}

TEST(correct_input_passes)
{
    passes(on("INSERT INTO {{t}} (a, b) VALUES (:a, lower(:b) || :event_date) ON CONFLICT (a) DO "
              "UPDATE SET b = {{t}}.b || excluded.b"));
    passes(on("WITH x (y) AS (SELECT value FROM json_each(:tags)) INSERT INTO {{t}} (a) SELECT y "
              "FROM x"));
    passes(on("UPDATE {{t}} SET b = :data ->> '$.x' WHERE a = :a OR a = :item"));
    passes(query("WITH RECURSIVE n (i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < :max) "
                 "SELECT count(*) FROM n, {{t}} AS q, (SELECT 1) WHERE q.a LIKE :x"));
    passes(query("WITH n AS (SELECT 1) SELECT 2 FROM n"));
    passes(query("SELECT sum(length(b)) OVER (ORDER BY a), row_number() OVER (ORDER BY a) FROM "
                 "{{t}}"));
    passes(table("a INTEGER PRIMARY KEY, b TEXT UNIQUE NOT NULL DEFAULT 'x' CHECK (b > ''), "
                 "c INT AS (a + 1) STORED"));
    passes(HEAD "CREATE TABLE {{t}} (a TEXT, b TEXT, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID;\n"
                "CREATE UNIQUE INDEX {{i}} ON {{t}} (lower(b)) WHERE a > 'x';\n" ON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(mistakes_have_the_message_of_sqlite_and_their_place),
        CASE(a_text_in_double_quotes_is_a_name),
        CASE(tables_are_named_by_their_templates),
        CASE(other_tables_are_out_of_reach),
        CASE(functions_are_those_of_a_list),
        CASE(a_statement_is_one_and_changes_its_tables),
        CASE(tables_do_not_read),
        CASE(limits_of_sqlite_hold),
        CASE(correct_input_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
