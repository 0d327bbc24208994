/* async_cases.c - what every engine must do for callers that do not wait: completions, cancelled
 * and expired appends, lost answers. Run by conformance_test.c. */
#include "flight.h"

/* ---- completions ----------------------------------------------------------------------------- */

TEST(a_completion_comes_once_and_never_from_inside_the_submit)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *set = flights_begin(f, 0);
    for (size_t i = 0; i < 200; i++) {
        (void)flight_make(set, i % 2 == 0 ? "a-1" : "b-1", 0);
    }
    flights_submit(set);
    flights_await(set, 200);
    assert_flights(set, FACTUM_OK);
    uint8_t seen[2][100] = {{0}};
    for (size_t i = 0; i < 200; i++) { /* each has a revision of its own */
        uint64_t revision = set->items[i].op.result.revision;
        assert_true(revision < 100);
        seen[i % 2][revision]++;
    }
    for (size_t i = 0; i < 100; i++) {
        assert_true(seen[0][i] == 1 && seen[1][i] == 1);
    }
    assert_true(place_now(f) >= set->items[199].op.result.position);
    flights_land(set);
}

TEST(without_threads_there_are_no_completions)
{
    struct fixture *f = *state;
    struct flights *set = flights_begin(f, 0);
    struct flight *flight = flight_make(set, "a-1", 0);
    factum_status status = flight_submit(flight, &f->err);
    if (kind_has_threads(f->kind)) {
        OK(status);
        flights_land(set);
        return;
    }
    assert_status(status, FACTUM_UNSUPPORTED);
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
    fixture_renew(f);
    assert_int_equal(atomic_load(&set->ended), 0);
}

TEST(ops_of_one_completer_come_in_groups)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 60);
    stall(f);
    flights_submit(set);
    assert_int_equal(atomic_load(&set->calls), 0);
    sleep_ms(2);
    unstall(f);
    flights_await(set, 60);
    assert_true(atomic_load(&set->calls) < 60);
    assert_true(atomic_load(&set->group_max) > 1);
    assert_int_equal(assert_store_agrees(set, FACTUM_OK), 60);
    flights_land(set);
}

TEST(ops_go_to_their_own_completer)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *sets[] = {flights_begin(f, 0), flights_begin(f, 1)};
    flights_make(sets[0], "a", 30);
    flights_make(sets[1], "b", 30);
    stall(f);
    for (size_t i = 0; i < 30; i++) {
        OK(flight_submit(&sets[0]->items[i], &f->err));
        OK(flight_submit(&sets[1]->items[i], &f->err));
    }
    unstall(f);
    flights_await(sets[0], 30);
    flights_await(sets[1], 30);
    flights_land(sets[0]);
    flights_land(sets[1]);
}

TEST(a_refusal_comes_by_completion_with_its_text)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *set = flights_begin(f, 0);
    struct flight *flight = flight_make(set, "a-1", 0);
    flight->expectation.expected = factum_at(4);
    OK(flight_submit(flight, &f->err));
    flights_await(set, 1);
    assert_status(flight->op.status, FACTUM_WRONG_REVISION);
    assert_int_equal(flight->op.err.status, FACTUM_WRONG_REVISION);
    assert_text(flight->op.err, "stream a-1 does not exist, and so is not at revision 4");
    assert_int_equal(flight->op.result.actual_state, FACTUM_STREAM_ABSENT);
    flights_land(set);
}

struct submitter {
    struct fct_thread thread;
    struct flights *set;
    size_t from, to;
    bool waits; /* appends itself, in addition to those that submit */
    _Atomic uint32_t failures;
};

static void submit_some(void *data)
{
    struct submitter *submitter = data;
    for (size_t i = submitter->from; i < submitter->to; i++) {
        struct flight *flight = &submitter->set->items[i];
        factum_error err;
        factum_status status;
        if (submitter->waits) {
            status = fct_engine_append(&submitter->set->f->engine, &flight->request,
                                       &flight->op.result, NULL, &err);
        } else {
            status = flight_submit(flight, &err);
        }
        atomic_fetch_add(&submitter->failures, status == FACTUM_OK ? 0 : 1);
    }
}

/* The first |waiting| of four threads append and wait. */
static void submit_by_threads(struct fixture *f, size_t waiting)
{
    enum { THREADS = 4, EACH = 50 };
    static struct submitter submitters[THREADS];
    struct flights *set = flights_begin(f, 0);
    for (size_t i = 0; i < THREADS * EACH; i++) {
        (void)flight_make(set, i % 3 == 0 ? "a-1" : "b-1", 0);
    }
    memset(submitters, 0, sizeof submitters);
    for (size_t i = 0; i < THREADS; i++) {
        submitters[i].set = set;
        submitters[i].from = i * EACH;
        submitters[i].to = (i + 1) * EACH;
        submitters[i].waits = i < waiting;
        OK(fct_thread_start(&submitters[i].thread, "submitter", submit_some, &submitters[i],
                            &f->err));
    }
    for (size_t i = 0; i < THREADS; i++) {
        fct_thread_join(&submitters[i].thread);
        assert_int_equal(atomic_load(&submitters[i].failures), 0);
    }
    flights_await(set, (THREADS - waiting) * EACH);
    for (size_t i = waiting * EACH; i < THREADS * EACH; i++) {
        assert_status(set->items[i].op.status, FACTUM_OK);
        assert_int_equal(atomic_load(&set->items[i].ended), 1);
    }
    factum_stream_info info = {.size = sizeof info};
    OK(fct_engine_stream(&f->engine, FCT_SLICE("a-1"), &info, &f->err));
    assert_int_equal(info.last_revision, 66);
    OK(fct_engine_stream(&f->engine, FCT_SLICE("b-1"), &info, &f->err));
    assert_int_equal(info.last_revision, 132);
}

TEST(several_threads_submit)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    submit_by_threads(f, 0);
}

TEST(appends_that_wait_go_with_those_that_do_not)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    submit_by_threads(f, 2);
}

TEST(several_threads_append_and_wait)
{
    struct fixture *f = *state;
    submit_by_threads(f, 4);
}

TEST(closing_ends_what_is_under_way)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 100);
    flights_submit(set);
    fixture_renew(f);
    assert_int_equal(atomic_load(&set->ended), 100);
    assert_flights(set, FACTUM_OK);
    flights_land(set);
}

/* ---- from inside a completer ----------------------------------------------------------------- */

static void submit_next(struct flight *flight)
{
    factum_error ignored;
    struct flights *set = flight->set;
    if (flight + 1 < set->items + set->count) {
        factum_status status = flight_submit(flight + 1, &ignored);
        atomic_fetch_add(&set->refused, status == FACTUM_OK ? 0 : 1);
    }
}

TEST(a_completer_may_submit)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 50);
    set->each = submit_next;
    OK(flight_submit(&set->items[0], &f->err));
    flights_await(set, 50);
    assert_int_equal(assert_store_agrees(set, FACTUM_OK), 50);
    flights_land(set);
}

static void submit_again(struct flight *flight)
{
    factum_error ignored;
    if (atomic_load(&flight->ended) < 20) {
        factum_status status = flight_submit(flight, &ignored);
        atomic_fetch_add(&flight->set->refused, status == FACTUM_OK ? 0 : 1);
    }
}

TEST(an_op_that_has_ended_is_its_owners_again)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *set = flights_begin(f, 0);
    set->each = submit_again;
    OK(flight_submit(flight_make(set, "a-1", 0), &f->err));
    flights_await(set, 20);
    assert_int_equal(set->items[0].op.result.revision, 19);
    assert_int_equal(atomic_load(&set->ended), 20);
    assert_int_equal(atomic_load(&set->refused), 0);
}

enum { WAITING_CALLS = 6 };
static factum_status waited[WAITING_CALLS];
static factum_error waited_err[WAITING_CALLS];
static factum_question asked_inside;
static _Atomic uint32_t answered_inside;

static void answered(factum_question *question)
{
    (void)question;
    raise_word(&answered_inside);
}

static void call_what_waits(struct flight *flight)
{
    factum_error ignored;
    struct fct_engine *engine = &flight->set->f->engine;
    const factum_slice stream = FCT_SLICE("inside-1");
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    factum_append_request request = {.size = sizeof request};
    struct fct_reader *reader;
    uint64_t place;
    waited[0] = fct_engine_append(engine, &request, NULL, NULL, &waited_err[0]);
    waited[1] = fct_engine_remove(engine, FACTUM_ACTION_TOMBSTONE, stream, factum_any(), NULL,
                                  &waited_err[1]);
    waited[2] = fct_engine_metadata_set(engine, stream, factum_any(), FCT_SLICE("{}"), NULL,
                                        &waited_err[2]);
    waited[3] = fct_engine_read(engine, &all, false, &reader, &waited_err[3]);
    waited[4] = fct_engine_place(engine, &place, &waited_err[4]);
    waited[5] = fct_engine_wait(engine, UINT64_MAX, -1, NULL, &waited_err[5]);
    asked_inside =
        (factum_question){.size = sizeof asked_inside, .kind = FACTUM_ASK_PLACE, .done = answered};
    factum_status status = fct_engine_ask(engine, &asked_inside, &ignored); /* does not wait */
    if (status != FACTUM_PENDING) {
        asked_inside.status = status;
        raise_word(&answered_inside);
    }
    factum_status started = fct_engine_start_read(engine, &all, false, &reader, &ignored);
    if (started == FACTUM_OK) {
        reader->ops->close(reader);
    }
}

TEST(a_completer_must_not_call_what_waits)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *set = flights_begin(f, 0);
    set->each = call_what_waits;
    atomic_store(&answered_inside, 0);
    memset(waited, 0, sizeof waited);
    OK(flight_submit(flight_make(set, "a-1", 0), &f->err));
    flights_await(set, 1);
    for (size_t i = 0; i < WAITING_CALLS; i++) {
        assert_status(waited[i], FACTUM_INVALID);
        assert_text(waited_err[i], "a function that the store has called must not wait");
    }
    assert_string_equal(stream_text(f, "inside-1"), "STREAM_NOT_FOUND");
    await_word(&answered_inside, 1);
    assert_status(asked_inside.status, FACTUM_OK);
    assert_true(asked_inside.number >= set->items[0].op.result.position);
    flights_land(set);
}

static _Atomic uint32_t not_found;

/* Looks for a recent id, a question that the embedded engine passes to the leader of the group. */
static void find_nothing(struct flight *flight)
{
    factum_error ignored;
    static factum_event_copy copy;
    factum_question question = {.size = sizeof question,
                                .kind = FACTUM_ASK_FIND_EVENT,
                                .id = {{9}},
                                .event = &copy,
                                .done = answered};
    factum_status status = fct_engine_ask(&flight->set->f->engine, &question, &ignored);
    atomic_fetch_add(&not_found, status == FACTUM_NOT_FOUND ? 1 : 0);
}

TEST(a_completer_may_ask_what_the_leader_knows_while_appends_come_in)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    if (kind_is_remote(f->kind)) {
        return; /* the answer comes later: the question must live until then */
    }
    struct flights *set = flights_begin(f, 0);
    set->each = find_nothing;
    atomic_store(&not_found, 0);
    for (int i = 0; i < 200; i++) {
        OK(flight_submit(flight_make(set, "a-1", 0), &f->err));
    }
    flights_await(set, 200);
    assert_int_equal(not_found, 200);
    flights_land(set);
}

/* ---- cancelled and expired ------------------------------------------------------------------- */

TEST(a_cancelled_append_is_completed_with_the_true_outcome)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 100);
    stall(f); /* none of them can end before it is cancelled */
    flights_submit(set);
    for (size_t i = 0; i < 100; i += 2) {
        fct_engine_cancel(&f->engine, &set->items[i].op);
    }
    unstall(f);
    flights_await(set, 100);
    for (size_t i = 0; i < 100; i++) {
        const factum_append_op *op = &set->items[i].op;
        assert_true(op->status == FACTUM_OK || (i % 2 == 0 && op->status == FACTUM_CANCELLED));
        assert_true(op->status == FACTUM_OK || op->err.status == FACTUM_CANCELLED);
    }
    (void)assert_store_agrees(set, FACTUM_CANCELLED);
    flights_land(set);
}

TEST(an_append_that_is_submitted_after_its_deadline_is_not_taken)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *set = flights_begin(f, 0);
    struct flight *flight = flight_make(set, "a-1", 0);
    flight->request.call = &flight->call;
    flight->call.deadline = fct_os_monotonic(fct_os_real());
    assert_status(flight_submit(flight, &f->err), FACTUM_EXPIRED);
    assert_string_equal(f->err.text, "append: the deadline has passed");
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
    fixture_renew(f);
    assert_int_equal(atomic_load(&set->ended), 0);
}

TEST(an_append_whose_deadline_passes_while_it_waits_has_the_true_outcome)
{
    struct fixture *f = *state;
    NEEDS_THREADS;
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 40);
    stall(f);
    uint64_t now = fct_os_monotonic(fct_os_real());
    for (size_t i = 0; i < 40; i++) {
        struct flight *flight = &set->items[i];
        flight->request.call = i % 4 == 0 ? NULL : &flight->call;
        flight->call.deadline = i % 2 == 0 ? 0 : now + UINT64_C(300000000);
    }
    flights_submit(set);
    sleep_ms(310);
    unstall(f);
    flights_await(set, 40);
    for (size_t i = 0; i < 40; i++) {
        const factum_append_op *op = &set->items[i].op;
        assert_true(op->status == FACTUM_OK || (i % 2 == 1 && op->status == FACTUM_EXPIRED));
        if (op->status == FACTUM_EXPIRED) {
            assert_string_equal(op->err.text, "append: the deadline has passed");
        }
    }
    (void)assert_store_agrees(set, FACTUM_EXPIRED);
    flights_land(set);
}

/* ---- lost answers: engines behind a connection only ------------------------------------------ */

/* |ms| from now. */
static void set_deadline(struct flight *flight, uint64_t ms)
{
    flight->request.call = &flight->call;
    flight->call.deadline = fct_os_monotonic(fct_os_real()) + ms * UINT64_C(1000000);
}

TEST(an_append_whose_answer_is_lost_has_an_unknown_outcome_at_its_deadline)
{
    struct fixture *f = *state;
    if (!kind_is_remote(f->kind)) {
        return;
    }
    struct flights *set = flights_begin(f, 0);
    struct flight *flight = flight_make(set, "a-1", 1);
    lose_answers(f, 1);
    set_deadline(flight, 400);
    OK(flight_submit(flight, &f->err));
    flights_await(set, 1);
    assert_true(fct_os_monotonic(fct_os_real()) >= flight->call.deadline);
    assert_status(flight->op.status, FACTUM_UNKNOWN_OUTCOME);
    assert_true(factum_status_is_fatal(flight->op.status));
    assert_string_equal(stream_text(f, "a-1"), "0:A");
    OK(append_id(f, "a-1", factum_any(), "A", 1)); /* the id shows whether it was written */
    assert_true(f->result.already);
    flights_land(set);
}

TEST(waiting_for_an_answer_that_is_lost_ends_at_the_deadline)
{
    struct fixture *f = *state;
    if (!kind_is_remote(f->kind)) {
        return;
    }
    struct flights *set = flights_begin(f, 0);
    struct flight *flight = flight_make(set, "a-1", 1);
    lose_answers(f, 1);
    set_deadline(flight, 400);
    assert_status(fct_engine_append(&f->engine, &flight->request, NULL, NULL, &f->err),
                  FACTUM_UNKNOWN_OUTCOME);
    assert_text(f->err, "the events may have been appended");
    assert_string_equal(stream_text(f, "a-1"), "0:A");
}

TEST(lost_answers_end_when_they_are_cancelled_or_the_engine_is_closed)
{
    struct fixture *f = *state;
    if (!kind_is_remote(f->kind)) {
        return;
    }
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 2);
    lose_answers(f, 2);
    flights_submit(set);
    for (size_t i = 0; i < 2; i++) {
        while (!stream_is_present(f, set->items[i].stream)) {
            sleep_ms(1);
        }
    }
    sleep_ms(2);
    assert_int_equal(atomic_load(&set->ended), 0);
    fct_engine_cancel(&f->engine, &set->items[0].op);
    flights_await(set, 1);
    assert_int_equal(atomic_load(&set->items[0].ended), 1);
    fixture_reopen(f);
    if (atomic_load(&set->ended) == 1) {
        fixture_renew(f); /* memory is not reopened */
    }
    assert_int_equal(atomic_load(&set->ended), 2);
    assert_flights(set, FACTUM_UNKNOWN_OUTCOME);
    flights_land(set);
}

TEST(an_append_that_expires_before_it_is_handed_over_is_never_made)
{
    struct fixture *f = *state;
    if (!kind_is_remote(f->kind)) {
        return;
    }
    struct flights *set = flights_begin(f, 0);
    flights_make(set, "a", 20);
    hold_appends(f, true);
    for (size_t i = 0; i < 20; i += 2) {
        set_deadline(&set->items[i], 300);
    }
    flights_submit(set);
    flights_await(set, 10);
    fct_engine_cancel(&f->engine, &set->items[1].op);
    flights_await(set, 11);
    assert_status(set->items[1].op.status, FACTUM_CANCELLED);
    for (size_t i = 0; i < 20; i += 2) {
        assert_status(set->items[i].op.status, FACTUM_EXPIRED);
    }
    hold_appends(f, false);
    flights_await(set, 20);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(stream_is_present(f, set->items[i].stream), i > 1 && i % 2 == 1);
    }
    flights_land(set);
}

const struct CMUnitTest async_cases[] = {
    CASE_ONCE(a_completion_comes_once_and_never_from_inside_the_submit),
    CASE_ONCE(without_threads_there_are_no_completions),
    CASE_ONCE(ops_of_one_completer_come_in_groups),
    CASE_ONCE(ops_go_to_their_own_completer),
    CASE_ONCE(a_refusal_comes_by_completion_with_its_text),
    CASE_ONCE(several_threads_submit),
    CASE_ONCE(appends_that_wait_go_with_those_that_do_not),
    CASE_ONCE(several_threads_append_and_wait),
    CASE_ONCE(closing_ends_what_is_under_way),
    CASE_ONCE(a_completer_may_submit),
    CASE_ONCE(an_op_that_has_ended_is_its_owners_again),
    CASE_ONCE(a_completer_must_not_call_what_waits),
    CASE_ONCE(a_completer_may_ask_what_the_leader_knows_while_appends_come_in),
    CASE_ONCE(a_cancelled_append_is_completed_with_the_true_outcome),
    CASE_ONCE(an_append_that_is_submitted_after_its_deadline_is_not_taken),
    CASE_ONCE(an_append_whose_deadline_passes_while_it_waits_has_the_true_outcome),
    CASE_ONCE(an_append_whose_answer_is_lost_has_an_unknown_outcome_at_its_deadline),
    CASE_ONCE(waiting_for_an_answer_that_is_lost_ends_at_the_deadline),
    CASE_ONCE(lost_answers_end_when_they_are_cancelled_or_the_engine_is_closed),
    CASE_ONCE(an_append_that_expires_before_it_is_handed_over_is_never_made),
};
const size_t async_case_count = sizeof async_cases / sizeof async_cases[0];
