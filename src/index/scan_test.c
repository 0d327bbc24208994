/* scan_test.c - a scan gives every posting once and in order, and verify finds wrong contents of
 * a run under valid checksums. Layer: index. */
#include <limits.h>

#include "support/index_fixture.h"

#include "codec/bytes.h"
#include "core/error.h"
#include "index/scan.h"

struct seen {
    struct fixture *f;
    struct fct_index_key key;
    uint64_t ordinal; /* the one that comes next */
    uint64_t last;
    uint64_t births;
    uint64_t count;
    uint64_t fail_at; /* count */
};

static factum_status see(void *data, const struct fct_index_postings *postings, factum_error *err)
{
    struct seen *seen = data;
    int order = fct_index_key_compare(&seen->key, &postings->key);
    assert_true(order <= 0 && postings->count > 0);
    if (order != 0) {
        seen->key = postings->key;
        seen->ordinal = 0;
    }
    assert_int_equal(postings->ordinal, seen->ordinal);
    for (uint32_t i = 0; i < postings->count; i++) {
        assert_true(seen->ordinal == 0 || postings->positions[i] > seen->last);
        seen->last = postings->positions[i];
        seen->ordinal++;
        seen->count++;
        seen->births += postings->key.kind == FCT_INDEX_BIRTH;
        if (seen->count == seen->fail_at) {
            return fct_fail(err, FACTUM_NO_SPACE, "no more");
        }
    }
    return FACTUM_OK;
}

static factum_status scan(struct fixture *f, struct seen *seen)
{
    const struct fct_index_visitor visitor = {.data = seen, .postings = see};
    *seen = (struct seen){.f = f, .fail_at = seen->fail_at};
    return fct_index_scan(f->index, &visitor, &f->err);
}

static void add_batches(struct fixture *f, int batches)
{
    uint64_t from = model_end(&f->model);
    for (int i = 0; i < batches; i++) {
        model_batch(&f->model, 30);
    }
    assert_ok(model_replay(&f->model, f->index, from, &f->err), f->err);
}

TEST(a_scan_gives_every_posting_once_and_in_order)
{
    struct fixture *f = *state;
    struct seen seen = {.count = 0};
    open_index(f);
    assert_ok(scan(f, &seen), f->err);
    assert_int_equal(seen.count, 0);
    for (int runs = 0; runs < 7; runs++) {
        add_batches(f, 20);
        assert_ok(scan(f, &seen), f->err); /* runs, and what is in memory only */
        assert_int_equal(seen.count - seen.births, f->model.count);
        assert_ok(fct_index_flush(f->index, &f->err), f->err);
        assert_ok(scan(f, &seen), f->err);
        assert_int_equal(seen.count - seen.births, f->model.count);
        assert_ok(fct_index_verify(f->index, NULL, &f->err), f->err);
    }
}

TEST(a_scan_ends_with_the_failure_of_its_visitor)
{
    struct fixture *f = *state;
    struct seen seen = {.fail_at = 100};
    open_index(f);
    add_batches(f, 20);
    assert_ok(fct_index_flush(f->index, &f->err), f->err);
    add_batches(f, 20);
    assert_status(scan(f, &seen), FACTUM_NO_SPACE);
    assert_text(f->err, "no more");
    assert_int_equal(seen.count, 100);
}

TEST(a_scan_without_memory_fails_cleanly)
{
    struct fixture *f = *state;
    struct seen seen = {.count = 0};
    open_index(f);
    add_batches(f, 20);
    assert_ok(fct_index_flush(f->index, &f->err), f->err);
    add_batches(f, 20);
    long held = atomic_load(&f->mem.held);
    factum_status status = FACTUM_NO_MEMORY;
    for (unsigned long k = 0; status != FACTUM_OK; k++) {
        assert_true(k < 10);
        atomic_store(&f->mem.fail_at, atomic_load(&f->mem.calls) + k);
        status = scan(f, &seen);
        assert_true(status == FACTUM_OK || status == FACTUM_NO_MEMORY);
        atomic_store(&f->mem.fail_at, ULONG_MAX);
        assert_int_equal(atomic_load(&f->mem.held), held);
    }
}

static bool count_or_stop(void *data, uint64_t bytes)
{
    uint64_t *left = data;
    assert_true(bytes > 0);
    return --*left > 0;
}

TEST(verify_reports_each_run_and_can_be_stopped)
{
    struct fixture *f = *state;
    open_index(f);
    for (int i = 0; i < 3; i++) {
        add_batches(f, 5);
        assert_ok(fct_index_flush(f->index, &f->err), f->err);
    }
    for (uint64_t at = 1; at <= 3; at++) {
        uint64_t left = at;
        const struct fct_index_visitor visitor = {.data = &left, .progress = count_or_stop};
        assert_status(fct_index_verify(f->index, &visitor, &f->err), FACTUM_CANCELLED);
        assert_text(f->err, "verify was stopped");
    }
    uint64_t left = 4;
    const struct fct_index_visitor visitor = {.data = &left, .progress = count_or_stop};
    assert_ok(fct_index_verify(f->index, &visitor, &f->err), f->err);
    assert_int_equal(left, 1);
}

/* ---- runs that say something wrong under good checksums -------------------------------------- */

enum wrong { NOTHING, SAME_TWICE, KEY_OUT_OF_ORDER, NO_FILTER, BLOCK_INDEX, ORDINAL, KIND };

static void do_wrong(struct fct_run *run, uint8_t *bytes, enum wrong wrong)
{
    struct fct_run_entry entry;
    uint8_t *block = bytes;
    uint8_t *offsets = block + FCT_RUN_PAGE_SIZE - 6 - 2 * (size_t)fct_get_u16(block + 4090);
    uint8_t *filter = bytes + (run->page_count - 1) * FCT_RUN_PAGE_SIZE;
    struct fct_run_walk walk = {.run = run};
    switch (wrong) {
    case SAME_TWICE: /* a difference of 0 */
        do {
            assert_status(fct_run_walk_next(&walk, &entry), FACTUM_OK);
        } while (entry.count < 2 || entry.deltas[0] >= 0x80);
        bytes[entry.deltas - run->map] = 0;
        break;
    case KEY_OUT_OF_ORDER:
        bytes[fct_get_u16(offsets) + 8] ^= 0x80; /* the highest bit of its hash */
        break;
    case NO_FILTER:
        memset(filter, 0, FCT_RUN_PAGE_ROOM);
        break;
    case BLOCK_INDEX:
        bytes[run->info.block_count * FCT_RUN_PAGE_SIZE + 32 + 7] ^= 1;
        break;
    case ORDINAL:
        block[fct_get_u16(offsets) + 18] ^= 1; /* after kind, hash, and a count of one byte */
        break;
    case KIND:
        block[fct_get_u16(offsets)] = 0;
        break;
    case NOTHING:
        break;
    }
}

TEST(wrong_contents_of_a_run_are_found)
{
    struct fixture *f = *state;
    open_index(f);
    add_batches(f, 120);
    assert_ok(fct_index_flush(f->index, &f->err), f->err);
    close_index(f);
    struct fct_sim_disk *whole = f->disk;
    for (int wrong = NOTHING; wrong <= KIND; wrong++) {
        struct fct_run *run;
        uint64_t size;
        f->disk = fct_sim_disk_clone(whole);
        fct_fault_init(&f->fault, fct_sim_disk_os(f->disk));
        assert_ok(fct_run_open(&run, &f->fault.os, fct_mem_heap(), "/index", 1, &f->err), f->err);
        assert_true(run->info.block_count > 2);
        uint8_t *bytes = fct_sim_disk_bytes(f->disk, "/index/0000000000000001.run", &size);
        do_wrong(run, bytes, (enum wrong)wrong);
        for (uint64_t page = 0; page < run->page_count; page++) {
            uint8_t *at = bytes + page * FCT_RUN_PAGE_SIZE;
            fct_put_u32(at + FCT_RUN_PAGE_ROOM, fct_run_page_crc(1, page, at));
        }
        fct_run_release(run);
        open_index(f);
        if (wrong == NOTHING) {
            assert_ok(fct_index_verify(f->index, NULL, &f->err), f->err);
        } else {
            assert_status(fct_index_verify(f->index, NULL, &f->err), FACTUM_CORRUPT);
            assert_text(f->err, "0000000000000001.run is damaged");
        }
        close_index(f);
        fct_sim_disk_destroy(f->disk);
    }
    f->disk = whole;
    fct_fault_init(&f->fault, fct_sim_disk_os(f->disk));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_scan_gives_every_posting_once_and_in_order),
        FIXTURE_CASE(a_scan_ends_with_the_failure_of_its_visitor),
        FIXTURE_CASE(a_scan_without_memory_fails_cleanly),
        FIXTURE_CASE(verify_reports_each_run_and_can_be_stopped),
        FIXTURE_CASE(wrong_contents_of_a_run_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
