/* definition.h - a loaded saga: the plan, and its texts. Layer: saga. Pure.
 *
 * definition_yaml.c reads the tree of yaml.c, definition_plan.c makes the plan and its slots,
 * rules.c and definition_types.c check them. Immutable after the load. All its memory is one arena.
 */
#ifndef FCT_SAGA_DEFINITION_H
#define FCT_SAGA_DEFINITION_H

#include <factum/arena.h>
#include <factum/saga.h>

#include "codec/json_path.h"
#include "core/compiler.h"
#include "saga/plan.h"

/* A place in the file, for messages. */
struct fct_mark {
    uint32_t line; /* from 1 */
    uint32_t column;
};

/* One field of `with`, `keep` or `undo_with`: a name, and a path or a value.
 *
 * Paths in `with` and `undo_with` start at an object of all kept fields, which also has "saga" {id,
 * name}, and in `undo_with` and `undone` "failure" {code, text, step}. Paths in the saga's `keep`
 * start at the data of the start event, those in a step's `keep` at the data of its reply. */
struct fct_pick_field {
    factum_slice name;
    struct fct_path *path; /* NULL: a literal */
    factum_slice text;     /* of the path, ".totalCents", or the literal as JSON */
    /* It may be missing without a fault; the member is then left out. That applies to what a step
     * has kept, in its own `undo_with` (a silent step has kept nothing) and in `undone`; to what a
     * step of a stage with `join: any` has kept; and to .failure.step. */
    bool optional;
    struct fct_mark mark;
};

struct fct_pick {
    size_t count;
    struct fct_pick_field *fields;
};

/* A command: "stock.ReserveStock" of the service "stock". An empty name: none. */
struct fct_call_text {
    factum_slice name;
    factum_slice service;
    struct fct_pick with;
    struct fct_mark mark;
};

/* One slot: a step, or a final call (whose name is "done" or "undone"). */
struct fct_step_text {
    factum_slice name;
    struct fct_call_text action; /* do, with */
    struct fct_call_text undo;   /* undo, undo_with */
    factum_slice because;        /* why there is no undo */
    factum_slice ok;             /* empty for a final call: any event that names the command */
    factum_slice *fail;          /* types that mean "failed" */
    size_t fail_count;
    struct fct_pick keep;
    /* An alarm is raised after so many tries of a step that can only go forward, which the plan
     * retries for ever; 0: never. */
    uint32_t alarm_tries;
    struct fct_mark mark;
};

struct factum_saga {
    factum_arena *arena;
    struct fct_saga_plan plan;
    factum_slice file; /* for messages */
    factum_slice name;
    uint64_t version;
    char hash[65];
    factum_slice text;
    factum_slice host;
    factum_slice start;
    struct fct_path *id;
    factum_slice id_text;
    struct fct_pick keep; /* of the start event */
    struct fct_step_text slots[FCT_SAGA_SLOTS_MAX];
    const char **warnings;
    size_t warning_count;
};

/* The slot named |name|, or FCT_SLOT_NONE. */
uint8_t fct_saga_slot(const struct factum_saga *saga, factum_slice name);

#endif
