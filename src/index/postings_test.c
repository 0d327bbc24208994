/* postings_test.c - the lists of keys over memtables, runs and merges are those of an array, and
 * a missing key costs nothing. Layer: index. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/index_fixture.h"

TEST(what_is_added_is_found_at_once)
{
    struct fixture *f = *state;
    open_index(f);
    for (int i = 0; i < 30; i++) {
        grow(f, 1);
        check(f);
    }
}

/* Neither counts nor lists nor keys nor runs have such postings: the log might not keep them. */
TEST(postings_that_are_not_shown_are_not_found)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 1);
    grow(f, 20);
    uint64_t runs = stats_of(f).runs;
    uint64_t end = model_end(&f->model);
    struct fct_index_key known = model_key(f->index, FCT_INDEX_TYPE, 0);
    struct fct_index_key fresh = model_key(f->index, FCT_INDEX_TAG, MODEL_NAMES + 1);
    const struct fct_index_entry hidden[] = {{known, end + 4, FCT_BIRTH_NO},
                                             {fresh, end + 4, FCT_BIRTH_NO},
                                             {known, end + 8, FCT_BIRTH_NO}};
    assert_ok(fct_index_reserve(f->index, 3, &f->err), f->err);
    fct_index_add(f->index, hidden, 3);
    check(f);
    flush(f);
    assert_int_equal(stats_of(f).runs, runs);
    check(f);
    struct fct_postings postings;
    uint64_t position;
    fct_postings_init(&postings, f->index, &known);
    assert_ok(fct_postings_seek_position(&postings, end, &f->err), f->err);
    assert_status(fct_postings_next(&postings, &position, &f->err), FACTUM_DONE);
    fct_index_show(f->index, (struct fct_index_point){.position = end + 100});
    assert_ok(fct_postings_next(&postings, &position, &f->err), f->err);
    assert_int_equal(position, end + 4);
    uint64_t count;
    assert_ok(fct_index_find(f->index, &fresh, &count, NULL, NULL, &f->err), f->err);
    assert_int_equal(count, 1);
    flush(f);
    assert_int_equal(stats_of(f).runs, runs + 1);
}

/* A cursor that was opened before a flush and a merge continues after them. */
TEST(a_cursor_stays_valid_over_flushes_and_merges)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 3);
    grow(f, 10);
    struct fct_index_key key = model_key(f->index, FCT_INDEX_TYPE, 0);
    const struct model_list *list = &f->model.lists[FCT_INDEX_TYPE - 1][0];
    struct fct_postings postings;
    uint64_t position;
    fct_postings_init(&postings, f->index, &key);
    for (size_t i = 0; i < list->count; i++) {
        if (i == list->count / 3) {
            flush(f);
        }
        if (i == list->count / 2) {
            assert_ok(fct_index_tick(f->index, &f->err), f->err);
            grow(f, 1);
        }
        assert_ok(fct_postings_next(&postings, &position, &f->err), f->err);
        assert_true(position == list->positions[i]);
        assert_int_equal(fct_postings_ordinal(&postings), i + 1);
    }
    assert_int_equal(stats_of(f).merges, 1);
    assert_status(fct_postings_next(&postings, &position, &f->err), FACTUM_DONE);
    grow(f, 1);
    assert_ok(fct_postings_next(&postings, &position, &f->err), f->err);
}

TEST(peek_shows_what_next_will_give)
{
    struct fixture *f = *state;
    open_index(f);
    grow(f, 60);
    struct fct_index_key key = model_key(f->index, FCT_INDEX_TYPE, 0);
    struct fct_postings postings;
    uint64_t ahead = 0;
    uint64_t position;
    fct_postings_init(&postings, f->index, &key);
    assert_false(fct_postings_peek(&postings, 0, &ahead));
    assert_ok(fct_postings_next(&postings, &position, &f->err), f->err);
    for (uint32_t i = 0; i < FCT_POSTINGS_BATCH - 1; i++) {
        assert_true(fct_postings_peek(&postings, i, &ahead));
        assert_true(ahead == f->model.lists[FCT_INDEX_TYPE - 1][0].positions[i + 1]);
    }
    assert_false(fct_postings_peek(&postings, FCT_POSTINGS_BATCH - 1, &ahead));
}

TEST(from_past_the_end_the_last_posting_is_before)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 2);
    grow(f, 3);
    struct fct_index_key key = model_key(f->index, FCT_INDEX_TYPE, 0);
    const struct model_list *list = &f->model.lists[FCT_INDEX_TYPE - 1][0];
    static const uint64_t beyond[] = {0, 1, 127, 128, 129, 1000, UINT64_MAX / 2};
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        struct fct_postings postings;
        uint64_t position = 0;
        fct_postings_init(&postings, f->index, &key);
        fct_postings_seek(&postings, list->count + beyond[i]);
        assert_ok(fct_postings_previous(&postings, &position, &f->err), f->err);
        assert_true(position == list->positions[list->count - 1]);
        assert_int_equal(fct_postings_ordinal(&postings), list->count - 1);
    }
    struct fct_postings postings;
    uint64_t position;
    struct fct_index_key none = key_of(f, MODEL_NAMES - 1);
    fct_postings_init(&postings, f->index, &none);
    fct_postings_seek(&postings, 1000);
    assert_status(fct_postings_previous(&postings, &position, &f->err), FACTUM_DONE);
}

TEST(any_mixture_of_work_gives_the_lists_of_an_array)
{
    struct fixture *f = *state;
    const uint64_t seed = 20260727;
    struct fct_random random = {seed};
    print_message("# seed %llu\n", (unsigned long long)seed);
    open_index(f);
    for (int i = 0; i < 150; i++) {
        switch (fct_random_below(&random, 8)) {
        case 0:
            flush(f);
            break;
        case 1:
            assert_ok(fct_index_tick(f->index, &f->err), f->err);
            break;
        case 2:
            reopen(f);
            break;
        default:
            grow(f, 1 + (int)fct_random_below(&random, 10));
            break;
        }
        (void)snprintf(f->model.what, sizeof f->model.what, "seed %llu, step %d",
                       (unsigned long long)seed, i);
        check(f);
    }
    assert_true(stats_of(f).runs > 1);
}

/* A hash of 2 bits: names share their lists, which stay in order. */
TEST(names_whose_hashes_collide_share_a_list)
{
    struct fixture *f = *state;
    f->options.hash_mask = 1;
    open_index(f);
    for (int i = 0; i < 8; i++) {
        grow(f, 20);
        flush(f);
        assert_ok(fct_index_tick(f->index, &f->err), f->err);
    }
    struct fct_index_key key = key_of(f, 0);
    struct fct_postings postings;
    uint64_t position = 0;
    uint64_t before = 0;
    uint64_t count = 0;
    uint64_t own = 0;
    assert_true(key.hash.low <= 1 && key.hash.high <= 1);
    fct_postings_init(&postings, f->index, &key);
    while (fct_postings_next(&postings, &position, &f->err) == FACTUM_OK) {
        assert_true(position > before);
        before = position;
        const struct model_list *list = &f->model.lists[FCT_INDEX_STREAM - 1][0];
        own += own < list->count && list->positions[own] == position;
        count++;
    }
    assert_int_equal(own, f->model.lists[FCT_INDEX_STREAM - 1][0].count);
    assert_true(count >= own);
}

TEST(a_missing_key_costs_a_probe_a_run_and_no_block)
{
    struct fixture *f = *state;
    open_index(f);
    make_runs(f, 3);
    struct fct_index_stats before = stats_of(f);
    uint64_t affirmed = 0;
    for (unsigned name = 1000; name < 2000; name++) {
        struct fct_index_key key = key_of(f, name);
        for (size_t i = 0; i < 3; i++) {
            affirmed += fct_run_probe(f->index->version->runs[i], &key) == FACTUM_OK;
        }
        assert_ok(find(f, &key), f->err);
    }
    struct fct_index_stats after = stats_of(f);
    assert_int_equal(after.filter_probes - before.filter_probes, 3000);
    assert_int_equal(after.filter_hits - before.filter_hits, affirmed);
    assert_int_equal(after.blocks_read - before.blocks_read, affirmed);
    assert_true(affirmed < 30);
}

/* The blocks of a real run are taken away: an access to one ends the program. */
TEST(a_missing_key_touches_no_block_of_the_file)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/factum-index-XXXXXX";
    assert_non_null(mkdtemp(dir));
    f->options.os = fct_os_real();
    f->options.dir = dir;
    open_index(f);
    make_runs(f, 1);
    struct fct_run *run = f->index->version->runs[0];
    uint8_t *blocks = (uint8_t *)(uintptr_t)run->map;
    assert_true(run->info.block_count > 0);
    assert_int_equal(mprotect(blocks, run->info.block_count * FCT_RUN_PAGE_SIZE - 4095, PROT_NONE),
                     0);
    uint64_t asked = 0;
    for (unsigned name = 1000; name < 3000; name++) {
        struct fct_index_key key = key_of(f, name);
        if (fct_run_probe(run, &key) == FACTUM_DONE) {
            struct fct_postings postings;
            uint64_t position;
            assert_ok(find(f, &key), f->err);
            fct_postings_init(&postings, f->index, &key);
            assert_status(fct_postings_next(&postings, &position, &f->err), FACTUM_DONE);
            assert_ok(fct_postings_seek_position(&postings, 4096, &f->err), f->err);
            asked++;
        }
    }
    assert_true(asked > 1900);
    close_index(f);
    assert_ok(fct_index_remove(fct_os_real(), dir, &f->err), f->err);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(what_is_added_is_found_at_once),
        FIXTURE_CASE(postings_that_are_not_shown_are_not_found),
        FIXTURE_CASE(a_cursor_stays_valid_over_flushes_and_merges),
        FIXTURE_CASE(peek_shows_what_next_will_give),
        FIXTURE_CASE(from_past_the_end_the_last_posting_is_before),
        FIXTURE_CASE(any_mixture_of_work_gives_the_lists_of_an_array),
        FIXTURE_CASE(names_whose_hashes_collide_share_a_list),
        FIXTURE_CASE(a_missing_key_costs_a_probe_a_run_and_no_block),
        FIXTURE_CASE(a_missing_key_touches_no_block_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
