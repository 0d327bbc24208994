/* http_models_test.c - read models over HTTP, from the deployment of a definition to the rows of a
 * query. Layer: server. */
#include "support/http_fixture.h"
#include "support/scratch.h"

#include <factum/model_rows.h>

#include "os/thread.h"

#define MODEL "/api/v1/models/orders"
#define PROJECTION "/api/v1/projections/orders"
#define QUERY MODEL "/query"

#define BODY                                                                                       \
    "--@ from category order\n"                                                                    \
    "--@ poison retry 0 within 1s then park\n"                                                     \
    "--@ tables\n"                                                                                 \
    "CREATE TABLE {{orders}} (id TEXT PRIMARY KEY, total INTEGER NOT NULL CHECK (total >= 0));\n"  \
    "--@ on OrderPlaced\n"                                                                         \
    "INSERT INTO {{orders}} (id, total) VALUES (:orderId, :total);\n"                              \
    "--@ query above\n"                                                                            \
    "SELECT id, total FROM {{orders}} WHERE total > :least ORDER BY id;\n"

static const char v1[] = "--@ projection orders version 1\n" BODY;
static const char v2[] = "--@ projection orders version 2\n" BODY;
static const char synced[] = "--@ projection orders version 1\n--@ mode sync\n" BODY;

/* ---- a fixture with models ------------------------------------------------------------------- */

static char models_dir[SCRATCH_SIZE];

static int set_up(void **state)
{
    assert_int_equal(http_set_up(state), 0);
    struct http_fixture *f = *state;
    assert_true(scratch_make(models_dir));
    const factum_models_options options = {.size = sizeof options, .path = models_dir};
    assert_ok(factum_models_open(f->store, &options, &f->server.models, &f->err), f->err);
    return 0;
}

static int tear_down(void **state)
{
    struct http_fixture *f = *state;
    factum_models_close(f->server.models);
    f->server.models = NULL;
    assert_true(scratch_remove(models_dir));
    return http_tear_down(state);
}

#define MODELS_CASE(name) FIXTURE_CASE(name)

static struct fake_exchange *deploy_text(struct http_fixture *f, const char *text)
{
    f->principal.right = FCT_RIGHT_DEPLOY;
    struct fake_exchange *fake =
        ask(f, "POST /api/v1/projections?why=because", "content-type: application/sql\n", text);
    f->principal.right = FCT_RIGHT_ADMIN;
    return fake;
}

static struct fake_exchange *do_act(struct http_fixture *f, const char *name, const char *body)
{
    char target[128];
    (void)snprintf(target, sizeof target, PROJECTION "/%s", name);
    f->principal.right = FCT_RIGHT_DEPLOY;
    struct fake_exchange *fake = post(f, target, body);
    f->principal.right = FCT_RIGHT_ADMIN;
    return fake;
}

/* The token of the append's answer, in |token|. */
static void place_order(struct http_fixture *f, const char *id, const char *total,
                        char token[FACTUM_TOKEN_SIZE])
{
    char target[128];
    char body[256];
    (void)snprintf(target, sizeof target, "/api/v1/streams/order-%s", id);
    (void)snprintf(body, sizeof body,
                   "{\"type\":\"OrderPlaced\",\"data\":{\"orderId\":\"%s\",\"total\":%s}}", id,
                   total);
    struct fake_exchange *fake = post(f, target, body);
    assert_answer(fake, 201);
    const char *at = strstr(fake->body, "\"token\":\"");
    assert_non_null(at);
    at += strlen("\"token\":\"");
    (void)snprintf(token, FACTUM_TOKEN_SIZE, "%.*s", (int)strcspn(at, "\""), at);
}

static struct fake_exchange *query(struct http_fixture *f, const char *sql, const char *token)
{
    char body[1024];
    (void)snprintf(body, sizeof body, "{\"sql\":\"%s\"%s%s%s,\"timeoutSeconds\":20}", sql,
                   token == NULL ? "" : ",\"wait\":\"", token == NULL ? "" : token,
                   token == NULL ? "" : "\"");
    return post(f, QUERY, body);
}

static void os_pause(void)
{
    _Atomic uint32_t word = 0;
    (void)fct_word_wait(&word, 0, 25000000);
}

/* ---- cases ----------------------------------------------------------------------------------- */

TEST(a_model_is_deployed_fed_and_queried)
{
    struct http_fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    struct fake_exchange *fake = deploy_text(f, v1);
    assert_answer(fake, 201);
    assert_holds(fake->body, "{\"name\":\"orders\",\"version\":1,\"hash\":\"");
    assert_holds(fake->body, "\"already\":false,\"done\":true,\"token\":\"");
    fake = deploy_text(f, v1);
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"already\":true");
    place_order(f, "a", "9007199254740993", token);
    place_order(f, "b", "5", token);
    f->principal.right = FCT_RIGHT_READ;
    fake = query(f, "SELECT id, total FROM orders ORDER BY id", token);
    assert_answer(fake, 200);
    assert_holds(fake->body, "{\"columns\":[\"id\",\"total\"],\"rows\":[[\"a\",9007199254740993],\n"
                             "[\"b\",5]],\"asOf\":{\"token\":\"");
    assert_holds(fake->body, "\",\"version\":1},\"behind\":{\"events\":0,\"seconds\":0.000}}");
    fake = post(f, QUERY, "{\"query\":\"above\",\"parameters\":{\"least\":5}}");
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"rows\":[[\"a\",9007199254740993]],");
    fake = post(f, QUERY, "{\"sql\":\"SELECT * FROM orders WHERE id = 'x'\",\"plan\":true}");
    assert_answer(fake, 200);
    assert_holds(fake->body, "USING INDEX");
}

TEST(each_kind_of_value_is_exact)
{
    struct http_fixture *f = *state;
    assert_answer(deploy_text(f, v1), 201);
    struct fake_exchange *fake = query(
        f, "SELECT NULL, 0.1, 2.0, -1e300, 9e999, x'00ff', 'a\\\"b', -9223372036854775807", NULL);
    assert_answer(fake, 200);
    assert_holds(fake->body, "[[null,0.1,2.0,-1e+300,9e999,\"AP8=\",\"a\\\"b\","
                             "-9223372036854775807]]");
    fake = post(f, QUERY,
                "{\"sql\":\"SELECT :a, :b, :c, :d, :e\",\"parameters\":{\"a\":null,"
                "\"b\":true,\"c\":1.0,\"d\":\"\\u00e4\",\"e\":9223372036854775807}}");
    assert_answer(fake, 200);
    assert_holds(fake->body, "[[null,1,1.0,\"\xc3\xa4\",9223372036854775807]]");
    fake = post(f, QUERY, "{\"sql\":\"SELECT x'00ff', 'AP8='\",\"typed\":true}");
    assert_answer(fake, 200);
    assert_holds(fake->body, "[[{\"bytes\":\"AP8=\"},\"AP8=\"]]");
}

TEST(a_forbidden_query_is_refused_with_the_reason)
{
    struct http_fixture *f = *state;
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"sql\":1}",
        "{\"sql\":\"SELECT 1\",\"query\":\"above\"}",
        "{\"sql\":\"SELECT 1\",\"sql\":\"SELECT 2\"}",
        "{\"sql\":\"SELECT 1\",\"x\":1}",
        "{\"sql\":\"SELECT 1\",\"wait\":\"x\"}",
        "{\"sql\":\"SELECT 1\",\"wait\":1}",
        "{\"sql\":\"SELECT 1\",\"rowsMax\":0}",
        "{\"sql\":\"SELECT 1\",\"rowsMax\":100001}",
        "{\"sql\":\"SELECT 1\",\"timeoutSeconds\":-1}",
        "{\"sql\":\"SELECT 1\",\"timeoutSeconds\":61}",
        "{\"sql\":\"SELECT 1\",\"timeoutSeconds\":\"1\"}",
        "{\"sql\":\"SELECT 1\",\"plan\":1}",
        "{\"sql\":\"SELECT :a\",\"parameters\":[]}",
        "{\"sql\":\"SELECT :a\",\"parameters\":{\"a\":[1]}}",
        "{\"sql\":\"SELECT :a\",\"parameters\":{\"a\":9223372036854775808}}",
        "{\"sql\":\"SELECT :a\"}",
        "{\"sql\":\"DELETE FROM orders\"}",
        "{\"sql\":\"SELECT 1; SELECT 2\"}",
        "{\"sql\":\"SELECT * FROM factum_checkpoint\"}",
        "{\"sql\":\"SELECT * FROM sqlite_master\"}",
        "{\"sql\":\"ATTACH '/tmp/x' AS x\"}",
        "{\"sql\":\"PRAGMA user_version\"}",
        "{\"sql\":\"SELECT load_extension('x')\"}",
    };
    assert_answer(deploy_text(f, v1), 201);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct fake_exchange *fake = post(f, QUERY, bodies[i]);
        if (fake->status != 400) {
            print_error("%s\n", bodies[i]);
        }
        assert_answer(fake, 400);
    }
    assert_answer(post(f, "/api/v1/models/nothing/query", "{\"sql\":\"SELECT 1\"}"), 404);
    assert_answer(post(f, QUERY, "{\"query\":\"nothing\"}"), 404);
    assert_answer(ask(f, "POST " QUERY, "content-type: text/plain\n", "SELECT 1"), 415);
    f->principal.right = FCT_RIGHT_NONE;
    struct fake_exchange *fake = post(f, QUERY, "{\"sql\":\"SELECT 1\"}");
    assert_answer(fake, 401);
    assert_holds(fake->body, "QUERY_MODEL $model:orders");
}

TEST(limits_of_rows_size_and_time_end_a_query)
{
    struct http_fixture *f = *state;
    static const char numbers[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                                  "WHERE i < 100000000)";
    char body[512];
    assert_answer(deploy_text(f, v1), 201);
    (void)snprintf(body, sizeof body, "{\"sql\":\"%s SELECT i FROM n\",\"rowsMax\":5}", numbers);
    struct fake_exchange *fake = post(f, QUERY, body);
    assert_answer(fake, 413);
    assert_lacks(fake->body, "columns");
    (void)snprintf(body, sizeof body,
                   "{\"sql\":\"%s SELECT hex(zeroblob(500000)) FROM n LIMIT 100\"}", numbers);
    fake = post(f, QUERY, body);
    assert_answer(fake, 413);
    assert_holds(fake->body, "the answer is over 16 MiB");
    (void)snprintf(body, sizeof body, "{\"sql\":\"%s SELECT count(*) FROM n\"}", numbers);
    fake = post(f, QUERY, body);
    assert_answer(fake, 504);
    assert_lacks(fake->body, "behind");
    assert_answer(query(f, "SELECT count(*) FROM orders", NULL), 200);
}

TEST(a_wait_that_is_too_short_reports_how_far_behind_the_model_is)
{
    struct http_fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    char body[256];
    assert_answer(deploy_text(f, v1), 201);
    assert_answer(do_act(f, "pause", ""), 200);
    place_order(f, "a", "1", token);
    place_order(f, "b", "2", token);
    (void)snprintf(body, sizeof body,
                   "{\"sql\":\"SELECT 1\",\"wait\":\"%s\",\"timeoutSeconds\":0.3}", token);
    struct fake_exchange *fake = post(f, QUERY, body);
    assert_answer(fake, 504);
    assert_holds(fake->body, "\"detail\":\"accepted at ");
    assert_holds(fake->body, "behind by 2 events");
    assert_holds(fake->body, "\"asOf\":{\"token\":\"");
    assert_holds(fake->body, "\"behind\":{\"events\":2,\"seconds\":");
    fake = get(f, MODEL);
    assert_answer(fake, 200);
    assert_holds(fake->body, "{\"builds\":[{\"name\":\"orders\",\"version\":1,\"inUse\":true,"
                             "\"state\":\"paused\",\"asOf\":{\"token\":\"");
    assert_holds(fake->body, "\"behind\":{\"events\":2,");
    assert_answer(do_act(f, "resume", "{\"why\":\"enough\",\"by\":\"ann\"}"), 200);
    assert_holds(query(f, "SELECT count(*) AS n FROM orders", token)->body, "\"rows\":[[2]]");
    fake = get(f, PROJECTION);
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"paused\":false");
    assert_holds(fake->body, ",\"text\":\"--@ projection orders version 1");
}

TEST(poison_is_shown_retried_and_skipped)
{
    struct http_fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    char body[128];
    assert_answer(deploy_text(f, v1), 201);
    place_order(f, "a", "-1", token);
    place_order(f, "b", "2", token);
    assert_holds(query(f, "SELECT count(*) AS n FROM orders", token)->body, "\"rows\":[[1]]");
    struct fake_exchange *fake = get(f, MODEL "/parked");
    assert_answer(fake, 200);
    assert_holds(fake->body, "{\"parked\":[{\"name\":\"orders\",\"version\":1,\"key\":\"order-a\","
                             "\"position\":");
    assert_holds(fake->body, "],\"more\":false}");
    const char *at = strstr(fake->body, "\"position\":");
    assert_non_null(at);
    unsigned long long position = strtoull(at + strlen("\"position\":"), NULL, 10);
    assert_string_equal(get(f, MODEL "/parked?key=order-b")->body,
                        "{\"parked\":[],\"more\":false}");
    assert_holds(get(f, "/metrics")->body,
                 "factum_model_parked_events{model=\"orders\",version=\"1\",in_use=\"true\"} 1\n");
    assert_answer(get(f, MODEL "/parked?limit=0"), 400);
    assert_answer(get(f, "/api/v1/models/nothing/parked"), 404);
    /* The admin may do these two, without the right to deploy. */
    assert_answer(post(f, PROJECTION "/retry", "{\"key\":\"order-a\"}"), 200);
    assert_holds(get(f, MODEL "/parked")->body, "order-a");
    (void)snprintf(body, sizeof body, "{\"position\":%llu,\"why\":\"never\"}", position);
    fake = post(f, PROJECTION "/skip", body);
    assert_answer(fake, 200);
    assert_holds(fake->body, "\"done\":true");
    assert_string_equal(get(f, MODEL "/parked")->body, "{\"parked\":[],\"more\":false}");
    f->principal.right = FCT_RIGHT_WRITE;
    assert_answer(post(f, PROJECTION "/retry", ""), 403);
}

TEST(a_version_is_built_beside_swapped_and_rolled_back)
{
    struct http_fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    assert_answer(deploy_text(f, v1), 201);
    place_order(f, "a", "1", token);
    assert_answer(do_act(f, "swap", ""), 409);
    assert_answer(deploy_text(f, v2), 201);
    assert_answer(do_act(f, "swap", "{\"timeoutSeconds\":20}"), 200);
    assert_holds(query(f, "SELECT id FROM orders", token)->body, "\"version\":2},\"behind\"");
    assert_answer(do_act(f, "rollback", ""), 200);
    assert_holds(query(f, "SELECT id FROM orders", token)->body, "\"version\":1},\"behind\"");
    assert_answer(do_act(f, "rebuild", ""), 200);
    assert_holds(get(f, PROJECTION "?version=2")->body, "version 2");
    assert_answer(get(f, PROJECTION "?version=3"), 404);
    assert_answer(do_act(f, "remove", ""), 200);
    assert_answer(query(f, "SELECT id FROM orders", NULL), 404);
    assert_holds(get(f, "/api/v1/projections")->body, "\"removed\":true");
}

static const char half[] =
    "--@ projection orders version 2\n"
    "--@ from category order\n"
    "--@ poison retry 0 within 1s then park\n"
    "--@ tables\n"
    "CREATE TABLE {{orders}} (id TEXT PRIMARY KEY, total INTEGER NOT NULL);\n"
    "CREATE TABLE {{seen}} (id TEXT PRIMARY KEY, bytes BLOB);\n"
    "--@ on OrderPlaced\n"
    "INSERT INTO {{orders}} (id, total) VALUES (:orderId, :total / 2);\n"
    "--@ on OrderPlaced\n"
    "INSERT INTO {{seen}} (id, bytes) VALUES (:orderId, CAST('x' AS BLOB));\n";

TEST(what_a_swap_would_change_is_shown_and_counted)
{
    struct http_fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    assert_answer(deploy_text(f, v1), 201);
    assert_answer(get(f, PROJECTION "/diff"), 404);
    assert_holds(f->fake.body, "nothing is built beside version 1");
    place_order(f, "a", "8", token);
    place_order(f, "b", "0", token);
    assert_answer(deploy_text(f, half), 201);
    for (int i = 0; i < 400; i++) { /* until it is built */
        struct fake_exchange *fake = get(f, MODEL);
        if (strstr(fake->body, "\"version\":2,\"inUse\":false,\"state\":\"live\"") != NULL) {
            break;
        }
        os_pause();
    }
    f->principal.right = FCT_RIGHT_READ;
    assert_answer(get(f, PROJECTION "/diff?typed"), 200);
    assert_string_equal(
        f->fake.body,
        "{\"changes\":[{\"table\":\"orders\",\"change\":\"changed\",\"columns\":[\"id\",\"total\"],"
        "\"before\":[\"a\",8],\"after\":[\"a\",4]},\n"
        "{\"table\":\"seen\",\"change\":\"added\",\"columns\":[\"id\",\"bytes\"],\"before\":null,"
        "\"after\":[\"a\",{\"bytes\":\"eA==\"}]},\n"
        "{\"table\":\"seen\",\"change\":\"added\",\"columns\":[\"id\",\"bytes\"],\"before\":null,"
        "\"after\":[\"b\",{\"bytes\":\"eA==\"}]}],"
        "\"tables\":[{\"table\":\"orders\",\"added\":0,\"removed\":0,\"changed\":1},"
        "{\"table\":\"seen\",\"added\":2,\"removed\":0,\"changed\":0}],\"total\":3,\"more\":"
        "false}");
    assert_answer(get(f, PROJECTION "/diff?limit=1"), 200);
    assert_holds(f->fake.body, "\"after\":[\"a\",4]}],\"tables\":[{\"table\":\"orders\"");
    assert_holds(f->fake.body,
                 "\"added\":2,\"removed\":0,\"changed\":0}],\"total\":3,\"more\":true}");
    assert_answer(get(f, PROJECTION "/diff?limit=0"), 400);
    assert_answer(get(f, PROJECTION "/diff?typed=yes"), 400);
    assert_answer(get(f, "/api/v1/projections/nothing/diff"), 404);
    f->principal.right = FCT_RIGHT_NONE;
    assert_answer(get(f, PROJECTION "/diff"), 401);
    assert_holds(f->fake.body, "QUERY_MODEL $model:orders");
}

TEST(a_parked_event_is_tried_and_nothing_is_kept)
{
    struct http_fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    char target[128];
    assert_answer(deploy_text(f, v1), 201);
    place_order(f, "a", "-1", token);
    place_order(f, "a", "5", token); /* waits for it */
    place_order(f, "b", "2", token);
    assert_holds(query(f, "SELECT count(*) AS n FROM orders", token)->body, "\"rows\":[[1]]");
    const char *body = get(f, MODEL "/parked")->body;
    const char *at = strstr(body, "\"position\":");
    assert_non_null(at);
    unsigned long long first = strtoull(at + strlen("\"position\":"), NULL, 10);
    at = strstr(at + 1, "\"position\":");
    assert_non_null(at);
    unsigned long long second = strtoull(at + strlen("\"position\":"), NULL, 10);
    (void)snprintf(target, sizeof target, MODEL "/parked/%llu/try", first);
    struct fake_exchange *fake = post(f, target, "");
    assert_answer(fake, 422);
    assert_holds(fake->body, "CHECK constraint failed");
    (void)snprintf(target, sizeof target, MODEL "/parked/%llu/try", second);
    fake = post(f, target, "");
    assert_answer(fake, 200);
    assert_string_equal(
        fake->body,
        "{\"changes\":[{\"table\":\"orders\",\"change\":\"added\",\"columns\":[\"id\","
        "\"total\"],\"before\":null,\"after\":[\"a\",5]}],\"tables\":[{\"table\":"
        "\"orders\",\"added\":1,\"removed\":0,\"changed\":0}],\"total\":1,\"more\":false}");
    assert_holds(query(f, "SELECT count(*) AS n FROM orders", token)->body, "\"rows\":[[1]]");
    assert_answer(post(f, MODEL "/parked/1/try", ""), 404);
    assert_answer(post(f, MODEL "/parked/x/try", ""), 400);
    assert_answer(get(f, target), 405);
    f->principal.right = FCT_RIGHT_WRITE;
    assert_answer(post(f, target, ""), 403);
    assert_holds(f->fake.body, "ACT_ON_MODEL $model:orders");
}

TEST(the_outcome_of_an_act_is_reported)
{
    struct http_fixture *f = *state;
    char target[128];
    assert_answer(deploy_text(f, v1), 201);
    struct fake_exchange *fake = do_act(f, "pause", "{\"timeoutSeconds\":0}");
    assert_true(fake->status == 200 || fake->status == 202);
    assert_holds(f->fake.body,
                 "{\"name\":\"orders\",\"act\":\"pause\",\"version\":1,\"revision\":1,");
    f->principal.right = FCT_RIGHT_READ;
    assert_answer(get(f, PROJECTION "/acts/1?timeout=20"), 200);
    assert_string_equal(f->fake.body, "{\"name\":\"orders\",\"revision\":1,\"done\":true}");
    assert_answer(get(f, PROJECTION "/acts/7?timeout=0"), 200);
    assert_holds(f->fake.body, "\"done\":false");
    assert_answer(get(f, PROJECTION "/acts/x"), 400);
    assert_answer(get(f, PROJECTION "/acts/1?timeout=61"), 400);
    (void)snprintf(target, sizeof target, "/api/v1/projections/%s/acts/1", "Orders");
    assert_answer(get(f, target), 400);
    f->principal.right = FCT_RIGHT_NONE;
    assert_answer(get(f, PROJECTION "/acts/1"), 401);
}

TEST(a_model_is_queried_as_of_a_moment)
{
    struct http_fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    char later[FACTUM_TOKEN_SIZE];
    char body[512];
    assert_answer(deploy_text(f, v1), 201);
    place_order(f, "a", "1", token);
    place_order(f, "b", "2", later);
    (void)snprintf(body, sizeof body,
                   "{\"sql\":\"SELECT id FROM orders\",\"at\":\"%s\",\"typed\":true}", token);
    assert_answer(post(f, QUERY, body), 200);
    assert_holds(f->fake.body, "\"rows\":[[\"a\"]],\"asOf\":{\"token\":\"");
    assert_holds(f->fake.body, token);
    assert_answer(post(f, QUERY, "{\"sql\":\"SELECT count(*) FROM orders\",\"at\":\"2001-01-01\"}"),
                  200);
    assert_holds(f->fake.body, "\"rows\":[[0]]");
    assert_holds(f->fake.body, "\"created\":null");
    assert_answer(
        post(f, QUERY, "{\"sql\":\"SELECT count(*) FROM orders\",\"timeAt\":\"2001-01-01\"}"), 200);
    assert_holds(f->fake.body, "\"rows\":[[0]]");
    assert_answer(post(f, QUERY, "{\"sql\":\"SELECT 1\",\"at\":\"soon\"}"), 400);
    assert_answer(post(f, QUERY, "{\"sql\":\"SELECT 1\",\"timeAt\":\"f1-0\"}"), 400);
    assert_answer(
        post(f, QUERY, "{\"sql\":\"SELECT 1\",\"at\":\"2001-01-01\",\"timeAt\":\"2001-01-01\"}"),
        400);
    assert_answer(post(f, QUERY, "{\"sql\":\"SELECT 1\",\"typed\":1}"), 400);
}

TEST(only_users_who_may_deploy_can_deploy_models)
{
    struct http_fixture *f = *state;
    static const char *const acts[] = {"pause", "resume", "remove", "rebuild", "swap", "rollback"};
    char target[128];
    for (int right = FCT_RIGHT_NONE; right <= FCT_RIGHT_ADMIN; right++) {
        unsigned refused = right == FCT_RIGHT_NONE ? 401 : 403;
        f->principal.right = (enum fct_right)right;
        assert_answer(ask(f, "POST /api/v1/projections", "content-type: application/sql\n", v1),
                      refused);
        for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
            (void)snprintf(target, sizeof target, PROJECTION "/%s", acts[i]);
            assert_answer(post(f, target, "{}"), refused);
        }
    }
    assert_string_equal(get(f, "/api/v1/projections")->body, "{\"projections\":[]}");
    assert_answer(post(f, PROJECTION "/dance", "{}"), 404);
    assert_answer(do_act(f, "pause", "{}"), 404);
    assert_answer(deploy_text(f, "--@ projection orders\nSELECT"), 422);
    assert_answer(deploy_text(f, ""), 400);
    assert_answer(do_act(f, "pause", "{\"key\":\"a\"}"), 400);
    assert_answer(do_act(f, "skip", "{}"), 400);
    assert_answer(do_act(f, "skip", "{\"position\":-1}"), 400);
    assert_answer(do_act(f, "pause", "{\"by\":1}"), 400);
    f->principal.right = FCT_RIGHT_DEPLOY;
    assert_answer(ask(f, "POST /api/v1/projections", "content-type: image/png\n", v1), 415);
    assert_answer(post(f, "/api/v1/projections/Orders/pause", "{}"), 400);
}

TEST(an_append_waits_for_a_model_of_mode_sync)
{
    struct http_fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    assert_false(factum_models_any_sync(f->server.models));
    assert_answer(deploy_text(f, synced), 201);
    assert_true(factum_models_any_sync(f->server.models));
    for (int i = 0; i < 20; i++) { /* each is in the model without a wait */
        char id[16];
        char wanted[32];
        (void)snprintf(id, sizeof id, "o%d", i);
        (void)snprintf(wanted, sizeof wanted, "\"rows\":[[%d]]", i + 1);
        place_order(f, id, "1", token);
        assert_lacks(f->fake.body, "behind");
        assert_holds(query(f, "SELECT count(*) AS n FROM orders", NULL)->body, wanted);
    }
    assert_answer(do_act(f, "pause", ""), 200);
    place_order(f, "late", "1", token);
    assert_holds(f->fake.body, ",\"behind\":{\"model\":\"orders\",\"events\":1,\"seconds\":");
    assert_answer(post(f, "/api/v1/streams/customer-1", "{\"type\":\"Named\"}"), 201);
    assert_lacks(f->fake.body, "behind");
    assert_answer(do_act(f, "resume", ""), 200);
    assert_holds(query(f, "SELECT count(*) AS n FROM orders", token)->body, "\"rows\":[[21]]");
}

TEST(models_are_measured)
{
    struct http_fixture *f = *state;
    char token[FACTUM_TOKEN_SIZE];
    assert_holds(get(f, "/metrics")->body, "factum_model_readable 1\n");
    assert_answer(deploy_text(f, v1), 201);
    place_order(f, "a", "1", token);
    assert_answer(query(f, "SELECT 1", token), 200);
    const char *body = get(f, "/metrics")->body;
    assert_holds(body, "# TYPE factum_model_place gauge\nfactum_model_place{model=\"orders\"");
    assert_holds(body, "factum_model_behind_events{model=\"orders\",version=\"1\",in_use=\"true\"} "
                       "0\n");
    assert_holds(body, "factum_model_behind_seconds{model=\"orders\",version=\"1\","
                       "in_use=\"true\"} 0.000\n");
    assert_holds(body, "in_use=\"true\",state=\"live\"} 1\n");
    assert_holds(body, "in_use=\"true\",state=\"paused\"} 0\n");
}

TEST(without_models_definitions_can_be_deployed_and_not_queried)
{
    struct http_fixture *f = *state; /* the plain fixture */
    assert_answer(deploy_text(f, v1), 202);
    assert_holds(f->fake.body, "\"done\":false");
    struct fake_exchange *fake = query(f, "SELECT 1", NULL);
    assert_answer(fake, 501);
    assert_holds(fake->body, "this server keeps no read models");
    assert_answer(get(f, "/api/v1/models"), 501);
    assert_answer(get(f, MODEL "/parked"), 501);
    assert_answer(get(f, PROJECTION "/diff"), 501);
    assert_answer(get(f, PROJECTION "/acts/0"), 501);
    assert_answer(post(f, MODEL "/parked/1/try", ""), 501);
    assert_holds(get(f, "/api/v1/projections")->body, "\"name\":\"orders\"");
    assert_lacks(get(f, "/metrics")->body, "factum_model");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MODELS_CASE(a_model_is_deployed_fed_and_queried),
        MODELS_CASE(each_kind_of_value_is_exact),
        MODELS_CASE(a_forbidden_query_is_refused_with_the_reason),
        MODELS_CASE(limits_of_rows_size_and_time_end_a_query),
        MODELS_CASE(a_wait_that_is_too_short_reports_how_far_behind_the_model_is),
        MODELS_CASE(poison_is_shown_retried_and_skipped),
        MODELS_CASE(a_version_is_built_beside_swapped_and_rolled_back),
        MODELS_CASE(what_a_swap_would_change_is_shown_and_counted),
        MODELS_CASE(a_parked_event_is_tried_and_nothing_is_kept),
        MODELS_CASE(the_outcome_of_an_act_is_reported),
        MODELS_CASE(a_model_is_queried_as_of_a_moment),
        MODELS_CASE(only_users_who_may_deploy_can_deploy_models),
        MODELS_CASE(an_append_waits_for_a_model_of_mode_sync),
        MODELS_CASE(models_are_measured),
        HTTP_CASE(without_models_definitions_can_be_deployed_and_not_queried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
