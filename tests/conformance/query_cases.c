/* query_cases.c - reads of a query, and filters of any read, on every engine. Run by
 * conformance_test.c. */
#include "fixture.h"

/* Room for the words of a query: up to two items with up to two types and two tags each. */
struct asked {
    factum_slice types[2][2];
    factum_slice tags[2][2];
    factum_query_item items[2];
    factum_query query;
};

/* Adds an item; the words may be NULL. */
static void ask_for(struct asked *asked, const char *type, const char *other_type, const char *tag,
                    const char *other_tag)
{
    size_t i = asked->query.item_count++;
    factum_query_item *item = &asked->items[i];
    item->types = asked->types[i];
    item->tags = asked->tags[i];
    const char *const types[] = {type, other_type};
    const char *const tags[] = {tag, other_tag};
    for (size_t j = 0; j < 2; j++) {
        if (types[j] != NULL) {
            asked->types[i][item->type_count++] = factum_slice_from(types[j]);
        }
        if (tags[j] != NULL) {
            asked->tags[i][item->tag_count++] = factum_slice_from(tags[j]);
        }
    }
    asked->query.items = asked->items;
}

static factum_read_request querying(const struct asked *asked)
{
    factum_read_request request = reading(FACTUM_SOURCE_QUERY, NULL);
    request.query = &asked->query;
    return request;
}

static factum_status append_tags(struct fixture *f, const char *stream, const char *type,
                                 const char *tag, const char *other_tag)
{
    factum_slice tags[] = {factum_slice_from(tag), factum_slice_from(other_tag)};
    factum_new_event event = event_of(stream, type, 0);
    event.tags = tags;
    event.tag_count = 2;
    factum_expectation expectation = {event.stream, factum_any()};
    return append_events(f, &event, 1, &expectation, 1);
}

/* Orders and payments of two customers. */
static void append_shop(struct fixture *f)
{
    OK(append_tags(f, "order-1", "Placed", "customer:1", "order:1"));
    OK(append_tags(f, "order-2", "Placed", "customer:2", "order:2"));
    OK(append_tags(f, "payment-1", "Paid", "customer:1", "order:1"));
    OK(append_tags(f, "order-3", "Placed", "customer:1", "order:3"));
    OK(append_one(f, "order-1", factum_any(), "Shipped"));
}

/* ---- queries --------------------------------------------------------------------------------- */

TEST(a_query_gives_events_of_any_of_its_types_with_all_of_its_tags)
{
    struct fixture *f = *state;
    append_shop(f);
    struct asked types = {.query.item_count = 0};
    ask_for(&types, "Placed", "Shipped", NULL, NULL);
    factum_read_request request = querying(&types);
    assert_string_equal(read_text(f, &request), "0:Placed 0:Placed 0:Placed 0:Shipped");
    struct asked tags = {.query.item_count = 0};
    ask_for(&tags, NULL, NULL, "customer:1", "order:1");
    request = querying(&tags);
    assert_string_equal(read_text(f, &request), "0:Placed 0:Paid");
    struct asked both = {.query.item_count = 0};
    ask_for(&both, "Placed", NULL, "customer:1", NULL);
    request = querying(&both);
    assert_string_equal(read_text(f, &request), "0:Placed 0:Placed");
    struct asked none = {.query.item_count = 0};
    ask_for(&none, "Shipped", NULL, "customer:1", NULL);
    request = querying(&none);
    assert_string_equal(read_text(f, &request), "");
}

TEST(an_event_that_fits_several_items_comes_once)
{
    struct fixture *f = *state;
    append_shop(f);
    struct asked asked = {.query.item_count = 0};
    ask_for(&asked, "Placed", NULL, NULL, NULL);
    ask_for(&asked, NULL, NULL, "customer:1", NULL);
    factum_read_request request = querying(&asked);
    assert_string_equal(read_text(f, &request), "0:Placed 0:Placed 0:Paid 0:Placed");
    request.backwards = true;
    assert_string_equal(read_text(f, &request), "0:Placed 0:Paid 0:Placed 0:Placed");
    request.count_max = 2;
    assert_string_equal(read_text(f, &request), "0:Placed 0:Paid");
}

TEST(a_query_begins_and_ends_at_any_place)
{
    struct fixture *f = *state;
    append_shop(f);
    struct asked asked = {.query.item_count = 0};
    ask_for(&asked, NULL, NULL, "customer:1", NULL);
    OK(append_tagged(f, "order-4", "Placed", "customer:1"));
    uint64_t place = f->result.position;
    OK(append_tagged(f, "order-4", "Packed", "customer:1"));
    factum_read_request request = querying(&asked);
    request.from = FACTUM_FROM_AFTER;
    request.from_value = place;
    assert_string_equal(read_text(f, &request), "0:Packed");
    request.from_value = place - 1;
    assert_string_equal(read_text(f, &request), "0:Placed 0:Packed");
    request.backwards = true;
    request.from_value = place;
    assert_string_equal(read_text(f, &request), "0:Placed 0:Placed 0:Paid 0:Placed");
    request.from_value = place - 1;
    assert_string_equal(read_text(f, &request), "0:Placed 0:Paid 0:Placed");
    request = querying(&asked);
    request.from = FACTUM_FROM_POSITION;
    request.from_value = place;
    assert_string_equal(read_text(f, &request), "0:Placed 0:Packed");
    request = querying(&asked);
    request.until_position_set = true;
    request.until_position = place - 1;
    assert_string_equal(read_text(f, &request), "0:Placed 0:Paid 0:Placed");
    request.from = FACTUM_FROM_END;
    assert_string_equal(read_text(f, &request), "");
}

TEST(any_source_can_be_read_from_after_a_place)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 2);
    uint64_t place = place_now(f);
    append_many(f, "s-1", 3);
    const char *const names[] = {NULL, "s-1", "s", "A"};
    const factum_source sources[] = {FACTUM_SOURCE_ALL, FACTUM_SOURCE_STREAM,
                                     FACTUM_SOURCE_CATEGORY, FACTUM_SOURCE_TYPE};
    const char *const after[] = {"0:A 0:B 0:C", "2:A 3:B 4:C", "2:A 3:B 4:C", "1:A"};
    const char *const before[] = {"0:B 0:A", "1:B 0:A", "1:B 0:A", "0:A"};
    for (size_t i = 0; i < 4; i++) {
        if (f->kind == ENGINE_LOCAL_COLLIDING && i > 1) {
            continue; /* ordinals of lists that share a key are not exact there */
        }
        factum_read_request request = reading(sources[i], names[i]);
        request.from = FACTUM_FROM_AFTER;
        request.from_value = place;
        assert_string_equal(read_text(f, &request), after[i]);
        request.backwards = true;
        assert_string_equal(read_text(f, &request), before[i]);
        request.from_value = UINT64_MAX;
        request.backwards = false;
        assert_string_equal(read_text(f, &request), "");
        request.from_value = 0;
        request.backwards = true;
        assert_string_equal(read_text(f, &request), "");
    }
}

/* Reads the whole query: counts its events, and returns the place where the decision is made. */
static size_t read_query(struct fixture *f, const struct asked *asked, uint64_t *place)
{
    struct fct_reader *reader;
    factum_event event;
    factum_status status;
    size_t count = 0;
    factum_read_request request = querying(asked);
    OK(fct_engine_read(&f->engine, &request, false, &reader, &f->err));
    while ((status = fct_reader_next(reader, &event, &f->err)) == FACTUM_OK) {
        assert_true(event.position <= reader->place);
        count++;
    }
    assert_status(status, FACTUM_DONE);
    *place = reader->place;
    fct_reader_close(reader);
    return count;
}

static factum_status append_decided(struct fixture *f, const struct asked *asked, uint64_t place)
{
    factum_slice tag = FCT_SLICE("seat:7");
    factum_new_event event = event_of("seat-7", "Taken", 0);
    event.tags = &tag;
    event.tag_count = 1;
    factum_expectation expectation = {event.stream, factum_any()};
    factum_append_condition condition = {asked->query, place};
    factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .condition = &condition,
    };
    return append_request(f, &request, NULL);
}

TEST(the_place_of_a_read_is_that_of_its_condition)
{
    struct fixture *f = *state;
    struct asked asked = {.query.item_count = 0};
    uint64_t mine;
    uint64_t other;
    append_shop(f);
    ask_for(&asked, "Taken", NULL, "seat:7", NULL);
    assert_int_equal(read_query(f, &asked, &mine), 0);
    OK(append_decided(f, &asked, mine)); /* right after the place */
    assert_status(append_decided(f, &asked, mine), FACTUM_CONDITION_FAILED);
    assert_int_equal(read_query(f, &asked, &mine), 1);
    assert_int_equal(read_query(f, &asked, &other), 1);
    append_many(f, "s-1", 2); /* what does not fit does not matter */
    OK(append_decided(f, &asked, other));
    uint64_t taken = f->result.position;
    assert_status(append_decided(f, &asked, mine), FACTUM_CONDITION_FAILED);
    assert_int_equal(f->result.conflict_position, taken);
    assert_int_equal(read_query(f, &asked, &mine), 2);
    assert_true(mine >= taken);
    OK(append_decided(f, &asked, mine)); /* the decision is made again */
}

TEST(a_query_is_followed)
{
    struct fixture *f = *state;
    struct asked asked = {.query.item_count = 0};
    struct fct_reader *reader;
    append_shop(f);
    ask_for(&asked, NULL, NULL, "customer:2", NULL);
    factum_read_request request = querying(&asked);
    OK(fct_engine_read(&f->engine, &request, true, &reader, &f->err));
    assert_string_equal(rest_text(f, reader), "0:Placed");
    OK(append_tagged(f, "payment-2", "Paid", "customer:2"));
    OK(append_tagged(f, "payment-2", "Paid", "customer:3"));
    uint64_t place = reader->place;
    assert_true(place < f->result.position);
    assert_string_equal(rest_text(f, reader), "");
    assert_int_equal(reader->place, place);
    OK(fct_reader_extend(reader, &f->err));
    assert_true(reader->place >= f->result.position);
    assert_string_equal(rest_text(f, reader), "0:Paid");
    OK(fct_reader_extend(reader, &f->err));
    assert_string_equal(rest_text(f, reader), "");
    fct_reader_close(reader);
    request.from = FACTUM_FROM_END;
    OK(fct_engine_read(&f->engine, &request, true, &reader, &f->err));
    assert_string_equal(rest_text(f, reader), "");
    OK(append_tagged(f, "order-2", "Shipped", "customer:2"));
    OK(fct_reader_extend(reader, &f->err));
    assert_string_equal(rest_text(f, reader), "0:Shipped");
    request.from = FACTUM_FROM_AFTER; /* a checkpoint: nothing twice, and no gap */
    request.from_value = reader->place;
    fct_reader_close(reader);
    assert_string_equal(read_text(f, &request), "");
    OK(append_tagged(f, "order-2", "Returned", "customer:2"));
    assert_string_equal(read_text(f, &request), "0:Returned");
}

TEST(a_query_needs_no_memory_of_its_caller_after_the_call)
{
    struct fixture *f = *state;
    struct asked asked = {.query.item_count = 0};
    char tag[] = "customer:1";
    factum_slice prefix = FCT_SLICE("order-");
    factum_filter filter = {
        .size = sizeof filter, .stream_prefixes = &prefix, .stream_prefix_count = 1};
    struct fct_reader *reader;
    append_shop(f);
    ask_for(&asked, NULL, NULL, tag, NULL);
    factum_read_request request = querying(&asked);
    request.filter = &filter;
    OK(fct_engine_read(&f->engine, &request, false, &reader, &f->err));
    memset(tag, 'x', sizeof tag - 1);
    memset(&asked, 0, sizeof asked);
    memset(&filter, 0, sizeof filter);
    prefix = FCT_SLICE("?");
    assert_string_equal(rest_text(f, reader), "0:Placed 0:Placed");
    fct_reader_close(reader);
}

TEST(a_query_sees_what_metadata_hides)
{
    struct fixture *f = *state;
    struct asked asked = {.query.item_count = 0};
    append_many(f, "s-1", 3);
    OK(set_metadata(f, "s-1", "{\"$maxCount\":1}"));
    append_many(f, "s-2", 1);
    OK(delete_stream(f, "s-2", factum_any()));
    ask_for(&asked, "A", "$metadata", NULL, NULL);
    factum_read_request request = querying(&asked);
    assert_string_equal(read_text(f, &request), "0:A 0:$metadata 0:A 0:$metadata");
    request.skip_system = true;
    assert_string_equal(read_text(f, &request), "0:A 0:A");
}

TEST(an_invalid_query_is_refused)
{
    struct fixture *f = *state;
    struct asked asked = {.query.item_count = 0};
    factum_read_request request = querying(&asked);
    assert_string_equal(read_text(f, &request), "INVALID");
    assert_string_equal(f->err.text, "the query has no items: name types or tags");
    request.query = NULL;
    assert_string_equal(read_text(f, &request), "INVALID");
    ask_for(&asked, NULL, NULL, NULL, NULL);
    request = querying(&asked);
    assert_string_equal(read_text(f, &request), "INVALID");
    assert_string_equal(f->err.text, "item 0 of the query names neither types nor tags");
    struct asked good = {.query.item_count = 0};
    ask_for(&good, "A", NULL, NULL, NULL);
    request = querying(&good);
    request.source = FACTUM_SOURCE_ALL;
    assert_string_equal(read_text(f, &request), "INVALID");
    request = querying(&good);
    request.name = FCT_SLICE("s");
    assert_string_equal(read_text(f, &request), "INVALID");
    request = querying(&good);
    request.from = FACTUM_FROM_REVISION;
    assert_string_equal(read_text(f, &request), "INVALID");
    request = querying(&good);
    request.until_revision_set = true;
    assert_string_equal(read_text(f, &request), "INVALID");
    request = querying(&good);
    assert_string_equal(read_text(f, &request), "");
}

TEST(a_query_has_its_limits)
{
    struct fixture *f = *state;
    enum { MANY = 10000 };
    static factum_query_item items[MANY];
    static factum_slice types[FACTUM_QUERY_NAMES_MAX + 1];
    static char names[FACTUM_QUERY_NAMES_MAX + 1][8];
    for (size_t i = 0; i <= FACTUM_QUERY_NAMES_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "T%zu", i);
        types[i] = factum_slice_from(names[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        items[i] = (factum_query_item){.types = types, .type_count = 1};
    }
    factum_query query = {items, MANY};
    factum_read_request request = reading(FACTUM_SOURCE_QUERY, NULL);
    request.query = &query;
    assert_string_equal(read_text(f, &request), "TOO_BIG");
    assert_string_equal(f->err.text, "the query has 10000 items: at most 64");
    query.item_count = FACTUM_QUERY_ITEMS_MAX + 1;
    assert_string_equal(read_text(f, &request), "TOO_BIG");
    query.item_count = FACTUM_QUERY_ITEMS_MAX;
    OK(append_one(f, "s-1", factum_any(), "T0"));
    assert_string_equal(read_text(f, &request), "0:T0");
    query.item_count = 1;
    items[0].type_count = FACTUM_QUERY_NAMES_MAX + 1;
    assert_string_equal(read_text(f, &request), "TOO_BIG");
    assert_string_equal(f->err.text, "the query names more than 1024 types and tags");
    items[0].type_count = FACTUM_QUERY_NAMES_MAX;
    OK(append_one(f, "s-1", factum_any(), names[FACTUM_QUERY_NAMES_MAX - 1]));
    OK(append_one(f, "s-1", factum_any(), names[FACTUM_QUERY_NAMES_MAX]));
    assert_string_equal(read_text(f, &request), "0:T0 0:T1023");
}

/* ---- filters --------------------------------------------------------------------------------- */

/* A filter of up to two words of each kind. */
struct chosen {
    factum_slice prefixes[2];
    factum_slice types[2];
    factum_slice type_prefixes[2];
    factum_filter filter;
};

static factum_filter *choose(struct chosen *chosen, const char *prefix, const char *type,
                             const char *type_prefix)
{
    factum_filter *filter = &chosen->filter;
    filter->size = sizeof *filter;
    filter->stream_prefixes = chosen->prefixes;
    filter->types = chosen->types;
    filter->type_prefixes = chosen->type_prefixes;
    if (prefix != NULL) {
        chosen->prefixes[filter->stream_prefix_count++] = factum_slice_from(prefix);
    }
    if (type != NULL) {
        chosen->types[filter->type_count++] = factum_slice_from(type);
    }
    if (type_prefix != NULL) {
        chosen->type_prefixes[filter->type_prefix_count++] = factum_slice_from(type_prefix);
    }
    return filter;
}

TEST(a_filter_is_stream_prefixes_and_types_or_their_prefixes)
{
    struct fixture *f = *state;
    append_shop(f);
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    struct chosen nothing = {.filter.size = 0};
    all.filter = choose(&nothing, NULL, NULL, NULL);
    assert_string_equal(read_text(f, &all), "0:Placed 0:Placed 0:Paid 0:Placed 0:Shipped");
    struct chosen prefix = {.filter.size = 0};
    all.filter = choose(&prefix, "payment-", NULL, NULL);
    assert_string_equal(read_text(f, &all), "0:Paid");
    all.filter = choose(&prefix, "order-3", NULL, NULL);
    assert_string_equal(read_text(f, &all), "0:Paid 0:Placed");
    struct chosen type = {.filter.size = 0};
    all.filter = choose(&type, NULL, "Paid", NULL);
    assert_string_equal(read_text(f, &all), "0:Paid");
    all.filter = choose(&type, NULL, NULL, "Sh");
    assert_string_equal(read_text(f, &all), "0:Paid 0:Shipped");
    all.filter = choose(&type, "order-", NULL, NULL);
    assert_string_equal(read_text(f, &all), "0:Shipped");
    all.backwards = true;
    all.filter = choose(&prefix, NULL, NULL, "P");
    assert_string_equal(read_text(f, &all), "0:Placed 0:Paid");
}

TEST(a_filter_works_with_any_source)
{
    struct fixture *f = *state;
    append_shop(f);
    struct chosen chosen = {.filter.size = 0};
    factum_read_request stream = reading(FACTUM_SOURCE_STREAM, "order-1");
    stream.filter = choose(&chosen, NULL, "Shipped", NULL);
    assert_string_equal(read_text(f, &stream), "1:Shipped");
    if (f->kind != ENGINE_LOCAL_COLLIDING) { /* ordinals of lists are not exact there */
        factum_read_request category = reading(FACTUM_SOURCE_CATEGORY, "order");
        category.filter = &chosen.filter;
        assert_string_equal(read_text(f, &category), "3:Shipped");
        struct chosen third = {.filter.size = 0};
        factum_read_request type = reading(FACTUM_SOURCE_TYPE, "Placed");
        type.filter = choose(&third, "order-3", NULL, NULL);
        assert_string_equal(read_text(f, &type), "2:Placed");
    }
    struct asked asked = {.query.item_count = 0};
    ask_for(&asked, NULL, NULL, "customer:1", NULL);
    factum_read_request query = querying(&asked);
    struct chosen placed = {.filter.size = 0};
    query.filter = choose(&placed, NULL, NULL, "Pl");
    assert_string_equal(read_text(f, &query), "0:Placed 0:Placed");
    query.count_max = 1;
    query.backwards = true;
    assert_string_equal(read_text(f, &query), "0:Placed");
}

TEST(a_filtered_read_is_followed)
{
    struct fixture *f = *state;
    struct chosen chosen = {.filter.size = 0};
    struct fct_reader *reader;
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    all.filter = choose(&chosen, "order-", NULL, NULL);
    OK(fct_engine_read(&f->engine, &all, true, &reader, &f->err));
    memset(&chosen, 0, sizeof chosen);
    assert_string_equal(rest_text(f, reader), "");
    append_shop(f);
    OK(fct_reader_extend(reader, &f->err));
    assert_string_equal(rest_text(f, reader), "0:Placed 0:Placed 0:Placed 0:Shipped");
    fct_reader_close(reader);
}

TEST(a_filter_has_its_limits)
{
    struct fixture *f = *state;
    static factum_slice names[FACTUM_FILTER_NAMES_MAX + 1];
    for (size_t i = 0; i <= FACTUM_FILTER_NAMES_MAX; i++) {
        names[i] = FCT_SLICE("s");
    }
    factum_read_request all = reading(FACTUM_SOURCE_ALL, NULL);
    const size_t most = FACTUM_FILTER_NAMES_MAX;
    factum_filter filters[] = {
        {.size = sizeof filters[0], .stream_prefixes = names, .stream_prefix_count = most + 1},
        {.size = sizeof filters[0], .types = names, .type_count = most + 1},
        {.size = sizeof filters[0], .type_prefixes = names, .type_prefix_count = most + 1},
    };
    for (size_t i = 0; i < 3; i++) {
        all.filter = &filters[i];
        assert_string_equal(read_text(f, &all), "TOO_BIG");
        assert_text(f->err, "65");
        assert_text(f->err, "at most 64");
    }
    append_many(f, "s-1", 2);
    filters[0].stream_prefix_count = most;
    all.filter = &filters[0];
    assert_string_equal(read_text(f, &all), "0:A 0:B");
    names[3] = FCT_SLICE("");
    assert_string_equal(read_text(f, &all), "INVALID");
    filters[0].stream_prefixes = NULL;
    assert_string_equal(read_text(f, &all), "INVALID");
}

const struct CMUnitTest query_cases[] = {
    FIXTURE_CASE(a_query_gives_events_of_any_of_its_types_with_all_of_its_tags),
    FIXTURE_CASE(an_event_that_fits_several_items_comes_once),
    FIXTURE_CASE(a_query_begins_and_ends_at_any_place),
    FIXTURE_CASE(any_source_can_be_read_from_after_a_place),
    FIXTURE_CASE(the_place_of_a_read_is_that_of_its_condition),
    FIXTURE_CASE(a_query_is_followed),
    FIXTURE_CASE(a_query_needs_no_memory_of_its_caller_after_the_call),
    FIXTURE_CASE(a_query_sees_what_metadata_hides),
    CASE_ONCE(an_invalid_query_is_refused),
    CASE_ONCE(a_query_has_its_limits),
    FIXTURE_CASE(a_filter_is_stream_prefixes_and_types_or_their_prefixes),
    FIXTURE_CASE(a_filter_works_with_any_source),
    FIXTURE_CASE(a_filtered_read_is_followed),
    CASE_ONCE(a_filter_has_its_limits),
};
const size_t query_case_count = sizeof query_cases / sizeof query_cases[0];
