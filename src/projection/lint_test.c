/* lint_test.c - each rule of tokens: what it refuses, in which spellings, and what it accepts.
 * Layer: projection. */
#include "projection/lint.h"

#include "support/test.h"

#define HEAD "--@ projection p version 1\n--@ from all\n--@ tables\n"
#define TABLE "CREATE TABLE {{t}} (a TEXT PRIMARY KEY, b TEXT);\n"
#define ON "--@ on A\nDELETE FROM {{t}};\n"

static factum_status lint_of(const char *text, factum_error *err)
{
    struct fct_definition *definition;
    assert_ok(fct_projection_parse(factum_slice_from(text), "p.sql", FCT_DIALECT_SQLITE,
                                   &definition, err),
              *err);
    factum_status status = fct_projection_lint(definition, err);
    fct_projection_definition_free(definition);
    return status;
}

static void passes(const char *text)
{
    factum_error err;
    assert_ok(lint_of(text, &err), err);
}

static void refused(const char *text, const char *why)
{
    factum_error err = {.text = ""};
    factum_status status = lint_of(text, &err);
    if (status != FACTUM_INVALID || strncmp(err.text, why, strlen(why)) != 0) {
        print_error("%s\n%s \"%s\", not \"%s\"\n", text, factum_status_name(status), err.text, why);
        fail();
    }
}

/* A table with |column|, an "on" with |statement|, a query with |query|. */
static const char *table(const char *column)
{
    static char text[2048];
    (void)snprintf(text, sizeof text, HEAD "CREATE TABLE {{t}} (a TEXT,\n%s);\n" ON, column);
    return text;
}

static const char *on(const char *statement)
{
    static char text[65536];
    (void)snprintf(text, sizeof text, HEAD TABLE "--@ on A\n%s;\n", statement);
    return text;
}

static const char *query(const char *statement)
{
    static char text[65536];
    (void)snprintf(text, sizeof text, HEAD TABLE ON "--@ query q\n%s;\n", statement);
    return text;
}

/* ---- tables ---------------------------------------------------------------------------------- */

TEST(a_table_calls_no_function)
{
    refused(table("b TEXT DEFAULT (datetime('now'))"),
            "p.sql:5:17: datetime() in DEFAULT, CHECK or GENERATED: no function may stand there: "
            "compute the value in the statements");
    refused(table("b TEXT DEFAULT (\"datetime\"('now'))"), "p.sql:5:17: datetime() in DEFAULT");
    refused(table("b TEXT DEFAULT ([random] /* x */ ())"), "p.sql:5:17: random() in DEFAULT");
    refused(table("b TEXT DEFAULT ((((`random`()))))"), "p.sql:5:20: random() in DEFAULT");
    refused(table("b TEXT DEFAULT now()"), "p.sql:5:16: now() in DEFAULT");
    refused(table("b INT CHECK (b > abs(random()))"), "p.sql:5:18: abs() in DEFAULT");
    refused(table("b INT, CHECK (b > Random())"), "p.sql:5:19: Random() in DEFAULT");
    refused(table("b TEXT GENERATED ALWAYS AS (lower(a)) STORED"), "p.sql:5:29: lower() in");
    refused(table("b TEXT AS (lower(a))"), "p.sql:5:12: lower() in");
}

TEST(a_table_has_no_clock)
{
    refused(table("b TEXT DEFAULT CURRENT_TIMESTAMP"),
            "p.sql:5:16: CURRENT_TIMESTAMP depends on the clock or the connection: give the column "
            "a value in the statements of \"on\", as :event_time");
    refused(table("b TEXT DEFAULT current_date"), "p.sql:5:16: current_date depends");
    refused(table("b TEXT DEFAULT (CURRENT_TIME)"), "p.sql:5:17: CURRENT_TIME depends");
    refused(table("b TEXT CHECK (b < CURRENT_DATE)"), "p.sql:5:19: CURRENT_DATE depends");
    refused(HEAD TABLE "CREATE INDEX {{i}} ON {{t}} (a) WHERE b > CURRENT_DATE;\n" ON,
            "p.sql:5:43: CURRENT_DATE depends");
}

TEST(a_table_takes_keys_from_events)
{
    refused(table("b INTEGER PRIMARY KEY AUTOINCREMENT"),
            "p.sql:5:23: AUTOINCREMENT gives keys by");
    refused(table("b INT GENERATED ALWAYS AS IDENTITY"), "p.sql:5:27: IDENTITY gives keys by");
}

TEST(foreign_keys_are_of_own_tables_and_do_nothing)
{
    refused(table("b TEXT REFERENCES other (a)"),
            "p.sql:5:19: REFERENCES to a table that is not of this definition: write {{table}}");
    refused(table("b TEXT, FOREIGN KEY (b) REFERENCES \"t\""), "p.sql:5:36: REFERENCES to a table");
    refused(table("b TEXT REFERENCES {{t}} ON DELETE CASCADE"),
            "p.sql:5:28: ON DELETE of a foreign key would do nothing");
    passes(table("b TEXT REFERENCES {{t}} (a)"));
}

TEST(plain_tables_pass)
{
    passes(table("b VARCHAR(10) NOT NULL DEFAULT 'random()', c DECIMAL (10, 2) DEFAULT (1 + 2) "
                 "CHECK (c IN (1, 2) AND (c > 0 OR NOT (c = 1))), current_balance INT, date TEXT, "
                 "time TEXT, PRIMARY KEY (a, b), UNIQUE (c), CHECK (b LIKE ('x') OR (CASE WHEN (1) "
                 "THEN (2) ELSE (3) END)), d AS (CAST(c AS TEXT)), e BLOB DEFAULT x'00' "
                 "ON CONFLICT IGNORE"));
    passes(HEAD TABLE "CREATE INDEX {{i}} ON {{t}} (lower(b), a DESC) WHERE length(b) > 1;\n" ON);
}

/* ---- statements ------------------------------------------------------------------------------ */

TEST(dates_come_from_the_event)
{
    static const char *const calls[] = {"date",      "TIME",      "DateTime",    "julianday",
                                        "strftime",  "unixepoch", "timediff",    "\"date\"",
                                        "[date]",    "`date`",    "now",         "date /* */ ",
                                        "localtime", "date --\n", "current_time"};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "INSERT INTO {{t}} VALUES (1, %s('now'))", calls[i]);
        refused(on(text), "p.sql:6:30: ");
    }
    refused(on("INSERT INTO {{t}} VALUES (1, date('now'))"),
            "p.sql:6:30: date() depends on the clock or the time zone: take :event_time or "
            ":event_date, the event's own; substr(:event_date, 1, 7) is its month");
    refused(
        on("INSERT INTO {{t}} VALUES (1, CURRENT_TIMESTAMP)"),
        "p.sql:6:30: CURRENT_TIMESTAMP depends on the clock or the time zone: take :event_time");
    refused(query("SELECT * FROM {{t}} WHERE b > date('now')"),
            "p.sql:8:31: date() gives another answer at another time: let the caller give the time "
            "as a parameter");
    refused(query("SELECT current_date"), "p.sql:8:8: current_date gives another answer");
    passes(on("INSERT INTO {{t}} (date, time) VALUES ('date()', :date) "
              "ON CONFLICT (date) DO UPDATE SET time = excluded.date"));
}

TEST(nothing_is_random)
{
    refused(on("INSERT INTO {{t}} VALUES (random(), 1)"),
            "p.sql:6:27: random() gives another value each time: take a value of the event, as "
            ":event_id");
    refused(on("INSERT INTO {{t}} VALUES (\"random\"(), 1)"), "p.sql:6:27: random() gives");
    refused(on("INSERT INTO {{t}} VALUES (randomblob(16), 1)"), "p.sql:6:27: randomblob() gives");
    refused(query("SELECT a FROM {{t}} ORDER BY RANDOM()"), "p.sql:8:30: RANDOM() gives another");
    passes(on("INSERT INTO {{t}} (random) VALUES (1)"));
}

TEST(nothing_counts_what_was_applied_before)
{
    refused(on("INSERT INTO {{t}} VALUES (last_insert_rowid(), 1)"),
            "p.sql:6:27: last_insert_rowid() depends on what was applied before: use keys");
    refused(on("UPDATE {{t}} SET b = changes()"), "p.sql:6:22: changes() depends on what");
    refused(on("UPDATE {{t}} SET b = [total_changes]()"), "p.sql:6:22: total_changes() depends");
    refused(on("DELETE FROM {{t}} WHERE rowid = 1"),
            "p.sql:6:25: rowid depends on the order of inserts: give the table a key of its own");
    refused(on("DELETE FROM {{t}} WHERE {{t}}.\"OID\" = 1"), "p.sql:6:31: OID depends on");
    refused(query("SELECT _rowid_ FROM {{t}}"), "p.sql:8:8: _rowid_ depends on");
    passes(on("DELETE FROM {{t}} WHERE a = :oid AND b = 'rowid'"));
}

TEST(aggregates_of_an_order_have_one)
{
    refused(query("SELECT group_concat(a, ',') FROM {{t}}"),
            "p.sql:8:8: group_concat() depends on the order of rows, which have none: write OVER "
            "(... ORDER BY ...) after it");
    refused(query("SELECT json_group_array(a) FROM (SELECT a FROM {{t}} ORDER BY a)"),
            "p.sql:8:8: json_group_array() depends on the order");
    refused(query("SELECT row_number() OVER (PARTITION BY b) FROM {{t}}"),
            "p.sql:8:8: row_number() depends on the order");
    refused(query("SELECT row_number() OVER w FROM {{t}} WINDOW w AS (ORDER BY a)"),
            "p.sql:8:8: row_number() depends on the order");
    refused(query("SELECT lag(a) OVER (PARTITION BY (SELECT 1 ORDER BY 1)) FROM {{t}}"),
            "p.sql:8:8: lag() depends on the order");
    passes(query("SELECT row_number() OVER (PARTITION BY b ORDER BY a) FROM {{t}}"));
    passes(query("SELECT group_concat(a, (',')) FILTER (WHERE b > (1)) OVER (ORDER BY a) FROM "
                 "{{t}}"));
}

TEST(limits_have_an_order)
{
    refused(query("SELECT a FROM {{t}} LIMIT 1"),
            "p.sql:8:21: LIMIT without ORDER BY takes any rows: write ORDER BY before it");
    refused(on("DELETE FROM {{t}} LIMIT 1"), "p.sql:6:19: LIMIT without ORDER BY");
    refused(query("SELECT (SELECT a FROM {{t}} LIMIT 1) FROM {{t}} ORDER BY a"),
            "p.sql:8:29: LIMIT without ORDER BY");
    refused(query("SELECT a FROM (SELECT a FROM {{t}} ORDER BY a) LIMIT 1"),
            "p.sql:8:48: LIMIT without ORDER BY");
    refused(query("SELECT (SELECT 1 ORDER BY 1), (SELECT a FROM {{t}} LIMIT 1)"),
            "p.sql:8:52: LIMIT without ORDER BY");
    passes(query("SELECT a FROM {{t}} ORDER BY a LIMIT 10 OFFSET 5"));
    passes(query("SELECT (SELECT a FROM {{t}} ORDER BY (a) LIMIT 1)"));
}

TEST(sqlite_itself_is_out_of_reach)
{
    refused(query("SELECT load_extension('x')"), "p.sql:8:8: load_extension() reads or changes");
    refused(query("SELECT sqlite_version()"), "p.sql:8:8: \"sqlite_version\": names that begin");
    refused(query("SELECT * FROM sqlite_master"),
            "p.sql:8:15: \"sqlite_master\": names that begin");
    refused(query("SELECT * FROM \"SQLITE_schema\""), "p.sql:8:15: \"SQLITE_schema\": names that");
    refused(query("SELECT * FROM pragma_table_info('t')"),
            "p.sql:8:15: pragma_table_info() reads or changes");
}

TEST(no_conflict_ends_the_transaction)
{
    refused(on("INSERT OR ROLLBACK INTO {{t}} VALUES (1, 2)"),
            "p.sql:6:11: ROLLBACK would end the transaction of many events half-way: take IGNORE");
    refused(on("UPDATE OR FAIL {{t}} SET a = 1"), "p.sql:6:11: FAIL would end");
    refused(table("b TEXT UNIQUE ON CONFLICT rollback"), "p.sql:5:27: rollback would end");
    refused(on("INSERT INTO {{t}} VALUES (1, 2) RETURNING a"),
            "p.sql:6:33: RETURNING: nobody reads the rows");
    passes(on("INSERT OR IGNORE INTO {{t}} VALUES (1, 2)"));
    passes(on("INSERT OR REPLACE INTO {{t}} (fail) VALUES (2)"));
}

/* ---- table expressions ----------------------------------------------------------------------- */

TEST(expressions_do_not_multiply)
{
    factum_error err;
    char text[4096];
    size_t len = (size_t)snprintf(text, sizeof text, "WITH a0 AS (SELECT 1 AS x)");
    for (unsigned i = 1; i < 20; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                ", a%u (x) AS NOT MATERIALIZED (SELECT 1 FROM a%u, \"A%u\")", i,
                                i - 1, i - 1);
    }
    (void)snprintf(text + len, sizeof text - len, " SELECT 1 FROM a19");
    assert_status(lint_of(query(text), &err), FACTUM_TOO_BIG);
    assert_text(err, "the expressions of WITH name each other so often");
    len = (size_t)snprintf(text, sizeof text, "WITH a0 AS (SELECT 1)");
    for (unsigned i = 1; i < 20; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, ", a%u AS (SELECT 1 FROM a%u)", i,
                                i - 1);
    }
    (void)snprintf(text + len, sizeof text - len, " SELECT coalesce(1), coalesce(2) FROM a19");
    passes(query(text));
    len = (size_t)snprintf(text, sizeof text, "WITH a0 AS (SELECT 1)");
    for (unsigned i = 1; i < 65; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, ", a%u AS (SELECT 1)", i);
    }
    (void)snprintf(text + len, sizeof text - len, " SELECT 1");
    assert_status(lint_of(query(text), &err), FACTUM_TOO_BIG);
    assert_text(err, "a statement has at most 64 table expressions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_table_calls_no_function),
        CASE(a_table_has_no_clock),
        CASE(a_table_takes_keys_from_events),
        CASE(foreign_keys_are_of_own_tables_and_do_nothing),
        CASE(plain_tables_pass),
        CASE(dates_come_from_the_event),
        CASE(nothing_is_random),
        CASE(nothing_counts_what_was_applied_before),
        CASE(aggregates_of_an_order_have_one),
        CASE(limits_have_an_order),
        CASE(sqlite_itself_is_out_of_reach),
        CASE(no_conflict_ends_the_transaction),
        CASE(expressions_do_not_multiply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
