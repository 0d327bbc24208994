/* memory_int.h - what the two halves of the memory engine share. Private to engine. */
#ifndef FCT_ENGINE_MEMORY_INT_H
#define FCT_ENGINE_MEMORY_INT_H

#include <stdatomic.h>

#include "core/random.h"
#include "engine/engine.h"
#include "os/thread.h"

struct stored {
    factum_event event; /* slices and tags point into the same block */
    factum_slice tags[];
};

struct stored_key {
    struct fct_hash128 content;
    size_t first; /* index of the commit's first event */
    size_t count;
    size_t len;
    uint8_t name[FACTUM_NAME_SIZE_MAX];
};

struct memory {
    const struct fct_mem *mem;
    const struct fct_os *os;
    struct fct_mutex lock;
    struct stored **events;
    size_t count, capacity;
    struct stored_key **keys;
    size_t key_count, key_capacity;
    int64_t created_last;
    _Atomic uint64_t end;
    _Atomic uint32_t news;
    struct fct_random random;
};

struct standing {
    factum_stream_state state;
    bool has_events; /* beside a tombstone */
    uint64_t last_revision;
    uint64_t last_position;
    bool has_metadata;
    uint64_t metadata_revision;
    struct fct_stream_metadata metadata;
};

/* How a stream stands now, with the lock held. */
struct standing fct_memory_stand(const struct memory *memory, factum_slice stream);
bool fct_memory_is_metastream(factum_slice stream);

/* memory_read.c */
FCT_MUST_USE factum_status fct_memory_read(void *self, const factum_read_request *request,
                                           bool follow, struct fct_reader **out, factum_error *err);
FCT_MUST_USE factum_status fct_memory_list(void *self, factum_list_kind kind,
                                           struct fct_lister **out, factum_error *err);

#endif
