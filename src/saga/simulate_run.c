/* simulate_run.c - see simulate_int.h: the managers, which are the real ones. Layer: saga.
 *
 * A runner does what host.c does, in steps that are drawn: it feeds events in the order of the log,
 * and reports appends that have ended. An append is applied at one moment and reported at another,
 * so that a crash can come between.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "saga/manager_int.h"
#include "saga/simulate_int.h"

#define RUNNER_TIMERS_MAX 1000u
#define RUNNER_LOADED_MAX 2u /* few, so that instances are unloaded and loaded again */

int64_t fct_sim_runner_now(struct sim_runner *runner)
{
    bool parted = runner->clock.parted;
    int64_t now = fct_saga_clock_now(&runner->clock, fct_sim_wall(runner->sim), runner->sim->time);
    if (runner->clock.parted && !parted) {
        fct_sim_reach(runner->sim, FCT_SIM_PARTED);
    }
    return now;
}

/* fct_manager_options.submit */
static factum_status sim_take_append(void *data, factum_append_op *op, factum_error *err)
{
    struct sim_runner *runner = data;
    if (runner->op_count >= SIM_OPS_MAX) {
        return fct_fail(err, FACTUM_BUSY, "too many appends wait");
    }
    runner->ops[runner->op_count++] = (struct sim_op){.op = op};
    return FACTUM_OK;
}

void fct_sim_start_runner(struct sim *sim, struct sim_runner *runner)
{
    const struct fct_manager_options options = {.store = sim->store,
                                                .mem = sim->mem,
                                                .host = sim->saga->host,
                                                .commits_max = SIM_OPS_MAX,
                                                .loaded_max = RUNNER_LOADED_MAX,
                                                .timers_max = RUNNER_TIMERS_MAX,
                                                .data = runner,
                                                .submit = sim_take_append};
    factum_error err;
    FCT_ASSERT(runner->manager == NULL);
    runner->sim = sim;
    memset(&runner->clock, 0, sizeof runner->clock);
    runner->op_count = 0;
    runner->place =
        sim->options->faults.lose_checkpoint && fct_sim_chance(sim, 500) ? 0 : runner->saved;
    sim->clock_unsure = sim->clock_unsure || sim->offset != 0;
    fct_sim_log(sim, "manager %d starts%s", (int)(runner - sim->runners) + 1,
                runner->place == 0 ? ", from the beginning of the log" : "");
    factum_status status = fct_manager_create(&options, &runner->manager, &err);
    if (status == FACTUM_OK) {
        fct_sim_alter(sim, &runner->manager->set);
        fct_manager_fed(runner->manager, runner->place);
        status = fct_manager_scan(runner->manager, fct_sim_runner_now(runner), &err);
    }
    (void)fct_sim_went_well(sim, status, "starting the manager", &err);
}

void fct_sim_stop_runner(struct sim_runner *runner)
{
    if (runner->manager == NULL) {
        return;
    }
    factum_cursor_close(runner->cursor);
    runner->cursor = NULL;
    while (runner->op_count > 0) {
        factum_append_op *op = runner->ops[--runner->op_count].op;
        fct_sim_reach(runner->sim, FCT_SIM_CRASHED_UNSEEN);
        op->status = FACTUM_CANCELLED;
        factum_error err;
        /* The result means nothing: the manager is destroyed next. */
        factum_status status =
            fct_manager_completed(runner->manager, op, fct_sim_wall(runner->sim), &err);
        (void)status;
    }
    fct_manager_destroy(runner->manager);
    runner->manager = NULL;
}

static factum_status try_next(struct sim_runner *runner, factum_event *event, factum_error *err)
{
    factum_status status = FACTUM_OK;
    if (runner->cursor == NULL) {
        const factum_read_request request = {.size = sizeof request,
                                             .source = FACTUM_SOURCE_ALL,
                                             .from = runner->place > 0 ? FACTUM_FROM_AFTER
                                                                       : FACTUM_FROM_START,
                                             .from_value = runner->place};
        status = factum_read(runner->sim->store, &request, &runner->cursor, err);
    }
    if (status == FACTUM_OK) {
        status = factum_cursor_next(runner->cursor, event, err);
    }
    if (status == FACTUM_DONE) {
        factum_cursor_close(runner->cursor);
        runner->cursor = NULL;
    }
    return status;
}

/* The next event of the log. False: none now, or the run is over. */
static bool next_of_log(struct sim_runner *runner, factum_event *event)
{
    struct sim *sim = runner->sim;
    factum_error err;
    bool old = runner->cursor != NULL;
    factum_status status = try_next(runner, event, &err);
    if (status == FACTUM_DONE && old) { /* the cursor does not see events after its opening */
        status = try_next(runner, event, &err);
    }
    if (status == FACTUM_DONE) {
        return false;
    }
    return fct_sim_went_well(sim, status, "reading the log", &err);
}

bool fct_sim_feed(struct sim_runner *runner)
{
    struct sim *sim = runner->sim;
    factum_event event = {.position = 0};
    factum_error err;
    if (runner->manager == NULL || !next_of_log(runner, &event)) {
        return false;
    }
    uint64_t position = event.position;
    factum_status status =
        fct_manager_feed(runner->manager, &event, fct_sim_runner_now(runner), &err);
    if (status == FACTUM_BUSY) {
        factum_cursor_close(runner->cursor);
        runner->cursor = NULL;
        return false;
    }
    if (!fct_sim_went_well(sim, status, "feeding the manager", &err)) {
        return false;
    }
    runner->place = position;
    sim->report->input_count++;
    if (fct_sim_chance(sim, 100)) {
        runner->saved = fct_manager_place(runner->manager);
    }
    return true;
}

static void apply_append(struct sim_runner *runner, struct sim_op *op)
{
    struct sim *sim = runner->sim;
    factum_append_op *append = op->op;
    append->status =
        sim->options->append != NULL
            ? sim->options->append(sim->store, append->request, &append->result, &append->err)
            : factum_append(sim->store, append->request, &append->result, append->revisions,
                            &append->err);
    op->applied = true;
    if (append->status != FACTUM_OK && fct_sim_disk_has_stopped(sim->disk)) {
        fct_sim_crash(sim);
        return;
    }
    if (append->status == FACTUM_WRONG_REVISION) {
        fct_sim_reach(sim, FCT_SIM_CONFLICT);
    }
    fct_sim_look(sim);
}

void fct_sim_end_append(struct sim_runner *runner, size_t at)
{
    struct sim *sim = runner->sim;
    struct sim_op *op = &runner->ops[at];
    factum_error err;
    if (!op->applied) {
        apply_append(runner, op);
        return;
    }
    factum_append_op *append = op->op;
    memmove(op, op + 1, (runner->op_count - at - 1) * sizeof *op);
    runner->op_count--;
    factum_status status =
        fct_manager_completed(runner->manager, append, fct_sim_runner_now(runner), &err);
    (void)fct_sim_went_well(sim, status, "telling the manager of an append", &err);
}

void fct_sim_tick(struct sim_runner *runner)
{
    factum_error err;
    if (runner->manager != NULL) {
        factum_status status = fct_manager_tick(runner->manager, fct_sim_runner_now(runner), &err);
        (void)fct_sim_went_well(runner->sim, status, "the manager's timers", &err);
    }
}
