/* saga_crash.c - every shape of saga, with a crash at every call that changes the disk. Prints TAP.
 *
 * For each definition of tests/saga/definitions some runs are made: straight ones, in which steps
 * succeed, are refused or cannot be undone at first, and ones in which commands are not heard until
 * their timers have fired. Each is repeated with the machine stopped at each disk call in turn: the
 * store is opened on what is left, a new manager takes over, and the saga has to come to a good end
 * with each effect there once. The mode of the crash goes round with the call.
 *
 * FCT_SAGA_MODES=5 in the environment takes every mode at every call, FCT_SAGA_RUNS the number of
 * runs for each definition, FCT_SAGA_SEED the first seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash/saga_files.h"
#include "saga/simulate.h"
#include "sim/sim_disk.h"
#include "support/tap.h"

#define RUNS 10u
#define MODES 2u
#define ACTIONS 80u
#define SHAPES_LEAST 12u

struct tally {
    uint64_t runs;
    uint64_t crashes;
    uint64_t calls;
    uint64_t undone;
    uint64_t done;
};

/* Even seeds: straight on. Odd ones: with silence first. */
static struct fct_sim_faults faults_of(uint64_t seed)
{
    bool silence = seed % 2 == 1;
    return (struct fct_sim_faults){.crash = FCT_SIM_CRASH_NONE,
                                   .sagas = 1,
                                   .fail = seed % 4 < 2 ? 250 : 60,
                                   .undo_fail = 200,
                                   .silent = silence ? 350 : 0,
                                   .jump_to_timers = silence,
                                   .slow = silence,
                                   .reorder = silence,
                                   .actions = silence ? ACTIONS : 0,
                                   .lose_checkpoint = seed % 3 == 0};
}

/* False: it did not pass. */
static bool run_once(struct fct_sim_options *options, struct tally *tally, uint64_t *calls)
{
    struct fct_sim_report report;
    factum_error err = {.text = ""};
    factum_status status = fct_saga_simulate(options, &report, &err);
    bool passed = status == FACTUM_OK && report.passed;
    *calls = report.disk_calls;
    tally->runs++;
    tally->crashes += report.reached[FCT_SIM_CRASHED];
    tally->done += report.reached[FCT_SIM_DONE];
    tally->undone += report.reached[FCT_SIM_UNDONE];
    if (!passed) {
        printf("# seed %" PRIu64 ", crash at %" PRIu64 " in mode %d: %s\n", options->seed,
               options->faults.crash_at, options->faults.crash_mode,
               report.broken[0] != '\0' ? report.broken : err.text);
    }
    fct_sim_report_finish(&report);
    return passed;
}

/* One run, and again with a crash at each of its calls. */
static bool run_everywhere(const factum_saga *saga, uint64_t seed, uint64_t modes,
                           struct tally *tally)
{
    struct fct_sim_options options = {
        .mem = fct_mem_heap(), .saga = saga, .seed = seed, .faults = faults_of(seed)};
    uint64_t calls = 0;
    uint64_t ignored = 0;
    bool good = run_once(&options, tally, &calls);
    uint64_t crashes = tally->crashes;
    options.faults.crash = FCT_SIM_CRASH_AT;
    for (uint64_t at = 0; at < calls && good; at++) {
        for (uint64_t i = 0; i < modes && good; i++) {
            options.faults.crash_at = at;
            options.faults.crash_mode = (int)((at + seed + i) % FCT_CRASH_MODES);
            good = run_once(&options, tally, &ignored);
        }
    }
    tally->calls += calls;
    if (good && tally->crashes - crashes != calls * modes) {
        printf("# seed %" PRIu64 ": %" PRIu64 " crashes, not %" PRIu64 "\n", seed,
               tally->crashes - crashes, calls * modes);
        good = false;
    }
    return good;
}

static void run_shape(const char *name)
{
    uint64_t first = tap_setting("FCT_SAGA_SEED", 1);
    uint64_t runs = tap_setting("FCT_SAGA_RUNS", RUNS);
    uint64_t modes = tap_setting("FCT_SAGA_MODES", MODES);
    struct tally tally = {0, 0, 0, 0, 0};
    factum_saga *saga = saga_file(name);
    bool good = true;
    for (uint64_t i = 0; i < runs && good; i++) {
        good = run_everywhere(saga, first + i, modes < FCT_CRASH_MODES ? modes : FCT_CRASH_MODES,
                              &tally);
    }
    factum_saga_free(saga);
    tap_case(good, "%s: %" PRIu64 " calls, %" PRIu64 " runs, %" PRIu64 " done, %" PRIu64 " undone",
             name, tally.calls, tally.runs, tally.done, tally.undone);
}

int main(void)
{
    size_t count = sizeof saga_files / sizeof *saga_files - 1;
    for (size_t i = 0; i < count; i++) {
        run_shape(saga_files[i]);
    }
    tap_case(count >= SHAPES_LEAST, "%zu shapes of saga", count);
    return tap_end();
}
