/* simulate.h - one run of a saga on a simulated disk, in simulated time. Layer: saga.
 *
 * The public call (saga_simulate.h) makes runs by scripts; tests choose the faults themselves, and
 * put defects into the world that a run has to find.
 */
#ifndef FCT_SAGA_SIMULATE_H
#define FCT_SAGA_SIMULATE_H

#include <factum/saga_simulate.h>

#include "core/buf.h"
#include "core/mem.h"
#include "saga/script.h"

enum fct_sim_crash {
    FCT_SIM_CRASH_NONE,
    FCT_SIM_CRASH_DRAWN,
    FCT_SIM_CRASH_AT /* once, at the disk call number |crash_at| after the setup */
};

/* What may go wrong. The numbers are chances of 1,000. */
struct fct_sim_faults {
    enum fct_sim_crash crash;
    uint64_t crash_at;
    int crash_mode; /* enum fct_crash_mode; -1: drawn */
    uint32_t fail;  /* a do is refused; also in the second part */
    uint32_t undo_fail;
    bool undo_fails_always; /* also in the second part */
    uint32_t silent;        /* of a command nobody hears in the first part */
    bool reorder;           /* commands are taken in any order, and again */
    bool copies;            /* answers come again */
    bool slow;              /* appends of the manager end in any order, late */
    bool jump_to_timers;    /* time goes straight to timers, so that they race with answers */
    bool lose_checkpoint;
    bool two_managers;
    bool clock;
    bool acts;
    bool starts_again; /* start events come twice */
    uint32_t actions;  /* of the first part; 0: none */
    uint32_t sagas;    /* 1 to FCT_SIM_SAGAS_MAX */
    /* Defects of participants, for tests of the checks. */
    bool no_key;
    bool no_tombstone;
};

#define FCT_SIM_SAGAS_MAX 4u

/* What a run has come to. */
enum fct_sim_reached {
    FCT_SIM_CRASHED,
    FCT_SIM_CRASHED_UNSEEN, /* with an append of the manager begun and not known to have ended */
    FCT_SIM_HANDLED_AGAIN,
    FCT_SIM_COPIED,
    FCT_SIM_LATE,      /* an answer without effect was recorded as late */
    FCT_SIM_DUPLICATE, /* the same as a duplicate */
    FCT_SIM_RACED,     /* a late answer to a step that had timed out */
    FCT_SIM_TOMBSTONE, /* an undo came before its do */
    FCT_SIM_REFUSED,   /* a do found its key closed */
    FCT_SIM_UNKNOWN,   /* a step timed out, and its undo was sent */
    FCT_SIM_UNDO_FAILED,
    FCT_SIM_STUCK,
    FCT_SIM_WAITED,   /* it compensates, and waits for a step that runs */
    FCT_SIM_PARTED,   /* the clocks */
    FCT_SIM_CONFLICT, /* a commit was refused because another was faster */
    FCT_SIM_FIRED,
    FCT_SIM_ACTED,
    FCT_SIM_DONE,
    FCT_SIM_UNDONE,
    FCT_SIM_REACHED_MAX
};

struct fct_sim_options {
    const struct fct_mem *mem;
    uint64_t seed;
    const struct factum_saga *saga;
    const struct fct_saga_script *script; /* or NULL */
    struct fct_sim_faults faults;
    /* In place of factum_append for appends of the manager, so that a test can make it wrong; or
     * NULL. */
    factum_status (*append)(factum_store *store, const factum_append_request *request,
                            factum_append_result *result, factum_error *err);
    /* Makes each definition that was loaded wrong, in a way that no file can be; or NULL. */
    void (*alter)(struct factum_saga *saga);
};

struct fct_sim_report {
    bool passed;
    char broken[512];
    factum_saga_status status;
    uint64_t disk_calls; /* after the setup */
    uint64_t saga_count;
    uint64_t input_count;
    uint64_t command_count;
    uint64_t act_count;
    uint64_t reached[FCT_SIM_REACHED_MAX];
    struct fct_buf trace; /* both end with a zero byte */
    struct fct_buf commands;
};

/* One run. |report| is zeroed and filled; finish it also after a failure. NO_MEMORY; FAILED, and
 * what opening a store or factum_append give: the simulation itself has failed. */
FCT_MUST_USE factum_status fct_saga_simulate(const struct fct_sim_options *options,
                                             struct fct_sim_report *report, factum_error *err);
void fct_sim_report_finish(struct fct_sim_report *report);
/* Every fault, as much as a run bears: what is drawn without a script. */
struct fct_sim_faults fct_sim_all_faults(uint64_t seed);

#endif
