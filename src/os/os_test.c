/* os_test.c - the helpers over the vtable, on the simulated disk. Layer: os. */
#include "os/os.h"

#include "sim/sim_disk.h"
#include "support/fault.h"
#include "support/test.h"

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_fault fault;
    const struct fct_os *os;
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->disk = fct_sim_disk_create(1, false);
    fct_fault_init(&f->fault, fct_sim_disk_os(f->disk));
    f->os = &f->fault.os;
    assert_ok(fct_os_make_dir(f->os, "/d", &f->err), f->err);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_sim_disk_destroy(f->disk);
    test_free(f);
    return 0;
}

static void put(struct fixture *f, const char *name, const char *text)
{
    assert_ok(fct_file_replace(f->os, "/d", name, factum_slice_from(text), &f->err), f->err);
}

static void assert_holds(struct fixture *f, const char *path, const char *text)
{
    uint64_t size = 0;
    const uint8_t *bytes = fct_sim_disk_bytes(f->disk, path, &size);
    assert_non_null(bytes);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(bytes, text, size);
}

TEST(a_path_is_joined_up_to_its_maximum)
{
    char path[FCT_PATH_SIZE];
    static char dir[FCT_PATH_SIZE];
    factum_error err;
    assert_ok(fct_path_join(path, "/a", "b", &err), err);
    assert_string_equal(path, "/a/b");
    memset(dir, 'd', sizeof dir);
    for (size_t len = FCT_PATH_SIZE - 4; len < FCT_PATH_SIZE; len++) {
        dir[len] = '\0';
        factum_status status = fct_path_join(path, dir, "n", &err);
        assert_status(status, len + 2 < FCT_PATH_SIZE ? FACTUM_OK : FACTUM_TOO_BIG);
        assert_true(status == FACTUM_OK || strcmp(err.text, "the path is too long: n") == 0);
        assert_true(status != FACTUM_OK || strlen(path) == len + 2);
        dir[len] = 'd';
    }
}

TEST(closing_nothing_is_fine)
{
    struct fct_file *file = NULL;
    assert_status(fct_file_close(&file, NULL), FACTUM_OK);
}

TEST(a_read_over_the_end_is_damage)
{
    struct fixture *f = *state;
    struct fct_file *file;
    char bytes[8] = "";
    put(f, "a", "abcde");
    assert_ok(fct_file_open(f->os, "/d/a", FCT_OPEN_READ, &file, &f->err), f->err);
    assert_ok(fct_file_read(file, 0, bytes, 5, &f->err), f->err);
    assert_memory_equal(bytes, "abcde", 5);
    assert_ok(fct_file_read(file, 5, bytes, 0, &f->err), f->err);
    assert_status(fct_file_read(file, 0, bytes, 6, &f->err), FACTUM_CORRUPT);
    assert_string_equal(f->err.text, "the file is shorter than it should be");
    assert_status(fct_file_read(file, 5, bytes, 1, &f->err), FACTUM_CORRUPT);
    assert_status(fct_file_read(file, UINT64_MAX, bytes, 1, &f->err), FACTUM_CORRUPT);
    assert_ok(fct_file_close(&file, &f->err), f->err);
    assert_null(file);
}

TEST(short_reads_and_writes_are_continued)
{
    struct fixture *f = *state;
    struct fct_file *file;
    static uint8_t bytes[1000];
    static uint8_t back[1000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    f->fault.kind = FCT_FAULT_SHORT;
    f->fault.sticky = true;
    f->fault.at = 0;
    assert_ok(fct_file_open(f->os, "/d/a", FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &f->err),
              f->err);
    assert_ok(fct_file_write(file, 3, bytes, sizeof bytes, &f->err), f->err);
    assert_ok(fct_file_read(file, 3, back, sizeof back, &f->err), f->err);
    assert_memory_equal(bytes, back, sizeof bytes);
    assert_true(f->fault.failed >= 18); /* halves of 1000, twice */
    assert_ok(fct_file_close(&file, &f->err), f->err);
}

static factum_status write_nothing(struct fct_file *file, uint64_t offset, const void *bytes,
                                   size_t len, size_t *done, factum_error *err)
{
    (void)file;
    (void)offset;
    (void)bytes;
    (void)len;
    (void)err;
    *done = 0;
    return FACTUM_OK;
}

TEST(a_write_that_makes_no_progress_ends)
{
    static const struct fct_os_ops ops = {.write = write_nothing};
    const struct fct_os os = {.ops = &ops};
    struct fct_file file = {&os};
    factum_error err;
    assert_status(fct_file_write(&file, 0, "a", 1, &err), FACTUM_IO);
    assert_string_equal(err.text, "a write made no progress");
    assert_status(fct_file_write(&file, 0, "", 0, &err), FACTUM_OK);
}

TEST(a_bad_block_fails_alone_in_a_read)
{
    struct fixture *f = *state;
    static uint8_t bytes[40 * 4096];
    struct fct_file *file;
    memset(bytes, 7, sizeof bytes);
    assert_ok(fct_file_open(f->os, "/f", FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &f->err), f->err);
    assert_ok(fct_file_write(file, 0, bytes, sizeof bytes, &f->err), f->err);
    assert_true(fct_sim_disk_fail_block(f->disk, "/f", UINT64_C(20) * 4096));
    memset(bytes, 0, sizeof bytes);
    assert_ok(fct_file_read(file, 100, bytes, 20 * 4096 - 100, &f->err), f->err);
    assert_int_equal(bytes[0], 7);
    assert_int_equal(bytes[20 * 4096 - 101], 7);
    assert_ok(fct_file_read(file, 21 * 4096, bytes, 19 * 4096, &f->err), f->err);
    assert_status(fct_file_read(file, 20 * 4096 - 1, bytes, 2, &f->err), FACTUM_IO);
    assert_status(fct_file_read(file, 21 * 4096 - 1, bytes, 1, &f->err), FACTUM_IO);
    assert_text(f->err, "read /f");
    assert_status(fct_file_read(file, 39 * 4096, bytes, 4097, &f->err), FACTUM_CORRUPT);
    assert_ok(fct_file_close(&file, &f->err), f->err);
}

TEST(pages_that_a_fault_made_unreadable_stay_so_for_that_read)
{
    struct fixture *f = *state;
    uint8_t byte;
    struct fct_file *file;
    put(f, "f", "x");
    assert_ok(fct_file_open(f->os, "/d/f", FCT_OPEN_READ, &file, &f->err), f->err);
    f->fault.kind = FCT_FAULT_EIO;
    f->fault.at = f->fault.calls;
    assert_status(fct_file_read(file, 0, &byte, 1, &f->err), FACTUM_IO);
    assert_ok(fct_file_read(file, 0, &byte, 1, &f->err), f->err);
    assert_ok(fct_file_close(&file, &f->err), f->err);
}

TEST(an_existing_directory_is_accepted)
{
    struct fixture *f = *state;
    assert_ok(fct_os_make_dir(f->os, "/d", &f->err), f->err);
    assert_ok(fct_os_make_dir(f->os, "/d/e", &f->err), f->err);
    assert_status(fct_os_make_dir(f->os, "/x/y", &f->err), FACTUM_NOT_FOUND);
    assert_string_equal(f->err.text, "make directory /x/y: no such directory");
}

static bool survives(struct fixture *f, const char *path)
{
    struct fct_sim_disk *after = fct_sim_disk_crash(f->disk, FCT_CRASH_NONE, 1);
    factum_error err;
    bool there = fct_os_sync_dir(fct_sim_disk_os(after), path, &err) == FACTUM_OK;
    fct_sim_disk_destroy(after);
    return there;
}

TEST(a_directory_that_is_made_durable_survives)
{
    struct fixture *f = *state;
    assert_ok(fct_os_make_dir(f->os, "/a", &f->err), f->err);
    assert_false(survives(f, "/a"));
    assert_ok(fct_os_make_dir_synced(f->os, "/a", &f->err), f->err);
    assert_true(survives(f, "/a"));
    assert_ok(fct_os_make_dir_synced(f->os, "/a/b", &f->err), f->err);
    assert_true(survives(f, "/a/b"));
}

TEST(a_directory_with_too_long_a_path_is_refused)
{
    struct fixture *f = *state;
    static char path[FCT_PATH_SIZE + 1];
    memset(path, 'a', FCT_PATH_SIZE);
    assert_status(fct_os_make_dir_synced(f->os, path, &f->err), FACTUM_TOO_BIG);
    assert_string_equal(f->err.text, "the path of the directory is too long");
}

TEST(a_file_is_replaced_as_a_whole)
{
    struct fixture *f = *state;
    uint64_t size;
    put(f, "a", "a long first text");
    assert_holds(f, "/d/a", "a long first text");
    put(f, "a", "short");
    assert_holds(f, "/d/a", "short");
    put(f, "a", "");
    assert_holds(f, "/d/a", "");
    assert_null(fct_sim_disk_bytes(f->disk, "/d/a.tmp", &size));
}

TEST(a_file_is_opened_and_removed_by_its_name_in_a_directory)
{
    struct fixture *f = *state;
    static char dir[FCT_PATH_SIZE];
    struct fct_file *file = NULL;
    uint64_t size = 0;
    bool any;
    put(f, "a", "text");
    assert_ok(fct_file_open_in(f->os, "/d", "a", FCT_OPEN_READ, &file, &f->err), f->err);
    assert_ok(fct_file_size(file, &size, &f->err), f->err);
    assert_int_equal(size, 4);
    assert_ok(fct_file_close(&file, &f->err), f->err);
    assert_ok(fct_os_unlink_in(f->os, "/d", "a", &f->err), f->err);
    assert_ok(fct_os_dir_has_entries(f->os, "/d", &any, &f->err), f->err);
    assert_false(any);
    assert_status(fct_os_unlink_in(f->os, "/d", "a", &f->err), FACTUM_NOT_FOUND);
    memset(dir, 'd', sizeof dir - 1);
    assert_status(fct_os_unlink_in(f->os, dir, "a", NULL), FACTUM_TOO_BIG);
    assert_status(fct_file_open_in(f->os, dir, "a", FCT_OPEN_READ, &file, NULL), FACTUM_TOO_BIG);
}

TEST(what_was_replaced_survives_a_crash)
{
    struct fixture *f = *state;
    assert_ok(fct_os_sync_dir(f->os, "/", &f->err), f->err);
    put(f, "a", "text");
    struct fct_sim_disk *after = fct_sim_disk_crash(f->disk, FCT_CRASH_NONE, 1);
    uint64_t size = 0;
    const uint8_t *bytes = fct_sim_disk_bytes(after, "/d/a", &size);
    assert_non_null(bytes);
    assert_int_equal(size, 4);
    assert_memory_equal(bytes, "text", 4);
    fct_sim_disk_destroy(after);
}

/* At each call that fails or is the last before a crash of any kind: the old text or the new. */
TEST(a_replacement_is_never_half_of_it)
{
    struct fixture *f = *state;
    static const char old_text[] = "the old text";
    static const char new_text[] = "something that is new and longer";
    assert_ok(fct_os_sync_dir(f->os, "/", &f->err), f->err);
    factum_status status = FACTUM_IO;
    for (uint64_t at = 0; status != FACTUM_OK; at++) {
        put(f, "a", old_text);
        f->fault.kind = FCT_FAULT_EIO;
        f->fault.at = f->fault.calls + at;
        status = fct_file_replace(f->os, "/d", "a", factum_slice_from(new_text), &f->err);
        assert_true(status == FACTUM_OK || status == FACTUM_IO);
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct fct_sim_disk *after =
                fct_sim_disk_crash(f->disk, (enum fct_crash_mode)(seed % FCT_CRASH_MODES), seed);
            uint64_t size = 0;
            const uint8_t *bytes = fct_sim_disk_bytes(after, "/d/a", &size);
            assert_non_null(bytes);
            bool is_new = size == strlen(new_text);
            assert_true(is_new || size == strlen(old_text));
            assert_memory_equal(bytes, is_new ? new_text : old_text, size);
            assert_true(is_new || status != FACTUM_OK);
            fct_sim_disk_destroy(after);
        }
        f->fault.at = UINT64_MAX;
        assert_true(at < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_path_is_joined_up_to_its_maximum),
        CASE(closing_nothing_is_fine),
        FIXTURE_CASE(a_read_over_the_end_is_damage),
        FIXTURE_CASE(short_reads_and_writes_are_continued),
        CASE(a_write_that_makes_no_progress_ends),
        FIXTURE_CASE(a_bad_block_fails_alone_in_a_read),
        FIXTURE_CASE(pages_that_a_fault_made_unreadable_stay_so_for_that_read),
        FIXTURE_CASE(an_existing_directory_is_accepted),
        FIXTURE_CASE(a_directory_that_is_made_durable_survives),
        FIXTURE_CASE(a_directory_with_too_long_a_path_is_refused),
        FIXTURE_CASE(a_file_is_replaced_as_a_whole),
        FIXTURE_CASE(a_file_is_opened_and_removed_by_its_name_in_a_directory),
        FIXTURE_CASE(what_was_replaced_survives_a_crash),
        FIXTURE_CASE(a_replacement_is_never_half_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
