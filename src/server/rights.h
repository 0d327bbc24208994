/* rights.h - who may do what: the one table, and the question that every call asks. Layer: server.
 *
 * Deny by default: an operation without a line in the table does not compile, a principal without
 * the right is refused. Named users and ACLs fill the table later; today there are the admin,
 * whoever a server without security lets in (the admin too), and nobody.
 *
 * The right is that of the stream that is really touched:
 *   $$x              is x's metadata: reading it is READ_METADATA of x, appending to it or deleting
 *                    it WRITE_METADATA of x; $$$x is that of the system stream $x
 *   $ce-x $et-x $bc-x  show events of other streams, so that READ_STREAM of them is as of a plain
 *                    stream, unless x begins with '$'; for every other operation they are system
 *                    streams. Whoever is no admin gets them without the events of system streams
 *                    (skip_system of the request)
 *   $all             holds the events of system streams too, and so is a system stream; reading it
 *                    is READ_ALL. READ_ALL without a stream is a read of many streams that leaves
 *                    those out (skip_system)
 *   any other $x     is a system stream
 *
 * The operations on schemas are asked with a subject, "order/OrderPlaced", in place of a stream.
 * DEPLOY is asked with a category: code enters the server. The admin has that right over the UNIX
 * socket, or if the server was started with allow_deploy, and not otherwise: a proxy makes every
 * caller local, and a stolen secret should not be able to run code. The streams "$definition:..."
 * are where code lies, so changing one (APPEND, DELETE, WRITE_METADATA) needs the right to deploy
 * through every protocol.
 * The operations on read models are asked with "$model:NAME": QUERY_MODEL its rows, READ_MODELS
 * how far it has come and what is parked, READ_PROJECTIONS its definition. All are for whoever
 * reads, because what a model shows was decided when it was deployed. ACT_ON_MODEL is the admin's:
 * to retry or skip a parked event brings no code, but a skipped event is missing in the model. All
 * other acts are DEPLOY, as the deployment of a projection is.
 * The streams of sagas, "saga:...", are written by what runs them, and hold what it will do:
 * changing one needs the right to deploy too, also of its metadata. A program that hosts sagas over
 * a connection has that right. The operations on sagas are asked with the saga's name: READ_SAGAS
 * is for whoever reads; ACT_ON_SAGA is the admin's, as it sends commands and brings no code. They
 * are asked with a service too: what is parked of its commands, and to retry or skip that.
 * REGISTER_SCHEMA is the admin's: a schema decides what every writer may append. A check is, too,
 * because it reads all events of the type and quotes from one.
 */
#ifndef FCT_SERVER_RIGHTS_H
#define FCT_SERVER_RIGHTS_H

#include <factum/base.h>

#include "core/compiler.h"

/* Operation, and the right that it needs on a plain stream or on no stream, and on one of the
 * system ("$..."). */
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

/* Each includes those before it. */
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

/* OK or DENIED, with a text that names operation, stream and principal. |stream| is empty for what
 * touches none; it may be any bytes. */
FCT_MUST_USE factum_status fct_rights_check(const struct fct_principal *principal,
                                            enum fct_operation operation, factum_slice stream,
                                            factum_error *err);
/* "APPEND" */
const char *fct_operation_name(enum fct_operation operation);

#endif
