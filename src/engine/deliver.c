/* deliver.c - see deliver.h. Layer: engine. */
#include "engine/deliver.h"

#include "core/check.h"
#include "core/error.h"
#include "engine/engine.h"

/* Calls of users' functions that this thread is in. */
static _Thread_local unsigned callback_depth;

void fct_callback_enter(void)
{
    callback_depth++;
}

void fct_callback_leave(void)
{
    FCT_ASSERT(callback_depth > 0);
    callback_depth--;
}

factum_status fct_callback_refuse(const char *what, factum_error *err)
{
    if (callback_depth == 0) {
        return FACTUM_OK;
    }
    return fct_fail(err, FACTUM_INVALID,
                    "%s: a function that the store has called must not wait for the store; use the "
                    "calls of async.h there, or wait on another thread",
                    what);
}

/* Calls the completer of ops[from] with all ops that have the same one and are not |called| yet. */
static void deliver_group(factum_append_op *const *ops, size_t from, size_t count, bool *called)
{
    const factum_completer *completer = ops[from]->completer;
    factum_append_op *group[FCT_DELIVER_MAX];
    size_t group_count = 0;
    for (size_t i = from; i < count; i++) {
        if (!called[i] && ops[i]->completer == completer) {
            called[i] = true;
            group[group_count++] = ops[i];
        }
    }
    FCT_ASSERT(group_count > 0);
    completer->done(completer->data, group, group_count); /* it may have freed the ops */
}

void fct_deliver(factum_append_op *const *ops, size_t count)
{
    bool called[FCT_DELIVER_MAX] = {false};
    FCT_ASSERT(count <= FCT_DELIVER_MAX);
    for (size_t i = 0; i < count; i++) {
        FCT_ASSERT(ops[i]->completer != NULL);
        fct_op_end_tail(ops[i]);
    }
    fct_callback_enter();
    for (size_t i = 0; i < count; i++) {
        if (!called[i]) {
            deliver_group(ops, i, count, called);
        }
    }
    fct_callback_leave();
}
