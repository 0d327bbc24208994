/* definition.h - the text of a projection, parsed. Layer: projection. Knows no database: SQLite's
 * judgement of the statements is in sqlite_check.h, that of schemas in shape.h.
 *
 *     --@ projection NAME version N
 *     --@ from all | category NAME | type A, B | tag T
 *     --@ key :stream | :member.path                         (default :stream)
 *     --@ mode async | sync                                  (default async)
 *     --@ poison retry N within DURATION then park           (default retry 5 within 2m then park)
 *     --@ host NAME                                          (default server)
 *     --@ tables            CREATE TABLE and CREATE [UNIQUE] INDEX, each named {{name}}
 *     --@ on A, B [each PATH] [expect N]                     INSERT, UPDATE, DELETE
 *     --@ query NAME                                         one SELECT
 *     --@ if sqlite | postgres ... --@ end                   around statements
 *
 * Directives of the header come before the sections, in any order, each alone on its line. A name
 * with blanks or commas is written in double quotes. The last statement before a directive needs no
 * ";".
 *
 * Parameters. Reserved ones are listed in FCT_PARAMETER_LIST. Any other ":a.b" is the member b of
 * the member a of the event's data or, in a section with "each", of the row's element. ":data.a"
 * and ":meta.a" always start at the event's data and metadata. In a query the caller gives ":name".
 *
 * Invariants:
 *  1. Names are unique in their kind.
 *  2. Every statement ends before the next directive, and none is empty.
 *  3. Everything that a definition points to is in its arena.
 */
#ifndef FCT_PROJECTION_DEFINITION_H
#define FCT_PROJECTION_DEFINITION_H

#include <factum/arena.h>
#include <factum/projection.h>

#include "codec/json_path.h"
#include "core/buf.h"
#include "core/compiler.h"

#define FCT_PROJECTION_TABLES_MAX 64u
#define FCT_PROJECTION_INDEXES_MAX 256u
#define FCT_PROJECTION_QUERIES_MAX 64u
#define FCT_PROJECTION_DEPTH_MAX 100u /* of parentheses */
#define FCT_PROJECTION_VERSION_MAX UINT64_C(999999999)
#define FCT_PROJECTION_ARENA_MAX ((size_t)32 << 20) /* of a parsed definition */
#define FCT_PROJECTION_HANDLERS_MAX 256u            /* sections "on" */
#define FCT_PROJECTION_STATEMENTS_MAX 64u           /* of one section */
#define FCT_PROJECTION_PARAMETERS_MAX 256u          /* distinct ones of one section */
#define FCT_PROJECTION_TYPES_MAX 1024u
#define FCT_PROJECTION_RETRY_MAX 100u

#define FCT_PARAMETER_LIST(X)                                                                      \
    X(EVENT_ID, "event_id")             /* TEXT, a UUID */                                         \
    X(EVENT_TYPE, "event_type")         /* TEXT */                                                 \
    X(EVENT_TIME, "event_time")         /* TEXT, RFC 3339 in UTC: when it happened */              \
    X(EVENT_DATE, "event_date")         /* TEXT, its first ten characters */                       \
    X(EVENT_REVISION, "event_revision") /* INTEGER */                                              \
    X(EVENT_POSITION, "event_position") /* INTEGER */                                              \
    X(STREAM, "stream")                 /* TEXT */                                                 \
    X(CORRELATION_ID, "correlation_id") /* TEXT or NULL */                                         \
    X(CAUSATION_ID, "causation_id")     /* TEXT or NULL */                                         \
    X(DATA, "data")                     /* the data as a value: objects and arrays as JSON text */ \
    X(META, "meta")                     /* the metadata likewise */                                \
    X(ITEM, "item")                     /* with "each": the element */                             \
    X(ITEM_INDEX, "item_index")         /* with "each": INTEGER, from 0 */

enum fct_parameter_kind {
#define FCT_PARAMETER_ENUM(name, text) FCT_PARAMETER_##name,
    FCT_PARAMETER_LIST(FCT_PARAMETER_ENUM)
#undef FCT_PARAMETER_ENUM
};

struct fct_parameter {
    factum_slice name; /* as written, without the colon */
    enum fct_parameter_kind kind;
    const struct fct_path *path; /* into DATA, META or ITEM; NULL: the whole value */
    uint32_t line;               /* of its first use */
    uint32_t column;
};

enum fct_part_kind {
    FCT_PART_TEXT,
    FCT_PART_TEMPLATE, /* |text| is the table's name */
    FCT_PART_PARAMETER /* |parameter| is its number in the section */
};

struct fct_part {
    enum fct_part_kind kind;
    factum_slice text; /* a part of the definition's text, so that messages can name its place */
    uint32_t parameter;
};

struct fct_statement {
    factum_slice text; /* as written, a part of the definition's text, without its ";" */
    const struct fct_part *parts;
    size_t part_count;
    uint32_t line;
    uint32_t column;
};

/* A table or an index of the section "tables". */
struct fct_relation {
    factum_slice name; /* of the {{name}} that is created */
    bool is_index;
    struct fct_statement statement;
};

/* A section "on". */
struct fct_handler {
    const factum_slice *types;
    size_t type_count;
    const struct fct_path *each; /* NULL: one row */
    bool expect_set;             /* each statement changes exactly |expect| rows, for each row */
    uint64_t expect;
    const struct fct_statement *statements; /* may be empty for this dialect */
    size_t statement_count;
    const struct fct_parameter *parameters;
    size_t parameter_count;
    uint32_t line;
};

/* A section "query". */
struct fct_named_query {
    factum_slice name;
    struct fct_statement statement;
    const struct fct_parameter *parameters; /* |kind| and |path| are not used here */
    size_t parameter_count;
};

enum fct_dialect { FCT_DIALECT_SQLITE, FCT_DIALECT_POSTGRES };

struct fct_definition {
    factum_arena *arena;
    factum_slice file; /* for messages */
    factum_slice text;
    char hash[65]; /* SHA-256 of |text| */
    factum_slice name;
    uint64_t version;     /* from 1 */
    factum_source source; /* ALL, CATEGORY, TYPE (several too) or TAG */
    const factum_slice *source_names;
    size_t source_name_count;
    struct fct_parameter key;
    factum_projection_mode mode;
    uint32_t retries;
    int64_t retry_within; /* nanoseconds */
    factum_slice host;
    const struct fct_relation *relations; /* in the order of the text */
    size_t relation_count;
    const struct fct_handler *handlers;
    size_t handler_count;
    const struct fct_named_query *queries;
    size_t query_count;
};

/* Parses |text| for |dialect|; statements for another dialect are left out. |file| is for messages.
 * *definition is the caller's, for fct_projection_definition_free; NULL on failure. Errors: INVALID
 * ("FILE:LINE:COLUMN: ..."), UNSUPPORTED, TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_projection_parse(factum_slice text, const char *file,
                                                enum fct_dialect dialect,
                                                struct fct_definition **definition,
                                                factum_error *err);
/* Accepts NULL. */
void fct_projection_definition_free(struct fct_definition *definition);
/* Fails with "FILE:LINE:COLUMN: " and the text. */
FCT_MUST_USE factum_status fct_projection_fail(const struct fct_definition *definition,
                                               uint32_t line, uint32_t column, factum_status status,
                                               factum_error *err, const char *format, ...)
    FACTUM_PRINTF(6, 7);
/* The next handler for events of |type|, in the order of the text; NULL: no more. |*from| is the
 * state of the search, 0 at first. */
const struct fct_handler *fct_projection_handler(const struct fct_definition *definition,
                                                 factum_slice type, size_t *from);
/* Is |name| a name of a projection, a query or a host: [a-z][a-z0-9_]*, at most
 * FACTUM_PROJECTION_NAME_MAX bytes? */
bool fct_projection_name_valid(factum_slice name);
/* Prints the statement for the database: {{t}} as t and |suffix| in double quotes, a parameter as
 * ?N, its number in the section from 1. Errors: TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_statement_print(const struct fct_statement *statement,
                                               const char *suffix, struct fct_buf *buf);

#endif
