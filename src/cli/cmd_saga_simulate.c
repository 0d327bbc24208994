/* cmd_saga_simulate.c - factum saga simulate: runs a saga on a simulated disk. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <factum/saga_simulate.h>

#include "cli/saga_report.h"
#include "cli/whole_file.h"

#define SEEDS_MAX 100000000u
#define SCRIPT_SIZE_MAX (256u << 10)

/* The request, and the sum of the runs. */
struct simulating {
    const struct options *options;
    const factum_saga *saga;
    factum_saga_simulation simulation;
    uint64_t first;
    uint64_t seeds;
    factum_saga_simulated sum; /* only its counts */
};

/* ---- what was found -------------------------------------------------------------------------- */

static void add_up(factum_saga_simulated *sum, const factum_saga_simulated *report)
{
    sum->run_count += report->run_count;
    sum->saga_count += report->saga_count;
    sum->input_count += report->input_count;
    sum->command_count += report->command_count;
    sum->crash_count += report->crash_count;
    sum->duplicate_count += report->duplicate_count;
    sum->timer_count += report->timer_count;
    sum->conflict_count += report->conflict_count;
    sum->act_count += report->act_count;
}

static void print_json_list(const char *lines)
{
    const char *joint = "";
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");
        (void)printf("%s", joint);
        print_json_text(stdout, (factum_slice){(const uint8_t *)lines, len});
        joint = ",";
        lines += len + (lines[len] == '\n' ? 1 : 0);
    }
}

static void print_simulated_json(const struct simulating *s, const factum_saga_simulated *last,
                                 uint64_t seed)
{
    const factum_saga_simulated *sum = &s->sum;
    (void)printf("{\"passed\":%s,\"seed\":%" PRIu64 ",\"status\":\"%s\",\"runs\":%" PRIu64
                 ",\"sagas\":%" PRIu64 ",\"inputs\":%" PRIu64 ",\"sent\":%" PRIu64
                 ",\"crashes\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"timers\":%" PRIu64
                 ",\"conflicts\":%" PRIu64 ",\"acts\":%" PRIu64 ",\"commands\":[",
                 last->passed ? "true" : "false", seed, factum_saga_status_name(last->status),
                 sum->run_count, sum->saga_count, sum->input_count, sum->command_count,
                 sum->crash_count, sum->duplicate_count, sum->timer_count, sum->conflict_count,
                 sum->act_count);
    print_json_list(last->commands);
    (void)printf("]");
    if (!last->passed) {
        (void)printf(",\"broken\":");
        print_json_text(stdout, factum_slice_from(last->broken));
    }
    if (!last->passed || s->seeds == 1) {
        (void)printf(",\"trace\":[");
        print_json_list(last->trace);
        (void)printf("]");
    }
    (void)printf("}\n");
}

static void print_counts(const factum_saga_simulated *sum)
{
    const struct {
        uint64_t count;
        const char *one, *many, *before;
    } parts[] = {
        {sum->run_count, "run", "runs", ""},
        {sum->saga_count, "saga", "sagas", " of "},
        {sum->input_count, "event taken", "events taken", ": "},
        {sum->command_count, "command", "commands", ", "},
        {sum->crash_count, "crash", "crashes", ", "},
        {sum->duplicate_count, "duplicate", "duplicates", ", "},
        {sum->timer_count, "timer fired", "timers fired", ", "},
        {sum->conflict_count, "commit lost to another", "commits lost to another", ", "},
        {sum->act_count, "act of operators", "acts of operators", ", "},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char text[64];
        format_things(parts[i].count, parts[i].one, parts[i].many, text);
        (void)printf("%s%s", parts[i].before, text);
    }
    (void)printf("\n");
}

static void print_simulated(const struct simulating *s, const factum_saga_simulated *last,
                            uint64_t seed)
{
    const factum_saga_simulated *sum = &s->sum;
    if (s->options->quiet && last->passed) {
        return;
    }
    if (!last->passed || s->seeds == 1) {
        (void)printf("%s", last->trace);
        (void)printf("effective, in this order:\n%s\n", last->commands);
    }
    print_counts(sum);
    (void)printf("checked: effects once (S1), undone in reverse order (S2), never done and undone "
                 "(S3), an end (S4), no timer early or late (S5), undos tried again (S8), no "
                 "command without its state, no state but the stream's\n");
    if (last->passed) {
        (void)printf("passed\n");
    } else {
        (void)printf("FAILED: %s\nthe same again: --seed %" PRIu64 "\n", last->broken, seed);
    }
}

/* ---- running --------------------------------------------------------------------------------- */

/* Simulates the seeds in turn, up to the first that fails. */
static int simulate_seeds(struct simulating *s)
{
    factum_error err;
    int code = 0;
    for (uint64_t i = 0; i < s->seeds && code == 0; i++) {
        factum_saga_simulated report = {.size = sizeof report};
        s->simulation.seed = s->first + i;
        factum_status status = factum_saga_simulate(s->saga, &s->simulation, &report, &err);
        if (status != FACTUM_OK) {
            return status == FACTUM_INVALID ? (fail_with(status, &err), EXIT_INVALID)
                                            : fail_with(status, &err);
        }
        add_up(&s->sum, &report);
        code = report.passed ? 0 : EXIT_INVALID;
        bool last = i + 1 == s->seeds || code != 0 || interrupted;
        if (last && s->options->json) {
            print_simulated_json(s, &report, s->simulation.seed);
        } else if (last) {
            print_simulated(s, &report, s->simulation.seed);
        }
        factum_saga_simulated_free(&report);
        if (interrupted) {
            return EXIT_INTERRUPTED;
        }
    }
    return finish_output(code);
}

static bool read_seeds(const struct options *options, struct simulating *s)
{
    s->first = 1;
    s->seeds = 1;
    if ((options->seed != NULL && !option_number(options->seed, "seed", &s->first)) ||
        (options->seeds != NULL && !option_count(options->seeds, "seeds", &s->seeds))) {
        return false;
    }
    if (s->seeds > SEEDS_MAX) {
        (void)complain("--seeds takes %u at most", SEEDS_MAX);
        return false;
    }
    return true;
}

static int run_simulate(const struct options *options)
{
    struct simulating s = {.options = options, .simulation = {.size = sizeof s.simulation}};
    factum_saga *saga = NULL;
    uint8_t *bytes = NULL;
    uint8_t *script = NULL;
    size_t len = 0;
    if (!read_seeds(options, &s)) {
        return EXIT_USAGE;
    }
    int code = file_read(options->arguments[0], FACTUM_SAGA_TEXT_MAX, &bytes, &len);
    if (code == 0) {
        code = saga_load(options, options->arguments[0], (factum_slice){bytes, len}, NULL, &saga);
    }
    if (code == 0 && options->script != NULL) {
        code = file_read(options->script, SCRIPT_SIZE_MAX, &script, &len);
        s.simulation.script = (factum_slice){script, len};
        s.simulation.script_name = options->script;
    }
    if (code == 0) {
        s.saga = saga;
        code = simulate_seeds(&s);
    }
    factum_saga_free(saga);
    free(bytes);
    free(script);
    return code;
}

const struct command command_saga_simulate = {
    .name = "saga simulate",
    .usage = "saga simulate FILE [options]",
    .summary = "play a saga on a simulated disk, with crashes, silence, duplicates, bad clocks",
    .help = "  --script FILE      what is given, answered and expected; the rest is drawn\n"
            "  --seed N           draw from this seed (1)\n"
            "  --seeds COUNT      this many seeds, one after another, until one fails (1)\n"
            "  --json             what happened and what was checked as JSON\n",
    .notes =
        "The manager, the store and its log are the real ones; the disk, the time and the\n"
        "services are simulated, and the same seed gives the same run. Without a script every\n"
        "fault is drawn. The script that saga check prints for a run is played as it is. The\n"
        "exit status is 7 if a rule is broken, or if what the script expects does not happen.\n",
    .options = "script seed seeds json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_simulate,
};
