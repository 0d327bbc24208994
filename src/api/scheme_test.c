/* scheme_test.c - addresses and the table of their schemes. */
#include "support/test.h"

#include <factum/store.h>

#include "api/scheme.h"
#include "core/error.h"

static factum_error err;
static char opened[64];

static factum_status open_first(struct fct_engine *engine, const struct fct_scheme_options *options,
                                factum_error *failure)
{
    (void)engine;
    (void)snprintf(opened, sizeof opened, "first %s", options->address);
    return fct_fail(failure, FACTUM_UNREACHABLE, "nobody is there");
}

static factum_status open_second(struct fct_engine *engine,
                                 const struct fct_scheme_options *options, factum_error *failure)
{
    (void)engine;
    (void)snprintf(opened, sizeof opened, "second %s", options->address);
    return fct_fail(failure, FACTUM_DENIED, "nobody is let in");
}

TEST(only_a_text_that_begins_with_a_scheme_is_an_address)
{
    static const char *const addresses[] = {"factum://", "factum://h:1", "a+b.c-1://x", "s3://b"};
    static const char *const paths[] = {"",          "/",      "://x",   "dir",
                                        "./a://b",   "A://",   "/a://b", "factum:/host",
                                        "factum//h", "1a://x", "a b://x"};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        assert_true(fct_api_is_address(addresses[i]));
        assert_status(fct_api_refuse_address(addresses[i], "repair", &err), FACTUM_UNSUPPORTED);
    }
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_false(fct_api_is_address(paths[i]));
        assert_status(fct_api_refuse_address(paths[i], "repair", &err), FACTUM_OK);
    }
}

TEST(without_the_library_the_error_names_what_to_link)
{
    factum_store *store = NULL;
    assert_status(factum_open("factum://localhost", NULL, &store, &err), FACTUM_UNSUPPORTED);
    assert_string_equal(err.text,
                        "this program cannot open addresses (factum://): link libfactum-net "
                        "and call factum_remote_enable() first");
    assert_null(store);
}

TEST(a_scheme_belongs_to_its_first_registration)
{
    factum_store *store = NULL;
    fct_api_register_scheme("test", open_first);
    fct_api_register_scheme("test", open_second);
    fct_api_register_scheme("test2", open_second);
    assert_status(factum_open("test://a", NULL, &store, &err), FACTUM_UNREACHABLE);
    assert_string_equal(opened, "first test://a");
    assert_string_equal(err.text, "nobody is there");
    assert_status(factum_open("test2://b", NULL, &store, &err), FACTUM_DENIED);
    assert_string_equal(opened, "second test2://b");
    assert_status(factum_open("tes://c", NULL, &store, &err), FACTUM_UNSUPPORTED);
    assert_string_equal(err.text, "no kind of address begins with tes://");
    assert_null(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(only_a_text_that_begins_with_a_scheme_is_an_address),
        CASE(without_the_library_the_error_names_what_to_link),
        CASE(a_scheme_belongs_to_its_first_registration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
