/* outbox.h - a handler's answer to a command, and the append that it becomes. Layer: saga.
 *
 * Everything is in the arena of the command. Not thread-safe.
 */
#ifndef FCT_SAGA_OUTBOX_H
#define FCT_SAGA_OUTBOX_H

#include <factum/participant.h>

#include "core/compiler.h"

#define FCT_OUTBOX_EVENTS_MAX 100000u /* as many as a store accepts in one append */

struct factum_outbox {
    factum_arena *arena;
    const factum_command *command;
    factum_new_event *events;
    factum_expectation *expectations;
    size_t event_count;
    size_t event_capacity;
    size_t expectation_count;
    size_t expectation_capacity;
    factum_append_condition condition;
    bool has_condition;
    bool refused;
    bool answered;        /* the handler has appended itself, under the command's id */
    factum_status status; /* the first failure */
};

void fct_outbox_init(struct factum_outbox *outbox, factum_arena *arena,
                     const factum_command *command);
/* Adds an event of the library to the command's stream: |type| is a literal. */
FCT_MUST_USE factum_status fct_outbox_add_own(struct factum_outbox *outbox, const char *type,
                                              factum_slice data, factum_error *err);
/* The append under |key|, which borrows from |outbox|. */
void fct_outbox_request(const struct factum_outbox *outbox, factum_slice key,
                        factum_append_request *request);

#endif
