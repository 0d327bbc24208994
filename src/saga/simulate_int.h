/* simulate_int.h - what the files of the simulator share. Layer: saga.
 *
 *     simulate.c          the public call, and one run: chaos, then healing
 *     simulate_run.c      the managers
 *     simulate_service.c  the services, operators, start events
 *     simulate_world.c    the disk, the store, time, and what is read back from the log
 *     simulate_check.c    the properties
 *     simulate_report.c   the report of a run
 *
 * The simulator knows commands, effects and sagas only from the log, event by event (fct_sim_look):
 * that survives crashes, and cannot agree with the manager by mistake. A failure of the simulation
 * itself goes into sim->status and ends it; a fault of the saga goes into sim->broken and ends the
 * run.
 */
#ifndef FCT_SAGA_SIMULATE_INT_H
#define FCT_SAGA_SIMULATE_INT_H

#include "api/open_on.h"
#include "core/random.h"
#include "saga/clock.h"
#include "saga/instance.h"
#include "saga/manager.h"
#include "saga/simulate.h"
#include "sim/sim_disk.h"

#define SIM_OPS_MAX 32u
#define SIM_COMMANDS_MAX 8192u
#define SIM_SECOND INT64_C(1000000000)
#define SIM_EPOCH (INT64_C(1800000000) * SIM_SECOND)
#define SIM_RUNNERS 2u
#define SIM_NONE SIZE_MAX

/* A command, by its id. */
struct sim_command {
    factum_slice id; /* in sim->arena; |step| is a part of it */
    size_t saga;
    uint8_t slot;
    bool undo;
    uint16_t generation;
    size_t undoes;      /* of an undo: the do's index, or SIM_NONE */
    uint32_t sent;      /* command events in the log */
    uint32_t announced; /* events of the saga that announce it */
    uint32_t effects;   /* appends of a service for it */
    bool ok;            /* of the effect: done; false: refused */
    bool undid;         /* of an undo: it undid an effect */
    bool closed;        /* its key has a tombstone */
    bool deaf;          /* no service receives it in the first part */
    uint32_t handled;
    uint32_t copies;
    uint64_t effect_at; /* position; 0: no effect yet */
    factum_slice correlation;
};

struct sim_saga {
    struct fct_saga_key key; /* in sim->arena */
    factum_slice start;      /* data of its start event */
    uint32_t starts;         /* events that are in the log */
    bool exists;
    struct fct_saga_state state;            /* folded from the log so far */
    int64_t set_at[FCT_SAGA_SLOTS_MAX + 1]; /* true time; the last item: the deadline */
    int64_t wait[FCT_SAGA_SLOTS_MAX + 1];
    bool skipped[FCT_SAGA_SLOTS_MAX]; /* an operator has decided its result */
    bool acted;                       /* an operator has acted */
    bool stuck;
    uint32_t undo_tries[FCT_SAGA_SLOTS_MAX]; /* undos sent: after failures, and after silence */
};

struct sim_op {
    factum_append_op *op;
    bool applied;
};

struct sim_runner {
    struct sim *sim;
    struct fct_manager *manager; /* NULL: not running */
    factum_cursor *cursor;
    uint64_t place; /* the cursor has returned everything up to it */
    uint64_t saved; /* the checkpoint; survives a crash */
    struct fct_saga_clock clock;
    struct sim_op ops[SIM_OPS_MAX];
    size_t op_count;
};

struct sim {
    const struct fct_sim_options *options;
    const struct factum_saga *saga;
    const struct fct_mem *mem;
    struct fct_random random;
    factum_arena arena; /* of the run */
    factum_arena scratch;
    struct fct_sim_disk *disk;
    factum_store *store;
    struct fct_api_ticker ticker;
    uint64_t base_calls;   /* of the disk, at the end of the setup */
    uint64_t calls_before; /* of disks before a crash */
    bool armed;            /* the disk is going to stop */
    bool heal;             /* the second part */
    struct sim_runner runners[SIM_RUNNERS];
    struct fct_deployed_set set; /* for folding streams independently */
    int64_t time;                /* true time since SIM_EPOCH */
    int64_t offset;              /* of the wall clock */
    bool clock_unsure;           /* a manager was started while the wall clock was wrong */
    bool jumped;
    int64_t healed_at; /* when the second part began */
    uint64_t seen;     /* the log was read up to here */
    struct sim_command *commands;
    size_t command_count;
    size_t command_capacity;
    struct sim_saga sagas[FCT_SIM_SAGAS_MAX];
    size_t saga_count;
    struct fct_sim_report *report;
    factum_status status;
    factum_error *err;
};

/* ---- simulate_report.c ----------------------------------------------------------------------- */

/* Adds a line to the trace, with the time. */
FCT_PRINTF(2, 3) void fct_sim_log(struct sim *sim, const char *format, ...);
/* A property is broken. Only the first one is kept. */
FCT_PRINTF(2, 3) void fct_sim_breach(struct sim *sim, const char *format, ...);
/* The simulation cannot continue: with |err| of the call, if there is one. */
void fct_sim_fail(struct sim *sim, factum_status status, const char *what, const factum_error *err);
/* Is the run over, for any reason? */
bool fct_sim_over(const struct sim *sim);
static inline void fct_sim_reach(struct sim *sim, enum fct_sim_reached what)
{
    sim->report->reached[what]++;
}
/* Puts the types of commands into the report, in the order of their effects. */
void fct_sim_list_effects(struct sim *sim);

/* ---- simulate_world.c ------------------------------------------------------------------------ */

/* True with a chance of |of| in 1,000. */
bool fct_sim_chance(struct sim *sim, uint32_t of);
uint64_t fct_sim_below(struct sim *sim, uint64_t bound);
int64_t fct_sim_wall(const struct sim *sim);
void fct_sim_advance(struct sim *sim, int64_t nanoseconds);
/* Creates an empty disk, the store, the definition, the sagas to be started. */
void fct_sim_setup(struct sim *sim);
void fct_sim_teardown(struct sim *sim);
/* Cuts the power, and opens the store on what is left; the managers are down then. */
void fct_sim_crash(struct sim *sim);
/* Checks |status| of a call of the store: true for success and expected failures. If the disk has
 * stopped, the machine crashes here. */
bool fct_sim_went_well(struct sim *sim, factum_status status, const char *what,
                       const factum_error *err);
/* Alters the definitions in |set|, which was loaded from the store, by options->alter. */
void fct_sim_alter(struct sim *sim, struct fct_deployed_set *set);
/* Reads the new part of the log. */
void fct_sim_look(struct sim *sim);
/* The index of the command, or SIM_NONE. */
size_t fct_sim_find(const struct sim *sim, size_t saga, uint8_t slot, bool undo,
                    uint16_t generation);

/* ---- simulate_run.c -------------------------------------------------------------------------- */

void fct_sim_start_runner(struct sim *sim, struct sim_runner *runner);
void fct_sim_stop_runner(struct sim_runner *runner);
int64_t fct_sim_runner_now(struct sim_runner *runner);
/* Feeds an event. True: there was one. */
bool fct_sim_feed(struct sim_runner *runner);
/* Applies the append number |at|, or reports it to the manager if it is applied. */
void fct_sim_end_append(struct sim_runner *runner, size_t at);
void fct_sim_tick(struct sim_runner *runner);

/* ---- simulate_service.c ---------------------------------------------------------------------- */

/* Appends the start event of a saga. */
void fct_sim_start_saga(struct sim *sim, struct sim_saga *saga);
/* A service takes the command; its answer is drawn, or follows the script. */
void fct_sim_handle(struct sim *sim, size_t at);
/* The same with an answer by the caller; |immediate|: the answer reaches the log at once. */
void fct_sim_handle_as(struct sim *sim, size_t at, bool ok, bool immediate);
/* The answer comes again, or for the first time; |outside|: without the id of the command. */
void fct_sim_copy_answer(struct sim *sim, size_t at, bool outside);
/* Acts besides the managers: an operator, or, for a timer, another host. */
void fct_sim_act(struct sim *sim, struct sim_saga *saga, const struct fct_saga_input *control);
/* An operator acts, whether the act is possible or not. */
void fct_sim_draw_act(struct sim *sim);

/* ---- simulate_check.c ------------------------------------------------------------------------ */

/* Checks the |change| in an event of |saga|'s stream; saga->state is the state before it. */
void fct_sim_check_change(struct sim *sim, struct sim_saga *saga, const struct fct_change *change);
/* Checks that no command is in the log without the state that it follows from. */
void fct_sim_check_sent(struct sim *sim);
/* Checks that the state of the manager equals the fold of the streams. */
void fct_sim_check_held(struct sim *sim, struct sim_runner *runner);
/* Checks at the end of a run: S1, S3, S4, S8. */
void fct_sim_check_end(struct sim *sim);
/* Checks at the end: the expectations of the script. */
void fct_sim_check_then(struct sim *sim);
factum_saga_status fct_sim_status(const struct sim *sim, const struct sim_saga *saga);

#endif
