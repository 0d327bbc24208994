/* registry_event_test.c - events of the registry, written and read; others are refused. */
#include "schema/registry_event.h"

#include "support/test.h"

#include "core/slice.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST(a_subject_is_divided_at_its_first_slash)
{
    struct fct_subject subject;
    factum_error err;
    (void)state;
    assert_ok(fct_subject_parse(FCT_SLICE("OrderPlaced"), &subject, &err), err);
    assert_int_equal(subject.category.len, 0);
    assert_true(fct_slice_equal(subject.type, FCT_SLICE("OrderPlaced")));
    assert_ok(fct_subject_parse(FCT_SLICE("order/a/b"), &subject, &err), err);
    assert_true(fct_slice_equal(subject.category, FCT_SLICE("order")));
    assert_true(fct_slice_equal(subject.type, FCT_SLICE("a/b")));
    assert_ok(fct_subject_parse(FCT_SLICE("order/"), &subject, &err), err);
    assert_int_equal(subject.type.len, 0);
}

TEST(what_is_no_subject_is_refused)
{
    factum_error ignored;
    static const char *const rows[] = {"", "/", "/a", "$a", "a/$b", "a\nb", "a\"b", "a\\b", "\xff"};
    char big[1100];
    struct fct_subject subject;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_status(fct_subject_parse(factum_slice_from(rows[i]), &subject, &ignored),
                      FACTUM_INVALID);
    }
    memset(big, 'a', sizeof big);
    assert_status(fct_subject_parse(fct_slice(big, sizeof big), &subject, &ignored),
                  FACTUM_INVALID);
}

TEST(what_is_written_is_read)
{
    struct fct_buf buf;
    struct fct_registry_event event = {
        .subject_text = FCT_SLICE("order/OrderPlaced"),
        .version = 3,
        .id = 7,
        .hash = FCT_SLICE(HASH),
        .proof = FACTUM_SCHEMA_PROOF_AFTER,
        .after = 4711,
        .schema = FCT_SLICE("{\"type\":\"object\"}"),
    };
    struct fct_registry_event read;
    factum_error err;
    (void)state;
    fct_buf_init(&buf, fct_mem_heap(), 4096);
    assert_ok(fct_registry_event_format(&event, &buf, &err), err);
    assert_ok(fct_registry_event_parse(FCT_SLICE(FCT_SCHEMA_REGISTERED), fct_buf_slice(&buf), &read,
                                       &err),
              err);
    assert_false(read.is_mode);
    assert_true(fct_slice_equal(read.subject.category, FCT_SLICE("order")));
    assert_int_equal(read.version, 3);
    assert_int_equal(read.id, 7);
    assert_int_equal(read.after, 4711);
    assert_int_equal(read.proof, FACTUM_SCHEMA_PROOF_AFTER);
    assert_true(fct_slice_equal(read.schema, event.schema));

    fct_buf_clear(&buf);
    event = (struct fct_registry_event){
        .is_mode = true, .subject_text = FCT_SLICE("order/"), .mode = FACTUM_SCHEMA_MODE_WARN};
    assert_ok(fct_registry_event_format(&event, &buf, &err), err);
    assert_ok(
        fct_registry_event_parse(FCT_SLICE(FCT_SCHEMA_MODE_SET), fct_buf_slice(&buf), &read, &err),
        err);
    assert_true(read.is_mode);
    assert_int_equal(read.mode, FACTUM_SCHEMA_MODE_WARN);

    fct_buf_clear(&buf);
    event.mode = FACTUM_SCHEMA_MODE_UNSET;
    assert_ok(fct_registry_event_format(&event, &buf, &err), err);
    assert_true(fct_slice_equal(fct_buf_slice(&buf),
                                FCT_SLICE("{\"subject\":\"order/\",\"mode\":\"unset\"}")));
    assert_ok(
        fct_registry_event_parse(FCT_SLICE(FCT_SCHEMA_MODE_SET), fct_buf_slice(&buf), &read, &err),
        err);
    assert_int_equal(read.mode, FACTUM_SCHEMA_MODE_UNSET);
    fct_buf_finish(&buf);
}

TEST(a_buffer_that_is_full_is_as_before)
{
    struct fct_buf buf;
    const struct fct_registry_event event = {.subject_text = FCT_SLICE("T"),
                                             .version = 1,
                                             .id = 1,
                                             .hash = FCT_SLICE(HASH),
                                             .schema = FCT_SLICE("{}")};
    (void)state;
    fct_buf_init(&buf, fct_mem_heap(), 100);
    assert_status(fct_buf_add_text(&buf, "abc"), FACTUM_OK);
    assert_status(fct_registry_event_format(&event, &buf, NULL), FACTUM_TOO_BIG);
    assert_int_equal(buf.len, 3);
    fct_buf_finish(&buf);
}

TEST(what_is_no_event_of_the_registry_is_refused)
{
    static const struct {
        const char *type;
        const char *data;
        const char *text;
    } rows[] = {
        {"Other", "{}", "Other is not an event"},
        {FCT_SCHEMA_REGISTERED, "{", "not valid JSON"},
        {FCT_SCHEMA_REGISTERED, "[]", "\"subject\""},
        {FCT_SCHEMA_REGISTERED, "{\"subject\":\"T\"}", "\"version\""},
        {FCT_SCHEMA_REGISTERED, "{\"subject\":\"T\",\"version\":0}", "\"version\""},
        {FCT_SCHEMA_REGISTERED, "{\"subject\":\"T\",\"version\":1,\"id\":-1}", "\"id\""},
        {FCT_SCHEMA_REGISTERED, "{\"subject\":\"T\",\"version\":1,\"id\":1,\"hash\":\"ab\"}",
         "\"hash\""},
        {FCT_SCHEMA_REGISTERED,
         "{\"subject\":\"T\",\"version\":1,\"id\":1,\"hash\":\"" HASH "\",\"proof\":\"some\"}",
         "\"proof\""},
        {FCT_SCHEMA_REGISTERED,
         "{\"subject\":\"T\",\"version\":1,\"id\":1,\"hash\":\"" HASH "\",\"proof\":\"after\"}",
         "\"after\""},
        {FCT_SCHEMA_REGISTERED,
         "{\"subject\":\"T\",\"version\":1,\"id\":1,\"hash\":\"" HASH "\",\"proof\":\"all\"}",
         "\"schema\""},
        {FCT_SCHEMA_REGISTERED,
         "{\"subject\":\"c/\",\"version\":1,\"id\":1,\"hash\":\"" HASH
         "\",\"proof\":\"all\",\"schema\":{}}",
         "one type"},
        {FCT_SCHEMA_MODE_SET, "{\"subject\":\"T\",\"mode\":\"some\"}", "\"mode\""},
        {FCT_SCHEMA_MODE_SET, "{\"subject\":\"T\",\"mode\":\"\"}", "\"mode\""},
        {FCT_SCHEMA_MODE_SET, "{\"subject\":\"\\u0041\",\"mode\":\"off\"}", "\"subject\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fct_registry_event event;
        factum_error err;
        assert_status(fct_registry_event_parse(factum_slice_from(rows[i].type),
                                               factum_slice_from(rows[i].data), &event, &err),
                      FACTUM_INVALID);
        assert_text(err, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_subject_is_divided_at_its_first_slash),
        CASE(what_is_no_subject_is_refused),
        CASE(what_is_written_is_read),
        CASE(a_buffer_that_is_full_is_as_before),
        CASE(what_is_no_event_of_the_registry_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
