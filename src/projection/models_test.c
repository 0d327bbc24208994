/* models_test.c - read models from the deployment of a definition to the answer of a query, over
 * stores in memory and on disk. Layer: projection. */
#include <sqlite3.h>
#include <sys/stat.h>
#include <time.h>

#include <factum/model_rows.h>

#include "core/slice.h"
#include "support/test_store.h"

#define WAIT_MS 20000

static const char v1[] =
    "--@ projection order_summary version 1\n"
    "--@ from category order\n"
    "--@ poison retry 0 within 1s then park\n"
    "--@ tables\n"
    "CREATE TABLE {{order_summary}} (order_id TEXT PRIMARY KEY, status TEXT NOT NULL,\n"
    "  total INTEGER NOT NULL CHECK (total >= 0), paid INTEGER NOT NULL DEFAULT 0);\n"
    "CREATE TABLE {{sku_sales}} (sku TEXT PRIMARY KEY, qty INTEGER NOT NULL);\n"
    "--@ on OrderPlaced\n"
    "INSERT INTO {{order_summary}} (order_id, status, total) VALUES (:orderId, 'placed', :total);\n"
    "--@ on OrderPlaced each .lines[]\n"
    "INSERT INTO {{sku_sales}} (sku, qty) VALUES (:sku, :qty)\n"
    "ON CONFLICT (sku) DO UPDATE SET qty = {{sku_sales}}.qty + excluded.qty;\n"
    "--@ on PaymentReceived expect 1\n"
    "UPDATE {{order_summary}} SET paid = paid + :amount, status = 'paid'\n"
    "WHERE order_id = :orderId;\n"
    "--@ query paid_orders\n"
    "SELECT order_id FROM {{order_summary}} WHERE paid >= :least ORDER BY order_id;\n";

struct world {
    bool on_disk;
    bool copy;
    char dir[SCRATCH_SIZE];
    char models_dir[SCRATCH_SIZE];
    factum_store *store;
    factum_models *models;
};

static int open_world(void **state, bool on_disk)
{
    factum_error err;
    static struct world only; /* one case at a time */
    struct world *world = &only;
    memset(world, 0, sizeof *world);
    world->on_disk = on_disk;
    assert_ok(test_store_open(&world->store, on_disk, world->dir, NULL, &err), err);
    assert_true(scratch_make(world->models_dir));
    *state = world;
    return 0;
}

static int in_memory(void **state)
{
    return open_world(state, false);
}

static int on_disk(void **state)
{
    return open_world(state, true);
}

static int close_world(void **state)
{
    factum_error err;
    struct world *world = *state;
    factum_models_close(world->models);
    assert_ok(test_store_close(world->store, world->dir, &err), err);
    assert_true(scratch_remove(world->models_dir));
    return 0;
}

static void start_models(struct world *world)
{
    factum_error err;
    const factum_models_options options = {.size = sizeof options,
                                           .path = world->models_dir,
                                           .batch_events_max = 100,
                                           .copy = world->copy};
    assert_ok(factum_models_open(world->store, &options, &world->models, &err), err);
}

static void stop_models(struct world *world)
{
    factum_models_close(world->models);
    world->models = NULL;
}

static uint64_t deploy(struct world *world, const char *text)
{
    factum_error err;
    factum_projection *projection;
    factum_act_result result = {.size = sizeof result};
    assert_ok(factum_projection_load(factum_slice_from(text), NULL, &projection, &err), err);
    assert_ok(factum_projection_deploy(world->store, projection, NULL, &result, &err), err);
    factum_projection_free(projection);
    return result.revision;
}

static uint64_t act(struct world *world, factum_projection_act what, const char *key,
                    uint64_t position)
{
    factum_error err;
    factum_act_result result = {.size = sizeof result};
    const factum_act_request request = {.size = sizeof request,
                                        .act = what,
                                        .projection = FCT_SLICE("order_summary"),
                                        .key = factum_slice_from(key),
                                        .position = position};
    assert_ok(factum_projection_act_record(world->store, &request, &result, &err), err);
    return result.revision;
}

static void assert_done(struct world *world, uint64_t revision)
{
    factum_error err;
    assert_ok(
        factum_models_act_wait(world->models, FCT_SLICE("order_summary"), revision, WAIT_MS, &err),
        err);
}

static uint64_t append(struct world *world, const char *stream, const char *type, const char *data)
{
    factum_error err;
    factum_append_result result;
    const factum_new_event event = {.type = factum_slice_from(type),
                                    .data = factum_slice_from(data)};
    assert_ok(factum_append_stream(world->store, factum_slice_from(stream), factum_any(), &event, 1,
                                   &result, &err),
              err);
    return result.position;
}

static uint64_t place_orders(struct world *world, unsigned first, unsigned last)
{
    uint64_t position = 0;
    for (unsigned i = first; i <= last; i++) {
        char stream[32];
        char data[160];
        (void)snprintf(stream, sizeof stream, "order-%u", i);
        (void)snprintf(data, sizeof data,
                       "{\"orderId\":\"o%u\",\"total\":%u,\"lines\":[{\"sku\":\"a\",\"qty\":1},"
                       "{\"sku\":\"b%u\",\"qty\":2}]}",
                       i, i * 10, i % 3);
        position = append(world, stream, "OrderPlaced", data);
    }
    return position;
}

/* ---- answers as texts: columns and values joined by commas, rows by semicolons --------------- */

struct answer {
    char text[4096];
    size_t len;
};

static void add_text(struct answer *answer, const char *separator, factum_slice text)
{
    answer->len += (size_t)snprintf(answer->text + answer->len, sizeof answer->text - answer->len,
                                    "%s%.*s", separator, (int)text.len, (const char *)text.ptr);
    assert_true(answer->len < sizeof answer->text);
}

static bool take_columns(void *data, const factum_slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add_text(data, i > 0 ? "," : "", names[i]);
    }
    return true;
}

static bool take_row(void *data, const factum_value *values, size_t count)
{
    char number[32];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(number, sizeof number, "%lld", (long long)values[i].integer);
        add_text(data, i > 0 ? "," : ";",
                 values[i].kind == FACTUM_VALUE_INTEGER ? factum_slice_from(number)
                 : values[i].kind == FACTUM_VALUE_TEXT  ? values[i].bytes
                                                        : FCT_SLICE("?"));
    }
    return true;
}

static factum_status ask(struct world *world, const char *sql, uint64_t place, int64_t wait_ms,
                         struct answer *answer, factum_model_answer *reported, factum_error *err)
{
    const factum_rows rows = {answer, take_columns, take_row};
    const factum_model_query query = {.size = sizeof query,
                                      .model = FCT_SLICE("order_summary"),
                                      .sql = factum_slice_from(sql),
                                      .wait_set = place != 0,
                                      .wait = place,
                                      .wait_ms = wait_ms};
    answer->len = 0;
    answer->text[0] = '\0';
    return factum_models_query(world->models, &query, &rows, reported, err);
}

static void assert_answer(struct world *world, uint64_t place, const char *sql, const char *wanted)
{
    factum_error err;
    struct answer answer = {.len = 0};
    assert_ok(ask(world, sql, place, WAIT_MS, &answer, NULL, &err), err);
    assert_string_equal(answer.text, wanted);
}

/* The host must have seen the deployment before a wait for it succeeds. */
static void assert_model(struct world *world, uint64_t revision)
{
    assert_done(world, revision);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void events_become_rows(void **state)
{
    factum_error err;
    struct answer answer = {.len = 0};
    struct world *world = *state;
    factum_model_answer reported = {.size = sizeof reported};
    uint64_t place = place_orders(world, 1, 250);
    start_models(world);
    assert_model(world, deploy(world, v1));
    assert_answer(world, place, "SELECT count(*) AS n, sum(total) AS t FROM order_summary",
                  "n,t;250,313750");
    assert_answer(world, place, "SELECT * FROM sku_sales ORDER BY sku",
                  "sku,qty;a,250;b0,166;b1,168;b2,166");
    place = append(world, "order-7", "PaymentReceived", "{\"orderId\":\"o7\",\"amount\":70}");
    assert_ok(ask(world, "SELECT status, paid FROM order_summary WHERE order_id = 'o7'", place,
                  WAIT_MS, &answer, &reported, &err),
              err);
    assert_string_equal(answer.text, "status,paid;paid,70");
    assert_int_equal(reported.row_count, 1);
    assert_int_equal(reported.status.version, 1);
    assert_int_equal(reported.status.event_count, 251);
    assert_true(reported.status.place >= place);
    assert_int_equal(reported.status.behind_events, 0);
}

static void named_queries_take_parameters(void **state)
{
    factum_error err;
    struct answer answer = {.len = 0};
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    (void)place_orders(world, 1, 3);
    (void)append(world, "order-2", "PaymentReceived", "{\"orderId\":\"o2\",\"amount\":20}");
    uint64_t place =
        append(world, "order-3", "PaymentReceived", "{\"orderId\":\"o3\",\"amount\":5}");
    const factum_rows rows = {&answer, take_columns, take_row};
    const factum_model_parameter least = {.name = FCT_SLICE("least"),
                                          .value = {.kind = FACTUM_VALUE_INTEGER, .integer = 10}};
    factum_model_query query = {.size = sizeof query,
                                .model = FCT_SLICE("order_summary"),
                                .named = FCT_SLICE("paid_orders"),
                                .parameters = &least,
                                .parameter_count = 1,
                                .wait_set = true,
                                .wait = place,
                                .wait_ms = WAIT_MS};
    assert_ok(factum_models_query(world->models, &query, &rows, NULL, &err), err);
    assert_string_equal(answer.text, "order_id;o2");
    query.named = FCT_SLICE("unpaid");
    assert_status(factum_models_query(world->models, &query, &rows, NULL, &err), FACTUM_NOT_FOUND);
    assert_text(err, "has no query unpaid");
}

static void a_wait_ends_at_once_if_nothing_is_wanted(void **state)
{
    factum_error err;
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    uint64_t place = place_orders(world, 1, 1);
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;1");
    assert_done(world, act(world, FACTUM_ACT_PAUSE, NULL, 0));
    place = append(world, "customer-1", "CustomerRenamed", "{}");
    assert_ok(factum_models_wait(world->models, FCT_SLICE("order_summary"), place, 0, NULL, &err),
              err);
    place = place_orders(world, 2, 4);
    factum_build_status behind = {.size = sizeof behind};
    assert_status(
        factum_models_wait(world->models, FCT_SLICE("order_summary"), place, 50, &behind, &err),
        FACTUM_TIMEOUT);
    assert_text(err, "accepted at ");
    assert_text(err, "behind by 3 events");
    assert_int_equal(behind.state, FACTUM_BUILD_PAUSED);
    assert_done(world, act(world, FACTUM_ACT_RESUME, NULL, 0));
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;4");
}

struct parked_list {
    char text[512];
    uint64_t first;
};

static bool take_parked(void *data, const factum_parked *parked)
{
    struct parked_list *list = data;
    size_t len = strlen(list->text);
    if (list->first == 0) {
        list->first = parked->position;
    }
    (void)snprintf(list->text + len, sizeof list->text - len, "%.*s:%.*s:%s;", (int)parked->key.len,
                   (const char *)parked->key.ptr, (int)parked->type.len,
                   (const char *)parked->type.ptr, parked->reason.len > 0 ? "bad" : "waits");
    return true;
}

static void assert_parked(struct world *world, const char *wanted, uint64_t *first)
{
    factum_error err;
    struct parked_list list = {.first = 0};
    const factum_parked_each each = {&list, take_parked};
    assert_ok(factum_models_parked(world->models, FCT_SLICE("order_summary"),
                                   (factum_slice){NULL, 0}, &each, &err),
              err);
    assert_string_equal(list.text, wanted);
    *first = list.first;
}

static void poison_is_parked_skipped_and_retried(void **state)
{
    uint64_t first;
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    /* o1 is paid before it is placed, in another stream: another key, so no order between them. */
    (void)append(world, "order-pay1", "PaymentReceived", "{\"orderId\":\"o1\",\"amount\":4}");
    (void)append(world, "order-x", "OrderPlaced", "{\"orderId\":\"x\",\"total\":-5,\"lines\":[]}");
    (void)append(world, "order-x", "PaymentReceived", "{\"orderId\":\"x\",\"amount\":1}");
    uint64_t place = place_orders(world, 1, 2);
    assert_answer(world, place, "SELECT order_id, paid FROM order_summary ORDER BY 1",
                  "order_id,paid;o1,0;o2,0");
    assert_parked(world,
                  "order-pay1:PaymentReceived:bad;order-x:OrderPlaced:bad;"
                  "order-x:PaymentReceived:waits;",
                  &first);
    assert_done(world, act(world, FACTUM_ACT_RETRY, "order-pay1", 0));
    assert_answer(world, place, "SELECT order_id, paid FROM order_summary ORDER BY 1",
                  "order_id,paid;o1,4;o2,0");
    assert_parked(world, "order-x:OrderPlaced:bad;order-x:PaymentReceived:waits;", &first);
    assert_done(world, act(world, FACTUM_ACT_SKIP, NULL, first));
    assert_parked(world, "order-x:PaymentReceived:bad;", &first);
    assert_done(world, act(world, FACTUM_ACT_SKIP, NULL, first));
    assert_parked(world, "", &first);
    /* A rebuilt file knows what was skipped, but does not park an event that failed only because of
     * its order. */
    stop_models(world);
    assert_true(scratch_remove(world->models_dir));
    assert_int_equal(mkdir(world->models_dir, 0700), 0);
    start_models(world);
    assert_model(world, act(world, FACTUM_ACT_RESUME, NULL, 0));
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;2");
    assert_parked(world, "order-pay1:PaymentReceived:bad;", &first);
}

struct change_list {
    char text[1024];
};

static bool take_change(void *data, factum_slice table, factum_row_change kind,
                        const factum_slice *columns, size_t count, const factum_value *before,
                        const factum_value *after)
{
    struct change_list *list = data;
    size_t len = strlen(list->text);
    (void)columns;
    (void)before;
    (void)snprintf(list->text + len, sizeof list->text - len, "%.*s:%d:%d:%.*s;", (int)table.len,
                   (const char *)table.ptr, (int)kind, (int)count,
                   after == NULL ? 0 : (int)after[0].bytes.len,
                   after == NULL ? "" : (const char *)after[0].bytes.ptr);
    return true;
}

static void a_parked_event_is_tried_without_effect(void **state)
{
    factum_error err;
    uint64_t first;
    struct world *world = *state;
    struct change_list list = {""};
    const factum_changes changes = {&list, take_change};
    const factum_slice name = FCT_SLICE("order_summary");
    start_models(world);
    assert_model(world, deploy(world, v1));
    (void)append(world, "order-pay1", "PaymentReceived", "{\"orderId\":\"o1\",\"amount\":4}");
    uint64_t place = place_orders(world, 2, 2);
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;1");
    assert_parked(world, "order-pay1:PaymentReceived:bad;", &first);
    assert_status(factum_models_try(world->models, name, first, &changes, &err), FACTUM_INVALID);
    assert_text(err, "expect");
    place = place_orders(world, 1, 1);
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;2");
    assert_ok(factum_models_try(world->models, name, first, &changes, &err), err);
    assert_string_equal(list.text, "order_summary:3:4:o1;");
    assert_answer(world, place, "SELECT paid FROM order_summary WHERE order_id = 'o1'", "paid;0");
    assert_status(factum_models_try(world->models, name, first + 1, &changes, &err),
                  FACTUM_NOT_FOUND);
}

static void a_new_version_is_built_beside_and_swapped(void **state)
{
    factum_error err;
    struct world *world = *state;
    char v2[sizeof v1 + 64];
    start_models(world);
    assert_model(world, deploy(world, v1));
    uint64_t place = place_orders(world, 1, 20);
    (void)snprintf(v2, sizeof v2, "%s", v1);
    char *digit = strstr(v2, "version 1");
    digit[8] = '2';
    char *placed = strstr(v2, "'placed', :total");
    memcpy(placed, "'PLACED'", 8);
    assert_model(world, deploy(world, v2));
    assert_answer(world, place, "SELECT status, count(*) AS n FROM order_summary GROUP BY 1",
                  "status,n;placed,20");
    struct change_list list = {""};
    const factum_changes changes = {&list, take_change};
    uint64_t total = 0;
    for (int i = 0; i < 200 && total != 20; i++) { /* until it has been built */
        list.text[0] = '\0';
        assert_ok(factum_models_diff(world->models, FCT_SLICE("order_summary"), 1, &changes, NULL,
                                     &total, &err),
                  err);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    assert_int_equal(total, 20);
    assert_string_equal(list.text, "order_summary:3:4:o1;");
    assert_done(world, act(world, FACTUM_ACT_SWAP, NULL, 0));
    assert_answer(world, place, "SELECT status, count(*) AS n FROM order_summary GROUP BY 1",
                  "status,n;PLACED,20");
    place = place_orders(world, 21, 30);
    assert_answer(world, place, "SELECT status, count(*) AS n FROM order_summary GROUP BY 1",
                  "status,n;PLACED,30");
    assert_done(world, act(world, FACTUM_ACT_ROLLBACK, NULL, 0));
    assert_answer(world, place, "SELECT status, count(*) AS n FROM order_summary GROUP BY 1",
                  "status,n;placed,30");
    assert_done(world, act(world, FACTUM_ACT_REBUILD, NULL, 0));
    assert_done(world, act(world, FACTUM_ACT_SWAP, NULL, 0));
    assert_answer(world, place, "SELECT status, count(*) AS n FROM order_summary GROUP BY 1",
                  "status,n;placed,30");
    factum_projection *projection;
    v2[strlen(v2) - 1] = ' ';
    assert_ok(factum_projection_load(factum_slice_from(v2), NULL, &projection, &err), err);
    assert_status(factum_projection_deploy(world->store, projection, NULL, NULL, &err),
                  FACTUM_EXISTS);
    assert_text(err, "give the file the version 3");
    factum_projection_free(projection);
}

struct builds {
    uint64_t in_use;
    bool building;
};

static bool take_builds(void *data, const factum_projection_state *state)
{
    *(struct builds *)data = (struct builds){state->in_use, state->building};
    return true;
}

/* The fold of the stream, which all others use. */
static void assert_builds(struct world *world, uint64_t in_use, bool building)
{
    factum_error err;
    struct builds builds = {0, false};
    const factum_projection_each each = {&builds, take_builds};
    assert_ok(factum_projection_find(world->store, FCT_SLICE("order_summary"), 0, &each, &err),
              err);
    assert_int_equal(builds.in_use, in_use);
    assert_int_equal(builds.building, building);
}

/* v1 as |version| (one digit), with one |from| replaced by |to|, which has the same length. */
static const char *v1_as(char text[sizeof v1], char version, const char *from, const char *to)
{
    (void)snprintf(text, sizeof v1, "%s", v1);
    *(strstr(text, "version 1") + 8) = version;
    assert_int_equal(strlen(from), strlen(to));
    memcpy(strstr(text, from), to, strlen(to));
    return text;
}

static void a_swap_to_a_build_that_has_stopped_is_refused(void **state)
{
    char text[sizeof v1];
    factum_error err;
    struct world *world = *state;
    start_models(world);
    assert_done(world, deploy(world, v1));
    uint64_t place = place_orders(world, 1, 30);
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;30");
    (void)deploy(world, v1_as(text, '2', "total >= 0", "total <  0"));
    uint64_t swap = act(world, FACTUM_ACT_SWAP, NULL, 0);
    assert_status(
        factum_models_act_wait(world->models, FCT_SLICE("order_summary"), swap, WAIT_MS, &err),
        FACTUM_INVALID);
    assert_text(err, "version 2 has stopped: ");
    assert_text(err, "resume, then swap again");
    /* Later acts are carried out, and readers of the stream see the refusal. */
    assert_done(world, act(world, FACTUM_ACT_RESUME, NULL, 0));
    assert_builds(world, 1, true);
    (void)deploy(world, v1_as(text, '3', "'placed'", "'PLACED'"));
    assert_done(world, act(world, FACTUM_ACT_SWAP, NULL, 0));
    assert_builds(world, 3, false);
    /* A file that is created again leaves the refused act out too. */
    stop_models(world);
    assert_true(scratch_remove(world->models_dir));
    assert_int_equal(mkdir(world->models_dir, 0700), 0);
    start_models(world);
    assert_done(world, act(world, FACTUM_ACT_ROLLBACK, NULL, 0));
    assert_builds(world, 1, false);
    assert_answer(world, place, "SELECT status, count(*) AS n FROM order_summary GROUP BY 1",
                  "status,n;placed,30");
}

/* A copy does not decide for the host whose models it copies. */
static void a_copy_refuses_an_act_for_itself(void **state)
{
    char text[sizeof v1];
    factum_error err;
    struct world *world = *state;
    world->copy = true;
    start_models(world);
    assert_done(world, deploy(world, v1));
    (void)place_orders(world, 1, 30);
    (void)deploy(world, v1_as(text, '2', "total >= 0", "total <  0"));
    uint64_t swap = act(world, FACTUM_ACT_SWAP, NULL, 0);
    assert_status(
        factum_models_act_wait(world->models, FCT_SLICE("order_summary"), swap, WAIT_MS, &err),
        FACTUM_INVALID);
    assert_builds(world, 2, false);
}

static void a_swap_waits_for_no_paused_build(void **state)
{
    char text[sizeof v1];
    factum_error err;
    struct world *world = *state;
    const factum_act_request swap = {
        .size = sizeof swap, .act = FACTUM_ACT_SWAP, .projection = FCT_SLICE("order_summary")};
    start_models(world);
    assert_done(world, deploy(world, v1));
    assert_done(world, act(world, FACTUM_ACT_PAUSE, NULL, 0));
    assert_done(world, deploy(world, v1_as(text, '2', "'placed'", "'PLACED'")));
    assert_status(factum_projection_act_record(world->store, &swap, NULL, &err), FACTUM_INVALID);
    assert_text(err, "resume it first, then swap");
    assert_done(world, act(world, FACTUM_ACT_RESUME, NULL, 0));
    assert_done(world, act(world, FACTUM_ACT_SWAP, NULL, 0));
    assert_builds(world, 2, false);
}

static const char odd[] = "--@ projection order_summary version 1\n"
                          "--@ from category order\n"
                          "--@ poison retry 0 within 1s then park\n"
                          "--@ tables\n"
                          "CREATE TABLE {{t}} (id TEXT, a INTEGER);\n"
                          "--@ on Told\n"
                          "INSERT INTO {{t}} (id, a) VALUES (:id, json_extract(:payload, '$.a'));\n"
                          "--@ on Endless\n"
                          "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)\n"
                          "INSERT INTO {{t}} (a) SELECT max(x) FROM c;\n";

/* SQLite reports it like a missing table. */
static void a_value_that_a_function_refuses_is_the_events_fault(void **state)
{
    uint64_t first;
    struct world *world = *state;
    start_models(world);
    assert_done(world, deploy(world, odd));
    (void)append(world, "order-1", "Told", "{\"id\":\"1\",\"payload\":\"{bad\"}");
    uint64_t place =
        append(world, "order-2", "Told", "{\"id\":\"2\",\"payload\":\"{\\\"a\\\":7}\"}");
    assert_answer(world, place, "SELECT id, a FROM t", "id,a;2,7");
    assert_parked(world, "order-1:Told:bad;", &first);
}

static void a_statement_without_an_end_does_not_hold_up_the_host(void **state)
{
    factum_error err;
    struct world *world = *state;
    start_models(world);
    assert_done(world, deploy(world, odd));
    uint64_t place = append(world, "order-1", "Endless", "{}");
    assert_status(
        factum_models_wait(world->models, FCT_SLICE("order_summary"), place, 200, NULL, &err),
        FACTUM_TIMEOUT);
    stop_models(world); /* and not only after the minute that an event may take */
    start_models(world);
    assert_status(
        factum_models_wait(world->models, FCT_SLICE("order_summary"), place, 200, NULL, &err),
        FACTUM_TIMEOUT);
}

/* Each time the host has just begun, and does not have the event yet that the retry is for. */
static void a_retry_comes_after_the_events_before_it(void **state)
{
    uint64_t first;
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    for (unsigned i = 1; i <= 10; i++) {
        char key[32];
        char data[64];
        (void)snprintf(key, sizeof key, "order-pay%u", i);
        (void)snprintf(data, sizeof data, "{\"orderId\":\"o%u\",\"amount\":4}", i);
        uint64_t place = append(world, key, "PaymentReceived", data);
        assert_answer(world, place, "SELECT count(*) AS n FROM order_summary WHERE paid = 0",
                      "n;0");
        stop_models(world);
        (void)place_orders(world, i, i);
        uint64_t revision = act(world, FACTUM_ACT_RETRY, key, 0);
        start_models(world);
        assert_done(world, revision);
        assert_parked(world, "", &first);
    }
}

static void a_schema_may_not_take_away_what_is_needed(void **state)
{
    char text[sizeof v1];
    factum_error err;
    struct world *world = *state;
    const factum_slice good = FCT_SLICE(
        "{\"properties\":{\"orderId\":{\"type\":\"string\"},\"amount\":{\"type\":\"integer\"}},"
        "\"additionalProperties\":false}");
    const factum_slice bad = FCT_SLICE("{\"properties\":{\"orderId\":{\"type\":\"string\"},"
                                       "\"amountCents\":{\"type\":\"integer\"}},"
                                       "\"additionalProperties\":false}");
    const factum_slice type = FCT_SLICE("PaymentReceived");
    assert_ok(factum_projection_schema_check(world->store, type, bad, &err), err);
    (void)deploy(world, v1);
    assert_ok(factum_projection_schema_check(world->store, type, good, &err), err);
    assert_status(factum_projection_schema_check(world->store, type, bad, &err),
                  FACTUM_CONDITION_FAILED);
    assert_text(err,
                "projection order_summary version 1 needs it: order_summary:14:44: "
                "PaymentReceived has no member amount: its schema allows no value there; deploy a "
                "version that does without it, and swap to it, first");
    /* An event of another category; one of an unread type; one that is not JSON. */
    assert_ok(
        factum_projection_schema_check(world->store, FCT_SLICE("cart/PaymentReceived"), bad, &err),
        err);
    assert_ok(factum_projection_schema_check(world->store, FCT_SLICE("OrderShipped"), bad, &err),
              err);
    assert_ok(factum_projection_schema_check(world->store, type, FCT_SLICE("{"), &err), err);
    /* The version in use is needed until the swap. */
    (void)deploy(world, v1_as(text, '2', ":amount", "7      "));
    assert_status(factum_projection_schema_check(world->store, type, bad, &err),
                  FACTUM_CONDITION_FAILED);
    assert_text(err, "version 1 needs it");
    (void)act(world, FACTUM_ACT_SWAP, NULL, 0);
    assert_ok(factum_projection_schema_check(world->store, type, bad, &err), err);
    (void)deploy(world, v1_as(text, '3', "'placed'", "'PLACED'"));
    (void)act(world, FACTUM_ACT_REMOVE, NULL, 0);
    assert_ok(factum_projection_schema_check(world->store, type, bad, &err), err);
}

static void what_is_asked_of_a_paused_model_counts_when_it_goes_on(void **state)
{
    uint64_t first;
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    (void)append(world, "order-pay1", "PaymentReceived", "{\"orderId\":\"o1\",\"amount\":4}");
    (void)append(world, "order-pay9", "PaymentReceived", "{\"orderId\":\"o9\",\"amount\":4}");
    uint64_t place = place_orders(world, 1, 1);
    assert_answer(world, place, "SELECT paid FROM order_summary", "paid;0");
    assert_parked(world, "order-pay1:PaymentReceived:bad;order-pay9:PaymentReceived:bad;", &first);
    assert_done(world, act(world, FACTUM_ACT_PAUSE, NULL, 0));
    assert_done(world, act(world, FACTUM_ACT_RETRY, "order-pay1", 0));
    assert_done(world, act(world, FACTUM_ACT_RESUME, NULL, 0));
    place = place_orders(world, 2, 2);
    assert_answer(world, place, "SELECT paid FROM order_summary WHERE order_id = 'o1'", "paid;4");
    assert_parked(world, "order-pay9:PaymentReceived:bad;", &first);
    assert_done(world, act(world, FACTUM_ACT_PAUSE, NULL, 0));
    assert_done(world, act(world, FACTUM_ACT_SKIP, NULL, first));
    assert_done(world, act(world, FACTUM_ACT_RESUME, NULL, 0));
    place = place_orders(world, 3, 3);
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;3");
    assert_parked(world, "", &first);
}

static void a_file_that_is_deleted_comes_back(void **state)
{
    char path[SCRATCH_SIZE + 32];
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    uint64_t place = place_orders(world, 1, 10);
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;10");
    (void)snprintf(path, sizeof path, "%s/order_summary.db", world->models_dir);
    assert_int_equal(remove(path), 0);
    assert_done(world, act(world, FACTUM_ACT_RESUME, NULL, 0));
    place = place_orders(world, 11, 12);
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;12");
}

static void a_directory_that_is_deleted_comes_back(void **state)
{
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    uint64_t place = place_orders(world, 1, 10);
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;10");
    assert_true(scratch_remove(world->models_dir));
    assert_done(world, act(world, FACTUM_ACT_RESUME, NULL, 0));
    place = place_orders(world, 11, 12);
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;12");
}

/* The model gets events after the store's end, as if the store were an older backup. */
static void put_ahead(const struct world *world)
{
    char path[SCRATCH_SIZE + 32];
    sqlite3 *db;
    (void)snprintf(path, sizeof path, "%s/order_summary.db", world->models_dir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE factum_checkpoint SET position = position + 1000000,"
                                  " token = ''",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static bool take_reason(void *data, const factum_build_status *status)
{
    char *reason = data;
    if (status->in_use && status->state == FACTUM_BUILD_STOPPED) {
        (void)snprintf(reason, sizeof status->reason, "%s", status->reason);
    }
    return true;
}

static void a_model_ahead_of_the_store_is_rebuilt_and_swapped(void **state)
{
    factum_error err;
    char reason[256] = "";
    const factum_build_each each = {reason, take_reason};
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    uint64_t place = place_orders(world, 1, 10);
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;10");
    stop_models(world);
    put_ahead(world);
    start_models(world);
    for (int i = 0; i < 1000 && reason[0] == '\0'; i++) {
        factum_status status =
            factum_models_list(world->models, FCT_SLICE("order_summary"), &each, &err);
        assert_true(status == FACTUM_OK || status == FACTUM_NOT_FOUND);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    assert_non_null(strstr(reason, "checkpoint_ahead: the model has events up to position "));
    assert_non_null(strstr(reason, "Delete the model's file or rebuild it"));
    place = place_orders(world, 11, 12);
    assert_done(world, act(world, FACTUM_ACT_REBUILD, NULL, 0));
    assert_done(world, act(world, FACTUM_ACT_SWAP, NULL, 0));
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;12");
}

static void it_goes_on_where_it_was(void **state)
{
    struct world *world = *state;
    uint64_t place = place_orders(world, 1, 10);
    start_models(world);
    assert_model(world, deploy(world, v1));
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;10");
    stop_models(world);
    place = place_orders(world, 11, 500);
    start_models(world);
    assert_model(world, act(world, FACTUM_ACT_RESUME, NULL, 0));
    assert_answer(world, place,
                  "SELECT count(*) AS n, sum(qty) AS q FROM order_summary, sku_sales"
                  " WHERE sku = 'a' AND order_id = 'o1'",
                  "n,q;1,500");
}

static void assert_past(struct world *world, factum_model_query query, const char *wanted)
{
    factum_error err;
    struct answer answer = {.len = 0};
    const factum_rows rows = {&answer, take_columns, take_row};
    query.size = sizeof query;
    query.model = FCT_SLICE("order_summary");
    query.sql = FCT_SLICE("SELECT count(*) AS n, max(total) AS t FROM order_summary");
    factum_model_answer reported = {.size = sizeof reported};
    assert_ok(factum_models_query(world->models, &query, &rows, &reported, &err), err);
    assert_string_equal(answer.text, wanted);
}

static void it_is_asked_as_of_a_moment(void **state)
{
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    uint64_t early = place_orders(world, 1, 10);
    int64_t then = factum_now(world->store);
    while (factum_now(world->store) <= then) {
    }
    uint64_t late = place_orders(world, 11, 320);
    assert_past(world, (factum_model_query){.at_position_set = true, .at_position = early},
                "n,t;10,100");
    assert_past(world, (factum_model_query){.at_created_set = true, .at = then}, "n,t;10,100");
    assert_past(world, (factum_model_query){.at_position_set = true, .at_position = late},
                "n,t;320,3200");
    assert_past(world, (factum_model_query){.at_time_set = true, .at = then}, "n,t;10,100");
    assert_past(world, (factum_model_query){.at_created_set = true, .at = 1}, "n,t;0,?");
    assert_past(world, (factum_model_query){.at_position_set = true, .at_position = early - 1},
                "n,t;9,90");
    assert_answer(world, late, "SELECT count(*) AS n FROM order_summary", "n;320");
}

static int64_t same_moment(void *data)
{
    (void)data;
    return INT64_C(1700000000000000000);
}

/* Everything is recorded in one moment: only positions show what was before and after. */
static void events_of_one_moment_are_told_apart_by_position(void **state)
{
    factum_error err;
    struct world *world = *state;
    const factum_clock clock = {NULL, same_moment};
    const factum_store_options options = {.size = sizeof options, .clock = &clock};
    assert_ok(test_store_close(world->store, world->dir, &err), err);
    assert_ok(test_store_open(&world->store, world->on_disk, world->dir, &options, &err), err);
    start_models(world);
    assert_model(world, deploy(world, v1));
    uint64_t early = place_orders(world, 1, 10);
    uint64_t late = place_orders(world, 11, 20);
    assert_past(world, (factum_model_query){.at_position_set = true, .at_position = early},
                "n,t;10,100");
    assert_past(world, (factum_model_query){.at_position_set = true, .at_position = late},
                "n,t;20,200");
    assert_past(world, (factum_model_query){.at_created_set = true, .at = same_moment(NULL)},
                "n,t;20,200");
    assert_past(world, (factum_model_query){.at_created_set = true, .at = same_moment(NULL) - 1},
                "n,t;0,?");
}

static void a_removed_model_is_gone(void **state)
{
    factum_error err;
    struct answer answer = {.len = 0};
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    assert_done(world, act(world, FACTUM_ACT_REMOVE, NULL, 0));
    assert_status(ask(world, "SELECT 1", 0, 0, &answer, NULL, &err), FACTUM_NOT_FOUND);
    uint64_t place = place_orders(world, 1, 5);
    assert_model(world, deploy(world, v1));
    assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;5");
}

/* A program that opens its models and queries them at once. */
static void a_host_that_was_just_opened_is_waited_for(void **state)
{
    factum_error err;
    struct world *world = *state;
    start_models(world);
    assert_model(world, deploy(world, v1));
    uint64_t place = place_orders(world, 1, 3);
    for (int i = 0; i < 10; i++) {
        stop_models(world);
        start_models(world);
        assert_answer(world, place, "SELECT count(*) AS n FROM order_summary", "n;3");
    }
    stop_models(world);
    start_models(world);
    assert_status(factum_models_wait(world->models, FCT_SLICE("none"), place, WAIT_MS, NULL, &err),
                  FACTUM_NOT_FOUND);
}

int main(void)
{
#define BOTH(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, in_memory, close_world),                                 \
        cmocka_unit_test_setup_teardown(name, on_disk, close_world)
    const struct CMUnitTest tests[] = {
        BOTH(events_become_rows),
        BOTH(named_queries_take_parameters),
        BOTH(a_wait_ends_at_once_if_nothing_is_wanted),
        BOTH(poison_is_parked_skipped_and_retried),
        BOTH(a_parked_event_is_tried_without_effect),
        BOTH(a_new_version_is_built_beside_and_swapped),
        BOTH(a_swap_to_a_build_that_has_stopped_is_refused),
        BOTH(a_value_that_a_function_refuses_is_the_events_fault),
        BOTH(a_statement_without_an_end_does_not_hold_up_the_host),
        BOTH(a_copy_refuses_an_act_for_itself),
        BOTH(a_swap_waits_for_no_paused_build),
        BOTH(a_retry_comes_after_the_events_before_it),
        BOTH(a_schema_may_not_take_away_what_is_needed),
        BOTH(what_is_asked_of_a_paused_model_counts_when_it_goes_on),
        BOTH(a_file_that_is_deleted_comes_back),
        BOTH(a_directory_that_is_deleted_comes_back),
        BOTH(a_model_ahead_of_the_store_is_rebuilt_and_swapped),
        BOTH(it_goes_on_where_it_was),
        BOTH(it_is_asked_as_of_a_moment),
        BOTH(events_of_one_moment_are_told_apart_by_position),
        BOTH(a_removed_model_is_gone),
        BOTH(a_host_that_was_just_opened_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
