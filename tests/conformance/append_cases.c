/* append_cases.c - what every engine must do with an append: expectations and event ids. Run by
 * conformance_test.c. */
#include "fixture.h"

/* ---- expectations ---------------------------------------------------------------------------- */

TEST(any_creates_a_stream_and_continues_it)
{
    struct fixture *f = *state;
    OK(append_one(f, "a-1", factum_any(), "A"));
    assert_int_equal(f->result.revision, 0);
    OK(append_one(f, "a-1", factum_any(), "B"));
    assert_int_equal(f->result.revision, 1);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:B");
}

TEST(no_stream_holds_once)
{
    struct fixture *f = *state;
    OK(append_one(f, "a-1", factum_no_stream(), "A"));
    assert_status(append_one(f, "a-1", factum_no_stream(), "A"), FACTUM_WRONG_REVISION);
    assert_text(f->err, "stream a-1 is at revision 0, but it should not exist");
    assert_int_equal(f->result.actual_state, FACTUM_STREAM_PRESENT);
}

TEST(stream_exists_wants_a_stream)
{
    struct fixture *f = *state;
    assert_status(append_one(f, "a-1", factum_stream_exists(), "A"), FACTUM_WRONG_REVISION);
    assert_text(f->err, "stream a-1 does not exist, but it should exist");
    OK(append_one(f, "a-1", factum_any(), "A"));
    OK(append_one(f, "a-1", factum_stream_exists(), "B"));
}

TEST(a_revision_must_be_the_last)
{
    struct fixture *f = *state;
    OK(append_one(f, "order-42", factum_any(), "A"));
    OK(append_one(f, "order-42", factum_at(0), "B"));
    OK(append_one(f, "order-42", factum_at(1), "C"));
    OK(append_one(f, "order-42", factum_at(2), "D"));
    assert_status(append_one(f, "order-42", factum_at(2), "E"), FACTUM_WRONG_REVISION);
    assert_string_equal(f->err.text,
                        "stream order-42 is at revision 3, not 2: read it again and retry");
    assert_int_equal(f->result.actual_revision, 3);
    assert_status(append_one(f, "order-42", factum_at(7), "E"), FACTUM_WRONG_REVISION);
    assert_string_equal(stream_text(f, "order-42"), "0:A 1:B 2:C 3:D");
}

TEST(a_revision_of_an_absent_stream_is_refused)
{
    struct fixture *f = *state;
    assert_status(append_one(f, "a-1", factum_at(0), "A"), FACTUM_WRONG_REVISION);
    assert_text(f->err, "does not exist");
    assert_int_equal(f->result.actual_state, FACTUM_STREAM_ABSENT);
}

TEST(an_append_without_an_expectation_is_refused)
{
    struct fixture *f = *state;
    factum_new_event event = event_of("a-1", "A", 0);
    assert_status(append_events(f, &event, 1, NULL, 0), FACTUM_INVALID);
    assert_text(f->err, "without an expectation");
    factum_expectation none = {event.stream, {.kind = FACTUM_EXPECTED_NONE}};
    assert_status(append_events(f, &event, 1, &none, 1), FACTUM_INVALID);
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
}

TEST(two_expectations_of_one_stream_are_refused)
{
    struct fixture *f = *state;
    factum_new_event event = event_of("a-1", "A", 0);
    factum_expectation two[] = {{event.stream, factum_any()}, {event.stream, factum_any()}};
    assert_status(append_events(f, &event, 1, two, 2), FACTUM_INVALID);
    assert_text(f->err, "two expectations");
}

TEST(an_append_without_events_only_checks)
{
    struct fixture *f = *state;
    OK(append_one(f, "a-1", factum_any(), "A"));
    factum_expectation holds = {FCT_SLICE("a-1"), factum_at(0)};
    factum_expectation fails = {FCT_SLICE("a-1"), factum_at(1)};
    OK(append_events(f, NULL, 0, &holds, 1));
    assert_status(append_events(f, NULL, 0, &fails, 1), FACTUM_WRONG_REVISION);
}

/* ---- several streams ------------------------------------------------------------------------- */

TEST(an_append_to_several_streams_is_all_or_nothing)
{
    struct fixture *f = *state;
    OK(append_one(f, "a-1", factum_any(), "A"));
    factum_new_event events[] = {event_of("a-1", "B", 0), event_of("b-1", "C", 0),
                                 event_of("a-1", "D", 0)};
    factum_expectation wrong[] = {{FCT_SLICE("a-1"), factum_at(0)},
                                  {FCT_SLICE("b-1"), factum_at(4)}};
    assert_status(append_events(f, events, 3, wrong, 2), FACTUM_WRONG_REVISION);
    assert_int_equal(f->result.refused_index, 1);
    assert_text(f->err, "b-1");
    assert_string_equal(stream_text(f, "a-1"), "0:A");
    factum_expectation right[] = {{FCT_SLICE("a-1"), factum_at(0)},
                                  {FCT_SLICE("b-1"), factum_no_stream()}};
    OK(append_events(f, events, 3, right, 2));
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:B 2:D");
    assert_string_equal(stream_text(f, "b-1"), "0:C");
}

TEST(a_stream_can_be_checked_without_being_written)
{
    struct fixture *f = *state;
    OK(append_one(f, "a-1", factum_any(), "A"));
    factum_new_event event = event_of("b-1", "B", 0);
    factum_expectation wrong[] = {{FCT_SLICE("b-1"), factum_any()},
                                  {FCT_SLICE("a-1"), factum_no_stream()}};
    assert_status(append_events(f, &event, 1, wrong, 2), FACTUM_WRONG_REVISION);
    factum_expectation right[] = {{FCT_SLICE("b-1"), factum_any()},
                                  {FCT_SLICE("a-1"), factum_at(0)}};
    OK(append_events(f, &event, 1, right, 2));
}

TEST(an_append_returns_the_revision_of_each_event)
{
    struct fixture *f = *state;
    OK(append_one(f, "a-1", factum_any(), "A"));
    factum_new_event events[] = {event_of("a-1", "B", 0), event_of("b-1", "C", 0),
                                 event_of("a-1", "D", 0)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_any()},
                                         {FCT_SLICE("b-1"), factum_any()}};
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = 3,
        .expectations = expectations,
        .expectation_count = 2,
    };
    uint64_t revisions[3];
    OK(append_request(f, &request, revisions));
    assert_int_equal(revisions[0], 1);
    assert_int_equal(revisions[1], 0);
    assert_int_equal(revisions[2], 2);
    assert_true(f->result.first_position < f->result.position);
}

/* ---- event ids ------------------------------------------------------------------------------- */

TEST(a_repeated_append_with_any_is_recognised)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_any(), "A", 1));
    uint64_t position = f->result.position;
    OK(append_id(f, "a-1", factum_any(), "A", 1));
    assert_true(f->result.already);
    assert_int_equal(f->result.position, position);
    assert_int_equal(f->result.revision, 0);
    assert_string_equal(stream_text(f, "a-1"), "0:A");
}

TEST(the_same_id_in_another_stream_is_new)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_any(), "A", 1));
    OK(append_id(f, "b-1", factum_any(), "A", 1));
    assert_false(f->result.already);
}

TEST(a_repeated_append_with_a_revision_is_recognised)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1));
    OK(append_id(f, "a-1", factum_at(0), "B", 2));
    OK(append_id(f, "a-1", factum_at(1), "C", 3));
    OK(append_id(f, "a-1", factum_at(0), "B", 2));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 1);
    assert_status(append_id(f, "a-1", factum_at(0), "B", 9), FACTUM_WRONG_REVISION);
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1));
    assert_true(f->result.already);
    assert_status(append_id(f, "a-1", factum_no_stream(), "A", 9), FACTUM_WRONG_REVISION);
}

TEST(the_right_revision_writes_the_same_id_again)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1));
    OK(append_id(f, "a-1", factum_at(0), "A", 1));
    assert_false(f->result.already);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:A");
}

TEST(an_id_that_was_written_twice_was_repeated_as_the_second)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1));
    OK(append_id(f, "a-1", factum_at(0), "A", 1));
    OK(append_id(f, "a-1", factum_at(1), "B", 2));
    OK(append_id(f, "a-1", factum_any(), "A", 1));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 1);
    factum_new_event events[] = {event_of("a-1", "A", 1), event_of("a-1", "B", 2)};
    factum_expectation expectation = {FCT_SLICE("a-1"), factum_any()};
    OK(append_events(f, events, 2, &expectation, 1));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 2);
}

TEST(a_repetition_is_recognised_in_a_stream_that_was_deleted_since)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1));
    OK(append_id(f, "a-1", factum_at(0), "B", 2));
    uint64_t position = f->result.position;
    OK(delete_stream(f, "a-1", factum_any()));
    OK(append_id(f, "a-1", factum_at(0), "B", 2));
    assert_true(f->result.already);
    assert_int_equal(f->result.position, position);
    assert_status(append_id(f, "a-1", factum_at(0), "C", 3), FACTUM_WRONG_REVISION);
    assert_text(f->err, "stream a-1 is deleted (last at revision 1)");
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
}

TEST(half_a_repetition_is_refused)
{
    struct fixture *f = *state;
    factum_new_event events[] = {event_of("a-1", "A", 1), event_of("a-1", "B", 2)};
    factum_expectation expectation = {FCT_SLICE("a-1"), factum_any()};
    OK(append_events(f, events, 2, &expectation, 1));
    events[1] = event_of("a-1", "B", 9);
    assert_status(append_events(f, events, 2, &expectation, 1), FACTUM_WRONG_REVISION);
    assert_text(f->err, "only some of these events");
    OK(append_one(f, "a-1", factum_at(1), "C"));
}

TEST(a_repetition_over_several_streams_is_recognised_whole)
{
    struct fixture *f = *state;
    factum_new_event events[] = {event_of("a-1", "A", 1), event_of("b-1", "B", 2)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_no_stream()},
                                         {FCT_SLICE("b-1"), factum_no_stream()}};
    OK(append_events(f, events, 2, expectations, 2));
    OK(append_events(f, events, 2, expectations, 2));
    assert_true(f->result.already);
    events[1] = event_of("c-1", "B", 2);
    expectations[1].stream = FCT_SLICE("c-1");
    assert_status(append_events(f, events, 2, expectations, 2), FACTUM_WRONG_REVISION);
    assert_string_equal(stream_text(f, "c-1"), "STREAM_NOT_FOUND");
}

TEST(of_ids_written_twice_the_retried_ones_are_recognised)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1));
    OK(append_id(f, "a-1", factum_at(0), "B",
                 1)); /* the revision is right, so it is written again */
    uint64_t second = f->result.position;
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 0);
    OK(append_id(f, "a-1", factum_at(0), "B", 1));
    assert_int_equal(f->result.revision, 1);
    OK(append_id(f, "a-1", factum_any(), "B", 1));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 1);
    assert_int_equal(f->result.position, second);
}

TEST(a_repetition_with_stream_exists_is_recognised)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_any(), "A", 1));
    OK(append_id(f, "a-1", factum_stream_exists(), "B", 2));
    OK(append_id(f, "a-1", factum_stream_exists(), "B", 2));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 1);
    OK(delete_stream(f, "a-1", factum_any()));
    assert_status(append_id(f, "a-1", factum_stream_exists(), "B", 2), FACTUM_WRONG_REVISION);
}

TEST(an_expectation_that_holds_again_writes_again)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1));
    OK(delete_stream(f, "a-1", factum_any()));
    OK(append_id(f, "a-1", factum_no_stream(), "A",
                 1)); /* the stream does not exist, as expected */
    assert_false(f->result.already);
    assert_int_equal(f->result.revision, 1);
    assert_string_equal(stream_text(f, "a-1"), "1:A");
}

/* As docs/guide/retries.md describes. */
TEST(a_soft_delete_between_the_tries_changes_what_is_recognised)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1));
    OK(append_id(f, "a-1", factum_at(0), "B", 2));
    OK(append_id(f, "a-1", factum_any(), "C", 3));
    OK(append_id(f, "a-1", factum_stream_exists(), "D", 4));
    OK(delete_stream(f, "a-1", factum_any()));
    OK(append_id(f, "a-1", factum_at(0), "B", 2));
    assert_true(f->result.already);
    OK(append_id(f, "a-1", factum_any(), "C", 3));
    assert_true(f->result.already);
    assert_status(append_id(f, "a-1", factum_stream_exists(), "D", 4), FACTUM_WRONG_REVISION);
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
    OK(append_id(f, "a-1", factum_no_stream(), "E", 5));
    assert_int_equal(f->result.revision, 4);
    assert_status(append_id(f, "a-1", factum_no_stream(), "E", 5), FACTUM_WRONG_REVISION);
    assert_text(f->err, "stream a-1 is at revision 4, but it should not exist");
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1)); /* from before the deletion */
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 0);
    OK(tombstone(f, "a-1", factum_any()));
    assert_status(append_id(f, "a-1", factum_at(0), "B", 2), FACTUM_STREAM_DELETED);
}

TEST(ids_survive_reopening)
{
    struct fixture *f = *state;
    OK(append_id(f, "a-1", factum_any(), "A", 1));
    fixture_reopen(f);
    OK(append_id(f, "a-1", factum_any(), "A", 1));
    assert_true(f->result.already);
}

/* Two events: "A" in a-1 with the first id, "B" in |second_stream| with the second; 0: no id. */
static factum_status append_two(struct fixture *f, uint8_t first_id, const char *second_stream,
                                uint8_t second_id)
{
    factum_new_event events[] = {event_of("a-1", "A", first_id),
                                 event_of(second_stream, "B", second_id)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_any()},
                                         {factum_slice_from(second_stream), factum_any()}};
    size_t streams = strcmp(second_stream, "a-1") == 0 ? 1 : 2;
    return append_events(f, events, 2, expectations, streams);
}

TEST(a_mixture_is_refused_by_the_first_stream_that_repeats)
{
    struct fixture *f = *state;
    OK(append_two(f, 1, "b-1", 2));
    factum_new_event events[] = {event_of("c-1", "C", 3), event_of("b-1", "B", 2),
                                 event_of("a-1", "A", 1)};
    factum_expectation expectations[] = {{FCT_SLICE("c-1"), factum_any()},
                                         {FCT_SLICE("b-1"), factum_any()},
                                         {FCT_SLICE("a-1"), factum_any()}};
    assert_status(append_events(f, events, 3, expectations, 3), FACTUM_WRONG_REVISION);
    assert_int_equal(f->result.refused_index, 1);
    assert_text(f->err, "stream b-1 is at revision 0, but only some of these events are in it");
    assert_string_equal(stream_text(f, "c-1"), "STREAM_NOT_FOUND");
}

TEST(a_mixture_is_not_refused_by_the_stream_that_is_as_expected)
{
    struct fixture *f = *state;
    OK(append_id(f, "c-1", factum_no_stream(), "C", 1));
    OK(append_id(f, "d-1", factum_no_stream(), "D", 2));
    factum_new_event events[] = {event_of("d-1", "D", 3), event_of("c-1", "C", 1)};
    factum_expectation expectations[] = {{FCT_SLICE("d-1"), factum_at(0)},
                                         {FCT_SLICE("c-1"), factum_no_stream()}};
    assert_status(append_events(f, events, 2, expectations, 2), FACTUM_WRONG_REVISION);
    assert_int_equal(f->result.refused_index, 1);
    assert_string_equal(f->err.text, "stream c-1 is at revision 0, but it should not exist: read "
                                     "it again and retry");
    assert_string_equal(stream_text(f, "d-1"), "0:D");
}

TEST(a_repetition_in_one_stream_with_another_that_has_no_ids_is_refused)
{
    struct fixture *f = *state;
    OK(append_two(f, 1, "b-1", 0));
    assert_status(append_two(f, 1, "b-1", 0), FACTUM_WRONG_REVISION);
    assert_int_equal(f->result.refused_index, 0);
    assert_text(f->err, "stream a-1");
    OK(append_two(f, 0, "c-1", 3));
    assert_status(append_two(f, 0, "c-1", 3), FACTUM_WRONG_REVISION);
    assert_int_equal(f->result.refused_index, 1);
    assert_text(f->err, "stream c-1");
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:A");
    assert_string_equal(stream_text(f, "b-1"), "0:B");
}

TEST(events_without_an_id_are_given_one)
{
    struct fixture *f = *state;
    enum { EVENTS = 6 };
    factum_uuid ids[EVENTS];
    struct fct_reader *reader;
    factum_event event;
    factum_new_event events[] = {event_of("a-1", "A", 0), event_of("a-1", "B", 5),
                                 event_of("a-1", "C", 0)};
    factum_expectation expectation = {FCT_SLICE("a-1"), factum_any()};
    OK(append_events(f, events, 3, &expectation, 1));
    events[1].id.bytes[0] = 6;
    OK(append_events(f, events, 3, &expectation, 1));
    assert_int_equal(events[0].id.bytes[6], 0); /* the caller's structs are not changed */
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "a-1");
    OK(fct_engine_read(&f->engine, &request, false, &reader, &f->err));
    for (size_t i = 0; i < EVENTS; i++) {
        OK(fct_reader_next(reader, &event, &f->err));
        ids[i] = event.id;
        bool made = i % 3 != 1;
        assert_int_equal(event.id.bytes[6] >> 4, made ? 4 : 0); /* RFC 9562: random */
        assert_int_equal(event.id.bytes[8] >> 6, made ? 2 : 0);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(ids[i].bytes, ids[j].bytes, sizeof ids[i].bytes);
        }
    }
    fct_reader_close(reader);
    assert_int_equal(ids[1].bytes[0], 5);
    assert_int_equal(ids[4].bytes[0], 6);
}

TEST(events_without_ids_are_never_repetitions)
{
    struct fixture *f = *state;
    OK(append_two(f, 0, "b-1", 0));
    OK(append_two(f, 0, "b-1", 0));
    assert_false(f->result.already);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:A");
    assert_string_equal(stream_text(f, "b-1"), "0:B 1:B");
}

TEST(a_stream_with_ids_for_some_events_is_never_a_repetition)
{
    struct fixture *f = *state;
    OK(append_two(f, 1, "a-1", 0));
    assert_status(append_two(f, 1, "a-1", 0), FACTUM_WRONG_REVISION);
    assert_text(f->err, "only some of these events are in it");
    OK(append_two(f, 0, "a-1", 2)); /* the window is searched for the first id that is given */
    assert_status(append_two(f, 0, "a-1", 2), FACTUM_WRONG_REVISION);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:B 2:A 3:B");
}

TEST(a_repetition_ignores_what_is_expected_of_other_streams)
{
    struct fixture *f = *state;
    factum_new_event event = event_of("a-1", "A", 1);
    factum_expectation expectations[] = {{FCT_SLICE("b-1"), factum_no_stream()},
                                         {FCT_SLICE("a-1"), factum_no_stream()}};
    OK(append_events(f, &event, 1, expectations, 2));
    OK(append_one(f, "b-1", factum_any(), "B"));
    OK(append_events(f, &event, 1, expectations, 2));
    assert_true(f->result.already);
    event = event_of("a-1", "A", 2);
    expectations[1].expected = factum_at(0);
    assert_status(append_events(f, &event, 1, expectations, 2), FACTUM_WRONG_REVISION);
    assert_int_equal(f->result.refused_index, 0);
}

const struct CMUnitTest append_cases[] = {
    FIXTURE_CASE(any_creates_a_stream_and_continues_it),
    FIXTURE_CASE(no_stream_holds_once),
    FIXTURE_CASE(stream_exists_wants_a_stream),
    FIXTURE_CASE(a_revision_must_be_the_last),
    FIXTURE_CASE(a_revision_of_an_absent_stream_is_refused),
    FIXTURE_CASE(an_append_without_an_expectation_is_refused),
    FIXTURE_CASE(two_expectations_of_one_stream_are_refused),
    FIXTURE_CASE(an_append_without_events_only_checks),
    FIXTURE_CASE(an_append_to_several_streams_is_all_or_nothing),
    FIXTURE_CASE(a_stream_can_be_checked_without_being_written),
    FIXTURE_CASE(an_append_returns_the_revision_of_each_event),
    FIXTURE_CASE(a_repeated_append_with_any_is_recognised),
    FIXTURE_CASE(the_same_id_in_another_stream_is_new),
    FIXTURE_CASE(a_repeated_append_with_a_revision_is_recognised),
    FIXTURE_CASE(the_right_revision_writes_the_same_id_again),
    FIXTURE_CASE(an_id_that_was_written_twice_was_repeated_as_the_second),
    FIXTURE_CASE(a_repetition_is_recognised_in_a_stream_that_was_deleted_since),
    FIXTURE_CASE(half_a_repetition_is_refused),
    FIXTURE_CASE(a_repetition_over_several_streams_is_recognised_whole),
    FIXTURE_CASE(of_ids_written_twice_the_retried_ones_are_recognised),
    FIXTURE_CASE(a_soft_delete_between_the_tries_changes_what_is_recognised),
    FIXTURE_CASE(ids_survive_reopening),
    FIXTURE_CASE(a_repetition_with_stream_exists_is_recognised),
    FIXTURE_CASE(an_expectation_that_holds_again_writes_again),
    FIXTURE_CASE(a_mixture_is_refused_by_the_first_stream_that_repeats),
    FIXTURE_CASE(a_mixture_is_not_refused_by_the_stream_that_is_as_expected),
    FIXTURE_CASE(a_repetition_in_one_stream_with_another_that_has_no_ids_is_refused),
    FIXTURE_CASE(events_without_an_id_are_given_one),
    FIXTURE_CASE(events_without_ids_are_never_repetitions),
    FIXTURE_CASE(a_stream_with_ids_for_some_events_is_never_a_repetition),
    FIXTURE_CASE(a_repetition_ignores_what_is_expected_of_other_streams),
};
const size_t append_case_count = sizeof append_cases / sizeof append_cases[0];
