/* deciders.h - the deployed deciders that the server has opened: one for a category, as long as its
 * definition stays. Layer: server. Any thread. */
#ifndef FCT_SERVER_DECIDERS_H
#define FCT_SERVER_DECIDERS_H

#include <factum/deploy.h>

#include "server/server_int.h"

/* An opened decider that somebody uses: it stays while it is used, also when another one was
 * deployed meanwhile. */
struct fct_decider_use;

FCT_MUST_USE factum_status fct_deciders_open(struct fct_server *server, factum_error *err);
/* None is in use. */
void fct_deciders_close(struct fct_server *server);

/* The newest decider of |category|, opened, in *use, for fct_deciders_give; NULL on failure. Looks
 * at the store each time, so that a deployment counts for the next call. As factum_decider_find and
 * factum_deployed_open. Reads the store: not on the loop's thread. */
FCT_MUST_USE factum_status fct_deciders_take(struct fct_server *server, factum_slice category,
                                             struct fct_decider_use **use, factum_error *err);
const factum_script_decider *fct_deciders_get(const struct fct_decider_use *use);
/* The revision of its definition. */
uint64_t fct_deciders_revision(const struct fct_decider_use *use);
/* Accepts NULL. */
void fct_deciders_give(struct fct_server *server, struct fct_decider_use *use);

#endif
