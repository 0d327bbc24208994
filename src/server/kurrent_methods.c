/* kurrent_methods.c - the table of KurrentDB's service Streams. Layer: server. */
#include "server/kurrent_int.h"

const struct fct_grpc_method *const fct_kurrent_streams_methods[] = {
    &fct_kurrent_append_method,    &fct_kurrent_batch_method, &fct_kurrent_delete_method,
    &fct_kurrent_tombstone_method, &fct_kurrent_read_method,  NULL,
};
