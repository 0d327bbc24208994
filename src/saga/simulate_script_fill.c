/* simulate_script_fill.c - see simulate_script.h: generates data in which paths find values. Layer:
 * saga. */
#include <stdio.h>
#include <string.h>

#include <factum/json_write.h>

#include "core/error.h"
#include "core/slice.h"
#include "saga/simulate_script.h"

#define FILL_NODES_MAX 2048u
#define FILL_ITEMS_MAX 64u /* of an array: a path with a higher index finds nothing */
#define FILL_NONE UINT32_MAX

/* A tree of values: an object with members, an array with one kind of item, or a value. */
struct fill_node {
    factum_slice name;
    uint32_t first; /* the first child, or FILL_NONE: a value */
    uint32_t next;
    bool array;
    uint32_t items;
    bool is_id;
};

struct fill_tree {
    struct fill_node *nodes;
    uint32_t count;
};

static uint32_t fill_add(struct fill_tree *tree, uint32_t parent, factum_slice name)
{
    if (tree->count >= FILL_NODES_MAX) {
        return FILL_NONE;
    }
    tree->nodes[tree->count] =
        (struct fill_node){.name = name, .first = FILL_NONE, .next = tree->nodes[parent].first};
    tree->nodes[parent].first = tree->count;
    return tree->count++;
}

static uint32_t fill_child(struct fill_tree *tree, uint32_t parent, factum_slice name)
{
    for (uint32_t at = tree->nodes[parent].first; at != FILL_NONE; at = tree->nodes[at].next) {
        if (fct_slice_equal(tree->nodes[at].name, name)) {
            return at;
        }
    }
    return fill_add(tree, parent, name);
}

static bool fill_path(struct fill_tree *tree, const struct fct_path *path, bool is_id)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < path->count; i++) {
        const struct fct_path_step *step = &path->steps[i];
        factum_slice name = fct_slice(NULL, 0);
        if (step->kind == FCT_PATH_MEMBER) {
            name = fct_slice(path->names + step->start, step->len);
        } else {
            uint32_t items =
                step->kind == FCT_PATH_INDEX && step->index < FILL_ITEMS_MAX ? step->index + 1 : 2;
            tree->nodes[at].array = true;
            tree->nodes[at].items = items > tree->nodes[at].items ? items : tree->nodes[at].items;
        }
        at = fill_child(tree, at, name);
        if (at == FILL_NONE) {
            return false;
        }
    }
    tree->nodes[at].is_id = tree->nodes[at].is_id || is_id;
    return true;
}

/* The depth is at most FCT_PATH_STEPS_MAX, as that of a path. */
static void fill_write(const struct fill_tree *tree, uint32_t at, factum_slice id,
                       factum_json_writer *to)
{
    const struct fill_node *node = &tree->nodes[at];
    if (node->first == FILL_NONE) {
        char text[80];
        int len = snprintf(text, sizeof text, "some %.40s", node->name.len > 0 ? "value" : "item");
        factum_json_put_text(to, node->is_id ? id : fct_slice(text, (size_t)len));
        return;
    }
    if (node->array) {
        factum_json_put_array(to);
        for (uint32_t i = 0; i < node->items; i++) {
            fill_write(tree, node->first, id, to);
        }
        factum_json_put_end(to);
        return;
    }
    factum_json_put_object(to);
    for (uint32_t child = node->first; child != FILL_NONE; child = tree->nodes[child].next) {
        factum_json_put_name(to, (const char *)tree->nodes[child].name.ptr,
                             tree->nodes[child].name.len);
        fill_write(tree, child, id, to);
    }
    factum_json_put_end(to);
}

factum_status fct_script_fill(const struct fct_path *id, factum_slice text,
                              const struct fct_pick *pick, factum_arena *arena, factum_slice *data,
                              factum_error *err)
{
    factum_json_writer to;
    struct fill_tree tree = {factum_arena_alloc(arena, FILL_NODES_MAX * sizeof *tree.nodes), 1};
    if (tree.nodes == NULL) {
        return fct_fail(err, factum_arena_status(arena), "simulation: the data of an event");
    }
    tree.nodes[0] = (struct fill_node){.first = FILL_NONE, .next = FILL_NONE};
    bool good = id == NULL || fill_path(&tree, id, true);
    for (size_t i = 0; good && i < pick->count; i++) {
        good = pick->fields[i].path == NULL || fill_path(&tree, pick->fields[i].path, false);
    }
    if (!good) {
        return fct_fail(err, FACTUM_TOO_BIG, "simulation: the saga has too many paths");
    }
    if (tree.nodes[0].first == FILL_NONE) {
        *data = FCT_SLICE("{}");
        return FACTUM_OK;
    }
    factum_json_writer_in(&to, arena);
    fill_write(&tree, 0, text, &to);
    factum_status status = factum_json_writer_finish(&to, err);
    *data = fct_slice(to.buffer, to.used);
    return status;
}
