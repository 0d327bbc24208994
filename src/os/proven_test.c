/* proven_test.c - blocks of a map that the device cannot read. */
#include "os/proven.h"

#include <string.h>

#include "sim/sim_disk.h"
#include "support/test.h"

#define BLOCK (UINT64_C(1) << FCT_PROVEN_SHIFT_MIN)
#define SIZE (2 * BLOCK + 5000)
#define PAGE UINT64_C(4096)

struct fixture {
    struct fct_sim_disk *disk;
    const struct fct_os *os;
    struct fct_file *file;
    const uint8_t *map;
    _Atomic uint64_t words[2];
    struct fct_proven proven;
};

static factum_status open_it(void *data, struct fct_file **file, factum_error *err)
{
    const struct fixture *f = data;
    return fct_file_open(f->os, "/f", FCT_OPEN_READ, file, err);
}

static int set_up(void **state)
{
    static struct fixture f;
    static const uint8_t bytes[SIZE];
    f = (struct fixture){.disk = fct_sim_disk_create(1, false)};
    f.os = fct_sim_disk_os(f.disk);
    assert_int_equal(fct_file_open(f.os, "/f", FCT_OPEN_WRITE | FCT_OPEN_CREATE, &f.file, NULL),
                     FACTUM_OK);
    assert_int_equal(fct_file_write(f.file, 0, bytes, SIZE, NULL), FACTUM_OK);
    assert_int_equal(fct_file_map(f.file, SIZE, &f.map, NULL), FACTUM_OK);
    f.proven = fct_proven(open_it, &f, f.words, 1, SIZE);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_os_unmap(f->os, f->map, SIZE);
    (void)fct_file_close(&f->file, NULL);
    fct_sim_disk_destroy(f->disk);
    return 0;
}

static bool readable(struct fixture *f, uint64_t offset, uint64_t size)
{
    const struct fct_map_part part = {f->map, SIZE, offset, size};
    return fct_proven_read(&f->proven, f->os, &part);
}

TEST(what_the_device_delivers_is_readable)
{
    struct fixture *f = *state;
    assert_true(readable(f, 0, SIZE));
    assert_int_equal(f->words[0], 7);
    assert_true(readable(f, SIZE - 1, 1));
}

TEST(a_failed_block_is_answered_and_its_neighbours_are_readable)
{
    struct fixture *f = *state;
    assert_true(fct_sim_disk_fail_block(f->disk, "/f", BLOCK + 2 * PAGE));
    assert_false(readable(f, BLOCK + 2 * PAGE, 1));
    assert_false(readable(f, BLOCK + 3 * PAGE - 1, 1));
    assert_false(readable(f, 0, SIZE));
    assert_true(readable(f, BLOCK + 2 * PAGE - 1, 1));
    assert_true(readable(f, BLOCK + 3 * PAGE, PAGE));
    assert_true(readable(f, 0, BLOCK));
    assert_true(readable(f, 2 * BLOCK, SIZE - 2 * BLOCK));
    assert_int_equal(f->words[0], 5);
    assert_int_equal(f->words[1], 2);
}

TEST(a_neighbour_that_left_the_cache_is_readable_again)
{
    struct fixture *f = *state;
    assert_true(fct_sim_disk_fail_block(f->disk, "/f", PAGE));
    assert_true(readable(f, 0, PAGE));
    assert_int_equal(fct_file_drop_cache(f->file, 0, SIZE, NULL), FACTUM_OK);
    assert_true(readable(f, 0, PAGE));
    assert_int_equal(f->map[0], 0);
    assert_true(readable(f, 2 * PAGE, BLOCK - 2 * PAGE));
    assert_int_equal(f->map[BLOCK - 1], 0);
    assert_false(readable(f, 0, PAGE + 1));
    assert_true(readable(f, BLOCK - 1, SIZE - BLOCK + 1));
}

static factum_status open_nothing(void *data, struct fct_file **file, factum_error *err)
{
    (void)data;
    (void)file;
    (void)err;
    return FACTUM_NOT_FOUND;
}

TEST(a_file_that_cannot_be_opened_again_is_an_answer)
{
    struct fixture *f = *state;
    f->proven.open = open_nothing;
    assert_true(fct_sim_disk_fail_block(f->disk, "/f", PAGE));
    assert_false(readable(f, 0, PAGE));
    assert_false(readable(f, PAGE, PAGE));
    assert_true(readable(f, BLOCK, BLOCK));
    f->proven.open = open_it;
    assert_true(readable(f, 0, PAGE));
}

TEST(a_write_of_the_whole_block_heals_it)
{
    struct fixture *f = *state;
    static const uint8_t bytes[PAGE];
    assert_true(fct_sim_disk_fail_block(f->disk, "/f", PAGE));
    assert_false(readable(f, PAGE, 1));
    assert_status(fct_file_write(f->file, PAGE + 1, bytes, 100, NULL), FACTUM_IO);
    assert_int_equal(fct_file_write(f->file, PAGE, bytes, PAGE, NULL), FACTUM_OK);
    assert_true(readable(f, PAGE, 1));
}

TEST(few_words_make_greater_blocks)
{
    _Atomic uint64_t words[2] = {0};
    struct fct_proven proven = fct_proven(open_it, NULL, words, 1, 64 * BLOCK);
    (void)state;
    assert_int_equal(proven.shift, FCT_PROVEN_SHIFT_MIN);
    proven = fct_proven(open_it, NULL, words, 1, 64 * BLOCK + 1);
    assert_int_equal(proven.shift, FCT_PROVEN_SHIFT_MIN + 1);
    assert_int_equal(fct_proven_word_count(64 * BLOCK), 1);
    assert_int_equal(fct_proven_word_count(64 * BLOCK + 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(what_the_device_delivers_is_readable),
        FIXTURE_CASE(a_failed_block_is_answered_and_its_neighbours_are_readable),
        FIXTURE_CASE(a_neighbour_that_left_the_cache_is_readable_again),
        FIXTURE_CASE(a_file_that_cannot_be_opened_again_is_an_answer),
        FIXTURE_CASE(a_write_of_the_whole_block_heals_it),
        CASE(few_words_make_greater_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
