/* simulate_service.c - see simulate_int.h: services, operators, start events. Layer: saga.
 *
 * A service follows the contract of participants: its work is one append under the key of the
 * command, so it is done once; an undo whose do has not been handled closes the do's key with a
 * tombstone. Effects are events of the streams "did-SERVICE-SAGA", with the id of the command as
 * "$did" in their metadata. If the answer is immediate, the same event is the answer; otherwise it
 * comes later, from an outbox.
 */
#include <stdio.h>
#include <string.h>

#include <factum/json_write.h>

#include "core/error.h"
#include "core/slice.h"
#include "saga/simulate_int.h"

#define SERVICE_TRIES_MAX 64u /* in the second part a command fails at most so often */

/* ---- one append ------------------------------------------------------------------------------ */

struct service_event {
    const char *prefix; /* of the stream */
    const struct sim_command *command;
    factum_slice type;
    factum_slice data;
    bool immediate; /* it names the command that it answers */
    bool did;
    bool ok;
    bool undid;
};

static factum_status make_metadata_of(struct sim *sim, const struct service_event *event,
                                      factum_slice *metadata, factum_error *err)
{
    factum_json_writer to;
    char saga_id[FCT_SAGA_STREAM_SIZE];
    const struct sim_saga *saga = &sim->sagas[event->command->saga];
    factum_slice stream = fct_saga_stream(&saga->key, saga_id);
    factum_json_writer_in(&to, &sim->scratch);
    factum_json_put_object(&to);
    if (event->immediate) {
        factum_json_put_member_text(&to, "$causationId", event->command->id);
        factum_json_put_member_text(&to, "$sagaId",
                                    fct_slice_from(stream, sizeof FCT_SAGA_PREFIX - 1));
    }
    if (event->did) {
        factum_json_put_member_text(&to, "$did", event->command->id);
        factum_json_put_member_bool(&to, "$ok", event->ok);
        factum_json_put_member_bool(&to, "$undid", event->undid);
    }
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    *metadata = fct_slice(to.buffer, to.used);
    return status;
}

/* Appends one event under |key|, which may be empty. OK also if the key is taken. */
static void append_one(struct sim *sim, const struct service_event *said, factum_slice key)
{
    char stream[FACTUM_NAME_SIZE_MAX + 1];
    factum_slice metadata;
    factum_error err;
    const struct fct_step_text *text = &sim->saga->slots[said->command->slot];
    const struct fct_call_text *call = said->command->undo ? &text->undo : &text->action;
    const struct sim_saga *saga = &sim->sagas[said->command->saga];
    (void)snprintf(stream, sizeof stream, "%s%.*s-%.*s", said->prefix, FCT_FMT(call->service),
                   FCT_FMT(saga->key.id));
    factum_status status = make_metadata_of(sim, said, &metadata, &err);
    if (status != FACTUM_OK) {
        fct_sim_fail(sim, status, "an answer", &err);
        return;
    }
    const factum_new_event event = {.stream = factum_slice_from(stream),
                                    .type = said->type,
                                    .data = said->data,
                                    .metadata = metadata,
                                    .content_type = FACTUM_CONTENT_JSON};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .idempotency_key = key};
    status = factum_append(sim->store, &request, NULL, NULL, &err);
    factum_arena_reset(&sim->scratch);
    if (status == FACTUM_KEY_CONFLICT) {
        return;
    }
    if (fct_sim_went_well(sim, status, "a service's append", &err)) {
        fct_sim_look(sim);
    }
}

/* ---- start events ---------------------------------------------------------------------------- */

void fct_sim_start_saga(struct sim *sim, struct sim_saga *saga)
{
    char stream[FACTUM_SAGA_ID_MAX + 8];
    factum_error err;
    (void)snprintf(stream, sizeof stream, "start-%.*s", FCT_FMT(saga->key.id));
    const factum_new_event event = {.stream = factum_slice_from(stream),
                                    .type = sim->saga->start,
                                    .data = saga->start,
                                    .content_type = FACTUM_CONTENT_JSON};
    factum_status status =
        factum_append_stream(sim->store, event.stream, factum_any(), &event, 1, NULL, &err);
    if (fct_sim_went_well(sim, status, "a start event", &err)) {
        fct_sim_look(sim);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static const struct fct_script_answer *scripted(const struct sim *sim,
                                                const struct sim_command *command)
{
    const struct fct_step_text *text = &sim->saga->slots[command->slot];
    return fct_script_answer(sim->options->script,
                             command->undo ? text->undo.name : text->action.name);
}

static factum_slice type_of_answer(struct sim *sim, const struct sim_command *command, bool ok)
{
    const struct fct_step_text *text = &sim->saga->slots[command->slot];
    const struct fct_script_answer *answer = scripted(sim, command);
    bool any_type = command->undo || text->ok.len == 0;
    if (answer != NULL && answer->reply.len > 0 && (any_type || ok)) {
        return answer->reply;
    }
    if (any_type) {
        return ok ? FCT_SLICE("CommandSucceeded") : FCT_SLICE("CommandFailed");
    }
    if (ok) {
        return text->ok;
    }
    return text->fail_count > 0 ? text->fail[fct_sim_below(sim, text->fail_count)]
                                : FCT_SLICE("CommandFailed");
}

/* Data in which the paths of the step find values; with the id of the saga for answers that name no
 * command. */
static factum_slice data_of_answer(struct sim *sim, const struct sim_command *command, bool ok)
{
    const struct fct_script_answer *answer = scripted(sim, command);
    static const struct fct_pick nothing = {0, NULL};
    const struct fct_pick *keep = command->undo ? &nothing : &sim->saga->slots[command->slot].keep;
    factum_slice data;
    factum_error err;
    if (answer != NULL && answer->data.len > 0) {
        return answer->data;
    }
    factum_status status = fct_script_fill(sim->saga->id, sim->sagas[command->saga].key.id,
                                           ok ? keep : &nothing, &sim->scratch, &data, &err);
    if (status != FACTUM_OK) {
        fct_sim_fail(sim, status, "the data of an answer", &err);
        return FCT_SLICE("{}");
    }
    return data;
}

static bool draw_ok(struct sim *sim, const struct sim_command *command)
{
    const struct fct_sim_faults *faults = &sim->options->faults;
    const struct fct_script_answer *answer = scripted(sim, command);
    if (answer != NULL) {
        if (command->generation <= answer->fail) {
            return false;
        }
        const struct fct_step_text *text = &sim->saga->slots[command->slot];
        for (size_t i = 0; !command->undo && i < text->fail_count; i++) {
            if (fct_slice_equal(text->fail[i], answer->reply)) {
                return false;
            }
        }
        return !fct_slice_equal(answer->reply, FCT_SLICE("CommandFailed"));
    }
    if (command->undo) {
        return !faults->undo_fails_always && (sim->heal || !fct_sim_chance(sim, faults->undo_fail));
    }
    /* A step that can only go forward is tried for ever, but a run ends. */
    return (sim->heal && command->generation > SERVICE_TRIES_MAX) ||
           !fct_sim_chance(sim, faults->fail);
}

/* Closes the key of the do, unless the do has taken it. */
static void put_tombstone(struct sim *sim, size_t at)
{
    char stream[FCT_COMMAND_STREAM_SIZE];
    const struct sim_command *command = &sim->commands[at];
    const struct fct_step_text *text = &sim->saga->slots[command->slot];
    factum_error err;
    const factum_new_event event = {
        .stream = fct_command_stream(text->action.service, &sim->sagas[command->saga].key, stream),
        .type = FCT_SLICE("CommandCancelled"),
        .data = FCT_SLICE("{}"),
        .content_type = FACTUM_CONTENT_JSON};
    const factum_expectation expectation = {event.stream, factum_any()};
    const factum_append_request request = {.size = sizeof request,
                                           .events = &event,
                                           .event_count = 1,
                                           .expectations = &expectation,
                                           .expectation_count = 1,
                                           .idempotency_key = command->id};
    factum_status status = factum_append(sim->store, &request, NULL, NULL, &err);
    if (status != FACTUM_KEY_CONFLICT &&
        fct_sim_went_well(sim, status, "a service's tombstone", &err)) {
        fct_sim_reach(sim, FCT_SIM_TOMBSTONE);
        fct_sim_look(sim);
    }
}

void fct_sim_handle_as(struct sim *sim, size_t at, bool ok, bool immediate)
{
    struct sim_command *command = &sim->commands[at];
    uint64_t crashes = sim->report->reached[FCT_SIM_CRASHED];
    bool undid = false;
    if (command->handled++ > 0) {
        fct_sim_reach(sim, FCT_SIM_HANDLED_AGAIN);
    }
    if (command->undo && ok && command->undoes != SIM_NONE) {
        size_t undone = command->undoes;
        if (sim->commands[undone].effects == 0 && !sim->commands[undone].closed &&
            !sim->options->faults.no_tombstone) {
            put_tombstone(sim, undone);
        }
        if (fct_sim_over(sim) || sim->report->reached[FCT_SIM_CRASHED] != crashes) {
            return; /* the service has crashed with the machine */
        }
        command = &sim->commands[at];
        undid = sim->commands[undone].effects > 0 && sim->commands[undone].ok;
    }
    if (command->closed) {
        fct_sim_reach(sim, FCT_SIM_REFUSED);
    }
    /* The answer's own type would be taken for an answer that names no command. */
    factum_slice type = immediate ? type_of_answer(sim, command, ok) : FCT_SLICE("EffectOfCommand");
    const struct service_event event = {.prefix = "did-",
                                        .command = command,
                                        .type = type,
                                        .data = data_of_answer(sim, command, ok),
                                        .immediate = immediate,
                                        .did = true,
                                        .ok = ok,
                                        .undid = undid};
    append_one(sim, &event, sim->options->faults.no_key ? fct_slice(NULL, 0) : command->id);
}

void fct_sim_handle(struct sim *sim, size_t at)
{
    const struct sim_command *command = &sim->commands[at];
    const struct fct_script_answer *answer = scripted(sim, command);
    if (answer != NULL && answer->silent) {
        return;
    }
    bool ok = draw_ok(sim, command);
    if (!ok && command->undo) {
        fct_sim_reach(sim, FCT_SIM_UNDO_FAILED);
    }
    fct_sim_handle_as(sim, at, ok, true);
    uint32_t copies = answer != NULL ? answer->duplicate : 0;
    for (uint32_t i = sim->commands[at].copies; i < copies && !fct_sim_over(sim); i++) {
        fct_sim_copy_answer(sim, at, false);
    }
}

void fct_sim_copy_answer(struct sim *sim, size_t at, bool outside)
{
    struct sim_command *command = &sim->commands[at];
    if (command->effects == 0) {
        return;
    }
    command->copies++;
    fct_sim_reach(sim, FCT_SIM_COPIED);
    const struct service_event event = {.prefix = "told-",
                                        .command = command,
                                        .type = type_of_answer(sim, command, command->ok),
                                        .data = data_of_answer(sim, command, command->ok),
                                        .immediate = !outside};
    append_one(sim, &event, fct_slice(NULL, 0));
}

/* ---- operators ------------------------------------------------------------------------------- */

static void note_act(struct sim *sim, const struct fct_saga_input *control)
{
    static const char *const names[] = {[FCT_INPUT_RETRY] = "retry",
                                        [FCT_INPUT_EDIT] = "edit",
                                        [FCT_INPUT_SKIP] = "skip",
                                        [FCT_INPUT_UNDO] = "undo",
                                        [FCT_INPUT_COMPLETE] = "complete",
                                        [FCT_INPUT_CANCEL] = "cancel",
                                        [FCT_INPUT_TIMER_MOVE] = "timer move",
                                        [FCT_INPUT_TIMER_CANCEL] = "timer cancel"};
    if (control->kind < FCT_INPUT_RETRY) {
        fct_sim_log(sim, "a timer is due");
        return;
    }
    factum_slice step =
        control->slot != FCT_SLOT_NONE ? sim->saga->slots[control->slot].name : FCT_SLICE("");
    fct_sim_log(sim, "an operator: %s %.*s %s", names[control->kind], FCT_FMT(step),
                control->kind == FCT_INPUT_SKIP ? (control->ok ? "ok" : "fail") : "");
    sim->report->act_count++;
    fct_sim_reach(sim, FCT_SIM_ACTED);
}

/* Appends what follows from |control|. False: the act is not possible, or was too late. */
static bool sim_append_act(struct sim *sim, const struct fct_instance *instance,
                           const struct fct_saga_input *control)
{
    const struct fct_step_input input = {.control = *control,
                                         .by = FCT_SLICE("simulation"),
                                         .reason = FCT_SLICE("drawn"),
                                         .refused_slot = FCT_SLOT_NONE};
    struct fct_step_append append;
    factum_error err;
    factum_status status = fct_instance_step(instance, sim->saga, &input, fct_sim_wall(sim),
                                             &sim->scratch, &append, &err);
    if (status == FACTUM_CONDITION_FAILED || status == FACTUM_INVALID ||
        (status == FACTUM_OK && append.outcome.count == 0)) {
        return false;
    }
    if (status == FACTUM_OK) {
        note_act(sim, control);
        status = factum_append(sim->store, &append.request, NULL, NULL, &err);
    }
    /* The command may have taken the key that a skip closes: the operator is immediate. */
    if (status == FACTUM_KEY_CONFLICT) {
        return false;
    }
    return fct_sim_went_well(sim, status, "an operator's act", &err);
}

void fct_sim_act(struct sim *sim, struct sim_saga *saga, const struct fct_saga_input *control)
{
    struct fct_instance instance;
    factum_error err;
    fct_instance_init(&instance, sim->mem, &sim->set, &saga->key);
    factum_status status = fct_instance_load(&instance, sim->store, &err);
    if (status != FACTUM_OK) {
        (void)fct_sim_went_well(sim, status, "loading a saga", &err);
    } else if (instance.saga != NULL) {
        bool done = sim_append_act(sim, &instance, control);
        factum_arena_reset(&sim->scratch);
        if (done) {
            fct_sim_look(sim);
        }
    }
    fct_instance_finish(&instance);
}

void fct_sim_draw_act(struct sim *sim)
{
    static const uint8_t kinds[] = {FCT_INPUT_RETRY, FCT_INPUT_SKIP, FCT_INPUT_UNDO,
                                    FCT_INPUT_CANCEL, FCT_INPUT_TIMER_MOVE};
    struct sim_saga *saga = &sim->sagas[fct_sim_below(sim, sim->saga_count)];
    struct fct_saga_input control = {.kind = kinds[fct_sim_below(sim, sizeof kinds)]};
    control.slot = (uint8_t)fct_sim_below(sim, sim->saga->plan.step_count + 2u);
    if (control.kind == FCT_INPUT_CANCEL || control.kind == FCT_INPUT_UNDO) {
        control.slot = FCT_SLOT_NONE;
    }
    control.ok = fct_sim_chance(sim, 700);
    control.due = fct_sim_wall(sim) + (int64_t)fct_sim_below(sim, 100) * SIM_SECOND;
    fct_sim_act(sim, saga, &control);
}
