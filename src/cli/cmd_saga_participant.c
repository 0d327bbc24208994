/* cmd_saga_participant.c - factum saga test-participant: does a participant keep to the rules?
 * Layer: cli. */
#include <inttypes.h>
#include <string.h>

#include <factum/participant.h>

#include "cli/cmd_saga.h"

#define TIMEOUT_SECONDS_MAX 3600
#define MS_PER_SECOND 1000

/* ---- what was found -------------------------------------------------------------------------- */

static const char *outcome_name(factum_contract_outcome outcome)
{
    return outcome == FACTUM_CONTRACT_PASSED   ? "passed"
           : outcome == FACTUM_CONTRACT_FAILED ? "failed"
                                               : "skipped";
}

static void print_check_json(const factum_contract_check *check)
{
    (void)printf("{\"check\":\"%s\",\"outcome\":\"%s\",\"what\":", check->name,
                 outcome_name(check->outcome));
    print_json_text(stdout, factum_slice_from(check->what));
    if (check->outcome == FACTUM_CONTRACT_FAILED) {
        (void)printf(",\"found\":");
        print_json_text(stdout, factum_slice_from(check->found));
        (void)printf(",\"remedy\":");
        print_json_text(stdout, factum_slice_from(check->remedy));
    }
    (void)printf("}");
}

static void print_check(const factum_contract_check *check)
{
    (void)printf("%-8s %-14s %s\n", outcome_name(check->outcome), check->name, check->what);
    if (check->outcome == FACTUM_CONTRACT_FAILED) {
        (void)printf("         found: ");
        print_text(stdout, factum_slice_from(check->found));
        (void)printf("\n         to do: %s\n", check->remedy);
    }
}

static uint64_t count_outcome(const factum_contract_report *report, factum_contract_outcome outcome)
{
    uint64_t count = 0;
    for (size_t i = 0; i < report->check_count; i++) {
        count += report->checks[i].outcome == outcome ? 1 : 0;
    }
    return count;
}

static void print_report(const struct options *options, const factum_contract_report *report)
{
    if (options->json) {
        (void)printf("{\"passed\":%s,\"checks\":[", report->passed ? "true" : "false");
    }
    for (size_t i = 0; i < report->check_count; i++) {
        if (options->json) {
            (void)printf(i == 0 ? "" : ",");
            print_check_json(&report->checks[i]);
        } else {
            print_check(&report->checks[i]);
        }
    }
    if (options->json) {
        (void)printf("]}\n");
        return;
    }
    (void)printf("%" PRIu64 " passed, %" PRIu64 " failed, %" PRIu64 " skipped\n",
                 count_outcome(report, FACTUM_CONTRACT_PASSED),
                 count_outcome(report, FACTUM_CONTRACT_FAILED),
                 count_outcome(report, FACTUM_CONTRACT_SKIPPED));
}

/* Without any answer the exit code is EXIT_NOT_YET: try again. */
static int code_of_report(const factum_contract_report *report)
{
    const factum_contract_check *first = &report->checks[0];
    if (first->outcome == FACTUM_CONTRACT_FAILED && strncmp(first->found, "no answer", 9) == 0) {
        return EXIT_NOT_YET;
    }
    return report->passed ? 0 : EXIT_INVALID;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool go_on(void *data, uint64_t done, uint64_t total)
{
    (void)data;
    (void)done;
    (void)total;
    return !interrupted;
}

static int test_with(const struct options *options, const factum_contract_options *contract)
{
    factum_contract_report report = {.size = sizeof report};
    factum_store *store = NULL;
    factum_error err;
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    factum_status status = factum_contract_test(store, contract, &report, &err);
    if (status == FACTUM_CANCELLED && interrupted) {
        code = EXIT_INTERRUPTED;
    } else if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    } else {
        print_report(options, &report);
        code = code_of_report(&report);
    }
    return close_store(store, finish_output(code));
}

static int cmd_saga_test_participant(const struct options *options)
{
    uint64_t seconds = 0;
    const factum_progress progress = {NULL, go_on};
    factum_contract_options contract = {
        .size = sizeof contract,
        .do_type = factum_slice_from(options->do_type),
        .do_data = factum_slice_from(options->data == NULL ? "{}" : options->data),
        .undo_type = factum_slice_from(options->undo_type),
        .undo_data = factum_slice_from(options->undo_data == NULL ? "{}" : options->undo_data),
        .progress = &progress,
    };
    if (options->do_type == NULL) {
        return complain("saga test-participant needs --do SERVICE.COMMAND");
    }
    if (options->undo_data != NULL && options->undo_type == NULL) {
        return complain("--undo-data is the data of an undo: name it with --undo SERVICE.COMMAND");
    }
    if (options->timeout != NULL) {
        if (!option_count(options->timeout, "timeout", &seconds)) {
            return EXIT_USAGE;
        }
        if (seconds > TIMEOUT_SECONDS_MAX) {
            return complain("--timeout is %d seconds at most", TIMEOUT_SECONDS_MAX);
        }
    }
    contract.timeout_ms = (uint32_t)seconds * MS_PER_SECOND;
    return test_with(options, &contract);
}

const struct command command_saga_test_participant = {
    .name = "saga test-participant",
    .usage = "saga test-participant --do SERVICE.COMMAND [--data JSON] [--undo SERVICE.COMMAND] "
             "[options]",
    .summary = "test that a participant of sagas follows the rules",
    .help = "  --do TYPE          the command that it is sent\n"
            "  --data JSON        its data, which the participant accepts ({})\n"
            "  --undo TYPE        the command that undoes it (undos are not tested)\n"
            "  --undo-data JSON   its data ({})\n"
            "  --timeout SECONDS  the longest wait for each answer (10)\n"
            "  --json             what was found as JSON\n",
    .notes = "The participant runs elsewhere, in any language, on the same store: mostly that of a "
             "server.\nThe commands and their answers stay in it, so use one for tests. The exit "
             "status is 7 if the\nparticipant breaks a rule, and 9 if it does not answer at all.\n",
    .options = "do data undo undo-data timeout json ",
    .run = cmd_saga_test_participant,
};
