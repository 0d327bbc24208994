/* check_test.c - the checks of reads, lists, questions, listeners, and of the context of any call:
 * an invalid one is refused with a text and does not reach the engine. */
#include "support/check_fixture.h"

/* ---- the context of a call ------------------------------------------------------------------- */

/* A read, an append in both its forms, and a question, with this call. */
static factum_status call_read(struct fixture *f, const factum_call *call)
{
    struct fct_reader *reader;
    const factum_read_request request = {.size = sizeof request, .call = call};
    return fct_engine_read(&f->engine, &request, false, &reader, &f->err);
}

static factum_status call_append(struct fixture *f, const factum_call *call)
{
    factum_append_request request = {.size = sizeof request, .call = call};
    return append(f, &request);
}

static factum_status call_submit(struct fixture *f, const factum_call *call)
{
    factum_append_request request = {.size = sizeof request, .call = call};
    return submit(f, FACTUM_ACTION_APPEND, &request);
}

static void asked(factum_question *question)
{
    (void)question;
    fail();
}

static factum_status call_ask(struct fixture *f, const factum_call *call)
{
    factum_question question = {
        .size = sizeof question, .kind = FACTUM_ASK_PLACE, .call = call, .done = asked};
    return fct_engine_ask(&f->engine, &question, &f->err);
}

static const struct {
    factum_status (*with)(struct fixture *f, const factum_call *call);
    const char *late;
} calls[] = {
    {call_read, "read: the deadline has passed"},
    {call_append, "append: the deadline has passed"},
    {call_submit, "append: the deadline has passed"},
    {call_ask, "ask: the deadline has passed"},
};

TEST(after_its_deadline_nothing_is_begun)
{
    struct fixture *f = *state;
    fct_sim_disk_set_time(f->disk, 1000);
    for (size_t i = 0; i < 4; i++) {
        factum_call call = {.size = sizeof call};
        assert_passes(f, calls[i].with(f, NULL));
        assert_passes(f, calls[i].with(f, &call));
        call.deadline = 1001;
        assert_passes(f, calls[i].with(f, &call));
        call.deadline = 1000;
        assert_refused(f, calls[i].with(f, &call), FACTUM_EXPIRED, calls[i].late);
        call.deadline = 1;
        assert_refused(f, calls[i].with(f, &call), FACTUM_EXPIRED, calls[i].late);
    }
}

struct newer_call {
    factum_call call;
    uint64_t more;
};

TEST(calls_of_older_and_newer_programs_are_read_as_far_as_they_go)
{
    struct fixture *f = *state;
    factum_call older = {.size = offsetof(factum_call, principal), .deadline = UINT64_MAX};
    older.principal = fct_slice(NULL, 99); /* its program does not know the member */
    struct newer_call newer = {.call = {.size = sizeof newer, .principal = FCT_SLICE("ann")}};
    factum_call unset = {.size = 0};
    for (size_t i = 0; i < 4; i++) {
        assert_passes(f, calls[i].with(f, &older));
        newer.more = 0;
        assert_passes(f, calls[i].with(f, &newer.call));
        newer.more = 1;
        assert_refused(f, calls[i].with(f, &newer.call), FACTUM_INVALID,
                       "the context of a call sets a member that this version");
        assert_refused(f, calls[i].with(f, &unset), FACTUM_INVALID,
                       "the context of a call has size 0: set it to sizeof the struct");
    }
    newer.more = 0;
    assert_int_equal(fct_call_get(&older).deadline, UINT64_MAX);
    assert_int_equal(fct_call_get(&older).principal.len, 0);
    assert_int_equal(fct_call_get(&newer.call).principal.len, 3);
    assert_int_equal(fct_call_get(NULL).deadline, 0);
    assert_int_equal(fct_call_get(NULL).principal.len, 0);
}

/* ---- reads ----------------------------------------------------------------------------------- */

static const factum_read_request plain_read = {
    .size = sizeof plain_read, .source = FACTUM_SOURCE_STREAM, .name = {(const uint8_t *)"s-1", 3}};

static factum_status read_it(struct fixture *f, const factum_read_request *request, bool follow)
{
    struct fct_reader *reader = (struct fct_reader *)(void *)f;
    factum_status status = fct_engine_read(&f->engine, request, follow, &reader, &f->err);
    assert_true(status == FACTUM_OK ? reader != NULL : reader == NULL);
    return status;
}

TEST(an_invalid_read_request_is_refused)
{
    struct fixture *f = *state;
    factum_read_request request = plain_read;
#define REFUSED(text)                                                                              \
    assert_refused(f, read_it(f, &request, false), FACTUM_INVALID, text);                          \
    request = plain_read
    assert_passes(f, read_it(f, &request, false));
    assert_refused(f, read_it(f, NULL, false), FACTUM_INVALID, "read: the request is NULL");
    request.size = 7;
    REFUSED("read: the request has size 7");
    request.source = (factum_source)7;
    REFUSED("read: source 7 or start 0 is not known");
    request.from = (factum_from)5;
    REFUSED("read: source 1 or start 5 is not known");
    request.name = fct_slice(NULL, 0);
    REFUSED("the stream or list to read has no name");
    request.name = fct_slice(NULL, 3);
    REFUSED("the stream or list to read has no name");
    request.query = (const factum_query *)(const void *)f;
    REFUSED("read: a query goes with FACTUM_SOURCE_QUERY");
    request.source = FACTUM_SOURCE_ALL;
    REFUSED("read: the whole log and queries have no name");
    request = (factum_read_request){.size = sizeof request, .from = FACTUM_FROM_REVISION};
    REFUSED("the whole log has positions, no revisions");
    request = (factum_read_request){.size = sizeof request, .until_revision_set = true};
    REFUSED("the whole log has positions, no revisions");
#undef REFUSED
}

TEST(a_subscription_has_no_end)
{
    struct fixture *f = *state;
    factum_read_request request = plain_read;
#define REFUSED                                                                                    \
    assert_passes(f, read_it(f, &request, false));                                                 \
    assert_refused(f, read_it(f, &request, true), FACTUM_INVALID,                                  \
                   "a subscription goes forward and has no end: unset backwards, count_max and "   \
                   "until");                                                                       \
    request = plain_read
    assert_passes(f, read_it(f, &request, true));
    assert_true(f->follow);
    request.backwards = true;
    REFUSED;
    request.count_max = 1;
    REFUSED;
    request.until_time_set = true;
    REFUSED;
    request.until_created_set = true;
    REFUSED;
    request.until_revision_set = true;
    REFUSED;
    request.until_position_set = true;
    REFUSED;
#undef REFUSED
}

TEST(virtual_streams_become_their_source)
{
    static const struct {
        const char *name;
        factum_source source;
        const char *rest;
    } cases[] = {
        {"$ce-order", FACTUM_SOURCE_CATEGORY, "order"}, {"$et-T", FACTUM_SOURCE_TYPE, "T"},
        {"$bc-c-1", FACTUM_SOURCE_CORRELATION, "c-1"},  {"$ce-", FACTUM_SOURCE_STREAM, "$ce-"},
        {"$$$ce-a", FACTUM_SOURCE_STREAM, "$$$ce-a"},   {"s-1", FACTUM_SOURCE_STREAM, "s-1"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        factum_read_request request = plain_read;
        request.name = factum_slice_from(cases[i].name);
        assert_passes(f, read_it(f, &request, false));
        assert_int_equal(f->read.source, cases[i].source);
        assert_true(fct_slice_equal(f->read.name, factum_slice_from(cases[i].rest)));
        bool is_virtual = cases[i].source != FACTUM_SOURCE_STREAM;
        assert_int_equal(fct_engine_is_virtual(request.name), is_virtual);
    }
    factum_read_request request = plain_read; /* a tag may have any name */
    request.source = FACTUM_SOURCE_TAG;
    request.name = FCT_SLICE("$ce-a");
    assert_passes(f, read_it(f, &request, false));
    assert_int_equal(f->read.source, FACTUM_SOURCE_TAG);
    assert_int_equal(f->read.name.len, 5);
}

TEST(without_one_order_there_are_streams_and_lists_only)
{
    struct fixture *f = *state;
    factum_slice type = FCT_SLICE("T");
    factum_query_item item = {.types = &type, .type_count = 1};
    const factum_query query = {&item, 1};
    const factum_read_request by_query = {
        .size = sizeof by_query, .source = FACTUM_SOURCE_QUERY, .query = &query};
    const factum_read_request all = {.size = sizeof all};
    assert_passes(f, read_it(f, &all, true));
    assert_passes(f, read_it(f, &by_query, false));
    f->ops.capabilities = ~(uint32_t)FACTUM_CAPABILITY_TOTAL_ORDER;
    assert_refused(f, read_it(f, &all, true), FACTUM_UNSUPPORTED,
                   "this store has no order over all streams: read a stream or a list");
    assert_refused(f, read_it(f, &by_query, false), FACTUM_UNSUPPORTED,
                   "no order over all streams");
    assert_passes(f, read_it(f, &plain_read, true));
}

static factum_status read_filtered(struct fixture *f, const factum_filter *filter)
{
    factum_read_request request = plain_read;
    request.filter = filter;
    return read_it(f, &request, false);
}

TEST(a_filter_may_have_64_of_each_and_not_one_more)
{
    struct fixture *f = *state;
    factum_slice names[65];
    for (size_t i = 0; i < 65; i++) {
        names[i] = FCT_SLICE("x");
    }
    factum_filter filter = {.size = sizeof filter,
                            .stream_prefixes = names,
                            .stream_prefix_count = 64,
                            .types = names,
                            .type_count = 64,
                            .type_prefixes = names,
                            .type_prefix_count = 64};
    assert_passes(f, read_filtered(f, &filter));
    assert_int_equal(f->filter.type_prefix_count, 64);
    filter.type_prefix_count = 65;
    assert_refused(f, read_filtered(f, &filter), FACTUM_TOO_BIG,
                   "a filter has 65 type prefixes: at most 64");
    filter.type_count = 65;
    assert_refused(f, read_filtered(f, &filter), FACTUM_TOO_BIG,
                   "a filter has 65 types: at most 64");
    filter.stream_prefix_count = SIZE_MAX;
    assert_refused(f, read_filtered(f, &filter), FACTUM_TOO_BIG, "stream prefixes: at most 64");
}

TEST(an_invalid_filter_is_refused)
{
    struct fixture *f = *state;
    factum_slice name = FCT_SLICE("");
    factum_filter filter = {.size = 0};
    assert_refused(f, read_filtered(f, &filter), FACTUM_INVALID, "read: the filter has size 0");
    filter = (factum_filter){.size = sizeof filter};
    assert_passes(f, read_filtered(f, &filter)); /* everything passes it */
    filter.types = &name;
    filter.type_count = 1;
    assert_refused(f, read_filtered(f, &filter), FACTUM_INVALID,
                   "a filter's types: one of them has no name: give it one");
    filter.types = NULL;
    assert_refused(f, read_filtered(f, &filter), FACTUM_INVALID, "a filter has types at NULL");
    filter.size = offsetof(factum_filter, types); /* its program knows prefixes of streams only */
    assert_passes(f, read_filtered(f, &filter));
    assert_int_equal(f->filter.size, sizeof f->filter);
    assert_int_equal(f->filter.type_count, 0);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static factum_status list_it(struct fixture *f, const factum_list_request *request)
{
    struct fct_lister *lister = (struct fct_lister *)(void *)f;
    factum_status status = fct_engine_list(&f->engine, request, &lister, &f->err);
    assert_true(status == FACTUM_OK ? lister != NULL : lister == NULL);
    return status;
}

TEST(an_invalid_list_request_is_refused)
{
    struct fixture *f = *state;
    factum_list_request request = {.size = sizeof request, .category = FCT_SLICE("order")};
    assert_passes(f, list_it(f, &request));
    assert_refused(f, list_it(f, NULL), FACTUM_INVALID, "list: the request is NULL");
    request.kind = FACTUM_LIST_TAGS;
    assert_refused(f, list_it(f, &request), FACTUM_INVALID,
                   "list: only streams have a category: unset it");
    request = (factum_list_request){.size = sizeof request, .prefix = sized(f, 1025)};
    assert_refused(f, list_it(f, &request), FACTUM_INVALID,
                   "list: the prefix has 1025 bytes: names have 1024 at most");
    request.prefix.len = 1024;
    assert_passes(f, list_it(f, &request));
    request.kind = (factum_list_kind)4;
    assert_refused(f, list_it(f, &request), FACTUM_INVALID, "list: kind 4 is not known");
    request = (factum_list_request){.size = sizeof request, .category = FCT_SLICE("\xff")};
    assert_refused(f, list_it(f, &request), FACTUM_INVALID, "list: the category is not UTF-8 text");
    request.category = fct_slice(NULL, 3);
    assert_refused(f, list_it(f, &request), FACTUM_INVALID,
                   "list: the category has a length and no text");
    f->ops.capabilities = ~(uint32_t)FACTUM_CAPABILITY_LIST;
    request = (factum_list_request){.size = sizeof request};
    assert_refused(f, list_it(f, &request), FACTUM_UNSUPPORTED,
                   "this store keeps no lists of names");
}

TEST(an_older_list_request_is_completed)
{
    struct fixture *f = *state;
    factum_list_request request = {
        .size = offsetof(factum_list_request, after), .after = 7, .count_max = 7};
    assert_passes(f, list_it(f, &request));
    assert_int_equal(f->list.size, sizeof f->list);
    assert_int_equal(f->list.after, 0);
    assert_int_equal(f->list.count_max, 0);
}

/* ---- questions ------------------------------------------------------------------------------- */

/* A question of |kind|, with room for its answer. */
static factum_question question_of(factum_question_kind kind)
{
    static factum_stream_info stream;
    static factum_key_info key;
    static factum_info info;
    static factum_event_copy event;
    stream = (factum_stream_info){.size = sizeof stream};
    key = (factum_key_info){.size = sizeof key};
    info = (factum_info){.size = sizeof info};
    return (factum_question){.size = sizeof(factum_question),
                             .kind = kind,
                             .source = FACTUM_SOURCE_TYPE,
                             .name = FCT_SLICE("x"),
                             .stream = &stream,
                             .key = &key,
                             .info = &info,
                             .event = &event,
                             .done = asked};
}

static factum_status ask(struct fixture *f, factum_question *question)
{
    return fct_engine_ask(&f->engine, question, &f->err);
}

TEST(a_question_needs_a_kind_and_a_callback)
{
    struct fixture *f = *state;
    for (int kind = FACTUM_ASK_PLACE; kind <= FACTUM_ASK_INFO; kind++) {
        factum_question question = question_of((factum_question_kind)kind);
        assert_passes(f, ask(f, &question));
        question.done = NULL;
        assert_refused(f, ask(f, &question), FACTUM_INVALID,
                       "ask: a question needs a done function");
        question.size--;
        assert_refused(f, ask(f, &question), FACTUM_INVALID,
                       "ask: a question is needed, with size = sizeof(factum_question)");
    }
    assert_refused(f, ask(f, NULL), FACTUM_INVALID, "ask: a question is needed");
    for (int kind = 0; kind <= FACTUM_ASK_INFO + 1; kind += FACTUM_ASK_INFO + 1) {
        factum_question question = question_of((factum_question_kind)kind);
        assert_refused(f, ask(f, &question), FACTUM_INVALID, "is not known");
    }
}

TEST(a_question_needs_room_for_its_answer)
{
    struct fixture *f = *state;
    factum_question question = question_of(FACTUM_ASK_STREAM);
    question.stream->size = 0;
    assert_refused(f, ask(f, &question), FACTUM_INVALID, "stream: the answer has size 0");
    question.stream = NULL;
    assert_refused(f, ask(f, &question), FACTUM_INVALID, "stream: the answer is NULL");
    question = question_of(FACTUM_ASK_EVENT);
    question.event = NULL;
    assert_refused(f, ask(f, &question), FACTUM_INVALID, "read: no memory for the event was given");
    question = question_of(FACTUM_ASK_FIND_EVENT);
    question.name.len = 0; /* any stream */
    assert_passes(f, ask(f, &question));
    question.event = NULL;
    assert_refused(f, ask(f, &question), FACTUM_INVALID, "read: no memory for the event was given");
    question = question_of(FACTUM_ASK_KEY);
    question.key->size = SIZE_MAX;
    assert_refused(f, ask(f, &question), FACTUM_INVALID, "key: the answer has size 18446744");
    question = question_of(FACTUM_ASK_INFO);
    question.info = NULL;
    assert_refused(f, ask(f, &question), FACTUM_INVALID, "info: the answer is NULL");
}

TEST(a_question_names_something)
{
    static const struct {
        factum_question_kind kind;
        const char *text;
    } cases[] = {
        {FACTUM_ASK_STREAM, "the stream has no name"},
        {FACTUM_ASK_KEY, "an idempotency key has no name"},
        {FACTUM_ASK_COUNT, "the list to count in has no name"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        factum_question question = question_of(cases[i].kind);
        question.name.len = 0;
        assert_refused(f, ask(f, &question), FACTUM_INVALID, cases[i].text);
        question.name = sized(f, FACTUM_NAME_SIZE_MAX + 1);
        assert_refused(f, ask(f, &question), FACTUM_TOO_BIG, "has a name of 1025 bytes");
    }
    factum_question question = question_of(FACTUM_ASK_FIND_EVENT);
    question.name = FCT_SLICE("\xff");
    assert_refused(f, ask(f, &question), FACTUM_INVALID, "the stream has a name that is not UTF-8");
}

TEST(events_are_counted_in_lists_only)
{
    struct fixture *f = *state;
    const factum_source none[] = {FACTUM_SOURCE_ALL, FACTUM_SOURCE_QUERY, (factum_source)7};
    for (size_t i = 0; i < 3; i++) {
        factum_question question = question_of(FACTUM_ASK_COUNT);
        question.source = none[i];
        assert_refused(f, ask(f, &question), FACTUM_INVALID,
                       "count: name a stream, category, type, correlation id or tag");
    }
    factum_question question = question_of(FACTUM_ASK_COUNT);
    question.source = FACTUM_SOURCE_STREAM;
    question.name = FCT_SLICE("$ce-order");
    assert_passes(f, ask(f, &question));
    assert_int_equal(question.source, FACTUM_SOURCE_CATEGORY);
    assert_true(fct_slice_equal(question.name, FCT_SLICE("order")));
}

/* ---- listeners ------------------------------------------------------------------------------- */

static void notify(void *data, uint32_t news)
{
    (void)data;
    (void)news;
}

TEST(an_invalid_listener_is_refused)
{
    struct fixture *f = *state;
    const char *text = "listen: a listener is needed, with size = sizeof(factum_listener) and a "
                       "notify function";
    factum_listener listener = {.size = sizeof listener, .notify = notify};
    listener.internal[3] = FCT_LISTENER_DIRECT; /* is not for users */
    assert_passes(f, fct_engine_listen(&f->engine, &listener, &f->err));
    assert_null(listener.internal[3]);
    listener.size--;
    assert_refused(f, fct_engine_listen(&f->engine, &listener, &f->err), FACTUM_INVALID, text);
    listener.size = sizeof listener;
    listener.notify = NULL;
    assert_refused(f, fct_engine_listen(&f->engine, &listener, &f->err), FACTUM_INVALID, text);
    assert_refused(f, fct_engine_listen(&f->engine, NULL, &f->err), FACTUM_INVALID, text);
    fct_engine_unlisten(&f->engine, NULL);
    assert_int_equal(f->reached, 1);
    fct_engine_unlisten(&f->engine, &listener);
    assert_int_equal(f->reached, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(after_its_deadline_nothing_is_begun),
        FIXTURE_CASE(calls_of_older_and_newer_programs_are_read_as_far_as_they_go),
        FIXTURE_CASE(an_invalid_read_request_is_refused),
        FIXTURE_CASE(a_subscription_has_no_end),
        FIXTURE_CASE(virtual_streams_become_their_source),
        FIXTURE_CASE(without_one_order_there_are_streams_and_lists_only),
        FIXTURE_CASE(a_filter_may_have_64_of_each_and_not_one_more),
        FIXTURE_CASE(an_invalid_filter_is_refused),
        FIXTURE_CASE(an_invalid_list_request_is_refused),
        FIXTURE_CASE(an_older_list_request_is_completed),
        FIXTURE_CASE(a_question_needs_a_kind_and_a_callback),
        FIXTURE_CASE(a_question_needs_room_for_its_answer),
        FIXTURE_CASE(a_question_names_something),
        FIXTURE_CASE(events_are_counted_in_lists_only),
        FIXTURE_CASE(an_invalid_listener_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
