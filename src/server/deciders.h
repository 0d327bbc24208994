/* deciders.h - the deployed deciders that the server has opened, one per category. Layer:
 * server. Any thread. */
#ifndef FCT_SERVER_DECIDERS_H
#define FCT_SERVER_DECIDERS_H

#include <factum/deploy.h>

#include "server/server_int.h"

/* An opened decider in use: it stays open while used, even if another one is deployed meanwhile. */
struct fct_decider_use;

FCT_MUST_USE factum_status fct_deciders_open(struct fct_server *server, factum_error *err);
/* Closes all deciders; none may be in use. */
void fct_deciders_close(struct fct_server *server);

/* Opens the newest decider of |category|: *use is for fct_deciders_give; NULL on failure. Looks at
 * the store each time, so that a deployment is effective from the next call on. Reads the store:
 * not on the loop's thread. Errors: those of factum_decider_find and factum_deployed_open. */
FCT_MUST_USE factum_status fct_deciders_take(struct fct_server *server, factum_slice category,
                                             struct fct_decider_use **use, factum_error *err);
const factum_script_decider *fct_deciders_get(const struct fct_decider_use *use);
/* Returns the revision of its definition. */
uint64_t fct_deciders_revision(const struct fct_decider_use *use);
/* Releases |use|. Accepts NULL. */
void fct_deciders_give(struct fct_server *server, struct fct_decider_use *use);

#endif
