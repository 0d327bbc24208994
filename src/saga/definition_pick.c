/* definition_pick.c - the mappings that pick data: with, undo_with, keep; and paths. Layer: saga.
 * See definition_int.h.
 *
 *     {orderId, amountCents: .totalCents, note: "text", n: 5, tags: ["a", "b"]}
 *
 * A bare field is the path with its name. A plain scalar that begins with '.' is a path. All others
 * are literals, which become JSON here: texts in quotes, numbers, true, false, null, and mappings
 * and lists of those. Any other plain word is refused, since its meaning is not clear.
 */
#include <string.h>

#include <factum/json_write.h>

#include "codec/json.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "saga/definition_int.h"

#define PICK_SHOWN 32u /* bytes of a word in a message */

/* ---- paths ----------------------------------------------------------------------------------- */

static factum_status pick_compile(const struct fct_loader *loader, struct fct_mark mark,
                                  factum_slice text, struct fct_path **path)
{
    factum_error why = {.text = ""};
    struct fct_path *made = factum_arena_alloc(loader->saga->arena, sizeof *made);
    if (made == NULL) {
        return fct_saga_load_no_room(loader);
    }
    factum_status status = fct_path_compile(text, made, &why);
    if (status != FACTUM_OK) {
        return fct_saga_load_fail(loader, status, mark, "path",
                                  "%s: write such as .orderId, .address.city or .lines[0].sku",
                                  why.text);
    }
    *path = made;
    return FACTUM_OK;
}

static bool pick_is_path(const struct fct_yaml *node)
{
    return node->kind == FCT_YAML_SCALAR && node->plain && node->text.len > 0 &&
           node->text.ptr[0] == '.';
}

factum_status fct_saga_load_path(const struct fct_loader *loader, const struct fct_yaml *node,
                                 struct fct_path **path)
{
    if (node->kind != FCT_YAML_SCALAR || node->text.len == 0 || node->text.ptr[0] != '.') {
        return fct_saga_load_fail(
            loader, FACTUM_INVALID, node->mark, "path",
            "this is not a path: write such as .orderId, with a dot before it");
    }
    return pick_compile(loader, node->mark, node->text, path);
}

/* ---- literals -------------------------------------------------------------------------------- */

/* A plain scalar that is a number, true, false or null in the form of JSON. */
static bool pick_is_json(const struct fct_yaml *node)
{
    struct fct_json value;
    return fct_json_parse(node->text, &value, NULL) == FACTUM_OK &&
           value.raw.len == node->text.len &&
           (value.kind == FACTUM_JSON_NUMBER || value.kind == FACTUM_JSON_TRUE ||
            value.kind == FACTUM_JSON_FALSE || value.kind == FACTUM_JSON_NULL);
}

static factum_status pick_put_scalar(const struct fct_loader *loader, const struct fct_yaml *node,
                                     factum_json_writer *to)
{
    if (!node->plain) {
        factum_json_put_text(to, node->text);
        return FACTUM_OK;
    }
    if (pick_is_json(node)) {
        factum_json_put_raw(to, node->text);
        return FACTUM_OK;
    }
    if (node->text.len == 0) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, node->mark, "literal",
                                  "a value is missing inside a literal: write null, or \"\" for an "
                                  "empty text");
    }
    if (pick_is_path(node)) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, node->mark, "literal",
                                  "the path %.*s is inside a literal: paths are values of the "
                                  "fields themselves; put a text in quotes",
                                  FCT_FMT(node->text));
    }
    factum_slice word =
        fct_slice(node->text.ptr, node->text.len < PICK_SHOWN ? node->text.len : PICK_SHOWN);
    return fct_saga_load_fail(
        loader, FACTUM_INVALID, node->mark, "literal",
        "the word %.*s is neither a number, true, false nor null: write \"%.*s\" "
        "for a text, or .%.*s for a path",
        FCT_FMT(word), FCT_FMT(word), FCT_FMT(word));
}

/* A container whose members are being printed. */
struct pick_level {
    const struct fct_yaml *node;
    const struct fct_yaml *next; /* its next item or key */
};

/* The next value of the innermost container that has one; NULL: all are printed. */
static const struct fct_yaml *pick_next(struct pick_level *levels, size_t *depth,
                                        factum_json_writer *to)
{
    while (*depth > 0) {
        struct pick_level *level = &levels[*depth - 1];
        const struct fct_yaml *next = level->next;
        if (next == NULL) {
            factum_json_put_end(to);
            (*depth)--;
            continue;
        }
        level->next = next->next;
        if (level->node->kind == FCT_YAML_MAP) {
            factum_json_put_name(to, (const char *)next->text.ptr, next->text.len);
            return next->value;
        }
        return next;
    }
    return NULL;
}

/* Prints |node| with everything inside, without recursion. */
static factum_status pick_put_literal(const struct fct_loader *loader, const struct fct_yaml *node,
                                      factum_json_writer *to)
{
    struct pick_level levels[FCT_YAML_DEPTH_MAX];
    size_t depth = 0;
    factum_status status = FACTUM_OK;
    while (node != NULL && status == FACTUM_OK) {
        if (node->kind == FCT_YAML_SCALAR) {
            status = pick_put_scalar(loader, node, to);
        } else {
            FCT_ASSERT(depth < FCT_YAML_DEPTH_MAX);
            levels[depth++] = (struct pick_level){.node = node, .next = node->first};
            if (node->kind == FCT_YAML_MAP) {
                factum_json_put_object(to);
            } else {
                factum_json_put_array(to);
            }
        }
        node = pick_next(levels, &depth, to);
    }
    return status;
}

static factum_status pick_read_literal(const struct fct_loader *loader, const struct fct_yaml *node,
                                       struct fct_pick_field *field)
{
    factum_json_writer to;
    factum_error why = {.text = ""};
    factum_json_writer_in(&to, loader->saga->arena);
    factum_status status = pick_put_literal(loader, node, &to);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_json_writer_finish(&to, &why);
    if (factum_arena_status(loader->saga->arena) != FACTUM_OK) {
        return fct_saga_load_no_room(loader);
    }
    if (status != FACTUM_OK) {
        return fct_saga_load_fail(loader, status, node->mark, "literal", "%s", why.text);
    }
    field->text = fct_slice(to.buffer, to.used);
    return FACTUM_OK;
}

/* ---- picks ----------------------------------------------------------------------------------- */

/* |key| alone is the path with its name. */
static factum_status pick_read_bare(const struct fct_loader *loader, const struct fct_yaml *key,
                                    struct fct_pick_field *field)
{
    uint8_t *text = factum_arena_alloc(loader->saga->arena, key->text.len + 1);
    if (text == NULL) {
        return fct_saga_load_no_room(loader);
    }
    text[0] = '.';
    memcpy(text + 1, key->text.ptr, key->text.len);
    field->text = fct_slice(text, key->text.len + 1);
    return pick_compile(loader, key->mark, field->text, &field->path);
}

static factum_status pick_read_field(const struct fct_loader *loader, const struct fct_yaml *key,
                                     struct fct_pick_field *field)
{
    const struct fct_yaml *value = key->value;
    field->name = key->text;
    field->mark = key->mark;
    if (key->text.len == 0 || key->text.len > FACTUM_NAME_SIZE_MAX) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, key->mark, "name",
                                  "a field has a name of 1 to %d bytes", FACTUM_NAME_SIZE_MAX);
    }
    if (value->kind == FCT_YAML_SCALAR && value->plain && value->text.len == 0) {
        return pick_read_bare(loader, key, field);
    }
    if (pick_is_path(value)) {
        field->text = value->text;
        return pick_compile(loader, value->mark, value->text, &field->path);
    }
    return pick_read_literal(loader, value, field);
}

factum_status fct_saga_load_pick(const struct fct_loader *loader, const struct fct_yaml *node,
                                 struct fct_pick *pick)
{
    if (node->kind != FCT_YAML_MAP) {
        return fct_saga_load_fail(
            loader, FACTUM_INVALID, node->mark, "value",
            "this is not a mapping: write such as {orderId, cents: .totalCents}, or "
            "{} for no data");
    }
    if (node->count > FCT_SAGA_FIELDS_MAX) {
        return fct_saga_load_fail(loader, FACTUM_TOO_BIG, node->mark, "value",
                                  "%zu fields: %u at most; pass an object that holds several",
                                  node->count, FCT_SAGA_FIELDS_MAX);
    }
    *pick = (struct fct_pick){.count = node->count};
    if (node->count == 0) {
        return FACTUM_OK;
    }
    pick->fields = factum_arena_alloc(loader->saga->arena, node->count * sizeof *pick->fields);
    if (pick->fields == NULL) {
        return fct_saga_load_no_room(loader);
    }
    factum_status status = FACTUM_OK;
    size_t i = 0;
    for (const struct fct_yaml *key = node->first; key != NULL && status == FACTUM_OK;
         key = key->next) {
        status = pick_read_field(loader, key, &pick->fields[i++]);
    }
    return status;
}
