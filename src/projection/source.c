/* source.c - see source.h. Layer: projection. A user of the public API. */
#include "projection/source.h"

#include <string.h>

#include "core/arena.h"
#include "core/slice.h"

/* ---- the request ----------------------------------------------------------------------------- */

static bool has_type(const factum_slice *types, size_t count, factum_slice type)
{
    for (size_t i = 0; i < count; i++) {
        if (fct_slice_equal(types[i], type)) {
            return true;
        }
    }
    return false;
}

static factum_status collect_types(struct fct_source *source,
                                   const struct fct_definition *definition, factum_arena *arena,
                                   factum_error *err)
{
    size_t most = 0;
    for (size_t i = 0; i < definition->handler_count; i++) {
        most += definition->handlers[i].type_count;
    }
    factum_slice *types = factum_arena_alloc(arena, (most + 1) * sizeof *types);
    if (types == NULL) {
        return fct_arena_status(arena, "projection: its types", err);
    }
    size_t count = 0;
    for (size_t i = 0; i < definition->handler_count; i++) {
        const struct fct_handler *handler = &definition->handlers[i];
        for (size_t k = 0; k < handler->type_count; k++) {
            if (!has_type(types, count, handler->types[k])) {
                types[count++] = handler->types[k];
            }
        }
    }
    source->types = types;
    source->type_count = count;
    return FACTUM_OK;
}

/* Events are filtered by their types where they are read. An item of a query takes 1,024 types, a
 * filter 64; with more, every event of the source is read. */
factum_status fct_source_init(struct fct_source *source, const struct fct_definition *definition,
                              factum_arena *arena, factum_error *err)
{
    memset(source, 0, sizeof *source);
    factum_status status = collect_types(source, definition, arena, err);
    if (status != FACTUM_OK) {
        return status;
    }
    bool by_query =
        definition->source == FACTUM_SOURCE_TYPE || definition->source == FACTUM_SOURCE_TAG;
    source->request = (factum_read_request){
        .size = sizeof source->request,
        .source = by_query ? FACTUM_SOURCE_QUERY : definition->source,
        .skip_system = definition->source == FACTUM_SOURCE_ALL,
    };
    if (by_query) {
        source->item =
            (factum_query_item){.types = source->types, .type_count = source->type_count};
        if (definition->source == FACTUM_SOURCE_TAG) {
            source->item.tags = definition->source_names;
            source->item.tag_count = definition->source_name_count;
        }
        source->query = (factum_query){&source->item, 1};
        source->request.query = &source->query;
        return FACTUM_OK;
    }
    if (definition->source_name_count > 0) {
        source->request.name = definition->source_names[0];
    }
    if (source->type_count <= FACTUM_FILTER_NAMES_MAX) {
        source->filter = (factum_filter){.size = sizeof source->filter,
                                         .types = source->types,
                                         .type_count = source->type_count};
        source->request.filter = &source->filter;
    }
    return FACTUM_OK;
}

static factum_slice category_of(factum_slice stream)
{
    const uint8_t *dash = stream.len > 0 ? memchr(stream.ptr, '-', stream.len) : NULL;
    return dash == NULL ? stream : (factum_slice){stream.ptr, (size_t)(dash - stream.ptr)};
}

bool fct_source_wants(const struct fct_source *source, const struct fct_definition *definition,
                      factum_slice stream, factum_slice type, const factum_slice *tags,
                      size_t tag_count)
{
    if (!has_type(source->types, source->type_count, type)) {
        return false;
    }
    switch ((int)definition->source) {
    case FACTUM_SOURCE_CATEGORY:
        return fct_slice_equal(category_of(stream), definition->source_names[0]);
    case FACTUM_SOURCE_TAG:
        for (size_t i = 0; i < definition->source_name_count; i++) {
            if (!has_type(tags, tag_count, definition->source_names[i])) {
                return false;
            }
        }
        return true;
    default:
        return stream.len == 0 || stream.ptr[0] != '$' || definition->source == FACTUM_SOURCE_TYPE;
    }
}

/* ---- questions ------------------------------------------------------------------------------- */

factum_status fct_source_first(const struct fct_source *source, factum_store *store, uint64_t after,
                               uint64_t upto, const factum_call *call, int64_t *created,
                               factum_error *err)
{
    factum_cursor *cursor;
    factum_event event;
    factum_read_request request = source->request;
    request.from = FACTUM_FROM_AFTER;
    request.from_value = after;
    request.count_max = 1;
    request.call = call;
    request.until_position_set = upto != UINT64_MAX;
    request.until_position = upto == UINT64_MAX ? 0 : upto;
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_cursor_next(cursor, &event, err);
    if (status == FACTUM_OK) {
        *created = event.created;
    }
    factum_cursor_close(cursor);
    return status;
}

/* For sources whose events no index counts. */
static factum_status count_by_reading(const struct fct_source *source, factum_store *store,
                                      uint64_t after, uint64_t *events, factum_error *err)
{
    factum_cursor *cursor;
    factum_event event;
    factum_read_request request = source->request;
    request.from = FACTUM_FROM_AFTER;
    request.from_value = after;
    request.count_max = FCT_BEHIND_MAX;
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    *events = 0;
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        ++*events;
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

factum_status fct_source_behind(const struct fct_source *source, factum_store *store,
                                uint64_t after, uint64_t *events, factum_error *err)
{
    if (source->request.source == FACTUM_SOURCE_CATEGORY) {
        return factum_count_events(store, FACTUM_SOURCE_CATEGORY, source->request.name, after,
                                   UINT64_MAX, events, err);
    }
    if (source->request.source != FACTUM_SOURCE_QUERY || source->item.tag_count > 0) {
        return count_by_reading(source, store, after, events, err);
    }
    *events = 0;
    for (size_t i = 0; i < source->type_count; i++) {
        uint64_t count = 0;
        factum_status status = factum_count_events(store, FACTUM_SOURCE_TYPE, source->types[i],
                                                   after, UINT64_MAX, &count, err);
        if (status != FACTUM_OK) {
            return status;
        }
        *events += count;
    }
    return FACTUM_OK;
}

/* ---- parked events --------------------------------------------------------------------------- */

factum_status fct_source_bind_again(factum_store *store, struct fct_binder *binder,
                                    uint64_t position, factum_arena *arena,
                                    struct fct_bound_event *bound, factum_error *err)
{
    factum_event_copy copy = {.memory = NULL};
    factum_status status = factum_read_event(store, position, &copy, err);
    if (status == FACTUM_OK) {
        status = fct_bind(binder, &copy.event, arena, bound, err);
    }
    factum_event_copy_free(&copy);
    return status;
}
