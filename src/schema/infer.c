/* infer.c - see infer.h. Layer: schema.
 *
 * Places are nodes of a tree: the root, a member of an object by its name, any item of an array.
 * Recursion is bounded by FCT_INFER_DEPTH_MAX.
 */
#include "schema/infer.h"

#include <string.h>

#include "core/error.h"
#include "core/slice.h"

#define NONE UINT32_MAX
#define ENUM_SEEN_MIN 20u /* texts seen before few distinct ones become an enum */
#define TEXT_KEPT_MAX 64u /* bytes of a text that may become part of an enum */

enum kind_bit {
    SEEN_NULL = 1,
    SEEN_BOOLEAN = 2,
    SEEN_INTEGER = 4,
    SEEN_NUMBER = 8,
    SEEN_STRING = 16,
    SEEN_ARRAY = 32,
    SEEN_OBJECT = 64,
};

static const char *const kind_names[] = {"null",   "boolean", "integer", "number",
                                         "string", "array",   "object"};

/* The values seen at a place. */
struct seen_place {
    factum_slice name; /* of a member, raw; owned */
    uint32_t next;     /* the next member of the same object */
    uint32_t first_member;
    uint32_t last_member;
    uint32_t item; /* the place of its arrays' items */
    uint32_t kinds;
    uint64_t count;                             /* values */
    uint64_t objects;                           /* of them */
    uint64_t texts;                             /* of them */
    factum_slice examples[FCT_INFER_TEXTS_MAX]; /* distinct texts, raw; owned */
    uint32_t example_count;
    bool many; /* more distinct texts than are kept, or one that is too long */
};

struct fct_infer {
    const struct fct_mem *mem;
    struct seen_place *places;
    uint32_t count;
    uint32_t capacity;
};

/* ---- memory ---------------------------------------------------------------------------------- */

static uint32_t new_place(struct fct_infer *infer, factum_slice name)
{
    if (infer->count == FCT_INFER_PLACES_MAX) {
        return NONE;
    }
    if (infer->count == infer->capacity) {
        uint32_t wanted = infer->capacity == 0 ? 32 : infer->capacity * 2;
        struct seen_place *grown =
            fct_mem_resize(infer->mem, infer->places, wanted * sizeof *grown);
        if (grown == NULL) {
            return NONE;
        }
        infer->places = grown;
        infer->capacity = wanted;
    }
    uint8_t *copy = fct_mem_alloc(infer->mem, name.len + 1);
    if (copy == NULL) {
        return NONE;
    }
    memcpy(copy, name.len == 0 ? (const uint8_t *)"" : name.ptr, name.len);
    infer->places[infer->count] = (struct seen_place){.name = {copy, name.len},
                                                      .next = NONE,
                                                      .first_member = NONE,
                                                      .last_member = NONE,
                                                      .item = NONE};
    return infer->count++;
}

struct fct_infer *fct_infer_create(const struct fct_mem *mem)
{
    struct fct_infer *infer = fct_mem_zalloc(mem, 1, sizeof *infer);
    if (infer == NULL) {
        return NULL;
    }
    infer->mem = mem;
    if (new_place(infer, fct_slice(NULL, 0)) == NONE) {
        fct_infer_destroy(infer);
        return NULL;
    }
    return infer;
}

static void free_slice(const struct fct_mem *mem, factum_slice slice)
{
    fct_mem_free(mem, (void *)(uintptr_t)slice.ptr);
}

void fct_infer_destroy(struct fct_infer *infer)
{
    if (infer == NULL) {
        return;
    }
    for (uint32_t i = 0; i < infer->count; i++) {
        free_slice(infer->mem, infer->places[i].name);
        for (uint32_t j = 0; j < infer->places[i].example_count; j++) {
            free_slice(infer->mem, infer->places[i].examples[j]);
        }
    }
    fct_mem_free(infer->mem, infer->places);
    fct_mem_free(infer->mem, infer);
}

/* ---- seeing ---------------------------------------------------------------------------------- */

static uint32_t kind_bit_of(const factum_json *json, uint32_t value)
{
    switch (factum_json_kind_of(json, value)) {
    case FACTUM_JSON_NULL:
        return SEEN_NULL;
    case FACTUM_JSON_FALSE:
    case FACTUM_JSON_TRUE:
        return SEEN_BOOLEAN;
    case FACTUM_JSON_NUMBER:
        return factum_json_is_whole(json, value) ? SEEN_INTEGER : SEEN_NUMBER;
    case FACTUM_JSON_TEXT:
        return SEEN_STRING;
    case FACTUM_JSON_ARRAY:
        return SEEN_ARRAY;
    case FACTUM_JSON_OBJECT:
        return SEEN_OBJECT;
    }
    return 0;
}

static void see_text(struct fct_infer *infer, struct seen_place *place, factum_slice raw)
{
    place->texts++;
    for (uint32_t i = 0; i < place->example_count; i++) {
        if (fct_slice_equal(place->examples[i], raw)) {
            return;
        }
    }
    uint8_t *copy = NULL;
    if (!place->many && place->example_count < FCT_INFER_TEXTS_MAX && raw.len <= TEXT_KEPT_MAX) {
        copy = fct_mem_alloc(infer->mem, raw.len);
    }
    if (copy == NULL) {
        place->many = true;
        return;
    }
    memcpy(copy, raw.ptr, raw.len);
    place->examples[place->example_count++] = fct_slice(copy, raw.len);
}

/* The member |name| of |object|, created if it is new. NONE: a limit is reached. */
static uint32_t member_place(struct fct_infer *infer, uint32_t object, factum_slice name)
{
    uint32_t at = infer->places[object].first_member;
    for (; at != NONE; at = infer->places[at].next) {
        if (fct_slice_equal(infer->places[at].name, name)) {
            return at;
        }
    }
    uint32_t made = new_place(infer, name);
    if (made == NONE) {
        return NONE;
    }
    struct seen_place *owner = &infer->places[object];
    if (owner->last_member == NONE) {
        owner->first_member = made;
    } else {
        infer->places[owner->last_member].next = made;
    }
    owner->last_member = made;
    return made;
}

static void see_value(struct fct_infer *infer, uint32_t at, const factum_json *json, uint32_t value,
                      unsigned depth);

static void see_inside(struct fct_infer *infer, uint32_t at, const factum_json *json,
                       uint32_t value, unsigned depth)
{
    bool object = factum_json_kind_of(json, value) == FACTUM_JSON_OBJECT;
    for (uint32_t child = factum_json_first(json, value); child != FACTUM_JSON_NONE;
         child = factum_json_next(json, value, child)) {
        uint32_t place;
        if (object) {
            place = member_place(infer, at, factum_json_inside(json, child));
        } else {
            if (infer->places[at].item == NONE) {
                uint32_t made = new_place(infer, fct_slice(NULL, 0));
                infer->places[at].item = made;
            }
            place = infer->places[at].item;
        }
        if (place != NONE) {
            see_value(infer, place, json, object ? child + 1 : child, depth);
        }
    }
}

static void see_value(struct fct_infer *infer, uint32_t at, const factum_json *json, uint32_t value,
                      unsigned depth)
{
    struct seen_place *place = &infer->places[at];
    uint32_t kind = kind_bit_of(json, value);
    place->kinds |= kind;
    place->count++;
    place->objects += kind == SEEN_OBJECT ? 1 : 0;
    if (kind == SEEN_STRING) {
        see_text(infer, place, factum_json_raw(json, value));
    } else if ((kind == SEEN_ARRAY || kind == SEEN_OBJECT) && depth < FCT_INFER_DEPTH_MAX) {
        see_inside(infer, at, json, value, depth + 1);
    }
}

void fct_infer_see(struct fct_infer *infer, const factum_json *json)
{
    see_value(infer, 0, json, FACTUM_JSON_ROOT, 0);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct draft {
    const struct fct_infer *infer;
    struct fct_buf *buf;
    factum_status status;
};

static void put_draft(struct draft *draft, const char *text)
{
    if (draft->status == FACTUM_OK) {
        draft->status = fct_buf_add_text(draft->buf, text);
    }
}

static void put_raw(struct draft *draft, factum_slice text)
{
    if (draft->status == FACTUM_OK) {
        draft->status = fct_buf_add_slice(draft->buf, text);
    }
}

static void put_line(struct draft *draft, bool *first, unsigned depth)
{
    put_draft(draft, *first ? "\n" : ",\n");
    *first = false;
    for (unsigned i = 0; i < depth; i++) {
        put_draft(draft, "  ");
    }
}

static void put_types(struct draft *draft, uint32_t kinds, unsigned depth, bool *first)
{
    uint32_t whole = (kinds & SEEN_NUMBER) != 0 ? kinds & ~(uint32_t)SEEN_INTEGER : kinds;
    bool several = (whole & (whole - 1)) != 0;
    bool more = false;
    put_line(draft, first, depth);
    put_draft(draft, several ? "\"type\": [" : "\"type\": ");
    for (size_t i = 0; i < sizeof kind_names / sizeof *kind_names; i++) {
        if ((whole >> i & 1) != 0) {
            put_draft(draft, more ? ", \"" : "\"");
            put_draft(draft, kind_names[i]);
            put_draft(draft, "\"");
            more = true;
        }
    }
    put_draft(draft, several ? "]" : "");
}

static void put_choices(struct draft *draft, const struct seen_place *place, unsigned depth,
                        bool *first)
{
    if (place->kinds != SEEN_STRING || place->many || place->texts < ENUM_SEEN_MIN) {
        return;
    }
    put_line(draft, first, depth);
    put_draft(draft, "\"enum\": [");
    for (uint32_t i = 0; i < place->example_count; i++) {
        put_draft(draft, i > 0 ? ", " : "");
        put_raw(draft, place->examples[i]);
    }
    put_draft(draft, "]");
}

static void put_required(struct draft *draft, const struct seen_place *place, unsigned depth,
                         bool *first)
{
    bool any = false;
    for (uint32_t at = place->first_member; at != NONE; at = draft->infer->places[at].next) {
        const struct seen_place *member = &draft->infer->places[at];
        if (member->count != place->objects) {
            continue;
        }
        if (!any) {
            put_line(draft, first, depth);
        }
        put_draft(draft, any ? ", \"" : "\"required\": [\"");
        put_raw(draft, member->name);
        put_draft(draft, "\"");
        any = true;
    }
    put_draft(draft, any ? "]" : "");
}

static void put_place(struct draft *draft, const struct seen_place *place, unsigned depth,
                      bool first);

static void put_properties(struct draft *draft, const struct seen_place *place, unsigned depth,
                           bool *first)
{
    bool first_member = true;
    if (place->first_member == NONE) {
        return;
    }
    put_line(draft, first, depth);
    put_draft(draft, "\"properties\": {");
    for (uint32_t at = place->first_member; at != NONE; at = draft->infer->places[at].next) {
        put_line(draft, &first_member, depth + 1);
        put_draft(draft, "\"");
        put_raw(draft, draft->infer->places[at].name);
        put_draft(draft, "\": {");
        put_place(draft, &draft->infer->places[at], depth + 2, true);
    }
    bool no_comma = true;
    put_line(draft, &no_comma, depth);
    put_draft(draft, "}");
}

/* The members of a schema and its closing brace. |first|: no member was written yet. */
static void put_place(struct draft *draft, const struct seen_place *place, unsigned depth,
                      bool first)
{
    if (place->count > 0) {
        put_types(draft, place->kinds, depth, &first);
    }
    put_choices(draft, place, depth, &first);
    put_required(draft, place, depth, &first);
    put_properties(draft, place, depth, &first);
    if (place->item != NONE) {
        put_line(draft, &first, depth);
        put_draft(draft, "\"items\": {");
        put_place(draft, &draft->infer->places[place->item], depth + 1, true);
    }
    bool no_comma = true;
    put_line(draft, &no_comma, depth - 1);
    put_draft(draft, "}");
}

factum_status fct_infer_write(const struct fct_infer *infer, factum_slice title,
                              struct fct_buf *buf, factum_error *err)
{
    struct draft draft = {.infer = infer, .buf = buf, .status = FACTUM_OK};
    put_draft(&draft, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                      "  \"title\": \"");
    put_raw(&draft, title);
    put_draft(&draft, "\"");
    put_place(&draft, &infer->places[0], 1, false);
    put_draft(&draft, "\n");
    return draft.status == FACTUM_OK ? FACTUM_OK
                                     : fct_fail(err, draft.status, "infer: out of memory");
}
