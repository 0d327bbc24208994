/* block_test.c - calls that wait, over a fake engine whose answers come later from another
 * thread. */
#include "support/test.h"

#include "core/error.h"
#include "core/slice.h"
#include "engine/deliver.h"
#include "engine/engine.h"
#include "os/thread.h"

#define MS UINT64_C(1000000)

struct fixture {
    struct fct_engine engine;
    factum_error err;
    /* The behaviour of the fake engine. */
    int pending;                 /* answers of its reader or lister that are PENDING first */
    bool late;                   /* questions are answered later */
    factum_status outcome;       /* status of appends, questions, begin */
    factum_status refusal;       /* status of the append itself, before it starts */
    _Atomic uint64_t place;      /* place that is visible */
    factum_listener *listener;   /* status of the hub */
    factum_status listen_status; /* status of listen */
    /* Calls that have reached the engine. */
    unsigned appends;
    unsigned reads;
    unsigned readers; /* number of open readers and listers */
    unsigned asks;
    unsigned readies;
    unsigned closes;
    bool had_completer;
    factum_append_action action;
    factum_append_request request;
    factum_expectation expectation;
    factum_slice type;
    char stream[16];
    char data[64];
    /* the thread that answers */
    struct fct_thread thread;
    factum_append_op *op;
    factum_question *question;
    factum_ready ready;
};

/* ---- the fake engine ------------------------------------------------------------------------- */

static void answer_later(void *data)
{
    struct fixture *f = data;
    _Atomic uint32_t never = 0;
    (void)fct_word_wait(&never, 0, MS);
    if (f->op != NULL) {
        fct_deliver(&f->op, 1);
    } else if (f->question != NULL) {
        f->question->done(f->question);
    } else {
        f->ready.ready(f->ready.data);
    }
}

/* Starts the thread that gives the awaited answer. */
static void start_answer(struct fixture *f)
{
    fct_thread_join(&f->thread); /* joins the thread of the previous answer */
    assert_int_equal(fct_thread_start(&f->thread, "test", answer_later, f, NULL), FACTUM_OK);
}

static void note_append(struct fixture *f, factum_append_op *op)
{
    const factum_append_request *request = fct_op_request(op);
    f->appends++;
    f->had_completer = op->completer != NULL;
    f->action = op->action;
    f->request = *request;
    f->expectation = request->expectations[0];
    (void)snprintf(f->stream, sizeof f->stream, "%.*s", (int)f->expectation.stream.len,
                   (const char *)f->expectation.stream.ptr);
    if (request->event_count > 0) {
        f->type = request->events[0].type;
        (void)snprintf(f->data, sizeof f->data, "%.*s", (int)request->events[0].data.len,
                       (const char *)request->events[0].data.ptr);
    }
    op->status = f->outcome;
    op->result.position = 77;
    if (op->revisions != NULL) {
        op->revisions[0] = 5;
    }
    if (f->outcome < 0) {
        (void)fct_fail(&op->err, f->outcome, "the fake append failed");
    }
}

static factum_status fake_append(void *self, factum_append_op *op, factum_error *err)
{
    struct fixture *f = self;
    if (f->refusal != FACTUM_OK) {
        return fct_fail(err, f->refusal, "the fake engine takes no appends");
    }
    note_append(f, op);
    f->op = op;
    start_answer(f);
    return FACTUM_OK;
}

static void fake_append_here(void *self, factum_append_op *op)
{
    note_append(self, op);
}

/* PENDING for the first |pending| answers, then |status|. */
static factum_status pending_first(struct fixture *f, factum_status status, factum_error *err)
{
    if (f->pending > 0) {
        f->pending--;
        return FACTUM_PENDING;
    }
    return status < 0 ? fct_fail(err, status, "the fake engine failed") : status;
}

struct fake_reader {
    struct fct_reader reader;
    struct fixture *f;
};

static struct fixture *of_reader(struct fct_reader *reader)
{
    return ((struct fake_reader *)(void *)reader)->f;
}

static factum_status fake_begin(struct fct_reader *reader, factum_error *err)
{
    return pending_first(of_reader(reader), of_reader(reader)->outcome, err);
}

static factum_status fake_next(struct fct_reader *reader, factum_event *event, factum_error *err)
{
    struct fixture *f = of_reader(reader);
    *event = (factum_event){.position = 7};
    return pending_first(f, f->outcome, err);
}

static void note_ready(struct fixture *f, const factum_ready *ready)
{
    f->readies++;
    f->op = NULL;
    f->question = NULL;
    f->ready = *ready;
    start_answer(f);
}

static void fake_ready(struct fct_reader *reader, const factum_ready *ready)
{
    note_ready(of_reader(reader), ready);
}

static void fake_close_reader(struct fct_reader *reader)
{
    of_reader(reader)->readers--;
}

static const struct fct_reader_ops reader_ops = {
    .begin = fake_begin,
    .next = fake_next,
    .extend = fake_begin,
    .ready = fake_ready,
    .close = fake_close_reader,
};

static factum_status fake_read(void *self, const factum_read_request *request, bool follow,
                               struct fct_reader **reader, factum_error *err)
{
    static struct fake_reader made;
    (void)request;
    (void)follow;
    (void)err;
    struct fixture *f = self;
    f->reads++;
    f->readers++;
    made = (struct fake_reader){.reader = {.ops = &reader_ops}, .f = f};
    *reader = &made.reader;
    return FACTUM_OK;
}

struct fake_lister {
    struct fct_lister lister;
    struct fixture *f;
};

static struct fixture *of_lister(struct fct_lister *lister)
{
    return ((struct fake_lister *)(void *)lister)->f;
}

static factum_status fake_list_next(struct fct_lister *lister, factum_list_entry *entry,
                                    factum_error *err)
{
    struct fixture *f = of_lister(lister);
    *entry = (factum_list_entry){.event_count = 9};
    return pending_first(f, f->outcome, err);
}

static void fake_list_ready(struct fct_lister *lister, const factum_ready *ready)
{
    note_ready(of_lister(lister), ready);
}

static void fake_close_lister(struct fct_lister *lister)
{
    of_lister(lister)->readers--;
}

static const struct fct_lister_ops lister_ops = {
    .next = fake_list_next,
    .ready = fake_list_ready,
    .close = fake_close_lister,
};

static factum_status fake_list(void *self, const factum_list_request *request,
                               struct fct_lister **lister, factum_error *err)
{
    static struct fake_lister made;
    struct fixture *f = self;
    (void)request;
    (void)err;
    f->readers++;
    made = (struct fake_lister){.lister = {.ops = &lister_ops}, .f = f};
    *lister = &made.lister;
    return FACTUM_OK;
}

static factum_status fake_ask(void *self, factum_question *question, factum_error *err)
{
    struct fixture *f = self;
    if (f->late) {
        f->asks++;
        question->number = atomic_load(&f->place);
        question->status = f->outcome;
        if (f->outcome < 0) {
            (void)fct_fail(&question->err, f->outcome, "the fake answer failed");
        }
        f->op = NULL;
        f->question = question;
        start_answer(f);
        return FACTUM_PENDING;
    }
    question->number = atomic_load(&f->place);
    if (question->kind == FACTUM_ASK_STREAM) {
        question->stream->last_revision = 3;
    }
    return f->outcome < 0 ? fct_fail(err, f->outcome, "the fake engine failed") : f->outcome;
}

static factum_status fake_listen(void *self, factum_listener *listener, factum_error *err)
{
    struct fixture *f = self;
    if (f->listen_status != FACTUM_OK) {
        return fct_fail(err, f->listen_status, "nobody may listen");
    }
    f->listener = listener;
    return FACTUM_OK;
}

static void fake_unlisten(void *self, factum_listener *listener)
{
    struct fixture *f = self;
    f->listener = f->listener == listener ? NULL : f->listener;
}

static factum_status fake_close(void *self, factum_error *err)
{
    struct fixture *f = self;
    (void)err;
    f->closes++;
    return FACTUM_OK;
}

#define FAKE_OPS                                                                                   \
    .size = sizeof(struct fct_engine_ops), .capabilities = UINT32_MAX, .append = fake_append,      \
    .read = fake_read, .list = fake_list, .ask = fake_ask, .listen = fake_listen,                  \
    .unlisten = fake_unlisten, .close = fake_close

static const struct fct_engine_ops fake_ops = {FAKE_OPS};
static const struct fct_engine_ops fake_ops_here = {FAKE_OPS, .append_here = fake_append_here};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.outcome = FACTUM_OK};
    fixture.engine = (struct fct_engine){.ops = &fake_ops,
                                         .self = &fixture,
                                         .mem = fct_mem_heap(),
                                         .os = fct_os_real(),
                                         .timelines = {.count = 1}};
    *state = &fixture;
    if (fct_limits_default(&fixture.engine.limits, NULL) != FACTUM_OK) {
        return 1;
    }
    return fct_engine_ready(&fixture.engine, &fixture.err);
}

static int tear_down(void **state)
{
    factum_error ignored;
    struct fixture *f = *state;
    fct_thread_join(&f->thread);
    return fct_engine_close(&f->engine, &ignored);
}

/* ---- opening and closing --------------------------------------------------------------------- */

TEST(an_engine_that_cannot_listen_is_closed)
{
    struct fixture *f = *state;
    f->listen_status = FACTUM_NO_MEMORY;
    assert_status(fct_engine_ready(&f->engine, &f->err), FACTUM_NO_MEMORY);
    assert_string_equal(f->err.text, "nobody may listen");
    assert_int_equal(f->closes, 1);
}

TEST(closing_ends_the_hub_and_then_the_engine)
{
    struct fixture *f = *state;
    assert_ptr_equal(f->listener, &f->engine.hub.listener);
    assert_ptr_equal(f->listener->internal[3], FCT_LISTENER_DIRECT);
    assert_int_equal(fct_engine_close(&f->engine, &f->err), FACTUM_OK);
    assert_null(f->listener);
    assert_int_equal(f->closes, 1);
}

/* ---- appends --------------------------------------------------------------------------------- */

static factum_status append(struct fixture *f, factum_append_result *result, uint64_t *revisions)
{
    const factum_new_event event = {
        .stream = FCT_SLICE("s-1"), .type = FCT_SLICE("T"), .data = FCT_SLICE("{}")};
    const factum_expectation expectation = {event.stream, factum_at(4)};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1};
    return fct_engine_append(&f->engine, &request, result, revisions, &f->err);
}

TEST(an_append_waits_for_its_completer)
{
    struct fixture *f = *state;
    factum_append_result result;
    uint64_t revision = 0;
    assert_ok(append(f, &result, &revision), f->err);
    assert_int_equal(f->appends, 1);
    assert_true(f->had_completer);
    assert_int_equal(result.position, 77);
    assert_int_equal(revision, 5);
    assert_ok(append(f, NULL, NULL), f->err);
}

TEST(an_append_is_done_by_the_callers_thread_where_it_can)
{
    struct fixture *f = *state;
    factum_append_result result;
    f->engine.ops = &fake_ops_here;
    assert_ok(append(f, &result, NULL), f->err);
    assert_false(f->had_completer);
    assert_int_equal(result.position, 77);
    f->outcome = FACTUM_UNKNOWN_OUTCOME;
    assert_status(append(f, &result, NULL), FACTUM_UNKNOWN_OUTCOME);
    assert_string_equal(f->err.text, "the fake append failed");
}

TEST(an_append_that_fails_has_its_reason)
{
    struct fixture *f = *state;
    factum_append_result result;
    f->outcome = FACTUM_WRONG_REVISION;
    assert_status(append(f, &result, NULL), FACTUM_WRONG_REVISION);
    assert_int_equal(f->err.status, FACTUM_WRONG_REVISION);
    assert_string_equal(f->err.text, "the fake append failed");
    assert_int_equal(result.position, 77);
}

TEST(an_append_that_the_engine_does_not_take_is_not_waited_for)
{
    struct fixture *f = *state;
    factum_append_result result = {.position = 9};
    f->refusal = FACTUM_BUSY;
    assert_status(append(f, &result, NULL), FACTUM_BUSY);
    assert_string_equal(f->err.text, "the fake engine takes no appends");
    assert_int_equal(result.position, 0); /* overwritten in any case */
}

TEST(removals_are_appends_with_an_action)
{
    struct fixture *f = *state;
    factum_append_result result;
    factum_slice stream = FCT_SLICE("s-1");
    assert_ok(
        fct_engine_remove(&f->engine, FACTUM_ACTION_DELETE, stream, factum_at(3), &result, &f->err),
        f->err);
    assert_int_equal(f->action, FACTUM_ACTION_DELETE);
    assert_int_equal(f->request.event_count, 0);
    assert_int_equal(f->request.expectation_count, 1);
    assert_string_equal(f->stream, "s-1");
    assert_int_equal(f->expectation.expected.revision, 3);
    assert_int_equal(result.position, 77);
    assert_ok(
        fct_engine_remove(&f->engine, FACTUM_ACTION_TOMBSTONE, stream, factum_any(), NULL, &f->err),
        f->err);
    assert_int_equal(f->action, FACTUM_ACTION_TOMBSTONE);
}

TEST(metadata_is_an_event_of_the_metastream)
{
    struct fixture *f = *state;
    factum_append_result result;
    assert_ok(fct_engine_metadata_set(&f->engine, FCT_SLICE("$s"), factum_no_stream(),
                                      FCT_SLICE("{\"$maxCount\":3}"), &result, &f->err),
              f->err);
    assert_int_equal(f->action, FACTUM_ACTION_APPEND);
    assert_string_equal(f->stream, "$$$s");
    assert_true(fct_slice_equal(f->type, FCT_SLICE("$metadata")));
    assert_string_equal(f->data, "{\"$maxCount\":3}");
    assert_int_equal(f->expectation.expected.kind, FACTUM_EXPECTED_NO_STREAM);
    assert_int_equal(result.position, 77);
}

/* ---- reads and lists ------------------------------------------------------------------------- */

static factum_status open_reader(struct fixture *f, struct fct_reader **reader)
{
    const factum_read_request request = {.size = sizeof request};
    return fct_engine_read(&f->engine, &request, true, reader, &f->err);
}

TEST(a_read_waits_for_its_beginning_its_events_and_its_extension)
{
    struct fixture *f = *state;
    struct fct_reader *reader;
    factum_event event;
    f->pending = 2;
    assert_ok(open_reader(f, &reader), f->err);
    assert_int_equal(f->readies, 2);
    f->pending = 3;
    assert_ok(fct_reader_next(reader, &event, &f->err), f->err);
    assert_int_equal(event.position, 7);
    assert_int_equal(f->readies, 5);
    f->pending = 1;
    f->outcome = FACTUM_DONE;
    assert_status(fct_reader_next(reader, &event, &f->err), FACTUM_DONE);
    f->pending = 1;
    f->outcome = FACTUM_OK;
    assert_ok(fct_reader_extend(reader, &f->err), f->err);
    f->pending = 1;
    f->outcome = FACTUM_CORRUPT;
    assert_status(fct_reader_extend(reader, &f->err), FACTUM_CORRUPT);
    assert_string_equal(f->err.text, "the fake engine failed");
    assert_int_equal(f->readers, 1);
    fct_reader_close(reader);
    fct_reader_close(NULL);
    assert_int_equal(f->readers, 0);
}

TEST(a_read_that_does_not_begin_leaves_no_reader)
{
    struct fixture *f = *state;
    struct fct_reader *reader = (struct fct_reader *)(void *)f;
    f->pending = 1;
    f->outcome = FACTUM_STREAM_NOT_FOUND;
    assert_status(open_reader(f, &reader), FACTUM_STREAM_NOT_FOUND);
    assert_null(reader);
    assert_int_equal(f->readers, 0);
}

TEST(a_list_waits_for_its_entries)
{
    struct fixture *f = *state;
    struct fct_lister *lister;
    factum_list_entry entry;
    const factum_list_request request = {.size = sizeof request};
    assert_ok(fct_engine_list(&f->engine, &request, &lister, &f->err), f->err);
    f->pending = 2;
    assert_ok(fct_lister_next(lister, &entry, &f->err), f->err);
    assert_int_equal(entry.event_count, 9);
    assert_int_equal(f->readies, 2);
    f->outcome = FACTUM_IO;
    assert_status(fct_lister_next(lister, &entry, &f->err), FACTUM_IO);
    fct_lister_close(lister);
    fct_lister_close(NULL);
    assert_int_equal(f->readers, 0);
}

/* ---- questions ------------------------------------------------------------------------------- */

static void question_done(factum_question *question)
{
    (void)question;
    fail();
}

TEST(a_question_is_waited_for_and_is_the_users_again)
{
    struct fixture *f = *state;
    factum_question question = {
        .size = sizeof question, .kind = FACTUM_ASK_PLACE, .data = f, .done = question_done};
    f->late = true;
    f->place = 42;
    assert_ok(fct_engine_answer(&f->engine, &question, &f->err), f->err);
    assert_int_equal(question.number, 42);
    assert_ptr_equal(question.data, f);
    assert_true(question.done == question_done);
    f->outcome = FACTUM_IO;
    assert_status(fct_engine_answer(&f->engine, &question, &f->err), FACTUM_IO);
    assert_string_equal(f->err.text, "the fake answer failed");
    assert_status(fct_engine_answer(&f->engine, &question, &f->err), FACTUM_IO);
    assert_ptr_equal(question.data, f);
    assert_int_equal(f->asks, 3);
}

TEST(a_question_that_is_answered_at_once_is_not_waited_for)
{
    struct fixture *f = *state;
    uint64_t place = 1;
    f->place = 42;
    assert_ok(fct_engine_place(&f->engine, &place, &f->err), f->err);
    assert_int_equal(place, 42);
    factum_stream_info info = {.size = sizeof info};
    assert_ok(fct_engine_stream(&f->engine, FCT_SLICE("s"), &info, &f->err), f->err);
    assert_int_equal(info.last_revision, 3);
    f->outcome = FACTUM_FAILED;
    f->place = 43;
    assert_status(fct_engine_place(&f->engine, &place, &f->err), FACTUM_FAILED);
    assert_int_equal(place, 42); /* as it was */
}

/* ---- inside a user's function ---------------------------------------------------------------- */

#define assert_refused_inside(f, call, what)                                                       \
    do {                                                                                           \
        assert_status(call, FACTUM_INVALID);                                                       \
        assert_text((f)->err, what ": a function that the store has called must not wait");        \
    } while (0)

TEST(what_waits_is_refused_inside_a_users_function)
{
    struct fixture *f = *state;
    struct fct_reader *reader;
    factum_slice stream = FCT_SLICE("s-1");
    factum_question question = {.size = sizeof question, .kind = FACTUM_ASK_PLACE};
    fct_callback_enter();
    assert_refused_inside(f, append(f, NULL, NULL), "append");
    assert_refused_inside(
        f, fct_engine_remove(&f->engine, FACTUM_ACTION_DELETE, stream, factum_any(), NULL, &f->err),
        "append");
    assert_refused_inside(
        f,
        fct_engine_metadata_set(&f->engine, stream, factum_any(), FCT_SLICE("{}"), NULL, &f->err),
        "append");
    assert_refused_inside(f, open_reader(f, &reader), "read");
    assert_refused_inside(f, fct_engine_answer(&f->engine, &question, &f->err), "ask");
    assert_refused_inside(f, fct_engine_wait(&f->engine, 0, 0, NULL, &f->err), "wait");
    fct_callback_leave();
    assert_int_equal(f->appends, 0);
    assert_int_equal(f->reads, 0);
    assert_int_equal(f->asks, 0);
    assert_null(reader);
}

TEST(a_reader_may_be_used_inside_as_long_as_it_need_not_wait)
{
    struct fixture *f = *state;
    struct fct_reader *reader;
    struct fct_lister *lister;
    factum_event event;
    factum_list_entry entry;
    const factum_list_request request = {.size = sizeof request};
    assert_ok(open_reader(f, &reader), f->err);
    assert_ok(fct_engine_list(&f->engine, &request, &lister, &f->err), f->err);
    fct_callback_enter();
    assert_ok(fct_reader_next(reader, &event, &f->err), f->err);
    assert_ok(fct_reader_extend(reader, &f->err), f->err);
    assert_ok(fct_lister_next(lister, &entry, &f->err), f->err);
    f->pending = 3;
    assert_refused_inside(f, fct_reader_next(reader, &event, &f->err), "read");
    assert_refused_inside(f, fct_reader_extend(reader, &f->err), "read");
    assert_refused_inside(f, fct_lister_next(lister, &entry, &f->err), "list");
    fct_callback_leave();
    assert_int_equal(f->readies, 0);
    fct_reader_close(reader);
    fct_lister_close(lister);
}

/* ---- waiting for a place --------------------------------------------------------------------- */

static void post(struct fixture *f, uint32_t news)
{
    f->listener->notify(f->listener->data, news);
}

TEST(what_is_visible_is_not_waited_for)
{
    struct fixture *f = *state;
    f->place = 10;
    assert_ok(fct_engine_wait(&f->engine, 10, -1, NULL, &f->err), f->err);
    assert_ok(fct_engine_wait(&f->engine, 0, 0, NULL, &f->err), f->err);
    assert_int_equal(f->engine.hub.sleepers, 0);
}

TEST(a_wait_ends_when_its_time_is_over)
{
    struct fixture *f = *state;
    assert_status(fct_engine_wait(&f->engine, 1, 0, NULL, &f->err), FACTUM_TIMEOUT);
    uint64_t start = fct_os_monotonic(fct_os_real());
    assert_status(fct_engine_wait(&f->engine, 1, 20, NULL, &f->err), FACTUM_TIMEOUT);
    uint64_t passed = fct_os_monotonic(fct_os_real()) - start;
    assert_true(passed >= 20 * MS);
    assert_true(passed < 20000 * MS);
    f->late = true; /* the same if the question waits too */
    assert_status(fct_engine_wait(&f->engine, 1, 5, NULL, &f->err), FACTUM_TIMEOUT);
    assert_int_equal(f->engine.hub.sleepers, 0);
}

TEST(a_wait_fails_with_the_question_it_asks)
{
    struct fixture *f = *state;
    f->outcome = FACTUM_CORRUPT;
    assert_status(fct_engine_wait(&f->engine, 1, -1, NULL, &f->err), FACTUM_CORRUPT);
    assert_string_equal(f->err.text, "the fake engine failed");
    assert_int_equal(f->engine.hub.sleepers, 0);
}

struct waiter {
    struct fct_thread thread;
    struct fixture *f;
    int64_t timeout_ms;
    const _Atomic uint32_t *stop;
    factum_status status;
    factum_error err;
};

static void run_wait(void *data)
{
    struct waiter *waiter = data;
    waiter->status =
        fct_engine_wait(&waiter->f->engine, 10, waiter->timeout_ms, waiter->stop, &waiter->err);
}

static void waiters_start(struct fixture *f, struct waiter *waiters, uint32_t count,
                          const _Atomic uint32_t *stop)
{
    for (uint32_t i = 0; i < count; i++) {
        waiters[i] = (struct waiter){.f = f, .timeout_ms = i % 2 == 0 ? -1 : 600000, .stop = stop};
        assert_ok(fct_thread_start(&waiters[i].thread, "test", run_wait, &waiters[i], &f->err),
                  f->err);
    }
    while (atomic_load(&f->engine.hub.sleepers) < count) {
        fct_cpu_relax();
    }
}

static void assert_waiters_end(struct waiter *waiters, uint32_t count, factum_status status)
{
    for (uint32_t i = 0; i < count; i++) {
        fct_thread_join(&waiters[i].thread);
        assert_int_equal(waiters[i].status, status);
    }
}

#define WAITERS 5

TEST(any_number_of_threads_wait_for_news)
{
    struct fixture *f = *state;
    struct waiter waiters[WAITERS];
    waiters_start(f, waiters, WAITERS, NULL);
    atomic_store(&f->place, 9);
    post(f, FACTUM_NEWS_END); /* not enough */
    post(f, FACTUM_NEWS_ROOM);
    atomic_store(&f->place, 10);
    post(f, FACTUM_NEWS_END);
    assert_waiters_end(waiters, WAITERS, FACTUM_OK);
    assert_int_equal(f->engine.hub.sleepers, 0);
}

TEST(waiting_callers_get_a_failure)
{
    struct fixture *f = *state;
    struct waiter waiters[WAITERS];
    waiters_start(f, waiters, WAITERS, NULL);
    post(f, FACTUM_NEWS_FAILED);
    assert_waiters_end(waiters, WAITERS, FACTUM_FAILED);
    assert_string_equal(waiters[0].err.text, "wait: the store has stopped after a failed write: "
                                             "close it and open it again");
    f->place = 10; /* this place is visible already */
    assert_ok(fct_engine_wait(&f->engine, 10, -1, NULL, &f->err), f->err);
}

TEST(waiting_callers_can_be_stopped)
{
    struct fixture *f = *state;
    struct waiter stopped[WAITERS];
    struct waiter others[1];
    _Atomic uint32_t stop = 0;
    waiters_start(f, stopped, WAITERS, &stop);
    others[0] = (struct waiter){.f = f, .timeout_ms = -1};
    assert_ok(fct_thread_start(&others[0].thread, "test", run_wait, &others[0], &f->err), f->err);
    atomic_store(&stop, 1);
    fct_engine_wake(&f->engine);
    assert_waiters_end(stopped, WAITERS, FACTUM_CANCELLED);
    atomic_store(&f->place, 10);
    post(f, FACTUM_NEWS_END);
    assert_waiters_end(others, 1, FACTUM_OK);
    assert_status(fct_engine_wait(&f->engine, 11, -1, &stop, &f->err), FACTUM_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(an_engine_that_cannot_listen_is_closed),
        FIXTURE_CASE(closing_ends_the_hub_and_then_the_engine),
        FIXTURE_CASE(an_append_waits_for_its_completer),
        FIXTURE_CASE(an_append_is_done_by_the_callers_thread_where_it_can),
        FIXTURE_CASE(an_append_that_fails_has_its_reason),
        FIXTURE_CASE(an_append_that_the_engine_does_not_take_is_not_waited_for),
        FIXTURE_CASE(removals_are_appends_with_an_action),
        FIXTURE_CASE(metadata_is_an_event_of_the_metastream),
        FIXTURE_CASE(a_read_waits_for_its_beginning_its_events_and_its_extension),
        FIXTURE_CASE(a_read_that_does_not_begin_leaves_no_reader),
        FIXTURE_CASE(a_list_waits_for_its_entries),
        FIXTURE_CASE(a_question_is_waited_for_and_is_the_users_again),
        FIXTURE_CASE(a_question_that_is_answered_at_once_is_not_waited_for),
        FIXTURE_CASE(what_waits_is_refused_inside_a_users_function),
        FIXTURE_CASE(a_reader_may_be_used_inside_as_long_as_it_need_not_wait),
        FIXTURE_CASE(what_is_visible_is_not_waited_for),
        FIXTURE_CASE(a_wait_ends_when_its_time_is_over),
        FIXTURE_CASE(a_wait_fails_with_the_question_it_asks),
        FIXTURE_CASE(any_number_of_threads_wait_for_news),
        FIXTURE_CASE(waiting_callers_get_a_failure),
        FIXTURE_CASE(waiting_callers_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
