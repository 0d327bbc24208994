/* check_append_test.c - the checks of an append: a request at a limit passes, one over it is
 * refused with a text and does not reach the engine. */
#include "support/check_fixture.h"

#define MIB ((size_t)1 << 20)

/* ---- names ----------------------------------------------------------------------------------- */

TEST(a_name_may_have_1024_bytes_and_not_one_more)
{
    struct fixture *f = *state;
    const size_t most = FACTUM_NAME_SIZE_MAX;
    const char *text = "has a name of 1025 bytes, ";
    factum_new_event event = event_of(sized(f, most));
    assert_passes(f, append_one(f, &event));
    event.stream = sized(f, most + 1);
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "a stream has a name of 1025 bytes");
    event = event_of(FCT_SLICE("s-1"));
    event.type = sized(f, most);
    assert_passes(f, append_one(f, &event));
    event.type = sized(f, most + 1);
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "an event type has a name of 1025");
    event = event_of(FCT_SLICE("s-1"));
    factum_slice tag = sized(f, most);
    event.tags = &tag;
    event.tag_count = 1;
    assert_passes(f, append_one(f, &event));
    tag.len++;
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "a tag has a name of 1025 bytes");
    event.tag_count = 0;
    factum_expectation expectation;
    factum_append_request request = request_of(&event, 1, &expectation);
    request.idempotency_key = sized(f, most);
    assert_passes(f, append(f, &request));
    request.idempotency_key.len++;
    assert_refused(f, append(f, &request), FACTUM_TOO_BIG, text);
    factum_stream_info info = {.size = sizeof info};
    assert_refused(f, fct_engine_stream(&f->engine, sized(f, most + 1), &info, &f->err),
                   FACTUM_TOO_BIG, text);
}

TEST(a_name_is_utf8_text_without_a_zero_byte)
{
    struct fixture *f = *state;
    const factum_slice bad[] = {
        FCT_SLICE("\xff"),             /* never in UTF-8 */
        FCT_SLICE("a\xc3"),            /* ends within a character */
        FCT_SLICE("\xc0\xaf"),         /* overlong */
        FCT_SLICE("\xed\xa0\x80"),     /* a surrogate */
        FCT_SLICE("\xf4\x90\x80\x80"), /* beyond U+10FFFF */
        FCT_SLICE("\x80"),             /* a continuation alone */
    };
    factum_new_event zero = event_of(FCT_SLICE("a\0b"));
    assert_refused(f, append_one(f, &zero), FACTUM_INVALID,
                   "a stream has a name with a NUL byte in it: \"a\\x00b\"");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        factum_new_event event = event_of(bad[i]);
        assert_refused(f, append_one(f, &event), FACTUM_INVALID,
                       "a stream has a name that is not UTF-8 text");
        event = event_of(FCT_SLICE("s-1"));
        event.type = bad[i];
        assert_refused(f, append_one(f, &event), FACTUM_INVALID,
                       "an event type has a name that is not UTF-8 text");
        event = event_of(FCT_SLICE("s-1"));
        event.tags = &bad[i];
        event.tag_count = 1;
        assert_refused(f, append_one(f, &event), FACTUM_INVALID,
                       "a tag has a name that is not UTF-8 text");
        event.tag_count = 0;
        factum_expectation expectation;
        factum_append_request request = request_of(&event, 1, &expectation);
        request.idempotency_key = bad[i];
        assert_refused(f, append(f, &request), FACTUM_INVALID,
                       "an idempotency key has a name that is not UTF-8 text");
    }
    factum_new_event good = event_of(FCT_SLICE("\xf4\x8f\xbf\xbf \x01\xc3\xa4"));
    assert_passes(f, append_one(f, &good));
}

TEST(an_empty_name_and_one_at_null_are_refused)
{
    struct fixture *f = *state;
    const factum_slice bad[] = {{NULL, 0}, {NULL, 5}, FCT_SLICE("")};
    for (size_t i = 0; i < 3; i++) {
        factum_new_event event = event_of(bad[i]);
        assert_refused(f, append_one(f, &event), FACTUM_INVALID, "a stream has no name");
        assert_refused(f,
                       fct_engine_remove(&f->engine, FACTUM_ACTION_TOMBSTONE, bad[i], factum_any(),
                                         NULL, &f->err),
                       FACTUM_INVALID, "a stream has no name");
        assert_refused(f,
                       fct_engine_remove(&f->engine, FACTUM_ACTION_DELETE, bad[i], factum_any(),
                                         NULL, &f->err),
                       FACTUM_INVALID, "a stream has no name");
        factum_slice json = FCT_SLICE("{}");
        assert_refused(
            f, fct_engine_metadata_set(&f->engine, bad[i], factum_any(), json, NULL, &f->err),
            FACTUM_INVALID, "a stream has no name");
        factum_stream_info info = {.size = sizeof info};
        assert_refused(f, fct_engine_stream(&f->engine, bad[i], &info, &f->err), FACTUM_INVALID,
                       "the stream has no name");
        event = event_of(FCT_SLICE("s-1"));
        event.type = bad[i];
        assert_refused(f, append_one(f, &event), FACTUM_INVALID, "an event type has no name");
    }
}

TEST(names_that_the_store_makes_cannot_be_written)
{
    struct fixture *f = *state;
    const char *const made[] = {"$ce-a", "$et-T", "$bc-x", "$all"};
    for (size_t i = 0; i < 4; i++) {
        factum_new_event event = event_of(factum_slice_from(made[i]));
        assert_refused(f, append_one(f, &event), FACTUM_INVALID, "is made by the store");
    }
    factum_new_event event = event_of(FCT_SLICE("$$"));
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "$$ is not the name of a stream");
    event = event_of(FCT_SLICE("$$$$a"));
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "$$$$a is not the name of a stream");
    event = event_of(FCT_SLICE("$ce-")); /* no category: a system's name like any other */
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "are kept for the system");
    assert_true(fct_engine_is_virtual(FCT_SLICE("$ce-a")));
    assert_false(fct_engine_is_virtual(FCT_SLICE("$ce-")));
}

TEST(the_stores_own_event_types_cannot_be_written)
{
    struct fixture *f = *state;
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    event.type = FCT_SLICE("$streamDeleted");
    assert_refused(f, append_one(f, &event), FACTUM_INVALID,
                   "event type $streamDeleted is the store's own");
    event.type = FCT_SLICE("$metadata");
    assert_refused(f, append_one(f, &event), FACTUM_INVALID,
                   "event type $metadata is the store's own");
    event = event_of(FCT_SLICE("$$s-1"));
    assert_refused(f, append_one(f, &event), FACTUM_INVALID,
                   "stream $$s-1 is a metastream: it holds events of type $metadata only");
}

TEST(each_stream_has_a_metastream_and_metastreams_have_none)
{
    struct fixture *f = *state;
    factum_slice json = FCT_SLICE("{}");
    const size_t most = FACTUM_NAME_SIZE_MAX;
    assert_ok(
        fct_engine_metadata_set(&f->engine, sized(f, most), factum_any(), json, NULL, &f->err),
        f->err);
    assert_passes(f, fct_engine_remove(&f->engine, FACTUM_ACTION_DELETE, sized(f, most),
                                       factum_any(), NULL, &f->err));
    assert_refused(
        f,
        fct_engine_metadata_set(&f->engine, sized(f, most + 1), factum_any(), json, NULL, &f->err),
        FACTUM_TOO_BIG, "a stream has a name of 1025 bytes");
    assert_refused(
        f, fct_engine_metadata_set(&f->engine, FCT_SLICE("$$s"), factum_any(), json, NULL, &f->err),
        FACTUM_INVALID, "stream $$s cannot have metadata");
    assert_refused(f,
                   fct_engine_remove(&f->engine, FACTUM_ACTION_TOMBSTONE, FCT_SLICE("$$s"),
                                     factum_any(), NULL, &f->err),
                   FACTUM_INVALID, "a metastream cannot be tombstoned");
}

TEST(stream_metadata_is_an_object_with_whole_numbers)
{
    struct fixture *f = *state;
    static const struct {
        const char *json, *text;
    } bad[] = {
        {"", "stream metadata: not valid JSON: the text ends where a value should be at byte 0"},
        {"[]", "stream metadata is a JSON object, not []"},
        {"{\"a\":}", "stream metadata: not valid JSON: unexpected character } where a value should "
                     "be at byte 5"},
        {"{\"$maxCount\":-1}", "$maxCount is a whole number, 0 or more, not -1"},
        {"{\"$maxAge\":1.5}", "$maxAge is a whole number, 0 or more, not 1.5"},
        {"{\"$tb\":\"7\"}", "$tb is a whole number, 0 or more, not \"7\""},
        {"{\"$tb\":9223372036854775808}", "$tb is a whole number"},
    };
    factum_slice stream = FCT_SLICE("s-1");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        factum_slice json = factum_slice_from(bad[i].json);
        assert_refused(
            f, fct_engine_metadata_set(&f->engine, stream, factum_any(), json, NULL, &f->err),
            FACTUM_INVALID, bad[i].text);
    }
    factum_slice nowhere = {NULL, 7};
    assert_refused(
        f, fct_engine_metadata_set(&f->engine, stream, factum_any(), nowhere, NULL, &f->err),
        FACTUM_INVALID, "stream metadata is a JSON object");
}

/* ---- sizes ----------------------------------------------------------------------------------- */

TEST(an_event_may_have_one_mebibyte_and_not_one_byte_more)
{
    struct fixture *f = *state;
    uint8_t *bytes = fct_mem_zalloc(fct_mem_heap(), 1, MIB + 1);
    assert_non_null(bytes);
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    event.data = fct_slice(bytes, MIB);
    assert_passes(f, append_one(f, &event));
    event.data = fct_slice(bytes, MIB + 1);
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG,
                   "an event of stream s-1 has 1048577 bytes of data and metadata: at most 1048576 "
                   "(event_size_max)");
    event.data = fct_slice(bytes, MIB - 10);
    event.metadata = fct_slice(bytes, 10);
    assert_passes(f, append_one(f, &event));
    event.metadata.len = 11;
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "1048577 bytes");
    event.data.len = SIZE_MAX;
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "(event_size_max)");
    fct_mem_free(fct_mem_heap(), bytes);
}

TEST(an_append_may_have_1000_events_and_not_one_more)
{
    struct fixture *f = *state;
    static factum_new_event events[1001];
    for (size_t i = 0; i < 1001; i++) {
        events[i] = event_of(FCT_SLICE("s-1"));
    }
    factum_expectation expectation;
    factum_append_request request = request_of(events, 1001, &expectation);
    assert_refused(f, append(f, &request), FACTUM_TOO_BIG,
                   "an append has 1001 events: at most 1000 (append_events_max)");
    request.event_count = 1000;
    assert_passes(f, append(f, &request));
    assert_int_equal(f->result.revision, 999);
}

TEST(an_append_may_have_16_mebibytes_and_not_one_byte_more)
{
    struct fixture *f = *state;
    uint8_t *bytes = fct_mem_zalloc(fct_mem_heap(), 1, MIB);
    assert_non_null(bytes);
    factum_new_event events[16];
    for (size_t i = 0; i < 16; i++) {
        events[i] = event_of(FCT_SLICE("s-1"));
        events[i].data = fct_slice(bytes, MIB);
    }
    events[15].data.len = MIB - 16 * 4; /* "s-1" and "T" count too */
    factum_expectation expectation;
    factum_append_request request = request_of(events, 16, &expectation);
    assert_passes(f, append(f, &request));
    factum_slice tag = FCT_SLICE("t");
    events[0].tags = &tag;
    events[0].tag_count = 1;
    assert_refused(f, append(f, &request), FACTUM_TOO_BIG,
                   "an append has 16777217 bytes of data, metadata, names and tags: at most "
                   "16777216 (append_size_max); split it into several");
    fct_mem_free(fct_mem_heap(), bytes);
}

TEST(an_event_may_have_32_tags_and_not_one_more)
{
    struct fixture *f = *state;
    factum_slice tags[33];
    for (size_t i = 0; i < 33; i++) {
        tags[i] = FCT_SLICE("t");
    }
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    event.tags = tags;
    event.tag_count = 32;
    assert_passes(f, append_one(f, &event));
    event.tag_count = 33;
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "an event has 33 tags: at most 32");
}

TEST(limits_have_defaults_and_maxima)
{
    struct fct_limits limits = {.event_size_max = 0};
    factum_error err;
    (void)state;
    assert_ok(fct_limits_default(&limits, &err), err);
    assert_int_equal(limits.event_size_max, MIB);
    assert_int_equal(limits.append_events_max, 1000);
    assert_int_equal(limits.append_size_max, 16 * MIB);
    assert_int_equal(limits.queue_max, 65536);
    assert_int_equal(limits.queue_size_max, 256 * MIB);
    limits = (struct fct_limits){.event_size_max = 16 * MIB,
                                 .append_events_max = 100000,
                                 .append_size_max = 32 * MIB,
                                 .queue_max = 1};
    assert_ok(fct_limits_default(&limits, &err), err);
    assert_int_equal(limits.append_events_max, 100000);
    limits = (struct fct_limits){.event_size_max = 16 * MIB + 1};
    assert_status(fct_limits_default(&limits, &err), FACTUM_INVALID);
    assert_string_equal(err.text, "event_size_max may be 16777216 at most");
    limits = (struct fct_limits){.append_events_max = 100001};
    assert_status(fct_limits_default(&limits, &err), FACTUM_INVALID);
    assert_string_equal(err.text, "append_events_max may be 100000 at most");
    limits = (struct fct_limits){.append_size_max = 32 * MIB + 1};
    assert_status(fct_limits_default(&limits, &err), FACTUM_INVALID);
    assert_string_equal(err.text, "append_size_max may be 33554432 at most");
    limits = (struct fct_limits){.queue_max = (16u << 20) + 1};
    assert_status(fct_limits_default(&limits, &err), FACTUM_INVALID);
    assert_string_equal(err.text, "queue_max may be 16777216 at most");
    limits = (struct fct_limits){.queue_size_max = (UINT64_C(1) << 40) + 1};
    assert_status(fct_limits_default(&limits, &err), FACTUM_INVALID);
    assert_string_equal(err.text, "queue_size_max may be 1099511627776 at most");
}

/* ---- append requests ------------------------------------------------------------------------- */

TEST(an_invalid_append_request_is_refused)
{
    struct fixture *f = *state;
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    factum_expectation expectation;
    assert_refused(f, append(f, NULL), FACTUM_INVALID, "append: the request is NULL");
    factum_append_request request = request_of(&event, 1, &expectation);
    request.size = 0;
    assert_refused(f, append(f, &request), FACTUM_INVALID,
                   "append: the request has size 0: set it to sizeof the struct");
    request = request_of(&event, 1, &expectation);
    request.events = NULL;
    assert_refused(f, append(f, &request), FACTUM_INVALID, "events or expectations are NULL");
    request = request_of(&event, 1, &expectation);
    request.expectations = NULL;
    assert_refused(f, append(f, &request), FACTUM_INVALID, "events or expectations are NULL");
    request = request_of(&event, 1, &expectation);
    request.durability = (factum_durability)3;
    assert_refused(f, append(f, &request), FACTUM_INVALID, "append: durability 3 is not known");
    request = request_of(&event, 1, &expectation);
    request.expectation_count = 2001; /* the count is looked at first */
    assert_refused(f, append(f, &request), FACTUM_TOO_BIG,
                   "an append has 2001 expectations: at most 2000");
    for (int kind = 0; kind <= 5; kind += 5) {
        request = request_of(&event, 1, &expectation);
        expectation.expected.kind = (factum_expected_kind)kind;
        assert_refused(f, append(f, &request), FACTUM_INVALID,
                       "stream s-1 has no expected revision: state one");
    }
    request = (factum_append_request){.size = sizeof request};
    assert_passes(f, append(f, &request)); /* only checks, but has no expectation */
}

/* A request of a newer header. */
struct newer_request {
    factum_append_request request;
    uint64_t more;
};

TEST(requests_of_older_and_newer_programs_are_completed)
{
    struct fixture *f = *state;
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    factum_expectation expectation;
    factum_append_request request = request_of(&event, 1, &expectation);
    request.idempotency_key = fct_slice(NULL, 99); /* its program does not know the member */
    request.call = (const factum_call *)(const void *)f;
    request.size = offsetof(factum_append_request, idempotency_key);
    assert_passes(f, append(f, &request));
    assert_int_equal(f->append.size, sizeof f->append);
    assert_int_equal(f->append.idempotency_key.len, 0);
    assert_null(f->append.call);
    struct newer_request newer = {.request = request_of(&event, 1, &expectation)};
    newer.request.size = sizeof newer;
    assert_passes(f, append(f, &newer.request));
    newer.more = 1;
    assert_refused(f, append(f, &newer.request), FACTUM_INVALID,
                   "append: the request sets a member that this version of the library does not "
                   "know");
}

TEST(an_invalid_event_is_refused)
{
    struct fixture *f = *state;
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    event.content_type = (factum_content_type)2;
    assert_refused(f, append_one(f, &event), FACTUM_INVALID,
                   "an event of stream s-1 has content type 2");
    event = event_of(FCT_SLICE("s-1"));
    event.data.ptr = NULL;
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "has data, metadata or tags at NULL");
    event = event_of(FCT_SLICE("s-1"));
    event.metadata.len = 1;
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "has data, metadata or tags at NULL");
    event = event_of(FCT_SLICE("s-1"));
    event.tag_count = 1;
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "has data, metadata or tags at NULL");
    for (size_t i = 0; i < 2; i++) {
        event = event_of(FCT_SLICE("s-1"));
        event.reserved[i] = 1;
        assert_refused(f, append_one(f, &event), FACTUM_INVALID,
                       "an event of stream s-1 has reserved members that are not zero: zero the "
                       "struct first");
    }
}

TEST(a_content_type_is_a_media_type)
{
    struct fixture *f = *state;
    static const char *const good[] = {
        "image/png",
        "application/vnd.acme+json",
        "text/plain; charset=utf-8",
        "text/plain;charset=utf-8",
        "x/y",
        "text/plain ; a=\"b c\"",
    };
    static const char *const bad[] = {
        "nonsense",
        "/",
        "image/",
        "/png",
        "image/png/x",
        "image /png",
        "image/ png",
        "image/png ",
        "im\xc3\xa4ge/png",
        "image/png; \x01",
        "a/b\n",
    };
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        event.media_type = factum_slice_from(good[i]);
        assert_passes(f, append_one(f, &event));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        event.media_type = factum_slice_from(bad[i]);
        assert_refused(f, append_one(f, &event), FACTUM_INVALID,
                       ": a content type is \"type/subtype\", as in image/png");
    }
    event.media_type = FCT_SLICE("nonsense");
    assert_refused(f, append_one(f, &event), FACTUM_INVALID,
                   "an event of stream s-1 has content type \"nonsense\"");
    event.media_type = fct_slice(NULL, 3);
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "has content type \"\"");
    char text[FACTUM_NAME_SIZE_MAX + 2];
    memset(text, 'x', sizeof text);
    text[3] = '/';
    event.media_type = fct_slice(text, FACTUM_NAME_SIZE_MAX);
    assert_passes(f, append_one(f, &event));
    event.media_type.len++;
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "has content type \"xxx/");
}

TEST(missing_ids_are_left_to_the_engine)
{
    struct fixture *f = *state;
    factum_new_event events[] = {event_of(FCT_SLICE("s-1")), event_of(FCT_SLICE("s-1")),
                                 event_of(FCT_SLICE("s-1"))};
    events[1].id.bytes[15] = 7;
    factum_expectation expectation;
    factum_append_request request = request_of(events, 3, &expectation);
    assert_passes(f, append(f, &request));
    assert_int_equal(f->id_zeros, 2);
    assert_ptr_equal(f->append.events, events); /* the caller's own: nothing is copied */
}

TEST(system_streams_are_written_only_by_explicit_request)
{
    struct fixture *f = *state;
    factum_new_event event = event_of(FCT_SLICE("$jobs"));
    factum_expectation expectation;
    factum_append_request request = request_of(&event, 1, &expectation);
    assert_refused(f, append(f, &request), FACTUM_INVALID,
                   "stream $jobs: names that begin with $ are kept for the system; choose another, "
                   "or set the option system");
    request.system = true;
    assert_passes(f, append(f, &request));
    request.system = false;
    request.event_count = 0; /* an expectation of it needs no permission */
    assert_passes(f, append(f, &request));
    event = event_of(FCT_SLICE("$$jobs")); /* nor does metadata */
    event.type = FCT_SLICE("$metadata");
    assert_passes(f, append_one(f, &event));
}

TEST(what_an_engine_cannot_do_is_refused)
{
    struct fixture *f = *state;
    factum_new_event events[] = {event_of(FCT_SLICE("s-1")), event_of(FCT_SLICE("s-2"))};
    factum_slice type = FCT_SLICE("T");
    factum_query_item item = {.types = &type, .type_count = 1};
    factum_append_condition condition = {.query = {&item, 1}};
    factum_expectation expectation;
    factum_append_request request = request_of(events, 2, &expectation);
    assert_passes(f, append(f, &request));
    f->ops.capabilities = ~(uint32_t)FACTUM_CAPABILITY_ATOMIC_ACROSS_STREAMS;
    assert_refused(f, append(f, &request), FACTUM_UNSUPPORTED,
                   "this store cannot write several streams in one append: write one");
    events[1] = events[0];
    assert_passes(f, append(f, &request));
    request.condition = &condition;
    assert_passes(f, append(f, &request));
    f->ops.capabilities = ~(uint32_t)FACTUM_CAPABILITY_CONDITIONS;
    assert_refused(f, append(f, &request), FACTUM_UNSUPPORTED,
                   "this store has no append conditions");
}

/* ---- queries --------------------------------------------------------------------------------- */

static factum_status append_if(struct fixture *f, const factum_query *query)
{
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    factum_expectation expectation;
    factum_append_request request = request_of(&event, 1, &expectation);
    const factum_append_condition condition = {.query = *query};
    request.condition = &condition;
    return append(f, &request);
}

static factum_status read_query(struct fixture *f, const factum_query *query)
{
    struct fct_reader *reader;
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_QUERY, .query = query};
    return fct_engine_read(&f->engine, &request, false, &reader, &f->err);
}

/* Both refuse the query, each by its own name: "|what| names ...". */
#define assert_query_refused(f, query, status, text)                                               \
    do {                                                                                           \
        assert_refused(f, append_if(f, query), status, text);                                      \
        assert_refused(f, read_query(f, query), status, text);                                     \
    } while (0)

TEST(a_query_may_have_64_items_and_1024_names_and_not_one_more)
{
    struct fixture *f = *state;
    static factum_slice names[1025];
    static factum_query_item items[65];
    for (size_t i = 0; i < 1025; i++) {
        names[i] = FCT_SLICE("x");
        items[i % 65] = (factum_query_item){.types = names, .type_count = 1};
    }
    factum_query query = {items, 64};
    assert_passes(f, append_if(f, &query));
    assert_passes(f, read_query(f, &query));
    query.item_count = 65;
    assert_refused(f, append_if(f, &query), FACTUM_TOO_BIG,
                   "the append condition has 65 items: at most 64");
    assert_refused(f, read_query(f, &query), FACTUM_TOO_BIG, "the query has 65 items: at most 64");
    query.item_count = 2;
    items[0] = (factum_query_item){.types = names, .type_count = 512};
    items[1] =
        (factum_query_item){.types = names, .type_count = 256, .tags = names, .tag_count = 256};
    assert_passes(f, append_if(f, &query));
    items[1].tag_count++;
    assert_query_refused(f, &query, FACTUM_TOO_BIG, "names more than 1024 types and tags");
    items[1].tag_count = SIZE_MAX; /* no sum of counts overflows */
    assert_query_refused(f, &query, FACTUM_TOO_BIG, "names more than 1024 types and tags");
    items[1] = items[0];
    items[1].type_count = SIZE_MAX - 511;
    assert_query_refused(f, &query, FACTUM_TOO_BIG, "names more than 1024 types and tags");
}

TEST(an_invalid_query_is_refused)
{
    struct fixture *f = *state;
    factum_slice name = FCT_SLICE("x");
    factum_query_item item = {.types = &name, .type_count = 1};
    factum_query query = {&item, 0};
    assert_refused(f, append_if(f, &query), FACTUM_INVALID,
                   "the append condition has no items: name types or tags");
    assert_refused(f, read_query(f, &query), FACTUM_INVALID,
                   "the query has no items: name types or tags");
    assert_refused(f, read_query(f, NULL), FACTUM_INVALID, "the query has no items");
    query = (factum_query){NULL, 1};
    assert_query_refused(f, &query, FACTUM_INVALID, "has no items");
    query = (factum_query){&item, 1};
    item = (factum_query_item){.tag_count = 1};
    assert_refused(f, append_if(f, &query), FACTUM_INVALID,
                   "item 0 of the append condition is NULL");
    item = (factum_query_item){.type_count = 1};
    assert_refused(f, read_query(f, &query), FACTUM_INVALID, "item 0 of the query is NULL");
    item = (factum_query_item){.types = &name, .tags = &name};
    assert_query_refused(f, &query, FACTUM_INVALID, "names neither types nor tags");
    name = FCT_SLICE("\xff");
    item = (factum_query_item){.types = &name, .type_count = 1};
    assert_query_refused(f, &query, FACTUM_INVALID,
                         "an event type of a query has a name that is not UTF-8 text");
    item = (factum_query_item){.tags = &name, .tag_count = 1};
    assert_query_refused(f, &query, FACTUM_INVALID,
                         "a tag of a query has a name that is not UTF-8 text");
}

/* ---- removals -------------------------------------------------------------------------------- */

TEST(a_removal_has_one_expectation_and_nothing_else)
{
    struct fixture *f = *state;
    const char *text =
        "delete: the request has one expectation, and neither events nor a condition "
        "nor a key";
    factum_slice type = FCT_SLICE("T");
    factum_query_item item = {.types = &type, .type_count = 1};
    const factum_append_condition condition = {.query = {&item, 1}};
    const factum_new_event event = event_of(FCT_SLICE("s-1"));
    const factum_expectation expectations[] = {{FCT_SLICE("s-1"), factum_any()},
                                               {FCT_SLICE("s-2"), factum_any()}};
    const factum_append_request plain = {
        .size = sizeof plain, .expectations = expectations, .expectation_count = 1};
    for (int i = 1; i <= 2; i++) {
        factum_append_action action = (factum_append_action)i;
        factum_append_request request = plain;
        assert_passes(f, submit(f, action, &request));
        request.expectation_count = 2;
        assert_refused(f, submit(f, action, &request), FACTUM_INVALID, text);
        request.expectation_count = 0;
        assert_refused(f, submit(f, action, &request), FACTUM_INVALID, text);
        request = plain;
        request.events = &event;
        request.event_count = 1;
        assert_refused(f, submit(f, action, &request), FACTUM_INVALID, text);
        request = plain;
        request.condition = &condition;
        assert_refused(f, submit(f, action, &request), FACTUM_INVALID, text);
        request = plain;
        request.idempotency_key = FCT_SLICE("k");
        assert_refused(f, submit(f, action, &request), FACTUM_INVALID, text);
    }
    assert_refused(f, submit(f, (factum_append_action)3, &plain), FACTUM_INVALID,
                   "append: action 3 is not known");
}

/* ---- ops ------------------------------------------------------------------------------------- */

TEST(an_invalid_op_is_refused)
{
    struct fixture *f = *state;
    const factum_new_event event = event_of(FCT_SLICE("s-1"));
    factum_expectation expectation;
    const factum_append_request request = request_of(&event, 1, &expectation);
    const factum_completer nobody = {NULL, NULL};
    factum_append_op op = {.size = sizeof op, .request = &request, .completer = &completer};
    op.result.position = 9;
    assert_passes(f, fct_engine_submit(&f->engine, &op, &f->err));
    assert_int_equal(op.result.position, 0);
    op.size--;
    assert_refused(f, fct_engine_submit(&f->engine, &op, &f->err), FACTUM_INVALID,
                   "append: an op is needed, with size = sizeof(factum_append_op)");
    assert_refused(f, fct_engine_submit(&f->engine, NULL, &f->err), FACTUM_INVALID,
                   "append: an op is needed");
    op.size = sizeof op;
    op.completer = NULL;
    assert_refused(f, fct_engine_submit(&f->engine, &op, &f->err), FACTUM_INVALID,
                   "append: an op needs a completer");
    op.completer = &nobody;
    assert_refused(f, fct_engine_submit(&f->engine, &op, &f->err), FACTUM_INVALID,
                   "append: an op needs a completer");
    op.completer = &completer;
    op.request = NULL;
    assert_refused(f, fct_engine_submit(&f->engine, &op, &f->err), FACTUM_INVALID,
                   "append: the request is NULL");
}

TEST(an_op_keeps_its_request)
{
    struct fixture *f = *state;
    const factum_new_event event = event_of(FCT_SLICE("s-1"));
    factum_expectation expectation;
    factum_append_request request = request_of(&event, 1, &expectation);
    request.idempotency_key = FCT_SLICE("k");
    factum_append_op op = {.size = sizeof op, .request = &request, .completer = &completer};
    assert_passes(f, fct_engine_submit(&f->engine, &op, &f->err));
    request = (factum_append_request){.size = 0}; /* its owner has freed it */
    assert_int_equal(fct_op_request(&op)->idempotency_key.len, 1);
    assert_ptr_equal(fct_op_request(&op)->events, &event);
    fct_engine_cancel(&f->engine, NULL);
    assert_int_equal(f->reached, 1);
    fct_engine_cancel(&f->engine, &op);
    assert_int_equal(f->reached, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_name_may_have_1024_bytes_and_not_one_more),
        FIXTURE_CASE(a_name_is_utf8_text_without_a_zero_byte),
        FIXTURE_CASE(an_empty_name_and_one_at_null_are_refused),
        FIXTURE_CASE(names_that_the_store_makes_cannot_be_written),
        FIXTURE_CASE(the_stores_own_event_types_cannot_be_written),
        FIXTURE_CASE(each_stream_has_a_metastream_and_metastreams_have_none),
        FIXTURE_CASE(stream_metadata_is_an_object_with_whole_numbers),
        FIXTURE_CASE(an_event_may_have_one_mebibyte_and_not_one_byte_more),
        FIXTURE_CASE(an_append_may_have_1000_events_and_not_one_more),
        FIXTURE_CASE(an_append_may_have_16_mebibytes_and_not_one_byte_more),
        FIXTURE_CASE(an_event_may_have_32_tags_and_not_one_more),
        CASE(limits_have_defaults_and_maxima),
        FIXTURE_CASE(an_invalid_append_request_is_refused),
        FIXTURE_CASE(requests_of_older_and_newer_programs_are_completed),
        FIXTURE_CASE(an_invalid_event_is_refused),
        FIXTURE_CASE(a_content_type_is_a_media_type),
        FIXTURE_CASE(missing_ids_are_left_to_the_engine),
        FIXTURE_CASE(system_streams_are_written_only_by_explicit_request),
        FIXTURE_CASE(what_an_engine_cannot_do_is_refused),
        FIXTURE_CASE(a_query_may_have_64_items_and_1024_names_and_not_one_more),
        FIXTURE_CASE(an_invalid_query_is_refused),
        FIXTURE_CASE(a_removal_has_one_expectation_and_nothing_else),
        FIXTURE_CASE(an_invalid_op_is_refused),
        FIXTURE_CASE(an_op_keeps_its_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
