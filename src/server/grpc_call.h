/* grpc_call.h - a gRPC call over an exchange: messages in and out, status, deadline. Layer: server.
 *
 * A service is a table of methods. The call owns |state|, which is zeroed before begin and freed
 * after closed. NULL functions of a method are not called. After finish only closed is called.
 */
#ifndef FCT_SERVER_GRPC_CALL_H
#define FCT_SERVER_GRPC_CALL_H

#include "server/server_int.h"
#include "wire/grpc.h"

struct fct_grpc_call;

struct fct_grpc_method {
    const char *path; /* "/package.Service/Method" */
    size_t state_size;
    bool streams_requests; /* false: exactly one message comes */
    bool bidirectional;    /* the client may keep its side open until the call ends */
    void (*begin)(struct fct_grpc_call *call);
    /* One message, borrowed during the call. */
    void (*message)(struct fct_grpc_call *call, factum_slice message);
    void (*end)(struct fct_grpc_call *call); /* the client sends nothing more */
    void (*writable)(struct fct_grpc_call *call);
    void (*closed)(struct fct_grpc_call *call);
};

struct fct_grpc_call {
    struct fct_server *server;
    const struct fct_principal *principal;
    struct fct_exchange *exchange;
    const struct fct_grpc_method *method;
    void *state;
    struct fct_grpc_deframer deframer;
    struct fct_timer deadline_timer;
    uint64_t deadline; /* for factum_call; 0: none */
    /* Scratch: messages are encoded and framed here, then sent by fct_grpc_send. */
    struct fct_buf out;
    size_t message_count;
    /* Bytes that the deframer has collected, counted in server->partial_size. */
    size_t partial_size;
    size_t held;       /* bytes of messages that are being processed */
    size_t unreleased; /* bytes of the body not released; at most |held| between calls */
    bool responded;
    bool finished;
};

/* Reduces the client's window by |size| until as many bytes are released. So the client cannot send
 * more unanswered messages than its window and one message that exceeds it. Only for messages that
 * are answered whatever the client does. */
void fct_grpc_hold(struct fct_grpc_call *call, size_t size);
void fct_grpc_release(struct fct_grpc_call *call, size_t size);

/* Sends the bytes in call->out, and clears it. */
void fct_grpc_send(struct fct_grpc_call *call);
/* The call may wait for long: frees the memory of call->out, whose bytes are sent. */
void fct_grpc_rest(struct fct_grpc_call *call);
/* Returns how many bytes may be sent now. */
size_t fct_grpc_room(const struct fct_grpc_call *call);
/* Ends the call. |fields| are further trailers; |text| is the message, empty: none. */
void fct_grpc_finish(struct fct_grpc_call *call, enum fct_grpc_code code, factum_slice text,
                     const struct fct_field *fields, size_t count);
void fct_grpc_finish_ok(struct fct_grpc_call *call);
/* Ends the call with the code and text of a failure of the store. */
void fct_grpc_fail(struct fct_grpc_call *call, factum_status status, const factum_error *err);
/* Ends the call because its principal lacks the right that |text| names. A caller without a login
 * is asked to log in. */
void fct_grpc_deny(struct fct_grpc_call *call, factum_slice text);
/* Checks that the call's principal may do |operation| to |stream|. Returns false after it has ended
 * the call. */
FCT_MUST_USE bool fct_grpc_allowed(struct fct_grpc_call *call, enum fct_operation operation,
                                   factum_slice stream);

/* The tables of all services; a NULL ends each. */
extern const struct fct_grpc_method *const fct_kurrent_streams_methods[];
extern const struct fct_grpc_method *const fct_kurrent_services_methods[];
extern const struct fct_grpc_method *const fct_store_methods[];
extern const struct fct_grpc_method *const fct_schemas_methods[];

#endif
