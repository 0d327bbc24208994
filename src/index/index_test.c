/* index_test.c - the index as a whole: opening, losing runs and rebuilding them, damage while it
 * is open, reading only. Layer: index.
 * Damage of every byte and failures of every call are in tests/crash. */
#include "core/crc32c.h"
#include "support/index_fixture.h"

#include "index/scan.h"

TEST(a_new_index_is_empty)
{
    struct fixture *f = *state;
    uint64_t from;
    uint64_t to;
    open_index(f);
    assert_int_equal(fct_index_covered(f->index).position, 0);
    assert_false(fct_index_missing(f->index, &from, &to));
    assert_false(fct_index_wants_flush(f->index));
    check(f);
    flush(f);
    assert_int_equal(run_files(f), 0);
}

TEST(closing_accepts_nothing)
{
    fct_index_close(NULL);
    fct_index_keys_close(NULL);
}

TEST(flushed_postings_are_found_after_opening)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 3);
    grow(f, 5);
    close_index(f);
    open_index(f);
    struct fct_index_point end = fct_index_covered(f->index);
    assert_int_equal(end.position, f->model.batches[29].end);
    assert_int_equal(end.batch_number, 30);
    assert_int_equal(end.chain, 29 * 7 + 1);
    replay(f);
    check(f);
}

static void lose(struct fixture *f, uint64_t number)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/index/%016llx.run", (unsigned long long)number);
    assert_ok(fct_os_unlink(f->options.os, path, &f->err), f->err);
}

TEST(a_lost_run_is_reported_and_rebuilt)
{
    struct fixture *f = *state;
    for (uint64_t lost = 1; lost <= 3; lost++) {
        uint64_t from;
        uint64_t to;
        open_index(f);
        make_runs(f, lost == 1 ? 3 : 0);
        close_index(f);
        lose(f, lost); /* the rebuilt run gets another number */
        open_index(f);
        assert_true(fct_index_missing(f->index, &from, &to));
        assert_int_equal(from, lost == 1 ? 0 : f->model.batches[lost * 10 - 11].end);
        assert_int_equal(to, f->model.batches[lost * 10 - 1].end);
        struct fct_index_key key = key_of(f, 0);
        assert_status(find(f, &key), FACTUM_CORRUPT);
        assert_string_equal(f->err.text, "a part of the index is damaged and has to be rebuilt");
        assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
        assert_false(fct_index_missing(f->index, &from, &to));
        check(f);
        close_index(f);
    }
    open_index(f);
    check(f);
}

TEST(neighbours_that_are_lost_are_one_range)
{
    struct fixture *f = *state;
    uint64_t from;
    uint64_t to;
    open_index(f);
    make_runs(f, 3);
    close_index(f);
    lose(f, 2);
    lose(f, 3);
    open_index(f);
    assert_true(fct_index_missing(f->index, &from, &to));
    assert_int_equal(from, f->model.batches[9].end);
    assert_int_equal(to, f->model.batches[29].end);
    assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
    check(f);
}

TEST(a_range_too_big_for_memory_is_rebuilt_in_pieces)
{
    struct fixture *f = *state;
    open_index(f);
    grow(f, 300);
    flush(f);
    close_index(f);
    lose(f, 1);
    f->options.memtable_size_max = 100000;
    open_index(f);
    assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
    assert_true(stats_of(f).runs > 1);
    check(f);
    reopen(f);
    check(f);
}

TEST(the_index_of_another_store_is_thrown_away)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 2);
    close_index(f);
    f->options.store_id.bytes[15] = 1;
    open_index(f);
    assert_int_equal(fct_index_covered(f->index).position, 0);
    assert_int_equal(run_files(f), 0);
    replay(f);
    check(f);
}

/* The same number, range and seed, but the id of another store. */
TEST(a_run_of_another_store_is_not_used)
{
    struct fixture *f = *state;
    uint64_t from;
    uint64_t to;
    uint64_t size;
    open_index(f);
    make_runs(f, 1);
    close_index(f);
    uint8_t *footer = run_bytes(f, 1, &size) + size - FCT_RUN_FOOTER_SIZE;
    footer[16 + 15] ^= 1;
    fct_put_u32(footer + 156, fct_crc32c(0, footer, 156));
    open_index(f);
    assert_true(fct_index_missing(f->index, &from, &to));
    assert_int_equal(from, 0);
    assert_int_equal(to, model_end(&f->model));
    assert_int_equal(run_files(f), 0);
    assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
    check(f);
}

TEST(runs_that_no_manifest_names_are_removed)
{
    struct fixture *f = *state;
    struct fct_file *file;
    open_index(f);
    make_runs(f, 1);
    close_index(f);
    for (uint64_t i = 0x100; i < 0x100 + 70; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/index/%016llx.run", (unsigned long long)i);
        assert_ok(
            fct_file_open(&f->fault.os, path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &f->err),
            f->err);
        assert_ok(fct_file_close(&file, &f->err), f->err);
    }
    open_index(f);
    assert_int_equal(run_files(f), 1 + 70 - 64); /* the rest next time */
    make_runs(f, 1);
    assert_int_equal(f->index->version->runs[1]->info.number, 0x100 + 70);
    reopen(f);
    assert_int_equal(run_files(f), 2);
    check(f);
}

TEST(other_files_stay_when_the_index_is_removed)
{
    struct fixture *f = *state;
    struct fct_file *file;
    uint64_t size;
    open_index(f);
    make_runs(f, 2);
    close_index(f);
    assert_ok(fct_file_open(&f->fault.os, "/index/notes", FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file,
                            &f->err),
              f->err);
    assert_ok(fct_file_close(&file, &f->err), f->err);
    assert_ok(fct_index_remove(&f->fault.os, "/index", &f->err), f->err);
    assert_non_null(fct_sim_disk_bytes(f->disk, "/index/notes", &size));
    assert_null(fct_sim_disk_bytes(f->disk, "/index/MANIFEST", &size));
    assert_int_equal(run_files(f), 0);
    assert_ok(fct_index_remove(&f->fault.os, "/nowhere", &f->err), f->err);
}

TEST(peek_reports_what_the_manifest_has)
{
    struct fixture *f = *state;
    factum_uuid id;
    struct fct_index_point end;
    assert_status(fct_index_peek(&f->fault.os, "/index", &id, &end, &f->err), FACTUM_NOT_FOUND);
    open_index(f);
    make_runs(f, 1);
    assert_ok(fct_index_peek(&f->fault.os, "/index", &id, &end, &f->err), f->err);
    assert_memory_equal(id.bytes, f->options.store_id.bytes, 16);
    assert_int_equal(end.position, model_end(&f->model));
    assert_int_equal(end.batch_number, 10);
}

TEST(a_path_that_is_too_long_is_refused)
{
    struct fixture *f = *state;
    static char path[FCT_PATH_SIZE + 1];
    memset(path, 'a', FCT_PATH_SIZE);
    f->options.dir = path;
    assert_status(fct_index_open(&f->index, &f->options, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, "open index: the path is too long");
    assert_null(f->index);
}

TEST(a_reader_that_meets_damage_quarantines_the_run)
{
    struct fixture *f = *state;
    uint64_t from;
    uint64_t to;
    uint64_t size;
    open_index(f);
    make_runs(f, 3);
    reopen(f); /* no block has been looked at */
    run_bytes(f, 2, &size)[10] ^= 1;
    struct fct_index_key key = model_key(f->index, FCT_INDEX_TYPE, 0);
    assert_status(find(f, &key), FACTUM_CORRUPT);
    assert_string_equal(f->err.text, "a part of the index is damaged and has to be rebuilt");
    assert_string_equal(f->logged, "1 index.run_damaged /index/0000000000000002.run is damaged and "
                                   "will be rebuilt");
    assert_true(fct_index_missing(f->index, &from, &to));
    assert_int_equal(from, f->model.batches[9].end);
    assert_int_equal(to, f->model.batches[19].end);
    assert_int_equal(stats_of(f).runs, 2);
    grow(f, 3); /* stays in memory */
    assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
    check(f);
    flush(f);
    reopen(f);
    check(f);
}

TEST(verify_passes_what_is_whole)
{
    struct fixture *f = *state;
    open_index(f);
    assert_ok(fct_index_verify(f->index, NULL, &f->err), f->err);
    make_runs(f, 6);
    assert_ok(fct_index_verify(f->index, NULL, &f->err), f->err);
}

/* One flipped bit anywhere in a run that is open: blocks, block index, filter, footer. */
TEST(verify_finds_a_flipped_bit_in_every_part_of_a_run)
{
    struct fixture *f = *state;
    uint64_t size;
    open_index(f);
    make_runs(f, 2);
    uint64_t number = 2;
    (void)run_bytes(f, number, &size);
    for (uint64_t at = 0; at < size; at += at < 4096 ? 97 : 3) {
        uint64_t from;
        uint64_t to;
        assert_ok(fct_index_verify(f->index, NULL, &f->err), f->err);
        run_bytes(f, number, &size)[at] ^= (uint8_t)(1u << at % 8);
        assert_status(fct_index_verify(f->index, NULL, &f->err), FACTUM_CORRUPT);
        assert_text(f->err, "index run /index/");
        assert_text(f->err, ".run is damaged");
        assert_true(fct_index_missing(f->index, &from, &to));
        assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
        number = f->index->version->runs[1]->info.number;
    }
    check(f);
}

/* Each batch becomes a run: many more than there may be. */
static void rebuild_a_run_a_batch(struct fixture *f)
{
    uint64_t from;
    uint64_t to;
    open_index(f);
    grow(f, 1100);
    flush(f);
    close_index(f);
    lose(f, 1);
    f->options.memtable_size_max = 1;
    open_index(f);
    uint64_t most = 0;
    while (fct_index_missing(f->index, &from, &to)) {
        assert_ok(model_rebuild(&f->model, f->index, from, to, &f->err), f->err);
        uint64_t runs = stats_of(f).runs;
        most = runs > most ? runs : most;
    }
    assert_in_range(most, 4, 1024);
    assert_ok(fct_index_settle(f->index, &f->err), f->err);
    assert_in_range(stats_of(f).runs, 1, 15); /* 3 of a level at the most */
    assert_int_equal(run_files(f), stats_of(f).runs);
    check(f);
    close_index(f);
    open_index(f);
    check(f);
}

/* |count| runs of a batch each; what is due is merged after each. */
static void grow_by_runs(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        grow(f, 1);
        flush(f);
        assert_ok(fct_index_settle(f->index, &f->err), f->err);
    }
}

static void assert_levels(struct fixture *f, const char *levels)
{
    char got[64] = "";
    const struct fct_version *version = f->index->version;
    for (size_t i = 0; i < version->run_count && i < sizeof got - 1; i++) {
        got[i] = (char)('0' + version->runs[i]->info.level);
    }
    assert_string_equal(got, levels);
}

/* Makes |count| runs of level 0 of the oldest missing range, and merges what is due after each. */
static void rebuild_some(struct fixture *f, int count)
{
    uint64_t from;
    uint64_t to;
    for (int i = 0; i < count; i++) {
        assert_true(fct_index_missing(f->index, &from, &to));
        assert_ok(model_rebuild(&f->model, f->index, from, to, &f->err), f->err);
        assert_ok(fct_index_settle(f->index, &f->err), f->err);
    }
}

/* Of runs of the levels 2, 2, 1, 1 the second is lost, and is rebuilt in pieces. */
TEST(what_was_lost_in_the_middle_is_merged_by_its_own_level_first)
{
    struct fixture *f = *state;
    open_index(f);
    grow_by_runs(f, 40);
    assert_levels(f, "2211");
    uint64_t lost = f->index->version->runs[1]->info.number;
    close_index(f);
    lose(f, lost);
    f->options.memtable_size_max = 1;
    open_index(f);
    assert_levels(f, "211");
    rebuild_some(f, 3);
    assert_levels(f, "200011"); /* over the gap nothing is merged */
    rebuild_some(f, 1);
    assert_levels(f, "2111");
    rebuild_some(f, 11);
    assert_levels(f, "211100011");
    uint64_t before = stats_of(f).merged_bytes;
    rebuild_some(f, 1); /* the gap is closed: four of level 1, then as it was */
    assert_levels(f, "2211");
    assert_false(stats_of(f).merged_bytes == before);
    check(f);
}

/* A small run counts as a run of its newer neighbour's level, so that it does not stay for ever;
 * merged with three bigger ones it gives a run of their level, not of a higher one. */
TEST(a_small_run_before_bigger_ones_counts_as_one_of_them)
{
    struct fixture *f = *state;
    open_index(f);
    grow_by_runs(f, 48);
    assert_levels(f, "222");
    uint64_t lost = f->index->version->runs[1]->info.number;
    close_index(f);
    lose(f, lost);
    open_index(f); /* memtables are big: one piece */
    rebuild_some(f, 1);
    assert_levels(f, "202");
    grow_by_runs(f, 3);
    assert_levels(f, "202000");
    grow_by_runs(f, 13);
    assert_levels(f, "2"); /* 2, 0, 2, 2: of unlike levels, so the result has the highest */
    check(f);
}

TEST(rebuilt_runs_are_merged_during_the_rebuild)
{
    rebuild_a_run_a_batch(*state);
}

TEST(rebuilt_runs_are_merged_in_the_background)
{
    struct fixture *f = *state;
    use_threads(f);
    rebuild_a_run_a_batch(f);
}

TEST(rebuilt_runs_serve_although_they_cannot_be_merged)
{
    struct fixture *f = *state;
    uint64_t from;
    uint64_t to;
    uint64_t calls = 0; /* the run that was being made */
    open_index(f);
    grow(f, 1030);
    flush(f);
    close_index(f);
    lose(f, 1);
    f->options.memtable_size_max = 1;
    open_index(f);
    f->fault.kind = FCT_FAULT_ENOSPC;
    f->fault.sticky = true;
    while (fct_index_missing(f->index, &from, &to)) {
        uint64_t before = f->fault.calls;
        f->fault.at = stats_of(f).runs == 1023 ? before + calls : UINT64_MAX;
        assert_ok(model_rebuild(&f->model, f->index, from, to, &f->err), f->err);
        calls = f->fault.calls - before;
    }
    assert_true(f->fault.failed > 0);
    assert_true(stats_of(f).runs >= 1024);
    check(f);
}

/* Nothing merges here except the writer itself, when there are too many runs. */
TEST(a_writer_faster_than_the_merges_waits)
{
    struct fixture *f = *state;
    f->options.memtable_size_max = 1;
    open_index(f);
    for (int i = 0; i < 11; i++) {
        grow(f, 100);
        assert_true(stats_of(f).runs <= 1024);
    }
    assert_in_range(stats_of(f).merges, 1, 100);
    check(f);
}

TEST(verify_names_the_first_damaged_run_and_quarantines_all)
{
    struct fixture *f = *state;
    uint64_t size;
    open_index(f);
    make_runs(f, 3);
    run_bytes(f, 1, &size)[4] ^= 1;
    run_bytes(f, 3, &size)[4] ^= 1;
    assert_status(fct_index_verify(f->index, NULL, &f->err), FACTUM_CORRUPT);
    assert_string_equal(f->err.text,
                        "index run /index/0000000000000001.run is damaged; it is being rebuilt "
                        "from the log, and nothing is lost");
    assert_int_equal(stats_of(f).runs, 1);
    assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
    check(f);
}

/* A run with good checksums whose postings are before or after the range of its footer. */
TEST(a_run_that_leaves_its_range_is_the_one_that_is_quarantined)
{
    struct fixture *f = *state;
    uint64_t size;
    open_index(f);
    make_runs(f, 4);
    uint64_t number = 2;
    for (int i = 0; i < 2; i++) {
        close_index(f);
        uint8_t *block = run_bytes(f, number, &size);
        uint8_t *entry = block;
        for (size_t at = 4088; entry[0] != FCT_INDEX_TYPE; at -= 2) {
            entry = block + fct_get_u16(block + at); /* from the last on */
        }
        entry[20] = (uint8_t)(entry[20] + (i == 0 ? -1 : 1)); /* of the first position: 512 */
        fct_put_u32(block + 4092, fct_run_page_crc(number, 0, block));
        open_index(f);
        assert_status(fct_index_tick(f->index, &f->err), FACTUM_CORRUPT);
        char name[FCT_RUN_NAME_SIZE];
        fct_run_name(number, name);
        assert_text(f->err, name);
        assert_ok(model_rebuild_missing(&f->model, f->index, &f->err), f->err);
        number = f->index->version->runs[1]->info.number;
        check(f);
    }
    assert_ok(fct_index_settle(f->index, &f->err), f->err);
    check(f);
}

TEST(read_only_nothing_is_written)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 5);
    close_index(f);
    uint64_t calls = fct_sim_disk_calls(f->disk);
    f->options.read_only = true;
    f->options.memtable_size_max = 1;
    open_index(f);
    grow(f, 50);
    assert_false(fct_index_wants_flush(f->index));
    flush(f);
    assert_ok(fct_index_tick(f->index, &f->err), f->err);
    assert_ok(fct_index_settle(f->index, &f->err), f->err);
    check(f);
    assert_ok(fct_index_truncate(f->index, 0, &f->err), f->err);
    replay(f);
    fct_index_complete(f->index);
    check(f);
    assert_int_equal(fct_sim_disk_calls(f->disk), calls);
}

TEST(read_only_a_missing_directory_is_an_empty_index)
{
    struct fixture *f = *state;
    f->options.read_only = true;
    open_index(f);
    assert_int_equal(fct_index_covered(f->index).position, 0);
    check(f);
}

TEST(read_only_a_truncation_keeps_the_runs_before)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 3);
    close_index(f);
    f->options.read_only = true;
    open_index(f);
    assert_ok(fct_index_truncate(f->index, f->model.batches[19].end + 1, &f->err), f->err);
    assert_int_equal(fct_index_covered(f->index).position, f->model.batches[19].end);
    struct fct_index_key key = key_of(f, 0);
    assert_status(find(f, &key), FACTUM_CORRUPT);
    replay(f);
    fct_index_complete(f->index);
    check(f);
}

TEST(after_a_truncation_readers_wait_until_it_is_complete)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 3);
    f->options.memtable_size_max = 1; /* memtables are sealed while the log is replayed */
    reopen(f);
    assert_ok(fct_index_truncate(f->index, 0, &f->err), f->err);
    assert_int_equal(fct_index_covered(f->index).position, 0);
    struct fct_index_key key = key_of(f, 0);
    struct fct_index_keys *keys;
    struct fct_postings postings;
    uint64_t position;
    replay(f);
    assert_true(stats_of(f).runs > 0);
    assert_status(find(f, &key), FACTUM_CORRUPT);
    fct_postings_init(&postings, f->index, &key);
    assert_status(fct_postings_next(&postings, &position, &f->err), FACTUM_CORRUPT);
    assert_status(fct_postings_seek_position(&postings, 8, &f->err), FACTUM_CORRUPT);
    assert_status(fct_index_keys_open(f->index, FCT_INDEX_STREAM, &keys, &f->err), FACTUM_CORRUPT);
    assert_string_equal(f->err.text, "a part of the index is damaged and has to be rebuilt");
    assert_null(keys);
    fct_index_complete(f->index);
    check(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_new_index_is_empty),
        CASE(closing_accepts_nothing),
        FIXTURE_CASE(flushed_postings_are_found_after_opening),
        FIXTURE_CASE(a_lost_run_is_reported_and_rebuilt),
        FIXTURE_CASE(neighbours_that_are_lost_are_one_range),
        FIXTURE_CASE(a_range_too_big_for_memory_is_rebuilt_in_pieces),
        FIXTURE_CASE(the_index_of_another_store_is_thrown_away),
        FIXTURE_CASE(a_run_of_another_store_is_not_used),
        FIXTURE_CASE(runs_that_no_manifest_names_are_removed),
        FIXTURE_CASE(other_files_stay_when_the_index_is_removed),
        FIXTURE_CASE(peek_reports_what_the_manifest_has),
        FIXTURE_CASE(a_path_that_is_too_long_is_refused),
        FIXTURE_CASE(a_reader_that_meets_damage_quarantines_the_run),
        FIXTURE_CASE(verify_passes_what_is_whole),
        FIXTURE_CASE(verify_finds_a_flipped_bit_in_every_part_of_a_run),
        FIXTURE_CASE(what_was_lost_in_the_middle_is_merged_by_its_own_level_first),
        FIXTURE_CASE(a_small_run_before_bigger_ones_counts_as_one_of_them),
        FIXTURE_CASE(rebuilt_runs_are_merged_during_the_rebuild),
        FIXTURE_CASE(rebuilt_runs_are_merged_in_the_background),
        FIXTURE_CASE(rebuilt_runs_serve_although_they_cannot_be_merged),
        FIXTURE_CASE(a_writer_faster_than_the_merges_waits),
        FIXTURE_CASE(verify_names_the_first_damaged_run_and_quarantines_all),
        FIXTURE_CASE(a_run_that_leaves_its_range_is_the_one_that_is_quarantined),
        FIXTURE_CASE(read_only_nothing_is_written),
        FIXTURE_CASE(read_only_a_missing_directory_is_an_empty_index),
        FIXTURE_CASE(read_only_a_truncation_keeps_the_runs_before),
        FIXTURE_CASE(after_a_truncation_readers_wait_until_it_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
