/* parked_deliveries.c - see parked_deliveries.h. Layer: cli. */
#include "cli/parked_deliveries.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/deploying.h"
#include "cli/parked_plan.h"

#define DELIVERIES_MAX 10000 /* as many as a server returns at once */

static const factum_slice empty = {NULL, 0};

struct deliveries {
    factum_store *store;
    factum_endpoints *endpoints; /* NULL: a server keeps them, or there is no endpoint */
    bool served;
};

/* Opens the file of the endpoints' host, without running a host. */
static factum_status deliveries_open(const struct read_models *models,
                                     struct deliveries *deliveries, factum_error *err)
{
    char file[PATH_MAX];
    *deliveries = (struct deliveries){.store = models->store, .served = models->path == NULL};
    const factum_endpoints_options options = {
        .size = sizeof options, .path = models->path, .no_run = true, .log = &messages};
    if (deliveries->served ||
        snprintf(file, sizeof file, "%s/endpoints.db", models->path) >= (int)sizeof file ||
        access(file, F_OK) != 0) {
        return FACTUM_OK;
    }
    return factum_endpoints_open(models->store, &options, &deliveries->endpoints, err);
}

static void deliveries_close(struct deliveries *deliveries)
{
    factum_endpoints_close(deliveries->endpoints);
}

/* ---- asking a server ------------------------------------------------------------------------- */

static bool take_delivery(struct served_answer *answer, uint32_t object, const void *data)
{
    const factum_endpoint_parked_each *each = data;
    const factum_endpoint_parked parked = {
        .size = sizeof parked,
        .service = served_text(answer, object, "service"),
        .key = served_text(answer, object, "key"),
        .command_id = served_text(answer, object, "commandId"),
        .position = served_number(answer, object, "position"),
        .reason = served_text(answer, object, "reason"),
        .attempts = served_number(answer, object, "attempts"),
        .since = served_time(answer, object, "since"),
        .may_be_done = served_bool(answer, object, "mayBeDone"),
    };
    return answer->lacks == NULL && each->each(each->data, &parked);
}

static factum_status each_served(struct served_answer *answer,
                                 const factum_endpoint_parked_each *each, factum_error *err)
{
    uint32_t list = served_member(answer, FACTUM_JSON_ROOT, "deliveries", FACTUM_JSON_ARRAY);
    if (list != FACTUM_JSON_NONE && served_bool(answer, FACTUM_JSON_ROOT, "more")) {
        *err = (factum_error){.status = FACTUM_TOO_BIG};
        (void)snprintf(
            err->text, sizeof err->text,
            "over %d deliveries are parked, and the server returns no more at once: name "
            "a key",
            DELIVERIES_MAX);
        return FACTUM_TOO_BIG;
    }
    return served_each(answer, "deliveries", take_delivery, each, err);
}

static factum_status served_deliveries(factum_store *store, factum_slice service, factum_slice key,
                                       const factum_endpoint_parked_each *each, factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    struct served_answer answer = {.len = 0};
    const struct served_question question = {.method = "GET", .target = target};
    (void)snprintf(target, sizeof target, "/api/v1/parked-deliveries?limit=%d%s%.*s%s",
                   DELIVERIES_MAX, service.len > 0 ? "&service=" : "", (int)service.len,
                   service.len > 0 ? (const char *)service.ptr : "", key.len > 0 ? "&key=" : "");
    if (!served_add_encoded(target, sizeof target, key)) {
        *err = (factum_error){.status = FACTUM_INVALID, .text = "the key is too long"};
        return FACTUM_INVALID;
    }
    factum_status status = served_ask(store, &question, &answer, err);
    if (status == FACTUM_OK) {
        status = each_served(&answer, each, err);
    }
    served_finish(&answer);
    return status;
}

/* The body of a skip, {"position", "reason", "by"}, or of a retry, {"key"}. NULL without memory;
 * the caller frees it. */
static char *served_act_body(factum_slice key, uint64_t position, const char *why, factum_slice by,
                             size_t *len)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, len);
    if (to == NULL) {
        return NULL;
    }
    if (why != NULL) {
        (void)fprintf(to, "{\"position\":%" PRIu64 ",\"reason\":", position);
        print_json_text(to, factum_slice_from(why));
        if (by.len > 0) {
            (void)fputs(",\"by\":", to);
            print_json_text(to, by);
        }
        (void)fputs("}", to);
    } else {
        (void)fputs(key.len > 0 ? "{\"key\":" : "{}", to);
        if (key.len > 0) {
            print_json_text(to, key);
            (void)fputs("}", to);
        }
    }
    if (fclose(to) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* |verb| is "retry" or "skip"; *number becomes the member |member| of the answer. */
static factum_status served_act(factum_store *store, const char *service, const char *verb,
                                char *body, size_t len, const char *member, uint64_t *number,
                                factum_error *err)
{
    char target[SERVED_TARGET_SIZE];
    struct served_answer answer = {.len = 0};
    const struct served_question question = {
        .method = "POST", .target = target, .body = {(const uint8_t *)body, len}, .once = true};
    if (body == NULL) {
        *err = (factum_error){.status = FACTUM_NO_MEMORY, .text = "out of memory"};
        return FACTUM_NO_MEMORY;
    }
    (void)snprintf(target, sizeof target, "/api/v1/endpoints/%s/%s", service, verb);
    factum_status status = served_ask(store, &question, &answer, err);
    if (status == FACTUM_OK) {
        *number = served_number(&answer, FACTUM_JSON_ROOT, member);
        status = served_check(&answer, err);
    }
    served_finish(&answer);
    free(body);
    return status;
}

/* ---- the list -------------------------------------------------------------------------------- */

static factum_status deliveries_each(struct deliveries *deliveries, factum_slice service,
                                     factum_slice key, const factum_endpoint_parked_each *each,
                                     factum_error *err)
{
    if (deliveries->served) {
        return served_deliveries(deliveries->store, service, key, each, err);
    }
    return deliveries->endpoints == NULL
               ? FACTUM_OK
               : factum_endpoints_parked(deliveries->endpoints, service, key, each, err);
}

int parked_deliveries_list(const struct read_models *models, factum_slice key,
                           const factum_endpoint_parked_each *each)
{
    factum_error err;
    struct deliveries deliveries;
    factum_status status = deliveries_open(models, &deliveries, &err);
    if (status == FACTUM_OK) {
        status = deliveries_each(&deliveries, empty, key, each, &err);
    }
    deliveries_close(&deliveries);
    /* A server that calls no endpoints has parked nothing. */
    bool none = deliveries.served && (status == FACTUM_UNSUPPORTED || status == FACTUM_NOT_FOUND);
    return status == FACTUM_OK || none || interrupted ? 0 : fail_with(status, &err);
}

/* ---- acts ------------------------------------------------------------------------------------ */

/* Accepts names that need no escapes in a path. False after a message. */
static bool check_service(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (len > 0 && len <= FACTUM_ENDPOINT_NAME_MAX && text[len] == '\0') {
        return true;
    }
    (void)complain("\"%s\" is not a service's name: that is a-z, 0-9 and _, at most %d bytes", text,
                   FACTUM_ENDPOINT_NAME_MAX);
    return false;
}

static int none_parked(const char *service)
{
    (void)complain("no parked delivery of %s matches: factum parked list shows all of them",
                   service);
    return EXIT_NOT_FOUND;
}

static factum_status retry_planned(struct deliveries *deliveries, const char *service,
                                   factum_slice key, uint64_t *count, factum_error *err)
{
    if (deliveries->served) {
        size_t len = 0;
        char *body = served_act_body(key, 0, NULL, empty, &len);
        return served_act(deliveries->store, service, "retry", body, len, "retried", count, err);
    }
    return factum_endpoints_retry(deliveries->endpoints, factum_slice_from(service), key, count,
                                  err);
}

static int retry_plan(const struct options *options, struct deliveries *deliveries,
                      struct plan *plan, factum_slice key)
{
    uint64_t count = 0;
    factum_error err;
    const char *service = options->arguments[0];
    bool verbose = !options->json && !options->quiet;
    if (plan->no_memory) {
        (void)complain("out of memory");
        return EXIT_FAILURE_;
    }
    if (plan->count == 0) {
        return none_parked(service);
    }
    if (verbose) {
        parked_plan_print(plan, service);
    }
    factum_status status = retry_planned(deliveries, service, key, &count, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    if (options->json) {
        parked_plan_print_json(plan, service, count, deliveries->served);
    } else if (verbose && !deliveries->served) {
        (void)printf("nothing is delivered by this command: a host of the endpoints does it, as "
                     "factum serve\n");
    }
    return 0;
}

static int retry_deliveries(const struct options *options, const struct read_models *models,
                            factum_slice key)
{
    factum_error err;
    struct deliveries deliveries;
    struct plan plan = {.count = 0};
    const factum_endpoint_parked_each each = {&plan, parked_plan_row};
    factum_status status = deliveries_open(models, &deliveries, &err);
    if (status == FACTUM_OK) {
        status = deliveries_each(&deliveries, factum_slice_from(options->arguments[0]), key, &each,
                                 &err);
    }
    int code = status == FACTUM_OK && !interrupted ? retry_plan(options, &deliveries, &plan, key)
               : interrupted                       ? EXIT_INTERRUPTED
                                                   : fail_with(status, &err);
    deliveries_close(&deliveries);
    parked_plan_free(&plan);
    return code;
}

int parked_deliveries_retry(const struct options *options)
{
    struct read_models models;
    const char *key = options->argument_count > 1 ? options->arguments[1] : NULL;
    if (!check_service(options->arguments[0])) {
        return EXIT_USAGE;
    }
    if (options->why != NULL || options->by != NULL) {
        return complain("a retry of deliveries is not recorded: it takes no --why and no --by");
    }
    int code = read_models_open(options, &models);
    return code != 0 ? code
                     : read_models_close(&models, finish_output(retry_deliveries(
                                                      options, &models, factum_slice_from(key))));
}

struct position_search {
    uint64_t position;
    bool found;
};

static bool look_for_position(void *data, const factum_endpoint_parked *parked)
{
    struct position_search *search = data;
    search->found = parked->position == search->position;
    return !search->found;
}

/* In a directory. NOT_FOUND if the delivery at the position belongs to another service. */
static factum_status skip_here(const struct options *options, struct deliveries *deliveries,
                               uint64_t position, factum_error *err)
{
    char *why = NULL;
    size_t len = 0;
    struct position_search search = {.position = position};
    const factum_endpoint_parked_each each = {&search, look_for_position};
    factum_slice by = who_acts(options);
    factum_status status =
        deliveries_each(deliveries, factum_slice_from(options->arguments[0]), empty, &each, err);
    if (status != FACTUM_OK) {
        return status;
    }
    FILE *to = search.found ? open_memstream(&why, &len) : NULL;
    if (to == NULL) {
        status = search.found ? FACTUM_NO_MEMORY : FACTUM_NOT_FOUND;
        *err = (factum_error){.status = status};
        (void)snprintf(err->text, sizeof err->text,
                       search.found
                           ? "out of memory"
                           : "no parked delivery matches: factum parked list shows all of them");
        return status;
    }
    (void)fprintf(to, "%s (by %.*s)", options->why, (int)by.len, (const char *)by.ptr);
    (void)fclose(to);
    status = factum_endpoints_skip(deliveries->endpoints, position, factum_slice_from(why), err);
    free(why);
    return status;
}

static int skip_delivery(const struct options *options, const struct read_models *models,
                         uint64_t position)
{
    factum_error err;
    struct deliveries deliveries;
    uint64_t skipped = position;
    size_t len = 0;
    factum_status status = deliveries_open(models, &deliveries, &err);
    if (status == FACTUM_OK && deliveries.served) {
        char *body = served_act_body(empty, position, options->why, who_acts(options), &len);
        status = served_act(models->store, options->arguments[0], "skip", body, len, "skipped",
                            &skipped, &err);
    } else if (status == FACTUM_OK) {
        status = skip_here(options, &deliveries, position, &err);
    }
    deliveries_close(&deliveries);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    if (options->json) {
        (void)printf("{\"service\":\"%s\",\"skipped\":%" PRIu64 "}\n", options->arguments[0],
                     skipped);
    } else if (!options->quiet) {
        (void)printf("the delivery at position %" PRIu64 " is skipped; later ones of its key go "
                     "on\n",
                     skipped);
    }
    return 0;
}

int parked_deliveries_skip(const struct options *options)
{
    struct read_models models;
    uint64_t position = 0;
    if (!check_service(options->arguments[0]) ||
        !argument_position(options->arguments[1], &position)) {
        return EXIT_USAGE;
    }
    int code = read_models_open(options, &models);
    return code == 0 ? read_models_close(&models,
                                         finish_output(skip_delivery(options, &models, position)))
                     : code;
}
