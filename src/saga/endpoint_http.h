/* endpoint_http.h - requests to endpoints, many at a time, by libcurl. Layer: saga. The one file of
 * the layer that uses the network.
 *
 * Invariants:
 * 1. A socket is created only after the address that libcurl is about to connect to was checked:
 *    the result of an earlier look-up of the name does not count.
 * 2. No redirect is followed; no proxy, cookie, .netrc or environment variable is used;
 *    certificates are verified.
 * 3. A request is sent at most once, and a request of which no byte was sent is reported as such.
 * 4. An answer uses no more memory than |answer_size_max| and 64 KiB of headers, and no more time
 *    than the request's timeout; once it has begun, it ends within ANSWER_MS.
 *
 * One thread, except for fct_http_wake.
 */
#ifndef FCT_SAGA_ENDPOINT_HTTP_H
#define FCT_SAGA_ENDPOINT_HTTP_H

#include <factum/endpoint.h>

#include "core/compiler.h"
#include "saga/endpoint_rules.h"

struct fct_http;

struct fct_http_options {
    const factum_slice *allow; /* must outlive the client, as |ca_file| */
    size_t allow_count;
    bool allow_private;
    const char *ca_file; /* or NULL */
    size_t answer_size_max;
};
FCT_MUST_USE factum_status fct_http_open(const struct fct_http_options *options,
                                         struct fct_http **http, factum_error *err);
/* Ends requests under way without an answer; |forget| gets their |data|. Accepts NULL. */
void fct_http_close(struct fct_http *http, void (*forget)(void *data));

struct fct_http_request {
    factum_slice url;
    uint32_t timeout_ms;
    const char *const *headers; /* "Name: value"; copied */
    size_t header_count;
    factum_slice body; /* must last until the request ends */
    void *data;        /* returned with the answer */
};
/* Errors: INVALID (the URL), DENIED (the URL is not on the list of allowed places), NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_start(struct fct_http *http,
                                          const struct fct_http_request *request,
                                          factum_error *err);
/* Works on the requests, and waits for an event at most |timeout_ms|. */
void fct_http_wait(struct fct_http *http, int timeout_ms);
/* Any thread. */
void fct_http_wake(struct fct_http *http);

struct fct_http_flight; /* a request */
/* Returns a request that has ended, or NULL. *answer borrows from it until fct_http_end. */
struct fct_http_flight *fct_http_ended(struct fct_http *http, struct fct_http_reply *answer,
                                       void **data);
void fct_http_end(struct fct_http *http, struct fct_http_flight *flight);

#endif
