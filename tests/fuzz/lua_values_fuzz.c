/* lua_values_fuzz.c - any JSON through a script that returns its argument: the same value comes
 * back, to the last digit. */
#include <stdlib.h>

#include <factum/json.h>

#include "core/check.h"
#include "core/slice.h"
#include "script/sandbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same(factum_slice a, factum_slice b)
{
    size_t capacity_a = factum_json_nodes_max(a.len);
    size_t capacity_b = factum_json_nodes_max(b.len);
    factum_json_node *nodes_a = malloc(capacity_a * sizeof *nodes_a);
    factum_json_node *nodes_b = malloc(capacity_b * sizeof *nodes_b);
    factum_json json_a;
    factum_json json_b;
    bool equal = false;
    FCT_ASSERT(nodes_a != NULL && nodes_b != NULL);
    FCT_ASSERT(factum_json_parse(a, NULL, nodes_a, capacity_a, &json_a, NULL) == FACTUM_OK);
    FCT_ASSERT(factum_json_parse(b, NULL, nodes_b, capacity_b, &json_b, NULL) == FACTUM_OK);
    FCT_ASSERT(factum_json_equal(&json_a, FACTUM_JSON_ROOT, &json_b, FACTUM_JSON_ROOT, &equal) ==
               FACTUM_OK);
    free(nodes_a);
    free(nodes_b);
    return equal;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Kept between inputs: what one input leaves must not affect the next. */
    static struct fct_sandbox *same;
    factum_error err = {.status = FACTUM_OK};
    factum_slice json;
    factum_slice input = fct_slice(data, size);
    if (size > 4096) { /* comparing is quadratic for members in another order */
        return 0;
    }
    if (same == NULL) {
        struct fct_sandbox_options options = {
            .mem = fct_mem_heap(),
            .text = FCT_SLICE("function run(v) return v end"),
            .name = "f.lua",
        };
        FCT_ASSERT(fct_sandbox_open(&options, &same, &err) == FACTUM_OK);
    }
    if (fct_sandbox_call_json(same, "run", input, &json, &err) == FACTUM_OK) {
        FCT_ASSERT(is_same(input, json));
    } else {
        FCT_ASSERT(err.text[0] != '\0');
    }
    return 0;
}
