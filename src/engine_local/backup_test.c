/* backup_test.c - backups of stores that have one origin and went different ways. */
#include "support/scratch.h"
#include "support/test.h"

#include "core/slice.h"
#include "engine_local/local.h"
#include "os/sim_disk.h"

enum { SEGMENT = 16 << 10, DATA = 200 };

/* On the disk of the machine, in |dir|, or on a simulated one that can crash. */
struct fixture {
    const struct fct_os *os;
    char dir[SCRATCH_SIZE];
    factum_error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.os = fct_os_real()};
    assert_true(scratch_make(fixture.dir));
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_true(scratch_remove(f->dir));
    return 0;
}

/* Lasts until the next call but one. */
static const char *in_dir(const struct fixture *f, const char *name)
{
    static char paths[2][128];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    (void)snprintf(path, sizeof paths[0], "%s/%s", f->dir, name);
    return path;
}

static void open_store(struct fixture *f, struct fct_engine *engine, const char *path)
{
    struct fct_local_options options = {
        .os = f->os,
        .mem = fct_mem_heap(),
        .path = in_dir(f, path),
        .segment_size_first = SEGMENT,
        .segment_size_max = SEGMENT,
    };
    assert_ok(fct_engine_local_open(engine, &options, &f->err), f->err);
}

static void close_store(struct fixture *f, struct fct_engine *engine)
{
    assert_ok(engine->ops->close(engine->self, &f->err), f->err);
}

/* |count| events of |byte|, all of one size. */
static void append(struct fixture *f, struct fct_engine *engine, int byte, int count,
                   factum_durability durability)
{
    char data[DATA];
    memset(data, byte, sizeof data);
    factum_new_event event = {
        .stream = FCT_SLICE("s-1"), .type = FCT_SLICE("T"), .data = fct_slice(data, sizeof data)};
    factum_expectation any = {event.stream, {.kind = FACTUM_EXPECTED_ANY}};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &any,
        .expectation_count = 1,
        .durability = durability,
    };
    for (int i = 0; i < count; i++) {
        assert_ok(fct_engine_append(engine, &request, NULL, NULL, &f->err), f->err);
    }
}

static void back_up(struct fixture *f, struct fct_engine *engine, factum_backup_report *report)
{
    assert_ok(fct_engine_local_backup(engine, in_dir(f, "backup"), NULL, report, &f->err), f->err);
}

static void restore(struct fixture *f, const char *to)
{
    factum_backup_report report;
    assert_ok(fct_engine_local_restore(f->os, fct_mem_heap(), in_dir(f, "backup"), in_dir(f, to),
                                       NULL, &report, &f->err),
              f->err);
}

/* The number of events that hold |byte|; the store verifies. */
static uint64_t count_of(struct fixture *f, struct fct_engine *engine, int byte)
{
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    factum_verify_report report;
    uint64_t count = 0;
    factum_read_request request = {.size = sizeof request};
    assert_ok(engine->ops->verify(engine->self, NULL, &report, &f->err), f->err);
    assert_ok(fct_engine_read(engine, &request, false, &reader, &f->err), f->err);
    while ((status = reader->ops->next(reader, &event, &f->err)) == FACTUM_OK) {
        count += event.data.ptr[0] == byte ? 1 : 0;
    }
    assert_status(status, FACTUM_DONE);
    reader->ops->close(reader);
    return count;
}

/* Both fill their segments with as many bytes, so that names and sizes are the same. */
static void a_segment_of_another_history_is_copied_again(void **state)
{
    struct fixture *f = *state;
    struct fct_engine first;
    struct fct_engine second;
    struct fct_engine restored;
    factum_backup_report report;
    open_store(f, &first, "first");
    append(f, &first, 'o', 10, FACTUM_DURABILITY_SYNC);
    back_up(f, &first, &report);
    restore(f, "second");
    open_store(f, &second, "second");
    append(f, &second, 'b', 200, FACTUM_DURABILITY_SYNC);
    back_up(f, &second, &report);
    close_store(f, &second);
    append(f, &first, 'a', 260, FACTUM_DURABILITY_SYNC);
    back_up(f, &first, &report);
    assert_int_equal(report.copied_files, report.files);
    back_up(f, &first, &report);
    assert_int_equal(report.copied_files, 1);
    close_store(f, &first);
    restore(f, "restored");
    open_store(f, &restored, "restored");
    assert_int_equal(count_of(f, &restored, 'o'), 10);
    assert_int_equal(count_of(f, &restored, 'b'), 0);
    assert_int_equal(count_of(f, &restored, 'a'), 260);
    close_store(f, &restored);
}

static void a_backup_holds_nothing_that_the_store_could_lose(void **state)
{
    (void)state;
    struct fct_engine engine;
    factum_backup_report report;
    struct fct_sim_disk *disk = fct_sim_disk_create(1, false);
    assert_non_null(disk);
    struct fixture simulated = {.os = fct_sim_disk_os(disk)};
    struct fixture *f = &simulated;
    open_store(f, &engine, "store");
    append(f, &engine, 'x', 5, FACTUM_DURABILITY_OS);
    back_up(f, &engine, &report);
    struct fct_sim_disk *image = fct_sim_disk_crash(disk, FCT_CRASH_NONE, 1);
    assert_non_null(image);
    close_store(f, &engine);
    fct_sim_disk_destroy(disk);
    f->os = fct_sim_disk_os(image);
    open_store(f, &engine, "store");
    assert_int_equal(count_of(f, &engine, 'x'), 5);
    assert_true(engine.ops->end(engine.self) >= report.end_position);
    close_store(f, &engine);
    fct_sim_disk_destroy(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_segment_of_another_history_is_copied_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_backup_holds_nothing_that_the_store_could_lose, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
