/* check_explore.h - visits every reachable world, breadth first, so the first run that breaks a
 * rule is one of the shortest. Layer: saga. Pure, except for memory. */
#ifndef FCT_SAGA_CHECK_EXPLORE_H
#define FCT_SAGA_CHECK_EXPLORE_H

#include <factum/saga.h>

#include "core/mem.h"
#include "saga/check_world.h"

struct fct_check_found {
    bool complete;    /* false: |state_max| was reached, or a rule is broken */
    const char *rule; /* the broken rule, or NULL. Static */
    uint64_t state_count;
    uint64_t run_length; /* inputs on the shortest run to the most distant world */
    uint64_t done_count;
    uint64_t undone_count;
    uint64_t stuck_count;
    /* The run that breaks |rule|: its inputs in order. */
    struct fct_check_input *run;
    uint32_t run_count;
};

/* Explores at most |state_max| worlds. |progress| may be NULL. On success the caller finishes
 * *found by fct_check_found_finish. Errors: CANCELLED, NO_MEMORY. */
FCT_MUST_USE factum_status fct_check_explore(const struct fct_check_setup *setup,
                                             uint64_t state_max,
                                             const factum_saga_progress *progress,
                                             const struct fct_mem *mem,
                                             struct fct_check_found *found, factum_error *err);
/* Accepts a zeroed *found. */
void fct_check_found_finish(struct fct_check_found *found, const struct fct_mem *mem);

#endif
