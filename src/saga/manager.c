/* manager.c - see manager.h. Layer: saga.
 *
 * Invariants:
 *  1. An entry has at most one commit under way, which is for the first input of its queue.
 *  2. An input leaves its queue only when nothing remains to be committed for it.
 *  3. The instance of an entry with a commit stays loaded, and the entry is in no queue of entries
 *     that continue later.
 *  4. At most |commits_max| commits are under way, and at most |timers_max| timers fire a second.
 *  5. |closing_last| ends the list |closing|.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "core/slice.h"
#include "saga/manager_int.h"

#define ARENA_MAX ((size_t)96 << 20)
#define ARENA_KEPT ((size_t)256 << 10) /* memory of an ended commit, kept for the next one */
#define WAITING_PER_COMMIT 4u
#define WAITING_BYTES_MAX ((size_t)64 << 20)
#define AGAIN_AFTER INT64_C(50000000)
#define SECOND INT64_C(1000000000)
#define TIMERS_AGAIN_AFTER (60 * SECOND)

static factum_status run_entry(struct fct_manager *manager, struct fct_entry *entry, int64_t now,
                               factum_error *err);

static void entry_check(const struct fct_entry *entry)
{
    FCT_ASSERT((entry->first == NULL) == (entry->last == NULL));
    if (entry->commit != NULL) {
        FCT_ASSERT(entry->commit->entry == entry && entry->first != NULL); /* 1, 2 */
        FCT_ASSERT(entry->instance != NULL && !entry->is_again);           /* 3 */
    }
}

static void manager_check(const struct fct_manager *manager)
{
    FCT_ASSERT(manager->commit_count <= manager->options.commits_max); /* 4 */
    FCT_ASSERT(manager->timers_fired <= manager->options.timers_max);
    FCT_ASSERT(manager->closing == NULL || manager->closing_last->closing == NULL); /* 5 */
}

/* ---- creating -------------------------------------------------------------------------------- */

factum_status fct_manager_create(const struct fct_manager_options *options,
                                 struct fct_manager **manager, factum_error *err)
{
    *manager = fct_mem_zalloc(options->mem, 1, sizeof **manager);
    if (*manager == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "sagas: out of memory");
    }
    (*manager)->options = *options;
    fct_deployed_init(&(*manager)->set, options->mem);
    factum_status status = fct_entries_init(&(*manager)->entries, options->mem, err);
    if (status == FACTUM_OK) {
        status = fct_deployed_refresh(&(*manager)->set, options->store, options->log, err);
    }
    if (status == FACTUM_OK) {
        status = fct_routes_build(&(*manager)->routes, &(*manager)->set, options->host, err);
    }
    if (status != FACTUM_OK) {
        fct_manager_destroy(*manager);
        *manager = NULL;
    }
    return status;
}

/* The first entry, or NULL. */
static struct fct_entry *take_later(struct fct_entry_queue *queue)
{
    struct fct_entry *entry = queue->first;
    if (entry != NULL) {
        queue->first = entry->again;
        entry->again = NULL;
        entry->is_again = false;
    }
    return entry;
}

static void put_later(struct fct_entry_queue *queue, struct fct_entry *entry)
{
    if (entry->is_again) {
        return;
    }
    entry->is_again = true;
    entry->again = NULL;
    *(queue->first != NULL ? &queue->last->again : &queue->first) = entry;
    queue->last = entry;
}

void fct_manager_destroy(struct fct_manager *manager)
{
    if (manager == NULL) {
        return;
    }
    FCT_ASSERT(manager->commit_count == 0);
    while (take_later(&manager->room) != NULL || take_later(&manager->again) != NULL) {
    }
    while (manager->closing != NULL) {
        struct fct_entry *entry = manager->closing;
        manager->closing = entry->closing;
        entry->is_closing = false;
    }
    fct_entries_finish(&manager->entries);
    while (manager->free_commits != NULL) {
        struct fct_commit *commit = manager->free_commits;
        manager->free_commits = commit->free_next;
        factum_arena_finish(&commit->arena);
        fct_mem_free(manager->options.mem, commit);
    }
    fct_routes_finish(&manager->routes);
    fct_deployed_finish(&manager->set);
    fct_mem_free(manager->options.mem, manager);
}

void fct_manager_bad(struct fct_manager *manager, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    manager->counts.bad_count++;
    fct_log_message(manager->options.log, FACTUM_LOG_WARN, "saga.bad", "%s", text);
}

/* ---- entries --------------------------------------------------------------------------------- */

bool fct_manager_hosts(const struct fct_manager *manager, factum_slice name)
{
    const struct factum_saga *saga = fct_deployed_at(&manager->set, name, UINT64_MAX);
    return saga != NULL && fct_slice_equal(saga->host, manager->options.host);
}

factum_status fct_manager_add_open(struct fct_manager *manager, factum_slice saga, factum_slice id,
                                   int64_t due, factum_error *err)
{
    const struct fct_saga_key key = {saga, id};
    /* The list is a table, which others can write to. */
    if (!fct_saga_key_valid(&key) || !fct_manager_hosts(manager, saga)) {
        return FACTUM_OK;
    }
    struct fct_entry *entry = fct_entries_get(&manager->entries, &key);
    if (entry == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "sagas: those that are open");
    }
    fct_entries_set_open(&manager->entries, entry, true);
    return fct_entries_set_due(&manager->entries, entry, due, err);
}

factum_status fct_manager_scan(struct fct_manager *manager, int64_t now, factum_error *err)
{
    const factum_list_request request = {
        .size = sizeof request, .kind = FACTUM_LIST_STREAMS, .prefix = FCT_SLICE(FCT_SAGA_PREFIX)};
    const struct fct_waiting waiting = {.kind = FCT_WAITING_REFRESH};
    factum_list *list = NULL;
    factum_list_entry found;
    struct fct_saga_key key;
    manager->run_now = now;
    factum_status status = factum_list_open(manager->options.store, &request, &list, err);
    while (status == FACTUM_OK) {
        status = factum_list_next(list, &found, err);
        if (status == FACTUM_OK && fct_saga_stream_read(found.name, &key) &&
            fct_manager_hosts(manager, key.name)) {
            status = fct_manager_queue(manager, &key, &waiting, err);
        }
    }
    factum_list_close(list);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static int64_t next_timer(const struct fct_instance *instance)
{
    int64_t next = instance->state.deadline.due;
    if (instance->saga == NULL) {
        return next;
    }
    for (uint32_t i = 0; i < instance->saga->plan.step_count + 2u; i++) {
        int64_t due = instance->state.timers[i].due;
        if (due != 0 && (next == 0 || due < next)) {
            next = due;
        }
    }
    return next;
}

/* Copies what the entry needs to know about the instance. */
static factum_status note_state(struct fct_manager *manager, struct fct_entry *entry,
                                factum_error *err)
{
    const struct fct_instance *instance = entry->instance;
    /* Replies whose saga did not start in time are dropped. */
    bool given_up = instance->state.phase == FCT_SAGA_NONE && instance->state.deadline.due == 0;
    bool open = instance->exists && !given_up && !fct_saga_has_ended(&instance->state);
    fct_entries_set_open(&manager->entries, entry, open);
    return fct_entries_set_due(&manager->entries, entry, open ? next_timer(instance) : 0, err);
}

static factum_status load_entry(struct fct_manager *manager, struct fct_entry *entry,
                                factum_error *err)
{
    if (entry->instance != NULL) {
        fct_entries_use(&manager->entries, entry);
        return FACTUM_OK;
    }
    struct fct_instance *instance = fct_entries_load(&manager->entries, entry, &manager->set);
    if (instance == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "sagas: an instance");
    }
    factum_status status = fct_instance_load(instance, manager->options.store, err);
    if (status == FACTUM_OK) {
        entry->known = instance->position > entry->known ? instance->position : entry->known;
        status = note_state(manager, entry, err);
    }
    if (status != FACTUM_OK) {
        fct_entries_unload(&manager->entries, entry);
    }
    return status;
}

/* Unloads the instances that were not used for the longest time. */
static void make_room(struct fct_manager *manager)
{
    struct fct_entries *entries = &manager->entries;
    struct fct_entry *entry = entries->least_used;
    while (entry != NULL && entries->loaded_count > manager->options.loaded_max) {
        struct fct_entry *before = entry->used_before;
        if (entry->commit == NULL && entry->first == NULL) {
            fct_entries_unload(entries, entry);
        }
        entry = before;
    }
}

static bool is_idle(const struct fct_entry *entry)
{
    return !entry->open && entry->first == NULL && entry->commit == NULL && !entry->is_again;
}

/* Frees an entry that is no longer needed. Its own events that are still to be fed are recognised
 * by its position, so it stays until they have been. */
static void drop_idle(struct fct_manager *manager, struct fct_entry *entry)
{
    if (!is_idle(entry) || entry->is_closing) {
        return;
    }
    if (entry->known <= manager->fed) {
        fct_entries_unload(&manager->entries, entry);
        fct_entries_drop(&manager->entries, entry);
        return;
    }
    entry->is_closing = true;
    entry->closing = NULL;
    *(manager->closing != NULL ? &manager->closing_last->closing : &manager->closing) = entry;
    manager->closing_last = entry;
}

/* Frees the entries whose own events have been fed. When the log is read again from far back, an
 * entry that ended late may be before many that ended early, so two of those that stay move to the
 * end. */
static void drop_closing(struct fct_manager *manager)
{
    int stay = 0;
    while (manager->closing != NULL && stay < 2) {
        struct fct_entry *entry = manager->closing;
        manager->closing = entry->closing;
        entry->is_closing = false;
        stay += entry->known > manager->fed ? 1 : 0;
        drop_idle(manager, entry);
    }
}

factum_status fct_manager_queue(struct fct_manager *manager, const struct fct_saga_key *key,
                                const struct fct_waiting *waiting, factum_error *err)
{
    struct fct_entry *entry = fct_entries_get(&manager->entries, key);
    if (entry == NULL || fct_entries_wait(&manager->entries, entry, waiting) == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "sagas: an input");
    }
    return run_entry(manager, entry, manager->run_now, err);
}

/* ---- commits --------------------------------------------------------------------------------- */

static struct fct_commit *take_commit(struct fct_manager *manager)
{
    struct fct_commit *commit = manager->free_commits;
    if (commit != NULL) {
        manager->free_commits = commit->free_next;
    } else {
        commit = fct_mem_zalloc(manager->options.mem, 1, sizeof *commit);
        if (commit == NULL) {
            return NULL;
        }
        fct_arena_init(&commit->arena, manager->options.mem, ARENA_MAX);
    }
    memset(&commit->input, 0, sizeof commit->input);
    commit->op.status = FACTUM_OK;
    commit->input.refused_slot = FCT_SLOT_NONE;
    return commit;
}

static void return_commit(struct fct_manager *manager, struct fct_commit *commit)
{
    if (commit->arena.size > ARENA_KEPT) {
        factum_arena_finish(&commit->arena);
    }
    factum_arena_reset(&commit->arena);
    commit->entry = NULL;
    commit->free_next = manager->free_commits;
    manager->free_commits = commit;
}

/* A transient failure: the store is busy, or full. */
static void try_again(struct fct_manager *manager, struct fct_entry *entry, int64_t now)
{
    if (manager->again.first == NULL) {
        manager->again_at = now + AGAIN_AFTER;
    }
    put_later(&manager->again, entry);
}

/* Has the store refused the append itself, for good? */
static bool is_refusal(factum_status status)
{
    return status == FACTUM_SCHEMA_VIOLATION || status == FACTUM_TOO_BIG ||
           status == FACTUM_INVALID || status == FACTUM_STREAM_DELETED;
}

/* A refusal, at once or later by completion, is in commit->op, and the commit still belongs to the
 * caller. */
static factum_status submit(struct fct_manager *manager, struct fct_commit *commit, int64_t now,
                            factum_error *err)
{
    struct fct_entry *entry = commit->entry;
    factum_error why;
    memset(&commit->op, 0, sizeof commit->op);
    commit->op.size = sizeof commit->op;
    commit->op.request = &commit->append.request;
    commit->op.data = commit;
    factum_status status = manager->options.submit(manager->options.data, &commit->op, &why);
    if (status == FACTUM_OK) {
        entry->commit = commit;
        manager->commit_count++;
        return FACTUM_OK;
    }
    if (is_refusal(status)) {
        commit->op.status = status;
        commit->op.err = why;
        return status;
    }
    return_commit(manager, commit);
    if (factum_status_is_retryable(status)) {
        try_again(manager, entry, now);
        return FACTUM_OK;
    }
    return fct_fail(err, status, "%s", why.text);
}

/* The input is done. */
static void input_served(struct fct_manager *manager, struct fct_entry *entry)
{
    if (entry->first->kind == FCT_WAITING_TIMERS) {
        entry->timers_wait = false;
    }
    fct_entries_served(&manager->entries, entry);
}

/* Timers that could not be taken are tried again, but not at once. */
static factum_status rest_timers(struct fct_manager *manager, struct fct_entry *entry, int64_t now,
                                 factum_error *err)
{
    return entry->first->kind == FCT_WAITING_TIMERS
               ? fct_entries_set_due(&manager->entries, entry, now + TIMERS_AGAIN_AFTER, err)
               : FACTUM_OK;
}

/* Commits what follows from the first input, unless the store refuses it at once. */
static factum_status try_commit(struct fct_manager *manager, struct fct_entry *entry,
                                struct fct_commit *commit, const struct factum_saga *saga,
                                int64_t now, bool *served, factum_error *err)
{
    struct fct_waiting *waiting = entry->first;
    commit->entry = entry;
    commit->input.event = waiting->has_event ? &waiting->event : NULL;
    factum_status status = fct_instance_step(entry->instance, saga, &commit->input, now,
                                             &commit->arena, &commit->append, err);
    if (status == FACTUM_INVALID || status == FACTUM_TOO_BIG || status == FACTUM_CONDITION_FAILED) {
        fct_manager_bad(manager, "saga %.*s-%.*s: an input cannot be taken: %s",
                        FCT_FMT(entry->key.name), FCT_FMT(entry->key.id), err->text);
        status = rest_timers(manager, entry, now, err);
        commit->append.outcome.count = 0;
    }
    if (status != FACTUM_OK || commit->append.outcome.count == 0) {
        *served = status == FACTUM_OK;
        return_commit(manager, commit);
        return status;
    }
    return submit(manager, commit, now, err);
}

/* The command of the append that the store has refused: the one that it names, or whose stream it
 * names, or the largest, or the first. event_count: no command. */
static size_t find_refused(const struct fct_commit *commit)
{
    const struct fct_step_append *append = &commit->append;
    size_t found = append->event_count;
    size_t named = commit->op.result.refused_index;
    bool deleted =
        commit->op.status == FACTUM_STREAM_DELETED && named < append->request.expectation_count;
    if (commit->op.status == FACTUM_SCHEMA_VIOLATION && named < append->event_count &&
        append->slot_of[named] != FCT_SLOT_NONE) {
        return named;
    }
    for (size_t i = 0; i < append->event_count; i++) {
        if (deleted && !fct_slice_equal(append->events[i].stream,
                                        append->request.expectations[named].stream)) {
            continue;
        }
        bool larger = found < append->event_count && commit->op.status == FACTUM_TOO_BIG &&
                      append->events[i].data.len > append->events[found].data.len;
        if (append->slot_of[i] != FCT_SLOT_NONE && (found == append->event_count || larger)) {
            found = i;
        }
    }
    return found;
}

/* Makes the saga stuck at the command, with the reason. */
static void note_refused(struct fct_commit *commit, size_t at)
{
    struct fct_step_input *input = &commit->input;
    if (input->refused_slot != FCT_SLOT_NONE) {
        input->refused_before[input->refused_undo ? 1 : 0] |= UINT64_C(1) << input->refused_slot;
    }
    input->refused_slot = commit->append.slot_of[at];
    input->refused_undo = commit->append.undo_of[at];
    snprintf(commit->refused, sizeof commit->refused, "%s", commit->op.err.text);
    input->refused_text = commit->refused;
}

/* Commits what follows from the first input. OK with entry->commit NULL: nothing follows, or it is
 * tried again later. If the store refuses a command, the saga becomes stuck at it; if it refuses
 * others too, at each of them, until the store accepts the rest. */
static factum_status begin_commit(struct fct_manager *manager, struct fct_entry *entry,
                                  struct fct_commit *commit, const struct factum_saga *saga,
                                  int64_t now, bool *served, factum_error *err)
{
    bool refused = is_refusal(commit->op.status);
    factum_status status = FACTUM_OK;
    do {
        size_t at = refused ? find_refused(commit) : 0;
        if (refused && at == commit->append.event_count) {
            fct_manager_bad(manager, "saga %.*s-%.*s: the store refuses its events: %s",
                            FCT_FMT(entry->key.name), FCT_FMT(entry->key.id), commit->op.err.text);
            *served = true;
            return_commit(manager, commit);
            return rest_timers(manager, entry, now, err);
        }
        if (refused) {
            note_refused(commit, at);
            factum_arena_reset(&commit->arena);
        }
        status = try_commit(manager, entry, commit, saga, now, served, err);
        refused = is_refusal(status);
    } while (refused);
    return status;
}

/* Loads the saga for its first input. If that fails for good, the input ends: a damaged or too
 * large saga does not stop the others. */
static factum_status prepare_entry(struct fct_manager *manager, struct fct_entry *entry,
                                   bool *served, factum_error *err)
{
    if (entry->first->kind == FCT_WAITING_REFRESH) {
        fct_entries_unload(&manager->entries, entry);
    }
    factum_status status = load_entry(manager, entry, err);
    if (status == FACTUM_CORRUPT || status == FACTUM_STREAM_DELETED || status == FACTUM_TOO_BIG) {
        fct_manager_bad(manager, "%s", err->text);
        fct_entries_set_open(&manager->entries, entry, false);
        *served = true;
        return fct_entries_set_due(&manager->entries, entry, 0, err);
    }
    return status;
}

/* Are as many commits under way as allowed? */
static bool is_full(const struct fct_manager *manager)
{
    return manager->commit_count >= manager->options.commits_max;
}

/* Serves one input; *served is false if it is not done yet. */
static factum_status serve_first(struct fct_manager *manager, struct fct_entry *entry, int64_t now,
                                 bool *served, factum_error *err)
{
    struct fct_saga_input control;
    *served = false;
    factum_status status = prepare_entry(manager, entry, served, err);
    if (status != FACTUM_OK || *served) {
        return status;
    }
    const struct factum_saga *saga = fct_manager_definition(manager, entry, entry->first);
    if (!fct_manager_read_input(entry, entry->first, saga, now, &control)) {
        *served = true;
        /* The entry's timer goes back to its proper time. */
        return entry->first->kind == FCT_WAITING_TIMERS ? note_state(manager, entry, err)
                                                        : FACTUM_OK;
    }
    if (is_full(manager)) {
        put_later(&manager->room, entry);
        return FACTUM_OK;
    }
    struct fct_commit *commit = take_commit(manager);
    if (commit == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "sagas: a commit");
    }
    commit->input.control = control;
    return begin_commit(manager, entry, commit, saga, now, served, err);
}

static factum_status run_entry(struct fct_manager *manager, struct fct_entry *entry, int64_t now,
                               factum_error *err)
{
    while (entry->first != NULL && entry->commit == NULL && !entry->is_again) {
        bool served;
        factum_status status = serve_first(manager, entry, now, &served, err);
        if (status != FACTUM_OK) {
            return status;
        }
        if (served) {
            input_served(manager, entry);
        }
    }
    entry_check(entry);
    make_room(manager);
    drop_idle(manager, entry);
    return FACTUM_OK;
}

/* ---- commits that have ended ----------------------------------------------------------------- */

static void count_outcome(struct fct_manager *manager, const struct fct_commit *commit)
{
    factum_sagas_info *counts = &manager->counts;
    const struct fct_saga_outcome *outcome = &commit->append.outcome;
    counts->commit_count++;
    for (uint32_t i = 0; i < outcome->count; i++) {
        const struct fct_change *change = &outcome->changes[i];
        counts->started_count += change->kind == FCT_CHANGE_SAGA_STARTED;
        counts->stuck_count += change->kind == FCT_CHANGE_SAGA_STUCK;
        counts->timer_count += change->kind == FCT_CHANGE_TIMER_FIRED;
        if (change->kind == FCT_CHANGE_REPLY_RECORDED) {
            counts->duplicate_count += change->why != FCT_WHY_EARLY;
            counts->unmatched_count += outcome->state.phase == FCT_SAGA_NONE;
        }
    }
    counts->ended_count += fct_saga_has_ended(&outcome->state);
}

/* An answer has waited for its saga as long as it is kept. It stays recorded, and counts if the
 * saga starts after all. */
static void log_unmatched(const struct fct_manager *manager, const struct fct_entry *entry)
{
    fct_log_message(manager->options.log, FACTUM_LOG_WARN, "saga.unmatched",
                    "saga %.*s-%.*s: an answer has arrived, but the saga has not started",
                    FCT_FMT(entry->key.name), FCT_FMT(entry->key.id));
}

/* A step that can only go forward has failed, or was silent, as often as its definition allows
 * before an alarm. */
static void log_alarm(const struct fct_manager *manager, const struct fct_entry *entry,
                      uint8_t slot)
{
    const struct fct_step_text *step = &entry->instance->saga->slots[slot];
    fct_log_message(manager->options.log, FACTUM_LOG_WARN, "saga.alarm",
                    "saga %.*s-%.*s: step %.*s has failed %u time%s, and is tried again",
                    FCT_FMT(entry->key.name), FCT_FMT(entry->key.id), FCT_FMT(step->name),
                    step->alarm_tries, step->alarm_tries == 1 ? "" : "s");
}

/* One alarm each: by the commit that reaches the number. */
static void raise_alarms(const struct fct_manager *manager, const struct fct_commit *commit)
{
    const struct fct_entry *entry = commit->entry;
    const struct fct_saga_state *before = &entry->instance->state;
    const struct fct_saga_state *after = &commit->append.outcome.state;
    const struct factum_saga *saga = entry->instance->saga;
    if (after->phase == FCT_SAGA_NONE && before->deadline.due != 0 && after->deadline.due == 0) {
        log_unmatched(manager, entry);
    }
    for (uint8_t slot = 0; saga != NULL && slot < saga->plan.step_count + 2u; slot++) {
        uint32_t tries = saga->slots[slot].alarm_tries;
        if (fct_plan_is_forward(&saga->plan, slot) && before->steps[slot].attempts < tries &&
            after->steps[slot].attempts >= tries) {
            log_alarm(manager, entry, slot);
        }
    }
}

static factum_status take_outcome(struct fct_manager *manager, struct fct_commit *commit,
                                  int64_t now, factum_error *err)
{
    struct fct_entry *entry = commit->entry;
    uint64_t position = commit->op.result.position;
    factum_error why;
    count_outcome(manager, commit);
    raise_alarms(manager, commit);
    entry->known = position > entry->known ? position : entry->known;
    if (fct_instance_take(entry->instance, &commit->append, now, &why) != FACTUM_OK) {
        fct_entries_unload(&manager->entries, entry);
        entry->seen = UINT64_MAX; /* only a load from the store shows what is stored */
        return FACTUM_OK;
    }
    return note_state(manager, entry, err);
}

static factum_status end_commit(struct fct_manager *manager, struct fct_commit *commit, int64_t now,
                                bool *served, factum_error *err)
{
    struct fct_entry *entry = commit->entry;
    factum_status status = commit->op.status;
    if (is_refusal(status)) {
        return begin_commit(manager, entry, commit,
                            fct_manager_definition(manager, entry, entry->first), now, served, err);
    }
    if (status == FACTUM_OK) {
        status = take_outcome(manager, commit, now, err);
        /* More than one timer may be due. */
        *served = entry->first->kind != FCT_WAITING_TIMERS;
    } else if (status == FACTUM_WRONG_REVISION) {
        manager->counts.conflict_count++;
        fct_entries_unload(&manager->entries, entry);
        status = FACTUM_OK;
    } else if (factum_status_is_retryable(status) || status == FACTUM_CANCELLED) {
        try_again(manager, entry, now);
        status = FACTUM_OK;
    } else {
        *err = commit->op.err;
    }
    return_commit(manager, commit);
    return status;
}

factum_status fct_manager_completed(struct fct_manager *manager, factum_append_op *op, int64_t now,
                                    factum_error *err)
{
    struct fct_commit *commit = op->data;
    struct fct_entry *entry = commit->entry;
    bool served = false;
    FCT_ASSERT(entry->commit == commit && manager->commit_count > 0);
    manager_check(manager);
    entry_check(entry);
    manager->run_now = now;
    entry->commit = NULL;
    manager->commit_count--;
    factum_status status = end_commit(manager, commit, now, &served, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (served) {
        input_served(manager, entry);
    }
    if (entry->seen > entry->known && entry->commit == NULL) {
        const struct fct_waiting refresh = {.kind = FCT_WAITING_REFRESH};
        entry->seen = 0;
        if (fct_entries_wait(&manager->entries, entry, &refresh) == NULL) {
            return fct_fail(err, FACTUM_NO_MEMORY, "sagas: an input");
        }
    }
    return run_entry(manager, entry, now, err);
}

/* ---- inputs from the owner ------------------------------------------------------------------- */

factum_status fct_manager_feed(struct fct_manager *manager, const factum_event *event, int64_t now,
                               factum_error *err)
{
    if (manager->entries.waiting_count >=
            (size_t)WAITING_PER_COMMIT * manager->options.commits_max ||
        manager->entries.waiting_bytes >= WAITING_BYTES_MAX) {
        return FACTUM_BUSY;
    }
    manager_check(manager);
    manager->run_now = now;
    factum_status status = fct_manager_route(manager, event, err);
    if (status == FACTUM_OK) {
        fct_manager_fed(manager, event->position);
    }
    return status;
}

void fct_manager_fed(struct fct_manager *manager, uint64_t place)
{
    manager->fed = place > manager->fed ? place : manager->fed;
    drop_closing(manager);
    manager_check(manager);
}

/* Runs the entries that wait for room, while there is some, and, if it is time, those that wait for
 * a retry: each once, since some of them queue again. */
static factum_status run_later(struct fct_manager *manager, int64_t now, factum_error *err)
{
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && manager->room.first != NULL && !is_full(manager)) {
        status = run_entry(manager, take_later(&manager->room), now, err);
    }
    if (manager->again.first == NULL || now < manager->again_at) {
        return status;
    }
    struct fct_entry_queue due = manager->again;
    manager->again = (struct fct_entry_queue){NULL, NULL};
    for (struct fct_entry *entry = take_later(&due); entry != NULL; entry = take_later(&due)) {
        if (status == FACTUM_OK) {
            status = run_entry(manager, entry, now, err);
        }
    }
    return status;
}

/* May one more timer fire in this second? The others wait for the next, so that the backlog of an
 * outage does not starve new work. */
static bool timer_may_fire(struct fct_manager *manager, int64_t now)
{
    if (now / SECOND != manager->timer_second) {
        manager->timer_second = now / SECOND;
        manager->timers_fired = 0;
    }
    return manager->timers_fired < manager->options.timers_max;
}

factum_status fct_manager_tick(struct fct_manager *manager, int64_t now, factum_error *err)
{
    manager_check(manager);
    manager->run_now = now;
    factum_status status = run_later(manager, now, err);
    while (status == FACTUM_OK && !is_full(manager)) {
        struct fct_entry *entry = fct_entries_first_due(&manager->entries);
        if (entry == NULL || entry->due > now || !timer_may_fire(manager, now)) {
            return FACTUM_OK;
        }
        manager->timers_fired++;
        /* It is set again from the instance when the input has been served. */
        status = fct_entries_set_due(&manager->entries, entry, 0, err);
        if (status == FACTUM_OK && !entry->timers_wait) {
            const struct fct_waiting waiting = {.kind = FCT_WAITING_TIMERS};
            entry->timers_wait = true;
            /* This runs the entry, which may be freed then: the lists may call a saga open that has
             * ended. */
            status = fct_manager_queue(manager, &entry->key, &waiting, err);
        }
    }
    return status;
}

/* While the manager is full no timer fires: the end of a commit wakes the owner. */
int64_t fct_manager_next(const struct fct_manager *manager)
{
    const struct fct_entry *entry =
        is_full(manager) ? NULL : fct_entries_first_due(&manager->entries);
    int64_t next = entry != NULL ? entry->due : INT64_MAX;
    if (entry != NULL && manager->timers_fired >= manager->options.timers_max) {
        int64_t second = (manager->timer_second + 1) * SECOND;
        next = next > second ? next : second;
    }
    return manager->again.first != NULL && manager->again_at < next ? manager->again_at : next;
}

uint64_t fct_manager_place(const struct fct_manager *manager)
{
    const struct fct_waiting *oldest = manager->entries.oldest;
    return oldest != NULL ? oldest->event.position - 1 : manager->fed;
}

uint32_t fct_manager_commits(const struct fct_manager *manager)
{
    return manager->commit_count;
}

void fct_manager_count(const struct fct_manager *manager, factum_sagas_info *info)
{
    const factum_sagas_info *counts = &manager->counts;
    info->started_count += counts->started_count;
    info->ended_count += counts->ended_count;
    info->commit_count += counts->commit_count;
    info->conflict_count += counts->conflict_count;
    info->duplicate_count += counts->duplicate_count;
    info->unmatched_count += counts->unmatched_count;
    info->stuck_count += counts->stuck_count;
    info->timer_count += counts->timer_count;
    info->bad_count += counts->bad_count;
    info->place = fct_manager_place(manager);
    info->open_count = manager->entries.open_count;
    info->loaded_count = manager->entries.loaded_count;
}

bool fct_manager_first(const struct fct_manager *manager, uint64_t *position)
{
    *position = UINT64_MAX;
    for (size_t i = 0; i < manager->set.count; i++) {
        uint64_t at = manager->set.items[i].position;
        *position = at < *position ? at : *position;
    }
    return manager->set.count > 0;
}
