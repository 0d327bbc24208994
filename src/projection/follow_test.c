/* follow_test.c - followers: what is delivered, where the checkpoint is, who may go on. On a store
 * in memory and on one on disk. Checkpoints in a SQLite database, with processes that are killed,
 * are in follow_sqlite_test.c; arguments and memory in follow_open_test.c. */
#include "support/test_store.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include <factum/delivery.h>

#include "core/slice.h"
#include "projection/follow_checkpoint.h"

#define GIVEN_MAX 64
#define MARK_STREAM "$checkpoint-mailer"

struct fixture {
    factum_store *store;
    char dir[SCRATCH_SIZE];
    factum_error err;
};

static int set_up(void **state, bool on_disk)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    *state = &fixture;
    return test_store_open(&fixture.store, on_disk, fixture.dir, NULL, &fixture.err);
}

static int set_up_memory(void **state)
{
    return set_up(state, false);
}

static int set_up_local(void **state)
{
    return set_up(state, true);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    return test_store_close(f->store, f->dir, &f->err);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Appends |count| events with the numbers from |from| to |stream|. Returns the position of the last
 * one. */
static uint64_t append(struct fixture *f, const char *stream, int from, int count)
{
    factum_append_result result = {.position = 0};
    for (int i = 0; i < count; i++) {
        char data[16];
        (void)snprintf(data, sizeof data, "%d", from + i);
        const factum_new_event event = {.type = FCT_SLICE("Counted"),
                                        .data = factum_slice_from(data)};
        assert_ok(factum_append_stream(f->store, factum_slice_from(stream), factum_any(), &event, 1,
                                       &result, &f->err),
                  f->err);
    }
    return result.position;
}

/* What a follower's function does, and what it has seen. */
struct seen {
    int numbers[GIVEN_MAX];
    int count;
    int fail_at; /* the number that fails; -1: none */
    int fails;   /* how often it fails */
    factum_status fails_with;
    int done_at;
    uint64_t held;
    factum_follow *rival; /* runs, once, at the first event */
    factum_follow *stop;  /* is stopped at the first event */
};

#define SEEN                                                                                       \
    {                                                                                              \
        .fail_at = -1, .done_at = -1, .fails = INT_MAX, .fails_with = FACTUM_IO                    \
    }

static const factum_follow_until caught_up = {.size = sizeof caught_up, .caught_up = true};

static factum_status see(void *data, const factum_event *event, factum_error *err)
{
    struct seen *seen = data;
    char text[16];
    assert_true(event->data.len < sizeof text);
    memcpy(text, event->data.ptr, event->data.len);
    text[event->data.len] = '\0';
    int number = (int)strtol(text, NULL, 10);
    if (number == seen->fail_at && seen->fails-- > 0) {
        (void)err; /* no text: the status has one */
        return seen->fails_with;
    }
    assert_true(seen->count < GIVEN_MAX);
    seen->numbers[seen->count++] = number;
    if (seen->rival != NULL) {
        factum_follow *rival = seen->rival;
        seen->rival = NULL;
        assert_ok(factum_follow_run(rival, &caught_up, err), *err);
    }
    if (seen->stop != NULL) {
        factum_follow_stop(seen->stop);
    }
    return number == seen->done_at ? FACTUM_DONE : FACTUM_OK;
}

static uint64_t held(void *data)
{
    return ((struct seen *)data)->held;
}

static void assert_seen(const struct seen *seen, int from, int count)
{
    assert_int_equal(seen->count, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(seen->numbers[i], from + i);
    }
}

static factum_follow *open_with(struct fixture *f, struct seen *seen,
                                const factum_read_request *request,
                                const factum_follow_keeper *keeper)
{
    const factum_read_request counts = {
        .size = sizeof counts, .source = FACTUM_SOURCE_CATEGORY, .name = FCT_SLICE("count")};
    const factum_follow_options options = {.size = sizeof options,
                                           .name = FCT_SLICE("mailer"),
                                           .request = request == NULL ? &counts : request,
                                           .data = seen,
                                           .each = see,
                                           .keeper = keeper,
                                           .first_held = held};
    factum_follow *follow;
    assert_ok(factum_follow_open(f->store, &options, &follow, &f->err), f->err);
    return follow;
}

/* Opens, runs until it has caught up, and closes. */
static factum_status run_once(struct fixture *f, struct seen *seen,
                              const factum_follow_keeper *keeper)
{
    factum_follow *follow = open_with(f, seen, NULL, keeper);
    factum_status status = factum_follow_run(follow, &caught_up, &f->err);
    factum_follow_close(follow);
    return status;
}

static uint64_t checkpoints(struct fixture *f)
{
    uint64_t count = 0;
    assert_ok(factum_count_events(f->store, FACTUM_SOURCE_TYPE,
                                  FCT_SLICE(FCT_FOLLOW_CHECKPOINT_TYPE), 0, UINT64_MAX, &count,
                                  &f->err),
              f->err);
    return count;
}

static factum_follow_info info_of(struct fixture *f, const factum_follow *follow)
{
    factum_follow_info info = {.size = sizeof info};
    assert_ok(factum_follow_info_get(follow, &info, &f->err), f->err);
    return info;
}

/* ---- a checkpoint in the store --------------------------------------------------------------- */

TEST(a_run_continues_where_the_last_one_ended)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    append(f, "count-1", 0, 3);
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_seen(&seen, 0, 3);
    append(f, "other-1", 99, 1);
    append(f, "count-2", 3, 2);
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_seen(&seen, 0, 5);
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_seen(&seen, 0, 5);
}

TEST(a_run_without_an_event_writes_nothing)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_int_equal(checkpoints(f), 0);
    append(f, "other-1", 0, 3);
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_int_equal(checkpoints(f), 0);
    append(f, "count-1", 0, 30);
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_int_equal(checkpoints(f), 2); /* one to own it, one at the end */
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_int_equal(checkpoints(f), 2);
}

TEST(one_event_of_the_checkpoint_stays_visible)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    factum_stream_info info = {.size = sizeof info};
    append(f, "count-1", 0, 1);
    assert_ok(run_once(f, &seen, NULL), f->err);
    append(f, "count-1", 1, 1);
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_ok(factum_stream_info_get(f->store, FCT_SLICE(MARK_STREAM), &info, &f->err), f->err);
    assert_int_equal(info.last_revision, 3);
    assert_int_equal(info.max_count, 1);
    assert_int_equal(info.first_revision, 3);
    assert_int_equal(info.metadata_revision, 0); /* set once */
}

TEST(a_checkpoint_is_kept_after_a_number_of_events)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    const factum_read_request all = {.size = sizeof all};
    const factum_follow_options options = {.size = sizeof options,
                                           .name = FCT_SLICE("mailer"),
                                           .request = &all,
                                           .data = &seen,
                                           .each = see,
                                           .events_max = 4,
                                           .interval_ms = 1000000};
    factum_follow *follow;
    append(f, "count-1", 0, 10);
    assert_ok(factum_follow_open(f->store, &options, &follow, &f->err), f->err);
    assert_ok(factum_follow_run(follow, &caught_up, &f->err), f->err);
    assert_seen(&seen, 0, 10); /* not its own checkpoints, though it reads everything */
    assert_int_equal(checkpoints(f), 1 + 2 + 1);
    factum_follow_info info = info_of(f, follow);
    assert_int_equal(info.event_count, 10);
    assert_int_equal(info.checkpoint_count, 4);
    assert_true(info.kept > 0);
    assert_true(info.given >= info.kept);
    assert_false(info.running);
    factum_follow_close(follow);
}

TEST(a_checkpoint_is_kept_after_an_interval)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    const factum_read_request all = {.size = sizeof all};
    const factum_follow_options options = {.size = sizeof options,
                                           .name = FCT_SLICE("mailer"),
                                           .request = &all,
                                           .data = &seen,
                                           .each = see,
                                           .interval_ms = 1};
    const factum_follow_until until = {.size = sizeof until, .deadline = factum_deadline(200)};
    factum_follow *follow;
    append(f, "count-1", 0, 1);
    assert_ok(factum_follow_open(f->store, &options, &follow, &f->err), f->err);
    assert_status(factum_follow_run(follow, &until, &f->err), FACTUM_TIMEOUT);
    assert_int_equal(info_of(f, follow).checkpoint_count, 2);
    factum_follow_close(follow);
}

TEST(two_followers_of_everything_do_not_answer_each_other)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    const factum_read_request all = {.size = sizeof all};
    factum_follow_options options = {.size = sizeof options,
                                     .name = FCT_SLICE("one"),
                                     .request = &all,
                                     .data = &seen,
                                     .each = see,
                                     .interval_ms = 1};
    factum_follow *follows[2];
    assert_ok(factum_follow_open(f->store, &options, &follows[0], &f->err), f->err);
    options.name = FCT_SLICE("two");
    assert_ok(factum_follow_open(f->store, &options, &follows[1], &f->err), f->err);
    append(f, "count-1", 0, 1);
    for (int i = 0; i < 10; i++) {
        const factum_follow_until until = {.size = sizeof until, .deadline = factum_deadline(20)};
        assert_status(factum_follow_run(follows[i % 2], &until, &f->err), FACTUM_TIMEOUT);
    }
    assert_int_equal(seen.count, 2);
    assert_int_equal(checkpoints(f), 4);
    factum_follow_close(follows[0]);
    factum_follow_close(follows[1]);
}

TEST(a_long_way_without_an_event_is_kept_too)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    const factum_slice types[] = {FCT_SLICE("Rare")};
    const factum_filter filter = {.size = sizeof filter, .types = types, .type_count = 1};
    const factum_read_request rare = {.size = sizeof rare, .filter = &filter};
    static const factum_new_event common = {.type = {(const uint8_t *)"Common", 6}};
    factum_new_event events[500];
    for (size_t i = 0; i < 500; i++) {
        events[i] = common;
    }
    for (int i = 0; i < 21; i++) {
        assert_ok(factum_append_stream(f->store, FCT_SLICE("count-1"), factum_any(), events, 500,
                                       NULL, &f->err),
                  f->err);
    }
    factum_follow *follow = open_with(f, &seen, &rare, NULL);
    for (int i = 0; i < 2; i++) {
        assert_ok(factum_follow_run(follow, &caught_up, &f->err), f->err);
        assert_int_equal(checkpoints(f), 1);
    }
    factum_follow_close(follow);
    assert_int_equal(seen.count, 0);
}

/* ---- where it begins ------------------------------------------------------------------------- */

TEST(one_that_begins_at_the_end_keeps_where_that_was)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    const factum_read_request from = {.size = sizeof from,
                                      .source = FACTUM_SOURCE_CATEGORY,
                                      .name = FCT_SLICE("count"),
                                      .from = FACTUM_FROM_END};
    append(f, "count-1", 0, 3);
    factum_follow *follow = open_with(f, &seen, &from, NULL);
    assert_ok(factum_follow_run(follow, &caught_up, &f->err), f->err);
    factum_follow_close(follow);
    append(f, "count-1", 3, 2); /* while it does not run */
    follow = open_with(f, &seen, &from, NULL);
    assert_ok(factum_follow_run(follow, &caught_up, &f->err), f->err);
    factum_follow_close(follow);
    assert_seen(&seen, 3, 2);
}

TEST(one_that_begins_at_a_revision_begins_there_again_until_there_is_a_checkpoint)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    const factum_read_request from = {.size = sizeof from,
                                      .source = FACTUM_SOURCE_STREAM,
                                      .name = FCT_SLICE("count-1"),
                                      .from = FACTUM_FROM_REVISION,
                                      .from_value = 2};
    append(f, "count-1", 0, 5);
    seen.fail_at = 2;
    seen.fails = 1;
    factum_follow *follow = open_with(f, &seen, &from, NULL);
    assert_status(factum_follow_run(follow, &caught_up, &f->err), FACTUM_IO);
    assert_int_equal(checkpoints(f), 1); /* it is owned, and has no place */
    assert_int_equal(info_of(f, follow).kept, 0);
    factum_follow_close(follow);
    follow = open_with(f, &seen, &from, NULL);
    assert_ok(factum_follow_run(follow, &caught_up, &f->err), f->err);
    assert_ok(factum_follow_run(follow, &caught_up, &f->err), f->err);
    factum_follow_close(follow);
    assert_seen(&seen, 2, 3);
}

TEST(the_request_is_copied)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    char text[] = "Counted";
    factum_slice type = factum_slice_from(text);
    factum_slice prefix = FCT_SLICE("count-");
    const factum_filter filter = {.size = sizeof filter,
                                  .stream_prefixes = &prefix,
                                  .stream_prefix_count = 1,
                                  .types = &type,
                                  .type_count = 1};
    const factum_query_item item = {.types = &type, .type_count = 1};
    const factum_query query = {.items = &item, .item_count = 1};
    const factum_call call = {.size = sizeof call, .principal = type};
    const factum_read_request requests[] = {
        {.size = sizeof requests[0], .filter = &filter, .call = &call},
        {.size = sizeof requests[0], .source = FACTUM_SOURCE_QUERY, .query = &query},
    };
    append(f, "count-1", 0, 2);
    for (size_t i = 0; i < 2; i++) {
        memcpy(text, "Counted", sizeof text);
        factum_follow *follow = open_with(f, &seen, &requests[i], NULL);
        memset(text, 'x', sizeof text - 1);
        assert_ok(factum_follow_run(follow, &caught_up, &f->err), f->err);
        factum_follow_close(follow);
        assert_int_equal(seen.count, 2);
    }
}

/* ---- where a run ends ------------------------------------------------------------------------ */

TEST(a_failure_ends_it_before_the_event)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    seen.fail_at = 2;
    seen.fails = 2;
    append(f, "count-1", 0, 4);
    for (int i = 0; i < 2; i++) {
        assert_status(run_once(f, &seen, NULL), FACTUM_IO);
        assert_text(f->err, "follow mailer: the event at position ");
        assert_text(f->err, " (Counted): input/output error");
        assert_seen(&seen, 0, 2);
    }
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_seen(&seen, 0, 4);
    seen.fail_at = 4;
    seen.fails_with = FACTUM_CAUGHT_UP; /* a status that is not for functions */
    seen.fails = 1;
    append(f, "count-1", 4, 1);
    assert_status(run_once(f, &seen, NULL), FACTUM_INVALID);
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_seen(&seen, 0, 5);
}

TEST(the_function_may_end_it_after_an_event)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    seen.done_at = 1;
    append(f, "count-1", 0, 4);
    assert_status(run_once(f, &seen, NULL), FACTUM_DONE);
    assert_seen(&seen, 0, 2);
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_seen(&seen, 0, 4);
}

TEST(it_ends_at_a_count_a_place_or_a_deadline)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    factum_follow_until until = {.size = sizeof until, .event_count = 2};
    append(f, "count-1", 0, 2);
    uint64_t third = append(f, "count-1", 2, 1);
    append(f, "count-1", 3, 1);
    factum_follow *follow = open_with(f, &seen, NULL, NULL);
    assert_ok(factum_follow_run(follow, &until, &f->err), f->err);
    assert_seen(&seen, 0, 2);
    until = (factum_follow_until){.size = sizeof until, .place_set = true, .place = third};
    assert_ok(factum_follow_run(follow, &until, &f->err), f->err);
    assert_seen(&seen, 0, 3);
    assert_ok(factum_follow_run(follow, &until, &f->err), f->err);
    assert_seen(&seen, 0, 3);
    until = (factum_follow_until){.size = sizeof until, .deadline = factum_deadline(30)};
    assert_status(factum_follow_run(follow, &until, &f->err), FACTUM_TIMEOUT);
    assert_seen(&seen, 0, 4);
    factum_follow_close(follow);
    assert_ok(run_once(f, &seen, NULL), f->err); /* each end has kept the checkpoint */
    assert_seen(&seen, 0, 4);
}

struct late {
    struct fixture *f;
    factum_follow *stop; /* or NULL: an unwanted event is appended */
};

static void *act_late(void *data)
{
    struct late *late = data;
    const struct timespec moment = {.tv_nsec = 50000000};
    (void)nanosleep(&moment, NULL);
    if (late->stop != NULL) {
        factum_follow_stop(late->stop);
    } else {
        factum_error err;
        const factum_new_event event = {.type = FCT_SLICE("Other")};
        assert_ok(factum_append_stream(late->f->store, FCT_SLICE("other-1"), factum_any(), &event,
                                       1, NULL, &err),
                  err);
    }
    return NULL;
}

TEST(another_thread_may_stop_it)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    pthread_t thread;
    append(f, "count-1", 0, 2);
    factum_follow *follow = open_with(f, &seen, NULL, NULL);
    struct late late = {f, follow};
    assert_int_equal(pthread_create(&thread, NULL, act_late, &late), 0);
    assert_status(factum_follow_run(follow, NULL, &f->err), FACTUM_DONE);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_status(factum_follow_run(follow, NULL, &f->err), FACTUM_DONE);
    factum_follow_close(follow);
    assert_seen(&seen, 0, 2);
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_seen(&seen, 0, 2);
}

TEST(the_function_may_stop_it)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    append(f, "count-1", 0, 2);
    factum_follow *follow = open_with(f, &seen, NULL, NULL);
    seen.stop = follow;
    assert_status(factum_follow_run(follow, NULL, &f->err), FACTUM_DONE);
    factum_follow_close(follow);
    assert_seen(&seen, 0, 1);
}

TEST(a_place_that_an_unwanted_event_reaches_is_reached)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    pthread_t thread;
    uint64_t last = append(f, "count-1", 0, 1);
    const factum_follow_until until = {.size = sizeof until, .place_set = true, .place = last + 1};
    factum_follow *follow = open_with(f, &seen, NULL, NULL);
    struct late late = {f, NULL};
    assert_int_equal(pthread_create(&thread, NULL, act_late, &late), 0);
    assert_ok(factum_follow_run(follow, &until, &f->err), f->err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    factum_follow_close(follow);
    assert_seen(&seen, 0, 1);
}

/* ---- two of one name ------------------------------------------------------------------------- */

TEST(of_two_followers_of_one_name_the_later_one_continues)
{
    struct fixture *f = *state;
    struct seen first = SEEN;
    struct seen second = SEEN;
    append(f, "count-1", 0, 3);
    factum_follow *b = open_with(f, &second, NULL, NULL);
    first.rival = b;
    assert_status(run_once(f, &first, NULL), FACTUM_WRONG_REVISION);
    assert_text(f->err, "follow mailer: another follower has made this checkpoint its own");
    assert_seen(&first, 0, 3);
    assert_seen(&second, 0, 3);
    append(f, "count-1", 3, 1);
    assert_ok(factum_follow_run(b, &caught_up, &f->err), f->err);
    assert_seen(&second, 0, 4);
    assert_ok(run_once(f, &first, NULL), f->err); /* no event to deliver: nobody is disturbed */
    append(f, "count-1", 4, 1);
    assert_ok(factum_follow_run(b, &caught_up, &f->err), f->err);
    assert_seen(&second, 0, 5);
    factum_follow_close(b);
}

struct fighter {
    struct fixture *f;
    _Atomic int *given; /* how often each number was delivered */
    int turns;
    int lost;
};

static factum_status count_given(void *data, const factum_event *event, factum_error *err)
{
    struct fighter *fighter = data;
    char text[16] = "";
    (void)err;
    assert_true(event->data.len < sizeof text);
    memcpy(text, event->data.ptr, event->data.len);
    atomic_fetch_add(&fighter->given[strtol(text, NULL, 10)], 1);
    sched_yield();
    return FACTUM_OK;
}

static void *fight(void *data)
{
    struct fighter *fighter = data;
    const factum_read_request all = {.size = sizeof all, .skip_system = true};
    const factum_follow_options options = {.size = sizeof options,
                                           .name = FCT_SLICE("mailer"),
                                           .request = &all,
                                           .data = fighter,
                                           .each = count_given,
                                           .events_max = 7};
    factum_follow *follow;
    factum_error err;
    factum_status status = FACTUM_WRONG_REVISION;
    assert_ok(factum_follow_open(fighter->f->store, &options, &follow, &err), err);
    while (status == FACTUM_WRONG_REVISION) {
        fighter->turns++;
        status = factum_follow_run(follow, &caught_up, &err);
        fighter->lost += status == FACTUM_WRONG_REVISION;
    }
    assert_ok(status, err);
    factum_follow_close(follow);
    return NULL;
}

TEST(two_threads_that_fight_over_a_name_miss_nothing)
{
    struct fixture *f = *state;
    static _Atomic int given[500];
    struct fighter fighters[2] = {{f, given, 0, 0}, {f, given, 0, 0}};
    pthread_t threads[2];
    for (int i = 0; i < 500; i++) {
        atomic_store(&given[i], 0);
    }
    append(f, "count-1", 0, 500);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, fight, &fighters[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < 500; i++) {
        assert_true(atomic_load(&given[i]) >= 1);
    }
    struct seen seen = SEEN; /* the checkpoint is at the end, whoever has won */
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_int_equal(seen.count, 0);
}

/* ---- a process that is killed ---------------------------------------------------------------- */

#define KILL_EVENTS 300
#define KILL_AFTER 120
#define KILL_EVERY 25 /* events between two checkpoints */

struct telling {
    int pipe;
};

/* Writes the number of the event to the parent. */
static factum_status tell(void *data, const factum_event *event, factum_error *err)
{
    const struct telling *telling = data;
    int number = (int)event->revision;
    (void)err;
    return write(telling->pipe, &number, sizeof number) == sizeof number ? FACTUM_OK : FACTUM_IO;
}

/* In a child. */
static int follow_and_report(const char *dir, int to)
{
    struct telling telling = {.pipe = to};
    const factum_read_request all = {.size = sizeof all, .skip_system = true};
    const factum_follow_options options = {.size = sizeof options,
                                           .name = FCT_SLICE("mailer"),
                                           .request = &all,
                                           .data = &telling,
                                           .each = tell,
                                           .events_max = KILL_EVERY,
                                           .interval_ms = 1000000};
    factum_store *store;
    factum_follow *follow = NULL;
    factum_error err;
    factum_status status = factum_open(dir, NULL, &store, &err);
    if (status == FACTUM_OK) {
        status = factum_follow_open(store, &options, &follow, &err);
    }
    if (status == FACTUM_OK) {
        status = factum_follow_run(follow, &caught_up, &err);
    }
    factum_follow_close(follow);
    return status == FACTUM_OK && factum_close(store, &err) == FACTUM_OK ? 0 : 1;
}

/* Starts a child. It is killed after it has reported |kill_after| events, or ends. The first and
 * the last reported number are in *first and *last. Returns its exit status, or -1. */
static int run_child(const char *dir, int kill_after, int *first, int *last)
{
    int ends[2];
    int number = 0;
    int count = 0;
    int status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        _exit(follow_and_report(dir, ends[1]));
    }
    (void)close(ends[1]);
    while (read(ends[0], &number, sizeof number) == sizeof number) {
        assert_true(count == 0 || number == *last + 1);
        *first = count++ == 0 ? number : *first;
        *last = number;
        if (count == kill_after) {
            (void)kill(child, SIGKILL);
        }
    }
    (void)close(ends[0]);
    assert_true(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(after_a_kill_it_continues_at_the_last_checkpoint)
{
    struct fixture f = {.store = NULL};
    int first = -1;
    int last = -1;
    (void)state;
    assert_ok(test_store_open(&f.store, true, f.dir, NULL, &f.err), f.err);
    append(&f, "count-1", 0, KILL_EVENTS);
    assert_ok(factum_close(f.store, &f.err), f.err);
    int code = run_child(f.dir, KILL_AFTER, &first, &last);
    assert_int_equal(first, 0);
    assert_true(last >= KILL_AFTER - 1);
    if (code == -1) { /* otherwise the child was faster than the signal */
        int killed_at = last;
        code = run_child(f.dir, 0, &first, &last);
        assert_int_equal(first % KILL_EVERY, 0);
        assert_true(first > 0);
        assert_true(first <= killed_at + 1);
        assert_true(first + KILL_EVERY > killed_at);
    }
    assert_int_equal(code, 0);
    assert_int_equal(last, KILL_EVENTS - 1);
    assert_true(scratch_remove(f.dir));
}

/* ---- checkpoints that are not right ---------------------------------------------------------- */

struct shelf {
    char token[FACTUM_TOKEN_SIZE];
    int saves;
    int undone;
    factum_status load_status;
    factum_status save_status;
};

static factum_status load_shelf(void *data, char token[FACTUM_TOKEN_SIZE], factum_error *err)
{
    struct shelf *shelf = data;
    (void)err;
    memcpy(token, shelf->token, FACTUM_TOKEN_SIZE);
    return shelf->load_status;
}

static factum_status save_shelf(void *data, const char *from, const char *to, factum_error *err)
{
    struct shelf *shelf = data;
    (void)err;
    if (shelf->save_status != FACTUM_OK) {
        return shelf->save_status;
    }
    if (strcmp(from, shelf->token) != 0) {
        return FACTUM_WRONG_REVISION;
    }
    memcpy(shelf->token, to, strlen(to) + 1);
    shelf->saves++;
    return FACTUM_OK;
}

static void undo_shelf(void *data)
{
    ((struct shelf *)data)->undone++;
}

static factum_follow_keeper keeper_of(struct shelf *shelf)
{
    return (factum_follow_keeper){shelf, load_shelf, save_shelf, undo_shelf};
}

TEST(a_checkpoint_of_another_history_is_refused)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    struct shelf shelf = {.saves = 0};
    factum_follow_keeper keeper = keeper_of(&shelf);
    factum_store *other;
    append(f, "count-1", 0, 1);
    assert_ok(factum_testing_open_memory(NULL, &other, &f->err), f->err);
    factum_token_format(other, 1, shelf.token);
    assert_ok(factum_close(other, &f->err), f->err);
    assert_status(run_once(f, &seen, &keeper), FACTUM_WRONG_TIMELINE);
    assert_text(f->err, "follow mailer: the checkpoint f1-");
    assert_text(f->err, "is not of this store's history");
    assert_int_equal(seen.count + shelf.saves + shelf.undone, 0);
}

TEST(a_checkpoint_ahead_of_the_store_is_refused)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    struct shelf shelf = {.saves = 0};
    factum_follow_keeper keeper = keeper_of(&shelf);
    uint64_t visible;
    append(f, "count-1", 0, 1);
    assert_ok(factum_visible_place(f->store, &visible, &f->err), f->err);
    factum_token_format(f->store, visible + 1, shelf.token);
    assert_status(run_once(f, &seen, &keeper), FACTUM_WRONG_TIMELINE);
    assert_text(f->err, "checkpoint_ahead: the checkpoint f1-");
    factum_token_format(f->store, visible, shelf.token);
    assert_ok(run_once(f, &seen, &keeper), f->err);
    assert_int_equal(seen.count, 0);
}

TEST(an_invalid_checkpoint_is_refused)
{
    struct fixture *f = *state;
    static const struct {
        const char *type;
        const char *data;
        const char *text;
        factum_status status;
    } rows[] = {
        {"Other", "{}", "it has another type", FACTUM_CORRUPT},
        {FCT_FOLLOW_CHECKPOINT_TYPE, "{", "it is not valid JSON", FACTUM_CORRUPT},
        {FCT_FOLLOW_CHECKPOINT_TYPE, "[]", "it has no owner", FACTUM_CORRUPT},
        {FCT_FOLLOW_CHECKPOINT_TYPE, "{\"owner\":\"me\"}", "it has no owner", FACTUM_CORRUPT},
        {FCT_FOLLOW_CHECKPOINT_TYPE,
         "{\"owner\":\"00000000-0000-0000-0000-000000000001\",\"events\":-1}", "how many events",
         FACTUM_CORRUPT},
        {FCT_FOLLOW_CHECKPOINT_TYPE,
         "{\"owner\":\"00000000-0000-0000-0000-000000000001\",\"token\":7,\"events\":1}",
         "its token is not one", FACTUM_CORRUPT},
        {FCT_FOLLOW_CHECKPOINT_TYPE,
         "{\"owner\":\"00000000-0000-0000-0000-000000000001\",\"token\":\"7\",\"events\":1}",
         "\"7\" is not a token", FACTUM_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seen seen = SEEN;
        const factum_new_event event = {.stream = FCT_SLICE(MARK_STREAM),
                                        .type = factum_slice_from(rows[i].type),
                                        .data = factum_slice_from(rows[i].data)};
        const factum_expectation any = {event.stream, factum_any()};
        const factum_append_request request = {.size = sizeof request,
                                               .events = &event,
                                               .event_count = 1,
                                               .expectations = &any,
                                               .expectation_count = 1,
                                               .system = true};
        assert_ok(factum_append(f->store, &request, NULL, NULL, &f->err), f->err);
        assert_status(run_once(f, &seen, NULL), rows[i].status);
        assert_text(f->err, rows[i].text);
    }
}

TEST(a_checkpoint_that_was_deleted_begins_again)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    factum_stream_info info = {.size = sizeof info};
    append(f, "count-1", 0, 2);
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_ok(factum_delete(f->store, FCT_SLICE(MARK_STREAM), factum_any(), NULL, &f->err), f->err);
    seen.count = 0;
    assert_ok(run_once(f, &seen, NULL), f->err);
    assert_seen(&seen, 0, 2);
    assert_ok(factum_stream_info_get(f->store, FCT_SLICE(MARK_STREAM), &info, &f->err), f->err);
    assert_int_equal(info.max_count, 1);
    assert_ok(factum_tombstone(f->store, FCT_SLICE(MARK_STREAM), factum_any(), NULL, &f->err),
              f->err);
    assert_status(run_once(f, &seen, NULL), FACTUM_STREAM_DELETED);
    assert_text(f->err, "follow under another name");
}

/* ---- a keeper -------------------------------------------------------------------------------- */

TEST(a_keeper_gives_the_start_and_gets_the_checkpoints)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    struct shelf shelf = {.saves = 0};
    factum_follow_keeper keeper = keeper_of(&shelf);
    append(f, "count-1", 0, 3);
    assert_ok(run_once(f, &seen, &keeper), f->err);
    append(f, "count-1", 3, 1);
    assert_ok(run_once(f, &seen, &keeper), f->err);
    assert_ok(run_once(f, &seen, &keeper), f->err);
    assert_seen(&seen, 0, 4);
    assert_int_equal(shelf.saves, 2);
    assert_int_equal(shelf.undone, 0);
    assert_int_equal(checkpoints(f), 0);
}

TEST(an_event_that_fails_is_tried_alone_after_the_others)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    struct shelf shelf = {.saves = 0};
    factum_follow_keeper keeper = keeper_of(&shelf);
    append(f, "count-1", 0, 5);
    seen.fail_at = 2;
    seen.fails = 3;
    assert_status(run_once(f, &seen, &keeper), FACTUM_IO);
    assert_int_equal(seen.fails, 1); /* with the others, and alone */
    assert_int_equal(shelf.undone, 2);
    assert_int_equal(shelf.saves, 1);
    assert_int_equal(seen.count, 4); /* 0, 1, undone; 0, 1 */
    assert_status(run_once(f, &seen, &keeper), FACTUM_IO);
    assert_int_equal(shelf.saves, 1);
    assert_int_equal(seen.count, 4);
    assert_ok(run_once(f, &seen, &keeper), f->err);
    assert_int_equal(seen.count, 7);
    assert_int_equal(seen.numbers[4], 2);
}

TEST(a_keeper_without_undo_keeps_what_was_done)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    struct shelf shelf = {.saves = 0};
    factum_follow_keeper keeper = keeper_of(&shelf);
    keeper.undo = NULL;
    append(f, "count-1", 0, 3);
    seen.fail_at = 2;
    seen.fails = 1;
    assert_status(run_once(f, &seen, &keeper), FACTUM_IO);
    assert_int_equal(shelf.saves, 1);
    assert_ok(run_once(f, &seen, &keeper), f->err);
    assert_seen(&seen, 0, 3);
}

TEST(a_keeper_that_fails_ends_the_run)
{
    struct fixture *f = *state;
    struct seen seen = SEEN;
    struct shelf shelf = {.load_status = FACTUM_DENIED};
    factum_follow_keeper keeper = keeper_of(&shelf);
    append(f, "count-1", 0, 3);
    assert_status(run_once(f, &seen, &keeper), FACTUM_DENIED);
    assert_text(f->err, "follow mailer: the checkpoint was not loaded: not allowed");
    shelf.load_status = FACTUM_DONE;
    assert_status(run_once(f, &seen, &keeper), FACTUM_INVALID);
    shelf.load_status = FACTUM_OK;
    shelf.save_status = FACTUM_BUSY;
    assert_status(run_once(f, &seen, &keeper), FACTUM_BUSY);
    assert_text(f->err, "follow mailer: the checkpoint was not saved: too many requests");
    assert_int_equal(shelf.undone, 1);
    shelf.save_status = FACTUM_DONE;
    assert_status(run_once(f, &seen, &keeper), FACTUM_INVALID);
    assert_int_equal(shelf.undone, 2);
    memset(shelf.token, 'x', sizeof shelf.token);
    assert_status(run_once(f, &seen, &keeper), FACTUM_INVALID);
    assert_text(f->err, "is not a token");
}

TEST(the_checkpoint_stays_before_what_is_held)
{
    struct fixture *f = *state;
    struct shelf shelf = {.saves = 0};
    factum_follow_keeper keeper = keeper_of(&shelf);
    append(f, "count-1", 0, 2);
    uint64_t third = append(f, "count-1", 2, 1);
    append(f, "count-1", 3, 2);
    for (int kept_outside = 0; kept_outside < 2; kept_outside++) {
        const factum_follow_keeper *kept_by = kept_outside ? &keeper : NULL;
        struct seen seen = SEEN;
        seen.held = third;
        assert_ok(run_once(f, &seen, kept_by), f->err);
        assert_seen(&seen, 0, 5);
        seen.count = 0;
        assert_ok(run_once(f, &seen, kept_by), f->err);
        assert_seen(&seen, 2, 3);
        seen.held = 0;
        seen.count = 0;
        assert_ok(run_once(f, &seen, kept_by), f->err);
        assert_seen(&seen, 2, 3);
        assert_ok(run_once(f, &seen, kept_by), f->err);
        assert_seen(&seen, 2, 3);
    }
}

#define BOTH(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, set_up_memory, tear_down),                               \
        cmocka_unit_test_setup_teardown(name, set_up_local, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_run_continues_where_the_last_one_ended),
        BOTH(a_run_without_an_event_writes_nothing),
        BOTH(one_event_of_the_checkpoint_stays_visible),
        BOTH(a_checkpoint_is_kept_after_a_number_of_events),
        BOTH(a_checkpoint_is_kept_after_an_interval),
        BOTH(two_followers_of_everything_do_not_answer_each_other),
        cmocka_unit_test_setup_teardown(a_long_way_without_an_event_is_kept_too, set_up_local,
                                        tear_down),
        BOTH(one_that_begins_at_the_end_keeps_where_that_was),
        BOTH(one_that_begins_at_a_revision_begins_there_again_until_there_is_a_checkpoint),
        BOTH(the_request_is_copied),
        BOTH(a_failure_ends_it_before_the_event),
        BOTH(the_function_may_end_it_after_an_event),
        BOTH(it_ends_at_a_count_a_place_or_a_deadline),
        BOTH(another_thread_may_stop_it),
        BOTH(the_function_may_stop_it),
        BOTH(a_place_that_an_unwanted_event_reaches_is_reached),
        BOTH(of_two_followers_of_one_name_the_later_one_continues),
        BOTH(two_threads_that_fight_over_a_name_miss_nothing),
        CASE(after_a_kill_it_continues_at_the_last_checkpoint),
        BOTH(a_checkpoint_of_another_history_is_refused),
        BOTH(a_checkpoint_ahead_of_the_store_is_refused),
        BOTH(an_invalid_checkpoint_is_refused),
        BOTH(a_checkpoint_that_was_deleted_begins_again),
        BOTH(a_keeper_gives_the_start_and_gets_the_checkpoints),
        BOTH(an_event_that_fails_is_tried_alone_after_the_others),
        BOTH(a_keeper_without_undo_keeps_what_was_done),
        BOTH(a_keeper_that_fails_ends_the_run),
        BOTH(the_checkpoint_stays_before_what_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
