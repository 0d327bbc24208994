/* participant.c - participants: opening, handlers, stopping, figures. Layer: saga. */
#include "saga/participant.h"

#include "core/arena.h"
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "os/thread.h"
#include "saga/names.h"

#define PARTICIPANT_CHECKPOINT "participant-"
#define PARTICIPANT_KEPT_MAX ((size_t)1 << 20)
#define PARTICIPANT_RACES_MAX 10
#define PARTICIPANT_RETRY_FIRST_MS 100
#define PARTICIPANT_RETRY_LAST_MS 30000
#define PARTICIPANT_UNHANDLED_MS 60000

/* ---- opening --------------------------------------------------------------------------------- */

static void participant_set_defaults(factum_participant_options *options)
{
    const struct {
        uint32_t *option;
        uint32_t usual;
    } defaults[] = {
        {&options->races_max, PARTICIPANT_RACES_MAX},
        {&options->retry_first_ms, PARTICIPANT_RETRY_FIRST_MS},
        {&options->retry_last_ms, PARTICIPANT_RETRY_LAST_MS},
        {&options->unhandled_after_ms, PARTICIPANT_UNHANDLED_MS},
    };
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        if (*defaults[i].option == 0) {
            *defaults[i].option = defaults[i].usual;
        }
    }
}

/* <first><second>, in the participant's arena; empty without memory. */
static factum_slice participant_join(factum_arena *arena, factum_slice first, factum_slice second)
{
    uint8_t *text = factum_arena_alloc(arena, first.len + second.len);
    if (text == NULL) {
        return fct_slice(NULL, 0);
    }
    memcpy(text, first.ptr, first.len);
    memcpy(text + first.len, second.ptr, second.len);
    return fct_slice(text, first.len + second.len);
}

static factum_status participant_open_follow(factum_participant *participant, factum_error *err)
{
    factum_participant_options *options = &participant->options;
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_CATEGORY,
        .name = participant_join(&participant->kept,
                                 fct_slice(FCT_COMMAND_PREFIX, sizeof FCT_COMMAND_PREFIX - 1),
                                 options->service),
    };
    const factum_follow_options follow = {
        .size = sizeof follow,
        .name = options->checkpoint.len > 0
                    ? options->checkpoint
                    : participant_join(&participant->kept, FCT_SLICE(PARTICIPANT_CHECKPOINT),
                                       options->service),
        .request = &request,
        .data = participant,
        .each = fct_participant_take,
    };
    factum_status status = fct_arena_status(&participant->kept, "participant", err);
    return status == FACTUM_OK
               ? factum_follow_open(participant->store, &follow, &participant->follow, err)
               : status;
}

/* Fills the zeroed |participant|, whose arenas are initialised. */
static factum_status participant_init(factum_participant *participant,
                                      const factum_participant_options *given, factum_error *err)
{
    factum_participant_options *options = &participant->options;
    factum_status status =
        fct_sized_read(options, sizeof *options, given, "participant: the options", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (!fct_saga_name_valid(options->service)) {
        return fct_fail(err, FACTUM_INVALID,
                        "participant: a service has 1 to %d of a-z, 0-9 and _, a letter first",
                        FACTUM_SERVICE_SIZE_MAX);
    }
    participant_set_defaults(options);
    options->service = factum_arena_copy(&participant->kept, options->service);
    if (options->log != NULL) {
        participant->log = *options->log;
    }
    options->log = &participant->log;
    status = participant_open_follow(participant, err);
    return status == FACTUM_OK ? fct_os_random(participant->world.os, &participant->random,
                                               sizeof participant->random, err)
                               : status;
}

factum_status fct_participant_open(const struct fct_participant_world *world, factum_store *store,
                                   const factum_participant_options *options,
                                   factum_participant **participant, factum_error *err)
{
    if (participant != NULL) {
        *participant = NULL;
    }
    if (store == NULL || participant == NULL) {
        return fct_fail(err, FACTUM_INVALID, "participant: a store and a place for it are needed");
    }
    factum_participant *made = fct_mem_zalloc(world->mem, 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "participant: out of memory");
    }
    made->world = *world;
    made->store = store;
    made->unanswered.mem = world->mem;
    fct_arena_init(&made->kept, world->mem, PARTICIPANT_KEPT_MAX);
    fct_arena_init(&made->arena, world->mem, FACTUM_ARENA_SIZE_MAX);
    made->room.arena = &made->arena;
    made->room.random = &made->random;
    factum_status status = participant_init(made, options, err);
    if (status != FACTUM_OK) {
        factum_participant_close(made);
        return status;
    }
    *participant = made;
    return FACTUM_OK;
}

factum_status factum_participant_open(factum_store *store,
                                      const factum_participant_options *options,
                                      factum_participant **participant, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    const struct fct_participant_world world = {fct_mem_heap(), fct_os_real()};
    return fct_participant_open(&world, store, options, participant, err);
}

void factum_participant_close(factum_participant *participant)
{
    if (participant != NULL) {
        factum_follow_close(participant->follow);
        fct_unanswered_finish(&participant->unanswered);
        factum_arena_finish(&participant->arena);
        factum_arena_finish(&participant->kept);
        fct_mem_free(participant->world.mem, participant->handlers);
        fct_mem_free(participant->world.mem, participant);
    }
}

/* ---- handlers -------------------------------------------------------------------------------- */

/* "<service>.<Command>" */
static bool participant_serves(const factum_participant *participant, factum_slice type)
{
    factum_slice service = participant->options.service;
    return type.len > service.len + 1 && type.len <= FACTUM_NAME_SIZE_MAX &&
           fct_slice_starts(type, service) && type.ptr[service.len] == '.' && fct_utf8_valid(type);
}

factum_status fct_participant_add(factum_participant *participant, const char *type,
                                  factum_command_handler handle, void *data, factum_error *err)
{
    factum_slice name = factum_slice_from(type);
    if (!participant_serves(participant, name)) {
        return fct_fail(err, FACTUM_INVALID, "participant %.*s: the type %.*s is not %.*s.COMMAND",
                        FCT_FMT(participant->options.service), FCT_FMT(name),
                        FCT_FMT(participant->options.service));
    }
    for (size_t i = 0; i < participant->handler_count; i++) {
        if (fct_slice_equal(participant->handlers[i].type, name)) {
            return fct_fail(err, FACTUM_EXISTS, "participant: the type %.*s has a handler",
                            FCT_FMT(name));
        }
    }
    if (participant->handler_count == FACTUM_HANDLERS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "participant: more than %d handlers",
                        FACTUM_HANDLERS_MAX);
    }
    struct fct_handler *handlers =
        fct_mem_resize(participant->world.mem, participant->handlers,
                       (participant->handler_count + 1) * sizeof *handlers);
    if (handlers == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "participant: out of memory");
    }
    participant->handlers = handlers;
    name = factum_arena_copy(&participant->kept, name);
    factum_status status = fct_arena_status(&participant->kept, "participant", err);
    if (status == FACTUM_OK) {
        handlers[participant->handler_count++] = (struct fct_handler){name, handle, data};
    }
    return status;
}

factum_status factum_on_command(factum_participant *participant, const char *type,
                                factum_command_handler handler, void *data, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (participant == NULL || type == NULL || handler == NULL) {
        return fct_fail(err, FACTUM_INVALID, "participant: a type and a handler are needed");
    }
    return fct_participant_add(participant, type, handler, data, err);
}

/* ---- other threads --------------------------------------------------------------------------- */

void factum_participant_stop(factum_participant *participant)
{
    if (participant != NULL) {
        atomic_store(&participant->stop, 1);
        fct_word_wake(&participant->stop, 1);
        factum_follow_stop(participant->follow);
    }
}

factum_status factum_participant_info_get(const factum_participant *participant,
                                          factum_participant_info *info, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_follow_info follow = {.size = sizeof follow};
    if (participant == NULL) {
        return fct_fail(err, FACTUM_INVALID, "participant: a participant is needed");
    }
    factum_status status = fct_sized_check(info, "participant: the figures", err);
    if (status == FACTUM_OK) {
        status = factum_follow_info_get(participant->follow, &follow, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_participant_info full = {
        .size = sizeof full,
        .command_count = atomic_load(&participant->command_count),
        .succeeded_count = atomic_load(&participant->succeeded_count),
        .failed_count = atomic_load(&participant->failed_count),
        .duplicate_count = atomic_load(&participant->duplicate_count),
        .cancelled_count = atomic_load(&participant->cancelled_count),
        .late_count = atomic_load(&participant->late_count),
        .broken_count = atomic_load(&participant->broken_count),
        .unhandled_count = atomic_load(&participant->unhandled_count),
        .race_count = atomic_load(&participant->race_count),
        .retry_count = atomic_load(&participant->retry_count),
        .place = follow.given,
        .running = atomic_load(&participant->running) != 0,
    };
    fct_sized_write(info, &full, sizeof full);
    return FACTUM_OK;
}
