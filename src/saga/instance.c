/* instance.c - see instance.h: loading and folding. step.c makes the appends. Layer: saga.
 *
 *     load: stream --fold--> state      step.c: input --> append      take: append --fold--> state
 *
 * Invariants. They do not hold after a failure: then the instance must be loaded again.
 *  1. An instance that exists has a definition: the state names its steps.
 *  2. One that does not exist has revision 0 and has taken no input.
 *  3. |kept| is empty or on the heap.
 */
#include "saga/instance.h"

#include <inttypes.h>
#include <string.h>

#include "codec/json.h"
#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "core/trace_context.h"
#include "saga/pick.h"

/* For one event, or the records of one append: parsed JSON and merged values. */
#define FOLD_ARENA_MAX ((size_t)64 << 20)
#define TRACE_ID_AT 3 /* in a traceparent: after "00-" */

static void instance_check(const struct fct_instance *instance)
{
    FCT_ASSERT(!instance->exists || instance->saga != NULL);                           /* 1 */
    FCT_ASSERT(instance->exists || (instance->revision == 0 && !instance->has_input)); /* 2 */
    FCT_ASSERT(instance->kept.len == 0 || instance->kept.ptr != NULL);                 /* 3 */
}

void fct_instance_init(struct fct_instance *instance, const struct fct_mem *mem,
                       const struct fct_deployed_set *set, const struct fct_saga_key *key)
{
    memset(instance, 0, sizeof *instance);
    instance->mem = mem;
    instance->set = set;
    instance->key = *key;
    fct_saga_state_init(&instance->state);
}

void fct_instance_finish(struct fct_instance *instance)
{
    if (instance->mem != NULL) {
        fct_mem_free(instance->mem, (void *)(uintptr_t)instance->kept.ptr);
        fct_mem_free(instance->mem, instance->correlation);
    }
    memset(instance, 0, sizeof *instance);
}

bool fct_instance_knows(const struct fct_instance *instance, const factum_event *event)
{
    return instance->has_input && event->position <= instance->input;
}

/* ---- correlation and trace ------------------------------------------------------------------- */

/* Metadata may be anything; without these members the saga has neither. */
static factum_status keep_correlation(struct fct_instance *instance, const factum_event *event,
                                      factum_error *err)
{
    struct fct_json_member members[] = {{.name = FCT_SLICE("$correlationId")},
                                        {.name = FCT_SLICE("traceparent")}};
    struct fct_json value;
    char text[FACTUM_NAME_SIZE_MAX];
    char parent[FCT_TRACEPARENT_SIZE + 8]; /* room for what later versions of it add */
    char normal[FCT_TRACEPARENT_SIZE];
    size_t len = 0;
    if (event->metadata.len == 0 ||
        fct_json_pick(event->metadata, &value, members, 2, NULL) != FACTUM_OK) {
        return FACTUM_OK;
    }
    if (instance->trace_id[0] == '\0' && members[1].found &&
        fct_json_unescape(members[1].value.raw, parent, sizeof parent, &len) == FACTUM_OK &&
        fct_traceparent_normal(fct_slice(parent, len), normal)) {
        memcpy(instance->trace_id, normal + TRACE_ID_AT, sizeof instance->trace_id - 1);
    }
    if (members[0].found &&
        fct_json_unescape(members[0].value.raw, text, sizeof text, &len) == FACTUM_OK && len > 0) {
        instance->correlation = fct_mem_zalloc(instance->mem, len + 1, 1);
        if (instance->correlation == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "saga: out of memory for its correlation id");
        }
        memcpy(instance->correlation, text, len);
    }
    return FACTUM_OK;
}

/* ---- definitions ----------------------------------------------------------------------------- */

struct fct_saga_state fct_instance_remap(const struct fct_saga_state *state,
                                         const struct factum_saga *from,
                                         const struct factum_saga *to)
{
    struct fct_saga_state made = *state;
    if (from == to || state->phase != FCT_SAGA_NONE) {
        return made;
    }
    memset(made.steps, 0, sizeof made.steps); /* before the start they have early answers only */
    for (uint32_t i = 0; i < from->plan.step_count; i++) {
        uint8_t slot = fct_saga_slot(to, from->slots[i].name);
        if (slot != FCT_SLOT_NONE) {
            made.steps[slot].early = state->steps[i].early;
        }
    }
    return made;
}

static factum_status damaged_saga(const struct fct_instance *instance, const factum_event *event,
                                  const char *why, factum_error *err)
{
    return fct_fail(err, FACTUM_CORRUPT, "saga %.*s-%.*s: event %" PRIu64 " of its stream: %s",
                    FCT_FMT(instance->key.name), FCT_FMT(instance->key.id), event->revision, why);
}

/* Makes |saga| the definition, and moves early answers to its slots. NULL changes nothing. */
static void set_definition(struct fct_instance *instance, const struct factum_saga *saga)
{
    if (saga != NULL && instance->saga != NULL) {
        instance->state = fct_instance_remap(&instance->state, instance->saga, saga);
    }
    instance->saga = saga != NULL ? saga : instance->saga;
}

/* Sets the definition by which |event| is read: SagaStarted pins one for the rest of the stream;
 * before it, the newest that was deployed before the event. */
static factum_status choose_definition(struct fct_instance *instance, const factum_event *event,
                                       factum_error *err)
{
    if (fct_slice_equal(event->type, FCT_SLICE("SagaStarted"))) {
        struct fct_json_member hash = {.name = FCT_SLICE("hash")};
        struct fct_json value;
        if (fct_json_pick(event->data, &value, &hash, 1, NULL) != FACTUM_OK || !hash.found ||
            hash.value.raw.len < 2 || hash.value.raw.ptr[0] != '"') {
            return damaged_saga(instance, event, "names no definition", err);
        }
        /* Without its quotes; a hash has no escapes. */
        factum_slice text = fct_slice(hash.value.raw.ptr + 1, hash.value.raw.len - 2);
        const struct factum_saga *pinned =
            fct_deployed_hash(instance->set, instance->key.name, text);
        if (pinned == NULL) { /* an older definition must not fold it */
            instance->saga = NULL;
            return damaged_saga(instance, event,
                                "its definition is not deployed in this store: deploy it again",
                                err);
        }
        set_definition(instance, pinned);
    } else if (instance->saga == NULL || instance->state.phase == FCT_SAGA_NONE) {
        set_definition(instance,
                       fct_deployed_at(instance->set, instance->key.name, event->position));
    }
    return instance->saga != NULL
               ? FACTUM_OK
               : damaged_saga(instance, event, "no definition was deployed before it", err);
}

/* ---- folding --------------------------------------------------------------------------------- */

/* fct_instance_step has checked the size (FCT_KEPT_MAX). */
static factum_status merge_kept(struct fct_instance *instance, factum_slice keep,
                                factum_arena *arena, factum_error *err)
{
    factum_slice merged;
    factum_status status = fct_pick_merge(instance->kept, keep, arena, &merged, err);
    if (status != FACTUM_OK || keep.len == 0) {
        return status;
    }
    uint8_t *copy =
        fct_mem_alloc(instance->mem, merged.len); /* |merged| is |keep|, or in |arena| */
    if (copy == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "saga: out of memory for the values that it keeps");
    }
    memcpy(copy, merged.ptr, merged.len);
    fct_mem_free(instance->mem, (void *)(uintptr_t)instance->kept.ptr);
    instance->kept = fct_slice(copy, merged.len);
    return FACTUM_OK;
}

static factum_status fold_record(struct fct_instance *instance, const struct fct_record *record,
                                 int64_t created, factum_arena *arena, factum_error *err)
{
    if (record->change.kind == FCT_CHANGE_SAGA_FAILED) {
        fct_utf8_copy(instance->failure.code, sizeof instance->failure.code, record->code);
        fct_utf8_copy(instance->failure.text, sizeof instance->failure.text, record->text);
        instance->failure.slot = record->change.slot;
    }
    if (record->change.kind == FCT_CHANGE_SAGA_STARTED) {
        instance->started = created;
    }
    if (record->has_input) {
        instance->has_input = true;
        instance->input = record->input > instance->input ? record->input : instance->input;
    }
    fct_saga_evolve(&instance->saga->plan, &instance->state, &record->change);
    return merge_kept(instance, record->keep, arena, err);
}

static factum_status fold_event(struct fct_instance *instance, const factum_event *event,
                                factum_arena *arena, factum_error *err)
{
    struct fct_record record;
    factum_error why;
    factum_status status = choose_definition(instance, event, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (instance->correlation == NULL) {
        status = keep_correlation(instance, event, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_record_read(instance->saga, event->type, event->data, arena, &record, &why);
    /* An event of an unknown type, perhaps of a later version, changes neither state nor values. */
    if (status == FACTUM_NOT_FOUND) {
        status = FACTUM_OK;
    } else if (status == FACTUM_INVALID) {
        return damaged_saga(instance, event, why.text, err);
    } else if (status == FACTUM_OK) {
        status = fold_record(instance, &record, event->created, arena, err);
    } else {
        (void)fct_fail(err, status, "%s", why.text);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    instance->exists = true;
    instance->revision = event->revision;
    instance->position = event->position != UINT64_MAX ? event->position : instance->position;
    instance->changed = event->created;
    return FACTUM_OK;
}

factum_status fct_instance_fold(struct fct_instance *instance, const factum_event *event,
                                factum_error *err)
{
    factum_arena arena;
    fct_arena_init(&arena, instance->mem, FOLD_ARENA_MAX);
    factum_status status = fold_event(instance, event, &arena, err);
    factum_arena_finish(&arena);
    if (status == FACTUM_OK) {
        instance_check(instance);
    }
    return status;
}

factum_status fct_instance_load(struct fct_instance *instance, factum_store *store,
                                factum_error *err)
{
    char stream[FCT_SAGA_STREAM_SIZE];
    struct fct_instance fresh;
    factum_cursor *cursor = NULL;
    factum_event event;
    fct_instance_init(&fresh, instance->mem, instance->set, &instance->key);
    fct_instance_finish(instance);
    *instance = fresh;
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_STREAM,
                                         .name = fct_saga_stream(&instance->key, stream)};
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        return FACTUM_OK;
    }
    while (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
        if (status == FACTUM_OK) {
            status = fct_instance_fold(instance, &event, err);
        }
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status take_records(struct fct_instance *instance,
                                  const struct fct_step_append *append, int64_t now,
                                  factum_arena *arena, factum_error *err)
{
    const factum_event event = {.metadata = append->metadata};
    factum_status status = FACTUM_OK;
    /* The changes name the steps of the definition that they were decided by. */
    if (instance->saga == NULL || instance->state.phase == FCT_SAGA_NONE) {
        set_definition(instance, append->saga);
    }
    if (instance->correlation == NULL) {
        status = keep_correlation(instance, &event, err);
    }
    for (uint32_t i = 0; i < append->outcome.count && status == FACTUM_OK; i++) {
        status = fold_record(instance, &append->records[i], now, arena, err);
        instance->revision += instance->exists ? 1 : 0; /* the first event has revision 0 */
        instance->exists = true;
    }
    instance->changed = now;
    return status;
}

factum_status fct_instance_take(struct fct_instance *instance, const struct fct_step_append *append,
                                int64_t now, factum_error *err)
{
    factum_arena arena;
    instance_check(instance);
    fct_arena_init(&arena, instance->mem, FOLD_ARENA_MAX);
    factum_status status = take_records(instance, append, now, &arena, err);
    factum_arena_finish(&arena);
    if (status == FACTUM_OK) {
        instance_check(instance);
    }
    return status;
}
