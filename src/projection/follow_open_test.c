/* follow_open_test.c - followers: their arguments, and the memory that they use. */
#include "support/fault.h"
#include "support/mem_fault.h"
#include "support/test_store.h"

#include <limits.h>
#include <malloc.h>

#include "core/slice.h"
#include "projection/follow.h"

struct fixture {
    factum_store *store;
    char dir[SCRATCH_SIZE];
    factum_error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    *state = &fixture;
    return test_store_open(&fixture.store, true, fixture.dir, NULL, &fixture.err);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    return test_store_close(f->store, f->dir, &f->err);
}

static const factum_follow_until caught_up = {.size = sizeof caught_up, .caught_up = true};

static factum_status see(void *data, const factum_event *event, factum_error *err)
{
    (void)data;
    (void)event;
    (void)err;
    return FACTUM_OK;
}

static factum_status load_nothing(void *data, char token[FACTUM_TOKEN_SIZE], factum_error *err)
{
    (void)data;
    (void)token;
    (void)err;
    return FACTUM_OK;
}

/* ---- arguments, memory ----------------------------------------------------------------------- */

TEST(arguments_are_checked)
{
    struct fixture *f = *state;
    static uint8_t long_name[FACTUM_FOLLOW_NAME_MAX + 1];
    const factum_read_request all = {.size = sizeof all};
    const factum_follow_keeper halved = {.load = load_nothing};
    const factum_follow_options good = {
        .size = sizeof good, .name = FCT_SLICE("mailer"), .request = &all, .each = see};
    factum_follow_options bad[7];
    factum_follow *follow = NULL;
    memset(long_name, 'x', sizeof long_name);
    for (size_t i = 0; i < 7; i++) {
        bad[i] = good;
    }
    bad[0].size = 0;
    bad[1].name = FCT_SLICE("");
    bad[2].name = fct_slice(long_name, sizeof long_name);
    bad[3].name = FCT_SLICE("\xff");
    bad[4].request = NULL;
    bad[5].each = NULL;
    bad[6].keeper = &halved;
    for (size_t i = 0; i < 7; i++) {
        assert_status(factum_follow_open(f->store, &bad[i], &follow, &f->err), FACTUM_INVALID);
        assert_null(follow);
    }
    assert_status(factum_follow_open(NULL, &good, &follow, &f->err), FACTUM_INVALID);
    assert_status(factum_follow_open(f->store, &good, NULL, &f->err), FACTUM_INVALID);
    assert_status(factum_follow_run(NULL, NULL, NULL), FACTUM_INVALID);
    assert_status(factum_follow_info_get(NULL, NULL, NULL), FACTUM_INVALID);
    factum_follow_stop(NULL);
    factum_follow_close(NULL);
    assert_ok(factum_follow_open(f->store, &good, &follow, &f->err), f->err);
    const factum_follow_until sizeless = {.caught_up = true};
    assert_status(factum_follow_run(follow, &sizeless, &f->err), FACTUM_INVALID);
    factum_follow_close(follow);
}

TEST(too_big_requests_are_refused)
{
    struct fixture *f = *state;
    static factum_slice names[FACTUM_QUERY_NAMES_MAX + 1];
    const factum_query_item item = {.types = names, .type_count = FACTUM_QUERY_NAMES_MAX + 1};
    const factum_query queries[] = {{&item, 1}, {&item, FACTUM_QUERY_ITEMS_MAX + 1}};
    const factum_filter filter = {
        .size = sizeof filter, .types = names, .type_count = FACTUM_FILTER_NAMES_MAX + 1};
    const factum_read_request requests[] = {
        {.size = sizeof requests[0], .source = FACTUM_SOURCE_QUERY, .query = &queries[0]},
        {.size = sizeof requests[0], .source = FACTUM_SOURCE_QUERY, .query = &queries[1]},
        {.size = sizeof requests[0], .filter = &filter},
    };
    for (size_t i = 0; i < 3; i++) {
        const factum_follow_options options = {.size = sizeof options,
                                               .name = FCT_SLICE("mailer"),
                                               .request = &requests[i],
                                               .each = see};
        factum_follow *follow;
        assert_status(factum_follow_open(f->store, &options, &follow, &f->err), FACTUM_TOO_BIG);
    }
}

TEST(without_memory_or_random_numbers_it_is_not_opened)
{
    struct fixture *f = *state;
    struct fct_mem_fault mem;
    struct fct_fault fault;
    const factum_slice type = FCT_SLICE("Counted");
    const factum_query_item item = {.types = &type, .type_count = 1};
    const factum_query query = {.items = &item, .item_count = 1};
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_QUERY, .query = &query};
    const factum_follow_options options = {
        .size = sizeof options, .name = FCT_SLICE("mailer"), .request = &request, .each = see};
    factum_follow *follow;
    fct_mem_fault_init(&mem);
    fct_fault_init(&fault, fct_os_real());
    const struct fct_follow_world world = {&mem.mem, &fault.os};
    assert_ok(fct_follow_open(&world, f->store, &options, &follow, &f->err), f->err);
    factum_follow_close(follow);
    unsigned long calls = mem.calls;
    assert_true(calls >= 2);
    for (unsigned long at = 0; at < calls; at++) {
        mem.fail_at = mem.calls + at;
        assert_status(fct_follow_open(&world, f->store, &options, &follow, &f->err),
                      FACTUM_NO_MEMORY);
        assert_null(follow);
    }
    mem.fail_at = ULONG_MAX;
    fct_fault_init(&fault, fct_os_real());
    fault.kind = FCT_FAULT_EIO;
    fault.at = 0;
    assert_status(fct_follow_open(&world, f->store, &options, &follow, &f->err), FACTUM_IO);
    assert_int_equal(mem.held, 0);
}

struct backlog {
    uint64_t count;
    size_t heap_first;
    size_t heap_most;
};

static factum_status weigh(void *data, const factum_event *event, factum_error *err)
{
    struct backlog *backlog = data;
    (void)event;
    (void)err;
    if (backlog->count++ % 1000 == 0) {
        size_t heap = mallinfo2().uordblks;
        backlog->heap_first = backlog->count == 1 ? heap : backlog->heap_first;
        backlog->heap_most = heap > backlog->heap_most ? heap : backlog->heap_most;
    }
    return FACTUM_OK;
}

/* FACTUM_FOLLOW_EVENTS makes the backlog longer. */
TEST(a_long_backlog_takes_no_memory)
{
    struct fixture *f = *state;
    const char *wanted = getenv("FACTUM_FOLLOW_EVENTS");
    uint64_t batches = wanted == NULL ? 20 : strtoull(wanted, NULL, 10) / 1000;
    static factum_new_event events[1000];
    struct backlog backlog = {.count = 0};
    const factum_read_request all = {.size = sizeof all, .skip_system = true};
    const factum_follow_options options = {.size = sizeof options,
                                           .name = FCT_SLICE("mailer"),
                                           .request = &all,
                                           .data = &backlog,
                                           .each = weigh};
    factum_follow *follow;
    for (size_t i = 0; i < 1000; i++) {
        events[i] = (factum_new_event){.type = FCT_SLICE("Counted"),
                                       .data = FCT_SLICE("{\"text\":\"of some length\"}")};
    }
    for (uint64_t i = 0; i < batches; i++) {
        char stream[32];
        (void)snprintf(stream, sizeof stream, "count-%d", (int)(i % 97));
        assert_ok(factum_append_stream(f->store, factum_slice_from(stream), factum_any(), events,
                                       1000, NULL, &f->err),
                  f->err);
    }
    assert_ok(factum_follow_open(f->store, &options, &follow, &f->err), f->err);
    assert_ok(factum_follow_run(follow, &caught_up, &f->err), f->err);
    factum_follow_close(follow);
    assert_int_equal(backlog.count, batches * 1000);
    assert_true(backlog.heap_most - backlog.heap_first < (size_t)1 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(arguments_are_checked),
        FIXTURE_CASE(too_big_requests_are_refused),
        FIXTURE_CASE(without_memory_or_random_numbers_it_is_not_opened),
        FIXTURE_CASE(a_long_backlog_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
