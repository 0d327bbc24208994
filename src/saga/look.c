/* look.c - see look.h. Layer: saga. */
#include "saga/look.h"

#include <stdio.h>
#include <string.h>

#include <factum/json.h>

#include "codec/json.h"
#include "core/error.h"
#include "core/slice.h"

factum_saga_status fct_look_status(const struct fct_instance *instance)
{
    static const factum_saga_status of_phase[] = {
        [FCT_SAGA_NONE] = FACTUM_SAGA_WAITING,
        [FCT_SAGA_FORWARD] = FACTUM_SAGA_RUNNING,
        [FCT_SAGA_COMPENSATING] = FACTUM_SAGA_COMPENSATING,
        [FCT_SAGA_DONE] = FACTUM_SAGA_DONE,
        [FCT_SAGA_UNDONE] = FACTUM_SAGA_UNDONE,
        [FCT_SAGA_COMPLETED] = FACTUM_SAGA_COMPLETED,
    };
    return fct_saga_is_stuck(&instance->saga->plan, &instance->state)
               ? FACTUM_SAGA_STUCK
               : of_phase[instance->state.phase];
}

const char *fct_look_phase(uint8_t phase)
{
    static const char *const texts[] = {
        [FCT_STEP_IDLE] = "not started",
        [FCT_STEP_DOING] = "waiting for its answer",
        [FCT_STEP_ASKED] = "silent, waiting for an operator or an answer",
        [FCT_STEP_BLOCKED] = "blocked",
        [FCT_STEP_DONE] = "done",
        [FCT_STEP_FAILED] = "failed",
        [FCT_STEP_UNKNOWN] = "silent, may have happened",
        [FCT_STEP_RESTING] = "failed, waiting for its next try",
        [FCT_STEP_UNDOING] = "being undone",
        [FCT_STEP_UNDO_RESTING] = "undo failed, waiting for its next try",
        [FCT_STEP_UNDO_STUCK] = "undo failed, stuck",
        [FCT_STEP_UNDO_SILENT] = "undo silent, stuck",
        [FCT_STEP_UNDONE] = "undone",
    };
    return phase < sizeof texts / sizeof texts[0] ? texts[phase] : "";
}

/* What began the newest commit: an operator's act, an event that was taken, or a timer. The events
 * that follow from it in the same commit have neither "by" nor "input". */
static void note_last(struct fct_look *look, const factum_event *event)
{
    struct fct_json_member members[] = {{.name = FCT_SLICE("by")}, {.name = FCT_SLICE("input")}};
    struct fct_json value;
    size_t len = 0;
    bool good = fct_json_pick(event->data, &value, members, 2, NULL) == FACTUM_OK;
    bool fired = fct_slice_equal(event->type, FCT_SLICE("TimerFired"));
    if (!(good && (members[0].found || members[1].found)) && !fired) {
        return;
    }
    (void)snprintf(look->last_type, sizeof look->last_type, "%.*s", FCT_FMT(event->type));
    look->last_by[0] = '\0';
    if (good && members[0].found &&
        fct_json_unescape(members[0].value.raw, look->last_by, sizeof look->last_by - 1, &len) ==
            FACTUM_OK) {
        look->last_by[len] = '\0';
    }
}

static factum_status fold_stream(struct fct_look *look, factum_cursor *cursor,
                                 const struct fct_look_each *each, factum_error *err)
{
    factum_event event;
    factum_status status;
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        status = fct_instance_fold(&look->instance, &event, err);
        if (status == FACTUM_OK && each != NULL) {
            status = each->each(each->data, &look->instance, &event, err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
        note_last(look, &event);
    }
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

factum_status fct_look_open(factum_store *store, factum_slice saga_id,
                            const struct fct_look_each *each, struct fct_look *look,
                            factum_error *err)
{
    char stream[FCT_SAGA_STREAM_SIZE];
    struct fct_saga_key key;
    factum_cursor *cursor = NULL;
    memset(look, 0, sizeof *look);
    if (!fct_saga_key_read(saga_id, &key)) {
        return fct_fail(err, FACTUM_INVALID,
                        "%.*s is not a saga: write NAME-ID, as order_fulfilment-42",
                        FCT_FMT(saga_id));
    }
    fct_deployed_init(&look->set, fct_mem_heap());
    fct_instance_init(&look->instance, fct_mem_heap(), &look->set, &key);
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_STREAM,
                                         .name = fct_saga_stream(&key, stream)};
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        return fct_fail(err, FACTUM_NOT_FOUND, "there is no saga %.*s-%.*s: see factum saga list",
                        FCT_FMT(key.name), FCT_FMT(key.id));
    }
    if (status == FACTUM_OK) {
        status = fct_deployed_refresh(&look->set, store, NULL, err);
    }
    if (status == FACTUM_OK) {
        status = fold_stream(look, cursor, each, err);
    }
    factum_cursor_close(cursor);
    if (status == FACTUM_OK && look->instance.saga == NULL) {
        status = fct_fail(err, FACTUM_NOT_FOUND, "saga %.*s-%.*s has no events", FCT_FMT(key.name),
                          FCT_FMT(key.id));
    }
    return status;
}

void fct_look_finish(struct fct_look *look)
{
    fct_instance_finish(&look->instance);
    fct_deployed_finish(&look->set);
}
