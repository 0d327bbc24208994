/* end_file_test.c - END at the first write after opening: it is removed, or the failure is
 * reported truthfully. */
#include "log/log_int.h"

#include "sim/sim_disk.h"
#include "support/fault.h"
#include "support/test.h"

static factum_status open_log(struct fct_log **log, const struct fct_os *os, factum_error *err)
{
    struct fct_log_options options = {.os = os,
                                      .mem = fct_mem_heap(),
                                      .dir = "/log",
                                      .segment_size_first = 16384,
                                      .segment_size_max = 16384};
    return fct_log_open(log, &options, err);
}

/* A log that was closed cleanly, so that END exists. */
static struct fct_sim_disk *closed_log(void)
{
    struct fct_log *log;
    factum_error err;
    struct fct_sim_disk *disk = fct_sim_disk_create(1, false);
    assert_non_null(disk);
    assert_ok(fct_os_make_dir(fct_sim_disk_os(disk), "/log", &err), err);
    assert_ok(open_log(&log, fct_sim_disk_os(disk), &err), err);
    assert_ok(fct_log_close(log, &err), err);
    return disk;
}

/* The first fct_log_begin after opening, whose call number |at| to the os fails without space.
 * Returns whether there was a call of that number, and the statuses of this and the next begin. */
static bool begin_twice(uint64_t at, factum_status statuses[2], factum_error *first)
{
    struct fct_fault fault;
    struct fct_log *log;
    factum_error err;
    struct fct_sim_disk *disk = closed_log();
    fct_fault_init(&fault, fct_sim_disk_os(disk));
    assert_ok(open_log(&log, &fault.os, &err), err);
    fault.kind = FCT_FAULT_ENOSPC;
    fault.at = fault.calls + at;
    uint64_t failed = fault.failed;
    first->text[0] = '\0';
    statuses[0] = fct_log_begin(log, 64, first);
    bool struck = fault.failed > failed;
    statuses[1] = fct_log_begin(log, 64, &err);
    factum_status closed = fct_log_close(log, &err);
    (void)closed; /* the log may have FAILED */
    fct_sim_disk_destroy(disk);
    return struck;
}

/* The next append does what could not be done. Once END is removed it is not known whether that is
 * durable: the log has FAILED, and the next append does not look for END. */
TEST(without_space_the_first_append_is_refused_or_the_log_stops)
{
    factum_status statuses[2];
    factum_error err;
    unsigned refused = 0;
    unsigned stopped = 0;
    uint64_t at = 0;
    for (; begin_twice(at, statuses, &err) || at < 20; at++) {
        if (statuses[0] == FACTUM_OK) { /* not a call that takes space */
            assert_status(statuses[1], FACTUM_OK);
            continue;
        }
        assert_text(err, "No space left on device");
        if (statuses[0] == FACTUM_NO_SPACE) {
            refused++;
            assert_status(statuses[1], FACTUM_OK);
        } else {
            stopped++;
            assert_status(statuses[0], FACTUM_IO);
            assert_status(statuses[1], FACTUM_FAILED);
        }
    }
    assert_true(refused > 0);
    assert_int_equal(stopped, 1); /* the sync of the directory */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_space_the_first_append_is_refused_or_the_log_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
