/* commit.h - the work of a group: decide each append, write the batch, index it.
 * Layer: engine_local.
 *
 * Runs in the leader's thread only. decide.c judges (expectations, repeated ids, keys, conditions)
 * and changes nothing but the staged table; commit.c encodes what was accepted and finishes the
 * batch.
 */
#ifndef FCT_ENGINE_LOCAL_COMMIT_H
#define FCT_ENGINE_LOCAL_COMMIT_H

#include "engine_local/group.h"
#include "index/index.h"
#include "log/log.h"

struct fct_local;

/* An idempotency key of the batch under way, not in the index yet. */
struct fct_staged_key {
    struct fct_hash128 hash;
};

/* Memory of the leader that lives as long as the store, so that commits do not allocate. */
struct fct_commit_scratch {
    struct fct_index_entry *entries; /* of the batch */
    size_t entry_count;
    size_t entry_capacity;
    uint32_t *event_slots;       /* of the request: the staged slot of each event */
    uint32_t *expectation_slots; /* and of each expectation */
    size_t expectation_capacity;
    size_t event_capacity;
    struct fct_staged_key *keys; /* of the batch */
    size_t key_count;
    size_t key_capacity;
    const struct fct_group_request **accepted; /* of the batch */
    size_t accepted_count;
    size_t accepted_capacity;
    uint64_t serial;      /* of the request */
    uint64_t batch_start; /* positions from here on are of the batch */
    int64_t created;      /* of the batch */
};

/* The work function of the group; |data| is the struct fct_local. */
void fct_commit_work(void *data, struct fct_group_request *list);
void fct_commit_scratch_finish(const struct fct_mem *mem, struct fct_commit_scratch *scratch);

enum fct_decision {
    FCT_DECIDED_NEW,    /* to be written */
    FCT_DECIDED_ANSWER, /* status and result are set: refused, or recognised */
    FCT_DECIDED_LATER,  /* depends on the batch under way: commit that, then ask again */
};

/* Judges |request|; on NEW its slots are staged and scratch.event_slots is filled. */
enum fct_decision fct_decide(struct fct_local *local, struct fct_group_request *request);

/* "x" of "$$x"; empty if |stream| is no metastream. */
factum_slice fct_metastream_target(factum_slice stream);

#endif
