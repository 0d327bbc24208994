/* openapi_test.c - docs/openapi.json against the route table and the server's answers: each
 * route is described, each description has a route with the same query parameters, and each
 * status that the server answers is described. */
#include "support/http_fixture.h"

#include "server/http_int.h"

#define DOCUMENT_SIZE_MAX ((size_t)1 << 20)

static const char *document_path;
static char document_text[DOCUMENT_SIZE_MAX];
static factum_json_node document_nodes[DOCUMENT_SIZE_MAX / 2 + 1];
static factum_json document;

static int read_document(void **state)
{
    factum_error err;
    FILE *file = fopen(document_path, "r");
    (void)state;
    assert_non_null(file);
    size_t len = fread(document_text, 1, sizeof document_text, file);
    (void)fclose(file);
    assert_true(len < sizeof document_text);
    assert_ok(factum_json_parse(fct_slice(document_text, len), NULL, document_nodes,
                                sizeof document_nodes / sizeof document_nodes[0], &document, &err),
              err);
    return 0;
}

static bool member_of(uint32_t object, const char *name, uint32_t *value)
{
    *value = factum_json_find(&document, object, factum_slice_from(name));
    return *value != FACTUM_JSON_NONE;
}

/* The text of a member. */
static bool text_is(uint32_t object, const char *name, const char *text)
{
    uint32_t value;
    return member_of(object, name, &value) &&
           factum_json_text_is(&document, value, factum_slice_from(text));
}

/* The value that "#/components/KIND/NAME" points to. */
static uint32_t referenced(factum_slice reference)
{
    static const char start[] = "#/components/";
    char path[128] = "";
    assert_true(reference.len < sizeof path);
    memcpy(path, reference.ptr, reference.len);
    assert_int_equal(strncmp(path, start, strlen(start)), 0);
    char *kind = path + strlen(start);
    char *name = strchr(kind, '/');
    assert_non_null(name);
    *name++ = '\0';
    uint32_t found;
    if (!member_of(FACTUM_JSON_ROOT, "components", &found) || !member_of(found, kind, &found) ||
        !member_of(found, name, &found)) {
        print_error("%s/%s does not exist\n", kind, name);
        fail();
    }
    return found;
}

/* The value that {"$ref": "..."} points to; |value| itself if it is no reference. */
static uint32_t resolve(uint32_t value)
{
    uint32_t reference;
    return member_of(value, "$ref", &reference)
               ? referenced(factum_json_inside(&document, reference))
               : value;
}

static const char *lower(const char *method)
{
    static char text[16];
    size_t i = 0;
    for (; method[i] != '\0' && i + 1 < sizeof text; i++) {
        text[i] = (char)(method[i] | 0x20);
    }
    text[i] = '\0';
    return text;
}

static bool operation_of(const struct fct_http_route *route, uint32_t *operation)
{
    uint32_t value;
    return member_of(FACTUM_JSON_ROOT, "paths", &value) && member_of(value, route->path, &value) &&
           member_of(value, lower(route->method), operation);
}

static bool describes_status(uint32_t operation, unsigned status)
{
    char name[16];
    uint32_t value;
    (void)snprintf(name, sizeof name, "%u", status);
    return member_of(operation, "responses", &value) && member_of(value, name, &value);
}

static bool query_has(const char *query, factum_slice name)
{
    char word[64];
    (void)snprintf(word, sizeof word, " %.*s ", (int)name.len, (const char *)name.ptr);
    return strstr(query, word) != NULL;
}

TEST(each_route_is_described)
{
    size_t count;
    const struct fct_http_route *routes = fct_http_routes(&count);
    for (size_t i = 0; i < count; i++) {
        uint32_t operation;
        uint32_t body;
        if (!operation_of(&routes[i], &operation)) {
            print_error("%s %s is not described\n", routes[i].method, routes[i].path);
            fail();
        }
        assert_int_equal(member_of(operation, "requestBody", &body), routes[i].body);
    }
}

TEST(each_description_has_a_route)
{
    size_t count;
    size_t described = 0;
    const struct fct_http_route *routes = fct_http_routes(&count);
    uint32_t paths;
    assert_true(member_of(FACTUM_JSON_ROOT, "paths", &paths));
    for (uint32_t at = factum_json_first(&document, paths); at != FACTUM_JSON_NONE;
         at = factum_json_next(&document, paths, at)) {
        factum_slice name = factum_json_inside(&document, at);
        uint32_t path = at + 1;
        for (uint32_t in = factum_json_first(&document, path); in != FACTUM_JSON_NONE;
             in = factum_json_next(&document, path, in)) {
            factum_slice method = factum_json_inside(&document, in);
            if (fct_slice_equal(method, FCT_SLICE("parameters"))) {
                continue;
            }
            bool found = false;
            for (size_t i = 0; i < count; i++) {
                found =
                    found || (fct_slice_equal(name, factum_slice_from(routes[i].path)) &&
                              fct_slice_equal(method, factum_slice_from(lower(routes[i].method))));
            }
            if (!found) {
                print_error("%.*s %.*s has no route\n", (int)method.len, (const char *)method.ptr,
                            (int)name.len, (const char *)name.ptr);
                fail();
            }
            described++;
        }
    }
    assert_int_equal(described, count);
}

TEST(query_parameters_and_their_descriptions_match)
{
    size_t count;
    const struct fct_http_route *routes = fct_http_routes(&count);
    for (size_t i = 0; i < count; i++) {
        uint32_t operation;
        uint32_t parameters = FACTUM_JSON_NONE;
        size_t described = 0;
        size_t known = 0;
        assert_true(operation_of(&routes[i], &operation));
        bool any = member_of(operation, "parameters", &parameters);
        for (uint32_t item = any ? factum_json_first(&document, parameters) : FACTUM_JSON_NONE;
             item != FACTUM_JSON_NONE; item = factum_json_next(&document, parameters, item)) {
            uint32_t parameter = resolve(item);
            uint32_t name;
            assert_true(member_of(parameter, "name", &name));
            if (!text_is(parameter, "in", "query")) {
                continue;
            }
            factum_slice plain = factum_json_inside(&document, name);
            if (!query_has(routes[i].query, plain)) {
                print_error("%s %s does not take %.*s\n", routes[i].method, routes[i].path,
                            (int)plain.len, (const char *)plain.ptr);
                fail();
            }
            described++;
        }
        for (const char *at = routes[i].query; (at = strchr(at, ' ')) != NULL && at[1] != '\0';) {
            at++;
            known++;
        }
        if (described != known) {
            print_error("%s %s takes %s\n", routes[i].method, routes[i].path, routes[i].query);
        }
        assert_int_equal(described, known);
    }
}

TEST(each_reference_has_a_target)
{
    static const char mark[] = "\"$ref\": \"";
    size_t count = 0;
    for (const char *at = document_text; (at = strstr(at, mark)) != NULL; at += 8) {
        const char *end = strchr(at + strlen(mark), '"');
        assert_non_null(end);
        (void)referenced(fct_slice(at + strlen(mark), (size_t)(end - at) - strlen(mark)));
        count++;
    }
    assert_true(count > 100);
}

/* A request that fits |route|: "s-1" in place of {name}, "x" in place of any other parameter. */
static void print_target(const struct fct_http_route *route, char target[256], const char *query)
{
    int len = snprintf(target, 256, "%s ", route->method);
    for (const char *at = route->path; *at != '\0'; at++) {
        if (*at == '{') {
            bool name = strncmp(at, "{name}", 6) == 0 || strncmp(at, "{subject}", 9) == 0;
            len += snprintf(target + len, 256 - (size_t)len, "%s", name ? "s-1" : "x");
            at = strchr(at, '}');
        } else {
            target[len++] = *at;
        }
        assert_true(len < 250);
    }
    (void)snprintf(target + len, 256 - (size_t)len, "%s", query);
}

TEST(what_is_answered_is_described)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *query, *fields, *body;
    } cases[] = {
        {"", "content-type: application/json\n", "{\"type\":\"T\"}"},
        {"", "content-type: application/json\n",
         "{\"events\":[{\"stream\":\"a\",\"type\":\"T\"}]}"},
        {"?nonsense", "", ""},
        {"", "host: evil.example\n", ""},
        {"", "content-type: text/plain\naccept: text/plain\n", "x"},
        {"", "content-type: application/json\nif-match: \"99\"\n", "{\"type\":\"T\"}"},
        {"", "content-type: application/json\ncontent-length: 99999999999\n", ""},
        {"?wait=f1-0123456789abcdef-0-4096", "", ""},
        {"", "content-type: application/json\n", "{}"},
    };
    size_t count;
    const struct fct_http_route *routes = fct_http_routes(&count);
    for (size_t i = 0; i < count; i++) {
        uint32_t operation;
        assert_true(operation_of(&routes[i], &operation));
        for (size_t k = 0; k < 2 * sizeof cases / sizeof cases[0]; k++) {
            char target[256];
            bool nobody = k >= sizeof cases / sizeof cases[0];
            size_t which = k % (sizeof cases / sizeof cases[0]);
            f->principal.right = nobody ? FCT_RIGHT_NONE : FCT_RIGHT_DEPLOY;
            print_target(&routes[i], target, cases[which].query);
            struct fake_exchange *fake = begin(f, target, cases[which].fields);
            fake_send(fake, cases[which].body, strlen(cases[which].body), 100);
            run_until(f, NULL);
            if (!describes_status(operation, fake->status)) {
                print_error("%s gives %u: %s\n", target, fake->status,
                            fake->body == NULL ? "" : fake->body);
                fail();
            }
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(each_route_is_described),
        CASE(each_description_has_a_route),
        CASE(query_parameters_and_their_descriptions_match),
        CASE(each_reference_has_a_target),
        HTTP_CASE(what_is_answered_is_described),
    };
    if (argc != 2) {
        return 2;
    }
    document_path = argv[1];
    return cmocka_run_group_tests(tests, read_document, NULL);
}
