/* contract_watch.c - see contract_watch.h. Layer: saga.
 *
 * An event belongs to a command if it is under the command's id as key, or names it as
 * $causationId: the report tells a participant that does only one of the two about the other.
 */
#include "saga/contract_watch.h"

#include <stdio.h>

#include "core/error.h"
#include "core/slice.h"
#include "saga/command.h"

#define WATCH_SLICE_MS 100u /* |progress| is asked after each */
#define WATCH_STEPS 7u      /* waits in a test */
#define WATCH_METADATA_SIZE 2048
#define WATCH_NODES 32

/* ---- names ----------------------------------------------------------------------------------- */

static bool contract_is_undo(enum fct_contract_command which)
{
    return which == FCT_CONTRACT_UNDO || which == FCT_CONTRACT_FIRST_UNDO;
}

/* The do that |which| undoes, or |which| itself. */
static enum fct_contract_command contract_do_of(enum fct_contract_command which)
{
    return which == FCT_CONTRACT_UNDO         ? FCT_CONTRACT_DO
           : which == FCT_CONTRACT_FIRST_UNDO ? FCT_CONTRACT_LATE_DO
                                              : which;
}

void fct_contract_name(struct fct_contract *contract)
{
    for (int i = 0; i < FCT_CONTRACT_COMMANDS; i++) {
        struct fct_contract_sent *sent = &contract->sent[i];
        char id[sizeof contract->run + 8];
        int len = snprintf(id, sizeof id, "%s-%d", contract->run,
                           (int)contract_do_of((enum fct_contract_command)i));
        const struct fct_saga_key key = {FCT_SLICE(FCT_CONTRACT_SAGA), fct_slice(id, (size_t)len)};
        sent->id = fct_command_id(&key, FCT_SLICE(FCT_CONTRACT_STEP),
                                  contract_is_undo((enum fct_contract_command)i), 1, sent->id_text);
        sent->saga_id =
            fct_slice(sent->id_text + sizeof FCT_SAGA_PREFIX - 1, key.name.len + 1 + key.id.len);
        sent->keyed = sent->caused = sent->correlated = sent->of_saga = sent->traced = true;
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

static factum_status contract_metadata(const struct fct_contract *contract,
                                       enum fct_contract_command which, unsigned attempt,
                                       factum_json_writer *to, factum_error *err)
{
    const struct fct_contract_sent *sent = &contract->sent[which];
    factum_json_put_object(to);
    factum_json_put_member_text(to, "$commandId", sent->id);
    factum_json_put_member_text(to, "$sagaId", sent->saga_id);
    factum_json_put_member_text(to, "$correlationId", factum_slice_from(contract->run));
    factum_json_put_member_text(to, "$causationId", factum_slice_from(contract->run));
    factum_json_put_member_text(to, "traceparent",
                                FCT_SLICE("00-" FCT_CONTRACT_TRACE "-00f067aa0ba902b7-01"));
    if (contract_is_undo(which)) {
        factum_json_put_member_text(to, "$undoes", contract->sent[contract_do_of(which)].id);
    }
    if (attempt > 1) {
        factum_json_put_member_int64(to, "$attempt", attempt);
    }
    factum_json_put_end(to);
    return factum_json_writer_finish(to, err);
}

factum_status fct_contract_send(struct fct_contract *contract, enum fct_contract_command which,
                                unsigned attempt, factum_error *err)
{
    const factum_contract_options *options = &contract->options;
    const struct fct_contract_sent *sent = &contract->sent[which];
    uint8_t metadata[WATCH_METADATA_SIZE];
    char stream[FCT_COMMAND_STREAM_SIZE];
    struct fct_saga_key key;
    factum_json_writer to;
    factum_json_writer_init(&to, metadata, sizeof metadata);
    factum_status status = contract_metadata(contract, which, attempt, &to, err);
    if (status != FACTUM_OK || !fct_saga_key_read(sent->saga_id, &key)) {
        return status;
    }
    const factum_new_event event = {
        .stream = fct_command_stream(contract->service, &key, stream),
        .type = contract_is_undo(which) ? options->undo_type : options->do_type,
        .data = contract_is_undo(which) ? options->undo_data : options->do_data,
        .metadata = fct_slice(metadata, to.used),
    };
    const factum_expectation any = {event.stream, factum_any()};
    const factum_append_request request = {
        .size = sizeof request,
        .events = &event,
        .event_count = 1,
        .expectations = &any,
        .expectation_count = 1,
        .call = options->call,
    };
    return factum_append(contract->store, &request, NULL, NULL, err);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* Is the text of the metadata's member |name| |wanted|? */
static bool metadata_member_is(const factum_json *metadata, const char *name, factum_slice wanted)
{
    uint32_t value = factum_json_find(metadata, FACTUM_JSON_ROOT, factum_slice_from(name));
    return value != FACTUM_JSON_NONE && factum_json_text_is(metadata, value, wanted);
}

static bool contract_traced(const factum_json *metadata)
{
    uint32_t value = factum_json_find(metadata, FACTUM_JSON_ROOT, FCT_SLICE("traceparent"));
    return value != FACTUM_JSON_NONE && fct_slice_starts(factum_json_inside(metadata, value),
                                                         FCT_SLICE("00-" FCT_CONTRACT_TRACE "-"));
}

static void contract_see(struct fct_contract *contract, struct fct_contract_sent *sent,
                         const factum_event *event, const factum_json *metadata, bool keyed)
{
    if (fct_slice_equal(event->type, FCT_SLICE(FCT_COMMAND_CANCELLED))) {
        sent->tombstone = sent->tombstone || keyed;
        return;
    }
    if (sent->answers == 0 || event->commit != sent->commit) {
        sent->answers++;
    }
    if (sent->answers == 1 && event->commit != sent->commit) {
        sent->failed = fct_slice_equal(event->type, FCT_SLICE(FCT_COMMAND_FAILED));
        fct_utf8_copy(sent->first_type, sizeof sent->first_type, event->type);
        fct_utf8_copy(sent->first_data, sizeof sent->first_data, event->data);
    }
    sent->commit = event->commit;
    sent->keyed = sent->keyed && keyed;
    sent->caused = sent->caused && metadata_member_is(metadata, "$causationId", sent->id);
    sent->correlated = sent->correlated && metadata_member_is(metadata, "$correlationId",
                                                              factum_slice_from(contract->run));
    sent->of_saga = sent->of_saga && metadata_member_is(metadata, "$sagaId", sent->saga_id);
    sent->traced = sent->traced && contract_traced(metadata);
}

static factum_status contract_look(struct fct_contract *contract, const factum_event *event,
                                   factum_error *err)
{
    static const factum_json_node null = {.kind = FACTUM_JSON_NULL, .next = 1};
    const factum_json none = {.nodes = &null, .count = 1};
    const factum_slice run = factum_slice_from(contract->run);
    const bool in_key = event->key != NULL && fct_slice_holds(*event->key, run);
    factum_json metadata = none;
    factum_json_node nodes[WATCH_NODES];
    if (!in_key && !fct_slice_holds(event->metadata, run)) {
        return FACTUM_OK;
    }
    factum_arena_reset(&contract->arena);
    factum_status status = factum_generated_tape(event->metadata, &contract->arena, nodes,
                                                 WATCH_NODES, &metadata, err);
    if (status == FACTUM_NO_MEMORY) {
        return status;
    }
    if (status != FACTUM_OK) {
        metadata = none;
    }
    for (size_t i = 0; i < FCT_CONTRACT_COMMANDS; i++) {
        struct fct_contract_sent *sent = &contract->sent[i];
        const bool keyed = in_key && fct_slice_equal(*event->key, sent->id);
        if (keyed || metadata_member_is(&metadata, "$causationId", sent->id)) {
            contract_see(contract, sent, event, &metadata, keyed);
        }
    }
    return FACTUM_OK;
}

factum_status fct_contract_watch(struct fct_contract *contract, enum fct_contract_command which,
                                 uint32_t timeout_ms, factum_error *err)
{
    const factum_progress *progress = contract->options.progress;
    const uint64_t deadline = factum_deadline(timeout_ms);
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && factum_deadline(0) < deadline &&
           (which == FCT_CONTRACT_COMMANDS || contract->sent[which].answers == 0)) {
        factum_event event;
        if (progress != NULL && progress->step != NULL &&
            !progress->step(progress->data, contract->steps, WATCH_STEPS)) {
            return fct_fail(err, FACTUM_CANCELLED, "contract: cancelled");
        }
        status = factum_subscription_next(contract->subscription, WATCH_SLICE_MS, &event, err);
        if (status == FACTUM_OK) {
            status = contract_look(contract, &event, err);
        } else if (status == FACTUM_CAUGHT_UP || status == FACTUM_TIMEOUT) {
            status = FACTUM_OK;
        }
    }
    contract->steps++;
    return status;
}
