/* served_test.c - answers of a server about read models, correct and faulty: truncated, of other
 * kinds, with members missing. Layer: cli. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

#include <factum/remote.h>
#include <factum/testing.h>

#include "cli/served.h"
#include "cli/table.h"

/* ---- a server that answers what a test sets -------------------------------------------------- */

static struct {
    const char *answer; /* NULL: answers with |status| */
    factum_status status;
    size_t piece; /* bytes of the answer delivered at a time */
    char method[16];
    char target[512];
    char body[2048];
    bool once;
} server;

factum_status factum_remote_send(factum_store *store, const factum_remote_request *request,
                                 const factum_remote_body *body, factum_remote_answer *answer,
                                 factum_error *err)
{
    (void)store;
    (void)answer;
    (void)snprintf(server.method, sizeof server.method, "%s", request->method);
    (void)snprintf(server.target, sizeof server.target, "%s", request->target);
    (void)snprintf(server.body, sizeof server.body, "%.*s", (int)request->body.len,
                   request->body.len == 0 ? "" : (const char *)request->body.ptr);
    server.once = request->once;
    if (server.answer == NULL) {
        *err = (factum_error){.status = server.status, .text = "what the server said"};
        return server.status;
    }
    size_t len = strlen(server.answer);
    for (size_t at = 0; at < len; at += server.piece) {
        size_t size = len - at < server.piece ? len - at : server.piece;
        if (!body->bytes(body->data, (factum_slice){(const uint8_t *)server.answer + at, size})) {
            return FACTUM_CANCELLED;
        }
    }
    return FACTUM_OK;
}

static void answers(const char *text)
{
    memset(&server, 0, sizeof server);
    server.answer = text;
    server.piece = 7;
}

static factum_store *store;
static factum_error err;

static int set_up(void **state)
{
    (void)state;
    return factum_testing_open_memory(NULL, &store, &err) == FACTUM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return factum_close(store, &err) == FACTUM_OK ? 0 : -1;
}

/* ---- queries --------------------------------------------------------------------------------- */

static factum_model_answer fresh;

static factum_status query_into(struct table *table)
{
    static const factum_model_parameter parameters[] = {
        {{(const uint8_t *)"a", 1}, {.kind = FACTUM_VALUE_INTEGER, .integer = -7}},
        {{(const uint8_t *)"b", 1}, {.kind = FACTUM_VALUE_REAL, .real = 0.5}},
        {{(const uint8_t *)"c", 1}, {.kind = FACTUM_VALUE_NULL}},
    };
    const factum_rows rows = {table, table_columns, table_row};
    const factum_model_query query = {
        .size = sizeof query,
        .model = factum_slice_from("orders"),
        .sql = factum_slice_from("SELECT \"x\"\n"),
        .parameters = parameters,
        .parameter_count = 3,
        .rows_max = 9,
    };
    *table = (struct table){.failed = false};
    fresh = (factum_model_answer){.size = sizeof fresh};
    return served_query(store, &query, &rows, &fresh, &err);
}

/* An answer with these rows, for this store. */
static const char *with_rows(const char *rows)
{
    static char text[2048];
    char token[FACTUM_TOKEN_SIZE];
    factum_token_format(store, 7, token);
    (void)snprintf(text, sizeof text,
                   "{\"columns\":[\"x\",\"\\u00e4\"],\"rows\":%s,\"asOf\":{\"token\":\"%s\","
                   "\"position\":7,\"created\":\"2026-01-02T03:04:05Z\",\"version\":3},"
                   "\"behind\":{\"events\":2,\"seconds\":1.250,\"state\":\"paused\"}}",
                   rows, token);
    return text;
}

TEST(rows_of_each_kind_are_taken)
{
    struct table table;
    char *text = NULL;
    size_t size = 0;
    answers(with_rows(
        "[[null,1],[10.0,9e999],[\"a\\\"b\",\"\"],\n[{\"bytes\":\"AP8=\"},-9223372036854775808],"
        "[{\"bytes\":\"\"},{\"bytes\":\"AQID\"}]]"));
    assert_ok(query_into(&table), err);
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    assert_true(table_print(&table, to, 0));
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, "x        \xc3\xa4\n"
                              "-        1\n"
                              "10.0     9e999\n"
                              "a\"b      \n"
                              "x'00ff'  -9223372036854775808\n"
                              "x''      x'010203'\n");
    free(text);
    table_finish(&table);
}

TEST(a_query_is_sent_and_its_freshness_returned)
{
    struct table table;
    answers(with_rows("[]"));
    assert_ok(query_into(&table), err);
    assert_int_equal(table_row_count(&table), 0);
    table_finish(&table);
    assert_string_equal(server.method, "POST");
    assert_string_equal(server.target, "/api/v1/models/orders/query");
    assert_string_equal(
        server.body,
        "{\"typed\":true,\"plan\":false,\"sql\":\"SELECT \\\"x\\\"\\u000a\",\"rowsMax\":9,"
        "\"parameters\":{\"a\":-7,\"b\":5.00000000000000000e-01,\"c\":null}}");
    assert_false(server.once);
    assert_int_equal(fresh.row_count, 0);
    assert_int_equal(fresh.status.place, 7);
    assert_int_equal(fresh.status.version, 3);
    assert_int_equal(fresh.status.behind_events, 2);
    assert_int_equal(fresh.status.behind_time, 1250000000);
    assert_int_equal(fresh.status.state, FACTUM_BUILD_PAUSED);
}

TEST(invalid_rows_are_refused)
{
    static const char *const rows[] = {
        "{}",
        "7",
        "[[1]]",
        "[[1,2,3]]",
        "[1]",
        "[[1,true]]",
        "[[1,[]]]",
        "[[1,{}]]",
        "[[1,{\"bytes\":7}]]",
        "[[1,{\"bytes\":\"A\"}]]",
        "[[1,{\"bytes\":\"A?==\"}]]",
        "[[1,{\"text\":\"AAAA\"}]]",
        "[[1,9223372036854775808]]",
        "[[1,\"\\ud800\"]]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct table table;
        answers(with_rows(rows[i]));
        factum_status status = query_into(&table);
        if (status != FACTUM_IO) {
            print_error("%s\n", rows[i]);
        }
        assert_status(status, FACTUM_IO);
        assert_text(err, "the server's answer");
        table_finish(&table);
    }
}

/* An answer that is truncated, or changed in the middle, is not trusted. */
TEST(an_answer_that_is_cut_or_changed_is_refused)
{
    char whole[2048];
    struct table table;
    (void)snprintf(whole, sizeof whole, "%s", with_rows("[[1,{\"bytes\":\"AP8=\"}]]"));
    size_t len = strlen(whole);
    for (size_t cut = 0; cut < len; cut++) {
        char kept = whole[cut];
        whole[cut] = '\0';
        answers(whole);
        assert_status(query_into(&table), FACTUM_IO);
        table_finish(&table);
        whole[cut] = kept == '"' ? ':' : kept == '{' ? '[' : '"';
        answers(whole);
        assert_true(query_into(&table) <= FACTUM_OK);
        table_finish(&table);
        whole[cut] = kept;
    }
}

#define NO_ROWS "{\"columns\":[\"x\"],\"rows\":[],"

TEST(answers_without_what_they_must_have_are_refused)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "{\"columns\":[],\"rows\":[]}",
        "{\"columns\":[7],\"rows\":[]}",
        "{\"columns\":\"x\",\"rows\":[]}",
        "{\"columns\":[\"x\"],\"rows\":[]}",
        (NO_ROWS "\"asOf\":{\"token\":\"x\",\"version\":1,\"created\":null},"
                 "\"behind\":{\"events\":-1,\"seconds\":0}}"),
        (NO_ROWS "\"asOf\":{\"token\":\"x\",\"version\":1,\"created\":7},"
                 "\"behind\":{\"events\":1,\"seconds\":0}}"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct table table;
        answers(texts[i]);
        assert_status(query_into(&table), FACTUM_IO);
        table_finish(&table);
    }
    struct table table;
    answers("{\"columns\":[\"x\"],\"rows\":[],\"asOf\":{\"token\":\"f1-0123456789abcdef-0-1\","
            "\"version\":1,"
            "\"created\":null},\"behind\":{\"events\":1,\"seconds\":0}}");
    assert_status(query_into(&table), FACTUM_WRONG_TIMELINE);
    table_finish(&table);
    answers(NULL);
    server.status = FACTUM_EXPIRED;
    assert_status(query_into(&table), FACTUM_EXPIRED);
    assert_text(err, "what the server said");
    table_finish(&table);
}

/* ---- lists and acts -------------------------------------------------------------------------- */

static size_t delivered;

static bool count_build(void *data, const factum_build_status *status)
{
    (void)data;
    assert_int_equal(status->version, 2);
    assert_true(status->in_use);
    assert_int_equal(status->state, FACTUM_BUILD_CATCHING_UP);
    assert_string_equal(status->reason, "why");
    assert_int_equal(status->behind_events, 3);
    assert_int_equal(status->parked_events, 5);
    delivered++;
    return true;
}

TEST(builds_are_delivered)
{
    static const char build[] = "{\"name\":\"orders\",\"version\":2,\"inUse\":true,\"state\":"
                                "\"catching up\",\"reason\":\"why\",\"asOf\":"
                                "{\"token\":\"t\",\"position\":1,\"created\":null},\"behind\":{"
                                "\"events\":3,\"seconds\":0.5},"
                                "\"events\":4,\"parked\":{\"keys\":1,\"events\":5}}";
    char text[2048];
    const factum_build_each each = {NULL, count_build};
    delivered = 0;
    (void)snprintf(text, sizeof text, "{\"builds\":[%s,\n%s],\"more\":false}", build, build);
    answers(text);
    assert_ok(served_list(store, factum_slice_from("orders"), &each, &err), err);
    assert_string_equal(server.target, "/api/v1/models/orders");
    assert_int_equal(delivered, 2);
    (void)snprintf(text, sizeof text, "{\"builds\":[%s,{}]}", build);
    answers(text);
    assert_status(served_list(store, (factum_slice){NULL, 0}, &each, &err), FACTUM_IO);
    assert_string_equal(server.target, "/api/v1/models");
    answers("{\"builds\":7}");
    assert_status(served_list(store, (factum_slice){NULL, 0}, &each, &err), FACTUM_IO);
}

static bool count_parked(void *data, const factum_parked *parked)
{
    (void)data;
    assert_int_equal(parked->position, 9);
    assert_int_equal(parked->reason.len, 0);
    assert_int_equal(parked->next_attempt, 0);
    delivered++;
    return true;
}

TEST(parked_events_are_delivered)
{
    const factum_parked_each each = {NULL, count_parked};
    const factum_slice name = factum_slice_from("orders");
    delivered = 0;
    answers("{\"parked\":[{\"name\":\"orders\",\"version\":1,\"key\":\"k\",\"position\":9,\"type\":"
            "\"T\",\"reason\":"
            "null,\"attempts\":0,\"nextAttempt\":null,\"since\":\"2026-01-02T03:04:05Z\"}],"
            "\"more\":false}");
    assert_ok(served_parked(store, name, factum_slice_from("a &\xc3\xa4"), &each, &err), err);
    assert_string_equal(server.target,
                        "/api/v1/models/orders/parked?limit=10000&key=%61%20%26%C3%A4");
    assert_int_equal(delivered, 1);
    answers("{\"parked\":[],\"more\":true}");
    assert_status(served_parked(store, name, (factum_slice){NULL, 0}, &each, &err), FACTUM_TOO_BIG);
    answers("{\"parked\":[],\"more\":7}");
    assert_status(served_parked(store, name, (factum_slice){NULL, 0}, &each, &err), FACTUM_IO);
    answers("{\"parked\":[{\"name\":\"orders\"}],\"more\":false}");
    assert_status(served_parked(store, name, (factum_slice){NULL, 0}, &each, &err), FACTUM_IO);
}

TEST(an_act_is_sent_once)
{
    const factum_act_options options = {.size = sizeof options,
                                        .by = factum_slice_from("ann"),
                                        .why = factum_slice_from("a \"b\"")};
    const factum_act_request request = {.size = sizeof request,
                                        .act = FACTUM_ACT_SKIP,
                                        .projection = factum_slice_from("orders"),
                                        .position = 12,
                                        .options = &options};
    factum_act_result result = {.size = sizeof result};
    answers("{\"name\":\"orders\",\"revision\":4,\"position\":99,\"already\":true,\"done\":false}");
    assert_ok(served_act_record(store, &request, &result, &err), err);
    assert_true(server.once);
    assert_string_equal(server.target, "/api/v1/projections/orders/skip");
    assert_string_equal(
        server.body,
        "{\"timeoutSeconds\":0,\"by\":\"ann\",\"why\":\"a \\\"b\\\"\",\"position\":12}");
    assert_int_equal(result.revision, 4);
    assert_int_equal(result.position, 99);
    assert_true(result.already);
    answers("{\"revision\":4}");
    assert_status(served_act_record(store, &request, &result, &err), FACTUM_IO);
    answers("{\"done\":true}");
    assert_ok(served_act_wait(store, request.projection, 4, 200, &err), err);
    assert_string_equal(server.target, "/api/v1/projections/orders/acts/4?timeout=1");
    assert_false(server.once);
    answers("{\"done\":false}");
    assert_status(served_act_wait(store, request.projection, 4, 0, &err), FACTUM_TIMEOUT);
    assert_text(err, "no host has carried out revision 4 of orders yet");
    answers("{}");
    assert_status(served_act_wait(store, request.projection, 4, 0, &err), FACTUM_IO);
}

/* ---- changes --------------------------------------------------------------------------------- */

static uint64_t counted;

static bool take_change(void *data, factum_slice table, factum_row_change kind,
                        const factum_slice *columns, size_t count, const factum_value *before,
                        const factum_value *after)
{
    (void)data;
    (void)columns;
    assert_int_equal(table.len, 1);
    assert_int_equal(count, 1);
    assert_true((before == NULL) == (kind == FACTUM_ROW_ADDED));
    assert_true((after == NULL) == (kind == FACTUM_ROW_REMOVED));
    delivered++;
    return true;
}

static void count_table(void *data, factum_slice table, uint64_t added, uint64_t removed,
                        uint64_t changed)
{
    (void)data;
    (void)table;
    counted += added + removed * 10 + changed * 100;
}

TEST(changes_are_shown_and_counted)
{
    static const char *const wrong[] = {
        "{}",
        "{\"changes\":[],\"tables\":7}",
        "{\"changes\":[{}],\"tables\":[]}",
        "{\"changes\":[{\"table\":\"a\",\"change\":\"moved\",\"columns\":[\"x\"],\"before\":[1],"
        "\"after\":[1]}],\"tables\":[]}",
        "{\"changes\":[{\"table\":\"a\",\"change\":\"changed\",\"columns\":[\"x\"],\"before\":null,"
        "\"after\":[1]}],\"tables\":[]}",
        "{\"changes\":[{\"table\":\"a\",\"change\":\"added\",\"columns\":[],\"before\":null,"
        "\"after\":[]}],\"tables\":[]}",
        "{\"changes\":[{\"table\":\"a\",\"change\":\"added\",\"columns\":[\"x\"],\"after\":[1,2]}],"
        "\"tables\":[]}",
    };
    (void)state;
    const factum_changes changes = {NULL, take_change};
    const struct served_counts counts = {NULL, count_table};
    const factum_slice name = factum_slice_from("orders");
    delivered = 0;
    counted = 0;
    answers(
        "{\"changes\":[{\"table\":\"a\",\"change\":\"changed\",\"columns\":[\"x\"],\"before\":[1],"
        "\"after\":[2]},"
        "{\"table\":\"b\",\"change\":\"added\",\"columns\":[\"x\"],\"before\":null,\"after\":[2]},"
        "{\"table\":\"b\",\"change\":\"removed\",\"columns\":[\"x\"],\"before\":[2],\"after\":null}"
        "],"
        "\"tables\":[{\"table\":\"a\",\"added\":0,\"removed\":0,\"changed\":1},"
        "{\"table\":\"b\",\"added\":3,\"removed\":1,\"changed\":0}],\"total\":5,\"more\":true}");
    assert_ok(served_diff(store, name, 3, &changes, &counts, &err), err);
    assert_string_equal(server.target, "/api/v1/projections/orders/diff?typed&limit=3");
    assert_int_equal(delivered, 3);
    assert_int_equal(counted, 113);
    answers("{\"changes\":[],\"tables\":[]}");
    assert_ok(served_try(store, name, 7, &changes, &counts, &err), err);
    assert_string_equal(server.target, "/api/v1/models/orders/parked/7/try?typed");
    assert_string_equal(server.method, "POST");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        answers(wrong[i]);
        factum_status status = served_diff(store, name, 3, &changes, &counts, &err);
        if (status != FACTUM_IO) {
            print_error("%s\n", wrong[i]);
        }
        assert_status(status, FACTUM_IO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(rows_of_each_kind_are_taken),
        FIXTURE_CASE(a_query_is_sent_and_its_freshness_returned),
        FIXTURE_CASE(invalid_rows_are_refused),
        FIXTURE_CASE(an_answer_that_is_cut_or_changed_is_refused),
        FIXTURE_CASE(answers_without_what_they_must_have_are_refused),
        FIXTURE_CASE(builds_are_delivered),
        FIXTURE_CASE(parked_events_are_delivered),
        FIXTURE_CASE(an_act_is_sent_once),
        FIXTURE_CASE(changes_are_shown_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
