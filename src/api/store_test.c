/* store_test.c - the public functions and what they are given: NULL, sizes of structs, numbers that
 * name nothing. On a store in memory and on one on disk. */
#include "support/scratch.h"
#include "support/test.h"

#include <factum/factum.h>
#include <factum/testing.h>

#include "core/slice.h"
#include "os/os.h"

#define TEST(name) static void name(void **state)
#define F struct fixture *f = *state

struct fixture {
    factum_store *store;
    bool local;
    char dir[SCRATCH_SIZE];
    factum_error err;
};

static int set_up_memory(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    *state = &fixture;
    return factum_testing_open_memory(NULL, &fixture.store, &fixture.err);
}

static int set_up_local(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.local = true};
    *state = &fixture;
    if (!scratch_make(fixture.dir)) {
        return 1;
    }
    return factum_open(fixture.dir, NULL, &fixture.store, &fixture.err);
}

static int tear_down(void **state)
{
    F;
    factum_status status = factum_close(f->store, &f->err);
    if (f->local) {
        assert_true(scratch_remove(f->dir));
    }
    return status;
}

static factum_expected any(void)
{
    return (factum_expected){.kind = FACTUM_EXPECTED_ANY};
}

static factum_new_event event_of(const char *stream)
{
    return (factum_new_event){
        .stream = factum_slice_from(stream),
        .type = FCT_SLICE("T"),
        .data = FCT_SLICE("{}"),
    };
}

#define assert_invalid(f, call, wanted)                                                            \
    do {                                                                                           \
        assert_status(call, FACTUM_INVALID);                                                       \
        assert_string_equal((f)->err.text, wanted);                                                \
    } while (0)

/* ---- opening --------------------------------------------------------------------------------- */

TEST(opening_wants_a_path_and_a_place)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    factum_store *store = (factum_store *)(void *)f;
    (void)state;
    assert_invalid(f, factum_open(NULL, NULL, &store, &f->err),
                   "open: a path and a place for the store are needed");
    assert_invalid(f, factum_open("x", NULL, NULL, &f->err),
                   "open: a path and a place for the store are needed");
    factum_store_options options = {.size = sizeof options - 1};
    assert_invalid(f, factum_open("x", &options, &store, &f->err),
                   "open: set size to sizeof(factum_store_options), or pass NULL");
    assert_null(store);
    assert_status(factum_open("x", &options, &store, NULL), FACTUM_INVALID);
    assert_int_equal(factum_close(NULL, &f->err), FACTUM_OK);
}

TEST(options_that_make_no_sense_are_refused_and_nothing_is_made)
{
    static const char dir[] = "/tmp/factum-store-test-never-made";
    struct fixture fixture;
    struct fixture *f = &fixture;
    factum_store *store;
    const factum_store_options plain = {.size = sizeof plain};
    factum_store_options options = plain;
    (void)state;
    options.durability = (factum_durability)3;
    assert_invalid(f, factum_open(dir, &options, &store, &f->err),
                   "open: durability 3 is not known");
    options = plain;
    options.event_size_max = (UINT64_C(16) << 20) + 1;
    assert_invalid(f, factum_open(dir, &options, &store, &f->err),
                   "event_size_max may be 16777216 at most");
    assert_null(store);
    assert_int_equal(access(dir, F_OK), -1);
}

TEST(a_memory_store_wants_the_same_of_its_options)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    factum_store *store = (factum_store *)(void *)f;
    factum_store_options options = {.size = 1};
    (void)state;
    assert_invalid(f, factum_testing_open_memory(NULL, NULL, &f->err),
                   "open: a place for the store is needed");
    assert_invalid(f, factum_testing_open_memory(&options, &store, &f->err),
                   "open: set size to sizeof(factum_store_options), or pass NULL");
    assert_null(store);
    options = (factum_store_options){.size = sizeof options, .append_events_max = 100001};
    assert_invalid(f, factum_testing_open_memory(&options, &store, &f->err),
                   "append_events_max may be 100000 at most");
    assert_null(store);
}

/* ---- without a store ------------------------------------------------------------------------- */

TEST(appends_without_a_store_are_refused)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    factum_new_event event = event_of("s-1");
    factum_append_request request = {.size = sizeof request};
    factum_append_op op = {.request = request};
    factum_slice s = FCT_SLICE("s-1");
    (void)state;
    assert_invalid(f, factum_append(NULL, &request, NULL, NULL, &f->err),
                   "append: a store is needed");
    assert_invalid(f, factum_append_stream(NULL, s, any(), &event, 1, NULL, &f->err),
                   "append: a store is needed");
    assert_invalid(f, factum_append_submit(NULL, &op, &f->err), "append: a store is needed");
    assert_invalid(f, factum_metadata_set(NULL, s, any(), FCT_SLICE("{}"), NULL, &f->err),
                   "metadata: a store is needed");
    assert_invalid(f, factum_delete(NULL, s, any(), NULL, &f->err), "delete: a store is needed");
    assert_invalid(f, factum_tombstone(NULL, s, any(), NULL, &f->err),
                   "tombstone: a store is needed");
}

TEST(looks_without_a_store_are_refused)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    factum_read_request request = {.size = sizeof request};
    factum_cursor *cursor;
    factum_subscription *subscription;
    factum_list *list;
    factum_event event;
    factum_stream_info info;
    factum_info figures;
    (void)state;
    assert_invalid(f, factum_read(NULL, &request, &cursor, &f->err),
                   "read: a store and a place for the cursor are needed");
    assert_invalid(f, factum_read_event(NULL, 64, &event, &f->err),
                   "read: a store and a place for the event are needed");
    assert_invalid(f, factum_subscribe(NULL, &request, &subscription, &f->err),
                   "subscribe: a store and a place for it are needed");
    assert_invalid(f, factum_list_open(NULL, FACTUM_LIST_TYPES, &list, &f->err),
                   "list: a store and a place for the list are needed");
    assert_invalid(f, factum_stream_info_get(NULL, FCT_SLICE("s-1"), &info, &f->err),
                   "stream: a store and a place for the answer are needed");
    assert_invalid(f, factum_info_get(NULL, &figures, &f->err),
                   "info: a store and a place for the answer are needed");
    assert_invalid(f, factum_wait(NULL, 0, 0, &f->err), "wait: a store is needed");
    assert_int_equal(factum_end_position(NULL), 0);
}

TEST(care_without_what_it_needs_is_refused)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    const factum_repair_options small = {.size = sizeof small - 1};
    const char *repair = "repair: a path and options with size = sizeof(factum_repair_options) are "
                         "needed";
    (void)state;
    assert_invalid(f, factum_verify(NULL, NULL, NULL, &f->err), "verify: a store is needed");
    assert_invalid(f, factum_backup(NULL, "x", NULL, NULL, &f->err),
                   "backup: a store and a directory are needed");
    assert_invalid(f, factum_restore(NULL, "x", NULL, NULL, &f->err),
                   "restore: two directories are needed");
    assert_invalid(f, factum_restore("x", NULL, NULL, NULL, &f->err),
                   "restore: two directories are needed");
    assert_invalid(f, factum_repair("x", NULL, NULL, &f->err), repair);
    assert_invalid(f, factum_repair("x", &small, NULL, &f->err), repair);
    assert_invalid(f, factum_testing_given(NULL, "", &f->err),
                   "given: a store and lines are needed");
    assert_invalid(f, factum_testing_expect(NULL, "s", "", &f->err),
                   "expect: a store, a stream and lines are needed");
}

TEST(what_is_closed_may_be_null)
{
    (void)state;
    factum_cursor_close(NULL);
    factum_list_close(NULL);
    factum_subscription_stop(NULL);
    factum_subscription_close(NULL);
    assert_int_equal(factum_subscription_position(NULL), 0);
    assert_string_equal(factum_durability_name(FACTUM_DURABILITY_SYNC), "sync");
    assert_string_equal(factum_durability_name(FACTUM_DURABILITY_OS), "os");
}

/* ---- with one -------------------------------------------------------------------------------- */

TEST(a_place_for_the_answer_is_needed)
{
    F;
    factum_read_request request = {.size = sizeof request};
    factum_event event;
    factum_cursor *cursor;
    factum_list *list;
    factum_list_entry entry;
    assert_invalid(f, factum_read(f->store, &request, NULL, &f->err),
                   "read: a store and a place for the cursor are needed");
    assert_invalid(f, factum_cursor_next(NULL, &event, &f->err),
                   "read: a cursor and a place for the event are needed");
    assert_ok(factum_read(f->store, &request, &cursor, &f->err), f->err);
    assert_invalid(f, factum_cursor_next(cursor, NULL, &f->err),
                   "read: a cursor and a place for the event are needed");
    factum_cursor_close(cursor);
    assert_invalid(f, factum_read_event(f->store, 64, NULL, &f->err),
                   "read: a store and a place for the event are needed");
    assert_invalid(f, factum_subscribe(f->store, &request, NULL, &f->err),
                   "subscribe: a store and a place for it are needed");
    assert_invalid(f, factum_subscription_next(NULL, 0, &event, &f->err),
                   "a subscription and a place for the event are needed");
    assert_invalid(f, factum_list_open(f->store, FACTUM_LIST_TYPES, NULL, &f->err),
                   "list: a store and a place for the list are needed");
    assert_invalid(f, factum_list_next(NULL, &entry, &f->err),
                   "list: a list and a place for the entry are needed");
    assert_ok(factum_list_open(f->store, FACTUM_LIST_TAGS, &list, &f->err), f->err);
    assert_invalid(f, factum_list_next(list, NULL, &f->err),
                   "list: a list and a place for the entry are needed");
    factum_list_close(list);
    assert_invalid(f, factum_stream_info_get(f->store, FCT_SLICE("s-1"), NULL, &f->err),
                   "stream: a store and a place for the answer are needed");
    assert_invalid(f, factum_info_get(f->store, NULL, &f->err),
                   "info: a store and a place for the answer are needed");
    assert_ok(factum_verify(f->store, NULL, NULL, &f->err), f->err);
}

TEST(a_list_of_an_unknown_kind_is_refused)
{
    F;
    factum_list *list = (factum_list *)(void *)f;
    assert_invalid(f, factum_list_open(f->store, (factum_list_kind)4, &list, &f->err),
                   "list: kind 4 is not known");
    assert_null(list);
}

TEST(a_refused_read_leaves_no_handle)
{
    F;
    factum_cursor *cursor = (factum_cursor *)(void *)f;
    factum_subscription *subscription = (factum_subscription *)(void *)f;
    factum_read_request request = {.size = 1};
    assert_status(factum_read(f->store, &request, &cursor, &f->err), FACTUM_INVALID);
    assert_null(cursor);
    assert_status(factum_subscribe(f->store, &request, &subscription, &f->err), FACTUM_INVALID);
    assert_null(subscription);
    request = (factum_read_request){
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = FCT_SLICE("none")};
    cursor = (factum_cursor *)(void *)f;
    assert_status(factum_read(f->store, &request, &cursor, &f->err), FACTUM_STREAM_NOT_FOUND);
    assert_string_equal(f->err.text, "no stream none");
    assert_null(cursor);
}

TEST(an_append_to_a_stream_fills_in_its_name)
{
    F;
    factum_append_result result;
    factum_new_event events[] = {event_of(""), event_of("s-1"), event_of("s-2")};
    factum_slice s = FCT_SLICE("s-1");
    assert_ok(factum_append_stream(f->store, s, any(), events, 2, &result, &f->err), f->err);
    assert_int_equal(result.revision, 1);
    assert_int_equal(events[0].stream.len, 0);
    assert_invalid(f, factum_append_stream(f->store, s, any(), events, 3, &result, &f->err),
                   "event 2 names stream s-2, not s-1");
    assert_invalid(f, factum_append_stream(f->store, s, any(), NULL, 1, &result, &f->err),
                   "append: events are NULL");
    assert_status(factum_append_stream(f->store, s, any(), events, 1001, &result, &f->err),
                  FACTUM_TOO_BIG);
    assert_string_equal(f->err.text, "an append has 1001 events: at most 1000");
    factum_slice nowhere = {NULL, 3};
    assert_invalid(f, factum_append_stream(f->store, nowhere, any(), events, 2, &result, &f->err),
                   "a stream has no name: give it one");
    assert_ok(factum_append_stream(f->store, s, any(), NULL, 0, &result, &f->err), f->err);
    assert_ok(factum_append_stream(f->store, s, any(), events, 1, NULL, NULL), f->err);
}

TEST(an_event_is_only_where_one_begins)
{
    F;
    factum_append_result result;
    factum_new_event one = event_of("s-1");
    factum_event event;
    assert_ok(factum_append_stream(f->store, one.stream, any(), &one, 1, &result, &f->err), f->err);
    assert_ok(factum_read_event(f->store, result.position, &event, &f->err), f->err);
    assert_true(fct_slice_equal(event.type, one.type));
    const uint64_t end = factum_end_position(f->store);
    const uint64_t none[] = {0, 1, result.position - 1, result.position + 1, end, UINT64_MAX};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "no event at position %llu", (unsigned long long)none[i]);
        assert_status(factum_read_event(f->store, none[i], &event, &f->err), FACTUM_NOT_FOUND);
        assert_string_equal(f->err.text, text);
    }
}

TEST(a_wait_ends_with_its_time_or_with_news)
{
    F;
    factum_new_event one = event_of("s-1");
    uint64_t end = factum_end_position(f->store);
    assert_status(factum_wait(f->store, end, 0, &f->err), FACTUM_TIMEOUT);
    assert_status(factum_wait(f->store, UINT64_MAX, 0, &f->err), FACTUM_TIMEOUT);
    uint64_t before = fct_os_monotonic(fct_os_real());
    assert_status(factum_wait(f->store, end, 30, &f->err), FACTUM_TIMEOUT);
    assert_true(fct_os_monotonic(fct_os_real()) - before >= UINT64_C(30000000));
    assert_ok(factum_append_stream(f->store, one.stream, any(), &one, 1, NULL, &f->err), f->err);
    assert_ok(factum_wait(f->store, end, 0, &f->err), f->err);
    assert_ok(factum_wait(f->store, end, -1, &f->err), f->err);
    assert_ok(factum_wait(f->store, 0, INT64_MAX, &f->err), f->err);
}

/* ---- testing.h ------------------------------------------------------------------------------- */

TEST(given_and_expect_say_what_differs)
{
    F;
    static const char given[] = "{\"stream\":\"s-1\",\"type\":\"A\",\"data\":{\"n\":1}}\n\n"
                                "{\"stream\":\"s-1\",\"type\":\"B\"}";
    assert_ok(factum_testing_given(f->store, given, &f->err), f->err);
    assert_ok(factum_testing_expect(f->store, "s-1", given, &f->err), f->err);
    static const struct {
        const char *lines, *text;
    } wrong[] = {
        {"{\"stream\":\"s-1\",\"type\":\"A\"}", "event 1 (B) was not expected"},
        {"{\"stream\":\"s-1\",\"type\":\"B\"}", "event 0 is A, not B"},
        {"{\"stream\":\"s-1\",\"type\":\"A\",\"data\":{}}",
         "event 0 (A) has data {\"n\":1}, not {}"},
        {"{\"stream\":\"s-1\",\"type\":\"A\"}\n{\"stream\":\"s-1\",\"type\":\"B\"}\n"
         "{\"stream\":\"s-1\",\"type\":\"C\"}",
         "the stream ends after 2 events: C is missing"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_status(factum_testing_expect(f->store, "s-1", wrong[i].lines, &f->err),
                      FACTUM_NOT_FOUND);
        assert_string_equal(f->err.text, wrong[i].text);
    }
    assert_status(factum_testing_expect(f->store, "none", given, &f->err), FACTUM_NOT_FOUND);
    assert_string_equal(f->err.text, "the stream ends after 0 events: A is missing");
    assert_ok(factum_testing_expect(f->store, "none", "", &f->err), f->err);
    assert_status(factum_testing_given(f->store, "\n{\"stream\":\"s\"", &f->err), FACTUM_INVALID);
    assert_text(f->err, "line 1: byte 13: this is no JSON");
}

TEST(a_memory_store_says_what_it_cannot_do)
{
    F;
    if (f->local) {
        return; /* it can */
    }
    assert_status(factum_backup(f->store, "x", NULL, NULL, &f->err), FACTUM_UNSUPPORTED);
    assert_string_equal(f->err.text, "a store in memory cannot be backed up");
}

int main(void)
{
#define BOTH(name)                                                                                 \
    {"memory: " #name, name, set_up_memory, tear_down, NULL},                                      \
    {                                                                                              \
        "local: " #name, name, set_up_local, tear_down, NULL                                       \
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_wants_a_path_and_a_place),
        cmocka_unit_test(options_that_make_no_sense_are_refused_and_nothing_is_made),
        cmocka_unit_test(a_memory_store_wants_the_same_of_its_options),
        cmocka_unit_test(appends_without_a_store_are_refused),
        cmocka_unit_test(looks_without_a_store_are_refused),
        cmocka_unit_test(care_without_what_it_needs_is_refused),
        cmocka_unit_test(what_is_closed_may_be_null),
        BOTH(a_place_for_the_answer_is_needed),
        BOTH(a_list_of_an_unknown_kind_is_refused),
        BOTH(a_refused_read_leaves_no_handle),
        BOTH(an_append_to_a_stream_fills_in_its_name),
        BOTH(an_event_is_only_where_one_begins),
        BOTH(a_wait_ends_with_its_time_or_with_news),
        BOTH(given_and_expect_say_what_differs),
        BOTH(a_memory_store_says_what_it_cannot_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
