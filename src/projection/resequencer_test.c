/* resequencer_test.c - events that come too early: released in order, or parked at a bound. */
#include "support/mem_fault.h"
#include "support/mem_meter.h"
#include "support/test.h"

#include <limits.h>

#include "core/random.h"
#include "core/slice.h"
#include "projection/resequencer.h"

#define KEYS 8
#define LOG_MAX 65536

/* The caller's state: the next sequence of each key "0" to "7", and the results. */
struct fixture {
    factum_resequencer *r;
    uint64_t next[KEYS];
    bool parked[KEYS];
    bool renamed; /* of the test across keys */
    int asked;
    int fail_key; /* whose events cannot be released or parked; -1: none */
    bool fail_park;
    bool call_back;
    factum_turn bad_turn;
    size_t released_count;
    size_t parked_count;
    int released_key[LOG_MAX];
    uint64_t released_sequence[LOG_MAX];
    int parked_key[LOG_MAX];
    uint64_t parked_sequence[LOG_MAX];
    factum_park_reason reasons[LOG_MAX];
    factum_error err;
};

static int key_of(const factum_sequenced *item)
{
    assert_int_equal(item->key.len, 1);
    return item->key.ptr[0] - '0';
}

static factum_turn by_sequence(void *data, const factum_sequenced *item)
{
    struct fixture *f = data;
    int key = key_of(item);
    f->asked++;
    if (f->bad_turn != FACTUM_TURN_NOW) {
        return f->bad_turn;
    }
    if (f->parked[key]) {
        return FACTUM_TURN_PARK;
    }
    return item->sequence == f->next[key]  ? FACTUM_TURN_NOW
           : item->sequence < f->next[key] ? FACTUM_TURN_PAST
                                           : FACTUM_TURN_WAIT;
}

static factum_status release(void *data, const factum_sequenced *item, factum_error *err)
{
    struct fixture *f = data;
    int key = key_of(item);
    if (f->call_back) {
        assert_status(factum_resequencer_give(f->r, item, 0, err), FACTUM_INVALID);
        assert_text(*err, "cannot be called by a function that it calls");
        assert_status(factum_resequencer_run(f->r, 0, true, err), FACTUM_INVALID);
    }
    if (key == f->fail_key) {
        return FACTUM_BUSY;
    }
    assert_true(f->released_count < LOG_MAX);
    f->released_key[f->released_count] = key;
    f->released_sequence[f->released_count++] = item->sequence;
    f->next[key] = item->sequence + 1;
    return FACTUM_OK;
}

static factum_status park(void *data, const factum_sequenced *item, factum_park_reason reason,
                          factum_error *err)
{
    struct fixture *f = data;
    int key = key_of(item);
    (void)err;
    if (f->fail_park && key == f->fail_key) {
        return FACTUM_NO_SPACE;
    }
    assert_true(f->parked_count < LOG_MAX);
    f->parked_key[f->parked_count] = key;
    f->reasons[f->parked_count] = reason;
    f->parked_sequence[f->parked_count++] = item->sequence;
    return FACTUM_OK;
}

static factum_resequencer_options options_of(struct fixture *f)
{
    return (factum_resequencer_options){.size = sizeof(factum_resequencer_options),
                                        .data = f,
                                        .turn = by_sequence,
                                        .release = release,
                                        .park = park,
                                        .wait_max = 100};
}

static void open_with(struct fixture *f, const factum_resequencer_options *options)
{
    factum_resequencer_close(f->r);
    assert_ok(factum_resequencer_open(options, &f->r, &f->err), f->err);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture.fail_key = -1;
    *state = &fixture;
    const factum_resequencer_options options = options_of(&fixture);
    return factum_resequencer_open(&options, &fixture.r, &fixture.err);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    factum_resequencer_close(f->r);
    return 0;
}

static factum_status give_at(struct fixture *f, int key, uint64_t sequence, int64_t now)
{
    const char text[] = {(char)('0' + key)};
    const factum_event event = {.type = FCT_SLICE("Counted"),
                                .data = FCT_SLICE("{\"some\":\"data\"}"),
                                .position = 1000 - sequence};
    const factum_sequenced item = {
        .size = sizeof item, .key = fct_slice(text, 1), .sequence = sequence, .event = &event};
    return factum_resequencer_give(f->r, &item, now, &f->err);
}

static factum_status run_at(struct fixture *f, int64_t now)
{
    return factum_resequencer_run(f->r, now, false, &f->err);
}

static factum_resequencer_info info_of(struct fixture *f)
{
    factum_resequencer_info info = {.size = sizeof info};
    assert_ok(factum_resequencer_info_get(f->r, &info, &f->err), f->err);
    return info;
}

static void assert_released(const struct fixture *f, size_t at, int key, uint64_t sequence)
{
    assert_true(at < f->released_count);
    assert_int_equal(f->released_key[at], key);
    assert_int_equal(f->released_sequence[at], sequence);
}

static void assert_parked(const struct fixture *f, size_t at, int key, uint64_t sequence,
                          factum_park_reason reason)
{
    assert_true(at < f->parked_count);
    assert_int_equal(f->parked_key[at], key);
    assert_int_equal(f->parked_sequence[at], sequence);
    assert_int_equal(f->reasons[at], reason);
}

/* ---- order ----------------------------------------------------------------------------------- */

TEST(events_in_order_are_not_held)
{
    struct fixture *f = *state;
    for (uint64_t i = 0; i < 3; i++) {
        assert_ok(give_at(f, 1, i, 0), f->err);
        assert_ok(run_at(f, 0), f->err);
    }
    assert_int_equal(f->released_count, 3);
    assert_int_equal(f->asked, 3);
    assert_int_equal(info_of(f).held_size, 0);
}

TEST(events_that_come_too_early_wait_for_their_turn)
{
    struct fixture *f = *state;
    assert_status(give_at(f, 1, 2, 0), FACTUM_PENDING);
    assert_status(give_at(f, 1, 3, 0), FACTUM_PENDING);
    assert_status(give_at(f, 1, 1, 0), FACTUM_PENDING);
    assert_status(give_at(f, 2, 1, 0), FACTUM_PENDING);
    assert_ok(run_at(f, 0), f->err);
    assert_int_equal(f->released_count, 0);
    assert_int_equal(f->asked, 4); /* a run has nothing to look at */
    assert_int_equal(info_of(f).held, 4);
    assert_int_equal(info_of(f).first_held, 997);
    assert_ok(give_at(f, 1, 0, 0), f->err);
    assert_ok(run_at(f, 0), f->err);
    for (uint64_t i = 0; i < 4; i++) {
        assert_released(f, i, 1, i);
    }
    assert_int_equal(f->released_count, 4);
    assert_int_equal(info_of(f).held, 1);
    assert_int_equal(info_of(f).released, 4);
}

TEST(a_duplicate_is_dropped)
{
    struct fixture *f = *state;
    assert_status(give_at(f, 1, 1, 0), FACTUM_PENDING);
    assert_status(give_at(f, 1, 1, 0), FACTUM_DONE);
    assert_ok(give_at(f, 1, 0, 0), f->err);
    assert_status(give_at(f, 1, 0, 0), FACTUM_DONE);
    assert_ok(run_at(f, 0), f->err);
    assert_int_equal(f->released_count, 2);
    assert_int_equal(info_of(f).dropped, 2);
    assert_status(give_at(f, 1, 3, 0), FACTUM_PENDING);
    f->next[1] = 9; /* another program has released them */
    assert_ok(factum_resequencer_run(f->r, 0, true, &f->err), f->err);
    assert_int_equal(info_of(f).held, 0);
    assert_int_equal(info_of(f).dropped, 3);
}

TEST(any_order_within_the_bounds_comes_out_in_order)
{
    struct fixture *f = *state;
    enum { COUNT = 6000, WINDOW = 400 };
    static struct {
        int key;
        uint64_t sequence;
    } all[COUNT];
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct fct_random random = {seed};
        uint64_t made[KEYS] = {0};
        memset(f->next, 0, sizeof f->next);
        f->released_count = 0;
        for (int i = 0; i < COUNT; i++) {
            all[i].key = (int)fct_random_below(&random, KEYS);
            all[i].sequence = made[all[i].key]++;
        }
        for (int i = 0; i < COUNT; i++) { /* each swaps with one near it */
            int j = i + (int)fct_random_below(&random, WINDOW);
            j = j < COUNT ? j : COUNT - 1;
            int key = all[i].key;
            uint64_t sequence = all[i].sequence;
            all[i] = all[j];
            all[j].key = key;
            all[j].sequence = sequence;
        }
        for (int i = 0; i < COUNT; i++) {
            assert_true(give_at(f, all[i].key, all[i].sequence, 0) >= 0);
            assert_ok(run_at(f, 0), f->err);
        }
        assert_int_equal(f->released_count, COUNT);
        assert_int_equal(info_of(f).held, 0);
        uint64_t seen[KEYS] = {0};
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(f->released_sequence[i], seen[f->released_key[i]]++);
        }
    }
    assert_int_equal(f->parked_count, 0);
}

/* ---- across keys (PR-19) --------------------------------------------------------------------- */

/* Key 1: orders, which need the customer's new name. Key 2: customers. */
static factum_turn after_renaming(void *data, const factum_sequenced *item)
{
    struct fixture *f = data;
    f->asked++;
    return key_of(item) == 2 || f->renamed ? FACTUM_TURN_NOW : FACTUM_TURN_WAIT;
}

static factum_status release_renaming(void *data, const factum_sequenced *item, factum_error *err)
{
    struct fixture *f = data;
    f->renamed = f->renamed || key_of(item) == 2;
    return release(data, item, err);
}

TEST(one_key_may_wait_for_another)
{
    struct fixture *f = *state;
    factum_resequencer_options options = options_of(f);
    options.turn = after_renaming;
    options.release = release_renaming;
    options.across_keys = true;
    open_with(f, &options);
    assert_status(give_at(f, 1, 5, 0), FACTUM_PENDING);
    assert_status(give_at(f, 3, 7, 10), FACTUM_PENDING);
    assert_status(give_at(f, 1, 6, 10), FACTUM_PENDING);
    assert_ok(give_at(f, 2, 0, 20), f->err);
    assert_ok(run_at(f, 20), f->err);
    assert_released(f, 0, 2, 0);
    assert_released(f, 1, 1, 5);
    assert_released(f, 2, 1, 6);
    assert_released(f, 3, 3, 7);
    assert_int_equal(f->parked_count, 0);
}

TEST(events_that_wait_for_another_key_are_parked_at_the_bound)
{
    struct fixture *f = *state;
    factum_resequencer_options options = options_of(f);
    options.turn = after_renaming;
    options.across_keys = true;
    open_with(f, &options);
    assert_status(give_at(f, 1, 5, 1000), FACTUM_PENDING);
    assert_status(give_at(f, 3, 7, 1010), FACTUM_PENDING);
    assert_int_equal(info_of(f).due, 1100);
    assert_ok(run_at(f, 1099), f->err);
    assert_int_equal(f->parked_count, 0);
    assert_ok(run_at(f, 1100), f->err);
    assert_parked(f, 0, 1, 5, FACTUM_PARK_LATE);
    assert_int_equal(f->parked_count, 1);
    assert_int_equal(info_of(f).due, 1110);
    f->renamed = true; /* without a release: its turn is asked once more before it is parked */
    assert_ok(run_at(f, 1110), f->err);
    assert_released(f, 0, 3, 7);
    assert_int_equal(info_of(f).due, INT64_MAX);
}

TEST(the_turn_of_each_late_key_is_asked_before_it_is_parked)
{
    struct fixture *f = *state;
    assert_status(give_at(f, 1, 5, 10), FACTUM_PENDING);
    assert_status(give_at(f, 2, 5, 20), FACTUM_PENDING);
    f->next[1] = 5; /* other programs have released what both waited for */
    f->next[2] = 5;
    assert_ok(run_at(f, 1000), f->err);
    assert_released(f, 0, 1, 5);
    assert_released(f, 1, 2, 5);
    assert_int_equal(f->parked_count, 0);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

TEST(a_late_event_takes_its_key_along_in_order)
{
    struct fixture *f = *state;
    assert_status(give_at(f, 1, 7, 10), FACTUM_PENDING);
    assert_status(give_at(f, 2, 7, 20), FACTUM_PENDING);
    assert_status(give_at(f, 1, 5, 30), FACTUM_PENDING);
    assert_status(give_at(f, 1, 9, 105), FACTUM_PENDING);
    assert_ok(run_at(f, 110), f->err);
    assert_int_equal(f->parked_count, 3);
    assert_parked(f, 0, 1, 5, FACTUM_PARK_LATE);
    assert_parked(f, 1, 1, 7, FACTUM_PARK_LATE);
    assert_parked(f, 2, 1, 9, FACTUM_PARK_LATE);
    assert_int_equal(info_of(f).held, 1);
    assert_ok(run_at(f, INT64_MAX), f->err);
    assert_parked(f, 3, 2, 7, FACTUM_PARK_LATE);
    assert_int_equal(info_of(f).parked, 4);
}

TEST(a_clock_that_goes_back_stands_still)
{
    struct fixture *f = *state;
    assert_status(give_at(f, 1, 7, 1000), FACTUM_PENDING);
    assert_status(give_at(f, 2, 7, -5000), FACTUM_PENDING);
    assert_ok(run_at(f, INT64_MIN), f->err);
    assert_int_equal(info_of(f).due, 1100);
    assert_ok(run_at(f, 1099), f->err);
    assert_int_equal(f->parked_count, 0);
    assert_ok(run_at(f, 1100), f->err);
    assert_int_equal(f->parked_count, 2);
}

TEST(a_full_buffer_parks_the_key_that_has_waited_longest)
{
    struct fixture *f = *state;
    factum_resequencer_options options = options_of(f);
    options.count_max = 3;
    open_with(f, &options);
    assert_status(give_at(f, 1, 5, 0), FACTUM_PENDING);
    assert_status(give_at(f, 2, 5, 1), FACTUM_PENDING);
    assert_status(give_at(f, 1, 4, 2), FACTUM_PENDING);
    assert_status(give_at(f, 3, 5, 3), FACTUM_PENDING);
    assert_int_equal(f->parked_count, 2);
    assert_parked(f, 0, 1, 4, FACTUM_PARK_ROOM);
    assert_parked(f, 1, 1, 5, FACTUM_PARK_ROOM);
    assert_int_equal(info_of(f).held, 2);
}

TEST(a_buffer_is_full_by_bytes_too)
{
    struct fixture *f = *state;
    struct fct_mem_meter meter;
    factum_resequencer_options options = options_of(f);
    options.size_max = 20000;
    options.wait_max = INT64_MAX;
    fct_mem_meter_init(&meter);
    factum_resequencer_close(f->r);
    assert_ok(fct_resequencer_open(&meter.mem, &options, &f->r, &f->err), f->err);
    size_t empty = meter.held;
    for (uint64_t i = 1; i < 5000; i++) {
        assert_status(give_at(f, (int)(i % KEYS), 10 + i, 0), FACTUM_PENDING);
        assert_ok(run_at(f, (int64_t)i), f->err);
        assert_int_equal(meter.held, empty + info_of(f).held_size);
    }
    assert_true(meter.peak <= empty + 20000);
    assert_true(info_of(f).held > 40);
    assert_int_equal(info_of(f).held + f->parked_count, 4999);
    factum_resequencer_close(f->r);
    f->r = NULL;
    assert_int_equal(meter.held, 0);
}

TEST(an_event_that_never_fits_is_parked_alone)
{
    struct fixture *f = *state;
    factum_resequencer_options options = options_of(f);
    options.size_max = 100; /* less than what holding takes */
    open_with(f, &options);
    assert_ok(give_at(f, 1, 5, 0), f->err);
    assert_parked(f, 0, 1, 5, FACTUM_PARK_ROOM);
    assert_ok(give_at(f, 1, 0, 0), f->err);
    assert_released(f, 0, 1, 0);
}

TEST(events_of_a_parked_key_are_parked_too)
{
    struct fixture *f = *state;
    assert_status(give_at(f, 1, 5, 0), FACTUM_PENDING);
    assert_status(give_at(f, 1, 6, 0), FACTUM_PENDING);
    f->parked[1] = true;
    assert_ok(give_at(f, 1, 8, 0), f->err);
    assert_parked(f, 0, 1, 8, FACTUM_PARK_TURN);
    assert_ok(run_at(f, 0), f->err);
    assert_parked(f, 1, 1, 5, FACTUM_PARK_TURN);
    assert_parked(f, 2, 1, 6, FACTUM_PARK_TURN);
    assert_int_equal(info_of(f).held, 0);
}

/* ---- failures -------------------------------------------------------------------------------- */

TEST(an_event_that_cannot_be_released_is_not_taken)
{
    struct fixture *f = *state;
    f->fail_key = 1;
    assert_status(give_at(f, 1, 0, 0), FACTUM_BUSY);
    assert_text(f->err, "resequencer: an event of the key 1 was not released: too many requests");
    assert_int_equal(info_of(f).held, 0);
    f->fail_key = -1;
    assert_ok(give_at(f, 1, 0, 0), f->err);
}

TEST(an_event_that_cannot_be_released_stays_held_and_other_keys_continue)
{
    struct fixture *f = *state;
    for (int key = 1; key <= 3; key++) {
        assert_status(give_at(f, key, 1, 0), FACTUM_PENDING);
        assert_ok(give_at(f, key, 0, 0), f->err);
    }
    f->fail_key = 2;
    assert_status(run_at(f, 0), FACTUM_BUSY);
    assert_int_equal(f->released_count, 5);
    assert_int_equal(info_of(f).held, 1);
    assert_status(run_at(f, 0), FACTUM_BUSY);
    f->fail_key = -1;
    assert_ok(run_at(f, 0), f->err);
    assert_released(f, 5, 2, 1);
    assert_int_equal(f->asked, 6 + 3 + 1 + 1);
}

TEST(an_event_that_cannot_be_parked_stays_held)
{
    struct fixture *f = *state;
    factum_resequencer_options options = options_of(f);
    options.count_max = 2;
    open_with(f, &options);
    f->fail_key = 1;
    f->fail_park = true;
    assert_status(give_at(f, 1, 5, 0), FACTUM_PENDING);
    assert_status(give_at(f, 1, 6, 0), FACTUM_PENDING);
    assert_status(give_at(f, 2, 5, 0), FACTUM_NO_SPACE); /* there was no room to make */
    assert_text(f->err, "resequencer: an event of the key 1 was not parked: no space");
    assert_int_equal(info_of(f).held, 2);
    assert_status(run_at(f, 500), FACTUM_NO_SPACE);
    assert_int_equal(info_of(f).held, 2);
    f->parked[1] = true;
    assert_status(factum_resequencer_run(f->r, 500, true, &f->err), FACTUM_NO_SPACE);
    f->fail_key = -1;
    f->parked[1] = false;
    assert_ok(run_at(f, 500), f->err);
    assert_parked(f, 0, 1, 5, FACTUM_PARK_LATE);
    assert_parked(f, 1, 1, 6, FACTUM_PARK_LATE);
}

TEST(without_memory_an_event_is_not_taken)
{
    struct fixture *f = *state;
    struct fct_mem_fault mem;
    factum_resequencer *r = NULL;
    const factum_resequencer_options options = options_of(f);
    fct_mem_fault_init(&mem);
    mem.fail_at = 0;
    assert_status(fct_resequencer_open(&mem.mem, &options, &r, &f->err), FACTUM_NO_MEMORY);
    assert_null(r);
    factum_resequencer_close(f->r);
    assert_ok(fct_resequencer_open(&mem.mem, &options, &f->r, &f->err), f->err);
    mem.fail_at = mem.calls;
    assert_status(give_at(f, 1, 5, 0), FACTUM_NO_MEMORY);
    assert_int_equal(info_of(f).held, 0);
    assert_status(give_at(f, 1, 5, 0), FACTUM_PENDING);
    factum_resequencer_close(f->r);
    f->r = NULL;
    assert_int_equal(mem.held, 0);
}

TEST(a_function_that_it_calls_cannot_call_it)
{
    struct fixture *f = *state;
    f->call_back = true;
    assert_ok(give_at(f, 1, 0, 0), f->err);
}

TEST(an_unknown_turn_is_refused)
{
    struct fixture *f = *state;
    f->bad_turn = (factum_turn)9;
    assert_status(give_at(f, 1, 0, 0), FACTUM_INVALID);
    assert_text(f->err, "resequencer: 9 is not a factum_turn");
    f->bad_turn = FACTUM_TURN_WAIT;
    assert_status(give_at(f, 1, 0, 0), FACTUM_PENDING);
    f->bad_turn = (factum_turn)9;
    assert_status(factum_resequencer_run(f->r, 0, true, &f->err), FACTUM_INVALID);
    assert_int_equal(info_of(f).held, 1);
}

TEST(arguments_are_checked)
{
    struct fixture *f = *state;
    const factum_resequencer_options good = options_of(f);
    factum_resequencer_options bad[5] = {good, good, good, good, good};
    factum_resequencer *r = NULL;
    bad[0].size = 0;
    bad[1].turn = NULL;
    bad[2].release = NULL;
    bad[3].park = NULL;
    bad[4].wait_max = -1;
    for (size_t i = 0; i < 5; i++) {
        assert_status(factum_resequencer_open(&bad[i], &r, &f->err), FACTUM_INVALID);
        assert_null(r);
    }
    assert_status(factum_resequencer_open(&good, NULL, &f->err), FACTUM_INVALID);
    static uint8_t long_key[FACTUM_NAME_SIZE_MAX + 1];
    factum_event event = {.tag_count = FACTUM_TAGS_MAX + 1};
    const factum_sequenced items[] = {
        {.event = &event},
        {.size = sizeof items[0]},
        {.size = sizeof items[0], .event = &event},
        {.size = sizeof items[0], .event = &event, .key = {long_key, sizeof long_key}},
    };
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        assert_status(factum_resequencer_give(f->r, &items[i], 0, NULL), FACTUM_INVALID);
    }
    assert_status(factum_resequencer_give(NULL, &items[1], 0, &f->err), FACTUM_INVALID);
    assert_status(factum_resequencer_run(NULL, 0, true, NULL), FACTUM_INVALID);
    assert_status(factum_resequencer_info_get(NULL, NULL, NULL), FACTUM_INVALID);
    factum_resequencer_close(NULL);
}

/* ---- the copy -------------------------------------------------------------------------------- */

static factum_status release_copied(void *data, const factum_sequenced *item, factum_error *err)
{
    struct fixture *f = data;
    const factum_event *event = item->event;
    (void)err;
    assert_true(fct_slice_equal(event->stream, FCT_SLICE("stream")));
    assert_true(fct_slice_equal(event->type, FCT_SLICE("type")));
    assert_true(fct_slice_equal(event->data, FCT_SLICE("data")));
    assert_true(fct_slice_equal(event->metadata, FCT_SLICE("meta")));
    assert_true(fct_slice_equal(event->content_type, FCT_SLICE("text/plain")));
    assert_int_equal(event->tag_count, 2);
    assert_true(fct_slice_equal(event->tags[0], FCT_SLICE("tag1")));
    assert_true(fct_slice_equal(event->tags[1], FCT_SLICE("")));
    assert_true(fct_slice_equal(*event->key, FCT_SLICE("key")));
    assert_int_equal(event->position, 77);
    f->next[1] = item->sequence + 1;
    f->released_count++;
    return FACTUM_OK;
}

TEST(all_of_a_held_event_is_a_copy)
{
    struct fixture *f = *state;
    factum_resequencer_options options = options_of(f);
    char bytes[] = "streamtypedatametatext/plaintag1key1";
    uint8_t *at = (uint8_t *)bytes;
    factum_slice tags[] = {{at + 28, 4}, {at + 32, 0}};
    factum_slice key = {at + 32, 3};
    factum_event event = {.stream = {at, 6},
                          .type = {at + 6, 4},
                          .data = {at + 10, 4},
                          .metadata = {at + 14, 4},
                          .content_type = {at + 18, 10},
                          .tags = tags,
                          .tag_count = 2,
                          .key = &key,
                          .position = 77};
    const factum_sequenced item = {
        .size = sizeof item, .key = {at + 35, 1}, .sequence = 1, .event = &event};
    options.release = release_copied;
    open_with(f, &options);
    assert_status(factum_resequencer_give(f->r, &item, 0, &f->err), FACTUM_PENDING);
    memset(bytes, 'x', sizeof bytes);
    memset(tags, 0, sizeof tags);
    memset(&key, 0, sizeof key);
    memset(&event, 0, sizeof event);
    f->next[1] = 1;
    assert_ok(factum_resequencer_run(f->r, 0, true, &f->err), f->err);
    assert_int_equal(f->released_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(events_in_order_are_not_held),
        FIXTURE_CASE(events_that_come_too_early_wait_for_their_turn),
        FIXTURE_CASE(a_duplicate_is_dropped),
        FIXTURE_CASE(any_order_within_the_bounds_comes_out_in_order),
        FIXTURE_CASE(one_key_may_wait_for_another),
        FIXTURE_CASE(events_that_wait_for_another_key_are_parked_at_the_bound),
        FIXTURE_CASE(the_turn_of_each_late_key_is_asked_before_it_is_parked),
        FIXTURE_CASE(a_late_event_takes_its_key_along_in_order),
        FIXTURE_CASE(a_clock_that_goes_back_stands_still),
        FIXTURE_CASE(a_full_buffer_parks_the_key_that_has_waited_longest),
        FIXTURE_CASE(a_buffer_is_full_by_bytes_too),
        FIXTURE_CASE(an_event_that_never_fits_is_parked_alone),
        FIXTURE_CASE(events_of_a_parked_key_are_parked_too),
        FIXTURE_CASE(an_event_that_cannot_be_released_is_not_taken),
        FIXTURE_CASE(an_event_that_cannot_be_released_stays_held_and_other_keys_continue),
        FIXTURE_CASE(an_event_that_cannot_be_parked_stays_held),
        FIXTURE_CASE(without_memory_an_event_is_not_taken),
        FIXTURE_CASE(a_function_that_it_calls_cannot_call_it),
        FIXTURE_CASE(an_unknown_turn_is_refused),
        FIXTURE_CASE(arguments_are_checked),
        FIXTURE_CASE(all_of_a_held_event_is_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
