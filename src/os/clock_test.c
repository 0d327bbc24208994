/* clock_test.c - the os with a program's wall clock. */
#include "support/scratch.h"
#include "support/test.h"

#include "os/clock.h"

static int64_t next_second(void *data)
{
    int64_t *time = data;
    *time += 1000000000;
    return *time;
}

TEST(the_wall_clock_is_the_one_given)
{
    int64_t time = -5;
    struct fct_os_clock clock;
    const factum_clock given = {&time, next_second};
    fct_os_clock_init(&clock, fct_os_real(), &given);
    assert_int_equal(fct_os_time(&clock.os), 999999995);
    assert_int_equal(fct_os_time(&clock.os), 1999999995);
}

TEST(the_rest_is_the_real_one)
{
    char dir[SCRATCH_SIZE];
    char path[FCT_PATH_SIZE];
    int64_t time = 0;
    struct fct_os_clock clock;
    struct fct_file *file = NULL;
    factum_error err;
    const factum_clock given = {&time, next_second};
    fct_os_clock_init(&clock, fct_os_real(), &given);
    uint64_t before = fct_os_monotonic(fct_os_real());
    assert_true(fct_os_monotonic(&clock.os) >= before);
    assert_true(scratch_make(dir));
    assert_ok(fct_path_join(path, dir, "file", &err), err);
    assert_ok(fct_file_open(&clock.os, path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &err), err);
    assert_ptr_equal(file->os, &clock.os);
    assert_ok(fct_file_write(file, 0, "abc", 3, &err), err);
    char bytes[3];
    assert_ok(fct_file_read(file, 0, bytes, 3, &err), err);
    assert_memory_equal(bytes, "abc", 3);
    assert_ok(fct_file_close(&file, &err), err);
    assert_true(scratch_remove(dir));
    assert_int_equal(time, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_wall_clock_is_the_one_given),
        CASE(the_rest_is_the_real_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
