/* transact_test.c - a command with every allocation failing, and with failing random numbers.
 * tests/decider runs commands on stores of every kind. */
#include "support/fault.h"
#include "support/mem_fault.h"
#include "support/test_store.h"

#include <limits.h>

#include "core/slice.h"
#include "decider/cache.h"
#include "decider/transact.h"

typedef struct sum_event {
    factum_slice text;
} sum_event;
typedef struct sum_state {
    uint64_t count;
    factum_slice last;
} sum_state;
typedef struct sum_command {
    const char *tag;        /* decides over a query, if not NULL */
    factum_store *overtake; /* appends to the stream once during the decision */
} sum_command;
FACTUM_DECIDER_DECLARE(sum, sum_state, sum_command, sum_event);

static factum_status sum_event_parse(factum_slice type, factum_slice data, factum_arena *arena,
                                     sum_event *event, factum_error *err)
{
    (void)err;
    event->text = factum_arena_copy(arena, data);
    return fct_slice_equal(type, FCT_SLICE("Summed")) ? FACTUM_OK : FACTUM_NOT_FOUND;
}

static factum_slice sum_event_print(const sum_event *event, factum_json_writer *to)
{
    factum_json_put_text(to, event->text);
    return factum_slice_from("Summed");
}

static void sum_evolve(sum_state *state, const sum_event *event, factum_arena *arena)
{
    state->count++;
    state->last = factum_arena_copy(arena, event->text);
}

static factum_status append_one(factum_store *store, factum_error *err)
{
    const factum_new_event event = {.type = FCT_SLICE("Summed"), .data = FCT_SLICE("1")};
    return factum_append_stream(store, FCT_SLICE("sum-1"), factum_any(), &event, 1, NULL, err);
}

static factum_verdict sum_decide(const sum_state *state, const sum_command *command,
                                 factum_decision *out)
{
    const sum_event event = {FCT_SLICE("a text that takes some room in the state's arena")};
    const factum_slice tag = factum_slice_from(command->tag);
    if (command->overtake != NULL && state->count < 2) {
        assert_int_equal(append_one(command->overtake, NULL), FACTUM_OK);
    }
    for (int i = 0; i < 11; i++) {
        (void)factum_emit_to(out, FCT_SLICE("sum-1"), &event, &tag, command->tag != NULL ? 1 : 0);
    }
    return FACTUM_ACCEPTED;
}

static void sum_command_print(const sum_command *command, factum_json_writer *to)
{
    factum_json_put_text(to, factum_slice_from(command->tag));
}

static void sum_query(const sum_command *command, factum_arena *arena, factum_query *query)
{
    factum_slice *tag = factum_arena_alloc(arena, sizeof *tag);
    factum_query_item *item = factum_arena_alloc(arena, sizeof *item);
    if (tag != NULL && item != NULL) {
        *tag = factum_slice_from(command->tag);
        *item = (factum_query_item){.tags = tag, .tag_count = 1};
        *query = (factum_query){.items = item, .item_count = 1};
    }
}

FACTUM_DECIDER_OVER_QUERY(sum, 1);

struct attempt {
    struct fct_mem_fault mem;
    factum_store *store;
    factum_state_cache *cache;
    factum_status status;
    factum_result result;
    factum_error err;
};

/* Two commands in turn, the second on the cached state of the first. */
static void run(struct attempt *a, const char *tag, unsigned long fail_at, bool sticky)
{
    const struct fct_transact_world world = {&a->mem.mem, fct_os_real()};
    const factum_state_cache_options options = {.size = sizeof options};
    fct_mem_fault_init(&a->mem);
    assert_ok(factum_testing_open_memory(NULL, &a->store, &a->err), a->err);
    assert_ok(append_one(a->store, &a->err), a->err);
    assert_ok(fct_cache_create(&a->mem.mem, a->store, &options, &a->cache, &a->err), a->err);
    a->mem.fail_at = fail_at == ULONG_MAX ? fail_at : a->mem.calls + fail_at;
    a->mem.sticky = sticky;
    for (int i = 0; i < 2; i++) {
        const sum_command command = {.tag = tag, .overtake = i == 1 && !tag ? a->store : NULL};
        const factum_transact_request request = {
            .size = sizeof request,
            .stream = tag == NULL ? FCT_SLICE("sum-1") : FCT_SLICE(""),
            .command = &command,
            .command_id = i == 0 ? FCT_SLICE("k0") : FCT_SLICE("k1"),
            .cache = a->cache,
        };
        a->err = (factum_error){.status = FACTUM_OK};
        a->status = fct_transact(&world, a->store, &sum_decider, &request, &a->result, &a->err);
        if (a->status != FACTUM_OK) {
            break;
        }
    }
}

/* The events in the store: 1 and a multiple of 11 for each command. */
static void finish(struct attempt *a)
{
    uint64_t count = 0;
    assert_ok(factum_count_events(a->store, FACTUM_SOURCE_STREAM, FCT_SLICE("sum-1"), 0, UINT64_MAX,
                                  &count, &a->err),
              a->err);
    assert_true(count % 11 == 1 || count % 11 == 2);
    a->mem.fail_at = ULONG_MAX;
    factum_state_cache_destroy(a->cache);
    assert_int_equal(a->mem.held, 0);
    assert_ok(factum_close(a->store, &a->err), a->err);
}

static void fail_each(const char *tag)
{
    struct attempt a;
    run(&a, tag, ULONG_MAX, false);
    assert_ok(a.status, a.err);
    unsigned long calls = a.mem.calls;
    finish(&a);
    assert_true(calls > 8);
    for (unsigned long at = 0; at < calls; at++) {
        for (int sticky = 0; sticky < 2; sticky++) {
            run(&a, tag, at, sticky != 0);
            if (a.status != FACTUM_OK) { /* otherwise only the cache was affected */
                assert_int_equal(a.status, FACTUM_NO_MEMORY);
                assert_text(a.err, "out of memory");
            }
            finish(&a);
        }
    }
}

TEST(without_memory_it_reports_it_and_writes_all_or_nothing)
{
    fail_each(NULL);
}

TEST(without_memory_over_a_query_it_writes_all_or_nothing)
{
    fail_each("tag:1");
}

TEST(without_random_numbers_a_lost_race_is_an_error)
{
    struct fct_fault fault;
    factum_store *store;
    factum_error err;
    factum_result result;
    (void)state;
    fct_fault_init(&fault, fct_os_real());
    fault.kind = FCT_FAULT_EIO;
    fault.at = 0;
    assert_ok(factum_testing_open_memory(NULL, &store, &err), err);
    const struct fct_transact_world world = {fct_mem_heap(), &fault.os};
    const sum_command command = {.overtake = store};
    const factum_transact_request request = {
        .size = sizeof request, .stream = FCT_SLICE("sum-1"), .command = &command};
    assert_status(fct_transact(&world, store, &sum_decider, &request, &result, &err), FACTUM_IO);
    assert_int_equal(result.retries, 0);
    fault.at = UINT64_MAX;
    assert_ok(fct_transact(&world, store, &sum_decider, &request, &result, &err), err);
    assert_int_equal(result.retries, 1);
    assert_ok(factum_close(store, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_memory_it_reports_it_and_writes_all_or_nothing),
        CASE(without_memory_over_a_query_it_writes_all_or_nothing),
        CASE(without_random_numbers_a_lost_race_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
