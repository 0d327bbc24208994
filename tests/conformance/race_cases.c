/* race_cases.c - appends that compete: many at once that cannot all be written. On every engine.
 * Run by conformance_test.c.
 *
 * Where there are completions, all are submitted while nothing can end, so that an engine that
 * commits in groups has them in one group; otherwise threads append. The order is the engine's own:
 * the cases assert what holds in any order.
 */
#include "flight.h"

struct racer {
    struct fct_thread thread;
    struct flights *set;
    size_t from, to;
};

static void race_in_thread(void *data)
{
    struct racer *racer = data;
    for (size_t i = racer->from; i < racer->to; i++) {
        factum_append_op *op = &racer->set->items[i].op;
        op->request = &racer->set->items[i].request;
        if (op->action == FACTUM_ACTION_APPEND) {
            op->status = fct_engine_append(&racer->set->f->engine, op->request, &op->result,
                                           op->revisions, &op->err);
        } else {
            const factum_expectation *expectation = op->request->expectations;
            op->status = fct_engine_remove(&racer->set->f->engine, op->action, expectation->stream,
                                           expectation->expected, &op->result, &op->err);
        }
    }
}

static void race(struct flights *set)
{
    enum { RACERS = 4 };
    static struct racer racers[RACERS];
    struct fixture *f = set->f;
    if (kind_has_threads(f->kind)) {
        stall(f);
        flights_submit(set);
        unstall(f);
        flights_await(set, set->count);
        return;
    }
    for (size_t i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){
            .set = set, .from = set->count * i / RACERS, .to = set->count * (i + 1) / RACERS};
        OK(fct_thread_start(&racers[i].thread, "racer", race_in_thread, &racers[i], &f->err));
    }
    for (size_t i = 0; i < RACERS; i++) {
        fct_thread_join(&racers[i].thread);
    }
}

/* Asserts that one flight was written, and returns it. The others have |otherwise| or, if that
 * is OK, are recognised as repetitions of it. */
static const struct flight *assert_one_written(const struct flights *set, factum_status otherwise)
{
    const struct flight *written = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const factum_append_op *op = &set->items[i].op;
        if (op->status == FACTUM_OK && !op->result.already) {
            assert_null(written);
            written = &set->items[i];
        } else {
            assert_status(op->status, otherwise);
        }
    }
    assert_non_null(written);
    for (size_t i = 0; i < set->count && otherwise == FACTUM_OK; i++) {
        const factum_append_result *result = &set->items[i].op.result;
        assert_int_equal(result->position, written->op.result.position);
        assert_int_equal(result->revision, written->op.result.revision);
    }
    return written;
}

static struct flights *begin_flights(struct fixture *f, const char *stream, size_t count)
{
    struct flights *set = flights_begin(f, 0);
    for (size_t i = 0; i < count; i++) {
        (void)flight_make(set, stream, 0);
    }
    return set;
}

TEST(of_many_that_expect_the_same_revision_one_is_written)
{
    struct fixture *f = *state;
    append_many(f, "a-1", 3);
    for (uint64_t revision = 2; revision < 6; revision++) {
        struct flights *set = begin_flights(f, "a-1", 40);
        for (size_t i = 0; i < set->count; i++) {
            set->items[i].expectation.expected = factum_at(revision);
        }
        race(set);
        const struct flight *written = assert_one_written(set, FACTUM_WRONG_REVISION);
        assert_int_equal(written->op.result.revision, revision + 1);
    }
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:B 2:C 3:A 4:A 5:A 6:A");
}

TEST(of_many_that_expect_no_stream_one_is_written)
{
    struct fixture *f = *state;
    struct flights *set = begin_flights(f, "a-1", 40);
    for (size_t i = 0; i < set->count; i++) {
        set->items[i].expectation.expected = factum_no_stream();
    }
    race(set);
    (void)assert_one_written(set, FACTUM_WRONG_REVISION);
    OK(delete_stream(f, "a-1", factum_any()));
    set = begin_flights(f, "a-1", 40);
    for (size_t i = 0; i < set->count; i++) {
        set->items[i].expectation.expected = factum_no_stream();
    }
    race(set);
    assert_int_equal(assert_one_written(set, FACTUM_WRONG_REVISION)->op.result.revision, 1);
    assert_string_equal(stream_text(f, "a-1"), "1:A");
    assert_string_equal(stream_text(f, "$$a-1"), "1:$metadata");
}

TEST(of_many_with_one_key_one_is_written)
{
    struct fixture *f = *state;
    struct flights *set = begin_flights(f, "a-1", 40);
    for (size_t i = 0; i < set->count; i++) {
        set->items[i].request.idempotency_key = FCT_SLICE("k");
    }
    race(set);
    (void)assert_one_written(set, FACTUM_OK);
    assert_string_equal(stream_text(f, "a-1"), "0:A");
}

TEST(of_many_with_one_key_and_different_content_one_is_written)
{
    struct fixture *f = *state;
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 40);
    for (size_t i = 0; i < set->count; i++) {
        set->items[i].request.idempotency_key = FCT_SLICE("k");
    }
    race(set);
    (void)assert_one_written(set, FACTUM_KEY_CONFLICT);
}

TEST(of_many_with_one_event_id_one_is_written)
{
    struct fixture *f = *state;
    struct flights *set = flights_begin(f, 0);
    for (size_t i = 0; i < 40; i++) {
        (void)flight_make(set, "a-1", 7);
    }
    race(set);
    (void)assert_one_written(set, FACTUM_OK);
    assert_string_equal(stream_text(f, "a-1"), "0:A");
}

TEST(of_many_under_one_condition_one_is_written)
{
    struct fixture *f = *state;
    factum_slice tag = FCT_SLICE("seat:7");
    factum_slice type = FCT_SLICE("A");
    factum_query_item item = {.types = &type, .type_count = 1, .tags = &tag, .tag_count = 1};
    for (int round = 0; round < 3; round++) {
        factum_append_condition condition = {{&item, 1}, place_now(f)};
        struct flights *set = flights_begin(f, 0);
        flights_make(set, round == 0 ? "a" : round == 1 ? "b" : "c", 40);
        for (size_t i = 0; i < set->count; i++) {
            set->items[i].request.condition = &condition;
            set->items[i].event.tags = &tag;
            set->items[i].event.tag_count = 1;
        }
        race(set);
        const struct flight *written = assert_one_written(set, FACTUM_CONDITION_FAILED);
        for (size_t i = 0; i < set->count; i++) {
            const factum_append_op *op = &set->items[i].op;
            assert_true(op->status == FACTUM_OK ||
                        op->result.conflict_position == written->op.result.position);
        }
    }
}

TEST(nothing_follows_a_tombstone)
{
    struct fixture *f = *state;
    struct flights *set = begin_flights(f, "a-1", 40);
    for (size_t i = 10; i < 40; i += 10) {
        struct flight *flight = &set->items[i];
        flight->request.events = NULL;
        flight->request.event_count = 0;
        flight->op.action = FACTUM_ACTION_TOMBSTONE;
    }
    race(set);
    size_t written = 0;
    size_t tombstones = 0;
    for (size_t i = 0; i < set->count; i++) {
        const factum_append_op *op = &set->items[i].op;
        assert_true(op->status == FACTUM_OK || op->status == FACTUM_STREAM_DELETED);
        tombstones += op->status == FACTUM_OK && op->action != FACTUM_ACTION_APPEND ? 1 : 0;
        written += op->status == FACTUM_OK && op->action == FACTUM_ACTION_APPEND ? 1 : 0;
    }
    assert_int_equal(tombstones, 1);
    assert_string_equal(stream_text(f, "a-1"), "STREAM_DELETED");
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    all.backwards = true;
    all.count_max = 1;
    assert_string_equal(read_text(f, &all), "0:$streamDeleted");
    all = reading(FACTUM_SOURCE_ALL, NULL);
    all.skip_system = true;
    size_t seen = strlen(read_text(f, &all)); /* "0:A 0:A" */
    assert_int_equal(seen, written == 0 ? 0 : written * 4 - 1);
}

TEST(deletions_and_appends_leave_what_the_last_of_them_made)
{
    struct fixture *f = *state;
    OK(append_one(f, "a-1", factum_any(), "A"));
    struct flights *set = begin_flights(f, "a-1", 40);
    for (size_t i = 0; i < 40; i += 2) {
        struct flight *flight = &set->items[i];
        flight->request.events = NULL;
        flight->request.event_count = 0;
        flight->op.action = FACTUM_ACTION_DELETE;
    }
    race(set);
    assert_flights(set, FACTUM_OK);
    factum_stream_info info = {.size = sizeof info};
    OK(fct_engine_stream(&f->engine, FCT_SLICE("a-1"), &info, &f->err));
    assert_int_equal(info.last_revision, 20);
    uint64_t deleted = 0; /* the time of the last change */
    uint64_t appended = 0;
    for (size_t i = 0; i < 40; i++) {
        uint64_t *last = i % 2 == 0 ? &deleted : &appended;
        uint64_t position = set->items[i].op.result.position;
        *last = position > *last ? position : *last;
    }
    assert_int_equal(info.state,
                     deleted > appended ? FACTUM_STREAM_SOFT_DELETED : FACTUM_STREAM_PRESENT);
    assert_int_equal(info.last_position, appended);
}

/* Appends two events at a time: to a-1 and b-1, or to b-1 and a-1. */
struct pair {
    factum_new_event events[2];
    factum_expectation expectations[2];
    uint64_t revisions[2];
};

TEST(appends_to_the_same_streams_do_not_come_between_each_other)
{
    struct fixture *f = *state;
    static struct pair pairs[40];
    struct flights *set = begin_flights(f, "a-1", 40);
    for (size_t i = 0; i < 40; i++) {
        struct pair *pair = &pairs[i];
        *pair = (struct pair){
            .events = {event_of(i % 2 == 0 ? "a-1" : "b-1", "A", 0),
                       event_of(i % 2 == 0 ? "b-1" : "a-1", "B", 0)},
            .expectations = {{FCT_SLICE("a-1"), factum_any()}, {FCT_SLICE("b-1"), factum_any()}}};
        set->items[i].request.events = pair->events;
        set->items[i].request.event_count = 2;
        set->items[i].request.expectations = pair->expectations;
        set->items[i].request.expectation_count = 2;
        set->items[i].op.revisions = pair->revisions;
    }
    race(set);
    assert_flights(set, FACTUM_OK);
    bool seen[40] = {false};
    for (size_t i = 0; i < 40; i++) { /* each append has the same revision in both streams */
        assert_int_equal(pairs[i].revisions[0], pairs[i].revisions[1]);
        assert_true(pairs[i].revisions[0] < 40);
        assert_false(seen[pairs[i].revisions[0]]);
        seen[pairs[i].revisions[0]] = true;
    }
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    struct fct_reader *reader;
    factum_event event;
    OK(fct_engine_read(&f->engine, &all, false, &reader, &f->err));
    for (size_t i = 0; i < 80; i++) {
        OK(fct_reader_next(reader, &event, &f->err));
        assert_true(fct_slice_equal(event.type, i % 2 == 0 ? FCT_SLICE("A") : FCT_SLICE("B")));
        assert_int_equal(event.last_of_commit, i % 2 == 1);
    }
    fct_reader_close(reader);
}

struct committer {
    struct fct_thread thread;
    struct fixture *f;
    _Atomic uint32_t done;
    factum_status status;
};

static void commit_in_thread(void *data)
{
    factum_error ignored;
    struct committer *committer = data;
    factum_new_event events[] = {event_of("c-1", "A", 0), event_of("c-2", "B", 0),
                                 event_of("c-1", "C", 0)};
    factum_expectation expectations[] = {{FCT_SLICE("c-1"), factum_any()},
                                         {FCT_SLICE("c-2"), factum_any()}};
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = 3,
        .expectations = expectations,
        .expectation_count = 2,
    };
    for (int i = 0; i < 60 && committer->status == FACTUM_OK; i++) {
        committer->status =
            fct_engine_append(&committer->f->engine, &request, NULL, NULL, &ignored);
    }
    atomic_store(&committer->done, 1);
}

TEST(a_reader_sees_a_commit_whole_or_not_at_all)
{
    struct fixture *f = *state;
    static struct committer committer;
    struct fct_reader *reader;
    factum_event event;
    uint64_t count = 0;
    memset(&committer, 0, sizeof committer);
    committer.f = f;
    OK(fct_thread_start(&committer.thread, "committer", commit_in_thread, &committer, &f->err));
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    OK(fct_engine_read(&f->engine, &all, true, &reader, &f->err));
    for (bool last = false; !last;) {
        factum_status status;
        last = atomic_load(&committer.done) != 0;
        OK(fct_reader_extend(reader, &f->err));
        while ((status = fct_reader_next(reader, &event, &f->err)) == FACTUM_OK) {
            assert_int_equal(event.last_of_commit, ++count % 3 == 0);
            assert_true(event.position <= reader->place);
        }
        assert_status(status, FACTUM_DONE);
        assert_int_equal(count % 3, 0);
    }
    fct_reader_close(reader);
    fct_thread_join(&committer.thread);
    assert_status(committer.status, FACTUM_OK);
    assert_int_equal(count, 180);
}

const struct CMUnitTest race_cases[] = {
    CASE_ONCE(of_many_that_expect_the_same_revision_one_is_written),
    CASE_ONCE(of_many_that_expect_no_stream_one_is_written),
    CASE_ONCE(of_many_with_one_key_one_is_written),
    CASE_ONCE(of_many_with_one_key_and_different_content_one_is_written),
    CASE_ONCE(of_many_with_one_event_id_one_is_written),
    CASE_ONCE(of_many_under_one_condition_one_is_written),
    CASE_ONCE(nothing_follows_a_tombstone),
    CASE_ONCE(deletions_and_appends_leave_what_the_last_of_them_made),
    CASE_ONCE(appends_to_the_same_streams_do_not_come_between_each_other),
    CASE_ONCE(a_reader_sees_a_commit_whole_or_not_at_all),
};
const size_t race_case_count = sizeof race_cases / sizeof race_cases[0];
