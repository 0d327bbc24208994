/* local_test.c - opening and closing the embedded engine. */
#include "support/scratch.h"
#include "support/test.h"

#include "core/slice.h"
#include "engine/token.h"
#include "engine_local/local.h"
#include "sim/sim_disk.h"
#include "support/engine_calls.h"

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_engine engine;
    factum_error err;
};

static factum_status open_store(struct fixture *f)
{
    struct fct_local_options options = {
        .os = fct_sim_disk_os(f->disk),
        .mem = fct_mem_heap(),
        .path = "/store",
        .segment_size_first = 64 << 10,
        .memtable_span_max = 1 << 10,
    };
    return fct_engine_local_open(&f->engine, &options, &f->err);
}

static factum_status close_store(struct fixture *f)
{
    return fct_engine_close(&f->engine, &f->err);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.disk = fct_sim_disk_create(1, false)};
    assert_non_null(fixture.disk);
    assert_ok(open_store(&fixture), fixture.err);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_sim_disk_destroy(f->disk);
    return 0;
}

static void append(struct fixture *f, factum_durability durability)
{
    factum_new_event event = {.stream = FCT_SLICE("s-1"), .type = FCT_SLICE("T")};
    factum_expectation any = {event.stream, factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &any,
        .expectation_count = 1,
        .durability = durability,
    };
    assert_ok(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err), f->err);
}

TEST(close_reports_appends_that_could_not_be_synced)
{
    struct fixture *f = *state;
    append(f, FACTUM_DURABILITY_SYNC); /* the store had its first heartbeat then */
    append(f, FACTUM_DURABILITY_OS);
    fct_sim_disk_stop_at(f->disk, 0);
    assert_true(fct_engine_local_tick(&f->engine, &f->err) < 0);
    assert_status(close_store(f), FACTUM_FAILED);
    assert_text(f->err, "close: the last appends may be lost");
}

TEST(close_of_a_failed_store_that_has_nothing_unsynced_is_no_failure)
{
    struct fixture *f = *state;
    factum_verify_report report;
    append(f, FACTUM_DURABILITY_SYNC); /* the store had its first heartbeat then */
    append(f, FACTUM_DURABILITY_SYNC);
    fct_sim_disk_stop_at(f->disk, 0);
    assert_true(fct_engine_local_tick(&f->engine, &f->err) < 0);
    assert_ok(close_store(f), f->err);
    fct_sim_disk_stop_at(f->disk, UINT64_MAX);
    assert_ok(open_store(f), f->err);
    assert_ok(engine_verify(&f->engine, &report, &f->err), f->err);
    assert_int_equal(report.events, 2);
    assert_ok(close_store(f), f->err);
}

struct steps {
    uint64_t done[256];
    uint64_t total;
    size_t count;
};

static bool record_step(void *data, uint64_t done, uint64_t total)
{
    struct steps *steps = data;
    assert_true(done <= total && (steps->count == 0 || total == steps->total));
    assert_true(steps->count == 0 || done >= steps->done[steps->count - 1]);
    assert_true(steps->count < sizeof steps->done / sizeof steps->done[0]);
    steps->done[steps->count++] = done;
    steps->total = total;
    return true;
}

/* In a sound store nothing is searched for: the log is nearly all of the work, and is read once. */
TEST(the_progress_of_verify_follows_the_cost_of_its_parts)
{
    struct fixture *f = *state;
    enum { APPENDS = 17, EVENTS = 1000 };
    static factum_new_event events[EVENTS];
    factum_expectation any = {FCT_SLICE("s-1"), factum_any()};
    for (int i = 0; i < EVENTS; i++) {
        events[i] = (factum_new_event){.stream = any.stream, .type = FCT_SLICE("T")};
    }
    factum_append_request request = {.size = sizeof request,
                                     .events = events,
                                     .event_count = EVENTS,
                                     .expectations = &any,
                                     .expectation_count = 1};
    for (int i = 0; i < APPENDS; i++) {
        assert_ok(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err), f->err);
    }
    struct steps steps = {.count = 0};
    factum_progress progress = {&steps, record_step};
    factum_verify_report report;
    assert_ok(f->engine.ops->upkeep->verify(f->engine.self, &progress, &report, &f->err), f->err);
    uint64_t runs_read = steps.done[0];
    assert_true(steps.count > 2 && runs_read < steps.total / 3);
    assert_true(steps.done[steps.count - 1] > steps.total * 9 / 10);
    assert_ok(close_store(f), f->err);
}

static uint64_t count_names(struct fixture *f, factum_list_kind kind)
{
    struct fct_lister *lister;
    factum_list_entry entry;
    factum_status status;
    uint64_t count = 0;
    factum_list_request request = {.size = sizeof request, .kind = kind};
    assert_ok(fct_engine_list(&f->engine, &request, &lister, &f->err), f->err);
    while ((status = fct_lister_next(lister, &entry, &f->err)) == FACTUM_OK) {
        count++;
    }
    assert_status(status, FACTUM_DONE);
    fct_lister_close(lister);
    return count;
}

/* The event is in the index before the sync: neither counts nor lists may show it. */
TEST(an_append_whose_sync_failed_is_not_visible)
{
    struct fixture *f = *state;
    factum_info before;
    factum_info after;
    append(f, FACTUM_DURABILITY_SYNC);
    assert_ok(engine_info(&f->engine, &before, &f->err), f->err);
    uint64_t streams = count_names(f, FACTUM_LIST_STREAMS);
    const factum_uuid id = {{7}};
    factum_new_event events[2] = {{.stream = FCT_SLICE("s-1"), .type = FCT_SLICE("T"), .id = id},
                                  {.stream = FCT_SLICE("s-2"), .type = FCT_SLICE("U")}};
    factum_expectation any[2] = {{events[0].stream, factum_any()},
                                 {events[1].stream, factum_any()}};
    factum_append_request request = {.size = sizeof request,
                                     .events = events,
                                     .event_count = 2,
                                     .expectations = any,
                                     .expectation_count = 2};
    fct_sim_disk_lose_sync(f->disk, fct_sim_disk_calls(f->disk));
    assert_status(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err),
                  FACTUM_UNKNOWN_OUTCOME);
    assert_ok(engine_info(&f->engine, &after, &f->err), f->err);
    assert_int_equal(after.event_count, before.event_count);
    assert_int_equal(after.stream_count, before.stream_count);
    assert_int_equal(count_names(f, FACTUM_LIST_STREAMS), streams);
    factum_event_copy copy = {.memory = NULL};
    factum_question by_id = {
        .size = sizeof by_id, .kind = FACTUM_ASK_FIND_EVENT, .id = id, .event = &copy};
    assert_status(fct_engine_answer(&f->engine, &by_id, &f->err), FACTUM_NOT_FOUND);
    assert_status(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err), FACTUM_FAILED);
    assert_ok(close_store(f), f->err);
    assert_ok(open_store(f), f->err);
    factum_verify_report report;
    assert_ok(engine_verify(&f->engine, &report, &f->err), f->err);
    assert_ok(engine_info(&f->engine, &after, &f->err), f->err);
    assert_int_equal(after.event_count, report.events);
    assert_ok(close_store(f), f->err);
}

/* Here the index is often written out, and its manifest is evidence of what was durable. */
TEST(the_index_never_names_what_a_crash_can_take_back)
{
    struct fixture *f = *state;
    for (int i = 0; i < 60; i++) {
        append(f, FACTUM_DURABILITY_OS);
        struct fixture after = {.disk = fct_sim_disk_crash(f->disk, FCT_CRASH_NONE, 1)};
        factum_info info;
        assert_non_null(after.disk);
        assert_ok(open_store(&after), after.err);
        assert_ok(engine_info(&after.engine, &info, &after.err), after.err);
        assert_false(info.damaged);
        assert_ok(close_store(&after), after.err);
        fct_sim_disk_destroy(after.disk);
    }
    assert_ok(close_store(f), f->err);
}

/* ---- histories ------------------------------------------------------------------------------- */

static factum_status parse_token(struct fixture *f, const char *token)
{
    uint64_t place;
    return fct_token_parse(&f->engine.timelines, factum_slice_from(token), &place, &f->err);
}

TEST(a_damaged_history_refuses_earlier_tokens_and_begins_a_new_one)
{
    struct fixture *f = *state;
    char first[FACTUM_TOKEN_SIZE];
    char second[FACTUM_TOKEN_SIZE];
    uint64_t place;
    append(f, FACTUM_DURABILITY_SYNC);
    assert_ok(fct_engine_place(&f->engine, &place, &f->err), f->err);
    fct_token_format(&f->engine.timelines, place, first);
    assert_ok(close_store(f), f->err);
    assert_ok(fct_file_replace(fct_sim_disk_os(f->disk), "/store/log", "TIMELINES",
                               FCT_SLICE("FACTUMTL"), &f->err),
              f->err);
    assert_ok(open_store(f), f->err);
    assert_status(parse_token(f, first), FACTUM_WRONG_TIMELINE);
    fct_token_format(&f->engine.timelines, place, second);
    assert_ok(parse_token(f, second), f->err);
    assert_ok(close_store(f), f->err);
    assert_ok(open_store(f), f->err);
    assert_status(parse_token(f, first), FACTUM_WRONG_TIMELINE);
    assert_ok(parse_token(f, second), f->err);
    assert_ok(close_store(f), f->err);
}

TEST(a_store_is_open_once_at_a_time)
{
    char dir[SCRATCH_SIZE];
    factum_error err;
    struct fct_engine first;
    struct fct_engine second;
    assert_true(scratch_make(dir));
    struct fct_local_options options = {
        .os = fct_os_real(), .mem = fct_mem_heap(), .path = dir, .threads = true};
    assert_ok(fct_engine_local_open(&first, &options, &err), err);
    for (int i = 0; i < 2; i++) {
        options.read_only = i == 1;
        assert_status(fct_engine_local_open(&second, &options, &err), FACTUM_LOCKED);
        assert_text(err, "is open in this process already: use that handle, or close it first");
    }
    assert_ok(fct_engine_close(&first, &err), err);
    assert_ok(fct_engine_local_open(&second, &options, &err), err);
    assert_ok(fct_engine_close(&second, &err), err);
    assert_true(scratch_remove(dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(close_reports_appends_that_could_not_be_synced),
        FIXTURE_CASE(close_of_a_failed_store_that_has_nothing_unsynced_is_no_failure),
        FIXTURE_CASE(the_progress_of_verify_follows_the_cost_of_its_parts),
        FIXTURE_CASE(an_append_whose_sync_failed_is_not_visible),
        FIXTURE_CASE(the_index_never_names_what_a_crash_can_take_back),
        FIXTURE_CASE(a_damaged_history_refuses_earlier_tokens_and_begins_a_new_one),
        CASE(a_store_is_open_once_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
