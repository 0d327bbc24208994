/* os_real_test.c - the os of Linux on a real directory. Layer: os. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "support/test.h"

struct fixture {
    const struct fct_os *os;
    char dir[64];
    char path[80]; /* of a file in it */
    struct fct_file *file;
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->os = fct_os_real();
    memcpy(f->dir, "/tmp/factum-os-XXXXXX", sizeof "/tmp/factum-os-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/file", f->dir);
    *state = f;
    return 0;
}

static factum_status remove_one(void *data, const char *name)
{
    char path[FCT_PATH_SIZE];
    struct fixture *f = data;
    assert_ok(fct_path_join(path, f->dir, name, &f->err), f->err);
    return unlink(path) == 0 || rmdir(path) == 0 ? FACTUM_OK : FACTUM_IO;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_ok(fct_file_close(&f->file, &f->err), f->err);
    assert_ok(fct_os_list_dir(f->os, f->dir, remove_one, f, &f->err), f->err);
    assert_int_equal(rmdir(f->dir), 0);
    test_free(f);
    return 0;
}

static void create(struct fixture *f)
{
    assert_ok(fct_file_open(f->os, f->path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &f->file, &f->err),
              f->err);
}

/* The text is "<verb> <path><rest>". */
static void assert_says(const struct fixture *f, const char *verb, const char *path,
                        const char *reason)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s %s: %s", verb, path, reason);
    assert_string_equal(f->err.text, text);
}

TEST(what_is_written_is_read)
{
    struct fixture *f = *state;
    char bytes[8] = "";
    uint64_t size;
    create(f);
    assert_ok(fct_file_write(f->file, 0, "abcdef", 6, &f->err), f->err);
    assert_ok(fct_file_write(f->file, 2, "XY", 2, &f->err), f->err);
    fct_file_start_sync(f->file, 0, 6);
    assert_ok(fct_file_sync(f->file, &f->err), f->err);
    assert_ok(fct_file_drop_cache(f->file, 0, 4096, &f->err), f->err);
    assert_ok(fct_file_read(f->file, 1, bytes, 5, &f->err), f->err);
    assert_memory_equal(bytes, "bXYef", 5);
    assert_ok(fct_file_size(f->file, &size, &f->err), f->err);
    assert_int_equal(size, 6);
}

TEST(a_hole_reads_as_zeros)
{
    struct fixture *f = *state;
    uint8_t bytes[16];
    create(f);
    assert_ok(fct_file_write(f->file, 100000, "x", 1, &f->err), f->err);
    memset(bytes, 7, sizeof bytes);
    assert_ok(fct_file_read(f->file, 50000, bytes, sizeof bytes, &f->err), f->err);
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(bytes[i], 0);
    }
}

TEST(a_file_can_be_truncated_and_extended)
{
    struct fixture *f = *state;
    uint64_t size;
    char bytes[4];
    create(f);
    assert_ok(fct_file_write(f->file, 0, "abcdef", 6, &f->err), f->err);
    assert_ok(fct_file_truncate(f->file, 2, &f->err), f->err);
    assert_ok(fct_file_truncate(f->file, 4, &f->err), f->err);
    assert_ok(fct_file_size(f->file, &size, &f->err), f->err);
    assert_int_equal(size, 4);
    assert_ok(fct_file_read(f->file, 0, bytes, 4, &f->err), f->err);
    assert_memory_equal(bytes, "ab\0\0", 4);
    assert_ok(fct_file_truncate(f->file, 0, &f->err), f->err);
    assert_status(fct_file_read(f->file, 0, bytes, 1, &f->err), FACTUM_CORRUPT);
}

TEST(a_missing_file_is_not_found)
{
    struct fixture *f = *state;
    assert_status(fct_file_open(f->os, f->path, FCT_OPEN_READ, &f->file, &f->err),
                  FACTUM_NOT_FOUND);
    assert_says(f, "open", f->path, "No such file or directory");
    assert_int_equal(f->err.os_error, ENOENT);
    assert_null(f->file);
    assert_status(fct_file_open(f->os, f->path, FCT_OPEN_WRITE, &f->file, &f->err),
                  FACTUM_NOT_FOUND);
}

TEST(an_exclusive_file_is_created_once)
{
    struct fixture *f = *state;
    const int flags = FCT_OPEN_WRITE | FCT_OPEN_CREATE | FCT_OPEN_EXCLUSIVE;
    struct fct_file *second = NULL;
    assert_ok(fct_file_open(f->os, f->path, flags, &f->file, &f->err), f->err);
    assert_status(fct_file_open(f->os, f->path, flags, &second, &f->err), FACTUM_EXISTS);
    assert_says(f, "open", f->path, "File exists");
    assert_null(second);
}

TEST(a_new_file_is_for_its_owner_alone)
{
    struct fixture *f = *state;
    struct stat stat_of;
    char dir[96];
    mode_t before = umask(0);
    create(f);
    (void)snprintf(dir, sizeof dir, "%s/dir", f->dir);
    assert_ok(fct_os_make_dir(f->os, dir, &f->err), f->err);
    (void)umask(before);
    assert_int_equal(stat(f->path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0600);
    assert_int_equal(stat(dir, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0700);
}

TEST(what_is_open_for_reading_is_not_written)
{
    struct fixture *f = *state;
    create(f);
    assert_ok(fct_file_close(&f->file, &f->err), f->err);
    assert_ok(fct_file_open(f->os, f->path, FCT_OPEN_READ, &f->file, &f->err), f->err);
    assert_status(fct_file_write(f->file, 0, "a", 1, &f->err), FACTUM_IO);
    assert_says(f, "write", f->path, "Bad file descriptor");
    assert_status(fct_file_truncate(f->file, 0, &f->err), FACTUM_IO);
    assert_says(f, "truncate", f->path, "Invalid argument");
}

TEST(a_directory_is_not_read_as_a_file)
{
    struct fixture *f = *state;
    char byte;
    assert_ok(fct_file_open(f->os, f->dir, FCT_OPEN_READ, &f->file, &f->err), f->err);
    assert_status(fct_file_read(f->file, 0, &byte, 1, &f->err), FACTUM_IO);
    assert_says(f, "read", f->dir, "Is a directory");
    struct fct_file *second = NULL;
    assert_status(fct_file_open(f->os, f->dir, FCT_OPEN_WRITE, &second, &f->err), FACTUM_IO);
    assert_says(f, "open", f->dir, "Is a directory");
}

TEST(a_map_shows_what_is_written_and_outlives_the_file)
{
    struct fixture *f = *state;
    const uint8_t *map;
    create(f);
    assert_ok(fct_file_write(f->file, 0, "abcdef", 6, &f->err), f->err);
    assert_ok(fct_file_map(f->file, 1u << 20, &map, &f->err), f->err);
    assert_memory_equal(map, "abcdef", 6);
    assert_ok(fct_file_write(f->file, 3, "XYZ123", 6, &f->err), f->err);
    assert_memory_equal(map, "abcXYZ123", 9);
    assert_ok(fct_file_close(&f->file, &f->err), f->err);
    assert_memory_equal(map, "abcXYZ123", 9);
    fct_os_unmap(f->os, map, 1u << 20);
}

TEST(a_map_of_nothing_is_refused)
{
    struct fixture *f = *state;
    const uint8_t *map = NULL;
    create(f);
    assert_status(fct_file_map(f->file, 0, &map, &f->err), FACTUM_IO);
    assert_says(f, "map", f->path, "Invalid argument");
    assert_null(map);
}

TEST(a_second_opener_finds_the_lock_taken)
{
    struct fixture *f = *state;
    struct fct_file *second;
    create(f);
    assert_ok(fct_file_lock(f->file, &f->err), f->err);
    assert_ok(fct_file_lock(f->file, &f->err), f->err); /* its own lock */
    assert_ok(fct_file_open(f->os, f->path, FCT_OPEN_WRITE, &second, &f->err), f->err);
    assert_status(fct_file_lock(second, &f->err), FACTUM_LOCKED);
    assert_says(f, "lock", f->path, "another process has it");
    assert_ok(fct_file_close(&f->file, &f->err), f->err);
    assert_ok(fct_file_lock(second, &f->err), f->err);
    assert_ok(fct_file_close(&second, &f->err), f->err);
}

/* Closing another descriptor of the file does not lose the lock, as it would with POSIX locks. */
TEST(another_process_finds_the_lock_taken)
{
    struct fixture *f = *state;
    struct fct_file *second;
    create(f);
    assert_ok(fct_file_lock(f->file, &f->err), f->err);
    assert_ok(fct_file_open(f->os, f->path, FCT_OPEN_WRITE, &second, &f->err), f->err);
    assert_ok(fct_file_close(&second, &f->err), f->err);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct fct_file *own;
        bool opened = fct_file_open(f->os, f->path, FCT_OPEN_WRITE, &own, NULL) == FACTUM_OK;
        _exit(opened && fct_file_lock(own, NULL) == FACTUM_LOCKED ? 0 : 1);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

TEST(a_file_can_be_renamed_and_removed)
{
    struct fixture *f = *state;
    char other[96];
    (void)snprintf(other, sizeof other, "%s/other", f->dir);
    create(f);
    assert_ok(fct_os_rename(f->os, f->path, other, &f->err), f->err);
    assert_status(fct_os_unlink(f->os, f->path, &f->err), FACTUM_NOT_FOUND);
    assert_says(f, "remove", f->path, "No such file or directory");
    assert_ok(fct_os_rename(f->os, other, f->path, &f->err), f->err);
    assert_status(fct_os_rename(f->os, other, f->path, &f->err), FACTUM_NOT_FOUND);
    assert_says(f, "rename", other, "No such file or directory");
    assert_ok(fct_os_sync_dir(f->os, f->dir, &f->err), f->err);
}

TEST(directories_are_created_once_and_removed_empty)
{
    struct fixture *f = *state;
    char dir[80];
    char inner[96];
    (void)snprintf(dir, sizeof dir, "%s/d", f->dir);
    (void)snprintf(inner, sizeof inner, "%s/e", dir);
    assert_status(fct_os_make_dir(f->os, inner, &f->err), FACTUM_NOT_FOUND);
    assert_says(f, "make directory", inner, "No such file or directory");
    assert_ok(fct_os_make_dir_synced(f->os, dir, &f->err), f->err);
    assert_ok(fct_os_make_dir_synced(f->os, dir, &f->err), f->err);
    assert_ok(fct_os_make_dir_synced(f->os, inner, &f->err), f->err);
    assert_status(fct_os_remove_dir(f->os, dir, &f->err), FACTUM_IO);
    assert_says(f, "remove directory", dir, "Directory not empty");
    assert_ok(fct_os_remove_dir(f->os, inner, &f->err), f->err);
    assert_ok(fct_os_remove_dir(f->os, dir, &f->err), f->err);
    assert_status(fct_os_sync_dir(f->os, dir, &f->err), FACTUM_NOT_FOUND);
    assert_says(f, "open directory", dir, "No such file or directory");
}

/* A trailing slash and a bare name have their parents too. */
TEST(a_durable_directory_can_be_named_in_any_way)
{
    struct fixture *f = *state;
    char path[96];
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    (void)snprintf(path, sizeof path, "%s/slashed//", f->dir);
    assert_ok(fct_os_make_dir_synced(f->os, path, &f->err), f->err);
    assert_int_equal(chdir(f->dir), 0);
    assert_ok(fct_os_make_dir_synced(f->os, "bare", &f->err), f->err);
    assert_ok(fct_os_make_dir_synced(f->os, "./dotted", &f->err), f->err);
    assert_ok(fct_os_make_dir_synced(f->os, "/", &f->err), f->err);
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_status(fct_os_make_dir_synced(f->os, "", &f->err), FACTUM_NOT_FOUND);
}

static factum_status count_to_three(void *data, const char *name)
{
    assert_string_not_equal(name, ".");
    assert_string_not_equal(name, "..");
    return ++*(int *)data == 3 ? FACTUM_CANCELLED : FACTUM_OK;
}

TEST(a_list_ends_when_its_callback_stops_it)
{
    struct fixture *f = *state;
    int count = 0;
    assert_ok(fct_os_list_dir(f->os, f->dir, count_to_three, &count, &f->err), f->err);
    assert_int_equal(count, 0);
    for (int i = 0; i < 5; i++) {
        (void)snprintf(f->path, sizeof f->path, "%s/%d", f->dir, i);
        create(f);
        assert_ok(fct_file_close(&f->file, &f->err), f->err);
    }
    assert_status(fct_os_list_dir(f->os, f->dir, count_to_three, &count, &f->err),
                  FACTUM_CANCELLED);
    assert_int_equal(count, 3);
    assert_ok(fct_os_list_dir(f->os, f->dir, count_to_three, &count, &f->err), f->err);
    assert_int_equal(count, 8);
    assert_status(fct_os_list_dir(f->os, "/no/such", count_to_three, &count, &f->err),
                  FACTUM_NOT_FOUND);
    assert_string_equal(f->err.text, "list /no/such: No such file or directory");
}

TEST(a_full_device_has_its_own_status)
{
    struct fixture *f = *state;
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    assert_ok(fct_file_open(f->os, "/dev/full", FCT_OPEN_WRITE, &f->file, &f->err), f->err);
    assert_status(fct_file_write(f->file, 0, "a", 1, &f->err), FACTUM_NO_SPACE);
    assert_string_equal(f->err.text, "write /dev/full: No space left on device");
}

TEST(the_clocks_move_forward)
{
    struct fixture *f = *state;
    uint64_t before = fct_os_monotonic(f->os);
    int64_t wall = fct_os_time(f->os);
    assert_true(wall > INT64_C(1600000000) * 1000000000);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = fct_os_monotonic(f->os);
        assert_true(now >= before);
        before = now;
    }
}

TEST(random_bytes_differ)
{
    struct fixture *f = *state;
    uint8_t a[1000] = {0};
    uint8_t b[1000] = {0};
    assert_ok(fct_os_random(f->os, a, sizeof a, &f->err), f->err);
    assert_ok(fct_os_random(f->os, b, sizeof b, &f->err), f->err);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, a + 500, 500);
    assert_memory_not_equal(a + 984, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_ok(fct_os_random(f->os, a, 0, &f->err), f->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(what_is_written_is_read),
        FIXTURE_CASE(a_hole_reads_as_zeros),
        FIXTURE_CASE(a_file_can_be_truncated_and_extended),
        FIXTURE_CASE(a_missing_file_is_not_found),
        FIXTURE_CASE(an_exclusive_file_is_created_once),
        FIXTURE_CASE(a_new_file_is_for_its_owner_alone),
        FIXTURE_CASE(what_is_open_for_reading_is_not_written),
        FIXTURE_CASE(a_directory_is_not_read_as_a_file),
        FIXTURE_CASE(a_map_shows_what_is_written_and_outlives_the_file),
        FIXTURE_CASE(a_map_of_nothing_is_refused),
        FIXTURE_CASE(a_second_opener_finds_the_lock_taken),
        FIXTURE_CASE(another_process_finds_the_lock_taken),
        FIXTURE_CASE(a_file_can_be_renamed_and_removed),
        FIXTURE_CASE(directories_are_created_once_and_removed_empty),
        FIXTURE_CASE(a_durable_directory_can_be_named_in_any_way),
        FIXTURE_CASE(a_list_ends_when_its_callback_stops_it),
        FIXTURE_CASE(a_full_device_has_its_own_status),
        FIXTURE_CASE(the_clocks_move_forward),
        FIXTURE_CASE(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
