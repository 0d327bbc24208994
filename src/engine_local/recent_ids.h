/* recent_ids.h - the newest events by id: event id -> position. Layer: engine_local.
 *
 * Bounded: the newest FCT_RECENT_IDS events (as KurrentDB does; its protocol promises retries with
 * expected revision "any" only within such a window). Ids are kept as 32-bit hashes: an answer is a
 * candidate, and the caller compares the id in the record. Used by the leader only.
 */
#ifndef FCT_ENGINE_LOCAL_RECENT_IDS_H
#define FCT_ENGINE_LOCAL_RECENT_IDS_H

#include <factum/base.h>

#include "core/mem.h"

#define FCT_RECENT_IDS 65536u

struct fct_recent_ids {
    const struct fct_mem *mem;
    uint64_t *positions; /* the ring: FCT_RECENT_IDS entries; NULL: not prepared */
    uint32_t *hashes;    /* of the ids of these entries */
    uint32_t *table;     /* number of an entry + 1, by place; 0: an empty place */
    uint32_t next;       /* the entry that is used next: the oldest of a full ring */
    bool filled;         /* the owner's: the newest events of the log were added */
};

/* Allocates nothing. */
void fct_recent_ids_init(struct fct_recent_ids *recent, const struct fct_mem *mem);
/* Accepts one that is finished. */
void fct_recent_ids_finish(struct fct_recent_ids *recent);
/* Allocates, if that was not done yet; before the first add or next. False: out of memory. */
bool fct_recent_ids_prepare(struct fct_recent_ids *recent);
/* |position| is beyond every position that was added before. */
void fct_recent_ids_add(struct fct_recent_ids *recent, factum_uuid id, uint64_t position);
/* Steps through the positions at which an event may have |id|, in no order; *cursor begins with 0.
 * False: there are no more. */
bool fct_recent_ids_next(const struct fct_recent_ids *recent, factum_uuid id, uint32_t *cursor,
                         uint64_t *position);

#endif
