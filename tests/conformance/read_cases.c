/* read_cases.c - what every engine must do when it is read. Run by conformance_test.c. */
#include "fixture.h"

/* ---- reading --------------------------------------------------------------------------------- */

TEST(a_stream_is_read_backwards_and_from_any_place)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 5);
    append_many(f, "s-2", 2);
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "s-1");
    request.backwards = true;
    assert_string_equal(read_text(f, &request), "4:B 3:A 2:C 1:B 0:A");
    request.from = FACTUM_FROM_REVISION;
    request.from_value = 2;
    assert_string_equal(read_text(f, &request), "2:C 1:B 0:A");
    request.from_value = 99;
    assert_string_equal(read_text(f, &request), "4:B 3:A 2:C 1:B 0:A");
    request.backwards = false;
    assert_string_equal(read_text(f, &request), "");
    request.from_value = 3;
    assert_string_equal(read_text(f, &request), "3:A 4:B");
    request.count_max = 1;
    assert_string_equal(read_text(f, &request), "3:A");
    request.from = FACTUM_FROM_END;
    assert_string_equal(read_text(f, &request), "");
}

TEST(until_a_revision_or_position_ends_a_read)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 3);
    uint64_t position = f->result.position;
    append_many(f, "s-1", 3);
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "s-1");
    request.until_revision_set = true;
    request.until_revision = 3;
    assert_string_equal(read_text(f, &request), "0:A 1:B 2:C 3:A");
    request.backwards = true;
    assert_string_equal(read_text(f, &request), "3:A 2:C 1:B 0:A");
    request = reading(FACTUM_SOURCE_STREAM, "s-1");
    request.until_position_set = true;
    request.until_position = position;
    assert_string_equal(read_text(f, &request), "0:A 1:B 2:C");
}

TEST(from_a_position_is_inclusive_both_ways)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 3);
    uint64_t position = f->result.position;
    append_many(f, "s-1", 2);
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "s-1");
    request.from = FACTUM_FROM_POSITION;
    request.from_value = position;
    assert_string_equal(read_text(f, &request), "2:C 3:A 4:B");
    request.from_value = position + 1;
    assert_string_equal(read_text(f, &request), "3:A 4:B");
    request.from_value = position;
    request.backwards = true;
    assert_string_equal(read_text(f, &request), "2:C 1:B 0:A");
    request = reading(FACTUM_SOURCE_ALL, NULL);
    request.from = FACTUM_FROM_POSITION;
    request.from_value = position + 1;
    assert_string_equal(read_text(f, &request), "0:A 0:B");
    request.from_value = position;
    request.backwards = true;
    assert_string_equal(read_text(f, &request), "0:C 0:B 0:A");
    request.from_value = position + 1;
    assert_string_equal(read_text(f, &request), "0:C 0:B 0:A");
    request.from_value = position - 1;
    assert_string_equal(read_text(f, &request), "0:B 0:A");
}

TEST(the_whole_log_has_no_revisions)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 2);
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    all.from = FACTUM_FROM_REVISION;
    assert_string_equal(read_text(f, &all), "INVALID");
    assert_text(f->err, "the whole log has positions, no revisions");
    all = reading(FACTUM_SOURCE_ALL, NULL);
    all.until_revision_set = true;
    assert_string_equal(read_text(f, &all), "INVALID");
    assert_text(f->err, "the whole log has positions, no revisions");
}

TEST(backwards_from_inside_an_event_begins_with_it)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 2);
    OK(append_one(f, "s-1", factum_any(), "Last"));
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    all.backwards = true;
    all.count_max = 1;
    all.from = FACTUM_FROM_POSITION;
    for (uint64_t beyond = 0; beyond < 8; beyond++) {
        all.from_value = f->result.position + beyond;
        assert_string_equal(read_text(f, &all), "0:Last");
    }
    all.from_value = f->result.position - 1;
    assert_string_equal(read_text(f, &all), "0:B");
}

TEST(the_past_is_read_by_either_time)
{
    struct fixture *f = *state;
    factum_expectation expectation = {FCT_SLICE("t-1"), factum_any()};
    for (int i = 0; i < 3; i++) {
        factum_new_event event = event_of("t-1", i == 0 ? "A" : i == 1 ? "B" : "C", 0);
        event.has_time = true;
        event.time = i == 1 ? INT64_C(-700000000000000000) : i * INT64_C(1000000000); /* 1947 */
        OK(append_events(f, &event, 1, &expectation, 1));
    }
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "t-1");
    request.until_time_set = true;
    request.until_time = INT64_C(-1);
    assert_string_equal(read_text(f, &request), "1:B");
    request.until_time = INT64_C(1000000000);
    assert_string_equal(read_text(f, &request), "0:A 1:B");
    request.until_time_set = false;
    request.until_created_set = true;
    request.until_created = 0;
    assert_string_equal(read_text(f, &request), "");
    request.until_created = INT64_MAX;
    assert_string_equal(read_text(f, &request), "0:A 1:B 2:C");
}

TEST(times_may_lie_at_the_ends_of_their_range)
{
    struct fixture *f = *state;
    static const int64_t times[] = {INT64_MAX, INT64_MIN, 0};
    static const char *const types[] = {"Last", "First", "Middle"};
    factum_expectation expectation = {FCT_SLICE("t-1"), factum_any()};
    for (size_t i = 0; i < 3; i++) {
        factum_new_event event = event_of("t-1", types[i], 0);
        event.has_time = true;
        event.time = times[i];
        OK(append_events(f, &event, 1, &expectation, 1));
    }
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "t-1");
    request.until_time_set = true;
    request.until_time = INT64_MIN;
    assert_string_equal(read_text(f, &request), "1:First");
    request.until_time = INT64_MAX - 1;
    assert_string_equal(read_text(f, &request), "1:First 2:Middle");
    request.until_time = INT64_MAX;
    assert_string_equal(read_text(f, &request), "0:Last 1:First 2:Middle");
    request.until_created_set = true;
    request.until_created = INT64_MIN;
    assert_string_equal(read_text(f, &request), "");
}

TEST(a_stream_that_does_not_exist_yet_is_followed)
{
    struct fixture *f = *state;
    struct fct_reader *reader;
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "s-1");
    OK(fct_engine_read(&f->engine, &request, true, &reader, &f->err));
    assert_true(reader->follow);
    assert_string_equal(rest_text(f, reader), "");
    append_many(f, "s-2", 1);
    append_many(f, "s-1", 2);
    OK(fct_reader_extend(reader, &f->err));
    assert_string_equal(rest_text(f, reader), "0:A 1:B");
    OK(delete_stream(f, "s-1", factum_any()));
    OK(append_one(f, "s-1", factum_any(), "N"));
    OK(fct_reader_extend(reader, &f->err));
    assert_string_equal(rest_text(f, reader), "2:N");
    fct_reader_close(reader);
}

TEST(categories_types_and_tags_are_lists_over_streams)
{
    struct fixture *f = *state;
    if (f->kind == ENGINE_LOCAL_COLLIDING) {
        return; /* events of names that share a key are skipped there, but count in ordinals */
    }
    append_many(f, "s-1", 2);
    append_many(f, "s-2", 2);
    append_many(f, "other", 1);
    factum_read_request category = reading(FACTUM_SOURCE_CATEGORY, "s");
    assert_string_equal(read_text(f, &category), "0:A 1:B 2:A 3:B");
    category.backwards = true;
    assert_string_equal(read_text(f, &category), "3:B 2:A 1:B 0:A");
    factum_read_request type = reading(FACTUM_SOURCE_TYPE, "A");
    assert_string_equal(read_text(f, &type), "0:A 1:A 2:A");
    type.from = FACTUM_FROM_REVISION;
    type.from_value = 1;
    assert_string_equal(read_text(f, &type), "1:A 2:A");
    factum_read_request none = reading(FACTUM_SOURCE_CATEGORY, "nothing");
    assert_string_equal(read_text(f, &none), "");
    assert_string_equal(stream_text(f, "$ce-s"), "0:A 1:B 2:A 3:B");
    assert_string_equal(stream_text(f, "$et-B"), "0:B 1:B");
}

/* Where names share a key, ordinals have gaps; but each event has one, whichever way it is read. */
TEST(an_event_has_the_same_ordinal_read_forward_and_backward)
{
    struct fixture *f = *state;
    enum { EVENTS = 24 };
    append_many(f, "s-1", EVENTS / 2); /* of types A, B and C in turn */
    append_many(f, "t-1", EVENTS / 2);
    const factum_source sources[] = {FACTUM_SOURCE_STREAM, FACTUM_SOURCE_CATEGORY,
                                     FACTUM_SOURCE_TYPE, FACTUM_SOURCE_TYPE};
    const char *const names[] = {"t-1", "s", "A", "C"};
    for (size_t i = 0; i < 4; i++) {
        struct fct_reader *reader;
        factum_event event;
        uint64_t positions[EVENTS];
        uint64_t ordinals[EVENTS];
        size_t count = 0;
        factum_read_request request = reading(sources[i], names[i]);
        OK(fct_engine_read(&f->engine, &request, false, &reader, &f->err));
        for (; fct_reader_next(reader, &event, &f->err) == FACTUM_OK; count++) {
            assert_true(count == 0 || event.ordinal > ordinals[count - 1]);
            positions[count] = event.position;
            ordinals[count] = event.ordinal;
        }
        fct_reader_close(reader);
        request.backwards = true;
        OK(fct_engine_read(&f->engine, &request, false, &reader, &f->err));
        while (fct_reader_next(reader, &event, &f->err) == FACTUM_OK) {
            count--;
            assert_int_equal(event.position, positions[count]);
            assert_int_equal(event.ordinal, ordinals[count]);
            request.from = FACTUM_FROM_REVISION; /* and the event is found by its ordinal */
            request.from_value = ordinals[count];
            for (int way = 0; way < 2; way++) {
                struct fct_reader *other;
                factum_event found;
                request.backwards = way == 0;
                OK(fct_engine_read(&f->engine, &request, false, &other, &f->err));
                OK(fct_reader_next(other, &found, &f->err));
                assert_int_equal(found.position, positions[count]);
                fct_reader_close(other);
            }
        }
        fct_reader_close(reader);
        assert_int_equal(count, 0);
    }
}

TEST(a_flow_is_read_by_its_correlation_id)
{
    struct fixture *f = *state;
    factum_expectation expectation = {FCT_SLICE("f-1"), factum_any()};
    factum_new_event event = event_of("f-1", "A", 0);
    event.metadata = FCT_SLICE("{\"$correlationId\":\"flow\\u002d1\"}");
    OK(append_events(f, &event, 1, &expectation, 1));
    OK(append_one(f, "f-1", factum_any(), "B"));
    assert_string_equal(stream_text(f, "$bc-flow-1"), "0:A");
}

TEST(virtual_streams_cannot_be_written)
{
    struct fixture *f = *state;
    assert_status(append_one(f, "$ce-s", factum_any(), "A"), FACTUM_INVALID);
    assert_status(append_one(f, "$all", factum_any(), "A"), FACTUM_INVALID);
    assert_status(append_one(f, "$$", factum_any(), "A"), FACTUM_INVALID);
}

static factum_status append_system(struct fixture *f, const char *stream, const char *type)
{
    factum_new_event event = event_of(stream, type, 0);
    factum_expectation expectation = {event.stream, factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .system = true,
    };
    return append_request(f, &request, NULL);
}

TEST(a_system_stream_is_written_only_by_explicit_request)
{
    struct fixture *f = *state;
    assert_status(append_one(f, "$sys", factum_any(), "A"), FACTUM_INVALID);
    assert_string_equal(f->err.text,
                        "stream $sys: names that begin with $ are kept for the system; choose "
                        "another, or set the option system");
    assert_string_equal(stream_text(f, "$sys"), "STREAM_NOT_FOUND");
    OK(append_system(f, "$sys", "A"));
    assert_string_equal(stream_text(f, "$sys"), "0:A");
}

TEST(a_bad_name_is_shown_in_its_refusal)
{
    struct fixture *f = *state;
    char name[FACTUM_NAME_SIZE_MAX + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_status(append_one(f, name, factum_any(), "A"), FACTUM_TOO_BIG);
    assert_string_equal(f->err.text, "a stream has a name of 1025 bytes, "
                                     "\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...\": at most "
                                     "1024, shorten it");
    assert_status(append_one(f, "a\xff", factum_any(), "A"), FACTUM_INVALID);
    assert_string_equal(f->err.text, "a stream has a name that is not UTF-8 text: \"a\\xff\"");
    assert_status(append_one(f, "a", factum_any(), ""), FACTUM_INVALID);
    assert_string_equal(f->err.text, "an event type has no name: give it one");
    factum_new_event event = event_of("a", "A", 0);
    event.type = factum_slice_from("A");
    event.type.len = 2; /* the slice includes the terminator */
    factum_expectation expectation = {event.stream, factum_any()};
    assert_status(append_events(f, &event, 1, &expectation, 1), FACTUM_INVALID);
    assert_string_equal(f->err.text, "an event type has a name with a NUL byte in it: \"A\\x00\"");
    assert_string_equal(stream_text(f, "a"), "STREAM_NOT_FOUND");
}

TEST(the_longest_types_categories_and_correlation_ids_are_read_as_streams)
{
    struct fixture *f = *state;
    char type[FACTUM_NAME_SIZE_MAX + 6] = "$et-";
    char category[FACTUM_NAME_SIZE_MAX + 6] = "$ce-";
    char flow[FACTUM_NAME_SIZE_MAX + 6] = "$bc-";
    char metadata[FACTUM_NAME_SIZE_MAX + 32];
    memset(type + 4, 't', FACTUM_NAME_SIZE_MAX);
    memset(category + 4, 'c', FACTUM_NAME_SIZE_MAX - 1); /* the category ends before a dash */
    memset(flow + 4, 'f', FACTUM_NAME_SIZE_MAX);
    int len = snprintf(metadata, sizeof metadata, "{\"$correlationId\":\"%s\"}", flow + 4);
    category[FACTUM_NAME_SIZE_MAX + 3] = '-';
    factum_new_event event = event_of(category + 4, type + 4, 0);
    event.metadata = fct_slice(metadata, (size_t)len);
    factum_expectation expectation = {event.stream, factum_any()};
    OK(append_events(f, &event, 1, &expectation, 1));
    category[FACTUM_NAME_SIZE_MAX + 3] = '\0';
    const char *const names[] = {type, category, flow};
    for (size_t i = 0; i < 3; i++) {
        struct fct_reader *reader;
        factum_event got;
        factum_read_request request = reading(FACTUM_SOURCE_STREAM, names[i]);
        OK(fct_engine_read(&f->engine, &request, false, &reader, &f->err));
        OK(fct_reader_next(reader, &got, &f->err));
        assert_int_equal(got.type.len, FACTUM_NAME_SIZE_MAX);
        fct_reader_close(reader);
    }
    type[FACTUM_NAME_SIZE_MAX + 4] = 't';
    assert_string_equal(stream_text(f, type), "TOO_BIG");
    assert_text(f->err, "the stream or list to read has a name of 1029 bytes");
}

TEST(everything_is_read_in_order)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 2);
    OK(append_system(f, "$sys", "S"));
    append_many(f, "s-2", 1);
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    assert_string_equal(read_text(f, &all), "0:A 0:B 0:S 0:A");
    all.skip_system = true;
    assert_string_equal(read_text(f, &all), "0:A 0:B 0:A");
    all.backwards = true;
    assert_string_equal(read_text(f, &all), "0:A 0:B 0:A");
    all.count_max = 1;
    assert_string_equal(read_text(f, &all), "0:A");
}

TEST(an_event_comes_back_as_it_was)
{
    struct fixture *f = *state;
    factum_slice tags[] = {FCT_SLICE("a"), FCT_SLICE("b:c")};
    factum_new_event event = event_of("e-1", "Type \xc3\xbc", 7);
    event.data = fct_slice("\0\1\2", 3);
    event.metadata = FCT_SLICE("{\"x\":1}");
    event.content_type = FACTUM_CONTENT_BINARY;
    event.tags = tags;
    event.tag_count = 2;
    event.has_time = true;
    event.time = -5;
    factum_expectation expectation = {event.stream, factum_any()};
    OK(append_events(f, &event, 1, &expectation, 1));
    fixture_reopen(f);
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "e-1");
    struct fct_reader *reader;
    factum_event got;
    OK(fct_engine_read(&f->engine, &request, false, &reader, &f->err));
    OK(fct_reader_next(reader, &got, &f->err));
    assert_true(fct_slice_equal(got.data, event.data));
    assert_true(fct_slice_equal(got.metadata, event.metadata));
    assert_true(fct_slice_equal(got.type, event.type));
    assert_true(fct_slice_equal(got.content_type, FCT_SLICE("application/octet-stream")));
    assert_int_equal(got.tag_count, 2);
    assert_true(fct_slice_equal(got.tags[1], tags[1]));
    assert_memory_equal(got.id.bytes, event.id.bytes, 16);
    assert_true(got.has_time && got.time == -5 && got.created > 0 && got.last_of_commit);
    fct_reader_close(reader);
}

TEST(a_cursor_does_not_see_later_appends_until_extended)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 2);
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "s-1");
    struct fct_reader *reader;
    factum_event event;
    OK(fct_engine_read(&f->engine, &request, true, &reader, &f->err));
    append_many(f, "s-1", 1);
    OK(fct_reader_next(reader, &event, &f->err));
    OK(fct_reader_next(reader, &event, &f->err));
    assert_status(fct_reader_next(reader, &event, &f->err), FACTUM_DONE);
    OK(fct_reader_extend(reader, &f->err));
    OK(fct_reader_next(reader, &event, &f->err));
    assert_int_equal(event.revision, 2);
    assert_status(fct_reader_next(reader, &event, &f->err), FACTUM_DONE);
    fct_reader_close(reader);
}

/* ---- commits and content types --------------------------------------------------------------- */

TEST(a_content_type_comes_back_as_it_was)
{
    struct fixture *f = *state;
    factum_new_event events[3] = {event_of("e-1", "A", 0), event_of("e-1", "B", 0),
                                  event_of("e-1", "C", 0)};
    events[0].media_type = FCT_SLICE("image/png");
    events[1].media_type = FCT_SLICE("application/vnd.acme+json");
    events[2].media_type = FCT_SLICE("application/json");
    factum_expectation expectation = {events[0].stream, factum_any()};
    OK(append_events(f, events, 3, &expectation, 1));
    fixture_reopen(f);
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, "e-1");
    struct fct_reader *reader;
    factum_event event;
    OK(fct_engine_read(&f->engine, &request, false, &reader, &f->err));
    for (size_t i = 0; i < 3; i++) {
        OK(fct_reader_next(reader, &event, &f->err));
        assert_true(fct_slice_equal(event.content_type, events[i].media_type));
    }
    fct_reader_close(reader);
}

/* The events of a read, as "type=key@commit ...": the commits are numbered in the order in which
 * they are met. */
static const char *commits_text(struct fixture *f, factum_read_request request)
{
    static char text[1024];
    uint64_t commits[32];
    size_t count = 0;
    size_t used = 0;
    struct fct_reader *reader;
    factum_event event;
    text[0] = '\0';
    OK(fct_engine_read(&f->engine, &request, false, &reader, &f->err));
    while (fct_reader_next(reader, &event, &f->err) == FACTUM_OK) {
        size_t number = 0;
        while (number < count && commits[number] != event.commit) {
            number++;
        }
        if (number == count) {
            assert_true(count < 32);
            commits[count++] = event.commit;
        }
        assert_true(event.commit > 0 && event.commit <= event.position);
        factum_slice none = FCT_SLICE("");
        factum_slice key = event.key == NULL ? none : *event.key;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s=%.*s@%zu",
                                 used == 0 ? "" : " ", FCT_FMT(event.type), FCT_FMT(key), number);
    }
    fct_reader_close(reader);
    return text;
}

static void append_keyed(struct fixture *f, const char *stream, const char *types, const char *key)
{
    factum_new_event events[8];
    char names[8][2] = {{0}};
    size_t count = strlen(types);
    for (size_t i = 0; i < count; i++) {
        names[i][0] = types[i];
        events[i] = event_of(stream, names[i], 0);
    }
    factum_expectation expectation = {factum_slice_from(stream), factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = count,
        .expectations = &expectation,
        .expectation_count = count > 0 ? 1 : 0,
        .idempotency_key = factum_slice_from(key),
    };
    OK(append_request(f, &request, NULL));
}

TEST(an_event_has_its_commit_and_its_key)
{
    struct fixture *f = *state;
    append_keyed(f, "s-1", "ABC", "k1");
    append_keyed(f, "s-1", "D", "");
    append_keyed(f, "s-2", "E", "k2");
    append_keyed(f, "s-2", "", "empty");
    append_keyed(f, "s-1", "FG", "");
    append_keyed(f, "s-1", "H", "k3");
    fixture_reopen(f);
    factum_read_request request = reading(FACTUM_SOURCE_ALL, "");
    request.commits = true;
    assert_string_equal(commits_text(f, request),
                        "A=k1@0 B=k1@0 C=k1@0 D=@1 E=k2@2 F=@3 G=@3 H=k3@4");
    request.backwards = true;
    assert_string_equal(commits_text(f, request),
                        "H=k3@0 G=@1 F=@1 E=k2@2 D=@3 C=k1@4 B=k1@4 A=k1@4");
    request = reading(FACTUM_SOURCE_STREAM, "s-1");
    request.commits = true;
    request.from = FACTUM_FROM_REVISION;
    request.from_value = 1;
    assert_string_equal(commits_text(f, request), "B=k1@0 C=k1@0 D=@1 F=@2 G=@2 H=k3@3");
    request = reading(FACTUM_SOURCE_TYPE, "G");
    request.commits = true;
    assert_string_equal(commits_text(f, request), "G=@0");
    request.name = FCT_SLICE("C");
    assert_string_equal(commits_text(f, request), "C=k1@0");
}

TEST(metadata_that_the_store_adds_to_a_commit_has_no_key)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 2);
    OK(delete_stream(f, "s-1", factum_any()));
    append_keyed(f, "s-1", "XY", "again");
    factum_read_request request = reading(FACTUM_SOURCE_ALL, "");
    request.commits = true;
    const char *forward = "A=@0 B=@1 $metadata=@2 $metadata=@3 X=again@3 Y=again@3";
    assert_string_equal(commits_text(f, request), forward);
    request.backwards = true;
    assert_string_equal(commits_text(f, request),
                        "Y=again@0 X=again@0 $metadata=@0 $metadata=@1 B=@2 A=@3");
}

TEST(commits_are_given_only_on_request)
{
    struct fixture *f = *state;
    append_keyed(f, "s-1", "A", "k1");
    factum_read_request request = reading(FACTUM_SOURCE_ALL, "");
    struct fct_reader *reader;
    factum_event event;
    OK(fct_engine_read(&f->engine, &request, false, &reader, &f->err));
    OK(fct_reader_next(reader, &event, &f->err));
    assert_true(event.commit == 0 && event.key == NULL);
    fct_reader_close(reader);
}

const struct CMUnitTest read_cases[] = {
    FIXTURE_CASE(a_stream_is_read_backwards_and_from_any_place),
    FIXTURE_CASE(until_a_revision_or_position_ends_a_read),
    FIXTURE_CASE(from_a_position_is_inclusive_both_ways),
    FIXTURE_CASE(the_whole_log_has_no_revisions),
    FIXTURE_CASE(backwards_from_inside_an_event_begins_with_it),
    FIXTURE_CASE(the_past_is_read_by_either_time),
    FIXTURE_CASE(times_may_lie_at_the_ends_of_their_range),
    FIXTURE_CASE(a_stream_that_does_not_exist_yet_is_followed),
    FIXTURE_CASE(categories_types_and_tags_are_lists_over_streams),
    FIXTURE_CASE(an_event_has_the_same_ordinal_read_forward_and_backward),
    FIXTURE_CASE(a_flow_is_read_by_its_correlation_id),
    FIXTURE_CASE(virtual_streams_cannot_be_written),
    FIXTURE_CASE(a_system_stream_is_written_only_by_explicit_request),
    FIXTURE_CASE(a_bad_name_is_shown_in_its_refusal),
    FIXTURE_CASE(the_longest_types_categories_and_correlation_ids_are_read_as_streams),
    FIXTURE_CASE(everything_is_read_in_order),
    FIXTURE_CASE(an_event_comes_back_as_it_was),
    FIXTURE_CASE(a_cursor_does_not_see_later_appends_until_extended),
    FIXTURE_CASE(a_content_type_comes_back_as_it_was),
    FIXTURE_CASE(an_event_has_its_commit_and_its_key),
    FIXTURE_CASE(metadata_that_the_store_adds_to_a_commit_has_no_key),
    FIXTURE_CASE(commits_are_given_only_on_request),
};
const size_t read_case_count = sizeof read_cases / sizeof read_cases[0];
