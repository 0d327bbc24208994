/* http_health.c - /health, /info, /gossip and /api/v1/info. Layer: server.
 *
 * /info and /gossip have the members that KurrentDB's tools and containers read.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_int.h"
#include "wire/json_out.h"

#define KURRENT_VERSION "24.10.0" /* equal to that of ServerFeatures */

void fct_http_health_live(struct fct_http_call *call)
{
    fct_http_answer(call, &(struct fct_http_answer){.status = 204});
}

void fct_http_health_ready(struct fct_http_call *call)
{
    factum_error err;
    factum_info info = {.size = sizeof info};
    factum_status status = FACTUM_OK;
    if (call->server->stopping) {
        status = fct_fail(&err, FACTUM_BUSY, "the server is shutting down");
    } else {
        status = factum_info_get(call->server->store, &info, &err);
    }
    if (status == FACTUM_OK && info.failed) {
        status = fct_fail(&err, FACTUM_FAILED, "%s", info.reason);
    }
    if (status != FACTUM_OK) {
        fct_http_refuse(
            call, &(struct fct_http_refusal){.code = status, .status = 503, .detail = err.text});
        return;
    }
    fct_http_answer(call, &(struct fct_http_answer){.status = 204});
}

static factum_status put_info(struct fct_buf *out, const factum_info *info, const char *token)
{
    char id[FACTUM_UUID_TEXT_SIZE];
    factum_uuid_format(info->store_id, id);
    factum_status status = fct_buf_printf(
        out,
        "{\"version\":\"" FACTUM_VERSION "\",\"storeId\":\"%s\",\"format\":\"%u.%u\","
        "\"readOnly\":%s,\"damaged\":%s,\"failed\":%s,\"events\":%" PRIu64 ",\"streams\":%" PRIu64
        ",\"endPosition\":%" PRIu64 ",\"durablePosition\":%" PRIu64 ",\"segments\":%" PRIu64
        ",\"logBytes\":%" PRIu64 ",\"preparedBytes\":%" PRIu64 ",\"indexBytes\":%" PRIu64
        ",\"indexRuns\":%" PRIu64 ",\"recoveredBytes\":%" PRIu64 ",\"tornBytes\":%" PRIu64
        ",\"reason\":",
        id, info->format_major, info->format_minor, info->read_only ? "true" : "false",
        info->damaged ? "true" : "false", info->failed ? "true" : "false", info->event_count,
        info->stream_count, info->end_position, info->durable_position, info->segment_count,
        info->log_bytes, info->prepared_bytes, info->index_bytes, info->index_runs,
        info->recovered_bytes, info->torn_bytes);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_json_out_text(out, factum_slice_from(info->reason));
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_buf_printf(out, ",\"token\":\"%s\"}", token);
}

void fct_http_store_info(struct fct_http_call *call)
{
    factum_error err;
    factum_info info = {.size = sizeof info};
    uint64_t place = 0;
    char token[FACTUM_TOKEN_SIZE] = "";
    factum_status status = factum_info_get(call->server->store, &info, &err);
    if (status == FACTUM_OK) {
        status = factum_visible_place(call->server->store, &place, &err);
    }
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return;
    }
    factum_token_format(call->server->store, place, token);
    fct_http_answer_out(call, put_info(&call->out, &info, token));
}

void fct_http_node_info(struct fct_http_call *call)
{
    fct_http_answer_out(
        call,
        fct_buf_printf(&call->out,
                       "{\"dbVersion\":\"" KURRENT_VERSION "\",\"esVersion\":\"" KURRENT_VERSION
                       "\",\"factumVersion\":\"" FACTUM_VERSION "\",\"state\":\"leader\","
                       "\"features\":{\"projections\":true,\"userManagement\":false,"
                       "\"atomPub\":false},\"authentication\":{\"type\":\"%s\","
                       "\"properties\":{}}}",
                       call->server->auth == NULL ? "insecure" : "basic"));
}

/* Returns the host, and *port, of "host:port"; the advertised ones take precedence. */
static factum_slice gossip_host(const struct fct_http_call *call, uint64_t *port)
{
    const struct fct_server *server = call->server;
    factum_slice local = call->exchange->peer->local;
    size_t end = local.len;
    *port = 0;
    while (end > 0 && local.ptr[end - 1] != ':') {
        end--;
    }
    if (end > 0 && fct_http_digits(fct_slice_from(local, end), port) == FACTUM_OK) {
        local.len = end - 1;
    }
    if (server->advertised_port != 0) {
        *port = server->advertised_port;
    }
    return server->advertised_host.len > 0 ? server->advertised_host : local;
}

void fct_http_gossip(struct fct_http_call *call)
{
    uint64_t port;
    factum_info info = {.size = sizeof info};
    factum_error err;
    char id[FACTUM_UUID_TEXT_SIZE];
    char now[FACTUM_TIME_TEXT_SIZE];
    struct fct_buf *out = &call->out;
    factum_slice host = gossip_host(call, &port);
    factum_status status = factum_info_get(call->server->store, &info, &err);
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return;
    }
    factum_uuid_format(info.store_id, id);
    factum_time_format(factum_now(call->server->store), now);
    status = fct_buf_printf(out,
                            "{\"members\":[{\"instanceId\":\"%s\",\"timeStamp\":\"%s\","
                            "\"state\":\"Leader\",\"isAlive\":true,\"httpEndPointIp\":",
                            id, now);
    if (status == FACTUM_OK) {
        status = fct_json_out_text(out, host);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_printf(out,
                                ",\"httpEndPointPort\":%" PRIu64 ",\"isReadOnlyReplica\":false}],"
                                "\"serverIp\":",
                                port);
    }
    if (status == FACTUM_OK) {
        status = fct_json_out_text(out, host);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_printf(out, ",\"serverPort\":%" PRIu64 "}", port);
    }
    fct_http_answer_out(call, status);
}
