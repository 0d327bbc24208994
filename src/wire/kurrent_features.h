/* kurrent_features.h - the answer of the KurrentDB service ServerFeatures: which methods there are.
 * Layer: wire. Source: proto/kurrent/server_features.proto.
 */
#ifndef FCT_WIRE_KURRENT_FEATURES_H
#define FCT_WIRE_KURRENT_FEATURES_H

#include <factum/base.h>

#include "core/buf.h"

/* Names are lower case: some clients compare them exactly. */
struct fct_kurrent_method {
    const char *service;  /* "event_store.client.streams.streams" */
    const char *method;   /* "batchappend" */
    const char *features; /* words with one space between them: "stream all"; NULL: none */
};

/* SupportedMethods with its gRPC frame. |version| has three numbers, "24.10.0": clients compare it.
 * NO_MEMORY, TOO_BIG: |buf| is as before. */
FCT_MUST_USE factum_status fct_kurrent_encode_methods(struct fct_buf *buf,
                                                      const struct fct_kurrent_method *methods,
                                                      size_t count, const char *version);

#endif
