/* commit.h - the work of a group: decide each append, write the batch, index it.
 * Layer: engine_local.
 *
 * Runs in the leader's thread. facts.c answers what the rules of engine/decide.h ask; it fills the
 * staged table, the cache of heads and the recent ids on the way. encode.c adds accepted appends to
 * the batch, and commit.c begins and finishes the batch.
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
    FCT_TASK_HEARTBEAT, /* sync, then prove the end of the log in LAST (rule R8) */
    FCT_TASK_HEAL,      /* rebuild missing runs of the index */
    FCT_TASK_TICK,      /* background work of the index, in a store without threads */
    FCT_TASK_FIND_ID,   /* find an event among the recent ids */
};

/* An append on its way through the group; stored in its op's |internal|. */
struct fct_commit_op {
    struct fct_group_member member; /* first */
    enum fct_task_kind kind;
    bool sync;    /* it ends only when it is durable */
    bool written; /* its events are in the batch under way */
    _Atomic bool cancelled;
    factum_append_op *op;
    const factum_append_request *request; /* the op's, or that of |owned| */
    factum_fingerprint fingerprint;       /* of the request, if it has an idempotency key */
    struct fct_hash128 stream;            /* hash of the first expectation's stream, for heads */
    size_t payload_max;                   /* bytes in the log, at most */
    size_t entries_max;                   /* postings, at most */
    uint64_t already_end;                 /* of a repeated append: end of what it wrote before */
    void *owned;                          /* freed with the op: a struct fct_removal, or NULL */
};
static_assert(sizeof(struct fct_commit_op) <= FCT_OP_ENGINE_WORDS * sizeof(void *), "it fits");

static inline struct fct_commit_op *fct_commit_op_of(factum_append_op *op)
{
    return (struct fct_commit_op *)(void *)op->internal;
}

static inline struct fct_commit_op *fct_commit_op_of_member(struct fct_group_member *member)
{
    return (struct fct_commit_op *)(void *)member;
}

/* The next one in a group's list. */
static inline struct fct_commit_op *fct_commit_next(const struct fct_commit_op *commit)
{
    return fct_commit_op_of_member(commit->member.next);
}

/* Work that is not an append and that only the leader may do. */
struct fct_task {
    struct fct_commit_op commit; /* first; only |member| and |kind| are used */
    factum_status status;
    factum_error err;
    /* FIND_ID: the id that is looked for, and the newest record that has it. */
    factum_uuid id;
    struct fct_record record;
};

/* An event of the request that is being judged. */
struct fct_event_slot {
    uint32_t slot; /* staged slot of its stream */
    uint32_t next; /* the next event of the same stream; event_count after the last */
};

/* Memory of the leader that is kept while the store is open, so that commits do not allocate. */
struct fct_commit_scratch {
    /* Of the batch under way. */
    struct fct_index_entry *entries;
    size_t entry_count;
    size_t entry_capacity;
    struct fct_hash128 *keys; /* idempotency keys: the index does not have them yet */
    size_t key_count;
    size_t key_capacity;
    const struct fct_commit_op **accepted;
    size_t accepted_count;
    size_t accepted_capacity;
    int64_t created;
    /* Of the request that is being judged. */
    struct fct_event_slot *event_slots;
    size_t event_capacity;
    uint32_t *expectation_slots; /* the staged slot of each expectation */
    size_t expectation_capacity;
    uint64_t serial; /* rises with each request */
};

/* The functions of the group: see struct fct_group_options. |data| is the struct fct_local. */
void fct_commit_work(void *data, struct fct_group_member *list);
void fct_commit_deliver(void *data, struct fct_group_member *list);
void fct_commit_room(void *data);
void fct_commit_answered(void *data);
/* Accepts a zeroed one. */
void fct_commit_scratch_finish(const struct fct_mem *mem, struct fct_commit_scratch *scratch);

/* Runs |task| in the leader's thread and returns its status. Not for a thread that leads. */
FCT_MUST_USE factum_status fct_commit_task(struct fct_local *local, struct fct_task *task,
                                           factum_error *err);
/* The same for tasks without parameters. */
FCT_MUST_USE factum_status fct_commit_do(struct fct_local *local, enum fct_task_kind kind,
                                         factum_error *err);

/* facts.c: judges |commit| by the rules of engine/decide.h. After FCT_VERDICT_NEW its streams are
 * staged and scratch.event_slots is filled. */
enum fct_verdict fct_local_decide(struct fct_local *local, struct fct_commit_op *commit);

/* facts.c: finds the newest record with |id| among the recent events, in |stream| unless that is
 * empty. By the leader. PENDING: it may be in the batch under way. DONE: not found. */
FCT_MUST_USE factum_status fct_local_find_recent(struct fct_local *local, factum_uuid id,
                                                 factum_slice stream, struct fct_record *record,
                                                 factum_error *err);

#endif
