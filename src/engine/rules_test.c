/* rules_test.c - the rules that every engine shares. */
#include "support/test.h"

#include "core/slice.h"
#include "engine/rules.h"

/* ---- names ----------------------------------------------------------------------------------- */

static void assert_slice(factum_slice slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_true(fct_slice_equal(slice, factum_slice_from(text)));
}

TEST(a_category_is_the_text_before_the_first_dash)
{
    assert_slice(fct_category(FCT_SLICE("order-42")), "order");
    assert_slice(fct_category(FCT_SLICE("order-42-7")), "order");
    assert_slice(fct_category(FCT_SLICE("order-")), "order");
    assert_slice(fct_category(FCT_SLICE("order")), "");
    assert_slice(fct_category(FCT_SLICE("-42")), "");
    assert_slice(fct_category(FCT_SLICE("$sys-42")), "");
    assert_slice(fct_category(FCT_SLICE("$$order-42")), "");
    assert_slice(fct_category(FCT_SLICE("")), "");
}

TEST(a_correlation_id_is_a_text_in_the_metadata)
{
    char buffer[FACTUM_NAME_SIZE_MAX];
    (void)state;
    assert_slice(fct_correlation_id(FCT_SLICE("{\"$correlationId\":\"c-1\"}"), buffer), "c-1");
    assert_slice(fct_correlation_id(FCT_SLICE("{\"a\":{},\"$correlationId\":\"\\u0063\"}"), buffer),
                 "c");
    assert_slice(fct_correlation_id(FCT_SLICE("{\"$correlationId\":7}"), buffer), "");
    assert_slice(fct_correlation_id(FCT_SLICE("{\"$correlationId\":\"\"}"), buffer), "");
    assert_slice(fct_correlation_id(FCT_SLICE("{\"a\":\"$correlationId\"}"), buffer), "");
    assert_slice(fct_correlation_id(FCT_SLICE("{\"b\":{\"$correlationId\":\"c-1\"}}"), buffer), "");
    assert_slice(fct_correlation_id(FCT_SLICE("$correlationId"), buffer), "");
    assert_slice(fct_correlation_id(FCT_SLICE("{\"$correlationId\":\"c-1\""), buffer), "");
    assert_slice(fct_correlation_id(fct_slice(NULL, 0), buffer), "");
}

TEST(a_correlation_id_over_the_limit_is_ignored)
{
    static char json[FACTUM_NAME_SIZE_MAX + 64];
    static char buffer[FACTUM_NAME_SIZE_MAX];
    (void)state;
    for (size_t len = FACTUM_NAME_SIZE_MAX; len <= FACTUM_NAME_SIZE_MAX + 1; len++) {
        char text[FACTUM_NAME_SIZE_MAX + 2];
        memset(text, 'c', len);
        text[len] = '\0';
        (void)snprintf(json, sizeof json, "{\"$correlationId\":\"%s\"}", text);
        size_t found = fct_correlation_id(factum_slice_from(json), buffer).len;
        assert_int_equal(found, len == FACTUM_NAME_SIZE_MAX ? len : 0);
    }
}

/* ---- stream metadata ------------------------------------------------------------------------- */

static struct fct_stream_metadata parsed(const char *json)
{
    struct fct_stream_metadata metadata;
    memset(&metadata, 0xee, sizeof metadata);
    fct_stream_metadata_parse(factum_slice_from(json), &metadata);
    return metadata;
}

static void assert_says_nothing(const char *json)
{
    struct fct_stream_metadata metadata = parsed(json);
    assert_int_equal(metadata.max_count, 0);
    assert_int_equal(metadata.max_age, 0);
    assert_int_equal(metadata.truncate_before, 0);
    assert_false(metadata.soft_deleted);
}

TEST(the_settings_of_metadata_are_read)
{
    struct fct_stream_metadata metadata =
        parsed("{\"$maxCount\":3,\"own\":[{}],\"$maxAge\":60,\"$tb\":7}");
    assert_int_equal(metadata.max_count, 3);
    assert_int_equal(metadata.max_age, 60);
    assert_int_equal(metadata.truncate_before, 7);
    assert_false(metadata.soft_deleted);
}

TEST(invalid_metadata_has_no_settings)
{
    assert_says_nothing("");
    assert_says_nothing("no json");
    assert_says_nothing("[{\"$maxCount\":3}]");
    assert_says_nothing("{\"$maxCount\":3");
    assert_says_nothing("{\"$maxCount\":0,\"$maxAge\":-1,\"$tb\":1.5}");
    assert_says_nothing("{\"$maxCount\":\"3\",\"$maxAge\":null,\"$tb\":[1]}");
    assert_says_nothing("{\"$tb\":9223372036854775808}");
    assert_says_nothing("{\"own\":{\"$tb\":7}}");
}

TEST(the_highest_revision_means_deleted)
{
    assert_true(parsed("{\"$tb\":9223372036854775807}").soft_deleted);
    assert_false(parsed("{\"$tb\":9223372036854775806}").soft_deleted);
}

/* ---- content --------------------------------------------------------------------------------- */

struct content {
    factum_slice tags[2];
    factum_new_event events[2];
    factum_append_request request;
};

static void content_init(struct content *content)
{
    *content = (struct content){.tags = {FCT_SLICE("t"), FCT_SLICE("u")}};
    for (size_t i = 0; i < 2; i++) {
        content->events[i] = (factum_new_event){
            .stream = FCT_SLICE("s-1"),
            .type = FCT_SLICE("T"),
            .data = FCT_SLICE("data"),
            .metadata = FCT_SLICE("meta"),
            .tags = content->tags,
            .tag_count = 2,
        };
    }
    content->request = (factum_append_request){.events = content->events, .event_count = 2};
}

static bool same_fingerprint(factum_fingerprint a, factum_fingerprint b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static factum_fingerprint plain_fingerprint(void)
{
    struct content content;
    content_init(&content);
    return fct_append_fingerprint(&content.request);
}

/* Does the current content still have the fingerprint that it had? */
#define assert_same(content, same)                                                                 \
    assert_int_equal(                                                                              \
        same_fingerprint(fct_append_fingerprint(&(content).request), plain_fingerprint()), same)

TEST(the_content_is_as_store_h_defines)
{
    struct content c;
    (void)state;
    content_init(&c);
    assert_same(c, true);
    c.events[0].stream = FCT_SLICE("s-2");
    assert_same(c, false);
    content_init(&c);
    c.events[1].type = FCT_SLICE("U");
    assert_same(c, false);
    content_init(&c);
    c.events[1].data = FCT_SLICE("dat");
    assert_same(c, false);
    content_init(&c);
    c.events[0].metadata = fct_slice(NULL, 0);
    assert_same(c, false);
    content_init(&c);
    c.tags[1] = FCT_SLICE("v");
    assert_same(c, false);
    content_init(&c);
    c.events[0].tag_count = 1;
    assert_same(c, false);
    content_init(&c);
    c.events[0].media_type = FCT_SLICE("application/json"); /* as without it */
    assert_same(c, true);
    c.events[0].media_type = FCT_SLICE("image/png");
    assert_same(c, false);
    c.events[0].media_type = fct_slice(NULL, 0);
    c.events[0].content_type = FACTUM_CONTENT_BINARY;
    assert_same(c, false);
    content_init(&c);
    c.events[0].has_time = true;
    assert_same(c, false);
    content_init(&c);
    c.request.event_count = 1;
    assert_same(c, false);
}

TEST(ids_and_an_unset_time_are_no_content)
{
    struct content c;
    (void)state;
    content_init(&c);
    c.events[0].id.bytes[0] = 1;
    c.events[0].time = 7; /* has_time is not set */
    c.request.durability = FACTUM_DURABILITY_OS;
    assert_same(c, true);
}

TEST(bytes_that_move_from_one_part_to_the_next_are_other_content)
{
    struct content c;
    (void)state;
    content_init(&c);
    c.events[0].data = FCT_SLICE("datam");
    c.events[0].metadata = FCT_SLICE("eta");
    assert_same(c, false);
    content_init(&c);
    c.events[0].tag_count = 1; /* the tag moves from the first event to the second */
    c.events[1].tag_count = 1;
    assert_same(c, false);
}

static factum_fingerprint fingerprint_with(const char *metadata)
{
    struct content c;
    content_init(&c);
    c.events[0].metadata = factum_slice_from(metadata);
    return fct_append_fingerprint(&c.request);
}

TEST(a_trace_is_no_content)
{
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {
        {"{\"a\":1}", "{\"a\":1,\"$traceId\":\"x\",\"$spanId\":\"y\"}", true},
        {"{\"a\":1,\"b\":{}}", "{\"traceparent\":\"x\",\"a\":1,\"tracestate\":[],\"b\":{}}", true},
        {"", "{\"$traceId\":\"x\",\"$spanId\":\"y\"}", true},
        {"{\"a\":1,\"$traceId\":\"x\"}", "{\"a\":1,\"$traceId\":\"y\"}", true},
        {"{\"a\":1,\"$traceId\":\"x\"}", "{\"a\":2,\"$traceId\":\"x\"}", false},
        {"{\"a\":\"$traceId\"}", "{\"a\":\"$spanId\"}", false},
        {"{\"traces\":1}", "{\"traces\":2}", false},
        {"{\"$traceId\":1", "{\"$traceId\":2", false}, /* no JSON */
        {"{}", "{\"$traceId\":1}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(same_fingerprint(fingerprint_with(rows[i].a), fingerprint_with(rows[i].b)),
                         rows[i].same);
    }
}

TEST(many_members_between_traces_are_content)
{
    char a[512] = "{";
    char b[512] = "{";
    (void)state;
    for (int i = 0; i < 12; i++) {
        (void)snprintf(a + strlen(a), sizeof a - strlen(a), "\"m%d\":1,\"$traceId\":1,", i);
        (void)snprintf(b + strlen(b), sizeof b - strlen(b), "\"m%d\":2,\"$traceId\":1,", i);
    }
    a[strlen(a) - 1] = '}';
    b[strlen(b) - 1] = '}';
    assert_false(same_fingerprint(fingerprint_with(a), fingerprint_with(b)));
}

TEST(a_fingerprint_of_its_own_takes_the_place_of_the_contents)
{
    struct content c;
    (void)state;
    content_init(&c);
    assert_false(fct_fingerprint_given(&c.request));
    c.request.fingerprint.bytes[15] = 1;
    assert_true(fct_fingerprint_given(&c.request));
    factum_fingerprint own = fct_append_fingerprint(&c.request);
    assert_true(same_fingerprint(own, c.request.fingerprint));
    c.events[0].data = FCT_SLICE("other");
    assert_true(same_fingerprint(own, fct_append_fingerprint(&c.request)));
}

TEST(an_append_without_events_has_a_fingerprint)
{
    const factum_append_request request = {.size = sizeof request};
    assert_true(
        same_fingerprint(fct_append_fingerprint(&request), fct_append_fingerprint(&request)));
    assert_false(same_fingerprint(fct_append_fingerprint(&request), plain_fingerprint()));
}

TEST(without_events_the_content_is_what_is_checked)
{
    factum_slice names[] = {FCT_SLICE("T"), FCT_SLICE("U")};
    factum_query_item items[2] = {{.types = names, .type_count = 1}, {.tags = names}};
    factum_append_condition condition = {.query = {items, 1}, .after = 7};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_any()},
                                         {FCT_SLICE("b-1"), factum_at(3)}};
    factum_append_request request = {.expectations = expectations, .expectation_count = 1};
    factum_fingerprint seen[16];
    size_t count = 0;
    for (int change = 0; change < 10; change++) {
        expectations[0].stream = change < 1 ? FCT_SLICE("a-1") : FCT_SLICE("a-2");
        expectations[0].expected = change < 2 ? factum_any() : factum_no_stream();
        request.expectation_count = change < 3 ? 1 : 2;
        expectations[1].expected.revision = change < 4 ? 3 : 4;
        request.condition = change < 5 ? NULL : &condition;
        condition.after = change < 6 ? 7 : 8;
        items[0].type_count = change < 7 ? 1 : 2;
        condition.query.item_count = change < 8 ? 1 : 2;
        items[1].tag_count = change < 9 ? 1 : 2;
        seen[count] = fct_append_fingerprint(&request);
        assert_true(same_fingerprint(seen[count], fct_append_fingerprint(&request)));
        for (size_t i = 0; i < count; i++) {
            assert_false(same_fingerprint(seen[count], seen[i]));
        }
        count++;
    }
}

/* ---- metastreams ----------------------------------------------------------------------------- */

TEST(a_metastream_names_its_stream)
{
    assert_slice(fct_metastream_target(FCT_SLICE("$$order-1")), "order-1");
    assert_slice(fct_metastream_target(FCT_SLICE("$$$jobs")), "$jobs");
    assert_slice(fct_metastream_target(FCT_SLICE("$$")), "");
    assert_slice(fct_metastream_target(FCT_SLICE("$order-1")), "");
    assert_slice(fct_metastream_target(FCT_SLICE("")), "");
}

TEST(metadata_leaves_the_newest_events_visible)
{
    const uint64_t most = FACTUM_REVISION_TOMBSTONE;
    struct fct_stream_metadata metadata = {.max_count = 0};
    assert_int_equal(fct_first_visible(&metadata, 9), 0);
    metadata.max_count = 3;
    assert_int_equal(fct_first_visible(&metadata, 9), 7);
    assert_int_equal(fct_first_visible(&metadata, 2), 0);
    assert_int_equal(fct_first_visible(&metadata, 3), 1);
    assert_int_equal(fct_first_visible(&metadata, most), most - 2);
    metadata.truncate_before = 8;
    assert_int_equal(fct_first_visible(&metadata, 9), 8); /* the stricter one */
    assert_int_equal(fct_first_visible(&metadata, 20), 18);
    metadata.max_count = most;
    assert_int_equal(fct_first_visible(&metadata, 9), 8);
}

/* ---- expectations ---------------------------------------------------------------------------- */

static bool holds(factum_expected_kind kind, uint64_t wanted, factum_stream_state state,
                  bool metastream)
{
    return fct_expected_holds((factum_expected){.kind = kind, .revision = wanted}, state, 5,
                              metastream);
}

TEST(expectations_hold_as_in_the_table)
{
    static const struct {
        factum_expected_kind kind;
        uint64_t wanted;
        bool absent, absent_with_metadata, present, deleted;
    } table[] = {
        {FACTUM_EXPECTED_NONE, 0, false, false, false, false},
        {FACTUM_EXPECTED_ANY, 0, true, true, true, true},
        {FACTUM_EXPECTED_NO_STREAM, 0, true, true, false, true},
        {FACTUM_EXPECTED_STREAM_EXISTS, 0, false, true, true, false},
        {FACTUM_EXPECTED_REVISION, 5, false, false, true, true},
        {FACTUM_EXPECTED_REVISION, 4, false, false, false, false},
        {FACTUM_EXPECTED_REVISION, 6, false, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        factum_expected_kind kind = table[i].kind;
        uint64_t wanted = table[i].wanted;
        assert_int_equal(holds(kind, wanted, FACTUM_STREAM_ABSENT, false), table[i].absent);
        assert_int_equal(holds(kind, wanted, FACTUM_STREAM_ABSENT, true),
                         table[i].absent_with_metadata);
        assert_int_equal(holds(kind, wanted, FACTUM_STREAM_PRESENT, true), table[i].present);
        assert_int_equal(holds(kind, wanted, FACTUM_STREAM_SOFT_DELETED, true), table[i].deleted);
    }
}

static void assert_refusal(factum_expected_kind kind, factum_stream_state actual,
                           factum_status status, const char *text)
{
    factum_error err;
    factum_append_result result = {.first_position = 0};
    factum_expectation expectation = {FCT_SLICE("s-1"), {.kind = kind, .revision = 2}};
    assert_int_equal(fct_refuse(&result, 3, actual, 5), status);
    assert_int_equal(result.refused_index, 3);
    assert_int_equal(result.actual_state, actual);
    assert_int_equal(result.actual_revision, 5);
    fct_refusal_say(&expectation, &result, &err);
    assert_string_equal(err.text, text);
    assert_int_equal(err.status, status);
    fct_refusal_say(&expectation, &result, NULL);
}

TEST(a_refusal_names_the_actual_and_the_expected_state)
{
    const factum_status wrong = FACTUM_WRONG_REVISION;
    assert_refusal(FACTUM_EXPECTED_REVISION, FACTUM_STREAM_PRESENT, wrong,
                   "stream s-1 is at revision 5, not 2: read it again and retry");
    assert_refusal(FACTUM_EXPECTED_NO_STREAM, FACTUM_STREAM_PRESENT, wrong,
                   "stream s-1 is at revision 5, but it should not exist: read it again and retry");
    assert_refusal(FACTUM_EXPECTED_ANY, FACTUM_STREAM_PRESENT, wrong,
                   "stream s-1 is at revision 5, but only some of these events are in it: read it "
                   "again and retry");
    assert_refusal(FACTUM_EXPECTED_REVISION, FACTUM_STREAM_ABSENT, wrong,
                   "stream s-1 does not exist, and so is not at revision 2");
    assert_refusal(FACTUM_EXPECTED_STREAM_EXISTS, FACTUM_STREAM_ABSENT, wrong,
                   "stream s-1 does not exist, but it should exist");
    assert_refusal(FACTUM_EXPECTED_STREAM_EXISTS, FACTUM_STREAM_SOFT_DELETED, wrong,
                   "stream s-1 is deleted (last at revision 5), but it should exist: read it again "
                   "and retry");
    assert_refusal(FACTUM_EXPECTED_REVISION, FACTUM_STREAM_SOFT_DELETED, wrong,
                   "stream s-1 is deleted (last at revision 5), not 2: read it again and retry");
    assert_refusal(FACTUM_EXPECTED_ANY, FACTUM_STREAM_TOMBSTONED, FACTUM_STREAM_DELETED,
                   "stream s-1 is deleted for ever: use another name");
}

TEST(a_long_name_leaves_room_for_the_rest_of_the_message)
{
    char name[FACTUM_NAME_SIZE_MAX];
    factum_error err;
    (void)state;
    name[0] = 'n';
    for (size_t i = 1; i < sizeof name; i++) { /* characters of two bytes, at odd places */
        name[i] = (char)(i % 2 == 1 ? 0xc3 : 0xa4);
    }
    factum_expectation expectation = {fct_slice(name, sizeof name),
                                      {.kind = FACTUM_EXPECTED_REVISION, .revision = 2}};
    factum_append_result result = {.first_position = 0};
    assert_int_equal(fct_refuse(&result, 0, FACTUM_STREAM_PRESENT, 5), FACTUM_WRONG_REVISION);
    fct_refusal_say(&expectation, &result, &err);
    assert_text(err, "is at revision 5, not 2: read it again and retry");
    assert_true(fct_utf8_valid(factum_slice_from(err.text)));
}

TEST(two_expectations_and_none_have_texts)
{
    factum_error err;
    assert_status(fct_refuse_two_expectations(FCT_SLICE("s-1"), &err), FACTUM_INVALID);
    assert_string_equal(err.text, "stream s-1 has two expectations: state one");
    assert_status(fct_refuse_no_expectation(FCT_SLICE("s-1"), &err), FACTUM_INVALID);
    assert_string_equal(err.text, "stream s-1 is written without an expectation: state one (any, "
                                  "no stream, stream exists, a revision)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_category_is_the_text_before_the_first_dash),
        CASE(a_correlation_id_is_a_text_in_the_metadata),
        CASE(a_correlation_id_over_the_limit_is_ignored),
        CASE(the_settings_of_metadata_are_read),
        CASE(invalid_metadata_has_no_settings),
        CASE(the_highest_revision_means_deleted),
        CASE(the_content_is_as_store_h_defines),
        CASE(ids_and_an_unset_time_are_no_content),
        CASE(bytes_that_move_from_one_part_to_the_next_are_other_content),
        CASE(a_trace_is_no_content),
        CASE(many_members_between_traces_are_content),
        CASE(a_fingerprint_of_its_own_takes_the_place_of_the_contents),
        CASE(an_append_without_events_has_a_fingerprint),
        CASE(without_events_the_content_is_what_is_checked),
        CASE(a_metastream_names_its_stream),
        CASE(metadata_leaves_the_newest_events_visible),
        CASE(expectations_hold_as_in_the_table),
        CASE(a_refusal_names_the_actual_and_the_expected_state),
        CASE(a_long_name_leaves_room_for_the_rest_of_the_message),
        CASE(two_expectations_and_none_have_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
