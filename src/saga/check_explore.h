/* check_explore.h - every world that can be reached, breadth first, so that the first run that
 * breaks a rule is one of the shortest. Layer: saga. Pure but for memory. */
#ifndef FCT_SAGA_CHECK_EXPLORE_H
#define FCT_SAGA_CHECK_EXPLORE_H

#include <factum/saga.h>

#include "core/mem.h"
#include "saga/check_world.h"

struct fct_check_found {
    bool complete;    /* false: |state_max| was reached, or a rule is broken */
    const char *rule; /* that is broken; NULL: none. Static */
    uint64_t state_count;
    uint64_t run_length; /* inputs to the world that is furthest away */
    uint64_t done_count;
    uint64_t undone_count;
    uint64_t stuck_count;
    /* The run that breaks |rule|: the inputs from the beginning. */
    struct fct_check_input *run;
    uint32_t run_count;
};

/* Explores at most |state_max| worlds. |progress| may be NULL. *found is for fct_check_found_finish
 * on success. CANCELLED, NO_MEMORY. */
FCT_MUST_USE factum_status fct_check_explore(const struct fct_check_setup *setup,
                                             uint64_t state_max,
                                             const factum_saga_progress *progress,
                                             const struct fct_mem *mem,
                                             struct fct_check_found *found, factum_error *err);
/* Accepts a zeroed one. */
void fct_check_found_finish(struct fct_check_found *found, const struct fct_mem *mem);

#endif
