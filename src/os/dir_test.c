/* dir_test.c - a directory that is moved, replaced and locked while it is open. Layer: os. */
#include "os/dir.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/clock.h"
#include "sim/sim_disk.h"
#include "support/scratch.h"
#include "support/test.h"

struct fixture {
    char dir[SCRATCH_SIZE];
    char store[FCT_PATH_SIZE];
    char elsewhere[FCT_PATH_SIZE];
    struct fct_os_dir kept;
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    assert_true(scratch_make(f->dir));
    assert_ok(fct_path_join(f->store, f->dir, "s", &f->err), f->err);
    assert_ok(fct_path_join(f->elsewhere, f->dir, "s.bad", &f->err), f->err);
    assert_ok(fct_os_make_dir(fct_os_real(), f->store, &f->err), f->err);
    assert_ok(fct_os_dir_open(&f->kept, fct_os_real(), f->store, &f->err), f->err);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_os_dir_close(&f->kept);
    assert_true(scratch_remove(f->dir));
    test_free(f);
    return 0;
}

static void make_file(const struct fct_os *os, const char *dir, const char *name)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    factum_error err;
    assert_ok(fct_path_join(path, dir, name, &err), err);
    assert_ok(fct_file_open(os, path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &err), err);
    assert_ok(fct_file_close(&file, &err), err);
}

static bool has_file(const char *dir, const char *name)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    assert_int_equal(fct_path_join(path, dir, name, NULL), FACTUM_OK);
    bool found = fct_file_open(fct_os_real(), path, FCT_OPEN_READ, &file, NULL) == FACTUM_OK;
    return found && fct_file_close(&file, NULL) == FACTUM_OK;
}

static factum_status count_name(void *data, const char *name)
{
    size_t *count = data;
    (void)name;
    ++*count;
    return FACTUM_OK;
}

static void move_away_and_replace(struct fixture *f)
{
    assert_ok(fct_os_rename(fct_os_real(), f->store, f->elsewhere, &f->err), f->err);
    assert_ok(fct_os_make_dir(fct_os_real(), f->store, &f->err), f->err);
}

TEST(its_files_are_found_where_it_was_moved)
{
    struct fixture *f = *state;
    char inside[FCT_PATH_SIZE];
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    size_t count = 0;
    make_file(&f->kept.os, f->store, "a");
    move_away_and_replace(f);
    make_file(&f->kept.os, f->store, "b");
    assert_ok(fct_path_join(inside, f->store, "log", &f->err), f->err);
    assert_ok(fct_os_make_dir(&f->kept.os, inside, &f->err), f->err);
    make_file(&f->kept.os, inside, "c");
    assert_ok(fct_os_sync_dir(&f->kept.os, inside, &f->err), f->err);
    assert_ok(fct_os_sync_dir(&f->kept.os, f->store, &f->err), f->err);
    assert_ok(fct_path_join(from, f->store, "b", &f->err), f->err);
    assert_ok(fct_path_join(to, f->store, "b2", &f->err), f->err);
    assert_ok(fct_os_rename(&f->kept.os, from, to, &f->err), f->err);
    assert_ok(fct_os_list_dir(&f->kept.os, f->store, count_name, &count, &f->err), f->err);
    assert_int_equal(count, 3);
    assert_true(has_file(f->elsewhere, "a"));
    assert_true(has_file(f->elsewhere, "b2"));
    assert_true(has_file(f->elsewhere, "log/c"));
    count = 0;
    assert_ok(fct_os_list_dir(fct_os_real(), f->store, count_name, &count, &f->err), f->err);
    assert_int_equal(count, 0);
}

TEST(other_paths_are_as_always)
{
    struct fixture *f = *state;
    assert_ok(fct_os_make_dir(&f->kept.os, f->elsewhere, &f->err), f->err); /* begins alike */
    make_file(&f->kept.os, f->elsewhere, "a");
    assert_true(has_file(f->elsewhere, "a"));
    assert_false(has_file(f->store, "a"));
}

TEST(a_move_replaces_nothing)
{
    struct fixture *f = *state;
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    assert_ok(fct_path_join(from, f->store, "a", &f->err), f->err);
    assert_ok(fct_path_join(to, f->store, "b", &f->err), f->err);
    make_file(&f->kept.os, f->store, "a");
    make_file(&f->kept.os, f->store, "b");
    assert_status(fct_os_move(&f->kept.os, from, to, &f->err), FACTUM_EXISTS);
    assert_true(has_file(f->store, "a"));
    assert_ok(fct_os_unlink(&f->kept.os, to, &f->err), f->err);
    assert_ok(fct_os_move(&f->kept.os, from, to, &f->err), f->err);
    assert_false(has_file(f->store, "a"));
    assert_true(has_file(f->store, "b"));
}

TEST(it_is_missed_when_it_is_not_at_its_path)
{
    struct fixture *f = *state;
    assert_ok(fct_os_dir_check(&f->kept, &f->err), f->err);
    assert_ok(fct_os_rename(fct_os_real(), f->store, f->elsewhere, &f->err), f->err);
    assert_status(fct_os_dir_check(&f->kept, &f->err), FACTUM_NOT_FOUND);
    assert_ok(fct_os_make_dir(fct_os_real(), f->store, &f->err), f->err);
    assert_status(fct_os_dir_check(&f->kept, &f->err), FACTUM_NOT_FOUND);
    assert_text(f->err, "is not the directory that was opened");
    assert_ok(fct_os_remove_dir(fct_os_real(), f->store, &f->err), f->err);
    assert_ok(fct_os_rename(fct_os_real(), f->elsewhere, f->store, &f->err), f->err);
    assert_ok(fct_os_dir_check(&f->kept, &f->err), f->err);
}

TEST(a_lock_is_for_one_or_for_all_who_share)
{
    struct fixture *f = *state;
    struct fct_os_dir other;
    assert_ok(fct_os_dir_open(&other, fct_os_real(), f->store, &f->err), f->err);
    assert_false(fct_os_dir_is_locked_here(&other));
    assert_ok(fct_os_dir_lock(&f->kept, false, &f->err), f->err);
    assert_status(fct_os_dir_lock(&other, true, &f->err), FACTUM_LOCKED);
    assert_true(fct_os_dir_is_locked_here(&other));
    pid_t child = fork();
    if (child == 0) {
        _exit(fct_os_dir_is_locked_here(&other) ? 1 : 0);
    }
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    fct_os_dir_close(&f->kept);
    assert_false(fct_os_dir_is_locked_here(&other));
    assert_ok(fct_os_dir_lock(&other, true, &f->err), f->err);
    assert_ok(fct_os_dir_open(&f->kept, fct_os_real(), f->store, &f->err), f->err);
    assert_ok(fct_os_dir_lock(&f->kept, true, &f->err), f->err);
    assert_status(fct_os_dir_lock(&f->kept, false, &f->err), FACTUM_LOCKED);
    fct_os_dir_close(&other);
    fct_os_dir_close(&other);
}

/* As a daemon does, which goes to "/" when its store is open. */
TEST(another_working_directory_changes_nothing)
{
    struct fixture *f = *state;
    struct fct_os_dir relative;
    char before[FCT_PATH_SIZE];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f->dir), 0);
    assert_ok(fct_os_dir_open(&relative, fct_os_real(), "s", &f->err), f->err);
    assert_int_equal(chdir("/"), 0);
    make_file(&relative.os, "s", "a");
    assert_ok(fct_os_dir_check(&relative, &f->err), f->err);
    assert_ok(fct_os_rename(fct_os_real(), f->store, f->elsewhere, &f->err), f->err);
    assert_status(fct_os_dir_check(&relative, &f->err), FACTUM_NOT_FOUND);
    fct_os_dir_close(&relative);
    assert_int_equal(chdir(before), 0);
    assert_true(has_file(f->elsewhere, "a"));
}

static int64_t always_seven(void *data)
{
    (void)data;
    return 7;
}

TEST(the_clock_of_the_base_is_used)
{
    struct fixture *f = *state;
    struct fct_os_clock clock;
    struct fct_os_dir dir;
    const factum_clock given = {.now = always_seven};
    fct_os_clock_init(&clock, fct_os_real(), &given);
    assert_ok(fct_os_dir_open(&dir, &clock.os, f->store, &f->err), f->err);
    assert_int_equal(fct_os_time(&dir.os), 7);
    fct_os_dir_close(&dir);
}

TEST(a_simulated_disk_knows_paths_only)
{
    struct fixture *f = *state;
    struct fct_sim_disk *disk = fct_sim_disk_create(1, false);
    struct fct_os_dir dir;
    assert_ok(fct_os_dir_open(&dir, fct_sim_disk_os(disk), "/s", &f->err), f->err);
    assert_ok(fct_os_make_dir(&dir.os, "/s", &f->err), f->err);
    make_file(&dir.os, "/s", "a");
    assert_ok(fct_os_dir_lock(&dir, false, &f->err), f->err);
    assert_ok(fct_os_dir_check(&dir, &f->err), f->err);
    fct_os_dir_close(&dir);
    fct_sim_disk_destroy(disk);
}

TEST(what_cannot_be_opened_is_refused)
{
    struct fixture *f = *state;
    struct fct_os_dir dir = {.fd = 0};
    assert_status(fct_os_dir_open(&dir, fct_os_real(), f->elsewhere, &f->err), FACTUM_NOT_FOUND);
    fct_os_dir_close(&dir);
    make_file(fct_os_real(), f->dir, "file");
    assert_ok(fct_path_join(f->elsewhere, f->dir, "file", &f->err), f->err);
    assert_status(fct_os_dir_open(&dir, fct_os_real(), f->elsewhere, &f->err), FACTUM_IO);
    fct_os_dir_close(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(its_files_are_found_where_it_was_moved),
        FIXTURE_CASE(other_paths_are_as_always),
        FIXTURE_CASE(a_move_replaces_nothing),
        FIXTURE_CASE(it_is_missed_when_it_is_not_at_its_path),
        FIXTURE_CASE(a_lock_is_for_one_or_for_all_who_share),
        FIXTURE_CASE(another_working_directory_changes_nothing),
        FIXTURE_CASE(the_clock_of_the_base_is_used),
        FIXTURE_CASE(a_simulated_disk_knows_paths_only),
        FIXTURE_CASE(what_cannot_be_opened_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
