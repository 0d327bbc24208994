/* lists.c - the read model of sagas: its SQL, a host of read models (factum_models) that runs it
 * with its own directory and thread, and its queries; also factum_saga_status_name. Layer: saga.
 * See lists.h.
 *
 * The statements fold the same events as state.c, as far as a list needs: the phase of the saga,
 * its stuck steps, and the timers. lists_test.c compares the two.
 *
 * Sagas have a category each ("saga:NAME"), so events are selected by type, and each statement
 * checks that the stream is a saga's: others may use the same types.
 */
#include "saga/lists.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <factum/model_rows.h>
#include <factum/models.h>

#include "core/check.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sized.h"
#include "core/slice.h"

#define LISTS_COUNT_DEFAULT UINT64_C(1000)
#define LISTS_COUNT_MAX UINT64_C(1000000) /* rows of one query */
#define LISTS_PAGE UINT64_C(10000)        /* open sagas of one query, when a host starts */
#define LISTS_TIME_MS 60000u /* the longest time of a query; a million rows take long */
/* Events are gathered for this long before they are applied in one transaction. Each transaction is
 * synced to the disk that also takes the sagas' own commits, so few and big ones are better. */
#define LISTS_GATHER_MS 50u

/* ---- the definition -------------------------------------------------------------------------- */

/* Is the stream "saga:NAME-ID"? The '-' is after byte 6, so that NAME is not empty. */
#define OURS "substr(:stream, 1, 5) = 'saga:' AND instr(:stream, '-') > 6"
#define NAME "substr(:stream, 6, instr(:stream, '-') - 6)"
#define ID "substr(:stream, instr(:stream, '-') + 1)"
#define OWN_ROW " WHERE saga = " NAME " AND id = " ID " AND " OURS
#define CHANGE "UPDATE {{saga_instances}} SET changed = :event_time"
#define END_TIMER "DELETE FROM {{saga_timers}}" OWN_ROW " AND timer = :step;\n"
/* |stuck| is the set of steps that wait for an operator, such as ",a,b,"; "," is the empty set. */
#define WITHOUT_STEP "replace(stuck, ',' || :step || ',', ',')"
/* In an UPDATE, the columns on the right have the values from before it: both uses of |list| see
 * the same |stuck|. A saga that has ended (open = 0) is never stuck: it keeps its last phase. */
#define SET_STUCK(list)                                                                            \
    ", stuck = " list ", status = CASE WHEN open = 0 OR " list " = ',' THEN phase ELSE 'stuck' "   \
    "END"
#define ENDED(phase)                                                                               \
    CHANGE ", phase = '" phase "', status = '" phase "', open = 0" OWN_ROW ";\n"                   \
           "DELETE FROM {{saga_timers}}" OWN_ROW ";\n"

/* In parts: C guarantees string literals of only 4,095 bytes.
 *
 * A saga that has not started is 'waiting': ReplyRecorded has created its row, and its timer
 * 'deadline' runs until the reply is given up. SagaStarted deletes that timer, since the deadline
 * of the definition, if it has one, follows as TimerSet.
 *
 * A StepTimedOut whose |why| is 'ask' leaves the step to an operator. After any other one the saga
 * goes on by itself. */
static const char *const lists_parts[] = {
    "--@ projection " FCT_LISTS_MODEL " version 1\n"
    "--@ from type SagaStarted, SagaFailed, SagaStuck, SagaDone, SagaUndone, StepStarted, "
    "StepSucceeded, StepFailed, StepTimedOut, UndoStarted, UndoSucceeded, UndoFailed, TimerSet, "
    "TimerMoved, TimerCancelled, TimerFired, ReplyRecorded, SagaRetried, SagaEdited, SagaSkipped, "
    "SagaUndoRequested, SagaCompleted, SagaCancelled\n"
    "--@ key :stream\n"
    "--@ host " FCT_LISTS_HOST "\n"
    "\n"
    "--@ tables\n"
    "CREATE TABLE {{saga_instances}} (\n"
    "  saga TEXT NOT NULL, id TEXT NOT NULL, version BIGINT NOT NULL, phase TEXT NOT NULL,\n"
    "  status TEXT NOT NULL, open BIGINT NOT NULL, stuck TEXT NOT NULL, step TEXT NOT NULL,\n"
    "  started TEXT, changed TEXT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (saga, id));\n"
    "CREATE INDEX {{saga_instances_by_position}} ON {{saga_instances}} (position);\n"
    "CREATE INDEX {{saga_instances_by_status}} ON {{saga_instances}} (status, position);\n"
    "CREATE INDEX {{saga_instances_by_open}} ON {{saga_instances}} (open, position);\n"
    "CREATE TABLE {{saga_timers}} (\n"
    "  saga TEXT NOT NULL, id TEXT NOT NULL, timer TEXT NOT NULL, due BIGINT NOT NULL,\n"
    "  wait BIGINT NOT NULL, PRIMARY KEY (saga, id, timer));\n"
    "CREATE INDEX {{saga_timers_by_due}} ON {{saga_timers}} (due);\n"
    "\n",
    "--@ on SagaStarted\n"
    "INSERT INTO {{saga_instances}} (saga, id, version, phase, status, open, stuck, step, "
    "started,\n"
    "  changed, position)\n"
    "SELECT " NAME ", " ID ", :version, 'running', 'running', 1, ',', '', :event_time,\n"
    "  :event_time, :event_position WHERE " OURS "\n"
    "ON CONFLICT (saga, id) DO UPDATE SET version = excluded.version, phase = 'running',\n"
    "  status = 'running', started = excluded.started, changed = excluded.changed;\n"
    "DELETE FROM {{saga_timers}}" OWN_ROW " AND timer = 'deadline';\n"
    "\n",
    "--@ on ReplyRecorded\n"
    "INSERT INTO {{saga_instances}} (saga, id, version, phase, status, open, stuck, step, "
    "changed,\n"
    "  position)\n"
    "SELECT " NAME ", " ID ", 0, 'waiting', 'waiting', 1, ',', '', :event_time, :event_position\n"
    "  WHERE " OURS "\n"
    "ON CONFLICT (saga, id) DO UPDATE SET changed = excluded.changed;\n"
    "\n",
    "--@ on SagaFailed\n" CHANGE ", phase = 'compensating',\n"
    "  status = CASE WHEN stuck = ',' THEN 'compensating' ELSE 'stuck' END" OWN_ROW ";\n"
    "\n"
    "--@ on SagaDone\n" ENDED("done"),
    "--@ on SagaUndone\n" ENDED("undone"),
    "--@ on SagaCompleted\n" ENDED("completed"),
    "--@ on StepStarted, UndoStarted\n" CHANGE ", step = :step" SET_STUCK(WITHOUT_STEP) OWN_ROW
    ";\n" END_TIMER "\n",
    "--@ on StepSucceeded, StepFailed, UndoSucceeded, UndoFailed, SagaSkipped\n" CHANGE SET_STUCK(
        WITHOUT_STEP) OWN_ROW ";\n" END_TIMER "\n",
    "--@ on StepTimedOut\n" CHANGE SET_STUCK(
        "(" WITHOUT_STEP " || CASE WHEN :why = 'ask' THEN :step || ',' ELSE '' END)") OWN_ROW
    ";\n" END_TIMER "\n",
    "--@ on SagaStuck\n" CHANGE ", step = :step" SET_STUCK("(" WITHOUT_STEP " || :step || ',')")
        OWN_ROW ";\n" END_TIMER "\n",
    "--@ on TimerSet, TimerMoved\n" CHANGE OWN_ROW ";\n"
    "INSERT INTO {{saga_timers}} (saga, id, timer, due, wait)\n"
    "SELECT " NAME ", " ID ", :timer, :dueNs, :waitNs WHERE " OURS "\n"
    "ON CONFLICT (saga, id, timer) DO UPDATE SET due = excluded.due, wait = excluded.wait;\n"
    "\n",
    "--@ on TimerCancelled, TimerFired\n" CHANGE OWN_ROW ";\n"
    "DELETE FROM {{saga_timers}}" OWN_ROW " AND timer = :timer;\n"
    "\n",
    "--@ on SagaRetried, SagaEdited, SagaUndoRequested, SagaCancelled\n" CHANGE OWN_ROW ";\n",
};
#define LISTS_PARTS (sizeof lists_parts / sizeof lists_parts[0])
#define LISTS_TEXT_SIZE ((size_t)16 << 10)

/* The definition on the heap; NULL: no memory. */
static char *join_definition(void)
{
    char *text = fct_mem_alloc(fct_mem_heap(), LISTS_TEXT_SIZE);
    size_t used = 0;
    for (size_t i = 0; i < LISTS_PARTS && text != NULL; i++) {
        size_t len = strlen(lists_parts[i]);
        FCT_ASSERT(len < LISTS_TEXT_SIZE - used);
        memcpy(text + used, lists_parts[i], len + 1);
        used += len;
    }
    return text;
}

factum_status fct_saga_lists_deploy(factum_store *store, const factum_call *call, factum_error *err)
{
    factum_projection *projection;
    const factum_projection_options options = {.size = sizeof options,
                                               .name = FCT_LISTS_MODEL ".sql"};
    const factum_act_options act = {
        .size = sizeof act, .why = FCT_SLICE("the list of sagas"), .call = call};
    char *text = join_definition();
    if (text == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "sagas: out of memory for the list of sagas");
    }
    factum_status status =
        factum_projection_load(factum_slice_from(text), &options, &projection, err);
    fct_mem_free(fct_mem_heap(), text);
    if (status != FACTUM_OK) {
        return status;
    }
    status = factum_projection_deploy(store, projection, &act, NULL, err);
    factum_projection_free(projection);
    /* WRONG_REVISION: another process has deployed the same projection at the same moment. */
    return status == FACTUM_WRONG_REVISION ? FACTUM_OK : status;
}

/* ---- running --------------------------------------------------------------------------------- */

struct fct_saga_lists {
    factum_models *models;
};

factum_status fct_saga_lists_open(factum_store *store, const char *path, const factum_log_sink *log,
                                  struct fct_saga_lists **lists, factum_error *err)
{
    const factum_slice name = FCT_SLICE(FCT_LISTS_MODEL);
    const factum_models_options options = {.size = sizeof options,
                                           .path = path,
                                           .host = FCT_SLICE(FCT_LISTS_HOST),
                                           .names = &name,
                                           .name_count = 1,
                                           .batch_wait_ms = LISTS_GATHER_MS,
                                           .log = log};
    *lists = NULL;
    struct fct_saga_lists *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "sagas: out of memory for the list of sagas");
    }
    factum_status status = factum_models_open(store, &options, &made->models, err);
    if (status != FACTUM_OK) {
        fct_mem_free(fct_mem_heap(), made);
        return status;
    }
    *lists = made;
    return FACTUM_OK;
}

void fct_saga_lists_close(struct fct_saga_lists *lists)
{
    if (lists != NULL) {
        factum_models_close(lists->models);
        fct_mem_free(fct_mem_heap(), lists);
    }
}

factum_status fct_saga_lists_wait(struct fct_saga_lists *lists, uint64_t place, int64_t timeout_ms,
                                  factum_error *err)
{
    factum_status status =
        factum_models_wait(lists->models, FCT_SLICE(FCT_LISTS_MODEL), place, timeout_ms, NULL, err);
    return status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
}

bool fct_saga_lists_have_stopped(struct fct_saga_lists *lists, uint64_t place, factum_error *err)
{
    factum_build_status build = {.size = sizeof build};
    factum_status status =
        factum_models_wait(lists->models, FCT_SLICE(FCT_LISTS_MODEL), place, 0, &build, err);
    if (status == FACTUM_TIMEOUT && build.state == FACTUM_BUILD_PAUSED) {
        (void)fct_fail(err, FACTUM_CONDITION_FAILED,
                       "the model " FCT_LISTS_MODEL
                       " is paused: factum projection resume " FCT_LISTS_MODEL);
        return true;
    }
    if (status == FACTUM_TIMEOUT && build.state == FACTUM_BUILD_STOPPED) {
        (void)fct_fail(err, FACTUM_CONDITION_FAILED,
                       "the model " FCT_LISTS_MODEL
                       " has stopped (afterwards: factum projection resume " FCT_LISTS_MODEL
                       "): %s",
                       build.reason);
        return true;
    }
    return false;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static factum_slice text_of(const factum_value *value)
{
    return value->kind == FACTUM_VALUE_TEXT ? value->bytes : fct_slice(NULL, 0);
}

static int64_t number_of(const factum_value *value)
{
    return value->kind == FACTUM_VALUE_INTEGER ? value->integer : 0;
}

/* 0: the column is NULL. */
static int64_t time_of(const factum_value *value)
{
    int64_t time = 0;
    factum_slice text = text_of(value);
    return text.len > 0 && factum_time_parse(text, &time) == FACTUM_OK ? time : 0;
}

/* Names of columns are not needed: each query has its own enum of columns. */
static bool take_columns(void *data, const factum_slice *names, size_t count)
{
    (void)data;
    (void)names;
    (void)count;
    return true;
}

/* A query: its text, and its parameters. */
struct question {
    char sql[1024];
    factum_model_parameter parameters[4];
    size_t count;
    uint64_t rows_max;
};

static void bind_text(struct question *question, const char *name, factum_slice text)
{
    question->parameters[question->count++] = (factum_model_parameter){
        factum_slice_from(name), {.kind = FACTUM_VALUE_TEXT, .bytes = text}};
}

static void bind_number(struct question *question, const char *name, uint64_t number)
{
    int64_t clamped = number < INT64_MAX ? (int64_t)number : INT64_MAX;
    question->parameters[question->count++] = (factum_model_parameter){
        factum_slice_from(name), {.kind = FACTUM_VALUE_INTEGER, .integer = clamped}};
}

/* OK without a row if this host does not have the model: no saga was ever deployed. */
static factum_status ask_lists(struct fct_saga_lists *lists, const struct question *question,
                               const factum_rows *rows, factum_error *err)
{
    const factum_model_query query = {.size = sizeof query,
                                      .model = FCT_SLICE(FCT_LISTS_MODEL),
                                      .sql = factum_slice_from(question->sql),
                                      .parameters = question->parameters,
                                      .parameter_count = question->count,
                                      .rows_max = question->rows_max,
                                      .time_ms_max = LISTS_TIME_MS};
    factum_status status = factum_models_query(lists->models, &query, rows, NULL, err);
    return status == FACTUM_NOT_FOUND ? FACTUM_OK : status;
}

/* ---- what is open ---------------------------------------------------------------------------- */

struct opened {
    const struct fct_open_each *each;
    uint64_t count; /* of this page */
    uint64_t after;
    bool ended;
};

/* Columns of the query in fct_saga_lists_open_sagas, in its order. */
enum { OPEN_SAGA, OPEN_ID, OPEN_POSITION, OPEN_DUE };

static bool take_open(void *data, const factum_value *values, size_t count)
{
    struct opened *opened = data;
    (void)count;
    opened->count++;
    opened->after = (uint64_t)number_of(&values[OPEN_POSITION]);
    opened->ended = !opened->each->each(opened->each->data, text_of(&values[OPEN_SAGA]),
                                        text_of(&values[OPEN_ID]), number_of(&values[OPEN_DUE]));
    return !opened->ended;
}

#define NEXT_DUE "(SELECT min(t.due) FROM saga_timers AS t WHERE t.saga = s.saga AND t.id = s.id)"

factum_status fct_saga_lists_open_sagas(struct fct_saga_lists *lists,
                                        const struct fct_open_each *each, factum_error *err)
{
    struct opened opened = {.each = each};
    const factum_rows rows = {&opened, take_columns, take_open};
    /* A saga that never started has work only while its timer is set. Once that has fired, the
     * reply is given up: the row stays, with nothing to do. */
    do {
        struct question question = {
            .sql = "SELECT saga, id, position, " NEXT_DUE " AS due FROM saga_instances AS s "
                   "WHERE open = 1 AND position > :after AND (phase <> 'waiting' OR EXISTS "
                   "(SELECT 1 FROM saga_timers AS w WHERE w.saga = s.saga AND w.id = s.id)) "
                   "ORDER BY position LIMIT :count",
            .rows_max = LISTS_PAGE};
        bind_number(&question, "after", opened.after);
        bind_number(&question, "count", LISTS_PAGE);
        opened.count = 0;
        factum_status status = ask_lists(lists, &question, &rows, err);
        if (opened.ended) { /* |each| has ended the list, which makes the query fail */
            return FACTUM_OK;
        }
        if (status != FACTUM_OK) {
            return status;
        }
    } while (opened.count == LISTS_PAGE);
    return FACTUM_OK;
}

/* ---- the list -------------------------------------------------------------------------------- */

static const char *const status_names[] = {
    [FACTUM_SAGA_ANY] = "",
    [FACTUM_SAGA_WAITING] = "waiting",
    [FACTUM_SAGA_RUNNING] = "running",
    [FACTUM_SAGA_COMPENSATING] = "compensating",
    [FACTUM_SAGA_STUCK] = "stuck",
    [FACTUM_SAGA_DONE] = "done",
    [FACTUM_SAGA_UNDONE] = "undone",
    [FACTUM_SAGA_COMPLETED] = "completed",
    [FACTUM_SAGA_OPEN] = "open",
};
#define STATUS_NAMES (sizeof status_names / sizeof status_names[0])

const char *factum_saga_status_name(factum_saga_status status)
{
    return (size_t)status < STATUS_NAMES ? status_names[status] : "";
}

static factum_saga_status status_of(factum_slice name)
{
    for (size_t i = FACTUM_SAGA_WAITING; i < FACTUM_SAGA_OPEN; i++) {
        if (fct_slice_equal(name, factum_slice_from(status_names[i]))) {
            return (factum_saga_status)i;
        }
    }
    return FACTUM_SAGA_ANY;
}

struct listed {
    const factum_saga_each *each; /* one of these two is set */
    const factum_saga_timer_each *timers;
    bool ended;
};

/* Columns of the query in ask_for_list, in its order. */
enum {
    ENTRY_SAGA,
    ENTRY_ID,
    ENTRY_VERSION,
    ENTRY_STATUS,
    ENTRY_STEP,
    ENTRY_STARTED,
    ENTRY_CHANGED,
    ENTRY_DUE,
    ENTRY_POSITION
};

static bool take_entry(void *data, const factum_value *values, size_t count)
{
    struct listed *listed = data;
    (void)count;
    const factum_saga_entry entry = {.size = sizeof entry,
                                     .saga = text_of(&values[ENTRY_SAGA]),
                                     .id = text_of(&values[ENTRY_ID]),
                                     .version = (uint64_t)number_of(&values[ENTRY_VERSION]),
                                     .status = status_of(text_of(&values[ENTRY_STATUS])),
                                     .step = text_of(&values[ENTRY_STEP]),
                                     .started = time_of(&values[ENTRY_STARTED]),
                                     .changed = time_of(&values[ENTRY_CHANGED]),
                                     .due = number_of(&values[ENTRY_DUE]),
                                     .position = (uint64_t)number_of(&values[ENTRY_POSITION])};
    listed->ended = !listed->each->each(listed->each->data, &entry);
    return !listed->ended;
}

/* Copies |given|, or the defaults if it is NULL, to |filter|, checks it, and waits as it demands.
 */
static factum_status read_filter(struct fct_saga_lists *lists, const factum_saga_filter *given,
                                 factum_saga_filter *filter, factum_error *err)
{
    *filter = (factum_saga_filter){.size = sizeof *filter};
    factum_status status =
        given == NULL ? FACTUM_OK
                      : fct_sized_read(filter, sizeof *filter, given, "sagas: the filter", err);
    if (status != FACTUM_OK) {
        return status;
    }
    filter->count_max = filter->count_max == 0 ? LISTS_COUNT_DEFAULT : filter->count_max;
    if (filter->status > FACTUM_SAGA_OPEN) {
        return fct_fail(err, FACTUM_INVALID, "sagas: %d is not a status", (int)filter->status);
    }
    if (filter->count_max > LISTS_COUNT_MAX) {
        return fct_fail(err, FACTUM_INVALID,
                        "sagas: a list has at most %" PRIu64 " entries, not %" PRIu64,
                        LISTS_COUNT_MAX, filter->count_max);
    }
    return filter->wait_set ? fct_saga_lists_wait(lists, filter->wait, filter->wait_ms, err)
                            : FACTUM_OK;
}

static void ask_for_list(struct question *question, const factum_saga_filter *filter)
{
    const char *status = "";
    if (filter->status == FACTUM_SAGA_OPEN) {
        status = " AND open = 1";
    } else if (filter->status != FACTUM_SAGA_ANY) {
        status = " AND status = :status";
        bind_text(question, "status", factum_slice_from(factum_saga_status_name(filter->status)));
    }
    if (filter->saga.len > 0) {
        bind_text(question, "saga", filter->saga);
    }
    bind_number(question, "after", filter->after);
    bind_number(question, "count", filter->count_max);
    question->rows_max = filter->count_max;
    snprintf(question->sql, sizeof question->sql,
             "SELECT saga, id, version, status, step, started, changed, " NEXT_DUE " AS due, "
             "position FROM saga_instances AS s WHERE position > :after%s%s ORDER BY position "
             "LIMIT :count",
             status, filter->saga.len > 0 ? " AND saga = :saga" : "");
}

factum_status fct_saga_lists_list(struct fct_saga_lists *lists, const factum_saga_filter *filter,
                                  const factum_saga_each *each, factum_error *err)
{
    struct question question = {.count = 0};
    struct listed listed = {.each = each};
    const factum_rows rows = {&listed, take_columns, take_entry};
    factum_saga_filter whole;
    factum_status status = read_filter(lists, filter, &whole, err);
    if (status == FACTUM_OK) {
        ask_for_list(&question, &whole);
        status = ask_lists(lists, &question, &rows, err);
    }
    return listed.ended ? FACTUM_OK : status;
}

/* ---- timers ---------------------------------------------------------------------------------- */

/* Columns of the query in fct_saga_lists_timers, in its order. */
enum { TIMER_SAGA, TIMER_ID, TIMER_NAME, TIMER_DUE, TIMER_WAIT };

static bool take_timer(void *data, const factum_value *values, size_t count)
{
    struct listed *listed = data;
    (void)count;
    const factum_saga_timer timer = {.size = sizeof timer,
                                     .saga = text_of(&values[TIMER_SAGA]),
                                     .id = text_of(&values[TIMER_ID]),
                                     .timer = text_of(&values[TIMER_NAME]),
                                     .due = number_of(&values[TIMER_DUE]),
                                     .wait = number_of(&values[TIMER_WAIT])};
    listed->ended = !listed->timers->each(listed->timers->data, &timer);
    return !listed->ended;
}

factum_status fct_saga_lists_timers(struct fct_saga_lists *lists, const factum_saga_filter *filter,
                                    const factum_saga_timer_each *each, factum_error *err)
{
    struct question question = {.count = 0};
    struct listed listed = {.timers = each};
    const factum_rows rows = {&listed, take_columns, take_timer};
    factum_saga_filter whole;
    factum_status status = read_filter(lists, filter, &whole, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (whole.saga.len > 0) {
        bind_text(&question, "saga", whole.saga);
    }
    bind_number(&question, "count", whole.count_max);
    question.rows_max = whole.count_max;
    snprintf(question.sql, sizeof question.sql,
             "SELECT saga, id, timer, due, wait FROM saga_timers%s ORDER BY due, saga, id, timer "
             "LIMIT :count",
             whole.saga.len > 0 ? " WHERE saga = :saga" : "");
    status = ask_lists(lists, &question, &rows, err);
    return listed.ended ? FACTUM_OK : status;
}
