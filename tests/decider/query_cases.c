/* query_cases.c - deciders over a query: what is read is exactly what the condition covers. On
 * every kind of store. Run by decider_test.c. */
#include "fixture.h"

#include <factum/registry.h>

static counter_command take(const char *stream, const char *tag, int64_t number)
{
    return (counter_command){.act = COUNTER_TAG, .stream = stream, .tag = tag, .number = number};
}

TEST(what_is_taken_is_taken_in_every_stream)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, NULL, take("a-1", "email:x", 1), NULL), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, NULL, take("a-2", "email:x", 2), NULL), FACTUM_REJECTED);
    assert_string_equal(f->result.code, "tagged.taken");
    assert_string_equal(f->result.text, "email:x is taken");
    assert_false(f->result.has_revision);
    assert_int_equal(ask(f, NULL, take("a-2", "email:y", 2), NULL), FACTUM_ACCEPTED);
    assert_string_equal(stream_text(f, "a-1"), "Added {\"n\":1}");
    assert_string_equal(stream_text(f, "a-2"), "Added {\"n\":2}");
}

TEST(what_does_not_fit_the_query_does_not_matter)
{
    struct fixture *f = *state;
    append(f, "a-1", "Multiplied", "{}", "email:x"); /* another type: neither read nor covered */
    append(f, "a-1", "Added", "{\"n\":1}", "email:y");
    assert_int_equal(ask(f, NULL, take("a-2", "email:x", 2), NULL), FACTUM_ACCEPTED);
    assert_int_equal(f->result.retries, 0);
}

/* Writes something while the decision is made. */
struct meanwhile {
    struct fixture *f;
    const char *type;
    const char *tag;
    bool done;
};

static void write_meanwhile(void *data)
{
    struct meanwhile *meanwhile = data;
    if (!meanwhile->done) {
        meanwhile->done = true;
        append(meanwhile->f, "other-1", meanwhile->type, "{\"n\":9}", meanwhile->tag);
    }
}

TEST(an_event_that_comes_to_fit_is_decided_on)
{
    struct fixture *f = *state;
    struct meanwhile meanwhile = {.f = f, .type = "Added", .tag = "email:x"};
    counter_command command = take("a-1", "email:x", 1);
    command.meanwhile = write_meanwhile;
    command.data = &meanwhile;
    assert_int_equal(ask(f, NULL, command, "k1"), FACTUM_REJECTED);
    assert_int_equal(f->result.retries, 1);
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
}

TEST(an_event_that_does_not_fit_is_no_race)
{
    struct fixture *f = *state;
    struct meanwhile meanwhile = {.f = f, .type = "Added", .tag = "email:y"};
    counter_command command = take("a-1", "email:x", 1);
    command.meanwhile = write_meanwhile;
    command.data = &meanwhile;
    assert_int_equal(ask(f, NULL, command, "k1"), FACTUM_ACCEPTED);
    assert_int_equal(f->result.retries, 0);
}

TEST(the_query_may_come_with_the_request)
{
    struct fixture *f = *state;
    const factum_slice tag = FCT_SLICE("email:x");
    const factum_query_item item = {.tags = &tag, .tag_count = 1};
    const factum_query query = {.items = &item, .item_count = 1};
    counter_command command = take("a-1", "email:x", 1);
    factum_transact_request request = request_of(f, NULL, &command, "k1");
    request.query = &query;
    OK(send_request(f, &request));
    assert_int_equal(f->result.verdict, FACTUM_ACCEPTED);
    OK(send_request(f, &request));
    assert_true(f->result.already);
    command.number = 2;
    assert_status(send_request(f, &request), FACTUM_KEY_CONFLICT);
    command = (counter_command){.act = COUNTER_ADD, .number = 1};
    request.command_id = FCT_SLICE("k2");
    assert_status(send_request(f, &request), FACTUM_INVALID);
    assert_text(f->err, "an event has to name its stream");
}

TEST(a_repeat_gets_its_answer_whatever_the_query_is_now)
{
    struct fixture *f = *state;
    counter_command command = take("a-1", "email:x", 1);
    for (int cached = 0; cached < 2; cached++) {
        const char *id = cached == 0 ? "k1" : "k2";
        command.no_query = false;
        command.tag = cached == 0 ? "email:x" : "email:y";
        assert_int_equal(ask(f, NULL, command, id), FACTUM_ACCEPTED);
        assert_false(f->result.already);
        const uint64_t position = f->result.position;
        assert_int_equal(ask(f, NULL, command, id), FACTUM_ACCEPTED);
        assert_true(f->result.already);
        command.no_query = true;
        assert_int_equal(ask(f, NULL, command, id), FACTUM_ACCEPTED);
        assert_true(f->result.already);
        assert_int_equal(f->result.position, position);
        assert_status(submit(f, NULL, command, "other"), FACTUM_INVALID);
        assert_text(f->err, "a query has 1 to");
        if (cached == 0) {
            make_cache(f);
        }
    }
}

TEST(another_command_over_the_query_is_a_conflict)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, NULL, take("a-1", "email:x", 1), "k1"), FACTUM_ACCEPTED);
    assert_status(submit(f, NULL, take("a-1", "email:y", 1), "k1"), FACTUM_KEY_CONFLICT);
    assert_status(submit(f, NULL, take("a-2", "email:x", 1), "k1"), FACTUM_KEY_CONFLICT);
    assert_status(submit(f, NULL, take("a-1", "email:x", 2), "k1"), FACTUM_KEY_CONFLICT);
    assert_string_equal(stream_text(f, "a-1"), "Added {\"n\":1}");
}

TEST(a_state_over_a_query_is_cached_too)
{
    struct fixture *f = *state;
    factum_state_cache_info info = {.size = sizeof info};
    make_cache(f);
    assert_int_equal(ask(f, NULL, take("a-1", "email:x", 1), NULL), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, NULL, take("a-2", "email:x", 2), NULL), FACTUM_REJECTED);
    OK(factum_state_cache_get(f->cache, &info, &f->err));
    assert_int_equal(info.hits, 1);
    /* not the command's own: seen by the condition, or by the read before a rejection */
    struct meanwhile meanwhile = {.f = f, .type = "Added", .tag = "email:z"};
    counter_command command = take("a-3", "email:z", 3);
    command.meanwhile = write_meanwhile;
    command.data = &meanwhile;
    assert_int_equal(ask(f, NULL, command, NULL), FACTUM_REJECTED);
    assert_int_equal(ask(f, NULL, take("a-3", "email:z", 3), NULL), FACTUM_REJECTED);
}

/* The stored events of "Added" have the tag n:NUMBER, which no command sets. */
static void register_tag(struct fixture *f)
{
    const factum_slice schema = FCT_SLICE("{\"properties\":{\"n\":{\"x-factum-tag\":\"n\"}}}");
    OK(factum_schema_register(f->store, FCT_SLICE("Added"), schema, NULL, NULL, &f->err));
}

TEST(a_tag_out_of_the_data_is_seen_by_the_next_command)
{
    struct fixture *f = *state;
    const factum_slice tag = FCT_SLICE("n:7");
    const factum_query_item item = {.tags = &tag, .tag_count = 1};
    const factum_query query = {.items = &item, .item_count = 1};
    if (f->kind == STORE_DOUBLE) {
        skip(); /* the store takes no tags from the data */
    }
    make_cache(f);
    register_tag(f);
    counter_command command = take("a-1", "other:x", 7);
    factum_transact_request request = request_of(f, NULL, &command, "k1");
    request.query = &query;
    request.no_retry = true; /* the state is known to be old: this is no lost race */
    OK(send_request(f, &request));
    assert_int_equal(f->result.verdict, FACTUM_ACCEPTED);
    command.stream = "a-2";
    request.command_id = FCT_SLICE("k2");
    OK(send_request(f, &request));
    assert_int_equal(f->result.verdict, FACTUM_REJECTED);
    assert_string_equal(f->result.code, "tagged.taken");
    assert_string_equal(stream_text(f, "a-2"), "STREAM_NOT_FOUND");
    command = take("a-1", "other:x", 7);
    request.command_id = FCT_SLICE("k1");
    OK(send_request(f, &request));
    assert_true(f->result.already);
}

TEST(a_warm_refusal_of_the_append_repeats_the_first_answer)
{
    struct fixture *f = *state;
    counter_command command = take("a-1", "email:x", 1);
    command.act = COUNTER_TAG_OR_FAIL;
    make_cache(f);
    assert_int_equal(ask(f, NULL, command, "k1"), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, NULL, command, "k1"), FACTUM_ACCEPTED);
    assert_true(f->result.already);
    assert_status(submit(f, NULL, command, "k2"), FACTUM_INVALID);
    assert_text(f->err, "$forbidden");
}

const struct CMUnitTest query_cases[] = {
    FIXTURE_CASE(what_is_taken_is_taken_in_every_stream),
    FIXTURE_CASE(what_does_not_fit_the_query_does_not_matter),
    FIXTURE_CASE(an_event_that_comes_to_fit_is_decided_on),
    FIXTURE_CASE(an_event_that_does_not_fit_is_no_race),
    FIXTURE_CASE(the_query_may_come_with_the_request),
    FIXTURE_CASE(a_repeat_gets_its_answer_whatever_the_query_is_now),
    FIXTURE_CASE(another_command_over_the_query_is_a_conflict),
    FIXTURE_CASE(a_state_over_a_query_is_cached_too),
    FIXTURE_CASE(a_tag_out_of_the_data_is_seen_by_the_next_command),
    FIXTURE_CASE(a_warm_refusal_of_the_append_repeats_the_first_answer),
};
const size_t query_case_count = sizeof query_cases / sizeof query_cases[0];
