/* cached_cases.c - decisions on cached states: what they save, and that they are the same as
 * decisions without a cache. On every kind of store. Run by decider_test.c. */
#include "fixture.h"

#define ADD(n) ((counter_command){.act = COUNTER_ADD, .number = (n)})

/* ---- an engine whose reads and questions are counted ----------------------------------------- */

static const struct fct_engine_ops *counted_ops;
static _Atomic unsigned counted_reads;
static _Atomic unsigned counted_questions;

static factum_status count_read(void *engine, const factum_read_request *request, bool follow,
                                struct fct_reader **reader, factum_error *err)
{
    atomic_fetch_add(&counted_reads, 1);
    return counted_ops->read(engine, request, follow, reader, err);
}

static factum_status count_question(void *engine, factum_question *question, factum_error *err)
{
    atomic_fetch_add(&counted_questions, 1);
    return counted_ops->ask(engine, question, err);
}

static const struct fct_engine_ops *begin_count(struct fixture *f)
{
    static struct fct_engine_ops counting;
    counted_ops = f->store->engine.ops;
    counting = *counted_ops;
    counting.read = count_read;
    counting.ask = count_question;
    atomic_store(&counted_reads, 0);
    atomic_store(&counted_questions, 0);
    f->store->engine.ops = &counting;
    return counted_ops;
}

static factum_state_cache_info cache_info(struct fixture *f)
{
    factum_state_cache_info info = {.size = sizeof info};
    OK(factum_state_cache_get(f->cache, &info, &f->err));
    return info;
}

/* ---- what it saves --------------------------------------------------------------------------- */

TEST(a_warm_decision_is_one_append)
{
    struct fixture *f = *state;
    make_cache(f);
    assert_int_equal(ask(f, "c-1", ADD(1), "k0"), FACTUM_ACCEPTED);
    const struct fct_engine_ops *ops = begin_count(f);
    assert_int_equal(ask(f, "c-1", ADD(1), "k1"), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, "c-1", ADD(1), "k2"), FACTUM_ACCEPTED);
    f->store->engine.ops = ops;
    assert_int_equal(atomic_load(&counted_reads), 0);
    assert_int_equal(atomic_load(&counted_questions), 0);
    assert_int_equal(f->result.retries, 0);
    assert_int_equal(f->result.revision, 2);
    assert_int_equal(cache_info(f).hits, 2);
    assert_int_equal(cache_info(f).misses, 1);
    assert_int_equal(cache_info(f).entry_count, 1);
    assert_int_equal(state_of(f, "c-1").sum, 3);
}

TEST(a_lost_race_reads_only_what_is_newer)
{
    struct fixture *f = *state;
    make_cache(f);
    assert_int_equal(
        ask(f, "c-1", (counter_command){.act = COUNTER_ADD, .number = 1, .times = 9}, NULL),
        FACTUM_ACCEPTED);
    /* An event that a full read would stop at, hidden from the fold by its revision. */
    append(f, "c-1", "Added", "{\"n\":100}", NULL);
    const struct fct_engine_ops *ops = begin_count(f);
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_ADD, .number = 1}, "k"),
                     FACTUM_ACCEPTED);
    f->store->engine.ops = ops;
    assert_int_equal(f->result.retries, 1);
    assert_int_equal(f->result.revision, 10);
    assert_int_equal(atomic_load(&counted_reads), 1);
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_REJECT}, NULL),
                     FACTUM_REJECTED);
    assert_string_equal(f->result.text, "the sum is 110");
}

/* ---- as right as others ---------------------------------------------------------------------- */

TEST(a_warm_rejection_is_by_the_newest_state)
{
    struct fixture *f = *state;
    make_cache(f);
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    append(f, "c-1", "Added", "{\"n\":41}", NULL);
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_REJECT}, NULL),
                     FACTUM_REJECTED);
    assert_string_equal(f->result.text, "the sum is 42");
    assert_int_equal(f->result.revision, 1);
}

TEST(a_warm_rejection_may_become_an_acceptance)
{
    struct fixture *f = *state;
    const counter_command once = {.act = COUNTER_ADD_ONCE, .number = 1};
    make_cache(f);
    assert_int_equal(ask(f, "c-1", once, NULL), FACTUM_ACCEPTED);
    OK(factum_delete(f->store, FCT_SLICE("c-1"), factum_any(), NULL, &f->err));
    assert_int_equal(ask(f, "c-1", once, NULL), FACTUM_ACCEPTED);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":1}");
}

TEST(a_warm_repetition_gets_the_first_answer)
{
    struct fixture *f = *state;
    const counter_command once = {.act = COUNTER_ADD_ONCE, .number = 1};
    make_cache(f);
    assert_int_equal(ask(f, "c-1", once, "k1"), FACTUM_ACCEPTED);
    /* decided again it would be rejected */
    assert_int_equal(ask(f, "c-1", once, "k1"), FACTUM_ACCEPTED);
    assert_true(f->result.already);
    /* decided again it would be accepted */
    assert_int_equal(ask(f, "c-1", ADD(2), "k2"), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, "c-1", ADD(2), "k2"), FACTUM_ACCEPTED);
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 1);
    assert_int_equal(f->result.event_count, 1);
    assert_status(submit(f, "c-1", ADD(3), "k2"), FACTUM_KEY_CONFLICT);
    assert_text(f->err, "command id k2 was used for another command");
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_REJECT}, NULL),
                     FACTUM_REJECTED);
    assert_string_equal(f->result.text, "the sum is 3");
}

TEST(a_warm_failure_repeats_the_first_answer)
{
    struct fixture *f = *state;
    const counter_command once = {.act = COUNTER_ADD_ONCE_OR_FAIL, .number = 1};
    make_cache(f);
    assert_int_equal(ask(f, "c-1", once, "k1"), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, "c-1", once, "k1"), FACTUM_ACCEPTED);
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 0);
    assert_status(submit(f, "c-1", once, "k2"), FACTUM_INVALID);
    assert_text(f->err, "UTF-8");
    assert_status(submit(f, "c-1", once, NULL), FACTUM_INVALID);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":1}");
}

TEST(a_warm_failure_may_become_an_acceptance)
{
    struct fixture *f = *state;
    const counter_command once = {.act = COUNTER_ADD_ONCE_OR_FAIL, .number = 1};
    make_cache(f);
    assert_int_equal(ask(f, "c-1", once, NULL), FACTUM_ACCEPTED);
    OK(factum_delete(f->store, FCT_SLICE("c-1"), factum_any(), NULL, &f->err));
    assert_int_equal(ask(f, "c-1", once, NULL), FACTUM_ACCEPTED);
    assert_false(f->result.already);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":1}");
}

TEST(a_deletion_is_not_overlooked)
{
    struct fixture *f = *state;
    make_cache(f);
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    OK(factum_delete(f->store, FCT_SLICE("c-1"), factum_any(), NULL, &f->err));
    /* The expected revision still holds: the metadata is what refuses. */
    assert_int_equal(ask(f, "c-1", ADD(5), NULL), FACTUM_ACCEPTED);
    assert_int_equal(f->result.retries, 1);
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_REJECT}, NULL),
                     FACTUM_REJECTED);
    assert_string_equal(f->result.text, "the sum is 5");
    OK(factum_delete(f->store, FCT_SLICE("c-1"), factum_any(), NULL, &f->err));
    append(f, "c-1", "Added", "{\"n\":7}", NULL);
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_REJECT}, NULL),
                     FACTUM_REJECTED);
    assert_string_equal(f->result.text, "the sum is 7");
}

TEST(hidden_events_are_not_in_the_state)
{
    struct fixture *f = *state;
    make_cache(f);
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, "c-1", ADD(2), NULL), FACTUM_ACCEPTED);
    OK(factum_metadata_set(f->store, FCT_SLICE("c-1"), factum_any(), FCT_SLICE("{\"$tb\":1}"), NULL,
                           &f->err));
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_REJECT}, NULL),
                     FACTUM_REJECTED);
    assert_string_equal(f->result.text, "the sum is 2");
    assert_int_equal(ask(f, "c-1", ADD(3), NULL), FACTUM_ACCEPTED);
    assert_int_equal(f->result.retries, 0);
}

TEST(a_stream_with_a_window_is_not_cached)
{
    struct fixture *f = *state;
    make_cache(f);
    OK(factum_metadata_set(f->store, FCT_SLICE("c-1"), factum_any(), FCT_SLICE("{\"$maxCount\":2}"),
                           NULL, &f->err));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    }
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_REJECT}, NULL),
                     FACTUM_REJECTED);
    assert_string_equal(f->result.text, "the sum is 2");
    assert_int_equal(cache_info(f).entry_count, 0);
}

TEST(a_failure_leaves_no_state_behind)
{
    struct fixture *f = *state;
    make_cache(f);
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    append(f, "c-1", "Multiplied", "{}", NULL);
    for (int i = 0; i < 2; i++) {
        assert_status(submit(f, "c-1", ADD(1), NULL), FACTUM_NEWER_FORMAT);
        assert_int_equal(cache_info(f).entry_count, 0);
        assert_status(submit(f, "c-1", (counter_command){.act = COUNTER_REJECT}, NULL),
                      FACTUM_NEWER_FORMAT);
    }
}

TEST(states_know_their_decider)
{
    struct fixture *f = *state;
    factum_decider other = counter_decider;
    const counter_command reject = {.act = COUNTER_REJECT};
    make_cache(f);
    other.state_version = 2;
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    factum_transact_request request = request_of(f, "c-1", &reject, NULL);
    OK(factum_transact(f->store, &other, &request, &f->result, &f->err));
    assert_int_equal(cache_info(f).hits, 0);
    assert_int_equal(cache_info(f).entry_count, 2);
    OK(factum_transact(f->store, &other, &request, &f->result, &f->err));
    assert_int_equal(cache_info(f).hits, 1);
    factum_state_cache_destroy(f->cache); /* |other| ends before the fixture */
    f->cache = NULL;
}

TEST(the_cache_is_bounded)
{
    struct fixture *f = *state;
    char name[16];
    const factum_state_cache_options options = {.size = sizeof options, .entry_count_max = 3};
    OK(factum_state_cache_create(f->store, &options, &f->cache, &f->err));
    for (int i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof name, "c-%d", i);
        assert_int_equal(ask(f, name, ADD(1), NULL), FACTUM_ACCEPTED);
    }
    assert_int_equal(cache_info(f).entry_count, 3);
    assert_int_equal(cache_info(f).evictions, 2);
    assert_int_equal(ask(f, "c-0", ADD(1), NULL), FACTUM_ACCEPTED);
    assert_int_equal(cache_info(f).hits, 0);
    assert_int_equal(ask(f, "c-4", ADD(1), NULL), FACTUM_ACCEPTED);
    assert_int_equal(cache_info(f).hits, 1);
    factum_state_cache_destroy(f->cache);
    const factum_state_cache_options tiny = {.size = sizeof tiny, .size_max = 1};
    OK(factum_state_cache_create(f->store, &tiny, &f->cache, &f->err));
    assert_int_equal(ask(f, "c-0", ADD(1), NULL), FACTUM_ACCEPTED);
    assert_int_equal(cache_info(f).entry_count, 0);
    assert_int_equal(cache_info(f).bytes, 0);
}

TEST(a_cache_serves_one_store)
{
    struct fixture *f = *state;
    const counter_command one = ADD(1);
    factum_store *other = (factum_store *)(void *)f;
    make_cache(f);
    const factum_transact_request request = request_of(f, "c-1", &one, NULL);
    assert_status(factum_transact(other, &counter_decider, &request, NULL, &f->err),
                  FACTUM_INVALID);
    assert_text(f->err, "the cache belongs to another store");
}

const struct CMUnitTest cached_cases[] = {
    FIXTURE_CASE(a_warm_decision_is_one_append),
    FIXTURE_CASE(a_lost_race_reads_only_what_is_newer),
    FIXTURE_CASE(a_warm_rejection_is_by_the_newest_state),
    FIXTURE_CASE(a_warm_rejection_may_become_an_acceptance),
    FIXTURE_CASE(a_warm_repetition_gets_the_first_answer),
    FIXTURE_CASE(a_warm_failure_repeats_the_first_answer),
    FIXTURE_CASE(a_warm_failure_may_become_an_acceptance),
    FIXTURE_CASE(a_deletion_is_not_overlooked),
    FIXTURE_CASE(hidden_events_are_not_in_the_state),
    FIXTURE_CASE(a_stream_with_a_window_is_not_cached),
    FIXTURE_CASE(a_failure_leaves_no_state_behind),
    FIXTURE_CASE(states_know_their_decider),
    FIXTURE_CASE(the_cache_is_bounded),
    FIXTURE_CASE(a_cache_serves_one_store),
};
const size_t cached_case_count = sizeof cached_cases / sizeof cached_cases[0];
