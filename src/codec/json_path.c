/* json_path.c - paths, compiled once and walked on the tape. Layer: codec. See json_path.h. */
#include "codec/json_path.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

/* ---- compile --------------------------------------------------------------------------------- */

struct compiler {
    factum_slice text;
    size_t at;
    struct fct_path *path;
    size_t names_used;
    factum_error *err;
};

FCT_COLD static factum_status bad_path(const struct compiler *c, const char *why)
{
    return fct_fail(c->err, FACTUM_INVALID, "path %.*s: %s at byte %zu", FCT_FMT(c->text), why,
                    c->at);
}

static bool is_name_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool is_name_part(uint8_t c)
{
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-';
}

static bool next_is(const struct compiler *c, char wanted)
{
    return c->at < c->text.len && c->text.ptr[c->at] == (uint8_t)wanted;
}

/* A name as a JSON text: its quotes, escapes and characters are checked as those of any text. */
static factum_status compile_quoted(struct compiler *c, struct fct_path_step *step)
{
    size_t end = c->at + 1;
    while (end < c->text.len && c->text.ptr[end] != '"') {
        end += c->text.ptr[end] == '\\' ? 2 : 1;
    }
    if (end >= c->text.len) {
        return bad_path(c, "a name without its closing quote");
    }
    factum_json_node node;
    factum_json json;
    size_t len = 0;
    factum_slice quoted = fct_slice(c->text.ptr + c->at, end + 1 - c->at);
    if (factum_json_parse(quoted, NULL, &node, 1, &json, NULL) != FACTUM_OK ||
        factum_json_unescape(&json, FACTUM_JSON_ROOT, c->path->names + c->names_used,
                             sizeof c->path->names - c->names_used, &len) != FACTUM_OK) {
        return bad_path(c, "a name that is no JSON text");
    }
    step->len = (uint16_t)len;
    c->at = end + 1;
    return FACTUM_OK;
}

static factum_status compile_name(struct compiler *c, struct fct_path_step *step)
{
    step->kind = FCT_PATH_MEMBER;
    step->start = (uint16_t)c->names_used;
    if (next_is(c, '"')) {
        factum_status status = compile_quoted(c, step);
        c->names_used += step->len;
        return status;
    }
    size_t start = c->at;
    if (start >= c->text.len || !is_name_start(c->text.ptr[start])) {
        return bad_path(c, "a name is missing");
    }
    while (c->at < c->text.len && is_name_part(c->text.ptr[c->at])) {
        c->at++;
    }
    step->len = (uint16_t)(c->at - start);
    /* A name is shorter than the text, and the text not longer than |names|. */
    FCT_ASSERT(step->len <= sizeof c->path->names - c->names_used);
    memcpy(c->path->names + c->names_used, c->text.ptr + start, step->len);
    c->names_used += step->len;
    return FACTUM_OK;
}

static factum_status compile_index(struct compiler *c, struct fct_path_step *step)
{
    if (next_is(c, ']')) {
        step->kind = FCT_PATH_EACH;
        c->path->fans_out = true;
        c->at++;
        return FACTUM_OK;
    }
    uint64_t index = 0;
    size_t start = c->at;
    while (c->at < c->text.len && c->text.ptr[c->at] >= '0' && c->text.ptr[c->at] <= '9' &&
           index <= UINT32_MAX) {
        index = index * 10 + (uint64_t)(c->text.ptr[c->at] - '0');
        c->at++;
    }
    if (c->at == start || index >= UINT32_MAX || !next_is(c, ']') ||
        (c->text.ptr[start] == '0' && c->at > start + 1)) {
        return bad_path(c, "[] or a number in brackets is needed");
    }
    step->kind = FCT_PATH_INDEX;
    step->index = (uint32_t)index;
    c->at++;
    return FACTUM_OK;
}

factum_status fct_path_compile(factum_slice text, struct fct_path *path, factum_error *err)
{
    struct compiler c = {.text = text, .path = path, .err = err};
    memset(path, 0, sizeof *path);
    if (text.len > FCT_PATH_TEXT_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "a path has at most %u bytes", FCT_PATH_TEXT_MAX);
    }
    if (text.len == 1 && text.ptr[0] == '.') {
        return FACTUM_OK;
    }
    if (text.len == 0 || (text.ptr[0] != '.' && text.ptr[0] != '[')) {
        return bad_path(&c, "a path begins with a dot");
    }
    while (c.at < text.len) {
        if (path->count == FCT_PATH_STEPS_MAX) {
            return fct_fail(err, FACTUM_TOO_BIG, "a path has at most %u steps", FCT_PATH_STEPS_MAX);
        }
        struct fct_path_step *step = &path->steps[path->count++];
        bool member = next_is(&c, '.');
        if (!member && !next_is(&c, '[')) {
            return bad_path(&c, "a dot or a bracket is needed");
        }
        c.at++;
        factum_status status = member ? compile_name(&c, step) : compile_index(&c, step);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

bool fct_path_add(struct fct_path *path, const struct fct_path *more)
{
    size_t used = 0;
    size_t added = 0;
    for (uint32_t i = 0; i < path->count; i++) {
        size_t end = (size_t)path->steps[i].start + path->steps[i].len;
        used = end > used ? end : used;
    }
    for (uint32_t i = 0; i < more->count; i++) {
        size_t end = (size_t)more->steps[i].start + more->steps[i].len;
        added = end > added ? end : added;
    }
    if (more->count > FCT_PATH_STEPS_MAX - path->count || added > FCT_PATH_TEXT_MAX - used) {
        return false;
    }
    for (uint32_t i = 0; i < more->count; i++) {
        struct fct_path_step *step = &path->steps[path->count++];
        *step = more->steps[i];
        step->start = (uint16_t)(step->start + used);
    }
    memcpy(path->names + used, more->names, added);
    path->fans_out = path->fans_out || more->fans_out;
    return true;
}

/* ---- walk ------------------------------------------------------------------------------------ */

static uint32_t nth_item(const factum_json *json, uint32_t array, uint32_t index)
{
    if (factum_json_kind_of(json, array) != FACTUM_JSON_ARRAY) {
        return FACTUM_JSON_NONE;
    }
    uint32_t at = factum_json_first(json, array);
    for (uint32_t i = 0; i < index && at != FACTUM_JSON_NONE; i++) {
        at = factum_json_next(json, array, at);
    }
    return at;
}

/* One step from |value|, which enters an array at its first item. */
static uint32_t take_step(struct fct_path_walk *walk, uint32_t number, uint32_t value)
{
    const struct fct_path_step *step = &walk->path->steps[number];
    switch (step->kind) {
    case FCT_PATH_MEMBER:
        return factum_json_find(walk->json, value,
                                fct_slice(walk->path->names + step->start, step->len));
    case FCT_PATH_INDEX:
        return nth_item(walk->json, value, step->index);
    case FCT_PATH_EACH:
        break;
    }
    walk->arrays[number] = value;
    walk->items[number] = nth_item(walk->json, value, 0);
    return walk->items[number];
}

/* Moves the innermost "[]" before |number| that has another item to that item, and returns its
 * number; the count of steps if none has. */
static uint32_t move_back(struct fct_path_walk *walk, uint32_t number)
{
    while (number-- > 0) {
        if (walk->path->steps[number].kind == FCT_PATH_EACH) {
            walk->items[number] =
                factum_json_next(walk->json, walk->arrays[number], walk->items[number]);
            if (walk->items[number] != FACTUM_JSON_NONE) {
                return number;
            }
        }
    }
    return UINT32_MAX;
}

void fct_path_begin(struct fct_path_walk *walk, const struct fct_path *path,
                    const factum_json *json, uint32_t value)
{
    *walk = (struct fct_path_walk){.path = path, .json = json, .start = value};
}

uint32_t fct_path_next(struct fct_path_walk *walk)
{
    uint32_t count = walk->path->count;
    uint32_t number = 0;
    uint32_t value = walk->start;
    if (walk->ended) {
        return FACTUM_JSON_NONE;
    }
    if (walk->begun) {
        number = move_back(walk, count);
        value = number == UINT32_MAX ? FACTUM_JSON_NONE : walk->items[number++];
    }
    walk->begun = true;
    while (value != FACTUM_JSON_NONE && number < count) {
        value = take_step(walk, number, value);
        number++;
        if (value == FACTUM_JSON_NONE) {
            /* This step has no match; those before it may have another item. */
            number = move_back(walk, number - 1);
            value = number == UINT32_MAX ? FACTUM_JSON_NONE : walk->items[number++];
        }
    }
    walk->ended = value == FACTUM_JSON_NONE;
    return value;
}

uint32_t fct_path_find(const struct fct_path *path, const factum_json *json, uint32_t value)
{
    struct fct_path_walk walk;
    fct_path_begin(&walk, path, json, value);
    return fct_path_next(&walk);
}
