/* staged.h - how streams will stand after the batch that is being made. Layer: engine_local.
 *
 * A hash table from stream to head for the streams that the batch touches, and, for the request
 * under way, which of its expectations belongs to the stream. Emptied for each batch in O(1). Used
 * by the leader only. Slots are numbers: they stay valid while the table grows.
 */
#ifndef FCT_ENGINE_LOCAL_STAGED_H
#define FCT_ENGINE_LOCAL_STAGED_H

#include "engine_local/heads.h"

struct fct_staged_slot {
    struct fct_head head;
    uint64_t request; /* serial of the request that |expectation| belongs to */
    uint32_t expectation;
    uint32_t first_event; /* of the request, in this stream; valid if written */
    uint32_t last_event;  /* the same */
    uint32_t event_count; /* of the request, in this stream */
    bool changed;         /* the batch writes to it */
};

struct fct_staged {
    const struct fct_mem *mem;
    struct fct_staged_slot *slots;
    uint32_t slot_count;
    uint32_t slot_capacity;
    uint32_t *table;  /* slot + 1, 0: empty; twice the capacity at least */
    uint32_t *stamps; /* table[i] counts only if stamps[i] == stamp */
    uint32_t stamp;
    uint32_t table_mask;
};

bool fct_staged_init(struct fct_staged *staged, const struct fct_mem *mem);
void fct_staged_finish(struct fct_staged *staged);
/* Forgets all slots. */
void fct_staged_clear(struct fct_staged *staged);
#define FCT_STAGED_NONE UINT32_MAX
/* The slot of a stream, or FCT_STAGED_NONE. */
uint32_t fct_staged_find(const struct fct_staged *staged, struct fct_hash128 hash);
/* A new slot for a stream that has none; FCT_STAGED_NONE without memory. */
uint32_t fct_staged_add(struct fct_staged *staged, const struct fct_head *head);

#endif
