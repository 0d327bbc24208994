/* memory_int.h - what the files of the memory engine share. Layer: engine_memory, private to it. */
#ifndef FCT_ENGINE_MEMORY_MEMORY_INT_H
#define FCT_ENGINE_MEMORY_MEMORY_INT_H

#include "core/random.h"
#include "engine/backlog.h"
#include "engine/engine.h"
#include "engine/notifier.h"
#include "engine/rules.h"
#include "os/thread.h"

#define FCT_MEMORY_POSITION_FIRST UINT64_C(64)
#define FCT_MEMORY_POSITION_STEP UINT64_C(8)

struct stored {
    factum_event event; /* slices and tags point into the same block; no commit, no key */
    uint64_t commit;
    const struct stored_key *key; /* or NULL */
    factum_slice tags[];
};

/* What was appended under one idempotency key. */
struct stored_key {
    factum_slice slice; /* of |name| */
    factum_fingerprint fingerprint;
    size_t first; /* index of the append's first event */
    size_t count;
    uint64_t position; /* where the append begins */
    int64_t created;
    size_t len;
    uint8_t name[FACTUM_NAME_SIZE_MAX];
};

struct memory {
    const struct fct_mem *mem;
    const struct fct_os *os;
    struct fct_limits limits;
    struct fct_notifier notifier;
    factum_completer completer; /* of ops that have ended, on their way to their own completer */

    struct fct_mutex lock; /* of the next members */
    struct stored **events;
    size_t count, capacity;
    struct stored_key **keys;
    size_t key_count, key_capacity;
    int64_t created_last;
    uint64_t end;
    struct fct_random random;
    struct fct_backlog backlog;
};

struct standing {
    factum_stream_state state;
    bool has_events; /* apart from a tombstone */
    uint64_t last_revision;
    uint64_t last_position;
    bool has_metadata;
    uint64_t metadata_revision;
    struct fct_stream_metadata metadata;
};

/* An append under way: its request, and the op that gets the outcome. */
struct append {
    struct memory *memory;
    factum_append_op *op;
    const factum_append_request *request; /* the op's, or what removal.h makes of it */
};

/* All are called with the lock held. */

/* judge.c */
struct standing fct_memory_stand(const struct memory *memory, factum_slice stream);
bool fct_memory_is_metastream(factum_slice stream);
bool fct_memory_is_metastream_of(factum_slice meta, factum_slice stream);
/* OK: the append is to be written, or recognised if op->result.already. A refusal sets result and
 * err. */
FCT_MUST_USE factum_status fct_memory_judge(const struct append *append);
const struct stored_key *fct_memory_find_key(const struct memory *memory, factum_slice name);
/* Puts the values of event |i| of the append into the op's result and revisions. */
void fct_memory_note(const struct append *append, size_t i, const factum_event *event);

/* write.c */
/* Stores the whole append. Errors: NO_MEMORY (nothing is stored). */
FCT_MUST_USE factum_status fct_memory_write(const struct append *append);
/* Removes the events from index |count| on; |end| is the position of the next one. */
void fct_memory_take_back(struct memory *memory, size_t count, uint64_t end);

/* read.c; |query| is that of FACTUM_SOURCE_QUERY */
bool fct_memory_in_source(const factum_event *event, factum_source source, factum_slice name,
                          const factum_query *query);

/* The operations of the engine; they take the lock. */
FCT_MUST_USE factum_status fct_memory_read(void *self, const factum_read_request *request,
                                           bool follow, struct fct_reader **out, factum_error *err);
FCT_MUST_USE factum_status fct_memory_ask(void *self, factum_question *question, factum_error *err);
FCT_MUST_USE factum_status fct_memory_list(void *self, const factum_list_request *request,
                                           struct fct_lister **out, factum_error *err);

#endif
