/* verify_test.c - verify finds each posting that the index has too many, too few, or in the wrong
 * place, although all checksums are right; and finds nothing in a sound store, also if names share
 * a hash.
 *
 * The index of a small store is one run. It is read, one posting of it is changed, and it is
 * written again.
 */
#include <stdlib.h>

#include "support/test.h"

#include "engine_local/local.h"
#include "index/run.h"
#include "sim/sim_disk.h"
#include "support/engine_calls.h"

enum { POSTINGS_MAX = 512, DIR_RUNS_MAX = 64 };

static uint64_t hash_masks[] = {0, 3, 1};

struct posting {
    struct fct_index_key key;
    uint64_t position;
};

struct fixture {
    struct fct_sim_disk *disk;
    uint64_t hash_mask;
    struct fct_engine engine;
    factum_error err;
    factum_verify_report report;
    /* The run. */
    struct fct_run_info info;
    struct posting postings[POSTINGS_MAX];
    size_t count;
};

static void open_store(struct fixture *f)
{
    const struct fct_local_options options = {
        .os = fct_sim_disk_os(f->disk),
        .mem = fct_mem_heap(),
        .path = "/store",
        .segment_size_first = 64 << 10,
        .hash_mask = f->hash_mask,
    };
    assert_ok(fct_engine_local_open(&f->engine, &options, &f->err), f->err);
}

static void close_store(struct fixture *f)
{
    assert_ok(fct_engine_close(&f->engine, &f->err), f->err);
}

static void append(struct fixture *f, const char *stream, const char *type, const char *tags[2],
                   const char *more)
{
    factum_slice names[2];
    factum_new_event event = {
        .stream = factum_slice_from(stream), .type = factum_slice_from(type), .tags = names};
    for (size_t i = 0; i < 2 && tags[i] != NULL; i++) {
        names[event.tag_count++] = factum_slice_from(tags[i]);
    }
    factum_expectation any = {event.stream, factum_any()};
    factum_append_request request = {.size = sizeof request,
                                     .events = &event,
                                     .event_count = 1,
                                     .expectations = &any,
                                     .expectation_count = 1};
    if (more[0] == '{') {
        event.metadata = factum_slice_from(more);
    } else {
        request.idempotency_key = factum_slice_from(more);
    }
    assert_ok(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err), f->err);
}

static void tombstone(struct fixture *f, const char *stream)
{
    assert_ok(fct_engine_remove(&f->engine, FACTUM_ACTION_TOMBSTONE, factum_slice_from(stream),
                                factum_any(), NULL, &f->err),
              f->err);
}

/* Streams with and without a category, of one event and of several, and one with a tombstone; tags
 * that are new together, new one after the other, and repeated; keys, correlation ids. */
static void fill(struct fixture *f)
{
    append(f, "a-1", "T", (const char *[2]){"x", "y"}, "{\"$correlationId\":\"c1\"}");
    append(f, "a-2", "T", (const char *[2]){"x", "z"}, "key 1");
    append(f, "a-1", "U", (const char *[2]){"z"}, "key 2");
    append(f, "b-1", "V", (const char *[2]){"w"}, "{\"$correlationId\":\"c1\"}");
    append(f, "alone", "T", (const char *[2]){NULL}, "{\"$correlationId\":\"c2\"}");
    append(f, "a-1", "T", (const char *[2]){"x", "y"}, "key 3");
    tombstone(f, "a-2");
    append(f, "b-1", "V", (const char *[2]){"w", "v"}, "key 4");
}

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->disk = fct_sim_disk_create(1, false);
    f->hash_mask = *(const uint64_t *)*state;
    open_store(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_sim_disk_destroy(f->disk);
    test_free(f);
    return 0;
}

static factum_status verify(struct fixture *f)
{
    f->err.text[0] = '\0';
    return engine_verify(&f->engine, &f->report, &f->err);
}

/* ---- the run --------------------------------------------------------------------------------- */

static uint64_t run_number(struct fixture *f)
{
    uint64_t number = 1;
    char path[64];
    uint64_t size;
    for (;; number++) {
        assert_true(number < DIR_RUNS_MAX);
        (void)snprintf(path, sizeof path, "/store/index/%016llx.run", (unsigned long long)number);
        if (fct_sim_disk_bytes(f->disk, path, &size) != NULL) {
            return number;
        }
    }
}

static void read_run(struct fixture *f)
{
    struct fct_run *run;
    assert_ok(fct_run_open(&run, fct_sim_disk_os(f->disk), fct_mem_heap(), "/store/index",
                           run_number(f), &f->err),
              f->err);
    struct fct_run_walk walk = {.run = run};
    struct fct_run_entry entry;
    f->info = run->info;
    f->count = 0;
    while (fct_run_walk_next(&walk, &entry) == FACTUM_OK) {
        const uint8_t *at = entry.deltas;
        uint64_t position = entry.first;
        for (uint64_t i = 0; i < entry.count; i++) {
            assert_true(f->count < POSTINGS_MAX - 1);
            f->postings[f->count++] = (struct posting){entry.key, position};
            at = i + 1 < entry.count ? fct_run_delta(at, entry.end, &position) : at;
        }
    }
    fct_run_release(run);
}

static int compare_postings(const void *a, const void *b)
{
    const struct posting *left = a;
    const struct posting *right = b;
    int order = fct_index_key_compare(&left->key, &right->key);
    return order != 0 ? order
                      : (left->position > right->position) - (left->position < right->position);
}

/* False, and nothing was written, if a list has a position twice. */
static bool write_run(struct fixture *f, struct fct_sim_disk *disk, struct posting *postings,
                      size_t count)
{
    struct fct_run_writer *writer;
    struct fct_run_info info = f->info;
    qsort(postings, count, sizeof *postings, compare_postings);
    for (size_t i = 1; i < count; i++) {
        if (compare_postings(&postings[i - 1], &postings[i]) == 0) {
            return false;
        }
    }
    info.block_count = 0;
    info.key_count = 0;
    info.posting_count = 0;
    assert_ok(fct_run_writer_create(&writer, fct_sim_disk_os(disk), fct_mem_heap(), "/store/index",
                                    &info, count, &f->err),
              f->err);
    for (size_t i = 0; i < count; i++) {
        assert_ok(fct_run_writer_add(writer, &postings[i].key, postings[i].position, &f->err),
                  f->err);
    }
    assert_ok(fct_run_writer_finish(writer, &f->err), f->err);
    fct_run_writer_destroy(writer);
    return true;
}

/* ---- damage ---------------------------------------------------------------------------------- */

enum damage {
    NONE,
    REMOVED,
    ADDED_OTHER_PLACE,
    OTHER_KEY,
    NEW_KEY,
    OTHER_PLACE,
    NO_RECORD,
    DAMAGES
};

/* Does one thing to posting |i|, with |j| as another one. */
static size_t do_damage(struct posting *postings, size_t count, enum damage damage, size_t i,
                        size_t j)
{
    switch (damage) {
    case REMOVED:
        postings[i] = postings[count - 1];
        return count - 1;
    case ADDED_OTHER_PLACE:
        postings[count] = (struct posting){postings[i].key, postings[j].position};
        return count + 1;
    case OTHER_KEY:
        postings[i].key = postings[j].key;
        return count;
    case NEW_KEY:
        postings[i].key.hash.high ^= 1;
        return count;
    case OTHER_PLACE:
        postings[i].position = postings[j].position;
        return count;
    case NO_RECORD:
        postings[i].position += 4;
        return count;
    case NONE:
    case DAMAGES:
        break;
    }
    return count;
}

/* Verifies the store with that damage; false if it cannot be done. */
static bool judge(struct fixture *f, struct fct_sim_disk *whole, enum damage damage, size_t i,
                  size_t j, factum_status *status)
{
    struct posting postings[POSTINGS_MAX];
    memcpy(postings, f->postings, sizeof postings);
    size_t count = do_damage(postings, f->count, damage, i, j);
    if (damage != NONE && count == f->count &&
        compare_postings(&postings[i], &f->postings[i]) == 0) {
        return false;
    }
    f->disk = fct_sim_disk_clone(whole);
    bool done = write_run(f, f->disk, postings, count);
    if (done) {
        open_store(f);
        *status = verify(f);
        close_store(f);
    }
    fct_sim_disk_destroy(f->disk);
    f->disk = whole;
    return done;
}

TEST(any_damage_to_any_posting_is_found)
{
    struct fixture *f = *state;
    unsigned judged = 0;
    fill(f);
    if (f->hash_mask == 0) { /* if names share a hash, its birth may be listed or not */
        tombstone(f, "b-never");
    }
    assert_ok(verify(f), f->err);
    close_store(f);
    read_run(f);
    assert_true(f->count > 50);
    struct fct_sim_disk *whole = f->disk;
    factum_status status = FACTUM_CORRUPT;
    assert_true(judge(f, whole, NONE, 0, 0, &status));
    assert_ok(status, f->err);
    assert_int_equal(f->report.index_postings_checked, f->count);
    for (int damage = REMOVED; damage < DAMAGES; damage++) {
        for (size_t i = 0; i < f->count; i++) {
            for (size_t step = 1; step < f->count; step += 7) {
                size_t j = (i + step) % f->count;
                if (!judge(f, whole, (enum damage)damage, i, j, &status)) {
                    continue;
                }
                judged++;
                if (status != FACTUM_CORRUPT || f->report.problems == 0) {
                    fail_msg("damage %d to posting %zu (kind %d, position %llu) with %zu: %s",
                             damage, i, (int)f->postings[i].key.kind,
                             (unsigned long long)f->postings[i].position, j, f->err.text);
                }
                assert_text(f->err, "factum repair --rebuild-index");
                if (damage == REMOVED || damage == NEW_KEY || damage == NO_RECORD) {
                    break;
                }
            }
        }
    }
    assert_true(judged > 500);
}

TEST(each_problem_has_a_text)
{
    static const char *const gone[] = {
        NULL,
        "does not lead from its stream to the event at position",
        "does not lead from its category to the event at position",
        "does not lead from its event type to the event at position",
        "does not lead from its correlation id to the event at position",
        "does not lead from its tag to the event at position",
        "does not lead from its idempotency key to the commit at position",
        "that appears first at position",
    };
    struct fixture *f = *state;
    factum_status status;
    fill(f);
    close_store(f);
    read_run(f);
    struct fct_sim_disk *whole = f->disk;
    for (size_t i = 0; i < f->count; i++) {
        assert_true(judge(f, whole, REMOVED, i, 0, &status));
        assert_status(status, FACTUM_CORRUPT);
        assert_text(f->err, gone[f->postings[i].key.kind]);
        assert_true(judge(f, whole, NO_RECORD, i, 0, &status));
        assert_status(status, FACTUM_CORRUPT);
    }
}

/* ---- sound stores ---------------------------------------------------------------------------- */

TEST(a_sound_store_is_sound_in_memory_and_on_disk)
{
    struct fixture *f = *state;
    fill(f);
    tombstone(f, "b-never");
    for (int i = 0; i < 60; i++) {
        char stream[16];
        char tag[16];
        (void)snprintf(stream, sizeof stream, "a-%d", i % 17);
        (void)snprintf(tag, sizeof tag, "t%d", i % 23);
        if (i % 17 != 2) { /* that one has a tombstone */
            append(f, stream, i % 2 == 0 ? "T" : "W", (const char *[2]){tag, "x"}, "{}");
        }
        assert_ok(verify(f), f->err);
    }
    close_store(f);
    open_store(f);
    assert_ok(verify(f), f->err);
    assert_int_equal(f->report.problems, 0);
    assert_string_equal(f->report.first_problem, "");
    append(f, "b-1", "T", (const char *[2]){"x"}, "{}");
    assert_ok(verify(f), f->err);
    close_store(f);
}

struct steps {
    struct fixture *f;
    uint64_t count;
    uint64_t stop_at;
    uint64_t done;
    uint64_t total;
    bool appends;
};

static bool on_step(void *data, uint64_t done, uint64_t total)
{
    struct steps *steps = data;
    assert_true(done <= total && done >= steps->done);
    steps->done = done;
    steps->total = total;
    if (steps->appends) {
        append(steps->f, "a-1", "T", (const char *[2]){"new", "x"}, "{}");
        append(steps->f, "a-new", "new", (const char *[2]){"new", "newer"}, "{}");
    }
    return ++steps->count != steps->stop_at;
}

static factum_status verify_in_steps(struct fixture *f, struct steps *steps)
{
    const factum_progress progress = {.data = steps, .step = on_step};
    return f->engine.ops->upkeep->verify(f->engine.self, &progress, &f->report, &f->err);
}

TEST(events_appended_during_verify_are_not_checked)
{
    struct fixture *f = *state;
    struct steps steps = {.f = f, .appends = true};
    fill(f);
    close_store(f);
    open_store(f);
    assert_ok(verify_in_steps(f, &steps), f->err);
    assert_true(steps.count >= 2);
    assert_int_equal(f->report.events, 8);
    assert_ok(verify(f), f->err);
    close_store(f);
}

TEST(it_can_be_stopped_at_each_step)
{
    struct fixture *f = *state;
    struct steps all = {.f = f};
    fill(f);
    close_store(f);
    open_store(f);
    assert_ok(verify_in_steps(f, &all), f->err);
    for (uint64_t k = 1; k <= all.count; k++) {
        struct steps steps = {.f = f, .stop_at = k};
        assert_status(verify_in_steps(f, &steps), FACTUM_CANCELLED);
        assert_text(f->err, "verify was stopped");
    }
    close_store(f);
}

#define MASKED_CASE(name, mask)                                                                    \
    {                                                                                              \
#name " " #mask, name, set_up, tear_down, &hash_masks[mask]                                \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        MASKED_CASE(any_damage_to_any_posting_is_found, 0),
        MASKED_CASE(any_damage_to_any_posting_is_found, 1),
        MASKED_CASE(any_damage_to_any_posting_is_found, 2),
        MASKED_CASE(each_problem_has_a_text, 0),
        MASKED_CASE(a_sound_store_is_sound_in_memory_and_on_disk, 0),
        MASKED_CASE(a_sound_store_is_sound_in_memory_and_on_disk, 1),
        MASKED_CASE(a_sound_store_is_sound_in_memory_and_on_disk, 2),
        MASKED_CASE(events_appended_during_verify_are_not_checked, 0),
        MASKED_CASE(events_appended_during_verify_are_not_checked, 2),
        MASKED_CASE(it_can_be_stopped_at_each_step, 0),
        MASKED_CASE(it_can_be_stopped_at_each_step, 2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
