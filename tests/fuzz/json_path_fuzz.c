/* json_path_fuzz.c - any bytes as a path and, after the first line end, a document: the values
 * found lie within it, in order, and are the same each time. */
#include <stdlib.h>
#include <string.h>

#include "codec/json_path.h"
#include "core/check.h"
#include "core/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_all(const struct fct_path *path, const factum_json *json)
{
    struct fct_path_walk walk;
    uint32_t before = FACTUM_JSON_NONE;
    uint32_t first = fct_path_find(path, json, FACTUM_JSON_ROOT);
    size_t count = 0;
    fct_path_begin(&walk, path, json, FACTUM_JSON_ROOT);
    for (uint32_t at; (at = fct_path_next(&walk)) != FACTUM_JSON_NONE; before = at) {
        FCT_ASSERT(at < json->count);
        FCT_ASSERT(count > 0 || at == first);
        FCT_ASSERT(before == FACTUM_JSON_NONE || at > before);
        FCT_ASSERT(++count <= json->count);
        FCT_ASSERT(path->fans_out || count == 1);
    }
    FCT_ASSERT(fct_path_next(&walk) == FACTUM_JSON_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    size_t len = end == NULL ? size : (size_t)(end - data);
    struct fct_path path;
    factum_error err;
    factum_status status = fct_path_compile(fct_slice(data, len), &path, &err);
    if (status != FACTUM_OK) {
        FCT_ASSERT(status == FACTUM_INVALID || status == FACTUM_TOO_BIG);
        FCT_ASSERT(err.text[0] != '\0');
        return 0;
    }
    FCT_ASSERT(path.count <= FCT_PATH_STEPS_MAX);
    factum_slice text = end == NULL ? FCT_SLICE("{}") : fct_slice(end + 1, size - len - 1);
    size_t capacity = factum_json_nodes_max(text.len);
    factum_json_node *nodes = malloc(capacity * sizeof *nodes);
    factum_json json;
    FCT_ASSERT(nodes != NULL);
    if (factum_json_parse(text, NULL, nodes, capacity, &json, NULL) == FACTUM_OK) {
        walk_all(&path, &json);
    }
    free(nodes);
    return 0;
}
