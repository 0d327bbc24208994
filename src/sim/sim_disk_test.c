/* sim_disk_test.c - the simulated disk loses unsynced data at a crash, and no other data. */
#include "sim/sim_disk.h"

#include "support/test.h"

enum { SECTOR = 512, SEEDS = 200 };

struct fixture {
    struct fct_sim_disk *disk;
    const struct fct_os *os;
    struct fct_file *file;
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->disk = fct_sim_disk_create(1, false);
    f->os = fct_sim_disk_os(f->disk);
    assert_ok(fct_os_make_dir(f->os, "/d", &f->err), f->err);
    assert_ok(fct_os_sync_dir(f->os, "/", &f->err), f->err);
    assert_ok(fct_file_open(f->os, "/d/a", FCT_OPEN_WRITE | FCT_OPEN_CREATE, &f->file, &f->err),
              f->err);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_ok(fct_file_close(&f->file, &f->err), f->err);
    fct_sim_disk_destroy(f->disk);
    test_free(f);
    return 0;
}

static void fill(struct fixture *f, int with, uint64_t offset, size_t len)
{
    static uint8_t bytes[64 * SECTOR];
    assert_true(len <= sizeof bytes);
    memset(bytes, with, len);
    assert_ok(fct_file_write(f->file, offset, bytes, len, &f->err), f->err);
}

static void sync_all(struct fixture *f)
{
    assert_ok(fct_file_sync(f->file, &f->err), f->err);
    assert_ok(fct_os_sync_dir(f->os, "/d", &f->err), f->err);
}

static struct fct_sim_disk *crash(struct fixture *f, enum fct_crash_mode mode, uint64_t seed)
{
    struct fct_sim_disk *after = fct_sim_disk_crash(f->disk, mode, seed);
    assert_non_null(after);
    return after;
}

/* ---- what a crash leaves --------------------------------------------------------------------- */

TEST(what_was_synced_survives_every_crash)
{
    struct fixture *f = *state;
    fill(f, 'a', 0, 10000);
    sync_all(f);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fct_sim_disk *after = crash(f, (enum fct_crash_mode)(seed % FCT_CRASH_MODES), seed);
        uint64_t size = 0;
        const uint8_t *bytes = fct_sim_disk_bytes(after, "/d/a", &size);
        assert_non_null(bytes);
        assert_int_equal(size, 10000);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(bytes[i], 'a');
        }
        fct_sim_disk_destroy(after);
    }
}

TEST(a_file_whose_name_was_not_synced_may_be_gone)
{
    struct fixture *f = *state;
    int there = 0;
    fill(f, 'a', 0, 100);
    assert_ok(fct_file_sync(f->file, &f->err), f->err);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fct_sim_disk *after = crash(f, FCT_CRASH_HALF, seed);
        uint64_t size;
        there += fct_sim_disk_bytes(after, "/d/a", &size) != NULL;
        fct_sim_disk_destroy(after);
    }
    assert_in_range(there, SEEDS / 4, SEEDS * 3 / 4);
    uint64_t size;
    struct fct_sim_disk *none = crash(f, FCT_CRASH_NONE, 1);
    assert_null(fct_sim_disk_bytes(none, "/d/a", &size));
    fct_sim_disk_destroy(none);
    struct fct_sim_disk *all = crash(f, FCT_CRASH_ALL, 1);
    assert_non_null(fct_sim_disk_bytes(all, "/d/a", &size));
    fct_sim_disk_destroy(all);
}

TEST(a_file_in_a_directory_that_is_gone_is_gone)
{
    struct fixture *f = *state;
    struct fct_file *file;
    uint64_t size;
    assert_ok(fct_os_make_dir(f->os, "/d/e", &f->err), f->err);
    assert_ok(fct_file_open(f->os, "/d/e/b", FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &f->err),
              f->err);
    assert_ok(fct_file_sync(file, &f->err), f->err);
    assert_ok(fct_file_close(&file, &f->err), f->err);
    assert_ok(fct_os_sync_dir(f->os, "/d/e", &f->err), f->err);
    struct fct_sim_disk *after = crash(f, FCT_CRASH_NONE, 1);
    assert_null(fct_sim_disk_bytes(after, "/d/e/b", &size));
    fct_sim_disk_destroy(after);
    assert_ok(fct_os_sync_dir(f->os, "/d", &f->err), f->err);
    after = crash(f, FCT_CRASH_NONE, 1);
    assert_non_null(fct_sim_disk_bytes(after, "/d/e/b", &size));
    fct_sim_disk_destroy(after);
}

/* Every sector is the old one or the new one as a whole; both happen. */
TEST(unsynced_sectors_survive_or_not_one_by_one)
{
    struct fixture *f = *state;
    uint64_t kept = 0;
    fill(f, 'a', 0, 20 * SECTOR);
    sync_all(f);
    fill(f, 'b', 0, 20 * SECTOR);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fct_sim_disk *after = crash(f, FCT_CRASH_HALF, seed);
        uint64_t size = 0;
        const uint8_t *bytes = fct_sim_disk_bytes(after, "/d/a", &size);
        assert_int_equal(size, 20 * SECTOR);
        for (size_t at = 0; at < size; at += SECTOR) {
            assert_true(bytes[at] == 'a' || bytes[at] == 'b');
            for (size_t i = 1; i < SECTOR; i++) {
                assert_int_equal(bytes[at + i], bytes[at]);
            }
            kept += bytes[at] == 'b';
        }
        fct_sim_disk_destroy(after);
    }
    assert_in_range(kept, SEEDS * 9, SEEDS * 11);
}

TEST(a_torn_sector_is_one_a_file_and_has_one_border)
{
    struct fixture *f = *state;
    int torn = 0;
    fill(f, 'a', 0, 20 * SECTOR);
    sync_all(f);
    fill(f, 'b', 0, 20 * SECTOR);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fct_sim_disk *after = crash(f, FCT_CRASH_TORN, seed);
        uint64_t size = 0;
        int borders = 0;
        const uint8_t *bytes = fct_sim_disk_bytes(after, "/d/a", &size);
        for (size_t i = 1; i < size; i++) {
            assert_true(bytes[i] == 'a' || bytes[i] == 'b');
            borders += i % SECTOR != 0 && bytes[i] != bytes[i - 1];
        }
        assert_in_range(borders, 0, 1);
        torn += borders;
        fct_sim_disk_destroy(after);
    }
    assert_true(torn > SEEDS * 9 / 10);
}

TEST(a_size_survives_without_its_bytes_and_they_without_it)
{
    struct fixture *f = *state;
    bool seen[2][2] = {{false}};
    fill(f, 'a', 0, SECTOR);
    sync_all(f);
    fill(f, 'b', 0, 2 * SECTOR);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fct_sim_disk *after = crash(f, FCT_CRASH_HALF, seed);
        uint64_t size = 0;
        const uint8_t *bytes = fct_sim_disk_bytes(after, "/d/a", &size);
        assert_true(size == SECTOR || size == 2 * SECTOR);
        if (size == 2 * SECTOR) {
            assert_true(bytes[SECTOR] == 0 || bytes[SECTOR] == 'b');
        }
        seen[size == SECTOR][bytes[0] == 'b'] = true;
        fct_sim_disk_destroy(after);
    }
    assert_true(seen[0][0] && seen[0][1] && seen[1][0] && seen[1][1]);
}

TEST(a_rename_survives_in_parts)
{
    struct fixture *f = *state;
    bool seen[2][2] = {{false}};
    fill(f, 'a', 0, 10);
    sync_all(f);
    assert_ok(fct_os_rename(f->os, "/d/a", "/d/b", &f->err), f->err);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fct_sim_disk *after = crash(f, FCT_CRASH_HALF, seed);
        uint64_t size;
        bool a = fct_sim_disk_bytes(after, "/d/a", &size) != NULL;
        bool b = fct_sim_disk_bytes(after, "/d/b", &size) != NULL;
        seen[a][b] = true;
        fct_sim_disk_destroy(after);
    }
    assert_true(seen[0][1] && seen[1][0] && seen[1][1] && seen[0][0]);
    assert_ok(fct_os_sync_dir(f->os, "/d", &f->err), f->err);
    struct fct_sim_disk *after = crash(f, FCT_CRASH_NONE, 1);
    uint64_t size;
    assert_null(fct_sim_disk_bytes(after, "/d/a", &size));
    assert_non_null(fct_sim_disk_bytes(after, "/d/b", &size));
    fct_sim_disk_destroy(after);
}

TEST(a_removal_that_was_not_synced_may_be_undone)
{
    struct fixture *f = *state;
    uint64_t size;
    fill(f, 'a', 0, 10);
    sync_all(f);
    assert_ok(fct_os_unlink(f->os, "/d/a", &f->err), f->err);
    assert_null(fct_sim_disk_bytes(f->disk, "/d/a", &size));
    struct fct_sim_disk *after = crash(f, FCT_CRASH_NONE, 1);
    assert_non_null(fct_sim_disk_bytes(after, "/d/a", &size));
    fct_sim_disk_destroy(after);
}

TEST(the_same_seed_gives_the_same_crash_and_leaves_the_disk)
{
    struct fixture *f = *state;
    fill(f, 'a', 0, 20 * SECTOR);
    sync_all(f);
    fill(f, 'b', 0, 20 * SECTOR);
    struct fct_sim_disk *one = crash(f, FCT_CRASH_TORN, 7);
    struct fct_sim_disk *two = crash(f, FCT_CRASH_TORN, 7);
    uint64_t size;
    const uint8_t *a = fct_sim_disk_bytes(one, "/d/a", &size);
    const uint8_t *b = fct_sim_disk_bytes(two, "/d/a", &size);
    assert_memory_equal(a, b, size);
    const uint8_t *now = fct_sim_disk_bytes(f->disk, "/d/a", &size);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(now[i], 'b');
    }
    fct_sim_disk_destroy(one);
    fct_sim_disk_destroy(two);
}

TEST(what_is_left_of_a_crash_is_durable)
{
    struct fixture *f = *state;
    fill(f, 'a', 0, 20 * SECTOR);
    struct fct_sim_disk *once = crash(f, FCT_CRASH_ALL, 3);
    struct fct_sim_disk *twice = fct_sim_disk_crash(once, FCT_CRASH_NONE, 4);
    uint64_t size = 0;
    const uint8_t *bytes = fct_sim_disk_bytes(twice, "/d/a", &size);
    assert_non_null(bytes);
    assert_int_equal(size, 20 * SECTOR);
    assert_int_equal(bytes[size - 1], 'a');
    fct_sim_disk_destroy(once);
    fct_sim_disk_destroy(twice);
}

TEST(a_clone_has_both_states_and_its_own_bytes)
{
    struct fixture *f = *state;
    fill(f, 'a', 0, 10);
    sync_all(f);
    fill(f, 'b', 0, 10);
    struct fct_sim_disk *clone = fct_sim_disk_clone(f->disk);
    fill(f, 'c', 0, 10);
    sync_all(f);
    uint64_t size;
    assert_int_equal(fct_sim_disk_bytes(clone, "/d/a", &size)[0], 'b');
    struct fct_sim_disk *after = fct_sim_disk_crash(clone, FCT_CRASH_NONE, 1);
    assert_int_equal(fct_sim_disk_bytes(after, "/d/a", &size)[0], 'a');
    fct_sim_disk_destroy(after);
    fct_sim_disk_destroy(clone);
}

/* ---- calls ----------------------------------------------------------------------------------- */

TEST(from_the_chosen_call_on_nothing_changes)
{
    struct fixture *f = *state;
    uint64_t size = 0;
    uint64_t calls = fct_sim_disk_calls(f->disk);
    fill(f, 'a', 0, 10);
    assert_int_equal(fct_sim_disk_calls(f->disk), calls + 1);
    fct_sim_disk_stop_at(f->disk, calls + 2);
    assert_ok(fct_file_sync(f->file, &f->err), f->err);
    assert_status(fct_os_sync_dir(f->os, "/d", &f->err), FACTUM_IO);
    assert_string_equal(f->err.text, "sync directory /d: crashed");
    assert_status(fct_file_write(f->file, 0, "b", 1, &f->err), FACTUM_IO);
    assert_status(fct_file_truncate(f->file, 0, &f->err), FACTUM_IO);
    assert_status(fct_file_sync(f->file, &f->err), FACTUM_IO);
    assert_status(fct_os_unlink(f->os, "/d/a", &f->err), FACTUM_IO);
    assert_status(fct_os_make_dir(f->os, "/e", &f->err), FACTUM_IO);
    const uint8_t *bytes = fct_sim_disk_bytes(f->disk, "/d/a", &size);
    assert_int_equal(size, 10);
    assert_int_equal(bytes[0], 'a');
}

TEST(a_full_disk_refuses_and_frees_what_is_cut)
{
    struct fixture *f = *state;
    struct fct_file *other;
    fct_sim_disk_set_space(f->disk, 1000);
    fill(f, 'a', 0, 1000);
    assert_status(fct_file_write(f->file, 1000, "x", 1, &f->err), FACTUM_NO_SPACE);
    assert_string_equal(f->err.text, "write /d/a: no space left");
    assert_status(fct_file_open(f->os, "/d/b", FCT_OPEN_WRITE | FCT_OPEN_CREATE, &other, &f->err),
                  FACTUM_NO_SPACE);
    assert_string_equal(f->err.text, "create /d/b: no space left");
    fill(f, 'b', 0, 1000); /* in place */
    assert_ok(fct_file_truncate(f->file, 400, &f->err), f->err);
    fill(f, 'b', 400, 600);
    assert_status(fct_file_write(f->file, 1000, "x", 1, &f->err), FACTUM_NO_SPACE);
}

TEST(a_map_shows_writes_and_outlives_the_file)
{
    struct fixture *f = *state;
    const uint8_t *map;
    assert_ok(fct_file_map(f->file, 1u << 20, &map, &f->err), f->err);
    fill(f, 'a', 100, 10);
    assert_int_equal(map[100], 'a');
    assert_ok(fct_os_unlink(f->os, "/d/a", &f->err), f->err);
    assert_ok(fct_file_close(&f->file, &f->err), f->err);
    assert_int_equal(map[109], 'a');
    fct_os_unmap(f->os, map, 1u << 20);
}

struct names {
    struct fixture *f;
    int count;
    bool saw_d;
};

static factum_status note_name(void *data, const char *name)
{
    struct names *names = data;
    names->count++;
    names->saw_d = names->saw_d || strcmp(name, "d") == 0;
    return FACTUM_OK;
}

static factum_status remove_name(void *data, const char *name)
{
    struct names *names = data;
    char path[FCT_PATH_SIZE];
    names->count++;
    assert_ok(fct_path_join(path, "/d", name, &names->f->err), names->f->err);
    return fct_os_unlink(names->f->os, path, &names->f->err);
}

static void touch(struct fixture *f, const char *path)
{
    struct fct_file *file;
    assert_ok(fct_file_open(f->os, path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &f->err), f->err);
    assert_ok(fct_file_close(&file, &f->err), f->err);
}

TEST(a_list_has_what_lies_in_the_directory_itself)
{
    struct fixture *f = *state;
    struct names names = {.f = f};
    assert_ok(fct_os_make_dir(f->os, "/d/e", &f->err), f->err);
    touch(f, "/d/e/b");
    touch(f, "/d/c");
    assert_ok(fct_os_list_dir(f->os, "/d", note_name, &names, &f->err), f->err);
    assert_int_equal(names.count, 3);
    assert_false(names.saw_d);
    names.count = 0;
    assert_ok(fct_os_list_dir(f->os, "/", note_name, &names, &f->err), f->err);
    assert_int_equal(names.count, 1);
    assert_true(names.saw_d);
    assert_status(fct_os_list_dir(f->os, "/x", note_name, &names, &f->err), FACTUM_NOT_FOUND);
    assert_string_equal(f->err.text, "list /x: no such directory");
}

TEST(what_is_listed_may_be_removed_also_on_a_locked_disk)
{
    struct fixture *f = *state;
    struct fixture locked = {.disk = fct_sim_disk_create(1, true)};
    struct names names = {.f = &locked};
    locked.os = fct_sim_disk_os(locked.disk);
    assert_ok(fct_os_make_dir(locked.os, "/d", &f->err), f->err);
    for (int i = 0; i < 40; i++) {
        char path[16];
        struct fct_file *file;
        (void)snprintf(path, sizeof path, "/d/%d", i);
        assert_ok(fct_file_open(locked.os, path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &file, &f->err),
                  f->err);
        assert_ok(fct_file_close(&file, &f->err), f->err);
    }
    assert_ok(fct_os_list_dir(locked.os, "/d", remove_name, &names, &f->err), f->err);
    assert_int_equal(names.count, 40);
    assert_null(fct_sim_disk_path(locked.disk, 0));
    assert_ok(fct_os_remove_dir(locked.os, "/d", &f->err), f->err);
    fct_sim_disk_destroy(locked.disk);
}

TEST(missing_names_are_not_found)
{
    struct fixture *f = *state;
    struct fct_file *other;
    assert_status(fct_file_open(f->os, "/d/x", FCT_OPEN_READ, &other, &f->err), FACTUM_NOT_FOUND);
    assert_string_equal(f->err.text, "open /d/x: no such file");
    assert_status(fct_file_open(f->os, "/x/y", FCT_OPEN_WRITE | FCT_OPEN_CREATE, &other, &f->err),
                  FACTUM_NOT_FOUND);
    assert_status(fct_os_unlink(f->os, "/d/x", &f->err), FACTUM_NOT_FOUND);
    assert_string_equal(f->err.text, "remove /d/x: no such file");
    assert_status(fct_os_rename(f->os, "/d/x", "/d/y", &f->err), FACTUM_NOT_FOUND);
    assert_status(fct_os_move(f->os, "/d/a", "/d/a", &f->err), FACTUM_EXISTS);
    assert_string_equal(f->err.text, "rename /d/a: /d/a exists already");
    assert_status(fct_os_remove_dir(f->os, "/d", &f->err), FACTUM_IO);
    assert_string_equal(f->err.text, "remove directory /d: the directory is not empty");
    assert_status(fct_os_rename(f->os, "/d/a", "/x/a", &f->err), FACTUM_NOT_FOUND);
    assert_string_equal(f->err.text, "rename /x/a: no such directory");
}

TEST(time_stands_still_and_chance_repeats)
{
    struct fixture *f = *state;
    struct fct_sim_disk *other = fct_sim_disk_create(1, false);
    uint8_t a[16];
    uint8_t b[16];
    int64_t time = fct_os_time(f->os);
    assert_int_equal(fct_os_time(f->os), time);
    fct_sim_disk_set_time(f->disk, 5);
    assert_int_equal(fct_os_time(f->os), 5);
    assert_ok(fct_os_random(f->os, a, sizeof a, &f->err), f->err);
    assert_ok(fct_os_random(fct_sim_disk_os(other), b, sizeof b, &f->err), f->err);
    assert_memory_equal(a, b, sizeof a);
    fct_sim_disk_destroy(other);
}

/* ---- blocks that fail ------------------------------------------------------------------------ */

enum { BLOCK = 4096, GROUP = 16 };

static factum_status read_one(struct fixture *f, uint64_t block, bool alone)
{
    uint8_t byte;
    size_t done;
    return alone ? f->os->ops->read_alone(f->file, block * BLOCK, &byte, 1, &done, &f->err)
                 : f->os->ops->read(f->file, block * BLOCK, &byte, 1, &done, &f->err);
}

TEST(a_bad_block_fails_its_neighbours_until_they_are_read_alone)
{
    struct fixture *f = *state;
    const uint8_t *map;
    uint64_t size = (uint64_t)3 * GROUP * BLOCK;
    assert_ok(fct_file_truncate(f->file, size, &f->err), f->err);
    assert_ok(fct_file_map(f->file, size, &map, &f->err), f->err);
    assert_true(fct_sim_disk_fail_block(f->disk, "/d/a", (uint64_t)(GROUP + 3) * BLOCK));
    for (uint64_t block = 0; block < (uint64_t)3 * GROUP; block++) {
        bool beside = block / GROUP == 1;
        assert_status(read_one(f, block, false), beside ? FACTUM_IO : FACTUM_OK);
        assert_status(fct_os_populate(f->os, map + block * BLOCK, 1, &f->err),
                      beside ? FACTUM_IO : FACTUM_OK);
    }
    const struct fct_map_part group = {map, size, (uint64_t)GROUP * BLOCK, (uint64_t)GROUP * BLOCK};
    assert_status(fct_file_populate_alone(f->file, &group, &f->err), FACTUM_IO);
    for (uint64_t block = GROUP; block < (uint64_t)2 * GROUP; block++) {
        factum_status expected = block == GROUP + 3 ? FACTUM_IO : FACTUM_OK;
        assert_status(read_one(f, block, false), expected);
        assert_status(read_one(f, block, true), expected);
        assert_status(fct_os_populate(f->os, map + block * BLOCK, 1, &f->err), expected);
        if (expected == FACTUM_OK) {
            assert_int_equal(map[block * BLOCK], 0);
        }
    }
    assert_ok(fct_file_drop_cache(f->file, 0, size, &f->err), f->err);
    assert_status(read_one(f, GROUP, false), FACTUM_IO);
    assert_ok(read_one(f, GROUP, true), f->err);
    assert_ok(read_one(f, GROUP, false), f->err);
    fct_os_unmap(f->os, map, size);
}

TEST(a_read_alone_is_short_before_a_bad_block)
{
    struct fixture *f = *state;
    static uint8_t bytes[4 * BLOCK];
    size_t done = 0;
    assert_ok(fct_file_truncate(f->file, sizeof bytes, &f->err), f->err);
    assert_true(fct_sim_disk_fail_block(f->disk, "/d/a", (uint64_t)2 * BLOCK));
    assert_ok(f->os->ops->read_alone(f->file, 10, bytes, 3 * BLOCK, &done, &f->err), f->err);
    assert_int_equal(done, 2 * BLOCK - 10);
    assert_status(f->os->ops->read_alone(f->file, 2 * BLOCK, bytes, BLOCK, &done, &f->err),
                  FACTUM_IO);
    assert_ok(f->os->ops->read_alone(f->file, 4 * BLOCK, bytes, 1, &done, &f->err), f->err);
    assert_int_equal(done, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(what_was_synced_survives_every_crash),
        FIXTURE_CASE(a_file_whose_name_was_not_synced_may_be_gone),
        FIXTURE_CASE(a_file_in_a_directory_that_is_gone_is_gone),
        FIXTURE_CASE(unsynced_sectors_survive_or_not_one_by_one),
        FIXTURE_CASE(a_torn_sector_is_one_a_file_and_has_one_border),
        FIXTURE_CASE(a_size_survives_without_its_bytes_and_they_without_it),
        FIXTURE_CASE(a_rename_survives_in_parts),
        FIXTURE_CASE(a_removal_that_was_not_synced_may_be_undone),
        FIXTURE_CASE(the_same_seed_gives_the_same_crash_and_leaves_the_disk),
        FIXTURE_CASE(what_is_left_of_a_crash_is_durable),
        FIXTURE_CASE(a_clone_has_both_states_and_its_own_bytes),
        FIXTURE_CASE(from_the_chosen_call_on_nothing_changes),
        FIXTURE_CASE(a_full_disk_refuses_and_frees_what_is_cut),
        FIXTURE_CASE(a_map_shows_writes_and_outlives_the_file),
        FIXTURE_CASE(a_list_has_what_lies_in_the_directory_itself),
        FIXTURE_CASE(what_is_listed_may_be_removed_also_on_a_locked_disk),
        FIXTURE_CASE(missing_names_are_not_found),
        FIXTURE_CASE(time_stands_still_and_chance_repeats),
        FIXTURE_CASE(a_bad_block_fails_its_neighbours_until_they_are_read_alone),
        FIXTURE_CASE(a_read_alone_is_short_before_a_bad_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
