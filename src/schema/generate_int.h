/* generate_int.h - the model between JSON Schemas and C text: types, their members, their names.
 * Layer: schema, private to it.
 *
 * Everything is in the arena of one struct fct_gen. |first| .. |next| lists the types in an order
 * in which they can be defined: a type comes after those that it contains by value.
 */
#ifndef FCT_SCHEMA_GENERATE_INT_H
#define FCT_SCHEMA_GENERATE_INT_H

#include <factum/arena.h>
#include <factum/generate.h>
#include <factum/json.h>

#include "core/buf.h"

enum fct_gen_kind {
    FCT_GEN_JSON, /* any value, raw */
    FCT_GEN_TEXT,
    FCT_GEN_NUMBER, /* raw */
    FCT_GEN_INT64,
    FCT_GEN_UINT64,
    FCT_GEN_BOOL,
    FCT_GEN_ENUM,   /* from here on named types */
    FCT_GEN_LIST,   /* of |item| */
    FCT_GEN_MAP,    /* from names to |item| */
    FCT_GEN_BOX,    /* |item| or null */
    FCT_GEN_STRUCT, /* |fields| */
    FCT_GEN_UNION,  /* one of |choices|, by the member |tag| */
};

/* The constant value of a member. */
enum fct_gen_constant {
    FCT_GEN_VARIABLE,
    FCT_GEN_ALWAYS_TEXT,
    FCT_GEN_ALWAYS_NUMBER,
    FCT_GEN_ALWAYS_TRUE,
    FCT_GEN_ALWAYS_FALSE,
    FCT_GEN_ALWAYS_NULL,
};

struct fct_gen_type;

/* The use of a type. */
struct fct_gen_use {
    struct fct_gen_type *type;
    bool nullable;
    bool pointer;       /* by pointer: recursive, or large */
    const char *remark; /* why it has this type, or NULL */
};

struct fct_gen_field {
    struct fct_gen_field *next;
    factum_slice json;
    const char *name;
    uint32_t node;          /* its schema */
    struct fct_gen_use use; /* of a variable member */
    enum fct_gen_constant constant;
    factum_slice value; /* of a constant text or number */
    bool required;
    bool conflict; /* several schemas differ about it */
    factum_slice note;
};

/* A text of an enum, or a variant of a union. */
struct fct_gen_choice {
    struct fct_gen_choice *next;
    factum_slice json;
    const char *enumerator;
    const char *member;     /* of the union */
    struct fct_gen_use use; /* of the variant */
};

enum fct_gen_rest {
    FCT_GEN_REST_DROPPED,
    FCT_GEN_REST_KEPT,  /* kept raw */
    FCT_GEN_REST_TYPED, /* additionalProperties has a schema: |item| */
};

struct fct_gen_type {
    enum fct_gen_kind kind;
    bool done;
    bool forward; /* used before it is defined */
    bool pointed; /* used by pointer */
    bool used;    /* directly or indirectly by an event */
    struct fct_gen_type *next;
    const char *name;
    const char *part;        /* the enum of an enum or union, the entry of a map or rest */
    const char *rest_name;   /* the member that has the other members */
    const char *unknown;     /* the enumerator 0 of an enum or union */
    factum_slice definition; /* its name in the schema, if it has one there */
    factum_slice note;
    size_t size; /* an estimate of sizeof, at least 1 */
    struct fct_gen_use item;
    struct fct_gen_field *fields;
    struct fct_gen_choice *choices;
    uint32_t field_count, choice_count;
    enum fct_gen_rest rest;
    bool shared; /* a list that is named after its items */
    factum_slice tag;
    const struct fct_gen_doc *doc; /* the document that it comes from */
    uint32_t node;
};

/* The schema of one event type. */
struct fct_gen_doc {
    factum_json json;
    factum_slice type;
    struct fct_gen_use **uses; /* the use of each schema, by node */
    uint32_t root;             /* the schema that the root leads to */
    bool legacy;               /* up to draft 7: keywords beside a $ref are ignored */
    bool nested_ids;           /* it contains an $id: a $ref may lead elsewhere than it seems */
    factum_slice id;
    /* The event: */
    const char *name; /* of its type, if that is a named type */
    struct fct_gen_use use;
    const char *enumerator;
    const char *member;
    factum_slice note;
};

#define FCT_GEN_IDENTIFIER_MAX 96 /* a longer one is truncated and gets a hash */

struct fct_gen_names {
    const char **slots;
    size_t count, capacity;
};

struct fct_gen {
    const struct fct_mem *mem;
    factum_arena arena;
    factum_error *err;
    factum_slice category;
    bool keep_unknown;
    const char *prefix; /* "order" */
    const char *upper;  /* "ORDER" */
    struct fct_gen_doc *docs;
    size_t doc_count;
    struct fct_gen_doc *doc; /* the current one */
    struct fct_gen_names names;
    struct fct_gen_type plain[FCT_GEN_ENUM];
    struct fct_gen_type *first, **last;
    uint32_t type_count;
    size_t work; /* steps of the model so far */
};

/* ---- generate.c: memory, failures ------------------------------------------------------------ */
/* Cleared memory; NULL after an error. */
void *fct_gen_take(struct fct_gen *gen, size_t size);
factum_status fct_gen_no_memory(const struct fct_gen *gen);
/* Fails with "OrderPlaced: /properties/x: problem". Errors: INVALID, TOO_BIG. */
factum_status fct_gen_fail(const struct fct_gen *gen, factum_status status, uint32_t node,
                           const char *problem);
FCT_MUST_USE factum_status fct_gen_format(struct fct_gen *gen, const char **text,
                                          const char *format, ...) FCT_PRINTF(3, 4);

/* ---- generate_name.c: names of C ------------------------------------------------------------- */
/* "OrderPlaced" becomes order_placed: letters, digits and '_' only. */
FCT_MUST_USE factum_status fct_gen_snake(struct fct_gen *gen, factum_slice text, const char **name);
FCT_MUST_USE factum_status fct_gen_upper(struct fct_gen *gen, const char *snake, const char **name);
/* The name of a member: the text itself if C and C++ allow it. */
FCT_MUST_USE factum_status fct_gen_member(struct fct_gen *gen, factum_slice text,
                                          const char **name);
/* Reserves |wanted| in the file: truncated if it is too long, with a number if it is taken. */
FCT_MUST_USE factum_status fct_gen_claim(struct fct_gen *gen, const char *wanted,
                                         const char **name);
/* fct_gen_claim for a member of a struct whose names are |names|, with has_NAME and
 * NAME_is_null. */
FCT_MUST_USE factum_status fct_gen_claim_member(struct fct_gen *gen, struct fct_gen_names *names,
                                                const char *wanted, const char **name);
/* |snake| with the category as its prefix, unless it begins with the category. */
FCT_MUST_USE factum_status fct_gen_prefixed(struct fct_gen *gen, const char *snake,
                                            const char **name);

/* ---- generate_schema.c: schemas as they stand ------------------------------------------------ */
uint32_t fct_gen_key(const struct fct_gen *gen, uint32_t node, const char *key);
/* The decoded text or name at |node|. Errors: INVALID (a lone surrogate), TOO_BIG (a long text). */
FCT_MUST_USE factum_status fct_gen_text(struct fct_gen *gen, uint32_t node, factum_slice *text);
/* Has the schema more than annotations and limits? */
bool fct_gen_has_structure(const struct fct_gen *gen, uint32_t node);
/* Its title and description. */
FCT_MUST_USE factum_status fct_gen_note(struct fct_gen *gen, uint32_t node, factum_slice *note);
FCT_MUST_USE factum_status fct_gen_doc_init(struct fct_gen *gen, struct fct_gen_doc *doc,
                                            const factum_generate_schema *schema);

/* The schema at the end of $refs and of an allOf of one. */
struct fct_gen_target {
    uint32_t node;
    factum_slice definition; /* the last step of the last $ref; empty: no $ref */
    const char *open;        /* why it cannot be followed, or NULL */
};
FCT_MUST_USE factum_status fct_gen_follow(struct fct_gen *gen, uint32_t node,
                                          struct fct_gen_target *target);

/* A schema and those of its allOf. */
#define FCT_GEN_PARTS_MAX 64
struct fct_gen_parts {
    uint32_t nodes[FCT_GEN_PARTS_MAX];
    uint32_t count;
    const char *open; /* why the type is unknown, or NULL */
};
/* Adds |node|, a result of fct_gen_follow, and the schemas of its allOf. */
FCT_MUST_USE factum_status fct_gen_add_parts(struct fct_gen *gen, uint32_t node,
                                             struct fct_gen_parts *parts, uint32_t depth);

/* ---- generate_shape.c: what a schema is ------------------------------------------------------ */
struct fct_gen_shape {
    enum fct_gen_kind kind;
    bool nullable;
    uint32_t pass;      /* the schema that it is an alias of, or FACTUM_JSON_NONE */
    const char *remark; /* for JSON the reason, for others a hint */
    struct fct_gen_parts parts;
    /* of a UNION, or of an ENUM from a oneOf */
    uint32_t branches[FACTUM_GENERATE_VALUES_MAX];
    uint32_t branch_count;
    factum_slice tag;
    uint32_t values; /* ENUM: the array; FACTUM_JSON_NONE: from the branches */
    uint32_t items;  /* LIST: the schema of the items, or FACTUM_JSON_NONE */
};
FCT_MUST_USE factum_status fct_gen_shape(struct fct_gen *gen, uint32_t node,
                                         struct fct_gen_shape *shape);
/* The constant text of |node|: const, or an enum of one. FACTUM_JSON_NONE: not constant. */
uint32_t fct_gen_constant(const struct fct_gen *gen, uint32_t node);
/* The schema of the member |name| in |parts|, or FACTUM_JSON_NONE. Of several, one with a constant,
 * otherwise the first. */
uint32_t fct_gen_property(struct fct_gen *gen, const struct fct_gen_parts *parts,
                          factum_slice name);
/* The parts of a branch of a choice: |base|, the schema around the choice, and its own. */
FCT_MUST_USE factum_status fct_gen_branch(struct fct_gen *gen, const struct fct_gen_parts *base,
                                          uint32_t branch, struct fct_gen_parts *parts);
bool fct_gen_requires(const struct fct_gen *gen, const struct fct_gen_parts *parts,
                      factum_slice name);

/* ---- generate_model.c: types ----------------------------------------------------------------- */
FCT_MUST_USE factum_status fct_gen_model(struct fct_gen *gen);

#endif
