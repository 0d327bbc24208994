/* local_int.h - the parts of the embedded engine, and how they work together.
 * Layer: engine_local, private to it.
 *
 *   caller -> append.c (sizes, hashes) -> group.c (who leads?) -> commit.c (batches)
 *                                             |-> facts.c -> engine/decide.c (the rules)
 *                                             |-> encode.c: staged, heads, recent_ids
 *                                             |-> log: one batch, one sync
 *                                             |-> index: its postings
 *   read.c, ask.c, list.c <- published position <-'
 *
 * Invariants:
 *  1. Only the leader of the group at work touches staged, heads, recent, scratch, created_last and
 *     ids, and calls the writer functions of log and index.
 *  2. |published| is a batch boundary, and never falls; every record before it is in log and index.
 *     Readers see nothing after it.
 *  3. An append is answered only after its batch is as durable as the append asked for.
 */
#ifndef FCT_ENGINE_LOCAL_LOCAL_INT_H
#define FCT_ENGINE_LOCAL_LOCAL_INT_H

#include <stdatomic.h>

#include "core/check.h"
#include "core/random.h"
#include "engine/engine.h"
#include "engine/notifier.h"
#include "engine_local/commit.h"
#include "engine_local/group.h"
#include "engine_local/heads.h"
#include "engine_local/local.h"
#include "engine_local/recent_ids.h"
#include "engine_local/staged.h"
#include "engine_local/store_dir.h"
#include "engine_local/stream_state.h"
#include "engine_local/timelines.h"
#include "index/index.h"
#include "log/log.h"
#include "os/thread.h"

/* A file in a directory into which a backup is being restored: it is not a store yet. */
#define FCT_RESTORING_NAME "RESTORING"
/* Records that a read or a list looks at between two looks at its deadline. */
#define FCT_LOCAL_CLOCK_EVERY 256u
#define FCT_REPLAY_LONG (UINT64_C(256) << 20) /* bytes of the log whose indexing is reported */

struct fct_local {
    const struct fct_os *os;
    const struct fct_mem *mem;
    factum_log_sink sink;
    struct fct_limits limits;
    factum_durability durability;
    bool threads;
    bool index_in_memory; /* the index may not be written: the log is read-only or damaged */
    uint64_t seed;        /* of the hashes in staged and heads */
    char path[FCT_PATH_SIZE];
    struct fct_store_dir dir;
    struct fct_log *log;
    struct fct_index *index;
    struct fct_timelines timelines;

    /* The leader's (invariant 1). */
    struct fct_heads heads;
    struct fct_staged staged;
    struct fct_recent_ids recent;
    struct fct_commit_scratch scratch;
    int64_t created_last;
    struct fct_random ids[2]; /* of events that come without one */

    struct fct_group group;
    struct fct_notifier notifier;
    _Atomic uint64_t published;

    /* background.c */
    struct fct_thread background;
    _Atomic uint32_t background_word; /* rises to wake the thread */
    _Atomic uint32_t background_asleep;
    _Atomic uint32_t background_stop;
    _Atomic uint64_t proven_ns; /* without threads: when the log's end was last proven; monotonic */
    uint64_t place_checked_ns;  /* the leader's: when the path was last checked; monotonic */
};

/* Asserts what is true from the end of opening to the beginning of closing; any thread. */
static inline void fct_local_check(const struct fct_local *local)
{
    FCT_ASSERT(local->log != NULL);
    FCT_ASSERT(local->index != NULL);
    FCT_ASSERT(atomic_load_explicit(&local->published, memory_order_relaxed) > 0);
}

/* read.c */
/* Makes the event of |record|, which it borrows. |tags| has room for FACTUM_TAGS_MAX. */
void fct_local_event_from(const struct fct_record *record, factum_slice *tags, factum_event *event);
FCT_MUST_USE factum_status fct_local_read(void *self, const factum_read_request *request,
                                          bool follow, struct fct_reader **reader,
                                          factum_error *err);
/* list.c, ask.c, verify.c, backup.c: operations of the engine. */
FCT_MUST_USE factum_status fct_local_list(void *self, const factum_list_request *request,
                                          struct fct_lister **lister, factum_error *err);
FCT_MUST_USE factum_status fct_local_ask(void *self, factum_question *question, factum_error *err);
FCT_MUST_USE factum_status fct_local_verify(void *self, const factum_progress *progress,
                                            factum_verify_report *report, factum_error *err);
FCT_MUST_USE factum_status fct_local_backup(void *self, const char *to,
                                            const factum_progress *progress,
                                            factum_backup_report *report, factum_error *err);

/* append.c */
struct fct_removal;
/* Fills in the fct_commit_op of |op|: sizes, hashes, durability. |removal| is NULL for APPEND, and
 * otherwise lasts as long as the op. */
void fct_local_prepare(struct fct_local *local, factum_append_op *op, struct fct_removal *removal);
FCT_MUST_USE factum_status fct_local_append(void *self, factum_append_op *op, factum_error *err);
void fct_local_append_here(void *self, factum_append_op *op);
void fct_local_cancel(void *self, factum_append_op *op);

/* encode.c: adds an append with the verdict NEW to the batch. */
void fct_commit_encode(struct fct_local *local, struct fct_commit_op *commit);

/* read_seek.c: the kind of the list that a source reads. Not for ALL and QUERY. */
enum fct_index_kind fct_local_kind_of(factum_source source);

/* facts.c: finds the COMMIT record of an idempotency key. DONE: no commit has this key. */
FCT_MUST_USE factum_status fct_local_find_key(struct fct_local *local, factum_slice name,
                                              struct fct_record *commit, factum_error *err);

/* replay.c: indexes the part of the log that the index does not cover, at opening. Errors: CORRUPT
 * (the log is damaged), IO, NO_SPACE, NO_MEMORY. Writes *damaged_from only with CORRUPT, and only
 * if a record could not be read: its position. */
FCT_MUST_USE factum_status fct_local_replay(struct fct_local *local, uint64_t *damaged_from,
                                            factum_error *err);
/* replay.c: rebuilds the runs that the index has lost; at opening, or by the leader. *damaged_from
 * and errors as above. */
FCT_MUST_USE factum_status fct_local_rebuild_index(struct fct_local *local, uint64_t *damaged_from,
                                                   factum_error *err);
/* replay.c: the log point that the index in |dir| proves to have been in the log; zeros if it has
 * no manifest that verifies. Errors: IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_local_index_point(const struct fct_os *os, const char *dir,
                                                 factum_uuid *store_id,
                                                 struct fct_index_point *point, factum_error *err);
/* commit.c */
/* The healer of the index; |data| is the struct fct_local. Any thread: the leader rebuilds missing
 * runs, another one asks the leader to. */
FCT_MUST_USE factum_status fct_local_heal_index(void *data, factum_error *err);
/* The end of the log, as the index names it. */
static inline struct fct_index_point fct_local_log_point(struct fct_log *log)
{
    struct fct_log_point end = fct_log_end_point(log);
    return (struct fct_index_point){end.position, end.batch_number, end.chain};
}

/* background.c: the heartbeat (rule R8), which also syncs `os` commits. */
#define FCT_IDLE_NS UINT64_C(50000000)
FCT_MUST_USE factum_status fct_local_background_start(struct fct_local *local, factum_error *err);
void fct_local_background_stop(struct fct_local *local);
/* By the leader, after each batch. */
void fct_local_background_note(struct fct_local *local);

#endif
