/* endpoint_http.h - requests to endpoints, many at a time, by libcurl. Layer: saga.
 *
 * The one file of the layer that reaches the network. Invariants:
 * - a socket is made only after the address that libcurl is about to connect to was judged: what a
 *   name meant when somebody looked it up before does not count;
 * - no redirect is followed, no proxy, cookie, .netrc or variable of the environment is used, and
 *   certificates are verified;
 * - a request is sent at most once: one that was not, is told apart with certainty;
 * - an answer takes no more memory than |answer_size_max| and 64 KiB of headers, and no more time
 *   than the request's timeout; once it has begun, it ends within ANSWER_MS.
 *
 * One thread, but for fct_http_wake.
 */
#ifndef FCT_SAGA_ENDPOINT_HTTP_H
#define FCT_SAGA_ENDPOINT_HTTP_H

#include <factum/endpoint.h>

#include "core/compiler.h"
#include "saga/endpoint_rules.h"

struct fct_http;

struct fct_http_options {
    const factum_slice *allow; /* must last, as |ca_file| */
    size_t allow_count;
    bool allow_private;
    const char *ca_file; /* or NULL */
    size_t answer_size_max;
};
FCT_MUST_USE factum_status fct_http_open(const struct fct_http_options *options,
                                         struct fct_http **http, factum_error *err);
/* Ends requests under way without an answer; their |data| is given to |forget|. Accepts NULL. */
void fct_http_close(struct fct_http *http, void (*forget)(void *data));

struct fct_http_request {
    factum_slice url;
    uint32_t timeout_ms;
    const char *const *headers; /* "Name: value"; copied */
    size_t header_count;
    factum_slice body; /* must last until the request ends */
    void *data;        /* given back with the answer */
};
/* INVALID: the URL. DENIED: the URL is not on the list of what may be called. NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_start(struct fct_http *http,
                                          const struct fct_http_request *request,
                                          factum_error *err);
/* Works on the requests, and waits for something to happen: at most |timeout_ms|. */
void fct_http_wait(struct fct_http *http, int timeout_ms);
/* Any thread. */
void fct_http_wake(struct fct_http *http);

struct fct_http_flight; /* a request */
/* A request that has ended, or NULL. *answer borrows from it until fct_http_end. */
struct fct_http_flight *fct_http_ended(struct fct_http *http, struct fct_http_reply *answer,
                                       void **data);
void fct_http_end(struct fct_http *http, struct fct_http_flight *flight);

#endif
