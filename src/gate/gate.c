/* gate.c - see gate.h. Layer: gate.
 *
 * Invariants:
 *  1. |rules| is the table that appends see. A table that was ever in |rules| stays until nobody
 *     who may have seen it is inside.
 *  2. While |under_way| is set, one write to "$schemas" is between its submit and its end. |rules|
 *     is then a copy of |before| that refers to the coming table, so that appends ask both.
 *  3. |lock| is held while |rules|, |before|, |under_way| or |retired| change, and never while the
 *     engine works.
 */
#include "gate/gate.h"

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/slice.h"
#include "engine/deliver.h"
#include "engine/rules.h"
#include "gate/admit.h"
#include "gate/key.h"
#include "gate/reader_count.h"
#include "gate/trace.h"
#include "os/thread.h"

#define RETIRED_MAX 4u

struct gate {
    struct fct_engine_ops ops;
    struct fct_upkeep_ops upkeep;
    const struct fct_engine_ops *inner;
    void *engine; /* the inner engine's self */
    const struct fct_mem *mem;
    const factum_log_sink *sink; /* |sink_copy|, or NULL */
    factum_log_sink sink_copy;
    struct fct_workspaces workspaces;
    struct fct_tracing tracing;
    struct fct_reader_count readers;
    _Atomic(struct fct_rules *) rules;
    bool unread; /* "$schemas" is damaged: the rules are unknown. Constant after opening */

    struct fct_mutex lock;
    bool under_way;
    struct fct_rules *before;
    struct fct_rules *retired[RETIRED_MAX]; /* freed after the next drain */
    size_t retired_count;
};

/* ---- writes to the registry's stream --------------------------------------------------------- */

/* The tail of a write to the registry: the rules after its commit. */
struct change {
    struct fct_op_tail tail;
    struct gate *gate;
    struct fct_rules *after;
};

static bool is_registry(factum_slice stream)
{
    return fct_slice_equal(stream, FCT_SLICE("$schemas"));
}

/* Is |stream| the registry's stream, or the one of its metadata? */
static bool is_of_registry(factum_slice stream)
{
    return stream.len >= 8 && stream.ptr[0] == '$' &&
           (is_registry(stream) || fct_slice_equal(stream, FCT_SLICE("$$$schemas")));
}

/* Does |op| write to the registry, or to its metadata? Every stream that it writes to is in its
 * expectations, which are few. An expectation alone is not a write. */
static bool writes_registry(const factum_append_op *op)
{
    const factum_append_request *request = fct_op_request(op);
    bool named = false;
    for (size_t i = 0; i < request->expectation_count && !named; i++) {
        named = is_of_registry(request->expectations[i].stream);
    }
    bool written = named && op->action != FACTUM_ACTION_APPEND;
    for (size_t i = 0; named && i < request->event_count && !written; i++) {
        written = is_of_registry(request->events[i].stream);
    }
    return written;
}

/* With the lock held. */
static void gate_check(const struct gate *gate)
{
    FCT_ASSERT(atomic_load(&gate->rules) != NULL); /* 1 */
    FCT_ASSERT(gate->retired_count <= RETIRED_MAX);
    FCT_ASSERT(gate->under_way == (gate->before != NULL)); /* 2 */
    FCT_ASSERT(!gate->under_way || gate->before != atomic_load(&gate->rules));
}

/* With the lock held: retires |table|, which new appends no longer see. */
static void retire(struct gate *gate, struct fct_rules *table)
{
    FCT_ASSERT(gate->retired_count < RETIRED_MAX);
    gate->retired[gate->retired_count++] = table;
}

/* With the lock held, when nobody who may have seen the tables is inside. */
static void free_retired(struct gate *gate)
{
    while (gate->retired_count > 0) {
        fct_rules_destroy(gate->retired[--gate->retired_count]);
    }
}

/* With the lock held. */
static void publish_rules(struct gate *gate, struct fct_rules *table)
{
    retire(gate, atomic_exchange(&gate->rules, table));
}

static void change_end(struct fct_op_tail *tail, factum_append_op *op)
{
    struct change *change = (struct change *)(void *)tail;
    struct gate *gate = change->gate;
    /* A repeat that the engine has recognised wrote nothing: the first append did. */
    bool written = op->status == FACTUM_OK && !op->result.already;
    fct_mutex_lock(&gate->lock);
    FCT_ASSERT(gate->under_way);
    gate_check(gate);
    publish_rules(gate, written ? change->after : gate->before);
    retire(gate, written ? gate->before : change->after);
    gate->before = NULL;
    gate->under_way = false;
    gate_check(gate);
    fct_mutex_unlock(&gate->lock);
    fct_mem_free(gate->mem, change);
}

/* Sets *changed to |rules| with the registry's events of |request| applied. */
static factum_status apply_events(const struct fct_rules *rules,
                                  const factum_append_request *request, struct fct_rules **changed,
                                  factum_error *err)
{
    struct fct_rules *made = fct_rules_copy(rules);
    factum_status status = FACTUM_OK;
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "schemas: out of memory");
    }
    for (size_t i = 0; i < request->event_count && status == FACTUM_OK; i++) {
        struct fct_registry_event event;
        status =
            fct_registry_event_parse(request->events[i].type, request->events[i].data, &event, err);
        if (status == FACTUM_OK) {
            status = fct_rules_apply(&made, &event, false, err);
        }
    }
    if (status != FACTUM_OK) {
        fct_rules_destroy(made);
        return status;
    }
    *changed = made;
    return FACTUM_OK;
}

static factum_status refuse_registry(const factum_append_op *op, factum_error *err)
{
    const factum_append_request *request = fct_op_request(op);
    for (size_t i = 0; i < request->event_count; i++) {
        if (!is_registry(request->events[i].stream)) {
            return fct_fail(err, FACTUM_INVALID,
                            "event %zu: an append to $schemas writes to no other stream", i);
        }
    }
    return op->action == FACTUM_ACTION_APPEND && request->event_count > 0
               ? FACTUM_OK
               : fct_fail(err, FACTUM_INVALID,
                          "$schemas holds the schemas of this store: it cannot be deleted");
}

/* With the lock held and no write under way: creates the table after the change, announces it and
 * gives |op| its tail. */
static factum_status begin_change(struct gate *gate, factum_append_op *op, factum_error *err)
{
    struct change *change = fct_mem_alloc(gate->mem, sizeof *change);
    if (change == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "schemas: out of memory");
    }
    struct fct_rules *rules = atomic_load(&gate->rules);
    *change = (struct change){.tail = {change_end}, .gate = gate};
    factum_status status = apply_events(rules, fct_op_request(op), &change->after, err);
    struct fct_rules *announcing =
        status == FACTUM_OK ? fct_rules_announce(rules, change->after) : NULL;
    if (announcing == NULL) {
        fct_rules_destroy(change->after);
        fct_mem_free(gate->mem, change);
        return status == FACTUM_OK ? fct_fail(err, FACTUM_NO_MEMORY, "schemas: out of memory")
                                   : status;
    }
    gate->before = rules;
    atomic_store(&gate->rules, announcing);
    gate->under_way = true;
    fct_op_set_tail(op, &change->tail);
    return FACTUM_OK;
}

static factum_status unread_schemas(factum_error *err)
{
    return fct_fail(err, FACTUM_CORRUPT,
                    "the schemas of this store cannot be read, so that its events cannot be "
                    "checked: verify the store");
}

/* Prepares a write to the registry. When it returns OK, every append that did not see |op|'s
 * schemas has been submitted. */
static factum_status prepare_change(struct gate *gate, factum_append_op *op, factum_error *err)
{
    factum_error ignored;
    factum_status status = refuse_registry(op, err);
    if (status == FACTUM_OK && gate->unread) {
        status = unread_schemas(err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    /* Threads inside may wait for something that this thread does after the user's function has
     * returned. */
    if (fct_callback_refuse("schemas", &ignored) != FACTUM_OK) {
        return fct_fail(err, FACTUM_BUSY,
                        "schemas are not registered in a call back: try again outside of it");
    }
    fct_mutex_lock(&gate->lock);
    gate_check(gate);
    if (gate->under_way) {
        status = fct_fail(err, FACTUM_BUSY, "another schema is being registered: try again");
    } else {
        status = begin_change(gate, op, err);
    }
    if (status == FACTUM_OK) {
        fct_reader_count_drain(&gate->readers);
        free_retired(gate);
    }
    gate_check(gate);
    fct_mutex_unlock(&gate->lock);
    return status;
}

/* ---- appends --------------------------------------------------------------------------------- */

/* Was the key of |op| used by a committed append? Embedded engines answer at once. */
static bool is_key_used(struct gate *gate, const factum_append_op *op)
{
    factum_error ignored;
    factum_key_info info = {.size = sizeof info};
    factum_question question = {.size = sizeof question,
                                .kind = FACTUM_ASK_KEY,
                                .name = fct_op_request(op)->idempotency_key,
                                .key = &info};
    return question.name.len > 0 &&
           gate->inner->ask(gate->engine, &question, &ignored) == FACTUM_OK;
}

/* A refused append whose key was used continues as it was sent: it writes nothing. The engine
 * decides whether it repeats the append of that key, which a newer version may not accept, or
 * differs from it. */
static factum_status pass_retry(factum_append_op *op)
{
    factum_append_request *request = fct_op_request_here(op);
    request->fingerprint = fct_append_fingerprint(request);
    op->result = (factum_append_result){.refused_index = 0};
    return FACTUM_OK;
}

/* Without its schemas a store accepts only events that have none: those of system streams. */
static factum_status refuse_unread(const factum_append_op *op, factum_error *err)
{
    const factum_append_request *request = fct_op_request(op);
    for (size_t i = 0; i < request->event_count; i++) {
        if (request->events[i].stream.ptr[0] != '$') {
            return unread_schemas(err);
        }
    }
    return FACTUM_OK;
}

static factum_status admit_op(struct gate *gate, factum_append_op *op, factum_error *err)
{
    const struct fct_admission admission = {
        .mem = gate->mem,
        .sink = gate->sink,
        .rules = atomic_load(&gate->rules),
        .workspaces = &gate->workspaces,
    };
    factum_status status = gate->unread ? refuse_unread(op, err) : FACTUM_OK;
    if (status == FACTUM_OK) {
        status = fct_key_take(op, err);
    }
    if (status == FACTUM_OK) {
        status = fct_trace_stamp(&gate->tracing, op, err);
    }
    if (status == FACTUM_OK &&
        (fct_rules_count(admission.rules) > 0 || fct_rules_coming(admission.rules) != NULL)) {
        status = fct_admit(&admission, op, err);
    }
    bool refused = status == FACTUM_SCHEMA_VIOLATION || status == FACTUM_BUSY;
    return refused && is_key_used(gate, op) ? pass_retry(op) : status;
}

static factum_status gate_append(void *self, factum_append_op *op, factum_error *err)
{
    struct gate *gate = self;
    factum_status status;
    if (writes_registry(op)) {
        status = prepare_change(gate, op, err);
        if (status == FACTUM_OK) {
            status = gate->inner->append(gate->engine, op, err);
        }
    } else {
        struct fct_pass pass = fct_reader_count_enter(&gate->readers);
        status = admit_op(gate, op, err);
        if (status == FACTUM_OK) {
            status = gate->inner->append(gate->engine, op, err);
        }
        fct_reader_count_leave(&gate->readers, pass);
    }
    if (status != FACTUM_OK) {
        op->status = status;
        fct_op_end_tail(op);
    }
    return status;
}

static void gate_append_here(void *self, factum_append_op *op)
{
    struct gate *gate = self;
    if (writes_registry(op)) {
        op->status = prepare_change(gate, op, &op->err);
        if (op->status == FACTUM_OK) {
            gate->inner->append_here(gate->engine, op);
        }
    } else {
        struct fct_pass pass = fct_reader_count_enter(&gate->readers);
        op->status = admit_op(gate, op, &op->err);
        if (op->status == FACTUM_OK) {
            gate->inner->append_here(gate->engine, op);
        }
        fct_reader_count_leave(&gate->readers, pass);
    }
    fct_op_end_tail(op);
}

/* ---- everything else goes through ------------------------------------------------------------ */

static void gate_cancel(void *self, factum_append_op *op)
{
    struct gate *gate = self;
    gate->inner->cancel(gate->engine, op);
}

static factum_status gate_read(void *self, const factum_read_request *request, bool follow,
                               struct fct_reader **reader, factum_error *err)
{
    struct gate *gate = self;
    return gate->inner->read(gate->engine, request, follow, reader, err);
}

static factum_status gate_list(void *self, const factum_list_request *request,
                               struct fct_lister **lister, factum_error *err)
{
    struct gate *gate = self;
    return gate->inner->list(gate->engine, request, lister, err);
}

static factum_status gate_ask(void *self, factum_question *question, factum_error *err)
{
    struct gate *gate = self;
    return gate->inner->ask(gate->engine, question, err);
}

static factum_status gate_listen(void *self, factum_listener *listener, factum_error *err)
{
    struct gate *gate = self;
    return gate->inner->listen(gate->engine, listener, err);
}

static void gate_unlisten(void *self, factum_listener *listener)
{
    struct gate *gate = self;
    gate->inner->unlisten(gate->engine, listener);
}

static factum_status gate_verify(void *self, const factum_progress *progress,
                                 factum_verify_report *report, factum_error *err)
{
    struct gate *gate = self;
    return gate->inner->upkeep->verify(gate->engine, progress, report, err);
}

static factum_status gate_backup(void *self, const char *to, const factum_progress *progress,
                                 factum_backup_report *report, factum_error *err)
{
    struct gate *gate = self;
    return gate->inner->upkeep->backup(gate->engine, to, progress, report, err);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void gate_free(struct gate *gate)
{
    free_retired(gate);
    FCT_ASSERT(!gate->under_way);
    fct_rules_destroy(atomic_load(&gate->rules));
    fct_workspaces_finish(&gate->workspaces);
    fct_mutex_finish(&gate->lock);
    fct_mem_free(gate->mem, gate);
}

/* The engine ends the ops under way, and with them their tails. */
static factum_status gate_close(void *self, factum_error *err)
{
    struct gate *gate = self;
    factum_status status = gate->inner->close(gate->engine, err);
    gate_free(gate);
    return status;
}

/* One event of "$schemas". An event that cannot be read binds nobody, and is logged. */
static factum_status load_event(const struct gate *gate, struct fct_rules **rules,
                                const factum_event *stored, factum_error *err)
{
    struct fct_registry_event event;
    factum_error why;
    if (fct_registry_event_parse(stored->type, stored->data, &event, &why) != FACTUM_OK) {
        fct_log_message(gate->sink, FACTUM_LOG_WARN, "schema-unreadable",
                        "event %llu of $schemas is skipped: %s",
                        (unsigned long long)stored->revision, why.text);
        return FACTUM_OK;
    }
    return fct_rules_apply(rules, &event, true, err);
}

/* A store whose schemas are damaged still opens, so that it can be examined; it accepts no
 * events. */
static void note_unread(struct gate *gate, const factum_error *why)
{
    gate->unread = true;
    fct_log_message(gate->sink, FACTUM_LOG_ERROR, "schemas-damaged",
                    "$schemas cannot be read, so that appends are refused: %s", why->text);
}

static factum_status load_all(struct gate *gate, struct fct_engine *engine, factum_error *err)
{
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = FCT_SLICE("$schemas")};
    struct fct_reader *reader;
    factum_status status = fct_engine_read(engine, &request, false, &reader, err);
    if (status == FACTUM_STREAM_NOT_FOUND || status == FACTUM_STREAM_DELETED) {
        return FACTUM_OK;
    }
    factum_event event;
    struct fct_rules *rules = atomic_load(&gate->rules); /* not visible to any other thread yet */
    while (status == FACTUM_OK) {
        status = fct_reader_next(reader, &event, err);
        if (status == FACTUM_OK) {
            status = load_event(gate, &rules, &event, err);
        }
    }
    atomic_store(&gate->rules, rules);
    fct_reader_close(reader);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status load(struct gate *gate, struct fct_engine *engine, factum_error *err)
{
    factum_error why = {.status = FACTUM_OK};
    factum_status status = load_all(gate, engine, &why);
    if (status == FACTUM_CORRUPT) {
        note_unread(gate, &why);
        return FACTUM_OK;
    }
    if (status != FACTUM_OK) {
        *err = why;
    }
    return status;
}

static void fill_ops(struct gate *gate)
{
    gate->ops = (struct fct_engine_ops){
        .size = sizeof gate->ops,
        .capabilities = gate->inner->capabilities,
        .append = gate_append,
        .append_here = gate->inner->append_here == NULL ? NULL : gate_append_here,
        .cancel = gate_cancel,
        .read = gate_read,
        .list = gate_list,
        .ask = gate_ask,
        .listen = gate_listen,
        .unlisten = gate_unlisten,
        .close = gate_close,
    };
    if (gate->inner->upkeep != NULL) {
        gate->upkeep = (struct fct_upkeep_ops){
            .size = sizeof gate->upkeep,
            .verify = gate->inner->upkeep->verify == NULL ? NULL : gate_verify,
            .backup = gate->inner->upkeep->backup == NULL ? NULL : gate_backup,
        };
        gate->ops.upkeep = &gate->upkeep;
    }
}

static struct gate *gate_create(const struct fct_engine *engine, const factum_log_sink *sink)
{
    struct gate *gate = fct_mem_zalloc(engine->mem, 1, sizeof *gate);
    struct fct_rules *rules = fct_rules_create(engine->mem);
    if (gate == NULL || rules == NULL) {
        fct_mem_free(engine->mem, gate);
        fct_rules_destroy(rules);
        return NULL;
    }
    gate->inner = engine->ops;
    gate->engine = engine->self;
    gate->mem = engine->mem;
    if (sink != NULL) {
        gate->sink_copy = *sink;
        gate->sink = &gate->sink_copy;
    }
    fct_workspaces_init(&gate->workspaces, gate->mem);
    fct_tracing_init(&gate->tracing, gate->mem);
    fct_reader_count_init(&gate->readers);
    fct_mutex_init(&gate->lock);
    atomic_store(&gate->rules, rules);
    fill_ops(gate);
    return gate;
}

factum_status fct_gate_put(struct fct_engine *engine, const factum_log_sink *sink,
                           factum_error *err)
{
    factum_error ignored;
    struct gate *gate = gate_create(engine, sink);
    factum_status status = gate == NULL ? fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory")
                                        : load(gate, engine, err);
    if (status != FACTUM_OK) {
        if (gate != NULL) {
            gate_free(gate);
        }
        factum_status closed = fct_engine_close(engine, &ignored);
        (void)closed; /* the error of opening is reported */
        return status;
    }
    engine->ops = &gate->ops;
    engine->self = gate;
    return FACTUM_OK;
}
