/* store_calls.h - what the methods of factum.v1.Store and Schemas share. Layer: server.
 *
 * Source: proto/factum/v1/store.proto. A call ends with the status and text of the store: the gRPC
 * code is derived, and the trailers factum-status and factum-os-error contain the rest.
 */
#ifndef FCT_SERVER_STORE_CALLS_H
#define FCT_SERVER_STORE_CALLS_H

#include "server/grpc_call.h"
#include "wire/store_shared.h"

void fct_store_call_fail(struct fct_grpc_call *call, factum_status status, const factum_error *err);
/* Ends the call with a code other than that of |status|. */
void fct_store_call_fail_as(struct fct_grpc_call *call, enum fct_grpc_code code,
                            factum_status status, const factum_error *err);
void fct_store_call_no_memory(struct fct_grpc_call *call);
/* Ends the call: sends the answer in call->out if |status|, that of its encoding, is OK. */
void fct_store_call_answer(struct fct_grpc_call *call, factum_status status);
/* Returns the deadline and the principal of a call; lasts as long as the call. */
factum_call fct_store_call_context(const struct fct_grpc_call *call);
/* Checks that the call's principal may read this, and sets |skip_system| for a principal that may
 * not see system streams. Returns false after it has ended the call. */
FCT_MUST_USE bool fct_store_call_may_read(struct fct_grpc_call *call, factum_source source,
                                          factum_slice name, bool *skip_system);

/* store_ask.c */
extern const struct fct_grpc_method fct_store_open_method;
extern const struct fct_grpc_method fct_store_ask_method;
/* store_append.c */
extern const struct fct_grpc_method fct_store_append_method;
/* store_read.c */
extern const struct fct_grpc_method fct_store_read_method;
/* store_news.c */
extern const struct fct_grpc_method fct_store_news_method;
/* store_list.c */
extern const struct fct_grpc_method fct_store_list_method;
/* store_upkeep.c */
extern const struct fct_grpc_method fct_store_verify_method;
extern const struct fct_grpc_method fct_store_backup_method;

#endif
