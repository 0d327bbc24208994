/* definition_int.h - what the parts of loading share: definition.c (the whole), definition_yaml.c
 * (keys), definition_value.c (durations, names), definition_pick.c (with and keep),
 * definition_plan.c (the plan), rules.c and definition_types.c (the checks). Layer: saga.
 *
 * Invariants:
 * 1. All memory, also the tree of YAML, is in the saga's arena.
 * 2. The first failure ends the load; warnings do not.
 */
#ifndef FCT_SAGA_DEFINITION_INT_H
#define FCT_SAGA_DEFINITION_INT_H

#include "core/mem.h"
#include "saga/names.h"
#include "saga/yaml.h"

#define FCT_SAGA_WARNINGS_MAX 64u
#define FCT_SAGA_FIELDS_MAX 64u /* of one `with`, `keep` or `undo_with` */
#define FCT_SAGA_FAILS_MAX 16u  /* types of one `fail` */
#define FCT_SAGA_MEMORY_MAX ((size_t)32 << 20)

/* The values of a `retry`; missing ones come from the defaults. */
struct fct_retry_parsed {
    struct fct_retry value;
    bool times;
    bool from;
    bool to;
    bool factor;
    bool jitter;
    struct fct_mark mark; /* line 0: no `retry` */
};

/* Parts of a step in the file that are not in the loaded definition, or not in this form. A mark
 * with the line 0: missing. */
struct fct_step_parsed {
    struct fct_step_text text;
    struct fct_retry_parsed retry;
    int64_t within;
    bool pivot;
    bool undo_none;
    enum fct_on_timeout on_timeout;
    struct fct_mark within_mark;
    struct fct_mark pivot_mark;
    struct fct_mark undo_mark;
    struct fct_mark undo_with_mark;
    struct fct_mark because_mark;
    struct fct_mark on_timeout_mark;
    struct fct_mark with_mark;
    struct fct_mark ok_mark;
    struct fct_mark *fail_marks;
};

struct fct_stage_parsed {
    bool parallel;
    bool any;
    struct fct_mark mark; /* of `parallel`, or of `join: any` */
};

struct fct_loader {
    struct factum_saga *saga;
    const struct fct_mem *mem; /* for memory that does not last as long as the saga */
    const factum_schemas *schemas;
    factum_error *err;
    size_t step_count;
    size_t stage_count;
    uint8_t stage_of[FCT_SAGA_STEPS_MAX];
    struct fct_step_parsed steps[FCT_SAGA_STEPS_MAX];
    struct fct_stage_parsed stages[FCT_SAGA_STEPS_MAX];
    struct fct_step_parsed done;
    struct fct_step_parsed undone;
    int64_t within; /* of `defaults` */
    struct fct_retry_parsed retry;
    struct fct_mark deadline_mark;
    struct fct_mark start_mark;
    struct fct_mark id_mark;
};

/* ---- definition.c ---------------------------------------------------------------------------- */

/* factum_saga_load with a heap of the caller's choice, which must outlive the saga. */
FCT_MUST_USE factum_status fct_saga_load_in(const struct fct_mem *mem, factum_slice text,
                                            const factum_saga_options *options, factum_saga **saga,
                                            factum_error *err);
/* "FILE:LINE:COLUMN: RULE: ..." */
FCT_COLD FCT_PRINTF(5, 6) factum_status
    fct_saga_load_fail(const struct fct_loader *loader, factum_status status, struct fct_mark mark,
                       const char *rule, const char *format, ...);
/* The same as a warning. Beyond FCT_SAGA_WARNINGS_MAX, the last one reports that there are more. */
FCT_COLD FCT_PRINTF(4, 5) void fct_saga_load_warn(struct fct_loader *loader, struct fct_mark mark,
                                                  const char *rule, const char *format, ...);
/* The reason why the arena had no room. */
FCT_MUST_USE factum_status fct_saga_load_no_room(const struct fct_loader *loader);

/* ---- definition_yaml.c ----------------------------------------------------------------------- */

/* Reads the tree into loader->saga and the loader. */
FCT_MUST_USE factum_status fct_saga_load_tree(struct fct_loader *loader,
                                              const struct fct_yaml *root);

/* ---- definition_plan.c ----------------------------------------------------------------------- */

/* Makes the plan and the slots. The rules may not be checked yet: of several pivots the first one
 * is taken. */
void fct_saga_load_plan(struct fct_loader *loader);

/* ---- definition_value.c ---------------------------------------------------------------------- */

/* All of these: INVALID, with the rule's name, unless |node| has that form. */
FCT_MUST_USE factum_status fct_saga_load_name(const struct fct_loader *loader,
                                              const struct fct_yaml *node, const char *what,
                                              factum_slice *name);
FCT_MUST_USE factum_status fct_saga_load_type(const struct fct_loader *loader,
                                              const struct fct_yaml *node, factum_slice *type);
FCT_MUST_USE factum_status fct_saga_load_command(const struct fct_loader *loader,
                                                 const struct fct_yaml *node,
                                                 struct fct_call_text *call);
FCT_MUST_USE factum_status fct_saga_load_text(const struct fct_loader *loader,
                                              const struct fct_yaml *node, const char *what,
                                              factum_slice *text);
FCT_MUST_USE factum_status fct_saga_load_duration(const struct fct_loader *loader,
                                                  const struct fct_yaml *node, int64_t *duration);
FCT_MUST_USE factum_status fct_saga_load_bool(const struct fct_loader *loader,
                                              const struct fct_yaml *node, bool *value);
FCT_MUST_USE factum_status fct_saga_load_whole(const struct fct_loader *loader,
                                               const struct fct_yaml *node, uint64_t least,
                                               uint64_t most, uint64_t *value);
/* One of |words|, which end with NULL; *index is its index. */
FCT_MUST_USE factum_status fct_saga_load_word(const struct fct_loader *loader,
                                              const struct fct_yaml *node, const char *const *words,
                                              unsigned *index);
FCT_MUST_USE factum_status fct_saga_load_retry(struct fct_loader *loader,
                                               const struct fct_yaml *node,
                                               struct fct_retry_parsed *retry);

/* A member of a mapping that is known by name. */
struct fct_saga_load_key {
    const char *name;
    /* NULL: a key of a later version, refused by name */
    factum_status (*read)(struct fct_loader *loader, const struct fct_yaml *value, void *into);
};
/* Reads the mapping |map|, |what| in messages, by |keys|, which end with a NULL name. */
FCT_MUST_USE factum_status fct_saga_load_keys(struct fct_loader *loader, const struct fct_yaml *map,
                                              const char *what,
                                              const struct fct_saga_load_key *keys, void *into);

/* ---- definition_pick.c ----------------------------------------------------------------------- */

FCT_MUST_USE factum_status fct_saga_load_pick(const struct fct_loader *loader,
                                              const struct fct_yaml *node, struct fct_pick *pick);
FCT_MUST_USE factum_status fct_saga_load_path(const struct fct_loader *loader,
                                              const struct fct_yaml *node, struct fct_path **path);

/* ---- rules.c --------------------------------------------------------------------------------- */

/* The load checks that need no schema. Each has a name, which is in its message. */
FCT_MUST_USE factum_status fct_saga_load_rules(struct fct_loader *loader);

/* ---- definition_types.c ---------------------------------------------------------------------- */

/* The checks that need schemas; the plan exists. */
FCT_MUST_USE factum_status fct_saga_load_types(struct fct_loader *loader);

#endif
