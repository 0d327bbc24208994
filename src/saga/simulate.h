/* simulate.h - one run of a saga on a simulated disk, in simulated time. Layer: saga.
 *
 * The public call (saga_simulate.h) runs scripts. Tests choose the faults themselves, and plant
 * defects that a run has to find.
 */
#ifndef FCT_SAGA_SIMULATE_H
#define FCT_SAGA_SIMULATE_H

#include <factum/saga_simulate.h>

#include "core/buf.h"
#include "core/mem.h"
#include "saga/simulate_script.h"

enum fct_sim_crash {
    FCT_SIM_CRASH_NONE,
    FCT_SIM_CRASH_DRAWN,
    FCT_SIM_CRASH_AT /* once, at disk call |crash_at| after the setup */
};

/* The faults that are possible. The numbers are chances out of 1,000. */
struct fct_sim_faults {
    enum fct_sim_crash crash;
    uint64_t crash_at;
    int crash_mode; /* enum fct_crash_mode; -1: drawn */
    uint32_t fail;  /* a do is refused; also in the second part */
    uint32_t undo_fail;
    bool undo_fails_always; /* also in the second part */
    uint32_t silent;        /* no service receives a command in the first part */
    bool reorder;           /* commands are taken in any order, and more than once */
    bool copies;            /* answers are repeated */
    bool slow;              /* appends of the manager end late and in any order */
    bool jump_to_timers;    /* time jumps to timers, so that they race with answers */
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

/* The situations that a run has reached. */
enum fct_sim_reached {
    FCT_SIM_CRASHED,
    FCT_SIM_CRASHED_UNSEEN, /* during an append of the manager whose end was not known */
    FCT_SIM_HANDLED_AGAIN,
    FCT_SIM_COPIED,
    FCT_SIM_LATE,      /* an answer without effect was recorded as late */
    FCT_SIM_DUPLICATE, /* likewise as a duplicate */
    FCT_SIM_RACED,     /* a late answer to a step that had timed out */
    FCT_SIM_TOMBSTONE, /* an undo came before its do */
    FCT_SIM_REFUSED,   /* a do found its key closed */
    FCT_SIM_UNKNOWN,   /* a step timed out, and its undo was sent */
    FCT_SIM_UNDO_FAILED,
    FCT_SIM_STUCK,
    FCT_SIM_WAITED,   /* compensating, it waits for a step that runs */
    FCT_SIM_PARTED,   /* the two clocks */
    FCT_SIM_CONFLICT, /* another commit was faster */
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
    /* Replaces factum_append for appends of the manager, so that a test can plant a fault; or
     * NULL. */
    factum_status (*append)(factum_store *store, const factum_append_request *request,
                            factum_append_result *result, factum_error *err);
    /* Alters each loaded definition in a way that no file can; or NULL. */
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

/* One run. |report| is zeroed and filled; the caller finishes it, also after a failure. Errors:
 * NO_MEMORY, FAILED, and those of opening a store or of factum_append (the simulation itself has
 * failed). */
FCT_MUST_USE factum_status fct_saga_simulate(const struct fct_sim_options *options,
                                             struct fct_sim_report *report, factum_error *err);
void fct_sim_report_finish(struct fct_sim_report *report);
/* Every fault, as much as a run can bear: used without a script. */
struct fct_sim_faults fct_sim_all_faults(uint64_t seed);

#endif
