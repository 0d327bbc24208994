/* local.c - opening and closing the embedded engine, and its table of operations.
 * Layer: engine_local.
 *
 * Opening, in order: the directory and its lock; the index's manifest, which says how far the index
 * covers the log and is evidence of what was durable; the log, with recovery; the index; the replay
 * of the part of the log that the index does not cover; the background thread. Closing goes in the
 * reverse order, and writes the index out so that the next opening replays nothing.
 */
#include <errno.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/log_sink.h"
#include "engine_local/local_int.h"

#define HEADS_COUNT 32768u

/* ---- closing --------------------------------------------------------------------------------- */

static factum_status first_failure(factum_status so_far, factum_status status)
{
    return so_far < 0 ? so_far : status;
}

/* Accepts an engine whose opening failed halfway. */
static factum_status finish(struct fct_local *local, bool orderly, factum_error *err)
{
    factum_status status = FACTUM_OK;
    FCT_ASSERT(local->mem != NULL);
    if (orderly) {
        fct_local_check(local);
    }
    fct_local_background_stop(local);
    fct_group_finish(&local->group);
    fct_notifier_finish(&local->notifier);
    bool writable = local->log != NULL && fct_log_state(local->log) == FCT_LOG_OPEN;
    if (orderly && writable) {
        /* The index may cover only what is durable. */
        status = fct_log_heartbeat(local->log, err);
        if (status == FACTUM_OK) {
            status = fct_index_flush(local->index, err);
        }
    } else if (orderly && fct_log_state(local->log) == FCT_LOG_FAILED &&
               fct_log_durable(local->log) < fct_log_end(local->log)) {
        /* The background's sync failed: no call has reported yet that `os` commits may be lost. */
        status = fct_fail(err, FACTUM_FAILED, "close: the last appends may be lost: %s",
                          fct_log_state_reason(local->log));
    }
    fct_index_close(local->index);
    factum_error later;
    if (local->log != NULL) {
        status = first_failure(status, fct_log_close(local->log, status < 0 ? &later : err));
    }
    status = first_failure(status, fct_store_dir_close(&local->dir, status < 0 ? &later : err));
    fct_heads_finish(&local->heads);
    fct_staged_finish(&local->staged);
    fct_recent_ids_finish(&local->recent);
    fct_commit_scratch_finish(local->mem, &local->scratch);
    fct_mem_free(local->mem, local);
    return status;
}

static factum_status local_close(void *self, factum_error *err)
{
    return finish(self, true, err);
}

static factum_status local_listen(void *self, factum_listener *listener, factum_error *err)
{
    struct fct_local *local = self;
    return fct_notifier_listen(&local->notifier, listener, err);
}

static void local_unlisten(void *self, factum_listener *listener)
{
    struct fct_local *local = self;
    fct_notifier_unlisten(&local->notifier, listener);
}

static const struct fct_upkeep_ops local_upkeep = {
    .size = sizeof(struct fct_upkeep_ops),
    .verify = fct_local_verify,
    .backup = fct_local_backup,
};

static const struct fct_engine_ops local_ops = {
    .size = sizeof(struct fct_engine_ops),
    .capabilities = FACTUM_CAPABILITY_ATOMIC_ACROSS_STREAMS | FACTUM_CAPABILITY_CONDITIONS |
                    FACTUM_CAPABILITY_TOTAL_ORDER | FACTUM_CAPABILITY_DURABLE |
                    FACTUM_CAPABILITY_VERIFY | FACTUM_CAPABILITY_BACKUP | FACTUM_CAPABILITY_LIST,
    .append = fct_local_append,
    .append_here = fct_local_append_here,
    .cancel = fct_local_cancel,
    .read = fct_local_read,
    .list = fct_local_list,
    .ask = fct_local_ask,
    .listen = local_listen,
    .unlisten = local_unlisten,
    .close = local_close,
    .upkeep = &local_upkeep,
};

/* ---- opening --------------------------------------------------------------------------------- */

struct found {
    bool log;
    bool restoring;
    bool other; /* an entry that is not a store's */
};

static factum_status note_entry(void *data, const char *name)
{
    struct found *found = data;
    found->log = found->log || strcmp(name, "log") == 0;
    found->restoring = found->restoring || strcmp(name, FCT_RESTORING_NAME) == 0;
    found->other = found->other ||
                   (strcmp(name, "log") != 0 && strcmp(name, "index") != 0 &&
                    strcmp(name, "LOCK") != 0 && strcmp(name, "lost+found") != 0 && name[0] != '.');
    return FACTUM_OK;
}

static factum_status open_directory(struct fct_local *local,
                                    const struct fct_local_options *options, factum_error *err)
{
    struct found found = {.log = false};
    factum_error reason = {.os_error = 0};
    factum_status status = fct_os_list_dir(local->os, local->path, note_entry, &found, &reason);
    bool may_create = !options->must_exist && !options->read_only;
    FCT_ASSERT(local->dir.lock == NULL);
    if (status == FACTUM_NOT_FOUND && may_create) {
        status = fct_os_make_dir_synced(local->os, local->path, &reason); /* rule R7 */
    }
    if (status == FACTUM_NOT_FOUND && may_create) {
        return fct_fail(err, FACTUM_NOT_FOUND,
                        "the directory in which the store %s is to be created does not exist: "
                        "create that first",
                        local->path);
    }
    if ((status == FACTUM_OK && !found.log && !may_create) || status == FACTUM_NOT_FOUND) {
        return fct_fail(err, FACTUM_NOT_FOUND, "no store at %s", local->path);
    }
    if (status == FACTUM_IO && reason.os_error == ENOTDIR) {
        return fct_fail(err, FACTUM_INVALID,
                        "%s is not a directory, or is in none: a store is a directory",
                        local->path);
    }
    if (status != FACTUM_OK) {
        *err = reason;
        return status;
    }
    if (!found.log && found.other && !found.restoring) {
        return fct_fail(err, FACTUM_EXISTS,
                        "%s contains other files and no store: name a directory that is new or "
                        "empty",
                        local->path);
    }
    if (found.restoring) {
        return fct_fail(
            err, FACTUM_NOT_FOUND,
            "no store at %s: a restore into it did not end; remove it and restore again",
            local->path);
    }
    status = fct_store_dir_open(&local->dir, local->os, local->path, !options->read_only, err);
    if (status == FACTUM_OK) {
        local->os = &local->dir.dir.os;
    }
    return status;
}

static factum_status open_log(struct fct_local *local, const struct fct_local_options *options,
                              factum_error *err)
{
    char dir[FCT_PATH_SIZE];
    struct fct_index_point point = {.position = 0};
    factum_uuid store_id = {{0}};
    FCT_ASSERT(local->log == NULL);
    FCT_ASSERT(local->index == NULL);
    factum_status status = fct_path_join(dir, local->path, "index", err);
    if (status == FACTUM_OK) {
        status = fct_local_index_point(local->os, dir, &store_id, &point, err);
    }
    if (status == FACTUM_OK) {
        status = fct_path_join(dir, local->path, "log", err);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_log_options log_options = {
        .os = local->os,
        .mem = local->mem,
        .dir = dir,
        .sink = &local->sink,
        .proof = {point.position, point.batch_number, point.chain},
        .proof_store_id = store_id,
        .segment_size_first = options->segment_size_first,
        .segment_size_max = options->segment_size_max,
        .read_only = options->read_only,
        .must_exist = options->must_exist,
        .threads = options->threads,
    };
    return fct_log_open(&local->log, &log_options, err);
}

static factum_status open_index(struct fct_local *local, const struct fct_local_options *options,
                                factum_uuid store_id, factum_error *err)
{
    char dir[FCT_PATH_SIZE];
    factum_status status = fct_path_join(dir, local->path, "index", err);
    if (status != FACTUM_OK) {
        return status;
    }
    FCT_ASSERT(local->index == NULL);
    FCT_ASSERT(local->log != NULL);
    local->index_in_memory = fct_log_state(local->log) != FCT_LOG_OPEN;
    struct fct_index_options index_options = {
        .os = local->os,
        .mem = local->mem,
        .dir = dir,
        .sink = &local->sink,
        .healer = {local, fct_local_heal_index},
        .store_id = store_id,
        .memtable_size_max = options->memtable_size_max,
        .memtable_span_max = options->memtable_span_max,
        .hash_mask = options->hash_mask,
        .read_only = local->index_in_memory,
        .threads = options->threads,
    };
    return fct_index_open(&local->index, &index_options, err);
}

/* Makes log and index agree. If the log is damaged, only the part before the damage is served (rule
 * R11). */
static factum_status index_log(struct fct_local *local, const struct fct_local_options *options,
                               factum_error *err)
{
    uint64_t damaged_from = UINT64_MAX;
    uint64_t from;
    uint64_t to;
    factum_error reason;
    factum_status status = FACTUM_OK;
    FCT_ASSERT(local->log != NULL);
    FCT_ASSERT(local->index != NULL);
    uint64_t covered = fct_index_covered(local->index).position;
    uint64_t end = fct_log_end(local->log);
    bool within = covered <= end;
    bool much =
        !within || end - covered > FCT_REPLAY_LONG || fct_index_missing(local->index, &from, &to);
    if (within && !local->index_in_memory) {
        /* Lost runs first: nothing is written out while one is missing, and replay writes. */
        status = fct_local_rebuild_index(local, &damaged_from, &reason);
    }
    if (status == FACTUM_OK) {
        status = fct_local_replay(local, &damaged_from, &reason);
    }
    if (status == FACTUM_OK && much) { /* a process that ends soon would never merge the runs */
        factum_error ignored;
        factum_status settled = fct_index_settle(local->index, &ignored);
        (void)settled; /* unmerged runs only cost time */
    }
    if (status == FACTUM_OK) {
        status = fct_local_rebuild_index(local, &damaged_from, &reason);
    }
    if (status == FACTUM_CORRUPT && damaged_from != UINT64_MAX) {
        fct_log_set_damaged(local->log, damaged_from, reason.text);
        fct_index_close(local->index);
        local->index = NULL;
        status = open_index(local, options, fct_log_store_id(local->log), &reason);
        if (status == FACTUM_OK) {
            status = fct_local_replay(local, &damaged_from, &reason);
        }
    }
    if (status != FACTUM_OK) {
        *err = reason;
    }
    return status;
}

static factum_status open_parts(struct fct_local *local, const struct fct_local_options *options,
                                factum_error *err)
{
    factum_status status = open_directory(local, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = open_log(local, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = open_index(local, options, fct_log_store_id(local->log), err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = index_log(local, options, err);
    if (status != FACTUM_OK) {
        return status;
    }
    atomic_store(&local->published, fct_log_end(local->log));
    fct_local_check(local); /* |published| is not 0: the log begins with a header */
    bool writable = fct_log_state(local->log) == FCT_LOG_OPEN;
    return options->threads && writable ? fct_local_background_start(local, err) : FACTUM_OK;
}

static factum_status init(struct fct_local *local, const struct fct_local_options *options,
                          factum_error *err)
{
    FCT_ASSERT(options->os != NULL);
    FCT_ASSERT(options->path != NULL);
    local->os = options->os;
    local->mem = options->mem;
    local->limits = options->limits;
    local->threads = options->threads;
    if (options->durability > FACTUM_DURABILITY_OS) {
        return fct_fail(err, FACTUM_INVALID, "open: durability %d is not known",
                        (int)options->durability);
    }
    local->durability = options->durability == FACTUM_DURABILITY_DEFAULT ? FACTUM_DURABILITY_SYNC
                                                                         : options->durability;
    if (options->sink != NULL) {
        local->sink = *options->sink;
    }
    size_t length = strlen(options->path);
    if (length == 0 || length >= sizeof local->path) {
        return fct_fail(err, FACTUM_INVALID, "open: the path is empty or too long");
    }
    memcpy(local->path, options->path, length + 1);
    fct_recent_ids_init(&local->recent, local->mem);
    if (!fct_heads_init(&local->heads, local->mem, HEADS_COUNT) ||
        !fct_staged_init(&local->staged, local->mem)) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
    }
    factum_status status = fct_os_random(local->os, &local->seed, sizeof local->seed, err);
    return status == FACTUM_OK ? fct_os_random(local->os, local->ids, sizeof local->ids, err)
                               : status;
}

/* Loads the timelines. If their file is damaged, the new timeline is written. */
static factum_status load_timelines(struct fct_local *local, factum_error *err)
{
    factum_error ignored;
    char dir[FCT_PATH_SIZE];
    bool damaged = false;
    factum_uuid store_id = fct_log_store_id(local->log);
    factum_status status = fct_path_join(dir, local->path, "log", err);
    if (status == FACTUM_OK) {
        status = fct_timelines_load(&local->timelines, local->os, dir, store_id, &damaged, err);
    }
    if (status == FACTUM_OK && damaged) {
        fct_log_message(&local->sink, FACTUM_LOG_WARN, "timelines.damaged",
                        "%s/" FCT_TIMELINES_NAME " is damaged: earlier tokens are refused", dir);
        if (fct_log_state(local->log) == FCT_LOG_OPEN) {
            factum_status kept =
                fct_timelines_fork(&local->timelines, local->os, dir, store_id, 0, &ignored);
            (void)kept; /* on failure the next opening begins another one */
        }
    }
    return status;
}

/* Fills in the struct for the engine's users. */
static factum_status hand_over(struct fct_engine *engine, struct fct_local *local,
                               const struct fct_limits *limits, factum_error *err)
{
    *engine = (struct fct_engine){
        .ops = &local_ops,
        .self = local,
        .mem = local->mem,
        .os = local->os,
        .limits = *limits,
    };
    factum_status status = load_timelines(local, err);
    engine->timelines = local->timelines;
    FCT_ASSERT(engine->limits.queue_max > 0);
    FCT_ASSERT(status != FACTUM_OK || engine->timelines.count > 0);
    return status;
}

factum_status fct_engine_local_open(struct fct_engine *engine,
                                    const struct fct_local_options *options, factum_error *err)
{
    struct fct_limits limits = options->limits;
    factum_status status = fct_limits_default(&limits, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_local *local = fct_mem_zalloc(options->mem, 1, sizeof *local);
    if (local == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
    }
    const struct fct_group_options group = {
        .os = options->os,
        .queue_max = limits.queue_max,
        .queue_size_max = limits.queue_size_max,
        .data = local,
        .work = fct_commit_work,
        .deliver = fct_commit_deliver,
        .room = fct_commit_room,
        .answered = fct_commit_answered,
    };
    fct_group_init(&local->group, &group);
    fct_notifier_init(&local->notifier, options->mem, options->threads);
    status = init(local, options, err);
    if (status == FACTUM_OK) {
        status = open_parts(local, options, err);
    }
    if (status == FACTUM_OK) {
        status = hand_over(engine, local, &limits, err);
    }
    if (status != FACTUM_OK) {
        factum_error later;
        (void)finish(local, false, &later);
        return status;
    }
    return fct_engine_ready(engine, err);
}

factum_status fct_engine_local_tick(struct fct_engine *engine, factum_error *err)
{
    FCT_ASSERT(engine->ops == &local_ops);
    struct fct_local *local = engine->self;
    factum_status status = fct_commit_do(local, FCT_TASK_HEARTBEAT, err);
    return status == FACTUM_OK ? fct_commit_do(local, FCT_TASK_TICK, err) : status;
}
