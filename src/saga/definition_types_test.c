/* definition_types_test.c - sagas whose types and fields the schemas have or do not have.
 * Layer: saga. */
#include "saga/definition_int.h"
#include "support/test_store.h"

#define HEAD "saga: s\nversion: 1\nstart: Placed\nid: .orderId\n"
#define ALL HEAD "keep: {orderId, qty, lines, address}\n"
#define TAKE(with) ALL "steps:\n- take: {do: stock.Take, with: " with ", ok: Taken, keep: {shelf}"
#define STEP(with) TAKE(with) ", undo: none, because: x}\n"

static const char placed[] =
    "{\"type\":\"object\",\"required\":[\"orderId\",\"qty\",\"lines\"],\"properties\":{"
    "\"orderId\":{\"type\":\"string\"},\"qty\":{\"type\":\"integer\"},"
    "\"price\":{\"type\":\"number\"},\"paid\":{\"type\":\"boolean\"},"
    "\"address\":{\"type\":\"object\",\"required\":[\"city\"],"
    "\"properties\":{\"city\":{\"type\":\"string\"}}},"
    "\"lines\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"properties\":{\"sku\":{\"type\":\"string\"}}}}}}";
static const char taken[] =
    "{\"type\":\"object\",\"required\":[\"orderId\",\"shelf\"],\"properties\":{"
    "\"orderId\":{\"type\":\"string\"},\"shelf\":{\"type\":\"integer\"}}}";
static const char take[] =
    "{\"type\":\"object\",\"required\":[\"orderId\"],\"properties\":{"
    "\"orderId\":{\"type\":\"string\"},\"qty\":{\"type\":\"integer\"},"
    "\"price\":{\"type\":\"number\"},\"skus\":{\"type\":\"array\"},"
    "\"city\":{\"type\":\"string\"},\"note\":{\"type\":\"string\"},\"all\":{\"type\":\"object\"},"
    "\"saga\":{\"type\":\"string\"}}}";

struct fixture {
    factum_store *store;
    factum_schemas *schemas;
    char dir[SCRATCH_SIZE];
    factum_error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store = NULL};
    *state = &fixture;
    return test_store_open(&fixture.store, false, fixture.dir, NULL, &fixture.err);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    factum_schemas_close(f->schemas);
    return test_store_close(f->store, f->dir, &f->err);
}

static void register_schema(struct fixture *f, const char *subject, const char *schema)
{
    assert_ok(factum_schema_register(f->store, factum_slice_from(subject),
                                     factum_slice_from(schema), NULL, NULL, &f->err),
              f->err);
    factum_schemas_close(f->schemas);
    f->schemas = NULL;
    assert_ok(factum_schemas_open(f->store, &f->schemas, &f->err), f->err);
}

static void register_all(struct fixture *f)
{
    register_schema(f, "Placed", placed);
    register_schema(f, "Taken", taken);
    register_schema(f, "stock.Take", take);
}

static factum_status load(struct fixture *f, const char *text, factum_saga **saga)
{
    const factum_saga_options options = {
        .size = sizeof options, .name = "s.yaml", .schemas = f->schemas};
    f->err.text[0] = '\0';
    return factum_saga_load(factum_slice_from(text), &options, saga, &f->err);
}

static void assert_good(struct fixture *f, const char *text)
{
    factum_saga *saga = NULL;
    assert_ok(load(f, text, &saga), f->err);
    if (saga->warning_count > 0) {
        print_error("%s\n", factum_saga_warning(saga, 0));
    }
    assert_int_equal(saga->warning_count, 0);
    factum_saga_free(saga);
}

static void assert_warned(struct fixture *f, const char *text, const char *warning)
{
    factum_saga *saga = NULL;
    assert_ok(load(f, text, &saga), f->err);
    assert_int_equal(saga->warning_count, 1);
    assert_string_equal(factum_saga_warning(saga, 0), warning);
    factum_saga_free(saga);
}

static void assert_refused(struct fixture *f, const char *text, const char *why)
{
    factum_saga *saga = NULL;
    assert_status(load(f, text, &saga), FACTUM_INVALID);
    assert_string_equal(f->err.text, why);
    assert_null(saga);
}

TEST(without_schemas_a_warning_reports_that_nothing_is_checked)
{
    struct fixture *f = *state;
    assert_good(f, STEP("{orderId}"));
    register_schema(f, "SomethingElse", "{}");
    assert_warned(f, STEP("{orderId}"),
                  "s.yaml:3:8: no-schemas: no type that the saga names has a schema: its types and "
                  "fields are not checked");
}

TEST(types_without_a_schema_are_unknown_when_others_have_one)
{
    struct fixture *f = *state;
    register_all(f);
    assert_good(f, STEP("{orderId, qty}"));
    assert_refused(f,
                   ALL "steps:\n- take: {do: stock.Tke, with: {orderId}, ok: Taken, undo: none, "
                       "because: x}\n",
                   "s.yaml:7:14: unknown-type: stock.Tke has no schema: did you mean stock.Take?");
    assert_refused(f,
                   ALL "steps:\n- take: {do: stock.Take, with: {orderId}, ok: Taken, fail: "
                       "[Sold], undo: none, because: x}\n",
                   "s.yaml:7:61: unknown-type: Sold has no schema, while other types of this saga "
                   "have: register one, or correct the name");
    assert_refused(f, STEP("{orderId}") "done: {do: order.Finish, with: {}}\n",
                   "s.yaml:8:12: unknown-type: order.Finish has no schema, while other types of "
                   "this saga have: register one, or correct the name");
}

TEST(a_schema_of_a_category_counts)
{
    struct fixture *f = *state;
    register_schema(f, "order/Placed", placed);
    register_schema(f, "stock/Taken", taken);
    register_schema(f, "command:stock/stock.Take", take);
    assert_good(f, STEP("{orderId, qty}"));
    assert_refused(f, STEP("{orderId, qty: .lines}"),
                   "s.yaml:7:42: kind: .lines is an array, but \"qty\" of stock.Take is a whole "
                   "number: use a value of that type");
    register_schema(f, "quote/Placed",
                    "{\"properties\":{\"orderId\":{}},"
                    "\"additionalProperties\":false}");
    assert_good(f, STEP("{orderId, qty: .lines}")); /* which Placed is unknown */
}

TEST(kept_members_exist)
{
    struct fixture *f = *state;
    register_all(f);
    assert_refused(f,
                   HEAD "keep: {orderID}\n"
                        "steps:\n- take: {do: stock.Take, with: {}, ok: Taken,"
                        " undo: none, because: x}\n",
                   "s.yaml:5:8: member: Placed has no member .orderID: did you mean orderId?");
    assert_refused(f,
                   "saga: s\nversion: 1\nstart: Placed\nid: .lines\n"
                   "steps:\n- take: {do: stock.Take, with: {}, ok: Taken,"
                   " undo: none, because: x}\n",
                   "s.yaml:4:5: id: .lines of Placed is an array: an id is a text or a whole "
                   "number");
    assert_refused(
        f, TAKE("{orderId}") "}\n",
        "s.yaml:7:3: undo-missing: take can be followed by a failure and has no undo: add "
        "undo and undo_with, or undo: none and because");
    assert_refused(f,
                   ALL "steps:\n- take: {do: stock.Take, with: {orderId}, ok: Taken, keep: {a: "
                       ".rack.no}, undo: none, because: x}\n",
                   "s.yaml:7:61: member: Taken has no member .rack.no by its schema: pick one that "
                   "it has, or list it there");
}

TEST(the_data_of_a_command_must_fit_its_schema)
{
    struct fixture *f = *state;
    register_all(f);
    assert_good(f, STEP("{orderId, qty: 3, price: 2, skus: [], note: \"x\", all: {}, "
                        "saga: .saga.id}"));
    assert_good(f, STEP("{orderId, price: .qty, skus: .lines, all: .}"));
    assert_good(f, STEP("{orderId, city: .address.city}"));
    assert_refused(f, STEP("{orderId, qtty: .qty}"),
                   "s.yaml:7:42: member: stock.Take has no member \"qtty\": did you mean qty?");
    assert_refused(f, STEP("{orderId, qty: 2.5}"),
                   "s.yaml:7:42: kind: 2.5 is a number, but \"qty\" of stock.Take is a whole "
                   "number: use a value of that type");
    assert_refused(f, STEP("{orderId, note: true}"),
                   "s.yaml:7:42: kind: true is a boolean, but \"note\" of stock.Take is a "
                   "text: use a value of that type");
    assert_refused(f, STEP("{orderId, qty: .saga.name}"),
                   "s.yaml:7:42: kind: .saga.name is a text, but \"qty\" of stock.Take is a whole "
                   "number: use a value of that type");
    assert_refused(f, STEP("{orderId: .address.citi}"),
                   "s.yaml:7:33: member: Placed has no member .address.citi: did you mean city?");
    assert_refused(f, STEP("{qty}"),
                   "s.yaml:7:32: required: stock.Take requires \"orderId\" by its schema: add it");
}

TEST(what_may_be_missing_cannot_be_required)
{
    struct fixture *f = *state;
    register_all(f);
    register_schema(f, "stock.Put",
                    "{\"allOf\":[{\"required\":[\"shelf\"]}],"
                    "\"properties\":{\"shelf\":{\"type\":\"integer\"}}}");
    assert_refused(f, TAKE("{orderId}") ", undo: stock.Put, undo_with: {shelf}}\n",
                   "s.yaml:7:98: required: stock.Put requires \"shelf\", which may be missing here "
                   "(a silent step has kept nothing): do not require it");
    assert_good(f,
                STEP("{orderId}") "- put: {do: stock.Put, with: {shelf}, ok: Placed, undo: none, "
                                  "because: x}\n");
}

TEST(a_member_that_events_may_be_without_is_warned_of)
{
    struct fixture *f = *state;
    register_all(f);
    register_schema(f, "stock.Take", "{\"required\":[\"city\"],\"properties\":{\"city\":{}}}");
    assert_warned(f, STEP("{city: .address.city}"),
                  "s.yaml:7:33: required: stock.Take requires \"city\", but .address.city may be "
                  "missing: the saga would be stuck");
}

TEST(a_reply_without_the_id_is_warned_of)
{
    struct fixture *f = *state;
    register_all(f);
    register_schema(f, "Taken", "{\"properties\":{\"shelf\":{}},\"additionalProperties\":false}");
    assert_warned(
        f, STEP("{orderId}"),
        "s.yaml:7:47: reply-id: Taken has no member \"orderId\": such an event belongs to "
        "a saga only if it names the command that it answers");
}

TEST(a_schema_allows_members_that_it_does_not_mention)
{
    struct fixture *f = *state;
    register_schema(f, "Placed", "{}");
    register_schema(f, "Taken", "true");
    register_schema(f, "stock.Take", "{\"additionalProperties\":true,\"properties\":{\"a\":{}}}");
    assert_good(f, STEP("{orderId, what: .lines}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(without_schemas_a_warning_reports_that_nothing_is_checked),
        FIXTURE_CASE(types_without_a_schema_are_unknown_when_others_have_one),
        FIXTURE_CASE(a_schema_of_a_category_counts),
        FIXTURE_CASE(kept_members_exist),
        FIXTURE_CASE(the_data_of_a_command_must_fit_its_schema),
        FIXTURE_CASE(what_may_be_missing_cannot_be_required),
        FIXTURE_CASE(a_member_that_events_may_be_without_is_warned_of),
        FIXTURE_CASE(a_reply_without_the_id_is_warned_of),
        FIXTURE_CASE(a_schema_allows_members_that_it_does_not_mention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
