/* store_dir_test.c - the directory of an open store is moved, or replaced, or loses its LOCK. */
#include "engine_local/store_dir.h"

#include "engine_local/local.h"
#include "os/thread.h"
#include "support/engine_calls.h"
#include "support/scratch.h"
#include "support/test.h"

#define WAIT_NS UINT64_C(60000000) /* more than the time between two checks of the path */

struct fixture {
    char dir[SCRATCH_SIZE];
    char store[FCT_PATH_SIZE];
    char moved[FCT_PATH_SIZE];
    struct fct_engine engine;
    struct fct_engine second;
    factum_error err;
};

static factum_status open_at(struct fct_engine *engine, const char *path, factum_error *err)
{
    const struct fct_local_options options = {
        .os = fct_os_real(), .mem = fct_mem_heap(), .path = path, .segment_size_max = 8 << 10};
    return fct_engine_local_open(engine, &options, err);
}

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    assert_true(scratch_make(f->dir));
    assert_ok(fct_path_join(f->store, f->dir, "s", &f->err), f->err);
    assert_ok(fct_path_join(f->moved, f->dir, "s.bad", &f->err), f->err);
    assert_ok(open_at(&f->engine, f->store, &f->err), f->err);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_true(scratch_remove(f->dir));
    test_free(f);
    return 0;
}

static factum_status append(struct fct_engine *engine, factum_error *err)
{
    return engine_append_zeros(engine, 2000, NULL, err);
}

static uint64_t events_in(struct fct_engine *engine)
{
    factum_info info;
    factum_error err;
    assert_ok(engine_info(engine, &info, &err), err);
    return info.event_count;
}

static void wait_for_the_next_look(void)
{
    _Atomic uint32_t word = 0;
    (void)fct_word_wait(&word, 0, WAIT_NS);
}

static void remove_lock(struct fixture *f)
{
    char lock[FCT_PATH_SIZE];
    assert_ok(fct_path_join(lock, f->store, "LOCK", &f->err), f->err);
    assert_ok(fct_os_unlink(fct_os_real(), lock, &f->err), f->err);
}

TEST(without_its_LOCK_a_store_is_still_in_use)
{
    struct fixture *f = *state;
    assert_ok(append(&f->engine, &f->err), f->err);
    remove_lock(f);
    assert_status(open_at(&f->second, f->store, &f->err), FACTUM_LOCKED);
    assert_text(f->err, "is open in this process already: use that handle, or close it first");
    const factum_repair_options repair = {.size = sizeof repair, .rebuild_index = true};
    assert_status(
        fct_engine_local_repair(fct_os_real(), fct_mem_heap(), f->store, &repair, NULL, &f->err),
        FACTUM_LOCKED);
    assert_ok(append(&f->engine, &f->err), f->err);
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
    assert_ok(open_at(&f->second, f->store, &f->err), f->err);
    assert_int_equal(events_in(&f->second), 2);
    assert_ok(fct_engine_close(&f->second, &f->err), f->err);
}

static bool stop_at_once(void *data, uint64_t done, uint64_t total)
{
    int *calls = data;
    (*calls)++;
    assert_true(done <= total);
    return false;
}

TEST(a_repair_that_is_stopped_keeps_the_index)
{
    enum { EVENTS = 270 };
    struct fixture *f = *state;
    int calls = 0;
    bool any = false;
    char index[FCT_PATH_SIZE];
    for (int i = 0; i < EVENTS; i++) { /* a check of the log reports each MiB */
        assert_ok(engine_append_zeros(&f->engine, 4096, NULL, &f->err), f->err);
    }
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
    const factum_repair_options repair = {.size = sizeof repair, .rebuild_index = true};
    const factum_progress stop = {&calls, stop_at_once};
    assert_status(
        fct_engine_local_repair(fct_os_real(), fct_mem_heap(), f->store, &repair, &stop, &f->err),
        FACTUM_CANCELLED);
    assert_int_equal(calls, 1);
    assert_ok(fct_path_join(index, f->store, "index", &f->err), f->err);
    assert_ok(fct_os_dir_has_entries(fct_os_real(), index, &any, &f->err), f->err);
    assert_true(any);
    assert_ok(open_at(&f->second, f->store, &f->err), f->err);
    assert_int_equal(events_in(&f->second), EVENTS);
    assert_ok(fct_engine_close(&f->second, &f->err), f->err);
}

TEST(a_store_that_was_moved_stops_and_another_is_left_alone)
{
    struct fixture *f = *state;
    assert_ok(append(&f->engine, &f->err), f->err);
    assert_ok(fct_os_rename(fct_os_real(), f->store, f->moved, &f->err), f->err);
    assert_ok(open_at(&f->second, f->store, &f->err), f->err); /* a new one in its place */
    factum_status status = FACTUM_OK;
    uint64_t acknowledged = 1;
    for (int i = 0; i < 50 && status == FACTUM_OK; i++) { /* over several segments, if it went on */
        status = append(&f->engine, &f->err);
        acknowledged += status == FACTUM_OK;
        assert_ok(append(&f->second, &f->err), f->err);
        wait_for_the_next_look();
    }
    assert_int_equal(status, FACTUM_FAILED);
    assert_true(acknowledged <= 2);
    status = append(&f->engine, &f->err);
    assert_int_equal(status, FACTUM_FAILED);
    assert_text(f->err, f->store);
    assert_text(f->err, "its directory was moved, replaced or removed; open it where it is now");
    assert_int_equal(events_in(&f->engine), acknowledged); /* reads go on */
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
    uint64_t others = events_in(&f->second);
    assert_ok(fct_engine_close(&f->second, &f->err), f->err);
    assert_ok(open_at(&f->engine, f->moved, &f->err), f->err);
    assert_int_equal(events_in(&f->engine), acknowledged);
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
    assert_ok(open_at(&f->second, f->store, &f->err), f->err);
    assert_int_equal(events_in(&f->second), others);
    factum_verify_report report;
    assert_ok(engine_verify(&f->second, &report, &f->err), f->err);
    assert_ok(fct_engine_close(&f->second, &f->err), f->err);
}

TEST(a_heartbeat_notices_as_well)
{
    struct fixture *f = *state;
    assert_ok(append(&f->engine, &f->err), f->err);
    assert_ok(fct_os_rename(fct_os_real(), f->store, f->moved, &f->err), f->err);
    assert_status(fct_engine_local_tick(&f->engine, &f->err), FACTUM_FAILED);
    assert_text(f->err, "its directory was moved, replaced or removed");
    assert_ok(fct_os_rename(fct_os_real(), f->moved, f->store, &f->err), f->err);
    assert_status(append(&f->engine, &f->err), FACTUM_FAILED); /* for good */
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
    assert_ok(open_at(&f->engine, f->store, &f->err), f->err);
    assert_int_equal(events_in(&f->engine), 1);
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
}

TEST(a_segment_replaces_nothing)
{
    struct fixture *f = *state;
    char path[FCT_PATH_SIZE];
    struct fct_file *file;
    factum_status status = FACTUM_OK;
    assert_ok(append(&f->engine, &f->err), f->err);
    assert_ok(fct_path_join(path, f->store, "log/00000000000000000002.seg", &f->err), f->err);
    assert_ok(fct_file_open(fct_os_real(), path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &f->err),
              f->err);
    assert_ok(fct_file_write(file, 0, "kept", 4, &f->err), f->err);
    for (int i = 0; i < 1000 && status == FACTUM_OK; i++) {
        status = append(&f->engine, &f->err);
    }
    assert_true(status == FACTUM_FAILED || status == FACTUM_EXISTS);
    char bytes[4];
    assert_ok(fct_file_read(file, 0, bytes, sizeof bytes, &f->err), f->err);
    assert_memory_equal(bytes, "kept", 4);
    assert_ok(fct_file_close(&file, &f->err), f->err);
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(without_its_LOCK_a_store_is_still_in_use),
        FIXTURE_CASE(a_repair_that_is_stopped_keeps_the_index),
        FIXTURE_CASE(a_store_that_was_moved_stops_and_another_is_left_alone),
        FIXTURE_CASE(a_heartbeat_notices_as_well),
        FIXTURE_CASE(a_segment_replaces_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
