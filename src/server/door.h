/* door.h - the first look at a request: who asks, and which service answers. Layer: server. */
#ifndef FCT_SERVER_DOOR_H
#define FCT_SERVER_DOOR_H

#include "server/server_int.h"

/* Sets the exchange's handler, and everything follows from there. */
void fct_door_begin(struct fct_server *server, struct fct_exchange *exchange);

#endif
