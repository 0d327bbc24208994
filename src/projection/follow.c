/* follow.c - followers: opened with a copy of the request, stopped, and their figures. Layer:
 * projection. A run is in follow_run.c. */
#include "projection/follow.h"

#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "projection/follow_checkpoint.h"

#define FOLLOW_ARENA_MAX ((size_t)8 << 20) /* more than the limits of a request allow */
#define FOLLOW_EVENTS_STORE 10000
#define FOLLOW_EVENTS_OUTSIDE 500
#define FOLLOW_INTERVAL_MS 1000
#define FOLLOW_STEPS_MAX                                                                           \
    65536 /* events that a run looks at before it returns to look for a stop:
                                * about 10 ms */

/* ---- the copy of the request ----------------------------------------------------------------- */

/* A slice without its bytes is copied as it is: factum_subscribe refuses it. */
static factum_slice follow_copy_name(factum_arena *arena, factum_slice name)
{
    return name.ptr == NULL ? name : factum_arena_copy(arena, name);
}

/* A copy of |count| names. The arena records missing memory. */
static const factum_slice *follow_copy_names(factum_arena *arena, const factum_slice *names,
                                             size_t count)
{
    factum_slice *copy = names == NULL ? NULL : factum_arena_alloc(arena, count * sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = follow_copy_name(arena, names[i]);
    }
    return copy;
}

static factum_status follow_copy_filter(factum_follow *follow, factum_error *err)
{
    factum_filter *filter = &follow->filter;
    if (follow->request.filter == NULL) {
        return FACTUM_OK;
    }
    factum_status status =
        fct_sized_read(filter, sizeof *filter, follow->request.filter, "follow: the filter", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (filter->stream_prefix_count > FACTUM_FILTER_NAMES_MAX ||
        filter->type_count > FACTUM_FILTER_NAMES_MAX ||
        filter->type_prefix_count > FACTUM_FILTER_NAMES_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "follow: a list of the filter has more than %d names",
                        FACTUM_FILTER_NAMES_MAX);
    }
    filter->stream_prefixes =
        follow_copy_names(&follow->arena, filter->stream_prefixes, filter->stream_prefix_count);
    filter->types = follow_copy_names(&follow->arena, filter->types, filter->type_count);
    filter->type_prefixes =
        follow_copy_names(&follow->arena, filter->type_prefixes, filter->type_prefix_count);
    follow->request.filter = filter;
    return FACTUM_OK;
}

static factum_status follow_check_query(const factum_query *query, factum_error *err)
{
    size_t names = 0;
    if (query->item_count > FACTUM_QUERY_ITEMS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "follow: the query has more than %d items",
                        FACTUM_QUERY_ITEMS_MAX);
    }
    for (size_t i = 0; i < query->item_count; i++) {
        const factum_query_item *item = &query->items[i];
        if (item->type_count > FACTUM_QUERY_NAMES_MAX || item->tag_count > FACTUM_QUERY_NAMES_MAX) {
            names = SIZE_MAX;
            break;
        }
        names += item->type_count + item->tag_count;
    }
    if (names > FACTUM_QUERY_NAMES_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "follow: the query has more than %d types and tags",
                        FACTUM_QUERY_NAMES_MAX);
    }
    return FACTUM_OK;
}

static factum_status follow_copy_query(factum_follow *follow, factum_error *err)
{
    const factum_query *given = follow->request.query;
    if (given == NULL) {
        return FACTUM_OK;
    }
    if (given->item_count > 0 && given->items == NULL) {
        return fct_fail(err, FACTUM_INVALID, "follow: the items of the query are needed");
    }
    factum_status status = follow_check_query(given, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_query_item *items =
        factum_arena_alloc(&follow->arena, given->item_count * sizeof *items);
    for (size_t i = 0; items != NULL && i < given->item_count; i++) {
        const factum_query_item *item = &given->items[i];
        items[i] = (factum_query_item){
            .types = follow_copy_names(&follow->arena, item->types, item->type_count),
            .type_count = item->type_count,
            .tags = follow_copy_names(&follow->arena, item->tags, item->tag_count),
            .tag_count = item->tag_count,
        };
    }
    follow->query = (factum_query){.items = items, .item_count = given->item_count};
    follow->request.query = &follow->query;
    return FACTUM_OK;
}

static factum_status follow_copy_call(factum_follow *follow, factum_error *err)
{
    factum_call *call = &follow->call;
    if (follow->request.call == NULL) {
        return FACTUM_OK;
    }
    factum_status status =
        fct_sized_read(call, sizeof *call, follow->request.call, "follow: the call", err);
    if (status != FACTUM_OK) {
        return status;
    }
    call->principal = follow_copy_name(&follow->arena, call->principal);
    call->traceparent = follow_copy_name(&follow->arena, call->traceparent);
    call->tracestate = follow_copy_name(&follow->arena, call->tracestate);
    follow->request.call = call;
    return FACTUM_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

static factum_status follow_check(const factum_follow_options *options, factum_error *err)
{
    const factum_slice name = options->name;
    if (options->each == NULL || options->request == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "follow: a request and a function for the events are needed");
    }
    if (name.ptr == NULL || name.len == 0 || name.len > FACTUM_FOLLOW_NAME_MAX ||
        !fct_utf8_valid(name) || memchr(name.ptr, '\0', name.len) != NULL) {
        return fct_fail(err, FACTUM_INVALID, "follow: a name has 1 to %d bytes of UTF-8",
                        FACTUM_FOLLOW_NAME_MAX);
    }
    const factum_follow_keeper *keeper = options->keeper;
    if (keeper != NULL && (keeper->load == NULL || keeper->save == NULL)) {
        return fct_fail(err, FACTUM_INVALID,
                        "follow: a keeper of checkpoints can load and save them");
    }
    return FACTUM_OK;
}

static void follow_name_stream(factum_follow *follow)
{
    const size_t prefix = sizeof FCT_FOLLOW_CHECKPOINT_PREFIX - 1;
    factum_slice name = follow->options.name;
    uint8_t *stream = factum_arena_alloc(&follow->arena, prefix + name.len);
    if (stream != NULL) {
        memcpy(stream, FCT_FOLLOW_CHECKPOINT_PREFIX, prefix);
        memcpy(stream + prefix, name.ptr, name.len);
        follow->stream = fct_slice(stream, prefix + name.len);
        follow->options.name = fct_slice_from(follow->stream, prefix);
    }
}

static void follow_set_defaults(factum_follow *follow)
{
    factum_follow_options *options = &follow->options;
    follow->kept_outside = options->keeper != NULL;
    if (follow->kept_outside) {
        follow->keeper = *options->keeper;
    }
    if (options->events_max == 0) {
        options->events_max = follow->kept_outside ? FOLLOW_EVENTS_OUTSIDE : FOLLOW_EVENTS_STORE;
    }
    if (options->interval_ms == 0) {
        options->interval_ms = FOLLOW_INTERVAL_MS;
    }
}

static factum_status follow_read_options(factum_follow *follow, const factum_follow_options *given,
                                         factum_error *err)
{
    factum_follow_options *options = &follow->options;
    factum_status status =
        fct_sized_read(options, sizeof *options, given, "follow: the options", err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = follow_check(options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_sized_read(&follow->request, sizeof follow->request, options->request,
                          "follow: the request", err);
}

/* Fills the zeroed |follow|, whose arena exists. */
static factum_status follow_init(factum_follow *follow, const factum_follow_options *given,
                                 factum_error *err)
{
    factum_status status = follow_read_options(follow, given, err);
    if (status != FACTUM_OK) {
        return status;
    }
    follow_set_defaults(follow);
    follow_name_stream(follow);
    follow->request.name = follow_copy_name(&follow->arena, follow->request.name);
    if (follow->request.steps_max == 0) {
        follow->request.steps_max = FOLLOW_STEPS_MAX;
    }
    status = follow_copy_filter(follow, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = follow_copy_query(follow, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = follow_copy_call(follow, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_arena_status(&follow->arena, "follow", err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_os_random(follow->world.os, &follow->owner, sizeof follow->owner, err);
}

factum_status fct_follow_open(const struct fct_follow_world *world, factum_store *store,
                              const factum_follow_options *options, factum_follow **follow,
                              factum_error *err)
{
    if (follow != NULL) {
        *follow = NULL;
    }
    if (store == NULL || follow == NULL) {
        return fct_fail(err, FACTUM_INVALID, "follow: a store and a place for it are needed");
    }
    factum_follow *made = fct_mem_zalloc(world->mem, 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "follow: out of memory");
    }
    made->world = *world;
    made->store = store;
    fct_mutex_init(&made->lock);
    fct_arena_init(&made->arena, world->mem, FOLLOW_ARENA_MAX);
    factum_status status = follow_init(made, options, err);
    if (status != FACTUM_OK) {
        factum_follow_close(made);
        return status;
    }
    *follow = made;
    return FACTUM_OK;
}

factum_status factum_follow_open(factum_store *store, const factum_follow_options *options,
                                 factum_follow **follow, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    const struct fct_follow_world world = {fct_mem_heap(), fct_os_real()};
    return fct_follow_open(&world, store, options, follow, err);
}

void factum_follow_close(factum_follow *follow)
{
    if (follow != NULL) {
        factum_arena_finish(&follow->arena);
        fct_mutex_finish(&follow->lock);
        fct_mem_free(follow->world.mem, follow);
    }
}

/* ---- running, from outside ------------------------------------------------------------------- */

factum_status factum_follow_run(factum_follow *follow, const factum_follow_until *until,
                                factum_error *err)
{
    factum_error own;
    factum_follow_until full = {.size = sizeof full};
    err = fct_error_or(err, &own);
    if (follow == NULL) {
        return fct_fail(err, FACTUM_INVALID, "follow: a follower is needed");
    }
    if (until != NULL) {
        factum_status status =
            fct_sized_read(&full, sizeof full, until, "follow: the end of the run", err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    if (atomic_exchange(&follow->running, 1) != 0) {
        return fct_fail(err, FACTUM_INVALID, "follow %.*s: it runs already",
                        FCT_FMT(follow->options.name));
    }
    factum_status status = fct_follow_run(follow, &full, err);
    atomic_store(&follow->running, 0);
    return status;
}

void factum_follow_stop(factum_follow *follow)
{
    if (follow != NULL) {
        fct_mutex_lock(&follow->lock);
        atomic_store(&follow->stop, 1);
        factum_subscription_stop(follow->subscription);
        fct_mutex_unlock(&follow->lock);
    }
}

factum_status factum_follow_info_get(const factum_follow *follow, factum_follow_info *info,
                                     factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (follow == NULL) {
        return fct_fail(err, FACTUM_INVALID, "follow: a follower is needed");
    }
    factum_status status = fct_sized_check(info, "follow: the figures", err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_follow_info full = {
        .size = sizeof full,
        .given = atomic_load(&follow->given),
        .kept = atomic_load(&follow->kept),
        .event_count = atomic_load(&follow->event_count),
        .checkpoint_count = atomic_load(&follow->checkpoint_count),
        .running = atomic_load(&follow->running) != 0,
    };
    fct_sized_write(info, &full, sizeof full);
    return FACTUM_OK;
}
