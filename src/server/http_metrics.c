/* http_metrics.c - /metrics, for Prometheus: its text format 0.0.4, and OpenMetrics 1.0. Layer:
 * server. */
#include <inttypes.h>
#include <stdio.h>

#include "core/error.h"
#include "core/slice.h"
#include "net/acceptor.h"
#include "server/models.h"
#include "wire/media.h"

enum metric_form { METRICS_TEXT, METRICS_OPEN, METRICS_FORMS };
static const char *const metric_types[METRICS_FORMS] = {"text/plain",
                                                        "application/openmetrics-text"};

struct metric {
    const char *name; /* without "_total" */
    const char *help;
    uint64_t value;
    bool counter;
};

/* Writes the HELP and TYPE lines of a metric family. The samples of a counter end with _total in
 * both formats; the name of its family does so only in the text format. */
static factum_status put_head(struct fct_buf *out, enum metric_form form,
                              const struct metric *metric)
{
    const char *end = metric->counter && form == METRICS_TEXT ? "_total" : "";
    return fct_buf_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", metric->name, end, metric->help,
                          metric->name, end, metric->counter ? "counter" : "gauge");
}

static factum_status put_metric(struct fct_buf *out, enum metric_form form,
                                const struct metric *metric)
{
    factum_status status = put_head(out, form, metric);
    return status == FACTUM_OK ? fct_buf_printf(out, "%s%s %" PRIu64 "\n", metric->name,
                                                metric->counter ? "_total" : "", metric->value)
                               : status;
}

/* All statuses. put_refusals skips those that are not failures. */
static const factum_status refusal_kinds[] = {
#define REFUSAL_KIND(name, value, text) FACTUM_##name,
    FACTUM_STATUS_LIST(REFUSAL_KIND)
#undef REFUSAL_KIND
};

static factum_status put_refusals(struct fct_buf *out, enum metric_form form,
                                  const struct fct_server_counters *counters)
{
    static const struct metric head = {"factum_refusals", "Calls refused, by status.", 0, true};
    factum_status status = put_head(out, form, &head);
    for (size_t i = 0; i < sizeof refusal_kinds / sizeof refusal_kinds[0]; i++) {
        int kind = -(int)refusal_kinds[i];
        if (kind > 0 && kind < FCT_REFUSALS && status == FACTUM_OK) {
            status = fct_buf_printf(out, "factum_refusals_total{status=\"%s\"} %" PRIu64 "\n",
                                    factum_status_name(refusal_kinds[i]), counters->refusals[kind]);
        }
    }
    return status;
}

static factum_status put_commands(struct fct_buf *out, enum metric_form form,
                                  const struct fct_server_counters *counters)
{
    static const char *const outcomes[FCT_COMMAND_OUTCOMES] = {
        [FCT_COMMAND_ACCEPTED] = "accepted", [FCT_COMMAND_ALREADY] = "already",
        [FCT_COMMAND_NOTHING] = "nothing",   [FCT_COMMAND_REJECTED] = "rejected",
        [FCT_COMMAND_FAILED] = "failed",
    };
    static const struct metric head = {"factum_commands", "Commands over HTTP, by outcome.", 0,
                                       true};
    factum_status status = put_head(out, form, &head);
    for (size_t i = 0; i < FCT_COMMAND_OUTCOMES && status == FACTUM_OK; i++) {
        status = fct_buf_printf(out, "factum_commands_total{outcome=\"%s\"} %" PRIu64 "\n",
                                outcomes[i], counters->commands[i]);
    }
    return status;
}

/* A histogram is the same in both formats. */
static factum_status put_latency(struct fct_buf *out, const struct fct_server_counters *counters)
{
    static const char name[] = "factum_append_duration_seconds";
    uint64_t count = 0;
    factum_status status = fct_buf_printf(
        out, "# HELP %s From the start of an append to its acknowledgement.\n# TYPE %s histogram\n",
        name, name);
    for (size_t i = 0; i < FCT_LATENCY_BOUNDS && status == FACTUM_OK; i++) {
        count += counters->append_latency[i];
        status = fct_buf_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
                                (double)fct_latency_bounds[i] / 1e9, count);
    }
    count += counters->append_latency[FCT_LATENCY_BOUNDS];
    return status == FACTUM_OK
               ? fct_buf_printf(
                     out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.9f\n%s_count %" PRIu64 "\n",
                     name, count, name, (double)counters->append_latency_ns / 1e9, name, count)
               : status;
}

struct subscribers {
    uint64_t live;
    uint64_t catching_up;
    uint64_t lag_max;
};

/* A waiting subscriber has got every event that concerns it, however old its place is. */
static void count_subscribers(const struct fct_server *server,
                              struct subscribers counted[FCT_FEED_PROTOCOLS])
{
    uint64_t end = 0;
    if (factum_visible_place(server->store, &end, NULL) != FACTUM_OK) {
        end = 0;
    }
    for (const struct fct_feed *feed = fct_feeds_first(server); feed != NULL; feed = feed->older) {
        struct subscribers *of_protocol = &counted[feed->protocol];
        uint64_t place = feed->slot != NULL ? end : fct_feed_place(feed);
        uint64_t lag = place < end ? end - place : 0;
        *(fct_feed_is_live(feed) ? &of_protocol->live : &of_protocol->catching_up) += 1;
        of_protocol->lag_max = lag > of_protocol->lag_max ? lag : of_protocol->lag_max;
    }
}

static factum_status put_subscribers(struct fct_buf *out, enum metric_form form,
                                     const struct fct_server *server)
{
    static const char *const protocols[FCT_FEED_PROTOCOLS] = {"kurrentdb", "http", "factum"};
    static const struct metric heads[] = {
        {"factum_subscribers", "Subscribers now, by protocol and state.", 0, false},
        {"factum_subscriber_lag_max_bytes",
         "Bytes of the log between its end and the subscriber that is furthest behind.", 0, false},
    };
    struct subscribers counted[FCT_FEED_PROTOCOLS] = {{.live = 0}};
    count_subscribers(server, counted);
    factum_status status = put_head(out, form, &heads[0]);
    for (size_t i = 0; i < FCT_FEED_PROTOCOLS && status == FACTUM_OK; i++) {
        status = fct_buf_printf(
            out,
            "factum_subscribers{protocol=\"%s\",state=\"live\"} %" PRIu64 "\n"
            "factum_subscribers{protocol=\"%s\",state=\"catching_up\"} %" PRIu64 "\n",
            protocols[i], counted[i].live, protocols[i], counted[i].catching_up);
    }
    if (status == FACTUM_OK) {
        status = put_head(out, form, &heads[1]);
    }
    for (size_t i = 0; i < FCT_FEED_PROTOCOLS && status == FACTUM_OK; i++) {
        status =
            fct_buf_printf(out, "factum_subscriber_lag_max_bytes{protocol=\"%s\"} %" PRIu64 "\n",
                           protocols[i], counted[i].lag_max);
    }
    return status;
}

/* Returns the bytes of resident memory; 0: not known on this system. */
static uint64_t resident_bytes(void)
{
    char text[128] = "";
    uint64_t kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file != NULL && fgets(text, sizeof text, file) != NULL) {
        factum_slice line = factum_slice_from(text);
        if (!fct_slice_starts(line, FCT_SLICE("VmRSS:"))) {
            continue;
        }
        for (size_t i = 0; i < line.len; i++) {
            if (line.ptr[i] >= '0' && line.ptr[i] <= '9') {
                kib = kib * 10 + (uint64_t)(line.ptr[i] - '0');
            }
        }
        break;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kib * 1024;
}

static factum_status put_counters(struct fct_buf *out, enum metric_form form,
                                  const struct fct_server *server)
{
    const struct fct_server_counters *counters = &server->counters;
    const struct fct_acceptor *acceptor = server->acceptor; /* NULL in tests */
    const uint64_t ever = acceptor == NULL ? 0 : fct_acceptor_connections_ever(acceptor);
    const uint64_t open = acceptor == NULL ? 0 : fct_acceptor_connection_count(acceptor);
    const struct metric metrics[] = {
        {"factum_appends", "Appends acknowledged.", counters->appends, true},
        {"factum_events_appended", "Events in acknowledged appends.", counters->events_appended,
         true},
        {"factum_appended_bytes", "Bytes of data and metadata in acknowledged appends.",
         counters->bytes_appended, true},
        {"factum_append_groups", "Groups of appends that ended together.", counters->append_groups,
         true},
        {"factum_events_read", "Events returned to readers and subscribers.", counters->events_read,
         true},
        {"factum_connections", "Connections accepted.", ever, true},
        {"factum_connections_open", "Connections open now.", open, false},
        {"factum_subscriptions_open", "Subscribers now.", counters->subscriptions, false},
        {"factum_appends_waiting", "Appends under way now.", fct_appends_under_way(server), false},
        {"factum_request_body_bytes", "Bytes of requests' bodies held now.",
         server->http_bodies_size, false},
        {"factum_memory_resident_bytes", "Resident memory of the process.", resident_bytes(),
         false},
    };
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0] && status == FACTUM_OK; i++) {
        status = put_metric(out, form, &metrics[i]);
    }
    if (status == FACTUM_OK) {
        status = put_subscribers(out, form, server);
    }
    if (status == FACTUM_OK) {
        status = put_latency(out, counters);
    }
    if (status == FACTUM_OK) {
        status = put_commands(out, form, counters);
    }
    return status == FACTUM_OK ? put_refusals(out, form, counters) : status;
}

static factum_status put_store(struct fct_buf *out, enum metric_form form, const factum_info *info)
{
    const struct metric metrics[] = {
        {"factum_store_events", "Events in the store.", info->event_count, false},
        {"factum_store_streams", "Streams that were ever written.", info->stream_count, false},
        {"factum_store_end_position", "Bytes of the log that are visible.", info->end_position,
         false},
        {"factum_store_durable_position", "Bytes of the log that are synced.",
         info->durable_position, false},
        {"factum_store_log_bytes", "Bytes of the log on disk.", info->log_bytes, false},
        {"factum_store_prepared_bytes", "Bytes of the log written ahead.", info->prepared_bytes,
         false},
        {"factum_store_index_bytes", "Bytes of the index on disk.", info->index_bytes, false},
        {"factum_store_index_memory_bytes", "Bytes of the index in memory.",
         info->index_memory_bytes, false},
        {"factum_store_segments", "Segments of the log.", info->segment_count, false},
        {"factum_store_damaged", "1 if acknowledged data is damaged.", info->damaged ? 1 : 0,
         false},
        {"factum_store_failed", "1 if the store has stopped after a failed write.",
         info->failed ? 1 : 0, false},
    };
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0] && status == FACTUM_OK; i++) {
        status = put_metric(out, form, &metrics[i]);
    }
    return status;
}

static factum_status put_sagas(struct fct_buf *out, enum metric_form form,
                               const factum_sagas_info *info)
{
    const struct metric metrics[] = {
        {"factum_sagas_ready", "1 if sagas run and have caught up.", info->ready ? 1 : 0, false},
        {"factum_sagas_open", "Sagas that have not ended.", info->open_count, false},
        {"factum_sagas_loaded", "Sagas in memory.", info->loaded_count, false},
        {"factum_sagas_started", "Sagas that were started.", info->started_count, true},
        {"factum_sagas_ended", "Sagas that have ended.", info->ended_count, true},
        {"factum_sagas_stuck", "Times that a saga came to need an operator.", info->stuck_count,
         true},
        {"factum_sagas_commits", "Commits of sagas.", info->commit_count, true},
        {"factum_sagas_conflicts", "Commits that lost to another writer.", info->conflict_count,
         true},
        {"factum_sagas_duplicates", "Starts and answers that had come before.",
         info->duplicate_count, true},
        {"factum_sagas_unmatched", "Answers to sagas that had not started.", info->unmatched_count,
         true},
        {"factum_sagas_timers_fired", "Timers of sagas that have fired.", info->timer_count, true},
        {"factum_sagas_bad_inputs", "Events that could not be taken by a saga.", info->bad_count,
         true},
        {"factum_sagas_clock_parted", "1 while the wall clock has jumped.",
         info->clock_parted ? 1 : 0, false},
    };
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0] && status == FACTUM_OK; i++) {
        status = put_metric(out, form, &metrics[i]);
    }
    return status;
}

void fct_http_metrics_answer(struct fct_http_call *call, unsigned form, factum_slice models)
{
    static const char *const types[METRICS_FORMS] = {
        "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8"};
    factum_error err;
    factum_info info = {.size = sizeof info};
    factum_status status = factum_info_get(call->server->store, &info, &err);
    if (status != FACTUM_OK) {
        fct_http_fail(call, status, &err);
        return;
    }
    status = put_counters(&call->out, (enum metric_form)form, call->server);
    if (status == FACTUM_OK) {
        status = put_store(&call->out, (enum metric_form)form, &info);
    }
    factum_sagas_info sagas = {.size = sizeof sagas};
    if (status == FACTUM_OK && fct_server_sagas_info(call->server, &sagas)) {
        status = put_sagas(&call->out, (enum metric_form)form, &sagas);
    }
    if (status == FACTUM_OK) {
        status = fct_buf_add_slice(&call->out, models);
    }
    if (status == FACTUM_OK && form == METRICS_OPEN) {
        status = fct_buf_add_text(&call->out, "# EOF\n");
    }
    if (status != FACTUM_OK) {
        fct_http_answer_out(call, status);
        return;
    }
    fct_http_answer(call, &(struct fct_http_answer){.status = 200,
                                                    .type = types[form],
                                                    .body = fct_buf_slice(&call->out)});
}

void fct_http_metrics(struct fct_http_call *call)
{
    factum_slice accept = fct_exchange_field(call->exchange, FCT_SLICE("accept"));
    size_t form = fct_media_choose(accept, metric_types, METRICS_FORMS);
    if (form == METRICS_FORMS) {
        form = METRICS_TEXT; /* for the browser of a person */
    }
    if (!fct_models_metrics_start(call, (unsigned)form)) {
        fct_http_metrics_answer(call, (unsigned)form, fct_slice(NULL, 0));
    }
}
