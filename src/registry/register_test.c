/* register_test.c - schemas are registered, proven and enforced: through the public functions, on a
 * store in memory and on one on disk. */
#include <pthread.h>

#include <factum/json.h>
#include <factum/registry.h>

#include "support/test_store.h"

#include "core/slice.h"

struct fixture {
    factum_store *store;
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
    return test_store_close(f->store, f->dir, &f->err);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static const char placed_1[] = "{\"type\":\"object\",\"required\":[\"orderId\"],\"properties\":{"
                               "\"orderId\":{\"type\":\"string\",\"x-factum-tag\":\"order\"},"
                               "\"qty\":{\"type\":\"integer\",\"minimum\":1}}}";
static const char placed_2[] = "{\"type\":\"object\",\"required\":[\"orderId\",\"qty\"],"
                               "\"properties\":{\"orderId\":{\"type\":\"string\"},"
                               "\"qty\":{\"type\":\"integer\",\"minimum\":1}}}";

static factum_status put_with(struct fixture *f, const char *stream, const char *type,
                              const char *data, const char *metadata, const char *key)
{
    const factum_new_event event = {
        .stream = factum_slice_from(stream),
        .type = factum_slice_from(type),
        .data = factum_slice_from(data),
        .metadata = factum_slice_from(metadata),
    };
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &expectation,
        .expectation_count = 1,
        .idempotency_key = factum_slice_from(key),
    };
    factum_append_result result;
    factum_status status = factum_append(f->store, &request, &result, NULL, &f->err);
    return status == FACTUM_OK && result.already ? FACTUM_EXISTS : status;
}

static factum_status put(struct fixture *f, const char *stream, const char *type, const char *data)
{
    return put_with(f, stream, type, data, "", "");
}

static factum_status enrol(struct fixture *f, const char *subject, const char *schema,
                           factum_registration *done)
{
    *done = (factum_registration){.size = sizeof *done};
    return factum_schema_register(f->store, factum_slice_from(subject), factum_slice_from(schema),
                                  NULL, done, &f->err);
}

static void must_enrol(struct fixture *f, const char *subject, const char *schema)
{
    factum_registration done;
    assert_ok(enrol(f, subject, schema, &done), f->err);
    assert_false(done.already);
}

/* The last event of |stream|: its metadata and tags as text, "META|tag tag". */
static const char *last_of(struct fixture *f, const char *stream)
{
    static char text[512];
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_STREAM,
                                         .name = factum_slice_from(stream),
                                         .backwards = true,
                                         .count_max = 1};
    factum_cursor *cursor;
    factum_event event;
    assert_ok(factum_read(f->store, &request, &cursor, &f->err), f->err);
    assert_ok(factum_cursor_next(cursor, &event, &f->err), f->err);
    int len = snprintf(text, sizeof text, "%.*s|", (int)event.metadata.len,
                       (const char *)event.metadata.ptr);
    for (size_t i = 0; i < event.tag_count; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len, "%s%.*s", i > 0 ? " " : "",
                        (int)event.tags[i].len, (const char *)event.tags[i].ptr);
    }
    factum_cursor_close(cursor);
    return text;
}

/* ---- registering ----------------------------------------------------------------------------- */

TEST(versions_rise_and_equal_texts_have_equal_ids)
{
    struct fixture *f = *state;
    factum_registration done;
    assert_ok(enrol(f, "OrderPlaced", placed_1, &done), f->err);
    assert_int_equal(done.version, 1);
    assert_int_equal(done.id, 1);
    assert_ok(enrol(f, "OrderPlaced", placed_2, &done), f->err);
    assert_int_equal(done.version, 2);
    assert_int_equal(done.id, 2);
    assert_ok(enrol(f, "old/OrderPlaced", placed_1, &done), f->err);
    assert_int_equal(done.version, 1);
    assert_int_equal(done.id, 1);
    assert_ok(enrol(f, "OrderPlaced", placed_1, &done), f->err);
    assert_true(done.already);
    assert_int_equal(done.version, 1);
    assert_false(done.newest);
    assert_ok(enrol(f, "OrderPlaced", placed_2, &done), f->err);
    assert_true(done.already);
    assert_true(done.newest);

    factum_schemas *schemas;
    factum_schema_version version = {.size = sizeof version};
    assert_ok(factum_schemas_open(f->store, &schemas, &f->err), f->err);
    assert_ok(factum_schemas_at(schemas, 1, &version, &f->err), f->err);
    assert_true(version.newest);
    assert_true(fct_slice_equal(version.text, factum_slice_from(placed_2)));
    assert_status(factum_schemas_at(schemas, 3, &version, &f->err), FACTUM_DONE);
    assert_ok(factum_schemas_find(schemas, FCT_SLICE("OrderPlaced"), 1, &version, &f->err), f->err);
    assert_false(version.newest);
    assert_status(factum_schemas_find(schemas, FCT_SLICE("OrderPlaced"), 3, &version, &f->err),
                  FACTUM_NOT_FOUND);
    assert_text(f->err, "OrderPlaced has no version 3: its newest is 2");
    assert_status(factum_schemas_find(schemas, FCT_SLICE("Gone"), 0, &version, &f->err),
                  FACTUM_NOT_FOUND);
    factum_schemas_close(schemas);
}

TEST(a_version_that_a_stored_event_breaks_is_refused_and_the_event_named)
{
    struct fixture *f = *state;
    factum_registration done;
    assert_ok(put(f, "order-1", "OrderPlaced", "{\"orderId\":\"1\",\"qty\":2}"), f->err);
    assert_ok(put(f, "order-2", "OrderPlaced", "{\"orderId\":\"2\"}"), f->err);
    must_enrol(f, "OrderPlaced", placed_1);
    assert_status(enrol(f, "OrderPlaced", placed_2, &done), FACTUM_SCHEMA_VIOLATION);
    assert_string_equal(done.failed_stream, "order-2");
    assert_int_equal(done.failed_revision, 0);
    assert_true(done.failed_position > 0);
    assert_text(f->err, "order-2 at revision 0");
    assert_ok(put(f, "order-3", "OrderPlaced", "{\"orderId\":\"3\"}"), f->err);

    const factum_register_options after = {
        .size = sizeof after, .proof = FACTUM_SCHEMA_PROOF_AFTER, .after = done.failed_position};
    assert_status(factum_schema_register(f->store, FCT_SLICE("OrderPlaced"),
                                         factum_slice_from(placed_2), &after, &done, &f->err),
                  FACTUM_SCHEMA_VIOLATION);
    assert_string_equal(done.failed_stream, "order-3");
    const factum_register_options none = {.size = sizeof none, .proof = FACTUM_SCHEMA_PROOF_NONE};
    assert_ok(factum_schema_register(f->store, FCT_SLICE("OrderPlaced"),
                                     factum_slice_from(placed_2), &none, &done, &f->err),
              f->err);
    assert_int_equal(done.version, 2);
    assert_status(put(f, "order-4", "OrderPlaced", "{\"orderId\":\"4\"}"), FACTUM_SCHEMA_VIOLATION);
}

TEST(a_place_goes_with_the_proof_after_it)
{
    struct fixture *f = *state;
    const factum_schema_proof proofs[] = {FACTUM_SCHEMA_PROOF_ALL, FACTUM_SCHEMA_PROOF_NONE,
                                          FACTUM_SCHEMA_PROOF_AFTER};
    for (size_t i = 0; i < sizeof proofs / sizeof *proofs; i++) {
        const factum_register_options options = {
            .size = sizeof options, .proof = proofs[i], .after = 1};
        factum_status status =
            factum_schema_register(f->store, FCT_SLICE("OrderPlaced"), factum_slice_from(placed_1),
                                   &options, NULL, &f->err);
        if (proofs[i] == FACTUM_SCHEMA_PROOF_AFTER) {
            assert_ok(status, f->err);
        } else {
            assert_status(status, FACTUM_INVALID);
            assert_text(f->err, "FACTUM_SCHEMA_PROOF_AFTER");
        }
    }
}

TEST(many_subjects_are_kept_apart)
{
    struct fixture *f = *state;
    enum { SUBJECTS = 100 };
    factum_schemas *schemas;
    factum_schema_version version = {.size = sizeof version};
    char subject[32];
    for (int i = 0; i < SUBJECTS; i++) {
        (void)snprintf(subject, sizeof subject, i % 2 == 0 ? "c%d/T" : "T%d", i);
        must_enrol(f, subject, placed_1);
        if (i % 3 == 0) {
            must_enrol(f, subject, placed_2);
        }
    }
    assert_ok(factum_schemas_open(f->store, &schemas, &f->err), f->err);
    for (int i = 0; i < SUBJECTS; i++) {
        (void)snprintf(subject, sizeof subject, i % 2 == 0 ? "c%d/T" : "T%d", i);
        assert_ok(factum_schemas_find(schemas, factum_slice_from(subject), 0, &version, &f->err),
                  f->err);
        assert_int_equal(version.version, i % 3 == 0 ? 2 : 1);
        assert_true(version.newest);
        assert_ok(factum_schemas_find(schemas, factum_slice_from(subject), 1, &version, &f->err),
                  f->err);
        assert_int_equal(version.newest, i % 3 != 0);
    }
    assert_status(factum_schemas_find(schemas, FCT_SLICE("c/T"), 0, &version, &f->err),
                  FACTUM_NOT_FOUND);
    factum_schemas_close(schemas);
}

TEST(what_is_no_schema_is_refused)
{
    struct fixture *f = *state;
    factum_registration done;
    assert_status(enrol(f, "T", "{\"type\":5}", &done), FACTUM_INVALID);
    assert_status(enrol(f, "T", "{", &done), FACTUM_INVALID);
    assert_status(enrol(f, "", "{}", &done), FACTUM_INVALID);
    assert_status(enrol(f, "order/", "{}", &done), FACTUM_INVALID);
    assert_status(enrol(f, "/T", "{}", &done), FACTUM_INVALID);
    assert_status(enrol(f, "$T", "{}", &done), FACTUM_INVALID);
    assert_status(enrol(f, "a/$T", "{}", &done), FACTUM_INVALID);
    assert_ok(put(f, "order-1", "T", "no JSON"), f->err);
}

/* ---- the gate -------------------------------------------------------------------------------- */

TEST(an_event_that_does_not_fit_is_refused_with_the_place)
{
    struct fixture *f = *state;
    must_enrol(f, "OrderPlaced", placed_1);
    assert_status(put(f, "order-1", "OrderPlaced", "{\"orderId\":\"1\",\"qty\":0}"),
                  FACTUM_SCHEMA_VIOLATION);
    assert_text(f->err, "event 0: /qty: ");
    assert_text(f->err, "(schema OrderPlaced 1)");
    assert_status(put(f, "order-1", "OrderPlaced", "{\"qty\":1}"), FACTUM_SCHEMA_VIOLATION);
    assert_status(put(f, "order-1", "OrderPlaced", "{\"orderId\":\"1\",\"orderId\":\"2\"}"),
                  FACTUM_SCHEMA_VIOLATION);
    assert_status(put(f, "order-1", "OrderPlaced", "not JSON"), FACTUM_SCHEMA_VIOLATION);
    assert_ok(put(f, "order-1", "Other", "not JSON"), f->err);
    assert_ok(put(f, "order-1", "OrderPlaced", "{\"orderId\":\"1\",\"qty\":1}"), f->err);
}

TEST(an_event_gets_its_tags_and_the_id_of_its_schema)
{
    struct fixture *f = *state;
    must_enrol(f, "OrderPlaced", placed_1);
    assert_ok(put(f, "order-1", "OrderPlaced", "{\"orderId\":\"a\\u0062\",\"qty\":1}"), f->err);
    assert_string_equal(last_of(f, "order-1"), "{\"$schema.id\":1}|order:ab");
    assert_ok(put_with(f, "order-1", "OrderPlaced", "{\"orderId\":\"b\"}", " {\"by\":\"me\"} ", ""),
              f->err);
    assert_string_equal(last_of(f, "order-1"), "{\"by\":\"me\",\"$schema.id\":1}|order:b");
    assert_ok(
        put_with(f, "order-1", "OrderPlaced", "{\"orderId\":\"c\"}", "{\"$schema.id\":7}", ""),
        f->err);
    assert_string_equal(last_of(f, "order-1"), "{\"$schema.id\":1}|order:c");
}

TEST(a_retry_after_a_new_version_is_recognised)
{
    struct fixture *f = *state;
    must_enrol(f, "OrderPlaced", placed_1);
    assert_ok(put_with(f, "order-1", "OrderPlaced", "{\"orderId\":\"1\",\"qty\":1}", "", "k"),
              f->err);
    must_enrol(f, "OrderPlaced", placed_2);
    assert_status(put_with(f, "order-1", "OrderPlaced", "{\"orderId\":\"1\",\"qty\":1}", "", "k"),
                  FACTUM_EXISTS);
    assert_status(put_with(f, "order-1", "OrderPlaced", "{\"orderId\":\"1\",\"qty\":2}", "", "k"),
                  FACTUM_KEY_CONFLICT);
}

/* Appends an event with its own id at the beginning of |stream|. EXISTS: it is recognised. */
static factum_status put_first(struct fixture *f, const char *stream, const char *data)
{
    const factum_new_event event = {
        .stream = factum_slice_from(stream),
        .type = FCT_SLICE("OrderPlaced"),
        .data = factum_slice_from(data),
        .id = {{1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16}},
    };
    factum_append_result result;
    factum_status status = factum_append_stream(f->store, event.stream, factum_no_stream(), &event,
                                                1, &result, &f->err);
    return status == FACTUM_OK && result.already ? FACTUM_EXISTS : status;
}

TEST(a_retry_by_ids_has_to_fit_the_newest_version)
{
    struct fixture *f = *state;
    const factum_register_options unproven = {.size = sizeof unproven,
                                              .proof = FACTUM_SCHEMA_PROOF_NONE};
    must_enrol(f, "OrderPlaced", placed_1);
    assert_ok(put_first(f, "order-1", "{\"orderId\":\"1\"}"), f->err);
    assert_status(put_first(f, "order-1", "{\"orderId\":\"1\"}"), FACTUM_EXISTS);
    assert_ok(factum_schema_register(f->store, FCT_SLICE("OrderPlaced"),
                                     factum_slice_from(placed_2), &unproven, NULL, &f->err),
              f->err);
    assert_status(put_first(f, "order-1", "{\"orderId\":\"1\"}"), FACTUM_SCHEMA_VIOLATION);
}

static factum_status set_mode(struct fixture *f, const char *subject, factum_schema_mode mode)
{
    return factum_schema_mode_set(f->store, factum_slice_from(subject), mode, &f->err);
}

TEST(modes_decide_what_happens_to_events_that_do_not_fit)
{
    struct fixture *f = *state;
    must_enrol(f, "OrderPlaced", placed_1);
    assert_ok(set_mode(f, "order/", FACTUM_SCHEMA_MODE_OFF), f->err);
    assert_ok(put(f, "order-1", "OrderPlaced", "{}"), f->err);
    assert_string_equal(last_of(f, "order-1"), "|");
    assert_status(put(f, "basket-1", "OrderPlaced", "{}"), FACTUM_SCHEMA_VIOLATION);
    assert_ok(set_mode(f, "OrderPlaced", FACTUM_SCHEMA_MODE_WARN), f->err);
    assert_ok(put(f, "order-1", "OrderPlaced", "{}"), f->err);
    assert_true(strstr(last_of(f, "order-1"), "\"$schema.fault\":\"event 0: ") != NULL);
    assert_ok(set_mode(f, "order/OrderPlaced", FACTUM_SCHEMA_MODE_REJECT), f->err);
    assert_status(put(f, "order-1", "OrderPlaced", "{}"), FACTUM_SCHEMA_VIOLATION);
    assert_ok(put(f, "basket-1", "OrderPlaced", "{}"), f->err);
    assert_status(set_mode(f, "order/", (factum_schema_mode)4), FACTUM_INVALID);
}

TEST(a_mode_is_taken_back)
{
    struct fixture *f = *state;
    factum_schemas *schemas;
    factum_slice subject;
    factum_schema_mode mode;
    const char misfit[] = "{\"orderId\":\"1\",\"qty\":0}";
    must_enrol(f, "order/OrderPlaced", placed_1);
    assert_ok(set_mode(f, "order/OrderPlaced", FACTUM_SCHEMA_MODE_REJECT), f->err);
    assert_ok(set_mode(f, "order/", FACTUM_SCHEMA_MODE_WARN), f->err);
    assert_status(put(f, "order-1", "OrderPlaced", misfit), FACTUM_SCHEMA_VIOLATION);
    assert_ok(set_mode(f, "order/OrderPlaced", FACTUM_SCHEMA_MODE_UNSET), f->err);
    assert_ok(put(f, "order-1", "OrderPlaced", misfit), f->err);
    assert_ok(factum_schemas_open(f->store, &schemas, &f->err), f->err);
    assert_ok(factum_schemas_mode_at(schemas, 0, &subject, &mode, &f->err), f->err);
    assert_true(fct_slice_equal(subject, FCT_SLICE("order/")));
    assert_int_equal(mode, FACTUM_SCHEMA_MODE_WARN);
    assert_status(factum_schemas_mode_at(schemas, 1, &subject, &mode, &f->err), FACTUM_DONE);
    factum_schemas_close(schemas);
    assert_ok(set_mode(f, "order/", FACTUM_SCHEMA_MODE_UNSET), f->err);
    assert_status(put(f, "order-1", "OrderPlaced", misfit), FACTUM_SCHEMA_VIOLATION);
}

TEST(a_category_may_have_a_schema_of_its_own)
{
    struct fixture *f = *state;
    must_enrol(f, "Renamed", "{\"required\":[\"a\"]}");
    must_enrol(f, "user/Renamed", "{\"required\":[\"b\"]}");
    assert_ok(put(f, "user-1", "Renamed", "{\"b\":1}"), f->err);
    assert_ok(put(f, "shop-1", "Renamed", "{\"a\":1}"), f->err);
    assert_status(put(f, "user-1", "Renamed", "{\"a\":1}"), FACTUM_SCHEMA_VIOLATION);
    assert_status(put(f, "shop-1", "Renamed", "{\"b\":1}"), FACTUM_SCHEMA_VIOLATION);
    must_enrol(f, "Renamed", "{\"required\":[\"a\"],\"type\":\"object\"}");
}

TEST(the_registry_itself_is_guarded)
{
    struct fixture *f = *state;
    const factum_new_event event = {.stream = FCT_SLICE("$schemas"),
                                    .type = FCT_SLICE("$SchemaRegistered"),
                                    .data = FCT_SLICE("{}")};
    const factum_expectation expectation = {event.stream, factum_any()};
    factum_append_request request = {.size = sizeof request,
                                     .events = &event,
                                     .event_count = 1,
                                     .expectations = &expectation,
                                     .expectation_count = 1,
                                     .system = true};
    assert_status(factum_append(f->store, &request, NULL, NULL, &f->err), FACTUM_INVALID);
    assert_text(f->err, "no valid \"subject\"");
    must_enrol(f, "T", "{}");
    assert_status(factum_delete(f->store, event.stream, factum_any(), NULL, &f->err),
                  FACTUM_INVALID);
    assert_status(factum_tombstone(f->store, event.stream, factum_any(), NULL, &f->err),
                  FACTUM_INVALID);
}

TEST(schemas_survive_a_restart)
{
    struct fixture *f = *state;
    must_enrol(f, "OrderPlaced", placed_1);
    must_enrol(f, "OrderPlaced", placed_2);
    assert_ok(factum_close(f->store, &f->err), f->err);
    assert_ok(factum_open(f->dir, NULL, &f->store, &f->err), f->err);
    assert_status(put(f, "order-1", "OrderPlaced", "{\"orderId\":\"1\"}"), FACTUM_SCHEMA_VIOLATION);
    assert_text(f->err, "(schema OrderPlaced 2)");
}

/* ---- races ----------------------------------------------------------------------------------- */

#define WRITERS 4
#define EVENTS_EACH 300

struct writer {
    struct fixture *f;
    pthread_t thread;
    unsigned number;
    unsigned written;
};

/* Appends events with or without "qty" in turn: only the first kind fits placed_2. */
static void *write_events(void *data)
{
    struct writer *writer = data;
    struct fixture own = {.store = writer->f->store};
    char stream[32];
    (void)snprintf(stream, sizeof stream, "order-%u", writer->number);
    for (unsigned i = 0; i < EVENTS_EACH; i++) {
        const char *text = i % 2 == 0 ? "{\"orderId\":\"1\",\"qty\":1}" : "{\"orderId\":\"1\"}";
        factum_status status = put(&own, stream, "OrderPlaced", text);
        writer->written += status == FACTUM_OK ? 1 : 0;
    }
    return NULL;
}

/* In any order: every stored event fits the newest version, or the version does not exist. */
TEST(no_event_slips_in_beside_a_registration)
{
    struct fixture *f = *state;
    struct writer writers[WRITERS];
    factum_registration done;
    must_enrol(f, "OrderPlaced", placed_1);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.f = f, .number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_events, &writers[i]), 0);
    }
    factum_status status = FACTUM_BUSY;
    for (unsigned tries = 0; tries < 50 && status == FACTUM_BUSY; tries++) {
        status = enrol(f, "OrderPlaced",
                       "{\"required\":[\"orderId\"],\"properties\":{\"late\":false}}", &done);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
        assert_int_equal(writers[i].written, EVENTS_EACH);
    }
    assert_true(status == FACTUM_OK || status == FACTUM_BUSY);
    assert_status(enrol(f, "OrderPlaced", placed_2, &done), FACTUM_SCHEMA_VIOLATION);
}

struct registrar {
    struct fixture *f;
    pthread_t thread;
    factum_status status;
    factum_registration done;
    char schema[64];
};

static void *register_one(void *data)
{
    struct registrar *registrar = data;
    struct fixture own = {.store = registrar->f->store};
    registrar->status = enrol(&own, "Raced", registrar->schema, &registrar->done);
    return NULL;
}

TEST(two_concurrent_registrations_get_different_versions)
{
    struct fixture *f = *state;
    struct registrar registrars[8];
    bool taken[9] = {false};
    for (unsigned i = 0; i < 8; i++) {
        registrars[i] = (struct registrar){.f = f};
        (void)snprintf(registrars[i].schema, sizeof registrars[i].schema, "{\"minimum\":%u}", i);
        assert_int_equal(pthread_create(&registrars[i].thread, NULL, register_one, &registrars[i]),
                         0);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(registrars[i].thread, NULL), 0);
        assert_status(registrars[i].status, FACTUM_OK);
        assert_true(registrars[i].done.version >= 1 && registrars[i].done.version <= 8);
        assert_false(taken[registrars[i].done.version]);
        taken[registrars[i].done.version] = true;
    }
}

#define ON_BOTH(name)                                                                              \
    cmocka_unit_test_setup_teardown(name, set_up_memory, tear_down),                               \
        cmocka_unit_test_setup_teardown(name, set_up_local, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(versions_rise_and_equal_texts_have_equal_ids),
        ON_BOTH(a_version_that_a_stored_event_breaks_is_refused_and_the_event_named),
        ON_BOTH(a_place_goes_with_the_proof_after_it),
        ON_BOTH(many_subjects_are_kept_apart),
        ON_BOTH(what_is_no_schema_is_refused),
        ON_BOTH(an_event_that_does_not_fit_is_refused_with_the_place),
        ON_BOTH(an_event_gets_its_tags_and_the_id_of_its_schema),
        ON_BOTH(a_retry_after_a_new_version_is_recognised),
        ON_BOTH(a_retry_by_ids_has_to_fit_the_newest_version),
        ON_BOTH(modes_decide_what_happens_to_events_that_do_not_fit),
        ON_BOTH(a_mode_is_taken_back),
        ON_BOTH(a_category_may_have_a_schema_of_its_own),
        ON_BOTH(the_registry_itself_is_guarded),
        cmocka_unit_test_setup_teardown(schemas_survive_a_restart, set_up_local, tear_down),
        ON_BOTH(no_event_slips_in_beside_a_registration),
        ON_BOTH(two_concurrent_registrations_get_different_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
