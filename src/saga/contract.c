/* contract.c - the contract test of participants. Layer: saga.
 *
 *     do ........ wait for the answer
 *     do again
 *     undo ...... wait
 *     undo again
 *     undo of a do that was never sent ... wait
 *     that do
 *     another do  wait: a participant takes the commands in order, so all were taken now
 *
 * What must not happen cannot be waited for: a second answer, an effect of the late do. After the
 * last answer the test watches for it for some time.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "os/os.h"
#include "saga/contract_watch.h"

#define CONTRACT_TIMEOUT_MS 10000
#define CONTRACT_SETTLE_MS 300
#define CONTRACT_NODES 32

/* ---- arguments ------------------------------------------------------------------------------- */

static factum_status contract_check_data(factum_slice data, const char *what, factum_error *err)
{
    factum_json json;
    factum_json_node nodes[CONTRACT_NODES];
    factum_arena arena;
    factum_arena_init(&arena, 0);
    factum_status status = factum_generated_tape(data, &arena, nodes, CONTRACT_NODES, &json, err);
    factum_arena_finish(&arena);
    return status == FACTUM_OK ? status : fct_wrap(err, status, "contract: the data of %s", what);
}

/* Takes the service from the type of the do; the undo must be of the same one. */
static factum_status contract_check(struct fct_contract *contract, factum_error *err)
{
    factum_contract_options *options = &contract->options;
    const factum_slice type = options->do_type;
    const uint8_t *dot = type.len > 0 ? memchr(type.ptr, '.', type.len) : NULL;
    contract->service = fct_slice(type.ptr, dot == NULL ? 0 : (size_t)(dot - type.ptr));
    if (!fct_saga_name_valid(contract->service) || type.len == contract->service.len + 1) {
        return fct_fail(err, FACTUM_INVALID, "contract: the type of the do is SERVICE.COMMAND");
    }
    const factum_slice start = fct_slice(type.ptr, contract->service.len + 1);
    if (options->undo_type.len > 0 &&
        (!fct_slice_starts(options->undo_type, start) || options->undo_type.len == start.len)) {
        return fct_fail(err, FACTUM_INVALID, "contract: the type of the undo is %.*sCOMMAND",
                        FCT_FMT(start));
    }
    options->timeout_ms = options->timeout_ms == 0 ? CONTRACT_TIMEOUT_MS : options->timeout_ms;
    factum_status status = contract_check_data(options->do_data, "the do", err);
    return status == FACTUM_OK && options->undo_type.len > 0
               ? contract_check_data(options->undo_data, "the undo", err)
               : status;
}

/* ---- the commands ---------------------------------------------------------------------------- */

static factum_status contract_ask(struct fct_contract *contract, enum fct_contract_command which,
                                  factum_error *err)
{
    factum_status status = fct_contract_send(contract, which, 1, err);
    return status == FACTUM_OK
               ? fct_contract_watch(contract, which, contract->options.timeout_ms, err)
               : status;
}

static factum_status contract_undo(struct fct_contract *contract, factum_error *err)
{
    factum_status status = contract_ask(contract, FCT_CONTRACT_UNDO, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_contract_send(contract, FCT_CONTRACT_UNDO, 2, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = contract_ask(contract, FCT_CONTRACT_FIRST_UNDO, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_contract_send(contract, FCT_CONTRACT_LATE_DO, 1, err);
}

static factum_status contract_run(struct fct_contract *contract, factum_error *err)
{
    factum_status status = contract_ask(contract, FCT_CONTRACT_DO, err);
    if (status != FACTUM_OK || contract->sent[FCT_CONTRACT_DO].answers == 0) {
        return status; /* no participant answers: the other checks are pointless */
    }
    status = fct_contract_send(contract, FCT_CONTRACT_DO, 2, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (contract->options.undo_type.len > 0) {
        status = contract_undo(contract, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = contract_ask(contract, FCT_CONTRACT_LAST_DO, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_contract_watch(contract, FCT_CONTRACT_COMMANDS, CONTRACT_SETTLE_MS, err);
}

/* ---- the report ------------------------------------------------------------------------------ */

static factum_contract_check *contract_add(factum_contract_report *report, const char *name,
                                           const char *what, bool seen, const char *remedy)
{
    factum_contract_check *check = &report->checks[report->check_count++];
    *check = (factum_contract_check){
        .name = name,
        .what = what,
        .remedy = remedy,
        .outcome = seen ? FACTUM_CONTRACT_PASSED : FACTUM_CONTRACT_SKIPPED,
    };
    return check;
}

/* Records a failed check unless |holds|, or unless the check was skipped. */
FCT_PRINTF(3, 4)
static void contract_hold(factum_contract_check *check, bool holds, const char *format, ...)
{
    if (holds || check->outcome != FACTUM_CONTRACT_PASSED) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(check->found, sizeof check->found, format, arguments);
    va_end(arguments);
    check->outcome = FACTUM_CONTRACT_FAILED;
}

static void contract_answered(const struct fct_contract *contract, factum_contract_check *check,
                              enum fct_contract_command which)
{
    const struct fct_contract_sent *sent = &contract->sent[which];
    contract_hold(check, sent->answers > 0, "no answer within %u ms to %s",
                  contract->options.timeout_ms, sent->id_text);
    contract_hold(check, !sent->failed, "it answered %s %s", sent->first_type, sent->first_data);
}

/* Checks the key, the metadata and the trace of the answer of |which|. */
static void contract_form(const struct fct_contract *contract, factum_contract_report *report,
                          enum fct_contract_command which, const char *const names[3])
{
    const struct fct_contract_sent *sent = &contract->sent[which];
    const bool seen = sent->answers > 0;
    factum_contract_check *check =
        contract_add(report, names[0], "the answer is appended under the command's id", seen,
                     "append with the command's id as idempotency key, in clients of other "
                     "languages \"$idempotencyKey\" in the metadata of the first event");
    contract_hold(check, sent->keyed, "%s is not under the key %s", sent->first_type,
                  sent->id_text);
    check = contract_add(report, names[1],
                         "the answer has $causationId, $correlationId and $sagaId", seen,
                         "put them into the metadata of each event of the answer: the command's "
                         "$commandId as $causationId, the other two as in the command");
    contract_hold(check, sent->caused, "$causationId is not %s", sent->id_text);
    contract_hold(check, sent->correlated, "$correlationId is not %s", contract->run);
    contract_hold(check, sent->of_saga, "$sagaId is not %.*s", FCT_FMT(sent->saga_id));
    check = contract_add(report, names[2], "the answer belongs to the command's trace", seen,
                         "copy traceparent from the command's metadata, or make a child of it");
    contract_hold(check, sent->traced, "traceparent is missing or of another trace");
}

static void contract_once(const struct fct_contract *contract, factum_contract_report *report,
                          enum fct_contract_command which, const char *name, const char *what)
{
    const struct fct_contract_sent *sent = &contract->sent[which];
    factum_contract_check *check =
        contract_add(report, name, what, sent->answers > 0,
                     "look for the command's id before the work, and append under it: the second "
                     "append then does nothing, or is refused with \"key conflict\"");
    contract_hold(check, sent->answers == 1, "%zu answers to %s", sent->answers, sent->id_text);
}

static void contract_report_undo(const struct fct_contract *contract,
                                 factum_contract_report *report)
{
    static const char *const form[] = {"undo-key", "undo-metadata", "undo-trace"};
    const struct fct_contract_sent *late = &contract->sent[FCT_CONTRACT_LATE_DO];
    const bool seen =
        contract->options.undo_type.len > 0 && contract->sent[FCT_CONTRACT_DO].answers > 0;
    factum_contract_check *check =
        contract_add(report, "undo-answered", "an undo is answered", seen,
                     "handle the type of the undo, and accept its data");
    contract_answered(contract, check, FCT_CONTRACT_UNDO);
    contract_form(contract, report, FCT_CONTRACT_UNDO, form);
    contract_once(contract, report, FCT_CONTRACT_UNDO, "undo-again",
                  "an undo that is sent again is answered once");
    check = contract_add(report, "undo-first", "an undo before its do is answered", seen,
                         "answer it with CommandSucceeded: there is nothing to undo");
    contract_answered(contract, check, FCT_CONTRACT_FIRST_UNDO);
    check = contract_add(report, "tombstone", "an undo before its do leaves a tombstone", seen,
                         "append CommandCancelled to the command's stream, with the id of the do "
                         "($undoes) as idempotency key, before the undo is answered");
    contract_hold(check, late->tombstone, "the key %s has no CommandCancelled", late->id_text);
    check = contract_add(report, "late-do", "a do that was undone before has no effect", seen,
                         "append what the do does under its id, in one append with the effect: the "
                         "tombstone then refuses it");
    contract_hold(check, late->answers == 0, "%s was appended for %s", late->first_type,
                  late->id_text);
}

static void contract_report(const struct fct_contract *contract, factum_contract_report *report)
{
    static const char *const form[] = {"do-key", "do-metadata", "do-trace"};
    factum_contract_check *check =
        contract_add(report, "do-answered", "a do is answered", true,
                     "run the participant on this store; it follows the category of its commands, "
                     "handles the type of the do and accepts its data");
    contract_answered(contract, check, FCT_CONTRACT_DO);
    const bool there = contract->sent[FCT_CONTRACT_DO].answers > 0;
    contract_form(contract, report, FCT_CONTRACT_DO, form);
    contract_once(contract, report, FCT_CONTRACT_DO, "do-again",
                  "a do that is sent again is answered once");
    contract_report_undo(contract, report);
    check = contract_add(report, "goes-on", "the participant goes on after all of the above", there,
                         "go on after an append that is refused with \"key conflict\": somebody "
                         "has answered the command");
    contract_answered(contract, check, FCT_CONTRACT_LAST_DO);
    report->passed = true;
    for (size_t i = 0; i < report->check_count; i++) {
        report->passed = report->passed && report->checks[i].outcome != FACTUM_CONTRACT_FAILED;
    }
}

/* ---- the test as a whole --------------------------------------------------------------------- */

static factum_status contract_begin(struct fct_contract *contract, factum_error *err)
{
    factum_uuid run;
    const factum_read_request request = {
        .size = sizeof request,
        .from = FACTUM_FROM_END,
        .commits = true,
        .skip_system = true,
        .call = contract->options.call,
    };
    factum_status status = fct_os_random(fct_os_real(), &run, sizeof run, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_uuid_format(run, contract->run);
    fct_contract_name(contract);
    return factum_subscribe(contract->store, &request, &contract->subscription, err);
}

factum_status factum_contract_test(factum_store *store, const factum_contract_options *options,
                                   factum_contract_report *report, factum_error *err)
{
    struct fct_contract contract = {.store = store};
    factum_contract_report full = {.size = sizeof full};
    factum_error own;
    err = fct_error_or(err, &own);
    if (store == NULL) {
        return fct_fail(err, FACTUM_INVALID, "contract: a store is needed");
    }
    factum_status status = fct_sized_check(report, "contract: the report", err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sized_read(&contract.options, sizeof contract.options, options,
                            "contract: the options", err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = contract_check(&contract, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_arena_init(&contract.arena, 0);
    status = contract_begin(&contract, err);
    if (status == FACTUM_OK) {
        status = contract_run(&contract, err);
    }
    factum_subscription_close(contract.subscription);
    factum_arena_finish(&contract.arena);
    if (status == FACTUM_OK) {
        contract_report(&contract, &full);
        fct_sized_write(report, &full, sizeof full);
    }
    return status;
}
