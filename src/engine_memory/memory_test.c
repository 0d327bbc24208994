/* memory_test.c - the memory engine when allocations fail, and what only it can promise: time by
 * its clock, and the ids that it makes. The rest is tested by the conformance suite. */
#include "engine_memory/memory.h"

#include "core/slice.h"
#include "sim/sim_disk.h"
#include "support/mem_fault.h"
#include "support/test.h"

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_mem_fault mem;
    struct fct_engine engine;
    factum_error err;
    factum_new_event events[2];
    factum_expectation expectation;
    factum_append_request request; /* of the two events */
};

static factum_status open_engine(struct fixture *f)
{
    const struct fct_limits limits = {.event_size_max = 0};
    return fct_engine_memory_open(&f->engine, &f->mem.mem, fct_sim_disk_os(f->disk), &limits,
                                  &f->err);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.disk = fct_sim_disk_create(1, false)};
    fct_mem_fault_init(&fixture.mem);
    for (size_t i = 0; i < 2; i++) {
        fixture.events[i] = (factum_new_event){
            .stream = FCT_SLICE("s-1"), .type = FCT_SLICE("T"), .data = FCT_SLICE("{\"n\":1}")};
    }
    fixture.expectation = (factum_expectation){FCT_SLICE("s-1"), factum_any()};
    fixture.request = (factum_append_request){
        .size = sizeof fixture.request,
        .events = fixture.events,
        .event_count = 2,
        .expectations = &fixture.expectation,
        .expectation_count = 1,
    };
    *state = &fixture;
    return open_engine(&fixture);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    factum_status status = fct_engine_close(&f->engine, &f->err);
    fct_sim_disk_destroy(f->disk);
    return status == FACTUM_OK && f->mem.held == 0 ? 0 : 1;
}

TEST(an_engine_without_memory_is_not_opened)
{
    struct fixture *f = *state;
    struct fct_engine other = {.self = f};
    const struct fct_limits limits = {.event_size_max = 0};
    f->mem.fail_at = f->mem.calls;
    assert_status(
        fct_engine_memory_open(&other, &f->mem.mem, fct_sim_disk_os(f->disk), &limits, &f->err),
        FACTUM_NO_MEMORY);
    assert_string_equal(f->err.text, "open: out of memory");
    assert_ptr_equal(other.self, f);
}

static uint64_t place_of(struct fixture *f)
{
    uint64_t place = 0;
    assert_ok(fct_engine_place(&f->engine, &place, &f->err), f->err);
    return place;
}

TEST(any_allocation_may_fail_and_nothing_is_written)
{
    struct fixture *f = *state;
    factum_append_result result;
    f->request.idempotency_key = FCT_SLICE("k");
    uint64_t before = place_of(f);
    factum_status status = FACTUM_NO_MEMORY;
    unsigned long failures = 0;
    while (status == FACTUM_NO_MEMORY) {
        f->mem.fail_at = f->mem.calls + failures;
        status = fct_engine_append(&f->engine, &f->request, &result, NULL, &f->err);
        if (status == FACTUM_NO_MEMORY) {
            failures++;
            assert_string_equal(f->err.text, "append: out of memory");
            assert_int_equal(place_of(f), before);
        }
    }
    assert_ok(status, f->err);
    assert_true(failures > 2);
    assert_false(result.already);
}

/* The |i|-th event of stream "s-1", counted from 0. */
static factum_event event_at(struct fixture *f, uint64_t i)
{
    struct fct_reader *reader;
    factum_event event;
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_STREAM,
                                         .name = FCT_SLICE("s-1"),
                                         .from = FACTUM_FROM_REVISION,
                                         .from_value = i};
    assert_ok(fct_engine_read(&f->engine, &request, false, &reader, &f->err), f->err);
    assert_ok(fct_reader_next(reader, &event, &f->err), f->err);
    fct_reader_close(reader);
    /* The append is gone, with everything after it; numbers and ids stay. */
    event.data = fct_slice(NULL, 0);
    return event;
}

TEST(time_is_that_of_the_clock_and_never_goes_back)
{
    struct fixture *f = *state;
    fct_sim_disk_set_time(f->disk, 1000);
    assert_ok(fct_engine_append(&f->engine, &f->request, NULL, NULL, &f->err), f->err);
    fct_sim_disk_set_time(f->disk, 500);
    assert_ok(fct_engine_append(&f->engine, &f->request, NULL, NULL, &f->err), f->err);
    fct_sim_disk_set_time(f->disk, 2000);
    assert_ok(fct_engine_append(&f->engine, &f->request, NULL, NULL, &f->err), f->err);
    assert_int_equal(event_at(f, 0).created, 1000);
    assert_int_equal(event_at(f, 2).created, 1000);
    assert_int_equal(event_at(f, 4).created, 2000);
    assert_int_equal(event_at(f, 4).time, 2000);
}

TEST(missing_ids_are_made_and_given_ones_kept)
{
    struct fixture *f = *state;
    f->events[1].id.bytes[15] = 7;
    assert_ok(fct_engine_append(&f->engine, &f->request, NULL, NULL, &f->err), f->err);
    factum_uuid made = event_at(f, 0).id;
    assert_int_equal(made.bytes[6] >> 4, 4); /* RFC 9562: random */
    assert_int_equal(made.bytes[8] >> 6, 2);
    assert_memory_equal(event_at(f, 1).id.bytes, f->events[1].id.bytes, 16);
    assert_int_equal(f->events[0].id.bytes[6], 0); /* the caller's structs are not changed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(an_engine_without_memory_is_not_opened),
        FIXTURE_CASE(any_allocation_may_fail_and_nothing_is_written),
        FIXTURE_CASE(time_is_that_of_the_clock_and_never_goes_back),
        FIXTURE_CASE(missing_ids_are_made_and_given_ones_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
