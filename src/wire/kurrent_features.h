/* kurrent_features.h - the answer of the KurrentDB service ServerFeatures: the supported
 * methods. Layer: wire. Source: proto/kurrent/server_features.proto. */
#ifndef FCT_WIRE_KURRENT_FEATURES_H
#define FCT_WIRE_KURRENT_FEATURES_H

#include <factum/base.h>

#include "core/buf.h"

/* Names are lower case: some clients compare them exactly. */
struct fct_kurrent_method {
    const char *service;  /* "event_store.client.streams.streams" */
    const char *method;   /* "batchappend" */
    const char *features; /* words separated by one space: "stream all"; NULL: none */
};

/* Appends SupportedMethods with its gRPC frame. |version| has three numbers, "24.10.0": clients
 * compare it. After a failure |buf| is as before. Errors: NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_kurrent_encode_methods(struct fct_buf *buf,
                                                      const struct fct_kurrent_method *methods,
                                                      size_t count, const char *version);

#endif
