/* kurrent_features.c - see kurrent_features.h. Layer: wire. */
#include "wire/kurrent_features.h"

#include <string.h>

#include "core/slice.h"
#include "wire/kurrent_int.h"

static void features_add_words(struct fct_pb_writer *writer, uint32_t number, const char *words)
{
    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        fct_pb_add_bytes(writer, number, fct_slice(words, len));
        words += len + (words[len] == ' ');
    }
}

factum_status fct_kurrent_encode_methods(struct fct_buf *buf,
                                         const struct fct_kurrent_method *methods, size_t count,
                                         const char *version)
{
    struct fct_grpc_message reply = fct_grpc_message_begin(buf);
    for (size_t i = 0; i < count; i++) {
        size_t begun = fct_pb_begin(&reply.writer, 1);
        fct_pb_put_bytes(&reply.writer, 1, factum_slice_from(methods[i].method));
        fct_pb_put_bytes(&reply.writer, 2, factum_slice_from(methods[i].service));
        if (methods[i].features != NULL) {
            features_add_words(&reply.writer, 3, methods[i].features);
        }
        fct_pb_end(&reply.writer, begun);
    }
    fct_pb_put_bytes(&reply.writer, 2, factum_slice_from(version));
    return fct_grpc_message_end(&reply);
}
