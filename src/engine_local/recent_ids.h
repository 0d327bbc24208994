/* recent_ids.h - which events were appended lately: event id -> position. Layer: engine_local.
 *
 * Bounded: the newest FCT_RECENT_IDS events (as KurrentDB does; its protocol promises retries with
 * expected revision "any" only within such a window). Ids are kept as 32-bit hashes; the record at
 * the position tells the truth. Used by the leader only.
 */
#ifndef FCT_ENGINE_LOCAL_RECENT_IDS_H
#define FCT_ENGINE_LOCAL_RECENT_IDS_H

#include <factum/base.h>

#include "core/mem.h"

#define FCT_RECENT_IDS 65536u

struct fct_recent_ids {
    const struct fct_mem *mem;
    uint64_t *positions; /* ring of the newest, FCT_RECENT_IDS */
    uint32_t *hashes;    /* of the same */
    uint32_t *table;     /* ring index + 1, 0: empty; twice as many places */
    uint32_t next;
    bool filled; /* holds what the log's tail holds (loaded at first need) */
};

/* Allocates nothing. */
void fct_recent_ids_init(struct fct_recent_ids *recent, const struct fct_mem *mem);
void fct_recent_ids_finish(struct fct_recent_ids *recent);
/* Allocates; false without memory. Must succeed before add and find. */
bool fct_recent_ids_prepare(struct fct_recent_ids *recent);
void fct_recent_ids_add(struct fct_recent_ids *recent, factum_uuid id, uint64_t position);
/* Steps through the positions that |id| may have, in any order: *cursor starts at 0. False at the
 * end. */
bool fct_recent_ids_next(const struct fct_recent_ids *recent, factum_uuid id, uint32_t *cursor,
                         uint64_t *position);

#endif
