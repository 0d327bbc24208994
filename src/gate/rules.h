/* rules.h - which schema an event has to pass: an immutable table of subjects. Layer: gate.
 *
 * A change creates a new table, which shares the unchanged rules. Tables are freed by their owner
 * when no reader is in them (reader_count.h); a rule is freed with the last table that has it.
 * Changes come from one thread at a time.
 *
 * A type's own rule is looked up first by its subject with category, then by the one without. A
 * mode that neither sets is that of the category; without any it is REJECT.
 */
#ifndef FCT_GATE_RULES_H
#define FCT_GATE_RULES_H

#include "core/mem.h"
#include "schema/registry_event.h"
#include "schema/schema.h"

#define FCT_STAMP_NAME "\"$schema.id\""
#define FCT_RULES_MAX 65536u /* subjects */
#define FCT_RULE_TAGS_MAX FACTUM_SCHEMA_TAGS_MAX

/* A version of a schema, ready for use. Shared by rules; immutable, except for |uses|. */
struct fct_edition {
    uint32_t uses;
    uint64_t version;
    char stamp[48]; /* the metadata member that names it: "$schema.id":7 */
    size_t stamp_len;
    struct fct_program *program; /* NULL: unusable, for the reason |broken| */
    char broken[256];
};

/* One subject. Immutable, except for |tables|. */
struct fct_rule {
    uint32_t tables; /* count of the tables that have it */
    factum_schema_mode mode;
    struct fct_edition *now; /* NULL: no schema */
    factum_slice subject_text;
    struct fct_subject subject;
};

struct fct_rules;

/* What applies to an event. */
struct fct_ruling {
    const struct fct_rule *rule; /* with an edition; NULL: no rule applies to the event */
    factum_schema_mode mode;     /* WARN or REJECT */
};

/* An empty table. NULL without memory. */
struct fct_rules *fct_rules_create(const struct fct_mem *mem);
/* Accepts NULL. */
void fct_rules_destroy(struct fct_rules *rules);
size_t fct_rules_count(const struct fct_rules *rules);
/* |category| may be empty. */
struct fct_ruling fct_rules_find(const struct fct_rules *rules, factum_slice category,
                                 factum_slice type);

/* A copy, which shares rules and editions. NULL without memory. */
struct fct_rules *fct_rules_copy(const struct fct_rules *rules);
/* Applies |event| to *rules, which no reader sees yet, and which moves when it grows. |lenient|: a
 * schema that does not compile becomes a broken edition instead of a failure. On failure the
 * content of *rules is unchanged. Errors: INVALID, UNSUPPORTED, TOO_BIG (the schema, or too many
 * subjects), NO_MEMORY. */
FCT_MUST_USE factum_status fct_rules_apply(struct fct_rules **rules,
                                           const struct fct_registry_event *event, bool lenient,
                                           factum_error *err);
/* A copy of |rules| which announces that |coming| may replace it: readers of the copy check by
 * both. |coming| is borrowed. NULL without memory. */
struct fct_rules *fct_rules_announce(const struct fct_rules *rules, const struct fct_rules *coming);
/* The announced table; NULL: no change is under way. */
const struct fct_rules *fct_rules_coming(const struct fct_rules *rules);

#endif
