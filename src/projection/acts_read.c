/* acts_read.c - the stream of a projection's definition, read from a store. Layer: projection. See
 * acts.h. A user of the public API. */
#include <inttypes.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "projection/acts.h"
#include "projection/refused.h"

#define ACT_ARENA_MAX ((size_t)2 << 20) /* a text, raw and decoded */

factum_status fct_acts_open(factum_store *store, factum_slice name, uint64_t from, uint64_t upto,
                            const factum_call *call, factum_cursor **cursor, factum_error *err)
{
    char stream[FCT_PROJECTION_STREAM_SIZE];
    factum_status status = fct_acts_stream(name, stream, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = factum_slice_from(stream),
        .from = from == 0 ? FACTUM_FROM_START : FACTUM_FROM_REVISION,
        .from_value = from,
        .until_revision_set = upto != UINT64_MAX,
        .until_revision = upto == UINT64_MAX ? 0 : upto,
        .call = call,
    };
    return factum_read(store, &request, cursor, err);
}

/* Folds |event| into |acts|. An event that is not an act, or was refused, changes nothing except
 * the revision that the next append has to expect. */
static factum_status fold_event(struct fct_acts *acts, const factum_event *event,
                                const struct fct_refused *refused, factum_arena *arena,
                                factum_error *err)
{
    struct fct_act act;
    factum_arena_reset(arena);
    factum_status status = fct_act_parse(event, arena, &act, err);
    if (status == FACTUM_OK && !fct_refused_has(refused, event->revision)) {
        fct_acts_add(acts, &act, event->revision, event->position, event->created);
    } else if (status == FACTUM_OK || status == FACTUM_INVALID) {
        fct_acts_pass(acts, event->revision, event->position);
        status = FACTUM_OK;
    }
    return status;
}

factum_status fct_acts_read(factum_store *store, factum_slice name, uint64_t upto,
                            const factum_call *call, struct fct_acts *acts, factum_error *err)
{
    factum_cursor *cursor;
    factum_event event;
    factum_arena arena;
    struct fct_refused refused = {.count = 0};
    memset(acts, 0, sizeof *acts);
    factum_status status = fct_acts_open(store, name, 0, upto, call, &cursor, err);
    if (status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED) {
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        return status;
    }
    fct_arena_init(&arena, fct_mem_heap(), ACT_ARENA_MAX);
    status = fct_refused_read(store, name, call, &refused, err);
    while (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
        if (status == FACTUM_OK) {
            status = fold_event(acts, &event, &refused, &arena, err);
        }
    }
    fct_acts_at(acts, factum_now(store));
    fct_refused_free(&refused);
    factum_arena_finish(&arena);
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

factum_status fct_acts_text(factum_store *store, factum_slice name, uint64_t revision,
                            const factum_call *call, factum_arena *arena, struct fct_act *act,
                            int64_t *created, factum_error *err)
{
    factum_cursor *cursor;
    factum_event event;
    factum_status status = fct_acts_open(store, name, revision, revision, call, &cursor, err);
    if (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
        if (status == FACTUM_OK) {
            status = fct_act_parse(&event, arena, act, err);
        }
        if (status == FACTUM_OK && created != NULL) {
            *created = event.created;
        }
        factum_cursor_close(cursor);
    }
    if (status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED ||
        status == FACTUM_DONE || (status == FACTUM_OK && act->act != 0)) {
        return fct_fail(err, FACTUM_NOT_FOUND,
                        "the projection %.*s has no text at revision %" PRIu64, FCT_FMT(name),
                        revision);
    }
    return status;
}
