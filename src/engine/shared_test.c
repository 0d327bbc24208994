/* shared_test.c - the rules that every engine shares. */
#include "support/test.h"

#include "core/slice.h"
#include "engine/engine.h"

#define TEST(name) static void name(void **state)

/* ---- names ----------------------------------------------------------------------------------- */

static void assert_slice(factum_slice slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_true(fct_slice_equal(slice, factum_slice_from(text)));
}

TEST(a_category_is_what_stands_before_the_first_dash)
{
    (void)state;
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

TEST(a_correlation_id_over_the_limit_is_none)
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

TEST(metadata_says_what_it_says)
{
    (void)state;
    struct fct_stream_metadata metadata =
        parsed("{\"$maxCount\":3,\"own\":[{}],\"$maxAge\":60,\"$tb\":7}");
    assert_int_equal(metadata.max_count, 3);
    assert_int_equal(metadata.max_age, 60);
    assert_int_equal(metadata.truncate_before, 7);
    assert_false(metadata.soft_deleted);
}

TEST(metadata_that_makes_no_sense_says_nothing)
{
    (void)state;
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
    (void)state;
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

static struct fct_hash128 plain_hash(void)
{
    struct content content;
    content_init(&content);
    return fct_append_content_hash(&content.request);
}

#define assert_changes(content, equal)                                                             \
    assert_int_equal(fct_hash128_equal(fct_append_content_hash(&(content).request), plain_hash()), \
                     equal)

TEST(the_content_is_what_store_h_says)
{
    struct content c;
    (void)state;
    content_init(&c);
    assert_changes(c, true);
    c.events[0].stream = FCT_SLICE("s-2");
    assert_changes(c, false);
    content_init(&c);
    c.events[1].type = FCT_SLICE("U");
    assert_changes(c, false);
    content_init(&c);
    c.events[1].data = FCT_SLICE("dat");
    assert_changes(c, false);
    content_init(&c);
    c.events[0].metadata = fct_slice(NULL, 0);
    assert_changes(c, false);
    content_init(&c);
    c.tags[1] = FCT_SLICE("v");
    assert_changes(c, false);
    content_init(&c);
    c.events[0].tag_count = 1;
    assert_changes(c, false);
    content_init(&c);
    c.events[0].content_type = FACTUM_CONTENT_BINARY;
    assert_changes(c, false);
    content_init(&c);
    c.events[0].has_time = true;
    assert_changes(c, false);
    content_init(&c);
    c.request.event_count = 1;
    assert_changes(c, false);
}

TEST(ids_and_a_time_that_is_not_said_are_no_content)
{
    struct content c;
    (void)state;
    content_init(&c);
    c.events[0].id.bytes[0] = 1;
    c.events[0].time = 7; /* has_time is not set */
    c.request.durability = FACTUM_DURABILITY_OS;
    assert_changes(c, true);
}

TEST(bytes_that_move_from_one_part_to_the_next_are_other_content)
{
    struct content c;
    (void)state;
    content_init(&c);
    c.events[0].data = FCT_SLICE("datam");
    c.events[0].metadata = FCT_SLICE("eta");
    assert_changes(c, false);
    content_init(&c);
    c.events[0].tag_count = 1; /* the tag of the first leaves, one of the second joins it */
    c.events[1].tag_count = 1;
    assert_changes(c, false);
}

/* ---- conditions ------------------------------------------------------------------------------ */

static bool fits(const factum_condition_item *items, size_t count, const char *type,
                 const factum_slice *tags, size_t tag_count)
{
    factum_append_condition condition = {.items = items, .item_count = count};
    return fct_condition_fits(&condition, factum_slice_from(type), tags, tag_count);
}

TEST(an_event_fits_with_one_of_the_types_and_all_of_the_tags)
{
    (void)state;
    const factum_slice types[] = {FCT_SLICE("A"), FCT_SLICE("B")};
    const factum_slice tags[] = {FCT_SLICE("t"), FCT_SLICE("u")};
    const factum_slice more[] = {FCT_SLICE("u"), FCT_SLICE("x"), FCT_SLICE("t")};
    const factum_condition_item both = {types, 2, tags, 2};
    assert_true(fits(&both, 1, "A", tags, 2));
    assert_true(fits(&both, 1, "B", more, 3));
    assert_false(fits(&both, 1, "C", tags, 2));
    assert_false(fits(&both, 1, "A", tags, 1));
    assert_false(fits(&both, 1, "A", NULL, 0));
    const factum_condition_item any_type = {NULL, 0, tags, 1};
    assert_true(fits(&any_type, 1, "C", more, 3));
    assert_false(fits(&any_type, 1, "C", more, 2));
    const factum_condition_item any_tags = {types, 1, NULL, 0};
    assert_true(fits(&any_tags, 1, "A", NULL, 0));
    assert_false(fits(&any_tags, 1, "B", tags, 2));
}

TEST(an_event_fits_if_it_fits_one_item)
{
    (void)state;
    const factum_slice types[] = {FCT_SLICE("A"), FCT_SLICE("B")};
    const factum_slice tag = FCT_SLICE("t");
    const factum_condition_item items[] = {{types, 1, &tag, 1}, {types + 1, 1, NULL, 0}};
    assert_true(fits(items, 2, "A", &tag, 1));
    assert_true(fits(items, 2, "B", NULL, 0));
    assert_false(fits(items, 2, "A", NULL, 0));
    assert_false(fits(items, 0, "A", &tag, 1));
}

/* ---- expectations ---------------------------------------------------------------------------- */

static bool holds(factum_expected_kind kind, uint64_t wanted, factum_stream_state state,
                  bool metastream)
{
    return fct_expected_holds((factum_expected){.kind = kind, .revision = wanted}, state, 5,
                              metastream);
}

TEST(expectations_hold_as_the_table_says)
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
    assert_int_equal(fct_refuse_revision(&err, &result, 3, &expectation, actual, 5), status);
    assert_string_equal(err.text, text);
    assert_int_equal(err.status, status);
    assert_int_equal(result.refused_index, 3);
    assert_int_equal(result.actual_state, actual);
    assert_int_equal(result.actual_revision, 5);
    assert_int_equal(fct_refuse_revision(NULL, NULL, 3, &expectation, actual, 5), status);
}

TEST(a_refusal_says_what_is_and_what_was_expected)
{
    (void)state;
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

TEST(a_long_name_leaves_room_for_what_is_said_of_it)
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
    assert_int_equal(fct_refuse_revision(&err, NULL, 0, &expectation, FACTUM_STREAM_PRESENT, 5),
                     FACTUM_WRONG_REVISION);
    assert_text(err, "is at revision 5, not 2: read it again and retry");
    assert_true(fct_utf8_valid(factum_slice_from(err.text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_category_is_what_stands_before_the_first_dash),
        cmocka_unit_test(a_correlation_id_is_a_text_in_the_metadata),
        cmocka_unit_test(a_correlation_id_over_the_limit_is_none),
        cmocka_unit_test(metadata_says_what_it_says),
        cmocka_unit_test(metadata_that_makes_no_sense_says_nothing),
        cmocka_unit_test(the_highest_revision_means_deleted),
        cmocka_unit_test(the_content_is_what_store_h_says),
        cmocka_unit_test(ids_and_a_time_that_is_not_said_are_no_content),
        cmocka_unit_test(bytes_that_move_from_one_part_to_the_next_are_other_content),
        cmocka_unit_test(an_event_fits_with_one_of_the_types_and_all_of_the_tags),
        cmocka_unit_test(an_event_fits_if_it_fits_one_item),
        cmocka_unit_test(expectations_hold_as_the_table_says),
        cmocka_unit_test(a_refusal_says_what_is_and_what_was_expected),
        cmocka_unit_test(a_long_name_leaves_room_for_what_is_said_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
