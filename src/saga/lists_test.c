/* lists_test.c - the tables of sagas and timers equal the fold of each stream. Layer: saga. */
#include <stdlib.h>

#include "core/slice.h"
#include "saga/instance.h"
#include "saga/lists.h"
#include "support/test_store.h"

#define WAIT_MS 20000
#define SAGAS 80u /* reading a stream of the store in memory takes time for all events */
#define INPUTS_MAX 60u
#define SEEDS_MAX 8u

static const char saga_text[] =
    "saga: order\n"
    "version: 3\n"
    "start: OrderPlaced\n"
    "id: .orderId\n"
    "keep: {orderId}\n"
    "deadline: 300d\n"
    "defaults: {within: 30s, retry: {times: 2, from: 500ms, to: 30s}}\n"
    "steps:\n"
    "  - reserve:\n"
    "      {do: stock.Reserve, with: {orderId}, ok: Reserved, keep: {lot}, fail: NoStock,\n"
    "       undo: stock.Release, undo_with: {orderId}}\n"
    "  - parallel:\n"
    "      steps:\n"
    "        - charge: {do: pay.Charge, with: {orderId, lot}, ok: Charged, fail: Declined,\n"
    "                   undo: pay.Refund, undo_with: {orderId}}\n"
    "        - pack: {do: stock.Pack, with: {orderId}, ok: Packed, fail: NotPacked,\n"
    "                 undo: stock.Unpack, undo_with: {orderId}, on_timeout: ask}\n"
    "  - ship: {do: ship.HandOver, with: {orderId}, ok: Shipped, fail: Refused, pivot: true,\n"
    "           on_timeout: ask, within: 2h}\n"
    "  - receipt: {do: mail.Receipt, with: {orderId}, ok: ReceiptSent}\n"
    "done: {do: order.Close, with: {orderId}}\n"
    "undone: {do: order.Reject, with: {orderId}}\n";

struct world {
    factum_store *store;
    char dir[SCRATCH_SIZE];
    struct factum_saga *saga;
    struct fct_deployed_set set;
    struct fct_saga_lists *lists;
    uint64_t random;
    char ids[SAGAS][16];
    struct fct_instance instances[SAGAS];
    uint64_t position;
    size_t seen;
};

static int set_up(void **state)
{
    factum_error err;
    static struct world only; /* one case at a time */
    struct world *world = &only;
    memset(world, 0, sizeof *world);
    assert_ok(factum_testing_open_memory(NULL, &world->store, &err), err);
    assert_true(scratch_make(world->dir));
    assert_ok(factum_saga_load(factum_slice_from(saga_text), NULL, &world->saga, &err), err);
    fct_deployed_init(&world->set, fct_mem_heap());
    world->set.items = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *world->set.items);
    assert_non_null(world->set.items);
    world->set.items[0].saga = world->saga;
    world->set.count = 1;
    world->set.capacity = 1;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    factum_error err;
    struct world *world = *state;
    fct_saga_lists_close(world->lists);
    for (size_t i = 0; i < SAGAS; i++) {
        fct_instance_finish(&world->instances[i]);
    }
    fct_deployed_finish(&world->set);
    assert_ok(factum_close(world->store, &err), err);
    assert_true(scratch_remove(world->dir));
    return 0;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static uint32_t draw(struct world *world, uint32_t below)
{
    world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(world->random >> 33) % below;
}

static bool is_reply(uint8_t kind)
{
    return kind == FCT_INPUT_START || kind == FCT_INPUT_REPLY || kind == FCT_INPUT_OUTSIDE;
}

/* An input for |instance|, whether it fits or not. */
static struct fct_saga_input draw_input(struct world *world, const struct fct_instance *instance)
{
    uint8_t slots = (uint8_t)(world->saga->plan.step_count + 2);
    struct fct_saga_input input = {.slot = (uint8_t)draw(world, slots)};
    const struct fct_step_state *step = &instance->state.steps[input.slot];
    uint32_t sort = draw(world, 10);
    input.ok = draw(world, 3) > 0;
    input.undo = step->undo_generation > 0 && draw(world, 3) > 0;
    input.generation = input.undo ? step->undo_generation : step->generation;
    if (instance->state.phase == FCT_SAGA_NONE && draw(world, 4) > 0) {
        input.kind = FCT_INPUT_START;
        input.slot = FCT_SLOT_NONE;
    } else if (sort < 6) {
        input.kind = draw(world, 8) == 0 ? FCT_INPUT_OUTSIDE : FCT_INPUT_REPLY;
        input.undo = input.undo && input.kind == FCT_INPUT_REPLY;
    } else if (sort < 8) {
        input.kind = FCT_INPUT_TIMER;
        input.slot = draw(world, 20) == 0 ? FCT_SLOT_NONE : input.slot;
    } else {
        input.kind = (uint8_t)(FCT_INPUT_RETRY + draw(world, 8));
        bool whole =
            input.kind == FCT_INPUT_COMPLETE || input.kind == FCT_INPUT_CANCEL ||
            input.kind == FCT_INPUT_EDIT ||
            (input.kind != FCT_INPUT_RETRY && input.kind != FCT_INPUT_SKIP && draw(world, 2) == 0);
        input.slot = whole ? FCT_SLOT_NONE : input.slot;
        input.due = INT64_C(2000000000000000000) + draw(world, 1000);
    }
    return input;
}

static void give(struct world *world, struct fct_instance *instance,
                 const struct fct_saga_input *input)
{
    factum_error err;
    factum_arena arena;
    factum_append_result result;
    struct fct_step_append append;
    const factum_event event = {.type = FCT_SLICE("Something"),
                                .data = FCT_SLICE("{\"orderId\":\"1\",\"lot\":7}"),
                                .position = ++world->position};
    const struct fct_step_input what = {.control = *input,
                                        .event = is_reply(input->kind) ? &event : NULL,
                                        .by = FCT_SLICE("ann"),
                                        .reason = FCT_SLICE("a test"),
                                        .refused_slot = FCT_SLOT_NONE};
    factum_arena_init(&arena, 0);
    factum_status status =
        fct_instance_step(instance, world->saga, &what, 1000, &arena, &append, &err);
    if (status != FACTUM_CONDITION_FAILED && status != FACTUM_INVALID) {
        assert_ok(status, err);
        if (append.outcome.count > 0) {
            assert_ok(factum_append(world->store, &append.request, &result, NULL, &err), err);
            assert_ok(fct_instance_take(instance, &append, 1000, &err), err);
        }
    }
    factum_arena_finish(&arena);
}

static void play(struct world *world, uint64_t seed)
{
    factum_error err;
    world->random = seed;
    for (size_t i = 0; i < SAGAS; i++) {
        snprintf(world->ids[i], sizeof world->ids[i], "%zu/a-%zu", i, i);
        const struct fct_saga_key key = {FCT_SLICE("order"), factum_slice_from(world->ids[i])};
        fct_instance_init(&world->instances[i], fct_mem_heap(), &world->set, &key);
        uint32_t inputs = draw(world, INPUTS_MAX) + 1;
        for (uint32_t k = 0; k < inputs; k++) {
            struct fct_saga_input input = draw_input(world, &world->instances[i]);
            give(world, &world->instances[i], &input);
        }
        assert_ok(fct_instance_load(&world->instances[i], world->store, &err), err);
    }
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void open_lists(struct world *world)
{
    factum_error err;
    uint64_t place = 0;
    assert_ok(fct_saga_lists_deploy(world->store, NULL, &err), err);
    assert_ok(fct_saga_lists_open(world->store, world->dir, NULL, &world->lists, &err), err);
    assert_ok(factum_visible_place(world->store, &place, &err), err);
    assert_ok(fct_saga_lists_wait(world->lists, place, WAIT_MS, &err), err);
}

static factum_saga_status status_of_fold(const struct world *world,
                                         const struct fct_instance *instance)
{
    static const factum_saga_status of_phase[] = {
        FACTUM_SAGA_WAITING, FACTUM_SAGA_RUNNING, FACTUM_SAGA_COMPENSATING,
        FACTUM_SAGA_DONE,    FACTUM_SAGA_UNDONE,  FACTUM_SAGA_COMPLETED,
    };
    return fct_saga_is_stuck(&world->saga->plan, &instance->state)
               ? FACTUM_SAGA_STUCK
               : of_phase[instance->state.phase];
}

static int64_t next_due(const struct fct_instance *instance)
{
    int64_t due = instance->state.deadline.due;
    for (size_t i = 0; i < FCT_SAGA_SLOTS_MAX; i++) {
        int64_t other = instance->state.timers[i].due;
        due = other != 0 && (due == 0 || other < due) ? other : due;
    }
    return due;
}

static struct fct_instance *instance_of(struct world *world, factum_slice id)
{
    unsigned long at = strtoul((const char *)id.ptr, NULL, 10);
    assert_true(at < SAGAS);
    assert_true(fct_slice_equal(id, factum_slice_from(world->ids[at])));
    return &world->instances[at];
}

static bool compare_entry(void *data, const factum_saga_entry *entry)
{
    struct world *world = data;
    const struct fct_instance *instance = instance_of(world, entry->id);
    assert_true(instance->exists);
    assert_string_equal(factum_saga_status_name(entry->status),
                        factum_saga_status_name(status_of_fold(world, instance)));
    assert_int_equal(entry->started, instance->started);
    assert_int_equal(entry->changed, instance->changed);
    assert_int_equal(entry->due, next_due(instance));
    assert_int_equal(entry->version, instance->started != 0 ? 3 : 0);
    world->seen++;
    return true;
}

static bool compare_timer(void *data, const factum_saga_timer *timer)
{
    struct world *world = data;
    const struct fct_instance *instance = instance_of(world, timer->id);
    uint8_t slot = fct_saga_slot(world->saga, timer->timer);
    const struct fct_saga_timer *fold =
        slot == FCT_SLOT_NONE ? &instance->state.deadline : &instance->state.timers[slot];
    assert_int_equal(timer->due, fold->due);
    assert_int_equal(timer->wait, fold->wait);
    world->seen++;
    return true;
}

static bool compare_open(void *data, factum_slice saga, factum_slice id, int64_t due)
{
    struct world *world = data;
    const struct fct_instance *instance = instance_of(world, id);
    assert_true(fct_slice_equal(saga, FCT_SLICE("order")));
    assert_false(fct_saga_has_ended(&instance->state));
    assert_int_equal(due, next_due(instance));
    world->seen++;
    return true;
}

static void compare_all(struct world *world)
{
    factum_error err;
    size_t exist = 0;
    size_t timers = 0;
    size_t open = 0;
    for (size_t i = 0; i < SAGAS; i++) {
        const struct fct_instance *instance = &world->instances[i];
        exist += instance->exists ? 1 : 0;
        bool waits = instance->state.phase == FCT_SAGA_NONE && next_due(instance) == 0;
        open += instance->exists && !fct_saga_has_ended(&instance->state) && !waits ? 1 : 0;
        timers += instance->state.deadline.due != 0 ? 1 : 0;
        for (size_t k = 0; k < FCT_SAGA_SLOTS_MAX; k++) {
            timers += instance->state.timers[k].due != 0 ? 1 : 0;
        }
    }
    const factum_saga_each each = {world, compare_entry};
    world->seen = 0;
    assert_ok(fct_saga_lists_list(world->lists, NULL, &each, &err), err);
    assert_int_equal(world->seen, exist);
    const factum_saga_timer_each each_timer = {world, compare_timer};
    const factum_saga_filter many = {.size = sizeof many, .count_max = 100000};
    world->seen = 0;
    assert_ok(fct_saga_lists_timers(world->lists, &many, &each_timer, &err), err);
    assert_int_equal(world->seen, timers);
    const struct fct_open_each each_open = {world, compare_open};
    world->seen = 0;
    assert_ok(fct_saga_lists_open_sagas(world->lists, &each_open, &err), err);
    assert_int_equal(world->seen, open);
    assert_true(open > 0 && timers > 0);
}

/* ---- cases ----------------------------------------------------------------------------------- */

/* Marks the statuses that occur, and checks that all occur. */
static bool note_statuses(const struct world *world, bool met[FACTUM_SAGA_OPEN])
{
    bool all = true;
    for (size_t i = 0; i < SAGAS; i++) {
        met[status_of_fold(world, &world->instances[i])] = true;
    }
    for (int i = FACTUM_SAGA_WAITING; i < FACTUM_SAGA_OPEN; i++) {
        all = all && met[i];
    }
    return all;
}

TEST(the_lists_are_the_fold_of_the_streams)
{
    struct world *world = *state;
    bool met[FACTUM_SAGA_OPEN] = {false};
    for (uint64_t seed = 1;; seed++) {
        play(world, seed);
        open_lists(world);
        compare_all(world);
        if (note_statuses(world, met)) {
            return;
        }
        assert_true(seed < SEEDS_MAX);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

TEST(lists_that_run_all_the_time_equal_rebuilt_ones)
{
    struct world *world = *state;
    factum_error err;
    uint64_t place = 0;
    open_lists(world);
    play(world, 2);
    assert_ok(factum_visible_place(world->store, &place, &err), err);
    assert_ok(fct_saga_lists_wait(world->lists, place, WAIT_MS, &err), err);
    compare_all(world);
    fct_saga_lists_close(world->lists);
    world->lists = NULL;
    assert_true(scratch_remove(world->dir));
    assert_true(scratch_make(world->dir));
    open_lists(world);
    compare_all(world);
}

static bool count_entry(void *data, const factum_saga_entry *entry)
{
    (void)entry;
    ++*(size_t *)data;
    return true;
}

TEST(foreign_streams_with_the_same_names_are_not_listed)
{
    struct world *world = *state;
    factum_error err;
    size_t count = 0;
    static const char *const streams[] = {"order-1", "sagb:order-1", "saga:", "saga:-1",
                                          "Saga:a-1"};
    static const char *const types[] = {"SagaStarted", "StepStarted", "TimerSet", "ReplyRecorded",
                                        "SagaDone"};
    for (size_t i = 0; i < 25; i++) {
        const factum_new_event event = {.type = factum_slice_from(types[i % 5]),
                                        .data = FCT_SLICE("{\"step\":\"x\",\"version\":\"one\"}")};
        assert_ok(factum_append_stream(world->store, factum_slice_from(streams[i / 5]),
                                       factum_any(), &event, 1, NULL, &err),
                  err);
    }
    open_lists(world);
    const factum_saga_each each = {&count, count_entry};
    assert_ok(fct_saga_lists_list(world->lists, NULL, &each, &err), err);
    assert_int_equal(count, 0);
}

struct page {
    size_t count;
    uint64_t after;
    factum_saga_status status;
};

static bool take_page(void *data, const factum_saga_entry *entry)
{
    struct page *page = data;
    assert_true(entry->position > page->after);
    assert_true(page->status == FACTUM_SAGA_ANY || entry->status == page->status);
    page->after = entry->position;
    page->count++;
    return true;
}

TEST(a_list_is_filtered_and_read_page_by_page)
{
    struct world *world = *state;
    factum_error err;
    play(world, 3);
    open_lists(world);
    for (int i = FACTUM_SAGA_WAITING; i < FACTUM_SAGA_OPEN; i++) {
        struct page page = {.status = (factum_saga_status)i};
        const factum_saga_each each = {&page, take_page};
        size_t expected = 0;
        size_t before;
        for (size_t k = 0; k < SAGAS; k++) {
            const struct fct_instance *instance = &world->instances[k];
            expected += instance->exists && status_of_fold(world, instance) == page.status ? 1 : 0;
        }
        do {
            const factum_saga_filter filter = {.size = sizeof filter,
                                               .saga = FCT_SLICE("order"),
                                               .status = page.status,
                                               .after = page.after,
                                               .count_max = 7};
            before = page.count;
            assert_ok(fct_saga_lists_list(world->lists, &filter, &each, &err), err);
        } while (page.count == before + 7);
        assert_int_equal(page.count, expected);
    }
    size_t count = 0;
    const factum_saga_each each = {&count, count_entry};
    const factum_saga_filter other = {.size = sizeof other, .saga = FCT_SLICE("orde")};
    assert_ok(fct_saga_lists_list(world->lists, &other, &each, &err), err);
    assert_int_equal(count, 0);
    const factum_saga_filter many = {.size = sizeof many, .count_max = 1000001};
    assert_status(fct_saga_lists_list(world->lists, &many, &each, &err), FACTUM_INVALID);
}

static bool count_timer(void *data, const factum_saga_timer *timer)
{
    (void)timer;
    ++*(size_t *)data;
    return true;
}

/* A program may be older or newer than the library. */
TEST(a_filter_follows_the_rules_of_sizes)
{
    struct world *world = *state;
    factum_error err;
    size_t count = 0;
    struct {
        factum_saga_filter known;
        uint8_t more[16];
    } bigger = {.known = {.size = sizeof bigger}};
    factum_saga_filter filter = {.count_max = 7};
    const factum_saga_each each = {&count, count_entry};
    const factum_saga_timer_each timers = {&count, count_timer};
    open_lists(world);
    assert_status(fct_saga_lists_list(world->lists, &filter, &each, &err), FACTUM_INVALID);
    assert_status(fct_saga_lists_timers(world->lists, &filter, &timers, &err), FACTUM_INVALID);
    filter.size = offsetof(factum_saga_filter, status); /* later members do not count */
    filter.status = (factum_saga_status)99;
    assert_ok(fct_saga_lists_list(world->lists, &filter, &each, &err), err);
    assert_ok(fct_saga_lists_timers(world->lists, &filter, &timers, &err), err);
    assert_ok(fct_saga_lists_list(world->lists, &bigger.known, &each, &err), err);
    bigger.more[15] = 1;
    assert_status(fct_saga_lists_list(world->lists, &bigger.known, &each, &err), FACTUM_INVALID);
    assert_int_equal(count, 0);
}

/* A limit as high as the count of rows is enough. */
TEST(a_list_may_have_exactly_as_many_rows_as_asked_for)
{
    struct world *world = *state;
    factum_error err;
    size_t all = 0;
    play(world, 5);
    open_lists(world);
    const factum_saga_each each = {&all, count_entry};
    assert_ok(fct_saga_lists_list(world->lists, NULL, &each, &err), err);
    for (size_t most = all - 1; most <= all + 1; most++) {
        size_t count = 0;
        const factum_saga_filter filter = {.size = sizeof filter, .count_max = most};
        const factum_saga_each some = {&count, count_entry};
        assert_ok(fct_saga_lists_list(world->lists, &filter, &some, &err), err);
        assert_int_equal(count, most < all ? most : all);
    }
}

TEST(lists_that_are_paused_say_how_to_go_on)
{
    struct world *world = *state;
    factum_error err;
    uint64_t place = 0;
    const factum_act_request pause = {
        .size = sizeof pause, .act = FACTUM_ACT_PAUSE, .projection = FCT_SLICE(FCT_LISTS_MODEL)};
    open_lists(world);
    assert_ok(factum_visible_place(world->store, &place, &err), err);
    assert_false(fct_saga_lists_have_stopped(world->lists, place, &err));
    assert_ok(factum_projection_act_record(world->store, &pause, NULL, &err), err);
    for (int i = 0; i < 200; i++) { /* until the host has read of the pause */
        const factum_new_event event = {.type = FCT_SLICE("SagaRetried"), .data = FCT_SLICE("{}")};
        assert_ok(factum_append_stream(world->store, FCT_SLICE("saga:order-1"), factum_any(),
                                       &event, 1, NULL, &err),
                  err);
        assert_ok(factum_visible_place(world->store, &place, &err), err);
        factum_status status = fct_saga_lists_wait(world->lists, place, 100, &err);
        assert_true(status == FACTUM_OK || status == FACTUM_TIMEOUT);
        if (fct_saga_lists_have_stopped(world->lists, place, &err)) {
            assert_string_equal(err.text, "the model saga_instances is paused: factum projection "
                                          "resume saga_instances");
            return;
        }
    }
    fail();
}

TEST(without_a_deployment_the_lists_are_empty)
{
    struct world *world = *state;
    factum_error err;
    size_t count = 0;
    assert_ok(fct_saga_lists_open(world->store, world->dir, NULL, &world->lists, &err), err);
    assert_ok(fct_saga_lists_wait(world->lists, 0, WAIT_MS, &err), err);
    const factum_saga_each each = {&count, count_entry};
    assert_ok(fct_saga_lists_list(world->lists, NULL, &each, &err), err);
    assert_int_equal(count, 0);
    assert_ok(fct_saga_lists_deploy(world->store, NULL, &err), err);
    assert_ok(fct_saga_lists_deploy(world->store, NULL, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(the_lists_are_the_fold_of_the_streams),
        FIXTURE_CASE(lists_that_run_all_the_time_equal_rebuilt_ones),
        FIXTURE_CASE(foreign_streams_with_the_same_names_are_not_listed),
        FIXTURE_CASE(a_list_is_filtered_and_read_page_by_page),
        FIXTURE_CASE(a_filter_follows_the_rules_of_sizes),
        FIXTURE_CASE(a_list_may_have_exactly_as_many_rows_as_asked_for),
        FIXTURE_CASE(lists_that_are_paused_say_how_to_go_on),
        FIXTURE_CASE(without_a_deployment_the_lists_are_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
