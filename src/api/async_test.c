/* async_test.c - the calls that do not wait, used as by an event loop: completions, listeners,
 * reads, questions. On a store in memory and on one on disk. */
#include "support/test_store.h"

#include "core/slice.h"
#include "os/os.h"
#include "os/thread.h"

#define OPS 100

/* The loop of async.h's example: a queue that other threads fill, and a word that wakes it. */
struct loop {
    struct fct_mutex lock;
    factum_append_op *ended[OPS]; /* completed, and not yet taken by the loop */
    size_t ended_count;
    uint32_t news;
    _Atomic uint32_t word;
    _Atomic uint32_t wakes;
};

struct fixture {
    factum_store *store;
    struct loop loop;
    factum_listener listener;
    factum_error err;
    char dir[SCRATCH_SIZE];
};

static int set_up(struct fixture *f, bool on_disk, void **state)
{
    *state = f;
    fct_mutex_init(&f->loop.lock);
    return test_store_open(&f->store, on_disk, f->dir, NULL, &f->err);
}

static int set_up_memory(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    return set_up(&fixture, false, state);
}

static int set_up_local(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    return set_up(&fixture, true, state);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    int status = test_store_close(f->store, f->dir, &f->err);
    fct_mutex_finish(&f->loop.lock);
    return status;
}

#define assert_invalid(f, call, wanted)                                                            \
    do {                                                                                           \
        assert_status(call, FACTUM_INVALID);                                                       \
        assert_string_equal((f)->err.text, wanted);                                                \
    } while (0)

/* ---- the loop -------------------------------------------------------------------------------- */

static void wake(struct loop *loop)
{
    atomic_fetch_add(&loop->wakes, 1);
    atomic_fetch_add(&loop->word, 1);
    fct_word_wake(&loop->word, 1);
}

static void appended(void *data, factum_append_op *const *ops, size_t count)
{
    struct loop *loop = data;
    fct_mutex_lock(&loop->lock);
    for (size_t i = 0; i < count; i++) {
        loop->ended[loop->ended_count++] = ops[i];
    }
    fct_mutex_unlock(&loop->lock);
    wake(loop);
}

static void noted(void *data, uint32_t news)
{
    struct loop *loop = data;
    fct_mutex_lock(&loop->lock);
    loop->news |= news;
    fct_mutex_unlock(&loop->lock);
    wake(loop);
}

/* Sleeps until |count| ops have ended or, if |count| is 0, until the listener was called, and
 * clears that. */
static uint32_t run_until(struct loop *loop, size_t count)
{
    for (;;) {
        uint32_t word = atomic_load(&loop->word);
        fct_mutex_lock(&loop->lock);
        uint32_t news = loop->news;
        bool there = count == 0 ? news != 0 : loop->ended_count >= count;
        loop->news = 0;
        fct_mutex_unlock(&loop->lock);
        if (there) {
            return news;
        }
        assert_true(fct_word_wait(&loop->word, word, UINT64_C(20000000000)));
    }
}

static void listen(struct fixture *f)
{
    f->listener = (factum_listener){.size = sizeof f->listener, .data = &f->loop, .notify = noted};
    assert_ok(factum_listen(f->store, &f->listener, &f->err), f->err);
}

static factum_new_event event_of(const char *stream)
{
    return (factum_new_event){
        .stream = factum_slice_from(stream), .type = FCT_SLICE("T"), .data = FCT_SLICE("{}")};
}

static void append(struct fixture *f, const char *stream)
{
    factum_new_event event = event_of(stream);
    assert_ok(factum_append_stream(f->store, event.stream, factum_any(), &event, 1, NULL, &f->err),
              f->err);
}

/* ---- appends --------------------------------------------------------------------------------- */

/* An append of one event, with everything that it needs until it has ended. */
struct work {
    factum_new_event event;
    factum_expectation expectation;
    factum_append_op op;
    uint64_t revision;
};

static factum_status submit(struct fixture *f, const factum_completer *completer, struct work *work,
                            const char *stream, factum_expected expected)
{
    work->event = event_of(stream);
    work->expectation = (factum_expectation){work->event.stream, expected};
    const factum_append_request request = {
        /* Needed only during the submit. */
        .size = sizeof request, .events = &work->event,
        .event_count = 1,       .expectations = &work->expectation,
        .expectation_count = 1,
    };
    work->op = (factum_append_op){
        .size = sizeof work->op,
        .request = &request,
        .revisions = &work->revision,
        .completer = completer,
        .data = work,
    };
    return factum_append_submit(f->store, &work->op, &f->err);
}

TEST(every_submitted_append_ends_once_and_wakes_its_loop)
{
    struct fixture *f = *state;
    static struct work works[OPS];
    const factum_completer completer = {&f->loop, appended};
    for (size_t i = 0; i < OPS; i++) {
        assert_ok(submit(f, &completer, &works[i], "s-1", factum_any()), f->err);
    }
    (void)run_until(&f->loop, OPS);
    assert_int_equal(f->loop.ended_count, OPS);
    assert_true(atomic_load(&f->loop.wakes) <= OPS);
    bool seen[OPS] = {false};
    for (size_t i = 0; i < OPS; i++) {
        factum_append_op *op = f->loop.ended[i];
        struct work *work = op->data;
        assert_status(op->status, FACTUM_OK);
        assert_int_equal(op->result.revision, work->revision);
        assert_true(work->revision < OPS);
        assert_false(seen[work->revision]);
        seen[work->revision] = true;
    }
}

TEST(a_refused_append_ends_with_the_reason)
{
    struct fixture *f = *state;
    struct work works[2];
    const factum_completer completer = {&f->loop, appended};
    append(f, "s-1");
    assert_ok(submit(f, &completer, &works[0], "s-1", factum_no_stream()), f->err);
    (void)run_until(&f->loop, 1);
    assert_status(works[0].op.status, FACTUM_WRONG_REVISION);
    assert_text(works[0].op.err, "stream s-1 is at revision 0, but ");
    assert_int_equal(works[0].op.result.actual_state, FACTUM_STREAM_PRESENT);
    assert_ok(submit(f, &completer, &works[1], "s-1", factum_at(0)), f->err);
    (void)run_until(&f->loop, 2);
    assert_status(works[1].op.status, FACTUM_OK);
    assert_int_equal(works[1].revision, 1);
}

TEST(what_cannot_be_submitted_is_not_completed)
{
    struct fixture *f = *state;
    struct work work;
    const factum_completer completer = {&f->loop, appended};
    assert_status(submit(f, &completer, &work, "$s", factum_any()), FACTUM_INVALID);
    assert_status(submit(f, NULL, &work, "s-1", factum_any()), FACTUM_INVALID);
    assert_string_equal(f->err.text, "append: an op needs a completer");
    assert_invalid(f, factum_append_submit(f->store, NULL, &f->err),
                   "append: an op is needed, with size = sizeof(factum_append_op)");
    factum_append_cancel(f->store, NULL);
    factum_append_cancel(NULL, &work.op);
    append(f, "s-1");
    assert_int_equal(f->loop.ended_count, 0);
}

TEST(a_cancelled_append_ends_in_any_case)
{
    struct fixture *f = *state;
    struct work work;
    const factum_completer completer = {&f->loop, appended};
    assert_ok(submit(f, &completer, &work, "s-1", factum_any()), f->err);
    factum_append_cancel(f->store, &work.op);
    (void)run_until(&f->loop, 1);
    assert_true(work.op.status == FACTUM_OK || work.op.status == FACTUM_CANCELLED);
    factum_stream_info info = {.size = sizeof info};
    assert_ok(factum_stream_info_get(f->store, FCT_SLICE("s-1"), &info, &f->err), f->err);
    assert_int_equal(info.state == FACTUM_STREAM_PRESENT, work.op.status == FACTUM_OK);
}

TEST(streams_are_deleted_by_completion)
{
    struct fixture *f = *state;
    append(f, "s-1");
    const factum_expectation expectation = {FCT_SLICE("s-1"), factum_at(0)};
    const factum_append_request request = {
        .size = sizeof request, .expectations = &expectation, .expectation_count = 1};
    const factum_completer completer = {&f->loop, appended};
    factum_append_op op = {
        .size = sizeof op,
        .action = FACTUM_ACTION_TOMBSTONE,
        .request = &request,
        .completer = &completer,
    };
    assert_ok(factum_append_submit(f->store, &op, &f->err), f->err);
    (void)run_until(&f->loop, 1);
    assert_status(op.status, FACTUM_OK);
    factum_stream_info info = {.size = sizeof info};
    assert_ok(factum_stream_info_get(f->store, FCT_SLICE("s-1"), &info, &f->err), f->err);
    assert_int_equal(info.state, FACTUM_STREAM_TOMBSTONED);
}

/* What a completer gets when it makes forbidden calls and permitted ones. */
struct inside {
    struct fixture *f;
    struct work next;
    factum_completer then;
    factum_status append, read, wait, question, verify, submitted;
    factum_error err;
};

static void call_from_inside(void *data, factum_append_op *const *ops, size_t count)
{
    struct inside *inside = data;
    factum_store *store = inside->f->store;
    factum_new_event event = event_of("s-2");
    const factum_read_request request = {.size = sizeof request};
    factum_cursor *cursor;
    uint64_t place;
    (void)ops;
    (void)count;
    inside->append =
        factum_append_stream(store, event.stream, factum_any(), &event, 1, NULL, &inside->err);
    inside->read = factum_read(store, &request, &cursor, NULL);
    inside->wait = factum_wait(store, 0, -1, NULL);
    inside->question = factum_visible_place(store, &place, NULL);
    inside->verify = factum_verify(store, NULL, NULL, NULL);
    inside->submitted = submit(inside->f, &inside->then, &inside->next, "s-3", factum_any());
    if (inside->submitted != FACTUM_OK) {
        wake(&inside->f->loop);
    }
}

TEST(a_completer_may_submit_and_must_not_wait)
{
    struct fixture *f = *state;
    static struct inside inside;
    struct work work;
    inside = (struct inside){.f = f, .then = {&f->loop, appended}};
    const factum_completer completer = {&inside, call_from_inside};
    assert_ok(submit(f, &completer, &work, "s-1", factum_any()), f->err);
    (void)run_until(&f->loop, 1);
    assert_status(inside.append, FACTUM_INVALID);
    assert_text(inside.err, "append: a function that the store has called must not wait");
    assert_status(inside.read, FACTUM_INVALID);
    assert_status(inside.wait, FACTUM_INVALID);
    assert_status(inside.question, FACTUM_INVALID);
    assert_status(inside.verify, FACTUM_INVALID);
    assert_status(inside.submitted, FACTUM_OK);
    assert_ptr_equal(f->loop.ended[0], &inside.next.op);
    assert_status(inside.next.op.status, FACTUM_OK);
    assert_ok(factum_testing_expect(f->store, "s-2", "", &f->err), f->err);
}

/* ---- news ------------------------------------------------------------------------------------ */

TEST(a_listener_is_notified_that_more_is_visible)
{
    struct fixture *f = *state;
    listen(f);
    append(f, "s-1");
    assert_int_equal(run_until(&f->loop, 0), FACTUM_NEWS_END);
    factum_unlisten(f->store, &f->listener);
    uint32_t wakes = atomic_load(&f->loop.wakes);
    append(f, "s-1");
    (void)usleep(30000);
    assert_int_equal(atomic_load(&f->loop.wakes), wakes);
    factum_unlisten(f->store, &f->listener);
    factum_unlisten(f->store, NULL);
    factum_unlisten(NULL, &f->listener);
}

TEST(incomplete_listeners_are_refused)
{
    struct fixture *f = *state;
    factum_listener listener = {.size = sizeof listener};
    const char *text = "listen: a listener is needed, with size = sizeof(factum_listener) and a "
                       "notify function";
    assert_invalid(f, factum_listen(NULL, &listener, &f->err), "listen: a store is needed");
    assert_invalid(f, factum_listen(f->store, NULL, &f->err), text);
    assert_invalid(f, factum_listen(f->store, &listener, &f->err), text);
    listener.notify = noted;
    listener.size = 8;
    assert_invalid(f, factum_listen(f->store, &listener, &f->err), text);
}

TEST(a_store_without_threads_calls_back_inside_the_call_that_changes_it)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct work work;
    const factum_store_options options = {.size = sizeof options, .no_threads = true};
    const factum_completer completer = {&f->loop, appended};
    (void)state;
    fct_mutex_init(&f->loop.lock);
    assert_true(scratch_make(f->dir));
    assert_ok(factum_open(f->dir, &options, &f->store, &f->err), f->err);
    listen(f);
    append(f, "s-1");
    assert_int_equal(atomic_load(&f->loop.wakes), 1);
    assert_int_equal(f->loop.news, FACTUM_NEWS_END);
    assert_status(submit(f, &completer, &work, "s-1", factum_any()), FACTUM_UNSUPPORTED);
    assert_int_equal(f->loop.ended_count, 0);
    factum_unlisten(f->store, &f->listener);
    assert_ok(factum_close(f->store, &f->err), f->err);
    assert_true(scratch_remove(f->dir));
    fct_mutex_finish(&f->loop.lock);
}

/* ---- reads ----------------------------------------------------------------------------------- */

TEST(a_loop_follows_a_stream_without_waiting)
{
    struct fixture *f = *state;
    factum_cursor *cursor;
    factum_event event;
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = FCT_SLICE("s-1")};
    listen(f);
    assert_ok(factum_read_start(f->store, &request, true, &cursor, &f->err), f->err);
    assert_status(factum_cursor_try_next(cursor, &event, &f->err), FACTUM_DONE);
    for (uint64_t i = 0; i < 3; i++) {
        append(f, "s-2");
        append(f, "s-1");
        (void)run_until(&f->loop, 0);
        uint64_t place = factum_cursor_place(cursor);
        for (;;) { /* the change may be in s-2 only */
            assert_ok(factum_cursor_extend(cursor, &f->err), f->err);
            factum_status status = factum_cursor_try_next(cursor, &event, &f->err);
            if (status == FACTUM_OK) {
                break;
            }
            assert_status(status, FACTUM_DONE);
        }
        assert_int_equal(event.revision, i);
        assert_true(event.position > place);
        assert_true(factum_cursor_place(cursor) >= event.position);
        assert_status(factum_cursor_try_next(cursor, &event, &f->err), FACTUM_DONE);
    }
    factum_cursor_close(cursor);
    factum_unlisten(f->store, &f->listener);
}

TEST(a_cursor_that_was_started_reads_like_another)
{
    struct fixture *f = *state;
    factum_cursor *cursor;
    factum_event event;
    factum_read_request request = {.size = sizeof request};
    append(f, "s-1");
    assert_ok(factum_read_start(f->store, &request, false, &cursor, &f->err), f->err);
    append(f, "s-1");
    assert_ok(factum_cursor_next(cursor, &event, &f->err), f->err);
    assert_status(factum_cursor_next(cursor, &event, &f->err), FACTUM_DONE);
    assert_invalid(f, factum_cursor_extend(cursor, &f->err),
                   "extend: this cursor does not follow: open it by factum_read_start with follow");
    const factum_ready ready = {.ready = NULL};
    factum_cursor_ready(cursor, &ready);
    factum_cursor_ready(cursor, NULL);
    factum_cursor_ready(NULL, &ready);
    factum_cursor_close(cursor);
    request.source = FACTUM_SOURCE_STREAM;
    request.name = FCT_SLICE("none");
    factum_status status = factum_read_start(f->store, &request, false, &cursor, &f->err);
    if (status == FACTUM_OK) {
        status = factum_cursor_try_next(cursor, &event, &f->err);
        factum_cursor_close(cursor);
    }
    assert_status(status, FACTUM_STREAM_NOT_FOUND);
}

TEST(a_start_of_a_read_needs_what_a_read_needs)
{
    struct fixture *f = *state;
    factum_cursor *cursor = (factum_cursor *)(void *)f;
    factum_event event;
    factum_read_request request = {.size = sizeof request, .count_max = 1};
    assert_invalid(f, factum_read_start(NULL, &request, false, &cursor, &f->err),
                   "read: a store and a place for the cursor are needed");
    assert_invalid(f, factum_read_start(f->store, &request, false, NULL, &f->err),
                   "read: a store and a place for the cursor are needed");
    assert_status(factum_read_start(f->store, &request, true, &cursor, &f->err), FACTUM_INVALID);
    assert_null(cursor);
    assert_invalid(f, factum_cursor_try_next(NULL, &event, &f->err),
                   "read: a cursor and a place for the event are needed");
    assert_invalid(f, factum_cursor_extend(NULL, &f->err), "extend: a cursor is needed");
}

/* ---- questions ------------------------------------------------------------------------------- */

static void answered(factum_question *question)
{
    (void)question;
    fail(); /* an embedded store answers at once */
}

TEST(questions_are_answered_at_once)
{
    struct fixture *f = *state;
    factum_stream_info info = {.size = sizeof info};
    uint64_t place = 0;
    append(f, "s-1");
    factum_question question = {
        .size = sizeof question, .kind = FACTUM_ASK_PLACE, .done = answered};
    assert_ok(factum_ask(f->store, &question, &f->err), f->err);
    assert_ok(factum_visible_place(f->store, &place, &f->err), f->err);
    assert_int_equal(question.number, place);
    question.kind = FACTUM_ASK_STREAM;
    question.name = FCT_SLICE("s-1");
    question.stream = &info;
    assert_ok(factum_ask(f->store, &question, &f->err), f->err);
    assert_int_equal(info.state, FACTUM_STREAM_PRESENT);
    question.kind = FACTUM_ASK_KEY;
    question.key = &(factum_key_info){.size = sizeof *question.key};
    assert_status(factum_ask(f->store, &question, &f->err), FACTUM_NOT_FOUND);
}

TEST(incomplete_questions_are_refused)
{
    struct fixture *f = *state;
    factum_question question = {.size = sizeof question, .kind = FACTUM_ASK_PLACE};
    assert_invalid(f, factum_ask(NULL, &question, &f->err), "ask: a store is needed");
    assert_invalid(f, factum_ask(f->store, NULL, &f->err),
                   "ask: a question is needed, with size = sizeof(factum_question)");
    assert_invalid(f, factum_ask(f->store, &question, &f->err),
                   "ask: a question needs a function for a late answer (done)");
    question.done = answered;
    question.kind = FACTUM_ASK_EVENT;
    assert_invalid(f, factum_ask(f->store, &question, &f->err),
                   "read: no memory for the event was given");
    question.kind = (factum_question_kind)99;
    assert_invalid(f, factum_ask(f->store, &question, &f->err), "ask: kind 99 is not known");
}

TEST(the_terms_of_a_store_are_its_limits_and_its_history)
{
    struct fixture *f = *state;
    factum_terms terms = {.size = sizeof terms};
    char text[FACTUM_TOKEN_SIZE];
    char expected[FACTUM_TOKEN_SIZE];
    assert_ok(factum_terms_get(f->store, &terms, &f->err), f->err);
    assert_int_equal(terms.event_size_max, 1 << 20);
    assert_int_equal(terms.append_events_max, 1000);
    assert_int_equal(terms.append_size_max, 16 << 20);
    assert_int_equal(terms.queue_max, 65536);
    assert_int_equal(terms.queue_size_max, 256 << 20);
    assert_int_equal(terms.timeline_count, 1);
    assert_int_equal(terms.timelines[0].from, 0);
    factum_token_format(f->store, 7, text);
    (void)snprintf(expected, sizeof expected, "f1-%016llx-0-7",
                   (unsigned long long)terms.timelines[0].id);
    assert_string_equal(text, expected);
    assert_invalid(f, factum_terms_get(NULL, &terms, &f->err), "terms: a store is needed");
    terms.size = 0;
    assert_status(factum_terms_get(f->store, &terms, &f->err), FACTUM_INVALID);
}

int main(void)
{
#define BOTH(name)                                                                                 \
    {"memory: " #name, name, set_up_memory, tear_down, NULL},                                      \
    {                                                                                              \
        "local: " #name, name, set_up_local, tear_down, NULL                                       \
    }
    const struct CMUnitTest tests[] = {
        BOTH(every_submitted_append_ends_once_and_wakes_its_loop),
        BOTH(a_refused_append_ends_with_the_reason),
        BOTH(what_cannot_be_submitted_is_not_completed),
        BOTH(a_cancelled_append_ends_in_any_case),
        BOTH(streams_are_deleted_by_completion),
        BOTH(a_completer_may_submit_and_must_not_wait),
        BOTH(a_listener_is_notified_that_more_is_visible),
        BOTH(incomplete_listeners_are_refused),
        CASE(a_store_without_threads_calls_back_inside_the_call_that_changes_it),
        BOTH(a_loop_follows_a_stream_without_waiting),
        BOTH(a_cursor_that_was_started_reads_like_another),
        BOTH(a_start_of_a_read_needs_what_a_read_needs),
        BOTH(questions_are_answered_at_once),
        BOTH(incomplete_questions_are_refused),
        BOTH(the_terms_of_a_store_are_its_limits_and_its_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
