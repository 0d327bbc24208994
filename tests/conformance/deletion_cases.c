/* deletion_cases.c - what every engine must do with the metadata of streams, with deleted streams
 * and with tombstones. Run by conformance_test.c. */
#include "fixture.h"

/* ---- metadata and deletion ------------------------------------------------------------------- */

TEST(metadata_limits_what_is_read_of_a_stream)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 5);
    OK(set_metadata(f, "s-1", "{\"$maxCount\":2}"));
    assert_string_equal(stream_text(f, "s-1"), "3:A 4:B");
    OK(set_metadata(f, "s-1", "{\"$tb\":1}"));
    assert_string_equal(stream_text(f, "s-1"), "1:B 2:C 3:A 4:B");
    OK(set_metadata(f, "s-1", "{\"$tb\":0,\"$maxAge\":1000}"));
    assert_string_equal(stream_text(f, "s-1"), "0:A 1:B 2:C 3:A 4:B");
    factum_read_request category = reading(FACTUM_SOURCE_CATEGORY, "s");
    OK(set_metadata(f, "s-1", "{\"$maxCount\":1}"));
    assert_string_equal(read_text(f, &category), "0:A 1:B 2:C 3:A 4:B");
    assert_string_equal(stream_text(f, "$$s-1"), "3:$metadata");
}

TEST(metadata_that_is_set_shows_nothing_that_was_hidden)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 3);
    OK(set_metadata(f, "s-1", "{\"$maxCount\":1,\"owner\":\"x\"}"));
    OK(delete_stream(f, "s-1", factum_any()));
    OK(append_one(f, "s-1", factum_no_stream(), "N"));
    OK(append_one(f, "s-1", factum_at(3), "O"));
    assert_string_equal(stream_text(f, "s-1"), "3:N 4:O"); /* $maxCount went with the deletion */
    for (int round = 0; round < 2; round++) {
        OK(set_metadata(f, "s-1", "{\"owner\":\"x\"}"));
        assert_string_equal(stream_text(f, "s-1"), "3:N 4:O");
        fixture_reopen(f);
    }
    OK(delete_stream(f, "s-1", factum_any()));
    OK(set_metadata(f, "s-1", "{\"owner\":\"x\"}"));
    factum_stream_info info = {.size = sizeof info};
    OK(fct_engine_stream(&f->engine, FCT_SLICE("s-1"), &info, &f->err));
    assert_int_equal(info.state, FACTUM_STREAM_PRESENT);
    assert_int_equal(info.first_revision, 5);
    assert_int_equal(info.truncate_before, 5);
    assert_string_equal(stream_text(f, "s-1"), ""); /* it exists again and is empty */
    assert_status(append_one(f, "s-1", factum_no_stream(), "P"), FACTUM_WRONG_REVISION);
    OK(append_one(f, "s-1", factum_at(4), "P"));
    assert_string_equal(stream_text(f, "s-1"), "5:P");
    OK(set_metadata(f, "s-1", "{\"$tb\":0}"));
    assert_string_equal(stream_text(f, "s-1"), "0:A 1:B 2:C 3:N 4:O 5:P");
}

TEST(a_tombstoned_stream_takes_no_metadata)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 1);
    OK(set_metadata(f, "s-1", "{\"a\":1}"));
    OK(tombstone(f, "s-1", factum_any()));
    for (int round = 0; round < 2; round++) {
        assert_status(set_metadata(f, "s-1", "{\"a\":2}"), FACTUM_STREAM_DELETED);
        assert_string_equal(f->err.text, "stream s-1 is deleted for ever: it takes no metadata");
        fixture_reopen(f);
    }
    assert_string_equal(stream_text(f, "$$s-1"), "0:$metadata"); /* it can still be read */
}

TEST(invalid_metadata_is_refused)
{
    struct fixture *f = *state;
    assert_status(set_metadata(f, "s-1", "[]"), FACTUM_INVALID);
    assert_status(set_metadata(f, "s-1", "{\"$maxCount\":\"x\"}"), FACTUM_INVALID);
    assert_status(set_metadata(f, "s-1", "{\"$tb\":-1}"), FACTUM_INVALID);
    assert_status(set_metadata(f, "$$s-1", "{}"), FACTUM_INVALID);
}

TEST(a_deleted_stream_continues_with_the_next_revision)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 3);
    OK(delete_stream(f, "s-1", factum_at(2)));
    assert_string_equal(stream_text(f, "s-1"), "STREAM_NOT_FOUND");
    factum_stream_info info = {.size = sizeof info};
    OK(fct_engine_stream(&f->engine, FCT_SLICE("s-1"), &info, &f->err));
    assert_int_equal(info.state, FACTUM_STREAM_SOFT_DELETED);
    assert_status(append_one(f, "s-1", factum_stream_exists(), "X"), FACTUM_WRONG_REVISION);
    OK(append_one(f, "s-1", factum_no_stream(), "N"));
    assert_int_equal(f->result.revision, 3);
    assert_string_equal(stream_text(f, "s-1"), "3:N");
    assert_string_equal(stream_text(f, "$$s-1"), "1:$metadata");
    fixture_reopen(f);
    assert_string_equal(stream_text(f, "s-1"), "3:N");
    OK(append_one(f, "s-1", factum_at(3), "O"));
}

TEST(deleting_checks_what_is_expected)
{
    struct fixture *f = *state;
    assert_status(delete_stream(f, "s-1", factum_any()), FACTUM_WRONG_REVISION);
    append_many(f, "s-1", 2);
    assert_status(delete_stream(f, "s-1", factum_at(0)), FACTUM_WRONG_REVISION);
    OK(delete_stream(f, "s-1", factum_any()));
    OK(delete_stream(f, "s-1", factum_any()));
}

TEST(a_tombstone_ends_a_stream_for_ever)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 2);
    OK(tombstone(f, "s-1", factum_at(1)));
    assert_status(append_one(f, "s-1", factum_any(), "X"), FACTUM_STREAM_DELETED);
    assert_text(f->err, "deleted for ever");
    assert_string_equal(stream_text(f, "s-1"), "STREAM_DELETED");
    fixture_reopen(f);
    assert_string_equal(stream_text(f, "s-1"), "STREAM_DELETED");
    assert_status(append_one(f, "s-1", factum_no_stream(), "X"), FACTUM_STREAM_DELETED);
    assert_status(delete_stream(f, "s-1", factum_any()), FACTUM_STREAM_DELETED);
    OK(tombstone(f, "never", factum_no_stream()));
}

TEST(a_stream_that_was_deleted_before_it_was_written_can_be_written)
{
    struct fixture *f = *state;
    factum_slice json = FCT_SLICE("{\"$tb\":9223372036854775807}");
    OK(fct_engine_metadata_set(&f->engine, FCT_SLICE("a-1"), factum_any(), json, NULL, &f->err));
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
    OK(append_one(f, "a-1", factum_no_stream(), "A"));
    assert_string_equal(stream_text(f, "a-1"), "0:A");
}

TEST(deleted_streams_begin_again_in_the_order_of_their_events)
{
    struct fixture *f = *state;
    const char *const names[] = {"a-1", "b-1"};
    for (size_t i = 0; i < 2; i++) {
        OK(append_one(f, names[i], factum_any(), "A"));
        OK(delete_stream(f, names[i], factum_any()));
    }
    factum_new_event events[] = {event_of("b-1", "B", 0), event_of("a-1", "B", 0)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_any()},
                                         {FCT_SLICE("b-1"), factum_any()}};
    OK(append_events(f, events, 2, expectations, 2));
    factum_read_request last = reading(FACTUM_SOURCE_ALL, NULL);
    last.backwards = true;
    last.count_max = 4;
    struct fct_reader *reader;
    factum_event event;
    static const char *const streams[] = {"a-1", "b-1", "$$a-1", "$$b-1"};
    OK(fct_engine_read(&f->engine, &last, false, &reader, &f->err));
    for (size_t i = 0; i < 4; i++) {
        OK(fct_reader_next(reader, &event, &f->err));
        assert_true(fct_slice_equal(event.stream, factum_slice_from(streams[i])));
    }
    fct_reader_close(reader);
}

TEST(only_what_exists_can_be_deleted)
{
    struct fixture *f = *state;
    assert_status(delete_stream(f, "s-1", factum_any()), FACTUM_WRONG_REVISION);
    assert_string_equal(f->err.text, "stream s-1 does not exist, but it should exist");
    assert_int_equal(f->result.actual_state, FACTUM_STREAM_ABSENT);
    assert_status(delete_stream(f, "s-1", factum_no_stream()), FACTUM_WRONG_REVISION);
    assert_status(delete_stream(f, "s-1", factum_at(0)), FACTUM_WRONG_REVISION);
    assert_string_equal(f->err.text, "stream s-1 does not exist, and so is not at revision 0");
    assert_string_equal(stream_text(f, "$$s-1"), "STREAM_NOT_FOUND");
    OK(set_metadata(f, "s-1", "{}")); /* metadata is enough for it to exist */
    OK(delete_stream(f, "s-1", factum_stream_exists()));
    assert_int_equal(f->result.revision, 1); /* the position of the metadata event */
    assert_string_equal(stream_text(f, "$$s-1"), "1:$metadata");
}

TEST(a_stream_that_was_deleted_without_events_does_not_exist)
{
    struct fixture *f = *state;
    OK(set_metadata(f, "m-1", "{\"o\":1}"));
    factum_expectation exists = {FCT_SLICE("m-1"), factum_stream_exists()};
    OK(append_events(f, NULL, 0, &exists, 1)); /* metadata is enough for it to exist */
    OK(delete_stream(f, "m-1", factum_any()));
    for (int round = 0; round < 2; round++) {
        assert_status(append_events(f, NULL, 0, &exists, 1), FACTUM_WRONG_REVISION);
        assert_status(append_one(f, "m-1", factum_stream_exists(), "A"), FACTUM_WRONG_REVISION);
        assert_string_equal(f->err.text, "stream m-1 does not exist, but it should exist");
        assert_status(delete_stream(f, "m-1", factum_stream_exists()), FACTUM_WRONG_REVISION);
        fixture_reopen(f);
    }
    OK(delete_stream(f, "m-1", factum_any())); /* as for a deleted stream with events */
    OK(set_metadata(f, "m-1", "{\"o\":2}"));
    OK(append_one(f, "m-1", factum_stream_exists(), "A"));
    assert_string_equal(stream_text(f, "m-1"), "0:A");
}

TEST(of_a_tombstoned_stream_only_absence_can_be_expected)
{
    struct fixture *f = *state;
    OK(tombstone(f, "t-1", factum_no_stream()));
    assert_int_equal(f->result.revision, FACTUM_REVISION_TOMBSTONE);
    const struct {
        factum_expected expected;
        factum_status status;
    } all[] = {
        {factum_any(), FACTUM_OK},
        {factum_no_stream(), FACTUM_OK},
        {factum_stream_exists(), FACTUM_STREAM_DELETED},
        {factum_at(0), FACTUM_STREAM_DELETED},
        {factum_at(FACTUM_REVISION_TOMBSTONE), FACTUM_STREAM_DELETED},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        factum_expectation expectation = {FCT_SLICE("t-1"), all[i].expected};
        assert_status(append_events(f, NULL, 0, &expectation, 1), all[i].status);
        assert_status(append_one(f, "t-1", all[i].expected, "A"), FACTUM_STREAM_DELETED);
        assert_status(delete_stream(f, "t-1", all[i].expected), FACTUM_STREAM_DELETED);
        assert_status(tombstone(f, "t-1", all[i].expected), FACTUM_STREAM_DELETED);
    }
    assert_int_equal(f->result.actual_state, FACTUM_STREAM_TOMBSTONED);
    assert_string_equal(stream_text(f, "$$t-1"), "STREAM_NOT_FOUND");
}

TEST(an_append_to_a_deleted_stream_may_set_its_metadata)
{
    struct fixture *f = *state;
    for (size_t first = 0; first < 2; first++) {
        const char *stream = first == 0 ? "a-1" : "b-1";
        const char *metastream = first == 0 ? "$$a-1" : "$$b-1";
        append_many(f, stream, 2);
        OK(delete_stream(f, stream, factum_any()));
        factum_new_event events[2];
        events[first] = event_of(stream, "N", 0);
        events[1 - first] = event_of(metastream, "$metadata", 0);
        events[1 - first].data = FCT_SLICE("{\"$maxCount\":2}");
        factum_expectation expectations[] = {{factum_slice_from(stream), factum_any()},
                                             {factum_slice_from(metastream), factum_any()}};
        OK(append_events(f, events, 2, expectations, 2));
        assert_string_equal(stream_text(f, stream), "1:B 2:N");
        assert_string_equal(stream_text(f, metastream),
                            "1:$metadata"); /* the store added nothing */
        fixture_reopen(f);
        assert_string_equal(stream_text(f, stream), "1:B 2:N");
    }
}

TEST(the_longest_names_can_be_deleted_and_have_metadata)
{
    struct fixture *f = *state;
    char meta[FACTUM_NAME_SIZE_MAX + 4] = "$$";
    char *name = meta + 2;
    memset(name, 'n', FACTUM_NAME_SIZE_MAX + 1);
    for (size_t len = FACTUM_NAME_SIZE_MAX; len >= FACTUM_NAME_SIZE_MAX - 2; len--) {
        name[len] = '\0';
        append_many(f, name, 3);
        OK(set_metadata(f, name, "{\"$maxCount\":1}"));
        assert_string_equal(stream_text(f, name), "2:C");
        OK(delete_stream(f, name, factum_at(2)));
        fixture_reopen(f);
        assert_string_equal(stream_text(f, name), "STREAM_NOT_FOUND");
        OK(append_one(f, name, factum_no_stream(), "N"));
        fixture_reopen(f);
        assert_string_equal(stream_text(f, name), "3:N");
        assert_string_equal(stream_text(f, meta), "2:$metadata");
        OK(tombstone(f, name, factum_any()));
        assert_string_equal(stream_text(f, name), "STREAM_DELETED");
    }
    memset(name, 'n', FACTUM_NAME_SIZE_MAX + 1);
    name[FACTUM_NAME_SIZE_MAX + 1] = '\0';
    assert_status(append_one(f, meta, factum_any(), "$metadata"), FACTUM_TOO_BIG);
    assert_text(f->err, "at most 1026");
    assert_status(delete_stream(f, name, factum_any()), FACTUM_TOO_BIG);
    assert_text(f->err, "a stream has a name of 1025 bytes");
}

/* The type of the first event that a follower of |stream| gets from |from| on. */
static const char *followed(struct fixture *f, const char *stream, factum_from from, uint64_t value)
{
    static char type[32];
    struct fct_reader *reader;
    factum_event event;
    factum_read_request request = reading(FACTUM_SOURCE_STREAM, stream);
    request.from = from;
    request.from_value = value;
    OK(fct_engine_read(&f->engine, &request, true, &reader, &f->err));
    factum_status status = fct_reader_next(reader, &event, &f->err);
    (void)snprintf(type, sizeof type, "%.*s", status == FACTUM_OK ? (int)event.type.len : 0,
                   status == FACTUM_OK ? (const char *)event.type.ptr : "");
    fct_reader_close(reader);
    return type;
}

TEST(a_follower_is_given_the_tombstone_from_any_place_before_it)
{
    struct fixture *f = *state;
    append_many(f, "a-1", 2);
    OK(tombstone(f, "a-1", factum_any()));
    const uint64_t last = FACTUM_REVISION_TOMBSTONE;
    assert_string_equal(followed(f, "a-1", FACTUM_FROM_REVISION, 1), "B");
    assert_string_equal(followed(f, "a-1", FACTUM_FROM_REVISION, 2), "$streamDeleted");
    assert_string_equal(followed(f, "a-1", FACTUM_FROM_REVISION, 7), "$streamDeleted");
    assert_string_equal(followed(f, "a-1", FACTUM_FROM_REVISION, last), "$streamDeleted");
    assert_string_equal(followed(f, "a-1", FACTUM_FROM_REVISION, last + 1), "");
    OK(append_one(f, "b-1", factum_any(), "A"));
    OK(delete_stream(f, "b-1", factum_any()));
    OK(tombstone(f, "b-1", factum_any()));
    assert_string_equal(followed(f, "b-1", FACTUM_FROM_START, 0), "$streamDeleted");
}

TEST(a_tombstone_alone_leaves_no_revisions)
{
    struct fixture *f = *state;
    factum_stream_info info = {.size = sizeof info};
    factum_slice json = FCT_SLICE("{\"$tb\":5}");
    OK(fct_engine_metadata_set(&f->engine, FCT_SLICE("a-1"), factum_any(), json, NULL, &f->err));
    OK(tombstone(f, "a-1", factum_any()));
    OK(fct_engine_stream(&f->engine, FCT_SLICE("a-1"), &info, &f->err));
    assert_int_equal(info.state, FACTUM_STREAM_TOMBSTONED);
    assert_int_equal(info.first_revision, 0);
    assert_int_equal(info.truncate_before, 5);
}

TEST(the_stores_own_types_are_not_for_users)
{
    struct fixture *f = *state;
    assert_status(append_one(f, "s-1", factum_any(), "$metadata"), FACTUM_INVALID);
    assert_status(append_one(f, "s-1", factum_any(), "$streamDeleted"), FACTUM_INVALID);
    assert_status(append_one(f, "$$s-1", factum_any(), "A"), FACTUM_INVALID);
    OK(append_one(f, "$$s-1", factum_any(), "$metadata"));
}

const struct CMUnitTest deletion_cases[] = {
    FIXTURE_CASE(metadata_limits_what_is_read_of_a_stream),
    FIXTURE_CASE(metadata_that_is_set_shows_nothing_that_was_hidden),
    FIXTURE_CASE(a_tombstoned_stream_takes_no_metadata),
    FIXTURE_CASE(invalid_metadata_is_refused),
    FIXTURE_CASE(a_deleted_stream_continues_with_the_next_revision),
    FIXTURE_CASE(deleting_checks_what_is_expected),
    FIXTURE_CASE(a_tombstone_ends_a_stream_for_ever),
    FIXTURE_CASE(a_stream_that_was_deleted_before_it_was_written_can_be_written),
    FIXTURE_CASE(deleted_streams_begin_again_in_the_order_of_their_events),
    FIXTURE_CASE(only_what_exists_can_be_deleted),
    FIXTURE_CASE(an_append_to_a_deleted_stream_may_set_its_metadata),
    FIXTURE_CASE(the_longest_names_can_be_deleted_and_have_metadata),
    FIXTURE_CASE(a_stream_that_was_deleted_without_events_does_not_exist),
    FIXTURE_CASE(of_a_tombstoned_stream_only_absence_can_be_expected),
    FIXTURE_CASE(a_follower_is_given_the_tombstone_from_any_place_before_it),
    FIXTURE_CASE(a_tombstone_alone_leaves_no_revisions),
    FIXTURE_CASE(the_stores_own_types_are_not_for_users),
};
const size_t deletion_case_count = sizeof deletion_cases / sizeof deletion_cases[0];
