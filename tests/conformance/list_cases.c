/* list_cases.c - conformance: the names in use, in the order in which they first appeared, page
 * by page. */
#include "fixture.h"

#include <string.h>

static factum_list_request listing(factum_list_kind kind)
{
    return (factum_list_request){.size = sizeof(factum_list_request), .kind = kind};
}

/* The names that |request| lists, as "name name ..."; a failure as the name of its status. *last
 * is the first position of the last name. */
static const char *page_text(struct fixture *f, const factum_list_request *request, uint64_t *last)
{
    static char text[2000];
    struct fct_lister *lister;
    factum_list_entry entry;
    size_t used = 0;
    text[0] = '\0';
    factum_status status = fct_engine_list(&f->engine, request, &lister, &f->err);
    if (status != FACTUM_OK) {
        return factum_status_text(status);
    }
    while ((status = fct_lister_next(lister, &entry, &f->err)) == FACTUM_OK) {
        used += (size_t)snprintf(text + used, sizeof text - used, used == 0 ? "%.*s" : " %.*s",
                                 FCT_FMT(entry.name));
        assert_true(used < sizeof text);
        assert_true(last == NULL || entry.first_position >= *last);
        if (last != NULL) {
            *last = entry.first_position;
        }
    }
    assert_status(fct_lister_next(lister, &entry, &f->err), FACTUM_DONE);
    fct_lister_close(lister);
    return status == FACTUM_DONE ? text : factum_status_text(status);
}

static const char *list_text(struct fixture *f, const factum_list_request *request)
{
    return page_text(f, request, NULL);
}

static const char *kind_text(struct fixture *f, factum_list_kind kind)
{
    factum_list_request request = listing(kind);
    return list_text(f, &request);
}

static const char *prefix_text(struct fixture *f, factum_list_kind kind, const char *prefix)
{
    factum_list_request request = listing(kind);
    request.prefix = factum_slice_from(prefix);
    return list_text(f, &request);
}

static const char *category_text(struct fixture *f, const char *category, const char *prefix)
{
    factum_list_request request = listing(FACTUM_LIST_STREAMS);
    request.category = factum_slice_from(category);
    request.prefix = factum_slice_from(prefix);
    return list_text(f, &request);
}

/* Where hashes collide, only stream names are told apart. Hashes of a real store do not collide. */
static bool collides(const struct fixture *f)
{
    return f->kind == ENGINE_LOCAL_COLLIDING;
}

static void append_with_tags(struct fixture *f, const char *stream, const char *const *tags,
                             size_t count)
{
    factum_slice slices[8];
    factum_new_event event = event_of(stream, "T", 0);
    factum_expectation expectation = {event.stream, factum_any()};
    for (size_t i = 0; i < count; i++) {
        slices[i] = factum_slice_from(tags[i]);
    }
    event.tags = slices;
    event.tag_count = count;
    OK(append_events(f, &event, 1, &expectation, 1));
}

TEST(names_are_listed_in_the_order_in_which_they_appeared)
{
    struct fixture *f = *state;
    OK(append_one(f, "order-2", factum_any(), "Placed"));
    OK(append_one(f, "plain", factum_any(), "Noted"));
    OK(append_one(f, "order-1", factum_any(), "Placed"));
    OK(append_one(f, "order-2", factum_any(), "Paid"));
    OK(append_one(f, "cart-1", factum_any(), "Noted"));
    assert_string_equal(kind_text(f, FACTUM_LIST_STREAMS), "order-2 plain order-1 cart-1");
    if (!collides(f)) {
        assert_string_equal(kind_text(f, FACTUM_LIST_CATEGORIES), "order cart");
        assert_string_equal(kind_text(f, FACTUM_LIST_TYPES), "Placed Noted Paid");
        assert_string_equal(kind_text(f, FACTUM_LIST_TAGS), "");
    }
}

TEST(the_order_is_the_same_after_a_reopening)
{
    struct fixture *f = *state;
    for (int round = 0; round < 4; round++) {
        char name[8];
        for (int i = 4; i > round; i--) {
            (void)snprintf(name, sizeof name, "%c-%d", 'a' + i, round);
            OK(append_one(f, name, factum_any(), name));
        }
        fixture_reopen(f);
    }
    const char *expected = "e-0 d-0 c-0 b-0 e-1 d-1 c-1 e-2 d-2 e-3";
    assert_string_equal(kind_text(f, FACTUM_LIST_STREAMS), expected);
    if (!collides(f)) {
        assert_string_equal(kind_text(f, FACTUM_LIST_TYPES), expected);
        assert_string_equal(kind_text(f, FACTUM_LIST_CATEGORIES), "e d c b");
    }
}

TEST(an_entry_has_its_count_and_its_first_and_last_positions)
{
    struct fixture *f = *state;
    struct fct_lister *lister;
    factum_list_entry entry;
    append_many(f, "s-1", 3);
    uint64_t first = f->result.position;
    if (collides(f)) {
        return;
    }
    factum_list_request request = listing(FACTUM_LIST_STREAMS);
    OK(fct_engine_list(&f->engine, &request, &lister, &f->err));
    append_many(f, "s-1", 2);
    OK(fct_lister_next(lister, &entry, &f->err));
    assert_int_equal(entry.event_count,
                     5); /* the figures are those of the moment at which it is given */
    assert_true(entry.first_position < first);
    assert_int_equal(entry.last_position, f->result.position);
    assert_true(entry.first_created <= entry.last_created);
    assert_int_equal(entry.reserved[0], 0);
    assert_int_equal(entry.reserved[1], 0);
    fct_lister_close(lister);
}

TEST(a_name_that_appears_after_a_list_was_opened_is_not_in_it)
{
    struct fixture *f = *state;
    struct fct_lister *lister;
    factum_list_entry entry;
    factum_list_request request = listing(FACTUM_LIST_STREAMS);
    append_many(f, "s-1", 1);
    OK(fct_engine_list(&f->engine, &request, &lister, &f->err));
    append_many(f, "s-2", 1);
    OK(fct_lister_next(lister, &entry, &f->err));
    assert_status(fct_lister_next(lister, &entry, &f->err), FACTUM_DONE);
    fct_lister_close(lister);
}

TEST(a_page_continues_after_the_first_position_of_the_last_name)
{
    struct fixture *f = *state;
    char all[400];
    char pages[400] = "";
    for (int i = 0; i < 25; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "s-%d", (i * 7) % 25);
        append_many(f, name, 1 + i % 3);
    }
    (void)snprintf(all, sizeof all, "%s", kind_text(f, FACTUM_LIST_STREAMS));
    factum_list_request request = listing(FACTUM_LIST_STREAMS);
    request.count_max = 4;
    int count = 0;
    for (;; count++) {
        const char *page = page_text(f, &request, &request.after);
        if (page[0] == '\0') {
            break;
        }
        size_t used = strlen(pages);
        (void)snprintf(pages + used, sizeof pages - used, used == 0 ? "%s" : " %s", page);
    }
    assert_string_equal(pages, all);
    assert_int_equal(count, 7);
    request.after = UINT64_MAX;
    assert_string_equal(list_text(f, &request), "");
}

TEST(tags_of_one_event_are_listed_in_its_order_and_never_parted_by_a_page)
{
    struct fixture *f = *state;
    if (collides(f)) {
        return;
    }
    append_with_tags(f, "s-1", (const char *const[]){"z", "a", "z"}, 3);
    append_with_tags(f, "s-1", (const char *const[]){"a", "m"}, 2);
    append_with_tags(f, "s-1", (const char *const[]){"b", "m", "c"}, 3);
    assert_string_equal(kind_text(f, FACTUM_LIST_TAGS), "z a m b c");
    factum_list_request request = listing(FACTUM_LIST_TAGS);
    request.count_max = 1;
    assert_string_equal(page_text(f, &request, &request.after), "z a");
    assert_string_equal(page_text(f, &request, &request.after), "m");
    assert_string_equal(page_text(f, &request, &request.after), "b c");
    assert_string_equal(page_text(f, &request, &request.after), "");
}

TEST(the_streams_of_a_category_are_listed)
{
    struct fixture *f = *state;
    const char *const names[] = {"order-1", "cart-1", "order-2", "orders-1", "order", "order-3"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        append_many(f, names[i], 1);
        if (i % 3 == 0) {
            fixture_reopen(f);
        }
    }
    assert_string_equal(category_text(f, "order", ""), "order-1 order-2 order-3");
    assert_string_equal(category_text(f, "order", "order-2"), "order-2");
    assert_string_equal(category_text(f, "order", "cart-"), "");
    assert_string_equal(category_text(f, "orders", ""), "orders-1");
    assert_string_equal(category_text(f, "ord", ""), "");
    factum_list_request request = listing(FACTUM_LIST_STREAMS);
    request.category = FCT_SLICE("order");
    request.count_max = 2;
    assert_string_equal(page_text(f, &request, &request.after), "order-1 order-2");
    assert_string_equal(page_text(f, &request, &request.after), "order-3");
}

TEST(names_with_a_prefix_are_listed)
{
    struct fixture *f = *state;
    OK(append_one(f, "order-41", factum_any(), "OrderPlaced"));
    OK(append_one(f, "cart-1", factum_any(), "CartFilled"));
    OK(append_one(f, "order-5", factum_any(), "OrderPaid"));
    OK(append_one(f, "order-42", factum_any(), "OrderPaid"));
    OK(append_one(f, "orange", factum_any(), "Noted"));
    assert_string_equal(prefix_text(f, FACTUM_LIST_STREAMS, "order-4"), "order-41 order-42");
    assert_string_equal(prefix_text(f, FACTUM_LIST_STREAMS, "order-"), "order-41 order-5 order-42");
    assert_string_equal(prefix_text(f, FACTUM_LIST_STREAMS, "or"),
                        "order-41 order-5 order-42 orange");
    assert_string_equal(prefix_text(f, FACTUM_LIST_STREAMS, "order-41x"), "");
    assert_string_equal(prefix_text(f, FACTUM_LIST_STREAMS, "-"), "");
    if (!collides(f)) {
        assert_string_equal(prefix_text(f, FACTUM_LIST_CATEGORIES, "or"), "order");
        assert_string_equal(prefix_text(f, FACTUM_LIST_TYPES, "OrderPa"), "OrderPaid");
    }
}

TEST(system_streams_and_deleted_streams_are_listed)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 2);
    OK(fct_engine_remove(&f->engine, FACTUM_ACTION_DELETE, FCT_SLICE("s-1"), factum_any(), NULL,
                         &f->err));
    append_many(f, "s-2", 1);
    OK(fct_engine_remove(&f->engine, FACTUM_ACTION_TOMBSTONE, FCT_SLICE("s-2"), factum_any(), NULL,
                         &f->err));
    fixture_reopen(f);
    assert_string_equal(kind_text(f, FACTUM_LIST_STREAMS), "s-1 $$s-1 s-2");
    assert_string_equal(prefix_text(f, FACTUM_LIST_STREAMS, "$"), "$$s-1");
    append_many(f, "s-1", 1); /* no new name */
    assert_string_equal(kind_text(f, FACTUM_LIST_STREAMS), "s-1 $$s-1 s-2");
}

TEST(a_stream_that_has_nothing_but_its_tombstone_is_listed)
{
    struct fixture *f = *state;
    append_many(f, "s-1", 1);
    OK(fct_engine_remove(&f->engine, FACTUM_ACTION_TOMBSTONE, FCT_SLICE("never-1"), factum_any(),
                         NULL, &f->err));
    OK(fct_engine_remove(&f->engine, FACTUM_ACTION_TOMBSTONE, FCT_SLICE("s-1"), factum_any(), NULL,
                         &f->err));
    assert_string_equal(kind_text(f, FACTUM_LIST_STREAMS), "s-1 never-1");
    fixture_reopen(f);
    assert_string_equal(kind_text(f, FACTUM_LIST_STREAMS), "s-1 never-1");
    assert_string_equal(category_text(f, "never", ""), "never-1");
}

TEST(events_of_one_append_are_listed_in_its_order)
{
    struct fixture *f = *state;
    factum_new_event events[] = {event_of("b-1", "B", 0), event_of("a-1", "A", 0),
                                 event_of("b-1", "C", 0), event_of("c-1", "A", 0)};
    factum_expectation expectations[] = {{FCT_SLICE("a-1"), factum_any()},
                                         {FCT_SLICE("b-1"), factum_any()},
                                         {FCT_SLICE("c-1"), factum_any()}};
    OK(append_events(f, events, 4, expectations, 3));
    assert_string_equal(kind_text(f, FACTUM_LIST_STREAMS), "b-1 a-1 c-1");
    if (!collides(f)) {
        assert_string_equal(kind_text(f, FACTUM_LIST_TYPES), "B A C");
        assert_string_equal(kind_text(f, FACTUM_LIST_CATEGORIES), "b a c");
    }
}

TEST(an_empty_store_lists_nothing)
{
    struct fixture *f = *state;
    for (int kind = FACTUM_LIST_STREAMS; kind <= FACTUM_LIST_TAGS; kind++) {
        assert_string_equal(kind_text(f, (factum_list_kind)kind), "");
    }
    assert_string_equal(category_text(f, "order", ""), "");
}

static void assert_refused(struct fixture *f, const factum_list_request *request, const char *text)
{
    struct fct_lister *lister = (struct fct_lister *)(void *)f;
    assert_status(fct_engine_list(&f->engine, request, &lister, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, text);
    assert_null(lister);
}

TEST(an_invalid_list_request_is_refused_with_the_reason)
{
    struct fixture *f = *state;
    static char big[FACTUM_NAME_SIZE_MAX + 1];
    memset(big, 'x', sizeof big);
    assert_refused(f, NULL, "list: the request is NULL");
    factum_list_request request = listing(FACTUM_LIST_STREAMS);
    request.size = 0;
    assert_refused(f, &request, "list: the request has size 0: set it to sizeof the struct");
    request = listing((factum_list_kind)4);
    assert_refused(f, &request, "list: kind 4 is not known");
    request = listing(FACTUM_LIST_TAGS);
    request.category = FCT_SLICE("order");
    assert_refused(f, &request, "list: only streams have a category: unset it");
    request = listing(FACTUM_LIST_STREAMS);
    request.category = fct_slice(big, sizeof big);
    assert_refused(f, &request, "list: the category has 1025 bytes: names have 1024 at most");
    request.category = FCT_SLICE("\xff");
    assert_refused(f, &request, "list: the category is not UTF-8 text");
    request = listing(FACTUM_LIST_TYPES);
    request.prefix = fct_slice(big, sizeof big);
    assert_refused(f, &request, "list: the prefix has 1025 bytes: names have 1024 at most");
    request.prefix = FCT_SLICE("\xc3");
    assert_refused(f, &request, "list: the prefix is not UTF-8 text");
    request.prefix = (factum_slice){.ptr = NULL, .len = 1};
    assert_refused(f, &request, "list: the prefix has a length and no text");
    request.prefix = fct_slice(big, FACTUM_NAME_SIZE_MAX);
    assert_string_equal(list_text(f, &request), "");
}

const struct CMUnitTest list_cases[] = {
    FIXTURE_CASE(names_are_listed_in_the_order_in_which_they_appeared),
    FIXTURE_CASE(the_order_is_the_same_after_a_reopening),
    FIXTURE_CASE(an_entry_has_its_count_and_its_first_and_last_positions),
    FIXTURE_CASE(a_name_that_appears_after_a_list_was_opened_is_not_in_it),
    FIXTURE_CASE(a_page_continues_after_the_first_position_of_the_last_name),
    FIXTURE_CASE(tags_of_one_event_are_listed_in_its_order_and_never_parted_by_a_page),
    FIXTURE_CASE(the_streams_of_a_category_are_listed),
    FIXTURE_CASE(names_with_a_prefix_are_listed),
    FIXTURE_CASE(system_streams_and_deleted_streams_are_listed),
    FIXTURE_CASE(a_stream_that_has_nothing_but_its_tombstone_is_listed),
    FIXTURE_CASE(events_of_one_append_are_listed_in_its_order),
    FIXTURE_CASE(an_empty_store_lists_nothing),
    FIXTURE_CASE(an_invalid_list_request_is_refused_with_the_reason),
};
const size_t list_case_count = sizeof list_cases / sizeof list_cases[0];
