/* segment_check_test.c - segments of a real store, whole and damaged, in pieces of all sizes. */
#include "engine_local/segment_check.h"

#include "engine_local/local.h"
#include "sim/sim_disk.h"
#include "support/engine_calls.h"
#include "support/test.h"

enum { SEGMENTS = 3, SEGMENT_SIZE = 8 << 10 };

struct fixture {
    struct fct_sim_disk *disk;
    factum_uuid store_id;
    uint8_t bytes[SEGMENTS][SEGMENT_SIZE * 2];
    uint64_t sizes[SEGMENTS];
    struct fct_segment_check check;
    factum_error err;
};

static void append_until(struct fct_engine *engine, uint64_t segments, factum_error *err)
{
    factum_info info = {.segment_count = 0};
    while (info.segment_count < segments) {
        assert_ok(engine_append_zeros(engine, 300, NULL, err), *err);
        assert_ok(engine_info(engine, &info, err), *err);
    }
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct fct_engine engine;
    factum_info info;
    memset(f, 0, sizeof *f);
    f->disk = fct_sim_disk_create(1, false);
    assert_non_null(f->disk);
    struct fct_local_options options = {.os = fct_sim_disk_os(f->disk),
                                        .mem = fct_mem_heap(),
                                        .path = "/store",
                                        .segment_size_first = SEGMENT_SIZE,
                                        .segment_size_max = SEGMENT_SIZE};
    assert_ok(fct_engine_local_open(&engine, &options, &f->err), f->err);
    append_until(&engine, SEGMENTS + 1, &f->err);
    assert_ok(engine_info(&engine, &info, &f->err), f->err);
    f->store_id = info.store_id;
    assert_ok(fct_engine_close(&engine, &f->err), f->err);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/store/log/%020u.seg", i + 1);
        const uint8_t *bytes = fct_sim_disk_bytes(f->disk, path, &f->sizes[i]);
        assert_non_null(bytes);
        assert_true(f->sizes[i] <= sizeof f->bytes[i]);
        memcpy(f->bytes[i], bytes, f->sizes[i]);
    }
    fct_segment_check_init(&f->check, fct_mem_heap(), f->store_id);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_segment_check_finish(&f->check);
    fct_sim_disk_destroy(f->disk);
    return 0;
}

/* |size| bytes of the i-th segment as number |number|, in pieces. */
static factum_status give(struct fixture *f, unsigned i, uint64_t number, uint64_t size,
                          uint64_t piece)
{
    factum_status status = FACTUM_OK;
    fct_segment_check_begin(&f->check, number, size);
    for (uint64_t at = 0; at < size && status == FACTUM_OK; at += piece) {
        uint64_t rest = size - at;
        status = fct_segment_check_add(&f->check, f->bytes[i] + at,
                                       (size_t)(rest < piece ? rest : piece), &f->err);
    }
    return status == FACTUM_OK ? fct_segment_check_end(&f->check, true) : status;
}

static void restart(struct fixture *f)
{
    fct_segment_check_finish(&f->check);
    fct_segment_check_init(&f->check, fct_mem_heap(), f->store_id);
}

TEST(sound_segments_verify_in_pieces_of_any_size)
{
    struct fixture *f = *state;
    static const uint64_t pieces[] = {1, 7, 64, 4095, 4096, 4097, 1 << 20};
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        restart(f);
        for (unsigned i = 0; i < SEGMENTS; i++) {
            assert_status(give(f, i, i + 1, f->sizes[i], pieces[p]), FACTUM_OK);
        }
        assert_int_equal(f->check.history.end, f->sizes[0] + f->sizes[1] + f->sizes[2]);
        assert_true(f->check.events > SEGMENTS);
        assert_true(f->check.batches > f->check.events);
    }
}

TEST(each_changed_byte_is_found)
{
    struct fixture *f = *state;
    for (uint64_t at = 0; at < f->sizes[1]; at++) {
        restart(f);
        assert_status(give(f, 0, 1, f->sizes[0], 1 << 20), FACTUM_OK);
        f->bytes[1][at] ^= 0x10;
        factum_status status = give(f, 1, 2, f->sizes[1], 1 << 20);
        f->bytes[1][at] ^= 0x10;
        if (status != FACTUM_CORRUPT) {
            print_error("byte %u: %s\n", (unsigned)at, factum_status_name(status));
            fail();
        }
        assert_non_null(f->check.bad_why);
        assert_true(f->check.bad_position >= f->sizes[0]);
        assert_true(f->check.bad_position <= f->sizes[0] + at);
        assert_false(f->check.history.known);
    }
}

TEST(a_segment_that_ends_too_early_is_found)
{
    struct fixture *f = *state;
    for (uint64_t size = 0; size < f->sizes[0]; size++) {
        restart(f);
        assert_status(give(f, 0, 1, size, 1 << 20), FACTUM_CORRUPT);
        assert_non_null(f->check.bad_why);
    }
}

TEST(a_segment_in_the_place_of_another_is_found)
{
    struct fixture *f = *state;
    assert_status(give(f, 1, 1, f->sizes[1], 4096), FACTUM_CORRUPT);
    assert_string_equal(f->check.bad_why, "it has the number of another segment");
    restart(f);
    assert_status(give(f, 1, 2, f->sizes[1], 4096), FACTUM_CORRUPT);
    assert_string_equal(f->check.bad_why, "it does not begin where the segment before it ends");
    restart(f);
    f->store_id.bytes[3] ^= 1;
    restart(f);
    assert_status(give(f, 0, 1, f->sizes[0], 4096), FACTUM_CORRUPT);
    assert_string_equal(f->check.bad_why, "it is of another store");
}

TEST(after_damage_the_next_segment_is_checked_by_itself)
{
    struct fixture *f = *state;
    assert_status(give(f, 0, 1, 4000, 4096), FACTUM_CORRUPT);
    assert_string_equal(f->check.bad_why, "it is too short to have a header");
    assert_status(give(f, 1, 2, f->sizes[1], 4096), FACTUM_OK);
    assert_status(give(f, 2, 3, f->sizes[2], 4096), FACTUM_OK);
    assert_true(f->check.history.known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(sound_segments_verify_in_pieces_of_any_size),
        FIXTURE_CASE(each_changed_byte_is_found),
        FIXTURE_CASE(a_segment_that_ends_too_early_is_found),
        FIXTURE_CASE(a_segment_in_the_place_of_another_is_found),
        FIXTURE_CASE(after_damage_the_next_segment_is_checked_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
