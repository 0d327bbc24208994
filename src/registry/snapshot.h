/* snapshot.h - the registry at the moment when it was read. Layer: registry.
 *
 * Invariants:
 *  1. |version_count| and |mode_count| are at most their capacities.
 *  2. |newest_slots| is 0 or a power of two; at most half of the slots are taken.
 *  3. |revision| is that of the last event if |exists|.
 */
#ifndef FCT_REGISTRY_SNAPSHOT_H
#define FCT_REGISTRY_SNAPSHOT_H

#include <factum/registry.h>

#include "core/mem.h"

#define FCT_SNAPSHOT_VERSIONS_MAX 1000000u

struct fct_mode_entry {
    factum_slice subject;
    factum_schema_mode mode;
};

struct factum_schemas {
    const struct fct_mem *mem;
    void *texts; /* linked blocks with the bytes of the slices */
    factum_schema_version *versions;
    size_t version_count;
    size_t version_capacity;
    /* The newest version of each subject: open addressing over the hash of its text. A slot has the
     * version's index plus 1, or 0. */
    uint32_t *newest;
    size_t newest_slots; /* a power of two, or 0 */
    size_t subject_count;
    struct fct_mode_entry *modes; /* the last mode of each subject, unless it is UNSET */
    size_t mode_count;
    size_t mode_capacity;
    bool exists;       /* the stream has events */
    uint64_t revision; /* of the last event, if it exists */
};

/* The newest version of |subject|, or NULL. */
const factum_schema_version *fct_snapshot_newest(const struct factum_schemas *schemas,
                                                 factum_slice subject);

#endif
