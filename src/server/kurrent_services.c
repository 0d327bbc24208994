/* kurrent_services.c - the tables of KurrentDB's services, and the small services: ServerFeatures,
 * Gossip, and the statistics of the five standard projections. Layer: server.
 *
 * Three of the projections are lists of the index here, and always run. The other two ($streams and
 * $stream_by_category) are shown as running for clients that look for all five; their streams do
 * not exist (docs/guide/kurrentdb.md).
 */
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"
#include "server/kurrent_int.h"
#include "wire/kurrent_features.h"
#include "wire/kurrent_gossip.h"
#include "wire/kurrent_projections.h"

/* Stays until version 2 of the protocol is offered: clients use it to decide what they may call. */
#define VERSION "24.10.0"
#define PORT_DEFAULT 2113

static void answer_once(struct fct_grpc_call *call, factum_status encoded)
{
    if (encoded == FACTUM_OK) {
        fct_grpc_send(call);
        fct_grpc_finish_ok(call);
    } else {
        fct_grpc_finish(call, FCT_GRPC_RESOURCE_EXHAUSTED, FCT_SLICE("out of memory"), NULL, 0);
    }
}

/* ---- ServerFeatures -------------------------------------------------------------------------- */

#define STREAMS "event_store.client.streams.streams"
#define PROJECTIONS "event_store.client.projections.projections"

static const struct fct_kurrent_method offered[] = {
    {STREAMS, "read", "position events"},
    {STREAMS, "append", NULL},
    {STREAMS, "delete", NULL},
    {STREAMS, "tombstone", NULL},
    {STREAMS, "batchappend", "deadline_duration"},
    {PROJECTIONS, "statistics", NULL},
    {"event_store.client.gossip.gossip", "read", NULL},
    {"event_store.client.server_features.serverfeatures", "getsupportedmethods", NULL},
};

static void features_message(struct fct_grpc_call *call, factum_slice message)
{
    (void)message; /* Empty */
    if (fct_grpc_allowed(call, FCT_OP_FEATURES, fct_slice(NULL, 0))) {
        answer_once(call, fct_kurrent_encode_methods(&call->out, offered,
                                                     sizeof offered / sizeof offered[0], VERSION));
    }
}

static const struct fct_grpc_method features = {
    .path = "/event_store.client.server_features.ServerFeatures/GetSupportedMethods",
    .message = features_message,
};

/* ---- Gossip ---------------------------------------------------------------------------------- */

/* "HOST:PORT" or "[HOST]:PORT" */
static factum_slice host_of(factum_slice address, uint32_t *port)
{
    size_t colon = address.len;
    while (colon > 0 && address.ptr[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0) {
        return FCT_SLICE("127.0.0.1");
    }
    *port = 0;
    for (size_t i = colon; i < address.len && i < colon + 5; i++) {
        *port = *port * 10 + (uint32_t)(address.ptr[i] - '0');
    }
    factum_slice host = fct_slice(address.ptr, colon - 1);
    bool bracketed = host.len > 2 && host.ptr[0] == '[';
    return bracketed ? fct_slice(host.ptr + 1, host.len - 2) : host;
}

static void gossip_message(struct fct_grpc_call *call, factum_slice message)
{
    const struct fct_server *server = call->server;
    factum_info info = {.size = sizeof info};
    uint32_t port = PORT_DEFAULT;
    (void)message; /* Empty */
    if (!fct_grpc_allowed(call, FCT_OP_FEATURES, fct_slice(NULL, 0))) {
        return;
    }
    factum_slice host = host_of(call->exchange->peer->local, &port);
    if (factum_info_get(server->store, &info, NULL) != FACTUM_OK) {
        info.store_id = (factum_uuid){{0}};
    }
    const struct fct_kurrent_member member = {
        .instance_id = {FCT_KURRENT_ID_STRUCTURED, info.store_id},
        .time = factum_now(server->store),
        .state = FCT_KURRENT_NODE_LEADER,
        .is_alive = true,
        .address = server->advertised_host.len > 0 ? server->advertised_host : host,
        .port = server->advertised_port > 0 ? server->advertised_port : port,
    };
    answer_once(call, fct_kurrent_encode_cluster(&call->out, &member));
}

static const struct fct_grpc_method gossip = {
    .path = "/event_store.client.gossip.Gossip/Read",
    .message = gossip_message,
};

/* ---- Projections ----------------------------------------------------------------------------- */

static const char *const standard[] = {
    "$by_category", "$by_correlation_id", "$by_event_type", "$stream_by_category", "$streams",
};

static factum_status encode_standard(struct fct_grpc_call *call, const char *name)
{
    const struct fct_kurrent_projection projection = {
        .name = factum_slice_from(name),
        .effective_name = factum_slice_from(name),
        .status = FCT_SLICE("Running"),
        .mode = FCT_SLICE("Continuous"),
        .progress = 100.0F,
    };
    return fct_kurrent_encode_projection(&call->out, &projection);
}

static void statistics_message(struct fct_grpc_call *call, factum_slice message)
{
    struct fct_kurrent_statistics wanted;
    factum_error err;
    factum_status status = fct_kurrent_decode_statistics(message, &wanted, &err);
    bool named = wanted.mode == FCT_KURRENT_STATISTICS_NAME;
    size_t found = 0;
    if (status != FACTUM_OK || wanted.mode == FCT_KURRENT_STATISTICS_NONE) {
        fct_grpc_finish(call, FCT_GRPC_INVALID_ARGUMENT,
                        FCT_SLICE("statistics: of which projections?"), NULL, 0);
        return;
    }
    if (!fct_grpc_allowed(call, FCT_OP_INFO, fct_slice(NULL, 0))) {
        return;
    }
    bool shows = named || wanted.mode == FCT_KURRENT_STATISTICS_ALL ||
                 wanted.mode == FCT_KURRENT_STATISTICS_CONTINUOUS;
    for (size_t i = 0; shows && i < sizeof standard / sizeof standard[0]; i++) {
        if (!named || fct_slice_equal(wanted.name, factum_slice_from(standard[i]))) {
            status = status == FACTUM_OK ? encode_standard(call, standard[i]) : status;
            found++;
        }
    }
    if (named && found == 0) {
        fct_grpc_finish(call, FCT_GRPC_NOT_FOUND, FCT_SLICE("unknown projection"), NULL, 0);
        return;
    }
    answer_once(call, status);
}

static const struct fct_grpc_method statistics = {
    .path = "/event_store.client.projections.Projections/Statistics",
    .message = statistics_message,
};

/* ---- the tables ------------------------------------------------------------------------------ */

const struct fct_grpc_method *const fct_kurrent_streams_methods[] = {
    &fct_kurrent_append_method,    &fct_kurrent_batch_method, &fct_kurrent_delete_method,
    &fct_kurrent_tombstone_method, &fct_kurrent_read_method,  NULL,
};

const struct fct_grpc_method *const fct_kurrent_services_methods[] = {
    &features,
    &gossip,
    &statistics,
    NULL,
};
