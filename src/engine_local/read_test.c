/* read_test.c - reads during appends, and reads over an index that has lost runs. */
#include "support/test.h"

#include "core/slice.h"
#include "engine_local/local.h"
#include "os/thread.h"
#include "sim/sim_disk.h"
#include "support/engine_calls.h"

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_engine engine;
    struct fct_local_options options;
    _Atomic bool stop;
    _Atomic bool failed;
    factum_error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.disk = fct_sim_disk_create(1, true)};
    assert_non_null(fixture.disk);
    fixture.options = (struct fct_local_options){
        .os = fct_sim_disk_os(fixture.disk),
        .mem = fct_mem_heap(),
        .path = "/store",
        .durability = FACTUM_DURABILITY_OS,
        .segment_size_first = 64 << 10,
        .segment_size_max = 256 << 10,
    };
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_sim_disk_destroy(f->disk);
    return 0;
}

static void open_store(struct fixture *f)
{
    assert_ok(fct_engine_local_open(&f->engine, &f->options, &f->err), f->err);
}

static void close_store(struct fixture *f)
{
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
}

static void append(struct fixture *f, const char *stream)
{
    factum_new_event event = {
        .stream = factum_slice_from(stream), .type = FCT_SLICE("T"), .data = FCT_SLICE("{}")};
    factum_expectation any = {event.stream, factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &any,
        .expectation_count = 1,
    };
    assert_ok(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err), f->err);
}

static uint64_t count_events(struct fixture *f, const char *stream)
{
    struct fct_reader *reader;
    factum_event event;
    factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(stream)};
    uint64_t count = 0;
    factum_status status;
    assert_ok(fct_engine_read(&f->engine, &request, false, &reader, &f->err), f->err);
    while ((status = fct_reader_next(reader, &event, &f->err)) == FACTUM_OK) {
        count++;
    }
    assert_status(status, FACTUM_DONE);
    fct_reader_close(reader);
    return count;
}

/* ---- beside appends -------------------------------------------------------------------------- */

enum { OVERLAPS = 1000 };

static void set_metadata(void *data)
{
    struct fixture *f = data;
    factum_error err;
    while (!atomic_load(&f->stop)) {
        if (fct_engine_metadata_set(&f->engine, FCT_SLICE("s-1"), factum_any(),
                                    FCT_SLICE("{\"a\":1}"), NULL, &err) != FACTUM_OK) {
            print_error("%s\n", err.text);
            atomic_store(&f->failed, true);
            return;
        }
    }
}

TEST(a_stream_that_keeps_its_last_event_always_has_one)
{
    struct fixture *f = *state;
    struct fct_thread thread = {.started = false};
    factum_stream_info info = {.size = sizeof info};
    unsigned missed = 0;
    f->options.threads = true;
    open_store(f);
    assert_ok(fct_engine_metadata_set(&f->engine, FCT_SLICE("s-1"), factum_any(), FCT_SLICE("{}"),
                                      NULL, &f->err),
              f->err);
    assert_ok(fct_thread_start(&thread, "metadata", set_metadata, f, &f->err), f->err);
    for (int overlaps = 0; overlaps < OVERLAPS && !atomic_load(&f->failed);) {
        uint64_t before = info.last_revision;
        missed += count_events(f, "$$s-1") == 1 ? 0 : 1;
        assert_ok(fct_engine_stream(&f->engine, FCT_SLICE("$$s-1"), &info, &f->err), f->err);
        missed += info.first_revision == info.last_revision ? 0 : 1;
        overlaps += info.last_revision != before;
    }
    atomic_store(&f->stop, true);
    fct_thread_join(&thread);
    close_store(f);
    assert_false(f->failed);
    assert_int_equal(missed, 0);
}

/* ---- over a damaged index -------------------------------------------------------------------- */

/* Flips a bit in the first block of each run. Returns the number of runs. */
static size_t damage_runs(struct fixture *f)
{
    size_t count = 0;
    const char *path;
    for (size_t i = 0; (path = fct_sim_disk_path(f->disk, i)) != NULL; i++) {
        uint64_t size;
        if (strstr(path, ".run") != NULL) {
            uint8_t *bytes = fct_sim_disk_bytes(f->disk, path, &size);
            bytes[40] ^= 1;
            count++;
        }
    }
    return count;
}

TEST(a_read_recovers_from_every_damaged_run)
{
    struct fixture *f = *state;
    factum_list_entry entry;
    struct fct_lister *lister;
    factum_info info;
    f->options.memtable_span_max = 1 << 20;
    for (int run = 0; run < 3; run++) {
        open_store(f);
        append(f, "s-1");
        close_store(f);
    }
    assert_int_equal(damage_runs(f), 3);
    open_store(f);
    assert_int_equal(count_events(f, "s-1"), 3);
    close_store(f);
    assert_true(damage_runs(f) >= 3);
    open_store(f);
    append(f, "s-1"); /* needs the stream's last revision */
    assert_int_equal(count_events(f, "s-1"), 4);
    close_store(f);
    assert_true(damage_runs(f) >= 1);
    open_store(f);
    factum_list_request streams = {.size = sizeof streams, .kind = FACTUM_LIST_STREAMS};
    assert_ok(fct_engine_list(&f->engine, &streams, &lister, &f->err), f->err);
    assert_ok(fct_lister_next(lister, &entry, &f->err), f->err);
    assert_int_equal(entry.event_count, 4);
    fct_lister_close(lister);
    close_store(f);
    assert_true(damage_runs(f) >= 1);
    open_store(f);
    assert_ok(engine_info(&f->engine, &info, &f->err), f->err);
    assert_int_equal(info.event_count, 4);
    close_store(f);
}

enum { MANY = 50 };

static void append_to_many(struct fixture *f, unsigned from)
{
    char names[MANY][16];
    factum_new_event events[MANY];
    factum_expectation expectations[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "s-%u", from + i);
        events[i] =
            (factum_new_event){.stream = factum_slice_from(names[i]), .type = FCT_SLICE("T")};
        expectations[i] = (factum_expectation){events[i].stream, factum_any()};
    }
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = MANY,
        .expectations = expectations,
        .expectation_count = MANY,
    };
    assert_ok(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err), f->err);
}

TEST(an_old_manifest_whose_runs_are_gone_is_caught_up_with)
{
    struct fixture *f = *state;
    uint64_t size;
    uint8_t old[4096];
    f->options.memtable_size_max = 128 << 10;
    open_store(f);
    for (int i = 0; i < 100; i++) {
        append(f, "s-1");
    }
    close_store(f);
    const uint8_t *bytes = fct_sim_disk_bytes(f->disk, "/store/index/MANIFEST", &size);
    assert_true(bytes != NULL && size <= sizeof old);
    memcpy(old, bytes, (size_t)size);
    open_store(f);
    for (unsigned i = 0; i < 80; i++) {
        append_to_many(f, i * MANY);
    }
    close_store(f);
    assert_ok(fct_file_replace(f->options.os, "/store/index", "MANIFEST",
                               fct_slice(old, (size_t)size), &f->err),
              f->err);
    open_store(f);
    factum_verify_report report;
    assert_ok(engine_verify(&f->engine, &report, &f->err), f->err);
    assert_int_equal(report.events, 100 + 80 * MANY);
    assert_int_equal(count_events(f, "s-1"), 101);
    close_store(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_stream_that_keeps_its_last_event_always_has_one),
        FIXTURE_CASE(a_read_recovers_from_every_damaged_run),
        FIXTURE_CASE(an_old_manifest_whose_runs_are_gone_is_caught_up_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
