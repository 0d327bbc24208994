/* generate_model.c - types of C from the shapes of schemas. Layer: schema.
 *
 * Each schema becomes one type, so two $refs to one definition give one type. A type is added to
 * the list after all types that it contains by value. A schema that is met again while its type is
 * being built is used by pointer: so recursive types end. Recursion here is bounded by
 * FACTUM_GENERATE_DEPTH_MAX.
 */
#include "schema/generate_int.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

#define MEMBERS_MAX 512u         /* as FACTUM_TYPED_MEMBERS_MAX */
#define COMPARED_NODES_MAX 4096u /* a larger definition is not searched for in other schemas */
#define EMBEDDED_SIZE_MAX 4096u  /* a larger struct is used by pointer */

static bool is_plain(const struct fct_gen_type *type)
{
    return type->kind < FCT_GEN_ENUM;
}

static void init_plain(struct fct_gen *gen)
{
    static const struct fct_gen_type types[FCT_GEN_ENUM] = {
        [FCT_GEN_JSON] = {.name = "json", .size = 16},
        [FCT_GEN_TEXT] = {.name = "text", .size = 16},
        [FCT_GEN_NUMBER] = {.name = "number", .size = 16},
        [FCT_GEN_INT64] = {.name = "int64", .size = 8},
        [FCT_GEN_UINT64] = {.name = "uint64", .size = 8},
        [FCT_GEN_BOOL] = {.name = "bool", .size = 8},
    };
    for (size_t i = 0; i < FCT_GEN_ENUM; i++) {
        gen->plain[i] = types[i];
        gen->plain[i].kind = (enum fct_gen_kind)i;
        gen->plain[i].done = true;
    }
}

static struct fct_gen_use plain_use(struct fct_gen *gen, enum fct_gen_kind kind, const char *remark)
{
    FCT_ASSERT(kind < FCT_GEN_ENUM);
    return (struct fct_gen_use){.type = &gen->plain[kind], .remark = remark};
}

/* A request for the type of a schema. */
struct wish {
    uint32_t node;
    const char *name; /* used if the schema gives no name */
    uint32_t depth;
};

static factum_status build(struct fct_gen *gen, const struct wish *wish, struct fct_gen_use *use);

/* ---- making ---------------------------------------------------------------------------------- */

static factum_status new_type(struct fct_gen *gen, enum fct_gen_kind kind, uint32_t node,
                              struct fct_gen_type **type)
{
    if (++gen->type_count > FACTUM_GENERATE_STRUCTS_MAX) {
        return fct_gen_fail(gen, FACTUM_TOO_BIG, node, "more than 4096 C types in the category");
    }
    *type = fct_gen_take(gen, sizeof **type);
    if (*type == NULL) {
        return fct_gen_no_memory(gen);
    }
    (*type)->kind = kind;
    (*type)->doc = gen->doc;
    (*type)->node = node;
    return fct_gen_note(gen, node, &(*type)->note);
}

/* The type of the event has its name already. */
static factum_status name_type(struct fct_gen *gen, struct fct_gen_type *type, const char *wanted)
{
    if (type->node == gen->doc->root && gen->doc->name != NULL) {
        type->name = gen->doc->name;
        gen->doc->name = NULL;
        return FACTUM_OK;
    }
    return fct_gen_claim(gen, wanted, &type->name);
}

/* The size that a use adds to the containing type. */
static size_t size_of(const struct fct_gen_use *use)
{
    return (use->pointer ? 8 : use->type->size) + (use->nullable ? 8 : 0);
}

/* Adds the type to the list, which has everything that it contains by value. */
static void add_type(struct fct_gen *gen, struct fct_gen_type *type, size_t size)
{
    type->size = size;
    type->done = true;
    *gen->last = type;
    gen->last = &type->next;
}

/* Embeds the use in another type, or makes it a pointer if it is recursive or too large. */
static void embed(struct fct_gen_use *use)
{
    struct fct_gen_type *type = use->type;
    if (is_plain(type) || (type->done && type->size <= EMBEDDED_SIZE_MAX)) {
        return;
    }
    use->pointer = true;
    type->pointed = true;
    type->forward = type->forward || !type->done;
}

static factum_status join(struct fct_gen *gen, const char *name, const char *more,
                          const char **joined)
{
    return fct_gen_format(gen, joined, "%s_%s", name, more);
}

/* |name| with |text| appended in snake case. */
static factum_status join_text(struct fct_gen *gen, const char *name, factum_slice text,
                               const char **joined)
{
    const char *snake;
    factum_status status = fct_gen_snake(gen, text, &snake);
    return status != FACTUM_OK ? status : join(gen, name, snake, joined);
}

/* Claims |name| in capitals, for an enumerator. */
static factum_status claim_upper(struct fct_gen *gen, const char *name, const char **claimed)
{
    const char *upper;
    factum_status status = fct_gen_upper(gen, name, &upper);
    return status != FACTUM_OK ? status : fct_gen_claim(gen, upper, claimed);
}

/* A part of the type with its own name: order_status_value. */
static factum_status name_part(struct fct_gen *gen, struct fct_gen_type *type, const char *part)
{
    const char *wanted;
    factum_status status = join(gen, type->name, part, &wanted);
    return status != FACTUM_OK ? status : fct_gen_claim(gen, wanted, &type->part);
}

/* ---- items ----------------------------------------------------------------------------------- */

/* The item of a list or map: a value that may be null gets a box. */
/* NOLINTNEXTLINE(misc-no-recursion): by wish->depth */
static factum_status build_item(struct fct_gen *gen, const struct wish *wish,
                                struct fct_gen_use *use)
{
    struct fct_gen_type *box = NULL;
    factum_status status = build(gen, wish, use);
    if (status != FACTUM_OK || !use->nullable) {
        return status;
    }
    status = new_type(gen, FCT_GEN_BOX, wish->node, &box);
    if (status == FACTUM_OK) {
        status = fct_gen_claim(gen, wish->name, &box->name);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(box != NULL);
    box->item = *use;
    box->item.nullable = false;
    embed(&box->item);
    add_type(gen, box, size_of(&box->item) + 8);
    *use = (struct fct_gen_use){.type = box};
    return FACTUM_OK;
}

/* An existing list of the same items that is named after them. */
static struct fct_gen_type *find_list(const struct fct_gen *gen, const struct fct_gen_type *item)
{
    for (struct fct_gen_type *type = gen->first; type != NULL; type = type->next) {
        if (type->kind == FCT_GEN_LIST && type->shared && type->item.type == item) {
            return type;
        }
    }
    return NULL;
}

/* Lists of plain items and of definitions are named after their items, and shared. */
static factum_status name_list(struct fct_gen *gen, struct fct_gen_type *list, const char *wanted)
{
    const struct fct_gen_type *item = list->item.type;
    const char *name;
    factum_status status;
    list->shared = !list->forward && (is_plain(item) || (item->done && item->definition.len > 0));
    if (!list->shared) {
        return name_type(gen, list, wanted);
    }
    list->note = fct_slice("", 0); /* the note of its first use */
    status = is_plain(item) ? fct_gen_prefixed(gen, item->name, &name) : FACTUM_OK;
    if (status != FACTUM_OK) {
        return status;
    }
    status = join(gen, is_plain(item) ? name : item->name, "list", &name);
    return status != FACTUM_OK ? status : fct_gen_claim(gen, name, &list->name);
}

/* NOLINTNEXTLINE(misc-no-recursion): by wish->depth */
static factum_status build_list(struct fct_gen *gen, const struct wish *wish,
                                const struct fct_gen_shape *shape, struct fct_gen_use *use)
{
    struct fct_gen_type *list = use->type;
    struct wish item = {.node = shape->items, .depth = wish->depth + 1};
    factum_status status = join(gen, wish->name, "item", &item.name);
    list->item = plain_use(gen, FCT_GEN_JSON, NULL);
    if (status == FACTUM_OK && item.node != FACTUM_JSON_NONE) {
        status = build_item(gen, &item, &list->item);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_gen_type *other = list->forward ? NULL : find_list(gen, list->item.type);
    if (other != NULL) {
        use->type = other;
        return FACTUM_OK;
    }
    list->item.type->forward = list->item.type->forward || !list->item.type->done;
    status = name_list(gen, list, wish->name);
    add_type(gen, list, 16);
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): by wish->depth */
static factum_status build_map(struct fct_gen *gen, const struct wish *wish,
                               const struct fct_gen_shape *shape, struct fct_gen_type *map)
{
    struct wish item = {.node = shape->items, .depth = wish->depth + 1};
    factum_status status = join(gen, wish->name, "item", &item.name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = build_item(gen, &item, &map->item);
    if (status != FACTUM_OK) {
        return status;
    }
    status = name_part(gen, map, "entry");
    if (status != FACTUM_OK) {
        return status;
    }
    embed(&map->item);
    add_type(gen, map, 16);
    return FACTUM_OK;
}

/* ---- choices --------------------------------------------------------------------------------- */

static factum_status add_choice(struct fct_gen *gen, struct fct_gen_type *type, uint32_t value,
                                struct fct_gen_choice ***last)
{
    const char *name;
    struct fct_gen_choice *choice = fct_gen_take(gen, sizeof *choice);
    if (choice == NULL) {
        return fct_gen_no_memory(gen);
    }
    factum_status status = fct_gen_text(gen, value, &choice->json);
    if (status != FACTUM_OK) {
        return status;
    }
    status = join_text(gen, type->name, choice->json, &name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = claim_upper(gen, name, &choice->enumerator);
    if (status != FACTUM_OK) {
        return status;
    }
    **last = choice;
    *last = &choice->next;
    type->choice_count++;
    return FACTUM_OK;
}

/* The enumerator 0, and the name of the enum. */
static factum_status begin_choices(struct fct_gen *gen, struct fct_gen_type *type, const char *part)
{
    const char *name;
    factum_status status = join(gen, type->name, "unknown", &name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = claim_upper(gen, name, &type->unknown);
    return status != FACTUM_OK ? status : name_part(gen, type, part);
}

static bool has_choice(const struct fct_gen_type *type, factum_slice json)
{
    for (const struct fct_gen_choice *choice = type->choices; choice != NULL;
         choice = choice->next) {
        if (fct_slice_equal(choice->json, json)) {
            return true;
        }
    }
    return false;
}

/* Adds the text of a value of an enum, or of a branch of a oneOf. */
static factum_status add_value(struct fct_gen *gen, struct fct_gen_type *type, uint32_t value,
                               struct fct_gen_choice ***last)
{
    factum_slice text;
    factum_status status = fct_gen_text(gen, value, &text);
    if (status != FACTUM_OK || has_choice(type, text)) {
        return status;
    }
    return add_choice(gen, type, value, last);
}

static factum_status build_enum(struct fct_gen *gen, const struct fct_gen_shape *shape,
                                struct fct_gen_type *type)
{
    const factum_json *json = &gen->doc->json;
    struct fct_gen_choice **last = &type->choices;
    factum_status status = begin_choices(gen, type, "value");
    for (uint32_t i = 0; status == FACTUM_OK && i < shape->branch_count; i++) {
        status = add_value(gen, type, fct_gen_constant(gen, shape->branches[i]), &last);
    }
    uint32_t at =
        shape->values == FACTUM_JSON_NONE ? shape->values : factum_json_first(json, shape->values);
    for (; status == FACTUM_OK && at != FACTUM_JSON_NONE;
         at = factum_json_next(json, shape->values, at)) {
        if (factum_json_kind_of(json, at) == FACTUM_JSON_TEXT) {
            status = add_value(gen, type, at, &last);
        }
    }
    if (status == FACTUM_OK) {
        add_type(gen, type, 24);
    }
    return status;
}

static factum_status build_struct(struct fct_gen *gen, const struct fct_gen_parts *parts,
                                  struct fct_gen_type *type, uint32_t depth);

static bool says_of_members(const struct fct_gen *gen, const struct fct_gen_parts *parts)
{
    static const char *const keys[] = {"properties", "required", "additionalProperties",
                                       "patternProperties"};
    for (uint32_t i = 0; i < parts->count * 4; i++) {
        if (fct_gen_key(gen, parts->nodes[i / 4], keys[i % 4]) != FACTUM_JSON_NONE) {
            return true;
        }
    }
    return false;
}

/* The struct of a branch: its own, or a new one if the schema around the choice has members. */
/* NOLINTNEXTLINE(misc-no-recursion): by wish->depth */
static factum_status build_variant(struct fct_gen *gen, const struct wish *wish,
                                   const struct fct_gen_shape *shape, struct fct_gen_use *use)
{
    struct fct_gen_parts parts = {.count = 0};
    struct fct_gen_type *type = NULL;
    factum_status status;
    if (!says_of_members(gen, &shape->parts)) {
        status = build(gen, wish, use);
        if (status != FACTUM_OK) {
            return status;
        }
        if (use->type->kind == FCT_GEN_STRUCT && !use->nullable) {
            embed(use);
            return FACTUM_OK;
        }
    }
    status = fct_gen_branch(gen, &shape->parts, wish->node, &parts);
    if (status != FACTUM_OK) {
        return status;
    }
    status = new_type(gen, FCT_GEN_STRUCT, wish->node, &type);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_gen_claim(gen, wish->name, &type->name);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(type != NULL);
    status = build_struct(gen, &parts, type, wish->depth);
    if (status == FACTUM_OK) {
        *use = (struct fct_gen_use){.type = type};
        embed(use);
    }
    return status;
}

/* The constant of a branch's tag. */
static factum_status tag_value(struct fct_gen *gen, const struct fct_gen_shape *shape,
                               uint32_t branch, uint32_t *value)
{
    struct fct_gen_parts parts;
    struct fct_gen_target target;
    factum_status status = fct_gen_branch(gen, &shape->parts, branch, &parts);
    if (status == FACTUM_OK) {
        status = fct_gen_follow(gen, fct_gen_property(gen, &parts, shape->tag), &target);
    }
    *value = status == FACTUM_OK ? fct_gen_constant(gen, target.node) : FACTUM_JSON_NONE;
    return status;
}

/* A union whose branches are being added. */
struct union_build {
    struct fct_gen_type *type;
    struct fct_gen_choice **last;
    struct fct_gen_names members;
    size_t size; /* of the largest branch */
};

/* Adds a branch: its choice, its type and the member of the C union. */
/* NOLINTNEXTLINE(misc-no-recursion): by wish->depth */
static factum_status add_branch(struct fct_gen *gen, const struct fct_gen_shape *shape,
                                struct union_build *making, struct wish *wish)
{
    struct fct_gen_choice **here = making->last;
    const char *name;
    uint32_t value;
    factum_status status = tag_value(gen, shape, wish->node, &value);
    if (status != FACTUM_OK) {
        return status;
    }
    status = add_choice(gen, making->type, value, &making->last);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_gen_choice *choice = *here;
    status = join_text(gen, making->type->name, choice->json, &wish->name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = build_variant(gen, wish, shape, &choice->use);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_gen_snake(gen, choice->json, &name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_gen_member(gen, factum_slice_from(name), &name);
    if (status != FACTUM_OK) {
        return status;
    }
    size_t needed = size_of(&choice->use);
    making->size = needed > making->size ? needed : making->size;
    return fct_gen_claim_member(gen, &making->members, name, &choice->member);
}

/* NOLINTNEXTLINE(misc-no-recursion): by depth */
static factum_status build_union(struct fct_gen *gen, const struct fct_gen_shape *shape,
                                 struct fct_gen_type *type, uint32_t depth)
{
    struct union_build making = {.type = type, .last = &type->choices, .size = 16};
    const char *name;
    type->tag = shape->tag;
    factum_status status = begin_choices(gen, type, "variant");
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_gen_claim_member(gen, &making.members, "unknown", &name);
    for (uint32_t i = 0; status == FACTUM_OK && i < shape->branch_count; i++) {
        struct wish wish = {.node = shape->branches[i], .depth = depth + 1};
        status = add_branch(gen, shape, &making, &wish);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    add_type(gen, type, making.size + 8);
    return FACTUM_OK;
}

/* ---- structs --------------------------------------------------------------------------------- */

/* A struct whose members are being collected. */
struct gathering {
    struct fct_gen_type *type;
    const struct fct_gen_parts *parts;
    struct fct_gen_field **last;
    struct fct_gen_names names;
};

static struct fct_gen_field *find_field(const struct fct_gen_type *type, factum_slice json)
{
    struct fct_gen_field *field = type->fields;
    while (field != NULL && !fct_slice_equal(field->json, json)) {
        field = field->next;
    }
    return field;
}

/* Do both schemas have the same plain C type? */
static factum_status same_plain(struct fct_gen *gen, uint32_t one, uint32_t other, bool *same)
{
    struct fct_gen_shape first;
    struct fct_gen_shape second = {.nullable = false};
    factum_status status = fct_gen_shape(gen, one, &first);
    if (status == FACTUM_OK) {
        status = fct_gen_shape(gen, other, &second);
    }
    *same = status == FACTUM_OK && first.kind == second.kind && first.kind != FCT_GEN_JSON &&
            first.kind < FCT_GEN_ENUM && first.nullable == second.nullable;
    return status;
}

/* Another schema of a known member. Its constant is more important than its type. */
static factum_status meet_again(struct fct_gen *gen, struct fct_gen_field *field, uint32_t node)
{
    struct fct_gen_target one;
    struct fct_gen_target other = {.node = node};
    factum_status status = fct_gen_follow(gen, field->node, &one);
    if (status == FACTUM_OK) {
        status = fct_gen_follow(gen, node, &other);
    }
    if (status != FACTUM_OK || one.node == other.node || !fct_gen_has_structure(gen, other.node)) {
        return status;
    }
    bool constant = fct_gen_constant(gen, one.node) != FACTUM_JSON_NONE;
    if (!fct_gen_has_structure(gen, one.node) ||
        (!constant && fct_gen_constant(gen, other.node) != FACTUM_JSON_NONE)) {
        field->node = node;
        field->conflict = false;
    } else if (!constant && !field->conflict) {
        status = same_plain(gen, one.node, other.node, &field->conflict);
        field->conflict = !field->conflict;
    }
    return status;
}

/* |node| is the schema of the member, or FACTUM_JSON_NONE. */
static factum_status gather_one(struct fct_gen *gen, struct gathering *gathering, factum_slice json,
                                uint32_t node)
{
    struct fct_gen_type *type = gathering->type;
    struct fct_gen_field *field = find_field(type, json);
    if (field != NULL) {
        return node == FACTUM_JSON_NONE ? FACTUM_OK : meet_again(gen, field, node);
    }
    if (type->field_count == MEMBERS_MAX) {
        return fct_gen_fail(gen, FACTUM_TOO_BIG, type->node, "an object of more than 512 members");
    }
    field = fct_gen_take(gen, sizeof *field);
    if (field == NULL) {
        return fct_gen_no_memory(gen);
    }
    field->json = json;
    field->node = node;
    field->required = fct_gen_requires(gen, gathering->parts, json);
    *gathering->last = field;
    gathering->last = &field->next;
    type->field_count++;
    factum_status status = fct_gen_member(gen, json, &field->name);
    return status != FACTUM_OK
               ? status
               : fct_gen_claim_member(gen, &gathering->names, field->name, &field->name);
}

static factum_status gather(struct fct_gen *gen, struct gathering *gathering)
{
    const factum_json *json = &gen->doc->json;
    const struct fct_gen_parts *parts = gathering->parts;
    for (uint32_t i = 0; i < parts->count; i++) {
        uint32_t object = fct_gen_key(gen, parts->nodes[i], "properties");
        uint32_t at = object == FACTUM_JSON_NONE ? object : factum_json_first(json, object);
        for (; at != FACTUM_JSON_NONE; at = factum_json_next(json, object, at)) {
            factum_slice name;
            factum_status status = fct_gen_text(gen, at, &name);
            if (status == FACTUM_OK && factum_json_kind_of(json, at + 1) != FACTUM_JSON_FALSE) {
                status = gather_one(gen, gathering, name, at + 1);
            }
            if (status != FACTUM_OK) {
                return status;
            }
        }
    }
    return FACTUM_OK;
}

/* Adds required members that no "properties" describes. */
static factum_status gather_required(struct fct_gen *gen, struct gathering *gathering)
{
    const factum_json *json = &gen->doc->json;
    const struct fct_gen_parts *parts = gathering->parts;
    for (uint32_t i = 0; i < parts->count; i++) {
        uint32_t list = fct_gen_key(gen, parts->nodes[i], "required");
        uint32_t at = list == FACTUM_JSON_NONE ? list : factum_json_first(json, list);
        for (; at != FACTUM_JSON_NONE; at = factum_json_next(json, list, at)) {
            factum_slice name;
            if (factum_json_kind_of(json, at) != FACTUM_JSON_TEXT) {
                continue;
            }
            factum_status status = fct_gen_text(gen, at, &name);
            if (status == FACTUM_OK) {
                status = gather_one(gen, gathering, name, FACTUM_JSON_NONE);
            }
            if (status != FACTUM_OK) {
                return status;
            }
        }
    }
    return FACTUM_OK;
}

/* Sets the constant of a member, if its schema has one. */
static factum_status set_constant(struct fct_gen *gen, struct fct_gen_field *field, uint32_t value)
{
    static const enum fct_gen_constant constants[] = {
        [FACTUM_JSON_NULL] = FCT_GEN_ALWAYS_NULL, [FACTUM_JSON_FALSE] = FCT_GEN_ALWAYS_FALSE,
        [FACTUM_JSON_TRUE] = FCT_GEN_ALWAYS_TRUE, [FACTUM_JSON_NUMBER] = FCT_GEN_ALWAYS_NUMBER,
        [FACTUM_JSON_TEXT] = FCT_GEN_ALWAYS_TEXT,
    };
    factum_json_kind kind = factum_json_kind_of(&gen->doc->json, value);
    FCT_ASSERT(kind <= FACTUM_JSON_TEXT);
    field->constant = constants[kind];
    if (kind == FACTUM_JSON_TEXT) {
        return fct_gen_text(gen, value, &field->value);
    }
    field->value = factum_json_raw(&gen->doc->json, value);
    return field->value.len > FACTUM_GENERATE_NAME_SIZE_MAX
               ? fct_gen_fail(gen, FACTUM_TOO_BIG, value, "a constant of more than 1024 bytes")
               : FACTUM_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): by depth */
static factum_status build_field(struct fct_gen *gen, struct fct_gen_type *type,
                                 struct fct_gen_field *field, uint32_t depth)
{
    struct fct_gen_target target;
    struct wish wish = {.node = field->node, .depth = depth + 1};
    if (field->node == FACTUM_JSON_NONE || field->conflict) {
        field->use = plain_use(gen, FCT_GEN_JSON, field->conflict ? "several schemas" : NULL);
        return FACTUM_OK;
    }
    factum_status status = fct_gen_note(gen, field->node, &field->note);
    if (status == FACTUM_OK) {
        status = fct_gen_follow(gen, field->node, &target);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    uint32_t constant = target.open == NULL ? fct_gen_constant(gen, target.node) : FACTUM_JSON_NONE;
    if (constant != FACTUM_JSON_NONE) {
        return set_constant(gen, field, constant);
    }
    status = join_text(gen, type->name, field->json, &wish.name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = build(gen, &wish, &field->use);
    if (status != FACTUM_OK) {
        return status;
    }
    embed(&field->use);
    bool said = !is_plain(field->use.type) && fct_slice_equal(field->note, field->use.type->note);
    field->note = said ? fct_slice("", 0) : field->note; /* the type has the note */
    return FACTUM_OK;
}

/* The schema of unnamed members, if exactly one schema gives it. */
static uint32_t others_of(const struct fct_gen *gen, const struct fct_gen_parts *parts)
{
    uint32_t found = FACTUM_JSON_NONE;
    if (parts->count != 1 ||
        fct_gen_key(gen, parts->nodes[0], "patternProperties") != FACTUM_JSON_NONE) {
        return found;
    }
    found = fct_gen_key(gen, parts->nodes[0], "additionalProperties");
    bool says = found != FACTUM_JSON_NONE &&
                factum_json_kind_of(&gen->doc->json, found) == FACTUM_JSON_OBJECT &&
                factum_json_count(&gen->doc->json, found) > 0;
    return says ? found : FACTUM_JSON_NONE;
}

/* NOLINTNEXTLINE(misc-no-recursion): by depth */
static factum_status build_rest(struct fct_gen *gen, struct gathering *gathering, uint32_t depth)
{
    struct fct_gen_type *type = gathering->type;
    struct wish wish = {.node = others_of(gen, gathering->parts), .depth = depth + 1};
    bool typed = wish.node != FACTUM_JSON_NONE;
    type->rest = typed               ? FCT_GEN_REST_TYPED
                 : gen->keep_unknown ? FCT_GEN_REST_KEPT
                                     : FCT_GEN_REST_DROPPED;
    if (type->rest == FCT_GEN_REST_DROPPED) {
        return FACTUM_OK;
    }
    factum_status status = fct_gen_claim_member(gen, &gathering->names, "others", &type->rest_name);
    if (status != FACTUM_OK || !typed) {
        return status;
    }
    status = join(gen, type->name, "others_item", &wish.name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = build_item(gen, &wish, &type->item);
    if (status != FACTUM_OK) {
        return status;
    }
    embed(&type->item);
    return name_part(gen, type, "others");
}

/* NOLINTNEXTLINE(misc-no-recursion): by depth */
static factum_status build_struct(struct fct_gen *gen, const struct fct_gen_parts *parts,
                                  struct fct_gen_type *type, uint32_t depth)
{
    struct gathering gathering = {.type = type, .parts = parts, .last = &type->fields};
    size_t size = 0;
    factum_status status = gather(gen, &gathering);
    if (status != FACTUM_OK) {
        return status;
    }
    status = gather_required(gen, &gathering);
    for (struct fct_gen_field *field = type->fields; status == FACTUM_OK && field != NULL;
         field = field->next) {
        status = build_field(gen, type, field, depth);
        bool variable = status == FACTUM_OK && field->constant == FCT_GEN_VARIABLE;
        size += (variable ? size_of(&field->use) : 0) + (field->required ? 0 : 8);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = build_rest(gen, &gathering, depth);
    if (status != FACTUM_OK) {
        return status;
    }
    add_type(gen, type, size + 16);
    return FACTUM_OK;
}

/* ---- one schema ------------------------------------------------------------------------------ */

/* Does |node| contain a $ref? */
static bool has_refs(const factum_json *json, uint32_t node)
{
    for (uint32_t at = node; at < json->nodes[node].next; at++) {
        if ((json->nodes[at].flags & FACTUM_JSON_NAME) != 0 &&
            factum_json_text_is(json, at, FCT_SLICE("$ref"))) {
            return true;
        }
    }
    return false;
}

/* The type of an equal definition, without $refs, in the schema of another event type. */
static struct fct_gen_type *find_definition(const struct fct_gen *gen, factum_slice definition,
                                            uint32_t node)
{
    const factum_json *json = &gen->doc->json;
    if (json->nodes[node].next - node > COMPARED_NODES_MAX) {
        return NULL;
    }
    for (struct fct_gen_type *type = gen->first; type != NULL; type = type->next) {
        bool equal = false;
        if (definition.len > 0 && type->doc != gen->doc &&
            fct_slice_equal(type->definition, definition) &&
            factum_json_equal(&type->doc->json, type->node, json, node, &equal) == FACTUM_OK &&
            equal && !has_refs(json, node)) {
            return type;
        }
    }
    return NULL;
}

/* Builds use->type. */
/* NOLINTNEXTLINE(misc-no-recursion): by wish->depth */
static factum_status fill(struct fct_gen *gen, const struct wish *wish,
                          const struct fct_gen_shape *shape, struct fct_gen_use *use)
{
    struct fct_gen_type *type = use->type;
    factum_status status;
    if (shape->kind == FCT_GEN_LIST) {
        return build_list(gen, wish, shape, use);
    }
    status = name_type(gen, type, wish->name);
    if (status != FACTUM_OK) {
        return status;
    }
    return shape->kind == FCT_GEN_STRUCT  ? build_struct(gen, &shape->parts, type, wish->depth)
           : shape->kind == FCT_GEN_UNION ? build_union(gen, shape, type, wish->depth)
           : shape->kind == FCT_GEN_MAP   ? build_map(gen, wish, shape, type)
                                          : build_enum(gen, shape, type);
}

/* Builds a schema for the first time. *kept is the entry for later uses. */
/* NOLINTNEXTLINE(misc-no-recursion): by wish->depth */
static factum_status build_new(struct fct_gen *gen, const struct wish *wish,
                               factum_slice definition, struct fct_gen_use *kept)
{
    struct fct_gen_shape shape;
    factum_status status = fct_gen_shape(gen, wish->node, &shape);
    if (status != FACTUM_OK) {
        return status;
    }
    if (shape.pass != FACTUM_JSON_NONE) {
        struct wish pass = {.node = shape.pass, .name = wish->name, .depth = wish->depth + 1};
        gen->doc->uses[wish->node] = NULL; /* a circle of aliases ends at the maximum depth */
        status = build(gen, &pass, kept);
        kept->nullable = kept->nullable || shape.nullable;
        gen->doc->uses[wish->node] = kept;
        return status;
    }
    if (shape.kind < FCT_GEN_ENUM) {
        *kept = plain_use(gen, shape.kind, shape.remark);
        kept->nullable = shape.nullable;
        return FACTUM_OK;
    }
    *kept = (struct fct_gen_use){.type = find_definition(gen, definition, wish->node),
                                 .nullable = shape.nullable};
    if (kept->type != NULL) {
        return FACTUM_OK;
    }
    status = new_type(gen, shape.kind, wish->node, &kept->type);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(kept->type != NULL);
    kept->type->definition = definition;
    return fill(gen, wish, &shape, kept);
}

/* NOLINTNEXTLINE(misc-no-recursion): by wish->depth */
static factum_status build(struct fct_gen *gen, const struct wish *wish, struct fct_gen_use *use)
{
    struct fct_gen_target target;
    struct wish followed = *wish;
    const char *name;
    if (wish->depth > FACTUM_GENERATE_DEPTH_MAX) {
        return fct_gen_fail(gen, FACTUM_TOO_BIG, wish->node, "schemas nest deeper than 64");
    }
    factum_status status = fct_gen_follow(gen, wish->node, &target);
    if (status != FACTUM_OK) {
        return status;
    }
    if (target.open != NULL) {
        *use = plain_use(gen, FCT_GEN_JSON, target.open);
        return FACTUM_OK;
    }
    struct fct_gen_use **kept = &gen->doc->uses[target.node];
    if (*kept == NULL) {
        if (target.definition.len > 0) {
            status = fct_gen_snake(gen, target.definition, &name);
            if (status == FACTUM_OK) {
                status = fct_gen_prefixed(gen, name, &followed.name);
            }
        }
        struct fct_gen_use *made = fct_gen_take(gen, sizeof *made);
        if (status != FACTUM_OK || made == NULL) {
            return status != FACTUM_OK ? status : fct_gen_no_memory(gen);
        }
        followed.node = target.node;
        *kept = made;
        status = build_new(gen, &followed, target.definition, made);
        *use = *made;
        return status;
    }
    *use = **kept;
    return FACTUM_OK;
}

/* ---- the events ------------------------------------------------------------------------------ */

/* The names of an event come before all others. */
static factum_status name_event(struct fct_gen *gen, struct fct_gen_doc *doc,
                                struct fct_gen_names *members)
{
    const char *snake;
    const char *name;
    size_t prefix = strlen(gen->prefix);
    factum_status status = fct_gen_snake(gen, doc->type, &snake);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_gen_prefixed(gen, snake, &name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_gen_claim(gen, name, &doc->name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = claim_upper(gen, name, &doc->enumerator);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_gen_member(gen, factum_slice_from(name + prefix + 1), &snake);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_gen_claim_member(gen, members, snake, &doc->member);
}

static factum_status build_event(struct fct_gen *gen, struct fct_gen_doc *doc)
{
    struct fct_gen_target target;
    struct wish wish = {.node = FACTUM_JSON_ROOT, .name = doc->name};
    gen->doc = doc;
    factum_json_kind kind = factum_json_kind_of(&doc->json, FACTUM_JSON_ROOT);
    if (kind != FACTUM_JSON_OBJECT && kind != FACTUM_JSON_TRUE && kind != FACTUM_JSON_FALSE) {
        return fct_gen_fail(gen, FACTUM_INVALID, FACTUM_JSON_ROOT,
                            "a schema is an object, true or false");
    }
    factum_status status = fct_gen_follow(gen, FACTUM_JSON_ROOT, &target);
    if (status != FACTUM_OK) {
        return status;
    }
    doc->root = target.node;
    status = fct_gen_note(gen, FACTUM_JSON_ROOT, &doc->note);
    if (status != FACTUM_OK) {
        return status;
    }
    status = build(gen, &wish, &doc->use);
    if (status != FACTUM_OK) {
        return status;
    }
    if (doc->use.nullable) {
        doc->use = plain_use(gen, FCT_GEN_JSON, "it may be null");
    }
    embed(&doc->use);
    return FACTUM_OK;
}

static factum_status claim_fixed(struct fct_gen *gen)
{
    static const char *const fixed[] = {"event",       "event_type",      "event_parse",
                                        "event_print", "event_type_name", "event_type_of"};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        const char *name;
        factum_status status = join(gen, gen->prefix, fixed[i], &name);
        if (status == FACTUM_OK) {
            status = fct_gen_claim(gen, name, &name);
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

static void mark_use(const struct fct_gen_use *use)
{
    if (use->type != NULL && !is_plain(use->type)) {
        use->type->used = true;
    }
}

static void mark_parts(const struct fct_gen_type *type)
{
    mark_use(&type->item);
    for (const struct fct_gen_field *field = type->fields; field != NULL; field = field->next) {
        mark_use(&field->use);
    }
    for (const struct fct_gen_choice *choice = type->choices; choice != NULL;
         choice = choice->next) {
        mark_use(&choice->use);
    }
}

/* Marks the types that events use, directly or indirectly. */
static void mark_used(struct fct_gen *gen)
{
    uint32_t before;
    uint32_t after = 0;
    for (size_t i = 0; i < gen->doc_count; i++) {
        mark_use(&gen->docs[i].use);
    }
    do {
        before = after;
        after = 0;
        for (const struct fct_gen_type *type = gen->first; type != NULL; type = type->next) {
            if (type->used) {
                mark_parts(type);
            }
        }
        for (const struct fct_gen_type *type = gen->first; type != NULL; type = type->next) {
            after += type->used ? 1 : 0;
        }
    } while (after != before);
}

factum_status fct_gen_model(struct fct_gen *gen)
{
    struct fct_gen_names members = {.slots = NULL};
    init_plain(gen);
    factum_status status = claim_fixed(gen);
    for (size_t i = 0; status == FACTUM_OK && i < gen->doc_count; i++) {
        status = name_event(gen, &gen->docs[i], &members);
    }
    for (size_t i = 0; status == FACTUM_OK && i < gen->doc_count; i++) {
        status = build_event(gen, &gen->docs[i]);
    }
    if (status == FACTUM_OK) {
        mark_used(gen);
    }
    return status;
}
