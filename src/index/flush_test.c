/* flush_test.c - memtables become runs and runs bigger ones; a failure leaves no file.
 * Layer: index. */
#include <limits.h>

#include "core/crc32c.h"
#include "support/index_fixture.h"

TEST(a_flush_changes_nothing_for_readers)
{
    struct fixture *f = *state;
    open_index(f);
    grow(f, 40);
    flush(f);
    assert_int_equal(stats_of(f).runs, 1);
    assert_int_equal(fct_index_covered(f->index).position, model_end(&f->model));
    assert_int_equal(fct_index_covered(f->index).batch_number, 40);
    check(f);
    grow(f, 5);
    check(f);
}

TEST(four_runs_of_a_level_become_one_of_the_next)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 3);
    assert_ok(fct_index_tick(f->index, &f->err), f->err);
    assert_int_equal(stats_of(f).runs, 3);
    make_runs(f, 1);
    assert_ok(fct_index_tick(f->index, &f->err), f->err);
    struct fct_index_stats stats = stats_of(f);
    assert_int_equal(stats.runs, 1);
    assert_int_equal(stats.merges, 1);
    assert_int_equal(stats.merged_bytes, stats.run_bytes);
    assert_true(stats.postings > f->model.count); /* births too */
    assert_int_equal(run_files(f), 1);
    check(f);
    reopen(f);
    check(f);
}

TEST(sixteen_runs_become_one_of_level_two)
{
    struct fixture *f = *state;
    open_index(f);
    for (int i = 0; i < 16; i++) {
        make_runs(f, 1);
        assert_ok(fct_index_settle(f->index, &f->err), f->err);
        assert_true(stats_of(f).runs <= 6);
    }
    assert_int_equal(stats_of(f).runs, 1);
    assert_int_equal(stats_of(f).merges, 5);
    check(f);
}

TEST(a_merge_that_meets_damage_names_the_run_and_quarantines_it)
{
    struct fixture *f = *state;
    uint64_t from;
    uint64_t to;
    uint64_t size;
    open_index(f);
    make_runs(f, 4);
    reopen(f);
    run_bytes(f, 3, &size)[10] ^= 1;
    memset(&f->err, 0, sizeof f->err);
    assert_status(fct_index_tick(f->index, &f->err), FACTUM_CORRUPT);
    assert_string_equal(f->err.text, "index run /index/0000000000000003.run is damaged");
    assert_true(fct_index_missing(f->index, &from, &to));
    assert_int_equal(from, f->model.batches[19].end);
    assert_int_equal(run_files(f), 4);
    assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
    check(f);
}

/* A forged file: valid checksums over postings that do not rise. */
TEST(a_merge_of_postings_out_of_order_is_damage)
{
    struct fixture *f = *state;
    uint64_t size;
    open_index(f);
    make_runs(f, 4);
    reopen(f);
    const struct fct_run_info *info = &f->index->version->runs[1]->info;
    uint8_t *block = run_bytes(f, info->number, &size);
    uint16_t second = fct_get_u16(block + 4090 - 2 * fct_get_u16(block + 4090) + 2);
    memset(block + second - 1, 0, 1); /* the last difference of the first entry */
    uint64_t mixed = (info->number << 20) * UINT64_C(0x9e3779b97f4a7c15);
    fct_put_u32(block + 4092, fct_crc32c((uint32_t)(mixed >> 32), block, 4092));
    assert_status(fct_index_tick(f->index, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "0000000000000002.run is damaged");
    assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
    check(f);
}

/* Whatever fails in a flush, no run is left on disk that no manifest names. */
TEST(a_flush_that_fails_leaves_no_run_and_can_be_repeated)
{
    struct fixture *f = *state;
    factum_status status = FACTUM_IO;
    open_index(f);
    make_runs(f, 2);
    grow(f, 10);
    f->fault.kind = FCT_FAULT_EIO;
    for (uint64_t at = 0; status != FACTUM_OK; at++) {
        f->fault.at = f->fault.calls + at;
        status = fct_index_flush(f->index, &f->err);
        if (status != FACTUM_OK) {
            assert_status(status, FACTUM_IO);
            assert_text(f->err, ": Input/output error");
            assert_int_equal(run_files(f), 2);
            assert_int_equal(stats_of(f).runs, 2);
            check(f);
        }
        assert_true(at < 100);
    }
    assert_int_equal(stats_of(f).runs, 3);
    check(f);
    reopen(f);
    check(f);
}

TEST(a_merge_that_fails_leaves_its_inputs_and_no_run_behind)
{
    struct fixture *f = *state;
    factum_status status = FACTUM_IO;
    open_index(f);
    make_runs(f, 4);
    f->fault.kind = FCT_FAULT_EIO;
    for (uint64_t at = 0; status != FACTUM_OK || stats_of(f).merges == 0; at++) {
        f->fault.at = f->fault.calls + at;
        status = fct_index_tick(f->index, &f->err);
        if (status != FACTUM_OK) {
            assert_status(status, FACTUM_IO);
            assert_text(f->err, ": Input/output error");
            assert_int_equal(run_files(f), 4);
        }
        check(f);
        assert_true(at < 100);
    }
    reopen(f);
    check(f);
}

TEST(without_memory_a_flush_leaves_no_run_behind)
{
    struct fixture *f = *state;
    factum_status status = FACTUM_NO_MEMORY;
    open_index(f);
    make_runs(f, 2);
    grow(f, 10);
    for (unsigned long at = 0; status != FACTUM_OK; at++) {
        atomic_store(&f->mem.fail_at, atomic_load(&f->mem.calls) + at);
        status = fct_index_flush(f->index, &f->err);
        if (status != FACTUM_OK) {
            assert_status(status, FACTUM_NO_MEMORY);
            assert_text(f->err, "out of memory");
            assert_int_equal(run_files(f), 2);
        }
        assert_true(at < 100);
    }
    atomic_store(&f->mem.fail_at, ULONG_MAX);
    check(f);
}

TEST(a_full_disk_leaves_the_postings_in_memory)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 1);
    grow(f, 10);
    fct_sim_disk_set_space(f->disk, 100);
    assert_status(fct_index_flush(f->index, &f->err), FACTUM_NO_SPACE);
    assert_text(f->err, "no space left");
    check(f);
    grow(f, 1);
    fct_sim_disk_set_space(f->disk, 1u << 30);
    flush(f);
    check(f);
    reopen(f);
    check(f);
}

TEST(a_reserve_without_memory_fails_and_adds_nothing)
{
    struct fixture *f = *state;
    open_index(f);
    grow(f, 3);
    atomic_store(&f->mem.fail_at, atomic_load(&f->mem.calls));
    assert_status(fct_index_reserve(f->index, 100000, &f->err), FACTUM_NO_MEMORY);
    assert_string_equal(f->err.text, "index: out of memory");
    check(f);
}

TEST(memory_is_bounded_while_nothing_can_be_written)
{
    struct fixture *f = *state;
    factum_status status = FACTUM_OK;
    f->options.memtable_size_max = 150000;
    open_index(f);
    fct_sim_disk_set_space(f->disk, 0);
    for (int i = 0; i < 5000 && status == FACTUM_OK; i++) {
        uint64_t from = model_end(&f->model);
        model_batch(&f->model, 12);
        status = model_replay(&f->model, f->index, from, &f->err);
    }
    assert_status(status, FACTUM_NO_SPACE);
    assert_true(stats_of(f).memory_bytes < (uint64_t)2 * 4 * 150000);
    fct_sim_disk_set_space(f->disk, 1u << 30);
    close_index(f);
    open_index(f);
    replay(f);
    check(f);
}

TEST(the_background_flushes_and_merges)
{
    struct fixture *f = *state;
    use_threads(f);
    f->options.memtable_span_max = 1 << 14;
    open_index(f);
    for (int i = 0; i < 40; i++) {
        grow(f, 10);
        check(f);
    }
    assert_ok(fct_index_settle(f->index, &f->err), f->err);
    assert_true(stats_of(f).merges > 0);
    check(f);
    flush(f);
    reopen(f);
    check(f);
}

TEST(settling_reports_a_failure_of_the_background_thread)
{
    struct fixture *f = *state;
    use_threads(f);
    f->options.memtable_span_max = 1 << 12;
    open_index(f);
    fct_sim_disk_set_space(f->disk, 0);
    grow(f, 30);
    factum_status status = FACTUM_OK;
    for (int i = 0; i < 1000 && status == FACTUM_OK; i++) {
        status = fct_index_settle(f->index, &f->err);
    }
    assert_status(status, FACTUM_NO_SPACE);
    assert_text(f->err, "no space left");
    check(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_flush_changes_nothing_for_readers),
        FIXTURE_CASE(four_runs_of_a_level_become_one_of_the_next),
        FIXTURE_CASE(sixteen_runs_become_one_of_level_two),
        FIXTURE_CASE(a_merge_that_meets_damage_names_the_run_and_quarantines_it),
        FIXTURE_CASE(a_merge_of_postings_out_of_order_is_damage),
        FIXTURE_CASE(a_flush_that_fails_leaves_no_run_and_can_be_repeated),
        FIXTURE_CASE(a_merge_that_fails_leaves_its_inputs_and_no_run_behind),
        FIXTURE_CASE(without_memory_a_flush_leaves_no_run_behind),
        FIXTURE_CASE(a_full_disk_leaves_the_postings_in_memory),
        FIXTURE_CASE(a_reserve_without_memory_fails_and_adds_nothing),
        FIXTURE_CASE(memory_is_bounded_while_nothing_can_be_written),
        FIXTURE_CASE(the_background_flushes_and_merges),
        FIXTURE_CASE(settling_reports_a_failure_of_the_background_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
