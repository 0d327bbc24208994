/* endpoint_url.h - the URL of an endpoint. Layer: saga.
 *
 * libcurl parses URLs here and in the delivery, so that the checked place is the place that is
 * called.
 */
#ifndef FCT_SAGA_ENDPOINT_URL_H
#define FCT_SAGA_ENDPOINT_URL_H

#include <factum/endpoint.h>

#include "saga/endpoint_rules.h"

struct fct_endpoint_url {
    char text[FACTUM_ENDPOINT_URL_MAX + 1]; /* as libcurl writes it */
    char host[256];
    struct fct_endpoint_place place; /* its host points to |host| */
};
/* |url| must not move. Errors: INVALID (not http or https; a user, a password or a fragment;
 * forbidden bytes; not a URL), NO_MEMORY. */
FCT_MUST_USE factum_status fct_endpoint_url_read(factum_slice text, struct fct_endpoint_url *url,
                                                 factum_error *err);

#endif
