/* appends.c - appends that the server has under way, and their way back to the loop. Layer: server.
 *
 * The store completes appends on its own thread, a group commit in one call: they are put into a
 * list and the loop is woken once. It answers them all in one turn, and each connection that has
 * something to send is flushed once.
 *
 * Invariants.
 *  1. |under_way| counts what was started and whose |done| was not called yet. Loop's thread.
 *  2. |ended| is shared with the store's thread, under |lock|.
 */
#include "core/check.h"
#include "core/error.h"
#include "os/thread.h"
#include "server/server_int.h"

struct fct_appends {
    struct fct_server *server;
    factum_completer completer;
    struct fct_task task;
    struct fct_mutex lock;
    struct fct_pending *ended;
    struct fct_pending **ended_last;
    uint64_t under_way;
};

/* On the store's thread. */
static void on_completed(void *data, factum_append_op *const *ops, size_t count)
{
    struct fct_appends *appends = data;
    fct_mutex_lock(&appends->lock);
    for (size_t i = 0; i < count; i++) {
        struct fct_pending *pending = FCT_CONTAINER_OF(ops[i], struct fct_pending, op);
        pending->next = NULL;
        *appends->ended_last = pending;
        appends->ended_last = &pending->next;
    }
    fct_loop_post(appends->server->loop, &appends->task); /* locked: close comes after it */
    fct_mutex_unlock(&appends->lock);
}

static void count_outcome(struct fct_server *server, const struct fct_pending *pending)
{
    struct fct_server_counters *counters = &server->counters;
    int refusal = -(int)pending->op.status;
    if (pending->op.status == FACTUM_OK) {
        counters->appends++;
        counters->events_appended += pending->request.event_count;
    } else if (refusal > 0 && (size_t)refusal < FCT_REFUSALS) {
        counters->refusals[refusal]++;
    }
}

static void on_ended(struct fct_task *task)
{
    struct fct_appends *appends = FCT_CONTAINER_OF(task, struct fct_appends, task);
    fct_mutex_lock(&appends->lock);
    struct fct_pending *pending = appends->ended;
    appends->ended = NULL;
    appends->ended_last = &appends->ended;
    fct_mutex_unlock(&appends->lock);
    while (pending != NULL) {
        struct fct_pending *next = pending->next;
        FCT_ASSERT(appends->under_way > 0);
        appends->under_way--;
        count_outcome(appends->server, pending);
        pending->done(pending);
        pending = next;
    }
}

factum_status fct_appends_open(struct fct_server *server, factum_error *err)
{
    struct fct_appends *appends = fct_mem_zalloc(server->mem, 1, sizeof *appends);
    if (appends == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "start the server: out of memory");
    }
    appends->server = server;
    appends->completer = (factum_completer){appends, on_completed};
    appends->task.run = on_ended;
    appends->ended_last = &appends->ended;
    fct_mutex_init(&appends->lock);
    server->appends = appends;
    return FACTUM_OK;
}

uint64_t fct_appends_under_way(const struct fct_server *server)
{
    return server->appends->under_way;
}

void fct_appends_close(struct fct_server *server)
{
    struct fct_appends *appends = server->appends;
    if (appends != NULL) {
        FCT_ASSERT(appends->under_way == 0);
        fct_loop_unpost(appends->server->loop, &appends->task); /* of ops that are answered */
        fct_mutex_finish(&appends->lock);
        fct_mem_free(server->mem, appends);
        server->appends = NULL;
    }
}

factum_status fct_append_start(struct fct_server *server, struct fct_pending *pending,
                               factum_error *err)
{
    if (server->stopping) {
        return fct_fail(err, FACTUM_BUSY, "the server is shutting down");
    }
    pending->op.size = sizeof pending->op;
    pending->op.request = &pending->request;
    pending->op.completer = &server->appends->completer;
    pending->request.size = sizeof pending->request;
    factum_status status = factum_append_submit(server->store, &pending->op, err);
    if (status == FACTUM_OK) {
        server->appends->under_way++;
    } else if (status < 0 && (size_t)-status < FCT_REFUSALS) {
        server->counters.refusals[-status]++;
    }
    return status;
}
