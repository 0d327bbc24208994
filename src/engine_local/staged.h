/* staged.h - the heads that streams have after the batch under way. Layer: engine_local.
 *
 * A hash table from stream to head, for the streams that the batch touches. For the append that is
 * being judged, a slot also says which expectation belongs to its stream. Cleared for each batch in
 * O(1). Used by the leader only. Slots are numbers: they stay valid while the table grows.
 */
#ifndef FCT_ENGINE_LOCAL_STAGED_H
#define FCT_ENGINE_LOCAL_STAGED_H

#include "engine_local/heads.h"

struct fct_staged_slot {
    struct fct_head head;
    uint64_t request; /* serial of the request whose members follow */
    uint32_t expectation;
    uint32_t first_event; /* in this stream; valid if event_count > 0 */
    uint32_t last_event;  /* in this stream; valid if event_count > 0 */
    uint32_t event_count; /* in this stream */
    bool changed;         /* the batch changes the head */
};

struct fct_staged {
    const struct fct_mem *mem;
    struct fct_staged_slot *slots;
    uint32_t slot_count;
    uint32_t slot_capacity;
    uint32_t *table;  /* slots, by place */
    uint32_t *stamps; /* table[i] is occupied if stamps[i] == stamp */
    uint32_t stamp;
    uint32_t table_mask; /* number of places - 1 */
};

#define FCT_STAGED_NONE UINT32_MAX

/* False: out of memory; fct_staged_finish frees what was allocated. */
bool fct_staged_init(struct fct_staged *staged, const struct fct_mem *mem);
/* Accepts one that is finished. */
void fct_staged_finish(struct fct_staged *staged);
/* Removes all slots. */
void fct_staged_clear(struct fct_staged *staged);
/* The slot of a stream, or FCT_STAGED_NONE. */
uint32_t fct_staged_find(const struct fct_staged *staged, struct fct_hash128 hash);
/* Adds a slot for a stream that has none. FCT_STAGED_NONE: out of memory; nothing has changed. */
uint32_t fct_staged_add(struct fct_staged *staged, const struct fct_head *head);

#endif
