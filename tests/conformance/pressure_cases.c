/* pressure_cases.c - more appends than an engine takes at once: BUSY, by count and by bytes, and
 * the notification that there is room again. Run by conformance_test.c, for every engine.
 *
 * A completer that does not return keeps everything that is submitted meanwhile waiting.
 */
#include "flight.h"

/* Submits until BUSY. Returns how many were taken. */
static size_t submit_until_busy(struct flights *set)
{
    struct fixture *f = set->f;
    for (size_t i = 0; i < set->count; i++) {
        factum_status status = flight_submit(&set->items[i], &f->err);
        if (status == FACTUM_BUSY) {
            return i;
        }
        OK(status);
    }
    fail_msg("%zu were taken", set->count);
    return 0;
}

TEST(too_many_appends_are_refused_until_there_is_room)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    f->limits.queue_max = 8;
    fixture_renew(f);
    struct counting *counting = count_news(f);
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 20);
    stall(f);
    assert_int_equal(submit_until_busy(set), 8);
    assert_text(f->err, "appends are waiting, which is the limit: try again later");
    assert_true(factum_status_is_retryable(FACTUM_BUSY));
    assert_status(flight_submit(&set->items[8], &f->err), FACTUM_BUSY);
    assert_int_equal(atomic_load(&counting->rooms), 0);
    unstall(f);
    flights_await(set, 8);
    await_word(&counting->rooms, 1);
    for (size_t i = 8; i < 16; i++) {
        factum_status status = FACTUM_BUSY;
        while (status == FACTUM_BUSY) { /* those before may still be under way */
            uint32_t rooms = atomic_load(&counting->rooms);
            status = flight_submit(&set->items[i], &f->err);
            if (status == FACTUM_BUSY) {
                await_word(&counting->rooms, rooms + 1);
            }
        }
        OK(status);
    }
    flights_await(set, 16);
    set->count = 16;
    fct_engine_unlisten(&f->engine, &counting->listener);
    assert_int_equal(assert_store_agrees(set, FACTUM_OK), 16);
    flights_land(set);
}

/* The event of each flight has |size| bytes of data. */
static void make_big(struct flights *set, size_t size)
{
    static uint8_t bytes[10000];
    for (size_t i = 0; i < set->count; i++) {
        set->items[i].event.data = fct_slice(bytes, size);
        set->items[i].event.content_type = FACTUM_CONTENT_BINARY;
    }
}

TEST(too_many_bytes_are_refused_until_there_is_room)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    f->limits.queue_size_max = 100000;
    fixture_renew(f);
    struct counting *counting = count_news(f);
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 40);
    make_big(set, 9000);
    stall(f);
    size_t taken = submit_until_busy(set);
    assert_in_range(taken, 5, 11);
    assert_text(f->err, "bytes are waiting: the limit is 100000 (queue_size_max)");
    unstall(f);
    flights_await(set, taken);
    await_word(&counting->rooms, 1);
    fct_engine_unlisten(&f->engine, &counting->listener);
    OK(flight_submit(&set->items[taken], &f->err));
    set->count = taken + 1;
    flights_await(set, set->count);
    assert_int_equal(assert_store_agrees(set, FACTUM_OK), taken + 1);
    flights_land(set);
}

TEST(one_append_is_taken_whatever_its_size)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    f->limits.queue_size_max = 100;
    fixture_renew(f);
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 2);
    make_big(set, 9000);
    OK(flight_submit(&set->items[0], &f->err));
    flights_await(set, 1);
    stall(f);
    OK(flight_submit(&set->items[1], &f->err));
    unstall(f);
    flights_await(set, 2);
    OK(append_one(f, "b-1", factum_any(), "A"));
    flights_land(set);
}

static void submit_when_ended(struct flight *flight)
{
    factum_error ignored;
    struct flights *set = flight->set;
    size_t next = (size_t)(flight - set->items) + 4;
    if (next < set->count) {
        factum_status status = flight_submit(&set->items[next], &ignored);
        atomic_fetch_add(&set->refused, status == FACTUM_OK ? 0 : 1);
    }
}

TEST(whoever_submits_one_for_each_that_ended_is_never_refused)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    f->limits.queue_max = 4;
    fixture_renew(f);
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 200);
    set->each = submit_when_ended;
    for (size_t i = 0; i < 4; i++) {
        OK(flight_submit(&set->items[i], &f->err));
    }
    flights_await(set, 200);
    assert_flights(set, FACTUM_OK);
    flights_land(set);
}

const struct CMUnitTest pressure_cases[] = {
    CASE_ONCE(too_many_appends_are_refused_until_there_is_room),
    CASE_ONCE(too_many_bytes_are_refused_until_there_is_room),
    CASE_ONCE(one_append_is_taken_whatever_its_size),
    CASE_ONCE(whoever_submits_one_for_each_that_ended_is_never_refused),
};
const size_t pressure_case_count = sizeof pressure_cases / sizeof pressure_cases[0];
