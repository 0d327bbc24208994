/* manifest_test.c - the list of live runs on disk. Layer: index. */
#include "index/manifest.h"

#include <limits.h>
#include <stdlib.h>

#include "codec/bytes.h"
#include "core/crc32c.h"
#include "sim/sim_disk.h"
#include "support/fault.h"
#include "support/mem_fault.h"
#include "support/test.h"

struct fixture {
    struct fct_sim_disk *disk;
    const struct fct_os *os;
    struct fct_mem_fault mem;
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->disk = fct_sim_disk_create(1, false);
    f->os = fct_sim_disk_os(f->disk);
    fct_mem_fault_init(&f->mem);
    assert_ok(fct_os_make_dir(f->os, "/index", &f->err), f->err);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(atomic_load(&f->mem.held), 0);
    fct_sim_disk_destroy(f->disk);
    test_free(f);
    return 0;
}

static struct fct_manifest sample(struct fct_manifest_run *runs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        runs[i] = (struct fct_manifest_run){.number = FCT_RUN_NUMBER_MAX - 1 - i,
                                            .from = i * 100,
                                            .to = i * 100 + 100,
                                            .level = i % 7};
    }
    struct fct_manifest manifest = {
        .seed = UINT64_MAX,
        .next_number = FCT_RUN_NUMBER_MAX,
        .generation = 19,
        .covered = {.position = UINT64_MAX - 2, .batch_number = 21, .chain = UINT64_MAX - 1},
        .run_count = count,
        .runs = runs,
    };
    memset(manifest.store_id.bytes, 0xab, 16);
    return manifest;
}

static void write(struct fixture *f, const struct fct_manifest *manifest)
{
    assert_ok(fct_manifest_write(manifest, f->os, &f->mem.mem, "/index", &f->err), f->err);
}

static factum_status read(struct fixture *f, struct fct_manifest *manifest)
{
    return fct_manifest_read(manifest, f->os, &f->mem.mem, "/index", &f->err);
}

TEST(what_is_written_is_read_with_any_number_of_runs)
{
    struct fixture *f = *state;
    static struct fct_manifest_run runs[FCT_MANIFEST_RUNS_MAX];
    static const uint32_t counts[] = {0, 1, 2, FCT_MANIFEST_RUNS_MAX - 1, FCT_MANIFEST_RUNS_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct fct_manifest written = sample(runs, counts[i]);
        struct fct_manifest got;
        write(f, &written);
        assert_ok(read(f, &got), f->err);
        assert_int_equal(got.run_count, counts[i]);
        assert_true(got.seed == written.seed && got.next_number == FCT_RUN_NUMBER_MAX &&
                    got.generation == 19);
        assert_int_equal(got.covered.position, UINT64_MAX - 2);
        assert_int_equal(got.covered.batch_number, 21);
        assert_true(got.covered.chain == UINT64_MAX - 1);
        assert_memory_equal(got.store_id.bytes, written.store_id.bytes, 16);
        for (uint32_t j = 0; j < counts[i]; j++) {
            assert_true(got.runs[j].number == runs[j].number && got.runs[j].from == runs[j].from &&
                        got.runs[j].to == runs[j].to && got.runs[j].level == runs[j].level);
        }
        fct_manifest_finish(&got, &f->mem.mem);
        fct_manifest_finish(&got, &f->mem.mem);
    }
}

TEST(the_bytes_are_as_the_header_defines)
{
    struct fixture *f = *state;
    struct fct_manifest_run runs[2];
    struct fct_manifest manifest = sample(runs, 2);
    uint64_t size;
    write(f, &manifest);
    const uint8_t *bytes = fct_sim_disk_bytes(f->disk, "/index/MANIFEST", &size);
    assert_int_equal(size, 80 + 2 * 32 + 4);
    assert_memory_equal(bytes, "FACTUMIX", 8);
    assert_int_equal(fct_get_u32(bytes + 8), 1);
    assert_int_equal(fct_get_u32(bytes + 12), 2);
    assert_memory_equal(bytes + 16, manifest.store_id.bytes, 16);
    assert_true(fct_get_u64(bytes + 32) == UINT64_MAX);
    assert_int_equal(fct_get_u64(bytes + 40), FCT_RUN_NUMBER_MAX);
    assert_int_equal(fct_get_u64(bytes + 48), 19);
    assert_int_equal(fct_get_u64(bytes + 56), UINT64_MAX - 2);
    assert_int_equal(fct_get_u64(bytes + 64), 21);
    assert_true(fct_get_u64(bytes + 72) == UINT64_MAX - 1);
    assert_true(fct_get_u64(bytes + 112) == FCT_RUN_NUMBER_MAX - 2);
    assert_int_equal(fct_get_u64(bytes + 120), 100);
    assert_int_equal(fct_get_u64(bytes + 128), 200);
    assert_int_equal(fct_get_u32(bytes + 136), 1);
    assert_int_equal(fct_get_u32(bytes + 140), 0);
    assert_int_equal(fct_get_u32(bytes + 144), fct_crc32c(0, bytes, 144));
}

TEST(a_missing_file_is_not_found)
{
    struct fixture *f = *state;
    struct fct_manifest got;
    assert_status(read(f, &got), FACTUM_NOT_FOUND);
    assert_text(f->err, "open /index/MANIFEST: no such file");
    assert_null(got.runs);
}

TEST(every_flipped_bit_is_found)
{
    struct fixture *f = *state;
    struct fct_manifest_run runs[3];
    struct fct_manifest manifest = sample(runs, 3);
    struct fct_manifest got;
    uint64_t size;
    write(f, &manifest);
    uint8_t *bytes = fct_sim_disk_bytes(f->disk, "/index/MANIFEST", &size);
    for (uint64_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
        assert_status(read(f, &got), FACTUM_NOT_FOUND);
        assert_string_equal(f->err.text, "the index manifest is damaged");
        assert_null(got.runs);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    }
    assert_ok(read(f, &got), f->err);
    fct_manifest_finish(&got, &f->mem.mem);
}

static void resize(struct fixture *f, uint64_t size)
{
    struct fct_file *file;
    assert_ok(fct_file_open(f->os, "/index/MANIFEST", FCT_OPEN_WRITE, &file, &f->err), f->err);
    assert_ok(fct_file_truncate(file, size, &f->err), f->err);
    assert_ok(fct_file_close(&file, &f->err), f->err);
}

TEST(every_other_size_is_found)
{
    struct fixture *f = *state;
    struct fct_manifest_run runs[3];
    struct fct_manifest manifest = sample(runs, 3);
    struct fct_manifest got;
    const uint64_t size = 80 + 3 * 32 + 4;
    for (uint64_t other = 0; other < size + 100; other++) {
        write(f, &manifest);
        resize(f, other);
        assert_status(read(f, &got), other == size ? FACTUM_OK : FACTUM_NOT_FOUND);
        assert_true(other == size ||
                    strcmp(f->err.text, other < 84 ? "the index manifest has an "
                                                     "impossible size"
                                                   : "the index manifest is damaged") == 0);
        fct_manifest_finish(&got, &f->mem.mem);
    }
    resize(f, 80 + 4 + (uint64_t)32 * FCT_MANIFEST_RUNS_MAX + 1);
    assert_status(read(f, &got), FACTUM_NOT_FOUND);
    assert_string_equal(f->err.text, "the index manifest has an impossible size");
}

/* A forged file: its checksum is good. */
TEST(a_count_that_does_not_fit_the_size_is_found)
{
    struct fixture *f = *state;
    static const uint32_t counts[] = {0, 2, 4, 4096, 4097, UINT32_MAX, UINT32_C(1) << 27};
    struct fct_manifest_run runs[3];
    struct fct_manifest manifest = sample(runs, 3);
    struct fct_manifest got;
    uint64_t size;
    write(f, &manifest);
    uint8_t *bytes = fct_sim_disk_bytes(f->disk, "/index/MANIFEST", &size);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        fct_put_u32(bytes + 12, counts[i]);
        fct_put_u32(bytes + size - 4, fct_crc32c(0, bytes, size - 4));
        assert_status(read(f, &got), FACTUM_NOT_FOUND);
        assert_null(got.runs);
    }
}

/* As above. A number that is out of range would be used twice, or name no run. */
TEST(a_number_that_no_run_can_have_is_found)
{
    struct fixture *f = *state;
    const struct {
        size_t offset;
        uint64_t number;
    } wrong[] = {
        {80 + 32, 0},
        {80 + 32, FCT_RUN_NUMBER_MAX}, /* the next one */
        {40, FCT_RUN_NUMBER_MAX + 1},
        {40, 1},
        {40, 0},
    };
    struct fct_manifest_run runs[2];
    struct fct_manifest manifest = sample(runs, 2);
    struct fct_manifest got;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint64_t size;
        write(f, &manifest);
        uint8_t *bytes = fct_sim_disk_bytes(f->disk, "/index/MANIFEST", &size);
        fct_put_u64(bytes + wrong[i].offset, wrong[i].number);
        fct_put_u32(bytes + size - 4, fct_crc32c(0, bytes, size - 4));
        assert_status(read(f, &got), FACTUM_NOT_FOUND);
        assert_string_equal(f->err.text, "the index manifest is damaged");
        assert_null(got.runs);
    }
}

TEST(another_format_is_not_read)
{
    struct fixture *f = *state;
    struct fct_manifest manifest = sample(NULL, 0);
    struct fct_manifest got;
    uint64_t size;
    write(f, &manifest);
    uint8_t *bytes = fct_sim_disk_bytes(f->disk, "/index/MANIFEST", &size);
    fct_put_u32(bytes + 8, 2);
    fct_put_u32(bytes + size - 4, fct_crc32c(0, bytes, size - 4));
    assert_status(read(f, &got), FACTUM_NOT_FOUND);
}

TEST(without_memory_reading_and_writing_fail)
{
    struct fixture *f = *state;
    struct fct_manifest_run runs[3];
    struct fct_manifest manifest = sample(runs, 3);
    struct fct_manifest got;
    atomic_store(&f->mem.fail_at, 0);
    assert_status(fct_manifest_write(&manifest, f->os, &f->mem.mem, "/index", &f->err),
                  FACTUM_NO_MEMORY);
    assert_string_equal(f->err.text, "write the index manifest: out of memory");
    write(f, &manifest);
    for (unsigned long at = 0; at < 2; at++) {
        atomic_store(&f->mem.fail_at, atomic_load(&f->mem.calls) + at);
        assert_status(read(f, &got), FACTUM_NO_MEMORY);
        assert_string_equal(f->err.text, "open index: out of memory");
        assert_null(got.runs);
    }
}

/* At each call that fails: the old manifest or the new one, never a mixture. */
TEST(a_write_that_fails_leaves_the_old_or_the_new_one)
{
    struct fixture *f = *state;
    struct fct_manifest_run runs[3];
    struct fct_manifest old = sample(runs, 3);
    struct fct_manifest new = sample(runs, 2);
    struct fct_fault fault;
    factum_status status = FACTUM_IO;
    new.generation = 20;
    for (uint64_t at = 0; status != FACTUM_OK; at++) {
        struct fct_manifest got;
        write(f, &old);
        fct_fault_init(&fault, f->os);
        fault.kind = FCT_FAULT_EIO;
        fault.at = at;
        status = fct_manifest_write(&new, &fault.os, &f->mem.mem, "/index", &f->err);
        assert_true(status == FACTUM_OK || status == FACTUM_IO);
        assert_true(status == FACTUM_OK || strstr(f->err.text, ": Input/output error") != NULL);
        assert_ok(read(f, &got), f->err);
        assert_true(got.generation == 20 ? got.run_count == 2 : got.run_count == 3);
        assert_true(status != FACTUM_OK || got.generation == 20);
        fct_manifest_finish(&got, &f->mem.mem);
        assert_true(at < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(what_is_written_is_read_with_any_number_of_runs),
        FIXTURE_CASE(the_bytes_are_as_the_header_defines),
        FIXTURE_CASE(a_missing_file_is_not_found),
        FIXTURE_CASE(every_flipped_bit_is_found),
        FIXTURE_CASE(every_other_size_is_found),
        FIXTURE_CASE(a_count_that_does_not_fit_the_size_is_found),
        FIXTURE_CASE(a_number_that_no_run_can_have_is_found),
        FIXTURE_CASE(another_format_is_not_read),
        FIXTURE_CASE(without_memory_reading_and_writing_fail),
        FIXTURE_CASE(a_write_that_fails_leaves_the_old_or_the_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
