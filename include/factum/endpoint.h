/* endpoint.h - participants of sagas that are HTTP endpoints: deployed, and called.
 *
 * An *endpoint* is the URL of a service. A host of endpoints delivers each command of that service,
 * an event of the category "command:SERVICE", to the URL, and appends the endpoint's answer as the
 * reply. Guide, with requests and the meaning of answers: docs/guide/endpoints.md.
 *
 *     const factum_endpoint stock = {.size = sizeof stock, .service = factum_slice_from("stock"),
 *         .url = factum_slice_from("https://stock.example.com/commands")};
 *     status = factum_endpoint_deploy(store, &stock, NULL, NULL, &err);
 *     ...
 *     const factum_slice allow[] = {factum_slice_from("stock.example.com")};
 *     const factum_endpoints_options options = {.size = sizeof options,
 *         .path = "orders.factum/models", .allow = allow, .allow_count = 1};
 *     status = factum_endpoints_open(store, &options, &endpoints, &err);
 *     ...
 *     factum_endpoints_close(endpoints);
 *
 * A command is delivered at least once, always with its id as Idempotency-Key. Commands of one
 * stream, which is that of one saga and service, are delivered one after another. A command that
 * cannot be delivered for long is *parked*; the later commands of its stream then wait for an
 * operator.
 *
 * Link libfactum-saga (pkg-config factum-saga). Valid C99 and C++17. Any thread may call these
 * functions. Rules of sizes, statuses and pointers: store.h. */
#ifndef FACTUM_ENDPOINT_H
#define FACTUM_ENDPOINT_H

#include <factum/projection.h>
#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_ENDPOINT_NAME_MAX 63  /* bytes of a service or a secret: [a-z][a-z0-9_]* */
#define FACTUM_ENDPOINT_URL_MAX 2000 /* bytes of a URL */

/* ---- deploying ------------------------------------------------------------------------------- */

typedef struct factum_endpoint {
    size_t size;
    factum_slice service;
    /* http or https, without a user, a password or a fragment: it stays in the log for ever. */
    factum_slice url;
    factum_slice secret; /* the NAME of the secret that signs; the host knows it. Empty: no
                            signature */
    uint32_t timeout_ms; /* of a delivery as a whole; 0: 30,000, at most 300,000 */
    uint32_t parallel;   /* deliveries at the same time; 0: 4, at most 32 */
} factum_endpoint;

/* Appends "$EndpointDeployed" to "$definition:endpoint-SERVICE". The endpoint gets the commands
 * that are recorded after that event. If the service had an endpoint before, it also gets the
 * commands that still wait, and it is enabled. |options| and |result| are optional.
 * Errors: INVALID (the text says what is wrong), WRONG_REVISION (another caller has just changed
 * it), and those of factum_read and factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_endpoint_deploy(factum_store *store,
                                                                const factum_endpoint *endpoint,
                                                                const factum_act_options *options,
                                                                factum_act_result *result,
                                                                factum_error *err);

typedef enum factum_endpoint_act {
    FACTUM_ENDPOINT_ENABLE = 1,  /* its commands are delivered again */
    FACTUM_ENDPOINT_DISABLE = 2, /* its commands wait. An answer 410 disables it too */
    FACTUM_ENDPOINT_REMOVE = 3   /* its waiting commands are dropped; it gets no others */
} factum_endpoint_act;

/* Called before an endpoint is removed: returns OK, or a status below 0 with the reason against
 * it. */
typedef struct factum_endpoint_guard {
    void *data;
    factum_status (*may_remove)(void *data, factum_slice service, factum_error *err);
} factum_endpoint_guard;

typedef struct factum_endpoint_act_request {
    size_t size;
    factum_endpoint_act act;
    factum_slice service;
    const factum_act_options *options;  /* or NULL */
    const factum_endpoint_guard *guard; /* of REMOVE; NULL: it is removed in any case */
} factum_endpoint_act_request;

/* Appends "$EndpointEnabled", "$EndpointDisabled" or "$EndpointRemoved". |result| is optional.
 * Errors: NOT_FOUND (the service has no endpoint), the status of the guard, and those of
 * factum_endpoint_deploy. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_endpoint_act_record(factum_store *store, const factum_endpoint_act_request *request,
                           factum_act_result *result, factum_error *err);

/* An endpoint, as folded from the events of its stream. */
typedef struct factum_endpoint_state {
    size_t size;
    factum_slice service;
    factum_slice url;
    factum_slice secret;
    uint32_t timeout_ms;
    uint32_t parallel;
    bool disabled;
    bool removed;
    factum_slice why; /* of the newest event */
    factum_slice by;
    int64_t created; /* of the newest event */
    uint64_t revision;
    uint64_t position;
} factum_endpoint_state;

typedef struct factum_endpoint_each {
    void *data;
    /* |state| lasts for the call only; false ends the list. */
    bool (*each)(void *data, const factum_endpoint_state *state);
} factum_endpoint_each;

/* Calls |each| with the endpoint of |service|, or with all if it is empty, removed ones included.
 * Errors: NOT_FOUND (|service| never had one), CORRUPT (the stream has an event that is not of an
 * endpoint), and those of factum_list_open and factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_endpoint_list(factum_store *store,
                                                              factum_slice service,
                                                              const factum_endpoint_each *each,
                                                              factum_error *err);

/* ---- calling --------------------------------------------------------------------------------- */

typedef struct factum_endpoints factum_endpoints;

typedef struct factum_endpoint_secret {
    factum_slice name;
    factum_slice secret; /* 16 to 1,024 bytes */
} factum_endpoint_secret;

typedef struct factum_endpoints_options {
    size_t size;
    const char *path; /* the directory of endpoints.db, the list of waiting commands; created if
                         missing */
    /* The hosts that may be called, each "HOST" (the port of the scheme), "HOST:PORT" or "*.DOMAIN"
     * with or without a port. None: nothing is called. A host that resolves to a loopback, private,
     * link-local or reserved address is refused, unless it is listed as that address
     * ("127.0.0.1:8080", "[::1]:8080"). */
    const factum_slice *allow;
    size_t allow_count;
    bool allow_private; /* hosts listed by name may be loopback and private addresses; never
                           link-local or reserved ones */
    const factum_endpoint_secret *secrets; /* copied, and wiped by the close */
    size_t secret_count;
    const char *ca_file;        /* certificates that are trusted; NULL: the system's */
    uint32_t answer_size_max;   /* bytes of an answer's body; 0: 64 KiB, at most 1 MiB */
    uint32_t attempts_max;      /* of a command before it is parked; 0: no limit */
    uint64_t give_up_ms;        /* from its first attempt until it is parked; 0: 3 days */
    uint32_t retry_first_ms;    /* the longest first pause; 0: 500 */
    uint32_t retry_last_ms;     /* the longest pause; 0: 300,000 */
    const factum_log_sink *log; /* copied; NULL: silent */
    bool no_run; /* nothing is delivered: to list parked commands and to act on them */
} factum_endpoints_options;

/* Delivers commands of |store|, which must stay open longer, on threads of its own. One host at a
 * time for a store. *endpoints gets the host, which is yours until factum_endpoints_close; NULL on
 * failure.
 * Errors: INVALID, LOCKED (another process uses |path|), IO, NO_SPACE, NO_MEMORY, CORRUPT
 * (endpoints.db: it may be deleted; commands without an answer are then delivered again). */
FACTUM_API FACTUM_MUST_USE factum_status
factum_endpoints_open(factum_store *store, const factum_endpoints_options *options,
                      factum_endpoints **endpoints, factum_error *err);
/* Frees |endpoints|. Deliveries under way are cancelled, and repeated after the next open. Accepts
 * NULL. Before the store is closed. */
FACTUM_API void factum_endpoints_close(factum_endpoints *endpoints);

/* One service, as the host sees it. */
typedef struct factum_endpoint_status {
    size_t size;
    factum_slice service;
    factum_slice url;
    bool disabled;
    uint64_t waiting; /* commands to be delivered */
    uint64_t parked;
    uint64_t delivered;   /* accepted commands, not answered yet as far as this host knows */
    int64_t not_before;   /* the endpoint asked for a pause until then; 0: none */
    factum_slice problem; /* of the newest failed delivery since the last success; or empty */
} factum_endpoint_status;

typedef struct factum_endpoint_status_each {
    void *data;
    bool (*each)(void *data, const factum_endpoint_status *status);
} factum_endpoint_status_each;

/* Calls |each| with the endpoints, in the order of their services. Errors: BUSY, IO, CORRUPT,
 * NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_endpoints_status(
    factum_endpoints *endpoints, const factum_endpoint_status_each *each, factum_error *err);

/* ---- parked commands ------------------------------------------------------------------------- */

typedef struct factum_endpoint_parked {
    size_t size;
    factum_slice service;
    factum_slice key; /* the command's stream */
    factum_slice command_id;
    uint64_t position; /* of the command */
    factum_slice reason;
    uint64_t attempts;
    int64_t since;    /* of the first attempt */
    bool may_be_done; /* the outcome of an attempt is not known */
} factum_endpoint_parked;

typedef struct factum_endpoint_parked_each {
    void *data;
    bool (*each)(void *data, const factum_endpoint_parked *parked);
} factum_endpoint_parked_each;

/* Calls |each| with the parked commands of |service| (empty: all) and |key| (empty: all), in the
 * order of their positions. Errors: those of factum_endpoints_status. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_endpoints_parked(factum_endpoints *endpoints, factum_slice service, factum_slice key,
                        const factum_endpoint_parked_each *each, factum_error *err);
/* Delivers the parked commands of |service| and |key|, chosen as above, again, each before the
 * later ones of its key. *count, optional, is how many they are. Errors: those of
 * factum_endpoints_status. */
FACTUM_API FACTUM_MUST_USE factum_status factum_endpoints_retry(factum_endpoints *endpoints,
                                                                factum_slice service,
                                                                factum_slice key, uint64_t *count,
                                                                factum_error *err);
/* Gives up the parked command at |position|; later ones of its key go on. The saga gets the reply
 * "CommandFailed" with the code "skipped" and |why|. A do that may have been done gets no reply:
 * the saga undoes it, as after silence.
 * Errors: NOT_FOUND (it is not parked), and those of factum_append and factum_endpoints_status. */
FACTUM_API FACTUM_MUST_USE factum_status factum_endpoints_skip(factum_endpoints *endpoints,
                                                               uint64_t position, factum_slice why,
                                                               factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
