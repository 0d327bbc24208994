/* rights.h - who may do what: the one table, and the check that every call makes. Layer: server.
 *
 * Deny by default: an operation without a line in the table does not compile, a principal without
 * the right is refused. The principals are the admin, everybody on a server without security (who
 * is the admin, too), and nobody.
 *
 * The right is that of the stream that is really touched:
 *
 *   $$x              is x's metadata: reading it is READ_METADATA of x, appending to it or deleting
 *                    it WRITE_METADATA of x; $$$x is that of the system stream $x
 *   $ce-x $et-x $bc-x  show events of other streams: READ_STREAM of them needs the right of a plain
 *                    stream, unless x begins with '$'; for every other operation they are system
 *                    streams. A principal that is not the admin gets them without the events of
 *                    system streams (skip_system of the request)
 *   $all             contains the events of system streams, so it is a system stream; reading it is
 *                    READ_ALL. READ_ALL without a stream is a read of many streams that leaves
 *                    system streams out (skip_system)
 *   any other $x     is a system stream
 *
 * Operations on schemas are checked with a subject, "order/OrderPlaced", in place of a stream.
 *
 * DEPLOY is checked with a category: code enters the server. The admin has that right over the UNIX
 * socket, or if the server was started with allow_deploy, and not otherwise: a proxy makes every
 * caller local, and a stolen secret should not allow to run code. The streams "$definition:..."
 * contain code, so changing one (APPEND, DELETE, WRITE_METADATA) needs the right to deploy over
 * every protocol.
 *
 * Operations on read models are checked with "$model:NAME": QUERY_MODEL its rows, READ_MODELS its
 * progress and its parked events, READ_PROJECTIONS its definition. Every reader has these rights,
 * because its deployment decided what a model shows. ACT_ON_MODEL is the admin's: a retry or skip
 * of a parked event brings no code, but a skipped event is missing in the model. All other acts are
 * DEPLOY, like the deployment of a projection.
 *
 * The streams of sagas, "saga:...", are written by their host, and contain what it will do:
 * changing one, or its metadata, needs the right to deploy, too. A program that hosts sagas over a
 * connection has that right. Operations on sagas are checked with the saga's name: every reader has
 * READ_SAGAS; ACT_ON_SAGA is the admin's, because it sends commands but brings no code. They are
 * also checked with a service: its parked commands, and their retry or skip.
 *
 * REGISTER_SCHEMA is the admin's: a schema decides what every writer may append. A check is the
 * admin's, too, because it reads all events of the type and quotes from one.
 */
#ifndef FCT_SERVER_RIGHTS_H
#define FCT_SERVER_RIGHTS_H

#include <factum/base.h>

#include "core/compiler.h"

/* Operation, the right that it needs on a plain stream or on no stream, and the right that it needs
 * on a system stream ("$..."). */
#define FCT_OPERATION_LIST(X)                                                                      \
    X(READ_STREAM, READ, ADMIN)                                                                    \
    X(READ_ALL, READ, ADMIN)                                                                       \
    X(APPEND, WRITE, ADMIN)                                                                        \
    X(DELETE, WRITE, ADMIN)                                                                        \
    X(READ_METADATA, READ, ADMIN)                                                                  \
    X(WRITE_METADATA, WRITE, ADMIN)                                                                \
    X(LIST, READ, READ)                                                                            \
    X(INFO, READ, READ)                                                                            \
    X(VERIFY, ADMIN, ADMIN)                                                                        \
    X(BACKUP, ADMIN, ADMIN)                                                                        \
    X(METRICS, READ, READ)                                                                         \
    X(HEALTH, NONE, NONE)                                                                          \
    X(FEATURES, NONE, NONE)                                                                        \
    X(DEPLOY, DEPLOY, DEPLOY)                                                                      \
    X(READ_DECIDERS, READ, READ)                                                                   \
    X(READ_SCHEMAS, READ, READ)                                                                    \
    X(REGISTER_SCHEMA, ADMIN, ADMIN)                                                               \
    X(QUERY_MODEL, READ, READ)                                                                     \
    X(READ_MODELS, READ, READ)                                                                     \
    X(READ_PROJECTIONS, READ, READ)                                                                \
    X(ACT_ON_MODEL, ADMIN, ADMIN)                                                                  \
    X(READ_SAGAS, READ, READ)                                                                      \
    X(ACT_ON_SAGA, ADMIN, ADMIN)

enum fct_operation {
#define FCT_OPERATION_ENUM(name, plain, system) FCT_OP_##name,
    FCT_OPERATION_LIST(FCT_OPERATION_ENUM)
#undef FCT_OPERATION_ENUM
        FCT_OP_COUNT
};

/* Each right includes those before it. */
enum fct_right {
    FCT_RIGHT_NONE,
    FCT_RIGHT_READ,
    FCT_RIGHT_WRITE,
    FCT_RIGHT_ADMIN,
    FCT_RIGHT_DEPLOY
};

/* Who asks. */
struct fct_principal {
    enum fct_right right;
    factum_slice name; /* "admin", "anonymous"; lasts as long as its exchange */
};

/* Checks that |principal| may do |operation| to |stream|, which is empty for an operation without a
 * stream, and may be any bytes. Errors: DENIED (the text names operation, stream and principal). */
FCT_MUST_USE factum_status fct_rights_check(const struct fct_principal *principal,
                                            enum fct_operation operation, factum_slice stream,
                                            factum_error *err);
/* "APPEND" */
const char *fct_operation_name(enum fct_operation operation);

#endif
