/* admit.h - what the gate does with the events of one append. Layer: gate. */
#ifndef FCT_GATE_ADMIT_H
#define FCT_GATE_ADMIT_H

#include "engine/engine.h"
#include "gate/rules.h"
#include "gate/workspace.h"

struct fct_admission {
    const struct fct_mem *mem;
    const factum_log_sink *sink; /* of warnings, or NULL */
    const struct fct_rules *rules;
    struct fct_workspaces *workspaces;
};

/* Checks the events of |op|, which is prepared, against |rules|. If events get additions, the op's
 * request becomes a copy, which the op's tail owns. On failure nothing has changed, and the tail is
 * as before. Errors: SCHEMA_VIOLATION ("event 2: /lines/0/qty: ...", with the event in
 * result.refused_index; also for a value that cannot be a tag), BUSY (a write to the registry is
 * under way, and the answer depends on it), TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_admit(const struct fct_admission *admission, factum_append_op *op,
                                     factum_error *err);

#endif
