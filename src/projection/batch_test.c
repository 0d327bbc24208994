/* batch_test.c - batches end by count and by bytes, and their memory does not grow with the events
 * that pass: however far behind a runner is, it has one batch. Layer: projection. */
#include <malloc.h>

#include "core/arena.h"
#include "core/slice.h"
#include "projection/batch.h"
#include "projection/definition.h"
#include "support/test.h"

static const char text[] = "--@ projection seen version 1\n"
                           "--@ from category c\n"
                           "--@ tables\n"
                           "CREATE TABLE {{seen}} (id INTEGER PRIMARY KEY, note TEXT);\n"
                           "--@ on Seen\n"
                           "INSERT INTO {{seen}} (id, note) VALUES (:event_position, :note);\n";

struct fixture {
    struct fct_definition *definition;
    struct fct_batch batch;
    factum_error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    *state = &fixture;
    return fct_projection_parse(factum_slice_from(text), "seen.sql", FCT_DIALECT_SQLITE,
                                &fixture.definition, &fixture.err) == FACTUM_OK
               ? 0
               : 1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_batch_finish(&f->batch);
    fct_projection_definition_free(f->definition);
    return 0;
}

static void begin(struct fixture *f, uint32_t events_max, uint64_t size_max)
{
    assert_ok(fct_batch_init(&f->batch, f->definition, events_max, size_max, &f->err), f->err);
}

/* An event whose data has |size| bytes. */
static void add(struct fixture *f, uint64_t position, size_t size)
{
    static char data[4096];
    (void)snprintf(data, sizeof data, "{\"note\":\"%0*d\"}", (int)(size - 11), 7);
    const factum_event event = {.position = position,
                                .stream = FCT_SLICE("c-1"),
                                .type = FCT_SLICE("Seen"),
                                .data = factum_slice_from(data)};
    assert_int_equal(event.data.len, size);
    assert_ok(fct_batch_add(&f->batch, &event, &f->err), f->err);
}

TEST(a_batch_ends_at_its_count)
{
    struct fixture *f = *state;
    begin(f, 3, 1 << 20);
    add(f, 1, 20);
    add(f, 2, 20);
    assert_false(fct_batch_is_full(&f->batch));
    add(f, 3, 20);
    assert_true(fct_batch_is_full(&f->batch));
    assert_int_equal(f->batch.events[2].position, 3);
    fct_batch_reset(&f->batch);
    assert_false(fct_batch_is_full(&f->batch));
    assert_int_equal(f->batch.count, 0);
}

TEST(a_batch_ends_at_its_bytes)
{
    struct fixture *f = *state;
    begin(f, 1000, 4000);
    add(f, 1, 2000);
    assert_false(fct_batch_is_full(&f->batch));
    add(f, 2, 2000);
    assert_true(fct_batch_is_full(&f->batch));
    fct_batch_reset(&f->batch);
    assert_int_equal(f->batch.size, 0);
}

TEST(a_long_backlog_takes_the_memory_of_a_batch)
{
    struct fixture *f = *state;
    size_t before = 0;
    begin(f, 100, 1 << 20);
    for (uint64_t round = 0; round < 200; round++) {
        for (uint64_t i = 0; i < 100; i++) {
            add(f, round * 100 + i, 1000);
        }
        assert_true(fct_batch_is_full(&f->batch));
        fct_batch_reset(&f->batch);
        if (round == 1) {
            before = mallinfo2().uordblks; /* 0 where a sanitizer allocates */
        }
    }
    assert_true(mallinfo2().uordblks <= before + 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_batch_ends_at_its_count),
        FIXTURE_CASE(a_batch_ends_at_its_bytes),
        FIXTURE_CASE(a_long_backlog_takes_the_memory_of_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
