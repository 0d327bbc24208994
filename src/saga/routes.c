/* routes.c - see routes.h. Layer: saga. */
#include "saga/routes.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"

static size_t route_count(const struct factum_saga *saga)
{
    size_t count = 1;
    for (uint32_t i = 0; i < saga->plan.step_count; i++) {
        count += 1 + saga->slots[i].fail_count;
    }
    return count;
}

static void add_route(struct fct_routes *routes, const struct factum_saga *saga, factum_slice type,
                      bool start)
{
    FCT_ASSERT(routes->items != NULL); /* there is room for all */
    routes->items[routes->count++] = (struct fct_route){fct_hash64(type, 0), type, saga, start};
}

static void add_routes(struct fct_routes *routes, const struct factum_saga *saga)
{
    add_route(routes, saga, saga->start, true);
    for (uint32_t i = 0; i < saga->plan.step_count; i++) {
        const struct fct_step_text *step = &saga->slots[i];
        add_route(routes, saga, step->ok, false);
        for (size_t k = 0; k < step->fail_count; k++) {
            add_route(routes, saga, step->fail[k], false);
        }
    }
}

/* By hash; starts first, as an event that starts a saga is no answer to it; then the newest
 * version. */
static int compare_routes(const void *a, const void *b)
{
    const struct fct_route *left = a;
    const struct fct_route *right = b;
    if (left->hash != right->hash) {
        return left->hash < right->hash ? -1 : 1;
    }
    if (left->start != right->start) {
        return left->start ? -1 : 1;
    }
    uint64_t one = left->saga->version;
    uint64_t other = right->saga->version;
    return one > other ? -1 : one < other;
}

factum_status fct_routes_build(struct fct_routes *routes, const struct fct_deployed_set *set,
                               factum_slice host, factum_error *err)
{
    size_t most = 0;
    for (size_t i = 0; i < set->count; i++) {
        most += route_count(set->items[i].saga);
    }
    struct fct_routes made = {.mem = set->mem};
    if (most > 0) {
        made.items = fct_mem_zalloc(set->mem, most, sizeof *made.items);
        if (made.items == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "sagas: their types");
        }
    }
    for (size_t i = 0; i < set->count; i++) {
        if (fct_slice_equal(set->items[i].saga->host, host)) {
            add_routes(&made, set->items[i].saga);
        }
    }
    if (made.count > 0) {
        qsort(made.items, made.count, sizeof *made.items, compare_routes);
    }
    fct_routes_finish(routes);
    *routes = made;
    return FACTUM_OK;
}

void fct_routes_finish(struct fct_routes *routes)
{
    if (routes->mem != NULL) {
        fct_mem_free(routes->mem, routes->items);
    }
    memset(routes, 0, sizeof *routes);
}

size_t fct_routes_find(const struct fct_routes *routes, factum_slice type,
                       const struct fct_route **first)
{
    uint64_t hash = fct_hash64(type, 0);
    size_t low = 0;
    size_t high = routes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (routes->items[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t count = 0;
    while (low + count < routes->count && routes->items[low + count].hash == hash) {
        count++;
    }
    *first = routes->items + low;
    return count;
}
