/* endpoints_parked.c - what operators see and do: the status of endpoints, and parked commands.
 * Layer: saga.
 *
 * Each call has a connection of its own to endpoints.db. It never creates the file: if somebody has
 * deleted it while the host runs, there is nothing to list, and a new file would not know that
 * commands may have been delivered before.
 */
#include <string.h>

#include <factum/json_write.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/slice.h"
#include "saga/endpoints_int.h"

#define PARKED_ARENA_MAX ((size_t)64 << 20)
#define SKIP_WHY_MAX 2000u

/* ---- status ---------------------------------------------------------------------------------- */

struct status_listing {
    struct fct_queue *queue;
    const factum_endpoint_status_each *each;
};

static factum_status list_status(void *data, const struct fct_queue_endpoint *endpoint,
                                 factum_error *err)
{
    const struct status_listing *listing = data;
    uint64_t counts[FCT_COMMAND_OVER + 1];
    factum_status status = fct_queue_counts(listing->queue, endpoint->service, counts, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_endpoint_status info = {.size = sizeof info,
                                         .service = endpoint->service,
                                         .url = endpoint->url,
                                         .disabled = endpoint->disabled,
                                         .waiting = counts[FCT_COMMAND_WAITING] +
                                                    counts[FCT_COMMAND_SENDING],
                                         .parked = counts[FCT_COMMAND_PARKED],
                                         .delivered = counts[FCT_COMMAND_TAKEN],
                                         .not_before = endpoint->not_before,
                                         .problem = endpoint->problem};
    return listing->each->each(listing->each->data, &info) ? FACTUM_OK : FACTUM_DONE;
}

factum_status factum_endpoints_status(factum_endpoints *endpoints,
                                      const factum_endpoint_status_each *each, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_queue queue;
    if (endpoints == NULL || each == NULL || each->each == NULL) {
        return fct_fail(err, FACTUM_INVALID, "endpoints: a host and a function are needed");
    }
    factum_status status = fct_queue_open_existing(&queue, endpoints->options.path, err);
    if (status != FACTUM_OK) {
        return status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
    }
    struct status_listing listing = {.queue = &queue, .each = each};
    status = fct_queue_endpoints(&queue, list_status, &listing, err);
    fct_queue_close(&queue);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* ---- the list -------------------------------------------------------------------------------- */

static bool take_parked_row(void *data, const struct fct_queue_row *row)
{
    const factum_endpoint_parked_each *each = data;
    const factum_endpoint_parked parked = {.size = sizeof parked,
                                           .service = row->service,
                                           .key = row->key,
                                           .command_id = row->command_id,
                                           .position = row->position,
                                           .reason = row->reason,
                                           .attempts = row->attempts,
                                           .since = row->since,
                                           .may_be_done = row->maybe};
    return each->each(each->data, &parked);
}

factum_status factum_endpoints_parked(factum_endpoints *endpoints, factum_slice service,
                                      factum_slice key, const factum_endpoint_parked_each *each,
                                      factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_queue queue;
    if (endpoints == NULL || each == NULL || each->each == NULL) {
        return fct_fail(err, FACTUM_INVALID, "endpoints: a host and a function are needed");
    }
    factum_endpoint_parked_each copy = *each;
    factum_status status = fct_queue_open_existing(&queue, endpoints->options.path, err);
    if (status == FACTUM_OK) {
        status = fct_queue_parked(&queue, service, key, take_parked_row, &copy, err);
        fct_queue_close(&queue);
    }
    return status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
}

/* ---- retry ----------------------------------------------------------------------------------- */

factum_status factum_endpoints_retry(factum_endpoints *endpoints, factum_slice service,
                                     factum_slice key, uint64_t *count, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    uint64_t done = 0;
    struct fct_queue queue;
    if (endpoints == NULL) {
        return fct_fail(err, FACTUM_INVALID, "endpoints: a host is needed");
    }
    factum_status status = fct_queue_open_existing(&queue, endpoints->options.path, err);
    if (status == FACTUM_OK) {
        status = fct_queue_retry(&queue, service, key, &done, err);
        fct_queue_close(&queue);
    }
    if (status == FACTUM_OK || status == FACTUM_NOT_FOUND) {
        fct_http_wake(endpoints->http);
        if (count != NULL) {
            *count = done;
        }
    }
    return status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
}

/* ---- skip ------------------------------------------------------------------------------------ */

struct skipping {
    uint64_t position;
    factum_arena arena;
    struct fct_queue_row row;
    bool found;
};

static bool find_parked_row(void *data, const struct fct_queue_row *row)
{
    struct skipping *skipping = data;
    if (row->position != skipping->position) {
        return true;
    }
    skipping->found = true;
    skipping->row = *row;
    skipping->row.command_id = factum_arena_copy(&skipping->arena, row->command_id);
    skipping->row.key = factum_arena_copy(&skipping->arena, row->key);
    skipping->row.undoes = factum_arena_copy(&skipping->arena, row->undoes);
    skipping->row.service = FCT_SLICE("");
    return false;
}

static factum_status append_skipped(factum_store *store, struct skipping *skipping,
                                    factum_slice why, factum_error *err)
{
    factum_json_writer to;
    struct fct_command_meta meta;
    factum_event_copy copy = {.memory = NULL};
    factum_json_writer_in(&to, &skipping->arena);
    factum_json_put_object(&to);
    factum_json_put_member_text(&to, "code", FCT_SLICE("skipped"));
    factum_json_put_member_text(&to, "text", why);
    factum_json_put_end(&to);
    factum_status status = factum_json_writer_finish(&to, err);
    if (status == FACTUM_OK) {
        status = factum_read_event(store, skipping->position, &copy, err);
    }
    if (status == FACTUM_OK) {
        status = fct_command_meta_read(&copy.event, fct_command_service(copy.event.stream),
                                       &skipping->arena, &meta, err);
    }
    if (status == FACTUM_OK) {
        const struct fct_reply reply = {.stream = skipping->row.key,
                                        .type = FCT_SLICE("CommandFailed"),
                                        .data = fct_slice(to.buffer, to.used),
                                        .key = skipping->row.command_id};
        status = fct_reply_append(store, &reply, &meta, &skipping->arena, err);
    }
    factum_event_copy_free(&copy);
    return status == FACTUM_KEY_CONFLICT ? FACTUM_OK : status;
}

static factum_status no_such_row(factum_error *err)
{
    return fct_fail(err, FACTUM_NOT_FOUND, "no command is parked at this position");
}

static factum_status skip_row(factum_endpoints *endpoints, struct fct_queue *queue,
                              struct skipping *skipping, factum_slice why, factum_error *err)
{
    factum_status status =
        fct_queue_parked(queue, FCT_SLICE(""), FCT_SLICE(""), find_parked_row, skipping, err);
    if (status == FACTUM_OK && !skipping->found) {
        return no_such_row(err);
    }
    /* "Failed" would mean that there is nothing to undo. */
    bool unknown = skipping->row.undoes.len == 0 && skipping->row.maybe;
    if (status == FACTUM_OK && !unknown) {
        status = append_skipped(endpoints->store, skipping, why, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    skipping->row.state = FCT_COMMAND_OVER;
    skipping->row.next = factum_now(endpoints->store);
    skipping->row.reason = FCT_SLICE("skipped");
    return fct_queue_update(queue, &skipping->row, err);
}

factum_status factum_endpoints_skip(factum_endpoints *endpoints, uint64_t position,
                                    factum_slice why, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_queue queue;
    struct skipping skipping = {.position = position};
    if (endpoints == NULL || why.len > SKIP_WHY_MAX || !fct_utf8_valid(why)) {
        return fct_fail(err, FACTUM_INVALID,
                        "endpoints: a host, and a reason of at most %u bytes of UTF-8, are needed",
                        SKIP_WHY_MAX);
    }
    factum_status status = fct_queue_open_existing(&queue, endpoints->options.path, err);
    if (status == FACTUM_NOT_FOUND) {
        return no_such_row(err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    fct_arena_init(&skipping.arena, fct_mem_heap(), PARKED_ARENA_MAX);
    status = fct_queue_begin(&queue, err);
    if (status == FACTUM_OK) {
        status = skip_row(endpoints, &queue, &skipping, why, err);
        if (status == FACTUM_OK) {
            status = fct_queue_commit(&queue, err);
        } else {
            fct_queue_rollback(&queue);
        }
    }
    factum_arena_finish(&skipping.arena);
    fct_queue_close(&queue);
    if (status == FACTUM_OK) {
        fct_http_wake(endpoints->http);
    }
    return status;
}
