/* index_crash.c - the index on a simulated disk that crashes, loses files and flips bits. */
#include "support/test.h"

#include <stdlib.h>

#include "core/random.h"
#include "core/slice.h"
#include "index/index.h"
#include "index/run.h"
#include "index/scan.h"
#include "sim/sim_disk.h"

enum {
    STREAMS = 13,
    EVENTS = 400, /* enough for runs of two levels */
    EVENTS_PER_FLUSH = 20,
    ENTRIES_MAX = 3,
};

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_index *index;
    uint64_t added; /* number of events in the log */
    factum_error err;
};

static factum_status try_open(struct fixture *f)
{
    const struct fct_index_options options = {
        .os = fct_sim_disk_os(f->disk),
        .mem = fct_mem_heap(),
        .dir = "/index",
        .store_id = {{1}},
    };
    return fct_index_open(&f->index, &options, &f->err);
}

static void open_index(struct fixture *f)
{
    assert_ok(try_open(f), f->err);
}

static void close_index(struct fixture *f)
{
    fct_index_close(f->index);
    f->index = NULL;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.disk = fct_sim_disk_create(1, false)};
    assert_non_null(fixture.disk);
    open_index(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    close_index(f);
    fct_sim_disk_destroy(f->disk);
    return 0;
}

/* ---- the log that is indexed ----------------------------------------------------------------- */

static uint64_t position_of(uint64_t event)
{
    return 64 + event * 8;
}

static uint64_t event_at(uint64_t position)
{
    return position <= 64 ? 0 : (position - 64) / 8;
}

static struct fct_index_key key_of(const struct fixture *f, enum fct_index_kind kind,
                                   uint64_t number)
{
    char name[24];
    int len = snprintf(name, sizeof name, "%d-%llu", (int)kind, (unsigned long long)number);
    return fct_index_key(f->index, kind, fct_slice(name, (size_t)len));
}

/* Every event has a stream and a type; every fifth one has a key. */
static size_t entries_of(const struct fixture *f, uint64_t event,
                         struct fct_index_entry entries[ENTRIES_MAX])
{
    uint64_t position = position_of(event);
    entries[0] = (struct fct_index_entry){key_of(f, FCT_INDEX_STREAM, event % STREAMS), position,
                                          FCT_BIRTH_NO};
    entries[1] = (struct fct_index_entry){key_of(f, FCT_INDEX_TYPE, 0), position, FCT_BIRTH_NO};
    entries[2] =
        (struct fct_index_entry){key_of(f, FCT_INDEX_KEY, event % 5), position, FCT_BIRTH_NO};
    return event % 5 == 0 ? 3 : 2;
}

static factum_status add(struct fixture *f, uint64_t event)
{
    struct fct_index_entry entries[ENTRIES_MAX];
    size_t count = entries_of(f, event, entries);
    factum_status status = fct_index_reserve(f->index, count, &f->err);
    if (status == FACTUM_OK) {
        fct_index_add(f->index, entries, count);
        fct_index_show(f->index,
                       (struct fct_index_point){position_of(event + 1), event + 1, event * 3});
    }
    return status;
}

/* Adds events until there are |events|, with flushes and merges. Stops at the first failure. */
static factum_status work(struct fixture *f, uint64_t events)
{
    factum_status status = FACTUM_OK;
    while (f->added < events && status == FACTUM_OK) {
        status = add(f, f->added);
        if (status == FACTUM_OK && ++f->added % EVENTS_PER_FLUSH == 0) {
            status = fct_index_flush(f->index, &f->err);
            status = status == FACTUM_OK ? fct_index_tick(f->index, &f->err) : status;
        }
    }
    return status;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void check_list(struct fixture *f, enum fct_index_kind kind, uint64_t number, uint64_t first,
                       uint64_t step, uint64_t end)
{
    struct fct_index_key key = key_of(f, kind, number);
    struct fct_postings postings;
    uint64_t position;
    uint64_t count;
    uint64_t event = first;
    factum_status status;
    fct_postings_init(&postings, f->index, &key);
    while ((status = fct_postings_next(&postings, &position, &f->err)) == FACTUM_OK) {
        assert_int_equal(position, position_of(event));
        event += step;
    }
    assert_status(status, FACTUM_DONE);
    assert_true(event >= end && event < end + step);
    assert_ok(fct_index_find(f->index, &key, &count, NULL, NULL, &f->err), f->err);
    assert_int_equal(count, (event - first) / step);
}

/* Exactly the postings of the events before |end|. */
static void check_all(struct fixture *f, uint64_t end)
{
    for (uint64_t stream = 0; stream < STREAMS && stream < end; stream++) {
        check_list(f, FCT_INDEX_STREAM, stream, stream, STREAMS, end);
    }
    check_list(f, FCT_INDEX_TYPE, 0, 0, 1, end);
    check_list(f, FCT_INDEX_KEY, 0, 0, 5, end);
}

/* Rebuilds what is missing, as the engine does from the log. Returns the number of ranges. */
static unsigned rebuild(struct fixture *f)
{
    unsigned count = 0;
    uint64_t from;
    uint64_t to;
    while (fct_index_missing(f->index, &from, &to)) {
        assert_true(from < to && to <= fct_index_covered(f->index).position);
        assert_ok(fct_index_rebuild_begin(f->index, from, to, &f->err), f->err);
        for (uint64_t event = event_at(from); event < event_at(to); event++) {
            struct fct_index_entry entries[ENTRIES_MAX];
            size_t added = entries_of(f, event, entries);
            assert_ok(fct_index_rebuild_add(f->index, entries, added, &f->err), f->err);
        }
        assert_ok(fct_index_rebuild_end(f->index, to, &f->err), f->err);
        count++;
    }
    return count;
}

/* Replays the log, as an opening does: covered and replayed events are all events. */
static void catch_up(struct fixture *f, uint64_t events)
{
    (void)rebuild(f);
    for (uint64_t event = event_at(fct_index_covered(f->index).position); event < events; event++) {
        assert_ok(add(f, event), f->err);
    }
    check_all(f, events);
}

/* ---- crashes --------------------------------------------------------------------------------- */

TEST(after_a_flush_a_crash_costs_nothing)
{
    struct fixture *f = *state;
    for (uint64_t events = EVENTS_PER_FLUSH; events <= EVENTS; events += EVENTS_PER_FLUSH) {
        assert_ok(work(f, events), f->err);
        struct fixture after = {.disk = fct_sim_disk_crash(f->disk, FCT_CRASH_NONE, events)};
        assert_non_null(after.disk);
        open_index(&after);
        struct fct_index_point end = fct_index_covered(after.index);
        uint64_t from;
        uint64_t to;
        assert_int_equal(end.position, position_of(events));
        assert_int_equal(end.batch_number, events);
        assert_int_equal(end.chain, (events - 1) * 3);
        assert_false(fct_index_missing(after.index, &from, &to));
        check_all(&after, events);
        close_index(&after);
        fct_sim_disk_destroy(after.disk);
    }
}

/* Stops the disk at call |at| of the work. Returns false if the work ends before. */
static bool crash_at(uint64_t at, enum fct_crash_mode mode)
{
    struct fixture f = {.disk = fct_sim_disk_create(1, false)};
    assert_non_null(f.disk);
    open_index(&f);
    fct_sim_disk_stop_at(f.disk, at);
    bool ended = work(&f, EVENTS) == FACTUM_OK;
    struct fixture after = {.disk = fct_sim_disk_crash(f.disk, mode, at * 7 + (uint64_t)mode)};
    assert_non_null(after.disk);
    open_index(&after);
    assert_true(fct_index_covered(after.index).position <= position_of(f.added + 1));
    catch_up(&after, f.added + 1);
    assert_ok(fct_index_flush(after.index, &after.err), after.err);
    close_index(&after);
    open_index(&after);
    assert_int_equal(fct_index_covered(after.index).position, position_of(f.added + 1));
    check_all(&after, f.added + 1);
    close_index(&after);
    fct_sim_disk_destroy(after.disk);
    close_index(&f);
    fct_sim_disk_destroy(f.disk);
    return !ended;
}

TEST(a_crash_at_any_call_leaves_what_replay_completes)
{
    for (int mode = 0; mode < FCT_CRASH_MODES; mode++) {
        uint64_t at = 5;
        while (crash_at(at, (enum fct_crash_mode)mode)) {
            at += 3;
        }
        assert_true(at > 200);
    }
}

/* ---- loss and damage ------------------------------------------------------------------------- */

/* The path of the |number|-th run file, or NULL if no such file exists. */
static const char *run_path(const struct fixture *f, size_t number)
{
    const char *path;
    for (size_t i = 0; (path = fct_sim_disk_path(f->disk, i)) != NULL; i++) {
        if (strstr(path, ".run") != NULL && number-- == 0) {
            return path;
        }
    }
    return NULL;
}

TEST(any_run_that_is_gone_is_missed_and_rebuilt)
{
    struct fixture *f = *state;
    assert_ok(work(f, EVENTS - EVENTS_PER_FLUSH), f->err);
    struct fct_index_stats stats;
    fct_index_stats(f->index, &stats);
    assert_true(stats.runs >= 3);
    for (size_t lost = 0; lost < stats.runs; lost++) {
        struct fixture after = {.disk = fct_sim_disk_crash(f->disk, FCT_CRASH_ALL, 1)};
        assert_non_null(after.disk);
        const char *path = run_path(&after, lost);
        assert_non_null(path);
        char copy[FCT_PATH_SIZE];
        (void)snprintf(copy, sizeof copy, "%s", path);
        assert_ok(fct_os_unlink(fct_sim_disk_os(after.disk), copy, &after.err), after.err);
        open_index(&after);
        assert_int_equal(rebuild(&after), 1);
        check_all(&after, f->added);
        assert_ok(fct_index_verify(after.index, NULL, &after.err), after.err);
        close_index(&after);
        fct_sim_disk_destroy(after.disk);
    }
}

static void flip(struct fixture *f, size_t run, uint64_t offset)
{
    uint64_t size;
    const char *path = run_path(f, run);
    assert_non_null(path);
    uint8_t *bytes = fct_sim_disk_bytes(f->disk, path, &size);
    assert_true(offset < size);
    bytes[offset] ^= 4;
}

TEST(a_bit_that_flips_anywhere_never_gives_a_wrong_posting)
{
    struct fixture *f = *state;
    struct fct_random random = {.state = 9};
    assert_ok(work(f, EVENTS - EVENTS_PER_FLUSH), f->err);
    struct fct_index_stats stats;
    fct_index_stats(f->index, &stats);
    for (int i = 0; i < 300; i++) {
        struct fixture after = {.disk = fct_sim_disk_crash(f->disk, FCT_CRASH_ALL, 1)};
        uint64_t size;
        size_t run = (size_t)fct_random_below(&random, stats.runs);
        assert_non_null(after.disk);
        (void)fct_sim_disk_bytes(after.disk, run_path(&after, run), &size);
        flip(&after, run, fct_random_below(&random, size));
        open_index(&after);
        (void)rebuild(&after);
        factum_status verified = fct_index_verify(after.index, NULL, &after.err);
        if (verified != FACTUM_OK) {
            assert_status(verified, FACTUM_CORRUPT);
            assert_text(after.err, ".run is damaged");
            assert_true(rebuild(&after) > 0);
        }
        check_all(&after, f->added);
        close_index(&after);
        fct_sim_disk_destroy(after.disk);
    }
}

TEST(a_reader_that_meets_damage_reports_it_and_names_the_missing_range)
{
    struct fixture *f = *state;
    uint64_t position;
    uint64_t from = 0;
    uint64_t to = 0;
    assert_ok(work(f, 2 * EVENTS_PER_FLUSH), f->err);
    close_index(f);
    flip(f, 1, 100);
    open_index(f);
    struct fct_index_key key = key_of(f, FCT_INDEX_TYPE, 0);
    struct fct_postings postings;
    fct_postings_init(&postings, f->index, &key);
    assert_status(fct_postings_next(&postings, &position, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "a part of the index is damaged");
    assert_true(fct_index_missing(f->index, &from, &to));
    assert_int_equal(from, position_of(EVENTS_PER_FLUSH));
    assert_int_equal(to, position_of(2 * EVENTS_PER_FLUSH));
    assert_int_equal(rebuild(f), 1);
    check_all(f, f->added);
}

TEST(a_merge_that_meets_damage_names_the_run)
{
    struct fixture *f = *state;
    assert_ok(work(f, 3 * EVENTS_PER_FLUSH), f->err);
    close_index(f);
    flip(f, 1, 100);
    open_index(f);
    for (; f->added < 4 * EVENTS_PER_FLUSH; f->added++) {
        assert_ok(add(f, f->added), f->err);
    }
    assert_ok(fct_index_flush(f->index, &f->err), f->err);
    memset(&f->err, 0, sizeof f->err);
    assert_status(fct_index_tick(f->index, &f->err), FACTUM_CORRUPT);
    assert_text(f->err, "index run /index/");
    assert_text(f->err, ".run is damaged");
    assert_int_equal(rebuild(f), 1);
    assert_ok(fct_index_tick(f->index, &f->err), f->err);
    check_all(f, f->added);
}

/* ---- readers over changes -------------------------------------------------------------------- */

TEST(ordinals_stay_whatever_is_flushed_and_merged)
{
    struct fixture *f = *state;
    struct fct_postings postings;
    struct fct_index_key key = key_of(f, FCT_INDEX_TYPE, 0);
    uint64_t position;
    fct_postings_init(&postings, f->index, &key);
    for (uint64_t event = 0; event < EVENTS; event++) {
        assert_ok(work(f, event + 1), f->err);
        assert_ok(fct_postings_next(&postings, &position, &f->err), f->err);
        assert_int_equal(position, position_of(event));
        assert_int_equal(fct_postings_ordinal(&postings), event + 1);
        assert_status(fct_postings_next(&postings, &position, &f->err), FACTUM_DONE);
    }
    for (uint64_t event = EVENTS; event > 0; event--) {
        assert_ok(fct_postings_previous(&postings, &position, &f->err), f->err);
        assert_int_equal(position, position_of(event - 1));
    }
    assert_status(fct_postings_previous(&postings, &position, &f->err), FACTUM_DONE);
}

TEST(a_waiting_memtable_is_read_like_the_others)
{
    struct fixture *f = *state;
    close_index(f);
    const struct fct_index_options options = {
        .os = fct_sim_disk_os(f->disk),
        .mem = fct_mem_heap(),
        .dir = "/index",
        .store_id = {{1}},
        .memtable_span_max = 8 * EVENTS_PER_FLUSH,
    };
    assert_ok(fct_index_open(&f->index, &options, &f->err), f->err);
    for (; f->added < EVENTS_PER_FLUSH + 3; f->added++) {
        assert_ok(add(f, f->added), f->err);
    }
    struct fct_index_stats stats;
    fct_index_stats(f->index, &stats);
    assert_int_equal(stats.runs, 0); /* all are in the two memtables */
    check_all(f, f->added);
}

TEST(a_key_that_does_not_exist_costs_no_block)
{
    struct fixture *f = *state;
    struct fct_index_stats before;
    struct fct_index_stats after;
    assert_ok(work(f, EVENTS), f->err);
    fct_index_stats(f->index, &before);
    for (uint64_t i = 0; i < 1000; i++) {
        struct fct_index_key key = key_of(f, FCT_INDEX_TAG, i);
        uint64_t count;
        assert_ok(fct_index_find(f->index, &key, &count, NULL, NULL, &f->err), f->err);
        assert_int_equal(count, 0);
    }
    fct_index_stats(f->index, &after);
    assert_true(after.filter_probes - before.filter_probes == 1000 * after.runs);
    assert_true(after.blocks_read - before.blocks_read <= 10 * after.runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(after_a_flush_a_crash_costs_nothing),
        FIXTURE_CASE(a_crash_at_any_call_leaves_what_replay_completes),
        FIXTURE_CASE(any_run_that_is_gone_is_missed_and_rebuilt),
        FIXTURE_CASE(a_bit_that_flips_anywhere_never_gives_a_wrong_posting),
        FIXTURE_CASE(a_reader_that_meets_damage_reports_it_and_names_the_missing_range),
        FIXTURE_CASE(a_merge_that_meets_damage_names_the_run),
        FIXTURE_CASE(ordinals_stay_whatever_is_flushed_and_merged),
        FIXTURE_CASE(a_waiting_memtable_is_read_like_the_others),
        FIXTURE_CASE(a_key_that_does_not_exist_costs_no_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
