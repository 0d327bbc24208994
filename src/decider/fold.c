/* fold.c - events into a state. Layer: decider.
 *
 * Knows nothing of decisions, and never looks into a state.
 *
 * Invariants:
 *  1. An event that is not understood leaves the state as it was.
 *  2. The memory of a parsed event is reused for the next: a state owns what it keeps.
 */
#include "decider/fold.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/sized.h"

/* An event has at most 16 MiB; its parsed form may be larger. */
#define SCRATCH_SIZE_MAX (UINT64_C(256) << 20)
#define STRUCT_SIZE_MAX (1 << 20) /* of a state or a typed event, without the memory it points to */

factum_status fct_decider_check(const factum_decider *decider, factum_error *err)
{
    if (decider == NULL || decider->size != sizeof *decider) {
        return fct_fail(err, FACTUM_INVALID,
                        "decider: a decider with its size set to sizeof the struct is needed");
    }
    if (decider->name == NULL || decider->parse == NULL || decider->print == NULL ||
        decider->evolve == NULL || decider->decide == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "decider: a name, parse, print, evolve and decide are needed");
    }
    if (decider->state_size == 0 || decider->state_size > STRUCT_SIZE_MAX ||
        decider->event_size == 0 || decider->event_size > STRUCT_SIZE_MAX) {
        return fct_fail(err, FACTUM_INVALID, "decider %s: a state and an event have 1 to %d bytes",
                        decider->name, STRUCT_SIZE_MAX);
    }
    if (decider->reserved[0] != 0 || decider->reserved[1] != 0) {
        return fct_fail(err, FACTUM_INVALID, "decider %s: reserved members are not zero",
                        decider->name);
    }
    return FACTUM_OK;
}

static void release_state(factum_fold *fold)
{
    if (fold->decider->release != NULL && fold->state != NULL) {
        fold->decider->release(fold->state);
    }
}

void factum_fold_reset(factum_fold *fold)
{
    if (fold == NULL) {
        return;
    }
    const factum_decider *decider = fold->decider;
    release_state(fold);
    factum_arena_reset(&fold->arena);
    factum_arena_reset(&fold->scratch);
    if (decider->initial != NULL) {
        memcpy(fold->state, decider->initial, decider->state_size);
    } else {
        memset(fold->state, 0, decider->state_size);
    }
    fold->info = (factum_fold_info){.size = sizeof fold->info, .state = fold->state};
    fold->broken = FACTUM_OK;
    fold->exists = false;
    fold->has_metadata = false;
    fold->windowed = false;
    fold->metadata_revision = 0;
    fold->behind = false;
}

factum_status fct_fold_create(const struct fct_mem *mem, const factum_decider *decider,
                              uint64_t state_size_max, struct factum_fold **fold, factum_error *err)
{
    uint64_t size_max = state_size_max == 0 ? FACTUM_STATE_SIZE_MAX : state_size_max;
    struct factum_fold *made = fct_mem_zalloc(mem, 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "decider %s: out of memory", decider->name);
    }
    made->decider = decider;
    made->mem = mem;
    fct_arena_init(&made->arena, mem, size_max > SIZE_MAX ? SIZE_MAX : (size_t)size_max);
    fct_arena_init(&made->scratch, mem, SCRATCH_SIZE_MAX);
    made->state = fct_mem_zalloc(mem, 1, decider->state_size);
    made->typed = fct_mem_zalloc(mem, 1, decider->event_size);
    if (made->state == NULL || made->typed == NULL) {
        factum_fold_destroy(made);
        return fct_fail(err, FACTUM_NO_MEMORY, "decider %s: out of memory", decider->name);
    }
    factum_fold_reset(made);
    *fold = made;
    return FACTUM_OK;
}

factum_status factum_fold_create(const factum_decider *decider, const factum_fold_options *options,
                                 factum_fold **fold, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_fold_options full = {.size = sizeof full};
    factum_fold *made = NULL;
    if (fold == NULL) {
        return fct_fail(err, FACTUM_INVALID, "fold: a place for the fold is needed");
    }
    *fold = NULL;
    factum_status status = fct_decider_check(decider, err);
    if (status == FACTUM_OK && options != NULL) {
        status = fct_sized_read(&full, sizeof full, options, "fold: the options struct", err);
    }
    if (status == FACTUM_OK) {
        status = fct_fold_create(fct_mem_heap(), decider, full.state_size_max, &made, err);
    }
    if (made != NULL) {
        made->lenient = full.lenient;
    }
    *fold = made;
    return status;
}

void factum_fold_destroy(factum_fold *fold)
{
    if (fold == NULL) {
        return;
    }
    release_state(fold);
    factum_arena_finish(&fold->arena);
    factum_arena_finish(&fold->scratch);
    fct_mem_free(fold->mem, fold->state);
    fct_mem_free(fold->mem, fold->typed);
    fct_mem_free(fold->mem, fold);
}

size_t fct_fold_size(const struct factum_fold *fold)
{
    return sizeof *fold + fold->arena.size + fold->scratch.size + fold->decider->state_size +
           fold->decider->event_size;
}

void fct_fold_shrink(struct factum_fold *fold)
{
    factum_arena_finish(&fold->scratch);
}

factum_status fct_fold_evolve(struct factum_fold *fold, const void *typed, factum_error *err)
{
    FCT_ASSERT(fold->broken == FACTUM_OK);
    fold->decider->evolve(fold->state, typed, &fold->arena);
    fold->broken = fct_arena_status(&fold->arena, "the state", err);
    return fold->broken == FACTUM_OK
               ? FACTUM_OK
               : fct_wrap(err, fold->broken, "decider %s", fold->decider->name);
}

static factum_status unknown_type(const struct factum_fold *fold, const factum_event *event,
                                  factum_error *err)
{
    return fct_fail(err, FACTUM_NEWER_FORMAT,
                    "decider %s does not know the event type %.*s at position %" PRIu64
                    ": a newer program has written it",
                    fold->decider->name, FCT_FMT(event->type), event->position);
}

static void note_skipped(struct factum_fold *fold, const factum_event *event)
{
    factum_fold_info *info = &fold->info;
    if (info->skipped_count++ == 0) {
        info->skipped_position = event->position;
        (void)snprintf(info->skipped_type, sizeof info->skipped_type, "%.*s", FCT_FMT(event->type));
    }
}

factum_status fct_parse_typed(const factum_decider *decider, const struct fct_stored *stored,
                              struct factum_arena *arena, void *typed, factum_error *err)
{
    factum_error why = {.status = FACTUM_OK}; /* the parser may leave it unset */
    memset(typed, 0, decider->event_size);
    factum_status status = decider->parse_stored != NULL && stored->event != NULL
                               ? decider->parse_stored(stored->event, arena, typed, &why)
                               : decider->parse(stored->type, stored->data, arena, typed, &why);
    if (status == FACTUM_NOT_FOUND) {
        return status;
    }
    if (arena->status != FACTUM_OK) {
        status = fct_arena_status(arena, "the event", &why);
    } else if (status > FACTUM_OK) {
        status = fct_fail(&why, FACTUM_INVALID, "parse returned %s", factum_status_name(status));
    }
    return status == FACTUM_OK ? FACTUM_OK
                               : fct_fail(err, status, "decider %s: event %.*s: %s", decider->name,
                                          FCT_FMT(stored->type),
                                          why.text[0] == '\0' ? "its data is not valid" : why.text);
}

/* NOT_FOUND: the type is unknown. */
static factum_status parse_event(struct factum_fold *fold, const factum_event *event,
                                 factum_error *err)
{
    const struct fct_stored stored = {event->type, event->data, event};
    factum_arena_reset(&fold->scratch);
    factum_status status =
        fct_parse_typed(fold->decider, &stored, &fold->scratch, fold->typed, err);
    return status == FACTUM_OK || status == FACTUM_NOT_FOUND
               ? status
               : fct_wrap(err, status, "position %" PRIu64, event->position);
}

factum_status factum_fold_add(factum_fold *fold, const factum_event *event, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (fold == NULL || event == NULL) {
        return fct_fail(err, FACTUM_INVALID, "fold: a fold and an event are needed");
    }
    if (fold->broken != FACTUM_OK) {
        return fct_fail(err, fold->broken, "decider %s: an earlier event could not be folded",
                        fold->decider->name);
    }
    factum_status status = parse_event(fold, event, err);
    if (status == FACTUM_NOT_FOUND && !fold->lenient) {
        return unknown_type(fold, event, err);
    }
    if (status == FACTUM_NOT_FOUND) {
        note_skipped(fold, event);
    } else if (status == FACTUM_OK) {
        status = fct_fold_evolve(fold, fold->typed, err);
    }
    if (status != FACTUM_OK && status != FACTUM_NOT_FOUND) {
        return status;
    }
    fold->info.event_count++;
    fold->info.revision = event->revision;
    fold->info.position = event->position;
    return FACTUM_OK;
}

factum_status fct_fold_read(struct factum_fold *fold, factum_store *store,
                            const factum_read_request *request, factum_error *err)
{
    factum_cursor *cursor = NULL;
    factum_event event;
    factum_status status = factum_read(store, request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        status = factum_fold_add(fold, &event, err);
        if (status != FACTUM_OK) {
            break;
        }
    }
    if (status == FACTUM_DONE) {
        fold->info.place = factum_cursor_place(cursor);
        fold->behind = false;
        status = FACTUM_OK;
    }
    factum_cursor_close(cursor);
    return status;
}

factum_status factum_fold_read(factum_fold *fold, factum_store *store,
                               const factum_read_request *request, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (fold == NULL || store == NULL || request == NULL) {
        return fct_fail(err, FACTUM_INVALID, "fold: a fold, a store and a request are needed");
    }
    factum_read_request full;
    factum_status status = fct_sized_read(&full, sizeof full, request, "fold: the request", err);
    if (status == FACTUM_OK && full.backwards) {
        status = fct_fail(err, FACTUM_INVALID, "fold: events are folded forwards");
    }
    return status == FACTUM_OK ? fct_fold_read(fold, store, &full, err) : status;
}

factum_status factum_fold_get(const factum_fold *fold, factum_fold_info *info, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (fold == NULL) {
        return fct_fail(err, FACTUM_INVALID, "fold: a fold is needed");
    }
    factum_status status = fct_sized_check(info, "fold: the info struct", err);
    if (status == FACTUM_OK) {
        fct_sized_write(info, &fold->info, sizeof fold->info);
    }
    return status;
}
