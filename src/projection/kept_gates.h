/* kept_gates.h - query gates that stay open between queries: to open one takes longer than most
 * queries do. Layer: projection. See models_int.h and query_gate.h.
 *
 * A host keeps FCT_GATES_KEPT of them, those that were used last. A query takes one out or opens
 * one, so that a gate belongs to one thread at a time, and gives it back.
 *
 * A gate is not used again
 *  - after its model has changed: an act was carried out, or the model was released. Each
 *    increments model->gate_drops; a gate with an older count is closed when it is given back.
 *  - after its file was deleted or replaced, by whomever: looked at when it is taken.
 *  - after a failure that is not the query's fault, or a limit that it has come to.
 *
 * Invariant: a gate that is kept has no transaction, so it does not hold the WAL up.
 *
 * Locks: the host's guards the list; it is not held while a gate is opened or closed.
 */
#ifndef FCT_PROJECTION_KEPT_GATES_H
#define FCT_PROJECTION_KEPT_GATES_H

#include "projection/models_int.h"

/* A gate to the file of |model|, into *taken, for fct_kept_gate_give. As fct_query_gate_open. */
FCT_MUST_USE factum_status fct_kept_gate_take(struct factum_models *models, struct fct_model *model,
                                              struct fct_kept_gate *taken, factum_error *err);
/* |status| is that of the query that it was taken for. Zeroes *taken; accepts a zeroed one. */
void fct_kept_gate_give(struct factum_models *models, struct fct_kept_gate *taken,
                        factum_status status);
/* Closes those of |model|, and has those that are in use closed when they are given back. */
void fct_kept_gates_drop(struct factum_models *models, struct fct_model *model);

#endif
