/* log_test.c - the log on the real disk: appending, reading, rolling, opening again, refusing.
 * Crashes and damage in all their forms are in tests/crash. */
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/slice.h"
#include "os/thread.h"
#include "support/fault.h"
#include "support/mem_fault.h"
#include "support/test.h"

struct fixture {
    char dir[64];
    struct fct_fault fault;
    struct fct_mem_fault mem;
    struct fct_log_options options;
    struct fct_log *log;
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    assert_non_null(f);
    memcpy(f->dir, "/tmp/factum-log-XXXXXX", sizeof "/tmp/factum-log-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    fct_fault_init(&f->fault, fct_os_real());
    fct_mem_fault_init(&f->mem);
    f->options = (struct fct_log_options){
        .os = &f->fault.os,
        .mem = &f->mem.mem,
        .dir = f->dir,
        .segment_size_first = 16384,
        .segment_size_max = 65536,
    };
    *state = f;
    return 0;
}

static factum_status remove_one(void *data, const char *name)
{
    char path[FCT_PATH_SIZE];
    const struct fixture *f = data;
    assert_int_equal(fct_path_join(path, f->dir, name, NULL), FACTUM_OK);
    assert_int_equal(fct_os_unlink(fct_os_real(), path, NULL), FACTUM_OK);
    return FACTUM_OK;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    f->fault.at = UINT64_MAX;
    (void)fct_log_close(f->log, &f->err);
    assert_int_equal(atomic_load(&f->mem.held), 0);
    assert_int_equal(fct_os_list_dir(fct_os_real(), f->dir, remove_one, f, NULL), FACTUM_OK);
    assert_int_equal(rmdir(f->dir), 0);
    test_free(f);
    return 0;
}

static void open_log(struct fixture *f)
{
    assert_ok(fct_log_open(&f->log, &f->options, &f->err), f->err);
}

static void close_log(struct fixture *f)
{
    struct fct_log *log = f->log;
    f->log = NULL;
    assert_ok(fct_log_close(log, &f->err), f->err);
}

static struct fct_record event(uint64_t revision, size_t size)
{
    static uint8_t data[1u << 20];
    memset(data, (int)(revision & 0x7f), size);
    return (struct fct_record){
        .revision = revision,
        .created = (int64_t)revision,
        .stream = FCT_SLICE("order-1"),
        .type = FCT_SLICE("Placed"),
        .data = fct_slice(data, size),
        .kind = FCT_RECORD_EVENT,
    };
}

static factum_status try_append(struct fixture *f, uint64_t revision, size_t size, bool sync,
                                uint64_t *position)
{
    struct fct_record record = event(revision, size);
    size_t bytes = fct_record_size(&record, NULL, 0);
    factum_status status = fct_log_begin(f->log, bytes, &f->err);
    if (status != FACTUM_OK) {
        return status;
    }
    *position = fct_log_add(f->log, &record, NULL, 0, bytes);
    return fct_log_commit(f->log, sync, &f->err);
}

static uint64_t append(struct fixture *f, uint64_t revision, size_t size)
{
    uint64_t position = 0;
    assert_ok(try_append(f, revision, size, true, &position), f->err);
    return position;
}

static void assert_events(struct fixture *f, uint64_t count)
{
    struct fct_log_walk walk;
    struct fct_record record;
    assert_ok(fct_log_walk_init(&walk, f->log, 0, &f->err), f->err);
    for (uint64_t i = 0; i < count; i++) {
        assert_ok(fct_log_walk_next(&walk, &record, &f->err), f->err);
        assert_int_equal(record.revision, i);
        assert_true(record.data.len == 0 || record.data.ptr[0] == (i & 0x7f));
    }
    assert_status(fct_log_walk_next(&walk, &record, &f->err), FACTUM_DONE);
    assert_ok(fct_log_walk_init_backward(&walk, f->log, UINT64_MAX, &f->err), f->err);
    for (uint64_t i = count; i-- > 0;) {
        assert_ok(fct_log_walk_previous(&walk, &record, &f->err), f->err);
        assert_int_equal(record.revision, i);
    }
    assert_status(fct_log_walk_previous(&walk, &record, &f->err), FACTUM_DONE);
}

/* ---- appending and reading ------------------------------------------------------------------- */

TEST(a_new_log_is_empty_and_open)
{
    struct fixture *f = *state;
    open_log(f);
    assert_true(fct_log_recovery(f->log)->created);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_OPEN);
    assert_string_equal(fct_log_state_reason(f->log), "");
    assert_int_equal(fct_log_start(f->log), fct_log_end(f->log));
    assert_int_equal(fct_log_segment_count(f->log), 1);
    assert_false(fct_log_wants_heartbeat(f->log));
    assert_events(f, 0);
    uint64_t end = fct_log_end(f->log);
    close_log(f);
    open_log(f);
    assert_false(fct_log_recovery(f->log)->created);
    assert_int_equal(fct_log_end(f->log), end);
}

TEST(what_was_appended_is_read_after_opening_again)
{
    struct fixture *f = *state;
    uint64_t positions[200];
    f->options.os = fct_os_real(); /* the failing double is for one thread only */
    f->options.threads = true;
    open_log(f);
    for (uint64_t i = 0; i < 200; i++) {
        positions[i] = append(f, i, (size_t)(i * 13 % 1500));
        assert_true(i == 0 || positions[i] > positions[i - 1]);
        assert_int_equal(fct_log_durable(f->log), fct_log_end(f->log));
    }
    assert_true(fct_log_segment_count(f->log) > 3);
    assert_events(f, 200);
    factum_uuid id = fct_log_store_id(f->log);
    close_log(f);
    open_log(f);
    assert_events(f, 200);
    assert_int_equal(fct_log_recovery(f->log)->scanned_bytes, 0); /* END was trusted */
    assert_false(fct_log_recovery(f->log)->tail_rewritten);
    factum_uuid again = fct_log_store_id(f->log);
    assert_memory_equal(&again, &id, sizeof id);
    for (uint64_t i = 0; i < 200; i++) {
        struct fct_record record;
        fct_log_prefetch(f->log, positions[i]);
        assert_ok(fct_log_read(f->log, positions[i], &record, &f->err), f->err);
        assert_int_equal(record.revision, i);
        assert_status(fct_log_read(f->log, positions[i] + 8, &record, &f->err), FACTUM_CORRUPT);
    }
    fct_log_prefetch(f->log, UINT64_MAX);
    struct fct_log_verify_report report;
    assert_ok(fct_log_verify(f->log, NULL, &report, &f->err), f->err);
    assert_int_equal(report.records, 200);
    assert_int_equal(report.segments, fct_log_segment_count(f->log));
    assert_int_equal(report.bad_from, UINT64_MAX);
}

TEST(a_walk_continues_after_more_appends)
{
    struct fixture *f = *state;
    struct fct_log_walk walk;
    struct fct_record record;
    open_log(f);
    assert_ok(fct_log_walk_init(&walk, f->log, 0, &f->err), f->err);
    for (uint64_t i = 0; i < 60; i++) { /* over segments */
        assert_status(fct_log_walk_next(&walk, &record, &f->err), FACTUM_DONE);
        append(f, i, 900);
        assert_ok(fct_log_walk_next(&walk, &record, &f->err), f->err);
        assert_int_equal(record.revision, i);
    }
    assert_status(fct_log_walk_next(&walk, &record, &f->err), FACTUM_DONE);
}

TEST(a_walk_from_anywhere_starts_at_the_next_record)
{
    struct fixture *f = *state;
    uint64_t positions[41];
    open_log(f);
    for (uint64_t i = 0; i < 40; i++) {
        positions[i] = append(f, i, 700);
    }
    uint64_t next = 0;
    for (uint64_t from = 0; from < fct_log_end(f->log) + 100; from += 5) {
        struct fct_log_walk walk;
        struct fct_record record;
        while (next < 40 && positions[next] < from) {
            next++;
        }
        assert_ok(fct_log_walk_init(&walk, f->log, from, &f->err), f->err);
        factum_status status = fct_log_walk_next(&walk, &record, &f->err);
        assert_int_equal(status, next < 40 ? FACTUM_OK : FACTUM_DONE);
        assert_true(next == 40 || record.revision == next);
        assert_ok(fct_log_walk_init_backward(&walk, f->log, from, &f->err), f->err);
        status = fct_log_walk_previous(&walk, &record, &f->err);
        if (status == FACTUM_OK) {
            assert_true(record.position + record.size <= from);
        }
    }
}

TEST(a_batch_may_be_bigger_than_a_segment)
{
    struct fixture *f = *state;
    open_log(f);
    append(f, 0, 100);
    append(f, 1, 1000000);
    append(f, 2, 100);
    assert_events(f, 3);
    close_log(f);
    open_log(f);
    assert_events(f, 3);
    assert_status(fct_log_begin(f->log, (size_t)1 << 30, &f->err), FACTUM_TOO_BIG);
}

static void what_is_sent_is_not_visible_before_it_is_committed(void **state)
{
    struct fixture *f = *state;
    open_log(f);
    append(f, 0, 100);
    for (uint64_t i = 1; i < 3; i++) {
        struct fct_record record = event(i, i * 50000);
        size_t size = fct_record_size(&record, NULL, 0);
        assert_ok(fct_log_begin(f->log, size, &f->err), f->err);
        uint64_t begun = fct_log_end(f->log);
        (void)fct_log_add(f->log, &record, NULL, 0, size);
        assert_ok(fct_log_send(f->log, true, &f->err), f->err);
        assert_int_equal(fct_log_end(f->log), begun);
        assert_true(fct_log_durable(f->log) <= begun);
        assert_events(f, i);
        assert_ok(fct_log_commit(f->log, true, &f->err), f->err);
        assert_int_equal(fct_log_durable(f->log), fct_log_end(f->log));
        assert_events(f, i + 1);
    }
    assert_ok(fct_log_send(f->log, true, &f->err), f->err); /* nothing */
    assert_ok(fct_log_commit(f->log, true, &f->err), f->err);
    close_log(f);
    open_log(f);
    assert_events(f, 3);
}

TEST(an_empty_batch_is_dropped)
{
    struct fixture *f = *state;
    open_log(f);
    append(f, 0, 50);
    uint64_t end = fct_log_end(f->log);
    assert_ok(fct_log_begin(f->log, 100, &f->err), f->err);
    assert_ok(fct_log_commit(f->log, true, &f->err), f->err);
    assert_int_equal(fct_log_end(f->log), end);
}

TEST(a_batch_that_was_begun_can_be_dropped)
{
    struct fixture *f = *state;
    f->options.ahead_size = 4096; /* a part of it is written already */
    open_log(f);
    struct fct_record record = event(9, 60000);
    size_t size = fct_record_size(&record, NULL, 0);
    assert_ok(fct_log_begin(f->log, size, &f->err), f->err);
    uint64_t place = fct_log_add(f->log, &record, NULL, 0, size);
    assert_int_equal(append(f, 0, 50), place);
    assert_events(f, 1);
    close_log(f);
    open_log(f);
    assert_events(f, 1);
}

TEST(os_commits_are_visible_but_not_durable)
{
    struct fixture *f = *state;
    uint64_t position;
    open_log(f);
    uint64_t durable = fct_log_durable(f->log);
    assert_ok(try_append(f, 0, 10, false, &position), f->err);
    assert_events(f, 1);
    assert_int_equal(fct_log_durable(f->log), durable);
    assert_true(fct_log_wants_heartbeat(f->log));
    assert_ok(fct_log_heartbeat(f->log, &f->err), f->err);
    assert_int_equal(fct_log_durable(f->log), fct_log_end(f->log));
    assert_false(fct_log_wants_heartbeat(f->log));
    uint64_t end = fct_log_end(f->log);
    assert_ok(fct_log_heartbeat(f->log, &f->err),
              f->err); /* nothing is written: the end is proven */
    assert_int_equal(fct_log_end(f->log), end);
    assert_events(f, 1);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void make_segments(struct fixture *f)
{
    open_log(f);
    for (uint64_t i = 0; i < 60; i++) {
        append(f, i, 1000);
    }
    assert_true(fct_log_segment_count(f->log) >= 3);
    close_log(f);
}

static void path_of(const struct fixture *f, const char *name, char path[FCT_PATH_SIZE])
{
    assert_int_equal(fct_path_join(path, f->dir, name, NULL), FACTUM_OK);
}

static void overwrite(const struct fixture *f, const char *name, uint64_t offset, uint8_t byte)
{
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    path_of(f, name, path);
    assert_int_equal(fct_file_open(fct_os_real(), path, FCT_OPEN_WRITE, &file, NULL), FACTUM_OK);
    assert_int_equal(fct_file_write(file, offset, &byte, 1, NULL), FACTUM_OK);
    assert_int_equal(fct_file_close(&file, NULL), FACTUM_OK);
}

#define FIRST "00000000000000000001.seg"
#define SECOND "00000000000000000002.seg"

static uint64_t count_events(struct fixture *f)
{
    struct fct_log_walk walk;
    struct fct_record record;
    uint64_t count = 0;
    factum_status status = fct_log_walk_init(&walk, f->log, 0, &f->err);
    while (status == FACTUM_OK && (status = fct_log_walk_next(&walk, &record, &f->err)) == 0) {
        count++;
    }
    assert_int_equal(status, FACTUM_DONE);
    return count;
}

/* Where a file system does not rename in one step, a loss of power can leave a segment that still
 * has the name under which it was prepared. */
TEST(a_segment_that_kept_its_first_name_is_not_filled_again)
{
    struct fixture *f = *state;
    char segment[FCT_PATH_SIZE];
    char prepared[FCT_PATH_SIZE];
    f->options.os = fct_os_real(); /* the failing double is for one thread only */
    for (unsigned threads = 0; threads < 2; threads++) {
        f->options.threads = threads == 1;
        open_log(f);
        uint64_t from = count_events(f);
        append(f, from, 1000);
        struct fct_log_segment_info last;
        size_t segments = fct_log_segment_count(f->log);
        assert_true(fct_log_segment_info(f->log, segments - 1, UINT64_MAX, &last));
        close_log(f);
        char name[32];
        (void)snprintf(name, sizeof name, "%020u.seg", (unsigned)last.number);
        path_of(f, name, segment);
        path_of(f, "prepared.tmp", prepared);
        assert_int_equal(link(segment, prepared), 0);
        open_log(f);
        for (uint64_t i = from + 1; fct_log_segment_count(f->log) < segments + 2; i++) {
            append(f, i, 1000);
        }
        assert_events(f, count_events(f));
        assert_true(count_events(f) > from + 1);
        close_log(f);
        open_log(f);
        assert_events(f, count_events(f));
        close_log(f);
    }
}

/* Nothing except the log records the loss. */
static factum_status forget_nothing(void *data, factum_error *err)
{
    (void)data;
    (void)err;
    return FACTUM_OK;
}

TEST(a_missing_segment_is_named)
{
    struct fixture *f = *state;
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    make_segments(f);
    path_of(f, SECOND, from);
    path_of(f, "elsewhere", to);
    assert_int_equal(fct_os_rename(fct_os_real(), from, to, NULL), FACTUM_OK);
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_CORRUPT);
    assert_null(f->log);
    assert_text(f->err, "segment " SECOND " is missing");
    path_of(f, FIRST, from);
    path_of(f, SECOND, to);
    assert_int_equal(fct_os_rename(fct_os_real(), from, to, NULL), FACTUM_OK);
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "contains segment number 1: rename it to");
}

TEST(a_segment_with_the_name_of_a_later_one_is_named)
{
    struct fixture *f = *state;
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    make_segments(f);
    path_of(f, SECOND, from);
    path_of(f, "00000000000000000099.seg", to);
    assert_int_equal(fct_os_rename(fct_os_real(), from, to, NULL), FACTUM_OK);
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_CORRUPT);
    assert_null(f->log);
    assert_text(f->err, "segment 00000000000000000099.seg contains segment number 2: rename it to");
}

TEST(a_segment_of_another_store_is_named)
{
    struct fixture *f = *state;
    void *other_state;
    make_segments(f);
    assert_int_equal(set_up(&other_state), 0);
    struct fixture *other = other_state;
    make_segments(other);
    char from[FCT_PATH_SIZE];
    char to[FCT_PATH_SIZE];
    path_of(other, SECOND, from);
    path_of(f, SECOND, to);
    assert_int_equal(fct_os_rename(fct_os_real(), from, to, NULL), FACTUM_OK);
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "belongs to another store");
    assert_int_equal(tear_down(&other_state), 0);
}

TEST(a_segment_with_a_damaged_header_is_named_and_can_be_given_up)
{
    struct fixture *f = *state;
    make_segments(f);
    overwrite(f, SECOND, 100, 1);
    open_log(f); /* the segments before it can be read */
    assert_int_equal(fct_log_state(f->log), FCT_LOG_DAMAGED);
    uint64_t end = fct_log_end(f->log);
    assert_int_equal(fct_log_recovery(f->log)->damaged_from, end);
    assert_non_null(
        strstr(fct_log_state_reason(f->log), "the header of segment " SECOND " is damaged"));
    uint64_t count = count_events(f);
    assert_true(count > 5);
    struct fct_log_verify_report report;
    assert_status(fct_log_verify(f->log, NULL, &report, &f->err), FACTUM_CORRUPT);
    assert_int_equal(report.bad_from, end);
    assert_string_equal(report.file, SECOND);
    close_log(f);
    assert_ok(fct_log_accept_loss(&f->options, end, forget_nothing, NULL, &f->err), f->err);
    open_log(f);
    assert_events(f, count);
    close_log(f);
    overwrite(f, FIRST, 100, 1); /* without the first segment no other can be trusted */
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "the header of segment " FIRST " is damaged");
}

static void a_log_without_its_segments_is_not_created_again(void **state)
{
    struct fixture *f = *state;
    open_log(f);
    append(f, 0, 10);
    close_log(f);
    char path[FCT_PATH_SIZE];
    path_of(f, FIRST, path);
    assert_int_equal(fct_os_unlink(fct_os_real(), path, NULL), FACTUM_OK);
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "segments are missing");
}

TEST(a_read_only_log_changes_nothing)
{
    struct fixture *f = *state;
    f->options.read_only = true;
    assert_status(fct_log_open(&f->log, &f->options, &f->err), FACTUM_NOT_FOUND);
    f->options.read_only = false;
    make_segments(f);
    f->options.read_only = true;
    open_log(f);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_READ_ONLY);
    assert_status(fct_log_begin(f->log, 10, &f->err), FACTUM_READ_ONLY);
    assert_ok(fct_log_heartbeat(f->log, &f->err), f->err);
    assert_events(f, 60);
    close_log(f);
}

static void damage_in_the_tail_is_reported_and_not_truncated(void **state)
{
    struct fixture *f = *state;
    open_log(f);
    append(f, 0, 100);
    uint64_t second = append(f, 1, 100);
    append(f, 2, 100);
    close_log(f);
    overwrite(f, FIRST, second + 60, 0xff);
    char end[FCT_PATH_SIZE];
    path_of(f, "END", end); /* with END, the scan would start after the damage */
    assert_int_equal(fct_os_unlink(fct_os_real(), end, NULL), FACTUM_OK);
    open_log(f);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_DAMAGED);
    assert_int_equal(fct_log_recovery(f->log)->damaged_from, second - FCT_BATCH_HEADER_SIZE);
    assert_non_null(strstr(fct_log_state_reason(f->log), "--accept-loss"));
    assert_status(fct_log_begin(f->log, 10, &f->err), FACTUM_CORRUPT);
    assert_events(f, 1);
    struct fct_log_verify_report report;
    assert_status(fct_log_verify(f->log, NULL, &report, &f->err), FACTUM_CORRUPT);
    assert_int_equal(report.bad_from, second - FCT_BATCH_HEADER_SIZE);
    assert_string_equal(report.file, FIRST);
    close_log(f);
    assert_status(fct_log_accept_loss(&f->options, second, forget_nothing, NULL, &f->err),
                  FACTUM_INVALID);
    assert_ok(fct_log_accept_loss(&f->options, second - FCT_BATCH_HEADER_SIZE, forget_nothing, NULL,
                                  &f->err),
              f->err);
    open_log(f);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_OPEN);
    assert_events(f, 1);
    assert_true(append(f, 1, 10) > 16384); /* positions that were given up stay unused */
    assert_events(f, 2);
    struct fct_log_walk walk;
    struct fct_record record;
    assert_ok(fct_log_walk_init(&walk, f->log, second + 8, &f->err), f->err);
    assert_ok(fct_log_walk_next(&walk, &record, &f->err), f->err);
    assert_int_equal(record.revision, 1);
}

TEST(damage_in_a_sealed_segment_is_found_by_reading_and_verifying)
{
    struct fixture *f = *state;
    open_log(f);
    uint64_t bad = 0;
    for (uint64_t i = 0; i < 60; i++) {
        uint64_t position = append(f, i, 1000);
        bad = i == 5 ? position : bad;
    }
    close_log(f);
    overwrite(f, FIRST, bad + 80, 0xff);
    open_log(f);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_OPEN);
    struct fct_record record;
    assert_status(fct_log_read(f->log, bad, &record, &f->err), FACTUM_CORRUPT);
    /* The batch begins before the record: it is what verify names, and repair takes. */
    char named[64];
    (void)snprintf(named, sizeof named, "accept-loss %llu",
                   (unsigned long long)(bad - FCT_BATCH_HEADER_SIZE));
    assert_text(f->err, "segment " FIRST " is damaged at position");
    assert_text(f->err, named);
    struct fct_log_walk walk;
    assert_ok(fct_log_walk_init(&walk, f->log, 0, &f->err), f->err);
    for (int i = 0; i < 5; i++) {
        assert_ok(fct_log_walk_next(&walk, &record, &f->err), f->err);
    }
    assert_status(fct_log_walk_next(&walk, &record, &f->err), FACTUM_CORRUPT);
    assert_status(fct_log_walk_next(&walk, &record, &f->err), FACTUM_CORRUPT);
    struct fct_log_verify_report report;
    assert_status(fct_log_verify(f->log, NULL, &report, &f->err), FACTUM_CORRUPT);
    assert_int_equal(report.bad_from, bad - FCT_BATCH_HEADER_SIZE);
    close_log(f);
    assert_ok(fct_log_accept_loss(&f->options, report.bad_from, forget_nothing, NULL, &f->err),
              f->err);
    open_log(f);
    assert_events(f, 5);
}

static bool stop_at_once(void *data, uint64_t done, uint64_t total)
{
    (void)data;
    assert_true(done <= total);
    return false;
}

TEST(verifying_can_be_stopped)
{
    struct fixture *f = *state;
    open_log(f);
    append(f, 0, 1000000);
    append(f, 1, 1000000);
    struct fct_log_verify_report report;
    const struct fct_log_visitor visitor = {.progress = stop_at_once};
    assert_status(fct_log_verify(f->log, &visitor, &report, &f->err), FACTUM_CANCELLED);
}

/* The copy of a log that is in use: whole sealed files, the last one as far as it is used. */
TEST(a_copy_of_what_is_used_opens)
{
    struct fixture *f = *state;
    open_log(f);
    for (uint64_t i = 0; i < 30; i++) {
        append(f, i, 1000);
    }
    struct fct_log_segment_info info;
    size_t count = 0;
    uint64_t upto = fct_log_end(f->log);
    while (fct_log_segment_info(f->log, count, upto, &info)) {
        count++;
    }
    assert_int_equal(count, fct_log_segment_count(f->log));
    assert_int_equal(info.base + info.size, upto);
    assert_false(info.sealed);
    assert_true(info.file_size > info.size);
    close_log(f);
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    path_of(f, info.name, path);
    assert_int_equal(fct_file_open(fct_os_real(), path, FCT_OPEN_WRITE, &file, NULL), FACTUM_OK);
    assert_int_equal(fct_file_truncate(file, info.size, NULL), FACTUM_OK);
    assert_int_equal(fct_file_close(&file, NULL), FACTUM_OK);
    path_of(f, "END", path); /* a copy has neither */
    assert_int_equal(fct_os_unlink(fct_os_real(), path, NULL), FACTUM_OK);
    path_of(f, "LAST", path);
    assert_int_equal(fct_os_unlink(fct_os_real(), path, NULL), FACTUM_OK);
    open_log(f);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_OPEN);
    assert_events(f, 30);
    for (uint64_t i = 30; i < 80; i++) {
        append(f, i, 1000);
    }
    assert_events(f, 80);
}

/* ---- refusing -------------------------------------------------------------------------------- */

TEST(a_full_disk_refuses_and_later_appends_continue)
{
    struct fixture *f = *state;
    uint64_t position = 0;
    open_log(f);
    uint64_t count = 0;
    factum_status status;
    f->fault.kind = FCT_FAULT_ENOSPC;
    while ((status = try_append(f, count, 1000, true, &position)) == FACTUM_OK) {
        count++;
        if (count == 13) {
            f->fault.at = 0; /* what is prepared is full after 14 */
            f->fault.sticky = true;
            break;
        }
    }
    assert_status(fct_log_begin(f->log, 100000, &f->err), FACTUM_NO_SPACE);
    assert_status(fct_log_begin(f->log, 100000, &f->err), FACTUM_NO_SPACE);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_OPEN);
    assert_events(f, 13);
    f->fault.at = UINT64_MAX;
    for (; count < 40; count++) {
        append(f, count, 1000);
    }
    assert_events(f, 40);
}

TEST(a_failed_sync_fails_the_log_for_good)
{
    struct fixture *f = *state;
    uint64_t position = 0;
    open_log(f);
    append(f, 0, 10);
    f->fault.kind = FCT_FAULT_EIO;
    f->fault.at = f->fault.calls + 1; /* the write, then the sync */
    assert_status(try_append(f, 1, 10, true, &position), FACTUM_IO);
    assert_int_equal(f->fault.failed, 1);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_FAILED);
    assert_non_null(strstr(fct_log_state_reason(f->log), "sync"));
    uint64_t calls = f->fault.calls;
    assert_status(try_append(f, 1, 10, true, &position), FACTUM_FAILED);
    assert_status(fct_log_heartbeat(f->log, &f->err), FACTUM_FAILED);
    assert_int_equal(f->fault.calls, calls);
    assert_events(f, 1); /* reads go on */
    struct fct_log *log = f->log;
    f->log = NULL;
    assert_ok(fct_log_close(log, &f->err), f->err);
    open_log(f);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_OPEN);
    assert_true(fct_log_recovery(f->log)->tail_rewritten);
    assert_events(f, 2); /* unknown outcome: here the batch was written, and is now on disk */
}

TEST(without_memory_nothing_changes)
{
    struct fixture *f = *state;
    open_log(f);
    append(f, 0, 10);
    atomic_store(&f->mem.fail_at, atomic_load(&f->mem.calls));
    assert_status(fct_log_begin(f->log, 1u << 20, &f->err), FACTUM_NO_MEMORY);
    assert_int_equal(fct_log_state(f->log), FCT_LOG_OPEN);
    append(f, 1, 500000);
    assert_events(f, 2);
}

/* ---- threads --------------------------------------------------------------------------------- */

struct reader {
    struct fixture *fixture;
    _Atomic bool stop;
    uint64_t seen;
    bool good;
};

static void read_along(void *data)
{
    struct reader *reader = data;
    struct fct_log *log = reader->fixture->log;
    struct fct_log_walk walk;
    struct fct_record record;
    factum_error err;
    factum_status status = fct_log_walk_init(&walk, log, 0, &err);
    while (reader->good && status >= 0) {
        bool stop = atomic_load(&reader->stop);
        status = fct_log_walk_next(&walk, &record, &err);
        if (status == FACTUM_OK) {
            struct fct_record again;
            reader->good = record.revision == reader->seen++ &&
                           fct_log_read(log, record.position, &again, &err) == FACTUM_OK &&
                           again.revision == record.revision;
        } else if (stop) {
            return;
        }
        uint64_t used;
        uint64_t prepared;
        fct_log_disk_size(log, &used, &prepared);
    }
    reader->good = reader->good && status >= 0;
}

TEST(readers_follow_the_writer)
{
    enum { READERS = 3, EVENTS = 3000 };
    struct fixture *f = *state;
    struct reader readers[READERS];
    struct fct_thread threads[READERS];
    uint64_t position;
    f->options.os = fct_os_real(); /* the failing double is for one thread only */
    f->options.threads = true;
    open_log(f);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.fixture = f, .good = true};
        assert_ok(fct_thread_start(&threads[i], "reader", read_along, &readers[i], &f->err),
                  f->err);
    }
    for (uint64_t i = 0; i < EVENTS; i++) {
        assert_ok(try_append(f, i, (size_t)(i % 700), i % 16 == 0, &position), f->err);
        if (i % 500 == 0) {
            assert_ok(fct_log_heartbeat(f->log, &f->err), f->err);
        }
    }
    struct fct_log_verify_report report;
    assert_ok(fct_log_verify(f->log, NULL, &report, &f->err), f->err);
    for (int i = 0; i < READERS; i++) {
        atomic_store(&readers[i].stop, true);
        fct_thread_join(&threads[i]);
        assert_true(readers[i].good);
        assert_int_equal(readers[i].seen, EVENTS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_new_log_is_empty_and_open),
        FIXTURE_CASE(what_was_appended_is_read_after_opening_again),
        FIXTURE_CASE(a_walk_continues_after_more_appends),
        FIXTURE_CASE(a_walk_from_anywhere_starts_at_the_next_record),
        FIXTURE_CASE(a_batch_may_be_bigger_than_a_segment),
        FIXTURE_CASE(what_is_sent_is_not_visible_before_it_is_committed),
        FIXTURE_CASE(an_empty_batch_is_dropped),
        FIXTURE_CASE(a_batch_that_was_begun_can_be_dropped),
        FIXTURE_CASE(os_commits_are_visible_but_not_durable),
        FIXTURE_CASE(a_segment_that_kept_its_first_name_is_not_filled_again),
        FIXTURE_CASE(a_missing_segment_is_named),
        FIXTURE_CASE(a_segment_with_the_name_of_a_later_one_is_named),
        FIXTURE_CASE(a_segment_of_another_store_is_named),
        FIXTURE_CASE(a_segment_with_a_damaged_header_is_named_and_can_be_given_up),
        FIXTURE_CASE(a_log_without_its_segments_is_not_created_again),
        FIXTURE_CASE(a_read_only_log_changes_nothing),
        FIXTURE_CASE(damage_in_the_tail_is_reported_and_not_truncated),
        FIXTURE_CASE(damage_in_a_sealed_segment_is_found_by_reading_and_verifying),
        FIXTURE_CASE(verifying_can_be_stopped),
        FIXTURE_CASE(a_copy_of_what_is_used_opens),
        FIXTURE_CASE(a_full_disk_refuses_and_later_appends_continue),
        FIXTURE_CASE(a_failed_sync_fails_the_log_for_good),
        FIXTURE_CASE(without_memory_nothing_changes),
        FIXTURE_CASE(readers_follow_the_writer),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
