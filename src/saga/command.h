/* command.h - a command read from its event, checked. Layer: saga. Pure.
 *
 * An event is a command if its type begins with "<service>.". Its metadata must have the form in
 * docs/formats.md. A participant appends under the ids in it, so an id of another saga must be
 * refused.
 */
#ifndef FCT_SAGA_COMMAND_H
#define FCT_SAGA_COMMAND_H

#include <factum/participant.h>

#include "core/compiler.h"
#include "core/random.h"
#include "core/trace_context.h"

#define FCT_COMMAND_SUCCEEDED "CommandSucceeded"
#define FCT_COMMAND_FAILED "CommandFailed"
#define FCT_COMMAND_CANCELLED "CommandCancelled"
#define FCT_COMMAND_NODES 128

/* The metadata of a command. Texts are in the event, which must last as long, or in the arena;
 * empty: missing. */
struct fct_command_meta {
    factum_slice command_id;
    factum_slice saga_id;
    factum_slice correlation_id;
    factum_slice causation_id;
    factum_slice traceparent; /* normal, or empty */
    factum_slice undoes;      /* of an undo: the do of the same step of the same saga */
    uint64_t attempt;         /* 1, or more if it was sent before */
    bool undo;
};
/* Errors: NOT_FOUND (not a command of |service|), INVALID or TOO_BIG (a broken command; the text
 * has the fault), NO_MEMORY. */
FCT_MUST_USE factum_status fct_command_meta_read(const factum_event *event, factum_slice service,
                                                 factum_arena *arena, struct fct_command_meta *meta,
                                                 factum_error *err);

/* The memory of a command; lasts as long as the command. */
struct fct_command_room {
    factum_arena *arena;
    struct fct_random *random; /* for the span of its traceparent */
    factum_json json;          /* of the data */
    factum_json_node nodes[FCT_COMMAND_NODES];
    char child[FCT_TRACEPARENT_SIZE];
};

/* Fills |command|, which borrows from |event| and |room|; |done| is NONE and |events| empty.
 * Errors: as fct_command_meta_read, INVALID and TOO_BIG also for the data. */
FCT_MUST_USE factum_status fct_command_read(const factum_event *event, factum_slice service,
                                            struct fct_command_room *room, factum_command *command,
                                            factum_error *err);

/* Writes a new span within the trace of |parent| into |child|; empty if |parent| is not valid. */
factum_slice fct_traceparent_child(factum_slice parent, struct fct_random *random,
                                   char child[FCT_TRACEPARENT_SIZE]);

#endif
