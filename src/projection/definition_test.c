/* definition_test.c - which definitions are accepted, how they are parsed, and the message of every
 * mistake. Layer: projection. */
#include "projection/definition.h"

#include "core/buf.h"
#include "core/slice.h"
#include "projection/definition_int.h"
#include "support/mem_fault.h"
#include "support/test.h"

#define HEAD "--@ projection p version 1\n--@ from all\n"
#define TABLE "--@ tables\nCREATE TABLE {{t}} (a INTEGER PRIMARY KEY, b TEXT);\n"
#define ON "--@ on A\nINSERT INTO {{t}} (a) VALUES (:a);\n"

static struct fct_definition *parsed(const char *text)
{
    struct fct_definition *definition = NULL;
    factum_error err;
    assert_ok(fct_projection_parse(factum_slice_from(text), "p.sql", FCT_DIALECT_SQLITE,
                                   &definition, &err),
              err);
    return definition;
}

static void refused_slice(factum_slice text, factum_status status, const char *why)
{
    struct fct_definition *definition = (struct fct_definition *)&definition;
    factum_error err = {.text = ""};
    factum_status found =
        fct_projection_parse(text, "p.sql", FCT_DIALECT_SQLITE, &definition, &err);
    if (found != status || strncmp(err.text, why, strlen(why)) != 0) {
        print_error("%.*s\n%s \"%s\", not %s \"%s\"\n", (int)(text.len < 400 ? text.len : 400),
                    (const char *)text.ptr, factum_status_name(found), err.text,
                    factum_status_name(status), why);
        fail();
    }
    assert_null(definition);
}

/* |why| is the beginning of the message. */
static void refused(const char *text, const char *why)
{
    refused_slice(factum_slice_from(text), FACTUM_INVALID, why);
}

static void not_supported(const char *text, const char *why)
{
    refused_slice(factum_slice_from(text), FACTUM_UNSUPPORTED, why);
}

static void assert_slice(factum_slice found, const char *wanted)
{
    if (!fct_slice_equal(found, factum_slice_from(wanted))) {
        print_error("\"%.*s\", not \"%s\"\n", (int)found.len, (const char *)found.ptr, wanted);
        fail();
    }
}

static void assert_printed(const struct fct_statement *statement, const char *wanted)
{
    struct fct_buf buf;
    fct_buf_init(&buf, fct_mem_heap(), 4096);
    assert_int_equal(fct_statement_print(statement, "__v3", &buf), FACTUM_OK);
    assert_slice(fct_buf_slice(&buf), wanted);
    fct_buf_finish(&buf);
}

/* ---- what it becomes ------------------------------------------------------------------------- */

TEST(a_header_defines_what_is_read_and_how)
{
    struct fct_definition *d = parsed(
        "-- a comment\n--@ host other\n--@ poison retry 7 within 30s then park\n--@ mode sync\n"
        "--@ key :customer.id\n--@ from type A, \"B, or C\",D\n"
        "  --@  projection\torders version 12 \r\n" TABLE ON);
    assert_slice(d->name, "orders");
    assert_int_equal(d->version, 12);
    assert_int_equal(d->source, FACTUM_SOURCE_TYPE);
    assert_int_equal(d->source_name_count, 3);
    assert_slice(d->source_names[0], "A");
    assert_slice(d->source_names[1], "B, or C");
    assert_slice(d->source_names[2], "D");
    assert_int_equal(d->key.kind, FCT_PARAMETER_DATA);
    assert_slice(d->key.name, "customer.id");
    assert_int_equal(d->key.path->count, 2);
    assert_int_equal(d->mode, FACTUM_PROJECTION_SYNC);
    assert_int_equal(d->retries, 7);
    assert_int_equal(d->retry_within, INT64_C(30000000000));
    assert_slice(d->host, "other");
    assert_int_equal(strlen(d->hash), 64);
    fct_projection_definition_free(d);
}

TEST(missing_directives_of_a_header_have_defaults)
{
    struct fct_definition *d = parsed(HEAD TABLE ON);
    assert_int_equal(d->source, FACTUM_SOURCE_ALL);
    assert_int_equal(d->source_name_count, 0);
    assert_int_equal(d->key.kind, FCT_PARAMETER_STREAM);
    assert_null(d->key.path);
    assert_int_equal(d->mode, FACTUM_PROJECTION_ASYNC);
    assert_int_equal(d->retries, 5);
    assert_int_equal(d->retry_within, INT64_C(120000000000));
    assert_slice(d->host, "server");
    fct_projection_definition_free(d);
}

TEST(other_sources_are_a_category_and_a_tag)
{
    struct fct_definition *d =
        parsed("--@ projection p version 1\n--@ from category order\n" TABLE ON);
    assert_int_equal(d->source, FACTUM_SOURCE_CATEGORY);
    assert_slice(d->source_names[0], "order");
    fct_projection_definition_free(d);
    d = parsed("--@ projection p version 1\n--@ from tag sku:A-1\n" TABLE ON);
    assert_int_equal(d->source, FACTUM_SOURCE_TAG);
    assert_slice(d->source_names[0], "sku:A-1");
    fct_projection_definition_free(d);
}

TEST(every_duration_has_a_unit)
{
    static const struct {
        const char *text;
        int64_t duration;
    } cases[] = {{"500ms", 500000000},
                 {"2m", INT64_C(120000000000)},
                 {"1h", INT64_C(3600000000000)},
                 {"7d", INT64_C(604800000000000)}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, HEAD "--@ poison retry 0 within %s then park\n" TABLE ON,
                       cases[i].text);
        struct fct_definition *d = parsed(text);
        assert_int_equal(d->retry_within, cases[i].duration);
        assert_int_equal(d->retries, 0);
        fct_projection_definition_free(d);
    }
}

TEST(tables_and_indexes_keep_their_order)
{
    struct fct_definition *d = parsed(HEAD "--@ tables\nCREATE TABLE {{t}} (a TEXT);\n"
                                           "create unique index {{by_a}} on {{t}} (a);\n"
                                           "CREATE TABLE {{u}} (a TEXT -- ; no end\n)\n" ON);
    assert_int_equal(d->relation_count, 3);
    assert_slice(d->relations[0].name, "t");
    assert_false(d->relations[0].is_index);
    assert_slice(d->relations[1].name, "by_a");
    assert_true(d->relations[1].is_index);
    assert_int_equal(d->relations[1].statement.line, 5);
    assert_int_equal(d->relations[1].statement.column, 1);
    assert_printed(&d->relations[1].statement, "create unique index \"by_a__v3\" on \"t__v3\" (a)");
    assert_slice(d->relations[2].name, "u");
    fct_projection_definition_free(d);
}

TEST(a_handler_has_types_parameters_and_statements)
{
    struct fct_definition *d =
        parsed(HEAD TABLE "--@ on A, \"B C\" expect 2 each .lines[]\n"
                          "INSERT INTO {{t}} VALUES (:sku, :item_index, :data.id, ':no', :sku);\n"
                          "UPDATE {{t}} SET a = :item, b = :meta.x.y WHERE a=:event_id;\n");
    const struct fct_handler *handler = &d->handlers[0];
    assert_int_equal(d->handler_count, 1);
    assert_int_equal(handler->line, 5);
    assert_int_equal(handler->type_count, 2);
    assert_slice(handler->types[1], "B C");
    assert_true(handler->expect_set);
    assert_int_equal(handler->expect, 2);
    assert_true(handler->each->fans_out);
    assert_int_equal(handler->statement_count, 2);
    assert_int_equal(handler->parameter_count, 6);
    static const struct {
        const char *name;
        enum fct_parameter_kind kind;
        unsigned steps;
    } wanted[] = {{"sku", FCT_PARAMETER_ITEM, 1},      {"item_index", FCT_PARAMETER_ITEM_INDEX, 0},
                  {"data.id", FCT_PARAMETER_DATA, 1},  {"item", FCT_PARAMETER_ITEM, 0},
                  {"meta.x.y", FCT_PARAMETER_META, 2}, {"event_id", FCT_PARAMETER_EVENT_ID, 0}};
    for (size_t i = 0; i < 6; i++) {
        assert_slice(handler->parameters[i].name, wanted[i].name);
        assert_int_equal(handler->parameters[i].kind, wanted[i].kind);
        assert_int_equal(handler->parameters[i].path == NULL ? 0
                                                             : handler->parameters[i].path->count,
                         wanted[i].steps);
    }
    assert_int_equal(handler->parameters[2].line, 6);
    assert_int_equal(handler->parameters[2].column, 46);
    assert_printed(&handler->statements[0], "INSERT INTO \"t__v3\" VALUES (?1, ?2, ?3, ':no', ?1)");
    assert_printed(&handler->statements[1], "UPDATE \"t__v3\" SET a = ?4, b = ?5 WHERE a=?6");
    fct_projection_definition_free(d);
}

TEST(without_each_parameters_start_at_the_data)
{
    struct fct_definition *d =
        parsed(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = :a.b AND b = :gr\xc3\xb6\xc3\x9f"
                          "e AND b = :data\n");
    assert_int_equal(d->handlers[0].parameters[0].kind, FCT_PARAMETER_DATA);
    assert_int_equal(d->handlers[0].parameters[0].path->count, 2);
    assert_int_equal(d->handlers[0].parameters[1].path->steps[0].len, 7);
    assert_null(d->handlers[0].parameters[2].path);
    fct_projection_definition_free(d);
}

TEST(names_that_touch_stay_apart)
{
    struct fct_definition *d = parsed(HEAD TABLE "--@ on A\nDELETE FROM {{t}}{{t}}\"x\"{{t}}");
    assert_printed(&d->handlers[0].statements[0],
                   "DELETE FROM \"t__v3\" \"t__v3\" \"x\" \"t__v3\"");
    fct_projection_definition_free(d);
}

TEST(a_query_has_the_parameters_of_its_caller)
{
    struct fct_definition *d =
        parsed(HEAD TABLE ON "--@ query by_b\nWITH x AS (SELECT * FROM {{t}}) SELECT * FROM x "
                             "WHERE b = :event_id OR b = :limit");
    assert_int_equal(d->query_count, 1);
    assert_slice(d->queries[0].name, "by_b");
    assert_int_equal(d->queries[0].parameter_count, 2);
    assert_slice(d->queries[0].parameters[1].name, "limit");
    assert_printed(&d->queries[0].statement,
                   "WITH x AS (SELECT * FROM \"t__v3\") SELECT * FROM x WHERE b = ?1 OR b = ?2");
    fct_projection_definition_free(d);
}

TEST(sections_may_come_in_any_order)
{
    struct fct_definition *d = parsed(HEAD ON "--@ query q\nSELECT 1\n" TABLE ON);
    assert_int_equal(d->handler_count, 2);
    fct_projection_definition_free(d);
}

TEST(statements_of_another_dialect_are_left_out)
{
    static const char text[] = HEAD TABLE
        "--@ on A\n--@ if sqlite\nINSERT INTO {{t}} (a) VALUES (:a)\n--@ end\n--@ if postgres\n"
        "INSERT INTO {{t}} (b) VALUES (:b::text);\nTRUNCATE {{t}};\n--@ end\nDELETE FROM {{t}};\n";
    struct fct_definition *d = parsed(text);
    assert_int_equal(d->handlers[0].statement_count, 2);
    assert_int_equal(d->handlers[0].parameter_count, 1);
    assert_slice(d->handlers[0].parameters[0].name, "a");
    fct_projection_definition_free(d);
    factum_error err;
    struct fct_definition *other;
    assert_status(
        fct_projection_parse(factum_slice_from(text), "p.sql", FCT_DIALECT_POSTGRES, &other, &err),
        FACTUM_INVALID);
    assert_text(err, "p.sql:11:1: TRUNCATE: a section \"on\" takes INSERT");
}

TEST(handlers_are_found_by_type_in_their_order)
{
    struct fct_definition *d =
        parsed(HEAD TABLE ON "--@ on B, A\nDELETE FROM {{t}};\n--@ on B\nDELETE FROM {{t}};\n");
    size_t from = 0;
    assert_ptr_equal(fct_projection_handler(d, FCT_SLICE("A"), &from), &d->handlers[0]);
    assert_ptr_equal(fct_projection_handler(d, FCT_SLICE("A"), &from), &d->handlers[1]);
    assert_null(fct_projection_handler(d, FCT_SLICE("A"), &from));
    from = 0;
    assert_null(fct_projection_handler(d, FCT_SLICE("C"), &from));
    fct_projection_definition_free(d);
}

TEST(an_index_may_be_named_after_indexed_by)
{
    static const char index[] = "CREATE INDEX {{i}} ON {{t}} (a);\n";
    char text[512];
    (void)snprintf(text, sizeof text, "%s%s%s", HEAD TABLE, index,
                   "--@ on A\nDELETE FROM {{t}} INDEXED BY {{i}};");
    fct_projection_definition_free(parsed(text));
    (void)snprintf(text, sizeof text, "%s%s%s", HEAD TABLE, index, "--@ on A\nDELETE FROM {{i}};");
    refused(text, "p.sql:7:13: {{i}} is an index: name a table here");
    (void)snprintf(text, sizeof text, "%s%s%s", HEAD TABLE, index,
                   "--@ on A\nDELETE FROM {{t}} INDEXED BY {{t}};");
    refused(text, "p.sql:7:30: {{t}} is a table: name an index here");
}

/* ---- mistakes of directives ------------------------------------------------------------------ */

TEST(an_unknown_directive_is_named_with_the_nearest_one)
{
    refused(HEAD TABLE ON "--@ querry x\n",
            "p.sql:7:5: there is no directive \"querry\": did you mean \"query\"?");
    refused(HEAD "--@ tabels\n",
            "p.sql:3:5: there is no directive \"tabels\": did you mean \"tables\"?");
    refused(HEAD "--@   frobnicate\n",
            "p.sql:3:7: there is no directive \"frobnicate\": they are projection, from");
    refused(HEAD "--@\n", "p.sql:3:4: a directive has no name");
    refused(HEAD "--@ \"on\" A\n", "p.sql:3:6: there is no directive \"on\"");
}

TEST(features_of_other_systems_are_refused_by_name)
{
    not_supported(HEAD "--@ lanes 4\n", "p.sql:3:5: --@ lanes is not supported: a projection is");
    not_supported(HEAD "--@ resequence 1m\n", "p.sql:3:5: --@ resequence is not supported: ");
    not_supported(HEAD "--@ live\n", "p.sql:3:5: --@ live is not supported: ");
    not_supported(HEAD "--@ target postgres\n", "p.sql:3:5: --@ target is not supported: ");
    not_supported(HEAD "--@ mode inline\n", "p.sql:3:10: mode inline is not supported: ");
    not_supported(HEAD "--@ poison retry 5 within 2m then stop\n",
                  "p.sql:3:35: then stop is not supported: write then park");
    not_supported("--@ from stream a\n", "p.sql:1:10: --@ from stream is not supported: write");
    not_supported("--@ from category a, b\n", "p.sql:1:20: several categories or tags are not");
    not_supported(HEAD TABLE "CREATE VIEW {{v}} AS SELECT 1;", "p.sql:5:8: views are not");
    not_supported(HEAD TABLE "CREATE VIRTUAL TABLE {{v}} USING fts5(a);", "p.sql:5:8: virtual");
    not_supported(HEAD TABLE "CREATE TRIGGER x AFTER INSERT ON {{t}} BEGIN DELETE FROM {{t}}; END;",
                  "p.sql:5:8: triggers are not supported: write the statement into its section");
}

TEST(a_header_must_be_whole)
{
    refused("", "p.sql:1:1: --@ projection is missing: write --@ projection NAME version N");
    refused(TABLE ON, "p.sql:1:1: --@ projection is missing");
    refused("--@ projection p version 1\n" TABLE ON, "p.sql:1:1: --@ from is missing");
    refused(HEAD, "p.sql:1:1: there is no table: write --@ tables");
    refused(HEAD TABLE, "p.sql:1:1: nothing is done with events: write --@ on TYPE");
    refused(HEAD ON, "p.sql:1:1: there is no table");
    refused(HEAD "--@ tables\nCREATE INDEX {{i}} ON {{t}} (a);\n" ON,
            "p.sql:1:1: there is no table");
}

TEST(a_header_stands_once_and_on_top)
{
    refused(HEAD "--@ from all\n", "p.sql:3:5: --@ from appears twice: leave one out");
    refused(HEAD TABLE "--@ mode sync\n", "p.sql:5:5: --@ mode after a section: move it to the");
    refused(HEAD TABLE ON "--@ tables\n",
            "p.sql:7:1: \"tables\" appears twice, first in line 3: put all into one");
    refused("SELECT 1;\n" HEAD, "p.sql:1:1: a statement outside of a section");
    refused(HEAD "--@ tables --@ on A\n", "p.sql:3:12: \"--@\" is not expected here");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}}; --@ on B\nDELETE FROM {{t}};",
            "p.sql:6:20: a directive in a line with something else");
}

TEST(words_of_a_header_are_checked)
{
    refused("--@ projection\n", "p.sql:1:15: --@ projection ends too early: write --@ projection");
    refused("--@ projection a-b version 1\n", "p.sql:1:16: \"a-b\" is not a name of a projection");
    refused("--@ projection A version 1\n", "p.sql:1:16: \"A\" is not a name");
    refused(
        "--@ projection factum_a version 1\n",
        "p.sql:1:16: a projection \"factum_a\": names that begin with \"factum_\" are reserved");
    refused("--@ projection p verzion 1\n", "p.sql:1:18: \"verzion\" is not expected here: write");
    refused("--@ projection p version 0\n", "p.sql:1:26: \"0\" is not a number from 1 to");
    refused("--@ projection p version 1x\n", "p.sql:1:26: \"1x\" is not a number");
    refused("--@ projection p version 1 x\n", "p.sql:1:28: \"x\" is not expected here");
    refused("--@ projection p version 99999999999999999999\n", "p.sql:1:26: \"999999");
    refused("--@ from\n", "p.sql:1:9: --@ from ends too early");
    refused("--@ from al\n", "p.sql:1:10: \"al\" is not expected here: write --@ from all |");
    refused("--@ from category a-b\n", "p.sql:1:19: \"a-b\" is not a category");
    refused("--@ from category $a\n", "p.sql:1:19: \"$a\" is not a category");
    refused("--@ from type A,\n", "p.sql:1:17: --@ from ends too early");
    refused("--@ from type A, A\n", "p.sql:1:18: \"A\" appears twice: leave one out");
    refused("--@ from type \"A\n", "p.sql:1:15: a name has no closing quote");
    refused("--@ from type \"\"\n", "p.sql:1:15: a name in quotes is empty");
    refused(HEAD "--@ key customer\n",
            "p.sql:3:9: \"customer\" is not expected here: write --@ key");
    refused(HEAD "--@ key :event_time\n", "p.sql:3:9: :event_time cannot be a key: take :stream");
    refused(HEAD "--@ key :item.a\n", "p.sql:3:9: :item is there only with each");
    refused(HEAD "--@ key :a[0]\n", "p.sql:3:9: \":a[0]\" is not expected here");
    refused(HEAD "--@ mode fast\n",
            "p.sql:3:10: \"fast\" is not expected here: write --@ mode async");
    refused(HEAD "--@ poison retry 101 within 1m then park\n",
            "p.sql:3:18: \"101\" is not a number from 0 to 100");
    refused(HEAD "--@ poison retry 1 within 8d then park\n",
            "p.sql:3:27: \"8d\" is not a duration from 1ms to 7d");
    refused(HEAD "--@ poison retry 1 within 2\n", "p.sql:3:27: \"2\" is not a duration");
    refused(HEAD "--@ poison retry 1 within 2m\n", "p.sql:3:29: --@ poison ends too early");
    refused(HEAD "--@ host a/b\n", "p.sql:3:10: \"a/b\" is not a name of a host");
}

TEST(sections_are_checked)
{
    refused(HEAD "--@ tables x\n", "p.sql:3:12: \"x\" is not expected here");
    refused(HEAD "--@ tables\n--@ on A\n", "p.sql:3:1: the section has no statement");
    refused(HEAD TABLE "--@ on\n", "p.sql:5:7: --@ on ends too early");
    refused(HEAD TABLE "--@ on A B\n", "p.sql:5:10: \"B\" is not expected here: write --@ on TYPE");
    refused(HEAD TABLE "--@ on each .a\n", "p.sql:5:8: \"each\" is not expected here");
    refused(HEAD TABLE "--@ on A, A\n", "p.sql:5:11: \"A\" appears twice");
    refused(HEAD TABLE "--@ on A each\n", "p.sql:5:14: --@ on ends too early");
    refused(HEAD TABLE "--@ on A each lines\n",
            "p.sql:5:15: path lines: a path begins with a dot at byte 0: write each .lines[]");
    refused(HEAD TABLE "--@ on A each .a each .b\n", "p.sql:5:18: \"each\" is not expected");
    refused(HEAD TABLE "--@ on A expect\n", "p.sql:5:16: --@ on ends too early");
    refused(HEAD TABLE "--@ on A expect -1\n", "p.sql:5:17: \"-1\" is not a number from 0");
    refused(HEAD TABLE "--@ query\n", "p.sql:5:10: --@ query ends too early");
    refused(HEAD TABLE "--@ query X\n", "p.sql:5:11: \"X\" is not a name of a query");
    refused(HEAD TABLE "--@ query q\nSELECT 1\n--@ query q\n",
            "p.sql:7:11: there are two queries \"q\": give one another name");
    refused("--@ projection p version 1\n--@ from type B\n" TABLE ON,
            "p.sql:5:1: events of type \"A\" are never read: add it to --@ from type");
}

TEST(conditions_are_closed_and_do_not_nest)
{
    refused(HEAD "--@ if sqlite\n", "p.sql:3:5: --@ if outside of a section");
    refused(HEAD TABLE "--@ end\n", "p.sql:5:1: --@ end without --@ if");
    refused(HEAD TABLE "--@ if mysql\n", "p.sql:5:8: \"mysql\" is not expected here: write --@ if");
    refused(HEAD TABLE "--@ if sqlite\n--@ if postgres\n",
            "p.sql:6:8: --@ if in --@ if, which is open since line 5");
    refused(HEAD TABLE "--@ if sqlite\n--@ on A\n", "p.sql:5:1: --@ if is not closed");
    refused(HEAD TABLE "--@ if sqlite\n", "p.sql:5:1: --@ if is not closed");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}}\n--@ if sqlite\n",
            "p.sql:7:1: a directive in the middle of a statement: end it with ;");
    refused(HEAD TABLE ON "--@ query q\n--@ if postgres\nSELECT 1;\n--@ end\n",
            "p.sql:7:1: query q has no statement for this database");
    not_supported(HEAD TABLE "--@ else\n", "p.sql:5:5: --@ else is not supported: write --@ end");
}

/* ---- mistakes of statements ------------------------------------------------------------------ */

TEST(tables_are_created_with_their_template)
{
    refused(HEAD "--@ tables\nCREATE TABLE t (a);", "p.sql:4:14: t has no {{}}, but every version");
    refused(HEAD "--@ tables\nCREATE TABLE \"t\" (a);", "p.sql:4:14: \"t\" has no {{}}");
    refused(HEAD TABLE "CREATE INDEX i ON {{t}} (a);", "p.sql:5:14: i has no {{}}");
    refused(HEAD TABLE "CREATE INDEX {{i}} ON t (a);", "p.sql:5:23: an index is on a table of the");
    refused(HEAD TABLE "CREATE TABLE IF NOT EXISTS {{u}} (a);", "p.sql:5:14: IF NOT EXISTS: every");
    refused(HEAD TABLE "CREATE TEMP TABLE {{u}} (a);", "p.sql:5:8: \"tables\" takes CREATE TABLE");
    refused(HEAD TABLE "CREATE UNIQUE TABLE {{u}} (a);", "p.sql:5:15: \"tables\" takes CREATE");
    refused(HEAD TABLE "CREATE TABLE {{u}} AS SELECT 1;", "p.sql:5:20: a table begins empty");
    refused(HEAD TABLE "DROP TABLE {{t}};", "p.sql:5:1: \"tables\" takes CREATE TABLE {{name}}");
    refused(HEAD TABLE "INSERT INTO {{t}} VALUES (1);", "p.sql:5:1: \"tables\" takes CREATE");
    refused(HEAD TABLE "CREATE TABLE {{t}} (a);", "p.sql:5:14: {{t}} is created twice");
    refused(HEAD TABLE "CREATE INDEX {{t}} ON {{t}} (a);", "p.sql:5:14: {{t}} is created twice");
    refused(HEAD TABLE "CREATE TABLE {{T}} (a);", "p.sql:5:14: \"T\" is not a name of a table or");
    refused(HEAD TABLE "CREATE TABLE {{sqlite_x}} (a);",
            "p.sql:5:14: a table or index \"sqlite_x\"");
    refused(HEAD TABLE "CREATE TABLE {{factum_x}} (a);",
            "p.sql:5:14: a table or index \"factum_x\"");
    refused(HEAD TABLE "CREATE TABLE {{t__v3}} (a);", "p.sql:5:14: \"t__v3\" has two _ in a row");
    refused(HEAD TABLE "CREATE TABLE {{u}} (a DEFAULT :a);",
            "p.sql:5:31: :a: a table has no parameters: write a literal");
}

TEST(templates_must_be_created)
{
    refused(HEAD "--@ tables\nCREATE TABLE {{orders}} (a);\n--@ on A\nDELETE FROM {{order}};",
            "p.sql:6:13: {{order}} is not created in \"tables\": did you mean {{orders}}?");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{lines}};",
            "p.sql:6:13: {{lines}} is not created in \"tables\": write CREATE TABLE {{lines}}");
    refused(HEAD TABLE "CREATE INDEX {{i}} ON {{nothing}} (a);\n" ON,
            "p.sql:5:23: {{nothing}} is not created");
    refused(HEAD TABLE ON "--@ query q\nSELECT * FROM {{nothing}}",
            "p.sql:8:15: {{nothing}} is not created");
}

TEST(only_some_statements_may_stand_in_a_section)
{
    static const char *const verbs[] = {
        "SELECT 1", "DROP TABLE {{t}}", "PRAGMA x",   "ATTACH 'a' AS b", "BEGIN", "COMMIT",
        "VACUUM",   "EXPLAIN DELETE",   "VALUES (1)", "(DELETE",         "{{t}}", "'x'"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "%s--@ on A\n%s%s;\n", HEAD TABLE, verbs[i],
                       verbs[i][0] == '(' ? ")" : "");
        refused(text, "p.sql:6:1: ");
    }
    refused(HEAD TABLE "--@ on A\nSELECT 1;",
            "p.sql:6:1: SELECT: a section \"on\" takes INSERT, UPDATE, DELETE and REPLACE");
    refused(HEAD TABLE "--@ on A\nWITH x AS (DELETE) SELECT 1;", "p.sql:6:20: SELECT: a section");
    refused(HEAD TABLE "--@ on A\nWITH x AS (SELECT 1);",
            "p.sql:6:1: WITH: a section \"on\" takes");
    refused(HEAD TABLE "--@ query q\nDELETE FROM {{t}};",
            "p.sql:6:1: DELETE: a query is one SELECT");
    refused(HEAD TABLE "--@ query q\nWITH x AS (SELECT 1) DELETE FROM {{t}}",
            "p.sql:6:22: DELETE: a query is one SELECT");
    refused(HEAD TABLE "--@ query q\nSELECT 1; SELECT 2;", "p.sql:6:11: a query is one statement");
    refused(HEAD TABLE "--@ on A\n;", "p.sql:6:1: an empty statement: leave this ; out");
}

TEST(parameters_mean_something)
{
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = :event_tim",
            "p.sql:6:29: there is no parameter :event_tim: did you mean :event_time?");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = :event_whatever_else",
            "p.sql:6:29: parameters that begin with event_ or factum_ are reserved: write "
            ":data.event_whatever_else");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = :factum_x",
            "p.sql:6:29: parameters that begin with event_ or factum_");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = :stream.x",
            "p.sql:6:29: :stream has no members: write :data.stream.x");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = :item.x",
            "p.sql:6:29: :item is there only with each: write --@ on TYPE each .path");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = :item_index",
            "p.sql:6:29: :item_index is there only with each");
    refused(HEAD TABLE "--@ query q\nSELECT :a.b",
            "p.sql:6:8: :a.b: a parameter of a query has no members");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = ?1",
            "p.sql:6:29: a parameter has the form :name");
}

TEST(what_is_not_closed_is_refused)
{
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE (a = (1);",
            "p.sql:6:25: a parenthesis is not closed");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = 1);",
            "p.sql:6:30: a parenthesis is closed that was not opened");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE (a =\n--@ on B\n",
            "p.sql:6:25: a parenthesis is not closed");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = 'x;\n", "p.sql:6:29: a text has no");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t WHERE a = 1;\n", "p.sql:6:13: a table's name is");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} /* x\n", "p.sql:7:1: a comment has no end");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE \"a = 1;\n", "p.sql:6:25: a name has no");
}

/* ---- hostile texts --------------------------------------------------------------------------- */

TEST(bytes_that_are_no_text_are_refused)
{
    refused_slice(FCT_SLICE(HEAD "-- \0\n"), FACTUM_INVALID, "p.sql:3:4: a zero byte: take it out");
    refused(HEAD "-- \xff\n", "p.sql:3:4: not valid UTF-8");
    refused(HEAD "-- \xed\xa0\x80\n", "p.sql:3:4: not valid UTF-8");
    refused("\xef\xbb\xbf" HEAD, "p.sql:1:1: a byte order mark: save the file without it");
    refused(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE \xef\xbb\xbfrandom() > 1;",
            "p.sql:6:25: a byte order mark");
    refused(HEAD "\x01", "p.sql:3:1: a control character");
    refused(HEAD TABLE "--@ on A\x01\n", "p.sql:5:8: a control character in a name");
}

/* |head|, then |count| times |part| ("%u" is its number), then |tail|; for fct_mem_free. */
static char *repeated(const char *head, const char *part, unsigned count, const char *tail)
{
    size_t size = strlen(head) + count * (strlen(part) + 10) + strlen(tail) + 1;
    char *text = fct_mem_alloc(fct_mem_heap(), size);
    assert_non_null(text);
    size_t len = (size_t)snprintf(text, size, "%s", head);
    for (unsigned i = 0; i < count; i++) {
        const char *number = strstr(part, "%u");
        int before = number == NULL ? (int)strlen(part) : (int)(number - part);
        len += (size_t)snprintf(text + len, size - len, "%.*s", before, part);
        if (number != NULL) {
            len += (size_t)snprintf(text + len, size - len, "%u%s", i, number + 2);
        }
    }
    (void)snprintf(text + len, size - len, "%s", tail);
    return text;
}

static void too_many(const char *head, const char *part, unsigned count, const char *tail,
                     const char *why)
{
    char *text = repeated(head, part, count, tail);
    refused_slice(factum_slice_from(text), FACTUM_TOO_BIG, why);
    fct_mem_free(fct_mem_heap(), text);
}

static void just_enough(const char *head, const char *part, unsigned count, const char *tail)
{
    char *text = repeated(head, part, count, tail);
    fct_projection_definition_free(parsed(text));
    fct_mem_free(fct_mem_heap(), text);
}

TEST(every_list_has_a_limit)
{
    just_enough(HEAD "--@ tables\n", "CREATE TABLE {{t%u}} (a);\n", 64,
                "--@ on A\nDELETE FROM {{t1}};");
    too_many(HEAD "--@ tables\n", "CREATE TABLE {{t%u}} (a);\n", 65, "",
             "p.sql:68:1: a definition has at most 64 tables and 256 indexes");
    just_enough(HEAD TABLE, "CREATE INDEX {{i%u}} ON {{t}} (a);\n", 256, ON);
    too_many(HEAD TABLE, "CREATE INDEX {{i%u}} ON {{t}} (a);\n", 257, "",
             "p.sql:261:1: a definition has at most 64 tables");
    just_enough(HEAD TABLE, "--@ on A\nDELETE FROM {{t}};\n", 256, "");
    too_many(HEAD TABLE, "--@ on A\nDELETE FROM {{t}};\n", 9000, "",
             "p.sql:517:8: a definition has at most 256 sections \"on\"");
    just_enough(HEAD TABLE "--@ on A\n", "--@ if sqlite\n--@ end\n", 10000, "DELETE FROM {{t}};");
    just_enough(HEAD TABLE "--@ on A\n", "DELETE FROM {{t}};\n", 64, "");
    too_many(HEAD TABLE "--@ on A\n", "DELETE FROM {{t}};\n", 65, "",
             "p.sql:70:1: a section has at most 64 statements");
    just_enough(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a IN (", ":a%u,", 256, ":a1)");
    too_many(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a IN (", ":a%u,", 257, ":a1)",
             "p.sql:6:1457: a section has at most 256 parameters");
    just_enough(HEAD TABLE, "--@ query q%u\nSELECT 1;\n", 64, ON);
    too_many(HEAD TABLE, "--@ query q%u\nSELECT 1;\n", 65, ON,
             "p.sql:133:11: a definition has at most 64 queries");
    just_enough(HEAD TABLE "--@ on A", ", A%u", 1023, "\nDELETE FROM {{t}};");
    too_many(HEAD TABLE "--@ on A", ", A%u", 1024, "\nDELETE FROM {{t}};", "p.sql:5:");
    just_enough(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE ", "(", 100,
                "1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))"
                "))))))))))))))))))))");
    too_many(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE ", "(", 101, "1",
             "p.sql:6:125: parentheses are deeper than 100");
}

TEST(a_text_has_a_limit)
{
    size_t size = FACTUM_PROJECTION_TEXT_MAX;
    static const char good[] = HEAD TABLE ON;
    char *text = fct_mem_alloc(fct_mem_heap(), size + 1);
    assert_non_null(text);
    memset(text, ' ', size + 1);
    memcpy(text, good, sizeof good - 1);
    struct fct_definition *d = NULL;
    factum_error err;
    assert_ok(fct_projection_parse(fct_slice(text, size), "p.sql", FCT_DIALECT_SQLITE, &d, &err),
              err);
    fct_projection_definition_free(d);
    refused_slice(fct_slice(text, size + 1), FACTUM_TOO_BIG,
                  "p.sql: a definition has at most 262144 bytes, this one has 262145");
    fct_mem_free(fct_mem_heap(), text);
}

TEST(memory_has_a_limit)
{
    char *section = repeated("--@ on A\nDELETE FROM {{t}} WHERE a IN (", ":b%u,", 200, "1);\n");
    char *text = repeated(HEAD TABLE, section, 170, "");
    refused_slice(factum_slice_from(text), FACTUM_TOO_BIG,
                  "the definition needs more than 33554432 bytes of memory");
    fct_mem_free(fct_mem_heap(), section);
    fct_mem_free(fct_mem_heap(), text);
}

TEST(a_long_name_of_a_parameter_is_refused)
{
    too_many(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = :x", "y", 300, "",
             "p.sql:6:29: a parameter has at most 256 bytes");
    too_many(HEAD TABLE "--@ on A\nDELETE FROM {{t}} WHERE a = :x", ".y", 40, "",
             "p.sql:6:29: :x.y");
    too_many(HEAD TABLE "--@ query q\nSELECT :x", "y", 64, "", "p.sql:6:8: a parameter of a query");
}

TEST(every_failed_allocation_is_reported)
{
    static const char text[] =
        HEAD "--@ key :a.b\n" TABLE ON
             "--@ on B each .x[]\nDELETE FROM {{t}} WHERE a IN (:a, :b, :c, :d, :e);\n"
             "--@ query q\nSELECT * FROM {{t}} WHERE a = :a\n";
    struct fct_mem_fault fault;
    struct fct_definition *d = NULL;
    factum_error err;
    factum_status status = FACTUM_NO_MEMORY;
    unsigned long at;
    fct_mem_fault_init(&fault);
    for (at = 0; status == FACTUM_NO_MEMORY && at < 1000; at++) {
        fault.calls = 0;
        fault.fail_at = at;
        status = fct_projection_parse_in(&fault.mem, factum_slice_from(text), "p.sql",
                                         FCT_DIALECT_SQLITE, &d, &err);
        assert_true(status == FACTUM_OK || fault.held == 0);
    }
    assert_int_equal(status, FACTUM_OK);
    assert_true(at > 2);
    fct_projection_definition_free(d);
    assert_int_equal(fault.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_header_defines_what_is_read_and_how),
        CASE(missing_directives_of_a_header_have_defaults),
        CASE(other_sources_are_a_category_and_a_tag),
        CASE(every_duration_has_a_unit),
        CASE(tables_and_indexes_keep_their_order),
        CASE(a_handler_has_types_parameters_and_statements),
        CASE(without_each_parameters_start_at_the_data),
        CASE(names_that_touch_stay_apart),
        CASE(a_query_has_the_parameters_of_its_caller),
        CASE(sections_may_come_in_any_order),
        CASE(statements_of_another_dialect_are_left_out),
        CASE(handlers_are_found_by_type_in_their_order),
        CASE(an_index_may_be_named_after_indexed_by),
        CASE(an_unknown_directive_is_named_with_the_nearest_one),
        CASE(features_of_other_systems_are_refused_by_name),
        CASE(a_header_must_be_whole),
        CASE(a_header_stands_once_and_on_top),
        CASE(words_of_a_header_are_checked),
        CASE(sections_are_checked),
        CASE(conditions_are_closed_and_do_not_nest),
        CASE(tables_are_created_with_their_template),
        CASE(templates_must_be_created),
        CASE(only_some_statements_may_stand_in_a_section),
        CASE(parameters_mean_something),
        CASE(what_is_not_closed_is_refused),
        CASE(bytes_that_are_no_text_are_refused),
        CASE(every_list_has_a_limit),
        CASE(a_text_has_a_limit),
        CASE(memory_has_a_limit),
        CASE(a_long_name_of_a_parameter_is_refused),
        CASE(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
