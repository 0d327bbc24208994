/* subscription_test.c - catch-up subscriptions: from the past into the present, under load. */
#include "support/scratch.h"
#include "support/test.h"

#include "api/store_int.h"
#include "core/slice.h"
#include "engine_local/local.h"
#include "os/thread.h"

struct fixture {
    char dir[SCRATCH_SIZE];
    factum_store *store;
    factum_error err;
};

/* Small memtables and segments, so that runs are written and merged all the time. */
static void open_store(struct fixture *f)
{
    struct fct_local_options options = {
        .os = fct_os_real(),
        .mem = fct_mem_heap(),
        .path = f->dir,
        .threads = true,
        .segment_size_first = 64 << 10,
        .segment_size_max = 256 << 10,
        .memtable_span_max = 16 << 10,
    };
    f->store = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *f->store);
    assert_non_null(f->store);
    assert_ok(fct_engine_local_open(&f->store->engine, &options, &f->err), f->err);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    assert_true(scratch_make(fixture.dir));
    open_store(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_ok(factum_close(f->store, &f->err), f->err);
    assert_true(scratch_remove(f->dir));
    return 0;
}

static uint64_t visible_place(struct fixture *f)
{
    uint64_t place = 0;
    assert_ok(factum_visible_place(f->store, &place, &f->err), f->err);
    return place;
}

static uint64_t append(struct fixture *f, const char *stream)
{
    factum_new_event event = {.type = FCT_SLICE("T"), .data = FCT_SLICE("{}")};
    factum_append_result result;
    assert_ok(factum_append_stream(f->store, factum_slice_from(stream), factum_any(), &event, 1,
                                   &result, &f->err),
              f->err);
    return result.position;
}

static factum_subscription *subscribe(struct fixture *f, factum_source source, const char *name,
                                      factum_from from, uint64_t value)
{
    factum_read_request request = {
        .size = sizeof request,
        .source = source,
        .name = factum_slice_from(name),
        .from = from,
        .from_value = value,
    };
    factum_subscription *subscription;
    assert_ok(factum_subscribe(f->store, &request, &subscription, &f->err), f->err);
    return subscription;
}

#define next(f, subscription, event) factum_subscription_next(subscription, 0, event, &(f)->err)

TEST(a_stream_need_not_exist_nor_reach_its_place)
{
    struct fixture *f = *state;
    factum_event event;
    factum_subscription *s = subscribe(f, FACTUM_SOURCE_STREAM, "s-1", FACTUM_FROM_REVISION, 2);
    assert_status(next(f, s, &event), FACTUM_CAUGHT_UP);
    assert_status(next(f, s, &event), FACTUM_TIMEOUT);
    append(f, "s-1");
    append(f, "s-1");
    assert_status(next(f, s, &event), FACTUM_TIMEOUT);
    append(f, "s-1");
    assert_status(next(f, s, &event), FACTUM_OK);
    assert_int_equal(event.revision, 2);
    assert_status(next(f, s, &event), FACTUM_CAUGHT_UP);
    factum_subscription_close(s);
}

TEST(a_subscription_from_the_end_gets_all_later_events)
{
    struct fixture *f = *state;
    factum_event event;
    append(f, "s-1");
    factum_subscription *s = subscribe(f, FACTUM_SOURCE_ALL, NULL, FACTUM_FROM_END, 0);
    assert_int_equal(factum_subscription_checkpoint(s), visible_place(f));
    uint64_t position = append(f, "s-2");
    assert_status(next(f, s, &event), FACTUM_OK);
    assert_int_equal(event.position, position);
    assert_int_equal(factum_subscription_checkpoint(s), position);
    factum_subscription_close(s);
}

TEST(a_tombstone_ends_a_subscription_wherever_it_began)
{
    struct fixture *f = *state;
    factum_event event;
    uint64_t position = append(f, "s-1");
    factum_subscription *before =
        subscribe(f, FACTUM_SOURCE_STREAM, "s-1", FACTUM_FROM_AFTER, position);
    assert_status(next(f, before, &event), FACTUM_CAUGHT_UP);
    assert_ok(factum_tombstone(f->store, FCT_SLICE("s-1"), factum_any(), NULL, &f->err), f->err);
    assert_status(next(f, before, &event), FACTUM_OK);
    assert_int_equal(event.revision, FACTUM_REVISION_TOMBSTONE);
    assert_status(next(f, before, &event), FACTUM_STREAM_DELETED);
    assert_text(f->err, "the stream was deleted for ever");
    factum_subscription *after = subscribe(f, FACTUM_SOURCE_STREAM, "s-1", FACTUM_FROM_AFTER,
                                           factum_subscription_checkpoint(before));
    assert_status(next(f, after, &event), FACTUM_STREAM_DELETED);
    factum_subscription *end = subscribe(f, FACTUM_SOURCE_STREAM, "s-1", FACTUM_FROM_END, 0);
    assert_status(next(f, end, &event), FACTUM_STREAM_DELETED);
    factum_subscription_close(before);
    factum_subscription_close(after);
    factum_subscription_close(end);
}

TEST(a_stopped_subscription_stays_stopped)
{
    struct fixture *f = *state;
    factum_event event;
    factum_subscription *s = subscribe(f, FACTUM_SOURCE_ALL, NULL, FACTUM_FROM_START, 0);
    factum_subscription_stop(s);
    assert_status(factum_subscription_next(s, -1, &event, &f->err), FACTUM_CANCELLED);
    append(f, "s-1");
    assert_status(next(f, s, &event), FACTUM_CANCELLED);
    assert_text(f->err, "the subscription was stopped");
    factum_subscription_close(s);
}

/* ---- under load ------------------------------------------------------------------------------ */

enum {
    WRITERS = 3,   /* and one more, by completion */
    APPENDS = 800, /* by each writer */
    WINDOW = 32,   /* completions under way */
    STREAMS = 4,   /* by each writer */
    SUBSCRIBERS = 9,
};

static _Atomic uint32_t failures; /* of other threads, which cannot fail a test themselves */

static void blame(const char *what, const factum_error *err)
{
    print_error("%s: %s\n", what, err == NULL ? "" : err->text);
    atomic_fetch_add(&failures, 1);
}

/* One append of writer |writer|: its i-th event. */
struct work {
    char stream[16];
    char type[8];
    char key[24];
    factum_slice tag;
    factum_new_event event;
    factum_expectation expectation;
    factum_append_request request;
    factum_append_op op;
    _Atomic uint32_t done;
};

static void prepare(struct work *work, unsigned writer, unsigned i)
{
    (void)snprintf(work->stream, sizeof work->stream, "w%u-%u", writer, i % STREAMS);
    (void)snprintf(work->type, sizeof work->type, "T%u", i % 3);
    (void)snprintf(work->key, sizeof work->key, "key-%u-%u", writer, i);
    work->tag = i % 2 == 0 ? FCT_SLICE("even") : FCT_SLICE("odd");
    work->event = (factum_new_event){
        .stream = factum_slice_from(work->stream),
        .type = factum_slice_from(work->type),
        .data = FCT_SLICE("{\"some\":\"data\"}"),
        .metadata = FCT_SLICE("{\"$correlationId\":\"flow\"}"),
        .tags = &work->tag,
        .tag_count = 1,
    };
    work->expectation = (factum_expectation){work->event.stream, factum_any()};
    work->request = (factum_append_request){
        .size = sizeof work->request,
        .events = &work->event,
        .event_count = 1,
        .expectations = &work->expectation,
        .expectation_count = 1,
        .idempotency_key = i % 5 == 0 ? factum_slice_from(work->key) : (factum_slice){0},
        .durability = i % 8 == 0 ? FACTUM_DURABILITY_SYNC : FACTUM_DURABILITY_OS,
    };
}

struct writer {
    struct fct_thread thread;
    factum_store *store;
    unsigned number;
};

static void write_blocking(void *data)
{
    const struct writer *writer = data;
    static _Thread_local struct work work;
    factum_append_result first;
    factum_append_result again;
    factum_error err;
    for (unsigned i = 0; i < APPENDS; i++) {
        prepare(&work, writer->number, i);
        if (factum_append(writer->store, &work.request, &first, NULL, &err) != FACTUM_OK) {
            blame("append", &err);
            return;
        }
        if (i % 5 == 0 &&
            (factum_append(writer->store, &work.request, &again, NULL, &err) != FACTUM_OK ||
             !again.already || again.position != first.position)) {
            blame("a repeated append is not recognised", &err);
        }
    }
}

static void note_done(void *data, factum_append_op *const *ops, size_t count)
{
    (void)data;
    for (size_t i = 0; i < count; i++) {
        struct work *work = ops[i]->data;
        if (ops[i]->status != FACTUM_OK) {
            blame("append by completion", &ops[i]->err);
        }
        atomic_store(&work->done, 1);
        fct_word_wake(&work->done, 1);
    }
}

static void await(struct work *work)
{
    while (atomic_load(&work->done) == 0) {
        (void)fct_word_wait(&work->done, 0, UINT64_MAX);
    }
}

static void write_by_completion(void *data)
{
    const struct writer *writer = data;
    static struct work window[WINDOW];
    static const factum_completer completer = {NULL, note_done};
    factum_error err;
    for (unsigned i = 0; i < APPENDS; i++) {
        struct work *work = &window[i % WINDOW];
        if (i >= WINDOW) {
            await(work);
        }
        prepare(work, writer->number, i);
        work->op = (factum_append_op){.size = sizeof work->op,
                                      .request = &work->request,
                                      .completer = &completer,
                                      .data = work};
        atomic_store(&work->done, 0);
        if (factum_append_submit(writer->store, &work->op, &err) != FACTUM_OK) {
            blame("submit", &err);
            atomic_store(&work->done, 1);
        }
    }
    for (unsigned i = 0; i < WINDOW; i++) {
        await(&window[i]);
    }
}

struct subscriber {
    struct fct_thread thread;
    factum_store *store;
    factum_source source;
    const char *name;
    factum_from from;
    uint64_t from_value;
    uint64_t wanted;
    bool dense; /* ordinals rise by one from |from_value| on */
};

/* Takes the expected events, and checks that no other comes. */
static void follow(void *data)
{
    const struct subscriber *subscriber = data;
    factum_read_request request = {
        .size = sizeof request,
        .source = subscriber->source,
        .name = factum_slice_from(subscriber->name),
        .from = subscriber->from,
        .from_value = subscriber->from_value,
        .skip_system = subscriber->source == FACTUM_SOURCE_ALL,
    };
    factum_subscription *subscription;
    factum_event event;
    factum_error err;
    if (factum_subscribe(subscriber->store, &request, &subscription, &err) != FACTUM_OK) {
        blame("subscribe", &err);
        return;
    }
    uint64_t count = 0;
    uint64_t last = 0;
    while (count < subscriber->wanted) {
        factum_status status = factum_subscription_next(subscription, 20000, &event, &err);
        if (status == FACTUM_CAUGHT_UP) {
            continue;
        }
        if (status != FACTUM_OK) {
            blame(subscriber->name, status < 0 ? &err : NULL);
            break;
        }
        bool right = event.position > last &&
                     factum_subscription_checkpoint(subscription) == event.position &&
                     (!subscriber->dense || event.ordinal == subscriber->from_value + count);
        if (!right) {
            blame("an event is out of order, or given twice, or left out", NULL);
            break;
        }
        last = event.position;
        count++;
    }
    factum_status status = factum_subscription_next(subscription, 0, &event, &err);
    if (status != FACTUM_CAUGHT_UP && status != FACTUM_TIMEOUT) {
        blame("more than was appended is given", NULL);
    }
    factum_subscription_close(subscription);
}

static void look_around(struct fixture *f)
{
    factum_list *list;
    factum_list_entry entry;
    const factum_list_request names = {.size = sizeof names, .kind = FACTUM_LIST_STREAMS};
    factum_info info = {.size = sizeof info};
    factum_verify_report report = {.size = sizeof report};
    factum_status status;
    assert_ok(factum_list_open(f->store, &names, &list, &f->err), f->err);
    while ((status = factum_list_next(list, &entry, &f->err)) == FACTUM_OK) {
        assert_true(entry.event_count > 0 && entry.first_position <= entry.last_position);
    }
    assert_status(status, FACTUM_DONE);
    factum_list_close(list);
    assert_ok(factum_metadata_set(f->store, FCT_SLICE("w0-0"), factum_any(),
                                  FCT_SLICE("{\"$maxAge\":9000}"), NULL, &f->err),
              f->err);
    assert_ok(factum_info_get(f->store, &info, &f->err), f->err);
    assert_ok(factum_verify(f->store, NULL, &report, &f->err), f->err);
}

TEST(every_event_is_given_once_and_in_order_while_many_write)
{
    struct fixture *f = *state;
    enum { ALL = (WRITERS + 1) * APPENDS };
    static struct writer writers[WRITERS + 1];
    static struct subscriber subscribers[SUBSCRIBERS];
    subscribers[0] = (struct subscriber){.source = FACTUM_SOURCE_ALL, .wanted = ALL};
    subscribers[1] =
        (struct subscriber){.source = FACTUM_SOURCE_ALL, .wanted = ALL, .from = FACTUM_FROM_END};
    subscribers[2] = (struct subscriber){
        .source = FACTUM_SOURCE_CATEGORY, .name = "w0", .wanted = APPENDS, .dense = true};
    subscribers[3] = (struct subscriber){
        .source = FACTUM_SOURCE_STREAM, .name = "$ce-w3", .wanted = APPENDS, .dense = true};
    subscribers[4] = (struct subscriber){
        .source = FACTUM_SOURCE_TYPE, .name = "T2", .wanted = ALL / 4 / 3 * 4, .dense = true};
    subscribers[5] = (struct subscriber){
        .source = FACTUM_SOURCE_TAG, .name = "odd", .wanted = ALL / 2, .dense = true};
    subscribers[6] = (struct subscriber){
        .source = FACTUM_SOURCE_CORRELATION, .name = "flow", .wanted = ALL, .dense = true};
    subscribers[7] = (struct subscriber){
        .source = FACTUM_SOURCE_STREAM, .name = "w1-1", .wanted = APPENDS / STREAMS, .dense = true};
    subscribers[8] = (struct subscriber){.source = FACTUM_SOURCE_STREAM,
                                         .name = "w2-3",
                                         .from = FACTUM_FROM_REVISION,
                                         .from_value = 7,
                                         .wanted = APPENDS / STREAMS - 7,
                                         .dense = true};
    atomic_store(&failures, 0);
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        subscribers[i].store = f->store;
        assert_ok(fct_thread_start(&subscribers[i].thread, "subscriber", follow, &subscribers[i],
                                   &f->err),
                  f->err);
        if (subscribers[i].from == FACTUM_FROM_END) { /* the stream has to exist first */
            assert_status(factum_wait(f->store, UINT64_MAX - 1, 50, &f->err), FACTUM_TIMEOUT);
        }
    }
    for (unsigned i = 0; i < WRITERS + 1; i++) {
        writers[i] = (struct writer){.store = f->store, .number = i};
        void (*write)(void *) = i < WRITERS ? write_blocking : write_by_completion;
        assert_ok(fct_thread_start(&writers[i].thread, "writer", write, &writers[i], &f->err),
                  f->err);
    }
    for (int i = 0; i < 6; i++) {
        look_around(f);
    }
    for (unsigned i = 0; i < WRITERS + 1; i++) {
        fct_thread_join(&writers[i].thread);
    }
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        fct_thread_join(&subscribers[i].thread);
    }
    assert_int_equal(atomic_load(&failures), 0);
    look_around(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_stream_need_not_exist_nor_reach_its_place),
        FIXTURE_CASE(a_subscription_from_the_end_gets_all_later_events),
        FIXTURE_CASE(a_tombstone_ends_a_subscription_wherever_it_began),
        FIXTURE_CASE(a_stopped_subscription_stays_stopped),
        FIXTURE_CASE(every_event_is_given_once_and_in_order_while_many_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
