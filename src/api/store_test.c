/* store_test.c - the public functions and their arguments: NULL, sizes of structs, numbers outside
 * enums, clocks, deadlines. On a store in memory and on one on disk. */
#include "support/test_store.h"

#include "core/slice.h"
#include "os/os.h"

struct fixture {
    factum_store *store;
    char dir[SCRATCH_SIZE];
    factum_error err;
};

static int set_up_memory(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    *state = &fixture;
    return test_store_open(&fixture.store, false, fixture.dir, NULL, &fixture.err);
}

static int set_up_local(void **state)
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

TEST(opening_needs_a_path_and_room_for_the_store)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    factum_store *store = (factum_store *)(void *)f;
    (void)state;
    assert_invalid(f, factum_open(NULL, NULL, &store, &f->err),
                   "open: a path and a place for the store are needed");
    assert_invalid(f, factum_open("x", NULL, NULL, &f->err),
                   "open: a path and a place for the store are needed");
    factum_store_options options = {.size = 0};
    assert_invalid(f, factum_open("x", &options, &store, &f->err),
                   "open: the options struct has size 0: set it to sizeof the struct");
    assert_null(store);
    assert_status(factum_open("x", &options, &store, NULL), FACTUM_INVALID);
    assert_int_equal(factum_close(NULL, &f->err), FACTUM_OK);
}

TEST(invalid_options_are_refused_and_nothing_is_created)
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
    options = plain;
    const factum_clock clock = {.now = NULL};
    options.clock = &clock;
    assert_invalid(f, factum_open(dir, &options, &store, &f->err),
                   "open: the clock has no function now");
    options = plain;
    const factum_log_sink sink = {.write = NULL};
    options.log = &sink;
    assert_invalid(f, factum_open(dir, &options, &store, &f->err),
                   "open: the log sink has no function to write");
    assert_null(store);
    assert_int_equal(access(dir, F_OK), -1);
}

TEST(a_memory_store_checks_its_options_too)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    factum_store *store = (factum_store *)(void *)f;
    factum_store_options options = {.size = 1};
    (void)state;
    assert_invalid(f, factum_testing_open_memory(NULL, NULL, &f->err),
                   "open: a place for the store is needed");
    assert_invalid(f, factum_testing_open_memory(&options, &store, &f->err),
                   "open: the options struct has size 1: set it to sizeof the struct");
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
    factum_append_op op = {.size = sizeof op, .request = &request};
    factum_slice s = FCT_SLICE("s-1");
    (void)state;
    assert_invalid(f, factum_append(NULL, &request, NULL, NULL, &f->err),
                   "append: a store is needed");
    assert_invalid(f, factum_append_stream(NULL, s, factum_any(), &event, 1, NULL, &f->err),
                   "append: a store is needed");
    assert_invalid(f, factum_append_submit(NULL, &op, &f->err), "append: a store is needed");
    assert_invalid(f, factum_metadata_set(NULL, s, factum_any(), FCT_SLICE("{}"), NULL, &f->err),
                   "metadata: a store is needed");
    assert_invalid(f, factum_delete(NULL, s, factum_any(), NULL, &f->err),
                   "delete: a store is needed");
    assert_invalid(f, factum_tombstone(NULL, s, factum_any(), NULL, &f->err),
                   "tombstone: a store is needed");
}

TEST(reads_without_a_store_are_refused)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    factum_read_request request = {.size = sizeof request};
    factum_list_request names = {.size = sizeof names, .kind = FACTUM_LIST_TYPES};
    factum_cursor *cursor;
    factum_subscription *subscription;
    factum_list *list;
    factum_event_copy copy = {.memory = NULL};
    factum_stream_info info = {.size = sizeof info};
    factum_info figures = {.size = sizeof figures};
    (void)state;
    assert_invalid(f, factum_read(NULL, &request, &cursor, &f->err),
                   "read: a store and a place for the cursor are needed");
    assert_invalid(f, factum_read_event(NULL, 64, &copy, &f->err),
                   "read: a store and a place for the event are needed");
    assert_invalid(f, factum_subscribe(NULL, &request, &subscription, &f->err),
                   "subscribe: a store and a place for it are needed");
    assert_invalid(f, factum_list_open(NULL, &names, &list, &f->err),
                   "list: a store and a place for the list are needed");
    assert_invalid(f, factum_stream_info_get(NULL, FCT_SLICE("s-1"), &info, &f->err),
                   "stream: a store and a place for the answer are needed");
    assert_invalid(f, factum_info_get(NULL, &figures, &f->err),
                   "info: a store and a place for the answer are needed");
    assert_invalid(f, factum_wait(NULL, 0, 0, &f->err), "wait: a store is needed");
    assert_int_equal(factum_capabilities(NULL), 0);
    int64_t before = fct_os_time(fct_os_real());
    assert_true(factum_now(NULL) >= before);
}

TEST(upkeep_without_its_arguments_is_refused)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    const factum_repair_options unset = {.size = 0};
    factum_verify_report report = {.size = 0};
    factum_progress progress = {.step = NULL};
    (void)state;
    assert_invalid(f, factum_verify(NULL, NULL, NULL, &f->err), "verify: a store is needed");
    assert_invalid(f, factum_backup(NULL, "x", NULL, NULL, &f->err),
                   "backup: a store and a directory are needed");
    assert_invalid(f, factum_backup_verify(NULL, NULL, NULL, NULL, &f->err),
                   "verify a backup: a directory is needed");
    assert_invalid(f, factum_restore(NULL, "x", NULL, NULL, &f->err),
                   "restore: two directories are needed");
    assert_invalid(f, factum_restore("x", NULL, NULL, NULL, &f->err),
                   "restore: two directories are needed");
    assert_invalid(f, factum_restore("x", "y", &progress, NULL, &f->err), "progress: step is NULL");
    assert_invalid(f, factum_repair(NULL, &unset, NULL, &f->err), "repair: a path is needed");
    assert_invalid(f, factum_repair("x", NULL, NULL, &f->err),
                   "repair: the options struct is NULL");
    assert_invalid(f, factum_repair("x", &unset, NULL, &f->err),
                   "repair: the options struct has size 0: set it to sizeof the struct");
    assert_invalid(f, factum_verify(NULL, NULL, &report, &f->err), "verify: a store is needed");
    assert_invalid(f, factum_testing_given(NULL, "", &f->err),
                   "given: a store and lines are needed");
    assert_invalid(f, factum_testing_expect(NULL, "s", "", &f->err),
                   "expect: a store, a stream and lines are needed");
}

TEST(what_is_closed_may_be_null)
{
    factum_cursor_close(NULL);
    factum_list_close(NULL);
    factum_subscription_stop(NULL);
    factum_subscription_close(NULL);
    factum_event_copy_free(NULL);
    factum_event_copy copy = {.memory = NULL};
    factum_event_copy_free(&copy);
    assert_int_equal(factum_subscription_checkpoint(NULL), 0);
    assert_int_equal(factum_cursor_place(NULL), 0);
    assert_string_equal(factum_durability_name(FACTUM_DURABILITY_SYNC), "sync");
    assert_string_equal(factum_durability_name(FACTUM_DURABILITY_OS), "os");
}

/* ---- with one -------------------------------------------------------------------------------- */

TEST(room_for_the_answer_is_needed)
{
    struct fixture *f = *state;
    factum_read_request request = {.size = sizeof request};
    factum_list_request names = {.size = sizeof names, .kind = FACTUM_LIST_TAGS};
    factum_verify_report report = {.size = 4};
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
    assert_invalid(f, factum_list_open(f->store, &names, NULL, &f->err),
                   "list: a store and a place for the list are needed");
    assert_invalid(f, factum_list_next(NULL, &entry, &f->err),
                   "list: a list and a place for the entry are needed");
    assert_ok(factum_list_open(f->store, &names, &list, &f->err), f->err);
    assert_invalid(f, factum_list_next(list, NULL, &f->err),
                   "list: a list and a place for the entry are needed");
    factum_list_close(list);
    assert_invalid(f, factum_stream_info_get(f->store, FCT_SLICE("s-1"), NULL, &f->err),
                   "stream: a store and a place for the answer are needed");
    assert_invalid(f, factum_info_get(f->store, NULL, &f->err),
                   "info: a store and a place for the answer are needed");
    assert_ok(factum_verify(f->store, NULL, NULL, &f->err), f->err);
    assert_invalid(f, factum_verify(f->store, NULL, &report, &f->err),
                   "verify: the report has size 4: set it to sizeof the struct");
}

TEST(a_refused_list_leaves_no_handle)
{
    struct fixture *f = *state;
    factum_list *list = (factum_list *)(void *)f;
    const factum_list_request request = {.size = sizeof request, .kind = (factum_list_kind)4};
    assert_invalid(f, factum_list_open(f->store, &request, &list, &f->err),
                   "list: kind 4 is not known");
    assert_null(list);
}

TEST(a_refused_read_leaves_no_handle)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    factum_append_result result;
    factum_new_event events[] = {event_of(""), event_of("s-1"), event_of("s-2")};
    factum_slice s = FCT_SLICE("s-1");
    assert_ok(factum_append_stream(f->store, s, factum_any(), events, 2, &result, &f->err), f->err);
    assert_int_equal(result.revision, 1);
    assert_int_equal(events[0].stream.len, 0);
    assert_invalid(f, factum_append_stream(f->store, s, factum_any(), events, 3, &result, &f->err),
                   "event 2 names stream s-2, not s-1");
    assert_invalid(f, factum_append_stream(f->store, s, factum_any(), NULL, 1, &result, &f->err),
                   "append: events are NULL");
    assert_status(factum_append_stream(f->store, s, factum_any(), events, 1001, &result, &f->err),
                  FACTUM_TOO_BIG);
    assert_string_equal(f->err.text, "an append has 1001 events: at most 1000 (append_events_max); "
                                     "split it into several");
    factum_slice nowhere = {NULL, 3};
    assert_invalid(
        f, factum_append_stream(f->store, nowhere, factum_any(), events, 2, &result, &f->err),
        "a stream has no name: give it one");
    assert_ok(factum_append_stream(f->store, s, factum_any(), NULL, 0, &result, &f->err), f->err);
    assert_ok(factum_append_stream(f->store, s, factum_any(), events, 1, NULL, NULL), f->err);
}

TEST(a_wait_ends_with_its_time_or_with_news)
{
    struct fixture *f = *state;
    factum_new_event one = event_of("s-1");
    uint64_t place = 0;
    assert_ok(factum_visible_place(f->store, &place, &f->err), f->err);
    assert_ok(factum_wait(f->store, place, 0, &f->err), f->err);
    assert_status(factum_wait(f->store, place + 1, 0, &f->err), FACTUM_TIMEOUT);
    assert_status(factum_wait(f->store, UINT64_MAX, 0, &f->err), FACTUM_TIMEOUT);
    uint64_t before = fct_os_monotonic(fct_os_real());
    assert_status(factum_wait(f->store, place + 1, 30, &f->err), FACTUM_TIMEOUT);
    assert_true(fct_os_monotonic(fct_os_real()) - before >= UINT64_C(30000000));
    assert_ok(factum_append_stream(f->store, one.stream, factum_any(), &one, 1, NULL, &f->err),
              f->err);
    assert_ok(factum_wait(f->store, place + 1, 0, &f->err), f->err);
    assert_ok(factum_wait(f->store, place + 1, -1, &f->err), f->err);
    assert_ok(factum_wait(f->store, 0, INT64_MAX, &f->err), f->err);
}

TEST(a_call_after_its_deadline_does_nothing)
{
    struct fixture *f = *state;
    factum_new_event one = event_of("s-1");
    const factum_expectation expectation = {one.stream, factum_any()};
    const factum_call late = {.size = sizeof late, .deadline = factum_deadline(0)};
    const factum_call early = {.size = sizeof early, .deadline = factum_deadline(60000)};
    factum_append_request request = {
        .size = sizeof request,
        .events = &one,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .call = &late,
    };
    factum_cursor *cursor;
    factum_read_request read = {.size = sizeof read, .call = &late};
    assert_int_equal(factum_deadline(-1), 0);
    assert_true(factum_deadline(INT64_MAX) > factum_deadline(60000));
    assert_status(factum_append(f->store, &request, NULL, NULL, &f->err), FACTUM_EXPIRED);
    assert_text(f->err, "the deadline has passed");
    assert_status(factum_read(f->store, &read, &cursor, &f->err), FACTUM_EXPIRED);
    assert_ok(factum_testing_expect(f->store, "s-1", "", &f->err), f->err);
    request.call = &early;
    assert_ok(factum_append(f->store, &request, NULL, NULL, &f->err), f->err);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static int64_t minute(void *data)
{
    return *(const int64_t *)data;
}

static void the_clock_of_the_options_drives_what_is_recorded(bool on_disk)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    int64_t now = INT64_C(60000000000);
    const factum_clock clock = {&now, minute};
    const factum_store_options options = {.size = sizeof options, .clock = &clock};
    assert_int_equal(test_store_open(&f->store, on_disk, f->dir, &options, &f->err), 0);
    factum_event_copy copy = {.memory = NULL};
    factum_append_result result;
    factum_new_event one = event_of("s-1");
    const int64_t times[] = {INT64_C(60000000000), INT64_C(3600000000000)};
    for (size_t i = 0; i < 2; i++) {
        now = times[i];
        assert_int_equal(factum_now(f->store), now);
        assert_ok(
            factum_append_stream(f->store, one.stream, factum_any(), &one, 1, &result, &f->err),
            f->err);
        assert_ok(factum_read_event(f->store, result.position, &copy, &f->err), f->err);
        assert_true(copy.event.created >= times[i] && copy.event.created < times[i] + 1000);
        assert_int_equal(copy.event.time, copy.event.created);
    }
    factum_event_copy_free(&copy);
    assert_int_equal(test_store_close(f->store, f->dir, &f->err), 0);
}

TEST(a_clock_drives_what_a_store_in_memory_records)
{
    the_clock_of_the_options_drives_what_is_recorded(false);
}

TEST(a_clock_drives_what_a_store_on_disk_records)
{
    the_clock_of_the_options_drives_what_is_recorded(true);
}

/* ---- structs of other versions --------------------------------------------------------------- */

TEST(options_of_an_older_program_are_completed)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    (void)state;
    factum_store_options older = {
        .size = offsetof(factum_store_options, queue_size_max),
        .append_events_max = 1,
        .queue_size_max = UINT64_MAX, /* not in this program's version: not read */
        .clock = (const factum_clock *)(const void *)f, /* nor is this */
    };
    factum_new_event events[] = {event_of("s-1"), event_of("s-1")};
    assert_ok(factum_testing_open_memory(&older, &f->store, &f->err), f->err);
    assert_status(
        factum_append_stream(f->store, events[0].stream, factum_any(), events, 2, NULL, &f->err),
        FACTUM_TOO_BIG);
    assert_true(factum_now(f->store) > 0);
    assert_ok(factum_close(f->store, &f->err), f->err);
}

TEST(options_of_a_newer_program_may_not_set_unknown_members)
{
    struct fixture fixture;
    struct fixture *f = &fixture;
    (void)state;
    struct {
        factum_store_options options;
        uint64_t more;
    } newer = {.options = {.size = sizeof newer}};
    assert_ok(factum_testing_open_memory(&newer.options, &f->store, &f->err), f->err);
    assert_ok(factum_close(f->store, &f->err), f->err);
    newer.more = 1;
    assert_status(factum_testing_open_memory(&newer.options, &f->store, &f->err), FACTUM_INVALID);
    assert_text(f->err, "open: the options struct sets a member that this version");
}

TEST(answers_are_filled_up_to_the_size_of_the_program)
{
    struct fixture *f = *state;
    factum_new_event one = event_of("s-1");
    assert_ok(factum_append_stream(f->store, one.stream, factum_any(), &one, 1, NULL, &f->err),
              f->err);
    factum_verify_report older = {.size = offsetof(factum_verify_report, log_bytes), .chain = 77};
    assert_ok(factum_verify(f->store, NULL, &older, &f->err), f->err);
    assert_int_equal(older.size, offsetof(factum_verify_report, log_bytes));
    assert_int_equal(older.events, 1);
    assert_int_equal(older.chain, 77);
    struct {
        factum_stream_info info;
        uint64_t more;
    } newer = {.info = {.size = sizeof newer}, .more = 77};
    assert_ok(factum_stream_info_get(f->store, one.stream, &newer.info, &f->err), f->err);
    assert_int_equal(newer.info.size, sizeof newer);
    assert_int_equal(newer.info.state, FACTUM_STREAM_PRESENT);
    assert_int_equal(newer.more, 0);
    factum_info figures = {.size = offsetof(factum_info, stream_count), .stream_count = 77};
    assert_ok(factum_info_get(f->store, &figures, &f->err), f->err);
    assert_int_equal(figures.event_count, 1);
    assert_int_equal(figures.stream_count, 77);
}

/* ---- testing.h ------------------------------------------------------------------------------- */

TEST(given_and_expect_show_the_difference)
{
    struct fixture *f = *state;
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
    assert_text(f->err,
                "line 1: not valid JSON: the text ends where a ',' or '}' should be at byte 13");
}

TEST(a_store_reports_its_capabilities)
{
    struct fixture *f = *state;
    uint32_t capabilities = factum_capabilities(f->store);
    uint32_t both = FACTUM_CAPABILITY_ATOMIC_ACROSS_STREAMS | FACTUM_CAPABILITY_CONDITIONS |
                    FACTUM_CAPABILITY_TOTAL_ORDER | FACTUM_CAPABILITY_LIST;
    assert_int_equal(capabilities & both, both);
    assert_int_equal((capabilities & FACTUM_CAPABILITY_DURABLE) != 0, f->dir[0] != '\0');
    assert_int_equal((capabilities & FACTUM_CAPABILITY_BACKUP) != 0, f->dir[0] != '\0');
    if (f->dir[0] == '\0') {
        assert_status(factum_backup(f->store, "x", NULL, NULL, &f->err), FACTUM_UNSUPPORTED);
        assert_string_equal(f->err.text, "this store cannot be backed up");
    }
}

int main(void)
{
#define BOTH(name)                                                                                 \
    {"memory: " #name, name, set_up_memory, tear_down, NULL},                                      \
    {                                                                                              \
        "local: " #name, name, set_up_local, tear_down, NULL                                       \
    }
    const struct CMUnitTest tests[] = {
        CASE(opening_needs_a_path_and_room_for_the_store),
        CASE(invalid_options_are_refused_and_nothing_is_created),
        CASE(a_memory_store_checks_its_options_too),
        CASE(appends_without_a_store_are_refused),
        CASE(reads_without_a_store_are_refused),
        CASE(upkeep_without_its_arguments_is_refused),
        CASE(what_is_closed_may_be_null),
        BOTH(room_for_the_answer_is_needed),
        BOTH(a_refused_list_leaves_no_handle),
        BOTH(a_refused_read_leaves_no_handle),
        BOTH(an_append_to_a_stream_fills_in_its_name),
        BOTH(a_wait_ends_with_its_time_or_with_news),
        BOTH(a_call_after_its_deadline_does_nothing),
        CASE(a_clock_drives_what_a_store_in_memory_records),
        CASE(a_clock_drives_what_a_store_on_disk_records),
        CASE(options_of_an_older_program_are_completed),
        CASE(options_of_a_newer_program_may_not_set_unknown_members),
        BOTH(answers_are_filled_up_to_the_size_of_the_program),
        BOTH(given_and_expect_show_the_difference),
        BOTH(a_store_reports_its_capabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
