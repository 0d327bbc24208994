/* kept_gates.h - query gates that stay open between queries, because opening one takes longer than
 * most queries. Layer: projection. See models_int.h and query_gate.h.
 *
 * A host keeps the FCT_GATES_KEPT gates that were used last. A query takes one out of the list, or
 * opens one, and gives it back. So a gate belongs to one thread at a time.
 *
 * A gate is not used again
 *  - after its model has changed: an act was carried out, or the model was released. Each
 *    increments model->gate_drops; a gate with an older count is closed when it is given back;
 *  - after its file was deleted or replaced, which is checked when the gate is taken;
 *  - after a failure that is not the query's fault, or a limit that the query has reached.
 *
 * Invariants:
 *  1. A kept gate has no transaction, so it does not hold up the WAL.
 *  2. A kept gate has the |drops| of its model.
 *  3. No kept gate was used later than |gate_uses|.
 *
 * Locks: the host's lock guards the list. It is not held while a gate is opened or closed.
 */
#ifndef FCT_PROJECTION_KEPT_GATES_H
#define FCT_PROJECTION_KEPT_GATES_H

#include "projection/models_int.h"

/* Takes or opens a gate to the file of |model|, into *taken, for fct_kept_gate_give. Errors: as
 * fct_query_gate_open. */
FCT_MUST_USE factum_status fct_kept_gate_take(struct factum_models *models, struct fct_model *model,
                                              struct fct_kept_gate *taken, factum_error *err);
/* Gives the gate back. |status| is that of the query. Zeroes *taken; accepts a zeroed one. */
void fct_kept_gate_give(struct factum_models *models, struct fct_kept_gate *taken,
                        factum_status status);
/* Closes the kept gates of |model|; gates in use are closed when they are given back. */
void fct_kept_gates_drop(struct factum_models *models, struct fct_model *model);

#endif
