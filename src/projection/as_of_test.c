/* as_of_test.c - which replays a host that opens deletes. What replays give: models_test.c. */
#include "projection/as_of.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/test.h"

#define REPLAY FCT_AS_OF_PREFIX "0123456789abcdef"

struct dir {
    char path[64];
    char replay[128];
};

static int set_up(void **state)
{
    static struct dir dir;
    (void)snprintf(dir.path, sizeof dir.path, "/tmp/as_of_test.XXXXXX");
    assert_non_null(mkdtemp(dir.path));
    (void)snprintf(dir.replay, sizeof dir.replay, "%s/" REPLAY, dir.path);
    *state = &dir;
    return 0;
}

static int tear_down(void **state)
{
    const struct dir *dir = *state;
    char lock[128];
    (void)snprintf(lock, sizeof lock, "%s/" FCT_AS_OF_LOCK, dir->path);
    (void)unlink(lock);
    return rmdir(dir->path);
}

static void make_replay(const struct dir *dir)
{
    char file[160];
    (void)snprintf(file, sizeof file, "%s/orders.db", dir->replay);
    assert_int_equal(mkdir(dir->replay, 0700), 0);
    FILE *made = fopen(file, "w");
    assert_non_null(made);
    assert_int_equal(fclose(made), 0);
}

static bool replay_exists(const struct dir *dir)
{
    struct stat found;
    return stat(dir->replay, &found) == 0;
}

static void open_host(struct factum_models *host, const struct dir *dir)
{
    factum_error err;
    memset(host, 0, sizeof *host);
    host->os = fct_os_real();
    (void)snprintf(host->dir, sizeof host->dir, "%s", dir->path);
    assert_ok(fct_as_of_sweep(host, &err), err);
}

static void close_host(struct factum_models *host)
{
    factum_error err;
    assert_ok(fct_file_close(&host->as_of_lock, &err), err);
}

TEST(the_only_host_deletes_what_a_killed_one_has_left)
{
    struct factum_models host;
    make_replay(*state);
    open_host(&host, *state);
    assert_false(replay_exists(*state));
    close_host(&host);
}

TEST(a_replay_stays_while_any_other_host_runs)
{
    struct factum_models first;
    struct factum_models second;
    struct factum_models third;
    open_host(&first, *state);
    open_host(&second, *state);
    make_replay(*state); /* of the second */
    close_host(&first);
    open_host(&third, *state);
    assert_true(replay_exists(*state));
    close_host(&second);
    close_host(&third);
    open_host(&first, *state);
    assert_false(replay_exists(*state));
    close_host(&first);
}

TEST(a_host_that_opens_during_a_sweep_deletes_nothing_and_has_no_lock_yet)
{
    const struct dir *dir = *state;
    factum_error err;
    struct factum_models host;
    struct fct_file *sweep = NULL;
    make_replay(dir);
    assert_ok(fct_file_open_in(fct_os_real(), dir->path, FCT_AS_OF_LOCK,
                               FCT_OPEN_WRITE | FCT_OPEN_CREATE, &sweep, &err),
              err);
    assert_ok(fct_file_lock(sweep, &err), err);
    open_host(&host, dir);
    assert_false(host.as_of_locked);
    assert_true(replay_exists(dir));
    assert_ok(fct_file_close(&sweep, &err), err);
    close_host(&host);
    open_host(&host, dir);
    assert_true(host.as_of_locked);
    assert_false(replay_exists(dir));
    close_host(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(the_only_host_deletes_what_a_killed_one_has_left),
        FIXTURE_CASE(a_replay_stays_while_any_other_host_runs),
        FIXTURE_CASE(a_host_that_opens_during_a_sweep_deletes_nothing_and_has_no_lock_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
