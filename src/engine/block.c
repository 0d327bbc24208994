/* block.c - waiting, written once for all engines. Layer: engine.
 *
 * A call whose answer comes later waits on a word of its own stack, which the engine sets and
 * wakes. A call that waits for events to become visible sleeps on the hub's change counter. The hub
 * is the direct listener for all such threads, so that a commit costs one system call for any
 * number of them, and none if nobody sleeps.
 *
 * Must not know what an engine does; takes no locks.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "engine/check_append.h"
#include "engine/decide.h"
#include "engine/deliver.h"
#include "os/thread.h"

/* ---- a word that is set once ----------------------------------------------------------------- */

static void signal_set(_Atomic uint32_t *word)
{
    atomic_store(word, 1);
    fct_word_wake(word, 1);
}

static void signal_await(_Atomic uint32_t *word)
{
    while (atomic_load(word) == 0) {
        fct_word_wait(word, 0, UINT64_MAX);
    }
}

static void signal_ready(void *data)
{
    signal_set(data);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void hub_notify(void *data, uint32_t bits)
{
    struct fct_hub *hub = data;
    if ((bits & FACTUM_NEWS_FAILED) != 0) {
        atomic_store(&hub->failed, 1);
    }
    atomic_fetch_add(&hub->changes, 1);
    if (atomic_load(&hub->sleepers) > 0) {
        fct_word_wake(&hub->changes, FCT_WAKE_ALL);
    }
}

factum_status fct_engine_ready(struct fct_engine *engine, factum_error *err)
{
    factum_error ignored;
    FCT_ASSERT(engine->ops->size == sizeof *engine->ops);
    FCT_ASSERT(engine->timelines.count > 0);
    engine->hub.listener = (factum_listener){
        .size = sizeof engine->hub.listener, .data = &engine->hub, .notify = hub_notify};
    engine->hub.listener.internal[3] = FCT_LISTENER_DIRECT;
    atomic_store(&engine->hub.changes, 0);
    atomic_store(&engine->hub.sleepers, 0);
    atomic_store(&engine->hub.failed, 0);
    factum_status status = engine->ops->listen(engine->self, &engine->hub.listener, err);
    if (status != FACTUM_OK) {
        (void)engine->ops->close(engine->self, &ignored);
    }
    return status;
}

factum_status fct_engine_close(struct fct_engine *engine, factum_error *err)
{
    engine->ops->unlisten(engine->self, &engine->hub.listener);
    return engine->ops->close(engine->self, err);
}

/* ---- appends --------------------------------------------------------------------------------- */

static void append_done(void *data, factum_append_op *const *ops, size_t count)
{
    (void)ops;
    FCT_ASSERT(count == 1);
    signal_set(data);
}

/* Submits |op| and waits until |completer| has set |ended|. */
static factum_status submit_and_wait(struct fct_engine *engine, factum_append_op *op,
                                     const factum_completer *completer, _Atomic uint32_t *ended,
                                     factum_error *err)
{
    FCT_ASSERT(op->completer == NULL);
    op->completer = completer;
    factum_status status = engine->ops->append(engine->self, op, err);
    if (status == FACTUM_OK) {
        signal_await(ended);
    }
    op->completer = NULL;
    return status;
}

/* Runs a checked op to its end. */
static factum_status run_append(struct fct_engine *engine, factum_append_op *op, factum_error *err)
{
    if (engine->ops->append_here != NULL) {
        engine->ops->append_here(engine->self, op);
    } else {
        _Atomic uint32_t ended = 0;
        const factum_completer completer = {&ended, append_done};
        factum_status status = submit_and_wait(engine, op, &completer, &ended, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    if (op->status < 0) {
        *err = op->err;
    }
    return op->status;
}

static factum_status append_op(struct fct_engine *engine, factum_append_op *op,
                               factum_append_result *result, factum_error *err)
{
    op->result = (factum_append_result){.first_position = 0};
    factum_status status = fct_callback_refuse("append", err);
    if (status == FACTUM_OK) {
        status = fct_append_prepare(engine, op, err);
    }
    if (status == FACTUM_OK) {
        status = run_append(engine, op, err);
    }
    if (result != NULL) {
        *result = op->result;
    }
    return status;
}

/* Sets the members that an engine reads. The rest is large, and the engine's own. */
static void op_begin(factum_append_op *op, factum_append_action action,
                     const factum_append_request *request, uint64_t *revisions)
{
    op->size = sizeof *op;
    op->action = action;
    op->request = request;
    op->revisions = revisions;
    op->completer = NULL;
    op->data = NULL;
    op->status = FACTUM_OK;
}

factum_status fct_engine_append(struct fct_engine *engine, const factum_append_request *request,
                                factum_append_result *result, uint64_t *revisions,
                                factum_error *err)
{
    factum_append_op op;
    op_begin(&op, FACTUM_ACTION_APPEND, request, revisions);
    return append_op(engine, &op, result, err);
}

factum_status fct_engine_remove(struct fct_engine *engine, factum_append_action action,
                                factum_slice stream, factum_expected expected,
                                factum_append_result *result, factum_error *err)
{
    factum_append_op op;
    const factum_expectation expectation = {stream, expected};
    const factum_append_request request = {
        .size = sizeof request, .expectations = &expectation, .expectation_count = 1};
    op_begin(&op, action, &request, NULL);
    return append_op(engine, &op, result, err);
}

/* ---- reads and lists ------------------------------------------------------------------------- */

/* Waits until a reader that has answered PENDING can be asked again; one without |ready| has only
 * used up its steps, and can be asked at once. Errors: INVALID (inside a user's function). */
static factum_status await_reader(struct fct_reader *reader, factum_error *err)
{
    _Atomic uint32_t word = 0;
    const factum_ready ready = {&word, signal_ready};
    if (reader->ops->ready == NULL) {
        return FACTUM_OK;
    }
    factum_status status = fct_callback_refuse("read", err);
    if (status == FACTUM_OK) {
        reader->ops->ready(reader, &ready);
        signal_await(&word);
    }
    return status;
}

static factum_status await_lister(struct fct_lister *lister, factum_error *err)
{
    _Atomic uint32_t word = 0;
    const factum_ready ready = {&word, signal_ready};
    if (lister->ops->ready == NULL) {
        return FACTUM_OK;
    }
    factum_status status = fct_callback_refuse("list", err);
    if (status == FACTUM_OK) {
        lister->ops->ready(lister, &ready);
        signal_await(&word);
    }
    return status;
}

factum_status fct_reader_begin(struct fct_reader *reader, factum_error *err)
{
    factum_status status;
    do {
        status = reader->ops->begin(reader, err);
    } while (status == FACTUM_PENDING && (status = await_reader(reader, err)) == FACTUM_OK);
    return status;
}

factum_status fct_engine_read(struct fct_engine *engine, const factum_read_request *request,
                              bool follow, struct fct_reader **reader, factum_error *err)
{
    *reader = NULL;
    struct fct_reader *made;
    factum_status status = fct_callback_refuse("read", err);
    if (status == FACTUM_OK) {
        status = fct_engine_start_read(engine, request, follow, &made, err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_reader_begin(made, err);
    if (status != FACTUM_OK) {
        made->ops->close(made);
        return status;
    }
    *reader = made;
    return FACTUM_OK;
}

factum_status fct_reader_next(struct fct_reader *reader, factum_event *event, factum_error *err)
{
    factum_status status;
    do {
        status = reader->ops->next(reader, event, err);
    } while (status == FACTUM_PENDING && (status = await_reader(reader, err)) == FACTUM_OK);
    return status;
}

factum_status fct_reader_extend(struct fct_reader *reader, factum_error *err)
{
    factum_status status;
    do {
        status = reader->ops->extend(reader, err);
    } while (status == FACTUM_PENDING && (status = await_reader(reader, err)) == FACTUM_OK);
    return status;
}

void fct_reader_close(struct fct_reader *reader)
{
    if (reader != NULL) {
        reader->ops->close(reader);
    }
}

factum_status fct_lister_next(struct fct_lister *lister, factum_list_entry *entry,
                              factum_error *err)
{
    factum_status status;
    do {
        status = lister->ops->next(lister, entry, err);
    } while (status == FACTUM_PENDING && (status = await_lister(lister, err)) == FACTUM_OK);
    return status;
}

void fct_lister_close(struct fct_lister *lister)
{
    if (lister != NULL) {
        lister->ops->close(lister);
    }
}

/* ---- questions ------------------------------------------------------------------------------- */

static void question_done(factum_question *question)
{
    signal_set(question->data);
}

/* Asks, with |answered| as the question's data, and waits for the answer. */
static factum_status ask_and_wait(struct fct_engine *engine, factum_question *question,
                                  _Atomic uint32_t *answered, factum_error *err)
{
    question->data = answered;
    question->done = question_done;
    factum_status status = fct_engine_ask(engine, question, err);
    if (status != FACTUM_PENDING) {
        return status;
    }
    signal_await(answered);
    if (question->status < 0) {
        *err = question->err;
    }
    return question->status;
}

factum_status fct_engine_answer(struct fct_engine *engine, factum_question *question,
                                factum_error *err)
{
    _Atomic uint32_t answered = 0;
    factum_status status = fct_callback_refuse("ask", err);
    if (status != FACTUM_OK) {
        return status;
    }
    void *data = question->data;
    void (*done)(factum_question * question) = question->done;
    status = ask_and_wait(engine, question, &answered, err);
    question->data = data;
    question->done = done;
    return status;
}

factum_status fct_engine_place(struct fct_engine *engine, uint64_t *place, factum_error *err)
{
    factum_question question = {.size = sizeof question, .kind = FACTUM_ASK_PLACE};
    factum_status status = fct_engine_answer(engine, &question, err);
    if (status == FACTUM_OK) {
        *place = question.number;
    }
    return status;
}

factum_status fct_engine_stream(struct fct_engine *engine, factum_slice stream,
                                factum_stream_info *info, factum_error *err)
{
    factum_question question = {
        .size = sizeof question, .kind = FACTUM_ASK_STREAM, .name = stream, .stream = info};
    return fct_engine_answer(engine, &question, err);
}

/* ---- waiting for events ---------------------------------------------------------------------- */

void fct_engine_wake(struct fct_engine *engine)
{
    hub_notify(&engine->hub, 0);
}

factum_status fct_engine_wait(struct fct_engine *engine, uint64_t place, int64_t timeout_ms,
                              const _Atomic uint32_t *stop, factum_error *err)
{
    struct fct_hub *hub = &engine->hub;
    uint64_t start = fct_os_monotonic(engine->os);
    bool for_ever = timeout_ms < 0 || (uint64_t)timeout_ms > UINT64_MAX / 1000000;
    uint64_t limit = for_ever ? UINT64_MAX : (uint64_t)timeout_ms * UINT64_C(1000000);
    factum_status status = fct_callback_refuse("wait", err);
    if (status != FACTUM_OK) {
        return status;
    }
    atomic_fetch_add(&hub->sleepers, 1);
    for (;;) {
        uint32_t changes = atomic_load(&hub->changes);
        uint64_t visible = 0;
        if (stop != NULL && atomic_load(stop) != 0) {
            status = FACTUM_CANCELLED;
            break;
        }
        status = fct_engine_place(engine, &visible, err);
        if (status != FACTUM_OK || visible >= place) {
            break;
        }
        if (atomic_load(&hub->failed) != 0) {
            status = fct_fail(err, FACTUM_FAILED,
                              "wait: the store has stopped after a failed write: close it and open "
                              "it again");
            break;
        }
        uint64_t passed = fct_os_monotonic(engine->os) - start;
        if (passed >= limit) {
            status = FACTUM_TIMEOUT;
            break;
        }
        fct_word_wait(&hub->changes, changes, limit == UINT64_MAX ? limit : limit - passed);
    }
    uint32_t sleepers = atomic_fetch_sub(&hub->sleepers, 1);
    FCT_ASSERT(sleepers > 0);
    return status;
}
