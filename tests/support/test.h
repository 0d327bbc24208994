/* test.h - cmocka with the headers that it needs, and the few checks that every test uses. */
#ifndef FCT_TESTS_SUPPORT_TEST_H
#define FCT_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <factum/base.h>

/* The first line of a test, whose name is a sentence. *state is the fixture that set_up made. */
#define TEST(name) static void name(__attribute__((unused)) void **state)

/* Entries in the table of main: a test, and a test with the fixture of set_up and tear_down. */
#define CASE(name) cmocka_unit_test(name)
#define FIXTURE_CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* The call succeeds; otherwise its error text is printed. |err| is a factum_error. */
#define assert_ok(call, err)                                                                       \
    do {                                                                                           \
        factum_status status_ = (call);                                                            \
        if (status_ != FACTUM_OK) {                                                                \
            print_error("%s: %s: %s\n", #call, factum_status_name(status_),                        \
                        status_ < 0 ? (err).text : "");                                            \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

/* The call returns |expected|. */
#define assert_status(call, expected)                                                              \
    do {                                                                                           \
        factum_status status_ = (call);                                                            \
        if (status_ != (expected)) {                                                               \
            print_error("%s: %s, not %s\n", #call, factum_status_name(status_),                    \
                        factum_status_name(expected));                                             \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

/* The error text contains |part|. */
#define assert_text(err, part)                                                                     \
    do {                                                                                           \
        if (strstr((err).text, (part)) == NULL) {                                                  \
            print_error("\"%s\" does not contain \"%s\"\n", (err).text, (part));                   \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

#endif
