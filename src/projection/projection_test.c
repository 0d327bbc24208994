/* projection_test.c - loading a definition through the public API. Layer: projection. */
#include <factum/projection.h>

#include "core/slice.h"
#include "support/test.h"

#define HEAD "--@ projection p version 4\n"
#define REST                                                                                       \
    "--@ tables\nCREATE TABLE {{t}} (a TEXT PRIMARY KEY, b TEXT);\nCREATE TABLE {{u}} (a);\n"      \
    "CREATE INDEX {{i}} ON {{t}} (b);\n--@ on A, B\nDELETE FROM {{t}};\n--@ on B\n"                \
    "UPDATE {{t}} SET b = :b;\n--@ query all_of_them\nSELECT * FROM {{t}} ORDER BY a;\n"

static factum_projection *loaded(const char *text)
{
    factum_projection *projection = NULL;
    factum_error err;
    assert_ok(factum_projection_load(factum_slice_from(text), NULL, &projection, &err), err);
    return projection;
}

static void refused(const char *text, const char *why)
{
    factum_projection *projection = (factum_projection *)&projection;
    const factum_projection_options options = {.size = sizeof options, .name = "dir/p.sql"};
    factum_error err;
    assert_status(factum_projection_load(factum_slice_from(text), &options, &projection, &err),
                  FACTUM_INVALID);
    assert_text(err, why);
    assert_null(projection);
}

static void check_source(const char *text, factum_source source)
{
    factum_projection *projection = loaded(text);
    factum_projection_info info = {.size = sizeof info};
    factum_error err;
    assert_ok(factum_projection_info_get(projection, &info, &err), err);
    assert_int_equal(info.source, source);
    factum_projection_free(projection);
}

TEST(a_loaded_projection_reports_its_definition)
{
    factum_projection *projection = loaded(HEAD "--@ from category order\n--@ mode sync\n" REST);
    factum_projection_info info = {.size = sizeof info};
    factum_error err;
    assert_ok(factum_projection_info_get(projection, &info, &err), err);
    assert_true(fct_slice_equal(info.name, FCT_SLICE("p")));
    assert_int_equal(info.version, 4);
    assert_int_equal(info.hash.len, 64);
    assert_true(fct_slice_starts(info.text, FCT_SLICE(HEAD)));
    assert_int_equal(info.mode, FACTUM_PROJECTION_SYNC);
    assert_true(fct_slice_equal(info.host, FCT_SLICE("server")));
    assert_int_equal(info.source, FACTUM_SOURCE_CATEGORY);
    assert_int_equal(info.type_count, 2);
    assert_int_equal(info.table_count, 2);
    assert_int_equal(info.query_count, 1);
    factum_projection_free(projection);
}

TEST(a_source_is_reported_as_it_is_read)
{
    check_source(HEAD "--@ from all\n" REST, FACTUM_SOURCE_ALL);
    check_source(HEAD "--@ from type A, B\n" REST, FACTUM_SOURCE_QUERY);
    check_source(HEAD "--@ from tag x\n" REST, FACTUM_SOURCE_QUERY);
    check_source(HEAD "--@ from type A\n--@ tables\nCREATE TABLE {{t}} (a);\n--@ on A\n"
                      "DELETE FROM {{t}};\n",
                 FACTUM_SOURCE_TYPE);
}

TEST(each_check_is_made)
{
    refused("--@ projektion", "dir/p.sql:1:5: there is no directive \"projektion\": did you mean "
                              "\"projection\"?");
    refused(HEAD "--@ from all\n" REST "--@ on C\nDELETE FROM {{t}} LIMIT 1;\n",
            "dir/p.sql:14:19: LIMIT without ORDER BY");
    refused(HEAD "--@ from all\n" REST "--@ on C\nDELETE FROM {{t}} WHERE c = 1;\n",
            "dir/p.sql:14:25: no such column: c");
}

TEST(wrong_arguments_are_refused)
{
    factum_projection *projection = NULL;
    factum_projection_options options = {.name = "x"};
    factum_projection_info info = {.size = 0};
    factum_error err;
    assert_status(factum_projection_load(FCT_SLICE(HEAD), &options, &projection, &err),
                  FACTUM_INVALID);
    assert_text(err, "load a projection: the options");
    assert_status(factum_projection_load(FCT_SLICE(HEAD), NULL, NULL, &err), FACTUM_INVALID);
    assert_status(factum_projection_load(fct_slice(NULL, 3), NULL, &projection, NULL),
                  FACTUM_INVALID);
    assert_status(factum_projection_load(fct_slice(NULL, 0), NULL, &projection, &err),
                  FACTUM_INVALID);
    assert_text(err, "projection:1:1: --@ projection is missing");
    assert_status(factum_projection_info_get(NULL, &info, &err), FACTUM_INVALID);
    info.size = sizeof info;
    assert_status(factum_projection_info_get(NULL, &info, &err), FACTUM_INVALID);
    factum_projection_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_loaded_projection_reports_its_definition),
        CASE(a_source_is_reported_as_it_is_read),
        CASE(each_check_is_made),
        CASE(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
