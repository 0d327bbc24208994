/* check_test.c - an assertion that fails ends the program and says where. Layer: core. */
#include "core/check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

/* What a child that asserts |condition| leaves on standard error; returns how it ended. */
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

TEST(what_holds_goes_on_silently)
{
    char text[256];
    int how = asserting(true, text, sizeof text);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_string_equal(text, "");
}

TEST(what_does_not_hold_aborts_and_names_the_place)
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
        CASE(what_holds_goes_on_silently),
        CASE(what_does_not_hold_aborts_and_names_the_place),
        CASE(a_condition_is_taken_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
