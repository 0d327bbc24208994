/* gate_test.c - the gate in front of the memory engine: which rule applies, what is added to an
 * event, what is refused, and what a failed write or a failed allocation leaves. Layer: tests. */
#include <limits.h>

#include "core/error.h"
#include "core/slice.h"
#include "engine/deliver.h"
#include "engine_memory/memory.h"
#include "gate/gate.h"
#include "schema/registry_event.h"
#include "support/mem_fault.h"
#include "support/test.h"

#define QTY "{\"properties\":{\"qty\":{\"minimum\":1}}}"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct fixture {
    struct fct_mem_fault mem;
    struct fct_engine engine;
    void (*window)(struct fixture *f); /* called once, while a write to the registry is under way */
    factum_status outcome;             /* the status of that write, if not OK */
    bool damaged;                      /* reads of the registry fail */
    unsigned lines;                    /* messages in the gate's log */
    uint64_t version;                  /* version of the last schema */
    factum_append_result result;
    factum_error err;
    char metadata[512]; /* metadata of the event that was read last */
    char tags[4096];    /* its tags, each after a blank */
};

/* The memory engine, except that writes to the registry can be held back and can fail. */
static struct fixture *watched;
static const struct fct_engine_ops *memory_ops;

static void held_append_here(void *self, factum_append_op *op)
{
    struct fixture *f = watched;
    const factum_append_request *request = fct_op_request(op);
    void (*window)(struct fixture *) = f->window;
    if (window == NULL || request->event_count == 0 ||
        !fct_slice_equal(request->events[0].stream, FCT_SLICE(FCT_SCHEMAS_STREAM))) {
        memory_ops->append_here(self, op);
        return;
    }
    f->window = NULL;
    window(f);
    if (f->outcome == FACTUM_OK) {
        memory_ops->append_here(self, op);
    } else {
        op->status = fct_fail(&op->err, f->outcome, "as the test asks");
    }
}

static factum_status held_read(void *self, const factum_read_request *request, bool follow,
                               struct fct_reader **reader, factum_error *err)
{
    if (watched->damaged && fct_slice_equal(request->name, FCT_SLICE(FCT_SCHEMAS_STREAM))) {
        return fct_fail(err, FACTUM_CORRUPT, "as the test asks");
    }
    return memory_ops->read(self, request, follow, reader, err);
}

static void hold_registry(struct fixture *f)
{
    static struct fct_engine_ops held;
    watched = f;
    memory_ops = f->engine.ops;
    held = *memory_ops;
    held.append_here = held_append_here;
    held.read = held_read;
    f->engine.ops = &held;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    const struct fct_limits limits = {.event_size_max = 0};
    fixture = (struct fixture){.version = 0};
    fct_mem_fault_init(&fixture.mem);
    *state = &fixture;
    assert_ok(fct_engine_memory_open(&fixture.engine, &fixture.mem.mem, fct_os_real(), &limits,
                                     &fixture.err),
              fixture.err);
    hold_registry(&fixture);
    assert_ok(fct_gate_put(&fixture.engine, NULL, &fixture.err), fixture.err);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    factum_status status = fct_engine_close(&f->engine, &f->err);
    return status == FACTUM_OK && f->mem.held == 0 ? 0 : 1;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static factum_status append_events(struct fixture *f, const factum_new_event *events, size_t count,
                                   factum_expected expected)
{
    const factum_expectation expectation = {events[0].stream, expected};
    const factum_append_request request = {.size = sizeof request,
                                           .events = events,
                                           .event_count = count,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .system = true};
    return fct_engine_append(&f->engine, &request, &f->result, NULL, &f->err);
}

static factum_status put(struct fixture *f, const char *stream, const char *type, const char *data,
                         const char *metadata)
{
    const factum_new_event event = {.stream = factum_slice_from(stream),
                                    .type = factum_slice_from(type),
                                    .data = factum_slice_from(data),
                                    .metadata = factum_slice_from(metadata)};
    return append_events(f, &event, 1, factum_any());
}

static factum_status put_schema(struct fixture *f, const char *subject, const char *schema,
                                factum_expected expected)
{
    char data[1024];
    (void)snprintf(data, sizeof data,
                   "{\"subject\":\"%s\",\"version\":%llu,\"id\":%llu,\"hash\":\"" HASH
                   "\",\"proof\":\"none\",\"schema\":%s}",
                   subject, (unsigned long long)f->version + 1, (unsigned long long)f->version + 1,
                   schema);
    const factum_new_event event = {.stream = FCT_SLICE(FCT_SCHEMAS_STREAM),
                                    .type = FCT_SLICE(FCT_SCHEMA_REGISTERED),
                                    .data = factum_slice_from(data)};
    factum_status status = append_events(f, &event, 1, expected);
    f->version += status == FACTUM_OK;
    return status;
}

static factum_status put_mode(struct fixture *f, const char *subject, const char *mode)
{
    char data[256];
    (void)snprintf(data, sizeof data, "{\"subject\":\"%s\",\"mode\":\"%s\"}", subject, mode);
    return put(f, FCT_SCHEMAS_STREAM, FCT_SCHEMA_MODE_SET, data, "");
}

/* Reads the last event of |stream|. */
static void read_last(struct fixture *f, const char *stream)
{
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_STREAM,
                                         .name = factum_slice_from(stream),
                                         .from = FACTUM_FROM_END,
                                         .backwards = true};
    struct fct_reader *reader;
    factum_event event;
    assert_ok(fct_engine_read(&f->engine, &request, false, &reader, &f->err), f->err);
    assert_ok(fct_reader_next(reader, &event, &f->err), f->err);
    (void)snprintf(f->metadata, sizeof f->metadata, "%.*s", (int)event.metadata.len,
                   (const char *)event.metadata.ptr);
    size_t len = 0;
    f->tags[0] = '\0';
    for (size_t i = 0; i < event.tag_count; i++) {
        len += (size_t)snprintf(f->tags + len, sizeof f->tags - len, " %.*s",
                                (int)event.tags[i].len, (const char *)event.tags[i].ptr);
    }
    fct_reader_close(reader);
}

#define assert_put(f, stream, type, data) assert_ok(put(f, stream, type, data, ""), (f)->err)
#define assert_refused(f, stream, type, data)                                                      \
    assert_status(put(f, stream, type, data, ""), FACTUM_SCHEMA_VIOLATION)

/* ---- which rule ------------------------------------------------------------------------------ */

TEST(a_subject_with_a_category_is_used_before_one_without)
{
    struct fixture *f = *state;
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    assert_refused(f, "order-1", "Placed", "{\"qty\":0}");
    assert_ok(put_schema(f, "order/Placed", "{\"required\":[\"a\"]}", factum_any()), f->err);
    assert_put(f, "order-1", "Placed", "{\"qty\":0,\"a\":1}");
    assert_refused(f, "order-1", "Placed", "{\"qty\":1}");
    assert_refused(f, "parcel-1", "Placed", "{\"qty\":0}");
    assert_refused(f, "plain", "Placed", "{\"qty\":0}");
    assert_put(f, "parcel-1", "placed", "{\"qty\":0}");
    assert_put(f, "$system-1", "Placed", "{\"qty\":0}");
}

TEST(a_mode_of_a_subject_counts_before_that_of_its_category)
{
    struct fixture *f = *state;
    assert_ok(put_schema(f, "order/Placed", QTY, factum_any()), f->err);
    assert_ok(put_mode(f, "order/", "off"), f->err);
    assert_put(f, "order-1", "Placed", "{\"qty\":0}");
    read_last(f, "order-1");
    assert_string_equal(f->metadata, "");
    assert_ok(put_mode(f, "order/", "warn"), f->err);
    assert_put(f, "order-1", "Placed", "{\"qty\":0}");
    read_last(f, "order-1");
    assert_non_null(strstr(f->metadata, "{\"$schema.fault\":\"event 0: /qty: "));
    assert_ok(put_mode(f, "order/Placed", "reject"), f->err);
    assert_refused(f, "order-1", "Placed", "{\"qty\":0}");
    assert_text(f->err, "event 0: /qty: ");
    assert_text(f->err, "(schema order/Placed 1)");
    assert_refused(f, "order-1", "Placed", "no JSON");
}

TEST(an_event_that_does_not_fit_is_named_and_nothing_is_written)
{
    struct fixture *f = *state;
    const factum_new_event events[] = {
        {.stream = FCT_SLICE("a"), .type = FCT_SLICE("Other"), .data = FCT_SLICE("x")},
        {.stream = FCT_SLICE("a"), .type = FCT_SLICE("Placed"), .data = FCT_SLICE("{\"qty\":1}")},
        {.stream = FCT_SLICE("a"), .type = FCT_SLICE("Placed"), .data = FCT_SLICE("{\"qty\":0}")}};
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    assert_status(append_events(f, events, 3, factum_any()), FACTUM_SCHEMA_VIOLATION);
    assert_int_equal(f->result.refused_index, 2);
    assert_ok(append_events(f, events, 2, factum_no_stream()), f->err);
    read_last(f, "a");
    assert_string_equal(f->metadata, "{\"$schema.id\":1}");
}

/* ---- what is added --------------------------------------------------------------------------- */

TEST(the_id_is_stamped_where_there_is_a_place_for_it)
{
    struct fixture *f = *state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"", "{\"$schema.id\":1}"},
        {"{}", "{\"$schema.id\":1}"},
        {" { } ", "{ \"$schema.id\":1}"},
        {"{\"a\":1}", "{\"a\":1,\"$schema.id\":1}"},
        {"{\"$schema.id\":7}", "{\"$schema.id\":1}"},
        {"{\"$schema.id\":7, \"a\":[1, 2]}", "{\"a\":[1, 2],\"$schema.id\":1}"},
        {"{\"a\": \"b\",\"$schema.fault\":\"no\"}", "{\"a\": \"b\",\"$schema.id\":1}"},
        {"{\"\\u0024schema.id\":7}", "{\"$schema.id\":1}"},
        {"{\"a\":{\"$schema.id\":7}}", "{\"a\":{\"$schema.id\":7},\"$schema.id\":1}"},
        {"{\"a\":\"$schema.id\"}", "{\"a\":\"$schema.id\",\"$schema.id\":1}"},
    };
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(put(f, "a", "Placed", "{}", cases[i].before), f->err);
        read_last(f, "a");
        assert_string_equal(f->metadata, cases[i].after);
    }
}

TEST(a_sender_cannot_hide_a_fault)
{
    struct fixture *f = *state;
    static const char *const sent[] = {
        "{\"$schema.fault\":\"none\",\"$schema.id\":1,\"a\":1}",
        "{\"a\":1,\"\\u0024schema.fault\":{\"b\":[]}}",
    };
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    assert_ok(put_mode(f, "Placed", "warn"), f->err);
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        assert_ok(put(f, "a", "Placed", "{\"qty\":0}", sent[i]), f->err);
        read_last(f, "a");
        assert_non_null(strstr(f->metadata, "{\"a\":1,\"$schema.fault\":\"event 0: /qty: "));
        assert_null(strstr(f->metadata, "$schema.id"));
    }
}

TEST(a_long_fault_is_cut_between_characters)
{
    struct fixture *f = *state;
    assert_ok(put_schema(f, "Placed", "{\"additionalProperties\":{\"minimum\":1}}", factum_any()),
              f->err);
    assert_ok(put_mode(f, "Placed", "warn"), f->err);
    for (int pad = 1; pad <= 4; pad++) {
        char data[600];
        int len = snprintf(data, sizeof data, "{\"%.*s", pad, "xxxx");
        for (int i = 0; i < 100; i++) {
            len += snprintf(data + len, sizeof data - (size_t)len, "%s", "\xf0\x9f\x98\x80");
        }
        (void)snprintf(data + len, sizeof data - (size_t)len, "\":0}");
        assert_put(f, "a", "Placed", data);
        read_last(f, "a");
        assert_true(strlen(f->metadata) > 250);
        assert_true(fct_utf8_valid(factum_slice_from(f->metadata)));
    }
}

TEST(tags_are_taken_from_the_data)
{
    struct fixture *f = *state;
    static const struct {
        const char *data, *tags;
    } cases[] = {
        {"{\"t\":\"x\"}", " t:x"},
        {"{\"t\":1.50}", " t:1.50"},
        {"{\"t\":true}", " t:true"},
        {"{\"t\":null}", ""},
        {"{\"t\":{\"a\":1}}", ""},
        {"{}", ""},
        {"{\"t\":[\"x\",2,\"x\",null,[3]]}", " t:x t:2"},
        {"{\"t\":\"a\\u00e9\\n\\\"\"}", " t:a\xc3\xa9\n\""},
    };
    assert_ok(
        put_schema(f, "Placed", "{\"properties\":{\"t\":{\"x-factum-tag\":\"t\"}}}", factum_any()),
        f->err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_put(f, "a", "Placed", cases[i].data);
        read_last(f, "a");
        assert_string_equal(f->tags, cases[i].tags);
    }
}

TEST(a_value_that_cannot_be_a_tag_is_refused)
{
    struct fixture *f = *state;
    char data[2048];
    assert_ok(
        put_schema(f, "Placed", "{\"properties\":{\"t\":{\"x-factum-tag\":\"t\"}}}", factum_any()),
        f->err);
    assert_refused(f, "a", "Placed", "{\"t\":\"\\ud800\"}");
    assert_text(f->err, "/t: ");
    for (int len = 1022; len <= 1023; len++) { /* with "t:" in front 1,024 and 1,025 bytes */
        (void)snprintf(data, sizeof data, "{\"t\":\"%0*d\"}", len, 0);
        assert_status(put(f, "a", "Placed", data, ""),
                      len == 1022 ? FACTUM_OK : FACTUM_SCHEMA_VIOLATION);
    }
    for (int count = 32; count <= 33; count++) {
        size_t end = (size_t)snprintf(data, sizeof data, "{\"t\":[0");
        for (int i = 1; i < count; i++) {
            end += (size_t)snprintf(data + end, sizeof data - end, ",%d", i);
        }
        (void)snprintf(data + end, sizeof data - end, "]}");
        assert_status(put(f, "a", "Placed", data, ""),
                      count == 32 ? FACTUM_OK : FACTUM_SCHEMA_VIOLATION);
    }
    assert_text(f->err, "32");
}

TEST(tags_are_taken_from_the_items_of_arrays)
{
    struct fixture *f = *state;
    static const char schema[] =
        "{\"properties\":{"
        "\"lines\":{\"items\":{\"properties\":{\"sku\":{\"x-factum-tag\":\"sku\"},"
        "\"parts\":{\"items\":{\"x-factum-tag\":\"part\"}}}}},"
        "\"pair\":{\"prefixItems\":[true,{\"x-factum-tag\":\"second\"}],"
        "\"items\":{\"x-factum-tag\":\"rest\"}}}}";
    static const struct {
        const char *data, *tags;
    } cases[] = {
        {"{\"lines\":[{\"sku\":\"a\"},{\"sku\":\"b\"},{\"sku\":\"a\"}]}", " sku:a sku:b"},
        {"{\"lines\":[1,{},{\"sku\":null},[{\"sku\":\"no\"}],{\"sku\":\"b\"}]}", " sku:b"},
        {"{\"lines\":[]}", ""},
        {"{\"lines\":{\"sku\":\"no\"}}", ""},
        {"{\"lines\":[{\"parts\":[1,2]},{\"parts\":[]},{\"parts\":[3,[4]]}]}",
         " part:1 part:2 part:3 part:4"},
        {"{\"pair\":[1,2,3,4]}", " second:2 rest:3 rest:4"},
        {"{\"pair\":[1]}", ""},
    };
    assert_ok(put_schema(f, "Placed", schema, factum_any()), f->err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_put(f, "a", "Placed", cases[i].data);
        read_last(f, "a");
        assert_string_equal(f->tags, cases[i].tags);
    }
}

TEST(more_items_than_an_event_can_have_tags_are_refused)
{
    struct fixture *f = *state;
    char data[2048];
    assert_ok(put_schema(f, "Placed",
                         "{\"properties\":{\"l\":{\"items\":{\"properties\":{\"t\":{\"x-factum-"
                         "tag\":\"t\"}}}}}}",
                         factum_any()),
              f->err);
    for (int count = 32; count <= 33; count++) {
        size_t end = (size_t)snprintf(data, sizeof data, "{\"l\":[{\"t\":0}");
        for (int i = 1; i < count; i++) {
            end += (size_t)snprintf(data + end, sizeof data - end, ",{\"t\":%d}", i);
        }
        (void)snprintf(data + end, sizeof data - end, "]}");
        assert_status(put(f, "a", "Placed", data, ""),
                      count == 32 ? FACTUM_OK : FACTUM_SCHEMA_VIOLATION);
    }
    assert_text(f->err, "event 0: /l/32/t: makes more tags than the 32 that an event can have");
    assert_int_equal(f->result.refused_index, 0);
}

TEST(a_key_in_the_metadata_makes_an_append_known)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"{\"$idempotencyKey\":1}", "{\"$idempotencyKey\":\"\"}",
                                      "{\"$idempotencyKey\":\"a\\n\"}"};
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    assert_ok(put(f, "a", "Placed", "{}", "{\"$idempotencyKey\":\"k\"}"), f->err);
    assert_false(f->result.already);
    assert_ok(put_schema(f, "Placed", "{\"type\":\"object\"}", factum_any()), f->err);
    assert_ok(put(f, "a", "Placed", "{}", "{\"$idempotencyKey\":\"k\"}"), f->err);
    assert_true(f->result.already); /* the stamp would be a different one now */
    assert_status(put(f, "a", "Placed", "{\"x\":1}", "{\"$idempotencyKey\":\"k\"}"),
                  FACTUM_KEY_CONFLICT);
    assert_ok(put(f, "a", "Placed", "{}", "{\"a\":{\"$idempotencyKey\":\"k\"}}"), f->err);
    assert_false(f->result.already);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_status(put(f, "a", "Placed", "{}", bad[i]), FACTUM_INVALID);
    }
}

TEST(a_retry_that_does_not_fit_a_newer_version_is_known)
{
    struct fixture *f = *state;
    static const char key[] = "{\"$idempotencyKey\":\"k\"}";
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    assert_ok(put(f, "a", "Placed", "{\"qty\":1}", key), f->err);
    uint64_t position = f->result.position;
    assert_ok(put_schema(f, "Placed", "{\"required\":[\"sku\"]}", factum_any()), f->err);
    assert_refused(f, "a", "Placed", "{\"qty\":1}");
    assert_ok(put(f, "a", "Placed", "{\"qty\":1}", key), f->err);
    assert_true(f->result.already);
    assert_int_equal(f->result.position, position);
    assert_int_equal(f->result.refused_index, 0);
    /* A key with other content is another append. A new key is refused, and stays unused. */
    assert_status(put(f, "a", "Placed", "{\"qty\":2}", key), FACTUM_KEY_CONFLICT);
    assert_status(put(f, "a", "Placed", "{\"qty\":1}", "{\"$idempotencyKey\":\"new\"}"),
                  FACTUM_SCHEMA_VIOLATION);
    assert_ok(put(f, "a", "Placed", "{\"sku\":1}", "{\"$idempotencyKey\":\"new\"}"), f->err);
    assert_false(f->result.already);
    /* The mode does not matter either. */
    assert_ok(put_mode(f, "Placed", "warn"), f->err);
    assert_ok(put(f, "a", "Placed", "{\"qty\":1}", key), f->err);
    assert_true(f->result.already);
}

/* ---- the registry's stream ------------------------------------------------------------------- */

static void never_done(void *data, factum_append_op *const *ops, size_t count)
{
    (void)data;
    (void)ops;
    (void)count;
    fail_msg("%s", "it was not taken");
}

TEST(a_version_that_was_not_written_does_not_bind)
{
    struct fixture *f = *state;
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    for (int i = 0; i < 6; i++) { /* more than are retired at a time */
        assert_status(put_schema(f, "Placed", "{\"required\":[\"a\"]}", factum_at(9)),
                      FACTUM_WRONG_REVISION);
        assert_put(f, "a", "Placed", "{\"qty\":1}");
        assert_refused(f, "a", "Placed", "{\"qty\":0}");
    }
    assert_ok(put_schema(f, "Placed", "{\"required\":[\"a\"]}", factum_at(0)), f->err);
    assert_refused(f, "a", "Placed", "{\"qty\":1}");
    assert_put(f, "a", "Placed", "{\"a\":1,\"qty\":0}");
}

TEST(only_the_registrys_events_are_taken_into_its_stream)
{
    struct fixture *f = *state;
    const factum_new_event mixed[] = {
        {.stream = FCT_SLICE("$schemas"),
         .type = FCT_SLICE("$SchemaModeSet"),
         .data = FCT_SLICE("{\"subject\":\"A\",\"mode\":\"off\"}")},
        {.stream = FCT_SLICE("a"), .type = FCT_SLICE("A"), .data = FCT_SLICE("{}")}};
    const factum_expectation expectations[] = {{FCT_SLICE("$schemas"), factum_any()},
                                               {FCT_SLICE("a"), factum_any()}};
    const factum_append_request request = {.size = sizeof request,
                                           .events = mixed,
                                           .event_count = 2,
                                           .expectations = expectations,
                                           .expectation_count = 2,
                                           .system = true};
    assert_status(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err), FACTUM_INVALID);
    assert_status(put(f, "$schemas", "Other", "{}", ""), FACTUM_INVALID);
    assert_status(put(f, "$schemas", FCT_SCHEMA_REGISTERED, "{}", ""), FACTUM_INVALID);
    assert_status(put_schema(f, "Placed", "{\"type\":7}", factum_any()), FACTUM_INVALID);
    assert_status(put_mode(f, "A", "never"), FACTUM_INVALID);
    assert_ok(put_mode(f, "A", "off"), f->err);
    assert_status(fct_engine_remove(&f->engine, FACTUM_ACTION_DELETE, FCT_SLICE("$schemas"),
                                    factum_any(), NULL, &f->err),
                  FACTUM_INVALID);
}

TEST(a_repeat_of_an_old_version_does_not_bind_again)
{
    struct fixture *f = *state;
    const factum_new_event first = {
        .stream = FCT_SLICE(FCT_SCHEMAS_STREAM),
        .type = FCT_SLICE(FCT_SCHEMA_REGISTERED),
        .id = {{1}},
        .data = FCT_SLICE("{\"subject\":\"Placed\",\"version\":1,\"id\":1,\"hash\":\"" HASH
                          "\",\"proof\":\"none\",\"schema\":" QTY "}")};
    assert_ok(append_events(f, &first, 1, factum_no_stream()), f->err);
    f->version = 1;
    assert_ok(put_schema(f, "Placed", "{\"required\":[\"a\"]}", factum_at(0)), f->err);
    for (int i = 0; i < 6; i++) {
        assert_ok(append_events(f, &first, 1, factum_no_stream()), f->err);
        assert_true(f->result.already);
        assert_refused(f, "a", "Placed", "{\"qty\":1}");
        assert_put(f, "a", "Placed", "{\"a\":1,\"qty\":0}");
    }
}

TEST(an_append_may_expect_a_revision_of_the_registry)
{
    struct fixture *f = *state;
    const factum_new_event event = {
        .stream = FCT_SLICE("a"), .type = FCT_SLICE("Placed"), .data = FCT_SLICE("{\"qty\":1}")};
    factum_expectation expectations[] = {{FCT_SLICE("$schemas"), factum_at(0)},
                                         {FCT_SLICE("a"), factum_any()}};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = expectations,
                                           .expectation_count = 2,
                                           .system = true};
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    assert_ok(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err), f->err);
    read_last(f, "a");
    assert_string_equal(f->metadata, "{\"$schema.id\":1}");
    expectations[0].expected = factum_at(1);
    assert_status(fct_engine_append(&f->engine, &request, NULL, NULL, &f->err),
                  FACTUM_WRONG_REVISION);
}

TEST(a_user_called_back_cannot_write_to_the_registry)
{
    struct fixture *f = *state;
    char data[] = "{\"subject\":\"A\",\"mode\":\"off\"}";
    const factum_new_event event = {.stream = FCT_SLICE(FCT_SCHEMAS_STREAM),
                                    .type = FCT_SLICE(FCT_SCHEMA_MODE_SET),
                                    .data = factum_slice_from(data)};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .system = true};
    const factum_completer completer = {NULL, never_done};
    factum_append_op op = {.size = sizeof op, .request = &request, .completer = &completer};
    fct_callback_enter();
    factum_status status = fct_engine_submit(&f->engine, &op, &f->err);
    fct_callback_leave();
    assert_status(status, FACTUM_BUSY);
    assert_text(f->err, "call back");
    assert_ok(put_mode(f, "A", "off"), f->err);
}

static void count_line(void *data, factum_log_level level, const char *id, const char *text)
{
    struct fixture *f = data;
    assert_int_equal(level, FACTUM_LOG_ERROR);
    assert_string_equal(id, "schemas-damaged");
    assert_non_null(strstr(text, "as the test asks"));
    f->lines++;
}

TEST(without_its_schemas_a_store_takes_no_events)
{
    static struct fixture other;
    struct fixture *f = &other;
    const struct fct_limits limits = {.event_size_max = 0};
    const factum_log_sink sink = {.data = f, .write = count_line};
    void *self = f;
    (void)state;
    *f = (struct fixture){.damaged = true};
    fct_mem_fault_init(&f->mem);
    assert_ok(fct_engine_memory_open(&f->engine, &f->mem.mem, fct_os_real(), &limits, &f->err),
              f->err);
    hold_registry(f);
    assert_ok(fct_gate_put(&f->engine, &sink, &f->err), f->err);
    assert_int_equal(f->lines, 1);
    assert_status(put(f, "a", "Placed", "{\"qty\":0}", ""), FACTUM_CORRUPT);
    assert_text(f->err, "verify the store");
    assert_status(put_schema(f, "Placed", QTY, factum_any()), FACTUM_CORRUPT);
    assert_put(f, "$system-1", "Other", "{}");
    read_last(f, "$system-1");
    assert_int_equal(tear_down(&self), 0);
}

/* ---- while a write to the registry is under way ---------------------------------------------- */

#define assert_busy(f, stream, type, data)                                                         \
    assert_status(put(f, stream, type, data, ""), FACTUM_BUSY)

static void window_of_a_version(struct fixture *f)
{
    assert_put(f, "a", "Placed", "{\"qty\":1,\"a\":1}");
    read_last(f, "a");
    assert_string_equal(f->metadata, "{\"$schema.id\":1}");
    assert_busy(f, "a", "Placed", "{\"qty\":1}");
    assert_text(f->err, "a schema of its type is being registered: try again");
    assert_refused(f, "a", "Placed", "{\"qty\":0,\"a\":1}");
    assert_text(f->err, "(schema Placed 1)");
    assert_refused(f, "a", "Placed", "{\"qty\":0}");
    assert_text(f->err, "(schema Placed 1)");
    assert_put(f, "a", "Other", "{}");
    assert_status(put_mode(f, "Other", "off"), FACTUM_BUSY);
}

TEST(what_a_version_under_way_decides_is_busy)
{
    struct fixture *f = *state;
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    f->window = window_of_a_version;
    f->outcome = FACTUM_IO;
    assert_status(put_schema(f, "Placed", "{\"required\":[\"a\"]}", factum_any()), FACTUM_IO);
    assert_null(f->window);
    assert_put(f, "a", "Placed", "{\"qty\":1}");
    f->window = window_of_a_version;
    f->outcome = FACTUM_OK;
    assert_ok(put_schema(f, "Placed", "{\"required\":[\"a\"]}", factum_any()), f->err);
    assert_null(f->window);
    assert_refused(f, "a", "Placed", "{\"qty\":1}");
}

static void window_of_a_first_version(struct fixture *f)
{
    assert_busy(f, "order-1", "Placed", "{\"qty\":0}");
    assert_busy(f, "order-1", "Placed", "{\"qty\":1,\"t\":\"x\"}");
}

TEST(a_first_version_is_not_visible_while_it_is_under_way)
{
    struct fixture *f = *state;
    static const char schema[] =
        "{\"properties\":{\"qty\":{\"minimum\":1},\"t\":{\"x-factum-tag\":\"t\"}}}";
    f->window = window_of_a_first_version;
    f->outcome = FACTUM_IO;
    assert_status(put_schema(f, "Placed", schema, factum_any()), FACTUM_IO);
    assert_null(f->window);
    assert_put(f, "order-1", "Placed", "{\"qty\":0}");
    read_last(f, "order-1");
    assert_string_equal(f->metadata, "");
}

static void window_of_a_category(struct fixture *f)
{
    assert_refused(f, "order-1", "Placed", "{\"qty\":0,\"a\":1}");
    assert_text(f->err, "(schema Placed 1)");
    assert_busy(f, "order-1", "Placed", "{\"qty\":1}");
    assert_put(f, "order-1", "Placed", "{\"qty\":1,\"a\":1}");
    assert_put(f, "parcel-1", "Placed", "{\"qty\":1}");
}

TEST(the_plain_schema_is_in_force_while_one_with_category_is_under_way)
{
    struct fixture *f = *state;
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    f->window = window_of_a_category;
    f->outcome = FACTUM_IO;
    assert_status(put_schema(f, "order/Placed", "{\"required\":[\"a\"]}", factum_any()), FACTUM_IO);
    assert_null(f->window);
    assert_put(f, "order-1", "Placed", "{\"qty\":1}");
}

static void window_of_a_weaker_mode(struct fixture *f)
{
    assert_refused(f, "order-1", "Placed", "{\"qty\":0}");
    assert_put(f, "order-1", "Placed", "{\"qty\":1}");
}

static void window_of_a_stricter_mode(struct fixture *f)
{
    assert_busy(f, "order-1", "Placed", "{\"qty\":0}");
}

TEST(while_a_mode_is_under_way_the_stricter_counts)
{
    struct fixture *f = *state;
    static const char *const subjects[] = {"Placed", "order/Placed", "order/"};
    static const char *const modes[] = {"warn", "off"};
    assert_ok(put_schema(f, "Placed", QTY, factum_any()), f->err);
    for (size_t i = 0; i < 6; i++) {
        f->window = window_of_a_weaker_mode;
        f->outcome = FACTUM_IO;
        assert_status(put_mode(f, subjects[i / 2], modes[i % 2]), FACTUM_IO);
        assert_null(f->window);
        assert_refused(f, "order-1", "Placed", "{\"qty\":0}");
    }
    f->outcome = FACTUM_OK;
    for (size_t i = 0; i < 2; i++) {
        assert_ok(put_mode(f, "order/", modes[i]), f->err);
        assert_put(f, "order-1", "Placed", "{\"qty\":0}");
        f->window = window_of_a_stricter_mode;
        assert_ok(put_mode(f, "order/", "reject"), f->err);
        assert_null(f->window);
        assert_refused(f, "order-1", "Placed", "{\"qty\":0}");
    }
}

static void window_of_tags(struct fixture *f)
{
    assert_busy(f, "a", "Placed", "{\"t\":\"x\",\"u\":\"y\"}");
    assert_put(f, "a", "Placed", "{\"t\":\"x\"}");
    read_last(f, "a");
    assert_string_equal(f->tags, " t:x");
}

TEST(an_event_that_a_version_under_way_would_tag_waits_for_it)
{
    struct fixture *f = *state;
    assert_ok(
        put_schema(f, "Placed", "{\"properties\":{\"t\":{\"x-factum-tag\":\"t\"}}}", factum_any()),
        f->err);
    f->window = window_of_tags;
    assert_ok(put_schema(f, "Placed",
                         "{\"properties\":{\"t\":{\"x-factum-tag\":\"t\"},"
                         "\"u\":{\"x-factum-tag\":\"u\"}}}",
                         factum_any()),
              f->err);
    assert_null(f->window);
    assert_put(f, "a", "Placed", "{\"t\":\"x\",\"u\":\"y\"}");
    read_last(f, "a");
    assert_string_equal(f->tags, " t:x u:y");
}

/* ---- without memory -------------------------------------------------------------------------- */

TEST(a_failed_allocation_changes_nothing)
{
    struct fixture *f = *state;
    static const char with_tag[] =
        "{\"properties\":{\"qty\":{\"minimum\":1},\"t\":{\"x-factum-tag\":\"t\"}}}";
    unsigned long n = 0;
    unsigned long refused = 0;
    factum_status status = FACTUM_NO_MEMORY;
    for (; status != FACTUM_OK; n++) {
        f->mem.fail_at = f->mem.calls + n;
        status = put_schema(f, "Placed", with_tag, factum_any());
        f->mem.fail_at = ULONG_MAX;
        if (status != FACTUM_OK) {
            refused++;
            assert_status(status, FACTUM_NO_MEMORY);
            assert_put(f, "a", "Placed", "{\"qty\":0}");
        }
    }
    assert_true(refused > 2);
    status = FACTUM_NO_MEMORY;
    refused = 0;
    for (n = 0; status != FACTUM_OK; n++) {
        f->mem.fail_at = f->mem.calls + n;
        status = put(f, "b", "Placed", "{\"qty\":1,\"t\":\"x\"}", "{\"a\":1}");
        f->mem.fail_at = ULONG_MAX;
        if (status != FACTUM_OK) {
            refused++;
            assert_status(status, FACTUM_NO_MEMORY);
            assert_refused(f, "b", "Placed", "{\"qty\":0}");
        }
    }
    assert_true(refused > 0);
    read_last(f, "b");
    assert_string_equal(f->metadata, "{\"a\":1,\"$schema.id\":1}");
    assert_string_equal(f->tags, " t:x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_subject_with_a_category_is_used_before_one_without),
        FIXTURE_CASE(a_mode_of_a_subject_counts_before_that_of_its_category),
        FIXTURE_CASE(an_event_that_does_not_fit_is_named_and_nothing_is_written),
        FIXTURE_CASE(the_id_is_stamped_where_there_is_a_place_for_it),
        FIXTURE_CASE(a_sender_cannot_hide_a_fault),
        FIXTURE_CASE(a_long_fault_is_cut_between_characters),
        FIXTURE_CASE(tags_are_taken_from_the_data),
        FIXTURE_CASE(a_value_that_cannot_be_a_tag_is_refused),
        FIXTURE_CASE(tags_are_taken_from_the_items_of_arrays),
        FIXTURE_CASE(more_items_than_an_event_can_have_tags_are_refused),
        FIXTURE_CASE(a_key_in_the_metadata_makes_an_append_known),
        FIXTURE_CASE(a_retry_that_does_not_fit_a_newer_version_is_known),
        FIXTURE_CASE(a_version_that_was_not_written_does_not_bind),
        FIXTURE_CASE(only_the_registrys_events_are_taken_into_its_stream),
        FIXTURE_CASE(a_repeat_of_an_old_version_does_not_bind_again),
        FIXTURE_CASE(an_append_may_expect_a_revision_of_the_registry),
        FIXTURE_CASE(a_user_called_back_cannot_write_to_the_registry),
        CASE(without_its_schemas_a_store_takes_no_events),
        FIXTURE_CASE(what_a_version_under_way_decides_is_busy),
        FIXTURE_CASE(a_first_version_is_not_visible_while_it_is_under_way),
        FIXTURE_CASE(the_plain_schema_is_in_force_while_one_with_category_is_under_way),
        FIXTURE_CASE(while_a_mode_is_under_way_the_stricter_counts),
        FIXTURE_CASE(an_event_that_a_version_under_way_would_tag_waits_for_it),
        FIXTURE_CASE(a_failed_allocation_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
