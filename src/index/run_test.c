/* run_test.c - runs: written keys are found, whatever the run's shape, and damage is noticed.
 * Layer: index. */
#include "index/run.h"

#include <limits.h>
#include <stdlib.h>

#include "core/crc32c.h"
#include "core/random.h"
#include "sim/sim_disk.h"
#include "support/fault.h"
#include "support/mem_fault.h"
#include "support/test.h"

#define KEYS_MAX 3000u
#define LIST_MAX 40000u

struct list {
    struct fct_index_key key;
    uint64_t *positions;
    size_t count;
};

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_fault fault;
    struct fct_mem_fault mem;
    struct list *lists;
    size_t list_count;
    struct fct_run *run;
    struct fct_random random;
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->disk = fct_sim_disk_create(1, false);
    fct_fault_init(&f->fault, fct_sim_disk_os(f->disk));
    fct_mem_fault_init(&f->mem);
    f->lists = test_calloc(KEYS_MAX, sizeof *f->lists);
    f->random.state = 99;
    assert_ok(fct_os_make_dir(&f->fault.os, "/index", &f->err), f->err);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_run_release(f->run);
    assert_int_equal(atomic_load(&f->mem.held), 0);
    for (size_t i = 0; i < f->list_count; i++) {
        fct_mem_free(fct_mem_heap(), f->lists[i].positions);
    }
    fct_sim_disk_destroy(f->disk);
    test_free(f->lists);
    test_free(f);
    return 0;
}

/* Keys have to come in the order of runs: |number| rises. */
static struct list *new_list(struct fixture *f, uint64_t number, enum fct_index_kind kind)
{
    struct list *list = &f->lists[f->list_count++];
    *list = (struct list){.key = {.hash = {.high = number, .low = number * 31}, .kind = kind}};
    list->positions = fct_mem_zalloc(fct_mem_heap(), LIST_MAX, sizeof *list->positions);
    assert_non_null(list->positions);
    return list;
}

/* |count| positions with steps of up to |step_max| units of 4. */
static void fill(struct fixture *f, struct list *list, size_t count, uint64_t step_max)
{
    uint64_t position = 8 + fct_random_below(&f->random, 1000) * 4;
    for (size_t i = 0; i < count; i++) {
        list->positions[list->count++] = position;
        position += 4 + 4 * fct_random_below(&f->random, step_max);
    }
}

static struct fct_run_info info_of(uint64_t number)
{
    struct fct_run_info info = {
        .seed = 5,
        .number = number,
        .from = 8,
        .end = {.position = UINT64_C(1) << 40, .batch_number = 3, .chain = 4},
        .level = 2};
    memset(info.store_id.bytes, 0xcd, 16);
    return info;
}

static factum_status try_write(struct fixture *f, uint64_t number)
{
    struct fct_run_info info = info_of(number);
    struct fct_run_writer *writer;
    factum_status status = fct_run_writer_create(&writer, &f->fault.os, &f->mem.mem, "/index",
                                                 &info, f->list_count, &f->err);
    for (size_t i = 0; i < f->list_count && status == FACTUM_OK; i++) {
        const struct list *list = &f->lists[i];
        for (size_t j = 0; j < list->count && status == FACTUM_OK; j++) {
            status = fct_run_writer_add(writer, &list->key, list->positions[j], &f->err);
        }
    }
    if (status == FACTUM_OK) {
        status = fct_run_writer_finish(writer, &f->err);
    }
    fct_run_writer_destroy(writer);
    return status;
}

static factum_status try_open(struct fixture *f, uint64_t number)
{
    return fct_run_open(&f->run, &f->fault.os, &f->mem.mem, "/index", number, &f->err);
}

static void write_and_open(struct fixture *f)
{
    assert_ok(try_write(f, 1), f->err);
    assert_ok(try_open(f, 1), f->err);
}

static void reopen(struct fixture *f)
{
    fct_run_release(f->run);
    assert_ok(try_open(f, 1), f->err);
}

static void close_run(struct fixture *f)
{
    fct_run_release(f->run);
    f->run = NULL;
}

/* Does |entry| hold the posting |at| of |list|, and nothing that is not in it? */
static void assert_entry(const struct list *list, const struct fct_run_entry *entry)
{
    uint64_t position = entry->first;
    const uint8_t *deltas = entry->deltas;
    assert_true(fct_index_key_equal(&entry->key, &list->key));
    assert_true(entry->count > 0 && entry->ordinal + entry->count <= list->count);
    for (uint64_t i = 0; i < entry->count; i++) {
        assert_true(position == list->positions[entry->ordinal + i]);
        if (i + 1 < entry->count) {
            deltas = fct_run_delta(deltas, entry->end, &position);
        }
    }
    assert_true(fct_run_entry_last(entry) == list->positions[entry->ordinal + entry->count - 1]);
}

static void assert_found_by_ordinal(struct fixture *f, const struct list *list, uint64_t ordinal)
{
    struct fct_run_entry entry;
    assert_status(fct_run_find_ordinal(f->run, &list->key, ordinal, &entry), FACTUM_OK);
    assert_entry(list, &entry);
    uint64_t held = ordinal < list->count ? ordinal : list->count - 1;
    assert_true(entry.ordinal <= held && held < entry.ordinal + entry.count);
}

static void assert_found_by_position(struct fixture *f, const struct list *list, size_t at)
{
    struct fct_run_entry entry;
    uint64_t position = list->positions[at];
    assert_status(fct_run_find_position(f->run, &list->key, position, &entry), FACTUM_OK);
    assert_entry(list, &entry);
    assert_true(entry.ordinal <= at && at < entry.ordinal + entry.count);
    factum_status before = position == 0
                               ? FACTUM_DONE
                               : fct_run_find_position(f->run, &list->key, position - 1, &entry);
    assert_true(before == (at == 0 ? FACTUM_DONE : FACTUM_OK));
}

static void assert_list(struct fixture *f, const struct list *list)
{
    assert_status(fct_run_probe(f->run, &list->key), FACTUM_OK);
    assert_found_by_ordinal(f, list, 0);
    assert_found_by_ordinal(f, list, list->count - 1);
    assert_found_by_ordinal(f, list, list->count);
    assert_found_by_ordinal(f, list, UINT64_MAX);
    assert_found_by_position(f, list, 0);
    assert_found_by_position(f, list, list->count - 1);
    for (int i = 0; i < 30; i++) {
        size_t at = (size_t)fct_random_below(&f->random, list->count);
        assert_found_by_ordinal(f, list, at);
        assert_found_by_position(f, list, at);
    }
}

/* The walk gives every posting of every list, in order, once. */
static void assert_walk(struct fixture *f)
{
    struct fct_run_walk walk = {.run = f->run};
    struct fct_run_entry entry;
    size_t at = 0;
    uint64_t done = 0;
    while (fct_run_walk_next(&walk, &entry) == FACTUM_OK) {
        assert_true(at < f->list_count);
        assert_true(entry.ordinal == done);
        assert_entry(&f->lists[at], &entry);
        done += entry.count;
        if (done == f->lists[at].count) {
            at++;
            done = 0;
        }
    }
    assert_int_equal(at, f->list_count);
    assert_status(fct_run_walk_next(&walk, &entry), FACTUM_DONE);
}

static void assert_all(struct fixture *f)
{
    assert_int_equal(f->run->info.key_count, f->list_count);
    for (size_t i = 0; i < f->list_count; i++) {
        assert_list(f, &f->lists[i]);
    }
    assert_walk(f);
}

/* ---- names ----------------------------------------------------------------------------------- */

TEST(a_name_gives_its_number_back)
{
    static const uint64_t numbers[] = {1, 2, 255, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
    char name[FCT_RUN_NAME_SIZE];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        fct_run_name(numbers[i], name);
        assert_true(fct_run_number(name) == numbers[i]);
    }
    fct_run_name(10, name);
    assert_string_equal(name, "000000000000000a.run");
}

TEST(other_names_are_no_runs)
{
    static const char *const names[] = {
        "",
        "MANIFEST",
        "000000000000000a",
        "000000000000000a.ru",
        "000000000000000a.runs",
        "000000000000000A.run",
        "00000000000000g0.run",
        "0000000000000000.run",
        "000000000000000.run",
        "0000000000000000a.run",
        " 00000000000000a.run",
        "000000000000000a.run.tmp",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_true(fct_run_number(names[i]) == 0);
    }
}

/* ---- shapes ---------------------------------------------------------------------------------- */

TEST(a_run_without_postings_can_be_written_and_read)
{
    struct fixture *f = *state;
    struct fct_index_key key = {.kind = FCT_INDEX_STREAM};
    struct fct_run_entry entry;
    write_and_open(f);
    assert_int_equal(f->run->info.block_count, 0);
    assert_int_equal(f->run->info.file_size, FCT_RUN_FOOTER_SIZE + 4096);
    assert_status(fct_run_probe(f->run, &key), FACTUM_DONE);
    assert_status(fct_run_find_ordinal(f->run, &key, 0, &entry), FACTUM_DONE);
    assert_status(fct_run_find_position(f->run, &key, 0, &entry), FACTUM_DONE);
    struct fct_run_walk walk;
    assert_status(fct_run_walk_kind(&walk, f->run, FCT_INDEX_TAG), FACTUM_OK);
    assert_walk(f);
}

TEST(the_footer_describes_the_run)
{
    struct fixture *f = *state;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 3, 10);
    fill(f, new_list(f, 2, FCT_INDEX_STREAM), 4, 10);
    write_and_open(f);
    struct fct_run_info info = info_of(1);
    assert_memory_equal(f->run->info.store_id.bytes, info.store_id.bytes, 16);
    assert_int_equal(f->run->info.seed, 5);
    assert_int_equal(f->run->info.number, 1);
    assert_int_equal(f->run->info.from, 8);
    assert_int_equal(f->run->info.end.position, UINT64_C(1) << 40);
    assert_int_equal(f->run->info.end.batch_number, 3);
    assert_int_equal(f->run->info.end.chain, 4);
    assert_int_equal(f->run->info.level, 2);
    assert_int_equal(f->run->info.block_count, 1);
    assert_int_equal(f->run->info.key_count, 2);
    assert_int_equal(f->run->info.posting_count, 7);
    assert_int_equal(f->run->info.file_size, 3 * 4096 + 160);
    assert_string_equal(f->run->path, "/index/0000000000000001.run");
}

TEST(one_key_with_one_posting)
{
    struct fixture *f = *state;
    fill(f, new_list(f, 0, FCT_INDEX_STREAM), 1, 1);
    f->lists[0].positions[0] = 0;
    write_and_open(f);
    assert_all(f);
}

TEST(the_greatest_keys_and_positions_are_held)
{
    struct fixture *f = *state;
    struct list *list = new_list(f, UINT64_MAX, FCT_INDEX_KEY);
    list->key.hash.low = UINT64_MAX;
    list->count = 3;
    list->positions[1] = 4;
    list->positions[2] = UINT64_MAX - 3;
    write_and_open(f);
    assert_all(f);
}

TEST(a_list_may_span_many_blocks)
{
    struct fixture *f = *state;
    static const size_t counts[] = {4000, 4001, 4030, 4040, 4096, 20000, LIST_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        fill(f, new_list(f, i + 1, FCT_INDEX_TYPE), counts[i], 30);
    }
    write_and_open(f);
    assert_true(f->run->info.block_count > 15);
    assert_all(f);
}

/* Each length that an entry may have when the block ends, with deltas of every size. */
TEST(lists_of_any_size_meet_the_ends_of_blocks)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 300; i++) {
        uint64_t step = UINT64_C(1) << (i * 7 % 40);
        fill(f, new_list(f, i + 1, (enum fct_index_kind)(1 + i / 60)), 1 + i * i % 257, step);
    }
    write_and_open(f);
    assert_all(f);
}

TEST(many_keys_of_one_posting_fill_blocks_to_the_brim)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < KEYS_MAX; i++) {
        fill(f, new_list(f, i, FCT_INDEX_KEY), 1, 10);
        uint64_t *cut =
            fct_mem_resize(fct_mem_heap(), f->lists[i].positions, sizeof *f->lists[i].positions);
        assert_non_null(cut);
        f->lists[i].positions = cut;
    }
    write_and_open(f);
    assert_all(f);
    /* 22 bytes and an offset of 2 a key: above 150 keys in 4096 bytes. */
    assert_true(f->run->info.block_count <= KEYS_MAX / 150 + 1);
}

TEST(any_lists_are_found_as_they_were_written)
{
    struct fixture *f = *state;
    const uint64_t seed = 31337;
    print_message("# seed %llu\n", (unsigned long long)seed);
    f->random.state = seed;
    for (int round = 0; round < 12; round++) {
        size_t keys = 1 + (size_t)fct_random_below(&f->random, 200);
        for (size_t i = 0; i < keys; i++) {
            uint64_t count_max = fct_random_below(&f->random, 10) == 0 ? 6000 : 20;
            uint64_t step_max = UINT64_C(1) << fct_random_below(&f->random, 30);
            fill(f, new_list(f, i, (enum fct_index_kind)(1 + i * 6 / keys)),
                 1 + (size_t)fct_random_below(&f->random, count_max), step_max);
        }
        write_and_open(f);
        assert_all(f);
        close_run(f);
        for (size_t i = 0; i < f->list_count; i++) {
            fct_mem_free(fct_mem_heap(), f->lists[i].positions);
        }
        f->list_count = 0;
    }
}

TEST(what_was_not_written_is_not_found)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 500; i++) {
        fill(f, new_list(f, i * 2 + 1, FCT_INDEX_STREAM), 5, 10);
    }
    write_and_open(f);
    for (uint64_t number = 0; number <= 1000; number += 2) {
        struct fct_index_key key = {.hash = {.high = number, .low = 7}, .kind = FCT_INDEX_STREAM};
        struct fct_run_entry entry;
        assert_status(fct_run_find_ordinal(f->run, &key, UINT64_MAX, &entry), FACTUM_DONE);
        assert_status(fct_run_find_position(f->run, &key, UINT64_MAX, &entry), FACTUM_DONE);
        key.hash = (struct fct_hash128){.high = number + 1, .low = (number + 1) * 31};
        key.kind = FCT_INDEX_TAG;
        assert_status(fct_run_find_ordinal(f->run, &key, UINT64_MAX, &entry), FACTUM_DONE);
    }
}

TEST(a_walk_can_begin_at_any_kind)
{
    struct fixture *f = *state;
    static const enum fct_index_kind kinds[] = {FCT_INDEX_CATEGORY, FCT_INDEX_TYPE, FCT_INDEX_KEY};
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < 400; i++) {
            fill(f, new_list(f, i, kinds[kind]), 1 + i % 9, 100);
        }
    }
    write_and_open(f);
    for (int kind = FCT_INDEX_STREAM; kind <= FCT_INDEX_KEY; kind++) {
        struct fct_run_walk walk;
        struct fct_run_entry entry;
        size_t first = 0;
        assert_ok(fct_run_walk_kind(&walk, f->run, (enum fct_index_kind)kind), f->err);
        while (first < f->list_count && (int)f->lists[first].key.kind < kind) {
            first++;
        }
        assert_true(first < f->list_count);
        assert_status(fct_run_walk_next(&walk, &entry), FACTUM_OK);
        assert_entry(&f->lists[first], &entry);
    }
}

/* ---- damage ---------------------------------------------------------------------------------- */

static uint8_t *bytes_of(struct fixture *f, uint64_t *size)
{
    return fct_sim_disk_bytes(f->disk, "/index/0000000000000001.run", size);
}

TEST(a_file_of_any_other_size_is_refused)
{
    struct fixture *f = *state;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 3000, 10);
    assert_ok(try_write(f, 1), f->err);
    uint64_t size;
    (void)bytes_of(f, &size);
    uint64_t step = 1;
    for (uint64_t other = 0; other < size + 200; other += step) {
        struct fct_file *file;
        bool inside = other > 300 && other + 20 < size;
        step = inside ? 7 : 1;
        assert_ok(try_write(f, 1), f->err);
        assert_ok(fct_file_open(&f->fault.os, "/index/0000000000000001.run", FCT_OPEN_WRITE, &file,
                                &f->err),
                  f->err);
        assert_ok(fct_file_truncate(file, other, &f->err), f->err);
        assert_ok(fct_file_close(&file, &f->err), f->err);
        if (other != size) {
            assert_status(try_open(f, 1), FACTUM_CORRUPT);
            assert_string_equal(f->err.text,
                                other < 4096 + 160
                                    ? "index run /index/0000000000000001.run is too short"
                                    : "index run /index/0000000000000001.run is damaged");
        }
    }
}

TEST(a_run_under_the_name_of_another_is_refused)
{
    struct fixture *f = *state;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 3, 10);
    assert_ok(try_write(f, 1), f->err);
    assert_ok(fct_os_rename(&f->fault.os, "/index/0000000000000001.run",
                            "/index/0000000000000002.run", &f->err),
              f->err);
    assert_status(try_open(f, 2), FACTUM_CORRUPT);
    assert_string_equal(f->err.text, "index run /index/0000000000000002.run is damaged");
    assert_status(try_open(f, 1), FACTUM_NOT_FOUND);
    assert_string_equal(f->err.text, "open /index/0000000000000001.run: no such file");
}

TEST(a_damaged_block_is_found_when_it_is_used_and_others_are_served)
{
    struct fixture *f = *state;
    struct fct_run_entry entry;
    uint64_t size;
    for (size_t i = 0; i < 1000; i++) {
        fill(f, new_list(f, i, FCT_INDEX_STREAM), 1, 10);
    }
    write_and_open(f);
    bytes_of(f, &size)[4096 + 700] ^= 0x10;
    assert_status(fct_run_find_ordinal(f->run, &f->lists[0].key, 0, &entry), FACTUM_OK);
    assert_false(atomic_load(&f->run->bad));
    size_t found = 0;
    for (size_t i = 0; i < 1000; i++) {
        factum_status status = fct_run_find_ordinal(f->run, &f->lists[i].key, 0, &entry);
        assert_true(status == FACTUM_OK || status == FACTUM_CORRUPT);
        found += status == FACTUM_OK;
    }
    assert_in_range(found, 700, 900);
    assert_true(atomic_load(&f->run->bad));
    struct fct_run_walk walk = {.run = f->run};
    factum_status status;
    while ((status = fct_run_walk_next(&walk, &entry)) == FACTUM_OK) {
    }
    assert_status(status, FACTUM_CORRUPT);
}

TEST(a_block_in_the_place_of_another_is_found)
{
    struct fixture *f = *state;
    struct fct_run_entry entry;
    uint8_t block[FCT_RUN_PAGE_SIZE];
    uint64_t size;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), LIST_MAX, 10);
    write_and_open(f);
    uint8_t *bytes = bytes_of(f, &size);
    memcpy(block, bytes, sizeof block);
    memcpy(bytes, bytes + 4096, sizeof block);
    memcpy(bytes + 4096, block, sizeof block);
    assert_status(fct_run_entry_at(f->run, 0, 0, &entry), FACTUM_CORRUPT);
    assert_status(fct_run_entry_at(f->run, 1, 0, &entry), FACTUM_CORRUPT);
    assert_status(fct_run_entry_at(f->run, 2, 0, &entry), FACTUM_OK);
}

TEST(the_block_of_another_run_is_found)
{
    struct fixture *f = *state;
    struct fct_run_entry entry;
    uint64_t size;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 5000, 10);
    assert_ok(try_write(f, 2), f->err);
    write_and_open(f);
    const uint8_t *other = fct_sim_disk_bytes(f->disk, "/index/0000000000000002.run", &size);
    memcpy(bytes_of(f, &size), other, FCT_RUN_PAGE_SIZE);
    assert_status(fct_run_entry_at(f->run, 0, 0, &entry), FACTUM_CORRUPT);
}

TEST(a_damaged_page_of_the_filter_is_found_when_it_is_used)
{
    struct fixture *f = *state;
    uint64_t size;
    for (size_t i = 0; i < KEYS_MAX; i++) { /* two pages of filter */
        f->lists[i].key = (struct fct_index_key){.hash = {i, i * UINT64_C(0x9e3779b97f4a7c15)},
                                                 .kind = FCT_INDEX_STREAM};
        f->lists[i].positions = fct_mem_zalloc(fct_mem_heap(), 1, sizeof(uint64_t));
        f->lists[i].count = 1;
    }
    f->list_count = KEYS_MAX;
    write_and_open(f);
    assert_int_equal(f->run->info.filter_size, 8192);
    bytes_of(f, &size)[size - FCT_RUN_FOOTER_SIZE - 4096 + 700] ^= 0x10;
    size_t found = 0;
    for (size_t i = 0; i < KEYS_MAX; i++) {
        factum_status status = fct_run_probe(f->run, &f->lists[i].key);
        assert_true(status == FACTUM_OK || status == FACTUM_CORRUPT);
        found += status == FACTUM_OK;
    }
    assert_in_range(found, 1000, 2000);
    assert_true(atomic_load(&f->run->bad));
    assert_status(fct_run_verify(f->run), FACTUM_CORRUPT);
}

TEST(a_damaged_page_of_the_block_index_is_found_when_it_is_used)
{
    struct fixture *f = *state;
    struct fct_run_entry entry;
    uint64_t size;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), LIST_MAX, 10);
    write_and_open(f);
    assert_true(f->run->info.block_count > 4);
    bytes_of(f, &size)[f->run->info.block_count * 4096 + 40] ^= 1;
    assert_status(fct_run_find_ordinal(f->run, &f->lists[0].key, 0, &entry), FACTUM_CORRUPT);
    assert_true(atomic_load(&f->run->bad));
    struct fct_run_walk walk;
    assert_status(fct_run_walk_kind(&walk, f->run, FCT_INDEX_TAG), FACTUM_CORRUPT);
}

/* One entry less than its first page holds, exactly as many, and one more. */
TEST(the_block_index_takes_as_many_pages_as_it_needs)
{
    struct fixture *f = *state;
    uint64_t blocks = 0;
    unsigned seen = 0;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), LIST_MAX, 2000000);
    fill(f, new_list(f, 2, FCT_INDEX_STREAM), LIST_MAX, 2000000);
    for (uint64_t number = 3; blocks < 129; number++) {
        close_run(f);
        fill(f, new_list(f, number, FCT_INDEX_STREAM), 1300, 2000000);
        write_and_open(f);
        blocks = f->run->info.block_count;
        assert_int_equal(f->run->page_count, blocks + (blocks + 126) / 127 + 1);
        assert_status(fct_run_verify(f->run), FACTUM_OK);
        seen += blocks >= 126 && blocks <= 128;
    }
    assert_int_equal(seen, 3);
    assert_all(f);
}

TEST(verify_finds_postings_beside_the_range_of_the_run)
{
    struct fixture *f = *state;
    struct list *list = new_list(f, 1, FCT_INDEX_STREAM);
    list->count = 2;
    list->positions[0] = 8;
    list->positions[1] = (UINT64_C(1) << 40) - 4;
    write_and_open(f);
    assert_status(fct_run_verify(f->run), FACTUM_OK);
    for (int i = 0; i < 2; i++) {
        close_run(f);
        list->positions[0] = i == 0 ? 4 : 8;
        list->positions[1] = i == 0 ? 16 : UINT64_C(1) << 40;
        write_and_open(f);
        assert_status(fct_run_verify(f->run), FACTUM_CORRUPT);
    }
}

TEST(a_run_of_an_earlier_format_is_not_read)
{
    struct fixture *f = *state;
    uint64_t size;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 3, 10);
    assert_ok(try_write(f, 1), f->err);
    uint8_t *footer = bytes_of(f, &size) + size - FCT_RUN_FOOTER_SIZE;
    fct_put_u32(footer + 8, FCT_RUN_FORMAT - 1);
    fct_put_u32(footer + 156, fct_crc32c(0, footer, 156));
    assert_status(try_open(f, 1), FACTUM_CORRUPT);
}

TEST(a_zeroed_block_is_found)
{
    struct fixture *f = *state;
    struct fct_run_entry entry;
    uint64_t size;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 5000, 10);
    write_and_open(f);
    memset(bytes_of(f, &size), 0, FCT_RUN_PAGE_SIZE);
    assert_status(fct_run_find_ordinal(f->run, &f->lists[0].key, 0, &entry), FACTUM_CORRUPT);
}

/* ---- hostile: the checksums hold, but not what they are over --------------------------------- */

/* The checksum of page 0 of run 1, as the format gives it. */
static void seal_block(uint8_t *block)
{
    uint64_t mixed = (UINT64_C(1) << 20) * UINT64_C(0x9e3779b97f4a7c15);
    fct_put_u32(block + 4092, fct_crc32c((uint32_t)(mixed >> 32), block, 4092));
}

TEST(a_count_that_the_bytes_cannot_hold_is_damage)
{
    struct fixture *f = *state;
    struct fct_run_entry entry;
    uint64_t size;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 3, 10);
    write_and_open(f);
    uint8_t *block = bytes_of(f, &size);
    uint8_t before[FCT_RUN_PAGE_SIZE];
    memcpy(before, block, sizeof before);
    seal_block(block);
    assert_memory_equal(block, before, sizeof before); /* the formula is the writer's */
    memset(block + 17, 0xff, 9);
    block[26] = 1; /* 2^64 - 1 postings */
    block[27] = 0;
    block[28] = 0;
    seal_block(block);
    assert_status(fct_run_find_ordinal(f->run, &f->lists[0].key, 0, &entry), FACTUM_CORRUPT);
    assert_true(atomic_load(&f->run->bad));
}

TEST(offsets_that_lead_outside_are_damage)
{
    struct fixture *f = *state;
    static const uint16_t offsets[] = {4088, 4090, 4096, UINT16_MAX, 4087};
    struct fct_run_entry entry;
    uint64_t size;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 3, 10);
    assert_ok(try_write(f, 1), f->err);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        uint8_t *block = bytes_of(f, &size);
        fct_put_u16(block + 4088, offsets[i]);
        seal_block(block);
        assert_ok(try_open(f, 1), f->err);
        assert_status(fct_run_find_ordinal(f->run, &f->lists[0].key, 0, &entry), FACTUM_CORRUPT);
        close_run(f);
    }
}

TEST(a_count_of_entries_that_does_not_fit_is_damage)
{
    struct fixture *f = *state;
    static const uint16_t counts[] = {0, 2046, UINT16_MAX, 2045};
    struct fct_run_entry entry;
    uint64_t size;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 3, 10);
    assert_ok(try_write(f, 1), f->err);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint8_t *block = bytes_of(f, &size);
        fct_put_u16(block + 4090, counts[i]);
        seal_block(block);
        assert_ok(try_open(f, 1), f->err);
        assert_status(fct_run_find_ordinal(f->run, &f->lists[0].key, 0, &entry), FACTUM_CORRUPT);
        close_run(f);
    }
}

TEST(sizes_in_a_footer_that_do_not_add_up_are_damage)
{
    struct fixture *f = *state;
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      127,
                                      4095,
                                      4097,
                                      8192,
                                      UINT32_MAX,
                                      UINT64_MAX,
                                      UINT64_C(1) << 63,
                                      4096,
                                      UINT64_MAX / 4096,
                                      UINT64_MAX / 4096 + 1,
                                      UINT64_MAX - 4095};
    uint64_t size;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 3, 10);
    assert_ok(try_write(f, 1), f->err);
    for (size_t field = 80; field <= 104; field += 24) { /* blocks, filter size */
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            uint8_t *footer = bytes_of(f, &size) + size - FCT_RUN_FOOTER_SIZE;
            uint64_t before = fct_get_u64(footer + field);
            if (values[i] == before) {
                continue;
            }
            fct_put_u64(footer + field, values[i]);
            fct_put_u32(footer + 156, fct_crc32c(0, footer, 156));
            assert_status(try_open(f, 1), FACTUM_CORRUPT);
            footer = bytes_of(f, &size) + size - FCT_RUN_FOOTER_SIZE;
            fct_put_u64(footer + field, before);
            fct_put_u32(footer + 156, fct_crc32c(0, footer, 156));
        }
    }
    assert_ok(try_open(f, 1), f->err);
}

/* Fields of a footer that fit to each other and to the size of the file, but not to a run. */
TEST(a_footer_with_impossible_pages_is_damage)
{
    struct fixture *f = *state;
    static const uint64_t footers[][4] = {
        /* blocks, keys, postings, size of the filter; the file has 3 pages */
        {2, 1, 3, 0},
        {3, 1, 3, 0},
        {UINT64_MAX, 1, 3, 4096},
        {UINT64_C(1) << 52, 1, 3, UINT64_MAX - 4095},
        {UINT64_C(127) << 57, 0, 0, 3 * 4096}, /* with its index 2^64 pages */
        {1, 4, 3, 4096},
        {1, 1, 4097, 4096},
        {1, UINT64_MAX, UINT64_MAX, 4096},
    };
    uint64_t size;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 3, 10);
    assert_ok(try_write(f, 1), f->err);
    for (size_t i = 0; i < sizeof footers / sizeof footers[0]; i++) {
        uint8_t *footer = bytes_of(f, &size) + size - FCT_RUN_FOOTER_SIZE;
        for (size_t field = 0; field < 4; field++) {
            fct_put_u64(footer + 80 + 8 * field, footers[i][field]);
        }
        fct_put_u32(footer + 156, fct_crc32c(0, footer, 156));
        assert_status(try_open(f, 1), FACTUM_CORRUPT);
    }
    assert_ok(try_write(f, 1), f->err);
    uint8_t *footer = bytes_of(f, &size) + size - FCT_RUN_FOOTER_SIZE;
    fct_put_u32(footer + 12, FCT_RUN_LEVEL_MAX + 1);
    fct_put_u32(footer + 156, fct_crc32c(0, footer, 156));
    assert_status(try_open(f, 1), FACTUM_CORRUPT);
}

/* ---- lists as they are ----------------------------------------------------------------------- */

static void start_writer(struct fixture *f, uint64_t number, struct fct_run_writer **writer)
{
    struct fct_run_info info = info_of(number);
    assert_ok(fct_run_writer_create(writer, &f->fault.os, &f->mem.mem, "/index", &info,
                                    f->list_count, &f->err),
              f->err);
}

/* |count| postings of |list| from |at| on as an entry; |deltas| has room. */
static struct fct_run_entry piece_of(const struct list *list, size_t at, size_t count,
                                     uint8_t *deltas)
{
    struct fct_run_entry entry = {
        .key = list->key, .count = count, .first = list->positions[at], .deltas = deltas};
    for (size_t i = 1; i < count; i++) {
        deltas +=
            fct_varint_put(deltas, (list->positions[at + i] - list->positions[at + i - 1]) / 4);
    }
    entry.end = deltas;
    return entry;
}

/* All lists in pieces of any length make the blocks that they make posting by posting. */
TEST(pieces_of_lists_make_the_same_blocks)
{
    struct fixture *f = *state;
    static uint8_t deltas[LIST_MAX * FCT_VARINT_SIZE_MAX];
    static const size_t counts[] = {1, LIST_MAX, 2, 700, 30, 9000, 1, 1};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        fill(f, new_list(f, i + 1, FCT_INDEX_STREAM), counts[i], i % 2 == 0 ? 20 : 50000);
    }
    assert_ok(try_write(f, 1), f->err);
    for (uint64_t longest = 1; longest <= LIST_MAX; longest *= 10) {
        struct fct_run_writer *writer;
        start_writer(f, 2, &writer);
        for (size_t i = 0; i < f->list_count; i++) {
            const struct list *list = &f->lists[i];
            for (size_t at = 0; at < list->count;) {
                size_t count = 1 + (size_t)fct_random_below(&f->random, longest);
                count = count < list->count - at ? count : list->count - at;
                struct fct_run_entry piece = piece_of(list, at, count, deltas);
                assert_ok(fct_run_writer_add_entry(writer, &piece, &f->err), f->err);
                at += count;
            }
        }
        assert_ok(fct_run_writer_finish(writer, &f->err), f->err);
        fct_run_writer_destroy(writer);
        uint64_t size;
        uint64_t size_of_other;
        const uint8_t *bytes = bytes_of(f, &size);
        const uint8_t *other =
            fct_sim_disk_bytes(f->disk, "/index/0000000000000002.run", &size_of_other);
        assert_int_equal(size, size_of_other);
        for (uint64_t at = 0; at + FCT_RUN_PAGE_SIZE <= size; at += FCT_RUN_PAGE_SIZE) {
            assert_memory_equal(bytes + at, other + at, FCT_RUN_PAGE_ROOM);
        }
    }
}

TEST(positions_that_do_not_rise_are_refused)
{
    struct fixture *f = *state;
    static const uint8_t same[] = {1, 0, 1};
    static const uint8_t around[] = {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    static const uint8_t cut[] = {1, 0x80};
    const struct fct_index_key key = {.hash = {7, 7}, .kind = FCT_INDEX_STREAM};
    const struct fct_run_entry entries[] = {
        {.key = key, .count = 1, .first = 100, .deltas = same, .end = same},
        {.key = key, .count = 1, .first = 96, .deltas = same, .end = same},
        {.key = key, .count = 4, .first = 104, .deltas = same, .end = same + sizeof same},
        {.key = key, .count = 3, .first = 104, .deltas = around, .end = around + sizeof around},
        {.key = key, .count = 3, .first = 104, .deltas = cut, .end = cut + sizeof cut},
    };
    f->list_count = 1; /* keys to come */
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct fct_run_writer *writer;
        start_writer(f, 1, &writer);
        assert_ok(fct_run_writer_add_entry(writer, &entries[0], &f->err), f->err);
        assert_status(fct_run_writer_add_entry(writer, &entries[i], &f->err), FACTUM_CORRUPT);
        assert_string_equal(f->err.text, "write index run: positions do not rise");
        fct_run_writer_destroy(writer);
    }
    f->list_count = 0;
}

/* ---- failures -------------------------------------------------------------------------------- */

static factum_status note_name(void *data, const char *name)
{
    (void)name;
    ++*(size_t *)data;
    return FACTUM_OK;
}

static size_t files(struct fixture *f)
{
    size_t count = 0;
    assert_ok(fct_os_list_dir(fct_sim_disk_os(f->disk), "/index", note_name, &count, &f->err),
              f->err);
    return count;
}

TEST(a_write_without_memory_leaves_nothing_behind)
{
    struct fixture *f = *state;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), LIST_MAX, 10);
    factum_status status = FACTUM_NO_MEMORY;
    unsigned long at = 0;
    for (; status != FACTUM_OK; at++) {
        atomic_store(&f->mem.fail_at, atomic_load(&f->mem.calls) + at);
        status = try_write(f, 1);
        if (status != FACTUM_OK) {
            assert_status(status, FACTUM_NO_MEMORY);
            assert_string_equal(f->err.text, "write index run: out of memory");
            assert_int_equal(files(f), 0);
        }
        assert_int_equal(atomic_load(&f->mem.held), 0);
    }
    assert_in_range(at, 4, 40);
}

TEST(a_write_that_fails_leaves_nothing_behind)
{
    struct fixture *f = *state;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), LIST_MAX, 10);
    f->fault.kind = FCT_FAULT_EIO;
    factum_status status = FACTUM_IO;
    for (uint64_t at = 0; status != FACTUM_OK; at++) {
        f->fault.at = f->fault.calls + at;
        status = try_write(f, 1);
        if (status != FACTUM_OK) {
            assert_status(status, FACTUM_IO);
            assert_text(f->err, ": Input/output error");
            assert_int_equal(files(f), 0);
        }
        assert_true(at < 30);
    }
    f->fault.at = UINT64_MAX;
    assert_ok(try_open(f, 1), f->err);
    assert_all(f);
}

TEST(short_writes_make_the_same_run)
{
    struct fixture *f = *state;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), LIST_MAX, 10);
    f->fault.kind = FCT_FAULT_SHORT;
    f->fault.sticky = true;
    f->fault.at = 0;
    write_and_open(f);
    assert_true(f->fault.failed > 0);
    assert_all(f);
}

TEST(opening_without_memory_or_disk_fails)
{
    struct fixture *f = *state;
    fill(f, new_list(f, 1, FCT_INDEX_STREAM), 10, 10);
    assert_ok(try_write(f, 1), f->err);
    for (unsigned long at = 0; at < 2; at++) {
        atomic_store(&f->mem.fail_at, atomic_load(&f->mem.calls) + at);
        assert_status(try_open(f, 1), FACTUM_NO_MEMORY);
        assert_string_equal(f->err.text, "open index run: out of memory");
        assert_null(f->run);
        assert_int_equal(atomic_load(&f->mem.held), 0);
    }
    atomic_store(&f->mem.fail_at, ULONG_MAX);
    f->fault.kind = FCT_FAULT_EIO;
    for (uint64_t at = 0; at < 3; at++) { /* open, stat, map */
        f->fault.at = f->fault.calls + at;
        assert_status(try_open(f, 1), FACTUM_IO);
        assert_null(f->run);
        assert_int_equal(atomic_load(&f->mem.held), 0);
    }
}

TEST(an_obsolete_run_takes_its_file_along)
{
    struct fixture *f = *state;
    write_and_open(f);
    reopen(f);
    assert_int_equal(files(f), 1);
    f->run->obsolete = true;
    close_run(f);
    assert_int_equal(files(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_name_gives_its_number_back),
        CASE(other_names_are_no_runs),
        FIXTURE_CASE(a_run_without_postings_can_be_written_and_read),
        FIXTURE_CASE(the_footer_describes_the_run),
        FIXTURE_CASE(one_key_with_one_posting),
        FIXTURE_CASE(the_greatest_keys_and_positions_are_held),
        FIXTURE_CASE(a_list_may_span_many_blocks),
        FIXTURE_CASE(lists_of_any_size_meet_the_ends_of_blocks),
        FIXTURE_CASE(many_keys_of_one_posting_fill_blocks_to_the_brim),
        FIXTURE_CASE(any_lists_are_found_as_they_were_written),
        FIXTURE_CASE(what_was_not_written_is_not_found),
        FIXTURE_CASE(a_walk_can_begin_at_any_kind),
        FIXTURE_CASE(a_file_of_any_other_size_is_refused),
        FIXTURE_CASE(a_run_under_the_name_of_another_is_refused),
        FIXTURE_CASE(a_damaged_block_is_found_when_it_is_used_and_others_are_served),
        FIXTURE_CASE(a_block_in_the_place_of_another_is_found),
        FIXTURE_CASE(the_block_of_another_run_is_found),
        FIXTURE_CASE(a_damaged_page_of_the_filter_is_found_when_it_is_used),
        FIXTURE_CASE(a_damaged_page_of_the_block_index_is_found_when_it_is_used),
        FIXTURE_CASE(the_block_index_takes_as_many_pages_as_it_needs),
        FIXTURE_CASE(verify_finds_postings_beside_the_range_of_the_run),
        FIXTURE_CASE(a_run_of_an_earlier_format_is_not_read),
        FIXTURE_CASE(a_zeroed_block_is_found),
        FIXTURE_CASE(a_count_that_the_bytes_cannot_hold_is_damage),
        FIXTURE_CASE(offsets_that_lead_outside_are_damage),
        FIXTURE_CASE(a_count_of_entries_that_does_not_fit_is_damage),
        FIXTURE_CASE(sizes_in_a_footer_that_do_not_add_up_are_damage),
        FIXTURE_CASE(a_footer_with_impossible_pages_is_damage),
        FIXTURE_CASE(pieces_of_lists_make_the_same_blocks),
        FIXTURE_CASE(positions_that_do_not_rise_are_refused),
        FIXTURE_CASE(a_write_without_memory_leaves_nothing_behind),
        FIXTURE_CASE(a_write_that_fails_leaves_nothing_behind),
        FIXTURE_CASE(short_writes_make_the_same_run),
        FIXTURE_CASE(opening_without_memory_or_disk_fails),
        FIXTURE_CASE(an_obsolete_run_takes_its_file_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
