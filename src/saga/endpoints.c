/* endpoints.c - the host of endpoints: opening, closing, and the follower. Layer: saga. See
 * endpoints_int.h. A user of the public API of the store and of followers. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/log_sink.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"
#include "saga/endpoint_definition.h"
#include "saga/endpoints_int.h"

#define HOST_ARENA_MAX ((size_t)4 << 20)
#define COMMAND_ARENA_MAX ((size_t)64 << 20)
#define FOLLOW_PAUSE_FIRST_MS 500u
#define FOLLOW_PAUSE_LAST_MS 30000u
#define ANSWER_SIZE_DEFAULT (64u << 10)
#define ANSWER_SIZE_MAX (1u << 20)
#define SECRET_MIN 16u
#define SECRET_MAX 1024u

/* ---- the follower ---------------------------------------------------------------------------- */

static factum_status follow_command(struct factum_endpoints *e, const factum_event *event,
                                    factum_slice service, factum_error *err)
{
    factum_arena arena;
    struct fct_command_meta meta;
    fct_arena_init(&arena, fct_mem_heap(), COMMAND_ARENA_MAX);
    factum_status status = fct_command_meta_read(event, service, &arena, &meta, err);
    if (status == FACTUM_OK) {
        const struct fct_queue_row row = {.position = event->position,
                                          .command_id = meta.command_id,
                                          .key = event->stream,
                                          .service = service,
                                          .undoes = meta.undoes,
                                          .maybe = meta.attempt > 1};
        status = fct_queue_begin(&e->taken, err);
        if (status == FACTUM_OK) {
            status = fct_queue_add(&e->taken, &row, err);
        }
    } else if (status == FACTUM_NOT_FOUND) {
        status = FACTUM_OK; /* a reply in the command's stream */
    } else if (status == FACTUM_INVALID || status == FACTUM_TOO_BIG) {
        fct_log_message(&e->log, FACTUM_LOG_ERROR, "endpoint.broken",
                        "a command of type %.*s at position %llu is broken: %s",
                        FCT_FMT(event->type), (unsigned long long)event->position, err->text);
        status = FACTUM_OK;
    }
    factum_arena_finish(&arena);
    return status;
}

static factum_status follow_definition(struct factum_endpoints *e, const factum_event *event,
                                       factum_error *err)
{
    factum_status status = fct_queue_begin(&e->taken, err);
    if (status == FACTUM_OK) {
        status = fct_queue_endpoint_event(&e->taken, event, err);
    }
    if (status == FACTUM_INVALID) { /* the event is broken and will not change: it is skipped */
        fct_log_message(&e->log, FACTUM_LOG_WARN, "endpoint.event", "%s", err->text);
        return FACTUM_OK;
    }
    return status;
}

static factum_status follow_each(void *data, const factum_event *event, factum_error *err)
{
    struct factum_endpoints *e = data;
    factum_slice service = fct_command_service(event->stream);
    if (service.len > 0) {
        return follow_command(e, event, service, err);
    }
    return fct_slice_starts(event->stream, FCT_SLICE(FCT_ENDPOINT_STREAM_PREFIX))
               ? follow_definition(e, event, err)
               : FACTUM_OK;
}

static factum_status follow_load(void *data, char token[FACTUM_TOKEN_SIZE], factum_error *err)
{
    struct factum_endpoints *e = data;
    return fct_queue_token_get(&e->taken, token, err);
}

static factum_status follow_save(void *data, const char *from, const char *to, factum_error *err)
{
    struct factum_endpoints *e = data;
    factum_status status = fct_queue_begin(&e->taken, err);
    if (status == FACTUM_OK) {
        status = fct_queue_token_set(&e->taken, from, to, err);
    }
    if (status == FACTUM_OK) {
        status = fct_queue_commit(&e->taken, err);
    }
    if (status == FACTUM_OK) {
        fct_http_wake(e->http);
    }
    return status;
}

static void follow_undo(void *data)
{
    struct factum_endpoints *e = data;
    fct_queue_rollback(&e->taken);
}

static factum_status open_follow(struct factum_endpoints *e, factum_error *err)
{
    const factum_slice prefixes[] = {FCT_SLICE("command:"), FCT_SLICE(FCT_ENDPOINT_STREAM_PREFIX)};
    const factum_filter filter = {
        .size = sizeof filter, .stream_prefixes = prefixes, .stream_prefix_count = 2};
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_ALL, .filter = &filter};
    const factum_follow_keeper keeper = {
        .data = e, .load = follow_load, .save = follow_save, .undo = follow_undo};
    const factum_follow_options options = {.size = sizeof options,
                                           .name = FCT_SLICE("endpoints"),
                                           .request = &request,
                                           .data = e,
                                           .each = follow_each,
                                           .keeper = &keeper};
    return factum_follow_open(e->store, &options, &e->follow, err);
}

static void run_follower(void *data)
{
    factum_error err;
    struct factum_endpoints *e = data;
    uint64_t pause = FOLLOW_PAUSE_FIRST_MS;
    while (atomic_load(&e->stop) == 0) {
        factum_status status = factum_follow_run(e->follow, NULL, &err);
        if (status >= 0) {
            return;
        }
        fct_queue_rollback(&e->taken);
        fct_log_message(&e->log, FACTUM_LOG_ERROR, "endpoint.follow", "%s: %s",
                        factum_status_text(status), err.text);
        (void)fct_word_wait(&e->stop, 0, pause * UINT64_C(1000000));
        pause = pause * 2 > FOLLOW_PAUSE_LAST_MS ? FOLLOW_PAUSE_LAST_MS : pause * 2;
    }
}

/* ---- options --------------------------------------------------------------------------------- */

static factum_status check_allow(const factum_endpoints_options *options, factum_error *err)
{
    for (size_t i = 0; i < options->allow_count; i++) {
        if (!fct_endpoint_pattern_valid(options->allow[i])) {
            return fct_fail(err, FACTUM_INVALID,
                            "endpoints: \"%.*s\" is not HOST, HOST:PORT or *.DOMAIN",
                            FCT_FMT(options->allow[i]));
        }
    }
    return FACTUM_OK;
}

static factum_status check_secrets(const factum_endpoints_options *options, factum_error *err)
{
    for (size_t i = 0; i < options->secret_count; i++) {
        const factum_endpoint_secret *secret = &options->secrets[i];
        if (!fct_endpoint_name_valid(secret->name)) {
            return fct_fail(err, FACTUM_INVALID,
                            "endpoints: the name of secret %zu is not [a-z][a-z0-9_]*", i + 1);
        }
        if (secret->secret.len < SECRET_MIN || secret->secret.len > SECRET_MAX) {
            return fct_fail(err, FACTUM_INVALID,
                            "endpoints: the secret %.*s has not %u to %u bytes",
                            FCT_FMT(secret->name), SECRET_MIN, SECRET_MAX);
        }
    }
    return FACTUM_OK;
}

static void set_defaults(factum_endpoints_options *options)
{
    options->answer_size_max =
        options->answer_size_max == 0 ? ANSWER_SIZE_DEFAULT : options->answer_size_max;
    options->give_up_ms =
        options->give_up_ms == 0 ? UINT64_C(3) * 86400 * 1000 : options->give_up_ms;
    options->retry_first_ms = options->retry_first_ms == 0 ? 500 : options->retry_first_ms;
    options->retry_last_ms = options->retry_last_ms == 0 ? 300000 : options->retry_last_ms;
}

static const char *copy_string(factum_arena *arena, const char *text)
{
    size_t size = text == NULL ? 0 : strlen(text) + 1;
    char *copy = size == 0 ? NULL : factum_arena_take(arena, size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

/* Copies what the options point to. */
static factum_status keep_options(struct factum_endpoints *e, factum_error *err)
{
    factum_endpoints_options *options = &e->options;
    factum_slice *allow = factum_arena_take(&e->arena, options->allow_count * sizeof *allow);
    factum_endpoint_secret *secrets =
        factum_arena_take(&e->arena, options->secret_count * sizeof *secrets);
    for (size_t i = 0; allow != NULL && i < options->allow_count; i++) {
        allow[i] = factum_arena_copy(&e->arena, options->allow[i]);
    }
    for (size_t i = 0; secrets != NULL && i < options->secret_count; i++) {
        secrets[i].name = factum_arena_copy(&e->arena, options->secrets[i].name);
        secrets[i].secret = factum_arena_copy(&e->arena, options->secrets[i].secret);
    }
    options->allow = allow;
    options->secrets = secrets;
    options->secret_count = secrets == NULL ? 0 : options->secret_count;
    options->path = copy_string(&e->arena, options->path);
    options->ca_file = copy_string(&e->arena, options->ca_file);
    if (options->log != NULL) {
        e->log = *options->log;
    }
    options->log = NULL;
    return factum_arena_status(&e->arena) == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, FACTUM_NO_MEMORY, "endpoints: the options take too much memory");
}

static factum_status read_host_options(const factum_endpoints_options *given,
                                       factum_endpoints_options *options, factum_error *err)
{
    factum_status status =
        fct_sized_read(options, sizeof *options, given, "endpoints: the options", err);
    if (status == FACTUM_OK && (options->path == NULL || options->path[0] == '\0')) {
        return fct_fail(err, FACTUM_INVALID, "endpoints: the options need a path");
    }
    if (status == FACTUM_OK && options->answer_size_max > ANSWER_SIZE_MAX) {
        return fct_fail(err, FACTUM_INVALID, "endpoints: an answer has at most %u bytes",
                        ANSWER_SIZE_MAX);
    }
    if (status == FACTUM_OK && options->give_up_ms > INT64_MAX / 1000000) {
        return fct_fail(err, FACTUM_INVALID, "endpoints: give_up_ms is too long");
    }
    if (status == FACTUM_OK) {
        status = check_allow(options, err);
    }
    if (status == FACTUM_OK) {
        status = check_secrets(options, err);
    }
    if (status == FACTUM_OK) {
        set_defaults(options);
    }
    return status;
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* Refuses the second of two hosts in one directory. */
static factum_status lock_dir(struct factum_endpoints *e, factum_error *err)
{
    const struct fct_os *os = fct_os_real();
    factum_status status = fct_os_make_dir_synced(os, e->options.path, err);
    if (status == FACTUM_OK) {
        status = fct_file_open_in(os, e->options.path, "endpoints.lock",
                                  FCT_OPEN_WRITE | FCT_OPEN_CREATE, &e->lock, err);
    }
    return status == FACTUM_OK ? fct_file_lock(e->lock, err) : status;
}

static factum_status open_parts(struct factum_endpoints *e, factum_error *err)
{
    uint64_t place = 0;
    const struct fct_http_options http = {.allow = e->options.allow,
                                          .allow_count = e->options.allow_count,
                                          .allow_private = e->options.allow_private,
                                          .ca_file = e->options.ca_file,
                                          .answer_size_max = e->options.answer_size_max};
    factum_status status = lock_dir(e, err);
    if (status == FACTUM_OK) {
        status = factum_visible_place(e->store, &place, err);
    }
    if (status == FACTUM_OK) {
        status = fct_queue_open(&e->due, e->options.path, place, err);
    }
    if (status == FACTUM_OK) {
        status = fct_queue_recover(&e->due, err);
    }
    if (status == FACTUM_OK) {
        status = fct_queue_open(&e->taken, e->options.path, place, err);
    }
    if (status == FACTUM_OK) {
        status = fct_http_open(&http, &e->http, err);
    }
    if (status == FACTUM_OK) {
        status = fct_os_random(fct_os_real(), &e->random.state, sizeof e->random.state, err);
    }
    return status == FACTUM_OK ? open_follow(e, err) : status;
}

factum_status factum_endpoints_open(factum_store *store, const factum_endpoints_options *given,
                                    factum_endpoints **endpoints, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (store == NULL || endpoints == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "endpoints: a store and a place for the host are needed");
    }
    *endpoints = NULL;
    struct factum_endpoints *e = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *e);
    if (e == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "endpoints: out of memory");
    }
    e->store = store;
    fct_arena_init(&e->arena, fct_mem_heap(), HOST_ARENA_MAX);
    factum_status status = read_host_options(given, &e->options, err);
    if (status == FACTUM_OK) {
        status = keep_options(e, err);
    } else {
        e->options.secret_count = 0; /* not copied, so not ours to wipe */
    }
    if (status == FACTUM_OK) {
        status = open_parts(e, err);
    }
    if (status == FACTUM_OK && !e->options.no_run) {
        status = fct_thread_start(&e->courier, "fct-courier", fct_courier_run, e, err);
    }
    if (status == FACTUM_OK && !e->options.no_run) {
        status = fct_thread_start(&e->follower, "fct-endpoints", run_follower, e, err);
    }
    if (status != FACTUM_OK) {
        factum_endpoints_close(e);
        return status;
    }
    *endpoints = e;
    return FACTUM_OK;
}

static void forget_delivery(void *data)
{
    (void)data; /* freed with the list */
}

void factum_endpoints_close(factum_endpoints *endpoints)
{
    factum_error ignored;
    struct factum_endpoints *e = endpoints;
    if (e == NULL) {
        return;
    }
    atomic_store(&e->stop, 1);
    fct_word_wake(&e->stop, FCT_WAKE_ALL);
    if (e->follow != NULL) {
        factum_follow_stop(e->follow);
    }
    if (e->http != NULL) {
        fct_http_wake(e->http);
    }
    fct_thread_join(&e->follower);
    fct_thread_join(&e->courier);
    fct_http_close(e->http, forget_delivery);
    fct_deliveries_free(e);
    factum_follow_close(e->follow);
    fct_queue_close(&e->taken);
    fct_queue_close(&e->due);
    (void)fct_file_close(&e->lock, &ignored);
    for (size_t i = 0; i < e->options.secret_count; i++) {
        factum_slice secret = e->options.secrets[i].secret;
        OPENSSL_cleanse((void *)(uintptr_t)secret.ptr, secret.len);
    }
    factum_arena_finish(&e->arena);
    fct_mem_free(fct_mem_heap(), e);
}
