/* deployed.c - see deployed.h. Layer: saga. */
#include "saga/deployed.h"

#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "core/log_sink.h"
#include "core/slice.h"

void fct_deployed_init(struct fct_deployed_set *set, const struct fct_mem *mem)
{
    *set = (struct fct_deployed_set){.mem = mem};
}

void fct_deployed_finish(struct fct_deployed_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        factum_saga_free(set->items[i].saga);
    }
    if (set->mem != NULL) {
        fct_mem_free(set->mem, set->items);
    }
    memset(set, 0, sizeof *set);
}

struct refreshing {
    struct fct_deployed_set *set;
    const factum_log_sink *log;
    factum_status status;
    factum_error *err;
};

static bool grow(struct refreshing *r)
{
    struct fct_deployed_set *set = r->set;
    if (set->count < set->capacity) {
        return true;
    }
    if (set->count >= FCT_DEPLOYED_MAX) {
        r->status = fct_fail(r->err, FACTUM_TOO_BIG, "sagas: more than %u versions are deployed",
                             FCT_DEPLOYED_MAX);
        return false;
    }
    size_t capacity = set->capacity > 0 ? set->capacity * 2 : 16;
    struct fct_deployed *items =
        fct_mem_resize(set->mem, set->items, capacity * sizeof *set->items);
    if (items == NULL) {
        r->status = fct_fail(r->err, FACTUM_NO_MEMORY, "sagas: their definitions");
        return false;
    }
    set->items = items;
    set->capacity = capacity;
    return true;
}

static bool add_deployed(void *data, const factum_saga_deployed *deployed)
{
    struct refreshing *r = data;
    struct factum_saga *saga;
    factum_error err;
    if (fct_deployed_hash(r->set, deployed->name, deployed->hash) != NULL) {
        return true;
    }
    if (!grow(r)) {
        return false;
    }
    factum_status status = factum_saga_load(deployed->text, NULL, &saga, &err);
    if (status == FACTUM_NO_MEMORY) {
        r->status = fct_fail(r->err, status, "sagas: their definitions");
        return false;
    }
    if (status != FACTUM_OK) {
        fct_log_message(r->log, FACTUM_LOG_WARN, "saga.definition",
                        "version %" PRIu64 " of saga %.*s cannot be loaded: %s", deployed->version,
                        FCT_FMT(deployed->name), err.text);
        return true;
    }
    r->set->items[r->set->count++] = (struct fct_deployed){saga, deployed->position};
    return true;
}

factum_status fct_deployed_refresh(struct fct_deployed_set *set, factum_store *store,
                                   const factum_log_sink *log, factum_error *err)
{
    struct refreshing r = {.set = set, .log = log, .status = FACTUM_OK, .err = err};
    const factum_saga_deployed_each each = {.data = &r, .each = add_deployed};
    factum_status status = factum_saga_deployments(store, fct_slice(NULL, 0), &each, err);
    return r.status != FACTUM_OK ? r.status : status;
}

const struct factum_saga *fct_deployed_at(const struct fct_deployed_set *set, factum_slice name,
                                          uint64_t position)
{
    const struct fct_deployed *found = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const struct fct_deployed *item = &set->items[i];
        if (item->position < position && fct_slice_equal(item->saga->name, name) &&
            (found == NULL || item->position > found->position)) {
            found = item;
        }
    }
    return found != NULL ? found->saga : NULL;
}

bool fct_deployed_knows(const struct fct_deployed_set *set, factum_slice name, uint64_t position)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].position >= position && fct_slice_equal(set->items[i].saga->name, name)) {
            return true;
        }
    }
    return false;
}

const struct factum_saga *fct_deployed_hash(const struct fct_deployed_set *set, factum_slice name,
                                            factum_slice hash)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct factum_saga *saga = set->items[i].saga;
        if (fct_slice_equal(saga->name, name) &&
            fct_slice_equal(factum_slice_from(saga->hash), hash)) {
            return saga;
        }
    }
    return NULL;
}
