/* appends.c - the server's appends under way, and their return to the loop. Layer: server.
 *
 * The store completes appends on its own thread, all appends of a group commit in one call. They
 * are added to a list, and the loop is woken once. The loop answers all of them in one turn, and
 * each connection that has something to send is flushed once.
 *
 * An append whose events a model of mode sync wants waits for the model before it is answered
 * (models_sync.c).
 *
 * Invariants (appends_check).
 *  1. |under_way| counts started appends whose |done| was not called yet. Loop's thread.
 *  2. |ended| is shared with the store's thread, under |lock|.
 */
#include "core/check.h"
#include "core/error.h"
#include "os/os.h"
#include "os/thread.h"
#include "server/models.h"
#include "server/server_int.h"

struct fct_appends {
    struct fct_server *server;
    factum_completer completer;
    struct fct_task task;
    struct fct_mutex lock;
    struct fct_pending *ended;
    struct fct_pending **ended_last;
    uint64_t under_way;
    uint64_t groups; /* groups that have ended and are not counted yet; shared like |ended| */
};

#define US UINT64_C(1000)
const uint64_t fct_latency_bounds[FCT_LATENCY_BOUNDS] = {
    250 * US,   500 * US,   1000 * US,   2500 * US,   5000 * US,   10000 * US,
    25000 * US, 50000 * US, 100000 * US, 250000 * US, 500000 * US, 1000000 * US,
};

/* Needs the lock. */
static void appends_check(const struct fct_appends *appends)
{
    FCT_ASSERT((appends->ended == NULL) == (appends->ended_last == &appends->ended));
    FCT_ASSERT(*appends->ended_last == NULL);
    FCT_ASSERT(appends->ended == NULL || appends->groups > 0);
}

/* Runs on the store's thread. */
static void on_completed(void *data, factum_append_op *const *ops, size_t count)
{
    struct fct_appends *appends = data;
    fct_mutex_lock(&appends->lock);
    appends_check(appends);
    for (size_t i = 0; i < count; i++) {
        struct fct_pending *pending = FCT_CONTAINER_OF(ops[i], struct fct_pending, op);
        pending->next = NULL;
        *appends->ended_last = pending;
        appends->ended_last = &pending->next;
    }
    appends->groups++;
    fct_loop_post(appends->server->loop, &appends->task); /* under the lock: close comes after it */
    fct_mutex_unlock(&appends->lock);
}

static void count_append(struct fct_server_counters *counters, const struct fct_pending *pending,
                         uint64_t now_ns)
{
    const factum_append_request *request = &pending->request;
    uint64_t took = now_ns > pending->started_ns ? now_ns - pending->started_ns : 0;
    size_t bound = 0;
    while (bound < FCT_LATENCY_BOUNDS && took > fct_latency_bounds[bound]) {
        bound++;
    }
    counters->append_latency[bound]++;
    counters->append_latency_ns += took;
    counters->appends++;
    counters->events_appended += request->event_count;
    for (size_t i = 0; i < request->event_count; i++) {
        counters->bytes_appended += request->events[i].data.len + request->events[i].metadata.len;
    }
}

static void count_outcome(struct fct_server *server, const struct fct_pending *pending,
                          uint64_t now_ns)
{
    struct fct_server_counters *counters = &server->counters;
    int refusal = -(int)pending->op.status;
    if (pending->op.status == FACTUM_OK) {
        count_append(counters, pending, now_ns);
    } else if (refusal > 0 && (size_t)refusal < FCT_REFUSALS) {
        counters->refusals[refusal]++;
    }
}

void fct_append_end(struct fct_server *server, struct fct_pending *pending)
{
    FCT_ASSERT(server->appends->under_way > 0);
    server->appends->under_way--;
    pending->done(pending);
}

static void on_ended(struct fct_task *task)
{
    struct fct_appends *appends = FCT_CONTAINER_OF(task, struct fct_appends, task);
    fct_mutex_lock(&appends->lock);
    appends_check(appends);
    struct fct_pending *pending = appends->ended;
    appends->ended = NULL;
    appends->ended_last = &appends->ended;
    appends->server->counters.append_groups += appends->groups;
    appends->groups = 0;
    fct_mutex_unlock(&appends->lock);
    uint64_t now_ns = fct_os_monotonic(fct_os_real());
    while (pending != NULL) {
        struct fct_pending *next = pending->next;
        FCT_ASSERT(appends->under_way > 0);
        count_outcome(appends->server, pending, now_ns);
        if (!fct_models_sync_start(appends->server, pending)) {
            fct_append_end(appends->server, pending);
        }
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
        /* Posted for ops that are answered already. */
        fct_loop_unpost(appends->server->loop, &appends->task);
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
    pending->behind = NULL;
    pending->started_ns = fct_os_monotonic(fct_os_real());
    factum_status status = factum_append_submit(server->store, &pending->op, err);
    if (status == FACTUM_OK) {
        server->appends->under_way++;
    } else if (status < 0 && (size_t)-status < FCT_REFUSALS) {
        server->counters.refusals[-status]++;
    }
    return status;
}
