/* conformance_test.c - what every engine must do. Each test runs on each engine of fixture.h. */
#include "fixture.h"

#include <stdlib.h>

/* ---- expectations --------------------------------------------------------------------------- */

TEST(any_makes_a_stream_and_goes_on)
{
    F;
    OK(append_one(f, "a-1", any(), "A"));
    assert_int_equal(f->result.revision, 0);
    OK(append_one(f, "a-1", any(), "B"));
    assert_int_equal(f->result.revision, 1);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:B");
}

TEST(no_stream_holds_once)
{
    F;
    OK(append_one(f, "a-1", no_stream(), "A"));
    assert_status(append_one(f, "a-1", no_stream(), "A"), FACTUM_WRONG_REVISION);
    assert_text(f->err, "stream a-1 is at revision 0, but it should not exist");
    assert_int_equal(f->result.actual_state, FACTUM_STREAM_PRESENT);
}

TEST(stream_exists_wants_a_stream)
{
    F;
    assert_status(append_one(f, "a-1", stream_exists(), "A"), FACTUM_WRONG_REVISION);
    assert_text(f->err, "stream a-1 does not exist, but it should exist");
    OK(append_one(f, "a-1", any(), "A"));
    OK(append_one(f, "a-1", stream_exists(), "B"));
}

TEST(a_revision_must_be_the_last)
{
    F;
    OK(append_one(f, "order-42", any(), "A"));
    OK(append_one(f, "order-42", at(0), "B"));
    OK(append_one(f, "order-42", at(1), "C"));
    OK(append_one(f, "order-42", at(2), "D"));
    assert_status(append_one(f, "order-42", at(2), "E"), FACTUM_WRONG_REVISION);
    assert_string_equal(f->err.text,
                        "stream order-42 is at revision 3, not 2: read it again and retry");
    assert_int_equal(f->result.actual_revision, 3);
    assert_status(append_one(f, "order-42", at(7), "E"), FACTUM_WRONG_REVISION);
    assert_string_equal(stream_text(f, "order-42"), "0:A 1:B 2:C 3:D");
}

TEST(a_revision_of_an_absent_stream_is_refused)
{
    F;
    assert_status(append_one(f, "a-1", at(0), "A"), FACTUM_WRONG_REVISION);
    assert_text(f->err, "does not exist");
    assert_int_equal(f->result.actual_state, FACTUM_STREAM_ABSENT);
}

TEST(an_append_without_an_expectation_is_refused)
{
    F;
    factum_new_event event = event_of("a-1", "A", 0);
    assert_status(append_events(f, &event, 1, NULL, 0), FACTUM_INVALID);
    assert_text(f->err, "without an expectation");
    factum_expectation none = {event.stream, {.kind = FACTUM_EXPECTED_NONE}};
    assert_status(append_events(f, &event, 1, &none, 1), FACTUM_INVALID);
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
}

TEST(two_expectations_of_one_stream_are_refused)
{
    F;
    factum_new_event event = event_of("a-1", "A", 0);
    factum_expectation two[] = {{event.stream, any()}, {event.stream, any()}};
    assert_status(append_events(f, &event, 1, two, 2), FACTUM_INVALID);
    assert_text(f->err, "two expectations");
}

TEST(an_append_without_events_only_checks)
{
    F;
    OK(append_one(f, "a-1", any(), "A"));
    factum_expectation holds = {FCT_SLICE("a-1"), at(0)};
    factum_expectation fails = {FCT_SLICE("a-1"), at(1)};
    OK(append_events(f, NULL, 0, &holds, 1));
    assert_status(append_events(f, NULL, 0, &fails, 1), FACTUM_WRONG_REVISION);
}

/* ---- several streams ------------------------------------------------------------------------- */

TEST(an_append_to_several_streams_is_all_or_nothing)
{
    F;
    OK(append_one(f, "a-1", any(), "A"));
    factum_new_event events[] = {event_of("a-1", "B", 0), event_of("b-1", "C", 0),
                                 event_of("a-1", "D", 0)};
    factum_expectation wrong[] = {{FCT_SLICE("a-1"), at(0)}, {FCT_SLICE("b-1"), at(4)}};
    assert_status(append_events(f, events, 3, wrong, 2), FACTUM_WRONG_REVISION);
    assert_int_equal(f->result.refused_index, 1);
    assert_text(f->err, "b-1");
    assert_string_equal(stream_text(f, "a-1"), "0:A");
    factum_expectation right[] = {{FCT_SLICE("a-1"), at(0)}, {FCT_SLICE("b-1"), no_stream()}};
    OK(append_events(f, events, 3, right, 2));
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:B 2:D");
    assert_string_equal(stream_text(f, "b-1"), "0:C");
}

TEST(a_stream_can_be_checked_without_being_written)
{
    F;
    OK(append_one(f, "a-1", any(), "A"));
    factum_new_event event = event_of("b-1", "B", 0);
    factum_expectation wrong[] = {{FCT_SLICE("b-1"), any()}, {FCT_SLICE("a-1"), no_stream()}};
    assert_status(append_events(f, &event, 1, wrong, 2), FACTUM_WRONG_REVISION);
    factum_expectation right[] = {{FCT_SLICE("b-1"), any()}, {FCT_SLICE("a-1"), at(0)}};
    OK(append_events(f, &event, 1, right, 2));
}

TEST(revisions_of_each_event_are_told)
{
    F;
    OK(append_one(f, "a-1", any(), "A"));
    factum_new_event events[] = {event_of("a-1", "B", 0), event_of("b-1", "C", 0),
                                 event_of("a-1", "D", 0)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), any()}, {FCT_SLICE("b-1"), any()}};
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = 3,
        .expectations = expectations,
        .expectation_count = 2,
    };
    uint64_t revisions[3];
    OK(fct_engine_append(&f->engine, &request, &f->result, revisions, &f->err));
    assert_int_equal(revisions[0], 1);
    assert_int_equal(revisions[1], 0);
    assert_int_equal(revisions[2], 2);
    assert_true(f->result.first_position < f->result.position);
}

/* ---- event ids ------------------------------------------------------------------------------- */

TEST(a_repeated_append_with_any_is_recognised)
{
    F;
    OK(append_id(f, "a-1", any(), "A", 1));
    uint64_t position = f->result.position;
    OK(append_id(f, "a-1", any(), "A", 1));
    assert_true(f->result.already);
    assert_int_equal(f->result.position, position);
    assert_int_equal(f->result.revision, 0);
    assert_string_equal(stream_text(f, "a-1"), "0:A");
}

TEST(the_same_id_in_another_stream_is_new)
{
    F;
    OK(append_id(f, "a-1", any(), "A", 1));
    OK(append_id(f, "b-1", any(), "A", 1));
    assert_false(f->result.already);
}

TEST(a_repeated_append_with_a_revision_is_recognised)
{
    F;
    OK(append_id(f, "a-1", no_stream(), "A", 1));
    OK(append_id(f, "a-1", at(0), "B", 2));
    OK(append_id(f, "a-1", at(1), "C", 3));
    OK(append_id(f, "a-1", at(0), "B", 2));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 1);
    assert_status(append_id(f, "a-1", at(0), "B", 9), FACTUM_WRONG_REVISION);
    OK(append_id(f, "a-1", no_stream(), "A", 1));
    assert_true(f->result.already);
    assert_status(append_id(f, "a-1", no_stream(), "A", 9), FACTUM_WRONG_REVISION);
}

TEST(the_right_revision_writes_the_same_id_again)
{
    F;
    OK(append_id(f, "a-1", no_stream(), "A", 1));
    OK(append_id(f, "a-1", at(0), "A", 1));
    assert_false(f->result.already);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:A");
}

TEST(an_id_that_was_written_twice_was_repeated_as_the_second)
{
    F;
    OK(append_id(f, "a-1", no_stream(), "A", 1));
    OK(append_id(f, "a-1", at(0), "A", 1));
    OK(append_id(f, "a-1", at(1), "B", 2));
    OK(append_id(f, "a-1", any(), "A", 1));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 1);
    factum_new_event events[] = {event_of("a-1", "A", 1), event_of("a-1", "B", 2)};
    factum_expectation expectation = {FCT_SLICE("a-1"), any()};
    OK(append_events(f, events, 2, &expectation, 1));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 2);
}

TEST(a_repetition_is_recognised_in_a_stream_that_was_deleted_since)
{
    F;
    OK(append_id(f, "a-1", no_stream(), "A", 1));
    OK(append_id(f, "a-1", at(0), "B", 2));
    uint64_t position = f->result.position;
    OK(fct_engine_delete(&f->engine, FCT_SLICE("a-1"), any(), NULL, &f->err));
    OK(append_id(f, "a-1", at(0), "B", 2));
    assert_true(f->result.already);
    assert_int_equal(f->result.position, position);
    assert_status(append_id(f, "a-1", at(0), "C", 3), FACTUM_WRONG_REVISION);
    assert_text(f->err, "stream a-1 is deleted (last at revision 1)");
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
}

TEST(half_a_repetition_is_refused)
{
    F;
    factum_new_event events[] = {event_of("a-1", "A", 1), event_of("a-1", "B", 2)};
    factum_expectation expectation = {FCT_SLICE("a-1"), any()};
    OK(append_events(f, events, 2, &expectation, 1));
    events[1] = event_of("a-1", "B", 9);
    assert_status(append_events(f, events, 2, &expectation, 1), FACTUM_WRONG_REVISION);
    assert_text(f->err, "only some of these events");
    OK(append_one(f, "a-1", at(1), "C"));
}

TEST(a_repetition_over_several_streams_is_recognised_whole)
{
    F;
    factum_new_event events[] = {event_of("a-1", "A", 1), event_of("b-1", "B", 2)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), no_stream()},
                                         {FCT_SLICE("b-1"), no_stream()}};
    OK(append_events(f, events, 2, expectations, 2));
    OK(append_events(f, events, 2, expectations, 2));
    assert_true(f->result.already);
    events[1] = event_of("c-1", "B", 2);
    expectations[1].stream = FCT_SLICE("c-1");
    assert_status(append_events(f, events, 2, expectations, 2), FACTUM_WRONG_REVISION);
    assert_string_equal(stream_text(f, "c-1"), "STREAM_NOT_FOUND");
}

TEST(of_ids_that_are_there_twice_the_retried_ones_are_recognised)
{
    F;
    OK(append_id(f, "a-1", no_stream(), "A", 1));
    OK(append_id(f, "a-1", at(0), "B", 1)); /* the right revision: written again */
    uint64_t second = f->result.position;
    OK(append_id(f, "a-1", no_stream(), "A", 1));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 0);
    OK(append_id(f, "a-1", at(0), "B", 1));
    assert_int_equal(f->result.revision, 1);
    OK(append_id(f, "a-1", any(), "B", 1));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 1);
    assert_int_equal(f->result.position, second);
}

TEST(ids_survive_reopening)
{
    F;
    OK(append_id(f, "a-1", any(), "A", 1));
    fixture_reopen(f);
    OK(append_id(f, "a-1", any(), "A", 1));
    assert_true(f->result.already);
}

/* ---- idempotency keys ------------------------------------------------------------------------ */

static factum_status append_key(struct fixture *f, const char *stream, factum_expected expected,
                                const char *type, const char *key)
{
    factum_new_event event = event_of(stream, type, 0);
    factum_expectation expectation = {event.stream, expected};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .idempotency_key = factum_slice_from(key),
    };
    return fct_engine_append(&f->engine, &request, &f->result, NULL, &f->err);
}

TEST(a_key_gives_the_first_result_again)
{
    F;
    OK(append_key(f, "a-1", no_stream(), "A", "k1"));
    uint64_t position = f->result.position;
    OK(append_one(f, "a-1", any(), "B"));
    OK(append_key(f, "a-1", no_stream(), "A", "k1"));
    assert_true(f->result.already);
    assert_int_equal(f->result.position, position);
    assert_int_equal(f->result.revision, 0);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:B");
}

TEST(a_key_with_other_content_is_a_conflict)
{
    F;
    OK(append_key(f, "a-1", any(), "A", "k1"));
    assert_status(append_key(f, "a-1", any(), "B", "k1"), FACTUM_KEY_CONFLICT);
    assert_text(f->err, "idempotency key k1 was used for an append with other content");
    assert_string_equal(stream_text(f, "a-1"), "0:A");
}

TEST(keys_survive_reopening)
{
    F;
    for (int i = 0; i < 40; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        OK(append_key(f, "a-1", any(), "A", key));
    }
    fixture_reopen(f);
    OK(append_key(f, "a-1", any(), "A", "k7"));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 7);
}

/* ---- append conditions ----------------------------------------------------------------------- */

static factum_status append_if(struct fixture *f, const char *type, const char *tag,
                               const factum_condition_item *item, uint64_t after)
{
    factum_slice tags[] = {factum_slice_from(tag)};
    factum_new_event event = event_of("c-1", type, 0);
    event.tags = tags;
    event.tag_count = tag == NULL ? 0 : 1;
    factum_expectation expectation = {event.stream, any()};
    factum_append_condition condition = {.items = item, .item_count = 1, .after = after};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .condition = item == NULL ? NULL : &condition,
    };
    return fct_engine_append(&f->engine, &request, &f->result, NULL, &f->err);
}

TEST(a_condition_on_a_tag_lets_one_through)
{
    F;
    factum_slice tag = FCT_SLICE("email:x");
    factum_condition_item item = {.tags = &tag, .tag_count = 1};
    OK(append_if(f, "Registered", "email:y", &item, 0));
    OK(append_if(f, "Registered", "email:x", &item, 0));
    uint64_t position = f->result.position;
    assert_status(append_if(f, "Registered", "email:x", &item, 0), FACTUM_CONDITION_FAILED);
    assert_int_equal(f->result.conflict_position, position);
    OK(append_if(f, "Registered", "email:x", &item, position));
}

TEST(a_condition_on_types_and_tags_wants_both)
{
    F;
    factum_slice tag = FCT_SLICE("sku:1");
    factum_slice type = FCT_SLICE("Sold");
    factum_condition_item both = {.types = &type, .type_count = 1, .tags = &tag, .tag_count = 1};
    factum_condition_item only_type = {.types = &type, .type_count = 1};
    OK(append_if(f, "Counted", "sku:1", NULL, 0));
    OK(append_if(f, "Sold", "sku:2", &both, 0));
    assert_status(append_if(f, "Sold", "sku:1", &only_type, 0), FACTUM_CONDITION_FAILED);
    OK(append_if(f, "Sold", "sku:1", &both, 0));
    assert_status(append_if(f, "Sold", "sku:1", &both, 0), FACTUM_CONDITION_FAILED);
}

TEST(a_condition_sees_the_metadata_that_an_append_wrote_by_itself)
{
    F;
    factum_slice type = FCT_SLICE("$metadata");
    factum_condition_item item = {.types = &type, .type_count = 1};
    OK(append_one(f, "d-1", any(), "A"));
    OK(append_if(f, "A", NULL, &item, 0));
    OK(fct_engine_delete(&f->engine, FCT_SLICE("d-1"), any(), &f->result, &f->err));
    uint64_t position = f->result.position;
    OK(append_if(f, "A", NULL, &item, position));
    OK(append_one(f, "d-1", any(), "B"));
    assert_status(append_if(f, "A", NULL, &item, position), FACTUM_CONDITION_FAILED);
}

TEST(a_condition_that_names_nothing_is_invalid)
{
    F;
    factum_condition_item nothing = {.type_count = 0};
    assert_status(append_if(f, "A", NULL, &nothing, 0), FACTUM_INVALID);
}

/* ---- metadata and deletion ------------------------------------------------------------------- */

static factum_status set_metadata(struct fixture *f, const char *stream, const char *json)
{
    return fct_engine_metadata_set(&f->engine, factum_slice_from(stream), any(),
                                   factum_slice_from(json), &f->result, &f->err);
}

static factum_status delete_stream(struct fixture *f, const char *stream, factum_expected expected)
{
    return fct_engine_delete(&f->engine, factum_slice_from(stream), expected, &f->result, &f->err);
}

static factum_status tombstone(struct fixture *f, const char *stream, factum_expected expected)
{
    return fct_engine_tombstone(&f->engine, factum_slice_from(stream), expected, &f->result,
                                &f->err);
}

TEST(metadata_limits_what_is_read_of_a_stream)
{
    F;
    append_many(f, "s-1", 5);
    OK(set_metadata(f, "s-1", "{\"$maxCount\":2}"));
    assert_string_equal(stream_text(f, "s-1"), "3:A 4:B");
    OK(set_metadata(f, "s-1", "{\"$tb\":1}"));
    assert_string_equal(stream_text(f, "s-1"), "1:B 2:C 3:A 4:B");
    OK(set_metadata(f, "s-1", "{\"$maxAge\":1000}"));
    assert_string_equal(stream_text(f, "s-1"), "0:A 1:B 2:C 3:A 4:B");
    factum_read_request category = reading(FACTUM_SOURCE_CATEGORY, "s");
    OK(set_metadata(f, "s-1", "{\"$maxCount\":1}"));
    assert_string_equal(read_text(f, &category), "0:A 1:B 2:C 3:A 4:B");
    assert_string_equal(stream_text(f, "$$s-1"), "3:$metadata");
}

TEST(metadata_that_makes_no_sense_is_refused)
{
    F;
    assert_status(set_metadata(f, "s-1", "[]"), FACTUM_INVALID);
    assert_status(set_metadata(f, "s-1", "{\"$maxCount\":\"x\"}"), FACTUM_INVALID);
    assert_status(set_metadata(f, "s-1", "{\"$tb\":-1}"), FACTUM_INVALID);
    assert_status(set_metadata(f, "$$s-1", "{}"), FACTUM_INVALID);
}

TEST(a_deleted_stream_goes_on_with_the_next_revision)
{
    F;
    append_many(f, "s-1", 3);
    OK(delete_stream(f, "s-1", at(2)));
    assert_string_equal(stream_text(f, "s-1"), "STREAM_NOT_FOUND");
    factum_stream_info info;
    OK(fct_engine_stream(&f->engine, FCT_SLICE("s-1"), &info, &f->err));
    assert_int_equal(info.state, FACTUM_STREAM_SOFT_DELETED);
    assert_status(append_one(f, "s-1", stream_exists(), "X"), FACTUM_WRONG_REVISION);
    OK(append_one(f, "s-1", no_stream(), "N"));
    assert_int_equal(f->result.revision, 3);
    assert_string_equal(stream_text(f, "s-1"), "3:N");
    assert_string_equal(stream_text(f, "$$s-1"), "1:$metadata");
    fixture_reopen(f);
    assert_string_equal(stream_text(f, "s-1"), "3:N");
    OK(append_one(f, "s-1", at(3), "O"));
}

TEST(deleting_checks_what_is_expected)
{
    F;
    assert_status(delete_stream(f, "s-1", any()), FACTUM_WRONG_REVISION);
    append_many(f, "s-1", 2);
    assert_status(delete_stream(f, "s-1", at(0)), FACTUM_WRONG_REVISION);
    OK(delete_stream(f, "s-1", any()));
    OK(delete_stream(f, "s-1", any()));
}

TEST(a_tombstone_ends_a_stream_for_ever)
{
    F;
    append_many(f, "s-1", 2);
    OK(tombstone(f, "s-1", at(1)));
    assert_status(append_one(f, "s-1", any(), "X"), FACTUM_STREAM_DELETED);
    assert_text(f->err, "deleted for ever");
    assert_string_equal(stream_text(f, "s-1"), "STREAM_DELETED");
    fixture_reopen(f);
    assert_string_equal(stream_text(f, "s-1"), "STREAM_DELETED");
    assert_status(append_one(f, "s-1", no_stream(), "X"), FACTUM_STREAM_DELETED);
    assert_status(delete_stream(f, "s-1", any()), FACTUM_STREAM_DELETED);
    OK(tombstone(f, "never", no_stream()));
}

TEST(a_stream_that_was_deleted_before_it_was_written_can_be_written)
{
    F;
    factum_slice json = FCT_SLICE("{\"$tb\":9223372036854775807}");
    OK(fct_engine_metadata_set(&f->engine, FCT_SLICE("a-1"), any(), json, NULL, &f->err));
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
    OK(append_one(f, "a-1", no_stream(), "A"));
    assert_string_equal(stream_text(f, "a-1"), "0:A");
}

TEST(deleted_streams_begin_anew_in_the_order_of_their_events)
{
    F;
    const char *const names[] = {"a-1", "b-1"};
    for (size_t i = 0; i < 2; i++) {
        OK(append_one(f, names[i], any(), "A"));
        OK(fct_engine_delete(&f->engine, factum_slice_from(names[i]), any(), NULL, &f->err));
    }
    factum_new_event events[] = {event_of("b-1", "B", 0), event_of("a-1", "B", 0)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), any()}, {FCT_SLICE("b-1"), any()}};
    OK(append_events(f, events, 2, expectations, 2));
    factum_read_request last = reading(FACTUM_SOURCE_ALL, NULL);
    last.backwards = true;
    last.count_max = 4;
    struct fct_reader *reader;
    factum_event event;
    static const char *const streams[] = {"a-1", "b-1", "$$a-1", "$$b-1"};
    OK(fct_engine_read(&f->engine, &last, false, &reader, &f->err));
    for (size_t i = 0; i < 4; i++) {
        OK(reader->ops->next(reader, &event, &f->err));
        assert_true(fct_slice_equal(event.stream, factum_slice_from(streams[i])));
    }
    reader->ops->close(reader);
}

/* What a follower of |stream| from |from| is given first: its type. */
static const char *followed(struct fixture *f, const char *stream, factum_from from, uint64_t value)
{
    static char type[32];
    struct fct_reader *reader;
    factum_event event;
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, stream);
    request.from = from;
    request.from_value = value;
    OK(fct_engine_read(&f->engine, &request, true, &reader, &f->err));
    factum_status status = reader->ops->next(reader, &event, &f->err);
    (void)snprintf(type, sizeof type, "%.*s", status == FACTUM_OK ? (int)event.type.len : 0,
                   status == FACTUM_OK ? (const char *)event.type.ptr : "");
    reader->ops->close(reader);
    return type;
}

TEST(a_follower_is_given_the_tombstone_from_any_place_before_it)
{
    F;
    append_many(f, "a-1", 2);
    OK(fct_engine_tombstone(&f->engine, FCT_SLICE("a-1"), any(), NULL, &f->err));
    const uint64_t last = FACTUM_REVISION_TOMBSTONE;
    assert_string_equal(followed(f, "a-1", FACTUM_FROM_REVISION, 1), "B");
    assert_string_equal(followed(f, "a-1", FACTUM_FROM_REVISION, 2), "$streamDeleted");
    assert_string_equal(followed(f, "a-1", FACTUM_FROM_REVISION, 7), "$streamDeleted");
    assert_string_equal(followed(f, "a-1", FACTUM_FROM_REVISION, last), "$streamDeleted");
    assert_string_equal(followed(f, "a-1", FACTUM_FROM_REVISION, last + 1), "");
    OK(append_one(f, "b-1", any(), "A"));
    OK(fct_engine_delete(&f->engine, FCT_SLICE("b-1"), any(), NULL, &f->err));
    OK(fct_engine_tombstone(&f->engine, FCT_SLICE("b-1"), any(), NULL, &f->err));
    assert_string_equal(followed(f, "b-1", FACTUM_FROM_START, 0), "$streamDeleted");
}

TEST(a_tombstone_alone_leaves_no_revisions)
{
    F;
    factum_stream_info info;
    factum_slice json = FCT_SLICE("{\"$tb\":5}");
    OK(fct_engine_metadata_set(&f->engine, FCT_SLICE("a-1"), any(), json, NULL, &f->err));
    OK(fct_engine_tombstone(&f->engine, FCT_SLICE("a-1"), any(), NULL, &f->err));
    OK(fct_engine_stream(&f->engine, FCT_SLICE("a-1"), &info, &f->err));
    assert_int_equal(info.state, FACTUM_STREAM_TOMBSTONED);
    assert_int_equal(info.first_revision, 0);
    assert_int_equal(info.truncate_before, 5);
}

TEST(the_stores_own_types_are_not_for_users)
{
    F;
    assert_status(append_one(f, "s-1", any(), "$metadata"), FACTUM_INVALID);
    assert_status(append_one(f, "s-1", any(), "$streamDeleted"), FACTUM_INVALID);
    assert_status(append_one(f, "$$s-1", any(), "A"), FACTUM_INVALID);
    OK(append_one(f, "$$s-1", any(), "$metadata"));
}

/* ---- lists, limits, waiting ------------------------------------------------------------------ */

TEST(streams_and_types_are_listed)
{
    F;
    append_many(f, "s-1", 4);
    append_many(f, "s-2", 1);
    fixture_reopen(f);
    append_many(f, "t-1", 1);
    uint64_t events = 0;
    uint64_t names = 0;
    struct fct_lister *lister;
    factum_list_entry entry;
    if (f->kind == ENGINE_LOCAL_COLLIDING) {
        return; /* names that share a key are one entry there; no hash of a real store collides */
    }
    OK(f->engine.ops->list(f->engine.self, FACTUM_LIST_STREAMS, &lister, &f->err));
    while (lister->ops->next(lister, &entry, &f->err) == FACTUM_OK) {
        names++;
        events += entry.event_count;
        assert_true(entry.name.len == 3);
        assert_true(entry.first_position <= entry.last_position);
    }
    lister->ops->close(lister);
    assert_int_equal(names, 3);
    assert_int_equal(events, 6);
}

TEST(what_is_over_a_limit_is_refused_before_it_is_written)
{
    F;
    static char big[10001];
    static char name[FACTUM_NAME_SIZE_MAX + 2];
    factum_new_event event = event_of("l-1", "A", 0);
    factum_expectation expectation = {event.stream, any()};
    memset(big, 'x', sizeof big);
    event.data = fct_slice(big, sizeof big);
    assert_status(append_events(f, &event, 1, &expectation, 1), FACTUM_TOO_BIG);
    assert_text(f->err, "10001 bytes of data and metadata: at most 10000");
    event.data.len = 10000;
    OK(append_events(f, &event, 1, &expectation, 1));
    static factum_new_event many[201];
    for (size_t i = 0; i < 201; i++) {
        many[i] = event_of("l-1", "A", 0);
    }
    assert_status(append_events(f, many, 201, &expectation, 1), FACTUM_TOO_BIG);
    assert_text(f->err, "201 events: at most 200");
    OK(append_events(f, many, 200, &expectation, 1));
    static factum_slice tags[FACTUM_TAGS_MAX];
    static char tag[FACTUM_NAME_SIZE_MAX];
    memset(tag, 't', sizeof tag);
    for (size_t i = 0; i < FACTUM_TAGS_MAX; i++) {
        tags[i] = fct_slice(tag, sizeof tag);
    }
    for (size_t i = 0; i < 200; i++) {
        many[i].tags = tags;
        many[i].tag_count = FACTUM_TAGS_MAX;
    }
    assert_status(append_events(f, many, 200, &expectation, 1), FACTUM_TOO_BIG);
    assert_text(f->err, "bytes of data, metadata, names and tags: at most 1000000");
    memset(name, 'n', sizeof name - 1);
    assert_status(append_one(f, name, any(), "A"), FACTUM_TOO_BIG);
    name[FACTUM_NAME_SIZE_MAX] = '\0';
    OK(append_one(f, name, any(), "A"));
    assert_status(append_one(f, "", any(), "A"), FACTUM_INVALID);
    assert_status(append_one(f, "bad\xff", any(), "A"), FACTUM_INVALID);
}

TEST(waiting_ends_with_news_or_time)
{
    F;
    uint64_t end = f->engine.ops->end(f->engine.self);
    assert_status(f->engine.ops->wait(f->engine.self, end, 1, NULL, &f->err), FACTUM_TIMEOUT);
    append_many(f, "s-1", 1);
    OK(f->engine.ops->wait(f->engine.self, end, 1000, NULL, &f->err));
    _Atomic uint32_t stop = 1;
    end = f->engine.ops->end(f->engine.self);
    assert_status(f->engine.ops->wait(f->engine.self, end, -1, &stop, &f->err), FACTUM_CANCELLED);
}

TEST(much_is_kept_over_reopening_and_verifies)
{
    F;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 60; i++) {
            char stream[16];
            (void)snprintf(stream, sizeof stream, "m-%d", i % 7);
            OK(append_one(f, stream, round == 0 && i < 7 ? no_stream() : stream_exists(), "A"));
        }
        fixture_reopen(f);
    }
    factum_stream_info info;
    OK(fct_engine_stream(&f->engine, FCT_SLICE("m-0"), &info, &f->err));
    assert_int_equal(info.last_revision, 35);
    factum_verify_report report;
    OK(f->engine.ops->verify(f->engine.self, NULL, &report, &f->err));
    assert_int_equal(report.events, 240);
}

static const struct CMUnitTest tests[] = {
    CASE(any_makes_a_stream_and_goes_on),
    CASE(no_stream_holds_once),
    CASE(stream_exists_wants_a_stream),
    CASE(a_revision_must_be_the_last),
    CASE(a_revision_of_an_absent_stream_is_refused),
    CASE(an_append_without_an_expectation_is_refused),
    CASE(two_expectations_of_one_stream_are_refused),
    CASE(an_append_without_events_only_checks),
    CASE(an_append_to_several_streams_is_all_or_nothing),
    CASE(a_stream_can_be_checked_without_being_written),
    CASE(revisions_of_each_event_are_told),
    CASE(a_repeated_append_with_any_is_recognised),
    CASE(the_same_id_in_another_stream_is_new),
    CASE(a_repeated_append_with_a_revision_is_recognised),
    CASE(the_right_revision_writes_the_same_id_again),
    CASE(an_id_that_was_written_twice_was_repeated_as_the_second),
    CASE(a_repetition_is_recognised_in_a_stream_that_was_deleted_since),
    CASE(half_a_repetition_is_refused),
    CASE(a_repetition_over_several_streams_is_recognised_whole),
    CASE(of_ids_that_are_there_twice_the_retried_ones_are_recognised),
    CASE(ids_survive_reopening),
    CASE(a_key_gives_the_first_result_again),
    CASE(a_key_with_other_content_is_a_conflict),
    CASE(keys_survive_reopening),
    CASE(a_condition_on_a_tag_lets_one_through),
    CASE(a_condition_on_types_and_tags_wants_both),
    CASE(a_condition_sees_the_metadata_that_an_append_wrote_by_itself),
    CASE(a_condition_that_names_nothing_is_invalid),
    CASE(metadata_limits_what_is_read_of_a_stream),
    CASE(metadata_that_makes_no_sense_is_refused),
    CASE(a_deleted_stream_goes_on_with_the_next_revision),
    CASE(deleting_checks_what_is_expected),
    CASE(a_tombstone_ends_a_stream_for_ever),
    CASE(a_stream_that_was_deleted_before_it_was_written_can_be_written),
    CASE(deleted_streams_begin_anew_in_the_order_of_their_events),
    CASE(a_follower_is_given_the_tombstone_from_any_place_before_it),
    CASE(a_tombstone_alone_leaves_no_revisions),
    CASE(the_stores_own_types_are_not_for_users),
    CASE(streams_and_types_are_listed),
    CASE(what_is_over_a_limit_is_refused_before_it_is_written),
    CASE(waiting_ends_with_news_or_time),
    CASE(much_is_kept_over_reopening_and_verifies),
};

enum { CASES_MAX = 128 };

static size_t add_cases(struct CMUnitTest *all, size_t count, const struct CMUnitTest *cases,
                        size_t case_count, enum engine_kind *kind)
{
    static char names[CASES_MAX * ENGINE_KINDS][128];
    for (size_t i = 0; i < case_count; i++) {
        assert_true(count < CASES_MAX * ENGINE_KINDS);
        (void)snprintf(names[count], sizeof names[count], "%s: %s", engine_names[*kind],
                       cases[i].name);
        all[count] = cases[i];
        all[count].name = names[count];
        all[count++].initial_state = kind;
    }
    return count;
}

int main(void)
{
    static struct CMUnitTest all[CASES_MAX * ENGINE_KINDS];
    static enum engine_kind kinds[ENGINE_KINDS];
    size_t count = 0;
    for (size_t kind = 0; kind < ENGINE_KINDS; kind++) {
        kinds[kind] = (enum engine_kind)kind;
        count = add_cases(all, count, tests, sizeof tests / sizeof tests[0], &kinds[kind]);
        count = add_cases(all, count, read_cases, read_case_count, &kinds[kind]);
    }
    return _cmocka_run_group_tests("conformance", all, count, NULL, NULL);
}
