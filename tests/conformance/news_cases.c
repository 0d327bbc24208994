/* news_cases.c - listeners and waiting, on every engine. Run by conformance_test.c.
 *
 * Kinds without threads call listeners inside the call that causes the news; the others call them
 * soon after it.
 */
#include "flight.h"

/* ---- listeners ------------------------------------------------------------------------------- */

TEST(a_listener_is_notified_of_appends_until_it_is_ended)
{
    struct fixture *f = *state;
    struct counting *counting = count_news(f);
    OK(append_one(f, "a-1", factum_any(), "A"));
    await_word(&counting->ends, 1);
    assert_int_equal(atomic_load(&counting->rooms), 0);
    assert_int_equal(atomic_load(&counting->failures), 0);
    uint32_t calls = atomic_load(&counting->calls);
    OK(append_one(f, "a-1", factum_any(), "B"));
    await_word(&counting->calls, calls + 1);
    fct_engine_unlisten(&f->engine, &counting->listener);
    calls = atomic_load(&counting->calls);
    append_many(f, "a-1", 3);
    sleep_ms(2);
    assert_int_equal(atomic_load(&counting->calls), calls);
    fct_engine_unlisten(&f->engine, &counting->listener); /* it was not started: nothing happens */
}

struct appender {
    struct fct_thread thread;
    struct fixture *f;
    uint32_t count;
    _Atomic uint32_t stop;
    _Atomic uint32_t failures;
};

static void append_from_thread(void *data)
{
    factum_error ignored;
    struct appender *appender = data;
    factum_new_event event = event_of("thread-1", "A", 0);
    factum_expectation expectation = {event.stream, factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
    };
    for (uint32_t i = 0; i < appender->count && atomic_load(&appender->stop) == 0; i++) {
        factum_status status =
            fct_engine_append(&appender->f->engine, &request, NULL, NULL, &ignored);
        atomic_fetch_add(&appender->failures, status == FACTUM_OK ? 0 : 1);
    }
}

static struct appender *start_appender(struct fixture *f, uint32_t count)
{
    static struct appender appender;
    memset(&appender, 0, sizeof appender);
    appender.f = f;
    appender.count = count;
    OK(fct_thread_start(&appender.thread, "appender", append_from_thread, &appender, &f->err));
    return &appender;
}

static void join_appender(struct appender *appender)
{
    fct_thread_join(&appender->thread);
    assert_int_equal(atomic_load(&appender->failures), 0);
}

TEST(whoever_listens_first_and_then_looks_misses_nothing)
{
    struct fixture *f = *state;
    enum { EVENTS = 150 };
    struct counting *counting = count_news(f);
    struct appender *appender = start_appender(f, EVENTS);
    struct fct_reader *reader;
    factum_event event;
    uint64_t next = 0;
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "thread-1");
    OK(fct_engine_read(&f->engine, &request, true, &reader, &f->err));
    for (;;) {
        factum_status status;
        uint32_t heard = atomic_load(&counting->ends);
        OK(fct_reader_extend(reader, &f->err));
        while ((status = fct_reader_next(reader, &event, &f->err)) == FACTUM_OK) {
            assert_int_equal(event.revision, next++);
        }
        assert_status(status, FACTUM_DONE);
        if (next == EVENTS) {
            break;
        }
        await_word(&counting->ends, heard + 1);
    }
    fct_reader_close(reader);
    join_appender(appender);
    fct_engine_unlisten(&f->engine, &counting->listener);
}

struct slow {
    struct counting counting;
    _Atomic uint32_t entered;
    _Atomic uint32_t released;
};

static void notify_slowly(void *data, uint32_t news)
{
    struct slow *slow = data;
    (void)news;
    raise_word(&slow->entered);
    while (atomic_load(&slow->released) == 0) {
        (void)fct_word_wait(&slow->released, 0, UINT64_MAX);
    }
    raise_word(&slow->counting.calls);
}

/* Waits until |count| events of stream |name| are visible. */
static void await_events(struct fixture *f, const char *name, uint64_t count)
{
    factum_stream_info info = {.size = sizeof info};
    for (int i = 0; i < 10000; i++) {
        OK(fct_engine_stream(&f->engine, factum_slice_from(name), &info, &f->err));
        if (info.state == FACTUM_STREAM_PRESENT && info.last_revision + 1 >= count) {
            return;
        }
        sleep_ms(1);
    }
    fail_msg("the events of %s did not become visible", name);
}

TEST(news_that_come_while_a_listener_is_called_come_together)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    static struct slow slow;
    struct flights *set = flights_begin(f, 0);
    memset(&slow, 0, sizeof slow);
    slow.counting.listener = (factum_listener){
        .size = sizeof slow.counting.listener, .data = &slow, .notify = notify_slowly};
    OK(fct_engine_listen(&f->engine, &slow.counting.listener, &f->err));
    for (size_t i = 0; i < 50; i++) {
        (void)flight_make(set, "a-1", 0);
    }
    OK(flight_submit(&set->items[0], &f->err));
    await_word(&slow.entered, 1);
    for (size_t i = 1; i < 50; i++) {
        OK(flight_submit(&set->items[i], &f->err));
    }
    await_events(f, "a-1", 50); /* the blocked listener blocks neither appends nor questions */
    raise_word(&slow.released);
    flights_await(set, 50);
    sleep_ms(2);
    fct_engine_unlisten(&f->engine, &slow.counting.listener);
    assert_in_range(atomic_load(&slow.counting.calls), 1, 5);
    flights_land(set);
}

struct fleeting {
    factum_listener listener;
    _Atomic uint32_t entered;
    _Atomic uint32_t listening;
    _Atomic uint32_t late; /* calls that ran after unlisten had returned */
};

static void notify_fleeting(void *data, uint32_t news)
{
    struct fleeting *fleeting = data;
    (void)news;
    raise_word(&fleeting->entered);
    sleep_ms(1);
    atomic_fetch_add(&fleeting->late, atomic_load(&fleeting->listening) == 0 ? 1 : 0);
}

TEST(after_unlisten_has_returned_notify_does_not_run)
{
    struct fixture *f = *state;
    static struct fleeting fleeting;
    struct appender *appender = start_appender(f, UINT32_MAX);
    memset(&fleeting, 0, sizeof fleeting);
    for (int i = 0; i < 100; i++) {
        fleeting.listener = (factum_listener){
            .size = sizeof fleeting.listener, .data = &fleeting, .notify = notify_fleeting};
        atomic_store(&fleeting.listening, 1);
        uint32_t entered = atomic_load(&fleeting.entered);
        OK(fct_engine_listen(&f->engine, &fleeting.listener, &f->err));
        if (i % 2 == 0) { /* a call of notify is likely to be running now */
            await_word(&fleeting.entered, entered + 1);
        }
        fct_engine_unlisten(&f->engine, &fleeting.listener);
        atomic_store(&fleeting.listening, 0);
    }
    atomic_store(&appender->stop, 1);
    join_appender(appender);
    assert_int_equal(atomic_load(&fleeting.late), 0);
}

TEST(a_listener_that_listens_already_is_refused)
{
    struct fixture *f = *state;
    struct counting *counting = count_news(f);
    assert_status(fct_engine_listen(&f->engine, &counting->listener, &f->err), FACTUM_INVALID);
    assert_text(f->err, "listens already");
    fct_engine_unlisten(&f->engine, &counting->listener);
    OK(fct_engine_listen(&f->engine, &counting->listener, &f->err));
    OK(append_one(f, "a-1", factum_any(), "A"));
    await_word(&counting->ends, 1);
    fct_engine_unlisten(&f->engine, &counting->listener);
}

/* ---- from inside a listener ------------------------------------------------------------------ */

/* Ends itself and starts another listener in its first call. */
struct relay {
    struct counting first;
    struct counting second;
    struct fixture *f;
    factum_status status;
    _Atomic uint32_t calls;
};

static void notify_relay(void *data, uint32_t news)
{
    factum_error ignored;
    struct relay *relay = data;
    (void)news;
    fct_engine_unlisten(&relay->f->engine, &relay->first.listener);
    relay->status = fct_engine_listen(&relay->f->engine, &relay->second.listener, &ignored);
    raise_word(&relay->calls);
}

TEST(a_listener_may_end_itself_and_begin_others)
{
    struct fixture *f = *state;
    static struct relay relay;
    memset(&relay, 0, sizeof relay);
    relay.f = f;
    relay.first.listener = (factum_listener){
        .size = sizeof relay.first.listener, .data = &relay, .notify = notify_relay};
    counting_init(&relay.second);
    struct counting *other = count_news(f); /* at the same time */
    OK(fct_engine_listen(&f->engine, &relay.first.listener, &f->err));
    OK(append_one(f, "a-1", factum_any(), "A"));
    await_word(&relay.calls, 1);
    await_word(&other->ends, 1);
    assert_status(relay.status, FACTUM_OK);
    OK(append_one(f, "a-1", factum_any(), "B"));
    await_word(&relay.second.ends, 1);
    fct_engine_unlisten(&f->engine, &relay.second.listener);
    fct_engine_unlisten(&f->engine, &other->listener);
    assert_int_equal(atomic_load(&relay.calls), 1);
}

struct busybody {
    factum_listener listener;
    struct fixture *f;
    struct flights *set;
    factum_status waited[3];
    factum_status submitted;
    factum_error err;
    _Atomic uint32_t calls;
};

static void notify_busybody(void *data, uint32_t news)
{
    factum_error ignored;
    struct busybody *busybody = data;
    struct fct_engine *engine = &busybody->f->engine;
    factum_append_request request = {.size = sizeof request};
    uint64_t place;
    (void)news;
    if (atomic_load(&busybody->calls) == 0) {
        busybody->waited[0] = fct_engine_append(engine, &request, NULL, NULL, &busybody->err);
        busybody->waited[1] = fct_engine_place(engine, &place, &ignored);
        busybody->waited[2] = fct_engine_wait(engine, UINT64_MAX, -1, NULL, &ignored);
        busybody->submitted = flight_submit(&busybody->set->items[0], &ignored);
        raise_word(&busybody->calls);
    }
}

TEST(a_listener_may_submit_and_must_not_wait)
{
    struct fixture *f = *state;
    static struct busybody busybody;
    struct flights *set = flights_begin(f, 0);
    memset(&busybody, 0, sizeof busybody);
    busybody.f = f;
    busybody.set = set;
    (void)flight_make(set, "b-1", 0);
    busybody.listener = (factum_listener){
        .size = sizeof busybody.listener, .data = &busybody, .notify = notify_busybody};
    OK(fct_engine_listen(&f->engine, &busybody.listener, &f->err));
    OK(append_one(f, "a-1", factum_any(), "A"));
    await_word(&busybody.calls, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_status(busybody.waited[i], FACTUM_INVALID);
    }
    assert_text(busybody.err, "append: a function that the store has called must not wait");
    if (kind_has_threads(f->kind)) {
        assert_status(busybody.submitted, FACTUM_OK);
        flights_await(set, 1);
        assert_flights(set, FACTUM_OK);
    } else {
        assert_status(busybody.submitted, FACTUM_UNSUPPORTED);
    }
    fct_engine_unlisten(&f->engine, &busybody.listener);
}

/* ---- many ------------------------------------------------------------------------------------ */

static factum_listener many[FACTUM_LISTENERS_MAX + 1];

static void notify_one_of_many(void *data, uint32_t news)
{
    (void)news;
    raise_word(data);
}

static void listen_many(struct fixture *f, _Atomic uint32_t *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        many[i] =
            (factum_listener){.size = sizeof many[i], .data = calls, .notify = notify_one_of_many};
        OK(fct_engine_listen(&f->engine, &many[i], &f->err));
    }
}

TEST(ten_thousand_listeners_are_notified_of_an_append)
{
    struct fixture *f = *state;
    enum { LISTENERS = 10000 };
    static _Atomic uint32_t calls;
    atomic_store(&calls, 0);
    listen_many(f, &calls, LISTENERS);
    OK(append_one(f, "a-1", factum_any(), "A"));
    await_word(&calls, LISTENERS);
    for (size_t i = 0; i < LISTENERS; i++) {
        fct_engine_unlisten(&f->engine, &many[i]);
    }
}

TEST(there_is_a_limit_to_listeners)
{
    struct fixture *f = *state;
    static _Atomic uint32_t calls;
    listen_many(f, &calls, FACTUM_LISTENERS_MAX);
    many[FACTUM_LISTENERS_MAX] =
        (factum_listener){.size = sizeof many[0], .data = &calls, .notify = notify_one_of_many};
    assert_status(fct_engine_listen(&f->engine, &many[FACTUM_LISTENERS_MAX], &f->err),
                  FACTUM_TOO_BIG);
    assert_text(f->err, "65536");
    fct_engine_unlisten(&f->engine, &many[7]);
    OK(fct_engine_listen(&f->engine, &many[FACTUM_LISTENERS_MAX], &f->err));
    for (size_t i = 0; i <= FACTUM_LISTENERS_MAX; i++) {
        fct_engine_unlisten(&f->engine, &many[i]);
    }
}

/* ---- waiting --------------------------------------------------------------------------------- */

TEST(waiting_ends_with_news_or_time)
{
    struct fixture *f = *state;
    uint64_t place = place_now(f);
    OK(fct_engine_wait(&f->engine, place, 0, NULL, &f->err)); /* it is visible */
    assert_status(fct_engine_wait(&f->engine, place + 1, 0, NULL, &f->err), FACTUM_TIMEOUT);
    assert_status(fct_engine_wait(&f->engine, place + 1, 1, NULL, &f->err), FACTUM_TIMEOUT);
    append_many(f, "s-1", 1);
    OK(fct_engine_wait(&f->engine, f->result.position, 0, NULL, &f->err));
    OK(fct_engine_wait(&f->engine, place + 1, -1, NULL, &f->err));
    place = place_now(f);
    struct appender *appender = start_appender(f, 20);
    OK(fct_engine_wait(&f->engine, place + 1, -1, NULL, &f->err));
    join_appender(appender);
}

struct waiter {
    struct fct_thread thread;
    struct fixture *f;
    uint64_t place;
    const _Atomic uint32_t *stop;
    _Atomic uint32_t *ended;
    factum_status status;
};

static void wait_in_thread(void *data)
{
    factum_error ignored;
    struct waiter *waiter = data;
    waiter->status = fct_engine_wait(&waiter->f->engine, waiter->place, -1, waiter->stop, &ignored);
    raise_word(waiter->ended);
}

static void start_waiters(struct fixture *f, struct waiter *waiters, size_t count, uint64_t place,
                          const _Atomic uint32_t *stop, _Atomic uint32_t *ended)
{
    for (size_t i = 0; i < count; i++) {
        waiters[i] = (struct waiter){.f = f, .place = place, .stop = stop, .ended = ended};
        OK(fct_thread_start(&waiters[i].thread, "waiter", wait_in_thread, &waiters[i], &f->err));
    }
}

static void join_waiters(struct waiter *waiters, size_t count, factum_status status)
{
    for (size_t i = 0; i < count; i++) {
        fct_thread_join(&waiters[i].thread);
        assert_status(waiters[i].status, status);
    }
}

TEST(one_append_ends_the_waiting_of_many)
{
    struct fixture *f = *state;
    enum { WAITERS = 16 };
    static struct waiter waiters[WAITERS];
    static _Atomic uint32_t ended;
    atomic_store(&ended, 0);
    start_waiters(f, waiters, WAITERS, place_now(f) + 1, NULL, &ended);
    sleep_ms(5);
    assert_int_equal(atomic_load(&ended), 0);
    append_many(f, "s-1", 1);
    await_word(&ended, WAITERS);
    join_waiters(waiters, WAITERS, FACTUM_OK);
}

TEST(waiting_is_stopped_from_another_thread)
{
    struct fixture *f = *state;
    enum { WAITERS = 4 };
    static struct waiter waiters[WAITERS];
    static _Atomic uint32_t ended;
    static _Atomic uint32_t stop;
    atomic_store(&ended, 0);
    atomic_store(&stop, 0);
    start_waiters(f, waiters, WAITERS, UINT64_MAX, &stop, &ended);
    sleep_ms(2);
    append_many(f, "s-1", 2); /* there is news, but not what is waited for */
    fct_engine_wake(&f->engine);
    sleep_ms(2);
    assert_int_equal(atomic_load(&ended), 0);
    atomic_store(&stop, 1);
    fct_engine_wake(&f->engine);
    await_word(&ended, WAITERS);
    join_waiters(waiters, WAITERS, FACTUM_CANCELLED);
    assert_status(fct_engine_wait(&f->engine, UINT64_MAX, -1, &stop, &f->err), FACTUM_CANCELLED);
}

const struct CMUnitTest news_cases[] = {
    FIXTURE_CASE(a_listener_is_notified_of_appends_until_it_is_ended),
    CASE_ONCE(whoever_listens_first_and_then_looks_misses_nothing),
    CASE_ONCE(news_that_come_while_a_listener_is_called_come_together),
    CASE_ONCE(after_unlisten_has_returned_notify_does_not_run),
    CASE_ONCE(a_listener_that_listens_already_is_refused),
    CASE_ONCE(a_listener_may_end_itself_and_begin_others),
    CASE_ONCE(a_listener_may_submit_and_must_not_wait),
    CASE_ONCE(ten_thousand_listeners_are_notified_of_an_append),
    CASE_ONCE(there_is_a_limit_to_listeners),
    FIXTURE_CASE(waiting_ends_with_news_or_time),
    CASE_ONCE(one_append_ends_the_waiting_of_many),
    CASE_ONCE(waiting_is_stopped_from_another_thread),
};
const size_t news_case_count = sizeof news_cases / sizeof news_cases[0];
