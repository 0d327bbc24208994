/* generate.h - C types of the events of a category, generated from their JSON Schemas.
 *
 *     factum_generate_request request = {sizeof request};
 *     request.category = factum_slice_from("order");
 *     request.schemas = schemas;      one for each event type
 *     request.schema_count = 5;
 *     status = factum_generate(&request, &generated, &err);
 *
 * The result is two texts, a header and its source, that need only <factum/typed.h> and compile as
 * C99 and C++17. Their content: docs/guide/generated.md. The same schemas in the same order give
 * the same bytes.
 *
 * Valid C99 and C++17. Thread-safe: nothing is shared. Pure: reads no file and writes none. */
#ifndef FACTUM_GENERATE_H
#define FACTUM_GENERATE_H

#include <factum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_GENERATE_TYPES_MAX 256u              /* event types of a category */
#define FACTUM_GENERATE_STRUCTS_MAX 4096u           /* C types of a category */
#define FACTUM_GENERATE_SCHEMA_SIZE_MAX (1u << 20)  /* bytes of one schema */
#define FACTUM_GENERATE_DEPTH_MAX 64u               /* schemas inside each other */
#define FACTUM_GENERATE_NAME_SIZE_MAX 1024u         /* bytes of a name in a schema */
#define FACTUM_GENERATE_VALUES_MAX 512u             /* texts of an enum, variants of a oneOf */
#define FACTUM_GENERATE_OUTPUT_SIZE_MAX (16u << 20) /* bytes of each text */

/* The first line of each generated text: a file that begins with it may be overwritten. */
#define FACTUM_GENERATE_FIRST_LINE                                                                 \
    "/* Written by factum schema generate: change the schemas instead. */\n"

typedef struct factum_generate_schema {
    factum_slice type; /* "OrderPlaced" */
    factum_slice text; /* JSON Schema */
} factum_generate_schema;

typedef struct factum_generate_request {
    size_t size;
    factum_slice category;
    const factum_generate_schema *schemas;
    size_t schema_count;
    bool keep_unknown; /* members that a schema does not name are kept and printed again */
} factum_generate_request;

typedef struct factum_generated factum_generated;

/* Generates the texts for |request|, into *generated, which is yours until factum_generated_free;
 * NULL on failure.
 * Errors: INVALID (no category or no schema, a type twice, a text that is not JSON or not a schema,
 * such as one with a $ref to itself: the message names the type and the place), TOO_BIG (over one
 * of the limits above: the message names it), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_generate(const factum_generate_request *request,
                                                         factum_generated **generated,
                                                         factum_error *err);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_generated_free(factum_generated *generated);
/* The results of the three functions below last until factum_generated_free. */

/* The name of both files without ".gen.h" and ".gen.c": letters, digits and '_'. */
FACTUM_API const char *factum_generated_name(const factum_generated *generated);
/* The texts of the two files. */
FACTUM_API factum_slice factum_generated_header(const factum_generated *generated);
FACTUM_API factum_slice factum_generated_source(const factum_generated *generated);

#ifdef __cplusplus
}
#endif
#endif
