/* dispatch.h - authenticates a request and passes it to the service that answers. Layer: server. */
#ifndef FCT_SERVER_DISPATCH_H
#define FCT_SERVER_DISPATCH_H

#include "server/server_int.h"

/* Sets the exchange's handler. Everything else follows from calls of the handler. */
void fct_dispatch_begin(struct fct_server *server, struct fct_exchange *exchange);

#endif
