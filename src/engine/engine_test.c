/* engine_test.c - the checks between users and engines, with the memory engine behind them: what is
 * at a limit passes, what is over it is refused with a text, and nothing is written. */
#include "support/test.h"

#include "core/slice.h"
#include "engine/memory.h"
#include "os/mem_fault.h"
#include "os/sim_disk.h"

#define TEST(name) static void name(void **state)
#define F struct fixture *f = *state

#define MIB ((size_t)1 << 20)

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_mem_fault mem;
    struct fct_engine engine;
    factum_error err;
    factum_append_result result;
    char name[FACTUM_NAME_SIZE_MAX + 2];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    const struct fct_limits limits = {.event_size_max = 0};
    fixture.disk = fct_sim_disk_create(1, false);
    fct_mem_fault_init(&fixture.mem);
    memset(fixture.name, 'n', sizeof fixture.name);
    *state = &fixture;
    return fct_engine_memory_open(&fixture.engine, &fixture.mem.mem, fct_sim_disk_os(fixture.disk),
                                  &limits, &fixture.err);
}

static int tear_down(void **state)
{
    F;
    factum_status status = f->engine.ops->close(f->engine.self, &f->err);
    fct_sim_disk_destroy(f->disk);
    return status == FACTUM_OK && f->mem.held == 0 ? 0 : 1;
}

static factum_slice sized(const struct fixture *f, size_t len)
{
    return fct_slice(f->name, len);
}

static factum_new_event event_of(factum_slice stream)
{
    return (factum_new_event){
        .stream = stream, .type = FCT_SLICE("T"), .data = FCT_SLICE("{\"n\":1}")};
}

static factum_expected any(void)
{
    return (factum_expected){.kind = FACTUM_EXPECTED_ANY};
}

/* |count| events of one stream; room for a test to change the request. */
static factum_append_request request_of(const factum_new_event *events, size_t count,
                                        factum_expectation *expectation)
{
    *expectation = (factum_expectation){events[0].stream, any()};
    return (factum_append_request){
        .size = sizeof(factum_append_request),
        .events = events,
        .event_count = count,
        .expectations = expectation,
        .expectation_count = 1,
    };
}

static factum_status append(struct fixture *f, const factum_append_request *request)
{
    return fct_engine_append(&f->engine, request, &f->result, NULL, &f->err);
}

static factum_status append_one(struct fixture *f, const factum_new_event *event)
{
    factum_expectation expectation;
    factum_append_request request = request_of(event, 1, &expectation);
    return append(f, &request);
}

/* Refused with this text, and nothing was written. */
#define assert_refused(f, call, expected_status, text_part)                                        \
    do {                                                                                           \
        uint64_t before_ = (f)->engine.ops->end((f)->engine.self);                                 \
        assert_status(call, expected_status);                                                      \
        assert_text((f)->err, text_part);                                                          \
        assert_int_equal((f)->err.status, expected_status);                                        \
        assert_int_equal((f)->engine.ops->end((f)->engine.self), before_);                         \
    } while (0)

/* ---- names ----------------------------------------------------------------------------------- */

TEST(a_name_may_have_1024_bytes_and_not_one_more)
{
    F;
    const size_t most = FACTUM_NAME_SIZE_MAX;
    const char *text = "has a name of 1025 bytes, ";
    factum_new_event event = event_of(sized(f, most));
    assert_ok(append_one(f, &event), f->err);
    event.stream = sized(f, most + 1);
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "a stream has a name of 1025 bytes");
    event = event_of(FCT_SLICE("s-1"));
    event.type = sized(f, most);
    assert_ok(append_one(f, &event), f->err);
    event.type = sized(f, most + 1);
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "an event type has a name of 1025");
    event = event_of(FCT_SLICE("s-1"));
    factum_slice tag = sized(f, most);
    event.tags = &tag;
    event.tag_count = 1;
    assert_ok(append_one(f, &event), f->err);
    tag.len++;
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "a tag has a name of 1025 bytes");
    event.tag_count = 0;
    factum_expectation expectation;
    factum_append_request request = request_of(&event, 1, &expectation);
    request.idempotency_key = sized(f, most);
    assert_ok(append(f, &request), f->err);
    request.idempotency_key.len++;
    assert_refused(f, append(f, &request), FACTUM_TOO_BIG, text);
    factum_stream_info info;
    assert_refused(f, fct_engine_stream(&f->engine, sized(f, most + 1), &info, &f->err),
                   FACTUM_TOO_BIG, text);
}

TEST(a_name_is_utf8_text_without_a_zero_byte)
{
    F;
    const factum_slice bad[] = {
        FCT_SLICE("\xff"),             /* never in UTF-8 */
        FCT_SLICE("a\xc3"),            /* cut */
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
    assert_ok(append_one(f, &good), f->err);
}

TEST(an_empty_name_and_one_at_null_are_refused)
{
    F;
    const factum_slice bad[] = {{NULL, 0}, {NULL, 5}, FCT_SLICE("")};
    for (size_t i = 0; i < 3; i++) {
        factum_new_event event = event_of(bad[i]);
        assert_refused(f, append_one(f, &event), FACTUM_INVALID, "a stream has no name");
        assert_refused(f, fct_engine_tombstone(&f->engine, bad[i], any(), NULL, &f->err),
                       FACTUM_INVALID, "a stream has no name");
        assert_refused(f, fct_engine_delete(&f->engine, bad[i], any(), NULL, &f->err),
                       FACTUM_INVALID, "a stream has no name");
        factum_slice json = FCT_SLICE("{}");
        assert_refused(f, fct_engine_metadata_set(&f->engine, bad[i], any(), json, NULL, &f->err),
                       FACTUM_INVALID, "a stream has no name");
        factum_stream_info info;
        assert_refused(f, fct_engine_stream(&f->engine, bad[i], &info, &f->err), FACTUM_INVALID,
                       "the stream has no name");
        event = event_of(FCT_SLICE("s-1"));
        event.type = bad[i];
        assert_refused(f, append_one(f, &event), FACTUM_INVALID, "an event type has no name");
    }
}

TEST(names_that_the_store_makes_cannot_be_written)
{
    F;
    const char *const made[] = {"$ce-a", "$et-T", "$bc-x", "$all"};
    for (size_t i = 0; i < 4; i++) {
        factum_new_event event = event_of(factum_slice_from(made[i]));
        assert_refused(f, append_one(f, &event), FACTUM_INVALID, "is made by the store");
    }
    factum_new_event event = event_of(FCT_SLICE("$$"));
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "$$ is no stream's name");
    event = event_of(FCT_SLICE("$$$$a"));
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "$$$$a is no stream's name");
    event = event_of(FCT_SLICE("$ce-")); /* no category: a system's name like any other */
    assert_refused(f, append_one(f, &event), FACTUM_INVALID, "are kept for the system");
    assert_true(fct_engine_is_virtual(FCT_SLICE("$ce-a")));
    assert_false(fct_engine_is_virtual(FCT_SLICE("$ce-")));
}

TEST(the_stores_own_event_types_cannot_be_written)
{
    F;
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

TEST(the_metastream_of_a_stream_needs_a_name_too)
{
    F;
    factum_slice json = FCT_SLICE("{}");
    const size_t most = FACTUM_NAME_SIZE_MAX - 2;
    assert_ok(fct_engine_metadata_set(&f->engine, sized(f, most), any(), json, NULL, &f->err),
              f->err);
    assert_refused(
        f, fct_engine_metadata_set(&f->engine, sized(f, most + 1), any(), json, NULL, &f->err),
        FACTUM_INVALID, "cannot have metadata");
    assert_refused(f, fct_engine_delete(&f->engine, sized(f, most + 1), any(), NULL, &f->err),
                   FACTUM_INVALID, "cannot have metadata");
    assert_refused(
        f, fct_engine_metadata_set(&f->engine, FCT_SLICE("$$s"), any(), json, NULL, &f->err),
        FACTUM_INVALID, "stream $$s cannot have metadata");
    assert_refused(f, fct_engine_tombstone(&f->engine, FCT_SLICE("$$s"), any(), NULL, &f->err),
                   FACTUM_INVALID, "a metastream cannot be tombstoned");
}

TEST(stream_metadata_is_an_object_with_whole_numbers)
{
    F;
    static const struct {
        const char *json, *text;
    } bad[] = {
        {"", "stream metadata is a JSON object; byte 0 is not"},
        {"[]", "stream metadata is a JSON object"},
        {"{\"a\":}", "stream metadata is a JSON object; byte 5 is not"},
        {"{\"$maxCount\":-1}", "$maxCount is a whole number, 0 or more, not -1"},
        {"{\"$maxAge\":1.5}", "$maxAge is a whole number, 0 or more, not 1.5"},
        {"{\"$tb\":\"7\"}", "$tb is a whole number, 0 or more, not \"7\""},
        {"{\"$tb\":9223372036854775808}", "$tb is a whole number"},
    };
    factum_slice stream = FCT_SLICE("s-1");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        factum_slice json = factum_slice_from(bad[i].json);
        assert_refused(f, fct_engine_metadata_set(&f->engine, stream, any(), json, NULL, &f->err),
                       FACTUM_INVALID, bad[i].text);
    }
    factum_slice nowhere = {NULL, 7};
    assert_refused(f, fct_engine_metadata_set(&f->engine, stream, any(), nowhere, NULL, &f->err),
                   FACTUM_INVALID, "stream metadata is a JSON object");
}

/* ---- sizes ----------------------------------------------------------------------------------- */

TEST(an_event_may_have_one_mebibyte_and_not_one_byte_more)
{
    F;
    uint8_t *bytes = fct_mem_zalloc(fct_mem_heap(), 1, MIB + 1);
    assert_non_null(bytes);
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    event.data = fct_slice(bytes, MIB);
    assert_ok(append_one(f, &event), f->err);
    event.data = fct_slice(bytes, MIB + 1);
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG,
                   "an event of stream s-1 has 1048577 bytes of data and metadata: at most 1048576 "
                   "(event_size_max)");
    event.data = fct_slice(bytes, MIB - 10);
    event.metadata = fct_slice(bytes, 10);
    assert_ok(append_one(f, &event), f->err);
    event.metadata.len = 11;
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "1048577 bytes");
    event.data.len = SIZE_MAX;
    assert_refused(f, append_one(f, &event), FACTUM_TOO_BIG, "(event_size_max)");
    fct_mem_free(fct_mem_heap(), bytes);
}

TEST(an_append_may_have_1000_events_and_not_one_more)
{
    F;
    static factum_new_event events[1001];
    for (size_t i = 0; i < 1001; i++) {
        events[i] = event_of(FCT_SLICE("s-1"));
    }
    factum_expectation expectation;
    factum_append_request request = request_of(events, 1001, &expectation);
    assert_refused(f, append(f, &request), FACTUM_TOO_BIG,
                   "an append has 1001 events: at most 1000 (append_events_max)");
    request.event_count = 1000;
    assert_ok(append(f, &request), f->err);
    assert_int_equal(f->result.revision, 999);
}

TEST(an_append_may_have_16_mebibytes_and_not_more)
{
    F;
    uint8_t *bytes = fct_mem_zalloc(fct_mem_heap(), 1, MIB);
    assert_non_null(bytes);
    factum_new_event events[17];
    for (size_t i = 0; i < 17; i++) {
        events[i] = event_of(FCT_SLICE("s-1"));
        events[i].data = fct_slice(bytes, i < 16 ? MIB : 1);
    }
    factum_expectation expectation;
    factum_append_request request = request_of(events, 17, &expectation);
    assert_refused(f, append(f, &request), FACTUM_TOO_BIG,
                   "bytes of data, metadata, names and tags: at most 16777216 (append_size_max)");
    request.event_count = 15;
    assert_ok(append(f, &request), f->err);
    fct_mem_free(fct_mem_heap(), bytes);
}

TEST(an_event_may_have_32_tags_and_not_one_more)
{
    F;
    factum_slice tags[33];
    for (size_t i = 0; i < 33; i++) {
        tags[i] = FCT_SLICE("t");
    }
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    event.tags = tags;
    event.tag_count = 32;
    assert_ok(append_one(f, &event), f->err);
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
}

/* ---- requests -------------------------------------------------------------------------------- */

TEST(an_append_request_that_makes_no_sense_is_refused)
{
    F;
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    factum_expectation expectation;
    assert_refused(f, append(f, NULL), FACTUM_INVALID, "set size to sizeof(factum_append_request)");
    factum_append_request request = request_of(&event, 1, &expectation);
    request.size--;
    assert_refused(f, append(f, &request), FACTUM_INVALID, "set size to sizeof");
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
}

TEST(an_event_that_makes_no_sense_is_refused)
{
    F;
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
}

static factum_status append_if(struct fixture *f, const factum_append_condition *condition)
{
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    factum_expectation expectation;
    factum_append_request request = request_of(&event, 1, &expectation);
    request.condition = condition;
    return append(f, &request);
}

TEST(a_condition_that_makes_no_sense_is_refused)
{
    F;
    factum_slice names[65];
    factum_condition_item items[65];
    for (size_t i = 0; i < 65; i++) {
        names[i] = FCT_SLICE("x");
        items[i] = (factum_condition_item){.types = names, .type_count = 1};
    }
    factum_append_condition condition = {.items = items, .item_count = 64};
    assert_ok(append_if(f, &condition), f->err);
    condition.item_count = 65;
    assert_refused(f, append_if(f, &condition), FACTUM_INVALID, "has 1 to 64 items");
    condition.item_count = 0;
    assert_refused(f, append_if(f, &condition), FACTUM_INVALID, "has 1 to 64 items");
    condition = (factum_append_condition){.item_count = 1};
    assert_refused(f, append_if(f, &condition), FACTUM_INVALID, "has 1 to 64 items");
    condition.items = items;
    items[0] = (factum_condition_item){.types = names, .type_count = 64};
    assert_ok(append_if(f, &condition), f->err);
    items[0].type_count = 65;
    assert_refused(f, append_if(f, &condition), FACTUM_TOO_BIG,
                   "item 0 of the append condition is too long");
    items[0] = (factum_condition_item){.tags = names, .tag_count = 32};
    assert_ok(append_if(f, &condition), f->err);
    items[0].tag_count = 33;
    assert_refused(f, append_if(f, &condition), FACTUM_TOO_BIG, "item 0 of the append condition");
    items[0] = (factum_condition_item){.tag_count = 1};
    assert_refused(f, append_if(f, &condition), FACTUM_INVALID, "item 0 of the append condition");
    items[0] = (factum_condition_item){.type_count = 0};
    assert_refused(f, append_if(f, &condition), FACTUM_INVALID,
                   "item 0 of the append condition names neither types nor tags");
    names[0] = FCT_SLICE("\xff");
    items[0] = (factum_condition_item){.tags = names, .tag_count = 1};
    assert_refused(f, append_if(f, &condition), FACTUM_INVALID, "a tag of the append condition");
    items[0] = (factum_condition_item){.types = names, .type_count = 1};
    assert_refused(f, append_if(f, &condition), FACTUM_INVALID,
                   "an event type of the append condition has a name that is not UTF-8 text");
}

TEST(a_read_request_that_makes_no_sense_is_refused)
{
    F;
    struct fct_reader *reader = (struct fct_reader *)(void *)f;
    const factum_read_request plain = {
        .size = sizeof plain, .source = FACTUM_SOURCE_STREAM, .name = FCT_SLICE("s-1")};
    factum_read_request request = plain;
#define REFUSED(follow, text)                                                                      \
    assert_refused(f, fct_engine_read(&f->engine, &request, follow, &reader, &f->err),             \
                   FACTUM_INVALID, text);                                                          \
    assert_null(reader);                                                                           \
    request = plain
    request.size--;
    REFUSED(false, "read: set size to sizeof(factum_read_request)");
    request.source = (factum_source)6;
    REFUSED(false, "read: no such source or place to start from");
    request.from = (factum_from)4;
    REFUSED(false, "read: no such source or place to start from");
    request.name = fct_slice(NULL, 0);
    REFUSED(false, "what is to be read has no name");
    request.name = fct_slice(NULL, 3);
    REFUSED(false, "what is to be read has no name");
    request.backwards = true;
    REFUSED(true, "a subscription goes forward and has no end");
    request.count_max = 1;
    REFUSED(true, "a subscription goes forward and has no end");
    request.until_time_set = true;
    REFUSED(true, "a subscription goes forward and has no end");
    request.until_created_set = true;
    REFUSED(true, "a subscription goes forward and has no end");
    request.until_revision_set = true;
    REFUSED(true, "a subscription goes forward and has no end");
    request.until_position_set = true;
    REFUSED(true, "a subscription goes forward and has no end");
#undef REFUSED
    assert_refused(f, fct_engine_read(&f->engine, NULL, false, &reader, &f->err), FACTUM_INVALID,
                   "read: set size");
}

/* ---- ids ------------------------------------------------------------------------------------- */

TEST(missing_ids_are_made_and_given_ones_kept)
{
    F;
    factum_new_event events[] = {event_of(FCT_SLICE("s-1")), event_of(FCT_SLICE("s-1")),
                                 event_of(FCT_SLICE("s-1"))};
    events[1].id.bytes[15] = 7;
    factum_expectation expectation;
    factum_append_request request = request_of(events, 3, &expectation);
    assert_ok(append(f, &request), f->err);
    factum_event stored[3];
    for (size_t i = 0; i < 3; i++) {
        uint64_t position =
            f->result.first_position + i * (f->result.position - f->result.first_position) / 2;
        assert_ok(f->engine.ops->event(f->engine.self, position, &stored[i], &f->err), f->err);
    }
    assert_memory_equal(stored[1].id.bytes, events[1].id.bytes, 16);
    assert_int_equal(stored[0].id.bytes[6] >> 4, 4); /* RFC 9562: random */
    assert_int_equal(stored[0].id.bytes[8] >> 6, 2);
    assert_memory_not_equal(stored[0].id.bytes, stored[2].id.bytes, 16);
    assert_int_equal(events[0].id.bytes[6], 0); /* the caller's are left alone */
}

static void never_done(factum_append_op *op, factum_status status,
                       const factum_append_result *result, const factum_error *err)
{
    (void)op;
    (void)status;
    (void)result;
    (void)err;
    fail();
}

TEST(an_op_that_is_refused_is_as_it_was)
{
    F;
    factum_new_event event = event_of(FCT_SLICE("s-1"));
    factum_expectation expectation;
    factum_append_op op = {.request = request_of(&event, 1, &expectation), .done = never_done};
    assert_status(fct_engine_submit(&f->engine, &op, &f->err), FACTUM_UNSUPPORTED);
    assert_text(f->err, "a store in memory has no threads to call back from");
    assert_ptr_equal(op.request.events, &event);
    assert_true(op.done == never_done);
    assert_null(op.internal[3]);
    op.request.size = 0;
    assert_refused(f, fct_engine_submit(&f->engine, &op, &f->err), FACTUM_INVALID, "set size");
    op.done = NULL;
    assert_refused(f, fct_engine_submit(&f->engine, &op, &f->err), FACTUM_INVALID,
                   "append: an op needs a done function");
    assert_refused(f, fct_engine_submit(&f->engine, NULL, &f->err), FACTUM_INVALID,
                   "append: an op needs a done function");
}

TEST(any_allocation_may_fail_and_nothing_is_written)
{
    F;
    factum_new_event events[] = {event_of(FCT_SLICE("s-1")), event_of(FCT_SLICE("s-1"))};
    factum_expectation expectation;
    factum_append_request request = request_of(events, 2, &expectation);
    request.idempotency_key = FCT_SLICE("k");
    uint64_t before = f->engine.ops->end(f->engine.self);
    factum_status status = FACTUM_NO_MEMORY;
    unsigned long failures = 0;
    while (status == FACTUM_NO_MEMORY) {
        f->mem.fail_at = f->mem.calls + failures;
        status = append(f, &request);
        if (status == FACTUM_NO_MEMORY) {
            failures++;
            assert_string_equal(f->err.text, "append: out of memory");
            assert_int_equal(f->engine.ops->end(f->engine.self), before);
        }
    }
    assert_ok(status, f->err);
    assert_true(failures > 3);
    assert_false(f->result.already);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_name_may_have_1024_bytes_and_not_one_more),
        CASE(a_name_is_utf8_text_without_a_zero_byte),
        CASE(an_empty_name_and_one_at_null_are_refused),
        CASE(names_that_the_store_makes_cannot_be_written),
        CASE(the_stores_own_event_types_cannot_be_written),
        CASE(the_metastream_of_a_stream_needs_a_name_too),
        CASE(stream_metadata_is_an_object_with_whole_numbers),
        CASE(an_event_may_have_one_mebibyte_and_not_one_byte_more),
        CASE(an_append_may_have_1000_events_and_not_one_more),
        CASE(an_append_may_have_16_mebibytes_and_not_more),
        CASE(an_event_may_have_32_tags_and_not_one_more),
        cmocka_unit_test(limits_have_defaults_and_maxima),
        CASE(an_append_request_that_makes_no_sense_is_refused),
        CASE(an_event_that_makes_no_sense_is_refused),
        CASE(a_condition_that_makes_no_sense_is_refused),
        CASE(a_read_request_that_makes_no_sense_is_refused),
        CASE(missing_ids_are_made_and_given_ones_kept),
        CASE(an_op_that_is_refused_is_as_it_was),
        CASE(any_allocation_may_fail_and_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
