/* participant_decide.c - commands that a decider decides. Layer: saga.
 *
 * factum_transact appends under the command's id, and finds an earlier append itself. It does not
 * record a rejection or a no-op: the participant answers those.
 */
#include "core/arena.h"
#include "core/error.h"
#include "core/sized.h"
#include "saga/participant.h"

/* A handler's data, in the participant's arena. */
struct decide_with {
    factum_participant *participant;
    factum_command_decider with;
};

/* Translates the verdict into an answer. */
static factum_status decide_answer(const factum_result *result, struct factum_outbox *outbox)
{
    if (result->verdict == FACTUM_REJECTED) {
        return factum_outbox_refuse(outbox, result->code, "%s", result->text);
    }
    outbox->answered = result->verdict == FACTUM_ACCEPTED;
    return FACTUM_OK;
}

static factum_status decide(void *data, const factum_command *command, factum_outbox *outbox,
                            factum_error *err)
{
    const struct decide_with *decider = data;
    const factum_command_decider *with = &decider->with;
    void *typed = factum_arena_alloc(outbox->arena, with->command_size);
    factum_result result = {0};
    if (typed == NULL && with->command_size > 0) {
        return fct_arena_status(outbox->arena, "the command", err);
    }
    factum_status status = with->read(with->data, command, outbox->arena, typed, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_transact_request request = {
        .size = sizeof request,
        .stream = with->stream(with->data, command, outbox->arena),
        .command = typed,
        .command_id = command->id,
        .content = command->data,
        .correlation_id = command->correlation,
        .causation_id = command->id,
        .traceparent = command->traceparent,
        .retries_max = decider->participant->options.races_max,
        .cache = with->cache,
    };
    status = factum_transact(decider->participant->store, with->decider, &request, &result, err);
    if (status == FACTUM_WRONG_REVISION || status == FACTUM_CONDITION_FAILED) {
        return fct_wrap(err, FACTUM_BUSY, "other writers were faster");
    }
    return status == FACTUM_OK ? decide_answer(&result, outbox) : status;
}

factum_status factum_on_command_decide(factum_participant *participant, const char *type,
                                       const factum_command_decider *with, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_command_decider full;
    if (participant == NULL || type == NULL) {
        return fct_fail(err, FACTUM_INVALID, "participant: a type and a decider are needed");
    }
    factum_status status =
        fct_sized_read(&full, sizeof full, with, "participant: the decider", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (full.decider == NULL || full.read == NULL || full.stream == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "participant: a decider needs functions for its command and its stream");
    }
    struct decide_with *kept = factum_arena_alloc(&participant->kept, sizeof *kept);
    if (kept == NULL) {
        return fct_arena_status(&participant->kept, "participant", err);
    }
    *kept = (struct decide_with){participant, full};
    return fct_participant_add(participant, type, decide, kept, err);
}
