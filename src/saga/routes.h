/* routes.h - which sagas an event's type can concern. Layer: saga. */
#ifndef FCT_SAGA_ROUTES_H
#define FCT_SAGA_ROUTES_H

#include "core/mem.h"
#include "saga/deployed.h"

struct fct_route {
    uint64_t hash; /* of the type */
    factum_slice type;
    const struct factum_saga *saga;
    bool start; /* the type starts the saga; otherwise it answers a step */
};

/* Sorted by hash. One thread at a time. */
struct fct_routes {
    const struct fct_mem *mem;
    struct fct_route *items;
    size_t count;
};

/* Replaces *routes by those for the sagas of |host| in |set|, which must last as long. Errors:
 * NO_MEMORY (*routes is unchanged). */
FCT_MUST_USE factum_status fct_routes_build(struct fct_routes *routes,
                                            const struct fct_deployed_set *set, factum_slice host,
                                            factum_error *err);
void fct_routes_finish(struct fct_routes *routes);
/* The routes of |type| are adjacent: *first is the first of them. Returns their count. */
size_t fct_routes_find(const struct fct_routes *routes, factum_slice type,
                       const struct fct_route **first);

#endif
