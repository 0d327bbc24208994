/* local_int.h - the parts of the embedded engine and how they hang together.
 * Layer: engine_local, private to it.
 *
 *   caller -> append.c (checks sizes) -> group.c (who leads?) -> commit.c (decide, encode)
 *                                                                  |-> staged, heads, recent_ids
 *                                                                  |-> log: one batch, one sync
 *                                                                  |-> index: postings of it
 *   read.c, list.c <- published position <-------------------------'
 *
 * Invariants:
 *  1. Only the leader of the group under way touches: staged, heads, recent, scratch, created_last,
 *     and calls the writer functions of log and index.
 *  2. |published| is a batch boundary; every record before it is in log and index. Readers see
 *     nothing beyond it.
 *  3. An answer leaves only after the batch that it depends on is as durable as was asked for.
 */
#ifndef FCT_ENGINE_LOCAL_LOCAL_INT_H
#define FCT_ENGINE_LOCAL_LOCAL_INT_H

#include <stdatomic.h>

#include "engine/engine.h"
#include "engine_local/commit.h"
#include "engine_local/group.h"
#include "engine_local/heads.h"
#include "engine_local/local.h"
#include "engine_local/recent_ids.h"
#include "engine_local/staged.h"
#include "index/index.h"
#include "log/log.h"
#include "os/thread.h"

/* This file is in a directory while a backup is being restored into it: it is no store yet. */
#define FCT_RESTORING_NAME "RESTORING"
#define FCT_MENDS_MAX 16u /* damaged runs that one call gets over; each is met by itself */
#define FCT_REPLAY_LONG (UINT64_C(256) << 20) /* bytes of the log that take a while to index */

struct fct_local {
    const struct fct_os *os;
    const struct fct_mem *mem;
    factum_log_sink sink;
    struct fct_limits limits;
    factum_durability durability;
    bool threads;
    bool index_in_memory; /* nothing of the index may be written */
    uint64_t hash_mask;
    uint64_t seed; /* of the hashes in staged and heads */
    char path[FCT_PATH_SIZE];
    struct fct_file *lock;
    struct fct_log *log;
    struct fct_index *index;

    /* The leader's (invariant 1). */
    struct fct_heads heads;
    struct fct_staged staged;
    struct fct_recent_ids recent;
    struct fct_commit_scratch scratch;
    int64_t created_last;

    struct fct_group group;
    _Atomic uint64_t published;
    _Atomic uint32_t news;      /* rises with published, and with every wake */
    _Atomic uint32_t listeners; /* threads in wait */

    /* background.c */
    struct fct_thread background;
    _Atomic uint32_t background_word; /* rises to say: look */
    _Atomic uint32_t background_asleep;
    _Atomic uint32_t background_stop;
    _Atomic uint64_t last_commit_ns; /* monotonic */
};

/* Locks the file LOCK of the store at |path|, or says who has it. */
FCT_MUST_USE factum_status fct_local_lock(struct fct_file *file, const char *path,
                                          factum_error *err);

/* read.c: how a stream stands now, by log and index. |head| as in heads.h. */
FCT_MUST_USE factum_status fct_local_load_head(struct fct_local *local, factum_slice stream,
                                               struct fct_head *head, factum_error *err);
/* The last event of a stream before |upto|: OK, or DONE if there is none. */
FCT_MUST_USE factum_status fct_local_last_record(struct fct_local *local, factum_slice stream,
                                                 uint64_t upto, struct fct_record *record,
                                                 factum_error *err);
/* Puts the parts of |record| where a user finds them. |tags| has room for FACTUM_TAGS_MAX. */
void fct_local_event_from(const struct fct_record *record, factum_slice *tags, factum_event *event);

/* After CORRUPT: asks the leader to make lost parts of the index anew. True if that went well and
 * it is worth trying again; *tries, 0 at first, bounds how often. */
FCT_MUST_USE bool fct_local_mended(struct fct_local *local, unsigned *tries);

FCT_MUST_USE factum_status fct_local_read(void *self, const factum_read_request *request,
                                          bool follow, struct fct_reader **reader,
                                          factum_error *err);
FCT_MUST_USE factum_status fct_local_event(void *self, uint64_t position, factum_event *event,
                                           factum_error *err);
FCT_MUST_USE factum_status fct_local_stream(void *self, factum_slice stream,
                                            factum_stream_info *info, factum_error *err);
FCT_MUST_USE factum_status fct_local_list(void *self, factum_list_kind kind,
                                          struct fct_lister **lister, factum_error *err);
/* fct_index_keys_open, once more after a damaged run was made anew. */
FCT_MUST_USE factum_status fct_local_keys_open(struct fct_local *local, enum fct_index_kind kind,
                                               struct fct_index_keys **keys, factum_error *err);
FCT_MUST_USE factum_status fct_local_verify(void *self, const factum_progress *progress,
                                            factum_verify_report *report, factum_error *err);

/* append.c */
/* Fills in what the group is to know of an append: its sizes, hashes, durability. */
FCT_MUST_USE factum_status fct_local_prepare(struct fct_local *local,
                                             const factum_append_request *append,
                                             struct fct_group_request *request, factum_error *err);
/* The text of a refusal, which takes longer than the decision: not made by who leads the group. */
void fct_local_say_refusal(const struct fct_group_request *request, factum_error *err);
FCT_MUST_USE factum_status fct_local_append(void *self, const factum_append_request *request,
                                            bool made_ids, factum_append_result *result,
                                            uint64_t *revisions, factum_error *err);
FCT_MUST_USE factum_status fct_local_submit(void *self, factum_append_op *op, bool made_ids,
                                            factum_error *err);

/* replay.c: brings the index up to the log (open), and, by the leader, makes missing runs anew.
 * CORRUPT if the log is damaged; *damaged_from, where it is not left alone, says where. */
FCT_MUST_USE factum_status fct_local_replay(struct fct_local *local, uint64_t *damaged_from,
                                            factum_error *err);
FCT_MUST_USE factum_status fct_local_mend_index(struct fct_local *local, uint64_t *damaged_from,
                                                factum_error *err);
/* What the index in |dir| proves to have been in the log; zeros if nothing. */
FCT_MUST_USE factum_status fct_local_index_mark(const struct fct_os *os, const char *dir,
                                                factum_uuid *store_id, struct fct_index_mark *mark,
                                                factum_error *err);
/* The postings of one record, at most FCT_ENTRIES_MAX, into |entries|; returns how many. */
#define FCT_ENTRIES_MAX (5u + FACTUM_TAGS_MAX)
size_t fct_local_entries(const struct fct_local *local, const struct fct_record *record,
                         const factum_slice *tags, size_t tag_count,
                         struct fct_index_entry entries[FCT_ENTRIES_MAX]);

/* By the leader: room for |entries| in the index. Syncs `os` commits first if the index is about to
 * be written out: its mark must never name what a crash of the machine could take back. */
FCT_MUST_USE factum_status fct_local_make_room(struct fct_local *local, size_t entries,
                                               factum_error *err);

/* background.c: the idle marker (rule R8) and the sync of `os` commits. */
#define FCT_IDLE_NS UINT64_C(50000000)
FCT_MUST_USE factum_status fct_local_background_start(struct fct_local *local, factum_error *err);
void fct_local_background_stop(struct fct_local *local);
/* By the leader, after each batch. */
void fct_local_background_note(struct fct_local *local);

/* By the leader: what was added is there for readers. */
void fct_local_publish(struct fct_local *local);

#endif
