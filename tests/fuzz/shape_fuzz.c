/* shape_fuzz.c - any bytes as a schema and, after the first line end, a path, and, after the
 * next one, a document. The description of the path ends, is printable and is the same each
 * time. If the validator accepts the document, its value at the path is of a kind that
 * was described. */
#include <stdlib.h>
#include <string.h>

#include <factum/schema.h>

#include "core/check.h"
#include "core/slice.h"
#include "projection/shape.h"

#define STEPS_MAX UINT64_C(1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static factum_slice take_line(factum_slice *rest)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    factum_slice line = fct_slice(rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr));
    *rest = end == NULL ? fct_slice(NULL, 0) : fct_slice_from(*rest, line.len + 1);
    return line;
}

static factum_json_node *parse(factum_slice text, factum_json *json)
{
    const factum_json_options options = {.size = sizeof options, .depth_max = 256};
    size_t capacity = factum_json_nodes_max(text.len);
    factum_json_node *nodes = malloc(capacity * sizeof *nodes);
    FCT_ASSERT(nodes != NULL);
    if (factum_json_parse(text, &options, nodes, capacity, json, NULL) != FACTUM_OK) {
        free(nodes);
        return NULL;
    }
    return nodes;
}

static unsigned type_of(const factum_json *json, uint32_t node)
{
    static const unsigned types[] = {
        [FACTUM_JSON_NULL] = FCT_SHAPE_NULL,     [FACTUM_JSON_FALSE] = FCT_SHAPE_BOOLEAN,
        [FACTUM_JSON_TRUE] = FCT_SHAPE_BOOLEAN,  [FACTUM_JSON_NUMBER] = FCT_SHAPE_NUMBER,
        [FACTUM_JSON_TEXT] = FCT_SHAPE_TEXT,     [FACTUM_JSON_ARRAY] = FCT_SHAPE_ARRAY,
        [FACTUM_JSON_OBJECT] = FCT_SHAPE_OBJECT,
    };
    return factum_json_is_whole(json, node) ? FCT_SHAPE_INTEGER
                                            : types[factum_json_kind_of(json, node)];
}

static bool is_valid(factum_slice schema, const factum_json *document)
{
    const factum_schema_options options = {.size = sizeof options, .steps_max = 20000};
    factum_schema_result result = {.size = sizeof result};
    factum_schema *compiled = NULL;
    factum_schema_checker *checker = NULL;
    bool valid =
        factum_schema_compile(schema, &options, &compiled, NULL) == FACTUM_OK &&
        factum_schema_checker_create(&checker, NULL) == FACTUM_OK &&
        factum_schema_check_json(compiled, checker, document, 1, &result, NULL) == FACTUM_OK &&
        result.valid;
    factum_schema_checker_destroy(checker);
    factum_schema_destroy(compiled);
    return valid;
}

static void compare(factum_slice schema, const struct fct_shape *shape, const struct fct_path *path,
                    factum_slice text)
{
    factum_json document;
    factum_json_node *nodes = parse(text, &document);
    if (nodes != NULL && is_valid(schema, &document)) {
        struct fct_path_walk walk;
        bool any = false;
        fct_path_begin(&walk, path, &document, FACTUM_JSON_ROOT);
        for (uint32_t at; (at = fct_path_next(&walk)) != FACTUM_JSON_NONE;) {
            FCT_ASSERT((shape->types & type_of(&document, at)) != 0);
            any = true;
        }
        FCT_ASSERT(any || !shape->always);
    }
    free(nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    factum_slice rest = fct_slice(data, size);
    factum_slice schema = take_line(&rest);
    factum_slice path_text = take_line(&rest);
    struct fct_path path;
    factum_json json;
    factum_json_node *nodes = parse(schema, &json);
    if (nodes == NULL || fct_path_compile(path_text, &path, NULL) != FACTUM_OK) {
        free(nodes);
        return 0;
    }
    struct fct_shape_source source;
    fct_shape_open(&source, &json, STEPS_MAX);
    struct fct_shape shape = fct_shape_of(&source, &path);
    fct_shape_open(&source, &json, STEPS_MAX);
    struct fct_shape again = fct_shape_of(&source, &path);
    char text[128];
    fct_shape_print(shape.types, text, sizeof text);
    FCT_ASSERT(text[0] != '\0');
    FCT_ASSERT(shape.types <= FCT_SHAPE_ANY);
    FCT_ASSERT(shape.types == again.types && shape.always == again.always);
    FCT_ASSERT(shape.types != 0 || !shape.always);
    FCT_ASSERT(shape.nearest.len == 0 || shape.types == 0 || shape.unnamed);
    FCT_ASSERT(shape.nearest.len == 0 ||
               (shape.nearest.ptr > data && shape.nearest.ptr < data + schema.len));
    FCT_ASSERT(path.count == 0 ? shape.step == 0 : shape.step < path.count);
    compare(schema, &shape, &path, rest);
    free(nodes);
    return 0;
}
