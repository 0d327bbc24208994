/* bind_test.c - which rows and values an event gives, and which events are in trouble. Layer:
 * projection. */
#include "projection/bind.h"

#include <inttypes.h>
#include <limits.h>

#include "core/arena.h"
#include "core/random.h"
#include "core/slice.h"
#include "projection/bind_text.h"
#include "support/mem_fault.h"
#include "support/test.h"

#define HANDLERS_MAX 4
#define PARAMETERS_MAX 16

struct fixture {
    struct fct_definition definition;
    struct fct_handler handlers[HANDLERS_MAX];
    struct fct_parameter parameters[HANDLERS_MAX][PARAMETERS_MAX];
    factum_slice types[HANDLERS_MAX];
    struct fct_path paths[HANDLERS_MAX * (PARAMETERS_MAX + 1) + 1];
    size_t path_count;
    struct fct_binder *binder;
    factum_arena arena;
    factum_event event;
    struct fct_bound_event bound;
    char rows[1 << 16];
    factum_error err;
};

static int set_up(void **state)
{
    struct fixture *f = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *f);
    if (f == NULL) {
        return 1;
    }
    f->definition = (struct fct_definition){
        .name = FCT_SLICE("orders"),
        .key = {.name = FCT_SLICE("stream"), .kind = FCT_PARAMETER_STREAM},
        .handlers = f->handlers,
    };
    f->event = (factum_event){.stream = FCT_SLICE("order-1"),
                              .type = FCT_SLICE("OrderPlaced"),
                              .content_type = FCT_SLICE("application/json"),
                              .revision = 3,
                              .position = 900,
                              .created = 5,
                              .time = INT64_C(1772323200123456789)};
    factum_arena_init(&f->arena, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_binder_free(f->binder);
    factum_arena_finish(&f->arena);
    fct_mem_free(fct_mem_heap(), f);
    return 0;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static char *text_copy(const char *text)
{
    char *copy = fct_mem_alloc(fct_mem_heap(), strlen(text) + 1);
    assert_non_null(copy);
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

static const struct fct_path *path_of(struct fixture *f, const char *text)
{
    struct fct_path *path = &f->paths[f->path_count++];
    assert_ok(fct_path_compile(factum_slice_from(text), path, &f->err), f->err);
    return path;
}

static bool reserved(const char *name, enum fct_parameter_kind *kind)
{
    static const char *const names[] = {
#define NAME_OF(kind_name, text) text,
        FCT_PARAMETER_LIST(NAME_OF)
#undef NAME_OF
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            *kind = (enum fct_parameter_kind)i;
            return true;
        }
    }
    return false;
}

static struct fct_parameter parameter_of(struct fixture *f, const char *name, bool each)
{
    struct fct_parameter parameter = {.name = factum_slice_from(name)};
    char text[128];
    if (reserved(name, &parameter.kind)) {
        return parameter;
    }
    parameter.kind = each ? FCT_PARAMETER_ITEM : FCT_PARAMETER_DATA;
    if (strncmp(name, "data.", 5) == 0 || strncmp(name, "meta.", 5) == 0) {
        parameter.kind = name[0] == 'd' ? FCT_PARAMETER_DATA : FCT_PARAMETER_META;
        name += 5;
    }
    (void)snprintf(text, sizeof text, ".%s", name);
    parameter.path = path_of(f, text);
    return parameter;
}

/* A section "on |type| each |each|" with the parameters |names|, with blanks between them. */
static void on(struct fixture *f, const char *type, const char *each, const char *names)
{
    size_t number = f->definition.handler_count++;
    struct fct_handler *handler = &f->handlers[number];
    char *list = text_copy(names);
    char *rest = NULL;
    f->types[number] = factum_slice_from(type);
    *handler = (struct fct_handler){.types = &f->types[number],
                                    .type_count = 1,
                                    .each = each == NULL ? NULL : path_of(f, each),
                                    .parameters = f->parameters[number]};
    for (char *name = strtok_r(list, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        struct fct_parameter parameter = parameter_of(f, name, each != NULL);
        parameter.name.ptr = (const uint8_t *)names + (name - list);
        f->parameters[number][handler->parameter_count++] = parameter;
    }
    fct_mem_free(fct_mem_heap(), list);
}

static void key(struct fixture *f, const char *name)
{
    f->definition.key = parameter_of(f, name, false);
}

static size_t print_value(char *to, size_t size, const factum_value *value)
{
    switch (value->kind) {
    case FACTUM_VALUE_NULL:
        return (size_t)snprintf(to, size, "NULL");
    case FACTUM_VALUE_INTEGER:
        return (size_t)snprintf(to, size, "%" PRId64, value->integer);
    case FACTUM_VALUE_REAL:
        return (size_t)snprintf(to, size, "r%.17g", value->real);
    case FACTUM_VALUE_TEXT:
        assert_non_null(value->bytes.ptr);
        return (size_t)snprintf(to, size, "'%.*s'", (int)value->bytes.len,
                                (const char *)value->bytes.ptr);
    case FACTUM_VALUE_BYTES:
        break;
    }
    fail();
    return 0;
}

/* Binds the event and frees it, then prints its rows: "a b; c d", handlers separated by "|". */
static const char *bind(struct fixture *f, const char *data, const char *metadata)
{
    size_t used = 0;
    char *lent_data = text_copy(data);
    char *lent_metadata = text_copy(metadata);
    f->event.data = factum_slice_from(lent_data);
    f->event.metadata = factum_slice_from(lent_metadata);
    if (f->binder == NULL) {
        assert_ok(fct_binder_create(&f->definition, &f->binder, &f->err), f->err);
    }
    assert_ok(fct_bind(f->binder, &f->event, &f->arena, &f->bound, &f->err), f->err);
    memset(lent_data, '#', strlen(data));
    memset(lent_metadata, '#', strlen(metadata));
    fct_mem_free(fct_mem_heap(), lent_data);
    fct_mem_free(fct_mem_heap(), lent_metadata);
    f->rows[0] = '\0';
    for (size_t i = 0; i < f->bound.bound_count; i++) {
        const struct fct_bound *bound = &f->bound.bound[i];
        size_t width = bound->handler->parameter_count;
        used += (size_t)snprintf(f->rows + used, sizeof f->rows - used, "%s", i > 0 ? "|" : "");
        for (size_t j = 0; j < bound->row_count * width && used < sizeof f->rows; j++) {
            const char *gap = j == 0 ? "" : j % width == 0 ? "; " : " ";
            used += (size_t)snprintf(f->rows + used, sizeof f->rows - used, "%s", gap);
            used += print_value(f->rows + used, sizeof f->rows - used, &bound->values[j]);
        }
    }
    assert_true(used < sizeof f->rows);
    return f->rows;
}

static void assert_rows(struct fixture *f, const char *data, const char *wanted)
{
    const char *rows = bind(f, data, "");
    if (f->bound.trouble != NULL) {
        print_error("%s: %s\n", data, f->bound.trouble);
        fail();
    }
    assert_string_equal(rows, wanted);
}

static void assert_trouble(struct fixture *f, const char *data, const char *metadata,
                           const char *wanted)
{
    const char *rows = bind(f, data, metadata);
    if (f->bound.trouble == NULL) {
        print_error("%s: no trouble, but %s\n", data, rows);
        fail();
    }
    assert_string_equal(f->bound.trouble, wanted);
    assert_int_equal(f->bound.bound_count, 0);
    assert_null(f->bound.bound);
}

static void assert_key(struct fixture *f, const char *data, const char *wanted)
{
    (void)bind(f, data, "{\"m\":\"meta\"}");
    assert_null(f->bound.trouble);
    assert_true(fct_slice_equal(f->bound.key, factum_slice_from(wanted)));
}

/* ---- values ---------------------------------------------------------------------------------- */

TEST(values_of_each_kind)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "a");
    assert_rows(f, "{}", "NULL");
    assert_rows(f, "{\"a\":null}", "NULL");
    assert_rows(f, "{\"a\":false}", "0");
    assert_rows(f, "{\"a\":true}", "1");
    assert_rows(f, "{\"a\":\"x\"}", "'x'");
    assert_rows(f, "{\"a\":\"\"}", "''");
    assert_rows(f, "{\"a\":\"\\u00e9\\n\\ud83d\\ude00\"}", "'\xc3\xa9\n\xf0\x9f\x98\x80'");
    assert_rows(f, "{\"a\":[1, {\"b\":\"\\u0061\"}]}", "'[1, {\"b\":\"\\u0061\"}]'");
    assert_rows(f, "{\"a\":{}}", "'{}'");
    assert_rows(f, "{\"\\u0061\":1}", "1");
    assert_rows(f, "{\"a\":1,\"a\":2}", "2");
    assert_rows(f, "[1]", "NULL");
    assert_rows(f, "7", "NULL");
}

TEST(numbers_are_exact)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "a");
    assert_rows(f, "{\"a\":0}", "0");
    assert_rows(f, "{\"a\":-0}", "0");
    assert_rows(f, "{\"a\":999999999999999999}", "999999999999999999");
    assert_rows(f, "{\"a\":9223372036854775807}", "9223372036854775807");
    assert_rows(f, "{\"a\":-9223372036854775808}", "-9223372036854775808");
    assert_rows(f, "{\"a\":1.0}", "r1");
    assert_rows(f, "{\"a\":1e3}", "r1000");
    assert_rows(f, "{\"a\":0.1}", "r0.10000000000000001");
    assert_rows(f, "{\"a\":-12.75}", "r-12.75");
    assert_rows(f, "{\"a\":-0.0}", "r-0");
    assert_rows(f, "{\"a\":1e-400}", "r0");
    assert_rows(f, "{\"a\":1.7976931348623157e308}", "r1.7976931348623157e+308");
}

/* Numbers of many lengths: the short ways give what the long ones give. */
TEST(short_ways_to_numbers_give_the_same)
{
    struct fct_random random = {.state = 7};
    for (int i = 0; i < 20000; i++) {
        char text[64];
        uint64_t digits = fct_random_next(&random) >> (fct_random_next(&random) % 64);
        int decimals = (int)(fct_random_next(&random) % 12);
        const char *minus = fct_random_next(&random) % 2 == 0 ? "-" : "";
        int64_t whole = 0;
        int64_t whole_wanted = 0;
        double real = 0;
        double real_wanted = 0;
        int len = snprintf(text, sizeof text, "%s%" PRIu64, minus, digits);
        factum_slice raw = fct_slice(text, (size_t)len);
        factum_json_node node;
        factum_json json;
        assert_int_equal(factum_json_parse(raw, NULL, &node, 1, &json, NULL), FACTUM_OK);
        factum_status status = factum_json_to_int64(&json, 0, &whole_wanted);
        assert_int_equal(fct_bind_int64(raw, &whole), status == FACTUM_OK);
        assert_true(status != FACTUM_OK || whole == whole_wanted);
        len = snprintf(text, sizeof text, "%s%" PRIu64 ".%0*" PRIu64, minus, digits % 100000,
                       decimals + 1, digits >> 40);
        raw = fct_slice(text, (size_t)len);
        assert_int_equal(factum_json_parse(raw, NULL, &node, 1, &json, NULL), FACTUM_OK);
        assert_int_equal(factum_json_to_double(&json, 0, &real_wanted), FACTUM_OK);
        assert_true(fct_bind_double(raw, &real));
        assert_memory_equal(&real, &real_wanted, sizeof real);
    }
}

TEST(what_64_bits_do_not_hold_is_trouble_with_its_place)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", ".lines", "qty");
    assert_trouble(f, "{\"lines\":[{\"qty\":1e400}]}", "",
                   "/lines/0/qty: 1e400 is over the largest number of 64 bits");
    assert_trouble(f, "{\"lines\":[{},{\"qty\":9223372036854775808}]}", "",
                   "/lines/1/qty: 9223372036854775808 does not fit an integer of 64 bits");
    assert_trouble(f, "{\"lines\":{\"qty\":-9223372036854775809}}", "",
                   "/lines/qty: -9223372036854775809 does not fit an integer of 64 bits");
}

TEST(lone_surrogates_are_trouble)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "a.b meta.m");
    assert_trouble(f, "{\"a\":{\"b\":\"x\\ud800\"}}", "",
                   "/a/b: a text with a lone surrogate (\\ud800 to \\udfff), which is no "
                   "character");
    assert_trouble(f, "{}", "{\"m\":\"\\udc00\"}",
                   "metadata /m: a text with a lone surrogate (\\ud800 to \\udfff), which is no "
                   "character");
    assert_rows(f, "{\"a\":{\"c\":\"\\ud800\"}}", "NULL NULL");
}

TEST(data_and_metadata_as_a_whole)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "data meta meta.user.id");
    assert_string_equal(bind(f, " {\"a\": 1} ", "{\"user\":{\"id\":7}}"),
                        "'{\"a\": 1}' '{\"user\":{\"id\":7}}' 7");
    assert_string_equal(bind(f, "\"x\"", ""), "'x' NULL NULL");
    assert_string_equal(bind(f, "12", "{}"), "12 '{}' NULL");
    assert_string_equal(bind(f, "null", "{}"), "NULL '{}' NULL");
}

TEST(reserved_parameters)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL,
       "event_type event_revision event_position stream event_time event_date");
    on(f, "OrderPlaced", NULL, "event_id correlation_id causation_id item item_index");
    f->event.id.bytes[0] = 0xab;
    assert_string_equal(bind(f, "", "{\"$correlationId\":\"c\\u0031\",\"$causationId\":\"e\"}"),
                        "'OrderPlaced' 3 900 'order-1' '2026-03-01T00:00:00.123456789Z' "
                        "'2026-03-01'|'ab000000-0000-0000-0000-000000000000' 'c1' 'e' NULL NULL");
}

TEST(the_data_of_long_events_is_copied_too)
{
    struct fixture *f = *state;
    char data[10000];
    on(f, "OrderPlaced", NULL, "a b c");
    int len = snprintf(data, sizeof data,
                       "{\"a\":\"x\",\"b\":\"y\\n\",\"c\":[1],\"pad\":\"%9000s\"}", "");
    assert_true(len < (int)sizeof data);
    assert_rows(f, data, "'x' 'y\n' '[1]'");
    assert_int_equal(f->bound.size, len);
}

/* ---- what is not JSON ------------------------------------------------------------------------ */

TEST(data_is_read_only_if_it_is_needed)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "stream event_revision");
    on(f, "OrderSeen", NULL, "stream a");
    f->event.content_type = FCT_SLICE("image/png");
    assert_rows(f, "\x89PNG", "'order-1' 3");
    f->event.type = FCT_SLICE("OrderSeen");
    assert_trouble(f, "\x89PNG", "", "the data is image/png, not JSON");
    assert_trouble(f, "{}", "", "the data is image/png, not JSON");
    f->event.content_type = FCT_SLICE("application/vnd.x+json; charset=utf-8");
    assert_rows(f, "{\"a\":1}", "'order-1' 1");
    f->event.content_type = FCT_SLICE("");
    assert_rows(f, "{\"a\":1}", "'order-1' 1");
    assert_trouble(f, "", "",
                   "the data is not valid JSON: the text ends where a value should be "
                   "at byte 0");
    assert_trouble(f, "{\"a\":", "",
                   "the data is not valid JSON: the text ends where a value "
                   "should be at byte 5");
}

TEST(metadata_is_read_only_if_it_is_needed)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "a");
    on(f, "OrderSeen", NULL, "correlation_id");
    assert_string_equal(bind(f, "{}", "no JSON"), "NULL");
    f->event.type = FCT_SLICE("OrderSeen");
    assert_trouble(f, "{}", "no",
                   "the metadata is not valid JSON: unexpected word no where a "
                   "value should be at byte 0");
    assert_string_equal(bind(f, "{}", "{\"$correlationId\":7}"), "NULL");
    assert_string_equal(bind(f, "{}", "{\"$correlationId\":\"\"}"), "NULL");
    assert_string_equal(bind(f, "{}", "[]"), "NULL");
    assert_string_equal(bind(f, "", "{\"$correlationId\":\"c\"}"), "'c'");
}

TEST(an_event_without_a_handler_has_no_rows_and_no_trouble)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "a");
    key(f, "customer");
    f->event.type = FCT_SLICE("Other");
    f->event.content_type = FCT_SLICE("image/png");
    assert_rows(f, "?", "");
    assert_int_equal(f->bound.bound_count, 0);
    assert_true(fct_slice_equal(f->bound.key, FCT_SLICE("order-1")));
    assert_true(fct_slice_equal(f->bound.type, FCT_SLICE("Other")));
    assert_int_equal(f->bound.position, 900);
    assert_int_equal(f->bound.created, 5);
}

/* ---- rows ------------------------------------------------------------------------------------ */

TEST(each_gives_a_row_for_each_element)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", ".lines[]", "item_index sku data.id item");
    assert_rows(f, "{\"id\":\"o\",\"lines\":[{\"sku\":\"A\"},{\"sku\":\"B\"}]}",
                "0 'A' 'o' '{\"sku\":\"A\"}'; 1 'B' 'o' '{\"sku\":\"B\"}'");
    assert_rows(f, "{\"lines\":{\"sku\":\"A\"}}", "0 'A' NULL '{\"sku\":\"A\"}'");
    assert_rows(f, "{\"lines\":[1,null]}", "0 NULL NULL 1; 1 NULL NULL NULL");
    assert_rows(f, "{\"lines\":[]}", "");
    assert_int_equal(f->bound.bound_count, 1);
    assert_rows(f, "{\"lines\":null}", "");
    assert_rows(f, "{}", "");
    assert_rows(f, "[]", "");
    assert_trouble(f, "{\"lines\":7}", "",
                   "/lines: a section with \"each\" needs an array or an object here");
}

TEST(paths_with_brackets_fan_out)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", ".parcels[].lines[]", "item_index sku");
    on(f, "OrderPlaced", ".m[]", "item");
    on(f, "OrderPlaced", ".m[][]", "item");
    assert_rows(f,
                "{\"parcels\":[{\"lines\":[{\"sku\":\"A\"},{\"sku\":\"B\"}]},{},{\"lines\":null},"
                "{\"lines\":{\"sku\":\"C\"}}],\"m\":[[1,2],[],[3]]}",
                "0 'A'; 1 'B'; 2 'C'|'[1,2]'; '[]'; '[3]'|1; 2; 3");
}

TEST(the_whole_data_can_be_an_array_of_rows)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", ".", "a");
    assert_rows(f, "[{\"a\":1},{\"a\":2}]", "1; 2");
    assert_rows(f, "{\"a\":1}", "1");
    assert_rows(f, "null", "");
    assert_trouble(f, "\"x\"", "",
                   "the data: a section with \"each\" needs an array or an object here");
}

TEST(items_are_found_by_index_within_their_row)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", ".m", "tags");
    f->parameters[0][0].path = path_of(f, ".tags[1]");
    assert_rows(f, "{\"tags\":[8,9],\"m\":[{\"tags\":[1,2]},{\"tags\":[3]}]}", "2; NULL");
}

TEST(handlers_come_in_the_order_of_the_text)
{
    struct fixture *f = *state;
    static const factum_slice both[] = {{(const uint8_t *)"OrderSeen", 9},
                                        {(const uint8_t *)"OrderPlaced", 11},
                                        {(const uint8_t *)"OrderPlaced", 11}};
    on(f, "OrderPlaced", NULL, "a");
    on(f, "Other", NULL, "b");
    on(f, "OrderPlaced", NULL, "c");
    f->handlers[2].types = both;
    f->handlers[2].type_count = 3;
    on(f, "OrderPlaced", NULL, "");
    assert_rows(f, "{\"a\":1,\"b\":2,\"c\":3}", "1|3|");
    assert_int_equal(f->bound.bound[2].row_count, 1);
    f->event.type = FCT_SLICE("OrderSeen");
    assert_rows(f, "{\"a\":1,\"b\":2,\"c\":3}", "3");
    assert_ptr_equal(f->bound.bound[0].handler, &f->handlers[2]);
}

/* ---- keys ------------------------------------------------------------------------------------ */

TEST(keys_are_texts)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "stream");
    key(f, "customer.id");
    assert_key(f, "{\"customer\":{\"id\":\"c\\u0031\"}}", "c1");
    assert_key(f, "{\"customer\":{\"id\":\"\"}}", "");
    assert_key(f, "{\"customer\":{\"id\":42}}", "42");
    assert_key(f, "{\"customer\":{\"id\":42.0}}", "42");
    assert_key(f, "{\"customer\":{\"id\":-0}}", "0");
    assert_key(f, "{\"customer\":{\"id\":4.5}}", "4.5");
    assert_key(f, "{\"customer\":{\"id\":123456789012345678901}}", "123456789012345678901");
    assert_key(f, "{\"customer\":{\"id\":true}}", "true");
    assert_key(f, "{\"customer\":{\"id\":false}}", "false");
}

TEST(keys_from_elsewhere)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "stream");
    key(f, "meta.m");
    assert_key(f, "{}", "meta");
    fct_binder_free(f->binder);
    f->binder = NULL;
    key(f, "event_revision");
    assert_key(f, "{}", "3");
    fct_binder_free(f->binder);
    f->binder = NULL;
    key(f, "stream");
    assert_key(f, "no JSON", "order-1");
    fct_binder_free(f->binder);
    f->binder = NULL;
    key(f, "correlation_id");
    assert_trouble(f, "{}", "", "the key :correlation_id is missing");
}

TEST(an_event_without_its_key_is_trouble_of_its_stream)
{
    struct fixture *f = *state;
    static const struct {
        const char *data, *wanted;
    } cases[] = {
        {"{}", "the key :customer is missing"},
        {"{\"customer\":null}", "the key :customer is null"},
        {"{\"customer\":[1]}",
         "the key :customer is an array or an object: it must be a text or a number"},
        {"{\"customer\":\"\\ud800\"}",
         "/customer: a text with a lone surrogate (\\ud800 to \\udfff), which is no character"},
    };
    on(f, "OrderPlaced", NULL, "stream");
    key(f, "customer");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_trouble(f, cases[i].data, "", cases[i].wanted);
        assert_true(fct_slice_equal(f->bound.key, FCT_SLICE("order-1")));
    }
}

TEST(a_bad_value_keeps_the_key)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "a");
    key(f, "customer");
    assert_trouble(f, "{\"customer\":\"c\",\"a\":1e999}", "",
                   "/a: 1e999 is over the largest number of 64 bits");
    assert_true(fct_slice_equal(f->bound.key, FCT_SLICE("c")));
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* {"k":"PREFIX","a":[x,x, ... ]} with |count| elements. */
static char *array_of(size_t count, const char *element)
{
    size_t len = strlen(element);
    char *text = fct_mem_alloc(fct_mem_heap(), count * (len + 1) + 64);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, 64, "{\"a\":[");
    for (size_t i = 0; i < count; i++) {
        memcpy(text + used, element, len);
        text[used + len] = ',';
        used += len + 1;
    }
    used -= count > 0 ? 1 : 0;
    memcpy(text + used, "]}", 3);
    return text;
}

TEST(rows_have_a_limit)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", ".a", "item_index");
    char *most = array_of(FCT_BIND_ROWS_MAX, "1");
    char *more = array_of(FCT_BIND_ROWS_MAX + 1, "1");
    f->event.data = factum_slice_from(most);
    assert_ok(fct_binder_create(&f->definition, &f->binder, &f->err), f->err);
    assert_ok(fct_bind(f->binder, &f->event, &f->arena, &f->bound, &f->err), f->err);
    assert_null(f->bound.trouble);
    assert_int_equal(f->bound.bound[0].row_count, FCT_BIND_ROWS_MAX);
    assert_int_equal(f->bound.bound[0].values[FCT_BIND_ROWS_MAX - 1].integer,
                     FCT_BIND_ROWS_MAX - 1);
    assert_trouble(f, more, "", "it gives more than 100000 rows");
    fct_mem_free(fct_mem_heap(), most);
    fct_mem_free(fct_mem_heap(), more);
}

TEST(rows_are_counted_over_all_handlers)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", ".a", "item_index");
    on(f, "OrderPlaced", ".a", "item_index");
    char *half = array_of(FCT_BIND_ROWS_MAX / 2 + 1, "1");
    assert_trouble(f, half, "", "it gives more than 100000 rows");
    fct_mem_free(fct_mem_heap(), half);
}

TEST(values_have_a_limit)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", ".a", "a b c d e f g h i j k l");
    char *many = array_of(90000, "1");
    assert_trouble(f, many, "", "its rows have more than 1048576 values");
    fct_mem_free(fct_mem_heap(), many);
}

TEST(names_and_nesting_have_a_limit)
{
    struct fixture *f = *state;
    char deep[256];
    char *many = array_of(FCT_BIND_NODES_MAX, "1");
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    deep[130] = '\0';
    on(f, "OrderPlaced", NULL, "b");
    assert_trouble(f, many, "", "the data has more than 4194304 values and names");
    assert_trouble(f, deep, "", "the data is not valid JSON: nesting deeper than 64 at byte 64");
    assert_rows(f, "{\"b\":1}", "1");
    fct_mem_free(fct_mem_heap(), many);
}

TEST(long_keys_are_trouble)
{
    struct fixture *f = *state;
    char data[2048];
    on(f, "OrderPlaced", NULL, "stream");
    key(f, "k");
    (void)snprintf(data, sizeof data, "{\"k\":\"%*s\"}", FCT_BIND_KEY_SIZE_MAX, "x");
    (void)bind(f, data, "");
    assert_null(f->bound.trouble);
    assert_int_equal(f->bound.key.len, FCT_BIND_KEY_SIZE_MAX);
    (void)snprintf(data, sizeof data, "{\"k\":\"%*s\"}", FCT_BIND_KEY_SIZE_MAX + 1, "x");
    assert_trouble(f, data, "", "the key :k has 1025 bytes: at most 1024");
}

TEST(revisions_of_64_bits_are_trouble)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "event_revision");
    f->event.revision = FACTUM_REVISION_TOMBSTONE;
    assert_rows(f, "{}", "9223372036854775807");
    f->event.revision = UINT64_C(1) << 63;
    assert_trouble(f, "{}", "",
                   "its revision, 9223372036854775808, does not fit an integer of 64 bits");
}

/* ---- memory ---------------------------------------------------------------------------------- */

TEST(an_arena_that_is_full_is_too_big)
{
    struct fixture *f = *state;
    on(f, "OrderPlaced", NULL, "a");
    assert_ok(fct_binder_create(&f->definition, &f->binder, &f->err), f->err);
    f->event.data =
        FCT_SLICE("{\"a\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\n\"}");
    for (size_t size = 16; size < 1024; size += 16) {
        factum_arena arena;
        factum_arena_init(&arena, size);
        factum_status status = fct_bind(f->binder, &f->event, &arena, &f->bound, &f->err);
        assert_true(status == FACTUM_TOO_BIG || status == FACTUM_OK);
        assert_true(size > 64 || status == FACTUM_TOO_BIG);
        assert_true(size < 1000 || status == FACTUM_OK);
        factum_arena_finish(&arena);
    }
}

TEST(each_allocation_may_fail)
{
    struct fixture *f = *state;
    factum_status status = FACTUM_NO_MEMORY;
    on(f, "OrderPlaced", ".a", "b meta.m");
    char *data = array_of(200, "{\"b\":1}");
    f->event.data = factum_slice_from(data);
    f->event.metadata = FCT_SLICE("{\"m\":1}");
    for (unsigned long at = 0; status != FACTUM_OK; at++) {
        struct fct_mem_fault fault;
        struct fct_binder *binder;
        factum_arena arena;
        assert_true(at < 100);
        fct_mem_fault_init(&fault);
        fault.fail_at = at;
        fct_arena_init(&arena, &fault.mem, 0);
        status = fct_binder_create_in(&fault.mem, &f->definition, &binder, &f->err);
        if (status == FACTUM_OK) {
            status = fct_bind(binder, &f->event, &arena, &f->bound, &f->err);
        }
        assert_true(status == FACTUM_OK || status == FACTUM_NO_MEMORY);
        assert_int_equal(status == FACTUM_OK, fault.failed == 0);
        if (status == FACTUM_OK) {
            assert_null(f->bound.trouble);
            assert_int_equal(f->bound.bound[0].row_count, 200);
        }
        fct_binder_free(binder);
        factum_arena_finish(&arena);
        assert_int_equal(fault.held, 0);
    }
    fct_mem_free(fct_mem_heap(), data);
}

TEST(after_the_first_events_nothing_is_allocated)
{
    struct fixture *f = *state;
    struct fct_mem_fault fault;
    struct fct_binder *binder;
    factum_arena arena;
    on(f, "OrderPlaced", ".a", "b event_time");
    f->event.data = FCT_SLICE("{\"a\":[{\"b\":\"\\n\"},{\"b\":2}]}");
    fct_mem_fault_init(&fault);
    fct_arena_init(&arena, &fault.mem, 0);
    assert_ok(fct_binder_create_in(&fault.mem, &f->definition, &binder, &f->err), f->err);
    for (int i = 0; i < 100; i++) {
        unsigned long before = fault.calls;
        assert_ok(fct_bind(binder, &f->event, &arena, &f->bound, &f->err), f->err);
        assert_true(i < 2 || fault.calls == before);
        factum_arena_reset(&arena);
    }
    fct_binder_free(binder);
    factum_arena_finish(&arena);
}

/* ---- times ----------------------------------------------------------------------------------- */

TEST(times_are_printed_as_everywhere)
{
    static const int64_t edges[] = {0,         -1,        1,
                                    INT64_MIN, INT64_MAX, INT64_C(86400) * 1000000000,
                                    999999999, -86400000, INT64_C(-86400) * 1000000000};
    struct fct_bind_clock clock = {.known = false};
    struct fct_random random = {.state = 11};
    for (size_t i = 0; i < 20000; i++) {
        char text[FACTUM_TIME_TEXT_SIZE];
        char wanted[FACTUM_TIME_TEXT_SIZE];
        int64_t time = (int64_t)fct_random_next(&random);
        static const int64_t units[] = {1, 1000, 1000000, 1000000000};
        time -= time % units[i % 4];
        time = i < sizeof edges / sizeof edges[0] ? edges[i] : i % 3 == 0 ? time / 1000000 : time;
        factum_time_format(time, wanted);
        assert_int_equal(fct_bind_time(&clock, time, text), strlen(wanted));
        assert_string_equal(text, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(values_of_each_kind),
        FIXTURE_CASE(numbers_are_exact),
        FIXTURE_CASE(short_ways_to_numbers_give_the_same),
        FIXTURE_CASE(what_64_bits_do_not_hold_is_trouble_with_its_place),
        FIXTURE_CASE(lone_surrogates_are_trouble),
        FIXTURE_CASE(data_and_metadata_as_a_whole),
        FIXTURE_CASE(reserved_parameters),
        FIXTURE_CASE(the_data_of_long_events_is_copied_too),
        FIXTURE_CASE(data_is_read_only_if_it_is_needed),
        FIXTURE_CASE(metadata_is_read_only_if_it_is_needed),
        FIXTURE_CASE(an_event_without_a_handler_has_no_rows_and_no_trouble),
        FIXTURE_CASE(each_gives_a_row_for_each_element),
        FIXTURE_CASE(paths_with_brackets_fan_out),
        FIXTURE_CASE(the_whole_data_can_be_an_array_of_rows),
        FIXTURE_CASE(items_are_found_by_index_within_their_row),
        FIXTURE_CASE(handlers_come_in_the_order_of_the_text),
        FIXTURE_CASE(keys_are_texts),
        FIXTURE_CASE(keys_from_elsewhere),
        FIXTURE_CASE(an_event_without_its_key_is_trouble_of_its_stream),
        FIXTURE_CASE(a_bad_value_keeps_the_key),
        FIXTURE_CASE(rows_have_a_limit),
        FIXTURE_CASE(rows_are_counted_over_all_handlers),
        FIXTURE_CASE(values_have_a_limit),
        FIXTURE_CASE(names_and_nesting_have_a_limit),
        FIXTURE_CASE(long_keys_are_trouble),
        FIXTURE_CASE(revisions_of_64_bits_are_trouble),
        FIXTURE_CASE(an_arena_that_is_full_is_too_big),
        FIXTURE_CASE(each_allocation_may_fail),
        FIXTURE_CASE(after_the_first_events_nothing_is_allocated),
        FIXTURE_CASE(times_are_printed_as_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
