/* participant_take.c - one event of the category: a command is answered under its id. Layer: saga.
 *
 *     is it a command? --- broken: count it
 *          |
 *     is its key used? --- answered, or cancelled: nothing to do
 *          |
 *     a handler? --------- none: unanswered.h
 *          |
 *     an undo: was its do done? --- never: CommandSucceeded
 *          |
 *     the handler, the append under the key <--- other writers were faster
 *
 * Invariant: everything that is appended for a command is appended under its id as key, in one
 * append. So of two participants, or of two tries of one, only one has an effect.
 */
#include "core/error.h"
#include "core/log_sink.h"
#include "core/slice.h"
#include "saga/participant.h"

/* ---- keys ------------------------------------------------------------------------------------ */

static factum_status answer_read(factum_store *store, const factum_key_info *info,
                                 enum fct_answer *answer, factum_error *err)
{
    factum_event_copy copy = {0};
    *answer = FCT_ANSWER_GIVEN;
    if (info->event_count != 1) {
        return FACTUM_OK;
    }
    factum_status status = factum_read_event(store, info->first_position, &copy, err);
    if (status == FACTUM_OK) {
        factum_slice type = copy.event.type;
        if (fct_slice_equal(type, FCT_SLICE(FCT_COMMAND_CANCELLED))) {
            *answer = FCT_ANSWER_CANCELLED;
        } else if (fct_slice_equal(type, FCT_SLICE(FCT_COMMAND_FAILED))) {
            *answer = FCT_ANSWER_FAILED;
        }
    }
    factum_event_copy_free(&copy);
    return status;
}

factum_status fct_answer_find(factum_store *store, factum_slice key, factum_key_info *info,
                              enum fct_answer *answer, factum_error *err)
{
    *info = (factum_key_info){.size = sizeof *info};
    *answer = FCT_ANSWER_NONE;
    factum_status status = factum_find_key(store, key, info, err);
    if (status == FACTUM_NOT_FOUND) {
        return FACTUM_OK;
    }
    return status == FACTUM_OK ? answer_read(store, info, answer, err) : status;
}

/* ---- answering ------------------------------------------------------------------------------- */

/* The key is used: the command was repeated, or it is a do that an undo has cancelled. */
static factum_status take_old(factum_participant *participant, enum fct_answer answer)
{
    atomic_fetch_add(answer == FCT_ANSWER_CANCELLED ? &participant->late_count
                                                    : &participant->duplicate_count,
                     1);
    return FACTUM_OK;
}

static factum_status take_lost_key(factum_participant *participant, const factum_command *command,
                                   factum_error *err)
{
    factum_key_info info;
    enum fct_answer answer;
    factum_status status = fct_answer_find(participant->store, command->id, &info, &answer, err);
    return status == FACTUM_OK ? take_old(participant, answer) : status;
}

/* Appends the content of |outbox|. Errors: KEY_CONFLICT, WRONG_REVISION and CONDITION_FAILED among
 * others. */
static factum_status take_append(factum_participant *participant, struct factum_outbox *outbox,
                                 factum_error *err)
{
    factum_append_request request;
    factum_append_result result = {0};
    factum_status status = FACTUM_OK;
    if (outbox->event_count == 0) {
        status = fct_outbox_add_own(outbox, FCT_COMMAND_SUCCEEDED, FCT_SLICE("{}"), err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    fct_outbox_request(outbox, outbox->command->id, &request);
    status = factum_append(participant->store, &request, &result, NULL, err);
    if (status == FACTUM_OK) {
        atomic_fetch_add(result.already    ? &participant->duplicate_count
                         : outbox->refused ? &participant->failed_count
                                           : &participant->succeeded_count,
                         1);
    }
    return status;
}

/* Calls the handler and appends its answer; |handler| NULL: CommandSucceeded. */
static factum_status take_try(factum_participant *participant, const struct fct_handler *handler,
                              const factum_command *command, factum_error *err)
{
    struct factum_outbox outbox;
    factum_status status = FACTUM_OK;
    fct_outbox_init(&outbox, &participant->arena, command);
    if (handler != NULL) {
        status = handler->handle(handler->data, command, &outbox, err);
    }
    if (status == FACTUM_OK) {
        status = outbox.status;
    }
    if (status > 0) {
        status = fct_fail(err, FACTUM_INVALID, "the handler has returned %s",
                          factum_status_name(status));
    }
    if (status == FACTUM_OK && outbox.answered) {
        atomic_fetch_add(&participant->succeeded_count, 1);
        return FACTUM_OK;
    }
    return status == FACTUM_OK ? take_append(participant, &outbox, err) : status;
}

/* Tries until the command is answered: again if other writers were faster, |races_max| times. */
static factum_status take_answer(factum_participant *participant, const struct fct_handler *handler,
                                 const factum_command *command, factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (uint32_t races = 0;; races++) {
        err->text[0] = '\0';
        status = take_try(participant, handler, command, err);
        if (status == FACTUM_KEY_CONFLICT) {
            return take_lost_key(participant, command, err);
        }
        if (status != FACTUM_WRONG_REVISION && status != FACTUM_CONDITION_FAILED) {
            return status;
        }
        if (races == participant->options.races_max) {
            return fct_fail(err, FACTUM_BUSY, "other writers were faster %u times", races + 1);
        }
        atomic_fetch_add(&participant->race_count, 1);
    }
}

/* ---- commands that are not answered ---------------------------------------------------------- */

static void take_broken(factum_participant *participant, const factum_event *event,
                        const factum_error *err)
{
    atomic_fetch_add(&participant->broken_count, 1);
    fct_log_message(&participant->log, FACTUM_LOG_ERROR, "participant.broken",
                    "a command of type %.*s at position %llu is broken: %s", FCT_FMT(event->type),
                    (unsigned long long)event->position, err->text);
}

/* Remembers the command. DONE: the run has to end earlier than planned. */
static factum_status take_unhandled(factum_participant *participant, const factum_command *command,
                                    factum_error *err)
{
    const int64_t after = (int64_t)participant->options.unhandled_after_ms;
    int64_t age = (factum_now(participant->store) - command->event->created) / 1000000;
    age = age < 0 ? 0 : age > after ? after : age;
    uint64_t due = factum_deadline(after - age);
    factum_status status =
        fct_unanswered_add(&participant->unanswered, command->id, command->type, due);
    atomic_store(&participant->unhandled_count, fct_unanswered_count(&participant->unanswered));
    if (status == FACTUM_EXISTS) {
        return FACTUM_OK;
    }
    if (status == FACTUM_TOO_BIG) {
        fct_log_message(&participant->log, FACTUM_LOG_ERROR, "participant.unhandled",
                        "command %.*s of type %.*s has no handler, as %u before it",
                        FCT_FMT(command->id), FCT_FMT(command->type), FCT_UNANSWERED_MAX);
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "out of memory");
    }
    participant->yielded = participant->run_until == 0 || due < participant->run_until;
    return participant->yielded ? FACTUM_DONE : FACTUM_OK;
}

/* ---- a command ------------------------------------------------------------------------------- */

static const struct fct_handler *take_find_handler(const factum_participant *participant,
                                                   factum_slice type)
{
    for (size_t i = 0; i < participant->handler_count; i++) {
        if (fct_slice_equal(participant->handlers[i].type, type)) {
            return &participant->handlers[i];
        }
    }
    return NULL;
}

static factum_status take_command(factum_participant *participant, factum_command *command,
                                  factum_error *err)
{
    factum_key_info info;
    enum fct_answer answer;
    atomic_fetch_add(&participant->command_count, 1);
    factum_status status = fct_answer_find(participant->store, command->id, &info, &answer, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (answer != FCT_ANSWER_NONE) {
        return take_old(participant, answer);
    }
    const struct fct_handler *handler = take_find_handler(participant, command->type);
    if (handler == NULL) {
        return take_unhandled(participant, command, err);
    }
    if (command->undo) {
        status = fct_participant_look_back(participant, command, err);
        if (command->done != FACTUM_DO_DONE && !participant->options.undo_always) {
            handler = NULL;
        }
    }
    return status == FACTUM_OK ? take_answer(participant, handler, command, err) : status;
}

factum_status fct_participant_take(void *data, const factum_event *event, factum_error *err)
{
    factum_participant *participant = data;
    factum_command command;
    factum_arena_reset(&participant->arena);
    err->text[0] = '\0';
    factum_status status =
        fct_command_read(event, participant->options.service, &participant->room, &command, err);
    if (status == FACTUM_NOT_FOUND) {
        return FACTUM_OK;
    }
    if (status == FACTUM_INVALID || status == FACTUM_TOO_BIG) {
        take_broken(participant, event, err);
        return FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        status = take_command(participant, &command, err);
        if (status < 0) {
            status = fct_wrap(err, status, "command %.*s", FCT_FMT(command.id));
        } else {
            participant->retries = 0;
        }
    }
    return status;
}
