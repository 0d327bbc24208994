/* tape.c - how generated events are read. Layer: decider. Must not know deciders. */
#include <factum/decider.h>

#include "core/arena.h"
#include "core/error.h"

factum_status factum_generated_tape(factum_slice data, factum_arena *arena, factum_json_node *few,
                                    size_t few_count, factum_json *json, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = factum_json_parse(data, NULL, few, few_count, json, err);
    if (status != FACTUM_TOO_BIG) {
        return status;
    }
    size_t count = factum_json_nodes_max(data.len);
    factum_json_node *nodes = factum_arena_alloc(arena, count * sizeof *nodes);
    return nodes == NULL ? fct_arena_status(arena, "the event", err)
                         : factum_json_parse(data, NULL, nodes, count, json, err);
}
