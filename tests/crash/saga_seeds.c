/* saga_seeds.c - sagas under the simulator: the rows of faults, each with many seeds. Prints TAP.
 *
 * A row is a saga and the faults that it is about. It has to reach what it is about, by a count
 * that is taken from the log; a row that does not is "not ok", however well its runs end. The
 * negative controls are defects in the world, each of which a run has to find.
 *
 * FCT_SAGA_SEEDS in the environment says how many seeds a row gets, FCT_SAGA_SEED the first one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"
#include "crash/saga_files.h"
#include "saga/simulate.h"
#include "support/tap.h"

#define SEEDS 1000u
#define CONTROL_SEEDS 200u
#define ACTIONS 260u

struct row {
    const char *name;
    const char *file;
    struct fct_sim_faults faults;
    enum fct_sim_reached needed[4]; /* CRASHED, which is 0, ends the list unless it is first */
};

#define ROW(...)                                                                                   \
    {                                                                                              \
        .crash_mode = -1, .sagas = 2, .actions = ACTIONS, __VA_ARGS__                              \
    }

static const struct row rows[] = {
    {"SG-01 a crash before or after a step's commands are sent",
     "order_fulfilment",
     ROW(.crash = FCT_SIM_CRASH_DRAWN, .slow = true, .lose_checkpoint = true, .fail = 100),
     {FCT_SIM_CRASHED, FCT_SIM_CRASHED_UNSEEN, FCT_SIM_DONE, FCT_SIM_UNDONE}},
    {"SG-03 answers come twice, and after the end",
     "order_fulfilment",
     ROW(.copies = true, .starts_again = true, .reorder = true, .fail = 100),
     {FCT_SIM_COPIED, FCT_SIM_DUPLICATE, FCT_SIM_LATE}},
    {"SG-06 an answer and a time-out at once",
     "two_stages_any",
     ROW(.jump_to_timers = true, .slow = true, .reorder = true, .copies = true),
     {FCT_SIM_RACED, FCT_SIM_FIRED}},
    {"SG-07 an undo overtakes its do",
     "order_fulfilment",
     ROW(.silent = 400, .jump_to_timers = true, .reorder = true),
     {FCT_SIM_TOMBSTONE, FCT_SIM_REFUSED, FCT_SIM_UNDONE}},
    {"SG-09 a step is silent, and may have happened",
     "no_pivot",
     ROW(.silent = 500, .jump_to_timers = true, .reorder = true, .crash = FCT_SIM_CRASH_DRAWN),
     {FCT_SIM_UNKNOWN, FCT_SIM_UNDONE}},
    {"SG-12 an undo fails for good",
     "order_fulfilment",
     ROW(.undo_fails_always = true, .fail = 400, .acts = true, .jump_to_timers = true),
     {FCT_SIM_UNDO_FAILED, FCT_SIM_STUCK, FCT_SIM_ACTED}},
    {"SG-13 of three side by side one fails while another runs",
     "parallel_all",
     ROW(.fail = 300, .reorder = true, .slow = true, .crash = FCT_SIM_CRASH_DRAWN),
     {FCT_SIM_WAITED, FCT_SIM_UNDONE}},
    {"SG-19 the clock is set wrong and right again",
     "order_fulfilment",
     ROW(.clock = true, .jump_to_timers = true, .silent = 200),
     {FCT_SIM_PARTED, FCT_SIM_FIRED}},
    {"SG-22 two managers of one saga",
     "order_fulfilment",
     ROW(.two_managers = true, .slow = true, .jump_to_timers = true, .fail = 150,
         .crash = FCT_SIM_CRASH_DRAWN),
     {FCT_SIM_CONFLICT, FCT_SIM_DONE, FCT_SIM_UNDONE}},
    {"ES-22 timers are due while the manager is down",
     "single_step",
     ROW(.crash = FCT_SIM_CRASH_DRAWN, .jump_to_timers = true, .silent = 300, .acts = true),
     {FCT_SIM_FIRED, FCT_SIM_ACTED}},
};

static void show(const struct fct_sim_report *report, const factum_error *err, uint64_t seed)
{
    factum_slice trace = fct_buf_slice(&report->trace);
    size_t shown = trace.len < 6000 ? trace.len : 6000;
    printf("# seed %" PRIu64 ": %s\n", seed,
           report->broken[0] != '\0' ? report->broken : err->text);
    for (const char *at = (const char *)trace.ptr + trace.len - shown; shown > 0;) {
        const char *end = memchr(at, '\n', shown);
        size_t len = end != NULL ? (size_t)(end - at) : shown;
        printf("#   %.*s\n", (int)len, at);
        len += end != NULL ? 1 : 0;
        at += len;
        shown -= len;
    }
}

/* Runs one seed and adds up what it reached. False: it did not pass. */
static bool run_seed(const struct fct_sim_options *options, uint64_t *reached, bool tell)
{
    struct fct_sim_report report;
    factum_error err = {.text = ""};
    factum_status status = fct_saga_simulate(options, &report, &err);
    for (size_t i = 0; i < FCT_SIM_REACHED_MAX; i++) {
        reached[i] += report.reached[i];
    }
    bool passed = status == FACTUM_OK && report.passed;
    if (!passed && tell) {
        show(&report, &err, options->seed);
    }
    fct_sim_report_finish(&report);
    return passed;
}

static bool has_reached(const struct row *row, const uint64_t *reached)
{
    bool all = true;
    for (size_t i = 0; i < 4; i++) {
        enum fct_sim_reached what = row->needed[i];
        if (what == FCT_SIM_CRASHED && i > 0) {
            break;
        }
        if (reached[what] == 0) {
            printf("# never reached: %d\n", (int)what);
            all = false;
        }
    }
    return all;
}

static void run_row(const struct row *row, uint64_t first, uint64_t seeds)
{
    uint64_t reached[FCT_SIM_REACHED_MAX] = {0};
    uint64_t failures = 0;
    factum_saga *saga = saga_file(row->file);
    struct fct_sim_options options = {.mem = fct_mem_heap(), .saga = saga, .faults = row->faults};
    for (uint64_t i = 0; i < seeds; i++) {
        options.seed = first + i;
        failures += !run_seed(&options, reached, failures == 0);
    }
    factum_saga_free(saga);
    bool good = has_reached(row, reached) && failures == 0;
    tap_case(good, "%s (%" PRIu64 " seeds, %" PRIu64 " failed)", row->name, seeds, failures);
}

/* Everything at once, over all sagas. */
static void run_all(uint64_t first, uint64_t seeds)
{
    uint64_t reached[FCT_SIM_REACHED_MAX] = {0};
    uint64_t failures = 0;
    for (size_t file = 0; saga_files[file] != NULL; file++) {
        factum_saga *saga = saga_file(saga_files[file]);
        for (uint64_t i = 0; i < seeds / 4 + 1; i++) {
            const struct fct_sim_options options = {.mem = fct_mem_heap(),
                                                    .saga = saga,
                                                    .seed = first + i,
                                                    .faults = fct_sim_all_faults(first + i)};
            bool passed = run_seed(&options, reached, failures == 0);
            if (!passed && failures++ == 0) {
                printf("# saga %s\n", saga_files[file]);
            }
        }
        factum_saga_free(saga);
    }
    tap_case(failures == 0, "every fault, every saga (%" PRIu64 " failed)", failures);
}

/* ---- negative controls ----------------------------------------------------------------------- */

/* The commands first, then, in another commit, the state that they follow from. */
static factum_status forgetful_append(factum_store *store, const factum_append_request *request,
                                      factum_append_result *result, factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < request->event_count && status == FACTUM_OK; i++) {
        const factum_new_event *event = &request->events[i];
        if (fct_slice_starts(event->stream, FCT_SLICE("command:"))) {
            status = factum_append_stream(store, event->stream, factum_any(), event, 1, NULL, err);
        }
    }
    return status == FACTUM_OK ? factum_append(store, request, result, NULL, err) : status;
}

/* The state is committed, and fences nobody. */
static factum_status unfenced_append(factum_store *store, const factum_append_request *request,
                                     factum_append_result *result, factum_error *err)
{
    factum_append_request open = *request;
    factum_expectation all[64];
    if (request->expectation_count > 64) {
        return factum_append(store, request, result, NULL, err);
    }
    for (size_t i = 0; i < request->expectation_count; i++) {
        all[i] = (factum_expectation){request->expectations[i].stream, factum_any()};
    }
    open.expectations = all;
    return factum_append(store, &open, result, NULL, err);
}

struct control {
    const char *name;
    struct fct_sim_faults faults;
    factum_status (*append)(factum_store *, const factum_append_request *, factum_append_result *,
                            factum_error *);
};

static const struct control controls[] = {
    {"a participant without a key", ROW(.reorder = true, .no_key = true), NULL},
    {"a participant without tombstones",
     ROW(.silent = 400, .jump_to_timers = true, .reorder = true, .no_tombstone = true), NULL},
    {"a manager that sends before it remembers", ROW(.crash = FCT_SIM_CRASH_DRAWN, .slow = true),
     forgetful_append},
    {"a manager that fences nobody", ROW(.two_managers = true, .slow = true), unfenced_append},
};

static void run_control(const struct control *control, uint64_t first)
{
    uint64_t reached[FCT_SIM_REACHED_MAX] = {0};
    uint64_t found = 0;
    factum_saga *saga = saga_file("order_fulfilment");
    struct fct_sim_options options = {
        .mem = fct_mem_heap(), .saga = saga, .faults = control->faults, .append = control->append};
    for (uint64_t i = 0; i < CONTROL_SEEDS && found == 0; i++) {
        options.seed = first + i;
        found += !run_seed(&options, reached, false);
    }
    factum_saga_free(saga);
    tap_case(found > 0, "finds %s", control->name);
}

int main(void)
{
    uint64_t seeds = tap_setting("FCT_SAGA_SEEDS", SEEDS);
    uint64_t first = tap_setting("FCT_SAGA_SEED", 1);
    size_t row_count = sizeof rows / sizeof *rows;
    size_t control_count = sizeof controls / sizeof *controls;
    for (size_t i = 0; i < row_count; i++) {
        run_row(&rows[i], first, seeds);
    }
    run_all(first, seeds);
    for (size_t i = 0; i < control_count; i++) {
        run_control(&controls[i], first);
    }
    return tap_end();
}
