/* fields_test.c - definitions whose fields the schemas have or do not have. Layer: projection. */
#include "projection/fields.h"

#include "core/mem.h"
#include "support/test_store.h"

#define HEAD                                                                                       \
    "--@ projection orders version 3\n--@ from category order\n--@ tables\n"                       \
    "CREATE TABLE {{t}} (id TEXT PRIMARY KEY, qty INTEGER, note STRING);\n"
#define ON(parameters) HEAD "--@ on OrderPlaced\nINSERT INTO {{t}} VALUES (" parameters ");\n"

static const char placed[] =
    "{\"type\":\"object\",\"required\":[\"orderId\"],\"properties\":{"
    "\"orderId\":{\"type\":\"string\"},\"customerId\":{\"type\":\"string\"},"
    "\"qty\":{\"type\":\"integer\"},\"mixed\":{\"type\":[\"string\",\"integer\"]},"
    "\"any\":{},\"maybe\":{\"type\":[\"string\",\"null\"]},"
    "\"address\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},"
    "\"additionalProperties\":false},"
    "\"either\":{\"anyOf\":[{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/line\"}},"
    "{\"$ref\":\"#/$defs/line\"}]},"
    "\"lines\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/line\"}}},"
    "\"$defs\":{\"line\":{\"type\":\"object\",\"properties\":{\"sku\":{\"type\":\"string\"},"
    "\"qty\":{\"type\":\"integer\"}},\"additionalProperties\":false}}}";

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

/* ---- steps ----------------------------------------------------------------------------------- */

static void register_schema(struct fixture *f, const char *subject, const char *schema)
{
    assert_ok(factum_schema_register(f->store, factum_slice_from(subject),
                                     factum_slice_from(schema), NULL, NULL, &f->err),
              f->err);
    factum_schemas_close(f->schemas);
    f->schemas = NULL;
    assert_ok(factum_schemas_open(f->store, &f->schemas, &f->err), f->err);
}

static struct fct_definition *parsed(struct fixture *f, const char *text)
{
    struct fct_definition *definition = NULL;
    assert_ok(fct_projection_parse(factum_slice_from(text), "orders.sql", FCT_DIALECT_SQLITE,
                                   &definition, &f->err),
              f->err);
    return definition;
}

static void assert_good(struct fixture *f, const char *text)
{
    struct fct_definition *definition = parsed(f, text);
    assert_ok(fct_fields_check(definition, f->schemas, &f->err), f->err);
    fct_projection_definition_free(definition);
}

static void assert_refused(struct fixture *f, const char *text, const char *why)
{
    struct fct_definition *definition = parsed(f, text);
    factum_error err = {.text = ""};
    factum_status status = fct_fields_check(definition, f->schemas, &err);
    if (status != FACTUM_INVALID || strcmp(err.text, why) != 0) {
        print_error("%s \"%s\", not \"%s\"\n", factum_status_name(status), err.text, why);
        fail();
    }
    fct_projection_definition_free(definition);
}

/* What |text| loses if |schema| becomes that of |type|; NULL: nothing. */
static void assert_breaks(struct fixture *f, const char *text, const char *type, const char *schema,
                          const char *why)
{
    struct fct_definition *definition = parsed(f, text);
    factum_json_node nodes[256];
    factum_json json;
    char found[400] = "";
    assert_ok(factum_json_parse(factum_slice_from(schema), NULL, nodes, 256, &json, &f->err),
              f->err);
    factum_status status =
        fct_fields_break(definition, factum_slice_from(type), &json, found, sizeof found);
    assert_int_equal(status, why == NULL ? FACTUM_OK : FACTUM_INVALID);
    assert_string_equal(found, why == NULL ? "" : why);
    assert_int_equal(fct_fields_break(definition, factum_slice_from(type), &json, NULL, 0), status);
    fct_projection_definition_free(definition);
}

/* ---- members --------------------------------------------------------------------------------- */

TEST(fields_that_the_schema_has_are_good)
{
    struct fixture *f = *state;
    register_schema(f, "OrderPlaced", placed);
    assert_good(f, ON(":orderId, :qty, :any"));
    assert_good(f, ON(":address.city, :mixed, NULL"));
    assert_good(f, ON(":any.thing.at.all, :event_revision, NULL"));
    assert_good(f, ON(":meta.user, :data.qty, :meta.x"));
    assert_good(f, ON(":data, 1, NULL"));
    assert_good(f, ON(":lines, 1, NULL"));
}

TEST(without_a_schema_every_field_is_good)
{
    struct fixture *f = *state;
    assert_good(f, ON(":what, :ever, :it.is"));
    register_schema(f, "Other", placed);
    assert_good(f, ON(":what, :ever, :it.is"));
}

TEST(a_member_that_is_not_listed_is_refused)
{
    struct fixture *f = *state;
    register_schema(f, "OrderPlaced", placed);
    assert_refused(f, ON(":custmerId, 1, NULL"),
                   "orders.sql:6:27: OrderPlaced has no member custmerId: did you mean "
                   "customerId?");
    assert_refused(f, ON(":orderId,\n 1, :address.ctiy"),
                   "orders.sql:7:5: OrderPlaced has no member address.ctiy: did you mean city?");
    assert_refused(f, ON(":somethingElse, 1, NULL"),
                   "orders.sql:6:27: OrderPlaced has no member somethingElse: its schema lists "
                   "others. If events have it, list it there, or set \"additionalProperties\": "
                   "true");
    assert_refused(f, ON(":address.planet, 1, NULL"),
                   "orders.sql:6:27: OrderPlaced has no member address.planet: its schema allows "
                   "no value there");
    assert_refused(f, ON(":orderId.x, 1, NULL"),
                   "orders.sql:6:27: OrderPlaced has no member orderId.x: orderId is a text");
}

TEST(the_schema_of_the_category_comes_first)
{
    struct fixture *f = *state;
    register_schema(f, "OrderPlaced", "{\"properties\":{\"a\":{}}}");
    assert_refused(f, ON(":orderId, 1, NULL"),
                   "orders.sql:6:27: OrderPlaced has no member orderId: its schema lists others. "
                   "If events have it, list it there, or set \"additionalProperties\": true");
    register_schema(f, "order/OrderPlaced", placed);
    assert_good(f, ON(":orderId, 1, NULL"));
    register_schema(f, "other/OrderPlaced", "{\"properties\":{\"b\":{}}}");
    assert_good(f, ON(":orderId, 1, NULL"));
}

TEST(the_newest_version_counts)
{
    struct fixture *f = *state;
    register_schema(f, "OrderPlaced", placed);
    register_schema(f, "OrderPlaced",
                    "{\"properties\":{\"orderId\":{}},\"additionalProperties\":true}");
    assert_good(f, ON(":custmerId, 1, NULL"));
}

TEST(each_type_of_a_section_is_checked)
{
    struct fixture *f = *state;
    static const char text[] = HEAD "--@ on OrderSeen, OrderPlaced\n"
                                    "INSERT INTO {{t}} (id) VALUES (:customerId);\n";
    register_schema(f, "OrderPlaced", placed);
    assert_good(f, text);
    register_schema(f, "OrderSeen", "{\"properties\":{\"custmerId\":{}}}");
    assert_refused(f, text,
                   "orders.sql:6:32: OrderSeen has no member customerId: did you mean custmerId?");
}

/* ---- each and keys --------------------------------------------------------------------------- */

#define EACH(path, parameters)                                                                     \
    HEAD "--@ on OrderPlaced each " path "\nINSERT INTO {{t}} VALUES (" parameters ");\n"

TEST(each_leads_to_an_array_or_an_object)
{
    struct fixture *f = *state;
    register_schema(f, "OrderPlaced", placed);
    assert_good(f, EACH(".lines[]", ":data.orderId, :qty, NULL"));
    assert_good(f, EACH(".lines", ":item, :item_index, NULL"));
    assert_good(f, EACH(".address", ":city, 1, NULL"));
    assert_good(f, EACH(".any[].thing", ":x, 1, NULL"));
    assert_refused(f, EACH(".orderId", ":x, 1, NULL"),
                   "orders.sql:5:1: each needs an array or an object, but orderId of OrderPlaced "
                   "is a text");
    assert_refused(f, EACH(".line[]", ":x, 1, NULL"),
                   "orders.sql:5:1: OrderPlaced has no member line: did you mean lines?");
    assert_refused(f, EACH(".address[].x[]", ":x, 1, NULL"),
                   "orders.sql:5:1: OrderPlaced has no address[]: address is an object");
}

TEST(fields_of_an_element_are_checked)
{
    struct fixture *f = *state;
    register_schema(f, "OrderPlaced", placed);
    assert_refused(f, EACH(".lines[]", ":skv, 1, NULL"),
                   "orders.sql:6:27: OrderPlaced has no member lines[].skv: did you mean sku?");
    assert_refused(f, EACH(".address", ":cyti, 1, NULL"),
                   "orders.sql:6:27: OrderPlaced has no member address.cyti: did you mean city?");
    assert_good(f, EACH(".either", ":sku, :qty, NULL"));
    assert_refused(f, EACH(".either", ":skv, :qty, NULL"),
                   "orders.sql:6:27: OrderPlaced has no member either[].skv: did you mean sku?");
    assert_refused(f, EACH(".lines[]", "1, :sku, NULL"),
                   "orders.sql:6:30: :sku is a text in OrderPlaced, but column qty takes numbers: "
                   "it is declared INTEGER");
}

#define KEY(key)                                                                                   \
    "--@ projection orders version 3\n--@ from all\n--@ key " key "\n--@ tables\n"                 \
    "CREATE TABLE {{t}} (id TEXT PRIMARY KEY);\n--@ on OrderPlaced\n"                              \
    "INSERT INTO {{t}} VALUES (:orderId);\n"

TEST(a_key_is_a_scalar_member_that_exists)
{
    struct fixture *f = *state;
    register_schema(f, "OrderPlaced", placed);
    assert_good(f, KEY(":customerId"));
    assert_good(f, KEY(":address.city"));
    assert_good(f, KEY(":qty"));
    assert_good(f, KEY(":stream"));
    assert_refused(f, KEY(":custmerId"),
                   "orders.sql:3:9: OrderPlaced has no member custmerId: did you mean "
                   "customerId?");
    assert_refused(f, KEY(":lines"),
                   "orders.sql:3:9: a key is a text or a number, but :lines of OrderPlaced is an "
                   "array");
}

/* ---- columns --------------------------------------------------------------------------------- */

TEST(texts_are_not_for_columns_of_numbers)
{
    struct fixture *f = *state;
    register_schema(f, "OrderPlaced", placed);
    assert_refused(f, ON(":orderId, :customerId, NULL"),
                   "orders.sql:6:37: :customerId is a text in OrderPlaced, but column qty takes "
                   "numbers: it is declared INTEGER");
    assert_refused(f, ON(":orderId, 1, :maybe"),
                   "orders.sql:6:40: :maybe is a text or null in OrderPlaced, but column note "
                   "takes numbers: it is declared STRING");
    assert_refused(f, ON(":orderId, :lines, NULL"),
                   "orders.sql:6:37: :lines is an array in OrderPlaced, but column qty takes "
                   "numbers: it is declared INTEGER");
    assert_good(f, ON(":orderId, length(:customerId), NULL"));
    assert_good(f, ON(":orderId, :mixed, :any"));
}

TEST(reserved_parameters_have_types_without_a_schema)
{
    struct fixture *f = *state;
    assert_refused(f, ON(":orderId, :event_time, NULL"),
                   "orders.sql:6:37: :event_time is a text, but column qty takes numbers: it is "
                   "declared INTEGER");
    assert_refused(f, ON(":orderId, 1, :correlation_id"),
                   "orders.sql:6:40: :correlation_id is a text or null, but column note takes "
                   "numbers: it is declared STRING");
    assert_good(f, ON(":event_id, :event_position, :meta"));
}

/* ---- the other way --------------------------------------------------------------------------- */

TEST(a_schema_that_takes_a_field_away_breaks_the_definition)
{
    struct fixture *f = *state;
    static const char text[] = ON(":orderId, :qty, NULL");
    assert_breaks(f, text, "OrderPlaced", placed, NULL);
    assert_breaks(f, text, "OrderPlaced", "{}", NULL);
    assert_breaks(f, text, "OrderShipped", "false", NULL);
    assert_breaks(f, text, "OrderPlaced",
                  "{\"properties\":{\"orderId\":{},\"quantity\":{}},"
                  "\"additionalProperties\":false}",
                  "projection orders version 3 needs it: orders.sql:6:37: OrderPlaced has no "
                  "member qty: its schema allows no value there");
    assert_breaks(f, text, "OrderPlaced",
                  "{\"properties\":{\"orderId\":{},\"qty\":{\"type\":\"string\"}}}",
                  "projection orders version 3 needs it: orders.sql:6:37: :qty is a text in "
                  "OrderPlaced, but column qty takes numbers: it is declared INTEGER");
}

TEST(long_paths_are_not_followed)
{
    struct fixture *f = *state;
    char text[4096];
    char steps[200] = "";
    for (int i = 0; i < 30; i++) {
        (void)snprintf(steps + strlen(steps), sizeof steps - strlen(steps), ".any");
    }
    (void)snprintf(text, sizeof text,
                   HEAD "--@ on OrderPlaced each %s\nINSERT INTO {{t}} (id) VALUES (:a.b.c.d);\n",
                   steps);
    register_schema(f, "OrderPlaced", placed);
    assert_good(f, text);
}

/* A schema in which each question takes long, and a definition with many questions. */
TEST(a_comparison_that_takes_too_long_is_too_big)
{
    struct fixture *f = *state;
    size_t room = 1 << 20;
    char *schema = fct_mem_alloc(fct_mem_heap(), room);
    char *text = fct_mem_alloc(fct_mem_heap(), room);
    assert_non_null(schema);
    assert_non_null(text);
    size_t used = (size_t)snprintf(schema, room, "{\"properties\":{");
    for (int i = 0; i < 9000; i++) {
        used += (size_t)snprintf(schema + used, room - used, "\"m%d\":{},", i);
    }
    (void)snprintf(schema + used, room - used, "\"x\":{}}}");
    used = (size_t)snprintf(text, room, HEAD);
    for (int i = 0; i < 12; i++) {
        used += (size_t)snprintf(text + used, room - used,
                                 "--@ on OrderPlaced\nDELETE FROM {{t}} WHERE id IN (:m0");
        for (int j = 1; j < 200; j++) {
            used += (size_t)snprintf(text + used, room - used, ", :m%d", j);
        }
        used += (size_t)snprintf(text + used, room - used, ");\n");
    }
    register_schema(f, "OrderPlaced", schema);
    struct fct_definition *definition = parsed(f, text);
    assert_status(fct_fields_check(definition, f->schemas, &f->err), FACTUM_TOO_BIG);
    assert_text(f->err, "its fields and the schemas are too much to compare");
    fct_projection_definition_free(definition);
    fct_mem_free(fct_mem_heap(), schema);
    fct_mem_free(fct_mem_heap(), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(fields_that_the_schema_has_are_good),
        FIXTURE_CASE(without_a_schema_every_field_is_good),
        FIXTURE_CASE(a_member_that_is_not_listed_is_refused),
        FIXTURE_CASE(the_schema_of_the_category_comes_first),
        FIXTURE_CASE(the_newest_version_counts),
        FIXTURE_CASE(each_type_of_a_section_is_checked),
        FIXTURE_CASE(each_leads_to_an_array_or_an_object),
        FIXTURE_CASE(fields_of_an_element_are_checked),
        FIXTURE_CASE(a_key_is_a_scalar_member_that_exists),
        FIXTURE_CASE(texts_are_not_for_columns_of_numbers),
        FIXTURE_CASE(reserved_parameters_have_types_without_a_schema),
        FIXTURE_CASE(a_schema_that_takes_a_field_away_breaks_the_definition),
        FIXTURE_CASE(long_paths_are_not_followed),
        FIXTURE_CASE(a_comparison_that_takes_too_long_is_too_big),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
