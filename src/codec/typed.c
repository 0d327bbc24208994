/* typed.c - see factum/typed.h. Layer: codec. Knows nothing of schemas or generated types.
 *
 * Members are mostly in the order of the type, so the name after the one that was found last is
 * tried first; the others are compared by length and bytes.
 */
#include <factum/typed.h>

#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define POINTER_SIZE 160 /* bytes of a pointer in a message; a longer one is truncated */

factum_typed_reader factum_typed_reader_of(const factum_json *json, factum_arena *arena,
                                           factum_error *err)
{
    return (factum_typed_reader){.json = json, .arena = arena, .err = err};
}

factum_status factum_typed_finish(const factum_typed_reader *in)
{
    return in->status;
}

/* Writes the pointer of |value| to |text|; one that is too long ends in "...". */
static void pointer_of(const factum_typed_reader *in, uint32_t value, char text[POINTER_SIZE])
{
    if (factum_json_pointer(in->json, value, text, POINTER_SIZE) == FACTUM_TOO_BIG) {
        size_t kept = fct_utf8_prefix(fct_slice(text, POINTER_SIZE - 4));
        memcpy(text + kept, "...", 4);
    } else if (text[0] == '\0') {
        memcpy(text, "the data", sizeof "the data");
    }
}

void factum_typed_fail(factum_typed_reader *in, uint32_t value, const char *problem)
{
    char pointer[POINTER_SIZE];
    if (in->status == FACTUM_OK) {
        pointer_of(in, value, pointer);
        in->status = fct_fail(in->err, FACTUM_INVALID, "%s: %s", pointer, problem);
    }
}

static void fail_memory(factum_typed_reader *in)
{
    if (in->status == FACTUM_OK) {
        in->status = fct_fail(in->err, factum_arena_status(in->arena),
                              factum_arena_status(in->arena) == FACTUM_TOO_BIG
                                  ? "the event needs more than the maximum of the arena"
                                  : "out of memory");
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

void *factum_typed_take(factum_typed_reader *in, size_t size)
{
    void *piece = in->status == FACTUM_OK ? factum_arena_take(in->arena, size) : NULL;
    if (piece != NULL) {
        memset(piece, 0, size);
    } else if (in->status == FACTUM_OK) {
        fail_memory(in);
    }
    return piece;
}

static void *take_many(factum_typed_reader *in, size_t size, size_t count)
{
    FCT_ASSERT(size > 0);
    if (count == 0) {
        return NULL;
    }
    return factum_typed_take(in, count > SIZE_MAX / size ? SIZE_MAX : count * size);
}

void *factum_typed_items(factum_typed_reader *in, uint32_t value, size_t size, size_t *count)
{
    *count = 0;
    if (factum_json_kind_of(in->json, value) != FACTUM_JSON_ARRAY) {
        factum_typed_fail(in, value, "not an array");
        return NULL;
    }
    size_t items = factum_json_count(in->json, value);
    void *room = take_many(in, size, items);
    *count = room == NULL ? 0 : items;
    return room;
}

/* ---- members --------------------------------------------------------------------------------- */

factum_typed_object factum_typed_members(factum_typed_reader *in, uint32_t value,
                                         const factum_typed_name *names, uint32_t count)
{
    factum_typed_object object = {
        .in = in, .names = names, .count = count, .object = value, .at = FACTUM_JSON_NONE};
    FCT_ASSERT(count <= FACTUM_TYPED_MEMBERS_MAX);
    if (factum_json_kind_of(in->json, value) != FACTUM_JSON_OBJECT) {
        factum_typed_fail(in, value, "not an object");
    }
    return object;
}

static bool is_name(factum_slice text, const factum_typed_name *name)
{
    return text.len == name->len && memcmp(text.ptr, name->text, text.len) == 0;
}

int factum_typed_find(factum_slice text, const factum_typed_name *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_name(text, &names[i])) {
            return (int)i;
        }
    }
    return -1;
}

/* The same for a string or name of a tape. */
static int find_text(const factum_json *json, uint32_t text, const factum_typed_name *names,
                     uint32_t count)
{
    if (!factum_json_is_escaped(json, text)) {
        return factum_typed_find(factum_json_inside(json, text), names, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (factum_json_text_is(json, text, fct_slice(names[i].text, names[i].len))) {
            return (int)i;
        }
    }
    return -1;
}

static int find_member(factum_typed_object *object)
{
    const factum_json *json = object->in->json;
    uint32_t likely = object->likely;
    if (likely < object->count && !factum_json_is_escaped(json, object->at) &&
        is_name(factum_json_inside(json, object->at), &object->names[likely])) {
        return (int)likely;
    }
    return find_text(json, object->at, object->names, object->count);
}

static void check_required(factum_typed_object *object)
{
    for (uint32_t i = 0; i < object->count && object->in->status == FACTUM_OK; i++) {
        if (object->names[i].required && (object->seen[i / 64] >> i % 64 & 1) == 0) {
            char problem[128];
            factum_slice name = fct_slice(object->names[i].text, object->names[i].len);
            (void)snprintf(problem, sizeof problem, "\"%.*s\" is missing", FCT_FMT(name));
            factum_typed_fail(object->in, object->object, problem);
        }
    }
}

/* Moves to the next name; FACTUM_JSON_NONE at the end. */
static uint32_t step_member(factum_typed_object *object)
{
    const factum_json *json = object->in->json;
    object->at = object->at == FACTUM_JSON_NONE
                     ? factum_json_first(json, object->object)
                     : factum_json_next(json, object->object, object->at);
    object->value = object->at + 1;
    return object->at;
}

int factum_typed_next(factum_typed_object *object)
{
    if (object->in->status != FACTUM_OK) {
        return FACTUM_TYPED_END;
    }
    if (step_member(object) == FACTUM_JSON_NONE) {
        object->ended = true;
        check_required(object);
        return FACTUM_TYPED_END;
    }
    int found = find_member(object);
    if (found < 0) {
        object->others++;
        return FACTUM_TYPED_OTHER;
    }
    object->seen[found / 64] |= UINT64_C(1) << found % 64;
    object->likely = (uint32_t)found + 1;
    return found;
}

void *factum_typed_others(factum_typed_object *object, size_t size, size_t *count)
{
    *count = 0;
    while (!object->ended && factum_typed_next(object) != FACTUM_TYPED_END) {
    }
    if (object->in->status != FACTUM_OK) {
        return NULL;
    }
    void *room = take_many(object->in, size, object->others);
    *count = room == NULL ? 0 : object->others;
    object->at = FACTUM_JSON_NONE;
    object->likely = 0;
    return room;
}

/* The meaning of a string or name. */
static void meaning_of(factum_typed_reader *in, uint32_t value, factum_slice *text)
{
    factum_slice inside = factum_json_inside(in->json, value);
    if (!factum_json_is_escaped(in->json, value)) {
        *text = inside;
        return;
    }
    char *room = factum_arena_take(in->arena, inside.len);
    size_t len = 0;
    if (room == NULL) {
        fail_memory(in);
    } else if (factum_json_unescape(in->json, value, room, inside.len, &len) != FACTUM_OK) {
        factum_typed_fail(in, value, "a lone surrogate in a text");
    } else {
        *text = fct_slice(room, len);
    }
}

factum_slice factum_typed_name_of(const factum_typed_object *object)
{
    factum_slice name = {.ptr = NULL};
    meaning_of(object->in, object->at, &name);
    return name;
}

void factum_typed_keep(factum_typed_object *object, factum_members *members)
{
    size_t at = 0;
    factum_member *items = factum_typed_others(object, sizeof *items, &members->count);
    members->items = items;
    if (items == NULL) {
        return;
    }
    for (int found; (found = factum_typed_next(object)) != FACTUM_TYPED_END;) {
        if (found == FACTUM_TYPED_OTHER) {
            items[at].name = factum_typed_name_of(object);
            items[at++].value = factum_json_raw(object->in->json, object->value);
        }
    }
}

void factum_typed_put_members(factum_json_writer *to, const factum_members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        const factum_member *member = &members->items[i];
        factum_json_put_name(to, (const char *)member->name.ptr, member->name.len);
        factum_json_put_raw(to, member->value);
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

void factum_typed_text(factum_typed_reader *in, uint32_t value, factum_slice *text)
{
    if (factum_json_kind_of(in->json, value) != FACTUM_JSON_TEXT) {
        factum_typed_fail(in, value, "not a text");
    } else {
        meaning_of(in, value, text);
    }
}

void factum_typed_number(factum_typed_reader *in, uint32_t value, factum_slice *number)
{
    if (factum_json_kind_of(in->json, value) != FACTUM_JSON_NUMBER) {
        factum_typed_fail(in, value, "not a number");
    } else {
        *number = factum_json_raw(in->json, value);
    }
}

void factum_typed_json(factum_typed_reader *in, uint32_t value, factum_slice *json)
{
    *json = factum_json_raw(in->json, value);
}

void factum_typed_int64(factum_typed_reader *in, uint32_t value, int64_t *number)
{
    if (factum_json_to_int64(in->json, value, number) != FACTUM_OK) {
        factum_typed_fail(in, value,
                          "not a whole number from -9223372036854775808 to 9223372036854775807");
    }
}

void factum_typed_uint64(factum_typed_reader *in, uint32_t value, uint64_t *number)
{
    if (factum_json_to_uint64(in->json, value, number) != FACTUM_OK) {
        factum_typed_fail(in, value, "not a whole number from 0 to 18446744073709551615");
    }
}

void factum_typed_bool(factum_typed_reader *in, uint32_t value, bool *truth)
{
    factum_json_kind kind = factum_json_kind_of(in->json, value);
    if (kind != FACTUM_JSON_TRUE && kind != FACTUM_JSON_FALSE) {
        factum_typed_fail(in, value, "neither true nor false");
    } else {
        *truth = kind == FACTUM_JSON_TRUE;
    }
}

int factum_typed_choice(factum_typed_reader *in, uint32_t value, const factum_typed_name *names,
                        uint32_t count)
{
    if (factum_json_kind_of(in->json, value) != FACTUM_JSON_TEXT) {
        factum_typed_fail(in, value, "not a text");
        return -1;
    }
    return find_text(in->json, value, names, count);
}

int factum_typed_variant(factum_typed_reader *in, uint32_t value, const char *name,
                         const factum_typed_name *names, uint32_t count)
{
    if (factum_json_kind_of(in->json, value) != FACTUM_JSON_OBJECT) {
        factum_typed_fail(in, value, "not an object");
        return -1;
    }
    uint32_t tag = factum_json_find(in->json, value, factum_slice_from(name));
    if (tag == FACTUM_JSON_NONE || factum_json_kind_of(in->json, tag) != FACTUM_JSON_TEXT) {
        return -1;
    }
    return find_text(in->json, tag, names, count);
}

factum_slice factum_typed_name_at(const factum_typed_name *names, uint32_t count, uint32_t choice)
{
    if (choice == 0 || choice > count) {
        return (factum_slice){.ptr = NULL};
    }
    return fct_slice(names[choice - 1].text, names[choice - 1].len);
}

void factum_typed_put_literal(factum_json_writer *to, const char *text, size_t len)
{
    factum_json_put_text(to, fct_slice(text, len));
}

void factum_typed_put_choice(factum_json_writer *to, const factum_typed_name *names, uint32_t count,
                             uint32_t choice, factum_slice other)
{
    bool known = choice > 0 && choice <= count;
    factum_json_put_text(to, known ? factum_typed_name_at(names, count, choice) : other);
}

factum_status factum_typed_no_type(const factum_typed_reader *in, factum_slice type,
                                   const char *category)
{
    return fct_fail(in->err, FACTUM_NOT_FOUND,
                    "no event type \"%.*s\" in the generated types of %s", FCT_FMT(type), category);
}

void factum_typed_is_text(factum_typed_reader *in, uint32_t value, const char *text, size_t len)
{
    if (factum_json_kind_of(in->json, value) != FACTUM_JSON_TEXT ||
        !factum_json_text_is(in->json, value, fct_slice(text, len))) {
        factum_typed_fail(in, value, "not the text that the schema demands");
    }
}

void factum_typed_is_number(factum_typed_reader *in, uint32_t value, const char *number)
{
    if (factum_json_kind_of(in->json, value) != FACTUM_JSON_NUMBER ||
        factum_json_compare_numbers(factum_json_raw(in->json, value), factum_slice_from(number)) !=
            0) {
        factum_typed_fail(in, value, "not the number that the schema demands");
    }
}

void factum_typed_is_kind(factum_typed_reader *in, uint32_t value, factum_json_kind kind)
{
    if (factum_json_kind_of(in->json, value) != kind) {
        factum_typed_fail(in, value, "not the value that the schema demands");
    }
}
