/* transact_cases.c - commands one after the other: verdicts, keys, stamps, refusals. On every
 * kind of store. Run by decider_test.c. */
#include "fixture.h"

#include <inttypes.h>

#define ADD(n) ((counter_command){.act = COUNTER_ADD, .number = (n)})

/* ---- verdicts -------------------------------------------------------------------------------- */

TEST(an_accepted_command_appends_its_events)
{
    struct fixture *f = *state;
    assert_int_equal(
        ask(f, "c-1", (counter_command){.act = COUNTER_ADD, .number = 5, .times = 3}, NULL),
        FACTUM_ACCEPTED);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":5}; Added {\"n\":5}; Added {\"n\":5}");
    assert_int_equal(f->result.event_count, 3);
    assert_int_equal(f->result.revision, 2);
    assert_true(f->result.has_revision);
    assert_false(f->result.already);
    assert_int_equal(f->result.retries, 0);
    uint64_t first = f->result.first_position;
    uint64_t last = f->result.position;
    assert_int_equal(f->result.place, last);
    assert_int_equal(position_of(f, "c-1", 0), first);
    assert_int_equal(position_of(f, "c-1", 2), last);
}

TEST(a_rejection_has_code_and_text_and_writes_nothing)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "c-1", ADD(7), NULL), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_REJECT}, "r1"),
                     FACTUM_REJECTED);
    assert_string_equal(f->result.code, "counter.no");
    assert_string_equal(f->result.text, "the sum is 7");
    assert_true(f->result.has_revision);
    assert_int_equal(f->result.revision, 0);
    assert_int_equal(f->result.event_count, 0);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":7}");
}

TEST(a_noop_writes_nothing)
{
    struct fixture *f = *state;
    const counter_command note = {.act = COUNTER_NOTE, .text = FCT_SLICE("a \"note\"\n")};
    assert_int_equal(ask(f, "c-1", note, NULL), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, "c-1", note, NULL), FACTUM_NOOP);
    assert_string_equal(stream_text(f, "c-1"), "Noted {\"text\":\"a \\\"note\\\"\\n\"}");
}

TEST(a_rejection_is_not_recorded)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_REJECT}, "k"), FACTUM_REJECTED);
    assert_int_equal(ask(f, "c-1", ADD(2), "k"), FACTUM_ACCEPTED);
    assert_false(f->result.already);
}

TEST(a_stream_that_does_not_exist_has_no_revision)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "none-1", (counter_command){.act = COUNTER_REJECT}, NULL),
                     FACTUM_REJECTED);
    assert_false(f->result.has_revision);
    assert_string_equal(stream_text(f, "none-1"), "STREAM_NOT_FOUND");
}

/* ---- commands that count once ---------------------------------------------------------------- */

TEST(a_command_id_counts_once)
{
    struct fixture *f = *state;
    const counter_command twice = {.act = COUNTER_ADD_ONCE, .number = 4, .times = 2};
    assert_int_equal(ask(f, "c-1", twice, "k1"), FACTUM_ACCEPTED);
    assert_false(f->result.already);
    const factum_result first = f->result;
    assert_int_equal(ask(f, "c-1", ADD(1), "k2"), FACTUM_ACCEPTED);
    /* The state would now reject it; the first answer is returned nevertheless. */
    assert_int_equal(ask(f, "c-1", twice, "k1"), FACTUM_ACCEPTED);
    assert_true(f->result.already);
    assert_int_equal(f->result.event_count, 2);
    assert_int_equal(f->result.revision, 1);
    assert_int_equal(f->result.first_position, first.first_position);
    assert_int_equal(f->result.position, first.position);
    assert_int_equal(f->result.place, first.place);
    assert_int_equal(ask(f, "c-1", twice, "k3"), FACTUM_REJECTED);
    assert_int_equal(state_of(f, "c-1").sum, 9);
}

TEST(an_id_of_another_command_is_a_conflict)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "c-1", ADD(1), "k1"), FACTUM_ACCEPTED);
    assert_status(submit(f, "c-1", ADD(2), "k1"), FACTUM_KEY_CONFLICT);
    assert_text(f->err, "command id k1 was used for another command");
    assert_status(submit(f, "c-2", ADD(1), "k1"), FACTUM_KEY_CONFLICT);
    assert_status(submit(f, "c-1", (counter_command){.act = COUNTER_REJECT}, "k1"),
                  FACTUM_KEY_CONFLICT);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":1}");
    assert_string_equal(stream_text(f, "c-2"), "STREAM_NOT_FOUND");
}

TEST(the_content_may_be_given_and_what_varies_left_out)
{
    struct fixture *f = *state;
    const counter_command one = ADD(1);
    const counter_command two = ADD(2);
    factum_transact_request request = request_of(f, "c-1", &one, "k1");
    request.content = FCT_SLICE("the same");
    OK(send_request(f, &request));
    request.command = &two;
    request.has_time = true;
    request.time = 1;
    OK(send_request(f, &request));
    assert_true(f->result.already);
    request.content = FCT_SLICE("other");
    assert_status(send_request(f, &request), FACTUM_KEY_CONFLICT);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":1}");
}

TEST(a_command_without_an_id_counts_each_time)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    assert_int_equal(state_of(f, "c-1").sum, 2);
}

/* ---- stamps ---------------------------------------------------------------------------------- */

static const char *metadata_of(struct fixture *f, const char *stream, uint64_t revision)
{
    static char text[4096];
    factum_event_copy copy = {.capacity = 0};
    OK(factum_read_event(f->store, position_of(f, stream, revision), &copy, &f->err));
    (void)snprintf(text, sizeof text, "%.*s", (int)copy.event.metadata.len,
                   (const char *)copy.event.metadata.ptr);
    factum_event_copy_free(&copy);
    return text;
}

static void assert_member(const char *metadata, const char *name, const char *wanted)
{
    factum_slice value;
    char text[1100];
    factum_status status = factum_json_member(factum_slice_from(metadata), name, &value);
    if (wanted == NULL) {
        assert_int_equal(status, FACTUM_NOT_FOUND);
        return;
    }
    assert_int_equal(status, FACTUM_OK);
    assert_int_equal(factum_json_text(value, text, sizeof text), FACTUM_OK);
    assert_string_equal(text, wanted);
}

#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

TEST(events_are_stamped)
{
    struct fixture *f = *state;
    const counter_command two = {.act = COUNTER_ADD, .number = 1, .times = 2};
    factum_transact_request request = request_of(f, "c-1", &two, "id \"1\"");
    request.correlation_id = FCT_SLICE("flow");
    request.causation_id = FCT_SLICE("cause");
    request.traceparent = FCT_SLICE(TRACE);
    request.tracestate = FCT_SLICE("a=1,b=2");
    request.has_time = true;
    request.time = 1234567890;
    OK(send_request(f, &request));
    for (uint64_t revision = 0; revision < 2; revision++) {
        const char *metadata = metadata_of(f, "c-1", revision);
        factum_slice hash;
        assert_member(metadata, "$commandId", "id \"1\"");
        assert_member(metadata, "$correlationId", "flow");
        assert_member(metadata, "$causationId", "cause");
        assert_member(metadata, "traceparent", TRACE);
        assert_member(metadata, "tracestate", "a=1,b=2");
        assert_int_equal(factum_json_member(factum_slice_from(metadata), "$commandHash", &hash),
                         FACTUM_OK);
        assert_int_equal(hash.len, 34);
    }
    factum_event_copy copy = {.capacity = 0};
    OK(factum_read_event(f->store, f->result.position, &copy, &f->err));
    assert_int_equal(copy.event.time, 1234567890);
    factum_event_copy_free(&copy);
}

TEST(a_command_is_its_own_correlation)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "c-1", ADD(1), "k1"), FACTUM_ACCEPTED);
    const char *metadata = metadata_of(f, "c-1", 0);
    assert_member(metadata, "$correlationId", "k1");
    assert_member(metadata, "$causationId", NULL);
    assert_member(metadata, "traceparent", NULL);
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    assert_string_equal(metadata_of(f, "c-1", 1), "");
}

TEST(a_broken_trace_is_left_out_and_is_no_part_of_the_content)
{
    struct fixture *f = *state;
    const counter_command one = ADD(1);
    factum_transact_request request = request_of(f, "c-1", &one, "k1");
    request.traceparent = FCT_SLICE("00-BROKEN");
    request.tracestate = FCT_SLICE("a=1");
    OK(send_request(f, &request));
    assert_member(metadata_of(f, "c-1", 0), "traceparent", NULL);
    assert_member(metadata_of(f, "c-1", 0), "tracestate", NULL);
    request.traceparent = FCT_SLICE(TRACE);
    OK(send_request(f, &request));
    assert_true(f->result.already);
    request.command_id = FCT_SLICE("k2");
    request.tracestate = FCT_SLICE("not a list");
    OK(send_request(f, &request));
    assert_member(metadata_of(f, "c-1", 1), "traceparent", TRACE);
    assert_member(metadata_of(f, "c-1", 1), "tracestate", NULL);
}

/* ---- what cannot be decided ------------------------------------------------------------------ */

TEST(an_unknown_event_type_is_named_and_nothing_is_decided)
{
    struct fixture *f = *state;
    char wanted[160];
    append(f, "c-1", "Added", "{\"n\":1}", NULL);
    append(f, "c-1", "Multiplied", "{}", NULL);
    (void)snprintf(wanted, sizeof wanted,
                   "decider counter does not know the event type Multiplied at position %" PRIu64,
                   position_of(f, "c-1", 1));
    assert_status(submit(f, "c-1", ADD(1), "k"), FACTUM_NEWER_FORMAT);
    assert_text(f->err, wanted);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":1}; Multiplied {}");
}

TEST(an_event_that_cannot_be_read_is_named)
{
    struct fixture *f = *state;
    append(f, "c-1", "Added", "{\"n\":\"one\"}", NULL);
    assert_status(submit(f, "c-1", ADD(1), NULL), FACTUM_INVALID);
    assert_text(f->err, "event Added: its data is not valid");
    assert_text(f->err, "position ");
}

static void refuses(struct fixture *f, counter_act act, const char *wanted)
{
    assert_status(submit(f, "c-1", (counter_command){.act = act}, "k"), FACTUM_INVALID);
    assert_text(f->err, wanted);
    assert_string_equal(stream_text(f, "c-1"), "STREAM_NOT_FOUND");
}

TEST(a_decider_that_contradicts_itself_is_refused)
{
    struct fixture *f = *state;
    refuses(f, COUNTER_ACCEPT_NOTHING, "decider counter accepts a command without an event");
    refuses(f, COUNTER_REJECT_WITH_EVENT, "emits 1 event and rejects the command");
    refuses(f, COUNTER_REJECT_WITHOUT_CODE, "rejects a command without a code");
    refuses(f, COUNTER_IGNORE_WITH_EVENT, "emits 1 event and ignores the command");
    refuses(f, COUNTER_EMIT_UNREADABLE, "prints an event Unreadable, which it does not know");
    refuses(f, COUNTER_EMIT_NO_TEXT, "the event: a text is not UTF-8");
    refuses(f, COUNTER_EMIT_ELSEWHERE, "decides about stream c-1 and emits into else-1");
}

TEST(an_invalid_request_is_refused)
{
    struct fixture *f = *state;
    const counter_command one = ADD(1);
    const factum_query query = {.item_count = 0};
    factum_transact_request request = request_of(f, "", &one, NULL);
    assert_status(factum_transact(f->store, &counter_decider, &request, NULL, &f->err),
                  FACTUM_INVALID);
    assert_text(f->err, "a stream or a query is needed");
    request = request_of(f, "c-1", &one, NULL);
    request.query = &query;
    assert_status(send_request(f, &request), FACTUM_INVALID);
    assert_text(f->err, "a stream or a query, not both");
    request.stream = FCT_SLICE("");
    assert_status(send_request(f, &request), FACTUM_INVALID);
    assert_text(f->err, "a query has 1 to 64 items");
    request = request_of(f, "c-1", &one, NULL);
    request.correlation_id = FCT_SLICE("\xff");
    assert_status(send_request(f, &request), FACTUM_INVALID);
    assert_text(f->err, "a correlation id is UTF-8");
    request.size = 0;
    assert_status(send_request(f, &request), FACTUM_INVALID);
    factum_decider broken = counter_decider;
    broken.decide = NULL;
    request = request_of(f, "c-1", &one, NULL);
    assert_status(factum_transact(f->store, &broken, &request, NULL, &f->err), FACTUM_INVALID);
    broken = counter_decider;
    broken.print_command = NULL;
    request.command_id = FCT_SLICE("k");
    assert_status(factum_transact(f->store, &broken, &request, NULL, &f->err), FACTUM_INVALID);
    assert_text(f->err, "a command with an id needs its content");
    assert_status(factum_transact(NULL, &counter_decider, &request, NULL, &f->err), FACTUM_INVALID);
    assert_string_equal(stream_text(f, "c-1"), "STREAM_NOT_FOUND");
}

TEST(a_state_has_a_limit)
{
    struct fixture *f = *state;
    const counter_command note = {.act = COUNTER_NOTE, .text = FCT_SLICE("0123456789abcdef")};
    factum_transact_request request = request_of(f, "c-1", &note, NULL);
    OK(send_request(f, &request));
    request.state_size_max = 20;
    assert_status(send_request(f, &request), FACTUM_TOO_BIG);
    assert_text(f->err, "decider counter: the state needs more than 20 bytes");
}

TEST(a_tombstoned_stream_is_reported)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    OK(factum_tombstone(f->store, FCT_SLICE("c-1"), factum_any(), NULL, &f->err));
    assert_status(submit(f, "c-1", ADD(1), NULL), FACTUM_STREAM_DELETED);
}

TEST(a_deleted_stream_begins_again)
{
    struct fixture *f = *state;
    const counter_command once = {.act = COUNTER_ADD_ONCE, .number = 3};
    assert_int_equal(ask(f, "c-1", once, NULL), FACTUM_ACCEPTED);
    OK(factum_delete(f->store, FCT_SLICE("c-1"), factum_any(), NULL, &f->err));
    assert_int_equal(ask(f, "c-1", once, NULL), FACTUM_ACCEPTED);
    assert_int_equal(f->result.revision, 1);
    assert_int_equal(ask(f, "c-1", once, NULL), FACTUM_REJECTED);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":3}");
}

TEST(a_stream_with_hidden_events_can_be_appended_to)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    assert_int_equal(ask(f, "c-1", ADD(1), NULL), FACTUM_ACCEPTED);
    OK(factum_metadata_set(f->store, FCT_SLICE("c-1"), factum_any(), FCT_SLICE("{\"$tb\":2}"), NULL,
                           &f->err));
    assert_int_equal(ask(f, "c-1", (counter_command){.act = COUNTER_ADD_ONCE, .number = 5}, NULL),
                     FACTUM_ACCEPTED);
    assert_int_equal(f->result.revision, 2);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":5}");
}

/* ---- answers that get lost ------------------------------------------------------------------- */

TEST(a_lost_answer_is_found_by_its_key)
{
    struct fixture *f = *state;
    const counter_command one = ADD(1);
    factum_call call = {.size = sizeof call, .deadline = factum_deadline(2000)};
    factum_transact_request request = request_of(f, "c-1", &one, "k1");
    request.call = &call;
    if (!store_loses_answers(f->kind)) {
        return;
    }
    lose_answer(f);
    factum_status status = send_request(f, &request);
    if (status != FACTUM_OK) { /* no time was left to look the key up */
        assert_status(status, FACTUM_UNKNOWN_OUTCOME);
        assert_text(f->err, "decider counter: send the command again with the same id");
        call.deadline = factum_deadline(10000);
        OK(send_request(f, &request));
        assert_true(f->result.already);
    }
    assert_int_equal(f->result.verdict, FACTUM_ACCEPTED);
    assert_int_equal(f->result.event_count, 1);
    assert_int_equal(f->result.revision, 0);
    assert_string_equal(stream_text(f, "c-1"), "Added {\"n\":1}");
}

TEST(a_deadline_that_has_passed_writes_nothing)
{
    struct fixture *f = *state;
    const counter_command one = ADD(1);
    const factum_call call = {.size = sizeof call, .deadline = 1};
    factum_transact_request request = request_of(f, "c-1", &one, "k1");
    request.call = &call;
    assert_status(send_request(f, &request), FACTUM_EXPIRED);
    assert_string_equal(stream_text(f, "c-1"), "STREAM_NOT_FOUND");
}

const struct CMUnitTest transact_cases[] = {
    FIXTURE_CASE(an_accepted_command_appends_its_events),
    FIXTURE_CASE(a_rejection_has_code_and_text_and_writes_nothing),
    FIXTURE_CASE(a_noop_writes_nothing),
    FIXTURE_CASE(a_rejection_is_not_recorded),
    FIXTURE_CASE(a_stream_that_does_not_exist_has_no_revision),
    FIXTURE_CASE(a_command_id_counts_once),
    FIXTURE_CASE(an_id_of_another_command_is_a_conflict),
    FIXTURE_CASE(the_content_may_be_given_and_what_varies_left_out),
    FIXTURE_CASE(a_command_without_an_id_counts_each_time),
    FIXTURE_CASE(events_are_stamped),
    FIXTURE_CASE(a_command_is_its_own_correlation),
    FIXTURE_CASE(a_broken_trace_is_left_out_and_is_no_part_of_the_content),
    FIXTURE_CASE(an_unknown_event_type_is_named_and_nothing_is_decided),
    FIXTURE_CASE(an_event_that_cannot_be_read_is_named),
    FIXTURE_CASE(a_decider_that_contradicts_itself_is_refused),
    FIXTURE_CASE(an_invalid_request_is_refused),
    FIXTURE_CASE(a_state_has_a_limit),
    FIXTURE_CASE(a_tombstoned_stream_is_reported),
    FIXTURE_CASE(a_deleted_stream_begins_again),
    FIXTURE_CASE(a_stream_with_hidden_events_can_be_appended_to),
    FIXTURE_CASE(a_lost_answer_is_found_by_its_key),
    FIXTURE_CASE(a_deadline_that_has_passed_writes_nothing),
};
const size_t transact_case_count = sizeof transact_cases / sizeof transact_cases[0];
