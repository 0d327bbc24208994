/* schema.h - JSON Schema: a schema is compiled once, and then JSON is checked against it.
 *
 *     factum_schema *schema;
 *     factum_schema_checker *checker;
 *     factum_schema_result result = {.size = sizeof result};
 *     status = factum_schema_compile(text, NULL, &schema, &err);
 *     status = factum_schema_checker_create(&checker, &err);
 *     status = factum_schema_check(schema, checker, event.data, 1, &result, &err);
 *     if (status == FACTUM_OK && !result.valid) {
 *         puts(result.faults[0].text);     -- "qty" must be at least 1, but is 0
 *     }
 *
 * Drafts: 2020-12 and draft-07 in full, draft-06 and 2019-09. "$schema" names the draft of a
 * schema; without it the options do, and without them it is 2020-12. References lead into the
 * schema itself, to the meta-schemas of these drafts, which are built in, and to documents that the
 * caller gives. Nothing is ever fetched.
 *
 * Numbers are compared by their digits, exactly. "format" is checked only if the options say so;
 * otherwise it is an annotation. Keywords that the draft does not know are ignored; "x-factum-tag"
 * has a meaning of its own (factum_schema_tag). Invalid values of keywords are errors.
 *
 * Everything has a limit. Whatever is over a limit is refused with the name of the limit; no value
 * is called valid because checking it was too much work.
 *
 * Valid C99 and C++17. A schema may be used by any number of threads at once; a checker by one at a
 * time.
 */
#ifndef FACTUM_SCHEMA_H
#define FACTUM_SCHEMA_H

#include <factum/json.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A compiled schema: immutable. */
typedef struct factum_schema factum_schema;
/* The memory that a check works in. It grows up to a maximum and is kept, so that checks of similar
 * values do not allocate. Works with every schema. */
typedef struct factum_schema_checker factum_schema_checker;

#define FACTUM_SCHEMA_SIZE_MAX ((size_t)1 << 20) /* bytes of a document */
#define FACTUM_SCHEMA_DOCUMENTS_MAX 256          /* that a caller may give */
#define FACTUM_SCHEMA_RULES_MAX 50000u           /* subschemas, of all documents that are used */
#define FACTUM_SCHEMA_STEPS_MAX 2000000u         /* of one check */
#define FACTUM_SCHEMA_FRAMES_MAX 2048u           /* subschemas inside each other in a check */
#define FACTUM_SCHEMA_FAULTS_MAX 1000u           /* that one check reports */
#define FACTUM_SCHEMA_DATA_SIZE_MAX ((size_t)16 << 20) /* bytes that a check takes */
#define FACTUM_SCHEMA_TAGS_MAX 64u                     /* x-factum-tag */
#define FACTUM_SCHEMA_TAG_DEPTH_MAX 16u                /* properties and items on the way to one */

typedef enum factum_schema_draft {
    FACTUM_SCHEMA_DEFAULT = 0, /* 2020-12 */
    FACTUM_SCHEMA_DRAFT_06 = 1,
    FACTUM_SCHEMA_DRAFT_07 = 2,
    FACTUM_SCHEMA_2019_09 = 3,
    FACTUM_SCHEMA_2020_12 = 4
} factum_schema_draft;

/* A document that references may lead to. */
typedef struct factum_schema_document {
    factum_slice uri;  /* absolute */
    factum_slice text; /* a schema */
} factum_schema_document;

typedef struct factum_schema_options {
    size_t size;
    const factum_schema_document *documents; /* borrowed during the call */
    size_t document_count;
    factum_schema_draft draft; /* of what has no "$schema" */
    bool formats;              /* "format" is checked; docs/reference.md lists the known ones */
    uint32_t rules_max;        /* 0: FACTUM_SCHEMA_RULES_MAX */
    uint64_t steps_max;        /* 0: FACTUM_SCHEMA_STEPS_MAX */
    size_t size_max;           /* 0: FACTUM_SCHEMA_SIZE_MAX */
} factum_schema_options;

/* Compiles |text| into *schema, which is yours until factum_schema_destroy; NULL on failure.
 * |options| is optional. The text of an error begins with the place in the schema:
 * "#/properties/qty/minimum: must be a number, but is a string".
 * Errors: INVALID (not JSON, or not a schema, or a reference that leads nowhere), UNSUPPORTED (a
 * draft or a pattern that is not supported), TOO_BIG (over a limit), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_compile(factum_slice text,
                                                               const factum_schema_options *options,
                                                               factum_schema **schema,
                                                               factum_error *err);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_schema_destroy(factum_schema *schema);
/* The draft that the schema's root is written in; never DEFAULT. */
FACTUM_API factum_schema_draft factum_schema_draft_of(const factum_schema *schema);

/* Creates a checker, into *checker, which is yours until factum_schema_checker_destroy; NULL on
 * failure. Errors: NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_schema_checker_create(factum_schema_checker **checker, factum_error *err);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_schema_checker_destroy(factum_schema_checker *checker);

/* Why a value is not valid. Zero-terminated UTF-8, borrowed from the checker until its next use. */
typedef struct factum_schema_fault {
    const char *pointer; /* JSON pointer into the data (RFC 6901), "" for the whole */
    const char *schema;  /* the keyword that is not met: a URI whose fragment is a JSON pointer */
    const char *text;    /* a sentence: "qty" must be at least 1, but is 0 */
} factum_schema_fault;

typedef struct factum_schema_result {
    size_t size;
    bool valid;
    /* There may be more faults: as many as asked for were found, or finding their places took as
     * many steps as the check may take. */
    bool more;
    const factum_schema_fault *faults;
    size_t fault_count;
} factum_schema_result;

/* Checks |text|, which is JSON, against |schema|, until |faults_max| faults are found
 * (FACTUM_SCHEMA_FAULTS_MAX at most; 0 is taken as 1). OK: |valid| of the result, and its faults,
 * which last until the next use of |checker|. On failure |valid| is false and there are no faults.
 * Errors: INVALID (not JSON, or a member appears twice), TOO_BIG (over a limit of size, steps,
 * nesting or of a pattern; the data may be valid or not), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_check(const factum_schema *schema,
                                                             factum_schema_checker *checker,
                                                             factum_slice text, size_t faults_max,
                                                             factum_schema_result *result,
                                                             factum_error *err);
/* The same for a value that was parsed with options.duplicates false. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_check_json(
    const factum_schema *schema, factum_schema_checker *checker, const factum_json *json,
    size_t faults_max, factum_schema_result *result, factum_error *err);

typedef enum factum_schema_step_kind {
    FACTUM_SCHEMA_STEP_MEMBER = 0, /* the member with the name in |path| */
    FACTUM_SCHEMA_STEP_ITEM = 1,   /* the item number |index|, from 0 */
    FACTUM_SCHEMA_STEP_ITEMS = 2   /* each item from |index| on */
} factum_schema_step_kind;

typedef struct factum_schema_step {
    factum_schema_step_kind kind;
    uint32_t index; /* of ITEM and ITEMS */
} factum_schema_step;

/* "x-factum-tag": "NAME" in the schema of a property or of items: each value that this schema is
 * for becomes the tag NAME:VALUE. */
typedef struct factum_schema_tag_place {
    size_t size;
    factum_slice name;                              /* borrowed from the schema, like |path| */
    factum_slice path[FACTUM_SCHEMA_TAG_DEPTH_MAX]; /* names of members, from the root on; empty for
                                                       a step into an array */
    size_t path_count;
    factum_schema_step steps[FACTUM_SCHEMA_TAG_DEPTH_MAX]; /* what each entry of |path| is */
} factum_schema_tag_place;

/* The |index|-th tag of the schema, counted from 0, into |place|. Only tags that are reached
 * through "properties", "items", "prefixItems" and "$ref" (before 2020-12 also "additionalItems")
 * are found, in the order of the schema. DONE: there are no more. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_schema_tag(const factum_schema *schema,
                                                           size_t index,
                                                           factum_schema_tag_place *place,
                                                           factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
