/* build_int.h - what the files that compile a schema share. Layer: schema, private to it.
 *
 * The happy path: load.c parses a document, finds its subschemas, which become rules without
 * operands, and records its URIs and anchors. compile.c gives each rule its operands; a reference
 * may load another document and so add rules. link.c refuses loops, completes dynamic references
 * and finds the tags.
 */
#ifndef FCT_SCHEMA_BUILD_INT_H
#define FCT_SCHEMA_BUILD_INT_H

#include "core/compiler.h"
#include "schema/program.h"

struct fct_build {
    struct fct_program *program;
    const factum_schema_options *options;
    factum_error *err;
    struct fct_buf todo;     /* subschemas that load.c has not visited */
    struct fct_buf uri;      /* the current URI */
    struct fct_buf text;     /* the current name or fragment */
    struct fct_buf fragment; /* of the reference that is being resolved */
    struct fct_buf list;     /* the current list */
    struct fct_buf dynamic;  /* struct fct_dynamic: references that link.c completes */
};

/* A reference whose target depends on the rules on the way to it. */
struct fct_dynamic {
    uint32_t rule;
    uint32_t target; /* the rule without a scope */
    uint32_t node;   /* of the keyword's value */
    uint32_t anchor; /* a name in texts; FCT_NAMES_NONE: $recursiveRef */
};

/* A place in a document. */
struct fct_place {
    uint32_t document, node;
};

/* Fails with "<place>: <text>". */
FCT_COLD FCT_PRINTF(4, 5) factum_status
    fct_build_fail(struct fct_build *build, struct fct_place place, factum_status status,
                   const char *format, ...);
/* Fails because of missing memory or the limit of a buffer. */
FCT_COLD factum_status fct_build_no_room(struct fct_build *build, factum_status status);
/* The kind in words for messages: "a string". */
const char *fct_kind_text(uint8_t kind);

/* load.c */

/* Adds a document that references can name. |uri| has no fragment. */
FCT_MUST_USE factum_status fct_load_add(struct fct_build *build, factum_slice uri,
                                        factum_slice text, bool builtin, uint32_t *document);
/* Parses the document and finds its rules. */
FCT_MUST_USE factum_status fct_load_document(struct fct_build *build, uint32_t document);
/* The rule at |place|, a subschema that no keyword leads to, seen from |resource|. */
FCT_MUST_USE factum_status fct_load_place(struct fct_build *build, struct fct_place place,
                                          uint32_t resource, uint8_t draft, uint32_t *rule);
/* The decoded text or name; lasts until the next call. Errors: INVALID (a lone surrogate). */
FCT_MUST_USE factum_status fct_load_text(struct fct_build *build, struct fct_place place,
                                         factum_slice *text);
/* The entry of "<uri of resource>#<anchor>" in places. */
FCT_MUST_USE factum_status fct_load_anchor(struct fct_build *build, uint32_t resource,
                                           factum_slice anchor, uint32_t *entry);

/* refs.c */

/* The rule that the text at |place| refers to, seen from |rule|. *anchor is the dynamic anchor of
 * its fragment, a name in texts, or FCT_NAMES_NONE. */
FCT_MUST_USE factum_status fct_refs_resolve(struct fct_build *build, uint32_t rule,
                                            struct fct_place place, uint32_t *target,
                                            uint32_t *anchor);

/* compile.c: gives |rule| its operands. */
FCT_MUST_USE factum_status fct_compile_rule(struct fct_build *build, uint32_t rule);
/* Adds a list to words: |count|, then the numbers. */
FCT_MUST_USE factum_status fct_compile_list(struct fct_build *build, const uint32_t *numbers,
                                            uint32_t count, uint32_t *at);

/* link.c */
FCT_MUST_USE factum_status fct_link_loops(struct fct_build *build);
FCT_MUST_USE factum_status fct_link_dynamic(struct fct_build *build);
FCT_MUST_USE factum_status fct_link_tags(struct fct_build *build);

#endif
