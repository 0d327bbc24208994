/* pick.c - see pick.h. Layer: saga. */
#include "saga/pick.h"

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

factum_status fct_pick_parse(factum_slice text, factum_arena *arena, factum_json *json,
                             factum_error *err)
{
    size_t capacity = factum_json_nodes_max(text.len);
    factum_json_node *nodes = factum_arena_take(arena, capacity * sizeof *nodes);
    if (nodes == NULL) {
        factum_status full = fct_arena_status(arena, "saga: its data", err);
        FCT_ASSERT(full != FACTUM_OK);
        return full;
    }
    factum_status status = factum_json_parse(text, NULL, nodes, capacity, json, err);
    if (status == FACTUM_OK && factum_json_kind_of(json, FACTUM_JSON_ROOT) != FACTUM_JSON_OBJECT) {
        return fct_fail(err, FACTUM_INVALID, "the data is not a JSON object");
    }
    return status;
}

/* Everything that a path with "[]" finds, as an array. */
static void put_all(const struct fct_path *path, const factum_json *from, factum_json_writer *to)
{
    struct fct_path_walk walk;
    fct_path_begin(&walk, path, from, FACTUM_JSON_ROOT);
    factum_json_put_array(to);
    for (uint32_t value = fct_path_next(&walk); value != FACTUM_JSON_NONE;
         value = fct_path_next(&walk)) {
        factum_json_put_raw(to, factum_json_raw(from, value));
    }
    factum_json_put_end(to);
}

static void put_field_name(const struct fct_pick_field *field, factum_json_writer *to)
{
    factum_json_put_name(to, (const char *)field->name.ptr, field->name.len);
}

static factum_status write_field(const struct fct_pick_field *field, const factum_json *from,
                                 bool missing, factum_json_writer *to, factum_error *err)
{
    if (field->path == NULL) {
        put_field_name(field, to);
        factum_json_put_raw(to, field->text);
        return FACTUM_OK;
    }
    if (field->path->fans_out && from->count > 0) {
        put_field_name(field, to);
        put_all(field->path, from, to);
        return FACTUM_OK;
    }
    uint32_t value =
        from->count > 0 ? fct_path_find(field->path, from, FACTUM_JSON_ROOT) : FACTUM_JSON_NONE;
    bool none = value == FACTUM_JSON_NONE || factum_json_kind_of(from, value) == FACTUM_JSON_NULL;
    if (none && missing) {
        return FACTUM_OK;
    }
    if (none) {
        return fct_fail(err, FACTUM_INVALID, "%.*s: %.*s finds %s in %.*s", FCT_FMT(field->name),
                        FCT_FMT(field->text), value == FACTUM_JSON_NONE ? "nothing" : "null",
                        FCT_FMT(from->text));
    }
    put_field_name(field, to);
    factum_json_put_raw(to, factum_json_raw(from, value));
    return FACTUM_OK;
}

factum_status fct_pick_write(const struct fct_pick *pick, const factum_json *from, bool missing,
                             factum_json_writer *to, factum_error *err)
{
    for (size_t i = 0; i < pick->count; i++) {
        const struct fct_pick_field *field = &pick->fields[i];
        factum_status status = write_field(field, from, missing || field->optional, to, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

/* Copies the members of |json| that |without| lacks. */
static void put_members(const factum_json *json, const factum_json *without, factum_json_writer *to)
{
    for (uint32_t at = factum_json_first(json, FACTUM_JSON_ROOT); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, FACTUM_JSON_ROOT, at)) {
        factum_slice name = factum_json_inside(json, at);
        /* Names are compared in escaped form: one writer made both. */
        if (without != NULL &&
            factum_json_find(without, FACTUM_JSON_ROOT, name) != FACTUM_JSON_NONE) {
            continue;
        }
        factum_json_put_name(to, (const char *)name.ptr, name.len);
        factum_json_put_raw(to, factum_json_raw(json, at + 1));
    }
}

factum_status fct_pick_merge(factum_slice base, factum_slice more, factum_arena *arena,
                             factum_slice *merged, factum_error *err)
{
    factum_json old;
    factum_json new;
    factum_json_writer to;
    if (base.len == 0 || more.len == 0) {
        *merged = base.len == 0 ? more : base;
        return FACTUM_OK;
    }
    factum_status status = fct_pick_parse(base, arena, &old, err);
    if (status == FACTUM_OK) {
        status = fct_pick_parse(more, arena, &new, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    factum_json_writer_in(&to, arena);
    factum_json_put_object(&to);
    put_members(&old, &new, &to);
    put_members(&new, NULL, &to);
    factum_json_put_end(&to);
    status = factum_json_writer_finish(&to, err);
    *merged = fct_slice(to.buffer, to.used);
    return status;
}
