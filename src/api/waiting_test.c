/* waiting_test.c - subscriptions that wait: until an append, until their time is over, until
 * another thread stops them. On a store in memory and on one on disk, which wait in different
 * ways. */
#include "support/test_store.h"

#include "core/slice.h"
#include "os/os.h"
#include "os/thread.h"

#define MS UINT64_C(1000000)

struct fixture {
    factum_store *store;
    factum_subscription *subscription;
    factum_event event;
    factum_error err;
    char dir[SCRATCH_SIZE];
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
    factum_subscription_close(f->subscription);
    return test_store_close(f->store, f->dir, &f->err);
}

static void append(struct fixture *f, const char *stream, const char *type)
{
    factum_new_event event = {.stream = factum_slice_from(stream), .type = factum_slice_from(type)};
    assert_ok(factum_append_stream(f->store, event.stream, factum_any(), &event, 1, NULL, &f->err),
              f->err);
}

static void follow(struct fixture *f, const char *stream, factum_from from)
{
    factum_read_request request = {.size = sizeof request, .from = from};
    if (stream != NULL) {
        request.source = FACTUM_SOURCE_STREAM;
        request.name = factum_slice_from(stream);
    }
    assert_ok(factum_subscribe(f->store, &request, &f->subscription, &f->err), f->err);
}

static uint64_t visible_place(struct fixture *f)
{
    uint64_t place = 0;
    assert_ok(factum_visible_place(f->store, &place, &f->err), f->err);
    return place;
}

static factum_status next(struct fixture *f, int64_t timeout_ms)
{
    return factum_subscription_next(f->subscription, timeout_ms, &f->event, &f->err);
}

static void assert_next(struct fixture *f, const char *type)
{
    assert_ok(next(f, 10000), f->err);
    assert_true(fct_slice_equal(f->event.type, factum_slice_from(type)));
}

/* Something that another thread does to the store or the subscription a little later. */
struct later {
    struct fixture *f;
    bool stop; /* otherwise an append */
    struct fct_thread thread;
};

static void run_later(void *data)
{
    const struct later *later = data;
    (void)usleep(30000);
    if (later->stop) {
        factum_subscription_stop(later->f->subscription);
    } else {
        factum_new_event event = {.stream = FCT_SLICE("s-1"), .type = FCT_SLICE("Later")};
        factum_status status = factum_append_stream(later->f->store, event.stream, factum_any(),
                                                    &event, 1, NULL, NULL);
        (void)status; /* the waiting thread sees it */
    }
}

static void do_later(struct later *later, struct fixture *f, bool stop)
{
    *later = (struct later){.f = f, .stop = stop};
    assert_ok(fct_thread_start(&later->thread, "later", run_later, later, &f->err), f->err);
}

/* ---- waiting --------------------------------------------------------------------------------- */

TEST(caught_up_is_reported_once_each_time)
{
    struct fixture *f = *state;
    append(f, "s-1", "A");
    follow(f, NULL, FACTUM_FROM_START);
    assert_next(f, "A");
    assert_status(next(f, 0), FACTUM_CAUGHT_UP);
    assert_status(next(f, 0), FACTUM_TIMEOUT);
    assert_status(next(f, 0), FACTUM_TIMEOUT);
    append(f, "s-1", "B");
    assert_next(f, "B");
    assert_status(next(f, 0), FACTUM_CAUGHT_UP);
    assert_status(next(f, 0), FACTUM_TIMEOUT);
}

TEST(a_wait_takes_the_time_it_was_given)
{
    struct fixture *f = *state;
    follow(f, NULL, FACTUM_FROM_END);
    assert_status(next(f, 30), FACTUM_CAUGHT_UP);
    uint64_t before = fct_os_monotonic(fct_os_real());
    assert_status(next(f, 30), FACTUM_TIMEOUT);
    assert_true(fct_os_monotonic(fct_os_real()) - before >= 30 * MS);
}

TEST(unrelated_appends_do_not_change_when_a_wait_ends)
{
    struct fixture *f = *state;
    struct later later;
    follow(f, "other", FACTUM_FROM_START);
    assert_status(next(f, 0), FACTUM_CAUGHT_UP);
    uint64_t before = fct_os_monotonic(fct_os_real());
    do_later(&later, f, false);
    assert_status(next(f, 120), FACTUM_TIMEOUT);
    uint64_t passed = fct_os_monotonic(fct_os_real()) - before;
    fct_thread_join(&later.thread);
    assert_true(passed >= 120 * MS);
    assert_int_equal(factum_subscription_checkpoint(f->subscription), visible_place(f));
}

TEST(an_append_by_another_thread_ends_a_wait)
{
    struct fixture *f = *state;
    struct later later;
    follow(f, "s-1", FACTUM_FROM_START);
    assert_status(next(f, 0), FACTUM_CAUGHT_UP);
    do_later(&later, f, false);
    assert_ok(next(f, -1), f->err);
    assert_true(fct_slice_equal(f->event.type, FCT_SLICE("Later")));
    fct_thread_join(&later.thread);
}

TEST(a_time_too_long_to_count_is_for_ever)
{
    struct fixture *f = *state;
    static const int64_t long_times[] = {INT64_MAX, INT64_C(1) << 58, INT64_MIN};
    for (size_t i = 0; i < sizeof long_times / sizeof long_times[0]; i++) {
        struct later later;
        follow(f, NULL, FACTUM_FROM_END);
        assert_status(next(f, long_times[i]), FACTUM_CAUGHT_UP);
        do_later(&later, f, false);
        assert_ok(next(f, long_times[i]), f->err);
        fct_thread_join(&later.thread);
        factum_subscription_close(f->subscription);
        f->subscription = NULL;
    }
}

/* ---- ends ------------------------------------------------------------------------------------ */

TEST(another_thread_stops_a_wait_for_good)
{
    struct fixture *f = *state;
    struct later later;
    append(f, "s-1", "A");
    follow(f, NULL, FACTUM_FROM_END);
    assert_status(next(f, 0), FACTUM_CAUGHT_UP);
    do_later(&later, f, true);
    assert_status(next(f, -1), FACTUM_CANCELLED);
    assert_string_equal(f->err.text, "the subscription was stopped");
    fct_thread_join(&later.thread);
    append(f, "s-1", "B");
    assert_status(next(f, -1), FACTUM_CANCELLED);
}

TEST(a_stop_before_the_first_event_counts)
{
    struct fixture *f = *state;
    append(f, "s-1", "A");
    follow(f, NULL, FACTUM_FROM_START);
    factum_subscription_stop(f->subscription);
    assert_status(next(f, -1), FACTUM_CANCELLED);
    assert_status(next(f, 0), FACTUM_CANCELLED);
}

TEST(a_tombstone_is_the_last_event_of_a_subscription)
{
    struct fixture *f = *state;
    follow(f, "s-1", FACTUM_FROM_START);
    append(f, "s-1", "A");
    assert_ok(factum_tombstone(f->store, FCT_SLICE("s-1"), factum_any(), NULL, &f->err), f->err);
    append(f, "s-2", "B");
    assert_next(f, "A");
    assert_next(f, "$streamDeleted");
    assert_int_equal(f->event.revision, FACTUM_REVISION_TOMBSTONE);
    for (int i = 0; i < 2; i++) {
        assert_status(next(f, -1), FACTUM_STREAM_DELETED);
        assert_string_equal(f->err.text, "the stream was deleted for ever");
    }
}

/* ---- places ---------------------------------------------------------------------------------- */

TEST(another_one_continues_after_its_checkpoint)
{
    struct fixture *f = *state;
    append(f, "s-1", "A");
    append(f, "s-2", "B");
    follow(f, "s-1", FACTUM_FROM_START);
    assert_int_equal(factum_subscription_checkpoint(f->subscription), 0);
    assert_next(f, "A");
    uint64_t checkpoint = factum_subscription_checkpoint(f->subscription);
    assert_int_equal(checkpoint, f->event.position);
    factum_subscription_close(f->subscription);
    append(f, "s-1", "C");
    factum_read_request request = {
        .size = sizeof request, .from = FACTUM_FROM_AFTER, .from_value = checkpoint};
    assert_ok(factum_subscribe(f->store, &request, &f->subscription, &f->err), f->err);
    assert_int_equal(factum_subscription_checkpoint(f->subscription), checkpoint);
    assert_next(f, "B");
    assert_next(f, "C");
    assert_status(next(f, 0), FACTUM_CAUGHT_UP);
    assert_int_equal(factum_subscription_checkpoint(f->subscription), visible_place(f));
}

TEST(the_checkpoint_passes_unrelated_events)
{
    struct fixture *f = *state;
    follow(f, "s-1", FACTUM_FROM_START);
    append(f, "s-2", "A");
    append(f, "s-2", "B");
    assert_status(next(f, 0), FACTUM_CAUGHT_UP);
    assert_int_equal(factum_subscription_checkpoint(f->subscription), visible_place(f));
    append(f, "s-2", "C");
    assert_status(next(f, 0), FACTUM_TIMEOUT);
    assert_int_equal(factum_subscription_checkpoint(f->subscription), visible_place(f));
}

TEST(a_subscription_from_a_revision_has_no_checkpoint_before_its_first_event)
{
    struct fixture *f = *state;
    append(f, "s-1", "A");
    append(f, "s-1", "B");
    factum_read_request request = {.size = sizeof request,
                                   .source = FACTUM_SOURCE_STREAM,
                                   .name = FCT_SLICE("s-1"),
                                   .from = FACTUM_FROM_REVISION,
                                   .from_value = 1};
    assert_ok(factum_subscribe(f->store, &request, &f->subscription, &f->err), f->err);
    assert_int_equal(factum_subscription_checkpoint(f->subscription), 0);
    assert_next(f, "B");
    assert_int_equal(factum_subscription_checkpoint(f->subscription), f->event.position);
}

TEST(a_tombstone_that_is_left_out_ends_it_too)
{
    struct fixture *f = *state;
    factum_read_request request = {.size = sizeof request,
                                   .source = FACTUM_SOURCE_STREAM,
                                   .name = FCT_SLICE("s-1"),
                                   .skip_system = true};
    append(f, "s-1", "A");
    assert_ok(factum_subscribe(f->store, &request, &f->subscription, &f->err), f->err);
    assert_next(f, "A");
    assert_status(next(f, 0), FACTUM_CAUGHT_UP);
    assert_ok(factum_tombstone(f->store, FCT_SLICE("s-1"), factum_any(), NULL, &f->err), f->err);
    assert_status(next(f, 1000), FACTUM_STREAM_DELETED);
    assert_status(next(f, 0), FACTUM_STREAM_DELETED);
}

TEST(a_deadline_ends_its_wait)
{
    struct fixture *f = *state;
    const factum_call call = {.size = sizeof call, .deadline = factum_deadline(60)};
    factum_read_request request = {.size = sizeof request, .call = &call};
    assert_ok(factum_subscribe(f->store, &request, &f->subscription, &f->err), f->err);
    assert_status(next(f, 0), FACTUM_CAUGHT_UP);
    assert_status(next(f, 0), FACTUM_TIMEOUT);
    assert_status(next(f, -1), FACTUM_EXPIRED);
    assert_text(f->err, "the deadline has passed");
    assert_true(fct_os_monotonic(fct_os_real()) >= call.deadline);
    assert_status(next(f, -1), FACTUM_EXPIRED);
}

TEST(a_waiting_subscription_from_the_end_gets_only_later_events)
{
    struct fixture *f = *state;
    append(f, "s-1", "A");
    follow(f, "s-1", FACTUM_FROM_END);
    append(f, "s-1", "B"); /* after the subscription was opened, before its first call */
    assert_next(f, "B");
    assert_status(next(f, 0), FACTUM_CAUGHT_UP);
}

int main(void)
{
#define BOTH(name)                                                                                 \
    {"memory: " #name, name, set_up_memory, tear_down, NULL},                                      \
    {                                                                                              \
        "local: " #name, name, set_up_local, tear_down, NULL                                       \
    }
    const struct CMUnitTest tests[] = {
        BOTH(caught_up_is_reported_once_each_time),
        BOTH(a_wait_takes_the_time_it_was_given),
        BOTH(unrelated_appends_do_not_change_when_a_wait_ends),
        BOTH(an_append_by_another_thread_ends_a_wait),
        BOTH(a_time_too_long_to_count_is_for_ever),
        BOTH(another_thread_stops_a_wait_for_good),
        BOTH(a_stop_before_the_first_event_counts),
        BOTH(a_tombstone_is_the_last_event_of_a_subscription),
        BOTH(another_one_continues_after_its_checkpoint),
        BOTH(the_checkpoint_passes_unrelated_events),
        BOTH(a_subscription_from_a_revision_has_no_checkpoint_before_its_first_event),
        BOTH(a_tombstone_that_is_left_out_ends_it_too),
        BOTH(a_deadline_ends_its_wait),
        BOTH(a_waiting_subscription_from_the_end_gets_only_later_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
