/* cmd_saga_act.c - factum saga retry, edit, skip, undo, cancel, complete, timer: what operators do.
 * Layer: cli.
 *
 * The consequences are printed before the act is done: the act is sent twice. The first time is
 * what-if. The second time is accepted only if the saga is still at the revision of the first
 * answer.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/deploying.h"
#include "cli/sagas.h"
#include "cli/served.h"

static bool read_result(const struct options *options, factum_saga_act_request *request)
{
    bool needed = request->verb == FACTUM_SAGA_SKIP;
    if (options->result == NULL) {
        if (needed) {
            (void)complain(
                "skip needs --result ok or --result fail: the result that the step counts as");
        }
        return !needed;
    }
    request->ok = strcmp(options->result, "ok") == 0;
    if (!request->ok && strcmp(options->result, "fail") != 0) {
        (void)complain("--result takes ok or fail, not \"%s\"", options->result);
        return false;
    }
    return true;
}

static bool read_due(const struct options *options, factum_saga_act_request *request)
{
    if (options->cancel == (options->to != NULL)) {
        (void)complain("timer needs --to TIME, or --cancel");
        return false;
    }
    request->verb = options->cancel ? FACTUM_SAGA_TIMER_CANCEL : FACTUM_SAGA_TIMER_MOVE;
    return options->cancel || option_time(options->to, "to", &request->due);
}

/* False after a message. */
static bool read_request(const struct options *options, factum_saga_verb verb,
                         factum_saga_act_request *request)
{
    *request = (factum_saga_act_request){
        .size = sizeof *request,
        .verb = verb,
        .saga_id = factum_slice_from(options->arguments[0]),
        .step = factum_slice_from(options->argument_count > 1 ? options->arguments[1] : NULL),
        .data = factum_slice_from(options->data),
        .by = who_acts(options),
        .reason = factum_slice_from(options->reason),
        .revision_set = options->revision != NULL,
        .what_if = options->what_if,
    };
    if (!argument_saga(options->arguments[0])) {
        return false;
    }
    if (!options->what_if && (options->reason == NULL || options->reason[0] == '\0')) {
        (void)complain("give the reason: --reason TEXT. --what-if shows what would follow");
        return false;
    }
    if (options->revision != NULL &&
        !option_number(options->revision, "revision", &request->revision)) {
        return false;
    }
    return verb == FACTUM_SAGA_TIMER_MOVE ? read_due(options, request)
                                          : read_result(options, request);
}

static void print_outcome_json(const factum_store *store, const factum_saga_act_request *request,
                               const factum_saga_act_outcome *outcome)
{
    factum_slice id = request->saga_id;
    const uint8_t *dash = memchr(id.ptr, '-', id.len);
    size_t name_len = (size_t)(dash - id.ptr);
    (void)printf("{\"saga\":");
    print_json_text(stdout, (factum_slice){id.ptr, name_len});
    (void)printf(",\"id\":");
    print_json_text(stdout, (factum_slice){dash + 1, id.len - name_len - 1});
    (void)printf(",\"verb\":\"%s\",\"whatIf\":%s,\"revision\":%" PRIu64,
                 factum_saga_verb_name(request->verb), request->what_if ? "true" : "false",
                 outcome->revision);
    if (!request->what_if) {
        (void)printf(",\"position\":%" PRIu64 ",", outcome->position);
        print_json_token(store, outcome->position);
    }
    (void)printf(",\"consequence\":");
    print_json_text(stdout, factum_slice_from(outcome->consequence));
    (void)printf("}\n");
}

static void print_consequence(const struct options *options, const factum_saga_act_outcome *outcome)
{
    if (!options->json && (!options->quiet || options->what_if)) {
        for (const char *line = outcome->consequence; *line != '\0';) {
            size_t len = strcspn(line, "\n");
            print_text(stdout, (factum_slice){(const uint8_t *)line, len});
            (void)printf("\n");
            line += len + (line[len] == '\n' ? 1 : 0);
        }
        (void)fflush(stdout);
    }
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void put_text(factum_json_writer *to, const char *name, factum_slice text)
{
    if (text.len > 0) {
        factum_json_put_member_text(to, name, text);
    }
}

static void put_request(factum_json_writer *to, const factum_saga_act_request *request)
{
    char due[FACTUM_TIME_TEXT_SIZE];
    factum_json_put_object(to);
    put_text(to, "step", request->step);
    put_text(to, "reason", request->reason);
    put_text(to, "by", request->by);
    if (request->data.len > 0) {
        factum_json_put_member(to, "data");
        factum_json_put_raw(to, request->data);
    }
    if (request->verb == FACTUM_SAGA_SKIP || request->verb == FACTUM_SAGA_COMPLETE) {
        put_text(to, "result", factum_slice_from(request->ok ? "ok" : "fail"));
    }
    if (request->verb == FACTUM_SAGA_TIMER_MOVE) {
        factum_time_format(request->due, due);
        put_text(to, "due", factum_slice_from(due));
    }
    if (request->revision_set) {
        factum_json_put_member(to, "revision");
        factum_json_put_uint64(to, request->revision);
    }
    factum_json_put_member_bool(to, "whatIf", request->what_if);
    factum_json_put_end(to);
}

/* Writes /api/v1/sagas/NAME/ID/VERB. False: it is too long. */
static bool put_target(const factum_saga_act_request *request, char *target, size_t size)
{
    factum_slice id = request->saga_id;
    const uint8_t *dash = memchr(id.ptr, '-', id.len);
    size_t name = (size_t)(dash - id.ptr);
    (void)snprintf(target, size, "/api/v1/sagas/%.*s/", (int)name, (const char *)id.ptr);
    if (!served_add_encoded(target, size, (factum_slice){dash + 1, id.len - name - 1})) {
        return false;
    }
    size_t len = strlen(target);
    return (size_t)snprintf(target + len, size - len, "/%s", factum_saga_verb_name(request->verb)) <
           size - len;
}

static factum_status ask_served(factum_store *store, const factum_saga_act_request *request,
                                const char *target, factum_slice body,
                                factum_saga_act_outcome *outcome, factum_error *err)
{
    struct served_answer answer = {.len = 0};
    const struct served_question question = {
        .method = "POST", .target = target, .body = body, .once = !request->what_if};
    factum_status status = served_ask(store, &question, &answer, err);
    if (status == FACTUM_OK) {
        factum_slice text = served_text(&answer, FACTUM_JSON_ROOT, "consequence");
        outcome->revision = served_number(&answer, FACTUM_JSON_ROOT, "revision");
        outcome->position =
            request->what_if ? 0 : served_number(&answer, FACTUM_JSON_ROOT, "position");
        (void)snprintf(outcome->consequence, sizeof outcome->consequence, "%.*s", (int)text.len,
                       text.len > 0 ? (const char *)text.ptr : "");
        status = served_check(&answer, err);
    }
    served_finish(&answer);
    return status;
}

/* Acts in a directory, or through the server, whose right to act is weaker than the right to write
 * to the stream. */
static factum_status act_anywhere(const struct options *options, factum_store *store,
                                  const factum_saga_act_request *request,
                                  factum_saga_act_outcome *outcome, factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    factum_arena arena;
    factum_json_writer to;
    if (!is_address(options->store)) {
        return factum_saga_act(store, request, outcome, err);
    }
    factum_arena_init(&arena, 0);
    factum_json_writer_in(&to, &arena);
    put_request(&to, request);
    factum_status status = factum_json_writer_finish(&to, err);
    if (status == FACTUM_OK && !put_target(request, target, sizeof target)) {
        *err = (factum_error){.status = FACTUM_INVALID, .text = "the id of the saga is too long"};
        status = FACTUM_INVALID;
    }
    if (status == FACTUM_OK) {
        status =
            ask_served(store, request, target, (factum_slice){to.buffer, to.used}, outcome, err);
    }
    factum_arena_finish(&arena);
    return status;
}

/* 0, or the exit code after a message. */
static int do_act(const struct options *options, factum_store *store,
                  factum_saga_act_request *request)
{
    factum_error err;
    factum_saga_act_outcome outcome = {.size = sizeof outcome};
    bool what_if = request->what_if;
    request->what_if = true;
    factum_status status = act_anywhere(options, store, request, &outcome, &err);
    if (status == FACTUM_OK) {
        print_consequence(options, &outcome);
    }
    if (status == FACTUM_OK && !what_if) {
        request->what_if = false;
        request->revision_set = true;
        request->revision = outcome.revision;
        status = act_anywhere(options, store, request, &outcome, &err);
    }
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    if (options->json) {
        print_outcome_json(store, request, &outcome);
    } else if (!what_if && !options->quiet) {
        (void)printf("done: revision %" PRIu64 "\n", outcome.revision);
    }
    return 0;
}

static int run_verb(const struct options *options, factum_saga_verb verb)
{
    factum_store *store;
    factum_saga_act_request request;
    if (!read_request(options, verb, &request)) {
        return EXIT_USAGE;
    }
    int code = open_store(options, false, &store);
    return code != 0 ? code : close_store(store, do_act(options, store, &request));
}

static int run_retry(const struct options *options)
{
    return run_verb(options, FACTUM_SAGA_RETRY);
}

static int run_edit(const struct options *options)
{
    return run_verb(options, FACTUM_SAGA_EDIT);
}

static int run_skip(const struct options *options)
{
    return run_verb(options, FACTUM_SAGA_SKIP);
}

static int run_undo(const struct options *options)
{
    return run_verb(options, FACTUM_SAGA_UNDO);
}

static int run_complete(const struct options *options)
{
    return run_verb(options, FACTUM_SAGA_COMPLETE);
}

static int run_cancel(const struct options *options)
{
    return run_verb(options, FACTUM_SAGA_CANCEL);
}

static int run_timer(const struct options *options)
{
    return run_verb(options, FACTUM_SAGA_TIMER_MOVE);
}

#define COMMON_OPTIONS "reason by revision what-if json "
#define COMMON_HELP                                                                                \
    "  --reason TEXT  why; required, except with --what-if\n"                                      \
    "  --by WHO       who (the name of this user)\n"                                               \
    "  --revision N   only if the saga is at this revision\n"                                      \
    "  --what-if      show what would follow, and do nothing\n"                                    \
    "  --json         the outcome as JSON\n"

#define VERB(variable, verb, arguments, what, more_help, more_options, least, most)                \
    const struct command command_saga_##variable = {                                               \
        .name = "saga " verb,                                                                      \
        .usage = "saga " verb " " arguments " --reason TEXT [options]",                            \
        .summary = (what),                                                                         \
        .help = more_help COMMON_HELP,                                                             \
        .options = more_options COMMON_OPTIONS,                                                    \
        .arguments_min = (least),                                                                  \
        .arguments_max = (most),                                                                   \
        .run = run_##variable,                                                                     \
    }

VERB(retry, "retry", "NAME-ID [STEP]", "try a step now; without STEP: the only one that is stuck",
     "", "", 1, 2);
VERB(edit, "edit", "NAME-ID --data JSON", "change what a saga keeps",
     "  --data JSON    the fields that change, as {\"amount\": 5}\n", "data ", 1, 1);
VERB(skip, "skip", "NAME-ID [STEP] --result ok|fail",
     "state that a step, or its undo, is done or has failed",
     "  --result R     ok: it counts as done, or undone; fail: as failed, without effect\n"
     "  --data JSON    what the step would have kept\n",
     "result data ", 1, 2);
VERB(undo, "undo", "NAME-ID [STEP]", "compensate now; with STEP: undo that step once more", "", "",
     1, 2);
VERB(complete, "complete", "NAME-ID", "close a saga as it is",
     "  --result R     ok or fail: the outcome that is recorded\n", "result ", 1, 1);
VERB(cancel, "cancel", "NAME-ID", "compensate, if the pivot is not under way", "", "", 1, 1);
VERB(timer, "timer", "NAME-ID STEP|deadline", "move or cancel a timer",
     "  --to TIME      when it is due\n"
     "  --cancel       it does not fire\n",
     "to cancel ", 2, 2);
