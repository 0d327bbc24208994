/* check_test.c - a failed assertion ends the program and names its place. Layer: core. */
#include "core/check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

/* The text on standard error of a child that asserts |condition|; returns how the child ended. */
static int asserting(bool condition, char *text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        FCT_ASSERT(condition);
        _exit(0);
    }
    (void)close(ends[1]);
    size_t used = 0;
    ssize_t got;
    while (used + 1 < size && (got = read(ends[0], text + used, size - used - 1)) > 0) {
        used += (size_t)got;
    }
    text[used] = '\0';
    (void)close(ends[0]);
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    return how;
}

TEST(an_assertion_that_holds_is_silent)
{
    char text[256];
    int how = asserting(true, text, sizeof text);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_string_equal(text, "");
}

TEST(an_assertion_that_fails_aborts_and_names_its_place)
{
    char text[256];
    int how = asserting(false, text, sizeof text);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
    assert_non_null(strstr(text, "factum: assertion failed: condition ("));
    assert_non_null(strstr(text, "check_test.c:"));
}

TEST(a_condition_is_taken_as_a_whole)
{
    int one = 1;
    int two = 2;
    FCT_ASSERT(one == 1 || two == 3);
    FCT_ASSERT(two);
    if (one == 1)
        FCT_ASSERT(two == 2); /* one statement, also without braces */
    else
        fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_assertion_that_holds_is_silent),
        CASE(an_assertion_that_fails_aborts_and_names_its_place),
        CASE(a_condition_is_taken_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
