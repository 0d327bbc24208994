/* simulate.c - see simulate.h and saga_simulate.h: one run, and runs by a script. Layer: saga.
 *
 * A run draws what happens next, |actions| times. After that nothing fails any more, everything
 * that can happen does, and time moves from timer to timer until none is left.
 */
#include <factum/saga_simulate.h>

#include <stdio.h>
#include <string.h>

#include "api/open_on.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/hash.h"
#include "saga/simulate_int.h"

#define TRACE_MAX ((size_t)4 << 20)
#define HEAL_ROUNDS_MAX 20000u
#define ACTIONS 300u
#define RUNS_MAX 100000u /* of `crash: every-write` */
#define REPORT_ARENA_MAX ((size_t)16 << 20)

/* ---- drawing --------------------------------------------------------------------------------- */

static struct sim_runner *draw_runner(struct sim *sim)
{
    bool second = sim->options->faults.two_managers && !sim->heal && fct_sim_chance(sim, 500);
    return &sim->runners[second ? 1 : 0];
}

static bool appends_wait(const struct sim *sim)
{
    return sim->runners[0].op_count + sim->runners[1].op_count > 0;
}

/* All appends of |runner|, in the order in which they were submitted. */
static void end_appends(struct sim_runner *runner)
{
    while (runner->op_count > 0 && !fct_sim_over(runner->sim)) {
        fct_sim_end_append(runner, 0);
    }
}

static void draw_append(struct sim *sim, struct sim_runner *runner)
{
    if (runner->op_count == 0) {
        return;
    }
    if (sim->options->faults.slow) {
        fct_sim_end_append(runner, fct_sim_below(sim, runner->op_count));
    } else {
        end_appends(runner);
    }
}

static void draw_service(struct sim *sim)
{
    const struct fct_sim_faults *faults = &sim->options->faults;
    if (sim->command_count == 0) {
        return;
    }
    size_t at = fct_sim_below(sim, sim->command_count);
    if (!faults->reorder) { /* only the oldest one without an answer */
        for (at = 0;
             at < sim->command_count && (sim->commands[at].handled > 0 || sim->commands[at].deaf);
             at++) {
        }
    }
    if (at < sim->command_count && sim->commands[at].sent > 0 && !sim->commands[at].deaf) {
        fct_sim_handle(sim, at);
    }
}

static void draw_copy(struct sim *sim)
{
    if (sim->options->faults.copies && sim->command_count > 0) {
        fct_sim_copy_answer(sim, fct_sim_below(sim, sim->command_count), false);
    }
}

/* When the next timer of a running manager is due, in true time; INT64_MAX: none. */
static int64_t next_timer_of_all(struct sim *sim)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < SIM_RUNNERS; i++) {
        struct sim_runner *runner = &sim->runners[i];
        int64_t due = runner->manager != NULL ? fct_manager_next(runner->manager) : INT64_MAX;
        if (due != INT64_MAX) {
            int64_t wait = due - fct_sim_runner_now(runner);
            int64_t at = sim->time + (wait > 0 ? wait : 0);
            next = at < next ? at : next;
        }
    }
    return next;
}

static void draw_time(struct sim *sim)
{
    int64_t next = next_timer_of_all(sim);
    /* An append then happens at the moment of its decision, and timers can be judged by it. */
    if (sim->options->faults.clock && appends_wait(sim)) {
        return;
    }
    if (sim->options->faults.jump_to_timers && next != INT64_MAX && fct_sim_chance(sim, 300)) {
        fct_sim_advance(sim, next - sim->time);
    } else {
        fct_sim_advance(sim, (int64_t)fct_sim_below(sim, 2000) * 1000000);
    }
    fct_sim_tick(draw_runner(sim));
}

static void draw_clock(struct sim *sim)
{
    static const int64_t drawn[] = {INT64_C(86400) * SIM_SECOND, INT64_C(-3600) * SIM_SECOND,
                                    2 * SIM_SECOND};
    const struct fct_saga_script *script = sim->options->script;
    if (!sim->options->faults.clock || appends_wait(sim)) {
        return;
    }
    bool back = sim->offset != 0;
    if (back) {
        sim->offset = 0;
    } else if (script != NULL && script->clock_count > 0) {
        sim->offset = script->clock[fct_sim_below(sim, script->clock_count)];
    } else {
        sim->offset = drawn[fct_sim_below(sim, 3)];
    }
    sim->jumped = true;
    fct_sim_log(sim, "the wall clock is set %s", back ? "right" : "wrong");
    fct_sim_advance(sim, 0);
}

static void draw_restart(struct sim *sim)
{
    struct sim_runner *runner = draw_runner(sim);
    fct_sim_stop_runner(runner);
    fct_sim_start_runner(sim, runner);
}

static void draw_crash(struct sim *sim)
{
    if (sim->options->faults.crash == FCT_SIM_CRASH_DRAWN && !sim->armed) {
        sim->armed = true;
        fct_sim_disk_stop_at(sim->disk, fct_sim_disk_calls(sim->disk) + fct_sim_below(sim, 30));
    }
}

static void draw_start(struct sim *sim)
{
    struct sim_saga *saga = &sim->sagas[fct_sim_below(sim, sim->saga_count)];
    if (saga->starts == 0 || (sim->options->faults.starts_again && saga->starts < 3)) {
        fct_sim_start_saga(sim, saga);
    }
}

static void tick_store(struct sim *sim)
{
    factum_error err;
    (void)fct_sim_went_well(sim, fct_api_tick(&sim->ticker, &err), "the store's own work", &err);
}

static void revive(struct sim *sim)
{
    /* Work that a store does in advance may fail without an error. */
    if (fct_sim_disk_has_stopped(sim->disk)) {
        fct_sim_crash(sim);
    }
    for (size_t i = 0; i < SIM_RUNNERS && !fct_sim_over(sim); i++) {
        bool wanted = i == 0 || (sim->options->faults.two_managers && !sim->heal);
        if (wanted && sim->runners[i].manager == NULL) {
            fct_sim_start_runner(sim, &sim->runners[i]);
        }
    }
}

static void draw_action(struct sim *sim)
{
    uint64_t drawn = fct_sim_below(sim, 1000);
    if (drawn < 300) {
        (void)fct_sim_feed(draw_runner(sim));
    } else if (drawn < 580) {
        draw_append(sim, draw_runner(sim));
    } else if (drawn < 760) {
        draw_service(sim);
    } else if (drawn < 790) {
        draw_copy(sim);
    } else if (drawn < 890) {
        draw_time(sim);
    } else if (drawn < 930) {
        draw_start(sim);
    } else if (drawn < 945) {
        draw_crash(sim);
    } else if (drawn < 950) {
        draw_restart(sim);
    } else if (drawn < 960) {
        draw_clock(sim);
    } else if (drawn < 970 && sim->options->faults.acts) {
        fct_sim_draw_act(sim);
    } else if (drawn < 980) {
        tick_store(sim);
    } else {
        fct_sim_check_held(sim, draw_runner(sim));
    }
}

static void chaos(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->options->faults.actions && !fct_sim_over(sim); i++) {
        revive(sim);
        if (!fct_sim_over(sim)) {
            draw_action(sim);
        }
    }
}

/* ---- healing --------------------------------------------------------------------------------- */

/* Feeds the whole log and ends all appends. True: something happened. */
static bool catch_up(struct sim *sim)
{
    struct sim_runner *runner = &sim->runners[0];
    bool moved = false;
    while (!fct_sim_over(sim)) {
        revive(sim);
        bool fed = fct_sim_feed(runner);
        bool ended = runner->op_count > 0;
        end_appends(runner);
        if (!fed && !ended) {
            break;
        }
        moved = true;
    }
    return moved;
}

static bool answer_all(struct sim *sim)
{
    bool moved = false;
    for (size_t i = 0; i < sim->command_count && !fct_sim_over(sim); i++) {
        const struct sim_command *command = &sim->commands[i];
        if (command->sent == 0 || command->effects > 0 || command->closed) {
            continue;
        }
        uint32_t handled = command->handled;
        fct_sim_handle(sim, i);
        moved = moved || sim->commands[i].handled != handled;
    }
    return moved;
}

static bool all_ended(const struct sim *sim)
{
    for (size_t i = 0; i < sim->saga_count; i++) {
        if (!fct_saga_has_ended(&sim->sagas[i].state)) {
            return false;
        }
    }
    return true;
}

/* From here on no fault is armed, the clock is right, and one manager is left. */
static void end_faults(struct sim *sim)
{
    sim->heal = true;
    if (sim->options->faults.crash == FCT_SIM_CRASH_DRAWN) {
        fct_sim_disk_stop_at(sim->disk, UINT64_MAX);
        sim->armed = false;
    }
    if (sim->offset != 0) {
        sim->offset = 0;
        fct_sim_advance(sim, 0);
    }
    sim->healed_at = sim->time;
    fct_sim_stop_runner(&sim->runners[1]);
    fct_sim_log(sim, "---- from now on nothing fails, and everybody answers");
}

static void heal(struct sim *sim)
{
    end_faults(sim);
    for (size_t i = 0; i < sim->saga_count && !fct_sim_over(sim); i++) {
        while (sim->sagas[i].starts == 0 && !fct_sim_over(sim)) {
            fct_sim_start_saga(sim, &sim->sagas[i]);
        }
    }
    for (uint32_t round = 0; !fct_sim_over(sim); round++) {
        bool moved = catch_up(sim);
        moved = answer_all(sim) || moved;
        if (round >= HEAL_ROUNDS_MAX) {
            fct_sim_breach(sim, "S4 the saga does not end");
            break;
        }
        if (moved) {
            continue;
        }
        int64_t next = next_timer_of_all(sim);
        if (all_ended(sim) || next == INT64_MAX) {
            break;
        }
        fct_sim_advance(sim, next > sim->time ? next - sim->time : 1000000);
        revive(sim);
        fct_sim_tick(&sim->runners[0]);
    }
    if (!fct_sim_over(sim)) {
        fct_sim_check_held(sim, &sim->runners[0]);
    }
}

/* ---- scripted runs --------------------------------------------------------------------------- */

static void run_item(struct sim *sim, const struct fct_script_run *item)
{
    struct sim_saga *saga = &sim->sagas[0];
    struct fct_saga_input control = {.slot = item->slot, .ok = item->ok};
    size_t at = item->slot != FCT_SLOT_NONE
                    ? fct_sim_find(sim, 0, item->slot, item->undo, item->generation)
                    : SIM_NONE;
    switch (item->what) {
    case FCT_RUN_START:
        fct_sim_start_saga(sim, saga);
        return;
    case FCT_RUN_HANDLE:
    case FCT_RUN_DELIVER:
        if (at == SIM_NONE || sim->commands[at].sent == 0) {
            fct_sim_log(sim, "line %u: that command was not sent", item->mark.line);
        } else if (item->what == FCT_RUN_HANDLE) {
            fct_sim_handle_as(sim, at, item->ok, false);
        } else {
            fct_sim_copy_answer(sim, at, item->outside);
        }
        return;
    case FCT_RUN_TIMER:
        control.kind = FCT_INPUT_TIMER;
        break;
    case FCT_RUN_RETRY:
        control.kind = FCT_INPUT_RETRY;
        break;
    case FCT_RUN_SKIP:
        control.kind = FCT_INPUT_SKIP;
        break;
    case FCT_RUN_UNDO:
        control.kind = FCT_INPUT_UNDO;
        break;
    case FCT_RUN_CANCEL:
    default:
        control.kind = FCT_INPUT_CANCEL;
        break;
    }
    fct_sim_act(sim, saga, &control);
}

/* Timers are due when the run says so, and not by the clock. */
static void play(struct sim *sim, const struct fct_saga_script *script)
{
    sim->clock_unsure = true;
    for (size_t i = 0; i < script->run_count && !fct_sim_over(sim); i++) {
        run_item(sim, &script->run[i]);
        (void)catch_up(sim);
    }
}

/* Delivers the answers that a scripted run has left in an outbox. */
static void fill_simulated(struct sim *sim)
{
    for (size_t i = 0; i < sim->command_count && !fct_sim_over(sim); i++) {
        if (sim->commands[i].effects > 0 && sim->commands[i].copies == 0) {
            fct_sim_copy_answer(sim, i, false);
        }
    }
}

/* ---- one run --------------------------------------------------------------------------------- */

static void run(struct sim *sim)
{
    const struct fct_saga_script *script = sim->options->script;
    fct_sim_setup(sim);
    if (sim->status != FACTUM_OK) {
        return;
    }
    if (script != NULL && script->run_count > 0) {
        play(sim, script);
        fill_simulated(sim);
    } else {
        chaos(sim);
    }
    heal(sim);
    if (!fct_sim_over(sim)) {
        fct_sim_check_end(sim);
    }
    fct_sim_list_effects(sim);
    if (!fct_sim_over(sim)) {
        fct_sim_check_then(sim);
    }
    sim->report->status = fct_sim_status(sim, &sim->sagas[0]);
    sim->report->saga_count = sim->saga_count;
    sim->report->command_count = sim->command_count;
}

factum_status fct_saga_simulate(const struct fct_sim_options *options,
                                struct fct_sim_report *report, factum_error *err)
{
    memset(report, 0, sizeof *report);
    fct_buf_init(&report->trace, options->mem, TRACE_MAX);
    fct_buf_init(&report->commands, options->mem, TRACE_MAX);
    struct sim *sim = fct_mem_zalloc(options->mem, 1, sizeof *sim);
    if (sim == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "simulation: out of memory");
    }
    sim->options = options;
    sim->saga = options->saga;
    sim->mem = options->mem;
    sim->random.state = options->seed;
    sim->report = report;
    sim->err = err;
    run(sim);
    fct_sim_teardown(sim);
    factum_status status = sim->status;
    report->passed = status == FACTUM_OK && report->broken[0] == '\0';
    fct_mem_free(options->mem, sim);
    return status;
}

void fct_sim_report_finish(struct fct_sim_report *report)
{
    fct_buf_finish(&report->trace);
    fct_buf_finish(&report->commands);
}

struct fct_sim_faults fct_sim_all_faults(uint64_t seed)
{
    struct fct_random random = {seed ^ UINT64_C(0x5a6a)};
    return (struct fct_sim_faults){.crash = FCT_SIM_CRASH_DRAWN,
                                   .crash_mode = -1,
                                   .fail = (uint32_t)fct_random_below(&random, 300),
                                   .undo_fail = (uint32_t)fct_random_below(&random, 300),
                                   .silent = (uint32_t)fct_random_below(&random, 300),
                                   .reorder = true,
                                   .copies = true,
                                   .slow = true,
                                   .jump_to_timers = true,
                                   .lose_checkpoint = true,
                                   .two_managers = fct_random_below(&random, 2) == 0,
                                   .clock = fct_random_below(&random, 3) == 0,
                                   .acts = fct_random_below(&random, 3) == 0,
                                   .starts_again = true,
                                   .actions = ACTIONS,
                                   .sagas = 1 + (uint32_t)fct_random_below(&random, 3)};
}

/* ---- the public call ------------------------------------------------------------------------- */

static struct fct_sim_faults faults_of(const struct fct_saga_script *script, uint64_t seed)
{
    if (script == NULL) {
        return fct_sim_all_faults(seed);
    }
    struct fct_sim_faults faults = {.crash_mode = -1, .sagas = 1};
    if (script->has_faults) {
        faults.crash =
            script->crash == FCT_SCRIPT_CRASH_DRAWN ? FCT_SIM_CRASH_DRAWN : FCT_SIM_CRASH_NONE;
        faults.reorder = script->reorder;
        faults.copies = script->reorder;
        faults.clock = script->clock_count > 0;
        faults.slow = script->crash != FCT_SCRIPT_CRASH_NONE || script->reorder;
        faults.lose_checkpoint = script->crash != FCT_SCRIPT_CRASH_NONE;
        faults.actions = ACTIONS;
    }
    return faults;
}

static void add_counts(factum_saga_simulated *to, const struct fct_sim_report *report)
{
    to->run_count++;
    to->status = report->status;
    to->saga_count += report->saga_count;
    to->input_count += report->input_count;
    to->command_count += report->command_count;
    to->act_count += report->act_count;
    to->crash_count += report->reached[FCT_SIM_CRASHED];
    to->duplicate_count += report->reached[FCT_SIM_DUPLICATE];
    to->timer_count += report->reached[FCT_SIM_FIRED];
    to->conflict_count += report->reached[FCT_SIM_CONFLICT];
}

/* The memory that a report of the public call points to. */
struct simulated_texts {
    struct fct_buf trace;
    struct fct_buf commands;
    char broken[512];
};

static factum_status keep_texts(struct simulated_texts *texts, struct fct_sim_report *report,
                                factum_error *err)
{
    fct_buf_finish(&texts->trace);
    fct_buf_finish(&texts->commands);
    texts->trace = report->trace;
    texts->commands = report->commands;
    memcpy(texts->broken, report->broken, sizeof texts->broken);
    /* An empty buffer has no memory yet, and no buffer has a zero byte within its length. */
    factum_status status = fct_buf_printf(&texts->trace, "%s", "");
    if (status == FACTUM_OK) {
        status = fct_buf_printf(&texts->commands, "%s", "");
    }
    return status == FACTUM_OK || status == FACTUM_TOO_BIG
               ? FACTUM_OK
               : fct_fail(err, status, "simulation: its report");
}

/* One run, or one for each disk call of the first run. */
static factum_status sim_run_all(struct fct_sim_options *options, bool every_write,
                                 struct simulated_texts *texts, factum_saga_simulated *to,
                                 factum_error *err)
{
    uint64_t last = every_write ? UINT64_MAX : 0;
    factum_status status = FACTUM_OK;
    for (uint64_t i = 0; i <= last && i < RUNS_MAX && status == FACTUM_OK; i++) {
        struct fct_sim_report report;
        if (i > 0) {
            options->faults.crash = FCT_SIM_CRASH_AT;
            options->faults.crash_at = i - 1;
        }
        status = fct_saga_simulate(options, &report, err);
        last = i == 0 && every_write ? report.disk_calls : last;
        add_counts(to, &report);
        if (status != FACTUM_OK) {
            fct_sim_report_finish(&report);
        } else {
            status = keep_texts(texts, &report, err);
        }
        to->passed = status == FACTUM_OK && texts->broken[0] == '\0';
        if (!to->passed) {
            break;
        }
    }
    return status;
}

static factum_status read_simulation(const factum_saga_simulation *given,
                                     factum_saga_simulation *simulation, factum_error *err)
{
    memset(simulation, 0, sizeof *simulation);
    if (given == NULL) {
        return FACTUM_OK;
    }
    if (given->size < sizeof given->size) {
        return fct_fail(err, FACTUM_INVALID, "simulation: set the size of its options");
    }
    memcpy(simulation, given, given->size < sizeof *given ? given->size : sizeof *given);
    return FACTUM_OK;
}

static factum_status simulate_in(const factum_saga *saga, const factum_saga_simulation *simulation,
                                 factum_arena *arena, factum_saga_simulated *to, factum_error *err)
{
    struct fct_saga_script script;
    bool scripted = simulation->script.len > 0;
    factum_status status = FACTUM_OK;
    if (scripted) {
        status =
            fct_script_read(saga, simulation->script,
                            simulation->script_name != NULL ? simulation->script_name : "script",
                            arena, &script, err);
    }
    struct simulated_texts *texts = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *texts);
    if (status != FACTUM_OK || texts == NULL) {
        fct_mem_free(fct_mem_heap(), texts);
        return status != FACTUM_OK ? status
                                   : fct_fail(err, FACTUM_NO_MEMORY, "simulation: its report");
    }
    struct fct_sim_options options = {.mem = fct_mem_heap(),
                                      .seed = simulation->seed,
                                      .saga = saga,
                                      .script = scripted ? &script : NULL,
                                      .faults =
                                          faults_of(scripted ? &script : NULL, simulation->seed)};
    to->memory = texts;
    status =
        sim_run_all(&options, scripted && script.crash == FCT_SCRIPT_CRASH_EVERY, texts, to, err);
    to->trace = texts->trace.ptr != NULL ? (const char *)texts->trace.ptr : "";
    to->commands = texts->commands.ptr != NULL ? (const char *)texts->commands.ptr : "";
    to->broken = texts->broken;
    return status;
}

factum_status factum_saga_simulate(const factum_saga *saga, const factum_saga_simulation *given,
                                   factum_saga_simulated *report, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_saga_simulation simulation;
    factum_saga_simulated whole = {.size = sizeof whole, .trace = "", .commands = "", .broken = ""};
    factum_arena arena;
    if (saga == NULL || report == NULL || report->size < sizeof report->size) {
        return fct_fail(err, FACTUM_INVALID, "simulation: a saga and a report are needed");
    }
    factum_status status = read_simulation(given, &simulation, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_arena_init(&arena, fct_mem_heap(), REPORT_ARENA_MAX);
    status = simulate_in(saga, &simulation, &arena, &whole, err);
    factum_arena_finish(&arena);
    size_t size = report->size;
    if (status != FACTUM_OK || size < sizeof whole) {
        bool fits = status == FACTUM_OK;
        factum_saga_simulated_free(&whole);
        return fits ? fct_fail(err, FACTUM_INVALID, "simulation: its report is too small") : status;
    }
    *report = whole;
    report->size = size;
    return FACTUM_OK;
}

void factum_saga_simulated_free(factum_saga_simulated *report)
{
    struct simulated_texts *texts = report->memory;
    if (texts != NULL) {
        fct_buf_finish(&texts->trace);
        fct_buf_finish(&texts->commands);
        fct_mem_free(fct_mem_heap(), texts);
    }
    memset(report, 0, sizeof *report);
}
