/* question_cases.c - how every engine must answer questions. Run by conformance_test.c. */
#include "fixture.h"

#include "engine/event_copy.h"

static factum_question question_of(factum_question_kind kind, const char *name)
{
    factum_question question = {.size = sizeof question, .kind = kind};
    question.name = factum_slice_from(name);
    return question;
}

static factum_status ask(struct fixture *f, factum_question *question)
{
    return fct_engine_answer(&f->engine, question, &f->err);
}

static factum_uuid id_of(uint8_t id)
{
    return event_of("", "", id).id;
}

/* ---- places and streams ---------------------------------------------------------------------- */

TEST(the_place_holds_all_that_was_appended)
{
    struct fixture *f = *state;
    uint64_t before = place_now(f);
    OK(append_one(f, "s-1", factum_any(), "A"));
    assert_true(f->result.position > before);
    assert_true(place_now(f) >= f->result.position);
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    all.from = FACTUM_FROM_AFTER;
    all.from_value = place_now(f);
    assert_string_equal(read_text(f, &all), "");
    OK(append_one(f, "s-1", factum_any(), "B"));
    assert_string_equal(read_text(f, &all), "0:B");
    uint64_t place = place_now(f);
    fixture_reopen(f);
    assert_true(place_now(f) >= place);
}

static factum_stream_info stream_info(struct fixture *f, const char *stream)
{
    factum_stream_info info = {.size = sizeof info};
    OK(fct_engine_stream(&f->engine, factum_slice_from(stream), &info, &f->err));
    assert_int_equal(info.size, sizeof info);
    return info;
}

TEST(the_state_of_a_stream_is_reported)
{
    struct fixture *f = *state;
    assert_int_equal(stream_info(f, "s-1").state, FACTUM_STREAM_ABSENT);
    append_many(f, "s-1", 3);
    uint64_t position = f->result.position;
    factum_stream_info info = stream_info(f, "s-1");
    assert_int_equal(info.state, FACTUM_STREAM_PRESENT);
    assert_int_equal(info.last_revision, 2);
    assert_int_equal(info.first_revision, 0);
    assert_int_equal(info.last_position, position);
    assert_false(info.has_metadata);
    OK(set_metadata(f, "s-1", "{\"$maxCount\":2,\"$maxAge\":100000,\"$tb\":1}"));
    OK(set_metadata(f, "s-1", "{\"$maxCount\":1,\"$maxAge\":100000,\"$tb\":1}"));
    info = stream_info(f, "s-1");
    assert_true(info.has_metadata);
    assert_int_equal(info.metadata_revision, 1);
    assert_int_equal(info.max_count, 1);
    assert_int_equal(info.max_age, 100000);
    assert_int_equal(info.truncate_before, 1);
    assert_int_equal(info.first_revision, 2);
    assert_int_equal(info.last_position, position);
    OK(delete_stream(f, "s-1", factum_any()));
    info = stream_info(f, "s-1");
    assert_int_equal(info.state, FACTUM_STREAM_SOFT_DELETED);
    assert_int_equal(info.last_revision, 2);
    OK(tombstone(f, "s-1", factum_any()));
    assert_int_equal(stream_info(f, "s-1").state, FACTUM_STREAM_TOMBSTONED);
    assert_int_equal(stream_info(f, "$ce-s").state, FACTUM_STREAM_ABSENT);
    assert_int_equal(stream_info(f, "$$s-1").state, FACTUM_STREAM_PRESENT);
}

/* ---- single events --------------------------------------------------------------------------- */

/* Appends an event that uses every member, to stream e-1. */
static void append_full(struct fixture *f, uint8_t id)
{
    factum_slice tags[] = {FCT_SLICE("a"), FCT_SLICE("b:c")};
    factum_new_event event = event_of("e-1", "Type", id);
    event.data = fct_slice("\0\1\2", 3);
    event.metadata = FCT_SLICE("{\"x\":1}");
    event.content_type = FACTUM_CONTENT_BINARY;
    event.tags = tags;
    event.tag_count = 2;
    event.has_time = true;
    event.time = -5;
    factum_expectation expectation = {event.stream, factum_any()};
    OK(append_events(f, &event, 1, &expectation, 1));
}

/* Everything that the event points to belongs to the copy. */
static void assert_owned(const factum_event_copy *copy)
{
    const uint8_t *memory = copy->memory;
    const factum_event *event = &copy->event;
    const factum_slice parts[] = {event->stream, event->type, event->data, event->metadata,
                                  event->content_type};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert_true(parts[i].ptr >= memory);
        assert_true(parts[i].ptr + parts[i].len <= memory + copy->capacity);
    }
    for (size_t i = 0; i < event->tag_count; i++) {
        assert_true(event->tags[i].ptr >= memory);
        assert_true(event->tags[i].ptr + event->tags[i].len <= memory + copy->capacity);
    }
}

static void assert_full(const factum_event_copy *copy, uint8_t id, uint64_t position)
{
    const factum_event *event = &copy->event;
    assert_owned(copy);
    assert_true(fct_slice_equal(event->stream, FCT_SLICE("e-1")));
    assert_true(fct_slice_equal(event->type, FCT_SLICE("Type")));
    assert_true(fct_slice_equal(event->data, fct_slice("\0\1\2", 3)));
    assert_true(fct_slice_equal(event->metadata, FCT_SLICE("{\"x\":1}")));
    assert_true(fct_slice_equal(event->content_type, FCT_SLICE("application/octet-stream")));
    assert_int_equal(event->tag_count, 2);
    assert_true(fct_slice_equal(event->tags[0], FCT_SLICE("a")));
    assert_true(fct_slice_equal(event->tags[1], FCT_SLICE("b:c")));
    assert_memory_equal(event->id.bytes, id_of(id).bytes, 16);
    assert_int_equal(event->position, position);
    assert_true(event->has_time && event->time == -5 && event->created > 0);
    assert_true(event->last_of_commit);
}

TEST(an_event_is_found_by_its_position_and_owned)
{
    struct fixture *f = *state;
    append_full(f, 1);
    uint64_t position = f->result.position;
    factum_event_copy copy = {.memory = NULL};
    factum_question question = question_of(FACTUM_ASK_EVENT, NULL);
    question.position = position;
    question.event = &copy;
    OK(ask(f, &question));
    for (int i = 0; i < 50; i++) {
        append_many(f, "other-1", 1);
    }
    fixture_reopen(f);
    assert_full(&copy, 1, position);
    assert_int_equal(copy.event.revision, 0);
    question.position = f->result.position; /* the engine's memory is used again */
    OK(ask(f, &question));
    assert_true(fct_slice_equal(copy.event.stream, FCT_SLICE("other-1")));
    question.position = position + 1;
    assert_status(ask(f, &question), FACTUM_NOT_FOUND);
    question.position = UINT64_MAX;
    assert_status(ask(f, &question), FACTUM_NOT_FOUND);
    assert_true(fct_slice_equal(copy.event.stream, FCT_SLICE("other-1")));
    question.event = NULL;
    assert_status(ask(f, &question), FACTUM_INVALID);
    fct_event_copy_finish(&copy);
}

TEST(the_newest_event_with_an_id_is_found)
{
    struct fixture *f = *state;
    append_full(f, 1);
    uint64_t in_e = f->result.position;
    OK(append_id(f, "a-1", factum_no_stream(), "A", 1));
    uint64_t in_a = f->result.position;
    OK(append_id(f, "a-1", factum_at(0), "B", 2));
    OK(append_id(f, "a-1", factum_at(1), "C", 1)); /* the same id once more */
    uint64_t newest = f->result.position;
    append_many(f, "a-1", 3);
    fixture_reopen(f);
    factum_event_copy copy = {.memory = NULL};
    factum_question question = question_of(FACTUM_ASK_FIND_EVENT, "e-1");
    question.event = &copy;
    question.id = id_of(1);
    OK(ask(f, &question));
    assert_full(&copy, 1, in_e);
    question.name = FCT_SLICE("a-1");
    OK(ask(f, &question));
    assert_int_equal(copy.event.position, newest);
    assert_int_equal(copy.event.revision, 2);
    assert_true(in_a < newest);
    question.name = fct_slice(NULL, 0); /* anywhere among the newest events */
    OK(ask(f, &question));
    assert_int_equal(copy.event.position, newest);
    question.id = id_of(3);
    assert_status(ask(f, &question), FACTUM_NOT_FOUND);
    question.name = FCT_SLICE("e-1");
    question.id = id_of(2);
    assert_status(ask(f, &question), FACTUM_NOT_FOUND);
    question.name = FCT_SLICE("never");
    assert_status(ask(f, &question), FACTUM_NOT_FOUND);
    assert_int_equal(copy.event.position, newest);
    fct_event_copy_finish(&copy);
}

/* Appends |count| events, many in each append. */
static void append_crowd(struct fixture *f, size_t count)
{
    static factum_new_event crowd[200];
    factum_expectation expectation = {FCT_SLICE("crowd-1"), factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = crowd,
        .expectations = &expectation,
        .expectation_count = 1,
        .durability = FACTUM_DURABILITY_OS,
    };
    for (size_t i = 0; i < 200; i++) {
        crowd[i] = event_of("crowd-1", "A", 0);
    }
    for (size_t left = count; left > 0; left -= request.event_count) {
        request.event_count = left < 200 ? left : 200;
        OK(append_request(f, &request, NULL));
    }
}

TEST(an_event_is_found_among_the_newest_65536)
{
    struct fixture *f = *state;
    if (kind_is_memory(f->kind)) {
        return; /* quadratic time there */
    }
    OK(append_id(f, "a-1", factum_any(), "A", 1));
    uint64_t position = f->result.position;
    append_crowd(f, 65535);
    factum_event_copy copy = {.memory = NULL};
    factum_question question = question_of(FACTUM_ASK_FIND_EVENT, NULL);
    question.event = &copy;
    question.id = id_of(1);
    for (int round = 0; round < 2; round++) {
        OK(ask(f, &question));
        assert_int_equal(copy.event.position, position);
        fixture_reopen(f);
    }
    OK(append_id(f, "a-1", factum_any(), "A", 1)); /* known through the same window */
    assert_true(f->result.already);
    append_crowd(f, 100);
    question.name = FCT_SLICE("a-1"); /* a stream is searched however old its events are */
    OK(ask(f, &question));
    assert_int_equal(copy.event.position, position);
    fct_event_copy_finish(&copy);
}

/* ---- idempotency keys ------------------------------------------------------------------------ */

/* Appends two events to two streams under |key|; |fingerprint| 0: the one made from the events. */
static factum_status append_keyed(struct fixture *f, const char *key, const char *metadata,
                                  uint8_t fingerprint, size_t event_count)
{
    factum_new_event events[] = {event_of("a-1", "A", 0), event_of("b-1", "B", 0)};
    events[1].metadata = factum_slice_from(metadata);
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_any()},
                                         {FCT_SLICE("b-1"), factum_any()}};
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = event_count,
        .expectations = expectations,
        .expectation_count = event_count,
        .idempotency_key = factum_slice_from(key),
    };
    request.fingerprint.bytes[3] = fingerprint;
    return append_request(f, &request, NULL);
}

TEST(a_key_finds_what_was_appended_under_it)
{
    struct fixture *f = *state;
    append_many(f, "a-1", 2);
    OK(append_keyed(f, "k1", "", 9, 2));
    factum_append_result result = f->result;
    append_many(f, "a-1", 2);
    fixture_reopen(f);
    uint64_t revisions[3] = {9, 9, 9};
    factum_key_info info = {.size = sizeof info, .revisions = revisions, .revisions_max = 3};
    factum_question question = question_of(FACTUM_ASK_KEY, "k1");
    question.key = &info;
    OK(ask(f, &question));
    assert_int_equal(info.event_count, 2);
    assert_int_equal(info.first_position, result.first_position);
    assert_int_equal(info.position, result.position);
    assert_int_equal(info.revision, 0);
    assert_int_equal(info.fingerprint.bytes[3], 9);
    assert_true(info.created > 0);
    assert_int_equal(revisions[0], 2);
    assert_int_equal(revisions[1], 0);
    assert_int_equal(revisions[2], 9);
    revisions[1] = 9;
    info.revisions_max = 1;
    OK(ask(f, &question));
    assert_int_equal(revisions[1], 9);
    assert_int_equal(info.event_count, 2);
    info.revisions = NULL;
    OK(ask(f, &question));
    question.name = FCT_SLICE("k2");
    assert_status(ask(f, &question), FACTUM_NOT_FOUND);
    question.name = fct_slice(NULL, 0);
    assert_status(ask(f, &question), FACTUM_INVALID);
}

TEST(the_key_of_an_append_without_events_has_no_positions)
{
    struct fixture *f = *state;
    append_many(f, "a-1", 1);
    OK(append_keyed(f, "k1", "", 0, 0));
    factum_key_info info = {.size = sizeof info};
    factum_question question = question_of(FACTUM_ASK_KEY, "k1");
    question.key = &info;
    OK(ask(f, &question));
    assert_int_equal(info.event_count, 0);
    assert_int_equal(info.first_position, 0);
    assert_int_equal(info.position, 0);
    assert_true(info.created > 0);
}

TEST(a_given_fingerprint_decides_what_the_same_content_is)
{
    struct fixture *f = *state;
    OK(append_keyed(f, "k1", "{\"trace\":1}", 7, 2));
    uint64_t position = f->result.position;
    OK(append_keyed(f, "k1", "{\"trace\":2}", 7, 2));
    assert_true(f->result.already);
    assert_int_equal(f->result.position, position);
    OK(append_keyed(f, "k1", "", 7, 1)); /* the number of events is not compared either */
    assert_true(f->result.already);
    assert_int_equal(f->result.position, position);
    assert_status(append_keyed(f, "k1", "{\"trace\":1}", 8, 2), FACTUM_KEY_CONFLICT);
    assert_status(append_keyed(f, "k1", "{\"trace\":1}", 0, 2), FACTUM_KEY_CONFLICT);
    OK(append_keyed(f, "k2", "{\"trace\":1}", 0, 2));
    OK(append_keyed(f, "k2", "{\"trace\":1}", 0, 2));
    assert_true(f->result.already);
    assert_status(append_keyed(f, "k2", "{\"trace\":2}", 0, 2), FACTUM_KEY_CONFLICT);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:A");
}

/* ---- counts and figures ---------------------------------------------------------------------- */

static uint64_t count(struct fixture *f, factum_source source, const char *name, uint64_t after,
                      uint64_t upto)
{
    factum_question question = question_of(FACTUM_ASK_COUNT, name);
    question.source = source;
    question.position = after;
    question.upto = upto;
    OK(ask(f, &question));
    return question.number;
}

TEST(events_of_a_source_are_counted_between_two_places)
{
    struct fixture *f = *state;
    if (f->kind == ENGINE_LOCAL_COLLIDING) {
        return; /* names that share a key are counted together there */
    }
    append_many(f, "s-1", 3);
    uint64_t place = place_now(f);
    OK(append_tagged(f, "s-2", "A", "t"));
    OK(append_tagged(f, "other", "A", "t"));
    const uint64_t end = UINT64_MAX;
    assert_int_equal(count(f, FACTUM_SOURCE_STREAM, "s-1", 0, end), 3);
    assert_int_equal(count(f, FACTUM_SOURCE_STREAM, "never", 0, end), 0);
    assert_int_equal(count(f, FACTUM_SOURCE_CATEGORY, "s", 0, end), 4);
    assert_int_equal(count(f, FACTUM_SOURCE_CATEGORY, "s", 0, place), 3);
    assert_int_equal(count(f, FACTUM_SOURCE_CATEGORY, "s", place, end), 1);
    assert_int_equal(count(f, FACTUM_SOURCE_TYPE, "A", 0, end), 3);
    assert_int_equal(count(f, FACTUM_SOURCE_TYPE, "A", f->result.position - 1, end), 1);
    assert_int_equal(count(f, FACTUM_SOURCE_TYPE, "A", f->result.position, end), 0);
    assert_int_equal(count(f, FACTUM_SOURCE_TAG, "t", 0, f->result.position), 2);
    assert_int_equal(count(f, FACTUM_SOURCE_TAG, "t", 0, f->result.position - 1), 1);
    assert_int_equal(count(f, FACTUM_SOURCE_CORRELATION, "t", 0, end), 0);
    assert_int_equal(count(f, FACTUM_SOURCE_STREAM, "$ce-s", 0, end), 4);
    OK(set_metadata(f, "s-1", "{\"$maxCount\":1}"));
    OK(tombstone(f, "s-1", factum_any()));
    assert_int_equal(count(f, FACTUM_SOURCE_STREAM, "s-1", 0, end), 4); /* ever appended */
}

TEST(the_whole_log_and_queries_are_not_counted)
{
    struct fixture *f = *state;
    factum_question question = question_of(FACTUM_ASK_COUNT, "x");
    question.upto = UINT64_MAX;
    question.source = FACTUM_SOURCE_ALL;
    assert_status(ask(f, &question), FACTUM_INVALID);
    question.source = FACTUM_SOURCE_QUERY;
    assert_status(ask(f, &question), FACTUM_INVALID);
    question.source = FACTUM_SOURCE_TAG;
    question.name = fct_slice(NULL, 0);
    assert_status(ask(f, &question), FACTUM_INVALID);
    question = question_of((factum_question_kind)0, "x");
    assert_status(ask(f, &question), FACTUM_INVALID);
    question = question_of((factum_question_kind)99, "x");
    assert_status(ask(f, &question), FACTUM_INVALID);
}

TEST(figures_are_those_of_the_store)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 3);
    append_many(f, "s-2", 1);
    factum_info info = {.size = sizeof info};
    factum_question question = question_of(FACTUM_ASK_INFO, NULL);
    question.info = &info;
    OK(ask(f, &question));
    assert_int_equal(info.event_count, 4);
    assert_true(info.stream_count == 2 || f->kind == ENGINE_LOCAL_COLLIDING);
    assert_false(info.damaged || info.failed || info.read_only);
    assert_int_equal(info.end_position, place_now(f) + 1);
    question.info = NULL;
    assert_status(ask(f, &question), FACTUM_INVALID);
}

TEST(a_question_after_its_deadline_is_not_answered)
{
    struct fixture *f = *state;
    factum_call call = {.size = sizeof call, .deadline = 1};
    factum_question question = question_of(FACTUM_ASK_PLACE, NULL);
    question.call = &call;
    assert_status(ask(f, &question), FACTUM_EXPIRED);
    assert_string_equal(f->err.text, "ask: the deadline has passed");
    call.deadline = fct_os_monotonic(fct_os_real()) + UINT64_C(60000000000);
    OK(ask(f, &question));
}

TEST(a_reader_gives_nothing_after_its_deadline)
{
    struct fixture *f = *state;
    struct fct_reader *reader;
    factum_event event;
    factum_call call = {.size = sizeof call, .deadline = 1};
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    append_many(f, "s-1", 5);
    all.call = &call;
    assert_string_equal(read_text(f, &all), "EXPIRED");
    assert_string_equal(f->err.text, "read: the deadline has passed");
    call.deadline = fct_os_monotonic(fct_os_real()) + UINT64_C(60000000000);
    OK(fct_engine_read(&f->engine, &all, false, &reader, &f->err));
    call.deadline = 1; /* the event was copied */
    OK(fct_reader_next(reader, &event, &f->err));
    fct_reader_close(reader);
    call.deadline = fct_os_monotonic(fct_os_real()) + UINT64_C(400000000);
    OK(fct_engine_read(&f->engine, &all, true, &reader, &f->err));
    OK(fct_reader_next(reader, &event, &f->err));
    sleep_ms(410);
    assert_status(fct_reader_next(reader, &event, &f->err), FACTUM_EXPIRED);
    assert_string_equal(f->err.text, "read: the deadline has passed");
    assert_status(fct_reader_extend(reader, &f->err), FACTUM_EXPIRED);
    fct_reader_close(reader);
}

const struct CMUnitTest question_cases[] = {
    FIXTURE_CASE(the_place_holds_all_that_was_appended),
    FIXTURE_CASE(the_state_of_a_stream_is_reported),
    FIXTURE_CASE(an_event_is_found_by_its_position_and_owned),
    FIXTURE_CASE(the_newest_event_with_an_id_is_found),
    CASE_ONCE(an_event_is_found_among_the_newest_65536),
    FIXTURE_CASE(a_key_finds_what_was_appended_under_it),
    FIXTURE_CASE(the_key_of_an_append_without_events_has_no_positions),
    FIXTURE_CASE(a_given_fingerprint_decides_what_the_same_content_is),
    FIXTURE_CASE(events_of_a_source_are_counted_between_two_places),
    CASE_ONCE(the_whole_log_and_queries_are_not_counted),
    FIXTURE_CASE(figures_are_those_of_the_store),
    CASE_ONCE(a_question_after_its_deadline_is_not_answered),
    CASE_ONCE(a_reader_gives_nothing_after_its_deadline),
};
const size_t question_case_count = sizeof question_cases / sizeof question_cases[0];
