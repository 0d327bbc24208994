/* list_test.c - lists of names over an index that was damaged when it searched for births. */
#include "support/test.h"

#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"
#include "sim/sim_disk.h"

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_engine engine;
    struct fct_local_options options;
    factum_error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.disk = fct_sim_disk_create(1, false)};
    assert_non_null(fixture.disk);
    fixture.options = (struct fct_local_options){
        .os = fct_sim_disk_os(fixture.disk),
        .mem = fct_mem_heap(),
        .path = "/store",
        .segment_size_first = 64 << 10,
        .segment_size_max = 256 << 10,
        .memtable_span_max = 4 << 10,
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

/* Appends an event that fills a memtable. */
static void append(struct fixture *f, const char *stream, const char *type)
{
    static uint8_t data[5000];
    factum_new_event event = {
        .stream = factum_slice_from(stream),
        .type = factum_slice_from(type),
        .data = fct_slice(data, sizeof data),
    };
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

/* "name events name events ..." */
static const char *listed(struct fixture *f, factum_list_kind kind)
{
    static char text[200];
    struct fct_lister *lister;
    factum_list_entry entry;
    factum_status status;
    size_t used = 0;
    factum_list_request request = {.size = sizeof request, .kind = kind};
    assert_ok(fct_engine_list(&f->engine, &request, &lister, &f->err), f->err);
    text[0] = '\0';
    while ((status = fct_lister_next(lister, &entry, &f->err)) == FACTUM_OK) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%.*s %llu", used == 0 ? "" : " ",
                             FCT_FMT(entry.name), (unsigned long long)entry.event_count);
    }
    assert_status(status, FACTUM_DONE);
    fct_lister_close(lister);
    return text;
}

/* Damages every run, except its footer. */
static void damage_runs(struct fixture *f)
{
    const char *path;
    for (size_t i = 0; (path = fct_sim_disk_path(f->disk, i)) != NULL; i++) {
        uint64_t size;
        if (strstr(path, ".run") != NULL) {
            uint8_t *bytes = fct_sim_disk_bytes(f->disk, path, &size);
            memset(bytes, 0xff, (size_t)size - 160);
        }
    }
}

/* Type A of stream s-1 is in a run that was not read yet and is damaged. Then A is appended
 * again. */
static void append_over_damage(struct fixture *f)
{
    struct fct_index_stats stats;
    const struct fct_local *local = f->engine.self;
    append(f, "s-1", "A");
    append(f, "s-2", "B");
    assert_ok(fct_engine_local_tick(&f->engine, &f->err), f->err);
    damage_runs(f);
    append(f, "s-1", "A");
    fct_index_stats(local->index, &stats);
    assert_true(stats.doubtful_births > 0);
}

TEST(a_name_that_the_index_took_for_a_new_one_is_listed_once)
{
    struct fixture *f = *state;
    open_store(f);
    append_over_damage(f);
    assert_string_equal(listed(f, FACTUM_LIST_TYPES), "A 2 B 1");
    assert_string_equal(listed(f, FACTUM_LIST_CATEGORIES), "s 3");
    assert_string_equal(listed(f, FACTUM_LIST_STREAMS), "s-1 2 s-2 1");
    close_store(f);
    open_store(f);
    assert_string_equal(listed(f, FACTUM_LIST_TYPES), "A 2 B 1");
    close_store(f);
}

TEST(streams_are_counted_right_although_the_lists_are_not_exact)
{
    struct fixture *f = *state;
    factum_info info = {.size = sizeof info};
    factum_question question = {.size = sizeof question, .kind = FACTUM_ASK_INFO, .info = &info};
    open_store(f);
    append_over_damage(f);
    assert_ok(fct_engine_answer(&f->engine, &question, &f->err), f->err);
    assert_int_equal(info.stream_count, 2);
    assert_int_equal(info.event_count, 3);
    close_store(f);
}

TEST(a_list_heals_the_damage_that_it_meets)
{
    struct fixture *f = *state;
    open_store(f);
    append(f, "s-1", "A");
    append(f, "s-2", "B");
    close_store(f);
    open_store(f);
    damage_runs(f);
    assert_string_equal(listed(f, FACTUM_LIST_STREAMS), "s-1 1 s-2 1");
    close_store(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_name_that_the_index_took_for_a_new_one_is_listed_once),
        FIXTURE_CASE(streams_are_counted_right_although_the_lists_are_not_exact),
        FIXTURE_CASE(a_list_heals_the_damage_that_it_meets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
