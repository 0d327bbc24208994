/* bind.c - see bind.h. Layer: projection.
 *
 * A table, filled once, finds the handlers of each type. Data and metadata are parsed only if they
 * are needed, onto tapes that are kept for the next event. Short texts are copied as a whole first,
 * so that their values need no copies of their own; of long ones only the bound values are copied.
 *
 * Invariants:
 * 1. At most half of |slots| are taken.
 * 2. The values that are the same in all rows of a handler are computed once.
 * 3. After the first trouble nothing more is bound.
 */
#include "projection/bind.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "codec/json_doc.h"
#include "codec/json_number.h"
#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"
#include "projection/bind_text.h"

#define COPY_WHOLE_MAX 4096u      /* bytes; longer data is not copied as a whole */
#define NODES_KEPT_MAX (1u << 16) /* a longer tape is freed after its event */
#define ITEMS_KEPT_MAX (1u << 14) /* likewise of |items| */
#define TROUBLE_SIZE_MAX 512u

/* The handlers of a type: |order| from |first| on. */
struct bind_route {
    factum_slice type; /* in the definition; NULL: the slot is free */
    uint32_t first;
    uint32_t count;
};

/* A handler, and what it needs of an event. */
struct bind_plan {
    const struct fct_handler *handler;
    bool data;
    bool metadata;
    bool each;
    struct fct_path base; /* of |each|, without a "[]" at its end */
};

struct fct_binder {
    const struct fct_mem *mem;
    const struct fct_definition *definition;
    struct bind_plan *plans; /* one for each handler */
    struct bind_route *slots;
    size_t slot_count; /* a power of two */
    uint32_t *order;   /* indexes of plans */
    bool key_data;
    bool key_metadata;
    struct fct_json_doc data;
    struct fct_json_doc metadata;
    uint32_t *items; /* the elements of the handler that is being bound */
    size_t item_capacity;
    struct fct_bind_clock clock;
};

/* Data or metadata on a tape. */
struct bind_text {
    const factum_json *json; /* NULL: not parsed, or empty */
    bool copied;             /* the text is in the arena */
    const char *place;       /* printed before a pointer into the text: "" or "metadata " */
};

/* An event that is being bound. */
struct binding {
    struct fct_binder *binder;
    const factum_event *event;
    factum_arena *arena;
    struct fct_bound_event *bound;
    factum_slice stream;
    struct bind_text data;
    struct bind_text metadata;
    size_t row_count;
    size_t value_count;
    factum_status status; /* NO_MEMORY or TOO_BIG of the binder itself */
};

/* An element of an "each" path. */
struct bind_row {
    uint32_t node;
    size_t index;
};

/* ---- the table of handlers ------------------------------------------------------------------- */

static struct bind_route *bind_slot(const struct fct_binder *binder, factum_slice type)
{
    size_t mask = binder->slot_count - 1;
    size_t at = (size_t)fct_hash64(type, 0) & mask;
    while (binder->slots[at].type.ptr != NULL && !fct_slice_equal(binder->slots[at].type, type)) {
        at = (at + 1) & mask;
    }
    return &binder->slots[at];
}

static bool bind_reads_data(const struct fct_parameter *parameter)
{
    return parameter->kind == FCT_PARAMETER_DATA; /* the elements of "each" are read for its path */
}

static bool bind_reads_metadata(const struct fct_parameter *parameter)
{
    return parameter->kind == FCT_PARAMETER_META ||
           parameter->kind == FCT_PARAMETER_CORRELATION_ID ||
           parameter->kind == FCT_PARAMETER_CAUSATION_ID;
}

static void bind_plan_make(struct bind_plan *plan, const struct fct_handler *handler)
{
    plan->handler = handler;
    plan->each = handler->each != NULL;
    plan->data = plan->each;
    for (size_t i = 0; i < handler->parameter_count; i++) {
        plan->data = plan->data || bind_reads_data(&handler->parameters[i]);
        plan->metadata = plan->metadata || bind_reads_metadata(&handler->parameters[i]);
    }
    if (plan->each) {
        plan->base = *handler->each;
        if (plan->base.count > 0 && plan->base.steps[plan->base.count - 1].kind == FCT_PATH_EACH) {
            plan->base.count--;
        }
    }
}

/* Enters the handlers of each type into |order|, in the order of the text. */
static void bind_fill(struct fct_binder *binder)
{
    const struct fct_definition *definition = binder->definition;
    uint32_t used = 0;
    for (size_t i = 0; i < definition->handler_count; i++) {
        const struct fct_handler *handler = &definition->handlers[i];
        for (size_t j = 0; j < handler->type_count; j++) {
            struct bind_route *route = bind_slot(binder, handler->types[j]);
            route->type = handler->types[j];
            route->count++;
        }
    }
    for (size_t i = 0; i < binder->slot_count; i++) {
        binder->slots[i].first = used;
        used += binder->slots[i].count;
        binder->slots[i].count = 0;
    }
    for (size_t i = 0; i < definition->handler_count; i++) {
        const struct fct_handler *handler = &definition->handlers[i];
        for (size_t j = 0; j < handler->type_count; j++) {
            struct bind_route *route = bind_slot(binder, handler->types[j]);
            uint32_t *end = &binder->order[route->first + route->count];
            if (route->count == 0 || end[-1] != (uint32_t)i) { /* the handler may name a type twice
                                                                */
                *end = (uint32_t)i;
                route->count++;
            }
        }
    }
}

static bool bind_table_make(struct fct_binder *binder)
{
    const struct fct_definition *definition = binder->definition;
    size_t types = 0;
    for (size_t i = 0; i < definition->handler_count; i++) {
        types += definition->handlers[i].type_count;
    }
    binder->slot_count = 8;
    while (binder->slot_count < 2 * types + 1) {
        binder->slot_count *= 2;
    }
    binder->slots = fct_mem_zalloc(binder->mem, binder->slot_count, sizeof binder->slots[0]);
    binder->order = fct_mem_zalloc(binder->mem, types + 1, sizeof binder->order[0]);
    binder->plans =
        fct_mem_zalloc(binder->mem, definition->handler_count + 1, sizeof binder->plans[0]);
    if (binder->slots == NULL || binder->order == NULL || binder->plans == NULL) {
        return false;
    }
    for (size_t i = 0; i < definition->handler_count; i++) {
        bind_plan_make(&binder->plans[i], &definition->handlers[i]);
    }
    bind_fill(binder);
    return true;
}

factum_status fct_binder_create_in(const struct fct_mem *mem,
                                   const struct fct_definition *definition,
                                   struct fct_binder **binder, factum_error *err)
{
    *binder = NULL;
    struct fct_binder *made = fct_mem_zalloc(mem, 1, sizeof *made);
    if (made != NULL) {
        made->mem = mem;
        made->definition = definition;
        made->key_data = bind_reads_data(&definition->key);
        made->key_metadata = bind_reads_metadata(&definition->key);
        fct_json_doc_init(&made->data, mem);
        fct_json_doc_init(&made->metadata, mem);
    }
    if (made == NULL || !bind_table_make(made)) {
        fct_binder_free(made);
        return fct_fail(err, FACTUM_NO_MEMORY, "projection %.*s: out of memory",
                        FCT_FMT(definition->name));
    }
    *binder = made;
    return FACTUM_OK;
}

factum_status fct_binder_create(const struct fct_definition *definition, struct fct_binder **binder,
                                factum_error *err)
{
    return fct_binder_create_in(fct_mem_heap(), definition, binder, err);
}

void fct_binder_free(struct fct_binder *binder)
{
    if (binder == NULL) {
        return;
    }
    fct_json_doc_finish(&binder->data);
    fct_json_doc_finish(&binder->metadata);
    fct_mem_free(binder->mem, binder->plans);
    fct_mem_free(binder->mem, binder->slots);
    fct_mem_free(binder->mem, binder->order);
    fct_mem_free(binder->mem, binder->items);
    fct_mem_free(binder->mem, binder);
}

/* ---- trouble --------------------------------------------------------------------------------- */

/* Records what is wrong with the event. Returns false. */
static FCT_COLD FCT_PRINTF(2, 3) bool bind_trouble(struct binding *b, const char *format, ...)
{
    char text[TROUBLE_SIZE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fct_text_clean(text);
    b->bound->trouble =
        (const char *)factum_arena_copy(b->arena, fct_slice(text, strlen(text) + 1)).ptr;
    return false;
}

/* bind_trouble with the place of the value |node| of |text|. */
static FCT_COLD bool bind_trouble_at(struct binding *b, const struct bind_text *text, uint32_t node,
                                     const char *what)
{
    char pointer[256];
    factum_status status = factum_json_pointer(text->json, node, pointer, sizeof pointer);
    const char *cut = status == FACTUM_OK ? "" : "...";
    if (node == FACTUM_JSON_ROOT) {
        return bind_trouble(b, "the %s: %s", text == &b->metadata ? "metadata" : "data", what);
    }
    return bind_trouble(b, "%s%s%s: %s", text->place, pointer, cut, what);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* |part| of |text|, in memory that lasts as long as the arena. */
static factum_slice bind_keep(struct binding *b, const struct bind_text *text, factum_slice part)
{
    if (part.len == 0) {
        return FCT_SLICE(""); /* not at NULL, which a database takes for the value NULL */
    }
    return text->copied ? part : factum_arena_copy(b->arena, part);
}

static bool bind_json_number(struct binding *b, const struct bind_text *text, uint32_t node,
                             factum_value *value)
{
    factum_slice raw = factum_json_raw(text->json, node);
    char what[FCT_FMT_SIZE_MAX + 80];
    if ((factum_json_at(text->json, node)->flags & FACTUM_JSON_INTEGER) != 0) {
        value->kind = FACTUM_VALUE_INTEGER;
        if (fct_bind_int64(raw, &value->integer)) {
            return true;
        }
        (void)snprintf(what, sizeof what, "%.*s does not fit an integer of 64 bits", FCT_FMT(raw));
    } else {
        value->kind = FACTUM_VALUE_REAL;
        if (fct_bind_double(raw, &value->real)) {
            return true;
        }
        (void)snprintf(what, sizeof what, "%.*s is over the largest number of 64 bits",
                       FCT_FMT(raw));
    }
    return bind_trouble_at(b, text, node, what);
}

static bool bind_string(struct binding *b, const struct bind_text *text, uint32_t node,
                        factum_value *value)
{
    factum_slice inside = factum_json_inside(text->json, node);
    value->kind = FACTUM_VALUE_TEXT;
    if (!factum_json_is_escaped(text->json, node)) {
        value->bytes = bind_keep(b, text, inside);
        return true;
    }
    char *to = factum_arena_take(b->arena, inside.len);
    size_t len = 0;
    if (to == NULL) {
        return false;
    }
    if (factum_json_unescape(text->json, node, to, inside.len, &len) != FACTUM_OK) {
        return bind_trouble_at(b, text, node,
                               "a text with a lone surrogate (\\ud800 to \\udfff), which is no "
                               "character");
    }
    value->bytes = fct_slice(to, len);
    return true;
}

/* False: trouble, or the arena is full. */
static bool bind_node(struct binding *b, const struct bind_text *text, uint32_t node,
                      factum_value *value)
{
    *value = (factum_value){.kind = FACTUM_VALUE_NULL};
    if (node == FACTUM_JSON_NONE) {
        return true;
    }
    switch (factum_json_kind_of(text->json, node)) {
    case FACTUM_JSON_NULL:
        return true;
    case FACTUM_JSON_FALSE:
    case FACTUM_JSON_TRUE:
        value->kind = FACTUM_VALUE_INTEGER;
        value->integer = factum_json_kind_of(text->json, node) == FACTUM_JSON_TRUE ? 1 : 0;
        return true;
    case FACTUM_JSON_NUMBER:
        return bind_json_number(b, text, node, value);
    case FACTUM_JSON_TEXT:
        return bind_string(b, text, node, value);
    case FACTUM_JSON_ARRAY:
    case FACTUM_JSON_OBJECT:
        break;
    }
    value->kind = FACTUM_VALUE_TEXT;
    value->bytes = bind_keep(b, text, factum_json_raw(text->json, node));
    return true;
}

/* fct_path_find, inlined for short paths. */
static uint32_t bind_find_node(const struct fct_path *path, const factum_json *json, uint32_t node)
{
    uint32_t start = node;
    if (path == NULL) {
        return node;
    }
    for (uint32_t i = 0; i < path->count && node != FACTUM_JSON_NONE; i++) {
        const struct fct_path_step *step = &path->steps[i];
        if (step->kind != FCT_PATH_MEMBER) {
            /* A path with "[]" may have several ways: search from its start. */
            return fct_path_find(path, json, start);
        }
        node = factum_json_find(json, node, fct_slice(path->names + step->start, step->len));
    }
    return node;
}

static uint32_t bind_find_in(const struct fct_path *path, const struct bind_text *text)
{
    return text->json == NULL ? FACTUM_JSON_NONE
                              : bind_find_node(path, text->json, FACTUM_JSON_ROOT);
}

/* A text of the metadata; NULL if the member is not a text, or empty. */
static bool bind_id(struct binding *b, const char *name, factum_value *value)
{
    *value = (factum_value){.kind = FACTUM_VALUE_NULL};
    if (b->metadata.json == NULL) {
        return true;
    }
    const factum_json *json = b->metadata.json;
    uint32_t node = factum_json_find(json, FACTUM_JSON_ROOT, factum_slice_from(name));
    if (node == FACTUM_JSON_NONE || factum_json_kind_of(json, node) != FACTUM_JSON_TEXT ||
        factum_json_at(json, node)->len == 0) {
        return true;
    }
    return bind_node(b, &b->metadata, node, value);
}

static bool bind_text_value(factum_slice text, factum_value *value)
{
    *value =
        (factum_value){.kind = FACTUM_VALUE_TEXT, .bytes = text.len == 0 ? FCT_SLICE("") : text};
    return true;
}

static bool bind_whole(struct binding *b, uint64_t number, const char *what, factum_value *value)
{
    *value = (factum_value){.kind = FACTUM_VALUE_INTEGER, .integer = (int64_t)number};
    return number <= INT64_MAX || bind_trouble(b,
                                               "its %s, %" PRIu64 ", does not fit an integer of "
                                               "64 bits",
                                               what, number);
}

static bool bind_time(struct binding *b, size_t len_max, factum_value *value)
{
    char text[FACTUM_TIME_TEXT_SIZE];
    size_t len = fct_bind_time(&b->binder->clock, b->event->time, text);
    return bind_text_value(
        factum_arena_copy(b->arena, fct_slice(text, len < len_max ? len : len_max)), value);
}

static bool bind_event_id(struct binding *b, factum_value *value)
{
    char text[FACTUM_UUID_TEXT_SIZE];
    factum_uuid_format(b->event->id, text);
    return bind_text_value(factum_arena_copy(b->arena, fct_slice(text, sizeof text - 1)), value);
}

/* |row| is NULL outside of "each". */
static bool bind_parameter(struct binding *b, const struct fct_parameter *parameter,
                           const struct bind_row *row, factum_value *value)
{
    switch (parameter->kind) {
    case FCT_PARAMETER_EVENT_ID:
        return bind_event_id(b, value);
    case FCT_PARAMETER_EVENT_TYPE:
        return bind_text_value(b->bound->type, value);
    case FCT_PARAMETER_EVENT_TIME:
        return bind_time(b, FACTUM_TIME_TEXT_SIZE, value);
    case FCT_PARAMETER_EVENT_DATE:
        return bind_time(b, FCT_BIND_DATE_SIZE, value);
    case FCT_PARAMETER_EVENT_REVISION:
        return bind_whole(b, b->event->revision, "revision", value);
    case FCT_PARAMETER_EVENT_POSITION:
        return bind_whole(b, b->event->position, "position", value);
    case FCT_PARAMETER_STREAM:
        return bind_text_value(b->stream, value);
    case FCT_PARAMETER_CORRELATION_ID:
        return bind_id(b, "$correlationId", value);
    case FCT_PARAMETER_CAUSATION_ID:
        return bind_id(b, "$causationId", value);
    case FCT_PARAMETER_DATA:
        return bind_node(b, &b->data, bind_find_in(parameter->path, &b->data), value);
    case FCT_PARAMETER_META:
        return bind_node(b, &b->metadata, bind_find_in(parameter->path, &b->metadata), value);
    case FCT_PARAMETER_ITEM:
        return bind_node(b, &b->data,
                         row == NULL ? FACTUM_JSON_NONE
                                     : bind_find_node(parameter->path, b->data.json, row->node),
                         value);
    case FCT_PARAMETER_ITEM_INDEX:
        break;
    }
    *value = (factum_value){.kind = row == NULL ? FACTUM_VALUE_NULL : FACTUM_VALUE_INTEGER,
                            .integer = row == NULL ? 0 : (int64_t)row->index};
    return true;
}

static bool bind_is_of_row(const struct fct_parameter *parameter)
{
    return parameter->kind == FCT_PARAMETER_ITEM || parameter->kind == FCT_PARAMETER_ITEM_INDEX;
}

/* ---- data and metadata ----------------------------------------------------------------------- */

/* The same rule as that of schemas: application/json, text/json, and types that end in "+json". */
static bool bind_is_json(factum_slice type)
{
    const uint8_t *semicolon = type.len == 0 ? NULL : memchr(type.ptr, ';', type.len);
    size_t len = semicolon == NULL ? type.len : (size_t)(semicolon - type.ptr);
    factum_slice bare = fct_slice_trim(fct_slice(type.ptr, len), " ");
    return bare.len == 0 || fct_slice_equal(bare, FCT_SLICE("application/json")) ||
           fct_slice_equal(bare, FCT_SLICE("text/json")) ||
           (bare.len > 5 && memcmp(bare.ptr + bare.len - 5, "+json", 5) == 0);
}

static bool bind_read(struct binding *b, struct fct_json_doc *doc, factum_slice content,
                      struct bind_text *text)
{
    static const struct fct_json_extent extent = {.depth_max = FCT_JSON_DEPTH_MAX,
                                                  .nodes_max = FCT_BIND_NODES_MAX};
    const char *name = text == &b->metadata ? "metadata" : "data";
    struct fct_json_fault fault;
    text->copied = content.len <= COPY_WHOLE_MAX;
    if (text->copied && content.len > 0) {
        content = factum_arena_copy(b->arena, content);
        if (content.ptr == NULL) {
            return false;
        }
    }
    factum_status status = fct_json_doc_read(doc, content, extent, &fault);
    if (status == FACTUM_NO_MEMORY) {
        b->status = status;
        return false;
    }
    if (status == FACTUM_TOO_BIG) {
        return bind_trouble(b, "the %s has more than %u values and names", name,
                            FCT_BIND_NODES_MAX);
    }
    if (status != FACTUM_OK) {
        return bind_trouble(b, "the %s is not valid JSON: %s at byte %zu", name, fault.reason,
                            fault.at);
    }
    text->json = &doc->json;
    return true;
}

/* Parses what the handlers of the route and the key need. */
static bool bind_read_all(struct binding *b, const struct bind_route *route)
{
    struct fct_binder *binder = b->binder;
    const factum_event *event = b->event;
    bool data = binder->key_data;
    bool metadata = binder->key_metadata;
    for (uint32_t i = 0; i < route->count; i++) {
        const struct bind_plan *plan = &binder->plans[binder->order[route->first + i]];
        data = data || plan->data;
        metadata = metadata || plan->metadata;
    }
    if (data && !bind_is_json(event->content_type)) {
        return bind_trouble(b, "the data is %.*s, not JSON", FCT_FMT(event->content_type));
    }
    return (!data || bind_read(b, &binder->data, event->data, &b->data)) &&
           (!metadata || event->metadata.len == 0 ||
            bind_read(b, &binder->metadata, event->metadata, &b->metadata));
}

/* Frees what only a very large event has needed. */
static void bind_trim(struct fct_binder *binder)
{
    struct fct_json_doc *docs[] = {&binder->data, &binder->metadata};
    for (size_t i = 0; i < 2; i++) {
        if (docs[i]->capacity > NODES_KEPT_MAX) {
            fct_json_doc_finish(docs[i]);
            fct_json_doc_init(docs[i], binder->mem);
        }
    }
    if (binder->item_capacity > ITEMS_KEPT_MAX) {
        fct_mem_free(binder->mem, binder->items);
        binder->items = NULL;
        binder->item_capacity = 0;
    }
}

/* ---- the key --------------------------------------------------------------------------------- */

static bool bind_print(struct binding *b, int64_t number, factum_slice *key)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRId64, number);
    *key = factum_arena_copy(b->arena, fct_slice(text, (size_t)len));
    return true;
}

static FCT_COLD bool bind_key_trouble(struct binding *b, const char *what)
{
    return bind_trouble(b, "the key :%.*s is %s", FCT_FMT(b->binder->definition->key.name), what);
}

static bool bind_key_node(struct binding *b, const struct bind_text *text, uint32_t node,
                          factum_slice *key)
{
    factum_value value;
    int64_t number;
    if (node == FACTUM_JSON_NONE) {
        return bind_key_trouble(b, "missing");
    }
    switch (factum_json_kind_of(text->json, node)) {
    case FACTUM_JSON_FALSE:
        *key = FCT_SLICE("false");
        return true;
    case FACTUM_JSON_TRUE:
        *key = FCT_SLICE("true");
        return true;
    case FACTUM_JSON_NUMBER:
        if (factum_json_to_int64(text->json, node, &number) == FACTUM_OK) {
            return bind_print(b, number, key);
        }
        *key = bind_keep(b, text, factum_json_raw(text->json, node));
        return true;
    case FACTUM_JSON_TEXT:
        value = (factum_value){.kind = FACTUM_VALUE_NULL};
        if (!bind_string(b, text, node, &value)) {
            return false;
        }
        *key = value.bytes;
        return true;
    case FACTUM_JSON_NULL:
        return bind_key_trouble(b, "null");
    case FACTUM_JSON_ARRAY:
    case FACTUM_JSON_OBJECT:
        break;
    }
    return bind_key_trouble(b, "an array or an object: it must be a text or a number");
}

static bool bind_key_value(struct binding *b, factum_slice *key)
{
    const struct fct_parameter *parameter = &b->binder->definition->key;
    factum_value value;
    if (parameter->kind == FCT_PARAMETER_DATA || parameter->kind == FCT_PARAMETER_META) {
        const struct bind_text *text =
            parameter->kind == FCT_PARAMETER_DATA ? &b->data : &b->metadata;
        return bind_key_node(b, text, bind_find_in(parameter->path, text), key);
    }
    if (!bind_parameter(b, parameter, NULL, &value)) {
        return false;
    }
    if (value.kind == FACTUM_VALUE_INTEGER) {
        return bind_print(b, value.integer, key);
    }
    *key = value.bytes;
    return value.kind == FACTUM_VALUE_TEXT || bind_key_trouble(b, "missing");
}

static bool bind_key(struct binding *b)
{
    factum_slice key = b->stream;
    if (b->binder->definition->key.kind == FCT_PARAMETER_STREAM) {
        return true;
    }
    if (!bind_key_value(b, &key)) {
        return false;
    }
    if (key.len > FCT_BIND_KEY_SIZE_MAX) {
        return bind_trouble(b, "the key :%.*s has %zu bytes: at most %d",
                            FCT_FMT(b->binder->definition->key.name), key.len,
                            FCT_BIND_KEY_SIZE_MAX);
    }
    b->bound->key = key;
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool bind_item_room(struct binding *b, size_t count)
{
    struct fct_binder *binder = b->binder;
    if (count < binder->item_capacity) {
        return true;
    }
    size_t capacity = binder->item_capacity == 0 ? 64 : binder->item_capacity * 2;
    uint32_t *items =
        fct_mem_resize(binder->mem, binder->items, capacity * sizeof binder->items[0]);
    if (items == NULL) {
        b->status = FACTUM_NO_MEMORY;
        return false;
    }
    binder->items = items;
    binder->item_capacity = capacity;
    return true;
}

static bool bind_item_put(struct binding *b, uint32_t node, size_t *count)
{
    if (*count >= FCT_BIND_ROWS_MAX - b->row_count) {
        return bind_trouble(b, "it gives more than %u rows", FCT_BIND_ROWS_MAX);
    }
    if (!bind_item_room(b, *count)) {
        return false;
    }
    b->binder->items[(*count)++] = node;
    return true;
}

/* Collects the rows that |node|, a value at the path, gives. */
static bool bind_items_of(struct binding *b, uint32_t node, size_t *count)
{
    const factum_json *json = b->data.json;
    factum_json_kind kind = factum_json_kind_of(json, node);
    if (kind == FACTUM_JSON_NULL) {
        return true;
    }
    if (kind == FACTUM_JSON_OBJECT) {
        return bind_item_put(b, node, count);
    }
    if (kind != FACTUM_JSON_ARRAY) {
        return bind_trouble_at(b, &b->data, node,
                               "a section with \"each\" needs an array or an object here");
    }
    for (uint32_t at = factum_json_first(json, node); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, node, at)) {
        if (!bind_item_put(b, at, count)) {
            return false;
        }
    }
    return true;
}

static bool bind_items(struct binding *b, const struct bind_plan *plan, size_t *count)
{
    struct fct_path_walk walk;
    fct_path_begin(&walk, &plan->base, b->data.json, FACTUM_JSON_ROOT);
    for (uint32_t node = fct_path_next(&walk); node != FACTUM_JSON_NONE;
         node = fct_path_next(&walk)) {
        if (!bind_items_of(b, node, count)) {
            return false;
        }
    }
    return true;
}

/* Binds one parameter in each row. */
static bool bind_column(struct binding *b, const struct bind_plan *plan, size_t number,
                        factum_value *values, size_t rows)
{
    const struct fct_parameter *parameter = &plan->handler->parameters[number];
    size_t width = plan->handler->parameter_count;
    if (!plan->each || !bind_is_of_row(parameter)) {
        if (!bind_parameter(b, parameter, NULL, &values[number])) {
            return false;
        }
        for (size_t i = 1; i < rows; i++) {
            values[i * width + number] = values[number];
        }
        return true;
    }
    for (size_t i = 0; i < rows; i++) {
        struct bind_row row = {.node = b->binder->items[i], .index = i};
        if (!bind_parameter(b, parameter, &row, &values[i * width + number])) {
            return false;
        }
    }
    return true;
}

static bool bind_handler(struct binding *b, const struct bind_plan *plan, struct fct_bound *bound)
{
    size_t width = plan->handler->parameter_count;
    size_t rows = plan->each ? 0 : 1;
    if (plan->each && !bind_items(b, plan, &rows)) {
        return false;
    }
    *bound = (struct fct_bound){.handler = plan->handler, .row_count = rows};
    b->row_count += rows;
    if (rows > 0 && width > (FCT_BIND_VALUES_MAX - b->value_count) / rows) {
        return bind_trouble(b, "its rows have more than %u values", FCT_BIND_VALUES_MAX);
    }
    b->value_count += rows * width;
    if (rows == 0 || width == 0) {
        return true;
    }
    factum_value *values = factum_arena_take(b->arena, rows * width * sizeof *values);
    if (values == NULL) {
        return false;
    }
    bound->values = values;
    for (size_t i = 0; i < width; i++) {
        if (!bind_column(b, plan, i, values, rows)) {
            return false;
        }
    }
    return true;
}

static bool bind_all(struct binding *b, const struct bind_route *route)
{
    struct fct_bound *list = factum_arena_take(b->arena, route->count * sizeof *list);
    if (list == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < route->count; i++) {
        const struct bind_plan *plan = &b->binder->plans[b->binder->order[route->first + i]];
        if (!bind_handler(b, plan, &list[i])) {
            return false;
        }
    }
    b->bound->bound = list;
    b->bound->bound_count = route->count;
    return true;
}

factum_status fct_bind(struct fct_binder *binder, const factum_event *event, factum_arena *arena,
                       struct fct_bound_event *bound, factum_error *err)
{
    const struct bind_route *route = bind_slot(binder, event->type);
    struct binding b = {.binder = binder,
                        .event = event,
                        .arena = arena,
                        .bound = bound,
                        .data = {.place = ""},
                        .metadata = {.place = "metadata "}};
    b.stream = factum_arena_copy(arena, event->stream);
    *bound = (struct fct_bound_event){.position = event->position,
                                      .created = event->created,
                                      .size = event->data.len + event->metadata.len,
                                      .key = b.stream};
    if (route->count == 0) {
        bound->type = factum_arena_copy(arena, event->type);
    } else {
        bound->type = route->type;
        bool good = bind_read_all(&b, route) && bind_key(&b) && bind_all(&b, route);
        FCT_ASSERT(good || bound->trouble != NULL || b.status != FACTUM_OK ||
                   factum_arena_status(arena) != FACTUM_OK);
        bind_trim(binder);
    }
    if (b.status != FACTUM_OK) {
        return fct_fail(err, b.status, "an event at position %" PRIu64 ": out of memory",
                        event->position);
    }
    return fct_arena_status(arena, "an event", err);
}
