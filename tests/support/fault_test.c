/* fault_test.c - fault.h and mem_fault.h make exactly the chosen calls and allocations fail. */
#include "support/fault.h"

#include <errno.h>

#include "sim/sim_disk.h"
#include "support/mem_fault.h"
#include "support/test.h"

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_fault fault;
    struct fct_file *file;
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->disk = fct_sim_disk_create(1, false);
    fct_fault_init(&f->fault, fct_sim_disk_os(f->disk));
    assert_ok(fct_os_make_dir(&f->fault.os, "/d", &f->err), f->err);
    assert_ok(
        fct_file_open(&f->fault.os, "/d/a", FCT_OPEN_WRITE | FCT_OPEN_CREATE, &f->file, &f->err),
        f->err);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    f->fault.at = UINT64_MAX;
    assert_ok(fct_file_close(&f->file, &f->err), f->err);
    fct_sim_disk_destroy(f->disk);
    test_free(f);
    return 0;
}

static factum_status note(void *data, const char *name)
{
    (void)name;
    ++*(int *)data;
    return FACTUM_OK;
}

enum { CALLS = 16 };

/* The close is not one of the calls that fail. */
static factum_status create(struct fixture *f, const char *path)
{
    struct fct_file *file;
    uint64_t at = f->fault.at;
    factum_status status =
        fct_file_open(&f->fault.os, path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &f->err);
    f->fault.at = UINT64_MAX;
    if (status == FACTUM_OK) {
        status = fct_file_close(&file, &f->err);
    }
    f->fault.at = at;
    return status;
}

/* Makes one of each call except the clocks; records which calls can fail with ENOSPC. */
static factum_status call(struct fixture *f, int which, bool *takes_space)
{
    const struct fct_os *os = &f->fault.os;
    const uint8_t *map;
    struct fct_file *other;
    uint64_t number;
    int count = 0;
    uint8_t byte = 0;
    factum_status status;
    *takes_space = which == 1 || which == 3 || which == 4 || which == 8 || which == 9 ||
                   which == 11 || which == 12;
    switch (which) {
    case 0:
        return fct_file_size(f->file, &number, &f->err);
    case 1:
        return fct_file_write(f->file, 0, "a", 1, &f->err);
    case 2:
        return fct_file_read(f->file, 0, &byte, 1, &f->err);
    case 3:
        return fct_file_truncate(f->file, 100, &f->err);
    case 4:
        return fct_file_sync(f->file, &f->err);
    case 5:
        return fct_file_drop_cache(f->file, 0, 4096, &f->err);
    case 6:
        return fct_file_lock(f->file, &f->err);
    case 7:
        status = fct_file_map(f->file, 10, &map, &f->err);
        if (status == FACTUM_OK) {
            fct_os_unmap(os, map, 10);
        }
        return status;
    case 8:
        return fct_os_sync_dir(os, "/d", &f->err);
    case 9:
        return create(f, "/d/b");
    case 10:
        return fct_os_unlink(os, "/d/b", &f->err);
    case 11:
        return fct_os_rename(os, "/d/a", "/d/a", &f->err);
    case 12:
        return fct_os_make_dir(os, "/d", &f->err);
    case 13:
        return fct_os_list_dir(os, "/d", note, &count, &f->err);
    case 14:
        return fct_os_random(os, &byte, 1, &f->err);
    default:
        status = fct_file_open(os, "/d/a", FCT_OPEN_READ, &other, &f->err);
        if (status == FACTUM_OK) {
            f->fault.at = UINT64_MAX;
            assert_ok(fct_file_close(&other, &f->err), f->err);
        }
        return status;
    }
}

TEST(every_call_can_be_made_to_fail)
{
    struct fixture *f = *state;
    bool takes_space;
    for (int which = 0; which < CALLS; which++) {
        f->fault.kind = FCT_FAULT_EIO;
        f->fault.at = f->fault.calls;
        uint64_t failed = f->fault.failed;
        factum_status status = call(f, which, &takes_space);
        if (status != FACTUM_IO || f->fault.failed != failed + 1) {
            print_error("call %d: %s\n", which, factum_status_name(status));
            fail();
        }
        assert_text(f->err, ": Input/output error");
        assert_int_equal(f->err.os_error, EIO);
        f->fault.at = UINT64_MAX;
        assert_ok(call(f, which, &takes_space), f->err);
        assert_int_equal(f->fault.failed, failed + 1);
    }
}

TEST(a_full_disk_fails_only_what_takes_space)
{
    struct fixture *f = *state;
    f->fault.kind = FCT_FAULT_ENOSPC;
    for (int which = 0; which < CALLS; which++) {
        bool takes_space;
        f->fault.at = f->fault.calls;
        if (which == 10) { /* so that there is something to remove */
            f->fault.at = UINT64_MAX;
            assert_ok(create(f, "/d/b"), f->err);
            f->fault.at = f->fault.calls;
        }
        if (which == 2) {
            f->fault.at = UINT64_MAX;
            assert_ok(fct_file_write(f->file, 0, "a", 1, &f->err), f->err);
            f->fault.at = f->fault.calls;
        }
        factum_status status = call(f, which, &takes_space);
        assert_status(status, takes_space ? FACTUM_NO_SPACE : FACTUM_OK);
        assert_true(!takes_space || strstr(f->err.text, ": No space left on device") != NULL);
    }
    assert_int_equal(f->fault.failed, 7);
    f->fault.at = f->fault.calls;
    struct fct_file *other;
    assert_status(
        fct_file_open(&f->fault.os, "/d/c", FCT_OPEN_WRITE | FCT_OPEN_CREATE, &other, &f->err),
        FACTUM_NO_SPACE);
    assert_null(other);
}

TEST(one_call_fails_or_all_from_it_on)
{
    struct fixture *f = *state;
    f->fault.kind = FCT_FAULT_EIO;
    f->fault.at = f->fault.calls + 2;
    uint64_t number;
    for (uint64_t i = 0; i < 5; i++) {
        assert_status(fct_file_size(f->file, &number, NULL), i == 2 ? FACTUM_IO : FACTUM_OK);
    }
    f->fault.sticky = true;
    f->fault.at = f->fault.calls + 2;
    for (uint64_t i = 0; i < 5; i++) {
        assert_status(fct_file_size(f->file, &number, NULL), i >= 2 ? FACTUM_IO : FACTUM_OK);
    }
    assert_int_equal(f->fault.failed, 4);
}

TEST(without_a_kind_calls_are_counted_and_pass)
{
    struct fixture *f = *state;
    uint64_t before = f->fault.calls;
    uint64_t number;
    f->fault.at = 0;
    f->fault.sticky = true;
    for (int i = 0; i < 10; i++) {
        assert_ok(fct_file_size(f->file, &number, &f->err), f->err);
    }
    assert_int_equal(f->fault.calls - before, 10);
    assert_int_equal(f->fault.failed, 0);
}

TEST(a_close_that_fails_closes_all_the_same)
{
    struct fixture *f = *state;
    f->fault.kind = FCT_FAULT_EIO;
    f->fault.at = f->fault.calls;
    assert_status(fct_file_close(&f->file, &f->err), FACTUM_IO);
    assert_string_equal(f->err.text, "close: Input/output error");
    assert_null(f->file);
}

TEST(a_failed_list_calls_nobody)
{
    struct fixture *f = *state;
    int count = 0;
    f->fault.kind = FCT_FAULT_EIO;
    f->fault.at = f->fault.calls;
    assert_status(fct_os_list_dir(&f->fault.os, "/d", note, &count, &f->err), FACTUM_IO);
    assert_int_equal(count, 0);
    assert_ok(fct_os_list_dir(&f->fault.os, "/d", note, &count, &f->err), f->err);
    assert_int_equal(count, 1);
}

TEST(the_clocks_are_those_of_the_inner_one)
{
    struct fixture *f = *state;
    uint64_t before = f->fault.calls;
    fct_sim_disk_set_time(f->disk, 12345);
    assert_int_equal(fct_os_time(&f->fault.os), 12345);
    assert_int_equal(fct_os_monotonic(&f->fault.os), 12345);
    fct_file_start_sync(f->file, 0, 1);
    assert_int_equal(f->fault.calls, before);
}

/* ---- memory ---------------------------------------------------------------------------------- */

TEST(the_chosen_allocation_fails_and_leaves_the_old_block)
{
    struct fct_mem_fault mem;
    fct_mem_fault_init(&mem);
    char *block = fct_mem_alloc(&mem.mem, 4);
    assert_non_null(block);
    memcpy(block, "abc", 4);
    atomic_store(&mem.fail_at, 1);
    assert_null(fct_mem_resize(&mem.mem, block, 1000));
    assert_string_equal(block, "abc");
    assert_int_equal(mem.failed, 1);
    char *grown = fct_mem_resize(&mem.mem, block, 1000);
    assert_non_null(grown);
    assert_string_equal(grown, "abc");
    assert_int_equal(mem.calls, 3);
    assert_int_equal(mem.held, 1);
    fct_mem_free(&mem.mem, grown);
    assert_int_equal(mem.held, 0);
    assert_int_equal(mem.calls, 3); /* freeing is no allocation */
}

TEST(all_allocations_fail_from_the_chosen_one_on)
{
    struct fct_mem_fault mem;
    fct_mem_fault_init(&mem);
    mem.sticky = 1;
    atomic_store(&mem.fail_at, 2);
    void *blocks[5];
    for (int i = 0; i < 5; i++) {
        blocks[i] = fct_mem_alloc(&mem.mem, 8);
        assert_true((blocks[i] != NULL) == (i < 2));
    }
    assert_int_equal(mem.failed, 3);
    assert_int_equal(mem.held, 2);
    fct_mem_free(&mem.mem, blocks[0]);
    fct_mem_free(&mem.mem, blocks[1]);
    assert_int_equal(mem.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(every_call_can_be_made_to_fail),
        FIXTURE_CASE(a_full_disk_fails_only_what_takes_space),
        FIXTURE_CASE(one_call_fails_or_all_from_it_on),
        FIXTURE_CASE(without_a_kind_calls_are_counted_and_pass),
        FIXTURE_CASE(a_close_that_fails_closes_all_the_same),
        FIXTURE_CASE(a_failed_list_calls_nobody),
        FIXTURE_CASE(the_clocks_are_those_of_the_inner_one),
        CASE(the_chosen_allocation_fails_and_leaves_the_old_block),
        CASE(all_allocations_fail_from_the_chosen_one_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
