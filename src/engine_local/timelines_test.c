/* timelines_test.c - the file of a store's histories: it is read as it was written, and one that
 * does not verify is not believed. */
#include "support/test.h"

#include <stdlib.h>

#include "codec/bytes.h"
#include "core/crc32c.h"
#include "core/hash.h"
#include "core/slice.h"
#include "engine_local/timelines.h"
#include "sim/sim_disk.h"
#include "support/fault.h"

#define LOG_DIR "/log"
#define PATH LOG_DIR "/" FCT_TIMELINES_NAME

enum { HEADER = 32, ITEM = 16, FILE_MAX = HEADER + (int)FCT_TIMELINES_MAX * ITEM + 4 };

static const factum_uuid store_id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

struct fixture {
    struct fct_sim_disk *disk;
    const struct fct_os *os;
    factum_error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.disk = fct_sim_disk_create(1, false)};
    assert_non_null(fixture.disk);
    fixture.os = fct_sim_disk_os(fixture.disk);
    assert_ok(fct_os_make_dir_synced(fixture.os, LOG_DIR, &fixture.err), fixture.err);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_sim_disk_destroy(f->disk);
    return 0;
}

static struct fct_timelines load(struct fixture *f, bool damaged_wanted)
{
    struct fct_timelines timelines;
    bool damaged = !damaged_wanted;
    assert_ok(fct_timelines_load(&timelines, f->os, LOG_DIR, store_id, &damaged, &f->err), f->err);
    assert_int_equal(damaged, damaged_wanted);
    return timelines;
}

static void fork_at(struct fixture *f, struct fct_timelines *timelines, uint64_t from)
{
    assert_ok(fct_timelines_fork(timelines, f->os, LOG_DIR, store_id, from, &f->err), f->err);
}

static void assert_same(const struct fct_timelines *a, const struct fct_timelines *b)
{
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_true(a->items[i].id == b->items[i].id);
        assert_int_equal(a->items[i].from, b->items[i].from);
    }
}

/* The bytes of the file of |timelines|. */
static size_t bytes_of(const struct fct_timelines *timelines, uint8_t bytes[FILE_MAX])
{
    char text[FCT_TIMELINES_TEXT_SIZE];
    fct_timelines_format(timelines, store_id, text);
    size_t size = strlen(text) / 2;
    for (size_t i = 0; i < size; i++) {
        const char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return size;
}

static void seal(uint8_t *bytes, size_t size)
{
    fct_put_u32(bytes + size - 4, fct_crc32c(0, bytes, size - 4));
}

/* ---- loading and forking --------------------------------------------------------------------- */

TEST(a_store_without_the_file_has_one_timeline_made_of_its_id)
{
    struct fct_timelines timelines = load(*state, false);
    assert_int_equal(timelines.count, 1);
    assert_int_equal(timelines.items[0].from, 0);
    assert_true(timelines.items[0].id ==
                fct_hash64(fct_slice(store_id.bytes, sizeof store_id.bytes), 0));
}

TEST(a_fork_is_read_back)
{
    struct fct_timelines timelines = load(*state, false);
    uint64_t first = timelines.items[0].id;
    fork_at(*state, &timelines, 4096);
    fork_at(*state, &timelines, 8192);
    assert_int_equal(timelines.count, 3);
    assert_true(timelines.items[0].id == first);
    assert_int_equal(timelines.items[1].from, 4096);
    assert_int_equal(timelines.items[2].from, 8192);
    assert_true(timelines.items[1].id != first);
    assert_true(timelines.items[2].id != timelines.items[1].id);
    struct fct_timelines again = load(*state, false);
    assert_same(&again, &timelines);
}

TEST(a_fork_gives_up_what_began_at_or_after_it)
{
    struct fct_timelines timelines = load(*state, false);
    struct fct_timeline first = timelines.items[0];
    for (uint64_t from = 100; from <= 500; from += 100) {
        fork_at(*state, &timelines, from);
    }
    struct fct_timeline second = timelines.items[1];
    uint64_t given_up = timelines.items[2].id;
    fork_at(*state, &timelines, 200);
    assert_int_equal(timelines.count, 3);
    assert_memory_equal(&timelines.items[0], &first, sizeof first);
    assert_memory_equal(&timelines.items[1], &second, sizeof second);
    assert_int_equal(timelines.items[2].from, 200);
    assert_true(timelines.items[2].id != given_up);
    fork_at(*state, &timelines, 0);
    assert_int_equal(timelines.count, 1);
    assert_true(timelines.items[0].id != first.id);
    struct fct_timelines again = load(*state, false);
    assert_same(&again, &timelines);
}

TEST(one_timeline_too_many_makes_the_oldest_forgotten)
{
    struct fct_timelines timelines = load(*state, false);
    for (uint64_t i = 1; i < FCT_TIMELINES_MAX; i++) {
        fork_at(*state, &timelines, i * 100);
    }
    assert_int_equal(timelines.count, FCT_TIMELINES_MAX);
    struct fct_timelines before = load(*state, false);
    assert_same(&before, &timelines);
    fork_at(*state, &timelines, FCT_TIMELINES_MAX * 100);
    assert_int_equal(timelines.count, FCT_TIMELINES_MAX);
    for (uint32_t i = 0; i + 1 < FCT_TIMELINES_MAX; i++) {
        assert_true(timelines.items[i].id == before.items[i + 1].id);
        assert_int_equal(timelines.items[i].from, i == 0 ? 0 : before.items[i + 1].from);
    }
    assert_int_equal(timelines.items[FCT_TIMELINES_MAX - 1].from, FCT_TIMELINES_MAX * 100);
    struct fct_timelines again = load(*state, false);
    assert_same(&again, &timelines);
    fork_at(*state, &timelines, 50); /* within the timeline that was removed */
    assert_int_equal(timelines.count, 2);
    again = load(*state, false);
    assert_same(&again, &timelines);
}

TEST(a_fork_that_fails_changes_nothing)
{
    struct fixture *f = *state;
    struct fct_timelines timelines = load(f, false);
    fork_at(f, &timelines, 100);
    const struct fct_timelines before = timelines;
    struct fct_fault fault;
    fct_fault_init(&fault, f->os);
    for (fault.at = 0;; fault.at++) {
        fault.kind = FCT_FAULT_EIO;
        fault.calls = 0;
        factum_status status =
            fct_timelines_fork(&timelines, &fault.os, LOG_DIR, store_id, 50, &f->err);
        if (status == FACTUM_OK) {
            break;
        }
        assert_status(status, FACTUM_IO);
        assert_same(&timelines, &before);
        fault.kind = FCT_FAULT_NONE;
        struct fct_timelines kept = load(f, false);
        assert_true(kept.count == 2); /* the old file, or the new one if only its sync failed */
    }
    assert_true(fault.at >= 5);
    assert_int_equal(timelines.count, 2);
    assert_int_equal(timelines.items[1].from, 50);
}

TEST(a_file_that_cannot_be_read_is_a_failure)
{
    struct fixture *f = *state;
    struct fct_timelines timelines = load(f, false);
    fork_at(f, &timelines, 100);
    struct fct_fault fault;
    fct_fault_init(&fault, f->os);
    fault.kind = FCT_FAULT_EIO;
    bool damaged;
    factum_status status;
    for (fault.at = 0; (status = fct_timelines_load(&timelines, &fault.os, LOG_DIR, store_id,
                                                    &damaged, &f->err)) != FACTUM_OK;
         fault.at++) {
        assert_status(status, FACTUM_IO);
        assert_int_equal(timelines.items[1].from, 100);
        fault.calls = 0;
    }
    assert_true(fault.at >= 3);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void assert_damaged(struct fixture *f, const uint8_t *bytes, size_t size)
{
    assert_ok(fct_file_replace(f->os, LOG_DIR, FCT_TIMELINES_NAME, fct_slice(bytes, size), &f->err),
              f->err);
    struct fct_timelines one = load(f, true);
    struct fct_timelines other = load(f, true);
    assert_int_equal(one.count, 1);
    assert_int_equal(one.items[0].from, 0);
    assert_int_equal(other.count, 1);
    assert_true(one.items[0].id != other.items[0].id); /* nobody has a token of it */
}

/* The timelines of a damaged file. Its checksum is right, unless that is the damage. */
static const struct fct_timelines three = {.count = 3, .items = {{7, 0}, {8, 4096}, {9, 8192}}};

TEST(any_flipped_bit_makes_the_file_damaged)
{
    uint8_t bytes[FILE_MAX];
    size_t size = bytes_of(&three, bytes);
    assert_int_equal(size, HEADER + 3 * ITEM + 4);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_damaged(*state, bytes, size);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

TEST(any_other_size_makes_the_file_damaged)
{
    uint8_t bytes[FILE_MAX + 64] = {0};
    size_t whole = bytes_of(&three, bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        if (size != whole) {
            assert_damaged(*state, bytes, size);
        }
    }
}

/* Changes the u32 or u64 at |offset| of a file that is right otherwise. */
static void assert_field_refused(void **state, size_t offset, uint64_t value, bool wide)
{
    uint8_t bytes[FILE_MAX];
    size_t size = bytes_of(&three, bytes);
    if (wide) {
        fct_put_u64(bytes + offset, value);
    } else {
        fct_put_u32(bytes + offset, (uint32_t)value);
    }
    seal(bytes, size);
    assert_damaged(*state, bytes, size);
}

TEST(invalid_fields_are_damage_even_under_a_valid_checksum)
{
    assert_field_refused(state, 0, 'X', false); /* magic */
    assert_field_refused(state, 8, 2, false);   /* format */
    assert_field_refused(state, 12, 0, false);  /* number of timelines */
    assert_field_refused(state, 12, 2, false);  /* not that of the size */
    assert_field_refused(state, 12, 4, false);  /* beyond the end */
    assert_field_refused(state, 12, UINT32_MAX, false);
    assert_field_refused(state, 12, 0x10000003, false); /* its product overflows to the size */
    assert_field_refused(state, 16, 0, true);           /* another store's */
    assert_field_refused(state, 24, 0, true);
    assert_field_refused(state, HEADER + 8, 1, true);            /* does not begin at 0 */
    assert_field_refused(state, HEADER + ITEM + 8, 0, true);     /* begins with the one before */
    assert_field_refused(state, HEADER + ITEM + 8, 8192, true);  /* and with the one after */
    assert_field_refused(state, HEADER + 2 * ITEM + 8, 1, true); /* before the one before */
}

TEST(zero_timelines_and_too_many_are_damage)
{
    uint8_t bytes[FILE_MAX + ITEM] = {0};
    (void)bytes_of(&three, bytes);
    fct_put_u32(bytes + 12, 0);
    seal(bytes, HEADER + 4);
    assert_damaged(*state, bytes, HEADER + 4);
    for (uint32_t i = 0; i <= FCT_TIMELINES_MAX; i++) {
        fct_put_u64(bytes + HEADER + i * ITEM, i);
        fct_put_u64(bytes + HEADER + i * ITEM + 8, i);
    }
    fct_put_u32(bytes + 12, FCT_TIMELINES_MAX + 1);
    seal(bytes, sizeof bytes);
    assert_damaged(*state, bytes, sizeof bytes);
    fct_put_u32(bytes + 12, FCT_TIMELINES_MAX);
    seal(bytes, sizeof bytes - ITEM);
    struct fixture *f = *state;
    assert_ok(fct_file_replace(f->os, LOG_DIR, FCT_TIMELINES_NAME,
                               fct_slice(bytes, sizeof bytes - ITEM), &f->err),
              f->err);
    assert_int_equal(load(f, false).count, FCT_TIMELINES_MAX);
}

/* ---- text ------------------------------------------------------------------------------------ */

TEST(the_text_is_the_file_in_hexadecimal_digits)
{
    struct fixture *f = *state;
    uint8_t bytes[FILE_MAX];
    char text[FCT_TIMELINES_TEXT_SIZE];
    struct fct_timelines timelines;
    fct_timelines_format(&three, store_id, text);
    assert_string_equal(text, "46414354554d544c" /* FACTUMTL */ "0100000003000000"
                              "0102030405060708090a0b0c0d0e0f10"
                              "07000000000000000000000000000000"
                              "08000000000000000010000000000000"
                              "09000000000000000020000000000000"
                              "d9f47f2d");
    assert_true(fct_timelines_parse(&timelines, factum_slice_from(text), store_id));
    assert_same(&timelines, &three);
    size_t size = bytes_of(&three, bytes);
    assert_ok(fct_file_replace(f->os, LOG_DIR, FCT_TIMELINES_NAME, fct_slice(bytes, size), &f->err),
              f->err);
    timelines = load(f, false);
    assert_same(&timelines, &three);
}

TEST(the_text_of_as_many_as_there_may_be_fits)
{
    struct fct_timelines most = {.count = FCT_TIMELINES_MAX};
    struct fct_timelines timelines;
    char text[FCT_TIMELINES_TEXT_SIZE];
    for (uint32_t i = 0; i < FCT_TIMELINES_MAX; i++) {
        most.items[i] = (struct fct_timeline){UINT64_MAX - i, i == 0 ? 0 : UINT64_MAX / 64 * i};
    }
    fct_timelines_format(&most, store_id, text);
    assert_true(fct_timelines_parse(&timelines, factum_slice_from(text), store_id));
    assert_same(&timelines, &most);
}

TEST(text_that_does_not_verify_is_refused_and_changes_nothing)
{
    char text[FCT_TIMELINES_TEXT_SIZE + 8];
    struct fct_timelines timelines = {.count = 1, .items = {{5, 0}}};
    const struct fct_timelines before = timelines;
    static const char wrong[] = {'g', 'G', 'A', 'F', '/', ':', '@', '`', ' ', '\0', '\xff'};
    fct_timelines_format(&three, store_id, text);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char right = text[i];
        for (size_t j = 0; j < sizeof wrong; j++) {
            text[i] = wrong[j];
            assert_false(fct_timelines_parse(&timelines, fct_slice(text, len), store_id));
        }
        text[i] = right == '0' ? '1' : '0'; /* the checksum is wrong then */
        assert_false(fct_timelines_parse(&timelines, fct_slice(text, len), store_id));
        text[i] = right;
        assert_false(fct_timelines_parse(&timelines, fct_slice(text, i), store_id));
    }
    memset(text + len, '0', sizeof text - len);
    for (size_t longer = len + 1; longer <= sizeof text; longer++) {
        assert_false(fct_timelines_parse(&timelines, fct_slice(text, longer), store_id));
    }
    factum_uuid other = store_id;
    other.bytes[15]++;
    assert_false(fct_timelines_parse(&timelines, fct_slice(text, len), other));
    assert_same(&timelines, &before);
    assert_true(fct_timelines_parse(&timelines, fct_slice(text, len), store_id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_store_without_the_file_has_one_timeline_made_of_its_id),
        FIXTURE_CASE(a_fork_is_read_back),
        FIXTURE_CASE(a_fork_gives_up_what_began_at_or_after_it),
        FIXTURE_CASE(one_timeline_too_many_makes_the_oldest_forgotten),
        FIXTURE_CASE(a_fork_that_fails_changes_nothing),
        FIXTURE_CASE(a_file_that_cannot_be_read_is_a_failure),
        FIXTURE_CASE(any_flipped_bit_makes_the_file_damaged),
        FIXTURE_CASE(any_other_size_makes_the_file_damaged),
        FIXTURE_CASE(invalid_fields_are_damage_even_under_a_valid_checksum),
        FIXTURE_CASE(zero_timelines_and_too_many_are_damage),
        FIXTURE_CASE(the_text_is_the_file_in_hexadecimal_digits),
        FIXTURE_CASE(the_text_of_as_many_as_there_may_be_fits),
        FIXTURE_CASE(text_that_does_not_verify_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
