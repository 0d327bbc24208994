/* device_test.c - the machine's calls and the helpers over them, on the real disk. Layer: os. */
#include "os/os.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/slice.h"
#include "support/fault.h"
#include "support/test.h"

enum { PAGE = 4096, PAGES = 64, TMPFS = 0x01021994 };

struct fixture {
    char dir[64];
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    assert_non_null(f);
    memcpy(f->dir, "/tmp/factum-os-XXXXXX", sizeof "/tmp/factum-os-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(fct_path_join(f->path, f->dir, "file", NULL), FACTUM_OK);
    assert_ok(
        fct_file_open(fct_os_real(), f->path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &f->file, &f->err),
        f->err);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_ok(fct_file_close(&f->file, &f->err), f->err);
    assert_ok(fct_os_unlink(fct_os_real(), f->path, &f->err), f->err);
    assert_ok(fct_os_remove_dir(fct_os_real(), f->dir, &f->err), f->err);
    test_free(f);
    return 0;
}

static size_t resident(const uint8_t *map)
{
    unsigned char pages[PAGES];
    size_t count = 0;
    assert_int_equal(mincore((void *)(uintptr_t)map, sizeof pages * PAGE, pages), 0);
    for (size_t i = 0; i < PAGES; i++) {
        count += pages[i] & 1;
    }
    return count;
}

TEST(released_and_dropped_pages_are_read_from_the_device_again)
{
    struct fixture *f = *state;
    static uint8_t bytes[PAGES * PAGE];
    const uint8_t *map;
    struct statfs stat;
    memset(bytes, 7, sizeof bytes);
    assert_ok(fct_file_write(f->file, 0, bytes, sizeof bytes, &f->err), f->err);
    assert_ok(fct_file_sync(f->file, &f->err), f->err);
    assert_ok(fct_file_map(f->file, sizeof bytes, &map, &f->err), f->err);
    assert_memory_equal(map, bytes, sizeof bytes);
    assert_ok(fct_file_drop_cache(f->file, 0, sizeof bytes, &f->err), f->err);
    assert_int_equal(resident(map), PAGES); /* the map holds them */
    fct_os_release(fct_os_real(), map, sizeof bytes);
    assert_ok(fct_file_drop_cache(f->file, 0, sizeof bytes, &f->err), f->err);
    assert_int_equal(statfs(f->dir, &stat), 0);
    size_t left = stat.f_type == TMPFS ? PAGES : 0; /* where memory is the device */
    assert_int_equal(resident(map), left);
    assert_memory_equal(map, bytes, sizeof bytes); /* and the map works as before */
    fct_os_unmap(fct_os_real(), map, sizeof bytes);
}

/* The same state as after a failure of the device, which a test cannot produce. */
TEST(pages_that_are_read_alone_are_those_of_the_file)
{
    struct fixture *f = *state;
    static uint8_t bytes[PAGES * PAGE];
    static uint8_t read[PAGES * PAGE];
    const struct fct_os_ops *ops = fct_os_real()->ops;
    const uint8_t *map;
    size_t done = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 31 + i / PAGE);
    }
    assert_ok(fct_file_write(f->file, 0, bytes, sizeof bytes - 50, &f->err), f->err);
    assert_ok(fct_file_sync(f->file, &f->err), f->err);
    assert_ok(ops->read_alone(f->file, 77, read, sizeof read, &done, &f->err), f->err);
    assert_int_equal(done, sizeof bytes - 50 - 77);
    assert_memory_equal(read, bytes + 77, done);
    assert_ok(ops->read_alone(f->file, PAGE - 1, read, 2, &done, &f->err), f->err);
    assert_int_equal(done, 2);
    assert_ok(ops->read_alone(f->file, sizeof bytes, read, 1, &done, &f->err), f->err);
    assert_int_equal(done, 0);
    assert_ok(fct_file_map(f->file, sizeof bytes, &map, &f->err), f->err);
    const struct fct_map_part part = {map, sizeof bytes - 50, 3 * PAGE + 5, 10 * PAGE};
    assert_ok(fct_file_populate_alone(f->file, &part, &f->err), f->err);
    assert_memory_equal(map, bytes, sizeof bytes - 50);
    assert_ok(fct_file_truncate(f->file, 5 * PAGE, &f->err), f->err);
    assert_status(fct_file_populate_alone(f->file, &part, &f->err), FACTUM_IO);
    assert_int_equal(map[4 * PAGE], bytes[4 * PAGE]);
    fct_os_unmap(fct_os_real(), map, sizeof bytes);
}

TEST(a_read_of_a_directory_fails)
{
    struct fixture *f = *state;
    struct fct_file *dir;
    uint8_t byte;
    assert_ok(fct_file_open(fct_os_real(), f->dir, FCT_OPEN_READ, &dir, &f->err), f->err);
    factum_status status = fct_file_read(dir, 0, &byte, 1, &f->err);
    assert_status(status, FACTUM_IO);
    assert_text(f->err, "Is a directory");
    assert_ok(fct_file_close(&dir, &f->err), f->err);
}

/* 0 if |path| can be locked through another open file, in this process or in |another|. */
static int try_lock(const char *path, bool another)
{
    pid_t child = another ? fork() : 0;
    if (child != 0) {
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
    }
    struct fct_file *file;
    factum_error err;
    factum_status status = fct_file_open(fct_os_real(), path, FCT_OPEN_WRITE, &file, &err);
    status = status == FACTUM_OK ? fct_file_lock(file, &err) : status;
    (void)fct_file_close(&file, NULL);
    int result = status == FACTUM_OK ? 0 : 1;
    if (status == FACTUM_LOCKED && strstr(err.text, "another process has it") != NULL) {
        result = 2;
    }
    if (another) {
        _exit(result);
    }
    return result;
}

TEST(a_lock_keeps_out_other_processes_and_a_second_opening)
{
    struct fixture *f = *state;
    assert_ok(fct_file_lock(f->file, &f->err), f->err);
    assert_int_equal(try_lock(f->path, true), 2);
    assert_int_equal(try_lock(f->path, false), 2);
    assert_int_equal(try_lock(f->path, true), 2); /* closing the other one released nothing */
    assert_ok(fct_file_close(&f->file, &f->err), f->err);
    assert_int_equal(try_lock(f->path, true), 0);
}

TEST(a_file_that_is_too_short_or_missing_is_reported)
{
    struct fixture *f = *state;
    char path[FCT_PATH_SIZE];
    uint8_t bytes[8];
    struct fct_file *file = f->file;
    assert_ok(fct_file_write(f->file, 0, "abcd", 4, &f->err), f->err);
    assert_ok(fct_file_read(f->file, 0, bytes, 4, &f->err), f->err);
    assert_status(fct_file_read(f->file, 1, bytes, 4, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "shorter than it should be");
    assert_int_equal(fct_path_join(path, f->dir, "missing", NULL), FACTUM_OK);
    assert_status(fct_file_open(fct_os_real(), path, FCT_OPEN_READ, &file, &f->err),
                  FACTUM_NOT_FOUND);
    assert_null(file);
    assert_text(f->err, path);
    assert_status(fct_file_open(fct_os_real(), f->path,
                                FCT_OPEN_WRITE | FCT_OPEN_CREATE | FCT_OPEN_EXCLUSIVE, &file,
                                &f->err),
                  FACTUM_EXISTS);
}

TEST(a_path_that_does_not_fit_is_refused)
{
    static char name[FCT_PATH_SIZE];
    char path[FCT_PATH_SIZE];
    factum_error err;
    memset(name, 'n', sizeof name - 1);
    assert_status(fct_path_join(path, "/dir", name, &err), FACTUM_TOO_BIG);
    assert_text(err, "the path is too long: nnnn");
    name[FCT_PATH_SIZE - 6] = '\0';
    assert_status(fct_path_join(path, "/dir", name, &err), FACTUM_OK);
    assert_int_equal(strlen(path), FCT_PATH_SIZE - 1);
}

static void assert_contents(struct fixture *f, const char *text)
{
    char bytes[8] = "";
    struct fct_file *file;
    assert_ok(fct_file_open(fct_os_real(), f->path, FCT_OPEN_READ, &file, &f->err), f->err);
    assert_ok(fct_file_read(file, 0, bytes, 3, &f->err), f->err);
    assert_ok(fct_file_close(&file, &f->err), f->err);
    assert_string_equal(bytes, text);
}

TEST(a_file_that_cannot_be_replaced_stays_and_leaves_nothing_behind)
{
    struct fixture *f = *state;
    struct fct_fault fault;
    char temporary[FCT_PATH_SIZE];
    assert_int_equal(fct_path_join(temporary, f->dir, "file.tmp", NULL), FACTUM_OK);
    fct_fault_init(&fault, fct_os_real());
    for (fault.at = 0;; fault.at++) {
        fault.kind = fault.at % 2 == 0 ? FCT_FAULT_EIO : FCT_FAULT_ENOSPC;
        assert_ok(fct_file_replace(fct_os_real(), f->dir, "file", FCT_SLICE("old"), &f->err),
                  f->err);
        fault.calls = 0;
        fault.failed = 0;
        factum_status status =
            fct_file_replace(&fault.os, f->dir, "file", FCT_SLICE("new"), &f->err);
        bool renamed = fault.calls == 7 && fault.at == 6; /* the directory's sync */
        assert_contents(f, status == FACTUM_OK || renamed ? "new" : "old");
        assert_int_equal(access(temporary, F_OK), -1);
        if (fault.failed == 0 && fault.calls <= fault.at) {
            assert_ok(status, f->err);
            break;
        }
    }
    assert_int_equal(fault.at, 7);
}

/* As a loss of power during the rename can leave it. */
TEST(a_file_that_has_the_temporary_name_too_is_not_changed_in_place)
{
    struct fixture *f = *state;
    struct fct_file *old;
    char temporary[FCT_PATH_SIZE];
    char bytes[8] = "";
    assert_int_equal(fct_path_join(temporary, f->dir, "file.tmp", NULL), FACTUM_OK);
    assert_ok(fct_file_replace(fct_os_real(), f->dir, "file", FCT_SLICE("old"), &f->err), f->err);
    assert_int_equal(link(f->path, temporary), 0);
    assert_ok(fct_file_open(fct_os_real(), f->path, FCT_OPEN_READ, &old, &f->err), f->err);
    assert_ok(fct_file_replace(fct_os_real(), f->dir, "file", FCT_SLICE("new"), &f->err), f->err);
    assert_contents(f, "new");
    assert_ok(fct_file_read(old, 0, bytes, 3, &f->err), f->err);
    assert_string_equal(bytes, "old");
    assert_ok(fct_file_close(&old, &f->err), f->err);
    assert_int_equal(access(temporary, F_OK), -1);
}

/* After the end of the file the kernel answers an access with a signal, as it does where the
 * device fails. */
TEST(a_read_that_would_raise_a_signal_fails_instead)
{
    struct fixture *f = *state;
    const uint8_t *map;
    uint64_t size = PAGES * (uint64_t)PAGE;
    assert_ok(fct_file_write(f->file, 0, "x", 1, &f->err), f->err);
    assert_ok(fct_file_map(f->file, size, &map, &f->err), f->err);
    assert_ok(fct_os_populate(fct_os_real(), map + 10, 1, &f->err), f->err);
    assert_status(fct_os_populate(fct_os_real(), map, size, &f->err), FACTUM_IO);
    assert_string_equal(f->err.text, "read a map: Input/output error");
    assert_status(fct_os_populate(fct_os_real(), map + PAGE, 1, &f->err), FACTUM_IO);
    fct_os_unmap(fct_os_real(), map, size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(released_and_dropped_pages_are_read_from_the_device_again),
        FIXTURE_CASE(pages_that_are_read_alone_are_those_of_the_file),
        FIXTURE_CASE(a_read_of_a_directory_fails),
        FIXTURE_CASE(a_lock_keeps_out_other_processes_and_a_second_opening),
        FIXTURE_CASE(a_file_that_is_too_short_or_missing_is_reported),
        FIXTURE_CASE(a_path_that_does_not_fit_is_refused),
        FIXTURE_CASE(a_file_that_cannot_be_replaced_stays_and_leaves_nothing_behind),
        FIXTURE_CASE(a_file_that_has_the_temporary_name_too_is_not_changed_in_place),
        FIXTURE_CASE(a_read_that_would_raise_a_signal_fails_instead),
    };
    return cmocka_run_group_tests_name("os", tests, NULL, NULL);
}
