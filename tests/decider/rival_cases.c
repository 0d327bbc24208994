/* rival_cases.c - commands that compete: threads on one stream, one id sent many times at once,
 * one tag. Every command counts once, whoever wins. On every kind of store. Run by
 * decider_test.c. */
#include "fixture.h"

enum { RIVALS = 16, ROUNDS = 12, COMMANDS = RIVALS * ROUNDS };

struct rival {
    struct fct_thread thread;
    struct fixture *f;
    unsigned number;
    unsigned accepted;
    unsigned already;
    unsigned rejected;
    uint64_t lost; /* number of races */
    factum_status failed;
    factum_error err;
};

static void note(struct rival *rival, factum_status status, const factum_result *result)
{
    rival->lost += result->retries;
    if (status != FACTUM_OK) {
        rival->failed = status;
    } else if (result->verdict == FACTUM_REJECTED) {
        rival->rejected++;
    } else if (result->already) {
        rival->already++;
    } else {
        rival->accepted++;
    }
}

static void rival_send(struct rival *rival, const char *stream, const counter_command *command,
                       const char *id)
{
    factum_result result;
    factum_transact_request request = request_of(rival->f, stream, command, id);
    request.retries_max = 100000;
    factum_status status =
        factum_transact(rival->f->store, stream == NULL ? &tagged_decider : &counter_decider,
                        &request, &result, &rival->err);
    note(rival, status, &result);
}

/* Runs all at once and adds up the outcomes. */
static struct rival race(struct fixture *f, void (*run)(void *data))
{
    static struct rival rivals[RIVALS];
    struct rival sum = {.f = f};
    for (unsigned i = 0; i < RIVALS; i++) {
        rivals[i] = (struct rival){.f = f, .number = i};
        OK(fct_thread_start(&rivals[i].thread, "rival", run, &rivals[i], &f->err));
    }
    for (unsigned i = 0; i < RIVALS; i++) {
        fct_thread_join(&rivals[i].thread);
        if (rivals[i].failed != FACTUM_OK) {
            print_error("%s\n", rivals[i].err.text);
        }
        assert_int_equal(rivals[i].failed, FACTUM_OK);
        sum.accepted += rivals[i].accepted;
        sum.already += rivals[i].already;
        sum.rejected += rivals[i].rejected;
        sum.lost += rivals[i].lost;
    }
    return sum;
}

/* ---- one stream ------------------------------------------------------------------------------ */

static void add_one(void *data)
{
    struct rival *rival = data;
    char id[32];
    for (unsigned i = 0; i < ROUNDS; i++) {
        const counter_command add = {.act = COUNTER_ADD, .number = 1};
        (void)snprintf(id, sizeof id, "add-%u-%u", rival->number, i);
        rival_send(rival, "c-1", &add, id);
    }
}

static void assert_all_counted(struct fixture *f)
{
    struct rival sum = race(f, add_one);
    assert_int_equal(sum.accepted, COMMANDS);
    assert_int_equal(sum.already, 0);
    assert_int_equal(state_of(f, "c-1").sum, COMMANDS);
    assert_int_equal(state_of(f, "c-1").count, COMMANDS);
    sum = race(f, add_one); /* every command again */
    assert_int_equal(sum.accepted, 0);
    assert_int_equal(sum.already, COMMANDS);
    assert_int_equal(state_of(f, "c-1").sum, COMMANDS);
}

TEST(every_command_of_16_threads_counts_once)
{
    struct fixture *f = *state;
    assert_all_counted(f);
}

TEST(every_command_counts_once_with_a_cache)
{
    struct fixture *f = *state;
    make_cache(f);
    assert_all_counted(f);
}

/* ---- one id ---------------------------------------------------------------------------------- */

static void add_same(void *data)
{
    struct rival *rival = data;
    char id[32];
    for (unsigned i = 0; i < ROUNDS; i++) {
        /* a repetition would be rejected if the state decided, not the key */
        const counter_command add = {.act = COUNTER_ADD_ONCE, .number = 1};
        char stream[32];
        (void)snprintf(id, sizeof id, "same-%u", i);
        (void)snprintf(stream, sizeof stream, "c-%u", i);
        rival_send(rival, stream, &add, id);
    }
}

static void assert_same_counted(struct fixture *f)
{
    struct rival sum = race(f, add_same);
    assert_int_equal(sum.accepted + sum.already, COMMANDS);
    assert_int_equal(sum.rejected, 0);
    /* A request that a connection sends again by itself may look like a first one (remote.h). */
    assert_int_equal(sum.accepted, ROUNDS);
    for (unsigned i = 0; i < ROUNDS; i++) {
        char stream[32];
        (void)snprintf(stream, sizeof stream, "c-%u", i);
        assert_int_equal(state_of(f, stream).sum, 1);
    }
}

TEST(one_id_sent_16_times_at_once_counts_once)
{
    struct fixture *f = *state;
    assert_same_counted(f);
}

TEST(one_id_sent_at_once_counts_once_with_a_cache)
{
    struct fixture *f = *state;
    make_cache(f);
    assert_same_counted(f);
}

/* ---- one tag --------------------------------------------------------------------------------- */

static void take_tag(void *data)
{
    struct rival *rival = data;
    char stream[32];
    char tag[32];
    (void)snprintf(stream, sizeof stream, "account-%u", rival->number);
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)snprintf(tag, sizeof tag, "email:%u", i);
        const counter_command take = {
            .act = COUNTER_TAG, .stream = stream, .tag = tag, .number = 1};
        rival_send(rival, NULL, &take, NULL);
    }
}

static void assert_tags_unique(struct fixture *f)
{
    struct rival sum = race(f, take_tag);
    assert_int_equal(sum.accepted, ROUNDS);
    assert_int_equal(sum.rejected, COMMANDS - ROUNDS);
    uint64_t count = 0;
    OK(factum_count_events(f->store, FACTUM_SOURCE_TAG, FCT_SLICE("email:3"), 0, UINT64_MAX, &count,
                           &f->err));
    assert_int_equal(count, 1);
}

TEST(one_of_16_gets_the_address)
{
    struct fixture *f = *state;
    assert_tags_unique(f);
}

TEST(one_of_16_gets_the_address_with_a_cache)
{
    struct fixture *f = *state;
    make_cache(f);
    assert_tags_unique(f);
}

/* ---- races that are lost --------------------------------------------------------------------- */

static void overtake(void *data)
{
    struct fixture *f = data;
    append(f, "c-1", "Added", "{\"n\":1}", NULL);
}

TEST(a_race_that_is_always_lost_ends)
{
    struct fixture *f = *state;
    const counter_command add = {
        .act = COUNTER_ADD, .number = 100, .meanwhile = overtake, .data = f};
    factum_transact_request request = request_of(f, "c-1", &add, "k1");
    request.retries_max = 3;
    assert_status(send_request(f, &request), FACTUM_WRONG_REVISION);
    assert_text(f->err, "decider counter: other writers were faster, 3 retries");
    assert_int_equal(f->result.retries, 3);
    assert_int_equal(state_of(f, "c-1").sum, 4);
    request.no_retry = true;
    assert_status(send_request(f, &request), FACTUM_WRONG_REVISION);
    assert_int_equal(f->result.retries, 0);
    assert_int_equal(state_of(f, "c-1").sum, 5);
}

TEST(a_deadline_ends_the_retries)
{
    struct fixture *f = *state;
    const counter_command add = {
        .act = COUNTER_ADD, .number = 100, .meanwhile = overtake, .data = f};
    const factum_call call = {.size = sizeof call, .deadline = factum_deadline(150)};
    factum_transact_request request = request_of(f, "c-1", &add, "k1");
    request.retries_max = 100000;
    request.call = &call;
    factum_status status = send_request(f, &request);
    /* at a server the last append may be under way when the time runs out */
    assert_true(status == FACTUM_EXPIRED || status == FACTUM_UNKNOWN_OUTCOME);
    request.call = NULL;
    request.no_retry = true;
    assert_status(send_request(f, &request), FACTUM_WRONG_REVISION);
}

const struct CMUnitTest rival_cases[] = {
    FIXTURE_CASE(every_command_of_16_threads_counts_once),
    FIXTURE_CASE(every_command_counts_once_with_a_cache),
    FIXTURE_CASE(one_id_sent_16_times_at_once_counts_once),
    FIXTURE_CASE(one_id_sent_at_once_counts_once_with_a_cache),
    FIXTURE_CASE(one_of_16_gets_the_address),
    FIXTURE_CASE(one_of_16_gets_the_address_with_a_cache),
    FIXTURE_CASE(a_race_that_is_always_lost_ends),
    FIXTURE_CASE(a_deadline_ends_the_retries),
};
const size_t rival_case_count = sizeof rival_cases / sizeof rival_cases[0];
