/* kurrent_delete.c - Delete and Tombstone of KurrentDB's service Streams. Layer: server. */
#include "core/slice.h"
#include "server/kurrent_int.h"

struct delete_state {
    struct fct_kurrent_job *running;
};

static void delete_answer(struct fct_kurrent_job *job)
{
    struct fct_grpc_call *call = job->call;
    bool tombstone = job->pending.op.action == FACTUM_ACTION_TOMBSTONE;
    if (job->refused) {
        fct_kurrent_job_fail_call(job, tombstone ? "Tombstone" : "Delete");
        return;
    }
    struct fct_kurrent_number position = {true, job->pending.op.result.position};
    if (fct_kurrent_encode_deleted(&call->out, position) == FACTUM_OK) {
        fct_grpc_send(call);
        fct_grpc_finish_ok(call);
    } else {
        fct_grpc_finish(call, FCT_GRPC_RESOURCE_EXHAUSTED, FCT_SLICE("out of memory"), NULL, 0);
    }
}

static void start_removal(struct fct_grpc_call *call, factum_slice message,
                          factum_append_action action)
{
    factum_error ignored;
    struct delete_state *state = call->state;
    struct fct_kurrent_target target;
    factum_error err;
    struct fct_kurrent_job *job = fct_kurrent_job_create(call);
    if (job == NULL) {
        fct_grpc_finish(call, FCT_GRPC_RESOURCE_EXHAUSTED, FCT_SLICE("out of memory"), NULL, 0);
        return;
    }
    job->answer = delete_answer;
    job->pending.op.action = action;
    fct_kurrent_job_join(job, &state->running);
    factum_slice kept = fct_kurrent_job_keep(job, message);
    if (fct_kurrent_decode_delete(kept, &target, &err) != FACTUM_OK) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_BAD_REQUEST, err.text);
    } else {
        fct_kurrent_job_target(job, &target);
    }
    if (!job->refused &&
        fct_rights_check(call->principal, FCT_OP_DELETE, target.stream, &ignored) != FACTUM_OK) {
        fct_kurrent_job_refuse(job, FCT_KURRENT_REFUSAL_ACCESS_DENIED, "");
    }
    fct_kurrent_job_start(job);
}

static void delete_message(struct fct_grpc_call *call, factum_slice message)
{
    start_removal(call, message, FACTUM_ACTION_DELETE);
}

static void tombstone_message(struct fct_grpc_call *call, factum_slice message)
{
    start_removal(call, message, FACTUM_ACTION_TOMBSTONE);
}

static void delete_closed(struct fct_grpc_call *call)
{
    struct delete_state *state = call->state;
    if (state->running != NULL) {
        state->running->slot = NULL;
        state->running->call = NULL;
    }
}

const struct fct_grpc_method fct_kurrent_delete_method = {
    .path = "/event_store.client.streams.Streams/Delete",
    .state_size = sizeof(struct delete_state),
    .message = delete_message,
    .closed = delete_closed,
};

const struct fct_grpc_method fct_kurrent_tombstone_method = {
    .path = "/event_store.client.streams.Streams/Tombstone",
    .state_size = sizeof(struct delete_state),
    .message = tombstone_message,
    .closed = delete_closed,
};
