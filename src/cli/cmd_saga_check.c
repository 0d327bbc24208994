/* cmd_saga_check.c - factum saga check, and what deploy and simulate share with it (saga_report.h):
 * loading the file, bounds, printing a broken run. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/input.h"
#include "cli/progress.h"
#include "cli/saga_report.h"
#include "cli/whole_file.h"

/* ---- the file -------------------------------------------------------------------------------- */

int saga_load(const struct options *options, const char *path, factum_slice text,
              const factum_schemas *schemas, factum_saga **saga)
{
    factum_error err;
    factum_saga_info info = {.size = sizeof info};
    const factum_saga_options with = {
        .size = sizeof with, .name = input_name(path), .schemas = schemas};
    factum_status status = factum_saga_load(text, &with, saga, &err);
    if (status == FACTUM_OK) {
        status = factum_saga_info_get(*saga, &info, &err);
    }
    if (status != FACTUM_OK) {
        int code = fail_with(status, &err);
        return status == FACTUM_NO_MEMORY ? code : EXIT_INVALID;
    }
    for (size_t i = 0; !options->quiet && i < info.warning_count; i++) {
        (void)fprintf(stderr, "factum: %s\n", factum_saga_warning(*saga, i));
    }
    return 0;
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static bool bound(const char *text, const char *name, uint64_t max, bool zero_allowed,
                  uint64_t *value)
{
    if (text == NULL) {
        return true;
    }
    if (!(zero_allowed ? option_number(text, name, value) : option_count(text, name, value))) {
        return false;
    }
    if (*value > max) {
        (void)complain("--%s takes %" PRIu64 " at most", name, max);
        return false;
    }
    return true;
}

/* In struct factum_saga_bounds an |acts| of 0 means the default, so UINT32_MAX means none. These
 * two convert from and to the number that users give and see. */
static uint32_t bound_of_acts(uint64_t acts)
{
    return acts == 0 ? UINT32_MAX : (uint32_t)acts;
}

static uint32_t acts_of(const factum_saga_bounds *bounds)
{
    return bounds->acts == UINT32_MAX ? 0 : bounds->acts;
}

bool saga_bounds(const struct options *options, factum_saga_bounds *bounds)
{
    uint64_t generations = FACTUM_SAGA_GENERATIONS_DEFAULT;
    uint64_t acts = FACTUM_SAGA_ACTS_DEFAULT;
    uint64_t states = FACTUM_SAGA_STATES_DEFAULT;
    if (!bound(options->generations, "generations", FACTUM_SAGA_GENERATIONS_MAX, false,
               &generations) ||
        !bound(options->acts, "acts", FACTUM_SAGA_ACTS_MAX, true, &acts) ||
        !bound(options->states_max, "states-max", FACTUM_SAGA_STATES_MAX, false, &states)) {
        return false;
    }
    *bounds = (factum_saga_bounds){
        .size = sizeof *bounds,
        .generations = (uint32_t)generations,
        .acts = bound_of_acts(acts),
        .state_max = states,
    };
    return true;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static void print_broken_rule_json(const factum_saga_report *report)
{
    if (report->broken_rule[0] == '\0') {
        return;
    }
    (void)printf(",\"broken\":");
    print_json_text(stdout, factum_slice_from(report->broken_rule));
    (void)printf(",\"table\":");
    print_json_text(stdout, (factum_slice){(const uint8_t *)report->table, report->table_len});
    (void)printf(",\"script\":");
    print_json_text(stdout, (factum_slice){(const uint8_t *)report->script, report->script_len});
}

static void print_json_report(const factum_saga_info *info, const factum_saga_bounds *bounds,
                              const factum_saga_report *report)
{
    (void)printf("{\"name\":\"%.*s\",\"version\":%" PRIu64 ",\"hash\":\"%.*s\",\"sound\":%s"
                 ",\"complete\":%s,\"states\":%" PRIu64 ",\"runLength\":%" PRIu64,
                 (int)info->name.len, (const char *)info->name.ptr, info->version,
                 (int)info->hash.len, (const char *)info->hash.ptr,
                 report->sound ? "true" : "false", report->complete ? "true" : "false",
                 report->state_count, report->run_length);
    (void)printf(",\"ends\":{\"done\":%" PRIu64 ",\"undone\":%" PRIu64 ",\"stuck\":%" PRIu64
                 "},\"bounds\":{\"generations\":%u,\"acts\":%u,\"statesMax\":%" PRIu64
                 "},\"seconds\":%.3f",
                 report->done_count, report->undone_count, report->stuck_count, bounds->generations,
                 acts_of(bounds), bounds->state_max, (double)report->duration / 1e9);
    print_broken_rule_json(report);
    (void)printf("}\n");
}

static void print_bounds(const factum_saga_bounds *bounds)
{
    char acts[64];
    char ids[64];
    format_things(acts_of(bounds), "act of an operator", "acts of operators", acts);
    format_things(bounds->generations, "id", "ids", ids);
    (void)printf("bounds: %s of each command after failures, %s; any number of copies of a "
                 "message\n",
                 ids, acts);
}

void saga_print_run(FILE *to, const factum_saga_report *report)
{
    (void)fprintf(to, "%s\n%s", report->table, "\nThe same for factum saga simulate:\n\n");
    (void)fwrite(report->script, 1, report->script_len, to);
}

static void print_verdict(const factum_saga_info *info, const factum_saga_report *report)
{
    char states[64];
    char length[64];
    format_things(report->state_count, "state", "states", states);
    format_things(report->run_length, "input", "inputs", length);
    (void)printf("%.*s version %" PRIu64 ": ", (int)info->name.len, (const char *)info->name.ptr,
                 info->version);
    if (report->sound) {
        (void)printf("sound, %s", states);
    } else if (report->complete) { /* also if the search ended early, at a broken rule */
        (void)printf("NOT SOUND, %s", states);
    } else {
        (void)printf("not decided after %s: raise --states-max", states);
    }
    (void)printf(", most distant state after %s, %.3f s\n", length, (double)report->duration / 1e9);
}

static void print_report(const struct options *options, const factum_saga_info *info,
                         const factum_saga_bounds *bounds, const factum_saga_report *report)
{
    if (options->quiet && report->sound) {
        return;
    }
    print_verdict(info, report);
    if (report->sound) {
        char text[3][32];
        format_count(report->done_count, text[0]);
        format_count(report->undone_count, text[1]);
        format_count(report->stuck_count, text[2]);
        (void)printf("states at an end: %s done, %s undone, %s waiting for an operator\n", text[0],
                     text[1], text[2]);
    }
    print_bounds(bounds);
    if (report->broken_rule[0] != '\0') {
        (void)printf("\nThe shortest run that breaks a rule:\n\n");
        saga_print_run(stdout, report);
    }
}

/* For factum_saga_progress: shows how many states were found, and how many a second. */
static bool show_states(void *data, uint64_t state_count, uint64_t waiting_count)
{
    struct progress *progress = data;
    progress->items = state_count;
    progress_step(progress, state_count - waiting_count, 0);
    return !interrupted;
}

int saga_check(const struct options *options, const factum_saga *saga,
               const factum_saga_bounds *bounds)
{
    factum_error err;
    struct progress progress;
    factum_saga_info info = {.size = sizeof info};
    factum_saga_report report = {.size = sizeof report};
    const factum_saga_progress watch = {&progress, show_states};
    factum_status status = factum_saga_info_get(saga, &info, &err);
    if (status == FACTUM_OK) {
        progress_begin(&progress, "check", options->quiet);
        progress.item_name = "state";
        progress.items_name = "states";
        status = factum_saga_check(saga, bounds, &watch, &report, &err);
        progress_end(&progress);
    }
    if (status != FACTUM_OK) {
        return interrupted ? EXIT_INTERRUPTED : fail_with(status, &err);
    }
    if (options->json) {
        print_json_report(&info, bounds, &report);
    } else {
        print_report(options, &info, bounds, &report);
    }
    int code = report.sound ? 0 : EXIT_INVALID;
    factum_saga_report_free(&report);
    return finish_output(code);
}

static int run_check(const struct options *options)
{
    factum_saga *saga = NULL;
    factum_saga_bounds bounds;
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (!saga_bounds(options, &bounds)) {
        return EXIT_USAGE;
    }
    int code = file_read(options->arguments[0], FACTUM_SAGA_TEXT_MAX, &bytes, &len);
    if (code == 0) {
        code = saga_load(options, options->arguments[0], (factum_slice){bytes, len}, NULL, &saga);
    }
    if (code == 0) {
        code = saga_check(options, saga, &bounds);
    }
    factum_saga_free(saga);
    free(bytes);
    return code;
}

const struct command command_saga_check = {
    .name = "saga check",
    .usage = "saga check FILE [options]",
    .summary = "prove that every run of a saga ends well, or print the shortest that does not",
    .help = "  --generations N    how many ids a command may get: a new one after each\n"
            "                     failure, 1 to 4 (2)\n"
            "  --acts N           acts of operators in one run: 0 to 4 (1)\n"
            "  --states-max N     the most states to explore (20000000)\n"
            "  --json             the verdict, counts, bounds and the run as JSON\n",
    .notes = "It explores every order of answers, silence, duplicates, late answers, crashes and\n"
             "acts of operators. Every run has to end done, or wholly undone, or to wait for an\n"
             "operator only where an undo has failed or a step asks. Otherwise the exit\n"
             "status is 7, as it is if --states-max is reached or the file is invalid. In the\n"
             "JSON, runLength is the count of inputs on the shortest run to the most distant\n"
             "state.\n",
    .options = "generations acts states-max json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_check,
};
