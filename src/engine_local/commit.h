/* commit.h - the work of a group: decide each append, write the batch, index it.
 * Layer: engine_local.
 *
 * Runs in the leader's thread only. facts.c says what is known to the rules of engine/decide.h, and
 * fills the staged table, the cache of heads and the recent ids on the way; commit.c encodes what
 * was accepted and finishes the batch.
 */
#ifndef FCT_ENGINE_LOCAL_COMMIT_H
#define FCT_ENGINE_LOCAL_COMMIT_H

#include "codec/record.h"
#include "core/hash.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine_local/group.h"
#include "index/index.h"
#include "log/log.h"

struct fct_local;

enum fct_task_kind {
    FCT_TASK_APPEND,
    FCT_TASK_HEARTBEAT, /* sync what is not, and say so in the log: an idle batch */
    FCT_TASK_HEAL,      /* rebuild missing runs of the index */
    FCT_TASK_TICK,      /* background work of a store without threads */
    FCT_TASK_FIND_ID,   /* look among the recent ids */
};

/* An append on its way through the group; lies in its op's |internal|. */
struct fct_commit_op {
    struct fct_group_member member; /* first */
    enum fct_task_kind kind;
    bool sync;
    bool written; /* its events are in the batch under way */
    _Atomic bool cancelled;
    factum_append_op *op;
    const factum_append_request *request; /* the effective one */
    factum_fingerprint fingerprint;       /* if it has an idempotency key */
    struct fct_hash128 stream;            /* the head's hash of the first expectation's stream */
    size_t payload_max;                   /* bytes in the log, at most */
    size_t entries_max;                   /* postings, at most */
    uint64_t already_end;                 /* recognised: where what it had written ends */
    void *owned;                          /* freed with the op: a struct fct_removal, or NULL */
};
static_assert(sizeof(struct fct_commit_op) <= FCT_OP_ENGINE_WORDS * sizeof(void *), "it fits");

static inline struct fct_commit_op *fct_commit_op_of(factum_append_op *op)
{
    return (struct fct_commit_op *)(void *)op->internal;
}

/* Work of another kind that only the leader may do. */
struct fct_task {
    struct fct_commit_op commit; /* first; only |member| and |kind| are used */
    factum_status status;
    factum_error err;
    /* FIND_ID: what is looked for, and the newest record that has it. */
    factum_uuid id;
    struct fct_record record;
};

/* An event of the request. */
struct fct_event_slot {
    uint32_t slot; /* staged slot of its stream */
    uint32_t next; /* the next event of the same stream; event_count after the last */
};

/* Memory of the leader that lives as long as the store, so that commits do not allocate. */
struct fct_commit_scratch {
    struct fct_index_entry *entries; /* of the batch */
    size_t entry_count;
    size_t entry_capacity;
    struct fct_event_slot *event_slots; /* of the request */
    uint32_t *expectation_slots;        /* the same: the staged slot of each expectation */
    size_t expectation_capacity;
    size_t event_capacity;
    struct fct_hash128 *keys; /* idempotency keys of the batch, which are not in the index yet */
    size_t key_count;
    size_t key_capacity;
    const struct fct_commit_op **accepted; /* of the batch */
    size_t accepted_count;
    size_t accepted_capacity;
    uint64_t serial; /* of the request */
    int64_t created; /* of the batch */
};

/* The functions of the group; |data| is the struct fct_local. */
void fct_commit_work(void *data, struct fct_group_member *list);
void fct_commit_deliver(void *data, struct fct_group_member *list);
void fct_commit_room(void *data);
void fct_commit_told(void *data);
void fct_commit_scratch_finish(const struct fct_mem *mem, struct fct_commit_scratch *scratch);

/* Runs a task in the leader's thread and returns its status. By a leader it must not be called. */
FCT_MUST_USE factum_status fct_commit_task(struct fct_local *local, struct fct_task *task,
                                           factum_error *err);
/* The same for tasks without parameters. */
FCT_MUST_USE factum_status fct_commit_do(struct fct_local *local, enum fct_task_kind kind,
                                         factum_error *err);

/* facts.c: judges |commit| (engine/decide.h); on NEW its slots are staged and scratch.event_slots
 * is filled. */
enum fct_verdict fct_local_decide(struct fct_local *local, struct fct_commit_op *commit);

/* facts.c: the newest record with |id|, in |stream| unless that is empty, among the recent events:
 * OK, or DONE. By the leader, with no batch under way. */
FCT_MUST_USE factum_status fct_local_find_recent(struct fct_local *local, factum_uuid id,
                                                 factum_slice stream, struct fct_record *record,
                                                 factum_error *err);

#endif
