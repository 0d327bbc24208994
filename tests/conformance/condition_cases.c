/* condition_cases.c - idempotency keys, append conditions and deadlines, on every engine. Run by
 * conformance_test.c. */
#include "fixture.h"

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
    return append_request(f, &request, NULL);
}

TEST(a_key_gives_the_first_result_again)
{
    struct fixture *f = *state;
    OK(append_key(f, "a-1", factum_no_stream(), "A", "k1"));
    uint64_t position = f->result.position;
    OK(append_one(f, "a-1", factum_any(), "B"));
    OK(append_key(f, "a-1", factum_no_stream(), "A", "k1"));
    assert_true(f->result.already);
    assert_int_equal(f->result.position, position);
    assert_int_equal(f->result.revision, 0);
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:B");
}

TEST(a_key_with_other_content_is_a_conflict)
{
    struct fixture *f = *state;
    OK(append_key(f, "a-1", factum_any(), "A", "k1"));
    assert_status(append_key(f, "a-1", factum_any(), "B", "k1"), FACTUM_KEY_CONFLICT);
    assert_text(f->err, "idempotency key k1 was used for an append with other content");
    assert_string_equal(stream_text(f, "a-1"), "0:A");
}

TEST(a_key_is_recognised_whatever_the_ids)
{
    struct fixture *f = *state;
    factum_new_event events[] = {event_of("a-1", "A", 1), event_of("b-1", "B", 2),
                                 event_of("a-1", "C", 3)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_no_stream()},
                                         {FCT_SLICE("b-1"), factum_no_stream()}};
    factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = 3,
        .expectations = expectations,
        .expectation_count = 2,
        .idempotency_key = FCT_SLICE("k1"),
    };
    uint64_t revisions[3] = {9, 9, 9};
    OK(append_request(f, &request, revisions));
    factum_append_result first = f->result;
    events[0].id.bytes[0] = 7;
    memset(revisions, 9, sizeof revisions);
    OK(append_request(f, &request, revisions));
    assert_true(f->result.already);
    assert_int_equal(f->result.first_position, first.first_position);
    assert_int_equal(f->result.position, first.position);
    assert_int_equal(f->result.revision, 1);
    assert_int_equal(revisions[0], 0);
    assert_int_equal(revisions[1], 0);
    assert_int_equal(revisions[2], 1);
}

TEST(an_append_without_events_keeps_its_key)
{
    struct fixture *f = *state;
    factum_append_request request = {.size = sizeof request, .idempotency_key = FCT_SLICE("k1")};
    OK(append_request(f, &request, NULL));
    assert_false(f->result.already);
    fixture_reopen(f);
    OK(append_request(f, &request, NULL));
    assert_true(f->result.already);
    assert_status(append_key(f, "a-1", factum_any(), "A", "k1"), FACTUM_KEY_CONFLICT);
}

TEST(the_content_of_an_append_without_events_is_what_it_checks)
{
    struct fixture *f = *state;
    OK(append_one(f, "a-1", factum_any(), "A"));
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_stream_exists()},
                                         {FCT_SLICE("b-1"), factum_no_stream()}};
    factum_append_request request = {
        .size = sizeof request,
        .expectations = expectations,
        .expectation_count = 1,
        .idempotency_key = FCT_SLICE("k1"),
    };
    OK(append_request(f, &request, NULL));
    OK(append_one(f, "b-1", factum_any(), "B"));
    fixture_reopen(f);
    OK(append_request(f, &request, NULL));
    assert_true(f->result.already);
    request.expectation_count = 2; /* another check, which does not hold */
    assert_status(append_request(f, &request, NULL), FACTUM_KEY_CONFLICT);
    assert_text(f->err, "idempotency key k1 was used for an append with other content");
    request.expectation_count = 1;
    expectations[0].expected = factum_at(0); /* another check, which holds */
    assert_status(append_request(f, &request, NULL), FACTUM_KEY_CONFLICT);
    OK(append_key(f, "a-1", factum_at(0), "A", "k2"));
    OK(append_key(f, "a-1", factum_at(7), "A", "k2")); /* with events it is the events alone */
    assert_true(f->result.already);
}

TEST(keys_survive_reopening)
{
    struct fixture *f = *state;
    for (int i = 0; i < 40; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        OK(append_key(f, "a-1", factum_any(), "A", key));
    }
    fixture_reopen(f);
    OK(append_key(f, "a-1", factum_any(), "A", "k7"));
    assert_true(f->result.already);
    assert_int_equal(f->result.revision, 7);
}

/* ---- append conditions ----------------------------------------------------------------------- */

static factum_status append_if(struct fixture *f, const char *type, const char *tag,
                               const factum_query_item *item, uint64_t after)
{
    factum_slice tags[] = {factum_slice_from(tag)};
    factum_new_event event = event_of("c-1", type, 0);
    event.tags = tags;
    event.tag_count = tag == NULL ? 0 : 1;
    factum_expectation expectation = {event.stream, factum_any()};
    factum_append_condition condition = {.query = {item, 1}, .after = after};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .condition = item == NULL ? NULL : &condition,
    };
    return append_request(f, &request, NULL);
}

TEST(a_condition_on_a_tag_lets_one_through)
{
    struct fixture *f = *state;
    factum_slice tag = FCT_SLICE("email:x");
    factum_query_item item = {.tags = &tag, .tag_count = 1};
    OK(append_if(f, "Registered", "email:y", &item, 0));
    OK(append_if(f, "Registered", "email:x", &item, 0));
    uint64_t position = f->result.position;
    assert_status(append_if(f, "Registered", "email:x", &item, 0), FACTUM_CONDITION_FAILED);
    assert_int_equal(f->result.conflict_position, position);
    OK(append_if(f, "Registered", "email:x", &item, position));
}

TEST(a_condition_on_types_and_tags_wants_both)
{
    struct fixture *f = *state;
    factum_slice tag = FCT_SLICE("sku:1");
    factum_slice type = FCT_SLICE("Sold");
    factum_query_item both = {.types = &type, .type_count = 1, .tags = &tag, .tag_count = 1};
    factum_query_item only_type = {.types = &type, .type_count = 1};
    OK(append_if(f, "Counted", "sku:1", NULL, 0));
    OK(append_if(f, "Sold", "sku:2", &both, 0));
    assert_status(append_if(f, "Sold", "sku:1", &only_type, 0), FACTUM_CONDITION_FAILED);
    OK(append_if(f, "Sold", "sku:1", &both, 0));
    assert_status(append_if(f, "Sold", "sku:1", &both, 0), FACTUM_CONDITION_FAILED);
}

TEST(a_condition_sees_the_metadata_that_an_append_wrote_by_itself)
{
    struct fixture *f = *state;
    factum_slice type = FCT_SLICE("$metadata");
    factum_query_item item = {.types = &type, .type_count = 1};
    OK(append_one(f, "d-1", factum_any(), "A"));
    OK(append_if(f, "A", NULL, &item, 0));
    OK(delete_stream(f, "d-1", factum_any()));
    uint64_t position = f->result.position;
    OK(append_if(f, "A", NULL, &item, position));
    OK(append_one(f, "d-1", factum_any(), "B"));
    assert_status(append_if(f, "A", NULL, &item, position), FACTUM_CONDITION_FAILED);
}

TEST(a_condition_that_names_nothing_is_invalid)
{
    struct fixture *f = *state;
    factum_query_item nothing = {.type_count = 0};
    assert_status(append_if(f, "A", NULL, &nothing, 0), FACTUM_INVALID);
}

/* ---- deadlines ------------------------------------------------------------------------------- */

TEST(an_append_after_its_deadline_writes_nothing)
{
    struct fixture *f = *state;
    factum_call call = {.size = sizeof call, .deadline = 1};
    factum_new_event event = event_of("a-1", "A", 0);
    factum_expectation expectation = {event.stream, factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .call = &call,
    };
    assert_status(append_request(f, &request, NULL), FACTUM_EXPIRED);
    assert_string_equal(f->err.text, "append: the deadline has passed");
    assert_string_equal(stream_text(f, "a-1"), "STREAM_NOT_FOUND");
    call.deadline = fct_os_monotonic(fct_os_real()) + UINT64_C(60000000000);
    OK(append_request(f, &request, NULL));
    call.deadline = 0;
    OK(append_request(f, &request, NULL));
    assert_string_equal(stream_text(f, "a-1"), "0:A 1:A");
}

const struct CMUnitTest condition_cases[] = {
    FIXTURE_CASE(a_key_gives_the_first_result_again),
    FIXTURE_CASE(a_key_with_other_content_is_a_conflict),
    FIXTURE_CASE(a_key_is_recognised_whatever_the_ids),
    FIXTURE_CASE(an_append_without_events_keeps_its_key),
    FIXTURE_CASE(the_content_of_an_append_without_events_is_what_it_checks),
    FIXTURE_CASE(keys_survive_reopening),
    FIXTURE_CASE(a_condition_on_a_tag_lets_one_through),
    FIXTURE_CASE(a_condition_on_types_and_tags_wants_both),
    FIXTURE_CASE(a_condition_sees_the_metadata_that_an_append_wrote_by_itself),
    FIXTURE_CASE(a_condition_that_names_nothing_is_invalid),
    FIXTURE_CASE(an_append_after_its_deadline_writes_nothing),
};
const size_t condition_case_count = sizeof condition_cases / sizeof condition_cases[0];
