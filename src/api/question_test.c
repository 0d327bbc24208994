/* question_test.c - questions about a store: events, keys, counts, places, tokens. On a store in
 * memory and on one on disk. */
#include "support/test_store.h"

#include "core/slice.h"

struct fixture {
    factum_store *store;
    factum_event_copy copy;
    char dir[SCRATCH_SIZE];
    factum_error err;
};

static int set_up_memory(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    *state = &fixture;
    return test_store_open(&fixture.store, false, fixture.dir, NULL, &fixture.err);
}

static int set_up_local(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    *state = &fixture;
    return test_store_open(&fixture.store, true, fixture.dir, NULL, &fixture.err);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    factum_event_copy_free(&f->copy);
    return test_store_close(f->store, f->dir, &f->err);
}

#define assert_invalid(f, call, wanted)                                                            \
    do {                                                                                           \
        assert_status(call, FACTUM_INVALID);                                                       \
        assert_string_equal((f)->err.text, wanted);                                                \
    } while (0)

static factum_append_result append(struct fixture *f, factum_new_event event)
{
    factum_append_result result;
    assert_ok(
        factum_append_stream(f->store, event.stream, factum_any(), &event, 1, &result, &f->err),
        f->err);
    return result;
}

static factum_new_event event_of(const char *stream, const char *type)
{
    return (factum_new_event){
        .stream = factum_slice_from(stream),
        .type = factum_slice_from(type),
        .data = FCT_SLICE("{}"),
    };
}

/* ---- events ---------------------------------------------------------------------------------- */

TEST(an_event_is_only_where_one_begins)
{
    struct fixture *f = *state;
    uint64_t place = 0;
    factum_append_result result = append(f, event_of("s-1", "A"));
    assert_ok(factum_read_event(f->store, result.position, &f->copy, &f->err), f->err);
    assert_true(fct_slice_equal(f->copy.event.type, FCT_SLICE("A")));
    assert_int_equal(f->copy.event.position, result.position);
    assert_ok(factum_visible_place(f->store, &place, &f->err), f->err);
    assert_true(place >= result.position);
    const uint64_t none[] = {0, 1, result.position - 1, result.position + 1, place + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "no event at position %llu", (unsigned long long)none[i]);
        assert_status(factum_read_event(f->store, none[i], &f->copy, &f->err), FACTUM_NOT_FOUND);
        assert_string_equal(f->err.text, text);
    }
}

TEST(a_copy_holds_an_event_as_long_as_its_owner_wants)
{
    struct fixture *f = *state;
    const factum_slice tags[] = {FCT_SLICE("one"), FCT_SLICE("two")};
    factum_new_event small = event_of("s-1", "A");
    factum_new_event big = event_of("s-2", "B");
    big.data = FCT_SLICE("{\"text\":\"a longer event that the first copy has no room for\"}");
    big.metadata = FCT_SLICE("{\"by\":\"me\"}");
    big.tags = tags;
    big.tag_count = 2;
    uint64_t first = append(f, small).position;
    uint64_t second = append(f, big).position;
    assert_ok(factum_read_event(f->store, first, &f->copy, &f->err), f->err);
    (void)append(f, event_of("s-1", "C"));
    assert_true(fct_slice_equal(f->copy.event.stream, small.stream));
    assert_ok(factum_read_event(f->store, second, &f->copy, &f->err), f->err);
    assert_true(fct_slice_equal(f->copy.event.data, big.data));
    assert_true(fct_slice_equal(f->copy.event.metadata, big.metadata));
    assert_true(fct_slice_equal(f->copy.event.content_type, FCT_SLICE("application/json")));
    assert_int_equal(f->copy.event.tag_count, 2);
    assert_true(fct_slice_equal(f->copy.event.tags[1], tags[1]));
    assert_ok(factum_read_event(f->store, first, &f->copy, &f->err), f->err);
    assert_true(fct_slice_equal(f->copy.event.type, small.type));
    assert_int_equal(f->copy.event.tag_count, 0);
}

TEST(an_event_is_found_by_its_id)
{
    struct fixture *f = *state;
    factum_new_event one = event_of("s-1", "A");
    factum_new_event two = event_of("s-2", "B");
    one.id = (factum_uuid){{1}};
    two.id = (factum_uuid){{2}};
    uint64_t position = append(f, one).position;
    (void)append(f, two);
    const factum_slice any = FCT_SLICE("");
    assert_ok(factum_find_event(f->store, one.stream, one.id, &f->copy, &f->err), f->err);
    assert_int_equal(f->copy.event.position, position);
    assert_ok(factum_find_event(f->store, any, two.id, &f->copy, &f->err), f->err);
    assert_true(fct_slice_equal(f->copy.event.stream, two.stream));
    assert_status(factum_find_event(f->store, one.stream, two.id, &f->copy, &f->err),
                  FACTUM_NOT_FOUND);
    assert_status(factum_find_event(f->store, any, (factum_uuid){{3}}, &f->copy, &f->err),
                  FACTUM_NOT_FOUND);
    /* The same as before the failure. */
    assert_true(fct_slice_equal(f->copy.event.stream, two.stream));
}

/* ---- keys ------------------------------------------------------------------------------------ */

TEST(a_key_finds_what_was_appended_under_it)
{
    struct fixture *f = *state;
    const factum_new_event events[] = {event_of("s-1", "A"), event_of("s-2", "B"),
                                       event_of("s-1", "C")};
    const factum_expectation expectations[] = {{FCT_SLICE("s-1"), factum_any()},
                                               {FCT_SLICE("s-2"), factum_no_stream()}};
    const factum_append_request request = {
        .size = sizeof request,
        .events = events,
        .event_count = 3,
        .expectations = expectations,
        .expectation_count = 2,
        .idempotency_key = FCT_SLICE("key-1"),
        .fingerprint = {{7, 7}},
    };
    (void)append(f, event_of("s-1", "A"));
    factum_append_result result;
    assert_ok(factum_append(f->store, &request, &result, NULL, &f->err), f->err);
    uint64_t revisions[3] = {77, 77, 77};
    factum_key_info info = {.size = sizeof info, .revisions = revisions, .revisions_max = 2};
    assert_ok(factum_find_key(f->store, FCT_SLICE("key-1"), &info, &f->err), f->err);
    assert_int_equal(info.event_count, 3);
    assert_int_equal(info.first_position, result.first_position);
    assert_int_equal(info.position, result.position);
    assert_int_equal(info.revision, 2);
    assert_memory_equal(info.fingerprint.bytes, request.fingerprint.bytes, 16);
    assert_true(info.created > 0);
    assert_int_equal(revisions[0], 1);
    assert_int_equal(revisions[1], 0);
    assert_int_equal(revisions[2], 77);
    assert_status(factum_find_key(f->store, FCT_SLICE("key-2"), &info, &f->err), FACTUM_NOT_FOUND);
    assert_int_equal(info.event_count, 3);
}

TEST(an_own_fingerprint_decides_what_the_same_content_is)
{
    struct fixture *f = *state;
    factum_new_event event = event_of("s-1", "A");
    const factum_expectation expectation = {event.stream, factum_no_stream()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .idempotency_key = FCT_SLICE("key-1"),
        .fingerprint = {{1}},
    };
    factum_append_result result;
    assert_ok(factum_append(f->store, &request, &result, NULL, &f->err), f->err);
    event.metadata = FCT_SLICE("{\"trace\":2}");
    assert_ok(factum_append(f->store, &request, &result, NULL, &f->err), f->err);
    assert_true(result.already);
    request.fingerprint = (factum_fingerprint){{2}};
    assert_status(factum_append(f->store, &request, &result, NULL, &f->err), FACTUM_KEY_CONFLICT);
}

/* ---- counts ---------------------------------------------------------------------------------- */

static uint64_t count(struct fixture *f, factum_source source, const char *name, uint64_t after,
                      uint64_t upto)
{
    uint64_t number = 77;
    assert_ok(factum_count_events(f->store, source, factum_slice_from(name), after, upto, &number,
                                  &f->err),
              f->err);
    return number;
}

TEST(events_are_counted_without_being_read)
{
    struct fixture *f = *state;
    const factum_slice tag = FCT_SLICE("red");
    factum_new_event tagged = event_of("s-1", "A");
    tagged.tags = &tag;
    tagged.tag_count = 1;
    uint64_t first = append(f, tagged).position;
    uint64_t second = append(f, event_of("s-2", "A")).position;
    (void)append(f, event_of("s-1", "B"));
    assert_int_equal(count(f, FACTUM_SOURCE_STREAM, "s-1", 0, UINT64_MAX), 2);
    assert_int_equal(count(f, FACTUM_SOURCE_STREAM, "none", 0, UINT64_MAX), 0);
    assert_int_equal(count(f, FACTUM_SOURCE_STREAM, "$ce-s", 0, UINT64_MAX), 3);
    assert_int_equal(count(f, FACTUM_SOURCE_CATEGORY, "s", first, UINT64_MAX), 2);
    assert_int_equal(count(f, FACTUM_SOURCE_CATEGORY, "s", first, second), 1);
    assert_int_equal(count(f, FACTUM_SOURCE_TYPE, "A", 0, first), 1);
    assert_int_equal(count(f, FACTUM_SOURCE_TAG, "red", 0, UINT64_MAX), 1);
    uint64_t number = 77;
    assert_invalid(f,
                   factum_count_events(f->store, FACTUM_SOURCE_ALL, FCT_SLICE(""), 0, UINT64_MAX,
                                       &number, &f->err),
                   "count: name a stream, category, type, correlation id or tag");
    assert_int_equal(number, 77);
}

/* ---- places and tokens ----------------------------------------------------------------------- */

TEST(a_token_leads_back_to_its_place)
{
    struct fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    uint64_t place = append(f, event_of("s-1", "A")).position;
    const uint64_t places[] = {0, place, place + 1};
    for (size_t i = 0; i < 3; i++) {
        uint64_t back = 77;
        factum_token_format(f->store, places[i], token);
        assert_true(strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_") == strlen(token));
        assert_ok(factum_token_parse(f->store, factum_slice_from(token), &back, &f->err), f->err);
        assert_int_equal(back, places[i]);
    }
}

TEST(a_token_of_another_store_is_refused)
{
    struct fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    factum_store *other;
    uint64_t place = 77;
    assert_ok(factum_testing_open_memory(NULL, &other, &f->err), f->err);
    factum_token_format(other, 1, token);
    assert_ok(factum_close(other, &f->err), f->err);
    assert_status(factum_token_parse(f->store, factum_slice_from(token), &place, &f->err),
                  FACTUM_WRONG_TIMELINE);
    assert_text(f->err, "belongs to another history");
    assert_status(factum_token_parse(f->store, FCT_SLICE("42"), &place, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text,
                        "\"42\" is not a token: give one that this store has given out");
    assert_status(factum_token_parse(f->store, (factum_slice){NULL, 0}, &place, &f->err),
                  FACTUM_INVALID);
    assert_int_equal(place, 77);
}

/* Reads |query| to its end; returns the place up to which it was read. */
static uint64_t read_query(struct fixture *f, const factum_query *query, size_t wanted)
{
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_QUERY, .query = query};
    factum_cursor *cursor;
    factum_event event;
    factum_status status;
    size_t events = 0;
    assert_ok(factum_read(f->store, &request, &cursor, &f->err), f->err);
    while ((status = factum_cursor_next(cursor, &event, &f->err)) == FACTUM_OK) {
        events++;
    }
    assert_status(status, FACTUM_DONE);
    assert_int_equal(events, wanted);
    uint64_t place = factum_cursor_place(cursor);
    factum_cursor_close(cursor);
    return place;
}

TEST(the_place_of_a_cursor_is_where_a_condition_begins)
{
    struct fixture *f = *state;
    const factum_slice tag = FCT_SLICE("seat-1");
    const factum_query_item item = {.tags = &tag, .tag_count = 1};
    const factum_query query = {&item, 1};
    factum_new_event event = event_of("booking-1", "Booked");
    event.tags = &tag;
    event.tag_count = 1;
    factum_append_condition condition = {.query = query, .after = read_query(f, &query, 0)};
    const factum_expectation expectation = {event.stream, factum_any()};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .condition = &condition,
    };
    (void)append(f, event_of("s-1", "Other"));
    factum_append_result first;
    factum_append_result second;
    assert_ok(factum_append(f->store, &request, &first, NULL, &f->err), f->err);
    assert_status(factum_append(f->store, &request, &second, NULL, &f->err),
                  FACTUM_CONDITION_FAILED);
    assert_int_equal(second.conflict_position, first.position);
    condition.after = read_query(f, &query, 1);
    assert_true(condition.after >= first.position);
    assert_ok(factum_append(f->store, &request, &second, NULL, &f->err), f->err);
}

/* ---- what is needed -------------------------------------------------------------------------- */

TEST(questions_need_a_store_and_room_for_the_answer)
{
    struct fixture *f = *state;
    factum_store *const stores[] = {NULL, f->store};
    const factum_slice name = FCT_SLICE("s-1");
    const factum_uuid id = {{1}};
    uint64_t number = 0;
    factum_key_info key = {.size = sizeof key};
    for (size_t i = 0; i < 2; i++) {
        bool there = i == 0; /* once without a store, once without room for the answer */
        assert_invalid(f, factum_find_event(stores[i], name, id, there ? &f->copy : NULL, &f->err),
                       "find event: a store and a place for the event are needed");
        assert_invalid(f, factum_find_key(stores[i], name, there ? &key : NULL, &f->err),
                       "find key: a store and a place for the answer are needed");
        assert_invalid(f,
                       factum_count_events(stores[i], FACTUM_SOURCE_STREAM, name, 0, 0,
                                           there ? &number : NULL, &f->err),
                       "count: a store and a place for the number are needed");
        assert_invalid(f, factum_visible_place(stores[i], there ? &number : NULL, &f->err),
                       "place: a store and a place for it are needed");
        assert_invalid(f, factum_token_parse(stores[i], name, there ? &number : NULL, &f->err),
                       "token: a store and a place for it are needed");
    }
    char token[FACTUM_TOKEN_SIZE] = "x";
    factum_token_format(NULL, 1, token);
    assert_string_equal(token, "");
    factum_token_format(f->store, 1, NULL);
    key.size = 0;
    assert_invalid(f, factum_find_key(f->store, name, &key, &f->err),
                   "key: the answer has size 0: set it to sizeof the struct");
}

int main(void)
{
#define BOTH(name)                                                                                 \
    {"memory: " #name, name, set_up_memory, tear_down, NULL},                                      \
    {                                                                                              \
        "local: " #name, name, set_up_local, tear_down, NULL                                       \
    }
    const struct CMUnitTest tests[] = {
        BOTH(an_event_is_only_where_one_begins),
        BOTH(a_copy_holds_an_event_as_long_as_its_owner_wants),
        BOTH(an_event_is_found_by_its_id),
        BOTH(a_key_finds_what_was_appended_under_it),
        BOTH(an_own_fingerprint_decides_what_the_same_content_is),
        BOTH(events_are_counted_without_being_read),
        BOTH(a_token_leads_back_to_its_place),
        BOTH(a_token_of_another_store_is_refused),
        BOTH(the_place_of_a_cursor_is_where_a_condition_begins),
        BOTH(questions_need_a_store_and_room_for_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
